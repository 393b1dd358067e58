/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SQL of the PostgreSQL source, by server version (9.6 to 18 and later).
 *
 * Everything that is asked of a node goes in one message of several statements: one round trip, one
 * read-only transaction with its own statement timeout, nothing in the session changed, so that it
 * works through poolers too. Names are those of the manual's chapters "The Cumulative Statistics
 * System", "Backup Control Functions" and "Recovery Information Functions" of each version. */
#ifndef REPLICATION_POSTGRESQL_QUERY_H
#define REPLICATION_POSTGRESQL_QUERY_H

#include "common/buffer.h"

/* The result sets of the first message, in order. */
enum pg_result_set { PG_STREAMS = 0, PG_SLOTS, PG_SUBSCRIPTIONS, PG_NODE, PG_RESULT_SETS };

/* `version` is PQserverVersion: 90624, 150008. Timeouts in milliseconds. */

/* Everything about a node: the four result sets. */
void pg_query_node(struct dr_buffer *sql, int version, long timeout);

/* A primary again: result sets PG_STREAMS and one row with "position". */
void pg_query_primary_again(struct dr_buffer *sql, int version, long timeout);

/* A standby again: one row with "received" and "replayed". */
void pg_query_standby_again(struct dr_buffer *sql, int version, long timeout);

/* What logical slots have put aside on disk: rows of "slot_name" and "spilled". From 15 on, for
 * members of pg_monitor only; a message of its own, because the privilege to call a function is
 * checked before anything else in its statement. */
void pg_query_spilled(struct dr_buffer *sql, long timeout);

/* Writes a message that carries nothing to the WAL, without waiting for standbys (that wait is what
 * is measured), and reads the position behind its commit: one row of the message, then one row with
 * "position". */
void pg_query_heartbeat(struct dr_buffer *sql, int version, long timeout);

#endif
