/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Redis as the broker of Celery: the names of kombu's keys, and its replies into facts. No I/O.
 *
 * What kombu keeps in Redis (P: the global_keyprefix of the broker_transport_options, mostly ""):
 *
 *     P QUEUE                     list: the tasks that wait, the oldest at the right end
 *     P QUEUE SEP STEP            list: the same of a priority step other than 0
 *     P _kombu.binding.EXCHANGE   set of "routing key SEP pattern SEP queue"; stays without queues
 *     P unacked                   hash: tag -> [message, exchange, routing key] of what a worker
 * has P unacked_index             sorted set: tag, and when it was delivered (the worker's clock)
 *
 * An empty list has no key. Of a message only its envelope is read, never its body. */
#ifndef QUEUES_CELERY_READ_H
#define QUEUES_CELERY_READ_H

#include "common/client/redis_info.h"
#include "common/error.h"
#include "common/uri.h"
#include "plugins/queues/facts.h"

/* Names of queues and keys are at most as long as AMQP allows. */
#define QUE_NAME_MAX 255
#define QUE_STEPS_MAX 16
/* Before the name of the exchange. */
#define QUE_CELERY_BINDING "_kombu.binding."

/* How the keys are named: parameters of the URI, which go by the names of kombu's options. */
struct que_celery_names {
    const char *prefix;       /* prefix: global_keyprefix */
    const char *sep;          /* sep */
    int steps[QUE_STEPS_MAX]; /* priority_steps: 0,3,6,9; workers empty the first ones first */
    size_t step_count;
};

/* The texts stay the URI's. False with the error set for what cannot be. */
bool que_celery_names_read(const struct dr_uri *uri, struct que_celery_names *names,
                           struct dr_error *error);

/* The key of the list of a queue and step, P "unacked" and the like, as new strings; NULL when out
 * of memory. */
char *que_celery_list(const struct que_celery_names *names, const char *queue, int step);
char *que_celery_key(const struct que_celery_names *names, const char *key);

/* The pattern of SCAN that all the bindings match, and nothing but them; NULL when out of memory.
 */
char *que_celery_pattern(const struct que_celery_names *names);

/* The queue that a member of a binding names; false where that is none that holds tasks (those of
 * remote control and of events). `exchange` is the end of the set's key. */
bool que_celery_binding(const struct que_celery_names *names, const char *exchange,
                        const char *member, char queue[QUE_NAME_MAX + 1]);

/* INFO into the store; `now` is the server's TIME. What an INFO always has is an error
 * (DR_ERR_PROTOCOL) where it is missing; the rest stays unknown. */
bool que_celery_read_store(const struct dr_redis_info *info, double now, struct que_store *store,
                           struct dr_error *error);

/* Tells the message from others, by its delivery tag or its id; 0 where it cannot be read. */
uint64_t que_celery_read_head(const char *message);

/* A task that a worker has. */
struct que_celery_task {
    bool readable;          /* the message is one of Celery's (protocol 2): the rest is valid */
    struct dr_opt_real eta; /* not to be run before, seconds since the epoch */
    char queue[QUE_NAME_MAX + 1]; /* it came from; "": cannot be told */
};

/* Reads what is kept in "unacked". */
struct que_celery_task que_celery_read_task(const char *entry);

#endif
