/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Against http_server.py, which stays until this process ends. */
#include "common/client/http.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef HAVE_OPENSSL
#include <openssl/x509.h>
#endif

extern char **environ;

#define MANY 8
#define TIMEOUT 20.0

static struct {
    pid_t pid;
    int stdin_of;
    int plain;
    int tls;
    int mutual;
    int four;
    int proxied;
    char folder[256];
} server;

static int start_server(void **state)
{
    (void)state;
    int to[2], from[2];
    posix_spawn_file_actions_t actions;
    char *const arguments[] = {(char *)DR_PYTHON3, (char *)DR_TESTS "/unit/http_server.py", NULL};
    if (pipe(to) != 0 || pipe(from) != 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    posix_spawn_file_actions_addclose(&actions, to[1]);
    posix_spawn_file_actions_addclose(&actions, from[0]);
    if (posix_spawn(&server.pid, DR_PYTHON3, &actions, NULL, arguments, environ) != 0)
        return -1;
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    server.stdin_of = to[1];
    FILE *said = fdopen(from[0], "r");
    int read = fscanf(said, "%d %d %d %d %d %255s", &server.plain, &server.tls, &server.mutual,
                      &server.four, &server.proxied, server.folder);
    fclose(said);
    return read == 6 ? 0 : -1;
}

static int stop_server(void **state)
{
    (void)state;
    int status;
    close(server.stdin_of);
    return waitpid(server.pid, &status, 0) == server.pid && status == 0 ? 0 : -1;
}

/* ---- a run that asks ---- */

static struct job {
    struct dr_http_request requests[MANY];
    struct dr_http_reply replies[MANY];
    struct dr_error errors[MANY];
    bool ok[MANY];
    size_t groups[MANY]; /* so many of them at once, one group after the other */
    char urls[MANY][300];
    size_t count;
    double timeout;
    bool alone; /* by dr_http_ask */
    bool late;  /* the second group when the time is up */
    double took;
    struct dr_buffer trace;
    struct dr_buffer taken; /* by the sink */
    const char *refuse;     /* what the sink says to the first piece */
    char *impostor;         /* the address that libcurl says has answered */
    const char
        *system_list; /* the file that libcurl says it trusts, and no folder; NULL: its own */
    int lists;        /* how often one was read by ourselves */
    int folders;      /* how often a folder of trusted certificates was opened */
} job;

/* Instead of libcurl's, which it calls. */
#undef curl_easy_getinfo
CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
    CURLcode (*real)(CURL *, CURLINFO, ...);
    va_list arguments;
    va_start(arguments, info);
    void *into = va_arg(arguments, void *);
    va_end(arguments);
    *(void **)&real = dlsym(RTLD_NEXT, "curl_easy_getinfo");
    CURLcode code = real(easy, info, into);
    if (code == CURLE_OK && info == CURLINFO_PRIMARY_IP && job.impostor != NULL)
        *(char **)into = job.impostor;
    return code;
}

curl_version_info_data *curl_version_info(CURLversion age)
{
    static curl_version_info_data changed;
    curl_version_info_data *(*real)(CURLversion);
    *(void **)&real = dlsym(RTLD_NEXT, "curl_version_info");
    changed = *real(age);
    if (job.system_list != NULL) {
        changed.cainfo = job.system_list;
        changed.capath = NULL;
    }
    return &changed;
}

/* Whoever calls them: libcurl the first one with OpenSSL 1.1, and the other one with later ones. */
#ifdef HAVE_OPENSSL
int X509_STORE_load_locations(X509_STORE *store, const char *file, const char *folder)
{
    int (*real)(X509_STORE *, const char *, const char *);
    *(void **)&real = dlsym(RTLD_NEXT, "X509_STORE_load_locations");
    job.lists += file != NULL && job.system_list != NULL && strcmp(file, job.system_list) == 0;
    job.folders += folder != NULL;
    return real(store, file, folder);
}

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
int X509_STORE_load_path(X509_STORE *store, const char *folder)
{
    int (*real)(X509_STORE *, const char *);
    *(void **)&real = dlsym(RTLD_NEXT, "X509_STORE_load_path");
    job.folders++;
    return real(store, folder);
}
#endif
#endif

/* No assertions in here: it runs in a thread. */
static bool ask(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)facts;
    double from = dr_monotonic();
    struct dr_http *http = dr_http_new(task, error);
    size_t at = 0;
    for (size_t i = 0; http != NULL && at < job.count; i++) {
        while (i == 1 && job.late && dr_task_left(task) > 0)
            usleep(1000);
        if (job.alone)
            job.ok[at] = dr_http_ask(task, &job.requests[at], &job.replies[at], &job.errors[at]);
        else
            dr_http_ask_all(http, job.requests + at, job.replies + at, job.errors + at, job.ok + at,
                            job.groups[i]);
        at += job.groups[i];
    }
    dr_http_free(http);
    job.took = dr_monotonic() - from;
    return http != NULL;
}

static bool take(void *context, const char *data, size_t size, struct dr_error *error)
{
    dr_buffer_add_bytes(&job.taken, data, size);
    return job.refuse == NULL || dr_error_set(error, DR_ERR_SERVER, "%s", (const char *)context);
}

static int prepare(void **state)
{
    (void)state;
    memset(&job, 0, sizeof job);
    job.timeout = TIMEOUT;
    job.trace = DR_BUFFER(100000);
    job.taken = DR_BUFFER(10000000);
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANY; i++)
        dr_http_reply_free(&job.replies[i]);
    dr_buffer_free(&job.trace);
    dr_buffer_free(&job.taken);
    return 0;
}

