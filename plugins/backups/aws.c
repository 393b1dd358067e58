/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source of Amazon's managed databases and disks: rds://REGION[/DATABASE] and
 * ebs://REGION[/VOLUME]. What exists is listed first, then its backups; lists that do not need each
 * other are asked for at once. */
#include "common/client/aws.h"
#include "common/module.h"
#include "plugins/backups/aws_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX ((size_t)32 * 1024 * 1024)
#define PAGES_MAX 2000
#define LISTS_MAX 3
#define FILTERS_MAX 8
#define HOST_SIZE 256
#define REGION_SIZE 64
#define PAIRS (5 + 2 * FILTERS_MAX + 1)
#define PARAMETER_SIZE 64

struct asker {
    struct dr_task *task;
    struct dr_http *http;
    struct dr_aws_credentials credentials;
    struct bak_aws aws;
    bool disks; /* ebs:// */
    char region[REGION_SIZE];
    char host[HOST_SIZE];
    const char *scheme;
    const char *ca_file;
    bool insecure;
    /* of the snapshots of disks: name and value of each filter */
    char filters[FILTERS_MAX][2][BAK_AWS_NAME_SIZE];
    size_t filter_count;
};

/* One list on its way. */
struct asking {
    const struct bak_aws_list *list;
    bool optional; /* without its permission the others still say something */
    bool done;
    bool refused; /* it may not be listed: the text says so */
    struct dr_error refusal;
    int64_t pages;
    char next[BAK_AWS_TOKEN_SIZE];
    char last[BAK_AWS_TOKEN_SIZE];
    struct dr_aws_pair query[PAIRS];
    char names[FILTERS_MAX][2][PARAMETER_SIZE];
};

/* ---- the target ---- */

static bool set_endpoint(struct asker *asker, const char *endpoint, struct dr_error *error)
{
    bool plain = strncmp(endpoint, "http://", 7) == 0;
    const char *host = endpoint + (plain ? 7 : 8);
    size_t length = plain || strncmp(endpoint, "https://", 8) == 0 ? strcspn(host, "/?#@ ") : 0;
    if (length == 0 || length >= sizeof asker->host ||
        (host[length] != '\0' && strcmp(host + length, "/") != 0))
        return dr_error_set(
            error, DR_ERR_USAGE,
            "endpoint= is https://HOST[:PORT] (http:// without TLS) and nothing behind it");
    memcpy(asker->host, host, length);
    asker->host[length] = '\0';
    asker->scheme = plain ? "http" : "https";
    /* as libcurl sends it: without the port of the scheme */
    const char *usual = plain ? ":80" : ":443";
    size_t tail = strlen(usual);
    if (length > tail && strcmp(asker->host + length - tail, usual) == 0)
        asker->host[length - tail] = '\0';
    return true;
}

static bool set_region(struct asker *asker, const struct dr_uri *uri, struct dr_error *error)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const char *region = uri->host_count == 1 && uri->hosts[0].port == 0 && uri->user == NULL
                             ? uri->hosts[0].name
                             : "";
    size_t length = strlen(region);
    if (length == 0 || length >= sizeof asker->region || strspn(region, letters) != length)
        return dr_error_set(error, DR_ERR_USAGE, "which region? %s",
                            asker->disks ? "ebs://REGION[/VOLUME]"
                                         : "rds://REGION[/INSTANCE-OR-CLUSTER]");
    memcpy(asker->region, region, length + 1);
    asker->scheme = "https";
    snprintf(asker->host, sizeof asker->host, "%s.%s.amazonaws.com%s", asker->disks ? "ec2" : "rds",
             region, strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
    const char *endpoint = dr_uri_param(uri, "endpoint");
    return endpoint == NULL || set_endpoint(asker, endpoint, error);
}

