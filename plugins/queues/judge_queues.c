/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each queue as it is now: does it serve, are its copies there, are the limits kept, and has it the
 * copies that --must-replicate asks for. */
#include "plugins/queues/judge_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is wrong with a queue now ---- */

enum trouble {
    TROUBLE_DOWN,
    TROUBLE_LEADER_DOWN,
    TROUBLE_BROKEN,
    TROUBLE_NO_MAJORITY,
    TROUBLE_LEADERLESS,
    TROUBLE_MEMBERS_AWAY,
    TROUBLE_NO_MIRROR,
    TROUBLE_UNSYNCED,
    TROUBLE_FEW_MIRRORS,
    TROUBLE_SYNCING,
    TROUBLE_INERT,
    TROUBLE_CONTRADICTED,
    TROUBLES
};

static const struct {
    const char *one;
    const char *many;
    const char *next; /* NULL */
} trouble_words[TROUBLES] = {
    [TROUBLE_DOWN] = {"queue is down: its only copy is on a node that is down",
                      "queues are down: their only copies are on nodes that are down",
                      "start that node; do not delete or declare the queue anew before: its "
                      "messages are on that disk"},
    [TROUBLE_LEADER_DOWN] =
        {"queue's leader is on a node that is down, and no mirror has taken over",
         "queues' leaders are on nodes that are down, and no mirrors have taken "
         "over",
         "a synchronised mirror takes over within seconds; with "
         "ha-promote-on-failure: when-synced one that is not never does: start "
         "the leader's node"},
    [TROUBLE_BROKEN] = {"queue has crashed or was stopped", "queues have crashed or were stopped",
                        "look into the broker's log; restarting the virtual host brings it back: "
                        "rabbitmqctl restart_vhost"},
    [TROUBLE_NO_MAJORITY] = {"queue has no majority of its members: nobody can publish or consume",
                             "queues have no majority of their members: nobody can publish or "
                             "consume",
                             "start the nodes of the missing members; deleting members is the last "
                             "resort"},
    [TROUBLE_LEADERLESS] = {"queue has no leader", "queues have no leader",
                            "rabbitmq-queues quorum_status QUEUE: an election takes seconds"},
    [TROUBLE_MEMBERS_AWAY] = {"queue is without some of its members",
                              "queues are without some of their members", NULL},
    [TROUBLE_NO_MIRROR] = {"queue has no mirror left, though its policy wants some",
                           "queues have no mirror left, though their policy wants some",
                           "start the missing nodes"},
    [TROUBLE_UNSYNCED] = {"queue has a mirror that is not synchronised",
                          "queues have mirrors that are not synchronised",
                          "rabbitmqctl sync_queue -p VHOST QUEUE (it blocks the queue meanwhile); "
                          "ha-sync-mode: automatic does so by itself"},
    [TROUBLE_FEW_MIRRORS] = {"queue has fewer copies than its policy wants",
                             "queues have fewer copies than their policies want", NULL},
    [TROUBLE_SYNCING] = {"queue is being synchronised", "queues are being synchronised", NULL},
    [TROUBLE_INERT] = {"queue has a policy for mirrors, which RabbitMQ 4 ignores",
                       "queues have policies for mirrors, which RabbitMQ 4 ignores",
                       "make them quorum queues; until then each has one copy"},
    [TROUBLE_CONTRADICTED] = {"queue's state was given twice and differently; the worse counts",
                              "queues' states were given twice and differently; the worse counts",
                              NULL},
};

struct troubles {
    struct tally tallies[TROUBLES];
};

/* All of these nodes are down on purpose: that is told, and no alarm. */
static bool all_in_maintenance(const struct judge *judge, que_nodes nodes)
{
    for (int i = 0; i < (int)judge->roster->node_count; i++) {
        if ((nodes & que_bit(i)) != QUE_NOBODY &&
            !node_in_maintenance(judge, judge->roster->nodes[i]))
            return false;
    }
    return nodes != QUE_NOBODY;
}

