/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/delegation_parts.h"

#include "common/buffer.h"
#include "plugins/dns/zone.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- asking ---- */

bool dns_walk_wants(const struct dns_walk *walk, const struct dns_address *address)
{
    return address->family == 6 ? walk->request->family6 : walk->request->family4;
}

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

/* ---- what follows ---- */

void dns_delegation_take(struct dns_walk *walk, struct dns_question *question)
{
    switch (DNS_PURPOSE_OF(question)) {
    case DNS_FIND:
        dns_find_take(walk, question->context, question);
        break;
    case DNS_ASK_HOST:
        dns_host_take(walk, question->context, question);
        break;
    default:
        dns_parent_take(walk, question);
    }
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
    if (dns_walk_wants_hosts(walk) && dns_find(walk, DNS_LOOK_SERVERS, zone, DNS_NS) == NULL)
        dns_walk_why(walk->why_servers, "there is no resolver to ask");
    dns_parent_start(walk);
}

void dns_delegation_start(struct dns_walk *walk)
{
    const struct dns_request *request = walk->request;
    for (size_t i = 0; i < request->parent_count; i++)
        dns_place_add(walk, request->parents[i].label, &request->parents[i].address,
                      request->parents[i].port);
    if (request->zone.length > 0) {
        dns_delegation_zone(walk, &request->zone, "--zone");
        return;
    }
    for (struct dns_place *place = walk->places; place != NULL; place = place->next)
        dns_place_ask(walk, place);
    if (dns_walk_wants_hosts(walk) &&
        dns_find(walk, DNS_LOOK_ZONE, &request->name, DNS_SOA) == NULL)
        dns_walk_why(walk->why_zone, "there is no resolver to ask");
}

bool dns_delegation_waits(const struct dns_walk *walk)
{
    return walk->spot_open > 0 || (walk->place_open > 0 && !dns_parent_is_known(walk)) ||
           dns_find_waits(walk);
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
        .parent = dns_addresses_have(&host->by[family].glue, address),
        .own = dns_addresses_have(
            host->by[family].told ? &host->by[family].own : &host->by[family].at, address)};
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
            ok = dns_addresses_have(glue, &own->items[i]) ||
                 add_glue(delegation, host, family, &own->items[i]);
    }
    return ok;
}

static bool report_host(struct dns_walk *walk, const struct dns_host *host)
{
    struct dns_delegation *delegation = &walk->facts->delegation;
    bool known[DNS_FAMILIES];
    bool ok = true;
    if (!dns_host_is_listed(walk, host))
        return true;
    for (int family = 0; family < DNS_FAMILIES; family++)
        known[family] = host->by[family].told || host->by[family].known;
    if (host->alias)
        ok = add_text(&delegation->aliases, &delegation->alias_count, host->text);
    if (known[DNS_V4] && known[DNS_V6] && !dns_host_has_any(host))
        ok = add_text(&delegation->lost, &delegation->lost_count, host->text) && ok;
    else if (!dns_host_has_glue(host) && !(known[DNS_V4] && known[DNS_V6]))
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
    bool above = walk->zone_known && dns_name_labels(&walk->zone) > 0 && dns_parent_is_wanted(walk);
    if (!walk->zone_known)
        add_trouble(text, "the zone is not known", walk->why_zone);
    if (above && !delegation->servers.known)
        add_trouble(text, "what the zone above says is not known", walk->why_parent);
    else if (above && !delegation->ds.known)
        add_trouble(text, "whether the zone above has a DS is not known", walk->why_ds);
    if (walk->zone_known && dns_walk_wants_hosts(walk) && walk->hosts == NULL)
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
