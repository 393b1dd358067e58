/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Units that should say the same: versions of instances and of sites, the cluster that nodes are a
 * part of, balancers about the same servers. */
#include "plugins/liveness/judge_parts.h"

#include <string.h>

static bool is_seen(const struct view *view)
{
    return view->unit != NULL && !view->left_out;
}

static bool differs(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) != 0;
}

/* ---- versions ---- */

/* Instances of one name run the same version; deployments of a namespace need not. */
static void judge_versions(struct judge *judge, size_t which)
{
    const struct view *first = NULL;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!is_seen(view) || view->pool != which || view->kind != LIV_INSTANCE ||
            view->unit->version == NULL)
            continue;
        if (first == NULL)
            first = view;
        if (differs(first->unit->version, view->unit->version)) {
            dr_finding_next(dr_result_add(judge->result, DR_WARNING, view->name,
                                          "has %s, %s has %s", view->unit->version, first->name,
                                          first->unit->version),
                            "users get one or the other: finish the roll-out, or take it back");
            return;
        }
    }
}

/* The unit of another site that does the same: of the same name, or an instance of the same kind.
 */
static const struct view *counterpart(const struct judge *judge, const struct view *view)
{
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *other = &judge->views[i];
        if (!is_seen(other) || other->unit->version == NULL || other->kind != view->kind ||
            other->asked->product != view->asked->product ||
            site_of(judge, other->asked)->role != ROLE_ACTIVE)
            continue;
        if (view->kind != LIV_WORKLOAD || strcmp(view->unit->name, other->unit->name) == 0)
            return other;
    }
    return NULL;
}

/* A passive site that runs another version is not the same site. */
static void judge_site_versions(struct judge *judge)
{
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        struct site *site = site_of(judge, view->asked);
        if (!is_seen(view) || site->role != ROLE_PASSIVE || view->unit->version == NULL ||
            (view->kind != LIV_INSTANCE && view->kind != LIV_WORKLOAD))
            continue;
        const struct view *other = counterpart(judge, view);
        if (other == NULL || !differs(other->unit->version, view->unit->version))
            continue;
        dr_finding_next(dr_result_add(judge->result, DR_WARNING, view->name,
                                      "has %s, the active site has %s", view->unit->version,
                                      other->unit->version),
                        "bring the passive site to the same version before it is needed");
        site->state = dr_state_worst(site->state, DR_WARNING);
    }
}

/* ---- clusters ---- */

static void judge_clusters(struct judge *judge)
{
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *first = &judge->views[i];
        if (!is_seen(first) || first->unit->cluster == NULL)
            continue;
        for (size_t j = i + 1; j < judge->view_count; j++) {
            const struct view *view = &judge->views[j];
            if (!is_seen(view) || strcmp(view->asked->group, first->asked->group) != 0)
                continue;
            bool apart = differs(first->unit->cluster, view->unit->cluster);
            if (!apart && !differs(first->unit->leader, view->unit->leader))
                continue;
            dr_finding_next(
                dr_result_add(judge->result, DR_CRITICAL, view->name,
                              "split: its %s is %s, that of %s is %s", apart ? "cluster" : "leader",
                              apart ? view->unit->cluster : view->unit->leader, first->name,
                              apart ? first->unit->cluster : first->unit->leader),
                "two halves that both take writes grow apart: stop one of them");
            return;
        }
    }
}

/* Two hosts that lead to one node would count it twice. */
static void judge_members(struct judge *judge)
{
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *first = &judge->views[i];
        for (size_t j = i + 1; is_seen(first) && j < judge->view_count; j++) {
            const struct view *view = &judge->views[j];
            if (!is_seen(view) || view->kind != LIV_MEMBER || first->kind != LIV_MEMBER ||
                strcmp(view->asked->group, first->asked->group) != 0 ||
                strcmp(view->unit->name, first->unit->name) != 0 ||
                differs(view->unit->cluster, first->unit->cluster))
                continue;
            dr_finding_next(dr_result_add(judge->result, DR_UNKNOWN, view->name,
                                          "the same node as %s: it was counted twice", first->name),
                            "give the nodes themselves, not a balancer before them");
        }
    }
}

/* ---- balancers ---- */

static const struct view *same_server(const struct judge *judge, const struct liv_asked *balancer,
                                      const struct view *wanted)
{
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (is_seen(view) && view->asked == balancer && view->kind == wanted->kind &&
            strcmp(view->unit->name, wanted->unit->name) == 0)
            return view;
    }
    return NULL;
}

static void compare_server(struct judge *judge, const struct view *view,
                           const struct liv_asked *balancer)
{
    const struct view *other = same_server(judge, balancer, view);
    if (other == NULL)
        dr_result_add(judge->result, DR_WARNING, balancer->label,
                      "does not have the server %s that %s has", view->unit->name,
                      view->asked->label);
    else if (view->asked < balancer && other->on_purpose != view->on_purpose)
        dr_result_add(judge->result, DR_WARNING, view->unit->name,
                      "%s has taken it out, %s has not",
                      view->on_purpose ? view->asked->label : balancer->label,
                      view->on_purpose ? balancer->label : view->asked->label);
    else if (view->asked < balancer && other->works != view->works &&
             other->works != LIV_SAYS_NOTHING && view->works != LIV_SAYS_NOTHING)
        dr_finding_next(
            dr_result_add(judge->result, DR_WARNING, view->unit->name,
                          "%s says that it is up, %s that it is down",
                          view->works == LIV_SAYS_YES ? view->asked->label : balancer->label,
                          view->works == LIV_SAYS_YES ? balancer->label : view->asked->label),
            "can both balancers reach it?");
}

/* Those of one site have the same servers. */
static void judge_balancers(struct judge *judge)
{
    for (size_t b = 0; b < judge->evidence->count; b++) {
        const struct liv_asked *balancer = &judge->evidence->asked[b];
        if (balancer->product != LIV_HAPROXY || !balancer->answered)
            continue;
        for (size_t i = 0; i < judge->view_count; i++) {
            const struct view *view = &judge->views[i];
            if (is_seen(view) && view->kind == LIV_SERVER && view->asked != balancer &&
                site_of(judge, view->asked) == site_of(judge, balancer))
                compare_server(judge, view, balancer);
        }
    }
}

void judge_agreement(struct judge *judge)
{
    for (size_t i = 0; i < judge->pool_count; i++)
        judge_versions(judge, i);
    if (judge->rules->wish == LIV_WISH_ONE_SITE)
        judge_site_versions(judge);
    judge_clusters(judge);
    judge_members(judge);
    judge_balancers(judge);
}
