/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A refusal of Azure Storage or ARM as an error that says what to do. */
#ifndef DR_CLIENT_AZURE_ERROR_H
#define DR_CLIENT_AZURE_ERROR_H

#include "common/client/azure_access.h"
#include "common/client/azure_read.h"

/* What the request would have needed. */
struct dr_azure_grant {
    const char *sas;          /* "the SAS must ..." */
    const char *role;         /* of an identity: "a role that ..." */
    const char *no_secondary; /* what it means when there is none, and what to do; NULL where none
                                 is asked */
};

/* Sets the error for a reply whose status is not 200, and returns false. `now`: our clock, seconds
 * since the epoch. */
bool dr_azure_refused(const struct dr_azure_access *access, const struct dr_azure_grant *grant,
                      const struct dr_http_reply *reply, double now, struct dr_error *error);

/* Copies Azure's own word for a refusal ("QueueNotFound"), from the header or the body; "" where
 * there is none. */
void dr_azure_refusal_code(const struct dr_http_reply *reply, char code[DR_AZURE_WORD_SIZE]);

#endif
