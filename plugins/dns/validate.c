/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ldns gets single records, whose data dns_message_read has checked, and never a message: of its
 * reader only the part for the types below is reached. It has assertions; those that a record can
 * reach are about data that is not there (a record with fewer fields than its type has) and are
 * kept away here (to_ldns), those about buffers are not reached with records of a message of 64
 * KiB. Keys and signatures of a size that the algorithm does not have are not handed to it either,
 * nor algorithms but the six below. Denials are checked by us (denial.c). */
#include "plugins/dns/validate.h"

#include "common/buffer.h"
#include "common/duration.h"
#include "plugins/dns/denial.h"

#include <ldns/ldns.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX_BYTES 300
#define SETS_MAX 64     /* sets of records that are verified */
#define RECORDS_MAX 256 /* of a set */
#define SIGNATURES_MAX                                                                             \
    8                  /* of a set that are tried; no zone has more algorithms and keys at once    \
                        */
#define KEYS_MAX 32    /* of a zone */
#define SAME_TAG_MAX 4 /* keys with one tag: each would be tried (CVE-2023-50387) */
#define CHAIN_MAX 17
#define KEY_OF_ZONE 0x0100
#define KEY_REVOKED 0x0080 /* RFC 5011, 3 */

struct dns_anchor {
    ldns_rr_list *records; /* DS, DNSKEY; none: nothing is promised */
};

/* One reply that is being validated. */
struct work {
    const struct dns_message *reply;
    const struct dns_name *zone;
    ldns_rr_list *keys; /* that are trusted */
    double now;
    struct dr_buffer *words;
    bool *opted_out; /* a proof rests on NSEC3 records with opt-out */
};

/* ---- Records ---- */

static bool is_known_type(unsigned type)
{
    return type == DNS_A || type == DNS_AAAA || type == DNS_NS || type == DNS_CNAME ||
           type == DNS_SOA || type == DNS_DNAME || type == DNS_DS || type == DNS_RRSIG ||
           type == DNS_DNSKEY || type == DNS_NSEC || type == DNS_NSEC3;
}

