/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sidekiq: its processes, what waits in its queues, and what is scheduled.
 *
 * What it keeps in Redis (5.2 to 8; P is the namespace with its colon, mostly ""):
 *
 *     P processes        set of identities HOST:PID:NONCE; one that was killed stays until another
 *                        process cleans up
 *     P IDENTITY         hash: info (JSON), concurrency, busy, beat, quiet; expires 60 s after the
 *                        last beat, of which there is one each 5 s (to 6.5) or 10 s
 *     P IDENTITY:work    hash of what it runs; ":workers" before 6.5
 *     P queues           set of names
 *     P queue:NAME       list of jobs, the oldest at the right end
 *     P paused           set of queues that nothing is taken from (Pro)
 *     P schedule, retry  sorted sets of jobs by when they are due; P dead: sorted set
 *     P stat:processed   a counter
 *
 * The age of a beat is told by when its key expires, which is the server's clock; by the process'
 * own clock where that is not known. */
#include "plugins/liveness/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Three beats of those that beat slowest. */
#define BEAT_LIMIT 30.0
#define KEY_SECONDS 60.0
#define QUEUES_BATCH 8
/* Lists of jobs that run are read for so many processes: each is as large as the jobs are. */
#define WORK_BATCH 4

/* What one run knows of it. */
struct sidekiq {
    struct liv_names processes;
    struct liv_names queues;
    struct liv_names paused;
    uint64_t processed;
    struct dr_opt_real due[2]; /* schedule, retry */
    size_t working;            /* processes that live and take tasks */
    size_t first_queue;        /* the units of the queues begin there */
    bool all_work;             /* what the processes run is known of all */
};

/* ---- processes ---- */

struct process {
    const char *info;
    const char *concurrency;
    const char *busy;
    const char *beat;
    const char *quiet;
    long long left; /* milliseconds until its key expires; negative: it does not */
};

/* HOST:PID of HOST:PID:NONCE */
static void cut_nonce(const char *identity, char *name, size_t size)
{
    snprintf(name, size, "%s", identity);
    char *last = strrchr(name, ':');
    if (last != NULL && memchr(name, ':', (size_t)(last - name)) != NULL)
        *last = '\0';
}

static bool find_unit(const struct liv_jobs *probe, const char *name)
{
    for (size_t i = probe->facts->unit_count; i > 0; i--) {
        const struct liv_unit *unit = &probe->facts->units[i - 1];
        if (unit->kind == LIV_WORKER && strcmp(unit->name, name) == 0)
            return true;
    }
    return false;
}

static struct dr_opt_real number_of(const char *text)
{
    return text != NULL ? liv_jobs_number(text) : (struct dr_opt_real){.known = false};
}

/* Seconds since its last beat. */
static struct dr_opt_real age_of(const struct liv_jobs *probe, const struct process *process)
{
    double left = (double)process->left / 1000;
    if (left > 0 && left <= KEY_SECONDS)
        return dr_real(KEY_SECONDS - left);
    struct dr_opt_real beat = number_of(process->beat);
    if (!beat.known || beat.value <= 0 || beat.value > probe->now + LIV_JOBS_SKEW)
        return (struct dr_opt_real){.known = false};
    return dr_real(liv_jobs_age(probe, beat.value));
}

static void sign_process(struct liv_jobs *probe, struct liv_unit *unit,
                         const struct process *process, double age, struct liv_hand *hand)
{
    double most = probe->request->heartbeat > 0 ? probe->request->heartbeat : BEAT_LIMIT;
    struct dr_opt_real busy = number_of(process->busy);
    bool quiet = strcmp(process->quiet, "true") == 0;
    hand->alive = age <= most;
    hand->takes = hand->alive && !quiet;
    liv_unit_figure(unit, LIV_HEARTBEAT_AGE, age);
    if (!hand->alive) {
        liv_facts_sign(probe->facts, unit, LIV_W_GONE, "its last beat is %.0f s old", age);
        return;
    }
    liv_unit_figure(unit, LIV_BUSY, busy.value);
    if (quiet && busy.value > 0)
        liv_facts_sign(probe->facts, unit, LIV_W_BUSY, "quiet, ends %.0f tasks", busy.value);
    else if (quiet)
        liv_facts_sign(probe->facts, unit, LIV_W_DRAINING, "quiet");
    else
        liv_facts_sign(probe->facts, unit, LIV_W_ANSWERED, "beat %.0f s ago, runs %.0f", age,
                       busy.value);
}