/* One more request; it makes a group of its own unless others join it. */
static struct dr_http_request *add(const char *scheme, int port, const char *path)
{
    size_t i = job.count++;
    assert_true(i < MANY);
    job.groups[i] = 1;
    snprintf(job.urls[i], sizeof job.urls[i], "%s://localhost:%d%s", scheme, port, path);
    job.requests[i] = (struct dr_http_request){
        .url = job.urls[i], .body_max = 1000000, .stage = "wait for the answer"};
    return &job.requests[i];
}

static struct dr_http_request *add_plain(const char *path)
{
    return add("http", server.plain, path);
}

static void run(void)
{
    static const struct dr_scheme schemes[] = {{"test", "test", "none", true}};
    struct dr_targets targets = {.secrets = dr_secrets_new()};
    struct dr_error error = {0};
    struct dr_outcome outcome;
    dr_probe *probe = ask;
    char facts, argument[] = "test://h";
    assert_true(dr_targets_add(&targets, schemes, 1, argument, &error));
    struct dr_run_plan plan = {.targets = &targets,
                               .probes = &probe,
                               .facts = &facts,
                               .facts_size = 1,
                               .started = dr_monotonic(),
                               .timeout = job.timeout,
                               .verbosity = 3,
                               .secrets = targets.secrets};
    struct dr_run *one = dr_run_targets(&plan, &outcome, &error);
    assert_non_null(one);
    assert_true(outcome.finished);
    assert_true(outcome.ok);
    dr_run_trace(one, &job.trace);
    dr_run_free(one);
    dr_targets_free(&targets);
    dr_secrets_free(targets.secrets);
}

static void run_at_once(void)
{
    memset(job.groups, 0, sizeof job.groups);
    job.groups[0] = job.count;
    run();
}

static const char *body(size_t i)
{
    if (!job.ok[i])
        fail_msg("request %zu: %s", i, job.errors[i].text);
    return dr_buffer_text(&job.replies[i].body);
}

static bool traced(const char *text)
{
    return strstr(dr_buffer_text(&job.trace), text) != NULL;
}

static void assert_failed(size_t i, enum dr_error_class class, const char *words)
{
    assert_false(job.ok[i]);
    if (job.errors[i].class != class || strstr(job.errors[i].text, words) == NULL)
        fail_msg("request %zu: class %d, %s", i, (int)job.errors[i].class, job.errors[i].text);
}

/* ---- one request ---- */

static void test_request(void **state)
{
    (void)state;
    /* large enough for "Expect: 100-continue" */
    static char large[1200000] = "";
    memset(large, 'b', sizeof large - 1);
    struct dr_http_request *request = add_plain("/echo");
    request->method = "POST";
    request->body = large;
    request->body_size = sizeof large - 1;
    request->body_max = 2000000;
    request->headers[0] = "X-Own: 1";
    request->user = "mon";
    request->password = "pass:wörd";
    add_plain("/echo");
    run();
    assert_non_null(strstr(body(0), "POST /echo HTTP/1.1\n"));
    assert_non_null(strstr(body(0), "X-Own: 1\n"));
    assert_non_null(strstr(body(0), "Authorization: Basic bW9uOnBhc3M6d8O2cmQ=\n"));
    assert_non_null(strstr(body(0), large));
    assert_null(strstr(body(0), "Expect"));
    assert_null(strstr(body(0), "Accept-Encoding"));
    assert_int_equal(job.replies[0].status, 200);
    assert_int_equal(job.replies[0].body_size, job.replies[0].body.size);
    assert_true(job.replies[0].date.known);
    assert_true(job.replies[0].sent <= job.replies[0].received);
    assert_null(strstr(body(1), "Authorization"));
    assert_true(traced("wait for the answer: status 200, "));
    assert_true(traced("POST http://localhost:"));
}

/* Neither the password nor what the header makes of it. The reply is kept out too: this server says
 * it again. */
static void test_secrets(void **state)
{
    (void)state;
    struct dr_http_request *request = add_plain("/echo");
    request->user = "mon";
    request->password = "wörd";
    request->private = true;
    run();
    assert_non_null(strstr(body(0), "bW9uOnfDtnJk"));
    assert_false(traced("bW9uOnfDtnJk") || traced("w??rd") || traced("wörd"));
}

static void test_user(void **state)
{
    (void)state;
    add_plain("/echo")->user = "a:b";
    struct dr_http_request *request = add_plain("/echo");
    char url[100];
    snprintf(url, sizeof url, "http://me:secret@localhost:%d/echo", server.plain);
    request->url = url;
    run();
    assert_failed(0, DR_ERR_USAGE, "a user name with \":\"");
    assert_failed(1, DR_ERR_USAGE, "");
    assert_null(strstr(job.errors[1].text, "secret"));
}

static void test_head(void **state)
{
    (void)state;
    char length[20];
    add_plain("/status/200")->method = "HEAD";
    add_plain("/count");
    run();
    assert_string_equal(body(0), "");
    assert_true(dr_http_header(&job.replies[0], "Content-Length", length, sizeof length));
    assert_string_equal(length, "10");
    assert_non_null(strstr(body(1), "request 2"));
}

