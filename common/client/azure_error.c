/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/azure_error.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Azure takes no request whose date is further from its own clock, seconds. */
#define DATE_TOLERANCE 900.0
#define ADVICE_SIZE 400
#define DETAIL_MAX 16384

/* Which part of the grant follows the text. */
enum advice { NOTHING = 0, SAS, SAS_OR_ROLE, NO_SECONDARY };

/* Azure's own words, and what they mean for us. */
static const struct {
    const char *code;
    enum dr_error_class class;
    const char *text;
    enum advice advice;
} known[] = {
    {"AuthenticationFailed", DR_ERR_AUTH, "the account key, SAS or token is not accepted", NOTHING},
    {"InvalidAuthenticationInfo", DR_ERR_AUTH, "the account key, SAS or token is not accepted",
     NOTHING},
    {"InvalidAuthenticationToken", DR_ERR_AUTH, "the token is not accepted: it may be malformed",
     NOTHING},
    {"InvalidAuthenticationTokenTenant", DR_ERR_AUTH, "the token is of another tenant", NOTHING},
    {"InvalidAuthenticationTokenAudience", DR_ERR_AUTH,
     "the token is for another service: ARM needs the audience https://management.azure.com/",
     NOTHING},
    {"InvalidAuthenticationTokenAudienceUri", DR_ERR_AUTH,
     "the token is for another service: ARM needs the audience https://management.azure.com/",
     NOTHING},
    {"ExpiredAuthenticationToken", DR_ERR_AUTH, "the token has expired: renew the token file",
     NOTHING},
    {"AuthenticationFailedMissingToken", DR_ERR_AUTH, "the token did not arrive", NOTHING},
    {"NoAuthenticationInformation", DR_ERR_AUTH, "the account wants another way to authorise",
     NOTHING},
    {"AuthorizationFailed", DR_ERR_PRIVILEGE,
     "grant the identity the role Reader on the storage account "
     "(Microsoft.Storage/storageAccounts/read)",
     NOTHING},
    {"AuthorizationFailure", DR_ERR_PRIVILEGE,
     "the account's network rules or roles do not admit us: allow this host's address in its "
     "firewall, and the request in its roles",
     NOTHING},
    {"AuthorizationPermissionMismatch", DR_ERR_PRIVILEGE,
     "the permission is missing: ", SAS_OR_ROLE},
    {"AuthorizationServiceMismatch", DR_ERR_PRIVILEGE, "", SAS},
    {"AuthorizationResourceTypeMismatch", DR_ERR_PRIVILEGE, "", SAS},
    {"AuthorizationProtocolMismatch", DR_ERR_PRIVILEGE, "the SAS is for https only (spr=https)",
     NOTHING},
    {"AuthorizationSourceIPMismatch", DR_ERR_PRIVILEGE,
     "the SAS is for other addresses than this host's (sip=)", NOTHING},
    {"InsufficientAccountPermissions", DR_ERR_PRIVILEGE, "", SAS},
    {"KeyBasedAuthenticationNotPermitted", DR_ERR_PRIVILEGE,
     "the account takes no keys: use token_file=", NOTHING},
    {"AccountIsDisabled", DR_ERR_SERVER, "the storage account is disabled", NOTHING},
    {"AccountBeingCreated", DR_ERR_SERVER, "the storage account is still being created", NOTHING},
    {"FeatureNotSupportedForAccount", DR_ERR_USAGE, "", NO_SECONDARY},
    {"InvalidQueryParameterValue", DR_ERR_USAGE, "this is no secondary endpoint, or ",
     NO_SECONDARY},
    {"ResourceNotFound", DR_ERR_USAGE, "there is no such storage account", NOTHING},
    {"QueueNotFound", DR_ERR_USAGE, "there is no such queue", NOTHING},
    {"ContainerNotFound", DR_ERR_USAGE, "there is no such container", NOTHING},
    {"ContainerBeingDeleted", DR_ERR_USAGE, "the container is being deleted", NOTHING},
    {"ShareNotFound", DR_ERR_USAGE, "there is no such share", NOTHING},
    {"ShareBeingDeleted", DR_ERR_USAGE, "the share is being deleted", NOTHING},
    {"ShareDisabled", DR_ERR_USAGE, "the share is disabled", NOTHING},
    {"PublicAccessNotPermitted", DR_ERR_PRIVILEGE, "the account wants its requests authorised",
     NOTHING},
    {"BlobArchived", DR_ERR_PRIVILEGE,
     "it is in the archive tier: nothing of it can be read before it is rehydrated", NOTHING},
    {"ConditionNotMet", DR_ERR_PROTOCOL, "it was written anew while it was read", NOTHING},
    {"SharingViolation", DR_ERR_PRIVILEGE, "a client over SMB has it open for itself alone",
     NOTHING},
    {"ResourceGroupNotFound", DR_ERR_USAGE, "there is no such resource group", NOTHING},
    {"SubscriptionNotFound", DR_ERR_USAGE, "there is no such subscription, or not for this token",
     NOTHING},
    {"InvalidSubscriptionId", DR_ERR_USAGE, "subscription= is no id", NOTHING},
    {"TooManyRequests", DR_ERR_PROTOCOL, "ARM is asked too often: check less often", NOTHING},
    {"ServerBusy", DR_ERR_SERVER, "the service is busy and turns requests away", NOTHING},
    {"InternalError", DR_ERR_SERVER, "the service has an error of its own", NOTHING},
    {"OperationTimedOut", DR_ERR_SERVER, "the service ran out of time", NOTHING},
};

