/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The queues of a broker, in a form that holds 100,000 of them in some 12 MiB.
 *
 * Names of nodes, virtual hosts and policies are kept once; the nodes of a queue are a set of bits;
 * figures that nobody sets take no memory.
 * What was not said is not known: que_figure says so, and so do the traits. */
#ifndef QUEUES_ROSTER_H
#define QUEUES_ROSTER_H

#include "common/optional.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A set of nodes: bit i stands for the i-th name of the roster's nodes. */
typedef uint64_t que_nodes;
#define QUE_NODES_MAX 64
#define QUE_NOBODY ((que_nodes)0)

enum que_kind {
    QUE_KIND_UNKNOWN = 0,
    QUE_CLASSIC,
    QUE_QUORUM,
    QUE_STREAM,
    QUE_LIST, /* of Redis, with its lists for priorities */
    QUE_OTHER /* a type we do not know: the MQTT plugin's, a third party's */
};

enum que_state {
    QUE_STATE_UNKNOWN = 0, /* not said: its figures are not valid */
    QUE_LIVE,              /* "live" of the roster: says only that its record is there */
    QUE_RUNNING,
    QUE_IDLE, /* "idle": running, nothing to do */
    QUE_FLOW, /* "flow": running, its publishers are slowed down */
    QUE_SYNCING,
    QUE_MINORITY,
    QUE_DOWN,
    QUE_CRASHED,
    QUE_STOPPED
};

enum que_figure {
    QUE_MESSAGES = 0, /* ready and unacknowledged */
    QUE_READY,
    QUE_UNACKED,
    QUE_PERSISTENT, /* messages published as persistent */
    QUE_BYTES,      /* of the messages' bodies */
    QUE_CONSUMERS,
    QUE_HEAD_AGE,     /* of the oldest message, seconds */
    QUE_PUBLISHED,    /* counter */
    QUE_ACKED,        /* counter of everything that took a message out: acknowledgements, gets and
                         deliveries without */
    QUE_PUBLISH_RATE, /* messages a second */
    QUE_ACK_RATE,     /* messages a second */
    QUE_SYNCED,       /* messages already copied to a mirror that is being synchronised */
    QUE_FIGURES
};
#define QUE_TOTALS 3 /* the first ones, which even the shortest list of figures has */

enum que_trait {
    QUE_DURABLE = 1,
    QUE_EXCLUSIVE = 2,
    QUE_AUTO_DELETE = 4,
    QUE_MIRRORED = 8,       /* classic: the key for its mirrors was there, even if empty */
    QUE_COPIES_KNOWN = 16,  /* `copies` was said */
    QUE_INSYNC_KNOWN = 32,  /* `insync` was said */
    QUE_CONTRADICTED = 64,  /* a key was there twice with different values: the worse one counts */
    QUE_LISTED = 128,       /* stood in the roster */
    QUE_FIGURED = 256,      /* stood in the list of figures */
    QUE_LEADER_KNOWN = 512, /* `leader` was said, also where it is nobody */
    QUE_DURABLE_KNOWN = 1024,
    QUE_SHEDS = 2048, /* messages may leave by themselves, by an argument: a time to live, a maximum
                         length, a place for those that were rejected */
    /* the same as QUE_CONTRADICTED, for `copies`, `insync` and `leader` (which is not known then)
     */
    QUE_COPIES_TWICE = 4096,
    QUE_INSYNC_TWICE = 8192,
    QUE_LEADER_TWICE = 16384
};

#define QUE_NONE UINT16_MAX
#define QUE_LEADERLESS (-1)

struct que_queue {
    const char *name;
    uint64_t head;    /* tells the message at its head from another; 0: not known */
    que_nodes copies; /* classic: the mirrors; quorum, stream: the members */
    que_nodes insync; /* classic: the synchronised mirrors; quorum, stream: the members online */
    uint32_t known;   /* bit i: figure i is known */
    uint16_t traits;
    uint16_t vhost;  /* index */
    uint16_t policy; /* index; QUE_NONE: none applies, or not said */
    uint8_t kind;    /* enum que_kind */
    uint8_t state;   /* enum que_state */
    int8_t leader;   /* index of the node: classic: where it lives; QUE_LEADERLESS */
    double totals[QUE_TOTALS];
    double *others; /* the other figures; only those are there that are known (see que_set) */
};