/* Since 8.1 it is a field of its own. */
static void sign_concurrency(struct liv_unit *unit, const struct process *process,
                             const struct liv_sidekiq_info *info)
{
    struct dr_opt_real field = number_of(process->concurrency);
    if (field.known && field.value > 0)
        liv_unit_figure(unit, LIV_CONCURRENCY, field.value);
    else if (info->concurrency.known && info->concurrency.value > 0)
        liv_unit_figure(unit, LIV_CONCURRENCY, (double)info->concurrency.value);
}

/* What it must tell: without that nobody knows whether it works. */
static const char *untold(const struct process *process)
{
    struct dr_opt_real busy = number_of(process->busy);
    if (!busy.known || busy.value < 0)
        return "busy";
    if (process->quiet == NULL ||
        (strcmp(process->quiet, "true") != 0 && strcmp(process->quiet, "false") != 0))
        return "quiet";
    return NULL;
}

static bool judge_process(struct liv_jobs *probe, struct sidekiq *all,
                          const struct process *process, struct liv_unit *unit)
{
    struct liv_sidekiq_info info;
    struct liv_hand hand = {.unit = probe->facts->unit_count - 1};
    struct dr_buffer queues = DR_BUFFER(64 * 1024);
    struct dr_opt_real age = age_of(probe, process);
    const char *missing = untold(process);
    if (process->info == NULL || !liv_sidekiq_read_info(process->info, &info, &queues))
        missing = "info";
    if (!age.known)
        missing = "beat";
    bool ok = true;
    if (missing != NULL) {
        liv_facts_sign(probe->facts, unit, LIV_NOT_TOLD, "its %s is missing, or cannot be read",
                       missing);
    } else {
        sign_process(probe, unit, process, age.value, &hand);
        sign_concurrency(unit, process, &info);
        if (info.version[0] != '\0')
            liv_facts_text(probe->facts, &unit->version, info.version);
        if (info.hostname[0] != '\0')
            liv_facts_place(probe->facts, unit, info.hostname, hand.alive ? 1 : 0);
        all->working += hand.takes;
        ok = liv_jobs_link(probe, &hand, dr_buffer_text(&queues), '\n');
    }
    dr_buffer_free(&queues);
    return ok;
}

enum { INFO, CONCURRENCY, BUSY, BEAT, QUIET, PROCESS_FIELDS };

/* One that died is of no interest where a new one has its host and process id: in containers each
 * has number 1. So those that live come first. */
static bool note_process(struct liv_jobs *probe, struct sidekiq *all, const char *identity,
                         redisReply **replies, bool living)
{
    const char *texts[PROCESS_FIELDS];
    char name[LIV_JOBS_NAME];
    const redisReply *fields = replies[0];
    if (fields->type != REDIS_REPLY_ARRAY || fields->elements != PROCESS_FIELDS)
        return dr_redis_fail(&probe->redis, "HMGET", fields);
    for (size_t i = 0; i < PROCESS_FIELDS; i++) {
        if (!liv_jobs_read_text(probe, "HMGET", fields->element[i], &texts[i]))
            return false;
    }
    if (replies[1]->type != REDIS_REPLY_INTEGER)
        return dr_redis_fail(&probe->redis, "PTTL", replies[1]);
    const struct process process = {.info = texts[INFO],
                                    .concurrency = texts[CONCURRENCY],
                                    .busy = texts[BUSY],
                                    .beat = texts[BEAT],
                                    .quiet = texts[QUIET],
                                    .left = replies[1]->integer};
    bool there = replies[1]->integer != -2;
    cut_nonce(identity, name, sizeof name);
    if (there != living || (!there && find_unit(probe, name)))
        return true;
    struct liv_unit *unit = liv_facts_add(probe->facts, LIV_WORKER, name, NULL);
    if (unit == NULL)
        return liv_jobs_no_memory(probe);
    if (there)
        return judge_process(probe, all, &process, unit);
    liv_facts_sign(probe->facts, unit, LIV_W_GONE,
                   "its name is all that is left: it was not stopped, it died");
    return true;
}

