/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots of Elasticsearch and OpenSearch: lists, the catalogue, policies, names. */
#include "plugins/backups/snapshots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1714644000.0 /* 2024-05-02T10:00:00Z */
#define TIMES "\"start_time_in_millis\":1714615200000,\"end_time_in_millis\":1714615800000"
#define SHARDS(total, failed, successful)                                                          \
    "\"shards\":{\"total\":" #total ",\"failed\":" #failed ",\"successful\":" #successful "}"

static const struct bak_request request = {.now = NOW, .window = 604800};

static void test_states(void **state)
{
    static const struct {
        const char *text;
        enum bak_status wanted;
        const char *why; /* NULL: none */
    } rows[] = {
        {"\"state\":\"SUCCESS\"," TIMES "," SHARDS(3, 0, 3), BAK_COMPLETE, NULL},
        {"\"state\":\"SUCCESS\"," TIMES "," SHARDS(3, 0, 2), BAK_PARTIAL, "2 of 3 shards"},
        {"\"state\":\"SUCCESS\"," TIMES "," SHARDS(3, 1, 2), BAK_PARTIAL, "1 of 3 shards failed"},
        {"\"state\":\"SUCCESS\"," TIMES "," SHARDS(0, 0, 0), BAK_PARTIAL, "no shards"},
        {"\"state\":\"SUCCESS\"," TIMES, BAK_UNSEEN, "no count of shards"},
        {"\"state\":\"SUCCESS\"," SHARDS(3, 0, 3), BAK_UNSEEN, "no start time"},
        {"\"state\":\"SUCCESS\",\"start_time_in_millis\":1714615200000," SHARDS(3, 0, 3),
         BAK_UNSEEN, "no end time"},
        {"\"state\":\"success\"," TIMES "," SHARDS(3, 0, 3), BAK_UNSEEN, "not known here"},
        {TIMES "," SHARDS(3, 0, 3), BAK_UNSEEN, "not known here"},
        {"\"state\":\"PARTIAL\"," TIMES "," SHARDS(3, 1, 2), BAK_PARTIAL, "1 of 3 shards failed"},
        {"\"state\":\"FAILED\",\"reason\":\"oops\"," TIMES, BAK_FAILED, "FAILED: oops"},
        {"\"state\":\"INCOMPATIBLE\"", BAK_FAILED, "INCOMPATIBLE"},
        {"\"state\":\"IN_PROGRESS\",\"end_time_in_millis\":0", BAK_RUNNING, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bak_facts facts = {.product = BAK_ELASTICSEARCH};
        struct es_snapshots list = {.items = NULL};
        struct dr_error error = {.class = DR_ERR_NONE};
        char text[600];
        snprintf(text, sizeof text, "{\"snapshots\":[{\"snapshot\":\"s1\",%s}]}", rows[i].text);
        if (!es_read_snapshots(text, &list, &error))
            fail_msg("row %zu: %s", i, error.text);
        es_add_snapshots(&facts, &list, &request);
        const struct bak_point *point = &facts.series[0].points[0];
        if (point->status != rows[i].wanted || (point->why == NULL) != (rows[i].why == NULL) ||
            (rows[i].why != NULL && strstr(point->why, rows[i].why) == NULL))
            fail_msg("row %zu: %d %s", i, (int)point->status, point->why);
        assert_int_equal(point->proof == BAK_WELLFORMED, point->status == BAK_COMPLETE);
        free(list.items);
        bak_facts_free(&facts);
    }
}

static void test_no_lists(void **state)
{
    static const char *const rows[] = {"",
                                       "[]",
                                       "{}",
                                       "{\"snapshots\":{}}",
                                       "{\"snapshots\":null}",
                                       "{\"snapshots\":[{}]}",
                                       "{\"snapshots\":[1]}",
                                       "{\"snapshots\":[{\"snapshot\":\"\"}]}",
                                       "{\"snapshots\":[]",
                                       "{\"snapshots\":[]} x",
                                       "{\"responses\":[]}"};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct es_snapshots list = {.items = NULL};
        struct dr_error error = {.class = DR_ERR_NONE};
        if (es_read_snapshots(rows[i], &list, &error))
            fail_msg("%s", rows[i]);
        assert_int_equal(error.class, DR_ERR_PROTOCOL);
        assert_false(es_read_catalogue(rows[i], &list, NULL));
        free(list.items);
    }
}

