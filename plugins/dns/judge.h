/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From answers to findings: does every server send people to the right site, would a switch be
 * through in time, would the DNS survive the disaster. Pure but for the history, which is read and
 * brought up to date. */
#ifndef DNS_JUDGE_H
#define DNS_JUDGE_H

#include "common/finding.h"
#include "plugins/dns/facts.h"
#include "plugins/dns/history.h"
#include "plugins/dns/site.h"

enum dns_metric {
    DNS_TTL_MAX,     /* worst of a chain, authoritative answers; seconds */
    DNS_SWITCH_TIME, /* until the last client is there: lead time, then the worst TTL */
    DNS_TTL_MIN,
    DNS_TTL,        /* of one server: worst of its chain; of a resolver what is left of it */
    DNS_TIME,       /* of the slowest reply, and of each; seconds */
    DNS_SITE,       /* the site's place among the --site options, from 1; 0: none of them */
    DNS_MOVED,      /* servers and resolvers at the expected site */
    DNS_SERVERS,    /* that are judged */
    DNS_ETA,        /* until the last is there, as far as that is known */
    DNS_SIGNED_FOR, /* rrsig_min: until the first signature expires, seconds */
    DNS_SOA_EXPIRE, /* least of all servers, seconds */
    DNS_SERIAL_LAG,
    DNS_NS_LEFT, /* name servers' addresses that are left without the lost networks */
    DNS_NEGATIVE_TTL,
    DNS_METRICS
};

extern const struct dr_metric dns_metrics[DNS_METRICS];

enum dns_set_mode {
    DNS_SET_SUBSET, /* every address lies in the site */
    DNS_SET_EXACT,  /* ... and they are all the addresses that it lists */
    DNS_SET_MIN     /* at least `least` of them lie in it; others may be there */
};

struct dns_rules {
    const struct dr_threshold *thresholds; /* parallel to dns_metrics */
    bool limited[DNS_METRICS];             /* by the user: it must be known */
    const char *name;
    struct dns_sites sites;
    size_t expect; /* index of the site; DNS_SITE_NONE: one site, whichever */
    enum dns_set_mode set;
    unsigned least;
    bool required[DNS_FAMILIES];  /* --type names it: there must be addresses */
    bool forbidden[DNS_FAMILIES]; /* --type names the other alone: there must be none */
    const struct dns_name *via;   /* links that every chain must pass */
    size_t via_count;
    struct dns_standby {
        const char *name;
        size_t site;
    } * standby; /* parallel to request.standby */
    size_t standby_count;
    bool own_record;            /* a wildcard in its place is a WARNING */
    bool redelegate;            /* the plan changes NS records: their TTLs count */
    struct dr_opt_real rto;     /* seconds */
    double lead_time;           /* of it, before the DNS is changed; seconds */
    struct dr_opt_real outage;  /* the longest that a primary may be dead, seconds */
    struct dr_opt_real restore; /* until signing works again, seconds */
    struct dr_opt_real window;  /* a switch may take so long before TTLs begin to count */
    const struct dns_network *lost;
    size_t lost_count;
    struct dr_opt_int least_servers; /* authoritative addresses that must answer */
};

/* One target and what came of it. */
struct dns_asked {
    const char *label;
    bool zone; /* the zone's servers; else a resolver */
    bool answered;
    const struct dns_facts *facts; /* NULL where it did not come back in time */
    const struct dr_error *error;
};

struct dns_evidence {
    const struct dns_asked *asked;
    size_t count;
    struct dns_history *history; /* not open without --state-dir */
    double now;                  /* seconds since the epoch */
};

void dns_judge(const struct dns_evidence *evidence, const struct dns_rules *rules,
               enum dr_state timeout_state, struct dr_result *result);

#endif
