/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/validate_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 32    /* of a zone */
#define SAME_TAG_MAX 4 /* keys with one tag: each would be tried (CVE-2023-50387) */

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
        ldns_rr *rr = dns_record_to_ldns(ds, record);
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

void dns_anchor_say(struct dr_buffer *words, const struct dns_anchor *anchor)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(anchor->records); i++) {
        ldns_rr *record = ldns_rr_list_rr(anchor->records, i);
        bool ds = ldns_rr_get_type(record) == LDNS_RR_TYPE_DS;
        dr_buffer_addf(words, "%s%s %u", i > 0 ? ", " : "", ds ? "DS" : "the trusted key",
                       ds ? field(record, 0) : (unsigned)ldns_calc_keytag(record));
    }
}

bool dns_anchor_is_supported(const struct dns_anchor *anchor)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(anchor->records); i++) {
        ldns_rr *record = ldns_rr_list_rr(anchor->records, i);
        bool ds = ldns_rr_get_type(record) == LDNS_RR_TYPE_DS;
        unsigned digest = field(record, 2);
        if (dns_algorithm_is_known(field(record, ds ? 1 : 2)) &&
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
            !dns_name_equal(&record->owner, zone) || !dns_record_is_usable_key(record))
            continue;
        for (size_t k = 0; k < ldns_rr_list_rr_count(all); k++)
            same_tag += ldns_calc_keytag(ldns_rr_list_rr(all, k)) == record->is.dnskey.key_tag;
        ldns_rr *key = dns_record_to_ldns(reply, record);
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

/* The set of keys is signed by one that is vouched for (RFC 4035, 5.2). */
static enum dns_validity validate_entry(const struct dns_anchor *anchor,
                                        const struct dns_message *keys, const struct dns_work *work,
                                        const struct dns_record *first)
{
    struct dns_work entry = *work;
    unsigned labels;
    entry.reply = keys;
    if (ldns_rr_list_rr_count(entry.keys) > 0)
        return dns_validate_set(&entry, first, &labels);
    dr_buffer_add(work->words, "no DNSKEY matches ");
    dns_anchor_say(work->words, anchor);
    return DNS_INVALID;
}

enum dns_validity dns_validate_keys(const struct dns_anchor *anchor, const struct dns_message *keys,
                                    struct dns_work *work)
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
    const struct dns_record *first = dns_record_find(keys, DNS_ANSWER, DNS_DNSKEY, work->zone);
    if (first == NULL) {
        dr_buffer_add(work->words, "the zone has no DNSKEY record, and should match ");
        dns_anchor_say(work->words, anchor);
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
