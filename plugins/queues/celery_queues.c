/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Celery's queues: which ones there are, how many tasks wait in each, and which one is next. */
#include "plugins/queues/celery_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages are as large as their senders made them. Those that are next in their queues are asked
 * for a few at a time, because the server keeps what we do not take in its memory. */
#define HEADS_MAX 256
#define HEADS_BATCH 8

/* ---- which queues ---- */

/* A queue that is bound. Where the user has named queues, the others are none of ours. */
static bool note_queue(void *context, const char *name)
{
    struct que_celery *probe = context;
    bool named = probe->request->queues.count > 0;
    struct que_queue *queue = named ? que_roster_find(probe->facts->roster, probe->vhost, name)
                                    : que_roster_add(probe->facts->roster, probe->vhost, name);
    if (queue != NULL)
        queue->traits |= QUE_LISTED;
    return queue != NULL || named || que_celery_no_memory(probe);
}

/* Every queue that is bound, within half of the time. */
static bool search_queues(struct que_celery *probe, bool *complete)
{
    return dr_kombu_search(&probe->redis, &probe->names, dr_task_left(probe->task) / 2, note_queue,
                           probe, complete);
}

static bool find_queues(struct que_celery *probe)
{
    bool complete;
    if (!search_queues(probe, &complete))
        return false;
    return complete || dr_error_set(probe->error, DR_ERR_PROTOCOL,
                                    "the database has too many keys to search it for Celery's "
                                    "queues: name them with --queue");
}

static bool name_queues(struct que_celery *probe)
{
    for (size_t i = 0; i < probe->request->queues.count; i++) {
        const char *name = probe->request->queues.items[i];
        if (*name == '\0' || strlen(name) > DR_KOMBU_NAME_MAX)
            return dr_error_set(probe->error, DR_ERR_USAGE,
                                "--queue: a name has 1 to %d characters", DR_KOMBU_NAME_MAX);
        if (que_roster_add(probe->facts->roster, probe->vhost, name) == NULL)
            return que_celery_no_memory(probe);
    }
    return true;
}

bool que_celery_list_queues(struct que_celery *probe)
{
    return probe->request->queues.count > 0 ? name_queues(probe) : find_queues(probe);
}

/* ---- what waits ---- */

/* How many commands one queue takes: its lists, and a set where it was not found by that. */
static size_t commands_each(const struct que_celery *probe)
{
    return probe->names.step_count + (probe->request->queues.count > 0 ? 1 : 0);
}

static bool add_lists(struct que_celery *probe, const struct que_queue *queue)
{
    const struct dr_kombu_names *names = &probe->names;
    for (size_t i = 0; i < names->step_count; i++) {
        if (!dr_kombu_add(&probe->redis, "LLEN", dr_kombu_list(names, queue->name, names->steps[i]),
                          NULL, NULL))
            return false;
    }
    if (probe->request->queues.count == 0)
        return true;
    char binding[DR_KOMBU_NAME_MAX + sizeof DR_KOMBU_BINDING];
    snprintf(binding, sizeof binding, DR_KOMBU_BINDING "%s", queue->name);
    return dr_kombu_add(&probe->redis, "SMEMBERS", dr_kombu_key(names, binding), NULL, NULL);
}

/* The first list that has something is the one that is emptied next: *next, of the steps. */
static bool read_lists(struct que_celery *probe, struct que_queue *queue, redisReply **replies,
                       uint8_t *next)
{
    double ready = 0;
    char command[100];
    char *clean = dr_text_clean(queue->name, 80);
    snprintf(command, sizeof command, "LLEN %s", clean != NULL ? clean : "");
    free(clean);
    *next = DR_KOMBU_STEPS_MAX;
    for (size_t i = 0; i < probe->names.step_count; i++) {
        long long count;
        if (!dr_kombu_count(&probe->redis, command, replies[i], &count))
            return false;
        if (count > 0 && *next == DR_KOMBU_STEPS_MAX)
            *next = (uint8_t)i;
        ready += (double)count;
    }
    que_set(queue, QUE_READY, ready);
    if (ready > 0)
        queue->traits |= QUE_LISTED;
    return true;
}

