/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/json_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ELEMENT_MAX 40

/* Writes the elements down, each ended by ";". */
static bool note(void *context, const char *text, size_t size, struct dr_error *error)
{
    assert_int_equal(strlen(text), size);
    if (strstr(text, "refuse me") != NULL)
        return dr_error_set(error, DR_ERR_SERVER, "refused");
    dr_buffer_addf(context, "%s;", text);
    return true;
}

/* The text in pieces of that size, each in memory of its own length. */
static bool split(const char *text, size_t piece, struct dr_buffer *out, struct dr_error *error)
{
    struct dr_json_stream stream;
    bool ok = true;
    size_t length = strlen(text);
    dr_json_stream_start(&stream, ELEMENT_MAX, note, out);
    for (size_t at = 0; ok && at < length; at += piece)
        ok = dr_json_stream_push(&stream, text + at, length - at < piece ? length - at : piece,
                                 error);
    if (!ok) {
        struct dr_error again = {0};
        assert_false(dr_json_stream_push(&stream, "]", 1, &again));
        assert_int_equal(again.class, DR_ERR_PROTOCOL);
        assert_false(dr_json_stream_end(&stream, &again));
    }
    ok = ok && dr_json_stream_end(&stream, error);
    dr_json_stream_free(&stream);
    return ok;
}

static const struct {
    const char *text;
    const char *elements;
    const char *error; /* NULL: none */
} table[] = {
    {"[]", "", NULL},
    {" [\n]\r\n\t ", "", NULL},
    {"[{}]", "{};", NULL},
    {"[{\"a\":1},{\"b\":[1,{}]}]", "{\"a\":1};{\"b\":[1,{}]};", NULL},
    {" [ {\"a\" : 1 } , {} ] ", "{\"a\" : 1 };{};", NULL},
    {"[{\"}]\\\\\\\"[{\":\"\\\\\"},{}]", "{\"}]\\\\\\\"[{\":\"\\\\\"};{};", NULL},
    {"[{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"}]", "{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"};", NULL},
    /* as long as allowed, and one byte more */
    {"[{\"a\":\"23456789012345678901234567890123\"}]",
     "{\"a\":\"23456789012345678901234567890123\"};", NULL},
    {"[{\"a\":\"234567890123456789012345678901234\"}]", "", "an element is too long"},
    /* what is not complete is not a shorter list */
    {"", "", "the list is cut after 0 bytes, 0 elements"},
    {"[", "", "the list is cut after 1 bytes, 0 elements"},
    {"[{}", "{};", "the list is cut after 3 bytes, 1 elements"},
    {"[{},", "{};", "the list is cut after 4 bytes, 1 elements"},
    {"[{},{\"a\"", "{};", "the list is cut after 8 bytes, 1 elements"},
    {"[{\"a", "", "the list is cut after 4 bytes, 0 elements"},
    {"[{\"a\\", "", "the list is cut after 5 bytes, 0 elements"},
    {"{\"error\":\"x\"}", "", "position 1: an array must begin here"},
    {"\"[{}]\"", "", "position 1: an array must begin here"},
    {"\xef\xbb\xbf[]", "", "position 1: an array must begin here"},
    {"[]]", "", "position 3: something follows the array"},
    {"[{}]\n[{}]", "{};", "position 6: something follows the array"},
    {"[{},]", "{};", "position 5: an object must stand here"},
    {"[,{}]", "", "position 2: an object must stand here"},
    {"[{},,{}]", "{};", "position 5: an object must stand here"},
    {"[1]", "", "position 2: an object must stand here"},
    {"[[{}]]", "", "position 2: an object must stand here"},
    {"[{} {}]", "{};", "position 5: \",\" or \"]\" is missing"},
    {"[{}}", "{};", "position 4: \",\" or \"]\" is missing"},
    {"[{]]", "", "position 3: a bracket of the wrong kind"},
    {"[{\"a\":[1}]", "", "position 9: a bracket of the wrong kind"},
    {"[{},{\"refuse me\":1},{}]", "{};", "element 2: refused"},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        size_t length = strlen(table[i].text);
        for (size_t piece = 1; piece <= length || piece == 1; piece++) {
            struct dr_buffer out = DR_BUFFER(1000);
            struct dr_error error = {0};
            bool ok = split(table[i].text, piece, &out, &error);
            if (ok != (table[i].error == NULL))
                fail_msg("%s, %zu bytes at once: %s", table[i].text, piece,
                         ok ? "taken" : error.text);
            if (!ok && strstr(error.text, table[i].error) == NULL)
                fail_msg("%s: %s instead of %s", table[i].text, error.text, table[i].error);
            if (!ok)
                assert_int_equal(error.class, strstr(error.text, "refused") != NULL
                                                  ? DR_ERR_SERVER
                                                  : DR_ERR_PROTOCOL);
            assert_string_equal(dr_buffer_text(&out), table[i].elements);
            dr_buffer_free(&out);
        }
    }
}

static bool drop(void *context, const char *text, size_t size, struct dr_error *error)
{
    (void)context, (void)text, (void)size, (void)error;
    return true;
}

static void test_depth(void **state)
{
    (void)state;
    for (size_t depth = DR_JSON_DEPTH_MAX; depth <= DR_JSON_DEPTH_MAX + 1; depth++) {
        struct dr_json_stream stream;
        struct dr_error error = {0};
        bool ok;
        dr_json_stream_start(&stream, 1000, drop, NULL);
        ok = dr_json_stream_push(&stream, "[{\"a\":", 6, &error);
        for (size_t i = 1; i < depth; i++)
            ok = ok && dr_json_stream_push(&stream, "[", 1, &error);
        for (size_t i = 1; i < depth; i++)
            ok = ok && dr_json_stream_push(&stream, "]", 1, &error);
        ok = ok && dr_json_stream_push(&stream, "}]", 2, &error) &&
             dr_json_stream_end(&stream, &error);
        assert_int_equal(ok, depth == DR_JSON_DEPTH_MAX);
        if (!ok)
            assert_string_equal(error.text, "bad JSON, position 70: nested too deep");
        dr_json_stream_free(&stream);
    }
}

/* Positions and the number of elements of a list that is longer than any buffer; none of it is
 * kept. */
static void test_long(void **state)
{
    (void)state;
    static const char element[] = "{\"name\":\"a queue\"},";
    struct dr_json_stream stream;
    struct dr_error error = {0};
    dr_json_stream_start(&stream, ELEMENT_MAX, drop, NULL);
    assert_true(dr_json_stream_push(&stream, "[", 1, &error));
    for (int i = 0; i < 100000; i++)
        assert_true(dr_json_stream_push(&stream, element, strlen(element), &error));
    assert_int_equal(stream.count, 100000);
    assert_true(stream.text.space < 1000);
    assert_false(dr_json_stream_push(&stream, "?", 1, &error));
    char wanted[100];
    snprintf(wanted, sizeof wanted, "bad JSON, position %zu: an object must stand here",
             100000 * strlen(element) + 2);
    assert_string_equal(error.text, wanted);
    dr_json_stream_free(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