static bool add_filter(struct asker *asker, const char *prefix, const char *name, size_t length,
                       const char *value, struct dr_error *error)
{
    if (asker->filter_count == FILTERS_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "tag= is there more than %d times",
                            FILTERS_MAX - 1);
    char(*filter)[BAK_AWS_NAME_SIZE] = asker->filters[asker->filter_count++];
    int one = snprintf(filter[0], BAK_AWS_NAME_SIZE, "%s%.*s", prefix, (int)length, name);
    int other = snprintf(filter[1], BAK_AWS_NAME_SIZE, "%s", value);
    return (one < BAK_AWS_NAME_SIZE && other < BAK_AWS_NAME_SIZE) ||
           dr_error_set(error, DR_ERR_USAGE, "tag= is too long");
}

/* "KEY=VALUE": only what has it. "KEY": what has the same value of it belongs together. */
static bool set_tag(struct asker *asker, const char *tag, struct dr_error *error)
{
    size_t length = strcspn(tag, "=");
    asker->aws.filtered = true;
    if (length == 0)
        return dr_error_set(error, DR_ERR_USAGE, "tag= is KEY or KEY%%3DVALUE");
    if (tag[length] == '=')
        return add_filter(asker, "tag:", tag, length, tag + length + 1, error);
    if (asker->aws.group_tag != NULL)
        return dr_error_set(error, DR_ERR_USAGE,
                            "tag= without a value is there twice: series go by one tag");
    asker->aws.group_tag = tag;
    return add_filter(asker, "tag-key", "", 0, tag, error);
}

static bool set_filters(struct asker *asker, const struct dr_uri *uri, struct dr_error *error)
{
    for (size_t i = 0; i < uri->param_count; i++) {
        if (strcmp(uri->params[i].key, "tag") == 0 && !set_tag(asker, uri->params[i].value, error))
            return false;
    }
    asker->aws.time_tag = dr_uri_param(uri, "time-tag");
    const char *name = asker->aws.name;
    bool plain = name[0] != '\0' && strpbrk(name, "*?[\\") == NULL;
    return !plain || asker->aws.group_tag != NULL ||
           add_filter(asker, "volume-id", "", 0, name, error);
}

static bool read_target(struct asker *asker, struct dr_error *error)
{
    static const char *const databases[] = {"endpoint", "profile",  "credentials-file",
                                            "cacert",   "insecure", NULL};
    static const char *const disks[] = {"endpoint", "profile", "credentials-file", "cacert",
                                        "insecure", "tag",     "time-tag",         NULL};
    const struct dr_target *target = dr_task_target(asker->task);
    const struct dr_uri *uri = &target->uri;
    asker->disks = strcmp(target->scheme->scheme, "ebs") == 0;
    asker->aws.request = dr_task_request(asker->task);
    asker->aws.region = asker->region;
    asker->aws.name = uri->path[0] == '/' ? uri->path + 1 : "";
    asker->ca_file = dr_uri_param(uri, "cacert");
    return dr_uri_has_only(uri, asker->disks ? disks : databases, error) &&
           dr_uri_flag(uri, "insecure", &asker->insecure, error) && set_region(asker, uri, error) &&
           (!asker->disks || set_filters(asker, uri, error));
}

/* ---- lists ---- */

static void add_pair(struct asking *asking, size_t *count, const char *name, const char *value)
{
    asking->query[(*count)++] = (struct dr_aws_pair){.name = name, .value = value};
}

static void write_query(const struct asker *asker, struct asking *asking)
{
    const struct bak_aws_list *list = asking->list;
    size_t count = 0;
    add_pair(asking, &count, "Action", list->action);
    add_pair(asking, &count, "Version", list->version);
    add_pair(asking, &count, list->page_name, list->page_size);
    if (asking->next[0] != '\0')
        add_pair(asking, &count, list->token_name, asking->next);
    if (list == &bak_aws_snapshots) {
        add_pair(asking, &count, "OwnerId.1", "self");
        for (size_t i = 0; i < asker->filter_count; i++) {
            snprintf(asking->names[i][0], PARAMETER_SIZE, "Filter.%zu.Name", i + 1);
            snprintf(asking->names[i][1], PARAMETER_SIZE, "Filter.%zu.Value.1", i + 1);
            add_pair(asking, &count, asking->names[i][0], asker->filters[i][0]);
            add_pair(asking, &count, asking->names[i][1], asker->filters[i][1]);
        }
    }
    add_pair(asking, &count, NULL, NULL);
}

