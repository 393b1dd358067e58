/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/delegation_parts.h"

#include "plugins/dns/answer.h"
#include "plugins/dns/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One referral is enough: so many of the parent's servers are asked at once. Those that are given
 * are asked all the same. */
#define PLACES_AT_ONCE 3
#define PLACES_MAX 64

/* ---- its servers ---- */

bool dns_parent_is_wanted(const struct dns_walk *walk)
{
    return walk->request->parent_count > 0 || walk->request->search == DNS_SEARCH_ALL;
}

bool dns_parent_is_known(const struct dns_walk *walk)
{
    return walk->facts->delegation.servers.known && walk->facts->delegation.ds.known;
}

static void ask_place(struct dns_walk *walk, struct dns_place *place, const struct dns_name *name,
                      unsigned type, enum dns_purpose purpose)
{
    if (dns_walk_ask(walk, &place->address, place->port, name, type, DNS_PURPOSE(purpose, 0),
                     place))
        walk->place_open++;
}

static void ask_servers_of(struct dns_walk *walk, struct dns_place *place)
{
    if (!place->asked_servers)
        ask_place(walk, place, &walk->zone, DNS_NS, DNS_FIND_SERVERS);
    place->asked_servers = true;
}

static void ask_ds_of(struct dns_walk *walk, struct dns_place *place)
{
    if (!place->asked_ds)
        ask_place(walk, place, &walk->zone, DNS_DS, DNS_FIND_DS);
    place->asked_ds = true;
}

void dns_place_ask(struct dns_walk *walk, struct dns_place *place)
{
    place->asked = true;
    if (!walk->zone_known) {
        ask_place(walk, place, &walk->request->name, DNS_SOA, DNS_FIND_ABOVE);
        return;
    }
    if (!walk->facts->delegation.servers.known)
        ask_servers_of(walk, place);
    if (!walk->facts->delegation.ds.known)
        ask_ds_of(walk, place);
}

struct dns_place *dns_place_add(struct dns_walk *walk, const char *label,
                                const struct dns_address *address, int port)
{
    struct dns_place **end = &walk->places;
    size_t count = 0;
    for (; *end != NULL; end = &(*end)->next, count++) {
        if (dns_address_equal(&(*end)->address, address) && (*end)->port == port)
            return NULL;
    }
    struct dns_place *place = count < PLACES_MAX ? calloc(1, sizeof *place) : NULL;
    if (place == NULL) {
        walk->no_memory = walk->no_memory || count < PLACES_MAX;
        return NULL;
    }
    snprintf(place->label, sizeof place->label, "%s", label);
    place->address = *address;
    place->port = port;
    *end = place;
    return place;
}

void dns_places_go_on(struct dns_walk *walk)
{
    for (struct dns_place *place = walk->places; place != NULL; place = place->next) {
        if (dns_parent_is_known(walk) || walk->place_open >= 2 * (size_t)PLACES_AT_ONCE)
            return;
        if (!place->asked)
            dns_place_ask(walk, place);
    }
}

void dns_parent_start(struct dns_walk *walk)
{
    struct dns_name above;
    if (walk->request->parent_count > 0) {
        for (struct dns_place *place = walk->places; place != NULL; place = place->next) {
            if (!place->asked)
                dns_place_ask(walk, place);
            else
                ask_ds_of(walk, place);
            if (place->told_nothing)
                ask_servers_of(walk, place);
        }
    } else if (dns_parent_is_wanted(walk) && dns_name_parent(&walk->zone, &above)) {
        if (dns_find(walk, DNS_LOOK_ABOVE, &above, DNS_SOA) == NULL)
            dns_walk_why(walk->why_parent, "there is no resolver to ask for the zone above");
    }
}

void dns_parent_name(struct dns_walk *walk, const struct dns_name *parent)
{
    char text[DNS_NAME_TEXT];
    if (parent == NULL || walk->facts->delegation.parent != NULL)
        return;
    walk->facts->delegation.parent = strdup(dns_name_text(parent, text));
    walk->no_memory = walk->no_memory || walk->facts->delegation.parent == NULL;
}

/* ---- the referral ---- */

