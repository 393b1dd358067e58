/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Redis and Valkey source: one round trip for everything that a node says of itself, and a
 * second look where the nodes are compared with each other. A Sentinel, and a node of a Cluster,
 * lead to the nodes that they know. */
#include "common/client/redis.h"
#include "common/client/redis_info.h"
#include "common/module.h"
#include "plugins/replication/facts.h"
#include "plugins/replication/redis_cluster.h"
#include "plugins/replication/redis_read.h"
#include "plugins/replication/redis_sentinel.h"
#include "plugins/replication/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 6379
#define SENTINEL_PORT 26379
#define CHANNEL "drcheck"
/* How long WAIT may hold us: it makes the replicas report at once, and they are looked at
 * afterwards. */
#define WAIT_MS "50"
/* A replica reports once a second. */
#define SETTLE_SECONDS 2.0

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ADD(redis, ...)                                                                            \
    dr_redis_add(redis, COUNT(((const char *const[]){__VA_ARGS__})),                               \
                 (const char *const[]){__VA_ARGS__})

/* The nodes that are discovered are asked in the way in which the first one was. */
static const struct dr_scheme scheme_plain = {"redis", "redis", "libhiredis0.14", true};
static const struct dr_scheme scheme_tls = {"rediss", "rediss", "libhiredis0.14 and libssl3", true};

struct probe {
    struct dr_redis redis;
    struct dr_task *task;
    const struct rep_request *request;
    struct rep_node *node;
    struct dr_error *error;
    bool cluster;
    char grant[200];
};

static const struct dr_uri *uri_of(const struct probe *probe)
{
    return &dr_task_target(probe->task)->uri;
}

/* ---- a node ---- */

/* False with the error set. End with dr_redis_info_free in any case. */
static bool read_info(struct probe *probe, const redisReply *reply, struct dr_redis_info *info)
{
    *info = (struct dr_redis_info){.text = NULL};
    if (reply->type != REDIS_REPLY_STRING)
        return dr_redis_fail(&probe->redis, "INFO", reply);
    return dr_redis_info_read(info, reply->str) ||
           dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
}

/* The value of one setting; NULL where CONFIG is not allowed, or not there (managed services). */
static const char *setting(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 ||
        reply->element[1]->type != REDIS_REPLY_STRING)
        return NULL;
    return reply->element[1]->str;
}

static bool check_mode(struct probe *probe, const struct dr_redis_info *info)
{
    const char *mode = dr_redis_mode(info);
    if (mode != NULL && strcmp(mode, "sentinel") == 0)
        return dr_error_set(
            probe->error, DR_ERR_USAGE,
            "this is a Sentinel: redis+sentinel://HOST/NAME, with the name of its primary");
    struct dr_opt_int cluster = dr_redis_number(info->values[DR_REDIS_CLUSTER_ENABLED]);
    if (mode == NULL && !cluster.known)
        return dr_error_set(probe->error, DR_ERR_PROTOCOL,
                            "the reply to INFO cannot be used: no usable redis_mode");
    probe->cluster =
        (cluster.known && cluster.value == 1) || (mode != NULL && strcmp(mode, "cluster") == 0);
    return true;
}

/* A primary that is reading its data serves nobody. */
static bool check_loading(struct probe *probe, const struct dr_redis_info *info)
{
    struct dr_opt_int loading = dr_redis_number(info->values[DR_REDIS_LOADING]);
    const char *share = info->values[DR_REDIS_LOADING_PERC];
    if (probe->node->role != REP_ROLE_PRIMARY || !loading.known || loading.value == 0)
        return true;
    return dr_error_set(probe->error, DR_ERR_SERVER, "it is loading its data (%.6s %%)",
                        share != NULL ? share : "?");
}

static bool read_progress(struct probe *probe, const struct dr_redis_info *info, double sent)
{
    int64_t position = 0;
    if (!redis_read_progress(info, probe->node, &position, probe->error))
        return false;
    probe->node->looked = dr_monotonic();
    if (probe->node->role == REP_ROLE_PRIMARY)
        rep_node_add_reading(probe->node, sent, probe->node->looked, position);
    else
        rep_watch_add_position(probe->node, sent);
    return true;
}

