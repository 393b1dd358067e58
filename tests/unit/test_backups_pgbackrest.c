/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A repository of pgBackRest to facts. The catalogue is a real one (2.45); what lies around it is
 * made to fit, and then taken away piece by piece. */
#include "tests/unit/fake_store.h"

#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FULL "20261120-201830F"
#define DIFF "20261120-201830F_20261120-201832D"
#define INCR "20261120-201830F_20261120-201835I"
#define LAST "20261120-201912F"
#define STOP 1795205958.0 /* of the last one */
#define ARCHIVE "archive/main/15-1/0000000100000000/"
#define CHECKSUM "-b3db172d15b350682a32f57af49e5fbfbc0fd7d7.gz"
#define MANIFEST                                                                                   \
    "[backup]\nbackup-label=\"x\"\n\n[backrest]\nbackrest-checksum=\"c8abf924120ae6\"\n"

static void add_backup(const char *label)
{
    char name[200];
    snprintf(name, sizeof name, "backup/main/%s/backup.manifest", label);
    fake_add(name, MANIFEST, 1795205000);
    snprintf(name, sizeof name, "backup/main/%s/pg_data/PG_VERSION.gz", label);
    fake_add(name, NULL, 1795205000);
}

static void add_segment(unsigned number)
{
    char name[200];
    snprintf(name, sizeof name, ARCHIVE "00000001000000000000%04X" CHECKSUM, number);
    fake_add(name, NULL, STOP - 0xD + number);
}

static int begin(void **state)
{
    static const char *const labels[] = {FULL, DIFF, INCR, LAST};
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    char *text = fake_sample("backup/pgbackrest-2.45-repo-backup.info", 100000);
    fake_add("backup/main/backup.info", text, STOP);
    fake_add("backup/main/backup.info.copy", text, STOP);
    free(text);
    for (size_t i = 0; i < COUNT(labels); i++)
        add_backup(labels[i]);
    for (unsigned number = 2; number <= 0x10; number++)
        add_segment(number);
    fake.reader = bak_pgbackrest_read;
    fake.request = (struct bak_request){.now = STOP + 600, .window = 7 * 86400.0, .skew = 300};
    return 0;
}

static struct bak_series *read_main(void)
{
    fake_run();
    if (!fake.ok)
        fail_msg("%s", fake.error.text);
    return fake_series("main");
}

static bool says(const struct bak_series *series, enum bak_sign_kind kind, const char *words)
{
    return fake_signed(series->signs, series->sign_count, kind, words);
}

static void test_whole(void **state)
{
    (void)state;
    struct bak_series *series = read_main();
    assert_true(fake.facts.complete);
    assert_int_equal(fake.facts.series_count, 1);
    assert_int_equal(series->point_count, 4);
    assert_int_equal(series->total.value, 4);
    assert_int_equal(series->sign_count, 0);
    const struct bak_point *point = fake_point(series, INCR);
    assert_true(point->status == BAK_COMPLETE && point->level == BAK_INCREMENTAL);
    assert_string_equal(point->parent, DIFF);
    assert_true(point->data.value == 1795205916 && point->usable.value == 1795205916);
    assert_true(point->began.value == 1795205915 && point->clock == BAK_CLOCK_INSIDE);
    assert_true(point->size.value == 3885888 && point->content.value == 25343854);
    assert_true(point->proof == BAK_WELLFORMED && !point->encrypted && point->identity != 0);
    assert_true(fake_point(series, DIFF)->level == BAK_DIFFERENTIAL);
    assert_null(fake_point(series, LAST)->parent);
    const struct bak_log *log = &series->log;
    assert_true(log->kept && log->segment_size == 16u * 1024 * 1024);
    assert_true(log->system == 7710350667085145155u && log->timeline == 1);
    assert_int_equal(log->last, 0x10);
    assert_true(log->through.value == STOP + 3 && log->missing.value == 0);
    assert_true(log->from.value == 1795205912); /* the first full one: without a gap from there */
    assert_true(series->oldest.value == 1795205912);
}

