/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source that asks a PostgreSQL server how its archiving is: what it says itself, and where its
 * log ends. Two transactions, both read only: not everyone may see what waits. */
#include "common/client/pg.h"
#include "common/module.h"
#include "plugins/backups/archiver_read.h"

#include <stdio.h>

#define QUERY_MAX (8 * 1024)

/* "WAL" and "LSN" were "xlog" and "location" before 10. */
struct names {
    const char *current;
    const char *received;
    const char *replayed;
    const char *diff;
    const char *suffix; /* of the columns of pg_control_checkpoint */
};

static const struct names names_96 = {
    .current = "pg_current_xlog_location()",
    .received = "pg_last_xlog_receive_location()",
    .replayed = "pg_last_xlog_replay_location()",
    .diff = "pg_xlog_location_diff",
    .suffix = "location",
};

static const struct names names_10 = {
    .current = "pg_current_wal_lsn()",
    .received = "pg_last_wal_receive_lsn()",
    .replayed = "pg_last_wal_replay_lsn()",
    .diff = "pg_wal_lsn_diff",
    .suffix = "lsn",
};

/* search_path: whoever may create objects in another schema must not decide what names mean. */
static void begin(struct dr_buffer *sql, long timeout)
{
    dr_buffer_addf(sql,
                   "BEGIN READ ONLY; SET LOCAL statement_timeout = %ld; "
                   "SET LOCAL search_path = pg_catalog; ",
                   timeout);
}

static void add_positions(struct dr_buffer *sql, const struct names *n)
{
    dr_buffer_add(sql, "c.timeline_id AS timeline, ");
    dr_buffer_addf(sql,
                   "CASE WHEN n.rec THEN greatest(%s(%s, '0/0'), %s(%s, '0/0')) "
                   "ELSE %s(%s, '0/0') END AS position, ",
                   n->diff, n->received, n->diff, n->replayed, n->diff, n->current);
    dr_buffer_addf(sql, "%s(c.redo_%s, '0/0') AS redo, %s(c.checkpoint_%s, '0/0') AS checkpoint, ",
                   n->diff, n->suffix, n->diff, n->suffix);
}

/* True where no transaction was open when the last checkpoint began, and none has ended since. A
 * checkpoint of a shutdown says 0 for the oldest that is open: there is none but a prepared one. */
static void add_quiet(struct dr_buffer *sql)
{
    dr_buffer_add(sql, "NOT n.rec AND txid_snapshot_xmax(txid_current_snapshot()) = "
                       "split_part(c.next_xid, ':', 1)::bigint * 4294967296 + "
                       "split_part(c.next_xid, ':', 2)::bigint AND "
                       "(c.oldest_active_xid::text = split_part(c.next_xid, ':', 2) OR "
                       "(c.oldest_active_xid::text = '0' AND "
                       "current_setting('max_prepared_transactions') = '0')) AS quiet, ");
}

/* The position is read with the statistics of one moment: a segment that is archived in between can
 * only be missing in both. */
static void add_first(struct dr_buffer *sql, int version)
{
    dr_buffer_add(sql, "SELECT n.rec AS in_recovery, "
                       "extract(epoch FROM clock_timestamp()) AS server_time, "
                       "(SELECT system_identifier FROM pg_control_system()) AS system, ");
    add_positions(sql, version >= 100000 ? &names_10 : &names_96);
    add_quiet(sql);
    dr_buffer_add(sql, "pg_size_bytes(current_setting('wal_segment_size')) AS segment_size, "
                       "current_setting('archive_mode') AS mode, "
                       "current_setting('archive_command') AS command, ");
    dr_buffer_add(sql, version >= 150000 ? "current_setting('archive_library') AS library, "
                                         : "NULL AS library, ");
    dr_buffer_add(sql, "(SELECT setting FROM pg_settings WHERE name = 'archive_timeout') "
                       "AS timeout, a.archived_count, a.last_archived_wal, "
                       "extract(epoch FROM a.last_archived_time) AS last_archived_time, "
                       "a.failed_count, a.last_failed_wal, "
                       "extract(epoch FROM a.last_failed_time) AS last_failed_time, "
                       "extract(epoch FROM a.stats_reset) AS stats_reset, "
                       "current_setting('cluster_name') AS cluster_name, "
                       "current_user AS role_name, ");
    dr_buffer_add(sql, version >= 120000
                           ? "has_function_privilege('pg_ls_archive_statusdir()', 'EXECUTE') "
                             "AS may_list "
                           : "false AS may_list ");
    dr_buffer_add(sql, "FROM (SELECT pg_is_in_recovery() AS rec) n CROSS JOIN pg_stat_archiver a "
                       "CROSS JOIN pg_control_checkpoint() c; COMMIT");
}

static bool look(struct dr_pg *pg, struct bak_archiver *archiver)
{
    struct dr_buffer sql = DR_BUFFER(QUERY_MAX);
    PGresult *result;
    begin(&sql, dr_pg_left_ms(pg));
    add_first(&sql, pg->version);
    bool ok = dr_pg_query(pg, &sql, "query", &result, 1);
    dr_buffer_free(&sql);
    if (!ok)
        return false;
    ok = bak_archiver_read(result, archiver, pg->error);
    dr_pg_free_results(&result, 1);
    return ok;
}

/* Asked after the position was: a segment that was complete then has its mark by now. */
static bool look_waiting(struct dr_pg *pg, struct bak_archiver *archiver)
{
    if (!archiver->may_list.known || !archiver->may_list.value)
        return true;
    struct dr_buffer sql = DR_BUFFER(QUERY_MAX);
    PGresult *result;
    begin(&sql, dr_pg_left_ms(pg));
    dr_buffer_add(&sql, "SELECT count(*) AS waiting, "
                        "extract(epoch FROM min(modification)) AS oldest "
                        "FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'; COMMIT");
    bool ok = dr_pg_query(pg, &sql, "look at what waits", &result, 1);
    dr_buffer_free(&sql);
    if (!ok)
        return false;
    ok = bak_archiver_read_waiting(result, archiver, pg->error);
    dr_pg_free_results(&result, 1);
    return ok;
}

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    const struct bak_request *request = dr_task_request(task);
    struct dr_pg pg = {.task = task, .application = "check_backup_freshness", .error = error};
    struct bak_archiver archiver = {.standby = {.known = false}};
    bool ok = dr_pg_open(&pg) && look(&pg, &archiver) && look_waiting(&pg, &archiver);
    if (ok) {
        struct bak_facts *into = facts;
        into->product = BAK_ARCHIVER;
        bak_facts_text(into, &into->what, pg.product);
        bak_archiver_report(&archiver, pg.version, request->now, into);
    }
    dr_pg_close(&pg);
    return ok;
}

static const char *library(void)
{
    static char text[32];
    int version = PQlibVersion();
    snprintf(text, sizeof text, "libpq %d.%d", version / 10000, version % 10000);
    return text;
}

extern const struct dr_source DR_SOURCE_SYMBOL(backups, archiver);
const struct dr_source DR_SOURCE_SYMBOL(backups, archiver) = {
    .abi = DR_SOURCE_ABI,
    .group = "backups",
    .name = "archiver",
    .facts_size = sizeof(struct bak_facts),
    .library = library,
    .probe = probe,
};
