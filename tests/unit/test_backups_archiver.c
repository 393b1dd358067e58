/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server says of its archiving: a column that is missing, NULL or garbage is an error or
 * unknown; what is at rest, behind, failing or hollow is told apart, at each size of a segment. */
#include "plugins/backups/archiver_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1795207400.0
#define MIB ((int64_t)1024 * 1024)
#define SERVER 150008

/* ---- rows ---- */

enum kind { WORDS, NUMBER, REAL, TRUTH };

static const struct column {
    const char *name;
    const char *value;
    enum kind kind;
} columns[] = {
    {"in_recovery", "f", TRUTH},
    {"server_time", "1795207400.5", REAL},
    {"system", "7710350667085145155", NUMBER},
    {"timeline", "1", NUMBER},
    {"position", "771751936", NUMBER},
    {"redo", "771751976", NUMBER},
    {"checkpoint", "771752032", NUMBER},
    {"quiet", "t", TRUTH},
    {"segment_size", "16777216", NUMBER},
    {"mode", "on", WORDS},
    {"command", "cp %p /a/%f", WORDS},
    {"library", NULL, WORDS},
    {"timeout", "60", NUMBER},
    {"archived_count", "52", NUMBER},
    {"last_archived_wal", "00000001000000000000002D", WORDS},
    {"last_archived_time", "1795207268.84494", REAL},
    {"failed_count", "3", NUMBER},
    {"last_failed_wal", "000000010000000000000010", WORDS},
    {"last_failed_time", "1795205999.30376", REAL},
    {"stats_reset", "1795205908.685661", REAL},
    {"cluster_name", "main", WORDS},
    {"role_name", "monitor", WORDS},
    {"may_list", "t", TRUTH},
};

/* The row without one column (COUNT: none), or with another value in it. */
static PGresult *row_of(size_t without, size_t with, const char *value)
{
    PGresAttDesc described[COUNT(columns)];
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    size_t used = 0;
    memset(described, 0, sizeof described);
    for (size_t i = 0; i < COUNT(columns); i++) {
        if (i != without)
            described[used++].name = (char *)columns[i].name;
    }
    assert_int_equal(PQsetResultAttrs(result, (int)used, described), 1);
    used = 0;
    for (size_t i = 0; i < COUNT(columns); i++) {
        const char *cell = i == with ? value : columns[i].value;
        if (i == without)
            continue;
        assert_int_equal(
            PQsetvalue(result, 0, (int)used++, (char *)cell, cell != NULL ? (int)strlen(cell) : -1),
            1);
    }
    return result;
}

static bool read_row(size_t without, size_t with, const char *value, struct bak_archiver *archiver,
                     struct dr_error *error)
{
    PGresult *result = row_of(without, with, value);
    *archiver = (struct bak_archiver){.standby = {.known = false}};
    *error = (struct dr_error){.class = DR_ERR_NONE};
    bool ok = bak_archiver_read(result, archiver, error);
    PQclear(result);
    assert_true(ok == (error->class == DR_ERR_NONE));
    return ok;
}

static void test_row(void **state)
{
    struct bak_archiver archiver;
    struct dr_error error;
    (void)state;
    assert_true(read_row(COUNT(columns), COUNT(columns), NULL, &archiver, &error));
    assert_true(archiver.standby.known && !archiver.standby.value && archiver.quiet.value);
    assert_int_equal(archiver.position.value, 771751936);
    assert_int_equal(archiver.segment_size.value, 16 * MIB);
    assert_string_equal(archiver.last_name, "00000001000000000000002D");
    assert_string_equal(archiver.library, "");
    assert_true(archiver.failed_time.value < archiver.last_time.value);
}

static void test_missing_columns(void **state)
{
    struct bak_archiver archiver;
    struct dr_error error;
    (void)state;
    for (size_t i = 0; i < COUNT(columns); i++) {
        assert_false(read_row(i, COUNT(columns), NULL, &archiver, &error));
        assert_int_equal(error.class, DR_ERR_PROTOCOL);
        if (strstr(error.text, columns[i].name) == NULL)
            fail_msg("%s: %s", columns[i].name, error.text);
    }
}

