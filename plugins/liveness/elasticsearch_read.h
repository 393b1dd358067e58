/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of one node of Elasticsearch or OpenSearch to facts. */
#ifndef LIVENESS_ELASTICSEARCH_READ_H
#define LIVENESS_ELASTICSEARCH_READ_H

#include "common/buffer.h"
#include "plugins/liveness/facts.h"

#define ELASTIC_NAME_SIZE 256

enum elastic_status { ELASTIC_GREEN = 0, ELASTIC_YELLOW, ELASTIC_RED };

/* What one node has said. Texts are the server's own. */
struct elastic_node {
    char name[ELASTIC_NAME_SIZE];
    char cluster_name[ELASTIC_NAME_SIZE];
    char cluster_uuid[ELASTIC_NAME_SIZE]; /* "": it has never been in a cluster ("_na_") */
    char version[ELASTIC_NAME_SIZE];
    bool manager; /* its leader is called cluster manager: OpenSearch from version 2 on */
    bool opensearch;
    /* of its cluster */
    bool leaderless;             /* no leader is elected: nothing below is known */
    char why[ELASTIC_NAME_SIZE]; /* it said so: the type of its error, or what the list has */
    enum elastic_status status;
    bool timed_out; /* its leader was not done in time: the status may be old */
    int64_t nodes;
    int64_t data_nodes;
    int64_t unassigned;                     /* shards */
    int64_t pending;                        /* tasks of the leader */
    char leader[2 * ELASTIC_NAME_SIZE + 4]; /* "NAME (ID)" */
    bool snapshots_known;
    int64_t snapshots;                /* being taken now */
    char snapshot[ELASTIC_NAME_SIZE]; /* the first of them */
    double seconds;                   /* until it had said who it is */
};

/* GET /: who it is. False with a PROTOCOL error for what is none of either. */
bool elastic_read_root(const struct dr_buffer *body, struct elastic_node *node,
                       struct dr_error *error);

/* GET /_cluster/health */
bool elastic_read_health(const struct dr_buffer *body, struct elastic_node *node,
                         struct dr_error *error);

/* GET /_cat/master or /_cat/cluster_manager, as JSON */
bool elastic_read_leader(const struct dr_buffer *body, struct elastic_node *node,
                         struct dr_error *error);

/* GET /_snapshot/_status: those that run now */
bool elastic_read_snapshots(const struct dr_buffer *body, struct elastic_node *node,
                            struct dr_error *error);

/* The type of an error, "master_not_discovered_exception"; "" where there is none. */
void elastic_read_refusal(const struct dr_buffer *body, char type[ELASTIC_NAME_SIZE]);

/* An error that says that no leader is elected, or that its cluster is not formed yet. */
bool elastic_is_leaderless(const char *type);

/* Adds the node as a unit. With `yellow_fits` missing copies are no fault: a single node, or a
 * cluster that has none by plan. */
void elastic_fill(const struct elastic_node *node, const char *host, bool yellow_fits,
                  struct liv_facts *facts);

#endif
