/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/azure_sas.h"

#include "common/client/azure.h"
#include "common/duration.h"

#include <stdio.h>
#include <string.h>

/* Our clock and Azure's may differ: what is so near to a limit is Azure's to judge, seconds. */
#define CLOCK_TOLERANCE 300.0
#define VALUE_SIZE 64

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *found;
    found = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

bool dr_azure_query_value(const char *query, const char *name, char *value, size_t size)
{
    size_t length = strlen(name), used = 0;
    while (strncmp(query, name, length) != 0 || query[length] != '=') {
        query += strcspn(query, "&");
        if (*query == '\0')
            return false;
        query++;
    }
    for (const char *p = query + length + 1; *p != '\0' && *p != '&' && used + 1 < size; p++) {
        bool encoded = *p == '%' && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0;
        value[used++] = encoded ? (char)(hex_digit(p[1]) * 16 + hex_digit(p[2])) : *p;
        p += encoded ? 2 : 0;
    }
    value[used] = '\0';
    return used > 0 && strlen(value) == used;
}

bool dr_azure_read_sas(const char *text, struct dr_azure_sas *sas, struct dr_error *error)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-._~%&=+/:,;!*()'@$";
    char value[VALUE_SIZE];
    double seconds;
    *sas = (struct dr_azure_sas){.query = text + (text[0] == '?' ? 1 : 0)};
    if (sas->query[strspn(sas->query, allowed)] != '\0' ||
        !dr_azure_query_value(sas->query, "sig", sas->signature, sizeof sas->signature) ||
        !dr_azure_query_value(sas->query, "sv", value, sizeof value))
        return dr_error_set(error, DR_ERR_USAGE,
                            "the SAS is not one: \"sv=...&sig=...\" is expected, as the portal "
                            "gives it out");
    if (dr_azure_query_value(sas->query, "se", value, sizeof value) &&
        dr_azure_time(value, &seconds))
        sas->expiry = dr_real(seconds);
    if (dr_azure_query_value(sas->query, "ske", value, sizeof value) &&
        dr_azure_time(value, &seconds) && !(sas->expiry.known && sas->expiry.value < seconds))
        sas->expiry = dr_real(seconds);
    sas->of_account = dr_azure_query_value(sas->query, "ss", value, sizeof value);
    return true;
}

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
