/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the sources that ask over HTTP reach their servers: TLS files, user, bearer token. */
#ifndef LIVENESS_ACCESS_H
#define LIVENESS_ACCESS_H

#include "common/client/http.h"
#include "plugins/liveness/facts.h"
#include "plugins/liveness/request.h"

/* Texts that a request points at live here. End with liv_access_free. */
struct liv_access {
    struct dr_http_request request; /* to copy and to complete: url, stage, body_max */
    char *url;   /* scheme://host[:port] without a path; "" for a Unix socket: see
                    request.unix_socket then, and http://localhost */
    char *token; /* "Authorization: Bearer ...": registered as a secret */
};

/* Reads the target's URI, its parameters (cacert, cert, key, insecure, token-file) where
 * `parameters` says that its query is ours and not the server's, and the executable's options,
 * which count where a parameter is not given. https for every scheme that does not end in "+http"
 * or
 * "+http+unix", and "http" itself. */
bool liv_access_read(struct dr_task *task, bool parameters, struct liv_access *access,
                     struct dr_error *error);
void liv_access_free(struct liv_access *access);

/* What an error of a request means for the unit that was asked: a sign with the error's text. */
void liv_access_sign(struct liv_facts *facts, struct liv_unit *unit, const struct dr_error *error);

/* 401, 403, 404 and every other status that is not 200: an error for the target, in words that name
 * the privilege. True for 200. */
bool liv_access_status(const struct dr_http_reply *reply, const char *what, struct dr_error *error);

#endif
