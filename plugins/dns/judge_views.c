/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line of each server and of each resolver. */
#include "plugins/dns/judge_parts.h"

#include <stdio.h>
#include <string.h>

static const char *const family_names[DNS_FAMILIES] = {"A", "AAAA"};

static enum dr_state failure_state(const struct judge *judge, const struct view *view,
                                   const struct dns_answer *answer)
{
    const struct dns_meaning *meaning = &dns_meanings[answer->outcome];
    if (answer->outcome == DNS_SILENT && !view->server)
        return judge->timeout_state;
    return view->server ? meaning->server : meaning->resolver;
}

/* Whoever cannot learn who the servers are has seen nothing of them. */
enum dr_state failed_state(const struct judge *judge, const struct view *view)
{
    enum dr_state state = DR_OK;
    if (view->seen == NULL)
        return view->server ? DR_UNKNOWN
                            : dr_error_state(view->asked->error->class, judge->timeout_state);
    for (int f = 0; f < DNS_FAMILIES; f++) {
        if (view->places[f].kind == PLACE_FAILED)
            state = dr_state_worst(state, failure_state(judge, view, view->places[f].answer));
    }
    return state;
}

static void judge_failed(struct judge *judge, const struct view *view, const struct place *place,
                         const char *family, struct dr_line *line)
{
    enum dr_state state = failure_state(judge, view, place->answer);
    dr_line_problem(line, state, "%s%s%s", family, *family != '\0' ? ": " : "", place->words);
    if (dns_meanings[place->answer->outcome].next != NULL)
        dr_line_next(line, state, "%s", dns_meanings[place->answer->outcome].next);
}

/* Where both families lead to the same other site, that is one thing. */
static bool is_one_behind(const struct judge *judge, const struct view *view)
{
    const struct place *v4 = &view->places[DNS_V4], *v6 = &view->places[DNS_V6];
    return v4->kind == PLACE_SITE && v6->kind == PLACE_SITE && v4->site == v6->site &&
           v4->site != judge->wanted;
}

static void judge_behind(struct judge *judge, const struct view *view, int family,
                         const char *words, struct dr_line *line)
{
    const struct place *place = &view->places[family];
    const struct place *v6 = &view->places[DNS_V6];
    bool both = is_one_behind(judge, view) && strcmp(place->words, v6->words) != 0;
    char left[TIME_WORDS];
    enum dr_state state = behind_state(judge, view);
    if (is_one_behind(judge, view) && family == DNS_V6)
        return; /* said with the other */
    dr_line_problem(line, state, "%s%sleads to %s, not %s: %s%s%s", both ? "" : words,
                    *words != '\0' && !both ? " " : "", site_name(judge, place->site),
                    site_name(judge, judge->wanted), place->words, both ? ", " : "",
                    both ? v6->words : "");
    if (!view->server && place->ttl.known)
        dr_line_problem(line, state, "keeps that for %s more",
                        time_words(place->ttl.value, left, sizeof left));
    if (view->server)
        dr_line_next(line, state, "publish the change on %s (serial, NOTIFY, transfer)",
                     view->name);
    else
        dr_line_next(line, state, "flush %s from the cache of %s, or wait for its TTL",
                     judge->rules->name, view->name);
}

static bool passes(const struct place *place, const struct dns_name *via)
{
    const struct dns_answer *chains[] = {place->answer, place->tail};
    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; chains[c] != NULL && i < chains[c]->link_count; i++) {
            struct dns_name target;
            if (dns_name_read(chains[c]->links[i].target, &target, NULL) &&
                dns_name_equal(&target, via))
                return true;
        }
    }
    return false;
}

static void judge_via(struct judge *judge, const struct place *place, const char *family,
                      struct dr_line *line)
{
    char words[DNS_NAME_TEXT];
    for (size_t i = 0; i < judge->rules->via_count; i++) {
        if (passes(place, &judge->rules->via[i]))
            continue;
        dr_line_problem(line, DR_CRITICAL, "%s%sdoes not pass %s", family,
                        *family != '\0' ? " " : "", dns_name_text(&judge->rules->via[i], words));
        dr_line_next(line, DR_CRITICAL, "point the CNAME to it, as the plan says");
    }
}

