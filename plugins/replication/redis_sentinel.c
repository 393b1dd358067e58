/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/redis_sentinel.h"

#include "common/buffer.h"
#include "plugins/replication/redis_read.h"

#include <stdlib.h>
#include <string.h>

/* sentinel.c, milliseconds: a replica that did not answer five pings, or whose INFO is older than
 * three periods (five seconds while the primary is down), is not chosen. */
#define PING_TOO_OLD 5000
#define INFO_TOO_OLD 30000
#define INFO_TOO_OLD_IN_FAILOVER 5000

const char *redis_field(const redisReply *reply, const char *name)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return NULL;
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const redisReply *key = reply->element[i];
        const redisReply *value = reply->element[i + 1];
        if (key->type == REDIS_REPLY_STRING && value->type == REDIS_REPLY_STRING &&
            strcmp(key->str, name) == 0)
            return *value->str != '\0' ? value->str : NULL;
    }
    return NULL;
}

static struct dr_opt_int number(const redisReply *reply, const char *name)
{
    return dr_redis_number(redis_field(reply, name));
}

static bool missing(const char *name, struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_PROTOCOL, "the Sentinel's reply cannot be used: no usable %s",
                        name);
}

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool has_flag(const redisReply *reply, const char *flag)
{
    const char *flags = redis_field(reply, "flags");
    size_t length = strlen(flag);
    while (flags != NULL && *flags != '\0') {
        size_t size = strcspn(flags, ",");
        if (size == length && strncmp(flags, flag, length) == 0)
            return true;
        flags += size + (flags[size] == ',' ? 1 : 0);
    }
    return false;
}

static bool is_down(const redisReply *reply)
{
    return has_flag(reply, "s_down") || has_flag(reply, "o_down");
}

static struct dr_opt_real age(struct dr_opt_int milliseconds)
{
    if (!milliseconds.known || milliseconds.value < 0)
        return (struct dr_opt_real){.known = false};
    return dr_real((double)milliseconds.value / 1000);
}

/* Name, address and flags are what every entry has. */
static struct rep_member *add_member(struct rep_set *set, const redisReply *reply,
                                     enum rep_seat seat, struct dr_error *error)
{
    const char *host = redis_field(reply, "ip");
    const char *flags = redis_field(reply, "flags");
    struct dr_opt_int port = number(reply, "port");
    if (host == NULL || flags == NULL || !port.known || port.value < 1 || port.value > 65535) {
        missing(host == NULL ? "ip" : flags == NULL ? "flags" : "port", error);
        return NULL;
    }
    struct rep_member *member = rep_set_add_member(set);
    if (member == NULL) {
        no_memory(error);
        return NULL;
    }
    member->name = dr_redis_address(host, (int)port.value);
    member->state = dr_text_clean(flags, 100);
    member->seat = is_down(reply) ? REP_SEAT_DOWN : seat;
    member->dataless = seat == REP_SEAT_WITNESS;
    member->heard = age(number(reply, "last-ok-ping-reply"));
    if (member->name == NULL || member->state == NULL) {
        no_memory(error);
        return NULL;
    }
    return member;
}

/* ---- who would be chosen ---- */

/* Why Sentinel would not choose it now; NULL: it would. Those that are down have their seat for
 * that, and priority 0 its own field. */
static const char *bar_of(const redisReply *replica, const redisReply *primary)
{
    struct dr_opt_int ping = number(replica, "last-ok-ping-reply");
    struct dr_opt_int refresh = number(replica, "info-refresh");
    struct dr_opt_int link_down = number(replica, "master-link-down-time");
    struct dr_opt_int patience = number(primary, "down-after-milliseconds");
    struct dr_opt_int primary_down = number(primary, "s-down-time");
    bool failover = has_flag(primary, "s_down");
    if (has_flag(replica, "disconnected"))
        return "the Sentinel has no connection to it";
    int64_t info_limit = failover ? INFO_TOO_OLD_IN_FAILOVER : INFO_TOO_OLD;
    if (ping.known && ping.value > PING_TOO_OLD)
        return "did not answer the Sentinel's pings";
    if (refresh.known && (refresh.value == 0 || refresh.value > info_limit))
        return "the Sentinel's view of it is too old";
    double limit = patience.known ? (double)patience.value * 10 : 0;
    if (failover && primary_down.known)
        limit += (double)primary_down.value;
    if (patience.known && link_down.known && (double)link_down.value > limit)
        return "its link to the primary has been down for too long";
    return NULL;
}

