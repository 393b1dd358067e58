/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/redis_read.h"

#include "common/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool missing(enum dr_redis_key key, struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_PROTOCOL, "the reply to INFO cannot be used: no usable %s",
                        dr_redis_info_names[key]);
}

static bool copy(const char *from, char **into, struct dr_error *error)
{
    free(*into);
    *into = NULL;
    if (from == NULL)
        return true;
    *into = strdup(from);
    return *into != NULL || no_memory(error);
}

static struct dr_opt_int number(const struct dr_redis_info *info, enum dr_redis_key key)
{
    return dr_redis_number(info->values[key]);
}

static struct dr_opt_real seconds(const struct dr_redis_info *info, enum dr_redis_key key)
{
    struct dr_opt_int value = number(info, key);
    if (!value.known || value.value < 0)
        return (struct dr_opt_real){.known = false};
    return dr_real((double)value.value);
}

static bool is_one(const struct dr_redis_info *info, enum dr_redis_key key)
{
    struct dr_opt_int value = number(info, key);
    return value.known && value.value == 1;
}

static bool is_zero(const struct dr_redis_info *info, enum dr_redis_key key)
{
    struct dr_opt_int value = number(info, key);
    return value.known && value.value == 0;
}

static bool is_word(const struct dr_redis_info *info, enum dr_redis_key key, const char *word)
{
    return info->values[key] != NULL && strcmp(info->values[key], word) == 0;
}

/* ---- what stays ---- */

bool redis_read_product(const struct dr_redis_info *info, struct rep_node *node,
                        struct dr_error *error)
{
    /* Valkey says 7.2.4 as redis_version, for clients that ask for it. */
    const char *valkey = info->values[DR_REDIS_VALKEY_VERSION];
    const char *version = valkey != NULL ? valkey : info->values[DR_REDIS_VERSION];
    if (version == NULL)
        return missing(DR_REDIS_VERSION, error);
    char *clean = dr_text_clean(version, 30);
    free(node->product);
    node->kind = REP_REDIS;
    node->product =
        dr_text_format("%s %s", valkey != NULL ? "Valkey" : "Redis", clean != NULL ? clean : "");
    /* Versions replicate with each other, and a newer replica is how they are upgraded: no major
     * version is told that would set them apart. */
    free(clean);
    return node->product != NULL || no_memory(error);
}

static bool read_role(const struct dr_redis_info *info, struct rep_node *node,
                      struct dr_error *error)
{
    if (is_word(info, DR_REDIS_ROLE, "master"))
        node->role = REP_ROLE_PRIMARY;
    else if (is_word(info, DR_REDIS_ROLE, "slave"))
        node->role = REP_ROLE_STANDBY;
    else
        return missing(DR_REDIS_ROLE, error);
    return true;
}

static bool is_up(const struct dr_redis_info *info)
{
    return is_word(info, DR_REDIS_MASTER_LINK_STATUS, "up");
}

/* Over the link, or from its file into memory. */
static bool is_copying(const struct dr_redis_info *info)
{
    return is_one(info, DR_REDIS_MASTER_SYNC_RUNNING) || is_one(info, DR_REDIS_LOADING);
}

/* A replica that has nothing of any primary yet says position 1 and a replication id of its own. */
static bool has_nothing(const struct dr_redis_info *info)
{
    struct dr_opt_int offset = number(info, DR_REDIS_SLAVE_REPL_OFFSET);
    return is_word(info, DR_REDIS_ROLE, "slave") && !is_up(info) && offset.known &&
           offset.value <= 1;
}

static bool read_history(const struct dr_redis_info *info, struct rep_node *node,
                         struct dr_error *error)
{
    const char *id = info->values[DR_REDIS_MASTER_REPLID];
    const char *before = info->values[DR_REDIS_MASTER_REPLID2];
    struct dr_opt_int second = number(info, DR_REDIS_SECOND_OFFSET);
    if (id == NULL)
        return missing(DR_REDIS_MASTER_REPLID, error);
    bool branched =
        before != NULL && strspn(before, "0") != strlen(before) && second.known && second.value > 0;
    /* The second offset is the first position that is no longer the same. */
    node->branched_at = branched ? dr_int(second.value - 1) : (struct dr_opt_int){.known = false};
    return copy(has_nothing(info) && is_copying(info) ? NULL : id, &node->system, error) &&
           copy(branched ? before : NULL, &node->system_before, error);
}

