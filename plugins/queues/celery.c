/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for Redis and Valkey as the broker of Celery: the server's state, how many tasks wait
 * in each queue and which one is next, and what workers have and have not acknowledged. It only
 * reads: what is sent is INFO, TIME, SELECT, CONFIG GET save, SCAN, SMEMBERS, LLEN, LINDEX, ZRANGE,
 * ZCOUNT, HLEN, HSTRLEN and HGET. */
#include "common/client/redis.h"
#include "common/module.h"
#include "plugins/queues/celery_read.h"
#include "plugins/queues/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 6379
/* Commands that are sent at once: what fits into the client's buffer with the longest names. */
#define BATCH 128
/* SCAN looks at so many keys at a time, which holds up the server for a millisecond or less. */
#define SCAN_KEYS "1000"
#define SCAN_ROUNDS 2000
/* Messages are as large as their senders made them. Those that are next in their queues are asked
 * for a few at a time, because the server keeps what we do not take in its memory. */
#define HEADS_MAX 256
#define HEADS_BATCH 8
/* Of the tasks that workers have, the oldest ones are read. */
#define TASKS_MAX 500
#define TASKS_LAST "499"
#define TASKS_BATCH 64
#define TASK_BYTES (256 * 1024)
#define TASKS_BYTES (1024 * 1024)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ADD(redis, ...)                                                                            \
    dr_redis_add(redis, COUNT(((const char *const[]){__VA_ARGS__})),                               \
                 (const char *const[]){__VA_ARGS__})

struct probe {
    struct dr_redis redis;
    struct dr_task *task;
    const struct que_request *request;
    struct que_facts *facts;
    struct dr_error *error;
    struct que_celery_names names;
    char db[16];
    char grant[300];
    double now;        /* the server's clock, seconds since the epoch */
    redisReply *index; /* the oldest of unacked_index: tag, score, tag, score ... */
};

static const struct dr_uri *uri_of(const struct probe *probe)
{
    return &dr_task_target(probe->task)->uri;
}

static bool no_memory(struct probe *probe)
{
    return dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
}

/* How many of something. */
static bool read_count(struct probe *probe, const char *command, const redisReply *reply,
                       long long *count)
{
    *count = reply->integer;
    if (reply->type != REDIS_REPLY_INTEGER)
        return dr_redis_fail(&probe->redis, command, reply);
    return *count >= 0 || dr_error_set(probe->error, DR_ERR_PROTOCOL,
                                       "the reply to %s cannot be used: %lld", command, *count);
}

/* A command with one key, and up to two words behind it. The key is ended here. */
static bool add_key(struct probe *probe, const char *command, char *key, const char *more,
                    const char *last)
{
    const char *words[] = {command, key, more, last};
    size_t count = more == NULL ? 2 : last == NULL ? 3 : 4;
    bool ok = key != NULL ? dr_redis_add(&probe->redis, count, words) : no_memory(probe);
    free(key);
    return ok;
}

/* ---- what was found, for -v ---- */

static void trace_figure(struct dr_buffer *line, const char *name, struct dr_opt_real value)
{
    if (value.known)
        dr_buffer_addf(line, ", %s %.15g", name, value.value);
}

static struct dr_opt_real real(struct dr_opt_int value)
{
    return (struct dr_opt_real){.known = value.known, .value = (double)value.value};
}

static void trace_replica(const struct probe *probe, const struct que_replica *replica)
{
    struct dr_buffer line = DR_BUFFER(400);
    trace_figure(&line, "bytes behind", real(replica->behind));
    trace_figure(&line, "age", replica->age);
    dr_task_trace(probe->task, 1, "replica %s %s%s", replica->address,
                  replica->online ? "online" : "not online", dr_buffer_text(&line));
    dr_buffer_free(&line);
}

static void trace_store(const struct probe *probe)
{
    const struct que_store *store = &probe->facts->store;
    if (store->primary)
        dr_task_trace(probe->task, 1, "version %s, primary", store->version);
    else
        dr_task_trace(probe->task, 1, "version %s, replica of %s", store->version,
                      store->upstream != NULL ? store->upstream : "?");
    for (size_t i = 0; i < store->replica_count; i++)
        trace_replica(probe, &store->replicas[i]);
}

