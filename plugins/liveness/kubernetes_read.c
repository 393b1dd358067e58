/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/kubernetes_read.h"

#include "common/buffer.h"
#include "common/client/json_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGES_MAX 32
#define IMAGE_SIZE 512
#define SELECTOR_MAX 8192
/* Of a label's name or value: prefix/name, 253 + 1 + 63. */
#define LABEL_SIZE 320

const struct kubernetes_kind_words kubernetes_kinds[KUBERNETES_KINDS] = {
    [KUBERNETES_DEPLOYMENT] = {"deployment", "Deployment", "deployments", "apps"},
    [KUBERNETES_STATEFULSET] = {"statefulset", "StatefulSet", "statefulsets", "apps"},
    [KUBERNETES_DAEMONSET] = {"daemonset", "DaemonSet", "daemonsets", "apps"},
    [KUBERNETES_CRONJOB] = {"cronjob", "CronJob", "cronjobs", "batch"},
};

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- values ---- */

/* A count that is there: a negative one is none. */
static struct dr_opt_int read_count(struct dr_json *reader)
{
    struct dr_opt_int count = dr_json_int(reader);
    count.known = count.known && count.value >= 0;
    return count;
}

/* ---- metadata ---- */

struct identity {
    struct dr_kubernetes_identity of;
    struct dr_opt_int generation;
    char owner_kind[64];
    char owner[KUBERNETES_NAME_SIZE];
};

/* The owner that controls it. */
static void read_owner(struct dr_json *reader, struct identity *identity)
{
    char name[64], kind[64] = "", owner[KUBERNETES_NAME_SIZE] = "";
    bool controls = false;
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "kind") == 0) {
            dr_json_text(reader, kind, sizeof kind);
        } else if (strcmp(name, "name") == 0) {
            dr_json_text(reader, owner, sizeof owner);
        } else if (strcmp(name, "controller") == 0) {
            struct dr_opt_bool says = dr_json_bool(reader);
            controls = says.known && says.value;
        } else {
            dr_json_skip(reader);
        }
    }
    if (controls) {
        snprintf(identity->owner_kind, sizeof identity->owner_kind, "%s", kind);
        snprintf(identity->owner, sizeof identity->owner, "%s", owner);
    }
}

static void read_owners(struct dr_json *reader, struct identity *identity)
{
    if (!dr_json_array(reader))
        return;
    while (dr_json_item(reader))
        read_owner(reader, identity);
}

static void read_identity(struct dr_json *reader, struct identity *identity)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (dr_kubernetes_read_identity(reader, name, &identity->of))
            continue;
        if (strcmp(name, "generation") == 0)
            identity->generation = read_count(reader);
        else if (strcmp(name, "ownerReferences") == 0)
            read_owners(reader, identity);
        else
            dr_json_skip(reader);
    }
}

static bool check_name(const char *kind, const char *name, struct dr_error *error)
{
    return name[0] != '\0' ||
           dr_error_set(error, DR_ERR_PROTOCOL, "%sList: an item without a name", kind);
}

/* ---- selectors ---- */

/* What a label may be made of (RFC 1123 names with "/", "_" and capitals): anything else would
 * change the meaning of the selector that is sent. */
static bool is_label(const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/";
    return text[strspn(text, plain)] == '\0';
}

static void add_term(struct dr_buffer *selector)
{
    if (selector->size > 0)
        dr_buffer_add_char(selector, ',');
}

static bool read_match_labels(struct dr_json *reader, struct dr_buffer *selector)
{
    char key[LABEL_SIZE], value[LABEL_SIZE];
    if (!dr_json_object(reader))
        return false;
    bool ok = true;
    while (dr_json_member(reader, key, sizeof key)) {
        ok = dr_json_text(reader, value, sizeof value) && ok && key[0] != '\0' && is_label(key) &&
             is_label(value);
        add_term(selector);
        dr_buffer_addf(selector, "%s=%s", key, value);
    }
    return ok;
}

