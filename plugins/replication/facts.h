/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sources of check_replication_lag find out: one struct rep_node for each target, the same
 * for every product.
 *
 * Positions are the product's own counter of what was written, in bytes. Ages are seconds on the
 * clock of the server that reported them, at the moment it answered. Moments that compare readings
 * of this run are monotonic seconds of ours. Everything that can be missing is optional or NULL:
 * unknown is not zero. */
#ifndef REPLICATION_FACTS_H
#define REPLICATION_FACTS_H

#include "common/optional.h"

#include <stdbool.h>
#include <stddef.h>

enum rep_role { REP_ROLE_UNKNOWN = 0, REP_ROLE_PRIMARY, REP_ROLE_STANDBY };

/* The position that a node was at, and when we asked (sent) and heard (received). What was
 * committed before `sent` is included; nothing that was committed after `received` is. */
struct rep_reading {
    double sent;
    double received;
    int64_t position;
};

#define REP_READINGS_MAX 32

/* Who is at the other end of a replication connection. */
enum rep_stream_kind {
    REP_STREAM_STANDBY,    /* a server that can be promoted */
    REP_STREAM_RECEIVER,   /* keeps the log only: pg_receivewal, barman */
    REP_STREAM_BACKUP,     /* a base backup is being taken */
    REP_STREAM_LOGICAL,    /* a logical subscriber */
    REP_STREAM_CONNECTING, /* has not reported any position yet */
    REP_STREAM_HIDDEN      /* we lack the privilege to see what it is */
};

/* A replication connection as its sender sees it. */
struct rep_stream {
    char *name;    /* as it calls itself: application_name */
    char *address; /* NULL: Unix socket or hidden */
    char *hostname;
    char *slot; /* the slot it uses; NULL */
    enum rep_stream_kind kind;
    char *state;      /* "streaming", "catchup" ... */
    char *sync_state; /* "async", "potential", "sync", "quorum" */
    struct dr_opt_int flushed;
    struct dr_opt_int replayed;
    struct dr_opt_real flush_lag; /* as last measured by the sender: frozen when replies stop */
    struct dr_opt_real replay_lag;
    struct dr_opt_real connected; /* since it connected */
    struct dr_opt_real
        reply_age; /* since its last report; its clock against the sender's, so skew is in it */
};

struct rep_slot {
    char *name;
    bool logical;
    bool temporary;
    struct dr_opt_bool active;
    struct dr_opt_int restart;   /* oldest position it keeps */
    struct dr_opt_int confirmed; /* logical: what the consumer has confirmed */
    char *wal_status;            /* "reserved", "extended", "unreserved", "lost"; NULL */
    struct dr_opt_int safe;      /* bytes until it can be lost */
    struct dr_opt_int spilled;   /* logical: bytes of large transactions put aside on disk */
    struct dr_opt_real inactive_age;
    char *invalidation; /* why it was invalidated; NULL */
    struct dr_opt_bool conflicting;
    struct dr_opt_bool failover; /* is kept up to date on standbys */
    struct dr_opt_bool synced;   /* is such a copy */
};

struct rep_subscription {
    char *name;
    struct dr_opt_bool enabled;
    struct dr_opt_bool running;
    struct dr_opt_real message_age;
    struct dr_opt_int apply_errors; /* since the statistics were reset */
    struct dr_opt_int sync_errors;
    struct dr_opt_int
        tables_pending; /* tables that are not in sync yet; unknown for other databases */
};

/* A setting that a standby must not have lower than its primary, or hot standby ends. */
struct rep_floor {
    const char *name;
    struct dr_opt_int value;
};

#define REP_FLOORS 5
extern const char *const rep_floor_names[REP_FLOORS];

enum rep_pause { REP_PAUSE_UNKNOWN = 0, REP_PAUSE_NONE, REP_PAUSE_REQUESTED, REP_PAUSE_PAUSED };

/* The link of a standby to the server it receives from. */
struct rep_receiver {
    struct dr_opt_bool running;
    char *status; /* "streaming"; NULL: hidden or not running */
    char *sender; /* "host:port"; NULL */
    char *slot;
    struct dr_opt_int timeline;
    struct dr_opt_int announced;    /* the sender's position as of its last message */
    struct dr_opt_real message_age; /* since its last message */
    struct dr_opt_real timeout;     /* it asks for a sign of life after half of this; 0: never */
};

/* The one moment of the primary that every standby is compared with, and when the standby was seen
 * to have it. Where no primary was asked it is what the standby's sender had announced. */
struct rep_passing {
    bool compared;  /* the standby knew a mark and looked for it */
    bool announced; /* the mark is its sender's */
    double marked;  /* monotonic: what was committed before is in the mark */
    int64_t position;
    struct dr_opt_real received; /* seconds after `marked` when it was seen to be on the standby */
    struct dr_opt_real replayed; /* ... and visible there */
    double waited;               /* seconds after `marked` of the last look */
};

struct rep_node {
    char *product; /* "PostgreSQL 15.8" */
    int major;     /* 15; 9 for 9.6 */
    enum rep_role role;
    char *system;   /* identifies the cluster of servers with one history; NULL */
    char *instance; /* tells this server process from every other of the system; NULL */
    struct dr_opt_int timeline;
    struct dr_opt_real clock_ahead; /* its clock minus ours, seconds; error at most clock_error */
    double clock_error;
    struct dr_opt_bool privileged; /* may see everything that is read here */
    char *grant;                   /* what to do when it may not: a statement for the server */
    bool heartbeat;                /* a mark was written on purpose */

    /* primary: readings of its position in time order; standby: of what it has received (or
     * replayed, if more) */
    struct rep_reading readings[REP_READINGS_MAX];
    size_t reading_count;
    double looked; /* monotonic: when streams were last read */

    /* standby */
    struct dr_opt_int received;
    struct dr_opt_int replayed;
    struct dr_opt_real replay_age; /* now minus the commit time of the last transaction replayed */
    enum rep_pause pause;
    struct dr_opt_real apply_delay; /* on purpose, seconds; 0: none */
    struct rep_receiver receiver;
    struct rep_passing passing;
    char *application_name; /* how it calls itself to its sender; NULL */
    char *cluster_name;     /* NULL when empty */

    /* everyone who can have standbys */
    struct rep_stream *streams;
    size_t stream_count;
    struct dr_opt_real sender_timeout; /* it asks for a sign of life after half of this; 0: never */
    char *synchronous_names;           /* synchronous_standby_names; "" when none; NULL: unknown */
    struct dr_opt_bool commits_wait;   /* synchronous_commit asks for a standby */
    struct rep_slot *slots;
    size_t slot_count;
    struct rep_subscription *subscriptions;
    size_t subscription_count;
    struct rep_floor floors[REP_FLOORS];
};

/* Frees what a node owns (not the node). */
void rep_node_free(void *node);
void rep_streams_free(struct rep_stream *streams, size_t count);

/* Adds a reading; when there is no room the last one is replaced, so that the first and the newest
 * stay. */
void rep_node_add_reading(struct rep_node *node, double sent, double received, int64_t position);

#endif
