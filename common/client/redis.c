/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than all looks at hundreds of replicas need; a server that sends without end is stopped
 * here.
 */
#define RECEIVED_MAX ((size_t)2 * 1024 * 1024)
#define COMMANDS_MAX (64 * 1024)

/* ---- errors ---- */

/* The first word of an error is its code; "ERR" is followed by a sentence. */
static enum dr_error_class class_of(const char *text)
{
    static const struct {
        const char *begin;
        enum dr_error_class class;
    } known[] = {
        {"WRONGPASS", DR_ERR_AUTH},
        {"NOAUTH", DR_ERR_AUTH},
        {"DENIED", DR_ERR_AUTH}, /* protected mode */
        {"ERR invalid password", DR_ERR_AUTH},
        {"ERR AUTH", DR_ERR_AUTH},
        {"ERR Client sent AUTH", DR_ERR_AUTH},
        {"ERR wrong number of arguments for 'auth'", DR_ERR_AUTH}, /* Redis 5 knows no users */
        {"NOPERM", DR_ERR_PRIVILEGE},
        {"LOADING", DR_ERR_SERVER},
        {"BUSY", DR_ERR_SERVER},
        {"MASTERDOWN", DR_ERR_SERVER},
        {"ERR max number of clients", DR_ERR_SERVER},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(text, known[i].begin, strlen(known[i].begin)) == 0)
            return known[i].class;
    }
    return DR_ERR_PROTOCOL;
}

bool dr_redis_fail(const struct dr_redis *redis, const char *command, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return dr_error_set(redis->stream.error, DR_ERR_PROTOCOL,
                            "the reply to %s cannot be used: it is of another type", command);
    enum dr_error_class class = class_of(reply->str);
    char *clean = dr_text_clean(reply->str, 300);
    if (class == DR_ERR_PRIVILEGE && redis->grant != NULL)
        dr_error_set(redis->stream.error, class, "%s is not allowed; allow %s", command,
                     redis->grant);
    else
        dr_error_set(redis->stream.error, class, "%s: %s", command, clean != NULL ? clean : "");
    free(clean);
    return false;
}

