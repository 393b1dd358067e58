/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sources of check_replication_lag find out: one struct rep_node for each target, the same
 * for every product.
 *
 * Positions are the product's own counter of what was written: bytes (PostgreSQL, Redis), or
 * moments of its own of which only the order counts (MongoDB's optime, Azure SQL's last commit).
 * Ages are seconds on the clock of the server that reported them, at the moment it answered.
 * Moments that compare readings of this run are monotonic seconds of ours. Everything that can be
 * missing is optional or NULL: unknown is not zero. A field that a product does not have stays
 * unknown. */
#ifndef REPLICATION_FACTS_H
#define REPLICATION_FACTS_H

#include "common/optional.h"

#include <stdbool.h>
#include <stddef.h>

/* Whose words and advice to use. */
enum rep_product {
    REP_PRODUCT_UNKNOWN = 0,
    REP_POSTGRESQL,
    REP_MONGODB,
    REP_REDIS, /* and Valkey */
    REP_MSSQL,
    REP_AZURE_STORAGE,
    REP_PRODUCTS
};

enum rep_role {
    REP_ROLE_UNKNOWN = 0,
    REP_ROLE_PRIMARY,
    REP_ROLE_STANDBY,
    REP_ROLE_WITNESS /* helps to choose the primary, holds no data: arbiter, Sentinel */
};

enum rep_unit {
    REP_BYTES = 0, /* the difference of two positions is a number of bytes */
    REP_MOMENTS    /* only the order of positions means something */
};

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
    REP_STREAM_COPYING, /* is being given a full copy, and is no use before it is complete: initial
                           sync, RDB transfer, seeding, bootstrap */
    REP_STREAM_BROKEN,  /* its sender says that nothing flows: suspended, unavailable, down */
    REP_STREAM_HIDDEN   /* we lack the privilege to see what it is */
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
    struct dr_opt_real loss;   /* seconds, where the product itself states an upper bound of it
                                  and there are no positions (Azure) */
    struct dr_opt_real copied; /* REP_STREAM_COPYING: share that is there, 0 to 1 */
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
    struct dr_opt_real silence;  /* a healthy link is never silent for longer; instead of timeout */
    struct dr_opt_bool never;    /* it was never connected since it started */
    struct dr_opt_real down_age; /* not running: since when */
};

/* A full copy that is being received. */
struct rep_copy {
    struct dr_opt_bool running;
    struct dr_opt_real done; /* share, 0 to 1 */
    struct dr_opt_int left;  /* bytes */
    struct dr_opt_real eta;  /* seconds, as the server estimates */
};

/* What a member of a set that elects its primary is doing, as somebody sees it. */
enum rep_seat {
    REP_SEAT_UNKNOWN = 0,
    REP_SEAT_PRIMARY,
    REP_SEAT_STANDBY,    /* replicates, and can be read */
    REP_SEAT_WITNESS,    /* arbiter, Sentinel */
    REP_SEAT_STARTING,   /* STARTUP: not a member yet */
    REP_SEAT_COPYING,    /* STARTUP2, full sync */
    REP_SEAT_RECOVERING, /* cannot be read: catching up, or stuck */
    REP_SEAT_ROLLBACK,   /* undoes what the new primary never had */
    REP_SEAT_DOWN,       /* cannot be reached by the one who tells */
    REP_SEAT_REMOVED,    /* not in the configuration any more */
    REP_SEAT_FAILED      /* gave up */
};

struct rep_member {
    char *name;    /* host:port as the set calls it */
    char *address; /* other name of it; NULL */
    enum rep_seat seat;
    char *state;   /* the product's own word: "SECONDARY", "s_down,disconnected" */
    char *message; /* what is said about it: "Error connecting to db1:27017"; NULL */
    bool self;     /* it is the node that tells */
    bool dataless; /* it only votes: arbiter, Sentinel; also while its seat is another one */
    struct dr_opt_int position; /* unknown for one that never reported */
    struct dr_opt_real behind;  /* seconds, by the set's own account; unknown where it has none */
    struct dr_opt_real heard;   /* since the one who tells last heard from it */
    struct dr_opt_int votes;
    struct dr_opt_real priority; /* 0: is never chosen. The greater is preferred, or the lower:
                                    rep_set.lower_first */
    struct dr_opt_bool hidden;
    struct dr_opt_real delay; /* on purpose, seconds */
    char *bar;                /* another reason why it would not be chosen now, in words; NULL */
    char *upstream;           /* whom it receives from; NULL */
};

/* The set that elects its primary, as one node sees it (replica set; Sentinels and what they
 * watch). */
struct rep_set {
    char *name;                       /* NULL: the node knows of no set */
    struct dr_opt_int term;           /* of the election; grows with each (term, config epoch) */
    struct dr_opt_int votes;          /* in the whole set */
    struct dr_opt_int present;        /* votes that the node sees alive */
    struct dr_opt_int needed;         /* votes that an election takes */
    struct dr_opt_int copies;         /* members that count for majority writes, in the whole set */
    struct dr_opt_int copies_present; /* ... that are alive */
    struct dr_opt_int copies_needed;  /* ... that a majority write waits for */
    struct dr_opt_bool can_elect;     /* the product's own answer (CKQUORUM) */
    char *obstacle;                   /* why it cannot, in the product's own words; NULL */
    struct dr_opt_int majority;       /* position that a majority of the members has */
    struct dr_opt_real majority_lag;  /* seconds that it is behind what the primary has */
    bool lower_first;                 /* the lower priority is preferred (Redis) */
    struct rep_member *members;
    size_t member_count;
};

