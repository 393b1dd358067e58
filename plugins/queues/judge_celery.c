/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Redis as the broker of Celery: do its queues survive the death of its host? */
#include "plugins/queues/judge_parts.h"

#include <stdio.h>
#include <string.h>

/* A replica reports once a second, and Redis itself calls it good while the last report is at most
 * 10 s old (min-replicas-max-lag); the age is in whole seconds. */
#define REPORT_SILENCE 11.0

/* Tasks in all queues that were not left out, and with workers. */
struct backlog {
    double waiting;
    double in_flight;
    size_t queues;
    struct tally unknown; /* queues that nobody has ever made */
};

static void count_backlog(struct judge *judge, const struct que_store *store,
                          struct backlog *backlog)
{
    *backlog = (struct backlog){.unknown = TALLY};
    for (size_t q = 0; q < judge->roster->count; q++) {
        const struct que_queue *queue = que_roster_at(judge->roster, q);
        struct dr_opt_real ready = que_figure(queue, QUE_READY);
        if (scope_of(judge, q) < SCOPE_COUNTED)
            continue;
        backlog->queues++;
        backlog->waiting += ready.known ? ready.value : 0;
        if (!ready.known)
            tally_add(judge, &backlog->unknown, DR_UNKNOWN, queue, "%s", "");
    }
    backlog->in_flight = store->in_flight.known ? (double)store->in_flight.value : 0;
}

static bool is_silent(const struct que_replica *replica)
{
    return replica->age.known && replica->age.value > REPORT_SILENCE;
}

/* The replica that would take over with the least loss; NULL. */
static const struct que_replica *nearest(const struct que_store *store)
{
    const struct que_replica *best = NULL;
    for (size_t i = 0; i < store->replica_count; i++) {
        const struct que_replica *replica = &store->replicas[i];
        if (!replica->online || !replica->behind.known || is_silent(replica))
            continue;
        if (best == NULL || replica->behind.value < best->behind.value)
            best = replica;
    }
    return best;
}

static const char *plural(double count)
{
    return count == 1 ? "" : "s";
}

static void say_replica(struct judge *judge, const char *label, const struct backlog *backlog,
                        const struct que_replica *replica)
{
    char behind[DR_UNIT_TEXT];
    const struct dr_threshold *limit = &judge->rules->thresholds[QUE_LAG_BYTES];
    double tasks = backlog->waiting + backlog->in_flight;
    double bytes = (double)replica->behind.value;
    dr_unit_format(DR_UNIT_BYTES, bytes, behind, sizeof behind);
    say(judge, dr_threshold_judge(limit, bytes), 0,
        "%.0f task%s in %zu queue%s live on if %s dies now%s: replica %s is %s behind", tasks,
        plural(tasks), backlog->queues, plural((double)backlog->queues), label,
        bytes > 0 ? ", but for the last ones" : "", replica->address, behind);
    dr_result_figure(judge->result, judge->group, &que_metrics[QUE_LAG_BYTES], bytes, limit);
}

static bool is_off(struct dr_opt_bool setting)
{
    return setting.known && !setting.value;
}

/* Somebody else may have it saved where the server does not do so by itself. */
static const char *snapshot_words(const struct que_store *store, char *words, size_t size)
{
    char age[DR_UNIT_TEXT] = "an unknown time";
    if (is_off(store->snapshots) && !store->snapshot_age.known)
        return "no snapshots";
    if (store->snapshot_age.known)
        dr_unit_format(DR_UNIT_SECONDS, store->snapshot_age.value, age, sizeof age);
    snprintf(words, size, "%slast snapshot %s ago",
             is_off(store->snapshots) ? "snapshots off, " : "", age);
    return words;
}

