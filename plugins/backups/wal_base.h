/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Base backups of PostgreSQL and the log they need: which of them can be restored, and how far from
 * them on. */
#ifndef BACKUPS_WAL_BASE_H
#define BACKUPS_WAL_BASE_H

#include "plugins/backups/facts.h"
#include "plugins/backups/request.h"
#include "plugins/backups/store.h"
#include "plugins/backups/wal.h"

/* At most so many points of a series are kept: the newest. */
#define BAK_POINTS_MAX 512

/* What a point needs of the log to be consistent. Its index is the point's in its series. */
struct bak_base {
    bool spanned; /* both ends are known; otherwise nothing can be said */
    struct bak_segment start;
    struct bak_segment stop;
};

/* An archive of WAL, read from a store. */
struct bak_archive {
    struct bak_wal_set set;
    uint64_t segment_size;
    int64_t looked;   /* names that were listed */
    int64_t segments; /* of them, segments */
    int64_t misfits;  /* names of 24 digits that no segment of this size can have */
    char newest_backup[BAK_WAL_NAME_SIZE]; /* the segment in the last .backup file's name; "" */
    char packed_history[64];               /* a history file that is packed, and was not read; "" */
};

/* Lists what is below `directory` ("archive/main/15-1/"), from the name `after` on (whole, or
 * NULL), and reads the history files. archive->segment_size must be set. Ended with
 * bak_wal_set_free(&archive->set). */
bool bak_archive_read(struct bak_store *store, const char *directory, const char *after,
                      struct bak_archive *archive, struct dr_error *error);

/* Marks every complete point whose WAL is missing (PARTIAL, and BAK_LOG_GAP), and fills series->log
 * from the newest one that can be restored on. bases are parallel to series->points. */
void bak_bases_judge(const struct bak_request *request, struct bak_facts *facts,
                     struct bak_series *series, const struct bak_base *bases,
                     const struct bak_archive *archive);

/* Sets how far a log goes, by when its segments were written; a moment in the future is none. */
void bak_log_through(const struct bak_request *request, struct bak_facts *facts,
                     struct bak_series *series, const struct bak_wal_reach *reach,
                     const struct bak_archive *archive);

/* The oldest restorable data of the series, and (where nobody has counted more) its total. */
void bak_series_close(struct bak_series *series);

/* Directories and names of one level below a prefix that ends with "/", without it; each with its
 * time. */
struct bak_names {
    struct bak_name {
        char *name;
        bool directory;
        struct dr_opt_int size;
        struct dr_opt_real modified;
    } * items;
    size_t count;
};
bool bak_names_list(struct bak_store *store, const char *prefix, bool details,
                    struct bak_facts *facts, struct bak_names *names, struct dr_error *error);
/* NULL where it is not among them. */
const struct bak_name *bak_names_find(const struct bak_names *names, const char *name);
void bak_names_free(struct bak_names *names);

/* What went wrong with one series as its sign, where the others can still be read (it may not be
 * read, or makes no sense): true. Otherwise false, and the error stands. */
bool bak_series_unreadable(struct bak_facts *facts, const char *name, const struct dr_error *error);

#endif
