/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables that the comparisons with other implementations take as ours: states and performance
 * data. */
#include "tests/unit/vectors.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_perfdata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
