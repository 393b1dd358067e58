/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 12
#define RECORD_MIN 11 /* the root, type, class, TTL, size of the data */
#define CLASS_IN 1
#define TYPE_TSIG 250
#define OPTION_NSID 3
#define OPTION_EDE 15

enum { FLAG_QR = 0x8000, FLAG_AA = 0x0400, FLAG_TC = 0x0200, FLAG_RD = 0x0100 };
enum { FLAG_RA = 0x0080, FLAG_AD = 0x0020, FLAG_CD = 0x0010 };

/* ---- words ---- */

const char *dns_type_text(unsigned type, char buffer[DNS_TYPE_TEXT])
{
    static const struct {
        unsigned type;
        const char *text;
    } types[] = {{DNS_A, "A"},
                 {DNS_NS, "NS"},
                 {DNS_CNAME, "CNAME"},
                 {DNS_SOA, "SOA"},
                 {12, "PTR"},
                 {15, "MX"},
                 {16, "TXT"},
                 {DNS_AAAA, "AAAA"},
                 {33, "SRV"},
                 {35, "NAPTR"},
                 {DNS_DNAME, "DNAME"},
                 {DNS_OPT, "OPT"},
                 {DNS_DS, "DS"},
                 {44, "SSHFP"},
                 {DNS_RRSIG, "RRSIG"},
                 {47, "NSEC"},
                 {DNS_DNSKEY, "DNSKEY"},
                 {50, "NSEC3"},
                 {51, "NSEC3PARAM"},
                 {52, "TLSA"},
                 {59, "CDS"},
                 {60, "CDNSKEY"},
                 {63, "ZONEMD"},
                 {64, "SVCB"},
                 {65, "HTTPS"},
                 {TYPE_TSIG, "TSIG"},
                 {255, "ANY"},
                 {257, "CAA"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].type == type) {
            snprintf(buffer, DNS_TYPE_TEXT, "%s", types[i].text);
            return buffer;
        }
    }
    snprintf(buffer, DNS_TYPE_TEXT, "TYPE%u", type & 0xffff);
    return buffer;
}

const char *dns_rcode_text(unsigned rcode, char buffer[DNS_RCODE_TEXT])
{
    static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                        "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                        "NXRRSET", "NOTAUTH", "NOTZONE"};
    if (rcode < sizeof names / sizeof *names)
        snprintf(buffer, DNS_RCODE_TEXT, "%s", names[rcode]);
    else if (rcode == DNS_BADVERS)
        snprintf(buffer, DNS_RCODE_TEXT, "BADVERS");
    else
        snprintf(buffer, DNS_RCODE_TEXT, "RCODE %u", rcode & 0xfff);
    return buffer;
}

const char *dns_ede_words(unsigned code)
{
    static const char *const words[] = {
        "other error",
        "unsupported DNSKEY algorithm",
        "unsupported DS digest type",
        "stale answer",
        "forged answer",
        "DNSSEC indeterminate",
        "DNSSEC bogus",
        "signature expired",
        "signature not yet valid",
        "DNSKEY missing",
        "RRSIGs missing",
        "no zone key bit set",
        "NSEC missing",
        "cached error",
        "not ready",
        "blocked",
        "censored",
        "filtered",
        "prohibited",
        "stale NXDOMAIN answer",
        "not authoritative",
        "not supported",
        "no reachable authority",
        "network error",
        "invalid data",
        "signature expired before it is valid",
        "too early",
        "unsupported NSEC3 iterations value",
        "unable to conform to policy",
        "synthesized",
        "invalid query type",
    };
    return code < sizeof words / sizeof *words ? words[code] : "extended error";
}

/* ---- questions ---- */

static uint8_t *put16(uint8_t *to, unsigned value)
{
    *to++ = (uint8_t)(value >> 8 & 0xff);
    *to++ = (uint8_t)(value & 0xff);
    return to;
}

size_t dns_query_write(const struct dns_query *query, uint8_t *bytes, size_t size)
{
    const size_t opt_size = RECORD_MIN + 4; /* with one empty option */
    size_t needed = HEADER_SIZE + (size_t)query->name.length + 4 + (query->edns ? opt_size : 0);
    if (query->name.length == 0 || needed > size)
        return 0;
    uint8_t *to = put16(bytes, query->id);
    to = put16(to, (query->recurse ? FLAG_RD : 0u) | (query->checking_disabled ? FLAG_CD : 0u));
    to = put16(to, 1);
    to = put16(to, 0);
    to = put16(to, 0);
    to = put16(to, query->edns ? 1 : 0);
    memcpy(to, query->name.wire, query->name.length);
    to = put16(to + query->name.length, query->type);
    to = put16(to, CLASS_IN);
    if (query->edns) {
        *to++ = 0; /* owner: the root (RFC 6891, 6.1.2) */
        to = put16(to, DNS_OPT);
        to = put16(to, query->udp_size);
        to = put16(to, 0); /* extended rcode, version */
        to = put16(to, query->dnssec ? 0x8000 : 0);
        to = put16(to, 4);
        to = put16(to, OPTION_NSID); /* asked for by an empty one (RFC 5001, 2.1) */
        to = put16(to, 0);
    }
    return (size_t)(to - bytes);
}

