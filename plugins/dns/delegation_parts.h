/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of delegation.h share, and nobody else uses: delegation_find.c (what is asked of
 * resolvers), delegation_hosts.c (the zone's servers: names, addresses, glue), delegation_parent.c
 * (the servers of the zone above: referral, DS), delegation.c (start, end, report). */
#ifndef DNS_DELEGATION_PARTS_H
#define DNS_DELEGATION_PARTS_H

#include "plugins/dns/delegation.h"

/* ---- resolvers (delegation_find.c) ---- */

/* What is looked up: the zone that the name is in, its NS, an address of one of its servers; the
 * zone above, its NS, an address of one of its servers; the end of an answer that leaves the zone.
 */
enum dns_look {
    DNS_LOOK_ZONE,
    DNS_LOOK_SERVERS,
    DNS_LOOK_HOST,
    DNS_LOOK_ABOVE,
    DNS_LOOK_ABOVE_SERVERS,
    DNS_LOOK_ABOVE_HOST,
    DNS_LOOK_TAIL
};

/* One question to all finders: the first usable reply counts. One that merely has nothing in it
 * counts where none of the others says more. */
struct dns_lookup {
    struct dns_lookup *next;
    enum dns_look kind;
    struct dns_name name;
    enum dns_family family;
    struct dns_host *host; /* DNS_LOOK_HOST */
    size_t tail;           /* DNS_LOOK_TAIL: its index */
    size_t open;           /* replies that are still to come */
    bool settled;
    bool weak;             /* one has denied it, but left out the SOA that a denial has */
    struct dns_name above; /* ... the name to ask for next; length 0: none */
    char why[DNS_WHY];
};

/* Asks all finders. NULL where there is nobody to ask, or no memory. */
struct dns_lookup *dns_find(struct dns_walk *walk, enum dns_look kind, const struct dns_name *name,
                            unsigned type);

/* A and AAAA of the name; `host`: of DNS_LOOK_HOST, else NULL. */
void dns_find_addresses(struct dns_walk *walk, enum dns_look kind, const struct dns_name *name,
                        struct dns_host *host);

/* The reply of a finder. */
void dns_find_take(struct dns_walk *walk, struct dns_lookup *lookup,
                   const struct dns_question *question);

/* True while a finder's reply is to come that is needed. */
bool dns_find_waits(const struct dns_walk *walk);

/* ---- the zone's servers (delegation_hosts.c) ---- */

/* A and AAAA, by family. */
extern const enum dns_type dns_family_types[DNS_FAMILIES];

bool dns_addresses_have(const struct dns_addresses *list, const struct dns_address *address);

/* The outcome says where a server is, or that it is nowhere. */
bool dns_host_is_told_by(enum dns_outcome outcome);

/* The names and addresses of the zone's servers are to be found, and not given. */
bool dns_walk_wants_hosts(const struct dns_walk *walk);

/* The server of that name, which is added; NULL where there are too many, or no memory. */
struct dns_host *dns_host_named(struct dns_walk *walk, const struct dns_name *name);

/* It is one of the zone's servers, by those who are believed. */
bool dns_host_is_listed(const struct dns_walk *walk, const struct dns_host *host);

/* An address of it is known from anybody; from the parent's glue. */
bool dns_host_has_any(const struct dns_host *host);
bool dns_host_has_glue(const struct dns_host *host);

/* An address of the host: kept in `list`, which is one of its own, and asked what the zone's
 * servers are asked. */
void dns_host_use_address(struct dns_walk *walk, const struct dns_host *host,
                          struct dns_addresses *list, const struct dns_address *address);

/* Asks where it is: the finders, once; a server that may have the zone. */
void dns_host_find(struct dns_walk *walk, struct dns_host *host);
void dns_host_ask(struct dns_walk *walk, struct dns_host *host, int family,
                  const struct dns_address *server, int port);

/* The reply to dns_host_ask. */
void dns_host_take(struct dns_walk *walk, struct dns_host *host,
                   const struct dns_question *question);

/* ---- the zone above (delegation_parent.c) ---- */

/* A server of the parent zone. */
struct dns_place {
    struct dns_place *next;
    struct dns_address address;
    int port;
    char label[DNS_NAME_TEXT + DNS_ADDRESS_TEXT];
    bool asked, asked_servers, asked_ds;
    bool told_nothing; /* its reply about a name in the zone was an error: NS may do */
};

/* What the parent says is to be found out; it is: nobody else needs to be asked. */
bool dns_parent_is_wanted(const struct dns_walk *walk);
bool dns_parent_is_known(const struct dns_walk *walk);

/* The zone is known: what the parent says of it is asked. */
void dns_parent_start(struct dns_walk *walk);

/* Who the parent is; NULL: not known. The first one counts. */
void dns_parent_name(struct dns_walk *walk, const struct dns_name *parent);

/* Adds a server of the parent, and asks nothing. NULL where it is there already, where there are
 * too many, or out of memory. */
struct dns_place *dns_place_add(struct dns_walk *walk, const char *label,
                                const struct dns_address *address, int port);

/* Asks it whatever is not known yet. */
void dns_place_ask(struct dns_walk *walk, struct dns_place *place);

/* Asks the next ones, as long as nobody has said it. */
void dns_places_go_on(struct dns_walk *walk);

/* The reply to DNS_FIND_ABOVE, DNS_FIND_SERVERS or DNS_FIND_DS; a DS's is taken away. */
void dns_parent_take(struct dns_walk *walk, struct dns_question *question);

#endif
