/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was seen of a name in the DNS: each address of each server, each resolver, answer by answer.
 * Filled by the sources, judged elsewhere: nothing here says whether an answer is right. */
#ifndef DNS_FACTS_H
#define DNS_FACTS_H

#include "common/optional.h"
#include "plugins/dns/address.h"
#include "plugins/dns/name.h"

#include <stddef.h>

enum dns_family { DNS_V4, DNS_V6, DNS_FAMILIES }; /* questions for A and for AAAA */

/* What came of a question. The order is that of the table in judge_words.c. */
enum dns_outcome {
    DNS_NOT_ASKED = 0,
    /* NOERROR, and the chain from the name ends in ... */
    DNS_FOUND,    /* addresses of the type that was asked for */
    DNS_NODATA,   /* a name that has none: SOA in the authority section, or an empty answer of a
                     resolver */
    DNS_DANGLING, /* at the end of a CNAME, a name that does not exist or has no address */
    DNS_LOOP,     /* a CNAME that leads back */
    DNS_LONG,     /* more than DNS_LINKS_MAX links */
    DNS_LEAVES,   /* a name outside the zone that the server serves, or that it did not look up:
                     nobody denies it */
    DNS_EMPTY,    /* an empty answer, without the SOA that an authoritative server owes */
    /* the name itself */
    DNS_NAME_ERROR, /* NXDOMAIN: it does not exist */
    /* the server does not serve the zone, or does not serve us */
    DNS_NOT_AUTHORITATIVE, /* an answer without AA from a server that should be authoritative */
    DNS_LAME,              /* no answer, but a referral to other servers */
    DNS_UPWARD,            /* a referral to the root, or above the zone */
    DNS_FAILED,            /* SERVFAIL */
    DNS_BOGUS,             /* SERVFAIL, and NOERROR with checking disabled: DNSSEC does not hold */
    DNS_DENIED,            /* REFUSED */
    DNS_ERROR,             /* FORMERR, NOTIMP, BADVERS and all other codes: `words` says which */
    /* nobody answered */
    DNS_SILENT,      /* no reply in time, in all tries */
    DNS_UNREACHABLE, /* ICMP: nothing listens on the port, or the host cannot be reached */
    DNS_NO_ROUTE,    /* we have no route or no address of that family: never left this host */
    DNS_TCP_FAILED,  /* truncated over UDP, and TCP does not work */
    DNS_TRUNCATED,   /* truncated even over TCP */
    DNS_MALFORMED,   /* a reply that cannot be read */
    DNS_NOT_SECURED, /* TLS or HTTP below it failed */
    DNS_OUTCOMES
};

#define DNS_LINKS_MAX 16

/* A link of a chain. */
struct dns_link {
    char *owner;
    char *target;
    bool dname;   /* made by a DNAME */
    uint32_t ttl; /* seconds; of the DNAME where there is one */
};

/* What the signatures of a reply are worth. */
enum dns_validity {
    DNS_NOT_VALIDATED = 0, /* not asked for */
    DNS_SECURE,            /* every record of the chain is signed by keys that the DS vouches for */
    DNS_INSECURE,          /* the zone has no DS: nothing is promised */
    DNS_INVALID,           /* a signature is missing, wrong, expired or not yet valid */
    DNS_INDETERMINATE      /* keys or DS could not be had */
};

struct dns_answer {
    enum dns_outcome outcome;
    char *words; /* more about it: an error's text, the extended error; NULL */
    struct dns_link *links;
    size_t link_count;
    char *end; /* the name at the end of the chain: the name itself where there is no link; NULL
                  where nothing was answered */
    struct dns_address *addresses; /* of the type that was asked for */
    size_t address_count;
    uint32_t ttl;               /* of the addresses, seconds */
    struct dr_opt_int negative; /* how long "there is none" is kept: min(SOA's TTL, SOA's minimum),
                                   seconds (RFC 2308, 5) */
    bool recursion;             /* the server offers recursion (RA) */
    bool authentic;             /* AD */
    bool tcp;                   /* the reply came over TCP */
    bool no_edns;   /* only answered once it was asked without EDNS, or answers without it */
    bool stale;     /* extended error 3 or 19: the resolver could not ask, and took an old answer */
    bool wildcard;  /* signed, and made from a wildcard: RRSIG's labels are fewer (RFC 4035, 5.3.4)
                     */
    bool is_signed; /* RRSIGs came with it */
    struct dr_opt_real signed_for;  /* seconds until the first of its signatures expires; less than
                                       0: expired */
    struct dr_opt_real signed_life; /* how long that one is valid altogether, seconds */
    enum dns_validity validity;
    char *validity_words; /* why; of DNS_SECURE: "opt-out"; NULL */
    char *nsid;           /* which of several servers it was; NULL */
    double seconds;       /* from the first question to the reply */
    unsigned tries;
};