/* ---- reading ---- */

/* How far a message is read. `end`: of what is read just now, the message or a record's data. */
struct reader {
    const uint8_t *bytes;
    size_t at, end;
    struct dr_error *error;
};

static bool wrong(const struct reader *reader, size_t at, const char *what)
{
    return dr_error_set(reader->error, DR_ERR_PROTOCOL, "byte %zu: %s", at, what);
}

static unsigned get16(const uint8_t *from)
{
    return (unsigned)from[0] << 8 | from[1];
}

static uint32_t get32(const uint8_t *from)
{
    return (uint32_t)get16(from) << 16 | get16(from + 2);
}

/* The callers have made sure that the bytes are there. */
static unsigned take16(struct reader *reader)
{
    reader->at += 2;
    return get16(reader->bytes + reader->at - 2);
}

static uint32_t take32(struct reader *reader)
{
    reader->at += 4;
    return get32(reader->bytes + reader->at - 4);
}

static size_t left(const struct reader *reader)
{
    return reader->end - reader->at;
}

/* Where the pointer at `at` leads. Each must lead before everything that was read of the name up to
 * now: a name is repeated, never announced (RFC 1035, 4.1.4), and nothing can go round. */
static bool follow(const struct reader *reader, size_t at, size_t end, size_t *start)
{
    if (end - at < 2)
        return wrong(reader, at, "a name runs out of its place");
    size_t target = get16(reader->bytes + at) & 0x3fff;
    if (target < HEADER_SIZE)
        return wrong(reader, at, "a name points into the header");
    if (target >= *start)
        return wrong(reader, at, "a name points forwards or to itself");
    *start = target;
    return true;
}

/* A name, with what it points to; the reader moves behind the part that is here. */
static bool read_name(struct reader *reader, struct dns_name *name)
{
    size_t at = reader->at, start = at, end = reader->end, length = 0;
    bool here = true;
    for (;;) {
        if (at >= end)
            return wrong(reader, at, "a name runs out of its place");
        size_t label = reader->bytes[at];
        if (label >= 0xc0) {
            if (!follow(reader, at, end, &start))
                return false;
            if (here)
                reader->at = at + 2;
            here = false;
            end = at; /* what is pointed to ends before the pointer */
            at = start;
            continue;
        }
        if (label > DNS_LABEL_MAX)
            return wrong(reader, at, "a label of a reserved kind");
        if (label >= end - at)
            return wrong(reader, at, "a name runs out of its place");
        if (length + 1 + label > DNS_NAME_MAX)
            return wrong(reader, at, "a name longer than 255 bytes");
        memcpy(name->wire + length, reader->bytes + at, 1 + label);
        length += 1 + label;
        at += 1 + label;
        if (label == 0)
            break;
    }
    if (here)
        reader->at = at;
    name->length = (uint8_t)length;
    return true;
}

static void read_header(struct reader *reader, struct dns_message *message, unsigned counts[4])
{
    message->id = (uint16_t)take16(reader);
    unsigned flags = take16(reader);
    message->response = (flags & FLAG_QR) != 0;
    message->authoritative = (flags & FLAG_AA) != 0;
    message->truncated = (flags & FLAG_TC) != 0;
    message->recursion_available = (flags & FLAG_RA) != 0;
    message->authentic = (flags & FLAG_AD) != 0;
    message->opcode = flags >> 11 & 15;
    message->rcode = flags & 15;
    for (size_t i = 0; i < 4; i++)
        counts[i] = take16(reader);
}

static bool read_question(struct reader *reader, struct dns_message *message)
{
    if (!read_name(reader, &message->question))
        return false;
    if (left(reader) < 4)
        return wrong(reader, reader->at, "the question is cut short");
    message->question_type = take16(reader);
    message->question_class = take16(reader);
    return true;
}

/* Printable as it is, else in hexadecimal; cut to what there is room for. */
static void read_nsid(const uint8_t *bytes, size_t size, char nsid[DNS_NSID_MAX])
{
    bool printable = true;
    for (size_t i = 0; i < size; i++)
        printable = printable && bytes[i] >= 0x20 && bytes[i] <= 0x7e;
    size_t room = printable ? DNS_NSID_MAX - 1 : (DNS_NSID_MAX - 1) / 2;
    if (size > room)
        size = room;
    for (size_t i = 0; i < size && !printable; i++)
        snprintf(nsid + 2 * i, 3, "%02x", bytes[i]);
    if (printable)
        memcpy(nsid, bytes, size);
    nsid[printable ? size : 2 * size] = '\0';
}

