/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/judge_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct dr_metric que_metrics[QUE_METRICS] = {
    [QUE_LOST] = {"lost", DR_UNIT_NONE,
                  "messages lost if the worst one node, host or zone dies now (of each node: "
                  "rabbit_mq1_lost)"},
    [QUE_LOST_BYTES] = {"lost_bytes", DR_UNIT_BYTES, "their bytes"},
    [QUE_LOST_QUEUES] = {"lost_queues", DR_UNIT_NONE,
                         "queues with messages that would lose some or all of them"},
    [QUE_UNAVAILABLE] = {"unavailable", DR_UNIT_NONE,
                         "queues that would stop, and keep their messages, until it is back"},
    [QUE_UNAVAILABLE_MESSAGES] = {"unavailable_messages", DR_UNIT_NONE,
                                  "messages that nobody could get until it is back"},
    [QUE_FRAGILE] = {"fragile", DR_UNIT_NONE,
                     "queues that would go on, but not survive the death of one more"},
    [QUE_QUEUE_MESSAGES] = {"messages", DR_UNIT_NONE,
                            "of each queue: messages, ready and unacknowledged"},
    [QUE_QUEUE_READY] = {"ready", DR_UNIT_NONE, "of each queue: messages that wait"},
    [QUE_QUEUE_UNACKED] = {"unacknowledged", DR_UNIT_NONE,
                           "of each queue: messages that a consumer has and has not acknowledged"},
    [QUE_QUEUE_BYTES] = {"bytes", DR_UNIT_BYTES, "of each queue: bytes of its messages"},
    [QUE_QUEUE_CONSUMERS] = {"consumers", DR_UNIT_NONE, "of each queue: its consumers"},
    [QUE_QUEUE_OLDEST] =
        {"oldest", DR_UNIT_SECONDS,
         "of each queue: age of its oldest message, or since when the same one has "
         "been at its head"},
    [QUE_QUEUE_PUBLISH_RATE] = {"publish_rate", DR_UNIT_NONE,
                                "of each queue: messages published in a second"},
    [QUE_QUEUE_ACK_RATE] = {"ack_rate", DR_UNIT_NONE,
                            "of each queue: messages acknowledged in a second"},
    [QUE_IN_FLIGHT_AGE] = {"in_flight_age", DR_UNIT_SECONDS,
                           "Celery on Redis: since when the oldest task has been with a worker"},
    [QUE_POISON] = {"poison", DR_UNIT_NONE, "Azure: messages in the queue NAME-poison"},
    [QUE_DEQUEUES] = {"dequeues", DR_UNIT_NONE,
                      "Azure: how often the most retried of the next 32 messages was taken"},
    [QUE_SYNC_AGE] = {"sync_age", DR_UNIT_SECONDS,
                      "Azure: age of what the other region has for certain"},
    [QUE_LAG_BYTES] = {"lag_bytes", DR_UNIT_BYTES,
                       "Celery on Redis: what the nearest replica lacks"},
    [QUE_FD_USED] = {"fd_used", DR_UNIT_PERCENT, "of each node: file descriptors in use"},
    [QUE_MEMORY_USED] = {"memory_used", DR_UNIT_PERCENT,
                         "Celery on Redis: memory in use, of maxmemory"},
    [QUE_PROBE_TIME] = {"probe_time", DR_UNIT_SECONDS,
                        "AMQP: from publishing the probe to its confirm"},
    [QUE_SAS_LEFT] = {"sas_left", DR_UNIT_SECONDS,
                      "Azure: until the shared access signature expires"},
};

void say(struct judge *judge, enum dr_state state, double weight, const char *format, ...)
{
    struct verdict *verdict = judge->verdict;
    va_list args;
    if (verdict->given && !dr_state_is_worse(state, verdict->state) &&
        (state != verdict->state || weight <= verdict->weight))
        return;
    verdict->given = true;
    verdict->state = state;
    verdict->weight = weight;
    size_t used = 0;
    if (judge->group != NULL)
        used = (size_t)snprintf(verdict->text, sizeof verdict->text, "%.200s: ", judge->group);
    va_start(args, format);
    vsnprintf(verdict->text + used, sizeof verdict->text - used, format, args);
    va_end(args);
}

enum dr_state state_of_error(const struct judge *judge, const struct que_asked *asked)
{
    return dr_error_state(asked->error->class, judge->timeout_state);
}

bool node_in_maintenance(const struct judge *judge, const char *node)
{
    const struct dr_text_list *list = &judge->rules->maintenance;
    for (size_t i = 0; i < list->count; i++) {
        if (node_goes_by(judge, node, list->items[i]))
            return true;
    }
    return false;
}

/* The same host: one of them may lack the domain. */
static bool is_host(const char *a, const char *b)
{
    size_t length = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
    return strncmp(a, b, length) == 0 && (a[length] == '\0' || a[length] == '.') &&
           (b[length] == '\0' || b[length] == '.');
}

