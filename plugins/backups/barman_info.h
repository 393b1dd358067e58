/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Barman's backup.info: a line for each field, its value as Python would write it. */
#ifndef BACKUPS_BARMAN_INFO_H
#define BACKUPS_BARMAN_INFO_H

#include "plugins/backups/facts.h"
#include "plugins/backups/wal.h"

struct bak_barman_info {
    char status[32]; /* EMPTY STARTED FAILED WAITING_FOR_WALS DONE SYNCING RETRIEVED */
    char mode[32];   /* "rsync", "postgres", "snapshot"; "" */
    char error[200];
    char begin_wal[BAK_WAL_NAME_SIZE]; /* "" */
    char end_wal[BAK_WAL_NAME_SIZE];
    char parent[64]; /* the backup that an incremental one needs; "" */
    struct dr_opt_real began;
    struct dr_opt_real ended;
    struct dr_opt_int size;    /* bytes of the cluster */
    struct dr_opt_int stored;  /* bytes that it takes */
    struct dr_opt_int segment; /* bytes of a WAL segment */
    uint64_t system;           /* 0: not known */
    bool snapshot;             /* its data are snapshots of volumes: not files here */
};

/* Reads the text, which is cut into lines by that. False with a PROTOCOL error for what is none, or
 * says no status. */
bool bak_barman_info_read(char *text, struct bak_barman_info *info, struct dr_error *error);

#endif
