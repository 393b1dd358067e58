/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source of Kubernetes: the workloads of a namespace, their pods, cron jobs and autoscalers.
 * Only lists are asked for, with GET, and never a watch. */
#include "common/module.h"
#include "plugins/liveness/kubernetes_access.h"
#include "plugins/liveness/kubernetes_units.h"

#include <stdlib.h>
#include <string.h>

/* Items of a page, as kubectl asks for them. */
#define PAGE "500"
/* A page of 500 pods with all that is managed in them. */
#define REPLY_MAX ((size_t)64 * 1024 * 1024)
#define URL_MAX_BYTES ((size_t)32 * 1024)
/* Lists that are asked for at once. */
#define AT_ONCE 8

/* ---- lists ---- */

/* One list, page by page. */
struct listing {
    const char *group; /* "apis/apps/v1" */
    const char *resource;
    const char *query; /* labelSelector or fieldSelector, encoded: "&labelSelector=..."; "" */
    const char *stage;
    const char *grant; /* what allows it: "list deployments (API group apps)" */
    bool (*take)(void *context, const char *text, struct kubernetes_page *page,
                 struct dr_error *error);
    void (*clear)(void *context); /* what came so far */
    void *context;
    /* what came of it */
    bool done;
    bool ok;
    bool whole; /* pages have expired: asked for in one piece */
    struct kubernetes_page page;
    struct dr_opt_real date; /* the server's clock at the last page */
    struct dr_error error;
};

struct look {
    struct dr_task *task;
    struct dr_http *http;
    const struct kubernetes_access *access;
};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static char *make_url(const struct look *look, const struct listing *list)
{
    struct dr_buffer url = DR_BUFFER(URL_MAX_BYTES);
    dr_buffer_addf(&url, "%s/%s/namespaces/%s/%s?", look->access->http.url, list->group,
                   look->access->namespace, list->resource);
    dr_buffer_addf(&url, "%s%s", list->whole ? "limit=0" : "limit=" PAGE, list->query);
    if (list->page.next[0] != '\0') {
        dr_buffer_add(&url, "&continue=");
        dr_http_encode(&url, list->page.next);
    }
    return dr_buffer_take(&url);
}

/* An error of the API server: which right is missing, or what it says. */
static bool fail(const struct look *look, const struct listing *list,
                 const struct dr_http_reply *reply, struct dr_error *error)
{
    struct kubernetes_status status;
    kubernetes_read_status(dr_buffer_text(&reply->body), &status);
    const char *said = status.message[0] != '\0' ? status.message : status.reason;
    const char *colon = said[0] != '\0' ? ": " : "";
    switch (reply->status) {
    case 401:
        return dr_error_set(error, DR_ERR_AUTH,
                            "status 401%s%.100s: the token or certificate is not accepted: it has "
                            "expired, or is of another cluster",
                            colon, said);
    case 403:
        return dr_error_set(error, DR_ERR_PRIVILEGE,
                            "not allowed to %s in namespace %s: a role with that right, as in "
                            "contrib/kubernetes/rbac.yaml, is missing%s%.250s",
                            list->grant, look->access->namespace, colon, said);
    case 404:
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "status 404%s%.200s: this is no API server, or one without %s", colon,
                            said, list->group);
    case 429:
        /* it protects itself: nothing is known of the workloads */
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "status 429%s%.200s: the API server has too many requests", colon,
                            said);
    default:
        return dr_error_set(error, reply->status >= 500 ? DR_ERR_SERVER : DR_ERR_PROTOCOL,
                            "status %ld, not 200: asked to %s%s%.250s", reply->status, list->grant,
                            colon, said);
    }
}

/* The list has changed too long ago for its next page: once more from the beginning, in one piece,
 * as clients of the API do. */
static bool start_again(struct listing *list)
{
    if (list->whole)
        return false;
    list->clear(list->context);
    list->whole = true;
    list->page.next[0] = '\0';
    return true;
}