#define PROCESSES_BATCH (LIV_JOBS_BATCH / 2)

static bool read_processes(struct liv_jobs *probe, struct sidekiq *all, size_t from, size_t count)
{
    static const char *const fields[PROCESS_FIELDS + 1] = {"info", "concurrency", "busy",
                                                           "beat", "quiet",       NULL};
    redisReply *replies[LIV_JOBS_BATCH];
    char **names = all->processes.items + from;
    for (size_t i = 0; i < count; i++) {
        if (!liv_jobs_add(probe, "HMGET", names[i], "", fields) ||
            !liv_jobs_add(probe, "PTTL", names[i], "", NULL))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "look at the processes", replies, 2 * count))
        return false;
    bool ok = true;
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; ok && i < count; i++)
            ok = note_process(probe, all, names[i], replies + 2 * i, pass == 0);
    }
    dr_redis_free_replies(replies, 2 * count);
    return ok;
}

static bool look_at_processes(struct liv_jobs *probe, struct sidekiq *all)
{
    for (size_t i = 0; i < all->processes.count; i += PROCESSES_BATCH) {
        size_t left = all->processes.count - i;
        if (!read_processes(probe, all, i, left < PROCESSES_BATCH ? left : PROCESSES_BATCH))
            return false;
    }
    liv_jobs_sort_links(probe);
    return true;
}

/* ---- queues ---- */

static void sign_queue(struct liv_jobs *probe, const struct sidekiq *all, struct liv_unit *unit,
                       const char *name, long long waiting)
{
    struct liv_served served = liv_jobs_served(probe, name);
    if (liv_names_have(&all->paused, name))
        liv_facts_sign(probe->facts, unit, LIV_S_PAUSED, "%lld wait", waiting);
    else if (served.takers > 0)
        liv_facts_sign(probe->facts, unit, LIV_Q_SERVED, "%zu", served.takers);
    else if (served.resting > 0)
        liv_facts_sign(probe->facts, unit, LIV_W_DRAINING,
                       "%lld wait, and all its processes are "
                       "quiet",
                       waiting);
    else if (waiting > 0)
        liv_facts_sign(probe->facts, unit, LIV_Q_UNSERVED, "%lld wait", waiting);
    else if (probe->request->queues.count > 0)
        liv_facts_sign(probe->facts, unit, LIV_W_NONE, "nothing waits");
    else
        liv_facts_sign(probe->facts, unit, LIV_Q_EMPTY, "no processes");
}

static bool count_queues(struct liv_jobs *probe, const struct sidekiq *all, size_t from,
                         size_t count)
{
    redisReply *replies[LIV_JOBS_BATCH];
    char **names = all->queues.items + from;
    for (size_t i = 0; i < count; i++) {
        if (!liv_jobs_add(probe, "LLEN", "queue:", names[i], NULL))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "count the tasks", replies, count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        long long waiting;
        ok = liv_jobs_read_count(probe, "LLEN queue", replies[i], &waiting);
        struct liv_unit *unit = ok ? liv_facts_add(probe->facts, LIV_QUEUE, names[i], NULL) : NULL;
        if (unit == NULL)
            continue;
        liv_unit_figure(unit, LIV_WAITING, (double)waiting);
        if (waiting == 0)
            liv_unit_figure(unit, LIV_OLDEST, 0);
        sign_queue(probe, all, unit, names[i], waiting);
        unit->pace.done = dr_int((int64_t)all->processed);
        unit->pace.at = probe->now;
    }
    dr_redis_free_replies(replies, count);
    return ok;
}