/* The names in a section, and the addresses that came with them. */
static void take_named(struct dns_walk *walk, const struct dns_message *reply,
                       enum dns_section section)
{
    for (size_t i = 0; dns_walk_wants_hosts(walk) && i < reply->record_count; i++) {
        const struct dns_record *record = &reply->records[i];
        if (record->section != section || record->type != DNS_NS ||
            !dns_name_equal(&record->owner, &walk->zone))
            continue;
        struct dns_host *host = dns_host_named(walk, &record->name);
        if (host != NULL)
            host->parent = true;
    }
}

static bool read_address(const struct dns_record *record, struct dns_address *address)
{
    if (record->type != DNS_A && record->type != DNS_AAAA)
        return false;
    *address = (struct dns_address){.family = record->type == DNS_AAAA ? 6 : 4};
    memcpy(address->bytes, record->is.address, record->type == DNS_AAAA ? 16 : 4);
    return true;
}

static void take_glue(struct dns_walk *walk, const struct dns_message *reply)
{
    for (size_t i = 0; i < reply->record_count; i++) {
        const struct dns_record *record = &reply->records[i];
        struct dns_address address;
        if (record->section != DNS_ADDITIONAL || !read_address(record, &address))
            continue;
        for (struct dns_host *host = walk->hosts; host != NULL; host = host->next) {
            if (!host->parent || !dns_name_equal(&host->name, &record->owner))
                continue;
            dns_host_use_address(walk, host, &host->by[record->type == DNS_AAAA].glue, &address);
        }
    }
}

/* What is inside the zone and has glue is asked of the zone itself; all of it of a parent's server
 * that has the zone. */
static void find_the_rest(struct dns_walk *walk, const struct dns_question *question)
{
    for (struct dns_host *host = walk->hosts; host != NULL; host = host->next) {
        if (!host->parent)
            continue;
        for (int family = 0; host->inside && !walk->referral && family < DNS_FAMILIES; family++) {
            if (!host->by[family].asking && !host->by[family].told)
                dns_host_ask(walk, host, family, &question->server, question->port);
        }
        if (!host->inside || (walk->referral && !dns_host_has_glue(host)))
            dns_host_find(walk, host);
    }
    dns_delegation_hosts(walk);
}

/* A referral; or the answer of a server that has the zone itself, which is then what everyone who
 * comes that way is told, but its glue is not seen. */
static bool take_referral(struct dns_walk *walk, const struct dns_question *question)
{
    const struct dns_message *reply = &question->reply;
    struct dns_servers *servers = &walk->facts->delegation.servers;
    if (servers->known)
        return true;
    /* Half a list would leave servers out that nobody then asks. */
    if (question->delivery != DNS_DELIVERED || reply->rcode != DNS_NOERROR || reply->truncated)
        return false;
    enum dns_section section = reply->authoritative ? DNS_ANSWER : DNS_AUTHORITY;
    walk->no_memory = !dns_servers_read(reply, section, &walk->zone, servers) || walk->no_memory;
    if (!servers->known)
        return false;
    walk->referral = section == DNS_AUTHORITY;
    take_named(walk, reply, section);
    take_glue(walk, reply);
    find_the_rest(walk, question);
    return true;
}

/* A server that is delegated away from: the zone that a referral is to. */
static const struct dns_name *referred_zone(const struct dns_question *question)
{
    const struct dns_message *reply = &question->reply;
    if (question->delivery != DNS_DELIVERED || reply->rcode != DNS_NOERROR || reply->authoritative)
        return NULL;
    for (size_t i = 0; i < reply->record_count; i++) {
        const struct dns_record *record = &reply->records[i];
        if (record->section == DNS_ANSWER)
            return NULL;
        if (record->section == DNS_AUTHORITY && record->type == DNS_NS &&
            dns_name_labels(&record->owner) > 0 &&
            dns_name_within(&question->query.name, &record->owner))
            return &record->owner;
    }
    return NULL;
}

static void why_not_delegated(struct dns_walk *walk, const struct dns_place *place,
                              const struct dns_question *question)
{
    char buffer[DNS_RCODE_TEXT];
    const struct dns_message *reply = &question->reply;
    const struct dns_name *other = referred_zone(question);
    char text[DNS_NAME_TEXT];
    if (question->delivery == DNS_DELIVERED && reply->truncated)
        dns_walk_why(walk->why_parent, "%.80s: truncated even over TCP", place->label);
    else if (other != NULL)
        dns_walk_why(walk->why_parent, "%.80s refers to the servers of %.100s", place->label,
                     dns_name_text(other, text));
    else if (question->delivery == DNS_DELIVERED && reply->authoritative &&
             (reply->rcode == DNS_NXDOMAIN || reply->rcode == DNS_NOERROR))
        dns_walk_why(walk->why_parent, "%.80s says that %.100s is not delegated", place->label,
                     walk->zone_text);
    else
        dns_walk_why(walk->why_parent, "%.80s: %s", place->label, dns_walk_words(question, buffer));
}

