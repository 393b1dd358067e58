/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/delegation.h"

#include "common/buffer.h"
#include "plugins/dns/answer.h"
#include "plugins/dns/zone.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One referral is enough: so many of the parent's servers are asked at once. Those that are given
 * are asked all the same. */
#define PLACES_AT_ONCE 3
#define PLACES_MAX 64

static const enum dns_type address_types[DNS_FAMILIES] = {DNS_A, DNS_AAAA};

enum lookup_kind { ZONE, SERVERS, HOST, ABOVE, ABOVE_SERVERS, ABOVE_HOST, TAIL };

/* One question to all finders: the first usable reply counts. One that merely has nothing in it
 * counts where none of the others says more. */
struct dns_lookup {
    struct dns_lookup *next;
    enum lookup_kind kind;
    struct dns_name name;
    enum dns_family family;
    struct dns_host *host; /* HOST */
    size_t tail;           /* TAIL: its index */
    size_t open;           /* replies that are still to come */
    bool settled;
    bool weak;             /* one has denied it, but left out the SOA that a denial has */
    struct dns_name above; /* ... the name to ask for next; length 0: none */
    char why[DNS_WHY];
};

/* A server of the parent zone. */
struct dns_place {
    struct dns_place *next;
    struct dns_address address;
    int port;
    char label[DNS_NAME_TEXT + DNS_ADDRESS_TEXT];
    bool asked, asked_servers, asked_ds;
};

/* ---- words ---- */

void dns_walk_why(char why[DNS_WHY], const char *format, ...)
{
    char text[DNS_WHY];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t used = strlen(why);
    if (strstr(why, text) == NULL)
        snprintf(why + used, DNS_WHY - used, "%s%s", used > 0 ? ", " : "", text);
}

const char *dns_walk_words(const struct dns_question *question, char buffer[DNS_RCODE_TEXT])
{
    if (question->delivery == DNS_NO_REPLY)
        return "no reply";
    if (question->delivery != DNS_DELIVERED)
        return question->words;
    if (question->reply.rcode != DNS_NOERROR)
        return dns_rcode_text(question->reply.rcode, buffer);
    return "a reply without an answer";
}

/* ---- addresses in lists ---- */

static bool has_address(const struct dns_addresses *list, const struct dns_address *address)
{
    for (size_t i = 0; i < list->count; i++) {
        if (dns_address_equal(&list->items[i], address))
            return true;
    }
    return false;
}

/* An address of the host: kept in one of its lists, and asked. */
static void use_address(struct dns_walk *walk, const struct dns_host *host,
                        struct dns_addresses *list, const struct dns_address *address)
{
    if (has_address(list, address))
        return;
    if (list->count == DNS_HOST_ADDRESSES) {
        walk->crowded = true;
        return;
    }
    list->items[list->count++] = *address;
    dns_zone_server(walk, host->text, address);
}

bool dns_walk_wants(const struct dns_walk *walk, const struct dns_address *address)
{
    return address->family == 6 ? walk->request->family6 : walk->request->family4;
}

/* ---- asking ---- */

bool dns_walk_ask(struct dns_walk *walk, const struct dns_address *server, int port,
                  const struct dns_name *name, unsigned type, unsigned purpose, void *context)
{
    const struct dns_request *request = walk->request;
    bool finder = (enum dns_purpose)(purpose & 255) == DNS_FIND;
    struct dns_question question = {
        .query = {.name = *name,
                  .type = type,
                  .recurse = finder,
                  .edns = request->edns,
                  .dnssec = request->edns && !finder,
                  .udp_size = request->udp_size},
        .server = *server,
        .port = port,
        .tcp_only = request->tcp_only && !finder,
        .purpose = purpose,
        .context = context,
    };
    bool ok = dns_exchange_ask(walk->exchange, &question);
    walk->no_memory = walk->no_memory || !ok;
    return ok;
}

/* NULL where there is nobody to ask, or no memory. */
static struct dns_lookup *look_up(struct dns_walk *walk, enum lookup_kind kind,
                                  const struct dns_name *name, unsigned type)
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

