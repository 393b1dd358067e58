/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A snapshot repository of Elasticsearch or OpenSearch, read without them: index.latest names the
 * generation N (8 bytes, the highest first), index-N is the catalogue (JSON); of each snapshot
 * there must be snap-UUID.dat and meta-UUID.dat (BlobStoreRepository.java). */
#include "plugins/backups/scan.h"
#include "plugins/backups/snapshots.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CATALOGUE_MAX ((size_t)64 * 1024 * 1024)
/* Snapshots whose files are looked for. */
#define LOOKED_FOR 8

struct repository {
    struct bak_store *store;
    struct bak_facts *facts;
    bool listed; /* a catalogue is in the listing */
    int64_t newest;
};

/* "index-17"; below 0 where it is none. */
static int64_t generation_of(const char *name)
{
    const char *digits = name + strlen("index-");
    size_t length = strncmp(name, "index-", strlen("index-")) == 0 ? strlen(digits) : 0;
    if (length == 0 || length > 18 || digits[strspn(digits, "0123456789")] != '\0')
        return -1;
    return strtoll(digits, NULL, 10);
}

static bool take_entry(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct repository *repository = context;
    int64_t generation = entry->directory ? -1 : generation_of(entry->name);
    (void)error;
    repository->facts->looked++;
    if (generation >= 0 && (!repository->listed || generation > repository->newest)) {
        repository->listed = true;
        repository->newest = generation;
    }
    return true;
}

/* index.latest is written after index-N, and can be switched off: what is listed counts, but one
 * that is named and not there is missed. False with the error set where it could not be read. */
static bool check_latest(struct repository *repository, struct dr_error *error)
{
    struct dr_buffer text = DR_BUFFER(64);
    bool found = false;
    int64_t named = 0;
    bool ok = bak_store_text(repository->store, "index.latest", 64, &text, &found, error);
    if (ok && found && text.size != 8)
        ok = dr_error_set(error, DR_ERR_PROTOCOL, "index.latest has %zu bytes, not 8", text.size);
    for (size_t i = 0; ok && found && i < 8; i++)
        named = (int64_t)((uint64_t)named << 8 | (unsigned char)text.text[i]);
    dr_buffer_free(&text);
    if (ok && found && (!repository->listed || named > repository->newest || named < 0))
        bak_facts_sign(repository->facts, NULL, BAK_CATALOGUE_LIES,
                       "index-%" PRId64 ", which index.latest names", named);
    return ok;
}

static bool look_for(struct repository *repository, const char *prefix, const char *uuid,
                     bool *found, struct dr_opt_real *modified, struct dr_error *error)
{
    struct bak_entry entry = {.name = NULL};
    char name[100];
    struct dr_error unseen = {.class = DR_ERR_NONE};
    snprintf(name, sizeof name, "%s-%s.dat", prefix, uuid);
    *found = false;
    bool ok = bak_store_look(repository->store, name, &entry, found, &unseen);
    if (!ok && unseen.class != DR_ERR_USAGE) {
        *error = unseen;
        return false;
    }
    *found = ok && *found && !(entry.size.known && entry.size.value == 0);
    *modified = entry.modified;
    return true;
}

/* Both files of one snapshot; and where the catalogue is too old to say when (before 7.14), when
 * its file was written. */
static bool check_files(struct repository *repository, struct es_snapshot *snapshot,
                        struct dr_error *error)
{
    static const char *const prefixes[] = {"snap", "meta"};
    if (snapshot->uuid[strcspn(snapshot->uuid, "/.")] != '\0')
        return dr_error_set(error, DR_ERR_PROTOCOL, "a snapshot with a bad uuid");
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        struct dr_opt_real modified = {.known = false};
        bool found;
        if (!look_for(repository, prefixes[i], snapshot->uuid, &found, &modified, error))
            return false;
        if (!found) {
            bak_facts_sign(repository->facts, NULL, BAK_CATALOGUE_LIES, "%s-%s.dat of %.200s",
                           prefixes[i], snapshot->uuid, snapshot->name);
            /* it succeeded once, and cannot be restored any more */
            snprintf(snapshot->state, sizeof snapshot->state, "PARTIAL");
            snprintf(snapshot->reason, sizeof snapshot->reason, "%s-%s.dat is not there",
                     prefixes[i], snapshot->uuid);
            return true;
        }
        if (i == 0 && !snapshot->started.known) {
            snapshot->started = snapshot->ended = modified;
            snapshot->by_file = true;
        }
    }
    return true;
}

static int by_newest(const void *a, const void *b)
{
    const struct es_snapshot *first = a, *second = b;
    double x = first->started.known ? first->started.value : 0;
    double y = second->started.known ? second->started.value : 0;
    return x > y ? -1 : x < y ? 1 : 0;
}

/* Of a catalogue without times the last in the list is not the newest: all are looked for, up to
 * what a series holds. */
static bool check_snapshots(struct repository *repository, struct es_snapshots *list,
                            struct dr_error *error)
{
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, by_newest);
    for (size_t i = 0; i < list->count; i++) {
        struct es_snapshot *snapshot = &list->items[i];
        if (strcmp(snapshot->state, "SUCCESS") == 0 &&
            (i < LOOKED_FOR || !snapshot->started.known) &&
            !check_files(repository, snapshot, error))
            return false;
    }
    return true;
}

static bool read_catalogue(struct dr_task *task, struct repository *repository,
                           struct es_snapshots *list, struct dr_error *error)
{
    struct dr_buffer text = DR_BUFFER(CATALOGUE_MAX);
    char name[40];
    bool found = false;
    snprintf(name, sizeof name, "index-%" PRId64, repository->newest);
    dr_task_stage(task, "read the catalogue");
    bool ok = bak_store_text(repository->store, name, CATALOGUE_MAX, &text, &found, error);
    if (ok && !found)
        ok = dr_error_set(error, DR_ERR_PROTOCOL, "%s was listed, and is gone: look again", name);
    else if (ok && strlen(dr_buffer_text(&text)) != text.size)
        ok = dr_error_set(error, DR_ERR_PROTOCOL, "%s holds a NUL byte", name);
    else if (ok)
        ok = es_read_catalogue(dr_buffer_text(&text), list, error) ||
             dr_error_prefix(error, "%s", name);
    dr_buffer_free(&text);
    return ok;
}

bool bak_elasticsearch_repository_read(struct dr_task *task, struct bak_store *store,
                                       struct bak_facts *facts, struct dr_error *error)
{
    const struct bak_listing listing = {.prefix = "index-"};
    struct repository repository = {.store = store, .facts = facts};
    struct es_snapshots list = {.items = NULL};
    facts->product = BAK_ELASTICSEARCH;
    bak_facts_text(facts, &facts->what, "snapshot repository");
    dr_task_stage(task, "list the catalogues");
    bool ok = bak_store_list(store, &listing, take_entry, &repository, error) &&
              check_latest(&repository, error);
    if (ok && repository.listed) {
        ok = read_catalogue(task, &repository, &list, error) &&
             check_snapshots(&repository, &list, error);
        if (ok)
            es_add_snapshots(facts, &list, dr_task_request(task));
    }
    facts->complete = ok;
    free(list.items);
    return ok;
}
