/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/judge_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a delayed standby may need beyond its delay until the first commit is replayed, seconds. */
#define DELAY_GRACE 60.0
/* No delay is longer: it is remembered as an integer. */
#define DELAY_MAX 1e15

static const char *duration(double seconds, char *buffer, size_t size)
{
    return dr_unit_format(DR_UNIT_SECONDS, seconds, buffer, size);
}

static const char *bytes(double count, char *buffer, size_t size)
{
    return dr_unit_format(DR_UNIT_BYTES, count, buffer, size);
}

static const struct rep_words *words_for(const struct rep_standby *standby)
{
    return words_of(standby->asked != NULL ? standby->asked : standby->sender);
}

bool standby_is_measured(const struct rep_standby *standby)
{
    return standby->complete.known || standby->loss.known || standby->loss_bytes.known;
}

/* ---- can it be promoted at all ---- */

/* It has the history that the primary went on from at its promotion, or went on from it itself.
 * What it has beyond that point the primary never got. */
static bool is_from_before(const struct judge *judge, const struct rep_standby *standby,
                           struct dr_line *line)
{
    const struct rep_asked *primary = judge->survey.primary;
    const struct dr_opt_int *branch = &primary->node->branched_at;
    bool behind =
        standby->position.known && branch->known && standby->position.value <= branch->value &&
        strcmp(standby->node->system,
               primary->node->system_before != NULL ? primary->node->system_before : "") == 0;
    if (line != NULL) {
        dr_line_problem(line, DR_CRITICAL, "does not follow %s since its promotion%s",
                        primary->label,
                        behind ? "" : ", and may have writes that are lost when it does");
        dr_line_next(line, DR_CRITICAL, "%s %s", words_for(standby)->rebuild, standby->name);
    }
    return behind;
}

static bool same_history(const struct judge *judge, const struct rep_standby *standby,
                         struct dr_line *line)
{
    const struct rep_asked *primary = judge->survey.primary;
    const struct rep_node *node = standby->node;
    if (node->system == NULL || primary->node->system == NULL) {
        if (line != NULL)
            dr_line_problem(line, DR_UNKNOWN, "cannot tell whether it belongs to the same cluster");
        return true;
    }
    if (strcmp(node->system, primary->node->system) != 0 && rep_same_origin(node, primary->node))
        return is_from_before(judge, standby, line);
    if (strcmp(node->system, primary->node->system) != 0) {
        /* It has no history of anybody yet, and is said to be not connected. */
        if (line != NULL && !(node->receiver.never.known && node->receiver.never.value)) {
            dr_line_problem(line, DR_CRITICAL,
                            "belongs to another cluster (system identifier %s, %s has %s)",
                            node->system, primary->label, primary->node->system);
            dr_line_next(line, DR_CRITICAL,
                         "check that %s is the server you mean; it is no standby of %s",
                         standby->name, primary->label);
        }
        return false;
    }
    if (node->major == primary->node->major)
        return true;
    if (line != NULL)
        dr_line_problem(line, DR_CRITICAL, "is %s, %s is %s", node->product, primary->label,
                        primary->node->product);
    return false;
}

/* After a failover a standby that stayed with the old primary is on the old timeline: it follows
 * nobody, or somebody else. One that is connected to this primary is on its way. */
static bool same_timeline(const struct judge *judge, const struct rep_standby *standby,
                          struct dr_line *line)
{
    const struct rep_asked *primary = judge->survey.primary;
    const struct dr_opt_int *own = &standby->node->timeline;
    const struct dr_opt_int *theirs = &primary->node->timeline;
    if (own->known != theirs->known && line != NULL)
        dr_line_problem(line, DR_UNKNOWN, "cannot tell which timeline it is on");
    if (!own->known || !theirs->known || own->value == theirs->value)
        return true;
    bool follows = own->value < theirs->value && standby->stream != NULL;
    /* The control file of a standby trails by a restart point; a live link says better. */
    if (follows && !standby->node->receiver.timeline.known)
        return true;
    enum dr_state state = follows ? DR_WARNING : DR_CRITICAL;
    if (line != NULL) {
        dr_line_problem(line, state, "is on timeline %lld, %s on timeline %lld",
                        (long long)own->value, primary->label, (long long)theirs->value);
        if (!follows)
            dr_line_next(line, state, "%s %s from %s: it does not follow it",
                         words_for(standby)->rebuild, standby->name, primary->label);
    }
    return follows;
}

