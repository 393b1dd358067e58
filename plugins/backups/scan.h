/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a target in a store is read: as files, each (or a directory) a backup, or as a repository of
 * a tool, which the scheme says: "pgbackrest+s3". */
#ifndef BACKUPS_SCAN_H
#define BACKUPS_SCAN_H

#include "plugins/backups/request.h"
#include "plugins/backups/store.h"

/* Reads a store into facts. False with the error set where the target as a whole could not be read;
 * what was read by then stays. */
typedef bool bak_reader(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                        struct dr_error *error);

bak_reader bak_files_read; /* files.c: names, then times, then the proof of the newest */
bak_reader bak_pgbackrest_read;
bak_reader bak_barman_read;
bak_reader bak_walg_read;
bak_reader bak_wal_archive_read;
bak_reader bak_restic_read;
bak_reader bak_velero_read;
bak_reader bak_elasticsearch_repository_read;

/* The probe of a source that has a store: opens it by `open`, checks the URI's parameters
 * (`parameters`: the store's), reads it by the reader of the scheme, and compares it where
 * --compare asks for that. */
bool bak_scan(struct dr_task *task, bak_open *open, const char *const *parameters,
              struct bak_facts *facts, struct dr_error *error);

#endif
