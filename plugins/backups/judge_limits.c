/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is held against the figures where the user says nothing else. */
#include "plugins/backups/judge.h"

#include <math.h>

/* A quarter, and some days of grace. */
#define DRILL_WARNING (100 * 86400.0)
#define CREDENTIAL_WARNING (7 * 86400.0)
#define CREDENTIAL_CRITICAL 86400.0
/* Percent: half of the usual size. */
#define SHRINK (-50.0)

static bool is_limited(const struct dr_threshold *threshold)
{
    return threshold->warning.given || threshold->critical.given;
}

static void limit_above(struct dr_limit *limit, double value)
{
    *limit = (struct dr_limit){.given = true, .range = {.start = 0, .end = value}};
}

static void limit_below(struct dr_limit *limit, double value)
{
    *limit = (struct dr_limit){.given = true, .range = {.start = value, .end = INFINITY}};
}

void bak_limits_set(struct bak_rules *rules, struct dr_threshold *thresholds)
{
    for (size_t i = 0; i < BAK_METRICS; i++)
        rules->limited[i] = is_limited(&thresholds[i]);
    dr_threshold_from_objective(&thresholds[BAK_EXPOSURE], rules->rpo);
    if (!rules->limited[BAK_WORST_EXPOSURE])
        limit_above(&thresholds[BAK_WORST_EXPOSURE].warning, rules->rpo);
    if (!rules->limited[BAK_SIZE_CHANGE])
        limit_below(&thresholds[BAK_SIZE_CHANGE].warning, SHRINK);
    if (rules->rto.known)
        dr_threshold_from_objective(&thresholds[BAK_RESTORE_TIME], rules->rto.value);
    if (rules->drill.given && !rules->limited[BAK_DRILL_AGE])
        limit_above(&thresholds[BAK_DRILL_AGE].warning, DRILL_WARNING);
    if (rules->retention.known && !rules->limited[BAK_RETENTION])
        limit_below(&thresholds[BAK_RETENTION].critical, rules->retention.value);
    if (rules->full.known && !rules->limited[BAK_FULL_AGE])
        limit_above(&thresholds[BAK_FULL_AGE].critical, rules->full.value);
    if (rules->least.known && !rules->limited[BAK_POINTS])
        limit_below(&thresholds[BAK_POINTS].critical, (double)rules->least.value);
    if (rules->least_size.known && !rules->limited[BAK_SIZE])
        limit_below(&thresholds[BAK_SIZE].critical, (double)rules->least_size.value);
    dr_threshold_from_objective(&thresholds[BAK_COPY_LAG], rules->rpo);
    if (!rules->limited[BAK_CREDENTIAL_LEFT]) {
        limit_below(&thresholds[BAK_CREDENTIAL_LEFT].warning, CREDENTIAL_WARNING);
        limit_below(&thresholds[BAK_CREDENTIAL_LEFT].critical, CREDENTIAL_CRITICAL);
    }
    if (!rules->limited[BAK_UNCOVERED])
        limit_above(&thresholds[BAK_UNCOVERED].critical, 0);
}
