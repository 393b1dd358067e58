/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A storage of WAL-G: basebackups_005/NAME_backup_stop_sentinel.json is written last, so that a
 * backup is complete where it is there; the log is in wal_005. Moments are from inside: those of
 * the objects are renewed by copies. */
#include "plugins/backups/walg_sentinel.h"

#include "plugins/backups/scan.h"
#include "plugins/backups/wal_base.h"
#include "plugins/backups/wanted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKUPS "basebackups_005/"
#define LOG "wal_005/"
#define SENTINEL "_backup_stop_sentinel.json"
#define METADATA "/metadata.json"
#define SENTINEL_MAX ((size_t)64 * 1024 * 1024)
#define AT_ONCE 32
#define LOOKS 16
#define RUNNING_AT_MOST 3600.0 /* seconds since something was added to one without a sentinel */

struct storage {
    struct bak_store *store;
    struct bak_facts *facts;
    const struct bak_request *request;
    struct bak_series *series;
    struct bak_names names;
    struct bak_walg_sentinel sentinels[BAK_POINTS_MAX]; /* parallel to the points */
};

/* The name of the backup that a sentinel stands for; false for other names. */
static bool is_sentinel(const char *name, char *backup, size_t size)
{
    size_t length = strlen(name);
    if (length <= strlen(SENTINEL) || length - strlen(SENTINEL) >= size ||
        strcmp(name + length - strlen(SENTINEL), SENTINEL) != 0)
        return false;
    snprintf(backup, size, "%.*s", (int)(length - strlen(SENTINEL)), name);
    return true;
}

/* The first segment that a backup needs stands in its name; "" for other servers than PostgreSQL.
 */
static const char *wal_of(const char *backup)
{
    return strncmp(backup, "base_", 5) == 0 && strspn(backup + 5, "0123456789ABCDEF") >= 24
               ? backup + 5
               : "";
}

/* ---- sentinels ---- */

static void set_times(struct bak_point *point, const struct bak_walg_sentinel *sentinel,
                      const struct bak_name *name)
{
    bool consistent_at_end = *wal_of(point->name) != '\0';
    point->clock = BAK_CLOCK_INSIDE;
    point->began = sentinel->began;
    point->data = consistent_at_end || !sentinel->began.known ? sentinel->ended : sentinel->began;
    if (!point->data.known) {
        point->data = name->modified;
        point->clock = BAK_CLOCK_MODIFIED;
    }
    point->usable = sentinel->ended.known ? sentinel->ended : name->modified;
    point->size = sentinel->size;
    point->content = sentinel->content;
    point->identity =
        bak_identity(point->name, name->size.known ? name->size.value : -1, point->data.value, 0);
}

static bool add_point(struct storage *storage, const char *backup, const struct bak_name *name,
                      const struct dr_buffer *texts, const bool *found, struct dr_error *error)
{
    struct bak_point *point = bak_facts_point(storage->facts, storage->series, backup);
    struct dr_error why = {.class = DR_ERR_NONE};
    if (point == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    struct bak_walg_sentinel *sentinel = &storage->sentinels[storage->series->point_count - 1];
    *sentinel = (struct bak_walg_sentinel){.start = 0};
    point->proof = BAK_SIZED;
    bool readable = found[0] && bak_walg_sentinel_read(dr_buffer_text(&texts[0]), sentinel, &why);
    if (!readable)
        bak_facts_status(storage->facts, point, BAK_UNSEEN, "its sentinel cannot be read: %s",
                         found[0] ? why.text : "it is gone");
    if (readable && found[1] && !bak_walg_sentinel_read(dr_buffer_text(&texts[1]), sentinel, &why))
        bak_facts_sign(storage->facts, storage->series, BAK_NOTE, "metadata.json of %s: %s", backup,
                       why.text);
    set_times(point, sentinel, name);
    if (sentinel->parent[0] != '\0') {
        point->level = BAK_INCREMENTAL;
        bak_facts_text(storage->facts, &point->parent, sentinel->parent);
    }
    return true;
}

/* Sentinel and metadata of each, at once. */
static bool load_some(struct storage *storage, const struct bak_name *const *names, size_t count,
                      struct dr_error *error)
{
    char backups[AT_ONCE][300];
    char *paths[2 * AT_ONCE] = {NULL};
    struct dr_buffer texts[2 * AT_ONCE] = {{.limit = 0}};
    bool found[2 * AT_ONCE] = {false};
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        is_sentinel(names[i]->name, backups[i], sizeof backups[i]);
        paths[2 * i] = dr_text_format(BACKUPS "%s", names[i]->name);
        paths[2 * i + 1] = dr_text_format(BACKUPS "%s" METADATA, backups[i]);
        ok = ok && paths[2 * i] != NULL && paths[2 * i + 1] != NULL;
    }
    ok = ok ? bak_store_load(storage->store, (const char *const *)paths, 2 * count, SENTINEL_MAX,
                             texts, found, error)
            : dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < count; i++) {
        ok = ok && add_point(storage, backups[i], names[i], &texts[2 * i], &found[2 * i], error);
    }
    for (size_t i = 0; i < 2 * count; i++) {
        dr_buffer_free(&texts[i]);
        free(paths[i]);
    }
    return ok;
}

