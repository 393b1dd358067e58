/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names, as they travel and as people write them. */
#include "plugins/dns/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define A15 "aaaaaaaaaaaaaaa"
#define A63 A15 A15 A15 A15 "aaa"
#define A61 A15 A15 A15 A15 "a"

static struct dns_name name_of(const char *text)
{
    struct dns_name name;
    struct dr_error error;
    if (!dns_name_read(text, &name, &error))
        fail_msg("%s: %s", text, error.text);
    return name;
}

static void assert_name(const struct dns_name *name, const char *expected)
{
    char text[DNS_NAME_TEXT];
    assert_string_equal(dns_name_text(name, text), expected);
}

static void test_read(void **state)
{
    static const struct {
        const char *text, *wire;
        size_t length;
        const char *written;
    } rows[] = {
        {".", "", 1, "."},
        {"com", "\3com", 5, "com"},
        {"app.example.com", "\3app\7example\3com", 17, "app.example.com"},
        {"app.example.com.", "\3app\7example\3com", 17, "app.example.com"},
        {"APP.Example.com", "\3APP\7Example\3com", 17, "app.example.com"},
        {"*.example.com", "\1*\7example\3com", 15, "*.example.com"},
        {"_dns.0/25.x-y", "\4_dns\0040/25\3x-y", 15, "_dns.0/25.x-y"},
        {"a\\.b.c", "\3a.b\1c", 7, "a\\.b.c"},
        {"a\\\\b", "\3a\\b", 5, "a\\\\b"},
        {"a\\|\\@", "\3a|@", 5, "a\\124\\064"},
        {"a@b", "\3a@b", 5, "a\\064b"},
        {"\\097\\065", "\2aA", 4, "aa"},
        {"\\255\\032", "\2\xff ", 4, "\\255\\032"},
        {"\\1270", "\2\177\060", 4, "\\1270"},
        {"\\0011.x", "\2\0011\1x", 6, "\\0011.x"},
        {"xn--bcher-kva.example", "\015xn--bcher-kva\7example", 23, "xn--bcher-kva.example"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_name name = name_of(rows[i].text);
        char text[DNS_NAME_TEXT];
        if (name.length != rows[i].length || memcmp(name.wire, rows[i].wire, name.length) != 0 ||
            strcmp(dns_name_text(&name, text), rows[i].written) != 0)
            fail_msg("%s: %u bytes, %s", rows[i].text, name.length, text);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "bad name '': position 1: an empty name"},
        {"..", "bad name '..': position 1: an empty label"},
        {".com", "bad name '.com': position 1: an empty label"},
        {"a..b", "bad name 'a..b': position 3: an empty label"},
        {"a.b..", "bad name 'a.b..': position 5: an empty label"},
        {"a b", "bad name 'a b': position 2: a blank or a control character in a name is written "
                "as \\DDD"},
        {"app.example.com ", "bad name 'app.example.com ': position 16: a blank or a control "
                             "character in a name is written as \\DDD"},
        {"a\x7f",
         "bad name 'a ': position 2: a blank or a control character in a name is written as \\DDD"},
        {"b\xc3\xbc"
         "cher.example",
         "bad name 'b\xc3\xbc"
         "cher.example': position 2: not ASCII: write it as xn--..."},
        {"a\\", "bad name 'a\\': position 2: an escape is \\. or \\000 to \\255"},
        {"a\\25", "bad name 'a\\25': position 2: an escape is \\. or \\000 to \\255"},
        {"a\\2x5", "bad name 'a\\2x5': position 2: an escape is \\. or \\000 to \\255"},
        {"a\\256", "bad name 'a\\256': position 2: an escape is \\. or \\000 to \\255"},
        {"a\\ b", "bad name 'a\\ b': position 2: an escape is \\. or \\000 to \\255"},
        {A63 "a.b", "bad name '" A63 "a.b': position 64: a label is longer than 63 bytes"},
        {A63 "." A63 "." A63 "." A61 "a", "bad name '" A63 "." A63 "." A63 "." A61
                                          "a': position 254: the name is longer than 255 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_name name;
        struct dr_error error = {.class = DR_ERR_NONE};
        if (dns_name_read(rows[i].text, &name, &error))
            fail_msg("read: %s", rows[i].text);
        assert_int_equal(error.class, DR_ERR_USAGE);
        assert_string_equal(error.text, rows[i].error);
    }
}

/* 255 bytes, each of which takes four characters. */
static void test_longest(void **state)
{
    struct dns_name name = name_of(A63 "." A63 "." A63 "." A61);
    char text[DNS_NAME_TEXT];
    (void)state;
    assert_int_equal(name.length, DNS_NAME_MAX);
    assert_int_equal(dns_name_labels(&name), 4);
    for (size_t at = 0; name.wire[at] != 0; at += 1u + name.wire[at])
        memset(name.wire + at + 1, 0xff, name.wire[at]);
    assert_int_equal(strlen(dns_name_text(&name, text)), 4 * 250 + 3);
    struct dns_name again = name_of(text);
    assert_true(dns_name_equal(&name, &again));
    /* an escaped dot at the end of the room is no way around it either */
    struct dr_error error;
    assert_false(dns_name_read(A63 "." A63 "." A63 "." A61 "\\.", &again, &error));
}

static void test_equal(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"App.Example.COM", "aPP.eXAMPLE.com", true},
        {".", ".", true},
        {"app.example.com", "apq.example.com", false},
        {"app.example.com", "example.com", false},
        {"a.b", "a\\.b", false},
        /* beside the letters: not the same in another case */
        {"\\064", "\\096", false},
        {"\\091", "\\123", false},
        {"\\193", "\\225", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_name a = name_of(rows[i].a), b = name_of(rows[i].b);
        if (dns_name_equal(&a, &b) != rows[i].equal)
            fail_msg("%s %s", rows[i].a, rows[i].b);
    }
}

