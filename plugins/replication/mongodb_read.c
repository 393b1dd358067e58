/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/mongodb_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* electionTimeoutMillis where the configuration cannot be read: the default. A member that is not
 * heard of for longer counts as gone. */
#define SILENCE_DEFAULT 10.0

/* Of one member; the servers allow 1. */
#define VOTES_MAX 1000

enum mongo_state {
    STATE_STARTUP = 0,
    STATE_PRIMARY,
    STATE_SECONDARY,
    STATE_RECOVERING,
    STATE_FATAL,
    STATE_STARTUP2,
    STATE_UNKNOWN,
    STATE_ARBITER,
    STATE_DOWN,
    STATE_ROLLBACK,
    STATE_REMOVED
};

/* ---- fields ---- */

static bool find(const bson_t *document, const char *path, bson_iter_t *found)
{
    bson_iter_t start;
    return document != NULL && bson_iter_init(&start, document) &&
           bson_iter_find_descendant(&start, path, found);
}

static struct dr_opt_real number_at(const bson_t *document, const char *path)
{
    bson_iter_t it;
    if (!find(document, path, &it) || !BSON_ITER_HOLDS_NUMBER(&it) ||
        !isfinite(bson_iter_as_double(&it)))
        return (struct dr_opt_real){.known = false};
    return dr_real(bson_iter_as_double(&it));
}

static struct dr_opt_int whole_at(const bson_t *document, const char *path)
{
    bson_iter_t it;
    if (!find(document, path, &it) || !BSON_ITER_HOLDS_NUMBER(&it))
        return (struct dr_opt_int){.known = false};
    return dr_int(bson_iter_as_int64(&it));
}

/* Switches are numbers in some versions (ok: 1, health: 1.0). */
static struct dr_opt_bool switch_at(const bson_t *document, const char *path)
{
    bson_iter_t it;
    if (!find(document, path, &it) || !(BSON_ITER_HOLDS_BOOL(&it) || BSON_ITER_HOLDS_NUMBER(&it)))
        return (struct dr_opt_bool){.known = false};
    return dr_bool(bson_iter_as_bool(&it));
}

static bool is_on(const bson_t *document, const char *path)
{
    struct dr_opt_bool value = switch_at(document, path);
    return value.known && value.value;
}

/* NULL when it is missing, no text, or empty. */
static const char *text_at(const bson_t *document, const char *path)
{
    bson_iter_t it;
    if (!find(document, path, &it) || !BSON_ITER_HOLDS_UTF8(&it))
        return NULL;
    const char *text = bson_iter_utf8(&it, NULL);
    return *text != '\0' ? text : NULL;
}

/* Seconds since the epoch; the epoch itself is "never". */
static struct dr_opt_real date_at(const bson_t *document, const char *path)
{
    bson_iter_t it;
    if (!find(document, path, &it) || !BSON_ITER_HOLDS_DATE_TIME(&it) ||
        bson_iter_date_time(&it) <= 0)
        return (struct dr_opt_real){.known = false};
    return dr_real((double)bson_iter_date_time(&it) / 1000);
}

static struct dr_opt_int position_of(bson_iter_t *it)
{
    uint32_t seconds;
    uint32_t increment;
    if (!BSON_ITER_HOLDS_TIMESTAMP(it))
        return (struct dr_opt_int){.known = false};
    bson_iter_timestamp(it, &seconds, &increment);
    if (seconds == 0 || seconds > INT32_MAX)
        return (struct dr_opt_int){.known = false};
    return dr_int(((int64_t)seconds << 32) | (int64_t)increment);
}

/* An optime is {ts, t}; in some places the bare timestamp. */
static struct dr_opt_int position_at(const bson_t *document, const char *path)
{
    bson_iter_t it;
    bson_iter_t inner;
    if (!find(document, path, &it))
        return (struct dr_opt_int){.known = false};
    if (!BSON_ITER_HOLDS_DOCUMENT(&it))
        return position_of(&it);
    if (!bson_iter_recurse(&it, &inner) || !bson_iter_find(&inner, "ts"))
        return (struct dr_opt_int){.known = false};
    return position_of(&inner);
}

