/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/vectors.h"

#include "common/buffer.h"
#include "common/uri.h"

static void same_text(const char *what, const char *expected, const char *got)
{
    const char *shown = got != NULL ? got : "-";
    if (strcmp(expected, shown) != 0)
        fail_msg("%s: \"%s\" instead of \"%s\"", what, shown, expected);
}

static void check_good(char **column)
{
    struct dr_uri uri = {0};
    struct dr_error error = {0};
    struct dr_buffer hosts = DR_BUFFER(4096), params = DR_BUFFER(4096);
    if (!dr_uri_parse(column[0], &uri, &error))
        fail_msg("%s is refused: %s", column[0], error.text);
    for (size_t i = 0; i < uri.host_count; i++)
        dr_buffer_addf(&hosts, "%s%s|%d", i > 0 ? " " : "", uri.hosts[i].name, uri.hosts[i].port);
    for (size_t i = 0; i < uri.param_count; i++)
        dr_buffer_addf(&params, "%s%s=%s", i > 0 ? " " : "", uri.params[i].key,
                       uri.params[i].value);
    same_text("scheme", column[2], uri.scheme);
    same_text("user", column[3], uri.user);
    same_text("password", column[4], uri.password);
    same_text("hosts", column[5], dr_buffer_text(&hosts));
    same_text("path", column[6], uri.path);
    same_text("parameters", column[7], dr_buffer_text(&params));
    /* what an HTTP server is asked for: the end of the text, as it stands there */
    const char *authority = strstr(column[0], "://") + 3;
    same_text("raw", authority + strcspn(authority, "/?"), uri.raw);
    dr_buffer_free(&hosts);
    dr_buffer_free(&params);
    dr_uri_free(&uri);
    assert_null(uri.scheme);
}

static void check_bad(char **column)
{
    struct dr_uri uri = {.host_count = 77};
    struct dr_error error = {0};
    if (dr_uri_parse(column[0], &uri, &error))
        fail_msg("%s is taken", column[0]);
    assert_int_equal(error.class, DR_ERR_USAGE);
    if (!vector_error_is(error.text, column[2], column[3]))
        fail_msg("%s: wrong error: %s", column[0], error.text);
    assert_null(strstr(error.text, "s3c"));
    assert_int_equal(uri.host_count, 77);
    assert_false(dr_uri_parse(column[0], &uri, NULL));
}

static void check_row(char **column)
{
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
    assert_in_range(vectors_read("uris.tsv", 8, check_row), 80, 1000);
}

/* What a line of a table cannot hold. */
static void test_control_characters_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"http://h/\t", "http://h\n", "http://u:p\x01@h",
                                        "http://h/?a=\x7f", "\nhttp://h"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct dr_uri uri = {0};
        struct dr_error error = {0};
        assert_false(dr_uri_parse(texts[i], &uri, &error));
        assert_non_null(strstr(error.text, "bad URI, position "));
    }
}

static void test_64_hosts_are_read(void **state)
{
    (void)state;
    struct dr_buffer text = DR_BUFFER(4096);
    struct dr_uri uri = {0};
    dr_buffer_add(&text, "http://");
    for (int i = 1; i <= DR_URI_HOSTS_MAX; i++)
        dr_buffer_addf(&text, "%sh%d:%d", i > 1 ? "," : "", i, i);
    assert_true(dr_uri_parse(dr_buffer_text(&text), &uri, NULL));
    assert_int_equal(uri.host_count, 64);
    assert_string_equal(uri.hosts[63].name, "h64");
    assert_int_equal(uri.hosts[63].port, 64);
    dr_uri_free(&uri);
    dr_buffer_free(&text);
}

static void test_parameters_are_found_and_taken(void **state)
{
    (void)state;
    struct dr_uri uri = {0};
    assert_true(dr_uri_parse("x://h/?a=1&b=2&a=3&c", &uri, NULL));
    assert_string_equal(dr_uri_param(&uri, "a"), "1");
    assert_string_equal(dr_uri_param(&uri, "c"), "");
    assert_null(dr_uri_param(&uri, "d"));
    assert_null(dr_uri_take_param(&uri, "d"));
    assert_int_equal(uri.param_count, 4);
    char *taken = dr_uri_take_param(&uri, "a");
    assert_string_equal(taken, "1");
    free(taken);
    taken = dr_uri_take_param(&uri, "c");
    assert_string_equal(taken, "");
    free(taken);
    assert_int_equal(uri.param_count, 2);
    assert_string_equal(dr_uri_param(&uri, "a"), "3");
    assert_string_equal(dr_uri_param(&uri, "b"), "2");
    dr_uri_free(&uri);
}

