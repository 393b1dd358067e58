/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/delegation_parts.h"

#include "plugins/dns/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- asking ---- */

struct dns_lookup *dns_find(struct dns_walk *walk, enum dns_look kind, const struct dns_name *name,
                            unsigned type)
{
    if (walk->request->finder_count == 0)
        return NULL;
    struct dns_lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL) {
        walk->no_memory = true;
        return NULL;
    }
    lookup->kind = kind;
    lookup->name = *name;
    lookup->family = type == DNS_AAAA ? DNS_V6 : DNS_V4;
    lookup->next = walk->lookups;
    walk->lookups = lookup;
    for (size_t i = 0; i < walk->request->finder_count; i++) {
        const struct dns_given *finder = &walk->request->finders[i];
        if (dns_walk_ask(walk, &finder->address, finder->port, name, type, DNS_PURPOSE(DNS_FIND, i),
                         lookup))
            lookup->open++;
    }
    return lookup;
}

void dns_find_addresses(struct dns_walk *walk, enum dns_look kind, const struct dns_name *name,
                        struct dns_host *host)
{
    for (int family = 0; family < DNS_FAMILIES; family++) {
        struct dns_lookup *lookup = dns_find(walk, kind, name, dns_family_types[family]);
        if (lookup != NULL)
            lookup->host = host;
    }
}

/* ---- which zone ---- */

/* The name is led elsewhere: what the authority section says is about that. */
static bool is_alias(const struct dns_question *question)
{
    const struct dns_message *reply = &question->reply;
    for (size_t i = 0; i < reply->record_count; i++) {
        const struct dns_record *record = &reply->records[i];
        if (record->section != DNS_ANSWER)
            continue;
        if (record->type == DNS_CNAME && dns_name_equal(&record->owner, &question->query.name))
            return true;
        if (record->type == DNS_DNAME && dns_name_within(&question->query.name, &record->owner) &&
            !dns_name_equal(&question->query.name, &record->owner))
            return true;
    }
    return false;
}

static const struct dns_name *soa_owner(const struct dns_question *question)
{
    const struct dns_message *reply = &question->reply;
    for (size_t i = 0; i < reply->record_count; i++) {
        const struct dns_record *record = &reply->records[i];
        if (record->type != DNS_SOA || record->section == DNS_ADDITIONAL)
            continue;
        if (record->section == DNS_ANSWER ? dns_name_equal(&record->owner, &question->query.name)
                                          : dns_name_within(&question->query.name, &record->owner))
            return &record->owner;
    }
    return NULL;
}

enum dns_seek dns_delegation_seek(const struct dns_question *question, bool authoritative,
                                  struct dns_name *zone)
{
    const struct dns_message *reply = &question->reply;
    if (question->delivery != DNS_DELIVERED ||
        (reply->rcode != DNS_NOERROR && reply->rcode != DNS_NXDOMAIN) ||
        (authoritative && !reply->authoritative))
        return DNS_SEEK_NOTHING;
    const struct dns_name *owner = is_alias(question) ? NULL : soa_owner(question);
    if (owner != NULL) {
        *zone = *owner;
        return DNS_SEEK_FOUND;
    }
    struct dns_name above;
    if (!dns_name_parent(&question->query.name, &above) || dns_name_labels(&above) == 0)
        return DNS_SEEK_NOTHING;
    *zone = above;
    return DNS_SEEK_ABOVE;
}

/* ---- replies ---- */

static void take_found_host(struct dns_walk *walk, struct dns_lookup *lookup,
                            const struct dns_answer *answer)
{
    struct dns_host *host = lookup->host;
    host->by[lookup->family].known = true;
    host->alias = host->alias || answer->link_count > 0;
    for (size_t i = 0; i < answer->address_count; i++)
        dns_host_use_address(walk, host, &host->by[lookup->family].at, &answer->addresses[i]);
}

static void take_above_host(struct dns_walk *walk, const struct dns_lookup *lookup,
                            const struct dns_answer *answer)
{
    char name[DNS_NAME_TEXT];
    char at[DNS_ADDRESS_TEXT];
    char label[DNS_NAME_TEXT + DNS_ADDRESS_TEXT];
    for (size_t i = 0; i < answer->address_count; i++) {
        snprintf(label, sizeof label, "%s/%s", dns_name_text(&lookup->name, name),
                 dns_address_text(&answer->addresses[i], at));
        if (dns_walk_wants(walk, &answer->addresses[i]))
            dns_place_add(walk, label, &answer->addresses[i], walk->request->port);
    }
    dns_places_go_on(walk);
}

/* Nothing, and no word of why: some forwarders leave the SOA out, others lose the whole answer. */
static bool is_weak(const struct dns_answer *answer)
{
    return answer->outcome == DNS_NODATA && answer->link_count == 0 && !answer->negative.known;
}

