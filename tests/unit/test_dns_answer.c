/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a reply is: each outcome, of a server of the zone and of a resolver, and each way in which a
 * reply can look like another. */
#include "plugins/dns/answer.h"

#include "tests/unit/dns_reply.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1795256430.0 /* 2026-11-21 */

#define NAME "app.dr.example"
#define ADDRESS "; an app.dr.example 60 A 192.0.2.10"
#define TO_LB "; an app.dr.example 300 CNAME lb.dr.example"
#define LB "; an lb.dr.example 60 A 192.0.2.10"
#define SOA "; au dr.example 3600 SOA 7 300"

enum { ZONE, RESOLVER };

static const char *const outcomes[DNS_OUTCOMES] = {
    "not asked", "found",      "nodata",     "dangling",  "loop",       "long",
    "leaves",    "empty",      "name error", "not auth",  "lame",       "upward",
    "failed",    "bogus",      "denied",     "error",     "silent",     "unreachable",
    "no route",  "tcp failed", "truncated",  "malformed", "not secured"};

struct expected {
    enum dns_outcome outcome;
    const char *end;   /* NULL: none */
    const char *links; /* "owner>target", "owner=target" of a DNAME, blanks between them */
    const char *addresses;
    uint32_t ttl;
    int negative;      /* -1: not known */
    const char *words; /* NULL: none */
};

struct row {
    const char *title;
    int of;
    const char *name; /* NULL: NAME */
    unsigned type;
    const char *reply;
    struct expected expected;
};

