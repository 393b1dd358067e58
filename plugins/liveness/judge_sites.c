/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several sites: exactly one of them is active, and the others are passive and would come up. */
#include "plugins/liveness/judge_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool votes(const struct view *view)
{
    return !view->left_out && !is_roleless(view->asked->product) &&
           (is_counted(view->kind) || view->kind == LIV_JOB ||
            (view->kind == LIV_POOL && view->role == ROLE_ACTIVE));
}

/* Workers of a target that answered completely, and there are none: they are not running. */
static bool is_idle_target(const struct liv_asked *asked)
{
    return asked->answered && asked->facts->complete && asked->facts->unit_count == 0 &&
           is_worker_product(asked->product);
}

static bool says_ready(const struct liv_unit *unit)
{
    for (size_t i = 0; unit != NULL && i < unit->sign_count; i++) {
        if (unit->signs[i].kind == LIV_IS_READY)
            return true;
    }
    return false;
}

/* Active where anything is; passive where all of it is. */
static void find_role(struct judge *judge, struct site *site)
{
    size_t active = 0, passive = 0, unknown = 0, dead = 0;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!votes(view) || site_of(judge, view->asked) != site)
            continue;
        site->ready = site->ready || says_ready(view->unit);
        active += view->role == ROLE_ACTIVE ? 1 : 0;
        passive += view->role == ROLE_PASSIVE ? 1 : 0;
        unknown += view->role == ROLE_UNKNOWN ? 1 : 0;
        dead += view->role == ROLE_UNKNOWN && view->works == LIV_SAYS_NO ? 1 : 0;
        if (site->proof == NULL ||
            (view->role == ROLE_ACTIVE && site->proof->role != ROLE_ACTIVE) ||
            (view->role == ROLE_UNKNOWN && site->proof->role == ROLE_PASSIVE))
            site->proof = view;
    }
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct liv_asked *asked = &judge->evidence->asked[i];
        if (site_of(judge, asked) == site && is_idle_target(asked))
            passive++;
    }
    site->role = active > 0                    ? ROLE_ACTIVE
                 : passive > 0 && unknown == 0 ? ROLE_PASSIVE
                                               : ROLE_UNKNOWN;
    site->dead = site->role == ROLE_UNKNOWN && dead > 0 && dead == unknown && passive == 0;
}

static bool add_site(struct judge *judge, const char *name)
{
    for (size_t i = 0; i < judge->site_count; i++) {
        if (strcmp(judge->sites[i].name, name) == 0)
            return true;
    }
    judge->sites[judge->site_count++] = (struct site){.name = name};
    return true;
}

static size_t count_role(const struct judge *judge, enum role role)
{
    size_t count = 0;
    for (size_t i = 0; i < judge->site_count; i++)
        count += judge->sites[i].role == role ? 1 : 0;
    return count;
}

static bool is_wanted(const struct judge *judge, const struct site *site)
{
    return judge->rules->site != NULL && strcmp(judge->rules->site, site->name) == 0;
}

/* An active site is judged as one that is active, even where it should not be: that is said once,
 * by the verdict. What is not known to be active should be passive, but for the one that is wanted.
 */
static void find_wishes(struct judge *judge)
{
    for (size_t i = 0; i < judge->site_count; i++) {
        struct site *site = &judge->sites[i];
        site->passive = site->role == ROLE_PASSIVE ||
                        (site->role == ROLE_UNKNOWN && !is_wanted(judge, site) &&
                         (judge->rules->site != NULL || count_role(judge, ROLE_ACTIVE) > 0));
    }
}

bool judge_gather_sites(struct judge *judge)
{
    judge->sites = calloc(judge->evidence->count + 1, sizeof *judge->sites);
    if (judge->sites == NULL)
        return false;
    if (judge->rules->wish != LIV_WISH_ONE_SITE) {
        judge->site_count = 1;
        judge->sites[0].passive = judge->rules->wish == LIV_WISH_PASSIVE;
        return true;
    }
    for (size_t i = 0; i < judge->evidence->count; i++)
        add_site(judge, judge->evidence->asked[i].site);
    for (size_t i = 0; i < judge->site_count; i++)
        find_role(judge, &judge->sites[i]);
    find_wishes(judge);
    return true;
}

