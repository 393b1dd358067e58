/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a proof of absence proves, and what it does not. */
#include "plugins/dns/denial.h"

#include "tests/unit/dns_reply.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define APEX "; au dr.example 60 NSEC app.dr.example NS SOA DNSKEY"

static const char *const proofs[] = {"not proven", "proven", "opted out", "too dear"};

/* NSEC records, by hand: dr, app, ent (empty), sub (delegated), www, back to dr. */
static void test_nsec(void **state)
{
    static const struct {
        const char *title, *name;
        unsigned type;
        bool nxdomain;
        const char *reply;
        enum dns_proof proof;
    } rows[] = {
        {"no such type", "app.dr.example", DNS_AAAA, false,
         "aa; au app.dr.example 60 NSEC a.ent.dr.example A", DNS_PROVEN},
        {"the case of names does not matter", "APP.dr.example", DNS_AAAA, false,
         "aa; au app.DR.example 60 NSEC a.ent.dr.example A", DNS_PROVEN},
        {"it has the type", "app.dr.example", DNS_A, false,
         "aa; au app.dr.example 60 NSEC a.ent.dr.example A", DNS_NOT_PROVEN},
        {"it has a CNAME", "app.dr.example", DNS_A, false,
         "aa; au app.dr.example 60 NSEC a.ent.dr.example CNAME", DNS_NOT_PROVEN},
        {"it exists", "app.dr.example", DNS_AAAA, true,
         "aa; au app.dr.example 60 NSEC a.ent.dr.example A", DNS_NOT_PROVEN},
        {"a name without records", "ent.dr.example", DNS_A, false,
         "aa; au app.dr.example 60 NSEC a.ent.dr.example A", DNS_PROVEN},
        {"which exists", "ent.dr.example", DNS_A, true,
         "aa; au app.dr.example 60 NSEC a.ent.dr.example A" APEX, DNS_NOT_PROVEN},
        {"no such name", "b.dr.example", DNS_A, true,
         "aa; au app.dr.example 60 NSEC sub.dr.example A" APEX, DNS_PROVEN},
        {"no such name, but no word of a wildcard", "b.dr.example", DNS_A, true,
         "aa; au app.dr.example 60 NSEC sub.dr.example A", DNS_NOT_PROVEN},
        {"a wildcard without the type", "b.dr.example", DNS_A, false,
         "aa; au app.dr.example 60 NSEC sub.dr.example A; au *.dr.example 60 NSEC app.dr.example "
         "AAAA",
         DNS_PROVEN},
        {"a wildcard with the type", "b.dr.example", DNS_A, false,
         "aa; au app.dr.example 60 NSEC sub.dr.example A; au *.dr.example 60 NSEC app.dr.example A",
         DNS_NOT_PROVEN},
        {"a wildcard is there", "b.dr.example", DNS_A, true,
         "aa; au app.dr.example 60 NSEC sub.dr.example A; au *.dr.example 60 NSEC app.dr.example A",
         DNS_NOT_PROVEN},
        {"the wildcard of another level does not matter", "b.c.dr.example", DNS_A, true,
         "aa; au app.dr.example 60 NSEC sub.dr.example A" APEX, DNS_PROVEN},
        {"behind the last name", "zz.dr.example", DNS_A, true,
         "aa; au www.dr.example 60 NSEC dr.example A" APEX, DNS_PROVEN},
        {"before the gap", "b.dr.example", DNS_A, true,
         "aa; au www.dr.example 60 NSEC dr.example A" APEX, DNS_NOT_PROVEN},
        {"behind the gap", "zz.dr.example", DNS_A, true,
         "aa; au app.dr.example 60 NSEC sub.dr.example A" APEX, DNS_NOT_PROVEN},
        {"below a delegation", "x.sub.dr.example", DNS_A, true,
         "aa; au sub.dr.example 60 NSEC www.dr.example NS" APEX, DNS_NOT_PROVEN},
        {"below a DNAME", "x.sub.dr.example", DNS_A, true,
         "aa; au sub.dr.example 60 NSEC www.dr.example DNAME" APEX, DNS_NOT_PROVEN},
        {"at a delegation, what the zone below has", "sub.dr.example", DNS_A, false,
         "aa; au sub.dr.example 60 NSEC www.dr.example NS", DNS_NOT_PROVEN},
        {"at a delegation, what the zone above has", "sub.dr.example", DNS_DS, false,
         "aa; au sub.dr.example 60 NSEC www.dr.example NS", DNS_PROVEN},
        {"at the apex", "dr.example", DNS_A, false, "aa" APEX, DNS_PROVEN},
        {"a gap of one name", "app.dr.example", DNS_AAAA, false,
         "aa; au app.dr.example 60 NSEC \\000.app.dr.example RRSIG NSEC", DNS_PROVEN},
        {"in another section", "app.dr.example", DNS_AAAA, false,
         "aa; ad app.dr.example 60 NSEC a.ent.dr.example A", DNS_NOT_PROVEN},
        {"of another zone", "app.dr.example", DNS_AAAA, true,
         "aa; au example 60 NSEC z.example NS SOA", DNS_NOT_PROVEN},
        {"nothing", "app.dr.example", DNS_AAAA, false, "aa", DNS_NOT_PROVEN},
    };
    struct dns_name zone = built_read_name("dr.example");
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_message reply;
        struct dns_name name = built_read_name(rows[i].name);
        dns_build_message(rows[i].name, rows[i].type, rows[i].reply, &reply);
        enum dns_proof proof =
            dns_denial_check(&reply, &zone, &name, rows[i].type, rows[i].nxdomain);
        if (proof != rows[i].proof)
            fail_msg("%s: %s", rows[i].title, proofs[proof]);
        dns_message_free(&reply);
    }
}

