/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One error: its class (which decides the state) and one line of text for the person who reads it.
 */
#ifndef DR_ERROR_H
#define DR_ERROR_H

#include "common/state.h"

enum dr_error_class {
    DR_ERR_NONE = 0,
    DR_ERR_USAGE,     /* bad option, bad URI, bad range, unreadable file: UNKNOWN */
    DR_ERR_MODULE,    /* the source module is missing or of another build: UNKNOWN */
    DR_ERR_RESOLVE,   /* a name has no address: UNKNOWN, we never got to the thing judged */
    DR_ERR_CONNECT,   /* refused, unreachable, closed while talking: CRITICAL */
    DR_ERR_TIMEOUT,   /* no answer in time: the state of --timeout, CRITICAL by default */
    DR_ERR_TLS,       /* certificate or handshake: UNKNOWN */
    DR_ERR_AUTH,      /* wrong or missing credentials: UNKNOWN */
    DR_ERR_PRIVILEGE, /* logged in, but not allowed to see it: UNKNOWN, the text names the grant */
    DR_ERR_PROTOCOL,  /* the reply cannot be read or is not complete: UNKNOWN */
    DR_ERR_SERVER,    /* the server answered with an error of its own (starting up, out of slots):
                         CRITICAL */
    DR_ERR_INTERNAL   /* out of memory, no thread: UNKNOWN */
};

struct dr_error {
    enum dr_error_class class;
    char text[600]; /* one line, no secrets */
};

/* Sets class and text (printf style, truncated to fit, control characters become blanks) and
 * returns false, so that a parser can say `return dr_error_set(error, DR_ERR_USAGE, "...")`. A NULL
 * error is allowed. */
__attribute__((format(printf, 3, 4))) bool
dr_error_set(struct dr_error *error, enum dr_error_class class, const char *format, ...);

/* Puts "prefix: " (printf style) in front of the text that is there, and returns false. */
__attribute__((format(printf, 2, 3))) bool dr_error_prefix(struct dr_error *error,
                                                           const char *format, ...);

/* The state that an error of this class stands for. `timeout` is the state chosen by --timeout. */
enum dr_state dr_error_state(enum dr_error_class class, enum dr_state timeout);

#endif
