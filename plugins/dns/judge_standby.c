/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names that must be there before a switch. */
#include "plugins/dns/judge_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is wrong with the answers of one family, where those of the other one may be right. */
static void judge_standby_family(struct judge *judge, const struct view *view,
                                 const struct place *place, enum dns_family family,
                                 struct dr_line *line)
{
    const char *name = family == DNS_V4 ? "A" : "AAAA";
    bool none = place->kind == PLACE_NONE ||
                (place->kind == PLACE_NOWHERE && place->answer->outcome == DNS_DANGLING);
    bool unknown = place->kind == PLACE_UNSEEN || (place->kind == PLACE_FAILED && view->serves);
    if (unknown) /* of one that does not serve its own line says why */
        dr_line_problem(line, DR_UNKNOWN, "%s: %s: %s", view->name, name, place->words);
    else if (none && judge->rules->required[family])
        dr_line_problem(line, DR_CRITICAL, "%s: no %s record", view->name, name);
    else if (place->kind == PLACE_NOWHERE && !none)
        dr_line_problem(line, DR_CRITICAL, "%s: %s: %s", view->name, name, place->words);
}

/* What resolvers that validate do not take is not there for those behind them. Where it is the same
 * with the name of today, the server's own line says so. */
static void judge_standby_validity(const struct view *view, const struct dns_answer *answers,
                                   struct dr_line *line, const char **verdict)
{
    static const char *const names[DNS_FAMILIES] = {"A", "AAAA"};
    for (int f = 0; f < DNS_FAMILIES; f++) {
        enum dns_validity validity = answers[f].validity;
        const char *words = answers[f].validity_words != NULL ? answers[f].validity_words : "";
        if ((validity != DNS_INVALID && validity != DNS_INDETERMINATE) ||
            view->seen->answers[DNS_V4].validity == validity ||
            view->seen->answers[DNS_V6].validity == validity)
            continue;
        bool invalid = validity == DNS_INVALID;
        enum dr_state state = invalid ? DR_CRITICAL : DR_UNKNOWN;
        dr_line_problem(line, state, "%s: %s: DNSSEC %s: %s", view->name, names[f],
                        invalid ? "does not hold" : "cannot be judged", words);
        if (!invalid)
            continue;
        *verdict = *verdict != NULL ? *verdict : "is denied by resolvers that validate";
        dr_line_next(line, state, "resolvers that validate answer SERVFAIL: sign the zone");
    }
}

/* The name that cannot exist stands beside the name of today: of one elsewhere it says nothing. */
static void judge_standby_wildcard(const struct judge *judge, const struct view *view,
                                   const struct dns_standby *standby,
                                   const struct dns_answer *answers, struct dr_line *line)
{
    struct dns_name name, today, above;
    bool beside = dns_name_read(standby->name, &name, NULL) && dns_name_parent(&name, &name) &&
                  dns_name_read(judge->rules->name, &today, NULL) &&
                  dns_name_parent(&today, &above) && dns_name_equal(&name, &above);
    bool possible = false, proven = false;
    for (int f = 0; f < DNS_FAMILIES; f++) {
        proven = proven || answers[f].wildcard;
        possible = possible || (beside && view->seen->random.outcome == DNS_FOUND &&
                                same_addresses(&answers[f], &view->seen->random));
    }
    if (!judge->rules->own_record || !(proven || possible))
        return;
    dr_line_problem(line, DR_WARNING, "%s: %s", view->name,
                    proven ? "a wildcard answers for it" : "a wildcard would answer the same");
    dr_line_next(line, DR_WARNING,
                 "give %s a record of its own: nothing would tell that it is gone", standby->name);
}

/* Whether the server tells; `verdict` becomes what is said first of the name where it is wrong. */
static bool judge_standby_at(struct judge *judge, const struct view *view, size_t index,
                             struct dr_line *line, const char **verdict)
{
    const struct dns_standby *standby = &judge->rules->standby[index];
    const struct dns_answer *answers = &view->seen->standby[index * DNS_FAMILIES];
    size_t right = 0, failed = 0;
    const char *wrong = NULL;
    struct place places[DNS_FAMILIES];
    for (int f = 0; f < DNS_FAMILIES; f++) {
        struct place *place = &places[f];
        place_of(judge, &answers[f], standby->site, (enum dns_family)f, place);
        failed += place->kind == PLACE_FAILED || place->kind == PLACE_UNSEEN ? 1 : 0;
        right += place->kind == PLACE_SITE && place->site == standby->site ? 1 : 0;
        bool bad = place->kind == PLACE_MIXED || place->kind == PLACE_UNKNOWN ||
                   (place->kind == PLACE_SITE && place->site != standby->site);
        if (bad)
            wrong = place->words;
    }
    if (wrong != NULL) {
        *verdict = "leads elsewhere";
        dr_line_problem(line, DR_CRITICAL, "%s: leads to %s, not to %s", view->name, wrong,
                        judge->rules->sites.items[standby->site].name);
        dr_line_next(line, DR_CRITICAL, "correct the record of %s before it is needed",
                     standby->name);
    } else if (right == 0 && failed == 0) {
        judge->standby_missing = true;
        *verdict = *verdict != NULL ? *verdict : "is not there";
        dr_line_problem(line, DR_CRITICAL, "%s: is not there", view->name);
        dr_line_next(line, DR_CRITICAL,
                     "add %s now: a name that is made during the switch is "
                     "not seen by whoever asked before",
                     standby->name);
    } else {
        for (int f = 0; f < DNS_FAMILIES; f++)
            judge_standby_family(judge, view, &places[f], (enum dns_family)f, line);
        judge_standby_validity(view, answers, line, verdict);
        judge_standby_wildcard(judge, view, standby, answers, line);
    }
    return wrong != NULL || failed == 0;
}

static void judge_standby(struct judge *judge, size_t index)
{
    const struct dns_standby *standby = &judge->rules->standby[index];
    struct dr_line line = DR_LINE;
    const char *verdict = NULL;
    size_t told = 0;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (view->server && view->seen != NULL && view->seen->standby != NULL &&
            judge_standby_at(judge, view, index, &line, &verdict))
            told++;
    }
    if (told == 0)
        dr_line_problem(&line, DR_UNKNOWN, "no server says whether it is there");
    else if (line.state == DR_OK)
        dr_line_figure(&line, "is there and leads to %s on %zu servers",
                       judge->rules->sites.items[standby->site].name, told);
    if (verdict == NULL)
        verdict = line.state == DR_CRITICAL  ? "lacks addresses"
                  : line.state == DR_WARNING ? "may be there by a wildcard alone"
                                             : "is not known to be there";
    if (line.state != DR_OK)
        say(judge, line.state, "%s, the name to switch to, %s", standby->name, verdict);
    dr_line_end(&line, judge->result, standby->name);
}

void judge_standbys(struct judge *judge)
{
    for (size_t i = 0; judge->zone != NULL && i < judge->rules->standby_count; i++)
        judge_standby(judge, i);
}