static void test_gap(void **state)
{
    (void)state;
    fake_remove(ARCHIVE "00000001000000000000000E" CHECKSUM);
    struct bak_series *series = read_main();
    assert_true(says(series, BAK_LOG_GAP, "00000001000000000000000E"));
    assert_true(fake_point(series, LAST)->status == BAK_COMPLETE);
    assert_true(series->log.missing.value == 1 && series->log.through.value == STOP);
    assert_true(series->log.seen.value == STOP + 3);
    assert_int_equal(series->log.last, 0xD);
}

/* Retention of WAL leaves each older backup what it needs, and no more: no gap that matters. */
static void test_gap_before_the_newest(void **state)
{
    (void)state;
    fake_remove(ARCHIVE "000000010000000000000009" CHECKSUM);
    struct bak_series *series = read_main();
    assert_int_equal(series->sign_count, 0);
    assert_true(series->log.from.value == STOP && series->log.missing.value == 0);
}

static void test_needed_segment(void **state)
{
    (void)state;
    fake_remove(ARCHIVE "00000001000000000000000D" CHECKSUM);
    struct bak_series *series = read_main();
    const struct bak_point *point = fake_point(series, LAST);
    assert_true(point->status == BAK_PARTIAL);
    assert_non_null(strstr(point->why, "00000001000000000000000D"));
    assert_true(says(series, BAK_LOG_GAP, LAST));
    assert_true(series->log.from.value < STOP && series->log.missing.value == 1);
}

static void test_empty_segment(void **state)
{
    (void)state;
    fake_find(ARCHIVE "00000001000000000000000D" CHECKSUM)->size = 0;
    struct bak_series *series = read_main();
    assert_true(fake_point(series, LAST)->status == BAK_PARTIAL);
}

static void test_directories(void **state)
{
    (void)state;
    fake_remove("backup/main/" DIFF "/");
    struct bak_series *series = read_main();
    assert_true(says(series, BAK_CATALOGUE_LIES, DIFF));
    assert_true(fake_point(series, DIFF)->status == BAK_PARTIAL);
    assert_true(fake_point(series, INCR)->status == BAK_PARTIAL); /* it refers to both */
    assert_true(says(series, BAK_CHAIN_BROKEN, INCR " needs " DIFF));
    assert_true(fake_point(series, FULL)->status == BAK_COMPLETE);
    fake_set("backup/main/" LAST "/backup.manifest", "[backup]\nbackup-label=\"x\"\n");
    series = read_main();
    assert_true(fake_point(series, LAST)->status == BAK_PARTIAL);
    fake_remove("backup/main/" LAST "/backup.manifest");
    series = read_main();
    assert_true(says(series, BAK_CATALOGUE_LIES, "backup.manifest of " LAST));
}

static void test_strays(void **state)
{
    (void)state;
    fake_add("backup/main/20261120-202000F/backup.manifest.copy", "x", STOP + 45);
    fake_add("backup/main/20261119-010000F/backup.manifest.copy", "x", STOP - 150000);
    fake_add("backup/main/backup.history/2026/x.gz", "x", STOP);
    struct bak_series *series = read_main();
    assert_int_equal(series->point_count, 5);
    const struct bak_point *point = fake_point(series, "20261120-202000F");
    assert_true(point->status == BAK_RUNNING && point->began.value == 1795206000);
    assert_true(says(series, BAK_LEFTOVER, "20261119-010000F"));
    assert_int_equal(series->total.value, 4);
}

static void test_catalogues(void **state)
{
    (void)state;
    fake_set("backup/main/backup.info", "[backrest]\n");
    struct bak_series *series = read_main();
    assert_true(series->point_count == 4 && says(series, BAK_NOTE, "backup.info.copy"));
    fake_set("backup/main/backup.info.copy", "");
    series = read_main();
    assert_true(series->point_count == 0 && says(series, BAK_UNREADABLE, "backup.info"));
    assert_false(fake.facts.complete);
    fake_remove("backup/main/backup.info");
    fake_remove("backup/main/backup.info.copy");
    series = read_main();
    assert_true(says(series, BAK_NO_SUCH_SERIES, "main"));
    assert_true(fake.facts.complete);
}

static void test_stanzas(void **state)
{
    (void)state;
    fake.parameters = "?stanza=other";
    fake_run();
    assert_true(fake.ok && says(fake_series("other"), BAK_NO_SUCH_SERIES, "other"));
    assert_int_equal(fake.facts.series_count, 1);
    fake_remove("backup/");
    fake.parameters = NULL;
    fake_run();
    assert_true(fake.ok && fake.facts.series_count == 0);
    assert_true(fake_signed(fake.facts.signs, fake.facts.sign_count, BAK_NO_SUCH_SERIES, "stanza"));
}

