/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/judge.h"

#include "plugins/replication/judge_parts.h"
#include "plugins/replication/synchronous.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct dr_metric rep_metrics[REP_METRICS] = {
    [REP_LOSS] = {"loss", DR_UNIT_SECONDS,
                  "age of the oldest commit that is not on the standby: what is lost, in time"},
    [REP_LOSS_BYTES] = {"loss_bytes", DR_UNIT_BYTES, "written on the primary, not on the standby"},
    [REP_APPLY_LAG] = {"apply_lag", DR_UNIT_SECONDS,
                       "age of what the standby shows, beyond its delay: extra time to promote"},
    [REP_APPLY_BYTES] = {"apply_bytes", DR_UNIT_BYTES, "on the standby, but not replayed yet"},
    [REP_LINK_AGE] =
        {"link_age", DR_UNIT_SECONDS,
         "since the last sign of life on the link (default: from the servers' timeouts)"},
    [REP_SLOT_RETAINED] = {"slot_retained", DR_UNIT_BYTES, "log kept on the primary for a slot"},
    [REP_SLOT_ETA] = {"slot_eta", DR_UNIT_SECONDS,
                      "until a slot can be lost at the present rate of writing; needs --state-dir"},
    [REP_LOGICAL_GAP] = {"logical_gap", DR_UNIT_BYTES, "not confirmed yet by a logical subscriber"},
    [REP_SLOT_SPILLED] = {"slot_spilled", DR_UNIT_BYTES,
                          "large transactions put aside on disk for a logical slot; 15 and later"},
    [REP_STANDBYS] = {"standbys", DR_UNIT_NONE, "standbys that are connected"},
    [REP_WINDOW] = {"window", DR_UNIT_SECONDS,
                    "how long a standby may be away before it needs a full copy: oplog, backlog"},
    [REP_WINDOW_USED] = {"window_used", DR_UNIT_PERCENT, "share of it that the standby lacks"},
    [REP_RESYNC_ETA] = {"resync_eta", DR_UNIT_SECONDS,
                        "until a standby needs a full copy if nothing more reaches it"},
    [REP_SKEW] = {"skew", DR_UNIT_SECONDS, "clock of a standby against the primary's"},
};

/* ---- lines ---- */

void line_judge(struct judge *judge, struct dr_line *line, enum rep_metric metric, double value,
                const char *words)
{
    dr_line_judge(line, &rep_metrics[metric], &judge->rules->thresholds[metric], value, words);
}

bool is_limited(const struct dr_threshold *threshold)
{
    return threshold->warning.given || threshold->critical.given;
}

/* ---- the primary ---- */

const struct rep_words *words_of(const struct rep_asked *asked)
{
    bool told = asked->node != NULL && asked->node->kind != REP_PRODUCT_UNKNOWN;
    return rep_words(told ? asked->node->kind : asked->kind);
}

/* What to do about a target that could not be read. */
static void advise(struct dr_finding *finding, const struct rep_asked *asked)
{
    const struct rep_words *words = words_of(asked);
    switch (asked->error->class) {
    case DR_ERR_CONNECT:
    case DR_ERR_TIMEOUT:
    case DR_ERR_SERVER:
        dr_finding_next(
            finding, "check that the server of %s runs and that its port can be reached from here",
            asked->label);
        break;
    case DR_ERR_AUTH:
        dr_finding_next(finding, "check %s here, and %s on %s", words->secret, words->auth,
                        asked->label);
        break;
    case DR_ERR_RESOLVE:
        dr_finding_next(finding, "check the name in the target, and this host's resolver");
        break;
    case DR_ERR_TLS:
        dr_finding_next(finding, "check %s here, and the certificate of %s", words->tls,
                        asked->label);
        break;
    default:
        break;
    }
}

enum dr_state state_of_error(const struct judge *judge, const struct rep_asked *asked)
{
    return dr_error_state(asked->error->class, judge->timeout_state);
}

static void judge_unreachable(struct judge *judge)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        if (asked->alias_of != NULL)
            dr_result_add(judge->result, DR_OK, asked->label, "is the same server as %s",
                          asked->alias_of->label);
        else if (!asked->answered)
            advise(dr_result_add(judge->result, state_of_error(judge, asked), asked->label, "%s",
                                 asked->error->text),
                   asked);
    }
}