static bool above_floors(const struct judge *judge, const struct rep_standby *standby,
                         struct dr_line *line)
{
    bool above = true;
    const struct rep_asked *primary = judge->survey.primary;
    for (size_t i = 0; i < REP_FLOORS; i++) {
        const struct rep_floor *own = &standby->node->floors[i];
        const struct rep_floor *theirs = &primary->node->floors[i];
        if (own->value.known != theirs->value.known && line != NULL)
            dr_line_problem(line, DR_UNKNOWN, "cannot tell whether its %s lets it be promoted",
                            rep_floor_names[i]);
        if (!own->value.known || !theirs->value.known || own->value.value >= theirs->value.value)
            continue;
        above = false;
        if (line == NULL)
            continue;
        dr_line_problem(
            line, DR_CRITICAL, "cannot be promoted: %s = %lld is below %s's %lld, so replay %s",
            own->name, (long long)own->value.value, primary->label, (long long)theirs->value.value,
            standby->node->major >= 14 ? "pauses, and the server shuts down when resumed"
                                       : "ends and the server shuts down");
        dr_line_next(line, DR_CRITICAL, "raise %s on %s to at least %lld and restart it", own->name,
                     standby->name, (long long)theirs->value.value);
    }
    return above;
}

bool standby_has_history(const struct judge *judge, const struct rep_standby *standby)
{
    return standby->node == NULL || judge->survey.primary == NULL ||
           (same_history(judge, standby, NULL) && same_timeline(judge, standby, NULL));
}

/* It is being given a full copy, and is of no use before that is complete. */
static bool is_copying(const struct rep_standby *standby)
{
    const struct rep_node *node = standby->node;
    return (node != NULL && node->copying.running.known && node->copying.running.value) ||
           (standby->stream != NULL && standby->stream->kind == REP_STREAM_COPYING);
}

bool standby_is_fit(const struct judge *judge, const struct rep_standby *standby,
                    struct dr_line *line)
{
    if (is_copying(standby) || !standby_is_electable(judge, standby))
        return false;
    if (standby->node == NULL || judge->survey.primary == NULL)
        return true;
    if (!same_history(judge, standby, line))
        return false;
    bool timeline = same_timeline(judge, standby, line);
    bool floors = above_floors(judge, standby, line);
    return timeline && floors;
}

/* ---- is it connected ---- */

/* It never streamed since its start: it restores from the archive, by design or because it cannot
 * connect. */
static bool ships_logs(const struct rep_standby *standby)
{
    const struct rep_node *node = standby->node;
    return node != NULL && node->kind == REP_POSTGRESQL && node->receiver.running.known &&
           !node->receiver.running.value && !node->received.known;
}

bool standby_is_connected(const struct rep_standby *standby)
{
    const struct rep_node *node = standby->node;
    if (node != NULL && node->receiver.running.known)
        return node->receiver.running.value || ships_logs(standby);
    return standby->stream != NULL && standby->stream->kind != REP_STREAM_CONNECTING &&
           standby->stream->kind != REP_STREAM_COPYING &&
           standby->stream->kind != REP_STREAM_BROKEN;
}

/* On an idle primary a standby reports for the first time after wal_receiver_status_interval, 10 s
 * by default. */
bool standby_is_new(const struct rep_standby *standby)
{
    const struct rep_stream *stream = standby->stream;
    return standby->node == NULL && stream != NULL && stream->kind == REP_STREAM_CONNECTING &&
           stream->connected.known && stream->connected.value < 15;
}

/* Whoever has all that the primary has, or had in this very run, needs no other proof; but a limit
 * that was asked for must be judged. */
static void judge_link_unknown(const struct judge *judge, const struct rep_standby *standby,
                               struct dr_line *line)
{
    char age[32];
    bool complete = standby->complete.known && standby->complete.value;
    bool stated = standby->stream != NULL && standby->stream->loss.known;
    bool proven = standby->fresh || stated || (judge->survey.primary != NULL && complete);
    if (proven && !is_limited(&judge->rules->thresholds[REP_LINK_AGE]))
        return;
    if (standby->node == NULL || !rep_link_is_untold(standby->node)) {
        dr_line_problem(line, DR_UNKNOWN, "cannot tell whether its link is alive");
        return;
    }
    dr_line_problem(
        line, DR_UNKNOWN,
        "cannot tell whether its link is alive: silent for %s, and wal_receiver_timeout "
        "is off",
        duration(standby->node->receiver.message_age.value, age, sizeof age));
    dr_line_next(line, DR_UNKNOWN,
                 "set wal_receiver_timeout on %s, or give the primary as a target too",
                 standby->name);
}

