/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The formats of backups, and what each looks at. None decides more than: whole, cut, no backup,
 * encrypted. */
#ifndef BACKUPS_FORMATS_H
#define BACKUPS_FORMATS_H

#include "plugins/backups/proof_packed.h"
#include "plugins/backups/walk.h"

#include <string.h>

struct bak_format {
    /* By the first bytes (and the name, where a format has no magic); no two know the same. */
    bool (*knows)(const char *name, const unsigned char *head, size_t size);
    /* Says kind and data by them; where they say that it is no backup or cannot be told, so. */
    void (*recognise)(const unsigned char *head, size_t size, struct bak_content *content);
    /* What is missing by edges and size; NULL: they say nothing. */
    void (*look)(const struct bak_view *view, struct bak_content *content);
    /* Reads it in order. Cut is what ends too early; whoever calls it knows of what stopped it
     * (walk.h). True where the rest is evidence enough when it was stopped because it costs too
     * much. NULL: the look is all. */
    bool (*walk)(struct bak_walk *walk, struct bak_content *content);
    /* When it is walked by a cheap look, too. */
    enum { BAK_WALK_FULL = 0, BAK_WALK_SMALL /* a file within the budget */, BAK_WALK_ALWAYS } when;
};

extern const struct bak_format bak_format_pg_plain; /* formats_text.c */
extern const struct bak_format bak_format_pg_cluster;
extern const struct bak_format bak_format_mysql;
extern const struct bak_format bak_format_error_text;
extern const struct bak_format bak_format_pg_custom; /* formats_pg.c */
extern const struct bak_format bak_format_mongodump; /* formats_mongo.c */
extern const struct bak_format bak_format_bson;
extern const struct bak_format bak_format_redis; /* formats_database.c */
extern const struct bak_format bak_format_bolt;
extern const struct bak_format bak_format_sqlite;
extern const struct bak_format bak_format_tar; /* formats_archive.c */
extern const struct bak_format bak_format_7z;
extern const struct bak_format bak_format_age; /* formats_secret.c */
extern const struct bak_format bak_format_gpg;
extern const struct bak_format bak_format_openssl;

/* ---- proof.c ---- */

/* Looks at one file of that size, which is not 0, packed or not. */
bool bak_proof_file(struct bak_store *store, const char *path, int64_t size, enum bak_proof wanted,
                    struct bak_content *content, struct dr_error *error);

/* Reads all of a file that is of no format: whether it can be read, and where `text` is, whether
 * there are no zero bytes in it. */
bool bak_proof_read(struct bak_store *store, const char *path, bool text,
                    struct bak_content *content, struct dr_error *error);

/* ---- proof_directory.c: a directory that is one backup: pg_dump -Fd, mongodump ---- */

bool bak_proof_directory(struct bak_store *store, const char *path, enum bak_proof wanted,
                         struct bak_content *content, struct dr_error *error);

/* ---- formats.c ---- */

/* Sets the verdict and why, unless something was found before. */
__attribute__((format(printf, 2, 3))) void bak_content_cut(struct bak_content *content,
                                                           const char *format, ...);
__attribute__((format(printf, 2, 3))) void bak_content_none(struct bak_content *content,
                                                            const char *format, ...);
__attribute__((format(printf, 2, 3))) void bak_content_kind(struct bak_content *content,
                                                            const char *format, ...);
__attribute__((format(printf, 2, 3))) void bak_content_note(struct bak_content *content,
                                                            const char *format, ...);

/* True where bytes begin with a text. */
static inline bool bak_begins(const unsigned char *bytes, size_t size, const char *text)
{
    return size >= strlen(text) && memcmp(bytes, text, strlen(text)) == 0;
}

/* True where a name ends in a text, whatever its case. */
bool bak_name_ends(const char *name, const char *ending);

/* Seconds since the epoch of a local time of the process's zone: "2026-11-20 02:00:05" (the hour
 * may have one digit). Unknown for everything else. */
struct dr_opt_real bak_local_moment(const char *text);

/* Passes by a text to its end: it is cut where there is a zero byte (formats_text.c). */
bool bak_walk_text(struct bak_walk *walk, struct bak_content *content);

/* ---- the table of contents of pg_dump's archives (formats_pg.c) ---- */

struct bak_toc {
    int minor;  /* of the version 1.x */
    int format; /* 1 custom; 3 tar, and the toc.dat of a directory */
    size_t int_size;
    size_t offset_size;
    enum bak_packer packer;     /* of the data; gzip stands for zlib's own streams as well */
    struct dr_opt_real created; /* read in the process's zone */
    int64_t entries;
    int64_t with_data;     /* entries that have data: for custom, the two that follow together */
    int64_t set, unset;    /* offsets, custom only */
    int64_t highest;       /* of the offsets */
    int64_t large_objects; /* entries that are one */
    /* Called with the file of an entry that has data (tar, directory), and whether its data come by
     * COPY; may be NULL. False ends the reading. */
    bool (*file)(void *context, const char *name, bool copy);
    void *context;
};

/* Reads header and table, from the first byte on; then the walk stands behind it. False where it
 * ends within, or is none: `why` says it. A version that is not known here: `why` stays NULL. */
bool bak_toc_read(struct bak_walk *walk, struct bak_toc *toc, const char **why);

/* The version, format and time by the first bytes: false where there are too few. */
bool bak_toc_head(const unsigned char *head, size_t size, struct bak_toc *toc);

#endif
