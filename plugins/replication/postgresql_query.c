/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/postgresql_query.h"

/* "WAL" and "LSN" were "xlog" and "location" before 10. */
struct names {
    const char *current;
    const char *received;
    const char *replayed;
    const char *diff;
    const char *file;
    const char *paused;
    const char *lsn; /* suffix of the columns of pg_stat_replication */
};

static const struct names names_96 = {
    .current = "pg_current_xlog_location()",
    .received = "pg_last_xlog_receive_location()",
    .replayed = "pg_last_xlog_replay_location()",
    .diff = "pg_xlog_location_diff",
    .file = "pg_xlogfile_name",
    .paused = "pg_is_xlog_replay_paused()",
    .lsn = "location",
};

static const struct names names_10 = {
    .current = "pg_current_wal_lsn()",
    .received = "pg_last_wal_receive_lsn()",
    .replayed = "pg_last_wal_replay_lsn()",
    .diff = "pg_wal_lsn_diff",
    .file = "pg_walfile_name",
    .paused = "pg_is_wal_replay_paused()",
    .lsn = "lsn",
};

static const struct names *names_of(int version)
{
    return version >= 100000 ? &names_10 : &names_96;
}

/* search_path: whoever may create objects in another schema must not decide what the names below
 * mean. */
static void begin(struct dr_buffer *sql, const char *mode, long timeout)
{
    dr_buffer_addf(
        sql, "BEGIN %s; SET LOCAL statement_timeout = %ld; SET LOCAL search_path = pg_catalog; ",
        mode, timeout);
}

static void add_streams(struct dr_buffer *sql, int version)
{
    const struct names *n = names_of(version);
    dr_buffer_addf(sql,
                   "SELECT r.pid, r.application_name, host(r.client_addr) AS client_addr, "
                   "r.client_hostname, r.state, r.sync_state, "
                   "extract(epoch FROM clock_timestamp() - r.backend_start) AS connected, "
                   "r.write_%s IS NOT NULL AS reported, %s(r.flush_%s, '0/0') AS flushed, "
                   "%s(r.replay_%s, '0/0') AS replayed, s.slot_name, s.slot_type, ",
                   n->lsn, n->diff, n->lsn, n->diff, n->lsn);
    dr_buffer_add(sql, version >= 100000 ? "extract(epoch FROM r.flush_lag) AS flush_lag, "
                                           "extract(epoch FROM r.replay_lag) AS replay_lag, "
                                         : "NULL AS flush_lag, NULL AS replay_lag, ");
    dr_buffer_add(sql, version >= 120000
                           ? "extract(epoch FROM clock_timestamp() - r.reply_time) AS reply_age "
                           : "NULL AS reply_age ");
    dr_buffer_add(sql, "FROM pg_stat_replication r "
                       "LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid; ");
}

static void add_slots(struct dr_buffer *sql, int version)
{
    const struct names *n = names_of(version);
    dr_buffer_addf(sql,
                   "SELECT slot_name, slot_type, active, %s(restart_lsn, '0/0') AS restart, "
                   "%s(confirmed_flush_lsn, '0/0') AS confirmed, ",
                   n->diff, n->diff);
    dr_buffer_add(sql, version >= 100000 ? "temporary, " : "false AS temporary, ");
    dr_buffer_add(sql, version >= 130000 ? "wal_status, safe_wal_size AS safe, "
                                         : "NULL AS wal_status, NULL AS safe, ");
    dr_buffer_add(sql, version >= 160000 ? "conflicting, " : "NULL AS conflicting, ");
    dr_buffer_add(sql,
                  version >= 170000
                      ? "extract(epoch FROM clock_timestamp() - inactive_since) AS inactive_age, "
                        "invalidation_reason, failover, synced "
                      : "NULL AS inactive_age, NULL AS invalidation_reason, NULL AS failover, "
                        "NULL AS synced ");
    dr_buffer_add(sql, "FROM pg_replication_slots; ");
}

/* A standby shows its primary's subscriptions, but no worker runs there: only a primary is asked.
 * The catalogue's oid is not readable by everyone before 14, so the workers' view is the one that
 * is read; it holds one row for each subscription of the cluster. A worker that is just being
 * launched has heard of it at -infinity, which cannot be subtracted. */
