/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the API server of a target is, and what the target wants to know. */
#ifndef LIVENESS_KUBERNETES_ACCESS_H
#define LIVENESS_KUBERNETES_ACCESS_H

#include "common/client/kubernetes_access.h"
#include "plugins/liveness/access.h"
#include "plugins/liveness/kubernetes_read.h"

#define KUBERNETES_NAMES_MAX 64

/* Of one kind: what was asked for. */
struct kubernetes_wanted {
    bool all; /* all there are */
    const char *names[KUBERNETES_NAMES_MAX];
    size_t count;
};

/* End with kubernetes_access_free in any case. */
struct kubernetes_access {
    struct dr_kubernetes_access api;
    const char *selector; /* of what is asked for without a name; NULL */
    struct kubernetes_wanted wanted[KUBERNETES_KINDS];
    bool everything; /* no kind was asked for: all of them are */
};

/* Reads the target's URI:
 *
 *     kubernetes://HOST[:PORT]/NAMESPACE?KEY=VALUE&...
 *     kubernetes:///NAMESPACE?kubeconfig=FILE[&context=NAME]
 *     kubernetes:///[NAMESPACE]                    in a pod: its service account
 *
 * with deployment=, statefulset=, daemonset=, cronjob= (as often as wanted, without a value: all of
 * that kind), selector=, and the parameters of dr_kubernetes_access_read. False with the error set.
 */
bool kubernetes_access_read(struct dr_task *task, struct kubernetes_access *access,
                            struct dr_error *error);
void kubernetes_access_free(struct kubernetes_access *access);

#endif
