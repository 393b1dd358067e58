/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
/* Evidence for the judge of check_dns_target, built by hand from a text, a line for each thing:
 *
 *     zone [down=CLASS]
 *     resolver LABEL [down=CLASS]
 *     view LABEL ADDRESS [server=NAME] [given] [remembered] [recalled] [serial=N] [refresh=N]
 *         [expire=N] [minimum=N] [soattl=N] [nosoa] [ns=A,B] [nsttl=N]
 *         [keys=TAG/ALGORITHM,...|none] [signed=LEFT/LIFE]
 *     a|aaaa|random OUTCOME [ADDRESS,...] [ttl=N] [link=OWNER>TARGET@TTL] [stale] [plain] [wildcard]
 *         [nsid=NAME] [valid=WORD] [why=WORD] [words=WITH_UNDERSCORES]
 *     standby N a|aaaa OUTCOME ...
 *     parent [ns=A,B] [nsttl=N] [ds=TAG/ALGORITHM,...|none] [alias=NAME] [lost=NAME]
 *         [trouble=WORDS]
 *     glue SERVER ADDRESS [parent] [own]
 *     tail NAME                                   followed by a and aaaa
 *
 * Outcomes go by the ends of their names in the enum, in lower case. */
/* clang-format on */
#ifndef TESTS_UNIT_SCENE_DNS_H
#define TESTS_UNIT_SCENE_DNS_H

#include "plugins/dns/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCENE_NOW 1.7e9
#define SCENE_TARGETS 8

struct scene {
    struct dns_asked asked[SCENE_TARGETS];
    struct dns_facts facts[SCENE_TARGETS];
    struct dr_error errors[SCENE_TARGETS];
    size_t count;
    struct dr_threshold thresholds[DNS_METRICS];
    struct dns_standby standby[4];
    struct dns_name via[4];
    struct dns_network lost[4];
    struct dns_rules rules;
    struct dns_history history;
    enum dr_state timeout_state;
    char text[8192]; /* what names point into */
    struct dns_view *view;
    struct dns_tail *tail;
};

struct scene_word {
    const char *word;
    int value;
};

