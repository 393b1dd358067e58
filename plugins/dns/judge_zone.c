/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The zone: the names that must be there before a switch, parent and child, and whether the DNS
 * would survive the disaster. */
#include "plugins/dns/judge_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Signers renew a signature well before that: less is left where nobody signs any more. */
#define SIGNED_SHARE 0.1 /* of its life, but at most ... */
#define SIGNED_LEAST (3 * 86400.0)

/* ---- standby names ---- */

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

/* ---- parent and child ---- */

/* Problems of one kind, each with a server or an address of its own: some are said, and how many
 * more there are. */
#define KIND_SHOWN 3
#define NAMES_MAX_BYTES 4000 /* so many names, and the count */

struct kind {
    size_t count;
    enum dr_state rest; /* of those that are not said: the worst */
};

/* Counts a problem; true where it is to be said. */
static bool is_shown(struct kind *kind, enum dr_state state)
{
    if (++kind->count <= KIND_SHOWN)
        return true;
    kind->rest = dr_state_worst(kind->rest, state);
    return false;
}

static void say_rest(const struct kind *kind, struct dr_line *line)
{
    if (kind->count > KIND_SHOWN)
        dr_line_problem(line, kind->rest, "and %zu more", kind->count - KIND_SHOWN);
}

/* What one of both names, and the other does not: `names` where that is the server. */
static void say_missing(const struct view *view, bool names, const struct dns_servers *those_of,
                        const struct dns_servers *not_of, struct dr_line *line)
{
    struct dr_buffer words = DR_BUFFER(NAMES_MAX_BYTES);
    size_t count = 0;
    for (size_t i = 0; i < those_of->count; i++) {
        if (!dns_servers_have(not_of, those_of->names[i]) && ++count <= KIND_SHOWN)
            dr_buffer_addf(&words, "%s%s", count > 1 ? ", " : "", those_of->names[i]);
    }
    if (count > KIND_SHOWN)
        dr_buffer_addf(&words, " and %zu more", count - KIND_SHOWN);
    if (count > 0)
        dr_line_problem(line, DR_WARNING, "%s %s %s, which the parent %s", view->name,
                        names ? "names" : "does not name", dr_buffer_text(&words),
                        names ? "does not" : "does");
    line->problems.no_memory = line->problems.no_memory || words.no_memory;
    dr_buffer_free(&words);
}

static void judge_child(struct judge *judge, const struct view *view, struct dr_line *line)
{
    const struct dns_servers *parent = &judge->zone->delegation.servers;
    const struct dns_servers *child = &view->seen->servers;
    if (!child->known || !parent->known)
        return;
    say_missing(view, false, parent, child, line);
    say_missing(view, true, child, parent, line);
    if (line->state != DR_OK)
        dr_line_next(line, line->state, "make the NS records of parent and zone the same");
}

/* Where all servers say the same, it is said once. */
static void judge_sets(struct judge *judge, struct dr_line *line)
{
    const struct view *first = NULL;
    struct kind others = {.count = 0};
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!view->server || view->seen == NULL || !view->seen->servers.known)
            continue;
        if (first == NULL) {
            first = view;
            judge_child(judge, view, line);
        } else if (!dns_servers_same(&first->seen->servers, &view->seen->servers) &&
                   is_shown(&others, DR_WARNING)) {
            dr_line_problem(line, DR_WARNING, "%s and %s name other servers", first->name,
                            view->name);
            dr_line_next(line, DR_WARNING, "compare the NS records of %s and %s", first->name,
                         view->name);
            judge_child(judge, view, line);
        }
    }
    say_rest(&others, line);
}

static void judge_glue(struct judge *judge, struct dr_line *line)
{
    const struct dns_delegation *delegation = &judge->zone->delegation;
    struct kind old = {.count = 0};
    char text[DNS_ADDRESS_TEXT];
    for (size_t i = 0; i < delegation->glue_count; i++) {
        const struct dns_glue *glue = &delegation->glue[i];
        if (!glue->parent || glue->own || !is_shown(&old, DR_WARNING))
            continue;
        dr_line_problem(line, DR_WARNING, "the glue %s of %s is not what the zone says",
                        dns_address_text(&glue->address, text), glue->server);
        dr_line_next(line, DR_WARNING, "correct the glue of %s in the parent zone", glue->server);
    }
    say_rest(&old, line);
}

