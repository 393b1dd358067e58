/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared access signatures of Azure Storage: what one says of itself, before any request is made.
 */
#ifndef DR_CLIENT_AZURE_SAS_H
#define DR_CLIENT_AZURE_SAS_H

#include "common/error.h"
#include "common/optional.h"

#include <stddef.h>

/* The value of a parameter in a query, decoded, as much as fits; false when it is not there, is
 * empty, or has a NUL in it. */
bool dr_azure_query_value(const char *query, const char *name, char *value, size_t size);

/* A SAS as the portal gives it out: "?sv=...&sig=...", the "?" may be missing. */
struct dr_azure_sas {
    const char *query;         /* into the text, behind the "?"; secret as a whole */
    char signature[128];       /* its sig=, decoded: secret */
    struct dr_opt_real expiry; /* its se=, or where that is earlier the ske= of the user's key that
                                  signed it; seconds since the epoch. Unknown where a stored access
                                  policy has it */
    bool of_account;           /* has ss=: it can open more than one queue, table or container */
};

/* Checks a SAS. False with a USAGE error when it has no sig= or no sv=, or holds what no URL does.
 */
bool dr_azure_read_sas(const char *text, struct dr_azure_sas *sas, struct dr_error *error);

/* What a SAS must allow. */
struct dr_azure_sas_use {
    const char *service;  /* of ss=: "b", "f" */
    const char *resource; /* what sr= must be one of: "cd" for a container or a directory */
    const char *words;    /* what that is: "a container" */
    bool tls;             /* the request goes out over TLS */
};

/* Whether a SAS can be used to list and read at `now` (seconds since the epoch): by its se=, ske=,
 * st=, sp=, ss=, srt=, sr= and spr=, as far as they are there. False with an AUTH or PRIVILEGE
 * error that says which. What is near a limit of time is left for Azure's own clock to judge. */
bool dr_azure_sas_fits(const struct dr_azure_sas *sas, const struct dr_azure_sas_use *use,
                       double now, struct dr_error *error);

#endif