static struct dr_aws_call call_of(const struct asker *asker, const struct asking *asking)
{
    return (struct dr_aws_call){.method = "GET",
                                .service = asking->list->service,
                                .region = asker->region,
                                .scheme = asker->scheme,
                                .host = asker->host,
                                .path = "/",
                                .query = asking->query,
                                .now = dr_now(),
                                .ca_file = asker->ca_file,
                                .insecure = asker->insecure,
                                .body_max = REPLY_MAX,
                                .stage = asking->list->what};
}

/* Whether there is one more page. */
static bool go_on(struct asker *asker, struct asking *asking, struct dr_error *error)
{
    int64_t most = asker->aws.request->pages;
    asking->pages++;
    asking->done = asking->next[0] == '\0';
    if (asking->done)
        return true;
    if (strcmp(asking->next, asking->last) == 0 || asking->pages == PAGES_MAX)
        return dr_error_set(error, DR_ERR_PROTOCOL, "the list does not end: asked to %s",
                            asking->list->what);
    if (most > 0 && asking->pages >= most) {
        bak_facts_sign(asker->aws.facts, NULL, BAK_LISTING_CUT, "%s: after %lld page%s",
                       asking->list->what, (long long)most, most == 1 ? "" : "s");
        asker->aws.facts->complete = false;
        asking->done = true;
    }
    memcpy(asking->last, asking->next, sizeof asking->last);
    return true;
}

static bool take_reply(struct asker *asker, struct asking *asking,
                       const struct dr_http_reply *reply, struct dr_error *error)
{
    const struct bak_aws_list *list = asking->list;
    if (reply->date.known)
        asker->aws.facts->clock = reply->date;
    if (reply->status == 200)
        return bak_aws_read(&asker->aws, list, &reply->body, asking->next, error) &&
               go_on(asker, asking, error);
    dr_aws_refused(reply, list->what, list->grant, dr_now(), &asking->refusal);
    asking->refused = asking->done = true;
    if (asking->optional && asking->refusal.class == DR_ERR_PRIVILEGE)
        return true;
    *error = asking->refusal;
    return false;
}

/* A page of each list that has more. */
static bool ask_pages(struct asker *asker, struct asking *askings, size_t count,
                      struct dr_error *error)
{
    struct dr_aws_call calls[LISTS_MAX];
    struct dr_http_reply replies[LISTS_MAX];
    struct dr_error errors[LISTS_MAX];
    struct asking *who[LISTS_MAX];
    bool answered[LISTS_MAX] = {false}, ok = true;
    size_t asked = 0;
    for (size_t i = 0; i < count; i++) {
        if (askings[i].done)
            continue;
        write_query(asker, &askings[i]);
        calls[asked] = call_of(asker, &askings[i]);
        replies[asked] = (struct dr_http_reply){.status = 0};
        errors[asked] = (struct dr_error){.class = DR_ERR_NONE};
        who[asked++] = &askings[i];
    }
    dr_task_stage(asker->task, calls[0].stage);
    ok = dr_aws_ask_all(asker->http, calls, &asker->credentials, replies, errors, answered, asked,
                        error);
    for (size_t i = 0; i < asked; i++) {
        if (ok && !answered[i]) {
            *error = errors[i];
            ok = false;
        }
        ok = ok && take_reply(asker, who[i], &replies[i], error);
        dr_http_reply_free(&replies[i]);
    }
    return ok;
}

static bool ask_lists(struct asker *asker, struct asking *askings, size_t count,
                      struct dr_error *error)
{
    bool more = true;
    while (more) {
        if (!ask_pages(asker, askings, count, error))
            return false;
        more = false;
        for (size_t i = 0; i < count; i++)
            more = more || !askings[i].done;
    }
    return true;
}

/* ---- databases ---- */

