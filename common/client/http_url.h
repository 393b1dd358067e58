/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What http.c has to know of a URL beyond handing it to libcurl: its host, and where a redirect
 * leads. By libcurl's own parser, so that there is one opinion of what a URL says. */
#ifndef DR_CLIENT_HTTP_URL_H
#define DR_CLIENT_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>

/* The host as it stands in a certificate: without the brackets of an IPv6 address and without a
 * final dot. False, and "", when the URL has none or it does not fit. */
bool dr_http_url_host(const char *url, char *host, size_t size);

/* The URL that a reply of `url` leads to by this Location header, which may be relative, without
 * user and password. The caller frees it; NULL when it cannot be read or memory ran out. *same:
 * scheme, host and port are those of `url`, and it names no user. */
char *dr_http_url_join(const char *url, const char *location, bool *same);

#endif