static bool has_address(const struct dns_answer *answer, const struct dns_address *address)
{
    for (size_t i = 0; i < answer->address_count; i++) {
        if (dns_address_equal(&answer->addresses[i], address))
            return true;
    }
    return false;
}

/* Every address that the wanted site lists, and no other (that is judged already). */
static void judge_exact(struct judge *judge, const struct place *place, int family,
                        struct dr_line *line)
{
    const struct dns_answer *answer = place->tail != NULL ? place->tail : place->answer;
    const struct dns_site *site = &judge->rules->sites.items[judge->wanted];
    char text[DNS_ADDRESS_TEXT];
    for (size_t i = 0; judge->rules->set == DNS_SET_EXACT && i < site->network_count; i++) {
        const struct dns_address *address = &site->networks[i].address;
        if (address->family != (family == DNS_V4 ? 4 : 6) || has_address(answer, address))
            continue;
        dr_line_problem(line, DR_CRITICAL, "lacks %s of %s", dns_address_text(address, text),
                        site->name);
        dr_line_next(line, DR_CRITICAL, "add the address, or take it out of --site");
    }
}

/* Of each type that there is. Where other addresses are there as well that is judged already; the
 * site of a name may be reached without any of its own. */
static void judge_least(struct judge *judge, const struct place *place, struct dr_line *line)
{
    const struct dns_answer *answer = place->tail != NULL ? place->tail : place->answer;
    size_t inside = count_inside(judge, answer, place->site);
    if (judge->rules->set != DNS_SET_MIN || inside >= judge->rules->least || inside == 0)
        return;
    dr_line_problem(line, DR_CRITICAL, "%zu of its addresses %s in %s, at least %u must", inside,
                    inside == 1 ? "lies" : "lie", site_name(judge, place->site),
                    judge->rules->least);
    dr_line_next(line, DR_CRITICAL, "add the addresses that are missing, or lower --set min=N");
}

static void judge_at_site(struct judge *judge, const struct view *view, int family,
                          const char *words, struct dr_line *line)
{
    const struct place *place = &view->places[family];
    if (judge->rules->forbidden[family]) {
        dr_line_problem(line, DR_WARNING, "has an %s record, which --type excludes: %s",
                        family_names[family], place->words);
        dr_line_next(line, DR_WARNING, "remove it, or name it in --type");
    }
    if (place->site != judge->wanted) {
        judge_behind(judge, view, family, words, line);
        return;
    }
    judge_via(judge, place, words, line);
    judge_exact(judge, place, family, line);
    judge_least(judge, place, line);
    dr_line_figure(line, "%s%s%s", words, *words != '\0' ? " " : "", place->words);
}

static bool are_alike(const struct view *view)
{
    const struct place *v4 = &view->places[DNS_V4], *v6 = &view->places[DNS_V6];
    return v4->kind == v6->kind && v4->site == v6->site && strcmp(v4->words, v6->words) == 0;
}

/* The family's name, where the other one has an answer that is not the same. */
static const char *family_words(const struct view *view, int family)
{
    enum place_kind other = view->places[family == DNS_V4 ? DNS_V6 : DNS_V4].kind;
    bool alone = other == PLACE_NONE || other == PLACE_UNASKED;
    return alone || are_alike(view) ? "" : family_names[family];
}

