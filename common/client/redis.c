/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/redis.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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
        return dr_error_set(redis->error, DR_ERR_PROTOCOL,
                            "the reply to %s cannot be used: it is of another type", command);
    enum dr_error_class class = class_of(reply->str);
    char *clean = dr_text_clean(reply->str, 300);
    if (class == DR_ERR_PRIVILEGE && redis->grant != NULL)
        dr_error_set(redis->error, class, "%s is not allowed; allow %s", command, redis->grant);
    else
        dr_error_set(redis->error, class, "%s: %s", command, clean != NULL ? clean : "");
    free(clean);
    return false;
}

static bool out_of_time(struct dr_redis *redis, const char *stage)
{
    return dr_error_set(redis->error, DR_ERR_TIMEOUT, "no answer in time (stage: %s)", stage);
}

static bool no_memory(struct dr_redis *redis)
{
    return dr_error_set(redis->error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- socket ---- */

/* False when `until` (monotonic) has passed. */
static bool poll_until(int fd, short events, double until)
{
    struct pollfd poller = {.fd = fd, .events = events};
    for (;;) {
        double left = until - dr_monotonic();
        if (left <= 0)
            return false;
        int ready = poll(&poller, 1, (int)(left * 1000) + 1);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return true;
    }
}

static bool wait_socket(struct dr_redis *redis, short events, const char *stage)
{
    return poll_until(redis->fd, events, dr_monotonic() + dr_task_left(redis->task)) ||
           out_of_time(redis, stage);
}

/* An errno; 0 when it is connected. */
static int connect_socket(int fd, const struct sockaddr *address, socklen_t size, double until)
{
    if (connect(fd, address, size) == 0)
        return 0;
    if (errno != EINPROGRESS && errno != EINTR)
        return errno;
    if (!poll_until(fd, POLLOUT, until))
        return ETIMEDOUT;
    int failure = 0;
    socklen_t length = sizeof failure;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length);
    return failure;
}

static int new_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void name_peer(struct dr_redis *redis, const struct addrinfo *address)
{
    char host[INET6_ADDRSTRLEN + 20];
    char port[8];
    if (getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(redis->peer, sizeof redis->peer,
                 address->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* Each address gets its share of the time that is left, so that one that swallows everything does
 * not hide the next. */
static bool connect_any(struct dr_redis *redis, const struct addrinfo *list, const char *host,
                        int port)
{
    int failure = 0;
    int left = 0;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        left++;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next, left--) {
        int fd = new_socket(a->ai_family);
        if (fd < 0) {
            failure = errno;
            continue;
        }
        double until = dr_monotonic() + dr_task_left(redis->task) / left;
        failure = connect_socket(fd, a->ai_addr, a->ai_addrlen, until);
        if (failure == 0) {
            int yes = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            redis->fd = fd;
            redis->open = true;
            name_peer(redis, a);
            return true;
        }
        close(fd);
    }
    if (failure == ETIMEDOUT && dr_task_left(redis->task) <= 0)
        return out_of_time(redis, "connect");
    return dr_error_set(redis->error, DR_ERR_CONNECT, "cannot connect to %s, port %d: %s", host,
                        port, strerror(failure));
}

static bool open_tcp(struct dr_redis *redis, const char *host, int port)
{
    char service[8];
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    snprintf(service, sizeof service, "%d", port);
    dr_task_stage(redis->task, "resolve the name");
    int failed = getaddrinfo(host, service, &hints, &list);
    if (failed != 0)
        return dr_error_set(redis->error, DR_ERR_RESOLVE, "cannot resolve \"%s\": %s", host,
                            gai_strerror(failed));
    dr_task_stage(redis->task, "connect");
    bool ok = connect_any(redis, list, host, port);
    freeaddrinfo(list);
    return ok;
}

static bool open_unix(struct dr_redis *redis, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return dr_error_set(redis->error, DR_ERR_USAGE, "the path of the Unix socket is too long");
    memcpy(address.sun_path, path, strlen(path) + 1);
    dr_task_stage(redis->task, "connect");
    redis->fd = new_socket(AF_UNIX);
    if (redis->fd < 0)
        return dr_error_set(redis->error, DR_ERR_INTERNAL, "no socket: %s", strerror(errno));
    redis->open = true;
    int failure = connect_socket(redis->fd, (const struct sockaddr *)&address, sizeof address,
                                 dr_monotonic() + dr_task_left(redis->task));
    if (failure == 0)
        return true;
    return dr_error_set(redis->error, failure == EACCES ? DR_ERR_PRIVILEGE : DR_ERR_CONNECT,
                        "cannot connect to %s: %s", path, strerror(failure));
}

#ifdef DR_REDIS_TLS
/* Goes on when the socket is ready for what TLS waits for. */
static bool wait_tls(struct dr_redis *redis, enum dr_tls_step step, const char *stage)
{
    if (step == DR_TLS_FAILED)
        return false;
    /* With TLS 1.3 the client is done before the server has looked at its certificate. */
    if (step == DR_TLS_CLOSED && redis->received == 0 &&
        dr_uri_param(&dr_task_target(redis->task)->uri, "cert") == NULL)
        return dr_error_set(redis->error, DR_ERR_TLS,
                            "the server closed the connection after the TLS handshake (stage: %s): "
                            "it may ask for a client certificate (cert and key in the URI)",
                            stage);
    if (step == DR_TLS_CLOSED)
        return dr_error_set(redis->error, DR_ERR_CONNECT,
                            "the server closed the connection (stage: %s)", stage);
    return wait_socket(redis, step == DR_TLS_WANTS_READ ? POLLIN : POLLOUT, stage);
}

static bool open_tls(struct dr_redis *redis, const struct dr_uri *uri, const char *host)
{
    bool insecure;
    if (!dr_uri_flag(uri, "insecure", &insecure, redis->error))
        return false;
    const struct dr_tls_options options = {.host = host,
                                           .ca = dr_uri_param(uri, "cacert"),
                                           .chain = dr_uri_param(uri, "cert"),
                                           .key = dr_uri_param(uri, "key"),
                                           .insecure = insecure};
    dr_task_stage(redis->task, "TLS handshake");
    redis->tls = dr_tls_new(redis->fd, &options, redis->error);
    if (redis->tls == NULL)
        return false;
    enum dr_tls_step step = dr_tls_handshake(redis->tls, redis->error);
    for (; step != DR_TLS_DONE; step = dr_tls_handshake(redis->tls, redis->error)) {
        if (!wait_tls(redis, step, "TLS handshake"))
            return false;
    }
    return true;
}
#endif

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
    const struct dr_target *target = dr_task_target(redis->task);
    const struct dr_uri *uri = &target->uri;
    redis->out = DR_BUFFER(COMMANDS_MAX);
    redis->reader = redisReaderCreate();
    if (redis->reader == NULL)
        return no_memory(redis);
    if (target->host >= uri->host_count)
        return *uri->path != '\0' ? open_unix(redis, uri->path)
                                  : dr_error_set(redis->error, DR_ERR_USAGE, "no host in the URI");
    const struct dr_uri_host *host = &uri->hosts[target->host];
    if (!open_tcp(redis, host->name, host->port > 0 ? host->port : default_port))
        return false;
#ifdef DR_REDIS_TLS
    if (wants_tls(uri) && !open_tls(redis, uri, host->name))
        return false;
#else
    if (wants_tls(uri))
        return dr_error_set(redis->error, DR_ERR_MODULE, "this build has no TLS for Redis");
#endif
    dr_task_trace(redis->task, 1, "connected to %s %s TLS", redis->peer,
                  redis->tls != NULL ? "over" : "without");
    return true;
}

void dr_redis_close(struct dr_redis *redis)
{
#ifdef DR_REDIS_TLS
    dr_tls_free(redis->tls);
#endif
    if (redis->open)
        close(redis->fd);
    if (redis->reader != NULL)
        redisReaderFree(redis->reader);
    /* The password was in it. */
    if (redis->out.text != NULL)
        dr_wipe(redis->out.text, redis->out.space);
    dr_buffer_free(&redis->out);
    redis->open = false;
    redis->reader = NULL;
    redis->tls = NULL;
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

#define WORDS_MAX 8

static void trace_query(const struct dr_redis *redis, size_t count, const char *const *words)
{
    struct dr_buffer shown = DR_BUFFER(400);
    for (size_t i = 0; i < count; i++)
        dr_buffer_addf(&shown, "%s%s", i > 0 ? " " : "", words[i]);
    dr_task_trace(redis->task, 2, "query: %s", dr_buffer_text(&shown));
    dr_buffer_free(&shown);
}

bool dr_redis_add(struct dr_redis *redis, size_t count, const char *const *words)
{
    const char *list[WORDS_MAX];
    if (count > WORDS_MAX)
        count = WORDS_MAX;
    for (size_t i = 0; i < count; i++)
        list[i] = words[i];
    if (dr_task_traces(redis->task, 2))
        trace_query(redis, count, list);
    return add_words(redis, count, list);
}

/* Moves some bytes: more than 0, or 0 when nothing could be moved and it was waited for; negative
 * with the error set. */
static ssize_t write_some(struct dr_redis *redis, const char *bytes, size_t size, const char *stage)
{
#ifdef DR_REDIS_TLS
    if (redis->tls != NULL) {
        size_t done = 0;
        enum dr_tls_step step = dr_tls_write(redis->tls, bytes, size, &done, redis->error);
        if (step == DR_TLS_DONE)
            return (ssize_t)done;
        return wait_tls(redis, step, stage) ? 0 : -1;
    }
#endif
    ssize_t done = send(redis->fd, bytes, size, MSG_NOSIGNAL);
    if (done >= 0)
        return done;
    if (errno == EAGAIN || errno == EINTR)
        return wait_socket(redis, POLLOUT, stage) ? 0 : -1;
    dr_error_set(redis->error, DR_ERR_CONNECT, "%s (stage: %s)", strerror(errno), stage);
    return -1;
}

static bool send_all(struct dr_redis *redis, const char *stage)
{
    size_t sent = 0;
    while (sent < redis->out.size) {
        ssize_t done = write_some(redis, redis->out.text + sent, redis->out.size - sent, stage);
        if (done < 0)
            return false;
        sent += (size_t)done;
    }
    if (redis->out.text != NULL)
        dr_wipe(redis->out.text, redis->out.space);
    dr_buffer_clear(&redis->out);
    return true;
}

/* Like write_some; a connection that was closed is an error. */
static ssize_t read_some(struct dr_redis *redis, char *bytes, size_t size, const char *stage)
{
#ifdef DR_REDIS_TLS
    if (redis->tls != NULL) {
        size_t done = 0;
        enum dr_tls_step step = dr_tls_read(redis->tls, bytes, size, &done, redis->error);
        if (step == DR_TLS_DONE)
            return (ssize_t)done;
        return wait_tls(redis, step, stage) ? 0 : -1;
    }
#endif
    ssize_t done = recv(redis->fd, bytes, size, 0);
    if (done > 0)
        return done;
    if (done < 0 && (errno == EAGAIN || errno == EINTR))
        return wait_socket(redis, POLLIN, stage) ? 0 : -1;
    dr_error_set(redis->error, DR_ERR_CONNECT, "%s (stage: %s)",
                 done == 0 ? "the server closed the connection" : strerror(errno), stage);
    return -1;
}

static bool receive(struct dr_redis *redis, const char *stage)
{
    char bytes[8 * 1024]; /* INFO in one piece */
    if (dr_task_left(redis->task) <= 0)
        return out_of_time(redis, stage);
    ssize_t size = read_some(redis, bytes, sizeof bytes, stage);
    if (size < 0)
        return false;
    redis->received += (size_t)size;
    redis->overrun = redis->received > RECEIVED_MAX;
    if (redis->overrun)
        return dr_error_set(redis->error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: more than %zu MiB (stage: %s)",
                            RECEIVED_MAX / 1024 / 1024, stage);
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
    if (redis->discreet || !dr_task_traces(redis->task, 3))
        return;
    show_reply(reply, &shown);
    char *clean = dr_text_clean(dr_buffer_text(&shown), 6000);
    dr_task_trace(redis->task, 3, "reply:%s", clean != NULL ? clean : "");
    free(clean);
    dr_buffer_free(&shown);
}

static bool take_reply(struct dr_redis *redis, const char *stage, redisReply **reply)
{
    for (;;) {
        void *found = NULL;
        if (redisReaderGetReply(redis->reader, &found) != REDIS_OK)
            return dr_error_set(redis->error, DR_ERR_PROTOCOL,
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
        if (replies[i]->type == REDIS_REPLY_ERROR && redis->error->class == DR_ERR_CONNECT) {
            dr_redis_fail(redis, "connect", replies[i]);
            return;
        }
    }
}

bool dr_redis_talk(struct dr_redis *redis, const char *stage, redisReply **replies, size_t count)
{
    size_t taken = 0;
    dr_task_stage(redis->task, stage);
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
