/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/answer.h"
#include "plugins/dns/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const enum dns_type address_types[DNS_FAMILIES] = {DNS_A, DNS_AAAA};

struct dns_view *dns_spot_view(const struct dns_walk *walk, const struct dns_spot *spot)
{
    return &walk->facts->views[spot->number];
}

/* ---- what a server is asked ---- */

static void ask(struct dns_walk *walk, struct dns_spot *spot, const struct dns_name *name,
                unsigned type, unsigned purpose)
{
    if (dns_walk_ask(walk, &spot->address, spot->port, name, type, purpose, spot))
        walk->spot_open++;
}

static void ask_name(struct dns_walk *walk, struct dns_spot *spot)
{
    for (unsigned family = 0; !spot->named && family < DNS_FAMILIES; family++) {
        if (walk->request->wants[family])
            ask(walk, spot, &walk->request->name, address_types[family],
                DNS_PURPOSE(DNS_ASK_NAME, family));
    }
    spot->named = true;
}

/* A name outside the zone is not the server's to say: it is its own tail. */
static void leave_standby(struct dns_walk *walk, struct dns_answer *answer,
                          const struct dns_name *name, enum dns_family family)
{
    char text[DNS_NAME_TEXT];
    answer->outcome = DNS_LEAVES;
    answer->end = strdup(dns_name_text(name, text));
    walk->no_memory = walk->no_memory || answer->end == NULL;
    dns_delegation_tail(walk, answer, family);
}

static void ask_standby(struct dns_walk *walk, struct dns_spot *spot)
{
    struct dns_answer *answers = dns_spot_view(walk, spot)->standby;
    for (size_t i = 0; i < walk->request->standby_count; i++) {
        const struct dns_name *name = &walk->request->standby[i];
        for (unsigned family = 0; family < DNS_FAMILIES; family++) {
            if (dns_name_within(name, &walk->zone))
                ask(walk, spot, name, address_types[family],
                    DNS_PURPOSE(DNS_ASK_STANDBY, DNS_FAMILIES * i + family));
            else
                leave_standby(walk, &answers[DNS_FAMILIES * i + family], name,
                              (enum dns_family)family);
        }
    }
}

static void ask_random(struct dns_walk *walk, struct dns_spot *spot)
{
    unsigned family = walk->request->wants[DNS_V4] ? DNS_V4 : DNS_V6;
    if (walk->random.length > 0)
        ask(walk, spot, &walk->random, address_types[family], DNS_PURPOSE(DNS_ASK_RANDOM, family));
}

static void ask_keys(struct dns_walk *walk, struct dns_spot *spot)
{
    if (!spot->keyed)
        ask(walk, spot, &walk->zone, DNS_DNSKEY, DNS_PURPOSE(DNS_ASK_KEYS, 0));
    spot->keyed = true;
}

/* All at once: a server that is silent costs one wait. */
void dns_spot_ask(struct dns_walk *walk, struct dns_spot *spot)
{
    ask_name(walk, spot);
    if (!walk->zone_known) {
        spot->at = walk->request->name;
        ask(walk, spot, &spot->at, DNS_SOA, DNS_PURPOSE(DNS_ASK_ZONE, 0));
        return;
    }
    if (spot->asked)
        return;
    spot->asked = true;
    if (spot->at.length == 0 || !dns_name_equal(&spot->at, &walk->zone))
        ask(walk, spot, &walk->zone, DNS_SOA, DNS_PURPOSE(DNS_ASK_SOA, 0));
    ask(walk, spot, &walk->zone, DNS_NS, DNS_PURPOSE(DNS_ASK_SERVERS, 0));
    ask_random(walk, spot);
    ask_standby(walk, spot);
    if (walk->request->dnssec || walk->facts->delegation.ds.count > 0)
        ask_keys(walk, spot);
}

/* ---- servers ---- */

static struct dns_spot *spot_at(const struct dns_walk *walk, const struct dns_address *address,
                                int port)
{
    for (struct dns_spot *spot = walk->spots; spot != NULL; spot = spot->next) {
        if (dns_address_equal(&spot->address, address) && spot->port == port)
            return spot;
    }
    return NULL;
}

