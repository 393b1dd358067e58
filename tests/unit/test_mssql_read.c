/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Result sets of SQL Server and Azure SQL with a column missing, NULL or garbage in it, and what
 * the figures of a link prove. */
#include "plugins/replication/mssql_read.h"

#include "common/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COLUMNS_MAX 16
#define ROWS_MAX 4

struct table {
    size_t columns;
    size_t rows;
    const char *names[COLUMNS_MAX];
    const char *cells[ROWS_MAX][COLUMNS_MAX];
    char *flat[ROWS_MAX * COLUMNS_MAX];
};

static const struct table server_row = {.columns = 8,
                                        .rows = 1,
                                        .names = {"edition", "version", "server", "name",
                                                  "updateability", "database_state", "server_state",
                                                  "now"},
                                        .cells = {{"5", "12.0.2000.8", "db-east", "appdb",
                                                   "READ_WRITE", "1", "0", "1795225000000000"}}};

/* The last commit, 5 s ago, was acknowledged 4 s ago. */
static const struct table geo_primary = {
    .columns = 7,
    .rows = 1,
    .names = {"partner_server", "partner_database", "role", "replication_state",
              "replication_lag_sec", "last_replication", "last_commit"},
    .cells = {{"db-west", "appdb", "0", "2", "1", "1795224996000000", "1795224995000000"}}};

static const struct table geo_secondary = {
    .columns = 7,
    .rows = 1,
    .names = {"partner_server", "partner_database", "role", "replication_state",
              "replication_lag_sec", "last_replication", "last_commit"},
    .cells = {{"DB-East", "appdb", "1", "2", NULL, NULL, "1795224995000000"}}};

static const struct table group_primary = {
    .columns = 12,
    .rows = 2,
    .names = {"is_local", "is_primary_replica", "replica", "group_database", "state",
              "is_suspended", "suspend_reason", "secondary_lag_seconds", "hardened", "committed",
              "commit_age", "primary_replica"},
    .cells = {{"1", "1", "SQL1", "8C8A", "SYNCHRONIZED", "0", NULL, NULL, NULL, "470000009000",
               "1000000", "SQL1"},
              {"0", "0", "SQL2", "8C8A", "SYNCHRONIZING", "0", NULL, "7", "470000008000",
               "470000007000", "9000000", "SQL1"}}};

static const struct dr_tds_result *result_of(struct table *table, struct dr_tds_result *result)
{
    for (size_t r = 0; r < table->rows; r++) {
        for (size_t c = 0; c < table->columns; c++)
            table->flat[r * table->columns + c] = (char *)(uintptr_t)table->cells[r][c];
    }
    *result = (struct dr_tds_result){.columns = table->columns,
                                     .rows = table->rows,
                                     .names = (char **)(uintptr_t)table->names,
                                     .cells = table->flat};
    return result;
}

static size_t column_of(const struct table *table, const char *name)
{
    size_t c = 0;
    while (c < table->columns && strcmp(table->names[c], name) != 0)
        c++;
    assert_true(c < table->columns);
    return c;
}

static void put(struct table *table, size_t row, const char *name, const char *value)
{
    table->cells[row][column_of(table, name)] = value;
}

/* Reads the server's row and the links; the caller frees the node. */
static bool read_both(struct table server, struct table links, const char *host,
                      struct rep_node *node, struct mssql_server *out, struct dr_error *error)
{
    struct dr_tds_result result;
    *error = (struct dr_error){.class = DR_ERR_NONE};
    return mssql_read_server(result_of(&server, &result), host, node, out, error) &&
           mssql_read_links(result_of(&links, &result), node, out, error);
}

static struct table on_premises(void)
{
    struct table server = server_row;
    put(&server, 0, "edition", "3");
    put(&server, 0, "server", "SQL1");
    put(&server, 0, "server_state", "1");
    return server;
}

/* ---- good ones ---- */

static void geo_primary_is_read(void **state)
{
    (void)state;
    struct rep_node node = {.role = REP_ROLE_UNKNOWN};
    struct mssql_server server;
    struct dr_error error;
    for (int looks = 0; looks < 2; looks++)
        assert_true(read_both(server_row, geo_primary, "db-east.database.windows.net", &node,
                              &server, &error));
    assert_int_equal(node.kind, REP_MSSQL);
    assert_int_equal(node.unit, REP_MOMENTS);
    assert_int_equal(node.role, REP_ROLE_PRIMARY);
    assert_string_equal(node.product, "Azure SQL Database 12.0.2000.8");
    assert_string_equal(node.group, "appdb");
    assert_string_equal(node.system, "db-east/appdb");
    assert_string_equal(node.instance, "db-east/appdb");
    assert_int_equal(server.position.value, 1795224995000000);
    assert_int_equal(node.stream_count, 1);
    assert_string_equal(node.streams[0].name, "db-west");
    assert_string_equal(node.streams[0].hostname, "db-west.database.windows.net");
    assert_string_equal(node.streams[0].state, "CATCH_UP");
    assert_int_equal(node.streams[0].kind, REP_STREAM_STANDBY);
    assert_true(node.streams[0].loss.known && node.streams[0].loss.value < 0.001);
    assert_false(node.streams[0].flushed.known || node.streams[0].reply_age.known);
    rep_node_free(&node);
}

