/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A second opinion on replies: ldns. */
#ifndef TESTS_UNIT_DNS_ORACLE_H
#define TESTS_UNIT_DNS_ORACLE_H

#include "plugins/dns/message.h"

/* Some of its data was not looked into by us, since the check uses no such type or class. ldns does
 * look into it, and may refuse the message; worse, it goes on behind what it has read of such data,
 * not behind the data, and then takes the rest of it for records. */
bool dns_oracle_foreign(const struct dns_message *message);

/* NULL where ldns reads the same in it; else what differs, static. `message` was read from bytes. A
 * TTL with the top bit set is 0 to us (RFC 2181, 8), and a large one to ldns: that is the same. */
const char *dns_oracle_differs(const struct dns_message *message, const uint8_t *bytes,
                               size_t size);

#endif