static enum dr_error_class class_of_status(long status)
{
    return status == 401                    ? DR_ERR_AUTH
           : status == 403 || status == 407 ? DR_ERR_PRIVILEGE
           : status == 404                  ? DR_ERR_USAGE
           : status >= 500                  ? DR_ERR_SERVER
                                            : DR_ERR_PROTOCOL;
}

/* How Azure explains what it does not accept. The rest of its text holds what is signed, and times
 * that mean nothing to whoever reads the alarm. */
static const struct {
    const char *part;
    const char *text;
} details[] = {
    {"The MAC signature found", "the account key is not one of this account's"},
    {"Request date header too old", "this host's clock is more than 15 minutes off"},
    {"Signature not valid in the specified time frame",
     "the SAS is not valid at this time (st=, se=): it has expired, or has yet to begin"},
    {"Signed expiry time", "the SAS ends before it begins (st=, se=), or with the key that signed "
                           "it (ske=)"},
    {"Signature did not match",
     "the SAS was signed by another key than the account has now, or was changed since"},
    {"Lifetime validation failed", "the token has expired: renew the token file"},
    {"Audience validation failed",
     "the token is for another service: it needs the audience https://storage.azure.com/"},
    {"Issuer validation failed", "the token is of another tenant"},
};

static const char *by_detail(const struct dr_http_reply *reply)
{
    struct dr_azure_element element = {"/Error/AuthenticationErrorDetail", DR_BUFFER(DETAIL_MAX),
                                       0};
    const struct dr_azure_document document = {.elements = &element, .count = 1};
    const char *text = NULL;
    if (dr_azure_read_xml(&reply->body, &document, NULL)) {
        for (size_t i = 0; text == NULL && i < sizeof details / sizeof details[0]; i++) {
            if (strstr(dr_buffer_text(&element.text), details[i].part) != NULL)
                text = details[i].text;
        }
    }
    dr_buffer_free(&element.text);
    return text;
}

/* Why it is refused, where the dates alone tell. */
static const char *by_date(const struct dr_azure_access *access, const struct dr_http_reply *reply,
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

void dr_azure_refusal_code(const struct dr_http_reply *reply, char code[DR_AZURE_WORD_SIZE])
{
    char header[DR_AZURE_WORD_SIZE];
    dr_azure_read_code(&reply->body, code);
    if (dr_http_header(reply, "x-ms-error-code", header, sizeof header))
        dr_azure_clean_code(header, code);
}

/* What the grant says of it, in one piece. */
static void advise(enum advice advice, const struct dr_azure_grant *grant, char text[ADVICE_SIZE])
{
    const char *first = advice == NO_SECONDARY ? grant->no_secondary : grant->sas;
    bool both = advice == SAS_OR_ROLE;
    text[0] = '\0';
    if (advice != NOTHING)
        snprintf(text, ADVICE_SIZE, "%s%s%s", first, both ? "; an identity needs " : "",
                 both ? grant->role : "");
}

bool dr_azure_refused(const struct dr_azure_access *access, const struct dr_azure_grant *grant,
                      const struct dr_http_reply *reply, double now, struct dr_error *error)
{
    char code[DR_AZURE_WORD_SIZE], advice[ADVICE_SIZE];
    if (reply->status >= 300 && reply->status < 400)
        return redirected(reply, error);
    dr_azure_refusal_code(reply, code);
    size_t i = 0;
    while (i < sizeof known / sizeof known[0] && strcmp(known[i].code, code) != 0)
        i++;
    bool said = i < sizeof known / sizeof known[0] &&
                (known[i].advice != NO_SECONDARY || grant->no_secondary != NULL);
    if (!said)
        return dr_error_set(error, class_of_status(reply->status), "HTTP %ld%s%s", reply->status,
                            code[0] != '\0' ? ": " : "", code);
    const char *text = known[i].class == DR_ERR_AUTH ? by_date(access, reply, now) : NULL;
    if (text == NULL && known[i].class == DR_ERR_AUTH)
        text = by_detail(reply);
    advise(known[i].advice, grant, advice);
    return dr_error_set(error, known[i].class, "HTTP %ld, %s: %s%s", reply->status, code,
                        text != NULL ? text : known[i].text, advice);
}
