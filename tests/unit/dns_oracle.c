/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/dns_oracle.h"

#include <ldns/ldns.h>
#include <string.h>

static bool same_name(const ldns_rdf *theirs, const struct dns_name *ours)
{
    return theirs != NULL && ldns_rdf_size(theirs) == ours->length &&
           memcmp(ldns_rdf_data(theirs), ours->wire, ours->length) == 0;
}

/* The figure in a field of a record. */
static uint32_t figure(const ldns_rr *rr, size_t field)
{
    const ldns_rdf *rdf = ldns_rr_rdf(rr, field);
    uint32_t value = 0;
    for (size_t i = 0; rdf != NULL && i < ldns_rdf_size(rdf); i++)
        value = value << 8 | ldns_rdf_data(rdf)[i];
    return value;
}

static bool same_soa(const ldns_rr *rr, const struct dns_record *record)
{
    return same_name(ldns_rr_rdf(rr, 0), &record->name) && figure(rr, 2) == record->is.soa.serial &&
           figure(rr, 3) == record->is.soa.refresh && figure(rr, 4) == record->is.soa.retry &&
           figure(rr, 5) == record->is.soa.expire && figure(rr, 6) == record->is.soa.minimum;
}

static bool same_rrsig(const ldns_rr *rr, const struct dns_record *record)
{
    return figure(rr, 0) == record->is.rrsig.covered &&
           figure(rr, 1) == record->is.rrsig.algorithm &&
           figure(rr, 2) == record->is.rrsig.labels && figure(rr, 3) == record->is.rrsig.ttl &&
           figure(rr, 4) == record->is.rrsig.expires && figure(rr, 5) == record->is.rrsig.begins &&
           figure(rr, 6) == record->is.rrsig.key_tag &&
           same_name(ldns_rr_rdf(rr, 7), &record->name);
}

static bool same_dnskey(const ldns_rr *rr, const struct dns_record *record)
{
    return figure(rr, 0) == record->is.dnskey.flags &&
           figure(rr, 2) == record->is.dnskey.algorithm &&
           ldns_calc_keytag(rr) == record->is.dnskey.key_tag &&
           ldns_calc_keytag_raw(record->rdata, record->rdata_size) == record->is.dnskey.key_tag;
}

static bool same_data(const ldns_rr *rr, const struct dns_record *record)
{
    const ldns_rdf *first = ldns_rr_rdf(rr, 0);
    switch (record->type) {
    case DNS_A:
    case DNS_AAAA:
        return first != NULL && ldns_rdf_size(first) == record->rdata_size &&
               memcmp(ldns_rdf_data(first), record->is.address, record->rdata_size) == 0;
    case DNS_NS:
    case DNS_CNAME:
    case DNS_DNAME:
        return same_name(first, &record->name);
    case DNS_SOA:
        return same_soa(rr, record);
    case DNS_RRSIG:
        return same_rrsig(rr, record);
    case DNS_DS:
        return figure(rr, 0) == record->is.ds.key_tag && figure(rr, 1) == record->is.ds.algorithm &&
               figure(rr, 2) == record->is.ds.digest_type;
    case DNS_DNSKEY:
        return same_dnskey(rr, record);
    default:
        return true;
    }
}

static const char *compare_record(const ldns_rr *rr, const struct dns_record *record)
{
    uint32_t ttl = ldns_rr_ttl(rr);
    if (ldns_rr_get_type(rr) != (ldns_rr_type)record->type)
        return "the type of a record";
    if (!same_name(ldns_rr_owner(rr), &record->owner))
        return "the owner of a record";
    if ((ttl > INT32_MAX ? 0 : ttl) != record->ttl)
        return "the TTL of a record";
    return same_data(rr, record) ? NULL : "the data of a record";
}

static bool is_known(unsigned type)
{
    static const unsigned known[] = {DNS_A,     DNS_NS, DNS_CNAME, DNS_SOA,   DNS_AAAA,
                                     DNS_DNAME, DNS_DS, DNS_RRSIG, DNS_DNSKEY};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i] == type)
            return true;
    }
    return false;
}