/* ---- the server ---- */

enum { INFO, SELECTED, TIME, SAVE, BASICS };

static bool read_time(struct probe *probe, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return dr_redis_fail(&probe->redis, "TIME", reply);
    struct dr_opt_int seconds = dr_redis_number(reply->element[0]->str);
    struct dr_opt_int micro = dr_redis_number(reply->element[1]->str);
    if (!seconds.known || !micro.known)
        return dr_error_set(probe->error, DR_ERR_PROTOCOL, "the reply to TIME cannot be used");
    probe->now = (double)seconds.value + (double)micro.value * 1e-6;
    return true;
}

static bool check_mode(struct probe *probe, const struct dr_redis_info *info)
{
    const char *mode = info->values[DR_REDIS_MODE];
    if (mode != NULL && strcmp(mode, "sentinel") == 0)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "this is a Sentinel: give the Redis servers themselves");
    return true;
}

/* Where CONFIG is not allowed, or not there (managed services), it stays unknown. */
static void read_save(struct probe *probe, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING)
        probe->facts->store.snapshots = dr_bool(*reply->element[1]->str != '\0');
}

/* A server that reads its data answers INFO and nothing else that we ask. */
static bool read_basics(struct probe *probe, redisReply **replies)
{
    struct dr_redis_info info = {.text = NULL};
    if (replies[INFO]->type != REDIS_REPLY_STRING)
        return dr_redis_fail(&probe->redis, "INFO", replies[INFO]);
    bool ok = (dr_redis_info_read(&info, replies[INFO]->str) || no_memory(probe)) &&
              check_mode(probe, &info) && read_time(probe, replies[TIME]) &&
              que_celery_read_store(&info, probe->now, &probe->facts->store, probe->error);
    dr_redis_info_free(&info);
    if (!ok)
        return false;
    read_save(probe, replies[SAVE]);
    trace_store(probe);
    return replies[SELECTED]->type == REDIS_REPLY_STATUS ||
           dr_redis_fail(&probe->redis, "SELECT", replies[SELECTED]);
}

static bool look_at_server(struct probe *probe)
{
    redisReply *replies[BASICS];
    const struct dr_target *target = dr_task_target(probe->task);
    if (!dr_redis_log_in(&probe->redis, target->uri.user, target->password) ||
        !ADD(&probe->redis, "INFO") || !ADD(&probe->redis, "SELECT", probe->db) ||
        !ADD(&probe->redis, "TIME") || !ADD(&probe->redis, "CONFIG", "GET", "save") ||
        !dr_redis_talk(&probe->redis, "query", replies, BASICS))
        return false;
    bool ok = read_basics(probe, replies);
    dr_redis_free_replies(replies, BASICS);
    return ok;
}

/* ---- which queues ---- */

/* A queue that is bound. Where the user has named queues, the others are none of ours. */
static bool note_queue(struct probe *probe, const char *name)
{
    char vhost[24];
    snprintf(vhost, sizeof vhost, "db%s", probe->db);
    bool named = probe->request->queues.count > 0;
    struct que_queue *queue = named ? que_roster_find(probe->facts->roster, vhost, name)
                                    : que_roster_add(probe->facts->roster, vhost, name);
    if (queue != NULL)
        queue->traits |= QUE_LISTED;
    return queue != NULL || named || no_memory(probe);
}

static bool read_members(struct probe *probe, const char *exchange, const redisReply *reply)
{
    char queue[QUE_NAME_MAX + 1];
    bool ok = true;
    /* What was deleted meanwhile is an empty set; what is no set is none of kombu's. */
    for (size_t i = 0; ok && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const char *member = reply->element[i]->str;
        if (member != NULL && que_celery_binding(&probe->names, exchange, member, queue))
            ok = note_queue(probe, queue);
    }
    return ok && (reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "WRONGTYPE", 9) == 0 ||
                  dr_redis_fail(&probe->redis, "SMEMBERS", reply));
}

