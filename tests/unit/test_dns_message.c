/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies are read as a whole or not at all, and questions say what they should. */
#include "plugins/dns/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dns_samples.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Messages are written as hexadecimal digits; "(app)" is a label. The question is at byte 12, what
 * follows it at 33. */
#define HEAD(answers, authority, additional)                                                       \
    "1234 8400 0001 " answers " " authority " " additional " (app)(example)(com)00 0001 0001 "
#define ANSWER HEAD("0001", "0000", "0000")
#define MORE HEAD("0000", "0000", "0001")
#define OF(type) "c00c " type " 0001 0000003c "
#define ADDRESS OF("0001") "0004 c0000201 "
#define OPT "00 0029 04d0 00000000 "
#define BYTES_16 "000102030405060708090a0b0c0d0e0f "

static unsigned digit(char c)
{
    const char *digits = "0123456789abcdef", *found = strchr(digits, c);
    assert_true(c != '\0' && found != NULL);
    return (unsigned)(found - digits);
}

static size_t assemble(const char *text, uint8_t bytes[DNS_SAMPLE_MAX])
{
    size_t size = 0;
    for (const char *c = text; *c != '\0'; c++) {
        assert_true(size + DNS_LABEL_MAX < DNS_SAMPLE_MAX);
        if (*c == '(') {
            size_t label = strcspn(c + 1, ")");
            bytes[size++] = (uint8_t)label;
            memcpy(bytes + size, c + 1, label);
            size += label;
            c += label + 1;
        } else if (*c != ' ') {
            bytes[size++] = (uint8_t)(digit(c[0]) << 4 | digit(c[1]));
            c++;
        }
    }
    return size;
}

/* In a block of exactly that size, so that reading behind it is found. */
static bool read_bytes(const uint8_t *bytes, size_t size, struct dns_message *message,
                       struct dr_error *error)
{
    uint8_t *exact = malloc(size + (size == 0));
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    *error = (struct dr_error){.class = DR_ERR_NONE};
    bool ok = dns_message_read(exact, size, message, error);
    free(exact);
    return ok;
}

/* To be freed by the caller. */
static struct dns_message read_text(const char *text)
{
    uint8_t bytes[DNS_SAMPLE_MAX];
    struct dns_message message;
    struct dr_error error;
    if (!read_bytes(bytes, assemble(text, bytes), &message, &error))
        fail_msg("%s: %s", text, error.text);
    return message;
}

static struct dns_message read_sample(const char *name)
{
    uint8_t bytes[DNS_SAMPLE_MAX];
    struct dns_message message;
    struct dr_error error;
    if (!read_bytes(bytes, dns_sample(name, bytes), &message, &error))
        fail_msg("%s: %s", name, error.text);
    return message;
}