/* The zone as a server has it. */
struct dns_soa {
    bool known;
    uint32_t ttl;
    uint32_t serial;
    uint32_t refresh, retry, expire, minimum; /* seconds */
};

/* Names of servers, as a set: sorted, in lower case. */
struct dns_servers {
    bool known;
    char **names;
    size_t count;
    uint32_t ttl; /* seconds */
};

/* A record DS or DNSKEY, as far as they can be compared without computing. */
struct dns_key {
    unsigned tag, algorithm;
};

struct dns_keys {
    bool known; /* the question was answered; none: the zone is not signed */
    struct dns_key *items;
    size_t count;
};

/* Where the address of a server comes from. */
struct dns_origin {
    bool given;      /* --server */
    bool parent;     /* named by the parent zone */
    bool child;      /* named by the zone itself */
    bool remembered; /* found by an earlier run, and asked before this one found it */
};

/* One address of one server, or one resolver (one sample of it). */
struct dns_view {
    char *label;  /* in output and perfdata: "ns1.example.com/192.0.2.53", "10.0.0.53" */
    char *server; /* its name in an NS record; NULL */
    struct dns_origin origin;
    struct dns_address address; /* family 0 where it is not known (DoH by name) */
    struct dns_answer answers[DNS_FAMILIES];
    struct dns_answer
        *standby;             /* of authoritative servers: DNS_FAMILIES for each --standby; NULL */
    size_t standby_count;     /* names, not answers */
    struct dns_answer random; /* a name beside it that cannot exist; the family asked first */
    /* of authoritative servers */
    struct dns_soa soa;
    struct dns_servers servers;     /* NS of the zone, as it says */
    struct dns_keys keys;           /* DNSKEY, as it says; not known where it was not asked */
    struct dr_opt_real signed_for;  /* least of everything it has signed that was seen; seconds */
    struct dr_opt_real signed_life; /* of that signature */
};

/* An address of a server, by the parent's glue or by the zone's own records. */
struct dns_glue {
    char *server;
    struct dns_address address;
    bool parent; /* glue in the referral */
    bool own;    /* an A or AAAA record of the zone itself, or of whoever is asked */
};

/* How one gets to the zone. */
struct dns_delegation {
    char *zone;                 /* NULL: could not be found out */
    char *parent;               /* the zone above; NULL */
    struct dns_servers servers; /* NS, as the parent says */
    struct dns_glue *glue;      /* of servers whose name lies in the zone */
    size_t glue_count;
    struct dns_keys ds;
    char **aliases; /* names of servers that are CNAMEs, which they must not be (RFC 2181, 10.3) */
    size_t alias_count;
    char **lost; /* names of servers that have no address at all */
    size_t lost_count;
    char *trouble; /* what could not be found out of it, in words; NULL */
};

/* The end of a chain that leaves the zone, as the resolvers that find things say. */
struct dns_tail {
    char *name;
    struct dns_answer answers[DNS_FAMILIES];
};

/* Of the zone: all views of its servers; of a resolver: its samples. */
struct dns_facts {
    struct dns_view *views;
    size_t view_count;
    struct dns_delegation delegation; /* of the zone */
    struct dns_tail *tails;
    size_t tail_count;
    bool no_memory; /* something could not be added */
};

/* Adds a view (label copied, cleaned). The pointer is valid until the next call; NULL when out of
 * memory, which no_memory remembers. `standby`: for so many names. */
struct dns_view *dns_facts_view(struct dns_facts *facts, const char *label, size_t standby);

/* Frees what it points to. */
void dns_view_free(struct dns_view *view);

/* Adds a name to a set, once, sorted; cleaned. False when out of memory. `known` is the caller's.
 */
bool dns_servers_add(struct dns_servers *servers, const char *name);

bool dns_servers_have(const struct dns_servers *servers, const char *name);

/* The same names, both known. */
bool dns_servers_same(const struct dns_servers *a, const struct dns_servers *b);

/* Adds a key, once. False when out of memory. `known` is the caller's. */
bool dns_keys_add(struct dns_keys *keys, unsigned tag, unsigned algorithm);

/* Frees what it points to, and zeroes it. */
void dns_answer_free(struct dns_answer *answer);

/* Frees what it points to (struct dns_facts), and zeroes it. */
void dns_facts_free(void *facts);

#endif
