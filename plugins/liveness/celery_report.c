/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/celery_report.h"

#include "common/client/kombu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Clocks of hosts that are kept in time differ by less. */
#define SKEW_SECONDS 5.0

/* ---- what was seen ---- */

static void free_look(struct liv_celery_look *look)
{
    for (size_t i = 0; i < look->queue_count; i++)
        free(look->queues[i].name);
    for (size_t i = 0; i < look->held_count; i++) {
        free(look->held[i].queue);
        free(look->held[i].id);
    }
    free(look->queues);
    free(look->held);
    liv_celery_fleet_free(&look->fleet);
}

void liv_celery_seen_free(struct liv_celery_seen *seen)
{
    free_look(&seen->earlier);
    free_look(&seen->look);
    for (size_t i = 0; i < seen->roster_count; i++)
        free(seen->roster[i]);
    free(seen->roster);
    *seen = (struct liv_celery_seen){.roster = NULL};
}

static bool is_known(const struct liv_celery_seen *seen, const char *name)
{
    for (size_t i = 0; i < seen->roster_count; i++) {
        if (strcmp(seen->roster[i], name) == 0)
            return true;
    }
    return false;
}

void liv_celery_add_known(struct liv_celery_seen *seen, const char *name)
{
    if (is_known(seen, name) || seen->roster_count == LIV_CELERY_WORKERS_MAX)
        return;
    char **more = realloc(seen->roster, (seen->roster_count + 1) * sizeof *more);
    char *copy = strdup(name);
    if (more != NULL)
        seen->roster = more;
    if (more == NULL || copy == NULL) {
        free(copy);
        seen->no_memory = true;
        return;
    }
    more[seen->roster_count++] = copy;
}

static struct liv_celery_queue *find_queue(const struct liv_celery_look *look, const char *name)
{
    for (size_t i = 0; i < look->queue_count; i++) {
        if (strcmp(look->queues[i].name, name) == 0)
            return &look->queues[i];
    }
    return NULL;
}

struct liv_celery_queue *liv_celery_take_queue(struct liv_celery_look *look, const char *name)
{
    struct liv_celery_queue *queue = find_queue(look, name);
    if (queue != NULL)
        return queue;
    struct liv_celery_queue *more =
        realloc(look->queues, (look->queue_count + 1) * sizeof *look->queues);
    char *copy = strdup(name);
    if (more != NULL)
        look->queues = more;
    if (more == NULL || copy == NULL) {
        free(copy);
        return NULL;
    }
    more[look->queue_count] = (struct liv_celery_queue){.name = copy};
    return &more[look->queue_count++];
}

/* ---- workers that answer ---- */

static void place(struct liv_facts *facts, struct liv_unit *unit, const char *name, int64_t alive)
{
    const char *at = strchr(name, '@');
    if (at != NULL && at[1] != '\0')
        liv_facts_place(facts, unit, at + 1, alive);
}

static void list_queues(const struct liv_celery_worker *worker, char *text, size_t size)
{
    struct dr_buffer list = DR_BUFFER(size - 1);
    for (size_t i = 0; i < worker->queue_count; i++)
        dr_buffer_addf(&list, "%s%s", i > 0 ? ", " : "takes from ", worker->queues[i]);
    snprintf(text, size, "%s", dr_buffer_text(&list));
    dr_buffer_free(&list);
}

static void add_figures(const struct liv_celery_look *look, const struct liv_celery_worker *worker,
                        struct liv_unit *unit)
{
    liv_unit_figure(unit, LIV_TIME, worker->time);
    if (worker->active.known)
        liv_unit_figure(unit, LIV_BUSY, (double)worker->active.value);
    if (worker->concurrency.known && worker->concurrency.value >= 0)
        liv_unit_figure(unit, LIV_CONCURRENCY, (double)worker->concurrency.value);
    if (worker->processed.known)
        liv_unit_figure(unit, LIV_PROCESSED, (double)worker->processed.value);
    if (worker->oldest.known && worker->oldest.value <= look->now)
        liv_unit_figure(unit, LIV_TASK_AGE, look->now - worker->oldest.value);
    else if (worker->oldest.known && worker->oldest.value <= look->now + SKEW_SECONDS)
        liv_unit_figure(unit, LIV_TASK_AGE, 0);
}

