/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Celery's queues in Redis: which ones there are, how many tasks wait, which one is next, what
 * workers have. */
#include "plugins/liveness/celery_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the tasks that workers have, the oldest ones are read. */
#define TASKS_MAX 500
#define TASKS_LAST "499"
/* Messages that are next in their queues are taken a few at a time: they are as large as their
 * senders made them. */
#define HEADS_BATCH 8
#define HEADS_MAX 256
/* Searching all keys of a database with many of them costs more than everything else. */
#define SEARCH_SHARE 0.3
/* A connection that waits for a task asks again each second. */
#define WAITING_SECONDS 5

/* ---- which queues ---- */

static bool mark_queue(void *context, const char *name)
{
    const struct liv_celery *probe = context;
    struct liv_celery_look *look = probe->looking;
    for (size_t i = 0; i < look->queue_count; i++) {
        if (strcmp(look->queues[i].name, name) == 0)
            look->queues[i].there = true;
    }
    return true;
}

/* Where the user has named queues, the others are none of ours. */
static bool note_queue(void *context, const char *name)
{
    struct liv_celery *probe = context;
    if (probe->request->queues.count > 0)
        return mark_queue(probe, name);
    struct liv_celery_queue *queue = liv_celery_take_queue(probe->looking, name);
    if (queue != NULL)
        queue->there = true;
    return queue != NULL || liv_celery_no_memory(probe);
}

/* Those that the workers take from are there, whatever the broker has of them: an empty one has no
 * key. */
static bool add_served(struct liv_celery *probe, struct liv_celery_look *look)
{
    for (size_t i = 0; i < look->fleet.count; i++) {
        const struct liv_celery_worker *worker = &look->fleet.workers[i];
        for (size_t k = 0; k < worker->queue_count; k++) {
            if (!note_queue(probe, worker->queues[k]))
                return false;
        }
    }
    return true;
}

static bool name_queues(struct liv_celery *probe, struct liv_celery_look *look)
{
    for (size_t i = 0; i < probe->request->queues.count; i++) {
        const char *name = probe->request->queues.items[i];
        if (*name == '\0' || strlen(name) > DR_KOMBU_NAME_MAX)
            return dr_error_set(probe->error, DR_ERR_USAGE,
                                "--queue: a name has 1 to %d characters", DR_KOMBU_NAME_MAX);
        struct liv_celery_queue *queue = liv_celery_take_queue(look, name);
        if (queue == NULL)
            return liv_celery_no_memory(probe);
        queue->named = true;
    }
    return true;
}

/* The second look is at the queues of the first. */
static bool list_queues(struct liv_celery *probe, struct liv_celery_look *look)
{
    if (!name_queues(probe, look) || !add_served(probe, look))
        return false;
    look->queues_known = true;
    if (probe->request->queues.count > 0)
        return true;
    bool ok =
        dr_kombu_search(&probe->redis, &probe->names, dr_task_left(probe->task) * SEARCH_SHARE,
                        note_queue, probe, &look->queues_known);
    if (ok && !look->queues_known)
        dr_task_trace(probe->task, 1,
                      "too many keys to search them all for queues: name them with --queue");
    return ok;
}

/* ---- what waits ---- */

/* How many commands one queue takes: its lists, and the binding that tells an empty one from none.
 */
static size_t commands_each(const struct liv_celery *probe)
{
    return probe->names.step_count + 1;
}

static bool add_lists(struct liv_celery *probe, const struct liv_celery_queue *queue)
{
    const struct dr_kombu_names *names = &probe->names;
    char binding[DR_KOMBU_NAME_MAX + sizeof DR_KOMBU_BINDING];
    for (size_t i = 0; i < names->step_count; i++) {
        if (!dr_kombu_add(&probe->redis, "LLEN", dr_kombu_list(names, queue->name, names->steps[i]),
                          NULL, NULL))
            return false;
    }
    snprintf(binding, sizeof binding, DR_KOMBU_BINDING "%.*s", DR_KOMBU_NAME_MAX, queue->name);
    return dr_kombu_add(&probe->redis, "SMEMBERS", dr_kombu_key(names, binding), NULL, NULL);
}

