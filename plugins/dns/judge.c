/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/judge_parts.h"

#include "common/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct dr_metric dns_metrics[DNS_METRICS] = {
    [DNS_TTL_MAX] = {"ttl_max", DR_UNIT_SECONDS,
                     "the longest that anybody may keep an answer: the worst TTL of the chain, as "
                     "the authoritative servers give it"},
    [DNS_SWITCH_TIME] = {"switch_time", DR_UNIT_SECONDS,
                         "until the last one is there: --lead-time and the worst TTL (--rto)"},
    [DNS_TTL_MIN] = {"ttl_min", DR_UNIT_SECONDS,
                     "the least TTL of the addresses: one that was lowered for a drill"},
    [DNS_TTL] = {"ttl", DR_UNIT_SECONDS,
                 "worst TTL of a server's answer; of a resolver what is left of it"},
    [DNS_TIME] = {"response_time", DR_UNIT_SECONDS, "until a server's reply was there"},
    [DNS_SITE] = {"site", DR_UNIT_NONE,
                  "where a server sends people: the place of the site among the --site options, "
                  "from 1; 0: none, or several"},
    [DNS_MOVED] = {"moved", DR_UNIT_NONE, "servers and resolvers that lead to the wanted site"},
    [DNS_SERVERS] = {"servers", DR_UNIT_NONE, "servers and resolvers that were asked"},
    [DNS_ETA] =
        {"eta", DR_UNIT_SECONDS,
         "until the last leads to the wanted site, as far as TTLs and --switch-window tell"},
    [DNS_SIGNED_FOR] = {"rrsig_min", DR_UNIT_SECONDS,
                        "until the first signature of any server expires (--signer-restore)"},
    [DNS_SOA_EXPIRE] = {"soa_expire", DR_UNIT_SECONDS,
                        "how long secondaries serve without their primary, least of all servers "
                        "(--outage)"},
    [DNS_SERIAL_LAG] = {"serial_lag", DR_UNIT_NONE,
                        "how many serials the last server is behind the newest (RFC 1982)"},
    [DNS_NS_LEFT] = {"ns_left", DR_UNIT_NONE,
                     "name servers that serve and have an address outside the --lost networks"},
    [DNS_NEGATIVE_TTL] = {"negative_ttl", DR_UNIT_SECONDS,
                          "how long \"there is no such name\" is kept (RFC 2308)"},
};

const char *site_name(const struct judge *judge, size_t site)
{
    return site == DNS_SITE_NONE ? "no site" : judge->rules->sites.items[site].name;
}

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

const char *time_words(double seconds, char *words, size_t size)
{
    char number[DR_UNIT_TEXT];
    if (!(seconds < 1) || seconds <= 0)
        return dr_unit_format(DR_UNIT_SECONDS, seconds, words, size);
    snprintf(words, size, "%s ms",
             dr_number_round(seconds * 1000, seconds < 0.1 ? 1 : 0, number, sizeof number));
    return words;
}

/* ---- what was seen ---- */

static void add_views(struct judge *judge, const struct dns_asked *asked)
{
    size_t count = asked->answered ? asked->facts->view_count : 0;
    bool *gone = find_gone(asked->answered ? asked->facts : NULL);
    for (size_t i = 0; i < count; i++) {
        const struct dns_view *seen = &asked->facts->views[i];
        if (gone == NULL || gone[i]) {
            if (gone != NULL)
                dns_history_forget_server(judge->evidence->history, seen);
            continue;
        }
        judge->views[judge->view_count++] =
            (struct view){.asked = asked, .seen = seen, .server = asked->zone, .name = seen->label};
    }
    judge->result->out_of_memory = judge->result->out_of_memory || gone == NULL;
    free(gone);
    if (count == 0)
        judge->views[judge->view_count++] =
            (struct view){.asked = asked, .server = asked->zone, .name = asked->label};
}

