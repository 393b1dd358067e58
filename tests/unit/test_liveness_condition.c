/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions on replies: what they hold for, what they fail for, and what they cannot tell. */
#include "plugins/liveness/condition.h"
#include "plugins/liveness/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define YES LIV_HOLDS
#define NO LIV_FAILS
#define UNKNOWN LIV_HOLDS_UNKNOWN

static struct liv_conditions *read_one(const char *text, struct dr_error *error)
{
    char kept[400], *items[1] = {kept};
    const struct dr_text_list list = {.items = items, .count = 1};
    snprintf(kept, sizeof kept, "%s", text);
    *error = (struct dr_error){.class = DR_ERR_NONE};
    return liv_conditions_new(&list, error);
}

static struct dr_http_reply reply_of(const char *body, size_t size, const char *header)
{
    struct dr_http_reply http = {
        .status = 200, .body = DR_BUFFER(1 << 20), .header = DR_BUFFER(10000), .location = ""};
    dr_buffer_add_bytes(&http.body, body, size);
    dr_buffer_add(&http.header, header);
    return http;
}

static void free_reply(struct dr_http_reply *http)
{
    dr_buffer_free(&http->body);
    dr_buffer_free(&http->header);
}

static enum liv_holds test_one(const char *condition, const struct dr_http_reply *http, char *why,
                               size_t size)
{
    struct dr_error error;
    struct liv_conditions *conditions = read_one(condition, &error);
    struct liv_reply reply = {.http = http};
    if (conditions == NULL)
        fail_msg("%s: %s", condition, error.text);
    assert_int_equal(liv_conditions_count(conditions), 1);
    snprintf(why, size, "not set");
    enum liv_holds holds = liv_condition_test(conditions, 0, &reply, why, size);
    assert_string_not_equal(why, "not set");
    assert_int_equal(why[0] == '\0', holds == LIV_HOLDS);
    liv_conditions_free(conditions);
    liv_reply_free(&reply);
    return holds;
}

static const char document[] =
    "{\"db\": \"ok\", \"lag\": 3.5, \"zero\": 0, \"on\": true, \"nothing\": null, \"empty\": \"\","
    " \"number\": \"5\", \"large\": 9007199254740993, \"huge\": 123456789012345678901234567890,"
    " \"replica\": {\"connected\": false}, \"twice\": 1, \"twice\": 2, \"a/b\": \"slash\","
    " \"a~b\": \"tilde\", \"list\": [1, \"two\", {\"x\": 3}], \"accent\": \"caf\\u00e9\","
    " \"pods\": [{\"name\": \"web\", \"ready\": true}, {\"name\": \"job\", \"ready\": false},"
    "            {\"name\": \"job\", \"ready\": true}, {\"id\": 7, \"ready\": \"y\"}]}";