/* The first list that has something is the one that is emptied next. */
static bool read_lists(struct liv_celery *probe, struct liv_celery_queue *queue,
                       redisReply **replies, size_t *next)
{
    double waiting = 0;
    *next = DR_KOMBU_STEPS_MAX;
    for (size_t i = 0; i < probe->names.step_count; i++) {
        long long count;
        if (!dr_kombu_count(&probe->redis, "LLEN", replies[i], &count))
            return false;
        if (count > 0 && *next == DR_KOMBU_STEPS_MAX)
            *next = i;
        waiting += (double)count;
    }
    queue->waiting = dr_real(waiting);
    queue->there = queue->there || waiting > 0;
    return dr_kombu_read_members(&probe->redis, &probe->names, queue->name,
                                 replies[probe->names.step_count], mark_queue, probe);
}

static bool count_batch(struct liv_celery *probe, struct liv_celery_look *look, size_t from,
                        size_t count, size_t *next)
{
    redisReply *replies[DR_KOMBU_BATCH];
    size_t each = commands_each(probe);
    for (size_t i = 0; i < count; i++) {
        if (!add_lists(probe, &look->queues[from + i]))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "count the tasks", replies, count * each))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = read_lists(probe, &look->queues[from + i], replies + i * each, &next[from + i]);
    dr_redis_free_replies(replies, count * each);
    return ok;
}

static bool count_tasks(struct liv_celery *probe, struct liv_celery_look *look, size_t *next)
{
    size_t most = DR_KOMBU_BATCH / commands_each(probe);
    for (size_t i = 0; i < look->queue_count; i += most) {
        size_t left = look->queue_count - i;
        if (!count_batch(probe, look, i, left < most ? left : most, next))
            return false;
    }
    return true;
}

/* ---- which one is next ---- */

static bool read_heads(struct liv_celery *probe, struct liv_celery_look *look, const size_t *chosen,
                       const size_t *next, size_t count)
{
    redisReply *replies[HEADS_BATCH];
    for (size_t i = 0; i < count; i++) {
        char *list = dr_kombu_list(&probe->names, look->queues[chosen[i]].name,
                                   probe->names.steps[next[chosen[i]]]);
        if (!dr_kombu_add(&probe->redis, "LINDEX", list, "-1", NULL))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "look at the next tasks", replies, count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        /* What was taken meanwhile is nil: then it moves. */
        if (replies[i]->type == REDIS_REPLY_STRING)
            look->queues[chosen[i]].head = dr_kombu_read_head(replies[i]->str);
        ok = replies[i]->type != REDIS_REPLY_ERROR ||
             dr_redis_fail(&probe->redis, "LINDEX", replies[i]);
    }
    dr_redis_free_replies(replies, count);
    return ok;
}

static bool look_at_heads(struct liv_celery *probe, struct liv_celery_look *look,
                          const size_t *next)
{
    size_t chosen[HEADS_BATCH];
    size_t count = 0;
    size_t asked = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < look->queue_count && asked < HEADS_MAX; i++) {
        if (next[i] == DR_KOMBU_STEPS_MAX)
            continue;
        chosen[count++] = i;
        asked++;
        if (count == HEADS_BATCH) {
            ok = read_heads(probe, look, chosen, next, count);
            count = 0;
        }
    }
    return ok && (count == 0 || read_heads(probe, look, chosen, next, count));
}

/* ---- what workers have ---- */

struct tally {
    struct liv_celery *probe;
    struct liv_celery_look *look;
    bool whole; /* each of them was read */
};

static void keep_task(struct tally *tally, double since, const struct dr_kombu_task *task)
{
    struct liv_celery_look *look = tally->look;
    struct liv_celery_held *more = realloc(look->held, (look->held_count + 1) * sizeof *look->held);
    if (more == NULL) {
        tally->probe->seen.no_memory = true;
        return;
    }
    look->held = more;
    struct liv_celery_held *held = &more[look->held_count];
    *held = (struct liv_celery_held){
        .id = strdup(task->id), .delivered = since, .queue = strdup(task->queue)};
    if (held->id == NULL || held->queue == NULL) {
        free(held->id);
        free(held->queue);
        tally->probe->seen.no_memory = true;
        return;
    }
    look->held_count++;
}