static bool no_memory(struct dr_redis *redis)
{
    return dr_error_set(redis->stream.error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- the connection ---- */

/* One of the words of "rediss", "rediss+sentinel", "celery+rediss". */
static bool wants_tls(const struct dr_uri *uri)
{
    static const char word[] = "rediss";
    const char *at = uri->scheme;
    while (*at != '\0') {
        size_t length = strcspn(at, "+");
        if (length == sizeof word - 1 && strncmp(at, word, length) == 0)
            return true;
        at += length + (at[length] == '+' ? 1 : 0);
    }
    return false;
}

bool dr_redis_open(struct dr_redis *redis, int default_port)
{
    const struct dr_target *target = dr_task_target(redis->stream.task);
    const struct dr_uri *uri = &target->uri;
    redis->out = DR_BUFFER(COMMANDS_MAX);
    redis->reader = redisReaderCreate();
    if (redis->reader == NULL)
        return no_memory(redis);
    if (target->host >= uri->host_count && *uri->path != '\0')
        return dr_stream_open_unix(&redis->stream, uri->path);
    return dr_stream_open(&redis->stream, default_port, wants_tls(uri));
}

void dr_redis_close(struct dr_redis *redis)
{
    dr_stream_close(&redis->stream);
    if (redis->reader != NULL)
        redisReaderFree(redis->reader);
    /* The password was in it. */
    if (redis->out.text != NULL)
        dr_wipe(redis->out.text, redis->out.space);
    dr_buffer_free(&redis->out);
    redis->reader = NULL;
}

/* ---- commands ---- */

static bool add_words(struct dr_redis *redis, size_t count, const char **words)
{
    char *text = NULL;
    long long size = redisFormatCommandArgv(&text, (int)count, words, NULL);
    if (size < 0)
        return no_memory(redis);
    bool ok = dr_buffer_add_bytes(&redis->out, text, (size_t)size);
    dr_wipe(text, (size_t)size);
    redisFreeCommand(text);
    return ok || no_memory(redis);
}

bool dr_redis_log_in(struct dr_redis *redis, const char *user, const char *password)
{
    bool named = user != NULL && *user != '\0';
    if (!named && (password == NULL || *password == '\0'))
        return true;
    const char *words[3] = {"AUTH", user, password != NULL ? password : ""};
    if (!named)
        words[1] = words[2];
    redis->logging_in = true;
    return add_words(redis, named ? 3 : 2, words);
}

#define WORDS_MAX 16

static void trace_query(const struct dr_redis *redis, size_t count, const char *const *words)
{
    struct dr_buffer shown = DR_BUFFER(400);
    for (size_t i = 0; i < count; i++)
        dr_buffer_addf(&shown, "%s%s", i > 0 ? " " : "", words[i]);
    dr_task_trace(redis->stream.task, 2, "query: %s", dr_buffer_text(&shown));
    dr_buffer_free(&shown);
}

bool dr_redis_add(struct dr_redis *redis, size_t count, const char *const *words)
{
    const char *list[WORDS_MAX];
    if (count > WORDS_MAX)
        count = WORDS_MAX;
    for (size_t i = 0; i < count; i++)
        list[i] = words[i];
    if (dr_task_traces(redis->stream.task, 2))
        trace_query(redis, count, list);
    return add_words(redis, count, list);
}

static bool send_all(struct dr_redis *redis, const char *stage)
{
    size_t sent = 0;
    while (sent < redis->out.size) {
        ssize_t done =
            dr_stream_write(&redis->stream, redis->out.text + sent, redis->out.size - sent, stage);
        if (done < 0)
            return false;
        sent += (size_t)done;
    }
    if (redis->out.text != NULL)
        dr_wipe(redis->out.text, redis->out.space);
    dr_buffer_clear(&redis->out);
    return true;
}

static bool receive(struct dr_redis *redis, const char *stage)
{
    char bytes[8 * 1024]; /* INFO in one piece */
    ssize_t size = dr_stream_read(&redis->stream, bytes, sizeof bytes, stage);
    if (size < 0)
        return false;
    size_t most = redis->receive_max != 0 ? redis->receive_max : RECEIVED_MAX;
    redis->overrun = redis->stream.received > most;
    if (redis->overrun)
        return dr_error_set(redis->stream.error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: more than %zu MiB (stage: %s)",
                            most / 1024 / 1024, stage);
    if (size > 0 && redisReaderFeed(redis->reader, bytes, (size_t)size) != REDIS_OK)
        return no_memory(redis);
    return true;
}

static void show_reply(const redisReply *reply, struct dr_buffer *out)
{
    if (reply->str != NULL)
        dr_buffer_addf(out, " %s", reply->str);
    else if (reply->type == REDIS_REPLY_INTEGER)
        dr_buffer_addf(out, " %lld", reply->integer);
    for (size_t i = 0; i < reply->elements; i++)
        show_reply(reply->element[i], out);
}

static void trace_reply(const struct dr_redis *redis, const redisReply *reply)
{
    struct dr_buffer shown = DR_BUFFER(6000);
    if (redis->discreet || !dr_task_traces(redis->stream.task, 3))
        return;
    show_reply(reply, &shown);
    char *clean = dr_text_clean(dr_buffer_text(&shown), 6000);
    dr_task_trace(redis->stream.task, 3, "reply:%s", clean != NULL ? clean : "");
    free(clean);
    dr_buffer_free(&shown);
}

static bool take_reply(struct dr_redis *redis, const char *stage, redisReply **reply)
{
    for (;;) {
        void *found = NULL;
        if (redisReaderGetReply(redis->reader, &found) != REDIS_OK)
            return dr_error_set(redis->stream.error, DR_ERR_PROTOCOL,
                                "the reply cannot be used: %s (stage: %s)", redis->reader->errstr,
                                stage);
        if (found != NULL) {
            *reply = found;
            return true;
        }
        if (!receive(redis, stage))
            return false;
    }
}

static bool take_login(struct dr_redis *redis, const char *stage)
{
    redisReply *reply = NULL;
    if (!take_reply(redis, stage, &reply))
        return false;
    redis->logging_in = false;
    bool ok = reply->type == REDIS_REPLY_STATUS || dr_redis_fail(redis, "AUTH", reply);
    freeReplyObject(reply);
    return ok;
}

/* A server that does not want us says why, and closes: that says more than that it closed. */
static void prefer_last_words(const struct dr_redis *redis, redisReply **replies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (replies[i]->type == REDIS_REPLY_ERROR && redis->stream.error->class == DR_ERR_CONNECT) {
            dr_redis_fail(redis, "connect", replies[i]);
            return;
        }
    }
}

bool dr_redis_talk(struct dr_redis *redis, const char *stage, redisReply **replies, size_t count)
{
    size_t taken = 0;
    dr_task_stage(redis->stream.task, stage);
    bool ok = send_all(redis, stage) && (!redis->logging_in || take_login(redis, stage));
    while (ok && taken < count) {
        ok = take_reply(redis, stage, &replies[taken]);
        if (ok)
            trace_reply(redis, replies[taken++]);
    }
    if (!ok) {
        prefer_last_words(redis, replies, taken);
        dr_redis_free_replies(replies, taken);
    }
    return ok;
}

void dr_redis_free_replies(redisReply **replies, size_t count)
{
    for (size_t i = 0; i < count; i++)
        freeReplyObject(replies[i]);
}
