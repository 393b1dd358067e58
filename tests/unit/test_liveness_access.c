/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Targets over HTTP: where they lead, with which files and secrets, and what is refused. */
#include "plugins/liveness/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct dr_scheme schemes[] = {{"https", "x", "none", true},
                                           {"http", "x", "none", true},
                                           {"http+unix", "x", "none", false},
                                           {"grafana", "x", "none", true},
                                           {"grafana+http", "x", "none", true}};

/* One run of one target; what was read lives until `forget`. */
struct world {
    struct liv_request request;
    bool parameters;
    const char *direct; /* a URL to read instead of the target's URI */
    struct dr_targets targets;
    struct dr_secrets *secrets;
    struct dr_outcome outcome[1];
    struct dr_web_access access;
    struct dr_buffer trace;
};
static struct world world;

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)facts;
    bool ok = world.direct != NULL ? liv_access_read_url(task, world.direct, &world.access, error)
                                   : liv_access_read(task, world.parameters, &world.access, error);
    dr_task_trace(task, 1, "token: %s", world.access.token != NULL ? world.access.token : "none");
    return ok;
}

static void read_it(const char *uri)
{
    char argument[512], facts[1];
    struct dr_error error = {.class = DR_ERR_NONE};
    world.secrets = dr_secrets_new();
    world.targets = (struct dr_targets){.secrets = world.secrets};
    world.trace = DR_BUFFER(4096);
    snprintf(argument, sizeof argument, "%s", uri);
    if (!dr_targets_add(&world.targets, schemes, COUNT(schemes), argument, &error))
        fail_msg("%s: %s", uri, error.text);
    dr_probe *probes[1] = {probe};
    struct dr_run_plan plan = {.targets = &world.targets,
                               .probes = probes,
                               .facts = facts,
                               .facts_size = 1,
                               .request = &world.request,
                               .started = dr_monotonic(),
                               .timeout = 5,
                               .verbosity = 1,
                               .secrets = world.secrets};
    struct dr_run *run = dr_run_targets(&plan, world.outcome, &error);
    assert_non_null(run);
    assert_true(world.outcome[0].finished);
    struct dr_buffer lines = DR_BUFFER(4096);
    dr_run_trace(run, &lines);
    dr_secrets_mask(world.secrets, dr_buffer_text(&lines), &world.trace);
    dr_buffer_free(&lines);
    dr_run_free(run);
}

static void forget(void)
{
    dr_web_access_free(&world.access);
    dr_targets_free(&world.targets);
    dr_secrets_free(world.secrets);
    dr_buffer_free(&world.trace);
    world = (struct world){.parameters = false};
}

static void same_text(const char *found, const char *wanted)
{
    if (wanted == NULL)
        assert_null(found);
    else {
        assert_non_null(found);
        assert_string_equal(found, wanted);
    }
}

static void where_it_leads(void **state)
{
    static const struct {
        const char *uri, *url, *path, *socket;
    } rows[] = {
        {"https://dash.example.com/health", "https://dash.example.com", "/health", NULL},
        {"https://dash.example.com", "https://dash.example.com", "", NULL},
        {"http://h:8080/a%20b?x=%2f&cert=1", "http://h:8080", "/a%20b?x=%2f&cert=1", NULL},
        {"https://[::1]:8443/h", "https://[::1]:8443", "/h", NULL},
        {"http://[fe80::1%25eth0]/h", "http://[fe80::1%25eth0]", "/h", NULL},
        {"grafana://g/", "https://g", "/", NULL},
        {"grafana+http://g/", "http://g", "/", NULL},
        {"http+unix:///run/app.sock:/health?full=1", "http://localhost", "/health?full=1",
         "/run/app.sock"},
        {"http+unix:///run/a%20b%3A/c.sock:/x:/y", "http://localhost", "/x:/y", "/run/a b:/c.sock"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        read_it(rows[i].uri);
        if (!world.outcome[0].ok)
            fail_msg("%s: %s", rows[i].uri, world.outcome[0].error.text);
        assert_string_equal(world.access.url, rows[i].url);
        assert_string_equal(world.access.path, rows[i].path);
        same_text(world.access.request.unix_socket, rows[i].socket);
        forget();
    }
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *uri;
        bool parameters;
        const char *words;
    } rows[] = {
        {"https:///health", false, "https:// without a host"},
        {"http+unix://h/run/app.sock:/health", false, "http+unix:///run/app.sock:/health is"},
        {"http+unix:///run/app.sock", false, "http+unix:///run/app.sock:/health is wanted"},
        {"http+unix:///:/health", false, "http+unix:///run/app.sock:/health is wanted"},
        {"https://me@h/", false, "no password for user \"me\""},
        {"https://m%3Ae:pw@h/", false, "a user name with \":\""},
        {"grafana+http://h/?cacert=/a", true, "cacert= is for TLS"},
        {"grafana://h/?key=/a", true, "a key without a certificate"},
        {"grafana://h/?insecure=maybe", true, "insecure"},
        {"grafana://me:pw@h/?token-file=/a", true, "exclude each other"},
        {"grafana://h/?token-file=/nowhere/token", true, "token-file: "},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        world.parameters = rows[i].parameters;
        read_it(rows[i].uri);
        if (world.outcome[0].ok || strstr(world.outcome[0].error.text, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].uri, world.outcome[0].error.text);
        assert_null(strchr(world.outcome[0].error.text, '\n'));
        forget();
    }
}

