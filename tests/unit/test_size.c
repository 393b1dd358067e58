/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/vectors.h"

#include "common/size.h"

#include <inttypes.h>

static void check_good(char **column)
{
    const char *text = column[0];
    int64_t bytes = 41, back = 41;
    struct dr_error error = {0};
    char buffer[DR_SIZE_TEXT];
    if (!dr_size_parse(text, &bytes, &error))
        fail_msg("\"%s\" is refused: %s", text, error.text);
    if (bytes != strtoll(column[2], NULL, 10))
        fail_msg("\"%s\": %" PRId64 " instead of %s", text, bytes, column[2]);
    assert_string_equal(dr_size_format(bytes, buffer, sizeof buffer), column[3]);
    dr_size_format_exact(bytes, buffer, sizeof buffer);
    assert_string_equal(buffer, column[4]);
    char *blank = strchr(buffer, ' ');
    if (blank != NULL)
        memmove(blank, blank + 1, strlen(blank));
    assert_true(dr_size_parse(buffer, &back, &error));
    assert_false(back < bytes || back > bytes);
}

static void check_bad(char **column)
{
    int64_t bytes = 41;
    struct dr_error error = {0};
    if (dr_size_parse(column[0], &bytes, &error))
        fail_msg("\"%s\" is taken", column[0]);
    assert_int_equal(error.class, DR_ERR_USAGE);
    if (!vector_error_is(error.text, column[2], column[3]))
        fail_msg("\"%s\": wrong error: %s", column[0], error.text);
    assert_false(bytes < 41 || bytes > 41);
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
    assert_in_range(vectors_read("sizes.tsv", 5, check_row), 60, 1000);
}

static void test_negative_sizes_are_written(void **state)
{
    (void)state;
    char buffer[DR_SIZE_TEXT];
    assert_string_equal(dr_size_format(-22794960, buffer, sizeof buffer), "-22.8 MB");
    assert_string_equal(dr_size_format(INT64_MIN, buffer, sizeof buffer), "-9.22 EB");
    assert_string_equal(dr_size_format_exact(-1048576, buffer, sizeof buffer), "-1 MiB");
    assert_string_equal(dr_size_format_exact(INT64_MIN, buffer, sizeof buffer), "-8192 PiB");
    assert_string_equal(dr_size_format(-1500, buffer, 4), "-1.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_negative_sizes_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
