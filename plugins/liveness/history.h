/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --state-dir: what is remembered between runs: since when something has been as it is. */
#ifndef LIVENESS_HISTORY_H
#define LIVENESS_HISTORY_H

#include "common/error.h"
#include "common/optional.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dr_state_file;

struct liv_history {
    bool open;
    struct dr_state_file *file; /* its own */
    size_t before;              /* its own: rows of earlier runs */
    size_t kept;                /* its own: rows of this run */
};

/* At most so many things are remembered. */
#define LIV_HISTORY_ROWS 1000

/* Opens the file of this service; false with the error when it cannot be used. */
bool liv_history_open(struct liv_history *history, const char *directory, const char *executable,
                      const char *identity, struct dr_error *error);

/* Remembers that what `key` names is as `what` tells it apart from other conditions, and says since
 * when it has been so without a change: seconds since the epoch, `now` where it was another or not
 * known. Unknown without a history. */
struct dr_opt_real liv_history_since(struct liv_history *history, const char *key, uint64_t what,
                                     double now);

/* Writes what this run remembered in the place of everything before it, and closes. */
bool liv_history_close(struct liv_history *history, struct dr_error *error);

#endif
