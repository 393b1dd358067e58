/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/finding.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct dr_metric loss = {"loss", DR_UNIT_SECONDS, "commits that would be lost"};
static const struct dr_metric fill = {"fill", DR_UNIT_PERCENT, NULL};
static const struct dr_metric standbys = {"standbys", DR_UNIT_NONE, "standbys that replay"};

static void nothing_is_never_ok(void **state)
{
    (void)state;
    struct dr_result result;
    dr_result_init(&result, "TEST");
    assert_int_equal(dr_result_state(&result), DR_UNKNOWN);

    dr_result_verdict(&result, DR_OK, "all is well");
    assert_int_equal(dr_result_state(&result), DR_UNKNOWN);
    dr_result_add(&result, DR_OK, "db1", "is well");
    assert_int_equal(dr_result_state(&result), DR_OK);
    dr_result_free(&result);

    dr_result_init(&result, "TEST");
    dr_result_add(&result, DR_OK, "db1", "is well");
    assert_int_equal(dr_result_state(&result), DR_UNKNOWN);
    dr_result_free(&result);

    dr_result_init(&result, "TEST");
    dr_result_verdict(&result, DR_WARNING, "nobody was asked");
    assert_int_equal(dr_result_state(&result), DR_WARNING);
    dr_result_free(&result);
}

static void the_worst_of_verdict_and_findings(void **state)
{
    (void)state;
    static const struct {
        enum dr_state verdict;
        enum dr_state one;
        enum dr_state other;
        enum dr_state worst;
        const char *subject; /* of the first one when sorted; NULL: none has that state */
    } cases[] = {
        {DR_OK, DR_OK, DR_OK, DR_OK, "one"},
        {DR_OK, DR_OK, DR_WARNING, DR_WARNING, "other"},
        {DR_OK, DR_UNKNOWN, DR_WARNING, DR_UNKNOWN, "one"},
        {DR_OK, DR_UNKNOWN, DR_CRITICAL, DR_CRITICAL, "other"},
        {DR_CRITICAL, DR_OK, DR_UNKNOWN, DR_CRITICAL, NULL},
        {DR_WARNING, DR_WARNING, DR_WARNING, DR_WARNING, "one"},
        {DR_UNKNOWN, DR_CRITICAL, DR_CRITICAL, DR_CRITICAL, "one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dr_result result;
        dr_result_init(&result, "TEST");
        dr_result_verdict(&result, cases[i].verdict, "verdict");
        dr_result_add(&result, cases[i].one, "one", "text");
        dr_result_add(&result, cases[i].other, "other", "text");
        for (int sorted = 0; sorted < 2; sorted++) {
            assert_int_equal(dr_result_state(&result), cases[i].worst);
            dr_result_sort(&result);
        }
        const struct dr_finding *first = &result.findings[0];
        if (cases[i].subject == NULL)
            assert_int_not_equal(first->state, cases[i].worst);
        else
            assert_string_equal(first->subject, cases[i].subject);
        dr_result_free(&result);
    }
}

static void sorting_is_worst_first_then_as_added(void **state)
{
    (void)state;
    static const enum dr_state states[] = {DR_OK, DR_WARNING, DR_CRITICAL, DR_UNKNOWN};
    static const enum dr_state order[] = {DR_CRITICAL, DR_UNKNOWN, DR_WARNING, DR_OK};
    struct dr_result result;
    dr_result_init(&result, "TEST");
    for (size_t i = 0; i < 4000; i++)
        dr_result_add(&result, states[i % 4], NULL, "%zu", i);
    dr_result_sort(&result);
    size_t before = 0;
    for (size_t i = 0; i < 4000; i++) {
        const struct dr_finding *finding = &result.findings[i];
        assert_int_equal(finding->state, order[i / 1000]);
        size_t number = (size_t)strtol(finding->text, NULL, 10);
        assert_int_equal(states[number % 4], finding->state);
        assert_true(i % 1000 == 0 || number > before);
        before = number;
    }
    dr_result_free(&result);
}

static void texts_are_cleaned(void **state)
{
    (void)state;
    struct dr_result result;
    dr_result_init(&result, "TEST");
    dr_result_verdict(&result, DR_OK, "%s", "a|b\nc ");
    struct dr_finding *finding =
        dr_result_add(&result, DR_OK, " d\xc3\xa4\tb\n", "%s", "FATAL:  no\r\n\x1b[1mentry|\n");
    dr_finding_next(finding, "look\nat %s", "|it");
    assert_string_equal(result.verdict, "a b c");
    assert_string_equal(finding->subject, "d?? b");
    assert_string_equal(finding->text, "FATAL:  no   [1mentry");
    assert_string_equal(finding->next, "look at  it");
    dr_finding_next(finding, "another");
    assert_string_equal(finding->next, "another");
    dr_finding_next(NULL, "nobody");
    dr_result_verdict(&result, DR_WARNING, "a second one");
    assert_string_equal(result.verdict, "a second one");
    assert_int_equal(result.verdict_state, DR_WARNING);
    dr_result_free(&result);
}

static void a_text_is_bounded(void **state)
{
    (void)state;
    char *text = malloc(100001);
    memset(text, 'x', 100000);
    text[100000] = '\0';
    struct dr_result result;
    dr_result_init(&result, "TEST");
    dr_result_add(&result, DR_OK, text, "%s", text);
    assert_int_equal(strlen(result.findings[0].text), 16384);
    assert_int_equal(strlen(result.findings[0].subject), 16384);
    dr_result_free(&result);
    free(text);
}

static void figures_are_labelled(void **state)
{
    (void)state;
    static const struct {
        const char *node;
        const char *label;
    } cases[] = {
        {NULL, "loss"},
        {"db2", "db2_loss"},
        {"db2.example-net.org", "db2.example-net.org_loss"},
        {"[fd00::1]:5432", "_fd00__1__5432_loss"},
        {"a b'c=d/e", "a_b_c_d_e_loss"},
        {"M\xc3\xbcller", "M__ller_loss"},
        {"", "_loss"},
    };
    struct dr_result result;
    dr_result_init(&result, "TEST");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dr_result_figure(&result, cases[i].node, &loss, 5, NULL);
        const struct dr_figure *figure = &result.figures[i];
        assert_string_equal(figure->label, cases[i].label);
        assert_string_equal(figure->metric, "loss");
        assert_string_equal(figure->meaning, "commits that would be lost");
        assert_int_equal(figure->node == NULL, cases[i].node == NULL);
        assert_int_equal(figure->unit, DR_UNIT_SECONDS);
        assert_false(figure->threshold.warning.given || figure->threshold.critical.given);
    }
    dr_result_free(&result);
}

