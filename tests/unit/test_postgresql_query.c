/* SPDX-License-Identifier: GPL-3.0-or-later */
/* No statement holds a name that its server does not have, and all of them give the same columns.
 */
#include "plugins/replication/postgresql_query.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const int versions[] = {90600,  90624,  100000, 110000, 120000, 130000,
                               140000, 150000, 160000, 170000, 180000, 190000};

static const struct {
    const char *name;
    int since;
    int until; /* the first that has it no more; 0: none */
} names[] = {
    {"pg_current_xlog_location", 0, 100000},
    {"pg_last_xlog_receive_location", 0, 100000},
    {"pg_last_xlog_replay_location", 0, 100000},
    {"pg_xlog_location_diff", 0, 100000},
    {"pg_xlogfile_name", 0, 100000},
    {"pg_is_xlog_replay_paused", 0, 100000},
    {"write_location", 0, 100000},
    {"flush_location", 0, 100000},
    {"replay_location", 0, 100000},
    {"pg_current_wal_lsn", 100000, 0},
    {"pg_last_wal_receive_lsn", 100000, 0},
    {"pg_last_wal_replay_lsn", 100000, 0},
    {"pg_wal_lsn_diff", 100000, 0},
    {"pg_walfile_name", 100000, 0},
    {"pg_is_wal_replay_paused", 100000, 140000}, /* still there, but says less */
    {"write_lsn", 100000, 0},
    {"flush_lsn", 100000, 0},
    {"replay_lsn", 100000, 0},
    {"pg_monitor", 100000, 0},
    {"pg_read_all_stats", 100000, 0},
    {"pg_stat_subscription", 100000, 0},
    {"pg_subscription", 100000, 0},
    {"pg_subscription_rel", 100000, 0},
    {"reply_time", 120000, 0},
    {"recovery_min_apply_delay", 120000, 0}, /* in recovery.conf before */
    {"primary_conninfo", 120000, 0},
    {"received_lsn", 0, 130000},
    {"written_lsn", 130000, 0},
    {"flushed_lsn", 130000, 0},
    {"safe_wal_size", 130000, 0},
    {"pg_get_wal_replay_pause_state", 140000, 0},
    {"pg_stat_subscription_stats", 150000, 0},
    {"apply_error_count", 150000, 0},
    {"sync_error_count", 150000, 0},
    {"pg_ls_replslotdir", 150000, 0},
    {"leader_pid", 160000, 0},
    {"inactive_since", 170000, 0},
    {"worker_type", 170000, 0},
    {"two_phase_at", 180000, 0},
};

/* The columns that are NULL under the same name where the server has none: bare names count only
 * where it has them. */
static const struct {
    const char *name;
    int since;
} bare[] = {
    {"temporary", 100000},           {"wal_status", 130000},  {"conflicting", 160000},
    {"invalidation_reason", 170000}, {"failover", 170000},    {"synced", 170000},
    {"sender_host", 110000},         {"sender_port", 110000},
};

typedef void statement(struct dr_buffer *sql, int version, long timeout);

static const struct {
    const char *name;
    statement *write;
} statements[] = {
    {"node", pg_query_node},
    {"primary again", pg_query_primary_again},
    {"standby again", pg_query_standby_again},
    {"heartbeat", pg_query_heartbeat},
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The next place of a whole word; NULL. */
static const char *find_word(const char *text, const char *word)
{
    size_t size = strlen(word);
    for (const char *p = strstr(text, word); p != NULL; p = strstr(p + 1, word)) {
        if ((p == text || !is_word(p[-1])) && !is_word(p[size]))
            return p;
    }
    return NULL;
}

static const char *write(struct dr_buffer *sql, size_t s, int version)
{
    *sql = DR_BUFFER(32 * 1024);
    statements[s].write(sql, version, 4321);
    assert_false(sql->cut);
    return dr_buffer_text(sql);
}

static void no_name_of_another_version(void **state)
{
    (void)state;
    bool seen[COUNT(names)] = {false};
    for (size_t v = 0; v < COUNT(versions); v++) {
        for (size_t s = 0; s < COUNT(statements); s++) {
            struct dr_buffer sql;
            const char *text = write(&sql, s, versions[v]);
            for (size_t n = 0; n < COUNT(names); n++) {
                bool there = find_word(text, names[n].name) != NULL;
                bool has = versions[v] >= names[n].since &&
                           (names[n].until == 0 || versions[v] < names[n].until);
                if (there && !has)
                    fail_msg("%s for %d: %s", statements[s].name, versions[v], names[n].name);
                seen[n] = seen[n] || there;
            }
            dr_buffer_free(&sql);
        }
    }
    /* The table is about what is in use: most of it must occur. */
    size_t used = 0;
    for (size_t n = 0; n < COUNT(names); n++)
        used += seen[n] ? 1 : 0;
    assert_true(used >= 30);
}

/* "NULL AS x" or "false AS x" where the server has no x, and no other x then. */
static void names_that_are_columns_everywhere(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct dr_buffer sql;
        const char *text = write(&sql, 0, versions[v]);
        for (size_t b = 0; b < COUNT(bare); b++) {
            const char *at = find_word(text, bare[b].name);
            if (at == NULL)
                fail_msg("%d: no %s", versions[v], bare[b].name);
            bool alias = at - text > 4 && strncmp(at - 4, " AS ", 4) == 0;
            if (alias != (versions[v] < bare[b].since))
                fail_msg("%d: %s", versions[v], bare[b].name);
            if (alias && find_word(at + 1, bare[b].name) != NULL)
                fail_msg("%d: %s, twice", versions[v], bare[b].name);
        }
        dr_buffer_free(&sql);
    }
}

