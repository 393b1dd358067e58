/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Restore tests, and how long a restore is expected to take. */
#include "plugins/backups/judge_parts.h"

#include "common/duration.h"

#include <string.h>

/* Until the first byte of an archive tier: "Standard" retrieval of S3 Glacier Flexible takes 3 to 5
 * hours, of Deep Archive 12, Azure's rehydration up to 15. */
#define TIER_SECONDS (15 * 3600.0)

static void judge_artifact(struct judge *judge, const struct bak_drill *drill, struct dr_line *line)
{
    char age[TIME_WORDS];
    if (!drill->artifact_time.known)
        return;
    double old = drill->time.value - drill->artifact_time.value;
    dr_duration_format(old, age, sizeof age);
    dr_line_figure(line, "%s, then %s old", drill->artifact != NULL ? drill->artifact : "its data",
                   age);
    if (old > judge->rules->rpo + judge->rules->window) {
        dr_line_problem(line, DR_WARNING, "what was restored was %s old", age);
        dr_line_next(line, DR_WARNING, "let the drill restore the newest backup");
        say(judge, DR_WARNING, "the last restore test took a backup that was %s old", age);
    }
}

static void judge_result(struct judge *judge, const struct bak_drill *drill, struct dr_line *line)
{
    char age[TIME_WORDS], rule[DR_RANGE_TEXT + 16];
    const struct dr_threshold *threshold = &judge->rules->thresholds[BAK_DRILL_AGE];
    double old = judge->evidence->now - drill->time.value;
    dr_duration_format(old, age, sizeof age);
    if (!drill->success.value) {
        dr_line_problem(line, DR_CRITICAL, "the restore test %s ago failed%s%s", age,
                        drill->detail != NULL ? ": " : "",
                        drill->detail != NULL ? drill->detail : "");
        dr_line_next(line, DR_CRITICAL, "restore by hand now: nobody knows whether it can be done");
        say(judge, DR_CRITICAL, "the last restore test, %s ago, failed%s%s", age,
            drill->detail != NULL ? ": " : "", drill->detail != NULL ? drill->detail : "");
    }
    enum dr_state state =
        dr_line_judge(line, &bak_metrics[BAK_DRILL_AGE], threshold, old, "the last test was");
    if (state != DR_OK) {
        dr_line_next(line, state, "restore a backup, and write down the result");
        say(judge, state, "the last restore test was %s ago, %s", age,
            dr_threshold_rule(&bak_metrics[BAK_DRILL_AGE], threshold, old, rule, sizeof rule));
    }
    dr_line_figure(line, "%s %s ago", drill->success.value ? "succeeded" : "failed", age);
    dr_result_figure(judge->result, NULL, &bak_metrics[BAK_DRILL_AGE], old, threshold);
}

void judge_drill(struct judge *judge)
{
    const struct bak_drill *drill = &judge->rules->drill;
    struct dr_line line = DR_LINE;
    bool future =
        drill->time.known && drill->time.value > judge->evidence->now + judge->rules->skew;
    if (!drill->given && judge->rules->proof < BAK_RESTORED)
        return;
    const char *failure = !drill->given            ? "--proof restored needs --drill FILE"
                          : drill->failure != NULL ? drill->failure
                          : !drill->time.known     ? "it does not say when"
                          : future                 ? "it is dated in the future"
                          : !drill->success.known  ? "it does not say how it ended"
                                                   : NULL;
    if (failure != NULL) {
        dr_line_problem(&line, DR_UNKNOWN, "%s", failure);
        dr_line_next(&line, DR_UNKNOWN, "let the drill write time and result");
        say(judge, DR_UNKNOWN, "no result of a restore test: %s", failure);
    } else {
        judge_result(judge, drill, &line);
        judge_artifact(judge, drill, &line);
    }
    dr_line_end(&line, judge->result, "restore test");
}

/* Bytes that a restore of the newest reads: it, and what it hangs on. */
static bool restore_bytes(const struct part *part, double *bytes)
{
    const struct bak_series *series = part->series;
    const struct bak_point *point = part->promise.newest;
    *bytes = 0;
    for (size_t steps = 0; point != NULL && steps <= series->point_count; steps++) {
        const struct bak_point *parent = NULL;
        if (!point->size.known)
            return false;
        *bytes += (double)point->size.value;
        for (size_t i = 0; point->parent != NULL && i < series->point_count; i++) {
            if (strcmp(series->points[i].name, point->parent) == 0)
                parent = &series->points[i];
        }
        point = parent;
    }
    return *bytes > 0;
}

/* By the rate of the last drill; else by how long making it took, which is optimistic. */
static struct dr_opt_real expect_seconds(const struct judge *judge, const struct part *part,
                                         const char **by)
{
    const struct bak_drill *drill = &judge->rules->drill;
    const struct bak_point *newest = part->promise.newest;
    double bytes, tier = newest != NULL && newest->tier != NULL ? TIER_SECONDS : 0;
    if (newest == NULL)
        return (struct dr_opt_real){.known = false};
    if (drill->bytes.known && drill->bytes.value > 0 && drill->seconds.known &&
        drill->seconds.value > 0 && restore_bytes(part, &bytes)) {
        *by = "by the last drill";
        return dr_real(tier + bytes * drill->seconds.value / (double)drill->bytes.value);
    }
    if (part->promise.duration.known && part->promise.duration.value > 0) {
        double chain = part->promise.chain.known ? (double)part->promise.chain.value : 1;
        *by = "by how long the backups took: optimistic";
        return dr_real(tier + chain * part->promise.duration.value);
    }
    return (struct dr_opt_real){.known = false};
}

void judge_restore_time(struct judge *judge, struct part *part, struct dr_line *line)
{
    const char *by = "";
    char text[TIME_WORDS], rule[DR_RANGE_TEXT + 16];
    const struct dr_threshold *threshold = &judge->rules->thresholds[BAK_RESTORE_TIME];
    if (!threshold->warning.given && !threshold->critical.given)
        return;
    struct dr_opt_real seconds = expect_seconds(judge, part, &by);
    if (!seconds.known) {
        if (part->promise.newest == NULL)
            return;
        dr_line_problem(line, DR_UNKNOWN, "how long a restore takes is not known");
        dr_line_next(line, DR_UNKNOWN,
                     "let a drill say it: bytes and seconds in the file of "
                     "--drill");
        say(judge, DR_UNKNOWN, "%s: how long a restore takes is not known (--drill)", part->name);
        return;
    }
    dr_duration_format(seconds.value, text, sizeof text);
    enum dr_state state = dr_threshold_judge(threshold, seconds.value);
    dr_threshold_rule(&bak_metrics[BAK_RESTORE_TIME], threshold, seconds.value, rule, sizeof rule);
    if (state != DR_OK) {
        dr_line_problem(line, state, "a restore is expected to take %s (%s), %s", text, by, rule);
        dr_line_next(line, state, "restore from a faster store, or with fewer increments");
        say(judge, state, "%s: a restore is expected to take %s, %s", part->name, text, rule);
    } else
        dr_line_figure(line, "restore in about %s (%s)", text, by);
    dr_result_figure(judge->result, judge->part_count > 1 ? part->name : NULL,
                     &bak_metrics[BAK_RESTORE_TIME], seconds.value, threshold);
}
