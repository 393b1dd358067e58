/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What check_replication_lag asks of its sources. */
#ifndef REPLICATION_REQUEST_H
#define REPLICATION_REQUEST_H

#include "plugins/replication/board.h"

struct rep_request {
    struct rep_board *board; /* where the nodes of this run meet */
    bool spilled;   /* what logical slots have put aside on disk is judged: one round trip more */
    bool heartbeat; /* write a mark on the primary, and wait for it on the standbys */
};

/* How long a figure that looks behind is looked at again before it is believed, seconds. A healthy
 * standby confirms within milliseconds; on an idle pair its last report may be 10 s old when a
 * write comes. */
#define REP_SETTLE_SECONDS 1.0

#endif
