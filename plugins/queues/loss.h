/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the death of some nodes does to a queue, by its type and the state of its copies.
 *
 * The rules are RabbitMQ's own:
 * - classic, mirrored (up to 3.13): the oldest synchronised mirror takes over and nothing is lost.
 *   Without one, an unsynchronised mirror takes over with what was published since it joined, and
 *   nobody can see how much that is (ha-promote-on-failure=always, the default); or the queue
 *   waits for its leader (when-synced). Source: "Classic Queue Mirroring".
 * - classic with one copy: a durable queue waits for its node, and has what was published as
 *   persistent when that comes back; the rest is lost, and so is a queue that is not durable.
 * - quorum and stream: they go on with a majority of their members, else they stop, and lose
 * nothing that was confirmed while the members' disks come back. Source: "Quorum Queues". */
#ifndef QUEUES_LOSS_H
#define QUEUES_LOSS_H

#include "plugins/queues/roster.h"

enum que_fate {
    QUE_FATE_UNKNOWN = 0, /* it was not said where its copies are */
    QUE_STOPPED_ALREADY,  /* it does not serve now: no death changes that */
    QUE_SURVIVES,
    QUE_FRAGILE_AFTER, /* goes on, but the death of one more would end that */
    QUE_STOPS, /* keeps its messages (but those in `lost`), serves again when they are back */
    QUE_LOSES  /* its messages are gone */
};

struct que_outcome {
    enum que_fate fate;
    struct dr_opt_real lost;    /* messages; not known where their number is not */
    bool at_most;               /* `lost` is what it can be at most */
    bool stops;                 /* nobody can use it until they are back */
    struct dr_opt_real bytes;   /* of those; known only where all are lost, or none */
    struct dr_opt_real waiting; /* messages that nobody can get until then */
};

/* What is the same for all queues of a roster. */
struct que_world {
    const struct que_roster *roster;
    que_nodes down;     /* nodes known to be down already */
    bool mirrors_inert; /* RabbitMQ 4.0 and later: policies for mirrors are ignored */
};

/* Where a queue's messages are safe now: the leader and its synchronised mirrors, or the members
 * online where they are a majority. Nothing when that is not known: *known. */
que_nodes que_safe_copies(const struct que_world *world, const struct que_queue *queue,
                          bool *known);

/* It serves now, as far as is known: its leader runs, or a majority of its members. */
struct dr_opt_bool que_serves(const struct que_world *world, const struct que_queue *queue);

/* A majority of so many members: floor(n / 2) + 1. */
static inline int que_majority(int members)
{
    return members / 2 + 1;
}

/* What becomes of it if these nodes die now, all at once. */
struct que_outcome que_outcome_of(const struct que_world *world, const struct que_queue *queue,
                                  que_nodes dying);

/* It is to be kept on several nodes: mirrored by a policy that is not ignored, or more than one
 * member. */
bool que_is_replicated(const struct que_world *world, const struct que_queue *queue);

/* Its mirrors that run and are not synchronised. */
que_nodes que_unsynced(const struct que_world *world, const struct que_queue *queue);

#endif
