/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/velero_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- values ---- */

static void read_name(struct dr_json *reader, char name[VELERO_NAME_SIZE])
{
    dr_json_text(reader, name, VELERO_NAME_SIZE);
}

/* A count, which is left out where it is zero. One that is no count is a fault: at least one. */
static int64_t read_count(struct dr_json *reader)
{
    struct dr_opt_int count = dr_json_int(reader);
    return count.known && count.value >= 0 ? count.value : 1;
}

/* The first of a list of texts. */
static void read_first(struct dr_json *reader, char words[VELERO_TEXT_SIZE])
{
    bool first = true;
    if (!dr_json_array(reader))
        return;
    while (dr_json_item(reader)) {
        if (first)
            dr_kubernetes_read_words(reader, words, VELERO_TEXT_SIZE);
        else
            dr_json_skip(reader);
        first = false;
    }
}

/* ---- metadata ---- */

struct identity {
    struct dr_kubernetes_identity of;
    char schedule[VELERO_NAME_SIZE]; /* of its labels */
    char backup[VELERO_NAME_SIZE];
    char owner[VELERO_NAME_SIZE]; /* a Backup; "": none */
};

static void read_labels(struct dr_json *reader, struct identity *identity)
{
    char name[320];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "velero.io/schedule-name") == 0)
            read_name(reader, identity->schedule);
        else if (strcmp(name, "velero.io/backup-name") == 0)
            read_name(reader, identity->backup);
        else
            dr_json_skip(reader);
    }
}

static void read_owner(struct dr_json *reader, struct identity *identity)
{
    char name[64], kind[64] = "", owner[VELERO_NAME_SIZE] = "";
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "kind") == 0)
            dr_json_text(reader, kind, sizeof kind);
        else if (strcmp(name, "name") == 0)
            read_name(reader, owner);
        else
            dr_json_skip(reader);
    }
    if (strcmp(kind, "Backup") == 0)
        memcpy(identity->owner, owner, sizeof identity->owner);
}

static void read_identity(struct dr_json *reader, struct identity *identity)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (dr_kubernetes_read_identity(reader, name, &identity->of))
            continue;
        if (strcmp(name, "labels") == 0) {
            read_labels(reader, identity);
        } else if (strcmp(name, "ownerReferences") == 0 && dr_json_kind(reader) == '[') {
            dr_json_array(reader);
            while (dr_json_item(reader))
                read_owner(reader, identity);
        } else {
            dr_json_skip(reader);
        }
    }
}

static bool check_name(const char *kind, const char *name, struct dr_error *error)
{
    return name[0] != '\0' || dr_error_set(error, DR_ERR_PROTOCOL, "a %s without a name", kind);
}

/* ---- backups ---- */

static void read_progress(struct dr_json *reader, struct velero_backup *backup)
{
    char name[64];
    backup->progress = dr_json_kind(reader) == '{';
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        struct dr_opt_int count = dr_json_int(reader);
        if (strcmp(name, "totalItems") == 0)
            backup->total = count.known ? count.value : -1;
        else if (strcmp(name, "itemsBackedUp") == 0)
            backup->done = count.known ? count.value : 0;
    }
}

static void read_hooks(struct dr_json *reader, struct velero_backup *backup)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "hooksFailed") == 0)
            backup->hooks_failed = read_count(reader);
        else
            dr_json_skip(reader);
    }
}

static bool read_number(struct dr_json *reader, const char *name, struct velero_backup *backup)
{
    const struct {
        const char *name;
        int64_t *into;
    } numbers[] = {{"errors", &backup->errors},
                   {"warnings", &backup->warnings},
                   {"volumeSnapshotsAttempted", &backup->native},
                   {"volumeSnapshotsCompleted", &backup->native_done},
                   {"csiVolumeSnapshotsAttempted", &backup->csi},
                   {"csiVolumeSnapshotsCompleted", &backup->csi_done},
                   {"backupItemOperationsAttempted", &backup->operations},
                   {"backupItemOperationsCompleted", &backup->operations_done},
                   {"backupItemOperationsFailed", &backup->operations_failed}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            struct dr_opt_int count = dr_json_int(reader);
            *numbers[i].into = count.known && count.value >= 0 ? count.value : -1;
            return true;
        }
    }
    return false;
}

