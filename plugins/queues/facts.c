/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/facts.h"

#include <stdlib.h>

static void free_view(struct que_view *view)
{
    for (size_t i = 0; i < view->member_count; i++) {
        free(view->members[i].name);
        free(view->members[i].partitions);
    }
    for (size_t i = 0; i < view->vhost_count; i++)
        free(view->vhosts[i]);
    for (size_t i = 0; i < view->link_count; i++) {
        free(view->links[i].vhost);
        free(view->links[i].name);
        free(view->links[i].kind);
        free(view->links[i].state);
        free(view->links[i].error);
    }
    free(view->node);
    free(view->version);
    free(view->user);
    free(view->tags);
    free(view->members);
    free(view->alarms);
    free(view->certificates);
    free(view->vhosts);
    free(view->links);
}

static void free_store(struct que_store *store)
{
    for (size_t i = 0; i < store->replica_count; i++)
        free(store->replicas[i].address);
    free(store->version);
    free(store->upstream);
    free(store->replicas);
    free(store->eviction);
}

void que_facts_free(void *facts)
{
    struct que_facts *queues = facts;
    free(queues->group);
    free_view(&queues->view);
    que_roster_free(queues->roster);
    free(queues->amqp.product);
    free(queues->amqp.version);
    free(queues->amqp.cluster);
    free(queues->amqp.blocked);
    free_store(&queues->store);
    free(queues->cloud.geo_status);
}
