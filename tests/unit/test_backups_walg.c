/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A storage of WAL-G, and a plain archive of WAL, to facts. Both are written by hand, after the
 * documented layout. */
#include "tests/unit/fake_store.h"

#include "plugins/backups/walg_sentinel.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1795300000.0
#define FULL "base_000000010000000000000004"
#define DELTA "base_000000010000000000000008_D_000000010000000000000004"
#define SENTINEL(name) "basebackups_005/" name "_backup_stop_sentinel.json"

static void add_backup(const char *name, const char *sentinel, const char *metadata)
{
    char path[300];
    snprintf(path, sizeof path, "basebackups_005/%s_backup_stop_sentinel.json", name);
    fake_add(path, sentinel, NOW - 1000);
    snprintf(path, sizeof path, "basebackups_005/%s/tar_partitions/part_1.tar.lz4", name);
    fake_add(path, NULL, NOW - 1000);
    snprintf(path, sizeof path, "basebackups_005/%s/metadata.json", name);
    if (metadata != NULL)
        fake_add(path, metadata, NOW - 1000);
}

static void add_segments(const char *prefix, unsigned first, unsigned last, const char *end)
{
    for (unsigned number = first; number <= last; number++) {
        char name[200];
        snprintf(name, sizeof name, "%s0000000100000000000000%02X%s", prefix, number, end);
        fake_add(name, NULL, NOW - 500 + number);
    }
}

static int begin(void **state)
{
    (void)state;
    fake.request = (struct bak_request){.now = NOW, .window = 7 * 86400.0, .skew = 300};
    return 0;
}

static int begin_storage(void **state)
{
    fake.reader = bak_walg_read;
    add_backup(
        FULL,
        "{\"LSN\":67108904,\"FinishLSN\":83886080,\"PgVersion\":150004,\"SystemIdentifier\":"
        "17710350667085145155,\"UncompressedSize\":30000000,\"CompressedSize\":4000000,"
        "\"Spec\":null}",
        "{\"start_time\":\"2026-11-20T20:00:00.5Z\",\"finish_time\":\"2026-11-20T20:10:00Z\","
        "\"is_permanent\":false}");
    add_backup(
        DELTA,
        "{\"LSN\":134217768,\"DeltaLSN\":67108904,\"DeltaFrom\":\"" FULL
        "\",\"DeltaFullName\":\"" FULL "\",\"DeltaCount\":1,\"FinishLSN\":150994944,"
        "\"SystemIdentifier\":17710350667085145155,\"CompressedSize\":50000}",
        "{\"start_time\":\"2026-11-20T21:00:00Z\",\"finish_time\":\"2026-11-20T21:01:00Z\"}");
    add_segments("wal_005/", 4, 0x0C, ".lz4");
    return begin(state);
}

static struct bak_series *read_all(void)
{
    fake_run();
    if (!fake.ok)
        fail_msg("%s", fake.error.text);
    return fake_series("");
}

static bool says(const struct bak_series *series, enum bak_sign_kind kind, const char *words)
{
    return fake_signed(series->signs, series->sign_count, kind, words);
}

static void test_storage(void **state)
{
    (void)state;
    struct bak_series *series = read_all();
    assert_true(fake.facts.complete && series->point_count == 2 && series->sign_count == 0);
    const struct bak_point *point = fake_point(series, DELTA);
    assert_true(point->status == BAK_COMPLETE && point->level == BAK_INCREMENTAL);
    assert_string_equal(point->parent, FULL);
    assert_true(point->data.value == 1795208460 && point->clock == BAK_CLOCK_INSIDE);
    assert_true(point->size.value == 50000 && point->proof == BAK_WELLFORMED);
    assert_true(series->log.segment_size == 16u * 1024 * 1024 && series->log.last == 0x0C);
    assert_true(series->log.system == 17710350667085145155u && series->log.missing.value == 0);
    assert_true(series->log.from.value == 1795205400);
}

static void test_storage_broken(void **state)
{
    (void)state;
    fake_remove("wal_005/00000001000000000000000A.lz4");
    struct bak_series *series = read_all();
    assert_true(says(series, BAK_LOG_GAP, "00000001000000000000000A"));
    fake_remove("wal_005/000000010000000000000004.lz4");
    series = read_all();
    assert_true(fake_point(series, FULL)->status == BAK_PARTIAL);
    fake_remove(SENTINEL(FULL)); /* what is left of it is no backup, and the delta needs it */
    series = read_all();
    assert_true(fake_point(series, DELTA)->status == BAK_PARTIAL);
    assert_true(says(series, BAK_CHAIN_BROKEN, FULL));
    assert_true(fake_point(series, FULL)->status == BAK_RUNNING); /* written 1000 s ago */
    fake.request.now = NOW + 86400;
    assert_true(says(read_all(), BAK_LEFTOVER, FULL));
    fake_remove("basebackups_005/" DELTA "/");
    assert_true(says(read_all(), BAK_CATALOGUE_LIES, DELTA));
}

