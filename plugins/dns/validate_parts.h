/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of validate.h share, and nobody else uses: validate_set.c (one set of records and
 * its signatures: all that ldns computes), validate_keys.c (the zone's keys, and who vouches for
 * them), validate.c (the whole reply, denials). ldns' types are known to these files alone. */
#ifndef DNS_VALIDATE_PARTS_H
#define DNS_VALIDATE_PARTS_H

#include "common/buffer.h"
#include "plugins/dns/validate.h"

#include <ldns/ldns.h>

struct dns_anchor {
    ldns_rr_list *records; /* DS, DNSKEY; none: nothing is promised */
};

/* One reply that is being validated. */
struct dns_work {
    const struct dns_message *reply;
    const struct dns_name *zone;
    ldns_rr_list *keys; /* that are trusted */
    double now;
    struct dr_buffer *words;
    bool *opted_out; /* a proof rests on NSEC3 records with opt-out */
};

/* ---- records and sets (validate_set.c) ---- */

/* Records of such a type are looked at. */
bool dns_type_is_validated(unsigned type);

/* A record of the message as ldns has it (the caller frees it); NULL where it cannot be, or is
 * another to ldns. */
ldns_rr *dns_record_to_ldns(const struct dns_message *message, const struct dns_record *record);

bool dns_record_is_of_set(const struct dns_record *record, const struct dns_record *first);

/* The first of that section, type and owner; NULL. */
const struct dns_record *dns_record_find(const struct dns_message *message,
                                         enum dns_section section, unsigned type,
                                         const struct dns_name *owner);

bool dns_algorithm_is_known(unsigned number);

/* A key of the zone that may sign, of an algorithm and a size that can be computed. */
bool dns_record_is_usable_key(const struct dns_record *record);

/* The set that `first` begins, by work->keys: SECURE, INVALID or INDETERMINATE with words. *labels:
 * of the good signature, where it is SECURE. */
enum dns_validity dns_validate_set(const struct dns_work *work, const struct dns_record *first,
                                   unsigned *labels);

/* ---- keys (validate_keys.c) ---- */

/* "DS 4711, DS 4712": what the zone's keys should match. */
void dns_anchor_say(struct dr_buffer *words, const struct dns_anchor *anchor);

/* Some of what vouches can be computed here. */
bool dns_anchor_is_supported(const struct dns_anchor *anchor);

/* Fills work->keys with the keys of the zone, where they are vouched for. */
enum dns_validity dns_validate_keys(const struct dns_anchor *anchor, const struct dns_message *keys,
                                    struct dns_work *work);

#endif