static bool count_batch(struct que_celery *probe, size_t from, size_t count, uint8_t *next)
{
    redisReply *replies[DR_KOMBU_BATCH];
    size_t each = commands_each(probe);
    for (size_t i = 0; i < count; i++) {
        if (!add_lists(probe, que_roster_at(probe->facts->roster, from + i)))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "count the tasks", replies, count * each))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        struct que_queue *queue = que_roster_at(probe->facts->roster, from + i);
        ok = read_lists(probe, queue, replies + i * each, &next[from + i]) &&
             (each == probe->names.step_count ||
              dr_kombu_read_members(&probe->redis, &probe->names, queue->name,
                                    replies[(i + 1) * each - 1], note_queue, probe));
    }
    dr_redis_free_replies(replies, count * each);
    return ok;
}

/* An empty queue has no key, and the one that nobody has either: only a binding tells them apart,
 * which may be that of another exchange. What is not there by then has no figures. */
static bool settle_queues(struct que_celery *probe)
{
    struct que_roster *roster = probe->facts->roster;
    bool missing = false;
    bool complete;
    for (size_t i = 0; i < roster->count; i++)
        missing = missing || (que_roster_at(roster, i)->traits & QUE_LISTED) == 0;
    if (missing && !search_queues(probe, &complete))
        return false;
    for (size_t i = 0; i < roster->count; i++) {
        struct que_queue *queue = que_roster_at(roster, i);
        queue->kind = QUE_LIST;
        if ((queue->traits & QUE_LISTED) != 0) {
            queue->state = QUE_RUNNING;
            queue->traits |= QUE_FIGURED;
        } else {
            queue->known = 0;
        }
    }
    return true;
}

bool que_celery_count_tasks(struct que_celery *probe, uint8_t *next)
{
    const struct que_roster *roster = probe->facts->roster;
    size_t each = DR_KOMBU_BATCH / commands_each(probe);
    for (size_t i = 0; i < roster->count; i += each) {
        size_t left = roster->count - i;
        if (!count_batch(probe, i, left < each ? left : each, next))
            return false;
    }
    return settle_queues(probe);
}

/* ---- which one is next ---- */

/* Replies for the queues that `chosen` numbers. A message that is too large leaves the rest
 * unknown: the connection cannot be used any more, which nothing needs. */
static bool read_heads(struct que_celery *probe, const size_t *chosen, const uint8_t *next,
                       size_t count)
{
    redisReply *replies[HEADS_BATCH];
    const struct dr_kombu_names *names = &probe->names;
    for (size_t i = 0; i < count; i++) {
        const struct que_queue *queue = que_roster_at(probe->facts->roster, chosen[i]);
        char *list = dr_kombu_list(names, queue->name, names->steps[next[chosen[i]]]);
        if (!dr_kombu_add(&probe->redis, "LINDEX", list, "-1", NULL))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "look at the next tasks", replies, count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        struct que_queue *queue = que_roster_at(probe->facts->roster, chosen[i]);
        if (replies[i]->type == REDIS_REPLY_STRING)
            queue->head = dr_kombu_read_head(replies[i]->str);
        /* What was taken meanwhile is nil. */
        ok = replies[i]->type != REDIS_REPLY_ERROR ||
             dr_redis_fail(&probe->redis, "LINDEX", replies[i]);
    }
    dr_redis_free_replies(replies, count);
    return ok;
}

bool que_celery_look_at_heads(struct que_celery *probe, const uint8_t *next)
{
    size_t chosen[HEADS_BATCH];
    size_t count = 0;
    size_t asked = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < probe->facts->roster->count && asked < HEADS_MAX; i++) {
        if (next[i] == DR_KOMBU_STEPS_MAX)
            continue;
        chosen[count++] = i;
        asked++;
        if (count == HEADS_BATCH) {
            ok = read_heads(probe, chosen, next, count);
            count = 0;
        }
    }
    ok = ok && (count == 0 || read_heads(probe, chosen, next, count));
    if (!ok && probe->redis.overrun) {
        dr_task_trace(probe->task, 1, "messages are too large: not all that are next are known");
        *probe->error = (struct dr_error){.class = DR_ERR_NONE};
        return true;
    }
    return ok;
}
