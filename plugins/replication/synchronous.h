/* SPDX-License-Identifier: GPL-3.0-or-later */
/* synchronous_standby_names: how many standbys a commit waits for. Grammar: manual,
 * "synchronous_standby_names". */
#ifndef REPLICATION_SYNCHRONOUS_H
#define REPLICATION_SYNCHRONOUS_H

#include "plugins/replication/facts.h"

struct rep_synchronous {
    size_t needed; /* 0: none is waited for */
};

/* Reads `[FIRST|ANY] N (names)` or `names` (which is FIRST 1). False when it cannot be read. */
bool rep_synchronous_parse(const char *text, struct rep_synchronous *wanted);

/* Standbys that count towards it now: streaming, and 'sync' or 'quorum'; *unreported: those that
 * have connected, but not reported yet, so that the server has not given them their part: they
 * report with the first commit. */
size_t rep_synchronous_count(const struct rep_node *primary, size_t *unreported);

#endif
