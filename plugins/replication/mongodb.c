/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The MongoDB source: one connection to each node; what it says of itself and of its set, and a
 * second look where the nodes are compared with each other. */
#include "common/client/mongo.h"
#include "common/module.h"
#include "plugins/replication/facts.h"
#include "plugins/replication/mongodb_read.h"
#include "plugins/replication/watch.h"

#include <stdio.h>
#include <string.h>

struct probe {
    struct dr_mongo mongo;
    struct dr_task *task;
    const struct rep_request *request;
    struct rep_node *node;
    struct dr_error *error;
    /* Kept between looks: what changes is the status. */
    bson_t *config; /* NULL: we lack the privilege */
    bson_t *server;
};

/* ---- commands ---- */

static bool ask(struct probe *probe, const bson_t *command, const char *stage, bson_t *reply)
{
    return dr_mongo_command(&probe->mongo, command, stage, reply);
}

static bool ask_status(struct probe *probe, bson_t *reply)
{
    bson_t *command = BCON_NEW("replSetGetStatus", BCON_INT32(1));
    bool ok = ask(probe, command, "replSetGetStatus", reply);
    bson_destroy(command);
    return ok;
}

/* Of serverStatus what is asked for: each section costs the server some work. */
static void leave_out_sections(bson_t *command)
{
    static const char *const sections[] = {"asserts",
                                           "batchedDeletes",
                                           "bucketCatalog",
                                           "catalogStats",
                                           "collectionCatalog",
                                           "connections",
                                           "defaultRWConcern",
                                           "electionMetrics",
                                           "encryptionAtRest",
                                           "extra_info",
                                           "featureCompatibilityVersion",
                                           "globalLock",
                                           "health",
                                           "hedgingMetrics",
                                           "indexBuilds",
                                           "indexBulkBuilder",
                                           "indexStats",
                                           "latchAnalysis",
                                           "locks",
                                           "logicalSessionRecordCache",
                                           "mem",
                                           "metrics",
                                           "mirroredReads",
                                           "network",
                                           "opLatencies",
                                           "opcounters",
                                           "opcountersRepl",
                                           "oplogTruncation",
                                           "planCache",
                                           "queryAnalyzers",
                                           "queryStats",
                                           "querySettings",
                                           "queues",
                                           "readConcernCounters",
                                           "readPreferenceCounters",
                                           "repl",
                                           "scramCache",
                                           "security",
                                           "service",
                                           "sharding",
                                           "shardingStatistics",
                                           "spillWiredTiger",
                                           "storageEngine",
                                           "tcmalloc",
                                           "tenantMigrations",
                                           "timeseriesCatalog",
                                           "trafficRecording",
                                           "transactions",
                                           "transportSecurity",
                                           "twoPhaseCommitCoordinator",
                                           "watchdog",
                                           "wiredTiger",
                                           "writeBacksQueued"};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        BSON_APPEND_INT32(command, sections[i], 0);
}

/* A reply that may be refused for want of a privilege: *reply stays NULL then. */
static bool ask_if_allowed(struct probe *probe, const bson_t *command, const char *stage,
                           bson_t **kept)
{
    bson_t reply;
    if (ask(probe, command, stage, &reply)) {
        *kept = bson_copy(&reply);
        bson_destroy(&reply);
        return true;
    }
    if (probe->mongo.code != DR_MONGO_UNAUTHORIZED)
        return false;
    *probe->error = (struct dr_error){.class = DR_ERR_NONE};
    return true;
}

static bool ask_config(struct probe *probe)
{
    bson_t *command = BCON_NEW("replSetGetConfig", BCON_INT32(1));
    bool ok = ask_if_allowed(probe, command, "replSetGetConfig", &probe->config);
    bson_destroy(command);
    return ok;
}

static bool ask_server(struct probe *probe)
{
    bson_t *command = BCON_NEW("serverStatus", BCON_INT32(1), "oplog", BCON_INT32(1));
    leave_out_sections(command);
    bool ok = ask_if_allowed(probe, command, "serverStatus", &probe->server);
    bson_destroy(command);
    return ok;
}

/* ---- what is wrong with it ---- */