static void judge_place(struct judge *judge, const struct view *view, int family,
                        struct dr_line *line)
{
    const struct place *place = &view->places[family];
    const char *words = family_words(view, family);
    const char *between = *words != '\0' ? " " : "";
    switch (place->kind) {
    case PLACE_UNASKED:
        break;
    case PLACE_SITE:
        judge_at_site(judge, view, family, words, line);
        break;
    case PLACE_NONE:
        if (judge->rules->required[family]) {
            dr_line_problem(line, DR_CRITICAL, "no %s record", family_names[family]);
            dr_line_next(line, DR_CRITICAL, "add it, or leave it out of --type");
        } else if (view->moved && !judge->rules->forbidden[family])
            judge_exact(judge, place, family, line);
        break;
    case PLACE_MIXED:
        dr_line_problem(line, DR_CRITICAL, "%s%smixes sites: %s", words, between, place->words);
        dr_line_next(line, DR_CRITICAL, "take the addresses of the other site out of the record");
        break;
    case PLACE_UNKNOWN:
        dr_line_problem(line, DR_CRITICAL, "%s%sleads to %s", words, between, place->words);
        dr_line_next(line, DR_CRITICAL, "correct the record, or the list of --site");
        break;
    case PLACE_UNSEEN:
        dr_line_problem(line, DR_UNKNOWN, "%s%s%s", words, between, place->words);
        dr_line_next(line, DR_UNKNOWN,
                     "name a resolver that can be asked (--find-by), or that name in --site");
        break;
    case PLACE_NOWHERE:
        dr_line_problem(line, DR_CRITICAL, "%s%s%s", words, between, place->words);
        if (dns_meanings[place->answer->outcome].next != NULL)
            dr_line_next(line, DR_CRITICAL, "%s", dns_meanings[place->answer->outcome].next);
        break;
    case PLACE_FAILED:
        judge_failed(judge, view, place, words, line);
        break;
    }
}

static void judge_places(struct judge *judge, const struct view *view, struct dr_line *line)
{
    bool same = are_alike(view);
    bool none = view->places[DNS_V4].kind == PLACE_NONE && view->places[DNS_V6].kind == PLACE_NONE;
    for (int family = 0; family < DNS_FAMILIES; family++) {
        if (!(family == DNS_V6 && same))
            judge_place(judge, view, family, line);
    }
    if (!none || judge->rules->required[DNS_V4] || judge->rules->required[DNS_V6])
        return;
    const struct place *place = &view->places[DNS_V4];
    dr_line_problem(line, DR_CRITICAL, "no address%s%s", place->words[0] != '\0' ? ": " : "",
                    place->words);
    dr_line_next(line, DR_CRITICAL, "%s", dns_meanings[DNS_NODATA].next);
}

/* ---- what else an answer says ---- */

static void judge_stale(const struct view *view, struct dr_line *line)
{
    const struct dns_answer *answer = &view->seen->answers[DNS_V4];
    if (!answer->stale)
        answer = &view->seen->answers[DNS_V6];
    if (!answer->stale)
        return;
    dr_line_problem(line, DR_WARNING, "a stale answer%s%s: it cannot ask the zone's servers",
                    answer->words != NULL ? ", " : "", answer->words != NULL ? answer->words : "");
    dr_line_next(line, DR_WARNING, "look whether the zone's servers can be reached from %s",
                 view->name);
}

static void judge_edns(const struct view *view, const struct dns_answer *answer,
                       struct dr_line *line)
{
    if (!answer->no_edns)
        return;
    dr_line_problem(line, DR_WARNING, "answers without EDNS alone");
    dr_line_next(line, DR_WARNING,
                 "let %s and what stands before it speak EDNS (RFC 6891): large and signed answers "
                 "need it",
                 view->name);
}

static void judge_validity(const struct dns_answer *answer, struct dr_line *line)
{
    const char *words = answer->validity_words != NULL ? answer->validity_words : "";
    const char *between = *words != '\0' ? ": " : "";
    switch (answer->validity) {
    case DNS_NOT_VALIDATED:
        break;
    case DNS_SECURE:
        dr_line_figure(line, "DNSSEC holds%s%s%s", *words != '\0' ? " (" : "", words,
                       *words != '\0' ? ")" : "");
        break;
    case DNS_INSECURE:
        dr_line_problem(line, DR_WARNING, "not secured by DNSSEC%s%s", between, words);
        dr_line_next(line, DR_WARNING, "put the DS record into the parent zone, or drop --dnssec");
        break;
    case DNS_INVALID:
        dr_line_problem(line, DR_CRITICAL, "DNSSEC does not hold%s%s", between, words);
        dr_line_next(line, DR_CRITICAL, "resolvers that validate answer SERVFAIL: sign the zone");
        break;
    case DNS_INDETERMINATE:
        dr_line_problem(line, DR_UNKNOWN, "DNSSEC cannot be judged%s%s", between, words);
        break;
    }
}

