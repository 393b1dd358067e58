/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may die next (a node, a host, a zone), and what is lost with it. */
#include "plugins/queues/judge_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nodes that die together, and what that does to the queues that must survive. */
struct death {
    char name[160];  /* "rmq2", "host mq1", "zone az1" */
    char label[160]; /* for perfdata: "rmq2", "host_mq1" */
    que_nodes nodes;
    double lost;      /* messages */
    bool lost_unsure; /* of some queues their number is not known */
    bool lost_most;   /* of some queues it is what it can be at most */
    double lost_bytes;
    bool bytes_unsure;
    size_t losing;   /* queues that lose messages, or may */
    size_t stopping; /* queues that stop until it is back, also those that lose some */
    size_t fragile;
    double waiting; /* messages of those that stop */
    bool waiting_unsure;
    struct tally losers;
    struct tally stoppers;
    const struct que_queue *first; /* the first that loses, else the first that stops */
};

#define DEATHS_MAX (2 * QUE_NODES_MAX + 32)

struct deaths {
    struct death items[DEATHS_MAX];
    size_t count;
    size_t stopped; /* queues that nobody can use as it is, whoever dies */
    struct tally unknown;
};

static struct death *add_death(struct deaths *deaths, que_nodes nodes)
{
    if (deaths->count == DEATHS_MAX || nodes == QUE_NOBODY)
        return NULL;
    struct death *death = &deaths->items[deaths->count++];
    *death = (struct death){.nodes = nodes, .losers = TALLY, .stoppers = TALLY};
    return death;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct death *)a)->name, ((const struct death *)b)->name);
}

/* In the order of their names, whatever order the broker lists them in. */
static void add_nodes(const struct judge *judge, struct deaths *deaths)
{
    for (int i = 0; i < (int)judge->roster->node_count; i++) {
        if (que_bit(i) & judge->world.down)
            continue;
        struct death *death = add_death(deaths, que_bit(i));
        if (death == NULL)
            break;
        node_name(judge, i, death->name, sizeof death->name);
        node_name(judge, i, death->label, sizeof death->label);
    }
    qsort(deaths->items, deaths->count, sizeof deaths->items[0], compare_names);
}

/* All nodes of that host which run. */
static que_nodes nodes_of_host(const struct judge *judge, const char *host)
{
    que_nodes nodes = QUE_NOBODY;
    for (int i = 0; i < (int)judge->roster->node_count; i++) {
        const char *at = strchr(judge->roster->nodes[i], '@');
        if (at != NULL && strcmp(at + 1, host) == 0)
            nodes |= que_bit(i);
    }
    return nodes & ~judge->world.down;
}

/* Hosts with several nodes; "localhost" is no name of a host: everybody has one. */
static void add_hosts(const struct judge *judge, struct deaths *deaths)
{
    que_nodes done = QUE_NOBODY;
    for (int i = 0; i < (int)judge->roster->node_count; i++) {
        const char *at = strchr(judge->roster->nodes[i], '@');
        if (at == NULL || strcmp(at + 1, "localhost") == 0 || (done & que_bit(i)) != QUE_NOBODY)
            continue;
        que_nodes nodes = nodes_of_host(judge, at + 1);
        done |= nodes;
        if (que_count(nodes) < 2)
            continue;
        struct death *death = add_death(deaths, nodes);
        if (death == NULL)
            return;
        snprintf(death->name, sizeof death->name, "host %.100s", at + 1);
        snprintf(death->label, sizeof death->label, "host_%.100s", at + 1);
    }
}

static que_nodes nodes_of_zone(struct judge *judge, const struct que_zone *zone)
{
    que_nodes nodes = QUE_NOBODY;
    for (size_t n = 0; n < zone->count; n++) {
        que_nodes found = QUE_NOBODY;
        for (int i = 0; i < (int)judge->roster->node_count; i++) {
            if (node_goes_by(judge, judge->roster->nodes[i], zone->nodes[n]))
                found |= que_bit(i);
        }
        if (found == QUE_NOBODY)
            dr_result_add(judge->result, DR_UNKNOWN, subject_of(judge, zone->name),
                          "--zone names %s, and no node goes by that", zone->nodes[n]);
        nodes |= found;
    }
    return nodes;
}

