/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ldns gets single records, whose data dns_message_read has checked, and never a message: of its
 * reader only the part for the types below is reached. It has assertions; those that a record can
 * reach are about data that is not there (a record with fewer fields than its type has) and are
 * kept away here (dns_record_to_ldns), those about buffers are not reached with records of a
 * message of 64 KiB. Keys and signatures of a size that the algorithm does not have are not handed
 * to it either, nor algorithms but the six below. Denials are checked by us (denial.c). */
#include "plugins/dns/validate_parts.h"

#include "common/duration.h"
#include "plugins/dns/denial.h"

#include <string.h>

#define RECORDS_MAX 256  /* of a set */
#define SIGNATURES_MAX 8 /* of a set that are tried: as many algorithms and keys as zones have */
#define KEY_OF_ZONE 0x0100
#define KEY_REVOKED 0x0080 /* RFC 5011, 3 */

/* ---- Records ---- */

bool dns_type_is_validated(unsigned type)
{
    return type == DNS_A || type == DNS_AAAA || type == DNS_NS || type == DNS_CNAME ||
           type == DNS_SOA || type == DNS_DNAME || type == DNS_DS || type == DNS_RRSIG ||
           type == DNS_DNSKEY || type == DNS_NSEC || type == DNS_NSEC3;
}

ldns_rr *dns_record_to_ldns(const struct dns_message *message, const struct dns_record *record)
{
    ldns_rr *rr = NULL;
    size_t at = record->at, end = (size_t)(record->rdata - message->bytes) + record->rdata_size;
    if (!dns_type_is_validated(record->type) ||
        ldns_wire2rr(&rr, message->bytes, end, &at, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK)
        return NULL;
    const ldns_rr_descriptor *descriptor = ldns_rr_descript((uint16_t)record->type);
    if (at != end || ldns_rr_get_type(rr) != (ldns_rr_type)record->type ||
        ldns_rr_rd_count(rr) < ldns_rr_descriptor_minimum(descriptor)) {
        ldns_rr_free(rr);
        return NULL;
    }
    return rr;
}

bool dns_record_is_of_set(const struct dns_record *record, const struct dns_record *first)
{
    return record->section == first->section && record->type == first->type &&
           dns_name_equal(&record->owner, &first->owner);
}

/* All records of the set that `first` is of, each once (RFC 4034, 6.3). NULL where there are too
 * many, or one cannot be read. */
static ldns_rr_list *collect(const struct dns_message *message, const struct dns_record *first)
{
    ldns_rr_list *set = ldns_rr_list_new();
    bool ok = set != NULL;
    for (size_t i = 0; ok && i < message->record_count; i++) {
        if (!dns_record_is_of_set(&message->records[i], first))
            continue;
        ldns_rr *rr = dns_record_to_ldns(message, &message->records[i]);
        bool twice = false;
        for (size_t k = 0; rr != NULL && k < ldns_rr_list_rr_count(set); k++)
            twice = twice || ldns_rr_compare(rr, ldns_rr_list_rr(set, k)) == 0;
        ok = rr != NULL && ldns_rr_list_rr_count(set) < RECORDS_MAX &&
             (twice || ldns_rr_list_push_rr(set, rr));
        if (!ok || twice)
            ldns_rr_free(rr);
    }
    if (!ok) {
        ldns_rr_list_deep_free(set);
        return NULL;
    }
    return set;
}

const struct dns_record *dns_record_find(const struct dns_message *message,
                                         enum dns_section section, unsigned type,
                                         const struct dns_name *owner)
{
    for (size_t i = 0; i < message->record_count; i++) {
        const struct dns_record *record = &message->records[i];
        if (record->section == section && record->type == type &&
            dns_name_equal(&record->owner, owner))
            return record;
    }
    return NULL;
}

/* ---- Algorithms ---- */

/* Sizes of keys and signatures, bytes; 0: any. RFC 3110 and 5702, 6605, 8080. */
static const struct algorithm {
    unsigned number;
    size_t key, signature;
} algorithms[] = {{8, 0, 0}, {10, 0, 0}, {13, 64, 64}, {14, 96, 96}, {15, 32, 64}, {16, 57, 114}};

static const struct algorithm *find_algorithm(unsigned number)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        if (algorithms[i].number == number)
            return &algorithms[i];
    }
    return NULL;
}