static void files_of_options_and_parameters(void **state)
{
    static const struct {
        const char *uri;
        bool parameters;
        const char *ca, *cert, *key;
        bool insecure;
    } rows[] = {
        {"https://h/?cacert=/p", false, "/o-ca", "/o-cert", "/o-key", true},
        {"grafana://h/", true, "/o-ca", "/o-cert", "/o-key", true},
        {"grafana://h/?cacert=/p&insecure=no", true, "/p", "/o-cert", "/o-key", false},
        {"grafana://h/?cert=/c", true, "/o-ca", "/c", NULL, true},
        {"grafana://h/?cert=/c&key=/k", true, "/o-ca", "/c", "/k", true},
        {"http://h/", false, NULL, NULL, NULL, false},
        {"grafana+http://h/", true, NULL, NULL, NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        world.parameters = rows[i].parameters;
        world.request = (struct liv_request){
            .cacert = "/o-ca", .cert = "/o-cert", .key = "/o-key", .insecure = true};
        read_it(rows[i].uri);
        assert_true(world.outcome[0].ok);
        same_text(world.access.request.ca_file, rows[i].ca);
        same_text(world.access.request.cert_file, rows[i].cert);
        same_text(world.access.request.key_file, rows[i].key);
        assert_int_equal(world.access.request.insecure, rows[i].insecure);
        forget();
    }
}

/* Who asks a balancer does not show its password to the servers. */
static void a_url_of_an_option(void **state)
{
    static const struct {
        const char *url, *whole; /* NULL: refused */
    } rows[] = {{"http://app.example.com/health?a=%2f", "http://app.example.com/health?a=%2f"},
                {"https://[::1]:8443", "https://[::1]:8443"},
                {"http://me:pw@app/health", NULL},
                {"http://a,b/health", NULL},
                {"http:///health", NULL},
                {"ftp://app/health", NULL},
                {"app/health", NULL},
                {"", NULL}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        world.direct = rows[i].url;
        world.request.cacert = "/o-ca";
        read_it("grafana://me:pass-word@h/");
        if (world.outcome[0].ok != (rows[i].whole != NULL))
            fail_msg("%s: %s", rows[i].url, world.outcome[0].error.text);
        if (world.outcome[0].ok) {
            assert_string_equal(world.access.whole, rows[i].whole);
            assert_null(world.access.request.user);
            assert_null(world.access.request.password);
            assert_int_equal(world.access.request.ca_file != NULL,
                             strncmp(rows[i].url, "https:", 6) == 0);
        }
        forget();
    }
}

static void write_token(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static void a_token_from_a_file(void **state)
{
    char path[] = "/tmp/test_liveness_access.XXXXXX";
    (void)state;
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    write_token(path, "abc.DEF-123\n");
    world.request.token_file = path;
    read_it("https://h/");
    assert_true(world.outcome[0].ok);
    assert_string_equal(world.access.request.headers[0], "Authorization: Bearer abc.DEF-123");
    assert_null(world.access.request.headers[1]);
    assert_null(strstr(dr_buffer_text(&world.trace), "abc.DEF-123"));
    assert_non_null(strstr(dr_buffer_text(&world.trace), "***"));
    forget();
    /* who logs in by name needs no token */
    world.request.token_file = path;
    read_it("https://me:pass-word@h/");
    assert_true(world.outcome[0].ok);
    assert_null(world.access.request.headers[0]);
    assert_string_equal(world.access.request.user, "me");
    assert_string_equal(world.access.request.password, "pass-word");
    forget();
    write_token(path, "two words\n");
    world.request.token_file = path;
    read_it("https://h/");
    assert_false(world.outcome[0].ok);
    assert_non_null(strstr(world.outcome[0].error.text, "no bearer token in it"));
    assert_null(strstr(world.outcome[0].error.text, "two words"));
    forget();
    unlink(path);
}

static bool check_header(const char *text, struct dr_error *error)
{
    char header[64], *items[1] = {header};
    struct liv_request request = {.headers = {.items = items, .count = 1}};
    snprintf(header, sizeof header, "%s", text);
    return liv_request_check(&request, error);
}

static void headers(void **state)
{
    static const char *const bad[] = {"",        "Name",         "Name:",        "Name: ",
                                      ": value", "Na me: value", "Name : value", "A: b\r\nC: d",
                                      "A: b\nc", "A: \x7f"};
    static const char *const good[] = {"A: b", "A:b", "Host: other.example.com", "A: b\tc",
                                       "x-y_z: caf\xc3\xa9"};
    char *many[DR_HTTP_HEADERS_MAX + 1];
    char header[] = "A: b";
    struct dr_error error;
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(check_header(bad[i], &error));
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(check_header(good[i], &error));
    for (size_t i = 0; i <= DR_HTTP_HEADERS_MAX; i++)
        many[i] = header;
    for (size_t count = DR_HTTP_HEADERS_MAX; count <= DR_HTTP_HEADERS_MAX + 1; count++) {
        world.request.headers = (struct dr_text_list){.items = many, .count = count};
        read_it("http://h/");
        assert_int_equal(world.outcome[0].ok, count == DR_HTTP_HEADERS_MAX);
        forget();
    }
}

static void what_errors_mean(void **state)
{
    static const struct {
        enum dr_error_class class;
        enum liv_sign_kind sign;
    } rows[] = {
        {DR_ERR_CONNECT, LIV_REFUSED},    {DR_ERR_TIMEOUT, LIV_SILENT},
        {DR_ERR_TLS, LIV_UNTRUSTED},      {DR_ERR_RESOLVE, LIV_UNRESOLVED},
        {DR_ERR_PROTOCOL, LIV_BAD_REPLY}, {DR_ERR_USAGE, LIV_NOT_TOLD},
        {DR_ERR_INTERNAL, LIV_NOT_TOLD},  {DR_ERR_PRIVILEGE, LIV_DENIED},
    };
    struct liv_facts facts = {.product = LIV_HTTP};
    (void)state;
    struct liv_unit *unit = liv_facts_add(&facts, LIV_INSTANCE, "a", NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_error error;
        dr_error_set(&error, rows[i].class, "seen %zu", i);
        liv_access_sign(&facts, unit, &error);
        assert_int_equal(unit->signs[i].kind, rows[i].sign);
        assert_string_equal(unit->signs[i].text, error.text);
        /* nothing of that is ever a proof that it works, or of active or passive */
        assert_int_not_equal(liv_meanings[rows[i].sign].works, LIV_SAYS_YES);
        assert_int_equal(liv_meanings[rows[i].sign].active, LIV_SAYS_NOTHING);
    }
    liv_facts_free(&facts);
}

static void statuses_of_replies(void **state)
{
    static const struct {
        long status;
        enum dr_error_class class;
    } rows[] = {{200, DR_ERR_NONE},     {204, DR_ERR_PROTOCOL},  {302, DR_ERR_PROTOCOL},
                {401, DR_ERR_AUTH},     {403, DR_ERR_PRIVILEGE}, {404, DR_ERR_PROTOCOL},
                {429, DR_ERR_PROTOCOL}, {500, DR_ERR_SERVER},    {503, DR_ERR_SERVER}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_error error = {.class = DR_ERR_NONE};
        struct dr_http_reply reply = {.status = rows[i].status, .location = ""};
        bool ok = dr_web_access_status(&reply, "list pods (grant: list pods)", &error);
        assert_int_equal(ok, rows[i].status == 200);
        assert_int_equal(error.class, rows[i].class);
        if (!ok)
            assert_non_null(strstr(error.text, "list pods (grant: list pods)"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_it_leads),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(files_of_options_and_parameters),
        cmocka_unit_test(a_url_of_an_option),
        cmocka_unit_test(a_token_from_a_file),
        cmocka_unit_test(headers),
        cmocka_unit_test(what_errors_mean),
        cmocka_unit_test(statuses_of_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
