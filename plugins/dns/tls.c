/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for tls://HOST[:PORT][?name=NAME]: a resolver over TLS (RFC 7858), its certificate
 * verified for HOST, or for NAME (strict privacy, RFC 8310).
 *
 * All questions go out at once on one connection, replies come in any order. A server may close a
 * connection whenever it likes (RFC 7766, 6.2.4): what it owes is asked again on another one, as
 * long as each brings an answer. */
#include "common/client/stream.h"
#include "common/module.h"
#include "plugins/dns/samples.h"

#include <openssl/opensslv.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT 853
#define READ_STAGE "read the reply"

/* A question, and whether it is on its way on the connection that is open. */
struct asked {
    struct dns_question question;
    bool sent;
};

struct talk {
    struct dr_task *task;
    struct dr_stream stream;
    struct dr_tls_options options;
    struct dns_samples samples;
    struct asked *asked; /* with room for the questions that follow */
    size_t count;
    size_t heard;  /* replies to us on this connection */
    size_t passed; /* messages that were none */
    bool halfway;  /* within a message */
    double began;  /* monotonic */
    uint8_t *room; /* for a message, or several questions */
};

/* ---- what to do ---- */

/* One that cannot be read is our fault, not the resolver's: found out before it is asked. */
static bool check_authorities(const struct dr_tls_options *options, struct dr_error *error)
{
    if (options->ca == NULL)
        return true;
    struct dr_tls *tls = dr_tls_new(-1, options, error);
    dr_tls_free(tls);
    return tls != NULL;
}

static bool read_target(struct talk *talk, struct dr_error *error)
{
    static const char *const known[] = {"name", NULL};
    const struct dr_target *target = dr_task_target(talk->task);
    const struct dns_request *request = dr_task_request(talk->task);
    const struct dr_uri *uri = &target->uri;
    const char *name = dr_uri_param(uri, "name");
    if (target->host >= uri->host_count)
        return dr_error_set(error, DR_ERR_USAGE, "no host in the URI");
    if (uri->user != NULL)
        return dr_error_set(error, DR_ERR_USAGE, "a user means nothing here");
    if (uri->path[0] != '\0' && strcmp(uri->path, "/") != 0)
        return dr_error_set(error, DR_ERR_USAGE, "a path means nothing here (is it https://?)");
    if (name != NULL && name[0] == '\0')
        return dr_error_set(error, DR_ERR_USAGE, "name=: a name is wanted");
    talk->options =
        (struct dr_tls_options){.host = name != NULL ? name : uri->hosts[target->host].name,
                                .ca = request->insecure ? NULL : request->cacert,
                                .insecure = request->insecure};
    return dr_uri_has_only(uri, known, error) && check_authorities(&talk->options, error);
}

static bool prepare(struct talk *talk, struct dns_facts *facts, struct dr_error *error)
{
    const struct dns_request *request = dr_task_request(talk->task);
    talk->count = dns_samples_count(request);
    talk->asked = calloc(2 * talk->count + 1, sizeof *talk->asked);
    talk->room = malloc(DNS_MESSAGE_MAX);
    if (talk->asked == NULL || talk->room == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < talk->count; i++) {
        talk->asked[i].question = dns_samples_question(request, i);
        talk->asked[i].question.query.id = (uint16_t)(i + 1);
    }
    return dns_samples_begin(&talk->samples, facts, dr_task_target(talk->task)->label, request,
                             error);
}

/* As long as a resolver over UDP: that is what the next step may take. */
static void allow_time(struct talk *talk)
{
    const struct dns_request *request = dr_task_request(talk->task);
    talk->stream.until = dr_monotonic() + request->wait * request->tries;
}

/* ---- the connection ---- */

static bool is_open(const struct talk *talk)
{
    return talk->stream.open;
}

static bool connect_stream(struct talk *talk, struct dr_error *error)
{
    talk->stream =
        (struct dr_stream){.task = talk->task, .error = error, .tls_options = &talk->options};
    talk->heard = talk->passed = 0;
    talk->halfway = false;
    allow_time(talk);
    return dr_stream_open(&talk->stream, DEFAULT_PORT, true);
}

static void disconnect(struct talk *talk)
{
    dr_stream_close(&talk->stream);
    for (size_t i = 0; i < talk->count; i++)
        talk->asked[i].sent = false;
}

static bool write_all(struct talk *talk, const uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t some = dr_stream_write(&talk->stream, bytes + done, size - done, "ask");
        if (some < 0)
            return false;
        done += (size_t)some;
    }
    return true;
}

static bool read_all(struct talk *talk, uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t some = dr_stream_read(&talk->stream, bytes + done, size - done, READ_STAGE);
        if (some < 0)
            return false;
        done += (size_t)some;
        talk->halfway |= some > 0;
    }
    return true;
}

/* ---- questions and replies ---- */

static bool is_pending(const struct asked *asked)
{
    return asked->question.delivery == DNS_PENDING;
}

static bool any_pending(const struct talk *talk)
{
    for (size_t i = 0; i < talk->count; i++) {
        if (is_pending(&talk->asked[i]))
            return true;
    }
    return false;
}

/* Length and message of one question behind the others that go out with it; false where there is no
 * room. */
static bool put_one(struct talk *talk, struct asked *asked, size_t *used)
{
    uint8_t *bytes = talk->room + *used;
    if (*used + 2 + DNS_QUERY_MAX > DNS_MESSAGE_MAX)
        return false;
    size_t size = dns_query_write(&asked->question.query, bytes + 2, DNS_QUERY_MAX);
    bytes[0] = (uint8_t)(size >> 8);
    bytes[1] = (uint8_t)(size & 0xff);
    *used += 2 + size;
    dns_samples_trace_question(talk->task, &asked->question);
    asked->sent = true;
    asked->question.tries++;
    return true;
}

