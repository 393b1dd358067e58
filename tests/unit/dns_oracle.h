/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A second opinion on replies: ldns. */
#ifndef TESTS_UNIT_DNS_ORACLE_H
#define TESTS_UNIT_DNS_ORACLE_H

#include "plugins/dns/message.h"

/* NULL where ldns reads the same in it; else what differs, static. A TTL with the top bit set is 0
 * to us (RFC 2181, 8), and a large one to ldns: that is the same.
 *
 * Records of the types that the check uses are compared one by one, then the message as a whole;
 * but not where it is `damaged` and has data of other types or classes. ldns looks into that, and
 * goes on behind what it has read of it, not behind the data: it takes the rest of it for records.
 */
const char *dns_oracle_differs(const struct dns_message *message, bool damaged);

#endif
