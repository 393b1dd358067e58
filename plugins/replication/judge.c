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
    [REP_SKEW] = {"skew", DR_UNIT_SECONDS, "clock of a standby against the primary's"},
};

/* ---- lines ---- */

void line_problem(struct line *line, enum dr_state state, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (line->problems.size > 0)
        dr_buffer_add(&line->problems, "; ");
    dr_buffer_addv(&line->problems, format, args);
    va_end(args);
    line->state = dr_state_worst(line->state, state);
}

void line_next(struct line *line, enum dr_state state, const char *format, ...)
{
    if (*line->next != '\0' && !dr_state_is_worse(state, line->next_state))
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(line->next, sizeof line->next, format, args);
    va_end(args);
    line->next_state = state;
}

void line_figure(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (line->figures.size > 0)
        dr_buffer_add(&line->figures, ", ");
    dr_buffer_addv(&line->figures, format, args);
    va_end(args);
}

void line_end(struct line *line, struct dr_result *result, const char *subject)
{
    bool problem = line->problems.size > 0;
    struct dr_finding *finding =
        dr_result_add(result, line->state, subject, "%s",
                      dr_buffer_text(problem ? &line->problems : &line->figures));
    if (problem && line->figures.size > 0)
        dr_finding_detail(finding, "%s", dr_buffer_text(&line->figures));
    if (*line->next != '\0' && line->state != DR_OK)
        dr_finding_next(finding, "%s", line->next);
    dr_buffer_free(&line->problems);
    dr_buffer_free(&line->figures);
}

void line_judge(struct judge *judge, struct line *line, enum rep_metric metric, double value,
                const char *words)
{
    char text[32];
    char rule[80];
    const struct dr_threshold *threshold = &judge->rules->thresholds[metric];
    enum dr_state state = dr_threshold_judge(threshold, value);
    if (state != DR_OK)
        line_problem(line, state, "%s %s, %s", words,
                     dr_unit_format(rep_metrics[metric].unit, value, text, sizeof text),
                     dr_threshold_rule(&rep_metrics[metric], threshold, value, rule, sizeof rule));
}

/* ---- the primary ---- */

/* What to do about a target that could not be read. */
static void advise(struct dr_finding *finding, const struct rep_asked *asked)
{
    switch (asked->error->class) {
    case DR_ERR_CONNECT:
    case DR_ERR_TIMEOUT:
    case DR_ERR_SERVER:
        dr_finding_next(
            finding, "check that the server of %s runs and that its port can be reached from here",
            asked->label);
        break;
    case DR_ERR_AUTH:
        dr_finding_next(finding, "check the user and its password here, and pg_hba.conf on %s",
                        asked->label);
        break;
    case DR_ERR_RESOLVE:
        dr_finding_next(finding, "check the name in the target, and this host's resolver");
        break;
    case DR_ERR_TLS:
        dr_finding_next(finding, "check sslmode and sslrootcert here, and the certificate of %s",
                        asked->label);
        break;
    default:
        break;
    }
}

static enum dr_state state_of(const struct judge *judge, const struct rep_asked *asked)
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
            advise(dr_result_add(judge->result, state_of(judge, asked), asked->label, "%s",
                                 asked->error->text),
                   asked);
    }
}

/* The worst of the targets that could not be read, the first of its kind. */
static const struct rep_asked *worst_unreachable(const struct judge *judge)
{
    const struct rep_asked *worst = NULL;
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        if (!asked->answered && asked->alias_of == NULL &&
            (worst == NULL || dr_state_is_worse(state_of(judge, asked), state_of(judge, worst))))
            worst = asked;
    }
    return worst;
}

/* Nobody is known to be the primary, and somebody could not be asked: that is what matters. */
static void verdict_of_unreachable(struct judge *judge)
{
    const struct rep_asked *worst = worst_unreachable(judge);
    bool all = judge->survey.unreachable == judge->evidence->count;
    dr_result_verdict(judge->result, state_of(judge, worst), "%s: %s%s", worst->label,
                      worst->error->text,
                      all ? "" : "; no primary among the targets that answered");
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

/* "db1 (timeline 1), db2 (timeline 2)"; *one_system: all of them have the same history. */
static void name_primaries(const struct judge *judge, struct dr_buffer *names, bool *one_system)
{
    const char *system = NULL;
    *one_system = true;
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        if (!asked->answered || asked->node->role != REP_ROLE_PRIMARY)
            continue;
        if (asked->node->system != NULL && system != NULL &&
            strcmp(system, asked->node->system) != 0)
            *one_system = false;
        if (asked->node->system != NULL)
            system = asked->node->system;
        dr_buffer_addf(names, "%s%s", names->size > 0 ? ", " : "", asked->label);
        if (asked->node->timeline.known)
            dr_buffer_addf(names, " (timeline %lld)", (long long)asked->node->timeline.value);
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

static bool has_name(const struct rep_asked *asked, const char *name)
{
    const char *cluster = asked->node != NULL ? asked->node->cluster_name : NULL;
    return strcmp(asked->label, name) == 0 ||
           (asked->host != NULL && strcmp(asked->host, name) == 0) ||
           (cluster != NULL && strcmp(cluster, name) == 0);
}

/* True when `name` is one of the names of a node that was asked, or of another target that is the
 * same server. */
static bool goes_by(const struct judge *judge, const struct rep_asked *asked, const char *name)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *other = &judge->evidence->asked[i];
        if ((other == asked || other->alias_of == asked) && has_name(other, name))
            return true;
    }
    return false;
}