static bool add_trait(struct rep_node *node, enum rep_trait_kind kind, const char *text,
                      struct dr_error *error)
{
    return rep_node_add_trait(node, kind, text) || no_memory(error);
}

/* Without either, a restart of the primary comes back empty, and empties every standby. */
static bool read_persistence(const struct dr_redis_info *info,
                             const struct redis_settings *settings, struct rep_node *node,
                             struct dr_error *error)
{
    struct dr_opt_int aof = number(info, DR_REDIS_AOF_ENABLED);
    if (aof.known && aof.value != 0)
        return true;
    if (settings->save == NULL || !aof.known)
        return add_trait(node, REP_TRAIT_UNREADABLE, aof.known ? "save" : "aof_enabled", error);
    return *settings->save != '\0' || add_trait(node, REP_TRAIT_UNSAVED, NULL, error);
}

static bool read_eviction(const struct dr_redis_info *info, struct rep_node *node,
                          struct dr_error *error)
{
    struct dr_opt_int most = number(info, DR_REDIS_MAXMEMORY);
    const char *policy = info->values[DR_REDIS_MAXMEMORY_POLICY];
    if (!most.known || most.value < 0 || (most.value > 0 && policy == NULL))
        return add_trait(node, REP_TRAIT_UNREADABLE, "maxmemory", error);
    if (most.value == 0 || strcmp(policy, "noeviction") == 0)
        return true;
    char *clean = dr_text_clean(policy, 40);
    bool ok = add_trait(node, REP_TRAIT_EVICTS, clean, error);
    free(clean);
    return ok;
}

/* The number of good replicas is only there where min-replicas-to-write asks for some. */
static bool read_write_safety(const struct dr_redis_info *info,
                              const struct redis_settings *settings, struct rep_node *node,
                              struct dr_error *error)
{
    struct dr_opt_int good = number(info, DR_REDIS_MIN_SLAVES_GOOD);
    char text[60];
    if (!good.known)
        return !(settings->min_replicas.known && settings->min_replicas.value > 0) ||
               add_trait(node, REP_TRAIT_UNREADABLE, "min_slaves_good_slaves", error);
    if (!settings->min_replicas.known)
        return add_trait(node, REP_TRAIT_UNREADABLE, "min-replicas-to-write", error);
    int64_t needed = settings->min_replicas.value;
    snprintf(text, sizeof text, "%lld of %lld", (long long)good.value, (long long)needed);
    if (good.value < needed)
        return add_trait(node, REP_TRAIT_REFUSES, text, error);
    return good.value > needed || add_trait(node, REP_TRAIT_SHORT, text, error);
}

static bool read_traits(const struct dr_redis_info *info, const struct redis_settings *settings,
                        struct rep_node *node, struct dr_error *error)
{
    if (node->role == REP_ROLE_PRIMARY)
        return read_persistence(info, settings, node, error) && read_eviction(info, node, error) &&
               read_write_safety(info, settings, node, error);
    if (is_zero(info, DR_REDIS_SLAVE_READ_ONLY) &&
        !add_trait(node, REP_TRAIT_WRITABLE, NULL, error))
        return false;
    return !is_zero(info, DR_REDIS_REPLICA_ANNOUNCED) ||
           add_trait(node, REP_TRAIT_UNANNOUNCED, NULL, error);
}

bool redis_read_node(const struct dr_redis_info *info, const struct redis_settings *settings,
                     struct rep_node *node, struct dr_error *error)
{
    double ping = settings->ping_period.known ? settings->ping_period.value : REDIS_PING_PERIOD;
    node->unit = REP_BYTES;
    node->pause = REP_PAUSE_NONE;
    node->sender_silence = dr_real(REDIS_ACK_SILENCE);
    /* One ping may be lost behind a burst; the ages are in whole seconds. */
    node->receiver.silence = dr_real(2 * ping + 5);
    return redis_read_product(info, node, error) && read_role(info, node, error) &&
           copy(info->values[DR_REDIS_RUN_ID], &node->instance, error) &&
           read_traits(info, settings, node, error);
}