/* No replica that counts: what is on the disk of the host comes back with it. */
static enum dr_state say_alone(struct judge *judge, const char *label,
                               const struct que_store *store, const struct backlog *backlog)
{
    char snapshots[DR_UNIT_TEXT + 40];
    const char *none = store->replica_count > 0 ? "no replica that reports" : "no replica";
    double tasks = backlog->waiting + backlog->in_flight;
    bool log = store->append_only.known && store->append_only.value;
    double changed = store->snapshot_after.known ? (double)store->snapshot_after.value : tasks;
    bool snapshot = store->snapshot_age.known && store->snapshot_after.known;
    double lost = log ? 0 : snapshot && changed < tasks ? changed : tasks;
    enum dr_state state = dr_threshold_judge(&judge->rules->thresholds[QUE_LOST], lost);
    enum dr_state stops =
        dr_threshold_judge(&judge->rules->thresholds[QUE_UNAVAILABLE], (double)backlog->queues);
    if (log)
        say(judge, stops, 0,
            "%zu queue%s with %.0f task%s stop if %s dies now, until it is back: %s, only the "
            "append-only file on its disk",
            backlog->queues, plural((double)backlog->queues), tasks, plural(tasks), label, none);
    else if (lost > 0)
        say(judge, dr_state_worst(state, stops), lost,
            "loses up to %.0f of %.0f task%s if %s dies now: %s, no append-only file, %s", lost,
            tasks, plural(tasks), label, none, snapshot_words(store, snapshots, sizeof snapshots));
    else if (!snapshot && is_off(store->snapshots))
        say(judge, stops, 0,
            "%zu queue%s stop if %s dies now, until it is back: %s; nothing is waiting, and what "
            "comes would be lost: no append-only file, no snapshots",
            backlog->queues, plural((double)backlog->queues), label, none);
    else
        say(judge, stops, 0,
            "%zu queue%s stop if %s dies now, until it is back: %s; nothing is waiting that its "
            "last snapshot lacks",
            backlog->queues, plural((double)backlog->queues), label, none);
    dr_result_figure(judge->result, judge->group, &que_metrics[QUE_LOST], lost,
                     &judge->rules->thresholds[QUE_LOST]);
    dr_result_figure(judge->result, judge->group, &que_metrics[QUE_UNAVAILABLE],
                     (double)backlog->queues, &judge->rules->thresholds[QUE_UNAVAILABLE]);
    return log || lost <= 0 ? stops : dr_state_worst(state, stops);
}

static void judge_loneliness(struct dr_line *line, enum dr_state state)
{
    if (state == DR_OK)
        return;
    dr_line_problem(line, state, "no replica follows it");
    dr_line_next(line, state,
                 "give it a replica on another host, and appendonly yes, so that a restart loses "
                 "nothing either");
}

static void judge_replicas(const struct que_store *store, struct dr_line *line)
{
    char behind[DR_UNIT_TEXT];
    char age[DR_UNIT_TEXT];
    for (size_t i = 0; i < store->replica_count; i++) {
        const struct que_replica *replica = &store->replicas[i];
        if (!replica->online)
            dr_line_problem(line, DR_WARNING, "replica %s is not online", replica->address);
        else if (is_silent(replica))
            dr_line_problem(line, DR_WARNING, "replica %s has not reported for %s",
                            replica->address,
                            dr_unit_format(DR_UNIT_SECONDS, replica->age.value, age, sizeof age));
        else if (!replica->behind.known)
            dr_line_problem(line, DR_UNKNOWN, "replica %s: not known how far behind",
                            replica->address);
        else
            dr_line_figure(line, "replica %s is %s behind", replica->address,
                           dr_unit_format(DR_UNIT_BYTES, (double)replica->behind.value, behind,
                                          sizeof behind));
    }
}

static void judge_persistence(const struct que_store *store, struct dr_line *line)
{
    bool log = store->append_only.known && store->append_only.value;
    if (log && store->append_ok.known && !store->append_ok.value)
        dr_line_problem(line, DR_CRITICAL, "its append-only file cannot be written");
    if (store->snapshot_ok.known && !store->snapshot_ok.value)
        dr_line_problem(line, DR_WARNING, "its last snapshot failed");
    if (store->append_only.known)
        dr_line_figure(line, "append-only file %s", log ? "on" : "off");
    else
        dr_line_problem(line, DR_UNKNOWN, "does not say whether it keeps an append-only file");
}

