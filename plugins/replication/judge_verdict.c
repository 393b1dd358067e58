/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/judge_parts.h"

#include <stdio.h>
#include <stdlib.h>

static void rpo_words(const struct judge *judge, char *text, size_t size)
{
    char objective[32];
    text[0] = '\0';
    if (judge->rules->rpo.known)
        snprintf(
            text, size, " (RPO %s)",
            dr_unit_format(DR_UNIT_SECONDS, judge->rules->rpo.value, objective, sizeof objective));
}

static const char *seconds_words(const struct rep_standby *standby, char *text, size_t size)
{
    char seconds[32];
    if (standby->loss.known)
        return dr_unit_format(DR_UNIT_SECONDS, standby->loss.value, text, size);
    if (!standby->loss_floor.known)
        return "an unknown time";
    snprintf(text, size, "at least %s",
             dr_unit_format(DR_UNIT_SECONDS, standby->loss_floor.value, seconds, sizeof seconds));
    return text;
}

/* "38 MB / 4m12s of commits"; what is not known is said so. */
static void loss_words(const struct rep_standby *standby, char *text, size_t size)
{
    char bytes[32];
    char seconds[64];
    if (standby->complete.known && standby->complete.value)
        snprintf(text, size, "nothing");
    else if (standby->loss_bytes.known)
        snprintf(
            text, size, "%s / %s of commits",
            dr_unit_format(DR_UNIT_BYTES, (double)standby->loss_bytes.value, bytes, sizeof bytes),
            seconds_words(standby, seconds, sizeof seconds));
    else
        snprintf(text, size, "%s of commits", seconds_words(standby, seconds, sizeof seconds));
}

static enum dr_state loss_state(const struct judge *judge, const struct rep_standby *standby)
{
    enum dr_state state = DR_OK;
    if (!standby_is_measured(standby))
        return DR_UNKNOWN;
    if (standby->loss_bytes.known)
        state = dr_threshold_judge(&judge->rules->thresholds[REP_LOSS_BYTES],
                                   (double)standby->loss_bytes.value);
    const struct dr_threshold *limit = &judge->rules->thresholds[REP_LOSS];
    if (standby->loss.known)
        return dr_state_worst(state, dr_threshold_judge(limit, standby->loss.value));
    bool broken = standby->loss_floor.known &&
                  dr_threshold_judge(limit, standby->loss_floor.value) == DR_CRITICAL;
    return dr_state_worst(state, broken ? DR_CRITICAL : DR_UNKNOWN);
}

void judge_verdict_figures(struct judge *judge, const struct rep_standby *best, const char *node)
{
    const struct dr_threshold *thresholds = judge->rules->thresholds;
    /* With several primaries nobody can say what is lost. */
    if (judge->survey.primaries > 1)
        best = NULL;
    if (best != NULL && best->loss.known)
        dr_result_figure(judge->result, node, &rep_metrics[REP_LOSS], best->loss.value,
                         &thresholds[REP_LOSS]);
    if (best != NULL && best->loss_bytes.known)
        dr_result_figure(judge->result, node, &rep_metrics[REP_LOSS_BYTES],
                         (double)best->loss_bytes.value, &thresholds[REP_LOSS_BYTES]);
    if (best != NULL && best->apply_lag.known)
        dr_result_figure(judge->result, node, &rep_metrics[REP_APPLY_LAG], best->apply_lag.value,
                         &thresholds[REP_APPLY_LAG]);
    if (judge->survey.primaries + judge->survey.standby_count > 0)
        dr_result_figure(judge->result, node, &rep_metrics[REP_STANDBYS],
                         (double)count_connected(judge), &thresholds[REP_STANDBYS]);
}

