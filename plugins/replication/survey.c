/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/survey.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINK_LIMIT_UNKNOWN 45.0
/* Clocks of one server never go back by more than this on their own, seconds. */
#define CLOCK_TOLERANCE 1.0
/* How much longer than wal_sender_timeout a sender may take to close a dead connection, seconds. */
#define SENDER_GRACE 10.0

double rep_link_limit(struct dr_opt_real timeout)
{
    if (!timeout.known || timeout.value <= 0)
        return LINK_LIMIT_UNKNOWN;
    return timeout.value / 2 + (timeout.value > 10 ? timeout.value / 10 : 1);
}

struct dr_opt_real rep_plausible(struct dr_opt_real age)
{
    if (!age.known || !isfinite(age.value) || age.value < -CLOCK_TOLERANCE)
        return (struct dr_opt_real){.known = false};
    return dr_real(age.value > 0 ? age.value : 0);
}

int64_t rep_beyond(int64_t ahead, int64_t behind)
{
    int64_t gap;
    if (ahead <= behind)
        return 0;
    return __builtin_sub_overflow(ahead, behind, &gap) ? INT64_MAX : gap;
}

bool rep_link_is_untold(const struct rep_node *node)
{
    const struct rep_receiver *receiver = &node->receiver;
    return receiver->message_age.known && receiver->message_age.value > LINK_LIMIT_UNKNOWN &&
           receiver->timeout.known && receiver->timeout.value <= 0;
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

void rep_find_aliases(struct rep_asked *asked, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i && asked[i].answered; j++) {
            if (!asked[j].answered || !same(asked[i].node->system, asked[j].node->system) ||
                !same(asked[i].node->instance, asked[j].node->instance))
                continue;
            asked[i].alias_of = &asked[j];
            asked[i].answered = false;
            asked[i].node = NULL;
        }
    }
}

/* ---- several systems in one run ---- */

static bool in_group(const struct rep_asked *asked, const char *group)
{
    return group == NULL ? asked->group == NULL : same(asked->group, group);
}

static const char *only_group(const struct rep_asked *asked, size_t count)
{
    const char *group = NULL;
    for (size_t i = 0; i < count; i++) {
        if (asked[i].group != NULL && group != NULL && !same(asked[i].group, group))
            return NULL;
        if (asked[i].group != NULL)
            group = asked[i].group;
    }
    return group;
}

void rep_sort_groups(struct rep_asked *asked, size_t count)
{
    const char *only = only_group(asked, count);
    for (size_t i = 0; i < count; i++) {
        if (asked[i].group == NULL)
            asked[i].group = only;
    }
    for (size_t i = 1; i < count; i++) {
        size_t place = i;
        for (size_t j = 0; j < i; j++)
            place = in_group(&asked[j], asked[i].group) ? j + 1 : place;
        const struct rep_asked moved = asked[i];
        memmove(&asked[place + 1], &asked[place], (i - place) * sizeof *asked);
        asked[place] = moved;
    }
}

size_t rep_group_size(const struct rep_asked *asked, size_t count)
{
    size_t size = 1;
    while (size < count && in_group(&asked[size], asked[0].group))
        size++;
    return size;
}

