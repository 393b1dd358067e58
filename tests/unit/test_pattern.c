/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/vectors.h"

#include "common/pattern.h"

static bool matches(const char *text, const char *name)
{
    struct dr_error error = {0};
    struct dr_pattern *pattern = dr_pattern_new(text, &error);
    if (pattern == NULL)
        fail_msg("%s is refused: %s", text, error.text);
    bool found = dr_pattern_matches(pattern, name);
    assert_false(dr_pattern_overrun(pattern));
    dr_pattern_free(pattern);
    return found;
}

static void test_it_matches_as_grep_does(void **state)
{
    (void)state;
    assert_true(matches("db", "mydb1"));
    assert_false(matches("^db", "mydb1"));
    assert_true(matches("^db\\d+$", "db12"));
    assert_false(matches("^db\\d+$", "db12x"));
    assert_false(matches("DB", "db"));
    assert_true(matches("(?i)DB", "db"));
    assert_true(matches("a|b", "b"));
    assert_true(matches("^$", ""));
    /* bytes that are not UTF-8 are names like others */
    assert_true(matches("^a.b$", "a\xff"
                                 "b"));
}

static void test_bad_expressions_are_explained(void **state)
{
    (void)state;
    struct dr_error error = {0};
    assert_null(dr_pattern_new("db[0-9", &error));
    assert_int_equal(error.class, DR_ERR_USAGE);
    assert_non_null(strstr(error.text, "bad expression \"db[0-9\", position 7: "));
    assert_non_null(strstr(error.text, "terminating ]"));
    assert_null(dr_pattern_new("*", &error));
    /* PCRE2 points before or behind the quantifier, by its version. */
    assert_true(strstr(error.text, "position 1: ") != NULL ||
                strstr(error.text, "position 2: ") != NULL);
    assert_non_null(strstr(error.text, "quantifier"));
    assert_null(dr_pattern_new("", &error));
    assert_non_null(strstr(error.text, "position 1: an empty one"));
    assert_null(dr_pattern_new("(", NULL));
}

static void test_backtracking_ends_and_is_remembered(void **state)
{
    (void)state;
    char name[41];
    memset(name, 'a', 40);
    name[40] = '\0';
    struct dr_pattern *pattern = dr_pattern_new("^(a+)+(b|c)$", NULL);
    assert_non_null(pattern);
    assert_false(dr_pattern_matches(pattern, "d"));
    assert_false(dr_pattern_overrun(pattern));
    assert_false(dr_pattern_matches(pattern, name));
    assert_true(dr_pattern_overrun(pattern));
    assert_true(dr_pattern_matches(pattern, "aab"));
    assert_true(dr_pattern_overrun(pattern));
    dr_pattern_free(pattern);
}

static void test_selection(void **state)
{
    (void)state;
    struct dr_selection selection = {0};
    assert_true(dr_selection_has(&selection, "any"));
    assert_true(dr_selection_add(&selection, true, "^test", NULL));
    assert_true(dr_selection_has(&selection, "db1"));
    assert_false(dr_selection_has(&selection, "test1"));
    assert_true(dr_selection_add(&selection, false, "db", NULL));
    assert_true(dr_selection_add(&selection, false, "cache", NULL));
    assert_true(dr_selection_has(&selection, "db1"));
    assert_true(dr_selection_has(&selection, "cache1"));
    assert_false(dr_selection_has(&selection, "queue1"));
    assert_false(dr_selection_has(&selection, "test-db1"));
    assert_false(dr_selection_add(&selection, true, "(", NULL));
    assert_int_equal(selection.exclude_count, 1);
    assert_int_equal(selection.include_count, 2);
    dr_selection_free(&selection);
    assert_int_equal(selection.include_count, 0);
}

static void test_selection_remembers_an_overrun(void **state)
{
    (void)state;
    struct dr_selection selection = {0};
    assert_true(dr_selection_add(&selection, true, "^(a+)+(b|c)$", NULL));
    assert_true(dr_selection_has(&selection, "db1"));
    assert_false(dr_selection_overrun(&selection));
    dr_selection_has(&selection, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_true(dr_selection_overrun(&selection));
    dr_selection_free(&selection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_matches_as_grep_does),
        cmocka_unit_test(test_bad_expressions_are_explained),
        cmocka_unit_test(test_backtracking_ends_and_is_remembered),
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_selection_remembers_an_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
