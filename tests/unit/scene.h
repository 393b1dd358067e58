/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence for the judge of check_liveness, built by hand from a text.
 *
 *     target LABEL PRODUCT [site=S] [group=G] [down=CLASS] [partial]
 *     unit NAME KIND SIGN[:WORDS_WITH_UNDERSCORES]... [KEY=VALUE]...
 *
 * Keys of a unit: pool, host (HOST or HOST*N), wanted, alive, version, cluster, leader, reserve,
 * the names of metrics, pace=HEAD/TAKEN/DONE@SECONDS and earlier= in the same form. Products,
 * kinds, classes and signs go by the ends of their names in the enums, in lower case. */
#ifndef TESTS_UNIT_SCENE_H
#define TESTS_UNIT_SCENE_H

#include "plugins/liveness/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCENE_NOW 1.7e9
#define SCENE_TARGETS 8

struct scene {
    struct liv_asked asked[SCENE_TARGETS];
    struct liv_facts facts[SCENE_TARGETS];
    struct dr_error errors[SCENE_TARGETS];
    size_t count;
    struct dr_threshold thresholds[LIV_METRICS];
    struct liv_expected expected[8];
    struct liv_rules rules;
    struct liv_history history;
    enum dr_state timeout_state;
    char text[8192]; /* what names point into */
};

struct scene_word {
    const char *word;
    int value;
};

static inline int scene_find(const struct scene_word *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i].word, word) == 0)
            return words[i].value;
    }
    fprintf(stderr, "scene: no such word: %s\n", word);
    abort();
}
#define SCENE_FIND(words, word) scene_find(words, sizeof(words) / sizeof(words)[0], word)

static const struct scene_word scene_products[] = {
    {"http", LIV_HTTP},
    {"haproxy", LIV_HAPROXY},
    {"kubernetes", LIV_KUBERNETES},
    {"celery", LIV_CELERY},
    {"sidekiq", LIV_SIDEKIQ},
    {"redbeat", LIV_REDBEAT},
    {"scheduler", LIV_SCHEDULER},
    {"grafana", LIV_GRAFANA},
    {"elasticsearch", LIV_ELASTICSEARCH},
    {"rq", LIV_RQ},
};
static const struct scene_word scene_kinds[] = {
    {"instance", LIV_INSTANCE}, {"server", LIV_SERVER}, {"workload", LIV_WORKLOAD},
    {"job", LIV_JOB},           {"worker", LIV_WORKER}, {"queue", LIV_QUEUE},
    {"timer", LIV_TIMER},       {"member", LIV_MEMBER}, {"pool", LIV_POOL},
};
static const struct scene_word scene_classes[] = {
    {"connect", DR_ERR_CONNECT},
    {"timeout", DR_ERR_TIMEOUT},
    {"auth", DR_ERR_AUTH},
    {"resolve", DR_ERR_RESOLVE},
};
static const struct scene_word scene_signs[] = {
    {"answered", LIV_ANSWERED},
    {"says_active", LIV_SAYS_ACTIVE},
    {"says_passive", LIV_SAYS_PASSIVE},
    {"refused", LIV_REFUSED},
    {"silent", LIV_SILENT},
    {"denied", LIV_DENIED},
    {"untrusted", LIV_UNTRUSTED},
    {"bad_status", LIV_BAD_STATUS},
    {"bad_content", LIV_BAD_CONTENT},
    {"not_told", LIV_NOT_TOLD},
    {"led_away", LIV_LED_AWAY},
    {"not_ready", LIV_NOT_READY},
    {"is_ready", LIV_IS_READY},
    {"lb_up", LIV_LB_UP},
    {"lb_falling", LIV_LB_FALLING},
    {"lb_down", LIV_LB_DOWN},
    {"lb_drained", LIV_LB_DRAINED},
    {"lb_maintenance", LIV_LB_MAINTENANCE},
    {"lb_lost", LIV_LB_LOST},
    {"lb_unchecked", LIV_LB_UNCHECKED},
    {"lb_empty", LIV_LB_EMPTY},
    {"lb_closed", LIV_LB_CLOSED},
    {"lb_open", LIV_LB_OPEN},
    {"lb_traffic", LIV_LB_TRAFFIC},
    {"lb_quiet", LIV_LB_QUIET},
    {"lb_odd", LIV_LB_ODD},
    {"k_settled", LIV_K_SETTLED},
    {"k_short", LIV_K_SHORT},
    {"k_rolling", LIV_K_ROLLING},
    {"k_zero", LIV_K_ZERO},
    {"k_leftover", LIV_K_LEFTOVER},
    {"k_suspended", LIV_K_SUSPENDED},
    {"k_still_runs", LIV_K_STILL_RUNS},
    {"k_scheduled", LIV_K_SCHEDULED},
    {"k_woken", LIV_K_WOKEN},
    {"w_answered", LIV_W_ANSWERED},
    {"w_wedged", LIV_W_WEDGED},
    {"w_busy", LIV_W_BUSY},
    {"w_gone", LIV_W_GONE},
    {"w_draining", LIV_W_DRAINING},
    {"w_idle_hands", LIV_W_IDLE_HANDS},
    {"q_served", LIV_Q_SERVED},
    {"q_unserved", LIV_Q_UNSERVED},
    {"q_empty", LIV_Q_EMPTY},
    {"s_running", LIV_S_RUNNING},
    {"s_paused", LIV_S_PAUSED},
    {"s_overdue", LIV_S_OVERDUE},
    {"s_unheld", LIV_S_UNHELD},
    {"e_green", LIV_E_GREEN},
    {"e_yellow", LIV_E_YELLOW},
    {"e_red", LIV_E_RED},
};