static struct dns_spot *add_spot(struct dns_walk *walk, const char *label,
                                 const struct dns_address *address, int port)
{
    struct dns_spot **end = &walk->spots;
    while (*end != NULL)
        end = &(*end)->next;
    if (walk->spot_count == DNS_VIEWS_MAX) {
        walk->crowded = true;
        return NULL;
    }
    struct dns_spot *spot = calloc(1, sizeof *spot);
    struct dns_view *view =
        spot != NULL ? dns_facts_view(walk->facts, label, walk->request->standby_count) : NULL;
    if (view == NULL) {
        walk->no_memory = true;
        free(spot);
        return NULL;
    }
    view->address = *address;
    spot->number = walk->spot_count++;
    spot->address = *address;
    spot->port = port;
    *end = spot;
    return spot;
}

static void name_view(struct dns_walk *walk, struct dns_view *view, const char *server)
{
    free(view->server);
    view->server = strdup(server);
    walk->no_memory = walk->no_memory || view->server == NULL;
}

static void label_view(struct dns_walk *walk, struct dns_view *view, const char *label)
{
    char *copy = strdup(label);
    if (copy == NULL) {
        walk->no_memory = true;
        return;
    }
    free(view->label);
    view->label = copy;
}

/* Two names for one address: the first by the alphabet, so that the label does not depend on who
 * answers first. */
void dns_zone_server(struct dns_walk *walk, const char *server, const struct dns_address *address)
{
    char at[DNS_ADDRESS_TEXT];
    char label[DNS_NAME_TEXT + DNS_ADDRESS_TEXT];
    const struct dns_request *request = walk->request;
    if (!dns_walk_wants(walk, address))
        return;
    snprintf(label, sizeof label, "%s/%s", server, dns_address_text(address, at));
    struct dns_spot *spot = spot_at(walk, address, request->port);
    if (spot != NULL) {
        struct dns_view *view = dns_spot_view(walk, spot);
        bool found = !view->origin.given && !view->origin.remembered;
        if (view->server != NULL && strcmp(view->server, server) <= 0)
            return;
        if (view->server == NULL || found)
            name_view(walk, view, server);
        if (found)
            label_view(walk, view, label);
        return;
    }
    spot = add_spot(walk, label, address, request->port);
    if (spot == NULL)
        return;
    name_view(walk, dns_spot_view(walk, spot), server);
    dns_spot_ask(walk, spot);
}

void dns_zone_add(struct dns_walk *walk, const struct dns_given *given)
{
    const struct dns_request *request = walk->request;
    if (given->remembered && !dns_walk_wants(walk, &given->address))
        return;
    int port = given->port != 0 ? given->port : request->port;
    struct dns_spot *spot = spot_at(walk, &given->address, port);
    if (spot == NULL)
        spot = add_spot(walk, given->label, &given->address, port);
    if (spot == NULL)
        return;
    struct dns_view *view = dns_spot_view(walk, spot);
    view->origin.given = view->origin.given || !given->remembered;
    view->origin.remembered = view->origin.remembered || given->remembered;
    if (given->server != NULL && view->server == NULL)
        name_view(walk, view, given->server);
}

/* ---- what they answer ---- */

/* It is kept, and the exchange has none any more. */
static void keep(struct dns_walk *walk, struct dns_kept **list, struct dns_question *question)
{
    struct dns_kept *kept = calloc(1, sizeof *kept);
    if (kept == NULL) {
        walk->no_memory = true;
        return;
    }
    kept->question = *question;
    question->reply = (struct dns_message){.bytes = NULL};
    while (*list != NULL)
        list = &(*list)->next;
    *list = kept;
}

struct dns_answer *dns_spot_answer(const struct dns_walk *walk, const struct dns_question *question)
{
    struct dns_view *view = dns_spot_view(walk, question->context);
    switch (DNS_PURPOSE_OF(question)) {
    case DNS_ASK_NAME:
        return &view->answers[DNS_NUMBER_OF(question)];
    case DNS_ASK_STANDBY:
        return &view->standby[DNS_NUMBER_OF(question)];
    case DNS_ASK_REST:
        return DNS_NUMBER_OF(question) < DNS_FAMILIES
                   ? &view->answers[DNS_NUMBER_OF(question)]
                   : &view->standby[DNS_NUMBER_OF(question) - DNS_FAMILIES];
    default:
        return &view->random;
    }
}