/* "(a,b)" */
static bool read_values(struct dr_json *reader, struct dr_buffer *values)
{
    char value[LABEL_SIZE];
    bool ok = true;
    if (!dr_json_array(reader))
        return false;
    dr_buffer_clear(values);
    while (dr_json_item(reader)) {
        ok = dr_json_text(reader, value, sizeof value) && ok && is_label(value);
        dr_buffer_addf(values, "%s%s", values->size > 0 ? "," : "", value);
    }
    return ok;
}

static bool add_expression(struct dr_buffer *selector, const char *key, const char *operator,
                           const struct dr_buffer * values)
{
    add_term(selector);
    if (key[0] == '\0' || !is_label(key))
        return false;
    if (strcmp(operator, "Exists") == 0)
        return dr_buffer_add(selector, key);
    if (strcmp(operator, "DoesNotExist") == 0)
        return dr_buffer_addf(selector, "!%s", key);
    bool in = strcmp(operator, "In") == 0;
    if ((!in && strcmp(operator, "NotIn") != 0) || values->size == 0)
        return false;
    return dr_buffer_addf(selector, "%s %s (%s)", key, in ? "in" : "notin", dr_buffer_text(values));
}

static bool read_expression(struct dr_json *reader, struct dr_buffer *selector)
{
    char name[64], key[LABEL_SIZE] = "", operator[32] = "";
    struct dr_buffer values = DR_BUFFER(SELECTOR_MAX);
    bool object = dr_json_object(reader), ok = object;
    while (object && dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "key") == 0)
            dr_json_text(reader, key, sizeof key);
        else if (strcmp(name, "operator") == 0)
            dr_json_text(reader, operator, sizeof operator);
        else if (strcmp(name, "values") == 0 && dr_json_kind(reader) == '[')
            ok = read_values(reader, &values) && ok;
        else
            dr_json_skip(reader);
    }
    ok = ok && add_expression(selector, key, operator, & values) && !values.cut;
    dr_buffer_free(&values);
    return ok;
}

static bool read_expressions(struct dr_json *reader, struct dr_buffer *selector)
{
    bool array = dr_json_array(reader), ok = array;
    while (array && dr_json_item(reader))
        ok = read_expression(reader, selector) && ok;
    return ok;
}

/* NULL for one that is empty: it would stand for all pods. */
static char *read_selector(struct dr_json *reader)
{
    char name[64];
    struct dr_buffer selector = DR_BUFFER(SELECTOR_MAX);
    bool object = dr_json_object(reader), ok = object;
    while (object && dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "matchLabels") == 0)
            ok = read_match_labels(reader, &selector) && ok;
        else if (strcmp(name, "matchExpressions") == 0)
            ok = read_expressions(reader, &selector) && ok;
        else
            dr_json_skip(reader);
    }
    ok = ok && !selector.cut && selector.size > 0;
    char *text = ok ? dr_buffer_take(&selector) : NULL;
    dr_buffer_free(&selector);
    return text;
}

/* ---- images ---- */

static int compare_images(const void *left, const void *right)
{
    return strcmp(left, right);
}

/* Sorted: two sites may list their containers in another order. */
static char *join_images(char images[][IMAGE_SIZE], size_t count)
{
    struct dr_buffer text = DR_BUFFER(IMAGES_MAX * IMAGE_SIZE);
    qsort(images, count, IMAGE_SIZE, compare_images);
    for (size_t i = 0; i < count; i++)
        dr_buffer_addf(&text, "%s%s", i > 0 ? ", " : "", images[i]);
    return dr_buffer_take(&text);
}

static char *read_containers(struct dr_json *reader)
{
    char(*images)[IMAGE_SIZE] = malloc(IMAGES_MAX * IMAGE_SIZE), *joined = NULL;
    size_t count = 0;
    bool all = images != NULL && dr_json_array(reader);
    if (images == NULL)
        dr_json_skip(reader);
    while (all && dr_json_item(reader)) {
        if (count == IMAGES_MAX) {
            dr_json_skip(reader);
            continue;
        }
        dr_kubernetes_read_member(reader, "image", images[count], IMAGE_SIZE);
        count += images[count][0] != '\0' ? 1 : 0;
    }
    if (count > 0)
        joined = join_images(images, count);
    free(images);
    return joined;
}