static const struct row rows[] = {
    /* an answer */
    {"an address",
     ZONE,
     NULL,
     DNS_A,
     "aa" ADDRESS,
     {DNS_FOUND, NAME, "", "192.0.2.10", 60, -1, NULL}},
    {"the case of a name does not matter",
     ZONE,
     NULL,
     DNS_A,
     "aa; an APP.dr.EXAMPLE 60 A 192.0.2.10",
     {DNS_FOUND, NAME, "", "192.0.2.10", 60, -1, NULL}},
    {"an IPv6 address",
     ZONE,
     NULL,
     DNS_AAAA,
     "aa; an app.dr.example 60 AAAA 2001:db8::10",
     {DNS_FOUND, NAME, "", "2001:db8::10", 60, -1, NULL}},
    {"of a resolver",
     RESOLVER,
     NULL,
     DNS_A,
     "ra" ADDRESS,
     {DNS_FOUND, NAME, "", "192.0.2.10", 60, -1, NULL}},
    {"each address once, the longest TTL",
     ZONE,
     NULL,
     DNS_A,
     "aa; an app.dr.example 60 A 192.0.2.10; an app.dr.example 90 A 192.0.2.10"
     "; an app.dr.example 30 A 192.0.2.11",
     {DNS_FOUND, NAME, "", "192.0.2.10 192.0.2.11", 90, -1, NULL}},
    {"an address of another name is none",
     ZONE,
     NULL,
     DNS_A,
     "aa; an evil.example 60 A 203.0.113.1" SOA,
     {DNS_NODATA, NAME, "", "", 0, 300, NULL}},
    {"nor one in another section",
     RESOLVER,
     NULL,
     DNS_A,
     "ra; ad app.dr.example 60 A 192.0.2.10",
     {DNS_NODATA, NAME, "", "", 0, -1, NULL}},
    {"nor one of another type",
     ZONE,
     NULL,
     DNS_A,
     "aa; an app.dr.example 60 AAAA 2001:db8::1" SOA,
     {DNS_NODATA, NAME, "", "", 0, 300, NULL}},
    {"an extended error beside it",
     RESOLVER,
     NULL,
     DNS_A,
     "ra; ede 3" ADDRESS,
     {DNS_FOUND, NAME, "", "192.0.2.10", 60, -1, "EDE 3 (stale answer)"}},
    /* chains */
    {"a chain",
     ZONE,
     NULL,
     DNS_A,
     "aa" TO_LB LB,
     {DNS_FOUND, "lb.dr.example", "app.dr.example>lb.dr.example@300", "192.0.2.10", 60, -1, NULL}},
    {"in whatever order",
     RESOLVER,
     NULL,
     DNS_A,
     "ra" LB
     "; an two.dr.example 20 CNAME lb.dr.example; an app.dr.example 10 CNAME two.dr.example",
     {DNS_FOUND, "lb.dr.example",
      "app.dr.example>two.dr.example@10 two.dr.example>lb.dr.example@20", "192.0.2.10", 60, -1,
      NULL}},
    {"a link that is said twice",
     RESOLVER,
     NULL,
     DNS_A,
     "ra; an app.dr.example 10 CNAME lb.dr.example" TO_LB LB,
     {DNS_FOUND, "lb.dr.example", "app.dr.example>lb.dr.example@300", "192.0.2.10", 60, -1, NULL}},
    {"a gap: what is behind it does not count",
     RESOLVER,
     NULL,
     DNS_A,
     "ra" TO_LB "; an other.dr.example 60 A 192.0.2.10",
     {DNS_DANGLING, "lb.dr.example", "app.dr.example>lb.dr.example@300", "", 0, -1,
      "lb.dr.example has no A record"}},
    {"nowhere, by NXDOMAIN",
     ZONE,
     NULL,
     DNS_A,
     "aa nxdomain" TO_LB SOA,
     {DNS_DANGLING, "lb.dr.example", "app.dr.example>lb.dr.example@300", "", 0, 300,
      "lb.dr.example does not exist"}},
    {"nowhere, at a resolver",
     RESOLVER,
     NULL,
     DNS_AAAA,
     "ra nxdomain" TO_LB SOA,
     {DNS_DANGLING, "lb.dr.example", "app.dr.example>lb.dr.example@300", "", 0, 300,
      "lb.dr.example does not exist"}},
    {"the end was not looked for",
     ZONE,
     NULL,
     DNS_A,
     "aa" TO_LB,
     {DNS_LEAVES, "lb.dr.example", "app.dr.example>lb.dr.example@300", "", 0, -1, NULL}},
    {"to a name without addresses",
     ZONE,
     NULL,
     DNS_A,
     "aa" TO_LB SOA,
     {DNS_DANGLING, "lb.dr.example", "app.dr.example>lb.dr.example@300", "", 0, 300,
      "lb.dr.example has no A record"}},
    {"a loop",
     ZONE,
     NULL,
     DNS_A,
     "aa" TO_LB "; an lb.dr.example 60 CNAME app.dr.example",
     {DNS_LOOP, NAME, "app.dr.example>lb.dr.example@300 lb.dr.example>app.dr.example@60", "", 0, -1,
      NULL}},
    {"to itself",
     RESOLVER,
     NULL,
     DNS_A,
     "ra; an app.dr.example 60 CNAME app.dr.example",
     {DNS_LOOP, NAME, "app.dr.example>app.dr.example@60", "", 0, -1, NULL}},
    {"out of the zone",
     ZONE,
     NULL,
     DNS_A,
     "aa; an app.dr.example 60 CNAME app.cdn.example",
     {DNS_LEAVES, "app.cdn.example", "app.dr.example>app.cdn.example@60", "", 0, -1, NULL}},
    {"out of the zone, the rest added",
     ZONE,
     NULL,
     DNS_A,
     "aa; an app.dr.example 60 CNAME app.cdn.example; an app.cdn.example 20 CNAME e.cdn.example"
     "; an e.cdn.example 20 A 203.0.113.9",
     {DNS_LEAVES, "app.cdn.example", "app.dr.example>app.cdn.example@60", "", 0, -1, NULL}},
    {"out of the zone, NXDOMAIN of the other",
     ZONE,
     NULL,
     DNS_A,
     "aa nxdomain; an app.dr.example 60 CNAME app.cdn.example; au cdn.example 60 SOA 1 60",
     {DNS_LEAVES, "app.cdn.example", "app.dr.example>app.cdn.example@60", "", 0, -1, NULL}},
    {"no zone at a resolver",
     RESOLVER,
     NULL,
     DNS_A,
     "ra; an app.dr.example 60 CNAME app.cdn.example; an app.cdn.example 20 A 203.0.113.9",
     {DNS_FOUND, "app.cdn.example", "app.dr.example>app.cdn.example@60", "203.0.113.9", 20, -1,
      NULL}},
    {"into a zone below",
     ZONE,
     NULL,
     DNS_A,
     "aa; an app.dr.example 60 CNAME a.sub.dr.example; au sub.dr.example 60 NS ns.sub.dr.example",
     {DNS_LEAVES, "a.sub.dr.example", "app.dr.example>a.sub.dr.example@60", "", 0, -1, NULL}},
    {"a CNAME beside an address",
     ZONE,
     NULL,
     DNS_A,
     "aa" TO_LB LB ADDRESS,
     {DNS_MALFORMED, NULL, "", "", 0, -1,
      "app.dr.example is an alias and has other records, or two targets"}},
    {"two targets",
     RESOLVER,
     NULL,
     DNS_A,
     "ra" TO_LB "; an app.dr.example 300 CNAME dr.dr.example" LB,
     {DNS_MALFORMED, NULL, "", "", 0, -1,
      "app.dr.example is an alias and has other records, or two targets"}},
    /* DNAME */
    {"a DNAME and what it makes",
     ZONE,
     "app.old.dr.example",
     DNS_A,
     "aa; an old.dr.example 600 DNAME dr.example; an app.old.dr.example 0 CNAME "
     "app.dr.example" ADDRESS,
     {DNS_FOUND, NAME, "app.old.dr.example=app.dr.example@600", "192.0.2.10", 60, -1, NULL}},
    {"a DNAME alone",
     ZONE,
     "app.old.dr.example",
     DNS_A,
     "aa; an old.dr.example 600 DNAME dr.example" ADDRESS,
     {DNS_FOUND, NAME, "app.old.dr.example=app.dr.example@600", "192.0.2.10", 60, -1, NULL}},
    {"a DNAME counts, not a CNAME that says otherwise",
     ZONE,
     "app.old.dr.example",
     DNS_A,
     "aa; an app.old.dr.example 0 CNAME evil.dr.example; an evil.dr.example 60 A 203.0.113.1"
     "; an old.dr.example 600 DNAME dr.example" ADDRESS,
     {DNS_FOUND, NAME, "app.old.dr.example=app.dr.example@600", "192.0.2.10", 60, -1, NULL}},
    {"a DNAME out of the zone",
     ZONE,
     "app.old.dr.example",
     DNS_A,
     "aa; an old.dr.example 600 DNAME cdn.example; an app.cdn.example 60 A 203.0.113.1",
     {DNS_LEAVES, "app.cdn.example", "app.old.dr.example=app.cdn.example@600", "", 0, -1, NULL}},
    {"a DNAME does not redirect its owner",
     ZONE,
     "old.dr.example",
     DNS_A,
     "aa; an old.dr.example 600 DNAME dr.example; an old.dr.example 60 A 192.0.2.10",
     {DNS_FOUND, "old.dr.example", "", "192.0.2.10", 60, -1, NULL}},
    /* there is none */
    {"no data", ZONE, NULL, DNS_A, "aa" SOA, {DNS_NODATA, NAME, "", "", 0, 300, NULL}},
    {"no data, the SOA's TTL is less",
     ZONE,
     NULL,
     DNS_A,
     "aa; au dr.example 30 SOA 7 300",
     {DNS_NODATA, NAME, "", "", 0, 30, NULL}},
    {"no data, in the words of a zone below",
     ZONE,
     "a.sub.dr.example",
     DNS_A,
     "aa; au sub.dr.example 60 SOA 7 300",
     {DNS_NODATA, "a.sub.dr.example", "", "", 0, 60, NULL}},
    {"nothing at all", ZONE, NULL, DNS_A, "aa", {DNS_EMPTY, NAME, "", "", 0, -1, NULL}},
    {"the zone's own servers are no referral",
     ZONE,
     NULL,
     DNS_A,
     "aa; au dr.example 60 NS ns1.dr.example",
     {DNS_EMPTY, NAME, "", "", 0, -1, NULL}},
    {"the SOA of another name",
     ZONE,
     NULL,
     DNS_A,
     "aa; au other.example 60 SOA 7 300",
     {DNS_EMPTY, NAME, "", "", 0, -1, NULL}},
    {"nothing of a resolver", RESOLVER, NULL, DNS_A, "ra", {DNS_NODATA, NAME, "", "", 0, -1, NULL}},
    {"no data of a resolver",
     RESOLVER,
     NULL,
     DNS_A,
     "ra" SOA,
     {DNS_NODATA, NAME, "", "", 0, 300, NULL}},
    {"no such name",
     ZONE,
     NULL,
     DNS_A,
     "aa nxdomain" SOA,
     {DNS_NAME_ERROR, NAME, "", "", 0, 300, NULL}},
    {"no such name, without SOA",
     ZONE,
     NULL,
     DNS_A,
     "aa nxdomain",
     {DNS_NAME_ERROR, NAME, "", "", 0, -1, NULL}},
    {"no such name, of a resolver",
     RESOLVER,
     NULL,
     DNS_A,
     "ra nxdomain; ede 19" SOA,
     {DNS_NAME_ERROR, NAME, "", "", 0, 300, "EDE 19 (stale NXDOMAIN answer)"}},
    {"no such name, and an address",
     RESOLVER,
     NULL,
     DNS_A,
     "ra nxdomain" ADDRESS,
     {DNS_NAME_ERROR, NAME, "", "", 0, -1, NULL}},
    /* not in charge */
    {"an answer without AA",
     ZONE,
     NULL,
     DNS_A,
     "ra" TO_LB LB,
     {DNS_NOT_AUTHORITATIVE, "lb.dr.example", "app.dr.example>lb.dr.example@300", "192.0.2.10", 60,
      -1, NULL}},
    {"no data without AA",
     ZONE,
     NULL,
     DNS_A,
     "noerror" SOA,
     {DNS_NOT_AUTHORITATIVE, NAME, "", "", 0, 300, "app.dr.example has no A record"}},
    {"no such name without AA",
     ZONE,
     NULL,
     DNS_A,
     "nxdomain" SOA,
     {DNS_NOT_AUTHORITATIVE, NAME, "", "", 0, 300, "app.dr.example does not exist"}},
    {"no such name, says the zone above",
     ZONE,
     NULL,
     DNS_A,
     "aa nxdomain; au example 60 SOA 7 300",
     {DNS_NOT_AUTHORITATIVE, NAME, "", "", 0, 60,
      "app.dr.example does not exist, says the zone example"}},
    {"a referral to itself",
     ZONE,
     NULL,
     DNS_A,
     "noerror; au dr.example 60 NS ns2.dr.example; au dr.example 60 NS ns1.dr.example",
     {DNS_LAME, NULL, "", "", 0, -1,
      "refers to the servers of dr.example: ns1.dr.example, ns2.dr.example"}},
    {"a referral whose servers come in another order",
     ZONE,
     NULL,
     DNS_A,
     "noerror; au . 60 NS f.x; au . 60 NS b.x; au . 60 NS e.x; au . 60 NS d.x; au . 60 NS c.x"
     "; au . 60 NS a.x",
     {DNS_UPWARD, NULL, "", "", 0, -1, "refers to the root: a.x, b.x, c.x, d.x and 2 more"}},
    {"a referral downwards",
     ZONE,
     "a.sub.dr.example",
     DNS_A,
     "noerror; au sub.dr.example 60 NS ns.sub.dr.example",
     {DNS_LAME, NULL, "", "", 0, -1, "sub.dr.example is a zone of its own, at ns.sub.dr.example"}},
    {"a referral to the root",
     ZONE,
     NULL,
     DNS_A,
     "noerror; au . 60 NS a.root.example",
     {DNS_UPWARD, NULL, "", "", 0, -1, "refers to the root: a.root.example"}},
    {"a referral upwards",
     ZONE,
     NULL,
     DNS_A,
     "noerror; au example 60 NS a.nic.example",
     {DNS_UPWARD, NULL, "", "", 0, -1, "refers to the servers of example: a.nic.example"}},
    {"a referral of what is no resolver",
     RESOLVER,
     NULL,
     DNS_A,
     "noerror; au dr.example 60 NS ns1.dr.example",
     {DNS_LAME, NULL, "", "", 0, -1, "refers to the servers of dr.example: ns1.dr.example"}},
    {"many servers",
     ZONE,
     NULL,
     DNS_A,
     "noerror; au . 60 NS a.x; au . 60 NS b.x; au . 60 NS c.x; au . 60 NS d.x; au . 60 NS e.x"
     "; au . 60 NS f.x",
     {DNS_UPWARD, NULL, "", "", 0, -1, "refers to the root: a.x, b.x, c.x, d.x and 2 more"}},
    /* refused, failed */
    {"failed",
     RESOLVER,
     NULL,
     DNS_A,
     "ra servfail; ede 6; ede 9",
     {DNS_FAILED, NULL, "", "", 0, -1, "EDE 6 (DNSSEC bogus), EDE 9 (DNSKEY missing)"}},
    {"failed, with records",
     ZONE,
     NULL,
     DNS_A,
     "aa servfail" ADDRESS,
     {DNS_FAILED, NULL, "", "", 0, -1, NULL}},
    {"refused",
     ZONE,
     NULL,
     DNS_A,
     "refused; ede 18",
     {DNS_DENIED, NULL, "", "", 0, -1, "EDE 18 (prohibited)"}},
    {"another code", ZONE, NULL, DNS_A, "formerr", {DNS_ERROR, NULL, "", "", 0, -1, "FORMERR"}},
    {"a long code", ZONE, NULL, DNS_A, "badvers", {DNS_ERROR, NULL, "", "", 0, -1, "BADVERS"}},
    {"another code, explained",
     ZONE,
     NULL,
     DNS_A,
     "formerr; ede 21",
     {DNS_ERROR, NULL, "", "", 0, -1, "FORMERR, EDE 21 (not supported)"}},
    {"still truncated",
     ZONE,
     NULL,
     DNS_A,
     "aa tc" ADDRESS,
     {DNS_TRUNCATED, NULL, "", "", 0, -1, NULL}},
};

