/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sources of check_backup_freshness find out: one struct bak_facts for each target.
 *
 * A target holds series: each is what is backed up (a database, a host, a volume), with its restore
 * points. A restore point has the moment whose data you get back, the moment since when it can be
 * used, and what was seen of its completeness. A series that keeps a log as well (WAL) can be
 * restored to any moment of a stretch. Everything that can be missing is optional or NULL: unknown
 * is not zero. All moments are seconds since the epoch. Sources decide nothing: what is odd is a
 * sign (signs.h). */
#ifndef BACKUPS_FACTS_H
#define BACKUPS_FACTS_H

#include "common/error.h"
#include "common/optional.h"
#include "plugins/backups/signs.h"

#include <stddef.h>
#include <stdint.h>

/* Whose words and advice to use. */
enum bak_product {
    BAK_PRODUCT_UNKNOWN = 0,
    BAK_FILES,   /* files on a disk */
    BAK_OBJECTS, /* objects in a store: S3, Azure Blob, Azure Files */
    BAK_PGBACKREST,
    BAK_BARMAN,
    BAK_WALG,
    BAK_WAL, /* a plain archive of WAL segments */
    BAK_RESTIC,
    BAK_BORG,
    BAK_VELERO,
    BAK_ELASTICSEARCH, /* and OpenSearch */
    BAK_DOCUMENT,      /* JSON of some other tool */
    BAK_ARCHIVER,      /* PostgreSQL, asked about its archiving */
    BAK_RDS,
    BAK_EBS,
    BAK_GCP_DISK,
    BAK_DIGITALOCEAN,
    BAK_AZURE_SQL,
    BAK_VOLUME_SNAPSHOT,
    BAK_PRODUCTS
};

enum bak_status {
    BAK_COMPLETE = 0, /* nothing that was looked at speaks against it */
    BAK_RUNNING,      /* still being made, or copied */
    BAK_PARTIAL,      /* cut, killed, or without some of its parts */
    BAK_FAILED,       /* its tool says so */
    BAK_UNSEEN        /* it is there, and could not be looked at */
};

enum bak_level { BAK_FULL = 0, BAK_DIFFERENTIAL, BAK_INCREMENTAL };

/* How much was seen of a point, each more than the one before it. */
enum bak_proof {
    BAK_NONE = 0,    /* somebody says that it is there */
    BAK_SIZED,       /* it is there, with a size that is not 0 */
    BAK_WELLFORMED,  /* its beginning, end and structure are those of a complete one */
    BAK_CHECKSUMMED, /* all of it was read, and its checksums fit */
    BAK_RESTORED     /* a restore of it was seen to succeed (--drill) */
};

/* Where the moment of a point comes from, in the order of trust. */
enum bak_clock {
    BAK_CLOCK_INSIDE = 0, /* from inside the backup, or its catalogue */
    BAK_CLOCK_NAME,       /* from its name (--name-format) */
    BAK_CLOCK_MODIFIED, /* when it was last written, which is when it was finished, at the earliest
                         */
    BAK_CLOCKS
};

struct bak_point {
    char *name;   /* within the series: "pg-20261120.dump", "20261120-020002F"; a file's path below
                     the root of the target */
    char *parent; /* the point that it needs; NULL: none. It may not be there */
    enum bak_status status;
    char *why; /* in words, where it is not complete, or cannot be proven: "no end-of-archive
                  block"; NULL */
    enum bak_level level;
    enum bak_proof proof;
    bool encrypted;             /* its content cannot be looked at without a key */
    struct dr_opt_real data;    /* the moment whose data it gives back, at the latest */
    enum bak_clock clock;       /* of data */
    struct dr_opt_real usable;  /* since when: complete, and where it is looked at */
    struct dr_opt_real began;   /* when its making began */
    struct dr_opt_real expires; /* when its store will delete it */
    struct dr_opt_real locked;  /* until when nobody can delete it (object lock) */
    struct dr_opt_int size;     /* bytes, as it is stored */
    struct dr_opt_int content;  /* bytes of what it gives back, where that is known */
    char *kind;        /* what it is: "pg_dump custom 1.14", "zstd of pg_dump plain"; NULL */
    char *tier;        /* a storage class that takes hours to the first byte: "GLACIER"; NULL */
    uint64_t identity; /* tells this very state of it from others (name, size, times), for what is
                          remembered; 0: not known */
};

