/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From evidence to findings: what a broker loses when a node, host or zone dies, and what is wrong
 * with it now. Pure but for the history, which is read and brought up to date. */
#ifndef QUEUES_JUDGE_H
#define QUEUES_JUDGE_H

#include "common/finding.h"
#include "common/options.h"
#include "common/pattern.h"
#include "plugins/queues/facts.h"
#include "plugins/queues/history.h"

enum que_metric {
    QUE_LOST = 0,
    QUE_LOST_BYTES,
    QUE_LOST_QUEUES,
    QUE_UNAVAILABLE,
    QUE_UNAVAILABLE_MESSAGES,
    QUE_FRAGILE,
    QUE_QUEUE_MESSAGES,
    QUE_QUEUE_READY,
    QUE_QUEUE_UNACKED,
    QUE_QUEUE_BYTES,
    QUE_QUEUE_CONSUMERS,
    QUE_QUEUE_OLDEST,
    QUE_QUEUE_PUBLISH_RATE,
    QUE_QUEUE_ACK_RATE,
    QUE_IN_FLIGHT_AGE,
    QUE_POISON,
    QUE_DEQUEUES,
    QUE_SYNC_AGE,
    QUE_LAG_BYTES,
    QUE_FD_USED,
    QUE_MEMORY_USED,
    QUE_PROBE_TIME,
    QUE_SAS_LEFT,
    QUE_METRICS
};
extern const struct dr_metric que_metrics[QUE_METRICS];
/* The metrics from the first to the last that are figures of each queue. */
#define QUE_FIRST_OF_QUEUE QUE_QUEUE_MESSAGES
#define QUE_LAST_OF_QUEUE QUE_QUEUE_ACK_RATE

/* A zone: nodes that die together. */
struct que_zone {
    const char *name;
    char **nodes; /* as they were given */
    size_t count;
};

/* --queue-warning, --queue-critical: limits of one metric for the queues of a pattern. */
struct que_limit {
    struct dr_pattern *pattern;
    const char *text; /* the pattern */
    enum que_metric metric;
    struct dr_threshold threshold;
    size_t matched; /* by the judge: queues it was applied to */
};

/* What the plan expects. Patterns are compiled ones, and remember what overran. */
struct que_rules {
    const struct dr_threshold *thresholds; /* parallel to que_metrics */
    struct dr_pattern **must_replicate;
    struct dr_text_list must_replicate_text;
    size_t must_replicate_count;
    int64_t min_copies;
    struct dr_text_list expect_node;
    struct dr_text_list maintenance;
    struct que_zone *zones;
    size_t zone_count;
    struct que_limit *limits;
    size_t limit_count;
    struct dr_selection selection; /* of queues, by name */
    struct dr_selection vhosts;
    bool poison_limited; /* by the user: it must be known */
    bool selected;       /* some include or vhost pattern was given: it must match something */
    bool all_queues;     /* exclusive, automatic and reply queues count like others */
    struct dr_opt_real unsynced_for; /* seconds */
    struct dr_opt_real rpo;          /* for the words; the limits are in the thresholds */
    double visibility_timeout;
};

/* One target and what came of it. */
struct que_asked {
    const char *label;
    const char *host; /* NULL */
    int port;         /* 0: not given */
    enum que_product product;
    const char *group; /* which cluster; never NULL */
    bool reference;    /* of the cluster to compare with (--compare) */
    bool answered;
    const struct que_facts *facts; /* NULL where it did not answer, or not in time */
    const struct dr_error *error;
};

struct que_evidence {
    const struct que_asked *asked; /* those of a group stand together */
    size_t count;
    struct que_history *history; /* not open without --state-dir */
    double now;                  /* seconds since the epoch */
};

void que_judge(const struct que_evidence *evidence, struct que_rules *rules,
               enum dr_state timeout_state, struct dr_result *result);

#endif
