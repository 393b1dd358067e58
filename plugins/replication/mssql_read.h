/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Result sets of the SQL Server source into facts. No I/O, no client library.
 *
 * Positions. Azure SQL: the commit time of the last transaction in microseconds since the epoch
 * (last_commit of sys.dm_geo_replication_link_status), which primary and secondary read from the
 * same log; commits within one tick of that clock, some milliseconds, are not told apart.
 * Availability groups: the log block of the last commit (last_commit_lsn) or of what is on disk
 * (last_hardened_lsn), without the slot in the block; unlike last_commit_time it needs no time zone
 * and does not go back in October.
 *
 * A column that is not there or does not read as what it should be is an error (DR_ERR_PROTOCOL); a
 * NULL is unknown. */
#ifndef REPLICATION_MSSQL_READ_H
#define REPLICATION_MSSQL_READ_H

#include "common/client/tds.h"
#include "plugins/replication/facts.h"

/* What is known of the server beside the facts. */
struct mssql_server {
    bool geo;                   /* Azure: geo-replication links; else availability groups */
    bool permitted;             /* may read the views */
    bool writable;              /* the database */
    struct dr_opt_int position; /* the primary's */
    double now;                 /* its clock, seconds since the epoch */
    char name[256];             /* @@SERVERNAME */
    char database[256];
    char domain[256]; /* what follows the server's name in the host that was asked; "" */
};

/* The server's own row: product, instance, group. `host` is the one that was asked. */
bool mssql_read_server(const struct dr_tds_result *result, const char *host, struct rep_node *node,
                       struct mssql_server *server, struct dr_error *error);

/* Role, positions and streams from the rows of sys.dm_geo_replication_link_status, or from those of
 * sys.dm_hadr_database_replica_states. What an earlier look has left of these is replaced. No row:
 * a database that takes writes is a primary without standbys, any other is an error. */
bool mssql_read_links(const struct dr_tds_result *result, struct rep_node *node,
                      struct mssql_server *server, struct dr_error *error);

#endif
