/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of name servers, written down by a test: parts with a ";" between them.
 *
 *     aa ra nxdomain; an app.dr.example 60 A 192.0.2.10; au dr.example 600 SOA 7 300; ede 3
 *
 * - flags (aa tc ra ad), the code (noerror, nxdomain, servfail, refused, formerr, badvers; noerror
 *   where there is none), "opt" (an OPT record), "ede CODE" and "nsid TEXT" (which need one);
 * - a record: its section (an, au, ad), owner, TTL, type, data: A, AAAA, CNAME, DNAME, NS as usual,
 *   SOA serial minimum, RRSIG covered labels expires begins signer, DS tag, DNSKEY flags,
 *   NSEC next types. */
#ifndef TESTS_UNIT_DNS_REPLY_H
#define TESTS_UNIT_DNS_REPLY_H

#include "plugins/dns/message.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

struct dns_built {
    uint8_t bytes[8192];
    size_t size;
    unsigned counts[3]; /* of the sections */
    uint8_t options[256];
    size_t options_size;
    unsigned flags, rcode;
    bool edns;
};

static inline void built_byte(struct dns_built *built, unsigned value)
{
    assert_true(built->size < sizeof built->bytes);
    built->bytes[built->size++] = (uint8_t)(value & 0xff);
}

static inline void built_16(struct dns_built *built, unsigned value)
{
    built_byte(built, value >> 8);
    built_byte(built, value);
}

static inline void built_32(struct dns_built *built, uint32_t value)
{
    built_16(built, value >> 16);
    built_16(built, value & 0xffff);
}

static inline struct dns_name built_read_name(const char *text)
{
    struct dns_name name;
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!dns_name_read(text, &name, &error))
        fail_msg("%s", error.text);
    return name;
}

static inline void built_name(struct dns_built *built, const char *text)
{
    struct dns_name name = built_read_name(text);
    for (size_t i = 0; i < name.length; i++)
        built_byte(built, name.wire[i]);
}

static inline unsigned built_type(const char *text)
{
    static const struct {
        const char *text;
        unsigned type;
    } types[] = {{"A", DNS_A},   {"AAAA", DNS_AAAA}, {"CNAME", DNS_CNAME}, {"DNAME", DNS_DNAME},
                 {"NS", DNS_NS}, {"SOA", DNS_SOA},   {"RRSIG", DNS_RRSIG}, {"DNSKEY", DNS_DNSKEY},
                 {"DS", DNS_DS}, {"TXT", 16},        {"NSEC", 47}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].text, text) == 0)
            return types[i].type;
    }
    fail_msg("type %s", text);
    return 0;
}

static inline uint32_t built_number(const char *text)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0')
        fail_msg("number %s", text);
    return (uint32_t)value;
}

static inline void built_address(struct dns_built *built, unsigned type, const char *text)
{
    uint8_t bytes[16];
    assert_int_equal(inet_pton(type == DNS_A ? AF_INET : AF_INET6, text, bytes), 1);
    for (size_t i = 0; i < (type == DNS_A ? 4 : 16); i++)
        built_byte(built, bytes[i]);
}

static inline void built_soa(struct dns_built *built, char **words)
{
    built_name(built, "ns1.dr.example");
    built_name(built, "hostmaster.dr.example");
    built_32(built, built_number(words[0]));
    built_32(built, 7200);
    built_32(built, 3600);
    built_32(built, 1209600);
    built_32(built, built_number(words[1]));
}

static inline void built_rrsig(struct dns_built *built, char **words)
{
    built_16(built, built_type(words[0]));
    built_byte(built, 13);
    built_byte(built, built_number(words[1]));
    built_32(built, 3600);
    built_32(built, built_number(words[2]));
    built_32(built, built_number(words[3]));
    built_16(built, 4711);
    built_name(built, words[4]);
    for (unsigned i = 0; i < 8; i++)
        built_byte(built, i);
}

static inline void built_key(struct dns_built *built, unsigned type, const char *word)
{
    built_16(built, built_number(word));
    built_byte(built, type == DNS_DNSKEY ? 3 : 13); /* the protocol, or the algorithm */
    built_byte(built, type == DNS_DNSKEY ? 13 : 2);
    for (unsigned i = 0; i < 32; i++)
        built_byte(built, i);
}

static inline void built_nsec(struct dns_built *built, char **words, size_t count)
{
    uint8_t bitmap[32] = {0};
    built_name(built, words[0]);
    for (size_t i = 1; i < count; i++) {
        unsigned type = built_type(words[i]);
        bitmap[type / 8] |= (uint8_t)(0x80 >> type % 8);
    }
    built_16(built, sizeof bitmap); /* of window 0 */
    for (size_t i = 0; i < sizeof bitmap; i++)
        built_byte(built, bitmap[i]);
}

