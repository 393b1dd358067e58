/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One thread for each target, one monotonic deadline for all.
 *
 * Client libraries stay blocking and easy to read; the main thread waits until every task is done
 * or the deadline passes. A task that is not done then keeps its thread (a library stuck in name
 * resolution cannot be stopped): the run reports the stage it hung in, never touches its facts
 * again, and the process leaves with _exit. */
#ifndef DR_RUN_H
#define DR_RUN_H

#include "common/error.h"
#include "common/target.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct dr_run;

/* What a source is handed: one target, and the means to say how far it is. */
struct dr_task;

/* Fills `facts` (one element of the executable's facts array) about the task's target. Returns
 * false with error set when the target could not be read; facts that were read by then stay. Runs
 * in a thread of its own; must not print, must not exit, must return soon after dr_task_left
 * reaches 0. */
typedef bool dr_probe(struct dr_task *task, void *facts, struct dr_error *error);

/* ---- for sources ---- */

const struct dr_target *dr_task_target(const struct dr_task *task);
size_t dr_task_index(const struct dr_task *task);

/* The executable's own options (its request struct). */
const void *dr_task_request(const struct dr_task *task);

/* Says what is being done now ("connect", "log in", "query"): static text, shown when the task does
 * not come back. */
void dr_task_stage(struct dr_task *task, const char *stage);

/* Seconds until this task should be done; 0 when the time is up. A little before the deadline of
 * the run, so that the task can still report for itself. */
double dr_task_left(const struct dr_task *task);

/* Monotonic seconds; the clock of every time in the facts that compares readings of this run. */
double dr_monotonic(void);

/* Wall clock, seconds since the epoch. Tests, whose samples are as old as they are, say what it is
 * by the environment ($DR_PLUGINS_NOW, never in a set-user-id process). */
double dr_now(void);

/* A condition on that clock, and a wait for it that ends at `until` at the latest (the lock is
 * held). */
void dr_condition_init(pthread_cond_t *condition);
void dr_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, double until);

/* A line for -v (1: steps), -vv (2: queries), -vvv (3: replies); printf style, bounded, masked when
 * printed. Costs nothing when that level was not asked for. */
__attribute__((format(printf, 3, 4))) void dr_task_trace(struct dr_task *task, int level,
                                                         const char *format, ...);

/* True when lines of that level are asked for: before a line is put together at some cost. */
bool dr_task_traces(const struct dr_task *task, int level);

/* Registers a secret the source came by itself (a token it was handed), so that no output shows it.
 */
void dr_task_secret(struct dr_task *task, const char *value);

/* Adds a target that the source has found, a node that another one named: the task's own URI with
 * this scheme, host and port, probed by the same source in a thread of its
 * own. Its label is host:port. Returns its index, also where a target with that host and port is
 * there already (then nothing is added); DR_TASK_NONE when there is no room for more, no memory, or
 * the run is over. The scheme must stay valid. */
size_t dr_task_discover(struct dr_task *task, const struct dr_scheme *scheme, const char *host,
                        int port);
#define DR_TASK_NONE SIZE_MAX

/* ---- for executables ---- */

/* How one target came out. */
struct dr_outcome {
    bool finished; /* false: the deadline passed; facts must not be touched */
    bool ok;       /* the probe returned true */
    struct dr_error
        error; /* when not ok; for an unfinished task: timeout, with the stage and the seconds */
    double elapsed; /* seconds; of the whole run when unfinished */
};

struct dr_run_plan {
    struct dr_targets *targets;
    size_t capacity; /* elements that targets->items and every array here have room for; 0: as many
                        as there are targets, so that none can be discovered */
    dr_probe *
        *probes; /* one for each target; NULL: the outcome is load_errors[i] without a thread */
    const struct dr_error
        *load_errors;    /* parallel to targets; may be NULL when every probe is there */
    void *facts;         /* array parallel to targets; zeroed for each by the run */
    size_t facts_size;   /* bytes of one element */
    const void *request; /* handed to every source */
    double started;      /* dr_monotonic() at process start: the deadline counts from there */
    double timeout;      /* seconds */
    int verbosity;
    struct dr_secrets *secrets;
};

/* Runs all probes; outcomes has one element for each target. Targets that are discovered are added
 * to plan->targets, their facts and outcomes beside them. NULL when no run could be set up
 * (error). The run must be kept until the process ends when a task is unfinished; dr_run_free does
 * the right thing. */
struct dr_run *dr_run_targets(const struct dr_run_plan *plan, struct dr_outcome *outcomes,
                              struct dr_error *error);

/* The trace lines of all tasks in target order, "label: line\n" each. */
void dr_run_trace(const struct dr_run *run, struct dr_buffer *out);

/* True when some task did not come back: the process must leave with _exit. */
bool dr_run_has_stragglers(const struct dr_run *run);

void dr_run_free(struct dr_run *run);

#endif
