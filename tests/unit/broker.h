/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence for the judge of check_queue_mirrors, built by hand from one line for each queue.
 *
 *     NAME TYPE [KEY=VALUE...] [FLAG...]
 *     ha.orders classic node=1 mirrors=2,3 sync=2 messages=50 persistent=50 policy=ha-all
 *     payments quorum members=1,2,3 online=1,2 leader=1 messages=30
 *
 * Nodes are numbers: 1 is rmq1@a, 2 rmq2@b, 3 rmq3@c. "-" is an empty set. What is not in the line
 * is not known, but that queues are durable, run, and are in the virtual host "/". */
#ifndef TESTS_UNIT_BROKER_H
#define TESTS_UNIT_BROKER_H

#include "plugins/queues/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BROKER_NODES 3
#define BROKER_NOW 1.7e9
/* Facts hold char *, and never change what it points at. */
#define TEXT(literal) ((char *)(literal))

struct broker {
    struct que_asked asked[2 * BROKER_NODES];
    struct que_facts facts[2 * BROKER_NODES];
    struct que_member members[2 * BROKER_NODES][BROKER_NODES];
    struct dr_error errors[2 * BROKER_NODES];
    struct dr_threshold thresholds[QUE_METRICS];
    struct dr_pattern *must[4];
    char *must_text[4];
    char *texts[8];
    char *zone_nodes[8];
    struct que_zone zones[4];
    struct que_limit limits[4];
    struct que_rules rules;
    struct que_history history;
    struct que_evidence evidence;
};

static const char *const broker_names[BROKER_NODES] = {"rmq1@a", "rmq2@b", "rmq3@c"};

static inline que_nodes broker_set(struct que_roster *roster, const char *text)
{
    que_nodes set = QUE_NOBODY;
    for (; *text != '\0' && *text != '-'; text++) {
        if (*text >= '1' && *text <= '9')
            set |= que_bit(que_roster_node(roster, broker_names[*text - '1']));
    }
    return set;
}

static inline void broker_policy(struct que_roster *roster, struct que_queue *queue,
                                 const char *name)
{
    bool added;
    bool mirrors = strncmp(name, "ha", 2) == 0;
    struct que_policy *policy = que_roster_policy(roster, name, name, &added);
    if (added && mirrors) {
        policy->ha_mode = strdup(strstr(name, "two") != NULL ? "exactly" : "all");
        policy->ha_count = strstr(name, "two") != NULL ? dr_int(2) : policy->ha_count;
        policy->on_failure =
            strstr(name, "wait") != NULL ? QUE_PROMOTE_WHEN_SYNCED : QUE_PROMOTE_ALWAYS;
    }
    queue->policy = (uint16_t)(policy - roster->policies);
}

static inline void broker_figure(struct que_queue *queue, const char *key, const char *value)
{
    static const struct {
        const char *key;
        enum que_figure figure;
    } figures[] = {{"messages", QUE_MESSAGES}, {"ready", QUE_READY},
                   {"unacked", QUE_UNACKED},   {"persistent", QUE_PERSISTENT},
                   {"bytes", QUE_BYTES},       {"consumers", QUE_CONSUMERS},
                   {"oldest", QUE_HEAD_AGE},   {"acked", QUE_ACKED},
                   {"rate", QUE_PUBLISH_RATE}, {"synced", QUE_SYNCED}};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        if (strcmp(key, figures[i].key) == 0) {
            que_set(queue, figures[i].figure, atof(value));
            return;
        }
    }
    fprintf(stderr, "no figure %s\n", key);
    abort();
}

static inline void broker_key(struct que_roster *roster, struct que_queue *queue, const char *key,
                              const char *value)
{
    if (strcmp(key, "node") == 0 || strcmp(key, "leader") == 0) {
        queue->traits |= QUE_LEADER_KNOWN;
        queue->leader =
            (int8_t)(value[0] == '-' ? QUE_LEADERLESS
                                     : que_roster_node(roster, broker_names[value[0] - '1']));
    } else if (strcmp(key, "mirrors") == 0) {
        queue->traits |= QUE_MIRRORED | QUE_COPIES_KNOWN;
        queue->copies = broker_set(roster, value);
    } else if (strcmp(key, "members") == 0) {
        queue->traits |= QUE_COPIES_KNOWN;
        queue->copies = broker_set(roster, value);
    } else if (strcmp(key, "sync") == 0 || strcmp(key, "online") == 0) {
        queue->traits |= QUE_INSYNC_KNOWN;
        queue->insync = broker_set(roster, value);
    } else if (strcmp(key, "policy") == 0) {
        broker_policy(roster, queue, value);
    } else if (strcmp(key, "head") == 0) {
        queue->head = (uint64_t)atoi(value);
    } else {
        broker_figure(queue, key, value);
    }
}

