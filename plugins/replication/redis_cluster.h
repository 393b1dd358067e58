/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CLUSTER NODES: who is in a Redis Cluster, and in which shard. No I/O.
 *
 * One text in all versions (CLUSTER SHARDS is there from 7.0 on), and each node knows it all. */
#ifndef REPLICATION_REDIS_CLUSTER_H
#define REPLICATION_REDIS_CLUSTER_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

struct redis_peer {
    char *host;
    int port;
    char *group;    /* "shard 0-5460": the slots of its primary; NULL: it serves none */
    bool self;      /* the node that was asked */
    bool reachable; /* it has an address, and its handshake is over */
};

struct redis_cluster {
    struct redis_peer *peers;
    size_t count;
};

/* False with the error set when the text does not read as it should. End with redis_cluster_free in
 * any case. */
bool redis_cluster_read(struct redis_cluster *cluster, const char *text, struct dr_error *error);
void redis_cluster_free(struct redis_cluster *cluster);

#endif
