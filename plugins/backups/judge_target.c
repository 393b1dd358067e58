/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said of a target as a whole: what is odd about it, its store, its copy; and what should
 * have a backup and has none. */
#include "plugins/backups/judge_parts.h"

#include "common/duration.h"
#include "plugins/backups/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names that are listed in one line. */
#define NAMED_MAX 5
#define CLOCK_DIFFERENCE 60.0

void judge_signs(struct dr_line *line, const struct bak_sign *signs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct bak_meaning *meaning = bak_sign_meaning(signs[i].kind);
        if (meaning->state == DR_OK) {
            dr_line_figure(line, "%s", signs[i].text);
            continue;
        }
        dr_line_problem(line, meaning->state, "%s %s", meaning->words, signs[i].text);
        if (meaning->next != NULL)
            dr_line_next(line, meaning->state, "%s", meaning->next);
    }
}

static void say_signs(struct judge *judge, const struct bak_asked *asked)
{
    for (size_t i = 0; i < asked->facts->sign_count; i++) {
        const struct bak_sign *sign = &asked->facts->signs[i];
        const struct bak_meaning *meaning = bak_sign_meaning(sign->kind);
        if (meaning->state != DR_OK)
            say(judge, meaning->state, "%s: %s %s", asked->label, meaning->words, sign->text);
    }
}

/* --require */
static void judge_requirement(struct judge *judge, const struct bak_asked *asked,
                              struct dr_line *line, bool required, struct dr_opt_bool is,
                              const char *what, const char *grant)
{
    if (!required)
        return;
    enum dr_state state = !is.known ? DR_UNKNOWN : is.value ? DR_OK : DR_CRITICAL;
    if (state == DR_OK) {
        dr_line_figure(line, "%s is on", what);
        return;
    }
    dr_line_problem(line, state, is.known ? "%s is off" : "whether %s is on cannot be seen", what);
    if (is.known)
        dr_line_next(line, state, "switch it on: what is overwritten or deleted is gone for good");
    else
        dr_line_next(line, state, "%s", grant);
    say(judge, state, is.known ? "%s: %s is off" : "%s: whether %s is on cannot be seen",
        asked->label, what);
}

static void judge_store(struct judge *judge, const struct bak_asked *asked, struct dr_line *line)
{
    const struct bak_facts *facts = asked->facts;
    const struct dr_threshold *threshold = &judge->rules->thresholds[BAK_CREDENTIAL_LEFT];
    char text[TIME_WORDS];
    judge_requirement(judge, asked, line, judge->rules->versioning, facts->versioning, "versioning",
                      "S3 tells whoever has s3:GetBucketVersioning; of Azure Blob soft delete is "
                      "meant; others do not tell");
    judge_requirement(judge, asked, line, judge->rules->locking, facts->locking, "object lock",
                      "only S3 and Azure Blob tell: S3 needs s3:GetBucketObjectLockConfiguration "
                      "and a default retention: locks of single objects are not looked at");
    if (facts->credential_ends.known) {
        double left = facts->credential_ends.value - judge->evidence->now;
        enum dr_state state = dr_line_judge(line, &bak_metrics[BAK_CREDENTIAL_LEFT], threshold,
                                            left, "the credentials expire in");
        dr_line_next(line, state, "make new ones before nobody can look at, or write, backups");
        if (state != DR_OK)
            say(judge, state, "%s: the credentials expire in %s", asked->label,
                dr_duration_format(left, text, sizeof text));
        dr_result_figure(judge->result, asked->label, &bak_metrics[BAK_CREDENTIAL_LEFT], left,
                         threshold);
    }
    if (facts->clock.known) {
        double ahead = facts->clock.value - judge->evidence->now;
        if (ahead > CLOCK_DIFFERENCE || ahead < -CLOCK_DIFFERENCE)
            dr_line_problem(line, DR_WARNING, "its clock is %s %s ours",
                            dr_duration_format(ahead < 0 ? -ahead : ahead, text, sizeof text),
                            ahead < 0 ? "behind" : "ahead of");
    }
}

/* ---- the copy ---- */

static void describe_comparison(const struct bak_comparison *comparison, struct dr_line *line)
{
    int64_t lacking = comparison->missing + comparison->different;
    double share = comparison->bytes > 0
                       ? 100.0 * (double)(comparison->bytes - comparison->missing_bytes) /
                             (double)comparison->bytes
                       : 100.0;
    dr_line_figure(line, "%lld of %lld objects and %.0f %% of the bytes are in %s",
                   (long long)(comparison->objects - lacking), (long long)comparison->objects,
                   share, comparison->copy != NULL ? comparison->copy : "the copy");
    if (comparison->extra > 0)
        dr_line_figure(line, "%lld more are only there", (long long)comparison->extra);
}

