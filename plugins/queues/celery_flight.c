/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tasks that Celery's workers have and have not acknowledged. */
#include "plugins/queues/celery_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the tasks that workers have, the oldest ones are read. */
#define TASKS_MAX 500
#define TASKS_LAST "499"

struct flight {
    struct que_celery *probe;
    struct dr_kombu_flight tasks; /* the oldest of them */
    bool complete;                /* the whole index was read, and every task in it */
    double oldest;     /* since when the oldest one has been with a worker that may run it */
    bool found;        /* that is known */
    double unreadable; /* when the first one was delivered of which nothing is known */
    bool blind;        /* there is such a one */
    bool attributed;   /* each one is of a queue of the roster */
    int64_t waiting;   /* for their eta */
};

static void tally_queue(struct que_celery *probe, struct flight *flight, const char *name)
{
    struct que_queue *queue =
        *name != '\0' ? que_roster_find(probe->facts->roster, probe->vhost, name) : NULL;
    if (queue != NULL)
        queue->totals[QUE_UNACKED]++;
    else
        flight->attributed =
            flight->attributed && *name != '\0' && probe->request->queues.count > 0;
}

/* A worker keeps a task that has an eta until then, and only from then on it is late. */
static void tally_task(struct que_celery *probe, struct flight *flight, double delivered,
                       const struct dr_kombu_task *task)
{
    double since = delivered;
    if (task->eta.known && task->eta.value > probe->now) {
        flight->waiting++;
    } else {
        if (task->eta.known && task->eta.value > since)
            since = task->eta.value;
        if (!flight->found || since < flight->oldest)
            flight->oldest = since;
        flight->found = true;
    }
    tally_queue(probe, flight, task->queue);
}

static void tally_unreadable(struct flight *flight, double delivered)
{
    if (!flight->blind)
        flight->unreadable = delivered;
    flight->blind = true;
    flight->complete = false;
}

static void tally(void *context, double delivered, const struct dr_kombu_task *task)
{
    struct flight *flight = context;
    if (task != NULL)
        tally_task(flight->probe, flight, delivered, task);
    else
        tally_unreadable(flight, delivered);
}

/* Those of an index that goes on are read until the oldest one is found: what comes later was
 * delivered later. */
static bool read_flight(struct que_celery *probe, struct flight *flight)
{
    size_t count = flight->tasks.index->elements / 2;
    flight->complete = count < TASKS_MAX;
    flight->attributed = true;
    while (flight->tasks.taken < count) {
        bool enough = count == TASKS_MAX && flight->found &&
                      flight->oldest <= dr_kombu_delivered(&flight->tasks, flight->tasks.taken);
        if (enough)
            break;
        size_t left = count - flight->tasks.taken;
        if (!dr_kombu_read_flight(&probe->redis, &probe->names, &flight->tasks,
                                  left < DR_KOMBU_FLIGHT_BATCH ? left : DR_KOMBU_FLIGHT_BATCH,
                                  tally, flight))
            return false;
    }
    return true;
}

static void note_flight(struct que_celery *probe, const struct flight *flight)
{
    struct que_store *store = &probe->facts->store;
    struct que_roster *roster = probe->facts->roster;
    bool hidden = flight->blind && (!flight->found || flight->unreadable < flight->oldest);
    if (flight->found && !hidden)
        store->in_flight_age =
            dr_real(probe->now > flight->oldest ? probe->now - flight->oldest : 0);
    if (!flight->complete)
        return;
    store->in_flight_eta = dr_int(flight->waiting);
    for (size_t i = 0; flight->attributed && i < roster->count; i++) {
        struct que_queue *queue = que_roster_at(roster, i);
        struct dr_opt_real ready = que_figure(queue, QUE_READY);
        if (!ready.known)
            continue;
        que_set(queue, QUE_UNACKED, queue->totals[QUE_UNACKED]);
        que_set(queue, QUE_MESSAGES, ready.value + queue->totals[QUE_UNACKED]);
    }
}

enum { HELD, LATE, OLDEST, FLIGHT_REPLIES };

static bool read_index(struct que_celery *probe, redisReply **replies)
{
    struct flight flight = {.probe = probe};
    struct que_store *store = &probe->facts->store;
    long long held;
    long long late;
    if (!dr_kombu_count(&probe->redis, "HLEN unacked", replies[HELD], &held) ||
        !dr_kombu_count(&probe->redis, "ZCOUNT unacked_index", replies[LATE], &late))
        return false;
    if (replies[OLDEST]->type != REDIS_REPLY_ARRAY || replies[OLDEST]->elements % 2 != 0)
        return dr_redis_fail(&probe->redis, "ZRANGE unacked_index", replies[OLDEST]);
    store->in_flight = dr_int(held);
    store->in_flight_late = dr_int(late);
    flight.tasks.index = replies[OLDEST];
    if (!read_flight(probe, &flight))
        return false;
    note_flight(probe, &flight);
    return true;
}

bool que_celery_look_at_flight(struct que_celery *probe)
{
    redisReply *replies[FLIGHT_REPLIES];
    char limit[40];
    const struct dr_kombu_names *names = &probe->names;
    snprintf(limit, sizeof limit, "%.6f", probe->now - probe->request->visibility_timeout);
    char *index = dr_kombu_key(names, "unacked_index");
    bool ok = index != NULL || que_celery_no_memory(probe);
    ok = ok && dr_kombu_add(&probe->redis, "HLEN", dr_kombu_key(names, "unacked"), NULL, NULL) &&
         QUE_CELERY_ADD(probe, "ZCOUNT", index, "-inf", limit) &&
         QUE_CELERY_ADD(probe, "ZRANGE", index, "0", TASKS_LAST, "WITHSCORES");
    free(index);
    if (!ok ||
        !dr_redis_talk(&probe->redis, "look at the tasks in flight", replies, FLIGHT_REPLIES))
        return false;
    ok = read_index(probe, replies);
    dr_redis_free_replies(replies, FLIGHT_REPLIES);
    return ok;
}
