/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Would the DNS survive the disaster: servers that are left, how long the zone lives without its
 * primary, and its signatures without their signer. */
#include "plugins/dns/judge_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Signers renew a signature well before that: less is left where nobody signs any more. */
#define SIGNED_SHARE 0.1 /* of its life, but at most ... */
#define SIGNED_LEAST (3 * 86400.0)

static bool has_signature(const struct dns_view *seen)
{
    return seen->signed_for.known;
}

static bool is_lost(const struct dns_rules *rules, const struct dns_address *address)
{
    for (size_t i = 0; i < rules->lost_count; i++) {
        if (dns_network_has(&rules->lost[i], address))
            return true;
    }
    return false;
}

static bool is_of_server(const struct view *view, const struct view *of)
{
    return view->server && view->seen != NULL && view->judged &&
           (view == of || (view->seen->server != NULL && of->seen->server != NULL &&
                           strcmp(view->seen->server, of->seen->server) == 0));
}

/* What stays of the server that this is the first address of. *gone: all of it is in the lost
 * networks. */
static bool is_left(const struct judge *judge, const struct view *of, bool *gone)
{
    bool left = false;
    *gone = true;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!is_of_server(view, of))
            continue;
        bool lost = is_lost(judge->rules, &view->seen->address);
        left = left || (view->serves && !lost);
        *gone = *gone && lost;
    }
    return left;
}

static bool is_first_address(const struct judge *judge, const struct view *of)
{
    const struct view *first = judge->views;
    while (first < of && !is_of_server(first, of))
        first++;
    return first == of && is_of_server(of, of);
}

/* A server with several addresses goes with the machine: it counts once. */
static void judge_lost(struct judge *judge, struct dr_line *line)
{
    const struct dr_threshold *threshold = &judge->rules->thresholds[DNS_NS_LEFT];
    size_t left = 0, gone = 0;
    char names[160] = "";
    if (judge->rules->lost_count == 0)
        return;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        bool all_gone = false;
        if (!is_first_address(judge, view))
            continue;
        if (is_left(judge, view, &all_gone)) {
            snprintf(names, sizeof names, "%s",
                     view->seen->server != NULL ? view->seen->server : view->name);
            left++;
        }
        gone += all_gone ? 1 : 0;
    }
    enum dr_state state = dr_threshold_judge(threshold, (double)left);
    dr_result_figure(judge->result, NULL, &dns_metrics[DNS_NS_LEFT], (double)left, threshold);
    if (state == DR_OK) {
        dr_line_figure(line, "%zu name servers are left without the lost networks, %zu go", left,
                       gone);
        return;
    }
    if (left == 0)
        dr_line_problem(line, state, "no name server is left without the lost networks");
    else
        dr_line_problem(line, state, "only %s is left without the lost networks", names);
    dr_line_next(line, state, "add a name server in another network");
}

static void judge_expire(struct judge *judge, struct dr_line *line)
{
    const struct view *least = NULL;
    char words[TIME_WORDS];
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (view->server && view->seen != NULL && view->seen->soa.known &&
            (least == NULL || view->seen->soa.expire < least->seen->soa.expire))
            least = view;
    }
    if (least == NULL) {
        if (judge->rules->limited[DNS_SOA_EXPIRE])
            dr_line_problem(line, DR_UNKNOWN, "when the zone expires on secondaries is not known");
        return;
    }
    if (judge->rules->limited[DNS_SOA_EXPIRE])
        judge_untold(judge, has_soa, "when the zone expires on it", line);
    double expire = least->seen->soa.expire;
    const struct dr_threshold *threshold = &judge->rules->thresholds[DNS_SOA_EXPIRE];
    dr_result_figure(judge->result, NULL, &dns_metrics[DNS_SOA_EXPIRE], expire, threshold);
    enum dr_state state = dr_line_judge(line, &dns_metrics[DNS_SOA_EXPIRE], threshold, expire,
                                        "without its primary the zone lives for");
    if (state != DR_OK)
        dr_line_next(line, state, "raise the expire of the zone's SOA record");
    if (state == DR_OK && judge->rules->limited[DNS_SOA_EXPIRE])
        dr_line_figure(line, "without its primary the zone lives for %s",
                       time_words(expire, words, sizeof words));
}

static bool is_invalid(const struct view *view)
{
    return view->seen->answers[DNS_V4].validity == DNS_INVALID ||
           view->seen->answers[DNS_V6].validity == DNS_INVALID;
}