/* "rabbit@mq1" is meant by the target mq1, too. */
bool in_maintenance(const struct judge *judge, const struct que_asked *asked)
{
    const struct dr_text_list *list = &judge->rules->maintenance;
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->items[i];
        const char *at = strchr(name, '@');
        if (strcmp(name, asked->label) == 0 ||
            (asked->host != NULL && is_host(at != NULL ? at + 1 : name, asked->host)))
            return true;
    }
    return false;
}

static void advise(struct dr_finding *finding, const struct que_asked *asked)
{
    enum dr_error_class class = asked->error->class;
    if (class != DR_ERR_CONNECT && class != DR_ERR_TIMEOUT)
        return;
    switch (asked->product) {
    case QUE_RABBITMQ:
        dr_finding_next(finding,
                        "on the host of %s: rabbitmq-diagnostics check_running; if it runs, is the "
                        "management plugin's listener up, or is it drained for maintenance "
                        "(rabbitmq-upgrade revive)?",
                        asked->label);
        break;
    case QUE_AMQP:
        dr_finding_next(finding, "on the host of %s: rabbitmq-diagnostics check_port_listener %d",
                        asked->label, asked->port > 0 ? asked->port : 5672);
        break;
    case QUE_CELERY:
        dr_finding_next(finding, "on the host of %s: is redis-server running and reachable?",
                        asked->label);
        break;
    default:
        break;
    }
}

const char *why_unanswered(const struct judge *judge, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0; text[0] == '\0' && i < judge->evidence->count; i++) {
        const struct que_asked *asked = &judge->evidence->asked[i];
        if (!asked->answered)
            snprintf(text, size, ": %s: %s", asked->label, asked->error->text);
    }
    return text;
}

void judge_unreachable(struct judge *judge)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct que_asked *asked = &judge->evidence->asked[i];
        if (asked->answered)
            continue;
        enum dr_state state = state_of_error(judge, asked);
        if (asked->error->class == DR_ERR_CONNECT && in_maintenance(judge, asked))
            dr_result_add(judge->result, DR_OK, asked->label, "in maintenance, as said: %s",
                          asked->error->text);
        else
            advise(dr_result_add(judge->result, state, asked->label, "%s", asked->error->text),
                   asked);
    }
}

/* ---- the list of queues, and what each is to the plan ---- */

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends(const char *text, const char *suffix)
{
    size_t size = strlen(text);
    size_t length = strlen(suffix);
    return size >= length && strcmp(text + size - length, suffix) == 0;
}

/* Names that brokers and clients make for queues that live as long as a connection or a test. */
static bool is_automatic(const struct que_queue *queue)
{
    static const char *const prefixes[] = {
        "amq.",       "celeryev.",          "spring.gen-",
        "reply.",     "mqtt-subscription-", "stomp-subscription-",
        "web-stomp-", "aliveness-test",     "federation: ",
        "bolt.tmp.",  "rabbitmq_tracing",   "dr.probe"};
    static const char *const suffixes[] = {".pidbox", ".reply"};
    if (queue->traits & (QUE_EXCLUSIVE | QUE_AUTO_DELETE))
        return true;
    if ((queue->traits & QUE_DURABLE_KNOWN) && !(queue->traits & QUE_DURABLE))
        return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (starts(queue->name, prefixes[i]))
            return true;
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (ends(queue->name, suffixes[i]))
            return true;
    }
    return false;
}

static enum scope find_scope(const struct judge *judge, const struct que_queue *queue)
{
    struct que_rules *rules = judge->rules;
    if (!dr_selection_has(&rules->vhosts, que_vhost_name(judge->roster, queue)) ||
        !dr_selection_has(&rules->selection, queue->name))
        return SCOPE_LEFT_OUT;
    for (size_t i = 0; i < rules->must_replicate_count; i++) {
        if (dr_pattern_matches(rules->must_replicate[i], queue->name))
            return SCOPE_MUST;
    }
    if (queue->kind != QUE_LIST && !rules->all_queues && is_automatic(queue))
        return SCOPE_AUTOMATIC;
    if (rules->must_replicate_count == 0 || que_is_replicated(&judge->world, queue))
        return SCOPE_PLANNED;
    return SCOPE_COUNTED;
}

/* Whose list of queues counts: the first one that there is; of Redis servers, where each has its
 * own, the first primary's. NULL: there is none. */
static const struct que_asked *find_lister(const struct que_evidence *evidence)
{
    const struct que_asked *first = NULL;
    for (size_t i = 0; i < evidence->count; i++) {
        const struct que_asked *asked = &evidence->asked[i];
        if (asked->facts == NULL || asked->facts->roster == NULL)
            continue;
        if (asked->product != QUE_CELERY || asked->facts->store.primary)
            return asked;
        first = first != NULL ? first : asked;
    }
    return first;
}

bool take_roster(struct judge *judge)
{
    judge->lister = find_lister(judge->evidence);
    judge->roster = judge->lister != NULL ? judge->lister->facts->roster : NULL;
    judge->world.roster = judge->roster;
    if (judge->roster == NULL)
        return false;
    find_down(judge);
    judge->scopes = calloc(judge->roster->count + 1, sizeof *judge->scopes);
    if (judge->scopes == NULL) {
        judge->result->out_of_memory = true;
        judge->roster = NULL;
        return false;
    }
    for (size_t i = 0; i < judge->roster->count; i++) {
        enum scope scope = find_scope(judge, que_roster_at(judge->roster, i));
        judge->scopes[i] = (uint8_t)scope;
        judge->in_scope[scope]++;
    }
    return true;
}

