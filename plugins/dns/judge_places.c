/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where answers lead: to a site, to several, to none that is known, nowhere. */
#include "plugins/dns/judge_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES_SHOWN 4

static void list_addresses(const struct dns_answer *answer, char *words, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < answer->address_count && used < size; i++) {
        char text[DNS_ADDRESS_TEXT];
        if (i == ADDRESSES_SHOWN) {
            snprintf(words + used, size - used, " and %zu more",
                     answer->address_count - ADDRESSES_SHOWN);
            return;
        }
        int written = snprintf(words + used, size - used, "%s%s", i > 0 ? ", " : "",
                               dns_address_text(&answer->addresses[i], text));
        used += written > 0 ? (size_t)written : 0;
    }
}

/* The site of the last name of the chain that is of one. */
static size_t site_of_chain(const struct judge *judge, const struct dns_answer *answer)
{
    for (size_t i = answer->link_count; i-- > 0;) {
        size_t site = dns_site_of_name(&judge->rules->sites, answer->links[i].target);
        if (site != DNS_SITE_NONE)
            return site;
    }
    return DNS_SITE_NONE;
}

size_t count_inside(const struct judge *judge, const struct dns_answer *answer, size_t site)
{
    size_t inside = 0;
    for (size_t i = 0; i < answer->address_count; i++)
        inside += dns_site_of_address(&judge->rules->sites, &answer->addresses[i]) == site ? 1 : 0;
    return inside;
}

/* At least so many addresses in the wanted site are enough, whatever else is there. */
static bool has_enough(const struct judge *judge, const struct dns_answer *answer, size_t wanted)
{
    return judge->rules->set == DNS_SET_MIN && wanted != DNS_SITE_NONE &&
           count_inside(judge, answer, wanted) >= judge->rules->least;
}

/* An address that is of no site by itself is of that by which it was reached. */
static void place_addresses(const struct judge *judge, const struct dns_answer *answer,
                            size_t by_name, size_t wanted, struct place *place)
{
    size_t found = DNS_SITE_NONE;
    list_addresses(answer, place->words, sizeof place->words);
    if (has_enough(judge, answer, wanted)) {
        place->kind = PLACE_SITE;
        place->site = wanted;
        return;
    }
    for (size_t i = 0; i < answer->address_count; i++) {
        char text[DNS_ADDRESS_TEXT];
        size_t site = dns_site_of_address(&judge->rules->sites, &answer->addresses[i]);
        if (site == DNS_SITE_NONE)
            site = by_name;
        if (site == DNS_SITE_NONE) {
            place->kind = PLACE_UNKNOWN;
            snprintf(place->words, sizeof place->words, "%s, which is of no site",
                     dns_address_text(&answer->addresses[i], text));
            return;
        }
        if (found != DNS_SITE_NONE && found != site)
            place->kind = PLACE_MIXED;
        found = site;
    }
    if (place->kind == PLACE_MIXED)
        return;
    place->kind = found != DNS_SITE_NONE ? PLACE_SITE : PLACE_NONE;
    place->site = found;
}

static const struct dns_tail *tail_of(const struct judge *judge, const char *name)
{
    for (size_t i = 0; judge->zone != NULL && name != NULL && i < judge->zone->tail_count; i++) {
        if (strcmp(judge->zone->tails[i].name, name) == 0)
            return &judge->zone->tails[i];
    }
    return NULL;
}

