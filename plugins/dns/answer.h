/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a reply to facts: which outcome it is (notes of RFC 1034, 2181, 2308, 6672 are at the code),
 * its chain, addresses, TTLs, signatures. Pure. */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include "plugins/dns/exchange.h"
#include "plugins/dns/facts.h"

/* Fills `answer` (zeroed) from what came of one question for A or AAAA. Only records that form a
 * contiguous chain from the name that was asked for count, whatever else the reply holds. `zone`:
 * of an authoritative server, what it should serve (AA is owed; a chain may leave it); NULL: a
 * resolver. `now`: seconds since the epoch, for signatures. False when out of memory.
 *
 * `end` is there for FOUND to NOT_AUTHORITATIVE, addresses for FOUND and NOT_AUTHORITATIVE alone.
 * DANGLING says in `words` whether the end does not exist or has no address of that family; LEAVES
 * is also an end in a zone below this one that is delegated. NOT_AUTHORITATIVE keeps what was read
 * and is also a denial in the name of a zone above. MALFORMED is also a name with a CNAME and
 * other data, LAME also what a resolver must not say. `wildcard` is that of the name that was
 * asked for. */
bool dns_answer_read(const struct dns_question *question, const struct dns_name *zone, double now,
                     struct dns_answer *answer);

/* The chain of `answer` (DNS_LEAVES) goes on as the server says of its end: `rest`, which is freed.
 * False when out of memory. */
bool dns_answer_join(struct dns_answer *answer, struct dns_answer *rest);

/* What came of any other question of the zone (SOA, NS, DNSKEY, DS): DNS_FOUND where records of the
 * type are there for that very name, with AA where `zone` is not NULL; a CNAME is not followed. */
enum dns_outcome dns_outcome_read(const struct dns_question *question, const struct dns_name *zone);

/* SOA, NS and keys of that owner in the reply's section; not known where there are none (of keys:
 * none, where the reply is NOERROR and no referral; keys that are not the zone's are left out).
 * False when out of memory. */
void dns_soa_read(const struct dns_message *message, enum dns_section section,
                  const struct dns_name *owner, struct dns_soa *soa);
bool dns_servers_read(const struct dns_message *message, enum dns_section section,
                      const struct dns_name *owner, struct dns_servers *servers);
bool dns_keys_read(const struct dns_message *message, enum dns_type type,
                   const struct dns_name *owner, struct dns_keys *keys);

/* The signature of the answer section that expires first: *left seconds from now (RFC 1982
 * arithmetic, RFC 4034, 3.1.5), *life from its beginning to its end. Replaces what is there where
 * it is sooner. */
void dns_signatures_read(const struct dns_message *message, double now, struct dr_opt_real *left,
                         struct dr_opt_real *life);

#endif
