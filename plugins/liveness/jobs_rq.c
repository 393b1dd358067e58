/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RQ: its workers, what waits in its queues, and what is scheduled.
 *
 * What it keeps in Redis (1.7 to 2.9; P is "rq:"):
 *
 *     P workers             set of names; one that was killed stays until another cleans up
 *     P worker:NAME         hash: state, last_heartbeat, queues, current_job, hostname, version,
 *                           successful_job_count, failed_job_count; expires when the worker did not
 *                           keep its own promise to say something
 *     P suspended           is there while all workers are told to take nothing
 *     P queues              set of P queue:NAME
 *     P queue:NAME          list of jobs, the oldest at the left end
 *     P job:ID              hash: enqueued_at, started_at; what else is in it is pickled
 *     P wip:NAME            sorted set of jobs that run, by when their worker's promise ends
 *     P failed:NAME         sorted set
 *     P scheduled:NAME      sorted set of jobs by when they are due
 *     P scheduler-lock:NAME is there while a worker with a scheduler runs
 *
 * A worker that is idle says something every 405 s, and promises 480; one that is busy every 30 s,
 * and promises 90, unless it runs the job in its own process: that one is silent for as long as the
 * job may take, and has promised that. */
#include "plugins/liveness/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_LIMIT 480.0
#define BUSY_LIMIT 90.0
/* An idle worker takes a task at once: one that waits for longer shows that it does not. */
#define IDLE_PATIENCE 30.0
/* The clocks of workers are not the server's. */
#define PROMISE_SLACK 30.0
/* Of the jobs that run in a queue so many tell whether anything moves. */
#define TAKEN_LAST "99"
#define QUEUES_BATCH 8

struct rq_worker {
    const char *name;
    const char *state;
    const char *heartbeat;
    const char *queues;
    const char *job;
    const char *host;
    const char *version;
    const char *well;   /* jobs done */
    const char *failed; /* and failed */
    long long left;     /* milliseconds until its key expires; negative: it does not */
};

struct rq_queue {
    size_t unit;
    long long waiting;
    char head[LIV_JOBS_NAME]; /* the job that is next; "": none, or not known */
};

/* ---- workers ---- */

/* Whether its last sign of life is young, in words. */
static bool is_alive(const struct liv_jobs *probe, const struct rq_worker *worker, double age,
                     bool busy, char *words, size_t size)
{
    double own = probe->request->heartbeat;
    double most = own > 0 ? own : busy ? BUSY_LIMIT : IDLE_LIMIT;
    snprintf(words, size, "its last sign of life is %.0f s old", age);
    if (age <= most)
        return true;
    if (own > 0 || worker->left <= 0)
        return false;
    snprintf(words, size, "silent for %.0f s, as it has said that it may be", age);
    return true;
}

static uint64_t done_of(const struct rq_worker *worker)
{
    const char *const counts[] = {worker->well, worker->failed};
    uint64_t done = 0;
    for (size_t i = 0; i < 2; i++) {
        struct dr_opt_real number = {.known = false};
        if (counts[i] != NULL)
            number = liv_jobs_number(counts[i]);
        if (number.known && number.value > 0 && number.value < 1e15)
            done += (uint64_t)number.value;
    }
    return done;
}

/* A worker that lives: what it does. */
static void sign_living(struct liv_jobs *probe, struct liv_unit *unit,
                        const struct rq_worker *worker, bool suspended, const char *words)
{
    bool busy = strcmp(worker->state, "busy") == 0;
    liv_unit_figure(unit, LIV_BUSY, busy ? 1 : 0);
    if (busy && suspended)
        liv_facts_sign(probe->facts, unit, LIV_W_BUSY, "it ends its task, then it is suspended");
    else if (suspended || strcmp(worker->state, "suspended") == 0)
        liv_facts_sign(probe->facts, unit, LIV_W_SUSPENDED, "%s", words);
    else
        liv_facts_sign(probe->facts, unit, LIV_W_ANSWERED, "%s, %s", worker->state, words);
}