/* All in one go: a server that closes after its first reply would not hear of the others, and what
 * we said too late would have its kernel take the reply back. What finds no room goes out with the
 * next. */
static bool send_pending(struct talk *talk)
{
    size_t used = 0;
    for (size_t i = 0; i < talk->count; i++) {
        struct asked *asked = &talk->asked[i];
        if (is_pending(asked) && !asked->sent && !put_one(talk, asked, &used))
            break;
    }
    if (used == 0)
        return true;
    dr_task_stage(talk->task, "ask");
    allow_time(talk);
    return write_all(talk, talk->room, used);
}

static void conclude(struct talk *talk, struct asked *asked)
{
    struct dns_question *question = &asked->question;
    struct dns_question again;
    question->tcp = question->delivery == DNS_DELIVERED;
    question->seconds = dr_monotonic() - talk->began;
    (void)dns_address_read_port(talk->stream.peer, &question->server, &question->port, NULL);
    dns_samples_trace_end(talk->task, question);
    if (dns_samples_take(&talk->samples, question, &again)) {
        again.query.id = (uint16_t)(talk->count + 1);
        talk->asked[talk->count++] = (struct asked){.question = again};
    }
    dns_message_free(&question->reply);
    question->reply = (struct dns_message){.bytes = NULL};
}

static struct asked *find_asked(struct talk *talk, unsigned id)
{
    for (size_t i = 0; i < talk->count; i++) {
        struct asked *asked = &talk->asked[i];
        if (is_pending(asked) && asked->sent && asked->question.query.id == id)
            return asked;
    }
    return NULL;
}

/* A message that is for none of the questions is passed over. */
static bool read_reply(struct talk *talk)
{
    uint8_t length[2];
    dr_task_stage(talk->task, READ_STAGE);
    talk->halfway = false;
    if (!read_all(talk, length, sizeof length))
        return false;
    size_t size = (size_t)length[0] << 8 | length[1];
    if (!read_all(talk, talk->room, size))
        return false;
    talk->halfway = false;
    unsigned id = size < 2 ? 0 : (unsigned)talk->room[0] << 8 | talk->room[1];
    struct asked *asked = find_asked(talk, id);
    if (asked == NULL) {
        talk->passed++;
        dr_task_trace(talk->task, 2, "passed over: %zu bytes that answer nothing (id %u)", size,
                      id);
        return true;
    }
    talk->heard++;
    dns_samples_deliver(&asked->question, talk->room, size);
    conclude(talk, asked);
    return true;
}

/* ---- what went wrong ---- */

static enum dns_delivery delivery_of(const struct talk *talk, enum dr_error_class class)
{
    if (class == DR_ERR_TIMEOUT)
        return DNS_NO_REPLY;
    if (class != DR_ERR_CONNECT || is_open(talk))
        return DNS_NOT_SECURE;
    return dns_samples_failed_connection(talk->stream.failure);
}

/* Says of all that are open why there will be no answer. */
static void give_up(struct talk *talk, const struct dr_error *error)
{
    enum dns_delivery delivery = delivery_of(talk, error->class);
    size_t count = talk->count;
    for (size_t i = 0; i < count; i++) {
        struct dns_question *question = &talk->asked[i].question;
        if (!is_pending(&talk->asked[i]))
            continue;
        question->delivery = delivery;
        snprintf(question->words, sizeof question->words, "%s%.*s",
                 talk->passed > 0 ? "replies to none of the questions: "
                 : talk->halfway  ? "half a reply: "
                                  : "",
                 (int)sizeof question->words - 40, error->text);
        conclude(talk, &talk->asked[i]);
    }
}

/* Nobody was asked, and that is no fault of the resolver. */
static bool is_ours(const struct dr_error *error)
{
    return error->class == DR_ERR_RESOLVE || error->class == DR_ERR_USAGE ||
           error->class == DR_ERR_MODULE || error->class == DR_ERR_INTERNAL;
}

/* It was closed between two messages, after at least one answer. With or without a farewell of TLS:
 * every message says how long it is, so that nothing can have been cut off. */
static bool may_go_on(const struct talk *talk, const struct dr_error *error)
{
    return is_open(talk) && error->class != DR_ERR_TIMEOUT && talk->heard > 0 && !talk->halfway;
}

static bool talk_all(struct talk *talk, struct dr_error *error)
{
    bool ok = true;
    talk->began = dr_monotonic();
    while (ok && any_pending(talk)) {
        if ((is_open(talk) || connect_stream(talk, error)) && send_pending(talk) &&
            read_reply(talk))
            continue;
        ok = !is_ours(error);
        if (ok && !may_go_on(talk, error))
            give_up(talk, error);
        disconnect(talk);
    }
    disconnect(talk);
    return ok;
}

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct talk talk = {.task = task};
    bool ok = read_target(&talk, error) && prepare(&talk, facts, error) && talk_all(&talk, error);
    free(talk.asked);
    free(talk.room);
    return ok;
}

static const char *library(void)
{
    return OPENSSL_VERSION_TEXT;
}

extern const struct dr_source DR_SOURCE_SYMBOL(dns, tls);
const struct dr_source DR_SOURCE_SYMBOL(dns, tls) = {.abi = DR_SOURCE_ABI,
                                                     .group = "dns",
                                                     .name = "tls",
                                                     .facts_size = sizeof(struct dns_facts),
                                                     .library = library,
                                                     .probe = probe};