/* Outside the plan nothing pages. */
static enum dr_state soften(enum scope scope, enum dr_state state)
{
    return scope >= SCOPE_PLANNED || !dr_state_is_worse(state, DR_WARNING) ? state : DR_WARNING;
}

static void look_at_members(const struct judge *judge, struct troubles *troubles, enum scope scope,
                            const struct que_queue *queue)
{
    char text[128];
    if (!(queue->traits & QUE_COPIES_KNOWN) || !(queue->traits & QUE_INSYNC_KNOWN))
        return;
    int members = que_count(queue->copies);
    que_nodes online = queue->insync & queue->copies & ~judge->world.down;
    que_nodes away = queue->copies & ~online;
    bool leaderless =
        (queue->traits & QUE_LEADER_KNOWN) && queue->leader < 0 && queue->kind == QUE_QUORUM;
    if (que_count(online) < que_majority(members) || queue->state == QUE_MINORITY)
        tally_add(judge, &troubles->tallies[TROUBLE_NO_MAJORITY], soften(scope, DR_CRITICAL), queue,
                  "%d of %d members online, not %s", que_count(online), members,
                  nodes_text(judge, away, text, sizeof text));
    else if (leaderless)
        tally_add(judge, &troubles->tallies[TROUBLE_LEADERLESS], DR_WARNING, queue,
                  "%d of %d members online", que_count(online), members);
    else if (away != QUE_NOBODY)
        tally_add(judge, &troubles->tallies[TROUBLE_MEMBERS_AWAY],
                  all_in_maintenance(judge, away) ? DR_OK : DR_WARNING, queue, "not %s",
                  nodes_text(judge, away, text, sizeof text));
}

/* How many mirrors its policy wants; unknown where it has none or does not say. */
static struct dr_opt_int wanted_mirrors(const struct judge *judge, const struct que_policy *policy)
{
    if (policy == NULL || policy->ha_mode == NULL)
        return (struct dr_opt_int){.known = false};
    if (strcmp(policy->ha_mode, "all") == 0)
        return dr_int((int64_t)judge->roster->node_count - 1);
    if (!policy->ha_count.known)
        return (struct dr_opt_int){.known = false};
    int64_t most = (int64_t)judge->roster->node_count;
    return dr_int((policy->ha_count.value < most ? policy->ha_count.value : most) - 1);
}

/* Nodes that are down on purpose. */
static que_nodes maintained(const struct judge *judge)
{
    que_nodes nodes = QUE_NOBODY;
    for (int i = 0; i < (int)judge->roster->node_count; i++) {
        if ((judge->world.down & que_bit(i)) != QUE_NOBODY &&
            node_in_maintenance(judge, judge->roster->nodes[i]))
            nodes |= que_bit(i);
    }
    return nodes;
}

static void look_at_mirrors(const struct judge *judge, struct troubles *troubles, enum scope scope,
                            const struct que_queue *queue)
{
    char text[128];
    que_nodes running = queue->copies & ~judge->world.down;
    que_nodes unsynced = que_unsynced(&judge->world, queue);
    const struct que_policy *policy = que_policy_of(judge->roster, queue);
    struct dr_opt_int wanted = wanted_mirrors(judge, policy);
    if (queue->state == QUE_SYNCING) {
        struct dr_opt_real done = que_figure(queue, QUE_SYNCED);
        struct dr_opt_real all = que_figure(queue, QUE_MESSAGES);
        if (done.known && all.known && done.value > 0 && all.value > 0)
            tally_add(judge, &troubles->tallies[TROUBLE_SYNCING], DR_OK, queue, "%.0f of %.0f",
                      done.value, all.value);
        else
            tally_add(judge, &troubles->tallies[TROUBLE_SYNCING], DR_OK, queue, "%s", "");
    } else if (running == QUE_NOBODY && (!wanted.known || wanted.value > 0)) {
        tally_add(judge, &troubles->tallies[TROUBLE_NO_MIRROR], soften(scope, DR_WARNING), queue,
                  "%s", policy != NULL ? policy->name : "");
    } else if (unsynced != QUE_NOBODY) {
        tally_add(judge, &troubles->tallies[TROUBLE_UNSYNCED], DR_WARNING, queue, "%s",
                  nodes_text(judge, unsynced, text, sizeof text));
    } else if (wanted.known && que_count(running) < wanted.value) {
        /* Copies that are wanted on nodes that run. */
        int64_t amiss = wanted.value - que_count(running) - que_count(maintained(judge));
        tally_add(judge, &troubles->tallies[TROUBLE_FEW_MIRRORS], amiss > 0 ? DR_WARNING : DR_OK,
                  queue, "%d of %lld by %s", que_count(running) + 1, (long long)wanted.value + 1,
                  policy->name);
    }
}

