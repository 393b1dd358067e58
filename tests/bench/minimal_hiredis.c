/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The least that a hiredis program can do: connect, ask, leave. What check_replication_lag is
 * measured against. Usage: minimal_hiredis HOST PORT [COMMAND...]. Asks for INFO, and in the same
 * round trip what else is given. Exit code 0 when everything was answered. */
#include <hiredis.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        return EXIT_FAILURE;
    redisContext *connection = redisConnect(argv[1], (int)strtol(argv[2], NULL, 10));
    if (connection == NULL || connection->err != 0)
        return EXIT_FAILURE;
    redisAppendCommand(connection, "INFO");
    for (int i = 3; i < argc; i++)
        redisAppendCommand(connection, argv[i]);
    int answered = 1;
    for (int i = 2; i < argc; i++) {
        void *reply = NULL;
        answered = answered && redisGetReply(connection, &reply) == REDIS_OK &&
                   ((redisReply *)reply)->type != REDIS_REPLY_ERROR;
        freeReplyObject(reply);
    }
    redisFree(connection);
    return answered ? EXIT_SUCCESS : EXIT_FAILURE;
}