static struct dns_question ask(const char *name, unsigned type, const char *reply)
{
    struct dns_question question = {.query = {.id = 4711, .type = type, .edns = true},
                                    .delivery = DNS_DELIVERED,
                                    .seconds = 0.25,
                                    .tries = 2};
    question.query.name = built_read_name(name);
    dns_build_message(name, type, reply, &question.reply);
    return question;
}

static struct dns_answer read_reply(int of, const char *name, unsigned type, const char *reply)
{
    struct dns_question question = ask(name, type, reply);
    struct dns_name zone = built_read_name("dr.example");
    struct dns_answer answer = {.outcome = DNS_NOT_ASKED};
    assert_true(dns_answer_read(&question, of == ZONE ? &zone : NULL, NOW, &answer));
    dns_message_free(&question.reply);
    return answer;
}

static void write_links(const struct dns_answer *answer, char *text, size_t size)
{
    size_t at = 0;
    *text = '\0';
    for (size_t i = 0; i < answer->link_count; i++) {
        const struct dns_link *link = &answer->links[i];
        int more = snprintf(text + at, size - at, "%s%s%c%s@%u", i > 0 ? " " : "", link->owner,
                            link->dname ? '=' : '>', link->target, (unsigned)link->ttl);
        at += (size_t)more;
        assert_true(at < size);
    }
}