/* Whether the worker does nothing and has room for a task. */
static bool is_idle(const struct liv_celery_worker *worker)
{
    return worker->active.known && worker->active.value == 0;
}

/* How many of the workers that answer take from a queue, and are idle. */
static size_t count_takers(const struct liv_celery_look *look, const char *queue, bool idle)
{
    size_t count = 0;
    for (size_t i = 0; i < look->fleet.count; i++) {
        const struct liv_celery_worker *worker = &look->fleet.workers[i];
        bool takes = liv_celery_takes_from(worker, queue);
        count += takes && (!idle || is_idle(worker)) ? 1 : 0;
    }
    return count;
}

/* Tasks wait, all workers of the queue are idle and hold none of its tasks, and the task that is
 * next stays: at two looks, or while nobody at all waits for one. A worker that has its hands full,
 * or tasks that wait for their eta or their rate, is not meant. */
static bool is_neglected(const struct liv_celery_seen *seen, const struct liv_celery_queue *queue)
{
    const struct liv_celery_queue *before = find_queue(&seen->earlier, queue->name);
    const struct liv_celery_look *look = &seen->look;
    bool waits = queue->waiting.known && queue->waiting.value > 0 && queue->taken.known &&
                 queue->taken.value == 0;
    if (!waits || count_takers(look, queue->name, false) != count_takers(look, queue->name, true))
        return false;
    if (look->takers.known && look->takers.value == 0)
        return true;
    return seen->twice && before != NULL && queue->head != 0 && before->head == queue->head &&
           before->taken.known && before->taken.value == 0;
}

static const char *neglects(const struct liv_celery_seen *seen,
                            const struct liv_celery_worker *worker)
{
    for (size_t i = 0; i < seen->look.queue_count; i++) {
        const struct liv_celery_queue *queue = &seen->look.queues[i];
        if (liv_celery_takes_from(worker, queue->name) && is_neglected(seen, queue))
            return queue->name;
    }
    return NULL;
}

/* What it did not say is not known, and no zero. */
static void sign_gaps(const struct liv_celery_seen *seen, const struct liv_celery_worker *worker,
                      struct liv_facts *facts, struct liv_unit *unit)
{
    if (!worker->queues_known)
        liv_facts_sign(facts, unit, LIV_NOT_TOLD, "which queues it takes from is not known");
    if (!worker->active.known)
        liv_facts_sign(facts, unit, LIV_NOT_TOLD, "what it runs is not known");
    else if (worker->ageless > 0)
        liv_facts_sign(facts, unit, LIV_NOT_TOLD,
                       "since when it runs %zu of its tasks is not known", worker->ageless);
    if (worker->oldest.known && worker->oldest.value > seen->look.now + SKEW_SECONDS)
        liv_facts_sign(facts, unit, LIV_NOT_TOLD,
                       "since when its tasks run is not known: its clock is %.0f s ahead",
                       worker->oldest.value - seen->look.now);
}

static void sign_pong(const struct liv_celery_seen *seen, const struct liv_celery_worker *worker,
                      struct liv_facts *facts, struct liv_unit *unit)
{
    char queues[400];
    const char *neglected = neglects(seen, worker);
    list_queues(worker, queues, sizeof queues);
    if (neglected != NULL)
        liv_facts_sign(facts, unit, LIV_W_IDLE_HANDS, "tasks wait in %s, and it has nothing to do",
                       neglected);
    else if (worker->queues_known && worker->queue_count == 0)
        liv_facts_sign(facts, unit, LIV_W_DRAINING, "it was told to leave all its queues");
    else
        liv_facts_sign(facts, unit, LIV_W_ANSWERED, "%s", queues);
    if (worker->answers[LIV_CELERY_PING] > 1)
        liv_facts_sign(facts, unit, LIV_SOMEBODY_ELSE, "%u workers have this name",
                       worker->answers[LIV_CELERY_PING]);
    sign_gaps(seen, worker, facts, unit);
}