static void add_subscriptions(struct dr_buffer *sql, int version)
{
    if (version < 100000) {
        dr_buffer_add(sql, "SELECT NULL AS subname WHERE false; ");
        return;
    }
    dr_buffer_add(sql, "SELECT w.subname, (SELECT bool_and(c.subenabled) FROM pg_subscription c "
                       "WHERE c.subname = w.subname) AS enabled, w.pid IS NOT NULL AS running, "
                       "extract(epoch FROM clock_timestamp() - "
                       "nullif(w.last_msg_receipt_time, '-infinity')) AS message_age, "
                       "(SELECT count(*) FROM pg_subscription_rel t WHERE t.srsubid = w.subid "
                       "AND t.srsubstate <> 'r') AS tables_pending, ");
    dr_buffer_add(sql, version >= 150000
                           ? "(SELECT e.apply_error_count FROM pg_stat_subscription_stats e "
                             "WHERE e.subid = w.subid) AS apply_errors, "
                             "(SELECT e.sync_error_count FROM pg_stat_subscription_stats e "
                             "WHERE e.subid = w.subid) AS sync_errors "
                           : "NULL AS apply_errors, NULL AS sync_errors ");
    dr_buffer_add(sql, "FROM pg_stat_subscription w WHERE NOT pg_is_in_recovery() "
                       "AND w.relid IS NULL ");
    dr_buffer_add(sql, version >= 160000 ? "AND w.leader_pid IS NULL; " : "; ");
}

/* A duration setting in seconds; the interval type reads PostgreSQL's own units (ms, s, min, h, d).
 */
static void add_seconds(struct dr_buffer *sql, const char *setting, const char *as)
{
    dr_buffer_addf(sql, "extract(epoch FROM current_setting('%s')::interval) AS %s, ", setting, as);
}

static void add_standby_columns(struct dr_buffer *sql, int version)
{
    const struct names *n = names_of(version);
    dr_buffer_addf(sql,
                   "CASE WHEN n.rec THEN %s(%s, '0/0') END AS received, "
                   "CASE WHEN n.rec THEN %s(%s, '0/0') END AS replayed, "
                   "CASE WHEN n.rec THEN extract(epoch FROM clock_timestamp() - "
                   "pg_last_xact_replay_timestamp()) END AS replay_age, ",
                   n->diff, n->received, n->diff, n->replayed);
    if (version >= 140000)
        dr_buffer_add(sql, "CASE WHEN n.rec THEN pg_get_wal_replay_pause_state() END AS pause, ");
    else
        dr_buffer_addf(sql,
                       "CASE WHEN n.rec THEN CASE WHEN %s THEN 'paused' ELSE 'not paused' END END "
                       "AS pause, ",
                       n->paused);
    if (version >= 120000) {
        add_seconds(sql, "recovery_min_apply_delay", "apply_delay");
        /* Only the name is taken: the setting holds a password. */
        dr_buffer_add(
            sql,
            "CASE WHEN n.rec THEN (SELECT substring(setting FROM "
            "'application_name[[:space:]]*=[[:space:]]*''?([^''[:space:]]+)') FROM pg_settings "
            "WHERE name = 'primary_conninfo') END AS application_name, ");
    } else {
        dr_buffer_add(sql, "NULL AS apply_delay, NULL AS application_name, ");
    }
    dr_buffer_add(sql, "w.pid IS NOT NULL AS receiver_running, w.status AS receiver_status, "
                       "w.slot_name AS receiver_slot, w.received_tli AS receiver_timeline, ");
    dr_buffer_addf(sql, "%s(w.latest_end_lsn, '0/0') AS announced, ", n->diff);
    dr_buffer_add(
        sql, "extract(epoch FROM clock_timestamp() - w.last_msg_receipt_time) AS message_age, ");
    dr_buffer_add(sql, version >= 110000 ? "w.sender_host, w.sender_port, "
                                         : "NULL AS sender_host, NULL AS sender_port, ");
    add_seconds(sql, "wal_receiver_timeout", "receiver_timeout");
}

