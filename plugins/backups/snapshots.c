/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/snapshots.h"

#include "common/buffer.h"
#include "common/client/json_read.h"
#include "plugins/backups/cron.h"
#include "plugins/backups/wanted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTS_MAX 512
/* A run may be late by so much before that is said. */
#define LATE 900.0

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static struct es_snapshot *add(struct es_snapshots *list)
{
    if ((list->count & (list->count - 1)) == 0) {
        size_t space = list->count == 0 ? 1 : 2 * list->count;
        struct es_snapshot *more = realloc(list->items, space * sizeof *more);
        if (more == NULL)
            return NULL;
        list->items = more;
    }
    struct es_snapshot *snapshot = &list->items[list->count++];
    *snapshot = (struct es_snapshot){.name = ""};
    return snapshot;
}

/* ---- values ---- */

/* Milliseconds since the epoch; 0 is what is not known yet. */
static struct dr_opt_real read_millis(struct dr_json *reader)
{
    struct dr_opt_int millis = dr_json_int(reader);
    return (struct dr_opt_real){.known = millis.known && millis.value > 0,
                                .value = (double)millis.value / 1000};
}

static void read_words(struct dr_json *reader, char words[ES_TEXT_SIZE])
{
    char text[2048];
    if (!dr_json_text(reader, text, sizeof text))
        return;
    char *clean = dr_text_clean(text, ES_TEXT_SIZE - 1);
    snprintf(words, ES_TEXT_SIZE, "%s", clean != NULL ? clean : "");
    free(clean);
}

/* ---- the API's list ---- */

static void read_shards(struct dr_json *reader, struct es_snapshot *snapshot)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        struct dr_opt_int count = dr_json_int(reader);
        if (strcmp(name, "total") == 0)
            snapshot->total = count;
        else if (strcmp(name, "failed") == 0)
            snapshot->failed = count;
        else if (strcmp(name, "successful") == 0)
            snapshot->successful = count;
    }
}

/* SLM writes "policy", OpenSearch's snapshot management "sm_policy". */
static void read_metadata(struct dr_json *reader, struct es_snapshot *snapshot)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "policy") == 0 || strcmp(name, "sm_policy") == 0)
            dr_json_text(reader, snapshot->policy, sizeof snapshot->policy);
        else
            dr_json_skip(reader);
    }
}

static void read_failure(struct dr_json *reader, struct es_snapshot *snapshot)
{
    char name[64], index[ES_NAME_SIZE] = "", reason[ES_TEXT_SIZE] = "";
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "index") == 0)
            dr_json_text(reader, index, sizeof index);
        else if (strcmp(name, "reason") == 0)
            read_words(reader, reason);
        else
            dr_json_skip(reader);
    }
    if (snapshot->reason[0] == '\0')
        snprintf(snapshot->reason, sizeof snapshot->reason, "%.60s: %.130s", index, reason);
}

static void read_failures(struct dr_json *reader, struct es_snapshot *snapshot)
{
    if (!dr_json_array(reader))
        return;
    while (dr_json_item(reader)) {
        snapshot->failures = true;
        read_failure(reader, snapshot);
    }
}

static bool read_snapshot(struct dr_json *reader, struct es_snapshot *snapshot)
{
    char name[64];
    if (!dr_json_object(reader))
        return false;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "snapshot") == 0) {
            dr_json_text(reader, snapshot->name, sizeof snapshot->name);
        } else if (strcmp(name, "uuid") == 0) {
            dr_json_text(reader, snapshot->uuid, sizeof snapshot->uuid);
        } else if (strcmp(name, "state") == 0) {
            dr_json_text(reader, snapshot->state, sizeof snapshot->state);
        } else if (strcmp(name, "version") == 0) {
            dr_json_text(reader, snapshot->version, sizeof snapshot->version);
        } else if (strcmp(name, "reason") == 0) {
            read_words(reader, snapshot->reason);
        } else if (strcmp(name, "start_time_in_millis") == 0) {
            snapshot->started = read_millis(reader);
        } else if (strcmp(name, "end_time_in_millis") == 0) {
            snapshot->ended = read_millis(reader);
        } else if (strcmp(name, "shards") == 0) {
            read_shards(reader, snapshot);
        } else if (strcmp(name, "failures") == 0) {
            read_failures(reader, snapshot);
        } else if (strcmp(name, "metadata") == 0) {
            read_metadata(reader, snapshot);
        } else {
            dr_json_skip(reader);
        }
    }
    return snapshot->name[0] != '\0';
}

