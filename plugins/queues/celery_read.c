/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/celery_read.h"

#include "common/buffer.h"
#include "common/client/json_read.h"
#include "common/moment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_MAX 100
#define SEP_MAX 20
#define STEP_MAX 255

/* ---- names ---- */

static bool read_steps(const char *text, struct que_celery_names *names, struct dr_error *error)
{
    const char *at = text;
    names->step_count = 0;
    for (;;) {
        char *end;
        long step = strtol(at, &end, 10);
        bool digits = strspn(at, "0123456789") > 0;
        if (!digits || step > STEP_MAX || (*end != ',' && *end != '\0') ||
            names->step_count == QUE_STEPS_MAX)
            return dr_error_set(error, DR_ERR_USAGE,
                                "priority_steps: \"%.60s\" are not up to %d numbers from 0 to %d "
                                "with commas between them",
                                text, QUE_STEPS_MAX, STEP_MAX);
        names->steps[names->step_count++] = (int)step;
        if (*end == '\0')
            return true;
        at = end + 1;
    }
}

bool que_celery_names_read(const struct dr_uri *uri, struct que_celery_names *names,
                           struct dr_error *error)
{
    const char *prefix = dr_uri_param(uri, "prefix");
    const char *sep = dr_uri_param(uri, "sep");
    const char *steps = dr_uri_param(uri, "priority_steps");
    *names = (struct que_celery_names){.prefix = prefix != NULL ? prefix : "",
                                       .sep = sep != NULL ? sep : "\x06\x16"};
    if (strlen(names->prefix) > PREFIX_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "prefix: longer than %d characters", PREFIX_MAX);
    if (*names->sep == '\0' || strlen(names->sep) > SEP_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "sep: not 1 to %d characters", SEP_MAX);
    return read_steps(steps != NULL ? steps : "0,3,6,9", names, error);
}

char *que_celery_list(const struct que_celery_names *names, const char *queue, int step)
{
    if (step == 0)
        return que_celery_key(names, queue);
    return dr_text_format("%s%s%s%d", names->prefix, queue, names->sep, step);
}

char *que_celery_key(const struct que_celery_names *names, const char *key)
{
    return dr_text_format("%s%s", names->prefix, key);
}

char *que_celery_pattern(const struct que_celery_names *names)
{
    struct dr_buffer pattern = DR_BUFFER(2 * PREFIX_MAX + sizeof QUE_CELERY_BINDING + 1);
    for (const char *c = names->prefix; *c != '\0'; c++) {
        if (strchr("*?[]\\^-", *c) != NULL)
            dr_buffer_add_char(&pattern, '\\');
        dr_buffer_add_char(&pattern, *c);
    }
    dr_buffer_add(&pattern, QUE_CELERY_BINDING "*");
    return dr_buffer_take(&pattern);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0;
}

/* The control mailboxes, replies to them, and events. */
static bool holds_tasks(const char *exchange, const char *queue)
{
    return *queue != '\0' && !ends_with(exchange, ".pidbox") && !ends_with(queue, ".pidbox") &&
           strcmp(exchange, "celeryev") != 0 && strncmp(queue, "celeryev.", 9) != 0;
}

bool que_celery_binding(const struct que_celery_names *names, const char *exchange,
                        const char *member, char queue[QUE_NAME_MAX + 1])
{
    const char *at = member;
    for (int field = 0; field < 2; field++) {
        at = strstr(at, names->sep);
        if (at == NULL)
            return false;
        at += strlen(names->sep);
    }
    if (strlen(at) > QUE_NAME_MAX || !holds_tasks(exchange, at))
        return false;
    snprintf(queue, QUE_NAME_MAX + 1, "%s", at);
    return true;
}

/* ---- the store ---- */

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

/* ---- messages ---- */

/* What is wanted of an envelope; "" where it is not there. */
struct envelope {
    char tag[QUE_NAME_MAX + 1];
    char id[QUE_NAME_MAX + 1];
    char eta[64];
    bool task; /* headers.task is there: protocol 2 */
};

static void read_headers(struct dr_json *reader, struct envelope *envelope)
{
    char name[16];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "id") == 0) {
            dr_json_text(reader, envelope->id, sizeof envelope->id);
        } else if (strcmp(name, "eta") == 0) {
            dr_json_text(reader, envelope->eta, sizeof envelope->eta);
        } else {
            envelope->task = envelope->task || strcmp(name, "task") == 0;
            dr_json_skip(reader);
        }
    }
}

static void read_properties(struct dr_json *reader, struct envelope *envelope)
{
    char name[16];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "delivery_tag") == 0)
            dr_json_text(reader, envelope->tag, sizeof envelope->tag);
        else
            dr_json_skip(reader);
    }
}

static void read_message(struct dr_json *reader, struct envelope *envelope)
{
    char name[16];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "headers") == 0)
            read_headers(reader, envelope);
        else if (strcmp(name, "properties") == 0)
            read_properties(reader, envelope);
        else
            dr_json_skip(reader);
    }
}

/* FNV-1a: only told from others, never kept from an attacker. */
static uint64_t hash(const char *text)
{
    uint64_t value = UINT64_C(14695981039346656037);
    for (; *text != '\0'; text++)
        value = (value ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return value != 0 ? value : 1;
}

uint64_t que_celery_read_head(const char *message)
{
    struct envelope envelope = {.task = false};
    struct dr_json reader = dr_json_start(message);
    read_message(&reader, &envelope);
    if (!dr_json_end(&reader, NULL))
        return 0;
    const char *text = *envelope.tag != '\0' ? envelope.tag : envelope.id;
    return *text != '\0' ? hash(text) : 0;
}

/* Celery sends through the exchange without a name, whose routing key is the queue, or through one
 * that is called like the queue. For any other the bindings decide, which can be changed since. */
static void take_origin(struct que_celery_task *task, const char *exchange, const char *key)
{
    if (*exchange == '\0' || strcmp(exchange, key) == 0)
        snprintf(task->queue, sizeof task->queue, "%s", key);
}

struct que_celery_task que_celery_read_task(const char *entry)
{
    struct envelope envelope = {.task = false};
    struct que_celery_task task = {.readable = false};
    char exchange[QUE_NAME_MAX + 1];
    char key[QUE_NAME_MAX + 1];
    bool named = false;
    struct dr_json reader = dr_json_start(entry);
    bool list = dr_json_array(&reader);
    for (size_t i = 0; list && dr_json_item(&reader); i++) {
        if (i == 0)
            read_message(&reader, &envelope);
        else if (i == 1)
            named = dr_json_text(&reader, exchange, sizeof exchange);
        else if (i == 2 && dr_json_text(&reader, key, sizeof key) && named)
            take_origin(&task, exchange, key);
        else if (i > 2)
            dr_json_skip(&reader);
    }
    task.eta = dr_moment_read(envelope.eta);
    task.readable =
        dr_json_end(&reader, NULL) && envelope.task && (*envelope.eta == '\0' || task.eta.known);
    return task.readable ? task : (struct que_celery_task){.readable = false};
}
