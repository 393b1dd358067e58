/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to the task's target, with TLS or without, that keeps to the task's time
 * whatever the other side does: for clients whose library only writes and reads the protocol.
 *
 * The socket does not block; a name with several addresses is tried at each. TLS needs a build with
 * DR_STREAM_TLS. Parameters of the URI: cacert, cert, key (files), insecure (verify nothing). */
#ifndef DR_CLIENT_STREAM_H
#define DR_CLIENT_STREAM_H

#include "common/client/tls.h"
#include "common/run.h"

#include <sys/types.h>

/* Start with task and error set and the rest zero; end with dr_stream_close in any case. */
struct dr_stream {
    struct dr_task *task;
    struct dr_error *error; /* set by whatever returns false, or less than 0 */
    double until;           /* monotonic: everything but the resolution of a name ends then, with
                               DR_ERR_TIMEOUT; 0: with the task's time */
    const struct dr_tls_options *tls_options; /* instead of the URI's parameters; NULL */
    char peer[80];   /* address:port that was reached, "[::1]:5672"; "" for a Unix socket */
    size_t received; /* bytes, altogether */
    int failure;     /* errno of a connection that could not be made: of an address that we have a
                        way to, where there is one; 0 */
    bool ended;      /* the other side has closed the connection in order: for protocols in which
                        that is the end of a reply */
    /* its own */
    bool open;
    int fd;
    struct dr_tls *tls;
};

/* Resolves and connects to the task's target, and shakes hands where `tls` is wanted. */
bool dr_stream_open(struct dr_stream *stream, int default_port, bool tls);

/* Connects to a Unix socket. */
bool dr_stream_open_unix(struct dr_stream *stream, const char *path);

/* Without a word to the other side. */
void dr_stream_close(struct dr_stream *stream);

/* Moves some bytes: more than 0; 0 when none could be moved and that was waited for; less than 0
 * with the error set. A connection that the other side has closed is an error. `stage` is static
 * text. */
ssize_t dr_stream_write(struct dr_stream *stream, const void *bytes, size_t size,
                        const char *stage);
ssize_t dr_stream_read(struct dr_stream *stream, void *bytes, size_t size, const char *stage);

#endif
