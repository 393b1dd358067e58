/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/vectors.h"

#include "common/threshold.h"

#include <math.h>

static const struct dr_metric metrics[] = {
    {"loss", DR_UNIT_SECONDS, "seconds of commits that would be lost"},
    {"loss_bytes", DR_UNIT_BYTES, "bytes of WAL that would be lost"},
    {"standbys", DR_UNIT_NONE, "standbys that could be promoted"},
};
#define METRICS (sizeof metrics / sizeof metrics[0])

static void check_row(char **column)
{
    const struct dr_metric plain = {"value", DR_UNIT_NONE, "a value"};
    struct dr_threshold threshold = {0};
    enum dr_state state = DR_OK;
    if (strcmp(column[0], "-") != 0)
        assert_true(dr_threshold_set(&plain, 1, &threshold, false, column[0], NULL));
    if (strcmp(column[1], "-") != 0)
        assert_true(dr_threshold_set(&plain, 1, &threshold, true, column[1], NULL));
    assert_true(dr_state_parse(column[3], &state));
    double value = strtod(column[2], NULL);
    enum dr_state got = dr_threshold_judge(&threshold, value);
    if (got != state)
        fail_msg("%s %s with %s: %s", column[0], column[1], column[2], dr_state_name(got));
    char rule[DR_RANGE_TEXT + 16];
    dr_threshold_rule(&plain, &threshold, value, rule, sizeof rule);
    if (state == DR_CRITICAL)
        assert_int_equal(strncmp(rule, "critical ", 9), 0);
    else if (state == DR_WARNING)
        assert_int_equal(strncmp(rule, "warning ", 8), 0);
    else
        assert_string_equal(rule, "");
}

static void test_vectors(void **state)
{
    (void)state;
    assert_in_range(vectors_read("thresholds.tsv", 6, check_row), 30, 1000);
}

static void test_limits_are_set_by_name(void **state)
{
    (void)state;
    struct dr_threshold t[METRICS] = {0};
    struct dr_error error = {0};
    assert_true(dr_threshold_set(metrics, METRICS, t, false, "4m", &error));
    assert_true(dr_threshold_set(metrics, METRICS, t, true, "loss=5m", &error));
    assert_true(dr_threshold_set(metrics, METRICS, t, true, "loss_bytes=16MiB", &error));
    assert_true(dr_threshold_set(metrics, METRICS, t, true, "standbys=1:", &error));
    assert_true(dr_threshold_set(metrics, METRICS, t, true, "standbys=2:", &error));
    assert_true(t[0].warning.given && t[0].critical.given);
    assert_int_equal((int)t[0].warning.range.end, 240);
    assert_int_equal((int)t[0].critical.range.end, 300);
    assert_false(t[1].warning.given);
    assert_int_equal((int)t[1].critical.range.end, 16777216);
    assert_int_equal((int)t[2].critical.range.start, 2);
}

static void refused(const char *argument, const char *expected)
{
    struct dr_threshold t[METRICS] = {0};
    struct dr_error error = {0};
    assert_false(dr_threshold_set(metrics, METRICS, t, true, argument, &error));
    assert_int_equal(error.class, DR_ERR_USAGE);
    if (strstr(error.text, expected) == NULL)
        fail_msg("%s: %s", argument, error.text);
    for (size_t i = 0; i < METRICS; i++)
        assert_false(t[i].warning.given || t[i].critical.given);
}

static void test_what_is_wrong_is_said(void **state)
{
    (void)state;
    refused("lag=5", "unknown metric \"lag\"; the metrics are: loss, loss_bytes, standbys");
    refused("los=5", "unknown metric \"los\"");
    refused("loss_=5", "unknown metric \"loss_\"");
    refused("=5", "unknown metric \"\"");
    refused("LOSS=5", "unknown metric \"LOSS\"");
    refused("loss=", "metric loss: bad range \"\", position 1: a number is missing");
    refused("", "metric loss: bad range \"\", position 1");
    refused("standbys=5m", "metric standbys: bad range \"5m\", position 2");
    refused("loss=1=2", "metric loss: bad range \"1=2\", position 2");
}

static void test_a_long_table_of_metrics_is_cut(void **state)
{
    (void)state;
    struct dr_metric many[DR_METRICS_MAX];
    struct dr_threshold t[DR_METRICS_MAX] = {0};
    struct dr_error error = {0};
    for (size_t i = 0; i < DR_METRICS_MAX; i++)
        many[i] = (struct dr_metric){"a_metric_with_a_name_of_forty_characters", DR_UNIT_NONE, ""};
    assert_false(dr_threshold_set(many, DR_METRICS_MAX, t, true, "x=1", &error));
    assert_non_null(strstr(error.text, "unknown metric \"x\""));
}

static void test_objective(void **state)
{
    (void)state;
    struct dr_threshold t = {0};
    char rule[DR_RANGE_TEXT + 16], text[DR_RANGE_TEXT];
    dr_threshold_from_objective(&t, 312);
    assert_int_equal(dr_threshold_judge(&t, 249.6), DR_OK);
    assert_int_equal(dr_threshold_judge(&t, 249.7), DR_WARNING);
    assert_int_equal(dr_threshold_judge(&t, 312), DR_WARNING);
    assert_int_equal(dr_threshold_judge(&t, 312.1), DR_CRITICAL);
    assert_string_equal(dr_range_perfdata(&t.warning.range, text, sizeof text), "249.6");
    assert_string_equal(dr_threshold_rule(&metrics[0], &t, 400, rule, sizeof rule),
                        "critical above 5m12s");
    assert_string_equal(dr_threshold_rule(&metrics[0], &t, 300, rule, sizeof rule),
                        "warning above 249.6 s");
    assert_string_equal(dr_threshold_rule(&metrics[0], &t, 1, rule, sizeof rule), "");
}

static void test_objective_leaves_given_limits(void **state)
{
    (void)state;
    struct dr_threshold t[METRICS] = {0};
    assert_true(dr_threshold_set(metrics, METRICS, t, true, "10m", NULL));
    dr_threshold_from_objective(&t[0], 60);
    assert_int_equal((int)t[0].critical.range.end, 600);
    assert_int_equal((int)t[0].warning.range.end, 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_limits_are_set_by_name),
        cmocka_unit_test(test_what_is_wrong_is_said),
        cmocka_unit_test(test_a_long_table_of_metrics_is_cut),
        cmocka_unit_test(test_objective),
        cmocka_unit_test(test_objective_leaves_given_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
