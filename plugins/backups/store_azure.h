/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two stores of Azure Storage, blobs and files, have in common: who lets us in, how a name
 * becomes a path, how bytes are read. */
#ifndef BACKUPS_STORE_AZURE_H
#define BACKUPS_STORE_AZURE_H

#include "common/client/azure_error.h"
#include "plugins/backups/store.h"

#define BAK_AZURE_PAGE "5000" /* names in a reply, the most there is */
#define BAK_AZURE_MD5_SIZE 33

/* Those of a SAS that was pasted into the target; NULL-terminated. */
extern const char *const bak_azure_sas_parameters[];

/* What differs between blobs and files. */
struct bak_azure_kind {
    struct bak_store_type type; /* without its words */
    const char *words;          /* "Azure Blob container" */
    const char *thing;          /* "container" */
    struct dr_azure_form form;
    struct dr_azure_grant grant;
    struct dr_azure_sas_use use;
    bool atomic;                         /* as bak_store has it */
    const char *version;                 /* of the protocol */
    const char *const *missing;          /* codes of a name that is not there; NULL-terminated */
    const struct dr_azure_pair *headers; /* of every request that a token authorises */
};

/* An upload of blocks that was begun and not finished: nothing of it can be read. */
#define BAK_AZURE_BEGUN_MAX 64
struct bak_azure_begun {
    char *name;
    struct dr_opt_real moment;
};

struct bak_azure {
    struct bak_store store; /* first */
    struct bak_store_type type;
    const struct bak_azure_kind *kind;
    struct dr_azure_access access;
    struct dr_azure_access owned; /* of the primary, where access is that of the secondary */
    struct dr_http *http;
    char words[128];
    char place[DR_AZURE_BASE_MAX * 2];
    char *container; /* or share */
    char *root;      /* what stands in front of every name: "" or "pg/prod/" */
    char *pattern;
    /* the last one that was looked at or read: what is read next must be of the same state */
    char *same_name;
    char same_etag[128];
    /* of the last list of all blobs below a prefix */
    struct bak_azure_begun begun[BAK_AZURE_BEGUN_MAX];
    size_t begun_count;
    bool begun_known;
    /* texts of an entry */
    char md5[BAK_AZURE_MD5_SIZE];
    char tier[32];
    char replication[16];
};

/* Opens one of `size` bytes, whose first member is a struct bak_azure. NULL with the error set. */
struct bak_azure *bak_azure_open(struct dr_task *task, const struct dr_uri *uri,
                                 const struct bak_azure_kind *kind, bool secondary,
                                 struct dr_error *error);
/* Forgets which uploads were begun. */
void bak_azure_drop_begun(struct bak_azure *azure);
/* Decides between root and pattern: for a path without wildcards by looking at it. */
bool bak_azure_root(struct bak_azure *azure, const char *path, bool whole, struct dr_error *error);
void bak_azure_close(struct bak_store *store);

/* Appends the encoded path of a name below the root. */
bool bak_azure_path(const struct bak_azure *azure, const char *name, struct dr_buffer *path);

struct dr_azure_call bak_azure_call(const struct bak_azure *azure, const char *path,
                                    const struct dr_azure_pair *query, const char *stage);

/* Asks once; false where no reply came. Takes the server's clock. */
bool bak_azure_ask(struct bak_azure *azure, const struct dr_azure_call *call,
                   struct dr_http_reply *reply, struct dr_error *error);

/* Sets the error of a reply that is no success; returns false. */
bool bak_azure_refused(const struct bak_azure *azure, const struct dr_http_reply *reply,
                       struct dr_error *error);

/* True where the reply says that the name (not the container) is not there. */
bool bak_azure_is_missing(const struct bak_azure *azure, const struct dr_http_reply *reply);

/* Whether another page may be asked for, which is counted; else the listing is cut. */
bool bak_azure_may_go_on(struct bak_azure *azure);

/* HEAD of a name: *found, and the reply where it was (freed by the caller in any case). */
bool bak_azure_head(struct bak_azure *azure, const char *name, bool *found,
                    struct dr_http_reply *reply, struct dr_error *error);

/* As bak_store_type has them. */
bool bak_azure_read(struct bak_store *store, const char *name, int64_t offset, void *into,
                    size_t size, size_t *got, struct dr_error *error);
bool bak_azure_load(struct bak_store *store, const char *const *names, size_t count, size_t most,
                    struct dr_buffer *texts, bool *found, struct dr_error *error);

/* Reads "bytes 0-7/120000". False where it is none. */
bool bak_azure_content_range(const char *text, int64_t *from, int64_t *through, int64_t *total);

/* The base64 of an MD5 as hex digits; false, and "", where it is none. */
bool bak_azure_md5(const char *base64, char hex[BAK_AZURE_MD5_SIZE]);

/* A whole number of bytes; unknown for anything else. */
struct dr_opt_int bak_azure_size(const char *text);

/* A moment of a header or an element, as HTTP or ISO 8601 write it; unknown for anything else. */
struct dr_opt_real bak_azure_moment(const char *text);

/* A name with Encoded="true", decoded in place. False where it is none. */
bool bak_azure_decode(char *name);

#endif