/* A record of the message as ldns has it; NULL where it cannot be, or is another to ldns. */
static ldns_rr *to_ldns(const struct dns_message *message, const struct dns_record *record)
{
    ldns_rr *rr = NULL;
    size_t at = record->at, end = (size_t)(record->rdata - message->bytes) + record->rdata_size;
    if (!is_known_type(record->type) ||
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

static bool is_of_set(const struct dns_record *record, const struct dns_record *first)
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
        if (!is_of_set(&message->records[i], first))
            continue;
        ldns_rr *rr = to_ldns(message, &message->records[i]);
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

/* Bytes behind the fixed part; a signature stands behind its signer's name, which is not
 * compressed (RFC 4034, 3.1.7). */
static bool has_size(const struct dns_record *record, size_t before, size_t wanted)
{
    if (record->rdata_size <= before)
        return false;
    size_t size = record->rdata_size - before;
    return wanted == 0 ? size >= 64 && size <= 1100 : size == wanted;
}

static bool is_usable_key(const struct dns_record *record)
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
static enum fault verify(const struct work *work, const ldns_rr_list *set,
                         const struct dns_record *record)
{
    ldns_rr *signature = to_ldns(work->reply, record);
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

static struct trial try_signature(const struct work *work, const struct dns_record *first,
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
static struct trial try_signatures(const struct work *work, const struct dns_record *first,
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

/* *labels: of the good signature. */
static enum dns_validity validate_set(const struct work *work, const struct dns_record *first,
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

/* ---- What vouches for the keys ---- */

static struct dns_anchor *new_anchor(struct dr_error *error)
{
    struct dns_anchor *anchor = calloc(1, sizeof *anchor);
    if (anchor != NULL)
        anchor->records = ldns_rr_list_new();
    if (anchor == NULL || anchor->records == NULL) {
        free(anchor);
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        return NULL;
    }
    return anchor;
}

void dns_anchor_free(struct dns_anchor *anchor)
{
    if (anchor == NULL)
        return;
    ldns_rr_list_deep_free(anchor->records);
    free(anchor);
}

static bool read_ds(struct dns_anchor *anchor, const struct dns_message *ds,
                    const struct dns_name *zone, struct dr_error *error)
{
    char code[DNS_RCODE_TEXT];
    if (ds->rcode != DNS_NOERROR || ds->truncated)
        return dr_error_set(error, DR_ERR_PROTOCOL, "the question for the zone's DS: %s",
                            ds->truncated ? "truncated" : dns_rcode_text(ds->rcode, code));
    for (size_t i = 0; i < ds->record_count; i++) {
        const struct dns_record *record = &ds->records[i];
        if (record->type != DNS_DS || record->section == DNS_ADDITIONAL ||
            !dns_name_equal(&record->owner, zone) ||
            ldns_rr_list_rr_count(anchor->records) == KEYS_MAX)
            continue;
        ldns_rr *rr = to_ldns(ds, record);
        if (rr == NULL || !ldns_rr_list_push_rr(anchor->records, rr)) {
            ldns_rr_free(rr);
            return dr_error_set(error, DR_ERR_PROTOCOL, "a DS record cannot be read");
        }
    }
    return true;
}

static bool keep_line(struct dns_anchor *anchor, const ldns_rdf *zone, ldns_rr *rr)
{
    ldns_rr_type type = ldns_rr_get_type(rr);
    bool wanted = (type == LDNS_RR_TYPE_DS || type == LDNS_RR_TYPE_DNSKEY) &&
                  ldns_rr_rd_count(rr) == 4 && ldns_dname_compare(ldns_rr_owner(rr), zone) == 0;
    if (wanted && ldns_rr_list_rr_count(anchor->records) < KEYS_MAX &&
        ldns_rr_list_push_rr(anchor->records, rr))
        return true;
    ldns_rr_free(rr);
    return !wanted;
}

static bool read_lines(struct dns_anchor *anchor, FILE *stream, const char *path,
                       const ldns_rdf *zone, struct dr_error *error)
{
    uint32_t ttl = 3600;
    ldns_rdf *origin = NULL, *previous = NULL;
    int line = 0;
    bool ok = true;
    while (ok && !feof(stream)) {
        ldns_rr *rr = NULL;
        ldns_status status = ldns_rr_new_frm_fp_l(&rr, stream, &ttl, &origin, &previous, &line);
        if (status == LDNS_STATUS_OK)
            ok = keep_line(anchor, zone, rr) ||
                 dr_error_set(error, DR_ERR_USAGE, "%s, line %d: too many records", path, line);
        else if (status != LDNS_STATUS_SYNTAX_EMPTY && status != LDNS_STATUS_SYNTAX_TTL &&
                 status != LDNS_STATUS_SYNTAX_ORIGIN)
            ok = dr_error_set(error, DR_ERR_USAGE, "%s, line %d: not a DS or DNSKEY record: %s",
                              path, line, ldns_get_errorstr_by_id(status));
    }
    ldns_rdf_deep_free(origin);
    ldns_rdf_deep_free(previous);
    return ok;
}

static bool read_file(struct dns_anchor *anchor, const char *path, const struct dns_name *zone,
                      struct dr_error *error)
{
    char name[DNS_NAME_TEXT];
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return dr_error_set(error, DR_ERR_USAGE, "%s: %s", path, strerror(errno));
    ldns_rdf *owner = ldns_dname_new_frm_data(zone->length, zone->wire);
    bool ok = owner != NULL ? read_lines(anchor, stream, path, owner, error)
                            : dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    ldns_rdf_deep_free(owner);
    fclose(stream);
    if (ok && ldns_rr_list_rr_count(anchor->records) == 0)
        return dr_error_set(error, DR_ERR_USAGE, "%s: no DS or DNSKEY record of %s", path,
                            dns_name_text(zone, name));
    return ok;
}

struct dns_anchor *dns_anchor_read(const struct dns_message *ds, const char *file,
                                   const struct dns_name *zone, struct dr_error *error)
{
    struct dns_anchor *anchor = new_anchor(error);
    if (anchor == NULL)
        return NULL;
    bool ok = true;
    if (file != NULL)
        ok = read_file(anchor, file, zone, error);
    else if (ds != NULL)
        ok = read_ds(anchor, ds, zone, error);
    if (ok)
        return anchor;
    dns_anchor_free(anchor);
    return NULL;
}

/* ---- The keys of the zone ---- */

static unsigned field(const ldns_rr *rr, size_t index)
{
    const ldns_rdf *rdf = ldns_rr_rdf(rr, index);
    return ldns_rdf_size(rdf) == 2 ? ldns_rdf2native_int16(rdf) : ldns_rdf2native_int8(rdf);
}

/* The digest of the DS is that of the key. SHA-1 is not taken (RFC 9905). */
static bool vouches(const ldns_rr *ds, const ldns_rr *key)
{
    unsigned digest = field(ds, 2);
    if (digest != LDNS_SHA256 && digest != LDNS_SHA384)
        return false;
    ldns_rr *made = ldns_key_rr2ds(key, (ldns_hash)digest);
    bool same = made != NULL && ldns_rr_rd_count(made) == 4;
    for (size_t i = 0; same && i < 4; i++)
        same = ldns_rdf_compare(ldns_rr_rdf(made, i), ldns_rr_rdf(ds, i)) == 0;
    ldns_rr_free(made);
    return same;
}

static bool is_vouched_for(const struct dns_anchor *anchor, const ldns_rr *key)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(anchor->records); i++) {
        ldns_rr *record = ldns_rr_list_rr(anchor->records, i);
        if (ldns_rr_get_type(record) == LDNS_RR_TYPE_DS ? vouches(record, key)
                                                        : ldns_rr_compare(record, key) == 0)
            return true;
    }
    return false;
}

/* "DS 4711, DS 4712": what the zone's keys should match. */
static void say_anchor(struct dr_buffer *words, const struct dns_anchor *anchor)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(anchor->records); i++) {
        ldns_rr *record = ldns_rr_list_rr(anchor->records, i);
        bool ds = ldns_rr_get_type(record) == LDNS_RR_TYPE_DS;
        dr_buffer_addf(words, "%s%s %u", i > 0 ? ", " : "", ds ? "DS" : "the trusted key",
                       ds ? field(record, 0) : (unsigned)ldns_calc_keytag(record));
    }
}

/* Some of what vouches can be computed here. */
static bool is_supported(const struct dns_anchor *anchor)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(anchor->records); i++) {
        ldns_rr *record = ldns_rr_list_rr(anchor->records, i);
        bool ds = ldns_rr_get_type(record) == LDNS_RR_TYPE_DS;
        unsigned digest = field(record, 2);
        if (find_algorithm(field(record, ds ? 1 : 2)) != NULL &&
            (!ds || digest == LDNS_SHA256 || digest == LDNS_SHA384))
            return true;
    }
    return false;
}

