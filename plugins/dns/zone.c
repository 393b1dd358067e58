/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for the authoritative servers of a zone. With validation it is a module of its own,
 * since only that costs the loading of ldns. */
#include "plugins/dns/zone.h"

#include "common/module.h"
#include "plugins/dns/answer.h"
#ifdef DNS_VALIDATION
#include "plugins/dns/validate.h"

#include <ldns/ldns.h>
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static const enum dns_type address_types[DNS_FAMILIES] = {DNS_A, DNS_AAAA};

static struct dns_view *view_of(const struct dns_walk *walk, const struct dns_spot *spot)
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
    struct dns_answer *answers = view_of(walk, spot)->standby;
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
static void ask_spot(struct dns_walk *walk, struct dns_spot *spot)
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
        struct dns_view *view = view_of(walk, spot);
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
    name_view(walk, view_of(walk, spot), server);
    ask_spot(walk, spot);
}

static void add_given(struct dns_walk *walk, const struct dns_given *given)
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
    struct dns_view *view = view_of(walk, spot);
    view->origin.given = view->origin.given || !given->remembered;
    view->origin.remembered = view->origin.remembered || given->remembered;
    if (given->server != NULL && view->server == NULL)
        name_view(walk, view, given->server);
}

/* ---- what they answer ---- */

static void read_answer(struct dns_walk *walk, const struct dns_question *question,
                        struct dns_answer *answer, enum dns_family family)
{
    walk->no_memory = !dns_answer_read(question, &walk->zone, walk->now, answer) || walk->no_memory;
    dns_delegation_tail(walk, answer, family);
}

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

static struct dns_answer *answer_for(const struct dns_walk *walk,
                                     const struct dns_question *question)
{
    struct dns_view *view = view_of(walk, question->context);
    switch (DNS_PURPOSE_OF(question)) {
    case DNS_ASK_NAME:
        return &view->answers[DNS_NUMBER_OF(question)];
    case DNS_ASK_STANDBY:
        return &view->standby[DNS_NUMBER_OF(question)];
    default:
        return &view->random;
    }
}

static void take_answer(struct dns_walk *walk, struct dns_spot *spot, struct dns_question *question)
{
    unsigned family = DNS_NUMBER_OF(question) % DNS_FAMILIES;
    read_answer(walk, question, answer_for(walk, question), (enum dns_family)family);
#ifdef DNS_VALIDATION
    if (walk->request->dnssec && question->delivery == DNS_DELIVERED)
        keep(walk, &spot->answers, question);
#else
    (void)spot;
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
    struct dns_view *view = view_of(walk, spot);
    view->soa_outcome = dns_outcome_read(question, &walk->zone);
    if (view->soa_outcome != DNS_FOUND)
        return;
    dns_soa_read(&question->reply, DNS_ANSWER, &walk->zone, &view->soa);
    shows_that_it_serves(walk, spot);
}

static void take_servers(struct dns_walk *walk, struct dns_spot *spot,
                         const struct dns_question *question)
{
    struct dns_view *view = view_of(walk, spot);
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
    struct dns_view *view = view_of(walk, spot);
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
        dns_delegation_zone(walk, &zone, view_of(walk, spot)->label);
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
    dns_walk_why(walk->why_zone, "%.80s: %s", view_of(walk, spot)->label,
                 dns_walk_words(question, buffer));
    keep(walk, &spot->waiting, question);
}

static void take_waiting(struct dns_walk *walk, struct dns_spot *spot)
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

static void take_reply(struct dns_walk *walk, struct dns_question *question)
{
    struct dns_spot *spot = question->context;
    struct dns_view *view = view_of(walk, spot);
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
        ask_spot(walk, spot);
        take_waiting(walk, spot);
    }
}

void dns_zone_signed(struct dns_walk *walk)
{
    for (struct dns_spot *spot = walk->spots; spot != NULL; spot = spot->next)
        ask_keys(walk, spot);
}

/* ---- validation ---- */