static int compare_modified(const void *a, const void *b)
{
    const struct bak_name *const *x = a;
    const struct bak_name *const *y = b;
    if ((*x)->modified.value != (*y)->modified.value)
        return (*x)->modified.value < (*y)->modified.value ? -1 : 1;
    return strcmp((*x)->name, (*y)->name);
}

/* Those that were written last, the oldest of them first. */
static bool load_sentinels(struct storage *storage, struct dr_error *error)
{
    const struct bak_name **names = calloc(storage->names.count + 1, sizeof *names);
    size_t count = 0;
    char backup[300];
    bool ok = names != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; ok && i < storage->names.count; i++) {
        const struct bak_name *name = &storage->names.items[i];
        if (!name->directory && is_sentinel(name->name, backup, sizeof backup) &&
            bak_wanted(storage->request, backup))
            names[count++] = name;
    }
    storage->series->total = dr_int((int64_t)count);
    if (count > 1)
        qsort(names, count, sizeof *names, compare_modified);
    for (size_t i = count > BAK_POINTS_MAX ? count - BAK_POINTS_MAX : 0; ok && i < count;
         i += AT_ONCE)
        ok = load_some(storage, &names[i], count - i < AT_ONCE ? count - i : AT_ONCE, error);
    free(names);
    return ok;
}

/* ---- what they need ---- */

static struct bak_point *point_named(const struct bak_series *series, const char *name)
{
    for (size_t i = 0; i < series->point_count; i++) {
        if (strcmp(series->points[i].name, name) == 0)
            return &series->points[i];
    }
    return NULL;
}

/* A chain may be in any order here: as often as there are points is enough. */
static void check_parents(struct storage *storage)
{
    struct bak_series *series = storage->series;
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < series->point_count; i++) {
            struct bak_point *point = &series->points[i];
            if (point->parent == NULL || point->status != BAK_COMPLETE)
                continue;
            const struct bak_point *parent = point_named(series, point->parent);
            if (parent != NULL && parent->status == BAK_COMPLETE)
                continue;
            bak_facts_status(storage->facts, point, BAK_PARTIAL, "it needs %s, which is not %s",
                             point->parent, parent != NULL ? "complete" : "there");
            bak_facts_sign(storage->facts, series, BAK_CHAIN_BROKEN, "%s needs %s", point->name,
                           point->parent);
            changed = true;
        }
    }
}

/* The files of a backup are in a directory of its name. */
static void check_directories(struct storage *storage)
{
    for (size_t i = 0; i < storage->series->point_count; i++) {
        struct bak_point *point = &storage->series->points[i];
        const struct bak_name *directory = bak_names_find(&storage->names, point->name);
        if (point->status != BAK_COMPLETE)
            continue;
        if (directory != NULL && directory->directory) {
            point->proof = BAK_WELLFORMED;
            continue;
        }
        bak_facts_status(storage->facts, point, BAK_PARTIAL, "its directory is not there");
        bak_facts_sign(storage->facts, storage->series, BAK_CATALOGUE_LIES, "%s", point->name);
    }
}

/* ---- directories without a sentinel ---- */

struct span {
    struct dr_opt_real first;
    struct dr_opt_real last;
};

static bool take_time(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct span *span = context;
    (void)error;
    if (!entry->modified.known)
        return true;
    if (!span->first.known || entry->modified.value < span->first.value)
        span->first = entry->modified;
    if (!span->last.known || entry->modified.value > span->last.value)
        span->last = entry->modified;
    return true;
}

