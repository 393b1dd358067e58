/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source of OpenFaaS: the functions of a gateway, by its system API. A function itself is never
 * called: that would start one that has no replicas. */
#include "common/module.h"
#include "plugins/liveness/access.h"
#include "plugins/liveness/openfaas_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPLY_MAX ((size_t)16 * 1024 * 1024)
#define HEALTH_MAX ((size_t)64 * 1024)
#define URL_MAX_BYTES 8192
/* What must be left of the task's time for the second look. */
#define SECOND_LOOK 0.5

struct look {
    struct dr_task *task;
    struct dr_http *http;
    struct dr_web_access access;
    char *url;
    char *health_url;
};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- what is asked ---- */

static bool make_urls(struct look *look, struct dr_error *error)
{
    const struct dr_uri *uri = &dr_task_target(look->task)->uri;
    const char *namespace = dr_uri_param(uri, "namespace");
    int length = (int)strcspn(look->access.path, "?");
    while (length > 0 && look->access.path[length - 1] == '/')
        length--;
    struct dr_buffer url = DR_BUFFER(URL_MAX_BYTES);
    dr_buffer_addf(&url, "%s%.*s/system/functions", look->access.url, length, look->access.path);
    if (namespace != NULL && namespace[0] != '\0') {
        dr_buffer_add(&url, "?namespace=");
        dr_http_encode(&url, namespace);
    }
    bool cut = url.cut;
    look->url = dr_buffer_take(&url);
    look->health_url =
        dr_text_format("%s%.*s/healthz", look->access.url, length, look->access.path);
    if (look->url == NULL || look->health_url == NULL)
        return out_of_memory(error);
    return !cut || dr_error_set(error, DR_ERR_USAGE, "the path is too long");
}

static bool read_target(struct look *look, struct dr_error *error)
{
    static const char *const known[] = {"function", "namespace", "token-file", "cacert",
                                        "cert",     "key",       "insecure",   NULL};
    return dr_uri_has_only(&dr_task_target(look->task)->uri, known, error) &&
           liv_access_read(look->task, true, &look->access, error) && make_urls(look, error);
}

static struct dr_http_request functions_request(const struct look *look)
{
    struct dr_http_request request = look->access.request;
    request.url = look->url;
    request.body_max = REPLY_MAX;
    request.compressed = true;
    request.private = true; /* functions have passwords in their environment */
    request.stage = "list the functions";
    return request;
}

static bool take_functions(const struct dr_http_reply *reply, struct openfaas_functions *list,
                           struct dr_error *error)
{
    if (!dr_web_access_status(reply, "list the functions (the gateway's user, basic-auth-user)",
                              error))
        return false;
    if (strlen(dr_buffer_text(&reply->body)) != reply->body.size)
        return dr_error_set(error, DR_ERR_PROTOCOL, "the reply holds a NUL byte");
    return openfaas_read_functions(dr_buffer_text(&reply->body), list, error);
}

/* The gateway answers it for its provider, whose list of functions is worth as much as it is. */
static bool check_health(const struct dr_http_reply *reply, struct dr_error *error)
{
    if (reply->status == 200)
        return true;
    return dr_error_set(error, reply->status >= 500 ? DR_ERR_SERVER : DR_ERR_PROTOCOL,
                        "/healthz says %ld: the provider behind the gateway is not well",
                        reply->status);
}

/* The functions and the health of the provider, at once. */
static bool ask_both(struct look *look, struct openfaas_functions *list, struct dr_error *error)
{
    struct dr_http_request requests[2] = {functions_request(look), look->access.request};
    struct dr_http_reply replies[2];
    struct dr_error errors[2];
    bool ok[2];
    requests[1].url = look->health_url;
    requests[1].body_max = HEALTH_MAX;
    requests[1].stage = "ask for the provider's health";
    dr_task_stage(look->task, requests[0].stage);
    dr_http_ask_all(look->http, requests, replies, errors, ok, 2);
    bool fine = ok[0] && take_functions(&replies[0], list, &errors[0]);
    if (!fine)
        *error = errors[0];
    else if (!ok[1])
        fine = dr_error_set(error, errors[1].class, "/healthz: %s", errors[1].text);
    else
        fine = check_health(&replies[1], error);
    dr_http_reply_free(&replies[0]);
    dr_http_reply_free(&replies[1]);
    return fine;
}

static bool ask_again(struct look *look, struct openfaas_functions *list, struct dr_error *error)
{
    struct dr_http_request request = functions_request(look);
    struct dr_http_reply reply;
    struct dr_error failed = {.class = DR_ERR_NONE};
    bool ok;
    dr_http_ask_all(look->http, &request, &reply, &failed, &ok, 1);
    bool fine = ok && take_functions(&reply, list, &failed);
    if (!fine)
        *error = failed;
    dr_http_reply_free(&reply);
    return fine;
}

/* ---- facts ---- */

static void sign_replicas(struct liv_facts *facts, struct liv_unit *unit,
                          const struct openfaas_function *function)
{
    long long wanted = function->replicas.value, ready = function->available.value;
    if (wanted == 0 && ready == 0) {
        liv_facts_sign(facts, unit, LIV_K_ASLEEP, "%s", "");
        unit->alive = dr_int(1); /* as one: it answers as soon as it is called */
        return;
    }
    unit->wanted = function->replicas;
    unit->alive = dr_int(ready < wanted ? ready : wanted);
    liv_unit_figure(unit, LIV_WANTED, (double)wanted);
    liv_unit_figure(unit, LIV_AVAILABLE, (double)ready);
    enum liv_sign_kind kind = wanted == 0       ? LIV_K_LEFTOVER
                              : ready < wanted  ? LIV_K_SHORT
                              : ready == wanted ? LIV_K_SETTLED
                                                : LIV_K_ROLLING;
    liv_facts_sign(facts, unit, kind, "%lld of %lld available", ready, wanted);
}

