/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to one MongoDB server, for every source that asks one (libmongoc 1.17 to 2.5).
 *
 * The driver is told to talk to the target's own host and port and to nobody else
 * (directConnection): what a set says of its members' names, which often do not resolve from a
 * monitoring host, never matters, and 1.23 waits for ever when one does not. It says nothing on
 * stderr. */
#ifndef DR_CLIENT_MONGO_H
#define DR_CLIENT_MONGO_H

#include "common/run.h"

#include <mongoc/mongoc.h>

/* Codes of the server's errors (src/mongo/base/error_codes.yml). */
enum dr_mongo_code {
    DR_MONGO_UNAUTHORIZED = 13,
    DR_MONGO_WRONG_PASSWORD = 18,
    DR_MONGO_TOO_LATE = 50,
    DR_MONGO_NO_REPLICATION = 76,
    DR_MONGO_NOT_A_MEMBER = 93,
    DR_MONGO_NOT_INITIALIZED = 94
};

/* Start with task, application and error set and the rest zero; end with dr_mongo_close in any
 * case. */
struct dr_mongo {
    struct dr_task *task;
    const char *application; /* what the server shows us as: the executable's name */
    struct dr_error *error;  /* set by whatever returns false */
    mongoc_client_t *client;
    uint32_t code; /* the server's own, of the last command that it refused; else 0 */
};

/* Makes a client for the task's target; the connection comes with the first command. Parameters of
 * the URI are the driver's own (tls, tlsCAFile, authSource ...), but a name or a switch that it
 * does not know is an error: it would only be warned of, and leave TLS off. `replicaSet` and what
 * else would choose a server is not passed on. Without `credentials` nobody is logged in; with them
 * a user without a password is an error, unless the mechanism takes none. */
bool dr_mongo_open(struct dr_mongo *mongo, bool credentials);

void dr_mongo_close(struct dr_mongo *mongo);

/* Runs a command on the database admin. On success the caller ends the reply with bson_destroy; on
 * failure there is nothing to end. `stage` is static text. */
bool dr_mongo_command(struct dr_mongo *mongo, const bson_t *command, const char *stage,
                      bson_t *reply);

#endif