/* Whose names are the elements of `keys`. */
static bool read_bindings(struct probe *probe, const redisReply *keys, size_t from, size_t count)
{
    redisReply *replies[BATCH];
    size_t skip = strlen(probe->names.prefix) + sizeof QUE_CELERY_BINDING - 1;
    for (size_t i = 0; i < count; i++) {
        const redisReply *key = keys->element[from + i];
        if (key->type != REDIS_REPLY_STRING || strlen(key->str) < skip)
            return dr_error_set(probe->error, DR_ERR_PROTOCOL, "the reply to SCAN cannot be used");
        if (!ADD(&probe->redis, "SMEMBERS", key->str))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "read the bindings", replies, count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = read_members(probe, keys->element[from + i]->str + skip, replies[i]);
    dr_redis_free_replies(replies, count);
    return ok;
}

/* One round of SCAN; *cursor is "0" after the last one. */
static bool read_scan(struct probe *probe, const redisReply *reply, char *cursor, size_t size)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_ARRAY || strlen(reply->element[0]->str) >= size)
        return dr_redis_fail(&probe->redis, "SCAN", reply);
    const redisReply *keys = reply->element[1];
    snprintf(cursor, size, "%s", reply->element[0]->str);
    for (size_t i = 0; i < keys->elements; i += BATCH) {
        size_t left = keys->elements - i;
        if (!read_bindings(probe, keys, i, left < BATCH ? left : BATCH))
            return false;
    }
    return true;
}

static bool scan_round(struct probe *probe, const char *pattern, char *cursor, size_t size)
{
    redisReply *reply;
    if (!ADD(&probe->redis, "SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_KEYS) ||
        !dr_redis_talk(&probe->redis, "search for the queues", &reply, 1))
        return false;
    bool ok = read_scan(probe, reply, cursor, size);
    freeReplyObject(reply);
    return ok;
}

/* Notes every queue that is bound. *complete: all keys were looked at, within half of the time. */
static bool scan_bindings(struct probe *probe, bool *complete)
{
    char cursor[24] = "0";
    double until = dr_monotonic() + dr_task_left(probe->task) / 2;
    char *pattern = que_celery_pattern(&probe->names);
    bool ok = pattern != NULL || no_memory(probe);
    *complete = false;
    for (size_t i = 0; ok && !*complete && i < SCAN_ROUNDS && dr_monotonic() < until; i++) {
        ok = scan_round(probe, pattern, cursor, sizeof cursor);
        *complete = strcmp(cursor, "0") == 0;
    }
    free(pattern);
    return ok;
}

static bool find_queues(struct probe *probe)
{
    bool complete;
    if (!scan_bindings(probe, &complete))
        return false;
    return complete || dr_error_set(probe->error, DR_ERR_PROTOCOL,
                                    "the database has too many keys to search it for Celery's "
                                    "queues: name them with --queue");
}

static bool name_queues(struct probe *probe)
{
    char vhost[24];
    snprintf(vhost, sizeof vhost, "db%s", probe->db);
    for (size_t i = 0; i < probe->request->queues.count; i++) {
        const char *name = probe->request->queues.items[i];
        if (*name == '\0' || strlen(name) > QUE_NAME_MAX)
            return dr_error_set(probe->error, DR_ERR_USAGE,
                                "--queue: a name has 1 to %d characters", QUE_NAME_MAX);
        if (que_roster_add(probe->facts->roster, vhost, name) == NULL)
            return no_memory(probe);
    }
    return true;
}

/* ---- what waits ---- */

/* How many commands one queue takes: its lists, and a set where it was not found by that. */
static size_t commands_each(const struct probe *probe)
{
    return probe->names.step_count + (probe->request->queues.count > 0 ? 1 : 0);
}

static bool add_lists(struct probe *probe, const struct que_queue *queue)
{
    const struct que_celery_names *names = &probe->names;
    for (size_t i = 0; i < names->step_count; i++) {
        if (!add_key(probe, "LLEN", que_celery_list(names, queue->name, names->steps[i]), NULL,
                     NULL))
            return false;
    }
    if (probe->request->queues.count == 0)
        return true;
    char binding[QUE_NAME_MAX + sizeof QUE_CELERY_BINDING];
    snprintf(binding, sizeof binding, QUE_CELERY_BINDING "%s", queue->name);
    return add_key(probe, "SMEMBERS", que_celery_key(names, binding), NULL, NULL);
}

/* The first list that has something is the one that is emptied next: *next, of the steps. */
static bool read_lists(struct probe *probe, struct que_queue *queue, redisReply **replies,
                       uint8_t *next)
{
    double ready = 0;
    char command[100];
    char *clean = dr_text_clean(queue->name, 80);
    snprintf(command, sizeof command, "LLEN %s", clean != NULL ? clean : "");
    free(clean);
    *next = QUE_STEPS_MAX;
    for (size_t i = 0; i < probe->names.step_count; i++) {
        long long count;
        if (!read_count(probe, command, replies[i], &count))
            return false;
        if (count > 0 && *next == QUE_STEPS_MAX)
            *next = (uint8_t)i;
        ready += (double)count;
    }
    que_set(queue, QUE_READY, ready);
    if (ready > 0)
        queue->traits |= QUE_LISTED;
    return true;
}

static bool count_batch(struct probe *probe, size_t from, size_t count, uint8_t *next)
{
    redisReply *replies[BATCH];
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
              read_members(probe, queue->name, replies[(i + 1) * each - 1]));
    }
    dr_redis_free_replies(replies, count * each);
    return ok;
}

