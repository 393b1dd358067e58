/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for the authoritative servers of a zone. With validation it is a module of its own,
 * since only that costs the loading of ldns. */
#include "plugins/dns/zone.h"

#include "common/module.h"
#ifdef DNS_VALIDATION
#include "plugins/dns/validate.h"

#include <ldns/ldns.h>
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- validation ---- */

#ifdef DNS_VALIDATION
/* An answer in two halves is worth what the worse of them is. */
static void judge_worth(struct dns_answer *answer, enum dns_validity validity, char *words)
{
    bool worse = answer->validity == DNS_NOT_VALIDATED || answer->validity == DNS_SECURE ||
                 validity == DNS_INVALID;
    if (!worse) {
        free(words);
        return;
    }
    free(answer->validity_words);
    answer->validity = validity;
    answer->validity_words = words;
}

static void validate_spot(struct dns_walk *walk, struct dns_spot *spot,
                          const struct dns_anchor *anchor, const char *why)
{
    for (const struct dns_kept *kept = spot->answers; kept != NULL; kept = kept->next) {
        struct dns_answer *answer = dns_spot_answer(walk, &kept->question);
        char *words = NULL;
        enum dns_validity validity = DNS_INDETERMINATE;
        if (anchor == NULL)
            words = strdup(why);
        else
            validity =
                dns_validate(anchor, &walk->zone, spot->keys.bytes != NULL ? &spot->keys : NULL,
                             &kept->question.reply, walk->now, &words);
        judge_worth(answer, validity, words);
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
        dns_spot_take_waiting(walk, spot);
    walk->zone_known = false;
}

static void tell_origins(struct dns_walk *walk)
{
    for (struct dns_spot *spot = walk->spots; spot != NULL; spot = spot->next) {
        struct dns_origin *origin = &dns_spot_view(walk, spot)->origin;
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
            dns_zone_take(walk, question);
        else
            dns_delegation_take(walk, question);
    }
}

static void start(struct dns_walk *walk)
{
    for (size_t i = 0; i < walk->request->server_count; i++)
        dns_zone_add(walk, &walk->request->servers[i]);
    dns_delegation_start(walk);
    for (struct dns_spot *spot = walk->spots; !walk->zone_known && spot != NULL; spot = spot->next)
        dns_spot_ask(walk, spot);
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
        dns_zone_free(walk);
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
