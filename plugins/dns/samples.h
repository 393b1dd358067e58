/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The questions that a resolver is asked, whatever they travel over, and what its replies become:
 * a view for each sample, labelled "LABEL", "LABEL/2", "LABEL/3" ...
 *
 * A sample is the name, asked for each family that is wanted, with recursion. Where a resolver
 * says SERVFAIL the same is asked once more with checking disabled (RFC 4035, 3.2.2): what is
 * answered then is no answer, but shows that DNSSEC is what stands in the way. */
#ifndef DNS_SAMPLES_H
#define DNS_SAMPLES_H

#include "plugins/dns/exchange.h"
#include "plugins/dns/request.h"

struct dns_samples {
    struct dns_facts *facts;
    const struct dns_request *request;
    double now; /* seconds since the epoch: signatures are judged as of then */
};

/* Adds a view for each of request->samples. False with an INTERNAL error when out of memory. */
bool dns_samples_begin(struct dns_samples *samples, struct dns_facts *facts, const char *label,
                       const struct dns_request *request, struct dr_error *error);

/* How many questions are asked at first; as many again may follow, one for each. */
size_t dns_samples_count(const struct dns_request *request);

/* One of them, from 0: without server and port, its `purpose` says which sample and family. */
struct dns_question dns_samples_question(const struct dns_request *request, size_t index);

/* Takes what came of a question (delivery, reply, words, seconds, server ...) into its view, in the
 * place of what is there. True where *again is to be asked now. */
bool dns_samples_take(struct dns_samples *samples, const struct dns_question *question,
                      struct dns_question *again);

/* Takes a message that came for a question over a stream or in an HTTP reply: delivered where it
 * answers it, else not readable, with words. The caller ends question->reply by dns_message_free.
 */
void dns_samples_deliver(struct dns_question *question, const uint8_t *bytes, size_t size);

/* What a connection that could not be made says of the resolver, by its errno: nothing, where this
 * host has no way to it (DNS_NO_WAY); else, and where it is not known (0), DNS_REFUSED_BY_HOST. */
enum dns_delivery dns_samples_failed_connection(int failure);

/* The question, and how it ended, as lines of -vv and -vvv. */
void dns_samples_trace_question(struct dr_task *task, const struct dns_question *question);
void dns_samples_trace_end(struct dr_task *task, const struct dns_question *question);

#endif