static bool is_state(const char *text)
{
    static const char *const states[] = {"started", "idle", "busy", "suspended"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(text, states[i]) == 0)
            return true;
    }
    return false;
}

/* What of it cannot be used; NULL. */
static const char *unusable(const struct rq_worker *worker, struct dr_opt_real beat)
{
    if (!is_state(worker->state))
        return "state";
    if (*worker->queues == '\0')
        return "queues";
    return beat.known ? NULL : "last_heartbeat";
}

static bool judge_worker(struct liv_jobs *probe, const struct rq_worker *worker, bool suspended,
                         struct liv_unit *unit, struct liv_hand *hand)
{
    char words[160];
    bool busy = strcmp(worker->state, "busy") == 0;
    struct dr_opt_real beat = liv_canary_moment(worker->heartbeat);
    const char *wrong = unusable(worker, beat);
    if (wrong != NULL) {
        liv_facts_sign(probe->facts, unit, LIV_NOT_TOLD, "its %s cannot be used", wrong);
        return true;
    }
    double age = liv_jobs_age(probe, beat.value);
    liv_unit_figure(unit, LIV_HEARTBEAT_AGE, age);
    if (beat.value > probe->now + LIV_JOBS_SKEW && worker->left <= 0) {
        liv_facts_sign(probe->facts, unit, LIV_NOT_TOLD,
                       "its last sign of life is %.0f s ahead of the server's clock",
                       beat.value - probe->now);
        return true;
    }
    hand->alive = is_alive(probe, worker, age, busy, words, sizeof words);
    hand->takes = !suspended && strcmp(worker->state, "suspended") != 0;
    hand->idle = strcmp(worker->state, "idle") == 0;
    hand->done = done_of(worker);
    if (hand->alive)
        sign_living(probe, unit, worker, suspended, words);
    else
        liv_facts_sign(probe->facts, unit, LIV_W_GONE, "%s", words);
    return liv_jobs_link(probe, hand, worker->queues, ',');
}

static bool note_worker(struct liv_jobs *probe, const struct rq_worker *worker, bool suspended)
{
    struct liv_unit *unit = liv_facts_add(probe->facts, LIV_WORKER, worker->name, NULL);
    struct liv_hand hand = {.unit = probe->facts->unit_count - 1};
    if (unit == NULL)
        return liv_jobs_no_memory(probe);
    if (worker->heartbeat == NULL && worker->state == NULL && worker->queues == NULL) {
        liv_facts_sign(probe->facts, unit, LIV_W_GONE,
                       "its name is all that is left: it was not stopped, it died");
        return true;
    }
    if (worker->heartbeat == NULL || worker->state == NULL || worker->queues == NULL) {
        liv_facts_sign(probe->facts, unit, LIV_NOT_TOLD, "it does not tell its %s",
                       worker->state == NULL    ? "state"
                       : worker->queues == NULL ? "queues"
                                                : "last_heartbeat");
        return true;
    }
    liv_facts_text(probe->facts, &unit->version, worker->version);
    if (!judge_worker(probe, worker, suspended, unit, &hand))
        return false;
    if (worker->host != NULL && *worker->host != '\0')
        liv_facts_place(probe->facts, unit, worker->host, hand.alive ? 1 : 0);
    return true;
}

enum { STATE, HEARTBEAT, QUEUES, JOB, HOST, RELEASE, WELL, FAILED, WORKER_FIELDS };

static bool add_worker(struct liv_jobs *probe, const char *name)
{
    static const char *const fields[WORKER_FIELDS + 1] = {
        "state",   "last_heartbeat",       "queues",           "current_job", "hostname",
        "version", "successful_job_count", "failed_job_count", NULL};
    return liv_jobs_add(probe, "HMGET", "worker:", name, fields) &&
           liv_jobs_add(probe, "PTTL", "worker:", name, NULL);
}