static bool take_found_addresses(struct dns_walk *walk, struct dns_lookup *lookup,
                                 const struct dns_question *question)
{
    struct dns_answer answer = {.outcome = DNS_NOT_ASKED};
    walk->no_memory = !dns_answer_read(question, NULL, walk->now, &answer) || walk->no_memory;
    bool weak = is_weak(&answer);
    bool told = dns_host_is_told_by(answer.outcome) && !weak;
    lookup->weak = lookup->weak || weak;
    if (told && lookup->kind == DNS_LOOK_HOST)
        take_found_host(walk, lookup, &answer);
    else if (told)
        take_above_host(walk, lookup, &answer);
    dns_answer_free(&answer);
    return told;
}

static bool take_tail(struct dns_walk *walk, struct dns_lookup *lookup,
                      const struct dns_question *question)
{
    struct dns_answer answer = {.outcome = DNS_NOT_ASKED};
    struct dns_answer *kept = &walk->facts->tails[lookup->tail].answers[lookup->family];
    walk->no_memory = !dns_answer_read(question, NULL, walk->now, &answer) || walk->no_memory;
    bool weak = is_weak(&answer);
    bool told = dns_host_is_told_by(answer.outcome) && !weak;
    if (lookup->weak && !told) {
        dns_answer_free(&answer);
        return false;
    }
    lookup->weak = weak;
    dns_answer_free(kept);
    *kept = answer;
    return told;
}

/* NS by a resolver: of the zone, or of the one above it. */
static bool take_found_servers(struct dns_walk *walk, const struct dns_lookup *lookup,
                               const struct dns_question *question)
{
    const struct dns_message *reply = &question->reply;
    bool told = false;
    if (question->delivery != DNS_DELIVERED || reply->rcode != DNS_NOERROR)
        return false;
    for (size_t i = 0; i < reply->record_count; i++) {
        const struct dns_record *record = &reply->records[i];
        if (record->section != DNS_ANSWER || record->type != DNS_NS ||
            !dns_name_equal(&record->owner, &lookup->name))
            continue;
        told = true;
        if (lookup->kind == DNS_LOOK_ABOVE_SERVERS) {
            dns_find_addresses(walk, DNS_LOOK_ABOVE_HOST, &record->name, NULL);
            continue;
        }
        struct dns_host *host = dns_host_named(walk, &record->name);
        if (host == NULL)
            continue;
        host->found = true;
        dns_host_find(walk, host);
    }
    dns_delegation_hosts(walk);
    return told;
}

static bool take_found_zone(struct dns_walk *walk, struct dns_lookup *lookup,
                            const struct dns_question *question)
{
    struct dns_name zone;
    enum dns_seek seek = dns_delegation_seek(question, false, &zone);
    /* Nothing is known below the root: whoever says so does not know the network that it serves. */
    if (seek == DNS_SEEK_NOTHING ||
        (seek == DNS_SEEK_FOUND && lookup->kind == DNS_LOOK_ZONE && dns_name_labels(&zone) == 0))
        return false;
    if (seek == DNS_SEEK_ABOVE && !is_alias(question)) {
        lookup->weak = true;
        lookup->above = zone;
        return false;
    }
    if (seek == DNS_SEEK_ABOVE)
        dns_find(walk, lookup->kind, &zone, DNS_SOA);
    else if (lookup->kind == DNS_LOOK_ZONE)
        dns_delegation_zone(walk, &zone, walk->request->finders[DNS_NUMBER_OF(question)].label);
    else {
        dns_parent_name(walk, &zone);
        dns_find(walk, DNS_LOOK_ABOVE_SERVERS, &zone, DNS_NS);
    }
    return true;
}

/* ---- which reply counts ---- */

/* False where something else has told it by now, and better. */
static bool is_needed(const struct dns_walk *walk, const struct dns_lookup *lookup)
{
    const struct dns_host *host = lookup->host;
    switch (lookup->kind) {
    case DNS_LOOK_ZONE:
        return !walk->zone_known;
    case DNS_LOOK_SERVERS:
        return !walk->child_known;
    case DNS_LOOK_HOST:
        return !(host->inside && host->by[lookup->family].told) && dns_host_is_listed(walk, host);
    case DNS_LOOK_ABOVE:
    case DNS_LOOK_ABOVE_SERVERS:
    case DNS_LOOK_ABOVE_HOST:
        return !dns_parent_is_known(walk);
    case DNS_LOOK_TAIL:
    default:
        return true;
    }
}

