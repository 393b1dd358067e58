/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Azure Storage source: one request, to the secondary's endpoint of one service or to ARM, for
 * the moment up to which the secondary has everything. */
#include "common/client/azure_error.h"
#include "common/module.h"
#include "plugins/replication/azure_read.h"
#include "plugins/replication/watch.h"

#include <string.h>
#include <time.h>

/* The statistics have 300 bytes; an account in ARM has a few thousand. */
#define REPLY_MAX ((size_t)256 * 1024)
#define ARM_VERSION "2023-01-01"

static const char *const parameters[] = {"services", "subscription", "resource_group", NULL};
static const char *const no_more[] = {NULL};
static const struct dr_azure_form form = {.usage = "azure-storage://ACCOUNT",
                                          .parameters = parameters,
                                          .sas_parameters = no_more,
                                          .secondary = true};
static const struct dr_azure_grant grant = {
    .sas = "the SAS must be one of the account with ss=bqt, srt=s and sp=r",
    .role = "a role that reads the service's properties, or asks ARM with the role Reader",
    .no_secondary = "there is no secondary to read: the account needs RA-GRS or RA-GZRS; for GRS "
                    "and GZRS ask ARM (subscription=, resource_group=)",
};

static bool ask_service(struct dr_task *task, const struct dr_azure_access *access,
                        struct dr_http_reply *reply, struct dr_error *error)
{
    static const struct dr_azure_pair query[] = {
        {"restype", "service"}, {"comp", "stats"}, {NULL, NULL}};
    const struct dr_azure_call call = {.account = access->account,
                                       .table = strcmp(access->service, "table") == 0,
                                       .base = access->base,
                                       .path = access->path,
                                       .query = query,
                                       .key = access->key,
                                       .sas = access->sas,
                                       .token = access->token,
                                       .ca_file = access->ca_file,
                                       .proxy = access->proxy,
                                       .body_max = REPLY_MAX,
                                       .stage = "ask for the statistics"};
    if (dr_azure_ask(task, &call, reply, error))
        return true;
    if (error->class == DR_ERR_RESOLVE)
        dr_error_set(error, DR_ERR_RESOLVE,
                     "no address for %s: without read access to a secondary (RA-GRS, RA-GZRS) an "
                     "account has none; one without this service leaves it out with services=",
                     strstr(access->base, "://") + 3);
    return false;
}

static bool ask_arm(struct dr_task *task, const struct dr_azure_access *access,
                    struct dr_http_reply *reply, struct dr_error *error)
{
    struct dr_buffer path = DR_BUFFER(2048);
    static const struct dr_azure_pair query[] = {
        {"api-version", ARM_VERSION}, {"$expand", "geoReplicationStats"}, {NULL, NULL}};
    dr_buffer_addf(&path,
                   "%ssubscriptions/%s/resourceGroups/%s/providers/Microsoft.Storage/"
                   "storageAccounts/%s",
                   access->path, access->subscription, access->resource_group, access->account);
    const struct dr_azure_call call = {.account = access->account,
                                       .base = access->base,
                                       .path = dr_buffer_text(&path),
                                       .query = query,
                                       .token = access->token,
                                       .ca_file = access->ca_file,
                                       .proxy = access->proxy,
                                       .body_max = REPLY_MAX,
                                       .stage = "ask ARM for the account"};
    *reply = (struct dr_http_reply){.status = 0};
    bool ok = path.cut ? dr_error_set(error, DR_ERR_USAGE, "resource_group= is too long")
                       : dr_azure_ask(task, &call, reply, error);
    dr_buffer_free(&path);
    return ok;
}

static double our_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Who it is, as far as the target says it. */
static bool name_node(const struct dr_target *target, const struct dr_azure_access *access,
                      struct rep_node *node)
{
    node->kind = REP_AZURE_STORAGE;
    node->product = access->subscription != NULL
                        ? strdup("Azure Storage")
                        : dr_text_format("Azure Storage (%s)", access->service);
    node->group = strdup(target->label);
    node->role = REP_ROLE_PRIMARY;
    node->unit = REP_MOMENTS;
    node->pause = REP_PAUSE_NONE;
    return node->product != NULL && node->group != NULL;
}

static bool read_reply(const struct dr_azure_access *access, const struct dr_http_reply *reply,
                       struct rep_node *node, struct dr_error *error)
{
    struct azure_replication replication = {.geo = true};
    if (reply->status != 200)
        return dr_azure_refused(access, &grant, reply, our_clock(), error);
    if (!reply->date.known)
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: it has no Date, and the age of the last "
                            "sync rests on Azure's clock");
    bool read = access->subscription != NULL
                    ? azure_read_account(&reply->body, access->account, &replication, error)
                    : dr_azure_read_stats(&reply->body, &replication.stats, error);
    if (!read)
        return false;
    node->looked = reply->received;
    /* the header is cut to whole seconds */
    rep_watch_take_clock(node, reply->date.value + 0.5, reply->received - reply->sent);
    node->clock_error += 0.5;
    const char *host = access->subscription == NULL ? strstr(access->base, "://") + 3 : NULL;
    return azure_fill(&replication, reply->date.value, host, node, error);
}

static bool look(struct dr_task *task, struct rep_node *node, struct dr_error *error)
{
    const struct rep_request *request = dr_task_request(task);
    struct dr_azure_access access;
    struct dr_http_reply reply = {.status = 0};
    if (request->heartbeat)
        return dr_error_set(error, DR_ERR_USAGE,
                            "--heartbeat measures nothing on Azure Storage: leave it out");
    bool ok = dr_azure_access_read(task, &form, &access, error) &&
              (name_node(dr_task_target(task), &access, node) ||
               dr_error_set(error, DR_ERR_INTERNAL, "out of memory")) &&
              dr_azure_access_identify(task, &access, error) &&
              (access.subscription != NULL ? ask_arm(task, &access, &reply, error)
                                           : ask_service(task, &access, &reply, error)) &&
              read_reply(&access, &reply, node, error);
    dr_http_reply_free(&reply);
    dr_azure_access_free(&access);
    return ok;
}

static bool probe_account(struct dr_task *task, void *facts, struct dr_error *error)
{
    const struct rep_request *request = dr_task_request(task);
    bool ok = look(task, facts, error);
    rep_board_done(request->board, dr_task_index(task));
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(replication, azure);
const struct dr_source DR_SOURCE_SYMBOL(replication, azure) = {
    .abi = DR_SOURCE_ABI,
    .group = "replication",
    .name = "azure",
    .facts_size = sizeof(struct rep_node),
    .library = dr_http_library,
    .probe = probe_account,
};