/* words: section, owner, TTL, type, data; `count` of them. */
static inline void built_record(struct dns_built *built, char **words, size_t count)
{
    static const char *const sections[] = {"an", "au", "ad"};
    static const size_t needed[][2] = {{DNS_SOA, 6}, {DNS_RRSIG, 9}};
    assert_true(count >= 5);
    unsigned type = built_type(words[3]);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (needed[i][0] == type)
            assert_int_equal(count, needed[i][1]);
    }
    for (size_t i = 0; i < 3; i++)
        built->counts[i] += strcmp(words[0], sections[i]) == 0;
    built_name(built, words[1]);
    built_16(built, type);
    built_16(built, 1);
    built_32(built, built_number(words[2]));
    size_t at = built->size;
    built_16(built, 0);
    if (type == DNS_A || type == DNS_AAAA)
        built_address(built, type, words[4]);
    else if (type == DNS_SOA)
        built_soa(built, words + 4);
    else if (type == DNS_RRSIG)
        built_rrsig(built, words + 4);
    else if (type == DNS_DS || type == DNS_DNSKEY)
        built_key(built, type, words[4]);
    else if (type == 47)
        built_nsec(built, words + 4, count - 4);
    else
        built_name(built, words[4]);
    size_t size = built->size - at - 2;
    built->bytes[at] = (uint8_t)(size >> 8);
    built->bytes[at + 1] = (uint8_t)(size & 0xff);
}

static inline void built_option(struct dns_built *built, unsigned code, const void *data,
                                size_t size)
{
    uint8_t *to = built->options + built->options_size;
    assert_true(built->options_size + 4 + size <= sizeof built->options);
    to[0] = 0;
    to[1] = (uint8_t)code;
    to[2] = 0;
    to[3] = (uint8_t)size;
    memcpy(to + 4, data, size);
    built->options_size += 4 + size;
    built->edns = true;
}

static inline void built_flag(struct dns_built *built, const char *word)
{
    static const struct {
        const char *word;
        unsigned flag, rcode;
    } flags[] = {{"aa", 0x0400, 0},
                 {"tc", 0x0200, 0},
                 {"ra", 0x0080, 0},
                 {"ad", 0x0020, 0},
                 {"noerror", 0, DNS_NOERROR},
                 {"nxdomain", 0, DNS_NXDOMAIN},
                 {"servfail", 0, DNS_SERVFAIL},
                 {"refused", 0, DNS_REFUSED},
                 {"formerr", 0, DNS_FORMERR},
                 {"badvers", 0, DNS_BADVERS},
                 {"opt", 0, 0}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (strcmp(flags[i].word, word) != 0)
            continue;
        built->flags |= flags[i].flag;
        built->rcode |= flags[i].rcode;
        built->edns = built->edns || strcmp(word, "opt") == 0 || flags[i].rcode > 15;
        return;
    }
    fail_msg("word %s", word);
}

static inline void built_part(struct dns_built *built, char *part)
{
    char *words[16], *rest = NULL;
    size_t count = 0;
    for (char *word = strtok_r(part, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert_true(count < 16);
        words[count++] = word;
    }
    if (count == 0)
        return;
    if (strcmp(words[0], "an") == 0 || strcmp(words[0], "au") == 0 || strcmp(words[0], "ad") == 0) {
        built_record(built, words, count);
    } else if (strcmp(words[0], "ede") == 0 && count == 2) {
        uint8_t code[2] = {0, (uint8_t)built_number(words[1])};
        built_option(built, 15, code, 2);
    } else if (strcmp(words[0], "nsid") == 0 && count == 2) {
        built_option(built, 3, words[1], strlen(words[1]));
    } else {
        for (size_t i = 0; i < count; i++)
            built_flag(built, words[i]);
    }
}

static inline void built_opt(struct dns_built *built)
{
    built->counts[2]++;
    built_byte(built, 0);
    built_16(built, DNS_OPT);
    built_16(built, 1232);
    built_32(built, (uint32_t)(built->rcode >> 4) << 24);
    built_16(built, (unsigned)built->options_size);
    for (size_t i = 0; i < built->options_size; i++)
        built_byte(built, built->options[i]);
}

/* The reply to a question, as bytes. */
static inline void dns_build(struct dns_built *built, const char *name, unsigned type,
                             const char *text)
{
    char parts[4096], *rest = NULL;
    *built = (struct dns_built){.size = 12};
    assert_true(strlen(text) < sizeof parts);
    snprintf(parts, sizeof parts, "%s", text);
    built_name(built, name);
    built_16(built, type);
    built_16(built, 1);
    for (char *part = strtok_r(parts, ";", &rest); part != NULL; part = strtok_r(NULL, ";", &rest))
        built_part(built, part);
    if (built->edns)
        built_opt(built);
    unsigned header[] = {4711,
                         0x8000 | built->flags | (built->rcode & 15),
                         1,
                         built->counts[0],
                         built->counts[1],
                         built->counts[2]};
    for (size_t i = 0; i < 6; i++) {
        built->bytes[2 * i] = (uint8_t)(header[i] >> 8);
        built->bytes[2 * i + 1] = (uint8_t)(header[i] & 0xff);
    }
}

/* The same, read; the caller frees the message. */
static inline void dns_build_message(const char *name, unsigned type, const char *text,
                                     struct dns_message *message)
{
    struct dns_built built;
    struct dr_error error = {.class = DR_ERR_NONE};
    dns_build(&built, name, type, text);
    if (!dns_message_read(built.bytes, built.size, message, &error))
        fail_msg("%s: %s", text, error.text);
}

#endif