static void write_addresses(const struct dns_answer *answer, char *text, size_t size)
{
    char one[DNS_ADDRESS_TEXT];
    size_t at = 0;
    *text = '\0';
    for (size_t i = 0; i < answer->address_count; i++) {
        int more = snprintf(text + at, size - at, "%s%s", i > 0 ? " " : "",
                            dns_address_text(&answer->addresses[i], one));
        at += (size_t)more;
        assert_true(at < size);
    }
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void test_outcomes(void **state)
{
    bool seen[2][DNS_OUTCOMES] = {{false}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        const struct expected *expected = &row->expected;
        const char *name = row->name != NULL ? row->name : NAME;
        struct dns_answer answer = read_reply(row->of, name, row->type, row->reply);
        char links[2000], addresses[2000];
        write_links(&answer, links, sizeof links);
        write_addresses(&answer, addresses, sizeof addresses);
        long long negative = answer.negative.known ? (long long)answer.negative.value : -1;
        if (answer.outcome != expected->outcome || !same(answer.end, expected->end) ||
            strcmp(links, expected->links) != 0 || strcmp(addresses, expected->addresses) != 0 ||
            answer.ttl != expected->ttl || negative != expected->negative ||
            !same(answer.words, expected->words))
            fail_msg("%s: %s, end %s, links '%s', addresses '%s', ttl %u, negative %lld, words %s",
                     row->title, outcomes[answer.outcome], answer.end, links, addresses,
                     (unsigned)answer.ttl, negative, answer.words);
        seen[row->of][answer.outcome] = true;
        dns_answer_free(&answer);
    }
    /* Each outcome that a reply can have is in the table (BOGUS takes two replies, LONG is below).
     */
    for (size_t outcome = DNS_FOUND; outcome <= DNS_ERROR; outcome++) {
        if (!seen[ZONE][outcome] && outcome != DNS_BOGUS && outcome != DNS_LONG)
            fail_msg("no row: %s", outcomes[outcome]);
    }
}

/* So many links are followed, and not one more. */
static void test_length(void **state)
{
    static const struct {
        size_t links;
        enum dns_outcome outcome;
    } chains[] = {{DNS_LINKS_MAX, DNS_FOUND}, {DNS_LINKS_MAX + 1, DNS_LONG}};
    (void)state;
    for (size_t i = 0; i < COUNT(chains); i++) {
        char text[4000] = "aa; an app.dr.example 60 CNAME n1.dr.example", end[64];
        for (size_t k = 1; k <= chains[i].links; k++) {
            size_t at = strlen(text);
            if (k < chains[i].links)
                snprintf(text + at, sizeof text - at,
                         "; an n%zu.dr.example 60 CNAME n%zu.dr.example", k, k + 1);
            else
                snprintf(text + at, sizeof text - at, "; an n%zu.dr.example 60 A 192.0.2.1", k);
        }
        struct dns_answer answer = read_reply(ZONE, NAME, DNS_A, text);
        snprintf(end, sizeof end, "n%d.dr.example", DNS_LINKS_MAX);
        assert_int_equal(answer.outcome, chains[i].outcome);
        assert_int_equal(answer.link_count, DNS_LINKS_MAX);
        assert_string_equal(answer.end, end);
        assert_int_equal(answer.address_count, chains[i].outcome == DNS_FOUND);
        dns_answer_free(&answer);
    }
}

static void test_delivery(void **state)
{
    static const struct {
        enum dns_delivery delivery;
        enum dns_outcome outcome;
    } ends[] = {{DNS_PENDING, DNS_NOT_ASKED},           {DNS_NO_REPLY, DNS_SILENT},
                {DNS_REFUSED_BY_HOST, DNS_UNREACHABLE}, {DNS_NO_WAY, DNS_NO_ROUTE},
                {DNS_NO_TCP, DNS_TCP_FAILED},           {DNS_NOT_READABLE, DNS_MALFORMED},
                {DNS_NOT_SECURE, DNS_NOT_SECURED}};
    (void)state;
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct dns_question question = {.delivery = ends[i].delivery,
                                        .words = "because | of it",
                                        .tries = 3,
                                        .tcp = true,
                                        .seconds = 1.5};
        struct dns_answer answer = {.outcome = DNS_NOT_ASKED};
        question.query.name = built_read_name(NAME);
        assert_true(dns_answer_read(&question, NULL, NOW, &answer));
        assert_int_equal(answer.outcome, ends[i].outcome);
        assert_string_equal(answer.words, "because   of it");
        assert_null(answer.end);
        assert_true(answer.tcp && answer.tries == 3 && answer.seconds > 1.4 && !answer.no_edns);
        assert_int_equal(dns_outcome_read(&question, NULL), ends[i].outcome);
        dns_answer_free(&answer);
    }
}

