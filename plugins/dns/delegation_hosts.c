/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/delegation_parts.h"

#include "plugins/dns/answer.h"
#include "plugins/dns/zone.h"

#include <stdlib.h>
#include <string.h>

const enum dns_type dns_family_types[DNS_FAMILIES] = {DNS_A, DNS_AAAA};

/* ---- addresses in lists ---- */

bool dns_addresses_have(const struct dns_addresses *list, const struct dns_address *address)
{
    for (size_t i = 0; i < list->count; i++) {
        if (dns_address_equal(&list->items[i], address))
            return true;
    }
    return false;
}

void dns_host_use_address(struct dns_walk *walk, const struct dns_host *host,
                          struct dns_addresses *list, const struct dns_address *address)
{
    if (dns_addresses_have(list, address))
        return;
    if (list->count == DNS_HOST_ADDRESSES) {
        walk->crowded = true;
        return;
    }
    list->items[list->count++] = *address;
    dns_zone_server(walk, host->text, address);
}

/* ---- the names of the zone's servers ---- */

struct dns_host *dns_host_named(struct dns_walk *walk, const struct dns_name *name)
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
bool dns_host_is_listed(const struct dns_walk *walk, const struct dns_host *host)
{
    return host->parent || host->child || (host->found && !walk->child_known);
}

bool dns_walk_wants_hosts(const struct dns_walk *walk)
{
    return walk->request->search == DNS_SEARCH_ALL || walk->request->search == DNS_SEARCH_ZONE;
}

void dns_host_find(struct dns_walk *walk, struct dns_host *host)
{
    if (host->looked_up)
        return;
    host->looked_up = true;
    if (walk->request->finder_count > 0)
        dns_find_addresses(walk, DNS_LOOK_HOST, &host->name, host);
    else
        dns_walk_why(host->why, "there is no resolver to ask");
}

bool dns_host_has_any(const struct dns_host *host)
{
    for (int family = 0; family < DNS_FAMILIES; family++) {
        if (host->by[family].glue.count + host->by[family].at.count + host->by[family].own.count >
            0)
            return true;
    }
    return false;
}

bool dns_host_has_glue(const struct dns_host *host)
{
    return host->by[DNS_V4].glue.count + host->by[DNS_V6].glue.count > 0;
}

/* ---- a server of the zone says where another one is ---- */

/* Servers may differ: as long as none confirms the glue, or gives any address, the next is asked,
 * so that what is said does not depend on who answers first. */
static bool is_told(const struct dns_host *host, int family)
{
    const struct dns_addresses *glue = &host->by[family].glue;
    if (!host->by[family].told)
        return false;
    for (size_t i = 0; i < glue->count; i++) {
        if (!dns_addresses_have(&host->by[family].own, &glue->items[i]))
            return false;
    }
    return dns_host_has_any(host) || host->by[family == DNS_V4 ? DNS_V6 : DNS_V4].asking;
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

void dns_host_ask(struct dns_walk *walk, struct dns_host *host, int family,
                  const struct dns_address *server, int port)
{
    host->by[family].asking =
        dns_walk_ask(walk, server, port, &host->name, dns_family_types[family],
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
        dns_host_ask(walk, host, family, &teller->address, teller->port);
    } else if (host->by[family].tried != 0 && !host->by[family].told)
        dns_host_find(walk, host); /* it is delegated further, or they fail */
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
    for (size_t i = 0; dns_walk_wants_hosts(walk) && i < servers->count; i++) {
        struct dns_name name;
        struct dns_host *host =
            dns_name_read(servers->names[i], &name, NULL) ? dns_host_named(walk, &name) : NULL;
        if (host == NULL)
            continue;
        host->child = true;
        if (!host->inside)
            dns_host_find(walk, host);
    }
    dns_delegation_hosts(walk);
}

bool dns_host_is_told_by(enum dns_outcome outcome)
{
    return outcome == DNS_FOUND || outcome == DNS_NODATA || outcome == DNS_NAME_ERROR ||
           outcome == DNS_DANGLING || outcome == DNS_LOOP || outcome == DNS_LONG;
}

void dns_host_take(struct dns_walk *walk, struct dns_host *host,
                   const struct dns_question *question)
{
    int family = (int)DNS_NUMBER_OF(question);
    struct dns_answer answer = {.outcome = DNS_NOT_ASKED};
    walk->spot_open--;
    host->by[family].asking = false;
    walk->no_memory =
        !dns_answer_read(question, &walk->zone, walk->now, &answer) || walk->no_memory;
    host->alias = host->alias || answer.link_count > 0;
    bool told = dns_host_is_told_by(answer.outcome);
    host->by[family].told = host->by[family].told || told;
    for (size_t i = 0; told && i < answer.address_count; i++)
        dns_host_use_address(walk, host, &host->by[family].own, &answer.addresses[i]);
    dns_answer_free(&answer);
    ask_host(walk, host, DNS_V4);
    ask_host(walk, host, DNS_V6);
}

/* ---- who names an address ---- */

void dns_delegation_origin(const struct dns_walk *walk, const struct dns_address *address,
                           struct dns_origin *origin)
{
    int family = address->family == 6 ? DNS_V6 : DNS_V4;
    for (const struct dns_host *host = walk->hosts; host != NULL; host = host->next) {
        const struct dns_addresses *own =
            host->by[family].told ? &host->by[family].own : &host->by[family].at;
        bool known = host->by[family].told || host->by[family].known;
        bool glue = dns_addresses_have(&host->by[family].glue, address);
        if (!glue && !dns_addresses_have(own, address))
            continue;
        /* Who comes by the parent goes where the glue leads. */
        if (host->parent && (glue || !dns_host_has_glue(host)))
            origin->parent = true;
        if (dns_host_is_listed(walk, host) && (host->child || host->found) &&
            (!known || dns_addresses_have(own, address)))
            origin->child = true;
    }
}
