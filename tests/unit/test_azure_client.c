/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signatures, SAS and dates of Azure Storage, and what of HTTP needs no server. */
#include "common/client/azure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct dr_azure_pair none[] = {{NULL, NULL}};
static const struct dr_azure_pair stats[] = {
    {"restype", "service"}, {"comp", "stats"}, {NULL, NULL}};
static const struct dr_azure_pair headers[] = {{"x-ms-version", "2020-10-02"},
                                               {"x-ms-client-request-id", "id-1"},
                                               {"x-ms-date", "Sun, 06 Nov 1994 08:49:37 GMT"},
                                               {NULL, NULL}};

static void assert_signed(const struct dr_azure_signed *what, const char *expected)
{
    struct dr_buffer text = DR_BUFFER(4096);
    assert_true(dr_azure_string_to_sign(what, &text));
    assert_string_equal(dr_buffer_text(&text), expected);
    dr_buffer_free(&text);
}

static void what_is_signed(void **state)
{
    (void)state;
    struct dr_azure_signed what = {
        .method = "GET", .account = "acct", .path = "/", .query = stats, .headers = headers};
    assert_signed(&what, "GET\n\n\n\n\n\n\n\n\n\n\n\n"
                         "x-ms-client-request-id:id-1\n"
                         "x-ms-date:Sun, 06 Nov 1994 08:49:37 GMT\nx-ms-version:2020-10-02\n"
                         "/acct/\ncomp:stats\nrestype:service");
    what.table = true;
    assert_signed(&what, "GET\n\n\nSun, 06 Nov 1994 08:49:37 GMT\n/acct/?comp=stats");
    what.query = none;
    what.path = "/Tables";
    what.content_type = "application/json";
    assert_signed(&what, "GET\n\napplication/json\nSun, 06 Nov 1994 08:49:37 GMT\n/acct/Tables");
    what.table = false;
    what.method = "PUT";
    what.path = "/box/a%20b";
    what.content_length = 11;
    what.range = "bytes=0-10";
    assert_signed(&what, "PUT\n\n\n11\n\napplication/json\n\n\n\n\n\nbytes=0-10\n"
                         "x-ms-client-request-id:id-1\n"
                         "x-ms-date:Sun, 06 Nov 1994 08:49:37 GMT\nx-ms-version:2020-10-02\n"
                         "/acct/box/a%20b");
}

static void parts_and_conditions_are_signed(void **state)
{
    (void)state;
    const struct dr_azure_signed what = {.method = "GET",
                                         .account = "acct",
                                         .path = "/box/a%20b",
                                         .query = none,
                                         .headers = headers,
                                         .range = "bytes=16-31",
                                         .if_match = "\"0x8D1\""};
    assert_signed(&what, "GET\n\n\n\n\n\n\n\n\"0x8D1\"\n\n\nbytes=16-31\n"
                         "x-ms-client-request-id:id-1\n"
                         "x-ms-date:Sun, 06 Nov 1994 08:49:37 GMT\nx-ms-version:2020-10-02\n"
                         "/acct/box/a%20b");
}

static void what_does_not_fit_is_not_signed(void **state)
{
    (void)state;
    struct dr_azure_pair many[DR_AZURE_PAIRS_MAX + 2] = {{NULL, NULL}};
    for (size_t i = 0; i <= DR_AZURE_PAIRS_MAX; i++)
        many[i] = (struct dr_azure_pair){"x-ms-a", "b"};
    struct dr_azure_signed what = {
        .method = "GET", .account = "acct", .path = "/", .query = stats, .headers = many};
    struct dr_buffer text = DR_BUFFER(4096), small = DR_BUFFER(20);
    assert_false(dr_azure_string_to_sign(&what, &text));
    what.headers = none;
    what.query = many;
    assert_false(dr_azure_string_to_sign(&what, &text));
    what.query = stats;
    assert_false(dr_azure_string_to_sign(&what, &small));
    dr_buffer_free(&text);
    dr_buffer_free(&small);
}

/* RFC 4231, test case 1. */
static void the_signature_is_hmac_sha256(void **state)
{
    (void)state;
    struct dr_buffer out = DR_BUFFER(200);
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_true(dr_azure_sign("Hi There", "CwsLCwsLCwsLCwsLCwsLCwsLCws=", &out, &error));
    assert_string_equal(dr_buffer_text(&out), "sDRMYdjbOFNcqK/OrwvxK4gdwgDJgz2nJuk3bC4yz/c=");
    dr_buffer_free(&out);
}

