/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/kubernetes_units.h"

#include "common/buffer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A pod that should have ended may take so much longer: the kubelet tells it with its next look. */
#define OVERDUE_SLACK 60.0
/* Names of pods that are listed. */
#define NAMES_SIZE 200

/* ---- its pods ---- */

struct tally {
    int64_t left; /* not ended yet, those that are being ended included */
    int64_t ready;
    int64_t terminating;
    int64_t restarts;
    bool moves;               /* a pod is young, or is being ended in its time */
    char ending[NAMES_SIZE];  /* the names of those that are being ended */
    char trouble[NAMES_SIZE]; /* "web-5: ImagePullBackOff", the first of them */
};

/* As many as there is room for. */
static void add_name(char names[NAMES_SIZE], const char *name)
{
    size_t used = strlen(names);
    const char *between = used > 0 ? ", " : "";
    if (used + strlen(between) + strlen(name) < NAMES_SIZE)
        snprintf(names + used, NAMES_SIZE - used, "%s%.*s", between, (int)(NAMES_SIZE - used - 3),
                 name);
}

/* A selector may match pods of a job, or of another kind of workload: they say by whom they are
 * controlled. Pods that nobody controls count: they run, and the selector means them. */
static bool belongs(const struct kubernetes_pod *pod, const struct kubernetes_workload *workload)
{
    if (pod->owner_kind[0] == '\0')
        return true;
    if (workload->kind == KUBERNETES_DEPLOYMENT)
        return strcmp(pod->owner_kind, "ReplicaSet") == 0;
    return strcmp(pod->owner_kind, kubernetes_kinds[workload->kind].kind) == 0 &&
           strcmp(pod->owner, workload->name) == 0;
}

/* On the server's clock; what cannot be told is neither young nor in its time. */
static bool is_young(const struct kubernetes_pod *pod, struct dr_opt_real now)
{
    return now.known && pod->created.known && now.value - pod->created.value < KUBERNETES_YOUNG;
}

static bool is_in_time(const struct kubernetes_pod *pod, struct dr_opt_real now)
{
    return now.known && pod->deadline.known && now.value < pod->deadline.value + OVERDUE_SLACK;
}

static void note_trouble(struct tally *tally, const struct kubernetes_pod *pod, const char *what)
{
    if (tally->trouble[0] == '\0')
        snprintf(tally->trouble, sizeof tally->trouble, "%.120s: %.60s", pod->name, what);
}

static void count_ending(struct tally *tally, const struct kubernetes_pod *pod,
                         struct dr_opt_real now)
{
    tally->terminating++;
    add_name(tally->ending, pod->name);
    if (is_in_time(pod, now))
        tally->moves = true;
    else
        note_trouble(tally, pod, "should have ended long ago");
}

static void count_pod(struct tally *tally, const struct kubernetes_pod *pod, struct dr_opt_real now)
{
    tally->restarts += pod->restarts;
    if (pod->ended)
        return;
    tally->left++;
    if (pod->terminating) {
        count_ending(tally, pod, now);
        return;
    }
    tally->ready += pod->ready ? 1 : 0;
    if (pod->trouble[0] != '\0' && !pod->ready)
        note_trouble(tally, pod, pod->trouble);
    else if (is_young(pod, now))
        tally->moves = true;
}

static struct tally count_pods(const struct kubernetes_workload *workload,
                               const struct kubernetes_around *around)
{
    struct tally tally = {.left = 0};
    for (size_t i = 0; i < around->pods->count; i++) {
        const struct kubernetes_pod *pod = &around->pods->items[i];
        if (belongs(pod, workload))
            count_pod(&tally, pod, around->now);
    }
    return tally;
}

static void add_places(const struct kubernetes_workload *workload,
                       const struct kubernetes_pods *pods, struct liv_facts *facts,
                       struct liv_unit *unit)
{
    for (size_t i = 0; i < pods->count; i++) {
        const struct kubernetes_pod *pod = &pods->items[i];
        if (belongs(pod, workload) && pod->ready && !pod->ended && !pod->terminating &&
            pod->node[0] != '\0')
            liv_facts_place(facts, unit, pod->node, 1);
    }
}

/* ---- what undoes a zero ---- */

static const struct kubernetes_autoscaler *find_autoscaler(const struct kubernetes_around *around,
                                                           const struct kubernetes_workload *w)
{
    const struct kubernetes_autoscalers *list = around->autoscalers;
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const struct kubernetes_autoscaler *scaler = &list->items[i];
        if (strcmp(scaler->target_kind, kubernetes_kinds[w->kind].kind) == 0 &&
            strcmp(scaler->target, w->name) == 0)
            return scaler;
    }
    return NULL;
}

/* An autoscaler leaves a workload alone that has no replicas, unless its own minimum is zero (the
 * feature HPAScaleToZero); KEDA scales up from zero by itself, beside the autoscaler that it owns.
 */
