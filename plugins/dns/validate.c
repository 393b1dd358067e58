/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/validate_parts.h"

#include "plugins/dns/denial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX_BYTES 300
#define SETS_MAX 64 /* sets of records that are verified */
#define CHAIN_MAX 17

/* ---- The reply ---- */

/* Names of the zone and a record that should be signed. */
static bool is_owed_signature(const struct dns_work *work, const struct dns_record *record)
{
    if (!dns_type_is_validated(record->type) || record->type == DNS_RRSIG ||
        !dns_name_within(&record->owner, work->zone))
        return false;
    if (record->section == DNS_ANSWER) /* the zone's own DS is signed by the zone above */
        return record->type != DNS_DS || !dns_name_equal(&record->owner, work->zone);
    return record->section == DNS_AUTHORITY &&
           (record->type == DNS_SOA || record->type == DNS_NSEC || record->type == DNS_NSEC3);
}

/* A CNAME that a DNAME of the answer has made is not signed (RFC 6672, 5.3.1), and needs not be: it
 * says what the DNAME says. */
static bool is_synthesised(const struct dns_message *reply, const struct dns_record *cname)
{
    struct dns_name target;
    if (cname->type != DNS_CNAME)
        return false;
    for (size_t i = 0; i < reply->record_count; i++) {
        const struct dns_record *record = &reply->records[i];
        if (record->section == DNS_ANSWER && record->type == DNS_DNAME &&
            dns_name_substitute(&cname->owner, &record->owner, &record->name, &target) &&
            dns_name_equal(&target, &cname->name))
            return true;
    }
    return false;
}

static bool is_first_of_set(const struct dns_message *reply, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (dns_record_is_of_set(&reply->records[i], &reply->records[index]))
            return false;
    }
    return true;
}

static enum dns_validity of_proof(const struct dns_work *work, enum dns_proof proof,
                                  const struct dns_name *name, const char *what)
{
    char text[DNS_NAME_TEXT];
    dns_name_text(name, text);
    switch (proof) {
    case DNS_PROVEN:
        return DNS_SECURE;
    case DNS_OPTED_OUT: /* not bogus, and not to be called authentic either (RFC 5155, 9.2) */
        *work->opted_out = true;
        return DNS_SECURE;
    case DNS_TOO_DEAR:
        dr_buffer_addf(work->words,
                       "%s is denied by NSEC3 with more than %d iterations, or an unknown hash",
                       text, DNS_ITERATIONS_MAX);
        return DNS_INDETERMINATE;
    default:
        dr_buffer_addf(work->words, "no NSEC or NSEC3 record proves that %s %s", text, what);
        return DNS_INVALID;
    }
}

/* The label "*" of a wildcard that was asked for itself is not counted (RFC 4034, 3.1.3). */
static bool is_expanded(const struct dns_name *owner, unsigned labels)
{
    bool star = owner->length > 2 && owner->wire[0] == 1 && owner->wire[1] == '*';
    return labels < dns_name_labels(owner) - (star ? 1 : 0);
}

static enum dns_validity validate_sets(const struct dns_work *work)
{
    size_t sets = 0;
    for (size_t i = 0; i < work->reply->record_count; i++) {
        const struct dns_record *record = &work->reply->records[i];
        unsigned labels = 0;
        if (!is_owed_signature(work, record) || is_synthesised(work->reply, record) ||
            !is_first_of_set(work->reply, i))
            continue;
        if (++sets > SETS_MAX) {
            dr_buffer_addf(work->words, "more than %d sets of records", SETS_MAX);
            return DNS_INDETERMINATE;
        }
        enum dns_validity validity = dns_validate_set(work, record, &labels);
        if (validity == DNS_SECURE && is_expanded(&record->owner, labels))
            validity = of_proof(
                work,
                record->section == DNS_ANSWER
                    ? dns_denial_check_wildcard(work->reply, work->zone, &record->owner, labels)
                    : DNS_NOT_PROVEN, /* these are never made from a wildcard */
                &record->owner, "does not exist beside a wildcard");
        if (validity != DNS_SECURE)
            return validity;
    }
    return DNS_SECURE;
}

