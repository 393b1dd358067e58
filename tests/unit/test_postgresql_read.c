/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Result sets with a column missing, NULL, or garbage in it: an error or unknown, never a wrong
 * value.
 */
#include "plugins/replication/postgresql_read.h"

#include "tests/unit/locale.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum kind { WORDS, INTEGER, POSITION, REAL, TRUTH, SPECIAL };

/* A column of a healthy row. `at`: where the fact is kept, in the struct of the row; NOWHERE: in
 * none of its own. */
struct column {
    const char *name;
    const char *value; /* NULL: NULL */
    enum kind kind;
    size_t at;
    bool needed; /* a NULL is an error */
};
#define NOWHERE SIZE_MAX
#define AT(field) offsetof(struct OWNER, field)

#define OWNER rep_stream
static const struct column streams[] = {
    {"pid", "4711", SPECIAL, NOWHERE, false},
    {"application_name", "db2", WORDS, AT(name), false},
    {"client_addr", "192.0.2.2", WORDS, AT(address), false},
    {"client_hostname", "host2", WORDS, AT(hostname), false},
    {"state", "streaming", WORDS, AT(state), false},
    {"sync_state", "async", WORDS, AT(sync_state), false},
    {"connected", "86400.5", REAL, AT(connected), false},
    {"reported", "t", TRUTH, NOWHERE, false},
    {"flushed", "83886080", POSITION, AT(flushed), false},
    {"replayed", "83886079", POSITION, AT(replayed), false},
    {"slot_name", "s1", WORDS, AT(slot), false},
    {"slot_type", "physical", WORDS, NOWHERE, false},
    {"flush_lag", "0.000384", REAL, AT(flush_lag), false},
    {"replay_lag", "1e-06", REAL, AT(replay_lag), false},
    {"reply_age", "-0.25", REAL, AT(reply_age), false},
};
#undef OWNER

#define OWNER rep_slot
static const struct column slots[] = {
    {"slot_name", "s1", WORDS, AT(name), true},
    {"slot_type", "logical", SPECIAL, NOWHERE, true},
    {"active", "f", TRUTH, AT(active), false},
    {"restart", "83886080", POSITION, AT(restart), false},
    {"confirmed", "83886090", POSITION, AT(confirmed), false},
    {"temporary", "f", TRUTH, NOWHERE, false},
    {"wal_status", "reserved", WORDS, AT(wal_status), false},
    {"safe", "-1260000", INTEGER, AT(safe), false},
    {"inactive_age", "12.5", REAL, AT(inactive_age), false},
    {"invalidation_reason", "wal_removed", WORDS, AT(invalidation), false},
    {"conflicting", "f", TRUTH, AT(conflicting), false},
    {"failover", "t", TRUTH, AT(failover), false},
    {"synced", "f", TRUTH, AT(synced), false},
};
#undef OWNER

#define OWNER rep_subscription
static const struct column subscriptions[] = {
    {"subname", "orders", WORDS, AT(name), true},
    {"enabled", "t", TRUTH, AT(enabled), false},
    {"running", "t", TRUTH, AT(running), false},
    {"message_age", "3.5", REAL, AT(message_age), false},
    {"apply_errors", "2", INTEGER, AT(apply_errors), false},
    {"sync_errors", "0", INTEGER, AT(sync_errors), false},
    {"tables_pending", "1", INTEGER, AT(tables_pending), false},
};
#undef OWNER

