/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A repository of pgBackRest, read without it: backup/STANZA/backup.info is the catalogue, which is
 * believed only where the directories and the WAL say the same. */
#include "plugins/backups/pgbackrest_info.h"

#include "common/client/json_read.h"
#include "plugins/backups/scan.h"
#include "plugins/backups/wal_base.h"
#include "plugins/backups/wanted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INFO_MAX ((size_t)32 * 1024 * 1024)
#define LOOKS_REMOTE 24 /* directories that are looked into where each is a round trip */
#define TAIL 256
#define RUNNING_AT_MOST                                                                            \
    86400.0 /* seconds: a directory without a backup that is older is left over */
#define REASON_SIZE 160

struct stanza {
    struct dr_task *task;
    struct bak_store *store;
    struct bak_facts *facts;
    const struct bak_request *request;
    const char *name;
    char directory[300]; /* "backup/main/" */
    struct bak_series *series;
    struct bak_pgbackrest_info info;
    struct bak_names names;
    struct bak_pgbackrest_backup *kept; /* the newest of info.backups; parallel to the points */
    size_t kept_count;
    int looks_left;
};

/* ---- a backup's directory ---- */

/* What is in the directory of a backup. */
struct inside {
    bool manifest;
    bool copy; /* backup.manifest.copy: what is written while it is made */
    bool data; /* anything beside them */
    struct dr_opt_int manifest_size;
    struct dr_opt_real written; /* the manifest, or its copy */
};

static bool look_inside(struct stanza *stanza, const char *label, struct inside *inside,
                        struct dr_error *error)
{
    struct bak_names names = {.count = 0};
    char *prefix = dr_text_format("%s%s/", stanza->directory, label);
    bool ok = prefix != NULL
                  ? bak_names_list(stanza->store, prefix, true, stanza->facts, &names, error)
                  : dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    const struct bak_name *manifest = bak_names_find(&names, "backup.manifest");
    const struct bak_name *copy = bak_names_find(&names, "backup.manifest.copy");
    *inside = (struct inside){.manifest = manifest != NULL, .copy = copy != NULL};
    if (manifest != NULL)
        inside->manifest_size = manifest->size;
    if (manifest != NULL || copy != NULL)
        inside->written = manifest != NULL ? manifest->modified : copy->modified;
    for (size_t i = 0; i < names.count; i++)
        inside->data = inside->data || names.items[i].directory;
    bak_names_free(&names);
    free(prefix);
    return ok;
}

/* The manifest ends with its checksum. */
static bool look_at_end(struct stanza *stanza, const char *label, int64_t size, bool *whole,
                        struct dr_error *error)
{
    char text[TAIL + 1];
    size_t got = 0;
    int64_t from = size > TAIL ? size - TAIL : 0;
    char *name = dr_text_format("%s%s/backup.manifest", stanza->directory, label);
    bool ok = name != NULL ? bak_store_read(stanza->store, name, from, text, TAIL, &got, error)
                           : dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    text[got] = '\0';
    *whole = strstr(text, "backrest-checksum=\"") != NULL && got > 0 && text[got - 1] == '\n';
    free(name);
    return ok;
}

/* ---- points ---- */

static const struct bak_point *point_named(const struct bak_series *series, const char *label)
{
    for (size_t i = series->point_count; i > 0; i--) {
        if (strcmp(series->points[i - 1].name, label) == 0)
            return &series->points[i - 1];
    }
    return NULL;
}