bool rep_same_origin(const struct rep_node *a, const struct rep_node *b)
{
    bool known = a->system != NULL && b->system != NULL;
    return !known || same(a->system, b->system) || same(a->system, b->system_before) ||
           same(a->system_before, b->system) || same(a->system_before, b->system_before);
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

static bool by_reached(const struct rep_asked *asked, const struct rep_stream *stream)
{
    return same(asked->node->reached, stream->name);
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
static stream_test *const stream_tests[] = {
    by_slot, by_application_name, by_reached, by_cluster_name, by_label, by_address};
#define STREAM_TESTS (sizeof stream_tests / sizeof stream_tests[0])

static bool may_be_standby(const struct rep_stream *stream)
{
    return stream->kind == REP_STREAM_STANDBY || stream->kind == REP_STREAM_CONNECTING ||
           stream->kind == REP_STREAM_HIDDEN || stream->kind == REP_STREAM_COPYING ||
           stream->kind == REP_STREAM_BROKEN;
}

static bool is_taken(const struct rep_survey *survey, const struct rep_stream *stream)
{
    for (size_t i = 0; i < survey->standby_count; i++) {
        if (survey->standbys[i].stream == stream)
            return true;
    }
    return false;
}

/* True when this is the lingering end of a connection whose standby is back under the same name.
 * One that holds a slot is no such end: its standby could not have come back. */
static bool is_left_over(const struct rep_node *sender, const struct rep_stream *stream)
{
    for (size_t i = 0; i < sender->stream_count; i++) {
        const struct rep_stream *other = &sender->streams[i];
        bool fresher = other->reply_age.known && stream->reply_age.known &&
                       other->reply_age.value + 1 < stream->reply_age.value &&
                       stream->reply_age.value > 11;
        if (other != stream && stream->slot == NULL && same(other->name, stream->name) &&
            (same(other->address, stream->address) || (!other->address && !stream->address)) &&
            may_be_standby(other) && fresher)
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
        if (!may_be_standby(stream) || is_taken(survey, stream) || !test(standby, stream) ||
            is_left_over(sender, stream))
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
            survey->unreachable += asked->alias_of == NULL ? 1 : 0;
            continue;
        }
        if (asked->node->role == REP_ROLE_PRIMARY) {
            survey->primaries++;
            survey->primary = survey->primaries == 1 ? asked : NULL;
            continue;
        }
        if (asked->node->role != REP_ROLE_STANDBY)
            continue;
        struct rep_standby *standby = &survey->standbys[survey->standby_count++];
        *standby = (struct rep_standby){.name = asked->label, .asked = asked, .node = asked->node};
    }
    match_senders(evidence, survey);
}

/* A standby that was asked and receives, but whose connection nobody shows, stands for one that
 * could be its own: that is not counted again. */
static bool stands_for(const struct rep_standby *standby, const struct rep_asked *sender,
                       const struct rep_stream *stream)
{
    const struct rep_node *node = standby->node;
    if (node == NULL || standby->stream != NULL || standby->accounted || standby->asked == sender)
        return false;
    bool receives = !node->receiver.running.known || node->receiver.running.value;
    bool other = node->application_name != NULL && stream->name != NULL &&
                 !same(node->application_name, stream->name);
    other = other || (node->receiver.slot != NULL && stream->slot != NULL &&
                      !same(node->receiver.slot, stream->slot));
    return receives && !other;
}

static bool is_accounted_for(struct rep_survey *survey, const struct rep_asked *sender,
                             const struct rep_stream *stream)
{
    for (size_t i = 0; i < survey->standby_count; i++) {
        if (stands_for(&survey->standbys[i], sender, stream)) {
            survey->standbys[i].accounted = true;
            return true;
        }
    }
    return false;
}

static size_t namesakes(const struct rep_survey *survey, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < survey->standby_count; i++)
        count += same(survey->standbys[i].name, name) ? 1 : 0;
    return count;
}

/* Two systems may call their standbys alike, and one its nameless ones. */
static void add_standby(const struct rep_evidence *evidence, struct rep_survey *survey,
                        const struct rep_asked *sender, const struct rep_stream *stream)
{
    struct rep_standby standby = {.name = stream_name(stream), .stream = stream, .sender = sender};
    if (evidence->group != NULL)
        standby.own_name = dr_text_format("%s %s", evidence->group, standby.name);
    if (standby.own_name != NULL)
        standby.name = standby.own_name;
    size_t others = namesakes(survey, standby.name);
    if (others > 0) {
        char *numbered = dr_text_format("%s (%zu)", standby.name, others + 1);
        free(standby.own_name);
        standby.own_name = numbered;
        standby.name = numbered != NULL ? numbered : stream_name(stream);
    }
    survey->standbys[survey->standby_count++] = standby;
}

/* Of several primaries each may still show the same standby: it is there once. */
static bool is_seen_by_another(const struct rep_survey *survey, const struct rep_asked *sender,
                               const struct rep_stream *stream)
{
    for (size_t i = 0; i < survey->standby_count; i++) {
        const struct rep_standby *other = &survey->standbys[i];
        if (other->stream != NULL && other->sender != sender &&
            other->sender->node->role == sender->node->role &&
            same(other->stream->name, stream->name) &&
            same(other->stream->address, stream->address))
            return true;
    }
    return false;
}