bool dns_algorithm_is_known(unsigned number)
{
    return find_algorithm(number) != NULL;
}

/* Bytes behind the fixed part; a signature stands behind its signer's name, which is not
 * compressed (RFC 4034, 3.1.7). */
static bool has_size(const struct dns_record *record, size_t before, size_t wanted)
{
    if (record->rdata_size <= before)
        return false;
    size_t size = record->rdata_size - before;
    return wanted == 0 ? size >= 64 && size <= 1100 : size == wanted;
}

bool dns_record_is_usable_key(const struct dns_record *record)
{
    const struct algorithm *algorithm = find_algorithm(record->is.dnskey.algorithm);
    return (record->is.dnskey.flags & KEY_OF_ZONE) != 0 &&
           (record->is.dnskey.flags & KEY_REVOKED) == 0 && record->rdata[2] == 3 &&
           algorithm != NULL && has_size(record, 4, algorithm->key);
}

/* ---- One set ---- */

static void say_set(struct dr_buffer *words, const struct dns_record *set)
{
    char name[DNS_NAME_TEXT], type[DNS_TYPE_TEXT];
    dr_buffer_addf(words, "%s %s", dns_name_text(&set->owner, name),
                   dns_type_text(set->type, type));
}

/* What is wrong with a signature; the later, the more it says. */
enum fault { NO_SIGNATURE, OF_ANOTHER, NOT_SUPPORTED, NO_KEY, WRONG, EARLY, LATE, NO_FAULT };

struct trial {
    enum fault fault;
    const struct dns_record *signature; /* NULL: none */
    double seconds;                     /* EARLY, LATE: since when, until when */
};

static void say_trial(struct dr_buffer *words, const struct dns_record *set,
                      const struct trial *trial)
{
    char text[DNS_NAME_TEXT], duration[DR_DURATION_TEXT];
    const struct dns_record *signature = trial->signature;
    if (trial->fault == NO_SIGNATURE) {
        say_set(words, set);
        dr_buffer_add(words, " is not signed");
        return;
    }
    dr_buffer_add(words, "the signature of ");
    say_set(words, set);
    dr_buffer_addf(words, " by key %u ", signature->is.rrsig.key_tag);
    dr_duration_format(trial->seconds, duration, sizeof duration);
    switch (trial->fault) {
    case OF_ANOTHER:
        dr_buffer_addf(words, "is of the zone %s", dns_name_text(&signature->name, text));
        break;
    case NOT_SUPPORTED:
        dr_buffer_addf(words, "uses algorithm %u, which is not supported here",
                       signature->is.rrsig.algorithm);
        break;
    case NO_KEY:
        dr_buffer_add(words, "has no key among the zone's DNSKEY records");
        break;
    case WRONG:
        dr_buffer_add(words, "is wrong");
        break;
    case EARLY:
        dr_buffer_addf(words, "is not yet valid: it begins in %s", duration);
        break;
    default:
        dr_buffer_addf(words, "expired %s ago", duration);
        break;
    }
}

static bool has_key(const ldns_rr_list *keys, const struct dns_record *signature)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(keys); i++) {
        ldns_rr *key = ldns_rr_list_rr(keys, i);
        if (ldns_calc_keytag(key) == signature->is.rrsig.key_tag &&
            ldns_rdf2native_int8(ldns_rr_dnskey_algorithm(key)) == signature->is.rrsig.algorithm)
            return true;
    }
    return false;
}

