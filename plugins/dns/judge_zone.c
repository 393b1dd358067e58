/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parent and child: the delegation, the servers, their serials. */
#include "plugins/dns/judge_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

bool has_soa(const struct dns_view *seen)
{
    return seen->soa.known;
}

void judge_untold(struct judge *judge, bool (*tells)(const struct dns_view *), const char *what,
                  struct dr_line *line)
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
