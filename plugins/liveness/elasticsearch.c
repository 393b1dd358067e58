/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for Elasticsearch and OpenSearch: each node is asked who it is, which cluster it is a
 * part of, how that is and who leads it: two halves of a cluster give different answers, and what
 * one node says is true of its half only.
 *
 * Nothing is waited for: _cluster/health is never asked for a status, and a node without a leader
 * is told to say so soon (it would wait for one for 30 s). */
#include "common/module.h"
#include "plugins/liveness/access.h"
#include "plugins/liveness/elasticsearch_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 9200
#define REPLY_MAX ((size_t)8 * 1024 * 1024)
#define WAIT_LEAST 1.0

static const char grant_monitor[] =
    "ask for its health (grant: the cluster privilege monitor, in OpenSearch cluster_monitor)";

struct asker {
    struct dr_task *task;
    struct dr_http *http;
    const struct dr_web_access *access;
    char *base; /* the URL that every path is appended to */
    bool yellow_fits;
};

static bool read_options(const struct dr_uri *uri, struct asker *asker, struct dr_error *error)
{
    static const char *const known[] = {"yellow",   "cacert",     "cert", "key",
                                        "insecure", "token-file", NULL};
    const char *yellow = dr_uri_param(uri, "yellow");
    if (!dr_uri_has_only(uri, known, error))
        return false;
    asker->yellow_fits = yellow != NULL;
    return yellow == NULL || strcmp(yellow, "ok") == 0 ||
           dr_error_set(error, DR_ERR_USAGE, "yellow=\"%s\": only yellow=ok is known", yellow);
}