static void not_receiving(const struct rep_standby *standby, struct dr_line *line)
{
    char age[32];
    const struct rep_receiver *receiver = &standby->node->receiver;
    if (receiver->never.known && receiver->never.value)
        dr_line_problem(line, DR_CRITICAL,
                        "is not receiving: it was never connected to its primary since it started");
    else if (receiver->down_age.known)
        dr_line_problem(line, DR_CRITICAL, "is not receiving: no connection to its primary for %s",
                        duration(receiver->down_age.value, age, sizeof age));
    else
        dr_line_problem(line, DR_CRITICAL, "is not receiving: no connection to its primary");
    dr_line_next(line, DR_CRITICAL, "look into the log of %s, and %s", standby->name,
                 words_for(standby)->link);
}

/* A copy takes as long as it takes: no alarm of its own beyond that it is no standby yet. */
static void judge_copy(const struct rep_standby *standby, struct dr_line *line)
{
    char text[32];
    const struct rep_node *node = standby->node;
    struct dr_opt_real done = {.known = false};
    if (node != NULL)
        done = node->copying.done;
    if (!done.known && standby->stream != NULL)
        done = standby->stream->copied;
    /* The set says so already. */
    const struct rep_member *seat = standby->seat != NULL ? standby->seat : standby->voted;
    if (seat == NULL || seat->seat != REP_SEAT_COPYING)
        dr_line_problem(line, DR_WARNING, "is being given a full copy");
    if (done.known)
        dr_line_figure(line, "%.0f %% copied", done.value * 100);
    if (node != NULL && node->copying.left.known)
        dr_line_figure(line, "%s to copy",
                       bytes((double)node->copying.left.value, text, sizeof text));
    if (node != NULL && node->copying.eta.known)
        dr_line_figure(line, "complete in %s",
                       duration(node->copying.eta.value, text, sizeof text));
    dr_line_next(line, DR_WARNING, "wait until it is complete: until then it cannot be promoted");
}

static bool judge_broken(const struct rep_standby *standby, struct dr_line *line)
{
    const struct rep_stream *stream = standby->stream;
    if (stream == NULL || stream->kind != REP_STREAM_BROKEN)
        return false;
    /* The set says more of it. */
    if (standby->voted == NULL || standby->voted->seat == REP_SEAT_STANDBY) {
        dr_line_problem(line, DR_CRITICAL, "nothing reaches it: %s, as %s sees it",
                        stream->state != NULL ? stream->state : "its state is not known",
                        standby->sender->label);
        dr_line_next(line, DR_CRITICAL, "look %s", words_for(standby)->link);
    }
    return true;
}

static void judge_link(struct judge *judge, const struct rep_standby *standby, struct dr_line *line)
{
    char age[32];
    char limit[32];
    const struct dr_threshold *threshold = &judge->rules->thresholds[REP_LINK_AGE];
    const struct rep_node *node = standby->node;
    if (standby_is_new(standby))
        return;
    if (judge_broken(standby, line))
        return;
    if (node != NULL && !standby_is_connected(standby)) {
        /* That there is no primary is said of the set, and is what has to be mended. */
        if (judge->survey.authority != NULL && !judge->survey.seen_primary)
            dr_line_figure(line, "receives nothing: there is no primary");
        else
            not_receiving(standby, line);
        return;
    }
    if (ships_logs(standby)) {
        dr_line_figure(line, "restores from the archive, not streaming");
        return;
    }
    if (!standby->link_age.known) {
        judge_link_unknown(judge, standby, line);
        return;
    }
    dr_line_figure(line, "heard from %s ago", duration(standby->link_age.value, age, sizeof age));
    if (is_limited(threshold)) {
        line_judge(judge, line, REP_LINK_AGE, standby->link_age.value, "last sign of life");
    } else if (standby->link_age.value > standby->link_limit) {
        dr_line_problem(line, DR_CRITICAL, "link silent for %s, where %s is normal", age,
                        duration(standby->link_limit, limit, sizeof limit));
        dr_line_next(line, DR_CRITICAL, "check the network to %s and that its server is not frozen",
                     standby->name);
    }
}

/* ---- how far behind ---- */

