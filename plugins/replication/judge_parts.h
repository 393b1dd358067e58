/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the parts of the judge: judge.c (the whole and the nodes), judge_verdict.c,
 * judge_expected.c, judge_standby.c, judge_set.c, judge_slots.c. */
#ifndef REPLICATION_JUDGE_PARTS_H
#define REPLICATION_JUDGE_PARTS_H

#include "common/line.h"
#include "plugins/replication/judge.h"
#include "plugins/replication/words.h"

/* One group of the run: a system that has a primary of its own. Nearly always there is only one. */
struct judge {
    const struct rep_evidence *evidence; /* of the group */
    const struct rep_rules *rules;
    struct rep_survey survey;
    struct dr_result *result;
    enum dr_state timeout_state;
    const char *group;         /* NULL where there is only one */
    const struct judge *parts; /* all groups of the run, this one among them */
    size_t part_count;
};

/* Judges a value by its metric's thresholds: a problem with the rule where one is broken. */
void line_judge(struct judge *judge, struct dr_line *line, enum rep_metric metric, double value,
                const char *words);

/* What is wrong with a standby so that it is no candidate for promotion: other system, other
 * timeline, too old, a setting below the primary's. Adds the problems to the line when there is
 * one. */
bool standby_is_fit(const struct judge *judge, const struct rep_standby *standby,
                    struct dr_line *line);

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

/* The set that elects its primary: votes, and the members that are no standbys. */
void judge_set(struct judge *judge);
/* What the set says of a standby: adds it to its line. */
void judge_seat(struct judge *judge, const struct rep_standby *standby, struct dr_line *line);
/* It could be chosen in an election, as far as it is known. */
bool standby_is_electable(const struct judge *judge, const struct rep_standby *standby);
/* Settings and states of a node that endanger data. */
void judge_traits(struct judge *judge, const struct rep_asked *asked);

/* What is expected by name and number, and what was left out; once for all groups. */
void judge_expected(struct judge *judge);
void judge_expected_count(struct judge *judge);
void judge_selection(struct judge *judge);
void judge_remembered(struct judge *judge);

/* The sentence that says what is lost; `best` may be NULL. Its figures, for a node or (NULL) for
 * the verdict. */
void judge_verdict(struct judge *judge, const struct rep_standby *best, bool promotable);
void judge_verdict_figures(struct judge *judge, const struct rep_standby *best, const char *node);

/* Standbys that are connected and could be promoted. */
size_t count_connected(const struct judge *judge);

/* `name` is a name of a target that was asked, or of another one that is the same server. */
bool goes_by(const struct judge *judge, const struct rep_asked *asked, const char *name);
/* Its own finding says already that it does not answer. */
bool is_unreachable(const struct judge *judge, const char *name);
enum dr_state state_of_error(const struct judge *judge, const struct rep_asked *asked);
const struct rep_words *words_of(const struct rep_asked *asked);

/* A figure that was asked to be limited must be known. */
bool is_limited(const struct dr_threshold *threshold);

/* How far it is behind is known in some way. */
bool standby_is_measured(const struct rep_standby *standby);

/* The standby that would be promoted: by the rules of its set, else the least loss among those that
 * are fit (*promotable), else among those that have at least the primary's history; NULL. */
const struct rep_standby *best_standby(const struct judge *judge, bool *promotable);

/* One that has more than the one that would be promoted, which is chosen by its priority; NULL. */
const struct rep_standby *fresher_standby(const struct judge *judge,
                                          const struct rep_standby *chosen);

#endif