static void assert_name(const struct dns_name *name, const char *expected)
{
    char text[DNS_NAME_TEXT];
    assert_string_equal(dns_name_text(name, text), expected);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "byte 0: the header is cut short"},
        {"1234 84", "byte 3: the header is cut short"},
        {"1234 8400 0000 0000 0000 0000", "byte 4: no question"},
        {"1234 8403 0000 0000 0000 0000", "byte 4: no question"},
        {"1234 8401 0000 0000 0000 0000 00", "byte 4: no question"},
        {"1234 8401 0000 0001 0000 0000", "byte 6: more records are announced than there is room "
                                          "for"},
        {"1234 8400 0002 0000 0000 0000 (a)00 0001 0001 (a)00 0001 0001",
         "byte 4: more than one question"},
        {"1234 8400 0001 0000 0000 0000 (app)", "byte 16: a name runs out of its place"},
        {"1234 8400 0001 0000 0000 0000 (app)00 0001", "byte 17: the question is cut short"},
        /* counts */
        {HEAD("01f4", "0000", "0000") ADDRESS,
         "byte 6: more records are announced than there is room for"},
        {HEAD("0002", "0000", "0000") ADDRESS,
         "byte 6: more records are announced than there is room for"},
        {HEAD("0001", "0000", "ffff") ADDRESS,
         "byte 6: more records are announced than there is room for"},
        {HEAD("0000", "0000", "0000") "00", "byte 33: bytes behind the last record"},
        {ANSWER ADDRESS "00", "byte 49: bytes behind the last record"},
        {ANSWER ADDRESS ADDRESS, "byte 49: bytes behind the last record"},
        {ANSWER "(appp)00 0001 0001 00", "byte 39: a record is cut short"},
        {ANSWER OF("0001") "0005 c0000201", "byte 45: the data of a record is cut short"},
        {ANSWER OF("0010") "ffff 0161", "byte 45: the data of a record is cut short"},
        /* names */
        {ANSWER "c021 0001 0001 0000003c 0004 c0000201",
         "byte 33: a name points forwards or to itself"},
        {ANSWER "c023 0001 0001 0000003c 0004 c0000201",
         "byte 33: a name points forwards or to itself"},
        {ANSWER "ffff 0001 0001 0000003c 0004 c0000201",
         "byte 33: a name points forwards or to itself"},
        {ANSWER "(x)c021 0001 0001 0000003c 0004 c0000201",
         "byte 35: a name points forwards or to itself"},
        {"1234 8400 0001 0000 0000 0000 c00c 0001 0001",
         "byte 12: a name points forwards or to itself"},
        {ANSWER "c00b 0001 0001 0000003c 0004 c0000201", "byte 33: a name points into the header"},
        {ANSWER "c000 0001 0001 0000003c 0004 c0000201", "byte 33: a name points into the header"},
        /* into type and class of the question, and from there over itself */
        {ANSWER "c01e 0001 0001 0000003c 0004 c0000201", "byte 32: a name runs out of its place"},
        {ANSWER "400c 0001 0001 0000003c 0004 c0000201", "byte 33: a label of a reserved kind"},
        {ANSWER "800c 0001 0001 0000003c 0004 c0000201", "byte 33: a label of a reserved kind"},
        {ANSWER "3f0c 0001 0001 0000003c 0004 c0000201", "byte 33: a name runs out of its place"},
        /* two that point at each other: the second leads into the first, which leads ahead */
        {HEAD("0002", "0000", "0000") OF("0005") "0002 c03b " OF("0005") "0002 c02d",
         "byte 45: a name points forwards or to itself"},
        /* data */
        {ANSWER OF("0001") "0003 c00002", "byte 45: the data of an address is too short"},
        {ANSWER OF("0001") "0000", "byte 45: the data of an address is too short"},
        {ANSWER OF("0001") "0005 c000020100",
         "byte 49: the data of a record is longer than what is in it"},
        {ANSWER OF("001c") "0004 c0000201", "byte 45: the data of an address is too short"},
        {ANSWER OF("001c") "0011 " BYTES_16 "00",
         "byte 61: the data of a record is longer than what is in it"},
        {ANSWER OF("0002") "0000", "byte 45: a name runs out of its place"},
        {ANSWER OF("0002") "0003 c00c 00",
         "byte 47: the data of a record is longer than what is in it"},
        {ANSWER OF("0005") "0001 c0", "byte 45: a name runs out of its place"},
        {HEAD("0002", "0000", "0000") OF("0005") "0002 (n)00 " ADDRESS,
         "byte 47: a name runs out of its place"},
        {HEAD("0002", "0000", "0000") OF("0005") "0001 c00c " ADDRESS,
         "byte 45: a name runs out of its place"},
        {ANSWER OF("0027") "0006 (n)0000 00 00",
         "byte 48: the data of a record is longer than what is in it"},
        {ANSWER OF("0006") "0017 c00c c00c " BYTES_16 "000102",
         "byte 49: the data of a SOA record is too short"},
        {ANSWER OF("0006") "0019 c00c c00c " BYTES_16 "0001020304",
         "byte 69: the data of a record is longer than what is in it"},
        {ANSWER OF("0006") "0002 c00c", "byte 47: a name runs out of its place"},
        {ANSWER OF("002e") "0011 " BYTES_16 "00",
         "byte 45: the data of an RRSIG record is too short"},
        {ANSWER OF("002e") "0013 " BYTES_16 "0102 00",
         "byte 64: an RRSIG record without a signature"},
        {ANSWER OF("002b") "0004 30390d02",
         "byte 45: the data of a DS or DNSKEY record is too short"},
        {ANSWER OF("0030") "0004 0101030d",
         "byte 45: the data of a DS or DNSKEY record is too short"},
        /* pseudo records */
        {HEAD("0000", "0000", "0002") OPT "0000" OPT "0000", "byte 44: a second OPT record"},
        {ANSWER OPT "0000", "byte 33: an OPT record outside the additional section"},
        {HEAD("0000", "0001", "0000") OPT "0000",
         "byte 33: an OPT record outside the additional section"},
        {MORE "c00c 0029 04d0 00000000 0000", "byte 33: an OPT record with an owner"},
        {MORE OPT "0003 000300", "byte 44: an option is cut short"},
        {MORE OPT "0006 0003 0003 6162", "byte 44: an option runs out of its record"},
        {HEAD("0000", "0000", "0002") OPT "0004 0003 0010 " ADDRESS,
         "byte 44: an option runs out of its record"},
        {MORE "00 00fa 00ff 00000000 0000", "byte 33: a TSIG record, which nobody asked for"},
        {MORE "00 00fa 0001 00000000 0001 00", "byte 33: a TSIG record, which nobody asked for"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t bytes[DNS_SAMPLE_MAX];
        struct dns_message message;
        struct dr_error error;
        if (read_bytes(bytes, assemble(rows[i].text, bytes), &message, &error))
            fail_msg("read: %s", rows[i].text);
        if (error.class != DR_ERR_PROTOCOL || strcmp(error.text, rows[i].error) != 0)
            fail_msg("%s: '%s', not '%s'", rows[i].text, error.text, rows[i].error);
        assert_null(message.bytes);
        assert_null(message.records);
    }
}

