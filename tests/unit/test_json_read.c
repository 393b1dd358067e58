/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/json_read.h"

#include "common/buffer.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- the whole of a text, written down again ---- */

static void write_value(struct dr_json *reader, struct dr_buffer *out);

static void write_members(struct dr_json *reader, struct dr_buffer *out)
{
    char name[16];
    for (int i = 0; dr_json_member(reader, name, sizeof name); i++) {
        dr_buffer_addf(out, "%s%s:", i > 0 ? "," : "", name);
        write_value(reader, out);
    }
}

static void write_items(struct dr_json *reader, struct dr_buffer *out)
{
    for (int i = 0; dr_json_item(reader); i++) {
        dr_buffer_add(out, i > 0 ? "," : "");
        write_value(reader, out);
    }
}

static void write_number(struct dr_json *reader, struct dr_buffer *out)
{
    struct dr_json again = *reader;
    struct dr_opt_int whole = dr_json_int(reader);
    struct dr_opt_real real = dr_json_real(&again);
    assert_ptr_equal(again.at, reader->at);
    if (whole.known)
        dr_buffer_addf(out, "%" PRId64, whole.value);
    else if (real.known)
        dr_buffer_addf(out, "%.17gR", real.value);
    else
        dr_buffer_add(out, "?");
}

static void write_value(struct dr_json *reader, struct dr_buffer *out)
{
    char text[16];
    const char *at = reader->at + strspn(reader->at, " \n\r\t");
    if (*at == '{' && dr_json_object(reader)) {
        dr_buffer_add(out, "{");
        write_members(reader, out);
        dr_buffer_add(out, "}");
    } else if (*at == '[' && dr_json_array(reader)) {
        dr_buffer_add(out, "[");
        write_items(reader, out);
        dr_buffer_add(out, "]");
    } else if (*at == '"') {
        bool fits = dr_json_text(reader, text, sizeof text);
        dr_buffer_addf(out, fits ? "'%s'" : "long%s", text);
    } else if (*at == '-' || (*at >= '0' && *at <= '9')) {
        write_number(reader, out);
    } else {
        struct dr_opt_bool value = dr_json_bool(reader);
        dr_buffer_add(out, !value.known ? "none" : value.value ? "true" : "false");
    }
}

static const struct {
    const char *text;
    const char *meaning;
} good[] = {
    {"null", "none"},
    {" \t\r\n true \t\r\n ", "true"},
    {"false", "false"},
    {"0", "0"},
    {"-0", "0"},
    {"9223372036854775807", "9223372036854775807"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"9223372036854775808", "9.2233720368547758e+18R"},
    {"1.0", "1R"},
    {"-12.5e-1", "-1.25R"},
    {"1E+2", "100R"},
    {"1e999", "?"},
    {"0e1", "0R"},
    {"\"\"", "''"},
    {"\"a b\"", "'a b'"},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "'\"\\/\b\f\n\r\t'"},
    {"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "'A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'"},
    {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "'\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'"},
    {"\"\x7f\"", "'\x7f'"},
    {"\"123456789012345\"", "'123456789012345'"},
    {"\"1234567890123456\"", "long"},
    {"\"12345678901234\\u00e9\"", "long"},
    {"\"a\\u0000b\"", "long"},
    {"[]", "[]"},
    {"{}", "{}"},
    {"[ ]", "[]"},
    {"{ \n}", "{}"},
    {"[1,[2,[]],{\"a\":{}}]", "[1,[2,[]],{a:{}}]"},
    {" { \"a\" : 1 , \"b\" : [ true , null ] } ", "{a:1,b:[true,none]}"},
    {"{\"{}[],:\\\"\":\"}]\"}", "{{}[],:\":'}]'}"},
    {"{\"1234567890123456\":1,\"\\u0000\":2,\"\":3}", "{:1,:2,:3}"},
    /* what RabbitMQ sends while a mirror is syncing */
    {"{\"mirrors\":[],\"mirrors\":[\"rmq2\"]}", "{mirrors:[],mirrors:['rmq2']}"},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct dr_error error = {0};
        struct dr_buffer out = DR_BUFFER(1000);
        struct dr_json reader = dr_json_start(good[i].text), skipping = reader;
        write_value(&reader, &out);
        if (!dr_json_end(&reader, &error))
            fail_msg("%s is refused: %s", good[i].text, error.text);
        assert_string_equal(dr_buffer_text(&out), good[i].meaning);
        dr_json_skip(&skipping);
        if (!dr_json_end(&skipping, &error))
            fail_msg("%s is not skipped: %s", good[i].text, error.text);
        dr_buffer_free(&out);
    }
}

