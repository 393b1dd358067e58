/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A whole reply, as it comes from the network, that is its own DS, its own keys and its own denial:
 * whatever it says, ldns gets through it, and nothing is secure without a signature. */
#include "tests/fuzz/fuzz.h"

#include "plugins/dns/denial.h"
#include "plugins/dns/validate.h"

#include <string.h>

#define NOW 1795256430.25

static bool has_type(const struct dns_message *message, unsigned type)
{
    for (size_t i = 0; i < message->record_count; i++) {
        if (message->records[i].type == type)
            return true;
    }
    return false;
}

static bool has_ds(const struct dns_message *message, const struct dns_name *zone)
{
    for (size_t i = 0; i < message->record_count; i++) {
        const struct dns_record *record = &message->records[i];
        if (record->type == DNS_DS && record->section != DNS_ADDITIONAL &&
            dns_name_equal(&record->owner, zone))
            return true;
    }
    return false;
}

static void check_validation(const struct dns_message *message, const struct dns_name *zone)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    struct dns_message keys = *message; /* also where the reply denies something */
    keys.rcode = DNS_NOERROR;
    struct dns_anchor *anchor = dns_anchor_read(&keys, NULL, zone, &error);
    char *words = NULL;
    MUST((anchor != NULL) == (error.class == DR_ERR_NONE));
    if (anchor == NULL)
        return;
    enum dns_validity validity = dns_validate(anchor, zone, &keys, message, NOW, &words);
    MUST(validity != DNS_NOT_VALIDATED);
    MUST(words == NULL ? validity == DNS_SECURE
                       : validity != DNS_SECURE || strcmp(words, "opt-out") == 0);
    MUST(validity != DNS_SECURE || (has_type(message, DNS_RRSIG) && has_type(message, DNS_DNSKEY)));
    MUST((validity == DNS_INSECURE) == !has_ds(message, zone));
    free(words);
    dns_anchor_free(anchor);
}

static void check_denial(const struct dns_message *message, const struct dns_name *zone)
{
    bool records = has_type(message, DNS_NSEC) || has_type(message, DNS_NSEC3);
    for (int nxdomain = 0; nxdomain < 2; nxdomain++) {
        enum dns_proof proof =
            dns_denial_check(message, zone, &message->question, message->question_type, nxdomain);
        MUST(records || proof == DNS_NOT_PROVEN);
    }
    unsigned labels = dns_name_labels(&message->question);
    if (labels > 0)
        dns_denial_check_wildcard(message, zone, &message->question, labels - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_message message;
    struct dr_error error = {.class = DR_ERR_NONE};
    uint8_t *copy = (uint8_t *)fuzz_text(data, size);
    bool ok = dns_message_read(copy, size, &message, &error);
    free(copy); /* the message has its own */
    if (!ok)
        return 0;
    struct dns_name zone = message.question;
    check_validation(&message, &zone);
    check_denial(&message, &zone);
    if (dns_name_parent(&message.question, &zone)) {
        check_validation(&message, &zone);
        check_denial(&message, &zone);
    }
    dns_message_free(&message);
    return 0;
}
