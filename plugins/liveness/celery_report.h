/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Celery's workers and queues into facts: who answers, who is silent, who is gone, which queues
 * nobody takes from. No I/O. */
#ifndef LIVENESS_CELERY_REPORT_H
#define LIVENESS_CELERY_REPORT_H

#include "plugins/liveness/celery_fleet.h"
#include "plugins/liveness/facts.h"

/* A queue of tasks, at one look. */
struct liv_celery_queue {
    char *name;
    bool named;                   /* by --queue: it must be worked on */
    bool there;                   /* tasks wait in it, or it is bound, or the broker knows it */
    struct dr_opt_real waiting;   /* tasks */
    struct dr_opt_real taken;     /* tasks that workers have and have not acknowledged */
    struct dr_opt_real taken_age; /* of the oldest of those that may run, seconds */
    struct dr_opt_real consumers; /* connections that take from it, where the broker knows that */
    uint64_t head;                /* tells the task that is next from others; 0: none, not known */
    uint64_t taken_mark;          /* tells what workers have from other sets; 0: nothing */
};

/* A task that a worker has and has not acknowledged. */
struct liv_celery_held {
    char *id;         /* of the task; owned */
    double delivered; /* seconds since the epoch, the worker's clock */
    char *queue;      /* it came from; "" where that cannot be told; owned */
};

/* What was seen at one look. */
struct liv_celery_look {
    double at;  /* our clock, seconds since the epoch */
    double now; /* the broker's, else ours */
    struct liv_celery_fleet fleet;
    struct dr_opt_int listeners; /* on the control channel */
    struct dr_opt_int takers;    /* connections that wait for a task at this moment */
    struct liv_celery_queue *queues;
    size_t queue_count;
    struct liv_celery_held *held; /* those that may run: not the ones that wait for their eta */
    size_t held_count;
    bool held_known;   /* all of them */
    bool queues_known; /* the list of queues is all there is */
};

/* Everything, for both brokers. Ends with liv_celery_seen_free. */
struct liv_celery_seen {
    struct liv_celery_look earlier; /* where there were two */
    struct liv_celery_look look;    /* the only one, or the last */
    bool twice;
    char **roster; /* names of workers that the broker knows */
    size_t roster_count;
    bool roster_known;        /* unknown: only who answers can be seen */
    struct dr_opt_bool heard; /* somebody has heard the question, where listeners are not counted */
    double patience;          /* how long was waited for answers, seconds */
    double task_limit;        /* a task may run for so long, seconds */
    bool no_memory;
};

void liv_celery_seen_free(struct liv_celery_seen *seen);

/* Adds a name to the roster, once. */
void liv_celery_add_known(struct liv_celery_seen *seen, const char *name);

/* The queue of that name, which is added where it is new; valid until the next call. NULL when out
 * of memory. */
struct liv_celery_queue *liv_celery_take_queue(struct liv_celery_look *look, const char *name);

/* Somebody is silent, and tasks are held by nobody who answered: who has them is to be asked. */
bool liv_celery_is_puzzling(const struct liv_celery_seen *seen);

/* Somebody who is known neither answers nor listens. */
bool liv_celery_misses(const struct liv_celery_seen *seen);

void liv_celery_report(const struct liv_celery_seen *seen, struct liv_facts *facts);

#endif
