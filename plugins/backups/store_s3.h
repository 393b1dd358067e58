/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of a store in S3: store_s3.c opens it, looks and reads, store_s3_list.c lists. */
#ifndef BACKUPS_STORE_S3_H
#define BACKUPS_STORE_S3_H

#include "common/client/aws.h"
#include "plugins/backups/store.h"

#define BAK_S3_NAME_MAX 1024 /* bytes of a key, as S3 has it */
/* Of a page of 1000 keys, each byte of which may be escaped; an error is far smaller. */
#define BAK_S3_PAGE_MAX ((size_t)64 * 1024 * 1024)

struct bak_s3 {
    struct bak_store store; /* first */
    struct bak_store_type type;
    struct dr_aws_credentials credentials;
    struct dr_http *http;
    char words[128]; /* "S3 bucket backups" */
    char *bucket;
    char *root; /* what stands in front of every name: "" or "pg/prod/" */
    char *pattern;
    char region[64];
    const char *scheme; /* "https" */
    char host[300];     /* with the port, and the bucket where it is a part of the name */
    char base[300];     /* what stands in front of every path: "", "/bucket" */
    const char *ca_file;
    bool insecure;
    bool encoded; /* keys are asked for as in URLs: one of them is not possible in XML */
    /* the last one that was looked at or read: what is read next must be of the same state */
    char *same_name;
    char same_etag[128];
    /* texts of an entry */
    char md5[33];
    char tier[32];
    char replication[16];
};

/* A call with all that every one needs. */
struct dr_aws_call bak_s3_call(const struct bak_s3 *s3, const char *path,
                               const struct dr_aws_pair *query, const char *stage);

/* Asks several at once: false with the error of the first that has failed. Takes the server's
 * clock.
 */
bool bak_s3_ask(struct bak_s3 *s3, const struct dr_aws_call *calls, struct dr_http_reply *replies,
                size_t count, struct dr_error *error);

/* The error of a reply that is no success; returns false. */
bool bak_s3_refused(const struct bak_s3 *s3, const struct dr_http_reply *reply, const char *doing,
                    const char *grant, struct dr_error *error);

/* What a storage class means: text where its objects take hours to the first byte, else NULL. */
const char *bak_s3_tier(const char *class);

/* Finds the service, who asks it, the bucket with its protection, and what of it is meant: `whole`
 * as bak_s3_open has it. What was found is freed with the store, whether this fails or not. */
bool bak_s3_prepare(struct bak_s3 *s3, const struct dr_uri *uri, bool whole,
                    struct dr_error *error);

/* As bak_store_type has it. */
bool bak_s3_list(struct bak_store *store, const struct bak_listing *listing, bak_take *take,
                 void *context, struct dr_error *error);

#endif
