/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/watch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOKS_MAX 64
/* First and longest pause between two looks, seconds. */
#define PAUSE_FIRST 0.002
#define PAUSE_LONGEST 0.05

static double shorter(double a, double b)
{
    return a < b ? a : b;
}

static struct rep_board *board_of(const struct rep_watch *watch)
{
    return ((const struct rep_request *)dr_task_request(watch->task))->board;
}

static void rest(double seconds)
{
    struct timespec pause = {.tv_nsec = (long)(seconds * 1e9)};
    nanosleep(&pause, NULL);
}

void rep_watch_take_clock(struct rep_node *node, double server_time, double took)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double ours = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    node->clock_ahead = dr_real(server_time - (ours - took / 2));
    node->clock_error = took / 2;
}

void rep_watch_add_position(struct rep_node *node, double sent)
{
    if (!node->replayed.known && !node->received.known)
        return;
    int64_t position = node->replayed.known ? node->replayed.value : node->received.value;
    if (node->received.known && node->received.value > position)
        position = node->received.value;
    rep_node_add_reading(node, sent, dr_monotonic(), position);
}

/* ---- primary ---- */

struct rep_mark rep_watch_mark(const struct rep_node *node)
{
    struct rep_mark mark = {.moment = node->readings[0].sent,
                            .position = node->readings[0].position};
    snprintf(mark.system, sizeof mark.system, "%s", node->system != NULL ? node->system : "");
    return mark;
}

/* What is delayed on purpose does not come while we wait. */
static bool is_delayed(const struct rep_set *set, const struct rep_stream *stream)
{
    for (size_t i = 0; i < set->member_count && stream->name != NULL; i++) {
        const struct rep_member *member = &set->members[i];
        if (member->name != NULL && strcmp(member->name, stream->name) == 0)
            return member->delay.known && member->delay.value > 0;
    }
    return false;
}

/* Without the sender's own measure a report says nothing of since when something lacks, and where
 * the loss is stated the last sign of life tells nothing of the position. */
static bool has_recent_report(const struct rep_stream *stream)
{
    if (stream->loss.known || !stream->flush_lag.known || !stream->reply_age.known ||
        stream->reply_age.value < 0)
        return false;
    double bound = stream->reply_age.value + stream->flush_lag.value;
    return bound < REP_SETTLE_SECONDS && rep_stream_tells_bound(stream, bound);
}

/* True while a standby that this primary sees lacks something, and its last report is too old to
 * say for how long: on an idle pair that may be 10 s when a write comes, and the next report is
 * only milliseconds away. */
static bool is_unsettled(const struct rep_watch *watch, const struct rep_mark *mark)
{
    const struct rep_node *node = watch->node;
    for (size_t i = 0; i < node->stream_count; i++) {
        const struct rep_stream *stream = &node->streams[i];
        if (stream->kind != REP_STREAM_STANDBY || !stream->flushed.known ||
            is_delayed(&node->set, stream) || rep_board_knows(board_of(watch), stream->name))
            continue;
        if (mark->heartbeat && stream->replayed.known && stream->replayed.value < mark->position)
            return true;
        if (stream->flushed.value < mark->position &&
            (mark->heartbeat || !has_recent_report(stream)))
            return true;
    }
    return false;
}

bool rep_watch_primary(const struct rep_watch *watch, const struct rep_mark *mark)
{
    struct rep_node *node = watch->node;
    struct rep_board *board = board_of(watch);
    size_t index = dr_task_index(watch->task);
    rep_board_post(board, index, mark);
    double settle = mark->heartbeat ? dr_task_left(watch->task) : watch->settle;
    double end = dr_monotonic() + dr_task_left(watch->task);
    double settled_by = shorter(mark->moment + settle, end);
    double pause = PAUSE_FIRST;
    /* Nodes that are equally far come in together: half a round trip is enough to wait for the
     * next. */
    double quiet = (node->looked - node->readings[0].sent) / 2;
    size_t done = 0;
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
        bool unsettled = is_unsettled(watch, mark) && dr_monotonic() < settled_by;
        bool pending;
        double until = unsettled ? shorter(dr_monotonic() + pause, end) : end;
        size_t now_done = rep_board_wait_done(board, index, done, until, quiet, &pending);
        if (!unsettled && now_done == done)
            return true; /* nobody is left, or the time is up */
        if (unsettled && !pending && now_done == done)
            rest(pause); /* nothing wakes us: the pause is for the standbys to report */
        done = now_done;
        pause = shorter(pause * 2, PAUSE_LONGEST);
        if (dr_task_left(watch->task) <= 0 || !watch->look(watch->context))
            return dr_task_left(watch->task) <= 0;
    }
    return true;
}

/* ---- standby ---- */

static bool has_passed(struct rep_node *node, const struct rep_mark *mark)
{
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

bool rep_watch_standby(const struct rep_watch *watch)
{
    struct rep_node *node = watch->node;
    struct rep_board *board = board_of(watch);
    struct rep_mark mark;
    rep_board_name(board, dr_task_index(watch->task), node->reached);
    rep_board_follow(board, dr_task_index(watch->task));
    dr_task_stage(watch->task, "wait for the primary's position");
    double end = dr_monotonic() + dr_task_left(watch->task);
    if (!rep_board_wait_mark(board, node->system, end, &mark) && !take_announced(node, &mark))
        return true;
    node->passing.compared = true;
    node->passing.marked = mark.moment;
    node->passing.position = mark.position;
    double until = mark.heartbeat ? end : shorter(end, dr_monotonic() + watch->settle);
    double pause = PAUSE_FIRST;
    while (!has_passed(node, &mark) && dr_monotonic() + pause < until) {
        rest(pause);
        pause = shorter(pause * 2, PAUSE_LONGEST);
        if (!watch->look(watch->context))
            return false;
    }
    return true;
}