#define OWNER rep_node
static const struct column node_of_a_standby[] = {
    {"in_recovery", "t", TRUTH, NOWHERE, true},
    {"instance", "1699990000.123456", WORDS, AT(instance), false},
    {"server_time", "1700000000.25", REAL, NOWHERE, false},
    {"system", "7300000000000000001", WORDS, AT(system), false},
    {"checkpoint_timeline", "3", INTEGER, AT(timeline), false},
    {"timeline", NULL, SPECIAL, NOWHERE, false},
    {"position", NULL, SPECIAL, NOWHERE, false},
    {"privileged", "t", TRUTH, AT(privileged), false},
    {"role_name", "nagios", WORDS, NOWHERE, false},
    {"cluster_name", "site-b", WORDS, AT(cluster_name), false},
    {"synchronous_names", "FIRST 1 (a)", WORDS, AT(synchronous_names), false},
    {"synchronous_commit", "on", WORDS, AT(commits_wait), false},
    {"max_connections", "100", INTEGER, AT(floors[0].value), false},
    {"max_worker_processes", "8", INTEGER, AT(floors[1].value), false},
    {"max_wal_senders", "10", INTEGER, AT(floors[2].value), false},
    {"max_prepared_transactions", "0", INTEGER, AT(floors[3].value), false},
    {"max_locks_per_transaction", "64", INTEGER, AT(floors[4].value), false},
    {"received", "83886080", POSITION, AT(received), false},
    {"replayed", "83886079", POSITION, AT(replayed), false},
    {"replay_age", "7200.5", REAL, AT(replay_age), false},
    {"pause", "not paused", SPECIAL, AT(pause), false},
    {"apply_delay", "3600", REAL, AT(apply_delay), false},
    {"application_name", "db2", WORDS, AT(application_name), false},
    {"receiver_running", "t", TRUTH, AT(receiver.running), false},
    {"receiver_status", "streaming", WORDS, AT(receiver.status), false},
    {"receiver_slot", "s1", WORDS, AT(receiver.slot), false},
    {"receiver_timeline", "3", INTEGER, AT(receiver.timeline), false},
    {"announced", "83886090", POSITION, AT(receiver.announced), false},
    {"message_age", "12.25", REAL, AT(receiver.message_age), false},
    {"sender_host", "db1", WORDS, AT(receiver.sender), false},
    {"sender_port", "5432", WORDS, AT(receiver.sender), false},
    {"receiver_timeout", "60", REAL, AT(receiver.timeout), false},
    {"sender_timeout", "60", REAL, AT(sender_timeout), false},
    {"complete", "1", INTEGER, NOWHERE, false},
};
#undef OWNER

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- results ---- */

/* A result of one row. The column `without` (COUNT: none) is left out; `with` has `value`. */
static PGresult *make(const struct column *columns, size_t count, size_t without, size_t with,
                      const char *value)
{
    PGresAttDesc described[64];
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    size_t used = 0;
    memset(described, 0, sizeof described);
    for (size_t i = 0; i < count; i++) {
        if (i != without)
            described[used++].name = (char *)columns[i].name;
    }
    assert_int_equal(PQsetResultAttrs(result, (int)used, described), 1);
    used = 0;
    for (size_t i = 0; i < count; i++) {
        const char *cell = i == with ? value : columns[i].value;
        if (i == without)
            continue;
        assert_int_equal(
            PQsetvalue(result, 0, (int)used++, (char *)cell, cell != NULL ? (int)strlen(cell) : -1),
            1);
    }
    return result;
}

static PGresult *without_rows(const struct column *columns, size_t count)
{
    PGresAttDesc described[64];
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    memset(described, 0, sizeof described);
    for (size_t i = 0; i < count; i++)
        described[i].name = (char *)columns[i].name;
    assert_int_equal(PQsetResultAttrs(result, (int)count, described), 1);
    return result;
}

/* ---- the four kinds of rows ---- */

struct read {
    struct rep_node node;
    struct pg_node_extra extra;
    struct dr_error error;
    bool ok;
};

typedef void *reader(const PGresult *result, struct read *read);

static void *read_streams(const PGresult *result, struct read *read)
{
    read->ok = pg_read_streams(result, &read->node, &read->error);
    return read->node.streams;
}

static void *read_slots(const PGresult *result, struct read *read)
{
    read->ok = pg_read_slots(result, &read->node, &read->error);
    return read->node.slots;
}

static void *read_subscriptions(const PGresult *result, struct read *read)
{
    read->ok = pg_read_subscriptions(result, &read->node, &read->error);
    return read->node.subscriptions;
}

static void *read_node(const PGresult *result, struct read *read)
{
    read->node.major = 15;
    read->ok = pg_read_node(result, &read->node, &read->extra, &read->error);
    return &read->node;
}

static const struct set {
    const char *name;
    const struct column *columns;
    size_t count;
    reader *read;
} sets[] = {
    {"streams", streams, COUNT(streams), read_streams},
    {"slots", slots, COUNT(slots), read_slots},
    {"subscriptions", subscriptions, COUNT(subscriptions), read_subscriptions},
    {"node", node_of_a_standby, COUNT(node_of_a_standby), read_node},
};

