/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The least that a DB-Library program can do: log in, one query, leave. What check_replication_lag
 * on SQL Server is measured against. Usage: minimal_dblib HOST:PORT DATABASE USER QUERY; the
 * password is in SQLCMDPASSWORD. Exit code 0 when the query was answered. */
#include <sybfront.h>

#include <stdlib.h>
#include <sybdb.h>

int main(int argc, char **argv)
{
    const char *password = getenv("SQLCMDPASSWORD");
    if (argc != 5 || password == NULL || dbinit() == FAIL)
        return EXIT_FAILURE;
    LOGINREC *login = dblogin();
    DBSETLUSER(login, argv[3]);
    DBSETLPWD(login, password);
    DBSETLDBNAME(login, argv[2]);
    DBSETLAPP(login, "check_replication_lag"); /* the stand-in lets nobody else in */
    dbsetlversion(login, DBVERSION_74);
    DBPROCESS *process = dbopen(login, argv[1]);
    if (process == NULL)
        return EXIT_FAILURE;
    dbcmd(process, argv[4]);
    dbsqlexec(process);
    int results = 0;
    RETCODE code;
    while ((code = dbresults(process)) == SUCCEED) {
        while (dbnextrow(process) != NO_MORE_ROWS)
            ;
        results++;
    }
    dbloginfree(login);
    dbexit();
    return code == NO_MORE_RESULTS && results > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