static void read_backup_status(struct dr_json *reader, struct velero_backup *backup)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "phase") == 0)
            dr_json_text(reader, backup->phase, sizeof backup->phase);
        else if (strcmp(name, "startTimestamp") == 0)
            backup->started = dr_kubernetes_read_moment(reader);
        else if (strcmp(name, "completionTimestamp") == 0)
            backup->completed = dr_kubernetes_read_moment(reader);
        else if (strcmp(name, "expiration") == 0)
            backup->expires = dr_kubernetes_read_moment(reader);
        else if (strcmp(name, "failureReason") == 0)
            dr_kubernetes_read_words(reader, backup->reason, sizeof backup->reason);
        else if (strcmp(name, "validationErrors") == 0)
            read_first(reader, backup->reason);
        else if (strcmp(name, "progress") == 0)
            read_progress(reader, backup);
        else if (strcmp(name, "hookStatus") == 0)
            read_hooks(reader, backup);
        else if (!read_number(reader, name, backup))
            dr_json_skip(reader);
    }
}

bool velero_take_backup(struct dr_json *reader, void *context, struct dr_error *error)
{
    struct velero_backups *list = context;
    void *items = list->items;
    struct velero_backup *backup = dr_kubernetes_add(&items, &list->count, sizeof *backup);
    struct identity identity = {.schedule = ""};
    char name[64];
    list->items = items;
    if (backup == NULL)
        return no_memory(error);
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "metadata") == 0)
            read_identity(reader, &identity);
        else if (strcmp(name, "spec") == 0)
            dr_kubernetes_read_member(reader, "storageLocation", backup->location,
                                      sizeof backup->location);
        else if (strcmp(name, "status") == 0)
            read_backup_status(reader, backup);
        else
            dr_json_skip(reader);
    }
    memcpy(backup->name, identity.of.name, sizeof backup->name);
    memcpy(backup->schedule, identity.schedule, sizeof backup->schedule);
    backup->created = identity.of.created;
    backup->deleting = identity.of.deleting;
    return check_name("Backup", backup->name, error);
}

/* Whether the text is an object of Velero's that is called so. */
static bool is_backup(const char *text)
{
    struct dr_json reader = dr_json_start(text);
    char name[64], value[64];
    bool kind = false, version = false;
    if (!dr_json_object(&reader))
        return false;
    while (dr_json_member(&reader, name, sizeof name)) {
        if (strcmp(name, "kind") == 0)
            kind = dr_json_text(&reader, value, sizeof value) && strcmp(value, "Backup") == 0;
        else if (strcmp(name, "apiVersion") == 0)
            version =
                dr_json_text(&reader, value, sizeof value) && strcmp(value, "velero.io/v1") == 0;
        else
            dr_json_skip(&reader);
    }
    return kind && version;
}

bool velero_read_backup(const char *text, struct velero_backups *backups, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    size_t before = backups->count;
    struct dr_error wrong = {.class = DR_ERR_NONE};
    bool ok = dr_json_object(&reader) && velero_take_backup(&reader, backups, &wrong);
    if (!dr_json_end(&reader, error) ||
        (!is_backup(text) && !dr_error_set(error, DR_ERR_PROTOCOL, "it is no Backup of velero.io")))
        ok = false;
    else if (!ok)
        dr_error_set(error, wrong.class, "%s", wrong.text);
    backups->count = ok ? backups->count : before;
    return ok;
}

/* ---- volumes ---- */

