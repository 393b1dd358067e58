/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/vectors.h"

#include "common/range.h"
#include "tests/unit/locale.h"

#include <math.h>

static enum dr_unit unit_of(const char *name)
{
    static const char *const names[] = {"none", "seconds", "bytes", "percent", "counter"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0)
            return (enum dr_unit)i;
    }
    fail_msg("no unit: %s", name);
    return DR_UNIT_NONE;
}

static void same_number(const char *text, double expected, double got)
{
    if (expected < got || expected > got || isnan(got))
        fail_msg("\"%s\": %.17g instead of %.17g", text, got, expected);
}

static void check_values(const char *text, const struct dr_range *range, const char *list,
                         bool alerts)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", list);
    if (strcmp(list, "-") == 0)
        return;
    for (char *at = strtok(copy, ","); at != NULL; at = strtok(NULL, ",")) {
        if (dr_range_alerts(range, strtod(at, NULL)) != alerts)
            fail_msg("\"%s\" with %s: %s", text, at, alerts ? "no alert" : "an alert");
    }
}

static void check_good(char **column)
{
    const char *text = column[0];
    enum dr_unit unit = unit_of(column[1]);
    struct dr_range range = {0}, back = {0};
    struct dr_error error = {0};
    char buffer[DR_RANGE_TEXT];
    if (!dr_range_parse(text, unit, &range, &error))
        fail_msg("\"%s\" is refused: %s", text, error.text);
    same_number(text, strtod(column[3], NULL), range.start);
    same_number(text, strtod(column[4], NULL), range.end);
    assert_int_equal(range.inside, strcmp(column[5], "inside") == 0);
    check_values(text, &range, column[6], false);
    check_values(text, &range, column[7], true);
    assert_string_equal(dr_range_perfdata(&range, buffer, sizeof buffer), column[8]);
    assert_true(dr_range_parse(buffer, DR_UNIT_NONE, &back, &error));
    same_number(buffer, range.start, back.start);
    same_number(buffer, range.end, back.end);
    assert_int_equal(range.inside, back.inside);
    double broken = strcmp(column[7], "-") == 0 ? 0 : strtod(column[7], NULL);
    const char *rule = dr_range_rule(&range, unit, broken, buffer, sizeof buffer);
    if (range.start < 0 || range.start > 0 || range.inside || !(broken < 0))
        assert_string_equal(rule, column[9]);
}

static void check_bad(char **column)
{
    struct dr_range range = {.start = 41, .end = 42, .inside = true};
    struct dr_error error = {0};
    if (dr_range_parse(column[0], unit_of(column[1]), &range, &error))
        fail_msg("\"%s\" is taken", column[0]);
    assert_int_equal(error.class, DR_ERR_USAGE);
    if (!vector_error_is(error.text, column[3], column[4]))
        fail_msg("\"%s\": wrong error: %s", column[0], error.text);
    same_number(column[0], 41, range.start);
    same_number(column[0], 42, range.end);
    assert_true(range.inside);
    assert_false(dr_range_parse(column[0], unit_of(column[1]), &range, NULL));
}

static void check_row(char **column)
{
    column[0] = vector_unquote(column[0]);
    if (strcmp(column[2], "ok") == 0)
        check_good(column);
    else if (strcmp(column[2], "bad") == 0)
        check_bad(column);
    else
        fail_msg("neither ok nor bad: %s", column[2]);
}

static void test_vectors(void **state)
{
    (void)state;
    assert_in_range(vectors_read("ranges.tsv", 12, check_row), 100, 1000);
}

static void test_the_locale_does_not_matter(void **state)
{
    (void)state;
    if (!test_locale_begin("de_DE")) {
        print_message("no localedef or no source of de_DE here: not tested\n");
        skip();
    }
    char comma[8];
    snprintf(comma, sizeof comma, "%.1f", 0.5);
    assert_string_equal(comma, "0,5");
    struct dr_range range = {0};
    char buffer[DR_RANGE_TEXT];
    assert_true(dr_range_parse("-5.5:1.25", DR_UNIT_NONE, &range, NULL));
    same_number("-5.5", -5.5, range.start);
    same_number("1.25", 1.25, range.end);
    assert_string_equal(dr_range_perfdata(&range, buffer, sizeof buffer), "-5.5:1.25");
    assert_false(dr_range_parse("1,5", DR_UNIT_NONE, &range, NULL));
    assert_string_equal(dr_unit_format(DR_UNIT_PERCENT, 99.5, buffer, sizeof buffer), "99.5 %");
    assert_string_equal(dr_unit_format(DR_UNIT_SECONDS, 0.4, buffer, sizeof buffer), "0.4 s");
    assert_string_equal(dr_unit_format(DR_UNIT_BYTES, 22794960, buffer, sizeof buffer), "22.8 MB");
    assert_true(dr_range_parse("1.5h", DR_UNIT_SECONDS, &range, NULL));
    same_number("1.5h", 5400, range.end);
    test_locale_end();
}

