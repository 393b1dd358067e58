/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reply to CLUSTER NODES, and after a form feed the one to CLUSTER INFO. */
#include "tests/fuzz/node.h"

#include "plugins/replication/redis_cluster.h"
#include "plugins/replication/redis_read.h"

static void check_nodes(const char *text)
{
    struct redis_cluster cluster;
    struct dr_error error = {0};
    bool ok = redis_cluster_read(&cluster, text, &error), self = false;
    fuzz_check_outcome(ok, &error);
    for (size_t i = 0; i < cluster.count && ok; i++) {
        const struct redis_peer *peer = &cluster.peers[i];
        self = self || peer->self;
        MUST(peer->host != NULL && peer->port >= 0 && peer->port <= 65535);
        MUST(!peer->reachable || (peer->host[0] != '\0' && peer->port > 0));
        MUST(peer->group == NULL || strncmp(peer->group, "shard ", 6) == 0);
    }
    MUST(self == ok);
    redis_cluster_free(&cluster);
    MUST(cluster.count == 0);
}

static void check_health(const char *text)
{
    struct rep_node node = {.role = REP_ROLE_UNKNOWN};
    struct dr_redis_info info;
    struct dr_error error = {0};
    MUST(dr_redis_info_read(&info, text));
    bool ok = redis_read_cluster_health(&info, &node, &error);
    fuzz_check_outcome(ok, &error);
    fuzz_check_node(&node);
    MUST(node.trait_count <= 1 && (ok || node.trait_count == 0));
    if (ok && node.trait_count == 0) /* whole only where it says so */
        MUST(strcmp(info.values[DR_REDIS_CLUSTER_STATE], "ok") == 0);
    dr_redis_info_free(&info);
    rep_node_free(&node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *nodes = fuzz_part(&data, &size), *health = fuzz_part(&data, &size);
    check_nodes(nodes);
    check_health(health);
    free(nodes);
    free(health);
    return 0;
}