static void judge_memory(struct judge *judge, const struct que_store *store, struct dr_line *line)
{
    bool limited = store->memory_limit.known && store->memory_limit.value > 0;
    if (store->eviction != NULL && strncmp(store->eviction, "allkeys", 7) == 0 && limited) {
        dr_line_problem(line, DR_WARNING,
                        "drops tasks when its memory is full (maxmemory-policy %s)",
                        store->eviction);
        dr_line_next(line, DR_WARNING, "CONFIG SET maxmemory-policy noeviction");
    }
    if (store->eviction == NULL)
        dr_line_problem(line, DR_UNKNOWN, "does not say its maxmemory-policy");
    if (!limited || !store->memory_used.known)
        return;
    double used = (double)store->memory_used.value * 100 / (double)store->memory_limit.value;
    const struct dr_threshold *limit = &judge->rules->thresholds[QUE_MEMORY_USED];
    dr_line_judge(line, &que_metrics[QUE_MEMORY_USED], limit, used, "memory in use:");
    dr_result_figure(judge->result, judge->group, &que_metrics[QUE_MEMORY_USED], used, limit);
}

static void judge_in_flight(struct judge *judge, const struct que_store *store)
{
    char age[DR_UNIT_TEXT];
    char timeout[DR_UNIT_TEXT];
    struct dr_line line = DR_LINE;
    const struct dr_threshold *limit = &judge->rules->thresholds[QUE_IN_FLIGHT_AGE];
    if (!store->in_flight.known) {
        dr_result_add(judge->result, DR_UNKNOWN, subject_of(judge, "in flight"),
                      "how many tasks are with workers is not known");
        return;
    }
    dr_line_figure(&line, "%lld tasks with workers", (long long)store->in_flight.value);
    if (store->in_flight_eta.known && store->in_flight_eta.value > 0)
        dr_line_figure(&line, "%lld wait%s for %s time", (long long)store->in_flight_eta.value,
                       store->in_flight_eta.value == 1 ? "s" : "",
                       store->in_flight_eta.value == 1 ? "its" : "their");
    dr_unit_format(DR_UNIT_SECONDS, judge->rules->visibility_timeout, timeout, sizeof timeout);
    if (store->in_flight_late.known && store->in_flight_late.value > 0) {
        dr_line_problem(&line, DR_WARNING,
                        "%lld task%s for longer than the visibility timeout of %s: will run twice",
                        (long long)store->in_flight_late.value,
                        plural((double)store->in_flight_late.value), timeout);
        dr_line_next(&line, DR_WARNING,
                     "is that worker alive? Tasks that take longer, or whose eta is farther away, "
                     "need a longer visibility_timeout (and --visibility-timeout)");
    }
    if (store->in_flight_age.known) {
        dr_line_figure(
            &line, "the oldest for %s",
            dr_unit_format(DR_UNIT_SECONDS, store->in_flight_age.value, age, sizeof age));
        dr_line_judge(&line, &que_metrics[QUE_IN_FLIGHT_AGE], limit, store->in_flight_age.value,
                      "the oldest has been with a worker for");
        dr_result_figure(judge->result, judge->group, &que_metrics[QUE_IN_FLIGHT_AGE],
                         store->in_flight_age.value, limit);
    }
    dr_line_end(&line, judge->result, subject_of(judge, "in flight"));
}

/* A replica shows the queues, but workers and clients are with its primary. */
static void judge_replica(struct judge *judge, const struct que_asked *asked, struct dr_line *line)
{
    const struct que_store *store = &asked->facts->store;
    const char *upstream = store->upstream != NULL ? store->upstream : "its primary";
    if (store->upstream_up.known && !store->upstream_up.value)
        dr_line_problem(line, DR_CRITICAL, "is a replica, and is cut off from %s", upstream);
    else
        dr_line_problem(line, DR_UNKNOWN, "is a replica of %s", upstream);
    dr_line_next(line, DR_UNKNOWN, "ask the primary: --target celery+redis://%s/DB", upstream);
    say(judge, DR_UNKNOWN, 0, "cannot tell from a replica what dies with its primary %s", upstream);
}