enum { INFO, SAVE, MIN_REPLICAS, PING_PERIOD, FIRST_REPLIES };

static bool read_first(struct probe *probe, redisReply **replies, double sent)
{
    struct dr_redis_info info;
    struct dr_opt_int ping = dr_redis_number(setting(replies[PING_PERIOD]));
    const struct redis_settings settings = {
        .save = setting(replies[SAVE]),
        .min_replicas = dr_redis_number(setting(replies[MIN_REPLICAS])),
        .ping_period =
            ping.known ? dr_real((double)ping.value) : (struct dr_opt_real){.known = false}};
    bool ok = read_info(probe, replies[INFO], &info) && check_mode(probe, &info) &&
              redis_read_node(&info, &settings, probe->node, probe->error) &&
              check_loading(probe, &info) && read_progress(probe, &info, sent);
    dr_redis_info_free(&info);
    return ok;
}

static bool look_first(struct probe *probe)
{
    redisReply *replies[FIRST_REPLIES];
    const struct dr_target *target = dr_task_target(probe->task);
    if (!dr_redis_log_in(&probe->redis, target->uri.user, target->password) ||
        !ADD(&probe->redis, "INFO") || !ADD(&probe->redis, "CONFIG", "GET", "save") ||
        !ADD(&probe->redis, "CONFIG", "GET", "min-replicas-to-write") ||
        !ADD(&probe->redis, "CONFIG", "GET", "repl-ping-replica-period"))
        return false;
    double sent = dr_monotonic();
    if (!dr_redis_talk(&probe->redis, "query", replies, FIRST_REPLIES))
        return false;
    bool ok = read_first(probe, replies, sent);
    dr_redis_free_replies(replies, FIRST_REPLIES);
    if (ok && *probe->redis.stream.peer != '\0') {
        probe->node->reached = strdup(probe->redis.stream.peer);
        ok = probe->node->reached != NULL ||
             dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
    }
    return ok;
}

static bool read_again(struct probe *probe, const redisReply *reply, double sent)
{
    struct dr_redis_info info;
    bool ok = read_info(probe, reply, &info) && read_progress(probe, &info, sent);
    dr_redis_info_free(&info);
    return ok;
}

static bool look_again(void *context)
{
    struct probe *probe = context;
    redisReply *reply;
    if (!ADD(&probe->redis, "INFO", "replication"))
        return false;
    double sent = dr_monotonic();
    if (!dr_redis_talk(&probe->redis, "look again", &reply, 1))
        return false;
    bool ok = read_again(probe, reply, sent);
    freeReplyObject(reply);
    return ok;
}

/* ---- heartbeat ---- */

enum { PUBLISHED, MARKED, WAITED, HEARTBEAT_REPLIES };

static bool read_heartbeat(struct probe *probe, redisReply **replies, struct rep_mark *mark)
{
    struct rep_node *node = probe->node;
    if (replies[PUBLISHED]->type != REDIS_REPLY_INTEGER)
        return dr_redis_fail(&probe->redis, "PUBLISH", replies[PUBLISHED]);
    if (replies[WAITED]->type != REDIS_REPLY_INTEGER)
        return dr_redis_fail(&probe->redis, "WAIT", replies[WAITED]);
    if (!read_again(probe, replies[MARKED], mark->moment))
        return false;
    mark->position = node->readings[node->reading_count - 1].position;
    mark->heartbeat = true;
    node->heartbeat = true;
    return true;
}

/* A message to a channel that nobody listens to goes to the replicas and touches no key. In a
 * Cluster it does not go that way: there is nothing then that could be written. */
static bool write_heartbeat(struct probe *probe, struct rep_mark *mark)
{
    redisReply *replies[HEARTBEAT_REPLIES];
    char count[24];
    snprintf(count, sizeof count, "%zu", probe->node->stream_count);
    snprintf(probe->grant, sizeof probe->grant, "it: ACL SETUSER %.60s +publish +wait &" CHANNEL,
             uri_of(probe)->user != NULL ? uri_of(probe)->user : "default");
    if (!ADD(&probe->redis, "PUBLISH", CHANNEL, "check_replication_lag") ||
        !ADD(&probe->redis, "INFO", "replication") || !ADD(&probe->redis, "WAIT", count, WAIT_MS))
        return false;
    mark->moment = dr_monotonic();
    if (!dr_redis_talk(&probe->redis, "write the heartbeat", replies, HEARTBEAT_REPLIES))
        return false;
    bool ok = read_heartbeat(probe, replies, mark);
    dr_redis_free_replies(replies, HEARTBEAT_REPLIES);
    return ok;
}