static void verdict_of_best(struct judge *judge, const struct rep_standby *best, bool promotable)
{
    char rpo[64];
    char loss[128];
    const char *primary = judge->survey.primary->label;
    rpo_words(judge, rpo, sizeof rpo);
    if (!standby_is_measured(best)) {
        dr_result_verdict(judge->result, DR_UNKNOWN,
                          "cannot tell what would be lost if %s died now%s", primary, rpo);
        return;
    }
    loss_words(best, loss, sizeof loss);
    const struct rep_standby *fresher = promotable ? fresher_standby(judge, best) : NULL;
    if (fresher != NULL)
        dr_result_verdict(judge->result, loss_state(judge, best),
                          "%s would be lost if %s died now%s: %s would be promoted by its "
                          "priority, though %s has more",
                          loss, primary, rpo, best->name, fresher->name);
    else if (promotable)
        dr_result_verdict(judge->result, loss_state(judge, best),
                          "%s would be lost if %s died now%s: best standby %s", loss, primary, rpo,
                          best->name);
    else
        dr_result_verdict(
            judge->result, DR_CRITICAL,
            "%s would be lost if %s died now%s, but no standby can be promoted as it is", loss,
            primary, rpo);
}

static void verdict_of_primary(struct judge *judge, const struct rep_standby *best, bool promotable)
{
    char rpo[64];
    if (best != NULL) {
        verdict_of_best(judge, best, promotable);
        return;
    }
    bool alone = judge->rules->expect_count.known && judge->rules->expect_count.value == 0;
    rpo_words(judge, rpo, sizeof rpo);
    dr_result_verdict(
        judge->result, alone ? DR_OK : DR_CRITICAL,
        "everything since the last backup would be lost if %s died now%s: it has no %s",
        judge->survey.primary->label, rpo,
        judge->survey.standby_count > 0 ? "standby with its data" : "standby");
}

/* The worst of the targets that could not be read, the first of its kind. */
static const struct rep_asked *worst_unreachable(const struct judge *judge)
{
    const struct rep_asked *worst = NULL;
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        if (!asked->answered && asked->alias_of == NULL &&
            (worst == NULL ||
             dr_state_is_worse(state_of_error(judge, asked), state_of_error(judge, worst))))
            worst = asked;
    }
    return worst;
}

/* Nobody is known to be the primary, and somebody could not be asked: that is what matters. */
static void verdict_of_unreachable(struct judge *judge)
{
    const struct rep_asked *worst = worst_unreachable(judge);
    bool all = judge->survey.unreachable == judge->evidence->count;
    dr_result_verdict(judge->result, state_of_error(judge, worst), "%s: %s%s", worst->label,
                      worst->error->text,
                      all ? "" : "; no primary among the targets that answered");
}

/* "db1 (timeline 1), db2 (timeline 2)"; *one_system: all of them have the same history. */
static void name_primaries(const struct judge *judge, struct dr_buffer *names, bool *one_system)
{
    const struct rep_node *first = NULL;
    *one_system = true;
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        if (!asked->answered || asked->node->role != REP_ROLE_PRIMARY)
            continue;
        if (first != NULL && !rep_same_origin(first, asked->node))
            *one_system = false;
        if (first == NULL || asked->node->system != NULL)
            first = asked->node;
        dr_buffer_addf(names, "%s%s", names->size > 0 ? ", " : "", asked->label);
        const struct dr_opt_int *term =
            asked->node->timeline.known ? &asked->node->timeline : &asked->node->set.term;
        if (term->known)
            dr_buffer_addf(names, " (%s %lld)", words_of(asked)->timeline, (long long)term->value);
    }
}

static void verdict_of_several(struct judge *judge)
{
    struct dr_buffer names = DR_BUFFER(300);
    bool one_system;
    name_primaries(judge, &names, &one_system);
    dr_result_verdict(judge->result, DR_CRITICAL, "%s: %zu servers take writes: %s",
                      one_system ? "split brain" : "primaries of different clusters",
                      judge->survey.primaries, dr_buffer_text(&names));
    dr_buffer_free(&names);
}