/* Each record read by itself: then data before it that ldns reads in another way is no trouble. */
static const char *compare_alone(const struct dns_message *message, const struct dns_record *record)
{
    size_t at = record->at, end = (size_t)(record->rdata - message->bytes) + record->rdata_size;
    ldns_rr *rr = NULL;
    if (!is_known(record->type))
        return NULL;
    ldns_status status = ldns_wire2rr(&rr, message->bytes, message->size, &at, LDNS_SECTION_ANSWER);
    if (status != LDNS_STATUS_OK)
        return ldns_get_errorstr_by_id(status);
    const char *differs = at == end ? compare_record(rr, record) : "the end of a record";
    ldns_rr_free(rr);
    return differs;
}

/* Ours from *next on against theirs of the section, those of class IN. */
static const char *compare_section(const ldns_rr_list *theirs, enum dns_section section,
                                   const struct dns_message *message, size_t *next)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(theirs); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(theirs, i);
        if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
            continue;
        if (*next == message->record_count || message->records[*next].section != section)
            return "the number of records";
        const char *differs = compare_record(rr, &message->records[(*next)++]);
        if (differs != NULL)
            return differs;
    }
    return NULL;
}

static const char *compare_head(const ldns_pkt *pkt, const struct dns_message *message)
{
    unsigned rcode = (unsigned)ldns_pkt_get_rcode(pkt) | (unsigned)ldns_pkt_edns_extended_rcode(pkt)
                                                             << 4;
    if (ldns_pkt_id(pkt) != message->id || ldns_pkt_qr(pkt) != message->response ||
        ldns_pkt_aa(pkt) != message->authoritative || ldns_pkt_tc(pkt) != message->truncated ||
        ldns_pkt_ra(pkt) != message->recursion_available ||
        ldns_pkt_ad(pkt) != message->authentic ||
        (unsigned)ldns_pkt_get_opcode(pkt) != message->opcode)
        return "the header";
    if (ldns_pkt_edns(pkt) != message->edns || rcode != message->rcode ||
        ldns_pkt_edns_version(pkt) != message->edns_version)
        return "EDNS or the code of the reply";
    if (message->question.length == 0)
        return ldns_pkt_qdcount(pkt) == 0 ? NULL : "the question";
    const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(pkt), 0);
    if (question == NULL || !same_name(ldns_rr_owner(question), &message->question) ||
        ldns_rr_get_type(question) != (ldns_rr_type)message->question_type ||
        ldns_rr_get_class(question) != (ldns_rr_class)message->question_class)
        return "the question";
    return NULL;
}

static const char *compare(const ldns_pkt *pkt, const struct dns_message *message)
{
    size_t next = 0;
    const char *differs = compare_head(pkt, message);
    if (differs == NULL)
        differs = compare_section(ldns_pkt_answer(pkt), DNS_ANSWER, message, &next);
    if (differs == NULL)
        differs = compare_section(ldns_pkt_authority(pkt), DNS_AUTHORITY, message, &next);
    if (differs == NULL)
        differs = compare_section(ldns_pkt_additional(pkt), DNS_ADDITIONAL, message, &next);
    if (differs == NULL && next != message->record_count)
        return "the number of records";
    return differs;
}

/* Some of its data was not looked into by us, since the check uses no such type or class. */
static bool is_foreign(const struct dns_message *message)
{
    size_t announced = 0;
    for (size_t i = 6; i < 12; i += 2)
        announced += ldns_read_uint16(message->bytes + i);
    if (announced != message->record_count + (message->edns ? 1 : 0))
        return true; /* another class */
    for (size_t i = 0; i < message->record_count; i++) {
        if (!is_known(message->records[i].type))
            return true;
    }
    return false;
}

const char *dns_oracle_differs(const struct dns_message *message, bool damaged)
{
    const char *differs = NULL;
    for (size_t i = 0; i < message->record_count && differs == NULL; i++)
        differs = compare_alone(message, &message->records[i]);
    if (differs != NULL || (damaged && is_foreign(message)))
        return differs;
    ldns_pkt *pkt = NULL;
    ldns_status status = ldns_wire2pkt(&pkt, message->bytes, message->size);
    if (status != LDNS_STATUS_OK)
        return ldns_get_errorstr_by_id(status);
    differs = compare(pkt, message);
    ldns_pkt_free(pkt);
    return differs;
}
