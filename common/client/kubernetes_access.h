/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the API server of a target is, and what to show it. */
#ifndef DR_CLIENT_KUBERNETES_ACCESS_H
#define DR_CLIENT_KUBERNETES_ACCESS_H

#include "common/client/kubernetes_config.h"
#include "common/client/web_access.h"

/* End with dr_kubernetes_access_free in any case. */
struct dr_kubernetes_access {
    struct dr_web_access http;          /* its request: to copy and to complete */
    struct dr_kubernetes_config config; /* where a kubeconfig says where */
    char *namespace;
};

/* Parameters of the URI that are read here, for dr_uri_has_only. */
#define DR_KUBERNETES_PARAMETERS                                                                   \
    "kubeconfig", "context", "token-file", "cacert", "cert", "key", "insecure"

/* Lower case letters, digits and "-", up to `most` of them; "." too where `dots` are allowed:
 * whatever else there is cannot be a name, and would be another path or query. */
bool dr_kubernetes_is_name(const char *text, size_t most, bool dots);

/* Reads the target's URI:
 *
 *     SCHEME://HOST[:PORT]/NAMESPACE?KEY=VALUE&...
 *     SCHEME:///NAMESPACE?kubeconfig=FILE[&context=NAME]
 *     SCHEME:///[NAMESPACE]                    in a pod: its service account
 *
 * Without a namespace it is `fallback`, or where that is NULL the one of the kubeconfig or of the
 * pod. False with the error set. */
bool dr_kubernetes_access_read(struct dr_task *task, const struct dr_web_options *options,
                               const char *fallback, struct dr_kubernetes_access *access,
                               struct dr_error *error);
void dr_kubernetes_access_free(struct dr_kubernetes_access *access);

#endif
