/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The figures an executable can judge, and the limits set for them.
 *
 * An executable declares its metrics once (name, unit, meaning); `-w/-c [METRIC=]RANGE` set limits
 * by name, the first metric of the table being the one meant when no name is given. */
#ifndef DR_THRESHOLD_H
#define DR_THRESHOLD_H

#include "common/range.h"

struct dr_metric {
    const char *name;    /* also the perfdata label: [a-z0-9_]+ */
    enum dr_unit unit;   /* of the value in the facts: seconds, bytes, percent, count */
    const char *meaning; /* one line for --help and the manual page */
};

struct dr_limit {
    bool given;
    struct dr_range range;
};

/* The limits of one metric. */
struct dr_threshold {
    struct dr_limit warning;
    struct dr_limit critical;
};

#define DR_METRICS_MAX 48

/* Reads one argument of -w (or -c when critical) into the thresholds, an array parallel to the
 * metrics. A later one for the same metric replaces the earlier. False when the name is not in the
 * table (the names are listed) or the range is bad (position and reason); the thresholds are
 * untouched then. */
bool dr_threshold_set(const struct dr_metric *metrics, size_t count,
                      struct dr_threshold *thresholds, bool critical, const char *argument,
                      struct dr_error *error);

/* The DR plan's words, as limits for a metric in seconds: critical above `objective`, warning above
 * 80 % of it. Limits already given for the metric stay: -w and -c are more specific than --rpo and
 * --rto. */
void dr_threshold_from_objective(struct dr_threshold *threshold, double objective);

/* CRITICAL when the value breaks the critical limit, else WARNING when it breaks the warning limit,
 * else OK. A NaN breaks every limit, and where there is none it is UNKNOWN: it is no evidence of
 * anything. */
enum dr_state dr_threshold_judge(const struct dr_threshold *threshold, double value);

/* The sentence part that explains a verdict: "critical above 5m", "warning outside 1..5", or ""
 * where no limit is broken. Returns buffer; DR_RANGE_TEXT + 16 bytes are always enough. */
const char *dr_threshold_rule(const struct dr_metric *metric, const struct dr_threshold *threshold,
                              double value, char *buffer, size_t size);

#endif
