/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Schedulers by what they leave in Redis: RedBeat's schedule and lock, and canaries, which are keys
 * that a scheduled task renews.
 *
 *     P :schedule    sorted set of entries' keys by when they are due; below 0: never again
 *     P :lock        is there, with an end, while a scheduler runs
 *     entry's key    hash: definition (JSON), meta
 *
 * (P is "redbeat:".) Entries that are disabled stay in the schedule, due for ever. */
#include "plugins/liveness/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the entries that are due so many are read, to find one that is enabled. */
#define ENTRIES_MAX 1000
#define ENTRIES_LAST "1000"

/* ---- RedBeat ---- */

/* What was found of it. */
struct redbeat {
    long long entries;
    long long lock;           /* milliseconds until it ends; -1: it does not; -2: it is not there */
    bool lockless;            /* the site says that there is none */
    struct dr_opt_real next;  /* the lowest score */
    struct dr_opt_real due;   /* the lowest score of one that is enabled and due */
    char name[LIV_JOBS_NAME]; /* its key */
    bool unread;              /* there are more that are due than are read, all disabled */
};

/* `reply`: members and scores of those that are due for too long. Which is the first enabled one?
 * One without a definition is thrown away by the next scheduler that comes by. */
static bool read_due(struct liv_jobs *probe, const redisReply *due, redisReply **replies,
                     size_t from, size_t count, struct redbeat *redbeat)
{
    for (size_t i = 0; i < count; i++) {
        const char *definition;
        const redisReply *member = due->element[2 * (from + i)];
        const redisReply *score = due->element[2 * (from + i) + 1];
        if (!liv_jobs_read_text(probe, "HGET", replies[i], &definition))
            return false;
        struct dr_opt_bool enabled = dr_bool(true);
        if (definition != NULL)
            enabled = liv_redbeat_enabled(definition);
        if (enabled.known && !enabled.value)
            continue;
        redbeat->due = liv_jobs_number(score->str);
        snprintf(redbeat->name, sizeof redbeat->name, "%s", member->str);
        return redbeat->due.known || dr_error_set(probe->error, DR_ERR_PROTOCOL,
                                                  "the reply to ZRANGEBYSCORE cannot be used");
    }
    return true;
}

static bool find_due(struct liv_jobs *probe, const redisReply *due, struct redbeat *redbeat)
{
    redisReply *replies[LIV_JOBS_BATCH];
    size_t entries = due->elements / 2;
    bool ok = true;
    for (size_t i = 0; ok && i < entries && !redbeat->due.known; i += LIV_JOBS_BATCH) {
        size_t count = entries - i < LIV_JOBS_BATCH ? entries - i : LIV_JOBS_BATCH;
        for (size_t k = 0; k < count; k++) {
            const redisReply *member = due->element[2 * (i + k)];
            const redisReply *score = due->element[2 * (i + k) + 1];
            if (member->type != REDIS_REPLY_STRING || score->type != REDIS_REPLY_STRING)
                return dr_redis_fail(&probe->redis, "ZRANGEBYSCORE", member);
            if (!LIV_JOBS_ADD(probe, "HGET", member->str, "definition"))
                return false;
        }
        if (!dr_redis_talk(&probe->redis, "look at the entries", replies, count))
            return false;
        ok = read_due(probe, due, replies, i, count, redbeat);
        dr_redis_free_replies(replies, count);
    }
    redbeat->unread = entries >= ENTRIES_MAX && !redbeat->due.known;
    return ok;
}

static bool look_for_due(struct liv_jobs *probe, struct redbeat *redbeat)
{
    redisReply *reply;
    char until[40];
    snprintf(until, sizeof until, "%.3f", probe->now - probe->request->overdue);
    if (!redbeat->next.known || redbeat->next.value > probe->now - probe->request->overdue)
        return true;
    if (!liv_jobs_add(
            probe, "ZRANGEBYSCORE", ":schedule", "",
            (const char *const[]){"0", until, "WITHSCORES", "LIMIT", "0", ENTRIES_LAST, NULL}) ||
        !dr_redis_talk(&probe->redis, "look at the schedule", &reply, 1))
        return false;
    bool ok = reply->type == REDIS_REPLY_ARRAY && reply->elements % 2 == 0
                  ? find_due(probe, reply, redbeat)
                  : dr_redis_fail(&probe->redis, "ZRANGEBYSCORE", reply);
    freeReplyObject(reply);
    return ok;
}

