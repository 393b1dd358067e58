/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The RabbitMQ source: the management API of one node.
 *
 * First a question that a node answers from itself, then what it thinks of its cluster, all at
 * once, then the list of queues, which only one node of the cluster is asked for. A node that
 * cannot reach a frozen peer keeps some questions hanging, and answers others: each has its own
 * share of the time, and what hung is a fact. */
#include "common/client/rabbitmq_access.h"
#include "common/module.h"
#include "plugins/queues/rabbitmq_list.h"
#include "plugins/queues/rabbitmq_read.h"
#include "plugins/queues/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX ((size_t)8 * 1024 * 1024)
/* What the questions about the cluster may take of the time that is left. With a frozen peer they
 * hang, and the list of queues takes three seconds (3.10): both fit into five. */
#define VIEW_SHARE 0.3
#define VIEW_LEAST 1.0

static const char overview_path[] =
    "overview?columns=node,rabbitmq_version,disable_stats,object_totals";
static const char nodes_path[] = "nodes?columns=name,running,partitions,os_pid,being_drained,mem_"
                                 "alarm,disk_free_alarm,fd_used,fd_total,uptime";

/* ---- the node itself ---- */

static bool ask_whoami(struct dr_task *task, struct dr_http *http,
                       const struct dr_rabbitmq_access *access, struct que_view *view,
                       struct dr_error *error)
{
    struct dr_http_request request;
    struct dr_http_reply reply;
    char *url;
    bool ok;
    if (!dr_rabbitmq_access_request(access, "whoami", &url, &request))
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    request.stage = "ask who we are";
    request.body_max = REPLY_MAX;
    dr_http_ask_all(http, &request, &reply, error, &ok, 1);
    if (ok && reply.status != 200)
        ok = dr_rabbitmq_refuse(access, &reply, error);
    else if (ok && !rabbitmq_read_whoami(dr_buffer_text(&reply.body), view, error))
        ok = dr_error_prefix(error, "no management API here");
    if (ok) {
        view->replies[QUE_ASK_WHOAMI] =
            (struct que_reply){.answer = QUE_ANSWERED, .seconds = reply.received - reply.sent};
        dr_task_trace(task, 1, "logged in as %s, tags: %s", view->user,
                      view->tags != NULL ? view->tags : "none");
    }
    dr_http_reply_free(&reply);
    free(url);
    return ok;
}

/* ---- what it thinks of its cluster ---- */

static bool take_overview(const struct dr_http_reply *reply, void *context, struct dr_error *error)
{
    return rabbitmq_read_overview(dr_buffer_text(&reply->body), context, error);
}

static bool take_nodes(const struct dr_http_reply *reply, void *context, struct dr_error *error)
{
    return rabbitmq_read_nodes(dr_buffer_text(&reply->body), context, error);
}

static bool take_alarms(const struct dr_http_reply *reply, void *context, struct dr_error *error)
{
    return rabbitmq_read_alarms(dr_buffer_text(&reply->body), context, error);
}

static bool take_certificates(const struct dr_http_reply *reply, void *context,
                              struct dr_error *error)
{
    return rabbitmq_read_certificates(dr_buffer_text(&reply->body), context, error);
}

static bool ask_view(const struct rabbitmq_asker *asker, struct que_view *view,
                     struct dr_error *error)
{
    const struct que_request *request = dr_task_request(asker->task);
    char certificates[80];
    snprintf(certificates, sizeof certificates, "health/checks/certificate-expiration/%lld/days",
             (long long)request->certificate_days);
    double share = dr_task_left(asker->task) * VIEW_SHARE;
    if (share < VIEW_LEAST)
        share = VIEW_LEAST;
    struct rabbitmq_question questions[] = {
        {QUE_ASK_OVERVIEW, overview_path, take_overview, view, .seconds = share},
        {QUE_ASK_NODES, nodes_path, take_nodes, view, .seconds = share},
        {QUE_ASK_ALARMS, "health/checks/alarms", take_alarms, view, .check = true,
         .seconds = share},
        {QUE_ASK_CERTIFICATES, certificates, take_certificates, view, .check = true,
         .seconds = share},
    };
    dr_task_stage(asker->task, "ask for the cluster");
    return rabbitmq_ask(asker, questions, request->certificate_days > 0 ? 4 : 3, view->replies,
                        error);
}

/* ---- all of it ---- */

static bool look(struct dr_task *task, struct que_facts *facts, bool *taken, struct dr_error *error)
{
    const struct que_request *request = dr_task_request(task);
    struct dr_rabbitmq_access access;
    bool ok = dr_rabbitmq_access_read(task, true, &access, error);
    struct dr_http *http = ok ? dr_http_new(task, error) : NULL;
    const struct rabbitmq_asker asker = {.task = task, .http = http, .access = &access};
    facts->product = QUE_RABBITMQ;
    if (access.group != NULL)
        facts->group = strdup(access.group);
    ok = http != NULL && ask_whoami(task, http, &access, &facts->view, error) &&
         ask_view(&asker, &facts->view, error);
    if (ok) {
        dr_task_stage(task, "wait for the list of queues");
        if (que_board_claim(request->board, dr_task_index(task), access.group,
                            dr_monotonic() + dr_task_left(task)))
            ok = rabbitmq_take_list(&asker, facts, taken, error);
    }
    dr_http_free(http);
    dr_rabbitmq_access_free(&access);
    return ok;
}

static bool probe_node(struct dr_task *task, void *facts, struct dr_error *error)
{
    const struct que_request *request = dr_task_request(task);
    bool taken = false;
    bool ok = look(task, facts, &taken, error);
    que_board_done(request->board, dr_task_index(task), taken);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(queues, rabbitmq);
const struct dr_source DR_SOURCE_SYMBOL(queues, rabbitmq) = {
    .abi = DR_SOURCE_ABI,
    .group = "queues",
    .name = "rabbitmq",
    .facts_size = sizeof(struct que_facts),
    .library = dr_http_library,
    .probe = probe_node,
};
