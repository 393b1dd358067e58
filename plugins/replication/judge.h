/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From evidence to findings: what is lost if the primary dies now, and what is wrong with each
 * part. Pure but for the history, which is read and brought up to date. */
#ifndef REPLICATION_JUDGE_H
#define REPLICATION_JUDGE_H

#include "common/finding.h"
#include "common/options.h"
#include "plugins/replication/survey.h"

enum rep_metric {
    REP_LOSS = 0,
    REP_LOSS_BYTES,
    REP_APPLY_LAG,
    REP_APPLY_BYTES,
    REP_LINK_AGE,
    REP_SLOT_RETAINED,
    REP_SLOT_ETA,
    REP_LOGICAL_GAP,
    REP_SLOT_SPILLED,
    REP_STANDBYS,
    REP_WINDOW,
    REP_WINDOW_USED,
    REP_RESYNC_ETA,
    REP_SKEW,
    REP_METRICS
};
extern const struct dr_metric rep_metrics[REP_METRICS];

/* A standby that is behind on purpose: --expect-delay NAME=DURATION. */
struct rep_delay {
    const char *name;
    double seconds;
};

/* What the plan expects. */
struct rep_rules {
    const struct dr_threshold *thresholds; /* parallel to rep_metrics */
    struct dr_opt_real rpo;                /* for the words; the limits are in the thresholds */
    struct dr_text_list expect_standby;
    struct dr_text_list expect_slot;
    struct dr_opt_int expect_count;
    const char *expect_upstream; /* NULL */
    const char *expect_primary;  /* NULL */
    const struct rep_delay *delays;
    size_t delay_count;
    struct dr_opt_real slot_inactive;
    bool slot_inactive_given; /* asked for, so it must be judged */
};

void rep_judge(const struct rep_evidence *evidence, const struct rep_rules *rules,
               enum dr_state timeout_state, struct dr_result *result);

#endif
