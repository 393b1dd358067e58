/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Azure Resource Manager (ARM) says about the backups of a server of Azure SQL: replies of
 * Microsoft.Sql, api-version 2021-11-01, to facts. */
#ifndef BACKUPS_AZURE_SQL_READ_H
#define BACKUPS_AZURE_SQL_READ_H

#include "common/buffer.h"
#include "plugins/backups/request.h"

#define BAK_SQL_NAME_SIZE 520 /* 128 characters, and the terminator */
#define BAK_SQL_POINTS_MAX 512

/* A database, or what else a list holds. */
struct bak_sql_item {
    char name[BAK_SQL_NAME_SIZE];
    char database[BAK_SQL_NAME_SIZE]; /* whose it is; "": name is the database's */
    char status[64];                  /* "Online", "Paused" */
    char tier[64];                    /* "GeneralPurpose"; "DataWarehouse" has restore points */
    char secondary[64];               /* "Geo": backups are made of its primary */
    char kind[32];                    /* "CONTINUOUS", "DISCRETE" */
    struct dr_opt_real created;
    struct dr_opt_real earliest; /* a point in time can be restored to from here on */
    struct dr_opt_real paused;
    struct dr_opt_real moment;  /* of a backup */
    struct dr_opt_real expires; /* it will be deleted */
    bool deleted;               /* the database is gone, its long-term backups are kept */
};

/* Reads one page of a list: `take` is handed each item. `next` is what the next page is asked for
 * by ("$skipToken"); "" where there is none. False with a PROTOCOL error. */
typedef bool bak_sql_take(void *context, const struct bak_sql_item *item, struct dr_error *error);
bool bak_sql_read_list(const struct dr_buffer *body, bak_sql_take *take, void *context, char *next,
                       size_t size, struct dr_error *error);

/* Reads the location of a server ("westeurope"). */
bool bak_sql_read_location(const struct dr_buffer *body, char *location, size_t size,
                           struct dr_error *error);

/* Each becomes facts, where its name is wanted. A database: what it is, with a point of unknown
 * content where nobody says up to when it can be restored to; then what is known of the copy in the
 * other region, restore points, long-term backups. */
void bak_sql_take_database(struct bak_facts *facts, const struct bak_request *request,
                           const struct bak_sql_item *item, bool long_term);
void bak_sql_take_recoverable(struct bak_facts *facts, const struct bak_request *request,
                              const struct bak_sql_item *item);
void bak_sql_take_point(struct bak_facts *facts, const char *database,
                        const struct bak_sql_item *item);
void bak_sql_take_long_term(struct bak_facts *facts, const struct bak_request *request,
                            const struct bak_sql_item *item);
/* Of what nobody said anything more: an end of its point-in-time restore that is not known. */
void bak_sql_finish(struct bak_facts *facts, bool long_term);

#endif