static void values(void **state)
{
    static const struct {
        const char *condition;
        enum liv_holds holds;
        const char *why;
    } rows[] = {
        {"/db=ok", YES, ""},
        {"/db=OK", NO, "/db is \"ok\", wanted \"OK\""},
        {"/db!=down", YES, ""},
        {"/db!=ok", NO, "/db is \"ok\", wanted any but \"ok\""},
        {"/db~^o", YES, ""},
        {"/db!~^o", NO, "/db is \"ok\", wanted no match of \"^o\""},
        {"/lag<5", YES, ""},
        {"/lag<3.5", NO, "/lag is 3.5, wanted less than 3.5"},
        {"/lag<=3.5", YES, ""},
        {"/lag>3.5", NO, "/lag is 3.5, wanted more than 3.5"},
        {"/lag>=3.50", YES, ""},
        {"/lag=3.50", YES, ""},
        {"/lag=35e-1", YES, ""},
        {"/lag!=4", YES, ""},
        {"/zero=0", YES, ""},
        {"/zero=-0", YES, ""},
        {"/zero=", NO, "/zero is 0, wanted "},
        {"/on=true", YES, ""},
        {"/on=1", NO, "/on is true, wanted 1"},
        {"/replica/connected=false", YES, ""},
        {"/replica/connected=true", NO, "/replica/connected is false, wanted true"},
        /* a number in quotes is no number, but the same text */
        {"/number=5", YES, ""},
        {"/number=5.0", NO, "/number is \"5\", wanted \"5.0\""},
        {"/number<6", NO, "/number is \"5\", wanted less than 6"},
        {"/db<5", NO, "/db is \"ok\", wanted less than 5"},
        {"/on>0", NO, "/on is true, wanted more than 0"},
        /* integers that are the same as doubles */
        {"/large=9007199254740993", YES, ""},
        {"/large=9007199254740992", NO, "/large is 9007199254740993, wanted 9007199254740992"},
        {"/huge=123456789012345678901234567890", YES, ""},
        {"/huge=123456789012345678901234567891", NO, NULL},
        /* what is not there is unknown, not zero, and not "other than bad" */
        {"/none=ok", UNKNOWN, "/none is not there"},
        {"/none!=bad", UNKNOWN, "/none is not there"},
        {"/none!~bad", UNKNOWN, "/none is not there"},
        {"/none<5", UNKNOWN, "/none is not there"},
        {"/none=null", UNKNOWN, "/none is not there"},
        {"/none?0<5", YES, ""},
        {"/none?9<5", NO, "/none is 9, wanted less than 5"},
        {"/none?idle=idle", YES, ""},
        {"/none?true=true", YES, ""},
        {"/lag?9<5", YES, ""},
        {"/nothing?0=0", YES, ""},
        {"/db?0<5", NO, "/db is \"ok\", wanted less than 5"},
        {"/none", NO, "/none is not there"},
        {"/nothing", NO, "/nothing is null, it should be there"},
        {"/db", YES, ""},
        {"/replica", YES, ""},
        {"!/none", YES, ""},
        {"!/replica/none/deeper", YES, ""},
        {"!/nothing", YES, ""},
        {"!/db", NO, "/db is \"ok\", it should not be there"},
        {"/nothing=null", YES, ""},
        {"/nothing!=null", NO, "/nothing is null, wanted any but null"},
        {"/nothing!=bad", UNKNOWN, "/nothing is null, wanted any but bad"},
        {"/nothing~u", UNKNOWN, NULL},
        {"/nothing=ok", NO, "/nothing is null, wanted ok"},
        {"/empty=", YES, ""},
        {"/empty!=bad", UNKNOWN, NULL},
        {"/empty!~bad", UNKNOWN, NULL},
        {"/empty~bad", NO, NULL},
        {"/replica!=bad", UNKNOWN, NULL},
        {"/replica=bad", NO, NULL},
        {"/replica~conn", UNKNOWN, NULL},
        /* pointers */
        {"/a~1b=slash", YES, ""},
        {"/a~0b=tilde", YES, ""},
        {"/list/0=1", YES, ""},
        {"/list/1=two", YES, ""},
        {"/list/2/x=3", YES, ""},
        {"/list/3=1", UNKNOWN, "/list/3 is not there"},
        {"/list/00=1", UNKNOWN, "/list/00 is not there"},
        {"/list/-=1", UNKNOWN, "/list/- is not there"},
        {"/db/0=o", UNKNOWN, "/db/0 is not there"},
        {"/pods/[name=web]/ready=true", YES, ""},
        {"/pods/[id=7]/ready=y", YES, ""},
        {"/pods/[name=nobody]/ready=true", UNKNOWN, "/pods/[name=nobody]/ready is not there"},
        {"!/pods/[name=nobody]", YES, ""},
        /* which of two is meant, nobody knows */
        {"/pods/[name=job]/ready=true", UNKNOWN,
         "/pods/[name=job]/ready: it is there more than once"},
        {"/twice=1", UNKNOWN, "/twice: it is there more than once"},
        {"/twice", UNKNOWN, NULL},
        {"!/twice", UNKNOWN, NULL},
        {"/twice?0=0", UNKNOWN, NULL},
        {"status=200", YES, ""},
        {"status=503", NO, "the status is 200, wanted 503"},
        {"status=100-199,200-204", YES, ""},
        {"body~\"db\": \"ok\"", YES, ""},
        {"body!~maintenance", YES, ""},
        {"body~maintenance", NO, "the body does not match \"maintenance\""},
        {"body!~ok", NO, "the body matches \"ok\""},
        {"header:X-Site=prod", YES, ""},
        {"header:x-site=prod", YES, ""},
        {"header:X-Site=dr", NO, "header X-Site is \"prod\", wanted \"dr\""},
        {"header:X-Site!=dr", YES, ""},
        {"header:X-Site~^pr", YES, ""},
        {"header:X-Site!~^pr", NO, NULL},
        {"header:X-Site", YES, ""},
        {"!header:X-Site", NO, NULL},
        {"header:X-None", NO, "header X-None is not there"},
        {"!header:X-None", YES, ""},
        {"header:X-None=a", UNKNOWN, "header X-None is not there"},
        {"header:X-None!=a", UNKNOWN, "header X-None is not there"},
        {"header:X-Empty!=a", UNKNOWN, NULL},
        {"header:X=a", UNKNOWN, "header X is not there"},
        {"header:X-Twice=a", UNKNOWN, "header X-Twice: it is there more than once"},
        {"header:X-Same=a", YES, ""},
    };
    struct dr_http_reply http = reply_of(document, strlen(document),
                                         "X-Site:  prod \nX-Empty:\nX-Twice: a\nX-Twice: b\n"
                                         "X-Same: a\nX-Same: a\n");
    char why[300];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum liv_holds holds = test_one(rows[i].condition, &http, why, sizeof why);
        if (holds != rows[i].holds || (rows[i].why != NULL && strcmp(why, rows[i].why) != 0))
            fail_msg("%s: %d, \"%s\"", rows[i].condition, (int)holds, why);
    }
    free_reply(&http);
}