/* spec.template */
static char *read_template(struct dr_json *reader)
{
    char name[64], *images = NULL;
    if (!dr_json_object(reader))
        return NULL;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "spec") != 0 || !dr_json_object(reader)) {
            if (strcmp(name, "spec") != 0)
                dr_json_skip(reader);
            continue;
        }
        while (dr_json_member(reader, name, sizeof name)) {
            if (strcmp(name, "containers") == 0 && images == NULL)
                images = read_containers(reader);
            else
                dr_json_skip(reader);
        }
    }
    return images;
}

/* ---- workloads ---- */

static void read_strategy(struct dr_json *reader, struct kubernetes_workload *workload)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "type") == 0) {
            char type[32];
            workload->on_delete =
                dr_json_text(reader, type, sizeof type) && strcmp(type, "OnDelete") == 0;
        } else if (strcmp(name, "rollingUpdate") == 0 && dr_json_kind(reader) == '{') {
            dr_json_object(reader);
            while (dr_json_member(reader, name, sizeof name)) {
                struct dr_opt_int number = {.known = false};
                if (strcmp(name, "partition") == 0)
                    number = read_count(reader);
                else
                    dr_json_skip(reader);
                if (number.known)
                    workload->kept = number.value;
            }
        } else {
            dr_json_skip(reader);
        }
    }
}

static void read_spec(struct dr_json *reader, struct kubernetes_workload *workload)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "replicas") == 0 && workload->kind != KUBERNETES_DAEMONSET) {
            workload->wanted = read_count(reader);
        } else if (strcmp(name, "selector") == 0) {
            free(workload->selector);
            workload->selector = read_selector(reader);
        } else if (strcmp(name, "template") == 0) {
            free(workload->images);
            workload->images = read_template(reader);
        } else if (strcmp(name, "updateStrategy") == 0) {
            read_strategy(reader, workload);
        } else if (strcmp(name, "paused") == 0) {
            struct dr_opt_bool paused = dr_json_bool(reader);
            workload->paused = paused.known && paused.value;
        } else {
            dr_json_skip(reader);
        }
    }
}

struct condition {
    char type[64];
    char status[16];
    char reason[64];
    char message[KUBERNETES_TEXT_SIZE];
};

static bool read_condition(struct dr_json *reader, struct condition *condition)
{
    char name[64];
    *condition = (struct condition){.type = ""};
    if (!dr_json_object(reader))
        return false;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "type") == 0)
            dr_json_text(reader, condition->type, sizeof condition->type);
        else if (strcmp(name, "status") == 0)
            dr_json_text(reader, condition->status, sizeof condition->status);
        else if (strcmp(name, "reason") == 0)
            dr_json_text(reader, condition->reason, sizeof condition->reason);
        else if (strcmp(name, "message") == 0)
            dr_kubernetes_read_words(reader, condition->message, sizeof condition->message);
        else
            dr_json_skip(reader);
    }
    return true;
}

/* The reasons are those of the deployment controller (deployment/util). */
static void take_condition(const struct condition *condition, struct kubernetes_workload *workload)
{
    bool is_true = strcmp(condition->status, "True") == 0;
    bool progress = strcmp(condition->type, "Progressing") == 0;
    bool failure = strcmp(condition->type, "ReplicaFailure") == 0;
    if (progress && is_true && strcmp(condition->reason, "NewReplicaSetAvailable") != 0)
        workload->progressing = true;
    if ((progress && strcmp(condition->status, "False") == 0) || (failure && is_true)) {
        workload->stuck = true;
        snprintf(workload->why, sizeof workload->why, "%.60s%s%.130s", condition->reason,
                 condition->message[0] != '\0' ? ": " : "", condition->message);
    }
}

static void read_conditions(struct dr_json *reader, struct kubernetes_workload *workload)
{
    struct condition condition;
    if (!dr_json_array(reader))
        return;
    while (dr_json_item(reader)) {
        if (read_condition(reader, &condition))
            take_condition(&condition, workload);
    }
}

