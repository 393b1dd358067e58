/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of WAL segments, and how far an archive goes without a gap. */
#include "plugins/backups/wal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MIB ((uint64_t)1024 * 1024)

static void test_names(void **state)
{
    static const struct {
        const char *name;
        uint64_t size; /* MiB */
        bool good;
        uint64_t number;
    } rows[] = {
        {"000000010000000000000002", 16, true, 2},
        {"0000000100000001000000FF", 16, true, 511},
        {"000000010000000100000000", 64, true, 64},
        {"000000010000000000000FFF", 1, true, 4095},
        {"000000010000000000000100", 16, false, 0}, /* 256 of 16 MiB end a log */
        {"000000010000000000000040", 64, false, 0},
        {"000000010000000000000002.gz", 16, true, 2},
        {"000000010000000000000002.lz4", 16, true, 2},
        {"000000010000000000000002-b3db172d15b350682a32f57af49e5fbfbc0fd7d7.gz", 16, true, 2},
        {"000000010000000000000002-b3db172d15b350682a32f57af49e5fbfbc0fd7d7.gz.pgbackrest.tmp", 16,
         false, 0},
        {"000000010000000000000002.partial", 16, false, 0},
        {"000000010000000000000002.partial.gz", 16, false, 0},
        {"000000010000000000000002.00000028.backup", 16, false, 0},
        {"000000010000000000000002.00000028.backup.lz4", 16, false, 0},
        {"000000010000000000000002.tmp", 16, false, 0},
        {"00000001000000000000000g", 16, false, 0},
        {"00000001000000000000000a", 16, false, 0}, /* PostgreSQL writes capitals */
        {"00000000000000000000000A", 16, false, 0}, /* there is no timeline 0 */
        {"00000002.history", 16, false, 0},
        {"0000000100000000000000023", 16, false, 0},
        {"", 16, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bak_segment segment = {0, 0};
        bool good = bak_wal_read(rows[i].name, rows[i].size * MIB, &segment);
        if (good != rows[i].good || (good && segment.number != rows[i].number))
            fail_msg("%s of %d MiB", rows[i].name, (int)rows[i].size);
        if (good) {
            char name[BAK_WAL_NAME_SIZE];
            bak_wal_name(&segment, rows[i].size * MIB, name);
            assert_memory_equal(name, rows[i].name, 24);
        }
    }
}

static void test_sizes(void **state)
{
    (void)state;
    /* 0/2000028 is in segment 2 of 16 MiB, 0x20 of 1 MiB, 0 of 64 MiB. */
    assert_int_equal(bak_wal_sizes("000000010000000000000002", 0x2000028), 16 * MIB);
    assert_int_equal(bak_wal_sizes("000000010000000000000020", 0x2000028), MIB);
    assert_int_equal(bak_wal_size_of(bak_wal_sizes("000000010000000000000000", 0x2000028)),
                     1024 * MIB);
    assert_int_equal(bak_wal_size_of(bak_wal_sizes("000000010000000000000000", 0x2000028) &
                                     bak_wal_sizes("000000010000000000000001", 0x4000028)),
                     64 * MIB);
    assert_int_equal(bak_wal_sizes("nothing", 0x2000028), 0);
    assert_int_equal(bak_wal_size_of(0), 16 * MIB);
    assert_int_equal(bak_wal_size_of(BAK_WAL_SIZES_ALL), 16 * MIB);
}

static void test_positions(void **state)
{
    static const char *const bad[] = {"", "/", "0/", "/0", "1", "0/123456789", "G/0", "0/0 "};
    uint64_t position;
    (void)state;
    assert_true(bak_wal_position("16/B374D848", &position));
    assert_int_equal(position, 0x16B374D848);
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (bak_wal_position(bad[i], &position))
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void test_header(void **state)
{
    unsigned char page[40] = {0x10, 0xD1, 0x02, 0x00};
    const uint64_t system = 7710350667085145155;
    const uint32_t size = 64 * 1024 * 1024;
    struct bak_wal_header header;
    (void)state;
    memcpy(page + 24, &system, sizeof system);
    memcpy(page + 32, &size, sizeof size);
    assert_true(bak_wal_header_read(page, sizeof page, &header));
    assert_true(header.system == system && header.segment_size == size);
    assert_false(bak_wal_header_read(page, sizeof page - 1, &header));
    page[2] = 0; /* a page within a segment has a short header */
    assert_false(bak_wal_header_read(page, sizeof page, &header));
    page[2] = 2;
    page[32] = 1;
    assert_false(bak_wal_header_read(page, sizeof page, &header));
    assert_false(
        bak_wal_header_read("\x1f\x8b\x08\x00 what gzip has packed, long enough", 40, &header));
}

static struct bak_wal_set set;

static void add(uint32_t timeline, uint64_t first, uint64_t last)
{
    for (uint64_t number = first; number <= last; number++) {
        const struct bak_segment segment = {timeline, number};
        assert_true(bak_wal_set_add(&set, &segment, dr_real(1000.0 * timeline + (double)number)));
    }
}

static struct bak_wal_reach reach(uint32_t timeline, uint64_t number)
{
    const struct bak_segment from = {timeline, number};
    struct bak_wal_reach found;
    bak_wal_set_reach(&set, &from, &found);
    return found;
}

static int end_set(void **state)
{
    (void)state;
    bak_wal_set_free(&set);
    return 0;
}

static void test_reach(void **state)
{
    (void)state;
    struct bak_wal_reach found = reach(1, 2);
    assert_false(found.any || found.gap);
    add(1, 2, 9);
    found = reach(1, 2);
    assert_true(found.any && !found.gap && found.missing_count == 0);
    assert_int_equal(found.through.number, 9);
    assert_true(found.written.known && found.written.value == 1009);
    assert_int_equal(set.count, 1);
    found = reach(1, 10); /* the first one of it is not there yet */
    assert_false(found.any);
    found = reach(1, 1);
    assert_true(!found.any && found.missing_count == 1 && found.missing.number == 1);
    add(1, 12, 20);
    found = reach(1, 4);
    assert_true(found.any && found.gap);
    assert_int_equal(found.through.number, 9);
    assert_int_equal(found.missing.number, 10);
    assert_int_equal(found.missing_count, 2);
    assert_int_equal(found.last.number, 20);
    assert_true(found.last_written.value == 1020);
    found = reach(1, 12); /* a gap in front of a backup is none of its */
    assert_true(found.any && !found.gap && found.through.number == 20);
    add(1, 10, 11);
    assert_int_equal(set.count, 1);
    assert_int_equal(reach(1, 4).missing_count, 0);
}

static void test_any_order(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 1000;
         i++) { /* every number once, far apart: 7 and 1000 have no divisor */
        const struct bak_segment segment = {1, (i * 7) % 1000};
        assert_true(bak_wal_set_add(&set, &segment, dr_real((double)segment.number)));
        assert_true(bak_wal_set_add(&set, &segment, dr_real(0))); /* and again */
    }
    assert_int_equal(set.count, 1);
    assert_true(reach(1, 0).through.number == 999 && reach(1, 0).written.value == 999);
}

static void test_timelines(void **state)
{
    struct dr_error error;
    (void)state;
    add(1, 2, 8);
    add(2, 7, 9); /* promoted within segment 7; the old primary went on to 8 */
    assert_true(bak_wal_set_history(&set, 2, "1\t0/7000158\tno recovery target specified\n",
                                    16 * MIB, &error));
    struct bak_wal_reach found = reach(1, 2);
    assert_true(found.any && found.missing_count == 0);
    assert_true(found.through.timeline == 2 && found.through.number == 9);
    found = reach(2, 8);
    assert_true(found.any && found.through.timeline == 2 && found.through.number == 9);
    found = reach(1, 8); /* behind the fork: timeline 2 does not lead there */
    assert_true(found.any && found.through.timeline == 1 && found.through.number == 8);
    add(3, 10, 11);
    assert_true(bak_wal_set_history(
        &set, 3, "1\t0/7000158\tno recovery target specified\n\n2\t0/A000000\tx\n", 16 * MIB,
        &error));
    found = reach(1, 3);
    assert_true(found.through.timeline == 3 && found.through.number == 11 && !found.gap);
}

/* The segment in which the new timeline begins was never archived. */
static void test_fork_is_missing(void **state)
{
    struct dr_error error;
    (void)state;
    add(1, 2, 6);
    add(2, 8, 9);
    assert_true(bak_wal_set_history(&set, 2, "1\t0/7000158\tx\n", 16 * MIB, &error));
    struct bak_wal_reach found = reach(1, 2);
    assert_true(found.gap && found.missing.timeline == 2 && found.missing.number == 7);
    assert_int_equal(found.missing_count, 1);
    assert_int_equal(found.through.number, 6);
}

/* Promoted a moment ago: the history file is there, and no segment yet. */
static void test_fork_without_segments(void **state)
{
    struct dr_error error;
    (void)state;
    add(1, 2, 6);
    assert_true(bak_wal_set_history(&set, 2, "1\t0/7000158\tx\n", 16 * MIB, &error));
    struct bak_wal_reach found = reach(1, 2);
    assert_true(found.any && !found.gap && found.through.number == 6);
}

static void test_fork_without_history(void **state)
{
    (void)state;
    add(1, 2, 6);
    add(2, 7, 9);
    struct bak_wal_reach found = reach(1, 2);
    assert_true(!found.gap && found.through.timeline == 2 && found.through.number == 9);
}

static void test_bad_histories(void **state)
{
    static const char *const bad[] = {
        "",           "# only words\n",    "1\n",        "x\t0/7000158\ty\n",
        "2\t0/0\t\n", "1\t7000158\twhy\n", "0\t0/7\t\n", "1\t0/7\t\n1\t0/8\t\n",
        "-1\t0/7\t\n"};
    struct dr_error error;
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        error.class = DR_ERR_NONE;
        if (bak_wal_set_history(&set, 2, bad[i], 16 * MIB, &error) ||
            error.class != DR_ERR_PROTOCOL)
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_header),
        cmocka_unit_test_teardown(test_reach, end_set),
        cmocka_unit_test_teardown(test_any_order, end_set),
        cmocka_unit_test_teardown(test_timelines, end_set),
        cmocka_unit_test_teardown(test_fork_is_missing, end_set),
        cmocka_unit_test_teardown(test_fork_without_segments, end_set),
        cmocka_unit_test_teardown(test_fork_without_history, end_set),
        cmocka_unit_test_teardown(test_bad_histories, end_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