static void test_nulls_and_garbage(void **state)
{
    static const char *const garbage[] = {"",     " ",   "x",   "1x",
                                          "0x10", "nan", "inf", "99999999999999999999"};
    struct bak_archiver archiver;
    struct dr_error error;
    (void)state;
    for (size_t i = 0; i < COUNT(columns); i++) {
        assert_true(read_row(COUNT(columns), i, NULL, &archiver, &error));
        for (size_t k = 0; k < COUNT(garbage) && columns[i].kind != WORDS; k++) {
            bool huge = k + 1 == COUNT(garbage) && columns[i].kind == REAL;
            if (read_row(COUNT(columns), i, garbage[k], &archiver, &error) != huge)
                fail_msg("%s = \"%s\"", columns[i].name, garbage[k]);
        }
    }
}

static void test_segment_sizes(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {{"1048576", true},     {"1073741824", true}, {"16777217", false}, {"524288", false},
                {"2147483648", false}, {"0", false},         {"-16777216", false}};
    struct bak_archiver archiver;
    struct dr_error error;
    size_t column = 0;
    (void)state;
    while (strcmp(columns[column].name, "segment_size") != 0)
        column++;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_true(read_row(COUNT(columns), column, rows[i].text, &archiver, &error) ==
                    rows[i].ok);
}

/* ---- facts ---- */

/* A healthy primary at rest: the last segment ends where the log does. */
static struct bak_archiver healthy(int64_t size)
{
    struct bak_archiver archiver = {
        .standby = dr_bool(false),
        .server_time = dr_real(NOW),
        .system = dr_int(7710350667085145155),
        .timeline = dr_int(1),
        .position = dr_int(0x2E * size + 96),
        .segment_size = dr_int(size),
        .timeout = dr_int(0),
        .mode = "on",
        .command = "cp %p /a/%f",
        .last_time = dr_real(NOW - 600),
        .may_list = dr_bool(true),
        .waiting = dr_int(0),
        .role = "monitor",
    };
    snprintf(archiver.last_name, sizeof archiver.last_name, "00000001%08llX%08llX",
             (unsigned long long)(0x2D / (0x100000000 / size)),
             (unsigned long long)(0x2D % (0x100000000 / size)));
    return archiver;
}

static struct bak_facts report(const struct bak_archiver *archiver)
{
    struct bak_facts facts = {.series = NULL};
    bak_archiver_report(archiver, SERVER, NOW, &facts);
    assert_int_equal(facts.series_count, 1);
    assert_true(facts.series[0].log.kept && facts.complete);
    return facts;
}

static bool has_sign(const struct bak_facts *facts, enum bak_sign_kind kind)
{
    for (size_t i = 0; i < facts->series[0].sign_count; i++) {
        if (facts->series[0].signs[i].kind == kind)
            return true;
    }
    return false;
}

static void test_at_rest(void **state)
{
    static const int64_t sizes[] = {MIB, 16 * MIB, 64 * MIB, 1024 * MIB};
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct bak_archiver archiver = healthy(sizes[i]);
        struct bak_facts facts = report(&archiver);
        assert_true(facts.series[0].log.idle.value);
        assert_true(facts.series[0].log.through.value == NOW);
        assert_int_equal(facts.series[0].log.last, 0x2D);
        assert_int_equal(facts.series[0].sign_count, 0);
        bak_facts_free(&facts);
    }
}

