/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool out_of_time(struct dr_stream *stream, const char *stage)
{
    return dr_error_set(stream->error, DR_ERR_TIMEOUT, "no answer in time (stage: %s)", stage);
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

static double end_of(const struct dr_stream *stream)
{
    double end = dr_monotonic() + dr_task_left(stream->task);
    return stream->until > 0 && stream->until < end ? stream->until : end;
}

static bool wait_socket(struct dr_stream *stream, short events, const char *stage)
{
    return poll_until(stream->fd, events, end_of(stream)) || out_of_time(stream, stage);
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

static void name_peer(struct dr_stream *stream, const struct addrinfo *address)
{
    char host[INET6_ADDRSTRLEN + 20];
    char port[8];
    if (getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(stream->peer, sizeof stream->peer,
                 address->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* An errno; 0 when it is connected. */
static int connect_one(struct dr_stream *stream, const struct addrinfo *address, double until)
{
    int fd = new_socket(address->ai_family);
    if (fd < 0)
        return errno;
    int failure = connect_socket(fd, address->ai_addr, address->ai_addrlen, until);
    if (failure != 0) {
        close(fd);
        return failure;
    }
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    stream->fd = fd;
    stream->open = true;
    name_peer(stream, address);
    return 0;
}

static bool never_left(int failure)
{
    return failure == ENETUNREACH || failure == EADDRNOTAVAIL || failure == EAFNOSUPPORT;
}

/* Each address gets its share of the time that is left, so that one that swallows everything does
 * not hide the next. */
static bool connect_any(struct dr_stream *stream, const struct addrinfo *list, const char *host,
                        int port)
{
    int failure = 0;
    int left = 0;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        left++;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next, left--) {
        double now = dr_monotonic();
        int came = connect_one(stream, a, now + (end_of(stream) - now) / left);
        if (came == 0)
            return true;
        if (failure == 0 || !never_left(came))
            failure = came;
    }
    stream->failure = failure;
    if (failure == ETIMEDOUT && end_of(stream) <= dr_monotonic())
        return out_of_time(stream, "connect");
    return dr_error_set(stream->error, DR_ERR_CONNECT, "cannot connect to %s, port %d: %s", host,
                        port, strerror(failure));
}

static bool open_tcp(struct dr_stream *stream, const char *host, int port)
{
    char service[8];
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    snprintf(service, sizeof service, "%d", port);
    dr_task_stage(stream->task, "resolve the name");
    int failed = getaddrinfo(host, service, &hints, &list);
    if (failed != 0)
        return dr_error_set(stream->error, DR_ERR_RESOLVE, "cannot resolve \"%s\": %s", host,
                            gai_strerror(failed));
    dr_task_stage(stream->task, "connect");
    bool ok = connect_any(stream, list, host, port);
    freeaddrinfo(list);
    return ok;
}

/* ---- TLS ---- */

#ifdef DR_STREAM_TLS
/* A server whose last packet, a session ticket, is not acknowledged may hold its reply back
 * (Nagle), and we would wait 40 ms before we did. The kernel forgets it with each wait. */
static void acknowledge_at_once(const struct dr_stream *stream)
{
    int yes = 1;
    setsockopt(stream->fd, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof yes);
}

/* Goes on when the socket is ready for what TLS waits for. */
static bool wait_tls(struct dr_stream *stream, enum dr_tls_step step, const char *stage)
{
    if (step == DR_TLS_FAILED)
        return false;
    /* With TLS 1.3 the client is done before the server has looked at its certificate. */
    if (step == DR_TLS_CLOSED && stream->received == 0 && stream->tls_options == NULL &&
        dr_uri_param(&dr_task_target(stream->task)->uri, "cert") == NULL)
        return dr_error_set(stream->error, DR_ERR_TLS,
                            "the server closed the connection after the TLS handshake (stage: %s): "
                            "it may ask for a client certificate (cert and key in the URI)",
                            stage);
    if (step == DR_TLS_CLOSED)
        return dr_error_set(stream->error, DR_ERR_CONNECT,
                            "the server closed the connection (stage: %s)", stage);
    if (step == DR_TLS_WANTS_READ)
        acknowledge_at_once(stream);
    return wait_socket(stream, step == DR_TLS_WANTS_READ ? POLLIN : POLLOUT, stage);
}

static bool read_options(const struct dr_stream *stream, const char *host,
                         struct dr_tls_options *options)
{
    const struct dr_uri *uri = &dr_task_target(stream->task)->uri;
    if (stream->tls_options != NULL) {
        *options = *stream->tls_options;
        return true;
    }
    *options = (struct dr_tls_options){.host = host,
                                       .ca = dr_uri_param(uri, "cacert"),
                                       .chain = dr_uri_param(uri, "cert"),
                                       .key = dr_uri_param(uri, "key")};
    return dr_uri_flag(uri, "insecure", &options->insecure, stream->error);
}

static bool open_tls(struct dr_stream *stream, const char *host)
{
    struct dr_tls_options options;
    if (!read_options(stream, host, &options))
        return false;
    dr_task_stage(stream->task, "TLS handshake");
    stream->tls = dr_tls_new(stream->fd, &options, stream->error);
    if (stream->tls == NULL)
        return false;
    enum dr_tls_step step = dr_tls_handshake(stream->tls, stream->error);
    for (; step != DR_TLS_DONE; step = dr_tls_handshake(stream->tls, stream->error)) {
        if (!wait_tls(stream, step, "TLS handshake"))
            return false;
    }
    return true;
}
#else
static bool open_tls(struct dr_stream *stream, const char *host)
{
    return dr_error_set(stream->error, DR_ERR_MODULE, "this build has no TLS for %s", host);
}
#endif

bool dr_stream_open(struct dr_stream *stream, int default_port, bool tls)
{
    const struct dr_target *target = dr_task_target(stream->task);
    if (target->host >= target->uri.host_count)
        return dr_error_set(stream->error, DR_ERR_USAGE, "no host in the URI");
    const struct dr_uri_host *host = &target->uri.hosts[target->host];
    if (!open_tcp(stream, host->name, host->port > 0 ? host->port : default_port) ||
        (tls && !open_tls(stream, host->name)))
        return false;
    dr_task_trace(stream->task, 1, "connected to %s %s TLS", stream->peer,
                  tls ? "over" : "without");
    return true;
}

void dr_stream_close(struct dr_stream *stream)
{
#ifdef DR_STREAM_TLS
    dr_tls_free(stream->tls);
#endif
    if (stream->open)
        close(stream->fd);
    stream->open = false;
    stream->tls = NULL;
}

bool dr_stream_open_unix(struct dr_stream *stream, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return dr_error_set(stream->error, DR_ERR_USAGE, "the path of the Unix socket is too long");
    memcpy(address.sun_path, path, strlen(path) + 1);
    dr_task_stage(stream->task, "connect");
    stream->fd = new_socket(AF_UNIX);
    if (stream->fd < 0)
        return dr_error_set(stream->error, DR_ERR_INTERNAL, "no socket: %s", strerror(errno));
    stream->open = true;
    int failure = connect_socket(stream->fd, (const struct sockaddr *)&address, sizeof address,
                                 dr_monotonic() + dr_task_left(stream->task));
    if (failure == 0)
        return true;
    return dr_error_set(stream->error, failure == EACCES ? DR_ERR_PRIVILEGE : DR_ERR_CONNECT,
                        "cannot connect to %s: %s", path, strerror(failure));
}

/* ---- bytes ---- */

ssize_t dr_stream_write(struct dr_stream *stream, const void *bytes, size_t size, const char *stage)
{
#ifdef DR_STREAM_TLS
    if (stream->tls != NULL) {
        size_t done = 0;
        enum dr_tls_step step = dr_tls_write(stream->tls, bytes, size, &done, stream->error);
        if (step == DR_TLS_DONE)
            return (ssize_t)done;
        return wait_tls(stream, step, stage) ? 0 : -1;
    }
#endif
    ssize_t done = send(stream->fd, bytes, size, MSG_NOSIGNAL);
    if (done >= 0)
        return done;
    if (errno == EAGAIN || errno == EINTR)
        return wait_socket(stream, POLLOUT, stage) ? 0 : -1;
    dr_error_set(stream->error, DR_ERR_CONNECT, "%s (stage: %s)", strerror(errno), stage);
    return -1;
}

static ssize_t read_some(struct dr_stream *stream, void *bytes, size_t size, const char *stage)
{
#ifdef DR_STREAM_TLS
    if (stream->tls != NULL) {
        size_t done = 0;
        enum dr_tls_step step = dr_tls_read(stream->tls, bytes, size, &done, stream->error);
        if (step == DR_TLS_DONE)
            return (ssize_t)done;
        return wait_tls(stream, step, stage) ? 0 : -1;
    }
#endif
    ssize_t done = recv(stream->fd, bytes, size, 0);
    if (done > 0)
        return done;
    if (done < 0 && (errno == EAGAIN || errno == EINTR))
        return wait_socket(stream, POLLIN, stage) ? 0 : -1;
    stream->ended = done == 0;
    dr_error_set(stream->error, DR_ERR_CONNECT, "%s (stage: %s)",
                 done == 0 ? "the server closed the connection" : strerror(errno), stage);
    return -1;
}

ssize_t dr_stream_read(struct dr_stream *stream, void *bytes, size_t size, const char *stage)
{
    /* One that sends without end would never have to be waited for. */
    if (dr_task_left(stream->task) <= 0 || (stream->until > 0 && stream->until <= dr_monotonic())) {
        out_of_time(stream, stage);
        return -1;
    }
    ssize_t done = read_some(stream, bytes, size, stage);
    if (done > 0)
        stream->received += (size_t)done;
    return done;
}
