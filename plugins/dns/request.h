/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What check_dns_target asks of its sources. */
#ifndef DNS_REQUEST_H
#define DNS_REQUEST_H

#include "plugins/dns/facts.h"

#include <stdbool.h>
#include <stddef.h>

/* A server whose address is known before anybody is asked. */
struct dns_given {
    char *label;  /* "ns1", "192.0.2.53", "192.0.2.53:5353" */
    char *server; /* its name, where it is one that an earlier run has found; NULL */
    struct dns_address address;
    int port;        /* 0: that of servers that are found; of those that are remembered */
    bool remembered; /* from the state file, not from the command line */
};

enum dns_search {
    DNS_SEARCH_ALL,   /* the parent's, the zone's own, those given, those remembered */
    DNS_SEARCH_ZONE,  /* the same without the parent, which is not asked */
    DNS_SEARCH_GIVEN, /* those given alone */
    DNS_SEARCH_NONE   /* no authoritative server is asked */
};

struct dns_request {
    struct dns_name name;
    const char *name_text;
    bool wants[DNS_FAMILIES]; /* which families are asked for: A, AAAA */
    struct dns_name *standby; /* names that must be there before the switch (--standby) */
    size_t standby_count;
    enum dns_search search;
    struct dns_name zone;      /* --zone; length 0: it is found out */
    struct dns_given *servers; /* --server, and what is remembered of earlier runs */
    size_t server_count;
    struct dns_given *parents; /* --parent: servers of the zone above */
    size_t parent_count;
    struct dns_given *finders; /* resolvers that are asked for zone, servers, addresses and tails:
                                  --find-by, else the plain --resolver, else resolv.conf */
    size_t finder_count;
    int port;                            /* of servers that are found */
    bool family4, family6;               /* over which the servers are asked */
    struct dns_address source4, source6; /* --source; family 0: any */
    double wait;                         /* seconds for each try */
    unsigned tries;
    bool edns;
    unsigned udp_size;
    bool tcp_only;
    bool dnssec;        /* validate (the source zonesec) */
    bool random;        /* ask for a name that cannot exist */
    const char *anchor; /* --trust-anchor: a file of DS or DNSKEY records of the zone; NULL: the DS
                           of the parent */
    double at;          /* signatures are judged as of then, seconds since the epoch; 0: now */
    unsigned samples;   /* of each resolver */
    const char *cacert; /* DoT, DoH: files; NULL */
    bool insecure;
};

#endif