static bool count_tasks(struct probe *probe, uint8_t *next)
{
    const struct que_roster *roster = probe->facts->roster;
    size_t each = BATCH / commands_each(probe);
    for (size_t i = 0; i < roster->count; i += each) {
        size_t left = roster->count - i;
        if (!count_batch(probe, i, left < each ? left : each, next))
            return false;
    }
    return true;
}

/* An empty queue has no key, and the one that nobody has either: only a binding tells them apart,
 * which may be that of another exchange. What is not there by then has no figures. */
static bool settle_queues(struct probe *probe)
{
    struct que_roster *roster = probe->facts->roster;
    bool missing = false;
    bool complete;
    for (size_t i = 0; i < roster->count; i++)
        missing = missing || (que_roster_at(roster, i)->traits & QUE_LISTED) == 0;
    if (missing && !scan_bindings(probe, &complete))
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

/* ---- which one is next ---- */

/* Replies for the queues that `chosen` numbers. A message that is too large leaves the rest
 * unknown: the connection cannot be used any more, which nothing needs. */
static bool read_heads(struct probe *probe, const size_t *chosen, const uint8_t *next, size_t count)
{
    redisReply *replies[HEADS_BATCH];
    const struct que_celery_names *names = &probe->names;
    for (size_t i = 0; i < count; i++) {
        const struct que_queue *queue = que_roster_at(probe->facts->roster, chosen[i]);
        char *list = que_celery_list(names, queue->name, names->steps[next[chosen[i]]]);
        if (!add_key(probe, "LINDEX", list, "-1", NULL))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "look at the next tasks", replies, count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        struct que_queue *queue = que_roster_at(probe->facts->roster, chosen[i]);
        if (replies[i]->type == REDIS_REPLY_STRING)
            queue->head = que_celery_read_head(replies[i]->str);
        /* What was taken meanwhile is nil. */
        ok = replies[i]->type != REDIS_REPLY_ERROR ||
             dr_redis_fail(&probe->redis, "LINDEX", replies[i]);
    }
    dr_redis_free_replies(replies, count);
    return ok;
}

static bool look_at_heads(struct probe *probe, const uint8_t *next)
{
    size_t chosen[HEADS_BATCH];
    size_t count = 0;
    size_t asked = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < probe->facts->roster->count && asked < HEADS_MAX; i++) {
        if (next[i] == QUE_STEPS_MAX)
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

/* ---- what workers have ---- */

struct flight {
    size_t taken;      /* of the index, in its order */
    size_t bytes;      /* of messages read */
    bool complete;     /* the whole index was read, and every task in it */
    double oldest;     /* since when the oldest one has been with a worker that may run it */
    bool found;        /* that is known */
    double unreadable; /* when the first one was delivered of which nothing is known */
    bool blind;        /* there is such a one */
    bool attributed;   /* each one is of a queue of the roster */
    int64_t waiting;   /* for their eta */
};

static double score_of(const struct probe *probe, size_t i)
{
    const char *text = probe->index->element[2 * i + 1]->str;
    return text != NULL ? strtod(text, NULL) : 0;
}

static void tally_queue(struct probe *probe, struct flight *flight, const char *name)
{
    char vhost[24];
    snprintf(vhost, sizeof vhost, "db%s", probe->db);
    struct que_queue *queue =
        *name != '\0' ? que_roster_find(probe->facts->roster, vhost, name) : NULL;
    if (queue != NULL)
        queue->totals[QUE_UNACKED]++;
    else
        flight->attributed =
            flight->attributed && *name != '\0' && probe->request->queues.count > 0;
}

/* A worker keeps a task that has an eta until then, and only from then on it is late. */
static void tally_task(struct probe *probe, struct flight *flight, double delivered,
                       const struct que_celery_task *task)
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

static bool add_unacked(struct probe *probe, const char *command, const char *tag)
{
    return add_key(probe, command, que_celery_key(&probe->names, "unacked"), tag, NULL);
}

/* Lengths of the next `count` tasks; 0: acknowledged meanwhile. */
static bool ask_lengths(struct probe *probe, const struct flight *flight, size_t count,
                        long long *lengths)
{
    redisReply *replies[TASKS_BATCH];
    for (size_t i = 0; i < count; i++) {
        const char *tag = probe->index->element[2 * (flight->taken + i)]->str;
        if (!add_unacked(probe, "HSTRLEN", tag != NULL ? tag : ""))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "measure the tasks in flight", replies, count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = read_count(probe, "HSTRLEN", replies[i], &lengths[i]);
    dr_redis_free_replies(replies, count);
    return ok;
}

static bool read_task(struct probe *probe, struct flight *flight, double delivered,
                      const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_NIL)
        return true;
    if (reply->type != REDIS_REPLY_STRING)
        return dr_redis_fail(&probe->redis, "HGET", reply);
    struct que_celery_task task = que_celery_read_task(reply->str);
    if (task.readable)
        tally_task(probe, flight, delivered, &task);
    else
        tally_unreadable(flight, delivered);
    return true;
}

/* Which of them are small enough to be read: their places in the index; returns how many. */
static size_t choose_tasks(struct probe *probe, struct flight *flight, const long long *lengths,
                           size_t count, size_t *chosen)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] <= 0)
            continue;
        if (lengths[i] > TASK_BYTES || flight->bytes + (size_t)lengths[i] > TASKS_BYTES) {
            tally_unreadable(flight, score_of(probe, flight->taken + i));
            continue;
        }
        flight->bytes += (size_t)lengths[i];
        chosen[most++] = flight->taken + i;
    }
    return most;
}

