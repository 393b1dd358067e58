/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Amazon Web Services says of the backups of its databases (RDS, API version 2014-10-31) and
 * of its disks (EBS, a part of EC2, 2016-11-15): replies of their Query APIs to facts.
 *
 * What exists (instances, clusters, volumes) is read first, then its backups: only so those of what
 * was deleted on purpose can be told, which grow older for ever. They are left out, and counted. */
#ifndef BACKUPS_AWS_READ_H
#define BACKUPS_AWS_READ_H

#include "common/buffer.h"
#include "plugins/backups/request.h"

#define BAK_AWS_TOKEN_SIZE 4097
/* Points of a series that are kept, the newest ones. */
#define BAK_AWS_POINTS_MAX 512
#define BAK_AWS_NAME_SIZE 304

/* Something that exists, and should have a backup. */
struct bak_aws_thing {
    char *name;
    size_t series; /* index of it in the facts; SIZE_MAX: it has none yet */
    bool off;      /* no automated backups are made of it */
    bool young;    /* it is still being made */
    bool replica;  /* without backups of its own: those of its source count */
};

/* What is read, and what was found. Zero but for the first part; ended by bak_aws_free. */
struct bak_aws {
    const struct bak_request *request;
    struct bak_facts *facts;
    const char *region;    /* that is asked */
    const char *name;      /* a glob of what is looked at; "": all of it */
    const char *group_tag; /* EBS: a series is what has this value of the tag; NULL: a volume */
    const char *time_tag;  /* EBS: says when the original of a copy was taken; NULL */
    bool filtered;         /* EBS: only snapshots with some tag */

    struct bak_aws_thing *things; /* sorted by bak_aws_know */
    size_t thing_count;
    bool known;           /* that list is all there is: what is not in it was deleted */
    bool clusters_unseen; /* which clusters there are could not be listed */
    bool backups_unseen;  /* nor which snapshots */
    int64_t members;      /* instances that are a part of a cluster */
    int64_t replicas;     /* left out */
    int64_t gone;         /* backups that were left out, of what was deleted */

    /* of the EBS snapshot that is being read */
    char group[BAK_AWS_NAME_SIZE]; /* the value of group_tag; "" */
    struct dr_opt_real original;   /* that of time_tag */
};

/* One of the lists that can be asked for. */
struct bak_aws_list {
    const char *service; /* "rds" */
    const char *version;
    const char *action; /* "DescribeDBInstances" */
    const char *what;   /* "list the DB instances" */
    const char *grant;  /* "rds:DescribeDBInstances" */
    const char *page_name;
    const char *page_size;  /* items of a page, as many as the API allows */
    const char *token_name; /* what asks for the next page */
    /* of the reply */
    const char *root;
    const char *list; /* path of what holds the items */
    const char *item;
    const char *inner; /* a list in an item; NULL */
    const char *token;
    const char *const *fields; /* paths, ended by NULL */
    /* An item, its texts in the order of the fields; with `inner` one of the list in it, which come
     * before it. */
    bool (*take)(struct bak_aws *aws, const char *const *values, bool inner,
                 struct dr_error *error);
};

extern const struct bak_aws_list bak_aws_instances;
extern const struct bak_aws_list bak_aws_clusters;
extern const struct bak_aws_list bak_aws_db_snapshots;
extern const struct bak_aws_list bak_aws_cluster_snapshots;
extern const struct bak_aws_list bak_aws_automated;
extern const struct bak_aws_list bak_aws_volumes;
extern const struct bak_aws_list bak_aws_snapshots;

/* Reads a page: `next` is what asks for the next one, "" where there is none. False with a PROTOCOL
 * error for anything else than such a list, and for items without what they must have. */
bool bak_aws_read(struct bak_aws *aws, const struct bak_aws_list *list,
                  const struct dr_buffer *body, char next[BAK_AWS_TOKEN_SIZE],
                  struct dr_error *error);

/* After the lists of what exists, in front of those of backups. */
void bak_aws_know(struct bak_aws *aws);

/* After all lists: what exists and has no backup, what was left out. */
void bak_aws_finish(struct bak_aws *aws);

/* True where that one thing is asked for by its name. */
bool bak_aws_is_named(const struct bak_aws *aws, const char *name);

void bak_aws_free(struct bak_aws *aws);

#endif
