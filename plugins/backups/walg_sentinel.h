/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What WAL-G writes about a backup: its sentinel, which is written last, and metadata.json. */
#ifndef BACKUPS_WALG_SENTINEL_H
#define BACKUPS_WALG_SENTINEL_H

#include "plugins/backups/facts.h"

struct bak_walg_sentinel {
    char parent[200]; /* DeltaFrom; "" */
    uint64_t start;   /* positions in the log; 0: not known */
    uint64_t finish;
    uint64_t system;          /* 0: not known */
    struct dr_opt_real began; /* seconds since the epoch */
    struct dr_opt_real ended;
    struct dr_opt_int size;    /* bytes, packed */
    struct dr_opt_int content; /* bytes */
};

/* Adds what one of the two texts says to what is there. False with a PROTOCOL error. */
bool bak_walg_sentinel_read(const char *text, struct bak_walg_sentinel *sentinel,
                            struct dr_error *error);

#endif
