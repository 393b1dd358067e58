/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The set that elects its primary: would there be a next one, and what are its members doing. */
#include "plugins/replication/judge_parts.h"

#include <stdlib.h>
#include <string.h>

struct seat_verdict {
    enum dr_state state;
    const char *words;
};

static const struct seat_verdict seats[] = {
    [REP_SEAT_UNKNOWN] = {DR_UNKNOWN, "is in a state that is not known"},
    [REP_SEAT_PRIMARY] = {DR_OK, "primary"},
    [REP_SEAT_STANDBY] = {DR_OK, "standby"},
    [REP_SEAT_WITNESS] = {DR_OK, "votes, holds no data"},
    [REP_SEAT_STARTING] = {DR_WARNING, "is starting, and not yet a part of the set"},
    [REP_SEAT_COPYING] = {DR_WARNING, "is being given a full copy"},
    [REP_SEAT_RECOVERING] = {DR_WARNING, "is recovering: it cannot be read or chosen"},
    [REP_SEAT_ROLLBACK] = {DR_CRITICAL, "is undoing writes that the new primary never had"},
    [REP_SEAT_DOWN] = {DR_CRITICAL, "cannot be reached"},
    [REP_SEAT_REMOVED] = {DR_CRITICAL, "is not in the set's configuration any more"},
    [REP_SEAT_FAILED] = {DR_CRITICAL, "has given up"},
};

static enum dr_state seat_state(const struct rep_member *member)
{
    /* What is barred while it recovers does not come back by itself. */
    if (member->seat == REP_SEAT_RECOVERING && member->bar != NULL)
        return DR_CRITICAL;
    /* No data is in danger, and what its vote is worth is judged with the votes. */
    if (member->seat == REP_SEAT_DOWN && member->dataless)
        return DR_WARNING;
    return seats[member->seat].state;
}

static void advise_seat(struct dr_line *line, const struct rep_member *member, const char *witness)
{
    enum dr_state state = seat_state(member);
    const char *name = member->name != NULL ? member->name : "it";
    if (member->seat == REP_SEAT_DOWN)
        dr_line_next(line, state, "check that %s runs, and that %s can reach it", name,
                     witness != NULL ? witness : "the others");
    else if (member->seat == REP_SEAT_ROLLBACK)
        dr_line_next(line, state, "let it finish; what it undoes is kept in %s's rollback folder",
                     name);
    else if (member->seat == REP_SEAT_RECOVERING && member->bar != NULL)
        dr_line_next(line, state, "resync %s: it does not come back by itself", name);
}

static void add_seat(struct dr_line *line, const struct rep_member *member, const char *witness)
{
    bool message = member->message != NULL && *member->message != '\0';
    dr_line_problem(line, seat_state(member), "%s%s%s%s%s", seats[member->seat].words,
                    witness != NULL ? " by " : "", witness != NULL ? witness : "",
                    message ? ": " : "", message ? member->message : "");
    advise_seat(line, member, witness);
}

static bool never_chosen(const struct rep_member *member)
{
    return member->priority.known && member->priority.value <= 0;
}

bool standby_is_electable(const struct judge *judge, const struct rep_standby *standby)
{
    const struct rep_member *views[] = {standby->seat, standby->voted};
    if (judge->survey.authority == NULL)
        return true;
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        const struct rep_member *member = views[i];
        if (member != NULL &&
            (never_chosen(member) || member->bar != NULL || member->seat != REP_SEAT_STANDBY))
            return false;
    }
    return standby->seat != NULL || standby->voted != NULL;
}

void judge_seat(struct judge *judge, const struct rep_standby *standby, struct dr_line *line)
{
    const struct rep_asked *authority = judge->survey.authority;
    const struct rep_member *own = standby->seat;
    const struct rep_member *voted = standby->voted;
    const struct rep_member *best = voted != NULL ? voted : own;
    if (authority == NULL)
        return;
    if (best == NULL) {
        dr_line_problem(line, DR_WARNING, "is not known to %s: it would not be chosen",
                        authority->label);
        return;
    }
    if (own != NULL && own->seat != REP_SEAT_STANDBY)
        add_seat(line, own, NULL);
    else if (voted != NULL && voted->seat != REP_SEAT_STANDBY)
        add_seat(line, voted, voted->seat == REP_SEAT_DOWN ? authority->label : NULL);
    if (never_chosen(best))
        dr_line_figure(line, "priority 0: is never chosen");
    if (own != NULL && own->bar != NULL)
        dr_line_figure(line, "would not be chosen: %s", own->bar);
    else if (voted != NULL && voted->bar != NULL)
        dr_line_figure(line, "would not be chosen: %s", voted->bar);
    if (best->hidden.known && best->hidden.value)
        dr_line_figure(line, "hidden");
}

/* ---- votes ---- */