static void test_frame(void **state)
{
    static const struct {
        const char *reply;
        bool recursion, authentic, no_edns, stale;
        const char *nsid;
    } frames[] = {
        {"noerror" ADDRESS, false, false, true, false, NULL},
        {"ra; opt" ADDRESS, true, false, false, false, NULL},
        {"ra ad; nsid ns1|fra" ADDRESS, true, true, false, false, "ns1 fra"},
        {"ra; ede 3" ADDRESS, true, false, false, true, NULL},
        {"ra nxdomain; ede 6; ede 19", true, false, false, true, NULL},
        {"ra; ede 17" ADDRESS, true, false, false, false, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(frames); i++) {
        struct dns_answer answer = read_reply(RESOLVER, NAME, DNS_A, frames[i].reply);
        if (answer.recursion != frames[i].recursion || answer.authentic != frames[i].authentic ||
            answer.no_edns != frames[i].no_edns || answer.stale != frames[i].stale ||
            !same(answer.nsid, frames[i].nsid))
            fail_msg("%s: %d %d %d %d %s", frames[i].reply, answer.recursion, answer.authentic,
                     answer.no_edns, answer.stale, answer.nsid);
        assert_true(answer.tries == 2 && answer.seconds > 0.2);
        dns_answer_free(&answer);
    }
}

/* The question was said again without EDNS: that it was not wanted shows in the question alone. */
static void test_no_edns(void **state)
{
    (void)state;
    for (int asked_again = 0; asked_again < 2; asked_again++) {
        struct dns_question question = ask(NAME, DNS_A, "aa; opt" ADDRESS);
        struct dns_answer answer = {.outcome = DNS_NOT_ASKED};
        question.no_edns = asked_again;
        assert_true(dns_answer_read(&question, NULL, NOW, &answer));
        assert_int_equal(answer.no_edns, asked_again);
        dns_message_free(&question.reply);
        dns_answer_free(&answer);
    }
    struct dns_question question = ask(NAME, DNS_A, "aa" ADDRESS);
    struct dns_answer answer = {.outcome = DNS_NOT_ASKED};
    question.query.edns = false; /* nor was it asked for: --no-edns */
    assert_true(dns_answer_read(&question, NULL, NOW, &answer));
    assert_false(answer.no_edns);
    dns_message_free(&question.reply);
    dns_answer_free(&answer);
}

/* Moments around NOW, 1795256430. */
#define SIG(owner, type, labels, expires)                                                          \
    "; an " owner " 60 RRSIG " type " " labels " " expires " 1795000000 dr.example"

static void test_signatures(void **state)
{
    static const struct {
        const char *title;
        int of;
        const char *name, *reply;
        bool is_signed, wildcard;
        double left; /* where it is signed */
        double life;
    } signatures[] = {
        {"none", ZONE, NAME, "aa" ADDRESS, false, false, 0, 0},
        {"one", ZONE, NAME, "aa" ADDRESS SIG(NAME, "A", "3", "1795256530"), true, false, 100,
         256530},
        {"expired", ZONE, NAME, "aa" ADDRESS SIG(NAME, "A", "3", "1795256330"), true, false, -100,
         256330},
        {"the first counts", ZONE, NAME,
         "aa" TO_LB LB SIG(NAME, "CNAME", "3", "1795256630")
             SIG("lb.dr.example", "A", "3", "1795256530"),
         true, false, 100, 256530},
        {"not one of another name", ZONE, NAME,
         "aa" ADDRESS SIG(NAME, "A", "3", "1795256630") SIG("x.dr.example", "A", "3", "1795256440"),
         true, false, 200, 256630},
        {"nor one by another zone", ZONE, NAME,
         "aa" ADDRESS "; an app.dr.example 60 RRSIG A 3 1795256440 1795000000 evil.example", false,
         false, 0, 0},
        {"that of the DNAME", ZONE, "app.old.dr.example",
         "aa; an old.dr.example 600 DNAME dr.example" ADDRESS SIG("old.dr.example", "DNAME", "3",
                                                                  "1795256530"),
         true, false, 100, 256530},
        {"that of a denial", ZONE, NAME,
         "aa" SOA "; au dr.example 60 RRSIG SOA 2 1795256530 1795000000 dr.example", true, false,
         100, 256530},
        {"of a wildcard", ZONE, NAME, "aa" ADDRESS SIG(NAME, "A", "2", "1795256530"), true, true,
         100, 256530},
        {"of a wildcard further on", ZONE, NAME,
         "aa" TO_LB LB SIG(NAME, "CNAME", "3", "1795256530")
             SIG("lb.dr.example", "A", "2", "1795256530"),
         true, false, 100, 256530},
        {"the wildcard itself", ZONE, "*.dr.example",
         "aa; an *.dr.example 60 A 192.0.2.1" SIG("*.dr.example", "A", "2", "1795256530"), true,
         false, 100, 256530},
        {"of a resolver, two zones", RESOLVER, NAME,
         "ra; an app.dr.example 60 CNAME a.cdn.example; an a.cdn.example 60 A 203.0.113.1"
         "; an a.cdn.example 60 RRSIG A 3 1795256530 1795000000 cdn.example",
         true, false, 100, 256530},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(signatures); i++) {
        struct dns_answer answer =
            read_reply(signatures[i].of, signatures[i].name, DNS_A, signatures[i].reply);
        bool known = answer.signed_for.known;
        if (answer.is_signed != signatures[i].is_signed || known != answer.is_signed ||
            answer.wildcard != signatures[i].wildcard ||
            (known && (answer.signed_for.value != signatures[i].left ||
                       answer.signed_life.value != signatures[i].life)))
            fail_msg("%s: signed %d, wildcard %d, left %g of %g", signatures[i].title,
                     answer.is_signed, answer.wildcard, answer.signed_for.value,
                     answer.signed_life.value);
        dns_answer_free(&answer);
    }
}

/* Over the turn of 2^32 seconds, in 2106, and with parts of a second. */
static void test_signatures_wrap(void **state)
{
    struct dns_message message;
    struct dr_opt_real left = {.known = false}, life = {.known = false};
    (void)state;
    dns_build_message(NAME, DNS_A,
                      "aa; an app.dr.example 60 RRSIG A 3 100 4294967196 dr.example"
                      "; an app.dr.example 60 RRSIG A 3 300 4294967196 dr.example",
                      &message);
    dns_signatures_read(&message, 4294967246.5, &left, &life);
    assert_true(left.known && left.value == 149.5);
    assert_true(life.known && life.value == 200);
    left = dr_real(-7);
    dns_signatures_read(&message, 4294967246.5, &left, &life); /* what was sooner stays */
    assert_true(left.value == -7);
    dns_message_free(&message);
}

static void test_other_questions(void **state)
{
    static const struct {
        const char *title;
        int of;
        unsigned type;
        const char *reply;
        enum dns_outcome outcome;
    } others[] = {
        {"SOA", ZONE, DNS_SOA, "aa; an dr.example 60 SOA 7 300", DNS_FOUND},
        {"SOA without AA", ZONE, DNS_SOA, "ra; an dr.example 60 SOA 7 300", DNS_NOT_AUTHORITATIVE},
        {"SOA of a resolver", RESOLVER, DNS_SOA, "ra; an dr.example 60 SOA 7 300", DNS_FOUND},
        {"SOA of another name", ZONE, DNS_SOA, "aa; an x.example 60 SOA 7 300", DNS_EMPTY},
        {"no DNSKEY", ZONE, DNS_DNSKEY, "aa" SOA, DNS_NODATA},
        {"no such name", RESOLVER, DNS_NS, "ra nxdomain", DNS_NAME_ERROR},
        {"a referral", ZONE, DNS_NS, "noerror; au . 60 NS a.root.example", DNS_UPWARD},
        {"refused", ZONE, DNS_NS, "refused", DNS_DENIED},
        {"truncated", ZONE, DNS_DNSKEY, "aa tc; an dr.example 60 DNSKEY 257", DNS_TRUNCATED},
    };
    struct dns_name zone = built_read_name("dr.example");
    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        struct dns_question question = ask("dr.example", others[i].type, others[i].reply);
        enum dns_outcome outcome = dns_outcome_read(&question, others[i].of == ZONE ? &zone : NULL);
        if (outcome != others[i].outcome)
            fail_msg("%s: %s", others[i].title, outcomes[outcome]);
        dns_message_free(&question.reply);
    }
}

