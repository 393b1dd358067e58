/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XML as it comes in: whatever the pieces, the same items; what is no such document is an error. */
#include "common/client/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define LIST "/ListBucketResult"

struct reading {
    struct dr_xml xml;
    struct dr_buffer seen; /* "key size|" of each item */
    const char *fail_at;   /* a key that is refused */
    struct dr_error error;
};

static bool take(void *context, const char *which, struct dr_error *error)
{
    struct reading *reading = context;
    bool prefix = strcmp(which, LIST "/CommonPrefixes") == 0;
    const char *key = dr_xml_text(&reading->xml, LIST "/Contents/Key");
    if (reading->fail_at != NULL && strcmp(key, reading->fail_at) == 0)
        return dr_error_set(error, DR_ERR_SERVER, "refused by who takes");
    if (prefix)
        dr_buffer_addf(&reading->seen, "<%s>|",
                       dr_xml_text(&reading->xml, LIST "/CommonPrefixes/Prefix"));
    else
        dr_buffer_addf(&reading->seen, "%s %s|", key,
                       dr_xml_text(&reading->xml, LIST "/Contents/Size"));
    return true;
}

static struct dr_xml_element elements[5];

static void prepare(struct reading *reading)
{
    *reading = (struct reading){.seen = DR_BUFFER(100000)};
    elements[0] = (struct dr_xml_element){.path = LIST "/Contents/Key", .most = 64};
    elements[1] = (struct dr_xml_element){.path = LIST "/Contents/Size"};
    elements[2] = (struct dr_xml_element){.path = LIST "/IsTruncated"};
    elements[3] = (struct dr_xml_element){.path = LIST "/CommonPrefixes/Prefix"};
    elements[4] = (struct dr_xml_element){.path = LIST "/Prefix"};
    reading->xml = (struct dr_xml){.elements = elements,
                                   .count = COUNT(elements),
                                   .item = LIST "/Contents",
                                   .item2 = LIST "/CommonPrefixes",
                                   .take = take,
                                   .context = reading,
                                   .root = "ListBucketResult"};
}

/* Reads text in pieces of that size. */
static bool read_pieces(struct reading *reading, const char *text, size_t size, size_t piece)
{
    if (!dr_xml_start(&reading->xml, &reading->error))
        return false;
    for (size_t at = 0; at < size; at += piece) {
        size_t length = size - at < piece ? size - at : piece;
        if (!dr_xml_push(&reading->xml, text + at, length, &reading->error))
            return false;
    }
    return dr_xml_finish(&reading->xml, &reading->error);
}

static void finish(struct reading *reading)
{
    dr_xml_end(&reading->xml);
    dr_buffer_free(&reading->seen);
}

static const char document[] =
    "<?xml version='1.0' encoding='UTF-8'?>"
    "<x:ListBucketResult xmlns:x='http://s3.amazonaws.com/doc/2006-03-01/'><x:Prefix>pg/</x:Prefix>"
    "<x:Contents><x:Key>pg/a &amp; b</x:Key><x:Size>1</x:Size><Tags><Key>no</Key></Tags>"
    "</x:Contents><Contents><Key encoding='x'>c</Key></Contents>"
    "<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>"
    "<IsTruncated>false</IsTruncated></x:ListBucketResult>\n";

/* Neither pieces nor prefixes matter; an item does not inherit from the one before it. */
static void test_items(void **state)
{
    static const size_t pieces[] = {1, 2, 7, 100, sizeof document};
    (void)state;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct reading reading;
        prepare(&reading);
        assert_true(read_pieces(&reading, document, sizeof document - 1, pieces[i]));
        assert_string_equal(dr_buffer_text(&reading.seen), "pg/a & b 1|c |<d/>|");
        assert_string_equal(dr_xml_text(&reading.xml, LIST "/IsTruncated"), "false");
        assert_string_equal(dr_xml_text(&reading.xml, LIST "/Prefix"), "pg/");
        assert_string_equal(dr_xml_text(&reading.xml, LIST "/Contents/Key"), "");
        assert_string_equal(dr_xml_text(&reading.xml, "/nowhere"), "");
        finish(&reading);
    }
}