static void unknown_loss(const struct judge *judge, const struct rep_standby *standby,
                         struct dr_line *line)
{
    const struct rep_node *witness =
        standby->sender != NULL ? standby->sender->node : standby->node;
    if (standby_is_new(standby)) {
        dr_line_figure(line, "has just connected, no report yet");
        return;
    }
    if (standby->stream != NULL && standby->stream->kind == REP_STREAM_CONNECTING) {
        dr_line_problem(line, DR_UNKNOWN, "has not reported what it has");
        return;
    }
    if (witness != NULL && witness->privileged.known && !witness->privileged.value) {
        dr_line_problem(line, DR_UNKNOWN, "how far it is behind is hidden from us");
        dr_line_next(line, DR_UNKNOWN, "run on the server: %s; or give every node as a target",
                     witness->grant != NULL ? witness->grant : words_for(standby)->grant);
        return;
    }
    /* What it is doing instead is said. */
    const struct rep_member *seat = standby->seat != NULL ? standby->seat : standby->voted;
    if (is_copying(standby) || (seat != NULL && seat->seat != REP_SEAT_STANDBY))
        return;
    if (standby_is_connected(standby) || judge->survey.primary != NULL)
        dr_line_problem(line, DR_UNKNOWN, "cannot tell how far it is behind");
}

/* Words for "as of then" where the primary itself was not asked. */
static void add_as_of(const struct rep_standby *standby, char *text, size_t size)
{
    char age[32];
    text[0] = '\0';
    if (standby->as_of.known)
        snprintf(text, size, " as of %s ago", duration(standby->as_of.value, age, sizeof age));
}

/* What a standby lacks on purpose, seconds: MongoDB holds back what is delayed before it is
 * written, PostgreSQL only before it is shown. */
static struct dr_opt_real held_back(const struct rep_standby *standby)
{
    const struct rep_node *node = standby->node;
    const struct rep_node *told = node != NULL ? node : standby->sender->node;
    if (told->kind != REP_MONGODB)
        return dr_real(0);
    if (node != NULL && node->apply_delay.known)
        return node->apply_delay;
    return standby->voted != NULL ? standby->voted->delay : (struct dr_opt_real){.known = false};
}

/* Beyond the limit, but perhaps on purpose. */
static bool may_be_delayed(const struct judge *judge, const struct rep_standby *standby)
{
    double loss = standby->loss.known ? standby->loss.value : 0;
    return !held_back(standby).known &&
           dr_threshold_judge(&judge->rules->thresholds[REP_LOSS], loss) != DR_OK;
}

/* Kept only where nothing as bad has better advice: it is connected, and does not keep up. */
static void advise_behind(const struct rep_standby *standby, struct dr_line *line)
{
    dr_line_next(line, line->state, "look at the network to %s, and at its disk and load",
                 standby->name);
}

static void judge_seconds(struct judge *judge, const struct rep_standby *standby, const char *size,
                          const char *as_of, struct dr_line *line)
{
    char age[32];
    double delay = held_back(standby).known ? held_back(standby).value : 0;
    if (may_be_delayed(judge, standby)) {
        dr_line_problem(
            line, DR_UNKNOWN, "%s%s%s behind%s, and whether that is meant is hidden from us", size,
            *size != '\0' ? " / " : "", duration(standby->loss.value, age, sizeof age), as_of);
        dr_line_next(line, DR_UNKNOWN, "run on the server: %s", words_for(standby)->grant);
        return;
    }
    if (standby->loss.known) {
        double beyond = standby->loss.value > delay ? standby->loss.value - delay : 0;
        duration(standby->loss.value, age, sizeof age);
        dr_line_figure(line, "%s%s%s behind%s", size, *size != '\0' ? " / " : "", age, as_of);
        line_judge(judge, line, REP_LOSS, beyond, delay > 0 ? "beyond its delay by" : "behind by");
        if (dr_threshold_judge(&judge->rules->thresholds[REP_LOSS], beyond) != DR_OK)
            advise_behind(standby, line);
        return;
    }
    double floor = standby->loss_floor.known ? standby->loss_floor.value : 0;
    if (*size != '\0')
        dr_line_figure(line, "%s behind%s", size, as_of);
    if (floor > delay &&
        dr_threshold_judge(&judge->rules->thresholds[REP_LOSS], floor - delay) == DR_CRITICAL) {
        line_judge(judge, line, REP_LOSS, floor - delay, "behind by at least");
        advise_behind(standby, line);
        return;
    }
    dr_line_problem(line, DR_UNKNOWN, "lacks %s, for at least %s: since when is not known",
                    *size != '\0' ? size : "something", duration(floor, age, sizeof age));
    dr_line_next(line, DR_UNKNOWN, "use --heartbeat or --state-dir to know the seconds");
}

