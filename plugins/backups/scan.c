/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/scan.h"

#include "plugins/backups/compare.h"
#include "plugins/backups/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400.0

/* Whom the part of the scheme in front of the "+" stands for. */
static const struct reader {
    const char *kind;
    bak_reader *read;
    const char *const *parameters; /* of its own; NULL: none */
} readers[] = {
    {"pgbackrest", bak_pgbackrest_read, (const char *const[]){"stanza", NULL}},
    {"barman", bak_barman_read, (const char *const[]){"server", NULL}},
    {"wal-g", bak_walg_read, NULL},
    {"wal", bak_wal_archive_read, (const char *const[]){"segment-size", NULL}},
    {"restic", bak_restic_read, NULL},
    {"velero", bak_velero_read, (const char *const[]){"schedule", NULL}},
    {"elasticsearch", bak_elasticsearch_repository_read, NULL},
};

static const struct reader *reader_of(const struct dr_target *target)
{
    const char *plus = strchr(target->scheme->scheme, '+');
    size_t length = plus != NULL ? (size_t)(plus - target->scheme->scheme) : 0;
    for (size_t i = 0; plus != NULL && i < sizeof readers / sizeof readers[0]; i++) {
        if (strlen(readers[i].kind) == length &&
            strncmp(readers[i].kind, target->scheme->scheme, length) == 0)
            return &readers[i];
    }
    return NULL;
}

/* Those of the store and those of the reader. */
static bool check_parameters(const struct dr_uri *uri, const char *const *store,
                             const char *const *reader, struct dr_error *error)
{
    const char *known[DR_URI_PARAMS_MAX + 1];
    size_t count = 0;
    for (; *store != NULL && count < DR_URI_PARAMS_MAX; store++)
        known[count++] = *store;
    for (; reader != NULL && *reader != NULL && count < DR_URI_PARAMS_MAX; reader++)
        known[count++] = *reader;
    known[count] = NULL;
    return dr_uri_has_only(uri, known, error);
}

/* What was begun long ago, and is in no list. */
struct leftovers {
    const struct bak_store *store;
    double before; /* seconds since the epoch */
    double since;  /* when the oldest was begun */
    int64_t count;
    char oldest[200]; /* its name */
};

static bool take_leftover(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct leftovers *left = context;
    (void)error;
    if (!entry->modified.known || entry->modified.value >= left->before ||
        !bak_glob_match(left->store->pattern, entry->name))
        return true;
    if (left->count++ == 0 || entry->modified.value < left->since) {
        left->since = entry->modified.value;
        snprintf(left->oldest, sizeof left->oldest, "%.190s", entry->name);
    }
    return true;
}

/* Worth saying where it can be seen, and no reason to say less of the rest where it cannot. */
static void add_leftovers(struct bak_store *store, struct bak_facts *facts, double now)
{
    struct leftovers left = {.store = store, .before = now - DAY};
    struct dr_error ignored;
    bak_store_unfinished(store, take_leftover, &left, &ignored);
    if (left.count > 0)
        bak_facts_sign(facts, NULL, BAK_LEFTOVER,
                       "%" PRId64 " unfinished upload%s, the oldest %.0f h old: %s", left.count,
                       left.count == 1 ? "" : "s", (now - left.since) / 3600, left.oldest);
}

static void add_cut(const struct bak_store *store, struct bak_facts *facts)
{
    if (!store->cut)
        return;
    facts->complete = false;
    bak_facts_sign(facts, NULL, BAK_LISTING_CUT, "%s: only %" PRId64 " pages were read",
                   store->type->words, store->pages);
}

static bool read_store(struct dr_task *task, struct bak_store *store, const struct reader *reader,
                       struct bak_facts *facts, struct dr_error *error)
{
    const struct bak_request *request = dr_task_request(task);
    if (store->unmounted)
        bak_facts_sign(facts, NULL, BAK_MOUNT_MISSING, "%s", store->place);
    if (dr_task_target(task)->reference)
        return bak_compare_copy(task, store, facts, error);
    bool ok = reader != NULL ? reader->read(task, store, facts, error)
                             : bak_files_read(task, store, facts, error);
    add_cut(store, facts);
    if (ok)
        add_leftovers(store, facts, request->now);
    if (ok && request->compare)
        ok = bak_compare_source(task, store, facts, error);
    facts->clock = store->clock;
    facts->credential_ends = store->credential_ends;
    facts->versioning = store->versioning;
    facts->locking = store->locking;
    return ok;
}

bool bak_scan(struct dr_task *task, bak_open *open, const char *const *parameters,
              struct bak_facts *facts, struct dr_error *error)
{
    const struct dr_target *target = dr_task_target(task);
    const struct bak_request *request = dr_task_request(task);
    const struct reader *reader = reader_of(target);
    bool ok = false;
    if (check_parameters(&target->uri, parameters, reader != NULL ? reader->parameters : NULL,
                         error)) {
        struct bak_store *store = open(task, &target->uri, reader != NULL, error);
        ok = store != NULL && read_store(task, store, reader, facts, error);
        bak_store_close(store);
    }
    if (!ok && request->compare)
        bak_compare_give_up(task);
    return ok;
}
