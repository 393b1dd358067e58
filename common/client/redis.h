/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to one Redis or Valkey server or Sentinel, for every source that asks one.
 *
 * hiredis writes the commands and reads the replies; the socket is ours and does not block, so that
 * the task's time is kept whatever the server does, a name with several addresses is tried at each,
 * and TLS does not depend on the version of hiredis. What the server may send altogether is
 * bounded. RESP2 is spoken (no HELLO), which all versions do.
 *
 * Parameters of the URI, with the names of redis-cli's options: cacert, cert, key (files), insecure
 * (verify nothing). They need a build with DR_REDIS_TLS, and so do schemes with "rediss" as one of
 * their words ("rediss", "rediss+sentinel", "celery+rediss"). */
#ifndef DR_CLIENT_REDIS_H
#define DR_CLIENT_REDIS_H

#include "common/buffer.h"
#include "common/client/tls.h"
#include "common/run.h"

#include <hiredis.h>

/* Start with task and error set and the rest zero; end with dr_redis_close in any case. */
struct dr_redis {
    struct dr_task *task;
    struct dr_error *error; /* set by whatever returns false */
    const char *grant;      /* what is to be allowed, for the error: "INFO to the user nagios" */
    char peer[80];          /* address:port that was reached, "[::1]:6379"; "" for a Unix socket */
    bool discreet;          /* replies are not traced: they hold what users wrote */
    bool overrun; /* set when the server sent more than it may: the connection is at its end */
    /* its own */
    bool open;
    int fd;
    struct dr_tls *tls;
    redisReader *reader;
    struct dr_buffer out; /* commands that are to be sent */
    bool logging_in;      /* the first of them is AUTH */
    size_t received;      /* bytes, altogether */
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