static bool add_stray(struct storage *storage, const char *name, struct dr_error *error)
{
    struct span span = {.first = {.known = false}};
    char *prefix = dr_text_format(BACKUPS "%s/", name);
    bool ok = prefix != NULL
                  ? bak_store_list(
                        storage->store,
                        &(struct bak_listing){.prefix = prefix, .recursive = true, .details = true},
                        take_time, &span, error)
                  : dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    free(prefix);
    if (ok && span.last.known && storage->request->now - span.last.value <= RUNNING_AT_MOST) {
        struct bak_point *point = bak_facts_point(storage->facts, storage->series, name);
        bak_facts_status(storage->facts, point, BAK_RUNNING, "it has no sentinel yet");
        if (point != NULL)
            point->began = span.first;
    } else if (ok)
        bak_facts_sign(storage->facts, storage->series, BAK_LEFTOVER, "%s", name);
    return ok;
}

static bool add_strays(struct storage *storage, struct dr_error *error)
{
    int left = LOOKS;
    for (size_t i = storage->names.count; i > 0 && left > 0; i--) {
        const struct bak_name *name = &storage->names.items[i - 1];
        char sentinel[400];
        snprintf(sentinel, sizeof sentinel, "%.300s" SENTINEL, name->name);
        if (!name->directory || bak_names_find(&storage->names, sentinel) != NULL ||
            !bak_wanted(storage->request, name->name))
            continue;
        left--;
        if (!add_stray(storage, name->name, error))
            return false;
    }
    return true;
}

/* ---- the log ---- */

static const char *fill_bases(struct storage *storage, struct bak_base *bases, uint64_t *size)
{
    const struct bak_series *series = storage->series;
    const char *least = NULL;
    uint64_t sizes = BAK_WAL_SIZES_ALL;
    for (size_t i = 0; i < series->point_count; i++) {
        const char *wal = wal_of(series->points[i].name);
        char name[BAK_WAL_NAME_SIZE];
        snprintf(name, sizeof name, "%.24s", wal);
        if (*wal != '\0' && storage->sentinels[i].start != 0)
            sizes &= bak_wal_sizes(name, storage->sentinels[i].start);
    }
    *size = bak_wal_size_of(sizes);
    for (size_t i = 0; i < series->point_count; i++) {
        const char *wal = wal_of(series->points[i].name);
        char name[BAK_WAL_NAME_SIZE];
        snprintf(name, sizeof name, "%.24s", wal);
        if (storage->sentinels[i].finish == 0 || !bak_wal_read(name, *size, &bases[i].start))
            continue;
        bases[i].stop = (struct bak_segment){bases[i].start.timeline,
                                             (storage->sentinels[i].finish - 1) / *size};
        bases[i].spanned = true;
        if (least == NULL || strncmp(wal, least, 24) < 0)
            least = wal;
        storage->series->log.system = storage->sentinels[i].system;
    }
    return least;
}

static bool read_log(struct storage *storage, struct dr_error *error)
{
    struct bak_archive archive = {.segment_size = 0};
    struct bak_base *bases = calloc(storage->series->point_count + 1, sizeof *bases);
    char after[sizeof LOG + BAK_WAL_NAME_SIZE];
    bool ok = true;
    if (bases == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    const char *least = fill_bases(storage, bases, &archive.segment_size);
    if (least != NULL) {
        snprintf(after, sizeof after, LOG "%.24s", least);
        ok = bak_archive_read(storage->store, LOG, after, &archive, error);
        storage->facts->looked += archive.looked;
    }
    if (ok && least != NULL)
        bak_bases_judge(storage->request, storage->facts, storage->series, bases, &archive);
    bak_wal_set_free(&archive.set);
    free(bases);
    return ok;
}

static bool read_all(struct storage *storage, struct dr_error *error)
{
    if (!bak_names_list(storage->store, BACKUPS, true, storage->facts, &storage->names, error))
        return false;
    storage->series = bak_facts_series(storage->facts, "");
    if (storage->series == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    if (storage->names.count == 0)
        bak_facts_sign(storage->facts, storage->series, BAK_NO_SUCH_SERIES,
                       BACKUPS ": is this the storage prefix of WAL-G?");
    if (!load_sentinels(storage, error))
        return false;
    check_directories(storage);
    check_parents(storage);
    if (!read_log(storage, error) || !add_strays(storage, error))
        return false;
    bak_series_close(storage->series);
    return true;
}

bool bak_walg_read(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                   struct dr_error *error)
{
    struct storage *storage = calloc(1, sizeof *storage);
    if (storage == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    storage->store = store;
    storage->facts = facts;
    storage->request = dr_task_request(task);
    dr_task_stage(task, "read the catalogue");
    bak_facts_text(facts, &facts->what, "WAL-G storage");
    facts->complete = read_all(storage, error);
    bak_names_free(&storage->names);
    free(storage);
    return facts->complete;
}