/* Its own finding says already that it does not answer. */
static bool is_unreachable(const struct judge *judge, const char *name)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        if (!asked->answered && asked->alias_of == NULL && has_name(asked, name))
            return true;
    }
    return false;
}

/* One line for each primary: who it is, and that it is the one that is meant. */
static void judge_primary(struct judge *judge, const struct rep_asked *primary)
{
    struct line line = LINE;
    const struct rep_node *node = primary->node;
    const char *wanted = judge->rules->expect_primary;
    bool same = wanted == NULL || goes_by(judge, primary, wanted);
    line_figure(&line, "primary, %s", node->product != NULL ? node->product : "version unknown");
    if (node->timeline.known)
        line_figure(&line, "timeline %lld", (long long)node->timeline.value);
    if (judge->survey.receivers > 0 && primary == judge->survey.primary)
        line_figure(&line, "%zu other connections that are no standbys", judge->survey.receivers);
    if (primary == judge->survey.primary) {
        char *before = rep_history_primary(judge->evidence->history, primary->label);
        if (before != NULL)
            line_figure(&line, "it was %s until the last run", before);
        free(before);
    }
    if (!same)
        line_problem(&line, DR_CRITICAL, "is the primary, expected %s", wanted);
    if (judge->survey.primaries > 1) {
        line_problem(&line, DR_CRITICAL, "takes writes, and is not the only one");
        line_next(&line, DR_CRITICAL, "stop writes to all but one of them before anything else");
    }
    line_end(&line, judge->result, primary->label);
}

static void judge_primaries(struct judge *judge)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        if (asked->answered && asked->node->role == REP_ROLE_PRIMARY)
            judge_primary(judge, asked);
    }
    const char *wanted = judge->rules->expect_primary;
    if (judge->survey.primaries == 0 && wanted != NULL && !is_unreachable(judge, wanted))
        dr_result_add(judge->result, DR_UNKNOWN, wanted,
                      "is expected as the primary, but not seen");
}

static void judge_synchronous(struct judge *judge)
{
    const struct rep_asked *primary = judge->survey.primary;
    struct rep_synchronous wanted;
    if (primary == NULL)
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
                        node->grant != NULL ? node->grant : "GRANT pg_monitor");
    else
        dr_finding_next(finding,
                        "bring the missing standby back, or take it out of "
                        "synchronous_standby_names on %s and reload",
                        primary->label);
}

/* ---- what is expected ---- */

/* A standby that has become the primary is not missing. */
static bool is_there(const struct judge *judge, const char *name)
{
    if (judge->survey.primary != NULL && goes_by(judge, judge->survey.primary, name))
        return true;
    for (size_t i = 0; i < judge->survey.standby_count; i++) {
        const struct rep_standby *standby = &judge->survey.standbys[i];
        if (rep_standby_is(standby, name) ||
            (standby->asked != NULL && goes_by(judge, standby->asked, name)))
            return true;
    }
    return false;
}

/* It is one of the targets, whatever it is today: after a switchover a standby is the primary. */
static bool is_asked(const struct judge *judge, const char *name)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        const char *names[] = {asked->label, asked->host,
                               asked->answered ? asked->node->cluster_name : NULL,
                               asked->answered ? asked->node->application_name : NULL};
        for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
            if (names[n] != NULL && strcmp(names[n], name) == 0)
                return true;
        }
    }
    return false;
}

static size_t count_connected(const struct judge *judge)
{
    size_t count = 0;
    for (size_t i = 0; i < judge->survey.standby_count; i++) {
        const struct rep_standby *standby = &judge->survey.standbys[i];
        if (standby_is_connected(standby) && standby_is_fit(judge, standby, NULL))
            count++;
    }
    return count;
}

