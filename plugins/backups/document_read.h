/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON that tools print about their backups, as facts. Of other tools' JSON, the user says by JSON
 * pointers (RFC 6901) where in it things are. */
#ifndef BACKUPS_DOCUMENT_READ_H
#define BACKUPS_DOCUMENT_READ_H

#include "plugins/backups/request.h"

/* Where things are in a document of a tool that is not known here; only `time` must be given. */
struct bak_pointers {
    const char *items; /* the list; NULL or "": the document itself, which may be one item */
    const char *time;  /* of an item: ISO 8601, or seconds or milliseconds since the epoch */
    const char *status;
    const char *good; /* what the status is where it succeeded */
    const char *name;
    const char *size; /* bytes */
};

/* Reads a whole, terminated document into facts: its series, their points, what is odd. False with
 * the error set (PROTOCOL) where it is not JSON, or not what that tool prints. Moments without a
 * zone are read in the process's zone; of an hour that comes twice, the first is meant. Of a long
 * list only the newest points of each series are kept.
 *
 * - borg list --json, borg info --json: a series for each name in front of its date
 * - restic snapshots --json, with or without --group-by: a series for each host and its paths
 * - pgbackrest info --output=json: a series for each stanza, and each repository of it where there
 *   are several
 * - barman -f json list-backups, show-backup: a series for each server
 * - wal-g backup-list --json, with or without --detail: one series */
typedef bool bak_document_read(const char *text, const struct bak_request *request,
                               struct bak_facts *facts, struct dr_error *error);
bak_document_read bak_document_read_borg;
bak_document_read bak_document_read_restic;
bak_document_read bak_document_read_pgbackrest;
bak_document_read bak_document_read_barman;
bak_document_read bak_document_read_walg;
bool bak_document_read_other(const char *text, const struct bak_pointers *pointers,
                             const struct bak_request *request, struct bak_facts *facts,
                             struct dr_error *error);

/* Replaces, in place, every byte that is no UTF-8, and every control character but blanks and line
 * breaks, by a question mark: pgBackRest prints what it could not decrypt. */
void bak_document_clean(char *text);

/* Goes to where a pointer points, from the value that comes next. False where there is nothing. */
struct dr_json;
bool bak_document_find(struct dr_json *reader, const char *pointer);

/* True for a pointer by its grammar: "" or "/..." . */
bool bak_document_is_pointer(const char *pointer);

#endif