static bool gather_views(struct judge *judge)
{
    const struct dns_evidence *evidence = judge->evidence;
    size_t most = 0;
    for (size_t i = 0; i < evidence->count; i++) {
        const struct dns_asked *asked = &evidence->asked[i];
        most += asked->answered && asked->facts->view_count > 0 ? asked->facts->view_count : 1;
        if (asked->answered && asked->facts->no_memory)
            judge->result->out_of_memory = true;
        if (asked->zone && asked->answered)
            judge->zone = asked->facts;
    }
    judge->views = calloc(most + 1, sizeof *judge->views);
    for (size_t i = 0; judge->views != NULL && i < evidence->count; i++)
        add_views(judge, &evidence->asked[i]);
    return judge->views != NULL;
}

/* It did not serve us, but nothing that came of it says that it serves nobody. */
static bool is_unseen(const struct view *view)
{
    if (view->seen == NULL || view->serves)
        return false;
    for (int f = 0; f < DNS_FAMILIES; f++) {
        const struct place *place = &view->places[f];
        if (place->kind == PLACE_FAILED &&
            dns_meanings[place->answer->outcome].weight != WEIGHT_NOT_SEEN)
            return false;
    }
    return true;
}

static void count(struct judge *judge)
{
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!view->judged) {
            judge->no_route += view->server ? 1 : 0;
            continue;
        }
        judge->servers += view->server ? 1 : 0;
        judge->resolvers += view->server ? 0 : 1;
        judge->serving += view->server && view->serves ? 1 : 0;
        judge->unseen += view->server && is_unseen(view) ? 1 : 0;
        judge->moved += view->moved ? 1 : 0;
    }
}

/* ---- the first line ---- */

/* Counts the views that `is` true for, and names the first. */
static size_t find_views(const struct judge *judge, bool (*is)(const struct view *),
                         const struct view **first)
{
    size_t found = 0;
    for (size_t i = 0; i < judge->view_count; i++) {
        if (!is(&judge->views[i]))
            continue;
        if (found++ == 0)
            *first = &judge->views[i];
    }
    return found;
}

static bool is_fatal(const struct view *view)
{
    return view->fatal;
}

static bool is_split(const struct view *view)
{
    const struct place *v4 = &view->places[DNS_V4], *v6 = &view->places[DNS_V6];
    return v4->kind == PLACE_SITE && v6->kind == PLACE_SITE && v4->site != v6->site;
}

static bool is_behind(const struct view *view)
{
    return view->behind;
}

static bool is_failed_server(const struct view *view)
{
    return view->server && view->judged && !view->serves;
}

static bool is_failed_resolver(const struct view *view)
{
    return !view->server && !view->serves;
}

static const char *worst_words(const struct view *view)
{
    for (int f = 0; f < DNS_FAMILIES; f++) {
        enum place_kind kind = view->places[f].kind;
        if (kind != PLACE_SITE && kind != PLACE_NONE && kind != PLACE_UNASKED)
            return view->places[f].words;
    }
    return view->seen == NULL ? view->asked->error->text : "no address";
}

static void say_fatal(struct judge *judge)
{
    const struct view *first = NULL;
    size_t found = find_views(judge, is_fatal, &first);
    char more[40] = "";
    bool mixed = false, astray = false;
    if (found == 0)
        return;
    if (found > 1)
        snprintf(more, sizeof more, " (and %zu more)", found - 1);
    for (int f = 0; f < DNS_FAMILIES; f++) {
        mixed = mixed || first->places[f].kind == PLACE_MIXED;
        astray = astray || first->places[f].kind == PLACE_UNKNOWN;
    }
    say(judge, DR_CRITICAL, "%s %s %s: %s%s", first->name,
        mixed    ? "mixes sites for"
        : astray ? "sends people astray from"
                 : "sends nobody to",
        judge->rules->name, worst_words(first), more);
}

static void say_split(struct judge *judge)
{
    const struct view *first = NULL;
    size_t found = find_views(judge, is_split, &first);
    if (found == 0)
        return;
    say(judge, behind_state(judge, first),
        "%s is split: A leads to %s, AAAA to %s (%zu of %zu: %s)", judge->rules->name,
        site_name(judge, first->places[DNS_V4].site), site_name(judge, first->places[DNS_V6].site),
        found, judge->servers + judge->resolvers, first->name);
}

