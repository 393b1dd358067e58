/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Denials: do the NSEC or NSEC3 records of a reply prove that something is not there? Their
 * signatures are the caller's business (validate.h). What a denial needs is RFC 4035, 5.4, with the
 * corrections of RFC 6840, 4, and RFC 5155, 8. */
#ifndef DNS_DENIAL_H
#define DNS_DENIAL_H

#include "plugins/dns/message.h"

#define DNS_NSEC 47
#define DNS_NSEC3 50

enum dns_proof {
    DNS_NOT_PROVEN = 0,
    DNS_PROVEN,
    DNS_OPTED_OUT, /* NSEC3 with opt-out: names without signatures may be there (RFC 5155, 6) */
    DNS_TOO_DEAR   /* NSEC3 with more than DNS_ITERATIONS_MAX iterations, or another hash */
};

/* More are not computed (RFC 9276, 3.2: zones should have none). */
#define DNS_ITERATIONS_MAX 150

/* `name` has no records of `type`, or does not exist (`nxdomain`); records of the authority section
 * that are in `zone` are looked at. */
enum dns_proof dns_denial_check(const struct dns_message *reply, const struct dns_name *zone,
                                const struct dns_name *name, unsigned type, bool nxdomain);

/* An answer for `name` was made from the wildcard below the ancestor of `name` that has `labels`
 * labels: there is nothing closer. */
enum dns_proof dns_denial_check_wildcard(const struct dns_message *reply,
                                         const struct dns_name *zone, const struct dns_name *name,
                                         unsigned labels);

#endif
