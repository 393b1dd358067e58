/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of a Sentinel into the set that it watches. No I/O. */
#ifndef REPLICATION_REDIS_SENTINEL_H
#define REPLICATION_REDIS_SENTINEL_H

#include "common/error.h"
#include "plugins/replication/facts.h"

#include <hiredis.h>

/* What SENTINEL MASTER, REPLICAS and SENTINELS and CKQUORUM answered about one primary. */
struct redis_sentinel_replies {
    const redisReply *primary;
    const redisReply *replicas;
    const redisReply *sentinels;
    const redisReply *quorum; /* an error of the server is an answer, too */
};

/* Who would not be chosen, and who counts for the quorum, as in sentinel.c: sentinelSelectSlave and
 * sentinelIsQuorumReachable. */
bool redis_read_set(const struct redis_sentinel_replies *replies, struct rep_set *set,
                    struct dr_error *error);

/* The value of a field in a reply of names and values; NULL when it is not there. */
const char *redis_field(const redisReply *reply, const char *name);

#endif