/* True when the fact of a column is known. */
static bool is_known(const struct column *column, const void *row)
{
    const void *at = (const char *)row + column->at;
    switch (column->kind) {
    case INTEGER:
    case POSITION:
        return ((const struct dr_opt_int *)at)->known;
    case REAL:
        return ((const struct dr_opt_real *)at)->known;
    case TRUTH:
        return ((const struct dr_opt_bool *)at)->known;
    case WORDS:
        if (strcmp(column->name, "synchronous_commit") == 0)
            return ((const struct dr_opt_bool *)at)->known;
        return *(char *const *)at != NULL;
    case SPECIAL:
        break;
    }
    return *(const enum rep_pause *)at != REP_PAUSE_UNKNOWN;
}

static void a_healthy_row(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT(sets); s++) {
        const struct set *set = &sets[s];
        struct read read = {.ok = false};
        PGresult *result = make(set->columns, set->count, SIZE_MAX, SIZE_MAX, NULL);
        const void *row = set->read(result, &read);
        if (!read.ok)
            fail_msg("%s: %s", set->name, read.error.text);
        for (size_t c = 0; c < set->count; c++) {
            if (set->columns[c].at != NOWHERE && !is_known(&set->columns[c], row))
                fail_msg("%s.%s is not known", set->name, set->columns[c].name);
        }
        PQclear(result);
        rep_node_free(&read.node);
    }
}

static void assert_protocol_error(const struct set *set, const struct column *column,
                                  const struct read *read, const char *what)
{
    if (read->ok || read->error.class != DR_ERR_PROTOCOL ||
        strstr(read->error.text, column->name) == NULL)
        fail_msg("%s.%s %s: %s", set->name, column->name, what,
                 read->ok ? "accepted" : read->error.text);
}

static void a_column_that_is_missing(void **state)
{
    (void)state;
    size_t tried = 0;
    for (size_t s = 0; s < COUNT(sets); s++) {
        for (size_t c = 0; c < sets[s].count; c++) {
            struct read read = {.ok = false};
            if (strcmp(sets[s].columns[c].name, "pid") == 0)
                continue; /* not read */
            PGresult *result = make(sets[s].columns, sets[s].count, c, SIZE_MAX, NULL);
            sets[s].read(result, &read);
            assert_protocol_error(&sets[s], &sets[s].columns[c], &read, "missing");
            PQclear(result);
            rep_node_free(&read.node);
            tried++;
        }
    }
    assert_int_equal(tried, COUNT(streams) + COUNT(slots) + COUNT(subscriptions) +
                                COUNT(node_of_a_standby) - 1);
}

static void a_null(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT(sets); s++) {
        for (size_t c = 0; c < sets[s].count; c++) {
            const struct column *column = &sets[s].columns[c];
            struct read read = {.ok = false};
            PGresult *result = make(sets[s].columns, sets[s].count, SIZE_MAX, c, NULL);
            const void *row = sets[s].read(result, &read);
            if (column->needed)
                assert_protocol_error(&sets[s], column, &read, "NULL");
            else if (!read.ok)
                fail_msg("%s.%s NULL: %s", sets[s].name, column->name, read.error.text);
            else if (column->at != NOWHERE && strcmp(column->name, "checkpoint_timeline") != 0 &&
                     is_known(column, row))
                fail_msg("%s.%s NULL is known", sets[s].name, column->name);
            PQclear(result);
            rep_node_free(&read.node);
        }
    }
}

static const char *const no_integers[] = {
    "",
    " ",
    " 1",
    "1 ",
    "+1",
    "0x10",
    "1e3",
    "1.0",
    "1,0",
    "one",
    "t",
    "-",
    "1-1",
    "NULL",
    "\xd9\xa1",
    "9223372036854775808",
    "-9223372036854775809",
    "99999999999999999999999",
};
static const char *const no_positions[] = {"-1", "-9223372036854775808", "0/5000000"};
static const char *const no_reals[] = {
    "",          " ",     " 1.5", "1.5 ", "1,5", "0x1p3", "nan", "NaN", "inf",        "Infinity",
    "-Infinity", "1e999", "1.5s", "one",  "t",   "1.5.5", "--1", "1e",  "00:00:01.5",
};
static const char *const no_truths[] = {"", " ", "true", "false", "T", "1", "0", "yes", "tt"};

static void refuse(const struct set *set, size_t c, const char *const *values, size_t count)
{
    for (size_t v = 0; v < count; v++) {
        struct read read = {.ok = false};
        PGresult *result = make(set->columns, set->count, SIZE_MAX, c, values[v]);
        set->read(result, &read);
        assert_protocol_error(set, &set->columns[c], &read, values[v]);
        PQclear(result);
        rep_node_free(&read.node);
    }
}