static void check_rule(const char *text, enum dr_unit unit, double value, const char *expected)
{
    struct dr_range range = {0};
    char buffer[DR_RANGE_TEXT];
    assert_true(dr_range_parse(text, unit, &range, NULL));
    assert_string_equal(dr_range_rule(&range, unit, value, buffer, sizeof buffer), expected);
}

static void test_rule_names_the_broken_side(void **state)
{
    (void)state;
    check_rule("5m", DR_UNIT_SECONDS, 301, "above 5m");
    check_rule("5m", DR_UNIT_SECONDS, 12, "above 5m");
    check_rule("5m", DR_UNIT_SECONDS, -3, "outside 0 s..5m");
    check_rule("5", DR_UNIT_NONE, NAN, "above 5");
    check_rule("2:", DR_UNIT_NONE, 1, "below 2");
    check_rule("1:5", DR_UNIT_NONE, 9, "outside 1..5");
    check_rule("@3:4", DR_UNIT_NONE, 3, "inside 3..4");
    /* rounded, the limit would be 1d1h, and a value of 1d1h1m would seem to break nothing */
    check_rule("90061", DR_UNIT_SECONDS, 90062, "above 1d1h1m1s");
}

static void test_perfdata_that_does_not_fit_is_empty(void **state)
{
    (void)state;
    const struct dr_range range = {.start = 12345, .end = 67890};
    char buffer[12];
    assert_string_equal(dr_range_perfdata(&range, buffer, 11), "");
    assert_string_equal(dr_range_perfdata(&range, buffer, 12), "12345:67890");
}

static void test_the_widest_texts_fit(void **state)
{
    (void)state;
    struct dr_range range = {0};
    char text[160], buffer[DR_RANGE_TEXT], digits[61];
    memset(digits, '0', 60);
    digits[60] = '\0';
    snprintf(text, sizeof text, "@-1.%s7:1.%s9", digits, digits);
    assert_true(dr_range_parse(text, DR_UNIT_NONE, &range, NULL));
    snprintf(text, sizeof text, "@-0.%s17:0.%s19", digits, digits);
    assert_true(dr_range_parse(text, DR_UNIT_NONE, &range, NULL));
    assert_string_equal(dr_range_perfdata(&range, buffer, sizeof buffer), text);
    snprintf(text, sizeof text, "inside -0.%s17..0.%s19", digits, digits);
    assert_string_equal(dr_range_rule(&range, DR_UNIT_NONE, 0, buffer, sizeof buffer), text);
}

static void test_units_are_written_for_people(void **state)
{
    (void)state;
    char buffer[DR_UNIT_TEXT];
    const struct {
        enum dr_unit unit;
        double value;
        const char *text;
    } rows[] = {
        {DR_UNIT_SECONDS, 252, "4m12s"},
        {DR_UNIT_SECONDS, -252, "-4m12s"},
        {DR_UNIT_SECONDS, 0, "0 s"},
        {DR_UNIT_BYTES, 22794960, "22.8 MB"},
        {DR_UNIT_BYTES, 1e300, "9.22 EB"},
        {DR_UNIT_BYTES, -1e300, "-9.22 EB"},
        {DR_UNIT_BYTES, -1500, "-1.5 kB"},
        {DR_UNIT_PERCENT, 81, "81 %"},
        {DR_UNIT_PERCENT, 99.99, "99.99 %"},
        {DR_UNIT_NONE, 3, "3"},
        {DR_UNIT_NONE, -0.0, "0"},
        {DR_UNIT_NONE, 0.3333333, "0.333"},
        {DR_UNIT_COUNTER, 1e21, "1000000000000000000000"},
        {DR_UNIT_NONE, NAN, "unknown"},
        {DR_UNIT_BYTES, NAN, "unknown"},
        {DR_UNIT_SECONDS, INFINITY, "unknown"},
        {DR_UNIT_BYTES, -INFINITY, "unknown"},
        {DR_UNIT_SECONDS, 1e300, "over 1000 years"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(dr_unit_format(rows[i].unit, rows[i].value, buffer, sizeof buffer),
                            rows[i].text);
}

static void test_error_is_bounded_and_clean(void **state)
{
    (void)state;
    struct dr_range range = {0};
    struct dr_error error = {0};
    char text[5000];
    memset(text, '9', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_false(dr_range_parse(text, DR_UNIT_NONE, &range, &error));
    assert_non_null(strstr(error.text, "...\", position 1: a number of more than 64"));
    assert_false(dr_range_parse("1:\n\x01\xff", DR_UNIT_NONE, &range, &error));
    assert_null(strpbrk(error.text, "\n\x01"));
    assert_non_null(strstr(error.text, "position 3: a number must stand here, not the byte 0x0a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_the_locale_does_not_matter),
        cmocka_unit_test(test_rule_names_the_broken_side),
        cmocka_unit_test(test_perfdata_that_does_not_fit_is_empty),
        cmocka_unit_test(test_the_widest_texts_fit),
        cmocka_unit_test(test_units_are_written_for_people),
        cmocka_unit_test(test_error_is_bounded_and_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
