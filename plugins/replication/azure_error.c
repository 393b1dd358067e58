/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/azure_error.h"

#include "plugins/replication/azure_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Azure takes no request whose date is further from its own clock, seconds. */
#define DATE_TOLERANCE 900.0

#define NO_READ_ACCESS                                                                             \
    "there is no secondary to read: the account needs RA-GRS or RA-GZRS; for GRS and GZRS ask "    \
    "ARM "                                                                                         \
    "(subscription=, resource_group=)"
#define GRANT_SAS "the SAS must be one of the account with ss=bqt, srt=s and sp=r"

/* Azure's own words, and what they mean for us. */
static const struct {
    const char *code;
    enum dr_error_class class;
    const char *text;
} known[] = {
    {"AuthenticationFailed", DR_ERR_AUTH, "the account key, SAS or token is not accepted"},
    {"InvalidAuthenticationInfo", DR_ERR_AUTH, "the account key, SAS or token is not accepted"},
    {"InvalidAuthenticationToken", DR_ERR_AUTH, "the token is not accepted: it may be malformed"},
    {"InvalidAuthenticationTokenTenant", DR_ERR_AUTH, "the token is of another tenant"},
    {"InvalidAuthenticationTokenAudience", DR_ERR_AUTH,
     "the token is for another service: ARM needs the audience https://management.azure.com/"},
    {"InvalidAuthenticationTokenAudienceUri", DR_ERR_AUTH,
     "the token is for another service: ARM needs the audience https://management.azure.com/"},
    {"ExpiredAuthenticationToken", DR_ERR_AUTH, "the token has expired: renew the token file"},
    {"AuthenticationFailedMissingToken", DR_ERR_AUTH, "the token did not arrive"},
    {"NoAuthenticationInformation", DR_ERR_AUTH, "the account wants another way to authorise"},
    {"AuthorizationFailed", DR_ERR_PRIVILEGE,
     "grant the identity the role Reader on the storage account "
     "(Microsoft.Storage/storageAccounts/read)"},
    {"AuthorizationFailure", DR_ERR_PRIVILEGE,
     "the account's network rules or roles do not admit us: allow this host's address in its "
     "firewall, and the request in its roles"},
    {"AuthorizationPermissionMismatch", DR_ERR_PRIVILEGE,
     "the permission is missing: " GRANT_SAS "; an identity needs a role that reads the service's "
     "properties, or asks ARM with the role Reader"},
    {"AuthorizationServiceMismatch", DR_ERR_PRIVILEGE, GRANT_SAS},
    {"AuthorizationResourceTypeMismatch", DR_ERR_PRIVILEGE, GRANT_SAS},
    {"AuthorizationProtocolMismatch", DR_ERR_PRIVILEGE, "the SAS is for https only (spr=https)"},
    {"AuthorizationSourceIPMismatch", DR_ERR_PRIVILEGE,
     "the SAS is for other addresses than this host's (sip=)"},
    {"InsufficientAccountPermissions", DR_ERR_PRIVILEGE, GRANT_SAS},
    {"KeyBasedAuthenticationNotPermitted", DR_ERR_PRIVILEGE,
     "the account takes no keys: use token_file="},
    {"AccountIsDisabled", DR_ERR_SERVER, "the storage account is disabled"},
    {"AccountBeingCreated", DR_ERR_SERVER, "the storage account is still being created"},
    {"FeatureNotSupportedForAccount", DR_ERR_USAGE, NO_READ_ACCESS},
    {"InvalidQueryParameterValue", DR_ERR_USAGE,
     "this is no secondary endpoint, or " NO_READ_ACCESS},
    {"ResourceNotFound", DR_ERR_USAGE, "there is no such storage account"},
    {"ResourceGroupNotFound", DR_ERR_USAGE, "there is no such resource group"},
    {"SubscriptionNotFound", DR_ERR_USAGE, "there is no such subscription, or not for this token"},
    {"InvalidSubscriptionId", DR_ERR_USAGE, "subscription= is no id"},
    {"TooManyRequests", DR_ERR_PROTOCOL, "ARM is asked too often: check less often"},
    {"ServerBusy", DR_ERR_SERVER, "the service is busy and turns requests away"},
    {"InternalError", DR_ERR_SERVER, "the service has an error of its own"},
    {"OperationTimedOut", DR_ERR_SERVER, "the service ran out of time"},
};

static enum dr_error_class class_of_status(long status)
{
    return status == 401                    ? DR_ERR_AUTH
           : status == 403 || status == 407 ? DR_ERR_PRIVILEGE
           : status == 404                  ? DR_ERR_USAGE
           : status >= 500                  ? DR_ERR_SERVER
                                            : DR_ERR_PROTOCOL;
}

/* Why it is refused, where the dates alone tell. */
static const char *by_date(const struct azure_access *access, const struct dr_http_reply *reply,
                           double now)
{
    if (access->sas != NULL && access->sas_expiry.known && reply->date.known &&
        access->sas_expiry.value < reply->date.value)
        return "the SAS has expired";
    if (access->key != NULL && reply->date.known && fabs(reply->date.value - now) > DATE_TOLERANCE)
        return "this host's clock is more than 15 minutes off, so that Azure refuses the signature";
    return NULL;
}

static bool redirected(const struct dr_http_reply *reply, struct dr_error *error)
{
    char location[200];
    dr_http_header(reply, "Location", location, sizeof location);
    char *clean = dr_text_clean(location, 120);
    dr_error_set(error, DR_ERR_PROTOCOL,
                 "HTTP %ld: the reply is a redirect (to %s), which is not followed", reply->status,
                 clean != NULL && clean[0] != '\0' ? clean : "nowhere");
    free(clean);
    return false;
}

bool azure_refused(const struct azure_access *access, const struct dr_http_reply *reply, double now,
                   struct dr_error *error)
{
    char code[AZURE_WORD_SIZE], header[AZURE_WORD_SIZE];
    if (reply->status >= 300 && reply->status < 400)
        return redirected(reply, error);
    azure_read_code(&reply->body, code);
    if (dr_http_header(reply, "x-ms-error-code", header, sizeof header))
        azure_clean_code(header, code);
    size_t i = 0;
    while (i < sizeof known / sizeof known[0] && strcmp(known[i].code, code) != 0)
        i++;
    if (i == sizeof known / sizeof known[0])
        return dr_error_set(error, class_of_status(reply->status), "HTTP %ld%s%s", reply->status,
                            code[0] != '\0' ? ": " : "", code);
    const char *text = known[i].class == DR_ERR_AUTH ? by_date(access, reply, now) : NULL;
    return dr_error_set(error, known[i].class, "HTTP %ld, %s: %s", reply->status, code,
                        text != NULL ? text : known[i].text);
}
