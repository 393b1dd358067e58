/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the judge found: the verdict, one finding for each thing looked at, with figures and advice.
 *
 * The judge builds a struct dr_result and nothing else; only the report knows how it is written
 * down. All texts are copied and cleaned (dr_text_clean, blanks at both ends removed) when they are
 * added; the result owns them. */
#ifndef DR_FINDING_H
#define DR_FINDING_H

#include "common/optional.h"
#include "common/state.h"
#include "common/threshold.h"

#include <stddef.h>

struct dr_finding {
    enum dr_state state;
    char *subject;   /* whose: "db2"; NULL where it is about the whole */
    char *text;      /* one line, no state word in it */
    char *detail;    /* figures that belong to it, for everything but the first line; NULL */
    char *next;      /* the one thing to do or to look at; NULL */
    size_t order;    /* as added; breaks ties */
    bool incomplete; /* memory ran out for the advice or the detail */
};

struct dr_figure {
    char *label;   /* in perfdata: metric or node_metric, only [A-Za-z0-9_.-] */
    char *metric;  /* the metric's name */
    char *meaning; /* the metric's meaning; NULL where it has none */
    char *node;    /* as it is called elsewhere; NULL: of the verdict, belongs to the first line */
    enum dr_unit unit;
    double value;                  /* finite, at most DR_FIGURE_MAX in size */
    struct dr_threshold threshold; /* limits not given are not printed */
    struct dr_opt_real minimum;
    struct dr_opt_real maximum;
    size_t order; /* as added */
};

/* Above 2^63, the largest number a server can count to; far below where a double needs an exponent.
 */
#define DR_FIGURE_MAX 1e19

struct dr_result {
    const char *service; /* "REPLICATION"; static text */
    char *verdict;       /* the sentence of the verdict: always true, whatever else is wrong */
    enum dr_state verdict_state;
    struct dr_finding *findings;
    size_t finding_count;
    struct dr_figure *figures;
    size_t figure_count;
    bool out_of_memory; /* something could not be added: the report says so and is never OK */
};

/* An empty result. As long as it has no verdict, or a verdict of OK without any finding to show for
 * it, its state is UNKNOWN or worse: never OK without evidence. */
void dr_result_init(struct dr_result *result, const char *service);
void dr_result_free(struct dr_result *result);

/* The verdict sentence (printf style) and its state. A second one replaces the first. */
__attribute__((format(printf, 3, 4))) void
dr_result_verdict(struct dr_result *result, enum dr_state state, const char *format, ...);

/* Adds a finding (printf style) about subject (copied). Returns it, so that dr_finding_next can add
 * advice; NULL when out of memory. The pointer is valid until the next dr_result_add. `subject` may
 * be NULL. */
__attribute__((format(printf, 4, 5))) struct dr_finding *dr_result_add(struct dr_result *result,
                                                                       enum dr_state state,
                                                                       const char *subject,
                                                                       const char *format, ...);
/* The advice (printf style); a second one replaces the first. A NULL finding is allowed. */
__attribute__((format(printf, 2, 3))) void dr_finding_next(struct dr_finding *finding,
                                                           const char *format, ...);

/* Figures that stand behind the text in brackets (printf style), but not in the first line; a
 * second one replaces the first. A NULL finding is allowed. */
__attribute__((format(printf, 2, 3))) void dr_finding_detail(struct dr_finding *finding,
                                                             const char *format, ...);

/* Adds a figure. `node` NULL: of the verdict, label = metric; else label = dr_figure_label.
 * `threshold` may be NULL. A NaN, an infinite value or one above DR_FIGURE_MAX is not added: what
 * is not known is left out. The minimum is 0 for seconds, bytes, percent and counters, the maximum
 * 100 for percent; a bound that the value itself breaks is not given. */
void dr_result_figure(struct dr_result *result, const char *node, const struct dr_metric *metric,
                      double value, const struct dr_threshold *threshold);

/* The perfdata label of a metric of a node: node_metric with every character outside [A-Za-z0-9.-]
 * of the node replaced by "_". The caller frees it; NULL when out of memory. */
char *dr_figure_label(const char *node, const char *metric);

/* The worst of verdict and findings; at least UNKNOWN for an empty or broken result. */
enum dr_state dr_result_state(const struct dr_result *result);

/* Sorts the findings worst first, then as added. */
void dr_result_sort(struct dr_result *result);

#endif
