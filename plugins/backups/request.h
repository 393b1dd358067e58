/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What check_backup_freshness asks of its sources. */
#ifndef BACKUPS_REQUEST_H
#define BACKUPS_REQUEST_H

#include "common/options.h"
#include "plugins/backups/facts.h"

struct bak_board;

/* Points whose content was read to the end in an earlier run: that is paid once. */
struct bak_paid {
    uint64_t identity; /* bak_point.identity */
    enum bak_proof proof;
};

/* Every moment without a zone (in names, inside dumps) is of the process's time zone, which the
 * executable has set to --zone before the run: mktime, localtime_r. */
struct bak_request {
    struct dr_text_list
        formats; /* --name-format, checked (names.h); empty: times are not in names */
    struct dr_text_list include; /* globs of names; empty: all */
    struct dr_text_list exclude;
    double now;    /* seconds since the epoch: of the beginning of the run */
    double window; /* seconds: how far back points matter */
    double settle; /* a file that cannot be proven and is younger may still be written, seconds */
    double skew;   /* by so much a moment may be ahead, seconds */
    enum bak_proof proof; /* how much is to be seen of the newest point */
    int64_t pages;        /* of a listing, at most; 0: as many as there are */
    bool expect_mount;
    bool compare; /* there are copies to compare with */
    const struct bak_paid *paid;
    size_t paid_count;
    struct bak_board *board; /* where a source and its copy meet; NULL without --compare */
};

#endif
