/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source of Elasticsearch and OpenSearch: the snapshots of a repository, as a node lists them.
 *
 * Elasticsearch lists the newest first, page by page, from 7.14 on, with sort=, size= and after=.
 * What refuses those parameters (OpenSearch, older ones) is asked for names alone, which costs one
 * file of the repository, and then for the newest by their names: with all their details a list of
 * a thousand takes minutes (opensearch-project/OpenSearch#22238). */
#include "common/client/web_access.h"
#include "common/module.h"
#include "plugins/backups/snapshots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 9200
#define REPLY_MAX ((size_t)64 * 1024 * 1024)
#define URL_MAX_BYTES ((size_t)16 * 1024)
#define PAGE 100
#define POINTS_ENOUGH 512
/* Of each kind of name. */
#define LAST_OF_KIND 30
/* Bytes of the names of one request. */
#define NAMES_MAX_BYTES ((size_t)3000)
#define POLICIES_MAX 8

struct asker {
    struct dr_task *task;
    struct dr_http *http;
    struct dr_web_access access;
    const struct bak_request *request;
    char *base;       /* "http://es1:9200/prefix" */
    char *repository; /* encoded */
    char *name;       /* as it is */
    const char *policies[POLICIES_MAX];
    size_t policy_count;
    struct bak_facts *facts;
};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- the target ---- */

static bool read_parameters(const struct dr_uri *uri, struct asker *asker, struct dr_error *error)
{
    static const char *const known[] = {"slm",      "cacert",     "cert", "key",
                                        "insecure", "token-file", NULL};
    if (!dr_uri_has_only(uri, known, error))
        return false;
    for (size_t i = 0; i < uri->param_count; i++) {
        if (strcmp(uri->params[i].key, "slm") != 0)
            continue;
        if (uri->params[i].value[0] == '\0' || strpbrk(uri->params[i].value, ",*/") != NULL)
            return dr_error_set(error, DR_ERR_USAGE, "slm= wants the name of one policy");
        if (asker->policy_count == POLICIES_MAX)
            return dr_error_set(error, DR_ERR_USAGE, "at most %d times slm=", POLICIES_MAX);
        asker->policies[asker->policy_count++] = uri->params[i].value;
    }
    return true;
}

/* The last part of the path is the repository, what is in front of it a proxy's prefix. */
static bool read_path(struct asker *asker, struct dr_error *error)
{
    const struct dr_target *target = dr_task_target(asker->task);
    const char *path = target->uri.path, *slash = strrchr(path, '/');
    struct dr_buffer encoded = DR_BUFFER(URL_MAX_BYTES);
    char port[16] = "";
    if (slash == NULL || slash[1] == '\0')
        return dr_error_set(error, DR_ERR_USAGE, "which repository? %s://HOST/REPOSITORY",
                            target->uri.scheme);
    if (slash[1] == '_' || strpbrk(slash + 1, ",*") != NULL)
        return dr_error_set(error, DR_ERR_USAGE, "one repository is wanted, by its name");
    if (target->uri.hosts[target->host].port == 0)
        snprintf(port, sizeof port, ":%d", PORT);
    asker->name = strdup(slash + 1);
    bool fits = dr_http_encode(&encoded, slash + 1);
    asker->repository = dr_buffer_take(&encoded);
    size_t prefix = strcspn(asker->access.path, "?");
    while (prefix > 0 && asker->access.path[prefix - 1] != '/')
        prefix--;
    prefix -= prefix > 0 ? 1 : 0;
    asker->base =
        dr_text_format("%s%s%.*s", asker->access.url, port, (int)prefix, asker->access.path);
    return (fits && asker->name != NULL && asker->repository != NULL && asker->base != NULL) ||
           out_of_memory(error);
}

/* ---- requests ---- */

static bool ask(const struct asker *asker, const char *path, const char *stage,
                struct dr_http_reply *reply, struct dr_error *error)
{
    struct dr_http_request request = asker->access.request;
    bool ok;
    char *url = dr_text_format("%s%s", asker->base, path);
    *reply = (struct dr_http_reply){.status = 0};
    if (url == NULL)
        return out_of_memory(error);
    request.url = url;
    request.body_max = REPLY_MAX;
    request.compressed = true;
    request.stage = stage;
    dr_task_stage(asker->task, stage);
    dr_http_ask_all(asker->http, &request, reply, error, &ok, 1);
    free(url);
    return ok;
}

/* The error that a status stands for. */
static bool refuse(const struct dr_http_reply *reply, const char *what, const char *grant,
                   struct dr_error *error)
{
    struct es_refusal refusal;
    es_read_refusal(dr_buffer_text(&reply->body), &refusal);
    const char *colon = refusal.reason[0] != '\0' ? ": " : "";
    if (reply->status == 401)
        return dr_error_set(error, DR_ERR_AUTH,
                            "status 401: the user, password or token is not accepted%s%s", colon,
                            refusal.reason);
    if (reply->status == 403)
        return dr_error_set(error, DR_ERR_PRIVILEGE, "not allowed to %s (grant: %s)%s%s", what,
                            grant, colon, refusal.reason);
    return dr_error_set(error, reply->status >= 500 ? DR_ERR_SERVER : DR_ERR_PROTOCOL,
                        "status %ld, not 200: asked to %s%s%s%s%s", reply->status, what,
                        refusal.type[0] != '\0' ? ": " : "", refusal.type, colon, refusal.reason);
}

static const char list_grant[] =
    "the cluster privilege monitor_snapshot, in OpenSearch cluster:admin/snapshot/get";

/* 404: the repository is not there, which is an answer. */
static bool is_missing(const struct dr_http_reply *reply)
{
    struct es_refusal refusal;
    if (reply->status != 404)
        return false;
    es_read_refusal(dr_buffer_text(&reply->body), &refusal);
    return strcmp(refusal.type, "repository_missing_exception") == 0;
}

/* It does not know sort= and the like. */
static bool is_old(const struct dr_http_reply *reply)
{
    struct es_refusal refusal;
    if (reply->status != 400)
        return false;
    es_read_refusal(dr_buffer_text(&reply->body), &refusal);
    return strcmp(refusal.type, "illegal_argument_exception") == 0 &&
           strstr(refusal.reason, "unrecognized parameter") != NULL;
}

static bool take_list(struct asker *asker, const struct dr_http_reply *reply,
                      struct es_snapshots *list, struct dr_error *error)
{
    asker->facts->clock = reply->date;
    if (reply->status != 200)
        return refuse(reply, "list the snapshots", list_grant, error);
    if (strlen(dr_buffer_text(&reply->body)) != reply->body.size)
        return dr_error_set(error, DR_ERR_PROTOCOL, "the reply holds a NUL byte");
    return es_read_snapshots(dr_buffer_text(&reply->body), list, error);
}

/* ---- the newest, by their times ---- */

enum answer { GOT = 0, MISSING, OLD, WRONG };

static enum answer ask_page(struct asker *asker, struct es_snapshots *list, struct dr_error *error)
{
    struct dr_http_reply reply;
    struct dr_buffer path = DR_BUFFER(URL_MAX_BYTES);
    dr_buffer_addf(&path, "/_snapshot/%s/_all?sort=start_time&order=desc&size=%d",
                   asker->repository, PAGE);
    if (list->next[0] != '\0') {
        dr_buffer_add(&path, "&after=");
        dr_http_encode(&path, list->next);
    }
    enum answer answer = WRONG;
    if (ask(asker, dr_buffer_text(&path), "list the snapshots", &reply, error))
        answer = is_missing(&reply)                      ? MISSING
                 : is_old(&reply)                        ? OLD
                 : take_list(asker, &reply, list, error) ? GOT
                                                         : WRONG;
    dr_http_reply_free(&reply);
    dr_buffer_free(&path);
    return answer;
}

/* What lies before the window, and one that succeeded before it, has been seen. */
static bool is_enough(const struct asker *asker, const struct es_snapshots *list)
{
    double begin = asker->request->now - asker->request->window;
    bool before = false;
    for (size_t i = 0; i < list->count; i++)
        before = before || (strcmp(list->items[i].state, "SUCCESS") == 0 &&
                            list->items[i].started.known && list->items[i].started.value < begin);
    return before || list->count >= POINTS_ENOUGH;
}

/* A page of a list that grows meanwhile can be empty, and say that more follows. */
static enum answer ask_newest(struct asker *asker, struct es_snapshots *list,
                              struct dr_error *error)
{
    int64_t limit = asker->request->pages;
    for (int64_t page = 1;; page++) {
        enum answer answer = ask_page(asker, list, error);
        if (answer != GOT)
            return answer;
        if (list->next[0] == '\0' || is_enough(asker, list))
            break;
        if (limit > 0 && page >= limit) {
            bak_facts_sign(asker->facts, NULL, BAK_LISTING_CUT, "%zu snapshots were read",
                           list->count);
            break;
        }
    }
    /* a list that says how many there are, and shows fewer on its only page, is cut */
    if (list->next[0] == '\0' && list->total.known && list->total.value > (int64_t)list->count)
        bak_facts_sign(asker->facts, NULL, BAK_LISTING_CUT, "%zu of %lld snapshots", list->count,
                       (long long)list->total.value);
    if (!list->total.known)
        list->total = dr_int((int64_t)list->count);
    return GOT;
}

/* ---- the newest, by their names ---- */

static enum answer ask_names(struct asker *asker, struct es_snapshots *names,
                             struct dr_error *error)
{
    struct dr_http_reply reply;
    enum answer answer = WRONG;
    char *path = dr_text_format("/_snapshot/%s/_all?verbose=false", asker->repository);
    if (path == NULL) {
        out_of_memory(error);
        return WRONG;
    }
    if (ask(asker, path, "list the names of the snapshots", &reply, error))
        answer = is_missing(&reply)                       ? MISSING
                 : take_list(asker, &reply, names, error) ? GOT
                                                          : WRONG;
    dr_http_reply_free(&reply);
    free(path);
    return answer;
}

/* As many as fit, from `from` on. Returns how many. */
static size_t add_names(struct dr_buffer *path, const struct es_snapshots *names, size_t from)
{
    size_t start = path->size, i = from;
    for (; i < names->count && path->size - start < NAMES_MAX_BYTES; i++) {
        dr_buffer_add(path, i > from ? "," : "");
        dr_http_encode(path, names->items[i].name);
    }
    return i - from;
}

/* One that is deleted meanwhile is left out. */
static bool ask_details(struct asker *asker, const struct es_snapshots *names,
                        struct es_snapshots *list, struct dr_error *error)
{
    for (size_t at = 0; at < names->count;) {
        struct dr_http_reply reply;
        struct dr_buffer path = DR_BUFFER(URL_MAX_BYTES);
        dr_buffer_addf(&path, "/_snapshot/%s/", asker->repository);
        at += add_names(&path, names, at);
        dr_buffer_add(&path, "?ignore_unavailable=true");
        bool ok =
            ask(asker, dr_buffer_text(&path), "ask for the newest snapshots", &reply, error) &&
            take_list(asker, &reply, list, error);
        dr_http_reply_free(&reply);
        dr_buffer_free(&path);
        if (!ok)
            return false;
    }
    return true;
}

static bool has_name(const struct es_snapshots *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0)
            return true;
    }
    return false;
}

