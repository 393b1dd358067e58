/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/run.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Enough for the queries and replies of one target at -vvv. */
#define TRACE_MAX (64 * 1024)
/* Deep enough for a client library with TLS and name resolution; 64 of them fit the process'
 * budget. */
#define STACK_SIZE (1024 * 1024)
/* The largest head start a task gets to report for itself before the run ends, seconds. */
#define MARGIN_MAX 0.25
/* Files that there is room for from the start: more than most runs ever have open. */
#define FILES 1024

struct dr_task {
    struct dr_run *run;
    size_t index;
    pthread_t thread;
    bool started;
    bool finished;
    double ended;
    bool ok;
    struct dr_error error;
    struct dr_buffer trace;
    _Atomic(const char *) stage;
};

struct dr_run {
    struct dr_run_plan plan;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    double deadline;
    double task_deadline;
    struct dr_task *tasks;
    size_t count;
    size_t capacity;
    size_t finished;
    bool closed; /* the outcomes were taken: nothing is added any more */
    bool stragglers;
};

double dr_now(void)
{
    const char *said = secure_getenv("DR_PLUGINS_NOW");
    struct timespec now;
    if (said != NULL)
        return strtod(said, NULL);
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double dr_monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void dr_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

void dr_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, double until)
{
    struct timespec when = {.tv_sec = (time_t)until};
    when.tv_nsec = (long)((until - (double)when.tv_sec) * 1e9);
    pthread_cond_timedwait(condition, lock, &when);
}

const struct dr_target *dr_task_target(const struct dr_task *task)
{
    return &task->run->plan.targets->items[task->index];
}

size_t dr_task_index(const struct dr_task *task)
{
    return task->index;
}

const void *dr_task_request(const struct dr_task *task)
{
    return task->run->plan.request;
}

void dr_task_stage(struct dr_task *task, const char *stage)
{
    atomic_store(&task->stage, stage);
    dr_task_trace(task, 1, "%s", stage);
}

double dr_task_left(const struct dr_task *task)
{
    double left = task->run->task_deadline - dr_monotonic();
    return left > 0 ? left : 0;
}

bool dr_task_traces(const struct dr_task *task, int level)
{
    return task->run->plan.verbosity >= level;
}

void dr_task_trace(struct dr_task *task, int level, const char *format, ...)
{
    struct dr_run *run = task->run;
    if (!dr_task_traces(task, level))
        return;
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&run->lock);
    dr_buffer_addf(&task->trace, "%s %.3f s: ", dr_task_target(task)->label,
                   dr_monotonic() - run->plan.started);
    dr_buffer_addv(&task->trace, format, args);
    dr_buffer_add(&task->trace, "\n");
    pthread_mutex_unlock(&run->lock);
    va_end(args);
}

void dr_task_secret(struct dr_task *task, const char *value)
{
    dr_secrets_add(task->run->plan.secrets, value);
}

static void finish(struct dr_task *task, bool ok, const struct dr_error *error)
{
    struct dr_run *run = task->run;
    pthread_mutex_lock(&run->lock);
    task->ok = ok;
    if (!ok)
        task->error = *error;
    task->ended = dr_monotonic();
    task->finished = true;
    run->finished++;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static void *task_facts(const struct dr_run *run, size_t index)
{
    return (char *)run->plan.facts + index * run->plan.facts_size;
}

static void *work(void *argument)
{
    struct dr_task *task = argument;
    struct dr_run *run = task->run;
    struct dr_error error = {.class = DR_ERR_NONE};
    bool ok = run->plan.probes[task->index](task, task_facts(run, task->index), &error);
    finish(task, ok, &error);
    return NULL;
}

/* Only for targets that are there: what is kept for those that may be discovered stays untouched
 * memory, which costs nothing. */
static void init_task(struct dr_run *run, size_t index)
{
    struct dr_task *task = &run->tasks[index];
    *task = (struct dr_task){.run = run, .index = index, .trace = DR_BUFFER(TRACE_MAX)};
    atomic_init(&task->stage, "start");
    memset(task_facts(run, index), 0, run->plan.facts_size);
}

static struct dr_run *run_new(const struct dr_run_plan *plan)
{
    struct dr_run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return NULL;
    run->plan = *plan;
    run->count = plan->targets->count;
    run->capacity = plan->capacity > run->count ? plan->capacity : run->count;
    run->tasks = malloc(run->capacity * sizeof *run->tasks);
    if (run->tasks == NULL) {
        free(run);
        return NULL;
    }
    dr_condition_init(&run->changed);
    pthread_mutex_init(&run->lock, NULL);
    double margin = plan->timeout / 10 < MARGIN_MAX ? plan->timeout / 10 : MARGIN_MAX;
    run->deadline = plan->started + plan->timeout;
    run->task_deadline = run->deadline - margin;
    for (size_t i = 0; i < run->count; i++)
        init_task(run, i);
    return run;
}

/* Returns an error number. */
static int start_thread(struct dr_task *task)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    int failed = pthread_create(&task->thread, &attributes, work, task);
    pthread_attr_destroy(&attributes);
    task->started = failed == 0;
    return failed;
}

/* The kernel makes the table of a process' files larger as it fills (at 64, 128, 256 ...). Once
 * there are threads it waits each time until no processor looks at the old one any more, 10 ms and
 * more; while there is only this one it does not. */
static void make_room_for_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    int last = limit.rlim_cur < FILES ? (int)limit.rlim_cur - 1 : FILES - 1;
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, last);
    if (fd >= 0)
        close(fd);
}

