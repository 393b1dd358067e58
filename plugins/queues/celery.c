/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for Redis and Valkey as the broker of Celery: the server's state, how many tasks wait
 * in each queue and which one is next, and what workers have and have not acknowledged. It only
 * reads: what is sent is INFO, TIME, SELECT, CONFIG GET save, SCAN, SMEMBERS, LLEN, LINDEX, ZRANGE,
 * ZCOUNT, HLEN, HSTRLEN and HGET. */
#include "common/module.h"
#include "plugins/queues/celery_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 6379

static const struct dr_uri *uri_of(const struct que_celery *probe)
{
    return &dr_task_target(probe->task)->uri;
}

/* ---- what all parts of it use ---- */

bool que_celery_no_memory(struct que_celery *probe)
{
    return dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- what was found, for -v ---- */

static void trace_figure(struct dr_buffer *line, const char *name, struct dr_opt_real value)
{
    if (value.known)
        dr_buffer_addf(line, ", %s %.15g", name, value.value);
}

static struct dr_opt_real real(struct dr_opt_int value)
{
    return (struct dr_opt_real){.known = value.known, .value = (double)value.value};
}

static void trace_replica(const struct que_celery *probe, const struct que_replica *replica)
{
    struct dr_buffer line = DR_BUFFER(400);
    trace_figure(&line, "bytes behind", real(replica->behind));
    trace_figure(&line, "age", replica->age);
    dr_task_trace(probe->task, 1, "replica %s %s%s", replica->address,
                  replica->online ? "online" : "not online", dr_buffer_text(&line));
    dr_buffer_free(&line);
}

static void trace_store(const struct que_celery *probe)
{
    const struct que_store *store = &probe->facts->store;
    if (store->primary)
        dr_task_trace(probe->task, 1, "version %s, primary", store->version);
    else
        dr_task_trace(probe->task, 1, "version %s, replica of %s", store->version,
                      store->upstream != NULL ? store->upstream : "?");
    for (size_t i = 0; i < store->replica_count; i++)
        trace_replica(probe, &store->replicas[i]);
}

/* ---- the server ---- */

enum { INFO, SELECTED, TIME, SAVE, BASICS };

static bool read_time(struct que_celery *probe, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return dr_redis_fail(&probe->redis, "TIME", reply);
    struct dr_opt_int seconds = dr_redis_number(reply->element[0]->str);
    struct dr_opt_int micro = dr_redis_number(reply->element[1]->str);
    if (!seconds.known || !micro.known)
        return dr_error_set(probe->error, DR_ERR_PROTOCOL, "the reply to TIME cannot be used");
    probe->now = (double)seconds.value + (double)micro.value * 1e-6;
    return true;
}

static bool check_mode(struct que_celery *probe, const struct dr_redis_info *info)
{
    const char *mode = dr_redis_mode(info);
    if (mode != NULL && strcmp(mode, "sentinel") == 0)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "this is a Sentinel: give the Redis servers themselves");
    return true;
}

/* Where CONFIG is not allowed, or not there (managed services), it stays unknown. */
static void read_save(struct que_celery *probe, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING)
        probe->facts->store.snapshots = dr_bool(*reply->element[1]->str != '\0');
}

/* A server that reads its data answers INFO and nothing else that we ask. */
static bool read_basics(struct que_celery *probe, redisReply **replies)
{
    struct dr_redis_info info = {.text = NULL};
    if (replies[INFO]->type != REDIS_REPLY_STRING)
        return dr_redis_fail(&probe->redis, "INFO", replies[INFO]);
    bool ok = (dr_redis_info_read(&info, replies[INFO]->str) || que_celery_no_memory(probe)) &&
              check_mode(probe, &info) && read_time(probe, replies[TIME]) &&
              que_celery_read_store(&info, probe->now, &probe->facts->store, probe->error);
    dr_redis_info_free(&info);
    if (!ok)
        return false;
    read_save(probe, replies[SAVE]);
    trace_store(probe);
    return replies[SELECTED]->type == REDIS_REPLY_STATUS ||
           dr_redis_fail(&probe->redis, "SELECT", replies[SELECTED]);
}

static bool look_at_server(struct que_celery *probe)
{
    redisReply *replies[BASICS];
    const struct dr_target *target = dr_task_target(probe->task);
    if (!dr_redis_log_in(&probe->redis, target->uri.user, target->password) ||
        !QUE_CELERY_ADD(probe, "INFO") || !QUE_CELERY_ADD(probe, "SELECT", probe->db) ||
        !QUE_CELERY_ADD(probe, "TIME") || !QUE_CELERY_ADD(probe, "CONFIG", "GET", "save") ||
        !dr_redis_talk(&probe->redis, "query", replies, BASICS))
        return false;
    bool ok = read_basics(probe, replies);
    dr_redis_free_replies(replies, BASICS);
    return ok;
}

/* ---- the source ---- */

static void trace_queue(const struct que_celery *probe, const struct que_queue *queue)
{
    struct dr_buffer line = DR_BUFFER(400);
    trace_figure(&line, "waiting", que_figure(queue, QUE_READY));
    trace_figure(&line, "unacknowledged", que_figure(queue, QUE_UNACKED));
    trace_figure(&line, "messages", que_figure(queue, QUE_MESSAGES));
    if (queue->head != 0)
        dr_buffer_addf(&line, ", next %016llx", (unsigned long long)queue->head);
    if (queue->state == QUE_STATE_UNKNOWN)
        dr_buffer_add(&line, ", not there");
    dr_task_trace(probe->task, 2, "queue %s%s", queue->name, dr_buffer_text(&line));
    dr_buffer_free(&line);
}

