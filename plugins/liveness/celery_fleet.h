/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Celery's workers, as they answer on the control channel: what is asked, what the answers say. No
 * I/O: celery.c asks through Redis, celery_amqp.c through RabbitMQ.
 *
 * Four methods are asked at once, none of which changes anything in a worker: "ping", "stats",
 * "active" (the tasks that it runs; their arguments cut short, and not read), "active_queues". Each
 * worker answers each of them by {"NAME@HOST": ...}. A fifth, "query_task", asks who has some
 * tasks.
 *
 * Never sent: shutdown, pool_*, election, hello, enable_events, add_consumer and the like. */
#ifndef LIVENESS_CELERY_FLEET_H
#define LIVENESS_CELERY_FLEET_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/optional.h"
#include "common/uri.h"

#include <stddef.h>
#include <stdint.h>

enum liv_celery_method {
    LIV_CELERY_PING = 0,
    LIV_CELERY_STATS,
    LIV_CELERY_ACTIVE,
    LIV_CELERY_QUEUES,
    LIV_CELERY_METHODS, /* those that are asked of everybody */
    LIV_CELERY_QUERY = LIV_CELERY_METHODS,
};

#define LIV_CELERY_WORKERS_MAX 2000
#define LIV_CELERY_QUEUES_MAX 500 /* of one worker */
#define LIV_CELERY_TASKS_MAX 1000 /* of one worker */
#define LIV_CELERY_NAME_MAX 255

/* What one worker said. */
struct liv_celery_worker {
    char *name;
    unsigned answers[LIV_CELERY_METHODS]; /* how many, to each method: 2 where two have one name */
    bool pong;                            /* to the ping it answered what it should */
    double time;                          /* until the first answer, seconds */
    struct dr_opt_int processed;          /* tasks since it started */
    struct dr_opt_int concurrency;        /* tasks that it can run at once */
    struct dr_opt_int active;             /* tasks that it runs */
    struct dr_opt_real oldest;            /* when the first of those began, on its clock */
    size_t ageless;                       /* tasks of which it does not say when they began */
    uint64_t *tasks;                      /* that it has: dr_kombu_hash of their ids */
    size_t task_count;
    bool queues_known;
    char **queues; /* it takes from */
    size_t queue_count;
};

struct liv_celery_fleet {
    struct liv_celery_worker *workers;
    size_t count;
    unsigned answers[LIV_CELERY_METHODS + 1]; /* altogether, to each method */
    bool no_memory;
};

void liv_celery_fleet_free(struct liv_celery_fleet *fleet);

/* NULL where nobody of that name has answered. */
const struct liv_celery_worker *liv_celery_find(const struct liv_celery_fleet *fleet,
                                                const char *name);
bool liv_celery_takes_from(const struct liv_celery_worker *worker, const char *queue);

/* ---- what is asked ---- */

/* Exchanges of the control channel: "celery.pidbox", "reply.celery.pidbox". The parameter
 * control_exchange goes by the name of Celery's setting. False with the error set for what is no
 * name. */
struct liv_celery_exchanges {
    char control[80];
    char reply[80];
};
bool liv_celery_read_exchanges(const struct dr_uri *uri, struct liv_celery_exchanges *exchanges,
                               struct dr_error *error);

/* Who we are, in this run: replies go to "OID.reply.celery.pidbox". Its beginning is ours, then
 * comes when it was made, seconds since the epoch: what a run that was killed has left is known by
 * that. */
#define LIV_CELERY_OID_BEGIN "dr-plugins-"
struct liv_celery_us {
    char oid[64];
    char tickets[LIV_CELERY_METHODS + 1][48]; /* tell which method is answered */
    unsigned round;
};
bool liv_celery_make_us(struct liv_celery_us *us, double now, struct dr_error *error);

/* New tickets: from then on answers to what was asked before are none any more. */
void liv_celery_ask_anew(struct liv_celery_us *us);

/* The seconds in an oid of ours, or at the beginning of a longer text; unknown: it is not ours. */
struct dr_opt_int liv_celery_made_at(const char *oid);

/* The body of a control message: JSON. `ids`, a list of JSON strings, is for LIV_CELERY_QUERY.
 * False where it does not fit. */
bool liv_celery_write(enum liv_celery_method method, const struct liv_celery_exchanges *exchanges,
                      const struct liv_celery_us *us, const char *ids, struct dr_buffer *body);

/* ---- what is answered ---- */

/* Which method a ticket of ours stands for; false: it is not ours. */
bool liv_celery_method_of(const struct liv_celery_us *us, const char *ticket,
                          enum liv_celery_method *method);

/* Adds the body of a reply, `elapsed` seconds after the question, to what is known. False with the
 * error set (PROTOCOL) where it is none. A part of it that cannot be read stays unknown. */
bool liv_celery_read_reply(struct liv_celery_fleet *fleet, enum liv_celery_method method,
                           const char *body, double elapsed, struct dr_error *error);

#endif