static void report_worker(const struct liv_celery_seen *seen,
                          const struct liv_celery_worker *worker, struct liv_facts *facts)
{
    struct liv_unit *unit = liv_facts_add(facts, LIV_WORKER, worker->name, NULL);
    if (unit == NULL)
        return;
    place(facts, unit, worker->name, worker->pong ? 1 : 0);
    add_figures(&seen->look, worker, unit);
    if (worker->pong)
        sign_pong(seen, worker, facts, unit);
    else if (worker->answers[LIV_CELERY_PING] > 0)
        liv_facts_sign(facts, unit, LIV_BAD_REPLY, "to a ping it does not answer \"pong\"");
    else
        liv_facts_sign(facts, unit, LIV_NOT_TOLD,
                       "whether it lives: the answer to the ping did not come");
}

/* ---- workers that do not ---- */

/* Held by nobody who answered. */
static bool is_foreign(const struct liv_celery_look *look, const struct liv_celery_held *held)
{
    uint64_t id = dr_kombu_hash(held->id);
    for (size_t w = 0; w < look->fleet.count; w++) {
        const struct liv_celery_worker *worker = &look->fleet.workers[w];
        for (size_t t = 0; t < worker->task_count; t++) {
            if (worker->tasks[t] == id)
                return false;
        }
    }
    return true;
}

/* The tasks of those who did not answer, and how long ago the last one was given out. */
static size_t count_foreign(const struct liv_celery_look *look, double *youngest)
{
    size_t count = 0;
    for (size_t i = 0; i < look->held_count; i++) {
        double age = look->now - look->held[i].delivered;
        if (!is_foreign(look, &look->held[i]))
            continue;
        if (count == 0 || age < *youngest)
            *youngest = age;
        count++;
    }
    return count;
}

struct silence {
    size_t missing; /* workers that are known and did not answer */
    size_t silent;  /* listeners that did not answer */
    bool counted;   /* listeners could be counted */
    size_t tasks;   /* that are held by nobody who answered */
    double youngest;
};

static struct silence find_silence(const struct liv_celery_seen *seen)
{
    const struct liv_celery_look *look = &seen->look;
    struct silence silence = {.counted = look->listeners.known};
    int64_t answered = look->fleet.answers[LIV_CELERY_PING];
    for (size_t i = 0; i < seen->roster_count; i++)
        silence.missing += liv_celery_find(&look->fleet, seen->roster[i]) == NULL ? 1 : 0;
    if (look->listeners.known && look->listeners.value > answered)
        silence.silent = (size_t)(look->listeners.value - answered);
    silence.tasks = count_foreign(look, &silence.youngest);
    return silence;
}

bool liv_celery_is_puzzling(const struct liv_celery_seen *seen)
{
    const struct silence silence = find_silence(seen);
    return (silence.silent > 0 || silence.missing > 0) && silence.tasks > 0;
}

bool liv_celery_misses(const struct liv_celery_seen *seen)
{
    const struct silence silence = find_silence(seen);
    return silence.counted && silence.missing > silence.silent;
}

/* A worker of a solo pool is silent while it runs a task. One that is frozen with a task looks the
 * same until the task is older than it may be. With others gone their tasks are left as well, and
 * say nothing. */
static bool are_busy(const struct liv_celery_seen *seen, const struct silence *silence)
{
    return silence->silent > 0 && silence->missing <= silence->silent &&
           silence->tasks >= silence->missing && silence->tasks > 0 &&
           silence->youngest < seen->task_limit;
}

static void report_missing(const struct liv_celery_seen *seen, const struct silence *silence,
                           const char *name, struct liv_facts *facts)
{
    struct liv_unit *unit = liv_facts_add(facts, LIV_WORKER, name, NULL);
    bool busy = are_busy(seen, silence);
    place(facts, unit, name, busy ? 1 : 0);
    if (silence->silent == 0)
        liv_facts_sign(facts, unit, LIV_W_GONE, "it was not stopped properly");
    else if (busy)
        liv_facts_sign(facts, unit, LIV_W_BUSY,
                       "silent for %.1f s with a task that it was given %.0f s ago", seen->patience,
                       silence->youngest > 0 ? silence->youngest : 0);
    else if (silence->silent >= silence->missing)
        liv_facts_sign(facts, unit, LIV_W_WEDGED, "silent for %.1f s", seen->patience);
    else
        liv_facts_sign(facts, unit, LIV_W_WEDGED,
                       "or gone: of %zu that are missing %zu are still connected", silence->missing,
                       silence->silent);
}

