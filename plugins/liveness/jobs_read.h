/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RQ, Sidekiq, RedBeat and canaries in Redis: what stands in one value of theirs. No I/O.
 *
 * Sidekiq writes JSON: of a process its "info", of a queue its jobs, and of what a process runs
 * {"queue", "payload", "run_at"}. Moments are seconds since the epoch, and milliseconds since
 * Sidekiq 8. RedBeat keeps each entry's "definition" as JSON. RQ's jobs are pickled: of those only
 * moments of their own (ISO 8601) are read. */
#ifndef LIVENESS_JOBS_READ_H
#define LIVENESS_JOBS_READ_H

#include "common/buffer.h"
#include "common/optional.h"

#include <stdint.h>

/* Names longer than that are none. */
#define LIV_JOBS_NAME 256

/* A process of Sidekiq, of its "info". */
struct liv_sidekiq_info {
    char hostname[LIV_JOBS_NAME]; /* "" where it is not told, and so on */
    char version[LIV_JOBS_NAME];
    struct dr_opt_int concurrency;
};

/* Reads it, and adds the names of its queues, a line break behind each, to `queues`. False where it
 * is no JSON object, or has no list of queues: then nobody knows what that process does. */
bool liv_sidekiq_read_info(const char *text, struct liv_sidekiq_info *info,
                           struct dr_buffer *queues);

/* A job in a queue of Sidekiq. */
struct liv_sidekiq_job {
    uint64_t head;            /* tells it from others; 0: cannot be read */
    struct dr_opt_real since; /* when it was put there, seconds since the epoch */
};
struct liv_sidekiq_job liv_sidekiq_read_job(const char *text);

/* One that a process runs. */
struct liv_sidekiq_work {
    char queue[LIV_JOBS_NAME]; /* "" where it is not told */
    struct dr_opt_real since;
};
struct liv_sidekiq_work liv_sidekiq_read_work(const char *text);

/* Whether an entry of RedBeat is enabled; unknown where it is none. */
struct dr_opt_bool liv_redbeat_enabled(const char *definition);

/* Seconds or milliseconds since the epoch, or ISO 8601, with blanks around it or none. */
struct dr_opt_real liv_canary_moment(const char *text);

/* A number in seconds, or in milliseconds where it is as large as only those can be. */
struct dr_opt_real liv_jobs_seconds(double number);

/* A whole text that is a number of either kind; unknown for every other. */
struct dr_opt_real liv_jobs_number(const char *text);

/* Tells a text from others: never 0. `before`: 0, or what came before it. */
uint64_t liv_jobs_hash(uint64_t before, const char *text);

#endif