static bool take_page(const struct look *look, struct listing *list,
                      const struct dr_http_reply *reply)
{
    list->date = reply->date;
    if (reply->status == 410 && start_again(list))
        return true;
    list->done = true;
    if (reply->status != 200)
        return fail(look, list, reply, &list->error);
    if (strlen(dr_buffer_text(&reply->body)) != reply->body.size)
        return dr_error_set(&list->error, DR_ERR_PROTOCOL, "the reply holds a NUL byte");
    if (!list->take(list->context, dr_buffer_text(&reply->body), &list->page, &list->error))
        return dr_error_prefix(&list->error, "%s", list->resource);
    list->done = list->page.next[0] == '\0';
    return true;
}

/* The next page of up to AT_ONCE lists. False with the error set (INTERNAL) only where nothing
 * could be asked. */
static bool ask_pages(const struct look *look, struct listing **lists, size_t count,
                      struct dr_error *error)
{
    struct dr_http_request requests[AT_ONCE] = {{.url = NULL}};
    struct dr_http_reply replies[AT_ONCE];
    struct dr_error errors[AT_ONCE];
    char *urls[AT_ONCE] = {NULL};
    bool ok[AT_ONCE], room = true;
    for (size_t i = 0; i < count; i++) {
        urls[i] = make_url(look, lists[i]);
        room = room && urls[i] != NULL;
        requests[i] = look->access->http.request;
        requests[i].url = urls[i];
        requests[i].body_max = REPLY_MAX;
        requests[i].compressed = true;
        requests[i].private = true; /* specifications of pods have passwords in their environment */
        requests[i].stage = lists[i]->stage;
    }
    if (room)
        dr_http_ask_all(look->http, requests, replies, errors, ok, count);
    for (size_t i = 0; i < count; i++) {
        free(urls[i]);
        if (!room)
            continue;
        lists[i]->ok = ok[i] && take_page(look, lists[i], &replies[i]);
        if (!ok[i])
            lists[i]->error = errors[i];
        lists[i]->done = lists[i]->done || !lists[i]->ok;
        dr_http_reply_free(&replies[i]);
    }
    return room || out_of_memory(error);
}

/* All pages of all of them. What came of each is in it. False as above. */
static bool ask_lists(const struct look *look, struct listing *lists, size_t count,
                      struct dr_error *error)
{
    for (;;) {
        struct listing *next[AT_ONCE];
        size_t chosen = 0;
        for (size_t i = 0; i < count && chosen < AT_ONCE; i++) {
            if (!lists[i].done)
                next[chosen++] = &lists[i];
        }
        if (chosen == 0)
            return true;
        dr_task_stage(look->task, next[0]->stage);
        if (!ask_pages(look, next, chosen, error))
            return false;
    }
}

/* ---- workloads ---- */

struct kind_list {
    enum kubernetes_kind kind;
    struct kubernetes_workloads workloads;
    char *query;
};

struct survey {
    struct kind_list kinds[KUBERNETES_KINDS];
    struct listing lists[KUBERNETES_KINDS];
    size_t list_count;
};

static bool take_workloads(void *context, const char *text, struct kubernetes_page *page,
                           struct dr_error *error)
{
    struct kind_list *list = context;
    return kubernetes_read_workloads(text, list->kind, &list->workloads, page, error);
}

static void clear_workloads(void *context)
{
    struct kind_list *list = context;
    kubernetes_workloads_free(&list->workloads);
}

/* One that was named is asked for by its name, and is an empty list where it is not there; of
 * several the whole list is looked through. NULL when out of memory. */
static char *make_query(const struct kubernetes_access *access, enum kubernetes_kind kind)
{
    const struct kubernetes_wanted *wanted = &access->wanted[kind];
    struct dr_buffer query = DR_BUFFER(URL_MAX_BYTES);
    dr_buffer_add(&query, "");
    if (!wanted->all && wanted->count == 1) {
        dr_buffer_add(&query, "&fieldSelector=");
        dr_http_encode(&query, "metadata.name=");
        dr_http_encode(&query, wanted->names[0]);
    } else if (access->selector != NULL && wanted->count == 0) {
        dr_buffer_add(&query, "&labelSelector=");
        dr_http_encode(&query, access->selector);
    }
    return dr_buffer_take(&query);
}

