/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of INFO (and of CLUSTER INFO), read by key and never by position: what is not known here
 * is passed over, so that every version of Redis and Valkey can be read. */
#ifndef DR_CLIENT_REDIS_INFO_H
#define DR_CLIENT_REDIS_INFO_H

#include "common/optional.h"

#include <stddef.h>

/* In the alphabetical order of their names: dr_redis_info_names. */
enum dr_redis_key {
    DR_REDIS_AOF_ENABLED,
    DR_REDIS_AOF_WRITE_STATUS,
    DR_REDIS_CLUSTER_ENABLED,
    DR_REDIS_CLUSTER_ASSIGNED,
    DR_REDIS_CLUSTER_OK,
    DR_REDIS_CLUSTER_STATE,
    DR_REDIS_CONNECTED_SLAVES,
    DR_REDIS_EVICTED,
    DR_REDIS_LOADING,
    DR_REDIS_LOADING_ETA,
    DR_REDIS_LOADING_PERC,
    DR_REDIS_MASTER_HOST,
    DR_REDIS_MASTER_LAST_IO,
    DR_REDIS_MASTER_LINK_DOWN_SINCE,
    DR_REDIS_MASTER_LINK_STATUS,
    DR_REDIS_MASTER_PORT,
    DR_REDIS_MASTER_REPL_OFFSET,
    DR_REDIS_MASTER_REPLID,
    DR_REDIS_MASTER_REPLID2,
    DR_REDIS_MASTER_SYNC_RUNNING,
    DR_REDIS_MASTER_SYNC_LEFT,
    DR_REDIS_MASTER_SYNC_TOTAL,
    DR_REDIS_MAXMEMORY,
    DR_REDIS_MAXMEMORY_POLICY,
    DR_REDIS_MIN_SLAVES_GOOD,
    DR_REDIS_RDB_CHANGES,
    DR_REDIS_RDB_STATUS,
    DR_REDIS_RDB_SAVED_AT,
    DR_REDIS_RDB_SAVES,
    DR_REDIS_MODE,
    DR_REDIS_VERSION,
    DR_REDIS_BACKLOG_ACTIVE,
    DR_REDIS_BACKLOG_FIRST,
    DR_REDIS_BACKLOG_SIZE,
    DR_REDIS_REPLICA_ANNOUNCED,
    DR_REDIS_ROLE,
    DR_REDIS_RUN_ID,
    DR_REDIS_SECOND_OFFSET,
    DR_REDIS_SENTINEL_TILT,
    DR_REDIS_SERVER_MODE,
    DR_REDIS_SLAVE_READ_ONLY,
    DR_REDIS_SLAVE_REPL_OFFSET,
    DR_REDIS_UPTIME,
    DR_REDIS_MEMORY,
    DR_REDIS_VALKEY_VERSION,
    DR_REDIS_KEYS
};

extern const char *const dr_redis_info_names[DR_REDIS_KEYS];

struct dr_redis_info {
    char *text;                        /* owned; the values point into it */
    const char *values[DR_REDIS_KEYS]; /* NULL: not there, or empty */
    const char **replicas;             /* the values of slave0, slave1 ... */
    size_t replica_count;
};

/* Takes a copy of the text apart; false when out of memory. End with dr_redis_info_free in any
 * case.
 */
bool dr_redis_info_read(struct dr_redis_info *info, const char *text);
void dr_redis_info_free(struct dr_redis_info *info);

/* "standalone", "sentinel" or "cluster": Valkey's own word for it, else the one for clients that
 * know Redis; NULL where neither is there. */
const char *dr_redis_mode(const struct dr_redis_info *info);

/* The number in a text; unknown for NULL and for anything that is not wholly a whole number. */
struct dr_opt_int dr_redis_number(const char *text);

/* The value of `key` in "ip=127.0.0.1,port=6379,..." as a new string; NULL when it is not there or
 * empty, or when out of memory. */
char *dr_redis_pair(const char *text, const char *key);

/* "[::1]:6379" or "127.0.0.1:6379" as a new string; NULL when out of memory. */
char *dr_redis_address(const char *host, int port);

#endif
