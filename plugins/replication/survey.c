/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/survey.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINK_LIMIT_UNKNOWN 45.0

double rep_link_limit(struct dr_opt_real timeout)
{
    if (!timeout.known || timeout.value <= 0)
        return LINK_LIMIT_UNKNOWN;
    return timeout.value / 2 + (timeout.value > 10 ? timeout.value / 10 : 1);
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && *a != '\0' && strcmp(a, b) == 0;
}

bool rep_standby_is(const struct rep_standby *standby, const char *name)
{
    const struct rep_node *node = standby->node;
    const struct rep_stream *stream = standby->stream;
    const struct rep_asked *asked = standby->asked;
    return same(standby->name, name) ||
           (asked != NULL && (same(asked->label, name) || same(asked->host, name))) ||
           (node != NULL && (same(node->application_name, name) || same(node->cluster_name, name) ||
                             same(node->receiver.slot, name))) ||
           (stream != NULL && (same(stream->name, name) || same(stream->slot, name) ||
                               same(stream->address, name) || same(stream->hostname, name)));
}

/* ---- whose connection is it ---- */

typedef bool stream_test(const struct rep_asked *asked, const struct rep_stream *stream);

static bool by_slot(const struct rep_asked *asked, const struct rep_stream *stream)
{
    return same(asked->node->receiver.slot, stream->slot);
}

static bool by_application_name(const struct rep_asked *asked, const struct rep_stream *stream)
{
    return same(asked->node->application_name, stream->name);
}

static bool by_cluster_name(const struct rep_asked *asked, const struct rep_stream *stream)
{
    return same(asked->node->cluster_name, stream->name);
}

static bool by_label(const struct rep_asked *asked, const struct rep_stream *stream)
{
    return same(asked->label, stream->name) || same(asked->host, stream->name) ||
           same(asked->host, stream->hostname);
}

/* The weakest sign: what calls itself otherwise is somebody else on that host. */
static bool by_address(const struct rep_asked *asked, const struct rep_stream *stream)
{
    const char *own = asked->node->application_name;
    return same(asked->host, stream->address) && (own == NULL || same(own, stream->name));
}

/* From the surest sign to the weakest. */
static stream_test *const stream_tests[] = {by_slot, by_application_name, by_cluster_name, by_label,
                                            by_address};
#define STREAM_TESTS (sizeof stream_tests / sizeof stream_tests[0])

static bool may_be_standby(const struct rep_stream *stream)
{
    return stream->kind == REP_STREAM_STANDBY || stream->kind == REP_STREAM_CONNECTING ||
           stream->kind == REP_STREAM_HIDDEN;
}

static bool is_taken(const struct rep_survey *survey, const struct rep_stream *stream)
{
    for (size_t i = 0; i < survey->standby_count; i++) {
        if (survey->standbys[i].stream == stream)
            return true;
    }
    return false;
}

static bool is_further(const struct rep_stream *a, const struct rep_stream *b)
{
    return a->flushed.known && (!b->flushed.known || a->flushed.value > b->flushed.value);
}

/* The connection of a standby that was asked, among those of one sender. After a reconnect the old
 * one can linger for wal_sender_timeout under the same name: the further one is the live one. An
 * address, which several standbys may share, counts only where it points at one connection. */
static const struct rep_stream *find_stream(const struct rep_survey *survey,
                                            const struct rep_asked *standby,
                                            const struct rep_node *sender, stream_test *test)
{
    const struct rep_stream *found = NULL;
    size_t matches = 0;
    for (size_t i = 0; i < sender->stream_count; i++) {
        const struct rep_stream *stream = &sender->streams[i];
        if (!may_be_standby(stream) || is_taken(survey, stream) || !test(standby, stream))
            continue;
        matches++;
        if (found == NULL || is_further(stream, found))
            found = stream;
    }
    return matches == 1 || test != by_address ? found : NULL;
}

static void match_sender(const struct rep_evidence *evidence, const struct rep_survey *survey,
                         struct rep_standby *standby, stream_test *test)
{
    for (size_t i = 0; i < evidence->count && standby->stream == NULL; i++) {
        const struct rep_asked *sender = &evidence->asked[i];
        if (!sender->answered || sender == standby->asked)
            continue;
        standby->stream = find_stream(survey, standby->asked, sender->node, test);
        standby->sender = standby->stream != NULL ? sender : NULL;
    }
}

