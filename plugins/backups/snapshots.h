/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots of Elasticsearch and OpenSearch: replies of the API, the catalogue of a repository, and
 * what both say of restore points.
 *
 * All texts are read with common/client/json_read.h; false with the error set (PROTOCOL, with the
 * position) for anything that is not what was asked for. */
#ifndef BACKUPS_SNAPSHOTS_H
#define BACKUPS_SNAPSHOTS_H

#include "plugins/backups/request.h"

#define ES_NAME_SIZE 256
#define ES_TEXT_SIZE 200
#define ES_TOKEN_SIZE 1024

struct es_snapshot {
    char name[ES_NAME_SIZE];
    char uuid[64];
    char policy[ES_NAME_SIZE]; /* that made it; "" : by hand, or not said */
    char state[32];            /* "SUCCESS"; "" : not said */
    char version[32];          /* of the product */
    char reason[ES_TEXT_SIZE]; /* why it failed, or the first shard that did */
    struct dr_opt_real started, ended;
    struct dr_opt_int total, failed, successful; /* shards */
    bool by_file;                                /* both are when its file was written */
    bool failures;                               /* it lists some */
};

struct es_snapshots {
    struct es_snapshot *items;
    size_t count;
    bool detailed;            /* shards are counted: not in a catalogue */
    struct dr_opt_int total;  /* in the repository, of those that were asked for */
    char next[ES_TOKEN_SIZE]; /* to go on with; "": nothing follows */
};

/* GET /_snapshot/REPO/...: {"snapshots": [...], "total": ..., "next": ...}. They are added. */
bool es_read_snapshots(const char *text, struct es_snapshots *list, struct dr_error *error);

/* The catalogue of a repository, index-N (RepositoryData.java): names, states by their numbers,
 * times from 7.14 on. */
bool es_read_catalogue(const char *text, struct es_snapshots *list, struct dr_error *error);

/* {"error": {"type": "...", "reason": "..."}}; "" where it is none. */
struct es_refusal {
    char type[64];
    char reason[ES_TEXT_SIZE];
};
void es_read_refusal(const char *text, struct es_refusal *refusal);

/* A policy of SLM: GET /_slm/policy/P. */
struct es_policy {
    char name[ES_NAME_SIZE];
    char repository[ES_NAME_SIZE];
    char schedule[128];
    struct dr_opt_real success, failure; /* the last of each */
    char failed[ES_NAME_SIZE];           /* the snapshot that failed */
    char details[ES_TEXT_SIZE];
    struct dr_opt_real next; /* run */
};
bool es_read_policy(const char *text, const char *name, struct es_policy *policy,
                    struct dr_error *error);

/* {"operation_mode": "RUNNING"}; "" where it is not said. */
bool es_read_mode(const char *text, char mode[32], struct dr_error *error);

/* Where names show when they were made, they do so by digits behind what they have in common. Puts
 * the names in byte order and keeps of each such kind the last `most`. */
void es_keep_last(struct es_snapshots *list, size_t most);

/* Adds them as points, each to the series of its policy; those that were made by hand are told, and
 * judged only where no policy made any. */
void es_add_snapshots(struct bak_facts *facts, struct es_snapshots *list,
                      const struct bak_request *request);

/* What a policy says of its own runs, to its series. */
void es_add_policy(struct bak_facts *facts, const struct es_policy *policy, const char *repository,
                   double now);

#endif