/* A number of its status: what it is called, and whether the API leaves it out when it is zero. */
struct number {
    const char *name;
    struct dr_opt_int *into;
    bool omitted;
    bool seen;
};

#define NUMBERS 7

/* apps/v1/types.go */
static size_t list_numbers(struct kubernetes_workload *w, struct number numbers[NUMBERS])
{
    bool daemon = w->kind == KUBERNETES_DAEMONSET, set = w->kind == KUBERNETES_STATEFULSET;
    const struct number all[NUMBERS] = {
        {"observedGeneration", &w->observed, true, false},
        {daemon ? "currentNumberScheduled" : "replicas", &w->replicas, !daemon && !set, false},
        {daemon ? "updatedNumberScheduled" : "updatedReplicas", &w->updated, true, false},
        {daemon ? "numberReady" : "readyReplicas", &w->ready, !daemon, false},
        {daemon ? "numberAvailable" : "availableReplicas", &w->available, !set, false},
        {daemon ? "numberUnavailable" : "unavailableReplicas", &w->unavailable, true, false},
        {"desiredNumberScheduled", &w->wanted, false, false},
    };
    memcpy(numbers, all, sizeof all);
    return daemon ? NUMBERS : NUMBERS - 1;
}

static void read_status(struct dr_json *reader, struct kubernetes_workload *workload)
{
    struct number numbers[NUMBERS];
    size_t count = list_numbers(workload, numbers);
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        size_t i = 0;
        while (i < count && strcmp(numbers[i].name, name) != 0)
            i++;
        if (i < count) {
            numbers[i].seen = true;
            *numbers[i].into = read_count(reader);
        } else if (strcmp(name, "conditions") == 0) {
            read_conditions(reader, workload);
        } else {
            dr_json_skip(reader);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (numbers[i].omitted && !numbers[i].seen)
            *numbers[i].into = dr_int(0);
    }
}

/* ---- cron jobs ---- */

static void read_job_spec(struct dr_json *reader, struct kubernetes_workload *job)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "suspend") == 0)
            job->suspended = dr_json_bool(reader);
        else if (strcmp(name, "schedule") == 0)
            dr_kubernetes_read_words(reader, job->schedule, sizeof job->schedule);
        else
            dr_json_skip(reader);
    }
}

static void read_running(struct dr_json *reader, struct kubernetes_workload *job)
{
    char name[KUBERNETES_NAME_SIZE];
    size_t used = 0;
    if (!dr_json_array(reader))
        return;
    while (dr_json_item(reader)) {
        dr_kubernetes_read_member(reader, "name", name, sizeof name);
        job->running++;
        size_t room = sizeof job->running_names - used;
        int length = snprintf(job->running_names + used, room, "%s%s", used > 0 ? ", " : "", name);
        used += length > 0 && (size_t)length < room ? (size_t)length : room - 1;
    }
}

static void read_job_status(struct dr_json *reader, struct kubernetes_workload *job)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "active") == 0)
            read_running(reader, job);
        else
            dr_json_skip(reader);
    }
}

/* ---- the list of workloads ---- */

struct workload_context {
    enum kubernetes_kind kind;
    struct kubernetes_workloads *list;
};

static bool take_workload(struct dr_json *reader, void *context, struct dr_error *error)
{
    struct workload_context *into = context;
    char name[64];
    void *items = into->list->items;
    struct kubernetes_workload *workload =
        dr_kubernetes_add(&items, &into->list->count, sizeof *workload);
    into->list->items = items;
    if (workload == NULL)
        return no_memory(error);
    struct identity identity = {.owner = ""};
    bool job = into->kind == KUBERNETES_CRONJOB;
    workload->kind = into->kind;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "metadata") == 0)
            read_identity(reader, &identity);
        else if (strcmp(name, "spec") == 0 && job)
            read_job_spec(reader, workload);
        else if (strcmp(name, "spec") == 0)
            read_spec(reader, workload);
        else if (strcmp(name, "status") == 0 && job)
            read_job_status(reader, workload);
        else if (strcmp(name, "status") == 0)
            read_status(reader, workload);
        else
            dr_json_skip(reader);
    }
    memcpy(workload->name, identity.of.name, sizeof workload->name);
    workload->generation = identity.generation;
    workload->deleting = identity.of.deleting;
    return check_name(kubernetes_kinds[into->kind].kind, workload->name, error);
}

