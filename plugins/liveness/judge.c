/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/number.h"
#include "plugins/liveness/judge_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

bool is_counted(enum liv_kind kind)
{
    return kind != LIV_JOB && kind != LIV_QUEUE && kind != LIV_POOL;
}

const char *kind_words(enum liv_kind kind, double count)
{
    static const struct {
        const char *one;
        const char *many;
    } words[LIV_KINDS + 1] = {
        [LIV_INSTANCE] = {"instance", "instances"},
        [LIV_SERVER] = {"server", "servers"},
        [LIV_WORKLOAD] = {"replica", "replicas"},
        [LIV_JOB] = {"job", "jobs"},
        [LIV_WORKER] = {"worker", "workers"},
        [LIV_QUEUE] = {"queue", "queues"},
        [LIV_TIMER] = {"scheduler", "schedulers"},
        [LIV_MEMBER] = {"node", "nodes"},
        [LIV_POOL] = {"pool", "pools"},
        [LIV_KINDS] = {"target", "targets"},
    };
    return count == 1 ? words[kind].one : words[kind].many;
}

bool is_roleless(enum liv_product product)
{
    return product == LIV_ELASTICSEARCH || product == LIV_GRAFANA || product == LIV_TCP;
}

bool is_worker_product(enum liv_product product)
{
    return product == LIV_CELERY || product == LIV_CONSUMERS || product == LIV_RQ ||
           product == LIV_SIDEKIQ;
}

struct site *site_of(const struct judge *judge, const struct liv_asked *asked)
{
    for (size_t i = 0; i < judge->site_count; i++) {
        struct site *site = &judge->sites[i];
        if (site->name == NULL || (asked->site != NULL && strcmp(site->name, asked->site) == 0))
            return site;
    }
    return &judge->sites[0];
}

const char *time_words(double seconds, char *words, size_t size)
{
    char number[DR_UNIT_TEXT];
    if (!(seconds < 1))
        return dr_unit_format(DR_UNIT_SECONDS, seconds, words, size);
    snprintf(words, size, "%s ms",
             dr_number_round(seconds * 1000, seconds < 0.1 ? 1 : 0, number, sizeof number));
    return words;
}

/* ---- what was seen ---- */

/* Where a target that did not answer is one unit of several, it is counted with them. */
static enum liv_kind kind_of(enum liv_product product)
{
    switch (product) {
    case LIV_HTTP:
    case LIV_GRAFANA:
    case LIV_TCP:
        return LIV_INSTANCE;
    case LIV_ELASTICSEARCH:
        return LIV_MEMBER;
    case LIV_SCHEDULER:
    case LIV_CANARY:
    case LIV_REDBEAT:
        return LIV_TIMER;
    default:
        return LIV_KINDS;
    }
}

/* It is down, as far as anybody can tell from here; everything else is our own trouble. */
static bool is_down(enum dr_error_class class)
{
    return class == DR_ERR_CONNECT || class == DR_ERR_TIMEOUT || class == DR_ERR_SERVER;
}

static bool has_sign(const struct liv_unit *unit, enum liv_sign_kind kind)
{
    for (size_t i = 0; i < unit->sign_count; i++) {
        if (unit->signs[i].kind == kind)
            return true;
    }
    return false;
}

static void weigh(struct view *view)
{
    bool active = false, passive = false;
    bool yes = false, no = false;
    for (size_t i = 0; i < view->unit->sign_count; i++) {
        const struct liv_meaning *meaning = &liv_meanings[view->unit->signs[i].kind];
        active = active || meaning->active == LIV_SAYS_YES;
        passive = passive || meaning->active == LIV_SAYS_NO;
        yes = yes || meaning->works == LIV_SAYS_YES;
        no = no || meaning->works == LIV_SAYS_NO;
        view->on_purpose = view->on_purpose || meaning->on_purpose;
    }
    view->role = active ? ROLE_ACTIVE : passive ? ROLE_PASSIVE : ROLE_UNKNOWN;
    view->works = no ? LIV_SAYS_NO : yes ? LIV_SAYS_YES : LIV_SAYS_NOTHING;
    view->on_purpose = view->on_purpose && !no && !active;
}