static void tell_missing(struct bak_facts *facts, const struct es_snapshots *names,
                         const struct es_snapshots *list)
{
    for (size_t i = 0; i < names->count; i++) {
        if (!has_name(list, names->items[i].name)) {
            bak_facts_sign(facts, NULL, BAK_UNREADABLE,
                           "%.200s is listed, and says nothing of itself", names->items[i].name);
            return;
        }
    }
}

static enum answer ask_by_name(struct asker *asker, struct es_snapshots *list,
                               struct dr_error *error)
{
    struct es_snapshots names = {.items = NULL};
    enum answer answer = ask_names(asker, &names, error);
    size_t total = names.count;
    if (answer == GOT) {
        es_keep_last(&names, LAST_OF_KIND);
        answer = ask_details(asker, &names, list, error) ? GOT : WRONG;
        if (answer == GOT)
            tell_missing(asker->facts, &names, list);
        list->total = dr_int((int64_t)total);
    }
    free(names.items);
    return answer;
}

/* ---- policies ---- */

static bool ask_policy(struct asker *asker, const char *name, struct dr_error *error)
{
    struct dr_http_reply reply;
    struct es_policy policy;
    struct dr_buffer path = DR_BUFFER(URL_MAX_BYTES);
    dr_buffer_add(&path, "/_slm/policy/");
    dr_http_encode(&path, name);
    bool ok = ask(asker, dr_buffer_text(&path), "ask for the policy", &reply, error);
    if (ok && reply.status == 404)
        bak_facts_sign(asker->facts, NULL, BAK_NO_SUCH_SERIES, "SLM policy %.200s", name);
    else if (ok && reply.status != 200)
        ok = refuse(&reply, "read the policy", "the cluster privilege read_slm", error);
    else if (ok) {
        ok = es_read_policy(dr_buffer_text(&reply.body), name, &policy, error) ||
             dr_error_prefix(error, "SLM policy");
        if (ok)
            es_add_policy(asker->facts, &policy, asker->name, asker->request->now);
    }
    dr_http_reply_free(&reply);
    dr_buffer_free(&path);
    return ok;
}

