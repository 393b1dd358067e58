/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/archiver_read.h"

#include "common/buffer.h"
#include "common/client/pg_row.h"
#include "plugins/backups/wal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a server that nobody writes to adds to its log by itself, in bytes, rounded up to 8 as
 * records are (xlogrecord.h, pg_control.h, standbydefs.h): a segment's first page header; the list
 * of running transactions, without any; the mark where an online checkpoint begins (17 and later);
 * the checkpoint. None of the sums below leaves room for the smallest transaction that changes a
 * row (a record of 64 bytes and a commit of 40): what is at rest by them has lost nothing. */
#define PAGE_HEADER 40
#define RUNNING_XACTS 56
#define CHECKPOINT_MARK 32
#define CHECKPOINT_RECORD 128

/* ---- rows ---- */

static void text(struct dr_pg_row *row, const char *column, char *into, size_t size)
{
    const char *value = dr_pg_row_cell(row, column);
    char *clean = dr_text_clean(value != NULL ? value : "", size - 1);
    if (clean == NULL)
        dr_pg_row_fail(row, column, "does not fit into memory");
    snprintf(into, size, "%s", clean != NULL ? clean : "");
    free(clean);
}

static struct dr_opt_int amount(struct dr_pg_row *row, const char *column)
{
    struct dr_opt_int value = dr_pg_row_int(row, column);
    if (value.known && value.value < 0) {
        dr_pg_row_fail(row, column, "is below 0");
        value.known = false;
    }
    return value;
}

static bool has_one_row(struct dr_pg_row *row)
{
    if (PQntuples(row->result) != 1)
        dr_pg_row_fail(row, "*", "has not exactly one row");
    return !row->failed;
}

static void read_settings(struct dr_pg_row *row, struct bak_archiver *archiver)
{
    archiver->segment_size = amount(row, "segment_size");
    archiver->timeout = amount(row, "timeout");
    text(row, "mode", archiver->mode, sizeof archiver->mode);
    text(row, "command", archiver->command, sizeof archiver->command);
    text(row, "library", archiver->library, sizeof archiver->library);
    text(row, "cluster_name", archiver->cluster, sizeof archiver->cluster);
    text(row, "role_name", archiver->role, sizeof archiver->role);
    archiver->may_list = dr_pg_row_bool(row, "may_list");
}

/* Sizes that initdb takes: powers of two from 1 MiB to 1 GiB. */
static bool is_segment_size(struct dr_opt_int size)
{
    return size.value >= 1024 * 1024 && size.value <= 1024 * 1024 * 1024 &&
           (size.value & (size.value - 1)) == 0;
}

bool bak_archiver_read(const PGresult *result, struct bak_archiver *archiver,
                       struct dr_error *error)
{
    struct dr_pg_row row = {.result = result, .error = error};
    if (!has_one_row(&row))
        return false;
    archiver->standby = dr_pg_row_bool(&row, "in_recovery");
    archiver->server_time = dr_pg_row_real(&row, "server_time");
    archiver->system = dr_pg_row_int(&row, "system");
    archiver->timeline = amount(&row, "timeline");
    archiver->position = amount(&row, "position");
    archiver->redo = amount(&row, "redo");
    archiver->checkpoint = amount(&row, "checkpoint");
    archiver->quiet = dr_pg_row_bool(&row, "quiet");
    read_settings(&row, archiver);
    archiver->archived = amount(&row, "archived_count");
    archiver->failed = amount(&row, "failed_count");
    text(&row, "last_archived_wal", archiver->last_name, sizeof archiver->last_name);
    archiver->last_time = dr_pg_row_real(&row, "last_archived_time");
    text(&row, "last_failed_wal", archiver->failed_name, sizeof archiver->failed_name);
    archiver->failed_time = dr_pg_row_real(&row, "last_failed_time");
    archiver->reset = dr_pg_row_real(&row, "stats_reset");
    if (archiver->segment_size.known && !is_segment_size(archiver->segment_size))
        dr_pg_row_fail(&row, "segment_size", "is no size of a segment");
    return !row.failed;
}

bool bak_archiver_read_waiting(const PGresult *result, struct bak_archiver *archiver,
                               struct dr_error *error)
{
    struct dr_pg_row row = {.result = result, .error = error};
    if (!has_one_row(&row))
        return false;
    archiver->waiting = amount(&row, "waiting");
    archiver->oldest_waiting = dr_pg_row_real(&row, "oldest");
    return !row.failed;
}