static void judge_loss(struct judge *judge, const struct rep_standby *standby, struct dr_line *line)
{
    char size[32] = "";
    char as_of[64];
    const struct dr_threshold *limit = &judge->rules->thresholds[REP_LOSS_BYTES];
    bool complete = standby->complete.known && standby->complete.value;
    if (!standby_is_measured(standby)) {
        unknown_loss(judge, standby, line);
        return;
    }
    if (standby->loss_bytes.known)
        bytes((double)standby->loss_bytes.value, size, sizeof size);
    add_as_of(standby, as_of, sizeof as_of);
    judge_seconds(judge, standby, size, as_of, line);
    if (standby->loss_bytes.known)
        line_judge(judge, line, REP_LOSS_BYTES, (double)standby->loss_bytes.value, "behind by");
    else if (is_limited(limit) && !complete)
        dr_line_problem(line, DR_UNKNOWN, "how many bytes it is behind is not known here");
}

/* How near it is to needing a full copy. */
static void judge_outrun(struct judge *judge, const struct rep_standby *standby,
                         struct dr_line *line)
{
    char text[32];
    if (standby->outrun && standby_is_connected(standby)) {
        dr_line_problem(
            line, DR_WARNING,
            "is behind what the primary keeps of its log: it needs a full copy once its "
            "link breaks");
        dr_line_next(line, DR_WARNING,
                     "make the primary keep more (repl-backlog-size, oplog size)");
    } else if (standby->outrun) {
        dr_line_problem(line, DR_CRITICAL,
                        "lacks more than the primary keeps of its log: it needs a full copy");
        dr_line_next(line, DR_CRITICAL, "%s %s", words_for(standby)->rebuild, standby->name);
    }
    if (standby->window_used.known) {
        line_judge(judge, line, REP_WINDOW_USED, standby->window_used.value,
                   "lacks of the log that is kept");
        if (standby->window_used.value >= 1)
            dr_line_figure(line, "lacks %.0f %% of the log that is kept",
                           standby->window_used.value);
    } else if (is_limited(&judge->rules->thresholds[REP_WINDOW_USED])) {
        dr_line_problem(line, DR_UNKNOWN, "how much of the log that is kept it lacks is not known");
    }
    if (standby->resync_eta.known) {
        line_judge(judge, line, REP_RESYNC_ETA, standby->resync_eta.value, "needs a full copy in");
        if (standby->window_used.known && standby->window_used.value >= 1)
            dr_line_figure(line, "needs a full copy in %s",
                           duration(standby->resync_eta.value, text, sizeof text));
    } else if (is_limited(&judge->rules->thresholds[REP_RESYNC_ETA])) {
        dr_line_problem(line, DR_UNKNOWN, "when it needs a full copy is not known");
    }
}

static void judge_heartbeat(struct judge *judge, const struct rep_standby *standby,
                            struct dr_line *line)
{
    const struct rep_node *node = standby->node;
    char text[32];
    if (node == NULL || !node->passing.compared || judge->survey.primary == NULL ||
        !judge->survey.primary->node->heartbeat)
        return;
    const struct rep_passing *passing = &node->passing;
    if (!passing->received.known) {
        dr_line_problem(line, DR_CRITICAL, "the heartbeat did not arrive within %s",
                        duration(passing->waited, text, sizeof text));
        return;
    }
    dr_line_figure(line, "heartbeat after %s",
                   duration(passing->received.value, text, sizeof text));
    if (passing->replayed.known)
        dr_line_figure(line, "visible after %s",
                       duration(passing->replayed.value, text, sizeof text));
}

/* ---- replay ---- */

static struct dr_opt_real expected_delay(const struct judge *judge,
                                         const struct rep_standby *standby)
{
    for (size_t i = 0; i < judge->rules->delay_count; i++) {
        if (rep_standby_is(standby, judge->rules->delays[i].name))
            return dr_real(judge->rules->delays[i].seconds);
    }
    return (struct dr_opt_real){.known = false};
}

static void judge_delay(struct judge *judge, const struct rep_standby *standby,
                        struct dr_line *line)
{
    char have[32];
    char want[32];
    struct dr_opt_real delay = standby->node->apply_delay;
    struct dr_opt_real expected = expected_delay(judge, standby);
    char *name = dr_text_format("delay:%s", standby->name);
    struct dr_opt_int before = {.known = false};
    if (name != NULL && delay.known && fabs(delay.value) < DELAY_MAX)
        before = rep_history_swap(judge->evidence->history, name, (int64_t)delay.value);
    free(name);
    if (delay.known && delay.value > 0)
        dr_line_figure(line, "delayed by %s on purpose", duration(delay.value, have, sizeof have));
    if (expected.known && !delay.known) {
        dr_line_problem(line, DR_UNKNOWN, "its delay cannot be read");
    } else if (expected.known && !(fabs(expected.value - delay.value) <= 1)) {
        dr_line_problem(line, DR_CRITICAL, "delay is %s, expected %s",
                        duration(delay.value, have, sizeof have),
                        duration(expected.value, want, sizeof want));
        dr_line_next(line, DR_CRITICAL, "set %s on %s", words_for(standby)->delay, standby->name);
    } else if (!expected.known && before.known && before.value > 0 && delay.known &&
               delay.value <= 0) {
        dr_line_problem(line, DR_WARNING, "its delay of %s is gone",
                        duration((double)before.value, want, sizeof want));
        dr_line_next(line, DR_WARNING, "set %s on %s again, or say --expect-delay %s=0",
                     words_for(standby)->delay, standby->name, standby->name);
    }
}

