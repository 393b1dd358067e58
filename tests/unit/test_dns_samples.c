/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a resolver is asked, and what its replies become: samples, families, and what a second
 * question with checking disabled proves and does not. */
#include "plugins/dns/samples.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TTL 60

struct scene {
    struct dns_request request;
    struct dns_facts facts;
    struct dns_samples samples;
};

static struct scene begin(size_t samples, bool four, bool six)
{
    struct scene s = {.request = {.wants = {four, six},
                                  .edns = true,
                                  .udp_size = DNS_UDP_SIZE,
                                  .samples = (unsigned)samples}};
    struct dr_error error;
    assert_true(dns_name_read("app.example.com", &s.request.name, &error));
    return s;
}

/* The scene stands where it is to stay: the samples point into it. */
static void start(struct scene *s)
{
    struct dr_error error;
    assert_true(dns_samples_begin(&s->samples, &s->facts, "r1", &s->request, &error));
}

/* A reply to the question: flags, code and, where `address` is not NULL, one record. */
static size_t reply_to(const struct dns_question *question, unsigned rcode, const char *address,
                       uint8_t bytes[DNS_MESSAGE_MAX])
{
    struct dns_query query = question->query;
    struct dns_address read;
    query.edns = query.dnssec = false;
    size_t size = dns_query_write(&query, bytes, DNS_QUERY_MAX);
    assert_true(size > 0);
    bytes[2] |= 0x80;
    bytes[3] = (uint8_t)(0x80 | rcode);
    if (address == NULL)
        return size;
    assert_true(dns_address_read(address, &read));
    uint8_t length = read.family == 4 ? 4 : 16;
    const uint8_t head[] = {
        0xc0, 12, 0, (uint8_t)(read.family == 4 ? DNS_A : DNS_AAAA), 0, 1, 0, 0, 0, TTL, 0, length};
    memcpy(bytes + size, head, sizeof head);
    memcpy(bytes + size + sizeof head, read.bytes, length);
    bytes[7] = 1;
    return size + sizeof head + length;
}

static bool answer(struct scene *s, struct dns_question *question, unsigned rcode,
                   const char *address, struct dns_question *again)
{
    static uint8_t bytes[DNS_MESSAGE_MAX];
    size_t size = reply_to(question, rcode, address, bytes);
    dns_samples_deliver(question, bytes, size);
    assert_int_equal(question->delivery, DNS_DELIVERED);
    bool more = dns_samples_take(&s->samples, question, again);
    dns_message_free(&question->reply);
    return more;
}

/* ---- questions ---- */