enum que_promote {
    QUE_PROMOTE_UNKNOWN = 0,
    QUE_PROMOTE_ALWAYS,     /* an unsynchronised mirror takes over: the default on failure */
    QUE_PROMOTE_WHEN_SYNCED /* the queue waits for its leader to come back */
};

/* A policy that applies to queues: the effective one, merged with the operator's. */
struct que_policy {
    char *name;
    char *ha_mode;              /* "all", "exactly", "nodes"; NULL: it mirrors nothing */
    struct dr_opt_int ha_count; /* "exactly": how many copies */
    enum que_promote on_failure;
    bool sync_automatic;
    bool sheds;       /* as QUE_SHEDS */
    char *definition; /* its text, keys sorted, for the comparison of clusters */
};

struct que_roster {
    char *nodes[QUE_NODES_MAX];
    size_t node_count;
    char **vhosts;
    size_t vhost_count;
    struct que_policy *policies;
    size_t policy_count;
    size_t count;   /* queues */
    bool complete;  /* the list was read to its end */
    bool figured;   /* the list of figures, too */
    bool exact;     /* that list had all figures, not only the totals */
    double elapsed; /* seconds the listing took */
    /* its own */
    struct que_block **blocks;
    size_t block_count;
    struct que_text *texts;
    uint32_t *index; /* hash table of queue numbers */
    size_t index_size;
};

/* An empty one; NULL when out of memory. End with que_roster_free. */
struct que_roster *que_roster_new(void);
void que_roster_free(struct que_roster *roster);

/* The i-th queue, in the order added. The pointer stays valid. */
struct que_queue *que_roster_at(const struct que_roster *roster, size_t i);

/* The queue of that virtual host and name; NULL. */
struct que_queue *que_roster_find(const struct que_roster *roster, const char *vhost,
                                  const char *name);

/* The same, added (zeroed, leaderless, without policy) where it is not there. NULL when out of
 * memory or beyond 65,535 virtual hosts. */
struct que_queue *que_roster_add(struct que_roster *roster, const char *vhost, const char *name);

/* The index of a node's name, added where it is new. -1 when out of memory or beyond
 * QUE_NODES_MAX. */
int que_roster_node(struct que_roster *roster, const char *name);
/* The same, but -1 for one that is not there. */
int que_roster_find_node(const struct que_roster *roster, const char *name);

/* The policy of that name and definition (which may be NULL), added where it is new, with copies of
 * both; *added tells the caller to fill in the rest. NULL when out of memory or beyond 65,534. */
struct que_policy *que_roster_policy(struct que_roster *roster, const char *name,
                                     const char *definition, bool *added);

const char *que_vhost_name(const struct que_roster *roster, const struct que_queue *queue);
/* NULL where none applies or none is known. */
const struct que_policy *que_policy_of(const struct que_roster *roster,
                                       const struct que_queue *queue);

static inline void que_set(struct que_queue *queue, enum que_figure figure, double value)
{
    *(figure < QUE_TOTALS ? &queue->totals[figure] : &queue->others[figure - QUE_TOTALS]) = value;
    queue->known |= UINT32_C(1) << figure;
}

static inline struct dr_opt_real que_figure(const struct que_queue *queue, enum que_figure figure)
{
    if ((queue->known >> figure & 1) == 0)
        return (struct dr_opt_real){.known = false};
    return dr_real(figure < QUE_TOTALS ? queue->totals[figure]
                                       : queue->others[figure - QUE_TOTALS]);
}

static inline que_nodes que_bit(int node)
{
    return node < 0 ? QUE_NOBODY : (que_nodes)1 << node;
}

static inline int que_count(que_nodes nodes)
{
    return __builtin_popcountll(nodes);
}

#endif
