/* SPDX-License-Identifier: GPL-3.0-or-later */
/* WAL segments of PostgreSQL: their names, and whether an archive has all of them.
 *
 * A segment is counted from 0 over the whole log: number = position / segment size. Its name is
 * timeline, high and low word of that, 8 hex digits each: low runs up to 0x100000000 / segment size
 * (XLogFileName in PostgreSQL's xlog_internal.h). */
#ifndef BACKUPS_WAL_H
#define BACKUPS_WAL_H

#include "common/error.h"
#include "common/optional.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BAK_WAL_SEGMENT_DEFAULT (16u * 1024 * 1024)
#define BAK_WAL_NAME_SIZE 25

struct bak_segment {
    uint32_t timeline;
    uint64_t number;
};

/* Reads the first 24 characters of a name as a segment of that size (bytes). False where they are
 * none: history, backup and .partial files are not segments. What may follow: "", "." and an
 * ending, "-" and a checksum. */
bool bak_wal_read(const char *name, uint64_t segment_size, struct bak_segment *segment);
void bak_wal_name(const struct bak_segment *segment, uint64_t segment_size,
                  char name[BAK_WAL_NAME_SIZE]);

/* The first page of a segment: its header says whose it is. False where it is none (a packed one
 * must be unpacked before). 40 bytes are needed. */
struct bak_wal_header {
    uint64_t system; /* identifier */
    uint32_t segment_size;
};
bool bak_wal_header_read(const void *bytes, size_t size, struct bak_wal_header *header);

/* A position in the log, "16/B374D848". */
bool bak_wal_position(const char *text, uint64_t *position);

/* Which segment sizes make the segment of that name hold the position: a set of sizes, the sum of
 * those (powers of two from 1 MiB to 1 GiB); 0 where none does, or the name is none. Sets of
 * several names and positions are intersected by "&". */
uint64_t bak_wal_sizes(const char *name, uint64_t position);
#define BAK_WAL_SIZES_ALL ((((uint64_t)1 << 31) - 1) & ~(((uint64_t)1 << 20) - 1))
/* The one of a set that is taken: the default where it is among them, else the largest; the default
 * for an empty set. */
uint64_t bak_wal_size_of(uint64_t sizes);

/* The set of segments of an archive, kept as runs without a gap: memory goes with the number of
 * gaps, not of segments. Start with zeros, end with bak_wal_set_free. */
struct bak_wal_set {
    struct bak_wal_run *runs;
    size_t count;
    struct bak_fork *forks;
    size_t fork_count;
};
/* When the segment was last written, seconds since the epoch; unknown is allowed. False without
 * memory. In any order, best in rising. */
bool bak_wal_set_add(struct bak_wal_set *set, const struct bak_segment *segment,
                     struct dr_opt_real modified);
/* A history file: timeline `child` left `parent` within the segment `number`. */
bool bak_wal_set_fork(struct bak_wal_set *set, uint32_t child, uint32_t parent, uint64_t number);
/* Reads a .history file's text and adds its forks. `child` is the timeline of its name. */
bool bak_wal_set_history(struct bak_wal_set *set, uint32_t child, const char *text,
                         uint64_t segment_size, struct dr_error *error);

/* How far one gets without a gap from a segment on, along timelines to the newest one that leads
 * there and has a segment. A timeline without a known fork (its history file is packed) is taken to
 * have left the one below it where its first segment is. */
struct bak_wal_reach {
    bool any;                   /* the first segment is there */
    struct bak_segment through; /* the last one without a gap before it */
    struct dr_opt_real written; /* when that was archived */
    bool gap;                   /* there are later ones, behind a gap */
    struct bak_segment missing; /* the first that is missing */
    uint64_t missing_count;     /* segments that are missing up to the last one there is */
    struct bak_segment last;    /* the last one there is */
    struct dr_opt_real last_written;
};
void bak_wal_set_reach(const struct bak_wal_set *set, const struct bak_segment *from,
                       struct bak_wal_reach *reach);
void bak_wal_set_free(struct bak_wal_set *set);

#endif