/* Where the log may end for nothing to be at risk, in bytes behind the last segment. */
static void test_slack(void **state)
{
    static const struct {
        int64_t position;
        int64_t redo; /* below 0: not known */
        int64_t checkpoint;
        bool quiet;
        bool idle;
    } rows[] = {
        {0, -1, -1, false, true},        {96, -1, -1, false, true},
        {104, -1, -1, false, false},     {328, 96, 152, false, true},
        {280, 40, 96, false, true},      {288, 40, 96, false, false},
        {8192, 40, 96, true, true},      {8192, 40, 96, false, false},
        {8192, 1000, 1056, true, false}, {8192, -4096, -4000, true, false},
        {328, 96, 8000, false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bak_archiver archiver = healthy(MIB);
        int64_t end = 0x2E * MIB;
        archiver.position = dr_int(end + rows[i].position);
        if (rows[i].redo != -1) {
            archiver.redo = dr_int(end + rows[i].redo);
            archiver.checkpoint = dr_int(end + rows[i].checkpoint);
        }
        archiver.quiet = dr_bool(rows[i].quiet);
        struct bak_facts facts = report(&archiver);
        const struct bak_log *log = &facts.series[0].log;
        if (log->idle.value != rows[i].idle)
            fail_msg("row %zu", i);
        assert_true(log->through.value == (rows[i].idle ? NOW : NOW - 600));
        bak_facts_free(&facts);
    }
}

/* What waits is not at rest, whatever the position. */
static void test_waiting(void **state)
{
    (void)state;
    struct bak_archiver archiver = healthy(MIB);
    archiver.waiting = dr_int(2);
    archiver.oldest_waiting = dr_real(NOW - 7200);
    struct bak_facts facts = report(&archiver);
    assert_false(facts.series[0].log.idle.value);
    assert_true(facts.series[0].log.through.value == NOW - 7200);
    assert_int_equal(facts.series[0].log.waiting.value, 2);
    bak_facts_free(&facts);
    archiver.oldest_waiting = dr_real(NOW - 60);
    facts = report(&archiver);
    assert_true(facts.series[0].log.through.value == NOW - 600);
    bak_facts_free(&facts);
}

/* Names of other files, alone and where nothing waits. */
static void test_special_names(void **state)
{
    static const struct {
        const char *name;
        uint64_t alone;   /* the last segment where what waits is not seen */
        uint64_t settled; /* and where nothing does */
    } rows[] = {
        {"00000001000000000000002D", 0x2D, 0x2D},
        {"00000001000000000000002D.00000028.backup", 0x2D, 0x2D},
        {"000000010000000000000029.00000028.backup", 0x29, 0x2D},
        {"00000002.history", 0, 0x2D},
        {"00000001000000000000002D.partial", 0, 0x2D},
        {"garbage", 0, 0x2D},
        {"", 0, 0x2D},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bak_archiver archiver = healthy(MIB);
        snprintf(archiver.last_name, sizeof archiver.last_name, "%s", rows[i].name);
        struct bak_facts facts = report(&archiver);
        assert_int_equal(facts.series[0].log.last, rows[i].settled);
        bak_facts_free(&facts);
        archiver.waiting.known = false;
        facts = report(&archiver);
        assert_int_equal(facts.series[0].log.last, rows[i].alone);
        assert_true(rows[i].alone != 0 || !facts.series[0].log.through.known);
        assert_true(rows[i].alone != 0 || !facts.series[0].log.idle.known);
        bak_facts_free(&facts);
    }
}

/* Without the right to see what waits: a backlog has no bound, and that is no mere note. */
static void test_rights(void **state)
{
    (void)state;
    struct bak_archiver archiver = healthy(MIB);
    archiver.waiting.known = false;
    struct bak_facts facts = report(&archiver);
    assert_true(has_sign(&facts, BAK_NOTE) && !has_sign(&facts, BAK_UNREADABLE));
    bak_facts_free(&facts);
    archiver.position = dr_int(0x33 * MIB);
    facts = report(&archiver);
    assert_true(has_sign(&facts, BAK_UNREADABLE) && !facts.series[0].log.through.known);
    assert_int_equal(facts.series[0].log.waiting.value, 5);
    bak_facts_free(&facts);
}

static void test_ahead_of_the_server(void **state)
{
    (void)state;
    struct bak_archiver archiver = healthy(MIB);
    archiver.position = dr_int(0x11 * MIB);
    struct bak_facts facts = report(&archiver);
    assert_true(has_sign(&facts, BAK_UNREADABLE));
    assert_false(facts.series[0].log.through.known || facts.series[0].log.idle.known);
    bak_facts_free(&facts);
}

/* Each setting, and whether anything is archived by it. */
static void test_methods(void **state)
{
    static const struct {
        const char *mode;
        const char *command;
        const char *library;
        int sign; /* BAK_SIGNS: none */
    } rows[] = {
        {"on", "cp %p /a/%f", "", BAK_SIGNS},
        {"always", "cp %p /a/%f", "", BAK_SIGNS},
        {"on", "", "basic_archive", BAK_SIGNS},
        {"on", "/bin/true", "basic_archive", BAK_SIGNS},
        {"off", "(disabled)", "", BAK_ARCHIVER_OFF},
        {"off", "cp %p /a/%f", "basic_archive", BAK_ARCHIVER_OFF},
        {"on", "", "", BAK_ARCHIVER_OFF},
        {"on", "  ", "", BAK_ARCHIVER_OFF},
        {"on", "/bin/true", "", BAK_ARCHIVER_HOLLOW},
        {"on", " true", "", BAK_ARCHIVER_HOLLOW},
        {"on", "/usr/bin/true %p %f", "", BAK_ARCHIVER_HOLLOW},
        {"on", ":", "", BAK_ARCHIVER_HOLLOW},
        {"on", "exit 0", "", BAK_ARCHIVER_HOLLOW},
        {"on", "cd .", "", BAK_ARCHIVER_HOLLOW},
        {"on", "true && cp %p /a/%f", "", BAK_SIGNS},
        {"on", "truely %p", "", BAK_SIGNS},
        {"", "cp %p /a/%f", "", BAK_UNREADABLE},
        {"maybe", "cp %p /a/%f", "", BAK_UNREADABLE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bak_archiver archiver = healthy(MIB);
        snprintf(archiver.mode, sizeof archiver.mode, "%s", rows[i].mode);
        snprintf(archiver.command, sizeof archiver.command, "%s", rows[i].command);
        snprintf(archiver.library, sizeof archiver.library, "%s", rows[i].library);
        struct bak_facts facts = report(&archiver);
        bool fine = rows[i].sign == BAK_SIGNS;
        if (facts.series[0].sign_count != (fine ? 0 : 1) ||
            (!fine && !has_sign(&facts, (enum bak_sign_kind)rows[i].sign)))
            fail_msg("row %zu", i);
        assert_true(facts.series[0].log.through.known == fine);
        bak_facts_free(&facts);
    }
}

static void test_failures(void **state)
{
    (void)state;
    struct bak_archiver archiver = healthy(MIB);
    archiver.failed_time = dr_real(NOW - 601);
    struct bak_facts facts = report(&archiver);
    assert_int_equal(facts.series[0].sign_count, 0);
    bak_facts_free(&facts);
    archiver.failed_time = dr_real(NOW - 599);
    facts = report(&archiver);
    assert_true(has_sign(&facts, BAK_ARCHIVER_FAILING));
    bak_facts_free(&facts);
    archiver.last_time.known = false;
    archiver.last_name[0] = '\0';
    facts = report(&archiver);
    assert_true(has_sign(&facts, BAK_ARCHIVER_FAILING));
    assert_false(facts.series[0].log.through.known || facts.series[0].log.idle.known);
    assert_int_equal(facts.series[0].log.last, 0);
    bak_facts_free(&facts);
    archiver.failed_time.known = false;
    facts = report(&archiver);
    assert_true(has_sign(&facts, BAK_UNREADABLE));
    assert_false(facts.series[0].log.through.known || facts.series[0].log.idle.known);
    bak_facts_free(&facts);
}

static void test_standbys(void **state)
{
    (void)state;
    struct bak_archiver archiver = healthy(MIB);
    archiver.standby = dr_bool(true);
    struct bak_facts facts = report(&archiver);
    assert_true(has_sign(&facts, BAK_UNREADABLE) && !facts.series[0].log.through.known);
    bak_facts_free(&facts);
    snprintf(archiver.mode, sizeof archiver.mode, "always");
    facts = report(&archiver);
    assert_true(facts.series[0].sign_count == 0 && facts.series[0].log.idle.value);
    bak_facts_free(&facts);
    archiver.standby.known = false;
    facts = report(&archiver);
    assert_true(has_sign(&facts, BAK_UNREADABLE) && !facts.series[0].log.through.known);
    bak_facts_free(&facts);
}

/* Each figure taken away: through is never later than with it. */
static void test_unknown_figures(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct bak_archiver archiver = healthy(MIB);
        struct dr_opt_int *figures[] = {&archiver.position, &archiver.segment_size,
                                        &archiver.waiting, &archiver.timeline};
        archiver.position = dr_int(0x2E * MIB + 5000);
        figures[i]->known = false;
        struct bak_facts facts = report(&archiver);
        const struct bak_log *log = &facts.series[0].log;
        assert_true(!log->through.known || log->through.value <= NOW - 600);
        assert_false(log->idle.known && log->idle.value);
        bak_facts_free(&facts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row),
        cmocka_unit_test(test_missing_columns),
        cmocka_unit_test(test_nulls_and_garbage),
        cmocka_unit_test(test_segment_sizes),
        cmocka_unit_test(test_at_rest),
        cmocka_unit_test(test_slack),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_special_names),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_ahead_of_the_server),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_standbys),
        cmocka_unit_test(test_unknown_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
