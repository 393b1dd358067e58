/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Units that do the same work: how many are alive, would the rest carry on without the largest
 * host, are they all passive. */
#include "common/number.h"
#include "plugins/liveness/judge_parts.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- putting together ---- */

static const char *group_of(const struct view *view)
{
    return view->asked->group;
}

static const char *pool_of(const struct view *view)
{
    if (view->unit == NULL)
        return NULL;
    return view->unit->kind == LIV_POOL && view->unit->pool == NULL ? view->unit->name
                                                                    : view->unit->pool;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What is said of a pool as a whole goes with its units, whatever these are. */
static bool belongs(const struct pool *pool, const struct view *view)
{
    bool kinds = pool->kind == view->kind || view->kind == LIV_POOL || pool->kind == LIV_POOL;
    return kinds && strcmp(pool->asked->group, group_of(view)) == 0 &&
           same_text(pool->name, pool_of(view));
}

static const struct liv_expected *expected_pool(const struct judge *judge, const char *name)
{
    for (size_t i = 0; i < judge->rules->expected_count; i++) {
        const struct liv_expected *expected = &judge->rules->expected[i];
        if (!expected->units && fnmatch(expected->glob, name, 0) == 0)
            return expected;
    }
    return NULL;
}

static bool pools_named(const struct judge *judge)
{
    for (size_t i = 0; i < judge->rules->expected_count; i++) {
        if (!judge->rules->expected[i].units)
            return true;
    }
    return false;
}

static bool should_be_passive(const struct judge *judge, const struct pool *pool)
{
    if (pool->expected != NULL && pool->expected->passive)
        return true;
    return site_of(judge, pool->asked)->passive && !is_roleless(pool->asked->product);
}

static void start_pool(const struct judge *judge, const struct view *view, struct pool *pool)
{
    *pool = (struct pool){.asked = view->asked, .kind = view->kind, .spare = -1};
    pool->name = pool_of(view);
    pool->expected = expected_pool(judge, pool->name != NULL ? pool->name : view->asked->label);
    if (pool->name == NULL)
        snprintf(pool->title, sizeof pool->title, "%s", view->asked->group);
    else if (judge->evidence->count > 1)
        snprintf(pool->title, sizeof pool->title, "%.90s %.90s", view->asked->label, pool->name);
    else
        snprintf(pool->title, sizeof pool->title, "%s", pool->name);
    pool->passive = should_be_passive(judge, pool);
}

/* Where only some pools are wanted, the units of the others are left out; that a target did not
 * answer never is. */
static void place_view(struct judge *judge, struct view *view)
{
    for (size_t i = 0; i < judge->pool_count; i++) {
        struct pool *pool = &judge->pools[i];
        if (!belongs(pool, view))
            continue;
        if (pool->kind == LIV_POOL)
            pool->kind = view->kind;
        view->pool = i;
        return;
    }
    struct pool *pool = &judge->pools[judge->pool_count];
    start_pool(judge, view, pool);
    if (view->unit != NULL && pools_named(judge) && pool->expected == NULL) {
        view->left_out = true;
        return;
    }
    view->pool = judge->pool_count++;
}

/* ---- counting ---- */

static void count_view(struct pool *pool, const struct view *view)
{
    bool answered = view->unit != NULL;
    if (view->kind == LIV_POOL)
        return;
    pool->units++;
    if (answered && view->unit->reserve) {
        pool->reserve += view->alive;
        return;
    }
    pool->total += view->wanted;
    pool->alive += view->alive;
    if (view->on_purpose)
        pool->purpose += view->wanted;
    else if (view->works == LIV_SAYS_NOTHING && !(answered && view->unit->alive.known))
        pool->unknown += view->wanted;
    else if (view->silent)
        pool->silent += view->wanted;
    const struct dr_opt_real *time = answered ? &view->unit->figures[LIV_TIME] : NULL;
    if (answered && time->known && view->alive > 0 &&
        (pool->slowest == NULL || time->value > pool->slowest->unit->figures[LIV_TIME].value))
        pool->slowest = view;
}

/* What lives on one host, over all units of the pool. */
static double alive_on(const struct judge *judge, const struct pool *pool, const char *host)
{
    double sum = 0;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (view->left_out || view->unit == NULL || &judge->pools[view->pool] != pool ||
            view->alive <= 0)
            continue;
        for (size_t p = 0; p < view->unit->place_count; p++) {
            if (strcmp(view->unit->places[p].host, host) == 0)
                sum += (double)view->unit->places[p].alive;
        }
    }
    return sum;
}

