/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a shared access signature says of itself. */
#include "common/client/azure_sas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1795190400.0 /* 2026-11-20T16:00:00Z */

static const struct dr_azure_sas_use blob = {
    .service = "b", .resource = "cd", .words = "a container", .tls = true};
static const struct dr_azure_sas_use plain = {
    .service = "b", .resource = "cd", .words = "a container", .tls = false};

static const struct {
    const char *query; /* without sv= and sig= */
    const struct dr_azure_sas_use *use;
    enum dr_error_class class; /* DR_ERR_NONE: it fits */
    const char *says;
} table[] = {
    {"sr=c&sp=rl&se=2026-11-21T00:00:00Z", &blob, DR_ERR_NONE, NULL},
    {"sr=d&sdd=1&sp=rl&se=2026-11-21T00:00:00Z", &blob, DR_ERR_NONE, NULL},
    {"sr=c&si=policy", &blob, DR_ERR_NONE, NULL},
    {"ss=bf&srt=sco&sp=rl&se=2026-11-21", &blob, DR_ERR_NONE, NULL},
    /* expired, and what Azure's own clock is left to judge */
    {"sr=c&sp=rl&se=2026-11-17T16:00:00Z", &blob, DR_ERR_AUTH, "expired 3d ago"},
    {"sr=c&sp=rl&se=2026-11-20T15:58:00Z", &blob, DR_ERR_NONE, NULL},
    {"sr=c&sp=rl&se=2026-11-20T15:50:00Z", &blob, DR_ERR_AUTH, "expired 10m ago"},
    {"sr=c&sp=rl&se=2026-12-01T00:00:00Z&skoid=a&ske=2026-11-18T16:00:00Z", &blob, DR_ERR_AUTH,
     "expired 2d ago"},
    {"sr=c&sp=rl&se=2026-11-18T16%3A00%3A00Z&skoid=a&ske=2026-12-01T00:00:00Z", &blob, DR_ERR_AUTH,
     "expired 2d ago"},
    /* still to come */
    {"sr=c&sp=rl&st=2026-11-20T18:00:00Z&se=2026-11-21T00:00:00Z", &blob, DR_ERR_AUTH,
     "begins in 2h"},
    {"sr=c&sp=rl&st=2026-11-20T16:01:00Z&se=2026-11-21T00:00:00Z", &blob, DR_ERR_NONE, NULL},
    /* what it allows */
    {"sr=c&sp=r&se=2026-11-21T00:00:00Z", &blob, DR_ERR_PRIVILEGE, "sp= has no l"},
    {"sr=b&sp=rl&se=2026-11-21T00:00:00Z", &blob, DR_ERR_PRIVILEGE, "not for a container"},
    {"ss=fq&srt=sco&sp=rl&se=2026-11-21T00:00:00Z", &blob, DR_ERR_PRIVILEGE, "ss= has no b"},
    {"ss=b&srt=so&sp=rl&se=2026-11-21T00:00:00Z", &blob, DR_ERR_PRIVILEGE, "srt= has no c"},
    {"sr=c&sp=rl&spr=https&se=2026-11-21T00:00:00Z", &blob, DR_ERR_NONE, NULL},
    {"sr=c&sp=rl&spr=https&se=2026-11-21T00:00:00Z", &plain, DR_ERR_PRIVILEGE, "https only"},
    {"sr=c&sp=rl&spr=https%2Chttp&se=2026-11-21T00:00:00Z", &plain, DR_ERR_NONE, NULL},
};

static void what_it_allows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[300];
        struct dr_azure_sas sas;
        struct dr_error error = {.class = DR_ERR_NONE};
        snprintf(text, sizeof text, "?sv=2022-11-02&%s&sig=c2VjcmV0", table[i].query);
        assert_true(dr_azure_read_sas(text, &sas, &error));
        bool fits = dr_azure_sas_fits(&sas, table[i].use, NOW, &error);
        if (fits != (table[i].class == DR_ERR_NONE) || error.class != table[i].class ||
            (!fits && strstr(error.text, table[i].says) == NULL))
            fail_msg("%s: %s", table[i].query, error.text);
        assert_null(strstr(error.text, "c2VjcmV0"));
    }
}

static void when_it_ends(void **state)
{
    struct dr_azure_sas sas;
    (void)state;
    assert_true(dr_azure_read_sas("sv=1&sig=a&se=2026-11-20T16:00:00Z", &sas, NULL));
    assert_true(sas.expiry.known && sas.expiry.value == NOW);
    assert_true(dr_azure_read_sas("sv=1&sig=a&ske=2026-11-20T16:00:00Z&se=2027-01-01", &sas, NULL));
    assert_true(sas.expiry.known && sas.expiry.value == NOW);
    assert_true(dr_azure_read_sas("sv=1&sig=a&si=policy", &sas, NULL));
    assert_false(sas.expiry.known);
}

static void values_of_a_query(void **state)
{
    char value[16];
    (void)state;
    assert_true(dr_azure_query_value("a=1&b=x%2Fy", "b", value, sizeof value));
    assert_string_equal(value, "x/y");
    assert_false(dr_azure_query_value("ab=1", "b", value, sizeof value));
    assert_false(dr_azure_query_value("a=&b=1", "a", value, sizeof value));
    assert_false(dr_azure_query_value("a=x%00y", "a", value, sizeof value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_allows),
        cmocka_unit_test(when_it_ends),
        cmocka_unit_test(values_of_a_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