/* The surest signs of all standbys first, so that a weak one never takes another's connection. */
static void match_senders(const struct rep_evidence *evidence, struct rep_survey *survey)
{
    for (size_t t = 0; t < STREAM_TESTS; t++) {
        for (size_t i = 0; i < survey->standby_count; i++)
            match_sender(evidence, survey, &survey->standbys[i], stream_tests[t]);
    }
}

/* True when this is the lingering end of a connection whose standby is back under the same name. */
static bool is_left_over(const struct rep_node *sender, const struct rep_stream *stream)
{
    for (size_t i = 0; i < sender->stream_count; i++) {
        const struct rep_stream *other = &sender->streams[i];
        bool fresher = other->reply_age.known && stream->reply_age.known &&
                       other->reply_age.value + 1 < stream->reply_age.value &&
                       stream->reply_age.value > 11;
        if (other != stream && same(other->name, stream->name) &&
            (same(other->address, stream->address) || (!other->address && !stream->address)) &&
            may_be_standby(other) && fresher)
            return true;
    }
    return false;
}

static const char *stream_name(const struct rep_stream *stream)
{
    /* "walreceiver" is what a standby without application_name calls itself. */
    if (stream->name != NULL && strcmp(stream->name, "walreceiver") != 0)
        return stream->name;
    if (stream->hostname != NULL)
        return stream->hostname;
    if (stream->address != NULL)
        return stream->address;
    return stream->name != NULL ? stream->name : "unnamed";
}

static void add_asked(const struct rep_evidence *evidence, struct rep_survey *survey)
{
    for (size_t i = 0; i < evidence->count; i++) {
        const struct rep_asked *asked = &evidence->asked[i];
        if (!asked->answered) {
            survey->unreachable++;
            continue;
        }
        if (asked->node->role == REP_ROLE_PRIMARY) {
            survey->primaries++;
            survey->primary = survey->primaries == 1 ? asked : NULL;
            continue;
        }
        struct rep_standby *standby = &survey->standbys[survey->standby_count++];
        *standby = (struct rep_standby){.name = asked->label, .asked = asked, .node = asked->node};
    }
    match_senders(evidence, survey);
}

/* Connections of unknown kind that could be those of standbys which were asked, but cannot be
 * matched, are not counted again: each standby that has no connection of its own accounts for one.
 */
static size_t unmatched(const struct rep_survey *survey)
{
    size_t count = 0;
    for (size_t i = 0; i < survey->standby_count; i++) {
        const struct rep_standby *standby = &survey->standbys[i];
        bool receives = standby->node != NULL && (!standby->node->receiver.running.known ||
                                                  standby->node->receiver.running.value);
        if (standby->stream == NULL && receives)
            count++;
    }
    return count;
}

static void add_seen(const struct rep_evidence *evidence, struct rep_survey *survey)
{
    size_t anonymous = unmatched(survey);
    for (size_t i = 0; i < evidence->count; i++) {
        const struct rep_asked *sender = &evidence->asked[i];
        for (size_t s = 0; sender->answered && s < sender->node->stream_count; s++) {
            const struct rep_stream *stream = &sender->node->streams[s];
            if (!may_be_standby(stream)) {
                survey->receivers++;
                continue;
            }
            if (is_taken(survey, stream) || is_left_over(sender->node, stream) ||
                !dr_selection_has(evidence->selection, stream_name(stream)))
                continue;
            if (anonymous > 0) {
                anonymous--;
                continue;
            }
            if (stream->kind == REP_STREAM_HIDDEN)
                survey->hidden++;
            survey->standbys[survey->standby_count++] = (struct rep_standby){
                .name = stream_name(stream), .stream = stream, .sender = sender};
        }
    }
}

/* ---- how far behind ---- */

static struct dr_opt_real least(struct dr_opt_real a, struct dr_opt_real b)
{
    if (!a.known || (b.known && b.value < a.value))
        return b;
    return a;
}

static double not_negative(double value)
{
    return value > 0 ? value : 0;
}

static const struct rep_reading *last_reading(const struct rep_node *node)
{
    return node->reading_count > 0 ? &node->readings[node->reading_count - 1] : NULL;
}

static void measure_position(struct rep_standby *standby)
{
    if (standby->stream != NULL)
        standby->position = standby->stream->flushed;
    const struct rep_reading *own = standby->node != NULL ? last_reading(standby->node) : NULL;
    if (own != NULL && (!standby->position.known || own->position > standby->position.value))
        standby->position = dr_int(own->position);
}

