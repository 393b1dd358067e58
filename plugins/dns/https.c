/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for https://HOST[:PORT][/PATH][?connect=ADDRESS]: a resolver over HTTPS (RFC 8484), by
 * POST: what is posted comes from no cache on the way. PATH is /dns-query where there is none.
 * connect= asks that address in the place of those of HOST, which stays what the certificate must
 * be for. Redirects are not followed: another server would answer in the place of this one. */
#include "common/client/http.h"
#include "common/module.h"
#include "plugins/dns/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MEDIA_TYPE "application/dns-message"
#define DEFAULT_PATH "/dns-query"

struct plan {
    char *url;
    bool directed; /* connect= */
    char connect[DNS_ADDRESS_TEXT];
    int port; /* of connect=; 0: the URL's */
};

/* A question on its way. */
struct asked {
    struct dns_question question;
    uint8_t bytes[DNS_QUERY_MAX];
};

/* ---- whom to ask ---- */

static char *url_of(const struct dr_uri *uri, size_t host)
{
    const struct dr_uri_host *at = &uri->hosts[host];
    bool six = strchr(at->name, ':') != NULL;
    size_t path = strcspn(uri->raw, "?");
    char port[12] = "";
    if (at->port > 0)
        snprintf(port, sizeof port, ":%d", at->port);
    return dr_text_format("https://%s%s%s%s%.*s", six ? "[" : "", at->name, six ? "]" : "", port,
                          path > 0 ? (int)path : (int)sizeof DEFAULT_PATH,
                          path > 0 ? uri->raw : DEFAULT_PATH);
}

