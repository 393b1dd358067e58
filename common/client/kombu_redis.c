/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/kombu_redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SCAN looks at so many keys at a time, which holds up the server for a millisecond or less. */
#define SCAN_KEYS "1000"
#define SCAN_ROUNDS 2000
/* Messages are as large as their senders made them. */
#define TASK_BYTES (256 * 1024)
#define TASKS_BYTES (1024 * 1024)

static bool no_memory(const struct dr_redis *redis)
{
    return dr_error_set(redis->stream.error, DR_ERR_INTERNAL, "out of memory");
}

bool dr_kombu_add(struct dr_redis *redis, const char *command, char *key, const char *more,
                  const char *last)
{
    const char *words[] = {command, key, more, last};
    size_t count = more == NULL ? 2 : last == NULL ? 3 : 4;
    bool ok = key != NULL ? dr_redis_add(redis, count, words) : no_memory(redis);
    free(key);
    return ok;
}

bool dr_kombu_count(const struct dr_redis *redis, const char *command, const redisReply *reply,
                    long long *count)
{
    *count = reply->integer;
    if (reply->type != REDIS_REPLY_INTEGER)
        return dr_redis_fail(redis, command, reply);
    return *count >= 0 || dr_error_set(redis->stream.error, DR_ERR_PROTOCOL,
                                       "the reply to %s cannot be used: %lld", command, *count);
}

/* ---- which queues ---- */

bool dr_kombu_read_members(const struct dr_redis *redis, const struct dr_kombu_names *names,
                           const char *exchange, const redisReply *reply, dr_kombu_found *found,
                           void *context)
{
    char queue[DR_KOMBU_NAME_MAX + 1];
    bool ok = true;
    /* What was deleted meanwhile is an empty set; what is no set is none of kombu's. */
    for (size_t i = 0; ok && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const char *member = reply->element[i]->str;
        if (member != NULL && dr_kombu_binding(names, exchange, member, queue))
            ok = found(context, queue);
    }
    return ok && (reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "WRONGTYPE", 9) == 0 ||
                  dr_redis_fail(redis, "SMEMBERS", reply));
}

/* A search for the queues. */
struct search {
    struct dr_redis *redis;
    const struct dr_kombu_names *names;
    dr_kombu_found *found;
    void *context;
};

/* Whose names are the elements of `keys`. */
static bool read_bindings(const struct search *search, const redisReply *keys, size_t from,
                          size_t count)
{
    redisReply *replies[DR_KOMBU_BATCH];
    size_t skip = strlen(search->names->prefix) + sizeof DR_KOMBU_BINDING - 1;
    for (size_t i = 0; i < count; i++) {
        const redisReply *key = keys->element[from + i];
        if (key->type != REDIS_REPLY_STRING || strlen(key->str) < skip)
            return dr_error_set(search->redis->stream.error, DR_ERR_PROTOCOL,
                                "the reply to SCAN cannot be used");
        const char *words[] = {"SMEMBERS", key->str};
        if (!dr_redis_add(search->redis, 2, words))
            return false;
    }
    if (!dr_redis_talk(search->redis, "read the bindings", replies, count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok =
            dr_kombu_read_members(search->redis, search->names, keys->element[from + i]->str + skip,
                                  replies[i], search->found, search->context);
    dr_redis_free_replies(replies, count);
    return ok;
}

/* One round of SCAN; *cursor is "0" after the last one. */
static bool read_scan(const struct search *search, const redisReply *reply, char *cursor,
                      size_t size)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_ARRAY || strlen(reply->element[0]->str) >= size)
        return dr_redis_fail(search->redis, "SCAN", reply);
    const redisReply *keys = reply->element[1];
    snprintf(cursor, size, "%s", reply->element[0]->str);
    for (size_t i = 0; i < keys->elements; i += DR_KOMBU_BATCH) {
        size_t left = keys->elements - i;
        if (!read_bindings(search, keys, i, left < DR_KOMBU_BATCH ? left : DR_KOMBU_BATCH))
            return false;
    }
    return true;
}