/* Who is connected is known to the primary: without it a standby that is not seen may be there. */
static enum dr_state missing_state(const struct judge *judge)
{
    return judge->survey.primary != NULL ? DR_CRITICAL : DR_UNKNOWN;
}

static void judge_expected_count(struct judge *judge)
{
    const struct dr_opt_int *expected = &judge->rules->expect_count;
    int64_t connected = (int64_t)count_connected(judge);
    int64_t unreported = 0;
    if (!expected->known || connected >= expected->value)
        return;
    for (size_t i = 0; i < judge->survey.standby_count; i++)
        unreported += standby_is_new(&judge->survey.standbys[i]) ? 1 : 0;
    if (connected + unreported >= expected->value)
        dr_result_add(
            judge->result, DR_UNKNOWN, "standbys",
            "%lld of %lld expected are connected, and %lld connected a moment ago and must "
            "report first",
            (long long)connected, (long long)expected->value, (long long)unreported);
    else
        dr_result_add(
            judge->result, missing_state(judge), "standbys",
            "%lld of %lld expected are connected%s", (long long)connected,
            (long long)expected->value,
            judge->survey.primary != NULL ? "" : ", as far as can be seen without the primary");
}

static void judge_expected_standby(struct judge *judge, const char *name)
{
    if (is_there(judge, name) || is_unreachable(judge, name))
        return;
    if (judge->survey.primary == NULL) {
        dr_result_add(
            judge->result, DR_UNKNOWN, name,
            "this standby is expected, but only the primary tells whether it is connected");
        return;
    }
    struct dr_finding *finding = dr_result_add(judge->result, DR_CRITICAL, name,
                                               "this standby is expected, but not connected");
    dr_finding_next(finding, "check that %s runs, and its log for why it does not connect", name);
}

/* A delay is a setting of the standby: it must be asked itself. */
static void judge_expected_delay(struct judge *judge, const char *name)
{
    for (size_t i = 0; i < judge->survey.standby_count; i++) {
        const struct rep_standby *standby = &judge->survey.standbys[i];
        if (standby->node != NULL && rep_standby_is(standby, name))
            return;
    }
    if (!is_there(judge, name)) {
        judge_expected_standby(judge, name);
        return;
    }
    struct dr_finding *finding =
        dr_result_add(judge->result, DR_UNKNOWN, name, "its delay is expected, but cannot be seen");
    dr_finding_next(finding, "give %s as a target too: only a standby itself tells its delay",
                    name);
}

static void judge_expected_upstream(struct judge *judge)
{
    for (size_t i = 0; i < judge->survey.standby_count; i++) {
        if (judge->survey.standbys[i].node != NULL)
            return;
    }
    if (judge->rules->expect_upstream == NULL || judge->survey.unreachable > 0)
        return;
    struct dr_finding *finding = dr_result_add(judge->result, DR_UNKNOWN, "standbys",
                                               "where they receive from cannot be seen");
    dr_finding_next(finding,
                    "give the standbys as targets too: only a standby itself tells where it "
                    "receives from");
}

static void judge_expected(struct judge *judge)
{
    const struct rep_rules *rules = judge->rules;
    for (size_t i = 0; i < rules->expect_standby.count; i++)
        judge_expected_standby(judge, rules->expect_standby.items[i]);
    for (size_t i = 0; i < rules->delay_count; i++)
        judge_expected_delay(judge, rules->delays[i].name);
    judge_expected_upstream(judge);
    judge_expected_count(judge);
}

/* ---- what was left out ---- */

static bool is_selected(const struct judge *judge, const char *name)
{
    return name != NULL && dr_selection_has(judge->evidence->selection, name);
}

static bool selects_of(const struct judge *judge, const struct rep_asked *asked)
{
    const struct rep_node *node = asked->node;
    if (is_selected(judge, asked->label))
        return true;
    for (size_t i = 0; i < node->stream_count; i++) {
        if (is_selected(judge, node->streams[i].name) ||
            is_selected(judge, node->streams[i].hostname) ||
            is_selected(judge, node->streams[i].address))
            return true;
    }
    for (size_t i = 0; i < node->slot_count; i++) {
        if (is_selected(judge, node->slots[i].name))
            return true;
    }
    for (size_t i = 0; i < node->subscription_count; i++) {
        if (is_selected(judge, node->subscriptions[i].name))
            return true;
    }
    return false;
}

