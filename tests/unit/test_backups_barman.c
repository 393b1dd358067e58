/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A home of Barman to facts. Barman's backup.info is a real one (3.4). */
#include "tests/unit/fake_store.h"

#include "plugins/backups/barman_info.h"

#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ID "20261120T202208"
#define BASE "demo/base/" ID
#define WALS "demo/wals/0000000100000000/0000000100000000000000"
#define END 1795206129.880551

static void add_segments(const char *prefix, unsigned first, unsigned last, const char *end)
{
    for (unsigned number = first; number <= last; number++) {
        char name[200];
        snprintf(name, sizeof name, "%s%02X%s", prefix, number, end);
        fake_add(name, NULL, END + number);
    }
}

static int begin(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    char *text = fake_sample("backup/barman-3.4-backup.info", 100000);
    fake_add(BASE "/backup.info", text, END);
    free(text);
    fake_add(BASE "/data/PG_VERSION", NULL, END);
    fake_add("demo/wals/xlog.db", NULL, END);
    add_segments(WALS, 0x17, 0x1A, "");
    fake.reader = bak_barman_read;
    fake.request = (struct bak_request){.now = END + 600, .window = 7 * 86400.0, .skew = 300};
    return 0;
}

static struct bak_series *read_series(const char *name)
{
    fake_run();
    if (!fake.ok)
        fail_msg("%s", fake.error.text);
    return fake_series(name);
}

static bool says(const struct bak_series *series, enum bak_sign_kind kind, const char *words)
{
    return fake_signed(series->signs, series->sign_count, kind, words);
}

static void test_whole(void **state)
{
    (void)state;
    struct bak_series *series = read_series("demo");
    assert_true(fake.facts.complete && series->point_count == 1 && series->sign_count == 0);
    const struct bak_point *point = fake_point(series, ID);
    assert_true(point->status == BAK_COMPLETE && point->proof == BAK_WELLFORMED);
    assert_true(point->data.value > END - 0.001 && point->data.value < END + 0.001);
    assert_true(point->began.value < point->data.value);
    assert_int_equal(point->content.value, 107517125);
    assert_true(series->log.through.value == END + 0x1A && series->log.missing.value == 0);
    assert_true(series->log.system == 7710350667085145155u && series->log.last == 0x1A);
}

/* The value of a field is another one. */
static void change(const char *key, const char *value)
{
    char *text = fake_sample("backup/barman-3.4-backup.info", 100000);
    char field[64];
    snprintf(field, sizeof field, "\n%s=", key);
    char *at = strstr(text, field);
    assert_non_null(at);
    at += strlen(field);
    char *changed =
        dr_text_format("%.*s%s%s", (int)(at - text), text, value, at + strcspn(at, "\n"));
    fake_set(BASE "/backup.info", changed);
    free(changed);
    free(text);
}

static void test_statuses(void **state)
{
    static const struct {
        const char *value;
        enum bak_status status;
    } rows[] = {
        {"WAITING_FOR_WALS", BAK_RUNNING},
        {"STARTED", BAK_RUNNING},
        {"EMPTY", BAK_RUNNING},
        {"SYNCING", BAK_RUNNING},
        {"FAILED", BAK_FAILED},
        {"NEVER_HEARD", BAK_UNSEEN},
        {"DONE", BAK_COMPLETE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        change("status", rows[i].value);
        const struct bak_point *point = fake_point(read_series("demo"), ID);
        bool complete = rows[i].status == BAK_COMPLETE;
        if (point->status != rows[i].status || point->data.known != complete ||
            (point->why == NULL) != complete || !point->began.known)
            fail_msg("%s", rows[i].value);
    }
}

static void test_fields(void **state)
{
    (void)state;
    change("end_time", "None");
    assert_true(fake_point(read_series("demo"), ID)->status == BAK_UNSEEN);
    change("begin_time", "None");
    assert_true(fake_point(read_series("demo"), ID)->began.value == 1795206128);
    change("end_time", "'2026-11-20 21:22:09.880551+01:00'");
    double data = fake_point(read_series("demo"), ID)->data.value;
    assert_true(data > END - 0.001 && data < END + 0.001);
}

static void test_segment_sizes(void **state)
{
    (void)state;
    change("xlog_segment_size", "1048576");
    struct bak_series *series = read_series("demo");
    assert_int_equal(series->log.segment_size, 1048576);
    assert_true(fake_point(series, ID)->status == BAK_COMPLETE);
    change("xlog_segment_size", "17");
    series =
        read_series("demo"); /* no such size: nothing is said of the WAL, not that it is there */
    assert_false(series->log.through.known);
}

static void test_missing(void **state)
{
    (void)state;
    fake_remove(WALS "19");
    struct bak_series *series = read_series("demo");
    assert_true(says(series, BAK_LOG_GAP, "000000010000000000000019"));
    assert_true(series->log.missing.value == 1 && series->log.through.value == END + 0x18);
    fake_remove(WALS "17");
    series = read_series("demo");
    assert_true(fake_point(series, ID)->status == BAK_PARTIAL);
    fake_remove(BASE "/data/");
    series = read_series("demo");
    assert_true(says(series, BAK_CATALOGUE_LIES, ID));
    fake_remove(BASE "/backup.info");
    fake_add(BASE "/data/PG_VERSION", NULL, END);
    series = read_series("demo");
    assert_true(series->point_count == 0 && says(series, BAK_LEFTOVER, ID));
}

static void test_servers(void **state)
{
    (void)state;
    fake_add("second/wals/xlog.db", "", END);
    fake_add("lost+found/thing", "", END);
    fake_add(".ssh/config", "", END);
    struct bak_series *series = read_series("second");
    assert_int_equal(series->point_count, 0);
    assert_int_equal(fake.facts.series_count, 2);
    fake.parameters = "?server=third";
    assert_true(says(read_series("third"), BAK_NO_SUCH_SERIES, "third"));
    assert_int_equal(fake.facts.series_count, 1);
}

static void test_forbidden(void **state)
{
    static const char *const names[] = {BASE "/", "demo/base/", "demo/wals/", "demo/"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        fake.forbidden = names[i];
        struct bak_series *series = read_series("demo");
        if (fake.facts.complete || !says(series, BAK_UNREADABLE, names[i]))
            fail_msg("%s", names[i]);
    }
}

/* More than are kept: the newest are, and all are counted. */
static void test_many(void **state)
{
    char *text = fake_sample("backup/barman-3.4-backup.info", 100000);
    (void)state;
    for (int i = 0; i < 600; i++) {
        char name[100];
        snprintf(name, sizeof name, "demo/base/2025%02d%02dT%02d0000/backup.info", 1 + i / 200,
                 1 + i % 20, i / 20 % 10);
        fake_add(name, text, END);
    }
    free(text);
    struct bak_series *series = read_series("demo");
    assert_int_equal(series->point_count, 512);
    assert_int_equal(series->total.value, 601);
    assert_non_null(fake_point(series, ID));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_statuses, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_fields, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_segment_sizes, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_missing, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_servers, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_forbidden, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_many, begin, fake_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