static void test_length(void **state)
{
    static uint8_t bytes[DNS_MESSAGE_MAX + 1] = {0x12, 0x34, 0x84, 0, 0, 1};
    struct dns_message message;
    struct dr_error error;
    (void)state;
    bytes[7] = 1;
    bytes[14] = bytes[16] = 1; /* the question: the root, A, IN */
    bytes[19] = 16;            /* TXT of the root */
    bytes[21] = 1;
    size_t data = DNS_MESSAGE_MAX - 28;
    bytes[26] = (uint8_t)(data >> 8);
    bytes[27] = (uint8_t)(data & 0xff);
    assert_true(read_bytes(bytes, DNS_MESSAGE_MAX, &message, &error));
    assert_int_equal(message.records[0].rdata_size, data);
    dns_message_free(&message);
    assert_false(read_bytes(bytes, DNS_MESSAGE_MAX + 1, &message, &error));
    assert_string_equal(error.text, "byte 65535: longer than any message");
}

/* Three labels of 63 bytes, one of `last`, the root's. */
static size_t long_question(uint8_t *bytes, size_t last)
{
    static const uint8_t head[12] = {0x12, 0x34, 0x84, 0, 0, 1};
    size_t size = sizeof head;
    memcpy(bytes, head, sizeof head);
    for (size_t i = 0; i < 4; i++) {
        size_t label = i < 3 ? DNS_LABEL_MAX : last;
        bytes[size++] = (uint8_t)label;
        memset(bytes + size, 'a', label);
        size += label;
    }
    memcpy(bytes + size, "\0\0\1\0\1", 5);
    return size + 5;
}

