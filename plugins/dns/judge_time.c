/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a switch would take:
 *
 *     lead time (detection, decision, publishing)
 *     + the longest that anybody may keep what must change: the worst TTL of the chain; with
 *       --redelegate that of the NS records, the parent's, too; where a name must first be made,
 *       how long "there is none" is kept
 *
 * TTLs are those that authoritative servers give, since a resolver's is what is left of one: unless
 * it is more than theirs. Whoever asks that resolver waits for so long. */
#include "plugins/dns/judge_parts.h"

#include <stdio.h>

static void raise_to(struct judge *judge, double ttl, const char *what, const char *server)
{
    if (judge->ttl_max.known && judge->ttl_max.value >= ttl)
        return;
    judge->ttl_max = dr_real(ttl);
    snprintf(judge->ttl_of, sizeof judge->ttl_of, "%s%s%s", what, *server != '\0' ? " on " : "",
             server);
}

static void read_view(struct judge *judge, const struct view *view)
{
    for (int f = 0; f < DNS_FAMILIES; f++) {
        const struct place *place = &view->places[f];
        if (!place->ttl.known)
            continue;
        raise_to(judge, place->ttl.value, place->slowest, view->name);
        if (!judge->ttl_min.known || place->answer->ttl < judge->ttl_min.value)
            judge->ttl_min =
                dr_real(place->answer->address_count > 0 ? place->answer->ttl : place->ttl.value);
    }
    if (view->seen->soa.known) {
        const struct dns_soa *soa = &view->seen->soa;
        double negative = soa->ttl < soa->minimum ? soa->ttl : soa->minimum;
        if (!judge->negative.known || negative > judge->negative.value)
            judge->negative = dr_real(negative);
    }
}

static void read_redelegation(struct judge *judge)
{
    const struct dns_delegation *delegation = &judge->zone->delegation;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (view->server && view->seen != NULL && view->seen->servers.known)
            raise_to(judge, view->seen->servers.ttl, "the NS records", view->name);
    }
    if (delegation->servers.known)
        raise_to(judge, delegation->servers.ttl, "the NS records in the parent zone", "");
}

void gather_times(struct judge *judge)
{
    for (size_t i = 0; i < judge->view_count; i++) {
        if (judge->views[i].server && judge->views[i].seen != NULL)
            read_view(judge, &judge->views[i]);
    }
    if (judge->rules->redelegate && judge->zone != NULL)
        read_redelegation(judge);
}

static void add_figure(struct judge *judge, enum dns_metric metric, struct dr_opt_real value)
{
    if (value.known)
        dr_result_figure(judge->result, NULL, &dns_metrics[metric], value.value,
                         &judge->rules->thresholds[metric]);
}

/* A limit is only kept where the figure is known. */
static void judge_metric(struct judge *judge, enum dns_metric metric, struct dr_opt_real value,
                         const char *words, struct dr_line *line)
{
    if (value.known)
        dr_line_judge(line, &dns_metrics[metric], &judge->rules->thresholds[metric], value.value,
                      words);
    else if (judge->rules->limited[metric])
        dr_line_problem(line, DR_UNKNOWN, "%s is not known", words);
}

/* What somebody keeps for longer than the zone says. */
static void find_longest(struct judge *judge)
{
    judge->longest = judge->ttl_max;
    snprintf(judge->longest_of, sizeof judge->longest_of, "TTL of %s", judge->ttl_of);
    for (size_t i = 0; judge->ttl_max.known && i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        for (int f = 0; !view->server && f < DNS_FAMILIES; f++) {
            const struct place *place = &view->places[f];
            if (!view->moved || !place->ttl.known || place->ttl.value <= judge->longest.value)
                continue;
            judge->longest = place->ttl;
            judge->cached_by = view->name;
            snprintf(judge->longest_of, sizeof judge->longest_of, "in the cache of %s", view->name);
        }
    }
    if (judge->standby_missing && judge->negative.known && judge->longest.known &&
        judge->negative.value > judge->longest.value) {
        judge->longest = judge->negative;
        judge->cached_by = NULL;
        snprintf(judge->longest_of, sizeof judge->longest_of,
                 "\"there is none\" of a name to switch to");
    }
}

static struct dr_opt_real switch_time(const struct judge *judge)
{
    if (!judge->longest.known)
        return (struct dr_opt_real){.known = false};
    return dr_real(judge->rules->lead_time + judge->longest.value);
}

static void judge_rto(struct judge *judge, struct dr_opt_real total, struct dr_line *line)
{
    const struct dr_threshold *threshold = &judge->rules->thresholds[DNS_SWITCH_TIME];
    char whole[TIME_WORDS], longest[TIME_WORDS], lead[TIME_WORDS], rto[TIME_WORDS];
    if (!total.known) {
        if (judge->rules->limited[DNS_SWITCH_TIME])
            dr_line_problem(line, DR_UNKNOWN, "how long a switch would take is not known");
        return;
    }
    enum dr_state state =
        dr_line_judge(line, &dns_metrics[DNS_SWITCH_TIME], threshold, total.value, "would take");
    time_words(total.value, whole, sizeof whole);
    time_words(judge->longest.value, longest, sizeof longest);
    if (state == DR_OK)
        dr_line_figure(line, "would take %s", whole);
    if (judge->rules->lead_time > 0)
        dr_line_figure(line, "%s before the DNS is changed",
                       time_words(judge->rules->lead_time, lead, sizeof lead));
    dr_line_figure(line, "%s: %s", longest, judge->longest_of);
    if (state != DR_OK && judge->cached_by != NULL)
        dr_line_next(line, state,
                     "lower the least TTL that %s keeps (cache-min-ttl); if the zone's TTL was "
                     "lowered lately, wait",
                     judge->cached_by);
    else if (state != DR_OK)
        dr_line_next(line, state,
                     "lower the TTL of %s now: it counts from when the old one has run out",
                     judge->ttl_of);
    if (state != DR_OK && judge->rules->rto.known)
        say(judge, state, "a switch would take %s, the RTO is %s: %s, %s", whole,
            time_words(judge->rules->rto.value, rto, sizeof rto), longest, judge->longest_of);
}

void judge_time(struct judge *judge)
{
    struct dr_line line = DR_LINE;
    find_longest(judge);
    struct dr_opt_real total = switch_time(judge);
    judge_rto(judge, total, &line);
    judge_metric(judge, DNS_TTL_MAX, judge->ttl_max, "TTL", &line);
    judge_metric(judge, DNS_TTL_MIN, judge->ttl_min, "the least TTL", &line);
    judge_metric(judge, DNS_NEGATIVE_TTL, judge->negative, "\"there is none\" is kept for", &line);
    add_figure(judge, DNS_TTL_MAX, judge->ttl_max);
    add_figure(judge, DNS_SWITCH_TIME, total);
    add_figure(judge, DNS_TTL_MIN, judge->ttl_min);
    add_figure(judge, DNS_NEGATIVE_TTL, judge->negative);
    if (line.state == DR_OK && !total.known)
        dr_line_drop(&line);
    else
        dr_line_end(&line, judge->result, "time");
}
