/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is remembered between runs (--state-dir): the primary's positions over time, and since when
 * things are as they are.
 *
 * Times are seconds since the epoch on our own clock: one clock for all samples. With (time,
 * position) samples the age of a position is known without a heartbeat and without the primary: the
 * loss in seconds of a standby that has everything up to position F is now - (the moment the
 * primary passed F). */
#ifndef REPLICATION_HISTORY_H
#define REPLICATION_HISTORY_H

#include "common/optional.h"
#include "common/state_file.h"

struct rep_history {
    bool open; /* false: --state-dir was not given, and nothing below knows anything */
    struct dr_state_file file;
    char *system; /* whose positions are meant */
};

/* Opens the state of this service. False with error when the directory cannot be used. */
bool rep_history_open(struct rep_history *history, const char *directory, const char *executable,
                      const char *identity, struct dr_error *error);

/* Names the system (cluster of servers with one history) that positions belong to; others' samples
 * are not looked at. */
void rep_history_system(struct rep_history *history, const char *system);

/* Remembers that the primary was at `position` at `time`. Old samples are thinned out, so that they
 * reach far back. */
void rep_history_sample(struct rep_history *history, double time, int64_t position);

/* When the primary was at `position`: between two samples by linear interpolation; at or beyond the
 * newest sample: its time. Unknown when the position is older than all samples. */
struct dr_opt_real rep_history_when(const struct rep_history *history, int64_t position);

/* The newest sample; false when there is none. */
bool rep_history_newest(const struct rep_history *history, double *time, int64_t *position);

/* Bytes per second that the primary wrote between the oldest sample of the last hour and the newest
 * one; unknown with less than 10 s between them. */
struct dr_opt_real rep_history_rate(const struct rep_history *history, double now);

/* Seconds for which `condition` has been seen true, run after run; it is forgotten when `holds` is
 * false. Unknown without history. */
struct dr_opt_real rep_history_since(struct rep_history *history, const char *condition, bool holds,
                                     double now);

/* Remembers a figure under a name and returns how it changes per second against the value
 * remembered before (at least 5 s ago); unknown at first. */
struct dr_opt_real rep_history_slope(struct rep_history *history, const char *name, double now,
                                     int64_t value);

/* Remembers a number under a name and returns the one remembered before. */
struct dr_opt_int rep_history_swap(struct rep_history *history, const char *name, int64_t value);

/* Remembers who the primary of the group is (NULL: there is only one); returns who it was before
 * when that was somebody else, as a copy the caller frees. */
char *rep_history_primary(struct rep_history *history, const char *group, const char *label);

/* Who the primary was when it was last seen, and when; NULL. The caller frees it. */
char *rep_history_last_primary(const struct rep_history *history, const char *group, double *time);

/* Remembers that this standby was there. */
void rep_history_standby(struct rep_history *history, const char *name, double now);

/* Forgets all standbys: after a failover or switchover they are others. */
void rep_history_forget_standbys(struct rep_history *history);

/* Calls `visit` for each standby that was remembered and last seen within `within` seconds. */
void rep_history_standbys(const struct rep_history *history, double now, double within,
                          void (*visit)(const char *name, double last_seen, void *context),
                          void *context);

/* Writes it when it was opened; frees it in any case. */
bool rep_history_close(struct rep_history *history, struct dr_error *error);

#endif
