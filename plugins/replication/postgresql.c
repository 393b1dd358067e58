/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PostgreSQL source: one connection to each node, one round trip for everything, and a second
 * look where the nodes are compared with each other. */
#include "common/client/pg.h"
#include "common/module.h"
#include "plugins/replication/facts.h"
#include "plugins/replication/postgresql_query.h"
#include "plugins/replication/postgresql_read.h"
#include "plugins/replication/request.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define QUERY_MAX (32 * 1024)
#define LOOKS_MAX 64
/* First and longest pause between two looks, seconds. */
#define PAUSE_FIRST 0.002
#define PAUSE_LONGEST 0.05

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
    probe->node->product = strdup(probe->pg.product);
    probe->node->major = probe->pg.version / 10000;
    return true;
}

static double wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void take_clock(struct rep_node *node, const struct pg_node_extra *extra, double took)
{
    if (!extra->server_time.known)
        return;
    node->clock_ahead = dr_real(extra->server_time.value - (wall_clock() - took / 2));
    node->clock_error = took / 2;
}

/* The position of a standby that counts: after a restart what it received is rounded down to a
 * segment, and without streaming it is NULL. */
static void take_standby_position(struct rep_node *node, double sent)
{
    int64_t position = node->replayed.known ? node->replayed.value : 0;
    if (node->received.known && node->received.value > position)
        position = node->received.value;
    if (node->replayed.known || node->received.known)
        rep_node_add_reading(node, sent, dr_monotonic(), position);
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
    take_clock(node, &extra, took);
    node->looked = dr_monotonic();
    if (node->role == REP_ROLE_PRIMARY)
        rep_node_add_reading(node, sent, node->looked, extra.position.value);
    else
        take_standby_position(node, sent);
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

static bool look_again_primary(struct probe *probe)
{
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

static bool look_again_standby(struct probe *probe)
{
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
        take_standby_position(probe->node, sent);
    return ok;
}

/* ---- primary ---- */

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

/* True while a standby that this primary sees lacks something, and its last report is too old to
 * say for how long: on an idle pair that may be 10 s when a write comes, and the next report is
 * only milliseconds away. */
static bool is_unsettled(const struct rep_node *node, const struct rep_mark *mark)
{
    for (size_t i = 0; i < node->stream_count; i++) {
        const struct rep_stream *stream = &node->streams[i];
        if (stream->kind != REP_STREAM_STANDBY || !stream->flushed.known)
            continue;
        if (mark->heartbeat && stream->replayed.known && stream->replayed.value < mark->position)
            return true;
        double lag = stream->flush_lag.known ? stream->flush_lag.value : 0;
        bool recent = stream->reply_age.known && stream->reply_age.value >= 0 &&
                      stream->reply_age.value + lag < REP_SETTLE_SECONDS;
        if (stream->flushed.value < mark->position && (mark->heartbeat || !recent))
            return true;
    }
    return false;
}

static double shorter(double a, double b)
{
    return a < b ? a : b;
}

/* Looks again until the standbys that are asked directly are done (their figures need a later
 * position of ours beside them) and those that are only seen from here have had their moment to
 * report. */
static bool follow_standbys(struct probe *probe, const struct rep_mark *mark)
{
    struct rep_board *board = probe->request->board;
    size_t index = dr_task_index(probe->task);
    double settle = mark->heartbeat ? dr_task_left(probe->task) : REP_SETTLE_SECONDS;
    double end = dr_monotonic() + dr_task_left(probe->task);
    double settled_by = shorter(mark->moment + settle, end);
    double pause = PAUSE_FIRST;
    /* Nodes that are equally far come in together: half a round trip is enough to wait for the
     * next. */
    double quiet = (probe->node->looked - probe->node->readings[0].sent) / 2;
    size_t done = 0;
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
        bool unsettled = is_unsettled(probe->node, mark) && dr_monotonic() < settled_by;
        bool pending;
        double until = unsettled ? shorter(dr_monotonic() + pause, end) : end;
        size_t now_done = rep_board_wait_done(board, index, done, until, quiet, &pending);
        if (!unsettled && now_done == done)
            return true; /* nobody is left, or the time is up */
        if (unsettled && !pending && now_done == done) {
            /* Nothing wakes us: the pause is for the standbys to report. */
            struct timespec rest = {.tv_nsec = (long)(pause * 1e9)};
            nanosleep(&rest, NULL);
        }
        done = now_done;
        pause = shorter(pause * 2, PAUSE_LONGEST);
        if (dr_task_left(probe->task) <= 0 || !look_again_primary(probe))
            return dr_task_left(probe->task) <= 0;
    }
    return true;
}

static bool probe_primary(struct probe *probe)
{
    struct rep_node *node = probe->node;
    struct rep_mark mark = {.moment = node->readings[0].sent,
                            .position = node->readings[0].position};
    snprintf(mark.system, sizeof mark.system, "%s", node->system != NULL ? node->system : "");
    if (probe->request->heartbeat && !write_heartbeat(probe, &mark))
        return false;
    rep_board_post(probe->request->board, dr_task_index(probe->task), &mark);
    return follow_standbys(probe, &mark);
}

/* ---- standby ---- */

static bool has_passed(struct probe *probe, const struct rep_mark *mark)
{
    struct rep_node *node = probe->node;
    struct rep_passing *passing = &node->passing;
    if (node->reading_count == 0)
        return false;
    const struct rep_reading *last = &node->readings[node->reading_count - 1];
    double since = last->received - mark->moment;
    passing->waited = since;
    if (last->position >= mark->position && !passing->received.known)
        passing->received = dr_real(since);
    if (node->replayed.known && node->replayed.value >= mark->position && !passing->replayed.known)
        passing->replayed = dr_real(since);
    /* What is replayed is not waited for where it cannot come. */
    bool replay_comes =
        node->pause == REP_PAUSE_NONE && !(node->apply_delay.known && node->apply_delay.value > 0);
    return passing->received.known && (passing->replayed.known || !replay_comes);
}

/* Without a primary: what the sender had announced at the first look. On a busy link there is
 * always something on its way, and only a second look tells that it arrives. */
static bool take_announced(struct rep_node *node, struct rep_mark *mark)
{
    const struct rep_receiver *receiver = &node->receiver;
    bool running = receiver->running.known && receiver->running.value;
    if (!running || !receiver->announced.known || node->reading_count == 0)
        return false;
    *mark =
        (struct rep_mark){.moment = node->readings[0].sent, .position = receiver->announced.value};
    node->passing.announced = true;
    return true;
}

static bool probe_standby(struct probe *probe)
{
    struct rep_node *node = probe->node;
    struct rep_mark mark;
    rep_board_follow(probe->request->board, dr_task_index(probe->task));
    dr_task_stage(probe->task, "wait for the primary's position");
    if (!rep_board_wait_mark(probe->request->board, dr_monotonic() + dr_task_left(probe->task),
                             &mark) &&
        !take_announced(node, &mark))
        return true;
    if (node->system != NULL && *mark.system != '\0' && strcmp(node->system, mark.system) != 0)
        return true; /* positions of another history mean nothing here */
    node->passing.compared = true;
    node->passing.marked = mark.moment;
    node->passing.position = mark.position;
    double end = dr_monotonic() + dr_task_left(probe->task);
    double until = mark.heartbeat ? end : shorter(end, dr_monotonic() + REP_SETTLE_SECONDS);
    double pause = PAUSE_FIRST;
    while (!has_passed(probe, &mark) && dr_monotonic() + pause < until) {
        struct timespec rest = {.tv_nsec = (long)(pause * 1e9)};
        nanosleep(&rest, NULL);
        pause = shorter(pause * 2, PAUSE_LONGEST);
        if (!look_again_standby(probe))
            return false;
    }
    return true;
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