static const struct {
    const char *text;
    int position;
    const char *reason;
} bad[] = {
    {"", 1, "the text ends here"},
    {" ", 2, "the text ends here"},
    {"nul", 4, "the text ends here"},
    {"nulL", 4, "not a value"},
    {"True", 1, "a value is missing"},
    {"nullx", 5, "something follows"},
    {"1 2", 3, "something follows"},
    {"{} ]", 4, "something follows"},
    {"-", 2, "the text ends here"},
    {"-a", 2, "a digit is missing"},
    {"+1", 1, "a value is missing"},
    {".5", 1, "a value is missing"},
    {"01", 2, "a number ends here"},
    {"[1.5.1]", 5, "a number ends here"},
    {"05e999", 2, "a number ends here"},
    {"1.", 3, "the text ends here"},
    {"[1.]", 4, "a digit is missing"},
    {"[1e]", 4, "a digit is missing"},
    {"[1e+]", 5, "a digit is missing"},
    {"0x10", 2, "a number ends here"},
    {"NaN", 1, "a value is missing"},
    {"\"a", 3, "the text ends here"},
    {"\"a\\", 3, "not an escape"},
    {"\"a\nb\"", 3, "a control character"},
    {"\"\x1f\"", 2, "a control character"},
    {"\"\\x41\"", 2, "not an escape"},
    {"\"\\u12g4\"", 2, "not an escape"},
    {"\"\\u12", 2, "not an escape"},
    {"\"\\ud800\"", 2, "not an escape"},
    {"\"\\ud800\\u0041\"", 2, "not an escape"},
    {"\"\\udc00\"", 2, "not an escape"},
    {"\"\x80\"", 2, "not UTF-8"},
    {"\"\xc1\xbf\"", 2, "not UTF-8"},
    {"\"\xc3\"", 2, "not UTF-8"},
    {"\"\xe0\x9f\xbf\"", 2, "not UTF-8"},
    {"\"\xed\xa0\x80\"", 2, "not UTF-8"},
    {"\"\xf0\x8f\xbf\xbf\"", 2, "not UTF-8"},
    {"\"\xf4\x90\x80\x80\"", 2, "not UTF-8"},
    {"\"\xf5\x80\x80\x80\"", 2, "not UTF-8"},
    {"\"\xe2\x82\"", 2, "not UTF-8"},
    {"\xef\xbb\xbf{}", 1, "a value is missing"},
    {"[", 2, "the text ends here"},
    {"[1", 3, "the text ends here"},
    {"[1,", 4, "the text ends here"},
    {"[1,]", 4, "a value is missing"},
    {"[,1]", 2, "a value is missing"},
    {"[1 2]", 4, "\",\" or \"]\" is missing"},
    {"[1}", 3, "\",\" or \"]\" is missing"},
    {"[}", 2, "a value is missing"},
    {"{", 2, "the text ends here"},
    {"{]", 2, "the name of a member is missing"},
    {"{,", 2, "the name of a member is missing"},
    {"{1:2}", 2, "the name of a member is missing"},
    {"{\"a\"}", 5, "\":\" is missing"},
    {"{\"a\":}", 6, "a value is missing"},
    {"{\"a\":1,}", 8, "the name of a member is missing"},
    {"{\"a\":1]", 7, "\",\" or \"}\" is missing"},
    {"{\"a\":1 \"b\":2}", 8, "\",\" or \"}\" is missing"},
    {"{\"a\\q\":1}", 4, "not an escape"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char wanted[100];
        snprintf(wanted, sizeof wanted, "bad JSON, position %d: %s", bad[i].position,
                 bad[i].reason);
        for (int skip = 0; skip < 2; skip++) {
            struct dr_error error = {0};
            struct dr_buffer out = DR_BUFFER(1000);
            struct dr_json reader = dr_json_start(bad[i].text);
            if (skip)
                dr_json_skip(&reader);
            else
                write_value(&reader, &out);
            if (dr_json_end(&reader, &error))
                fail_msg("%s is taken", bad[i].text);
            assert_int_equal(error.class, DR_ERR_PROTOCOL);
            if (strncmp(error.text, wanted, strlen(wanted)) != 0)
                fail_msg("%s: %s instead of %s", bad[i].text, error.text, wanted);
            dr_buffer_free(&out);
        }
    }
}