static void a_key_that_is_none(void **state)
{
    (void)state;
    char longer[500];
    memset(longer, 'A', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    longer[496] = '\0';
    const char *const keys[] = {"",     "AAA",   "A===",     "====", "AA=A", "AAA=AAA=",
                                "AA A", "AA\nA", "AAAA-_AA", longer, " AAAA"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct dr_buffer out = DR_BUFFER(200);
        struct dr_error error = {.class = DR_ERR_NONE};
        assert_false(dr_azure_sign("text", keys[i], &out, &error));
        assert_int_equal(error.class, DR_ERR_USAGE);
        assert_null(keys[i][0] != '\0' ? strstr(error.text, keys[i]) : NULL);
        dr_buffer_free(&out);
    }
}

static void a_sas(void **state)
{
    (void)state;
    struct dr_azure_sas sas;
    struct dr_error error = {.class = DR_ERR_NONE};
    const char *text = "?sv=2022-11-02&ss=b&se=2024-05-01T00%3A00%3A00Z&sp=r&sig=a%2Bb%2fc%3D";
    assert_true(dr_azure_read_sas(text, &sas, &error));
    assert_string_equal(sas.query, text + 1);
    assert_string_equal(sas.signature, "a+b/c=");
    assert_true(sas.expiry.known && sas.expiry.value == 1714521600.0);
    assert_true(sas.of_account);
    assert_true(dr_azure_read_sas("si=policy&sv=1&sig=x", &sas, &error));
    assert_false(sas.expiry.known || sas.of_account);
    const char *const wrong[] = {"",
                                 "?",
                                 "sig=x",
                                 "sv=1",
                                 "sv=1&sig=",
                                 "sv=1&xsig=a",
                                 "sv=&sig=a",
                                 "sv=1&sig=a b",
                                 "sv=1&sig=a\r\nx-evil: 1",
                                 "sv=1&sig=%00",
                                 "sv=1&sig=a%00b",
                                 "sv=%00&sig=a",
                                 "sv=1&sig=a#"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        error.class = DR_ERR_NONE;
        assert_false(dr_azure_read_sas(wrong[i], &sas, &error));
        assert_int_equal(error.class, DR_ERR_USAGE);
    }
}

static void iso_dates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2024-05-01T10:20:30Z", 1714558830},
        {"2024-05-01T10:20:30.5000000Z", 1714558830.5},
        {"2024-05-01T10:20:30+00:00", 1714558830},
        {"2024-05-01T10:20Z", 1714558800},
        {"2024-05-01", 1714521600},
        {"2024-02-29", 1709164800},
        {"0001-01-01T00:00:00Z", -62135596800.0},
    };
    static const char *const bad[] = {"",
                                      "now",
                                      "2024-05-01T",
                                      "2024-5-1",
                                      "2024-05-01T10",
                                      "2024-05-01T10:20:30",
                                      "2024-05-01T10:20:30+02:00",
                                      "2024-05-01T10:20:30Z ",
                                      "2024-13-01",
                                      "2024-02-30",
                                      "2023-02-29",
                                      "2024-05-01T24:00:00Z",
                                      "2024-05-01T10:60:00Z",
                                      "2024-05-01T10:20:61Z",
                                      " 2024-05-01",
                                      "2024-05-01T10:20.5Z",
                                      "2024-00-10",
                                      "2024-05-01Z",
                                      "2024-05-01T-1:20Z",
                                      "2024-05-01T10:-5Z",
                                      "2024-05-+1",
                                      "2024-05-01T10:20:30.Zx"};
    double seconds;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(dr_azure_time(good[i].text, &seconds));
        assert_true(seconds == good[i].seconds);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (dr_azure_time(bad[i], &seconds))
            fail_msg("%s was read", bad[i]);
    }
}

static void http_dates(void **state)
{
    (void)state;
    double seconds;
    char text[DR_HTTP_DATE_SIZE];
    assert_true(dr_http_date("Sun, 06 Nov 1994 08:49:37 GMT", &seconds));
    assert_true(seconds == 784111777.0);
    dr_http_date_format(784111777.9, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_true(dr_http_date("Mon, 01 Jan 0001 00:00:00 GMT", &seconds));
    assert_true(seconds == -62135596800.0);
    for (double moment = 0; moment < 4e9; moment += 8640007.0) {
        dr_http_date_format(moment, text);
        assert_true(dr_http_date(text, &seconds) && seconds == moment);
    }
    static const char *const bad[] = {"",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sun, 06 Nov 1994 08:49:37 GMT ",
                                      "Sun, 06 Nov 1994 08:49:37 UTC",
                                      "Sun, 06 Nov 1994 24:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:60:37 GMT",
                                      "Sun, 31 Feb 1994 08:49:37 GMT",
                                      "Sun, 00 Feb 1994 08:49:37 GMT",
                                      "Xxx, 06 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Xxx 1994 08:49:37 GMT",
                                      "Sunday, 06-Nov-94 08:49:37 GMT",
                                      "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (dr_http_date(bad[i], &seconds))
            fail_msg("%s was read", bad[i]);
    }
}

static void headers_are_found(void **state)
{
    (void)state;
    struct dr_http_reply reply = {.header = DR_BUFFER(1000)};
    char value[8];
    assert_false(dr_http_header(&reply, "Date", value, sizeof value));
    dr_buffer_add(&reply.header, "X-Date: no\ndate:\t yes \nDATE: second\nempty:\nlong: 123456789\n"
                                 "no colon\n");
    assert_true(dr_http_header(&reply, "Date", value, sizeof value));
    assert_string_equal(value, "yes");
    assert_true(dr_http_header(&reply, "Empty", value, sizeof value));
    assert_string_equal(value, "");
    assert_true(dr_http_header(&reply, "Long", value, sizeof value));
    assert_string_equal(value, "1234567");
    assert_false(dr_http_header(&reply, "ate", value, sizeof value));
    assert_false(dr_http_header(&reply, "no colon", value, sizeof value));
    assert_string_equal(value, "");
    dr_http_reply_free(&reply);
}

static void encoding(void **state)
{
    (void)state;
    struct dr_buffer out = DR_BUFFER(100), small = DR_BUFFER(2);
    assert_true(dr_http_encode(&out, "aZ0-._~ /?&=%\xc3\xa4"));
    assert_string_equal(dr_buffer_text(&out), "aZ0-._~%20%2F%3F%26%3D%25%C3%A4");
    assert_false(dr_http_encode(&small, "a b"));
    dr_buffer_free(&out);
    dr_buffer_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed),
        cmocka_unit_test(parts_and_conditions_are_signed),
        cmocka_unit_test(what_does_not_fit_is_not_signed),
        cmocka_unit_test(the_signature_is_hmac_sha256),
        cmocka_unit_test(a_key_that_is_none),
        cmocka_unit_test(a_sas),
        cmocka_unit_test(iso_dates),
        cmocka_unit_test(http_dates),
        cmocka_unit_test(headers_are_found),
        cmocka_unit_test(encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