static void test_limits(void **state)
{
    (void)state;
    add_plain("/zeros/4096")->body_max = 4096;
    add_plain("/zeros/4097")->body_max = 4096;
    struct dr_http_request *request = add_plain("/zeros/4097");
    request->body_max = 4096;
    request->sink = take;
    run();
    assert_int_equal(job.replies[0].body.size, 4096);
    assert_true(job.ok[0]);
    assert_failed(1, DR_ERR_PROTOCOL, "more than 4 KiB of body");
    assert_failed(2, DR_ERR_PROTOCOL, "more than 4 KiB of body");
    assert_true(job.taken.size <= 4096);
}

/* ---- a sink ---- */

static void test_sink(void **state)
{
    (void)state;
    add_plain("/zeros/300000")->sink = take;
    add_plain("/status/500")->sink = take;
    run();
    assert_string_equal(body(0), "");
    assert_int_equal(job.replies[0].body_size, 300000);
    assert_int_equal(job.taken.size, 300000);
    assert_string_equal(body(1), "status 500");
    assert_int_equal(job.replies[1].status, 500);
}

static void test_sink_refuses(void **state)
{
    (void)state;
    struct dr_http_request *request = add_plain("/zeros/3000000");
    request->sink = take;
    request->sink_context = (char *)"not this";
    request->body_max = 4000000;
    job.refuse = "yes";
    run();
    assert_failed(0, DR_ERR_SERVER, "not this");
    assert_true(job.taken.size > 0 && job.taken.size < 100000);
}

static void test_gzip(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        add_plain(i == 0 ? "/echo" : "/zeros/900000")->compressed = true;
    add_plain("/zeros/1000001")->compressed = true;
    job.requests[2].sink = take;
    run();
    assert_non_null(strstr(body(0), "Accept-Encoding: gzip\n"));
    assert_int_equal(job.replies[1].body.size, 900000);
    assert_int_equal(job.replies[2].body_size, 900000);
    assert_int_equal(job.taken.size, 900000);
    char encoding[20];
    assert_true(dr_http_header(&job.replies[1], "Content-Encoding", encoding, sizeof encoding));
    assert_failed(3, DR_ERR_PROTOCOL, "more than 976 KiB of body");
}

/* ---- several ---- */

