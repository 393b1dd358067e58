/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/azure_targets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct dr_scheme schemes[] = {
    {"postgresql", "postgresql", "libpq5", true},
    {"azure-storage", "azure", "libcurl4", false},
};

static int set_up(void **state)
{
    struct dr_targets *targets = calloc(1, sizeof *targets);
    targets->secrets = dr_secrets_new();
    *state = targets;
    return 0;
}

static int tear_down(void **state)
{
    struct dr_targets *targets = *state;
    struct dr_secrets *secrets = targets->secrets;
    dr_targets_free(targets);
    dr_secrets_free(secrets);
    free(targets);
    return 0;
}

static void add(struct dr_targets *targets, const char *text)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    char *argument = strdup(text);
    assert_true(dr_targets_add(targets, schemes, 2, argument, &error));
    free(argument);
}

static void assert_target(const struct dr_targets *targets, size_t which, const char *label,
                          const char *service)
{
    assert_true(which < targets->count);
    assert_string_equal(targets->items[which].label, label);
    const char *value = dr_uri_param(&targets->items[which].uri, "services");
    if (service == NULL)
        assert_null(value);
    else
        assert_string_equal(value, service);
}

static void each_service_is_a_target(void **state)
{
    struct dr_targets *targets = *state;
    struct dr_error error = {.class = DR_ERR_NONE};
    add(targets, "postgresql://db1/postgres");
    add(targets, "azure-storage://:s3cret@acct?sas_file=/x");
    add(targets, "prod=azure-storage://other?services=table,blob");
    add(targets, "azure-storage://third?subscription=s&resource_group=r");
    add(targets, "postgresql://db2/postgres");
    assert_true(azure_expand_targets(targets, &error));
    assert_int_equal(targets->count, 8);
    assert_target(targets, 0, "db1", NULL);
    assert_target(targets, 1, "acct-blob", "blob");
    assert_target(targets, 2, "acct-queue", "queue");
    assert_target(targets, 3, "acct-table", "table");
    assert_target(targets, 4, "prod-blob", "blob");
    assert_target(targets, 5, "prod-table", "table");
    assert_target(targets, 6, "third", NULL);
    assert_target(targets, 7, "db2", NULL);
    for (size_t i = 1; i <= 3; i++) {
        assert_string_equal(targets->items[i].password, "s3cret");
        assert_string_equal(targets->items[i].uri.hosts[0].name, "acct");
        assert_string_equal(dr_uri_param(&targets->items[i].uri, "sas_file"), "/x");
        assert_int_equal(targets->items[i].uri.param_count, 2);
    }
    assert_true(targets->items[4].named);
    assert_true(dr_targets_settle(targets, &error));
}

static void the_same_account_twice_needs_names(void **state)
{
    struct dr_targets *targets = *state;
    struct dr_error error = {.class = DR_ERR_NONE};
    add(targets, "azure-storage://acct?services=blob");
    add(targets, "azure-storage://acct?services=blob,queue");
    assert_true(azure_expand_targets(targets, &error));
    assert_false(dr_targets_settle(targets, &error));
    assert_non_null(strstr(error.text, "acct-blob"));
}

static void lists_that_are_refused(void **state)
{
    struct dr_targets *targets = *state;
    static const char *const lists[] = {"",          "file", "blob,", ",blob",
                                        "blob,blob", "Blob", "blobs", "blob table"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct dr_error error = {.class = DR_ERR_NONE};
        char text[100];
        snprintf(text, sizeof text, "azure-storage://acct?services=%s", lists[i]);
        add(targets, text);
        assert_false(azure_expand_targets(targets, &error));
        assert_int_equal(error.class, DR_ERR_USAGE);
        assert_int_equal(targets->count, 1);
        dr_targets_free(targets);
    }
}

static void too_many(void **state)
{
    struct dr_targets *targets = *state;
    struct dr_error error = {.class = DR_ERR_NONE};
    for (size_t i = 0; i < 22; i++) {
        char text[100];
        snprintf(text, sizeof text, "azure-storage://acct%zu", i);
        add(targets, text);
    }
    assert_false(azure_expand_targets(targets, &error));
    assert_non_null(strstr(error.text, "more than 64 targets"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_service_is_a_target),
        TEST(the_same_account_twice_needs_names),
        TEST(lists_that_are_refused),
        TEST(too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