static void test_long_names(void **state)
{
    uint8_t bytes[DNS_SAMPLE_MAX];
    struct dns_message message;
    struct dr_error error;
    (void)state;
    assert_true(read_bytes(bytes, long_question(bytes, 61), &message, &error));
    assert_int_equal(message.question.length, DNS_NAME_MAX);
    dns_message_free(&message);
    assert_false(read_bytes(bytes, long_question(bytes, 62), &message, &error));
    assert_string_equal(error.text, "byte 267: a name longer than 255 bytes");
}

/* Each pointer leads to one more label, and to the pointer before: within the bound of a name. */
static void test_pointer_chain(void **state)
{
    (void)state;
    struct dns_message message =
        read_text(HEAD("0003", "0000", "0000") OF("0005") "0004 (b)c00c " /* data at 45 */
                  OF("0005") "0004 (c)c02d "                              /* at 61 */
                             "c03d 0001 0001 0000003c 0004 c0000201");
    assert_int_equal(message.record_count, 3);
    assert_int_equal(message.records[0].at, 33);
    assert_int_equal(message.records[2].at, 65);
    assert_name(&message.records[1].name, "c.b.app.example.com");
    assert_name(&message.records[2].owner, "c.b.app.example.com");
    dns_message_free(&message);
}

/* A part of a reply is no reply, and neither is one with something behind it. */
static void test_cut(void **state)
{
    uint8_t bytes[DNS_SAMPLE_MAX];
    struct dns_message message;
    struct dr_error error;
    (void)state;
    for (size_t i = 0; i < DNS_SAMPLES; i++) {
        size_t size = dns_sample(dns_samples[i], bytes);
        for (size_t cut = 0; cut < size; cut++) {
            if (read_bytes(bytes, cut, &message, &error))
                fail_msg("%s: read with %zu of %zu bytes", dns_samples[i], cut, size);
            assert_int_equal(error.class, DR_ERR_PROTOCOL);
        }
        bytes[size] = 0;
        assert_true(read_bytes(bytes, size, &message, &error));
        dns_message_free(&message);
        assert_false(read_bytes(bytes, size + 1, &message, &error));
    }
}

static unsigned count(const struct dns_message *message, enum dns_section section)
{
    unsigned found = 0;
    for (size_t i = 0; i < message->record_count; i++)
        found += message->records[i].section == section;
    return found;
}