static void look_at_state(const struct judge *judge, struct troubles *troubles, enum scope scope,
                          const struct que_queue *queue)
{
    char node[128];
    const struct que_policy *policy = que_policy_of(judge->roster, queue);
    bool members = queue->kind == QUE_QUORUM || queue->kind == QUE_STREAM;
    bool gone = queue->kind == QUE_CLASSIC && queue->leader >= 0 &&
                (que_bit(queue->leader) & judge->world.down) != QUE_NOBODY;
    bool mirrors = (queue->traits & QUE_MIRRORED) && (queue->copies & ~judge->world.down) != 0;
    if (queue->traits & (QUE_CONTRADICTED | QUE_COPIES_TWICE | QUE_INSYNC_TWICE | QUE_LEADER_TWICE))
        tally_add(judge, &troubles->tallies[TROUBLE_CONTRADICTED], DR_OK, queue, "%s", "");
    if (queue->state == QUE_CRASHED || queue->state == QUE_STOPPED)
        tally_add(judge, &troubles->tallies[TROUBLE_BROKEN], soften(scope, DR_CRITICAL), queue,
                  "%s", queue->state == QUE_CRASHED ? "crashed" : "stopped");
    else if ((queue->state == QUE_DOWN && !members) || gone)
        tally_add(judge, &troubles->tallies[mirrors ? TROUBLE_LEADER_DOWN : TROUBLE_DOWN],
                  soften(scope, DR_CRITICAL), queue, "%s",
                  queue->leader >= 0 ? node_name(judge, queue->leader, node, sizeof node) : "");
    else if (members)
        look_at_members(judge, troubles, scope, queue);
    else if ((queue->traits & QUE_MIRRORED) && !judge->world.mirrors_inert)
        look_at_mirrors(judge, troubles, scope, queue);
    if (judge->world.mirrors_inert && queue->kind == QUE_CLASSIC && policy != NULL &&
        policy->ha_mode != NULL)
        tally_add(judge, &troubles->tallies[TROUBLE_INERT], DR_WARNING, queue, "%s", policy->name);
}

static void judge_troubles(struct judge *judge)
{
    struct troubles troubles;
    for (size_t t = 0; t < TROUBLES; t++)
        troubles.tallies[t] = TALLY;
    for (size_t q = 0; q < judge->roster->count; q++) {
        enum scope scope = scope_of(judge, q);
        if (scope >= SCOPE_COUNTED)
            look_at_state(judge, &troubles, scope, que_roster_at(judge->roster, q));
    }
    for (size_t t = 0; t < TROUBLES; t++) {
        enum dr_state state = troubles.tallies[t].state;
        struct dr_finding *finding =
            tally_end(judge, &troubles.tallies[t], trouble_words[t].one, trouble_words[t].many);
        if (trouble_words[t].next != NULL && state != DR_OK)
            dr_finding_next(finding, "%s", trouble_words[t].next);
    }
}

/* ---- --must-replicate ---- */

static bool pattern_matches_some(const struct judge *judge, size_t pattern)
{
    for (size_t q = 0; q < judge->roster->count; q++) {
        if (scope_of(judge, q) == SCOPE_MUST &&
            dr_pattern_matches(judge->rules->must_replicate[pattern],
                               que_roster_at(judge->roster, q)->name))
            return true;
    }
    return false;
}

