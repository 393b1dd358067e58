/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How one gets to the zone: which zone it is, what the zone above says of it, how its servers are
 * called and where they are. Asked of resolvers ("finders"), of the parent's servers, and of the
 * zone's own; whatever becomes known starts the questions that follow from it, so that nothing
 * waits for what it does not need. */
#ifndef DNS_DELEGATION_H
#define DNS_DELEGATION_H

#include "plugins/dns/exchange.h"
#include "plugins/dns/facts.h"
#include "plugins/dns/request.h"

struct dns_lookup;
struct dns_place;
struct dns_spot;

/* What a question is for. Its context is named behind it. */
enum dns_purpose {
    DNS_FIND,         /* of a finder: the lookup */
    DNS_FIND_ABOVE,   /* of the parent's servers: the place. SOA, to learn the zone */
    DNS_FIND_SERVERS, /* NS of the zone */
    DNS_FIND_DS,
    DNS_ASK_ZONE, /* of the zone's servers: the spot. SOA, to learn the zone */
    DNS_ASK_NAME, /* number: family */
    DNS_ASK_SOA,
    DNS_ASK_SERVERS,
    DNS_ASK_STANDBY, /* number: 2 * standby + family */
    DNS_ASK_REST, /* the end of an answer that the server has left out; number: that of its answer,
                     for a standby DNS_FAMILIES more */
    DNS_ASK_RANDOM,
    DNS_ASK_KEYS,
    DNS_ASK_HOST /* the host; number: family */
};

/* A question's purpose: one of these, and a number. */
#define DNS_PURPOSE(purpose, number) ((unsigned)(purpose) | (unsigned)(number) << 8)
#define DNS_PURPOSE_OF(question) ((enum dns_purpose)((question)->purpose & 255))
#define DNS_NUMBER_OF(question) ((question)->purpose >> 8)

#define DNS_HOSTS_MAX 64
#define DNS_HOST_ADDRESSES 16
#define DNS_WHY 320

struct dns_addresses {
    struct dns_address items[DNS_HOST_ADDRESSES];
    size_t count;
};

/* A name of a server and, by family, its addresses. */
struct dns_host {
    struct dns_host *next;
    struct dns_name name;
    char text[DNS_NAME_TEXT];
    bool parent, child; /* named by the parent; by the zone itself */
    bool found;         /* named by a finder */
    bool inside;        /* the name lies in the zone */
    bool looked_up;     /* finders are asked */
    bool alias;
    char why[DNS_WHY]; /* why finders do not know where it is, by who was asked; "" */
    struct {
        bool known;                /* by a finder */
        bool told;                 /* by a server of the zone */
        uint64_t tried;            /* servers of the zone that were asked: bits by spot number */
        bool asking;               /* one of them is being asked */
        struct dns_addresses glue; /* in the parent's referral */
        struct dns_addresses at;   /* as a finder says */
        struct dns_addresses own;  /* as a server of the zone says */
    } by[DNS_FAMILIES];
};

struct dns_walk {
    struct dr_task *task;
    const struct dns_request *request;
    struct dns_facts *facts;
    struct dns_exchange *exchange;
    double now;                /* seconds since the epoch, for signatures */
    bool zone_known;           /* `zone`, zone_text */
    bool no_memory;            /* something could not be kept */
    bool crowded;              /* there are more servers, or addresses of them, than are asked */
    bool child_known;          /* a server of the zone has named the zone's servers */
    bool referral;             /* the parent referred us: its glue can be compared */
    char why_zone[DNS_WHY];    /* why the zone is not known, by who was asked; "" */
    char why_parent[DNS_WHY];  /* ... what the parent says */
    char why_ds[DNS_WHY];      /* ... its DS */
    char why_servers[DNS_WHY]; /* ... NS, by the finders */
    char why_hosts[DNS_WHY];   /* whose addresses are not known */
    char doubt[DNS_WHY];       /* who says something else */
    struct dns_name zone;
    char zone_text[DNS_NAME_TEXT];
    struct dns_name random; /* a name that cannot exist; length 0: not asked for */
    struct dns_host *hosts; /* in the order in which they were heard of */
    size_t host_count;
    struct dns_lookup *lookups;
    struct dns_place *places; /* the parent's servers */
    size_t place_open;        /* questions to them */
    struct dns_message ds;    /* the parent's reply; kept for validation */
    struct dns_spot *spots;
    size_t spot_count;
    size_t spot_open; /* questions to the zone's servers */
};

/* Asks; DO with EDNS of servers, RD of finders. False (no_memory) when out of memory. */
bool dns_walk_ask(struct dns_walk *walk, const struct dns_address *server, int port,
                  const struct dns_name *name, unsigned type, unsigned purpose, void *context);

/* Servers are asked over that family. */
bool dns_walk_wants(const struct dns_walk *walk, const struct dns_address *address);

/* Starts: everything that can be asked before anything is known. */
void dns_delegation_start(struct dns_walk *walk);

/* What a reply to SOA of a name says of the zone that the name is in (RFC 1034, 4.3.2: the SOA in
 * the answer, or in the authority section of a denial). DNS_SEEK_ABOVE: ask for *zone, the name
 * above; it is an alias, or somebody has left the SOA out. */
enum dns_seek { DNS_SEEK_NOTHING, DNS_SEEK_FOUND, DNS_SEEK_ABOVE };
enum dns_seek dns_delegation_seek(const struct dns_question *question, bool authoritative,
                                  struct dns_name *zone);

/* The zone is known, as `by` says: what waited for that is asked. Another one than is known already
 * is said in `trouble`. */
void dns_delegation_zone(struct dns_walk *walk, const struct dns_name *zone, const char *by);

/* A reply to DNS_FIND..., or DNS_ASK_HOST. */
void dns_delegation_take(struct dns_walk *walk, struct dns_question *question);

/* A server of the zone has named the zone's servers. */
void dns_delegation_servers(struct dns_walk *walk, const struct dns_servers *servers);

/* One of them has shown that it serves the zone: it can be asked where they are. */
void dns_delegation_hosts(struct dns_walk *walk);

/* The answer leaves the zone: finders are asked for its end, once. */
void dns_delegation_tail(struct dns_walk *walk, const struct dns_answer *answer,
                         enum dns_family family);

/* True while there is an answer to wait for that is needed. */
bool dns_delegation_waits(const struct dns_walk *walk);

/* Who names that address as one of the zone's servers': adds it to *origin. */
void dns_delegation_origin(const struct dns_walk *walk, const struct dns_address *address,
                           struct dns_origin *origin);

/* Puts down what has become known: facts.delegation. */
void dns_delegation_report(struct dns_walk *walk);

void dns_delegation_free(struct dns_walk *walk);

/* Adds ", WHO: WHAT" to one of the texts that say why. */
__attribute__((format(printf, 2, 3))) void dns_walk_why(char why[DNS_WHY], const char *format, ...);

/* Why a question was of no use: "no reply", "SERVFAIL". Static, or in `buffer`, or the question's.
 */
const char *dns_walk_words(const struct dns_question *question, char buffer[DNS_RCODE_TEXT]);

#endif
