/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line of a series: how old what it gives back is, is that a backup, what else is odd. */
#include "plugins/backups/judge_parts.h"

#include "common/duration.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Nothing that has run for less is stuck. */
#define STUCK_LEAST 3600.0

static const char *age_words(double seconds, char *words)
{
    return dr_duration_format(seconds, words, TIME_WORDS);
}

const char *moment_words(double moment, char *words, size_t size)
{
    time_t seconds = (time_t)moment;
    struct tm broken;
    if (gmtime_r(&seconds, &broken) == NULL ||
        strftime(words, size, "%Y-%m-%d %H:%M UTC", &broken) == 0)
        snprintf(words, size, "?");
    return words;
}

const char *proof_words(enum bak_proof proof)
{
    static const char *const words[] = {"listed", "there", "well-formed", "checksums fit",
                                        "restored"};
    return words[proof];
}

/* Whoever keeps it says so, and there is nothing else to look at. */
static bool is_hearsay(const struct part *part)
{
    return part->asked->product >= BAK_RDS || part->asked->hearsay;
}

/* ---- there is none ---- */

static void say_none(struct judge *judge, struct part *part, struct dr_line *line)
{
    const struct promise *promise = &part->promise;
    const struct bak_point *odd = promise->broken != NULL ? promise->broken : promise->orphan;
    enum dr_state state = part->facts->complete ? DR_CRITICAL : DR_UNKNOWN;
    char detail[400];
    if (odd == promise->orphan && odd != NULL)
        snprintf(detail, sizeof detail, "%s needs %s, which is not there or not complete",
                 odd->name, odd->parent);
    else if (odd != NULL)
        snprintf(detail, sizeof detail, "%s: %s", odd->name,
                 odd->why != NULL ? odd->why : "not complete");
    else if (promise->running != NULL)
        snprintf(detail, sizeof detail, "the first, %s, is still being made%s%s",
                 promise->running->name, promise->running->why != NULL ? ": " : "",
                 promise->running->why != NULL ? promise->running->why : "");
    else if (part->series->point_count == 1)
        snprintf(detail, sizeof detail, "%s is dated in the future, expired, or without a date",
                 part->series->points[0].name);
    else if (part->series->point_count > 0)
        snprintf(detail, sizeof detail,
                 "all %zu are dated in the future, expired, or without a date",
                 part->series->point_count);
    else
        snprintf(detail, sizeof detail, "there is none");
    if (odd != NULL && odd->status == BAK_UNSEEN)
        state = DR_UNKNOWN;
    dr_line_problem(line, state, "no usable backup: %s", detail);
    /* what could not be seen is a sign, with advice of its own */
    if (state == DR_CRITICAL)
        dr_line_next(line, state, "%s",
                     odd == NULL && promise->running != NULL
                         ? "wait for its end; until then there is nothing to restore"
                         : "make a backup now, and see why the last ones failed");
    say(judge, state, "%s has no usable backup: %s", part->name, detail);
}

/* ---- exposure ---- */

/* "20261120...", "2026-11-20...": a folder for each day, and nobody said so. */
static bool is_date(const char *name)
{
    size_t digits = 0, i = 0;
    for (; digits < 8 && (isdigit((unsigned char)name[i]) || strchr("-_.", name[i]) != NULL) &&
           name[i] != '\0';
         i++)
        digits += isdigit((unsigned char)name[i]) ? 1 : 0;
    return digits == 8 && i <= 10 && (name[0] == '1' || name[0] == '2');
}

static void say_old(struct judge *judge, struct part *part, struct dr_line *line,
                    enum dr_state state)
{
    const struct promise *promise = &part->promise;
    char age[TIME_WORDS], rule[DR_RANGE_TEXT + 16], more[120] = "";
    double exposure = promise->exposure.value;
    age_words(exposure, age);
    dr_threshold_rule(&bak_metrics[BAK_EXPOSURE], &judge->rules->thresholds[BAK_EXPOSURE], exposure,
                      rule, sizeof rule);
    if (state == DR_UNKNOWN && !part->facts->complete)
        snprintf(more, sizeof more, ", as far as could be seen");
    else if (state == DR_UNKNOWN)
        snprintf(more, sizeof more,
                 ": no WAL came since, and whether the server wrote any cannot be told");
    else if (promise->missed.known && promise->missed.value > 0)
        snprintf(more, sizeof more, "; %lld run%s missed", (long long)promise->missed.value,
                 promise->missed.value == 1 ? " was" : "s were");
    dr_line_problem(line, state, "the newest data that can be restored is %s old, %s%s", age, rule,
                    more);
    if (state == DR_UNKNOWN)
        dr_line_next(line, state,
                     "give the server as a target, too (postgresql-archive://), or set "
                     "archive_timeout");
    else if (promise->broken != NULL)
        dr_line_next(line, state, "see why %s failed", promise->broken->name);
    else if (promise->logged)
        dr_line_next(line, state, "see why no log is archived any more");
    else if (is_date(part->series->name))
        dr_line_next(line, state,
                     "folders that are dates are no series: say so by --name-format, "
                     "'%%Y-%%m-%%d/{}.dump' for example");
    else
        dr_line_next(line, state, "see whether the job still runs, and its log%s",
                     exposure > judge->rules->window && part->series->name[0] != '\0'
                         ? "; what is no longer backed up is left out by --exclude"
                         : "");
    say(judge, state, "%s: the newest data that can be restored is %s old, %s%s", part->name, age,
        rule, more);
}