static bool places_known(const struct judge *judge, const struct pool *pool)
{
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!view->left_out && view->unit != NULL && &judge->pools[view->pool] == pool &&
            view->alive > 0 && view->unit->place_count == 0)
            return false;
    }
    return pool->alive > 0;
}

/* Without the host that has most of them. */
static void count_spare(const struct judge *judge, struct pool *pool)
{
    double most = 0;
    if (!places_known(judge, pool))
        return;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (view->left_out || view->unit == NULL || &judge->pools[view->pool] != pool)
            continue;
        for (size_t p = 0; p < view->unit->place_count; p++) {
            double here = alive_on(judge, pool, view->unit->places[p].host);
            if (here > most) {
                most = here;
                pool->host = view->unit->places[p].host;
            }
        }
    }
    pool->spare = pool->alive > most ? pool->alive - most : 0;
}

static double least_of(const struct judge *judge, const struct pool *pool)
{
    const struct liv_count *least = &judge->rules->least;
    if (pool->expected != NULL && pool->expected->least.given)
        least = &pool->expected->least;
    if (!is_counted(pool->kind))
        return 0;
    if (!least->given)
        return 1;
    if (!least->percent)
        return least->value;
    double share = pool->total * least->value / 100;
    double whole = dr_floor(share);
    return whole < share ? whole + 1 : whole;
}

static void find_role(const struct judge *judge, struct pool *pool)
{
    size_t passive = 0, votes = 0;
    bool active = false;
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (view->left_out || &judge->pools[view->pool] != pool)
            continue;
        active = active || (view->kind != LIV_QUEUE && view->role == ROLE_ACTIVE);
        if (!is_counted(view->kind) && view->kind != LIV_JOB)
            continue;
        votes++;
        passive += view->role == ROLE_PASSIVE ? 1 : 0;
    }
    pool->role = active ? ROLE_ACTIVE : votes > 0 && passive == votes ? ROLE_PASSIVE : ROLE_UNKNOWN;
}

bool judge_gather_pools(struct judge *judge)
{
    judge->pools = calloc(judge->view_count + 1, sizeof *judge->pools);
    if (judge->pools == NULL)
        return false;
    for (size_t i = 0; i < judge->view_count; i++) {
        if (!judge->views[i].left_out)
            place_view(judge, &judge->views[i]);
        if (!judge->views[i].left_out)
            count_view(&judge->pools[judge->views[i].pool], &judge->views[i]);
    }
    for (size_t i = 0; i < judge->pool_count; i++) {
        struct pool *pool = &judge->pools[i];
        pool->least = least_of(judge, pool);
        count_spare(judge, pool);
        find_role(judge, pool);
    }
    return true;
}

/* ---- judging ---- */

__attribute__((format(printf, 2, 3))) static void add(struct pool *pool, const char *format, ...)
{
    size_t used = strlen(pool->text);
    va_list args;
    va_start(args, format);
    vsnprintf(pool->text + used, sizeof pool->text - used, format, args);
    va_end(args);
}

static void worsen(struct pool *pool, enum dr_state state)
{
    pool->state = dr_state_worst(pool->state, state);
}

static void add_worst(const struct judge *judge, struct pool *pool)
{
    if (pool->worst == NULL)
        return;
    const char *words = judge->words[pool->worst - judge->views];
    bool itself = strcmp(pool->worst->name, pool->title) == 0;
    add(pool, ": %s%s%.300s", itself ? "" : pool->worst->name, itself ? "" : " ", words);
}