/* Words for what comes next. */
static void say_next(const struct liv_jobs *probe, const struct redbeat *redbeat, char *words,
                     size_t size)
{
    if (redbeat->entries == 0)
        snprintf(words, size, "no entries");
    else if (redbeat->next.known && redbeat->next.value > probe->now)
        snprintf(words, size, "%lld entries, the next is due in %.0f s", redbeat->entries,
                 redbeat->next.value - probe->now);
    else
        snprintf(words, size, "%lld entries", redbeat->entries);
}

static void sign_lock(struct liv_jobs *probe, struct liv_unit *unit, const struct redbeat *redbeat,
                      const char *words)
{
    if (redbeat->lockless && redbeat->next.known)
        liv_facts_sign(probe->facts, unit, LIV_S_RUNNING, "%s", words);
    else if (redbeat->lockless)
        liv_facts_sign(probe->facts, unit, LIV_NOT_TOLD,
                       "nothing is in the schedule, and there is no lock");
    else if (redbeat->lock > 0)
        liv_facts_sign(probe->facts, unit, LIV_S_RUNNING, "%s", words);
    else if (redbeat->lock == -2)
        liv_facts_sign(probe->facts, unit, LIV_S_UNHELD, "%s", words);
    else
        liv_facts_sign(probe->facts, unit, LIV_NOT_TOLD,
                       "its lock has no end: nothing tells whether its holder lives");
}

static void sign_redbeat(struct liv_jobs *probe, const struct redbeat *redbeat)
{
    char words[120];
    struct liv_unit *unit = liv_facts_add(probe->facts, LIV_TIMER, "redbeat", NULL);
    bool nothing = redbeat->entries == 0 && (redbeat->lockless || redbeat->lock == -2);
    if (nothing) {
        liv_facts_sign(probe->facts, unit, LIV_ABSENT,
                       "neither a schedule nor a lock in db%s below %s", probe->db, probe->prefix);
        return;
    }
    say_next(probe, redbeat, words, sizeof words);
    if (redbeat->due.known) {
        double late = liv_jobs_age(probe, redbeat->due.value);
        liv_unit_figure(unit, LIV_OVERDUE, late);
        liv_facts_sign(probe->facts, unit, LIV_S_OVERDUE, "%s is due since %.0f s", redbeat->name,
                       late);
        if (!redbeat->lockless && redbeat->lock == -2)
            liv_facts_sign(probe->facts, unit, LIV_S_UNHELD, "%s", "");
    } else if (redbeat->unread) {
        liv_facts_sign(probe->facts, unit, LIV_NOT_TOLD,
                       "more than %d entries that are disabled are due: the others are not seen",
                       ENTRIES_MAX);
    } else {
        bool soon = redbeat->next.known && redbeat->next.value < probe->now &&
                    redbeat->next.value > probe->now - probe->request->overdue;
        liv_unit_figure(unit, LIV_OVERDUE, soon ? probe->now - redbeat->next.value : 0);
        sign_lock(probe, unit, redbeat, words);
    }
}

enum { ENTRIES = LIV_JOBS_BASICS, NEXT, HELD, REDBEAT_REPLIES };

static bool read_redbeat(struct liv_jobs *probe, redisReply **replies, struct redbeat *redbeat)
{
    if (!liv_jobs_read_basics(probe, replies) ||
        !liv_jobs_read_count(probe, "ZCARD :schedule", replies[ENTRIES], &redbeat->entries))
        return false;
    const redisReply *next = replies[NEXT];
    if (!liv_jobs_read_lowest(probe, "ZRANGEBYSCORE :schedule", next, &redbeat->next))
        return false;
    redbeat->lock = replies[HELD]->integer;
    return replies[HELD]->type == REDIS_REPLY_INTEGER ||
           dr_redis_fail(&probe->redis, "PTTL :lock", replies[HELD]);
}