static void read_bytes(struct dr_json *reader, struct velero_volume *volume)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        struct dr_opt_int bytes = dr_json_int(reader);
        if (strcmp(name, "totalBytes") == 0)
            volume->total = bytes;
        else if (strcmp(name, "bytesDone") == 0)
            volume->done = bytes;
    }
}

static void read_volume_status(struct dr_json *reader, struct velero_volume *volume)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "phase") == 0)
            dr_json_text(reader, volume->phase, sizeof volume->phase);
        else if (strcmp(name, "progress") == 0)
            read_bytes(reader, volume);
        else
            dr_json_skip(reader);
    }
}

/* Of a PodVolumeBackup pod.name and volume, of a DataUpload sourcePVC. */
static void read_volume_spec(struct dr_json *reader, struct velero_volume *volume)
{
    char name[64], pod[VELERO_NAME_SIZE] = "", of[VELERO_NAME_SIZE] = "";
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "pod") == 0)
            dr_kubernetes_read_member(reader, "name", pod, sizeof pod);
        else if (strcmp(name, "volume") == 0 || strcmp(name, "sourcePVC") == 0)
            read_name(reader, of);
        else
            dr_json_skip(reader);
    }
    snprintf(volume->volume, sizeof volume->volume, "%.120s%s%.120s", pod,
             pod[0] != '\0' ? "/" : "", of);
}

bool velero_take_volume(struct dr_json *reader, void *context, struct dr_error *error)
{
    struct velero_volumes *list = context;
    void *items = list->items;
    struct velero_volume *volume = dr_kubernetes_add(&items, &list->count, sizeof *volume);
    struct identity identity = {.schedule = ""};
    char name[64];
    list->items = items;
    if (volume == NULL)
        return no_memory(error);
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "metadata") == 0)
            read_identity(reader, &identity);
        else if (strcmp(name, "spec") == 0)
            read_volume_spec(reader, volume);
        else if (strcmp(name, "status") == 0)
            read_volume_status(reader, volume);
        else
            dr_json_skip(reader);
    }
    memcpy(volume->name, identity.of.name, sizeof volume->name);
    /* the label of a long name is cut: the owner counts */
    memcpy(volume->backup, identity.owner[0] != '\0' ? identity.owner : identity.backup,
           sizeof volume->backup);
    return check_name("volume of a backup", volume->name, error);
}

/* Why the data of a volume is not there; NULL where it is. */
static const char *volume_fault(const struct velero_volume *volume, char *words, size_t size)
{
    if (strcmp(volume->phase, "Completed") != 0)
        snprintf(words, size, "phase %s", volume->phase[0] != '\0' ? volume->phase : "not said");
    else if (!volume->total.known || !volume->done.known)
        snprintf(words, size, "no bytes");
    else if (volume->total.value <= 0)
        snprintf(words, size, "0 bytes");
    else if (volume->done.value < volume->total.value)
        snprintf(words, size, "%lld of %lld bytes", (long long)volume->done.value,
                 (long long)volume->total.value);
    else
        return NULL;
    return words;
}

static struct velero_backup *find_backup(struct velero_backups *backups, const char *name)
{
    for (size_t i = 0; i < backups->count; i++) {
        if (strcmp(backups->items[i].name, name) == 0)
            return &backups->items[i];
    }
    return NULL;
}

void velero_join_volumes(struct velero_backups *backups, const struct velero_volumes *volumes)
{
    struct velero_backup *backup = NULL;
    for (size_t i = 0; i < volumes->count; i++) {
        const struct velero_volume *volume = &volumes->items[i];
        /* those of one backup mostly follow each other */
        if (backup == NULL || strcmp(backup->name, volume->backup) != 0)
            backup = find_backup(backups, volume->backup);
        if (backup == NULL)
            continue;
        char words[VELERO_TEXT_SIZE];
        const char *fault = volume_fault(volume, words, sizeof words);
        backup->volumes++;
        backup->volumes_done += fault == NULL ? 1 : 0;
        if (fault == NULL || backup->volume[0] != '\0')
            continue;
        memcpy(backup->volume, volume->volume[0] != '\0' ? volume->volume : volume->name,
               sizeof backup->volume);
        memcpy(backup->volume_why, words, sizeof backup->volume_why);
    }
}