static void judge_addresses(struct judge *judge, struct dr_line *line)
{
    const struct dns_delegation *delegation = &judge->zone->delegation;
    struct kind aliases = {.count = 0}, lost = {.count = 0};
    for (size_t i = 0; i < delegation->alias_count; i++) {
        if (!is_shown(&aliases, DR_WARNING))
            continue;
        dr_line_problem(line, DR_WARNING, "%s is a CNAME, which a name server must not be",
                        delegation->aliases[i]);
        dr_line_next(line, DR_WARNING, "give %s an A or AAAA record (RFC 2181, 10.3)",
                     delegation->aliases[i]);
    }
    say_rest(&aliases, line);
    for (size_t i = 0; i < delegation->lost_count; i++) {
        if (!is_shown(&lost, DR_WARNING))
            continue;
        dr_line_problem(line, DR_WARNING, "%s has no address", delegation->lost[i]);
        dr_line_next(line, DR_WARNING, "give %s an address, or take it out of the NS records",
                     delegation->lost[i]);
    }
    say_rest(&lost, line);
}

static bool is_matched(const struct dns_keys *ds, const struct dns_keys *keys)
{
    for (size_t d = 0; d < ds->count; d++) {
        for (size_t k = 0; k < keys->count; k++) {
            if (ds->items[d].tag == keys->items[k].tag &&
                ds->items[d].algorithm == keys->items[k].algorithm)
                return true;
        }
    }
    return false;
}

static void judge_keys(struct judge *judge, struct dr_line *line)
{
    const struct dns_keys *ds = &judge->zone->delegation.ds;
    struct kind unmatched = {.count = 0};
    for (size_t i = 0; ds->known && ds->count > 0 && i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!view->server || view->seen == NULL || !view->seen->keys.known ||
            is_matched(ds, &view->seen->keys) || !is_shown(&unmatched, DR_CRITICAL))
            continue;
        dr_line_problem(line, DR_CRITICAL, "no DNSKEY on %s matches the parent's DS (key %u)",
                        view->name, ds->items[0].tag);
        dr_line_next(line, DR_CRITICAL,
                     "correct the DS in the parent zone: resolvers that validate answer SERVFAIL");
    }
    say_rest(&unmatched, line);
}

/* How far `a` is before `b` (RFC 1982, 3.2); less than 0: behind it. */
static int64_t serial_distance(uint32_t a, uint32_t b)
{
    return (int64_t)(int32_t)(a - b);
}

static bool has_soa(const struct dns_view *seen)
{
    return seen->soa.known;
}

static bool has_signature(const struct dns_view *seen)
{
    return seen->signed_for.known;
}

/* A limit was given, and the one server that does not tell may be the one that breaks it. Of those
 * that do not serve their own line says why. */
static void judge_untold(struct judge *judge, bool (*tells)(const struct dns_view *),
                         const char *what, struct dr_line *line)
{
    struct kind untold = {.count = 0};
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!view->server || !view->serves || tells(view->seen) || !is_shown(&untold, DR_UNKNOWN))
            continue;
        dr_line_problem(line, DR_UNKNOWN, "%s does not tell %s", view->name, what);
        dr_line_next(line, DR_UNKNOWN, "ask it by hand: dig +norecurse");
    }
    say_rest(&untold, line);
}

