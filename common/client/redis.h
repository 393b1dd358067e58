/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to one Redis or Valkey server or Sentinel, for every source that asks one.
 *
 * hiredis writes the commands and reads the replies; the socket is common/client/stream's, so that
 * the task's time is kept whatever the server does, and TLS does not depend on the version of
 * hiredis. What the server may send altogether is bounded. RESP2 is spoken (no HELLO), which all
 * versions do.
 *
 * Parameters of the URI, with the names of redis-cli's options: cacert, cert, key (files), insecure
 * (verify nothing). They need a build with DR_STREAM_TLS, and so do schemes with "rediss" as one of
 * their words ("rediss", "rediss+sentinel", "celery+rediss"). */
#ifndef DR_CLIENT_REDIS_H
#define DR_CLIENT_REDIS_H

#include "common/buffer.h"
#include "common/client/stream.h"

#include <hiredis.h>

/* Start with the stream's task and error set and the rest zero; end with dr_redis_close in any
 * case. */
struct dr_redis {
    struct dr_stream stream;
    const char *grant;  /* what is to be allowed, for the error: "INFO to the user nagios" */
    bool discreet;      /* replies are not traced: they hold what users wrote */
    size_t receive_max; /* bytes the server may send altogether; 0: 2 MiB */
    bool overrun; /* set when the server sent more than it may: the connection is at its end */
    /* its own */
    redisReader *reader;
    struct dr_buffer out; /* commands that are to be sent */
    bool logging_in;      /* the first of them is AUTH */
};

/* Resolves and connects to the task's target; with TLS where "rediss" is one of the words of the
 * scheme. A URI without host is the path of a Unix socket. */
bool dr_redis_open(struct dr_redis *redis, int default_port);
void dr_redis_close(struct dr_redis *redis);

/* Adds AUTH to what is sent next; it costs no round trip of its own, and its reply is looked at by
 * dr_redis_talk. Nothing where neither is given (NULL or ""). False when out of memory. */
bool dr_redis_log_in(struct dr_redis *redis, const char *user, const char *password);

/* Adds a command of `count` words. False when out of memory. */
bool dr_redis_add(struct dr_redis *redis, size_t count, const char *const *words);

/* Sends what was added and takes `count` replies, one for each command, which the caller ends with
 * dr_redis_free_replies. A reply may be an error of the server: dr_redis_fail. `stage` is static
 * text. */
bool dr_redis_talk(struct dr_redis *redis, const char *stage, redisReply **replies, size_t count);
void dr_redis_free_replies(redisReply **replies, size_t count);

/* Sets the error from a reply that is an error of the server, or is not what `command` should give;
 * returns false. */
bool dr_redis_fail(const struct dr_redis *redis, const char *command, const redisReply *reply);

#endif