static void garbage(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT(sets); s++) {
        for (size_t c = 0; c < sets[s].count; c++) {
            switch (sets[s].columns[c].kind) {
            case POSITION:
                refuse(&sets[s], c, no_positions, COUNT(no_positions));
                refuse(&sets[s], c, no_integers, COUNT(no_integers));
                break;
            case INTEGER:
                refuse(&sets[s], c, no_integers, COUNT(no_integers));
                break;
            case REAL:
                refuse(&sets[s], c, no_reals, COUNT(no_reals));
                break;
            case TRUTH:
                refuse(&sets[s], c, no_truths, COUNT(no_truths));
                break;
            case WORDS:
            case SPECIAL:
                break;
            }
        }
    }
}

static size_t column_of(const struct set *set, const char *name)
{
    for (size_t c = 0; c < set->count; c++) {
        if (strcmp(set->columns[c].name, name) == 0)
            return c;
    }
    fail_msg("no column %s", name);
    return 0;
}

static void garbage_in_special_columns(void **state)
{
    (void)state;
    static const char *const no_pauses[] = {"", "PAUSED", "paused ", "t", "resumed"};
    static const char *const no_types[] = {"", "Physical", "logical ", "other"};
    static const char *const no_timelines[] = {"",         "1",        "0000000G", "-0000001",
                                               " 0000001", "0x000001", "000000010"};
    refuse(&sets[3], column_of(&sets[3], "pause"), no_pauses, COUNT(no_pauses));
    refuse(&sets[1], column_of(&sets[1], "slot_type"), no_types, COUNT(no_types));
    refuse(&sets[3], column_of(&sets[3], "timeline"), no_timelines, COUNT(no_timelines));
}

/* ---- values ---- */

static struct read read_with(const struct set *set, const char *name, const char *value)
{
    struct read read = {.ok = false};
    PGresult *result = make(set->columns, set->count, SIZE_MAX, column_of(set, name), value);
    set->read(result, &read);
    PQclear(result);
    if (!read.ok)
        fail_msg("%s.%s = %s: %s", set->name, name, value, read.error.text);
    return read;
}

static void what_the_values_are(void **state)
{
    (void)state;
    struct read read = read_with(&sets[0], "flushed", "9223372036854775807");
    const struct rep_stream *stream = read.node.streams;
    assert_int_equal(read.node.stream_count, 1);
    assert_true(stream->flushed.value == INT64_MAX && stream->replayed.value == 83886079);
    assert_true(fabs(stream->flush_lag.value - 0.000384) < 1e-12);
    assert_true(fabs(stream->replay_lag.value - 1e-6) < 1e-15);
    assert_true(stream->reply_age.value < 0 && stream->connected.value > 86400);
    assert_string_equal(stream->name, "db2");
    assert_string_equal(stream->slot, "s1");
    rep_node_free(&read.node);
    read = read_with(&sets[1], "temporary", "t");
    const struct rep_slot *slot = read.node.slots;
    assert_true(slot->temporary && slot->logical && slot->safe.value == -1260000);
    assert_true(!slot->active.value && slot->failover.value);
    rep_node_free(&read.node);
    read = read_with(&sets[3], "cluster_name", "");
    assert_null(read.node.cluster_name);
    assert_int_equal(read.node.role, REP_ROLE_STANDBY);
    assert_string_equal(read.node.receiver.sender, "db1:5432");
    assert_string_equal(read.node.grant, "GRANT pg_monitor TO nagios");
    assert_string_equal(read.node.floors[4].name, "max_locks_per_transaction");
    assert_int_equal(read.node.floors[4].value.value, 64);
    assert_true(fabs(read.extra.server_time.value - 1700000000.25) < 1e-3);
    assert_false(read.extra.position.known);
    rep_node_free(&read.node);
}