/* The path is a prefix: a proxy in front of the node. */
static bool make_base(struct asker *asker, struct dr_error *error)
{
    const struct dr_target *target = dr_task_target(asker->task);
    size_t length = strcspn(asker->access->path, "?");
    char port[16] = "";
    while (length > 0 && asker->access->path[length - 1] == '/')
        length--;
    if (target->uri.hosts[target->host].port == 0)
        snprintf(port, sizeof port, ":%d", PORT);
    asker->base =
        dr_text_format("%s%s%.*s", asker->access->url, port, (int)length, asker->access->path);
    return asker->base != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- who it is ---- */

static bool take_root(const struct dr_http_reply *reply, struct elastic_node *node,
                      struct dr_error *error)
{
    /* Elasticsearch before 7 says 503 here as long as it has no leader, with all the rest */
    node->leaderless = reply->status == 503;
    if (!node->leaderless && !dr_web_access_status(reply, grant_monitor, error))
        return false;
    if (elastic_read_root(&reply->body, node, error))
        return true;
    return node->leaderless ? dr_error_set(error, DR_ERR_SERVER, "status 503, and not by a node")
                            : dr_error_prefix(error, "no Elasticsearch or OpenSearch here");
}

static bool ask_root(const struct asker *asker, struct elastic_node *node, struct dr_error *error)
{
    struct dr_http_request request = asker->access->request;
    struct dr_http_reply reply;
    bool ok;
    char *url = dr_text_format("%s/", asker->base);
    if (url == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    request.url = url;
    request.body_max = REPLY_MAX;
    request.stage = "ask who it is";
    dr_http_ask_all(asker->http, &request, &reply, error, &ok, 1);
    ok = ok && take_root(&reply, node, error);
    node->seconds = reply.received - reply.sent;
    dr_http_reply_free(&reply);
    free(url);
    return ok;
}

/* ---- its cluster ---- */

/* No leader is an answer, and not a failure. */
static bool is_leaderless(const struct dr_http_reply *reply, struct elastic_node *node)
{
    char type[ELASTIC_NAME_SIZE];
    if (reply->status != 503)
        return false;
    elastic_read_refusal(&reply->body, type);
    if (!elastic_is_leaderless(type))
        return false;
    memcpy(node->why, type, sizeof type);
    node->leaderless = true;
    return true;
}

static bool take_health(const struct dr_http_reply *reply, struct elastic_node *node,
                        struct dr_error *error)
{
    /* 408: the same, with timed_out */
    if (is_leaderless(reply, node))
        return true;
    return (reply->status == 408 || dr_web_access_status(reply, grant_monitor, error)) &&
           elastic_read_health(&reply->body, node, error);
}

static bool take_leader(const struct dr_http_reply *reply, struct elastic_node *node,
                        struct dr_error *error)
{
    return is_leaderless(reply, node) || (dr_web_access_status(reply, grant_monitor, error) &&
                                          elastic_read_leader(&reply->body, node, error));
}

enum { ASK_HEALTH = 0, ASK_LEADER, ASK_SNAPSHOTS, ASKS };

static bool take_cluster(const struct dr_http_reply *replies, const struct dr_error *errors,
                         const bool *ok, struct elastic_node *node, struct dr_error *error)
{
    struct dr_error unseen;
    for (size_t i = 0; i < ASK_SNAPSHOTS; i++) {
        if (!ok[i]) {
            *error = errors[i];
            return false;
        }
    }
    /* what cannot be seen of snapshots is said, and no more */
    if (ok[ASK_SNAPSHOTS] && replies[ASK_SNAPSHOTS].status == 200)
        elastic_read_snapshots(&replies[ASK_SNAPSHOTS].body, node, &unseen);
    return take_health(&replies[ASK_HEALTH], node, error) &&
           take_leader(&replies[ASK_LEADER], node, error);
}

/* A node waits for a leader for so long. */
static int seconds_to_wait(struct dr_task *task)
{
    double half = dr_task_left(task) / 2;
    return (int)(half < WAIT_LEAST ? WAIT_LEAST : half);
}

static bool ask_cluster(const struct asker *asker, struct elastic_node *node,
                        struct dr_error *error)
{
    const char *word = node->manager ? "cluster_manager" : "master";
    int wait = seconds_to_wait(asker->task);
    char *urls[ASKS] = {
        [ASK_HEALTH] = dr_text_format("%s/_cluster/health?%s_timeout=%ds", asker->base, word, wait),
        [ASK_LEADER] =
            dr_text_format("%s/_cat/%s?format=json&%s_timeout=%ds", asker->base, word, word, wait),
        [ASK_SNAPSHOTS] =
            dr_text_format("%s/_snapshot/_status?%s_timeout=%ds", asker->base, word, wait),
    };
    struct dr_http_request requests[ASKS];
    struct dr_http_reply replies[ASKS];
    struct dr_error errors[ASKS];
    bool answered[ASKS];
    bool ok = urls[ASK_HEALTH] != NULL && urls[ASK_LEADER] != NULL && urls[ASK_SNAPSHOTS] != NULL;
    for (size_t i = 0; i < ASKS; i++) {
        requests[i] = asker->access->request;
        requests[i].url = urls[i];
        requests[i].body_max = REPLY_MAX;
        requests[i].stage = "ask for the cluster";
    }
    if (ok) {
        dr_task_stage(asker->task, "ask for the cluster");
        dr_http_ask_all(asker->http, requests, replies, errors, answered, ASKS);
        ok = take_cluster(replies, errors, answered, node, error);
        for (size_t i = 0; i < ASKS; i++)
            dr_http_reply_free(&replies[i]);
    } else
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < ASKS; i++)
        free(urls[i]);
    return ok;
}

/* ---- all of it ---- */

static bool ask(struct asker *asker, struct elastic_node *node, struct dr_error *error)
{
    asker->http = dr_http_new(asker->task, error);
    bool ok = asker->http != NULL && ask_root(asker, node, error);
    if (ok && !node->leaderless)
        ok = ask_cluster(asker, node, error);
    dr_http_free(asker->http);
    return ok;
}

static bool probe(struct dr_task *task, void *pointer, struct dr_error *error)
{
    struct liv_facts *facts = pointer;
    const struct dr_target *target = dr_task_target(task);
    struct dr_web_access access;
    struct asker asker = {.task = task, .access = &access};
    struct elastic_node *node = calloc(1, sizeof *node);
    facts->product = LIV_ELASTICSEARCH;
    bool ok = liv_access_read(task, true, &access, error) &&
              read_options(&target->uri, &asker, error) && make_base(&asker, error);
    if (ok && node == NULL)
        ok = dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    ok = ok && ask(&asker, node, error);
    if (ok)
        elastic_fill(node, target->uri.hosts[target->host].name, asker.yellow_fits, facts);
    free(node);
    free(asker.base);
    dr_web_access_free(&access);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(liveness, elasticsearch);
const struct dr_source DR_SOURCE_SYMBOL(liveness, elasticsearch) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "elasticsearch",
    .facts_size = sizeof(struct liv_facts),
    .library = dr_http_library,
    .probe = probe,
};
