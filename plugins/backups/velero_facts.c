/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Velero's objects say of its backups. */
#include "plugins/backups/cron.h"
#include "plugins/backups/velero_read.h"
#include "plugins/backups/wanted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULT_SIZE 400
/* Velero looks at its locations each minute. */
#define LOOKED_MAX 3600.0

/* ---- one backup ---- */

/* The table of backup_types.go: what can be restored from. */
static enum bak_status status_of(const char *phase)
{
    static const struct {
        const char *phase;
        enum bak_status status;
    } phases[] = {
        {"", BAK_RUNNING},
        {"New", BAK_RUNNING},
        {"Queued", BAK_RUNNING},
        {"ReadyToStart", BAK_RUNNING},
        {"InProgress", BAK_RUNNING},
        {"WaitingForPluginOperations", BAK_RUNNING},
        {"WaitingForPluginOperationsPartiallyFailed", BAK_RUNNING},
        {"Finalizing", BAK_RUNNING},
        {"FinalizingPartiallyFailed", BAK_RUNNING},
        {"Completed", BAK_COMPLETE},
        {"PartiallyFailed", BAK_PARTIAL},
        {"Failed", BAK_FAILED},
        {"FailedValidation", BAK_FAILED},
        /* on purpose, or by its age: it is as good as gone */
        {"Deleting", BAK_COMPLETE},
    };
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        if (strcmp(phases[i].phase, phase) == 0)
            return phases[i].status;
    }
    return BAK_UNSEEN;
}

/* What is missing in a backup that is complete by its phase. False where nothing is. */
static bool find_fault(const struct velero_backup *backup, char fault[FAULT_SIZE])
{
    const struct {
        int64_t wanted, there;
        const char *what;
    } parts[] = {{backup->native, backup->native_done, "snapshots of volumes"},
                 {backup->csi, backup->csi_done, "CSI snapshots of volumes"},
                 {backup->operations, backup->operations_done, "item operations"},
                 {backup->total, backup->done, "items"}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].wanted == parts[i].there && parts[i].wanted >= 0)
            continue;
        snprintf(fault, FAULT_SIZE, "%lld of %lld %s were completed", (long long)parts[i].there,
                 (long long)parts[i].wanted, parts[i].what);
        return true;
    }
    if (backup->errors != 0)
        snprintf(fault, FAULT_SIZE, "%lld errors", (long long)backup->errors);
    else if (backup->operations_failed != 0)
        snprintf(fault, FAULT_SIZE, "%lld item operations failed",
                 (long long)backup->operations_failed);
    else if (backup->hooks_failed != 0)
        snprintf(fault, FAULT_SIZE, "%lld hooks failed: what they should have frozen was not",
                 (long long)backup->hooks_failed);
    else if (backup->total == 0 && backup->progress)
        snprintf(fault, FAULT_SIZE, "it has no items");
    else if (backup->volumes_done < backup->volumes)
        snprintf(fault, FAULT_SIZE, "the data of %lld of %lld volumes is not in it: %.120s: %.150s",
                 (long long)(backup->volumes - backup->volumes_done), (long long)backup->volumes,
                 backup->volume, backup->volume_why);
    else
        return false;
    return true;
}

static bool is_going(const struct velero_backup *backup)
{
    return backup->deleting || strcmp(backup->phase, "Deleting") == 0;
}

/* Complete by its phase, and that is no lie. */
static bool is_whole(const struct velero_backup *backup)
{
    char fault[FAULT_SIZE];
    return strcmp(backup->phase, "Completed") == 0 && !is_going(backup) && backup->progress &&
           backup->started.known && backup->completed.known && !find_fault(backup, fault);
}

static void judge_complete(struct bak_facts *facts, struct bak_point *point,
                           const struct velero_backup *backup)
{
    char fault[FAULT_SIZE];
    const char *lacks = !backup->started.known     ? "startTimestamp"
                        : !backup->completed.known ? "completionTimestamp"
                        : !backup->progress        ? "progress"
                                                   : NULL;
    if (lacks != NULL)
        bak_facts_status(facts, point, BAK_UNSEEN, "it has no %s", lacks);
    else if (find_fault(backup, fault))
        bak_facts_status(facts, point, BAK_PARTIAL, "Completed by name only: %s", fault);
    else
        point->proof = BAK_WELLFORMED;
}

static struct dr_opt_real first_known(struct dr_opt_real a, struct dr_opt_real b,
                                      struct dr_opt_real c)
{
    return a.known ? a : b.known ? b : c;
}