/* Another kind than the one asked for is passed and stays unknown. */
static void test_other_kind(void **state)
{
    (void)state;
    static const char *const values[] = {"null",   "true",  "12",       "1.5",
                                         "\"12\"", "[1,2]", "{\"a\":1}"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[100], member[16], value[16];
        snprintf(text, sizeof text, "[%s,%s,%s,%s,%s,%s]", values[i], values[i], values[i],
                 values[i], values[i], values[i]);
        struct dr_json reader = dr_json_start(text);
        struct dr_error error = {0};
        assert_true(dr_json_array(&reader) && dr_json_item(&reader));
        assert_int_equal(dr_json_int(&reader).known, i == 2);
        assert_true(dr_json_item(&reader));
        assert_int_equal(dr_json_real(&reader).known, i == 2 || i == 3);
        assert_true(dr_json_item(&reader));
        assert_int_equal(dr_json_bool(&reader).known, i == 1);
        assert_true(dr_json_item(&reader));
        assert_int_equal(dr_json_text(&reader, value, sizeof value), i == 4);
        assert_string_equal(value, i == 4 ? "12" : "");
        assert_true(dr_json_item(&reader));
        if (dr_json_array(&reader)) {
            assert_int_equal(i, 5);
            while (dr_json_item(&reader))
                dr_json_skip(&reader);
        }
        assert_true(dr_json_item(&reader));
        if (dr_json_object(&reader)) {
            assert_int_equal(i, 6);
            while (dr_json_member(&reader, member, sizeof member))
                dr_json_skip(&reader);
        }
        assert_false(dr_json_item(&reader));
        assert_true(dr_json_end(&reader, &error));
    }
}

/* After a defect nothing is known any more, and no loop goes on. */
static void test_stops(void **state)
{
    (void)state;
    char text[8] = "?";
    struct dr_error error = {0};
    struct dr_json reader = dr_json_start("[1 2,3,true,{}]");
    assert_true(dr_json_array(&reader) && dr_json_item(&reader));
    assert_true(dr_json_int(&reader).known);
    assert_false(dr_json_item(&reader));
    assert_false(dr_json_int(&reader).known);
    assert_false(dr_json_real(&reader).known);
    assert_false(dr_json_bool(&reader).known);
    assert_false(dr_json_text(&reader, text, sizeof text));
    assert_string_equal(text, "");
    assert_false(dr_json_object(&reader));
    assert_false(dr_json_array(&reader));
    assert_false(dr_json_member(&reader, text, sizeof text));
    assert_false(dr_json_item(&reader));
    dr_json_skip(&reader);
    assert_false(dr_json_end(&reader, &error));
    assert_string_equal(error.text, "bad JSON, position 4: \",\" or \"]\" is missing");
    reader = dr_json_start("[1]");
    assert_true(dr_json_array(&reader));
    assert_false(dr_json_end(&reader, &error));
    reader = dr_json_start("[");
    assert_true(dr_json_array(&reader));
    assert_false(dr_json_end(&reader, &error));
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        char kind;
        const char *raw;
    } rows[] = {
        {" {\"a\": [1]} ", '{', "{\"a\": [1]}"},
        {"[ ]", '[', "[ ]"},
        {"\n\"x\\n\"", '"', "\"x\\n\""},
        {"-1.5e3", '0', "-1.5e3"},
        {"7 ", '0', "7"},
        {"true", 't', "true"},
        {"false", 't', "false"},
        {"null", 'n', "null"},
        {"", '\0', NULL},
        {"]", '\0', NULL},
        {"nil", 'n', NULL},
        {"[1", '[', NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *from = NULL;
        size_t size = 9;
        struct dr_error error = {0};
        struct dr_json reader = dr_json_start(rows[i].text);
        assert_int_equal(dr_json_kind(&reader), rows[i].kind);
        assert_int_equal(dr_json_raw(&reader, &from, &size), rows[i].raw != NULL);
        assert_int_equal(size, rows[i].raw != NULL ? strlen(rows[i].raw) : 0);
        if (rows[i].raw != NULL)
            assert_memory_equal(from, rows[i].raw, size);
        assert_int_equal(dr_json_end(&reader, &error), rows[i].raw != NULL);
        assert_int_equal(dr_json_kind(&reader), '\0');
    }
}

static void test_depth(void **state)
{
    (void)state;
    for (size_t depth = DR_JSON_DEPTH_MAX; depth <= DR_JSON_DEPTH_MAX + 1; depth++) {
        char text[2 * DR_JSON_DEPTH_MAX + 3] = "";
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct dr_error error = {0};
        struct dr_json reader = dr_json_start(text);
        dr_json_skip(&reader);
        assert_int_equal(dr_json_end(&reader, &error), depth == DR_JSON_DEPTH_MAX);
        if (depth > DR_JSON_DEPTH_MAX)
            assert_string_equal(error.text, "bad JSON, position 65: nested too deep");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),       cmocka_unit_test(test_bad),
        cmocka_unit_test(test_other_kind), cmocka_unit_test(test_stops),
        cmocka_unit_test(test_depth),      cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