static bool read_items(struct dr_json *reader, struct es_snapshots *list,
                       bool (*read)(struct dr_json *, struct es_snapshot *), struct dr_error *error)
{
    if (!dr_json_array(reader))
        return dr_error_set(error, DR_ERR_PROTOCOL, "\"snapshots\" is no list");
    while (dr_json_item(reader)) {
        struct es_snapshot *snapshot = add(list);
        if (snapshot == NULL)
            return no_memory(error);
        if (!read(reader, snapshot))
            return dr_error_set(error, DR_ERR_PROTOCOL, "a snapshot without a name");
    }
    return true;
}

bool es_read_snapshots(const char *text, struct es_snapshots *list, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    struct dr_error wrong = {.class = DR_ERR_NONE};
    bool found = false, ok = true;
    char name[64];
    list->next[0] = '\0';
    list->detailed = true;
    bool object = dr_json_object(&reader);
    while (ok && object && dr_json_member(&reader, name, sizeof name)) {
        if (strcmp(name, "snapshots") == 0) {
            found = true;
            ok = read_items(&reader, list, read_snapshot, &wrong);
        } else if (strcmp(name, "total") == 0) {
            list->total = dr_json_int(&reader);
        } else if (strcmp(name, "next") == 0 && dr_json_kind(&reader) == '"') {
            if (!dr_json_text(&reader, list->next, sizeof list->next))
                ok = dr_error_set(&wrong, DR_ERR_PROTOCOL, "\"next\" cannot be used");
        } else {
            dr_json_skip(&reader);
        }
    }
    /* a defect shows as values that are missing: say the defect */
    if (reader.wrong != NULL || ok)
        return dr_json_end(&reader, error) &&
               (found || dr_error_set(error, DR_ERR_PROTOCOL, "no list of snapshots"));
    return dr_error_set(error, wrong.class, "%s", wrong.text);
}

/* ---- the catalogue ---- */

/* SnapshotState.java */
static void read_state(struct dr_json *reader, struct es_snapshot *snapshot)
{
    static const char *const states[] = {"IN_PROGRESS", "SUCCESS", "FAILED", "PARTIAL",
                                         "INCOMPATIBLE"};
    struct dr_opt_int state = dr_json_int(reader);
    if (state.known && state.value >= 0 && (size_t)state.value < sizeof states / sizeof states[0])
        snprintf(snapshot->state, sizeof snapshot->state, "%s", states[state.value]);
}

static bool read_entry(struct dr_json *reader, struct es_snapshot *snapshot)
{
    char name[64];
    if (!dr_json_object(reader))
        return false;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "name") == 0)
            dr_json_text(reader, snapshot->name, sizeof snapshot->name);
        else if (strcmp(name, "uuid") == 0)
            dr_json_text(reader, snapshot->uuid, sizeof snapshot->uuid);
        else if (strcmp(name, "version") == 0)
            dr_json_text(reader, snapshot->version, sizeof snapshot->version);
        else if (strcmp(name, "slm_policy") == 0)
            dr_json_text(reader, snapshot->policy, sizeof snapshot->policy);
        else if (strcmp(name, "state") == 0)
            read_state(reader, snapshot);
        else if (strcmp(name, "start_time_millis") == 0)
            snapshot->started = read_millis(reader);
        else if (strcmp(name, "end_time_millis") == 0)
            snapshot->ended = read_millis(reader);
        else
            dr_json_skip(reader);
    }
    return snapshot->name[0] != '\0' && snapshot->uuid[0] != '\0';
}