static void count(struct view *view)
{
    const struct liv_unit *unit = view->unit;
    bool serves = view->works == LIV_SAYS_YES && view->role != ROLE_PASSIVE && !view->on_purpose;
    view->wanted = unit->wanted.known ? (double)unit->wanted.value : 1;
    view->alive = unit->alive.known ? (double)unit->alive.value : serves ? 1 : 0;
}

/* With several targets the label says whose unit it is. */
static char *name_of(const struct judge *judge, const struct liv_asked *asked,
                     const struct liv_unit *unit)
{
    if (unit == NULL || strcmp(unit->name, asked->label) == 0)
        return dr_text_format("%s", asked->label);
    if (judge->evidence->count == 1)
        return dr_text_format("%s", unit->name);
    return dr_text_format("%s %s", asked->label, unit->name);
}

static bool add_view(struct judge *judge, const struct liv_asked *asked,
                     const struct liv_unit *unit)
{
    struct view *view = &judge->views[judge->view_count];
    *view = (struct view){.asked = asked, .unit = unit, .wanted = 1};
    view->kind = unit != NULL ? unit->kind : kind_of(asked->product);
    view->name = name_of(judge, asked, unit);
    if (view->name == NULL)
        return false;
    judge->view_count++;
    if (unit != NULL) {
        weigh(view);
        count(view);
        view->left_out = !dr_selection_has(&judge->rules->selection, unit->name);
    } else if (is_down(asked->error->class)) {
        view->works = LIV_SAYS_NO;
    }
    view->silent =
        unit != NULL ? has_sign(unit, LIV_SILENT) : asked->error->class == DR_ERR_TIMEOUT;
    return true;
}

static bool gather_views(struct judge *judge)
{
    const struct liv_evidence *evidence = judge->evidence;
    size_t most = 0;
    for (size_t i = 0; i < evidence->count; i++)
        most += evidence->asked[i].answered ? evidence->asked[i].facts->unit_count : 1;
    judge->views = calloc(most + 1, sizeof *judge->views);
    judge->words = calloc(most + 1, sizeof *judge->words);
    if (judge->views == NULL || judge->words == NULL)
        return false;
    for (size_t i = 0; i < evidence->count; i++) {
        const struct liv_asked *asked = &evidence->asked[i];
        const struct liv_facts *facts = asked->facts;
        if (!asked->answered && !add_view(judge, asked, NULL))
            return false;
        for (size_t u = 0; asked->answered && u < facts->unit_count; u++) {
            if (!add_view(judge, asked, &facts->units[u]))
                return false;
        }
        if (asked->answered && facts->no_memory)
            judge->result->out_of_memory = true;
    }
    return true;
}

/* ---- the line of a unit ---- */

enum dr_state untold_state(const struct judge *judge, const struct view *view)
{
    bool sites = judge->rules->wish == LIV_WISH_ONE_SITE;
    if (!sites || view->works != LIV_SAYS_NO)
        return DR_UNKNOWN;
    for (size_t i = 0; i < judge->site_count; i++) {
        if (judge->sites[i].role == ROLE_ACTIVE)
            return DR_WARNING;
    }
    return DR_UNKNOWN;
}

static enum dr_state sign_state(const struct judge *judge, const struct view *view,
                                const struct liv_meaning *meaning, bool passive)
{
    if (!passive && meaning->if_active == DR_UNKNOWN && view->works == LIV_SAYS_NO)
        return DR_WARNING; /* what else is not known of it makes no difference */
    if (!passive && meaning == &liv_meanings[LIV_SILENT] && judge->timeout_state != DR_CRITICAL)
        return judge->timeout_state;
    if (!passive && meaning == &liv_meanings[LIV_W_GONE] && is_replaced(judge, view))
        return DR_OK;
    if (!passive)
        return meaning->if_active;
    if (meaning->works == LIV_SAYS_NO && meaning->if_passive == DR_UNKNOWN)
        return untold_state(judge, view);
    return meaning->if_passive;
}

/* Of a unit that proves to be passive, the status and the content that go with that are no news. */
static bool goes_with_passive(const struct view *view, const struct liv_meaning *meaning)
{
    return view->role == ROLE_PASSIVE && meaning->works == LIV_SAYS_NO &&
           meaning->if_passive == DR_UNKNOWN;
}

