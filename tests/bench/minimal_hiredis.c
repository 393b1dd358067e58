/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The least that a hiredis program can do: connect, INFO, leave. What check_replication_lag is
 * measured against. Usage: minimal_hiredis HOST PORT. Exit code 0 when the query was answered. */
#include <hiredis.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 3)
        return EXIT_FAILURE;
    redisContext *connection = redisConnect(argv[1], (int)strtol(argv[2], NULL, 10));
    if (connection == NULL || connection->err != 0)
        return EXIT_FAILURE;
    redisReply *reply = redisCommand(connection, "INFO");
    int answered = reply != NULL && reply->type == REDIS_REPLY_STRING;
    freeReplyObject(reply);
    redisFree(connection);
    return answered ? EXIT_SUCCESS : EXIT_FAILURE;
}
