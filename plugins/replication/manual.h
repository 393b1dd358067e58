/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of check_replication_lag: for --help, the manual page and what is generated. */
#ifndef REPLICATION_MANUAL_H
#define REPLICATION_MANUAL_H

#include "common/plugin.h"

extern const char rep_description[];
#define REP_EXAMPLES 11
extern const struct dr_example rep_examples[REP_EXAMPLES];

#define REP_SECTIONS 9
extern const struct dr_manual_section rep_manual[REP_SECTIONS];

#endif
