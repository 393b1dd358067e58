/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/loss.h"

static bool has(const struct que_queue *queue, unsigned trait)
{
    return (queue->traits & trait) != 0;
}

static bool has_members(const struct que_queue *queue)
{
    return queue->kind == QUE_QUORUM || queue->kind == QUE_STREAM;
}

static bool is_mirrored(const struct que_world *world, const struct que_queue *queue)
{
    return queue->kind == QUE_CLASSIC && has(queue, QUE_MIRRORED) && !world->mirrors_inert;
}

static bool is_down(const struct que_queue *queue)
{
    return queue->state == QUE_DOWN || queue->state == QUE_CRASHED || queue->state == QUE_STOPPED;
}

bool que_is_replicated(const struct que_world *world, const struct que_queue *queue)
{
    if (has_members(queue))
        return que_count(queue->copies) > 1;
    return is_mirrored(world, queue);
}

/* The mirrors that run. */
static que_nodes mirrors_of(const struct que_world *world, const struct que_queue *queue)
{
    return is_mirrored(world, queue) ? queue->copies & ~world->down : QUE_NOBODY;
}

que_nodes que_unsynced(const struct que_world *world, const struct que_queue *queue)
{
    return has(queue, QUE_INSYNC_KNOWN) ? mirrors_of(world, queue) & ~queue->insync : QUE_NOBODY;
}

static que_nodes members_online(const struct que_world *world, const struct que_queue *queue)
{
    return queue->insync & queue->copies & ~world->down;
}

/* What must be known before anything can be said. */
static bool is_known(const struct que_world *world, const struct que_queue *queue)
{
    if (has_members(queue))
        return has(queue, QUE_COPIES_KNOWN) && has(queue, QUE_INSYNC_KNOWN) &&
               queue->copies != QUE_NOBODY;
    if (queue->kind != QUE_CLASSIC || !has(queue, QUE_LEADER_KNOWN))
        return false;
    return !is_mirrored(world, queue) ||
           (has(queue, QUE_COPIES_KNOWN) && has(queue, QUE_INSYNC_KNOWN));
}

struct dr_opt_bool que_serves(const struct que_world *world, const struct que_queue *queue)
{
    if (is_down(queue) || queue->state == QUE_MINORITY)
        return dr_bool(false);
    if (!is_known(world, queue))
        return (struct dr_opt_bool){.known = false};
    if (has_members(queue))
        return dr_bool(que_count(members_online(world, queue)) >=
                       que_majority(que_count(queue->copies)));
    return dr_bool((que_bit(queue->leader) & ~world->down) != QUE_NOBODY);
}

que_nodes que_safe_copies(const struct que_world *world, const struct que_queue *queue, bool *known)
{
    *known = is_known(world, queue);
    struct dr_opt_bool serves = que_serves(world, queue);
    if (!*known || !serves.known || !serves.value)
        return QUE_NOBODY;
    if (has_members(queue))
        return members_online(world, queue);
    return que_bit(queue->leader) | (mirrors_of(world, queue) & queue->insync);
}

static struct que_outcome goes_on(bool fragile)
{
    return (struct que_outcome){.fate = fragile ? QUE_FRAGILE_AFTER : QUE_SURVIVES,
                                .lost = dr_real(0),
                                .bytes = dr_real(0),
                                .waiting = dr_real(0)};
}

static struct que_outcome loses_all(const struct que_queue *queue)
{
    return (struct que_outcome){.fate = QUE_LOSES,
                                .lost = que_figure(queue, QUE_MESSAGES),
                                .bytes = que_figure(queue, QUE_BYTES),
                                .waiting = dr_real(0)};
}

/* A mirror takes over that has what was published since it joined. */
static struct que_outcome loses_at_most(const struct que_queue *queue)
{
    struct que_outcome outcome = loses_all(queue);
    outcome.at_most = true;
    return outcome;
}

static struct que_outcome stops(const struct que_queue *queue)
{
    return (struct que_outcome){.fate = QUE_STOPS,
                                .stops = true,
                                .lost = dr_real(0),
                                .bytes = dr_real(0),
                                .waiting = que_figure(queue, QUE_MESSAGES)};
}

/* The only copy is on the node that dies: what is on its disk comes back with it. */
static struct que_outcome loses_memory(const struct que_queue *queue)
{
    struct dr_opt_real messages = que_figure(queue, QUE_MESSAGES);
    struct dr_opt_real persistent = que_figure(queue, QUE_PERSISTENT);
    struct que_outcome outcome = stops(queue);
    if (messages.known && messages.value <= 0)
        return outcome;
    outcome.bytes.known = false;
    outcome.lost.known = messages.known && persistent.known;
    if (!outcome.lost.known)
        return outcome;
    double lost = messages.value > persistent.value ? messages.value - persistent.value : 0;
    outcome.lost = dr_real(lost);
    outcome.waiting = dr_real(messages.value - lost);
    if (lost > 0)
        outcome.fate = QUE_LOSES;
    if (lost <= 0)
        outcome.bytes = dr_real(0);
    else if (lost >= messages.value)
        outcome.bytes = que_figure(queue, QUE_BYTES);
    return outcome;
}

static struct que_outcome classic_outcome(const struct que_world *world,
                                          const struct que_queue *queue, que_nodes dying)
{
    que_nodes mirrors = mirrors_of(world, queue) & ~dying;
    que_nodes synced = mirrors & queue->insync;
    bool mirrored = is_mirrored(world, queue);
    if ((que_bit(queue->leader) & dying) == QUE_NOBODY)
        return goes_on(mirrored && synced == QUE_NOBODY);
    if (synced != QUE_NOBODY)
        return goes_on(que_count(synced) == 1);
    const struct que_policy *policy = que_policy_of(world->roster, queue);
    bool waits = policy != NULL && policy->on_failure == QUE_PROMOTE_WHEN_SYNCED;
    if (mirrors != QUE_NOBODY && !waits)
        return loses_at_most(queue);
    if (!has(queue, QUE_DURABLE))
        return loses_all(queue);
    return loses_memory(queue);
}

static struct que_outcome member_outcome(const struct que_world *world,
                                         const struct que_queue *queue, que_nodes dying)
{
    int majority = que_majority(que_count(queue->copies));
    int left = que_count(members_online(world, queue) & ~dying);
    if (left < majority)
        return stops(queue);
    return goes_on(left == majority);
}

struct que_outcome que_outcome_of(const struct que_world *world, const struct que_queue *queue,
                                  que_nodes dying)
{
    struct dr_opt_bool serves = que_serves(world, queue);
    if (serves.known && !serves.value)
        return (struct que_outcome){.fate = QUE_STOPPED_ALREADY};
    if (!is_known(world, queue))
        return (struct que_outcome){.fate = QUE_FATE_UNKNOWN};
    return has_members(queue) ? member_outcome(world, queue, dying)
                              : classic_outcome(world, queue, dying);
}
