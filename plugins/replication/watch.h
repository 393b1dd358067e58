/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a source compares its node with the others of the run, the same for every product: a primary
 * posts its mark and looks again until the others are done, a standby looks until it has passed the
 * mark. See board.h. */
#ifndef REPLICATION_WATCH_H
#define REPLICATION_WATCH_H

#include "common/run.h"
#include "plugins/replication/facts.h"
#include "plugins/replication/request.h"

struct rep_watch {
    struct dr_task *task;
    struct rep_node *node;
    /* Looks at the node again: a new reading, fresh streams (primary), received and replayed
     * (standby), node->looked. False when it cannot be read any more, with the source's error set.
     */
    bool (*look)(void *context);
    void *context;
    double settle; /* how long a figure that looks behind is looked at again, seconds:
                      REP_SETTLE_SECONDS unless the product reports less often */
};

/* The mark that a primary posts without a heartbeat: its first reading. */
struct rep_mark rep_watch_mark(const struct rep_node *node);

/* Posts the mark, and looks again until the standbys that are asked directly are done (their
 * figures need a later position beside them) and those that are only seen from here have had their
 * moment to report. False when a look failed while there was time. */
bool rep_watch_primary(const struct rep_watch *watch, const struct rep_mark *mark);

/* Waits for the mark of its system, and looks until the node has passed it (facts: passing).
 * Without any primary the mark is what its sender had announced. False when a look failed. */
bool rep_watch_standby(const struct rep_watch *watch);

/* The position of a standby that counts is the greater of received and replayed: after a restart
 * what it received can be less. Adds it as a reading that was asked for at `sent`. */
void rep_watch_add_position(struct rep_node *node, double sent);

/* The server's wall clock as it told it in a reply that took `took` seconds, against ours. */
void rep_watch_take_clock(struct rep_node *node, double server_time, double took);

#endif