static void judge_primary(struct judge *judge, const struct que_asked *asked, struct dr_line *line,
                          const struct backlog *backlog)
{
    const struct que_store *store = &asked->facts->store;
    const struct que_replica *replica = nearest(store);
    if (!store->replicas_known)
        dr_line_problem(line, DR_UNKNOWN, "does not say which replicas it has");
    judge_replicas(store, line);
    judge_persistence(store, line);
    judge_memory(judge, store, line);
    if (backlog->queues == 0)
        say(judge, DR_UNKNOWN, 0, "no queue of Celery was found on %s", asked->label);
    else if (!store->replicas_known)
        say(judge, DR_UNKNOWN, 0, "cannot tell what is lost if %s dies now", asked->label);
    else if (replica != NULL)
        say_replica(judge, asked->label, backlog, replica);
    else
        judge_loneliness(line, say_alone(judge, asked->label, store, backlog));
}

static void judge_store(struct judge *judge, const struct que_asked *asked)
{
    struct backlog backlog;
    struct dr_line line = DR_LINE;
    const struct que_store *store = &asked->facts->store;
    count_backlog(judge, store, &backlog);
    if (store->loading)
        dr_line_problem(&line, DR_CRITICAL, "is loading its data");
    if (store->primary)
        judge_primary(judge, asked, &line, &backlog);
    else
        judge_replica(judge, asked, &line);
    dr_line_figure(&line, "Redis %s",
                   store->version != NULL ? store->version : "of unknown version");
    dr_line_end(&line, judge->result, asked->label);
    judge_in_flight(judge, store);
    dr_finding_next(tally_end(judge, &backlog.unknown, "queue is not there: no list, no binding",
                              "queues are not there: no list, no binding"),
                    "the name of --queue, the database number and the key prefix of the target");
}

static void judge_waiting(struct judge *judge)
{
    char one[64];
    char many[64];
    struct tally waiting = TALLY;
    double tasks = 0;
    for (size_t q = 0; q < judge->roster->count; q++) {
        const struct que_queue *queue = que_roster_at(judge->roster, q);
        struct dr_opt_real ready = que_figure(queue, QUE_READY);
        if (scope_of(judge, q) < SCOPE_COUNTED || !ready.known)
            continue;
        tally_add(judge, &waiting, DR_OK, queue, "%.0f", ready.value);
        tasks += ready.value;
    }
    snprintf(one, sizeof one, "queue, %.0f task%s waiting", tasks, plural(tasks));
    snprintf(many, sizeof many, "queues, %.0f task%s waiting", tasks, plural(tasks));
    tally_end(judge, &waiting, one, many);
}

/* Workers are with one of them, and what the other one has nobody takes. */
static void judge_other_primaries(struct judge *judge)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct que_asked *asked = &judge->evidence->asked[i];
        if (asked != judge->lister && asked->answered && asked->facts->store.primary)
            dr_finding_next(dr_result_add(judge->result, DR_WARNING, asked->label,
                                          "is a primary like %s, with tasks of its own that are "
                                          "not counted here",
                                          judge->lister->label),
                            "make one the replica of the other, or give each a --target of its "
                            "own");
    }
}

void judge_celery(struct judge *judge)
{
    if (judge->roster == NULL) {
        char why[REASON_TEXT];
        say(judge, DR_UNKNOWN, 0, "cannot tell what is lost if %s dies now%s",
            judge->evidence->asked->label, why_unanswered(judge, why, sizeof why));
        return;
    }
    judge_store(judge, judge->lister);
    judge_other_primaries(judge);
    judge_past(judge);
    judge_waiting(judge);
    judge_queues(judge);
}