#ifdef DNS_VALIDATION
static void validate_spot(struct dns_walk *walk, struct dns_spot *spot,
                          const struct dns_anchor *anchor, const char *why)
{
    for (const struct dns_kept *kept = spot->answers; kept != NULL; kept = kept->next) {
        struct dns_answer *answer = answer_for(walk, &kept->question);
        if (anchor == NULL) {
            answer->validity = DNS_INDETERMINATE;
            answer->validity_words = strdup(why);
            continue;
        }
        answer->validity =
            dns_validate(anchor, &walk->zone, spot->keys.bytes != NULL ? &spot->keys : NULL,
                         &kept->question.reply, walk->now, &answer->validity_words);
    }
}

/* NULL with the error. */
static struct dns_anchor *read_anchor(const struct dns_walk *walk, struct dr_error *error)
{
    const struct dns_keys *ds = &walk->facts->delegation.ds;
    if (!walk->zone_known)
        dr_error_set(error, DR_ERR_RESOLVE, "the zone is not known");
    else if (walk->request->anchor != NULL)
        return dns_anchor_read(NULL, walk->request->anchor, &walk->zone, error);
    else if (ds->known)
        return dns_anchor_read(ds->count > 0 ? &walk->ds : NULL, NULL, &walk->zone, error);
    else
        dr_error_set(error, DR_ERR_RESOLVE, "whether the zone above has a DS is not known");
    return NULL;
}

/* False where the file of --trust-anchor cannot be used. */
static bool validate(struct dns_walk *walk, struct dr_error *error)
{
    struct dr_error why = {.class = DR_ERR_NONE};
    if (!walk->request->dnssec)
        return true;
    struct dns_anchor *anchor = read_anchor(walk, &why);
    if (why.class == DR_ERR_USAGE) {
        *error = why;
        return false;
    }
    for (struct dns_spot *spot = walk->spots; spot != NULL; spot = spot->next)
        validate_spot(walk, spot, anchor, why.text);
    dns_anchor_free(anchor);
    return true;
}
#else
static bool validate(struct dns_walk *walk, struct dr_error *error)
{
    (void)walk;
    (void)error;
    return true;
}
#endif

/* ---- the end ---- */

/* Nobody knows the zone: what the servers given say is held against the name's own place, so that
 * it is known whether they answer at all. */
static void take_what_waits(struct dns_walk *walk)
{
    if (walk->zone_known)
        return;
    if (!dns_name_parent(&walk->request->name, &walk->zone))
        walk->zone = walk->request->name;
    walk->zone_known = true;
    for (struct dns_spot *spot = walk->spots; spot != NULL; spot = spot->next)
        take_waiting(walk, spot);
    walk->zone_known = false;
}

static void tell_origins(struct dns_walk *walk)
{
    for (struct dns_spot *spot = walk->spots; spot != NULL; spot = spot->next) {
        struct dns_origin *origin = &view_of(walk, spot)->origin;
        if (spot->port == walk->request->port)
            dns_delegation_origin(walk, &spot->address, origin);
        if (origin->given)
            origin->remembered = false;
    }
}

/* An address that a finder alone has named, and that the zone itself denies, is one from before a
 * change: nobody is sent there any more. */
static void drop_denied(struct dns_walk *walk)
{
    struct dns_facts *facts = walk->facts;
    size_t kept = 0;
    for (size_t i = 0; i < facts->view_count; i++) {
        struct dns_view view = facts->views[i];
        const struct dns_origin *origin = &view.origin;
        if (origin->given || origin->parent || origin->child || origin->remembered)
            facts->views[kept++] = view;
        else
            dns_view_free(&view);
    }
    facts->view_count = kept;
}

static int by_label(const void *a, const void *b)
{
    const struct dns_view *first = a;
    const struct dns_view *second = b;
    if (first->origin.given != second->origin.given)
        return first->origin.given ? -1 : 1;
    return strcmp(first->label, second->label);
}

static void free_spots(struct dns_walk *walk)
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

/* ---- the source ---- */

static const char *stage_of(const struct dns_walk *walk)
{
    if (!walk->zone_known)
        return "find the zone";
    return walk->spot_count == 0 ? "find the name servers" : "ask the name servers";
}

