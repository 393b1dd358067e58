/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of a MongoDB server into facts. No I/O: documents come in, structs go out.
 *
 * The shapes are those of 4.2 to 8.x. What has to be there and is not, or is not what it should be,
 * is an error (DR_ERR_PROTOCOL); an optime or date of the epoch is "never", and unknown. */
#ifndef REPLICATION_MONGODB_READ_H
#define REPLICATION_MONGODB_READ_H

#include "common/error.h"
#include "plugins/replication/facts.h"

#include <mongoc/mongoc.h>

/* What the commands replied; config and server are NULL where the privilege is missing. */
struct mongo_replies {
    const bson_t *status; /* replSetGetStatus */
    const bson_t *config; /* replSetGetConfig */
    const bson_t *server; /* serverStatus */
};

/* What the caller needs beside the facts. */
struct mongo_extra {
    struct dr_opt_int position;     /* applied by the node itself */
    struct dr_opt_real server_time; /* seconds since the epoch */
};

/* Everything about a node; what an earlier call found is replaced, except for the readings. Sets
 * kind and product, no privileges. */
bool mongo_read_node(const struct mongo_replies *replies, struct rep_node *node,
                     struct mongo_extra *extra, struct dr_error *error);

/* An arbiter by its hello (or isMaster) reply, which it gives to everybody: true, with the node a
 * witness, its set named. False when the server is something else. */
bool mongo_read_arbiter(const bson_t *hello, struct rep_node *node);

/* The set's name in the replies to hello and replSetGetStatus; NULL. Valid as long as the reply. */
const char *mongo_set_name(const bson_t *reply);

/* The position after a command: operationTime. */
struct dr_opt_int mongo_read_operation_time(const bson_t *reply);

#endif
