/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of the Kubernetes API as plain structs: lists of workloads, pods, cron jobs and
 * autoscalers.
 *
 * A number that the API's types leave out when it is zero ("omitempty" in the apps/v1 types) is
 * zero where it is missing; any other that is missing is unknown. Every reader of a list returns
 * false with the error set (PROTOCOL, or INTERNAL without memory) for anything that is not exactly
 * such a list, and adds what it read to what is there: a list may come in pages. */
#ifndef LIVENESS_KUBERNETES_READ_H
#define LIVENESS_KUBERNETES_READ_H

#include "common/client/kubernetes_list.h"

#include <stddef.h>

/* Bytes of a name, terminated: at most 253 (RFC 1123 subdomain). */
#define KUBERNETES_NAME_SIZE DR_KUBERNETES_NAME_SIZE
#define KUBERNETES_TEXT_SIZE 200
enum kubernetes_kind {
    KUBERNETES_DEPLOYMENT = 0,
    KUBERNETES_STATEFULSET,
    KUBERNETES_DAEMONSET,
    KUBERNETES_CRONJOB,
    KUBERNETES_KINDS
};

/* What a kind is called. */
struct kubernetes_kind_words {
    const char *word;     /* "deployment": in the URI, and before a unit's name */
    const char *kind;     /* "Deployment" */
    const char *resource; /* "deployments" */
    const char *group;    /* "apps" */
};
extern const struct kubernetes_kind_words kubernetes_kinds[KUBERNETES_KINDS];

/* A deployment, a stateful set or a daemon set; a cron job has name, kind and the last part. */
struct kubernetes_workload {
    enum kubernetes_kind kind;
    char name[KUBERNETES_NAME_SIZE];
    bool deleting;                /* it has a deletionTimestamp */
    struct dr_opt_int generation; /* of its specification */
    struct dr_opt_int observed;   /* the one that its controller has acted on */
    struct dr_opt_int wanted;     /* replicas; of a daemon set: nodes it is meant for */
    struct dr_opt_int replicas;   /* there are, without those that are being ended */
    struct dr_opt_int updated;    /* of the newest version */
    struct dr_opt_int ready;
    struct dr_opt_int available;
    struct dr_opt_int unavailable;
    int64_t kept;   /* replicas that stay at the old version on purpose: rollingUpdate.partition */
    bool on_delete; /* updates come only when pods are deleted */
    bool paused;    /* its rollout was paused */
    bool progressing;               /* its controller says that a rollout goes on */
    bool stuck;                     /* its controller says that it does not get on */
    char why[KUBERNETES_TEXT_SIZE]; /* in its words */
    char *images;                   /* of its pods, sorted, "a:1, b:2"; NULL: not in the reply */
    char *selector; /* of its pods, as labelSelector wants it; NULL: none that can be used */
    /* cron jobs */
    struct dr_opt_bool suspended;
    int64_t running;                          /* jobs of it that run */
    char running_names[KUBERNETES_TEXT_SIZE]; /* the first of them */
    char schedule[KUBERNETES_TEXT_SIZE];
};

struct kubernetes_workloads {
    struct kubernetes_workload *items;
    size_t count;
};

struct kubernetes_pod {
    char name[KUBERNETES_NAME_SIZE];
    char node[KUBERNETES_NAME_SIZE]; /* "": none yet */
    char owner_kind[64];             /* of its controller: "ReplicaSet"; "": none */
    char owner[KUBERNETES_NAME_SIZE];
    bool ended; /* Succeeded or Failed: nothing of it runs */
    bool ready;
    struct dr_opt_real created; /* seconds since the epoch, the server's clock */
    bool terminating;
    struct dr_opt_real deadline; /* until when it should have ended */
    int64_t restarts;            /* of its containers */
    char trouble[64]; /* why a container does not start, or no node takes it: "ImagePullBackOff",
                         "Unschedulable"; "" */
};

struct kubernetes_pods {
    struct kubernetes_pod *items;
    size_t count;
};

struct kubernetes_autoscaler {
    char name[KUBERNETES_NAME_SIZE];
    char target_kind[64];
    char target[KUBERNETES_NAME_SIZE];
    struct dr_opt_int least;
    struct dr_opt_int most;
    bool wakes; /* it belongs to a ScaledObject (KEDA), which also scales up from zero */
};

struct kubernetes_autoscalers {
    struct kubernetes_autoscaler *items;
    size_t count;
};

bool kubernetes_read_workloads(const char *text, enum kubernetes_kind kind,
                               struct kubernetes_workloads *list, struct dr_kubernetes_page *page,
                               struct dr_error *error);
bool kubernetes_read_pods(const char *text, struct kubernetes_pods *list,
                          struct dr_kubernetes_page *page, struct dr_error *error);
bool kubernetes_read_autoscalers(const char *text, struct kubernetes_autoscalers *list,
                                 struct dr_kubernetes_page *page, struct dr_error *error);

/* Empty them; they can be filled again. */
void kubernetes_workloads_free(struct kubernetes_workloads *list);
void kubernetes_pods_free(struct kubernetes_pods *list);
void kubernetes_autoscalers_free(struct kubernetes_autoscalers *list);

#endif