static void whether_commits_wait(void **state)
{
    (void)state;
    static const struct {
        const char *setting;
        bool wait;
    } cases[] = {{"on", true},
                 {"remote_apply", true},
                 {"remote_write", true},
                 {"local", false},
                 {"off", false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct read read = read_with(&sets[3], "synchronous_commit", cases[i].setting);
        assert_true(read.node.commits_wait.known);
        assert_int_equal(read.node.commits_wait.value, cases[i].wait);
        rep_node_free(&read.node);
    }
    struct read read = read_with(&sets[3], "synchronous_names", "");
    assert_string_equal(read.node.synchronous_names, ""); /* none, which is known */
    rep_node_free(&read.node);
}

static void which_timeline(void **state)
{
    (void)state;
    static const struct {
        const char *column;
        const char *value;
        int64_t timeline;
    } cases[] = {
        {"receiver_timeline", "3", 3},        {"receiver_timeline", "4", 4},
        {"receiver_timeline", "2", 3},        {"receiver_timeline", NULL, 3},
        {"checkpoint_timeline", NULL, 3},     {"timeline", "0000000A", 10},
        {"timeline", "FFFFFFFF", 4294967295},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct read read = read_with(&sets[3], cases[i].column, cases[i].value);
        assert_true(read.node.timeline.known);
        assert_int_equal(read.node.timeline.value, cases[i].timeline);
        rep_node_free(&read.node);
    }
}

/* ---- a node as a whole ---- */

/* A primary's row: the same, with other cells. */
static PGresult *make_primary(const char *position, const char *timeline)
{
    struct column columns[COUNT(node_of_a_standby)];
    memcpy(columns, node_of_a_standby, sizeof columns);
    columns[column_of(&sets[3], "in_recovery")].value = "f";
    columns[column_of(&sets[3], "position")].value = position;
    columns[column_of(&sets[3], "timeline")].value = timeline;
    columns[column_of(&sets[3], "checkpoint_timeline")].value = NULL;
    columns[column_of(&sets[3], "receiver_timeline")].value = NULL;
    return make(columns, COUNT(columns), SIZE_MAX, SIZE_MAX, NULL);
}

static void a_primary(void **state)
{
    (void)state;
    static const struct {
        const char *position;
        const char *timeline;
        const char *error; /* NULL: none */
    } cases[] = {
        {"83886080", "0000000B", NULL},
        {NULL, "0000000B", "position"},
        {"-1", "0000000B", "position"},
        {"83886080", NULL, "timeline"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct read read = {.ok = false};
        PGresult *result = make_primary(cases[i].position, cases[i].timeline);
        read_node(result, &read);
        if (cases[i].error == NULL) {
            assert_true(read.ok);
            assert_int_equal(read.node.role, REP_ROLE_PRIMARY);
            assert_int_equal(read.node.timeline.value, 11);
            assert_int_equal(read.extra.position.value, 83886080);
        } else {
            assert_false(read.ok);
            assert_int_equal(read.error.class, DR_ERR_PROTOCOL);
            assert_non_null(strstr(read.error.text, cases[i].error));
        }
        PQclear(result);
        rep_node_free(&read.node);
    }
}

static void how_many_rows(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT(sets); s++) {
        struct read read = {.ok = false};
        PGresult *result = without_rows(sets[s].columns, sets[s].count);
        sets[s].read(result, &read);
        assert_int_equal(read.ok, s < 3); /* no standby, no slot: that is an answer */
        if (s == 3)
            assert_int_equal(read.error.class, DR_ERR_PROTOCOL);
        assert_int_equal(
            read.node.stream_count + read.node.slot_count + read.node.subscription_count, 0);
        PQclear(result);
        rep_node_free(&read.node);
    }
    struct read read = {.ok = false};
    PGresult *two = make(node_of_a_standby, COUNT(node_of_a_standby), SIZE_MAX, SIZE_MAX, NULL);
    assert_int_equal(PQsetvalue(two, 1, 0, (char *)"t", 1), 1);
    read_node(two, &read);
    assert_false(read.ok);
    PQclear(two);
    rep_node_free(&read.node);
}

/* The streams of the second look take the place of those of the first. */
static void streams_twice(void **state)
{
    (void)state;
    struct read read = {.ok = false};
    PGresult *result = make(streams, COUNT(streams), SIZE_MAX, SIZE_MAX, NULL);
    PGresult *none = without_rows(streams, COUNT(streams));
    read_streams(result, &read);
    read_streams(result, &read);
    assert_true(read.ok && read.node.stream_count == 1);
    read_streams(none, &read);
    assert_true(read.ok && read.node.stream_count == 0);
    PQclear(result);
    PQclear(none);
    rep_node_free(&read.node);
}

/* ---- who it is ---- */

static void what_kind(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *state;
        const char *flushed;
        const char *replayed;
        const char *reported;
        const char *slot_type;
        const char *connected;
        enum rep_stream_kind kind;
    } cases[] = {
        {"db2", "streaming", "5", "5", "t", NULL, "100", REP_STREAM_STANDBY},
        {"db2", "catchup", "5", "5", "t", "physical", "100", REP_STREAM_STANDBY},
        {"pg_receivewal", "streaming", "5", "5", "t", NULL, "100", REP_STREAM_STANDBY},
        {"pg_receivewal", "streaming", "5", NULL, "t", NULL, "100", REP_STREAM_RECEIVER},
        {"pg_receivewal", "streaming", NULL, NULL, "f", NULL, "1", REP_STREAM_RECEIVER},
        {"pg_receivexlog", "streaming", NULL, NULL, "t", NULL, "100", REP_STREAM_RECEIVER},
        {"pg_receivewal", NULL, NULL, NULL, "f", NULL, NULL, REP_STREAM_RECEIVER},
        {"archiver", "streaming", "5", NULL, "t", "physical", "100", REP_STREAM_RECEIVER},
        {"archiver", "streaming", NULL, NULL, "t", NULL, "100", REP_STREAM_RECEIVER},
        {"pg_basebackup", "backup", NULL, NULL, "f", NULL, "100", REP_STREAM_BACKUP},
        {"pg_basebackup", "streaming", NULL, NULL, "t", NULL, "100", REP_STREAM_BACKUP},
        {"pg_basebackup", NULL, NULL, NULL, "f", NULL, NULL, REP_STREAM_BACKUP},
        {"barman", "backup", NULL, NULL, "f", NULL, "100", REP_STREAM_BACKUP},
        {"orders", "streaming", "5", "5", "t", "logical", "100", REP_STREAM_LOGICAL},
        {"orders", NULL, NULL, NULL, NULL, "logical", NULL, REP_STREAM_LOGICAL},
        {"db2", "streaming", NULL, NULL, "f", NULL, "2", REP_STREAM_CONNECTING},
        {"db2", "streaming", NULL, NULL, "f", NULL, "500", REP_STREAM_CONNECTING},
        {"db2", "startup", NULL, NULL, "f", NULL, "2", REP_STREAM_CONNECTING},
        {"psql", "startup", NULL, NULL, "f", NULL, "500", REP_STREAM_RECEIVER},
        {"db2", NULL, NULL, NULL, "f", NULL, NULL, REP_STREAM_HIDDEN},
        {NULL, NULL, NULL, NULL, NULL, NULL, NULL, REP_STREAM_HIDDEN},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct column columns[COUNT(streams)];
        struct read read = {.ok = false};
        memcpy(columns, streams, sizeof columns);
        columns[column_of(&sets[0], "application_name")].value = cases[i].name;
        columns[column_of(&sets[0], "state")].value = cases[i].state;
        columns[column_of(&sets[0], "flushed")].value = cases[i].flushed;
        columns[column_of(&sets[0], "replayed")].value = cases[i].replayed;
        columns[column_of(&sets[0], "reported")].value = cases[i].reported;
        columns[column_of(&sets[0], "slot_type")].value = cases[i].slot_type;
        columns[column_of(&sets[0], "connected")].value = cases[i].connected;
        PGresult *result = make(columns, COUNT(columns), SIZE_MAX, SIZE_MAX, NULL);
        read_streams(result, &read);
        assert_true(read.ok);
        if (read.node.streams[0].kind != cases[i].kind)
            fail_msg("case %zu (%s, %s) is of kind %d", i, cases[i].name, cases[i].state,
                     (int)read.node.streams[0].kind);
        PQclear(result);
        rep_node_free(&read.node);
    }
}

