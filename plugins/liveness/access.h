/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the sources that ask over HTTP reach their servers: TLS files, user, bearer token. */
#ifndef LIVENESS_ACCESS_H
#define LIVENESS_ACCESS_H

#include "common/client/http.h"
#include "plugins/liveness/facts.h"
#include "plugins/liveness/request.h"

/* Texts that a request points at live here, or in the target. End with liv_access_free in any case.
 */
struct liv_access {
    struct dr_http_request request; /* to copy and to complete: url, stage, body_max */
    char *url;                      /* scheme://host[:port] without a path; http://localhost for a
                                       Unix socket, which request.unix_socket names */
    const char *path;               /* path and query as they were written, to be appended to the
                                       url: "/health?full=1"; "" where there is none */
    char *whole;                    /* both */
    char *socket;                   /* its own: NULL, or the path of the Unix socket */
    struct dr_uri uri;              /* its own: of liv_access_read_url */
    char *token;                    /* its own: "Authorization: Bearer ...", among the request's
                                       headers; NULL */
};

/* Reads the target's URI and the executable's options (TLS files, bearer token, PROXY header, the
 * headers to send), and where `parameters` says that the URI's query is ours and not the server's,
 * its parameters cacert, cert, key, insecure and token-file, each of which counts before the option
 * of that name; other parameters are the caller's to check. https for every scheme but "http" and
 * those that end in "+http" or "+unix": "http+unix:///run/app.sock:/health" is a socket, a colon,
 * and what to ask for. False with a USAGE error; the token is registered as a secret. */
bool liv_access_read(struct dr_task *task, bool parameters, struct liv_access *access,
                     struct dr_error *error);

/* The same for a URL of an option (--direct), without parameters of ours and without the target's
 * user and password. */
bool liv_access_read_url(struct dr_task *task, const char *text, struct liv_access *access,
                         struct dr_error *error);
void liv_access_free(struct liv_access *access);

/* What an error of a request means for the unit that was asked: a sign with the error's text. */
void liv_access_sign(struct liv_facts *facts, struct liv_unit *unit, const struct dr_error *error);

/* True for 200. For 401, 403, 404 and every other status an error for the target. `what` follows
 * "not allowed to": "list the deployments of namespace web (grant: get, list)". */
bool liv_access_status(const struct dr_http_reply *reply, const char *what, struct dr_error *error);

#endif