static bool read_worker(struct liv_jobs *probe, const char *name, redisReply **replies,
                        struct rq_worker *worker)
{
    const char *texts[WORKER_FIELDS];
    const redisReply *fields = replies[0];
    if (fields->type != REDIS_REPLY_ARRAY || fields->elements != WORKER_FIELDS)
        return dr_redis_fail(&probe->redis, "HMGET", fields);
    for (size_t i = 0; i < WORKER_FIELDS; i++) {
        if (!liv_jobs_read_text(probe, "HMGET", fields->element[i], &texts[i]))
            return false;
    }
    if (replies[1]->type != REDIS_REPLY_INTEGER)
        return dr_redis_fail(&probe->redis, "PTTL", replies[1]);
    *worker = (struct rq_worker){.name = name,
                                 .state = texts[STATE],
                                 .heartbeat = texts[HEARTBEAT],
                                 .queues = texts[QUEUES],
                                 .job = texts[JOB],
                                 .host = texts[HOST],
                                 .version = texts[RELEASE],
                                 .well = texts[WELL],
                                 .failed = texts[FAILED],
                                 .left = replies[1]->integer};
    return true;
}

/* The jobs that they run: ids by their units, to be asked about. */
struct running {
    size_t units[LIV_JOBS_BATCH];
    size_t count;
};

static bool add_running(struct liv_jobs *probe, const struct rq_worker *worker,
                        struct running *running)
{
    const struct liv_unit *unit = &probe->facts->units[probe->facts->unit_count - 1];
    bool alive = unit->figures[LIV_BUSY].known && unit->figures[LIV_BUSY].value > 0;
    if (!alive || worker->job == NULL || *worker->job == '\0' ||
        strlen(worker->job) >= LIV_JOBS_NAME)
        return true;
    running->units[running->count++] = probe->facts->unit_count - 1;
    return liv_jobs_add(probe, "HGET", "job:", worker->job,
                        (const char *const[]){"started_at", NULL});
}

/* Since when: a job that has ended meanwhile is nil. */
static bool read_running(struct liv_jobs *probe, const struct running *running)
{
    redisReply *replies[LIV_JOBS_BATCH];
    bool ok = true;
    if (running->count == 0)
        return true;
    if (!dr_redis_talk(&probe->redis, "look at the tasks that run", replies, running->count))
        return false;
    for (size_t i = 0; ok && i < running->count; i++) {
        const char *text;
        ok = liv_jobs_read_text(probe, "HGET", replies[i], &text);
        struct dr_opt_real since = {.known = false};
        if (ok && text != NULL)
            since = liv_canary_moment(text);
        if (since.known)
            liv_unit_figure(&probe->facts->units[running->units[i]], LIV_TASK_AGE,
                            liv_jobs_age(probe, since.value));
    }
    dr_redis_free_replies(replies, running->count);
    return ok;
}

#define WORKERS_BATCH (LIV_JOBS_BATCH / 2)

static bool read_workers(struct liv_jobs *probe, char **names, size_t count, bool suspended)
{
    redisReply *replies[LIV_JOBS_BATCH];
    struct running running = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        if (!add_worker(probe, names[i]))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "look at the workers", replies, 2 * count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        struct rq_worker worker = {.name = names[i]};
        ok = read_worker(probe, names[i], replies + 2 * i, &worker) &&
             note_worker(probe, &worker, suspended) && add_running(probe, &worker, &running);
    }
    dr_redis_free_replies(replies, 2 * count);
    return ok && read_running(probe, &running);
}

static bool look_at_workers(struct liv_jobs *probe, const struct liv_names *names, bool suspended)
{
    for (size_t i = 0; i < names->count; i += WORKERS_BATCH) {
        size_t left = names->count - i;
        if (!read_workers(probe, names->items + i, left < WORKERS_BATCH ? left : WORKERS_BATCH,
                          suspended))
            return false;
    }
    liv_jobs_sort_links(probe);
    return true;
}

/* ---- queues ---- */

enum { WAITING, HEAD, TAKEN, RUNNING, ABANDONED, FAILURES, SCHEDULED, LOCK, QUEUE_REPLIES };