static bool read_tasks(struct probe *probe, struct flight *flight, size_t count)
{
    long long lengths[TASKS_BATCH];
    size_t chosen[TASKS_BATCH];
    redisReply *replies[TASKS_BATCH];
    if (!ask_lengths(probe, flight, count, lengths))
        return false;
    size_t most = choose_tasks(probe, flight, lengths, count, chosen);
    for (size_t i = 0; i < most; i++) {
        if (!add_unacked(probe, "HGET", probe->index->element[2 * chosen[i]]->str))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "read the tasks in flight", replies, most))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < most; i++)
        ok = read_task(probe, flight, score_of(probe, chosen[i]), replies[i]);
    dr_redis_free_replies(replies, most);
    flight->taken += count;
    return ok;
}

/* Those of an index that goes on are read until the oldest one is found: what comes later was
 * delivered later. */
static bool read_flight(struct probe *probe, struct flight *flight)
{
    size_t count = probe->index->elements / 2;
    flight->complete = count < TASKS_MAX;
    flight->attributed = true;
    while (flight->taken < count) {
        bool enough =
            count == TASKS_MAX && flight->found && flight->oldest <= score_of(probe, flight->taken);
        if (enough)
            break;
        size_t left = count - flight->taken;
        if (!read_tasks(probe, flight, left < TASKS_BATCH ? left : TASKS_BATCH))
            return false;
    }
    return true;
}

static void note_flight(struct probe *probe, const struct flight *flight)
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