static void judge_pause(struct judge *judge, const struct rep_standby *standby,
                        struct dr_line *line)
{
    const struct rep_node *node = standby->node;
    if (node->pause == REP_PAUSE_UNKNOWN) {
        dr_line_problem(line, DR_UNKNOWN, "cannot tell whether replay is paused");
    } else if (node->pause != REP_PAUSE_NONE && judge->survey.primary == NULL &&
               node->kind == REP_POSTGRESQL && node->major >= 14) {
        dr_line_problem(line, DR_WARNING,
                        "replay is paused, by a user or because a setting is below the primary's");
        dr_line_next(line, DR_WARNING,
                     "give the primary as a target too: only it tells which; by a user: "
                     "SELECT pg_wal_replay_resume() on %s",
                     standby->name);
    } else if (node->pause != REP_PAUSE_NONE && standby_is_fit(judge, standby, NULL)) {
        dr_line_problem(line, DR_WARNING, "replay is paused by a user");
        dr_line_next(line, DR_WARNING, "%s on %s: %s", words_for(standby)->resume, standby->name,
                     node->kind != REP_POSTGRESQL || node->major >= 13
                         ? "a promotion has to replay what has piled up first"
                         : "it cannot be promoted while paused");
    }
}

/* A delayed standby that has started, or connected, within its delay may have replayed nothing yet
 * that tells its age. */
static bool waits_since_start(const struct rep_standby *standby)
{
    const struct rep_stream *stream = standby->stream;
    if (standby->node == NULL || !standby->node->apply_delay.known ||
        standby->node->apply_delay.value <= 0)
        return false;
    return stream == NULL || !stream->connected.known ||
           stream->connected.value < standby->node->apply_delay.value + DELAY_GRACE;
}

/* Whom only others see tells its delay through them. */
static void judge_told_delay(const struct rep_standby *standby, struct dr_line *line)
{
    char text[32];
    const struct rep_member *voted = standby->voted;
    if (voted != NULL && voted->delay.known && voted->delay.value > 0)
        dr_line_figure(line, "delayed by %s on purpose",
                       duration(voted->delay.value, text, sizeof text));
}

static void judge_apply(struct judge *judge, const struct rep_standby *standby,
                        struct dr_line *line)
{
    char age[32];
    char size[32];
    if (standby->node != NULL) {
        judge_pause(judge, standby, line);
        judge_delay(judge, standby, line);
    } else {
        judge_told_delay(standby, line);
    }
    if (!standby->applied.known) {
        bool tells = standby->node != NULL ||
                     (standby->stream != NULL && standby->stream->kind == REP_STREAM_STANDBY);
        if (tells && standby->position.known)
            dr_line_problem(line, DR_UNKNOWN, "cannot tell what it has replayed");
        return;
    }
    if (standby->apply_bytes.known)
        line_judge(judge, line, REP_APPLY_BYTES, (double)standby->apply_bytes.value, "unapplied");
    else if (is_limited(&judge->rules->thresholds[REP_APPLY_BYTES]) && !standby->applied.value)
        dr_line_problem(line, DR_UNKNOWN, "how many bytes are unapplied is not known here");
    if (standby->apply_bytes.known && standby->apply_bytes.value > 0)
        dr_line_figure(line, "%s to apply",
                       bytes((double)standby->apply_bytes.value, size, sizeof size));
    if (!standby->apply_lag.known) {
        if (is_limited(&judge->rules->thresholds[REP_APPLY_LAG]) && !waits_since_start(standby))
            dr_line_problem(line, DR_UNKNOWN, "cannot tell how old what it shows is");
        return;
    }
    double delay = standby->node != NULL && standby->node->apply_delay.known
                       ? standby->node->apply_delay.value
                       : 0;
    double lag = standby->apply_lag.value > delay ? standby->apply_lag.value - delay : 0;
    if (!standby->applied.value)
        dr_line_figure(line, "applied up to %s ago",
                       duration(standby->apply_lag.value, age, sizeof age));
    line_judge(judge, line, REP_APPLY_LAG, lag, delay > 0 ? "beyond its delay by" : "apply lag");
}