/* Nothing that may not be read is ever an empty list. */
static void test_forbidden(void **state)
{
    static const char *const names[] = {"backup/main/backup.info", "backup/main/" LAST "/",
                                        "archive/main/15-1/"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        fake.forbidden = names[i];
        struct bak_series *series = read_main();
        if (fake.facts.complete || !says(series, BAK_UNREADABLE, names[i]))
            fail_msg("%s", names[i]);
    }
    fake.forbidden = "backup/";
    fake_run();
    assert_false(fake.ok || fake.facts.complete);
    assert_int_equal(fake.error.class, DR_ERR_PRIVILEGE);
}

static void seal(void)
{
    fake_set("backup/main/backup.info", "Salted__\x01\x02\x03");
    fake_set("backup/main/backup.info.copy", "Salted__\x01\x02\x03");
}

static void test_sealed(void **state)
{
    (void)state;
    seal();
    fake_add(ARCHIVE "00000001000000000000000D.00000028.backup", "x", STOP);
    struct bak_series *series = read_main();
    assert_int_equal(series->point_count, 4);
    const struct bak_point *point = fake_point(series, INCR);
    assert_true(point->encrypted && point->proof == BAK_SIZED && point->clock == BAK_CLOCK_NAME);
    /* its label is of a zone ahead: data cannot be younger than the manifest */
    assert_true(point->data.value == 1795205000 && point->usable.value == 1795205000);
    assert_string_equal(point->parent, FULL);
    assert_true(series->log.through.value == STOP + 3);
    fake_remove(ARCHIVE "00000001000000000000000F" CHECKSUM);
    series = read_main();
    assert_true(says(series, BAK_LOG_GAP, "newest backup") && series->log.missing.value == 1);
}

/* What hangs on a full one without data is no backup; of each, that is seen without the key. */
static void test_sealed_without_data(void **state)
{
    (void)state;
    seal();
    fake_remove("backup/main/" FULL "/pg_data/PG_VERSION.gz");
    struct bak_series *series = read_main();
    assert_true(says(series, BAK_CATALOGUE_LIES, FULL) && says(series, BAK_CHAIN_BROKEN, INCR));
    assert_int_equal(fake_point(series, FULL)->status, BAK_PARTIAL);
    assert_int_equal(fake_point(series, INCR)->status, BAK_PARTIAL);
    assert_non_null(strstr(fake_point(series, INCR)->why, "which is not complete"));
}

/* One that was killed long ago is not counted among those that are there. */
static void test_sealed_leftover(void **state)
{
    (void)state;
    seal();
    struct bak_series *series = read_main();
    int64_t whole = series->total.value;
    fake_add("backup/main/20261101-201830F/backup.manifest.copy", "x", STOP - 20 * 86400);
    series = read_main();
    assert_true(says(series, BAK_LEFTOVER, "20261101-201830F"));
    assert_true(series->total.known && series->total.value == whole);
}

/* A segment is a round trip nowhere, and only those from the oldest backup on are listed. */
static void test_many_segments(void **state)
{
    (void)state;
    for (unsigned log = 1; log <= 800; log++) {
        for (unsigned low = 0; low < 256; low++) {
            char name[200];
            snprintf(name, sizeof name, "archive/main/15-1/00000001%08X/00000001%08X%08X" CHECKSUM,
                     log, log, low);
            fake_add(name, NULL, STOP + 60);
        }
    }
    for (unsigned number = 0x11; number <= 0xFF; number++)
        add_segment(number);
    fake.remote = true;
    struct bak_series *series = read_main();
    assert_true(fake.facts.looked > 200000 && series->sign_count == 0);
    assert_int_equal(series->log.last, 801 * 256 - 1);
    assert_true(fake.calls < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_gap, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_gap_before_the_newest, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_needed_segment, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_empty_segment, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_directories, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_strays, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_catalogues, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_stanzas, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_forbidden, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_sealed, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_sealed_without_data, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_sealed_leftover, begin, fake_end),
        cmocka_unit_test_setup_teardown(test_many_segments, begin, fake_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
