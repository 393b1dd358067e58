/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an API server says: a list of each kind, then units from workloads and pods; after a form
 * feed the list of pods. Also the list of functions of an OpenFaaS gateway. */
#include "tests/fuzz/fuzz.h"

#include "plugins/liveness/kubernetes_units.h"
#include "plugins/liveness/openfaas_read.h"

static void check_error(bool ok, const struct dr_error *error)
{
    MUST(ok == (error->class == DR_ERR_NONE));
    MUST(ok || error->class == DR_ERR_PROTOCOL);
}

static void check_units(const struct kubernetes_workloads *list,
                        const struct kubernetes_around *around)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct kubernetes_workload *workload = &list->items[i];
        struct liv_facts facts = {.units = NULL};
        if (workload->kind == KUBERNETES_CRONJOB)
            kubernetes_add_job(&facts, workload, true);
        else
            kubernetes_add_workload(&facts, workload, around);
        MUST(facts.unit_count == 1 && facts.units[0].sign_count >= 1 && !facts.no_memory);
        const struct liv_unit *unit = &facts.units[0];
        for (size_t s = 0; s < unit->sign_count; s++) {
            enum liv_sign_kind kind = unit->signs[s].kind;
            MUST(kind != LIV_K_ZERO || workload->wanted.value == 0);
            MUST(kind != LIV_K_SETTLED || unit->alive.value == workload->wanted.value);
        }
        MUST(!unit->alive.known || unit->alive.value <= workload->ready.value);
        liv_facts_free(&facts);
    }
}

static void read_lists(const char *text, const char *pods_text)
{
    struct dr_kubernetes_page page;
    struct kubernetes_pods pods = {.items = NULL};
    struct kubernetes_autoscalers scalers = {.items = NULL};
    struct dr_kubernetes_status status;
    struct dr_error error = {.class = DR_ERR_NONE};
    check_error(kubernetes_read_autoscalers(text, &scalers, &page, &error), &error);
    error.class = DR_ERR_NONE;
    check_error(kubernetes_read_pods(pods_text, &pods, &page, &error), &error);
    dr_kubernetes_read_status(text, &status);
    const struct kubernetes_around around = {.pods = &pods,
                                             .autoscalers = &scalers,
                                             .no_autoscalers = "",
                                             .now = dr_real(1790000000),
                                             .named = true};
    for (int kind = 0; kind < KUBERNETES_KINDS; kind++) {
        struct kubernetes_workloads list = {.items = NULL};
        error.class = DR_ERR_NONE;
        bool ok = kubernetes_read_workloads(text, (enum kubernetes_kind)kind, &list, &page, &error);
        check_error(ok, &error);
        if (ok)
            check_units(&list, &around);
        kubernetes_workloads_free(&list);
    }
    kubernetes_pods_free(&pods);
    kubernetes_autoscalers_free(&scalers);
}

static void read_functions(const char *text)
{
    struct openfaas_functions list = {.items = NULL};
    struct dr_error error = {.class = DR_ERR_NONE};
    bool ok = openfaas_read_functions(text, &list, &error);
    check_error(ok, &error);
    for (size_t i = 0; ok && i < list.count; i++)
        MUST(openfaas_find(&list, list.items[i].name) != NULL);
    openfaas_functions_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *feed = size > 0 ? memchr(data, '\f', size) : NULL;
    size_t first = feed != NULL ? (size_t)(feed - data) : size;
    char *text = fuzz_text(data, first);
    char *pods = feed != NULL ? fuzz_text(feed + 1, size - first - 1) : fuzz_text(data, first);
    read_lists(text, pods);
    read_functions(text);
    free(text);
    free(pods);
    return 0;
}
