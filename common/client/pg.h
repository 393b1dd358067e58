/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to one PostgreSQL server, for every source that asks one.
 *
 * libpq is driven without blocking, so that the task's time is kept to the millisecond and the
 * stage in which a server hangs is known. The server's notices go to the trace and never to stderr;
 * what it may send altogether is bounded. */
#ifndef DR_CLIENT_PG_H
#define DR_CLIENT_PG_H

#include "common/buffer.h"
#include "common/run.h"

#include <libpq-fe.h>

/* Start with task, application and error set and the rest zero; end with dr_pg_close in any case.
 */
struct dr_pg {
    struct dr_task *task;
    const char *application; /* what the server shows us as: the executable's name */
    struct dr_error *error;  /* set by whatever returns false */
    PGconn *connection;
    int version;      /* PQserverVersion: 150008, 90624 */
    char product[64]; /* "PostgreSQL 15.8" */
    long received;    /* bytes that have come in, about */
};

/* Connects and logs in to the task's target. False when that fails, when the server is older
 * than 9.6, or when a service or the environment names several hosts: libpq would ask only one of
 * them. Where a CA is configured and no sslmode is said, certificate and host name are verified. */
bool dr_pg_open(struct dr_pg *pg);

void dr_pg_close(struct dr_pg *pg);

/* Sends one message of one or more statements and gathers the result sets that have rows: exactly
 * `expected` of them, or it is an error. On success the caller ends with dr_pg_free_results.
 * `stage` is static text. */
bool dr_pg_query(struct dr_pg *pg, const struct dr_buffer *sql, const char *stage,
                 PGresult **results, size_t expected);

void dr_pg_free_results(PGresult **results, size_t count);

/* What is left of the task's time, for statement_timeout, in milliseconds: the server stops working
 * for us when we stop waiting. */
long dr_pg_left_ms(const struct dr_pg *pg);

#endif
