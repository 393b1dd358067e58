/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A refusal of Azure Storage or ARM as an error that says what to do. */
#ifndef REPLICATION_AZURE_ERROR_H
#define REPLICATION_AZURE_ERROR_H

#include "plugins/replication/azure_access.h"

/* Sets the error for a reply whose status is not 200, and returns false. `now`: our clock, seconds
 * since the epoch. */
bool azure_refused(const struct azure_access *access, const struct dr_http_reply *reply, double now,
                   struct dr_error *error);

#endif