/* What is left of the sentence where all is well. */
static void add_colour(struct pool *pool)
{
    char words[DR_UNIT_TEXT];
    if (pool->slowest != NULL && pool->worst == NULL)
        add(pool, pool->total > 1 ? ", slowest %s (%s)" : " in %s",
            time_words(pool->slowest->unit->figures[LIV_TIME].value, words, sizeof words),
            pool->slowest->unit->name);
}

/* A target that has one such unit is that unit; workers and servers are parts of one. */
static bool is_itself(enum liv_kind kind)
{
    return kind == LIV_INSTANCE || kind == LIV_TIMER || kind == LIV_MEMBER || kind == LIV_KINDS;
}

static void say_alive(const struct judge *judge, struct pool *pool)
{
    double alive = pool->alive > 0 ? pool->alive : pool->reserve;
    const char *kind = kind_words(pool->kind, pool->total);
    bool one =
        pool->total == 1 && is_itself(pool->kind) && pool->purpose <= 0 && pool->reserve <= 0;
    const char *what = pool->kind == LIV_TIMER ? "scheduler of " : "";
    if (pool->total <= 0 && pool->reserve <= 0)
        add(pool, "no %s of %s is there", kind_words(pool->kind, 1), pool->title);
    else if (one && pool->unknown > 0)
        add(pool, "%s%s cannot be told to be alive", what, pool->title);
    else if (one)
        add(pool, "%s%s is %salive", what, pool->title, pool->alive == 1 ? "" : "not ");
    else
        add(pool, "%.0f of %.0f %s of %s alive", pool->alive, pool->total, kind, pool->title);
    if (alive < pool->least && pool->least > 1)
        add(pool, ", %.0f wanted", pool->least);
    if (pool->purpose > 0)
        add(pool, ", %.0f taken out on purpose", pool->purpose);
    if (pool->unknown > 0 && !one)
        add(pool, ", %.0f cannot be told", pool->unknown);
    if (pool->alive <= 0 && pool->reserve > 0)
        add(pool, ", only its backup answers");
    add_colour(pool);
    add_worst(judge, pool);
}

/* Queues and jobs, which are not counted. */
static void say_things(const struct judge *judge, struct pool *pool)
{
    if (pool->worst != NULL)
        add(pool, "%s: %.300s", pool->worst->name, judge->words[pool->worst - judge->views]);
    else
        add(pool, "%.0f %s of %s", pool->total, kind_words(pool->kind, pool->total), pool->title);
}

/* Too few. What did not answer in time is as bad as --timeout says. */
static enum dr_state shortage(const struct judge *judge, const struct pool *pool, double alive)
{
    if (alive + pool->unknown >= pool->least)
        return DR_UNKNOWN;
    return alive + pool->unknown + pool->silent >= pool->least ? judge->timeout_state : DR_CRITICAL;
}

static void judge_alive(const struct judge *judge, struct pool *pool)
{
    double alive = pool->alive > 0 ? pool->alive : pool->reserve;
    if (alive < pool->least)
        worsen(pool, shortage(judge, pool, alive));
    if (pool->alive <= 0 && pool->reserve > 0)
        worsen(pool, DR_WARNING);
    if (is_counted(pool->kind))
        say_alive(judge, pool);
    else
        say_things(judge, pool);
}

static void judge_spare(const struct judge *judge, struct pool *pool)
{
    struct dr_result *result = judge->result;
    const char *name = pool->title;
    if (!judge->rules->survive_host || !is_counted(pool->kind))
        return;
    if (pool->spare < 0 && pool->alive > 0)
        dr_result_add(result, DR_UNKNOWN, name,
                      "on which hosts they live is not known: what dies with one cannot be said");
    else if (pool->alive > 0 && pool->spare < pool->least)
        dr_finding_next(dr_result_add(result, DR_WARNING, name,
                                      "if %s dies, %.0f of %.0f %s are left, %.0f wanted",
                                      pool->host, pool->spare, pool->alive,
                                      kind_words(pool->kind, pool->alive), pool->least),
                        "spread them over more hosts");
}