static inline void broker_flag(struct que_queue *queue, const char *flag)
{
    static const struct {
        const char *flag;
        enum que_state state;
    } states[] = {{"down", QUE_DOWN},         {"crashed", QUE_CRASHED},
                  {"minority", QUE_MINORITY}, {"syncing", QUE_SYNCING},
                  {"live", QUE_LIVE},         {"stateless", QUE_STATE_UNKNOWN},
                  {"stopped", QUE_STOPPED}};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(flag, states[i].flag) == 0)
            queue->state = (uint8_t)states[i].state;
    }
    if (strcmp(flag, "transient") == 0)
        queue->traits &= (uint16_t)~QUE_DURABLE;
    if (strcmp(flag, "exclusive") == 0)
        queue->traits |= QUE_EXCLUSIVE;
    if (strcmp(flag, "sheds") == 0)
        queue->traits |= QUE_SHEDS;
}

/* Adds the queue of a line. */
static inline struct que_queue *broker_queue(struct que_roster *roster, const char *line)
{
    char text[400];
    snprintf(text, sizeof text, "%s", line);
    char *rest = text;
    char *name = strsep(&rest, " ");
    const char *type = strsep(&rest, " ");
    const char *slash = strchr(name, '/');
    struct que_queue *queue;
    if (slash != NULL) {
        char vhost[100];
        snprintf(vhost, sizeof vhost, "%.*s", (int)(slash - name), name);
        queue = que_roster_add(roster, vhost, slash + 1);
    } else {
        queue = que_roster_add(roster, "/", name);
    }
    queue->kind = strcmp(type, "classic") == 0  ? QUE_CLASSIC
                  : strcmp(type, "quorum") == 0 ? QUE_QUORUM
                  : strcmp(type, "stream") == 0 ? QUE_STREAM
                  : strcmp(type, "list") == 0   ? QUE_LIST
                                                : QUE_OTHER;
    queue->traits = QUE_DURABLE | QUE_DURABLE_KNOWN | QUE_LISTED | QUE_FIGURED;
    queue->state = QUE_RUNNING;
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        char *equals = strchr(word, '=');
        if (equals == NULL) {
            broker_flag(queue, word);
            continue;
        }
        *equals = '\0';
        broker_key(roster, queue, word, equals + 1);
    }
    return queue;
}

/* Lines apart by line breaks. */
static inline struct que_roster *broker_roster(const char *lines)
{
    struct que_roster *roster = que_roster_new();
    char *text = strdup(lines);
    char *rest = text;
    for (size_t i = 0; i < BROKER_NODES; i++)
        que_roster_node(roster, broker_names[i]);
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (line[0] != '\0')
            broker_queue(roster, line);
    }
    free(text);
    roster->complete = true;
    roster->figured = true;
    roster->exact = true;
    return roster;
}

static inline void broker_view(struct broker *broker, size_t number)
{
    struct que_view *view = &broker->facts[number].view;
    view->node = strdup(broker_names[number % BROKER_NODES]);
    view->version = strdup("3.10.8");
    view->user = strdup("nagios");
    view->tags = strdup("monitoring");
    view->members = calloc(BROKER_NODES, sizeof *view->members);
    view->member_count = BROKER_NODES;
    for (size_t i = 0; i < BROKER_NODES; i++)
        view->members[i] = (struct que_member){.name = strdup(broker_names[i]),
                                               .running = dr_bool(true),
                                               .partitions_known = true,
                                               .reporting = true,
                                               .drained = dr_bool(false),
                                               .fd_used = dr_int(50),
                                               .fd_total = dr_int(1000),
                                               .uptime = dr_real(8538)};
    for (size_t q = 0; q <= QUE_ASK_CERTIFICATES; q++)
        view->replies[q].answer = QUE_ANSWERED;
}

/* A target on each node of a healthy cluster; the first of them gave the list. `second` is for the
 * cluster to compare with: targets 3 to 5. */
static inline void broker_add(struct broker *broker, const char *lines, bool second)
{
    static const char *const labels[2 * BROKER_NODES] = {"mq1", "mq2", "mq3", "dr1", "dr2", "dr3"};
    size_t first = second ? BROKER_NODES : 0;
    for (size_t i = first; i < first + BROKER_NODES; i++) {
        struct que_facts *facts = &broker->facts[i];
        facts->product = QUE_RABBITMQ;
        broker_view(broker, i);
        broker->asked[i] = (struct que_asked){.label = labels[i],
                                              .host = labels[i],
                                              .product = QUE_RABBITMQ,
                                              .group = labels[first],
                                              .reference = second,
                                              .answered = true,
                                              .facts = facts,
                                              .error = &broker->errors[i]};
    }
    struct que_facts *lister = &broker->facts[first];
    lister->roster = broker_roster(lines);
    lister->view.queues = dr_int(0);
    for (size_t i = 0; i < lister->roster->count; i++)
        lister->view.queues.value += que_roster_at(lister->roster, i)->state != QUE_DOWN ? 1 : 0;
    for (size_t q = QUE_ASK_QUEUES; q < QUE_QUESTIONS; q++)
        lister->view.replies[q].answer = QUE_ANSWERED;
    broker->evidence.count += BROKER_NODES;
}

