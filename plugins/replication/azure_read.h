/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of Azure Storage and of its management (ARM), and what they mean as facts. */
#ifndef REPLICATION_AZURE_READ_H
#define REPLICATION_AZURE_READ_H

#include "common/buffer.h"
#include "common/error.h"
#include "plugins/replication/facts.h"

#define AZURE_WORD_SIZE 64

/* What Azure says about an account's secondary. */
struct azure_replication {
    bool geo;                     /* there is one: false for LRS and ZRS */
    char status[AZURE_WORD_SIZE]; /* Azure's word, in lower case: "live" */
    struct dr_opt_real synced;    /* LastSyncTime, seconds since the epoch: what was written before
                                     is on the secondary. Unknown where it is empty or the default
                                     of year 1 */
    char location[AZURE_WORD_SIZE]; /* the secondary's region; "" */
    char sku[AZURE_WORD_SIZE];      /* "Standard_RAGRS"; "" */
    char broken[AZURE_WORD_SIZE];   /* why it is of no use, whatever the status; "" */
    struct dr_opt_bool can_fail_over;
};

/* "Get Blob Service Stats" and its twins of queue and table: XML. False with a PROTOCOL error when
 * it is no such document, has a document type (entities), or an element twice. */
bool azure_read_stats(const struct dr_buffer *body, struct azure_replication *replication,
                      struct dr_error *error);

/* ARM's storage account with $expand=geoReplicationStats: JSON. False with a PROTOCOL error when it
 * is no such object, names another account, or has a key twice. */
bool azure_read_account(const struct dr_buffer *body, const char *account,
                        struct azure_replication *replication, struct dr_error *error);

/* The access_token in a reply of the metadata service, which the caller wipes and frees; NULL. */
char *azure_read_token(const struct dr_buffer *body);

/* The code in an error's body ("AuthenticationFailed"), XML or JSON; "" where there is none. */
void azure_read_code(const struct dr_buffer *body, char code[AZURE_WORD_SIZE]);

/* Copies a code if it looks like one (letters and digits); else leaves what is there. */
void azure_clean_code(const char *from, char code[AZURE_WORD_SIZE]);

/* The facts. `now`: the server's clock when it answered, seconds since the epoch. `host`: the
 * secondary's; NULL. False with a PROTOCOL error for a status that is not known. */
bool azure_fill(const struct azure_replication *replication, double now, const char *host,
                struct rep_node *node, struct dr_error *error);

#endif
