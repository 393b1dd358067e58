/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void setting_returns_false_and_formats(void **state)
{
    (void)state;
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_false(dr_error_set(&error, DR_ERR_AUTH, "no %s for %d", "password", 5));
    assert_int_equal(error.class, DR_ERR_AUTH);
    assert_string_equal(error.text, "no password for 5");
    assert_false(dr_error_set(NULL, DR_ERR_AUTH, "nobody asks"));
    assert_false(dr_error_prefix(NULL, "nobody asks"));
}

static void control_characters_become_blanks(void **state)
{
    (void)state;
    struct dr_error error = {.class = DR_ERR_NONE};
    dr_error_set(&error, DR_ERR_SERVER, "%s", "FATAL: a\nHINT:\tb\r\x1b\x7f");
    assert_string_equal(error.text, "FATAL: a HINT: b   ");
    dr_error_prefix(&error, "%s", "db\n2");
    assert_string_equal(error.text, "db 2: FATAL: a HINT: b   ");
}

static void its_own_text_may_be_an_argument(void **state)
{
    (void)state;
    struct dr_error error = {.class = DR_ERR_NONE};
    dr_error_set(&error, DR_ERR_SERVER, "it is too late");
    dr_error_set(&error, DR_ERR_TIMEOUT, "while connecting: %s", error.text);
    assert_string_equal(error.text, "while connecting: it is too late");
    dr_error_prefix(&error, "%s", error.text);
    assert_string_equal(error.text,
                        "while connecting: it is too late: while connecting: it is too late");
}

static void long_texts_are_cut_to_fit(void **state)
{
    (void)state;
    struct dr_error error = {.class = DR_ERR_NONE};
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    dr_error_set(&error, DR_ERR_SERVER, "%s", text);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    dr_error_prefix(&error, "db2");
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_memory_equal(error.text, "db2: xxx", 8);
    dr_error_prefix(&error, "%s", text);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
}

static void classes_stand_for_states(void **state)
{
    (void)state;
    static const struct {
        enum dr_error_class class;
        enum dr_state state;
    } cases[] = {
        {DR_ERR_NONE, DR_UNKNOWN},      {DR_ERR_USAGE, DR_UNKNOWN},
        {DR_ERR_MODULE, DR_UNKNOWN},    {DR_ERR_RESOLVE, DR_UNKNOWN},
        {DR_ERR_CONNECT, DR_CRITICAL},  {DR_ERR_TIMEOUT, DR_WARNING},
        {DR_ERR_TLS, DR_UNKNOWN},       {DR_ERR_AUTH, DR_UNKNOWN},
        {DR_ERR_PRIVILEGE, DR_UNKNOWN}, {DR_ERR_PROTOCOL, DR_UNKNOWN},
        {DR_ERR_SERVER, DR_CRITICAL},   {DR_ERR_INTERNAL, DR_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(dr_error_state(cases[i].class, DR_WARNING), cases[i].state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_returns_false_and_formats),
        cmocka_unit_test(control_characters_become_blanks),
        cmocka_unit_test(its_own_text_may_be_an_argument),
        cmocka_unit_test(long_texts_are_cut_to_fit),
        cmocka_unit_test(classes_stand_for_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
