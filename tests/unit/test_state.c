/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/state.h"

#include "tests/unit/locale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const enum dr_state by_severity[] = {DR_OK, DR_WARNING, DR_UNKNOWN, DR_CRITICAL};

static void the_numbers_are_the_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(DR_OK, 0);
    assert_int_equal(DR_WARNING, 1);
    assert_int_equal(DR_CRITICAL, 2);
    assert_int_equal(DR_UNKNOWN, 3);
}

static void the_worse_of_any_two(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            enum dr_state worse = by_severity[i > j ? i : j];
            assert_int_equal(dr_state_worst(by_severity[i], by_severity[j]), worse);
            assert_int_equal(dr_state_is_worse(by_severity[i], by_severity[j]), i > j);
        }
    }
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(dr_state_name(DR_OK), "OK");
    assert_string_equal(dr_state_name(DR_WARNING), "WARNING");
    assert_string_equal(dr_state_name(DR_CRITICAL), "CRITICAL");
    assert_string_equal(dr_state_name(DR_UNKNOWN), "UNKNOWN");
    assert_string_equal(dr_state_name((enum dr_state)4), "UNKNOWN");
    assert_string_equal(dr_state_name((enum dr_state) - 1), "UNKNOWN");
}

static void names_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int state; /* -1: refused */
    } cases[] = {
        {"ok", 0},      {"OK", 0},   {"Warning", 1}, {"CRITICAL", 2}, {"critical", 2},
        {"unknown", 3}, {"0", 0},    {"1", 1},       {"2", 2},        {"3", 3},
        {"4", -1},      {"-1", -1},  {"", -1},       {"crit", -1},    {"criticals", -1},
        {" ok", -1},    {"ok ", -1}, {"00", -1},     {"2x", -1},      {"DEPENDENT", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum dr_state read = DR_WARNING;
        bool ok = dr_state_parse(cases[i].text, &read);
        assert_int_equal(ok, cases[i].state >= 0);
        assert_int_equal(read, ok ? cases[i].state : DR_WARNING);
    }
}

/* In Turkish "i" is not the small letter of "I". */
static void names_are_read_in_any_locale(void **state)
{
    if (!test_locale_begin("tr_TR")) {
        print_message("no localedef or no source of tr_TR here: not tested\n");
        skip();
    }
    names_are_read(state);
    test_locale_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_numbers_are_the_exit_codes),
        cmocka_unit_test(the_worse_of_any_two),
        cmocka_unit_test(names),
        cmocka_unit_test(names_are_read),
        cmocka_unit_test(names_are_read_in_any_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