static void test_a_copy_is_whole_and_its_own(void **state)
{
    (void)state;
    struct dr_uri uri = {0}, copy = {0};
    assert_true(dr_uri_parse("x://u:p@h1:5,h2/path?a=1&b", &uri, NULL));
    assert_true(dr_uri_copy(&uri, &copy));
    dr_uri_free(&uri);
    assert_string_equal(copy.scheme, "x");
    assert_string_equal(copy.user, "u");
    assert_string_equal(copy.password, "p");
    assert_int_equal(copy.host_count, 2);
    assert_string_equal(copy.hosts[0].name, "h1");
    assert_int_equal(copy.hosts[0].port, 5);
    assert_string_equal(copy.hosts[1].name, "h2");
    assert_string_equal(copy.path, "/path");
    assert_string_equal(dr_uri_param(&copy, "a"), "1");
    assert_true(dr_uri_add_param(&copy, "c", "3"));
    assert_string_equal(dr_uri_param(&copy, "c"), "3");
    assert_int_equal(copy.param_count, 3);
    for (size_t i = 3; i < DR_URI_PARAMS_MAX; i++)
        assert_true(dr_uri_add_param(&copy, "d", ""));
    assert_false(dr_uri_add_param(&copy, "d", ""));
    dr_uri_free(&copy);
    assert_true(dr_uri_parse("x:///", &uri, NULL));
    assert_true(dr_uri_copy(&uri, &copy));
    assert_null(copy.user);
    assert_int_equal(copy.host_count + copy.param_count, 0);
    dr_uri_free(&uri);
    dr_uri_free(&copy);
}

static void test_a_flag_is_on_or_off(void **state)
{
    static const struct {
        const char *text;
        bool valid;
        bool on;
    } rows[] = {{"x://h", true, false},
                {"x://h?insecure=", true, true},
                {"x://h?insecure=1", true, true},
                {"x://h?insecure=True", true, true},
                {"x://h?insecure=yes", true, true},
                {"x://h?insecure=on", true, true},
                {"x://h?insecure=0", true, false},
                {"x://h?insecure=false", true, false},
                {"x://h?insecure=no", true, false},
                {"x://h?insecure=off", true, false},
                {"x://h?insecure=2", false, false},
                {"x://h?insecure=verify", false, false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dr_error error = {.class = DR_ERR_NONE};
        struct dr_uri uri;
        bool on = true;
        assert_true(dr_uri_parse(rows[i].text, &uri, &error));
        assert_int_equal(dr_uri_flag(&uri, "insecure", &on, &error), rows[i].valid);
        assert_int_equal(on, rows[i].on);
        assert_int_equal(error.class, rows[i].valid ? DR_ERR_NONE : DR_ERR_USAGE);
        dr_uri_free(&uri);
    }
}

static void test_only_known_parameters(void **state)
{
    static const char *const known[] = {"a", "b", NULL};
    static const char *const none[] = {NULL};
    struct dr_uri uri;
    struct dr_error error;
    (void)state;
    assert_true(dr_uri_parse("x://h/?b=1&a=2", &uri, &error));
    assert_true(dr_uri_has_only(&uri, known, &error));
    assert_false(dr_uri_has_only(&uri, none, &error));
    assert_int_equal(error.class, DR_ERR_USAGE);
    assert_string_equal(error.text, "the URI has no parameter \"b\"");
    dr_uri_free(&uri);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_known_parameters),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_control_characters_are_refused),
        cmocka_unit_test(test_64_hosts_are_read),
        cmocka_unit_test(test_parameters_are_found_and_taken),
        cmocka_unit_test(test_a_copy_is_whole_and_its_own),
        cmocka_unit_test(test_a_flag_is_on_or_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
