/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The certificate that a server of http.c shows, read while libcurl's own handshake verifies it:
 * libcurl itself says nothing of one that it rejects. Possible only where libcurl uses OpenSSL, and
 * we are built with it. */
#ifndef DR_CLIENT_HTTP_CERTIFICATE_H
#define DR_CLIENT_HTTP_CERTIFICATE_H

#include "common/client/http.h"

/* What is watched, and for whom. Must be there until the connection is closed. */
struct dr_http_watch {
    struct dr_http_certificate *certificate; /* filled in the handshake */
    const char *host;                        /* the name or address that it must be for */
    bool insecure;                           /* nothing is verified, anything is accepted */
};

/* NULL where it can be watched, else static text that says why not. tls_library: what libcurl says
 * of its own, "OpenSSL/3.0.19"; NULL for none. */
const char *dr_http_certificate_missing(const char *tls_library);

/* Called with libcurl's SSL_CTX, which is set up but for this. It verifies as before. */
void dr_http_certificate_watch(void *ssl_context, struct dr_http_watch *watch);

#endif