static bool add_queue(struct liv_jobs *probe, const char *name)
{
    char until[40];
    static const char *const first[] = {"0", NULL};
    static const char *const some[] = {"0", TAKEN_LAST, NULL};
    static const char *const lowest[] = {"0", "0", "WITHSCORES", NULL};
    snprintf(until, sizeof until, "%.3f", probe->now - PROMISE_SLACK);
    return liv_jobs_add(probe, "LLEN", "queue:", name, NULL) &&
           liv_jobs_add(probe, "LINDEX", "queue:", name, first) &&
           liv_jobs_add(probe, "ZRANGE", "wip:", name, some) &&
           liv_jobs_add(probe, "ZCARD", "wip:", name, NULL) &&
           liv_jobs_add(probe, "ZCOUNT", "wip:", name, (const char *const[]){"0", until, NULL}) &&
           liv_jobs_add(probe, "ZCARD", "failed:", name, NULL) &&
           liv_jobs_add(probe, "ZRANGE", "scheduled:", name, lowest) &&
           liv_jobs_add(probe, "PTTL", "scheduler-lock:", name, NULL);
}

/* Tells the jobs that run from others. */
static bool read_taken(struct liv_jobs *probe, const redisReply *reply, uint64_t *taken)
{
    *taken = 0;
    if (reply->type != REDIS_REPLY_ARRAY)
        return dr_redis_fail(&probe->redis, "ZRANGE wip", reply);
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_STRING)
            return dr_redis_fail(&probe->redis, "ZRANGE wip", reply->element[i]);
        *taken = liv_jobs_hash(*taken, reply->element[i]->str);
    }
    return true;
}

struct rq_counts {
    long long running;
    long long abandoned;
    long long failures;
    long long lock; /* milliseconds until it ends; -1: it does not; -2: it is not there */
    uint64_t taken;
    struct dr_opt_real due;
};

static bool read_counts(struct liv_jobs *probe, redisReply **replies, struct rq_queue *queue,
                        struct rq_counts *counts)
{
    const char *head;
    if (!liv_jobs_read_count(probe, "LLEN queue", replies[WAITING], &queue->waiting) ||
        !liv_jobs_read_text(probe, "LINDEX queue", replies[HEAD], &head) ||
        !read_taken(probe, replies[TAKEN], &counts->taken) ||
        !liv_jobs_read_count(probe, "ZCARD wip", replies[RUNNING], &counts->running) ||
        !liv_jobs_read_count(probe, "ZCOUNT wip", replies[ABANDONED], &counts->abandoned) ||
        !liv_jobs_read_count(probe, "ZCARD failed", replies[FAILURES], &counts->failures) ||
        !liv_jobs_read_lowest(probe, "ZRANGE scheduled", replies[SCHEDULED], &counts->due))
        return false;
    if (replies[LOCK]->type != REDIS_REPLY_INTEGER)
        return dr_redis_fail(&probe->redis, "PTTL scheduler-lock", replies[LOCK]);
    counts->lock = replies[LOCK]->integer;
    snprintf(queue->head, sizeof queue->head, "%s",
             head != NULL && strlen(head) < sizeof queue->head ? head : "");
    return true;
}

/* Who takes from it, in signs. */
static void sign_queue(struct liv_jobs *probe, struct liv_unit *unit, const char *name,
                       const struct rq_queue *queue, const struct rq_counts *counts)
{
    char failures[40] = "";
    struct liv_served served = liv_jobs_served(probe, name);
    bool named = probe->request->queues.count > 0;
    if (counts->failures > 0)
        snprintf(failures, sizeof failures, ", %lld failed", counts->failures);
    if (served.takers > 0)
        liv_facts_sign(probe->facts, unit, LIV_Q_SERVED, "%zu%s", served.takers, failures);
    else if (served.resting > 0)
        liv_facts_sign(probe->facts, unit, LIV_W_SUSPENDED, "%lld wait%s", queue->waiting,
                       failures);
    else if (queue->waiting > 0)
        liv_facts_sign(probe->facts, unit, LIV_Q_UNSERVED, "%lld wait%s", queue->waiting, failures);
    else if (named)
        liv_facts_sign(probe->facts, unit, LIV_W_NONE, "nothing waits%s", failures);
    else
        liv_facts_sign(probe->facts, unit, LIV_Q_EMPTY, "no workers%s", failures);
    if (counts->abandoned > 0)
        liv_facts_sign(probe->facts, unit, LIV_Q_ABANDONED, "%lld", counts->abandoned);
    unit->pace = (struct liv_pace){.known = true,
                                   .head = *queue->head != '\0' ? liv_jobs_hash(0, queue->head) : 0,
                                   .taken = counts->taken,
                                   .done = dr_int((int64_t)served.done),
                                   .at = probe->now};
}