static bool read_index(struct probe *probe, redisReply **replies)
{
    struct flight flight = {.taken = 0};
    struct que_store *store = &probe->facts->store;
    long long held;
    long long late;
    if (!read_count(probe, "HLEN unacked", replies[HELD], &held) ||
        !read_count(probe, "ZCOUNT unacked_index", replies[LATE], &late))
        return false;
    if (replies[OLDEST]->type != REDIS_REPLY_ARRAY || replies[OLDEST]->elements % 2 != 0)
        return dr_redis_fail(&probe->redis, "ZRANGE unacked_index", replies[OLDEST]);
    store->in_flight = dr_int(held);
    store->in_flight_late = dr_int(late);
    probe->index = replies[OLDEST];
    bool ok = read_flight(probe, &flight);
    probe->index = NULL;
    if (ok)
        note_flight(probe, &flight);
    return ok;
}

static bool look_at_flight(struct probe *probe)
{
    redisReply *replies[FLIGHT_REPLIES];
    char limit[40];
    const struct que_celery_names *names = &probe->names;
    snprintf(limit, sizeof limit, "%.6f", probe->now - probe->request->visibility_timeout);
    char *index = que_celery_key(names, "unacked_index");
    bool ok = index != NULL || no_memory(probe);
    ok = ok && add_key(probe, "HLEN", que_celery_key(names, "unacked"), NULL, NULL) &&
         ADD(&probe->redis, "ZCOUNT", index, "-inf", limit) &&
         ADD(&probe->redis, "ZRANGE", index, "0", TASKS_LAST, "WITHSCORES");
    free(index);
    if (!ok ||
        !dr_redis_talk(&probe->redis, "look at the tasks in flight", replies, FLIGHT_REPLIES))
        return false;
    ok = read_index(probe, replies);
    dr_redis_free_replies(replies, FLIGHT_REPLIES);
    return ok;
}

/* ---- the source ---- */

static void trace_queue(const struct probe *probe, const struct que_queue *queue)
{
    struct dr_buffer line = DR_BUFFER(400);
    trace_figure(&line, "waiting", que_figure(queue, QUE_READY));
    trace_figure(&line, "unacknowledged", que_figure(queue, QUE_UNACKED));
    trace_figure(&line, "messages", que_figure(queue, QUE_MESSAGES));
    if (queue->head != 0)
        dr_buffer_addf(&line, ", next %016llx", (unsigned long long)queue->head);
    if (queue->state == QUE_STATE_UNKNOWN)
        dr_buffer_add(&line, ", not there");
    dr_task_trace(probe->task, 2, "queue %s%s", queue->name, dr_buffer_text(&line));
    dr_buffer_free(&line);
}

static void trace_facts(const struct probe *probe)
{
    const struct que_store *store = &probe->facts->store;
    const struct que_roster *roster = probe->facts->roster;
    struct dr_buffer line = DR_BUFFER(400);
    if (!dr_task_traces(probe->task, 1))
        return;
    trace_figure(&line, "in flight", real(store->in_flight));
    trace_figure(&line, "late", real(store->in_flight_late));
    trace_figure(&line, "waiting for their eta", real(store->in_flight_eta));
    trace_figure(&line, "age", store->in_flight_age);
    dr_task_trace(probe->task, 1, "db%s: %zu queues%s", probe->db, roster->count,
                  dr_buffer_text(&line));
    dr_buffer_free(&line);
    for (size_t i = 0; i < roster->count && dr_task_traces(probe->task, 2); i++)
        trace_queue(probe, que_roster_at(roster, i));
}

static bool look_at_queues(struct probe *probe)
{
    bool named = probe->request->queues.count > 0;
    struct que_roster *roster = que_roster_new();
    probe->facts->roster = roster;
    probe->facts->store.queues_named = named;
    if (roster == NULL)
        return no_memory(probe);
    if (!(named ? name_queues(probe) : find_queues(probe)))
        return false;
    uint8_t *next = calloc(roster->count + 1, sizeof *next);
    if (next == NULL)
        return no_memory(probe);
    probe->redis.discreet = true;
    bool ok = count_tasks(probe, next) && settle_queues(probe) && look_at_flight(probe) &&
              look_at_heads(probe, next);
    free(next);
    return ok;
}