static size_t site_behind(const struct judge *judge, const struct view *view)
{
    for (int f = 0; f < DNS_FAMILIES; f++) {
        if (view->places[f].kind == PLACE_SITE && view->places[f].site != judge->wanted)
            return view->places[f].site;
    }
    return DNS_SITE_NONE;
}

static void say_switch(struct judge *judge, const struct view *first, enum dr_state state)
{
    char since[TIME_WORDS], eta[TIME_WORDS], left[TIME_WORDS];
    double now = judge->evidence->now;
    time_words(now - judge->began, since, sizeof since);
    if (state == DR_CRITICAL) {
        say(judge, state,
            "%zu of %zu lead to %s %s after the switch began, past its deadline: "
            "%s still leads to %s",
            judge->moved, judge->servers + judge->resolvers, site_name(judge, judge->wanted), since,
            first->name, site_name(judge, site_behind(judge, first)));
        return;
    }
    time_words(judge->eta.value, eta, sizeof eta);
    time_words(judge->resolver_deadline - now, left, sizeof left);
    say(judge, state, "%zu of %zu lead to %s, %s%s (deadline in %s): %s still leads to %s",
        judge->moved, judge->servers + judge->resolvers, site_name(judge, judge->wanted),
        judge->eta.known ? "the last in " : "no end in sight", judge->eta.known ? eta : "", left,
        first->name, site_name(judge, site_behind(judge, first)));
}

static bool worst_behind(const struct judge *judge, const struct view **worst)
{
    *worst = NULL;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (is_behind(view) && (*worst == NULL || dr_state_is_worse(behind_state(judge, view),
                                                                    behind_state(judge, *worst))))
            *worst = view;
    }
    return *worst != NULL;
}

static void say_behind(struct judge *judge)
{
    const struct view *worst = NULL, *first = NULL;
    size_t found = find_views(judge, is_behind, &first);
    if (!worst_behind(judge, &worst))
        return;
    if (judge->switching) {
        say_switch(judge, worst, behind_state(judge, worst));
        return;
    }
    if (judge->rules->expect == DNS_SITE_NONE)
        say(judge, DR_CRITICAL, "servers disagree about %s: %zu of %zu lead to %s, %s to %s",
            judge->rules->name, judge->moved, judge->servers + judge->resolvers,
            site_name(judge, judge->wanted), first->name,
            site_name(judge, site_behind(judge, first)));
    else
        say(judge, DR_CRITICAL, "%zu of %zu send %s to %s, not %s: %s%s", found,
            judge->servers + judge->resolvers, judge->rules->name,
            site_name(judge, site_behind(judge, first)), site_name(judge, judge->wanted),
            first->name, found > 1 ? ", ..." : "");
}

static double least_servers(const struct judge *judge)
{
    return judge->rules->least_servers.known ? (double)judge->rules->least_servers.value : 1;
}

/* Of too few servers that serve: those that could not be seen may be enough. */
static enum dr_state quorum_state(const struct judge *judge)
{
    bool known = (double)(judge->serving + judge->unseen) < least_servers(judge);
    return judge->servers > 0 && known ? DR_CRITICAL : DR_UNKNOWN;
}

static void say_failed_servers(struct judge *judge)
{
    const struct view *first = NULL;
    size_t failed = find_views(judge, is_failed_server, &first);
    double least = least_servers(judge);
    if (failed == 0)
        return;
    if (first->seen == NULL)
        say(judge, DR_UNKNOWN, "%s", worst_words(first));
    else if ((double)judge->serving < least)
        say(judge, quorum_state(judge),
            "%zu of %zu name servers serve %s, at least %.0f must: %s: %s", judge->serving,
            judge->servers, judge->rules->name, least, first->name, worst_words(first));
    else
        say(judge, failed_state(judge, first), "%zu of %zu name servers do not serve %s: %s: %s",
            failed, judge->servers, judge->rules->name, first->name, worst_words(first));
}