/* ---- Cluster ---- */

static bool discover(struct probe *probe, const char *host, int port)
{
    const char *scheme = uri_of(probe)->scheme;
    bool tls = strncmp(scheme, "rediss", 6) == 0;
    size_t index = dr_task_discover(probe->task, tls ? &scheme_tls : &scheme_plain, host, port);
    if (index == DR_TASK_NONE)
        return dr_error_set(probe->error, DR_ERR_INTERNAL,
                            "there is no room for one more node: %s, port %d", host, port);
    rep_board_join(probe->request->board, index);
    return true;
}

static bool meet_peers(struct probe *probe, const struct redis_cluster *cluster)
{
    for (size_t i = 0; i < cluster->count; i++) {
        const struct redis_peer *peer = &cluster->peers[i];
        if (peer->self) {
            probe->node->group = strdup(peer->group != NULL ? peer->group : "no shard");
            if (probe->node->group == NULL)
                return dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
        } else if (peer->group != NULL && peer->reachable &&
                   !discover(probe, peer->host, peer->port)) {
            return false;
        }
    }
    return true;
}

static bool read_cluster(struct probe *probe, redisReply **replies)
{
    struct redis_cluster cluster;
    for (size_t i = 0; i < 2; i++) {
        if (replies[i]->type != REDIS_REPLY_STRING)
            return dr_redis_fail(&probe->redis, i == 0 ? "CLUSTER NODES" : "CLUSTER INFO",
                                 replies[i]);
    }
    struct dr_redis_info health = {.text = NULL};
    bool ok = redis_cluster_read(&cluster, replies[0]->str, probe->error) &&
              meet_peers(probe, &cluster) && read_info(probe, replies[1], &health) &&
              redis_read_cluster_health(&health, probe->node, probe->error);
    dr_redis_info_free(&health);
    redis_cluster_free(&cluster);
    return ok;
}

static bool look_cluster(struct probe *probe)
{
    redisReply *replies[2];
    if (!probe->cluster)
        return true;
    if (!ADD(&probe->redis, "CLUSTER", "NODES") || !ADD(&probe->redis, "CLUSTER", "INFO") ||
        !dr_redis_talk(&probe->redis, "look at the cluster", replies, 2))
        return false;
    bool ok = read_cluster(probe, replies);
    dr_redis_free_replies(replies, 2);
    return ok;
}

static bool probe_primary(struct probe *probe)
{
    const struct rep_watch watch = {.task = probe->task,
                                    .node = probe->node,
                                    .look = look_again,
                                    .context = probe,
                                    .settle = SETTLE_SECONDS};
    struct rep_mark mark = rep_watch_mark(probe->node);
    if (probe->request->heartbeat && !probe->cluster && !write_heartbeat(probe, &mark))
        return false;
    return rep_watch_primary(&watch, &mark);
}

static bool probe_standby(struct probe *probe)
{
    const struct rep_watch watch = {.task = probe->task,
                                    .node = probe->node,
                                    .look = look_again,
                                    .context = probe,
                                    .settle = REP_SETTLE_SECONDS};
    return rep_watch_standby(&watch);
}

/* What a Sentinel calls its primary; it stays with the nodes that it leads to. */
static const char *primary_name(const struct probe *probe)
{
    const char *path = uri_of(probe)->path;
    return *path == '/' ? path + 1 : path;
}

/* The primaries of several Sentinels are systems of their own. */
static bool take_group(struct probe *probe)
{
    bool named = dr_task_target(probe->task)->discovered || probe->node->role == REP_ROLE_WITNESS;
    if (!named || *primary_name(probe) == '\0' || probe->node->group != NULL)
        return true;
    probe->node->group = dr_text_clean(primary_name(probe), 60);
    return probe->node->group != NULL ||
           dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
}