/* A worker keeps a task that has an eta until then: nothing is wrong with it, and nothing moves. */
static void tally_task(void *context, double delivered, const struct dr_kombu_task *task)
{
    struct tally *tally = context;
    struct liv_celery_look *look = tally->look;
    if (task == NULL) {
        tally->whole = false;
        return;
    }
    bool waits = task->eta.known && task->eta.value > look->now;
    double since = task->eta.known && task->eta.value > delivered ? task->eta.value : delivered;
    double age = look->now > since ? look->now - since : 0;
    if (!waits)
        keep_task(tally, since, task);
    for (size_t i = 0; i < look->queue_count; i++) {
        struct liv_celery_queue *queue = &look->queues[i];
        if (strcmp(queue->name, task->queue) != 0)
            continue;
        queue->taken.value++;
        queue->taken_mark += waits ? 0 : task->tag;
        if (!waits && (!queue->taken_age.known || age > queue->taken_age.value))
            queue->taken_age = dr_real(age);
    }
}

static bool read_flight(struct liv_celery *probe, struct liv_celery_look *look,
                        const redisReply *index)
{
    struct dr_kombu_flight flight = {.index = index};
    struct tally tally = {.probe = probe, .look = look, .whole = true};
    if (index->type != REDIS_REPLY_ARRAY || index->elements % 2 != 0)
        return dr_redis_fail(&probe->redis, "ZRANGE", index);
    size_t count = index->elements / 2;
    for (size_t left = count; left > 0; left = count - flight.taken) {
        if (!dr_kombu_read_flight(&probe->redis, &probe->names, &flight,
                                  left < DR_KOMBU_FLIGHT_BATCH ? left : DR_KOMBU_FLIGHT_BATCH,
                                  tally_task, &tally))
            return false;
    }
    look->held_known = tally.whole && count < TASKS_MAX;
    for (size_t i = 0; i < look->queue_count; i++)
        look->queues[i].taken.known = look->held_known;
    return true;
}

/* ---- who waits ---- */

/* Lines of "name=value name=value ...". Only connections to our database count. */
static void count_takers(struct liv_celery *probe, struct liv_celery_look *look,
                         const redisReply *reply)
{
    char db[32];
    int64_t count = 0;
    if (reply->type != REDIS_REPLY_STRING) {
        dr_task_trace(probe->task, 1,
                      "CLIENT LIST is not allowed: who waits for tasks is not seen");
        return;
    }
    snprintf(db, sizeof db, " db=%s ", probe->db);
    for (const char *line = reply->str; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        char *text = strndup(line, length);
        const char *idle = text != NULL ? strstr(text, " idle=") : NULL;
        if (idle != NULL && strstr(text, " cmd=brpop") != NULL && strstr(text, db) != NULL &&
            strtol(idle + 6, NULL, 10) <= WAITING_SECONDS)
            count++;
        free(text);
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    look->takers = dr_int(count);
}

static bool look_at_flight(struct liv_celery *probe, struct liv_celery_look *look)
{
    redisReply *replies[2];
    char *index = dr_kombu_key(&probe->names, "unacked_index");
    bool ok = index != NULL || liv_celery_no_memory(probe);
    ok = ok && LIV_CELERY_ADD(probe, "ZRANGE", index, "0", TASKS_LAST, "WITHSCORES") &&
         LIV_CELERY_ADD(probe, "CLIENT", "LIST");
    free(index);
    if (!ok || !dr_redis_talk(&probe->redis, "look at the tasks in flight", replies, 2))
        return false;
    count_takers(probe, look, replies[1]);
    ok = read_flight(probe, look, replies[0]);
    dr_redis_free_replies(replies, 2);
    return ok;
}

bool liv_celery_look_at_queues(struct liv_celery *probe, struct liv_celery_look *look)
{
    probe->looking = look;
    if (!list_queues(probe, look))
        return false;
    size_t *next = calloc(look->queue_count + 1, sizeof *next);
    if (next == NULL)
        return liv_celery_no_memory(probe);
    bool ok = count_tasks(probe, look, next) && look_at_flight(probe, look) &&
              look_at_heads(probe, look, next);
    free(next);
    return ok;
}