static bool add_replica(struct rep_set *set, const redisReply *reply, const redisReply *primary,
                        struct dr_error *error)
{
    struct rep_member *member = add_member(set, reply, REP_SEAT_STANDBY, error);
    if (member == NULL)
        return false;
    struct dr_opt_int priority = number(reply, "slave-priority");
    struct dr_opt_int upstream = number(reply, "master-port");
    const char *host = redis_field(reply, "master-host");
    if (!priority.known)
        return missing("slave-priority", error);
    member->priority = dr_real((double)priority.value);
    member->votes = dr_int(0);
    /* 0 until its first INFO was read. */
    struct dr_opt_int position = number(reply, "slave-repl-offset");
    if (position.known && position.value > 0)
        member->position = position;
    if (host != NULL && *host != '?' && upstream.known)
        member->upstream = dr_redis_address(host, (int)upstream.value);
    const char *bar = bar_of(reply, primary);
    if (bar != NULL && (member->bar = strdup(bar)) == NULL)
        return no_memory(error);
    return true;
}

/* ---- the Sentinels ---- */

static bool add_sentinels(struct rep_set *set, const redisReply *sentinels, struct dr_error *error)
{
    int64_t usable = 1; /* the one that tells */
    for (size_t i = 0; i < sentinels->elements; i++) {
        struct rep_member *member = add_member(set, sentinels->element[i], REP_SEAT_WITNESS, error);
        if (member == NULL)
            return false;
        member->votes = dr_int(1);
        if (!is_down(sentinels->element[i]))
            usable++;
    }
    set->present = dr_int(usable);
    return true;
}

static bool read_votes(const redisReply *primary, struct rep_set *set, struct dr_error *error)
{
    struct dr_opt_int others = number(primary, "num-other-sentinels");
    struct dr_opt_int quorum = number(primary, "quorum");
    if (!others.known || others.value < 0 || others.value > INT32_MAX)
        return missing("num-other-sentinels", error);
    if (!quorum.known)
        return missing("quorum", error);
    /* A failover is agreed on by the quorum, and authorised by a majority of all. */
    int64_t majority = (others.value + 1) / 2 + 1;
    set->votes = dr_int(others.value + 1);
    set->needed = dr_int(quorum.value > majority ? quorum.value : majority);
    set->term = number(primary, "config-epoch");
    return true;
}

static bool read_quorum(const redisReply *quorum, struct rep_set *set, struct dr_error *error)
{
    bool answered = quorum->type == REDIS_REPLY_STATUS || quorum->type == REDIS_REPLY_STRING;
    bool refused = quorum->type == REDIS_REPLY_ERROR && strncmp(quorum->str, "NOQUORUM", 8) == 0;
    if (!answered && !refused)
        return true;
    set->can_elect = dr_bool(answered);
    if (answered)
        return true;
    const char *text = quorum->str + 8;
    set->obstacle = dr_text_clean(text + strspn(text, " "), 200);
    return set->obstacle != NULL || no_memory(error);
}

static bool are_lists(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY;
}

bool redis_read_set(const struct redis_sentinel_replies *replies, struct rep_set *set,
                    struct dr_error *error)
{
    const char *name = redis_field(replies->primary, "name");
    struct dr_opt_int known = number(replies->primary, "num-slaves");
    if (name == NULL)
        return missing("name", error);
    if (!are_lists(replies->replicas) || !are_lists(replies->sentinels))
        return missing("list", error);
    set->name = dr_text_clean(name, 60);
    set->lower_first = true;
    if (set->name == NULL)
        return no_memory(error);
    struct rep_member *primary = add_member(set, replies->primary, REP_SEAT_PRIMARY, error);
    if (primary == NULL)
        return false;
    primary->votes = dr_int(0);
    for (size_t i = 0; i < replies->replicas->elements; i++) {
        if (!add_replica(set, replies->replicas->element[i], replies->primary, error))
            return false;
    }
    if (!known.known)
        return missing("num-slaves", error);
    return read_votes(replies->primary, set, error) &&
           add_sentinels(set, replies->sentinels, error) &&
           read_quorum(replies->quorum, set, error);
}