/* ---- second looks ---- */

static void second_looks(void **state)
{
    (void)state;
    static const struct column position[] = {{"position", "83886080", POSITION, NOWHERE, true}};
    static const struct column progress[] = {
        {"received", NULL, POSITION, NOWHERE, false},
        {"replayed", "7", POSITION, NOWHERE, false},
    };
    static const char *const wrong[] = {"", "-5", "x", "5 "};
    struct dr_opt_int first;
    struct dr_opt_int second;
    struct dr_error error;
    PGresult *result = make(position, 1, SIZE_MAX, SIZE_MAX, NULL);
    assert_true(pg_read_position(result, &first, &error));
    assert_true(first.known && first.value == 83886080);
    assert_false(pg_read_progress(result, &first, &second, &error));
    PQclear(result);
    result = make(position, 1, SIZE_MAX, 0, NULL);
    assert_false(pg_read_position(result, &first, &error));
    assert_int_equal(error.class, DR_ERR_PROTOCOL);
    PQclear(result);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        result = make(position, 1, SIZE_MAX, 0, wrong[i]);
        assert_false(pg_read_position(result, &first, &error));
        assert_false(first.known);
        PQclear(result);
    }
    result = make(progress, 2, SIZE_MAX, SIZE_MAX, NULL);
    assert_true(pg_read_progress(result, &first, &second, &error));
    assert_true(!first.known && second.known && second.value == 7);
    assert_false(pg_read_position(result, &first, &error));
    PQclear(result);
    result = without_rows(progress, 2);
    assert_false(pg_read_progress(result, &first, &second, &error));
    PQclear(result);
    result = without_rows(position, 1);
    assert_false(pg_read_position(result, &first, &error));
    PQclear(result);
}