static bool look_at_queues(struct liv_jobs *probe, struct sidekiq *all)
{
    all->first_queue = probe->facts->unit_count;
    for (size_t i = 0; i < all->queues.count; i += LIV_JOBS_BATCH) {
        size_t left = all->queues.count - i;
        if (!count_queues(probe, all, i, left < LIV_JOBS_BATCH ? left : LIV_JOBS_BATCH))
            return false;
    }
    return true;
}

/* ---- jobs: as large as their senders made them ---- */

static void note_work(struct liv_jobs *probe, const struct sidekiq *all, size_t process,
                      const char *text)
{
    struct liv_sidekiq_work work = liv_sidekiq_read_work(text);
    struct liv_unit *unit = &probe->facts->units[process];
    double age = work.since.known ? liv_jobs_age(probe, work.since.value) : 0;
    if (work.since.known &&
        (!unit->figures[LIV_TASK_AGE].known || unit->figures[LIV_TASK_AGE].value < age))
        liv_unit_figure(unit, LIV_TASK_AGE, age);
    for (size_t i = all->first_queue; i < probe->facts->unit_count; i++) {
        struct liv_unit *queue = &probe->facts->units[i];
        if (queue->kind != LIV_QUEUE || strcmp(queue->name, work.queue) != 0)
            continue;
        queue->pace.taken = liv_jobs_hash(queue->pace.taken, text);
        liv_unit_figure(queue, LIV_TAKEN, queue->figures[LIV_TAKEN].value + 1);
    }
}

/* Both names of the hash of what it runs: HSCAN, since of a small hash one round gives all. */
static bool read_work(struct liv_jobs *probe, struct sidekiq *all, const size_t *units,
                      const char *const *identities, size_t count)
{
    static const char *const all_of_it[] = {"0", "COUNT", "1000", NULL};
    redisReply *replies[2 * WORK_BATCH];
    for (size_t i = 0; i < count; i++) {
        if (!liv_jobs_add(probe, "HSCAN", identities[i], ":work", all_of_it) ||
            !liv_jobs_add(probe, "HSCAN", identities[i], ":workers", all_of_it))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "look at the tasks that run", replies, 2 * count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < 2 * count; i++) {
        const redisReply *reply = replies[i];
        ok = (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
              reply->element[0]->type == REDIS_REPLY_STRING &&
              reply->element[1]->type == REDIS_REPLY_ARRAY) ||
             dr_redis_fail(&probe->redis, "HSCAN", reply);
        all->all_work = all->all_work && ok && strcmp(reply->element[0]->str, "0") == 0;
        for (size_t m = 1; ok && m < reply->element[1]->elements; m += 2) {
            const char *text = reply->element[1]->element[m]->str;
            note_work(probe, all, units[i / 2], text != NULL ? text : "");
        }
    }
    dr_redis_free_replies(replies, 2 * count);
    return ok;
}

/* The unit of a process that runs something; unit_count. */
static size_t find_busy(const struct liv_jobs *probe, const struct sidekiq *all, const char *name)
{
    for (size_t i = 0; i < all->first_queue; i++) {
        const struct liv_unit *unit = &probe->facts->units[i];
        if (unit->kind == LIV_WORKER && strcmp(unit->name, name) == 0 &&
            unit->figures[LIV_BUSY].known && unit->figures[LIV_BUSY].value > 0)
            return i;
    }
    return probe->facts->unit_count;
}

