/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signatures as AWS has published them (the examples of the S3 reference, the suite of version 4,
 * the example of the IAM reference), and what refusals mean. */
#include "common/client/aws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PAIRS(...) ((const struct dr_aws_pair[]){__VA_ARGS__, {NULL, NULL}})
#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})

#define IN_2013 1369353600.0 /* 2013-05-24T00:00:00Z */
#define IN_2015 1440938160.0 /* 2015-08-30T12:36:00Z */

static const struct dr_aws_credentials s3_example = {
    .key_id = (char *)"AKIAIOSFODNN7EXAMPLE",
    .secret = (char *)"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
static const struct dr_aws_credentials suite = {
    .key_id = (char *)"AKIDEXAMPLE", .secret = (char *)"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};

static void check_signature(const char *title, const struct dr_aws_call *call,
                            const struct dr_aws_credentials *credentials, const char *names,
                            const char *signature)
{
    struct dr_buffer out = DR_BUFFER(10000);
    char wanted[1000];
    assert_true(dr_aws_authorization(call, credentials, &out));
    snprintf(wanted, sizeof wanted, ",SignedHeaders=%s,Signature=%s", names, signature);
    if (strstr(dr_buffer_text(&out), wanted) == NULL)
        fail_msg("%s: %s, not %s", title, dr_buffer_text(&out), wanted);
    dr_buffer_free(&out);
}

static void test_s3_examples(void **state)
{
    const struct {
        const char *title, *method, *path, *body, *names, *signature;
        const struct dr_aws_pair *query;
        const char *const *headers;
    } rows[] = {
        {"GET object", "GET", "/test.txt", NULL, "host;range;x-amz-content-sha256;x-amz-date",
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", NULL,
         HEADERS("Range: bytes=0-9")},
        {"PUT object", "PUT", "/test$file.text", "Welcome to Amazon S3.",
         "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd", NULL,
         HEADERS("x-amz-storage-class:REDUCED_REDUNDANCY", "Date: Fri, 24 May 2013 00:00:00 GMT")},
        {"GET lifecycle", "GET", "/", NULL, "host;x-amz-content-sha256;x-amz-date",
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
         PAIRS({"lifecycle", ""}), NULL},
        {"list objects", "GET", "/", NULL, "host;x-amz-content-sha256;x-amz-date",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
         PAIRS({"prefix", "J"}, {"max-keys", "2"}), NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct dr_aws_call call = {.method = rows[i].method,
                                         .service = "s3",
                                         .region = "us-east-1",
                                         .host = "examplebucket.s3.amazonaws.com",
                                         .path = rows[i].path,
                                         .query = rows[i].query,
                                         .headers = rows[i].headers,
                                         .body = rows[i].body,
                                         .now = IN_2013};
        check_signature(rows[i].title, &call, &s3_example, rows[i].names, rows[i].signature);
    }
}

static void test_suite(void **state)
{
    const struct {
        const char *title, *method, *path, *type, *body, *names, *signature;
        const struct dr_aws_pair *query;
        const char *const *headers;
    } rows[] = {
        {"get-vanilla", "GET", "/", NULL, NULL, "host;x-amz-date",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", NULL, NULL},
        {"get-vanilla-query-order-key-case", "GET", "/", NULL, NULL, "host;x-amz-date",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
         PAIRS({"Param2", "value2"}, {"Param1", "value1"}), NULL},
        {"get-unreserved", "GET",
         "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", NULL, NULL,
         "host;x-amz-date", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
         NULL, NULL},
        {"post-vanilla", "POST", "/", NULL, NULL, "host;x-amz-date",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", NULL, NULL},
        {"post-x-www-form-urlencoded", "POST", "/", "application/x-www-form-urlencoded",
         "Param1=value1", "content-type;host;x-amz-date",
         "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a", NULL, NULL},
        {"get-header-value-trim", "GET", "/", NULL, NULL, "host;my-header1;my-header2;x-amz-date",
         "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736", NULL,
         HEADERS("My-Header1: value1", "My-Header2: \"a   b   c\"")},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct dr_aws_call call = {.method = rows[i].method,
                                         .service = "service",
                                         .region = "us-east-1",
                                         .host = "example.amazonaws.com",
                                         .path = rows[i].path,
                                         .query = rows[i].query,
                                         .headers = rows[i].headers,
                                         .body = rows[i].body,
                                         .content_type = rows[i].type,
                                         .now = IN_2015};
        check_signature(rows[i].title, &call, &suite, rows[i].names, rows[i].signature);
    }
}

/* The example of the IAM reference, step by step. */
static void test_steps(void **state)
{
    const struct dr_aws_call call = {
        .method = "GET",
        .service = "iam",
        .region = "us-east-1",
        .host = "iam.amazonaws.com",
        .path = "/",
        .query = PAIRS({"Version", "2010-05-08"}, {"Action", "ListUsers"}),
        .content_type = "application/x-www-form-urlencoded; charset=utf-8",
        .now = IN_2015};
    struct dr_buffer out = DR_BUFFER(10000);
    (void)state;
    assert_true(dr_aws_canonical_request(&call, &suite, &out));
    assert_string_equal(dr_buffer_text(&out),
                        "GET\n/\nAction=ListUsers&Version=2010-05-08\n"
                        "content-type:application/x-www-form-urlencoded; charset=utf-8\n"
                        "host:iam.amazonaws.com\nx-amz-date:20150830T123600Z\n\n"
                        "content-type;host;x-amz-date\n"
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    dr_buffer_clear(&out);
    assert_true(dr_aws_string_to_sign(&call, &suite, &out));
    assert_string_equal(dr_buffer_text(&out),
                        "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n"
                        "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
    dr_buffer_clear(&out);
    assert_true(dr_aws_authorization(&call, &suite, &out));
    assert_string_equal(
        dr_buffer_text(&out),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request,"
        "SignedHeaders=content-type;host;x-amz-date,"
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    dr_buffer_free(&out);
}

/* The path: once for S3, twice for others; the token of temporary credentials is signed. */
static void test_encoding(void **state)
{
    const struct dr_aws_credentials temporary = {
        .key_id = (char *)"ID", .secret = (char *)"secret", .token = (char *)"a+b/c="};
    struct dr_aws_call call = {.method = "GET",
                               .service = "s3",
                               .region = "eu-central-1",
                               .host = "127.0.0.1:8080",
                               .path = "/b/pg (1)/a=b+c%20/\xc3\xa4.gz",
                               .query = PAIRS({"prefix", "pg/a b=+%&~"}, {"list-type", "2"}),
                               .now = IN_2015};
    struct dr_buffer out = DR_BUFFER(10000);
    (void)state;
    assert_true(dr_aws_canonical_request(&call, &temporary, &out));
    assert_string_equal(dr_buffer_text(&out),
                        "GET\n/b/pg%20%281%29/a%3Db%2Bc%2520/%C3%A4.gz\n"
                        "list-type=2&prefix=pg%2Fa%20b%3D%2B%25%26~\n"
                        "host:127.0.0.1:8080\nx-amz-content-sha256:"
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
                        "x-amz-date:20150830T123600Z\nx-amz-security-token:a+b/c=\n\n"
                        "host;x-amz-content-sha256;x-amz-date;x-amz-security-token\n"
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    dr_buffer_clear(&out);
    call.service = "rds";
    assert_true(dr_aws_canonical_request(&call, &suite, &out));
    assert_non_null(strstr(dr_buffer_text(&out),
                           "\n/b/pg%2520%25281%2529/a%253Db%252Bc%252520/%25C3%25A4.gz\n"));
    dr_buffer_free(&out);
}

/* ---- refusals ---- */

static struct dr_http_reply reply_with(long status, const char *body, const char *header)
{
    struct dr_http_reply reply = {.status = status,
                                  .body = DR_BUFFER(100000),
                                  .header = DR_BUFFER(1000),
                                  .date = dr_real(IN_2015)};
    dr_buffer_add(&reply.body, body);
    dr_buffer_add(&reply.header, header);
    return reply;
}

static char *sample(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, DR_TESTS "/samples/backup/s3/%s.xml", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct dr_buffer text = DR_BUFFER(100000);
    char bytes[4096];
    size_t size;
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
        dr_buffer_add_bytes(&text, bytes, size);
    fclose(file);
    return dr_buffer_take(&text);
}

/* What real servers have answered. */
static void test_refused_by_servers(void **state)
{
    static const struct {
        const char *sample;
        long status;
        double ahead; /* our clock */
        enum dr_error_class class;
        const char *text;
    } rows[] = {
        {"swift-s3api-error-access-denied", 403, 0, DR_ERR_PRIVILEGE,
         "list bucket b: access denied: allow s3:ListBucket"},
        {"swift-s3api-error-clock-skew", 403, 3600, DR_ERR_AUTH,
         "list bucket b: refused, because our clock is 3600 s ahead of the server's: synchronise "
         "it with NTP"},
        {"swift-s3api-error-clock-skew", 403, -900, DR_ERR_AUTH,
         "list bucket b: refused, because our clock is 900 s behind the server's: synchronise it "
         "with NTP"},
        {"swift-s3api-error-signature", 403, 0, DR_ERR_AUTH,
         "list bucket b: the signature does not fit: the secret key (or the key's id) is wrong"},
        {"swift-s3api-error-access-key", 403, 0, DR_ERR_AUTH,
         "list bucket b: the signature does not fit: the secret key (or the key's id) is wrong"},
        {"s3rver-invalid-access-key", 403, 0, DR_ERR_AUTH,
         "list bucket b: the server does not know this key"},
        {"swift-s3api-error-region", 400, 0, DR_ERR_USAGE,
         "list bucket b: the region is us-east-1: say region=us-east-1"},
        {"swift-s3api-nosuchbucket", 404, 0, DR_ERR_SERVER,
         "list bucket b: there is no such bucket"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *body = sample(rows[i].sample);
        struct dr_http_reply reply = reply_with(rows[i].status, body, "");
        struct dr_error error;
        assert_false(dr_aws_refused(&reply, "list bucket b", "s3:ListBucket",
                                    IN_2015 + rows[i].ahead, &error));
        assert_string_equal(error.text, rows[i].text);
        assert_int_equal(error.class, rows[i].class);
        dr_http_reply_free(&reply);
        free(body);
    }
}

static void test_refused(void **state)
{
    static const struct {
        long status;
        const char *body, *header;
        enum dr_error_class class;
        const char *text;
    } rows[] = {
        {301, "", "x-amz-bucket-region: eu-west-3\n", DR_ERR_USAGE,
         "x: the region is eu-west-3: say region=eu-west-3"},
        {301, "<Error><Code>PermanentRedirect</Code><Endpoint>e</Endpoint></Error>", "",
         DR_ERR_USAGE,
         "x: it is in another region, or behind another endpoint: say region= (and endpoint=)"},
        {403, "", "", DR_ERR_PRIVILEGE, "x: access denied: allow g"},
        {404, "", "", DR_ERR_PROTOCOL, "x: HTTP 404"},
        {503, "<Error><Code>SlowDown</Code></Error>", "", DR_ERR_PROTOCOL,
         "x: the server is busy or limits us (HTTP 503)"},
        {500, "<Error><Code>InternalError</Code><Message>We failed</Message></Error>", "",
         DR_ERR_SERVER, "x: HTTP 500, InternalError: We failed"},
        {502, "<html><head>bad gateway", "", DR_ERR_SERVER, "x: HTTP 502"},
        {400, "<Error><Code>ExpiredToken</Code></Error>", "", DR_ERR_AUTH,
         "x: the session token has expired, or is not valid"},
        {403, "<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>", "",
         DR_ERR_AUTH, "x: the server does not know this key"},
        {403,
         "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>",
         "", DR_ERR_PRIVILEGE, "x: access denied: allow g"},
        {403, "<Error><Code>InvalidObjectState</Code></Error>", "", DR_ERR_PRIVILEGE,
         "x: it is archived, and must be restored before it can be read"},
        {400, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu;x</Region></Error>", "",
         DR_ERR_USAGE,
         "x: it is in another region, or behind another endpoint: say region= (and endpoint=)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_http_reply reply = reply_with(rows[i].status, rows[i].body, rows[i].header);
        struct dr_error error;
        assert_false(dr_aws_refused(&reply, "x", "g", IN_2015, &error));
        assert_string_equal(error.text, rows[i].text);
        assert_int_equal(error.class, rows[i].class);
        dr_http_reply_free(&reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s3_examples), cmocka_unit_test(test_suite),
        cmocka_unit_test(test_steps),       cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_refused_by_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
