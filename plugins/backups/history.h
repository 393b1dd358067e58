/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --state-dir: what is remembered of backups between runs: the points there were, so that one that
 * has been deleted since still counts for the window; whose content was read to its end; how large
 * what is being written was. */
#ifndef BACKUPS_HISTORY_H
#define BACKUPS_HISTORY_H

#include "plugins/backups/request.h"

struct bak_history {
    bool open;
    struct dr_state_file *file; /* its own */
    size_t before;              /* its own: rows of earlier runs */
    size_t kept;                /* its own: rows of this run */
};

/* At most so many points are remembered. */
#define BAK_HISTORY_ROWS 2000

/* Opens the file of this service; false with the error when it cannot be used. */
bool bak_history_open(struct bak_history *history, const char *directory, const char *executable,
                      const char *identity, struct dr_error *error);

/* What was remembered of a series: a point each, oldest first. */
struct bak_remembered {
    double data;
    double usable;
    int64_t size; /* -1: not known */
};
/* Calls `take` for each point of the series (its key: label and name). */
void bak_history_points(const struct bak_history *history, const char *key,
                        void (*take)(void *context, const struct bak_remembered *point),
                        void *context);
bool bak_history_keep_point(struct bak_history *history, const char *key,
                            const struct bak_remembered *point);

/* Points whose content was proven. `paid` is an array that the caller frees. */
bool bak_history_paid(const struct bak_history *history, struct bak_paid **paid, size_t *count);
bool bak_history_keep_paid(struct bak_history *history, const struct bak_paid *paid);

/* Keeps what was remembered of points whose data is not older than `begin`, and was not remembered
 * again by this run, and what was paid for. To be called once, at the end. */
void bak_history_carry(struct bak_history *history, double begin);

/* Writes what this run remembered in the place of everything before it, and closes. */
bool bak_history_close(struct bak_history *history, struct dr_error *error);
/* Closes without writing. */
void bak_history_drop(struct bak_history *history);

#endif