#define SLOTS 16384

bool redis_read_cluster_health(const struct dr_redis_info *info, struct rep_node *node,
                               struct dr_error *error)
{
    struct dr_opt_int served = number(info, DR_REDIS_CLUSTER_OK);
    const char *state = info->values[DR_REDIS_CLUSTER_STATE];
    char text[100];
    if (state == NULL)
        return missing(DR_REDIS_CLUSTER_STATE, error);
    if (!served.known)
        return missing(DR_REDIS_CLUSTER_OK, error);
    if (strcmp(state, "ok") == 0 && served.value == SLOTS)
        return true;
    snprintf(text, sizeof text, "cluster_state %.20s, %lld of %d slots are served", state,
             (long long)served.value, SLOTS);
    return add_trait(node, REP_TRAIT_DEGRADED, text, error);
}

/* ---- what a primary sees of its replicas ---- */

/* A client that told no port to be reached at is no server: redis-cli --rdb, a copying tool. */
static enum rep_stream_kind kind_of(const char *state, bool server)
{
    if (state != NULL && strcmp(state, "online") == 0)
        return server ? REP_STREAM_STANDBY : REP_STREAM_RECEIVER;
    return server ? REP_STREAM_COPYING : REP_STREAM_BACKUP;
}

static bool read_replica(const char *text, struct rep_node *node, struct dr_error *error)
{
    struct rep_stream *stream = rep_node_add_stream(node);
    if (stream == NULL)
        return no_memory(error);
    char *port_text = dr_redis_pair(text, "port");
    char *offset_text = dr_redis_pair(text, "offset");
    char *lag_text = dr_redis_pair(text, "lag");
    struct dr_opt_int port = dr_redis_number(port_text);
    struct dr_opt_int offset = dr_redis_number(offset_text);
    struct dr_opt_int lag = dr_redis_number(lag_text);
    free(port_text);
    free(offset_text);
    free(lag_text);
    stream->address = dr_redis_pair(text, "ip");
    stream->state = dr_redis_pair(text, "state");
    if (stream->address == NULL || stream->state == NULL || !port.known || port.value < 0 ||
        port.value > 65535)
        return dr_error_set(
            error, DR_ERR_PROTOCOL,
            "the reply to INFO cannot be used: a replica without ip, port or state");
    stream->name = dr_redis_address(stream->address, (int)port.value);
    stream->kind = kind_of(stream->state, port.value > 0);
    /* Of one that is not online yet both are no more than a beginning. */
    if (strcmp(stream->state, "online") == 0) {
        if (!offset.known || !lag.known)
            return dr_error_set(
                error, DR_ERR_PROTOCOL,
                "the reply to INFO cannot be used: a replica without offset or lag");
        stream->flushed = stream->replayed = offset;
        stream->reply_age = dr_real((double)lag.value);
    }
    return stream->name != NULL || no_memory(error);
}

static bool read_replicas(const struct dr_redis_info *info, struct rep_node *node,
                          struct dr_error *error)
{
    struct dr_opt_int connected = number(info, DR_REDIS_CONNECTED_SLAVES);
    if (!connected.known)
        return missing(DR_REDIS_CONNECTED_SLAVES, error);
    rep_streams_free(node->streams, node->stream_count);
    node->streams = NULL;
    node->stream_count = 0;
    for (size_t i = 0; i < info->replica_count; i++) {
        if (!read_replica(info->replicas[i], node, error))
            return false;
    }
    /* One that is in a state without a name (its copy was sent, and it is no replica yet) is
     * counted and not listed. */
    int64_t listed = (int64_t)info->replica_count;
    if (connected.value < listed)
        return missing(DR_REDIS_CONNECTED_SLAVES, error);
    for (; listed < connected.value && listed < (int64_t)info->replica_count + 16; listed++) {
        struct rep_stream *stream = rep_node_add_stream(node);
        if (stream == NULL)
            return no_memory(error);
        stream->kind = REP_STREAM_CONNECTING;
        stream->name = strdup("a replica that is not listed");
    }
    return true;
}

/* ---- the link of a replica ---- */

/* A link that was never up is down since -1, and before Redis 7 since 1970. */
#define NEVER 1000000000

