/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of check_queue_mirrors: for --help, the manual page and what is generated. */
#ifndef QUEUES_MANUAL_H
#define QUEUES_MANUAL_H

#include "common/plugin.h"

extern const char que_description[];
#define QUE_EXAMPLES 8
extern const struct dr_example que_examples[QUE_EXAMPLES];

#define QUE_SECTIONS 8
extern const struct dr_manual_section que_manual[QUE_SECTIONS];

#endif
