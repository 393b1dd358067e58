/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a PostgreSQL server says of its archiving: rows to figures, figures to facts. */
#ifndef BACKUPS_ARCHIVER_READ_H
#define BACKUPS_ARCHIVER_READ_H

#include "plugins/backups/request.h"

#include <libpq-fe.h>

/* Texts of the server that are kept, cleaned. */
#define BAK_ARCHIVER_TEXT 256

/* One server, as it answered. Moments are of its clock, positions bytes of its log. */
struct bak_archiver {
    struct dr_opt_bool standby;
    struct dr_opt_real server_time;
    struct dr_opt_int system;     /* identifier */
    struct dr_opt_int timeline;   /* that its last checkpoint was on */
    struct dr_opt_int position;   /* written, or on a standby received or replayed, up to here */
    struct dr_opt_int redo;       /* where its last checkpoint began */
    struct dr_opt_int checkpoint; /* and where its record is */
    struct dr_opt_bool quiet;     /* no transaction has ended since, nor was one open then */
    struct dr_opt_int segment_size;
    struct dr_opt_int timeout; /* archive_timeout, seconds */
    char mode[16];             /* archive_mode: off, on, always */
    char command[BAK_ARCHIVER_TEXT];
    char library[BAK_ARCHIVER_TEXT]; /* 15 and later */
    struct dr_opt_int archived;      /* counters of pg_stat_archiver */
    struct dr_opt_int failed;
    char last_name[64]; /* the last thing archived: a segment, or a .backup or .history file; "" */
    struct dr_opt_real last_time;
    char failed_name[64];
    struct dr_opt_real failed_time;
    struct dr_opt_real reset; /* when the counters began */
    char cluster[BAK_ARCHIVER_TEXT];
    char role[BAK_ARCHIVER_TEXT];
    struct dr_opt_bool may_list;       /* pg_ls_archive_statusdir() */
    struct dr_opt_int waiting;         /* files marked as ready: segments, .backup and others */
    struct dr_opt_real oldest_waiting; /* when the first of them was marked */
};

/* Reads the one row of the first query, and the one of the second. False with the error set where a
 * column is missing or holds what it cannot. A NULL is unknown. */
bool bak_archiver_read(const PGresult *result, struct bak_archiver *archiver,
                       struct dr_error *error);
bool bak_archiver_read_waiting(const PGresult *result, struct bak_archiver *archiver,
                               struct dr_error *error);

/* True for an archive_command that reports success and does nothing: true, ":", "exit 0". */
bool bak_archiver_is_hollow(const char *command);

/* One series, and what is odd about it. `version` as libpq has it (150008). */
void bak_archiver_report(const struct bak_archiver *archiver, int version, double now,
                         struct bak_facts *facts);

#endif