static void tell_autoscaler(struct liv_facts *facts, struct liv_unit *unit,
                            const struct kubernetes_workload *workload,
                            const struct kubernetes_around *around, char *words, size_t size)
{
    const struct kubernetes_autoscaler *scaler = find_autoscaler(around, workload);
    words[0] = '\0';
    if (workload->kind == KUBERNETES_DAEMONSET)
        return;
    if (around->autoscalers == NULL)
        snprintf(words, size, "autoscalers not readable%s%.150s",
                 around->no_autoscalers[0] != '\0' ? ": " : "", around->no_autoscalers);
    if (scaler == NULL)
        return;
    if (scaler->wakes)
        liv_facts_sign(facts, unit, LIV_K_WOKEN, "autoscaler %s belongs to a ScaledObject of KEDA",
                       scaler->name);
    else if (!scaler->least.known)
        liv_facts_sign(facts, unit, LIV_K_WOKEN, "autoscaler %s does not say its minimum",
                       scaler->name);
    else if (scaler->least.value == 0)
        liv_facts_sign(facts, unit, LIV_K_WOKEN, "autoscaler %s has a minimum of 0", scaler->name);
    else
        snprintf(words, size, "autoscaler %.100s leaves it alone as long as it is at zero",
                 scaler->name);
}

/* ---- a workload ---- */

static const char *find_missing(const struct kubernetes_workload *w)
{
    bool daemon = w->kind == KUBERNETES_DAEMONSET;
    if (!w->generation.known)
        return "metadata.generation";
    if (!w->wanted.known)
        return daemon ? "status.desiredNumberScheduled" : "spec.replicas";
    if (!w->observed.known)
        return "status.observedGeneration";
    if (!w->replicas.known)
        return daemon ? "status.currentNumberScheduled" : "status.replicas";
    if (!w->updated.known || !w->ready.known || !w->available.known || !w->unavailable.known)
        return "a usable number of updated, ready, available or unavailable replicas";
    /* a controller that has written its numbers has also written what they are about */
    if (w->observed.value == 0 && w->replicas.value > 0)
        return "status.observedGeneration";
    return w->selector == NULL ? "a usable selector of its pods" : NULL;
}

static void set_figures(struct liv_unit *unit, const struct kubernetes_workload *w,
                        const struct tally *tally)
{
    const struct {
        enum liv_metric metric;
        struct dr_opt_int value;
    } figures[] = {{LIV_WANTED, w->wanted},
                   {LIV_READY, w->ready},
                   {LIV_AVAILABLE, w->available},
                   {LIV_UPDATED, w->updated}};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        if (figures[i].value.known)
            liv_unit_figure(unit, figures[i].metric, (double)figures[i].value.value);
    }
    if (w->selector == NULL)
        return; /* its pods were not listed */
    liv_unit_figure(unit, LIV_TERMINATING, (double)tally->terminating);
    liv_unit_figure(unit, LIV_RESTARTS, (double)tally->restarts);
}

/* A daemon set for nodes that this cluster does not have: neither in use nor missing. */
static bool is_meant_for_nobody(const struct kubernetes_workload *w, const struct tally *tally)
{
    return w->kind == KUBERNETES_DAEMONSET && find_missing(w) == NULL && w->wanted.value == 0 &&
           w->replicas.value == 0 && w->ready.value == 0 && tally->left == 0;
}

/* "; 2 being ended: web-1, web-2" */
static void tell_ending(const struct tally *tally, char *words, size_t size)
{
    words[0] = '\0';
    if (tally->terminating > 0)
        snprintf(words, size, "; %" PRId64 " being ended: %s", tally->terminating, tally->ending);
}

static void sign_zero(struct liv_facts *facts, struct liv_unit *unit,
                      const struct kubernetes_workload *w, const struct kubernetes_around *around,
                      const struct tally *tally)
{
    char ending[NAMES_SIZE + 40], words[300];
    tell_ending(tally, ending, sizeof ending);
    if (tally->left > 0) {
        liv_facts_sign(facts, unit, LIV_K_LEFTOVER, "%" PRId64 "%s", tally->left, ending);
        return;
    }
    if (w->replicas.value > 0 || w->ready.value > 0) {
        liv_facts_sign(facts, unit, LIV_K_LEFTOVER,
                       "its status says %" PRId64 " replicas, though none of them is listed",
                       w->replicas.value > w->ready.value ? w->replicas.value : w->ready.value);
        return;
    }
    tell_autoscaler(facts, unit, w, around, words, sizeof words);
    liv_facts_sign(facts, unit, LIV_K_ZERO, "%s",
                   w->kind == KUBERNETES_DAEMONSET ? "no node is meant for it" : words);
}

/* Which of its replicas have the newest version, as far as they should. */
static bool is_updated(const struct kubernetes_workload *w)
{
    int64_t wanted = w->wanted.value - w->kept;
    return w->on_delete || w->updated.value >= wanted;
}

