/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is kept of a long list of files while it is read: of each series the newest, and what lies
 * in the window, at most BAK_POOL_MOST; everything is counted. Memory grows with the number of
 * series, not of files. */
#ifndef BACKUPS_FILES_POOL_H
#define BACKUPS_FILES_POOL_H

#include "plugins/backups/names.h"
#include "plugins/backups/store.h"

#define BAK_POOL_LEAST 16 /* are kept, however old */
#define BAK_POOL_MOST 512

/* One file, or one directory that is one backup. */
struct bak_found {
    char *name;
    double order; /* what is newer: the name's local moment, or when it was written */
    bool directory;
    bool named; /* a --name-format fits */
    struct bak_scanned scanned;
    bool detailed;
    struct dr_opt_int size;
    struct dr_opt_int allocated;
    struct dr_opt_real modified;
    struct dr_opt_real arrived;
    struct dr_opt_real expires;
    struct dr_opt_real locked;
    uint64_t inode;
    char *tier; /* NULL: none */
};

/* The same said of several files: how many, and of which first. */
struct bak_tally {
    int64_t count;
    char *first;
};

struct bak_pool {
    char *name; /* of the series */
    struct bak_found *items;
    size_t count;
    int64_t total; /* of all that were handed over */
    struct bak_found oldest;
    struct bak_found running; /* the newest that is not finished, and young; NULL name: none */
    struct bak_tally leftover;
    struct bak_tally future;
};

struct bak_pools {
    double since; /* the beginning of the window, in `order` */
    struct bak_pool *items;
    size_t count;
    size_t space;
    uint32_t *slots; /* by name: index + 1 */
    size_t slot_count;
    size_t last; /* the one that was asked for last */
};

/* The pool of that name, which is added where it is not there. Valid until another is added. NULL
 * when out of memory. */
struct bak_pool *bak_pools_get(struct bak_pools *pools, const char *name, size_t size);

/* Counts a file, and keeps a copy where it belongs to what is kept. False when out of memory. */
bool bak_pool_add(const struct bak_pools *pools, struct bak_pool *pool,
                  const struct bak_found *found);

/* The newest first. */
void bak_pool_sort(struct bak_pool *pool);

/* A copy with a name and a tier of its own. False when out of memory: nothing to free then. */
bool bak_found_copy(struct bak_found *copy, const struct bak_found *found);
void bak_found_free(struct bak_found *found);

bool bak_tally_add(struct bak_tally *tally, const char *name);

void bak_pools_free(struct bak_pools *pools);

#endif