/* A reply that cannot be read never fulfils anything about its content. */
static void unreadable_bodies(void **state)
{
    static const struct {
        const char *body;
        size_t size;
        bool cut;
        const char *condition;
        enum liv_holds holds;
        const char *words;
    } rows[] = {
        {"", 0, false, "/db=ok", UNKNOWN, "the body is no JSON"},
        {"", 0, false, "!/db", UNKNOWN, "the body is no JSON"},
        {"", 0, false, "/db?ok=ok", UNKNOWN, "the body is no JSON"},
        {"", 0, false, "body~ok", NO, "the body is empty"},
        {"", 0, false, "body!~down", UNKNOWN, "the body is empty"},
        {"<html>", 6, false, "!/db", UNKNOWN, "the body is no JSON"},
        {"{\"db\":\"ok\"} x", 13, false, "/db=ok", UNKNOWN, "the body is no JSON"},
        {"{\"db\":\"ok\"", 10, false, "/db=ok", UNKNOWN, "the body is no JSON"},
        {"{\"db\":\"ok\"}", 11, true, "/db=ok", UNKNOWN, "too long"},
        {"all is well", 11, true, "body~well", YES, ""},
        {"all is well", 11, true, "body~down", UNKNOWN, "too long"},
        {"all is well", 11, true, "body!~down", UNKNOWN, "too long"},
        {"all is well", 11, true, "body!~well", NO, "matches"},
        {"well\0down", 9, false, "body!~down", UNKNOWN, "NUL"},
        {"{\"db\":\"ok\"}\0", 12, false, "/db=ok", UNKNOWN, "NUL"},
        {"{\"db\":\"o\\u0000k\"}", 17, false, "/db~o", UNKNOWN, "NUL"},
        {"\xef\xbb\xbf{\"db\":\"ok\"}", 14, false, "/db=ok", YES, ""},
        {"[{\"n\":\"a\\u0000\",\"x\":1}]", 23, false, "/[n=b]/x?0=0", UNKNOWN, "/[n=b]/x"},
        {"[{\"n\":\"a\",\"n\":\"b\",\"x\":1}]", 25, false, "/[n=c]/x?0=0", UNKNOWN, "/[n=c]/x"},
        {"[{\"n\":\"a\"},{\"n\":\"b\",\"x\":1}]", 27, false, "/[n=b]/x=1", YES, ""},
        {"[1]", 3, false, "/db=ok", UNKNOWN, "/db is not there"},
        {"5", 1, false, "/db=ok", UNKNOWN, "/db is not there"},
    };
    char why[300];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_http_reply http = reply_of(rows[i].body, rows[i].size, "");
        http.cut = rows[i].cut;
        enum liv_holds holds = test_one(rows[i].condition, &http, why, sizeof why);
        if (holds != rows[i].holds || strstr(why, rows[i].words) == NULL)
            fail_msg("row %zu, %s: %d, \"%s\"", i, rows[i].condition, (int)holds, why);
        free_reply(&http);
    }
}

