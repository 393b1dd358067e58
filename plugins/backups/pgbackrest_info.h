/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pgBackRest's backup.info: an INI file whose values are JSON, one line for each backup. */
#ifndef BACKUPS_PGBACKREST_INFO_H
#define BACKUPS_PGBACKREST_INFO_H

#include "plugins/backups/facts.h"
#include "plugins/backups/wal.h"

#define BAK_LABEL_SIZE 64
#define BAK_DATABASES_MAX 32

struct bak_pgbackrest_backup {
    char label[BAK_LABEL_SIZE];
    char prior[BAK_LABEL_SIZE]; /* "" */
    const char *references;     /* a JSON array of labels, inside the text; NULL */
    size_t references_size;
    char start[BAK_WAL_NAME_SIZE]; /* WAL segments; "" */
    char stop[BAK_WAL_NAME_SIZE];
    uint64_t position; /* of its start; 0: not known */
    struct dr_opt_int database;
    struct dr_opt_int began; /* seconds since the epoch */
    struct dr_opt_int ended;
    struct dr_opt_int content; /* bytes of the cluster */
    struct dr_opt_int size;    /* bytes in the repository, with what it refers to */
    struct dr_opt_bool error;
    bool offline; /* made of a stopped cluster: needs no WAL */
    enum bak_level level;
};

/* A cluster that the stanza was of, at some time. */
struct bak_pgbackrest_database {
    int64_t id;
    uint64_t system;
    char version[16]; /* "15", "9.6" */
};

struct bak_pgbackrest_info {
    struct bak_pgbackrest_backup *backups; /* in the file's order: by label */
    size_t count;
    struct bak_pgbackrest_database databases[BAK_DATABASES_MAX];
    size_t database_count;
    struct dr_opt_int current; /* id of the database it is of now */
};

/* Reads the text, which is cut into lines by that and must stay. False with a PROTOCOL error for
 * what is none, is cut off (its checksum stands at the end) or holds a line that makes no sense. To
 * be freed in either case. */
bool bak_pgbackrest_info_read(char *text, struct bak_pgbackrest_info *info, struct dr_error *error);
const struct bak_pgbackrest_database *
bak_pgbackrest_database(const struct bak_pgbackrest_info *info, struct dr_opt_int id);
void bak_pgbackrest_info_free(struct bak_pgbackrest_info *info);

/* A label: 20261120-201830F, or behind that _20261120-201832D. */
bool bak_pgbackrest_label(const char *name, enum bak_level *level);
/* When the backup of that label began, by this process's zone: it is of the zone of the host that
 * made it. */
struct dr_opt_real bak_pgbackrest_label_time(const char *label);

#endif
