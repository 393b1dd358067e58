/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/kubernetes_ask.h"

#include <stdlib.h>
#include <string.h>

/* Items of a page, as kubectl asks for them. */
#define PAGE "500"
/* A page of 500 pods with all that is managed in them. */
#define REPLY_MAX ((size_t)64 * 1024 * 1024)
#define URL_MAX_BYTES ((size_t)32 * 1024)
/* Lists that are asked for at once. */
#define AT_ONCE 8

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static char *make_url(const struct dr_kubernetes_api *api, const struct dr_kubernetes_list *list)
{
    struct dr_buffer url = DR_BUFFER(URL_MAX_BYTES);
    dr_buffer_addf(&url, "%s/%s/", api->access->http.url, list->group);
    if (!list->whole_cluster)
        dr_buffer_addf(&url, "namespaces/%s/", api->access->namespace);
    dr_buffer_addf(&url, "%s?", list->resource);
    dr_buffer_addf(&url, "%s%s", list->whole ? "limit=0" : "limit=" PAGE, list->query);
    if (list->page.next[0] != '\0') {
        dr_buffer_add(&url, "&continue=");
        dr_http_encode(&url, list->page.next);
    }
    return dr_buffer_take(&url);
}

/* An error of the API server: which right is missing, or what it says. */
static bool fail(const struct dr_kubernetes_api *api, const struct dr_kubernetes_list *list,
                 const struct dr_http_reply *reply, struct dr_error *error)
{
    struct dr_kubernetes_status status;
    dr_kubernetes_read_status(dr_buffer_text(&reply->body), &status);
    const char *said = status.message[0] != '\0' ? status.message : status.reason;
    const char *colon = said[0] != '\0' ? ": " : "";
    switch (reply->status) {
    case 401:
        return dr_error_set(error, DR_ERR_AUTH,
                            "status 401%s%.100s: the token or certificate is not accepted: it has "
                            "expired, or is of another cluster",
                            colon, said);
    case 403:
        return dr_error_set(error, DR_ERR_PRIVILEGE,
                            "not allowed to %s in %s%s: a role with that right, as in "
                            "contrib/kubernetes/%s, is missing%s%.250s",
                            list->grant, list->whole_cluster ? "the whole cluster" : "namespace ",
                            list->whole_cluster ? "" : api->access->namespace, api->role, colon,
                            said);
    case 404:
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "status 404%s%.200s: this is no API server, or one without %s", colon,
                            said, list->group);
    case 429:
        /* it protects itself: nothing is known of what was asked for */
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "status 429%s%.200s: the API server has too many requests", colon,
                            said);
    default:
        return dr_error_set(error, reply->status >= 500 ? DR_ERR_SERVER : DR_ERR_PROTOCOL,
                            "status %ld, not 200: asked to %s%s%.250s", reply->status, list->grant,
                            colon, said);
    }
}

/* The list has changed too long ago for its next page: once more from the beginning, in one piece,
 * as clients of the API do. */
static bool start_again(struct dr_kubernetes_list *list)
{
    if (list->whole)
        return false;
    list->clear(list->context);
    list->whole = true;
    list->page.next[0] = '\0';
    return true;
}

static bool take_page(const struct dr_kubernetes_api *api, struct dr_kubernetes_list *list,
                      const struct dr_http_reply *reply)
{
    list->date = reply->date;
    if (reply->status == 410 && start_again(list))
        return true;
    list->done = true;
    list->absent = reply->status == 404;
    if (reply->status != 200)
        return fail(api, list, reply, &list->error);
    if (strlen(dr_buffer_text(&reply->body)) != reply->body.size)
        return dr_error_set(&list->error, DR_ERR_PROTOCOL, "the reply holds a NUL byte");
    if (!list->take(list->context, dr_buffer_text(&reply->body), &list->page, &list->error))
        return dr_error_prefix(&list->error, "%s", list->resource);
    list->done = list->page.next[0] == '\0';
    return true;
}

/* The next page of up to AT_ONCE lists. False with the error set (INTERNAL) only where nothing
 * could be asked. */
static bool ask_pages(const struct dr_kubernetes_api *api, struct dr_kubernetes_list **lists,
                      size_t count, struct dr_error *error)
{
    struct dr_http_request requests[AT_ONCE] = {{.url = NULL}};
    struct dr_http_reply replies[AT_ONCE];
    struct dr_error errors[AT_ONCE];
    char *urls[AT_ONCE] = {NULL};
    bool ok[AT_ONCE], room = true;
    for (size_t i = 0; i < count; i++) {
        urls[i] = make_url(api, lists[i]);
        room = room && urls[i] != NULL;
        requests[i] = api->access->http.request;
        requests[i].url = urls[i];
        requests[i].body_max = REPLY_MAX;
        requests[i].compressed = true;
        requests[i].private = true; /* specifications of pods have passwords in their environment */
        requests[i].stage = lists[i]->stage;
    }
    if (room)
        dr_http_ask_all(api->http, requests, replies, errors, ok, count);
    for (size_t i = 0; i < count; i++) {
        free(urls[i]);
        if (!room)
            continue;
        lists[i]->ok = ok[i] && take_page(api, lists[i], &replies[i]);
        if (!ok[i])
            lists[i]->error = errors[i];
        lists[i]->done = lists[i]->done || !lists[i]->ok;
        dr_http_reply_free(&replies[i]);
    }
    return room || out_of_memory(error);
}

bool dr_kubernetes_ask(const struct dr_kubernetes_api *api, struct dr_kubernetes_list *lists,
                       size_t count, struct dr_error *error)
{
    for (;;) {
        struct dr_kubernetes_list *next[AT_ONCE];
        size_t chosen = 0;
        for (size_t i = 0; i < count && chosen < AT_ONCE; i++) {
            if (!lists[i].done)
                next[chosen++] = &lists[i];
        }
        if (chosen == 0)
            return true;
        dr_task_stage(api->task, next[0]->stage);
        if (!ask_pages(api, next, chosen, error))
            return false;
    }
}
