/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Apart from azure_sas.c: it needs more of common/ than every source has. */
#include "common/client/azure.h"
#include "common/duration.h"

#include <string.h>

/* Our clock and Azure's may differ: what is so near to a limit is Azure's to judge, seconds. */
#define CLOCK_TOLERANCE 300.0
#define VALUE_SIZE 64

static bool lacks(struct dr_error *error, const char *what)
{
    return dr_error_set(error, DR_ERR_PRIVILEGE, "the SAS does not allow it: %s", what);
}

static bool is_in_time(const struct dr_azure_sas *sas, double now, struct dr_error *error)
{
    char value[VALUE_SIZE], words[DR_DURATION_TEXT];
    double start;
    if (sas->expiry.known && now - sas->expiry.value > CLOCK_TOLERANCE)
        return dr_error_set(error, DR_ERR_AUTH, "the SAS expired %s ago: make a new one",
                            dr_duration_format(now - sas->expiry.value, words, sizeof words));
    if (dr_azure_query_value(sas->query, "st", value, sizeof value) &&
        dr_azure_time(value, &start) && start - now > CLOCK_TOLERANCE)
        return dr_error_set(error, DR_ERR_AUTH,
                            "the SAS is not valid yet: it begins in %s (st=). Is this host's clock "
                            "right?",
                            dr_duration_format(start - now, words, sizeof words));
    return true;
}

/* True where the parameter is missing, or has one of the letters. */
static bool has(const struct dr_azure_sas *sas, const char *name, const char *letters)
{
    char value[VALUE_SIZE];
    return !dr_azure_query_value(sas->query, name, value, sizeof value) ||
           strpbrk(value, letters) != NULL;
}

bool dr_azure_sas_fits(const struct dr_azure_sas *sas, const struct dr_azure_sas_use *use,
                       double now, struct dr_error *error)
{
    char value[VALUE_SIZE];
    if (!is_in_time(sas, now, error))
        return false;
    if (!use->tls && dr_azure_query_value(sas->query, "spr", value, sizeof value) &&
        strcmp(value, "https") == 0)
        return lacks(error, "it is for https only (spr=https), and the endpoint is http://");
    if (!has(sas, "sp", "l"))
        return lacks(error, "sp= has no l (list)");
    if (sas->of_account && !has(sas, "ss", use->service)) {
        dr_error_set(error, DR_ERR_PRIVILEGE, "the SAS does not allow it: ss= has no %s",
                     use->service);
        return false;
    }
    if (sas->of_account && !has(sas, "srt", "c"))
        return lacks(error, "srt= has no c (container), without which nothing can be listed");
    if (!sas->of_account && !has(sas, "sr", use->resource))
        return dr_error_set(error, DR_ERR_PRIVILEGE,
                            "the SAS does not allow it: it is not for %s (sr=), and nothing else "
                            "can be listed",
                            use->words);
    return true;
}
