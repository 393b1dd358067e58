/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is it a backup? What a file is by its content, whether it is complete, and what it says of its
 * own time; without the tool that made it. */
#ifndef BACKUPS_PROOF_H
#define BACKUPS_PROOF_H

#include "plugins/backups/facts.h"
#include "plugins/backups/store.h"

#define BAK_KIND_SIZE 96
#define BAK_WHY_SIZE 240

enum bak_verdict {
    BAK_WHOLE = 0,   /* complete, as far as `proof` says */
    BAK_CUT,         /* it lacks something: `why` */
    BAK_NO_BACKUP,   /* something else: an error message, nothing at all */
    BAK_ENCRYPTED,   /* cannot be told without a key */
    BAK_UNKNOWN_KIND /* no format that is known here */
};

struct bak_content {
    enum bak_verdict verdict;
    enum bak_proof proof;      /* that was reached */
    char kind[BAK_KIND_SIZE];  /* "pg_dump custom 1.14"; "zstd of pg_dump plain"; "gzip" */
    char why[BAK_WHY_SIZE];    /* "" where it is whole */
    struct dr_opt_real data;   /* the moment inside it, where it has one */
    bool data_zoned;           /* with a zone; else it was read in the process's zone */
    struct dr_opt_int content; /* bytes that were packed, where that is known */
    bool error_text;           /* BAK_NO_BACKUP: it is a message: `why` shows its beginning */
    bool out_of_time;          /* the proof that was wanted took longer than there was */
    char note[BAK_WHY_SIZE];   /* worth saying: "WAL mode, without its -wal file"; "" */
};

/* Looks at one entry (a file, or a directory that is one backup: pg_dump -Fd, mongodump), whose
 * details are there. `wanted` says how much is read: BAK_WELLFORMED the beginning, the end, and
 * what leads there; BAK_CHECKSUMMED all of it, packed streams are unpacked and what is in them is
 * looked at in the same way. BAK_SIZED or less: nothing is read but the first bytes, which tell an
 * error message from a backup. False with the error set where it could not be read. Keeps to the
 * task's time: out_of_time. */
bool bak_proof_look(struct bak_store *store, const struct bak_entry *entry, enum bak_proof wanted,
                    struct bak_content *content, struct dr_error *error);

#endif
