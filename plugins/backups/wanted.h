/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --include and --exclude, for sources whose series have names. */
#ifndef BACKUPS_WANTED_H
#define BACKUPS_WANTED_H

#include "plugins/backups/request.h"

/* Whether a series of that name is to be looked at: one of --include fits (or there is none), and
 * none of --exclude. */
bool bak_wanted(const struct bak_request *request, const char *name);

#endif
