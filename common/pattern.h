/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Regular expressions over names (PCRE2, with match limits), as lists to include and exclude. */
#ifndef DR_PATTERN_H
#define DR_PATTERN_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

struct dr_pattern;

/* Compiles one expression (Perl syntax, over bytes, unanchored as grep reads it). NULL with
 * position and reason in error otherwise. An empty one is an error: it would match every name, and
 * is what an unset variable leaves behind. A pattern is used by one thread at a time. */
struct dr_pattern *dr_pattern_new(const char *text, struct dr_error *error);
void dr_pattern_free(struct dr_pattern *pattern);

/* True when it matches. A match that exceeds the limits counts as a match failure and is
 * remembered: dr_pattern_overrun tells. */
bool dr_pattern_matches(struct dr_pattern *pattern, const char *name);
bool dr_pattern_overrun(const struct dr_pattern *pattern);

/* --include/--exclude: a name is selected when some include matches (or there is none) and no
 * exclude does. */
struct dr_selection {
    struct dr_pattern **include;
    size_t include_count;
    struct dr_pattern **exclude;
    size_t exclude_count;
};

bool dr_selection_add(struct dr_selection *selection, bool exclude, const char *text,
                      struct dr_error *error);
bool dr_selection_has(const struct dr_selection *selection, const char *name);
/* True when some expression exceeded the limits on some name: what was selected then cannot be
 * trusted. */
bool dr_selection_overrun(const struct dr_selection *selection);

void dr_selection_free(struct dr_selection *selection);

#endif