static void say_failed_resolvers(struct judge *judge)
{
    const struct view *first = NULL;
    size_t failed = find_views(judge, is_failed_resolver, &first);
    if (failed == 0)
        return;
    if (first->seen == NULL)
        say(judge, failed_state(judge, first), "%s: %s", first->name, worst_words(first));
    else
        say(judge, failed_state(judge, first), "%zu of %zu resolvers do not tell: %s: %s", failed,
            judge->resolvers, first->name, worst_words(first));
}

/* What to do about a server that fails; NULL: nothing is known of it. */
static const char *next_of(const struct view *view)
{
    for (int f = 0; view->seen != NULL && f < DNS_FAMILIES; f++) {
        if (view->places[f].kind == PLACE_FAILED)
            return dns_meanings[view->places[f].answer->outcome].next;
    }
    return NULL;
}

/* Too few of them: the lines of those that fail are warnings alone. */
static void judge_quorum(struct judge *judge)
{
    double least = least_servers(judge);
    if (judge->zone == NULL || (double)judge->serving >= least)
        return;
    struct dr_finding *finding =
        dr_result_add(judge->result, quorum_state(judge), "servers",
                      judge->servers == 0 ? "no name server could be asked from here"
                                          : "%zu of %zu serve, at least %.0f must",
                      judge->serving, judge->servers, least);
    const struct view *first = NULL;
    const char *next = find_views(judge, is_failed_server, &first) > 0 ? next_of(first) : NULL;
    dr_finding_next(finding, "%s", next != NULL ? next : "look at the lines of the servers");
}

/* ---- the lists of addresses ---- */

#define HIDDEN "does not show in the DNS"

/* How old a list is, and that a provider stands before the site: an answer leads to the provider
 * alone then. */
static void judge_lists(struct judge *judge)
{
    for (size_t i = 0; i < judge->rules->sites.count; i++) {
        const struct dns_site *site = &judge->rules->sites.items[i];
        struct dr_line line = DR_LINE;
        if (site->as_of == NULL && !site->hides) {
            dr_line_drop(&line);
            continue;
        }
        if (site->as_of != NULL)
            dr_line_figure(&line, "list as of %s", site->as_of);
        if (site->hides)
            dr_line_figure(&line, "what is behind these addresses " HIDDEN);
        dr_line_end(&line, judge->result, site->name);
    }
}

/* ---- all is right ---- */

static const char *hidden(const struct judge *judge)
{
    bool hides = judge->wanted != DNS_SITE_NONE && judge->rules->sites.items[judge->wanted].hides;
    return hides ? " (what is behind it " HIDDEN ")" : "";
}

/* Those who could not be asked are said. */
static const char *left_out(const struct judge *judge, char *words, size_t size)
{
    words[0] = '\0';
    if (judge->no_route > 0)
        snprintf(words, size, " (%zu address%s not asked: no way there from this host)",
                 judge->no_route, judge->no_route == 1 ? "" : "es");
    return words;
}

static void say_right(struct judge *judge)
{
    char who[120] = "", left[100], ttl[TIME_WORDS];
    char with[200] = "";
    if (judge->servers > 0)
        snprintf(who, sizeof who, "%zu name server%s%s", judge->servers,
                 judge->servers == 1 ? "" : "s", judge->resolvers > 0 ? " and " : "");
    if (judge->resolvers > 0)
        snprintf(who + strlen(who), sizeof who - strlen(who), "%zu resolver%s", judge->resolvers,
                 judge->resolvers == 1 ? "" : "s");
    if (judge->longest.known)
        snprintf(with, sizeof with, "; a switch would take %s%s",
                 time_words(judge->rules->lead_time + judge->longest.value, ttl, sizeof ttl),
                 judge->rules->rto.known ? " (RTO kept)" : "");
    bool one = judge->servers + judge->resolvers == 1;
    say(judge, DR_OK, "%s leads to %s on %s%s%s%s%s", judge->rules->name,
        site_name(judge, judge->wanted), one ? "the " : "all ", one && *who == '1' ? who + 2 : who,
        left_out(judge, left, sizeof left), hidden(judge), with);
}