static void measure_skew(struct rep_standby *standby, const struct rep_node *primary)
{
    const struct rep_node *node = standby->node;
    if (node != NULL && primary != NULL && node->clock_ahead.known && primary->clock_ahead.known)
        standby->skew = dr_real(node->clock_ahead.value - primary->clock_ahead.value);
}

/* A moment that the standby took from its own clock (forward) or from the primary's (backward), as
 * an age. Without the skew it is taken as it is; an age that comes out negative then proves that
 * the clocks differ, and is unknown. */
static struct dr_opt_real corrected(struct dr_opt_real age, struct dr_opt_real skew, double sign)
{
    if (!age.known)
        return age;
    double value = age.value + (skew.known ? sign * skew.value : 0);
    if (!skew.known && value < -1)
        return (struct dr_opt_real){.known = false};
    return dr_real(not_negative(value));
}

static struct dr_opt_real reply_age(const struct rep_standby *standby)
{
    /* now(primary) - sent(standby's clock): a standby's clock ahead makes it too small. */
    return corrected(standby->stream->reply_age, standby->skew, 1);
}

static void measure_link(struct rep_standby *standby)
{
    const struct rep_node *node = standby->node;
    standby->link_limit = LINK_LIMIT_UNKNOWN;
    if (node != NULL && node->receiver.message_age.known) {
        standby->link_age = dr_real(not_negative(node->receiver.message_age.value));
        standby->link_limit = rep_link_limit(node->receiver.timeout);
    } else if (standby->stream != NULL) {
        standby->link_age = reply_age(standby);
        standby->link_limit = rep_link_limit(standby->sender->node->sender_timeout);
        /* Reports come every wal_receiver_status_interval, 10 s, even where the sender would ask
         * sooner. */
        if (standby->link_limit < 12)
            standby->link_limit = 12;
    }
}

/* Upper bounds of the loss in seconds from what the sender sees: when the standby last reported,
 * what it had was flush_lag old (unknown on an idle link: it had everything). PostgreSQL manual,
 * pg_stat_replication; LagTrackerRead in walsender.c. */
static struct dr_opt_real loss_by_report(const struct rep_standby *standby)
{
    struct dr_opt_real none = {.known = false};
    if (standby->stream == NULL || standby->stream->kind != REP_STREAM_STANDBY)
        return none;
    struct dr_opt_real age = reply_age(standby);
    if (!age.known)
        return none;
    double lag = standby->stream->flush_lag.known ? standby->stream->flush_lag.value : 0;
    return dr_real(age.value + not_negative(lag));
}

/* What the primary had at a reading that the standby has passed was all there: nothing lost is
 * older. */
static struct dr_opt_real loss_by_readings(const struct rep_standby *standby,
                                           const struct rep_node *primary)
{
    for (size_t i = primary->reading_count; i-- > 0;) {
        if (primary->readings[i].position <= standby->position.value)
            return dr_real(not_negative(primary->looked - primary->readings[i].sent));
    }
    return (struct dr_opt_real){.known = false};
}

static struct dr_opt_real loss_by_passing(const struct rep_standby *standby)
{
    if (standby->node == NULL || !standby->node->passing.compared)
        return (struct dr_opt_real){.known = false};
    return standby->node->passing.received;
}

static struct dr_opt_real loss_by_history(const struct rep_standby *standby,
                                          const struct rep_evidence *evidence)
{
    struct dr_opt_real when = rep_history_when(evidence->history, standby->position.value);
    if (!when.known)
        return when;
    return dr_real(not_negative(evidence->now - when.value));
}

/* The commit time of the last transaction replayed: whatever is missing was committed later. True
 * always, but far too much on an idle primary: the last resort. */
static struct dr_opt_real loss_by_replay(const struct rep_standby *standby)
{
    if (standby->node == NULL)
        return (struct dr_opt_real){.known = false};
    return corrected(standby->node->replay_age, standby->skew, -1);
}

/* It is at least as old as the oldest reading that the standby has not reached, however long it was
 * looked for. */
static struct dr_opt_real loss_at_least(const struct rep_standby *standby,
                                        const struct rep_node *primary)
{
    const struct rep_node *node = standby->node;
    if (node != NULL && node->passing.compared && !node->passing.received.known)
        return dr_real(not_negative(node->passing.waited));
    for (size_t i = 0; i < primary->reading_count; i++) {
        if (primary->readings[i].position > standby->position.value)
            return dr_real(not_negative(primary->looked - primary->readings[i].received));
    }
    return (struct dr_opt_real){.known = false};
}

