/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The zone's servers: each address of each of them is a spot, asked as soon as it is known. */
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

#endif