static void add_counts(struct judge *judge)
{
    const struct dr_threshold *thresholds = judge->rules->thresholds;
    dr_result_figure(judge->result, NULL, &dns_metrics[DNS_MOVED], (double)judge->moved,
                     &thresholds[DNS_MOVED]);
    dr_result_figure(judge->result, NULL, &dns_metrics[DNS_SERVERS],
                     (double)(judge->servers + judge->resolvers), &thresholds[DNS_SERVERS]);
    if (judge->eta.known)
        dr_result_figure(judge->result, NULL, &dns_metrics[DNS_ETA], judge->eta.value,
                         &thresholds[DNS_ETA]);
}

/* A limit on a figure of the whole. */
static void judge_counts(struct judge *judge)
{
    const struct {
        enum dns_metric metric;
        double value;
        bool known;
        const char *words;
    } figures[] = {
        {DNS_MOVED, (double)judge->moved, true, "at the wanted site:"},
        {DNS_SERVERS, (double)(judge->servers + judge->resolvers), true, "asked:"},
        {DNS_ETA, judge->eta.value, judge->eta.known, "the last will be there in"},
    };
    struct dr_line line = DR_LINE;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        if (figures[i].known)
            dr_line_judge(&line, &dns_metrics[figures[i].metric],
                          &judge->rules->thresholds[figures[i].metric], figures[i].value,
                          figures[i].words);
    }
    if (line.state == DR_OK) {
        dr_line_drop(&line);
        return;
    }
    say(judge, line.state, "%s", dr_buffer_text(&line.problems));
    dr_line_end(&line, judge->result, "servers");
}

static void remember_servers(struct judge *judge)
{
    for (size_t i = 0; judge->evidence->history->open && i < judge->view_count; i++) {
        if (judge->views[i].server && judge->views[i].seen != NULL)
            dns_history_keep_server(judge->evidence->history, judge->views[i].seen,
                                    judge->evidence->now);
    }
}

/* What is worse than all that was said so far, in the words of its own line. */
static void say_worst(struct judge *judge)
{
    const struct dr_finding *worst = NULL;
    for (size_t i = 0; i < judge->result->finding_count; i++) {
        const struct dr_finding *finding = &judge->result->findings[i];
        if (worst == NULL || dr_state_is_worse(finding->state, worst->state))
            worst = finding;
    }
    if (worst != NULL && worst->state != DR_OK)
        say(judge, worst->state, "%s%s%s", worst->subject != NULL ? worst->subject : "",
            worst->subject != NULL ? ": " : "", worst->text);
}

static void judge_all(struct judge *judge)
{
    for (size_t i = 0; i < judge->view_count; i++)
        place_answers(judge, &judge->views[i]);
    choose_wanted(judge);
    for (size_t i = 0; i < judge->view_count; i++)
        place_answers(judge, &judge->views[i]);
    count(judge);
    gather_times(judge);
    follow_switch(judge);
    say_fatal(judge);
    say_split(judge);
    say_behind(judge);
    say_failed_servers(judge);
    say_failed_resolvers(judge);
    judge_views(judge);
    judge_quorum(judge);
    judge_switch(judge);
    judge_standbys(judge);
    add_counts(judge);
    judge_time(judge);
    if (judge->zone != NULL) {
        judge_zone(judge);
        judge_survival(judge);
        remember_servers(judge);
    }
    judge_lists(judge);
    judge_counts(judge);
    say_worst(judge);
    if (judge->sentence.text[0] == '\0')
        say_right(judge);
}

void dns_judge(const struct dns_evidence *evidence, const struct dns_rules *rules,
               enum dr_state timeout_state, struct dr_result *result)
{
    struct judge judge = {.evidence = evidence,
                          .rules = rules,
                          .timeout_state = timeout_state,
                          .result = result,
                          .wanted = DNS_SITE_NONE};
    if (!gather_views(&judge)) {
        result->out_of_memory = true;
        return;
    }
    judge_all(&judge);
    dr_result_verdict(result, judge.sentence.state, "%s", judge.sentence.text);
    free(judge.views);
}
