/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/perfdata.h"

#include "tests/unit/locale.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void numbers_are_plain(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-1, "-1"},
        {10, "10"},
        {100, "100"},
        {-10, "-10"},
        {12.5, "12.5"},
        {-0.5, "-0.5"},
        {0.1, "0.1"},
        {0.000001, "0.000001"},
        {0.0000004, "0"},
        {-0.0000004, "0"},
        {0.9999999, "1"},
        {1.0000001, "1"},
        {123456.789012, "123456.789012"},
        {0.0625, "0.0625"},
        {1e15, "1000000000000000"},
        {9007199254740993.0, "9007199254740992"},
        {9223372036854775807.0, "9223372036854775808"},
        {-9223372036854775807.0, "-9223372036854775808"},
        {DR_FIGURE_MAX, "10000000000000000000"},
        {-DR_FIGURE_MAX, "-10000000000000000000"},
        {NAN, ""},
        {INFINITY, ""},
        {-INFINITY, ""},
        {DBL_MAX, ""},
        {DBL_MIN, "0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buffer[DR_NUMBER_SIZE];
        assert_string_equal(dr_number_format(cases[i].value, buffer, sizeof buffer), cases[i].text);
    }
}

static void a_number_that_does_not_fit_is_left_out(void **state)
{
    (void)state;
    char buffer[5];
    assert_string_equal(dr_number_format(1234, buffer, sizeof buffer), "1234");
    assert_string_equal(dr_number_format(12345, buffer, sizeof buffer), "");
    assert_string_equal(dr_number_format(12.25, buffer, sizeof buffer), "");
    assert_string_equal(dr_number_format(1, buffer, 1), "");
    char large[400];
    assert_int_equal(strlen(dr_number_format(DBL_MAX, large, sizeof large)), 309);
}

static void assert_item(const struct dr_figure *figure, const char *want)
{
    struct dr_buffer out = DR_BUFFER(1000);
    dr_perfdata_add(&out, figure);
    assert_string_equal(dr_buffer_text(&out), want);
    dr_buffer_free(&out);
}

static char label[] = "loss";

static void units(void **state)
{
    (void)state;
    static const struct {
        enum dr_unit unit;
        const char *item;
    } cases[] = {
        {DR_UNIT_NONE, "loss=12.5"},     {DR_UNIT_SECONDS, "loss=12.5s"},
        {DR_UNIT_BYTES, "loss=12.5B"},   {DR_UNIT_PERCENT, "loss=12.5%"},
        {DR_UNIT_COUNTER, "loss=12.5c"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dr_figure figure = {.label = label, .unit = cases[i].unit, .value = 12.5};
        assert_item(&figure, cases[i].item);
    }
}

static struct dr_limit limit(double start, double end)
{
    return (struct dr_limit){.given = true, .range = {.start = start, .end = end}};
}

static void fields_are_filled_without_trailing_semicolons(void **state)
{
    (void)state;
    struct dr_figure figure = {.label = label, .unit = DR_UNIT_SECONDS, .value = 7};
    assert_item(&figure, "loss=7s");
    figure.threshold.warning = limit(0, 240);
    assert_item(&figure, "loss=7s;240");
    figure.threshold.critical = limit(0, 300);
    assert_item(&figure, "loss=7s;240;300");
    figure.minimum = dr_real(0);
    assert_item(&figure, "loss=7s;240;300;0");
    figure.maximum = dr_real(1000.5);
    assert_item(&figure, "loss=7s;240;300;0;1000.5");
    figure.minimum.known = false;
    assert_item(&figure, "loss=7s;240;300;;1000.5");
    figure.threshold.warning.given = false;
    assert_item(&figure, "loss=7s;;300;;1000.5");
    figure.threshold.critical = limit(2, INFINITY);
    figure.maximum.known = false;
    assert_item(&figure, "loss=7s;;2:");
}

static void a_comma_locale_changes_nothing(void **state)
{
    if (!test_locale_begin("de_DE")) {
        print_message("no localedef or no source of de_DE here: not tested\n");
        skip();
    }
    char proof[8];
    snprintf(proof, sizeof proof, "%.1f", 0.5);
    assert_string_equal(proof, "0,5");
    numbers_are_plain(state);
    a_number_that_does_not_fit_is_left_out(state);
    units(state);
    fields_are_filled_without_trailing_semicolons(state);
    test_locale_end();
}

/* The decimal point of Pashto is of two bytes. */
static void a_wide_point_changes_nothing(void **state)
{
    if (!test_locale_begin("ps_AF")) {
        print_message("no localedef or no source of ps_AF here: not tested\n");
        skip();
    }
    char proof[8];
    snprintf(proof, sizeof proof, "%.1f", 0.5);
    assert_string_equal(proof, "0\xd9\xab"
                               "5");
    numbers_are_plain(state);
    test_locale_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_plain),
        cmocka_unit_test(a_number_that_does_not_fit_is_left_out),
        cmocka_unit_test(units),
        cmocka_unit_test(fields_are_filled_without_trailing_semicolons),
        cmocka_unit_test(a_comma_locale_changes_nothing),
        cmocka_unit_test(a_wide_point_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