/* The statement that gives us what is missing: a user belongs to the database it logs in at. */
static char *grant_of(const struct dr_target *target, const char *role)
{
    const struct dr_uri *uri = &target->uri;
    const char *database = dr_uri_param(uri, "authSource");
    if (database == NULL)
        database = uri->path[0] == '/' && uri->path[1] != '\0' ? uri->path + 1 : "admin";
    return dr_text_format("db.getSiblingDB(\"%s\").grantRolesToUser(\"%s\", "
                          "[{role: \"%s\", db: \"admin\"}])",
                          database, uri->user != NULL ? uri->user : "USER", role);
}

static bool lacks_privilege(struct probe *probe, const char *what, const char *role)
{
    const struct dr_target *target = dr_task_target(probe->task);
    if (target->uri.user == NULL)
        return dr_error_set(probe->error, DR_ERR_AUTH,
                            "the server wants a user and a password for %s", what);
    char *grant = grant_of(target, role);
    dr_error_set(probe->error, DR_ERR_PRIVILEGE, "%s is not allowed %s: %s", target->uri.user, what,
                 grant != NULL ? grant : role);
    free(grant);
    return false;
}

/* Puts the server's refusal of replSetGetStatus into words that say what to do. */
static bool explain_refusal(struct probe *probe)
{
    switch (probe->mongo.code) {
    case DR_MONGO_UNAUTHORIZED:
        return lacks_privilege(probe, "replSetGetStatus", "clusterMonitor");
    case DR_MONGO_NO_REPLICATION:
        if (strstr(probe->error->text, "mongos") != NULL)
            return dr_error_set(probe->error, DR_ERR_USAGE,
                                "is a mongos: give the members of each shard as targets");
        return dr_error_set(probe->error, DR_ERR_SERVER,
                            "runs standalone, as a member of no replica set: there is no copy");
    case DR_MONGO_NOT_INITIALIZED:
        return dr_error_set(probe->error, DR_ERR_SERVER,
                            "its replica set is not initialised (rs.initiate), or it was never "
                            "added to one");
    case DR_MONGO_NOT_A_MEMBER:
        return dr_error_set(probe->error, DR_ERR_SERVER,
                            "is not in the configuration of its replica set (any more)");
    default:
        return false;
    }
}

static bool is_expected_set(struct probe *probe, const char *name)
{
    const char *expected = dr_uri_param(&dr_task_target(probe->task)->uri, "replicaSet");
    if (expected == NULL || name == NULL || strcmp(expected, name) == 0)
        return true;
    return dr_error_set(probe->error, DR_ERR_SERVER, "is a member of %s, expected %s", name,
                        expected);
}

/* An arbiter has no users: it lets nobody in, and tells everybody what it is. */
static bool is_arbiter(struct probe *probe)
{
    struct dr_error refusal = *probe->error;
    bson_t reply;
    dr_mongo_close(&probe->mongo);
    bson_t *command = BCON_NEW("isMaster", BCON_INT32(1));
    bool ok = dr_mongo_open(&probe->mongo, false) && ask(probe, command, "isMaster", &reply);
    bson_destroy(command);
    *probe->error = refusal;
    if (!ok)
        return false;
    ok = mongo_read_arbiter(&reply, probe->node);
    bson_destroy(&reply);
    return ok;
}

/* ---- looking ---- */

static bool read_status(struct probe *probe, const bson_t *status, double sent)
{
    struct rep_node *node = probe->node;
    const struct mongo_replies replies = {
        .status = status, .config = probe->config, .server = probe->server};
    struct mongo_extra extra;
    double received = dr_monotonic();
    if (!mongo_read_node(&replies, node, &extra, probe->error))
        return false;
    rep_watch_take_clock(node, extra.server_time.value, received - sent);
    node->looked = received;
    if (node->role == REP_ROLE_PRIMARY)
        rep_node_add_reading(node, sent, received, extra.position.value);
    else if (node->role == REP_ROLE_STANDBY)
        rep_watch_add_position(node, sent);
    return true;
}

static void take_privileges(struct probe *probe)
{
    struct rep_node *node = probe->node;
    node->privileged = dr_bool(probe->config != NULL && probe->server != NULL);
    if (!node->privileged.value)
        node->grant = grant_of(dr_task_target(probe->task), "clusterMonitor");
}

