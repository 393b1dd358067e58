/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks an API server of Kubernetes for lists, several at once, each to its last page. Only lists
 * are asked for, with GET, and never a watch. */
#ifndef DR_CLIENT_KUBERNETES_ASK_H
#define DR_CLIENT_KUBERNETES_ASK_H

#include "common/client/kubernetes_access.h"
#include "common/client/kubernetes_list.h"

struct dr_kubernetes_api {
    struct dr_task *task;
    struct dr_http *http;
    const struct dr_kubernetes_access *access;
    const char *role; /* file of contrib/kubernetes with the rights: "rbac.yaml" */
};

/* One list, page by page. */
struct dr_kubernetes_list {
    const char *group; /* "apis/apps/v1" */
    const char *resource;
    const char *query;  /* labelSelector or fieldSelector, encoded: "&labelSelector=..."; "" */
    const char *stage;  /* static text */
    const char *grant;  /* what allows it: "list deployments (API group apps)" */
    bool whole_cluster; /* not of a namespace */
    /* Reads a page, and adds it to what came so far. */
    bool (*take)(void *context, const char *text, struct dr_kubernetes_page *page,
                 struct dr_error *error);
    void (*clear)(void *context); /* what came so far */
    void *context;
    /* what came of it */
    bool done;
    bool ok;
    bool absent; /* the server does not know the resource (404) */
    bool whole;  /* pages have expired: asked for in one piece */
    struct dr_kubernetes_page page;
    struct dr_opt_real date; /* the server's clock at the last page */
    struct dr_error error;
};

/* All pages of all of them. What came of each is in it: where it is not ok, its error names the
 * right that is missing, or says what the server said. False with the error set (INTERNAL) only
 * where nothing could be asked. */
bool dr_kubernetes_ask(const struct dr_kubernetes_api *api, struct dr_kubernetes_list *lists,
                       size_t count, struct dr_error *error);

#endif
