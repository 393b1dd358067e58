/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are backups: what the parts of bak_files_read share. */
#ifndef BACKUPS_FILES_H
#define BACKUPS_FILES_H

#include "plugins/backups/files_pool.h"
#include "plugins/backups/request.h"

struct bak_files {
    struct dr_task *task;
    struct bak_store *store;
    struct bak_facts *facts;
    const struct bak_request *request;
    struct bak_pools pools;
    struct bak_pools dumps;      /* directories that are dumps, by what was seen of their parts */
    struct bak_tally unread;     /* names that no --name-format fits */
    struct bak_tally unreadable; /* directories */
    struct bak_tally links;      /* that are not followed */
    struct bak_tally broken;     /* links */
    char why[120];               /* of the first that is unreadable */
    bool names_first;            /* details are asked for when it is known whose */
};

/* Lists the target's files into pools (files_list.c). */
bool bak_files_list(struct bak_files *files, struct dr_error *error);

/* From pools to restore points with moments, status and proof (files_points.c). */
bool bak_files_points(struct bak_files *files, struct dr_error *error);

/* The size of a directory that is one backup, and when its newest part was written and came. */
bool bak_files_sum(struct bak_files *files, struct bak_found *found, struct dr_error *error);

/* Details of an entry into those of a file. False when out of memory. */
bool bak_files_note(struct bak_found *found, const struct bak_entry *entry);

#endif
