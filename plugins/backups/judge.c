/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/judge_parts.h"

#include "common/duration.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void say(struct judge *judge, enum dr_state state, const char *format, ...)
{
    va_list args;
    if (judge->sentence.text[0] != '\0' && !dr_state_is_worse(state, judge->sentence.state))
        return;
    va_start(args, format);
    vsnprintf(judge->sentence.text, sizeof judge->sentence.text, format, args);
    va_end(args);
    judge->sentence.state = state;
}

/* ---- what is judged ---- */

static size_t count_sources(const struct judge *judge)
{
    size_t count = 0;
    for (size_t i = 0; i < judge->evidence->count; i++)
        count += judge->evidence->asked[i].reference ? 0 : 1;
    return count;
}

static char *part_name(const struct judge *judge, const struct bak_asked *asked,
                       const struct bak_series *series)
{
    if (series->name[0] == '\0' || strcmp(series->name, asked->label) == 0)
        return dr_text_format("%s", asked->label);
    if (count_sources(judge) == 1)
        return dr_text_format("%s", series->name);
    return dr_text_format("%s/%s", asked->label, series->name);
}

static bool gather_parts(struct judge *judge)
{
    const struct bak_evidence *evidence = judge->evidence;
    size_t most = 0;
    for (size_t i = 0; i < evidence->count; i++)
        most += evidence->asked[i].answered ? evidence->asked[i].facts->series_count : 0;
    judge->parts = calloc(most + 1, sizeof *judge->parts);
    if (judge->parts == NULL)
        return false;
    for (size_t i = 0; i < evidence->count; i++) {
        const struct bak_asked *asked = &evidence->asked[i];
        size_t count = asked->answered && !asked->reference ? asked->facts->series_count : 0;
        for (size_t k = 0; k < count; k++) {
            const struct bak_series *series = &asked->facts->series[k];
            if (series->expected_only || series->gone)
                continue;
            struct part *part = &judge->parts[judge->part_count];
            *part = (struct part){.asked = asked,
                                  .facts = asked->facts,
                                  .series = series,
                                  .name = part_name(judge, asked, series)};
            if (part->name == NULL)
                return false;
            judge->part_count++;
        }
    }
    return true;
}

/* ---- all together ---- */

/* The service can be restored to the oldest of its parts' newest points; a log can be played to any
 * moment before its end, so that it adds no skew. */
static void judge_service(struct judge *judge)
{
    const struct part *weakest = NULL;
    double least = 0, most = 0, worst = -1;
    size_t fixed = 0;
    for (size_t i = 0; i < judge->part_count; i++) {
        const struct part *part = &judge->parts[i];
        if (part->promise.worst.known && part->promise.worst.value > worst)
            worst = part->promise.worst.value;
        if (!part->promise.exposure.known)
            continue;
        if (weakest == NULL || part->promise.exposure.value > weakest->promise.exposure.value)
            weakest = part;
        if (part->promise.logged)
            continue;
        double data = part->promise.data.value;
        least = fixed == 0 || data < least ? data : least;
        most = fixed == 0 || data > most ? data : most;
        fixed++;
    }
    if (weakest != NULL)
        dr_result_figure(judge->result, NULL, &bak_metrics[BAK_EXPOSURE],
                         weakest->promise.exposure.value, &judge->rules->thresholds[BAK_EXPOSURE]);
    if (worst >= 0)
        dr_result_figure(judge->result, NULL, &bak_metrics[BAK_WORST_EXPOSURE], worst,
                         &judge->rules->thresholds[BAK_WORST_EXPOSURE]);
    const struct dr_threshold *skew = &judge->rules->thresholds[BAK_SKEW];
    if (fixed > 1)
        dr_result_figure(judge->result, NULL, &bak_metrics[BAK_SKEW], most - least, skew);
    if (fixed < 2 || !judge->rules->limited[BAK_SKEW])
        return;
    struct dr_line line = DR_LINE;
    enum dr_state state = dr_line_judge(&line, &bak_metrics[BAK_SKEW], skew, most - least,
                                        "the newest points of the parts are apart by");
    if (state != DR_OK) {
        say(judge, state,
            "the parts of the service can only be restored to moments that are too "
            "far apart");
        dr_line_end(&line, judge->result, NULL);
    } else
        dr_line_drop(&line);
}

static const struct part *weakest_part(const struct judge *judge)
{
    const struct part *weakest = NULL;
    for (size_t i = 0; i < judge->part_count; i++) {
        const struct part *part = &judge->parts[i];
        if (part->promise.exposure.known &&
            (weakest == NULL || part->promise.exposure.value > weakest->promise.exposure.value))
            weakest = part;
    }
    return weakest;
}

static void say_worst(const struct part *part, char *words, size_t size)
{
    char worst[TIME_WORDS], covered[TIME_WORDS];
    words[0] = '\0';
    if (part->promise.worst.known && part->promise.worst_words != NULL && part->promise.covered > 0)
        snprintf(words, size, ", worst %s in %s",
                 dr_duration_format(part->promise.worst.value, worst, sizeof worst),
                 dr_duration_format(part->promise.covered, covered, sizeof covered));
}