/* Asked from 15 on only, as its function is. */
static void what_was_put_aside(void **state)
{
    (void)state;
    struct dr_buffer sql = DR_BUFFER(4096);
    pg_query_spilled(&sql, 4321);
    const char *text = dr_buffer_text(&sql);
    assert_int_equal(strncmp(text, "BEGIN READ ONLY; ", 17), 0);
    assert_non_null(strstr(text, "SET LOCAL statement_timeout = 4321; "));
    assert_non_null(strstr(text, "SET LOCAL search_path = pg_catalog; "));
    assert_non_null(strstr(text, "pg_ls_replslotdir"));
    assert_string_equal(text + strlen(text) - 6, "COMMIT");
    assert_false(sql.cut);
    dr_buffer_free(&sql);
}

/* An output column: behind AS, or a name by itself. */
static bool gives(const char *text, const char *end, const char *column)
{
    for (const char *p = find_word(text, column); p != NULL && p < end;
         p = find_word(p + 1, column)) {
        const char *after = p + strlen(column);
        bool alias = p - text > 4 && strncmp(p - 4, " AS ", 4) == 0;
        bool itself =
            (p[-1] == ' ' || p[-1] == '.') && (*after == ',' || strncmp(after, " FROM", 5) == 0);
        if (alias || itself)
            return true;
    }
    return false;
}

static const char *const columns_of_streams[] = {
    "application_name", "client_addr", "client_hostname", "state",     "sync_state",
    "connected",        "reported",    "flushed",         "replayed",  "slot_name",
    "slot_type",        "flush_lag",   "replay_lag",      "reply_age", NULL};
static const char *const columns_of_slots[] = {
    "slot_name",           "slot_type",  "active", "restart",     "confirmed",
    "temporary",           "wal_status", "safe",   "conflicting", "inactive_age",
    "invalidation_reason", "failover",   "synced", NULL};
static const char *const columns_of_subscriptions[] = {
    "subname",      "enabled",     "running",        "message_age",
    "apply_errors", "sync_errors", "tables_pending", NULL};
static const char *const columns_of_node[] = {"in_recovery",
                                              "instance",
                                              "server_time",
                                              "system",
                                              "checkpoint_timeline",
                                              "timeline",
                                              "position",
                                              "privileged",
                                              "role_name",
                                              "cluster_name",
                                              "synchronous_names",
                                              "synchronous_commit",
                                              "max_connections",
                                              "max_worker_processes",
                                              "max_wal_senders",
                                              "max_prepared_transactions",
                                              "max_locks_per_transaction",
                                              "received",
                                              "replayed",
                                              "replay_age",
                                              "pause",
                                              "apply_delay",
                                              "application_name",
                                              "receiver_running",
                                              "receiver_status",
                                              "receiver_slot",
                                              "receiver_timeline",
                                              "announced",
                                              "message_age",
                                              "sender_host",
                                              "sender_port",
                                              "receiver_timeout",
                                              "sender_timeout",
                                              "complete",
                                              NULL};

static void check_columns(int version, const char *text, const char *const *columns)
{
    const char *end = strchr(text, ';');
    assert_non_null(end);
    for (size_t c = 0; columns[c] != NULL; c++) {
        if (!gives(text, end, columns[c]))
            fail_msg("%d: no column %s in %.60s", version, columns[c], text);
    }
}