/* A filter with a slip of the pen leaves everything out, and what is left is fine. */
static void judge_selection(struct judge *judge)
{
    const struct dr_selection *selection = judge->evidence->selection;
    bool selects = selection->include_count == 0;
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        selects = selects || !asked->answered || selects_of(judge, asked);
    }
    if (!selects)
        dr_result_add(judge->result, DR_UNKNOWN, "--include", "matches nothing");
    if (dr_selection_overrun(selection))
        dr_result_add(judge->result, DR_UNKNOWN, "--include/--exclude",
                      "an expression needs too many steps, so that names may have been left out");
}

static void add_missing(const char *name, double last_seen, void *context)
{
    struct judge *judge = context;
    char ago[32];
    for (size_t i = 0; i < judge->rules->expect_standby.count; i++) {
        if (strcmp(judge->rules->expect_standby.items[i], name) == 0)
            return;
    }
    if (is_there(judge, name) || is_asked(judge, name) ||
        !dr_selection_has(judge->evidence->selection, name))
        return;
    struct dr_finding *finding = dr_result_add(
        judge->result, DR_WARNING, name, "was connected %s ago, and is gone",
        dr_unit_format(DR_UNIT_SECONDS, judge->evidence->now - last_seen, ago, sizeof ago));
    dr_finding_next(finding,
                    "bring %s back; if it was taken away on purpose, this ends after a day, or "
                    "say --exclude",
                    name);
}

/* Every promotion makes a new timeline: the standbys of the one before are others, even where the
 * primary is asked under the same name. */
static void forget_others(struct judge *judge)
{
    const struct dr_opt_int *timeline = &judge->survey.primary->node->timeline;
    if (!timeline->known)
        return;
    struct dr_opt_int before =
        rep_history_swap(judge->evidence->history, "timeline", timeline->value);
    if (before.known && before.value != timeline->value)
        rep_history_forget_standbys(judge->evidence->history);
}

/* A connection that we may not look into has another name when we may. */
static bool is_memorable(const struct rep_standby *standby)
{
    return standby_is_connected(standby) &&
           (standby->node != NULL || standby->stream->kind != REP_STREAM_HIDDEN);
}

/* Standbys that were there in the last day and are not expected by name. */
static void judge_remembered(struct judge *judge)
{
    if (judge->survey.primary == NULL)
        return;
    forget_others(judge);
    rep_history_standbys(judge->evidence->history, judge->evidence->now, 86400, add_missing, judge);
    for (size_t i = 0; i < judge->survey.standby_count; i++) {
        const struct rep_standby *standby = &judge->survey.standbys[i];
        if (is_memorable(standby))
            rep_history_standby(judge->evidence->history, standby->name, judge->evidence->now);
    }
}

/* ---- the verdict ---- */

static void rpo_words(const struct judge *judge, char *text, size_t size)
{
    char objective[32];
    text[0] = '\0';
    if (judge->rules->rpo.known)
        snprintf(
            text, size, " (RPO %s)",
            dr_unit_format(DR_UNIT_SECONDS, judge->rules->rpo.value, objective, sizeof objective));
}

/* "38 MB / 4m12s of commits"; what is not known is said so. */
static void loss_words(const struct rep_standby *standby, char *text, size_t size)
{
    char bytes[32];
    char seconds[32];
    if (standby->loss_bytes.value == 0)
        snprintf(text, size, "nothing");
    else if (standby->loss.known)
        snprintf(
            text, size, "%s / %s of commits",
            dr_unit_format(DR_UNIT_BYTES, (double)standby->loss_bytes.value, bytes, sizeof bytes),
            dr_unit_format(DR_UNIT_SECONDS, standby->loss.value, seconds, sizeof seconds));
    else
        snprintf(
            text, size, "%s of commits (seconds unknown)",
            dr_unit_format(DR_UNIT_BYTES, (double)standby->loss_bytes.value, bytes, sizeof bytes));
}

static enum dr_state loss_state(const struct judge *judge, const struct rep_standby *standby)
{
    enum dr_state state = DR_OK;
    if (!standby->loss_bytes.known)
        return DR_UNKNOWN;
    state = dr_threshold_judge(&judge->rules->thresholds[REP_LOSS_BYTES],
                               (double)standby->loss_bytes.value);
    if (standby->loss.known)
        return dr_state_worst(
            state, dr_threshold_judge(&judge->rules->thresholds[REP_LOSS], standby->loss.value));
    return dr_state_worst(state, DR_UNKNOWN);
}