static bool read_plan(const struct dr_target *target, struct plan *plan, struct dr_error *error)
{
    static const char *const known[] = {"connect", NULL};
    const struct dr_uri *uri = &target->uri;
    const char *connect = dr_uri_param(uri, "connect");
    struct dns_address address;
    if (target->host >= uri->host_count)
        return dr_error_set(error, DR_ERR_USAGE, "no host in the URI");
    if (uri->user != NULL)
        return dr_error_set(error, DR_ERR_USAGE, "a user means nothing here");
    if (!dr_uri_has_only(uri, known, error))
        return false;
    if (connect != NULL && !dns_address_read_port(connect, &address, &plan->port, error))
        return dr_error_prefix(error, "connect=");
    plan->directed = connect != NULL;
    if (plan->directed)
        dns_address_text(&address, plan->connect);
    plan->url = url_of(uri, target->host);
    return plan->url != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- one reply ---- */

/* `format` without a message: what came instead of one. */
__attribute__((format(printf, 2, 3))) static void fail(struct dns_question *question,
                                                       const char *format, ...)
{
    char text[2 * DR_HTTP_LOCATION_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char *clean = dr_text_clean(text, sizeof question->words - 1);
    snprintf(question->words, sizeof question->words, "%s", clean != NULL ? clean : "");
    free(clean);
    question->delivery = DNS_NOT_SECURE;
}

static bool is_message(const char *type)
{
    size_t length = sizeof MEDIA_TYPE - 1;
    return strncasecmp(type, MEDIA_TYPE, length) == 0 && strchr("; \t", type[length]) != NULL;
}

static void take_reply(struct dns_question *question, const struct dr_http_reply *reply)
{
    char type[80];
    bool typed = dr_http_header(reply, "Content-Type", type, sizeof type);
    if (reply->location[0] != '\0')
        fail(question, "HTTP status %ld, not followed to %s", reply->status, reply->location);
    else if (reply->status != 200)
        fail(question, "HTTP status %ld", reply->status);
    else if (!typed)
        fail(question, "the HTTP reply says no Content-Type");
    else if (!is_message(type))
        fail(question, "the HTTP reply is %s, not " MEDIA_TYPE, type);
    else if (reply->body.size == 0)
        fail(question, "the HTTP reply is empty");
    else
        dns_samples_deliver(question, (const uint8_t *)reply->body.text, reply->body.size);
}

static void take_error(struct dns_question *question, const struct dr_http_reply *reply,
                       const struct dr_error *error)
{
    fail(question, "%s", error->text);
    if (error->class == DR_ERR_TIMEOUT)
        question->delivery = DNS_NO_REPLY;
    else if (error->class == DR_ERR_CONNECT && !(reply->connected > 0))
        question->delivery = dns_samples_failed_connection(reply->failure);
}

/* ---- asking ---- */

static struct dr_http_request request_for(struct asked *asked, const struct plan *plan,
                                          const struct dns_request *request)
{
    return (struct dr_http_request){
        .url = plan->url,
        .headers = {"Content-Type: " MEDIA_TYPE, "Accept: " MEDIA_TYPE},
        .body = (const char *)asked->bytes,
        .body_size = dns_query_write(&asked->question.query, asked->bytes, sizeof asked->bytes),
        .body_max = DNS_MESSAGE_MAX,
        .ca_file = request->cacert,
        .insecure = request->insecure,
        .private = true, /* no text: told by dns_samples_trace_end */
        .seconds = request->wait * request->tries,
        .stage = "ask",
        .connect_host = plan->directed ? plan->connect : NULL,
        .connect_port = plan->port,
        .want_certificate = true, /* or a failed handshake is said in libcurl's words */
        .http2 = true};
}

/* Nobody was asked, and that is no fault of the resolver. */
static bool is_ours(const struct dr_error *error)
{
    return error->class == DR_ERR_RESOLVE || error->class == DR_ERR_USAGE ||
           error->class == DR_ERR_MODULE || error->class == DR_ERR_INTERNAL;
}

/* What came of one; false with the error where it could not be asked. */
static bool conclude(struct dr_task *task, struct dns_question *question,
                     const struct dr_http_reply *reply, const struct dr_error *came, bool ok,
                     struct dr_error *error)
{
    if (!ok && is_ours(came)) {
        *error = *came;
        return false;
    }
    question->tries = 1;
    question->seconds = reply->received - reply->sent;
    (void)dns_address_read(reply->address, &question->server);
    if (ok)
        take_reply(question, reply);
    else
        take_error(question, reply, came);
    question->tcp = question->delivery == DNS_DELIVERED;
    dns_samples_trace_end(task, question);
    return true;
}

/* Questions that are asked at once, and what comes of them; then those that follow from it. */
struct round {
    size_t count;
    struct asked *asked;
    struct dr_http_request *requests;
    struct dr_http_reply *replies;
    struct dr_error *errors;
    bool *ok;
};

static void end_round(struct round *round)
{
    free(round->asked);
    free(round->requests);
    free(round->replies);
    free(round->errors);
    free(round->ok);
}

static bool begin_round(struct round *round, const struct dns_request *request,
                        struct dr_error *error)
{
    size_t count = dns_samples_count(request);
    *round = (struct round){.count = count,
                            .asked = calloc(count + 1, sizeof *round->asked),
                            .requests = calloc(count + 1, sizeof *round->requests),
                            .replies = calloc(count + 1, sizeof *round->replies),
                            .errors = calloc(count + 1, sizeof *round->errors),
                            .ok = calloc(count + 1, sizeof *round->ok)};
    if (round->asked == NULL || round->requests == NULL || round->replies == NULL ||
        round->errors == NULL || round->ok == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < count; i++)
        round->asked[i].question = dns_samples_question(request, i);
    return true;
}

static bool ask_round(struct dr_task *task, struct dr_http *http, const struct plan *plan,
                      struct dns_samples *samples, struct round *round, struct dr_error *error)
{
    size_t next = 0;
    bool ok = true;
    for (size_t i = 0; i < round->count; i++) {
        dns_samples_trace_question(task, &round->asked[i].question);
        round->requests[i] = request_for(&round->asked[i], plan, samples->request);
    }
    dr_task_stage(task, "ask");
    dr_http_ask_all(http, round->requests, round->replies, round->errors, round->ok, round->count);
    for (size_t i = 0; i < round->count; i++) {
        struct dns_question *question = &round->asked[i].question, again;
        ok = ok &&
             conclude(task, question, &round->replies[i], &round->errors[i], round->ok[i], error);
        bool more = ok && dns_samples_take(samples, question, &again);
        dns_message_free(&question->reply);
        question->reply = (struct dns_message){.bytes = NULL};
        if (more)
            round->asked[next++].question = again;
        dr_http_reply_free(&round->replies[i]);
    }
    round->count = next;
    return ok;
}

static bool ask_all(struct dr_task *task, const struct plan *plan, struct dns_samples *samples,
                    struct dr_error *error)
{
    struct round round;
    struct dr_http *http = dr_http_new(task, error);
    bool ok = http != NULL;
    if (ok) {
        ok = begin_round(&round, samples->request, error);
        while (ok && round.count > 0)
            ok = ask_round(task, http, plan, samples, &round, error);
        end_round(&round);
    }
    dr_http_free(http);
    return ok;
}

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    const struct dr_target *target = dr_task_target(task);
    struct plan plan = {.url = NULL};
    struct dns_samples samples;
    bool ok = read_plan(target, &plan, error) &&
              dns_samples_begin(&samples, facts, target->label, dr_task_request(task), error) &&
              ask_all(task, &plan, &samples, error);
    free(plan.url);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(dns, https);
const struct dr_source DR_SOURCE_SYMBOL(dns, https) = {.abi = DR_SOURCE_ABI,
                                                       .group = "dns",
                                                       .name = "https",
                                                       .facts_size = sizeof(struct dns_facts),
                                                       .library = dr_http_library,
                                                       .probe = probe};
