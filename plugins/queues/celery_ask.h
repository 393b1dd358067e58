/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the source for Celery share: celery.c (the server, and the order of things),
 * celery_queues.c, celery_flight.c. Each sets the error of the probe where it returns false. */
#ifndef QUEUES_CELERY_ASK_H
#define QUEUES_CELERY_ASK_H

#include "common/client/kombu_redis.h"
#include "plugins/queues/celery_read.h"
#include "plugins/queues/request.h"

struct que_celery {
    struct dr_redis redis;
    struct dr_task *task;
    const struct que_request *request;
    struct que_facts *facts;
    struct dr_error *error;
    struct dr_kombu_names names;
    char db[16];
    char vhost[24]; /* what stands for a virtual host in the roster: "db0" */
    char grant[300];
    double now; /* the server's clock, seconds since the epoch */
};

/* Adds a command: its words. */
#define QUE_CELERY_ADD(probe, ...)                                                                 \
    dr_redis_add(&(probe)->redis,                                                                  \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *),                \
                 (const char *const[]){__VA_ARGS__})

bool que_celery_no_memory(struct que_celery *probe);

/* The queues that the user has named, else those that are bound, into the roster. */
bool que_celery_list_queues(struct que_celery *probe);

/* How many tasks wait in each, and which ones are not there. `next`, for each of the roster: of the
 * lists of its steps, the one that is emptied next; DR_KOMBU_STEPS_MAX: all are empty. */
bool que_celery_count_tasks(struct que_celery *probe, uint8_t *next);

/* The task that is next in each. */
bool que_celery_look_at_heads(struct que_celery *probe, const uint8_t *next);

/* What workers have: of the server, and of each queue where that can be told. */
bool que_celery_look_at_flight(struct que_celery *probe);

#endif