static bool scan_round(const struct search *search, const char *pattern, char *cursor, size_t size)
{
    redisReply *reply;
    const char *words[] = {"SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_KEYS};
    if (!dr_redis_add(search->redis, sizeof words / sizeof words[0], words) ||
        !dr_redis_talk(search->redis, "search for the queues", &reply, 1))
        return false;
    bool ok = read_scan(search, reply, cursor, size);
    freeReplyObject(reply);
    return ok;
}

bool dr_kombu_search(struct dr_redis *redis, const struct dr_kombu_names *names, double seconds,
                     dr_kombu_found *found, void *context, bool *complete)
{
    const struct search search = {
        .redis = redis, .names = names, .found = found, .context = context};
    char cursor[24] = "0";
    double until = dr_monotonic() + seconds;
    char *pattern = dr_kombu_pattern(names);
    bool ok = pattern != NULL || no_memory(redis);
    *complete = false;
    for (size_t i = 0; ok && !*complete && i < SCAN_ROUNDS && dr_monotonic() < until; i++) {
        ok = scan_round(&search, pattern, cursor, sizeof cursor);
        *complete = strcmp(cursor, "0") == 0;
    }
    free(pattern);
    return ok;
}

/* ---- tasks in flight ---- */

/* Where the tasks of a flight go. */
struct landing {
    struct dr_redis *redis;
    struct dr_kombu_flight *flight;
    dr_kombu_flown *flown;
    void *context;
};

double dr_kombu_delivered(const struct dr_kombu_flight *flight, size_t i)
{
    const char *text = flight->index->element[2 * i + 1]->str;
    return text != NULL ? strtod(text, NULL) : 0;
}

static const char *tag_of(const struct dr_kombu_flight *flight, size_t i)
{
    const char *tag = flight->index->element[2 * i]->str;
    return tag != NULL ? tag : "";
}

/* Lengths of the next `count` tasks; 0: acknowledged meanwhile. */
static bool ask_lengths(const struct landing *landing, const struct dr_kombu_names *names,
                        size_t count, long long *lengths)
{
    redisReply *replies[DR_KOMBU_FLIGHT_BATCH];
    for (size_t i = 0; i < count; i++) {
        const char *tag = tag_of(landing->flight, landing->flight->taken + i);
        if (!dr_kombu_add(landing->redis, "HSTRLEN", dr_kombu_key(names, "unacked"), tag, NULL))
            return false;
    }
    if (!dr_redis_talk(landing->redis, "measure the tasks in flight", replies, count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = dr_kombu_count(landing->redis, "HSTRLEN", replies[i], &lengths[i]);
    dr_redis_free_replies(replies, count);
    return ok;
}

static bool read_task(const struct landing *landing, double delivered, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_NIL)
        return true;
    if (reply->type != REDIS_REPLY_STRING)
        return dr_redis_fail(landing->redis, "HGET", reply);
    struct dr_kombu_task task = dr_kombu_read_task(reply->str);
    landing->flown(landing->context, delivered, task.readable ? &task : NULL);
    return true;
}

/* Which of them are small enough to be read: their places in the index; returns how many. */
static size_t choose_tasks(const struct landing *landing, const long long *lengths, size_t count,
                           size_t *chosen)
{
    struct dr_kombu_flight *flight = landing->flight;
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] <= 0)
            continue;
        if (lengths[i] > TASK_BYTES || flight->bytes + (size_t)lengths[i] > TASKS_BYTES) {
            landing->flown(landing->context, dr_kombu_delivered(flight, flight->taken + i), NULL);
            continue;
        }
        flight->bytes += (size_t)lengths[i];
        chosen[most++] = flight->taken + i;
    }
    return most;
}

bool dr_kombu_read_flight(struct dr_redis *redis, const struct dr_kombu_names *names,
                          struct dr_kombu_flight *flight, size_t count, dr_kombu_flown *flown,
                          void *context)
{
    const struct landing landing = {
        .redis = redis, .flight = flight, .flown = flown, .context = context};
    long long lengths[DR_KOMBU_FLIGHT_BATCH];
    size_t chosen[DR_KOMBU_FLIGHT_BATCH];
    redisReply *replies[DR_KOMBU_FLIGHT_BATCH];
    if (!ask_lengths(&landing, names, count, lengths))
        return false;
    size_t most = choose_tasks(&landing, lengths, count, chosen);
    for (size_t i = 0; i < most; i++) {
        if (!dr_kombu_add(redis, "HGET", dr_kombu_key(names, "unacked"), tag_of(flight, chosen[i]),
                          NULL))
            return false;
    }
    if (!dr_redis_talk(redis, "read the tasks in flight", replies, most))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < most; i++)
        ok = read_task(&landing, dr_kombu_delivered(flight, chosen[i]), replies[i]);
    dr_redis_free_replies(replies, most);
    flight->taken += count;
    return ok;
}