/* A server may leave out the end of a chain that lies in its own zone: balancers do, and Knot after
 * some links. Nobody but itself can say what it says of that. */
static bool ask_rest(struct dns_walk *walk, struct dns_spot *spot,
                     const struct dns_question *question, const struct dns_answer *answer)
{
    enum dns_purpose purpose = DNS_PURPOSE_OF(question);
    unsigned number = DNS_NUMBER_OF(question) + (purpose == DNS_ASK_STANDBY ? DNS_FAMILIES : 0);
    struct dns_name end;
    if (answer->outcome != DNS_LEAVES || purpose == DNS_ASK_RANDOM || answer->end == NULL ||
        answer->link_count >= DNS_LINKS_MAX || !dns_name_read(answer->end, &end, NULL) ||
        !dns_name_within(&end, &walk->zone))
        return false;
    ask(walk, spot, &end, question->query.type, DNS_PURPOSE(DNS_ASK_REST, number));
    return true;
}

static void read_answer(struct dns_walk *walk, struct dns_spot *spot,
                        const struct dns_question *question, enum dns_family family)
{
    struct dns_answer *answer = dns_spot_answer(walk, question);
    struct dns_answer rest = {.outcome = DNS_NOT_ASKED};
    bool second = DNS_PURPOSE_OF(question) == DNS_ASK_REST;
    bool ok = dns_answer_read(question, &walk->zone, walk->now, second ? &rest : answer);
    bool below = rest.outcome == DNS_LAME;
    if (second)
        ok = dns_answer_join(answer, &rest) && ok;
    walk->no_memory = walk->no_memory || !ok;
    if (below || !ask_rest(walk, spot, question, answer))
        dns_delegation_tail(walk, answer, family);
}

static void take_answer(struct dns_walk *walk, struct dns_spot *spot, struct dns_question *question)
{
    unsigned family = DNS_NUMBER_OF(question) % DNS_FAMILIES;
    read_answer(walk, spot, question, (enum dns_family)family);
#ifdef DNS_VALIDATION
    if (walk->request->dnssec && question->delivery == DNS_DELIVERED)
        keep(walk, &spot->answers, question);
#endif
}

static void shows_that_it_serves(struct dns_walk *walk, struct dns_spot *spot)
{
    if (spot->serves)
        return;
    spot->serves = true;
    dns_delegation_hosts(walk);
}

static void take_soa(struct dns_walk *walk, struct dns_spot *spot,
                     const struct dns_question *question)
{
    struct dns_view *view = dns_spot_view(walk, spot);
    if (dns_outcome_read(question, &walk->zone) != DNS_FOUND)
        return;
    dns_soa_read(&question->reply, DNS_ANSWER, &walk->zone, &view->soa);
    shows_that_it_serves(walk, spot);
}

static void take_servers(struct dns_walk *walk, struct dns_spot *spot,
                         const struct dns_question *question)
{
    struct dns_view *view = dns_spot_view(walk, spot);
    if (dns_outcome_read(question, &walk->zone) != DNS_FOUND)
        return;
    walk->no_memory =
        !dns_servers_read(&question->reply, DNS_ANSWER, &walk->zone, &view->servers) ||
        walk->no_memory;
    shows_that_it_serves(walk, spot);
    dns_delegation_servers(walk, &view->servers);
}

static void take_keys(struct dns_walk *walk, struct dns_spot *spot, struct dns_question *question)
{
    struct dns_view *view = dns_spot_view(walk, spot);
    enum dns_outcome outcome = dns_outcome_read(question, &walk->zone);
    if (outcome == DNS_FOUND || outcome == DNS_NODATA)
        walk->no_memory = !dns_keys_read(&question->reply, DNS_DNSKEY, &walk->zone, &view->keys) ||
                          walk->no_memory;
    if (question->delivery != DNS_DELIVERED)
        return;
    spot->keys = question->reply;
    question->reply = (struct dns_message){.bytes = NULL};
}

static void take(struct dns_walk *walk, struct dns_spot *spot, struct dns_question *question);

