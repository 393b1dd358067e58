/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/wal_base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_MAX 65536
#define HISTORIES_MAX 256

/* ---- an archive ---- */

struct listing {
    struct bak_archive *archive;
    char *histories[HISTORIES_MAX];
    size_t history_count;
};

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash != NULL ? slash + 1 : name;
}

static bool is_history(const char *part)
{
    return strspn(part, "0123456789ABCDEF") == 8 && strncmp(part + 8, ".history", 8) == 0;
}

static bool take_history(struct listing *listing, const char *name, struct dr_error *error)
{
    const char *end = last_part(name) + 8 + strlen(".history");
    if (*end != '\0') { /* packed */
        snprintf(listing->archive->packed_history, sizeof listing->archive->packed_history, "%s",
                 last_part(name));
        return true;
    }
    if (listing->history_count == HISTORIES_MAX)
        return true;
    listing->histories[listing->history_count] = dr_text_format("%s", name);
    return listing->histories[listing->history_count++] != NULL ||
           dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool take_segment(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct listing *listing = context;
    struct bak_archive *archive = listing->archive;
    const char *part = last_part(entry->name);
    struct bak_segment segment;
    archive->looked++;
    if (entry->directory)
        return true;
    if (is_history(part))
        return take_history(listing, entry->name, error);
    if (bak_wal_read(part, archive->segment_size, &segment)) {
        /* A failed copy leaves a name without content. */
        if (entry->size.known && entry->size.value == 0)
            return true;
        archive->segments++;
        return bak_wal_set_add(&archive->set, &segment, entry->modified) ||
               dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    }
    if (strspn(part, "0123456789ABCDEF") != 24)
        return true;
    if (strstr(part, ".backup") != NULL) {
        if (strncmp(part, archive->newest_backup, 24) > 0)
            snprintf(archive->newest_backup, sizeof archive->newest_backup, "%.24s", part);
    } else if (strstr(part, ".part") == NULL && strstr(part, ".tmp") == NULL) {
        archive->misfits++;
    }
    return true;
}

static bool read_histories(struct bak_store *store, struct listing *listing, struct dr_error *error)
{
    struct dr_buffer texts[HISTORIES_MAX];
    bool found[HISTORIES_MAX];
    struct bak_archive *archive = listing->archive;
    bool ok = listing->history_count == 0 ||
              bak_store_load(store, (const char *const *)listing->histories, listing->history_count,
                             HISTORY_MAX, texts, found, error);
    for (size_t i = 0; ok && i < listing->history_count; i++) {
        const char *part = last_part(listing->histories[i]);
        uint32_t child = (uint32_t)strtoul(part, NULL, 16);
        struct dr_error why = {.class = DR_ERR_NONE};
        /* One that makes no sense is as if it were not there. */
        if (found[i] && !bak_wal_set_history(&archive->set, child, dr_buffer_text(&texts[i]),
                                             archive->segment_size, &why))
            snprintf(archive->packed_history, sizeof archive->packed_history, "%s", part);
    }
    for (size_t i = 0; ok && i < listing->history_count; i++)
        dr_buffer_free(&texts[i]);
    for (size_t i = 0; i < listing->history_count; i++)
        free(listing->histories[i]);
    return ok;
}

bool bak_archive_read(struct bak_store *store, const char *directory, const char *after,
                      struct bak_archive *archive, struct dr_error *error)
{
    struct listing *listing = calloc(1, sizeof *listing);
    bool ok;
    if (listing == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    listing->archive = archive;
    ok = bak_store_list(store,
                        &(struct bak_listing){.prefix = directory,
                                              .after = after,
                                              .recursive = true,
                                              .details = true,
                                              .sorted = false},
                        take_segment, listing, error);
    ok = read_histories(store, listing, error) && ok;
    free(listing);
    return ok;
}

/* ---- base backups against it ---- */

static bool is_usable(const struct bak_point *point)
{
    return point->status == BAK_COMPLETE && point->data.known;
}

/* The newest complete point that is spanned; SIZE_MAX. */
static size_t newest_base(const struct bak_series *series, const struct bak_base *bases)
{
    size_t newest = SIZE_MAX;
    for (size_t i = 0; i < series->point_count; i++) {
        if (is_usable(&series->points[i]) && bases[i].spanned &&
            (newest == SIZE_MAX ||
             series->points[i].data.value > series->points[newest].data.value))
            newest = i;
    }
    return newest;
}

/* Whether a restore of it becomes consistent: the segments from its start to its stop are there. */
static void need_span(struct bak_facts *facts, struct bak_series *series, struct bak_point *point,
                      const struct bak_base *base, const struct bak_archive *archive)
{
    struct bak_wal_reach reach;
    char name[BAK_WAL_NAME_SIZE];
    bak_wal_set_reach(&archive->set, &base->start, &reach);
    if (reach.any &&
        (reach.through.timeline > base->stop.timeline || reach.through.number >= base->stop.number))
        return;
    struct bak_segment missing = reach.missing;
    if (reach.any && reach.missing_count == 0)
        missing = (struct bak_segment){reach.through.timeline, reach.through.number + 1};
    bak_wal_name(&missing, archive->segment_size, name);
    bak_facts_status(facts, point, BAK_PARTIAL, "WAL segment %s, which it needs, is missing", name);
    bak_facts_sign(facts, series, BAK_LOG_GAP, "%s, which %s needs", name, point->name);
}

void bak_log_through(const struct bak_request *request, struct bak_facts *facts,
                     struct bak_series *series, const struct bak_wal_reach *reach,
                     const struct bak_archive *archive)
{
    struct bak_log *log = &series->log;
    char name[BAK_WAL_NAME_SIZE];
    log->through = reach->written;
    log->seen = reach->last_written;
    log->missing = dr_int((int64_t)reach->missing_count);
    log->timeline = reach->through.timeline;
    log->last = reach->through.number;
    if (log->seen.known && log->seen.value > request->now + request->skew)
        log->seen.known = false;
    if (!log->through.known || log->through.value <= request->now + request->skew)
        return;
    log->through.known = false;
    bak_wal_name(&reach->through, archive->segment_size, name);
    bak_facts_sign(facts, series, BAK_FUTURE, "WAL segment %s", name);
}

/* How far one gets from the newest base on, and from when on. */
static void fill_log(const struct bak_request *request, struct bak_facts *facts,
                     struct bak_series *series, const struct bak_base *bases, size_t newest,
                     const struct bak_archive *archive)
{
    struct bak_log *log = &series->log;
    struct bak_wal_reach reach;
    char name[BAK_WAL_NAME_SIZE];
    bak_wal_set_reach(&archive->set, &bases[newest].start, &reach);
    const struct bak_point *base = &series->points[newest];
    bak_log_through(request, facts, series, &reach, archive);
    /* Where times were not kept by a copy, the backup itself still proves its own moment. */
    if (!log->through.known || log->through.value < base->data.value)
        log->through = base->data;
    log->from = base->data;
    for (size_t i = 0; i < series->point_count; i++) {
        struct bak_wal_reach other;
        if (!is_usable(&series->points[i]) || !bases[i].spanned ||
            series->points[i].data.value >= log->from.value)
            continue;
        bak_wal_set_reach(&archive->set, &bases[i].start, &other);
        if (other.through.timeline == reach.through.timeline &&
            other.through.number == reach.through.number)
            log->from = series->points[i].data;
    }
    if (reach.missing_count == 0)
        return;
    bak_wal_name(&reach.missing, archive->segment_size, name);
    bak_facts_sign(facts, series, BAK_LOG_GAP, "%s%s behind the newest backup %s", name,
                   reach.missing_count > 1 ? " and more" : "", base->name);
}

void bak_bases_judge(const struct bak_request *request, struct bak_facts *facts,
                     struct bak_series *series, const struct bak_base *bases,
                     const struct bak_archive *archive)
{
    size_t newest;
    series->log.kept = true;
    series->log.segment_size = archive->segment_size;
    for (size_t i = 0; i < series->point_count; i++) {
        if (series->points[i].status == BAK_COMPLETE && bases[i].spanned)
            need_span(facts, series, &series->points[i], &bases[i], archive);
    }
    newest = newest_base(series, bases);
    if (newest != SIZE_MAX)
        fill_log(request, facts, series, bases, newest, archive);
    if (archive->packed_history[0] != '\0')
        bak_facts_sign(facts, series, BAK_NOTE,
                       "%s was not read: where that timeline began is taken from its segments",
                       archive->packed_history);
}

void bak_series_close(struct bak_series *series)
{
    if (!series->total.known)
        series->total = dr_int((int64_t)series->point_count);
    for (size_t i = 0; i < series->point_count; i++) {
        const struct bak_point *point = &series->points[i];
        if (is_usable(point) && (!series->oldest.known || point->data.value < series->oldest.value))
            series->oldest = point->data;
    }
}

/* ---- names ---- */

struct names_context {
    struct bak_names *names;
    struct bak_facts *facts;
    size_t skip;
};

static bool take_name(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct names_context *into = context;
    struct bak_names *names = into->names;
    const char *name = entry->name + into->skip;
    into->facts->looked++;
    if ((names->count & (names->count - 1)) == 0) {
        void *items = realloc(names->items,
                              (names->count == 0 ? 1 : 2 * names->count) * sizeof *names->items);
        if (items == NULL)
            return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        names->items = items;
    }
    struct bak_name *item = &names->items[names->count];
    *item = (struct bak_name){.name = dr_text_format("%s", name),
                              .directory = entry->directory,
                              .size = entry->size,
                              .modified = entry->modified};
    if (item->name == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    if (entry->directory && item->name[0] != '\0' && item->name[strlen(item->name) - 1] == '/')
        item->name[strlen(item->name) - 1] = '\0';
    names->count++;
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct bak_name *)a)->name, ((const struct bak_name *)b)->name);
}