static void geo_secondary_is_read(void **state)
{
    (void)state;
    struct rep_node node = {.role = REP_ROLE_UNKNOWN};
    struct mssql_server server;
    struct dr_error error;
    struct table own = server_row;
    put(&own, 0, "server", "db-west");
    put(&own, 0, "updateability", "READ_ONLY");
    for (int looks = 0; looks < 2; looks++)
        assert_true(read_both(own, geo_secondary, "192.0.2.7", &node, &server, &error));
    assert_int_equal(node.role, REP_ROLE_STANDBY);
    assert_string_equal(node.system, "db-east/appdb");
    assert_string_equal(node.application_name, "db-west");
    assert_int_equal(node.received.value, 1795224995000000);
    assert_int_equal(node.replayed.value, 1795224995000000);
    assert_true(node.replay_age.value > 4.99 && node.replay_age.value < 5.01);
    assert_true(node.receiver.running.value);
    assert_string_equal(node.receiver.sender, "DB-East");
    assert_string_equal(node.receiver.status, "CATCH_UP");
    assert_int_equal(node.stream_count, 0);
    assert_int_equal(node.pause, REP_PAUSE_NONE);
    rep_node_free(&node);
}

static void group_primary_is_read(void **state)
{
    (void)state;
    struct rep_node node = {.role = REP_ROLE_UNKNOWN};
    struct mssql_server server;
    struct dr_error error;
    assert_true(read_both(on_premises(), group_primary, "sql1", &node, &server, &error));
    assert_int_equal(node.role, REP_ROLE_PRIMARY);
    assert_string_equal(node.system, "8C8A");
    assert_int_equal(server.position.value, 470000009000);
    assert_int_equal(node.stream_count, 1);
    assert_string_equal(node.streams[0].name, "SQL2");
    assert_int_equal(node.streams[0].flushed.value, 470000008000);
    assert_int_equal(node.streams[0].replayed.value, 470000007000);
    assert_true(node.streams[0].loss.value > 6.99 && node.streams[0].loss.value < 7.01);
    rep_node_free(&node);
}

/* ---- what a link proves ---- */

static const struct {
    const char *what;
    const char *state;
    const char *lag;
    const char *replication; /* microseconds */
    const char *commit;
    enum rep_stream_kind kind;
    double loss; /* -1: unknown */
} links[] = {
    {"idle for a day", "2", "60", "1795138660000000", "1795138600000000", REP_STREAM_STANDBY, 0},
    {"idle, the lag rounded up", "2", "1", "1795138660100000", "1795138659900000",
     REP_STREAM_STANDBY, 0},
    {"busy and behind", "2", "120", "1795225000000000", "1795225000000000", REP_STREAM_STANDBY,
     120},
    {"nothing acknowledged for 600 s", "2", "0", "1795224400000000", "1795225000000000",
     REP_STREAM_STANDBY, 600},
    {"suspended, the lag frozen", "4", "5", "1795224400000000", "1795225000000000",
     REP_STREAM_BROKEN, 605},
    {"suspended, nothing since", "4", "0", "1795224400000000", "1795224399000000",
     REP_STREAM_BROKEN, 0},
    {"no last commit", "2", "0", "1795224400000000", NULL, REP_STREAM_STANDBY, 600},
    {"no lag", "2", NULL, "1795224999000000", "1795224999000000", REP_STREAM_STANDBY, -1},
    {"no acknowledgement", "2", "0", NULL, "1795224999000000", REP_STREAM_STANDBY, -1},
    {"negative lag", "2", "-5", "1795224999000000", "1795224999000000", REP_STREAM_STANDBY, -1},
    {"seeding", "1", "0", "1795224999000000", "1795224999000000", REP_STREAM_COPYING, -1},
    {"pending", "0", NULL, NULL, NULL, REP_STREAM_COPYING, -1},
    {"a state that nobody knows", "77", "0", "1795224999000000", "1795224999000000",
     REP_STREAM_BROKEN, 0},
    {"a clock that was set back", "2", "0", "1795225999000000", "1795226999000000",
     REP_STREAM_STANDBY, 0},
    {"absurd figures", "2", "9223372036854775807", "-9223372036854775808", "9223372036854775807",
     REP_STREAM_STANDBY, 1e18},
};

