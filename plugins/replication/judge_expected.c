/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/judge_parts.h"

#include <string.h>

/* A standby that has become the primary is not missing. */
static bool is_there_in(const struct judge *judge, const char *name)
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

static bool is_there(const struct judge *judge, const char *name)
{
    for (size_t i = 0; i < judge->part_count; i++) {
        if (is_there_in(&judge->parts[i], name))
            return true;
    }
    return false;
}

/* Nobody knows who is connected but the primaries. */
static bool has_primaries(const struct judge *judge)
{
    for (size_t i = 0; i < judge->part_count; i++) {
        if (judge->parts[i].survey.primary == NULL)
            return false;
    }
    return true;
}

/* It is one of the targets, whatever it is today: after a switchover a standby is the primary. */
static bool is_asked_in(const struct judge *judge, const char *name)
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

static bool is_asked(const struct judge *judge, const char *name)
{
    for (size_t i = 0; i < judge->part_count; i++) {
        if (is_asked_in(&judge->parts[i], name))
            return true;
    }
    return false;
}

size_t count_connected(const struct judge *judge)
{
    size_t count = 0;
    for (size_t i = 0; i < judge->survey.standby_count; i++) {
        const struct rep_standby *standby = &judge->survey.standbys[i];
        if (standby_is_connected(standby) && standby_is_fit(judge, standby, NULL))
            count++;
    }
    return count;
}

static const char *subject(const struct judge *judge)
{
    return judge->group != NULL ? judge->group : "standbys";
}

/* Limits on the number of standbys. */
static void judge_count(struct judge *judge)
{
    struct dr_line line = DR_LINE;
    line_judge(judge, &line, REP_STANDBYS, (double)count_connected(judge), "connected:");
    if (line.state != DR_OK)
        dr_line_end(&line, judge->result, subject(judge));
    dr_buffer_free(&line.problems);
}

/* Who is connected is known to the primary: without it a standby that is not seen may be there. */
static enum dr_state missing_state(const struct judge *judge)
{
    return judge->survey.primary != NULL ? DR_CRITICAL : DR_UNKNOWN;
}

void judge_expected_count(struct judge *judge)
{
    const struct dr_opt_int *expected = &judge->rules->expect_count;
    int64_t connected = (int64_t)count_connected(judge);
    int64_t unreported = 0;
    judge_count(judge);
    if (!expected->known || connected >= expected->value)
        return;
    for (size_t i = 0; i < judge->survey.standby_count; i++)
        unreported += standby_is_new(&judge->survey.standbys[i]) ? 1 : 0;
    if (connected + unreported >= expected->value)
        dr_result_add(
            judge->result, DR_UNKNOWN, subject(judge),
            "%lld of %lld expected are connected, and %lld connected a moment ago and must "
            "report first",
            (long long)connected, (long long)expected->value, (long long)unreported);
    else
        dr_result_add(
            judge->result, missing_state(judge), subject(judge),
            "%lld of %lld expected are connected%s", (long long)connected,
            (long long)expected->value,
            judge->survey.primary != NULL ? "" : ", as far as can be seen without the primary");
}

static void judge_expected_standby(struct judge *judge, const char *name)
{
    if (is_there(judge, name) || is_unreachable(judge, name))
        return;
    if (!has_primaries(judge)) {
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
    for (size_t p = 0; p < judge->part_count; p++) {
        const struct rep_survey *survey = &judge->parts[p].survey;
        for (size_t i = 0; i < survey->standby_count; i++) {
            if (survey->standbys[i].node != NULL && rep_standby_is(&survey->standbys[i], name))
                return;
        }
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
    if (judge->rules->expect_upstream == NULL)
        return;
    for (size_t p = 0; p < judge->part_count; p++) {
        const struct rep_survey *survey = &judge->parts[p].survey;
        if (survey->unreachable > 0)
            return;
        for (size_t i = 0; i < survey->standby_count; i++) {
            if (survey->standbys[i].node != NULL)
                return;
        }
    }
    struct dr_finding *finding = dr_result_add(judge->result, DR_UNKNOWN, subject(judge),
                                               "where they receive from cannot be seen");
    dr_finding_next(finding,
                    "give the standbys as targets too: only a standby itself tells where it "
                    "receives from");
}

void judge_expected(struct judge *judge)
{
    const struct rep_rules *rules = judge->rules;
    for (size_t i = 0; i < rules->expect_standby.count; i++)
        judge_expected_standby(judge, rules->expect_standby.items[i]);
    for (size_t i = 0; i < rules->delay_count; i++)
        judge_expected_delay(judge, rules->delays[i].name);
    judge_expected_upstream(judge);
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
    for (size_t i = 0; i < node->set.member_count; i++) {
        if (is_selected(judge, node->set.members[i].name))
            return true;
    }
    return false;
}

/* A filter with a slip of the pen leaves everything out, and what is left is fine. */
void judge_selection(struct judge *judge)
{
    const struct dr_selection *selection = judge->evidence->selection;
    bool selects = selection->include_count == 0;
    for (size_t p = 0; p < judge->part_count; p++) {
        const struct rep_evidence *evidence = judge->parts[p].evidence;
        for (size_t i = 0; i < evidence->count; i++)
            selects =
                selects || !evidence->asked[i].answered || selects_of(judge, &evidence->asked[i]);
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
void judge_remembered(struct judge *judge)
{
    if (!has_primaries(judge))
        return;
    if (judge->part_count == 1)
        forget_others(judge);
    rep_history_standbys(judge->evidence->history, judge->evidence->now, 86400, add_missing, judge);
    for (size_t p = 0; p < judge->part_count; p++) {
        const struct rep_survey *survey = &judge->parts[p].survey;
        for (size_t i = 0; i < survey->standby_count; i++) {
            const struct rep_standby *standby = &survey->standbys[i];
            if (is_memorable(standby))
                rep_history_standby(judge->evidence->history, standby->name, judge->evidence->now);
        }
    }
}
