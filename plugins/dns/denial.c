/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/denial.h"

#include <ldns/ldns.h>

#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 16 /* that are looked at: a proof needs three */
#define HASH_SIZE 20   /* SHA-1, the only one there is (RFC 5155, 11) */

/* A proof's records. NSEC: from owner to next; NSEC3: from hash to next_hash. */
struct gap {
    const struct dns_name *owner;
    struct dns_name next;
    uint8_t hash[HASH_SIZE], next_hash[HASH_SIZE];
    bool opt_out;
    const uint8_t *types; /* the bitmap */
    size_t types_size;
};

struct proof {
    const struct dns_name *zone;
    struct gap nsec[RECORDS_MAX], nsec3[RECORDS_MAX];
    size_t nsec_count, nsec3_count;
    unsigned iterations;
    uint8_t salt[255];
    uint8_t salt_size;
    bool too_dear;
};

/* ---- Reading ---- */

static bool has_type(const struct gap *gap, unsigned type)
{
    for (size_t at = 0; at + 2 <= gap->types_size; at += 2u + gap->types[at + 1]) {
        unsigned window = gap->types[at], size = gap->types[at + 1], byte = (type & 0xff) / 8;
        if (window == type >> 8 && byte < size)
            return (gap->types[at + 2 + byte] & 0x80 >> type % 8) != 0;
    }
    return false;
}

/* Windows in rising order, each of 1 to 32 bytes (RFC 4034, 4.1.2): has_type stays within them. */
static bool is_bitmap(const uint8_t *types, size_t size)
{
    int last = -1;
    for (size_t at = 0; at < size; at += 2u + types[at + 1]) {
        if (size - at < 2 || types[at] <= last || types[at + 1] < 1 || types[at + 1] > 32 ||
            types[at + 1] > size - at - 2)
            return false;
        last = types[at];
    }
    return true;
}

/* The next name is not compressed (RFC 4034, 4.1.1). */
static bool read_nsec(const struct dns_record *record, struct gap *gap)
{
    size_t at = 0;
    while (at < record->rdata_size && record->rdata[at] != 0) {
        if (record->rdata[at] > DNS_LABEL_MAX)
            return false;
        at += 1u + record->rdata[at];
    }
    if (at >= record->rdata_size || at + 1 > DNS_NAME_MAX)
        return false;
    *gap = (struct gap){.owner = &record->owner, .next.length = (uint8_t)(at + 1)};
    memcpy(gap->next.wire, record->rdata, at + 1);
    gap->types = record->rdata + at + 1;
    gap->types_size = record->rdata_size - at - 1;
    /* The record itself is among the types (RFC 4034, 4.1.2); of NSEC3 it is not. */
    return gap->types_size > 0 && is_bitmap(gap->types, gap->types_size);
}

/* Base 32 with the extended hex alphabet (RFC 4648, 7), as the first label of an NSEC3 record: 32
 * letters are 20 bytes. */
static bool read_hash(const uint8_t *label, uint8_t hash[HASH_SIZE])
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t out = 0;
    if (label[0] != HASH_SIZE * 8 / 5)
        return false;
    for (size_t i = 1; i <= label[0]; i++) {
        unsigned c = label[i];
        unsigned value = c >= '0' && c <= '9'   ? c - '0'
                         : c >= 'a' && c <= 'v' ? c - 'a' + 10
                         : c >= 'A' && c <= 'V' ? c - 'A' + 10
                                                : 32;
        if (value > 31)
            return false;
        bits = (bits << 5 | value) & 0xfff;
        count += 5;
        if (count >= 8) {
            count -= 8;
            hash[out++] = (uint8_t)(bits >> count & 0xff);
        }
    }
    return true;
}

/* RFC 5155, 3.2: hash algorithm, flags, iterations, salt, next hash, types. All records of a proof
 * have the same parameters (8.2): those of the first count. */
