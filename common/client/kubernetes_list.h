/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of the Kubernetes API: lists of objects, page by page, and errors. */
#ifndef DR_CLIENT_KUBERNETES_LIST_H
#define DR_CLIENT_KUBERNETES_LIST_H

#include "common/client/json_read.h"

/* Of the token of a page, terminated. */
#define DR_KUBERNETES_CONTINUE_SIZE 4096

/* Of the name of an object, terminated. */
#define DR_KUBERNETES_NAME_SIZE 254

/* What is said about a page of a list. */
struct dr_kubernetes_page {
    char next[DR_KUBERNETES_CONTINUE_SIZE]; /* the token of the next one; "": it was the last */
};

/* Takes one item, an object that is already open. False with the error set for a useless one. */
typedef bool dr_kubernetes_take(struct dr_json *reader, void *context, struct dr_error *error);

struct dr_kubernetes_shape {
    const char *kind;    /* "Deployment": the list's is DeploymentList */
    const char *version; /* "apps/v1" */
    dr_kubernetes_take *take;
    void *context;
};

/* Reads one page. False with the error set (PROTOCOL, or that of an item) for anything that is not
 * exactly such a list, or does not say how it goes on. */
bool dr_kubernetes_read_list(const char *text, const struct dr_kubernetes_shape *shape,
                             struct dr_kubernetes_page *page, struct dr_error *error);

/* The reply of an error: {"kind":"Status","reason":"Forbidden","message":"..."}. False where it is
 * none; the texts are "" then. */
struct dr_kubernetes_status {
    char reason[64];
    char message[400];
};
bool dr_kubernetes_read_status(const char *text, struct dr_kubernetes_status *status);

/* "2024-05-01T10:00:00Z" (RFC 3339, in UTC, as Kubernetes writes it) as seconds since the epoch.
 * Unknown for anything else. */
struct dr_opt_real dr_kubernetes_read_time(const char *text);

/* Such a text as a value; unknown for a value of another kind. */
struct dr_opt_real dr_kubernetes_read_moment(struct dr_json *reader);

/* A member that is a text, of the object that comes next; "" where there is none. */
void dr_kubernetes_read_member(struct dr_json *reader, const char *wanted, char *text, size_t size);

/* What the metadata of every object say. */
struct dr_kubernetes_identity {
    char name[DR_KUBERNETES_NAME_SIZE];
    struct dr_opt_real created;
    bool deleting;               /* it is being deleted */
    struct dr_opt_real deadline; /* until when it is given time for that */
};

/* Takes the value of the member of the metadata that is called so. False where it is none of the
 * above: it is still to be read, or skipped. */
bool dr_kubernetes_read_identity(struct dr_json *reader, const char *member,
                                 struct dr_kubernetes_identity *identity);

/* Room for one more in a list of items, zeroed: its count says how many are there, and goes up by
 * one. NULL when out of memory; the list is as it was then. The caller frees the items. */
void *dr_kubernetes_add(void **items, size_t *count, size_t size);

/* As much of a text as fits, cleaned: for people, not for comparisons. Nothing is changed where no
 * text comes. */
void dr_kubernetes_read_words(struct dr_json *reader, char *words, size_t size);

#endif