static void look_up_addresses(struct dns_walk *walk, enum lookup_kind kind,
                              const struct dns_name *name, struct dns_host *host)
{
    for (int family = 0; family < DNS_FAMILIES; family++) {
        struct dns_lookup *lookup = look_up(walk, kind, name, address_types[family]);
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

/* ---- the names of the zone's servers ---- */

static struct dns_host *host_named(struct dns_walk *walk, const struct dns_name *name)
{
    struct dns_host **end = &walk->hosts;
    for (; *end != NULL; end = &(*end)->next) {
        if (dns_name_equal(&(*end)->name, name))
            return *end;
    }
    if (walk->host_count == DNS_HOSTS_MAX) {
        walk->crowded = true;
        return NULL;
    }
    struct dns_host *host = calloc(1, sizeof *host);
    if (host == NULL) {
        walk->no_memory = true;
        return NULL;
    }
    host->name = *name;
    dns_name_text(name, host->text);
    host->inside = dns_name_within(name, &walk->zone);
    *end = host;
    walk->host_count++;
    return host;
}

/* What a finder alone says counts as long as no server of the zone has said it: it may be an answer
 * from before a change. */
static bool is_listed(const struct dns_walk *walk, const struct dns_host *host)
{
    return host->parent || host->child || (host->found && !walk->child_known);
}

static void find_host(struct dns_walk *walk, struct dns_host *host)
{
    if (host->looked_up)
        return;
    host->looked_up = true;
    if (walk->request->finder_count > 0)
        look_up_addresses(walk, HOST, &host->name, host);
    else
        dns_walk_why(host->why, "there is no resolver to ask");
}

static bool wants_hosts(const struct dns_walk *walk)
{
    return walk->request->search == DNS_SEARCH_ALL || walk->request->search == DNS_SEARCH_ZONE;
}

static bool has_any(const struct dns_host *host)
{
    for (int family = 0; family < DNS_FAMILIES; family++) {
        if (host->by[family].glue.count + host->by[family].at.count + host->by[family].own.count >
            0)
            return true;
    }
    return false;
}

static bool has_glue(const struct dns_host *host)
{
    return host->by[DNS_V4].glue.count + host->by[DNS_V6].glue.count > 0;
}

/* Servers may differ: as long as none confirms the glue, or gives any address, the next is asked,
 * so that what is said does not depend on who answers first. */
static bool is_told(const struct dns_host *host, int family)
{
    const struct dns_addresses *glue = &host->by[family].glue;
    if (!host->by[family].told)
        return false;
    for (size_t i = 0; i < glue->count; i++) {
        if (!has_address(&host->by[family].own, &glue->items[i]))
            return false;
    }
    return has_any(host) || host->by[family == DNS_V4 ? DNS_V6 : DNS_V4].asking;
}

/* The one of the zone's servers that has not been asked yet for the host. */
static struct dns_spot *next_teller(const struct dns_walk *walk, const struct dns_host *host,
                                    int family)
{
    for (struct dns_spot *spot = walk->spots; spot != NULL; spot = spot->next) {
        if (spot->serves && (host->by[family].tried & (uint64_t)1 << spot->number) == 0)
            return spot;
    }
    return NULL;
}

static void ask_host_of(struct dns_walk *walk, struct dns_host *host, int family,
                        const struct dns_address *server, int port)
{
    host->by[family].asking = dns_walk_ask(walk, server, port, &host->name, address_types[family],
                                           DNS_PURPOSE(DNS_ASK_HOST, family), host);
    if (host->by[family].asking)
        walk->spot_open++;
}

static void ask_host(struct dns_walk *walk, struct dns_host *host, int family)
{
    if (!host->inside || host->by[family].asking || is_told(host, family))
        return;
    struct dns_spot *teller = next_teller(walk, host, family);
    if (teller != NULL) {
        host->by[family].tried |= (uint64_t)1 << teller->number;
        ask_host_of(walk, host, family, &teller->address, teller->port);
    } else if (host->by[family].tried != 0 && !host->by[family].told)
        find_host(walk, host); /* it is delegated further, or they fail */
}

void dns_delegation_hosts(struct dns_walk *walk)
{
    for (struct dns_host *host = walk->hosts; host != NULL; host = host->next) {
        for (int family = 0; family < DNS_FAMILIES; family++)
            ask_host(walk, host, family);
    }
}

void dns_delegation_servers(struct dns_walk *walk, const struct dns_servers *servers)
{
    walk->child_known = true;
    for (size_t i = 0; wants_hosts(walk) && i < servers->count; i++) {
        struct dns_name name;
        struct dns_host *host =
            dns_name_read(servers->names[i], &name, NULL) ? host_named(walk, &name) : NULL;
        if (host == NULL)
            continue;
        host->child = true;
        if (!host->inside)
            find_host(walk, host);
    }
    dns_delegation_hosts(walk);
}

/* ---- the zone above ---- */

static bool parent_wanted(const struct dns_walk *walk)
{
    return walk->request->parent_count > 0 || walk->request->search == DNS_SEARCH_ALL;
}

static bool parent_known(const struct dns_walk *walk)
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

/* Everything that is not known yet is asked of it. */
static void use_place(struct dns_walk *walk, struct dns_place *place)
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

static struct dns_place *add_place(struct dns_walk *walk, const char *label,
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

/* As long as nobody has said it, the next of the parent's servers are asked. */
static void go_on_with_places(struct dns_walk *walk)
{
    for (struct dns_place *place = walk->places; place != NULL; place = place->next) {
        if (parent_known(walk) || walk->place_open >= 2 * (size_t)PLACES_AT_ONCE)
            return;
        if (!place->asked)
            use_place(walk, place);
    }
}

static void start_parent(struct dns_walk *walk)
{
    struct dns_name above;
    if (walk->request->parent_count > 0) {
        for (struct dns_place *place = walk->places; place != NULL; place = place->next) {
            if (!place->asked)
                use_place(walk, place);
            else
                ask_ds_of(walk, place);
        }
    } else if (parent_wanted(walk) && dns_name_parent(&walk->zone, &above)) {
        if (look_up(walk, ABOVE, &above, DNS_SOA) == NULL)
            dns_walk_why(walk->why_parent, "there is no resolver to ask for the zone above");
    }
}

/* The names in a section, and the addresses that came with them. */
static void take_named(struct dns_walk *walk, const struct dns_message *reply,
                       enum dns_section section)
{
    for (size_t i = 0; wants_hosts(walk) && i < reply->record_count; i++) {
        const struct dns_record *record = &reply->records[i];
        if (record->section != section || record->type != DNS_NS ||
            !dns_name_equal(&record->owner, &walk->zone))
            continue;
        struct dns_host *host = host_named(walk, &record->name);
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
            use_address(walk, host, &host->by[record->type == DNS_AAAA].glue, &address);
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
                ask_host_of(walk, host, family, &question->server, question->port);
        }
        if (!host->inside || (walk->referral && !has_glue(host)))
            find_host(walk, host);
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
    if (question->delivery != DNS_DELIVERED || reply->rcode != DNS_NOERROR)
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

static void why_not_delegated(struct dns_walk *walk, const struct dns_place *place,
                              const struct dns_question *question)
{
    char buffer[DNS_RCODE_TEXT];
    const struct dns_message *reply = &question->reply;
    const struct dns_name *other = referred_zone(question);
    char text[DNS_NAME_TEXT];
    if (other != NULL)
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
        dns_walk_why(walk->why_zone, "%.80s: %s", place->label, dns_walk_words(question, buffer));
        dns_walk_why(walk->why_parent, "%.80s: %s", place->label, dns_walk_words(question, buffer));
    }
}

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

static void name_parent(struct dns_walk *walk, const struct dns_name *parent)
{
    char text[DNS_NAME_TEXT];
    if (parent == NULL || walk->facts->delegation.parent != NULL)
        return;
    walk->facts->delegation.parent = strdup(dns_name_text(parent, text));
    walk->no_memory = walk->no_memory || walk->facts->delegation.parent == NULL;
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
    name_parent(walk, parent);
    walk->ds = *reply;
    *reply = (struct dns_message){.bytes = NULL};
    if (keys.count > 0)
        dns_zone_signed(walk);
}

/* ---- replies of finders ---- */

static void take_found_host(struct dns_walk *walk, struct dns_lookup *lookup,
                            const struct dns_answer *answer)
{
    struct dns_host *host = lookup->host;
    host->by[lookup->family].known = true;
    host->alias = host->alias || answer->link_count > 0;
    for (size_t i = 0; i < answer->address_count; i++)
        use_address(walk, host, &host->by[lookup->family].at, &answer->addresses[i]);
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
            add_place(walk, label, &answer->addresses[i], walk->request->port);
    }
    go_on_with_places(walk);
}

static bool told_something(enum dns_outcome outcome)
{
    return outcome == DNS_FOUND || outcome == DNS_NODATA || outcome == DNS_NAME_ERROR ||
           outcome == DNS_DANGLING || outcome == DNS_LOOP || outcome == DNS_LONG;
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
    bool told = told_something(answer.outcome) && !weak;
    lookup->weak = lookup->weak || weak;
    if (told && lookup->kind == HOST)
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
    bool told = told_something(answer.outcome) && !weak;
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
        if (lookup->kind == ABOVE_SERVERS) {
            look_up_addresses(walk, ABOVE_HOST, &record->name, NULL);
            continue;
        }
        struct dns_host *host = host_named(walk, &record->name);
        if (host == NULL)
            continue;
        host->found = true;
        find_host(walk, host);
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
        (seek == DNS_SEEK_FOUND && lookup->kind == ZONE && dns_name_labels(&zone) == 0))
        return false;
    if (seek == DNS_SEEK_ABOVE && !is_alias(question)) {
        lookup->weak = true;
        lookup->above = zone;
        return false;
    }
    if (seek == DNS_SEEK_ABOVE)
        look_up(walk, lookup->kind, &zone, DNS_SOA);
    else if (lookup->kind == ZONE)
        dns_delegation_zone(walk, &zone, walk->request->finders[DNS_NUMBER_OF(question)].label);
    else {
        name_parent(walk, &zone);
        look_up(walk, ABOVE_SERVERS, &zone, DNS_NS);
    }
    return true;
}

/* False where something else has told it by now, and better. */
static bool is_needed(const struct dns_walk *walk, const struct dns_lookup *lookup)
{
    const struct dns_host *host = lookup->host;
    switch (lookup->kind) {
    case ZONE:
        return !walk->zone_known;
    case SERVERS:
        return !walk->child_known;
    case HOST:
        return !(host->inside && host->by[lookup->family].told) && is_listed(walk, host);
    case ABOVE:
    case ABOVE_SERVERS:
    case ABOVE_HOST:
        return !parent_known(walk);
    case TAIL:
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
    case ZONE:
    case ABOVE:
        return take_found_zone(walk, lookup, question);
    case SERVERS:
    case ABOVE_SERVERS:
        return take_found_servers(walk, lookup, question);
    case TAIL:
        return take_tail(walk, lookup, question);
    case HOST:
    case ABOVE_HOST:
    default:
        return take_found_addresses(walk, lookup, question);
    }
}

/* Where it is said that nobody has told it; NULL: its answer says so. */
static char *why_of(struct dns_walk *walk, const struct dns_lookup *lookup)
{
    switch (lookup->kind) {
    case ZONE:
        return walk->why_zone;
    case SERVERS:
        return walk->why_servers;
    case HOST:
        return lookup->host->why;
    case TAIL:
        return NULL;
    case ABOVE:
    case ABOVE_SERVERS:
    case ABOVE_HOST:
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
        look_up(walk, lookup->kind, &lookup->above, DNS_SOA);
    else if (lookup->weak && lookup->kind == HOST)
        lookup->host->by[lookup->family].known = true;
    else if (lookup->kind == HOST)
        dns_walk_why(why, "%s", lookup->why);
    else if (why != NULL)
        dns_walk_why(why, "%s of %.100s: %s",
                     lookup->kind == SERVERS || lookup->kind == ABOVE_SERVERS ? "NS"
                     : lookup->kind == ABOVE_HOST                             ? "address"
                                                                              : "SOA",
                     dns_name_text(&lookup->name, text), lookup->why);
}

static void take_reply(struct dns_walk *walk, struct dns_lookup *lookup,
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

/* ---- a server of the zone says where another one is ---- */

static void take_host(struct dns_walk *walk, struct dns_host *host,
                      const struct dns_question *question)
{
    int family = (int)DNS_NUMBER_OF(question);
    struct dns_answer answer = {.outcome = DNS_NOT_ASKED};
    walk->spot_open--;
    host->by[family].asking = false;
    walk->no_memory =
        !dns_answer_read(question, &walk->zone, walk->now, &answer) || walk->no_memory;
    host->alias = host->alias || answer.link_count > 0;
    bool told = told_something(answer.outcome);
    host->by[family].told = host->by[family].told || told;
    for (size_t i = 0; told && i < answer.address_count; i++)
        use_address(walk, host, &host->by[family].own, &answer.addresses[i]);
    dns_answer_free(&answer);
    ask_host(walk, host, DNS_V4);
    ask_host(walk, host, DNS_V6);
}

/* ---- what follows ---- */

void dns_delegation_take(struct dns_walk *walk, struct dns_question *question)
{
    enum dns_purpose purpose = DNS_PURPOSE_OF(question);
    if (purpose == DNS_FIND) {
        take_reply(walk, question->context, question);
        return;
    }
    if (purpose == DNS_ASK_HOST) {
        take_host(walk, question->context, question);
        return;
    }
    walk->place_open--;
    if (purpose == DNS_FIND_ABOVE)
        take_above(walk, question->context, question);
    else if (purpose == DNS_FIND_SERVERS)
        take_servers(walk, question->context, question);
    else
        take_ds(walk, question->context, question);
    if (walk->zone_known)
        go_on_with_places(walk);
}

void dns_delegation_zone(struct dns_walk *walk, const struct dns_name *zone, const char *by)
{
    char text[DNS_NAME_TEXT];
    if (walk->zone_known) {
        if (!dns_name_equal(zone, &walk->zone))
            dns_walk_why(walk->doubt, "%.80s says that the zone is %.100s, not %.100s", by,
                         dns_name_text(zone, text), walk->zone_text);
        return;
    }
    walk->zone = *zone;
    walk->zone_known = true;
    dns_name_text(zone, walk->zone_text);
    dr_task_trace(walk->task, 1, "zone %s found by %s", walk->zone_text, by);
    dns_zone_known(walk);
    if (wants_hosts(walk) && look_up(walk, SERVERS, zone, DNS_NS) == NULL)
        dns_walk_why(walk->why_servers, "there is no resolver to ask");
    start_parent(walk);
}

void dns_delegation_start(struct dns_walk *walk)
{
    const struct dns_request *request = walk->request;
    for (size_t i = 0; i < request->parent_count; i++)
        add_place(walk, request->parents[i].label, &request->parents[i].address,
                  request->parents[i].port);
    if (request->zone.length > 0) {
        dns_delegation_zone(walk, &request->zone, "--zone");
        return;
    }
    for (struct dns_place *place = walk->places; place != NULL; place = place->next)
        use_place(walk, place);
    if (wants_hosts(walk) && look_up(walk, ZONE, &request->name, DNS_SOA) == NULL)
        dns_walk_why(walk->why_zone, "there is no resolver to ask");
}

bool dns_delegation_waits(const struct dns_walk *walk)
{
    if (walk->spot_open > 0 || (walk->place_open > 0 && !parent_known(walk)))
        return true;
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
        if (lookup->kind == TAIL && lookup->tail == tail && lookup->family == family)
            return;
    }
    struct dns_lookup *lookup = look_up(walk, TAIL, &name, address_types[family]);
    if (lookup != NULL)
        lookup->tail = tail;
}

/* ---- what has become known ---- */

static bool add_text(char ***items, size_t *count, const char *text)
{
    char **more = realloc(*items, (*count + 1) * sizeof *more);
    if (more == NULL)
        return false;
    *items = more;
    more[*count] = strdup(text);
    return more[*count] != NULL && ++*count > 0;
}

static bool add_glue(struct dns_delegation *delegation, const struct dns_host *host, int family,
                     const struct dns_address *address)
{
    struct dns_glue *more = realloc(delegation->glue, (delegation->glue_count + 1) * sizeof *more);
    if (more == NULL)
        return false;
    delegation->glue = more;
    more[delegation->glue_count] = (struct dns_glue){
        .server = strdup(host->text),
        .address = *address,
        .parent = has_address(&host->by[family].glue, address),
        .own = has_address(host->by[family].told ? &host->by[family].own : &host->by[family].at,
                           address)};
    return more[delegation->glue_count].server != NULL && ++delegation->glue_count > 0;
}

/* Only where both sides are known: what was not asked for is not missing. */
static bool report_glue(struct dns_walk *walk, const struct dns_host *host)
{
    struct dns_delegation *delegation = &walk->facts->delegation;
    bool ok = true;
    for (int family = 0; family < DNS_FAMILIES; family++) {
        if (!walk->referral || !host->inside || !host->parent ||
            !(host->by[family].told || host->by[family].known))
            continue;
        const struct dns_addresses *own =
            host->by[family].told ? &host->by[family].own : &host->by[family].at;
        const struct dns_addresses *glue = &host->by[family].glue;
        for (size_t i = 0; ok && i < glue->count; i++)
            ok = add_glue(delegation, host, family, &glue->items[i]);
        for (size_t i = 0; ok && i < own->count; i++)
            ok = has_address(glue, &own->items[i]) ||
                 add_glue(delegation, host, family, &own->items[i]);
    }
    return ok;
}

static bool report_host(struct dns_walk *walk, const struct dns_host *host)
{
    struct dns_delegation *delegation = &walk->facts->delegation;
    bool known[DNS_FAMILIES];
    bool ok = true;
    if (!is_listed(walk, host))
        return true;
    for (int family = 0; family < DNS_FAMILIES; family++)
        known[family] = host->by[family].told || host->by[family].known;
    if (host->alias)
        ok = add_text(&delegation->aliases, &delegation->alias_count, host->text);
    if (known[DNS_V4] && known[DNS_V6] && !has_any(host))
        ok = add_text(&delegation->lost, &delegation->lost_count, host->text) && ok;
    else if (!has_glue(host) && !(known[DNS_V4] && known[DNS_V6]))
        dns_walk_why(walk->why_hosts, "%s of %.100s%s%.120s%s",
                     known[DNS_V4]   ? "IPv6 addresses"
                     : known[DNS_V6] ? "IPv4 addresses"
                                     : "addresses",
                     host->text, host->why[0] != '\0' ? " (" : "", host->why,
                     host->why[0] != '\0' ? ")" : "");
    return report_glue(walk, host) && ok;
}

static void add_trouble(struct dr_buffer *text, const char *what, const char *why)
{
    dr_buffer_addf(text, "%s%s%s%s", text->size > 0 ? "; " : "", what,
                   why[0] != '\0' && what[0] != '\0' ? ": " : "", why);
}

static void tell_trouble(const struct dns_walk *walk, struct dr_buffer *text)
{
    const struct dns_delegation *delegation = &walk->facts->delegation;
    bool above = walk->zone_known && dns_name_labels(&walk->zone) > 0 && parent_wanted(walk);
    if (!walk->zone_known)
        add_trouble(text, "the zone is not known", walk->why_zone);
    if (above && !delegation->servers.known)
        add_trouble(text, "what the zone above says is not known", walk->why_parent);
    else if (above && !delegation->ds.known)
        add_trouble(text, "whether the zone above has a DS is not known", walk->why_ds);
    if (walk->zone_known && wants_hosts(walk) && walk->hosts == NULL)
        add_trouble(text, "nobody names the zone's servers", walk->why_servers);
    if (walk->why_hosts[0] != '\0')
        add_trouble(text, "not known", walk->why_hosts);
    if (walk->crowded)
        add_trouble(text, "more servers, or addresses of them, than are asked", "");
    if (walk->doubt[0] != '\0')
        add_trouble(text, walk->doubt, "");
}

void dns_delegation_report(struct dns_walk *walk)
{
    struct dns_delegation *delegation = &walk->facts->delegation;
    struct dr_buffer text = DR_BUFFER(1000);
    bool ok = true;
    if (walk->zone_known)
        ok = (delegation->zone = strdup(walk->zone_text)) != NULL;
    for (const struct dns_host *host = walk->hosts; host != NULL; host = host->next)
        ok = report_host(walk, host) && ok;
    tell_trouble(walk, &text);
    if (text.size > 0)
        ok = (delegation->trouble = dr_buffer_take(&text)) != NULL && ok;
    dr_buffer_free(&text);
    walk->no_memory = walk->no_memory || !ok;
}

/* ---- the end ---- */

void dns_delegation_origin(const struct dns_walk *walk, const struct dns_address *address,
                           struct dns_origin *origin)
{
    int family = address->family == 6 ? DNS_V6 : DNS_V4;
    for (const struct dns_host *host = walk->hosts; host != NULL; host = host->next) {
        const struct dns_addresses *own =
            host->by[family].told ? &host->by[family].own : &host->by[family].at;
        bool known = host->by[family].told || host->by[family].known;
        bool glue = has_address(&host->by[family].glue, address);
        if (!glue && !has_address(own, address))
            continue;
        /* Who comes by the parent goes where the glue leads. */
        if (host->parent && (glue || !has_glue(host)))
            origin->parent = true;
        if (is_listed(walk, host) && (host->child || host->found) &&
            (!known || has_address(own, address)))
            origin->child = true;
    }
}

void dns_delegation_free(struct dns_walk *walk)
{
    while (walk->lookups != NULL) {
        struct dns_lookup *next = walk->lookups->next;
        free(walk->lookups);
        walk->lookups = next;
    }
    while (walk->places != NULL) {
        struct dns_place *next = walk->places->next;
        free(walk->places);
        walk->places = next;
    }
    while (walk->hosts != NULL) {
        struct dns_host *next = walk->hosts->next;
        free(walk->hosts);
        walk->hosts = next;
    }
    dns_message_free(&walk->ds);
}