static void judge_sign(const struct judge *judge, const struct view *view,
                       const struct liv_sign *sign, struct dr_line *line)
{
    const struct liv_meaning *meaning = &liv_meanings[sign->kind];
    bool passive = judge->pools[view->pool].passive;
    enum dr_state state = sign_state(judge, view, meaning, passive);
    if (passive && goes_with_passive(view, meaning))
        return;
    const char *between = meaning->words[0] != '\0' && sign->text[0] != '\0' ? ": " : "";
    if (state == DR_OK) {
        if (meaning->words[0] != '\0' || sign->text[0] != '\0')
            dr_line_figure(line, "%s%s%s", meaning->words, between, sign->text);
        return;
    }
    dr_line_problem(line, state, "%s%s%s", meaning->words, between, sign->text);
    if (passive && state == DR_CRITICAL && meaning->active == LIV_SAYS_YES)
        dr_line_next(line, state,
                     "work is done where none should be: stop it; or is this the active site now?");
    else if (meaning->next != NULL)
        dr_line_next(line, state, "%s", meaning->next);
}

/* Figures that say something by themselves; the others stand in perfdata. */
static bool is_worth_words(enum liv_metric metric)
{
    return metric == LIV_TIME || metric == LIV_CERTIFICATE_LEFT || metric == LIV_WAITING ||
           metric == LIV_TAKEN || metric == LIV_OLDEST || metric == LIV_BUSY ||
           metric == LIV_SESSIONS || metric == LIV_HEARTBEAT_AGE || metric == LIV_TERMINATING;
}

static void judge_figure(struct judge *judge, const struct view *view, enum liv_metric metric,
                         struct dr_line *line)
{
    const struct dr_threshold *threshold = &judge->rules->thresholds[metric];
    double value = view->unit->figures[metric].value;
    char words[DR_UNIT_TEXT];
    if (!view->unit->figures[metric].known)
        return;
    const char *name = liv_metrics[metric].name;
    if (metric == LIV_CERTIFICATE_LEFT && value < 0 && has_sign(view->unit, LIV_UNTRUSTED))
        return; /* "expired" is said there */
    enum dr_state state = dr_line_judge(line, &liv_metrics[metric], threshold, value, name);
    if (metric == LIV_CERTIFICATE_LEFT && state != DR_OK)
        dr_line_next(line, state, "renew the certificate%s%s",
                     view->asked->facts->certificate != NULL ? ": " : "",
                     view->asked->facts->certificate != NULL ? view->asked->facts->certificate
                                                             : "");
    if (state != DR_OK || !is_worth_words(metric))
        return;
    if (metric == LIV_TIME)
        dr_line_figure(line, "%s", time_words(value, words, sizeof words));
    else
        dr_line_figure(line, "%s %s", name,
                       dr_unit_format(liv_metrics[metric].unit, value, words, sizeof words));
}

static void judge_figures(struct judge *judge, const struct view *view, struct dr_line *line)
{
    for (int metric = LIV_TIME; metric < LIV_METRICS; metric++) {
        judge_figure(judge, view, (enum liv_metric)metric, line);
        if (view->unit->figures[metric].known)
            dr_result_figure(judge->result, view->name, &liv_metrics[metric],
                             view->unit->figures[metric].value, &judge->rules->thresholds[metric]);
    }
}

/* A refusal is no proof of anything where a passive unit is wanted. */
static enum dr_state missing_state(const struct judge *judge, const struct view *view,
                                   const struct pool *pool)
{
    enum dr_error_class class = view->asked->error->class;
    if (is_down(class) && pool->passive)
        return untold_state(judge, view);
    bool said = view->silent && judge->timeout_state != DR_CRITICAL;
    if (is_down(class) && pool->total > 1 && !said)
        return DR_WARNING;
    return dr_error_state(class, judge->timeout_state);
}

static void judge_missing(const struct judge *judge, const struct view *view,
                          const struct pool *pool, struct dr_line *line)
{
    enum dr_error_class class = view->asked->error->class;
    enum dr_state state = missing_state(judge, view, pool);
    dr_line_problem(line, state, "%s", view->asked->error->text);
    if (is_down(class) && pool->passive)
        dr_line_next(line, state,
                     "no answer is no proof that it is passive: it can be dead, or cut off");
}

