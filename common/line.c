/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/line.h"

#include <stdarg.h>
#include <stdio.h>

void dr_line_problem(struct dr_line *line, enum dr_state state, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (line->problems.size > 0)
        dr_buffer_add(&line->problems, "; ");
    dr_buffer_addv(&line->problems, format, args);
    va_end(args);
    line->state = dr_state_worst(line->state, state);
}

void dr_line_next(struct dr_line *line, enum dr_state state, const char *format, ...)
{
    bool better = *line->next != '\0' && !dr_state_is_worse(state, line->next_state);
    if (state == DR_OK || better)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(line->next, sizeof line->next, format, args);
    va_end(args);
    line->next_state = state;
}

void dr_line_figure(struct dr_line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (line->figures.size > 0)
        dr_buffer_add(&line->figures, ", ");
    dr_buffer_addv(&line->figures, format, args);
    va_end(args);
}

void dr_line_end(struct dr_line *line, struct dr_result *result, const char *subject)
{
    bool problem = line->problems.size > 0;
    struct dr_finding *finding =
        dr_result_add(result, line->state, subject, "%s",
                      dr_buffer_text(problem ? &line->problems : &line->figures));
    if (problem && line->figures.size > 0)
        dr_finding_detail(finding, "%s", dr_buffer_text(&line->figures));
    if (*line->next != '\0' && line->state != DR_OK)
        dr_finding_next(finding, "%s", line->next);
    if (line->problems.no_memory || line->figures.no_memory)
        result->out_of_memory = true;
    dr_line_drop(line);
}

void dr_line_drop(struct dr_line *line)
{
    dr_buffer_free(&line->problems);
    dr_buffer_free(&line->figures);
}

enum dr_state dr_line_judge(struct dr_line *line, const struct dr_metric *metric,
                            const struct dr_threshold *threshold, double value, const char *words)
{
    char text[DR_UNIT_TEXT];
    char rule[DR_RANGE_TEXT + 16];
    enum dr_state state = dr_threshold_judge(threshold, value);
    if (state != DR_OK)
        dr_line_problem(line, state, "%s %s, %s", words,
                        dr_unit_format(metric->unit, value, text, sizeof text),
                        dr_threshold_rule(metric, threshold, value, rule, sizeof rule));
    return state;
}
