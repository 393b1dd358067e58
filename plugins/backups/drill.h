/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the options of check_backup_freshness name beside its targets: the result of a restore test,
 * the list of what must have a backup. */
#ifndef BACKUPS_DRILL_H
#define BACKUPS_DRILL_H

#include "common/options.h"
#include "plugins/backups/judge.h"

/* Reads the result of the last restore test: a JSON object of the members
 *
 *     time           when it was done: ISO 8601, or seconds since the epoch
 *     result         "success" ("ok", "passed", true); everything else is a failure
 *     artifact       what was restored (optional, like all that follow)
 *     artifact_time  the moment whose data came back
 *     bytes          that were restored
 *     seconds        that took
 *     checks         a list of objects with name and result, or of texts
 *
 * `path` NULL: nothing is given. A file that cannot be used is no error here: the drill says so,
 * and is judged. */
void bak_drill_read(const char *path, struct bak_drill *drill);

/* Reads --expect: each a glob, or @FILE with one on each line ("#" begins a comment). False with a
 * USAGE error that names file and line. */
bool bak_expected_read(const struct dr_text_list *list, struct bak_rules *rules,
                       struct dr_error *error);

/* Reads --min-size; NULL: nothing. False with a USAGE error. */
bool bak_size_read(const char *text, struct bak_rules *rules, struct dr_error *error);

/* Frees what rules point to. */
void bak_rules_free(struct bak_rules *rules);

#endif