static struct listing list_of_kind(enum kubernetes_kind kind, struct kind_list *list)
{
    static const struct {
        const char *group;
        const char *stage;
        const char *grant;
    } words[KUBERNETES_KINDS] = {
        [KUBERNETES_DEPLOYMENT] = {"apis/apps/v1", "list the deployments",
                                   "list deployments (API group apps)"},
        [KUBERNETES_STATEFULSET] = {"apis/apps/v1", "list the stateful sets",
                                    "list statefulsets (API group apps)"},
        [KUBERNETES_DAEMONSET] = {"apis/apps/v1", "list the daemon sets",
                                  "list daemonsets (API group apps)"},
        [KUBERNETES_CRONJOB] = {"apis/batch/v1", "list the cron jobs",
                                "list cronjobs (API group batch)"},
    };
    return (struct listing){.group = words[kind].group,
                            .resource = kubernetes_kinds[kind].resource,
                            .query = list->query,
                            .stage = words[kind].stage,
                            .grant = words[kind].grant,
                            .take = take_workloads,
                            .clear = clear_workloads,
                            .context = list};
}

static bool is_wanted(const struct kubernetes_wanted *wanted)
{
    return wanted->all || wanted->count > 0;
}

static bool plan_survey(const struct look *look, struct survey *survey, struct dr_error *error)
{
    for (size_t k = 0; k < KUBERNETES_KINDS; k++) {
        struct kind_list *list = &survey->kinds[k];
        list->kind = (enum kubernetes_kind)k;
        if (!is_wanted(&look->access->wanted[k]))
            continue;
        list->query = make_query(look->access, list->kind);
        if (list->query == NULL)
            return out_of_memory(error);
        survey->lists[survey->list_count++] = list_of_kind(list->kind, list);
    }
    return true;
}

/* Every list must be there: what is missing could be what runs. */
static bool take_survey(const struct look *look, struct survey *survey, struct dr_error *error)
{
    if (!plan_survey(look, survey, error) ||
        !ask_lists(look, survey->lists, survey->list_count, error))
        return false;
    for (size_t i = 0; i < survey->list_count; i++) {
        if (!survey->lists[i].ok) {
            *error = survey->lists[i].error;
            return false;
        }
    }
    return true;
}

static void survey_free(struct survey *survey)
{
    for (size_t k = 0; k < KUBERNETES_KINDS; k++) {
        kubernetes_workloads_free(&survey->kinds[k].workloads);
        free(survey->kinds[k].query);
    }
}

/* ---- pods and autoscalers ---- */

/* A workload that was asked for, and its pods. */
struct chosen {
    const struct kubernetes_workload *workload;
    bool named;
    struct kubernetes_pods pods;
    char *query;
};

struct choice {
    struct chosen *items;
    struct listing *lists; /* parallel: of their pods; behind them that of the autoscalers */
    size_t count;
    bool scaled; /* autoscalers are asked for: something is at zero */
    struct kubernetes_autoscalers autoscalers;
};

static bool take_pods(void *context, const char *text, struct kubernetes_page *page,
                      struct dr_error *error)
{
    return kubernetes_read_pods(text, context, page, error);
}

static void clear_pods(void *context)
{
    kubernetes_pods_free(context);
}

static bool take_autoscalers(void *context, const char *text, struct kubernetes_page *page,
                             struct dr_error *error)
{
    return kubernetes_read_autoscalers(text, context, page, error);
}

static void clear_autoscalers(void *context)
{
    kubernetes_autoscalers_free(context);
}

static struct listing list_of_autoscalers(struct kubernetes_autoscalers *autoscalers)
{
    return (struct listing){.group = "apis/autoscaling/v1",
                            .resource = "horizontalpodautoscalers",
                            .query = "",
                            .stage = "list the autoscalers",
                            .grant = "list horizontalpodautoscalers (API group autoscaling)",
                            .take = take_autoscalers,
                            .clear = clear_autoscalers,
                            .context = autoscalers};
}