/* Moments are compared modulo 2^32 (RFC 4034, 3.1.5). */
static double seconds_until(uint32_t moment, double now)
{
    return (double)(int32_t)(moment - (uint32_t)(int64_t)now);
}

/* The signature itself, whatever the time. */
static enum fault verify(const struct dns_work *work, const ldns_rr_list *set,
                         const struct dns_record *record)
{
    ldns_rr *signature = dns_record_to_ldns(work->reply, record);
    if (signature == NULL)
        return WRONG;
    ldns_status status = ldns_verify_rrsig_keylist_notime(set, signature, work->keys, NULL);
    ldns_rr_free(signature);
    switch (status) {
    case LDNS_STATUS_OK:
        return NO_FAULT;
    case LDNS_STATUS_CRYPTO_UNKNOWN_ALGO:
    case LDNS_STATUS_CRYPTO_ALGO_NOT_IMPL:
        return NOT_SUPPORTED;
    default:
        return WRONG;
    }
}

static struct trial try_signature(const struct dns_work *work, const struct dns_record *first,
                                  const ldns_rr_list *set, const struct dns_record *signature)
{
    struct trial trial = {.fault = NO_FAULT, .signature = signature};
    const struct algorithm *algorithm = find_algorithm(signature->is.rrsig.algorithm);
    double begins = seconds_until(signature->is.rrsig.begins, work->now);
    double expires = seconds_until(signature->is.rrsig.expires, work->now);
    if (!dns_name_equal(&signature->name, work->zone))
        trial.fault = OF_ANOTHER;
    else if (algorithm == NULL)
        trial.fault = NOT_SUPPORTED;
    else if (!has_key(work->keys, signature))
        trial.fault = NO_KEY;
    else if (signature->is.rrsig.labels > dns_name_labels(&first->owner) ||
             !has_size(signature, 18u + signature->name.length, algorithm->signature))
        trial.fault = WRONG;
    else
        trial.fault = verify(work, set, signature);
    if (trial.fault != NO_FAULT)
        return trial;
    if (begins > 0)
        trial = (struct trial){.fault = EARLY, .signature = signature, .seconds = begins};
    else if (expires < 0)
        trial = (struct trial){.fault = LATE, .signature = signature, .seconds = -expires};
    return trial;
}

/* One good signature is enough (RFC 4035, 5.3.3); without one the fault that says most. */
static struct trial try_signatures(const struct dns_work *work, const struct dns_record *first,
                                   const ldns_rr_list *set)
{
    struct trial best = {.fault = NO_SIGNATURE};
    size_t tried = 0;
    for (size_t i = 0; i < work->reply->record_count && tried < SIGNATURES_MAX; i++) {
        const struct dns_record *record = &work->reply->records[i];
        if (record->type != DNS_RRSIG || record->is.rrsig.covered != first->type ||
            record->section != first->section || !dns_name_equal(&record->owner, &first->owner))
            continue;
        struct trial trial = try_signature(work, first, set, record);
        if (trial.fault > best.fault)
            best = trial;
        if (best.fault == NO_FAULT)
            break;
        tried++;
    }
    return best;
}

enum dns_validity dns_validate_set(const struct dns_work *work, const struct dns_record *first,
                                   unsigned *labels)
{
    ldns_rr_list *set = collect(work->reply, first);
    if (set == NULL) {
        say_set(work->words, first);
        dr_buffer_add(work->words, " cannot be read");
        return DNS_INDETERMINATE;
    }
    struct trial trial = try_signatures(work, first, set);
    ldns_rr_list_deep_free(set);
    if (trial.fault == NO_FAULT) {
        *labels = trial.signature->is.rrsig.labels;
        return DNS_SECURE;
    }
    say_trial(work->words, first, &trial);
    return trial.fault == NOT_SUPPORTED || trial.fault == OF_ANOTHER ? DNS_INDETERMINATE
                                                                     : DNS_INVALID;
}