/* ---- facts ---- */

bool bak_archiver_is_hollow(const char *command)
{
    static const char *const nothing[] = {"true",   "/bin/true", "/usr/bin/true", ":",
                                          "exit 0", "cd .",      "test 1"};
    command += strspn(command, " \t");
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        size_t length = strlen(nothing[i]);
        const char *rest = command + length;
        if (strncmp(command, nothing[i], length) == 0 && (*rest == '\0' || *rest == ' ') &&
            strpbrk(rest, ";&|`$<>") == NULL)
            return true;
    }
    return false;
}

/* The segment that a name stands for: a .backup file is archived behind the segment in which its
 * backup began, which its name begins with. A history or .partial file stands for none. */
static bool segment_of(const char *name, uint64_t size, struct bak_segment *segment)
{
    char bare[BAK_WAL_NAME_SIZE];
    const char *dot = strchr(name, '.');
    bool backup = dot != NULL && dot == name + 24 && strstr(dot, ".backup") != NULL;
    if (dot != NULL && !backup)
        return false;
    snprintf(bare, sizeof bare, "%.24s", name);
    return (backup || strlen(name) == 24) && bak_wal_read(bare, size, segment);
}

static bool is_primary(const struct bak_archiver *archiver)
{
    return archiver->standby.known && !archiver->standby.value;
}

/* Says of the last segment what is known. Nothing marked as ready: all that are complete are
 * archived, whatever file was the last one. */
static void set_last(const struct bak_archiver *archiver, struct bak_log *log)
{
    struct bak_segment segment;
    uint64_t size = log->segment_size;
    if (size == 0 || !archiver->last_time.known)
        return;
    if (segment_of(archiver->last_name, size, &segment)) {
        log->last = segment.number;
        log->timeline = segment.timeline;
    }
    uint64_t current = archiver->position.known ? (uint64_t)archiver->position.value / size : 0;
    if (is_primary(archiver) && archiver->waiting.known && archiver->waiting.value == 0 &&
        current > log->last + 1 && archiver->timeline.known) {
        log->last = current - 1;
        log->timeline = (uint32_t)archiver->timeline.value;
    }
}

/* Has the server written nothing of its users behind `end`? Either it stands directly behind it, or
 * a checkpoint began there and no transaction has ended since: hint bits are written by readers,
 * too. Where that cannot be seen (a standby), there may be nothing but the checkpoint. */
static bool is_at_rest(const struct bak_archiver *archiver, int64_t end)
{
    int64_t position = archiver->position.value;
    int64_t redo = archiver->redo.value;
    int64_t checkpoint = archiver->checkpoint.value;
    if (position <= end + PAGE_HEADER + RUNNING_XACTS)
        return true;
    if (!archiver->redo.known || redo < end || redo > end + PAGE_HEADER + RUNNING_XACTS)
        return false;
    if (archiver->quiet.known && archiver->quiet.value)
        return true;
    return archiver->checkpoint.known && checkpoint >= redo &&
           checkpoint <= redo + CHECKPOINT_MARK + RUNNING_XACTS && position >= checkpoint &&
           position <= checkpoint + CHECKPOINT_RECORD + RUNNING_XACTS;
}

static void report_rights(const struct bak_archiver *archiver, int version, struct bak_facts *facts,
                          struct bak_series *series, bool needed)
{
    enum bak_sign_kind kind = needed ? BAK_UNREADABLE : BAK_NOTE;
    if (archiver->waiting.known)
        return;
    if (version < 120000)
        bak_facts_sign(facts, series, kind,
                       "since when segments wait to be archived (PostgreSQL 12 and later show it)");
    else
        bak_facts_sign(facts, series, kind,
                       "since when segments wait to be archived: GRANT pg_monitor TO %s",
                       archiver->role);
}

/* Up to when everything is archived. What waits was begun before it was marked as ready, so that
 * the moment of the oldest mark is a bound, too. */