/* All is well. */
static void say_well(struct judge *judge)
{
    const struct part *weakest = weakest_part(judge);
    char age[TIME_WORDS], rpo[TIME_WORDS], worst[2 * TIME_WORDS + 40];
    if (weakest == NULL)
        return;
    dr_duration_format(weakest->promise.exposure.value, age, sizeof age);
    dr_duration_format(judge->rules->rpo, rpo, sizeof rpo);
    say_worst(weakest, worst, sizeof worst);
    if (judge->part_count == 1)
        say(judge, DR_OK, "%s can be restored to %s ago (RPO %s)%s", weakest->name, age, rpo,
            worst);
    else
        say(judge, DR_OK, "all %zu can be restored to %s ago (RPO %s)%s; oldest: %s",
            judge->part_count, age, rpo, worst, weakest->name);
}

/* ---- the series, one by one ---- */

/* By how much would be lost; where nothing can be restored, that is all. */
static int by_exposure(const void *a, const void *b)
{
    const struct part *one = *(struct part *const *)a, *other = *(struct part *const *)b;
    double first = one->promise.exposure.known ? one->promise.exposure.value : INFINITY;
    double second = other->promise.exposure.known ? other->promise.exposure.value : INFINITY;
    if (first != second)
        return first > second ? -1 : 1;
    return one < other ? -1 : one > other ? 1 : 0;
}

/* The worst is said first; figures keep the order of the targets, which does not change. */
static void judge_parts(struct judge *judge)
{
    struct part **order = calloc(judge->part_count + 1, sizeof *order);
    if (order == NULL) {
        judge->result->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < judge->part_count; i++)
        order[i] = &judge->parts[i];
    qsort(order, judge->part_count, sizeof *order, by_exposure);
    for (size_t i = 0; i < judge->part_count; i++)
        judge_series(judge, order[i]);
    for (size_t i = 0; i < judge->part_count; i++)
        series_figures(judge, &judge->parts[i]);
    free(order);
}

/* The sentence names one: how many are as bad. */
static void count_alike(const struct judge *judge, char *words, size_t size)
{
    size_t alike = 0;
    for (size_t i = 0; i < judge->part_count; i++)
        alike += judge->parts[i].state == judge->sentence.state ? 1 : 0;
    words[0] = '\0';
    if (judge->sentence.state != DR_OK && alike > 1)
        snprintf(words, size, "; %zu of %zu are %s", alike, judge->part_count,
                 dr_state_name(judge->sentence.state));
}

/* ---- what is remembered ---- */

static void remember_part(const struct judge *judge, const struct part *part)
{
    const struct bak_evidence *evidence = judge->evidence;
    char *key = dr_text_format("%s/%s", part->asked->label, part->series->name);
    for (size_t i = 0; key != NULL && i < part->series->point_count; i++) {
        const struct bak_point *point = &part->series->points[i];
        if (!point_is_usable(part->series, point, evidence->now, judge->rules->skew) ||
            point->data.value < evidence->now - judge->rules->window)
            continue;
        const struct bak_remembered remembered = {
            .data = point->data.value,
            .usable = point->usable.known ? point->usable.value : point->data.value,
            .size = point->size.known ? point->size.value : -1};
        bak_history_keep_point(evidence->history, key, &remembered);
        if (point->identity != 0 && point->proof >= BAK_WELLFORMED) {
            const struct bak_paid paid = {.identity = point->identity, .proof = point->proof};
            bak_history_keep_paid(evidence->history, &paid);
        }
    }
    free(key);
}

static void remember(const struct judge *judge)
{
    if (!judge->evidence->history->open)
        return;
    for (size_t i = 0; i < judge->part_count; i++)
        remember_part(judge, &judge->parts[i]);
    bak_history_carry(judge->evidence->history, judge->evidence->now - judge->rules->window);
}

void bak_judge(const struct bak_evidence *evidence, const struct bak_rules *rules,
               enum dr_state timeout_state, struct dr_result *result)
{
    struct judge judge = {
        .evidence = evidence, .rules = rules, .timeout_state = timeout_state, .result = result};
    char alike[80];
    if (!gather_parts(&judge))
        result->out_of_memory = true;
    for (size_t i = 0; i < judge.part_count; i++)
        promise_read(&judge, &judge.parts[i]);
    pair_logs(&judge);
    for (size_t i = 0; i < evidence->count; i++)
        judge_target(&judge, &evidence->asked[i]);
    judge_parts(&judge);
    for (size_t i = 0; i < evidence->count; i++) {
        const struct bak_asked *asked = &evidence->asked[i];
        if (asked->answered && !asked->reference && asked->compared)
            judge_comparison(&judge, asked);
    }
    judge_expected(&judge);
    judge_drill(&judge);
    judge_service(&judge);
    if (judge.sentence.text[0] == '\0')
        say_well(&judge);
    count_alike(&judge, alike, sizeof alike);
    if (judge.sentence.text[0] != '\0')
        dr_result_verdict(result, judge.sentence.state, "%s%s", judge.sentence.text, alike);
    remember(&judge);
    for (size_t i = 0; i < judge.part_count; i++)
        free(judge.parts[i].name);
    free(judge.parts);
}