static void listen_to_all(struct dns_walk *walk)
{
    const char *stage = NULL;
    while (dns_delegation_waits(walk)) {
        if (stage != stage_of(walk))
            dr_task_stage(walk->task, stage = stage_of(walk));
        struct dns_question *question = dns_exchange_next(walk->exchange);
        if (question == NULL)
            return;
        if (DNS_PURPOSE_OF(question) >= DNS_ASK_ZONE && DNS_PURPOSE_OF(question) < DNS_ASK_HOST)
            take_reply(walk, question);
        else
            dns_delegation_take(walk, question);
    }
}

static void start(struct dns_walk *walk)
{
    for (size_t i = 0; i < walk->request->server_count; i++)
        add_given(walk, &walk->request->servers[i]);
    dns_delegation_start(walk);
    for (struct dns_spot *spot = walk->spots; !walk->zone_known && spot != NULL; spot = spot->next)
        ask_spot(walk, spot);
}

static bool report(struct dns_walk *walk, struct dr_error *error)
{
    struct dns_facts *facts = walk->facts;
    dns_delegation_report(walk);
    if (!validate(walk, error))
        return false;
    tell_origins(walk);
    drop_denied(walk);
    if (walk->no_memory || facts->no_memory) {
        facts->no_memory = true;
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    }
    if (facts->view_count == 0)
        return dr_error_set(error, DR_ERR_RESOLVE, "cannot learn the name servers of %.200s: %s",
                            walk->zone_known ? walk->zone_text : walk->request->name_text,
                            facts->delegation.trouble != NULL ? facts->delegation.trouble
                                                              : "no address");
    qsort(facts->views, facts->view_count, sizeof *facts->views, by_label);
    dr_task_trace(walk->task, 1, "%zu servers, %zu addresses", walk->host_count, facts->view_count);
    return true;
}

static double wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool walk_all(struct dns_walk *walk, struct dr_error *error)
{
    start(walk);
    listen_to_all(walk);
    take_what_waits(walk);
    listen_to_all(walk);
    return report(walk, error);
}

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    const struct dns_request *request = dr_task_request(task);
    const struct dns_exchange_rules rules = {
        .wait = request->wait,
        .tries = request->tries,
        .source4 = request->source4.family != 0 ? &request->source4 : NULL,
        .source6 = request->source6.family != 0 ? &request->source6 : NULL};
    struct dns_walk *walk = calloc(1, sizeof *walk);
    struct dns_exchange *exchange = dns_exchange_new(task, &rules);
    bool ok = false;
    if (walk != NULL && exchange != NULL) {
        *walk = (struct dns_walk){.task = task,
                                  .request = request,
                                  .facts = facts,
                                  .exchange = exchange,
                                  .now = request->at != 0 ? request->at : wall_clock()};
        ok = walk_all(walk, error);
        free_spots(walk);
        dns_delegation_free(walk);
    } else
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    dns_exchange_free(exchange);
    free(walk);
    return ok;
}

#ifdef DNS_VALIDATION
static const char *validator(void)
{
    static char text[40];
    snprintf(text, sizeof text, "ldns %s", ldns_version());
    return text;
}

extern const struct dr_source DR_SOURCE_SYMBOL(dns, zonesec);
const struct dr_source DR_SOURCE_SYMBOL(dns, zonesec) = {
    .abi = DR_SOURCE_ABI,
    .group = "dns",
    .name = "zonesec",
    .facts_size = sizeof(struct dns_facts),
    .library = validator,
    .probe = probe,
};
#endif

/* As modules the two are files of their own. */
#if defined DR_STATIC_SOURCES || !defined DNS_VALIDATION
static const char *library(void)
{
    return "no library";
}

extern const struct dr_source DR_SOURCE_SYMBOL(dns, zone);
const struct dr_source DR_SOURCE_SYMBOL(dns, zone) = {
    .abi = DR_SOURCE_ABI,
    .group = "dns",
    .name = "zone",
    .facts_size = sizeof(struct dns_facts),
    .library = library,
    .probe = probe,
};
#endif
