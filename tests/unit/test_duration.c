/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/vectors.h"

#include "common/duration.h"

#include <math.h>

static void check_good(char **column)
{
    const char *text = column[0];
    double seconds = 41, back = 41;
    struct dr_error error = {0};
    char buffer[DR_DURATION_TEXT];
    if (!dr_duration_parse(text, &seconds, &error))
        fail_msg("\"%s\" is refused: %s", text, error.text);
    double expected = strtod(column[2], NULL);
    if (expected < seconds || expected > seconds)
        fail_msg("\"%s\": %.17g instead of %.17g", text, seconds, expected);
    assert_string_equal(dr_duration_format(seconds, buffer, sizeof buffer), column[3]);
    dr_duration_format_exact(seconds, buffer, sizeof buffer);
    assert_string_equal(buffer, column[4]);
    char *blank = strchr(buffer, ' ');
    if (blank != NULL)
        memmove(blank, blank + 1, strlen(blank));
    assert_true(dr_duration_parse(buffer, &back, &error));
    assert_false(back < seconds || back > seconds);
}

static void check_bad(char **column)
{
    double seconds = 41;
    struct dr_error error = {0};
    if (dr_duration_parse(column[0], &seconds, &error))
        fail_msg("\"%s\" is taken", column[0]);
    assert_int_equal(error.class, DR_ERR_USAGE);
    if (!vector_error_is(error.text, column[2], column[3]))
        fail_msg("\"%s\": wrong error: %s", column[0], error.text);
    assert_false(seconds < 41 || seconds > 41);
}

static void check_row(char **column)
{
    column[0] = vector_unquote(column[0]);
    if (strcmp(column[1], "ok") == 0)
        check_good(column);
    else if (strcmp(column[1], "bad") == 0)
        check_bad(column);
    else
        fail_msg("neither ok nor bad: %s", column[1]);
}

static void test_vectors(void **state)
{
    (void)state;
    assert_in_range(vectors_read("durations.tsv", 5, check_row), 60, 1000);
}

static void test_any_value_is_written(void **state)
{
    (void)state;
    const struct {
        double seconds;
        const char *text;
    } rows[] = {{-252, "-4m12s"},           {-0.4, "-0.4 s"},
                {-0.0001, "0 s"},           {NAN, "unknown"},
                {INFINITY, "unknown"},      {-INFINITY, "unknown"},
                {1e300, "over 1000 years"}, {-1e300, "-over 1000 years"},
                {31557600000, "365250d"}};
    char buffer[DR_DURATION_TEXT];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(dr_duration_format(rows[i].seconds, buffer, sizeof buffer),
                            rows[i].text);
    assert_string_equal(dr_duration_format_exact(-1000000.999999, buffer, sizeof buffer),
                        "-1000000.999999 s");
    assert_string_equal(dr_duration_format(252, buffer, 3), "4m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_any_value_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