/* Jobs that are to run later are put into the queue by a worker that has a scheduler. */
static bool note_schedule(struct liv_jobs *probe, const char *name, const struct rq_counts *counts)
{
    char label[LIV_JOBS_NAME + 16];
    if (!counts->due.known && counts->lock == -2)
        return true;
    snprintf(label, sizeof label, "scheduler of %s", name);
    struct liv_unit *unit = liv_facts_add(probe->facts, LIV_TIMER, label, "scheduler");
    if (unit == NULL)
        return liv_jobs_no_memory(probe);
    double late = counts->due.known ? liv_jobs_age(probe, counts->due.value) : 0;
    liv_unit_figure(unit, LIV_OVERDUE, late);
    if (late > probe->request->overdue)
        liv_facts_sign(probe->facts, unit, LIV_S_OVERDUE, "due since %.0f s", late);
    if (counts->lock == -2)
        liv_facts_sign(probe->facts, unit, LIV_S_UNHELD, "jobs are scheduled");
    else if (counts->lock < 0)
        liv_facts_sign(probe->facts, unit, LIV_NOT_TOLD,
                       "its lock has no end: nothing tells whether its holder lives");
    else if (late <= probe->request->overdue)
        liv_facts_sign(probe->facts, unit, LIV_S_RUNNING, "%s", "");
    return true;
}

static bool read_queue(struct liv_jobs *probe, const char *name, redisReply **replies,
                       struct rq_queue *queue)
{
    struct rq_counts counts;
    if (!read_counts(probe, replies, queue, &counts))
        return false;
    struct liv_unit *unit = liv_facts_add(probe->facts, LIV_QUEUE, name, NULL);
    if (unit == NULL)
        return liv_jobs_no_memory(probe);
    queue->unit = probe->facts->unit_count - 1;
    liv_unit_figure(unit, LIV_WAITING, (double)queue->waiting);
    liv_unit_figure(unit, LIV_TAKEN, (double)counts.running);
    if (queue->waiting == 0)
        liv_unit_figure(unit, LIV_OLDEST, 0);
    sign_queue(probe, unit, name, queue, &counts);
    return note_schedule(probe, name, &counts);
}

/* Since when the jobs wait that are next: one that was taken meanwhile has no key. */
static bool read_heads(struct liv_jobs *probe, char **names, const struct rq_queue *queues,
                       size_t count)
{
    redisReply *replies[QUEUES_BATCH];
    size_t asked = 0;
    for (size_t i = 0; i < count; i++) {
        if (*queues[i].head == '\0')
            continue;
        if (!liv_jobs_add(probe, "HGET", "job:", queues[i].head,
                          (const char *const[]){"enqueued_at", NULL}))
            return false;
        asked++;
    }
    if (asked == 0)
        return true;
    if (!dr_redis_talk(&probe->redis, "look at the next tasks", replies, asked))
        return false;
    bool ok = true;
    for (size_t i = 0, at = 0; ok && i < count; i++) {
        const char *text = NULL;
        if (*queues[i].head == '\0')
            continue;
        ok = liv_jobs_read_text(probe, "HGET", replies[at++], &text);
        struct dr_opt_real since = {.known = false};
        if (ok && text != NULL)
            since = liv_canary_moment(text);
        if (!since.known)
            continue;
        double age = liv_jobs_age(probe, since.value);
        liv_unit_figure(&probe->facts->units[queues[i].unit], LIV_OLDEST, age);
        if (age > IDLE_PATIENCE)
            liv_jobs_blame(probe, names[i], age);
    }
    dr_redis_free_replies(replies, asked);
    return ok;
}

