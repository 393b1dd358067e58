/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Azure says about an account, as facts: the statistics of a service, or the account in its
 * management (ARM). */
#ifndef REPLICATION_AZURE_READ_H
#define REPLICATION_AZURE_READ_H

#include "common/client/azure_read.h"
#include "plugins/replication/facts.h"

/* What Azure says about an account's secondary. */
struct azure_replication {
    bool geo; /* there is one: false for LRS and ZRS */
    struct dr_azure_stats stats;
    char location[DR_AZURE_WORD_SIZE]; /* the secondary's region; "" */
    char sku[DR_AZURE_WORD_SIZE];      /* "Standard_RAGRS"; "" */
    char broken[DR_AZURE_WORD_SIZE];   /* why it is of no use, whatever the status; "" */
    struct dr_opt_bool can_fail_over;
};

/* ARM's storage account with $expand=geoReplicationStats: JSON. False with a PROTOCOL error when it
 * is no such object, names another account, or has a key twice. */
bool azure_read_account(const struct dr_buffer *body, const char *account,
                        struct azure_replication *replication, struct dr_error *error);

/* The facts. `now`: the server's clock when it answered, seconds since the epoch. `host`: the
 * secondary's; NULL. False with a PROTOCOL error for a status that is not known. */
bool azure_fill(const struct azure_replication *replication, double now, const char *host,
                struct rep_node *node, struct dr_error *error);

#endif