static bool take_found(struct dns_walk *walk, struct dns_lookup *lookup,
                       const struct dns_question *question)
{
    if (!is_needed(walk, lookup))
        return true;
    switch (lookup->kind) {
    case DNS_LOOK_ZONE:
    case DNS_LOOK_ABOVE:
        return take_found_zone(walk, lookup, question);
    case DNS_LOOK_SERVERS:
    case DNS_LOOK_ABOVE_SERVERS:
        return take_found_servers(walk, lookup, question);
    case DNS_LOOK_TAIL:
        return take_tail(walk, lookup, question);
    case DNS_LOOK_HOST:
    case DNS_LOOK_ABOVE_HOST:
    default:
        return take_found_addresses(walk, lookup, question);
    }
}

/* Where it is said that nobody has told it; NULL: its answer says so. */
static char *why_of(struct dns_walk *walk, const struct dns_lookup *lookup)
{
    switch (lookup->kind) {
    case DNS_LOOK_ZONE:
        return walk->why_zone;
    case DNS_LOOK_SERVERS:
        return walk->why_servers;
    case DNS_LOOK_HOST:
        return lookup->host->why;
    case DNS_LOOK_TAIL:
        return NULL;
    case DNS_LOOK_ABOVE:
    case DNS_LOOK_ABOVE_SERVERS:
    case DNS_LOOK_ABOVE_HOST:
    default:
        return walk->why_parent;
    }
}

/* All have replied, and none was of more use. */
static void give_up(struct dns_walk *walk, struct dns_lookup *lookup)
{
    char text[DNS_NAME_TEXT];
    char *why = why_of(walk, lookup);
    lookup->settled = true;
    if (lookup->above.length > 0)
        dns_find(walk, lookup->kind, &lookup->above, DNS_SOA);
    else if (lookup->weak && lookup->kind == DNS_LOOK_HOST)
        lookup->host->by[lookup->family].known = true;
    else if (lookup->kind == DNS_LOOK_HOST)
        dns_walk_why(why, "%s", lookup->why);
    else if (why != NULL)
        dns_walk_why(why, "%s of %.100s: %s",
                     lookup->kind == DNS_LOOK_SERVERS || lookup->kind == DNS_LOOK_ABOVE_SERVERS
                         ? "NS"
                     : lookup->kind == DNS_LOOK_ABOVE_HOST ? "address"
                                                           : "SOA",
                     dns_name_text(&lookup->name, text), lookup->why);
}

void dns_find_take(struct dns_walk *walk, struct dns_lookup *lookup,
                   const struct dns_question *question)
{
    char buffer[DNS_RCODE_TEXT];
    lookup->open--;
    if (lookup->settled)
        return;
    lookup->settled = take_found(walk, lookup, question);
    if (lookup->settled)
        return;
    dns_walk_why(lookup->why, "%.80s: %s", walk->request->finders[DNS_NUMBER_OF(question)].label,
                 dns_walk_words(question, buffer));
    if (lookup->open == 0)
        give_up(walk, lookup);
}

bool dns_find_waits(const struct dns_walk *walk)
{
    for (const struct dns_lookup *lookup = walk->lookups; lookup != NULL; lookup = lookup->next) {
        if (lookup->open > 0 && !lookup->settled && is_needed(walk, lookup))
            return true;
    }
    return false;
}

/* ---- the ends of chains ---- */

/* The index of the tail of that name, which is added; SIZE_MAX when out of memory. */
static size_t tail_named(struct dns_facts *facts, const char *name)
{
    for (size_t i = 0; i < facts->tail_count; i++) {
        if (strcmp(facts->tails[i].name, name) == 0)
            return i;
    }
    struct dns_tail *more = realloc(facts->tails, (facts->tail_count + 1) * sizeof *more);
    if (more == NULL)
        return SIZE_MAX;
    facts->tails = more;
    more[facts->tail_count] = (struct dns_tail){.name = strdup(name)};
    return more[facts->tail_count].name != NULL ? facts->tail_count++ : SIZE_MAX;
}

void dns_delegation_tail(struct dns_walk *walk, const struct dns_answer *answer,
                         enum dns_family family)
{
    struct dns_name name;
    if (answer->outcome != DNS_LEAVES || answer->end == NULL ||
        !dns_name_read(answer->end, &name, NULL))
        return;
    size_t tail = tail_named(walk->facts, answer->end);
    if (tail == SIZE_MAX) {
        walk->no_memory = true;
        return;
    }
    for (const struct dns_lookup *lookup = walk->lookups; lookup != NULL; lookup = lookup->next) {
        if (lookup->kind == DNS_LOOK_TAIL && lookup->tail == tail && lookup->family == family)
            return;
    }
    struct dns_lookup *lookup = dns_find(walk, DNS_LOOK_TAIL, &name, dns_family_types[family]);
    if (lookup != NULL)
        lookup->tail = tail;
}
