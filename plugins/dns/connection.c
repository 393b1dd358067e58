/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void dns_connection_none(struct dns_connection *connection)
{
    *connection = (struct dns_connection){.fd = -1};
}

bool dns_connection_open(struct dns_connection *connection, int fd, const struct sockaddr *server,
                         socklen_t server_size, const uint8_t *question, size_t size)
{
    dns_connection_none(connection);
    connection->fd = fd;
    connection->out[0] = (uint8_t)(size >> 8);
    connection->out[1] = (uint8_t)(size & 0xff);
    memcpy(connection->out + 2, question, size);
    connection->out_size = size + 2;
    if (connect(fd, server, server_size) == 0) {
        connection->connected = true;
        return true;
    }
    connection->failure = errno;
    return errno == EINPROGRESS || errno == EINTR;
}

short dns_connection_events(const struct dns_connection *connection)
{
    return connection->sent < connection->out_size ? POLLOUT : POLLIN;
}

static enum dns_progress broken(struct dns_connection *connection, int failure)
{
    connection->failure = failure;
    return DNS_BROKEN;
}

/* What a call that moved nothing has to say. */
static enum dns_progress stuck(struct dns_connection *connection)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return DNS_UNDER_WAY;
    return broken(connection, errno);
}

static enum dns_progress finish_connecting(struct dns_connection *connection)
{
    int failure = 0;
    socklen_t size = sizeof failure;
    if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
        failure = errno;
    if (failure != 0)
        return broken(connection, failure);
    connection->connected = true;
    return DNS_UNDER_WAY;
}

static enum dns_progress write_question(struct dns_connection *connection)
{
    ssize_t moved = send(connection->fd, connection->out + connection->sent,
                         connection->out_size - connection->sent, MSG_NOSIGNAL);
    if (moved < 0)
        return stuck(connection);
    connection->sent += (size_t)moved;
    return DNS_UNDER_WAY;
}

/* The reply, once its length is there. */
static bool make_room(struct dns_connection *connection)
{
    connection->in_size = ((size_t)connection->length[0] << 8) | connection->length[1];
    if (connection->in_size == 0)
        return false;
    connection->in = malloc(connection->in_size);
    return connection->in != NULL;
}

static enum dns_progress read_reply(struct dns_connection *connection)
{
    for (;;) {
        bool head = connection->got < sizeof connection->length;
        size_t whole = sizeof connection->length + connection->in_size;
        uint8_t *into = head ? connection->length + connection->got
                             : connection->in + connection->got - sizeof connection->length;
        size_t room = (head ? sizeof connection->length : whole) - connection->got;
        ssize_t moved = recv(connection->fd, into, room, 0);
        if (moved < 0)
            return stuck(connection);
        if (moved == 0)
            return broken(connection, 0);
        connection->got += (size_t)moved;
        if (head && connection->got == sizeof connection->length && !make_room(connection))
            return broken(connection, connection->in_size == 0 ? 0 : ENOMEM);
        if (!head && connection->got == whole)
            return DNS_ARRIVED;
    }
}

enum dns_progress dns_connection_move(struct dns_connection *connection)
{
    if (!connection->connected) {
        enum dns_progress progress = finish_connecting(connection);
        if (progress == DNS_BROKEN)
            return progress;
    }
    if (connection->sent < connection->out_size)
        return write_question(connection);
    return read_reply(connection);
}

bool dns_connection_half(const struct dns_connection *connection)
{
    return connection->got > 0;
}

void dns_connection_close(struct dns_connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    free(connection->in);
    dns_connection_none(connection);
}