static void test_within(void **state)
{
    static const struct {
        const char *name, *zone;
        bool within;
    } rows[] = {
        {"app.example.com", "example.com", true},
        {"app.example.com", "EXAMPLE.com", true},
        {"example.com", "example.com", true},
        {"a.b.c.example.com", "example.com", true},
        {"example.com", ".", true},
        {".", ".", true},
        {".", "com", false},
        {"com", "example.com", false},
        {"badexample.com", "example.com", false},
        {"app.example.com", "example.net", false},
        /* the bytes are the same, the labels are not */
        {"x\\003com", "com", false},
        {"x\\007example\\003com", "example.com", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_name name = name_of(rows[i].name), zone = name_of(rows[i].zone);
        if (dns_name_within(&name, &zone) != rows[i].within)
            fail_msg("%s in %s", rows[i].name, rows[i].zone);
    }
    struct dns_name none = {.length = 0}, some = name_of("example.com");
    assert_false(dns_name_within(&some, &none));
    assert_false(dns_name_within(&none, &some));
}

static void test_parents(void **state)
{
    struct dns_name name = name_of("app.example.com");
    (void)state;
    assert_int_equal(dns_name_labels(&name), 3);
    assert_true(dns_name_parent(&name, &name));
    assert_name(&name, "example.com");
    assert_true(dns_name_parent(&name, &name));
    assert_true(dns_name_parent(&name, &name));
    assert_name(&name, ".");
    assert_int_equal(name.length, 1);
    assert_int_equal(dns_name_labels(&name), 0);
    struct dns_name untouched = name_of("x.y");
    assert_false(dns_name_parent(&name, &untouched));
    assert_name(&untouched, "x.y");
}

static void test_prefix(void **state)
{
    struct dns_name zone = name_of("example.com"), longer;
    (void)state;
    assert_true(dns_name_prefix("a.b", &zone, &longer));
    assert_name(&longer, "a\\.b.example.com");
    assert_int_equal(dns_name_labels(&longer), 3);
    assert_true(dns_name_prefix("www", &zone, &zone));
    assert_name(&zone, "www.example.com");
    assert_false(dns_name_prefix("", &zone, &longer));
    assert_true(dns_name_prefix(A63, &zone, &longer));
    assert_false(dns_name_prefix(A63 "a", &zone, &longer));
    struct dns_name big = name_of(A63 "." A63 "." A63 "." A15);
    assert_int_equal(big.length, 209);
    assert_true(dns_name_prefix(A15 A15 A15, &big, &longer));
    assert_int_equal(longer.length, DNS_NAME_MAX);
    assert_false(dns_name_prefix(A15 A15 A15 "a", &big, &longer));
}

static void test_substitute(void **state)
{
    static const struct {
        const char *name, *owner, *target;
        const char *result; /* NULL: none */
    } rows[] = {
        {"host.old.example.com", "old.example.com", "new.example.com", "host.new.example.com"},
        {"a.b.OLD.example.com", "old.example.com", "other.net", "a.b.other.net"},
        {"a.example.com", "example.com", ".", "a"},
        {"a.example.com", ".", "net", "a.example.com.net"},
        /* the owner itself is not renamed, nor what lies beside it */
        {"old.example.com", "old.example.com", "new.example.com", NULL},
        {"veryold.example.com", "old.example.com", "new.example.com", NULL},
        {"example.com", "old.example.com", "new.example.com", NULL},
        {".", ".", "new.example.com", NULL},
        {A15 ".a", "a", A63 "." A63 "." A63 "." A15 A15 A15,
         A15 "." A63 "." A63 "." A63 "." A15 A15 A15},
        {A15 "a.a", "a", A63 "." A63 "." A63 "." A15 A15 A15, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_name name = name_of(rows[i].name), owner = name_of(rows[i].owner);
        struct dns_name target = name_of(rows[i].target), result;
        bool made = dns_name_substitute(&name, &owner, &target, &result);
        if (made != (rows[i].result != NULL))
            fail_msg("%s: %d", rows[i].name, made);
        if (made)
            assert_name(&result, rows[i].result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_longest), cmocka_unit_test(test_equal),
        cmocka_unit_test(test_within),  cmocka_unit_test(test_parents),
        cmocka_unit_test(test_prefix),  cmocka_unit_test(test_substitute)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