/* The zone that holds all of these nodes; NULL where they are in several, or in none. */
static const struct que_zone *only_zone(const struct judge *judge, que_nodes nodes)
{
    for (size_t z = 0; nodes != QUE_NOBODY && z < judge->rules->zone_count; z++) {
        const struct que_zone *zone = &judge->rules->zones[z];
        que_nodes left = nodes;
        for (int i = 0; i < (int)judge->roster->node_count; i++) {
            for (size_t n = 0; n < zone->count; n++) {
                if (node_goes_by(judge, judge->roster->nodes[i], zone->nodes[n]))
                    left &= ~que_bit(i);
            }
        }
        if (left == QUE_NOBODY)
            return zone;
    }
    return NULL;
}

/* Why a queue that must be replicated is not. */
static const char *excuse(const struct judge *judge, const struct que_queue *queue)
{
    const struct que_policy *policy = que_policy_of(judge->roster, queue);
    if (queue->kind == QUE_QUORUM || queue->kind == QUE_STREAM)
        return que_count(queue->copies) == 1 ? "created with one member" : "members away";
    if (queue->kind == QUE_CLASSIC && (queue->traits & QUE_MIRRORED) && !judge->world.mirrors_inert)
        return que_unsynced(&judge->world, queue) != QUE_NOBODY ? "mirrors not synchronised"
                                                                : "mirrors missing";
    if (judge->world.mirrors_inert && policy != NULL && policy->ha_mode != NULL)
        return "its policy for mirrors is ignored by RabbitMQ 4";
    return policy != NULL ? policy->name : NULL;
}

static void check_coverage(const struct judge *judge, const struct que_queue *queue,
                           struct tally *failed, struct tally *unproven, struct tally *together)
{
    bool known;
    que_nodes safe = que_safe_copies(&judge->world, queue, &known);
    const struct que_zone *zone = only_zone(judge, safe);
    const char *why = excuse(judge, queue);
    bool classic = queue->kind == QUE_CLASSIC && !(queue->traits & QUE_MIRRORED);
    /* One of them may be on the node that is frozen. */
    bool doubtful = judge->frozen && que_count(safe) == judge->rules->min_copies;
    if (doubtful || (!known && !(queue->kind == QUE_CLASSIC && queue->state == QUE_DOWN)))
        tally_add(judge, unproven, DR_UNKNOWN, queue, "%s", "");
    else if (que_count(safe) < judge->rules->min_copies)
        tally_add(judge, failed, DR_CRITICAL, queue, "%d cop%s%s%s", que_count(safe),
                  que_count(safe) == 1 ? "y" : "ies",
                  why == NULL                              ? ", no policy"
                  : classic && !judge->world.mirrors_inert ? ", its policy mirrors nothing: "
                                                           : ", ",
                  why != NULL ? why : "");
    else if (zone != NULL)
        tally_add(judge, together, DR_CRITICAL, queue, "all copies in %s", zone->name);
}

static void judge_coverage(struct judge *judge)
{
    char many[160];
    char one[160];
    struct tally failed = TALLY;
    struct tally unproven = TALLY;
    struct tally together = TALLY;
    size_t must = judge->in_scope[SCOPE_MUST];
    for (size_t q = 0; q < judge->roster->count; q++) {
        if (scope_of(judge, q) == SCOPE_MUST)
            check_coverage(judge, que_roster_at(judge->roster, q), &failed, &unproven, &together);
    }
    size_t proven = must - failed.count - unproven.count - together.count;
    if (must > 0 && proven == must)
        dr_result_add(judge->result, DR_OK, subject_of(judge, "must replicate"),
                      "%zu queue%s proven to have %lld or more safe copies", must,
                      must == 1 ? "" : "s", (long long)judge->rules->min_copies);
    snprintf(one, sizeof one, "of %zu that must be replicated has fewer than %lld safe copies",
             must, (long long)judge->rules->min_copies);
    snprintf(many, sizeof many, "of %zu that must be replicated have fewer than %lld safe copies",
             must, (long long)judge->rules->min_copies);
    dr_finding_next(
        tally_end(judge, &failed, one, many),
        judge->world.mirrors_inert
            ? "make them quorum queues with members on several nodes"
            : "a quorum queue, or a policy that mirrors it: of all that match only the one "
              "of the highest priority applies");
    tally_end(judge, &unproven, "that must be replicated is not proven to be",
              "that must be replicated are not proven to be");
    tally_end(judge, &together, "that must be replicated has all safe copies in one zone",
              "that must be replicated have all safe copies in one zone");
}