static void links_prove(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct rep_node node = {.role = REP_ROLE_UNKNOWN};
        struct mssql_server server;
        struct dr_error error;
        struct table table = geo_primary;
        put(&table, 0, "replication_state", links[i].state);
        put(&table, 0, "replication_lag_sec", links[i].lag);
        put(&table, 0, "last_replication", links[i].replication);
        put(&table, 0, "last_commit", links[i].commit);
        print_message("%s\n", links[i].what);
        assert_true(read_both(server_row, table, "db", &node, &server, &error));
        const struct rep_stream *stream = &node.streams[0];
        assert_int_equal(stream->kind, links[i].kind);
        assert_int_equal(stream->loss.known, links[i].loss >= 0);
        if (links[i].loss >= 1e18)
            assert_true(stream->loss.value >= 1e18);
        else if (links[i].loss >= 0)
            assert_true(stream->loss.value > links[i].loss - 0.01 &&
                        stream->loss.value < links[i].loss + 0.01);
        rep_node_free(&node);
    }
}

static const struct {
    const char *state;
    const char *suspended;
    const char *lag;
    enum rep_stream_kind kind;
    double loss;
} replicas[] = {
    {"SYNCHRONIZED", "0", "55", REP_STREAM_STANDBY, 0},
    {"SYNCHRONIZED", "0", NULL, REP_STREAM_STANDBY, 0},
    {"SYNCHRONIZED", "1", "0", REP_STREAM_BROKEN, 9},
    {"SYNCHRONIZING", "0", "55", REP_STREAM_STANDBY, 55},
    {"SYNCHRONIZING", "0", NULL, REP_STREAM_STANDBY, -1},
    {"SYNCHRONIZING", "0", "-1", REP_STREAM_STANDBY, -1},
    {"NOT SYNCHRONIZING", "0", "0", REP_STREAM_BROKEN, 9},
    {"INITIALIZING", "0", "0", REP_STREAM_COPYING, -1},
    {"REVERTING", "0", "0", REP_STREAM_COPYING, -1},
    {"SOMETHING NEW", "0", "0", REP_STREAM_BROKEN, 9},
};

static void replicas_prove(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof replicas / sizeof replicas[0]; i++) {
        struct rep_node node = {.role = REP_ROLE_UNKNOWN};
        struct mssql_server server;
        struct dr_error error;
        struct table table = group_primary;
        put(&table, 1, "state", replicas[i].state);
        put(&table, 1, "is_suspended", replicas[i].suspended);
        put(&table, 1, "secondary_lag_seconds", replicas[i].lag);
        assert_true(read_both(on_premises(), table, "db", &node, &server, &error));
        const struct rep_stream *stream = &node.streams[0];
        assert_int_equal(stream->kind, replicas[i].kind);
        assert_int_equal(stream->loss.known, replicas[i].loss >= 0);
        if (replicas[i].loss >= 0)
            assert_true(stream->loss.value > replicas[i].loss - 0.01 &&
                        stream->loss.value < replicas[i].loss + 0.01);
        rep_node_free(&node);
    }
}

static const struct {
    const char *host;
    const char *hostname; /* of the partner; NULL: not known */
} domains[] = {
    {"db-east.database.windows.net", "db-west.database.windows.net"},
    {"group.secondary.database.windows.net", "db-west.database.windows.net"},
    {"192.0.2.1", NULL},
    {"fe80::1", NULL},
    {"db-east", NULL},
    {NULL, NULL},
};

static void partner_has_the_same_domain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof domains / sizeof domains[0]; i++) {
        struct rep_node node = {.role = REP_ROLE_UNKNOWN};
        struct mssql_server server;
        struct dr_error error;
        assert_true(read_both(server_row, geo_primary, domains[i].host, &node, &server, &error));
        if (domains[i].hostname == NULL)
            assert_null(node.streams[0].hostname);
        else
            assert_string_equal(node.streams[0].hostname, domains[i].hostname);
        rep_node_free(&node);
    }
}

/* ---- no rows ---- */

static void no_links(void **state)
{
    (void)state;
    struct rep_node node = {.role = REP_ROLE_UNKNOWN};
    struct mssql_server server;
    struct dr_error error;
    struct table none = geo_primary;
    none.rows = 0;
    assert_true(read_both(server_row, geo_primary, "db", &node, &server, &error));
    assert_true(read_both(server_row, none, "db", &node, &server, &error));
    assert_int_equal(node.role, REP_ROLE_PRIMARY);
    assert_int_equal(node.stream_count, 0);
    assert_false(server.position.known);
    struct table read_only = server_row;
    put(&read_only, 0, "updateability", "READ_ONLY");
    assert_false(read_both(read_only, none, "db", &node, &server, &error));
    assert_int_equal(error.class, DR_ERR_SERVER);
    rep_node_free(&node);
}

