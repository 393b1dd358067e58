/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS messages: questions are written, replies are read. Bounded, without a library, and without a
 * network: what hangs on a reply that anybody can forge is small enough to be read, and fuzzed.
 *
 * A reply is taken as a whole or not at all: dns_message_read checks every name and every record of
 * it before anybody looks at one. */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include "plugins/dns/name.h"

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_AAAA = 28,
    DNS_DNAME = 39,
    DNS_OPT = 41,
    DNS_DS = 43,
    DNS_RRSIG = 46,
    DNS_DNSKEY = 48
};

/* "A", "NSEC3", "TYPE65280" (RFC 3597) into buffer, which it returns. */
#define DNS_TYPE_TEXT 16
const char *dns_type_text(unsigned type, char buffer[DNS_TYPE_TEXT]);

enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
    DNS_NOTAUTH = 9,
    DNS_BADVERS = 16
};

/* "SERVFAIL", "RCODE 11" into buffer, which it returns. */
#define DNS_RCODE_TEXT 16
const char *dns_rcode_text(unsigned rcode, char buffer[DNS_RCODE_TEXT]);

#define DNS_QUERY_MAX 512 /* bytes of the longest question */
#define DNS_MESSAGE_MAX 65535
#define DNS_UDP_SIZE 1232 /* what fits a packet everywhere (DNS flag day 2020) */

struct dns_query {
    uint16_t id;
    struct dns_name name;
    unsigned type;          /* class IN */
    bool recurse;           /* RD */
    bool checking_disabled; /* CD: a resolver that validates should answer what is bogus, too */
    bool edns;              /* with an OPT record, that asks for the server's NSID */
    bool dnssec;            /* DO, with edns: signatures, please */
    unsigned udp_size;      /* with edns */
};

/* Writes it; returns its bytes, 0 where they do not fit. */
size_t dns_query_write(const struct dns_query *query, uint8_t *bytes, size_t size);

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

struct dns_record {
    enum dns_section section;
    struct dns_name owner;
    unsigned type;
    size_t at;            /* where it begins in the message */
    uint32_t ttl;         /* seconds; 2^31 and more count as 0 (RFC 2181, 8) */
    const uint8_t *rdata; /* in the message, names in it may be compressed */
    size_t rdata_size;
    /* what was read of it, by type */
    struct dns_name name; /* NS, CNAME, DNAME: the target; SOA: the primary; RRSIG: the signer */
    union {
        uint8_t address[16]; /* A (4 bytes), AAAA */
        struct {
            uint32_t serial, refresh, retry, expire, minimum; /* seconds but for the serial */
        } soa;
        struct {
            unsigned covered; /* type */
            unsigned algorithm, labels, key_tag;
            uint32_t ttl, expires, begins; /* seconds since the epoch, modulo 2^32 (RFC 4034, 3.1.5)
                                            */
        } rrsig;
        struct {
            unsigned key_tag, algorithm, digest_type;
        } ds;
        struct {
            unsigned flags, algorithm, key_tag; /* the tag is computed (RFC 4034, appendix B) */
        } dnskey;
    } is;
};

#define DNS_EDE_MAX 4
#define DNS_NSID_MAX 64

struct dns_message {
    uint8_t *bytes; /* a copy of its own: what rdata points into */
    size_t size;
    uint16_t id;
    bool response, authoritative, truncated, recursion_available, authentic; /* QR AA TC RA AD */
    unsigned opcode;
    unsigned rcode; /* with the upper bits of the OPT record */
    struct dns_name question;
    unsigned question_type, question_class;
    bool edns; /* there is an OPT record */
    unsigned edns_version;
    unsigned ede[DNS_EDE_MAX]; /* extended errors (RFC 8914), INFO-CODEs */
    size_t ede_count;
    char nsid[DNS_NSID_MAX];    /* printable, "" where there is none */
    struct dns_record *records; /* class IN alone, without the OPT, in the order of the message */
    size_t record_count;
};

/* Reads a message; the caller ends it with dns_message_free. False with a PROTOCOL error that says
 * what is wrong and at which byte, and nothing to free:
 * - cut short, bytes behind the end, more records than it has room for;
 * - a name that points forwards or to itself, is too long, has a label of a reserved kind, or runs
 *   out of the message;
 * - more than one question; none, but for a bare header with an error other than NXDOMAIN: servers
 *   that understood nothing repeat nothing (question.length is 0 then);
 * - more than one OPT record, one outside the additional section, with an owner, or with options
 *   that run out of it; a TSIG record;
 * - data of a record (of the types above) that is too short or too long for it, also where a name
 *   in it ends elsewhere than the data.
 * Records of other classes and types are checked for their frame alone. Whoever has a library read
 * records again reads each by itself, from `at`, and makes sure that it ends where its data does:
 * ldns_wire2pkt goes on behind what it understood of such data, and finds other records than we. */
bool dns_message_read(const uint8_t *bytes, size_t size, struct dns_message *message,
                      struct dr_error *error);

void dns_message_free(struct dns_message *message);

/* It is a reply to that very question: QR, opcode 0, id, name, type and class are the same; of a
 * bare header with an error QR, opcode and id. */
bool dns_message_answers(const struct dns_message *message, const struct dns_query *query);

/* What an extended error means ("stale answer", RFC 8914 and the IANA list), static; "extended
 * error" of an unknown one. */
const char *dns_ede_words(unsigned code);

#endif
