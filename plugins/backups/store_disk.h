/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A directory of this host. Names come from getdents64 in blocks of 1 MiB, and cost nothing but
 * that; sizes and times (statx) are most of the time of a listing, and only asked for where they
 * are wanted. Symbolic links are followed in what a target says, never in what is found. */
#ifndef BACKUPS_STORE_DISK_H
#define BACKUPS_STORE_DISK_H

#include "plugins/backups/store.h"

#include <sys/stat.h>

struct bak_disk {
    struct bak_store store; /* first */
    int root;               /* -1: there is none */
    char *path;
    char *pattern;
    int file; /* the one that was read last; -1 */
    char *file_name;
};

static inline struct bak_disk *bak_disk_of(struct bak_store *store)
{
    return (struct bak_disk *)store;
}

/* Whether an error number says that a name is not there (any more). */
bool bak_disk_is_gone(int number);

/* The error of a name below the root ("": the root itself), from an error number; returns false. */
bool bak_disk_fail(const struct bak_disk *disk, const char *name, int number,
                   struct dr_error *error);

/* statx, with all that an entry is made of. False with errno. */
bool bak_disk_look_at(int directory, const char *name, int flags, struct statx *state);
void bak_disk_fill_entry(struct bak_entry *entry, const struct statx *state);

/* As bak_store_type has it. */
bool bak_disk_list(struct bak_store *store, const struct bak_listing *listing, bak_take *take,
                   void *context, struct dr_error *error);

#endif