bool es_read_catalogue(const char *text, struct es_snapshots *list, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    struct dr_error wrong = {.class = DR_ERR_NONE};
    bool found = false, indices = false, ok = true;
    char name[64];
    bool object = dr_json_object(&reader);
    while (ok && object && dr_json_member(&reader, name, sizeof name)) {
        if (strcmp(name, "snapshots") == 0) {
            found = true;
            ok = read_items(&reader, list, read_entry, &wrong);
        } else {
            indices = indices || strcmp(name, "indices") == 0;
            dr_json_skip(&reader);
        }
    }
    if (reader.wrong != NULL || ok)
        return dr_json_end(&reader, error) &&
               ((found && indices) ||
                dr_error_set(error, DR_ERR_PROTOCOL, "no catalogue: no \"%s\"",
                             found ? "indices" : "snapshots"));
    return dr_error_set(error, wrong.class, "%s", wrong.text);
}

/* ---- errors, policies ---- */

void es_read_refusal(const char *text, struct es_refusal *refusal)
{
    struct dr_json reader = dr_json_start(text);
    char name[64];
    *refusal = (struct es_refusal){.type = ""};
    bool object = dr_json_object(&reader);
    while (object && dr_json_member(&reader, name, sizeof name)) {
        if (strcmp(name, "error") != 0 || dr_json_kind(&reader) != '{') {
            dr_json_skip(&reader);
            continue;
        }
        dr_json_object(&reader);
        while (dr_json_member(&reader, name, sizeof name)) {
            if (strcmp(name, "type") == 0)
                dr_json_text(&reader, refusal->type, sizeof refusal->type);
            else if (strcmp(name, "reason") == 0)
                read_words(&reader, refusal->reason);
            else
                dr_json_skip(&reader);
        }
    }
    if (!dr_json_end(&reader, NULL))
        *refusal = (struct es_refusal){.type = ""};
}

static struct dr_opt_real read_run(struct dr_json *reader, char snapshot[ES_NAME_SIZE],
                                   char details[ES_TEXT_SIZE])
{
    struct dr_opt_real time = {.known = false};
    char name[64];
    if (!dr_json_object(reader))
        return time;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "time") == 0)
            time = read_millis(reader);
        else if (strcmp(name, "snapshot_name") == 0)
            dr_json_text(reader, snapshot, ES_NAME_SIZE);
        else if (strcmp(name, "details") == 0)
            read_words(reader, details);
        else
            dr_json_skip(reader);
    }
    return time;
}

static void read_rules(struct dr_json *reader, struct es_policy *policy)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "repository") == 0)
            dr_json_text(reader, policy->repository, sizeof policy->repository);
        else if (strcmp(name, "schedule") == 0)
            dr_json_text(reader, policy->schedule, sizeof policy->schedule);
        else
            dr_json_skip(reader);
    }
}

static void read_policy(struct dr_json *reader, struct es_policy *policy)
{
    char name[64], unused[ES_NAME_SIZE], more[ES_TEXT_SIZE];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "policy") == 0)
            read_rules(reader, policy);
        else if (strcmp(name, "last_success") == 0)
            policy->success = read_run(reader, unused, more);
        else if (strcmp(name, "last_failure") == 0)
            policy->failure = read_run(reader, policy->failed, policy->details);
        else if (strcmp(name, "next_execution_millis") == 0)
            policy->next = read_millis(reader);
        else
            dr_json_skip(reader);
    }
}

bool es_read_policy(const char *text, const char *wanted, struct es_policy *policy,
                    struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    char name[ES_NAME_SIZE];
    bool found = false;
    *policy = (struct es_policy){.name = ""};
    snprintf(policy->name, sizeof policy->name, "%s", wanted);
    bool object = dr_json_object(&reader);
    while (object && dr_json_member(&reader, name, sizeof name)) {
        if (strcmp(name, wanted) == 0) {
            found = true;
            read_policy(&reader, policy);
        } else {
            dr_json_skip(&reader);
        }
    }
    return dr_json_end(&reader, error) &&
           (found || dr_error_set(error, DR_ERR_PROTOCOL, "the policy is not in the reply"));
}

bool es_read_mode(const char *text, char mode[32], struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    char name[64];
    mode[0] = '\0';
    bool object = dr_json_object(&reader);
    while (object && dr_json_member(&reader, name, sizeof name)) {
        if (strcmp(name, "operation_mode") == 0)
            dr_json_text(&reader, mode, 32);
        else
            dr_json_skip(&reader);
    }
    return dr_json_end(&reader, error);
}