struct bak_point *velero_add_point(struct bak_facts *facts, struct bak_series *series,
                                   const struct velero_backup *backup, double now)
{
    struct bak_point *point = bak_facts_point(facts, series, backup->name);
    if (point == NULL)
        return NULL;
    point->data = backup->started;
    point->began = first_known(backup->started, backup->created, backup->completed);
    point->expires = backup->expires;
    point->status = status_of(backup->phase);
    if (is_going(backup)) {
        point->status = BAK_COMPLETE;
        point->expires = dr_real(now);
    } else if (point->status == BAK_COMPLETE) {
        point->usable = backup->completed;
        judge_complete(facts, point, backup);
    } else if (point->status == BAK_UNSEEN) {
        bak_facts_status(facts, point, BAK_UNSEEN, "a phase that is not known here: %.60s",
                         backup->phase);
    } else if (point->status != BAK_RUNNING) {
        char more[40] = "";
        if (backup->errors > 0)
            snprintf(more, sizeof more, ", %lld errors", (long long)backup->errors);
        bak_facts_status(facts, point, point->status, "%s%s%s%s", backup->phase, more,
                         backup->reason[0] != '\0' ? ": " : "", backup->reason);
    }
    return point;
}

/* ---- all of them ---- */

static double moment_of(const struct velero_backup *backup)
{
    struct dr_opt_real moment = first_known(backup->started, backup->created, backup->completed);
    return moment.known ? moment.value : 0;
}

static int by_newest(const void *a, const void *b)
{
    double first = moment_of(a), second = moment_of(b);
    return first > second ? -1 : first < second ? 1 : 0;
}

/* The newest that is complete by name: a hollow one is told, and what it warns of. */
static void tell_newest(struct bak_facts *facts, struct bak_series *series,
                        const struct velero_backup *backup)
{
    char fault[FAULT_SIZE];
    if (find_fault(backup, fault))
        bak_facts_sign(facts, series, BAK_HOLLOW, "%s: %s", backup->name, fault);
    else if (backup->warnings > 0)
        bak_facts_sign(facts, series, BAK_NOTE, "%lld warnings", (long long)backup->warnings);
}

static void add_one(struct bak_facts *facts, const struct velero_backup *backup, double now)
{
    struct bak_series *series = bak_facts_series(facts, backup->schedule);
    if (series == NULL)
        return;
    series->total = dr_int(series->total.known ? series->total.value + 1 : 1);
    if (is_whole(backup) && !(backup->expires.known && backup->expires.value <= now))
        series->oldest = backup->started;
    if (series->point_count < BAK_VELERO_POINTS)
        velero_add_point(facts, series, backup, now);
}

/* Is it the newest Completed one of its series? The list is in falling order. */
static bool is_first(const struct velero_backups *backups, size_t index)
{
    const struct velero_backup *backup = &backups->items[index];
    if (strcmp(backup->phase, "Completed") != 0 || is_going(backup))
        return false;
    for (size_t i = 0; i < index; i++) {
        const struct velero_backup *newer = &backups->items[i];
        if (strcmp(newer->phase, "Completed") == 0 && !is_going(newer) &&
            strcmp(newer->schedule, backup->schedule) == 0)
            return false;
    }
    return true;
}

/* One that was made by hand, where others come by a schedule. */
static bool is_aside(const struct velero_backup *backup, bool scheduled)
{
    return scheduled && backup->schedule[0] == '\0';
}

void velero_add_backups(struct bak_facts *facts, struct velero_backups *backups,
                        const struct bak_request *request)
{
    bool scheduled = false;
    size_t aside = 0;
    if (backups->count > 0)
        qsort(backups->items, backups->count, sizeof *backups->items, by_newest);
    for (size_t i = 0; i < facts->series_count; i++)
        scheduled = scheduled || facts->series[i].name[0] != '\0';
    for (size_t i = 0; i < backups->count; i++)
        scheduled = scheduled || (backups->items[i].schedule[0] != '\0' &&
                                  bak_wanted(request, backups->items[i].schedule));
    for (size_t i = 0; i < backups->count; i++) {
        const struct velero_backup *backup = &backups->items[i];
        if (is_aside(backup, scheduled))
            aside++;
        else if (bak_wanted(request, backup->schedule))
            add_one(facts, backup, request->now);
    }
    for (size_t i = 0; i < backups->count; i++) {
        const struct velero_backup *backup = &backups->items[i];
        if (!is_aside(backup, scheduled) && bak_wanted(request, backup->schedule) &&
            is_first(backups, i))
            tell_newest(facts, bak_facts_series(facts, backup->schedule), backup);
    }
    if (aside > 0)
        bak_facts_sign(facts, NULL, BAK_NOTE, "%zu made by hand, which are not judged", aside);
}

