/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One question over TCP (RFC 1035, 4.2.2): connect, write, read one reply, without blocking. */
#ifndef DNS_CONNECTION_H
#define DNS_CONNECTION_H

#include "plugins/dns/message.h"

#include <stdbool.h>
#include <sys/socket.h>

enum dns_progress {
    DNS_UNDER_WAY, /* wait until it is ready for dns_connection_events */
    DNS_ARRIVED,   /* the reply's bytes are there, in->size of them */
    DNS_BROKEN     /* `failure` says by what */
};

struct dns_connection {
    int fd; /* -1: none */
    bool connected;
    uint8_t out[2 + DNS_QUERY_MAX]; /* the question behind its length */
    size_t out_size, sent;
    uint8_t length[2]; /* of the reply */
    uint8_t *in;       /* the reply; its own */
    size_t in_size;
    size_t got;  /* bytes, with those of the length */
    int failure; /* an errno; 0: the other side closed it, or sent an empty message */
};

/* No connection: fd -1. */
void dns_connection_none(struct dns_connection *connection);

/* Takes the socket over, starts to connect it and will send the question (at most DNS_QUERY_MAX
 * bytes). False with `failure` where that ends at once. */
bool dns_connection_open(struct dns_connection *connection, int fd, const struct sockaddr *server,
                         socklen_t server_size, const uint8_t *question, size_t size);

/* POLLIN or POLLOUT. */
short dns_connection_events(const struct dns_connection *connection);

/* As far as it goes without waiting. */
enum dns_progress dns_connection_move(struct dns_connection *connection);

/* Some of a reply came, but not all of it. */
bool dns_connection_half(const struct dns_connection *connection);

/* Also where there is none. */
void dns_connection_close(struct dns_connection *connection);

#endif