/* What was seen of all workers together. A listener without a name of its own is no worker where
 * every worker that answered is known by name; otherwise the names cannot be relied on. */
static void report_channel(const struct liv_celery_seen *seen, const struct silence *silence,
                           struct liv_facts *facts)
{
    const struct liv_celery_fleet *fleet = &seen->look.fleet;
    bool reliable = seen->roster_known;
    bool unheard = seen->look.listeners.known || !seen->heard.known || !seen->heard.value;
    for (size_t i = 0; i < fleet->count; i++)
        reliable = reliable && is_known(seen, fleet->workers[i].name);
    bool nobody = fleet->count == 0 && silence->silent == 0 && unheard;
    bool mute = fleet->count == 0 && !unheard;
    bool unnamed = silence->silent > silence->missing && (!reliable || fleet->count == 0);
    bool unlisted = !seen->roster_known && !nobody;
    if (!nobody && !unnamed && !mute && !unlisted)
        return;
    enum liv_kind kind = nobody || unnamed || mute ? LIV_WORKER : LIV_POOL;
    struct liv_unit *unit = liv_facts_add(facts, kind, "workers", NULL);
    if (nobody && unit != NULL)
        unit->wanted = unit->alive = dr_int(0);
    if (nobody)
        liv_facts_sign(facts, unit, LIV_W_NONE, "nobody listens to remote control");
    else if (mute)
        liv_facts_sign(
            facts, unit, LIV_NOT_TOLD,
            "whether they work is not known: some are connected, and none answered within %.1f s",
            seen->patience);
    else if (unlisted)
        liv_facts_sign(facts, unit, LIV_W_UNLISTED, "name them with --expect-workers");
    else
        liv_facts_sign(
            facts, unit, LIV_NOT_TOLD,
            "who %zu more listeners to remote control are that do not answer is not known",
            silence->silent - silence->missing);
}

/* ---- queues ---- */

/* The tasks done so far by all who take from it: unknown unless each of them said so. */
static struct dr_opt_int count_done(const struct liv_celery_look *look, const char *queue)
{
    struct dr_opt_int done = dr_int(0);
    for (size_t i = 0; i < look->fleet.count; i++) {
        const struct liv_celery_worker *worker = &look->fleet.workers[i];
        if (!liv_celery_takes_from(worker, queue))
            continue;
        if (!worker->processed.known || worker->processed.value > INT64_MAX - done.value)
            return (struct dr_opt_int){.known = false};
        done.value += worker->processed.value;
    }
    return done;
}

/* While nothing waits, a task that takes no longer than it may is not stuck. */
static struct liv_pace pace_of(const struct liv_celery_look *look,
                               const struct liv_celery_queue *queue, double task_limit)
{
    bool late = queue->taken_age.known && queue->taken_age.value > task_limit;
    bool waits = queue->waiting.known && queue->waiting.value > 0;
    return (struct liv_pace){.known = queue->waiting.known &&
                                      (queue->head != 0 || queue->waiting.value == 0),
                             .head = queue->head,
                             .taken = waits || late ? queue->taken_mark : 0,
                             .done = count_done(look, queue->name),
                             .at = look->at};
}

static void queue_figure(struct liv_unit *unit, enum liv_metric metric, struct dr_opt_real value)
{
    if (value.known)
        liv_unit_figure(unit, metric, value.value);
}

static bool is_held_by_others(const struct liv_celery_look *look, const char *queue)
{
    for (size_t i = 0; i < look->held_count; i++) {
        if (strcmp(look->held[i].queue, queue) == 0 && is_foreign(look, &look->held[i]))
            return true;
    }
    return false;
}