static void judge_roles(struct judge *judge)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        if (asked->answered && asked->node->role == REP_ROLE_UNKNOWN)
            dr_result_add(judge->result, DR_UNKNOWN, asked->label,
                          "cannot tell whether it is a primary or a standby");
    }
}

static bool has_name(const struct rep_asked *asked, const char *name)
{
    const char *cluster = asked->node != NULL ? asked->node->cluster_name : NULL;
    return strcmp(asked->label, name) == 0 ||
           (asked->host != NULL && strcmp(asked->host, name) == 0) ||
           (cluster != NULL && strcmp(cluster, name) == 0);
}

bool goes_by(const struct judge *judge, const struct rep_asked *asked, const char *name)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *other = &judge->evidence->asked[i];
        if ((other == asked || other->alias_of == asked) && has_name(other, name))
            return true;
    }
    return false;
}

bool is_unreachable(const struct judge *judge, const char *name)
{
    for (size_t p = 0; p < judge->part_count; p++) {
        const struct rep_evidence *evidence = judge->parts[p].evidence;
        for (size_t i = 0; i < evidence->count; i++) {
            const struct rep_asked *asked = &evidence->asked[i];
            if (!asked->answered && asked->alias_of == NULL && has_name(asked, name))
                return true;
        }
    }
    return false;
}

/* How long a standby may be away before it needs a full copy. */
static void judge_window(struct judge *judge, const struct rep_asked *primary, struct dr_line *line)
{
    char text[32];
    const struct rep_node *node = primary->node;
    struct dr_opt_real window = node->window;
    struct dr_opt_real rate = rep_history_rate(judge->evidence->history, judge->evidence->now);
    if (!window.known && node->kept_size.known && rate.known && rate.value >= 1)
        window = dr_real((double)node->kept_size.value / rate.value);
    if (!window.known) {
        if (is_limited(&judge->rules->thresholds[REP_WINDOW]))
            dr_line_problem(line, DR_UNKNOWN, "how far back its log reaches is not known");
        return;
    }
    dr_line_figure(line, "keeps its log for %s",
                   dr_unit_format(DR_UNIT_SECONDS, window.value, text, sizeof text));
    line_judge(judge, line, REP_WINDOW, window.value, "keeps its log for");
    dr_result_figure(judge->result, primary->label, &rep_metrics[REP_WINDOW], window.value,
                     &judge->rules->thresholds[REP_WINDOW]);
}

/* One line for each primary: who it is, and that it is the one that is meant. */
static void judge_primary(struct judge *judge, const struct rep_asked *primary)
{
    struct dr_line line = DR_LINE;
    const struct rep_node *node = primary->node;
    const char *wanted = judge->rules->expect_primary;
    bool same = wanted == NULL || goes_by(judge, primary, wanted);
    dr_line_figure(&line, "primary, %s", node->product != NULL ? node->product : "version unknown");
    const struct dr_opt_int *term = node->timeline.known ? &node->timeline : &node->set.term;
    if (term->known)
        dr_line_figure(&line, "%s %lld", words_of(primary)->timeline, (long long)term->value);
    judge_window(judge, primary, &line);
    if (judge->survey.receivers > 0 && primary == judge->survey.primary)
        dr_line_figure(&line, "%zu other connections that are no standbys",
                       judge->survey.receivers);
    if (primary == judge->survey.primary) {
        char *before = rep_history_primary(judge->evidence->history, judge->group, primary->label);
        if (before != NULL)
            dr_line_figure(&line, "it was %s until the last run", before);
        free(before);
    }
    if (!same)
        dr_line_problem(&line, DR_CRITICAL, "is the primary, expected %s", wanted);
    if (judge->survey.primaries > 1) {
        dr_line_problem(&line, DR_CRITICAL, "takes writes, and is not the only one");
        dr_line_next(&line, DR_CRITICAL, "stop writes to all but one of them before anything else");
    }
    dr_line_end(&line, judge->result, primary->label);
}

