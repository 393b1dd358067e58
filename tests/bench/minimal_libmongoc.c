/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The least that a libmongoc program can do: connect, one command, leave. What
 * check_replication_lag is measured against. Usage: minimal_libmongoc URI. Exit code 0 when the
 * command was answered. */
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 2)
        return EXIT_FAILURE;
    mongoc_init();
    mongoc_client_t *client = mongoc_client_new(argv[1]);
    bson_t *command = BCON_NEW("replSetGetStatus", BCON_INT32(1));
    bson_t reply;
    bson_error_t error;
    if (client == NULL || command == NULL)
        return EXIT_FAILURE;
    bool answered = mongoc_client_command_simple(client, "admin", command, NULL, &reply, &error);
    if (!answered)
        fprintf(stderr, "%s\n", error.message);
    bson_destroy(&reply);
    bson_destroy(command);
    mongoc_client_destroy(client);
    mongoc_cleanup();
    return answered ? EXIT_SUCCESS : EXIT_FAILURE;
}