static bool is_named(const struct kubernetes_wanted *wanted, const char *name)
{
    for (size_t i = 0; i < wanted->count; i++) {
        if (strcmp(wanted->names[i], name) == 0)
            return true;
    }
    return false;
}

/* Nothing to list of a cron job, and of a workload whose selector cannot be used, which is told. */
static bool plan_pods(struct chosen *chosen, struct listing *list, struct dr_error *error)
{
    const char *selector = chosen->workload->selector;
    struct dr_buffer query = DR_BUFFER(URL_MAX_BYTES);
    *list = (struct listing){.done = true, .ok = true};
    if (chosen->workload->kind == KUBERNETES_CRONJOB || selector == NULL)
        return true;
    dr_buffer_add(&query, "&labelSelector=");
    bool fits = dr_http_encode(&query, selector);
    chosen->query = dr_buffer_take(&query);
    if (chosen->query == NULL || !fits)
        return out_of_memory(error);
    *list = (struct listing){.group = "api/v1",
                             .resource = "pods",
                             .query = chosen->query,
                             .stage = "list the pods",
                             .grant = "list pods (core API group \"\")",
                             .take = take_pods,
                             .clear = clear_pods,
                             .context = &chosen->pods};
    return true;
}

static bool choose(const struct look *look, const struct survey *survey, struct choice *choice,
                   struct dr_error *error)
{
    size_t most = 0;
    for (size_t k = 0; k < KUBERNETES_KINDS; k++)
        most += survey->kinds[k].workloads.count;
    choice->items = calloc(most + 1, sizeof *choice->items);
    choice->lists = calloc(most + 1, sizeof *choice->lists);
    if (choice->items == NULL || choice->lists == NULL)
        return out_of_memory(error);
    for (size_t k = 0; k < KUBERNETES_KINDS; k++) {
        const struct kubernetes_wanted *wanted = &look->access->wanted[k];
        for (size_t i = 0; i < survey->kinds[k].workloads.count; i++) {
            const struct kubernetes_workload *workload = &survey->kinds[k].workloads.items[i];
            bool named = is_named(wanted, workload->name);
            if (!wanted->all && !named)
                continue;
            struct chosen *chosen = &choice->items[choice->count];
            *chosen = (struct chosen){.workload = workload, .named = named};
            if (!plan_pods(chosen, &choice->lists[choice->count++], error))
                return false;
            choice->scaled =
                choice->scaled || (workload->wanted.known && workload->wanted.value == 0);
        }
    }
    if (choice->scaled)
        choice->lists[choice->count] = list_of_autoscalers(&choice->autoscalers);
    return true;
}

static void choice_free(struct choice *choice)
{
    for (size_t i = 0; i < choice->count; i++) {
        kubernetes_pods_free(&choice->items[i].pods);
        free(choice->items[i].query);
    }
    kubernetes_autoscalers_free(&choice->autoscalers);
    free(choice->items);
    free(choice->lists);
}

/* ---- facts ---- */

static bool is_among(const struct choice *choice, enum kubernetes_kind kind, const char *name)
{
    for (size_t i = 0; i < choice->count; i++) {
        const struct kubernetes_workload *workload = choice->items[i].workload;
        if (workload->kind == kind && (name == NULL || strcmp(workload->name, name) == 0))
            return true;
    }
    return false;
}

static void add_absent(struct liv_facts *facts, enum kubernetes_kind kind, const char *name,
                       const char *text)
{
    struct dr_buffer called = DR_BUFFER(400);
    dr_buffer_addf(&called, "%s/%s", kubernetes_kinds[kind].word, name);
    struct liv_unit *unit =
        liv_facts_add(facts, kind == KUBERNETES_CRONJOB ? LIV_JOB : LIV_WORKLOAD,
                      dr_buffer_text(&called), dr_buffer_text(&called));
    liv_facts_sign(facts, unit, LIV_ABSENT, "%s", text);
    dr_buffer_free(&called);
}

