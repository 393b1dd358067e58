/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/kubernetes_access.h"

#include <string.h>

static bool want(struct kubernetes_wanted *wanted, const char *word, const char *name,
                 struct dr_error *error)
{
    if (name[0] == '\0') {
        wanted->all = true;
        return true;
    }
    if (!dr_kubernetes_is_name(name, KUBERNETES_NAME_SIZE - 1, true))
        return dr_error_set(error, DR_ERR_USAGE,
                            "%s=: a name has lower case letters, digits, \"-\" and \".\" only",
                            word);
    wanted->names[wanted->count++] = name;
    return true;
}

/* Keys may come as often as wanted: each parameter is looked at. */
static bool read_wanted(const struct dr_uri *uri, struct kubernetes_access *access,
                        struct dr_error *error)
{
    size_t kinds = 0, all = 0;
    for (size_t i = 0; i < uri->param_count; i++) {
        for (size_t k = 0; k < KUBERNETES_KINDS; k++) {
            const char *word = kubernetes_kinds[k].word;
            if (strcmp(uri->params[i].key, word) != 0)
                continue;
            if (!want(&access->wanted[k], word, uri->params[i].value, error))
                return false;
            kinds++;
            all += uri->params[i].value[0] == '\0' ? 1 : 0;
        }
    }
    access->everything = kinds == 0;
    for (size_t k = 0; kinds == 0 && k < KUBERNETES_KINDS; k++)
        access->wanted[k].all = true;
    access->selector = dr_uri_param(uri, "selector");
    if (access->selector != NULL && access->selector[0] == '\0')
        return dr_error_set(error, DR_ERR_USAGE, "selector= is empty");
    return access->selector == NULL || kinds == 0 || all > 0 ||
           dr_error_set(error, DR_ERR_USAGE,
                        "selector= is for kinds without a name (deployment=): what has a name "
                        "needs no selector");
}

bool kubernetes_access_read(struct dr_task *task, struct kubernetes_access *access,
                            struct dr_error *error)
{
    static const char *const known[] = {"deployment", "statefulset", "daemonset",
                                        "cronjob",    "selector",    DR_KUBERNETES_PARAMETERS,
                                        NULL};
    const struct dr_uri *uri = &dr_task_target(task)->uri;
    const struct dr_web_options options = liv_access_options(task);
    *access = (struct kubernetes_access){.selector = NULL};
    return dr_uri_has_only(uri, known, error) && read_wanted(uri, access, error) &&
           dr_kubernetes_access_read(task, &options, NULL, &access->api, error);
}

void kubernetes_access_free(struct kubernetes_access *access)
{
    dr_kubernetes_access_free(&access->api);
}
