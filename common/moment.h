/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moments as programs write them, in seconds since the epoch. */
#ifndef DR_MOMENT_H
#define DR_MOMENT_H

#include "common/optional.h"

/* "2026-11-21T10:20:30.123456+01:00" (ISO 8601, extended format; a blank for the "T", no seconds,
 * "+0100" and "+01" as well); without a zone it is UTC. Unknown for everything else. */
struct dr_opt_real dr_moment_read(const char *text);

#endif