static void test_soa(void **state)
{
    struct dns_name zone = built_read_name("dr.example");
    struct dns_message message;
    struct dns_soa soa;
    (void)state;
    dns_build_message("dr.example", DNS_SOA,
                      "aa; an x.example 1 SOA 6 1; an dr.example 60 SOA 7 300", &message);
    dns_soa_read(&message, DNS_ANSWER, &zone, &soa);
    assert_true(soa.known && soa.ttl == 60 && soa.serial == 7 && soa.refresh == 7200 &&
                soa.retry == 3600 && soa.expire == 1209600 && soa.minimum == 300);
    dns_soa_read(&message, DNS_AUTHORITY, &zone, &soa);
    assert_false(soa.known);
    dns_message_free(&message);
}

static void test_servers(void **state)
{
    struct dns_name zone = built_read_name("dr.example");
    struct dns_servers servers = {.known = false}, none = {.known = false};
    struct dns_facts facts = {.view_count = 0};
    struct dns_message message;
    (void)state;
    dns_build_message("dr.example", DNS_NS,
                      "noerror; au dr.example 60 NS NS2.dr.example; au dr.example 90 NS "
                      "ns1.dr.example; au dr.example 60 NS ns2.DR.example; au example 60 NS "
                      "a.nic.example",
                      &message);
    assert_true(dns_servers_read(&message, DNS_AUTHORITY, &zone, &servers));
    assert_true(servers.known && servers.count == 2 && servers.ttl == 90);
    assert_string_equal(servers.names[0], "ns1.dr.example");
    assert_string_equal(servers.names[1], "ns2.dr.example");
    assert_true(dns_servers_read(&message, DNS_ANSWER, &zone, &none));
    assert_false(none.known);
    assert_true(dns_servers_same(&servers, &servers));
    assert_false(dns_servers_same(&servers, &none));
    assert_false(dns_servers_same(&none, &none)); /* nobody knows */
    dns_message_free(&message);
    facts.delegation.servers = servers;
    dns_facts_free(&facts);
}