static void start_tasks(struct dr_run *run)
{
    struct dr_error none = {.class = DR_ERR_INTERNAL, .text = "no source was loaded"};
    size_t given = run->plan.targets->count; /* the first task may discover more */
    for (size_t i = 0; i < given; i++) {
        struct dr_task *task = &run->tasks[i];
        if (run->plan.probes[i] == NULL) {
            finish(task, false, run->plan.load_errors != NULL ? &run->plan.load_errors[i] : &none);
            continue;
        }
        int failed = start_thread(task);
        if (failed != 0) {
            struct dr_error error;
            dr_error_set(&error, DR_ERR_INTERNAL, "cannot start a thread: %s", strerror(failed));
            finish(task, false, &error);
        }
    }
}

/* ---- discovered targets ---- */

static size_t find_target(const struct dr_targets *targets, const char *host, int port)
{
    for (size_t i = 0; i < targets->count; i++) {
        const struct dr_target *target = &targets->items[i];
        const struct dr_uri_host *own =
            target->host < target->uri.host_count ? &target->uri.hosts[target->host] : NULL;
        if (own != NULL && own->port == port && strcmp(own->name, host) == 0)
            return i;
    }
    return DR_TASK_NONE;
}

static bool make_target(const struct dr_target *from, const struct dr_scheme *scheme,
                        const char *host, int port, struct dr_target *target)
{
    struct dr_uri_host only = {.name = (char *)host, .port = port};
    struct dr_uri uri = from->uri; /* seen as that of the new target, and then copied */
    uri.scheme = (char *)scheme->scheme;
    uri.hosts = &only;
    uri.host_count = 1;
    *target = (struct dr_target){
        .scheme = scheme, .password = from->password, .discovered = true, .named = true};
    target->label = dr_text_format(strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", host, port);
    return target->label != NULL && dr_uri_copy(&uri, &target->uri);
}

/* The lock is held. */
static size_t add_target(struct dr_task *task, const struct dr_scheme *scheme, const char *host,
                         int port)
{
    struct dr_run *run = task->run;
    struct dr_targets *targets = run->plan.targets;
    size_t index = find_target(targets, host, port);
    if (index != DR_TASK_NONE)
        return index;
    if (run->closed || run->count >= run->capacity)
        return DR_TASK_NONE;
    index = run->count;
    struct dr_target *target = &targets->items[index];
    if (!make_target(&targets->items[task->index], scheme, host, port, target)) {
        free(target->label);
        dr_uri_free(&target->uri);
        return DR_TASK_NONE;
    }
    init_task(run, index);
    run->plan.probes[index] = run->plan.probes[task->index];
    targets->count = ++run->count;
    return index;
}

size_t dr_task_discover(struct dr_task *task, const struct dr_scheme *scheme, const char *host,
                        int port)
{
    struct dr_run *run = task->run;
    pthread_mutex_lock(&run->lock);
    size_t before = run->count;
    size_t index = add_target(task, scheme, host, port);
    bool added = run->count > before;
    int failed = added ? start_thread(&run->tasks[index]) : 0;
    pthread_mutex_unlock(&run->lock);
    if (failed != 0) {
        struct dr_error error;
        dr_error_set(&error, DR_ERR_INTERNAL, "cannot start a thread: %s", strerror(failed));
        finish(&run->tasks[index], false, &error);
    }
    return index;
}

/* Copies how a task came out. The lock is held. */
static void take_outcome(struct dr_run *run, size_t i, struct dr_outcome *outcome)
{
    struct dr_task *task = &run->tasks[i];
    *outcome = (struct dr_outcome){.finished = task->finished, .ok = task->ok};
    if (task->finished) {
        outcome->elapsed = task->ended - run->plan.started;
        if (!task->ok)
            outcome->error = task->error;
        return;
    }
    run->stragglers = true;
    outcome->elapsed = dr_monotonic() - run->plan.started;
    dr_error_set(&outcome->error, DR_ERR_TIMEOUT, "no answer within %g s (stage: %s)",
                 run->plan.timeout, atomic_load(&task->stage));
}

struct dr_run *dr_run_targets(const struct dr_run_plan *plan, struct dr_outcome *outcomes,
                              struct dr_error *error)
{
    struct dr_run *run = run_new(plan);
    if (run == NULL) {
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        return NULL;
    }
    make_room_for_files();
    start_tasks(run);
    pthread_mutex_lock(&run->lock);
    while (run->finished < run->count && dr_monotonic() < run->deadline)
        dr_condition_wait(&run->changed, &run->lock, run->deadline);
    run->closed = true;
    for (size_t i = 0; i < run->count; i++)
        take_outcome(run, i, &outcomes[i]);
    pthread_mutex_unlock(&run->lock);
    return run;
}

void dr_run_trace(const struct dr_run *run, struct dr_buffer *out)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&run->lock;
    pthread_mutex_lock(lock);
    for (size_t i = 0; i < run->count; i++)
        dr_buffer_add(out, dr_buffer_text(&run->tasks[i].trace));
    pthread_mutex_unlock(lock);
}

bool dr_run_has_stragglers(const struct dr_run *run)
{
    return run->stragglers;
}

void dr_run_free(struct dr_run *run)
{
    /* A straggler may still be using all of it; the process is about to leave by _exit. */
    if (run == NULL || run->stragglers)
        return;
    /* Each has said all it had to say; by now it has ended, while the result was written. */
    for (size_t i = 0; i < run->count; i++) {
        if (run->tasks[i].started)
            pthread_join(run->tasks[i].thread, NULL);
    }
    for (size_t i = 0; i < run->count; i++)
        dr_buffer_free(&run->tasks[i].trace);
    pthread_cond_destroy(&run->changed);
    pthread_mutex_destroy(&run->lock);
    free(run->tasks);
    free(run);
}