const char *judge_active_site(const struct judge *judge)
{
    const struct site *active = NULL;
    for (size_t i = 0; i < judge->site_count; i++) {
        const struct site *site = &judge->sites[i];
        /* One that is dead must not keep a switch away from it from being known; one that answers
         * and cannot be told may be active, too. */
        if (site->role == ROLE_UNKNOWN && !site->dead)
            return NULL;
        if (site->role == ROLE_ACTIVE && active != NULL)
            return NULL;
        if (site->role == ROLE_ACTIVE)
            active = site;
    }
    return active != NULL ? active->name : NULL;
}

/* ---- the verdict ---- */

static const char *proof_words(const struct judge *judge, const struct site *site)
{
    return site->proof != NULL ? judge->words[site->proof - judge->views] : "no worker is there";
}

static void add_names(const struct judge *judge, enum role role, struct dr_buffer *names)
{
    size_t total = count_role(judge, role), said = 0;
    for (size_t i = 0; i < judge->site_count; i++) {
        if (judge->sites[i].role != role)
            continue;
        dr_buffer_addf(names, "%s%s",
                       said == 0           ? ""
                       : said + 1 == total ? " and "
                                           : ", ",
                       judge->sites[i].name);
        said++;
    }
}

/* How bad it is what a site is, where the verdict is that bad. */
static enum dr_state site_state(const struct judge *judge, const struct site *site, size_t active)
{
    enum dr_state state = judge->result->verdict_state;
    bool wanted = is_wanted(judge, site);
    if (active > 1)
        return site->role == ROLE_ACTIVE && !wanted ? state : DR_OK;
    if (active == 0)
        return site->role == ROLE_UNKNOWN || wanted || judge->rules->site == NULL ? state : DR_OK;
    bool instead = judge->rules->site != NULL && site->role == ROLE_ACTIVE && !wanted;
    return instead || site->role == ROLE_UNKNOWN ? DR_WARNING : DR_OK;
}

/* That nothing is wrong is no proof that it would come up. */
static const char *ready_words(const struct site *site)
{
    return site->state != DR_OK ? ", not ready" : site->ready ? " and ready" : "";
}

/* One line for each site: what it is, and what proves that. */
static void add_lines(struct judge *judge, size_t active, const char *next)
{
    static const char *const roles[] = {
        [ROLE_UNKNOWN] = "cannot be told", [ROLE_ACTIVE] = "active", [ROLE_PASSIVE] = "passive"};
    for (size_t i = 0; i < judge->site_count; i++) {
        const struct site *site = &judge->sites[i];
        enum dr_state state = site_state(judge, site, active);
        const char *ready = site->role != ROLE_PASSIVE ? "" : ready_words(site);
        struct dr_finding *finding =
            dr_result_add(judge->result, state, site->name, "%s%s: %s%s%s", roles[site->role],
                          ready, site->proof != NULL ? site->proof->name : "",
                          site->proof != NULL ? " " : "", proof_words(judge, site));
        if (state != DR_OK && next != NULL)
            dr_finding_next(finding, "%s", next);
    }
}

/* Tells one combination of roles from another. */
static uint64_t roles_hash(const struct judge *judge)
{
    uint64_t hash = 1;
    for (size_t i = 0; i < judge->site_count; i++)
        hash = hash * 3 + (uint64_t)judge->sites[i].role;
    return hash;
}

/* A switch takes its time: for --grace it is a WARNING. */
static enum dr_state in_grace(struct judge *judge, char *words, size_t size)
{
    const struct liv_evidence *evidence = judge->evidence;
    struct dr_opt_real since =
        liv_history_since(evidence->history, "sites", roles_hash(judge), evidence->now);
    char time[DR_UNIT_TEXT];
    double lasted = since.known ? evidence->now - since.value : 0;
    words[0] = '\0';
    if (since.known)
        snprintf(words, size, ", for %s",
                 dr_unit_format(DR_UNIT_SECONDS, lasted, time, sizeof time));
    bool within = since.known && judge->rules->grace.known && lasted < judge->rules->grace.value;
    return within ? DR_WARNING : DR_CRITICAL;
}