static void judge_primaries(struct judge *judge)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        if (asked->answered && asked->node->role == REP_ROLE_PRIMARY)
            judge_primary(judge, asked);
    }
    const char *wanted = judge->rules->expect_primary;
    if (judge->survey.primaries == 0 && judge->part_count == 1 && wanted != NULL &&
        !is_unreachable(judge, wanted))
        dr_result_add(judge->result, DR_UNKNOWN, wanted,
                      "is expected as the primary, but not seen");
}

static void judge_synchronous(struct judge *judge)
{
    const struct rep_asked *primary = judge->survey.primary;
    struct rep_synchronous wanted;
    if (primary == NULL || primary->node->kind != REP_POSTGRESQL)
        return;
    const struct rep_node *node = primary->node;
    if (node->synchronous_names == NULL) {
        dr_result_add(judge->result, DR_UNKNOWN, primary->label,
                      "cannot tell whether commits wait for standbys");
        return;
    }
    if (!rep_synchronous_parse(node->synchronous_names, &wanted)) {
        dr_result_add(judge->result, DR_UNKNOWN, primary->label,
                      "cannot read synchronous_standby_names: %s", node->synchronous_names);
        return;
    }
    size_t unreported;
    size_t have = rep_synchronous_count(node, &unreported);
    bool hidden = judge->survey.hidden > 0 || (node->privileged.known && !node->privileged.value);
    if (have + unreported >= wanted.needed)
        return;
    struct dr_finding *finding;
    if (hidden)
        finding = dr_result_add(judge->result, DR_UNKNOWN, primary->label,
                                "cannot tell whether enough synchronous standbys are connected");
    else if (node->commits_wait.known && !node->commits_wait.value)
        finding = dr_result_add(judge->result, DR_WARNING, primary->label,
                                "%zu of %zu synchronous standbys are connected: commits that ask "
                                "for one hang (%s)",
                                have, wanted.needed, node->synchronous_names);
    else
        finding = dr_result_add(judge->result, DR_CRITICAL, primary->label,
                                "commits hang: %zu of %zu synchronous standbys are connected (%s)",
                                have, wanted.needed, node->synchronous_names);
    if (hidden)
        dr_finding_next(finding, "run on the server: %s",
                        node->grant != NULL ? node->grant : words_of(primary)->grant);
    else
        dr_finding_next(finding,
                        "bring the missing standby back, or take it out of "
                        "synchronous_standby_names on %s and reload",
                        primary->label);
}

static void remember(struct judge *judge)
{
    struct rep_history *history = judge->evidence->history;
    const struct rep_asked *primary = judge->survey.primary;
    const struct rep_node *node = primary != NULL ? primary->node : NULL;
    if (history->open && node != NULL && node->reading_count > 0)
        rep_history_sample(history, judge->evidence->now,
                           node->readings[node->reading_count - 1].position);
}

/* The system that is meant: the primary's, else that of any node. */
static const char *system_of(const struct rep_evidence *evidence)
{
    const char *system = NULL;
    for (size_t i = 0; i < evidence->count; i++) {
        const struct rep_node *node = evidence->asked[i].node;
        if (!evidence->asked[i].answered || node->system == NULL)
            continue;
        if (system == NULL || node->role == REP_ROLE_PRIMARY)
            system = node->system;
    }
    return system;
}

/* ---- the whole ---- */

/* All about one group but its verdict. */
static void judge_part(struct judge *judge)
{
    judge_unreachable(judge);
    judge_roles(judge);
    judge_primaries(judge);
    judge_synchronous(judge);
    judge_expected_count(judge);
    for (size_t i = 0; i < judge->survey.standby_count; i++)
        judge_standby(judge, &judge->survey.standbys[i]);
    judge_set(judge);
    for (size_t i = 0; i < judge->evidence->count; i++) {
        if (judge->evidence->asked[i].answered)
            judge_traits(judge, &judge->evidence->asked[i]);
    }
    judge_slots(judge);
    remember(judge);
}

/* "shard 1: nothing would be lost ..." as the verdict of the run: the worst one, and of equal ones
 * the one with the greatest loss. */
struct worst {
    struct dr_buffer text;
    enum dr_state state;
    double loss;
    bool any;
};