static void add_seen(const struct rep_evidence *evidence, struct rep_survey *survey)
{
    for (size_t i = 0; i < evidence->count; i++) {
        const struct rep_asked *sender = &evidence->asked[i];
        for (size_t s = 0; sender->answered && s < sender->node->stream_count; s++) {
            const struct rep_stream *stream = &sender->node->streams[s];
            if (!may_be_standby(stream)) {
                survey->receivers++;
                continue;
            }
            if (is_taken(survey, stream) || is_left_over(sender->node, stream) ||
                !dr_selection_has(evidence->selection, stream_name(stream)) ||
                is_seen_by_another(survey, sender, stream) ||
                is_accounted_for(survey, sender, stream))
                continue;
            if (stream->kind == REP_STREAM_HIDDEN)
                survey->hidden++;
            add_standby(evidence, survey, sender, stream);
        }
    }
}

/* ---- the set that elects its primary ---- */

const struct rep_set *rep_survey_set(const struct rep_survey *survey)
{
    return survey->authority != NULL ? &survey->authority->node->set : NULL;
}

/* The primary knows best, then those who watch it, then any member; of equals the one that sees
 * more of the votes, then the later term: who is cut off sees less. */
static int authority_rank(const struct rep_asked *asked)
{
    static const int ranks[] = {[REP_ROLE_PRIMARY] = 3, [REP_ROLE_WITNESS] = 2};
    if (!asked->answered || asked->node->set.name == NULL || asked->node->set.member_count == 0)
        return 0;
    return asked->node->role == REP_ROLE_PRIMARY || asked->node->role == REP_ROLE_WITNESS
               ? ranks[asked->node->role]
               : 1;
}

static bool sees_more(const struct rep_set *a, const struct rep_set *b)
{
    if (a->present.known && b->present.known && a->present.value != b->present.value)
        return a->present.value > b->present.value;
    return a->term.known && b->term.known && a->term.value > b->term.value;
}

static void find_authority(const struct rep_evidence *evidence, struct rep_survey *survey)
{
    int best = 0;
    for (size_t i = 0; i < evidence->count; i++) {
        const struct rep_asked *asked = &evidence->asked[i];
        int rank = authority_rank(asked);
        if (rank > best || (rank > 0 && rank == best &&
                            sees_more(&asked->node->set, &survey->authority->node->set))) {
            survey->authority = asked;
            best = rank;
        }
        for (size_t m = 0; rank > 0 && m < asked->node->set.member_count; m++) {
            if (asked->node->set.members[m].seat == REP_SEAT_PRIMARY)
                survey->seen_primary = true;
        }
    }
}

static bool is_called(const struct rep_standby *standby, const char *name)
{
    const struct rep_node *node = standby->node;
    return name != NULL &&
           ((node != NULL && (same(node->application_name, name) || same(node->reached, name))) ||
            (standby->stream != NULL && same(standby->stream->name, name)) ||
            (standby->asked != NULL && same(standby->asked->label, name)));
}

static const struct rep_member *find_member(const struct rep_set *set,
                                            const struct rep_standby *standby)
{
    const char *name = standby->seat != NULL ? standby->seat->name : NULL;
    for (size_t m = 0; m < set->member_count; m++) {
        const struct rep_member *member = &set->members[m];
        if (same(member->name, name) || is_called(standby, member->name) ||
            is_called(standby, member->address))
            return member;
    }
    return NULL;
}

static bool may_be_chosen(const struct rep_member *member)
{
    return member != NULL && member->seat == REP_SEAT_STANDBY && member->bar == NULL;
}

/* One of several witnesses may have started a moment ago, and not have reached everybody yet: where
 * another one would choose the standby, that view counts. */
