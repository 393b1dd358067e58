/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Velero's bucket, which is what is left when its cluster is gone: backups/NAME/velero-backup.json
 * is the Backup object, NAME.tar.gz beside it the objects of the cluster (object_store_layout.go).
 * The data of volumes is elsewhere, and is not looked at here: a cluster knows more
 * (velero://). */
#include "plugins/backups/scan.h"
#include "plugins/backups/velero_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY "backups/"
#define OBJECT "velero-backup.json"
#define OBJECT_MAX ((size_t)1024 * 1024)
/* Objects that are loaded at once. */
#define AT_ONCE 16
#define BACKUPS_MAX 512
/* Beyond the window so many are read, at least. */
#define BACKUPS_LEAST 32

/* What is there of one backup. */
struct folder {
    char name[VELERO_NAME_SIZE];
    bool described;             /* velero-backup.json */
    struct dr_opt_int contents; /* bytes of NAME.tar.gz */
    int64_t size;               /* bytes of all of it */
    struct dr_opt_real written; /* velero-backup.json was; without one the last object of it */
};

struct bucket {
    struct dr_task *task;
    struct bak_store *store;
    struct bak_facts *facts;
    struct folder *folders;
    size_t count;
    const char *schedule;
    bool gap; /* a directory could not be listed: what is not seen may be there */
};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- the listing ---- */

/* All of one folder come after each other, mostly. */
static struct folder *folder_of(struct bucket *bucket, const char *name, size_t length)
{
    for (size_t i = bucket->count; i-- > 0;) {
        if (strlen(bucket->folders[i].name) == length &&
            strncmp(bucket->folders[i].name, name, length) == 0)
            return &bucket->folders[i];
    }
    if ((bucket->count & (bucket->count - 1)) == 0) {
        size_t space = bucket->count == 0 ? 1 : 2 * bucket->count;
        struct folder *more = realloc(bucket->folders, space * sizeof *more);
        if (more == NULL)
            return NULL;
        bucket->folders = more;
    }
    struct folder *folder = &bucket->folders[bucket->count++];
    *folder = (struct folder){.name = ""};
    memcpy(folder->name, name, length);
    return folder;
}

static void take_object(struct folder *folder, const char *object, const struct bak_entry *entry)
{
    size_t length = strlen(folder->name);
    if (strcmp(object, OBJECT) == 0) {
        folder->described = true;
        folder->written = entry->modified;
    } else if (!folder->described && entry->modified.known &&
               (!folder->written.known || entry->modified.value > folder->written.value)) {
        folder->written = entry->modified;
    }
    if (strncmp(object, folder->name, length) == 0 && strcmp(object + length, ".tar.gz") == 0)
        folder->contents = entry->size;
    folder->size += entry->size.known ? entry->size.value : 0;
}

static bool take_entry(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct bucket *bucket = context;
    bucket->facts->looked++;
    if (strncmp(entry->name, DIRECTORY, strlen(DIRECTORY)) != 0)
        return true;
    const char *name = entry->name + strlen(DIRECTORY), *slash = strchr(name, '/');
    if (slash == NULL || slash == name || (size_t)(slash - name) >= VELERO_NAME_SIZE ||
        strchr(slash + 1, '/') != NULL)
        return true;
    struct folder *folder = folder_of(bucket, name, (size_t)(slash - name));
    if (folder == NULL)
        return out_of_memory(error);
    take_object(folder, slash + 1, entry);
    return true;
}

static void tell_unreadable(void *context, const char *name, const char *why)
{
    struct bucket *bucket = context;
    bucket->gap = true;
    bak_facts_sign(bucket->facts, NULL, BAK_UNREADABLE, "%.200s: %s", name, why);
}

/* ---- their descriptions ---- */

static int by_newest(const void *a, const void *b)
{
    const struct folder *first = a, *second = b;
    double x = first->written.known ? first->written.value : 0;
    double y = second->written.known ? second->written.value : 0;
    return x > y ? -1 : x < y ? 1 : 0;
}

/* How many of the folders, the newest first, are read. */
static size_t count_wanted(const struct bucket *bucket)
{
    const struct bak_request *request = dr_task_request(bucket->task);
    size_t wanted = 0;
    while (wanted < bucket->count && wanted < BACKUPS_MAX &&
           (wanted < BACKUPS_LEAST ||
            (bucket->folders[wanted].written.known &&
             bucket->folders[wanted].written.value >= request->now - request->window)))
        wanted++;
    return wanted;
}

/* What could not be read is a point of which nothing more is known than when it was written. */
static void add_unread(struct bucket *bucket, const struct folder *folder, const char *why)
{
    struct bak_series *series = bak_facts_series(bucket->facts, "");
    struct bak_point *point = bak_facts_point(bucket->facts, series, folder->name);
    if (point == NULL)
        return;
    point->began = folder->written;
    bak_facts_status(bucket->facts, point, BAK_UNSEEN, "%s", why);
    bak_facts_sign(bucket->facts, NULL, BAK_UNREADABLE, DIRECTORY "%.150s/" OBJECT ": %s",
                   folder->name, why);
}

static bool load_some(struct bucket *bucket, const struct folder *const *folders, size_t count,
                      struct velero_backups *backups, struct dr_error *error)
{
    char *names[AT_ONCE] = {NULL};
    struct dr_buffer texts[AT_ONCE];
    bool found[AT_ONCE] = {false}, room = true;
    for (size_t i = 0; i < count; i++) {
        texts[i] = DR_BUFFER(OBJECT_MAX);
        names[i] = dr_text_format(DIRECTORY "%s/" OBJECT, folders[i]->name);
        room = room && names[i] != NULL;
    }
    bool ok = room ? bak_store_load(bucket->store, (const char *const *)names, count, OBJECT_MAX,
                                    texts, found, error)
                   : out_of_memory(error);
    for (size_t i = 0; i < count; i++) {
        struct dr_error wrong = {.class = DR_ERR_NONE};
        size_t before = backups->count;
        if (ok && found[i]) {
            bool read = strlen(dr_buffer_text(&texts[i])) == texts[i].size &&
                        velero_read_backup(dr_buffer_text(&texts[i]), backups, &wrong);
            if (!read)
                add_unread(bucket, folders[i],
                           wrong.text[0] != '\0' ? wrong.text : "it holds a NUL byte");
            else if (strcmp(backups->items[before].name, folders[i]->name) != 0) {
                backups->count = before;
                add_unread(bucket, folders[i], "it is of another backup");
            }
        }
        dr_buffer_free(&texts[i]);
        free(names[i]);
    }
    return ok;
}

static bool load_all(struct bucket *bucket, size_t wanted, struct velero_backups *backups,
                     struct dr_error *error)
{
    const struct folder *batch[AT_ONCE];
    size_t count = 0;
    for (size_t i = 0; i < wanted; i++) {
        if (bucket->folders[i].described)
            batch[count++] = &bucket->folders[i];
        if (count == AT_ONCE || (i + 1 == wanted && count > 0)) {
            dr_task_stage(bucket->task, "read " OBJECT);
            if (!load_some(bucket, batch, count, backups, error))
                return false;
            count = 0;
        }
    }
    return true;
}

/* ---- what is there, against what it says ---- */

static const struct folder *find_folder(const struct bucket *bucket, const char *name)
{
    for (size_t i = 0; i < bucket->count; i++) {
        if (strcmp(bucket->folders[i].name, name) == 0)
            return &bucket->folders[i];
    }
    return NULL;
}

static void check_point(struct bucket *bucket, struct bak_series *series, struct bak_point *point)
{
    const struct folder *folder = find_folder(bucket, point->name);
    if (folder == NULL || !folder->described)
        return;
    point->size = dr_int(folder->size);
    /* it came to be here when its description did: a copy is later than Velero */
    if (folder->written.known && point->usable.known && folder->written.value > point->usable.value)
        point->usable = folder->written;
    if (point->status != BAK_COMPLETE)
        return;
    if (folder->contents.known && folder->contents.value > 0)
        return;
    bak_facts_status(bucket->facts, point, BAK_PARTIAL, "%.150s.tar.gz %s", point->name,
                     folder->contents.known ? "is empty" : "is not there");
    bak_facts_sign(bucket->facts, series, BAK_CATALOGUE_LIES, DIRECTORY "%.150s/%.150s.tar.gz%s",
                   point->name, point->name, folder->contents.known ? " (0 bytes)" : "");
}

/* Velero writes all of it when the backup is over: what lacks its description for longer than that
 * takes was killed. */
static void add_undescribed(struct bucket *bucket)
{
    const struct bak_request *request = dr_task_request(bucket->task);
    for (size_t i = 0; i < bucket->count; i++) {
        const struct folder *folder = &bucket->folders[i];
        if (folder->described)
            continue;
        bool young =
            folder->written.known && request->now - folder->written.value < request->settle;
        if (!young)
            bak_facts_sign(bucket->facts, NULL, BAK_LEFTOVER, DIRECTORY "%.200s, without " OBJECT,
                           folder->name);
        else
            bak_facts_sign(bucket->facts, NULL, BAK_NOTE, "%.200s is being uploaded", folder->name);
    }
}

static void keep_schedule(struct bucket *bucket, struct velero_backups *backups)
{
    size_t kept = 0;
    for (size_t i = 0; i < backups->count; i++) {
        if (strcmp(backups->items[i].schedule, bucket->schedule) == 0)
            backups->items[kept++] = backups->items[i];
    }
    backups->count = kept;
    if (kept == 0)
        bak_facts_sign(bucket->facts, NULL, BAK_NO_SUCH_SERIES, "a backup of the schedule %s",
                       bucket->schedule);
}

static void add_all(struct bucket *bucket, struct velero_backups *backups, size_t wanted)
{
    struct bak_facts *facts = bucket->facts;
    if (bucket->schedule != NULL)
        keep_schedule(bucket, backups);
    velero_add_backups(facts, backups, dr_task_request(bucket->task));
    for (size_t i = 0; i < facts->series_count; i++) {
        struct bak_series *series = &facts->series[i];
        for (size_t k = 0; k < series->point_count; k++)
            check_point(bucket, series, &series->points[k]);
    }
    /* of several it is not known whose the others are */
    if (facts->series_count == 1 && bucket->schedule == NULL && bucket->count > wanted &&
        facts->series[0].total.known)
        facts->series[0].total.value += (int64_t)(bucket->count - wanted);
    add_undescribed(bucket);
}

static bool read_bucket(struct bucket *bucket, struct velero_backups *backups,
                        struct dr_error *error)
{
    const struct bak_listing listing = {
        .prefix = DIRECTORY, .recursive = true, .details = true, .sorted = true};
    dr_task_stage(bucket->task, "list the backups");
    bucket->store->unreadable = tell_unreadable;
    bucket->store->unreadable_context = bucket;
    bool ok = bak_store_list(bucket->store, &listing, take_entry, bucket, error);
    bucket->store->unreadable = NULL;
    if (!ok)
        return false;
    if (bucket->count > 0)
        qsort(bucket->folders, bucket->count, sizeof *bucket->folders, by_newest);
    size_t wanted = count_wanted(bucket);
    if (!load_all(bucket, wanted, backups, error))
        return false;
    add_all(bucket, backups, wanted);
    bucket->facts->complete = !bucket->gap;
    return true;
}

bool bak_velero_read(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                     struct dr_error *error)
{
    struct velero_backups backups = {.items = NULL};
    struct bucket bucket = {.task = task,
                            .store = store,
                            .facts = facts,
                            .schedule = dr_uri_param(&dr_task_target(task)->uri, "schedule")};
    facts->product = BAK_VELERO;
    bak_facts_text(facts, &facts->what, "Velero bucket");
    bool ok = read_bucket(&bucket, &backups, error);
    free(bucket.folders);
    free(backups.items);
    return ok;
}