/* An expression that takes for ever holds for nothing, and neither does its opposite. */
static void an_expression_without_end(void **state)
{
    char body[5000], why[300];
    (void)state;
    memset(body, 'a', sizeof body);
    struct dr_http_reply http = reply_of(body, sizeof body, "");
    assert_int_equal(test_one("body~^(a+)+$b", &http, why, sizeof why), UNKNOWN);
    assert_non_null(strstr(why, "takes too long"));
    assert_int_equal(test_one("body!~^(a+)+$b", &http, why, sizeof why), UNKNOWN);
    free_reply(&http);
}

static void mistakes(void **state)
{
    static const struct {
        const char *condition;
        size_t position; /* 0: of the expression */
        const char *words;
    } rows[] = {
        {"", 1, "/pointer=VALUE, header:NAME=VALUE, body~REGEX or status=LIST is wanted"},
        {"db=ok", 1, "is wanted"},
        {"/lag<abc", 6, "a number is wanted"},
        {"/lag<", 6, "a number is wanted"},
        {"/lag< 5", 6, "a number is wanted"},
        {"/lag>=05", 7, "a number is wanted"},
        {"/lag=<5", 0, NULL},
        {"/", 2, "a name is missing between the slashes"},
        {"/a//b=1", 4, "a name is missing between the slashes"},
        {"//a=1", 2, "a name is missing between the slashes"},
        {"/a!", 3, "=, !=, <, <=, >, >=, ~ or !~ is wanted"},
        {"/a?", 4, "behind \"?\": a value, and what to compare it with"},
        {"/a?0", 4, "behind \"?\": a value, and what to compare it with"},
        {"/a?=0", 4, "behind \"?\": a value, and what to compare it with"},
        {"!/a=1", 4, "nothing may follow"},
        {"!/a?1", 4, "nothing may follow"},
        {"/version~1\\.2", 9, "write ~[0] or ~[1]"},
        {"!/version~1", 10, "write ~[0] or ~[1]"},
        {"/list/[0]", 7, "an element of a list is /0"},
        {"/list/[name=", 7, "an element of a list is /0"},
        {"/list/[=web]/x", 7, "an element of a list is /0"},
        {"/list/[name=]/x", 7, "an element of a list is /0"},
        {"/a~(", 0, NULL},
        {"/a~", 0, NULL},
        {"header:", 8, "the name of a header is wanted"},
        {"header:=a", 8, "the name of a header is wanted"},
        {"header:A<5", 9, "a header is compared by =, !=, ~ or !~"},
        {"!header:A=1", 10, "nothing may follow"},
        {"!body~x", 2, "is wanted"},
        {"body", 5, "=, !=, <, <=, >, >=, ~ or !~ is wanted"},
        {"body=x", 5, "a body is compared by ~ or !~"},
        {"status", 7, "is wanted"},
        {"status!=200", 7, "a status is compared by ="},
        {"status=", 0, "bad list of statuses"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_error error;
        char position[40];
        struct liv_conditions *conditions = read_one(rows[i].condition, &error);
        liv_conditions_free(conditions);
        if (rows[i].position == 0 && rows[i].words == NULL) {
            /* the text "<5", or an expression: PCRE2 says what is wrong */
            assert_int_equal(conditions == NULL, strchr(rows[i].condition, '~') != NULL);
            continue;
        }
        snprintf(position, sizeof position, "position %zu: ", rows[i].position);
        if (conditions != NULL || error.class != DR_ERR_USAGE ||
            strstr(error.text, rows[i].words) == NULL ||
            (rows[i].position > 0 && strstr(error.text, position) == NULL))
            fail_msg("%s: %s", rows[i].condition, error.text);
    }
}

static void lists_of_statuses(void **state)
{
    static const char *const bad[] = {"",     "20",       "2000",        "200,", ",200",
                                      "200-", "204-200",  "600",         "099",  "200 201",
                                      "OK",   "200,,201", "200-204-205", "-200", " 200"};
    static const struct {
        const char *list;
        long status;
        bool has;
    } rows[] = {{"200", 200, true},          {"200", 201, false},
                {"200-204,401", 204, true},  {"200-204,401", 401, true},
                {"200-204,401", 205, false}, {"200-204,401", 400, false},
                {"503", 500, false},         {"503", 0, false}};
    struct dr_error error;
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (liv_statuses_check(bad[i], &error))
            fail_msg("\"%s\" was taken", bad[i]);
    }
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(liv_statuses_check(rows[i].list, &error));
        if (liv_statuses_have(rows[i].list, rows[i].status) != rows[i].has)
            fail_msg("%s and %ld", rows[i].list, rows[i].status);
    }
}

