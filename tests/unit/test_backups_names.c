/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of backups: globs, --name-format on days whose hours come twice or not at all, and names
 * that say that they are not finished. */
#include "plugins/backups/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NONE (-1.0)

/* ---- globs ---- */

static void test_globs(void **state)
{
    static const struct {
        const char *glob;
        const char *name;
        bool matches;
    } rows[] = {
        {"", "anything/at/all", true},
        {"*.dump", "pg.dump", true},
        {"*.dump", "pg.dump.part", false},
        {"*.dump", "a/pg.dump", false},
        {"*", "", true},
        {"*", "a/b", false},
        {"*/*.dump", "a/pg.dump", true},
        {"*/*.dump", "a/b/pg.dump", false},
        {"**", "a/b/c", true},
        {"**/*.dump", "pg.dump", true},
        {"**/*.dump", "a/b/pg.dump", true},
        {"**/b/*.dump", "a/b/pg.dump", true},
        {"**/b/*.dump", "ab/pg.dump", false},
        {"a/**/z", "a/z", true},
        {"a/**/z", "a/b/c/z", true},
        {"a/**/z", "a/b/cz", false},
        {"a**z", "a/b/cz", true},
        {"a/**", "a/b/c", true},
        {"a/**", "b/a/c", false},
        {"?g", "pg", true},
        {"?g", "/g", false},
        {"[a-c]x", "bx", true},
        {"[a-c]x", "dx", false},
        {"[!a-c]x", "dx", true},
        {"[!a-c]x", "/x", false},
        {"[^a-c]x", "ax", false},
        {"[]]x", "]x", true},
        {"[a-]x", "-x", true},
        {"[*]x", "*x", true},
        {"[*]x", "ax", false},
        {"a[b", "a[b", true},
        {"*a*b*c", "xxaxxbxxbxc", true},
        {"*a*b*c", "xxaxxbxxbx", false},
        {"**/*a*/*.x", "q/w/bab/c/bab/y.x", true},
        {"*\xc3\xa4*", "m\xc3\xa4rz", true},
        {"[\xe0-\xff]", "\xf0", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (bak_glob_match(rows[i].glob, rows[i].name) != rows[i].matches)
            fail_msg("\"%s\" and \"%s\"", rows[i].glob, rows[i].name);
    }
}

/* A glob made to be slow: stars that each could take any part of a long name. */
static void test_globs_end(void **state)
{
    char name[4096];
    (void)state;
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_false(bak_glob_match("*a*a*a*a*a*a*a*a*a*a*b", name));
    assert_false(bak_glob_match("**a**a*a**a*a**a*a**a*b", name));
}

static void test_roots(void **state)
{
    static const struct {
        const char *glob;
        size_t root;
    } rows[] = {{"/a/b/c*.gz", 5}, {"*.gz", 0},    {"/a/b", 4}, {"", 0},
                {"/a/**/b", 3},    {"a/[b]/c", 2}, {"a?/b", 0}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(bak_glob_root(rows[i].glob), rows[i].root);
}

/* ---- formats ---- */

static void test_formats_checked(void **state)
{
    static const struct {
        const char *format;
        const char *wrong; /* NULL: nothing */
    } rows[] = {
        {"pg-%Y%m%d.dump", NULL},
        {"{}-%s.tar", NULL},
        {"%y%j", NULL},
        {"%d-%b-%Y %H:%M:%S%z 100%%", NULL},
        {"%Y/%m/%Y%m%d-*.gz", NULL},
        {"pg.dump", "no day"},
        {"%Y%m", "no day"},
        {"%H%M", "no day"},
        {"%d%m", "no day"},
        {"%Y%m%d%M", "%M without %H"},
        {"%Y%m%d%H%S", "%S without %M"},
        {"%Y%m%d%", "position 7"},
        {"%Y%m%d-%Q", "position 8: %Q"},
        {"{}-%Y%m%d-{}", "twice"},
        {"", "no day"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_error error = {.class = DR_ERR_NONE};
        bool ok = bak_format_check(rows[i].format, &error);
        if (ok != (rows[i].wrong == NULL))
            fail_msg("\"%s\": %s", rows[i].format, error.text);
        if (!ok) {
            assert_int_equal(error.class, DR_ERR_USAGE);
            if (strstr(error.text, rows[i].wrong) == NULL)
                fail_msg("\"%s\": %s", rows[i].format, error.text);
        }
    }
}

static void set_zone(const char *zone)
{
    assert_int_equal(setenv("TZ", zone, 1), 0);
    tzset();
}

static void test_formats_read(void **state)
{
    static const struct {
        const char *zone;
        const char *format;
        const char *name;
        double near;   /* NONE: not known */
        double moment; /* NONE: does not match */
        const char *series;
    } rows[] = {
        {"UTC", "pg-%Y%m%dT%H%M.dump", "pg-20261120T0200.dump", NONE, 1795140000, ""},
        {"UTC", "pg-%Y%m%dT%H%M.dump", "deep/down/pg-20261120T0200.dump", NONE, 1795140000, ""},
        {"UTC", "pg-%Y%m%dT%H%M.dump", "xpg-20261120T0200.dump", NONE, NONE, ""},
        {"UTC", "pg-%Y%m%dT%H%M.dump", "pg-20261120T0200.dump.part", NONE, NONE, ""},
        {"UTC", "pg-%Y%m%d", "pg-2026112", NONE, NONE, ""},
        {"UTC", "%Y/%m/%d/*", "srv/2026/11/20/x.gz", NONE, 1795132800, ""},
        {"UTC", "%Y/%m/%d/*", "11/20/x.gz", NONE, NONE, ""},
        /* a name may say a thing twice, and must say the same */
        {"UTC", "%Y/%m/%Y%m%d", "2026/11/20261120", NONE, 1795132800, ""},
        {"UTC", "%Y/%m/%Y%m%d", "2025/11/20261120", NONE, NONE, ""},
        /* the series, which may hold what stands behind it */
        {"UTC", "{}-%Y%m%d.dump", "a-b-20261120.dump", NONE, 1795132800, "a-b"},
        {"UTC", "{}-%Y%m%d.dump", "-20261120.dump", NONE, NONE, ""},
        {"UTC", "{}/%Y%m%d.dump", "x/orders/20261120.dump", NONE, 1795132800, "orders"},
        {"UTC", "{}-*-%Y%m%d*", "orders-full-20261120.dump.gz", NONE, 1795132800, "orders"},
        {"UTC", "*%Y%m%d*", "1234567-20261120-x", NONE, 1795132800, ""},
        /* calendars */
        {"UTC", "%Y%m%d", "20261320", NONE, NONE, ""},
        {"UTC", "%Y%m%d", "20260229", NONE, NONE, ""},
        {"UTC", "%Y%m%d", "20240229", NONE, 1709164800, ""},
        {"UTC", "%Y%m%d", "20260431", NONE, NONE, ""},
        {"UTC", "%Y%m%d", "20260100", NONE, NONE, ""},
        {"UTC", "%Y%m%dT%H", "20261120T24", NONE, NONE, ""},
        {"UTC", "%Y-%j", "2024-366", NONE, 1735603200, ""},
        {"UTC", "%Y-%j", "2026-366", NONE, NONE, ""},
        {"UTC", "%Y-%j", "2026-001", NONE, 1767225600, ""},
        {"UTC", "%Y-%j", "2026-000", NONE, NONE, ""},
        {"UTC", "%d-%b-%Y", "20-Nov-2026", NONE, 1795132800, ""},
        {"UTC", "%d-%b-%Y", "20-Nah-2026", NONE, NONE, ""},
        {"UTC", "%y%m%d", "261120", NONE, 1795132800, ""},
        {"UTC", "%y%m%d", "990101", NONE, 915148800, ""},
        {"UTC", "%Y%m%d%H%M%S", "20261231235960", NONE, 1798761600, ""},
        {"UTC", "%Y%m%d-50%%", "20261120-50%", NONE, 1795132800, ""},
        {"UTC", "x-%s.gz", "x-1795140000.gz", NONE, 1795140000, ""},
        {"UTC", "x-%s.gz", "x-.gz", NONE, NONE, ""},
        {"UTC", "x-%s.gz", "x-179514000000.gz", NONE, NONE, ""},
        /* zones in names, whatever ours is */
        {"Europe/Berlin", "%Y%m%dT%H%M%z", "20261120T0200Z", NONE, 1795140000, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M%z", "20261120T0300+0100", NONE, 1795140000, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M%z", "20261119T2130-04:30", NONE, 1795140000, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M%z", "20261120T0300+01", NONE, NONE, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M%z", "20261120T0300+1500", NONE, NONE, ""},
        /* ours: the years' ends, winter, summer */
        {"Europe/Berlin", "%Y%m%dT%H%M", "20270101T0030", NONE, 1798759800, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M", "20261231T2359", NONE, 1798757940, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M", "20260701T0200", NONE, 1782864000, ""},
        /* 2026-03-29 has no hour from 02:00 to 03:00: an hour later */
        {"Europe/Berlin", "%Y%m%dT%H%M", "20260329T0159", NONE, 1774745940, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M", "20260329T0230", NONE, 1774747800, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M", "20260329T0300", NONE, 1774746000, ""},
        /* 2026-10-25 has it twice: who wrote the file decides, else the earlier one */
        {"Europe/Berlin", "%Y%m%dT%H%M", "20261025T0159", NONE, 1792886340, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M", "20261025T0230", NONE, 1792888200, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M", "20261025T0230", 1792888200 + 600, 1792888200, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M", "20261025T0230", 1792891800 + 600, 1792891800, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M", "20261025T0230", 1792891800 + 7200, 1792891800, ""},
        {"Europe/Berlin", "%Y%m%dT%H%M", "20261025T0300", NONE, 1792893600, ""},
        /* where summer begins when winter does elsewhere, and where it is half an hour */
        {"America/New_York", "%Y%m%dT%H%M", "20261101T0130", 1793514600, 1793514600, ""},
        {"Australia/Lord_Howe", "%Y%m%dT%H%M", "20260405T0145", NONE, 1775313900, ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_opt_real near = {.known = rows[i].near > 0, .value = rows[i].near};
        struct bak_named named;
        struct dr_error error = {.class = DR_ERR_NONE};
        set_zone(rows[i].zone);
        if (!bak_format_check(rows[i].format, &error))
            fail_msg("%s", error.text);
        bool matched = bak_format_read(rows[i].format, rows[i].name, &near, &named);
        if (matched != (rows[i].moment > 0) || (matched && named.moment != rows[i].moment) ||
            (matched && strcmp(named.series, rows[i].series) != 0))
            fail_msg("\"%s\" of \"%s\" in %s: %d, %.0f \"%s\", wanted %.0f", rows[i].format,
                     rows[i].name, rows[i].zone, matched, matched ? named.moment : 0,
                     matched ? named.series : "", rows[i].moment);
    }
}

static void test_formats_say_what_they_know(void **state)
{
    struct bak_named named;
    (void)state;
    set_zone("Europe/Berlin");
    assert_true(bak_format_read("%Y%m%d", "20261120", NULL, &named));
    assert_true(named.day_only);
    assert_false(named.zoned);
    assert_true(bak_format_read("%Y%m%dT%H%z", "20261120T02Z", NULL, &named));
    assert_false(named.day_only);
    assert_true(named.zoned);
    assert_true(bak_format_read("%s", "1795140000", NULL, &named));
    assert_false(named.day_only);
    assert_true(named.zoned);
}

/* Every hour of a year of a zone with daylight saving is what the C library makes of it. */
static void test_formats_as_the_library(void **state)
{
    (void)state;
    set_zone("Europe/Berlin");
    for (time_t moment = 1767225600; moment < 1767225600 + 366 * 86400; moment += 1800) {
        char name[32];
        struct tm local;
        struct bak_named named;
        const struct dr_opt_real near = dr_real((double)moment + 60);
        assert_non_null(localtime_r(&moment, &local));
        strftime(name, sizeof name, "%Y%m%dT%H%M%S", &local);
        assert_true(bak_format_read("%Y%m%dT%H%M%S", name, &near, &named));
        if (named.moment != (double)moment)
            fail_msg("%s: %.0f, wanted %lld", name, named.moment, (long long)moment);
    }
}

static void test_formats_end(void **state)
{
    char name[512];
    struct bak_named named;
    (void)state;
    set_zone("UTC");
    memset(name, '1', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_false(bak_format_read("*1*1*1*1*1*1*1*1*%Y%m%dx", name, NULL, &named));
    assert_false(bak_format_read("{}1*1*1*%s*x", name, NULL, &named));
}

/* A listing that begins behind it misses nothing of the window. */
static void test_after(void **state)
{
    static const struct {
        const char *zone;
        const char *format;
        const char *directory;
        const char *name; /* NULL: none */
    } rows[] = {
        {"UTC", "pg-%Y%m%dT%H%M.dump", "", "pg-20261119"},
        {"UTC", "pg-%Y%m%dT%H%M.dump", "daily/", "daily/pg-20261119"},
        {"UTC", "%Y-%j.tar", "", "2026-323"},
        {"UTC", "%Y-%m-%d_{}.tar", "", "2026-11-19"},
        {"UTC", "100%%-%Y%m*", "", "100%-202611"},
        {"Europe/Berlin", "%Y%m%d", "", "20261119"},
        {"UTC", "{}-%Y%m%d", "", NULL},
        {"UTC", "*-%Y%m%d", "", NULL},
        {"UTC", "%d%m%Y", "", NULL},
        {"UTC", "%y%m%d", "", NULL},
        {"UTC", "%s", "", NULL},
        {"UTC", "%Y/%m%d", "", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char name[64];
        set_zone(rows[i].zone);
        bool ok =
            bak_format_after(rows[i].format, rows[i].directory, 1795140000, name, sizeof name);
        if (ok != (rows[i].name != NULL) || (ok && strcmp(name, rows[i].name) != 0))
            fail_msg("%s: %d %s", rows[i].format, ok, ok ? name : "");
    }
    char small[8];
    assert_false(bak_format_after("pg-%Y%m%d", "", 1795140000, small, sizeof small));
}

/* ---- not finished ---- */

static void test_unfinished(void **state)
{
    static const struct {
        const char *name;
        const char *finished; /* NULL: it is */
    } rows[] = {
        {"pg.dump", NULL},
        {"pg.dump.part", "pg.dump"},
        {"pg.dump.partial", "pg.dump"},
        {"pg.dump.tmp", "pg.dump"},
        {"pg.dump.inprogress", "pg.dump"},
        {"pg.dump.incomplete", "pg.dump"},
        {"pg.dump.filepart", "pg.dump"},
        {"pg.dump.crdownload", "pg.dump"},
        {"pg.dump~", "pg.dump"},
        {".pg.dump.aB3dE9", "pg.dump"},
        {".pg.dump.backup", NULL},
        {".aB3dE9", NULL},
        {"pg.dump.aB3dE9", NULL},
        {".part", NULL},
        {"~", NULL},
        {"part", NULL},
        {"a/pg.dump.part", "a/pg.dump"},
        {"a/.pg.dump.aB3dE9", "a/pg.dump"},
        {"a.part/pg.dump", "a/pg.dump"},
        {"pg.dump.part.gz", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char finished[64];
        assert_int_equal(bak_name_unfinished(rows[i].name), rows[i].finished != NULL);
        assert_true(bak_name_finished(rows[i].name, finished, sizeof finished));
        assert_string_equal(finished, rows[i].finished != NULL ? rows[i].finished : rows[i].name);
    }
    char small[4];
    assert_false(bak_name_finished("pg.dump.part", small, sizeof small));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_globs),
        cmocka_unit_test(test_globs_end),
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_formats_checked),
        cmocka_unit_test(test_formats_read),
        cmocka_unit_test(test_formats_say_what_they_know),
        cmocka_unit_test(test_formats_as_the_library),
        cmocka_unit_test(test_formats_end),
        cmocka_unit_test(test_after),
        cmocka_unit_test(test_unfinished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
