/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source of Kubernetes: the workloads of a namespace, their pods, cron jobs and autoscalers.
 * Only lists are asked for, with GET, and never a watch. */
#include "common/client/kubernetes_ask.h"
#include "common/module.h"
#include "plugins/liveness/kubernetes_access.h"
#include "plugins/liveness/kubernetes_units.h"

#include <stdlib.h>
#include <string.h>

#define URL_MAX_BYTES ((size_t)32 * 1024)

struct look {
    struct dr_kubernetes_api api;
    const struct kubernetes_access *access;
};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- workloads ---- */

struct kind_list {
    enum kubernetes_kind kind;
    struct kubernetes_workloads workloads;
    char *query;
};

struct survey {
    struct kind_list kinds[KUBERNETES_KINDS];
    struct dr_kubernetes_list lists[KUBERNETES_KINDS];
    size_t list_count;
};

static bool take_workloads(void *context, const char *text, struct dr_kubernetes_page *page,
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

static struct dr_kubernetes_list list_of_kind(enum kubernetes_kind kind, struct kind_list *list)
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
    return (struct dr_kubernetes_list){.group = words[kind].group,
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
        !dr_kubernetes_ask(&look->api, survey->lists, survey->list_count, error))
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
    struct dr_kubernetes_list
        *lists; /* parallel: of their pods; behind them that of the autoscalers */
    size_t count;
    bool scaled; /* autoscalers are asked for: something is at zero */
    struct kubernetes_autoscalers autoscalers;
};

static bool take_pods(void *context, const char *text, struct dr_kubernetes_page *page,
                      struct dr_error *error)
{
    return kubernetes_read_pods(text, context, page, error);
}

static void clear_pods(void *context)
{
    kubernetes_pods_free(context);
}

static bool take_autoscalers(void *context, const char *text, struct dr_kubernetes_page *page,
                             struct dr_error *error)
{
    return kubernetes_read_autoscalers(text, context, page, error);
}

static void clear_autoscalers(void *context)
{
    kubernetes_autoscalers_free(context);
}

static struct dr_kubernetes_list list_of_autoscalers(struct kubernetes_autoscalers *autoscalers)
{
    return (struct dr_kubernetes_list){.group = "apis/autoscaling/v1",
                                       .resource = "horizontalpodautoscalers",
                                       .query = "",
                                       .stage = "list the autoscalers",
                                       .grant =
                                           "list horizontalpodautoscalers (API group autoscaling)",
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
static bool plan_pods(struct chosen *chosen, struct dr_kubernetes_list *list,
                      struct dr_error *error)
{
    const char *selector = chosen->workload->selector;
    struct dr_buffer query = DR_BUFFER(URL_MAX_BYTES);
    *list = (struct dr_kubernetes_list){.done = true, .ok = true};
    if (chosen->workload->kind == KUBERNETES_CRONJOB || selector == NULL)
        return true;
    dr_buffer_add(&query, "&labelSelector=");
    bool fits = dr_http_encode(&query, selector);
    chosen->query = dr_buffer_take(&query);
    if (chosen->query == NULL || !fits)
        return out_of_memory(error);
    *list = (struct dr_kubernetes_list){.group = "api/v1",
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
    dr_buffer_addf(&text, "in namespace %s%s%s", access->api.namespace,
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
    const struct dr_kubernetes_list *scalers = &choice->lists[choice->count];
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
        !dr_kubernetes_ask(&look->api, choice->lists, choice->count + (choice->scaled ? 1 : 0),
                           error))
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
    struct look look = {.access = &access,
                        .api = {.task = task, .access = &access.api, .role = "rbac.yaml"}};
    struct survey survey = {.list_count = 0};
    struct choice choice = {.items = NULL};
    facts->product = LIV_KUBERNETES;
    bool ok = kubernetes_access_read(task, &access, error);
    if (ok) {
        look.api.http = dr_http_new(task, error);
        ok = look.api.http != NULL && look_at(&look, &survey, &choice, facts, error);
        dr_http_free(look.api.http);
    }
    if (ok)
        liv_facts_text(facts, &facts->what, access.api.namespace);
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
