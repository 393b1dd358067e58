/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the judge found: one finding for the verdict and one for each thing looked at, with figures
 * and advice.
 *
 * The judge builds a struct dr_result and nothing else; only the report knows how it is written
 * down. */
#ifndef DR_FINDING_H
#define DR_FINDING_H

#include "common/optional.h"
#include "common/state.h"
#include "common/threshold.h"

#include <stddef.h>

struct dr_finding {
    enum dr_state state;
    char *subject; /* whose: "db2"; NULL for the verdict itself */
    char *text;    /* one line, no state word in it */
    char *next;    /* the one thing to do or to look at; NULL */
    size_t order;  /* as added; breaks ties */
};

struct dr_figure {
    char *label; /* metric or node_metric, only [A-Za-z0-9_.-] */
    enum dr_unit unit;
    double value;
    struct dr_threshold threshold; /* limits not given are not printed */
    struct dr_opt_real minimum;
    struct dr_opt_real maximum;
    bool of_verdict; /* belongs to the first line */
};

struct dr_result {
    const char *service; /* "REPLICATION" */
    char *verdict;       /* the sentence of the verdict: always true, whatever else is wrong */
    enum dr_state verdict_state;
    struct dr_finding *findings;
    size_t finding_count;
    struct dr_figure *figures;
    size_t figure_count;
    bool out_of_memory; /* something could not be added: the report says so and is never OK */
};

/* An empty result; a result without any finding and without a verdict is UNKNOWN ("nothing was
 * judged"). */
void dr_result_init(struct dr_result *result, const char *service);
void dr_result_free(struct dr_result *result);

/* The verdict sentence (printf style) and its state. Call it once. */
__attribute__((format(printf, 3, 4))) void
dr_result_verdict(struct dr_result *result, enum dr_state state, const char *format, ...);

/* Adds a finding (printf style) about subject (copied). Returns it, so that dr_finding_next can add
 * advice; NULL when out of memory. The pointer is valid until the next dr_result_add. */
__attribute__((format(printf, 4, 5))) struct dr_finding *dr_result_add(struct dr_result *result,
                                                                       enum dr_state state,
                                                                       const char *subject,
                                                                       const char *format, ...);
__attribute__((format(printf, 2, 3))) void dr_finding_next(struct dr_finding *finding,
                                                           const char *format, ...);

/* Adds a figure. `node` NULL: of the verdict, label = metric; else label = node_metric with every
 * character outside [A-Za-z0-9.-] of the node replaced by "_". A NaN or infinite value is not
 * added: what is not known is left out. */
void dr_result_figure(struct dr_result *result, const char *node, const struct dr_metric *metric,
                      double value, const struct dr_threshold *threshold);

/* The worst of verdict and findings; UNKNOWN for an empty or broken result. */
enum dr_state dr_result_state(const struct dr_result *result);

/* Sorts the findings worst first, then as added. */
void dr_result_sort(struct dr_result *result);

/* The first finding that has that state, in sorted order; NULL. */
const struct dr_finding *dr_result_worst(const struct dr_result *result);

#endif
