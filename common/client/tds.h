/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to one database of SQL Server or Azure SQL (TDS 7.4, through FreeTDS db-lib), for
 * every source that asks one.
 *
 * db-lib blocks, with time-outs in whole seconds: the run's own deadline is the one that counts.
 * Its handlers are process-global; what they are told is kept for the thread that is talking, so
 * one connection belongs to one thread. Nothing is printed, whatever freetds.conf says: host, port,
 * TDS version, TLS and language are ours.
 *
 * Parameters of the URI:
 *     encrypt=yes|no|strict   TLS is required (yes, the default); none at all; TDS 8 (FreeTDS 1.5)
 *     cafile=FILE             trusted CAs instead of the system's
 *     trust=yes               any certificate will do
 *     intent=readonly         asks for a secondary that only takes such connections */
#ifndef DR_CLIENT_TDS_H
#define DR_CLIENT_TDS_H

#include "common/run.h"

struct tds_dblib_dbprocess;

/* What went wrong, as the handlers were told. */
struct dr_tds_trouble {
    int number; /* 0: none */
    int system; /* errno, or 0 */
    char text[400];
};

/* Start with task, application and error set and the rest zero; end with dr_tds_close in any case.
 */
struct dr_tds {
    struct dr_task *task;
    const char *application; /* what the server shows us as: the executable's name */
    struct dr_error *error;  /* set by whatever returns false */
    struct tds_dblib_dbprocess *process;
    bool encrypted;
    struct dr_tds_trouble server;  /* the first error of the server */
    struct dr_tds_trouble library; /* the first error of db-lib, or that nobody knows why */
};

/* A result set as text: integers in decimal, character types in UTF-8. */
struct dr_tds_result {
    size_t columns;
    size_t rows;
    char **names;
    char **cells; /* rows * columns; NULL is NULL */
};

/* Connects and logs in to the task's target, into the database of its path. False when that fails,
 * or when the URI or the environment (TDSPORT and the like) asks for what cannot be done. */
bool dr_tds_open(struct dr_tds *tds);

void dr_tds_close(struct dr_tds *tds);

/* Sends one batch and gathers exactly `expected` result sets; none is longer than a thousand rows.
 * On success the caller ends with dr_tds_free_results. `stage` is static text. */
bool dr_tds_query(struct dr_tds *tds, const char *sql, const char *stage,
                  struct dr_tds_result *results, size_t expected);

void dr_tds_free_results(struct dr_tds_result *results, size_t count);

/* "FreeTDS 1.3.17" */
const char *dr_tds_library(void);

#endif
