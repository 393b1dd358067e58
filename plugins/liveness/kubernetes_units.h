/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From what the Kubernetes API says to units and their signs. Pure: no I/O, no clock. */
#ifndef LIVENESS_KUBERNETES_UNITS_H
#define LIVENESS_KUBERNETES_UNITS_H

#include "plugins/liveness/facts.h"
#include "plugins/liveness/kubernetes_read.h"

/* What is known beside one workload. */
struct kubernetes_around {
    const struct kubernetes_pods *pods; /* all that its selector matches; those of others that it
                                           matches as well are left out here */
    const struct kubernetes_autoscalers *autoscalers; /* of the namespace; NULL: not readable */
    const char *no_autoscalers;                       /* why they are not readable; "" */
    struct dr_opt_real now; /* the server's clock when the pods were listed */
    bool named;             /* it was asked for by its name */
};

/* Adds "deployment/web" with its signs. A workload is as wanted when its controller has acted on
 * its newest specification and everything is updated, ready and available, and as many of its pods
 * are ready as its status says. It is scaled to zero when none are wanted and no pod of it is left,
 * one that is being ended included. What is young or being ended in its time is rolling out, for at
 * most KUBERNETES_YOUNG seconds; a deployment as long as its controller says that it gets on. A
 * daemon set that no node is meant for, and that was not asked for by name, is left out. */
#define KUBERNETES_YOUNG 300.0
void kubernetes_add_workload(struct liv_facts *facts, const struct kubernetes_workload *workload,
                             const struct kubernetes_around *around);

/* Adds "cronjob/report". */
void kubernetes_add_job(struct liv_facts *facts, const struct kubernetes_workload *job, bool named);

#endif