/* The primary does not answer: what is known from before says what the best standby lacks. */
static void verdict_of_lost_primary(struct judge *judge, const struct rep_standby *best,
                                    const char *primary, double last_seen)
{
    char loss[128];
    char ago[32];
    dr_unit_format(DR_UNIT_SECONDS, judge->evidence->now - last_seen, ago, sizeof ago);
    if (best == NULL || !standby_is_measured(best)) {
        dr_result_verdict(
            judge->result, DR_CRITICAL,
            "primary %s does not answer (last seen %s ago), and no standby can say what "
            "is lost",
            primary, ago);
        return;
    }
    loss_words(best, loss, sizeof loss);
    if (best->complete.known && best->complete.value)
        dr_result_verdict(
            judge->result, DR_CRITICAL,
            "primary %s does not answer: %s has all it had %s ago, only what it wrote since "
            "is lost",
            primary, best->name, ago);
    else
        dr_result_verdict(judge->result, DR_CRITICAL,
                          "primary %s does not answer: failover to %s loses at least %s, and what "
                          "it wrote since it "
                          "was last seen %s ago",
                          primary, best->name, loss, ago);
}

/* The members of a set know of each other: when none of them sees a primary there is none, whether
 * all of them were asked or not. */
static bool has_no_primary(const struct judge *judge)
{
    return judge->survey.authority != NULL && !judge->survey.seen_primary;
}

static void verdict_of_no_primary(struct judge *judge, const struct rep_standby *best)
{
    const struct rep_set *set = rep_survey_set(&judge->survey);
    struct dr_buffer votes = DR_BUFFER(400);
    if (set->present.known && set->needed.known && set->votes.known)
        dr_buffer_addf(&votes, "%lld of %lld votes are there, %lld are needed",
                       (long long)set->present.value, (long long)set->votes.value,
                       (long long)set->needed.value);
    else
        dr_buffer_add(&votes, "how many votes are there is not known");
    if (best != NULL && standby_is_measured(best)) {
        char loss[128];
        bool complete = best->complete.known && best->complete.value;
        loss_words(best, loss, sizeof loss);
        dr_buffer_addf(&votes, "; %s %s", best->name,
                       complete ? "has all that the last one was known to have" : "lacks ");
        dr_buffer_add(&votes, complete ? "" : loss);
    }
    dr_result_verdict(judge->result, DR_CRITICAL, "%s has no primary: nothing can be written, %s%s",
                      set->name, dr_buffer_text(&votes),
                      best != NULL ? "" : "; no standby can be promoted");
    dr_buffer_free(&votes);
}

/* No primary among those that answered. */
static void verdict_without_primary(struct judge *judge, const struct rep_standby *best)
{
    char loss[128];
    char rpo[64];
    char age[32];
    double last_seen = 0;
    char *primary = rep_history_last_primary(judge->evidence->history, judge->group, &last_seen);
    rpo_words(judge, rpo, sizeof rpo);
    if (judge->survey.primaries > 1) {
        verdict_of_several(judge);
    } else if (has_no_primary(judge)) {
        verdict_of_no_primary(judge, best);
    } else if (primary != NULL && is_unreachable(judge, primary)) {
        verdict_of_lost_primary(judge, best, primary, last_seen);
    } else if (judge->survey.unreachable > 0) {
        verdict_of_unreachable(judge);
    } else if (best == NULL || !standby_is_connected(best) || !best->link_age.known ||
               !standby_is_measured(best)) {
        dr_result_verdict(judge->result, DR_UNKNOWN,
                          "no primary among the targets, and no standby can say what it had");
    } else {
        loss_words(best, loss, sizeof loss);
        dr_result_verdict(judge->result, loss_state(judge, best),
                          "%s would be lost if the primary died now%s: as %s knows it from %s ago",
                          loss, rpo, best->name,
                          dr_unit_format(DR_UNIT_SECONDS, best->link_age.value, age, sizeof age));
    }
    free(primary);
}

void judge_verdict(struct judge *judge, const struct rep_standby *best, bool promotable)
{
    if (judge->survey.primary != NULL)
        verdict_of_primary(judge, best, promotable);
    else
        verdict_without_primary(judge, best);
}