static bool check_directory(struct stanza *stanza, struct bak_point *point, struct dr_error *error)
{
    struct inside inside;
    bool whole = true;
    if (!look_inside(stanza, point->name, &inside, error))
        return false;
    if (!inside.manifest || !inside.data) {
        bak_facts_status(stanza->facts, point, BAK_PARTIAL, "its directory has no %s",
                         inside.manifest ? "data" : "backup.manifest");
        bak_facts_sign(stanza->facts, stanza->series, BAK_CATALOGUE_LIES, "%s of %s",
                       inside.manifest ? "the data" : "backup.manifest", point->name);
        return true;
    }
    if (inside.manifest_size.known &&
        !look_at_end(stanza, point->name, inside.manifest_size.value, &whole, error))
        return false;
    if (!whole) {
        bak_facts_status(stanza->facts, point, BAK_PARTIAL, "its backup.manifest is cut off");
        return true;
    }
    point->proof = BAK_WELLFORMED;
    /* A copy of the repository has it since it was copied. */
    if (point->usable.known && inside.written.known && inside.written.value > point->usable.value)
        point->usable = inside.written;
    return true;
}

/* Points are in the order of time, so that what one needs was checked before it. */
static void check_references(struct stanza *stanza, struct bak_point *point,
                             const struct bak_pgbackrest_backup *backup)
{
    char label[BAK_LABEL_SIZE];
    char array[] = "[]";
    char *text = backup->references_size > 0
                     ? dr_text_format("%.*s", (int)backup->references_size, backup->references)
                     : NULL;
    struct dr_json reader = dr_json_start(text != NULL ? text : array);
    if (dr_json_array(&reader)) {
        while (point->status == BAK_COMPLETE && dr_json_item(&reader)) {
            const struct bak_point *needed;
            dr_json_text(&reader, label, sizeof label);
            needed = point_named(stanza->series, label);
            if ((needed != NULL && needed->status == BAK_COMPLETE) || needed == point)
                continue;
            bak_facts_status(stanza->facts, point, BAK_PARTIAL, "it needs %s, which is not %s",
                             label, needed != NULL ? "complete" : "there");
            bak_facts_sign(stanza->facts, stanza->series, BAK_CHAIN_BROKEN, "%s needs %s",
                           point->name, label);
        }
    }
    free(text);
}