/* A port that nobody listens on: bound, so that nobody else gets it, but not listening. */
static int bind_unused(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int bound = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(bound, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(bound, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return bound;
}

/* Each comes out by itself. The ones that hang have all of the time but for their own limit. */
static void test_several(void **state)
{
    (void)state;
    int unused, bound = bind_unused(&unused);
    add_plain("/hang")->seconds = 1;
    add_plain("/status/200");
    add_plain("/half");
    add_plain("/stall")->seconds = 1;
    add("http", unused, "/");
    add("ftp", server.plain, "/");
    add_plain("/status/503");
    run_at_once();
    close(bound);
    assert_failed(0, DR_ERR_TIMEOUT, "no answer within 1 s (stage: wait for the answer)");
    assert_string_equal(body(1), "status 200");
    assert_failed(2, DR_ERR_CONNECT, "");
    assert_failed(3, DR_ERR_TIMEOUT, "no answer within 1 s (stage: read the reply)");
    assert_failed(4, DR_ERR_CONNECT, "");
    assert_failed(5, DR_ERR_PROTOCOL, "");
    assert_string_equal(body(6), "status 503");
    assert_true(job.took < TIMEOUT / 2);
    assert_true(job.replies[1].received - job.replies[1].sent < 5);
}

static void test_deadline(void **state)
{
    (void)state;
    job.timeout = 2;
    add_plain("/status/200");
    add_plain("/hang")->seconds = 100;
    add_plain("/stall");
    run_at_once();
    assert_string_equal(body(0), "status 200");
    assert_failed(1, DR_ERR_TIMEOUT, "no answer in time (stage: wait for the answer)");
    assert_failed(2, DR_ERR_TIMEOUT, "no answer in time (stage: read the reply)");
}

/* What is asked when the time is up is not asked. */
static void test_too_late(void **state)
{
    (void)state;
    job.timeout = 1;
    job.late = true;
    add_plain("/hang");
    add_plain("/status/200");
    run();
    assert_failed(0, DR_ERR_TIMEOUT, "(stage: wait for the answer)");
    assert_failed(1, DR_ERR_TIMEOUT, "no answer in time (stage: wait for the answer)");
    assert_false(traced("status 200"));
}

static void test_none(void **state)
{
    (void)state;
    run();
    assert_true(job.took < TIMEOUT / 2);
}

/* ---- connections ---- */

static void read_count(size_t i, int *connection, int *request)
{
    assert_int_equal(sscanf(body(i), "connection %d request %d", connection, request), 2);
}

/* One request, then three at once, then one: the first connection is used again, with TLS too. */
static void check_reuse(const char *scheme, int port)
{
    int first, request, connection;
    char ca[300];
    snprintf(ca, sizeof ca, "%s/ca.crt", server.folder);
    for (int i = 0; i < 5; i++)
        add(scheme, port, "/count")->ca_file = ca;
    job.groups[1] = 3;
    job.groups[2] = 1;
    job.groups[3] = 0;
    run();
    read_count(0, &first, &request);
    assert_int_equal(request, 1);
    int again = 0, fresh = 0;
    for (size_t i = 1; i < 4; i++) {
        read_count(i, &connection, &request);
        again += connection == first && request == 2;
        fresh += connection != first && request == 1;
    }
    assert_int_equal(again, 1);
    assert_int_equal(fresh, 2);
    read_count(4, &connection, &request);
    assert_true(request > 1);
}

static void test_reuse(void **state)
{
    (void)state;
    check_reuse("http", server.plain);
}

static void test_reuse_tls(void **state)
{
    (void)state;
    check_reuse("https", server.tls);
}

static void test_alone(void **state)
{
    (void)state;
    int first, second, request;
    job.alone = true;
    add_plain("/count");
    add_plain("/count");
    run();
    read_count(0, &first, &request);
    read_count(1, &second, &request);
    assert_int_not_equal(first, second);
    assert_int_equal(request, 1);
}

/* On a connection that is there, what hangs is the request, not the name. */
static void test_stage_of_reused(void **state)
{
    (void)state;
    add_plain("/count");
    struct dr_http_request *request = add_plain("/hang");
    request->seconds = 1;
    request->stage = "ask again";
    run();
    assert_failed(1, DR_ERR_TIMEOUT, "no answer within 1 s (stage: ask again)");
    assert_true(traced(" s: ask again\n"));
}

/* ---- TLS ---- */

static struct dr_http_request *add_tls(int port)
{
    return add("https", port, "/status/200");
}

static void test_trust(void **state)
{
    (void)state;
    char ca[300], other[300], missing[300];
    snprintf(ca, sizeof ca, "%s/ca.crt", server.folder);
    snprintf(other, sizeof other, "%s/other.crt", server.folder);
    snprintf(missing, sizeof missing, "%s/missing.crt", server.folder);
    add_tls(server.tls)->ca_file = ca;
    add_tls(server.tls);
    add_tls(server.tls)->ca_file = other;
    add_tls(server.tls)->ca_file = missing;
    struct dr_http_request *by_address = add_tls(server.tls);
    char url[100];
    snprintf(url, sizeof url, "https://127.0.0.1:%d/status/200", server.tls);
    by_address->url = url; /* which the certificate does not name */
    by_address->ca_file = ca;
    struct dr_http_request *insecure = add_tls(server.tls);
    insecure->url = url;
    insecure->insecure = true;
    add_tls(server.tls);
    run();
    assert_string_equal(body(0), "status 200");
    assert_failed(1, DR_ERR_TLS, "certificate");
    assert_failed(2, DR_ERR_TLS, "certificate");
    assert_failed(3, DR_ERR_USAGE, "missing.crt");
    assert_failed(4, DR_ERR_TLS, "");
    assert_string_equal(body(5), "status 200");
    /* a connection that was not verified is not used for one that is */
    assert_failed(6, DR_ERR_TLS, "certificate");
}

static void test_client_certificate(void **state)
{
    (void)state;
    char ca[300], certificate[300], key[300], locked[300], missing[300];
    snprintf(ca, sizeof ca, "%s/ca.crt", server.folder);
    snprintf(certificate, sizeof certificate, "%s/client.crt", server.folder);
    snprintf(key, sizeof key, "%s/client.key", server.folder);
    snprintf(locked, sizeof locked, "%s/locked.key", server.folder);
    snprintf(missing, sizeof missing, "%s/missing.crt", server.folder);
    job.alone = true; /* a connection that is there is used whatever the key file */
    const char *const files[][2] = {{certificate, key},
                                    {NULL, NULL},
                                    {certificate, locked},
                                    {missing, key},
                                    {certificate, NULL}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct dr_http_request *request = add_tls(server.mutual);
        request->ca_file = ca;
        request->cert_file = files[i][0];
        request->key_file = files[i][1];
    }
    run();
    assert_string_equal(body(0), "status 200");
    assert_failed(1, DR_ERR_TLS, "certificate");
    assert_failed(2, DR_ERR_USAGE, "locked.key");
    assert_failed(3, DR_ERR_USAGE, "missing.crt");
    assert_failed(4, DR_ERR_USAGE, "client.crt");
}

/* ---- one instance ---- */

static const char *const four[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4", "::1"};

/* A name that no resolver knows, at an address. */
static struct dr_http_request *add_instance(const char *address, int port, const char *path)
{
    struct dr_http_request *request = add_plain("");
    size_t i = job.count - 1;
    snprintf(job.urls[i], sizeof job.urls[i], "http://www.test%s", path);
    request->connect_host = address;
    request->connect_port = port;
    return request;
}

/* All at once, then one after the other by the same handle: each has answered itself. */
static void test_instances(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++)
        add_instance(four[i % 4], server.four, "/self");
    job.groups[0] = 4;
    job.groups[5] = job.groups[6] = job.groups[7] = 0;
    run();
    for (size_t i = 0; i < 8; i++) {
        assert_string_equal(body(i), four[i % 4]);
        assert_string_equal(job.replies[i].address, four[i % 4]);
        assert_int_equal(job.replies[i].port, server.four);
    }
}

static void test_instance_keeps_name(void **state)
{
    (void)state;
    add_instance("127.0.0.3", server.four, "/echo");
    add_instance("localhost", server.plain, "/echo");
    /* the URL's port */
    struct dr_http_request *request = add_plain("/self");
    snprintf(job.urls[2], sizeof job.urls[2], "http://www.test:%d/self", server.four);
    request->connect_host = "127.0.0.4";
    /* the same address in other words */
    add_instance("0:0:0:0:0:0:0:1", server.four, "/self");
    run();
    assert_non_null(strstr(body(0), "Host: www.test\n"));
    assert_non_null(strstr(body(1), "Host: www.test\n"));
    assert_string_equal(body(2), "127.0.0.4");
    assert_string_equal(body(3), "::1");
}

static void test_impostor(void **state)
{
    (void)state;
    char said[100];
    job.impostor = (char *)"127.0.0.3";
    add_instance("127.0.0.2", server.four, "/self");
    run();
    snprintf(said, sizeof said, "answered by 127.0.0.3:%d, not by 127.0.0.2:%d", server.four,
             server.four);
    assert_failed(0, DR_ERR_PROTOCOL, said);
}

static void test_instance_is_gone(void **state)
{
    (void)state;
    int unused, bound = bind_unused(&unused);
    add_instance("127.0.0.1", unused, "/");
    run();
    close(bound);
    assert_failed(0, DR_ERR_CONNECT, "127.0.0.1");
    assert_string_equal(job.replies[0].address, "");
}

static void test_unix_socket(void **state)
{
    (void)state;
    char path[300], missing[300], longer[300];
    snprintf(path, sizeof path, "%s/http.sock", server.folder);
    snprintf(missing, sizeof missing, "%s/none.sock", server.folder);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const char *const paths[] = {path, missing, longer};
    for (size_t i = 0; i < 3; i++)
        add_instance(NULL, 0, "/echo")->unix_socket = paths[i];
    run();
    assert_non_null(strstr(body(0), "Host: www.test\n"));
    assert_string_equal(job.replies[0].address, path);
    assert_int_equal(job.replies[0].port, 0);
    assert_failed(1, DR_ERR_CONNECT, missing);
    assert_failed(2, DR_ERR_USAGE, "the path of a socket has at most 107 bytes");
}

static void test_one_way_only(void **state)
{
    (void)state;
    add_instance("127.0.0.1", server.plain, "/")->unix_socket = "/nowhere";
    add_instance("127.0.0.1", server.plain, "/")->proxy = "http://127.0.0.1:1";
    run();
    assert_failed(0, DR_ERR_USAGE, "exclude each other");
    assert_failed(1, DR_ERR_USAGE, "exclude each other");
}

static void test_proxy_protocol(void **state)
{
    (void)state;
    add_instance("127.0.0.1", server.proxied, "/proxied")->proxy_protocol = true;
    run();
    assert_non_null(strstr(body(0), "PROXY TCP4 127.0.0.1 127.0.0.1 "));
}

/* ---- bodies that are cut ---- */

static void test_body_keep(void **state)
{
    (void)state;
    const char *const paths[] = {"/zeros/3000000", "/zeros/4096", "/zeros/4097", "/zeros/3000000",
                                 "/zeros/3000000"};
    for (size_t i = 0; i < 5; i++) {
        struct dr_http_request *request = add_plain(paths[i]);
        request->body_max = 4096;
        request->body_keep = true;
        request->compressed = i == 3;
        request->sink = i == 4 ? take : NULL;
    }
    add_plain("/count");
    run();
    for (size_t i = 0; i < 5; i++) {
        body(i);
        assert_int_equal(job.replies[i].status, 200);
        assert_int_equal(job.replies[i].body_size, 4096);
        assert_int_equal(job.replies[i].cut, i != 1);
        assert_int_equal(i == 4 ? job.taken.size : job.replies[i].body.size, 4096);
    }
    assert_non_null(strstr(body(5), "request 1"));
}

/* A reply that does not come to its end is none, however much of it there is. */
static void test_body_keep_half(void **state)
{
    (void)state;
    struct dr_http_request *request = add_plain("/half");
    request->body_keep = true;
    request->body_max = 100;
    run();
    assert_failed(0, DR_ERR_CONNECT, "");
}

/* ---- redirects ---- */

static struct dr_http_request *add_redirect(const char *path)
{
    struct dr_http_request *request = add_plain(path);
    request->redirects = 3;
    return request;
}

static void test_redirects(void **state)
{
    (void)state;
    char absolute[200], relative[200];
    snprintf(absolute, sizeof absolute,
             "/to/301/http:%%2F%%2FLOCALHOST:%d%%2Fto%%2F308%%2F%%2Fecho", server.plain);
    snprintf(relative, sizeof relative, "http://localhost:%d/to/302/there", server.plain);
    add_redirect(absolute);
    add_redirect("/to/302/..%2f..%2fecho%2fb%3fa=b");
    add_redirect("/to/303/..%2f..%2fecho")->method = "HEAD";
    add_plain("/to/302/there");
    /* nothing of a reply that is left behind stays */
    add_redirect("/to/307/%2Fstatus%2F404");
    add_redirect("/to/304/%2Fecho");
    run();
    assert_non_null(strstr(body(0), "GET /echo HTTP/1.1\n"));
    assert_int_equal(job.replies[0].redirected, 2);
    assert_int_equal(job.replies[0].status, 200);
    assert_string_equal(job.replies[0].location, "");
    assert_non_null(strstr(body(1), "GET /echo/b?a=b HTTP/1.1\n"));
    assert_int_equal(job.replies[2].status, 200);
    assert_string_equal(body(2), "");
    assert_int_equal(job.replies[3].status, 302);
    assert_int_equal(job.replies[3].redirected, 0);
    assert_string_equal(body(3), "over there");
    assert_string_equal(job.replies[3].location, relative);
    assert_string_equal(body(4), "status 404");
    assert_int_equal(job.replies[4].body_size, strlen("status 404"));
    assert_int_equal(job.replies[5].status, 304);
    assert_string_equal(job.replies[5].location, "");
}

/* Where it leads elsewhere, or cannot be followed, the redirect is the reply. */
static void test_redirects_elsewhere(void **state)
{
    (void)state;
    char port[100], scheme[100], secure[100], user[100];
    snprintf(scheme, sizeof scheme, "/to/301/https:%%2F%%2Flocalhost:%d%%2F", server.plain);
    snprintf(secure, sizeof secure, "https://localhost:%d/", server.plain);
    snprintf(port, sizeof port, "/to/302/http:%%2F%%2Flocalhost:%d%%2Fself", server.four);
    snprintf(user, sizeof user, "/to/302/http:%%2F%%2Fme:secret@localhost:%d%%2Fself",
             server.plain);
    add_redirect(port);
    add_redirect(scheme);
    add_redirect("/to/308/%2F%2Fother.test%2Fa");
    add_redirect("/to/302/ftp:%2F%2Flocalhost%2F");
    add_redirect(user);
    add_redirect("/to/302/http:%2F%2F%5B");
    struct dr_http_request *request = add_redirect("/to/307/%2Fecho");
    request->body = "x";
    request->body_size = 1;
    add_redirect("/to/307/%2Fecho")->method = "DELETE";
    run();
    const char *const places[] = {
        "/self", secure, "http://other.test/a", "ftp://localhost/", "/self", "http://[", "/echo"};
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(body(i), "over there");
        assert_int_equal(job.replies[i].redirected, 0);
        if (strstr(job.replies[i].location, places[i]) == NULL)
            fail_msg("request %zu: %s", i, job.replies[i].location);
    }
    assert_null(strstr(job.replies[4].location, "secret"));
    assert_int_equal(job.replies[7].redirected, 0);
}

static void test_redirect_loop(void **state)
{
    (void)state;
    add_redirect("/to/302/%3fagain");
    run();
    assert_int_equal(job.replies[0].status, 302);
    assert_int_equal(job.replies[0].redirected, 3);
    assert_non_null(strstr(job.replies[0].location, "?again"));
}

/* On the instance, and within the time of one request. */
static void test_redirect_stays(void **state)
{
    (void)state;
    add_instance("127.0.0.3", server.four, "/to/302/%2Fself")->redirects = 1;
    struct dr_http_request *request = add_redirect("/to/302/%2Fhang");
    request->seconds = 1;
    run();
    assert_string_equal(body(0), "127.0.0.3");
    assert_failed(1, DR_ERR_TIMEOUT, "no answer within 1 s (stage: wait for the answer)");
    assert_int_equal(job.replies[1].redirected, 1);
    assert_int_equal(job.replies[1].status, 0);
    assert_true(job.replies[1].total > 0.5);
}

/* A name with several addresses: the one that answered is asked again, here where nobody listens.
 */
static void test_redirect_stays_by_name(void **state)
{
    (void)state;
    job.impostor = (char *)"127.0.0.4";
    add_redirect("/to/302/%2Fself");
    add_redirect("/to/302/%2Fself")->connect_host = "localhost";
    run();
    for (size_t i = 0; i < 2; i++) {
        assert_failed(i, DR_ERR_CONNECT, "127.0.0.4");
        assert_int_equal(job.replies[i].redirected, 1);
    }
}

/* ---- versions and times ---- */

static void test_http2(void **state)
{
    (void)state;
    char ca[300];
    snprintf(ca, sizeof ca, "%s/ca.crt", server.folder);
    struct dr_http_request *request = add_tls(server.tls);
    request->ca_file = ca;
    request->http2 = true;
    add_tls(server.tls)->ca_file = ca;
    add_plain("/status/200")->http2 = true;
    run();
    assert_string_equal(body(0), "status 200");
    assert_string_equal(job.replies[0].http_version, "2");
    assert_true(job.replies[0].first_byte > 0);
    assert_int_equal(job.replies[0].status, 200);
    assert_string_equal(body(1), "status 200");
    assert_string_equal(job.replies[1].http_version, "1.1");
    assert_string_equal(job.replies[2].http_version, "1.1");
}

static void test_phases(void **state)
{
    (void)state;
    char ca[300];
    snprintf(ca, sizeof ca, "%s/ca.crt", server.folder);
    add_tls(server.tls)->ca_file = ca;
    add_plain("/status/200");
    add_tls(server.tls); /* not trusted */
    add_plain("/hang")->seconds = 1;
    job.alone = true;
    run();
    for (size_t i = 0; i < 4; i++) {
        const struct dr_http_reply *reply = &job.replies[i];
        assert_true(reply->resolved > 0);
        /* libcurl 7.88 does not say it of a handshake that fails */
        assert_true(reply->connected > 0 || i == 2);
        assert_true((reply->tls > 0) == (i == 0));
        assert_true((reply->first_byte > 0) == (i < 2));
        assert_true(reply->resolved + reply->connected + reply->tls + reply->first_byte <=
                    reply->total + 1e-9);
        assert_true(reply->total < 5);
        if (i != 2)
            assert_string_equal(reply->address, "127.0.0.1");
        assert_string_equal(reply->http_version, i < 2 ? "1.1" : "");
    }
    assert_true(job.replies[3].total > 0.5);
}

/* ---- certificates ---- */

#ifdef HAVE_OPENSSL

static void add_certificate(const char *name, const char *ca)
{
    struct dr_http_request *request = add_instance("127.0.0.1", server.tls, "");
    size_t i = job.count - 1;
    snprintf(job.urls[i], sizeof job.urls[i], "https://%s.test/status/200", name);
    request->ca_file = ca;
    request->want_certificate = true;
}

static void assert_certificate(size_t i, int trusted, int named, long error)
{
    const struct dr_http_certificate *certificate = &job.replies[i].certificate;
    assert_true(certificate->known);
    assert_null(certificate->missing);
    assert_true(certificate->trusted.known && certificate->named.known);
    assert_int_equal(certificate->trusted.value, trusted);
    assert_int_equal(certificate->named.value, named);
    assert_int_equal(certificate->verified, trusted && named);
    assert_int_equal(certificate->error, error);
    assert_int_equal(certificate->problem[0] == '\0', trusted && named);
    if (job.ok[i] != (trusted && named))
        fail_msg("request %zu: %s", i, job.errors[i].text);
}

/* Seconds since the epoch, of "20200102030405Z" in http_server.py. */
#define EXPIRED_FROM 1577934245.0
#define EXPIRED_ON 1580702706.0

static void test_certificates(void **state)
{
    (void)state;
    char ca[300];
    double now = (double)time(NULL);
    snprintf(ca, sizeof ca, "%s/ca.crt", server.folder);
    static const char *const names[] = {"soon",     "expired", "early",   "wrong",
                                        "stranger", "chain",   "baggage", "worst"};
    for (size_t i = 0; i < 8; i++)
        add_certificate(names[i], ca);
    run_at_once();
    assert_certificate(0, true, true, 0);
    const struct dr_http_certificate *soon = &job.replies[0].certificate;
    assert_string_equal(body(0), "status 200");
    assert_string_equal(soon->subject, "CN=soon");
    assert_string_equal(soon->issuer, "CN=ca");
    assert_string_equal(soon->names, "soon.test, 192.0.2.1");
    assert_true(soon->not_after.known && soon->not_before.known);
    assert_float_equal(soon->not_after.value, now + 3600, 120);
    assert_float_equal(soon->not_before.value, now - 3600, 120);
    assert_float_equal(soon->chain_not_after.value, soon->not_after.value, 0);
    assert_string_equal(soon->chain_subject, "CN=soon");
    assert_string_equal(soon->error_text, "");

    assert_certificate(1, false, true, 10);
    assert_true(job.replies[1].connected > 0);
    assert_failed(1, DR_ERR_TLS, "the certificate expired on 2020-02-03 04:05 UTC");
    assert_float_equal(job.replies[1].certificate.not_before.value, EXPIRED_FROM, 0);
    assert_float_equal(job.replies[1].certificate.not_after.value, EXPIRED_ON, 0);
    assert_string_equal(job.replies[1].certificate.error_text, "certificate has expired");
    assert_certificate(2, false, true, 9);
    assert_failed(2, DR_ERR_TLS, "the certificate is not valid before ");
    assert_certificate(3, true, false, 0);
    assert_failed(3, DR_ERR_TLS,
                  "the certificate is for right.test, 192.0.2.1, not for wrong.test");
    assert_certificate(4, false, true, 20);
    assert_failed(4, DR_ERR_TLS, "the certificate is by an unknown issuer, CN=other (unable to");
    assert_certificate(5, false, true, 10);
    assert_failed(5, DR_ERR_TLS,
                  "the certificate of CN=middle in its chain expired on 2020-02-03 04:05 UTC");
    assert_float_equal(job.replies[5].certificate.chain_not_after.value, EXPIRED_ON, 0);
    assert_string_equal(job.replies[5].certificate.chain_subject, "CN=middle");
    assert_true(job.replies[5].certificate.not_after.value > now);

    /* what is sent but not needed is no reason to worry */
    assert_certificate(6, true, true, 0);
    assert_true(job.replies[6].certificate.chain_not_after.value > now);

    assert_certificate(7, false, false, 10);
    assert_failed(7, DR_ERR_TLS, "expired on 2020-02-03 04:05 UTC; it is for right.test, 192");
}

/* A TLS session that is resumed shows none, and one without verification must not serve others. */
static void test_certificate_again(void **state)
{
    (void)state;
    char ca[300];
    snprintf(ca, sizeof ca, "%s/ca.crt", server.folder);
    add_certificate("soon", ca);
    add_certificate("soon", ca);
    add_certificate("expired", ca);
    job.requests[2].insecure = true;
    add_certificate("expired", ca);
    job.requests[3].redirects = 1;
    add_certificate("soon", ca);
    snprintf(job.urls[4], sizeof job.urls[4], "https://soon.test/to/302/%%2Fself");
    job.requests[4].redirects = 1;
    /* nor is a connection used that is there */
    add_tls(server.tls)->ca_file = ca;
    add_tls(server.tls)->ca_file = ca;
    job.requests[6].want_certificate = true;
    run();
    assert_certificate(0, true, true, 0);
    assert_certificate(1, true, true, 0);
    assert_string_equal(body(2), "status 200");
    assert_true(job.replies[2].certificate.known);
    assert_false(job.replies[2].certificate.trusted.known);
    assert_true(job.replies[2].certificate.named.value);
    assert_false(job.replies[2].certificate.verified);
    assert_float_equal(job.replies[2].certificate.chain_not_after.value, EXPIRED_ON, 0);
    assert_certificate(3, false, true, 10);
    assert_certificate(4, true, true, 0);
    assert_string_equal(body(4), "127.0.0.1");
    assert_certificate(6, true, true, 0);
}

/* Somebody listens, and says nothing. */
/* The system's folder is not trusted beside a file that is given. */
static void check_folder(const char *ca, int at_least, int at_most)
{
    add_tls(server.tls)->ca_file = ca;
    run();
    assert_true(job.folders >= at_least && job.folders <= at_most);
}

static void test_file_alone(void **state)
{
    (void)state;
    char ca[300];
    snprintf(ca, sizeof ca, "%s/ca.crt", server.folder);
    check_folder(ca, 0, 0);
    assert_string_equal(body(0), "status 200");
}

/* What test_file_alone counts is counted. */
static void test_folder(void **state)
{
    (void)state;
    if (curl_version_info(CURLVERSION_NOW)->capath == NULL)
        skip(); /* this libcurl has no folder of its own */
    check_folder(NULL, 1, 100);
}

/* The system's list is read once, however many ask, and trusted as libcurl would. */
static void test_system_list(void **state)
{
    (void)state;
    char ca[300];
    snprintf(ca, sizeof ca, "%s/ca.crt", server.folder);
    job.system_list = ca;
    add_certificate("soon", NULL);
    add_certificate("baggage", NULL);
    add_certificate("expired", NULL);
    add_certificate("stranger", NULL);
    add_certificate("wrong", NULL);
    add_certificate("soon", NULL);
    job.groups[0] = 5;
    run();
    assert_certificate(0, true, true, 0);
    assert_string_equal(body(0), "status 200");
    assert_certificate(1, true, true, 0);
    assert_certificate(2, false, true, 10);
    assert_certificate(3, false, true, 20);
    assert_certificate(4, true, false, 0);
    assert_certificate(5, true, true, 0);
    assert_int_equal(job.lists, 1);
}

/* What we cannot read is libcurl's to try: here its own list, which has not signed anything. */
static void test_system_list_missing(void **state)
{
    (void)state;
    char missing[300];
    snprintf(missing, sizeof missing, "%s/missing.crt", server.folder);
    job.system_list = missing;
    add_certificate("soon", NULL);
    run();
    assert_certificate(0, false, true, 20);
}

static void test_handshake_hangs(void **state)
{
    (void)state;
    int port, bound = bind_unused(&port);
    assert_int_equal(listen(bound, 5), 0);
    add_tls(port)->seconds = 1;
    job.requests[0].want_certificate = true;
    run();
    close(bound);
    assert_failed(0, DR_ERR_TIMEOUT, "no answer within 1 s (stage: TLS handshake)");
    assert_true(job.replies[0].connected > 0);
    assert_true(job.replies[0].tls <= 0);
    assert_false(job.replies[0].certificate.known);
}

/* By address, and where there is none. */
static void test_certificate_of_address(void **state)
{
    (void)state;
    char ca[300];
    snprintf(ca, sizeof ca, "%s/ca.crt", server.folder);
    add_certificate("soon", ca);
    snprintf(job.urls[0], sizeof job.urls[0], "https://127.0.0.1/status/200");
    add_plain("/status/200")->want_certificate = true;
    add_plain("/status/200");
    add_certificate("soon", ca);
    job.requests[3].connect_port = server.plain;
    run();
    assert_certificate(0, true, false, 0);
    assert_failed(0, DR_ERR_TLS, "the certificate is for localhost, not for 127.0.0.1");
    for (size_t i = 1; i < 4; i++) {
        assert_false(job.replies[i].certificate.known);
        assert_non_null(job.replies[i].certificate.missing);
    }
    assert_failed(3, DR_ERR_TLS, "not in TLS");
}

#else

/* Nothing else changes. */
static void test_certificate_unknown(void **state)
{
    (void)state;
    char ca[300];
    snprintf(ca, sizeof ca, "%s/ca.crt", server.folder);
    add_tls(server.tls)->want_certificate = true;
    job.requests[0].ca_file = ca;
    add_tls(server.tls)->want_certificate = true;
    run();
    assert_string_equal(body(0), "status 200");
    assert_failed(1, DR_ERR_TLS, "certificate");
    assert_false(job.replies[0].certificate.known || job.replies[1].certificate.known);
    assert_string_equal(job.replies[0].certificate.missing,
                        "this program is built without OpenSSL");
}

#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_request),
        TEST(test_secrets),
        TEST(test_user),
        TEST(test_head),
        TEST(test_limits),
        TEST(test_sink),
        TEST(test_sink_refuses),
        TEST(test_gzip),
        TEST(test_several),
        TEST(test_deadline),
        TEST(test_too_late),
        TEST(test_none),
        TEST(test_reuse),
        TEST(test_reuse_tls),
        TEST(test_alone),
        TEST(test_stage_of_reused),
        TEST(test_trust),
        TEST(test_client_certificate),
        TEST(test_instances),
        TEST(test_instance_keeps_name),
        TEST(test_impostor),
        TEST(test_instance_is_gone),
        TEST(test_unix_socket),
        TEST(test_one_way_only),
        TEST(test_proxy_protocol),
        TEST(test_body_keep),
        TEST(test_body_keep_half),
        TEST(test_redirects),
        TEST(test_redirects_elsewhere),
        TEST(test_redirect_loop),
        TEST(test_redirect_stays),
        TEST(test_redirect_stays_by_name),
        TEST(test_http2),
        TEST(test_phases),
#ifdef HAVE_OPENSSL
        TEST(test_certificates),
        TEST(test_certificate_again),
        TEST(test_file_alone),
        TEST(test_folder),
        TEST(test_system_list),
        TEST(test_system_list_missing),
        TEST(test_handshake_hangs),
        TEST(test_certificate_of_address),
#else
        TEST(test_certificate_unknown),
#endif
    };
    signal(SIGPIPE, SIG_IGN); /* as every executable does */
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