static void add_verdict_figures(struct judge *judge, const struct rep_standby *best)
{
    const struct dr_threshold *thresholds = judge->rules->thresholds;
    /* With several primaries nobody can say what is lost. */
    if (judge->survey.primaries > 1)
        best = NULL;
    if (best != NULL && best->loss.known)
        dr_result_figure(judge->result, NULL, &rep_metrics[REP_LOSS], best->loss.value,
                         &thresholds[REP_LOSS]);
    if (best != NULL && best->loss_bytes.known)
        dr_result_figure(judge->result, NULL, &rep_metrics[REP_LOSS_BYTES],
                         (double)best->loss_bytes.value, &thresholds[REP_LOSS_BYTES]);
    if (best != NULL && best->apply_lag.known)
        dr_result_figure(judge->result, NULL, &rep_metrics[REP_APPLY_LAG], best->apply_lag.value,
                         &thresholds[REP_APPLY_LAG]);
    if (judge->survey.primaries + judge->survey.standby_count > 0)
        dr_result_figure(judge->result, NULL, &rep_metrics[REP_STANDBYS],
                         (double)count_connected(judge), &thresholds[REP_STANDBYS]);
}

static void judge_count(struct judge *judge)
{
    struct line line = LINE;
    line_judge(judge, &line, REP_STANDBYS, (double)count_connected(judge), "connected:");
    if (line.state != DR_OK)
        line_end(&line, judge->result, "standbys");
    dr_buffer_free(&line.problems);
}

static void verdict_of_best(struct judge *judge, const struct rep_standby *best, bool promotable)
{
    char rpo[64];
    char loss[128];
    const char *primary = judge->survey.primary->label;
    rpo_words(judge, rpo, sizeof rpo);
    if (!best->loss_bytes.known) {
        dr_result_verdict(judge->result, DR_UNKNOWN,
                          "cannot tell what would be lost if %s died now%s", primary, rpo);
        return;
    }
    loss_words(best, loss, sizeof loss);
    if (promotable)
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

/* The primary does not answer: what is known from before says what the best standby lacks. */
static void verdict_of_lost_primary(struct judge *judge, const struct rep_standby *best,
                                    const char *primary, double last_seen)
{
    char loss[128];
    char ago[32];
    dr_unit_format(DR_UNIT_SECONDS, judge->evidence->now - last_seen, ago, sizeof ago);
    if (best == NULL || !best->loss_bytes.known) {
        dr_result_verdict(
            judge->result, DR_CRITICAL,
            "primary %s does not answer (last seen %s ago), and no standby can say what "
            "is lost",
            primary, ago);
        return;
    }
    loss_words(best, loss, sizeof loss);
    if (best->loss_bytes.value == 0)
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

/* No primary among those that answered. */
static void verdict_without_primary(struct judge *judge, const struct rep_standby *best)
{
    char loss[128];
    char rpo[64];
    char age[32];
    double last_seen = 0;
    char *primary = rep_history_last_primary(judge->evidence->history, &last_seen);
    rpo_words(judge, rpo, sizeof rpo);
    if (judge->survey.primaries > 1) {
        verdict_of_several(judge);
    } else if (primary != NULL && is_unreachable(judge, primary)) {
        verdict_of_lost_primary(judge, best, primary, last_seen);
    } else if (judge->survey.unreachable > 0) {
        verdict_of_unreachable(judge);
    } else if (best == NULL || !standby_is_connected(best) || !best->link_age.known ||
               !best->loss_bytes.known) {
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

static void remember(struct judge *judge)
{
    struct rep_history *history = judge->evidence->history;
    const struct rep_asked *primary = judge->survey.primary;
    const struct rep_node *node = primary != NULL ? primary->node : NULL;
    if (node != NULL && node->reading_count > 0)
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

void rep_judge(const struct rep_evidence *evidence, const struct rep_rules *rules,
               enum dr_state timeout_state, struct dr_result *result)
{
    struct judge judge = {
        .evidence = evidence, .rules = rules, .result = result, .timeout_state = timeout_state};
    rep_history_system(evidence->history, system_of(evidence));
    if (!rep_survey_take(evidence, &judge.survey)) {
        result->out_of_memory = true;
        return;
    }
    bool promotable;
    const struct rep_standby *best = best_standby(&judge, &promotable);
    if (judge.survey.primary != NULL)
        verdict_of_primary(&judge, best, promotable);
    else
        verdict_without_primary(&judge, best);
    add_verdict_figures(&judge, best);
    judge_unreachable(&judge);
    judge_roles(&judge);
    judge_primaries(&judge);
    judge_synchronous(&judge);
    judge_expected(&judge);
    judge_remembered(&judge);
    judge_count(&judge);
    for (size_t i = 0; i < judge.survey.standby_count; i++)
        judge_standby(&judge, &judge.survey.standbys[i]);
    judge_slots(&judge);
    judge_selection(&judge);
    remember(&judge);
    rep_survey_free(&judge.survey);
}