static bool ask_node(struct probe *probe)
{
    const char *user = uri_of(probe)->user;
    snprintf(probe->grant, sizeof probe->grant,
             "INFO, CONFIG GET, CLUSTER NODES and CLUSTER INFO to the user %.60s (ACL SETUSER)",
             user != NULL && *user != '\0' ? user : "default");
    return dr_redis_open(&probe->redis, PORT) && look_first(probe) && look_cluster(probe) &&
           take_group(probe) &&
           (probe->node->role == REP_ROLE_PRIMARY ? probe_primary(probe) : probe_standby(probe));
}

/* ---- Sentinel ---- */

enum { PRIMARY, REPLICAS, SENTINELS, QUORUM, ABOUT, SENTINEL_REPLIES };

static bool meet_nodes(struct probe *probe, redisReply **replies)
{
    const redisReply *primary = replies[PRIMARY];
    bool ok = true;
    for (size_t i = 0; ok && i <= replies[REPLICAS]->elements; i++) {
        const redisReply *entry = i == 0 ? primary : replies[REPLICAS]->element[i - 1];
        struct dr_opt_int port = dr_redis_number(redis_field(entry, "port"));
        ok = discover(probe, redis_field(entry, "ip"), (int)port.value);
    }
    return ok;
}

static bool read_sentinel_itself(struct probe *probe, const redisReply *reply)
{
    struct rep_node *node = probe->node;
    struct dr_redis_info info;
    bool ok = read_info(probe, reply, &info) && redis_read_product(&info, node, probe->error);
    struct dr_opt_int tilt = dr_redis_number(info.values[DR_REDIS_SENTINEL_TILT]);
    if (ok && info.values[DR_REDIS_RUN_ID] != NULL)
        node->instance = strdup(info.values[DR_REDIS_RUN_ID]);
    if (ok && tilt.known && tilt.value == 1) {
        free(node->set.obstacle);
        node->set.can_elect = dr_bool(false);
        node->set.obstacle = strdup("the Sentinel is in TILT mode: its clock jumped, or it hung");
    }
    dr_redis_info_free(&info);
    return ok;
}

/* Names the primary that the Sentinel does not know, and what is none at all. */
static bool fail_sentinel(struct probe *probe, const redisReply *reply, const char *name)
{
    if (reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "No such master") != NULL)
        return dr_error_set(probe->error, DR_ERR_SERVER,
                            "the Sentinel watches no primary that is called \"%.100s\"", name);
    if (reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "unknown command") != NULL)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "this is no Sentinel: redis://HOST for the server itself");
    return dr_redis_fail(&probe->redis, "SENTINEL", reply);
}

static bool read_sentinel(struct probe *probe, redisReply **replies, const char *name)
{
    struct rep_node *node = probe->node;
    for (size_t i = PRIMARY; i <= SENTINELS; i++) {
        if (replies[i]->type != REDIS_REPLY_ARRAY)
            return fail_sentinel(probe, replies[i], name);
    }
    const struct redis_sentinel_replies all = {.primary = replies[PRIMARY],
                                               .replicas = replies[REPLICAS],
                                               .sentinels = replies[SENTINELS],
                                               .quorum = replies[QUORUM]};
    node->role = REP_ROLE_WITNESS;
    node->unit = REP_BYTES;
    node->pause = REP_PAUSE_NONE;
    node->kind = REP_REDIS;
    node->reached = strdup(probe->redis.stream.peer);
    return redis_read_set(&all, &node->set, probe->error) &&
           read_sentinel_itself(probe, replies[ABOUT]) && meet_nodes(probe, replies);
}

/* The Sentinel's own user; the URI's is for the nodes. */
static bool log_in_to_sentinel(struct probe *probe)
{
    const char *file = dr_uri_param(uri_of(probe), "sentinel_password_file");
    const char *user = dr_uri_param(uri_of(probe), "sentinel_user");
    if (file == NULL)
        return dr_redis_log_in(&probe->redis, user, NULL);
    const char *password = NULL;
    struct dr_secrets *secrets = dr_secrets_new();
    if (secrets == NULL)
        return dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
    bool ok = dr_secrets_read_file(secrets, file, &password, probe->error);
    if (ok) {
        dr_task_secret(probe->task, password);
        ok = dr_redis_log_in(&probe->redis, user, password);
    }
    dr_secrets_free(secrets);
    return ok;
}