static double moment_of(int64_t position)
{
    return (double)(position >> 32);
}

/* A copy of the text; NULL stays NULL. */
static char *copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

static void replace(char **old, const char *text)
{
    free(*old);
    *old = copy(text);
}

/* now - then, not below 0: the two dates of one reply are read one after the other. */
static struct dr_opt_real age_of(struct dr_opt_real now, struct dr_opt_real then)
{
    if (!now.known || !then.known)
        return (struct dr_opt_real){.known = false};
    return dr_real(now.value > then.value ? now.value - then.value : 0);
}

static bool is_missing(struct dr_error *error, const char *what)
{
    return dr_error_set(error, DR_ERR_PROTOCOL, "the reply cannot be used: no %s in it", what);
}

/* The documents of an array, one after the other. */
struct walk {
    bson_iter_t at;
    bson_t document; /* borrowed from the array */
    bool usable;
};

static struct walk walk_into(const bson_t *document, const char *path)
{
    struct walk walk = {.usable = false};
    bson_iter_t array;
    walk.usable = find(document, path, &array) && BSON_ITER_HOLDS_ARRAY(&array) &&
                  bson_iter_recurse(&array, &walk.at);
    return walk;
}

static bool walk_on(struct walk *walk)
{
    while (walk->usable && bson_iter_next(&walk->at)) {
        const uint8_t *bytes;
        uint32_t size;
        if (!BSON_ITER_HOLDS_DOCUMENT(&walk->at))
            continue;
        bson_iter_document(&walk->at, &size, &bytes);
        if (bson_init_static(&walk->document, bytes, size))
            return true;
    }
    return false;
}

/* ---- members by status ---- */

static enum rep_seat seat_of(int64_t state, bool healthy)
{
    if (!healthy)
        return REP_SEAT_DOWN;
    switch (state) {
    case STATE_STARTUP:
        return REP_SEAT_STARTING;
    case STATE_PRIMARY:
        return REP_SEAT_PRIMARY;
    case STATE_SECONDARY:
        return REP_SEAT_STANDBY;
    case STATE_RECOVERING:
        return REP_SEAT_RECOVERING;
    case STATE_FATAL:
        return REP_SEAT_FAILED;
    case STATE_STARTUP2:
        return REP_SEAT_COPYING;
    case STATE_ARBITER:
        return REP_SEAT_WITNESS;
    case STATE_DOWN:
        return REP_SEAT_DOWN;
    case STATE_ROLLBACK:
        return REP_SEAT_ROLLBACK;
    case STATE_REMOVED:
        return REP_SEAT_REMOVED;
    default:
        return REP_SEAT_UNKNOWN;
    }
}

