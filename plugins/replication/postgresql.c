/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PostgreSQL source: one connection to each node, one round trip for everything, and a second
 * look where the nodes are compared with each other. */
#include "common/client/pg.h"
#include "common/module.h"
#include "plugins/replication/facts.h"
#include "plugins/replication/postgresql_query.h"
#include "plugins/replication/postgresql_read.h"
#include "plugins/replication/watch.h"

#include <stdio.h>
#include <string.h>

#define QUERY_MAX (32 * 1024)

struct probe {
    struct dr_pg pg;
    struct dr_task *task;
    const struct rep_request *request;
    struct rep_node *node;
    struct dr_error *error;
};

static bool connect_node(struct probe *probe)
{
    if (!dr_pg_open(&probe->pg))
        return false;
    probe->node->kind = REP_POSTGRESQL;
    probe->node->product = strdup(probe->pg.product);
    probe->node->major = probe->pg.version / 10000;
    return true;
}

static bool look_first(struct probe *probe)
{
    struct dr_buffer sql = DR_BUFFER(QUERY_MAX);
    PGresult *results[PG_RESULT_SETS];
    pg_query_node(&sql, probe->pg.version, dr_pg_left_ms(&probe->pg));
    double sent = dr_monotonic();
    bool ok = dr_pg_query(&probe->pg, &sql, "query", results, PG_RESULT_SETS);
    dr_buffer_free(&sql);
    if (!ok)
        return false;
    struct rep_node *node = probe->node;
    struct pg_node_extra extra = {.position = {.known = false}};
    double took = dr_monotonic() - sent;
    ok = pg_read_streams(results[PG_STREAMS], node, probe->error) &&
         pg_read_slots(results[PG_SLOTS], node, probe->error) &&
         pg_read_subscriptions(results[PG_SUBSCRIPTIONS], node, probe->error) &&
         pg_read_node(results[PG_NODE], node, &extra, probe->error);
    dr_pg_free_results(results, PG_RESULT_SETS);
    if (!ok)
        return false;
    if (extra.server_time.known)
        rep_watch_take_clock(node, extra.server_time.value, took);
    node->looked = dr_monotonic();
    if (node->role == REP_ROLE_PRIMARY)
        rep_node_add_reading(node, sent, node->looked, extra.position.value);
    else
        rep_watch_add_position(node, sent);
    return true;
}

static bool look_spilled(struct probe *probe)
{
    const struct rep_node *node = probe->node;
    bool logical = false;
    for (size_t i = 0; i < node->slot_count; i++)
        logical = logical || node->slots[i].logical;
    if (!probe->request->spilled || !logical || probe->pg.version < 150000 ||
        !node->privileged.known || !node->privileged.value)
        return true;
    struct dr_buffer sql = DR_BUFFER(QUERY_MAX);
    PGresult *result;
    pg_query_spilled(&sql, dr_pg_left_ms(&probe->pg));
    bool ok = dr_pg_query(&probe->pg, &sql, "look at the slots' files", &result, 1);
    dr_buffer_free(&sql);
    if (!ok)
        return false;
    ok = pg_read_spilled(result, probe->node, probe->error);
    PQclear(result);
    return ok;
}

static bool look_again_primary(void *context)
{
    struct probe *probe = context;
    struct dr_buffer sql = DR_BUFFER(QUERY_MAX);
    PGresult *results[2];
    pg_query_primary_again(&sql, probe->pg.version, dr_pg_left_ms(&probe->pg));
    double sent = dr_monotonic();
    bool ok = dr_pg_query(&probe->pg, &sql, "look again", results, 2);
    dr_buffer_free(&sql);
    if (!ok)
        return false;
    struct dr_opt_int position = {.known = false};
    ok = pg_read_streams(results[0], probe->node, probe->error) &&
         pg_read_position(results[1], &position, probe->error);
    dr_pg_free_results(results, 2);
    probe->node->looked = dr_monotonic();
    if (ok)
        rep_node_add_reading(probe->node, sent, probe->node->looked, position.value);
    return ok;
}

static bool look_again_standby(void *context)
{
    struct probe *probe = context;
    struct dr_buffer sql = DR_BUFFER(QUERY_MAX);
    PGresult *result;
    pg_query_standby_again(&sql, probe->pg.version, dr_pg_left_ms(&probe->pg));
    double sent = dr_monotonic();
    bool ok = dr_pg_query(&probe->pg, &sql, "look again", &result, 1);
    dr_buffer_free(&sql);
    if (!ok)
        return false;
    ok = pg_read_progress(result, &probe->node->received, &probe->node->replayed, probe->error);
    PQclear(result);
    if (ok)
        rep_watch_add_position(probe->node, sent);
    return ok;
}

static bool write_heartbeat(struct probe *probe, struct rep_mark *mark)
{
    struct dr_buffer sql = DR_BUFFER(QUERY_MAX);
    PGresult *results[2];
    pg_query_heartbeat(&sql, probe->pg.version, dr_pg_left_ms(&probe->pg));
    mark->moment = dr_monotonic();
    bool ok = dr_pg_query(&probe->pg, &sql, "write the heartbeat", results, 2);
    dr_buffer_free(&sql);
    if (!ok)
        return false;
    struct dr_opt_int position = {.known = false};
    ok = pg_read_position(results[1], &position, probe->error);
    dr_pg_free_results(results, 2);
    mark->position = position.value;
    mark->heartbeat = true;
    probe->node->heartbeat = true;
    if (ok)
        rep_node_add_reading(probe->node, mark->moment, dr_monotonic(), position.value);
    return ok;
}

static bool probe_primary(struct probe *probe)
{
    const struct rep_watch watch = {.task = probe->task,
                                    .node = probe->node,
                                    .look = look_again_primary,
                                    .context = probe,
                                    .settle = REP_SETTLE_SECONDS};
    struct rep_mark mark = rep_watch_mark(probe->node);
    if (probe->request->heartbeat && !write_heartbeat(probe, &mark))
        return false;
    return rep_watch_primary(&watch, &mark);
}

static bool probe_standby(struct probe *probe)
{
    const struct rep_watch watch = {.task = probe->task,
                                    .node = probe->node,
                                    .look = look_again_standby,
                                    .context = probe,
                                    .settle = REP_SETTLE_SECONDS};
    return rep_watch_standby(&watch);
}

static bool probe_node(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct probe probe = {
        .pg = {.task = task, .application = "check_replication_lag", .error = error},
        .task = task,
        .request = dr_task_request(task),
        .node = facts,
        .error = error};
    bool ok =
        connect_node(&probe) && look_first(&probe) && look_spilled(&probe) &&
        (probe.node->role == REP_ROLE_PRIMARY ? probe_primary(&probe) : probe_standby(&probe));
    dr_pg_close(&probe.pg);
    rep_board_done(probe.request->board, dr_task_index(task));
    return ok;
}

static const char *library(void)
{
    static char text[32];
    int version = PQlibVersion();
    snprintf(text, sizeof text, "libpq %d.%d", version / 10000, version % 10000);
    return text;
}

extern const struct dr_source DR_SOURCE_SYMBOL(replication, postgresql);
const struct dr_source DR_SOURCE_SYMBOL(replication, postgresql) = {
    .abi = DR_SOURCE_ABI,
    .group = "replication",
    .name = "postgresql",
    .facts_size = sizeof(struct rep_node),
    .library = library,
    .probe = probe_node,
};