/* ---- the rest ---- */

/* True when `sender`, "host:port", is the server that is wanted: said as host, as host:port, or by
 * a target's name. */
static bool is_upstream(const struct judge *judge, const char *sender, const char *wanted)
{
    const char *port = strrchr(sender, ':');
    size_t host = port != NULL ? (size_t)(port - sender) : strlen(sender);
    if (strcmp(sender, wanted) == 0 ||
        (strlen(wanted) == host && strncmp(sender, wanted, host) == 0))
        return true;
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        if (asked->host == NULL || strcmp(asked->label, wanted) != 0)
            continue;
        char *whole = dr_text_format("%s:%d", asked->host,
                                     asked->port > 0 ? asked->port : words_of(asked)->port);
        bool same = whole != NULL && strcmp(whole, sender) == 0;
        free(whole);
        if (same)
            return true;
    }
    return false;
}

static void judge_upstream(struct judge *judge, const struct rep_standby *standby,
                           struct dr_line *line)
{
    const char *wanted = judge->rules->expect_upstream;
    if (wanted == NULL || standby->node == NULL || !standby_is_connected(standby))
        return;
    const char *sender = standby->node->receiver.sender;
    if (sender == NULL) {
        dr_line_problem(line, DR_UNKNOWN, "where it receives from is hidden from us");
        dr_line_next(line, DR_UNKNOWN, "run on the server: %s",
                     standby->node->grant != NULL ? standby->node->grant
                                                  : words_for(standby)->grant);
    } else if (!is_upstream(judge, sender, wanted)) {
        dr_line_problem(line, DR_CRITICAL, "its upstream is %s, expected %s", sender, wanted);
        dr_line_next(line, DR_CRITICAL, "point %s on %s to %s", words_for(standby)->upstream,
                     standby->name, wanted);
    }
}

static void judge_trend(struct judge *judge, const struct rep_standby *standby,
                        struct dr_line *line)
{
    char text[32];
    if (!standby->loss_bytes.known)
        return;
    char *name = dr_text_format("gap:%s", standby->name);
    struct dr_opt_real slope = {.known = false};
    if (name != NULL)
        slope = rep_history_slope(judge->evidence->history, name, judge->evidence->now,
                                  standby->loss_bytes.value);
    free(name);
    /* Below this it is the usual coming and going of a live system. */
    if (!slope.known || fabs(slope.value) < 1024 || standby->loss_bytes.value < 1024 * 1024)
        return;
    if (slope.value > 0)
        dr_line_figure(line, "growing by %s/s", bytes(slope.value, text, sizeof text));
    else
        dr_line_figure(
            line, "shrinking, caught up in %s",
            duration((double)standby->loss_bytes.value / -slope.value, text, sizeof text));
}

static void judge_skew(struct judge *judge, const struct rep_standby *standby, struct dr_line *line)
{
    char text[32];
    if (!standby->skew.known) {
        if (is_limited(&judge->rules->thresholds[REP_SKEW])) {
            dr_line_problem(line, DR_UNKNOWN, "cannot tell how far its clock is off");
            dr_line_next(line, DR_UNKNOWN, "give both %s and its primary as targets",
                         standby->name);
        }
        return;
    }
    double skew = fabs(standby->skew.value);
    double error = standby->node->clock_error + judge->survey.primary->node->clock_error;
    if (skew > 2 + error)
        dr_line_figure(line, "clock %s %s", duration(skew, text, sizeof text),
                       standby->skew.value > 0 ? "ahead" : "behind");
    line_judge(judge, line, REP_SKEW, skew > error ? skew - error : 0, "clock off by");
}

static void add_figure(struct judge *judge, const struct rep_standby *standby,
                       enum rep_metric metric, double value)
{
    dr_result_figure(judge->result, standby->name, &rep_metrics[metric], value,
                     &judge->rules->thresholds[metric]);
}

static void add_figures(struct judge *judge, const struct rep_standby *standby)
{
    if (standby->loss.known)
        add_figure(judge, standby, REP_LOSS, standby->loss.value);
    if (standby->loss_bytes.known)
        add_figure(judge, standby, REP_LOSS_BYTES, (double)standby->loss_bytes.value);
    if (standby->apply_lag.known)
        add_figure(judge, standby, REP_APPLY_LAG, standby->apply_lag.value);
    if (standby->apply_bytes.known)
        add_figure(judge, standby, REP_APPLY_BYTES, (double)standby->apply_bytes.value);
    if (standby->link_age.known)
        add_figure(judge, standby, REP_LINK_AGE, standby->link_age.value);
    if (standby->window_used.known)
        add_figure(judge, standby, REP_WINDOW_USED, standby->window_used.value);
    if (standby->resync_eta.known)
        add_figure(judge, standby, REP_RESYNC_ETA, standby->resync_eta.value);
}

