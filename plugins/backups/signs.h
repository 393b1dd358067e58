/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signs: what can be odd about a series of backups, or about where they are kept. The table in
 * signs.c is the only place that says what each means, how bad it is, and what to do. */
#ifndef BACKUPS_SIGNS_H
#define BACKUPS_SIGNS_H

#include "common/state.h"

#include <stddef.h>

enum bak_sign_kind {
    /* what could not be seen */
    BAK_UNREADABLE = 0, /* a part could not be read: the text says which and why */
    BAK_LISTING_CUT,    /* the list was not read to its end (--max-pages, time) */
    BAK_ARCHIVE_UNSEEN, /* only the server's word for it: nobody looked at the archive */
    /* of files and objects */
    BAK_MOUNT_MISSING, /* where a file system should be mounted, none is (--expect-mount) */
    BAK_EMPTY_FILE,    /* size 0 */
    BAK_ERROR_TEXT,    /* an error message in the place of a backup */
    BAK_SPARSE,        /* far fewer blocks than its size needs */
    BAK_FUTURE,        /* dated in the future */
    BAK_BROKEN_LINK,   /* a symbolic link that leads nowhere */
    BAK_LEFTOVER,      /* a part of a run that did not finish: an old .part, an unfinished upload */
    BAK_CLOCK_SKEW,    /* the store's clock and ours differ */
    BAK_NAME_UNREAD,   /* a name matches the pattern, and no --name-format */
    BAK_PAIR_MISSING,  /* of two files that belong together one is missing (etcd, SQLite's WAL) */
    BAK_REPLICATION_FAILED, /* the store could not copy it to the other place */
    /* of repositories */
    BAK_CHAIN_BROKEN,   /* a backup needs another one that is not there or not complete */
    BAK_CATALOGUE_LIES, /* the catalogue lists what is not in the store */
    BAK_BACKUP_ERROR,   /* the tool saw errors in what it copied (page checksums) */
    BAK_NO_SUCH_SERIES, /* what was asked for (stanza, server) is not there */
    BAK_STALE_LOCK,     /* a lock that its owner has left behind */
    BAK_HOLLOW,         /* complete by its tool, and parts of it failed or are empty */
    /* of logs */
    BAK_LOG_GAP,          /* segments are missing that a restore needs */
    BAK_LOG_FOREIGN,      /* segments of another cluster */
    BAK_LOG_DROPPED,      /* the archiver gave segments up */
    BAK_ARCHIVER_OFF,     /* nothing is archived */
    BAK_ARCHIVER_FAILING, /* the last attempt failed */
    BAK_ARCHIVER_HOLLOW,  /* the archiver says archived what is not in the archive */
    /* of services */
    BAK_NO_PITR,          /* automated backups are switched off */
    BAK_STORAGE_AWAY,     /* the place for backups is not available */
    BAK_SCHEDULE_PAUSED,  /* paused, or disabled */
    BAK_SCHEDULE_FAILING, /* the last run of the schedule failed */
    BAK_SOURCE_BROKEN,    /* what is backed up is in a state in which no backup can be made */
    /* worth saying */
    BAK_NOTE,
    BAK_SIGNS
};

struct bak_sign {
    enum bak_sign_kind kind;
    char *text; /* what was seen, in words; "" */
};

/* What a sign means. */
struct bak_meaning {
    enum dr_state state; /* how bad it is */
    const char *words;   /* in front of its text: "WAL is missing" */
    const char *next;    /* what to do; NULL */
};

const struct bak_meaning *bak_sign_meaning(enum bak_sign_kind kind);

#endif
