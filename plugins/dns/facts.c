/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/facts.h"

#include "common/buffer.h"

#include <stdlib.h>
#include <string.h>

#define LABEL_MAX_BYTES 300

/* Grows an array by one element, doubling it: false when out of memory. */
static bool grow(void **items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return true;
    void *more = realloc(*items, (count == 0 ? 1 : 2 * count) * size);
    if (more == NULL)
        return false;
    *items = more;
    return true;
}

struct dns_view *dns_facts_view(struct dns_facts *facts, const char *label, size_t standby)
{
    void *items = facts->views;
    struct dns_view view = {.label = dr_text_clean(label, LABEL_MAX_BYTES),
                            .standby_count = standby};
    if (standby > 0)
        view.standby = calloc(standby * DNS_FAMILIES, sizeof *view.standby);
    bool room = grow(&items, facts->view_count, sizeof *facts->views);
    facts->views = items;
    if (!room || view.label == NULL || (standby > 0 && view.standby == NULL)) {
        free(view.label);
        free(view.standby);
        facts->no_memory = true;
        return NULL;
    }
    facts->views[facts->view_count] = view;
    return &facts->views[facts->view_count++];
}

/* In lower case, as a set is kept. A name as long as can be is not cut: two that differ at the end
 * are two. */
static char *server_name(const char *name)
{
    char *text = dr_text_clean(name, DNS_NAME_TEXT);
    for (char *p = text; p != NULL && *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    }
    return text;
}

bool dns_servers_add(struct dns_servers *servers, const char *name)
{
    char *text = server_name(name);
    if (text == NULL)
        return false;
    size_t at = 0;
    while (at < servers->count && strcmp(servers->names[at], text) < 0)
        at++;
    if (at < servers->count && strcmp(servers->names[at], text) == 0) {
        free(text);
        return true;
    }
    void *items = servers->names;
    bool room = grow(&items, servers->count, sizeof *servers->names);
    servers->names = items;
    if (!room) {
        free(text);
        return false;
    }
    memmove(servers->names + at + 1, servers->names + at,
            (servers->count - at) * sizeof *servers->names);
    servers->names[at] = text;
    servers->count++;
    return true;
}

bool dns_servers_have(const struct dns_servers *servers, const char *name)
{
    for (size_t i = 0; i < servers->count; i++) {
        if (strcmp(servers->names[i], name) == 0)
            return true;
    }
    return false;
}

bool dns_servers_same(const struct dns_servers *a, const struct dns_servers *b)
{
    if (!a->known || !b->known || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->names[i], b->names[i]) != 0)
            return false;
    }
    return true;
}

bool dns_keys_add(struct dns_keys *keys, unsigned tag, unsigned algorithm)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->items[i].tag == tag && keys->items[i].algorithm == algorithm)
            return true;
    }
    void *items = keys->items;
    bool room = grow(&items, keys->count, sizeof *keys->items);
    keys->items = items;
    if (!room)
        return false;
    keys->items[keys->count++] = (struct dns_key){.tag = tag, .algorithm = algorithm};
    return true;
}

void dns_answer_free(struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->link_count; i++) {
        free(answer->links[i].owner);
        free(answer->links[i].target);
    }
    free(answer->links);
    free(answer->words);
    free(answer->end);
    free(answer->addresses);
    free(answer->validity_words);
    free(answer->nsid);
    *answer = (struct dns_answer){.outcome = DNS_NOT_ASKED};
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

void dns_view_free(struct dns_view *view)
{
    for (size_t i = 0; i < DNS_FAMILIES; i++)
        dns_answer_free(&view->answers[i]);
    for (size_t i = 0; i < view->standby_count * DNS_FAMILIES; i++)
        dns_answer_free(&view->standby[i]);
    dns_answer_free(&view->random);
    free(view->standby);
    free_names(view->servers.names, view->servers.count);
    free(view->keys.items);
    free(view->label);
    free(view->server);
}

static void free_delegation(struct dns_delegation *delegation)
{
    for (size_t i = 0; i < delegation->glue_count; i++)
        free(delegation->glue[i].server);
    free(delegation->glue);
    free_names(delegation->servers.names, delegation->servers.count);
    free_names(delegation->aliases, delegation->alias_count);
    free_names(delegation->lost, delegation->lost_count);
    free(delegation->ds.items);
    free(delegation->zone);
    free(delegation->parent);
    free(delegation->trouble);
}

void dns_facts_free(void *pointer)
{
    struct dns_facts *facts = pointer;
    for (size_t i = 0; i < facts->view_count; i++)
        dns_view_free(&facts->views[i]);
    for (size_t i = 0; i < facts->tail_count; i++) {
        for (size_t family = 0; family < DNS_FAMILIES; family++)
            dns_answer_free(&facts->tails[i].answers[family]);
        free(facts->tails[i].name);
    }
    free(facts->views);
    free(facts->tails);
    free_delegation(&facts->delegation);
    *facts = (struct dns_facts){.views = NULL};
}