static void asks_what_is_wanted(void **state)
{
    static const struct {
        size_t samples;
        bool four, six;
        size_t count;
        unsigned types[6], places[6];
    } rows[] = {
        {1, true, false, 1, {DNS_A}, {0}},
        {1, false, true, 1, {DNS_AAAA}, {1}},
        {1, true, true, 2, {DNS_A, DNS_AAAA}, {0, 1}},
        {3, true, false, 3, {DNS_A, DNS_A, DNS_A}, {0, 2, 4}},
        {2, false, true, 2, {DNS_AAAA, DNS_AAAA}, {1, 3}},
        {2, true, true, 4, {DNS_A, DNS_AAAA, DNS_A, DNS_AAAA}, {0, 1, 2, 3}},
        {1, false, false, 0, {0}, {0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene s = begin(rows[i].samples, rows[i].four, rows[i].six);
        assert_int_equal(dns_samples_count(&s.request), rows[i].count);
        for (size_t j = 0; j < rows[i].count; j++) {
            struct dns_question question = dns_samples_question(&s.request, j);
            assert_int_equal(question.query.type, rows[i].types[j]);
            assert_int_equal(question.purpose, rows[i].places[j]);
            assert_true(question.query.recurse);
            assert_false(question.query.checking_disabled);
            assert_true(dns_name_equal(&question.query.name, &s.request.name));
        }
    }
}

static void asks_for_signatures_only_when_told(void **state)
{
    (void)state;
    struct scene s = begin(1, true, false);
    assert_false(dns_samples_question(&s.request, 0).query.dnssec);
    assert_true(dns_samples_question(&s.request, 0).query.edns);
    s.request.dnssec = true;
    assert_true(dns_samples_question(&s.request, 0).query.dnssec);
    s.request.edns = false;
    assert_false(dns_samples_question(&s.request, 0).query.dnssec);
    assert_false(dns_samples_question(&s.request, 0).query.edns);
}

/* ---- replies ---- */

static void each_sample_is_a_view(void **state)
{
    (void)state;
    struct scene s = begin(3, true, true);
    struct dns_question again;
    start(&s);
    assert_int_equal(s.facts.view_count, 3);
    assert_string_equal(s.facts.views[0].label, "r1");
    assert_string_equal(s.facts.views[1].label, "r1/2");
    assert_string_equal(s.facts.views[2].label, "r1/3");
    struct dns_question four = dns_samples_question(&s.request, 2);
    struct dns_question six = dns_samples_question(&s.request, 5);
    assert_true(dns_address_read("192.0.2.53", &four.server));
    assert_false(answer(&s, &four, DNS_NOERROR, "192.0.2.10", &again));
    assert_false(answer(&s, &six, DNS_NOERROR, "2001:db8::10", &again));
    assert_int_equal(s.facts.views[0].answers[DNS_V4].outcome, DNS_NOT_ASKED);
    assert_int_equal(s.facts.views[1].answers[DNS_V4].outcome, DNS_FOUND);
    assert_int_equal(s.facts.views[1].answers[DNS_V6].outcome, DNS_NOT_ASKED);
    assert_int_equal(s.facts.views[2].answers[DNS_V6].outcome, DNS_FOUND);
    assert_int_equal(s.facts.views[1].answers[DNS_V4].ttl, TTL);
    assert_true(dns_address_equal(&s.facts.views[1].address, &four.server));
    assert_int_equal(s.facts.views[2].address.family, 0);
    dns_facts_free(&s.facts);
}

static void only_servfail_is_asked_again(void **state)
{
    static const unsigned codes[] = {DNS_FORMERR, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED};
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct scene s = begin(1, true, false);
        struct dns_question again;
        start(&s);
        struct dns_question question = dns_samples_question(&s.request, 0);
        assert_false(answer(&s, &question, codes[i], NULL, &again));
        assert_int_not_equal(s.facts.views[0].answers[DNS_V4].outcome, DNS_FOUND);
        dns_facts_free(&s.facts);
    }
}

/* SERVFAIL, then `rcode` with checking disabled: what it becomes. */
static void check_again(unsigned rcode, const char *address, enum dns_outcome outcome)
{
    struct scene s = begin(2, true, true);
    struct dns_question again;
    start(&s);
    struct dns_question question = dns_samples_question(&s.request, 3);
    assert_true(dns_address_read("192.0.2.53", &question.server));
    question.port = 5300;
    question.tcp_only = true;
    assert_true(answer(&s, &question, DNS_SERVFAIL, NULL, &again));
    assert_int_equal(s.facts.views[1].answers[DNS_V6].outcome, DNS_FAILED);
    assert_true(again.query.checking_disabled && again.query.recurse && again.tcp_only);
    assert_int_equal(again.query.type, DNS_AAAA);
    assert_int_equal(again.port, 5300);
    assert_true(dns_address_equal(&again.server, &question.server));
    assert_int_equal(again.delivery, DNS_PENDING);
    assert_false(answer(&s, &again, rcode, address, &question));
    const struct dns_answer *what = &s.facts.views[1].answers[DNS_V6];
    assert_int_equal(what->outcome, outcome);
    assert_int_equal(what->address_count, 0);
    dns_facts_free(&s.facts);
}

static void bogus_is_proven_by_an_answer_that_is_none(void **state)
{
    (void)state;
    check_again(DNS_NOERROR, "2001:db8::10", DNS_BOGUS);
    check_again(DNS_NOERROR, NULL, DNS_BOGUS);
    check_again(DNS_SERVFAIL, NULL, DNS_FAILED);
    check_again(DNS_REFUSED, NULL, DNS_FAILED);
    check_again(DNS_NXDOMAIN, NULL, DNS_FAILED);
}

static void silence_proves_nothing(void **state)
{
    (void)state;
    struct scene s = begin(1, true, false);
    struct dns_question again, ignored;
    start(&s);
    struct dns_question question = dns_samples_question(&s.request, 0);
    assert_true(answer(&s, &question, DNS_SERVFAIL, NULL, &again));
    again.delivery = DNS_NO_REPLY;
    assert_false(dns_samples_take(&s.samples, &again, &ignored));
    assert_int_equal(s.facts.views[0].answers[DNS_V4].outcome, DNS_FAILED);
    dns_facts_free(&s.facts);
}

/* Another address of the same resolver is asked: what the first one came to is gone. */
static void the_last_word_counts(void **state)
{
    (void)state;
    struct scene s = begin(1, true, false);
    struct dns_question again;
    start(&s);
    struct dns_question question = dns_samples_question(&s.request, 0);
    question.delivery = DNS_NO_REPLY;
    snprintf(question.words, sizeof question.words, "no reply");
    assert_false(dns_samples_take(&s.samples, &question, &again));
    assert_int_equal(s.facts.views[0].answers[DNS_V4].outcome, DNS_SILENT);
    question = dns_samples_question(&s.request, 0);
    assert_false(answer(&s, &question, DNS_NOERROR, "192.0.2.10", &again));
    assert_int_equal(s.facts.views[0].answers[DNS_V4].outcome, DNS_FOUND);
    assert_null(s.facts.views[0].answers[DNS_V4].words);
    dns_facts_free(&s.facts);
}

static void a_reply_without_edns_is_asked_again_without(void **state)
{
    (void)state;
    struct scene s = begin(1, true, false);
    struct dns_question again;
    s.request.dnssec = true;
    start(&s);
    struct dns_question question = dns_samples_question(&s.request, 0);
    question.no_edns = true;
    assert_true(answer(&s, &question, DNS_SERVFAIL, NULL, &again));
    assert_false(again.query.edns || again.query.dnssec);
    assert_true(again.query.checking_disabled);
    dns_facts_free(&s.facts);
}

/* A host without IPv6 says nothing of a resolver that has it. */
static void our_own_lack_of_a_way_is_no_refusal(void **state)
{
    (void)state;
    assert_int_equal(dns_samples_failed_connection(ENETUNREACH), DNS_NO_WAY);
    assert_int_equal(dns_samples_failed_connection(EADDRNOTAVAIL), DNS_NO_WAY);
    assert_int_equal(dns_samples_failed_connection(ECONNREFUSED), DNS_REFUSED_BY_HOST);
    assert_int_equal(dns_samples_failed_connection(EHOSTUNREACH), DNS_REFUSED_BY_HOST);
    assert_int_equal(dns_samples_failed_connection(0), DNS_REFUSED_BY_HOST);
}

/* ---- messages over a stream ---- */

static void takes_no_foreign_message(void **state)
{
    static uint8_t bytes[DNS_MESSAGE_MAX];
    (void)state;
    struct scene s = begin(1, true, false);
    struct dns_question question = dns_samples_question(&s.request, 0);
    struct dns_question other = question;
    other.query.type = DNS_AAAA;
    size_t size = reply_to(&other, DNS_NOERROR, "2001:db8::10", bytes);
    dns_samples_deliver(&question, bytes, size);
    assert_int_equal(question.delivery, DNS_NOT_READABLE);
    assert_string_equal(question.words, "a reply to another question");
    assert_null(question.reply.bytes);
    dns_samples_deliver(&question, bytes, size - 1);
    assert_int_equal(question.delivery, DNS_NOT_READABLE);
    assert_string_not_equal(question.words, "a reply to another question");
    dns_samples_deliver(&question, bytes, 0);
    assert_int_equal(question.delivery, DNS_NOT_READABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_what_is_wanted),
        cmocka_unit_test(asks_for_signatures_only_when_told),
        cmocka_unit_test(each_sample_is_a_view),
        cmocka_unit_test(only_servfail_is_asked_again),
        cmocka_unit_test(bogus_is_proven_by_an_answer_that_is_none),
        cmocka_unit_test(silence_proves_nothing),
        cmocka_unit_test(the_last_word_counts),
        cmocka_unit_test(a_reply_without_edns_is_asked_again_without),
        cmocka_unit_test(our_own_lack_of_a_way_is_no_refusal),
        cmocka_unit_test(takes_no_foreign_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