static bool is_settled(const struct kubernetes_workload *w, const struct tally *tally)
{
    int64_t wanted = w->wanted.value;
    return w->observed.value == w->generation.value && is_updated(w) &&
           w->replicas.value == wanted && w->ready.value == wanted &&
           w->available.value == wanted && w->unavailable.value == 0 && tally->ready >= wanted;
}

/* Why it takes time, where it does so as it should: NULL where nothing moves. */
static const char *rolling(const struct kubernetes_workload *w, const struct tally *tally)
{
    if (w->observed.value != w->generation.value)
        return "its controller has not looked at the newest specification yet";
    if (w->paused && !is_updated(w) && tally->ready >= w->wanted.value)
        return "the rollout is paused";
    if (w->progressing)
        return "a rollout goes on";
    if (tally->moves)
        return is_updated(w) ? "pods start or end" : "a rollout goes on";
    return NULL;
}

static void sign_running(struct liv_facts *facts, struct liv_unit *unit,
                         const struct kubernetes_workload *w, const struct tally *tally)
{
    char counts[NAMES_SIZE + 200], ending[NAMES_SIZE + 40];
    int64_t alive = unit->alive.value;
    tell_ending(tally, ending, sizeof ending);
    snprintf(counts, sizeof counts,
             "%" PRId64 " of %" PRId64 " ready, %" PRId64 " available, %" PRId64 " updated%s",
             alive, w->wanted.value, w->available.value, w->updated.value, ending);
    const char *why = rolling(w, tally);
    if (w->deleting)
        liv_facts_sign(facts, unit, LIV_K_SHORT, "%s; it is being deleted", counts);
    else if (w->stuck)
        liv_facts_sign(facts, unit, LIV_K_STUCK, "%s; %s", counts, w->why);
    else if (is_settled(w, tally))
        liv_facts_sign(facts, unit, LIV_K_SETTLED, "%s", counts);
    else if (tally->trouble[0] != '\0')
        liv_facts_sign(facts, unit, LIV_K_STUCK, "%s; %s", counts, tally->trouble);
    else if (why != NULL)
        liv_facts_sign(facts, unit, LIV_K_ROLLING, "%s; %s", counts, why);
    else if (alive < w->wanted.value || w->available.value < w->wanted.value)
        liv_facts_sign(facts, unit, LIV_K_SHORT, "%s", counts);
    else
        liv_facts_sign(facts, unit, LIV_K_STUCK, "%s, and nothing moves", counts);
}

static struct liv_unit *add_unit(struct liv_facts *facts, enum liv_kind kind,
                                 const struct kubernetes_workload *workload)
{
    char name[KUBERNETES_NAME_SIZE + 20];
    snprintf(name, sizeof name, "%s/%s", kubernetes_kinds[workload->kind].word, workload->name);
    return liv_facts_add(facts, kind, name, name);
}

void kubernetes_add_workload(struct liv_facts *facts, const struct kubernetes_workload *workload,
                             const struct kubernetes_around *around)
{
    struct tally tally = count_pods(workload, around);
    if (!around->named && is_meant_for_nobody(workload, &tally))
        return;
    struct liv_unit *unit = add_unit(facts, LIV_WORKLOAD, workload);
    if (unit == NULL)
        return;
    add_places(workload, around->pods, facts, unit);
    liv_facts_text(facts, &unit->version, workload->images);
    const char *missing = find_missing(workload);
    unit->wanted = workload->wanted;
    set_figures(unit, workload, &tally);
    if (missing != NULL) {
        liv_facts_sign(facts, unit, LIV_NOT_TOLD, "%s is not in the reply", missing);
        return;
    }
    /* one of the two is older by some milliseconds: what both say is proven */
    unit->alive = dr_int(workload->ready.value < tally.ready ? workload->ready.value : tally.ready);
    if (workload->wanted.value == 0)
        sign_zero(facts, unit, workload, around, &tally);
    else
        sign_running(facts, unit, workload, &tally);
}

/* ---- a cron job ---- */

void kubernetes_add_job(struct liv_facts *facts, const struct kubernetes_workload *job, bool named)
{
    struct liv_unit *unit = add_unit(facts, LIV_JOB, job);
    if (!job->suspended.known)
        liv_facts_sign(facts, unit, LIV_NOT_TOLD, "spec.suspend is not in the reply");
    else if (!job->suspended.value)
        liv_facts_sign(facts, unit, LIV_K_SCHEDULED, "%s%s%s", job->schedule,
                       job->running > 0 ? "; runs now: " : "", job->running_names);
    else if (job->running > 0)
        liv_facts_sign(facts, unit, LIV_K_STILL_RUNS, "%s", job->running_names);
    else if (named)
        liv_facts_sign(facts, unit, LIV_K_SUSPENDED, "%s", job->schedule);
    else
        liv_facts_sign(facts, unit, LIV_K_OFF, "suspended");
}