static void test_sentinels(void **state)
{
    (void)state;
    fake_set(SENTINEL(DELTA), "{\"LSN\":1342");
    struct bak_series *series = read_all();
    assert_true(fake_point(series, DELTA)->status == BAK_UNSEEN);
    fake_set(SENTINEL(DELTA), "[]");
    assert_true(fake_point(read_all(), DELTA)->status == BAK_UNSEEN);
    fake.forbidden = SENTINEL(DELTA);
    fake_run();
    assert_false(fake.ok || fake.facts.complete);
    fake.forbidden = NULL;
    fake_remove("basebackups_005/");
    assert_true(says(read_all(), BAK_NO_SUCH_SERIES, "basebackups_005"));
}

/* MySQL and MongoDB: consistent at the beginning, for what is known; no WAL. */
static void test_other_servers(void **state)
{
    (void)state;
    fake.reader = bak_walg_read;
    begin(state);
    add_backup("stream_20261120T200000Z",
               "{\"StartLocalTime\":\"2026-11-20T20:00:00Z\",\"StopLocalTime\":"
               "\"2026-11-20T22:00:00Z\",\"BinLogStart\":\"a\"}",
               NULL);
    add_backup("stream_20261121T200000Z", "{\"StartLocalTime\":\"0001-01-01T00:00:00Z\"}", NULL);
    struct bak_series *series = read_all();
    const struct bak_point *point = fake_point(series, "stream_20261120T200000Z");
    assert_true(point->data.value == 1795204800 && point->usable.value == 1795212000);
    point = fake_point(series, "stream_20261121T200000Z");
    assert_true(point->data.value == NOW - 1000 && point->clock == BAK_CLOCK_MODIFIED);
    assert_false(series->log.kept);
}

static int begin_archive(void **state)
{
    fake.reader = bak_wal_archive_read;
    add_segments("", 2, 9, ".gz");
    fake_add("00000001000000000000000A.partial", "x", NOW);
    fake_add("000000010000000000000003.00000028.backup", "x", NOW);
    return begin(state);
}

static void test_archive(void **state)
{
    (void)state;
    struct bak_series *series = read_all();
    assert_true(series->log.kept && series->sign_count == 0 && series->log.last == 9);
    assert_true(series->log.through.value == NOW - 491 && series->log.from.value == NOW - 498);
    fake_remove("000000010000000000000005.gz");
    series = read_all();
    assert_true(says(series, BAK_LOG_GAP, "000000010000000000000005"));
    assert_true(series->log.missing.value == 1 && series->log.last == 4);
}

static void test_archive_sizes(void **state)
{
    (void)state;
    fake_add("000000010000000000000FFF.gz", NULL, NOW); /* 16 MiB have no such name */
    struct bak_series *series = read_all();
    assert_int_equal(series->log.segment_size, 1048576);
    fake.parameters = "?segment-size=64MiB";
    series = read_all();
    assert_true(says(series, BAK_LOG_FOREIGN, "64 MiB"));
    fake.parameters = "?segment-size=17";
    fake_run();
    assert_true(!fake.ok && fake.error.class == DR_ERR_USAGE);
}

static void test_archive_empty(void **state)
{
    (void)state;
    fake.reader = bak_wal_archive_read;
    begin(state);
    fake_add("readme", "x", NOW);
    struct bak_series *series = read_all();
    assert_true(series->log.kept && !series->log.through.known && !series->log.from.known);
    fake.forbidden = "";
    fake_run();
    assert_false(fake.ok || fake.facts.complete);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_storage, begin_storage, fake_end),
        cmocka_unit_test_setup_teardown(test_storage_broken, begin_storage, fake_end),
        cmocka_unit_test_setup_teardown(test_sentinels, begin_storage, fake_end),
        cmocka_unit_test_teardown(test_other_servers, fake_end),
        cmocka_unit_test_setup_teardown(test_archive, begin_archive, fake_end),
        cmocka_unit_test_setup_teardown(test_archive_sizes, begin_archive, fake_end),
        cmocka_unit_test_teardown(test_archive_empty, fake_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
