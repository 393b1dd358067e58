/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The certificate that a server of http.c shows, read while libcurl's own handshake verifies it:
 * libcurl itself says nothing of one that it rejects. Possible only where libcurl uses OpenSSL, and
 * we are built with it. */
#ifndef DR_CLIENT_HTTP_CERTIFICATE_H
#define DR_CLIENT_HTTP_CERTIFICATE_H

#include "common/client/http.h"

/* Certificates that are trusted, read once for all connections of a run: reading the system's list
 * takes longer than a connection, and libcurl does it for each. */
struct dr_http_trust;

/* From a file, and a folder in which OpenSSL finds them by their names (as c_rehash makes it);
 * NULL for either. NULL where there is neither, or they cannot be read. */
struct dr_http_trust *dr_http_trust_new(const char *file, const char *folder);
void dr_http_trust_free(struct dr_http_trust *trust);

/* What is watched, and for whom. Must be there until the connection is closed. */
struct dr_http_watch {
    struct dr_http_certificate *certificate; /* filled in the handshake */
    const char *host;                        /* the name or address that it must be for */
    bool insecure;                           /* nothing is verified, anything is accepted */
    const struct dr_http_trust *trust;       /* instead of libcurl's; NULL */
};

/* NULL where it can be watched, else static text that says why not. tls_library: what libcurl says
 * of its own, "OpenSSL/3.0.19"; NULL for none. */
const char *dr_http_certificate_missing(const char *tls_library);

/* Called with libcurl's SSL_CTX, which is set up but for this. It verifies as before, by
 * watch->trust where that is given. */
void dr_http_certificate_watch(void *ssl_context, struct dr_http_watch *watch);

#endif
