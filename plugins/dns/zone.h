/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The zone's servers: each address of each of them is a spot, asked as soon as it is known
 * (zone_servers.c). The source that leads the whole walk is zone.c. */
#ifndef DNS_ZONE_H
#define DNS_ZONE_H

#include "plugins/dns/delegation.h"

#define DNS_VIEWS_MAX 64

/* A reply that is needed later. */
struct dns_kept {
    struct dns_kept *next;
    struct dns_question question;
};

struct dns_spot {
    struct dns_spot *next;
    size_t number; /* of spots, and its index in facts.views */
    struct dns_address address;
    int port;
    bool asked;         /* what needs the zone to be known */
    bool named;         /* ... what does not: the name's addresses */
    bool keyed;         /* ... DNSKEY */
    bool serves;        /* it answered for the zone with AA */
    struct dns_name at; /* the name whose SOA it was asked for, to learn the zone; length 0: none */
    struct dns_kept *waiting; /* until the zone is known */
    struct dns_kept *answers; /* until they can be validated */
    struct dns_message keys;  /* the reply to DNSKEY, kept for validation */
};

/* That address is one of the zone's servers', named `server`: asked, unless it is already. */
void dns_zone_server(struct dns_walk *walk, const char *server, const struct dns_address *address);

/* The zone is known; the parent has a DS: everyone is asked what follows. */
void dns_zone_known(struct dns_walk *walk);
void dns_zone_signed(struct dns_walk *walk);

/* ---- what zone.c alone uses ---- */

/* A server that is given, or remembered: asked with dns_spot_ask. */
void dns_zone_add(struct dns_walk *walk, const struct dns_given *given);

/* Whatever can be asked by now and has not been. */
void dns_spot_ask(struct dns_walk *walk, struct dns_spot *spot);

/* A reply to DNS_ASK_ZONE to DNS_ASK_KEYS. */
void dns_zone_take(struct dns_walk *walk, struct dns_question *question);

/* The zone is known: the replies that waited for that. */
void dns_spot_take_waiting(struct dns_walk *walk, struct dns_spot *spot);

/* Where it is put down: its view, and there the answer to a question. Valid until the next spot is
 * added. */
struct dns_view *dns_spot_view(const struct dns_walk *walk, const struct dns_spot *spot);
struct dns_answer *dns_spot_answer(const struct dns_walk *walk,
                                   const struct dns_question *question);

void dns_zone_free(struct dns_walk *walk);

#endif