static void values_to_compare(void **state)
{
    static const struct {
        const char *what, *value;
    } rows[] = {{"/db", "ok"},
                {"/lag", "3.5"},
                {"/on", "true"},
                {"/nothing", NULL},
                {"/empty", NULL},
                {"/none", NULL},
                {"/twice", NULL},
                {"/a~1b", "slash"},
                {"header:X-Build", "7"},
                {"header:X-None", NULL},
                {"/replica", "{\"connected\": false}"}};
    struct dr_http_reply http = reply_of(document, strlen(document), "X-Build: 7\n");
    struct liv_reply reply = {.http = &http};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *value = liv_reply_value(&reply, rows[i].what);
        struct dr_error error;
        assert_true(liv_value_check(rows[i].what, &error));
        if ((value == NULL) != (rows[i].value == NULL) ||
            (value != NULL && strcmp(value, rows[i].value) != 0))
            fail_msg("%s: %s", rows[i].what, value != NULL ? value : "none");
        free(value);
    }
    static const char *const bad[] = {
        "", "db", "/a=1", "header:", "header:A=1", "status", "/", "!/a"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct dr_error error;
        if (liv_value_check(bad[i], &error))
            fail_msg("\"%s\" was taken", bad[i]);
    }
    liv_reply_free(&reply);
    free_reply(&http);
}

static void instances(void **state)
{
    static const struct {
        const char *text, *address;
        int port;
    } rows[] = {{"192.0.2.11", "192.0.2.11", 0},
                {"192.0.2.11:8443", "192.0.2.11", 8443},
                {"2001:db8::11", "2001:db8::11", 0},
                {"[2001:db8::11]", "2001:db8::11", 0},
                {"[2001:db8::11]:443", "2001:db8::11", 443},
                {"fe80::1%eth0", "fe80::1%eth0", 0},
                {"2001:DB8:0::0011", "2001:db8::11", 0},
                {"[0:0::1]:80", "::1", 80},
                {"", NULL, 0},
                {"app1", NULL, 0},
                {"app1:80", NULL, 0},
                {"192.0.2.11:", NULL, 0},
                {"192.0.2.11:0", NULL, 0},
                {"192.0.2.11:65536", NULL, 0},
                {"192.0.2.11:80x", NULL, 0},
                {"192.0.2.300", NULL, 0},
                {"[192.0.2.11]", NULL, 0},
                {"[", NULL, 0},
                {"[]", NULL, 0},
                {"[::1", NULL, 0},
                {"[::1]x", NULL, 0},
                {":80", NULL, 0},
                {"::1:", NULL, 0}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char address[LIV_ADDRESS_SIZE];
        struct dr_error error;
        int port;
        bool ok = liv_instance_read(rows[i].text, address, &port, &error);
        if (ok != (rows[i].address != NULL) ||
            (ok && (strcmp(address, rows[i].address) != 0 || port != rows[i].port)))
            fail_msg("\"%s\": %d", rows[i].text, (int)ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(unreadable_bodies),
        cmocka_unit_test(an_expression_without_end),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(lists_of_statuses),
        cmocka_unit_test(values_to_compare),
        cmocka_unit_test(instances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