/* The chain goes on where this server knows nothing: what a resolver says is behind it. */
static void place_leaving(const struct judge *judge, const struct dns_answer *answer, size_t wanted,
                          enum dns_family family, struct place *place)
{
    size_t by_name = site_of_chain(judge, answer);
    const struct dns_tail *tail = tail_of(judge, answer->end);
    const struct dns_answer *behind = tail != NULL ? &tail->answers[family] : NULL;
    const char *end = answer->end != NULL ? answer->end : "another zone";
    if (behind != NULL && behind->outcome == DNS_FOUND) {
        size_t later = site_of_chain(judge, behind);
        place->tail = behind;
        place_addresses(judge, behind, later != DNS_SITE_NONE ? later : by_name, wanted, place);
        return;
    }
    if (behind != NULL &&
        (dns_meanings[behind->outcome].weight == WEIGHT_NOWHERE || behind->outcome == DNS_NODATA)) {
        bool none = behind->outcome == DNS_NODATA || behind->outcome == DNS_DANGLING;
        place->kind = none ? PLACE_NONE : PLACE_NOWHERE;
        place->tail = behind;
        snprintf(place->words, sizeof place->words, "leads to %s: %s", end,
                 dns_meanings[behind->outcome].words);
        return;
    }
    place->kind = by_name != DNS_SITE_NONE ? PLACE_SITE : PLACE_UNSEEN;
    place->site = by_name;
    if (by_name != DNS_SITE_NONE)
        snprintf(place->words, sizeof place->words, "%s", end);
    else
        snprintf(place->words, sizeof place->words,
                 "leads to %s, of which no resolver says where it leads%s%s", end,
                 behind != NULL && behind->outcome != DNS_NOT_ASKED ? ": " : "",
                 behind != NULL && behind->outcome != DNS_NOT_ASKED
                     ? dns_meanings[behind->outcome].words
                     : "");
}

/* What the source adds may begin with the same words: "no reply", "no reply in 4 s". */
static void say_failure(const struct dns_answer *answer, struct place *place)
{
    const struct dns_meaning *meaning = &dns_meanings[answer->outcome];
    const char *words = answer->words != NULL ? answer->words : "";
    bool said = strncmp(words, meaning->words, strlen(meaning->words)) == 0;
    bool chain = answer->link_count > 0 && meaning->weight == WEIGHT_NOWHERE;
    const char *end = chain ? answer->links[answer->link_count - 1].target : "";
    bool named = !chain || strstr(words, end) != NULL;
    snprintf(place->words, sizeof place->words, "%s%s%s%s%s", said ? "" : meaning->words,
             *words != '\0' && !said ? ": " : "", words, named ? "" : ": ", named ? "" : end);
}

static void raise_ttl(struct place *place, double ttl, const char *owner, const char *type)
{
    if (place->ttl.known && place->ttl.value >= ttl)
        return;
    place->ttl = dr_real(ttl);
    snprintf(place->slowest, sizeof place->slowest, "%.*s %s", DNS_NAME_TEXT - 32, owner, type);
}

static void read_ttls(const struct dns_answer *answer, enum dns_family family, struct place *place)
{
    for (size_t i = 0; i < answer->link_count; i++)
        raise_ttl(place, answer->links[i].ttl, answer->links[i].owner,
                  answer->links[i].dname ? "DNAME" : "CNAME");
    if (answer->address_count > 0 && answer->end != NULL)
        raise_ttl(place, answer->ttl, answer->end, family == DNS_V4 ? "A" : "AAAA");
}

/* An answer without AA is taken by many resolvers nevertheless: where it leads elsewhere, people do
 * go there. */
static bool misleads(const struct judge *judge, const struct dns_answer *answer, size_t wanted,
                     struct place *place)
{
    if (answer->outcome != DNS_NOT_AUTHORITATIVE || answer->address_count == 0 ||
        wanted == DNS_SITE_NONE)
        return false;
    place_addresses(judge, answer, site_of_chain(judge, answer), wanted, place);
    if (place->kind == PLACE_SITE && place->site == wanted)
        return false;
    size_t used = strlen(place->words);
    snprintf(place->words + used, sizeof place->words - used, ", without authority (AA)");
    return true;
}