static const struct rep_member *find_vote(const struct rep_evidence *evidence,
                                          const struct rep_survey *survey,
                                          const struct rep_standby *standby)
{
    const struct rep_member *voted = find_member(rep_survey_set(survey), standby);
    bool witnesses = survey->authority->node->role == REP_ROLE_WITNESS;
    for (size_t i = 0; witnesses && !may_be_chosen(voted) && i < evidence->count; i++) {
        const struct rep_asked *asked = &evidence->asked[i];
        if (!asked->answered || asked->node->role != REP_ROLE_WITNESS)
            continue;
        const struct rep_member *other = find_member(&asked->node->set, standby);
        if (voted == NULL || may_be_chosen(other))
            voted = other;
    }
    return voted;
}

static void find_seats(const struct rep_evidence *evidence, struct rep_survey *survey)
{
    for (size_t i = 0; survey->authority != NULL && i < survey->standby_count; i++) {
        struct rep_standby *standby = &survey->standbys[i];
        const struct rep_set *own = standby->node != NULL ? &standby->node->set : NULL;
        for (size_t m = 0; own != NULL && m < own->member_count; m++) {
            if (own->members[m].self)
                standby->seat = &own->members[m];
        }
        standby->voted = find_vote(evidence, survey, standby);
    }
}

/* ---- how far behind ---- */

/* How far `behind` is behind `ahead`: whether at all, and in bytes where positions are bytes. */
static void take_gap(enum rep_unit unit, int64_t ahead, int64_t behind,
                     struct dr_opt_bool *complete, struct dr_opt_int *bytes)
{
    int64_t gap = rep_beyond(ahead, behind);
    *complete = dr_bool(gap == 0);
    if (unit == REP_BYTES)
        *bytes = dr_int(gap);
}

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

/* The sender's view can be later than the standby's own; but a connection that the standby itself
 * does not have is an old one, or somebody else's. */