static bool read_member(const bson_t *entry, struct dr_opt_real now, struct rep_set *set,
                        struct dr_error *error)
{
    static const char *const messages[] = {"lastHeartbeatMessage", "infoMessage", "errmsg"};
    const char *name = text_at(entry, "name");
    struct dr_opt_int state = whole_at(entry, "state");
    bool self = is_on(entry, "self");
    if (name == NULL || !state.known)
        return is_missing(error, name == NULL ? "name of a member" : "state of a member");
    struct rep_member *member = rep_set_add_member(set);
    if (member == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    member->self = self;
    member->name = copy(name);
    /* Whether the others are alive is what health says: the state of a dead one can be its last. */
    member->seat = seat_of(state.value, self || is_on(entry, "health"));
    member->state = copy(text_at(entry, "stateStr"));
    for (size_t i = 0; i < 3 && member->message == NULL; i++)
        member->message = copy(text_at(entry, messages[i]));
    member->position = position_at(entry, "optime");
    /* lastHeartbeat keeps advancing for a dead member: it is when it was last tried. */
    member->heard = age_of(now, date_at(entry, "lastHeartbeatRecv"));
    member->upstream = copy(text_at(entry, "syncSourceHost"));
    if (member->upstream == NULL)
        member->upstream = copy(text_at(entry, "syncingTo"));
    return true;
}

static struct rep_member *find_self(const struct rep_set *set)
{
    for (size_t i = 0; i < set->member_count; i++) {
        if (set->members[i].self)
            return &set->members[i];
    }
    return NULL;
}

static const struct rep_member *find_primary(const struct rep_set *set)
{
    for (size_t i = 0; i < set->member_count; i++) {
        if (set->members[i].seat == REP_SEAT_PRIMARY)
            return &set->members[i];
    }
    return NULL;
}

/* A member can be ahead of the primary as another one last heard of it: it is not behind. */
static void measure_members(struct rep_set *set)
{
    const struct rep_member *primary = find_primary(set);
    for (size_t i = 0; i < set->member_count && primary != NULL; i++) {
        struct rep_member *member = &set->members[i];
        if (!primary->position.known || !member->position.known || member == primary)
            continue;
        double behind = moment_of(primary->position.value) - moment_of(member->position.value);
        member->behind = dr_real(behind > 0 ? behind : 0);
    }
}

static bool read_set(const bson_t *status, struct rep_node *node, struct mongo_extra *extra,
                     struct dr_error *error)
{
    struct rep_set *set = &node->set;
    struct walk walk = walk_into(status, "members");
    extra->server_time = date_at(status, "date");
    if (mongo_set_name(status) == NULL || !walk.usable || !extra->server_time.known)
        return is_missing(error, !walk.usable ? "members" : "name of the set or date");
    rep_set_free(set);
    set->name = copy(mongo_set_name(status));
    set->term = whole_at(status, "term");
    while (walk_on(&walk)) {
        if (!read_member(&walk.document, extra->server_time, set, error))
            return false;
    }
    struct rep_member *self = find_self(set);
    if (self == NULL)
        return is_missing(error, "member that is the node itself");
    if (is_on(status, "tooStale"))
        self->bar = copy("too stale: the oplog of the others does not reach back far enough");
    measure_members(set);
    return true;
}

/* ---- configuration ---- */

static struct rep_member *find_member(struct rep_set *set, const char *name)
{
    for (size_t i = 0; i < set->member_count && name != NULL; i++) {
        if (set->members[i].name != NULL && strcmp(set->members[i].name, name) == 0)
            return &set->members[i];
    }
    return NULL;
}

struct counts {
    int64_t votes;
    int64_t copies;
};

static bool read_seat(const bson_t *entry, struct rep_set *set, struct counts *counts,
                      struct dr_error *error)
{
    const char *host = text_at(entry, "host");
    struct dr_opt_int votes = whole_at(entry, "votes");
    struct dr_opt_real priority = number_at(entry, "priority");
    struct dr_opt_bool arbiter = switch_at(entry, "arbiterOnly");
    bool counted = votes.known && votes.value >= 0 && votes.value <= VOTES_MAX;
    if (host == NULL || !counted || !priority.known || !arbiter.known)
        return is_missing(error,
                          "host, votes, priority or arbiterOnly of a member's configuration");
    counts->votes += votes.value;
    counts->copies += votes.value > 0 && !arbiter.value ? 1 : 0;
    struct rep_member *member = find_member(set, host);
    if (member == NULL)
        return true;
    member->dataless = arbiter.value;
    member->votes = votes;
    member->priority = priority;
    member->hidden = switch_at(entry, "hidden");
    member->delay = number_at(entry, "secondaryDelaySecs");
    if (!member->delay.known)
        member->delay = number_at(entry, "slaveDelay");
    return true;
}

static bool is_arbiter(const bson_t *config, const char *name)
{
    struct walk walk = walk_into(config, "config.members");
    while (walk_on(&walk)) {
        const char *host = text_at(&walk.document, "host");
        if (host != NULL && strcmp(host, name) == 0)
            return is_on(&walk.document, "arbiterOnly");
    }
    return false;
}

static void read_system(const bson_t *config, struct rep_node *node)
{
    bson_iter_t it;
    char hex[25];
    free(node->system);
    node->system = NULL;
    if (find(config, "config.settings.replicaSetId", &it) && BSON_ITER_HOLDS_OID(&it)) {
        bson_oid_to_string(bson_iter_oid(&it), hex);
        node->system = strdup(hex);
    }
}

static bool read_config(const bson_t *config, struct rep_node *node, struct dr_error *error)
{
    struct rep_set *set = &node->set;
    struct counts counts = {.votes = 0};
    struct walk walk = walk_into(config, "config.members");
    if (config == NULL)
        return true;
    if (!walk.usable)
        return is_missing(error, "members of the configuration");
    while (walk_on(&walk)) {
        if (!read_seat(&walk.document, set, &counts, error))
            return false;
    }
    set->votes = dr_int(counts.votes);
    set->copies = dr_int(counts.copies);
    read_system(config, node);
    const struct rep_member *self = find_self(set);
    node->apply_delay = self->delay.known ? self->delay : dr_real(0);
    return true;
}

/* ---- votes and copies ---- */

static bool is_alive(const struct rep_member *member)
{
    return member->seat != REP_SEAT_DOWN && member->seat != REP_SEAT_UNKNOWN &&
           member->seat != REP_SEAT_REMOVED && member->seat != REP_SEAT_FAILED;
}

static void count_votes(const bson_t *status, bool configured, struct rep_set *set)
{
    int64_t present = 0;
    int64_t copies = 0;
    set->needed = whole_at(status, "majorityVoteCount");
    set->copies_needed = whole_at(status, "writeMajorityCount");
    if (!set->votes.known)
        set->votes = whole_at(status, "votingMembersCount");
    if (!set->copies.known)
        set->copies = whole_at(status, "writableVotingMembersCount");
    if (!set->needed.known && set->votes.known)
        set->needed = dr_int(set->votes.value / 2 + 1);
    if (!set->copies_needed.known && set->needed.known && set->copies.known)
        set->copies_needed = set->copies.value < set->needed.value ? set->copies : set->needed;
    for (size_t i = 0; i < set->member_count && configured; i++) {
        const struct rep_member *member = &set->members[i];
        int64_t votes = member->votes.known ? member->votes.value : 0;
        present += is_alive(member) ? votes : 0;
        copies +=
            votes > 0 && (member->seat == REP_SEAT_PRIMARY || member->seat == REP_SEAT_STANDBY);
    }
    if (configured) {
        set->present = dr_int(present);
        set->copies_present = dr_int(copies);
    }
}

static void read_majority(const bson_t *status, struct rep_set *set)
{
    const struct rep_member *primary = find_primary(set);
    struct dr_opt_int ahead = position_at(status, "optimes.appliedOpTime");
    set->majority = position_at(status, "optimes.lastCommittedOpTime");
    if (primary != NULL && primary->position.known &&
        (!ahead.known || primary->position.value > ahead.value))
        ahead = primary->position;
    if (!set->majority.known || !ahead.known)
        return;
    double lag = moment_of(ahead.value) - moment_of(set->majority.value);
    set->majority_lag = dr_real(lag > 0 ? lag : 0);
}

/* ---- the node itself ---- */

static void read_positions(const bson_t *status, struct rep_node *node, struct mongo_extra *extra)
{
    const struct rep_member *self = find_self(&node->set);
    struct dr_opt_int applied = self->position;
    if (!applied.known)
        applied = position_at(status, "optimes.appliedOpTime");
    extra->position = applied;
    if (node->role != REP_ROLE_STANDBY)
        return;
    /* Since 8.0 the oplog is written first and applied later: what is written survives. */
    struct dr_opt_int written = position_at(status, "optimes.writtenOpTime");
    node->replayed = applied;
    node->received =
        written.known && applied.known && written.value > applied.value ? written : applied;
    struct dr_opt_real last = date_at(status, "optimes.lastAppliedWallTime");
    if (!last.known && applied.known)
        last = dr_real(moment_of(applied.value));
    node->replay_age = age_of(extra->server_time, last);
}

static void read_receiver(struct rep_node *node)
{
    struct rep_receiver *receiver = &node->receiver;
    const struct rep_member *self = find_self(&node->set);
    const struct rep_member *primary = find_primary(&node->set);
    receiver->running = dr_bool(self->upstream != NULL);
    replace(&receiver->sender, self->upstream);
    receiver->announced = (struct dr_opt_int){.known = false};
    receiver->message_age = (struct dr_opt_real){.known = false};
    if (primary != NULL && !primary->self) {
        receiver->announced = primary->position;
        receiver->message_age = primary->heard;
    }
}

static void read_silence(const bson_t *config, struct rep_node *node)
{
    struct dr_opt_real timeout = number_at(config, "config.settings.electionTimeoutMillis");
    struct dr_opt_real silence =
        dr_real(timeout.known && timeout.value > 0 ? timeout.value / 1000 : SILENCE_DEFAULT);
    node->sender_silence = silence;
    if (node->role == REP_ROLE_STANDBY)
        node->receiver.silence = silence;
}

static void read_copy(const bson_t *status, struct rep_node *node)
{
    struct dr_opt_real whole = number_at(status, "initialSyncStatus.approxTotalDataSize");
    struct dr_opt_real there = number_at(status, "initialSyncStatus.approxTotalBytesCopied");
    struct dr_opt_real left =
        number_at(status, "initialSyncStatus.remainingInitialSyncEstimatedMillis");
    const struct rep_member *self = find_self(&node->set);
    node->copying = (struct rep_copy){.running = dr_bool(self->seat == REP_SEAT_COPYING)};
    if (!node->copying.running.value)
        return;
    if (whole.known && there.known && there.value >= 0 && whole.value > 0 &&
        there.value <= whole.value) {
        node->copying.done = dr_real(there.value / whole.value);
        node->copying.left = dr_int((int64_t)(whole.value - there.value));
    }
    if (left.known)
        node->copying.eta = dr_real(left.value / 1000);
}

/* ---- what a primary says of those who receive from it ---- */

static enum rep_stream_kind kind_of(enum rep_seat seat)
{
    switch (seat) {
    case REP_SEAT_STANDBY:
        return REP_STREAM_STANDBY;
    case REP_SEAT_COPYING:
        return REP_STREAM_COPYING;
    case REP_SEAT_STARTING:
        return REP_STREAM_CONNECTING;
    default:
        return REP_STREAM_BROKEN;
    }
}

/* The host of "db1:27017", "[::1]:27017". */
static char *host_of(const char *name)
{
    const char *colon = strrchr(name, ':');
    size_t length = colon != NULL ? (size_t)(colon - name) : strlen(name);
    if (length > 2 && name[0] == '[' && name[length - 1] == ']')
        return strndup(name + 1, length - 2);
    return strndup(name, length);
}

/* What a member lacks was written after what it has, and both moments are of the primary's clock.
 */
static struct dr_opt_real loss_of(const struct rep_member *member, struct dr_opt_real now)
{
    if (!member->position.known)
        return (struct dr_opt_real){.known = false};
    return age_of(now, dr_real(moment_of(member->position.value)));
}

static bool read_streams(const bson_t *config, struct dr_opt_real now, struct rep_node *node,
                         struct dr_error *error)
{
    rep_streams_free(node->streams, node->stream_count);
    node->streams = NULL;
    node->stream_count = 0;
    for (size_t i = 0; i < node->set.member_count && node->role == REP_ROLE_PRIMARY; i++) {
        const struct rep_member *member = &node->set.members[i];
        if (member->self || member->seat == REP_SEAT_WITNESS || is_arbiter(config, member->name))
            continue;
        struct rep_stream *stream = rep_node_add_stream(node);
        if (stream == NULL)
            return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        stream->name = copy(member->name);
        stream->address = host_of(member->name);
        stream->kind = kind_of(member->seat);
        stream->state = copy(member->state);
        stream->flushed = member->position;
        stream->replayed = member->position;
        stream->reply_age = member->heard;
        stream->loss = loss_of(member, now);
    }
    return true;
}

/* ---- serverStatus ---- */

static void read_version(const bson_t *server, struct rep_node *node)
{
    const char *version = text_at(server, "version");
    char text[64] = "MongoDB";
    if (version != NULL)
        snprintf(text, sizeof text, "MongoDB %s", version);
    replace(&node->product, text);
    node->major = version != NULL ? (int)strtol(version, NULL, 10) : 0;
}

static void read_instance(const bson_t *server, struct rep_node *node)
{
    const char *host = text_at(server, "host");
    struct dr_opt_int pid = whole_at(server, "pid");
    char text[320];
    if (host == NULL || !pid.known)
        return;
    snprintf(text, sizeof text, "%s %lld", host, (long long)pid.value);
    replace(&node->instance, text);
}

static bool read_server(const bson_t *server, struct rep_node *node)
{
    struct dr_opt_int from = position_at(server, "oplog.earliestOptime");
    struct dr_opt_int to = position_at(server, "oplog.latestOptime");
    read_instance(server, node);
    node->kept_from = from;
    if (from.known && to.known && to.value >= from.value)
        node->window = dr_real(moment_of(to.value) - moment_of(from.value));
    if (node->role != REP_ROLE_PRIMARY || node->trait_count > 0 ||
        !is_on(server, "flowControl.enabled") || !is_on(server, "flowControl.isLagged"))
        return true;
    return rep_node_add_trait(node, REP_TRAIT_SLOWED, NULL);
}

/* ---- together ---- */

static bool read_role(const bson_t *status, struct rep_node *node, struct dr_error *error)
{
    struct dr_opt_int state = whole_at(status, "myState");
    if (!state.known)
        return is_missing(error, "myState");
    node->role = state.value == STATE_PRIMARY   ? REP_ROLE_PRIMARY
                 : state.value == STATE_ARBITER ? REP_ROLE_WITNESS
                                                : REP_ROLE_STANDBY;
    return true;
}

bool mongo_read_node(const struct mongo_replies *replies, struct rep_node *node,
                     struct mongo_extra *extra, struct dr_error *error)
{
    const bson_t *status = replies->status;
    node->kind = REP_MONGODB;
    read_version(replies->server, node);
    if (!read_role(status, node, error) || !read_set(status, node, extra, error) ||
        !read_config(replies->config, node, error))
        return false;
    node->unit = REP_MOMENTS;
    node->pause = REP_PAUSE_NONE;
    replace(&node->group, node->set.name);
    replace(&node->application_name, find_self(&node->set)->name);
    count_votes(status, replies->config != NULL, &node->set);
    read_majority(status, &node->set);
    read_positions(status, node, extra);
    read_silence(replies->config, node);
    if (node->role == REP_ROLE_STANDBY) {
        read_receiver(node);
        read_copy(status, node);
    }
    if (node->role == REP_ROLE_PRIMARY && !extra->position.known)
        return is_missing(error, "optime of the primary");
    if (!read_server(replies->server, node))
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    return read_streams(replies->config, extra->server_time, node, error);
}

const char *mongo_set_name(const bson_t *reply)
{
    const char *name = text_at(reply, "set");
    return name != NULL ? name : text_at(reply, "setName");
}

bool mongo_read_arbiter(const bson_t *hello, struct rep_node *node)
{
    if (!is_on(hello, "arbiterOnly") || mongo_set_name(hello) == NULL)
        return false;
    node->kind = REP_MONGODB;
    node->unit = REP_MOMENTS;
    node->pause = REP_PAUSE_NONE;
    node->role = REP_ROLE_WITNESS;
    replace(&node->product, "MongoDB");
    replace(&node->group, mongo_set_name(hello));
    replace(&node->set.name, mongo_set_name(hello));
    replace(&node->application_name, text_at(hello, "me"));
    return true;
}

struct dr_opt_int mongo_read_operation_time(const bson_t *reply)
{
    return position_at(reply, "operationTime");
}