void place_of(const struct judge *judge, const struct dns_answer *answer, size_t wanted,
              enum dns_family family, struct place *place)
{
    *place = (struct place){.kind = PLACE_UNASKED, .site = DNS_SITE_NONE, .answer = answer};
    switch (dns_meanings[answer->outcome].weight) {
    case WEIGHT_NOTHING:
        if (answer->outcome == DNS_NODATA)
            place->kind = PLACE_NONE;
        break;
    case WEIGHT_ADDRESS:
        if (answer->outcome == DNS_LEAVES)
            place_leaving(judge, answer, wanted, family, place);
        else
            place_addresses(judge, answer, site_of_chain(judge, answer), wanted, place);
        read_ttls(answer, family, place);
        if (place->tail != NULL)
            read_ttls(place->tail, family, place);
        break;
    case WEIGHT_NOWHERE:
        place->kind = PLACE_NOWHERE;
        say_failure(answer, place);
        break;
    case WEIGHT_FAILED:
    case WEIGHT_NOT_SEEN:
        if (misleads(judge, answer, wanted, place)) {
            read_ttls(answer, family, place);
            break;
        }
        place->kind = PLACE_FAILED;
        place->site = DNS_SITE_NONE;
        say_failure(answer, place);
        break;
    }
}

/* A CNAME to a name that has addresses of one family alone. */
static bool is_of_one_family(const struct place *place, const struct place *other)
{
    return place->kind == PLACE_NOWHERE && place->answer->outcome == DNS_DANGLING &&
           other->kind != PLACE_NOWHERE && other->kind != PLACE_NONE &&
           other->kind != PLACE_UNASKED && other->kind != PLACE_FAILED;
}

static void add_up(const struct judge *judge, struct view *view)
{
    size_t sites = 0, here = 0;
    view->serves = true;
    for (int f = 0; f < DNS_FAMILIES; f++) {
        const struct place *place = &view->places[f];
        view->judged = view->judged || place->kind != PLACE_UNASKED;
        view->serves = view->serves && place->kind != PLACE_FAILED;
        sites += place->kind == PLACE_SITE ? 1 : 0;
        view->untold = view->untold || place->kind == PLACE_UNSEEN;
        here += place->kind == PLACE_SITE && place->site == judge->wanted ? 1 : 0;
        view->fatal = view->fatal || place->kind == PLACE_MIXED || place->kind == PLACE_UNKNOWN ||
                      place->kind == PLACE_NOWHERE;
        if (place->answer != NULL && place->answer->outcome == DNS_NO_ROUTE)
            view->judged = false;
    }
    view->serves = view->serves && view->judged;
    view->moved = view->serves && !view->fatal && !view->untold && sites > 0 && sites == here;
    view->behind = view->serves && !view->fatal && sites > 0 && sites != here;
    view->fatal = view->fatal || (view->serves && !view->untold && sites == 0);
}

void place_answers(struct judge *judge, struct view *view)
{
    view->judged = view->serves = view->moved = view->behind = view->fatal = false;
    view->untold = false;
    if (view->seen == NULL) {
        view->judged = true;
        return;
    }
    for (int f = 0; f < DNS_FAMILIES; f++)
        place_of(judge, &view->seen->answers[f], judge->wanted, (enum dns_family)f,
                 &view->places[f]);
    if (is_of_one_family(&view->places[DNS_V6], &view->places[DNS_V4]))
        view->places[DNS_V6].kind = PLACE_NONE;
    else if (is_of_one_family(&view->places[DNS_V4], &view->places[DNS_V6]))
        view->places[DNS_V4].kind = PLACE_NONE;
    add_up(judge, view);
}

/* Without an --expect: the site that most authoritative servers lead to, else most resolvers. */
void choose_wanted(struct judge *judge)
{
    size_t best = 0;
    judge->wanted = judge->rules->expect;
    if (judge->wanted != DNS_SITE_NONE)
        return;
    for (int servers = 1; servers >= 0 && best == 0; servers--) {
        for (size_t site = 0; site < judge->rules->sites.count; site++) {
            size_t count = 0;
            for (size_t i = 0; i < judge->view_count; i++) {
                const struct view *view = &judge->views[i];
                for (int f = 0; view->server == (servers == 1) && f < DNS_FAMILIES; f++)
                    count += view->places[f].kind == PLACE_SITE && view->places[f].site == site;
            }
            if (count > best) {
                best = count;
                judge->wanted = site;
            }
        }
    }
}