static bool read_nsec3(const struct dns_record *record, struct proof *proof, struct gap *gap)
{
    const uint8_t *data = record->rdata;
    size_t size = record->rdata_size;
    if (size < 5 || size < 5u + data[4] + 1 + HASH_SIZE || data[5 + data[4]] != HASH_SIZE)
        return false;
    unsigned iterations = (unsigned)data[2] << 8 | data[3];
    if (data[0] != 1 || iterations > DNS_ITERATIONS_MAX) {
        proof->too_dear = true;
        return false;
    }
    if (proof->nsec3_count == 0) {
        proof->iterations = iterations;
        proof->salt_size = data[4];
        memcpy(proof->salt, data + 5, data[4]);
    } else if (proof->iterations != iterations || proof->salt_size != data[4] ||
               memcmp(proof->salt, data + 5, data[4]) != 0) {
        return false;
    }
    size_t at = 5u + data[4] + 1;
    *gap = (struct gap){.owner = &record->owner, .opt_out = (data[1] & 1) != 0};
    memcpy(gap->next_hash, data + at, HASH_SIZE);
    gap->types = data + at + HASH_SIZE;
    gap->types_size = size - at - HASH_SIZE;
    struct dns_name parent;
    return read_hash(record->owner.wire, gap->hash) && dns_name_parent(&record->owner, &parent) &&
           dns_name_equal(&parent, proof->zone) && is_bitmap(gap->types, gap->types_size);
}

static void read_proof(const struct dns_message *reply, const struct dns_name *zone,
                       struct proof *proof)
{
    *proof = (struct proof){.zone = zone};
    for (size_t i = 0; i < reply->record_count; i++) {
        const struct dns_record *record = &reply->records[i];
        if (record->section != DNS_AUTHORITY || !dns_name_within(&record->owner, zone))
            continue;
        if (record->type == DNS_NSEC && proof->nsec_count < RECORDS_MAX)
            proof->nsec_count += read_nsec(record, &proof->nsec[proof->nsec_count]);
        else if (record->type == DNS_NSEC3 && proof->nsec3_count < RECORDS_MAX)
            proof->nsec3_count += read_nsec3(record, proof, &proof->nsec3[proof->nsec3_count]);
    }
}

/* ---- What both share ---- */

/* The last `labels` labels of a name that has at least so many. */
static struct dns_name ancestor(const struct dns_name *name, unsigned labels)
{
    struct dns_name result = *name;
    for (unsigned count = dns_name_labels(name); count > labels; count--)
        dns_name_parent(&result, &result);
    return result;
}

/* The zone ends there, or goes on elsewhere: such a record says nothing of names below its owner,
 * and of its owner only what the parent has (RFC 6840, 4.1). */
static bool is_cut(const struct gap *gap)
{
    return has_type(gap, DNS_NS) && !has_type(gap, DNS_SOA);
}

static bool lacks(const struct gap *gap, unsigned type)
{
    return !has_type(gap, type) && !has_type(gap, DNS_CNAME) &&
           (type == DNS_DS || !is_cut(gap)); /* RFC 6840, 4.3 and 4.1 */
}

/* ---- NSEC ---- */

/* The label that is the `index`th from the end, 0: the last before the root. */
static const uint8_t *label_at(const struct dns_name *name, unsigned labels, unsigned index)
{
    const uint8_t *at = name->wire;
    for (unsigned i = labels - 1; i > index; i--)
        at += 1 + *at;
    return at;
}

static int compare_labels(const uint8_t *a, const uint8_t *b)
{
    size_t size = a[0] < b[0] ? a[0] : b[0];
    for (size_t i = 1; i <= size; i++) {
        int x = a[i] >= 'A' && a[i] <= 'Z' ? a[i] + 32 : a[i];
        int y = b[i] >= 'A' && b[i] <= 'Z' ? b[i] + 32 : b[i];
        if (x != y)
            return x - y;
    }
    return a[0] - b[0];
}