static void judge_patterns(struct judge *judge)
{
    for (size_t i = 0; i < judge->rules->must_replicate_count; i++) {
        if (!pattern_matches_some(judge, i))
            dr_result_add(judge->result, DR_UNKNOWN, subject_of(judge, "must replicate"),
                          "no queue matches %s: gone, renamed, or mistyped",
                          judge->rules->must_replicate_text.items[i]);
    }
}

/* ---- limits ---- */

static enum que_figure figure_of(enum que_metric metric)
{
    switch (metric) {
    case QUE_QUEUE_READY:
        return QUE_READY;
    case QUE_QUEUE_UNACKED:
        return QUE_UNACKED;
    case QUE_QUEUE_BYTES:
        return QUE_BYTES;
    case QUE_QUEUE_CONSUMERS:
        return QUE_CONSUMERS;
    case QUE_QUEUE_OLDEST:
        return QUE_HEAD_AGE;
    case QUE_QUEUE_PUBLISH_RATE:
        return QUE_PUBLISH_RATE;
    case QUE_QUEUE_ACK_RATE:
        return QUE_ACK_RATE;
    default:
        return QUE_MESSAGES;
    }
}

static struct dr_opt_real head_age(const struct judge *judge, size_t number)
{
    if (judge->heads == NULL || judge->heads[number] < 0)
        return (struct dr_opt_real){.known = false};
    return dr_real((double)judge->heads[number]);
}

static struct dr_opt_real value_of(const struct judge *judge, size_t number, enum que_metric metric)
{
    const struct que_queue *queue = que_roster_at(judge->roster, number);
    struct dr_opt_real value = que_figure(queue, figure_of(metric));
    struct dr_opt_real messages = que_figure(queue, QUE_MESSAGES);
    struct dr_opt_real ready = que_figure(queue, QUE_READY);
    if (metric != QUE_QUEUE_OLDEST || value.known)
        return value;
    /* Nothing waits: nothing is old. The head of a list is not what a worker has. */
    bool empty = queue->kind == QUE_LIST ? ready.known && ready.value <= 0
                                         : messages.known && messages.value <= 0;
    return empty ? dr_real(0) : head_age(judge, number);
}

/* What its limits are for a metric: the first pattern that matches, for warning and critical each,
 * goes before those for all. *named: some pattern did. */
static struct dr_threshold limits_of(struct que_rules *rules, const struct que_queue *queue,
                                     enum que_metric metric, bool *named)
{
    struct dr_threshold threshold = rules->thresholds[metric];
    bool warning = false;
    bool critical = false;
    for (size_t i = 0; i < rules->limit_count; i++) {
        struct que_limit *limit = &rules->limits[i];
        if (limit->metric != metric || !dr_pattern_matches(limit->pattern, queue->name))
            continue;
        limit->matched++;
        *named = true;
        if (limit->threshold.warning.given && !warning) {
            threshold.warning = limit->threshold.warning;
            warning = true;
        }
        if (limit->threshold.critical.given && !critical) {
            threshold.critical = limit->threshold.critical;
            critical = true;
        }
    }
    return threshold;
}

/* Figures of single queues in perfdata: of those that limits name, and not of thousands. */
#define QUEUE_FIGURES_MOST 40

struct limited {
    struct tally broken[QUE_METRICS][2]; /* by metric: warning, critical */
    struct tally unknown[QUE_METRICS];
    size_t figures;
};

