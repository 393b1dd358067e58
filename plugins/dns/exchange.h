/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions and replies: any number of questions to any number of servers at once, over one poll
 * loop, in the thread of the caller.
 *
 * Each question over UDP has a connected socket of its own, on a random port, with a random id:
 * what does not come from that server, or answers another question, is not taken and does not end
 * the wait. A reply is waited for `wait` seconds, then the question is said once more (`tries`
 * altogether, each on a new socket); a late reply to an earlier try counts. TC: the question is
 * repeated over TCP. FORMERR, NOTIMP and BADVERS, to a question with EDNS: it is repeated without.
 * Each such repetition has `tries` tries of its own. ICMP errors end it at once, unless another try
 * follows or is still waited for.
 *
 * Over TCP, which repeats by itself what is lost, a connection has the time of all tries; one that
 * is refused, reset or cut is followed by another one while there are tries left. */
#ifndef DNS_EXCHANGE_H
#define DNS_EXCHANGE_H

#include "common/run.h"
#include "plugins/dns/address.h"
#include "plugins/dns/message.h"

enum dns_delivery {
    DNS_PENDING = 0,
    DNS_DELIVERED,       /* `reply` is there: whatever it says */
    DNS_NO_REPLY,        /* in time, in all tries; or the task's time was up before */
    DNS_REFUSED_BY_HOST, /* all tries: ICMP port or host unreachable; TCP only: refused,
                            unreachable, reset, closed without a reply */
    DNS_NO_WAY,          /* no route, no address of the family, no permission: it never left */
    DNS_NO_TCP,          /* truncated over UDP; over TCP it was refused, reset, cut, silent, not
                            readable, or answered another question */
    DNS_NOT_READABLE,    /* what came is no DNS message, and no reply followed; TCP only: also half
                            of one, or a reply to another question */
    DNS_NOT_SECURE       /* DoT, DoH: the layer below failed; set by those sources */
};

struct dns_question {
    struct dns_query query; /* the id is chosen by the exchange */
    struct dns_address server;
    int port;
    bool tcp_only;
    void *context;    /* the caller's */
    unsigned purpose; /* the caller's */
    /* what came of it */
    enum dns_delivery delivery;
    struct dns_message reply; /* where it was delivered */
    char words[160];          /* why it was not: "connection refused", "half a message" */
    double seconds;           /* from the first try to the reply, or to the end */
    unsigned tries;           /* questions sent, and connections started */
    bool tcp;                 /* the reply came over TCP */
    bool no_edns; /* it was repeated without EDNS: query.edns and query.dnssec are false now */
};

struct dns_exchange_rules {
    double wait;                       /* seconds for each try */
    unsigned tries;                    /* at least 1 */
    const struct dns_address *source4; /* where questions come from; NULL: any */
    const struct dns_address *source6;
};

struct dns_exchange;

/* NULL when out of memory. */
struct dns_exchange *dns_exchange_new(struct dr_task *task, const struct dns_exchange_rules *rules);

/* Puts a question (copied; only its first part is read) and sends it at once where there is room
 * among the DNS_EXCHANGE_OPEN that are open (fewer where the process may open few files), else as
 * soon as there is. Traces each try at -vv. False when out of memory. */
#define DNS_EXCHANGE_OPEN 256
bool dns_exchange_ask(struct dns_exchange *exchange, const struct dns_question *question);

/* Waits until some question has ended and hands it over, in the order in which they end (-vvv: the
 * reply); NULL when none is left, or the task's time is up: then every question that is open ends
 * as DNS_NO_REPLY before. It is valid until the next call; the caller may take its `reply`, and
 * then leaves it zeroed there. */
struct dns_question *dns_exchange_next(struct dns_exchange *exchange);

/* Closes everything, also what is still waited for. NULL is allowed. */
void dns_exchange_free(struct dns_exchange *exchange);

#endif