static bool look_at_work(struct liv_jobs *probe, struct sidekiq *all)
{
    size_t units[WORK_BATCH];
    const char *identities[WORK_BATCH];
    size_t count = 0;
    bool ok = true;
    all->all_work = true;
    for (size_t i = 0; ok && i < all->processes.count; i++) {
        char name[LIV_JOBS_NAME];
        cut_nonce(all->processes.items[i], name, sizeof name);
        size_t unit = find_busy(probe, all, name);
        if (unit == probe->facts->unit_count)
            continue;
        units[count] = unit;
        identities[count++] = all->processes.items[i];
        if (count == WORK_BATCH) {
            ok = read_work(probe, all, units, identities, count);
            count = 0;
        }
    }
    return ok && (count == 0 || read_work(probe, all, units, identities, count));
}

static bool read_heads(struct liv_jobs *probe, const size_t *units, size_t count)
{
    redisReply *replies[QUEUES_BATCH];
    for (size_t i = 0; i < count; i++) {
        if (!liv_jobs_add(probe, "LINDEX", "queue:", probe->facts->units[units[i]].name,
                          (const char *const[]){"-1", NULL}))
            return false;
    }
    if (!dr_redis_talk(&probe->redis, "look at the next tasks", replies, count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        const char *text;
        struct liv_unit *unit = &probe->facts->units[units[i]];
        ok = liv_jobs_read_text(probe, "LINDEX queue", replies[i], &text);
        if (!ok || text == NULL) /* taken meanwhile */
            continue;
        struct liv_sidekiq_job job = liv_sidekiq_read_job(text);
        unit->pace.head = job.head;
        if (job.since.known)
            liv_unit_figure(unit, LIV_OLDEST, liv_jobs_age(probe, job.since.value));
    }
    dr_redis_free_replies(replies, count);
    return ok;
}

static bool look_at_heads(struct liv_jobs *probe, const struct sidekiq *all)
{
    size_t units[QUEUES_BATCH];
    size_t count = 0;
    bool ok = true;
    for (size_t i = all->first_queue; ok && i < probe->facts->unit_count; i++) {
        if (probe->facts->units[i].figures[LIV_WAITING].value <= 0)
            continue;
        units[count++] = i;
        if (count == QUEUES_BATCH) {
            ok = read_heads(probe, units, count);
            count = 0;
        }
    }
    return ok && (count == 0 || read_heads(probe, units, count));
}

/* What moves is known where what waits and what runs is. */
static void settle_paces(struct liv_jobs *probe, const struct sidekiq *all)
{
    for (size_t i = all->first_queue; i < probe->facts->unit_count; i++) {
        struct liv_unit *unit = &probe->facts->units[i];
        bool waits = unit->figures[LIV_WAITING].value > 0;
        unit->pace.known = all->all_work && (!waits || unit->pace.head != 0);
        if (all->all_work && !unit->figures[LIV_TAKEN].known)
            liv_unit_figure(unit, LIV_TAKEN, 0);
    }
}

/* Where they are larger than what is taken from a server, what they tell stays unknown: the
 * connection is at its end then, which nothing needs any more. */
static bool look_at_jobs(struct liv_jobs *probe, struct sidekiq *all)
{
    bool ok = look_at_heads(probe, all) && look_at_work(probe, all);
    if (ok) {
        settle_paces(probe, all);
        return true;
    }
    if (!probe->redis.overrun)
        return false;
    dr_task_trace(probe->task, 1, "jobs are too large: their ages are not all known");
    *probe->error = (struct dr_error){.class = DR_ERR_NONE};
    return true;
}

/* ---- what is due later ---- */

/* Every process that is not quiet looks for what is due. */
static bool note_due(struct liv_jobs *probe, const struct sidekiq *all)
{
    static const char *const names[] = {"schedule", "retry"};
    for (size_t i = 0; i < 2; i++) {
        if (!all->due[i].known)
            continue;
        struct liv_unit *unit = liv_facts_add(probe->facts, LIV_TIMER, names[i], "scheduler");
        double late = liv_jobs_age(probe, all->due[i].value);
        liv_unit_figure(unit, LIV_OVERDUE, late);
        if (unit == NULL)
            return liv_jobs_no_memory(probe);
        if (late > probe->request->overdue)
            liv_facts_sign(probe->facts, unit, LIV_S_OVERDUE, "due since %.0f s", late);
        if (all->working == 0)
            liv_facts_sign(probe->facts, unit, LIV_W_NONE, "jobs are scheduled");
        else if (late <= probe->request->overdue)
            liv_facts_sign(probe->facts, unit, LIV_S_RUNNING, "%s",
                           late > 0 ? "" : "nothing is due");
    }
    return true;
}

/* ---- all of it ---- */

enum { PROCESSES = LIV_JOBS_BASICS, QUEUES, PAUSED, PROCESSED, SCHEDULE, RETRY, FIRST_REPLIES };

static bool ask_first(struct liv_jobs *probe, redisReply **replies)
{
    static const char *const lowest[] = {"0", "0", "WITHSCORES", NULL};
    return liv_jobs_add_basics(probe) && liv_jobs_add_scan(probe, "processes") &&
           liv_jobs_add_scan(probe, "queues") && liv_jobs_add_scan(probe, "paused") &&
           liv_jobs_add(probe, "GET", "stat:processed", "", NULL) &&
           liv_jobs_add(probe, "ZRANGE", "schedule", "", lowest) &&
           liv_jobs_add(probe, "ZRANGE", "retry", "", lowest) &&
           dr_redis_talk(&probe->redis, "query", replies, FIRST_REPLIES);
}

static bool read_first(struct liv_jobs *probe, redisReply **replies, struct sidekiq *all)
{
    const char *processed;
    if (!liv_jobs_read_basics(probe, replies) ||
        !liv_jobs_read_text(probe, "GET stat:processed", replies[PROCESSED], &processed) ||
        !liv_jobs_read_lowest(probe, "ZRANGE schedule", replies[SCHEDULE], &all->due[0]) ||
        !liv_jobs_read_lowest(probe, "ZRANGE retry", replies[RETRY], &all->due[1]) ||
        !liv_jobs_read_scan(probe, "processes", replies[PROCESSES], &all->processes) ||
        !liv_jobs_read_scan(probe, "queues", replies[QUEUES], &all->queues) ||
        !liv_jobs_read_scan(probe, "paused", replies[PAUSED], &all->paused))
        return false;
    struct dr_opt_real count = number_of(processed);
    if (count.known && count.value > 0 && count.value < 1e15)
        all->processed = (uint64_t)count.value;
    return true;
}

static bool look(struct liv_jobs *probe, struct sidekiq *all)
{
    redisReply *replies[FIRST_REPLIES];
    if (!ask_first(probe, replies))
        return false;
    bool ok = read_first(probe, replies, all);
    bool known_here = all->queues.count > 0 || replies[PROCESSED]->type == REDIS_REPLY_STRING;
    dr_redis_free_replies(replies, FIRST_REPLIES);
    if (!ok || !liv_jobs_choose_queues(probe, &all->queues))
        return false;
    if (all->processes.count == 0)
        liv_jobs_nobody(probe, known_here, "Sidekiq");
    return look_at_processes(probe, all) && look_at_queues(probe, all) &&
           look_at_jobs(probe, all) && note_due(probe, all);
}

bool liv_sidekiq_look(struct liv_jobs *probe)
{
    struct sidekiq all = {.processed = 0};
    bool ok = look(probe, &all);
    probe->facts->complete = ok;
    liv_names_free(&all.processes);
    liv_names_free(&all.queues);
    liv_names_free(&all.paused);
    return ok;
}