/* What of the lists may not be read is not seen, and that is said. */
static void say_unseen(struct asker *asker, const struct asking *what, const struct asking *backups)
{
    struct bak_facts *facts = asker->aws.facts;
    if (what[1].refused) {
        /* without any member there most probably is no cluster */
        bak_facts_sign(facts, NULL, asker->aws.members > 0 ? BAK_UNREADABLE : BAK_NOTE,
                       "clusters are not seen: %s", what[1].refusal.text);
        facts->complete = false;
    }
    for (size_t i = 0; i < 2; i++) {
        if (!backups[i].refused)
            continue;
        bool matters = i == 0 || !what[1].refused;
        bak_facts_sign(facts, NULL, matters ? BAK_UNREADABLE : BAK_NOTE,
                       "snapshots are not seen: %s", backups[i].refusal.text);
        facts->complete = false;
    }
    if (backups[2].refused) {
        bak_facts_sign(facts, NULL, BAK_NOTE, "copies of other regions are not seen: %s",
                       backups[2].refusal.text);
        facts->complete = false;
    }
}

static bool look_at_databases(struct asker *asker, struct dr_error *error)
{
    struct asking *what = calloc(5, sizeof *what), *backups = what + 2;
    if (what == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    what[0].list = &bak_aws_instances;
    what[1] = (struct asking){.list = &bak_aws_clusters, .optional = true};
    backups[0] = (struct asking){.list = &bak_aws_db_snapshots, .optional = true};
    backups[1] = (struct asking){.list = &bak_aws_cluster_snapshots, .optional = true};
    backups[2] = (struct asking){.list = &bak_aws_automated, .optional = true};
    asker->aws.facts->complete = true;
    bool ok = ask_lists(asker, what, 2, error);
    if (ok) {
        asker->aws.clusters_unseen = what[1].refused;
        asker->aws.known = asker->aws.facts->complete;
        bak_aws_know(&asker->aws);
        ok = ask_lists(asker, backups, 3, error);
    }
    if (ok) {
        asker->aws.backups_unseen = backups[0].refused || backups[1].refused;
        say_unseen(asker, what, backups);
        bak_aws_finish(&asker->aws);
    }
    free(what);
    return ok;
}

/* ---- disks ---- */

/* Which volumes there are only tells what has no snapshot at all, and what was deleted: who may not
 * list them loses that. Where series go by a tag, volumes come and go. */
static bool look_at_disks(struct asker *asker, struct dr_error *error)
{
    struct bak_facts *facts = asker->aws.facts;
    struct asking *askings = calloc(2, sizeof *askings);
    bool ok = askings != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    facts->complete = true;
    if (ok && asker->aws.group_tag == NULL) {
        askings[0] = (struct asking){.list = &bak_aws_volumes, .optional = true};
        ok = ask_lists(asker, &askings[0], 1, error);
        asker->aws.known = ok && !askings[0].refused && facts->complete;
        bak_aws_know(&asker->aws);
        if (ok && askings[0].refused)
            bak_facts_sign(facts, NULL, BAK_NOTE, "which volumes have no snapshot is not seen: %s",
                           askings[0].refusal.text);
    }
    if (ok) {
        askings[1].list = &bak_aws_snapshots;
        ok = ask_lists(asker, &askings[1], 1, error);
    }
    if (ok)
        bak_aws_finish(&asker->aws);
    free(askings);
    return ok;
}

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct bak_facts *into = facts;
    struct asker asker = {.task = task, .http = dr_http_new(task, error)};
    asker.aws.facts = into;
    bool ok = asker.http != NULL && read_target(&asker, error) &&
              dr_aws_find_credentials(task, &dr_task_target(task)->uri, &asker.credentials, error);
    into->product = asker.disks ? BAK_EBS : BAK_RDS;
    bak_facts_text(into, &into->what, asker.disks ? "EBS snapshots" : "RDS databases");
    ok = ok && (asker.disks ? look_at_disks(&asker, error) : look_at_databases(&asker, error));
    bak_aws_free(&asker.aws);
    dr_aws_credentials_free(&asker.credentials);
    dr_http_free(asker.http);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(backups, aws);
const struct dr_source DR_SOURCE_SYMBOL(backups, aws) = {
    .abi = DR_SOURCE_ABI,
    .group = "backups",
    .name = "aws",
    .facts_size = sizeof(struct bak_facts),
    .library = dr_http_library,
    .probe = probe,
};