static void add_zones(struct judge *judge, struct deaths *deaths)
{
    char text[200];
    que_nodes zoned = QUE_NOBODY;
    for (size_t z = 0; z < judge->rules->zone_count; z++) {
        const struct que_zone *zone = &judge->rules->zones[z];
        que_nodes nodes = nodes_of_zone(judge, zone);
        zoned |= nodes;
        struct death *death = add_death(deaths, nodes & ~judge->world.down);
        if (death == NULL)
            continue;
        snprintf(death->name, sizeof death->name, "zone %.100s", zone->name);
        snprintf(death->label, sizeof death->label, "zone_%.100s", zone->name);
    }
    que_nodes all = judge->roster->node_count >= QUE_NODES_MAX
                        ? ~QUE_NOBODY
                        : que_bit((int)judge->roster->node_count) - 1;
    if (judge->rules->zone_count > 0 && (all & ~zoned) != QUE_NOBODY)
        dr_result_add(judge->result, DR_WARNING, subject_of(judge, "zones"), "%s in no --zone",
                      nodes_text(judge, all & ~zoned, text, sizeof text));
}

/* ---- what each death does ---- */

static void add_doubt(double *sum, bool *unsure, struct dr_opt_real value)
{
    *sum += value.known ? value.value : 0;
    *unsure = *unsure || !value.known;
}

/* Why its messages are lost. */
static void add_loser(const struct judge *judge, struct death *death, const struct que_queue *queue,
                      const struct que_outcome *outcome)
{
    char count[64];
    char mirrors[128];
    que_nodes unsynced = que_unsynced(&judge->world, queue) & ~death->nodes;
    snprintf(count, sizeof count, outcome->lost.known ? "%s%.0f" : "an unknown number",
             outcome->at_most ? "up to " : "", outcome->lost.value);
    nodes_text(judge, unsynced, mirrors, sizeof mirrors);
    if (outcome->at_most)
        tally_add(judge, &death->losers, DR_OK, queue,
                  "%s: %s not synchronised, has only what came since it joined", count, mirrors);
    else if (unsynced != QUE_NOBODY)
        tally_add(judge, &death->losers, DR_OK, queue, "%s not persistent, %s not synchronised",
                  count, mirrors);
    else if (queue->traits & QUE_DURABLE)
        tally_add(judge, &death->losers, DR_OK, queue, "%s not persistent, no other copy", count);
    else
        tally_add(judge, &death->losers, DR_OK, queue, "%s: not durable, no other copy", count);
}

static void add_stopper(const struct judge *judge, struct death *death,
                        const struct que_queue *queue, const struct que_outcome *outcome)
{
    char count[64];
    char mirrors[128];
    que_nodes unsynced = que_unsynced(&judge->world, queue) & ~death->nodes;
    bool members = queue->kind == QUE_QUORUM || queue->kind == QUE_STREAM;
    snprintf(count, sizeof count, outcome->waiting.known ? "%.0f" : "?", outcome->waiting.value);
    if (members)
        tally_add(judge, &death->stoppers, DR_OK, queue, "%s: %d of %d members left", count,
                  que_count(queue->insync & queue->copies & ~judge->world.down & ~death->nodes),
                  que_count(queue->copies));
    else if (unsynced != QUE_NOBODY)
        tally_add(judge, &death->stoppers, DR_OK, queue,
                  "%s: %s not synchronised, waits by its policy", count,
                  nodes_text(judge, unsynced, mirrors, sizeof mirrors));
    else
        tally_add(judge, &death->stoppers, DR_OK, queue, "%s: no other copy", count);
}