static bool ask(struct probe *probe)
{
    const char *user = uri_of(probe)->user;
    double started = dr_monotonic();
    snprintf(probe->grant, sizeof probe->grant,
             "it: ACL SETUSER %.60s ~* +info +select +time +scan +smembers +llen "
             "+lindex +zrange +zcount +hlen +hstrlen +hget",
             user != NULL && *user != '\0' ? user : "default");
    if (!dr_redis_open(&probe->redis, PORT) || !look_at_server(probe) || !look_at_queues(probe))
        return false;
    struct que_roster *roster = probe->facts->roster;
    roster->complete = roster->figured = roster->exact = true;
    roster->elapsed = dr_monotonic() - started;
    trace_facts(probe);
    return true;
}

static bool take_db(struct probe *probe, bool socket)
{
    const struct dr_uri *uri = uri_of(probe);
    const char *param = dr_uri_param(uri, "db");
    const char *text = socket ? param : *uri->path == '/' ? uri->path + 1 : NULL;
    if (!socket && param != NULL)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "db is for Unix sockets: the database is the path, HOST/%.8s", param);
    if (text == NULL || *text == '\0')
        text = "0";
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 8)
        return dr_error_set(probe->error, DR_ERR_USAGE, "\"%.60s\" is no number of a database",
                            text);
    snprintf(probe->db, sizeof probe->db, "%s", text);
    return true;
}

/* A parameter that is mistyped would be left out in silence. */
static bool check_uri(struct probe *probe)
{
    static const char *const known[] = {"cacert", "cert",           "key", "insecure", "prefix",
                                        "sep",    "priority_steps", "db"};
    const struct dr_uri *uri = uri_of(probe);
    bool socket = strstr(uri->scheme, "+unix") != NULL;
    for (size_t i = 0; i < uri->param_count; i++) {
        bool found = false;
        for (size_t k = 0; k < COUNT(known); k++)
            found = found || strcmp(uri->params[i].key, known[k]) == 0;
        if (!found)
            return dr_error_set(probe->error, DR_ERR_USAGE, "the URI has no parameter \"%.60s\"",
                                uri->params[i].key);
    }
    if (socket != (uri->host_count == 0))
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            socket ? "the path of a Unix socket has no host before it: "
                                     "celery+redis+unix:///PATH"
                                   : "no host in the URI");
    return take_db(probe, socket) && que_celery_names_read(uri, &probe->names, probe->error);
}

static bool probe_target(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct probe probe = {.task = task,
                          .request = dr_task_request(task),
                          .facts = facts,
                          .error = error,
                          .redis.stream = {.task = task, .error = error}};
    probe.redis.grant = probe.grant;
    probe.facts->product = QUE_CELERY;
    bool ok = check_uri(&probe) && ask(&probe);
    dr_redis_close(&probe.redis);
    if (!ok) { /* half a list is none */
        que_roster_free(probe.facts->roster);
        probe.facts->roster = NULL;
    }
    que_board_done(probe.request->board, dr_task_index(task), false);
    return ok;
}

static const char *library(void)
{
    static char text[32];
    snprintf(text, sizeof text, "hiredis %d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return text;
}

extern const struct dr_source DR_SOURCE_SYMBOL(queues, celery);
const struct dr_source DR_SOURCE_SYMBOL(queues, celery) = {
    .abi = DR_SOURCE_ABI,
    .group = "queues",
    .name = "celery",
    .facts_size = sizeof(struct que_facts),
    .library = library,
    .probe = probe_target,
};

#if defined DR_STATIC_SOURCES && defined DR_STREAM_TLS
/* As modules the two are files of their own: only TLS costs the loading of its library. */
extern const struct dr_source DR_SOURCE_SYMBOL(queues, celerys);
const struct dr_source DR_SOURCE_SYMBOL(queues, celerys) = {
    .abi = DR_SOURCE_ABI,
    .group = "queues",
    .name = "celerys",
    .facts_size = sizeof(struct que_facts),
    .library = library,
    .probe = probe_target,
};
#endif