/* A set that is whole and still cannot lose anybody has two members: no failover at all. */
static void judge_votes(const struct rep_set *set, struct dr_line *line)
{
    long long votes = set->votes.value;
    long long present = set->present.value;
    long long needed = set->needed.value;
    if (!set->votes.known || !set->present.known || !set->needed.known) {
        dr_line_problem(line, DR_UNKNOWN, "cannot tell whether a primary could be elected");
        return;
    }
    dr_line_figure(line, "%lld of %lld votes, %lld needed", present, votes, needed);
    if (present < needed) {
        dr_line_problem(line, DR_CRITICAL,
                        "no primary can be elected: %lld of %lld votes are there, %lld are needed",
                        present, votes, needed);
        dr_line_next(line, DR_CRITICAL, "bring the missing members back first: every vote counts");
    } else if (present == needed && votes > 1) {
        dr_line_problem(
            line, DR_WARNING,
            "no primary can be elected if one more vote is lost: %lld of %lld are there, "
            "%lld are needed",
            present, votes, needed);
        dr_line_next(line, DR_WARNING, "%s",
                     present < votes ? "bring the missing members back"
                                     : "add a member that votes, in another place");
    }
}

static void judge_copies(const struct rep_set *set, struct dr_line *line)
{
    long long copies = set->copies.value;
    long long present = set->copies_present.value;
    long long needed = set->copies_needed.value;
    if (!set->copies.known || !set->copies_present.known || !set->copies_needed.known)
        return;
    if (present < needed)
        dr_line_problem(line, DR_CRITICAL,
                        "majority writes hang: %lld of %lld members with data are there, %lld are "
                        "needed",
                        present, copies, needed);
    else if (present == needed && present < copies)
        dr_line_problem(line, DR_WARNING,
                        "majority writes hang if one more member is lost: %lld of %lld are there",
                        present, copies);
    else if (present == needed && copies > 1)
        dr_line_figure(line, "majority writes need every member with data");
}

/* Without the priorities nobody can say that there is somebody to choose. */
static void judge_hidden(const struct rep_asked *asked, struct dr_line *line)
{
    const struct rep_node *node = asked->node;
    for (size_t i = 0; i < node->set.member_count; i++) {
        const struct rep_member *member = &node->set.members[i];
        if (member->seat != REP_SEAT_STANDBY || member->priority.known)
            continue;
        dr_line_problem(line, DR_UNKNOWN, "who could be chosen is hidden from us: no priorities");
        dr_line_next(line, DR_UNKNOWN, "run on the server: %s",
                     node->grant != NULL ? node->grant : words_of(asked)->grant);
        return;
    }
}

/* The set as one of its witnesses, or the authority, sees it. */
static void judge_view(struct judge *judge, const struct rep_asked *asked, const char *subject)
{
    char text[32];
    const struct rep_set *set = &asked->node->set;
    struct dr_line line = DR_LINE;
    if (set->can_elect.known && !set->can_elect.value) {
        dr_line_problem(&line, DR_CRITICAL, "no failover is possible%s%s",
                        set->obstacle != NULL ? ": " : "",
                        set->obstacle != NULL ? set->obstacle : "");
        dr_line_next(&line, DR_CRITICAL, "bring the missing ones back first: every vote counts");
    }
    judge_votes(set, &line);
    judge_copies(set, &line);
    judge_hidden(asked, &line);
    if (set->majority_lag.known && set->majority_lag.value > 0)
        dr_line_figure(&line, "majority has all but the last %s",
                       dr_unit_format(DR_UNIT_SECONDS, set->majority_lag.value, text, sizeof text));
    dr_line_end(&line, judge->result, subject);
}

/* ---- members that are no standbys of the survey ---- */

static bool is_same_name(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool is_target(const struct rep_asked *asked, const struct rep_member *member)
{
    const struct rep_node *node = asked->node;
    if (is_same_name(asked->label, member->name) || is_same_name(asked->label, member->address))
        return true;
    if (asked->host != NULL) {
        char *whole = dr_text_format("%s:%d", asked->host,
                                     asked->port > 0 ? asked->port : words_of(asked)->port);
        bool same = is_same_name(whole, member->name) || is_same_name(whole, member->address);
        free(whole);
        if (same)
            return true;
    }
    for (size_t i = 0; node != NULL && i < node->set.member_count; i++) {
        const struct rep_member *other = &node->set.members[i];
        if (other->self && is_same_name(other->name, member->name))
            return true;
    }
    return node != NULL && (is_same_name(node->application_name, member->name) ||
                            is_same_name(node->reached, member->name) ||
                            is_same_name(node->reached, member->address));
}

/* It has a finding of its own already. */
static bool is_judged(const struct judge *judge, const struct rep_member *member)
{
    for (size_t i = 0; i < judge->survey.standby_count; i++) {
        const struct rep_member *voted = judge->survey.standbys[i].voted;
        if (voted == member || (voted != NULL && is_same_name(voted->name, member->name)))
            return true;
    }
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        if (is_target(asked, member))
            return true;
    }
    return false;
}