bool kubernetes_read_workloads(const char *text, enum kubernetes_kind kind,
                               struct kubernetes_workloads *list, struct dr_kubernetes_page *page,
                               struct dr_error *error)
{
    struct workload_context context = {.kind = kind, .list = list};
    const struct dr_kubernetes_shape shape = {.kind = kubernetes_kinds[kind].kind,
                                              .version = kind == KUBERNETES_CRONJOB ? "batch/v1"
                                                                                    : "apps/v1",
                                              .take = take_workload,
                                              .context = &context};
    return dr_kubernetes_read_list(text, &shape, page, error);
}

void kubernetes_workloads_free(struct kubernetes_workloads *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].images);
        free(list->items[i].selector);
    }
    free(list->items);
    *list = (struct kubernetes_workloads){.items = NULL};
}

/* ---- pods ---- */

/* Reasons of a container that waits which do not go away by waiting a little (kubelet/images,
 * kubelet/container). */
static bool is_trouble(const char *reason)
{
    static const char *const reasons[] = {"CrashLoopBackOff",     "ImagePullBackOff",
                                          "ErrImagePull",         "ErrImageNeverPull",
                                          "InvalidImageName",     "CreateContainerConfigError",
                                          "CreateContainerError", "RunContainerError"};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strcmp(reasons[i], reason) == 0)
            return true;
    }
    return false;
}

/* state: {"waiting": {"reason": "CrashLoopBackOff"}} */
static void read_container_state(struct dr_json *reader, struct kubernetes_pod *pod)
{
    char name[64], reason[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "waiting") != 0) {
            dr_json_skip(reader);
            continue;
        }
        dr_kubernetes_read_member(reader, "reason", reason, sizeof reason);
        if (is_trouble(reason))
            memcpy(pod->trouble, reason, sizeof pod->trouble);
    }
}

static void read_containers_status(struct dr_json *reader, struct kubernetes_pod *pod)
{
    char name[64];
    if (!dr_json_array(reader))
        return;
    while (dr_json_item(reader)) {
        if (!dr_json_object(reader))
            continue;
        while (dr_json_member(reader, name, sizeof name)) {
            struct dr_opt_int restarts = {.known = false};
            if (strcmp(name, "restartCount") == 0)
                restarts = read_count(reader);
            else if (strcmp(name, "state") == 0)
                read_container_state(reader, pod);
            else
                dr_json_skip(reader);
            if (restarts.known && restarts.value < INT32_MAX)
                pod->restarts += restarts.value;
        }
    }
}

static void read_pod_conditions(struct dr_json *reader, struct kubernetes_pod *pod)
{
    struct condition condition;
    if (!dr_json_array(reader))
        return;
    while (dr_json_item(reader)) {
        if (!read_condition(reader, &condition))
            continue;
        if (strcmp(condition.type, "Ready") == 0)
            pod->ready = strcmp(condition.status, "True") == 0;
        if (strcmp(condition.type, "PodScheduled") == 0 &&
            strcmp(condition.reason, "Unschedulable") == 0 && pod->trouble[0] == '\0')
            snprintf(pod->trouble, sizeof pod->trouble, "%s", condition.reason);
    }
}

static void read_pod_status(struct dr_json *reader, struct kubernetes_pod *pod)
{
    char name[64], phase[32];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "phase") == 0) {
            dr_json_text(reader, phase, sizeof phase);
            pod->ended = strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
        } else if (strcmp(name, "conditions") == 0) {
            read_pod_conditions(reader, pod);
        } else if (strcmp(name, "containerStatuses") == 0 ||
                   strcmp(name, "initContainerStatuses") == 0) {
            read_containers_status(reader, pod);
        } else {
            dr_json_skip(reader);
        }
    }
}