static void judge_serials(struct judge *judge, struct dr_line *line)
{
    const struct dr_threshold *threshold = &judge->rules->thresholds[DNS_SERIAL_LAG];
    const struct view *newest = NULL;
    struct kind behind = {.count = 0};
    int64_t most = 0;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (view->server && view->seen != NULL && view->seen->soa.known &&
            (newest == NULL ||
             serial_distance(view->seen->soa.serial, newest->seen->soa.serial) > 0))
            newest = view;
    }
    for (size_t i = 0; newest != NULL && i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!view->server || view->seen == NULL || !view->seen->soa.known)
            continue;
        int64_t lag = serial_distance(newest->seen->soa.serial, view->seen->soa.serial);
        most = lag > most ? lag : most;
        enum dr_state state = dr_threshold_judge(threshold, (double)lag);
        if (!judge->rules->limited[DNS_SERIAL_LAG] || state == DR_OK)
            continue;
        if (is_shown(&behind, state))
            dr_line_problem(line, state, "%s is %lld serials behind %s", view->name, (long long)lag,
                            newest->name);
        dr_line_next(line, state, "look at the transfer (NOTIFY, AXFR) to %s", view->name);
    }
    say_rest(&behind, line);
    if (newest == NULL) {
        if (judge->rules->limited[DNS_SERIAL_LAG])
            dr_line_problem(line, DR_UNKNOWN, "no server tells its serial");
        return;
    }
    if (judge->rules->limited[DNS_SERIAL_LAG])
        judge_untold(judge, has_soa, "its serial", line);
    if (most > 0 && line->state == DR_OK)
        dr_line_figure(line, "serials differ by %lld", (long long)most);
    dr_result_figure(judge->result, NULL, &dns_metrics[DNS_SERIAL_LAG], (double)most, threshold);
}

static bool is_remembered_alone(const struct judge *judge)
{
    bool remembered = false;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!view->server || view->seen == NULL)
            continue;
        const struct dns_origin *origin = &view->seen->origin;
        if (origin->parent || origin->child)
            return false;
        remembered = remembered || origin->remembered;
    }
    return remembered;
}

void judge_zone(struct judge *judge)
{
    struct dr_line line = DR_LINE;
    const struct dns_delegation *delegation = &judge->zone->delegation;
    if (delegation->zone != NULL)
        dr_line_figure(&line, "%s", delegation->zone);
    if (delegation->servers.known)
        dr_line_figure(&line, "%zu name servers in the parent zone", delegation->servers.count);
    if (delegation->trouble != NULL) {
        dr_line_problem(&line, DR_WARNING, "%s", delegation->trouble);
        dr_line_next(&line, DR_WARNING,
                     "if nobody delegates this zone, --search zone leaves the parent out; "
                     "--find-by says whom to ask");
    }
    if (is_remembered_alone(judge))
        dr_line_problem(&line, DR_WARNING, "its servers are those of an earlier run");
    judge_sets(judge, &line);
    judge_glue(judge, &line);
    judge_addresses(judge, &line);
    judge_keys(judge, &line);
    judge_serials(judge, &line);
    if (line.state != DR_OK)
        say(judge, line.state, "%s", dr_buffer_text(&line.problems));
    if (line.state != DR_OK || line.figures.size > 0)
        dr_line_end(&line, judge->result, "zone");
    else
        dr_line_drop(&line);
}

/* ---- would it survive ---- */

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
    else
        dr_line_figure(line, "the signatures hold for %s", time_words(left, words, sizeof words));
}

/* More is left of them than they live: whoever validates does not take them yet. */
static void judge_begin(const struct view *view, struct dr_line *line)
{
    const struct dr_opt_real *left = &view->seen->signed_for, *life = &view->seen->signed_life;
    char words[TIME_WORDS];
    if (!left->known || !life->known || left->value <= life->value)
        return;
    dr_line_problem(line, DR_CRITICAL, "a signature on %s begins in %s only", view->name,
                    time_words(left->value - life->value, words, sizeof words));
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
        if (view->server && view->seen != NULL)
            judge_begin(view, line);
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
    judge_signatures(judge, &line);
    if (line.state != DR_OK)
        say(judge, line.state, "%s", dr_buffer_text(&line.problems));
    if (line.state != DR_OK || line.figures.size > 0)
        dr_line_end(&line, judge->result, "survival");
    else
        dr_line_drop(&line);
}
