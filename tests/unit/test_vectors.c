/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables that the comparisons with other implementations take as ours: states and performance
 * data. */
#include "tests/unit/extra_opts_words.h"

#include "common/buffer.h"
#include "common/perfdata.h"

static void check_states(char **column)
{
    enum dr_state a = DR_OK, b = DR_OK, worst = DR_OK;
    assert_true(dr_state_parse(column[0], &a));
    assert_true(dr_state_parse(column[1], &b));
    assert_true(dr_state_parse(column[2], &worst));
    assert_int_equal(dr_state_worst(a, b), worst);
}

static void test_states(void **state)
{
    (void)state;
    assert_int_equal(vectors_read("states.tsv", 5, check_states), 16);
}

static void read_limit(const char *text, struct dr_limit *limit)
{
    limit->given = strcmp(text, "-") != 0;
    if (limit->given)
        assert_true(dr_range_parse(text, DR_UNIT_NONE, &limit->range, NULL));
}

static struct dr_opt_real read_bound(const char *text)
{
    return strcmp(text, "-") != 0 ? dr_real(strtod(text, NULL)) : (struct dr_opt_real){0};
}

static void check_perfdata(char **column)
{
    static const char *const units[] = {"none", "seconds", "bytes", "percent", "counter"};
    struct dr_figure figure = {.label = column[0], .value = strtod(column[2], NULL)};
    size_t unit = 0;
    while (unit < 5 && strcmp(units[unit], column[1]) != 0)
        unit++;
    assert_in_range(unit, 0, 4);
    figure.unit = (enum dr_unit)unit;
    read_limit(column[3], &figure.threshold.warning);
    read_limit(column[4], &figure.threshold.critical);
    figure.minimum = read_bound(column[5]);
    figure.maximum = read_bound(column[6]);
    struct dr_buffer text = DR_BUFFER(512);
    dr_perfdata_add(&text, &figure);
    assert_string_equal(dr_buffer_text(&text), column[7]);
    dr_buffer_free(&text);
}

static void test_perfdata(void **state)
{
    (void)state;
    assert_in_range(vectors_read("perfdata.tsv", 10, check_perfdata), 10, 1000);
}

/* Puts what the table writes as \\t and FILE. */
static void expand_marks(const char *text, const char *path, struct dr_buffer *out)
{
    while (*text != '\0') {
        if (strncmp(text, "\\t", 2) == 0) {
            dr_buffer_add_char(out, '\t');
            text += 2;
        } else if (strncmp(text, "FILE", 4) == 0) {
            dr_buffer_add(out, path);
            text += 4;
        } else {
            dr_buffer_add_char(out, *text++);
        }
    }
}

static void check_extra_opts(char **column)
{
    static struct words words;
    struct dr_arguments result = {0};
    struct dr_error error = {0};
    struct dr_buffer expected = DR_BUFFER(8192), got = DR_BUFFER(8192);
    words_split(&words, column[0], column[1]);
    bool good = dr_extra_opts_expand(&words_table, NULL, words.argc, words.argv, &result, &error);
    if (strncmp(column[2], "error: ", 7) == 0) {
        if (good || strstr(error.text, column[2] + 7) == NULL)
            fail_msg("%s %s: %s", column[0], column[1], good ? "no error" : error.text);
    } else {
        if (!good)
            fail_msg("%s %s: %s", column[0], column[1], error.text);
        expand_marks(column[2], words.path, &expected);
        for (int i = 1; i < result.argc; i++)
            dr_buffer_addf(&got, "%s|", result.argv[i]);
        assert_string_equal(dr_buffer_text(&got), dr_buffer_text(&expected));
    }
    dr_arguments_free(&result);
    dr_buffer_free(&expected);
    dr_buffer_free(&got);
}

static void test_extra_opts(void **state)
{
    (void)state;
    assert_in_range(vectors_read("extra_opts/vectors.tsv", 4, check_extra_opts), 30, 1000);
    unsetenv("MP_CONFIG_FILE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_perfdata),
        cmocka_unit_test(test_extra_opts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
