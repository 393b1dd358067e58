/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blob, queue and table of a storage account are replicated each for itself: on the data plane each
 * is a target of its own. */
#ifndef REPLICATION_AZURE_TARGETS_H
#define REPLICATION_AZURE_TARGETS_H

#include "common/target.h"

/* Puts one target for each service in the place of every azure-storage target that does not ask ARM
 * (parameter "subscription"): those of its parameter "services" ("blob,table"), or all three. Each
 * has the one service as that parameter, and a label that ends in it: "ACCOUNT-blob". False with a
 * USAGE error for a service that does not exist or is there twice, and for too many targets. */
bool azure_expand_targets(struct dr_targets *targets, struct dr_error *error);

#endif