static const struct scene_word scene_outcomes[] = {
    {"found", DNS_FOUND},
    {"nodata", DNS_NODATA},
    {"dangling", DNS_DANGLING},
    {"loop", DNS_LOOP},
    {"long", DNS_LONG},
    {"leaves", DNS_LEAVES},
    {"empty", DNS_EMPTY},
    {"nxdomain", DNS_NAME_ERROR},
    {"noaa", DNS_NOT_AUTHORITATIVE},
    {"lame", DNS_LAME},
    {"upward", DNS_UPWARD},
    {"servfail", DNS_FAILED},
    {"bogus", DNS_BOGUS},
    {"refused", DNS_DENIED},
    {"error", DNS_ERROR},
    {"silent", DNS_SILENT},
    {"unreachable", DNS_UNREACHABLE},
    {"noroute", DNS_NO_ROUTE},
    {"tcpfailed", DNS_TCP_FAILED},
    {"truncated", DNS_TRUNCATED},
    {"malformed", DNS_MALFORMED},
    {"notsecured", DNS_NOT_SECURED},
};
static const struct scene_word scene_classes[] = {
    {"connect", DR_ERR_CONNECT}, {"timeout", DR_ERR_TIMEOUT}, {"tls", DR_ERR_TLS},
    {"resolve", DR_ERR_RESOLVE}, {"module", DR_ERR_MODULE},
};
static const struct scene_word scene_validities[] = {
    {"secure", DNS_SECURE},
    {"insecure", DNS_INSECURE},
    {"invalid", DNS_INVALID},
    {"indeterminate", DNS_INDETERMINATE},
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

/* "key=VALUE": VALUE; NULL where the word is another. */
static inline char *scene_value(char *word, const char *key)
{
    size_t length = strlen(key);
    return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static inline char *scene_blanks(char *text)
{
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
    return text;
}

static inline void scene_addresses(struct dns_answer *answer, char *list)
{
    answer->addresses = calloc(16, sizeof *answer->addresses);
    for (char *item; (item = strsep(&list, ",")) != NULL;) {
        if (!dns_address_read(item, &answer->addresses[answer->address_count++]))
            abort();
    }
}

static inline void scene_link(struct dns_answer *answer, char *text)
{
    char *target = strchr(text, '>'), *ttl = strchr(text, '@');
    if (answer->links == NULL)
        answer->links = calloc(DNS_LINKS_MAX, sizeof *answer->links);
    *target++ = *ttl++ = '\0';
    answer->links[answer->link_count++] = (struct dns_link){
        .owner = strdup(text), .target = strdup(target), .ttl = (uint32_t)atoi(ttl)};
    free(answer->end);
    answer->end = strdup(target);
}

static inline void scene_answer(struct dns_answer *answer, char *rest)
{
    answer->outcome = (enum dns_outcome)SCENE_FIND(scene_outcomes, strsep(&rest, " "));
    answer->seconds = 0.002;
    answer->tries = 1;
    answer->ttl = 60;
    answer->end = strdup("app.example.com");
    for (char *word, *value; (word = strsep(&rest, " ")) != NULL;) {
        if ((value = scene_value(word, "ttl")) != NULL)
            answer->ttl = (uint32_t)atoi(value);
        else if ((value = scene_value(word, "link")) != NULL)
            scene_link(answer, value);
        else if ((value = scene_value(word, "words")) != NULL)
            answer->words = strdup(scene_blanks(value));
        else if ((value = scene_value(word, "nsid")) != NULL)
            answer->nsid = strdup(value);
        else if ((value = scene_value(word, "valid")) != NULL)
            answer->validity = (enum dns_validity)SCENE_FIND(scene_validities, value);
        else if ((value = scene_value(word, "why")) != NULL)
            answer->validity_words = strdup(value);
        else if (strcmp(word, "stale") == 0)
            answer->stale = true;
        else if (strcmp(word, "plain") == 0)
            answer->no_edns = true;
        else if (strcmp(word, "wildcard") == 0)
            answer->wildcard = true;
        else if (*word != '\0')
            scene_addresses(answer, word);
    }
}

static inline void scene_servers(struct dns_servers *servers, char *list)
{
    servers->known = true;
    if (servers->ttl == 0)
        servers->ttl = 3600;
    for (char *name; (name = strsep(&list, ",")) != NULL;)
        dns_servers_add(servers, name);
}

static inline void scene_keys(struct dns_keys *keys, char *list)
{
    keys->known = true;
    if (strcmp(list, "none") == 0)
        return;
    for (char *item; (item = strsep(&list, ",")) != NULL;) {
        unsigned tag, algorithm;
        if (sscanf(item, "%u/%u", &tag, &algorithm) != 2)
            abort();
        dns_keys_add(keys, tag, algorithm);
    }
}

static inline void scene_soa(struct dns_soa *soa, const char *key, const char *value)
{
    struct {
        const char *key;
        uint32_t *into;
    } fields[] = {{"serial", &soa->serial},
                  {"refresh", &soa->refresh},
                  {"expire", &soa->expire},
                  {"minimum", &soa->minimum},
                  {"soattl", &soa->ttl}};
    for (size_t i = 0; i < 5; i++) {
        if (strcmp(fields[i].key, key) == 0) {
            *fields[i].into = (uint32_t)strtoul(value, NULL, 10);
            return;
        }
    }
    fprintf(stderr, "scene: no such key: %s\n", key);
    abort();
}

static inline void scene_view(struct scene *scene, char *rest)
{
    struct dns_facts *facts = &scene->facts[scene->count - 1];
    struct dns_view *view = dns_facts_view(facts, strsep(&rest, " "), scene->rules.standby_count);
    scene->view = view;
    scene->tail = NULL;
    if (!dns_address_read(strsep(&rest, " "), &view->address))
        abort();
    view->origin.child = true;
    view->server = strdup(view->label);
    view->soa = (struct dns_soa){.known = scene->asked[scene->count - 1].zone,
                                 .ttl = 300,
                                 .serial = 1,
                                 .refresh = 900,
                                 .retry = 300,
                                 .expire = 604800,
                                 .minimum = 300};
    for (char *word, *value; (word = strsep(&rest, " ")) != NULL;) {
        if (strcmp(word, "given") == 0 || strcmp(word, "remembered") == 0)
            view->origin = (struct dns_origin){.given = *word == 'g', .remembered = *word == 'r'};
        else if (strcmp(word, "recalled") == 0)
            view->origin.remembered = true;
        else if (strcmp(word, "nosoa") == 0)
            view->soa.known = false;
        else if ((value = scene_value(word, "server")) != NULL) {
            free(view->server);
            view->server = strdup(value);
        } else if ((value = scene_value(word, "ns")) != NULL)
            scene_servers(&view->servers, value);
        else if ((value = scene_value(word, "nsttl")) != NULL)
            view->servers.ttl = (uint32_t)atoi(value);
        else if ((value = scene_value(word, "keys")) != NULL)
            scene_keys(&view->keys, value);
        else if ((value = scene_value(word, "signed")) != NULL) {
            view->signed_for = dr_real(strtod(value, &value));
            view->signed_life = dr_real(atof(value + 1));
        } else if ((value = strchr(word, '=')) != NULL) {
            *value++ = '\0';
            scene_soa(&view->soa, word, value);
        }
    }
}

static inline void scene_parent(struct scene *scene, char *rest)
{
    struct dns_delegation *delegation = &scene->facts[scene->count - 1].delegation;
    delegation->zone = strdup("example.com");
    for (char *word, *value; (word = strsep(&rest, " ")) != NULL;) {
        if ((value = scene_value(word, "ns")) != NULL)
            scene_servers(&delegation->servers, value);
        else if ((value = scene_value(word, "nsttl")) != NULL)
            delegation->servers.ttl = (uint32_t)atoi(value);
        else if ((value = scene_value(word, "ds")) != NULL)
            scene_keys(&delegation->ds, value);
        else if ((value = scene_value(word, "trouble")) != NULL)
            delegation->trouble = strdup(scene_blanks(value));
        else if ((value = scene_value(word, "alias")) != NULL) {
            delegation->aliases = calloc(1, sizeof *delegation->aliases);
            delegation->aliases[delegation->alias_count++] = strdup(value);
        } else if ((value = scene_value(word, "lost")) != NULL) {
            delegation->lost = calloc(1, sizeof *delegation->lost);
            delegation->lost[delegation->lost_count++] = strdup(value);
        } else
            abort();
    }
}

static inline void scene_glue(struct scene *scene, char *rest)
{
    struct dns_delegation *delegation = &scene->facts[scene->count - 1].delegation;
    if (delegation->glue == NULL)
        delegation->glue = calloc(16, sizeof *delegation->glue);
    struct dns_glue *glue = &delegation->glue[delegation->glue_count++];
    glue->server = strdup(strsep(&rest, " "));
    dns_address_read(strsep(&rest, " "), &glue->address);
    glue->parent = strstr(rest, "parent") != NULL;
    glue->own = strstr(rest, "own") != NULL;
}

static inline void scene_tail(struct scene *scene, char *rest)
{
    struct dns_facts *facts = &scene->facts[scene->count - 1];
    if (facts->tails == NULL)
        facts->tails = calloc(4, sizeof *facts->tails);
    scene->tail = &facts->tails[facts->tail_count++];
    scene->tail->name = strdup(rest);
}

static inline void scene_target(struct scene *scene, bool zone, char *rest)
{
    struct dns_asked *asked = &scene->asked[scene->count];
    struct dr_error *error = &scene->errors[scene->count];
    char *down = rest != NULL ? strstr(rest, "down=") : NULL;
    *asked = (struct dns_asked){
        .zone = zone, .facts = &scene->facts[scene->count], .error = error, .answered = true};
    asked->label = zone ? "zone" : strsep(&rest, " ");
    if (down != NULL) {
        asked->answered = false;
        asked->facts = NULL;
        dr_error_set(error, (enum dr_error_class)SCENE_FIND(scene_classes, down + 5), "%s failed",
                     down + 5);
    }
    scene->count++;
}

static inline void scene_line(struct scene *scene, char *line)
{
    char *word = strsep(&line, " ");
    struct dns_answer *answers = scene->tail != NULL   ? scene->tail->answers
                                 : scene->view != NULL ? scene->view->answers
                                                       : NULL;
    if (strcmp(word, "zone") == 0 || strcmp(word, "resolver") == 0)
        scene_target(scene, *word == 'z', line);
    else if (strcmp(word, "view") == 0)
        scene_view(scene, line);
    else if (strcmp(word, "a") == 0)
        scene_answer(&answers[DNS_V4], line);
    else if (strcmp(word, "aaaa") == 0)
        scene_answer(&answers[DNS_V6], line);
    else if (strcmp(word, "random") == 0)
        scene_answer(&scene->view->random, line);
    else if (strcmp(word, "standby") == 0) {
        int index = atoi(strsep(&line, " "));
        bool v6 = strcmp(strsep(&line, " "), "aaaa") == 0;
        scene_answer(&scene->view->standby[index * DNS_FAMILIES + (v6 ? DNS_V6 : DNS_V4)], line);
    } else if (strcmp(word, "parent") == 0)
        scene_parent(scene, line);
    else if (strcmp(word, "glue") == 0)
        scene_glue(scene, line);
    else if (strcmp(word, "tail") == 0)
        scene_tail(scene, line);
    else
        abort();
}

/* The rules are read before: --standby says how many names there are. */
static inline void scene_read(struct scene *scene, const char *text)
{
    if (strlen(text) >= sizeof scene->text)
        abort();
    strcpy(scene->text, text);
    char *rest = scene->text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (*line != '\0')
            scene_line(scene, line);
    }
}

static inline void scene_judge(struct scene *scene, double now, struct dr_result *result)
{
    const struct dns_evidence evidence = {
        .asked = scene->asked, .count = scene->count, .history = &scene->history, .now = now};
    dr_result_init(result, "DNS");
    dns_judge(&evidence, &scene->rules, scene->timeout_state, result);
    dr_result_sort(result);
}

static inline void scene_end(struct scene *scene)
{
    for (size_t i = 0; i < scene->count; i++)
        dns_facts_free(&scene->facts[i]);
    dns_sites_free(&scene->rules.sites);
}

#endif
