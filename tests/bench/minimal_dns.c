/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The least that a program can do with UDP sockets: send all questions at once, wait for as many
 * replies, leave. What check_dns_target is measured against. It reads the header of a reply and
 * nothing else, asks nobody again, and takes numbers in a row for ids, which anybody can guess.
 *
 * Usage: minimal_dns server|question "ADDRESS PORT ns|resolver TYPE NAME"... (IPv4, TYPE is a
 * number). A socket for each server, whose questions follow each other; or for each question, so
 * that each comes from a random port, as a program must do that is not to be lied to (RFC 5452).
 * Exit code 0 when all were answered. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define QUESTIONS_MAX 1024
#define SECONDS 10

/* The labels of a name without a dot at the end; returns their bytes. */
static size_t write_name(unsigned char *to, const char *name)
{
    unsigned char *begin = to;
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        *to++ = (unsigned char)label;
        memcpy(to, name, label);
        to += label;
        name += label + (name[label] == '.');
    }
    *to++ = 0;
    return (size_t)(to - begin);
}

/* As check_dns_target asks: EDNS with room for 1232 bytes and the server's NSID; of a name server
 * signatures (DO), of a resolver recursion (RD). */
static size_t write_question(unsigned char *to, unsigned id, int recurse, unsigned type,
                             const char *name)
{
    unsigned char head[12] = {[0] = (unsigned char)(id >> 8),
                              (unsigned char)id,
                              (unsigned char)(recurse ? 1 : 0),
                              [5] = 1,
                              [11] = 1};
    unsigned char tail[] = {(unsigned char)(type >> 8),
                            (unsigned char)type,
                            0,
                            1,
                            0,
                            0,
                            41,
                            1232 >> 8,
                            1232 & 255,
                            0,
                            0,
                            (unsigned char)(recurse ? 0 : 128),
                            0,
                            0,
                            4,
                            0,
                            3,
                            0,
                            0};
    memcpy(to, head, sizeof head);
    size_t size = sizeof head + write_name(to + sizeof head, name);
    memcpy(to + size, tail, sizeof tail);
    return size + sizeof tail;
}

static int connect_to(const char *address, unsigned port)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, address, &server.sin_addr) != 1 ||
        connect(fd, (const struct sockaddr *)&server, sizeof server) != 0)
        exit(EXIT_FAILURE);
    return fd;
}

/* Asks them all; returns the sockets. */
static nfds_t ask(int count, char **words, int share, struct pollfd *sockets)
{
    char last[64] = "";
    nfds_t open = 0;
    for (int i = 0; i < count; i++) {
        char address[20], whom[12], name[256], place[64];
        unsigned char bytes[512];
        unsigned port, type;
        if (sscanf(words[i], "%19s %u %11s %u %255s", address, &port, whom, &type, name) != 5)
            exit(EXIT_FAILURE);
        snprintf(place, sizeof place, "%s %u", address, port);
        if (!share || strcmp(place, last) != 0)
            sockets[open++] = (struct pollfd){.fd = connect_to(address, port), .events = POLLIN};
        memcpy(last, place, sizeof last);
        size_t size = write_question(bytes, (unsigned)i, whom[0] == 'r', type, name);
        if (send(sockets[open - 1].fd, bytes, size, 0) != (ssize_t)size)
            exit(EXIT_FAILURE);
    }
    return open;
}

int main(int argc, char **argv)
{
    static struct pollfd sockets[QUESTIONS_MAX];
    static char answered[QUESTIONS_MAX];
    static unsigned char reply[65535];
    int count = argc - 2, left = count;
    if (count < 1 || count > QUESTIONS_MAX)
        return EXIT_FAILURE;
    nfds_t open = ask(count, argv + 2, strcmp(argv[1], "server") == 0, sockets);
    while (left > 0 && poll(sockets, open, SECONDS * 1000) > 0) {
        for (nfds_t i = 0; i < open; i++) {
            while (sockets[i].revents != 0 && recv(sockets[i].fd, reply, sizeof reply, 0) >= 12) {
                int id = reply[0] << 8 | reply[1];
                if (id < count && (reply[2] & 0x80) != 0 && !answered[id]) {
                    answered[id] = 1;
                    left--;
                }
            }
        }
    }
    return left == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