static void measure_position(struct rep_standby *standby)
{
    const struct rep_node *node = standby->node;
    bool alive = node == NULL || !node->receiver.running.known || node->receiver.running.value;
    if (standby->stream != NULL && alive)
        standby->position = standby->stream->flushed;
    const struct rep_reading *own = node != NULL ? last_reading(node) : NULL;
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
 * an age. Without the skew it is taken as it is. */
static struct dr_opt_real corrected(struct dr_opt_real age, struct dr_opt_real skew, double sign)
{
    if (age.known && skew.known)
        age.value += sign * skew.value;
    return rep_plausible(age);
}

/* now(primary) - sent(standby's clock): a standby's clock ahead makes it too small. A sender that
 * has heard nothing for wal_sender_timeout, by its own clock, closes the connection: what looks
 * older only shows that the clocks differ. */
static struct dr_opt_real reply_age(const struct rep_standby *standby)
{
    /* Taken on the sender's clock alone. */
    if (standby->sender->node->sender_silence.known)
        return rep_plausible(standby->stream->reply_age);
    struct dr_opt_real age = corrected(standby->stream->reply_age, standby->skew, 1);
    const struct dr_opt_real *timeout = &standby->sender->node->sender_timeout;
    if (timeout->known && timeout->value > 0 && age.value > timeout->value + SENDER_GRACE)
        age.known = false;
    return age;
}

static void measure_link(struct rep_standby *standby)
{
    const struct rep_node *node = standby->node;
    standby->link_limit = LINK_LIMIT_UNKNOWN;
    if (node != NULL && !rep_link_is_untold(node))
        standby->link_age = rep_plausible(node->receiver.message_age);
    if (standby->link_age.known) {
        standby->link_limit = node->receiver.silence.known ? node->receiver.silence.value
                                                           : rep_link_limit(node->receiver.timeout);
    } else if (standby->stream != NULL) {
        standby->link_age = reply_age(standby);
        const struct rep_node *sender = standby->sender->node;
        standby->link_limit = sender->sender_silence.known ? sender->sender_silence.value
                                                           : rep_link_limit(sender->sender_timeout);
        /* Reports come every wal_receiver_status_interval, 10 s, even where the sender would ask
         * sooner. */
        if (standby->link_limit < 12 && !sender->sender_silence.known)
            standby->link_limit = 12;
    }
}

/* A lag that the sender measured, and the age of the report it comes with, as an upper bound of
 * what is missing. Unknown on an idle link: it had everything. */
static struct dr_opt_real by_report(const struct rep_standby *standby, struct dr_opt_real lag)
{
    struct dr_opt_real none = {.known = false};
    const struct rep_stream *stream = standby->stream;
    if (stream == NULL)
        return none;
    struct dr_opt_real age = reply_age(standby);
    if (!age.known || (lag.known && !rep_plausible(lag).known))
        return none;
    double bound = age.value + (lag.known ? not_negative(lag.value) : 0);
    return rep_stream_tells_bound(stream, bound) ? dr_real(bound) : none;
}

/* What the primary had at a reading that the standby has passed was all there: nothing lost is
 * older. */
static struct dr_opt_real by_readings(int64_t position, const struct rep_node *primary)
{
    for (size_t i = primary->reading_count; i-- > 0;) {
        if (primary->readings[i].position <= position)
            return dr_real(not_negative(primary->looked - primary->readings[i].sent));
    }
    return (struct dr_opt_real){.known = false};
}

/* The mark that the standby has looked for counts where it is of the server that is meant. */
static const struct rep_passing *passing_of(const struct rep_standby *standby, bool announced)
{
    if (standby->node == NULL || !standby->node->passing.compared ||
        standby->node->passing.announced != announced)
        return NULL;
    return &standby->node->passing;
}

static struct dr_opt_real by_passing(const struct rep_standby *standby, bool announced)
{
    const struct rep_passing *passing = passing_of(standby, announced);
    return passing != NULL ? passing->received : (struct dr_opt_real){.known = false};
}

static struct dr_opt_real by_history(int64_t position, const struct rep_evidence *evidence)
{
    struct dr_opt_real when = rep_history_when(evidence->history, position);
    if (!when.known)
        return when;
    return dr_real(not_negative(evidence->now - when.value));
}

/* The commit time of the last transaction replayed: whatever is missing was committed later. True
 * always, but far too much on an idle primary: the last resort. */
static struct dr_opt_real by_replay(const struct rep_standby *standby)
{
    if (standby->node == NULL)
        return (struct dr_opt_real){.known = false};
    return corrected(standby->node->replay_age, standby->skew, -1);
}

/* While it catches up a standby lacks something that was there before it connected. */
static struct dr_opt_real loss_before_connection(const struct rep_standby *standby)
{
    const struct rep_stream *stream = standby->stream;
    if (stream == NULL || !same(stream->state, "catchup"))
        return (struct dr_opt_real){.known = false};
    return rep_plausible(stream->flush_lag);
}

/* It is at least as old as the oldest reading that the standby has not reached, however long it was
 * looked for. */
static struct dr_opt_real loss_at_least(const struct rep_standby *standby,
                                        const struct rep_node *primary)
{
    struct dr_opt_real floor = loss_before_connection(standby);
    const struct rep_passing *passing = passing_of(standby, false);
    struct dr_opt_real seen = {.known = false};
    for (size_t i = 0; i < primary->reading_count && !seen.known; i++) {
        if (primary->readings[i].position > standby->position.value)
            seen = dr_real(not_negative(primary->looked - primary->readings[i].received));
    }
    if (passing != NULL && !passing->received.known)
        seen = dr_real(not_negative(passing->waited));
    return floor.known && !(seen.known && seen.value > floor.value) ? floor : seen;
}

static struct dr_opt_real flush_lag_of(const struct rep_standby *standby)
{
    return standby->stream != NULL ? standby->stream->flush_lag
                                   : (struct dr_opt_real){.known = false};
}

static struct dr_opt_real stated_loss(const struct rep_standby *standby)
{
    return standby->stream != NULL ? rep_plausible(standby->stream->loss)
                                   : (struct dr_opt_real){.known = false};
}

static void measure_against_primary(const struct rep_evidence *evidence,
                                    struct rep_standby *standby, const struct rep_node *primary)
{
    const struct rep_reading *newest = last_reading(primary);
    if (newest == NULL || !standby->position.known) {
        standby->loss = stated_loss(standby);
        if (standby->loss.known && standby->loss.value <= 0)
            standby->complete = dr_bool(true);
        return;
    }
    take_gap(primary->unit, newest->position, standby->position.value, &standby->complete,
             &standby->loss_bytes);
    if (standby->complete.value) {
        standby->loss = dr_real(0);
        return;
    }
    struct dr_opt_real now =
        least(by_passing(standby, false), by_readings(standby->position.value, primary));
    struct dr_opt_real loss = least(now, by_report(standby, flush_lag_of(standby)));
    loss = least(loss, by_history(standby->position.value, evidence));
    loss = least(loss, by_replay(standby));
    loss = least(loss, stated_loss(standby));
    standby->fresh = now.known;
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
    standby->as_of = standby->link_age;
    if (!receiver->running.known || !receiver->running.value || !receiver->announced.known ||
        !standby->position.known)
        return;
    take_gap(standby->node->unit, receiver->announced.value, standby->position.value,
             &standby->hop_complete, &standby->hop_bytes);
    if (standby->hop_complete.value) {
        standby->hop = dr_real(0);
        return;
    }
    standby->hop = least(by_passing(standby, true), by_history(standby->position.value, evidence));
    standby->hop = least(standby->hop, by_replay(standby));
}

/* Only its sender was asked, and that is a standby itself: behind the sender. */
static void measure_cascade(struct rep_standby *standby)
{
    const struct rep_reading *newest = last_reading(standby->sender->node);
    standby->as_of = standby->link_age;
    if (newest == NULL || !standby->position.known)
        return;
    take_gap(standby->sender->node->unit, newest->position, standby->position.value,
             &standby->hop_complete, &standby->hop_bytes);
    standby->hop = standby->hop_complete.value
                       ? dr_real(0)
                       : least(by_report(standby, flush_lag_of(standby)), stated_loss(standby));
}

static const struct rep_standby *sender_of(const struct rep_survey *survey,
                                           const struct rep_standby *standby)
{
    for (size_t i = 0; standby->sender != NULL && i < survey->standby_count; i++) {
        if (survey->standbys[i].asked == standby->sender)
            return &survey->standbys[i];
    }
    return NULL;
}

/* Without the primary a standby lacks what its sender lacks, too; that is why the sender's loss is
 * added, hop by hop (no chain is longer than there are standbys). */
static void add_hops(const struct rep_survey *survey, struct rep_standby *standby)
{
    standby->complete = standby->hop_complete;
    standby->loss_bytes = standby->hop_bytes;
    standby->loss = standby->hop;
    const struct rep_standby *sender = sender_of(survey, standby);
    for (size_t i = 0; sender != NULL && i < survey->standby_count; i++) {
        int64_t *bytes = &standby->loss_bytes.value;
        standby->complete.known = standby->complete.known && sender->hop_complete.known;
        standby->complete.value = standby->complete.value && sender->hop_complete.value;
        standby->loss_bytes.known = standby->loss_bytes.known && sender->hop_bytes.known;
        standby->loss.known = standby->loss.known && sender->hop.known;
        if (__builtin_add_overflow(*bytes, sender->hop_bytes.value, bytes))
            *bytes = INT64_MAX;
        standby->loss.value += sender->hop.value;
        sender = sender_of(survey, sender);
    }
}

static enum rep_unit unit_of(const struct rep_standby *standby)
{
    return standby->node != NULL ? standby->node->unit : standby->sender->node->unit;
}

/* The primary does not answer: what an earlier run has seen of it, where that is more than what the
 * standbys themselves know. What it wrote after that is not known to anybody. */
static void measure_remembered(const struct rep_evidence *evidence, struct rep_standby *standby)
{
    double time;
    int64_t newest;
    if (!standby->position.known || !rep_history_newest(evidence->history, &time, &newest))
        return;
    struct dr_opt_bool complete;
    struct dr_opt_int bytes = {.known = false};
    take_gap(unit_of(standby), newest, standby->position.value, &complete, &bytes);
    if (standby->complete.known && (complete.value || (bytes.known && standby->loss_bytes.known &&
                                                       standby->loss_bytes.value >= bytes.value)))
        return;
    struct dr_opt_real reached = rep_history_when(evidence->history, standby->position.value);
    standby->as_of = dr_real(not_negative(evidence->now - time));
    standby->complete = complete;
    standby->loss_bytes = bytes;
    standby->loss = (struct dr_opt_real){.known = false};
    if (complete.value)
        standby->loss = dr_real(0);
    else if (reached.known)
        standby->loss = dr_real(not_negative(time - reached.value));
}

static void measure_without_primary(const struct rep_evidence *evidence,
                                    const struct rep_survey *survey, struct rep_standby *standby)
{
    add_hops(survey, standby);
    if (survey->unreachable > 0)
        measure_remembered(evidence, standby);
}

/* How old the oldest commit is that the standby has and does not show yet. */
static struct dr_opt_real apply_lag(const struct rep_evidence *evidence,
                                    const struct rep_survey *survey,
                                    const struct rep_standby *standby, int64_t replayed)
{
    const struct rep_node *primary = survey->primary != NULL ? survey->primary->node : NULL;
    struct dr_opt_real lag = by_replay(standby);
    if (standby->stream != NULL && standby->stream->replay_lag.known)
        lag = least(lag, by_report(standby, standby->stream->replay_lag));
    if (standby->node != NULL && standby->node->passing.compared)
        lag = least(lag, standby->node->passing.replayed);
    if (primary != NULL)
        lag = least(lag, by_readings(replayed, primary));
    return least(lag, by_history(replayed, evidence));
}

static void measure_apply(const struct rep_evidence *evidence, const struct rep_survey *survey,
                          struct rep_standby *standby)
{
    struct dr_opt_int replayed = {.known = false};
    if (standby->node != NULL)
        replayed = standby->node->replayed;
    /* The sender's view can be the later one of a standby that had shown all it had. */
    const struct rep_stream *stream = standby->stream;
    const struct rep_reading *own = standby->node != NULL ? last_reading(standby->node) : NULL;
    bool told =
        standby->node == NULL || (replayed.known && own != NULL && own->position == replayed.value);
    if (told && stream != NULL && stream->replayed.known &&
        (!replayed.known || stream->replayed.value > replayed.value))
        replayed = stream->replayed;
    if (!replayed.known || !standby->position.known)
        return;
    take_gap(unit_of(standby), standby->position.value, replayed.value, &standby->applied,
             &standby->apply_bytes);
    if (standby->applied.value)
        standby->apply_lag = dr_real(0);
    else
        standby->apply_lag = apply_lag(evidence, survey, standby, replayed.value);
}

/* How long it may lack what it lacks until the primary has dropped the log it would go on from. */
static void measure_window(const struct rep_evidence *evidence, const struct rep_node *primary,
                           struct rep_standby *standby)
{
    if (!standby->position.known)
        return;
    if (primary->kept_from.known)
        standby->outrun = standby->position.value < primary->kept_from.value;
    if (standby->outrun) {
        standby->window_used = dr_real(100);
        standby->resync_eta = dr_real(0);
        return;
    }
    struct dr_opt_real rate = rep_history_rate(evidence->history, evidence->now);
    if (primary->window.known && standby->loss.known && primary->window.value > 0) {
        double used = standby->loss.value / primary->window.value;
        standby->window_used = dr_real(used < 1 ? used * 100 : 100);
        standby->resync_eta = dr_real(not_negative(primary->window.value - standby->loss.value));
    } else if (primary->kept_size.known && primary->kept_size.value > 0 &&
               standby->loss_bytes.known) {
        double room = (double)primary->kept_size.value;
        double lacks = (double)standby->loss_bytes.value;
        standby->window_used = dr_real(lacks < room ? lacks / room * 100 : 100);
        if (rate.known && rate.value >= 1)
            standby->resync_eta = dr_real(not_negative(room - lacks) / rate.value);
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
    measure_apply(evidence, survey, standby);
    if (primary != NULL)
        measure_window(evidence, primary, standby);
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
    find_authority(evidence, survey);
    find_seats(evidence, survey);
    for (size_t i = 0; i < survey->standby_count; i++)
        measure(evidence, survey, &survey->standbys[i]);
    for (size_t i = 0; survey->primary == NULL && i < survey->standby_count; i++)
        measure_without_primary(evidence, survey, &survey->standbys[i]);
    return true;
}

void rep_survey_free(struct rep_survey *survey)
{
    for (size_t i = 0; i < survey->standby_count; i++)
        free(survey->standbys[i].own_name);
    free(survey->standbys);
    *survey = (struct rep_survey){.primary = NULL};
}