static void test_catalogue(void **state)
{
    struct es_snapshots list = {.items = NULL};
    (void)state;
    assert_true(es_read_catalogue(
        "{\"min_version\":\"7.12.0\",\"snapshots\":[{\"name\":\"a\",\"uuid\":\"u\",\"state\":1,"
        "\"start_time_millis\":1714615200000,\"end_time_millis\":1714615800000,\"version\":"
        "\"8.1.0\",\"slm_policy\":\"nightly\"},{\"name\":\"b\",\"uuid\":\"v\",\"state\":9}],"
        "\"indices\":{}}",
        &list, NULL));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].state, "SUCCESS");
    assert_string_equal(list.items[0].policy, "nightly");
    assert_true(list.items[0].started.value == 1714615200.0);
    assert_string_equal(list.items[1].state, "");
    assert_false(list.items[1].started.known);
    assert_false(list.detailed);
    free(list.items);
    list = (struct es_snapshots){.items = NULL};
    assert_false(es_read_catalogue("{\"snapshots\":[]}", &list, NULL));
    assert_false(
        es_read_catalogue("{\"snapshots\":[{\"name\":\"a\"}],\"indices\":{}}", &list, NULL));
    free(list.items);
}

static void test_names(void **state)
{
    static const char *const names[] = {"n-1", "n-2", "n-3", "x", "m-7", "m-8", "n-4"};
    static const char *const kept[] = {"m-7", "m-8", "n-3", "n-4", "x"};
    struct es_snapshots list = {.items = NULL};
    char text[600] = "{\"snapshots\":[";
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s{\"snapshot\":\"%s\"}",
                 i > 0 ? "," : "", names[i]);
    snprintf(text + strlen(text), sizeof text - strlen(text), "]}");
    assert_true(es_read_snapshots(text, &list, NULL));
    es_keep_last(&list, 2);
    assert_int_equal(list.count, COUNT(kept));
    for (size_t i = 0; i < COUNT(kept); i++)
        assert_string_equal(list.items[i].name, kept[i]);
    free(list.items);
}

static void test_policy(void **state)
{
    static const char text[] =
        "{\"nightly\":{\"version\":1,\"policy\":{\"schedule\":\"0 30 1 * * ?\",\"repository\":"
        "\"s3\"},\"last_success\":{\"snapshot_name\":\"a\",\"time\":1714615200000},"
        "\"last_failure\":{\"snapshot_name\":\"b\",\"time\":1714625200000,\"details\":\"x\"},"
        "\"next_execution_millis\":1714650000000}}";
    struct es_policy policy;
    (void)state;
    assert_true(es_read_policy(text, "nightly", &policy, NULL));
    assert_string_equal(policy.repository, "s3");
    assert_string_equal(policy.failed, "b");
    assert_true(policy.failure.value > policy.success.value);
    struct bak_facts facts = {.product = BAK_ELASTICSEARCH};
    es_add_policy(&facts, &policy, "s3", NOW);
    assert_int_equal(facts.series[0].sign_count, 1);
    assert_int_equal(facts.series[0].signs[0].kind, BAK_SCHEDULE_FAILING);
    assert_true(facts.series[0].period.value == 86400);
    bak_facts_free(&facts);
    assert_false(es_read_policy(text, "weekly", &policy, NULL));
    assert_false(es_read_policy("{", "nightly", &policy, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),    cmocka_unit_test(test_no_lists),
        cmocka_unit_test(test_catalogue), cmocka_unit_test(test_names),
        cmocka_unit_test(test_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