static void judge_limit(struct judge *judge, struct limited *limited, size_t number,
                        enum que_metric metric)
{
    const struct que_queue *queue = que_roster_at(judge->roster, number);
    char name[200];
    char text[DR_UNIT_TEXT];
    char rule[DR_RANGE_TEXT + 16];
    bool named = false;
    struct dr_threshold threshold = limits_of(judge->rules, queue, metric, &named);
    if (!threshold.warning.given && !threshold.critical.given)
        return;
    struct dr_opt_real value = value_of(judge, number, metric);
    if (!value.known) {
        tally_add(judge, &limited->unknown[metric], DR_UNKNOWN, queue, "%s", "");
        return;
    }
    enum dr_state state = dr_threshold_judge(&threshold, value.value);
    if (state != DR_OK)
        tally_add(
            judge, &limited->broken[metric][state == DR_CRITICAL], state, queue, "%s, %s",
            dr_unit_format(que_metrics[metric].unit, value.value, text, sizeof text),
            dr_threshold_rule(&que_metrics[metric], &threshold, value.value, rule, sizeof rule));
    if (named && limited->figures++ < QUEUE_FIGURES_MOST)
        dr_result_figure(judge->result,
                         subject_of(judge, queue_name(judge, queue, name, sizeof name)),
                         &que_metrics[metric], value.value, &threshold);
}

static bool some_limit(const struct que_rules *rules, enum que_metric metric)
{
    const struct dr_threshold *threshold = &rules->thresholds[metric];
    if (threshold->warning.given || threshold->critical.given)
        return true;
    for (size_t i = 0; i < rules->limit_count; i++) {
        if (rules->limits[i].metric == metric)
            return true;
    }
    return false;
}

static void end_metric(struct judge *judge, struct limited *limited, enum que_metric metric)
{
    char one[80];
    char many[80];
    const char *name = que_metrics[metric].name;
    snprintf(one, sizeof one, "queue breaks the limit of %s", name);
    snprintf(many, sizeof many, "queues break the limit of %s", name);
    for (size_t critical = 2; critical > 0; critical--)
        tally_end(judge, &limited->broken[metric][critical - 1], one, many);
    snprintf(one, sizeof one, "queue does not say its %s", name);
    snprintf(many, sizeof many, "queues do not say their %s", name);
    struct dr_finding *finding = tally_end(judge, &limited->unknown[metric], one, many);
    if (metric == QUE_QUEUE_OLDEST)
        dr_finding_next(finding, "%s",
                        judge->lister->product == QUE_RABBITMQ
                            ? "RabbitMQ knows it only where the publisher sets a timestamp"
                            : "with --state-dir a head that does not move is seen");
    else if (judge->roster->figured && !judge->roster->exact)
        dr_finding_next(finding, "--detail full asks for it");
}

static void judge_limits(struct judge *judge)
{
    struct limited *limited = calloc(1, sizeof *limited);
    if (limited == NULL) {
        judge->result->out_of_memory = true;
        return;
    }
    for (enum que_metric m = QUE_FIRST_OF_QUEUE; m <= QUE_LAST_OF_QUEUE; m++) {
        limited->broken[m][0] = limited->broken[m][1] = limited->unknown[m] = TALLY;
        for (size_t q = 0; some_limit(judge->rules, m) && q < judge->roster->count; q++) {
            if (scope_of(judge, q) >= SCOPE_COUNTED)
                judge_limit(judge, limited, q, m);
        }
        end_metric(judge, limited, m);
    }
    free(limited);
}

static void judge_limit_patterns(struct judge *judge)
{
    for (size_t i = 0; i < judge->rules->limit_count; i++) {
        const struct que_limit *limit = &judge->rules->limits[i];
        if (limit->matched == 0)
            dr_result_add(judge->result, DR_UNKNOWN, subject_of(judge, "limits"),
                          "no queue matches %s, whose %s is to be judged", limit->text,
                          que_metrics[limit->metric].name);
    }
}

void judge_queues(struct judge *judge)
{
    if (judge->roster == NULL)
        return;
    judge_troubles(judge);
    judge_coverage(judge);
    judge_patterns(judge);
    judge_limits(judge);
    judge_limit_patterns(judge);
}