static bool add_point(struct stanza *stanza, const struct bak_pgbackrest_backup *backup, bool look,
                      struct dr_error *error)
{
    struct bak_point *point = bak_facts_point(stanza->facts, stanza->series, backup->label);
    const struct bak_name *directory = bak_names_find(&stanza->names, backup->label);
    if (point == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    point->level = backup->level;
    point->proof = BAK_SIZED;
    point->clock = BAK_CLOCK_INSIDE;
    point->size = backup->size;
    point->content = backup->content;
    if (backup->began.known)
        point->began = dr_real((double)backup->began.value);
    if (backup->ended.known)
        point->data = point->usable = dr_real((double)backup->ended.value);
    point->identity = bak_identity(backup->label, backup->size.known ? backup->size.value : -1,
                                   (double)backup->ended.value, 0);
    if (backup->level != BAK_FULL)
        bak_facts_text(stanza->facts, &point->parent, backup->prior);
    if (directory == NULL || !directory->directory) {
        bak_facts_status(stanza->facts, point, BAK_PARTIAL, "its directory is not there");
        bak_facts_sign(stanza->facts, stanza->series, BAK_CATALOGUE_LIES, "%s", backup->label);
        return true;
    }
    if (!backup->ended.known || (!backup->offline && backup->stop[0] == '\0'))
        bak_facts_status(stanza->facts, point, BAK_UNSEEN,
                         "backup.info does not say when it ended");
    if (look && !check_directory(stanza, point, error))
        return false;
    check_references(stanza, point, backup);
    return true;
}

/* Which are worth a look: on a disk all that are kept, elsewhere the newest and what they need. */
static void choose_looks(const struct stanza *stanza, bool *looks)
{
    int left = stanza->store->remote ? LOOKS_REMOTE : BAK_POINTS_MAX;
    for (size_t i = stanza->kept_count; i > 0 && left > 0; i--, left--)
        looks[i - 1] = true;
    for (size_t i = stanza->kept_count; i > 0; i--) {
        const struct bak_pgbackrest_backup *backup = &stanza->kept[i - 1];
        for (size_t j = 0; looks[i - 1] && j + 1 < i; j++) {
            if (strcmp(stanza->kept[j].label, backup->prior) == 0)
                looks[j] = true;
        }
    }
}

static bool add_points(struct stanza *stanza, struct dr_error *error)
{
    bool looks[BAK_POINTS_MAX] = {false};
    const struct bak_pgbackrest_backup *newest = NULL;
    stanza->kept_count = stanza->info.count < BAK_POINTS_MAX ? stanza->info.count : BAK_POINTS_MAX;
    stanza->kept = stanza->info.backups + (stanza->info.count - stanza->kept_count);
    choose_looks(stanza, looks);
    for (size_t i = 0; i < stanza->kept_count; i++) {
        if (!add_point(stanza, &stanza->kept[i], looks[i], error))
            return false;
        newest = &stanza->kept[i];
    }
    if (newest != NULL && newest->error.known && newest->error.value)
        bak_facts_sign(stanza->facts, stanza->series, BAK_BACKUP_ERROR, "%s", newest->label);
    stanza->series->total = dr_int((int64_t)stanza->info.count);
    return true;
}

/* ---- directories without an entry: being made, or killed ---- */

static bool add_stray(struct stanza *stanza, const char *label, enum bak_level level,
                      struct dr_error *error)
{
    struct inside inside;
    struct dr_opt_real began = bak_pgbackrest_label_time(label);
    double now = stanza->request->now;
    if (!look_inside(stanza, label, &inside, error))
        return false;
    /* The label is of another host's zone, perhaps: what was written in it cannot be older. */
    if (inside.written.known && (!began.known || began.value > inside.written.value))
        began = inside.written;
    /* The copy of the manifest is written again and again while one is made. */
    struct dr_opt_real alive = inside.written.known ? inside.written : began;
    if (alive.known && now - alive.value <= RUNNING_AT_MOST) {
        struct bak_point *point = bak_facts_point(stanza->facts, stanza->series, label);
        bak_facts_status(stanza->facts, point, BAK_RUNNING, "it has no entry in backup.info yet");
        if (point != NULL) {
            point->level = level;
            point->began = began;
        }
    } else {
        bak_facts_sign(stanza->facts, stanza->series, BAK_LEFTOVER, "%s%s", label,
                       inside.manifest ? " (finished, and not in backup.info)" : "");
    }
    return true;
}

static bool is_listed(const struct stanza *stanza, const char *label)
{
    for (size_t i = 0; i < stanza->info.count; i++) {
        if (strcmp(stanza->info.backups[i].label, label) == 0)
            return true;
    }
    return false;
}

static bool add_strays(struct stanza *stanza, struct dr_error *error)
{
    for (size_t i = 0; i < stanza->names.count; i++) {
        const struct bak_name *name = &stanza->names.items[i];
        enum bak_level level;
        if (name->directory && bak_pgbackrest_label(name->name, &level) &&
            !is_listed(stanza, name->name) && !add_stray(stanza, name->name, level, error))
            return false;
    }
    return true;
}

/* ---- WAL ---- */

/* The segment size that fits the positions of all backups of a database. */
static uint64_t segment_size(const struct stanza *stanza, int64_t database)
{
    uint64_t sizes = BAK_WAL_SIZES_ALL;
    for (size_t i = 0; i < stanza->kept_count; i++) {
        const struct bak_pgbackrest_backup *backup = &stanza->kept[i];
        if (backup->database.value == database && backup->position != 0)
            sizes &= bak_wal_sizes(backup->start, backup->position);
    }
    return bak_wal_size_of(sizes);
}

/* What the backups of one database need; the least name of all of it. */
static const char *fill_bases(const struct stanza *stanza, int64_t database, uint64_t size,
                              struct bak_base *bases)
{
    const char *least = NULL;
    for (size_t i = 0; i < stanza->kept_count; i++) {
        const struct bak_pgbackrest_backup *backup = &stanza->kept[i];
        bases[i] = (struct bak_base){.spanned = false};
        if (backup->database.value != database || backup->offline)
            continue;
        bases[i].spanned = bak_wal_read(backup->start, size, &bases[i].start) &&
                           bak_wal_read(backup->stop, size, &bases[i].stop);
        if (bases[i].spanned && (least == NULL || strcmp(backup->start, least) < 0))
            least = backup->start;
    }
    return least;
}

static bool read_wal(struct stanza *stanza, const struct bak_pgbackrest_database *database,
                     struct dr_error *error)
{
    struct bak_archive archive = {.segment_size = segment_size(stanza, database->id)};
    struct bak_base *bases = calloc(stanza->series->point_count + 1, sizeof *bases);
    char directory[400];
    char after[500];
    bool ok;
    if (bases == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    const char *least = fill_bases(stanza, database->id, archive.segment_size, bases);
    snprintf(directory, sizeof directory, "archive/%s/%s-%lld/", stanza->name, database->version,
             (long long)database->id);
    if (least != NULL)
        snprintf(after, sizeof after, "%s%.16s/%s", directory, least, least);
    ok = least == NULL || bak_archive_read(stanza->store, directory, after, &archive, error);
    stanza->facts->looked += archive.looked;
    if (ok && least != NULL) {
        bak_bases_judge(stanza->request, stanza->facts, stanza->series, bases, &archive);
        stanza->series->log.system = database->system;
    }
    bak_wal_set_free(&archive.set);
    free(bases);
    return ok;
}

/* What hangs on a backup whose WAL is missing is as good as that one's data: it needs only files of
 * it, and stays. */
static bool read_archives(struct stanza *stanza, struct dr_error *error)
{
    for (size_t i = 0; i < stanza->info.database_count; i++) {
        if (!read_wal(stanza, &stanza->info.databases[i], error))
            return false;
    }
    stanza->series->log.kept = true;
    return true;
}

/* ---- an encrypted repository: names, sizes and times are all there is ---- */

/* What such a backup needs of others is unknown, but for the full one that its label begins with.
 */
static void check_full(struct stanza *stanza, struct bak_point *point)
{
    char full[BAK_LABEL_SIZE];
    snprintf(full, sizeof full, "%.16s", point->name);
    const struct bak_point *needed = point_named(stanza->series, full);
    bool there = bak_names_find(&stanza->names, full) != NULL;
    bak_facts_text(stanza->facts, &point->parent, full);
    if (there && (needed == NULL || needed->status == BAK_COMPLETE)) /* NULL: not looked at */
        return;
    bak_facts_status(stanza->facts, point, BAK_PARTIAL, "it needs %s, which is not %s", full,
                     there ? "complete" : "there");
    bak_facts_sign(stanza->facts, stanza->series, BAK_CHAIN_BROKEN, "%s needs %s", point->name,
                   full);
}

static bool add_sealed(struct stanza *stanza, const char *label, enum bak_level level,
                       struct dr_error *error)
{
    struct inside inside;
    struct bak_point *point;
    if (!look_inside(stanza, label, &inside, error))
        return false;
    if (!inside.manifest)
        return add_stray(stanza, label, level, error);
    point = bak_facts_point(stanza->facts, stanza->series, label);
    if (point == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    point->level = level;
    point->encrypted = true;
    point->proof = BAK_SIZED;
    point->clock = BAK_CLOCK_NAME;
    point->began = bak_pgbackrest_label_time(label);
    /* The label may be of another zone. The manifest is written at the end. */
    if (inside.written.known && point->began.known && point->began.value > inside.written.value)
        point->began = inside.written;
    point->data = point->began;
    point->usable = inside.written;
    if (level != BAK_FULL)
        check_full(stanza, point);
    if (!inside.data) {
        bak_facts_status(stanza->facts, point, BAK_PARTIAL, "its directory has no data");
        bak_facts_sign(stanza->facts, stanza->series, BAK_CATALOGUE_LIES, "the data of %s", label);
    }
    if (inside.manifest_size.known && inside.manifest_size.value == 0)
        bak_facts_status(stanza->facts, point, BAK_PARTIAL, "its backup.manifest is empty");
    return true;
}

/* The history files and .backup names of the newest database say which WAL is there. */
static bool read_sealed_wal(struct stanza *stanza, struct dr_error *error)
{
    struct bak_names ids = {.count = 0};
    struct bak_archive archive = {.segment_size = BAK_WAL_SEGMENT_DEFAULT};
    struct bak_wal_reach reach = {.any = false};
    struct bak_segment from;
    char directory[400];
    const char *newest = NULL;
    long most = -1;
    snprintf(directory, sizeof directory, "archive/%s/", stanza->name);
    bool ok = bak_names_list(stanza->store, directory, false, stanza->facts, &ids, error);
    for (size_t i = 0; i < ids.count; i++) {
        const char *dash = strrchr(ids.items[i].name, '-');
        if (ids.items[i].directory && dash != NULL && strtol(dash + 1, NULL, 10) > most) {
            most = strtol(dash + 1, NULL, 10);
            newest = ids.items[i].name;
        }
    }
    if (newest != NULL)
        snprintf(directory, sizeof directory, "archive/%s/%.60s/", stanza->name, newest);
    ok =
        ok && (newest == NULL || bak_archive_read(stanza->store, directory, NULL, &archive, error));
    stanza->facts->looked += archive.looked;
    stanza->series->log.kept = true;
    if (ok && archive.misfits == 0 &&
        bak_wal_read(archive.newest_backup, archive.segment_size, &from)) {
        bak_wal_set_reach(&archive.set, &from, &reach);
        bak_log_through(stanza->request, stanza->facts, stanza->series, &reach, &archive);
    }
    if (reach.missing_count > 0)
        bak_facts_sign(stanza->facts, stanza->series, BAK_LOG_GAP,
                       "%lld segments behind the newest backup", (long long)reach.missing_count);
    bak_wal_set_free(&archive.set);
    bak_names_free(&ids);
    return ok;
}

static bool read_sealed(struct stanza *stanza, struct dr_error *error)
{
    size_t labels = 0;
    size_t seen = 0;
    size_t left = 0; /* of runs that did not finish */
    enum bak_level level;
    for (size_t i = 0; i < stanza->names.count; i++)
        labels += bak_pgbackrest_label(stanza->names.items[i].name, &level) ? 1 : 0;
    size_t most = stanza->store->remote ? 2 * LOOKS_REMOTE : BAK_POINTS_MAX;
    for (size_t i = 0; i < stanza->names.count; i++) {
        const struct bak_name *name = &stanza->names.items[i];
        if (!name->directory || !bak_pgbackrest_label(name->name, &level))
            continue;
        size_t before = stanza->series->point_count;
        if (++seen + most <= labels)
            continue;
        if (!add_sealed(stanza, name->name, level, error))
            return false;
        left += stanza->series->point_count == before ? 1 : 0;
    }
    stanza->series->total = dr_int((int64_t)(labels - left));
    return read_sealed_wal(stanza, error);
}

/* ---- a stanza ---- */

/* The catalogue, or its copy where that is damaged: pgBackRest does the same. */
static bool read_catalogue(struct stanza *stanza, struct dr_buffer *texts, const bool *found,
                           struct dr_error *error)
{
    struct dr_error first = {.class = DR_ERR_NONE};
    if (found[0] && bak_pgbackrest_info_read(texts[0].text, &stanza->info, &first))
        return true;
    bak_pgbackrest_info_free(&stanza->info);
    if (found[1] && bak_pgbackrest_info_read(texts[1].text, &stanza->info, error)) {
        bak_facts_sign(stanza->facts, stanza->series, BAK_NOTE, "read from backup.info.copy: %s",
                       found[0] ? first.text : "backup.info is not there");
        return true;
    }
    if (found[0])
        *error = first;
    return false;
}

static bool read_repository(struct stanza *stanza, struct dr_buffer *texts, const bool *found,
                            struct dr_error *error)
{
    const char *text = dr_buffer_text(&texts[found[0] ? 0 : 1]);
    if (!bak_names_list(stanza->store, stanza->directory, true, stanza->facts, &stanza->names,
                        error))
        return false;
    if (strncmp(text, "Salted__", 8) == 0)
        return read_sealed(stanza, error);
    for (size_t i = 0; i < 2; i++) { /* texts are read in place */
        if (found[i] && texts[i].text == NULL)
            return dr_error_set(error, DR_ERR_PROTOCOL, "backup.info is empty");
    }
    return read_catalogue(stanza, texts, found, error) && add_points(stanza, error) &&
           read_archives(stanza, error) && add_strays(stanza, error);
}

static bool read_stanza(struct stanza *stanza, struct dr_error *error)
{
    struct dr_buffer texts[2] = {{.limit = 0}};
    bool found[2] = {false, false};
    char *names[2] = {dr_text_format("%sbackup.info", stanza->directory),
                      dr_text_format("%sbackup.info.copy", stanza->directory)};
    bool ok = names[0] != NULL && names[1] != NULL
                  ? bak_store_load(stanza->store, (const char *const *)names, 2, INFO_MAX, texts,
                                   found, error)
                  : dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    stanza->series = bak_facts_series(stanza->facts, stanza->name);
    if (ok && !found[0] && !found[1])
        bak_facts_sign(stanza->facts, stanza->series, BAK_NO_SUCH_SERIES,
                       "%sbackup.info: stanza %s was never created in this repository",
                       stanza->directory, stanza->name);
    else if (ok && stanza->series != NULL)
        ok = read_repository(stanza, texts, found, error);
    if (stanza->series != NULL)
        bak_series_close(stanza->series);
    for (size_t i = 0; i < 2; i++) {
        dr_buffer_free(&texts[i]);
        free(names[i]);
    }
    bak_pgbackrest_info_free(&stanza->info);
    bak_names_free(&stanza->names);
    return ok;
}

static bool read_named(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                       const char *name, struct dr_error *error)
{
    struct stanza stanza = {
        .task = task,
        .store = store,
        .facts = facts,
        .request = dr_task_request(task),
        .name = name,
    };
    snprintf(stanza.directory, sizeof stanza.directory, "backup/%.200s/", name);
    return read_stanza(&stanza, error) || bak_series_unreadable(facts, name, error);
}

bool bak_pgbackrest_read(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                         struct dr_error *error)
{
    const char *stanza = dr_uri_param(&dr_task_target(task)->uri, "stanza");
    const struct bak_request *request = dr_task_request(task);
    struct bak_names names = {.count = 0};
    bool ok = true;
    dr_task_stage(task, "read the catalogue");
    bak_facts_text(facts, &facts->what, "pgBackRest repository");
    facts->complete = true;
    if (stanza != NULL && *stanza != '\0')
        return read_named(task, store, facts, stanza, error);
    ok = bak_names_list(store, "backup/", false, facts, &names, error);
    for (size_t i = 0; ok && i < names.count; i++) {
        if (names.items[i].directory && bak_wanted(request, names.items[i].name))
            ok = read_named(task, store, facts, names.items[i].name, error);
    }
    if (ok && names.count == 0)
        bak_facts_sign(facts, NULL, BAK_NO_SUCH_SERIES,
                       "no stanza below backup/: is this the root of a pgBackRest repository?");
    facts->complete = facts->complete && ok;
    bak_names_free(&names);
    return ok;
}