static void say_unattainable(struct judge *judge, struct part *part, struct dr_line *line)
{
    char rpo[TIME_WORDS], best[TIME_WORDS], worst[TIME_WORDS], window[TIME_WORDS];
    const struct promise *promise = &part->promise;
    age_words(judge->rules->rpo, rpo);
    age_words(promise->attainable.value, best);
    age_words(promise->worst.value, worst);
    age_words(promise->covered, window);
    dr_line_problem(line, DR_WARNING,
                    "an RPO of %s cannot be met by this schedule: just before the next backup is "
                    "usable, the last one is %s old (worst %s in %s)",
                    rpo, best, worst, window);
    dr_line_next(line, DR_WARNING,
                 "back up more often, or keep a log (WAL, oplog) as well; or agree "
                 "on an RPO above %s",
                 best);
    say(judge, DR_WARNING,
        "%s: an RPO of %s cannot be met by this schedule, which gives %s at best", part->name, rpo,
        best);
}

/* All may be green today, and the promise was broken on Tuesday. */
static void judge_worst(struct judge *judge, struct part *part, struct dr_line *line)
{
    const struct promise *promise = &part->promise;
    char at[TIME_WORDS], worst[TIME_WORDS], missed[60] = "";
    if (!promise->worst.known || promise->worst_words == NULL)
        return;
    const struct dr_threshold *threshold = &judge->rules->thresholds[BAK_WORST_EXPOSURE];
    enum dr_state state = dr_threshold_judge(threshold, promise->worst.value);
    bool said = is_unattainable(judge, part) && !judge->rules->limited[BAK_WORST_EXPOSURE] &&
                promise->missed.known && promise->missed.value == 0;
    if (state == DR_OK || said)
        return;
    age_words(promise->worst.value, worst);
    moment_words(promise->worst_at, at, sizeof at);
    if (promise->missed.known && promise->missed.value > 0)
        snprintf(missed, sizeof missed, ", %lld run%s missed", (long long)promise->missed.value,
                 promise->missed.value == 1 ? "" : "s");
    dr_line_problem(line, state, "up to %s would have been lost before %s%s", worst, at, missed);
    dr_line_next(line, state, "see why the run before %s was late or missing", at);
    say(judge, state, "%s: the RPO was broken: up to %s would have been lost before %s%s",
        part->name, worst, at, missed);
}

static void judge_exposure(struct judge *judge, struct part *part, struct dr_line *line)
{
    if (!part->promise.exposure.known)
        return;
    enum dr_state state = exposure_state(judge, part);
    bool unattainable = is_unattainable(judge, part) && !judge->rules->limited[BAK_EXPOSURE];
    if (state != DR_OK && !(unattainable && state == DR_WARNING))
        say_old(judge, part, line, state);
    if (unattainable)
        say_unattainable(judge, part, line);
    judge_worst(judge, part, line);
}

/* ---- the newest point ---- */

