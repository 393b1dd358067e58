/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of check_liveness: for --help, the manual page and what is generated. */
#ifndef LIVENESS_MANUAL_H
#define LIVENESS_MANUAL_H

#include "common/plugin.h"

extern const char liv_description[];
#define LIV_EXAMPLES 9
extern const struct dr_example liv_examples[LIV_EXAMPLES];

#define LIV_SECTIONS 14
extern const struct dr_manual_section liv_manual[LIV_SECTIONS];

#endif