static void report_reach(const struct bak_archiver *archiver, int version, double now,
                         struct bak_facts *facts, struct bak_series *series)
{
    struct bak_log *log = &series->log;
    if (log->last == 0 || !archiver->position.known) {
        report_rights(archiver, version, facts, series, false);
        return;
    }
    int64_t size = (int64_t)log->segment_size;
    int64_t end = ((int64_t)log->last + 1) * size;
    int64_t behind = (archiver->position.value - end) / size;
    if (behind < 0 && is_primary(archiver)) {
        bak_facts_sign(facts, series, BAK_UNREADABLE,
                       "the archiver's statistics: %s is ahead of what the server has written",
                       archiver->last_name);
        return;
    }
    if (!archiver->waiting.known)
        log->waiting = dr_int(behind > 0 ? behind : 0);
    log->idle = dr_bool(is_at_rest(archiver, end) &&
                        (!archiver->waiting.known || archiver->waiting.value == 0));
    if (log->idle.value)
        log->through = dr_real(now);
    else if (archiver->oldest_waiting.known)
        log->through = archiver->oldest_waiting.value < archiver->last_time.value
                           ? archiver->oldest_waiting
                           : archiver->last_time;
    else if (behind <= 1 || archiver->waiting.known)
        log->through = archiver->last_time;
    report_rights(archiver, version, facts, series, !log->through.known);
}

static void report_failure(const struct bak_archiver *archiver, struct bak_facts *facts,
                           struct bak_series *series)
{
    if (archiver->failed_time.known &&
        (!archiver->last_time.known || archiver->failed_time.value > archiver->last_time.value))
        bak_facts_sign(facts, series, BAK_ARCHIVER_FAILING, "%s%s", archiver->failed_name,
                       archiver->last_time.known
                           ? ""
                           : ", and nothing has been archived since the statistics were reset");
}

/* What archives: false where nothing does, which has been said then. */
static bool report_method(const struct bak_archiver *archiver, struct bak_facts *facts,
                          struct bak_series *series)
{
    if (strcmp(archiver->mode, "off") == 0) {
        bak_facts_sign(facts, series, BAK_ARCHIVER_OFF, "archive_mode is off");
        return false;
    }
    if (strcmp(archiver->mode, "on") != 0 && strcmp(archiver->mode, "always") != 0) {
        bak_facts_sign(facts, series, BAK_UNREADABLE, "archive_mode: \"%s\"", archiver->mode);
        return false;
    }
    if (archiver->library[0] != '\0')
        return true;
    if (archiver->command[strspn(archiver->command, " \t")] == '\0' ||
        strcmp(archiver->command, "(disabled)") == 0) {
        bak_facts_sign(facts, series, BAK_ARCHIVER_OFF, "archive_command is empty");
        return false;
    }
    if (bak_archiver_is_hollow(archiver->command)) {
        bak_facts_sign(facts, series, BAK_ARCHIVER_HOLLOW, "archive_command is \"%s\"",
                       archiver->command);
        return false;
    }
    return true;
}

void bak_archiver_report(const struct bak_archiver *archiver, int version, double now,
                         struct bak_facts *facts)
{
    struct bak_series *series = bak_facts_series(facts, archiver->cluster);
    if (series == NULL)
        return;
    struct bak_log *log = &series->log;
    facts->clock = archiver->server_time;
    facts->complete = true;
    log->kept = true;
    log->system = archiver->system.known ? (uint64_t)archiver->system.value : 0;
    log->segment_size = archiver->segment_size.known ? (uint64_t)archiver->segment_size.value : 0;
    log->timeout = archiver->timeout;
    log->waiting = archiver->waiting;
    log->seen = archiver->last_time;
    bool archives = report_method(archiver, facts, series);
    if (archives && !archiver->standby.known) {
        bak_facts_sign(facts, series, BAK_UNREADABLE, "is it a primary or a standby?");
        return;
    }
    if (archives && archiver->standby.value && strcmp(archiver->mode, "always") != 0) {
        bak_facts_sign(facts, series, BAK_UNREADABLE,
                       "a standby with archive_mode on archives nothing itself: name its primary, "
                       "or the archive");
        return;
    }
    set_last(archiver, log);
    if (!archives)
        return;
    report_failure(archiver, facts, series);
    if (archiver->last_time.known)
        report_reach(archiver, version, now, facts, series);
    else if (!archiver->failed_time.known)
        bak_facts_sign(facts, series, BAK_UNREADABLE,
                       "nothing has been archived since the statistics were reset: no evidence");
}
