/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNSSEC (RFC 4035): are the records of a reply signed by keys that the zone's DS vouches for? The
 * cryptography is ldns'; nothing here talks to anybody. */
#ifndef DNS_VALIDATE_H
#define DNS_VALIDATE_H

#include "plugins/dns/facts.h"
#include "plugins/dns/message.h"

/* What vouches for the keys of a zone: its DS records, or a trust anchor. */
struct dns_anchor;

/* From the reply to a question for the zone's DS (NULL: the zone has none, which is the caller's
 * evidence), or, where `file` is not NULL, from a file of DS or DNSKEY records in presentation
 * form, of which those of the zone count. The reply must be NOERROR, and is believed: who vouches
 * for it is the caller's choice. NULL with the error: a file that cannot be read, or has nothing
 * for the zone (USAGE); a reply that does not say (PROTOCOL). */
struct dns_anchor *dns_anchor_read(const struct dns_message *ds, const char *file,
                                   const struct dns_name *zone, struct dr_error *error);
void dns_anchor_free(struct dns_anchor *anchor);

/* Are all records of the answer section of `reply` (of its authority section, where it denies
 * something) signed by keys in `keys` (the server's DNSKEY reply; NULL: not had), which the anchor
 * vouches for, as of `now` (seconds since the epoch)? INSECURE where the anchor holds nothing. Why
 * not, in *words (the caller frees it; NULL where it is SECURE, but for what follows).
 *
 * Records outside the zone do not count. An answer made from a wildcard, and one that ends in the
 * zone without what was asked for, need the proof that there is nothing closer, or nothing at all
 * (denial.h). Where that proof rests on NSEC3 with opt-out, a zone without keys could be there
 * instead: whoever validates takes the answer all the same, without AD (RFC 5155, 9.2). That is
 * SECURE with the words "opt-out". INDETERMINATE is also what cannot be computed here: an algorithm
 * that is not supported or rests on SHA-1, a zone below this one with keys of its own. */
enum dns_validity dns_validate(const struct dns_anchor *anchor, const struct dns_name *zone,
                               const struct dns_message *keys, const struct dns_message *reply,
                               double now, char **words);

#endif
