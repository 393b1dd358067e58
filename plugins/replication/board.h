/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the threads of one run meet: the primary posts a mark (its position at a moment), the
 * standbys look until they have passed it, and the primary looks again when they are done.
 *
 * That makes the comparison two-sided without a clock: what the standby has at the end includes
 * everything that was committed before the mark was read. */
#ifndef REPLICATION_BOARD_H
#define REPLICATION_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rep_board;

struct rep_mark {
    double moment;    /* monotonic: everything committed before is at or below the position */
    int64_t position; /* bytes */
    char system[64];  /* identifies the history; "" when the primary did not say */
    bool
        heartbeat; /* written on purpose, so it must arrive: worth waiting for until the deadline */
};

/* For `nodes` nodes of which the first `working` are at work from the start; the others join. */
struct rep_board *rep_board_new(size_t nodes, size_t working);
void rep_board_free(struct rep_board *board);

/* Node `index` was discovered during the run, and is at work: whoever discovers it says so before
 * it says that it is done itself. */
void rep_board_join(struct rep_board *board, size_t index);

/* Node `index` is a primary, and this is its mark; the first mark of a system stays. */
void rep_board_post(struct rep_board *board, size_t index, const struct rep_mark *mark);

/* Node `index` is a standby: it will post no mark. */
void rep_board_follow(struct rep_board *board, size_t index);

/* Node `index` is a standby that others may see under this name (rep_node.reached); NULL is none.
 */
void rep_board_name(struct rep_board *board, size_t index, const char *name);

/* A standby of that name takes part in this run: it tells its position itself. */
bool rep_board_knows(struct rep_board *board, const char *name);

/* Node `index` has read all it will, or has failed. Every probe calls it before it returns. */
void rep_board_done(struct rep_board *board, size_t index);

/* Waits for a mark of `system` until `until` (monotonic): positions of another history mean
 * nothing. A side that does not know its system (NULL or "") takes part with any. False when none
 * came and none can come any more. */
bool rep_board_wait_mark(struct rep_board *board, const char *system, double until,
                         struct rep_mark *mark);

/* Waits until more than `seen` other nodes are done, then for as long as another one is done within
 * `quiet` seconds; at most until `until`. Returns how many are done. *pending is false when nobody
 * is left to wait for: every other node is done or is a primary itself. */
size_t rep_board_wait_done(struct rep_board *board, size_t index, size_t seen, double until,
                           double quiet, bool *pending);

#endif
