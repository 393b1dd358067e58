/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers that an earlier run has found are asked again, since in a disaster nobody may be left who
 * names them. Where somebody is, those that were taken out or have moved since are nobody's any
 * more, whatever they say themselves: a server that was left running still names itself. */
#include "plugins/dns/judge_parts.h"

#include <stdlib.h>
#include <string.h>

static bool is_found(const struct dns_view *view)
{
    return view->origin.parent || view->origin.child;
}

/* Those that people come to first: by the parent, where it is known. */
static bool is_first(const struct dns_facts *facts, const struct dns_view *view)
{
    const struct dns_servers *parent = &facts->delegation.servers;
    return view->server == NULL || view->origin.given || !view->origin.remembered ||
           (parent->known ? view->origin.parent || dns_servers_have(parent, view->server)
                          : is_found(view));
}

static bool is_named(const struct dns_facts *facts, const bool *known, const char *server)
{
    for (size_t i = 0; i < facts->view_count; i++) {
        if (known[i] && dns_servers_have(&facts->views[i].servers, server))
            return true;
    }
    return false;
}

/* Those, whom they name, whom these name, and so on. */
static void find_known(const struct dns_facts *facts, bool *known)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < facts->view_count; i++) {
            const struct dns_view *view = &facts->views[i];
            if (known[i] || !(is_first(facts, view) || is_named(facts, known, view->server)))
                continue;
            known[i] = more = true;
        }
    }
}

/* Its name is still that of a server, whose address is another one now. */
static bool has_moved(const struct dns_facts *facts, const struct dns_view *view)
{
    if (!view->origin.remembered || view->origin.given || is_found(view) || view->server == NULL)
        return false;
    for (size_t i = 0; i < facts->view_count; i++) {
        const struct dns_view *other = &facts->views[i];
        if (is_found(other) && other->server != NULL && strcmp(other->server, view->server) == 0)
            return true;
    }
    return false;
}

/* Whether there is anybody who would have named it. */
static bool is_missed(const struct dns_facts *facts, const bool *known, const struct dns_view *view)
{
    if (facts->delegation.servers.known && !is_found(view))
        return true;
    for (size_t i = 0; i < facts->view_count; i++) {
        if (known[i] && is_found(&facts->views[i]) && facts->views[i].servers.known)
            return true;
    }
    return false;
}

bool *find_gone(const struct dns_facts *facts)
{
    size_t count = facts != NULL ? facts->view_count : 0;
    bool *known = calloc(count + 1, sizeof *known), *gone = calloc(count + 1, sizeof *gone);
    if (known != NULL && gone != NULL && count > 0) {
        find_known(facts, known);
        for (size_t i = 0; i < count; i++)
            gone[i] = has_moved(facts, &facts->views[i]) ||
                      (!known[i] && is_missed(facts, known, &facts->views[i]));
    }
    if (known == NULL) {
        free(gone);
        gone = NULL;
    }
    free(known);
    return gone;
}