void judge_metric(const struct judge *judge, const char *node, const char *subject,
                  enum liv_metric metric, double value)
{
    const struct dr_threshold *threshold = &judge->rules->thresholds[metric];
    char rule[DR_RANGE_TEXT + 16];
    enum dr_state state = dr_threshold_judge(threshold, value);
    dr_result_figure(judge->result, node, &liv_metrics[metric], value, threshold);
    if (state != DR_OK)
        dr_result_add(judge->result, state, subject, "%s %.0f, %s", liv_metrics[metric].name, value,
                      dr_threshold_rule(&liv_metrics[metric], threshold, value, rule, sizeof rule));
}

static void judge_counts(const struct judge *judge, struct pool *pool)
{
    size_t counted = 0;
    for (size_t i = 0; i < judge->pool_count; i++)
        counted += is_counted(judge->pools[i].kind) ? 1 : 0;
    const char *node = counted > 1 ? pool->title : NULL;
    if (!is_counted(pool->kind))
        return;
    judge_metric(judge, node, pool->title, LIV_ALIVE, pool->alive);
    judge_metric(judge, node, pool->title, LIV_EXPECTED, pool->total);
    if (pool->spare >= 0)
        judge_metric(judge, node, pool->title, LIV_SPARE, pool->spare);
}

/* Whose signs say what the pool is. */
static const struct view *first_with(const struct judge *judge, const struct pool *pool,
                                     enum role role)
{
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!view->left_out && &judge->pools[view->pool] == pool && view->role == role &&
            view->kind != LIV_QUEUE && (role != ROLE_UNKNOWN || is_counted(view->kind)))
            return view;
    }
    return NULL;
}

static void judge_passive(const struct judge *judge, struct pool *pool)
{
    const struct view *view = first_with(judge, pool, pool->role);
    const char *words = view != NULL ? judge->words[view - judge->views] : "";
    bool itself = view == NULL || strcmp(view->name, pool->title) == 0;
    const char *who = itself ? "" : view->name;
    const char *space = itself ? "" : " ";
    if (pool->role == ROLE_PASSIVE)
        add(pool, "%s is passive, as it should be: %.0f %s%s%s", pool->title, pool->total,
            kind_words(pool->kind, pool->total), words[0] != '\0' ? ", " : "", words);
    else if (pool->role == ROLE_ACTIVE)
        add(pool, "%s is active and should be passive: %s%s%.300s", pool->title, who, space, words);
    else
        add(pool, "%s cannot be told to be passive: %s%s%.300s", pool->title, who, space, words);
    if (pool->kind != LIV_QUEUE)
        worsen(pool, pool->role == ROLE_PASSIVE  ? DR_OK
                     : pool->role == ROLE_ACTIVE ? DR_CRITICAL
                     : view != NULL              ? untold_state(judge, view)
                                                 : DR_UNKNOWN);
}

void judge_pool_lines(struct judge *judge, const struct pool *said)
{
    for (size_t i = 0; i < judge->pool_count; i++) {
        const struct pool *pool = &judge->pools[i];
        enum dr_state shown = pool->worst != NULL ? pool->worst_state : DR_OK;
        bool proof = pool->expected != NULL && pool->expected->passive && pool->state == DR_OK;
        if (pool != said && is_counted(pool->kind) &&
            (dr_state_is_worse(pool->state, shown) || proof))
            dr_result_add(judge->result, pool->state, NULL, "%s", pool->text);
    }
}

void judge_pools(struct judge *judge)
{
    for (size_t i = 0; i < judge->pool_count; i++) {
        struct pool *pool = &judge->pools[i];
        pool->state = pool->worst != NULL ? pool->worst_state : DR_OK;
        if (pool->passive)
            judge_passive(judge, pool);
        else
            judge_alive(judge, pool);
        if (!pool->passive)
            judge_spare(judge, pool);
        judge_counts(judge, pool);
        struct site *site = site_of(judge, pool->asked);
        site->state = dr_state_worst(site->state, pool->state);
    }
}