/* ---- schedules ---- */

static void read_schedule_spec(struct dr_json *reader, struct velero_schedule *schedule)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "schedule") == 0) {
            dr_json_text(reader, schedule->cron, sizeof schedule->cron);
        } else if (strcmp(name, "paused") == 0) {
            struct dr_opt_bool paused = dr_json_bool(reader);
            schedule->paused = paused.known && paused.value;
        } else {
            dr_json_skip(reader);
        }
    }
}

static void read_schedule_status(struct dr_json *reader, struct velero_schedule *schedule)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "phase") == 0)
            dr_json_text(reader, schedule->phase, sizeof schedule->phase);
        else if (strcmp(name, "validationErrors") == 0)
            read_first(reader, schedule->wrong);
        else
            dr_json_skip(reader);
    }
}

bool velero_take_schedule(struct dr_json *reader, void *context, struct dr_error *error)
{
    struct velero_schedules *list = context;
    void *items = list->items;
    struct velero_schedule *schedule = dr_kubernetes_add(&items, &list->count, sizeof *schedule);
    struct identity identity = {.schedule = ""};
    char name[64];
    list->items = items;
    if (schedule == NULL)
        return no_memory(error);
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "metadata") == 0)
            read_identity(reader, &identity);
        else if (strcmp(name, "spec") == 0)
            read_schedule_spec(reader, schedule);
        else if (strcmp(name, "status") == 0)
            read_schedule_status(reader, schedule);
        else
            dr_json_skip(reader);
    }
    memcpy(schedule->name, identity.of.name, sizeof schedule->name);
    schedule->created = identity.of.created;
    return check_name("Schedule", schedule->name, error);
}

/* ---- locations ---- */

static void read_location_spec(struct dr_json *reader, struct velero_location *location)
{
    char name[64], text[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "default") == 0) {
            struct dr_opt_bool is = dr_json_bool(reader);
            location->fallback = is.known && is.value;
        } else if (strcmp(name, "validationFrequency") == 0) {
            /* "0s", or as Go writes it "0" */
            bool read = dr_json_text(reader, text, sizeof text);
            location->unwatched = read && (strcmp(text, "0s") == 0 || strcmp(text, "0") == 0);
        } else {
            dr_json_skip(reader);
        }
    }
}

static void read_location_status(struct dr_json *reader, struct velero_location *location)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "phase") == 0)
            dr_json_text(reader, location->phase, sizeof location->phase);
        else if (strcmp(name, "message") == 0)
            dr_kubernetes_read_words(reader, location->message, sizeof location->message);
        else if (strcmp(name, "lastValidationTime") == 0)
            location->looked = dr_kubernetes_read_moment(reader);
        else
            dr_json_skip(reader);
    }
}

bool velero_take_location(struct dr_json *reader, void *context, struct dr_error *error)
{
    struct velero_locations *list = context;
    void *items = list->items;
    struct velero_location *location = dr_kubernetes_add(&items, &list->count, sizeof *location);
    struct identity identity = {.schedule = ""};
    char name[64];
    list->items = items;
    if (location == NULL)
        return no_memory(error);
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "metadata") == 0)
            read_identity(reader, &identity);
        else if (strcmp(name, "spec") == 0)
            read_location_spec(reader, location);
        else if (strcmp(name, "status") == 0)
            read_location_status(reader, location);
        else
            dr_json_skip(reader);
    }
    memcpy(location->name, identity.of.name, sizeof location->name);
    return check_name("BackupStorageLocation", location->name, error);
}
