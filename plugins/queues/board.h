/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the targets of one cluster meet: the list of its queues is taken once, by the first of them
 * that is ready to, and by another one where that fails. */
#ifndef QUEUES_BOARD_H
#define QUEUES_BOARD_H

#include <stdbool.h>
#include <stddef.h>

struct que_board;

/* For `targets` targets. NULL when out of memory. */
struct que_board *que_board_new(size_t targets);
void que_board_free(struct que_board *board);

/* Target `index`, a part of the cluster `group` (copied), can take the list now. Waits until that
 * is its task (true), or another one has taken it (false); false also from `until` (monotonic) on.
 * A target that was given the task ends it with que_board_done. */
bool que_board_claim(struct que_board *board, size_t index, const char *group, double until);

/* Target `index` has taken the list, or could not: then the next one may. Every probe calls it
 * before it returns, whether it ever claimed or not. */
void que_board_done(struct que_board *board, size_t index, bool taken);

#endif