static void take_servers(struct dns_walk *walk, struct dns_place *place,
                         const struct dns_question *question)
{
    if (!take_referral(walk, question))
        why_not_delegated(walk, place, question);
}

/* A reply of the parent to a question for the zone, before that is known. */
static void take_above(struct dns_walk *walk, struct dns_place *place,
                       const struct dns_question *question)
{
    char buffer[DNS_RCODE_TEXT];
    struct dns_name zone;
    const struct dns_name *referred = referred_zone(question);
    if (referred != NULL) {
        if (!walk->zone_known)
            dns_delegation_zone(walk, referred, place->label);
        take_servers(walk, place, question);
        return;
    }
    enum dns_seek seek = dns_delegation_seek(question, true, &zone);
    if (seek == DNS_SEEK_FOUND) {
        dns_delegation_zone(walk, &zone, place->label);
        ask_servers_of(walk, place);
    } else if (seek == DNS_SEEK_ABOVE && !walk->zone_known) {
        ask_place(walk, place, &zone, DNS_SOA, DNS_FIND_ABOVE);
    } else if (walk->zone_known && question->delivery == DNS_DELIVERED) {
        ask_servers_of(walk, place);
    } else {
        place->told_nothing = question->delivery == DNS_DELIVERED;
        dns_walk_why(walk->why_zone, "%.80s: %s", place->label, dns_walk_words(question, buffer));
        dns_walk_why(walk->why_parent, "%.80s: %s", place->label, dns_walk_words(question, buffer));
    }
}

/* ---- DS ---- */

/* The zone that has the DS is the parent: its SOA denies one, its signature covers one. */
static const struct dns_name *signing_zone(const struct dns_walk *walk,
                                           const struct dns_message *reply)
{
    for (size_t i = 0; i < reply->record_count; i++) {
        const struct dns_record *record = &reply->records[i];
        const struct dns_name *name = NULL;
        if (record->type == DNS_SOA && record->section == DNS_AUTHORITY)
            name = &record->owner;
        else if (record->type == DNS_RRSIG && record->section == DNS_ANSWER)
            name = &record->name;
        if (name != NULL && dns_name_within(&walk->zone, name) &&
            !dns_name_equal(&walk->zone, name))
            return name;
    }
    return NULL;
}

static void take_ds(struct dns_walk *walk, const struct dns_place *place,
                    struct dns_question *question)
{
    char buffer[DNS_RCODE_TEXT];
    struct dns_keys keys = {.known = false};
    struct dns_message *reply = &question->reply;
    if (walk->facts->delegation.ds.known)
        return;
    if (question->delivery == DNS_DELIVERED && reply->authoritative)
        walk->no_memory = !dns_keys_read(reply, DNS_DS, &walk->zone, &keys) || walk->no_memory;
    const struct dns_name *parent = keys.known ? signing_zone(walk, reply) : NULL;
    /* A server that has the zone alone denies a DS, too, which is not its to say. */
    if (!keys.known || (keys.count == 0 && parent == NULL)) {
        dns_walk_why(walk->why_ds, "%.80s: %s", place->label, dns_walk_words(question, buffer));
        return;
    }
    walk->facts->delegation.ds = keys;
    dns_parent_name(walk, parent);
    walk->ds = *reply;
    *reply = (struct dns_message){.bytes = NULL};
    if (keys.count > 0)
        dns_zone_signed(walk);
}

void dns_parent_take(struct dns_walk *walk, struct dns_question *question)
{
    enum dns_purpose purpose = DNS_PURPOSE_OF(question);
    walk->place_open--;
    if (purpose == DNS_FIND_ABOVE)
        take_above(walk, question->context, question);
    else if (purpose == DNS_FIND_SERVERS)
        take_servers(walk, question->context, question);
    else
        take_ds(walk, question->context, question);
    if (walk->zone_known)
        dns_places_go_on(walk);
}
