/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/redis_cluster.h"

#include "common/buffer.h"
#include "common/client/redis_info.h"

#include <stdlib.h>
#include <string.h>

#define GROUP_MAX 60
#define FIELDS 8

/* id, address, flags, primary's id, two times, epoch, link state; the slots follow. */
enum { ID, ADDRESS, FLAGS, PRIMARY };

struct line {
    char *fields[FIELDS];
    char *slots; /* "" for none */
};

static bool unusable(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_PROTOCOL, "the reply to CLUSTER NODES cannot be used");
}

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool split(char *text, struct line *line)
{
    for (size_t i = 0; i < FIELDS; i++) {
        if (*text == '\0')
            return false;
        line->fields[i] = text;
        text += strcspn(text, " ");
        if (*text == ' ')
            *text++ = '\0';
    }
    line->slots = text;
    return true;
}

static bool has_flag(const struct line *line, const char *flag)
{
    const char *found = line->fields[FLAGS];
    size_t length = strlen(flag);
    while (*found != '\0') {
        size_t size = strcspn(found, ",");
        if (size == length && strncmp(found, flag, length) == 0)
            return true;
        found += size + (found[size] == ',' ? 1 : 0);
    }
    return false;
}

/* "127.0.0.1:6379@16379,name" */
static bool read_address(const struct line *line, struct redis_peer *peer, struct dr_error *error)
{
    const char *text = line->fields[ADDRESS];
    size_t size = strcspn(text, "@,");
    char *address = strndup(text, size);
    char *colon = address != NULL ? strrchr(address, ':') : NULL;
    if (colon != NULL)
        *colon = '\0';
    struct dr_opt_int port = dr_redis_number(colon != NULL ? colon + 1 : NULL);
    if (!port.known || port.value < 0 || port.value > 65535) {
        free(address);
        return unusable(error);
    }
    peer->host = address;
    peer->port = (int)port.value;
    peer->self = has_flag(line, "myself");
    peer->reachable = *address != '\0' && port.value > 0 && !has_flag(line, "noaddr") &&
                      !has_flag(line, "handshake");
    return true;
}

/* The slots that are served; those that are on their way are in brackets. */
static char *name_group(const char *slots)
{
    struct dr_buffer text = DR_BUFFER(GROUP_MAX);
    while (*slots != '\0') {
        size_t size = strcspn(slots, " ");
        if (size > 0 && *slots != '[') {
            dr_buffer_add(&text, text.size == 0 ? "shard " : ",");
            dr_buffer_add_bytes(&text, slots, size);
        }
        slots += size + (slots[size] == ' ' ? 1 : 0);
    }
    return text.size > 0 ? dr_buffer_take(&text) : NULL;
}

static const struct line *primary_of(const struct line *lines, size_t count,
                                     const struct line *line)
{
    if (*line->fields[PRIMARY] == '-')
        return line;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(lines[i].fields[ID], line->fields[PRIMARY]) == 0)
            return &lines[i];
    }
    return line;
}

static bool fill_peers(struct redis_cluster *cluster, const struct line *lines, size_t count,
                       struct dr_error *error)
{
    cluster->peers = calloc(count, sizeof *cluster->peers);
    if (cluster->peers == NULL)
        return no_memory(error);
    bool self = false;
    for (size_t i = 0; i < count; i++) {
        struct redis_peer *peer = &cluster->peers[cluster->count++];
        if (!read_address(&lines[i], peer, error))
            return false;
        peer->group = name_group(primary_of(lines, count, &lines[i])->slots);
        self = self || peer->self;
    }
    return self || unusable(error);
}

bool redis_cluster_read(struct redis_cluster *cluster, const char *text, struct dr_error *error)
{
    struct line *lines = NULL;
    size_t count = 0;
    bool ok = true;
    *cluster = (struct redis_cluster){.count = 0};
    char *work = strdup(text);
    if (work == NULL)
        return no_memory(error);
    for (char *next = work; ok && *next != '\0';) {
        char *start = next;
        next += strcspn(next, "\r\n");
        while (*next == '\r' || *next == '\n')
            *next++ = '\0';
        struct line *more = realloc(lines, (count + 1) * sizeof *lines);
        ok = more != NULL || no_memory(error);
        if (ok) {
            lines = more;
            ok = split(start, &lines[count++]) || unusable(error);
        }
    }
    if (ok)
        ok = count > 0 ? fill_peers(cluster, lines, count, error) : unusable(error);
    free(lines);
    free(work);
    return ok;
}

void redis_cluster_free(struct redis_cluster *cluster)
{
    for (size_t i = 0; i < cluster->count; i++) {
        free(cluster->peers[i].host);
        free(cluster->peers[i].group);
    }
    free(cluster->peers);
    *cluster = (struct redis_cluster){.count = 0};
}