static inline void broker_limit(struct broker *broker, enum que_metric metric, bool critical,
                                double most)
{
    struct dr_limit *limit =
        critical ? &broker->thresholds[metric].critical : &broker->thresholds[metric].warning;
    *limit = (struct dr_limit){.given = true, .range = {.start = 0, .end = most}};
}

static inline void broker_make(struct broker *broker, const char *lines)
{
    memset(broker, 0, sizeof *broker);
    broker->evidence = (struct que_evidence){
        .asked = broker->asked, .history = &broker->history, .now = BROKER_NOW};
    broker->rules = (struct que_rules){.thresholds = broker->thresholds,
                                       .must_replicate = broker->must,
                                       .must_replicate_text = {.items = broker->must_text},
                                       .min_copies = 2,
                                       .zones = broker->zones,
                                       .limits = broker->limits,
                                       .unsynced_for = dr_real(600),
                                       .visibility_timeout = 3600};
    broker_limit(broker, QUE_LOST, true, 0);
    broker_limit(broker, QUE_LOST_QUEUES, true, 0);
    broker_limit(broker, QUE_UNAVAILABLE, false, 0);
    broker_limit(broker, QUE_FD_USED, false, 80);
    broker_add(broker, lines, false);
}

static inline void broker_must(struct broker *broker, const char *pattern)
{
    struct dr_error error;
    size_t i = broker->rules.must_replicate_count++;
    broker->must[i] = dr_pattern_new(pattern, &error);
    broker->must_text[i] = TEXT(pattern);
}

/* --zone, for the nodes of these numbers. */
static inline void broker_zone(struct broker *broker, const char *name, const char *numbers)
{
    static const char *const nodes[BROKER_NODES] = {"rmq1", "rmq2", "rmq3"};
    size_t used = 0;
    struct que_zone *zone = &broker->zones[broker->rules.zone_count++];
    while (used < 8 && broker->zone_nodes[used] != NULL)
        used++;
    *zone = (struct que_zone){.name = name, .nodes = &broker->zone_nodes[used]};
    for (; *numbers != '\0'; numbers++)
        zone->nodes[zone->count++] = TEXT(nodes[*numbers - '1']);
}

/* Node `number` (from 0) is down, and everybody sees it. */
static inline void broker_kill(struct broker *broker, size_t number)
{
    for (size_t i = 0; i < BROKER_NODES; i++) {
        struct que_member *member = &broker->facts[i].view.members[number];
        member->running = dr_bool(false);
        member->reporting = false;
        member->partitions_known = false;
    }
}

static inline void broker_judge(struct broker *broker, struct dr_result *result)
{
    dr_result_init(result, "QUEUES");
    que_judge(&broker->evidence, &broker->rules, DR_CRITICAL, result);
}

static inline void broker_forget(struct broker *broker)
{
    for (size_t i = 0; i < 2 * BROKER_NODES; i++)
        que_facts_free(&broker->facts[i]);
    for (size_t i = 0; i < broker->rules.must_replicate_count; i++)
        dr_pattern_free(broker->must[i]);
    for (size_t i = 0; i < broker->rules.limit_count; i++)
        dr_pattern_free(broker->limits[i].pattern);
    dr_selection_free(&broker->rules.selection);
    dr_selection_free(&broker->rules.vhosts);
}

/* Some finding about subject (NULL: the verdict) has these words. */
static inline bool broker_says(const struct dr_result *result, const char *subject,
                               const char *words)
{
    if (subject == NULL)
        return result->verdict != NULL && strstr(result->verdict, words) != NULL;
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct dr_finding *finding = &result->findings[i];
        const char *whose = finding->subject != NULL ? finding->subject : "";
        if (strcmp(whose, subject) == 0 && strstr(finding->text, words) != NULL)
            return true;
    }
    return false;
}

static inline void broker_print(const struct dr_result *result)
{
    fprintf(stderr, "  %s: %s\n", dr_state_name(result->verdict_state), result->verdict);
    for (size_t i = 0; i < result->finding_count; i++)
        fprintf(stderr, "  [%s] %s: %s\n", dr_state_name(result->findings[i].state),
                result->findings[i].subject != NULL ? result->findings[i].subject : "-",
                result->findings[i].text);
}

#endif
