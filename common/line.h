/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one finding about a thing, gathered from several observations: the worst state, what is wrong
 * first, then the figures; the advice of the worst. */
#ifndef DR_LINE_H
#define DR_LINE_H

#include "common/buffer.h"
#include "common/finding.h"

/* Start with DR_LINE, end with dr_line_end. */
struct dr_line {
    enum dr_state state;
    struct dr_buffer problems;
    struct dr_buffer figures;
    char next[400];
    enum dr_state next_state;
};

#define DR_LINE ((struct dr_line){.problems = DR_BUFFER(600), .figures = DR_BUFFER(400)})

/* Something that is wrong (or, with DR_OK, worth saying first). */
__attribute__((format(printf, 3, 4))) void
dr_line_problem(struct dr_line *line, enum dr_state state, const char *format, ...);

/* Advice that goes with the problem just added; kept when that problem is the worst so far. With
 * DR_OK there is nothing to do. */
__attribute__((format(printf, 3, 4))) void dr_line_next(struct dr_line *line, enum dr_state state,
                                                        const char *format, ...);
__attribute__((format(printf, 2, 3))) void dr_line_figure(struct dr_line *line, const char *format,
                                                          ...);

/* Judges a value by the limits of its metric: a problem with the rule where one is broken ("WORDS
 * 4m12s, critical above 1m"). Returns its state. */
enum dr_state dr_line_judge(struct dr_line *line, const struct dr_metric *metric,
                            const struct dr_threshold *threshold, double value, const char *words);

/* Adds the finding to the result and frees the line. */
void dr_line_end(struct dr_line *line, struct dr_result *result, const char *subject);

/* Frees it, and adds nothing. */
void dr_line_drop(struct dr_line *line);

#endif