static void trace_facts(const struct que_celery *probe)
{
    const struct que_store *store = &probe->facts->store;
    const struct que_roster *roster = probe->facts->roster;
    struct dr_buffer line = DR_BUFFER(400);
    if (!dr_task_traces(probe->task, 1))
        return;
    trace_figure(&line, "in flight", real(store->in_flight));
    trace_figure(&line, "late", real(store->in_flight_late));
    trace_figure(&line, "waiting for their eta", real(store->in_flight_eta));
    trace_figure(&line, "age", store->in_flight_age);
    dr_task_trace(probe->task, 1, "db%s: %zu queues%s", probe->db, roster->count,
                  dr_buffer_text(&line));
    dr_buffer_free(&line);
    for (size_t i = 0; i < roster->count && dr_task_traces(probe->task, 2); i++)
        trace_queue(probe, que_roster_at(roster, i));
}

static bool look_at_queues(struct que_celery *probe)
{
    struct que_roster *roster = que_roster_new();
    probe->facts->roster = roster;
    probe->facts->store.queues_named = probe->request->queues.count > 0;
    if (roster == NULL)
        return que_celery_no_memory(probe);
    if (!que_celery_list_queues(probe))
        return false;
    uint8_t *next = calloc(roster->count + 1, sizeof *next);
    if (next == NULL)
        return que_celery_no_memory(probe);
    probe->redis.discreet = true;
    bool ok = que_celery_count_tasks(probe, next) && que_celery_look_at_flight(probe) &&
              que_celery_look_at_heads(probe, next);
    free(next);
    return ok;
}

static bool ask(struct que_celery *probe)
{
    const char *user = uri_of(probe)->user;
    double started = dr_monotonic();
    snprintf(probe->grant, sizeof probe->grant,
             "it: ACL SETUSER %.60s ~* +info +select +time +scan +smembers +llen "
             "+lindex +zrange +zcount +hlen +hstrlen +hget",
             user != NULL && *user != '\0' ? user : "default");
    if (!dr_redis_open(&probe->redis, PORT) || !look_at_server(probe) || !look_at_queues(probe))
        return false;
    struct que_roster *roster = probe->facts->roster;
    roster->complete = roster->figured = roster->exact = true;
    roster->elapsed = dr_monotonic() - started;
    trace_facts(probe);
    return true;
}

static bool take_db(struct que_celery *probe, bool socket)
{
    const struct dr_uri *uri = uri_of(probe);
    const char *param = dr_uri_param(uri, "db");
    const char *text = socket ? param : *uri->path == '/' ? uri->path + 1 : NULL;
    if (!socket && param != NULL)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "db is for Unix sockets: the database is the path, HOST/%.8s", param);
    if (text == NULL || *text == '\0')
        text = "0";
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 8)
        return dr_error_set(probe->error, DR_ERR_USAGE, "\"%.60s\" is no number of a database",
                            text);
    snprintf(probe->db, sizeof probe->db, "%s", text);
    snprintf(probe->vhost, sizeof probe->vhost, "db%s", text);
    return true;
}

static bool check_uri(struct que_celery *probe)
{
    static const char *const known[] = {"cacert", "cert",           "key", "insecure", "prefix",
                                        "sep",    "priority_steps", "db",  NULL};
    const struct dr_uri *uri = uri_of(probe);
    bool socket = strstr(uri->scheme, "+unix") != NULL;
    if (!dr_uri_has_only(uri, known, probe->error))
        return false;
    if (socket != (uri->host_count == 0))
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            socket ? "the path of a Unix socket has no host before it: "
                                     "celery+redis+unix:///PATH"
                                   : "no host in the URI");
    return take_db(probe, socket) && dr_kombu_names_read(uri, &probe->names, probe->error);
}

static bool probe_target(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct que_celery probe = {.task = task,
                               .request = dr_task_request(task),
                               .facts = facts,
                               .error = error,
                               .redis.stream = {.task = task, .error = error}};
    probe.redis.grant = probe.grant;
    probe.facts->product = QUE_CELERY;
    bool ok = check_uri(&probe) && ask(&probe);
    dr_redis_close(&probe.redis);
    if (!ok) { /* half a list is none */
        que_roster_free(probe.facts->roster);
        probe.facts->roster = NULL;
    }
    que_board_done(probe.request->board, dr_task_index(task), false);
    return ok;
}

static const char *library(void)
{
    static char text[32];
    snprintf(text, sizeof text, "hiredis %d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return text;
}

extern const struct dr_source DR_SOURCE_SYMBOL(queues, celery);
const struct dr_source DR_SOURCE_SYMBOL(queues, celery) = {
    .abi = DR_SOURCE_ABI,
    .group = "queues",
    .name = "celery",
    .facts_size = sizeof(struct que_facts),
    .library = library,
    .probe = probe_target,
};

#if defined DR_STATIC_SOURCES && defined DR_STREAM_TLS
/* As modules the two are files of their own: only TLS costs the loading of its library. */
extern const struct dr_source DR_SOURCE_SYMBOL(queues, celerys);
const struct dr_source DR_SOURCE_SYMBOL(queues, celerys) = {
    .abi = DR_SOURCE_ABI,
    .group = "queues",
    .name = "celerys",
    .facts_size = sizeof(struct que_facts),
    .library = library,
    .probe = probe_target,
};
#endif