bool same_addresses(const struct dns_answer *a, const struct dns_answer *b)
{
    for (size_t i = 0; i < a->address_count; i++) {
        if (!has_address(b, &a->addresses[i]))
            return false;
    }
    return a->address_count == b->address_count && a->address_count > 0;
}

static void judge_wildcard(struct judge *judge, const struct view *view, struct dr_line *line)
{
    bool proven = false, possible = false;
    for (int f = 0; f < DNS_FAMILIES; f++) {
        const struct dns_answer *answer = &view->seen->answers[f];
        proven = proven || answer->wildcard;
        possible = possible || (view->seen->random.outcome == DNS_FOUND &&
                                same_addresses(answer, &view->seen->random));
    }
    const char *words = proven ? "a wildcard answers, the name has no record of its own"
                               : "a wildcard would answer the same if the name were missing";
    enum dns_weight weight = dns_meanings[view->seen->random.outcome].weight;
    bool untold = weight == WEIGHT_FAILED || weight == WEIGHT_NOT_SEEN;
    if (!proven && untold && judge->rules->own_record && view->server && view->serves)
        dr_line_problem(line, DR_UNKNOWN, "whether a wildcard would answer is not known: %s",
                        dns_meanings[view->seen->random.outcome].words);
    if (!proven && !possible)
        return;
    if (!judge->rules->own_record) {
        dr_line_figure(line, "%s", words);
        return;
    }
    dr_line_problem(line, DR_WARNING, "%s", words);
    dr_line_next(line, DR_WARNING,
                 "give the name a record of its own: nothing would tell that it "
                 "is gone");
}

/* A cache that keeps an answer for longer than the zone says. */
static void judge_clamp(struct judge *judge, const struct view *view, struct dr_line *line)
{
    char here[TIME_WORDS], there[TIME_WORDS];
    double kept = 0;
    for (int f = 0; f < DNS_FAMILIES; f++)
        kept = view->places[f].ttl.known && view->places[f].ttl.value > kept
                   ? view->places[f].ttl.value
                   : kept;
    if (view->server || !view->moved || !judge->ttl_max.known || kept <= judge->ttl_max.value)
        return;
    bool slow = judge->rules->rto.known && judge->rules->lead_time + kept > judge->rules->rto.value;
    enum dr_state state = slow ? DR_WARNING : DR_OK;
    time_words(kept, here, sizeof here);
    time_words(judge->ttl_max.value, there, sizeof there);
    if (!slow) {
        dr_line_figure(line, "keeps it for %s, the zone says %s", here, there);
        return;
    }
    dr_line_problem(line, state, "keeps it for %s, the zone says %s", here, there);
    dr_line_next(line, state,
                 "a minimum TTL set on %s (cache-min-ttl), or the TTL was lowered "
                 "lately: then wait",
                 view->name);
}

/* ---- figures ---- */