/* SLM as a whole can be stopped, and all policies look as before. */
static bool ask_mode(struct asker *asker, struct dr_error *error)
{
    struct dr_http_reply reply;
    char mode[32] = "";
    bool ok = ask(asker, "/_slm/status", "ask whether SLM runs", &reply, error);
    if (ok && reply.status != 200)
        ok = refuse(&reply, "ask whether SLM runs", "the cluster privilege read_slm", error);
    ok = ok && es_read_mode(dr_buffer_text(&reply.body), mode, error);
    if (ok && strcmp(mode, "RUNNING") != 0)
        bak_facts_sign(asker->facts, NULL, BAK_SCHEDULE_PAUSED, "SLM is in operation mode \"%s\"",
                       mode);
    dr_http_reply_free(&reply);
    return ok;
}

/* What cannot be seen of a policy is said: the snapshots were seen. */
static void ask_policies(struct asker *asker)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    for (size_t i = 0; i < asker->policy_count; i++) {
        if (!ask_policy(asker, asker->policies[i], &error))
            bak_facts_sign(asker->facts, NULL, BAK_UNREADABLE, "%s", error.text);
    }
    if (asker->policy_count > 0 && !ask_mode(asker, &error))
        bak_facts_sign(asker->facts, NULL, BAK_UNREADABLE, "%s", error.text);
}