/* A setting or state of a node that endangers data, and is no position: judged by a table. */
enum rep_trait_kind {
    REP_TRAIT_NONE = 0,
    REP_TRAIT_UNSAVED,     /* primary without persistence: a restart of it empties its standbys */
    REP_TRAIT_EVICTS,      /* may drop keys when its memory is full; text: the policy */
    REP_TRAIT_REFUSES,     /* primary refuses writes: too few good standbys; text: "1 of 2" */
    REP_TRAIT_SHORT,       /* as few good standbys as it needs for taking writes; text: "1 of 1" */
    REP_TRAIT_WRITABLE,    /* standby that takes writes of its own */
    REP_TRAIT_UNANNOUNCED, /* standby that hides from Sentinel */
    REP_TRAIT_SLOWED,      /* primary slows writes down because its standbys lag (flow control) */
    REP_TRAIT_LOCKED,      /* takes no writes to its disk (fsyncLock) */
    REP_TRAIT_DEGRADED,    /* cluster does not serve all of its data; text: why */
    REP_TRAIT_NO_FAILOVER, /* the product says that its standby cannot take over */
    REP_TRAIT_UNREADABLE,  /* a setting that could not be read; text: which. Says so, no alarm */
    REP_TRAITS
};

struct rep_trait {
    enum rep_trait_kind kind;
    char *text; /* for the words; NULL */
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
    enum rep_product kind;
    char *product; /* "PostgreSQL 15.8" */
    int major;     /* 15; 9 for 9.6 */
    enum rep_role role;
    char *group;  /* which of several systems of one run it is a part of, each judged by itself:
                     shard, replica set, database, service; NULL: there is only one */
    char *system; /* identifies the cluster of servers with one history; NULL */
    char *system_before;           /* the history it went on from at its last promotion; NULL */
    struct dr_opt_int branched_at; /* ... and up to which position they are the same */
    char *instance; /* tells this server process from every other of the system; NULL */
    struct dr_opt_int timeline;
    struct dr_opt_real clock_ahead; /* its clock minus ours, seconds; error at most clock_error */
    double clock_error;
    struct dr_opt_bool privileged; /* may see everything that is read here */
    char *grant;                   /* what to do when it may not: a statement for the server */
    bool heartbeat;                /* a mark was written on purpose */
    enum rep_unit unit;            /* of its positions */
    char *reached; /* "address:port" where we reached it: a sign of who it is, no name; NULL */

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
    struct rep_copy copying;
    char *application_name; /* how it calls itself to its sender; NULL */
    char *cluster_name;     /* NULL when empty */

    /* everyone who can have standbys */
    struct rep_stream *streams;
    size_t stream_count;
    struct dr_opt_real sender_timeout; /* it asks for a sign of life after half of this; 0: never */
    struct dr_opt_real sender_silence; /* reports of a healthy standby are never further apart;
                                          instead of sender_timeout */
    struct dr_opt_int kept_from; /* oldest position from which a standby can go on without a full
                                    copy: backlog, oplog */
    struct dr_opt_int kept_size; /* bytes of the log that there is room for: backlog */
    struct dr_opt_real window;   /* seconds that the kept log spans: oplog */
    char *synchronous_names;     /* synchronous_standby_names; "" when none; NULL: unknown */
    struct dr_opt_bool commits_wait; /* synchronous_commit asks for a standby */
    struct rep_slot *slots;
    size_t slot_count;
    struct rep_subscription *subscriptions;
    size_t subscription_count;
    struct rep_floor floors[REP_FLOORS];

    /* products that have them */
    struct rep_set set;
    struct rep_trait *traits;
    size_t trait_count;
};

/* Frees what a node owns (not the node). */
void rep_node_free(void *node);
void rep_streams_free(struct rep_stream *streams, size_t count);
void rep_set_free(struct rep_set *set);

/* Adds a zeroed stream, member or trait (with a copy of the text, which may be NULL). NULL or false
 * when out of memory. */
struct rep_stream *rep_node_add_stream(struct rep_node *node);
struct rep_member *rep_set_add_member(struct rep_set *set);
bool rep_node_add_trait(struct rep_node *node, enum rep_trait_kind kind, const char *text);

/* Whether a lag that the sender measured and the age of the report it comes with, `bound` seconds
 * together, say how old what is missing can be. The sender's measure begins with the connection: as
 * long as a standby catches up it is the time since it connected, whatever it lacks (LagTrackerRead
 * in walsender.c). */
bool rep_stream_tells_bound(const struct rep_stream *stream, double bound);

/* Adds a reading; when there is no room the last one is replaced, so that the first and the newest
 * stay. */
void rep_node_add_reading(struct rep_node *node, double sent, double received, int64_t position);

#endif
