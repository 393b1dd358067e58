/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the readers of documents share. A document was checked as a whole before: a copy of a reader
 * is a second look at the same place, and needs no check of its own. */
#ifndef BACKUPS_DOCUMENT_PARTS_H
#define BACKUPS_DOCUMENT_PARTS_H

#include "common/client/json_read.h"
#include "plugins/backups/document_read.h"

#define BAK_DOCUMENT_NAME 512

/* A reader at the document's beginning, where all of it is one JSON value that begins with `kind`
 * ('[', '{', or '\0' for any). Else false, and the error says what stands there instead of what
 * `wanted` prints. */
bool bak_document_start(const char *text, char kind, const char *wanted, struct dr_json *reader,
                        struct dr_error *error);

/* A copy of the reader that stands at the value of that member of the object that comes next (the
 * first of that name). False, with nothing moved, where there is none. */
bool bak_document_member(const struct dr_json *object, const char *name, struct dr_json *value);

/* A text, number or truth value of a member; "", unknown where there is none. */
bool bak_document_text(const struct dr_json *object, const char *name, char *text, size_t size);
struct dr_opt_int bak_document_int(const struct dr_json *object, const char *name);
struct dr_opt_bool bak_document_bool(const struct dr_json *object, const char *name);
/* The moment that comes next: ISO 8601 as bak_moment_local has it, or seconds or milliseconds since
 * the epoch as a number or as its text. */
struct dr_opt_real bak_moment_of(struct dr_json *value);
struct dr_opt_real bak_document_moment(const struct dr_json *object, const char *name);

/* ISO 8601; without a zone it is the process's, and of an hour that comes twice the first. */
struct dr_opt_real bak_moment_local(const char *text);

/* Adds a series by its name, where --include and --exclude let it in; NULL otherwise. */
struct bak_series *bak_document_series(const struct bak_request *request, struct bak_facts *facts,
                                       const char *name);

/* To be called for each point once it is filled: counts it, remembers the oldest, says that it is
 * of the future (once for a series), and drops the oldest point where there are too many to keep.
 */
void bak_document_added(const struct bak_request *request, struct bak_facts *facts,
                        struct bak_series *series);

/* False where a name does not end in a date (2026-11-20, 20261120T0200): else how many bytes stand
 * in front of it, without what separates them. */
bool bak_name_split_date(const char *name, size_t *prefix);

#endif