static bool take_pod(struct dr_json *reader, void *context, struct dr_error *error)
{
    struct kubernetes_pods *list = context;
    char name[64];
    void *items = list->items;
    struct kubernetes_pod *pod = dr_kubernetes_add(&items, &list->count, sizeof *pod);
    list->items = items;
    if (pod == NULL)
        return no_memory(error);
    struct identity identity = {.owner = ""};
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "metadata") == 0)
            read_identity(reader, &identity);
        else if (strcmp(name, "spec") == 0)
            dr_kubernetes_read_member(reader, "nodeName", pod->node, sizeof pod->node);
        else if (strcmp(name, "status") == 0)
            read_pod_status(reader, pod);
        else
            dr_json_skip(reader);
    }
    memcpy(pod->name, identity.of.name, sizeof pod->name);
    memcpy(pod->owner_kind, identity.owner_kind, sizeof pod->owner_kind);
    memcpy(pod->owner, identity.owner, sizeof pod->owner);
    pod->created = identity.of.created;
    pod->terminating = identity.of.deleting;
    pod->deadline = identity.of.deadline;
    return check_name("Pod", pod->name, error);
}

bool kubernetes_read_pods(const char *text, struct kubernetes_pods *list,
                          struct dr_kubernetes_page *page, struct dr_error *error)
{
    const struct dr_kubernetes_shape shape = {
        .kind = "Pod", .version = "v1", .take = take_pod, .context = list};
    return dr_kubernetes_read_list(text, &shape, page, error);
}

void kubernetes_pods_free(struct kubernetes_pods *list)
{
    free(list->items);
    *list = (struct kubernetes_pods){.items = NULL};
}

/* ---- autoscalers ---- */

static void read_scaled(struct dr_json *reader, struct kubernetes_autoscaler *scaler)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "kind") == 0)
            dr_json_text(reader, scaler->target_kind, sizeof scaler->target_kind);
        else if (strcmp(name, "name") == 0)
            dr_json_text(reader, scaler->target, sizeof scaler->target);
        else
            dr_json_skip(reader);
    }
}

static void read_scaler_spec(struct dr_json *reader, struct kubernetes_autoscaler *scaler)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "scaleTargetRef") == 0)
            read_scaled(reader, scaler);
        else if (strcmp(name, "minReplicas") == 0)
            scaler->least = read_count(reader);
        else if (strcmp(name, "maxReplicas") == 0)
            scaler->most = read_count(reader);
        else
            dr_json_skip(reader);
    }
}

static bool take_autoscaler(struct dr_json *reader, void *context, struct dr_error *error)
{
    struct kubernetes_autoscalers *list = context;
    char name[64];
    void *items = list->items;
    struct kubernetes_autoscaler *scaler = dr_kubernetes_add(&items, &list->count, sizeof *scaler);
    list->items = items;
    if (scaler == NULL)
        return no_memory(error);
    struct identity identity = {.owner = ""};
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "metadata") == 0)
            read_identity(reader, &identity);
        else if (strcmp(name, "spec") == 0)
            read_scaler_spec(reader, scaler);
        else
            dr_json_skip(reader);
    }
    memcpy(scaler->name, identity.of.name, sizeof scaler->name);
    scaler->wakes = strcmp(identity.owner_kind, "ScaledObject") == 0;
    return check_name("HorizontalPodAutoscaler", scaler->name, error);
}

bool kubernetes_read_autoscalers(const char *text, struct kubernetes_autoscalers *list,
                                 struct dr_kubernetes_page *page, struct dr_error *error)
{
    const struct dr_kubernetes_shape shape = {.kind = "HorizontalPodAutoscaler",
                                              .version = "autoscaling/v1",
                                              .take = take_autoscaler,
                                              .context = list};
    return dr_kubernetes_read_list(text, &shape, page, error);
}

void kubernetes_autoscalers_free(struct kubernetes_autoscalers *list)
{
    free(list->items);
    *list = (struct kubernetes_autoscalers){.items = NULL};
}