/* The n-th SELECT that begins a statement. */
static const char *nth_select(const char *text, size_t n)
{
    for (const char *p = strstr(text, "; SELECT "); p != NULL; p = strstr(p + 1, "; SELECT ")) {
        if (n-- == 0)
            return p + 2;
    }
    fail_msg("too few statements");
    return NULL;
}

static void the_same_columns_everywhere(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct dr_buffer sql;
        const char *text = write(&sql, 0, versions[v]);
        check_columns(versions[v], nth_select(text, PG_STREAMS), columns_of_streams);
        check_columns(versions[v], nth_select(text, PG_SLOTS), columns_of_slots);
        /* Without subscriptions there are no rows, and nothing that is read of them. */
        if (versions[v] >= 100000)
            check_columns(versions[v], nth_select(text, PG_SUBSCRIPTIONS),
                          columns_of_subscriptions);
        check_columns(versions[v], nth_select(text, PG_NODE), columns_of_node);
        dr_buffer_free(&sql);
    }
}

static size_t count_of(const char *text, const char *words)
{
    size_t count = 0;
    for (const char *p = strstr(text, words); p != NULL; p = strstr(p + 1, words))
        count++;
    return count;
}

/* One transaction, read-only but for the heartbeat, with its own time-out and search_path, and as
 * many result sets as are expected. */
static void how_it_is_asked(void **state)
{
    (void)state;
    static const size_t sets[] = {PG_RESULT_SETS, 2, 1, 2};
    for (size_t v = 0; v < COUNT(versions); v++) {
        for (size_t s = 0; s < COUNT(statements); s++) {
            struct dr_buffer sql;
            const char *text = write(&sql, s, versions[v]);
            bool heartbeat = statements[s].write == pg_query_heartbeat;
            assert_int_equal(strncmp(text, heartbeat ? "BEGIN READ WRITE; " : "BEGIN READ ONLY; ",
                                     heartbeat ? 18 : 17),
                             0);
            assert_int_equal(count_of(text, "; SELECT "), sets[s]);
            assert_int_equal(count_of(text, "BEGIN "), heartbeat ? 2 : 1);
            assert_int_equal(count_of(text, "COMMIT"), heartbeat ? 2 : 1);
            assert_int_equal(count_of(text, "SET LOCAL statement_timeout = 4321; "),
                             heartbeat ? 2 : 1);
            assert_int_equal(count_of(text, "SET LOCAL search_path = pg_catalog; "),
                             heartbeat ? 2 : 1);
            assert_string_equal(text + strlen(text) - 6, "COMMIT");
            /* Nothing that outlives the transaction: it may be a pooler's connection. */
            assert_int_equal(count_of(text, "SET "), count_of(text, "SET LOCAL "));
            assert_int_equal(count_of(text, "pg_logical_emit_message"), heartbeat ? 1 : 0);
            dr_buffer_free(&sql);
        }
    }
}

/* What a function of the other role would answer is an error that ends everything: each is asked
 * only where it can be. */
static void each_role_is_asked_for_its_own(void **state)
{
    (void)state;
    static const char *const of_a_primary[] = {"pg_current_xlog_location", "pg_current_wal_lsn",
                                               "pg_xlogfile_name", "pg_walfile_name"};
    static const char *const of_a_standby[] = {"pg_is_xlog_replay_paused",
                                               "pg_is_wal_replay_paused"};
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct dr_buffer sql;
        const char *text = nth_select(write(&sql, 0, versions[v]), PG_NODE);
        for (size_t n = 0; n < COUNT(of_a_primary); n++) {
            for (const char *p = find_word(text, of_a_primary[n]); p != NULL;
                 p = find_word(p + 1, of_a_primary[n])) {
                char before[81] = "";
                strncpy(before, p - 80, 80);
                assert_non_null(strstr(before, "CASE WHEN NOT n.rec THEN "));
            }
        }
        for (size_t n = 0; n < COUNT(of_a_standby); n++) {
            const char *p = find_word(text, of_a_standby[n]);
            if (p == NULL)
                continue;
            char before[41] = "";
            strncpy(before, p - 40, 40);
            assert_non_null(strstr(before, "CASE WHEN n.rec THEN CASE"));
        }
        dr_buffer_free(&sql);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_name_of_another_version),
        cmocka_unit_test(names_that_are_columns_everywhere),
        cmocka_unit_test(the_same_columns_everywhere),
        cmocka_unit_test(how_it_is_asked),
        cmocka_unit_test(what_was_put_aside),
        cmocka_unit_test(each_role_is_asked_for_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