static void test_keys(void **state)
{
    static const struct {
        const char *title;
        enum dns_type type;
        const char *reply;
        bool known;
        size_t count;
    } replies[] = {
        {"keys", DNS_DNSKEY,
         "aa; an dr.example 60 DNSKEY 257; an dr.example 60 DNSKEY 256"
         "; an x.dr.example 60 DNSKEY 256",
         true, 2},
        {"a key once", DNS_DNSKEY, "aa; an dr.example 60 DNSKEY 257; an dr.example 60 DNSKEY 257",
         true, 1},
        {"a key of no zone", DNS_DNSKEY, "aa; an dr.example 60 DNSKEY 0", true, 0},
        {"none", DNS_DNSKEY, "aa" SOA, true, 0},
        {"a referral says nothing of keys", DNS_DNSKEY,
         "noerror; au dr.example 60 NS ns1.dr.example", false, 0},
        {"a failure neither", DNS_DS, "servfail", false, 0},
        {"nor NXDOMAIN", DNS_DS, "aa nxdomain" SOA, false, 0},
        {"nor what was cut", DNS_DS, "aa tc", false, 0},
        {"DS", DNS_DS, "aa; an dr.example 60 DS 4711; an dr.example 60 DS 4712", true, 2},
        {"DS in a referral", DNS_DS,
         "noerror; au dr.example 60 NS ns1.dr.example; au dr.example 60 DS 4711", true, 1},
    };
    struct dns_name zone = built_read_name("dr.example");
    (void)state;
    for (size_t i = 0; i < COUNT(replies); i++) {
        struct dns_message message;
        struct dns_keys keys = {.known = false};
        dns_build_message("dr.example", replies[i].type, replies[i].reply, &message);
        assert_true(dns_keys_read(&message, replies[i].type, &zone, &keys));
        if (keys.known != replies[i].known || keys.count != replies[i].count)
            fail_msg("%s: %d %zu", replies[i].title, keys.known, keys.count);
        if (replies[i].type == DNS_DS && keys.count > 0)
            assert_true(keys.items[0].tag == 4711 && keys.items[0].algorithm == 13);
        dns_message_free(&message);
        free(keys.items);
    }
}