/* The name at the end of the chain from the question, as far as it stays in the zone. */
static struct dns_name find_end(const struct dns_work *work)
{
    struct dns_name end = work->reply->question;
    for (size_t links = 0; links < CHAIN_MAX; links++) {
        const struct dns_record *cname = dns_record_find(work->reply, DNS_ANSWER, DNS_CNAME, &end);
        bool moved = false;
        for (size_t i = 0; !moved && i < work->reply->record_count; i++) {
            const struct dns_record *record = &work->reply->records[i];
            moved = record->section == DNS_ANSWER && record->type == DNS_DNAME &&
                    dns_name_substitute(&end, &record->owner, &record->name, &end);
        }
        if (!moved && cname != NULL)
            end = cname->name;
        if ((!moved && cname == NULL) || !dns_name_within(&end, work->zone))
            break;
    }
    return end;
}

/* Where the answer is not there, its absence needs a proof. */
static enum dns_validity validate_denial(const struct dns_work *work)
{
    struct dns_name end = find_end(work);
    bool nxdomain = work->reply->rcode == DNS_NXDOMAIN;
    char type[DNS_TYPE_TEXT], what[64];
    bool found = dns_record_find(work->reply, DNS_ANSWER, work->reply->question_type, &end) != NULL;
    if (!dns_name_within(&end, work->zone) || (found && !nxdomain))
        return DNS_SECURE;
    if (nxdomain)
        snprintf(what, sizeof what, "does not exist");
    else
        snprintf(what, sizeof what, "has no %s record",
                 dns_type_text(work->reply->question_type, type));
    return of_proof(
        work, dns_denial_check(work->reply, work->zone, &end, work->reply->question_type, nxdomain),
        &end, what);
}

static enum dns_validity validate_reply(const struct dns_anchor *anchor,
                                        const struct dns_message *keys, struct dns_work *work)
{
    char text[DNS_NAME_TEXT];
    if (ldns_rr_list_rr_count(anchor->records) == 0) {
        dr_buffer_addf(work->words, "the parent zone has no DS record of %s",
                       dns_name_text(work->zone, text));
        return DNS_INSECURE;
    }
    if ((work->reply->rcode != DNS_NOERROR && work->reply->rcode != DNS_NXDOMAIN) ||
        work->reply->truncated || !dns_name_within(&work->reply->question, work->zone)) {
        dr_buffer_addf(work->words, "not an answer from the zone %s",
                       dns_name_text(work->zone, text));
        return DNS_INDETERMINATE;
    }
    if (!dns_anchor_is_supported(anchor)) {
        dns_anchor_say(work->words, anchor);
        dr_buffer_add(work->words, ": an algorithm or digest that is not supported here");
        return DNS_INDETERMINATE;
    }
    enum dns_validity validity = dns_validate_keys(anchor, keys, work);
    if (validity == DNS_SECURE)
        validity = validate_sets(work);
    return validity == DNS_SECURE ? validate_denial(work) : validity;
}

enum dns_validity dns_validate(const struct dns_anchor *anchor, const struct dns_name *zone,
                               const struct dns_message *keys, const struct dns_message *reply,
                               double now, char **words)
{
    struct dr_buffer text = DR_BUFFER(WORDS_MAX_BYTES);
    bool opted_out = false;
    struct dns_work work = {.reply = reply,
                            .zone = zone,
                            .keys = ldns_rr_list_new(),
                            .now = now,
                            .words = &text,
                            .opted_out = &opted_out};
    enum dns_validity validity = DNS_INDETERMINATE;
    *words = NULL;
    if (work.keys != NULL)
        validity = validate_reply(anchor, keys, &work);
    if (validity == DNS_SECURE && opted_out)
        dr_buffer_add(&text, "opt-out");
    if (validity != DNS_SECURE || opted_out)
        *words = dr_buffer_take(&text);
    ldns_rr_list_deep_free(work.keys);
    dr_buffer_free(&text);
    return validity;
}