/* A unit that neither does its work nor was taken out, and about which nothing is wrong, has shown
 * nothing. */
static void judge_silence(const struct judge *judge, const struct view *view,
                          const struct pool *pool, struct dr_line *line)
{
    bool votes = is_counted(view->kind) || (view->kind == LIV_JOB && pool->passive);
    if (line->state != DR_OK || !votes)
        return;
    if (pool->passive && view->role == ROLE_UNKNOWN)
        dr_line_problem(line, untold_state(judge, view), "cannot be told to be passive");
    else if (!pool->passive && view->works == LIV_SAYS_NOTHING && !view->on_purpose &&
             !view->unit->alive.known && pool->alive + pool->reserve < pool->least)
        dr_line_problem(line, DR_UNKNOWN, "nothing shows that it works");
}

static void keep_words(struct judge *judge, const struct view *view, const struct dr_line *line)
{
    size_t which = (size_t)(view - judge->views);
    snprintf(judge->words[which], sizeof judge->words[which], "%s",
             dr_buffer_text(line->problems.size > 0 ? &line->problems : &line->figures));
}

static void judge_view(struct judge *judge, const struct view *view)
{
    struct dr_line line = DR_LINE;
    struct pool *pool = &judge->pools[view->pool];
    for (size_t i = 0; view->unit != NULL && i < view->unit->sign_count; i++)
        judge_sign(judge, view, &view->unit->signs[i], &line);
    if (view->unit != NULL) {
        judge_pace(judge, view, &line);
        judge_figures(judge, view, &line);
        judge_silence(judge, view, pool, &line);
    } else {
        judge_missing(judge, view, pool, &line);
    }
    keep_words(judge, view, &line);
    if (pool->worst == NULL ? line.state != DR_OK
                            : dr_state_is_worse(line.state, pool->worst_state)) {
        pool->worst = view;
        pool->worst_state = line.state;
    }
    dr_line_end(&line, judge->result, view->name);
}

/* ---- what was asked for ---- */

/* A limit of the user's for a figure that nobody has is not kept: it is not known. */
static void judge_limits(struct judge *judge)
{
    for (int metric = LIV_TIME; metric < LIV_METRICS; metric++) {
        bool known = !judge->rules->limited[metric];
        for (size_t i = 0; i < judge->view_count && !known; i++)
            known = judge->views[i].unit != NULL && !judge->views[i].left_out &&
                    judge->views[i].unit->figures[metric].known;
        if (!known)
            dr_result_add(judge->result, DR_UNKNOWN, liv_metrics[metric].name,
                          "a limit is given for it, and it is not known of any unit");
    }
}

static void judge_empty_target(struct judge *judge, const struct liv_asked *asked)
{
    const struct liv_facts *facts = asked->facts;
    const struct site *site = site_of(judge, asked);
    bool none = is_worker_product(asked->product) && facts->complete;
    if (none && site->passive)
        dr_result_add(judge->result, DR_OK, asked->label, "passive: no worker is there");
    else if (none)
        dr_finding_next(
            dr_result_add(judge->result, DR_CRITICAL, asked->label, "no worker is there"),
            "start the workers; or is this the wrong database, virtual host or prefix?");
    else
        dr_result_add(judge->result, DR_UNKNOWN, asked->label, "it answered, and nothing is there");
}

/* What others depend on is neither active nor passive: it proves nothing of a site. */
static void judge_roles(struct judge *judge)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        if (!is_roleless(judge->evidence->asked[i].product))
            return;
    }
    if (judge->rules->wish == LIV_WISH_PASSIVE)
        dr_result_add(judge->result, DR_UNKNOWN, NULL,
                      "none of the targets can be active or passive: whether this site is passive "
                      "was not looked at");
}

