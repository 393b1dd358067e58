/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTP request and its reply, for every source that asks a server over HTTP.
 *
 * libcurl is given what is left of the task's time and nothing of the environment: no proxy, no
 * .netrc, no redirects, no cookies, HTTP/1.1. Certificates and host names are verified, always. A
 * reply is bounded in body and headers. What a status code means is for the caller to say: any
 * complete reply is a success here. */
#ifndef DR_CLIENT_HTTP_H
#define DR_CLIENT_HTTP_H

#include "common/buffer.h"
#include "common/optional.h"
#include "common/run.h"

#define DR_HTTP_HEADERS_MAX 16
/* Bytes of all headers of a reply. */
#define DR_HTTP_HEADER_BYTES_MAX (64 * 1024)

/* What is asked. Everything but the URL may be left out. */
struct dr_http_request {
    const char *method; /* NULL: GET */
    const char *url;    /* http:// or https://, encoded. Traced: what is secret in it must be
                           registered before (dr_task_secret) */
    const char *headers[DR_HTTP_HEADERS_MAX + 1]; /* "Name: value", NULL-terminated; never traced */
    const char *body;                             /* sent as it is; NULL: none */
    size_t body_size;                             /* bytes */
    size_t body_max;     /* bytes of the reply's body; a longer one is an error */
    const char *ca_file; /* whom to trust instead of the system's list, PEM; NULL */
    const char *proxy;   /* URL of a proxy; NULL: none, whatever the environment says */
    bool private;        /* the reply's body holds a secret: it is not traced */
    const char *stage;   /* static text: "ask for the statistics" */
};

/* What came back. End with dr_http_reply_free in any case. */
struct dr_http_reply {
    long status;             /* 200 */
    struct dr_buffer body;   /* NUL bytes are possible: use its size */
    struct dr_buffer header; /* "Name: value" lines, each ended by "\n", of the last reply (not of
                                an interim one) */
    struct dr_opt_real date; /* the server's clock when it answered, seconds since the epoch, whole:
                                its Date header. Unknown where it is missing or unreadable */
    double sent;             /* monotonic: when the request left, about */
    double received;         /* monotonic: when the reply was complete */
};

/* Asks, and waits for the whole reply. False with the error set, its class by what went wrong:
 * RESOLVE, CONNECT (refused, closed while talking), TIMEOUT (the text names the stage), TLS,
 * PROTOCOL (no HTTP, too long), USAGE (a bad URL or file). */
bool dr_http_ask(struct dr_task *task, const struct dr_http_request *request,
                 struct dr_http_reply *reply, struct dr_error *error);

void dr_http_reply_free(struct dr_http_reply *reply);

/* Copies the value of the first header of that name (case does not matter), without blanks around
 * it, as much as fits. False, and "" in value, where there is none. */
bool dr_http_header(const struct dr_http_reply *reply, const char *name, char *value, size_t size);

/* Reads the one date format that is sent today, "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate, RFC
 * 9110 5.6.7), as seconds since the epoch. False for anything else, trailing text too. */
bool dr_http_date(const char *text, double *seconds);

/* Writes a moment in that format. */
#define DR_HTTP_DATE_SIZE 30
void dr_http_date_format(double seconds, char text[DR_HTTP_DATE_SIZE]);

/* Appends text with every byte outside A-Z a-z 0-9 - . _ ~ percent-encoded (RFC 3986 2.3). */
bool dr_http_encode(struct dr_buffer *out, const char *text);

/* "libcurl 7.88.1" */
const char *dr_http_library(void);

#endif
