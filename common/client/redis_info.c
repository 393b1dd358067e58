/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/redis_info.h"

#include "common/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const dr_redis_info_names[DR_REDIS_KEYS] = {
    "aof_enabled",
    "aof_last_write_status",
    "cluster_enabled",
    "cluster_slots_assigned",
    "cluster_slots_ok",
    "cluster_state",
    "connected_slaves",
    "evicted_keys",
    "loading",
    "loading_eta_seconds",
    "loading_loaded_perc",
    "master_host",
    "master_last_io_seconds_ago",
    "master_link_down_since_seconds",
    "master_link_status",
    "master_port",
    "master_repl_offset",
    "master_replid",
    "master_replid2",
    "master_sync_in_progress",
    "master_sync_left_bytes",
    "master_sync_total_bytes",
    "maxmemory",
    "maxmemory_policy",
    "min_slaves_good_slaves",
    "rdb_changes_since_last_save",
    "rdb_last_bgsave_status",
    "rdb_last_save_time",
    "rdb_saves",
    "redis_mode",
    "redis_version",
    "repl_backlog_active",
    "repl_backlog_first_byte_offset",
    "repl_backlog_size",
    "replica_announced",
    "role",
    "run_id",
    "second_repl_offset",
    "sentinel_tilt",
    "server_mode",
    "slave_read_only",
    "slave_repl_offset",
    "uptime_in_seconds",
    "used_memory",
    "valkey_version",
};

static int compare(const void *key, const void *name)
{
    return strcmp(key, *(const char *const *)name);
}

static bool add_replica(struct dr_redis_info *info, const char *value)
{
    const char **more = realloc(info->replicas, (info->replica_count + 1) * sizeof *info->replicas);
    if (more == NULL)
        return false;
    info->replicas = more;
    more[info->replica_count++] = value;
    return true;
}

/* slave0, slave12: not slave_read_only, not slaves. */
static bool is_replica(const char *key)
{
    return strncmp(key, "slave", 5) == 0 && key[5] != '\0' &&
           strspn(key + 5, "0123456789") == strlen(key + 5);
}

static bool take_line(struct dr_redis_info *info, char *line)
{
    char *value = strchr(line, ':');
    if (value == NULL || value[1] == '\0')
        return true;
    *value++ = '\0';
    if (is_replica(line))
        return add_replica(info, value);
    const char *const *name =
        bsearch(line, dr_redis_info_names, DR_REDIS_KEYS, sizeof dr_redis_info_names[0], compare);
    if (name != NULL)
        info->values[name - dr_redis_info_names] = value;
    return true;
}

bool dr_redis_info_read(struct dr_redis_info *info, const char *text)
{
    *info = (struct dr_redis_info){.text = strdup(text)};
    char *line = info->text;
    while (line != NULL && *line != '\0') {
        char *next = line + strcspn(line, "\r\n");
        while (*next == '\r' || *next == '\n')
            *next++ = '\0';
        if (!take_line(info, line))
            return false;
        line = next;
    }
    return info->text != NULL;
}

void dr_redis_info_free(struct dr_redis_info *info)
{
    free(info->text);
    free(info->replicas);
    *info = (struct dr_redis_info){.text = NULL};
}

const char *dr_redis_mode(const struct dr_redis_info *info)
{
    const char *own = info->values[DR_REDIS_SERVER_MODE];
    return own != NULL ? own : info->values[DR_REDIS_MODE];
}

struct dr_opt_int dr_redis_number(const char *text)
{
    if (text == NULL || strspn(text, "-0123456789") != strlen(text))
        return (struct dr_opt_int){.known = false};
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0)
        return (struct dr_opt_int){.known = false};
    return dr_int(value);
}

char *dr_redis_pair(const char *text, const char *key)
{
    size_t length = strlen(key);
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        if (size > length + 1 && strncmp(text, key, length) == 0 && text[length] == '=')
            return strndup(text + length + 1, size - length - 1);
        text += size + (text[size] == ',' ? 1 : 0);
    }
    return NULL;
}

char *dr_redis_address(const char *host, int port)
{
    return dr_text_format(strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", host, port);
}
