/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests to Amazon Web Services and whoever speaks its protocols, signed with version 4 of its
 * signature: "AWS Signature Version 4 for API requests" of the IAM reference. libcurl signs, too,
 * but 7.88 only what is canonical already, and each version differs.
 *
 * HMAC-SHA256 comes from libcrypto. */
#ifndef DR_CLIENT_AWS_H
#define DR_CLIENT_AWS_H

#include "common/client/http.h"

struct dr_aws_credentials {
    char *key_id;
    char *secret;               /* both NULL: requests are not signed */
    char *token;                /* of temporary ones; NULL */
    struct dr_opt_real expires; /* of temporary ones, seconds since the epoch */
    const char *from;           /* static text: "the environment", "the instance's role" */
};

/* Where credentials and settings are looked for: what the URI says (profile=, credentials-file=,
 * anonymous), else AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, else the profile
 * ($AWS_PROFILE, "default") of $AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials, else
 * AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI, else the metadata service of the machine
 * (IMDSv2: a token by PUT, then the role's credentials). Each secret is registered. False with an
 * AUTH error that lists where was looked, or a USAGE error of a file that cannot be used. */
bool dr_aws_find_credentials(struct dr_task *task, const struct dr_uri *uri,
                             struct dr_aws_credentials *credentials, struct dr_error *error);
void dr_aws_credentials_free(struct dr_aws_credentials *credentials);

/* A parameter of a query, not encoded. */
struct dr_aws_pair {
    const char *name;
    const char *value;
};
#define DR_AWS_PAIRS_MAX 64

/* What is signed. */
struct dr_aws_call {
    const char *method;  /* "GET" */
    const char *service; /* "s3", "rds", "ec2" */
    const char *region;  /* "eu-central-1" */
    const char *scheme;  /* "https" */
    const char *host;    /* as in the Host header: "s3.eu-central-1.amazonaws.com", with the port
                            where it is not the scheme's own */
    const char *path; /* not encoded: "/backups/pg/a b.dump". Encoded once for s3, twice for others
                         when it is signed, once when it is sent */
    const struct dr_aws_pair *query; /* in any order; ended by a NULL name */
    const char *const *headers; /* more of them: "Range: bytes=0-99"; NULL-terminated, NULL: none.
                                   All are signed */
    const char *body;           /* of a POST; NULL: none */
    const char *content_type;
    double now; /* seconds since the epoch */
    /* what dr_http_request has as well */
    const char *ca_file;
    bool insecure;
    const char *connect_host;
    int connect_port;
    size_t body_max;
    bool body_keep;
    dr_http_sink *sink;
    void *sink_context;
    const char *stage;
};

/* The steps of the signature, for tests: each appends to out. */
bool dr_aws_canonical_request(const struct dr_aws_call *call,
                              const struct dr_aws_credentials *credentials, struct dr_buffer *out);
bool dr_aws_string_to_sign(const struct dr_aws_call *call,
                           const struct dr_aws_credentials *credentials, struct dr_buffer *out);
bool dr_aws_authorization(const struct dr_aws_call *call,
                          const struct dr_aws_credentials *credentials, struct dr_buffer *out);

#define DR_AWS_CALLS_MAX 16

/* Signs and asks all at once, as dr_http_ask_all. False with `error` set and nothing asked when a
 * request cannot be made. */
bool dr_aws_ask_all(struct dr_http *http, const struct dr_aws_call *calls,
                    const struct dr_aws_credentials *credentials, struct dr_http_reply *replies,
                    struct dr_error *errors, bool *ok, size_t count, struct dr_error *error);

/* Sets the error that a reply with another status than 200 or 206 stands for, by the code in its
 * XML body: which permission is missing, which region is the right one (<Region>), by how many
 * seconds our clock is off (Date). Never shows the string to sign or the key's id. Returns false.
 * `what` is what was asked for: "list bucket backups", `grant` what allows it: "s3:ListBucket". */
bool dr_aws_refused(const struct dr_http_reply *reply, const char *what, const char *grant,
                    double now, struct dr_error *error);

#endif
