/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the readers of RDS and of EBS share. */
#ifndef BACKUPS_AWS_PARTS_H
#define BACKUPS_AWS_PARTS_H

#include "plugins/backups/aws_read.h"

bool bak_aws_is_wanted(const struct bak_aws *aws, const char *name);

/* Adds something that exists; NULL when out of memory. Valid until the next is added. */
struct bak_aws_thing *bak_aws_add_thing(struct bak_aws *aws, const char *name);
/* After bak_aws_know; NULL where it does not exist. */
struct bak_aws_thing *bak_aws_find_thing(struct bak_aws *aws, const char *name);

/* The series of a thing, or (NULL) of that name, which is added. */
struct bak_series *bak_aws_series(struct bak_aws *aws, struct bak_aws_thing *thing,
                                  const char *name);

/* A backup as its API describes it, to be added to a series. All are counted, the newest kept. */
struct bak_aws_backup {
    const char *name;
    const char *kind;
    enum bak_status status;
    const char *why; /* where it is not complete */
    struct dr_opt_real data;
    struct dr_opt_real usable;
    struct dr_opt_real began;
    struct dr_opt_int content;
    const char *tier;
};
void bak_aws_add_point(struct bak_aws *aws, struct bak_series *series,
                       const struct bak_aws_backup *backup);

/* A PROTOCOL error: "the reply has a DB snapshot without its status". Returns false. */
bool bak_aws_lacks(struct dr_error *error, const char *item, const char *what);

#endif
