/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/facts.h"

#include <stdlib.h>

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

void rep_node_free(void *facts)
{
    struct rep_node *node = facts;
    free(node->product);
    free(node->system);
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
}

void rep_node_add_reading(struct rep_node *node, double sent, double received, int64_t position)
{
    if (node->reading_count == REP_READINGS_MAX)
        node->reading_count--;
    node->readings[node->reading_count++] =
        (struct rep_reading){.sent = sent, .received = received, .position = position};
}
