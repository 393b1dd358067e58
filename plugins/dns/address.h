/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses and networks, compared as bytes, never as text. */
#ifndef DNS_ADDRESS_H
#define DNS_ADDRESS_H

#include "common/error.h"

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

struct dns_address {
    int family; /* 4 or 6; 0: none */
    uint8_t bytes[16];
};

struct dns_network {
    struct dns_address address; /* the bits behind the prefix are 0 */
    unsigned bits;
};

#define DNS_ADDRESS_TEXT 64

/* "192.0.2.1", "2001:db8::1"; nothing else. False where it is none. */
bool dns_address_read(const char *text, struct dns_address *address);

/* As inet_ntop writes it; returns buffer. */
const char *dns_address_text(const struct dns_address *address, char buffer[DNS_ADDRESS_TEXT]);

/* "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353": *port is 0 where there is
 * none. False with a USAGE error. */
bool dns_address_read_port(const char *text, struct dns_address *address, int *port,
                           struct dr_error *error);

bool dns_address_equal(const struct dns_address *a, const struct dns_address *b);

/* "192.0.2.0/24", "2001:db8::/32", an address (then all its bits). False with a USAGE error: no
 * network, more bits than it has, or bits set behind the prefix (192.0.2.1/24: which is meant?). */
bool dns_network_read(const char *text, struct dns_network *network, struct dr_error *error);

bool dns_network_has(const struct dns_network *network, const struct dns_address *address);

/* The size of the sockaddr that it fills. */
socklen_t dns_address_socket(const struct dns_address *address, int port,
                             struct sockaddr_storage *into);

#endif
