/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/threshold.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool unknown_metric(const struct dr_metric *metrics, size_t count, const char *name,
                           size_t length, struct dr_error *error)
{
    char known[400];
    size_t used = 0;
    known[0] = '\0';
    for (size_t i = 0; i < count && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                                 metrics[i].name);
    return dr_error_set(error, DR_ERR_USAGE, "unknown metric \"%.*s\"; the metrics are: %s",
                        (int)(length < 80 ? length : 80), name, known);
}

bool dr_threshold_set(const struct dr_metric *metrics, size_t count,
                      struct dr_threshold *thresholds, bool critical, const char *argument,
                      struct dr_error *error)
{
    const char *equals = strchr(argument, '=');
    const char *text = equals != NULL ? equals + 1 : argument;
    size_t length = equals != NULL ? (size_t)(equals - argument) : 0, i = 0;
    if (equals != NULL) {
        while (i < count && !(strlen(metrics[i].name) == length &&
                              memcmp(metrics[i].name, argument, length) == 0))
            i++;
    }
    if (i == count)
        return unknown_metric(metrics, count, argument, length, error);
    struct dr_limit limit = {.given = true};
    if (!dr_range_parse(text, metrics[i].unit, &limit.range, error))
        return dr_error_prefix(error, "metric %s", metrics[i].name);
    if (critical)
        thresholds[i].critical = limit;
    else
        thresholds[i].warning = limit;
    return true;
}

void dr_threshold_from_objective(struct dr_threshold *threshold, double objective)
{
    /* objective * 0.8 of 312 would be 249.60000000000002 */
    if (!threshold->warning.given)
        threshold->warning = (struct dr_limit){true, {.start = 0, .end = objective * 4 / 5}};
    if (!threshold->critical.given)
        threshold->critical = (struct dr_limit){true, {.start = 0, .end = objective}};
}

static bool breaks(const struct dr_limit *limit, double value)
{
    return limit->given && dr_range_alerts(&limit->range, value);
}

enum dr_state dr_threshold_judge(const struct dr_threshold *threshold, double value)
{
    if (breaks(&threshold->critical, value))
        return DR_CRITICAL;
    if (breaks(&threshold->warning, value))
        return DR_WARNING;
    return isnan(value) ? DR_UNKNOWN : DR_OK;
}

const char *dr_threshold_rule(const struct dr_metric *metric, const struct dr_threshold *threshold,
                              double value, char *buffer, size_t size)
{
    char rule[DR_RANGE_TEXT];
    if (breaks(&threshold->critical, value))
        snprintf(buffer, size, "critical %s",
                 dr_range_rule(&threshold->critical.range, metric->unit, value, rule, sizeof rule));
    else if (breaks(&threshold->warning, value))
        snprintf(buffer, size, "warning %s",
                 dr_range_rule(&threshold->warning.range, metric->unit, value, rule, sizeof rule));
    else
        snprintf(buffer, size, "%s", "");
    return buffer;
}
