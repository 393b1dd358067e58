/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The least that a program can do with a Unix socket: connect, ask, read to the end, leave. What
 * check_liveness on HAProxy is measured against. Usage: minimal_socket PATH QUESTION. Exit code 0
 * when there was an answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char data[65536];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t received = 0;
    ssize_t more = 1;
    if (argc != 3)
        return EXIT_FAILURE;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0 ||
        dprintf(connection, "%s\n", argv[2]) < 0)
        return EXIT_FAILURE;
    while (more > 0) {
        more = read(connection, data, sizeof data);
        received += more > 0 ? (size_t)more : 0;
    }
    close(connection);
    return more == 0 && received > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