/* The pseudo record of EDNS: class and TTL are something else in it (RFC 6891, 6.1.3). */
static bool read_opt(struct reader *reader, const struct dns_record *record, size_t at,
                     struct dns_message *message)
{
    if (message->edns)
        return wrong(reader, at, "a second OPT record");
    if (record->section != DNS_ADDITIONAL)
        return wrong(reader, at, "an OPT record outside the additional section");
    if (record->owner.length != 1)
        return wrong(reader, at, "an OPT record with an owner");
    message->edns = true;
    message->rcode |= (unsigned)(record->ttl >> 24) << 4;
    message->edns_version = record->ttl >> 16 & 0xff;
    while (left(reader) > 0) {
        size_t option = reader->at;
        if (left(reader) < 4)
            return wrong(reader, option, "an option is cut short");
        unsigned code = take16(reader);
        size_t size = take16(reader);
        if (size > left(reader))
            return wrong(reader, option, "an option runs out of its record");
        const uint8_t *bytes = reader->bytes + reader->at;
        /* One too short for its code explains nothing: that spoils no answer. */
        if (code == OPTION_EDE && size >= 2 && message->ede_count < DNS_EDE_MAX)
            message->ede[message->ede_count++] = get16(bytes);
        if (code == OPTION_NSID)
            read_nsid(bytes, size, message->nsid);
        reader->at += size;
    }
    return true;
}

static bool read_soa(struct reader *reader, struct dns_record *record)
{
    struct dns_name mailbox;
    if (!read_name(reader, &record->name) || !read_name(reader, &mailbox))
        return false;
    if (left(reader) < 20)
        return wrong(reader, reader->at, "the data of a SOA record is too short");
    record->is.soa.serial = take32(reader);
    record->is.soa.refresh = take32(reader);
    record->is.soa.retry = take32(reader);
    record->is.soa.expire = take32(reader);
    record->is.soa.minimum = take32(reader);
    return true;
}

static bool read_rrsig(struct reader *reader, struct dns_record *record)
{
    if (left(reader) < 18)
        return wrong(reader, reader->at, "the data of an RRSIG record is too short");
    record->is.rrsig.covered = take16(reader);
    unsigned both = take16(reader);
    record->is.rrsig.algorithm = both >> 8;
    record->is.rrsig.labels = both & 0xff;
    record->is.rrsig.ttl = take32(reader);
    record->is.rrsig.expires = take32(reader);
    record->is.rrsig.begins = take32(reader);
    record->is.rrsig.key_tag = take16(reader);
    if (!read_name(reader, &record->name))
        return false;
    if (left(reader) == 0)
        return wrong(reader, reader->at, "an RRSIG record without a signature");
    reader->at = reader->end;
    return true;
}

/* RFC 4034, appendix B and B.1. At least five bytes. */
static unsigned key_tag(const uint8_t *rdata, size_t size)
{
    if (rdata[3] == 1)
        return get16(rdata + size - 3);
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += i % 2 == 0 ? (uint32_t)rdata[i] << 8 : rdata[i];
    return (sum + (sum >> 16)) & 0xffff;
}

/* DS and DNSKEY: 16 bits, two bytes, and at least one more. */
static bool read_key(struct reader *reader, struct dns_record *record)
{
    if (left(reader) < 5)
        return wrong(reader, reader->at, "the data of a DS or DNSKEY record is too short");
    unsigned first = take16(reader), both = take16(reader);
    if (record->type == DNS_DS) {
        record->is.ds.key_tag = first;
        record->is.ds.algorithm = both >> 8;
        record->is.ds.digest_type = both & 0xff;
    } else {
        record->is.dnskey.flags = first;
        record->is.dnskey.algorithm = both & 0xff;
        record->is.dnskey.key_tag = key_tag(record->rdata, record->rdata_size);
    }
    reader->at = reader->end;
    return true;
}

static bool read_address(struct reader *reader, struct dns_record *record)
{
    size_t size = record->type == DNS_A ? 4 : 16;
    if (left(reader) < size)
        return wrong(reader, reader->at, "the data of an address is too short");
    memcpy(record->is.address, record->rdata, size);
    reader->at += size;
    return true;
}