/* The canonical order (RFC 4034, 6.1): by the last label first. */
static int compare(const struct dns_name *a, const struct dns_name *b, unsigned *common)
{
    unsigned la = dns_name_labels(a), lb = dns_name_labels(b);
    unsigned least = la < lb ? la : lb;
    for (*common = 0; *common < least; (*common)++) {
        int order = compare_labels(label_at(a, la, *common), label_at(b, lb, *common));
        if (order != 0)
            return order;
    }
    return la < lb ? -1 : la > lb;
}

/* The name lies between owner and next; the last record of a zone leads back to its apex. *closest:
 * labels of the closest ancestor that exists, which is one of the owner or of the next. */
static bool nsec_covers(const struct gap *gap, const struct dns_name *name, unsigned *closest)
{
    unsigned left, right, between;
    bool last = compare(&gap->next, gap->owner, &between) <= 0;
    if (compare(gap->owner, name, &left) >= 0 || (compare(name, &gap->next, &right) >= 0 && !last))
        return false;
    if (dns_name_within(name, gap->owner) && (is_cut(gap) || has_type(gap, DNS_DNAME)))
        return false;
    *closest = left > right ? left : right;
    return true;
}

static const struct gap *nsec_cover(const struct proof *proof, const struct dns_name *name,
                                    unsigned *closest)
{
    for (size_t i = 0; i < proof->nsec_count; i++) {
        if (nsec_covers(&proof->nsec[i], name, closest))
            return &proof->nsec[i];
    }
    return NULL;
}

static const struct gap *nsec_match(const struct proof *proof, const struct dns_name *name)
{
    for (size_t i = 0; i < proof->nsec_count; i++) {
        if (dns_name_equal(proof->nsec[i].owner, name))
            return &proof->nsec[i];
    }
    return NULL;
}

static bool nsec_proves(const struct proof *proof, const struct dns_name *name, unsigned type,
                        bool nxdomain)
{
    unsigned closest, unused;
    const struct gap *match = nsec_match(proof, name);
    if (match != NULL)
        return !nxdomain && lacks(match, type);
    const struct gap *cover = nsec_cover(proof, name, &closest);
    if (cover == NULL)
        return false;
    /* A name without records that has others below it exists (RFC 4592, 2.2.2). */
    if (dns_name_within(&cover->next, name))
        return !nxdomain;
    struct dns_name encloser = ancestor(name, closest), wildcard;
    if (!dns_name_prefix("*", &encloser, &wildcard))
        return true; /* too long to exist */
    match = nsec_match(proof, &wildcard);
    if (match != NULL)
        return !nxdomain && lacks(match, type);
    return nxdomain && nsec_cover(proof, &wildcard, &unused) != NULL;
}

/* ---- NSEC3 ---- */

static bool hash_name(const struct proof *proof, const struct dns_name *name,
                      uint8_t hash[HASH_SIZE])
{
    ldns_rdf *plain = ldns_dname_new_frm_data(name->length, name->wire);
    if (plain == NULL)
        return false;
    ldns_dname2canonical(plain);
    ldns_rdf *hashed =
        ldns_nsec3_hash_name(plain, 1, (uint16_t)proof->iterations, proof->salt_size, proof->salt);
    bool ok = hashed != NULL && ldns_rdf_size(hashed) > HASH_SIZE * 8 / 5 &&
              read_hash(ldns_rdf_data(hashed), hash);
    ldns_rdf_deep_free(plain);
    ldns_rdf_deep_free(hashed);
    return ok;
}

static const struct gap *nsec3_match(const struct proof *proof, const struct dns_name *name)
{
    uint8_t hash[HASH_SIZE];
    if (!hash_name(proof, name, hash))
        return NULL;
    for (size_t i = 0; i < proof->nsec3_count; i++) {
        if (memcmp(proof->nsec3[i].hash, hash, HASH_SIZE) == 0)
            return &proof->nsec3[i];
    }
    return NULL;
}

