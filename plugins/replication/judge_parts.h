/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the parts of the judge: judge.c (the whole and the nodes), judge_standby.c,
 * judge_slots.c. */
#ifndef REPLICATION_JUDGE_PARTS_H
#define REPLICATION_JUDGE_PARTS_H

#include "common/buffer.h"
#include "plugins/replication/judge.h"

struct judge {
    const struct rep_evidence *evidence;
    const struct rep_rules *rules;
    struct rep_survey survey;
    struct dr_result *result;
    enum dr_state timeout_state;
};

/* The one finding about a thing, gathered from several observations: the worst state, what is wrong
 * first, then the figures; the advice of the worst. */
struct line {
    enum dr_state state;
    struct dr_buffer problems;
    struct dr_buffer figures;
    char next[400];
    enum dr_state next_state;
};

#define LINE ((struct line){.problems = DR_BUFFER(600), .figures = DR_BUFFER(400)})

__attribute__((format(printf, 3, 4))) void line_problem(struct line *line, enum dr_state state,
                                                        const char *format, ...);
/* Advice that goes with the problem just added; kept when that problem is the worst so far. */
__attribute__((format(printf, 3, 4))) void line_next(struct line *line, enum dr_state state,
                                                     const char *format, ...);
__attribute__((format(printf, 2, 3))) void line_figure(struct line *line, const char *format, ...);

/* Adds the finding to the result and frees the line. */
void line_end(struct line *line, struct dr_result *result, const char *subject);

/* Judges a value by its metric's thresholds: a problem with the rule where one is broken. */
void line_judge(struct judge *judge, struct line *line, enum rep_metric metric, double value,
                const char *words);

/* What is wrong with a standby so that it is no candidate for promotion: other system, other
 * timeline, too old, a setting below the primary's. Adds the problems to the line when there is
 * one. */
bool standby_is_fit(const struct judge *judge, const struct rep_standby *standby,
                    struct line *line);

/* What it has is a part of the primary's history: after repairs it could be promoted. */
bool standby_has_history(const struct judge *judge, const struct rep_standby *standby);

/* True when it is connected to its sender or reads the archive by design: it counts as being there.
 */
bool standby_is_connected(const struct rep_standby *standby);

/* It connected a moment ago and has not reported yet what it has: not yet known to be a standby,
 * but no alarm. */
bool standby_is_new(const struct rep_standby *standby);

void judge_standby(struct judge *judge, const struct rep_standby *standby);
void judge_slots(struct judge *judge);

/* The standby that would be promoted: the least loss among those that are fit (*promotable), else
 * among those that have at least the primary's history; NULL. */
const struct rep_standby *best_standby(const struct judge *judge, bool *promotable);

#endif