/* Rows by slot, some of slots that came or went between the two looks. */
static void what_was_put_aside(void **state)
{
    (void)state;
    static const struct column spilled[] = {
        {"slot_name", "s1", WORDS, NOWHERE, true},
        {"spilled", "66", INTEGER, NOWHERE, false},
    };
    struct read read = read_with(&sets[1], "temporary", "f");
    PGresult *result = make(spilled, 2, SIZE_MAX, 0, "another");
    assert_true(pg_read_spilled(result, &read.node, &read.error));
    assert_false(read.node.slots[0].spilled.known);
    PQclear(result);
    result = make(spilled, 2, SIZE_MAX, SIZE_MAX, NULL);
    assert_true(pg_read_spilled(result, &read.node, &read.error));
    assert_true(read.node.slots[0].spilled.known && read.node.slots[0].spilled.value == 66);
    PQclear(result);
    result = make(spilled, 2, SIZE_MAX, 1, NULL);
    assert_true(pg_read_spilled(result, &read.node, &read.error));
    assert_false(read.node.slots[0].spilled.known);
    PQclear(result);
    for (size_t i = 0; i < COUNT(no_integers); i++) {
        result = make(spilled, 2, SIZE_MAX, 1, no_integers[i]);
        assert_false(pg_read_spilled(result, &read.node, &read.error));
        assert_int_equal(read.error.class, DR_ERR_PROTOCOL);
        PQclear(result);
    }
    for (size_t without = 0; without < 2; without++) {
        result = make(spilled, 2, without, SIZE_MAX, NULL);
        assert_false(pg_read_spilled(result, &read.node, &read.error));
        assert_int_equal(read.error.class, DR_ERR_PROTOCOL);
        PQclear(result);
    }
    rep_node_free(&read.node);
}

/* What comes from a server must not end up in the output as it is. */
static void hostile_text(void **state)
{
    (void)state;
    struct read read = read_with(&sets[0], "application_name", "db2|x=1\nOK\x1b[31m\xc3\xa4");
    for (const char *c = read.node.streams[0].name; *c != '\0'; c++)
        assert_true(*c >= ' ' && *c < 127 && *c != '|');
    rep_node_free(&read.node);
    static char endless[5000];
    memset(endless, 'x', sizeof endless - 1);
    read = read_with(&sets[0], "application_name", endless);
    assert_true(strlen(read.node.streams[0].name) <= 250);
    rep_node_free(&read.node);
}

static void a_comma_locale_changes_nothing(void **state)
{
    (void)state;
    if (!test_locale_begin("de_DE")) {
        print_message("no localedef or no source of de_DE here: not tested\n");
        skip();
    }
    a_healthy_row(state);
    what_the_values_are(state);
    garbage(state);
    test_locale_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_row),
        cmocka_unit_test(a_column_that_is_missing),
        cmocka_unit_test(a_null),
        cmocka_unit_test(garbage),
        cmocka_unit_test(garbage_in_special_columns),
        cmocka_unit_test(what_the_values_are),
        cmocka_unit_test(whether_commits_wait),
        cmocka_unit_test(which_timeline),
        cmocka_unit_test(a_primary),
        cmocka_unit_test(how_many_rows),
        cmocka_unit_test(streams_twice),
        cmocka_unit_test(what_kind),
        cmocka_unit_test(second_looks),
        cmocka_unit_test(what_was_put_aside),
        cmocka_unit_test(hostile_text),
        cmocka_unit_test(a_comma_locale_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