/* ---- names ---- */

static int by_name(const void *a, const void *b)
{
    const struct es_snapshot *first = a, *second = b;
    return strcmp(first->name, second->name);
}

static bool is_kin(const struct es_snapshot *a, const struct es_snapshot *b)
{
    size_t length = strcspn(a->name, "0123456789");
    return length == strcspn(b->name, "0123456789") && strncmp(a->name, b->name, length) == 0;
}

void es_keep_last(struct es_snapshots *list, size_t most)
{
    size_t kept = 0;
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, by_name);
    for (size_t i = 0; i < list->count; i++) {
        if (i + most >= list->count || !is_kin(&list->items[i], &list->items[i + most]))
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

/* ---- facts ---- */

/* What is wrong with one that succeeded by its state. False where nothing is. */
static bool find_fault(const struct es_snapshot *snapshot, char *fault, size_t size)
{
    if (snapshot->failures)
        snprintf(fault, size, "it lists failures: %s", snapshot->reason);
    else if (snapshot->total.known && snapshot->total.value == 0)
        snprintf(fault, size, "it has no shards");
    else if (snapshot->failed.known && snapshot->failed.value > 0)
        snprintf(fault, size, "%lld of %lld shards failed", (long long)snapshot->failed.value,
                 (long long)snapshot->total.value);
    else if (snapshot->total.known && snapshot->successful.known &&
             snapshot->successful.value < snapshot->total.value)
        snprintf(fault, size, "%lld of %lld shards are in it",
                 (long long)snapshot->successful.value, (long long)snapshot->total.value);
    else
        return false;
    return true;
}

static void judge_success(struct bak_facts *facts, struct bak_point *point,
                          const struct es_snapshot *snapshot, bool detailed)
{
    char fault[ES_TEXT_SIZE + 60];
    const char *lacks = !snapshot->started.known ? "start time"
                        : !snapshot->ended.known ? "end time"
                        : detailed && (!snapshot->total.known || !snapshot->failed.known ||
                                       !snapshot->successful.known)
                            ? "count of shards"
                            : NULL;
    if (lacks != NULL)
        bak_facts_status(facts, point, BAK_UNSEEN, "it says no %s", lacks);
    else if (find_fault(snapshot, fault, sizeof fault))
        bak_facts_status(facts, point, BAK_PARTIAL, "SUCCESS by name only: %s", fault);
    else
        point->proof = BAK_WELLFORMED;
}

static void judge_state(struct bak_facts *facts, struct bak_point *point,
                        const struct es_snapshot *snapshot, bool detailed)
{
    char more[ES_TEXT_SIZE + 60] = "";
    if (snapshot->failed.known && snapshot->total.known)
        snprintf(more, sizeof more, ", %lld of %lld shards failed",
                 (long long)snapshot->failed.value, (long long)snapshot->total.value);
    const char *state = snapshot->state;
    if (strcmp(state, "SUCCESS") == 0)
        judge_success(facts, point, snapshot, detailed);
    else if (strcmp(state, "IN_PROGRESS") == 0)
        point->status = BAK_RUNNING;
    else if (strcmp(state, "PARTIAL") == 0)
        bak_facts_status(facts, point, BAK_PARTIAL, "PARTIAL%s%s%s", more,
                         snapshot->reason[0] != '\0' ? ": " : "", snapshot->reason);
    else if (strcmp(state, "FAILED") == 0)
        bak_facts_status(facts, point, BAK_FAILED, "FAILED%s%s%s", more,
                         snapshot->reason[0] != '\0' ? ": " : "", snapshot->reason);
    else if (strcmp(state, "INCOMPATIBLE") == 0)
        bak_facts_status(facts, point, BAK_FAILED, "INCOMPATIBLE: this version cannot restore it");
    else
        bak_facts_status(facts, point, BAK_UNSEEN, "a state that is not known here: \"%s\"", state);
}

static void add_point(struct bak_facts *facts, struct bak_series *series,
                      const struct es_snapshot *snapshot, bool detailed)
{
    struct bak_point *point = bak_facts_point(facts, series, snapshot->name);
    char kind[64];
    if (point == NULL)
        return;
    if (snapshot->version[0] != '\0') {
        snprintf(kind, sizeof kind, "version %s", snapshot->version);
        bak_facts_text(facts, &point->kind, kind);
    }
    point->data = snapshot->started;
    point->began = snapshot->started.known ? snapshot->started : snapshot->ended;
    point->usable = snapshot->ended;
    point->clock = snapshot->by_file ? BAK_CLOCK_MODIFIED : BAK_CLOCK_INSIDE;
    judge_state(facts, point, snapshot, detailed);
}

static double moment_of(const struct es_snapshot *snapshot)
{
    return snapshot->started.known ? snapshot->started.value
           : snapshot->ended.known ? snapshot->ended.value
                                   : 0;
}

static int by_newest(const void *a, const void *b)
{
    double first = moment_of(a), second = moment_of(b);
    return first > second ? -1 : first < second ? 1 : 0;
}

static void add_one(struct bak_facts *facts, const struct es_snapshot *snapshot, bool detailed)
{
    struct bak_series *series = bak_facts_series(facts, snapshot->policy);
    if (series == NULL)
        return;
    series->total = dr_int(series->total.known ? series->total.value + 1 : 1);
    if (strcmp(snapshot->state, "SUCCESS") == 0 && snapshot->started.known)
        series->oldest = snapshot->started;
    if (series->point_count >= POINTS_MAX)
        return;
    char fault[ES_TEXT_SIZE + 60];
    bool first = true;
    for (size_t i = 0; i < series->point_count; i++)
        first = first && series->points[i].status == BAK_RUNNING;
    add_point(facts, series, snapshot, detailed);
    if (first && strcmp(snapshot->state, "SUCCESS") == 0 &&
        find_fault(snapshot, fault, sizeof fault))
        bak_facts_sign(facts, series, BAK_HOLLOW, "%.200s: %s", snapshot->name, fault);
}

void es_add_snapshots(struct bak_facts *facts, struct es_snapshots *list,
                      const struct bak_request *request)
{
    bool planned = false;
    size_t aside = 0;
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, by_newest);
    for (size_t i = 0; i < list->count; i++)
        planned = planned ||
                  (list->items[i].policy[0] != '\0' && bak_wanted(request, list->items[i].policy));
    for (size_t i = 0; i < list->count; i++) {
        const struct es_snapshot *snapshot = &list->items[i];
        if (planned && snapshot->policy[0] == '\0')
            aside++;
        else if (bak_wanted(request, snapshot->policy))
            add_one(facts, snapshot, list->detailed);
    }
    if (aside > 0)
        bak_facts_sign(facts, NULL, BAK_NOTE, "%zu made by hand, which are not judged", aside);
    if (facts->series_count == 1 && aside == 0 && list->total.known &&
        list->total.value > facts->series[0].total.value)
        facts->series[0].total = list->total;
}

void es_add_policy(struct bak_facts *facts, const struct es_policy *policy, const char *repository,
                   double now)
{
    struct bak_series *series = bak_facts_series(facts, policy->name);
    if (series == NULL)
        return;
    series->period = bak_cron_period(policy->schedule, true);
    if (strcmp(policy->repository, repository) != 0) {
        bak_facts_sign(facts, series, BAK_NO_SUCH_SERIES,
                       "policy %.200s writes to the repository %.200s", policy->name,
                       policy->repository[0] != '\0' ? policy->repository : "that it does not say");
        return;
    }
    if (policy->failure.known &&
        (!policy->success.known || policy->failure.value > policy->success.value))
        bak_facts_sign(facts, series, BAK_SCHEDULE_FAILING, "%.200s%s%s", policy->failed,
                       policy->details[0] != '\0' ? ": " : "", policy->details);
    if (!policy->next.known)
        bak_facts_sign(facts, series, BAK_UNREADABLE, "when policy %.200s runs next", policy->name);
    else if (policy->next.value < now - LATE)
        bak_facts_sign(facts, series, BAK_SCHEDULE_FAILING,
                       "policy %.200s should have run %.0f min ago", policy->name,
                       (now - policy->next.value) / 60);
}
