/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of INFO (and of CLUSTER INFO), read by key and never by position: what is not known here
 * is passed over, so that every version of Redis and Valkey can be read. */
#ifndef REPLICATION_REDIS_INFO_H
#define REPLICATION_REDIS_INFO_H

#include "common/optional.h"

#include <stddef.h>

/* In the alphabetical order of their names: redis_info_names. */
enum redis_key {
    REDIS_AOF_ENABLED,
    REDIS_CLUSTER_ENABLED,
    REDIS_CLUSTER_ASSIGNED,
    REDIS_CLUSTER_OK,
    REDIS_CLUSTER_STATE,
    REDIS_CONNECTED_SLAVES,
    REDIS_LOADING,
    REDIS_LOADING_ETA,
    REDIS_LOADING_PERC,
    REDIS_MASTER_HOST,
    REDIS_MASTER_LAST_IO,
    REDIS_MASTER_LINK_DOWN_SINCE,
    REDIS_MASTER_LINK_STATUS,
    REDIS_MASTER_PORT,
    REDIS_MASTER_REPL_OFFSET,
    REDIS_MASTER_REPLID,
    REDIS_MASTER_REPLID2,
    REDIS_MASTER_SYNC_RUNNING,
    REDIS_MASTER_SYNC_LEFT,
    REDIS_MASTER_SYNC_TOTAL,
    REDIS_MAXMEMORY,
    REDIS_MAXMEMORY_POLICY,
    REDIS_MIN_SLAVES_GOOD,
    REDIS_MODE,
    REDIS_VERSION,
    REDIS_BACKLOG_ACTIVE,
    REDIS_BACKLOG_FIRST,
    REDIS_BACKLOG_SIZE,
    REDIS_REPLICA_ANNOUNCED,
    REDIS_ROLE,
    REDIS_RUN_ID,
    REDIS_SECOND_OFFSET,
    REDIS_SENTINEL_TILT,
    REDIS_SERVER_MODE,
    REDIS_SLAVE_READ_ONLY,
    REDIS_SLAVE_REPL_OFFSET,
    REDIS_VALKEY_VERSION,
    REDIS_KEYS
};

extern const char *const redis_info_names[REDIS_KEYS];

struct redis_info {
    char *text;                     /* owned; the values point into it */
    const char *values[REDIS_KEYS]; /* NULL: not there, or empty */
    const char **replicas;          /* the values of slave0, slave1 ... */
    size_t replica_count;
};

/* Takes a copy of the text apart; false when out of memory. End with redis_info_free in any case.
 */
bool redis_info_read(struct redis_info *info, const char *text);
void redis_info_free(struct redis_info *info);

/* The number in a text; unknown for NULL and for anything that is not wholly a whole number. */
struct dr_opt_int redis_number(const char *text);

/* The value of `key` in "ip=127.0.0.1,port=6379,..." as a new string; NULL when it is not there or
 * empty, or when out of memory. */
char *redis_pair(const char *text, const char *key);

#endif
