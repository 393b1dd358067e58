/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS over a connected socket that does not block, for clients that drive their own sockets.
 *
 * The caller polls: each step says what it waits for. Certificate and host name are verified unless
 * the options say otherwise. */
#ifndef DR_CLIENT_TLS_H
#define DR_CLIENT_TLS_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

struct dr_tls_options {
    const char *host;  /* the name or address that the certificate must be for */
    const char *ca;    /* file of CA certificates (PEM); NULL: those of the system */
    const char *chain; /* the client's certificate (PEM); NULL: none */
    const char *key;   /* ... and its key */
    bool insecure;     /* verify nothing */
};

enum dr_tls_step {
    DR_TLS_DONE,
    DR_TLS_WANTS_READ,
    DR_TLS_WANTS_WRITE,
    DR_TLS_CLOSED, /* the other side has ended the connection */
    DR_TLS_FAILED  /* the error is set */
};

struct dr_tls;

/* NULL with the error set: a file cannot be read, or there is no memory. The socket stays the
 * caller's. */
struct dr_tls *dr_tls_new(int fd, const struct dr_tls_options *options, struct dr_error *error);
void dr_tls_free(struct dr_tls *tls);

enum dr_tls_step dr_tls_handshake(struct dr_tls *tls, struct dr_error *error);

/* *done: bytes that were moved, with DR_TLS_DONE. */
enum dr_tls_step dr_tls_read(struct dr_tls *tls, void *bytes, size_t size, size_t *done,
                             struct dr_error *error);
enum dr_tls_step dr_tls_write(struct dr_tls *tls, const void *bytes, size_t size, size_t *done,
                              struct dr_error *error);

#endif
