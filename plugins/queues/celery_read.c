/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/celery_read.h"

#include "common/buffer.h"

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

static struct dr_opt_int number(const struct dr_redis_info *info, enum dr_redis_key key)
{
    struct dr_opt_int value = dr_redis_number(info->values[key]);
    return value.known && value.value >= 0 ? value : (struct dr_opt_int){.known = false};
}

static struct dr_opt_bool is_word(const struct dr_redis_info *info, enum dr_redis_key key,
                                  const char *word)
{
    if (info->values[key] == NULL)
        return (struct dr_opt_bool){.known = false};
    return dr_bool(strcmp(info->values[key], word) == 0);
}

static bool read_version(const struct dr_redis_info *info, struct que_store *store,
                         struct dr_error *error)
{
    /* Valkey says 7.2.4 as redis_version, for clients that ask for it. */
    const char *valkey = info->values[DR_REDIS_VALKEY_VERSION];
    if (valkey == NULL && info->values[DR_REDIS_VERSION] == NULL)
        return missing(DR_REDIS_VERSION, error);
    char *clean = dr_text_clean(valkey != NULL ? valkey : info->values[DR_REDIS_VERSION], 30);
    store->version =
        clean == NULL ? NULL : dr_text_format("%s%s", valkey != NULL ? "Valkey " : "", clean);
    free(clean);
    return store->version != NULL || no_memory(error);
}

static bool read_upstream(const struct dr_redis_info *info, struct que_store *store,
                          struct dr_error *error)
{
    struct dr_opt_int port = number(info, DR_REDIS_MASTER_PORT);
    if (store->primary)
        return true;
    store->upstream_up = is_word(info, DR_REDIS_MASTER_LINK_STATUS, "up");
    if (info->values[DR_REDIS_MASTER_HOST] == NULL || !port.known || port.value > 65535)
        return true;
    char *address = dr_redis_address(info->values[DR_REDIS_MASTER_HOST], (int)port.value);
    store->upstream = dr_text_clean(address, 300);
    free(address);
    return store->upstream != NULL || no_memory(error);
}

/* A client that told no port to be reached at is no server: redis-cli --rdb, a copying tool. */
static bool read_replica(const char *text, struct dr_opt_int position, struct que_store *store,
                         struct dr_error *error)
{
    char *ip = dr_redis_pair(text, "ip");
    char *state = dr_redis_pair(text, "state");
    char *port_text = dr_redis_pair(text, "port");
    char *offset_text = dr_redis_pair(text, "offset");
    char *lag_text = dr_redis_pair(text, "lag");
    struct dr_opt_int port = dr_redis_number(port_text);
    struct dr_opt_int offset = dr_redis_number(offset_text);
    struct dr_opt_int lag = dr_redis_number(lag_text);
    bool ok = true;
    if (ip == NULL || state == NULL || !port.known || port.value < 0 || port.value > 65535) {
        store->replicas_known = false;
    } else if (port.value > 0) {
        struct que_replica *replica = &store->replicas[store->replica_count];
        char *address = dr_redis_address(ip, (int)port.value);
        replica->address = dr_text_clean(address, 300);
        free(address);
        replica->online = strcmp(state, "online") == 0;
        /* Of one that is not online both are no more than a beginning. */
        if (replica->online && offset.known && position.known)
            replica->behind =
                dr_int(position.value > offset.value ? position.value - offset.value : 0);
        if (replica->online && lag.known && lag.value >= 0)
            replica->age = dr_real((double)lag.value);
        ok = replica->address != NULL || no_memory(error);
        store->replica_count += ok ? 1 : 0;
    }
    free(ip);
    free(state);
    free(port_text);
    free(offset_text);
    free(lag_text);
    return ok;
}

/* One that is in a state without a name (its copy was sent, and it is no replica yet) is counted
 * and not listed: it is not online. */
static bool read_replicas(const struct dr_redis_info *info, struct que_store *store,
                          struct dr_error *error)
{
    struct dr_opt_int connected = number(info, DR_REDIS_CONNECTED_SLAVES);
    struct dr_opt_int position = number(info, DR_REDIS_MASTER_REPL_OFFSET);
    store->replicas_known = connected.known && connected.value >= (int64_t)info->replica_count;
    store->replicas = calloc(info->replica_count + 1, sizeof *store->replicas);
    if (store->replicas == NULL)
        return no_memory(error);
    for (size_t i = 0; i < info->replica_count; i++) {
        if (!read_replica(info->replicas[i], position, store, error))
            return false;
    }
    return true;
}

/* A server that was never told to save calls its start the last save: that is no snapshot. Since
 * 7.0 it counts them. */
static void read_snapshot(const struct dr_redis_info *info, double now, struct que_store *store)
{
    struct dr_opt_int at = number(info, DR_REDIS_RDB_SAVED_AT);
    struct dr_opt_int saves = number(info, DR_REDIS_RDB_SAVES);
    struct dr_opt_int uptime = number(info, DR_REDIS_UPTIME);
    bool started = !uptime.known || (double)at.value <= now - (double)uptime.value + 1;
    store->snapshot_ok = is_word(info, DR_REDIS_RDB_STATUS, "ok");
    store->snapshot_after = number(info, DR_REDIS_RDB_CHANGES);
    if (!at.known || (saves.known ? saves.value == 0 : started))
        return;
    double age = now - (double)at.value;
    store->snapshot_age = dr_real(age > 0 ? age : 0);
}

static void read_persistence(const struct dr_redis_info *info, double now, struct que_store *store)
{
    struct dr_opt_int on = number(info, DR_REDIS_AOF_ENABLED);
    if (on.known)
        store->append_only = dr_bool(on.value != 0);
    if (on.known && on.value != 0)
        store->append_ok = is_word(info, DR_REDIS_AOF_WRITE_STATUS, "ok");
    read_snapshot(info, now, store);
}

static bool read_memory(const struct dr_redis_info *info, struct que_store *store,
                        struct dr_error *error)
{
    store->memory_used = number(info, DR_REDIS_MEMORY);
    store->memory_limit = number(info, DR_REDIS_MAXMEMORY);
    store->evicted = number(info, DR_REDIS_EVICTED);
    if (info->values[DR_REDIS_MAXMEMORY_POLICY] == NULL)
        return true;
    store->eviction = dr_text_clean(info->values[DR_REDIS_MAXMEMORY_POLICY], 40);
    return store->eviction != NULL || no_memory(error);
}

bool que_celery_read_store(const struct dr_redis_info *info, double now, struct que_store *store,
                           struct dr_error *error)
{
    struct dr_opt_bool primary = is_word(info, DR_REDIS_ROLE, "master");
    struct dr_opt_bool replica = is_word(info, DR_REDIS_ROLE, "slave");
    struct dr_opt_int loading = number(info, DR_REDIS_LOADING);
    if (!primary.known || primary.value == replica.value)
        return missing(DR_REDIS_ROLE, error);
    store->primary = primary.value;
    store->loading = loading.known && loading.value != 0;
    read_persistence(info, now, store);
    return read_version(info, store, error) && read_upstream(info, store, error) &&
           read_replicas(info, store, error) && read_memory(info, store, error);
}
