/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The least that a libpq program can do: connect, one query, leave. What check_replication_lag is
 * measured against. Usage: minimal_libpq URI. Exit code 0 when the query was answered. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 2)
        return EXIT_FAILURE;
    PGconn *connection = PQconnectdb(argv[1]);
    PGresult *result = PQexec(connection, "SELECT pg_is_in_recovery()");
    int answered = PQresultStatus(result) == PGRES_TUPLES_OK;
    if (!answered)
        fputs(PQerrorMessage(connection), stderr);
    PQclear(result);
    PQfinish(connection);
    return answered ? EXIT_SUCCESS : EXIT_FAILURE;
}