bool bak_names_list(struct bak_store *store, const char *prefix, bool details,
                    struct bak_facts *facts, struct bak_names *names, struct dr_error *error)
{
    struct names_context context = {.names = names, .facts = facts, .skip = strlen(prefix)};
    bool ok = bak_store_list(store, &(struct bak_listing){.prefix = prefix, .details = details},
                             take_name, &context, error);
    if (names->count > 1)
        qsort(names->items, names->count, sizeof *names->items, compare_names);
    return ok;
}

const struct bak_name *bak_names_find(const struct bak_names *names, const char *name)
{
    const struct bak_name key = {.name = (char *)(uintptr_t)name};
    return names->count == 0
               ? NULL
               : bsearch(&key, names->items, names->count, sizeof *names->items, compare_names);
}

void bak_names_free(struct bak_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i].name);
    free(names->items);
    *names = (struct bak_names){.items = NULL};
}

bool bak_series_unreadable(struct bak_facts *facts, const char *name, const struct dr_error *error)
{
    if (error->class != DR_ERR_PRIVILEGE && error->class != DR_ERR_PROTOCOL)
        return false;
    bak_facts_sign(facts, bak_facts_series(facts, name), BAK_UNREADABLE, "%s", error->text);
    facts->complete = false;
    return true;
}
