/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/watch.h"

#include <pthread.h>
#include <string.h>

static bool look_once(struct liv_facts *facts, liv_watch_look *look, void *context,
                      struct dr_error *error)
{
    return look(context, facts) &&
           (!facts->no_memory || dr_error_set(error, DR_ERR_INTERNAL, "out of memory"));
}

/* Nobody wakes it: it ends when the time is over. */
static void wait_for(double seconds)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition;
    double until = dr_monotonic() + seconds;
    dr_condition_init(&condition);
    pthread_mutex_lock(&lock);
    while (dr_monotonic() < until)
        dr_condition_wait(&condition, &lock, until);
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&condition);
    pthread_mutex_destroy(&lock);
}

static void take_earlier(struct liv_unit *unit, const struct liv_facts *before)
{
    for (size_t i = 0; i < before->unit_count; i++) {
        const struct liv_unit *other = &before->units[i];
        if (other->kind == unit->kind && strcmp(other->name, unit->name) == 0) {
            unit->earlier = other->pace;
            return;
        }
    }
}

bool liv_watch(struct dr_task *task, struct liv_facts *facts, liv_watch_look *look, void *context,
               struct dr_error *error)
{
    const struct liv_request *request = dr_task_request(task);
    struct liv_facts before = {.product = facts->product};
    if (request->watch <= 0)
        return look_once(facts, look, context, error);
    bool ok = look_once(&before, look, context, error);
    if (ok && dr_task_left(task) <= request->watch)
        ok = dr_error_set(error, DR_ERR_USAGE,
                          "--watch: no time is left for a second look: raise --timeout");
    if (ok) {
        dr_task_stage(task, "wait for the second look");
        wait_for(request->watch);
        ok = look_once(facts, look, context, error);
    }
    for (size_t i = 0; ok && i < facts->unit_count; i++) {
        if (facts->units[i].pace.known)
            take_earlier(&facts->units[i], &before);
    }
    liv_facts_free(&before);
    return ok;
}