/* Nothing of the caller's is kept: a metric may live on its stack. */
static void figures_are_copies(void **state)
{
    (void)state;
    char name[] = "lag";
    char node[] = "db1";
    struct dr_metric metric = {.name = name, .unit = DR_UNIT_BYTES};
    struct dr_threshold threshold = {.warning = {.given = true, .range = {.end = 5}}};
    struct dr_result result;
    dr_result_init(&result, "TEST");
    dr_result_figure(&result, node, &metric, 1, &threshold);
    memset(name, 'x', 3);
    memset(node, 'x', 3);
    threshold.warning.given = false;
    assert_string_equal(result.figures[0].label, "db1_lag");
    assert_string_equal(result.figures[0].metric, "lag");
    assert_string_equal(result.figures[0].node, "db1");
    assert_null(result.figures[0].meaning);
    assert_true(result.figures[0].threshold.warning.given);
    dr_result_free(&result);
}

static void what_is_no_number_is_left_out(void **state)
{
    (void)state;
    struct dr_result result;
    dr_result_init(&result, "TEST");
    dr_result_figure(&result, NULL, &loss, NAN, NULL);
    dr_result_figure(&result, NULL, &loss, INFINITY, NULL);
    dr_result_figure(&result, "db1", &loss, -INFINITY, NULL);
    dr_result_figure(&result, "db1", &loss, 1.1e19, NULL);
    dr_result_figure(&result, "db1", &loss, -1.1e19, NULL);
    assert_int_equal(result.figure_count, 0);
    assert_false(result.out_of_memory);
    dr_result_figure(&result, "db1", &loss, DR_FIGURE_MAX, NULL);
    assert_int_equal(result.figure_count, 1);
    dr_result_free(&result);
}

static void bounds_follow_the_unit(void **state)
{
    (void)state;
    static const struct {
        const struct dr_metric *metric;
        double value;
        bool minimum;
        bool maximum;
    } cases[] = {
        {&loss, 0, true, false},      {&loss, -1, false, false}, {&fill, 50, true, true},
        {&fill, 100, true, true},     {&fill, 101, true, false}, {&fill, -1, false, true},
        {&standbys, 2, false, false},
    };
    struct dr_result result;
    dr_result_init(&result, "TEST");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dr_result_figure(&result, NULL, cases[i].metric, cases[i].value, NULL);
        const struct dr_figure *figure = &result.figures[i];
        assert_int_equal(figure->minimum.known, cases[i].minimum);
        assert_int_equal(figure->maximum.known, cases[i].maximum);
        assert_true(figure->minimum.value == 0);
        assert_true(!figure->maximum.known || figure->maximum.value == 100);
    }
    dr_result_free(&result);
}

static void freeing_leaves_an_empty_result(void **state)
{
    (void)state;
    struct dr_result result;
    dr_result_init(&result, "TEST");
    dr_result_verdict(&result, DR_OK, "x");
    dr_result_add(&result, DR_OK, "x", "x");
    dr_result_figure(&result, "x", &loss, 1, NULL);
    dr_result_free(&result);
    assert_int_equal(dr_result_state(&result), DR_UNKNOWN);
    assert_int_equal(result.figure_count + result.finding_count, 0);
    dr_result_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_never_ok),
        cmocka_unit_test(the_worst_of_verdict_and_findings),
        cmocka_unit_test(sorting_is_worst_first_then_as_added),
        cmocka_unit_test(texts_are_cleaned),
        cmocka_unit_test(a_text_is_bounded),
        cmocka_unit_test(figures_are_labelled),
        cmocka_unit_test(figures_are_copies),
        cmocka_unit_test(what_is_no_number_is_left_out),
        cmocka_unit_test(bounds_follow_the_unit),
        cmocka_unit_test(freeing_leaves_an_empty_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