static void say_split(struct judge *judge)
{
    char since[DR_UNIT_TEXT + 8];
    struct dr_buffer names = DR_BUFFER(200);
    enum dr_state state = in_grace(judge, since, sizeof since);
    add_names(judge, ROLE_ACTIVE, &names);
    dr_result_verdict(judge->result, state, "%s are both active%s: split brain",
                      dr_buffer_text(&names), since);
    dr_buffer_free(&names);
}

static void say_nobody(struct judge *judge)
{
    char since[DR_UNIT_TEXT + 8];
    struct dr_buffer unknown = DR_BUFFER(200), passive = DR_BUFFER(200);
    bool dead = true;
    for (size_t i = 0; i < judge->site_count; i++)
        dead = dead && (judge->sites[i].role == ROLE_PASSIVE || judge->sites[i].dead);
    enum dr_state state = in_grace(judge, since, sizeof since);
    if (!dead)
        state = DR_UNKNOWN;
    add_names(judge, ROLE_UNKNOWN, &unknown);
    add_names(judge, ROLE_PASSIVE, &passive);
    dr_result_verdict(judge->result, state, "no site is known to be active%s%s%s%s%s%s%s", since,
                      unknown.size > 0 ? ": " : "", dr_buffer_text(&unknown),
                      unknown.size > 0 ? (dead ? " does not answer" : " cannot be told") : "",
                      passive.size > 0 ? (unknown.size > 0 ? ", " : ": ") : "",
                      dr_buffer_text(&passive),
                      passive.size == 0                     ? ""
                      : count_role(judge, ROLE_PASSIVE) > 1 ? " are passive"
                                                            : " is passive");
    dr_buffer_free(&unknown);
    dr_buffer_free(&passive);
}

/* "dr is passive and ready", of all that are. */
static void add_passive(const struct judge *judge, struct dr_buffer *words)
{
    size_t count = count_role(judge, ROLE_PASSIVE);
    bool fine = true, ready = true;
    if (count == 0)
        return;
    add_names(judge, ROLE_PASSIVE, words);
    for (size_t i = 0; i < judge->site_count; i++) {
        const struct site *site = &judge->sites[i];
        fine = fine && (site->role != ROLE_PASSIVE || site->state == DR_OK);
        ready = ready && (site->role != ROLE_PASSIVE || site->ready);
    }
    dr_buffer_addf(words, " %s passive%s", count > 1 ? "are" : "is",
                   !fine   ? ", not ready"
                   : ready ? " and ready"
                           : "");
}

static void say_one(struct judge *judge, const struct site *active)
{
    struct dr_buffer unknown = DR_BUFFER(200), passive = DR_BUFFER(300);
    bool wanted = judge->rules->site == NULL || is_wanted(judge, active);
    enum dr_state state = wanted ? DR_OK : DR_WARNING;
    add_names(judge, ROLE_UNKNOWN, &unknown);
    add_passive(judge, &passive);
    if (unknown.size > 0)
        state = dr_state_worst(state, DR_WARNING);
    (void)liv_history_since(judge->evidence->history, "sites", roles_hash(judge),
                            judge->evidence->now);
    dr_result_verdict(judge->result, state, "%s is active%s%s%s%s%s%s%s", active->name,
                      wanted ? "" : " instead of ", wanted ? "" : judge->rules->site,
                      passive.size > 0 ? ", " : "", dr_buffer_text(&passive),
                      unknown.size > 0 ? ", " : "", dr_buffer_text(&unknown),
                      unknown.size > 0 ? " cannot be told: a split brain is not excluded" : "");
    dr_buffer_free(&unknown);
    dr_buffer_free(&passive);
}

void judge_sites(struct judge *judge)
{
    size_t active = count_role(judge, ROLE_ACTIVE);
    const char *next = NULL;
    if (active > 1) {
        say_split(judge);
        next = "decide which one stays, and stop the work of the other before anything else: "
               "whatever both write must be put together by hand";
    } else if (active == 0) {
        say_nobody(judge);
        next = "nobody serves, or we cannot see it: look from another place before you switch";
    }
    for (size_t i = 0; active == 1 && i < judge->site_count; i++) {
        if (judge->sites[i].role == ROLE_ACTIVE)
            say_one(judge, &judge->sites[i]);
    }
    add_lines(judge, active, next);
    judge_pool_lines(judge, NULL);
    judge_metric(judge, NULL, "sites", LIV_ACTIVE_SITES, (double)active);
}
