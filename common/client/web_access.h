/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How sources that ask over HTTP reach their servers: what the target's URI and the executable's
 * options say of TLS files, user and bearer token. */
#ifndef DR_CLIENT_WEB_ACCESS_H
#define DR_CLIENT_WEB_ACCESS_H

#include "common/client/http.h"
#include "common/options.h"

/* What options of the executable say for every target. */
struct dr_web_options {
    const char *ca_file; /* files; NULL */
    const char *cert_file;
    const char *key_file;
    const char *token_file; /* a bearer token, read at each run; NULL */
    bool insecure;
    bool proxy_protocol;
    const struct dr_text_list *headers; /* "Name: value" to send; NULL: none */
};

/* Texts that a request points at live here, or in the target. End with dr_web_access_free in any
 * case.
 */
struct dr_web_access {
    struct dr_http_request request; /* to copy and to complete: url, stage, body_max */
    char *url;                      /* scheme://host[:port] without a path; http://localhost for a
                                       Unix socket, which request.unix_socket names */
    const char *path;               /* path and query as they were written, to be appended to the
                                       url: "/health?full=1"; "" where there is none */
    char *whole;                    /* both */
    char *socket;                   /* its own: NULL, or the path of the Unix socket */
    struct dr_uri uri;              /* its own: of dr_web_access_read_url */
    char *token;                    /* its own: "Authorization: Bearer ...", among the request's
                                       headers; NULL */
};

/* Reads the target's URI and the options, and where `parameters` says that the URI's query is ours
 * and not the server's, its parameters cacert, cert, key, insecure and token-file, each of which
 * counts before the option of that name; other parameters are the caller's to check. https for
 * every scheme but "http" and those that end in "+http" or "+unix":
 * "http+unix:///run/app.sock:/health" is a socket, a colon, and what to ask for. False with a USAGE
 * error; the token is registered as a secret. */
bool dr_web_access_read(struct dr_task *task, const struct dr_web_options *options, bool parameters,
                        struct dr_web_access *access, struct dr_error *error);

/* The same for a URL of an option, without parameters of ours and without the target's user and
 * password. */
bool dr_web_access_read_url(struct dr_task *task, const struct dr_web_options *options,
                            const char *text, struct dr_web_access *access, struct dr_error *error);
void dr_web_access_free(struct dr_web_access *access);

/* True for 200. For 401, 403, 404 and every other status an error for the target. `what` follows
 * "not allowed to": "list the deployments of namespace web (grant: get, list)". */
bool dr_web_access_status(const struct dr_http_reply *reply, const char *what,
                          struct dr_error *error);

#endif