static void judge_member(struct judge *judge, const struct rep_member *member)
{
    char text[32];
    struct dr_line line = DR_LINE;
    const struct rep_asked *authority = judge->survey.authority;
    if (seat_state(member) == DR_OK)
        dr_line_figure(&line, "%s, as %s sees it", seats[member->seat].words, authority->label);
    else
        add_seat(&line, member, member->seat == REP_SEAT_DOWN ? authority->label : NULL);
    if (member->behind.known && member->seat == REP_SEAT_STANDBY) {
        double delay = member->delay.known ? member->delay.value : 0;
        double beyond = member->behind.value > delay ? member->behind.value - delay : 0;
        dr_line_figure(&line, "%s behind",
                       dr_unit_format(DR_UNIT_SECONDS, member->behind.value, text, sizeof text));
        line_judge(judge, &line, REP_LOSS, beyond, delay > 0 ? "beyond its delay by" : "behind by");
    }
    if (member->heard.known)
        dr_line_figure(&line, "heard from %s ago",
                       dr_unit_format(DR_UNIT_SECONDS, member->heard.value, text, sizeof text));
    dr_line_end(&line, judge->result, member->name);
}

/* Each witness that was asked has a view of its own, and a failover needs them to agree. */
void judge_set(struct judge *judge)
{
    const struct rep_asked *authority = judge->survey.authority;
    const struct rep_set *set = rep_survey_set(&judge->survey);
    if (set == NULL)
        return;
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct rep_asked *asked = &judge->evidence->asked[i];
        if (!asked->answered || asked->node->role != REP_ROLE_WITNESS)
            continue;
        if (authority->node->role == REP_ROLE_WITNESS && asked->node->set.member_count > 0)
            judge_view(judge, asked, asked->label);
        else
            dr_result_add(judge->result, DR_OK, asked->label, "%s", seats[REP_SEAT_WITNESS].words);
    }
    if (authority->node->role != REP_ROLE_WITNESS)
        judge_view(judge, authority, set->name);
    for (size_t i = 0; i < set->member_count; i++) {
        const struct rep_member *member = &set->members[i];
        if (member->name != NULL && dr_selection_has(judge->evidence->selection, member->name) &&
            !is_judged(judge, member))
            judge_member(judge, member);
    }
}

/* ---- traits ---- */

struct trait_verdict {
    const char *name; /* for --include and --exclude */
    enum dr_state state;
    const char *words; /* the trait's text goes behind them */
    const char *next;  /* NULL: none */
};

static const struct trait_verdict traits[REP_TRAITS] = {
    [REP_TRAIT_UNSAVED] = {"persistence", DR_WARNING,
                           "keeps nothing on disk: a restart of it empties its standbys too",
                           "turn on appendonly or save on it; where that is meant, say --exclude "
                           "'^persistence$'"},
    [REP_TRAIT_EVICTS] = {"eviction", DR_OK, "drops keys when its memory is full: ", NULL},
    [REP_TRAIT_REFUSES] = {"min-replicas", DR_CRITICAL, "refuses writes, too few good standbys: ",
                           "bring the standbys back, or lower min-replicas-to-write on it"},
    [REP_TRAIT_SHORT] = {"min-replicas", DR_OK, "has as few good standbys as it needs: ", NULL},
    [REP_TRAIT_WRITABLE] = {"writable", DR_WARNING,
                            "takes writes of its own, which nobody else gets",
                            "set replica-read-only yes on it"},
    [REP_TRAIT_UNANNOUNCED] = {"unannounced", DR_OK, "hides from Sentinel: it is never chosen",
                               NULL},
    [REP_TRAIT_SLOWED] = {"flow-control", DR_WARNING,
                          "slows writes down because its standbys lag (flow control)",
                          "find the standby that lags: its disk, its load, its network"},
    [REP_TRAIT_LOCKED] = {"lock", DR_WARNING, "is locked, and writes nothing to its disk",
                          "db.fsyncUnlock() on it when the backup is done"},
    [REP_TRAIT_DEGRADED] = {"degraded", DR_CRITICAL, "does not serve all of its data: ", NULL},
    [REP_TRAIT_NO_FAILOVER] = {"failover", DR_WARNING,
                               "says that its secondary cannot take over (canFailover)",
                               "look at the account's redundancy in the portal; where that is "
                               "known, say --exclude '^failover$'"},
    [REP_TRAIT_UNREADABLE] = {"unreadable", DR_OK, "could not be read: ", NULL},
};

void judge_traits(struct judge *judge, const struct rep_asked *asked)
{
    for (size_t i = 0; i < asked->node->trait_count; i++) {
        const struct rep_trait *trait = &asked->node->traits[i];
        const struct trait_verdict *verdict = &traits[trait->kind];
        if (verdict->name == NULL || !dr_selection_has(judge->evidence->selection, verdict->name))
            continue;
        struct dr_finding *finding =
            dr_result_add(judge->result, verdict->state, asked->label, "%s%s", verdict->words,
                          trait->text != NULL ? trait->text : "");
        if (verdict->next != NULL)
            dr_finding_next(finding, "%s", verdict->next);
    }
}