/* ---- all of it ---- */

/* slm=: what other policies made goes. */
static void keep_policies(const struct asker *asker, struct es_snapshots *list)
{
    size_t kept = 0;
    for (size_t i = 0; asker->policy_count > 0 && i < list->count; i++) {
        bool wanted = false;
        for (size_t k = 0; k < asker->policy_count; k++)
            wanted = wanted || strcmp(list->items[i].policy, asker->policies[k]) == 0;
        if (wanted)
            list->items[kept++] = list->items[i];
    }
    if (asker->policy_count > 0) {
        list->count = kept;
        list->total = (struct dr_opt_int){.known = false};
    }
}

static bool look(struct asker *asker, struct dr_error *error)
{
    struct es_snapshots list = {.items = NULL};
    bool opensearch = strncmp(dr_task_target(asker->task)->scheme->scheme, "opensearch", 10) == 0;
    enum answer answer = opensearch ? OLD : ask_newest(asker, &list, error);
    if (answer == OLD)
        answer = ask_by_name(asker, &list, error);
    if (answer == MISSING)
        bak_facts_sign(asker->facts, NULL, BAK_NO_SUCH_SERIES, "snapshot repository %.200s",
                       asker->name);
    if (answer == GOT) {
        asker->facts->looked = list.total.known ? list.total.value : (int64_t)list.count;
        keep_policies(asker, &list);
        es_add_snapshots(asker->facts, &list, asker->request);
        ask_policies(asker);
    }
    asker->facts->complete = answer == GOT || answer == MISSING;
    free(list.items);
    return answer == GOT || answer == MISSING;
}

static bool probe(struct dr_task *task, void *memory, struct dr_error *error)
{
    static const struct dr_web_options none = {.ca_file = NULL};
    struct bak_facts *facts = memory;
    struct asker asker = {.task = task, .facts = facts, .request = dr_task_request(task)};
    facts->product = BAK_ELASTICSEARCH;
    bak_facts_text(facts, &facts->what, "snapshot repository");
    bool ok = read_parameters(&dr_task_target(task)->uri, &asker, error) &&
              dr_web_access_read(task, &none, true, &asker.access, error) &&
              read_path(&asker, error);
    if (ok) {
        asker.http = dr_http_new(task, error);
        ok = asker.http != NULL && look(&asker, error);
        dr_http_free(asker.http);
    }
    free(asker.base);
    free(asker.repository);
    free(asker.name);
    dr_web_access_free(&asker.access);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(backups, elasticsearch);
const struct dr_source DR_SOURCE_SYMBOL(backups, elasticsearch) = {
    .abi = DR_SOURCE_ABI,
    .group = "backups",
    .name = "elasticsearch",
    .facts_size = sizeof(struct bak_facts),
    .library = dr_http_library,
    .probe = probe,
};
