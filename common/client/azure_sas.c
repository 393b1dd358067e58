/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/azure_sas.h"

#include "common/client/azure.h"

#include <stdio.h>
#include <string.h>

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