/* The usable keys of a reply; those that are vouched for as well into `entry`. False where there
 * are more than a zone has, or memory ran out. */
static bool list_keys(const struct dns_anchor *anchor, const struct dns_message *reply,
                      const struct dns_name *zone, ldns_rr_list *all, ldns_rr_list *entry)
{
    for (size_t i = 0; i < reply->record_count; i++) {
        const struct dns_record *record = &reply->records[i];
        size_t same_tag = 0;
        if (record->section != DNS_ANSWER || record->type != DNS_DNSKEY ||
            !dns_name_equal(&record->owner, zone) || !is_usable_key(record))
            continue;
        for (size_t k = 0; k < ldns_rr_list_rr_count(all); k++)
            same_tag += ldns_calc_keytag(ldns_rr_list_rr(all, k)) == record->is.dnskey.key_tag;
        ldns_rr *key = to_ldns(reply, record);
        if (key == NULL || same_tag == SAME_TAG_MAX || ldns_rr_list_rr_count(all) == KEYS_MAX ||
            !ldns_rr_list_push_rr(all, key)) {
            ldns_rr_free(key);
            return false;
        }
        if (is_vouched_for(anchor, key) && !ldns_rr_list_push_rr(entry, key))
            return false;
    }
    return true;
}

static const struct dns_record *find_record(const struct dns_message *message,
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

/* The set of keys is signed by one that is vouched for (RFC 4035, 5.2). */
static enum dns_validity validate_entry(const struct dns_anchor *anchor,
                                        const struct dns_message *keys, const struct work *work,
                                        const struct dns_record *first)
{
    struct work entry = *work;
    unsigned labels;
    entry.reply = keys;
    if (ldns_rr_list_rr_count(entry.keys) > 0)
        return validate_set(&entry, first, &labels);
    dr_buffer_add(work->words, "no DNSKEY matches ");
    say_anchor(work->words, anchor);
    return DNS_INVALID;
}

/* Fills work->keys with the keys of the zone, where they are vouched for. */
static enum dns_validity trust_keys(const struct dns_anchor *anchor, const struct dns_message *keys,
                                    struct work *work)
{
    char code[DNS_RCODE_TEXT];
    if (keys == NULL || keys->rcode != DNS_NOERROR || keys->truncated) {
        dr_buffer_addf(work->words, "the zone's DNSKEY records were not had%s%s",
                       keys != NULL ? ": " : "",
                       keys == NULL      ? ""
                       : keys->truncated ? "truncated"
                                         : dns_rcode_text(keys->rcode, code));
        return DNS_INDETERMINATE;
    }
    const struct dns_record *first = find_record(keys, DNS_ANSWER, DNS_DNSKEY, work->zone);
    if (first == NULL) {
        dr_buffer_add(work->words, "the zone has no DNSKEY record, and should match ");
        say_anchor(work->words, anchor);
        return DNS_INVALID;
    }
    ldns_rr_list *all = work->keys, *entry = ldns_rr_list_new();
    if (entry == NULL || !list_keys(anchor, keys, work->zone, all, entry)) {
        ldns_rr_list_free(entry);
        dr_buffer_add(work->words, "the zone's DNSKEY records cannot be read, or are too many");
        return DNS_INDETERMINATE;
    }
    work->keys = entry;
    enum dns_validity validity = validate_entry(anchor, keys, work, first);
    work->keys = all;
    ldns_rr_list_free(entry);
    return validity;
}

/* ---- The reply ---- */

/* Names of the zone and a record that should be signed. */
static bool is_owed_signature(const struct work *work, const struct dns_record *record)
{
    if (!is_known_type(record->type) || record->type == DNS_RRSIG ||
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
        if (is_of_set(&reply->records[i], &reply->records[index]))
            return false;
    }
    return true;
}

static enum dns_validity of_proof(const struct work *work, enum dns_proof proof,
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

static enum dns_validity validate_sets(const struct work *work)
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
        enum dns_validity validity = validate_set(work, record, &labels);
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
static struct dns_name find_end(const struct work *work)
{
    struct dns_name end = work->reply->question;
    for (size_t links = 0; links < CHAIN_MAX; links++) {
        const struct dns_record *cname = find_record(work->reply, DNS_ANSWER, DNS_CNAME, &end);
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
static enum dns_validity validate_denial(const struct work *work)
{
    struct dns_name end = find_end(work);
    bool nxdomain = work->reply->rcode == DNS_NXDOMAIN;
    char type[DNS_TYPE_TEXT], what[64];
    bool found = find_record(work->reply, DNS_ANSWER, work->reply->question_type, &end) != NULL;
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
                                        const struct dns_message *keys, struct work *work)
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
    if (!is_supported(anchor)) {
        say_anchor(work->words, anchor);
        dr_buffer_add(work->words, ": an algorithm or digest that is not supported here");
        return DNS_INDETERMINATE;
    }
    enum dns_validity validity = trust_keys(anchor, keys, work);
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
    struct work work = {.reply = reply,
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