bool liv_redbeat_look(struct liv_jobs *probe)
{
    redisReply *replies[REDBEAT_REPLIES];
    struct redbeat redbeat = {.entries = 0};
    const char *lock = dr_uri_param(&dr_task_target(probe->task)->uri, "lock");
    redbeat.lockless = lock != NULL && *lock == '\0';
    char *key = lock != NULL ? strdup(lock) : dr_text_format("%s:lock", probe->prefix);
    if (key == NULL)
        return liv_jobs_no_memory(probe);
    bool ok =
        liv_jobs_add_basics(probe) && liv_jobs_add(probe, "ZCARD", ":schedule", "", NULL) &&
        liv_jobs_add(probe, "ZRANGEBYSCORE", ":schedule", "",
                     (const char *const[]){"0", "+inf", "WITHSCORES", "LIMIT", "0", "1", NULL}) &&
        LIV_JOBS_ADD(probe, "PTTL", key);
    free(key);
    if (!ok || !dr_redis_talk(&probe->redis, "query", replies, REDBEAT_REPLIES))
        return false;
    ok = read_redbeat(probe, replies, &redbeat);
    dr_redis_free_replies(replies, REDBEAT_REPLIES);
    if (!ok || !look_for_due(probe, &redbeat))
        return false;
    sign_redbeat(probe, &redbeat);
    probe->facts->complete = true;
    return true;
}

/* ---- canaries ---- */

static void sign_canary(struct liv_jobs *probe, struct liv_unit *unit, const char *text)
{
    struct dr_opt_real moment = liv_canary_moment(text);
    if (!moment.known) {
        liv_facts_sign(probe->facts, unit, LIV_NOT_TOLD,
                       "its value is no moment: seconds since 1970 or ISO 8601 are wanted");
        return;
    }
    double ahead = moment.value - probe->now;
    double age = liv_jobs_age(probe, moment.value);
    if (ahead > LIV_JOBS_SKEW) {
        liv_facts_sign(probe->facts, unit, LIV_NOT_TOLD,
                       "its moment is %.0f s ahead of the server's clock", ahead);
        return;
    }
    liv_unit_figure(unit, LIV_HEARTBEAT_AGE, age);
    liv_facts_sign(probe->facts, unit,
                   age <= probe->request->heartbeat ? LIV_S_RUNNING : LIV_S_STALE,
                   "renewed %.0f s ago", age);
}

static bool read_canaries(struct liv_jobs *probe, redisReply **replies)
{
    const struct dr_text_list *keys = &probe->request->keys;
    if (!liv_jobs_read_basics(probe, replies))
        return false;
    for (size_t i = 0; i < keys->count; i++) {
        const redisReply *reply = replies[LIV_JOBS_BASICS + i];
        struct liv_unit *unit = liv_facts_add(probe->facts, LIV_TIMER, keys->items[i], NULL);
        if (unit == NULL)
            return liv_jobs_no_memory(probe);
        if (reply->type == REDIS_REPLY_STRING)
            sign_canary(probe, unit, reply->str);
        else if (reply->type == REDIS_REPLY_NIL)
            liv_facts_sign(probe->facts, unit, LIV_S_STALE, "there is no such key in db%s",
                           probe->db);
        else if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE", 9) == 0)
            liv_facts_sign(probe->facts, unit, LIV_NOT_TOLD,
                           "the key is of another type than text");
        else
            return dr_redis_fail(&probe->redis, "GET", reply);
    }
    probe->facts->complete = true;
    return true;
}

bool liv_canary_look(struct liv_jobs *probe)
{
    const struct dr_text_list *keys = &probe->request->keys;
    size_t count = LIV_JOBS_BASICS + keys->count;
    redisReply **replies = calloc(count, sizeof *replies);
    bool ok = (replies != NULL || liv_jobs_no_memory(probe)) && liv_jobs_add_basics(probe);
    for (size_t i = 0; ok && i < keys->count; i++)
        ok = liv_jobs_add(probe, "GET", keys->items[i], "", NULL);
    ok = ok && dr_redis_talk(&probe->redis, "query", replies, count);
    if (ok) {
        ok = read_canaries(probe, replies);
        dr_redis_free_replies(replies, count);
    }
    free(replies);
    return ok;
}