static void judge_one_signature(struct judge *judge, const struct view *view, struct dr_line *line)
{
    const struct dr_threshold *threshold = &judge->rules->thresholds[DNS_SIGNED_FOR];
    double left = view->seen->signed_for.value;
    char words[TIME_WORDS], whole[TIME_WORDS];
    if (left <= 0) {
        dr_line_problem(line, DR_CRITICAL, "a signature on %s has expired %s ago", view->name,
                        time_words(-left, words, sizeof words));
        dr_line_next(line, DR_CRITICAL, "sign the zone, and look at its transfer to %s",
                     view->name);
        return;
    }
    enum dr_state state = dr_line_judge(line, &dns_metrics[DNS_SIGNED_FOR], threshold, left,
                                        "the signatures hold for");
    double life = view->seen->signed_life.known ? view->seen->signed_life.value : 0;
    double least = SIGNED_SHARE * life < SIGNED_LEAST ? SIGNED_SHARE * life : SIGNED_LEAST;
    if (!judge->rules->limited[DNS_SIGNED_FOR] && left < least) {
        state = DR_WARNING;
        dr_line_problem(line, state,
                        "the signatures on %s hold for %s more, of %s: nobody renews "
                        "them",
                        view->name, time_words(left, words, sizeof words),
                        time_words(life, whole, sizeof whole));
    }
    if (state != DR_OK)
        dr_line_next(line, state, "look whether the zone is still signed again, and reaches %s",
                     view->name);
    else if (!is_invalid(view)) /* one that holds for long may not hold yet */
        dr_line_figure(line, "the signatures hold for %s", time_words(left, words, sizeof words));
}

/* More is left of a signature than it lives: whoever validates does not take it yet. Where we have
 * validated, that has been said. */
static double begins_in(const struct view *view)
{
    const struct dns_view *seen = view->seen;
    if (!view->server || seen == NULL || !seen->signed_for.known || !seen->signed_life.known ||
        seen->answers[DNS_V4].validity != DNS_NOT_VALIDATED ||
        seen->answers[DNS_V6].validity != DNS_NOT_VALIDATED)
        return 0;
    return seen->signed_for.value - seen->signed_life.value;
}

static void judge_begin(struct judge *judge, struct dr_line *line)
{
    const struct view *last = NULL;
    char words[TIME_WORDS];
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (begins_in(view) > (last != NULL ? begins_in(last) : 0))
            last = view;
    }
    if (last == NULL)
        return;
    dr_line_problem(line, DR_CRITICAL, "a signature on %s begins in %s only", last->name,
                    time_words(begins_in(last), words, sizeof words));
    dr_line_next(line, DR_CRITICAL,
                 "compare the clocks of the signer and of this host: resolvers that validate "
                 "answer SERVFAIL until then");
}

/* The server whose first signature expires soonest: a stale secondary is not hidden by the rest. */
static void judge_signatures(struct judge *judge, struct dr_line *line)
{
    const struct view *least = NULL;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (view->server && view->seen != NULL && view->seen->signed_for.known &&
            (least == NULL || view->seen->signed_for.value < least->seen->signed_for.value))
            least = view;
    }
    if (least == NULL) {
        if (judge->rules->limited[DNS_SIGNED_FOR]) {
            dr_line_problem(line, DR_UNKNOWN, "no server gives a signature");
            dr_line_next(line, DR_UNKNOWN, "sign the zone, or leave --signer-restore out");
        }
        return;
    }
    if (judge->rules->limited[DNS_SIGNED_FOR])
        judge_untold(judge, has_signature, "until when it is signed", line);
    dr_result_figure(judge->result, NULL, &dns_metrics[DNS_SIGNED_FOR],
                     least->seen->signed_for.value, &judge->rules->thresholds[DNS_SIGNED_FOR]);
    judge_one_signature(judge, least, line);
}

void judge_survival(struct judge *judge)
{
    struct dr_line line = DR_LINE;
    judge_lost(judge, &line);
    judge_expire(judge, &line);
    judge_begin(judge, &line);
    judge_signatures(judge, &line);
    if (line.state != DR_OK)
        say(judge, line.state, "%s", dr_buffer_text(&line.problems));
    if (line.state != DR_OK || line.figures.size > 0)
        dr_line_end(&line, judge->result, "survival");
    else
        dr_line_drop(&line);
}
