/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests to the data plane of Azure Storage (blob, file, queue, table), authorised by an account
 * key, a shared access signature (SAS) or a bearer token; and the account key's signature by
 * itself.
 *
 * HMAC-SHA256 and base64 come from libcrypto: where libcurl uses OpenSSL, as in Debian, it is in
 * the process already and costs no start-up. */
#ifndef DR_CLIENT_AZURE_H
#define DR_CLIENT_AZURE_H

#include "common/client/azure_sas.h"
#include "common/client/http.h"

/* The version of the protocol that is asked for in x-ms-version; of 2020-10, so that emulators
 * and Azure Stack know it too. */
#define DR_AZURE_VERSION "2020-10-02"

#define DR_AZURE_PAIRS_MAX 12
#define DR_AZURE_TEXT_MAX 16384

/* A header or a parameter of a query, not encoded. */
struct dr_azure_pair {
    const char *name; /* headers: in lower case */
    const char *value;
};

/* What the account key's signature covers. */
struct dr_azure_signed {
    bool table;                        /* the table service has a shorter form */
    const char *method;                /* "GET" */
    const char *account;               /* without "-secondary" */
    const char *path;                  /* of the URL, encoded: "/" at least */
    const struct dr_azure_pair *query; /* each name once, in any order; ended by a NULL name */
    /* those that begin with x-ms-, x-ms-date among them; in the same way */
    const struct dr_azure_pair *headers;
    size_t content_length;    /* bytes of the request's body */
    const char *content_type; /* NULL: not sent */
    const char *range;        /* NULL: not sent */
    const char *if_match;     /* NULL: not sent */
};

/* Appends the text that is signed: "Authorize with Shared Key" of the REST reference, versions from
 * 2015-02-21. False when it does not fit or has more than DR_AZURE_PAIRS_MAX pairs of a kind. */
bool dr_azure_string_to_sign(const struct dr_azure_signed *what, struct dr_buffer *out);

/* Appends the base64 of the HMAC-SHA256 of the text under the account key (base64, as the portal
 * shows it). False with a USAGE error when the key is no base64. */
bool dr_azure_sign(const char *text, const char *key, struct dr_buffer *out,
                   struct dr_error *error);

/* Reads ISO 8601 in UTC as Azure writes it: "2024-05-01T10:20:30.1234567Z", with "+00:00" for the
 * "Z", and without the fraction, the seconds or the time of day. */
bool dr_azure_time(const char *text, double *seconds);

/* One request. Of key, sas and token the first that is not NULL authorises it. */
struct dr_azure_call {
    const char *method;  /* "HEAD"; NULL: GET */
    const char *account; /* without "-secondary" */
    bool table;
    const char *base;                  /* scheme and host: "https://a-secondary.blob.core..." */
    const char *path;                  /* encoded: "/" at least */
    const struct dr_azure_pair *query; /* ended by a NULL name */
    const char *key;
    const char *sas; /* dr_azure_sas.query */
    const char *token;
    const char *version;                 /* of the protocol; NULL: DR_AZURE_VERSION */
    const struct dr_azure_pair *headers; /* more of them that begin with x-ms-, at most
                                            DR_AZURE_HEADERS_MAX; ended by a NULL name. NULL */
    const char *range;                   /* "bytes=0-7"; NULL: all */
    const char *if_match;                /* an ETag; NULL */
    const char *ca_file;                 /* as in dr_http_request, like the rest */
    const char *proxy;
    size_t body_max;
    dr_http_sink *sink;
    void *sink_context;
    bool private; /* the reply holds what is not for the eyes of whoever reads a trace */
    const char *stage;
};

#define DR_AZURE_CALLS_MAX 8
#define DR_AZURE_HEADERS_MAX 4

/* Asks all at once: ok[i], replies[i] and errors[i] are those of calls[i], as dr_http_ask_all has
 * them. False, with `error` set and nothing asked, when a request cannot be made or there are more
 * than DR_AZURE_CALLS_MAX; every reply must be freed, whatever came of it. */
bool dr_azure_ask_all(struct dr_http *http, const struct dr_azure_call *calls,
                      struct dr_http_reply *replies, struct dr_error *errors, bool *ok,
                      size_t count, struct dr_error *error);

/* Asks. False as dr_http_ask; also when the reply carries the id of another request: it came
 * from a cache. */
bool dr_azure_ask(struct dr_task *task, const struct dr_azure_call *call,
                  struct dr_http_reply *reply, struct dr_error *error);

#endif
