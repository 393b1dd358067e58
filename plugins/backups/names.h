/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of backups: which belong to a target, and what they say. */
#ifndef BACKUPS_NAMES_H
#define BACKUPS_NAMES_H

#include "common/error.h"
#include "common/optional.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A glob for a whole name: "*" and "?" stop at a "/", "**" does not, "[...]" is a set ("[!...]"
 * what is not in it). A part "**" is any number of parts, none as well: "**" and "/" and "x" match
 * "x". An empty one matches everything. */
bool bak_glob_match(const char *glob, const char *name);

/* How many bytes of a glob stand in front of its first part with a wildcard: "a/b/" of "a/b/c*.gz".
 */
size_t bak_glob_root(const char *glob);

/* A --name-format: text as it is, "*" for anything without a "/", "{}" for the name of the series
 * (anything without a "/"), and %Y %m %d %H %M %S, %y, %b (Jan), %j, %s (seconds since the epoch),
 * %z (+0100, +01:00, Z), %% as strptime has them, digits in full width. It is matched against the
 * end of the name, from the beginning of one of its parts on. False with a USAGE error (position,
 * reason) where it is none, or says no moment: it needs a date, or %s. */
bool bak_format_check(const char *format, struct dr_error *error);

/* What a name says by that format. `near` (when the file was written, where that is known) decides
 * between two readings of an hour that comes twice. False where it does not match. A moment that no
 * calendar has (month 13) does not match; an hour that daylight saving leaves out is read as the
 * moment an hour later. */
struct bak_named {
    double moment;    /* seconds since the epoch */
    bool zoned;       /* the name says its zone, or is in seconds since the epoch */
    bool day_only;    /* it says no hour: the moment is the beginning of the day */
    char series[256]; /* of "{}"; "" */
};
bool bak_format_read(const char *format, const char *name, const struct dr_opt_real *near,
                     struct bak_named *named);

/* The same in two steps, for a million names of which few are kept: what a name says on the face of
 * it, and which moment that is, which takes the zone's rules. `local` orders names as their moments
 * do, but for the hour that comes twice. */
struct bak_scanned {
    int64_t local; /* seconds since the epoch, as if the zone were UTC; with `zoned`: the moment */
    bool zoned;
    bool day_only;
    const char *series; /* of "{}", within the name; NULL */
    size_t series_size;
};
bool bak_format_scan(const char *format, const char *name, struct bak_scanned *scanned);
double bak_scanned_moment(const struct bak_scanned *scanned, const struct dr_opt_real *near);

/* A name that stands in byte order before all that have a moment not before `moment`, and not
 * before many others (it is a day's): what listings begin behind. False where the format does not
 * begin with text and then year, month and day (or %Y and %j) in this order. `directory` is the
 * fixed beginning of the names. */
bool bak_format_after(const char *format, const char *directory, double moment, char *name,
                      size_t size);

/* True for a name that says that it is not finished: .tmp, .part, .partial, .inprogress,
 * .incomplete, .filepart, .crdownload, a leading "." before a random ending (rsync), "~". */
bool bak_name_unfinished(const char *name);

/* The name that it will have then. False where it has no room. */
bool bak_name_finished(const char *name, char *finished, size_t size);

#endif
