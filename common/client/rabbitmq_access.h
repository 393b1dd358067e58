/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The management API of RabbitMQ: whom a target asks, with which secret, and what a refusal says.
 */
#ifndef DR_CLIENT_RABBITMQ_ACCESS_H
#define DR_CLIENT_RABBITMQ_ACCESS_H

#include "common/client/http.h"
#include "common/client/rabbitmq_value.h"
#include "common/secret.h"

struct dr_rabbitmq_access {
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

/* Reads the target's URI and the file of a token. `prefixed`: its path is the server's path prefix;
 * else that is the parameter "prefix", and the path is the caller's. Every secret is registered.
 * False with a USAGE error, or an AUTH error where nothing is there to log in with; end with
 * dr_rabbitmq_access_free in any case. What it points to belongs to the target and to itself. */
bool dr_rabbitmq_access_read(struct dr_task *task, bool prefixed, struct dr_rabbitmq_access *access,
                             struct dr_error *error);

void dr_rabbitmq_access_free(struct dr_rabbitmq_access *access);

/* A request for base + path: the one that every other is made from. `url` is where the text goes;
 * the caller frees it when the reply is there. False when out of memory. */
bool dr_rabbitmq_access_request(const struct dr_rabbitmq_access *access, const char *path,
                                char **url, struct dr_http_request *request);

/* The node has answered "whoami", but not with that: the error. Returns false. */
bool dr_rabbitmq_refuse(const struct dr_rabbitmq_access *access, const struct dr_http_reply *reply,
                        struct dr_error *error);

#endif