static void test_recorded(void **state)
{
    static const struct {
        const char *name, *question, *nsid;
        unsigned type, rcode;
        bool authoritative, truncated, recursion, edns;
        unsigned answer, authority, additional;
    } rows[] = {
        {"knot-a", "app.example.com", "knot-1", DNS_A, 0, true, false, false, true, 2, 0, 0},
        {"nsd-a", "app.example.com", "nsd-1", DNS_A, 0, true, false, false, true, 2, 2, 3},
        {"bind-a", "app.example.com", "bind-1", DNS_A, 0, true, false, false, true, 2, 2, 3},
        {"unbound-a", "app.example.com", "unbound-1", DNS_A, 0, false, false, true, true, 2, 0, 0},
        {"knot-plain", "app.example.com", "", DNS_AAAA, 0, true, false, false, false, 1, 0, 0},
        {"knot-nodata", "txt.example.com", "knot-1", DNS_AAAA, 0, true, false, false, true, 0, 1,
         0},
        {"unbound-nxdomain", "gone.example.com", "unbound-1", DNS_A, DNS_NXDOMAIN, false, false,
         true, true, 0, 1, 0},
        {"knot-refused", "example.net", "knot-1", DNS_A, DNS_REFUSED, false, false, false, true, 0,
         0, 0},
        {"knot-badvers", "app.example.com", "knot-1", DNS_A, DNS_BADVERS, false, false, false, true,
         0, 0, 0},
        {"unbound-servfail", "ns2.example.com", "unbound-1", DNS_AAAA, DNS_SERVFAIL, false, false,
         true, true, 0, 0, 0},
        {"knot-truncated", "many.example.com", "knot-1", DNS_A, 0, true, true, false, true, 0, 0,
         0},
        {"knot-many-tcp", "many.example.com", "knot-1", DNS_A, 0, true, false, false, true, 90, 0,
         0},
        {"knot-referral", "x.sub.example.com", "knot-1", DNS_A, 0, false, false, false, true, 0, 1,
         1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_message message = read_sample(rows[i].name);
        char text[DNS_NAME_TEXT];
        if (strcmp(dns_name_text(&message.question, text), rows[i].question) != 0 ||
            strcmp(message.nsid, rows[i].nsid) != 0 || message.question_type != rows[i].type ||
            message.rcode != rows[i].rcode || message.authoritative != rows[i].authoritative ||
            message.truncated != rows[i].truncated ||
            message.recursion_available != rows[i].recursion || message.edns != rows[i].edns ||
            count(&message, DNS_ANSWER) != rows[i].answer ||
            count(&message, DNS_AUTHORITY) != rows[i].authority ||
            count(&message, DNS_ADDITIONAL) != rows[i].additional)
            fail_msg("%s: %s nsid '%s' rcode %u aa %d tc %d ra %d edns %d: %u %u %u", rows[i].name,
                     text, message.nsid, message.rcode, message.authoritative, message.truncated,
                     message.recursion_available, message.edns, count(&message, DNS_ANSWER),
                     count(&message, DNS_AUTHORITY), count(&message, DNS_ADDITIONAL));
        assert_int_equal(message.id, 0x1234);
        assert_int_equal(message.question_class, 1);
        assert_true(message.response);
        assert_int_equal(message.opcode, 0);
        assert_false(message.authentic);
        dns_message_free(&message);
    }
}

static void test_addresses(void **state)
{
    static const uint8_t six[16] = {0x20, 1, 0xd, 0xb8, 0, 1, [15] = 0x10};
    (void)state;
    struct dns_message message = read_sample("knot-a");
    assert_int_equal(message.records[0].ttl, 30);
    assert_name(&message.records[0].owner, "app.example.com");
    assert_memory_equal(message.records[0].is.address, "\xc0\x00\x02\x0a", 4);
    assert_memory_equal(message.records[1].is.address, "\xc0\x00\x02\x0b", 4);
    dns_message_free(&message);
    message = read_sample("knot-plain");
    assert_memory_equal(message.records[0].is.address, six, 16);
    dns_message_free(&message);
}

/* The first record of the type. */
static const struct dns_record *find(const struct dns_message *message, unsigned type)
{
    for (size_t i = 0; i < message->record_count; i++) {
        if (message->records[i].type == type)
            return &message->records[i];
    }
    fail_msg("no record of type %u", type);
    return NULL;
}

static void test_chain(void **state)
{
    (void)state;
    struct dns_message message = read_sample("knot-chain-signed");
    const struct dns_record *record = find(&message, DNS_CNAME);
    assert_name(&record->owner, "www.example.com");
    assert_name(&record->name, "lb.example.com");
    assert_int_equal(record->ttl, 60);
    record = find(&message, DNS_RRSIG);
    assert_int_equal(record->is.rrsig.covered, DNS_CNAME);
    assert_int_equal(record->is.rrsig.algorithm, 13);
    assert_int_equal(record->is.rrsig.labels, 3);
    assert_int_equal(record->is.rrsig.ttl, 60);
    assert_int_equal(record->is.rrsig.begins, 1767225600);
    assert_int_equal(record->is.rrsig.expires, 1798761600);
    assert_name(&record->name, "example.com");
    unsigned signer = record->is.rrsig.key_tag;
    dns_message_free(&message);

    /* One of the two keys has signed it. */
    message = read_sample("knot-dnskey");
    const struct dns_record *first = find(&message, DNS_DNSKEY), *second = first + 1;
    assert_int_equal(second->type, DNS_DNSKEY);
    assert_int_equal(first->is.dnskey.flags + second->is.dnskey.flags, 256 + 257);
    assert_int_equal(first->is.dnskey.algorithm, 13);
    const struct dns_record *zone = first->is.dnskey.flags == 256 ? first : second;
    assert_int_equal(zone->is.dnskey.key_tag, signer);
    dns_message_free(&message);

    message = read_sample("knot-dname");
    record = find(&message, DNS_DNAME);
    assert_name(&record->owner, "old.example.com");
    assert_name(&record->name, "new.example.com");
    assert_int_equal(record->ttl, 120);
    assert_name(&find(&message, DNS_CNAME)->name, "host.new.example.com");
    dns_message_free(&message);
}

static void test_zone_records(void **state)
{
    (void)state;
    struct dns_message message = read_sample("knot-soa");
    const struct dns_record *record = find(&message, DNS_SOA);
    assert_name(&record->name, "ns1.example.com");
    assert_int_equal(record->is.soa.serial, 2026112101);
    assert_int_equal(record->is.soa.refresh, 900);
    assert_int_equal(record->is.soa.retry, 300);
    assert_int_equal(record->is.soa.expire, 604800);
    assert_int_equal(record->is.soa.minimum, 60);
    dns_message_free(&message);
    message = read_sample("knot-ds");
    record = find(&message, DNS_DS);
    assert_int_equal(record->is.ds.key_tag, 12345);
    assert_int_equal(record->is.ds.algorithm, 13);
    assert_int_equal(record->is.ds.digest_type, 2);
    dns_message_free(&message);
    message = read_sample("knot-referral");
    record = find(&message, DNS_NS);
    assert_int_equal(record->section, DNS_AUTHORITY);
    assert_name(&record->owner, "sub.example.com");
    assert_name(&record->name, "ns.sub.example.com");
    dns_message_free(&message);
}

/* RFC 4034, 5.4: the tag of its example is 60485; and the older rule for algorithm 1 (B.1). */
static void test_key_tag(void **state)
{
    (void)state;
    struct dns_message message = read_text(ANSWER OF(
        "0030") "0086 0100 03 05 "
                "01039e8a247418e318903b215a848acfd5f37f026bd4062db26c774c690968d5d56df8bfda91e6f3"
                "6d9a279888f41333357c5e6029990d10fdf5663062a512763326980a615ddbf17a05ddfcce7e5fb3"
                "abcca05a31b0957452d4521e83870789063115bf97f6c308ccf57cdc9ce7fe10f6ed1bd0cc066003"
                "8c50dcdb0feb963c2f17");
    assert_int_equal(message.records[0].is.dnskey.key_tag, 60485);
    dns_message_free(&message);
    message = read_text(ANSWER OF("0030") "0008 0100 03 01 01aabbcc");
    assert_int_equal(message.records[0].is.dnskey.key_tag, 0xaabb);
    dns_message_free(&message);
}

static void test_ttl(void **state)
{
    static const struct {
        const char *text;
        uint32_t ttl;
    } rows[] = {
        {ANSWER "c00c 0001 0001 00000000 0004 c0000201", 0},
        {ANSWER "c00c 0001 0001 7fffffff 0004 c0000201", 0x7fffffff},
        {ANSWER "c00c 0001 0001 80000000 0004 c0000201", 0},
        {ANSWER "c00c 0001 0001 ffffffff 0004 c0000201", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_message message = read_text(rows[i].text);
        assert_int_equal(message.records[0].ttl, rows[i].ttl);
        dns_message_free(&message);
    }
}

/* Of no use here: another class is left out, another type is not looked into. */
static void test_foreign(void **state)
{
    (void)state;
    struct dns_message message =
        read_text(HEAD("0003", "0000", "0001") "c00c 0001 0003 0000003c 0003 c00002 " OF(
            "0010") "0003 ff6162 " ADDRESS OPT "0000");
    assert_int_equal(message.record_count, 2);
    assert_int_equal(message.records[0].type, 16);
    assert_int_equal(message.records[0].rdata_size, 3);
    assert_memory_equal(message.records[0].rdata, "\xff\x61\x62", 3);
    assert_int_equal(message.records[0].name.length, 0);
    assert_int_equal(message.records[1].type, DNS_A);
    assert_true(message.edns);
    dns_message_free(&message);
}

static void test_options(void **state)
{
    char long_one[2 * 100 + 200];
    (void)state;
    /* five extended errors, one too short, one with text; an option of another kind */
    struct dns_message message =
        read_text(MORE "00 0029 04d0 01008000 0031 000f 0001 00 000f 0002 0003 000f 0004 0013 6869 "
                       "000f 0002 0016 000f 0002 0017 000f 0002 0006 000a 0008 0102030405060708");
    assert_int_equal(message.ede_count, DNS_EDE_MAX);
    assert_int_equal(message.ede[0], 3);
    assert_int_equal(message.ede[1], 19);
    assert_int_equal(message.ede[3], 23);
    assert_int_equal(message.rcode, DNS_BADVERS);
    assert_int_equal(message.edns_version, 0);
    assert_string_equal(message.nsid, "");
    dns_message_free(&message);
    message = read_text(MORE "00 0029 04d0 00010000 0008 0003 0004 00ff41c0");
    assert_string_equal(message.nsid, "00ff41c0");
    assert_int_equal(message.edns_version, 1);
    dns_message_free(&message);
    /* longer than there is room for: cut, as text and as digits */
    for (size_t kind = 0; kind < 2; kind++) {
        size_t at = (size_t)snprintf(long_one, sizeof long_one, "%s", MORE OPT "0068 0003 0064 ");
        for (size_t i = 0; i < 100; i++)
            at += (size_t)snprintf(long_one + at, sizeof long_one - at, kind == 0 ? "61" : "01");
        message = read_text(long_one);
        assert_int_equal(strlen(message.nsid), kind == 0 ? 63 : 62);
        assert_int_equal(strspn(message.nsid, kind == 0 ? "a" : "01"), kind == 0 ? 63 : 62);
        dns_message_free(&message);
    }
}

static struct dns_query query_for(const char *name, unsigned type)
{
    struct dns_query query = {.id = 0x1234, .type = type, .udp_size = DNS_UDP_SIZE};
    struct dr_error error;
    assert_true(dns_name_read(name, &query.name, &error));
    return query;
}

static void test_query(void **state)
{
    static const struct {
        bool recurse, checking_disabled, edns, dnssec;
        const char *bytes;
    } rows[] = {
        {false, false, false, false, "1234 0000 0001 0000 0000 0000 (a)(b)00 001c 0001"},
        {true, false, false, false, "1234 0100 0001 0000 0000 0000 (a)(b)00 001c 0001"},
        {false, true, false, true, "1234 0010 0001 0000 0000 0000 (a)(b)00 001c 0001"},
        {false, false, true, false,
         "1234 0000 0001 0000 0000 0001 (a)(b)00 001c 0001 00 0029 04d0 00000000 0004 0003 0000"},
        {true, true, true, true,
         "1234 0110 0001 0000 0000 0001 (a)(b)00 001c 0001 00 0029 04d0 00008000 0004 0003 0000"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t expected[DNS_SAMPLE_MAX], bytes[DNS_QUERY_MAX];
        size_t size = assemble(rows[i].bytes, expected);
        struct dns_query query = query_for("a.b", DNS_AAAA);
        query.recurse = rows[i].recurse;
        query.checking_disabled = rows[i].checking_disabled;
        query.edns = rows[i].edns;
        query.dnssec = rows[i].dnssec;
        assert_int_equal(dns_query_write(&query, bytes, sizeof bytes), size);
        assert_memory_equal(bytes, expected, size);
        assert_int_equal(dns_query_write(&query, bytes, size), size);
        assert_int_equal(dns_query_write(&query, bytes, size - 1), 0);
    }
    struct dns_query none = {.type = DNS_A};
    uint8_t bytes[DNS_QUERY_MAX];
    assert_int_equal(dns_query_write(&none, bytes, sizeof bytes), 0);
}

static void test_answers(void **state)
{
    static const struct {
        const char *text;
        bool answers;
    } rows[] = {
        {"1234 8400 0001 0000 0000 0000 (app)(example)(com)00 0001 0001", true},
        {"1234 8400 0001 0000 0000 0000 (APP)(example)(COM)00 0001 0001", true},
        {"1234 8583 0001 0000 0000 0000 (app)(example)(com)00 0001 0001", true},
        {"1235 8400 0001 0000 0000 0000 (app)(example)(com)00 0001 0001", false},
        {"1234 0400 0001 0000 0000 0000 (app)(example)(com)00 0001 0001", false},
        {"1234 a400 0001 0000 0000 0000 (app)(example)(com)00 0001 0001", false},
        {"1234 8400 0001 0000 0000 0000 (app)(example)(net)00 0001 0001", false},
        {"1234 8400 0001 0000 0000 0000 (example)(com)00 0001 0001", false},
        {"1234 8400 0001 0000 0000 0000 (app)(example)(com)00 001c 0001", false},
        {"1234 8400 0001 0000 0000 0000 (app)(example)(com)00 0001 0003", false},
        /* a server that understood nothing repeats nothing */
        {"1234 8001 0000 0000 0000 0000", true},
        {"1234 8005 0000 0000 0000 0000", true},
        {"1235 8001 0000 0000 0000 0000", false},
        {"1234 0001 0000 0000 0000 0000", false},
    };
    struct dns_query query = query_for("app.example.com", DNS_A);
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_message message = read_text(rows[i].text);
        if (dns_message_answers(&message, &query) != rows[i].answers)
            fail_msg("%s", rows[i].text);
        dns_message_free(&message);
    }
}

static void test_words(void **state)
{
    char type[DNS_TYPE_TEXT], rcode[DNS_RCODE_TEXT];
    (void)state;
    assert_string_equal(dns_type_text(DNS_A, type), "A");
    assert_string_equal(dns_type_text(50, type), "NSEC3");
    assert_string_equal(dns_type_text(51, type), "NSEC3PARAM");
    assert_string_equal(dns_type_text(65280, type), "TYPE65280");
    assert_string_equal(dns_rcode_text(DNS_NOERROR, rcode), "NOERROR");
    assert_string_equal(dns_rcode_text(DNS_NXDOMAIN, rcode), "NXDOMAIN");
    assert_string_equal(dns_rcode_text(DNS_NOTAUTH, rcode), "NOTAUTH");
    assert_string_equal(dns_rcode_text(DNS_BADVERS, rcode), "BADVERS");
    assert_string_equal(dns_rcode_text(11, rcode), "RCODE 11");
    assert_string_equal(dns_rcode_text(4095, rcode), "RCODE 4095");
    assert_string_equal(dns_ede_words(3), "stale answer");
    assert_string_equal(dns_ede_words(19), "stale NXDOMAIN answer");
    assert_string_equal(dns_ede_words(22), "no reachable authority");
    assert_string_equal(dns_ede_words(30), "invalid query type");
    assert_string_equal(dns_ede_words(31), "extended error");
    assert_string_equal(dns_ede_words(65535), "extended error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_length),
        cmocka_unit_test(test_long_names),   cmocka_unit_test(test_pointer_chain),
        cmocka_unit_test(test_cut),          cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_addresses),    cmocka_unit_test(test_chain),
        cmocka_unit_test(test_zone_records), cmocka_unit_test(test_key_tag),
        cmocka_unit_test(test_ttl),          cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_options),      cmocka_unit_test(test_query),
        cmocka_unit_test(test_answers),      cmocka_unit_test(test_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
