/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the source for Celery behind Redis share: celery.c (the server, questions and
 * answers), celery_queues.c. Each sets the error of the probe where it returns false. */
#ifndef LIVENESS_CELERY_ASK_H
#define LIVENESS_CELERY_ASK_H

#include "common/client/kombu_redis.h"
#include "plugins/liveness/celery_report.h"
#include "plugins/liveness/request.h"

struct liv_celery {
    struct dr_redis redis;
    struct dr_task *task;
    const struct liv_request *request;
    struct liv_facts *facts;
    struct dr_error *error;
    struct dr_kombu_names names;
    struct liv_celery_exchanges exchanges;
    struct liv_celery_us us;
    struct liv_celery_seen seen;
    struct liv_celery_look *looking; /* the look of now */
    char db[16];
    char channel[320]; /* the control messages go to */
    char grant[400];
    double now;      /* the server's clock, seconds since the epoch */
    double told_at;  /* when it said so, monotonic */
    double asked_at; /* monotonic */
    double watch;    /* the second look comes so much later, seconds; 0: there is none, any more */
    bool bound;      /* our list is bound, or may be: it is to be taken back */
    bool fractions;  /* the server waits for parts of a second (6.0) */
};

/* Adds a command: its words. */
#define LIV_CELERY_ADD(probe, ...)                                                                 \
    dr_redis_add(&(probe)->redis,                                                                  \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *),                \
                 (const char *const[]){__VA_ARGS__})

bool liv_celery_no_memory(struct liv_celery *probe);

/* The queues, with their figures, and the tasks that workers have, into the look. */
bool liv_celery_look_at_queues(struct liv_celery *probe, struct liv_celery_look *look);

#endif