void judge_standby(struct judge *judge, const struct rep_standby *standby)
{
    struct dr_line line = DR_LINE;
    const struct rep_stream *stream = standby->stream;
    bool same = standby->node == NULL || judge->survey.primary == NULL ||
                same_history(judge, standby, NULL);
    standby_is_fit(judge, standby, &line);
    if (stream != NULL && stream->state != NULL)
        dr_line_figure(&line, "%s%s%s", stream->state,
                       stream->sync_state != NULL && strcmp(stream->sync_state, "async") != 0 ? ", "
                                                                                              : "",
                       stream->sync_state != NULL && strcmp(stream->sync_state, "async") != 0
                           ? stream->sync_state
                           : "");
    judge_seat(judge, standby, &line);
    if (is_copying(standby)) {
        judge_copy(standby, &line);
        same = false; /* it has no history before the copy is complete */
    } else if (!same && standby->node->receiver.never.known &&
               standby->node->receiver.never.value) {
        not_receiving(standby, &line);
    }
    if (same) {
        judge_link(judge, standby, &line);
        judge_loss(judge, standby, &line);
        judge_outrun(judge, standby, &line);
        judge_heartbeat(judge, standby, &line);
        judge_apply(judge, standby, &line);
        judge_upstream(judge, standby, &line);
        judge_trend(judge, standby, &line);
        judge_skew(judge, standby, &line);
        add_figures(judge, standby);
    }
    dr_line_end(&line, judge->result, standby->name);
}

/* ---- which one would be promoted ---- */

/* The least loss first; where the loss of one is not known, as with a dead primary, the one that
 * has more; then the one that is further with its replay. What is unknown comes last. */
static bool has_more(const struct rep_standby *a, const struct rep_standby *b)
{
    bool both = a->loss_bytes.known && b->loss_bytes.known;
    if (!both && a->position.known && b->position.known && a->position.value != b->position.value)
        return a->position.value > b->position.value;
    if (a->loss_bytes.known != b->loss_bytes.known)
        return a->loss_bytes.known;
    if (a->loss_bytes.known && a->loss_bytes.value != b->loss_bytes.value)
        return a->loss_bytes.value < b->loss_bytes.value;
    if (a->loss.known != b->loss.known)
        return a->loss.known;
    if (a->loss.known && !both && (a->loss.value < b->loss.value || a->loss.value > b->loss.value))
        return a->loss.value < b->loss.value;
    if (standby_is_connected(a) != standby_is_connected(b))
        return standby_is_connected(a);
    if (a->apply_bytes.known != b->apply_bytes.known)
        return a->apply_bytes.known;
    return a->apply_bytes.known && a->apply_bytes.value < b->apply_bytes.value;
}

/* Sentinel looks at the priority first, and only then at what a standby has. */
static bool is_chosen_before(const struct judge *judge, const struct rep_standby *a,
                             const struct rep_standby *b)
{
    const struct rep_set *set = rep_survey_set(&judge->survey);
    if (set != NULL && set->lower_first && a->voted != NULL && b->voted != NULL &&
        a->voted->priority.known && b->voted->priority.known) {
        double first = a->voted->priority.value;
        double second = b->voted->priority.value;
        if (first < second || first > second)
            return first < second;
    }
    return has_more(a, b);
}

const struct rep_standby *best_standby(const struct judge *judge, bool *promotable)
{
    const struct rep_standby *best[2] = {NULL, NULL}; /* has our history; could be promoted too */
    for (size_t i = 0; i < judge->survey.standby_count; i++) {
        const struct rep_standby *standby = &judge->survey.standbys[i];
        bool fit = standby_is_fit(judge, standby, NULL);
        if (!fit && (!standby_has_history(judge, standby) || is_copying(standby)))
            continue;
        if (best[fit] == NULL || is_chosen_before(judge, standby, best[fit]))
            best[fit] = standby;
    }
    *promotable = best[1] != NULL;
    return *promotable ? best[1] : best[0];
}

const struct rep_standby *fresher_standby(const struct judge *judge,
                                          const struct rep_standby *chosen)
{
    for (size_t i = 0; i < judge->survey.standby_count; i++) {
        const struct rep_standby *standby = &judge->survey.standbys[i];
        if (standby != chosen && standby_is_fit(judge, standby, NULL) && has_more(standby, chosen))
            return standby;
    }
    return NULL;
}
