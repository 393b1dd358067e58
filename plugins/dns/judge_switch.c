/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A switch under way: when it began, how far it has come, until when a server may be behind.
 *
 *     servers    began + window                  (without --switch-window: the zone's SOA refresh)
 *     resolvers  began + window + the worst TTL before the switch
 *
 * Until then one may also go back: an address may be many caches, and a server several machines.
 * What a resolver still keeps says when it will ask again: that is the ETA. */
#include "plugins/dns/judge_parts.h"

#include <string.h>
#include <time.h>

/* The worst TTL of all that a view says; 0: none. */
static double worst_ttl(const struct view *view)
{
    double worst = 0;
    for (int f = 0; f < DNS_FAMILIES; f++) {
        if (view->places[f].ttl.known && view->places[f].ttl.value > worst)
            worst = view->places[f].ttl.value;
    }
    return worst;
}

/* Reads what each said at the last run, and writes down what it says now. *ttl: the worst TTL then;
 * where no servers are asked, what resolvers keep now counts as well, since it may be as old.
 * True where one of them led to another site. */
static bool recall(struct judge *judge, double *ttl)
{
    bool changed = false;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        for (int f = 0; f < DNS_FAMILIES; f++) {
            const struct place *place = &view->places[f];
            bool told = place->kind == PLACE_SITE;
            const struct dns_said now = {
                .known = told,
                .site = told ? dns_history_hash(site_name(judge, place->site)) : 0,
                .ttl = place->ttl.known ? place->ttl.value : 0,
                .at = judge->evidence->now};
            struct dns_said before =
                dns_history_said(judge->evidence->history, view->name, (enum dns_family)f, &now);
            if (before.known && (view->server || judge->servers == 0) && before.ttl > *ttl)
                *ttl = before.ttl;
            if (judge->servers == 0 && now.ttl > *ttl)
                *ttl = now.ttl;
            changed = changed || (told && before.known && before.site != now.site);
        }
    }
    return changed;
}

static double lag_of(const struct judge *judge)
{
    double refresh = 0;
    if (judge->rules->window.known)
        return judge->rules->window.value;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (view->seen != NULL && view->seen->soa.known && view->seen->soa.refresh > refresh)
            refresh = view->seen->soa.refresh;
    }
    return refresh;
}

static bool any_behind(const struct judge *judge)
{
    for (size_t i = 0; i < judge->view_count; i++) {
        if (judge->views[i].behind)
            return true;
    }
    return false;
}

/* A plan that has changed since the last run begins a switch, whoever answers at the moment;
 * without a plan a server that has changed, while others have not. */
static bool begins(const struct judge *judge, bool replanned, bool changed, bool under_way)
{
    if (judge->rules->expect != DNS_SITE_NONE)
        return replanned;
    return changed && !under_way && any_behind(judge);
}

/* One that is under way ends when nobody is behind, and the last time is over at which one that is
 * may be right. */
static void find_switch(struct judge *judge)
{
    struct dns_history *history = judge->evidence->history;
    double now = judge->evidence->now, ttl = 0;
    uint64_t before = 0;
    struct dr_opt_real since =
        dns_history_wanted(history, site_name(judge, judge->wanted), now, &before);
    struct dns_said under_way = dns_history_switch(history);
    bool changed = recall(judge, &ttl);
    bool replanned = since.known && since.value >= now && before != 0;
    if (begins(judge, replanned, changed, under_way.known))
        under_way =
            (struct dns_said){.known = true,
                              .site = dns_history_hash(site_name(judge, judge->wanted)),
                              .at = now,
                              .ttl = ttl > 0 || !judge->ttl_max.known ? ttl : judge->ttl_max.value};
    judge->began = under_way.at;
    judge->server_deadline = under_way.at + lag_of(judge);
    judge->resolver_deadline = judge->server_deadline + under_way.ttl;
    if (!any_behind(judge) && now >= judge->resolver_deadline)
        under_way.known = false;
    dns_history_set_switch(history, &under_way);
    judge->switching = under_way.known && any_behind(judge);
}

/* A resolver that cannot ask gives its old answer again, with a new TTL. */
static bool is_stale(const struct view *view)
{
    return view->seen->answers[DNS_V4].stale || view->seen->answers[DNS_V6].stale;
}

/* Those that are behind ask again when what they keep has run out; while a server is behind, they
 * may be told the old answer once more. */
static void find_eta(struct judge *judge)
{
    double eta = 0;
    bool server = false;
    if (judge->moved < judge->servers + judge->resolvers && !any_behind(judge))
        return; /* those that are missing are not on their way */
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!view->behind)
            continue;
        if (is_stale(view))
            return; /* nothing says when it can ask again */
        server = server || view->server;
        double left = view->server ? 0 : worst_ttl(view);
        eta = left > eta ? left : eta;
    }
    if (server && !judge->switching)
        return; /* nothing says when it will be told */
    if (server) {
        double left = judge->server_deadline - judge->evidence->now;
        double again = (left > 0 ? left : 0) + (judge->ttl_max.known ? judge->ttl_max.value : 0);
        eta = again > eta ? again : eta;
    }
    judge->eta = dr_real(eta);
}

void follow_switch(struct judge *judge)
{
    if (judge->evidence->history->open && judge->wanted != DNS_SITE_NONE)
        find_switch(judge);
    find_eta(judge);
}

enum dr_state behind_state(const struct judge *judge, const struct view *view)
{
    double deadline = view->server ? judge->server_deadline : judge->resolver_deadline;
    return judge->switching && judge->evidence->now < deadline ? DR_WARNING : DR_CRITICAL;
}

/* "14:32:10" on this host's clock. */
static void clock_words(double when, char words[16])
{
    time_t seconds = (time_t)when;
    struct tm parts;
    words[0] = '\0';
    if (localtime_r(&seconds, &parts) != NULL)
        strftime(words, 16, "%H:%M:%S", &parts);
}

void judge_switch(struct judge *judge)
{
    struct dr_line line = DR_LINE;
    char since[TIME_WORDS], left[TIME_WORDS], at[16];
    double now = judge->evidence->now;
    if (!judge->switching) {
        dr_line_drop(&line);
        return;
    }
    bool late = now >= judge->resolver_deadline;
    bool servers_late = now >= judge->server_deadline;
    enum dr_state state = late ? DR_CRITICAL : DR_WARNING;
    clock_words(judge->resolver_deadline, at);
    dr_line_problem(&line, state, "to %s since %s: %zu of %zu are there, deadline %s%s",
                    site_name(judge, judge->wanted),
                    time_words(now - judge->began, since, sizeof since), judge->moved,
                    judge->servers + judge->resolvers, at, late ? " has passed" : "");
    if (judge->eta.known)
        dr_line_figure(&line, "the last in %s at the earliest",
                       time_words(judge->eta.value, left, sizeof left));
    if (servers_late)
        dr_line_figure(&line, "servers should all have it by now");
    dr_line_next(&line, state,
                 late ? "flush the caches that are behind, or push the zone to the servers that are"
                      : "wait; flushing a cache that is behind is quicker than its TTL");
    dr_line_end(&line, judge->result, "switch");
}