static void judge_proof(struct judge *judge, struct part *part, struct dr_line *line)
{
    const struct bak_point *newest = part->promise.newest;
    enum bak_proof wanted = judge->rules->proof;
    if (newest == NULL)
        return;
    if (wanted == BAK_RESTORED) /* judge_drill says the rest */
        wanted = BAK_WELLFORMED;
    if ((newest->encrypted || newest->tier != NULL) && wanted > BAK_SIZED &&
        newest->proof < wanted) {
        enum dr_state state = wanted > BAK_WELLFORMED ? DR_WARNING : DR_OK;
        const char *why = newest->encrypted ? "encrypted" : newest->tier;
        dr_line_problem(line, state, "%s: its content is not verifiable", why);
        if (state != DR_OK)
            say(judge, state, "%s: %s (%s): its content is not verifiable", part->name,
                newest->name, why);
        return;
    }
    if (newest->proof >= wanted || (is_hearsay(part) && wanted <= BAK_WELLFORMED))
        return;
    dr_line_problem(line, DR_UNKNOWN, "%s is not proven to be a backup (%s): %s", newest->name,
                    proof_words(newest->proof),
                    newest->why != NULL ? newest->why : "its content was not looked at");
    dr_line_next(
        line, DR_UNKNOWN,
        "restore it by hand, give more --timeout, or ask for less by --proof; what is none "
        "is left out by --exclude");
    say(judge, DR_UNKNOWN, "%s: %s is not proven to be a backup: %s", part->name, newest->name,
        newest->why != NULL ? newest->why : proof_words(newest->proof));
}

static void judge_broken(struct judge *judge, struct part *part, struct dr_line *line)
{
    const struct bak_point *broken = part->promise.broken, *orphan = part->promise.orphan;
    if (part->promise.newest == NULL)
        return;
    if (broken != NULL) {
        enum dr_state state = broken->status == BAK_UNSEEN ? DR_UNKNOWN : DR_WARNING;
        const char *why = broken->why != NULL ? broken->why : "not complete";
        dr_line_problem(line, state, "the latest, %s, is no backup: %s", broken->name, why);
        dr_line_next(line, state, "see the log of the run that made it, and run it again");
        say(judge, state, "%s: the latest, %s, is no backup: %s", part->name, broken->name, why);
    }
    if (orphan != NULL) {
        dr_line_problem(line, DR_WARNING, "%s needs %s, which is not there or not complete",
                        orphan->name, orphan->parent);
        dr_line_next(line, DR_WARNING, "make a full backup now");
        say(judge, DR_WARNING, "%s: %s cannot be restored without %s", part->name, orphan->name,
            orphan->parent);
    }
}

static void judge_running(struct judge *judge, struct part *part, struct dr_line *line)
{
    const struct promise *promise = &part->promise;
    char age[TIME_WORDS], usual[TIME_WORDS];
    if (promise->running == NULL || !promise->running->began.known)
        return;
    double running = judge->evidence->now - promise->running->began.value;
    const struct dr_threshold *threshold = &judge->rules->thresholds[BAK_RUNNING_FOR];
    age_words(running, age);
    if (judge->rules->limited[BAK_RUNNING_FOR])
        dr_line_judge(line, &bak_metrics[BAK_RUNNING_FOR], threshold, running, "running for");
    else if (promise->making.known && running > judge->rules->stuck * promise->making.value &&
             running > STUCK_LEAST) {
        age_words(promise->making.value, usual);
        dr_line_problem(line, DR_WARNING, "%s has been running for %s, usually it takes %s",
                        promise->running->name, age, usual);
        dr_line_next(line, DR_WARNING, "is it alive? kill it and start it again if not");
        say(judge, DR_WARNING, "%s: a backup is stuck: running for %s, usually it takes %s",
            part->name, age, usual);
    } else
        dr_line_figure(line, "one is being made since %s", age);
}

/* What to do about a figure beyond its limits; NULL: that depends. */
static const char *advice_of(enum bak_metric metric)
{
    switch (metric) {
    case BAK_POINTS:
    case BAK_RETENTION:
        return "see whether retention deletes too much, or runs fail; what is new gets there by "
               "itself";
    case BAK_SIZE:
    case BAK_SIZE_CHANGE:
        return "compare it with its source: is all in it that was in those before?";
    case BAK_FULL_AGE:
    case BAK_CHAIN:
        return "make a full backup now, and see why the last ones failed";
    default:
        return NULL;
    }
}