static void permission_is_of_the_kind_of_server(void **state)
{
    (void)state;
    struct rep_node node = {.role = REP_ROLE_UNKNOWN};
    struct mssql_server server;
    struct dr_error error;
    struct table table = server_row;
    put(&table, 0, "database_state", "0");
    put(&table, 0, "server_state", "1");
    assert_true(read_both(table, geo_primary, "db", &node, &server, &error));
    assert_false(server.permitted);
    put(&table, 0, "edition", "3");
    assert_true(read_both(table, group_primary, "db", &node, &server, &error));
    assert_true(server.permitted);
    rep_node_free(&node);
}

/* ---- damaged ones ---- */

static bool survives(struct table server, struct table links_table)
{
    struct rep_node node = {.role = REP_ROLE_UNKNOWN};
    struct mssql_server out;
    struct dr_error error;
    bool ok = read_both(server, links_table, "db", &node, &out, &error);
    assert_true(ok ? error.class == DR_ERR_NONE
                   : error.class == DR_ERR_PROTOCOL && error.text[0] != '\0');
    rep_node_free(&node);
    return ok;
}

/* Integers, by name. */
static bool is_integer(const char *name)
{
    static const char *const integers[] = {"edition",
                                           "database_state",
                                           "server_state",
                                           "now",
                                           "role",
                                           "is_local",
                                           "is_primary_replica",
                                           "is_suspended",
                                           "hardened",
                                           "committed",
                                           "commit_age",
                                           "last_commit",
                                           "replication_lag_sec",
                                           "last_replication",
                                           "replication_state",
                                           "secondary_lag_seconds",
                                           NULL};
    for (size_t i = 0; integers[i] != NULL; i++) {
        if (strcmp(integers[i], name) == 0)
            return true;
    }
    return false;
}

/* A column that this row's role has no use for. */
static bool is_unused(const struct table *table, const char *name)
{
    if (strcmp(table->names[0], "partner_server") == 0 && strcmp(table->cells[0][2], "1") == 0)
        return strcmp(name, "replication_lag_sec") == 0 || strcmp(name, "last_replication") == 0;
    return strcmp(name, "primary_replica") == 0;
}

static void damage(struct table server, struct table links_table, bool in_server)
{
    static const char *const garbage[] = {"", "x", "1x", " ", "1.5", "99999999999999999999"};
    struct table *hurt = in_server ? &server : &links_table;
    const struct table whole = *hurt;
    for (size_t c = 0; c < whole.columns; c++) {
        print_message("%s\n", whole.names[c]);
        hurt->names[c] = "other";
        assert_int_equal(survives(server, links_table), is_unused(&whole, whole.names[c]));
        *hurt = whole;
        for (size_t g = 0; g < sizeof garbage / sizeof garbage[0]; g++) {
            hurt->cells[0][c] = garbage[g];
            bool ok = survives(server, links_table);
            if (is_integer(whole.names[c]))
                assert_int_equal(ok, is_unused(&whole, whole.names[c]));
        }
        hurt->cells[0][c] = NULL;
        survives(server, links_table);
        *hurt = whole;
    }
}

static void damaged_replies(void **state)
{
    (void)state;
    damage(server_row, geo_primary, true);
    damage(server_row, geo_primary, false);
    damage(server_row, geo_secondary, false);
    damage(on_premises(), group_primary, false);
}

static void impossible_rows(void **state)
{
    (void)state;
    struct table table = server_row;
    table.rows = 0;
    assert_false(survives(table, geo_primary));
    table.rows = 2;
    memcpy(table.cells[1], table.cells[0], sizeof table.cells[0]);
    assert_false(survives(table, geo_primary));
    table = geo_primary;
    put(&table, 0, "role", "2");
    assert_false(survives(server_row, table));
    table = group_primary;
    put(&table, 0, "is_local", "0");
    assert_false(survives(on_premises(), table));
    put(&table, 0, "is_local", "1");
    put(&table, 1, "is_local", "1");
    assert_false(survives(on_premises(), table));
    put(&table, 0, "is_primary_replica", "0"); /* two standbys in one */
    assert_false(survives(on_premises(), table));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(geo_primary_is_read),
        cmocka_unit_test(geo_secondary_is_read),
        cmocka_unit_test(group_primary_is_read),
        cmocka_unit_test(links_prove),
        cmocka_unit_test(replicas_prove),
        cmocka_unit_test(partner_has_the_same_domain),
        cmocka_unit_test(no_links),
        cmocka_unit_test(permission_is_of_the_kind_of_server),
        cmocka_unit_test(damaged_replies),
        cmocka_unit_test(impossible_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