static void judge_lag(struct judge *judge, const struct bak_asked *asked, struct dr_line *line)
{
    const struct bak_comparison *comparison = &asked->facts->comparison;
    const struct dr_threshold *threshold = &judge->rules->thresholds[BAK_COPY_LAG];
    long long lacking = (long long)(comparison->missing + comparison->different);
    char text[TIME_WORDS], bytes[DR_UNIT_TEXT], rule[DR_RANGE_TEXT + 16];
    double lag = lacking == 0               ? 0
                 : comparison->oldest.known ? judge->evidence->now - comparison->oldest.value
                                            : -1;
    dr_unit_format(DR_UNIT_BYTES, (double)comparison->missing_bytes, bytes, sizeof bytes);
    if (lag < 0) {
        dr_line_problem(line, DR_UNKNOWN,
                        "%lld objects are missing in the copy, and since when is "
                        "not known",
                        lacking);
        say(judge, DR_UNKNOWN, "%s: %lld objects are missing in the copy, since when is not known",
            asked->label, lacking);
        return;
    }
    dr_duration_format(lag, text, sizeof text);
    enum dr_state state = dr_threshold_judge(threshold, lag);
    dr_result_figure(judge->result, asked->label, &bak_metrics[BAK_COPY_LAG], lag, threshold);
    if (lacking == 0)
        return;
    /* nothing shows that anything was ever copied */
    if (state == DR_OK && lacking == comparison->objects) {
        dr_line_problem(line, DR_WARNING, "nothing of it is in the copy");
        dr_line_next(line, DR_WARNING,
                     "is the path of --compare right? has the copy job ever run?");
        say(judge, DR_WARNING, "%s: nothing of it is in the copy", asked->label);
        return;
    }
    dr_threshold_rule(&bak_metrics[BAK_COPY_LAG], threshold, lag, rule, sizeof rule);
    if (state == DR_OK) {
        dr_line_figure(line, "%lld objects (%s) are still to be copied, the oldest for %s", lacking,
                       bytes, text);
        return;
    }
    dr_line_problem(line, state,
                    "%s is behind: %lld objects (%s) are missing or different, the "
                    "oldest, %s, for %s, %s",
                    comparison->copy != NULL ? comparison->copy : "the copy", lacking, bytes,
                    comparison->oldest_name != NULL ? comparison->oldest_name : "?", text, rule);
    dr_line_next(line, state,
                 "see the log of the copy job: it may copy only a part and still succeed");
    say(judge, state, "%s: the copy lacks %lld objects (%s), the oldest for %s, %s", asked->label,
        lacking, bytes, text, rule);
}

static void judge_copy_figure(struct judge *judge, const struct bak_asked *asked,
                              struct dr_line *line, enum bak_metric metric, double value,
                              const char *words)
{
    const struct dr_threshold *threshold = &judge->rules->thresholds[metric];
    enum dr_state state = dr_line_judge(line, &bak_metrics[metric], threshold, value, words);
    char text[DR_UNIT_TEXT];
    if (state != DR_OK)
        say(judge, state, "%s: %s %s", asked->label, words,
            dr_unit_format(bak_metrics[metric].unit, value, text, sizeof text));
    dr_result_figure(judge->result, asked->label, &bak_metrics[metric], value, threshold);
}

void judge_comparison(struct judge *judge, const struct bak_asked *asked)
{
    const struct bak_comparison *comparison = &asked->facts->comparison;
    struct dr_line line = DR_LINE;
    char *subject = dr_text_format("%s to %s", asked->label,
                                   comparison->copy != NULL ? comparison->copy : "its copy");
    if (!comparison->done) {
        dr_line_problem(&line, DR_UNKNOWN, "could not be compared to its end");
        say(judge, DR_UNKNOWN, "%s could not be compared with its copy", asked->label);
    } else if (comparison->objects == 0) {
        dr_line_problem(&line, DR_UNKNOWN, "there is nothing to compare");
        dr_line_next(&line, DR_UNKNOWN, "is the path of --target right?");
        say(judge, DR_UNKNOWN, "%s: there is nothing to compare with its copy", asked->label);
    } else {
        judge_lag(judge, asked, &line);
        judge_copy_figure(judge, asked, &line, BAK_COPY_MISSING,
                          (double)(comparison->missing + comparison->different),
                          "objects missing in the copy:");
        judge_copy_figure(judge, asked, &line, BAK_COPY_MISSING_BYTES,
                          (double)comparison->missing_bytes, "bytes missing in the copy:");
        describe_comparison(comparison, &line);
    }
    dr_line_end(&line, judge->result, subject);
    judge->result->out_of_memory = judge->result->out_of_memory || subject == NULL;
    free(subject);
}

/* ---- the target ---- */