/* One figure of a part held against its limits. */
static void judge_figure(struct judge *judge, struct part *part, struct dr_line *line,
                         enum bak_metric metric, struct dr_opt_real value, const char *words)
{
    char text[DR_UNIT_TEXT], rule[DR_RANGE_TEXT + 16];
    const struct dr_threshold *threshold = &judge->rules->thresholds[metric];
    if (!threshold->warning.given && !threshold->critical.given)
        return;
    if (!value.known) {
        if (judge->rules->limited[metric]) {
            dr_line_problem(line, DR_UNKNOWN, "%s is not known", bak_metrics[metric].name);
            say(judge, DR_UNKNOWN, "%s: %s is not known, and has a limit", part->name,
                bak_metrics[metric].name);
        }
        return;
    }
    enum dr_state state = dr_line_judge(line, &bak_metrics[metric], threshold, value.value, words);
    if (state != DR_OK)
        say(judge, state, "%s: %s %s, %s", part->name, words,
            dr_unit_format(bak_metrics[metric].unit, value.value, text, sizeof text),
            dr_threshold_rule(&bak_metrics[metric], threshold, value.value, rule, sizeof rule));
    if (state != DR_OK && advice_of(metric) != NULL)
        dr_line_next(line, state, "%s", advice_of(metric));
}

static struct dr_opt_real real_of(struct dr_opt_int value)
{
    return (struct dr_opt_real){.known = value.known, .value = (double)value.value};
}

/* A store's clock may be ahead by the fraction of a second that it rounds up. */
static struct dr_opt_real age_of(struct dr_opt_real moment, double now)
{
    double age = now - moment.value;
    return (struct dr_opt_real){.known = moment.known, .value = age > 0 ? age : 0};
}

static struct dr_opt_real count_of(const struct part *part)
{
    const struct bak_series *series = part->series;
    /* those beyond what is at hand are not looked at, and were not said to be broken */
    double count = (double)part->promise.usable;
    if (series->total.known && (size_t)series->total.value > series->point_count)
        count += (double)series->total.value - (double)series->point_count;
    return dr_real(count);
}

struct figure {
    enum bak_metric metric;
    struct dr_opt_real value;
    const char *words;
};
#define FIGURES 12

static size_t gather_figures(const struct judge *judge, const struct part *part,
                             struct figure figures[FIGURES])
{
    static const struct dr_opt_real unknown = {.known = false};
    const struct promise *promise = &part->promise;
    const struct bak_point *newest = promise->newest, *full = promise->full;
    double now = judge->evidence->now;
    struct dr_opt_real expires = newest != NULL ? newest->expires : unknown;
    if (expires.known)
        expires.value -= now;
    const struct figure all[FIGURES] = {
        {BAK_AGE, newest != NULL ? age_of(newest->usable, now) : unknown, "the newest was made"},
        {BAK_ATTAINABLE, promise->logged ? unknown : promise->attainable, "at best"},
        {BAK_MISSED, real_of(promise->missed), "missed runs:"},
        {BAK_POINTS, count_of(part), "usable restore points:"},
        {BAK_RETENTION, age_of(promise->oldest, now), "goes back"},
        {BAK_SIZE, newest != NULL ? real_of(newest->size) : unknown, "the size of the newest:"},
        {BAK_SIZE_CHANGE, promise->size_change, "the size of the newest changed by"},
        {BAK_CHAIN, real_of(promise->chain), "backups in the chain:"},
        {BAK_FULL_AGE, full != NULL ? age_of(full->data, now) : unknown,
         "the age of the newest full backup:"},
        {BAK_LOG_WAITING, real_of(part->series->log.waiting), "segments waiting:"},
        {BAK_LOG_MISSING, real_of(part->series->log.missing), "segments missing:"},
        {BAK_EXPIRES_IN, expires, "the newest is deleted in"},
    };
    memcpy(figures, all, sizeof all);
    return FIGURES;
}

static void judge_figures(struct judge *judge, struct part *part, struct dr_line *line)
{
    struct figure figures[FIGURES];
    size_t count = gather_figures(judge, part, figures);
    for (size_t i = 0; i < count; i++)
        judge_figure(judge, part, line, figures[i].metric, figures[i].value, figures[i].words);
}

static void judge_expiry(struct judge *judge, struct part *part, struct dr_line *line)
{
    const struct promise *promise = &part->promise;
    char left[TIME_WORDS];
    if (promise->newest == NULL || !promise->newest->expires.known || !promise->period.known)
        return;
    double now = judge->evidence->now;
    double duration = promise->duration.known ? promise->duration.value : 0;
    double due = promise->newest->data.value + promise->period.value + duration;
    if (promise->newest->expires.value > due && promise->newest->expires.value > now)
        return;
    age_words(promise->newest->expires.value - now, left);
    dr_line_problem(line, DR_WARNING, "the newest is deleted in %s, before the next one is usable",
                    left);
    dr_line_next(line, DR_WARNING, "keep backups for longer than two runs are apart");
    say(judge, DR_WARNING, "%s: the newest is deleted in %s, before the next one is usable",
        part->name, left);
}