/* A full copy comes over the link, and is then read into memory; a replica that starts reads its
 * own. In all of them it is no use yet. */
static void read_copy(const struct dr_redis_info *info, struct rep_copy *copying)
{
    struct dr_opt_int total = number(info, DR_REDIS_MASTER_SYNC_TOTAL);
    struct dr_opt_int left = number(info, DR_REDIS_MASTER_SYNC_LEFT);
    *copying = (struct rep_copy){.running = dr_bool(is_copying(info))};
    /* A copy without a file has no size. */
    if (is_one(info, DR_REDIS_MASTER_SYNC_RUNNING) && total.known && total.value > 0 &&
        left.known && left.value >= 0 && left.value <= total.value) {
        copying->left = left;
        copying->done = dr_real(1 - (double)left.value / (double)total.value);
    }
    if (is_one(info, DR_REDIS_LOADING))
        copying->eta = seconds(info, DR_REDIS_LOADING_ETA);
}

static bool read_link(const struct dr_redis_info *info, struct rep_node *node,
                      struct dr_error *error)
{
    struct rep_receiver *receiver = &node->receiver;
    bool up = is_up(info);
    if (!up && !is_word(info, DR_REDIS_MASTER_LINK_STATUS, "down"))
        return missing(DR_REDIS_MASTER_LINK_STATUS, error);
    read_copy(info, &node->copying);
    struct dr_opt_int down = number(info, DR_REDIS_MASTER_LINK_DOWN_SINCE);
    if (down.known && down.value >= NEVER)
        down.value = -1;
    receiver->running = dr_bool(up);
    receiver->never = dr_bool(!up && !is_copying(info) &&
                              ((down.known && down.value == -1) || has_nothing(info)));
    bool dated = !up && down.known && down.value >= 0;
    receiver->down_age = dated ? dr_real((double)down.value) : (struct dr_opt_real){.known = false};
    receiver->message_age = seconds(info, DR_REDIS_MASTER_LAST_IO);
    if (up && !receiver->message_age.known)
        return missing(DR_REDIS_MASTER_LAST_IO, error);
    struct dr_opt_int port = number(info, DR_REDIS_MASTER_PORT);
    const char *host = info->values[DR_REDIS_MASTER_HOST];
    free(receiver->sender);
    receiver->sender = host != NULL && port.known ? dr_redis_address(host, (int)port.value) : NULL;
    return copy(info->values[DR_REDIS_MASTER_LINK_STATUS], &receiver->status, error);
}

static bool read_standby(const struct dr_redis_info *info, struct rep_node *node,
                         struct dr_error *error)
{
    struct dr_opt_int offset = number(info, DR_REDIS_SLAVE_REPL_OFFSET);
    if (!offset.known)
        return missing(DR_REDIS_SLAVE_REPL_OFFSET, error);
    if (has_nothing(info) && is_copying(info))
        offset.known = false;
    node->received = node->replayed = offset;
    return read_link(info, node, error);
}

bool redis_read_progress(const struct dr_redis_info *info, struct rep_node *node, int64_t *position,
                         struct dr_error *error)
{
    enum rep_role before = node->role;
    if (!read_role(info, node, error))
        return false;
    if (node->role != before)
        return dr_error_set(error, DR_ERR_SERVER, "its role changed while it was looked at");
    struct dr_opt_int offset = number(info, DR_REDIS_MASTER_REPL_OFFSET);
    if (!offset.known)
        return missing(DR_REDIS_MASTER_REPL_OFFSET, error);
    *position = offset.value;
    struct dr_opt_int first = number(info, DR_REDIS_BACKLOG_FIRST);
    bool kept = is_one(info, DR_REDIS_BACKLOG_ACTIVE) && first.known && first.value > 0;
    /* A standby asks for the byte after the last one that it has. */
    node->kept_from = kept ? dr_int(first.value - 1) : (struct dr_opt_int){.known = false};
    node->kept_size =
        kept ? number(info, DR_REDIS_BACKLOG_SIZE) : (struct dr_opt_int){.known = false};
    return read_history(info, node, error) && read_replicas(info, node, error) &&
           (node->role == REP_ROLE_PRIMARY || read_standby(info, node, error));
}