static inline struct liv_pace scene_pace(const char *text)
{
    unsigned long long head, taken;
    long long done;
    double at;
    if (sscanf(text, "%llu/%llu/%lld@%lf", &head, &taken, &done, &at) != 4)
        abort();
    return (struct liv_pace){
        .known = true, .head = head, .taken = taken, .done = dr_int(done), .at = at};
}

static inline void scene_host(struct liv_facts *facts, struct liv_unit *unit, char *text)
{
    char *times = strchr(text, '*');
    if (times != NULL)
        *times++ = '\0';
    liv_facts_place(facts, unit, text, times != NULL ? atoi(times) : 1);
}

static inline void scene_key(struct liv_facts *facts, struct liv_unit *unit, const char *key,
                             char *value)
{
    if (strcmp(key, "host") == 0)
        scene_host(facts, unit, value);
    else if (strcmp(key, "wanted") == 0)
        unit->wanted = dr_int(atoi(value));
    else if (strcmp(key, "alive") == 0)
        unit->alive = dr_int(atoi(value));
    else if (strcmp(key, "version") == 0)
        liv_facts_text(facts, &unit->version, value);
    else if (strcmp(key, "cluster") == 0)
        liv_facts_text(facts, &unit->cluster, value);
    else if (strcmp(key, "leader") == 0)
        liv_facts_text(facts, &unit->leader, value);
    else if (strcmp(key, "reserve") == 0)
        unit->reserve = true;
    else if (strcmp(key, "pace") == 0)
        unit->pace = scene_pace(value);
    else if (strcmp(key, "earlier") == 0)
        unit->earlier = scene_pace(value);
    else {
        int metric = 0;
        while (metric < LIV_METRICS && strcmp(liv_metrics[metric].name, key) != 0)
            metric++;
        if (metric == LIV_METRICS)
            abort();
        liv_unit_figure(unit, (enum liv_metric)metric, atof(value));
    }
}

static inline void scene_unit(struct scene *scene, char *rest)
{
    struct liv_facts *facts = &scene->facts[scene->count - 1];
    char *name = strsep(&rest, " ");
    char *kind = strsep(&rest, " ");
    char *pool = rest != NULL ? strstr(rest, "pool=") : NULL;
    char pool_text[100] = "";
    if (pool != NULL)
        sscanf(pool, "pool=%99s", pool_text);
    struct liv_unit *unit = liv_facts_add(facts, (enum liv_kind)SCENE_FIND(scene_kinds, kind), name,
                                          pool != NULL ? pool_text : NULL);
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        char *value = strchr(word, '='), *text = strchr(word, ':');
        if (strncmp(word, "pool=", 5) == 0 || *word == '\0')
            continue;
        if (value != NULL && (text == NULL || value < text)) {
            *value++ = '\0';
            scene_key(facts, unit, word, value);
            continue;
        }
        if (text != NULL)
            *text++ = '\0';
        for (char *c = text; c != NULL && *c != '\0'; c++)
            *c = *c == '_' ? ' ' : *c;
        liv_facts_sign(facts, unit, (enum liv_sign_kind)SCENE_FIND(scene_signs, word), "%s",
                       text != NULL ? text : "");
    }
}

static inline void scene_target(struct scene *scene, char *rest)
{
    struct liv_asked *asked = &scene->asked[scene->count];
    struct dr_error *error = &scene->errors[scene->count];
    *asked =
        (struct liv_asked){.facts = &scene->facts[scene->count], .error = error, .answered = true};
    scene->facts[scene->count].complete = true;
    asked->label = asked->group = strsep(&rest, " ");
    asked->product = (enum liv_product)SCENE_FIND(scene_products, strsep(&rest, " "));
    scene->count++;
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        if (strncmp(word, "site=", 5) == 0)
            asked->site = word + 5;
        else if (strncmp(word, "group=", 6) == 0)
            asked->group = word + 6;
        else if (strcmp(word, "partial") == 0)
            scene->facts[scene->count - 1].complete = false;
        else if (strncmp(word, "down=", 5) == 0) {
            asked->answered = false;
            asked->facts = NULL;
            dr_error_set(error, (enum dr_error_class)SCENE_FIND(scene_classes, word + 5), "%s: %s",
                         asked->label, word + 5);
        }
    }
}

/* Rules as main makes them where nothing is asked for. */
static inline void scene_start(struct scene *scene, const char *text)
{
    *scene = (struct scene){.timeout_state = DR_CRITICAL};
    scene->rules.thresholds = scene->thresholds;
    scene->rules.expected = scene->expected;
    scene->rules.stuck_after = dr_real(600);
    if (strlen(text) >= sizeof scene->text)
        abort();
    strcpy(scene->text, text);
    char *rest = scene->text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (strncmp(line, "target ", 7) == 0)
            scene_target(scene, line + 7);
        else if (strncmp(line, "unit ", 5) == 0)
            scene_unit(scene, line + 5);
        else if (*line != '\0')
            abort();
    }
}

static inline const char *scene_judge(struct scene *scene, struct dr_result *result)
{
    const struct liv_evidence evidence = {
        .asked = scene->asked, .count = scene->count, .history = &scene->history, .now = SCENE_NOW};
    dr_result_init(result, "LIVENESS");
    const char *active = liv_judge(&evidence, &scene->rules, scene->timeout_state, result);
    dr_result_sort(result);
    return active;
}

static inline void scene_end(struct scene *scene)
{
    for (size_t i = 0; i < scene->count; i++)
        liv_facts_free(&scene->facts[i]);
}

#endif