static bool look_first(struct probe *probe)
{
    bson_t status;
    double sent = dr_monotonic();
    if (!ask_status(probe, &status)) {
        enum dr_error_class class = probe->error->class;
        explain_refusal(probe);
        bool shut_out = class == DR_ERR_AUTH || class == DR_ERR_PRIVILEGE;
        return shut_out && is_arbiter(probe) && is_expected_set(probe, probe->node->set.name);
    }
    bool ok = is_expected_set(probe, mongo_set_name(&status)) && ask_config(probe) &&
              ask_server(probe) && read_status(probe, &status, sent);
    bson_destroy(&status);
    if (ok)
        take_privileges(probe);
    return ok;
}

static bool look_again(void *context)
{
    struct probe *probe = context;
    enum rep_role before = probe->node->role;
    bson_t status;
    double sent = dr_monotonic();
    if (!ask_status(probe, &status))
        return false;
    bool ok = read_status(probe, &status, sent);
    bson_destroy(&status);
    if (ok && probe->node->role != before)
        return dr_error_set(probe->error, DR_ERR_SERVER,
                            "changed its role while it was being asked: an election");
    return ok;
}

static bool write_heartbeat(struct probe *probe, struct rep_mark *mark)
{
    bson_t *command = BCON_NEW("appendOplogNote", BCON_INT32(1), "data", "{",
                               "check_replication_lag", BCON_UTF8("heartbeat"), "}");
    bson_t reply;
    mark->moment = dr_monotonic();
    bool ok = ask(probe, command, "write the heartbeat", &reply);
    bson_destroy(command);
    if (!ok && probe->mongo.code == DR_MONGO_UNAUTHORIZED)
        return lacks_privilege(probe, "appendOplogNote, which --heartbeat writes with",
                               "clusterManager");
    if (!ok)
        return false;
    struct dr_opt_int position = mongo_read_operation_time(&reply);
    bson_destroy(&reply);
    if (!position.known)
        return dr_error_set(probe->error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: no operationTime in it");
    mark->position = position.value;
    mark->heartbeat = true;
    probe->node->heartbeat = true;
    rep_node_add_reading(probe->node, mark->moment, dr_monotonic(), position.value);
    return true;
}

/* ---- probe ---- */

static bool compare(struct probe *probe)
{
    const struct dr_opt_real *delay = &probe->node->apply_delay;
    const struct rep_watch watch = {.task = probe->task,
                                    .node = probe->node,
                                    .look = look_again,
                                    .context = probe,
                                    /* What is delayed does not come while we wait. */
                                    .settle =
                                        delay->known && delay->value > 0 ? 0 : REP_SETTLE_SECONDS};
    if (probe->node->role == REP_ROLE_WITNESS)
        return true;
    if (probe->node->role == REP_ROLE_STANDBY)
        return rep_watch_standby(&watch);
    struct rep_mark mark = rep_watch_mark(probe->node);
    if (probe->request->heartbeat && !write_heartbeat(probe, &mark))
        return false;
    return rep_watch_primary(&watch, &mark);
}

static bool probe_node(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct probe probe = {
        .mongo = {.task = task, .application = "check_replication_lag", .error = error},
        .task = task,
        .request = dr_task_request(task),
        .node = facts,
        .error = error};
    bool ok = dr_mongo_open(&probe.mongo, true) && look_first(&probe) && compare(&probe);
    dr_mongo_close(&probe.mongo);
    bson_destroy(probe.config);
    bson_destroy(probe.server);
    rep_board_done(probe.request->board, dr_task_index(task));
    return ok;
}

static const char *library(void)
{
    static char text[32];
    snprintf(text, sizeof text, "libmongoc %s", mongoc_get_version());
    return text;
}

extern const struct dr_source DR_SOURCE_SYMBOL(replication, mongodb);
const struct dr_source DR_SOURCE_SYMBOL(replication, mongodb) = {
    .abi = DR_SOURCE_ABI,
    .group = "replication",
    .name = "mongodb",
    .facts_size = sizeof(struct rep_node),
    .library = library,
    .probe = probe_node,
};