static void add_figures(struct judge *judge, const struct view *view)
{
    const struct dr_threshold *thresholds = judge->rules->thresholds;
    struct dr_opt_real ttl = {.known = false};
    double slowest = 0, site = 0;
    for (int f = 0; f < DNS_FAMILIES; f++) {
        const struct place *place = &view->places[f];
        if (place->ttl.known && (!ttl.known || place->ttl.value > ttl.value))
            ttl = place->ttl;
        if (view->seen->answers[f].seconds > slowest)
            slowest = view->seen->answers[f].seconds;
        if (place->kind == PLACE_SITE && !view->fatal && (view->moved || view->behind))
            site = view->moved || site == 0 || site == (double)place->site + 1
                       ? (double)place->site + 1
                       : 0;
    }
    if (view->serves)
        dr_result_figure(judge->result, view->name, &dns_metrics[DNS_TIME], slowest,
                         &thresholds[DNS_TIME]);
    if (ttl.known)
        dr_result_figure(judge->result, view->name, &dns_metrics[DNS_TTL], ttl.value,
                         &thresholds[DNS_TTL]);
    if (view->serves && !view->untold) /* 0 is "none of the sites", not "not seen" */
        dr_result_figure(judge->result, view->name, &dns_metrics[DNS_SITE], site,
                         &thresholds[DNS_SITE]);
}

static void judge_limits(struct judge *judge, const struct view *view, struct dr_line *line)
{
    char words[TIME_WORDS];
    struct dr_opt_real ttl = {.known = false};
    double slowest = 0;
    for (int f = 0; f < DNS_FAMILIES; f++) {
        if (view->places[f].ttl.known && (!ttl.known || view->places[f].ttl.value > ttl.value))
            ttl = view->places[f].ttl;
        if (view->seen->answers[f].seconds > slowest)
            slowest = view->seen->answers[f].seconds;
    }
    if (ttl.known) {
        dr_line_judge(line, &dns_metrics[DNS_TTL], &judge->rules->thresholds[DNS_TTL], ttl.value,
                      "TTL");
        dr_line_figure(line, "TTL %s", time_words(ttl.value, words, sizeof words));
    }
    if (view->seen->soa.known)
        dr_line_figure(line, "serial %lu", (unsigned long)view->seen->soa.serial);
    if (!view->server && view->seen->answers[DNS_V4].nsid != NULL)
        dr_line_figure(line, "cache %s", view->seen->answers[DNS_V4].nsid);
    if (view->serves) {
        dr_line_judge(line, &dns_metrics[DNS_TIME], &judge->rules->thresholds[DNS_TIME], slowest,
                      "reply after");
        dr_line_figure(line, "%s", time_words(slowest, words, sizeof words));
    }
}

static void judge_details(struct judge *judge, const struct view *view, struct dr_line *line)
{
    const struct dns_answer *shown = NULL;
    for (int f = DNS_FAMILIES; f-- > 0;) {
        if (view->places[f].kind != PLACE_UNASKED && view->places[f].kind != PLACE_FAILED)
            shown = &view->seen->answers[f];
    }
    if (shown == NULL)
        return;
    const struct dns_answer *worst = shown;
    for (int f = 0; f < DNS_FAMILIES; f++) {
        const struct dns_answer *answer = &view->seen->answers[f];
        if (answer->validity == DNS_INVALID ||
            (answer->validity == DNS_INDETERMINATE && worst->validity != DNS_INVALID) ||
            (worst->validity == DNS_SECURE && answer->validity_words != NULL))
            worst = answer;
    }
    judge_stale(view, line);
    judge_edns(view, shown, line);
    judge_validity(worst, line);
    judge_wildcard(judge, view, line);
    judge_clamp(judge, view, line);
}

static void judge_view(struct judge *judge, const struct view *view)
{
    struct dr_line line = DR_LINE;
    if (view->seen == NULL) {
        dr_line_problem(&line, failed_state(judge, view), "%s", view->asked->error->text);
        dr_line_end(&line, judge->result, view->name);
        return;
    }
    if (view->moved)
        dr_line_figure(&line, "%s", site_name(judge, judge->wanted));
    judge_places(judge, view, &line);
    judge_details(judge, view, &line);
    judge_limits(judge, view, &line);
    add_figures(judge, view);
    dr_line_end(&line, judge->result, view->name);
}

void judge_views(struct judge *judge)
{
    for (size_t i = 0; i < judge->view_count; i++)
        judge_view(judge, &judge->views[i]);
}
