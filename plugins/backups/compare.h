/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --compare: is everything of a source in its copy? Two threads, one for each, list in byte order;
 * the copy's hands its names over through a bounded queue, and the source's walks along both.
 * Memory does not grow with what is compared. */
#ifndef BACKUPS_COMPARE_H
#define BACKUPS_COMPARE_H

#include "plugins/backups/request.h"
#include "plugins/backups/store.h"

/* For so many targets, of which some are copies. NULL when out of memory. Kept until the process
 * ends: a straggler may still use it. */
struct bak_board *bak_board_new(size_t targets);
void bak_board_free(struct bak_board *board);

/* Says, before the run, which copy (index of a target) a source (index of a target) is compared
 * with: one each. */
void bak_board_pair(struct bak_board *board, size_t source, size_t copy);

/* The source's side: lists its store, and fills facts->comparison. The copy's side: lists its store
 * for it. Either returns early where the other fails or its time is up: the comparison is not done
 * then, with a sign BAK_UNREADABLE. A task that ends without having compared must say so, or the
 * other one waits until its time is up: bak_compare_give_up. */
bool bak_compare_source(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                        struct dr_error *error);
bool bak_compare_copy(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                      struct dr_error *error);
void bak_compare_give_up(struct dr_task *task);

#endif