static void judge_nothing(struct judge *judge, const struct bak_asked *asked, struct dr_line *line)
{
    const struct bak_facts *facts = asked->facts;
    enum dr_state state = facts->complete ? DR_CRITICAL : DR_UNKNOWN;
    size_t bare = facts->series_count; /* known to be there, without a backup */
    for (size_t i = 0; i < facts->series_count; i++) {
        if (!facts->series[i].expected_only && !facts->series[i].gone)
            return;
    }
    if (bare > 0)
        dr_line_problem(line, state, "no backup of any of %zu", bare);
    else
        dr_line_problem(line, state, "no backup: nothing that matches is there (%lld looked at)",
                        (long long)facts->looked);
    dr_line_next(line, state, "is the path or name right? has the job ever run?");
    say(judge, state, "%s: no backup is there", asked->label);
}

static bool is_bare(const struct bak_series *series)
{
    return series->expected_only;
}

static bool is_gone(const struct bak_series *series)
{
    return series->gone;
}

/* Counts the series that `is` true for, and names the first of them. */
static void name_series(const struct bak_facts *facts, bool (*is)(const struct bak_series *),
                        const char *words, struct dr_line *line)
{
    struct dr_buffer names = DR_BUFFER(200);
    size_t count = 0;
    for (size_t i = 0; i < facts->series_count; i++) {
        if (is(&facts->series[i]) && count++ < NAMED_MAX)
            dr_buffer_addf(&names, "%s%s", count > 1 ? ", " : "", facts->series[i].name);
    }
    if (count > 0 && (count < facts->series_count || is == is_gone))
        dr_line_figure(line, "%zu %s: %s%s", count, words, dr_buffer_text(&names),
                       count > NAMED_MAX ? ", ..." : "");
    dr_buffer_free(&names);
}

void judge_target(struct judge *judge, const struct bak_asked *asked)
{
    struct dr_line line = DR_LINE;
    if (!asked->answered) {
        enum dr_state state = dr_error_state(asked->error->class, judge->timeout_state);
        dr_line_problem(&line, state, "%s", asked->error->text);
        say(judge, state, "%s: %s", asked->label, asked->error->text);
    } else {
        judge->result->out_of_memory = judge->result->out_of_memory || asked->facts->no_memory;
        judge_signs(&line, asked->facts->signs, asked->facts->sign_count);
        say_signs(judge, asked);
        judge_store(judge, asked, &line);
        if (!asked->reference)
            judge_nothing(judge, asked, &line);
        /* whether it should have one is for --expect to say */
        name_series(asked->facts, is_bare, "without any backup", &line);
        name_series(asked->facts, is_gone, "not there any more, and not judged", &line);
    }
    if (line.problems.size > 0 || line.figures.size > 0)
        dr_line_end(&line, judge->result, asked->label);
    else
        dr_line_drop(&line);
}

/* ---- what is expected ---- */

static bool fits(const struct judge *judge, const struct bak_expected *expected,
                 const struct bak_asked *asked, const struct bak_series *series)
{
    char *whole = dr_text_format("%s/%s", asked->label, series->name);
    const char *name = series->name[0] != '\0' ? series->name : asked->label;
    bool is = bak_glob_match(expected->glob, name) ||
              (whole != NULL && bak_glob_match(expected->glob, whole));
    judge->result->out_of_memory = judge->result->out_of_memory || whole == NULL;
    free(whole);
    return is;
}

static void lacks(struct judge *judge, const char *name, const char *words,
                  const struct bak_expected *expected, enum dr_state state)
{
    struct dr_finding *finding =
        dr_result_add(judge->result, state, name, "%s (%s)", words, expected->from);
    dr_finding_next(finding, "back it up, or take it out of what is expected");
    say(judge, state, "%s: %s", name, words);
    judge->uncovered++;
}

/* Whether all targets were seen whole: only then what is not there is not there. */
static bool all_seen(const struct judge *judge)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct bak_asked *asked = &judge->evidence->asked[i];
        if (!asked->reference && (!asked->answered || !asked->facts->complete))
            return false;
    }
    return true;
}

static void judge_one(struct judge *judge, const struct bak_expected *expected)
{
    bool found = false;
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct bak_asked *asked = &judge->evidence->asked[i];
        for (size_t k = 0; asked->answered && !asked->reference && k < asked->facts->series_count;
             k++) {
            const struct bak_series *series = &asked->facts->series[k];
            if (series->gone || !fits(judge, expected, asked, series))
                continue;
            found = true;
            if (series->expected_only)
                lacks(judge, series->name, "it has no backup at all", expected, DR_CRITICAL);
        }
    }
    if (!found)
        lacks(judge, expected->glob, "no backup of it is there", expected,
              all_seen(judge) ? DR_CRITICAL : DR_UNKNOWN);
}

void judge_expected(struct judge *judge)
{
    for (size_t i = 0; i < judge->rules->expected_count; i++)
        judge_one(judge, &judge->rules->expected[i]);
    if (judge->rules->expected_count > 0)
        dr_result_figure(judge->result, NULL, &bak_metrics[BAK_UNCOVERED], (double)judge->uncovered,
                         &judge->rules->thresholds[BAK_UNCOVERED]);
}
