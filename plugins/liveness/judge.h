/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From signs to findings: is what should be active alive, with how many to spare; is what should be
 * passive passive, and would it come up; is exactly one site active. Pure but for the history,
 * which is read and brought up to date. */
#ifndef LIVENESS_JUDGE_H
#define LIVENESS_JUDGE_H

#include "common/finding.h"
#include "common/options.h"
#include "common/pattern.h"
#include "plugins/liveness/facts.h"
#include "plugins/liveness/history.h"

extern const struct dr_metric liv_metrics[LIV_METRICS];

/* What the plan wants. */
enum liv_wish {
    LIV_WISH_ACTIVE = 0,
    LIV_WISH_PASSIVE,
    LIV_WISH_ONE_SITE /* of several sites exactly one is active, `site` where it is not NULL */
};

/* A number of units: "2" or "60%". */
struct liv_count {
    bool given;
    bool percent;
    double value;
};

/* --pool NAME[=N|P%|passive], --expect-workers GLOB=N, --expect-unit GLOB[=N] */
struct liv_expected {
    const char *glob;   /* of pools, or of units */
    bool units;         /* of units: at least `least` of those that match are alive */
    enum liv_kind kind; /* LIV_WORKER: of workers alone; LIV_KINDS: of every kind */
    bool passive;       /* that pool should be passive */
    struct liv_count least;
    const char *option; /* it was given by: "--pool" */
};

struct liv_rules {
    const struct dr_threshold *thresholds; /* parallel to liv_metrics */
    bool limited[LIV_METRICS];             /* by the user: it must be known */
    enum liv_wish wish;
    const char *site;       /* the site that should be active; NULL: any, but one */
    struct liv_count least; /* --min-alive */
    bool survive_host;      /* what is left when a host dies must be enough, too */
    struct liv_expected *expected;
    size_t expected_count;
    struct dr_selection selection;  /* of units, by "pool/name" or name */
    bool selected;                  /* some include was given: it must match something */
    struct dr_opt_real stuck_after; /* seconds without a movement */
    struct dr_opt_real grace; /* a switch may take so long: neither or both sites active, seconds */
};

/* One target and what came of it. */
struct liv_asked {
    const char *label;
    const char *site;  /* NULL */
    const char *group; /* targets that do the same work: those of one URI; never NULL */
    enum liv_product product;
    bool answered;
    const struct liv_facts *facts; /* NULL where it did not answer, or not in time */
    const struct dr_error *error;
};

struct liv_evidence {
    const struct liv_asked *asked;
    size_t count;
    struct liv_history *history; /* not open without --state-dir */
    double now;                  /* seconds since the epoch */
};

/* Returns the name of the site that is active (of its liv_asked); NULL where none or more than one
 * is, where another one that answers cannot be told, and without sites. */
const char *liv_judge(const struct liv_evidence *evidence, const struct liv_rules *rules,
                      enum dr_state timeout_state, struct dr_result *result);

#endif