/* A stretch of log that any moment can be restored to, on top of a backup. */
struct bak_log {
    bool kept;                  /* there is one, or should be */
    struct dr_opt_real from;    /* the earliest moment that can be restored to */
    struct dr_opt_real through; /* the latest: continuous up to here from a usable backup on */
    struct dr_opt_real seen; /* when it was last added to: later than through where it has a gap */
    struct dr_opt_bool idle; /* the server has written nothing since its end: nothing is at risk */
    struct dr_opt_int missing; /* segments that are missing, as far as they matter */
    struct dr_opt_int waiting; /* segments that are still to be archived */
    struct dr_opt_int timeout; /* archive_timeout in seconds; 0: off */
    uint64_t system;           /* PostgreSQL's system identifier; 0: not known */
    uint64_t segment_size;     /* bytes; 0: not known */
    uint32_t timeline;         /* of the last segment; 0: not known */
    uint64_t last;             /* number of the last segment without a gap before it, as
                                  wal.h counts; 0: none or not known */
};

struct bak_series {
    char *name; /* what is backed up: "main", "pg/orders", "vol-0abc"; "" where the target is one */
    struct bak_point *points; /* the newest of them, in any order */
    size_t point_count;
    struct dr_opt_int total;   /* how many there are */
    struct dr_opt_real oldest; /* the data of the oldest usable one */
    struct bak_log log;
    struct dr_opt_real period;     /* seconds between two runs, as its schedule says */
    struct dr_opt_real restorable; /* the latest moment that can be restored to, as a service says
                                      that has no points of its own to show (RDS); not before the
                                      newest point where there are some */
    struct dr_opt_real earliest;   /* and the earliest */
    struct bak_sign *signs;
    size_t sign_count;
    bool gone; /* what it was made of is known to be there no more, and nobody asked for it by
                  name: its last backups get old, and that is no fault */
    bool expected_only; /* nothing of it was found: it is there because the API says that the thing
                           exists (a volume, a database, a claim) and should have a backup */
};

/* --compare: what was found of a source in its copy. */
struct bak_comparison {
    bool done;       /* both were read to their ends */
    char *copy;      /* label of the copy */
    int64_t objects; /* of the source */
    int64_t bytes;
    int64_t missing;       /* not in the copy */
    int64_t different;     /* there, with another size or content */
    int64_t missing_bytes; /* of both */
    int64_t extra;         /* only in the copy: deleted in the source since */
    struct dr_opt_real
        oldest;        /* when the oldest of those that are missing or different was written */
    char *oldest_name; /* which that is; NULL */
    struct dr_opt_real newest; /* when the newest of the source was written */
    struct dr_opt_real
        newest_copied; /* when the newest was written of those that are in the copy */
};

struct bak_facts {
    enum bak_product product;
    struct bak_series *series;
    size_t series_count;
    struct bak_sign *signs; /* of the target as a whole */
    size_t sign_count;
    char *what;                         /* what the target is: "pgBackRest repository"; NULL */
    struct dr_opt_real clock;           /* the server's clock when it answered */
    struct dr_opt_real credential_ends; /* when what we were let in by expires (a SAS) */
    struct dr_opt_bool versioning;      /* of the store: what is overwritten or deleted is kept */
    struct dr_opt_bool locking;         /* object lock, immutability: nobody can delete */
    struct bak_comparison comparison;
    bool complete;  /* the list of series and of their points is all there is */
    int64_t looked; /* files or objects that were listed */
    bool no_memory; /* something could not be added */
};

/* The series of that name, which is added (copied, cleaned) where it is not there. The pointer is
 * valid until another is added; NULL when out of memory, which no_memory remembers: every call
 * below takes a NULL and does nothing. */
struct bak_series *bak_facts_series(struct bak_facts *facts, const char *name);

/* Adds a point with that name (copied, cleaned). The pointer is valid until the next is added. */
struct bak_point *bak_facts_point(struct bak_facts *facts, struct bak_series *series,
                                  const char *name);

/* Adds a sign of a series, or with NULL of the target, with what was seen in words (printf style,
 * cleaned): the name of a file, an error. Shown with the sign's own words. */
__attribute__((format(printf, 4, 5))) void bak_facts_sign(struct bak_facts *facts,
                                                          struct bak_series *series,
                                                          enum bak_sign_kind kind,
                                                          const char *format, ...);

/* Sets one of its texts (copied, cleaned); a NULL value leaves it. */
void bak_facts_text(struct bak_facts *facts, char **into, const char *value);

/* Sets the status and says why (printf style, cleaned). */
__attribute__((format(printf, 4, 5))) void bak_facts_status(struct bak_facts *facts,
                                                            struct bak_point *point,
                                                            enum bak_status status,
                                                            const char *format, ...);

/* FNV-1a, 64 bits, over what tells one state of a file from another; never 0. */
uint64_t bak_identity(const char *name, int64_t size, double modified, uint64_t inode);

/* Frees what it points to. */
void bak_facts_free(void *facts);

#endif