/* A given server was asked for the SOA of the name, since nobody knew the zone. */
static void take_zone(struct dns_walk *walk, struct dns_spot *spot, struct dns_question *question)
{
    struct dns_name zone;
    enum dns_seek seek = dns_delegation_seek(question, true, &zone);
    if (seek == DNS_SEEK_FOUND)
        dns_delegation_zone(walk, &zone, dns_spot_view(walk, spot)->label);
    if (walk->zone_known) {
        if (dns_name_equal(&question->query.name, &walk->zone))
            take_soa(walk, spot, question);
        return;
    }
    if (seek == DNS_SEEK_ABOVE) {
        spot->at = zone;
        ask(walk, spot, &zone, DNS_SOA, DNS_PURPOSE(DNS_ASK_ZONE, 0));
        return;
    }
    char buffer[DNS_RCODE_TEXT];
    dns_walk_why(walk->why_zone, "%.80s: %s", dns_spot_view(walk, spot)->label,
                 dns_walk_words(question, buffer));
    keep(walk, &spot->waiting, question);
}

void dns_spot_take_waiting(struct dns_walk *walk, struct dns_spot *spot)
{
    while (spot->waiting != NULL) {
        struct dns_kept *kept = spot->waiting;
        spot->waiting = kept->next;
        take(walk, spot, &kept->question);
        dns_message_free(&kept->question.reply);
        free(kept);
    }
}

static void take(struct dns_walk *walk, struct dns_spot *spot, struct dns_question *question)
{
    enum dns_purpose purpose = DNS_PURPOSE_OF(question);
    if (purpose == DNS_ASK_ZONE)
        take_zone(walk, spot, question);
    else if (purpose == DNS_ASK_SOA)
        take_soa(walk, spot, question);
    else if (purpose == DNS_ASK_SERVERS)
        take_servers(walk, spot, question);
    else if (purpose == DNS_ASK_KEYS)
        take_keys(walk, spot, question);
    else if (walk->zone_known)
        take_answer(walk, spot, question);
    else
        keep(walk, &spot->waiting, question);
}

void dns_zone_take(struct dns_walk *walk, struct dns_question *question)
{
    struct dns_spot *spot = question->context;
    struct dns_view *view = dns_spot_view(walk, spot);
    walk->spot_open--;
    if (question->delivery == DNS_DELIVERED)
        dns_signatures_read(&question->reply, walk->now, &view->signed_for, &view->signed_life);
    take(walk, spot, question);
}

/* ---- what becomes known on the way ---- */

/* A name beside the one that is asked for, which a wildcard would answer as well. */
static void make_random(struct dns_walk *walk)
{
    uint8_t bytes[6];
    char label[32];
    struct dns_name beside;
    if (!walk->request->random || getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return;
    snprintf(label, sizeof label, "dr-check-%02x%02x%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2],
             bytes[3], bytes[4], bytes[5]);
    if (!dns_name_parent(&walk->request->name, &beside) || !dns_name_within(&beside, &walk->zone))
        beside = walk->zone;
    if (!dns_name_prefix(label, &beside, &walk->random))
        walk->random.length = 0;
}

void dns_zone_known(struct dns_walk *walk)
{
    make_random(walk);
    for (struct dns_spot *spot = walk->spots; spot != NULL; spot = spot->next) {
        dns_spot_ask(walk, spot);
        dns_spot_take_waiting(walk, spot);
    }
}

void dns_zone_signed(struct dns_walk *walk)
{
    for (struct dns_spot *spot = walk->spots; spot != NULL; spot = spot->next)
        ask_keys(walk, spot);
}

void dns_zone_free(struct dns_walk *walk)
{
    while (walk->spots != NULL) {
        struct dns_spot *spot = walk->spots;
        walk->spots = spot->next;
        for (struct dns_kept *kept = spot->waiting; kept != NULL; kept = spot->waiting) {
            spot->waiting = kept->next;
            dns_message_free(&kept->question.reply);
            free(kept);
        }
        for (struct dns_kept *kept = spot->answers; kept != NULL; kept = spot->answers) {
            spot->answers = kept->next;
            dns_message_free(&kept->question.reply);
            free(kept);
        }
        dns_message_free(&spot->keys);
        free(spot);
    }
}