static void test_nsec_wildcard(void **state)
{
    struct dns_name zone = built_read_name("dr.example");
    struct dns_name name = built_read_name("b.dr.example");
    struct dns_name beside = built_read_name("app.dr.example");
    struct dns_message reply;
    (void)state;
    dns_build_message("b.dr.example", DNS_A, "aa; au app.dr.example 60 NSEC sub.dr.example A",
                      &reply);
    assert_int_equal(dns_denial_check_wildcard(&reply, &zone, &name, 2), DNS_PROVEN);
    assert_int_equal(dns_denial_check_wildcard(&reply, &zone, &beside, 2), DNS_NOT_PROVEN);
    dns_message_free(&reply);
}

static void load_message(const char *zone, const char *name, struct dns_message *message)
{
    char path[1024];
    uint8_t bytes[8192];
    struct dr_error error = {.class = DR_ERR_NONE};
    snprintf(path, sizeof path, DR_TESTS "/samples/dns/signed/%s/%s", zone, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (!dns_message_read(bytes, size, message, &error))
        fail_msg("%s: %s", path, error.text);
}

static bool is_denial(const struct dns_record *record)
{
    return record->type == DNS_NSEC || record->type == DNS_NSEC3;
}

/* A server sends what is needed and no more: without any one of its records nothing is proven. */
static void test_each_is_needed(void **state)
{
    static const char *const zones[] = {"nsec", "nsec3"};
    static const struct {
        const char *reply;
        bool nxdomain;
    } replies[] = {{"gone", true},
                   {"gone-deep", true},
                   {"app-nodata", false},
                   {"ent", false},
                   {"wild-nodata", false}};
    struct dns_name zone = built_read_name("dr.example");
    (void)state;
    for (size_t i = 0; i < COUNT(zones) * COUNT(replies); i++) {
        struct dns_message reply;
        size_t removed = 0;
        load_message(zones[i % 2], replies[i / 2].reply, &reply);
        bool nxdomain = replies[i / 2].nxdomain;
        assert_int_equal(
            dns_denial_check(&reply, &zone, &reply.question, reply.question_type, nxdomain),
            DNS_PROVEN);
        for (size_t k = 0; k < reply.record_count; k++) {
            if (!is_denial(&reply.records[k]))
                continue;
            unsigned type = reply.records[k].type;
            reply.records[k].type = 16;
            if (dns_denial_check(&reply, &zone, &reply.question, reply.question_type, nxdomain) !=
                DNS_NOT_PROVEN)
                fail_msg("%s/%s: proven without record %zu", zones[i % 2], replies[i / 2].reply, k);
            reply.records[k].type = type;
            removed++;
        }
        assert_true(removed > 0);
        dns_message_free(&reply);
    }
}

/* The same of the NSEC3 of a delegation: nothing of what is below it, or of the zone there. */
static void test_delegation(void **state)
{
    static const char *const zones[] = {"nsec", "nsec3"};
    struct dns_name zone = built_read_name("dr.example");
    struct dns_name sub = built_read_name("sub.dr.example");
    (void)state;
    for (size_t i = 0; i < COUNT(zones); i++) {
        struct dns_message reply;
        load_message(zones[i], "sub", &reply);
        assert_int_equal(dns_denial_check(&reply, &zone, &sub, DNS_DS, false), DNS_PROVEN);
        assert_int_equal(dns_denial_check(&reply, &zone, &sub, DNS_A, false), DNS_NOT_PROVEN);
        assert_int_equal(dns_denial_check(&reply, &zone, &reply.question, DNS_A, true),
                         DNS_NOT_PROVEN);
        dns_message_free(&reply);
    }
}

/* Nor where the gap behind it is made so wide that names below it lie in it. */
static void test_wide_gap(void **state)
{
    struct dns_name zone = built_read_name("dr.example");
    struct dns_message reply;
    (void)state;
    load_message("nsec3", "sub", &reply);
    for (size_t i = 0; i < reply.record_count; i++) {
        const struct dns_record *record = &reply.records[i];
        if (record->type == DNS_NSEC3)
            memset(reply.bytes + (record->rdata - reply.bytes) + 5 + 3 + 1, 0, 20);
    }
    for (char c = 'a'; c <= 'z'; c++) {
        char text[] = "?.sub.dr.example";
        text[0] = c;
        struct dns_name name = built_read_name(text);
        assert_int_equal(dns_denial_check(&reply, &zone, &name, DNS_A, true), DNS_NOT_PROVEN);
        assert_int_equal(dns_denial_check(&reply, &zone, &name, DNS_A, false), DNS_NOT_PROVEN);
    }
    dns_message_free(&reply);
}

/* Data that a record cannot have proves nothing, and is not read past its end. */
static void test_damaged(void **state)
{
    static const char *const zones[] = {"nsec", "nsec3"};
    struct dns_name zone = built_read_name("dr.example");
    (void)state;
    for (size_t i = 0; i < COUNT(zones); i++) {
        struct dns_message reply;
        load_message(zones[i], "app-nodata", &reply);
        for (size_t k = 0; k < reply.record_count; k++) {
            struct dns_record *record = &reply.records[k];
            size_t size = record->rdata_size;
            if (!is_denial(record))
                continue;
            for (record->rdata_size = 0; record->rdata_size + 1 < size; record->rdata_size++) {
                /* Five bytes, a salt of three, the next hash and its size, no types: that can be.
                 */
                bool complete = record->type == DNS_NSEC3 && record->rdata_size == 5 + 3 + 21;
                enum dns_proof proof =
                    dns_denial_check(&reply, &zone, &reply.question, reply.question_type, false);
                assert_int_equal(proof, complete ? DNS_PROVEN : DNS_NOT_PROVEN);
            }
            record->rdata_size = size;
        }
        dns_message_free(&reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nsec),           cmocka_unit_test(test_nsec_wildcard),
        cmocka_unit_test(test_each_is_needed), cmocka_unit_test(test_delegation),
        cmocka_unit_test(test_damaged),        cmocka_unit_test(test_wide_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