static void add_outcome(const struct judge *judge, struct death *death,
                        const struct que_queue *queue, const struct que_outcome *outcome)
{
    bool loses = outcome->fate == QUE_LOSES && (!outcome->lost.known || outcome->lost.value > 0);
    /* A durable queue without another copy whose transient messages nobody counted. */
    bool may_lose = outcome->fate == QUE_STOPS && !outcome->lost.known;
    if (loses) {
        death->losing++;
        if (death->losing == 1)
            death->first = queue;
        add_loser(judge, death, queue, outcome);
        add_doubt(&death->lost_bytes, &death->bytes_unsure, outcome->bytes);
    }
    if (loses || may_lose)
        add_doubt(&death->lost, &death->lost_unsure, outcome->lost);
    death->lost_most = death->lost_most || (loses && outcome->at_most);
    if (outcome->stops) {
        if (death->first == NULL)
            death->first = queue;
        death->stopping++;
        add_stopper(judge, death, queue, outcome);
    }
    if (outcome->stops)
        add_doubt(&death->waiting, &death->waiting_unsure, outcome->waiting);
    if (outcome->fate == QUE_FRAGILE_AFTER)
        death->fragile++;
}

static void play_out(const struct judge *judge, struct deaths *deaths)
{
    for (size_t q = 0; q < judge->roster->count; q++) {
        const struct que_queue *queue = que_roster_at(judge->roster, q);
        if (scope_of(judge, q) < SCOPE_PLANNED)
            continue;
        for (size_t d = 0; d < deaths->count; d++) {
            const struct que_outcome outcome =
                que_outcome_of(&judge->world, queue, deaths->items[d].nodes);
            if (outcome.fate == QUE_STOPPED_ALREADY) {
                deaths->stopped++;
                break;
            }
            if (outcome.fate == QUE_FATE_UNKNOWN) {
                tally_add(judge, &deaths->unknown, DR_UNKNOWN, queue, "%s", "");
                break;
            }
            add_outcome(judge, &deaths->items[d], queue, &outcome);
        }
    }
}

/* ---- words and states ---- */

static enum dr_state limit_state(const struct judge *judge, enum que_metric metric, double value)
{
    return dr_threshold_judge(&judge->rules->thresholds[metric], value);
}

/* A sum of which some parts are not known: what breaks the limit stays broken, but that it is kept
 * is not proven. */
static enum dr_state doubt(const struct judge *judge, enum que_metric metric, double value,
                           bool unsure)
{
    const struct dr_threshold *limit = &judge->rules->thresholds[metric];
    enum dr_state state = limit_state(judge, metric, value);
    bool limited = limit->warning.given || limit->critical.given;
    return unsure && limited && state == DR_OK ? DR_UNKNOWN : state;
}

static enum dr_state state_of(const struct judge *judge, const struct death *death)
{
    enum dr_state state = doubt(judge, QUE_LOST, death->lost, death->lost_unsure);
    bool bytes = death->bytes_unsure || death->lost_unsure;
    state = dr_state_worst(state, limit_state(judge, QUE_LOST_QUEUES, (double)death->losing));
    state = dr_state_worst(state, doubt(judge, QUE_LOST_BYTES, death->lost_bytes, bytes));
    state = dr_state_worst(state, limit_state(judge, QUE_UNAVAILABLE, (double)death->stopping));
    state = dr_state_worst(
        state, doubt(judge, QUE_UNAVAILABLE_MESSAGES, death->waiting, death->waiting_unsure));
    return dr_state_worst(state, limit_state(judge, QUE_FRAGILE, (double)death->fragile));
}

static void messages_text(double count, bool unsure, bool at_most, char *text, size_t size)
{
    if (unsure && (count <= 0 || at_most))
        snprintf(text, size, "an unknown number of messages");
    else
        snprintf(text, size, "%s%.0f message%s",
                 unsure    ? "at least "
                 : at_most ? "up to "
                           : "",
                 count, count == 1 ? "" : "s");
}