/* Views are kept, found and freed with everything they hold. */
static void test_facts(void **state)
{
    struct dns_facts facts = {.view_count = 0};
    (void)state;
    for (size_t i = 0; i < 9; i++) {
        char label[32];
        snprintf(label, sizeof label, "ns%zu|x", i);
        struct dns_view *view = dns_facts_view(&facts, label, i % 3);
        assert_non_null(view);
        assert_int_equal(view->standby_count, i % 3);
        assert_true((view->standby != NULL) == (i % 3 > 0));
        view->answers[DNS_V4] = read_reply(ZONE, NAME, DNS_A, "aa; nsid x" TO_LB LB);
        if (view->standby != NULL)
            view->standby[(i % 3) * DNS_FAMILIES - 1] = read_reply(ZONE, NAME, DNS_A, "aa" ADDRESS);
    }
    assert_int_equal(facts.view_count, 9);
    assert_string_equal(facts.views[8].label, "ns8 x");
    assert_false(facts.no_memory);
    dns_facts_free(&facts);
    assert_int_equal(facts.view_count, 0);
}

/* The two halves of a chain, asked for one after the other. */
static void test_join(void **state)
{
    static const struct {
        const char *rest; /* what the server says of lb.dr.example */
        enum dns_outcome outcome;
        size_t links, addresses;
        const char *end;
    } halves[] = {
        {"aa" LB, DNS_FOUND, 1, 1, "lb.dr.example"},
        {"aa" SOA, DNS_DANGLING, 1, 0, "lb.dr.example"},
        {"aa nxdomain" SOA, DNS_DANGLING, 1, 0, "lb.dr.example"},
        {"aa; an lb.dr.example 60 CNAME app.dr.example", DNS_LOOP, 2, 0, "app.dr.example"},
        {"aa; an lb.dr.example 60 CNAME web.dr.example", DNS_LEAVES, 2, 0, "web.dr.example"},
        {"aa; an lb.dr.example 60 CNAME web.dr.example; an web.dr.example 60 A 192.0.2.1",
         DNS_FOUND, 2, 1, "web.dr.example"},
        {"aa servfail", DNS_FAILED, 1, 0, "lb.dr.example"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
        struct dns_answer answer = read_reply(ZONE, NAME, DNS_A, "aa" TO_LB);
        struct dns_answer rest = read_reply(ZONE, "lb.dr.example", DNS_A, halves[i].rest);
        assert_int_equal(answer.outcome, DNS_LEAVES);
        assert_true(dns_answer_join(&answer, &rest));
        assert_int_equal(answer.outcome, halves[i].outcome);
        assert_int_equal(answer.link_count, halves[i].links);
        assert_int_equal(answer.address_count, halves[i].addresses);
        assert_string_equal(answer.end, halves[i].end);
        dns_answer_free(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_delivery),
        cmocka_unit_test(test_frame),
        cmocka_unit_test(test_no_edns),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_signatures_wrap),
        cmocka_unit_test(test_other_questions),
        cmocka_unit_test(test_soa),
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
