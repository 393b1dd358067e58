/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Result sets of the PostgreSQL source into facts. No I/O: what libpq received comes in, structs go
 * out.
 *
 * A column that is not there or does not read as what it should be is an error (DR_ERR_PROTOCOL); a
 * NULL is unknown. */
#ifndef REPLICATION_POSTGRESQL_READ_H
#define REPLICATION_POSTGRESQL_READ_H

#include "common/error.h"
#include "plugins/replication/facts.h"

#include <libpq-fe.h>

/* What only the reply's first look at a primary needs beside the facts. */
struct pg_node_extra {
    struct dr_opt_int position;
    struct dr_opt_real server_time; /* seconds since the epoch */
};

bool pg_read_streams(const PGresult *result, struct rep_node *node, struct dr_error *error);
bool pg_read_slots(const PGresult *result, struct rep_node *node, struct dr_error *error);
bool pg_read_spilled(const PGresult *result, struct rep_node *node, struct dr_error *error);
bool pg_read_subscriptions(const PGresult *result, struct rep_node *node, struct dr_error *error);
bool pg_read_node(const PGresult *result, struct rep_node *node, struct pg_node_extra *extra,
                  struct dr_error *error);

/* The one row of a second look. */
bool pg_read_position(const PGresult *result, struct dr_opt_int *position, struct dr_error *error);
bool pg_read_progress(const PGresult *result, struct dr_opt_int *received,
                      struct dr_opt_int *replayed, struct dr_error *error);

#endif