static bool read_queues(struct liv_jobs *probe, char **names, size_t count)
{
    redisReply *replies[QUEUES_BATCH * QUEUE_REPLIES];
    struct rq_queue queues[QUEUES_BATCH];
    for (size_t i = 0; i < count; i++) {
        if (!add_queue(probe, names[i]))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "look at the queues", replies, count * QUEUE_REPLIES))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = read_queue(probe, names[i], replies + i * QUEUE_REPLIES, &queues[i]);
    dr_redis_free_replies(replies, count * QUEUE_REPLIES);
    return ok && read_heads(probe, names, queues, count);
}

static bool look_at_queues(struct liv_jobs *probe, const struct liv_names *names)
{
    for (size_t i = 0; i < names->count; i += QUEUES_BATCH) {
        size_t left = names->count - i;
        if (!read_queues(probe, names->items + i, left < QUEUES_BATCH ? left : QUEUES_BATCH))
            return false;
    }
    return true;
}

/* ---- all of it ---- */

/* The members of both sets are keys, "rq:queue:NAME": the names of them. */
static void cut_names(const struct liv_jobs *probe, struct liv_names *names, const char *before)
{
    size_t prefix = strlen(probe->prefix);
    size_t size = strlen(before);
    for (size_t i = 0; i < names->count; i++) {
        char *name = names->items[i];
        if (strncmp(name, probe->prefix, prefix) == 0 && strncmp(name + prefix, before, size) == 0)
            memmove(name, name + prefix + size, strlen(name + prefix + size) + 1);
    }
}

enum { WORKERS = LIV_JOBS_BASICS, KNOWN_QUEUES, SUSPENDED, FIRST_REPLIES };

static bool read_first(struct liv_jobs *probe, redisReply **replies, struct liv_names *workers,
                       struct liv_names *queues, bool *suspended)
{
    long long there;
    if (!liv_jobs_read_basics(probe, replies) ||
        !liv_jobs_read_count(probe, "EXISTS suspended", replies[SUSPENDED], &there) ||
        !liv_jobs_read_scan(probe, "workers", replies[WORKERS], workers) ||
        !liv_jobs_read_scan(probe, "queues", replies[KNOWN_QUEUES], queues))
        return false;
    *suspended = there > 0;
    cut_names(probe, workers, "worker:");
    cut_names(probe, queues, "queue:");
    return true;
}

static bool look(struct liv_jobs *probe, struct liv_names *workers, struct liv_names *queues)
{
    redisReply *replies[FIRST_REPLIES];
    bool suspended = false;
    if (!liv_jobs_add_basics(probe) || !liv_jobs_add_scan(probe, "workers") ||
        !liv_jobs_add_scan(probe, "queues") ||
        !liv_jobs_add(probe, "EXISTS", "suspended", "", NULL) ||
        !dr_redis_talk(&probe->redis, "query", replies, FIRST_REPLIES))
        return false;
    bool ok = read_first(probe, replies, workers, queues, &suspended);
    dr_redis_free_replies(replies, FIRST_REPLIES);
    bool known_here = queues->count > 0 || suspended;
    if (!ok || !liv_jobs_choose_queues(probe, queues))
        return false;
    if (workers->count == 0)
        liv_jobs_nobody(probe, known_here, "RQ");
    return look_at_workers(probe, workers, suspended) && look_at_queues(probe, queues);
}

bool liv_rq_look(struct liv_jobs *probe)
{
    struct liv_names workers = {.items = NULL};
    struct liv_names queues = {.items = NULL};
    bool ok = look(probe, &workers, &queues);
    probe->facts->complete = ok;
    liv_names_free(&workers);
    liv_names_free(&queues);
    return ok;
}