static void lost_text(const struct death *death, char *text, size_t size)
{
    messages_text(death->lost, death->lost_unsure, death->lost_most, text, size);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void advise(const struct judge *judge, const struct death *death, struct dr_finding *finding)
{
    const struct que_queue *queue = death->first;
    if (queue == NULL || finding == NULL)
        return;
    const char *vhost = que_vhost_name(judge->roster, queue);
    bool unsynced = (que_unsynced(&judge->world, queue) & ~death->nodes) != QUE_NOBODY;
    que_nodes away = queue->copies & ~(queue->insync & ~judge->world.down);
    char missing[200];
    if (queue->kind != QUE_CLASSIC && away != QUE_NOBODY)
        dr_finding_next(finding, "bring the missing member of %s back: %s", queue->name,
                        nodes_text(judge, away, missing, sizeof missing));
    else if (queue->kind != QUE_CLASSIC)
        dr_finding_next(finding,
                        "rabbitmq-queues grow NODE all --vhost-pattern '%s' --queue-pattern '%s': "
                        "a member on one more node",
                        vhost, queue->name);
    else if (unsynced)
        dr_finding_next(finding,
                        "rabbitmqctl sync_queue -p %s %s (it blocks the queue meanwhile); "
                        "ha-sync-mode: automatic does so by itself",
                        vhost, queue->name);
    else if (judge->world.mirrors_inert)
        dr_finding_next(finding,
                        "make %s a quorum queue, or say by --must-replicate which queues "
                        "must survive",
                        queue->name);
    else
        dr_finding_next(finding,
                        "a quorum queue, or a policy with ha-mode for %s; or say by "
                        "--must-replicate which queues must survive",
                        queue->name);
}

static void judge_death(struct judge *judge, struct death *death)
{
    char lost[96];
    char waiting[96];
    enum dr_state state = state_of(judge, death);
    struct dr_buffer text = DR_BUFFER(900);
    lost_text(death, lost, sizeof lost);
    messages_text(death->waiting, death->waiting_unsure, false, waiting, sizeof waiting);
    if (death->losing > 0)
        dr_buffer_addf(&text, "its death loses %s in %zu queue%s: %s", lost, death->losing,
                       plural(death->losing), tally_names(&death->losers));
    if (death->stopping > 0)
        dr_buffer_addf(&text, "%s%zu queue%s with %s: %s",
                       text.size > 0 ? "; and stops " : "its death stops ", death->stopping,
                       plural(death->stopping), waiting, tally_names(&death->stoppers));
    if (text.size == 0 && (judge->frozen || judge->split || judge->partial || !judge->nodes_known))
        return;
    if (text.size == 0)
        dr_buffer_addf(&text, "its death loses nothing and stops nothing");
    struct dr_finding *finding = dr_result_add(judge->result, state, subject_of(judge, death->name),
                                               "%s", dr_buffer_text(&text));
    if (death->fragile > 0)
        dr_finding_detail(finding, "%zu queue%s could not lose another node then", death->fragile,
                          plural(death->fragile));
    if (state != DR_OK)
        advise(judge, death, finding);
    end_text(judge, &text);
}

static void figure(struct judge *judge, const char *label, enum que_metric metric, double value)
{
    dr_result_figure(judge->result, label, &que_metrics[metric], value,
                     &judge->rules->thresholds[metric]);
}

static void add_figures(struct judge *judge, const struct death *death, const char *label)
{
    const char *node = label != NULL || judge->group != NULL ? subject_of(judge, label) : NULL;
    if (judge->partial ||
        judge->split) /* not all were seen, or some twice: no figure of the cluster */
        return;
    if (!death->lost_unsure)
        figure(judge, node, QUE_LOST, death->lost);
    if (label == NULL && !death->bytes_unsure)
        figure(judge, node, QUE_LOST_BYTES, death->lost_bytes);
    figure(judge, node, QUE_LOST_QUEUES, (double)death->losing);
    figure(judge, node, QUE_UNAVAILABLE, (double)death->stopping);
    if (!death->waiting_unsure)
        figure(judge, node, QUE_UNAVAILABLE_MESSAGES, death->waiting);
    if (label == NULL)
        figure(judge, node, QUE_FRAGILE, (double)death->fragile);
}

static bool is_worse(const struct judge *judge, const struct death *a, const struct death *b)
{
    enum dr_state left = state_of(judge, a);
    enum dr_state right = state_of(judge, b);
    if (left != right)
        return dr_state_is_worse(left, right);
    if (a->lost != b->lost)
        return a->lost > b->lost;
    if (a->losing != b->losing)
        return a->losing > b->losing;
    if (a->stopping != b->stopping)
        return a->stopping > b->stopping;
    return a->waiting > b->waiting;
}

/* All queues that must survive, and their messages. */
static void planned_text(const struct judge *judge, char *text, size_t size)
{
    double messages = 0;
    size_t count = 0;
    bool unsure = false;
    char words[96];
    for (size_t q = 0; q < judge->roster->count; q++) {
        if (scope_of(judge, q) < SCOPE_PLANNED)
            continue;
        count++;
        add_doubt(&messages, &unsure, que_figure(que_roster_at(judge->roster, q), QUE_MESSAGES));
    }
    messages_text(messages, unsure, false, words, sizeof words);
    snprintf(text, size, "%zu queue%s with %s", count, plural(count), words);
}

static void say_good(struct judge *judge, const struct deaths *deaths, enum dr_state state)
{
    char planned[160];
    size_t nodes = judge->roster->node_count - (size_t)que_count(judge->world.down);
    size_t in_plan = judge->in_scope[SCOPE_PLANNED] + judge->in_scope[SCOPE_MUST];
    planned_text(judge, planned, sizeof planned);
    if (judge->partial) /* which judge_proof has said */
        return;
    if (deaths->stopped > 0)
        say(judge, DR_CRITICAL, 0, "%zu of %zu queues cannot be used now%s", deaths->stopped,
            in_plan, deaths->stopped < in_plan ? "; the others live on whichever node dies" : "");
    else if (judge->roster->count == 0)
        say(judge, state, 0, "the broker has no queues, so none can be lost");
    else if (in_plan == 0)
        say(judge, state, 0, "no queue here is meant to last, so none can be lost");
    else if (deaths->unknown.count > 0)
        say(judge, DR_UNKNOWN, 0, "cannot tell what would be lost of %zu queues",
            deaths->unknown.count);
    else
        say(judge, state, 0, "any one of %zu node%s can die now: %s live%s on%s", nodes,
            plural(nodes), planned, in_plan == 1 ? "s" : "",
            judge->rules->zone_count > 0 ? ", and so with any zone" : "");
}

/* What makes any figure of a loss a guess; true where that was said instead. */
static bool say_blind(struct judge *judge)
{
    if (judge->frozen)
        say(judge, DR_CRITICAL, 0,
            "the cluster waits for a node that is frozen or cut off; until it is back or gone "
            "nobody can tell what another death would lose");
    else if (judge->split)
        say(judge, DR_CRITICAL, 0,
            "the cluster is split: its sides go on without each other, and nobody can tell what "
            "another death would lose");
    else if (!judge->nodes_known)
        say(judge, DR_UNKNOWN, 0, "cannot tell what would be lost: no node says which nodes run");
    return judge->frozen || judge->split || !judge->nodes_known;
}

/* What is said of queues that stop with a node and come back with it. */
static const char *comfort(const struct deaths *deaths, const struct death *worst)
{
    if (worst->lost_unsure)
        return "; how many of them are not persistent, and lost, is not known";
    return deaths->stopped > 0 ? "" : "; nothing is lost if it comes back";
}

static void say_worst(struct judge *judge, const struct deaths *deaths, const struct death *worst)
{
    char messages[96];
    char now[64] = "";
    enum dr_state state = worst != NULL ? state_of(judge, worst) : DR_OK;
    if (say_blind(judge))
        return;
    if (deaths->stopped > 0) {
        state = DR_CRITICAL;
        snprintf(now, sizeof now, "%zu queue%s cannot be used now; ", deaths->stopped,
                 plural(deaths->stopped));
    }
    if (worst == NULL || (worst->losing == 0 && worst->stopping == 0)) {
        say_good(judge, deaths, state);
    } else if (worst->losing > 0) {
        lost_text(worst, messages, sizeof messages);
        say(judge, state, worst->lost, "%sloses %s in %zu queue%s if %s dies now", now, messages,
            worst->losing, plural(worst->losing), worst->name);
    } else {
        messages_text(worst->waiting, worst->waiting_unsure, false, messages, sizeof messages);
        say(judge, state, 0, "%s%zu queue%s with %s stop%s if %s dies now%s", now, worst->stopping,
            plural(worst->stopping), messages, worst->stopping == 1 ? "s" : "", worst->name,
            comfort(deaths, worst));
    }
}

/* Queues that nobody asked to survive: said, not judged. */
static void judge_outside(struct judge *judge, const struct deaths *deaths)
{
    double worst = 0;
    bool unsure = false;
    for (size_t d = 0; d < deaths->count; d++) {
        double lost = 0;
        for (size_t q = 0; q < judge->roster->count; q++) {
            if (scope_of(judge, q) != SCOPE_COUNTED)
                continue;
            const struct que_outcome outcome = que_outcome_of(
                &judge->world, que_roster_at(judge->roster, q), deaths->items[d].nodes);
            bool dies = outcome.fate == QUE_LOSES || outcome.fate == QUE_STOPS;
            lost += outcome.lost.known ? outcome.lost.value : 0;
            lost += outcome.waiting.known ? outcome.waiting.value : 0;
            unsure = unsure || (dies && (!outcome.lost.known || !outcome.waiting.known));
        }
        worst = lost > worst ? lost : worst;
    }
    if (judge->in_scope[SCOPE_COUNTED] > 0)
        dr_result_add(judge->result, DR_OK, subject_of(judge, "queues"),
                      "%zu are neither replicated nor asked to be (--must-replicate): %s %.0f "
                      "messages would be lost or wait",
                      judge->in_scope[SCOPE_COUNTED], unsure ? "at least" : "up to", worst);
}

static void judge_all(struct judge *judge, struct deaths *deaths)
{
    const struct death *worst = NULL;
    play_out(judge, deaths);
    for (size_t d = 0; d < deaths->count; d++) {
        if (worst == NULL || is_worse(judge, &deaths->items[d], worst))
            worst = &deaths->items[d];
    }
    say_worst(judge, deaths, worst);
    if (worst != NULL)
        add_figures(judge, worst, NULL);
    for (size_t d = 0; d < deaths->count; d++) {
        judge_death(judge, &deaths->items[d]);
        add_figures(judge, &deaths->items[d], deaths->items[d].label);
    }
    judge_outside(judge, deaths);
    if (deaths->unknown.count > 0)
        tally_end(judge, &deaths->unknown, "queue does not say where its copies are",
                  "queues do not say where their copies are");
}

void judge_loss(struct judge *judge)
{
    if (judge->roster == NULL)
        return;
    struct deaths *deaths = calloc(1, sizeof *deaths);
    if (deaths == NULL) {
        judge->result->out_of_memory = true;
        return;
    }
    deaths->unknown = TALLY;
    add_nodes(judge, deaths);
    add_hosts(judge, deaths);
    add_zones(judge, deaths);
    judge_all(judge, deaths);
    for (size_t d = 0; d < deaths->count; d++) {
        end_text(judge, &deaths->items[d].losers.names);
        end_text(judge, &deaths->items[d].stoppers.names);
    }
    end_text(judge, &deaths->unknown.names);
    free(deaths);
}