/* However short it is cut, it is no document: a list must never look shorter than it is. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    size_t whole = sizeof document - 2; /* the line's end may be missing */
    for (size_t size = 0; size < whole; size++) {
        struct reading reading;
        prepare(&reading);
        assert_false(read_pieces(&reading, document, size, 50));
        assert_int_equal(reading.error.class, DR_ERR_PROTOCOL);
        finish(&reading);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "it is empty"},
        {"<ListBucketResult><Contents>", "it ends too early"},
        {"<Error><Code>x</Code></Error>", "it is <Error>, not <ListBucketResult>"},
        {"{\"a\": 1}", "not well-formed"},
        {"<!DOCTYPE x [<!ENTITY e 'v'>]><ListBucketResult>&e;</ListBucketResult>", "document type"},
        {"<ListBucketResult><Prefix>a</Prefix><Prefix>b</Prefix></ListBucketResult>", "twice"},
        {"<ListBucketResult><Contents><Key>a</Key><Key>b</Key></Contents></ListBucketResult>",
         "twice"},
        {"<ListBucketResult><Contents><Key>"
         "0123456789012345678901234567890123456789012345678901234567890123456789</Key></Contents>"
         "</ListBucketResult>",
         "an element is too long"},
        {"<ListBucketResult></ListBucketResult><ListBucketResult/>", "junk after"},
        {"<ListBucketResult><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"
         "<a><a><a><a><a><a><a><a><a>",
         "too deep"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reading reading;
        prepare(&reading);
        assert_false(read_pieces(&reading, rows[i].text, strlen(rows[i].text), 30));
        assert_int_equal(reading.error.class, DR_ERR_PROTOCOL);
        if (strstr(reading.error.text, rows[i].why) == NULL)
            fail_msg("\"%s\" without \"%s\"", reading.error.text, rows[i].why);
        finish(&reading);
    }
}

/* The error of who takes is the error, and nothing is handed over afterwards. */
static void test_taker_refuses(void **state)
{
    struct reading reading;
    (void)state;
    prepare(&reading);
    reading.fail_at = "c";
    assert_false(read_pieces(&reading, document, sizeof document - 1, sizeof document));
    assert_int_equal(reading.error.class, DR_ERR_SERVER);
    assert_string_equal(reading.error.text, "refused by who takes");
    assert_string_equal(dr_buffer_text(&reading.seen), "pg/a & b 1|");
    assert_false(dr_xml_finish(&reading.xml, &reading.error));
    finish(&reading);
}

/* A tag without an end does not fill the memory. */
static void test_endless_tag(void **state)
{
    struct reading reading;
    char piece[4096];
    bool ok = true;
    size_t pushed = 0;
    (void)state;
    prepare(&reading);
    memset(piece, 'x', sizeof piece);
    assert_true(dr_xml_start(&reading.xml, &reading.error));
    assert_true(dr_xml_push(&reading.xml, "<ListBucketResult a='", 21, &reading.error));
    for (; ok && pushed < 1000000; pushed += sizeof piece)
        ok = dr_xml_push(&reading.xml, piece, sizeof piece, &reading.error);
    assert_false(ok);
    assert_true(pushed < 200000);
    assert_non_null(strstr(reading.error.text, "endless tag"));
    finish(&reading);
}

/* A list of any length is read with the memory of one item. */
static void test_long_list(void **state)
{
    struct reading reading;
    struct dr_buffer text = DR_BUFFER(10000000);
    (void)state;
    prepare(&reading);
    dr_buffer_add(&text, "<ListBucketResult>");
    for (int i = 0; i < 50000; i++)
        dr_buffer_addf(&text, "<Contents><Key>k%05d</Key><Size>%d</Size></Contents>", i, i);
    dr_buffer_add(&text, "<IsTruncated>true</IsTruncated></ListBucketResult>");
    assert_true(dr_xml_read(&reading.xml, &text, &reading.error));
    assert_string_equal(dr_xml_text(&reading.xml, LIST "/IsTruncated"), "true");
    assert_true(elements[0].text.space <= 128);
    finish(&reading);
    dr_buffer_free(&text);
}

/* Azure writes names that XML cannot hold as Encoded="true". */
static void test_encoded(void **state)
{
    static const char text[] = "<ListBucketResult><Prefix Encoded=\"true\">a%20b</Prefix>"
                               "<IsTruncated Encoded=\"false\">x</IsTruncated></ListBucketResult>";
    struct reading reading;
    (void)state;
    prepare(&reading);
    assert_true(read_pieces(&reading, text, sizeof text - 1, 9));
    assert_int_equal(elements[4].encoded, 'Y');
    assert_int_equal(elements[2].encoded, '\0');
    finish(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items),       cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_taker_refuses),
        cmocka_unit_test(test_endless_tag), cmocka_unit_test(test_long_list),
        cmocka_unit_test(test_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
