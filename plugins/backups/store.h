/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where backups are kept: a tree of named objects that can be listed, looked at and read, on a disk
 * or in an object store. Everything that reads backups reads them through this, so that a
 * repository is read in the same way wherever it is. Nothing is ever written.
 *
 * Names are relative to the store's root, with "/" between their parts, without one at either end.
 * A store is for one thread. */
#ifndef BACKUPS_STORE_H
#define BACKUPS_STORE_H

#include "common/buffer.h"
#include "common/optional.h"
#include "common/run.h"

/* One thing in a store. Texts are valid during the call that hands it over. */
struct bak_entry {
    const char *name;
    bool directory;         /* or a common prefix */
    bool link;              /* a symbolic link (which is not followed while listing) */
    bool detailed;          /* what follows was looked up; what is unknown then is not to be had */
    struct dr_opt_int size; /* bytes */
    struct dr_opt_real modified; /* seconds since the epoch: last written (uploaded, copied) */
    struct dr_opt_real arrived;  /* not before: when it came to be here (the later of mtime and
                                    ctime); as modified in object stores */
    struct dr_opt_int allocated; /* bytes on the disk */
    uint64_t inode;              /* of a file: device and inode, mixed; 0: not known */
    const char *md5;             /* of its content, 32 hex digits; NULL: not known */
    const char *tier;            /* a storage class that takes hours to the first byte; NULL */
    struct dr_opt_real expires;  /* when a rule will delete it */
    struct dr_opt_real locked;   /* until when nobody can delete it */
    const char *replication;     /* "PENDING", "FAILED", "COMPLETED", "REPLICA"; NULL */
};

/* Takes one entry. False, with the error set, ends the listing; the error becomes its own. */
typedef bool bak_take(void *context, const struct bak_entry *entry, struct dr_error *error);

struct bak_listing {
    const char
        *prefix; /* names that begin with this, which ends at a "/" or within a part; "": all */
    const char
        *after;     /* only names behind this one, in byte order; NULL. May be ignored by a disk */
    bool recursive; /* all below the prefix, only what is no directory; else one level, and
                       directories as entries */
    bool details;   /* size and times are wanted; object stores give them anyway */
    bool sorted;    /* in byte order of the whole names. Object stores do that anyway */
};

struct bak_store;

struct bak_store_type {
    const char *words; /* "S3 bucket backups": of what errors speak */
    /* A prefix (a directory) that is not there is an empty list, not an error. What may not be read
     * is an error of class PRIVILEGE that names it; within a recursive listing the store may go on
     * and hand it to `unreadable`. */
    bool (*list)(struct bak_store *store, const struct bak_listing *listing, bak_take *take,
                 void *context, struct dr_error *error);
    /* Everything that can be had about one name; false with class USAGE where it is not there
     * (*found false), else another error. Symbolic links are followed. */
    bool (*look)(struct bak_store *store, const char *name, struct bak_entry *entry, bool *found,
                 struct dr_error *error);
    /* Reads `size` bytes from `offset` on, fewer only at the end: *got says how many. The name must
     * be there. */
    bool (*read)(struct bak_store *store, const char *name, int64_t offset, void *into, size_t size,
                 size_t *got, struct dr_error *error);
    /* Reads several whole small objects at once, each at most `most` bytes: found[i] says whether
     * names[i] is there, texts[i] is its content (freed by the caller). A longer one is an error.
     */
    bool (*load)(struct bak_store *store, const char *const *names, size_t count, size_t most,
                 struct dr_buffer *texts, bool *found, struct dr_error *error);
    /* Hands over what was begun below the root and never finished, which no listing shows: parts of
     * an upload. `modified` is when it was begun. NULL where a store has none. */
    bool (*unfinished)(struct bak_store *store, bak_take *take, void *context,
                       struct dr_error *error);
    void (*close)(struct bak_store *store);
};

/* An open store: what a type needs follows it in its own struct. */
struct bak_store {
    const struct bak_store_type *type;
    struct dr_task *task;
    const char *pattern; /* what of the URI's path is behind the root: a glob (names.h) for names
                            below it; "": all. Owned by the store */
    const char *place;   /* where that is, for people: "/srv/backup"; NULL. Owned by the store */
    bool remote;         /* each read is a round trip */
    bool atomic;         /* what is seen in it is finished: objects appear when they are complete */
    bool unmounted;      /* with --expect-mount: nothing is mounted at its root */
    int64_t page_limit;  /* --max-pages; 0: none */
    int64_t pages;       /* of listings that were read */
    bool cut;            /* a listing ended at page_limit: it was no error, and there is more */
    struct dr_opt_real clock;           /* the server's, when it answered last */
    struct dr_opt_real credential_ends; /* when what we were let in by expires */
    struct dr_opt_bool versioning; /* as bak_facts has them; asked for when the store is opened */
    struct dr_opt_bool locking;
    /* Called with a name below the root that could not be read, where a listing goes on without it;
     * set by who lists. NULL: such a thing is an error. */
    void (*unreadable)(void *context, const char *name, const char *why);
    void *unreadable_context;
};

/* Opens the store of a target's URI (its scheme without what is in front of a "+"). The root is the
 * part of the path in front of the first part with a wildcard; for a repository (`whole`) all of
 * it. NULL with the error set. Each module has one function of this type. */
typedef struct bak_store *bak_open(struct dr_task *task, const struct dr_uri *uri, bool whole,
                                   struct dr_error *error);

/* Parameters of a URI that a kind of store takes, for dr_uri_has_only; NULL-terminated. */
extern const char *const bak_disk_parameters[];
extern const char *const bak_s3_parameters[];
extern const char *const bak_azure_parameters[];

bak_open bak_disk_open;        /* store_disk.c */
bak_open bak_s3_open;          /* store_s3.c */
bak_open bak_azure_blob_open;  /* store_azure_blob.c */
bak_open bak_azure_files_open; /* store_azure_files.c */

/* ---- for who reads a store (store.c) ---- */

bool bak_store_list(struct bak_store *store, const struct bak_listing *listing, bak_take *take,
                    void *context, struct dr_error *error);
bool bak_store_look(struct bak_store *store, const char *name, struct bak_entry *entry, bool *found,
                    struct dr_error *error);
bool bak_store_read(struct bak_store *store, const char *name, int64_t offset, void *into,
                    size_t size, size_t *got, struct dr_error *error);
bool bak_store_load(struct bak_store *store, const char *const *names, size_t count, size_t most,
                    struct dr_buffer *texts, bool *found, struct dr_error *error);
/* True as well where the store has no such thing. */
bool bak_store_unfinished(struct bak_store *store, bak_take *take, void *context,
                          struct dr_error *error);
/* One of them. */
bool bak_store_text(struct bak_store *store, const char *name, size_t most, struct dr_buffer *text,
                    bool *found, struct dr_error *error);
void bak_store_close(struct bak_store *store);

#endif
