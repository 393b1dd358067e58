/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the readers of documents share: dates at the end of names, moments with and without a zone,
 * pointers, bytes that are no UTF-8, and how many points are kept. */
#include "plugins/backups/document_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_names(void **state)
{
    static const struct {
        const char *name;
        const char *series; /* NULL: it ends in no date */
    } rows[] = {
        {"db1-2026-11-20", "db1"},
        {"HOST-2026-11-20T20:27:06", "HOST"},
        {"db1_20261120", "db1"},
        {"db1.20261120T0200Z", "db1"},
        {"2026-11-20", ""},
        {"db12026-11-20", NULL},
        {"db1-2026.11.20-02.00", "db1"},
        {"db1-future", NULL},
        {"db1-2026-11-20-final", NULL},
        {"db1-2026-11", NULL},
        {"v2-99991231", NULL},
        {"a-2026-1-2", NULL},
        {"a-b-1-20261120_020000", "a-b-1"},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t prefix = 0;
        bool dated = bak_name_split_date(rows[i].name, &prefix);
        if (dated != (rows[i].series != NULL) ||
            (dated && (strlen(rows[i].series) != prefix ||
                       strncmp(rows[i].name, rows[i].series, prefix) != 0)))
            fail_msg("%s: %zu", rows[i].name, prefix);
    }
}

/* Zones by rule, so that no file of the machine decides. */
static void test_moments(void **state)
{
    static const struct {
        const char *zone;
        const char *text;
        double moment; /* below 0: none */
    } rows[] = {
        {"UTC0", "2026-11-20T02:00:00.5", 1795140000.5},
        {"EST5EDT,M3.2.0,M11.1.0", "2026-11-19T21:00:00", 1795140000},
        {"EST5EDT,M3.2.0,M11.1.0", "2026-11-20T02:00:00Z", 1795140000},
        {"EST5EDT,M3.2.0,M11.1.0", "2026-11-20T03:00:00+01:00", 1795140000},
        {"EST5EDT,M3.2.0,M11.1.0", "2026-11-01T01:30:00", 1793511000}, /* comes twice */
        {"EST5EDT,M3.2.0,M11.1.0", "2026-11-01T02:30:00", 1793518200},
        {"UTC0", "yesterday", -1},
        {"UTC0", "", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        setenv("TZ", rows[i].zone, 1);
        tzset();
        struct dr_opt_real moment = bak_moment_local(rows[i].text);
        if (moment.known != (rows[i].moment >= 0) ||
            (moment.known && moment.value != rows[i].moment))
            fail_msg("%s: %f", rows[i].text, moment.value);
    }
}

static void test_pointers(void **state)
{
    static const char *const text = "{\"a\":{\"b/c\":[1,{\"~\":2}],\"\":3},\"n\":null}";
    static const struct {
        const char *pointer;
        int64_t value; /* below 0: nothing is there */
    } rows[] = {{"/a/b~1c/0", 1}, {"/a/b~1c/1/~0", 2}, {"/a/", 3},        {"/a/b~1c/2", -1},
                {"/a/b", -1},     {"/n/x", -1},        {"/a/b~1c/x", -1}, {"/a/b~1c/-", -1}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_json reader = dr_json_start(text);
        bool found = bak_document_find(&reader, rows[i].pointer);
        if (found != (rows[i].value >= 0) || (found && dr_json_int(&reader).value != rows[i].value))
            fail_msg("%s", rows[i].pointer);
    }
}

static void test_bytes(void **state)
{
    static const struct {
        const char *bytes;
        const char *clean;
    } rows[] = {{"plain\t\r\n", "plain\t\r\n"},
                {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
                {"a\xff"
                 "b\xc3",
                 "a?b?"},
                {"\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80", "?????????"},
                {"\x01\x1f", "??"}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", rows[i].bytes);
        bak_document_clean(text);
        assert_string_equal(text, rows[i].clean);
    }
}

/* In falling and rising order: the newest stay, all are counted, the oldest is remembered. */
static void test_kept(void **state)
{
    const struct bak_request request = {.now = 1e9, .skew = 300};
    (void)state;
    for (int rising = 0; rising < 2; rising++) {
        struct bak_facts facts = {.series = NULL};
        struct bak_series *series = bak_facts_series(&facts, "");
        for (int i = 0; i < 2000; i++) {
            struct bak_point *point = bak_facts_point(&facts, series, "x");
            point->data = dr_real(1000 + (rising ? i : 1999 - i));
            bak_document_added(&request, &facts, series);
        }
        assert_int_equal(series->point_count, 512);
        assert_int_equal(series->total.value, 2000);
        assert_true(series->oldest.value == 1000);
        for (size_t i = 0; i < series->point_count; i++)
            assert_true(series->points[i].data.value >= 1000 + 2000 - 512);
        bak_facts_free(&facts);
    }
}

static void test_future(void **state)
{
    const struct bak_request request = {.now = 1e9, .skew = 300};
    struct bak_facts facts = {.series = NULL};
    struct bak_series *series = bak_facts_series(&facts, "");
    (void)state;
    static const double moments[] = {1e9 + 299, 1e9 + 301, 2e9};
    for (size_t i = 0; i < COUNT(moments); i++) {
        bak_facts_point(&facts, series, "x")->data = dr_real(moments[i]);
        bak_document_added(&request, &facts, series);
        assert_int_equal(series->sign_count, i == 0 ? 0 : 1);
    }
    assert_int_equal(series->signs[0].kind, BAK_FUTURE);
    assert_true(series->oldest.value == 1e9 + 299);
    bak_facts_free(&facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_moments),
        cmocka_unit_test(test_pointers), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_kept),     cmocka_unit_test(test_future),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