/* ---- what must be there ---- */

static bool fits(const struct liv_expected *expected, const struct view *view)
{
    if (view->unit == NULL || view->left_out || view->kind == LIV_POOL || view->wanted <= 0 ||
        (expected->kind != LIV_KINDS && view->kind != expected->kind))
        return false;
    return fnmatch(expected->glob, view->unit->name, 0) == 0 ||
           fnmatch(expected->glob, view->name, 0) == 0;
}

/* Every target has answered: what is not there is not there. */
static bool all_answered(const struct judge *judge)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        if (!judge->evidence->asked[i].answered)
            return false;
    }
    return true;
}

/* How many of those that fit are alive, may be, and are there; in pools that should be active. */
struct census {
    double alive;
    double unknown;
    double total;
    double least;
};

static struct census count_expected(const struct judge *judge, const struct liv_expected *expected)
{
    struct census census = {.alive = 0};
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (!fits(expected, view) || judge->pools[view->pool].passive)
            continue;
        census.total += view->wanted;
        census.alive += view->alive;
        if (view->works == LIV_SAYS_NOTHING && !view->on_purpose && !view->unit->alive.known)
            census.unknown += view->wanted;
    }
    census.least = !expected->least.given    ? 1
                   : expected->least.percent ? census.total * expected->least.value / 100
                                             : expected->least.value;
    return census;
}

bool is_replaced(const struct judge *judge, const struct view *view)
{
    for (size_t i = 0; i < judge->rules->expected_count; i++) {
        const struct liv_expected *expected = &judge->rules->expected[i];
        if (!expected->units || !expected->least.given || expected->least.percent ||
            !fits(expected, view))
            continue;
        struct census census = count_expected(judge, expected);
        if (census.least > 0 && census.alive >= census.least)
            return true;
    }
    return false;
}

static void judge_expected_units(struct judge *judge, const struct liv_expected *expected)
{
    struct census census = count_expected(judge, expected);
    bool told = census.alive + census.unknown < census.least && all_answered(judge);
    if (census.alive >= census.least && census.least > 0)
        dr_result_add(judge->result, DR_OK, expected->glob, "%.0f alive, %.0f wanted", census.alive,
                      census.least);
    else if (census.alive < census.least)
        dr_result_add(judge->result, told ? DR_CRITICAL : DR_UNKNOWN, expected->glob,
                      "%.0f alive, %.0f wanted (%s)%s", census.alive, census.least,
                      expected->option, census.total > 0 ? "" : ": nothing goes by that name");
}

static void judge_expected_pool(struct judge *judge, const struct liv_expected *expected)
{
    struct dr_buffer names = DR_BUFFER(200);
    for (size_t i = 0; i < judge->pool_count; i++) {
        if (judge->pools[i].expected == expected)
            return;
    }
    for (size_t i = 0; i < judge->view_count; i++) {
        const struct view *view = &judge->views[i];
        if (view->unit != NULL && view->kind == LIV_POOL)
            dr_buffer_addf(&names, "%s%s", names.size > 0 ? ", " : "", pool_of(view));
    }
    struct dr_finding *finding = dr_result_add(judge->result, DR_UNKNOWN, expected->glob,
                                               "no pool goes by that name (%s)", expected->option);
    if (names.size > 0)
        dr_finding_next(finding, "there are: %s", dr_buffer_text(&names));
    dr_buffer_free(&names);
}

void judge_expected(struct judge *judge)
{
    bool passive = judge->rules->wish == LIV_WISH_PASSIVE;
    for (size_t i = 0; i < judge->rules->expected_count; i++) {
        const struct liv_expected *expected = &judge->rules->expected[i];
        if (!expected->units)
            judge_expected_pool(judge, expected);
        else if (!passive)
            judge_expected_units(judge, expected);
    }
}
