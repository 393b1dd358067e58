/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP requests and their replies, one or several at once, for every source that asks a server over
 * HTTP.
 *
 * libcurl is given what is left of the task's time and nothing of the environment: no proxy, no
 * .netrc, no redirects, no cookies, HTTP/1.1. Certificates and host names are verified unless the
 * request says not to. A reply is bounded in body and headers. What a status code means is for the
 * caller to say: any complete reply is a success here. SIGPIPE must be ignored (plugin.c does):
 * older versions of libcurl leave that to us. */
#ifndef DR_CLIENT_HTTP_H
#define DR_CLIENT_HTTP_H

#include "common/buffer.h"
#include "common/optional.h"
#include "common/run.h"

#define DR_HTTP_HEADERS_MAX 16
/* Bytes of all headers of a reply. */
#define DR_HTTP_HEADER_BYTES_MAX (64 * 1024)

/* Takes one piece of a body, of any size, while it comes in. False, with the error set, ends the
 * request, whose error it becomes. */
typedef bool dr_http_sink(void *context, const char *data, size_t size, struct dr_error *error);

/* What is asked. Everything but the URL and the stage may be left out; texts must stay valid until
 * the reply is there. A bearer token is a header of the caller's. */
struct dr_http_request {
    const char *method; /* NULL: GET. A HEAD request expects no body */
    const char *url;    /* http:// or https://, encoded, without user or password. Traced: what is
                           secret in it must be registered before (dr_task_secret) */
    const char *headers[DR_HTTP_HEADERS_MAX + 1]; /* "Name: value", NULL-terminated; never traced */
    const char *body;                             /* sent as it is; NULL: none */
    size_t body_size;                             /* bytes */
    size_t body_max;      /* bytes of the reply's body, unpacked; a longer one is an error */
    dr_http_sink *sink;   /* where the body of a reply with status 200 goes instead of into the
                             reply (NULL: nowhere else). That of any other status is kept */
    void *sink_context;   /* handed to it */
    bool compressed;      /* the body may come packed by gzip; it is unpacked. A stream that is cut
                             short is not always noticed by libcurl: whoever reads it must know its
                             end (a JSON text does) */
    const char *user;     /* of basic authentication; NULL: none. Never traced, like the password */
    const char *password; /* NULL: empty */
    const char *ca_file;  /* whom to trust instead of the system's list, PEM; NULL */
    const char *cert_file; /* the client's own certificate, PEM; NULL: none */
    const char *key_file;  /* its key, PEM, without a pass phrase; NULL: in the same file */
    bool insecure;         /* verify neither the certificate nor its name */
    const char *proxy;     /* URL of a proxy; NULL: none, whatever the environment says */
    bool private;          /* the reply's body holds a secret: it is not traced */
    double seconds;        /* it may take; 0: all that is left of the task's time, which is never
                              exceeded */
    const char *stage;     /* static text: "ask for the statistics" */
};

/* What came back. End with dr_http_reply_free in any case. */
struct dr_http_reply {
    long status;             /* 200 */
    struct dr_buffer body;   /* NUL bytes are possible: use its size. Empty where a sink took it */
    size_t body_size;        /* bytes of the body, unpacked, wherever they went */
    struct dr_buffer header; /* "Name: value" lines, each ended by "\n", of the last reply (not of
                                an interim one) */
    struct dr_opt_real date; /* the server's clock when it answered, seconds since the epoch, whole:
                                its Date header. Unknown where it is missing or unreadable */
    double sent;             /* monotonic: when the request left, about */
    double received;         /* monotonic: when the reply was complete */
};

/* Connections of one task, kept open so that later requests to the same server need neither a new
 * connection nor a new TLS handshake. For one thread at a time. */
struct dr_http;

/* NULL with the error set (INTERNAL) when libcurl cannot be started. */
struct dr_http *dr_http_new(struct dr_task *task, struct dr_error *error);

/* Closes the connections. NULL is allowed. */
void dr_http_free(struct dr_http *http);

/* Asks all at once, and returns when each is answered, has failed or is out of its time: one that
 * hangs neither holds nor fails the others beyond its own limit. ok[i] says whether replies[i] is
 * complete; where it is not, errors[i] is set, its class by what went wrong:
 *   RESOLVE   the name has no address
 *   CONNECT   refused, closed while talking
 *   TIMEOUT   not within `seconds` or the task's time; the text names the stage: "resolve the
 * name", "connect", "TLS handshake", the request's own, "read the reply" TLS       the certificate
 * is not trusted, the handshake failed, the server wants a certificate PROTOCOL  no HTTP, too long
 *   USAGE     a bad URL, user or file
 * and that of a sink as it is. Every reply must be freed, whatever came of it.
 * A single request tells the task the stages it goes through; for several the caller says one
 * (dr_task_stage) before. */
void dr_http_ask_all(struct dr_http *http, const struct dr_http_request *requests,
                     struct dr_http_reply *replies, struct dr_error *errors, bool *ok,
                     size_t count);

/* The same for a single request, on a connection of its own. */
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