/* ---- schedules ---- */

static bool is_new(const struct velero_schedule *schedule, struct dr_opt_real period, double now)
{
    return period.known && schedule->created.known && now - schedule->created.value < period.value;
}

static void add_schedule(struct bak_facts *facts, const struct velero_schedule *schedule,
                         double now)
{
    struct dr_opt_real period = bak_cron_period(schedule->cron, false);
    size_t before = facts->series_count;
    struct bak_series *series = bak_facts_series(facts, schedule->name);
    if (series == NULL)
        return;
    series->period = period;
    /* its first run is still to come */
    series->expected_only = facts->series_count > before && is_new(schedule, period, now);
    if (schedule->paused)
        bak_facts_sign(facts, series, BAK_SCHEDULE_PAUSED, "spec.paused");
    if (strcmp(schedule->phase, "Enabled") == 0)
        return;
    if (strcmp(schedule->phase, "FailedValidation") == 0)
        bak_facts_sign(facts, series, BAK_SCHEDULE_FAILING, "Velero refuses it%s%s",
                       schedule->wrong[0] != '\0' ? ": " : "", schedule->wrong);
    else if (!schedule->paused && !is_new(schedule, period, now))
        bak_facts_sign(facts, series, BAK_SCHEDULE_FAILING,
                       "it is in phase \"%s\", not Enabled: does Velero's server run?",
                       schedule->phase);
}

/* After the backups: a series that is there then has some. */
void velero_add_schedules(struct bak_facts *facts, const struct velero_schedules *schedules,
                          const struct bak_request *request)
{
    for (size_t i = 0; i < schedules->count; i++) {
        if (bak_wanted(request, schedules->items[i].name))
            add_schedule(facts, &schedules->items[i], request->now);
    }
    for (size_t i = 0; i < facts->series_count; i++) {
        bool there = facts->series[i].name[0] == '\0' || schedules->count == 0;
        for (size_t k = 0; !there && k < schedules->count; k++)
            there = strcmp(schedules->items[k].name, facts->series[i].name) == 0;
        if (!there)
            bak_facts_sign(facts, &facts->series[i], BAK_NOTE, "its Schedule is not there");
    }
}

/* ---- locations ---- */

static bool is_used(const struct velero_location *location, const struct velero_backups *backups)
{
    for (size_t i = 0; i < backups->count; i++) {
        if (strcmp(backups->items[i].location, location->name) == 0)
            return true;
    }
    return location->fallback;
}

static void judge_location(struct bak_facts *facts, const struct velero_location *location,
                           double now)
{
    if (strcmp(location->phase, "Unavailable") == 0)
        bak_facts_sign(facts, NULL, BAK_STORAGE_AWAY, "BackupStorageLocation %s%s%s",
                       location->name, location->message[0] != '\0' ? ": " : "", location->message);
    else if (strcmp(location->phase, "Available") != 0)
        bak_facts_sign(facts, NULL, BAK_UNREADABLE,
                       "whether BackupStorageLocation %s is available: its phase is \"%s\"",
                       location->name, location->phase);
    else if (!location->unwatched && !location->looked.known)
        bak_facts_sign(facts, NULL, BAK_UNREADABLE,
                       "when Velero looked at BackupStorageLocation %s", location->name);
    else if (!location->unwatched && now - location->looked.value > LOOKED_MAX)
        bak_facts_sign(facts, NULL, BAK_UNREADABLE,
                       "BackupStorageLocation %s: Velero has not looked at it for %.0f h: does its "
                       "server run?",
                       location->name, (now - location->looked.value) / 3600);
}

void velero_add_locations(struct bak_facts *facts, const struct velero_locations *locations,
                          const struct velero_backups *backups, double now)
{
    size_t used = 0;
    for (size_t i = 0; i < locations->count; i++) {
        const struct velero_location *location = &locations->items[i];
        if (locations->count > 1 && !is_used(location, backups))
            continue;
        used++;
        judge_location(facts, location, now);
    }
    if (used == 0)
        bak_facts_sign(facts, NULL, BAK_STORAGE_AWAY, "there is no BackupStorageLocation");
}