static void measure_against_primary(const struct rep_evidence *evidence,
                                    struct rep_standby *standby, const struct rep_node *primary)
{
    const struct rep_reading *newest = last_reading(primary);
    if (newest == NULL || !standby->position.known)
        return;
    int64_t gap = newest->position - standby->position.value;
    standby->loss_bytes = dr_int(gap > 0 ? gap : 0);
    if (gap <= 0) {
        standby->loss = dr_real(0);
        return;
    }
    struct dr_opt_real loss = loss_by_report(standby);
    loss = least(loss, loss_by_passing(standby));
    loss = least(loss, loss_by_readings(standby, primary));
    loss = least(loss, loss_by_history(standby, evidence));
    loss = least(loss, loss_by_replay(standby));
    standby->loss_floor = loss_at_least(standby, primary);
    if (loss.known && standby->loss_floor.known && loss.value < standby->loss_floor.value)
        loss = standby->loss_floor;
    standby->loss = loss;
}

/* The standby alone: the sender's position as of its last message. What was written since is not
 * known to anybody here, so the figures are as of then, and the age of the link says how old they
 * are. */
static void measure_alone(const struct rep_evidence *evidence, struct rep_standby *standby)
{
    const struct rep_receiver *receiver = &standby->node->receiver;
    standby->loss_as_of = true;
    if (!receiver->running.known || !receiver->running.value || !receiver->announced.known ||
        !standby->position.known)
        return;
    int64_t gap = receiver->announced.value - standby->position.value;
    standby->loss_bytes = dr_int(gap > 0 ? gap : 0);
    if (gap <= 0)
        standby->loss = dr_real(0);
    else
        standby->loss = least(loss_by_history(standby, evidence), loss_by_replay(standby));
}

/* Only its sender was asked, and that is a standby itself: behind the sender, whose own figures say
 * the rest. */
static void measure_cascade(struct rep_standby *standby)
{
    const struct rep_reading *newest = last_reading(standby->sender->node);
    standby->loss_as_of = true;
    if (newest == NULL || !standby->position.known)
        return;
    int64_t gap = newest->position - standby->position.value;
    standby->loss_bytes = dr_int(gap > 0 ? gap : 0);
    standby->loss = gap > 0 ? loss_by_report(standby) : dr_real(0);
}

static void measure_apply(struct rep_standby *standby)
{
    const struct rep_node *node = standby->node;
    const struct rep_stream *stream = standby->stream;
    struct dr_opt_int replayed = {.known = false};
    if (node != NULL)
        replayed = node->replayed;
    else if (stream != NULL)
        replayed = stream->replayed;
    if (!replayed.known || !standby->position.known)
        return;
    int64_t gap = standby->position.value - replayed.value;
    standby->apply_bytes = dr_int(gap > 0 ? gap : 0);
    if (gap <= 0) {
        standby->apply_lag = dr_real(0);
        return;
    }
    if (node != NULL)
        standby->apply_lag = corrected(node->replay_age, standby->skew, -1);
    if (stream != NULL && stream->replay_lag.known) {
        struct dr_opt_real age = reply_age(standby);
        if (age.known)
            standby->apply_lag =
                least(standby->apply_lag, dr_real(age.value + stream->replay_lag.value));
    }
}

static void measure(const struct rep_evidence *evidence, const struct rep_survey *survey,
                    struct rep_standby *standby)
{
    const struct rep_node *primary = survey->primary != NULL ? survey->primary->node : NULL;
    measure_position(standby);
    measure_skew(standby, primary);
    measure_link(standby);
    if (primary != NULL)
        measure_against_primary(evidence, standby, primary);
    else if (standby->node != NULL)
        measure_alone(evidence, standby);
    else
        measure_cascade(standby);
    measure_apply(standby);
}

bool rep_survey_take(const struct rep_evidence *evidence, struct rep_survey *survey)
{
    size_t most = evidence->count;
    *survey = (struct rep_survey){.primary = NULL};
    for (size_t i = 0; i < evidence->count; i++) {
        if (evidence->asked[i].answered)
            most += evidence->asked[i].node->stream_count;
    }
    survey->standbys = calloc(most + 1, sizeof *survey->standbys);
    if (survey->standbys == NULL)
        return false;
    add_asked(evidence, survey);
    add_seen(evidence, survey);
    for (size_t i = 0; i < survey->standby_count; i++)
        measure(evidence, survey, &survey->standbys[i]);
    return true;
}

void rep_survey_free(struct rep_survey *survey)
{
    free(survey->standbys);
    *survey = (struct rep_survey){.primary = NULL};
}