/* Who takes from it, by what the workers say, and the broker where it knows. */
static void sign_queue(const struct liv_celery_seen *seen, const struct silence *silence,
                       const struct liv_celery_queue *queue, struct liv_facts *facts,
                       struct liv_unit *unit)
{
    size_t takers = count_takers(&seen->look, queue->name, false);
    bool waits = queue->waiting.known && queue->waiting.value > 0;
    double consumers = queue->consumers.known ? queue->consumers.value : 0;
    if (queue->named && !queue->there && takers == 0)
        liv_facts_sign(facts, unit, LIV_Q_UNSERVED, "the broker knows no queue of this name");
    else if (takers > 0)
        liv_facts_sign(facts, unit, LIV_Q_SERVED, "%zu take from it", takers);
    else if (are_busy(seen, silence) && is_held_by_others(&seen->look, queue->name))
        liv_facts_sign(facts, unit, LIV_Q_SERVED, "by one that is busy");
    else if (silence->silent > 0 || consumers > 0)
        liv_facts_sign(facts, unit, LIV_Q_UNCLEAR, "nobody who answers");
    else if (waits || queue->named)
        liv_facts_sign(facts, unit, LIV_Q_UNSERVED, "%s", "");
    else if (queue->waiting.known)
        liv_facts_sign(facts, unit, LIV_Q_EMPTY, "%s", "");
    else
        liv_facts_sign(facts, unit, LIV_NOT_TOLD, "how many tasks wait is not known");
    if (queue->consumers.known && consumers > (double)takers)
        liv_facts_sign(facts, unit, LIV_Q_SILENT, "%.0f of %.0f", consumers - (double)takers,
                       consumers);
}

/* Tasks of workers that are gone come back when the visibility timeout is over. */
static void sign_abandoned(const struct liv_celery_seen *seen, const struct silence *silence,
                           const struct liv_celery_queue *queue, struct liv_facts *facts,
                           struct liv_unit *unit)
{
    if (silence->missing > 0 && silence->silent == 0 && is_held_by_others(&seen->look, queue->name))
        liv_facts_sign(facts, unit, LIV_Q_ABANDONED,
                       "they are given out again after the visibility timeout");
}

static void report_queue(const struct liv_celery_seen *seen, const struct silence *silence,
                         const struct liv_celery_queue *queue, struct liv_facts *facts)
{
    const struct liv_celery_queue *before = find_queue(&seen->earlier, queue->name);
    struct liv_unit *unit = liv_facts_add(facts, LIV_QUEUE, queue->name, NULL);
    if (unit == NULL)
        return;
    queue_figure(unit, LIV_WAITING, queue->waiting);
    queue_figure(unit, LIV_TAKEN, queue->taken);
    queue_figure(unit, LIV_TAKEN_AGE, queue->taken_age);
    queue_figure(unit, LIV_CONSUMERS_NOW, queue->consumers);
    unit->pace = pace_of(&seen->look, queue, seen->task_limit);
    if (before != NULL)
        unit->earlier = pace_of(&seen->earlier, before, seen->task_limit);
    sign_queue(seen, silence, queue, facts, unit);
    sign_abandoned(seen, silence, queue, facts, unit);
}

void liv_celery_report(const struct liv_celery_seen *seen, struct liv_facts *facts)
{
    const struct silence silence = find_silence(seen);
    for (size_t i = 0; i < seen->look.fleet.count; i++)
        report_worker(seen, &seen->look.fleet.workers[i], facts);
    for (size_t i = 0; i < seen->roster_count; i++) {
        if (liv_celery_find(&seen->look.fleet, seen->roster[i]) == NULL)
            report_missing(seen, &silence, seen->roster[i], facts);
    }
    report_channel(seen, &silence, facts);
    for (size_t i = 0; i < seen->look.queue_count; i++)
        report_queue(seen, &silence, &seen->look.queues[i], facts);
    facts->complete = seen->look.queues_known;
    facts->no_memory = facts->no_memory || seen->no_memory || seen->look.fleet.no_memory;
}