static void note_worst(struct worst *worst, const struct judge *judge,
                       const struct rep_standby *best)
{
    const struct dr_result *result = judge->result;
    double loss = best != NULL && best->loss.known ? best->loss.value : 0;
    bool same = worst->any && result->verdict_state == worst->state;
    if (worst->any && !dr_state_is_worse(result->verdict_state, worst->state) &&
        !(same && loss > worst->loss))
        return;
    /* A group that is a target of its own is named by the sentence already. */
    const char *group = judge->group != NULL ? judge->group : "";
    bool named = strncmp(result->verdict, group, strlen(group)) == 0;
    dr_buffer_clear(&worst->text);
    dr_buffer_addf(&worst->text, "%s%s%s", named ? "" : group, named ? "" : ": ", result->verdict);
    worst->state = result->verdict_state;
    worst->loss = loss;
    worst->any = true;
}

/* The verdict of each group, and that of the run. */
static void judge_verdicts(struct judge *parts, size_t count)
{
    struct dr_result *result = parts[0].result;
    struct worst worst = {.text = DR_BUFFER(1000)};
    for (size_t i = 0; i < count; i++) {
        struct judge *judge = &parts[i];
        bool promotable;
        rep_history_system(judge->evidence->history, system_of(judge->evidence));
        const struct rep_standby *best = best_standby(judge, &promotable);
        judge_verdict(judge, best, promotable);
        if (count == 1) {
            judge_verdict_figures(judge, best, NULL);
        } else if (judge->group != NULL) {
            judge_verdict_figures(judge, best, judge->group);
            dr_result_add(result, result->verdict_state, judge->group, "%s", result->verdict);
        }
        note_worst(&worst, judge, best);
    }
    if (count > 1)
        dr_result_verdict(result, worst.state, "%s (worst of %zu)", dr_buffer_text(&worst.text),
                          count);
    dr_buffer_free(&worst.text);
}

static void judge_all(struct judge *parts, size_t count)
{
    judge_verdicts(parts, count);
    judge_expected(&parts[0]);
    judge_remembered(&parts[0]);
    for (size_t i = 0; i < count; i++) {
        rep_history_system(parts[i].evidence->history, system_of(parts[i].evidence));
        judge_part(&parts[i]);
    }
    judge_selection(&parts[0]);
}

/* Cuts the evidence into its groups; their surveys are taken. False when out of memory. */
static bool take_parts(const struct rep_evidence *evidence, struct rep_evidence *slices,
                       struct judge *parts, size_t *count)
{
    bool several = rep_group_size(evidence->asked, evidence->count) < evidence->count;
    for (size_t i = 0; i < evidence->count; i += slices[*count - 1].count) {
        struct rep_evidence *slice = &slices[*count];
        struct judge *judge = &parts[(*count)++];
        *slice = *evidence;
        slice->asked = &evidence->asked[i];
        slice->count = rep_group_size(slice->asked, evidence->count - i);
        slice->group = several ? slice->asked[0].group : NULL;
        judge->evidence = slice;
        judge->group = slice->group;
        rep_history_system(evidence->history, system_of(slice));
        if (!rep_survey_take(slice, &judge->survey))
            return false;
    }
    return true;
}

void rep_judge(const struct rep_evidence *evidence, const struct rep_rules *rules,
               enum dr_state timeout_state, struct dr_result *result)
{
    size_t count = 0;
    struct judge *parts = calloc(evidence->count, sizeof *parts);
    struct rep_evidence *slices = calloc(evidence->count, sizeof *slices);
    bool taken =
        parts != NULL && slices != NULL && take_parts(evidence, slices, parts, &count) && count > 0;
    for (size_t i = 0; i < count; i++) {
        parts[i].rules = rules;
        parts[i].result = result;
        parts[i].timeout_state = timeout_state;
        parts[i].parts = parts;
        parts[i].part_count = count;
    }
    if (taken)
        judge_all(parts, count);
    else
        result->out_of_memory = true;
    for (size_t i = 0; i < count; i++)
        rep_survey_free(&parts[i].survey);
    free(slices);
    free(parts);
}
