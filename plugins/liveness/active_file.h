/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --active-file: the name of the site that is active, for whoever goes by it (check_dns_target).
 *
 *     # written by check_liveness at 2026-11-21T10:20:30Z
 *     prod
 *
 * Written at each run that knows the site, so that the time of the file is when that was last seen.
 * Replaced as a whole (temporary file beside it, fsync, rename), mode 0644; what root writes
 * belongs to the owner of the directory. */
#ifndef LIVENESS_ACTIVE_FILE_H
#define LIVENESS_ACTIVE_FILE_H

#include "common/error.h"

/* `now`: seconds since the epoch. False with a USAGE error: the old file is still there. What is no
 * regular file is never replaced. */
bool liv_active_write(const char *path, const char *site, double now, struct dr_error *error);

#endif