/* ---- what it is, for the figures behind the text ---- */

static void describe(const struct part *part, struct dr_line *line)
{
    const struct promise *promise = &part->promise;
    const struct bak_point *newest = promise->newest;
    char text[TIME_WORDS], size[DR_UNIT_TEXT];
    if (promise->data.known)
        dr_line_figure(line, "data of %s ago", age_words(promise->exposure.value, text));
    if (newest != NULL) {
        dr_line_figure(line, "%s%s%s", newest->name, newest->kind != NULL ? ", " : "",
                       newest->kind != NULL ? newest->kind : "");
        if (newest->size.known)
            dr_line_figure(
                line, "%s",
                dr_unit_format(DR_UNIT_BYTES, (double)newest->size.value, size, sizeof size));
        dr_line_figure(line, "%s", newest->encrypted ? "encrypted" : proof_words(newest->proof));
        if (newest->clock == BAK_CLOCK_MODIFIED)
            dr_line_figure(line, "dated by when it was finished");
        if (newest->tier != NULL)
            dr_line_figure(line, "storage class %s: hours to the first byte", newest->tier);
    }
    if (promise->worst.known && promise->worst_words != NULL && promise->covered > 0) {
        char worst[TIME_WORDS];
        dr_line_figure(line, "worst %s in %s", age_words(promise->worst.value, worst),
                       age_words(promise->covered, text));
    }
    if (is_hearsay(part) && part->facts->what != NULL)
        dr_line_figure(line, "%s", part->facts->what);
}

void series_figures(const struct judge *judge, const struct part *part)
{
    const struct promise *promise = &part->promise;
    const char *node = judge->part_count > 1 ? part->name : NULL;
    struct figure figures[FIGURES];
    size_t count = gather_figures(judge, part, figures);
    if (node != NULL && promise->exposure.known)
        dr_result_figure(judge->result, node, &bak_metrics[BAK_EXPOSURE], promise->exposure.value,
                         &judge->rules->thresholds[BAK_EXPOSURE]);
    if (node != NULL && promise->worst.known)
        dr_result_figure(judge->result, node, &bak_metrics[BAK_WORST_EXPOSURE],
                         promise->worst.value, &judge->rules->thresholds[BAK_WORST_EXPOSURE]);
    for (size_t i = 0; i < count; i++) {
        if (figures[i].value.known)
            dr_result_figure(judge->result, node, &bak_metrics[figures[i].metric],
                             figures[i].value.value, &judge->rules->thresholds[figures[i].metric]);
    }
}

/* Signs of a series are said in the first line, too. */
static void say_signs(struct judge *judge, const struct part *part)
{
    for (size_t i = 0; i < part->series->sign_count; i++) {
        const struct bak_sign *sign = &part->series->signs[i];
        const struct bak_meaning *meaning = bak_sign_meaning(sign->kind);
        if (meaning->state != DR_OK)
            say(judge, meaning->state, "%s: %s %s", part->name, meaning->words, sign->text);
    }
}

static bool has_sign(const struct bak_series *series, enum bak_sign_kind kind)
{
    for (size_t i = 0; i < series->sign_count; i++) {
        if (series->signs[i].kind == kind)
            return true;
    }
    return false;
}

/* It archives nothing, or nobody knows since when: a sign may have said why. */
static void judge_unknown(struct judge *judge, struct part *part, struct dr_line *line)
{
    if (part->asked->product != BAK_ARCHIVER) {
        say_none(judge, part, line);
        return;
    }
    if (has_sign(part->series, BAK_ARCHIVER_HOLLOW) || has_sign(part->series, BAK_ARCHIVER_OFF))
        return;
    dr_line_problem(line, DR_UNKNOWN, "when it last archived is not known");
    say(judge, DR_UNKNOWN, "%s: when it last archived is not known", part->name);
}

void judge_series(struct judge *judge, struct part *part)
{
    struct dr_line line = DR_LINE;
    judge_log(judge, part, &line);
    if (!part->promise.data.known)
        judge_unknown(judge, part, &line);
    judge_exposure(judge, part, &line);
    judge_broken(judge, part, &line);
    judge_proof(judge, part, &line);
    judge_running(judge, part, &line);
    judge_expiry(judge, part, &line);
    judge_figures(judge, part, &line);
    judge_restore_time(judge, part, &line);
    judge_signs(&line, part->series->signs, part->series->sign_count);
    say_signs(judge, part);
    describe(part, &line);
    part->state = line.state;
    dr_line_end(&line, judge->result, part->name);
}
