/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of a Redis or Valkey server into facts. No I/O.
 *
 * What every version sends and a verdict needs is an error (DR_ERR_PROTOCOL) where it is not there
 * or does not read as it should; what only some send stays unknown. */
#ifndef REPLICATION_REDIS_READ_H
#define REPLICATION_REDIS_READ_H

#include "common/client/redis_info.h"
#include "common/error.h"
#include "plugins/replication/facts.h"

/* A replica reports its position once a second, and Redis itself calls it good while the last
 * report is at most 10 s old (min-replicas-max-lag); the age is in whole seconds. */
#define REDIS_ACK_SILENCE 11.0
/* repl-ping-replica-period where it cannot be read: its default, seconds. */
#define REDIS_PING_PERIOD 10.0

/* What CONFIG GET told; NULL or unknown: it did not. */
struct redis_settings {
    const char *save;
    struct dr_opt_int min_replicas;
    struct dr_opt_real ping_period;
};

/* What is the same at every look: product, history, traits. */
bool redis_read_node(const struct dr_redis_info *info, const struct redis_settings *settings,
                     struct rep_node *node, struct dr_error *error);

/* What changes: positions, streams, link. *position is the primary's. */
bool redis_read_progress(const struct dr_redis_info *info, struct rep_node *node, int64_t *position,
                         struct dr_error *error);

/* "Redis 7.0.15", and its major version; false with the error set when no version is there. */
bool redis_read_product(const struct dr_redis_info *info, struct rep_node *node,
                        struct dr_error *error);

/* CLUSTER INFO: a trait where not all of the data is served. */
bool redis_read_cluster_health(const struct dr_redis_info *info, struct rep_node *node,
                               struct dr_error *error);

#endif