static void add_node(struct dr_buffer *sql, int version)
{
    const struct names *n = names_of(version);
    dr_buffer_add(sql, "SELECT n.rec AS in_recovery, "
                       "extract(epoch FROM clock_timestamp()) AS server_time, "
                       "(SELECT system_identifier FROM pg_control_system()) AS system, "
                       "(SELECT timeline_id FROM pg_control_checkpoint()) AS checkpoint_timeline, "
                       "extract(epoch FROM pg_postmaster_start_time()) AS instance, ");
    dr_buffer_addf(sql,
                   "CASE WHEN NOT n.rec THEN substr(%s(%s), 1, 8) END AS timeline, "
                   "CASE WHEN NOT n.rec THEN %s(%s, '0/0') END AS position, ",
                   n->file, n->current, n->diff, n->current);
    /* pg_monitor holds this role; before 10 only a superuser sees everything. */
    dr_buffer_add(
        sql, version >= 100000
                 ? "pg_has_role('pg_read_all_stats', 'USAGE') AS privileged, "
                 : "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS privileged, ");
    dr_buffer_add(sql,
                  "current_user AS role_name, "
                  "current_setting('cluster_name') AS cluster_name, "
                  "current_setting('synchronous_standby_names') AS synchronous_names, "
                  "current_setting('synchronous_commit') AS synchronous_commit, "
                  "current_setting('max_connections') AS max_connections, "
                  "current_setting('max_worker_processes') AS max_worker_processes, "
                  "current_setting('max_wal_senders') AS max_wal_senders, "
                  "current_setting('max_prepared_transactions') AS max_prepared_transactions, "
                  "current_setting('max_locks_per_transaction') AS max_locks_per_transaction, ");
    add_standby_columns(sql, version);
    add_seconds(sql, "wal_sender_timeout", "sender_timeout");
    dr_buffer_add(sql, "1 AS complete FROM (SELECT pg_is_in_recovery() AS rec) n "
                       "LEFT JOIN pg_stat_wal_receiver w ON true; ");
}

void pg_query_node(struct dr_buffer *sql, int version, long timeout)
{
    begin(sql, "READ ONLY", timeout);
    /* The position is read last: what the standbys were seen to have cannot be ahead of it. */
    add_streams(sql, version);
    add_slots(sql, version);
    add_subscriptions(sql, version);
    add_node(sql, version);
    dr_buffer_add(sql, "COMMIT");
}

static void add_position(struct dr_buffer *sql, int version)
{
    dr_buffer_addf(sql, "SELECT %s(%s, '0/0') AS position; ", names_of(version)->diff,
                   names_of(version)->current);
}

void pg_query_primary_again(struct dr_buffer *sql, int version, long timeout)
{
    begin(sql, "READ ONLY", timeout);
    add_streams(sql, version);
    add_position(sql, version);
    dr_buffer_add(sql, "COMMIT");
}

void pg_query_standby_again(struct dr_buffer *sql, int version, long timeout)
{
    const struct names *n = names_of(version);
    begin(sql, "READ ONLY", timeout);
    dr_buffer_addf(sql, "SELECT %s(%s, '0/0') AS received, %s(%s, '0/0') AS replayed; COMMIT",
                   n->diff, n->received, n->diff, n->replayed);
}

void pg_query_spilled(struct dr_buffer *sql, long timeout)
{
    begin(sql, "READ ONLY", timeout);
    dr_buffer_add(sql,
                  "SELECT slot_name, (SELECT coalesce(sum(f.size), 0) FROM "
                  "pg_ls_replslotdir(slot_name::text) f WHERE f.name LIKE '%.spill') AS spilled "
                  "FROM pg_replication_slots WHERE slot_type = 'logical'; COMMIT");
}

void pg_query_heartbeat(struct dr_buffer *sql, int version, long timeout)
{
    begin(sql, "READ WRITE", timeout);
    dr_buffer_add(sql,
                  "SET LOCAL synchronous_commit = local; "
                  "SELECT pg_logical_emit_message(true, 'check_replication_lag', '') AS message; "
                  "COMMIT; ");
    begin(sql, "READ ONLY", timeout);
    add_position(sql, version);
    dr_buffer_add(sql, "COMMIT");
}