void end_roster(struct judge *judge)
{
    free(judge->scopes);
    free(judge->heads);
    judge->scopes = NULL;
    judge->heads = NULL;
}

const struct que_reply *lister_reply(const struct judge *judge, enum que_question question)
{
    return &judge->lister->facts->view.replies[question];
}

/* ---- the groups ---- */

/* How many targets from the first on are of its group. */
static size_t group_size(const struct que_asked *asked, size_t count)
{
    size_t size = 1;
    while (size < count && strcmp(asked[size].group, asked[0].group) == 0)
        size++;
    return size;
}

static void judge_group(struct judge *judge)
{
    switch (judge->evidence->asked[0].product) {
    case QUE_RABBITMQ:
        judge_cluster(judge);
        judge_unreachable(judge);
        judge_proof(judge);
        judge_loss(judge);
        judge_past(judge);
        judge_queues(judge);
        break;
    case QUE_AMQP:
        judge_unreachable(judge);
        judge_amqp(judge);
        break;
    case QUE_CELERY:
        judge_unreachable(judge);
        judge_celery(judge);
        break;
    case QUE_AZURE_QUEUE:
        judge_unreachable(judge);
        judge_azure(judge);
        break;
    case QUE_PRODUCT_UNKNOWN:
    case QUE_PRODUCTS:
        break;
    }
}

#define GROUPS_MAX 64

struct groups {
    struct que_evidence evidence[GROUPS_MAX];
    struct judge judges[GROUPS_MAX];
    size_t count;
};

static void make_groups(const struct que_evidence *evidence, const struct judge *common,
                        struct groups *groups)
{
    for (size_t i = 0; i < evidence->count && groups->count < GROUPS_MAX;) {
        size_t size = group_size(&evidence->asked[i], evidence->count - i);
        struct que_evidence *part = &groups->evidence[groups->count];
        *part = *evidence;
        part->asked = &evidence->asked[i];
        part->count = size;
        struct judge *judge = &groups->judges[groups->count++];
        *judge = *common;
        judge->evidence = part;
        i += size;
    }
    size_t judged = 0;
    for (size_t i = 0; i < groups->count; i++)
        judged += groups->evidence[i].asked->reference ? 0 : 1;
    /* What is judged is called the same with and without a cluster to compare with. */
    for (size_t i = 0; i < groups->count; i++) {
        if (judged > 1 || groups->evidence[i].asked->reference)
            groups->judges[i].group = groups->evidence[i].asked->group;
    }
}

/* Expressions that took too long on some name: what they selected cannot be trusted. */
static void judge_patterns(const struct judge *judge)
{
    bool overrun = dr_selection_overrun(&judge->rules->selection) ||
                   dr_selection_overrun(&judge->rules->vhosts);
    for (size_t i = 0; i < judge->rules->must_replicate_count; i++)
        overrun = overrun || dr_pattern_overrun(judge->rules->must_replicate[i]);
    for (size_t i = 0; i < judge->rules->limit_count; i++)
        overrun = overrun || dr_pattern_overrun(judge->rules->limits[i].pattern);
    if (overrun)
        dr_result_add(judge->result, DR_UNKNOWN, NULL,
                      "a regular expression took too long on the name of some queue");
}

static void compare_groups(struct groups *groups)
{
    struct judge *production = NULL;
    for (size_t i = 0; i < groups->count && production == NULL; i++) {
        const struct que_asked *asked = groups->evidence[i].asked;
        if (asked->product == QUE_RABBITMQ && !asked->reference)
            production = &groups->judges[i];
    }
    for (size_t i = 0; production != NULL && i < groups->count; i++) {
        if (groups->evidence[i].asked->reference)
            judge_compare(production, &groups->judges[i]);
    }
}

void que_judge(const struct que_evidence *evidence, struct que_rules *rules,
               enum dr_state timeout_state, struct dr_result *result)
{
    struct verdict verdict = {.given = false};
    struct groups *groups = calloc(1, sizeof *groups);
    if (groups == NULL) {
        result->out_of_memory = true;
        return;
    }
    const struct judge common = {
        .rules = rules, .result = result, .timeout_state = timeout_state, .verdict = &verdict};
    make_groups(evidence, &common, groups);
    for (size_t i = 0; i < groups->count; i++) {
        take_roster(&groups->judges[i]);
        if (!groups->evidence[i].asked->reference)
            judge_group(&groups->judges[i]);
    }
    compare_groups(groups);
    for (size_t i = 0; i < groups->count; i++)
        end_roster(&groups->judges[i]);
    judge_patterns(&common);
    dr_result_verdict(result, verdict.given ? verdict.state : DR_UNKNOWN, "%s",
                      verdict.given ? verdict.text : "nothing could be judged");
    free(groups);
}
