/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/samples.h"

#include "common/buffer.h"
#include "plugins/dns/answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double time_of(const struct dns_request *request)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return request->at > 0 ? request->at : (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool add_view(struct dns_facts *facts, const char *label, size_t sample)
{
    char *text =
        sample == 0 ? dr_text_format("%s", label) : dr_text_format("%s/%zu", label, sample + 1);
    bool ok = text != NULL && dns_facts_view(facts, text, 0) != NULL;
    free(text);
    return ok;
}

bool dns_samples_begin(struct dns_samples *samples, struct dns_facts *facts, const char *label,
                       const struct dns_request *request, struct dr_error *error)
{
    *samples = (struct dns_samples){.facts = facts, .request = request, .now = time_of(request)};
    for (size_t i = 0; i < request->samples; i++) {
        if (!add_view(facts, label, i))
            return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    }
    return true;
}

/* ---- questions ---- */

static size_t wanted_families(const struct dns_request *request)
{
    return (size_t)request->wants[DNS_V4] + (size_t)request->wants[DNS_V6];
}

size_t dns_samples_count(const struct dns_request *request)
{
    return request->samples * wanted_families(request);
}

static unsigned type_of(enum dns_family family)
{
    return family == DNS_V4 ? DNS_A : DNS_AAAA;
}

struct dns_question dns_samples_question(const struct dns_request *request, size_t index)
{
    size_t families = wanted_families(request);
    enum dns_family family = families == 1 && request->wants[DNS_V6] ? DNS_V6 : DNS_V4;
    if (families == 2 && index % 2 == 1)
        family = DNS_V6;
    struct dns_question question = {.query = {.name = request->name,
                                              .type = type_of(family),
                                              .recurse = true,
                                              .edns = request->edns,
                                              .dnssec = request->edns && request->dnssec,
                                              .udp_size = request->udp_size},
                                    .purpose =
                                        (unsigned)(index / families * DNS_FAMILIES + family)};
    return question;
}

/* ---- replies ---- */

/* The bit travels in the header: it needs no EDNS. */
static struct dns_question with_checking_disabled(const struct dns_question *question)
{
    struct dns_question again = {.query = question->query,
                                 .server = question->server,
                                 .port = question->port,
                                 .tcp_only = question->tcp_only,
                                 .context = question->context,
                                 .purpose = question->purpose};
    again.query.checking_disabled = true;
    if (question->no_edns)
        again.query.edns = again.query.dnssec = false;
    return again;
}

/* What the resolver says with checking disabled says why it had failed, and nothing else: the words
 * stay those of the failure. */
static void explain_failure(const struct dns_question *question, struct dns_answer *answer)
{
    if (question->delivery == DNS_DELIVERED && question->reply.rcode == DNS_NOERROR)
        answer->outcome = DNS_BOGUS;
}

bool dns_samples_take(struct dns_samples *samples, const struct dns_question *question,
                      struct dns_question *again)
{
    struct dns_view *view = &samples->facts->views[question->purpose / DNS_FAMILIES];
    struct dns_answer *answer = &view->answers[question->purpose % DNS_FAMILIES];
    if (question->query.checking_disabled) {
        explain_failure(question, answer);
        return false;
    }
    dns_answer_free(answer);
    *answer = (struct dns_answer){.outcome = DNS_NOT_ASKED};
    if (question->server.family != 0)
        view->address = question->server;
    if (!dns_answer_read(question, NULL, samples->now, answer)) {
        samples->facts->no_memory = true;
        return false;
    }
    if (answer->outcome == DNS_FAILED)
        *again = with_checking_disabled(question);
    return answer->outcome == DNS_FAILED;
}

void dns_samples_deliver(struct dns_question *question, const uint8_t *bytes, size_t size)
{
    struct dr_error error;
    if (!dns_message_read(bytes, size, &question->reply, &error)) {
        question->delivery = DNS_NOT_READABLE;
        snprintf(question->words, sizeof question->words, "%.*s", (int)sizeof question->words - 1,
                 error.text);
        return;
    }
    if (dns_message_answers(&question->reply, &question->query)) {
        question->delivery = DNS_DELIVERED;
        return;
    }
    dns_message_free(&question->reply);
    question->reply = (struct dns_message){.bytes = NULL};
    question->delivery = DNS_NOT_READABLE;
    snprintf(question->words, sizeof question->words, "a reply to another question");
}

enum dns_delivery dns_samples_failed_connection(int failure)
{
    switch (failure) {
    case ENETUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EACCES:
    case EPERM:
        return DNS_NO_WAY;
    default:
        return DNS_REFUSED_BY_HOST;
    }
}

/* ---- traces ---- */

void dns_samples_trace_question(struct dr_task *task, const struct dns_question *question)
{
    char name[DNS_NAME_TEXT], type[DNS_TYPE_TEXT];
    if (dr_task_traces(task, 2))
        dr_task_trace(task, 2, "ask for %s %s%s (id %u)",
                      dns_name_text(&question->query.name, name),
                      dns_type_text(question->query.type, type),
                      question->query.checking_disabled ? ", checking disabled" : "",
                      (unsigned)question->query.id);
}

void dns_samples_trace_end(struct dr_task *task, const struct dns_question *question)
{
    char rcode[DNS_RCODE_TEXT];
    if (question->delivery != DNS_DELIVERED)
        dr_task_trace(task, 1, "no answer: %s", question->words);
    else
        dr_task_trace(task, 3, "reply (id %u): %s, %zu bytes, %zu records, %.3f s",
                      (unsigned)question->query.id, dns_rcode_text(question->reply.rcode, rcode),
                      question->reply.size, question->reply.record_count, question->seconds);
}
