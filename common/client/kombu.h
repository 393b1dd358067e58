/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What kombu, which carries Celery's messages, keeps in Redis: the names of its keys, and reading
 * what is in them. No I/O.
 *
 * P is the global_keyprefix of the broker_transport_options, mostly "":
 *
 *     P QUEUE                     list: the tasks that wait, the oldest at the right end
 *     P QUEUE SEP STEP            list: the same of a priority step other than 0
 *     P _kombu.binding.EXCHANGE   set of "routing key SEP pattern SEP queue"; stays without queues
 *     P unacked                   hash: tag -> [message, exchange, routing key] of what a worker
 * has P unacked_index             sorted set: tag, and when it was delivered (the worker's clock)
 *
 * An empty list has no key. Of a message only its envelope is read, never its body. */
#ifndef DR_CLIENT_KOMBU_H
#define DR_CLIENT_KOMBU_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/optional.h"
#include "common/uri.h"

#include <stdint.h>

/* Names of queues and keys are at most as long as AMQP allows. */
#define DR_KOMBU_NAME_MAX 255
#define DR_KOMBU_STEPS_MAX 16
/* Before the name of the exchange. */
#define DR_KOMBU_BINDING "_kombu.binding."

/* How the keys are named: parameters of the URI, which go by the names of kombu's options. */
struct dr_kombu_names {
    const char *prefix;            /* prefix: global_keyprefix */
    const char *sep;               /* sep */
    int steps[DR_KOMBU_STEPS_MAX]; /* priority_steps: 0,3,6,9; workers empty the first ones first */
    size_t step_count;
};

/* The texts stay the URI's. False with the error set for what cannot be. */
bool dr_kombu_names_read(const struct dr_uri *uri, struct dr_kombu_names *names,
                         struct dr_error *error);

/* The key of the list of a queue and step, P "unacked" and the like, as new strings; NULL when out
 * of memory. */
char *dr_kombu_list(const struct dr_kombu_names *names, const char *queue, int step);
char *dr_kombu_key(const struct dr_kombu_names *names, const char *key);

/* The pattern of SCAN that all the bindings match, and nothing but them; NULL when out of memory.
 */
char *dr_kombu_pattern(const struct dr_kombu_names *names);

/* The queue that a member of a binding names; false where that is none that holds tasks (those of
 * remote control and of events). `exchange` is the end of the set's key. */
bool dr_kombu_binding(const struct dr_kombu_names *names, const char *exchange, const char *member,
                      char queue[DR_KOMBU_NAME_MAX + 1]);

/* Tells the message from others, by its delivery tag or its id; 0 where it cannot be read. */
uint64_t dr_kombu_read_head(const char *message);

/* A task that a worker has. */
struct dr_kombu_task {
    bool readable;          /* the message is one of Celery's (protocol 2): the rest is valid */
    uint64_t tag;           /* tells this delivery of it from others; 0: not known */
    struct dr_opt_real eta; /* not to be run before, seconds since the epoch */
    char queue[DR_KOMBU_NAME_MAX + 1]; /* it came from; "": cannot be told */
    char id[DR_KOMBU_NAME_MAX + 1];    /* of the task, as its sender wrote it; "": not known */
};

/* Reads what is kept in "unacked". */
struct dr_kombu_task dr_kombu_read_task(const char *entry);

/* Tells a text from others; never 0. */
uint64_t dr_kombu_hash(const char *text);

/* Base64 (RFC 4648, with padding), which the bodies of messages are written in. Appends to `out`;
 * false when it does not fit. Decoding is also false for what is no base64, or holds a NUL. */
bool dr_kombu_encode(const char *text, struct dr_buffer *out);
bool dr_kombu_decode(const char *text, struct dr_buffer *out);

#endif
