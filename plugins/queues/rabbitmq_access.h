/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a rabbitmq:// or rabbitmqs:// target asks for: whom to ask, and with which secret. */
#ifndef QUEUES_RABBITMQ_ACCESS_H
#define QUEUES_RABBITMQ_ACCESS_H

#include "common/client/http.h"
#include "common/secret.h"

struct rabbitmq_access {
    char *base;           /* "http://mq1:15672/PREFIX/api/" */
    char *group;          /* which cluster: every host of the URI, "mq1:15672,mq2:15672/PREFIX" */
    const char *user;     /* NULL: a token is used */
    const char *password; /* NULL: none */
    char *authorization;  /* "Authorization: Bearer ..."; NULL: none */
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    const char *proxy;
    bool insecure;
    struct dr_secrets *secrets; /* where the token is kept; owned */
};

/* Reads the target's URI and the file of a token. Every secret is registered. False with a USAGE
 * error, or an AUTH error where nothing is there to log in with; end with rabbitmq_access_free in
 * any case. What it points to belongs to the target and to itself. */
bool rabbitmq_access_read(struct dr_task *task, struct rabbitmq_access *access,
                          struct dr_error *error);

void rabbitmq_access_free(struct rabbitmq_access *access);

/* A request for base + path: the one that every other is made from. `url` is where the text goes;
 * the caller frees it when the reply is there. False when out of memory. */
bool rabbitmq_access_request(const struct rabbitmq_access *access, const char *path, char **url,
                             struct dr_http_request *request);

#endif
