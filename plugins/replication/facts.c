/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/facts.h"

#include <stdlib.h>
#include <string.h>

const char *const rep_floor_names[REP_FLOORS] = {
    "max_connections",           "max_worker_processes",      "max_wal_senders",
    "max_prepared_transactions", "max_locks_per_transaction",
};

void rep_streams_free(struct rep_stream *streams, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(streams[i].name);
        free(streams[i].address);
        free(streams[i].hostname);
        free(streams[i].slot);
        free(streams[i].state);
        free(streams[i].sync_state);
    }
    free(streams);
}

static void free_slots(struct rep_slot *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(slots[i].name);
        free(slots[i].wal_status);
        free(slots[i].invalidation);
    }
    free(slots);
}

void rep_set_free(struct rep_set *set)
{
    for (size_t i = 0; i < set->member_count; i++) {
        struct rep_member *member = &set->members[i];
        free(member->name);
        free(member->address);
        free(member->state);
        free(member->message);
        free(member->bar);
        free(member->upstream);
    }
    free(set->members);
    free(set->name);
    free(set->obstacle);
    *set = (struct rep_set){.name = NULL};
}

void rep_node_free(void *facts)
{
    struct rep_node *node = facts;
    free(node->product);
    free(node->group);
    free(node->system);
    free(node->system_before);
    free(node->reached);
    free(node->instance);
    free(node->grant);
    free(node->receiver.status);
    free(node->receiver.sender);
    free(node->receiver.slot);
    free(node->application_name);
    free(node->cluster_name);
    free(node->synchronous_names);
    rep_streams_free(node->streams, node->stream_count);
    free_slots(node->slots, node->slot_count);
    for (size_t i = 0; i < node->subscription_count; i++)
        free(node->subscriptions[i].name);
    free(node->subscriptions);
    rep_set_free(&node->set);
    for (size_t i = 0; i < node->trait_count; i++)
        free(node->traits[i].text);
    free(node->traits);
}

/* The items with room for one more, which is zeroed; NULL when out of memory: they stay. */
static void *grow(void *items, size_t count, size_t size)
{
    char *more = realloc(items, (count + 1) * size);
    if (more != NULL)
        memset(more + count * size, 0, size);
    return more;
}

struct rep_stream *rep_node_add_stream(struct rep_node *node)
{
    struct rep_stream *more = grow(node->streams, node->stream_count, sizeof *more);
    if (more == NULL)
        return NULL;
    node->streams = more;
    return &more[node->stream_count++];
}

struct rep_member *rep_set_add_member(struct rep_set *set)
{
    struct rep_member *more = grow(set->members, set->member_count, sizeof *more);
    if (more == NULL)
        return NULL;
    set->members = more;
    return &more[set->member_count++];
}

bool rep_node_add_trait(struct rep_node *node, enum rep_trait_kind kind, const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    struct rep_trait *more = NULL;
    if (text == NULL || copy != NULL)
        more = grow(node->traits, node->trait_count, sizeof *more);
    if (more == NULL) {
        free(copy);
        return false;
    }
    node->traits = more;
    more[node->trait_count++] = (struct rep_trait){.kind = kind, .text = copy};
    return true;
}

bool rep_stream_tells_bound(const struct rep_stream *stream, double bound)
{
    return stream->kind == REP_STREAM_STANDBY && stream->state != NULL &&
           strcmp(stream->state, "streaming") == 0 && stream->connected.known &&
           bound + 1 < stream->connected.value;
}

void rep_node_add_reading(struct rep_node *node, double sent, double received, int64_t position)
{
    if (node->reading_count == REP_READINGS_MAX)
        node->reading_count--;
    node->readings[node->reading_count++] =
        (struct rep_reading){.sent = sent, .received = received, .position = position};
}