/* Calls that came between the two looks. A counter that went back has begun again, and says
 * nothing. */
static void sign_calls(struct liv_facts *facts, struct liv_unit *unit,
                       const struct openfaas_function *before,
                       const struct openfaas_function *after, double seconds)
{
    if (before == NULL || !before->calls.known || !after->calls.known)
        return;
    double calls = after->calls.value - before->calls.value;
    if (calls > 0)
        liv_facts_sign(facts, unit, LIV_LB_TRAFFIC, "%.0f calls in %.1f s", calls, seconds);
}

static struct liv_unit *add_function(struct liv_facts *facts,
                                     const struct openfaas_function *function)
{
    char name[OPENFAAS_NAME_SIZE + 16];
    snprintf(name, sizeof name, "function/%s", function->name);
    struct liv_unit *unit = liv_facts_add(facts, LIV_WORKLOAD, name, name);
    if (unit == NULL)
        return NULL;
    if (function->image[0] != '\0')
        liv_facts_text(facts, &unit->version, function->image);
    if (function->calls.known)
        liv_unit_figure(unit, LIV_PROCESSED, function->calls.value);
    if (function->replicas.known && function->available.known)
        sign_replicas(facts, unit, function);
    else
        liv_facts_sign(facts, unit, LIV_NOT_TOLD, "its replicas are no usable number");
    return unit;
}

static bool is_named(const struct dr_uri *uri, const char *name, bool *any)
{
    bool found = false;
    *any = false;
    for (size_t i = 0; i < uri->param_count; i++) {
        if (strcmp(uri->params[i].key, "function") != 0)
            continue;
        *any = true;
        found = found || strcmp(uri->params[i].value, name) == 0;
    }
    return found;
}

static void find_absent(const struct dr_uri *uri, const struct openfaas_functions *list,
                        struct liv_facts *facts)
{
    for (size_t i = 0; i < uri->param_count; i++) {
        const struct dr_uri_param *param = &uri->params[i];
        if (strcmp(param->key, "function") != 0 || openfaas_find(list, param->value) != NULL)
            continue;
        struct openfaas_function absent = {.name = ""};
        snprintf(absent.name, sizeof absent.name, "%s", param->value);
        char name[OPENFAAS_NAME_SIZE + 16];
        snprintf(name, sizeof name, "function/%s", absent.name);
        struct liv_unit *unit = liv_facts_add(facts, LIV_WORKLOAD, name, name);
        liv_facts_sign(facts, unit, LIV_ABSENT, "%s", "the gateway does not list it");
    }
}

/* `before` may be empty: there was one look. */
static void add_units(const struct look *look, const struct openfaas_functions *before,
                      const struct openfaas_functions *list, double seconds,
                      struct liv_facts *facts)
{
    const struct dr_uri *uri = &dr_task_target(look->task)->uri;
    for (size_t i = 0; i < list->count; i++) {
        const struct openfaas_function *function = &list->items[i];
        bool any, named = is_named(uri, function->name, &any);
        if (any && !named)
            continue;
        struct liv_unit *unit = add_function(facts, function);
        if (unit != NULL)
            sign_calls(facts, unit, openfaas_find(before, function->name), function, seconds);
    }
    find_absent(uri, list, facts);
}

/* Until the second look. False with the error set where there is no time for it. */
static bool wait_for_second(const struct look *look, double seconds, struct dr_error *error)
{
    struct timespec pause = {.tv_sec = (time_t)seconds};
    pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
    if (seconds > dr_task_left(look->task) - SECOND_LOOK)
        return dr_error_set(error, DR_ERR_USAGE,
                            "--watch leaves no time for the second look: raise --timeout");
    dr_task_stage(look->task, "wait for the second look");
    nanosleep(&pause, NULL);
    return true;
}

static bool look_at(struct look *look, struct liv_facts *facts, struct dr_error *error)
{
    struct openfaas_functions first = {.items = NULL}, second = {.items = NULL};
    const struct liv_request *request = dr_task_request(look->task);
    bool twice = request->watch > 0, ok = ask_both(look, &first, error);
    double at = dr_monotonic();
    if (ok && twice)
        ok = wait_for_second(look, request->watch, error) && ask_again(look, &second, error);
    if (ok)
        add_units(look, &first, twice ? &second : &first, dr_monotonic() - at, facts);
    facts->complete = ok;
    openfaas_functions_free(&first);
    openfaas_functions_free(&second);
    return ok && (!facts->no_memory || out_of_memory(error));
}

static bool probe(struct dr_task *task, void *memory, struct dr_error *error)
{
    struct liv_facts *facts = memory;
    struct look look = {.task = task};
    facts->product = LIV_OPENFAAS;
    bool ok = read_target(&look, error);
    if (ok) {
        look.http = dr_http_new(task, error);
        ok = look.http != NULL && look_at(&look, facts, error);
        dr_http_free(look.http);
    }
    if (ok)
        liv_facts_text(facts, &facts->what, "OpenFaaS");
    free(look.url);
    free(look.health_url);
    dr_web_access_free(&look.access);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(liveness, openfaas);
const struct dr_source DR_SOURCE_SYMBOL(liveness, openfaas) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "openfaas",
    .facts_size = sizeof(struct liv_facts),
    .library = dr_http_library,
    .probe = probe,
};