/* What is in the data, by type; the reader covers the data alone, and is behind it afterwards. */
static bool read_data(struct reader *reader, struct dns_record *record)
{
    bool ok = true;
    switch (record->type) {
    case DNS_A:
    case DNS_AAAA:
        ok = read_address(reader, record);
        break;
    case DNS_NS:
    case DNS_CNAME:
    case DNS_DNAME:
        ok = read_name(reader, &record->name);
        break;
    case DNS_SOA:
        ok = read_soa(reader, record);
        break;
    case DNS_RRSIG:
        ok = read_rrsig(reader, record);
        break;
    case DNS_DS:
    case DNS_DNSKEY:
        ok = read_key(reader, record);
        break;
    default:
        reader->at = reader->end;
    }
    if (ok && left(reader) > 0)
        return wrong(reader, reader->at, "the data of a record is longer than what is in it");
    return ok;
}

/* The next record; one that is not for others to see is not counted. */
static bool read_record(struct reader *reader, enum dns_section section,
                        struct dns_message *message)
{
    struct dns_record *record = &message->records[message->record_count];
    size_t start = reader->at;
    *record = (struct dns_record){.section = section, .at = start};
    if (!read_name(reader, &record->owner))
        return false;
    if (left(reader) < RECORD_MIN - 1)
        return wrong(reader, reader->at, "a record is cut short");
    record->type = take16(reader);
    unsigned class = take16(reader);
    record->ttl = take32(reader);
    record->rdata_size = take16(reader);
    record->rdata = reader->bytes + reader->at;
    if (record->rdata_size > left(reader))
        return wrong(reader, reader->at, "the data of a record is cut short");
    if (record->type == TYPE_TSIG)
        return wrong(reader, start, "a TSIG record, which nobody asked for");
    struct reader data = *reader;
    reader->at += record->rdata_size;
    data.end = reader->at;
    if (record->type == DNS_OPT)
        return read_opt(&data, record, start, message);
    if (class != CLASS_IN)
        return true;
    if (record->ttl > INT32_MAX)
        record->ttl = 0;
    message->record_count++;
    return read_data(&data, record);
}

static bool read_records(struct reader *reader, const unsigned counts[4],
                         struct dns_message *message)
{
    static const enum dns_section sections[] = {DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL};
    size_t count = (size_t)counts[1] + counts[2] + counts[3];
    if (count > left(reader) / RECORD_MIN)
        return wrong(reader, 6, "more records are announced than there is room for");
    message->records = calloc(count + 1, sizeof *message->records);
    if (message->records == NULL)
        return dr_error_set(reader->error, DR_ERR_INTERNAL, "out of memory");
    for (size_t s = 0; s < 3; s++) {
        for (unsigned i = 0; i < counts[1 + s]; i++) {
            if (!read_record(reader, sections[s], message))
                return false;
        }
    }
    if (left(reader) > 0)
        return wrong(reader, reader->at, "bytes behind the last record");
    return true;
}

static bool read_message(struct reader *reader, struct dns_message *message)
{
    unsigned counts[4];
    read_header(reader, message, counts);
    /* Servers that did not understand a question need not repeat it. That a name does not exist is
     * something they say of a name. */
    bool bare = counts[0] == 0 && reader->end == HEADER_SIZE && message->rcode != DNS_NOERROR &&
                message->rcode != DNS_NXDOMAIN;
    if (counts[0] != 1 && !bare)
        return wrong(reader, 4, counts[0] == 0 ? "no question" : "more than one question");
    if (!bare && !read_question(reader, message))
        return false;
    return read_records(reader, counts, message);
}

bool dns_message_read(const uint8_t *bytes, size_t size, struct dns_message *message,
                      struct dr_error *error)
{
    *message = (struct dns_message){.size = size};
    if (size < HEADER_SIZE)
        return dr_error_set(error, DR_ERR_PROTOCOL, "byte %zu: the header is cut short", size);
    if (size > DNS_MESSAGE_MAX)
        return dr_error_set(error, DR_ERR_PROTOCOL, "byte %d: longer than any message",
                            DNS_MESSAGE_MAX);
    message->bytes = malloc(size);
    if (message->bytes == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    memcpy(message->bytes, bytes, size);
    struct reader reader = {.bytes = message->bytes, .end = size, .error = error};
    if (read_message(&reader, message))
        return true;
    dns_message_free(message);
    return false;
}

void dns_message_free(struct dns_message *message)
{
    free(message->bytes);
    free(message->records);
    *message = (struct dns_message){.bytes = NULL};
}

bool dns_message_answers(const struct dns_message *message, const struct dns_query *query)
{
    if (!message->response || message->opcode != 0 || message->id != query->id)
        return false;
    if (message->question.length == 0) /* an error without the question: there is nothing in it */
        return true;
    return dns_name_equal(&message->question, &query->name) &&
           message->question_type == query->type && message->question_class == CLASS_IN;
}