static const struct gap *nsec3_cover(const struct proof *proof, const struct dns_name *name)
{
    uint8_t hash[HASH_SIZE];
    if (!hash_name(proof, name, hash))
        return NULL;
    for (size_t i = 0; i < proof->nsec3_count; i++) {
        const struct gap *gap = &proof->nsec3[i];
        bool above = memcmp(gap->hash, hash, HASH_SIZE) < 0;
        bool below = memcmp(hash, gap->next_hash, HASH_SIZE) < 0;
        bool last = memcmp(gap->next_hash, gap->hash, HASH_SIZE) <= 0;
        if (last ? above || below : above && below)
            return gap;
    }
    return NULL;
}

/* Labels of the closest ancestor that exists, and can have the name below it; 0 where none is
 * shown. */
static unsigned closest_encloser(const struct proof *proof, const struct dns_name *name)
{
    unsigned least = dns_name_labels(proof->zone);
    for (unsigned labels = dns_name_labels(name); labels-- > least;) {
        struct dns_name candidate = ancestor(name, labels);
        const struct gap *match = nsec3_match(proof, &candidate);
        if (match != NULL)
            return is_cut(match) || has_type(match, DNS_DNAME) ? 0 : labels;
    }
    return 0;
}

static enum dns_proof of_gap(const struct gap *gap)
{
    if (gap == NULL)
        return DNS_NOT_PROVEN;
    return gap->opt_out ? DNS_OPTED_OUT : DNS_PROVEN;
}

static enum dns_proof nsec3_check(const struct proof *proof, const struct dns_name *name,
                                  unsigned type, bool nxdomain)
{
    const struct gap *match = nsec3_match(proof, name);
    if (match != NULL)
        return !nxdomain && lacks(match, type) ? DNS_PROVEN : DNS_NOT_PROVEN;
    unsigned labels = closest_encloser(proof, name);
    if (labels == 0)
        return DNS_NOT_PROVEN;
    struct dns_name encloser = ancestor(name, labels), closer = ancestor(name, labels + 1),
                    wildcard;
    enum dns_proof gone = of_gap(nsec3_cover(proof, &closer));
    if (gone == DNS_NOT_PROVEN || !dns_name_prefix("*", &encloser, &wildcard))
        return gone;
    match = nsec3_match(proof, &wildcard);
    if (match != NULL)
        return !nxdomain && lacks(match, type) ? gone : DNS_NOT_PROVEN;
    /* With opt-out a name that exists may have no NSEC3 record: for a NODATA that is all there is
     * (RFC 5155, 8.6). */
    if (!nxdomain)
        return gone == DNS_OPTED_OUT ? gone : DNS_NOT_PROVEN;
    return nsec3_cover(proof, &wildcard) != NULL ? gone : DNS_NOT_PROVEN;
}

/* ---- Both ---- */

enum dns_proof dns_denial_check(const struct dns_message *reply, const struct dns_name *zone,
                                const struct dns_name *name, unsigned type, bool nxdomain)
{
    struct proof proof;
    read_proof(reply, zone, &proof);
    if (proof.nsec_count > 0 && nsec_proves(&proof, name, type, nxdomain))
        return DNS_PROVEN;
    if (proof.nsec3_count > 0)
        return nsec3_check(&proof, name, type, nxdomain);
    return proof.too_dear ? DNS_TOO_DEAR : DNS_NOT_PROVEN;
}

enum dns_proof dns_denial_check_wildcard(const struct dns_message *reply,
                                         const struct dns_name *zone, const struct dns_name *name,
                                         unsigned labels)
{
    struct proof proof;
    unsigned unused;
    read_proof(reply, zone, &proof);
    if (nsec_cover(&proof, name, &unused) != NULL)
        return DNS_PROVEN;
    struct dns_name closer = ancestor(name, labels + 1);
    if (proof.nsec3_count > 0)
        return of_gap(nsec3_cover(&proof, &closer));
    return proof.too_dear ? DNS_TOO_DEAR : DNS_NOT_PROVEN;
}