static void judge_emptiness(struct judge *judge)
{
    size_t left = 0;
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct liv_asked *asked = &judge->evidence->asked[i];
        if (asked->answered && asked->facts->unit_count == 0)
            judge_empty_target(judge, asked);
        if (asked->answered && asked->facts->unit_count > 0 && !asked->facts->complete)
            dr_result_add(judge->result, DR_UNKNOWN, asked->label,
                          "the list of its units is not complete");
    }
    for (size_t i = 0; i < judge->view_count; i++)
        left += judge->views[i].left_out ? 0 : 1;
    if (left == 0 && judge->view_count > 0)
        dr_result_add(judge->result, DR_UNKNOWN, NULL,
                      "nothing is left to look at: all %zu units are left out by --include, "
                      "--exclude or --pool",
                      judge->view_count);
    if (dr_selection_overrun(&judge->rules->selection))
        dr_result_add(judge->result, DR_UNKNOWN, NULL,
                      "an expression of --include or --exclude took too long on some name");
}

/* ---- the verdict ---- */

static bool is_worth_more(const struct pool *pool, const struct pool *other)
{
    if (other == NULL || pool->state != other->state)
        return other == NULL || dr_state_is_worse(pool->state, other->state);
    return is_counted(pool->kind) && !is_counted(other->kind);
}

static const struct dr_finding *worst_finding(const struct dr_result *result)
{
    const struct dr_finding *worst = NULL;
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct dr_finding *finding = &result->findings[i];
        if (worst == NULL || dr_state_is_worse(finding->state, worst->state))
            worst = finding;
    }
    return worst;
}

/* Where no unit is left to speak of. */
static void say_findings(struct dr_result *result)
{
    const struct dr_finding *worst = worst_finding(result);
    if (worst == NULL)
        dr_result_verdict(result, DR_UNKNOWN, "nothing was seen");
    else
        dr_result_verdict(result, worst->state, "%s%s%s",
                          worst->subject != NULL ? worst->subject : "",
                          worst->subject != NULL ? ": " : "", worst->text);
}

static void say_pools(struct judge *judge)
{
    const struct pool *worst = NULL;
    size_t others = 0, bad = 0;
    for (size_t i = 0; i < judge->pool_count; i++) {
        if (is_worth_more(&judge->pools[i], worst))
            worst = &judge->pools[i];
        if (!is_counted(judge->pools[i].kind))
            continue;
        others++;
        bad += judge->pools[i].state != DR_OK ? 1 : 0;
    }
    judge_pool_lines(judge, worst);
    if (worst == NULL) {
        say_findings(judge->result);
        return;
    }
    others -= is_counted(worst->kind) ? 1 : 0;
    bad -= is_counted(worst->kind) && worst->state != DR_OK ? 1 : 0;
    if (others > 0 && bad > 0)
        dr_result_verdict(judge->result, worst->state,
                          "%s; %zu of %zu other pools %s not OK either", worst->text, bad, others,
                          bad == 1 ? "is" : "are");
    else if (others > 0)
        dr_result_verdict(judge->result, worst->state, "%s; %zu other %s OK", worst->text, others,
                          others == 1 ? "pool is" : "pools are");
    else
        dr_result_verdict(judge->result, worst->state, "%s", worst->text);
}

static void free_judge(struct judge *judge)
{
    for (size_t i = 0; judge->views != NULL && i < judge->view_count; i++)
        free(judge->views[i].name);
    free(judge->views);
    free(judge->words);
    free(judge->pools);
    free(judge->sites);
}

const char *liv_judge(const struct liv_evidence *evidence, const struct liv_rules *rules,
                      enum dr_state timeout_state, struct dr_result *result)
{
    struct judge judge = {
        .evidence = evidence, .rules = rules, .result = result, .timeout_state = timeout_state};
    if (!gather_views(&judge) || !judge_gather_sites(&judge) || !judge_gather_pools(&judge)) {
        result->out_of_memory = true;
        free_judge(&judge);
        return NULL;
    }
    for (size_t i = 0; i < judge.view_count; i++) {
        if (!judge.views[i].left_out)
            judge_view(&judge, &judge.views[i]);
    }
    judge_pools(&judge);
    judge_expected(&judge);
    judge_emptiness(&judge);
    judge_roles(&judge);
    judge_limits(&judge);
    judge_agreement(&judge);
    if (rules->wish == LIV_WISH_ONE_SITE)
        judge_sites(&judge);
    else
        say_pools(&judge);
    const char *active = judge_active_site(&judge);
    free_judge(&judge);
    return active;
}