static bool ask_sentinel(struct probe *probe)
{
    const char *name = primary_name(probe);
    const char *user = dr_uri_param(uri_of(probe), "sentinel_user");
    redisReply *replies[SENTINEL_REPLIES];
    if (*name == '\0')
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "which primary? redis+sentinel://HOST/NAME, as in the Sentinel's "
                            "configuration (\"sentinel monitor NAME ...\")");
    snprintf(
        probe->grant, sizeof probe->grant,
        "INFO and SENTINEL MASTER, REPLICAS, SENTINELS, CKQUORUM to the user %.60s (ACL SETUSER)",
        user != NULL ? user : "default");
    if (!dr_redis_open(&probe->redis, SENTINEL_PORT) || !log_in_to_sentinel(probe) ||
        !ADD(&probe->redis, "SENTINEL", "MASTER", name) ||
        !ADD(&probe->redis, "SENTINEL", "REPLICAS", name) ||
        !ADD(&probe->redis, "SENTINEL", "SENTINELS", name) ||
        !ADD(&probe->redis, "SENTINEL", "CKQUORUM", name) || !ADD(&probe->redis, "INFO") ||
        !dr_redis_talk(&probe->redis, "query", replies, SENTINEL_REPLIES))
        return false;
    bool ok = read_sentinel(probe, replies, name) && take_group(probe);
    dr_redis_free_replies(replies, SENTINEL_REPLIES);
    return ok;
}

/* ---- the source ---- */

static bool check_uri(struct probe *probe, bool sentinel)
{
    static const char *const known[] = {
        "cacert", "cert", "key", "insecure", "sentinel_user", "sentinel_password_file", NULL};
    const struct dr_uri *uri = uri_of(probe);
    if (!dr_uri_has_only(uri, known, probe->error))
        return false;
    /* redis://HOST/0 is the customary form; replication is of all databases. What a Sentinel has
     * led to keeps the name of its primary. */
    if (!sentinel && !dr_task_target(probe->task)->discovered && uri->host_count > 0 &&
        *uri->path != '\0' && strspn(uri->path + 1, "0123456789") != strlen(uri->path + 1))
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "\"%.60s\" is no number of a database (redis+sentinel:// takes a name)",
                            uri->path + 1);
    return true;
}

static bool probe_target(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct probe probe = {.task = task,
                          .request = dr_task_request(task),
                          .node = facts,
                          .error = error,
                          .redis.stream = {.task = task, .error = error}};
    probe.redis.grant = probe.grant;
    bool sentinel = strstr(uri_of(&probe)->scheme, "+sentinel") != NULL;
    bool ok = check_uri(&probe, sentinel) && (sentinel ? ask_sentinel(&probe) : ask_node(&probe));
    dr_redis_close(&probe.redis);
    rep_board_done(probe.request->board, dr_task_index(task));
    return ok;
}

static const char *library(void)
{
    static char text[32];
    snprintf(text, sizeof text, "hiredis %d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return text;
}

extern const struct dr_source DR_SOURCE_SYMBOL(replication, redis);
const struct dr_source DR_SOURCE_SYMBOL(replication, redis) = {
    .abi = DR_SOURCE_ABI,
    .group = "replication",
    .name = "redis",
    .facts_size = sizeof(struct rep_node),
    .library = library,
    .probe = probe_target,
};

#if defined DR_STATIC_SOURCES && defined DR_STREAM_TLS
/* As modules the two are files of their own: only TLS costs the loading of its library. */
extern const struct dr_source DR_SOURCE_SYMBOL(replication, rediss);
const struct dr_source DR_SOURCE_SYMBOL(replication, rediss) = {
    .abi = DR_SOURCE_ABI,
    .group = "replication",
    .name = "rediss",
    .facts_size = sizeof(struct rep_node),
    .library = library,
    .probe = probe_target,
};
#endif