/* What was asked for and is not there. */
static void find_absent(const struct look *look, const struct choice *choice,
                        struct liv_facts *facts)
{
    const struct kubernetes_access *access = look->access;
    const char *selected = access->selector != NULL ? access->selector : "";
    struct dr_buffer text = DR_BUFFER(600);
    dr_buffer_addf(&text, "in namespace %s%s%s", access->namespace,
                   selected[0] != '\0' ? ", selected by " : "", selected);
    for (size_t k = 0; k < KUBERNETES_KINDS; k++) {
        const struct kubernetes_wanted *wanted = &access->wanted[k];
        enum kubernetes_kind kind = (enum kubernetes_kind)k;
        for (size_t i = 0; i < wanted->count; i++) {
            if (!is_among(choice, kind, wanted->names[i]))
                add_absent(facts, kind, wanted->names[i], dr_buffer_text(&text));
        }
        if (wanted->all && !access->everything && !is_among(choice, kind, NULL))
            add_absent(facts, kind, "*", dr_buffer_text(&text));
    }
    if (access->everything && choice->count == 0) {
        struct liv_unit *unit = liv_facts_add(facts, LIV_WORKLOAD, "workloads", "workloads");
        liv_facts_sign(facts, unit, LIV_ABSENT, "%s", dr_buffer_text(&text));
    }
    dr_buffer_free(&text);
}

static void add_units(const struct choice *choice, struct liv_facts *facts)
{
    const struct listing *scalers = &choice->lists[choice->count];
    for (size_t i = 0; i < choice->count; i++) {
        const struct chosen *chosen = &choice->items[i];
        const struct kubernetes_around around = {
            .pods = &chosen->pods,
            .autoscalers = scalers->ok ? &choice->autoscalers : NULL,
            .no_autoscalers = scalers->ok ? "" : scalers->error.text,
            .now = choice->lists[i].date,
            .named = chosen->named,
        };
        if (chosen->workload->kind == KUBERNETES_CRONJOB)
            kubernetes_add_job(facts, chosen->workload, chosen->named);
        else
            kubernetes_add_workload(facts, chosen->workload, &around);
    }
}

static bool look_at(const struct look *look, struct survey *survey, struct choice *choice,
                    struct liv_facts *facts, struct dr_error *error)
{
    if (!take_survey(look, survey, error) || !choose(look, survey, choice, error) ||
        !ask_lists(look, choice->lists, choice->count + (choice->scaled ? 1 : 0), error))
        return false;
    for (size_t i = 0; i < choice->count; i++) {
        if (!choice->lists[i].ok) {
            *error = choice->lists[i].error;
            return false;
        }
    }
    add_units(choice, facts);
    find_absent(look, choice, facts);
    facts->complete = true;
    return !facts->no_memory || out_of_memory(error);
}

static bool probe(struct dr_task *task, void *memory, struct dr_error *error)
{
    struct liv_facts *facts = memory;
    struct kubernetes_access access;
    struct look look = {.task = task, .access = &access};
    struct survey survey = {.list_count = 0};
    struct choice choice = {.items = NULL};
    facts->product = LIV_KUBERNETES;
    bool ok = kubernetes_access_read(task, &access, error);
    if (ok) {
        look.http = dr_http_new(task, error);
        ok = look.http != NULL && look_at(&look, &survey, &choice, facts, error);
        dr_http_free(look.http);
    }
    if (ok)
        liv_facts_text(facts, &facts->what, access.namespace);
    choice_free(&choice);
    survey_free(&survey);
    kubernetes_access_free(&access);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(liveness, kubernetes);
const struct dr_source DR_SOURCE_SYMBOL(liveness, kubernetes) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "kubernetes",
    .facts_size = sizeof(struct liv_facts),
    .library = dr_http_library,
    .probe = probe,
};
