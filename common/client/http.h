/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP requests and their replies, one or several at once, for every source that asks a server over
 * HTTP.
 *
 * libcurl is given what is left of the task's time and nothing of the environment: no proxy, no
 * .netrc, no cookies; redirects and HTTP/2 only where the request says so. Certificates and host
 * names are verified unless the request says not to. A reply is bounded in body and headers. What a
 * status code means is for the caller to say: any complete reply is a success here. SIGPIPE must be
 * ignored (plugin.c does): older versions of libcurl leave that to us.
 *
 * One instance among several that answer to the same name is asked by connect_host: URL, Host
 * header, SNI and the name that the certificate must be for stay, and that it was this address that
 * answered is verified afterwards. */
#ifndef DR_CLIENT_HTTP_H
#define DR_CLIENT_HTTP_H

#include "common/buffer.h"
#include "common/optional.h"
#include "common/run.h"

#define DR_HTTP_HEADERS_MAX 16
/* Bytes of all headers of a reply. */
#define DR_HTTP_HEADER_BYTES_MAX (64 * 1024)
/* Bytes of texts of a reply; longer ones are cut. */
#define DR_HTTP_LOCATION_SIZE 1024
#define DR_HTTP_ADDRESS_SIZE 128
#define DR_HTTP_SUBJECT_SIZE 256
#define DR_HTTP_NAMES_SIZE 512

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
    bool body_keep;       /* no error: its beginning is kept (reply->cut), the rest never read */
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
    const char *ca_pem;    /* the same three as texts instead of files. NULL; libcurl can do that */
    const char *cert_pem;  /* from 7.77 (ca_pem) and 7.71 on, where it uses OpenSSL: an error */
    const char *key_pem;   /* (USAGE) otherwise. None of them is traced */
    bool insecure;         /* verify neither the certificate nor its name */
    const char *proxy;     /* URL of a proxy; NULL: none, whatever the environment says */
    bool private;          /* the reply's body holds a secret: it is not traced */
    double seconds;        /* it may take; 0: all that is left of the task's time, which is never
                              exceeded */
    const char *stage;     /* static text: "ask for the statistics" */

    /* The next five: on a connection of its own, which is closed afterwards, with a TLS session of
     * its own. connect_host, unix_socket and proxy exclude each other (USAGE). */
    const char *connect_host; /* name or address (IPv6 without brackets) to ask instead of the
                                 URL's host. NULL: the URL's. Where it is an address, a reply from
                                 any other is an error (PROTOCOL) */
    int connect_port;         /* with it: 1..65535; 0: the URL's */
    const char *unix_socket;  /* path of the socket to ask instead; NULL */
    bool proxy_protocol;      /* begin the connection with a PROXY header, version 1 */
    int redirects; /* how many to follow, of a GET or HEAD without a body, while scheme, host
                      and port stay the URL's; all on the address that answered first. Any
                      other is the reply: a status of 3xx, and reply->location */
    bool want_certificate; /* fill reply->certificate */

    bool http2; /* HTTP/2 may be agreed on, by ALPN: over TLS only. On a connection of its own */
};

/* The certificate of a server, and the chain that it hangs from. Read in the handshake, also in one
 * that fails because of it. Texts are the server's own: clean them before they are printed. */
struct dr_http_certificate {
    bool known;
    const char *missing; /* static text: why it is not known, "no TLS"; NULL where it is */
    char subject[DR_HTTP_SUBJECT_SIZE]; /* "CN=www.example.org,O=..." */
    char issuer[DR_HTTP_SUBJECT_SIZE];
    char names[DR_HTTP_NAMES_SIZE]; /* what it is for, "www.example.org, 192.0.2.1": names and
                                       addresses of subjectAltName, else the CN; "" for none */
    struct dr_opt_real not_before;  /* seconds since the epoch */
    struct dr_opt_real not_after;
    /* Of the chain that was verified; where that came to nothing, of what is known of it; where
     * nothing was verified, of what the server sent: who ends first. */
    struct dr_opt_real chain_not_after;
    char chain_subject[DR_HTTP_SUBJECT_SIZE]; /* whose that is */
    struct dr_opt_bool trusted; /* the chain: up to a CA that is trusted, nothing in it expired.
                                   Unknown where the request is insecure */
    struct dr_opt_bool named;   /* it is for the URL's host */
    bool verified;              /* both */
    long error;                 /* why the chain is not trusted: X509_V_ERR_* of OpenSSL, 10 for
                                   one that has expired, 20 for an unknown issuer; 0: nothing */
    char error_text[100];       /* OpenSSL's words for it: "certificate has expired" */
    char problem[600];          /* all that is wrong, for a person: since when, for which names, by
                                   which issuer. "" when nothing is */
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

    /* Everything from here on is filled as far as it is known when the request has failed, too. */
    bool cut; /* the body was longer than body_max (body_keep) */
    /* Seconds that each phase took, 0 where it was not gone through or not to its end. Those of
     * redirects that were followed are added up. What is missing to the total is the body. */
    double resolved;   /* the name */
    double connected;  /* the connection, a proxy's included. After a handshake that failed some
                          versions of libcurl do not know, unless the certificate is wanted */
    double tls;        /* the handshake */
    double first_byte; /* from then until the first byte of the reply */
    double total;
    char address[DR_HTTP_ADDRESS_SIZE]; /* who answered: "192.0.2.11", the path of the Unix socket;
                                           the proxy's where there is one. "": no connection, or
                                           (libcurl 8.14) one whose handshake failed */
    int port;                           /* 0: none */
    int failure; /* errno of the last connection that could not be made, as far as libcurl says; 0
                  */
    const char *http_version;             /* "1.0", "1.1", "2"; "" without a reply */
    int redirected;                       /* redirects that were followed */
    char location[DR_HTTP_LOCATION_SIZE]; /* where a status of 301, 302, 303, 307 or 308 leads: the
                                             whole URL without user and password, or what the
                                             header says where that is none; "" otherwise. Clean it
                                             before it is printed */
    struct dr_http_certificate certificate;
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
 *             name", "connect", "TLS handshake", the request's own, "read the reply"
 *   TLS       the certificate is not trusted (the text is its `problem` where it was asked for),
 *             the handshake failed, the server wants a certificate
 *   PROTOCOL  no HTTP, too long, answered by another address
 *   USAGE     a bad URL, user or file, two ways to connect
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
