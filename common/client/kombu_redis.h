/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading what kombu keeps in Redis (kombu.h says what that is), for every source that looks at
 * Celery's queues. It only reads: SCAN, SMEMBERS, HSTRLEN, HGET. Whatever returns false has set the
 * connection's error. */
#ifndef DR_CLIENT_KOMBU_REDIS_H
#define DR_CLIENT_KOMBU_REDIS_H

#include "common/client/kombu.h"
#include "common/client/redis.h"

/* Commands that are sent at once: what fits into the client's buffer with the longest names. */
#define DR_KOMBU_BATCH 128

/* Adds a command of two words and up to two more (NULL: none). Ends the key, which may be NULL when
 * out of memory. */
bool dr_kombu_add(struct dr_redis *redis, const char *command, char *key, const char *more,
                  const char *last);

/* How many of something. */
bool dr_kombu_count(const struct dr_redis *redis, const char *command, const redisReply *reply,
                    long long *count);

/* Takes the name of a queue that holds tasks; false with the error set ends the search. */
typedef bool dr_kombu_found(void *context, const char *queue);

/* Hands over the queues that are bound to an exchange, from the reply to SMEMBERS of its binding.
 */
bool dr_kombu_read_members(const struct dr_redis *redis, const struct dr_kombu_names *names,
                           const char *exchange, const redisReply *reply, dr_kombu_found *found,
                           void *context);

/* Hands over every queue that is bound to some exchange, more than once where it is bound to
 * several. *complete: all keys of the database were looked at, within `seconds`. */
bool dr_kombu_search(struct dr_redis *redis, const struct dr_kombu_names *names, double seconds,
                     dr_kombu_found *found, void *context, bool *complete);

/* The tasks in "unacked". Start with the reply to ZRANGE unacked_index ... WITHSCORES, and the rest
 * zero. */
struct dr_kombu_flight {
    const redisReply *index; /* tag, score, tag, score ...: the oldest first */
    size_t taken;            /* of the index, in its order */
    size_t bytes;            /* of messages read */
};

/* Takes one that was delivered then (seconds since the epoch); NULL: nothing of it can be read, or
 * it is too large to be. What was acknowledged meanwhile is left out. */
typedef void dr_kombu_flown(void *context, double delivered, const struct dr_kombu_task *task);

/* Hands over the next `count` of the index, DR_KOMBU_FLIGHT_BATCH at most. */
#define DR_KOMBU_FLIGHT_BATCH 64
bool dr_kombu_read_flight(struct dr_redis *redis, const struct dr_kombu_names *names,
                          struct dr_kombu_flight *flight, size_t count, dr_kombu_flown *flown,
                          void *context);

/* When the one at that place of the index was delivered. */
double dr_kombu_delivered(const struct dr_kombu_flight *flight, size_t i);

#endif
