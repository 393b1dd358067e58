/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --state-dir: what is remembered of queues between runs: since when a mirror is not synchronised,
 * since when the same message is at the head, who led the queue and how many messages it had.
 *
 * A run remembers the queues that it was told to, as many as the file holds. */
#ifndef QUEUES_HISTORY_H
#define QUEUES_HISTORY_H

#include "common/error.h"
#include "common/optional.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct que_history {
    bool open;
    struct dr_state_file *file; /* its own */
    size_t before;              /* its own: rows of earlier runs */
    struct que_row *rows;       /* its own: those of them that can be used, by key */
    size_t row_count;           /* its own */
    size_t kept;                /* its own: rows of this run */
};

/* What was known of a queue at the end of the last run that saw it. Times are seconds since the
 * epoch on our clock. */
struct que_memory {
    double unsynced_since; /* 0: it was in sync */
    double head_since;     /* 0: nothing was at its head */
    uint64_t head;         /* the message at its head; 0: not known */
    uint64_t leader;       /* tells one node from another; 0: not known */
    struct dr_opt_int messages;
    struct dr_opt_int acked; /* counter */
    double lost_at;          /* when messages were seen to be gone; 0: never */
    int64_t lost;            /* how many */
    bool lost_with_leader;   /* its leader had moved, too */
};

/* At most so many queues are remembered: what the file holds with names of usual length. */
#define QUE_HISTORY_QUEUES 1000

/* Opens the file of this service; false with the error when it cannot be used. */
bool que_history_open(struct que_history *history, const char *directory, const char *executable,
                      const char *identity, struct dr_error *error);

/* What was remembered under the key; false where nothing was, or it is damaged. */
bool que_history_find(const struct que_history *history, const char *key,
                      struct que_memory *memory);

/* Remembers; false beyond QUE_HISTORY_QUEUES, without memory, or for a key that is too long. */
bool que_history_keep(struct que_history *history, const char *key,
                      const struct que_memory *memory);

/* Writes what this run remembered in the place of everything before it, and closes. */
bool que_history_close(struct que_history *history, struct dr_error *error);

#endif
