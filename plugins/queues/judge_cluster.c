/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cluster and its nodes: who is there, do they see each other, can they serve. */
#include "plugins/queues/judge_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The view of a target; NULL where it did not answer in time. What a target could say before it
 * failed counts, too. */
static const struct que_view *view_of(const struct que_asked *asked)
{
    return asked->facts != NULL && asked->product == QUE_RABBITMQ ? &asked->facts->view : NULL;
}

/* What all views say of one node. */
struct sight {
    const char *name;
    size_t up;                     /* views that see it running */
    size_t down;                   /* views that do not */
    size_t drained;                /* views that see it in maintenance */
    const struct que_member *best; /* what is known most exactly: by itself, else by another */
    char seen_up[64];              /* a target that sees it running */
    char seen_down[64];            /* a target that does not */
};

struct sights {
    struct sight items[QUE_NODES_MAX];
    size_t count;
    size_t views; /* targets that told of the nodes */
};

static struct sight *sight_of(struct sights *sights, const char *name)
{
    for (size_t i = 0; i < sights->count; i++) {
        if (strcmp(sights->items[i].name, name) == 0)
            return &sights->items[i];
    }
    if (sights->count == QUE_NODES_MAX)
        return NULL;
    sights->items[sights->count] = (struct sight){.name = name};
    return &sights->items[sights->count++];
}

static void see(struct sights *sights, const struct que_asked *asked,
                const struct que_member *member)
{
    const struct que_view *view = view_of(asked);
    struct sight *sight = sight_of(sights, member->name);
    if (sight == NULL)
        return;
    bool itself = view->node != NULL && strcmp(view->node, member->name) == 0;
    if (sight->best == NULL || itself || (member->reporting && !sight->best->reporting))
        sight->best = member;
    sight->drained += member->drained.known && member->drained.value ? 1 : 0;
    if (!member->running.known)
        return;
    if (member->running.value) {
        sight->up++;
        snprintf(sight->seen_up, sizeof sight->seen_up, "%.60s", asked->label);
    } else {
        sight->down++;
        snprintf(sight->seen_down, sizeof sight->seen_down, "%.60s", asked->label);
    }
}

static void look(const struct judge *judge, struct sights *sights)
{
    *sights = (struct sights){.count = 0};
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct que_view *view = view_of(&judge->evidence->asked[i]);
        if (view == NULL || view->replies[QUE_ASK_NODES].answer != QUE_ANSWERED)
            continue;
        sights->views++;
        for (size_t m = 0; m < view->member_count; m++)
            see(sights, &judge->evidence->asked[i], &view->members[m]);
    }
}

void find_down(struct judge *judge)
{
    struct sights sights;
    look(judge, &sights);
    for (size_t i = 0; i < sights.count; i++) {
        int node = que_roster_find_node(judge->roster, sights.items[i].name);
        if (node >= 0 && sights.items[i].down > 0 && sights.items[i].up == 0)
            judge->world.down |= que_bit(node);
    }
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct que_view *view = view_of(&judge->evidence->asked[i]);
        if (view != NULL && view->version != NULL && strtol(view->version, NULL, 10) >= 4)
            judge->world.mirrors_inert = true;
    }
}

/* ---- each node ---- */

static void judge_descriptors(struct judge *judge, const struct que_member *member,
                              struct dr_line *line)
{
    char node[128];
    const struct dr_threshold *limit = &judge->rules->thresholds[QUE_FD_USED];
    if (!member->fd_used.known || !member->fd_total.known || member->fd_total.value <= 0)
        return;
    double used = (double)member->fd_used.value * 100 / (double)member->fd_total.value;
    dr_line_judge(line, &que_metrics[QUE_FD_USED], limit, used, "file descriptors in use:");
    short_name(judge, member->name, node, sizeof node);
    dr_result_figure(judge->result, subject_of(judge, node), &que_metrics[QUE_FD_USED], used,
                     limit);
}

/* "a, b" has the name; NULL has none. */
static bool has_name(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at != NULL && *at != '\0'; at += strspn(at, ", ")) {
        size_t size = strcspn(at, ",");
        if (size == length && strncmp(at, name, size) == 0)
            return true;
        at += size;
    }
    return false;
}

/* Somebody names it as what is on the other side. */
static bool is_cut_off(const struct sights *sights, const char *name)
{
    for (size_t i = 0; i < sights->count; i++) {
        if (has_name(sights->items[i].best->partitions, name))
            return true;
    }
    return false;
}

static void judge_absence(struct judge *judge, const struct sights *sights,
                          const struct sight *sight, struct dr_line *line)
{
    if (is_cut_off(sights, sight->name)) {
        dr_line_problem(line, DR_CRITICAL,
                        "is on the other side of the network partition: it may well run, and take "
                        "messages");
    } else if (node_in_maintenance(judge, sight->name)) {
        dr_line_figure(line, "down, in maintenance, as said");
    } else if (sight->drained > 0) {
        dr_line_problem(line, DR_WARNING, "is drained for maintenance");
        dr_line_next(
            line, DR_WARNING,
            "when the work is done: rabbitmq-upgrade revive; say --maintenance %s while it "
            "lasts",
            sight->name);
    } else {
        dr_line_problem(line, DR_CRITICAL, "is a member of the cluster, and is down");
        dr_line_next(line, DR_CRITICAL,
                     "start it; if it is gone for good, on another node: rabbitmqctl "
                     "forget_cluster_node %s",
                     sight->name);
    }
}

static const char partition_advice[] =
    "choose the side to keep, then restart the nodes of the other one; both sides count, so that "
    "the figures are too high until then";

static bool is_partitioned(const struct sights *sights)
{
    for (size_t i = 0; i < sights->count; i++) {
        if (sights->items[i].best->partitions != NULL)
            return true;
    }
    return false;
}

static void judge_partitions(const struct que_member *member, struct dr_line *line)
{
    if (member->partitions == NULL)
        return;
    dr_line_problem(line, DR_CRITICAL, "network partition: it does not see %s", member->partitions);
    dr_line_next(line, DR_CRITICAL, "%s", partition_advice);
}

static void judge_presence(struct judge *judge, const struct sight *sight, struct dr_line *line)
{
    char uptime[DR_UNIT_TEXT];
    const struct que_member *member = sight->best;
    if (sight->drained > 0) {
        bool said = node_in_maintenance(judge, sight->name);
        dr_line_problem(line, said ? DR_OK : DR_WARNING, "is drained for maintenance%s",
                        said ? ", as said" : "");
        dr_line_next(line, DR_WARNING, "when the work is done: rabbitmq-upgrade revive");
    }
    if (!member->reporting && sight->down == 0)
        dr_line_problem(line, DR_WARNING,
                        "runs, but gives no statistics: it has just started, or its management "
                        "agent is not enabled");
    else if (member->reporting && !member->partitions_known)
        dr_line_problem(line, DR_UNKNOWN, "does not say whether it is partitioned");
    judge_descriptors(judge, member, line);
    if (member->reporting)
        dr_line_figure(line, "running");
    if (member->uptime.known)
        dr_line_figure(
            line, "up %s",
            dr_unit_format(DR_UNIT_SECONDS, member->uptime.value, uptime, sizeof uptime));
}

static void judge_node(struct judge *judge, const struct sights *sights, const struct sight *sight)
{
    char node[128];
    struct dr_line line = DR_LINE;
    judge_partitions(sight->best, &line);
    if (sight->up > 0 && sight->down > 0) {
        dr_line_problem(&line, DR_CRITICAL,
                        "%s sees it running, %s sees it down: the cluster is "
                        "split, or about to be",
                        sight->seen_up, sight->seen_down);
        dr_line_next(&line, DR_CRITICAL, "%s",
                     is_partitioned(sights)
                         ? partition_advice
                         : "look at the network between the nodes: rabbitmq-diagnostics "
                           "cluster_status on each");
    }
    if (sight->up == 0 && sight->down == 0)
        dr_line_problem(&line, DR_UNKNOWN, "nobody says whether it runs");
    else if (sight->up == 0 && sight->best->partitions == NULL)
        judge_absence(judge, sights, sight, &line);
    else if (sight->up > 0)
        judge_presence(judge, sight, &line);
    /* Of a node with which nothing is wrong judge_loss says what its death would do. */
    if (line.problems.size == 0 && sight->up > 0 && judge->roster != NULL)
        dr_line_drop(&line);
    else
        dr_line_end(&line, judge->result,
                    subject_of(judge, short_name(judge, sight->name, node, sizeof node)));
}

/* The name is what stands before or behind the "@" of the node. */
static bool has_part(const char *node, const char *name)
{
    const char *at = strchr(node, '@');
    size_t length = at != NULL ? (size_t)(at - node) : strlen(node);
    return (strlen(name) == length && strncmp(node, name, length) == 0) ||
           (at != NULL && strcmp(at + 1, name) == 0);
}

static void judge_expected_nodes(struct judge *judge, const struct sights *sights)
{
    const struct dr_text_list *list = &judge->rules->expect_node;
    for (size_t i = 0; i < list->count; i++) {
        size_t found = 0;
        bool exact = false;
        for (size_t s = 0; s < sights->count; s++) {
            exact = exact || node_goes_by(judge, sights->items[s].name, list->items[i]);
            found += has_part(sights->items[s].name, list->items[i]) ? 1 : 0;
        }
        if (exact)
            continue;
        if (found > 1)
            dr_result_add(judge->result, DR_UNKNOWN, subject_of(judge, list->items[i]),
                          "expected, but %zu nodes go by that: say all of the name", found);
        else if (sights->views == 0)
            dr_result_add(judge->result, DR_UNKNOWN, subject_of(judge, list->items[i]),
                          "expected, but no node says who is in the cluster");
        else
            dr_finding_next(dr_result_add(judge->result, DR_CRITICAL,
                                          subject_of(judge, list->items[i]),
                                          "expected, but not a member of the cluster"),
                            "on it: rabbitmqctl join_cluster with a node that is");
    }
}

/* ---- the cluster as a whole ---- */

static void judge_frozen(struct judge *judge)
{
    struct dr_buffer hung = DR_BUFFER(200);
    struct dr_buffer silent = DR_BUFFER(200);
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct que_asked *asked = &judge->evidence->asked[i];
        const struct que_view *view = view_of(asked);
        bool alive = view != NULL && view->replies[QUE_ASK_WHOAMI].answer == QUE_ANSWERED;
        bool hangs = alive && (view->replies[QUE_ASK_OVERVIEW].answer == QUE_HUNG ||
                               view->replies[QUE_ASK_NODES].answer == QUE_HUNG);
        if (hangs)
            dr_buffer_addf(&hung, "%s%s", hung.size > 0 ? ", " : "", asked->label);
        else if (!asked->answered && !alive && asked->error->class == DR_ERR_TIMEOUT)
            dr_buffer_addf(&silent, "%s%s", silent.size > 0 ? ", " : "", asked->label);
    }
    judge->frozen = hung.size > 0;
    if (judge->frozen)
        dr_finding_next(
            dr_result_add(judge->result, DR_CRITICAL, subject_of(judge, "cluster"),
                          "%s: alive, but statistics hang: waiting for a node that is frozen or "
                          "cut off%s%s",
                          dr_buffer_text(&hung), silent.size > 0 ? ", it seems " : "",
                          dr_buffer_text(&silent)),
            "find the node that does not answer (paused virtual machine? full disk? network?) and "
            "bring it back or shut it down before net_ticktime makes a partition of it");
    end_text(judge, &hung);
    end_text(judge, &silent);
}

/* The list of nodes says of each that runs whether it has an alarm. */
static bool has_flags(const struct sights *sights)
{
    for (size_t i = 0; i < sights->count; i++) {
        const struct sight *sight = &sights->items[i];
        bool flags = sight->best->memory_alarm.known && sight->best->disk_alarm.known;
        if (!flags && (sight->up > 0 || sight->down == 0))
            return false;
    }
    return sights->count > 0;
}

static bool lists_itself(const struct que_view *view)
{
    bool asked = view->node != NULL && view->replies[QUE_ASK_NODES].answer == QUE_ANSWERED;
    for (size_t i = 0; asked && i < view->member_count; i++) {
        if (strcmp(view->members[i].name, view->node) == 0)
            return true;
    }
    return !asked;
}

/* What was asked of a node in vain, but for what hangs. Before 3.8.10 there are no health checks:
 * the flags of the nodes are all there is. */
static void judge_replies(struct judge *judge, const struct que_asked *asked,
                          const struct que_view *view, const struct sights *sights)
{
    static const struct {
        enum que_question question;
        const char *what;
    } needed[] = {{QUE_ASK_OVERVIEW, "its overview"},
                  {QUE_ASK_NODES, "the list of nodes"},
                  {QUE_ASK_ALARMS, "its alarms"}};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        const struct que_reply *reply = &view->replies[needed[i].question];
        if (reply->answer == QUE_ABSENT && needed[i].question == QUE_ASK_ALARMS &&
            has_flags(sights))
            continue;
        if (reply->answer == QUE_REFUSED)
            dr_finding_next(dr_result_add(judge->result, DR_UNKNOWN, asked->label,
                                          "does not show %s to %s: %s", needed[i].what,
                                          view->user != NULL ? view->user : "us", reply->text),
                            "rabbitmqctl set_user_tags %s monitoring",
                            view->user != NULL ? view->user : "USER");
        else if (reply->answer == QUE_FAILED || reply->answer == QUE_ABSENT)
            dr_result_add(judge->result, DR_UNKNOWN, asked->label, "%s: %s", needed[i].what,
                          reply->text[0] != '\0' ? reply->text : "not there");
    }
    if (!lists_itself(view))
        dr_result_add(judge->result, DR_UNKNOWN, asked->label,
                      "%s is missing in its own list of nodes: others may be missing, too",
                      view->node);
    if (view->replies[QUE_ASK_ALARMS].answer == QUE_HUNG)
        dr_result_add(judge->result, DR_UNKNOWN, asked->label,
                      "does not say whether it has alarms");
}

static void judge_certificates(struct judge *judge, const struct que_asked *asked,
                               const struct que_view *view)
{
    const struct que_reply *reply = &view->replies[QUE_ASK_CERTIFICATES];
    if (view->certificates != NULL)
        dr_finding_next(dr_result_add(judge->result, DR_WARNING, asked->label,
                                      "certificates that expire soon: %s", view->certificates),
                        "renew them, then: rabbitmqctl eval 'ssl:clear_pem_cache().'");
    else if (reply->answer == QUE_FAILED || reply->answer == QUE_REFUSED ||
             reply->answer == QUE_HUNG)
        dr_result_add(judge->result, DR_UNKNOWN, asked->label,
                      "does not say when its certificates expire%s%s",
                      reply->text[0] != '\0' ? ": " : "", reply->text);
}

/* All nodes tell of all alarms: said once. */
static void judge_alarms(struct judge *judge)
{
    const char *alarms = NULL;
    for (size_t i = 0; i < judge->evidence->count && alarms == NULL; i++) {
        const struct que_view *view = view_of(&judge->evidence->asked[i]);
        alarms = view != NULL ? view->alarms : NULL;
    }
    if (alarms != NULL) {
        dr_finding_next(
            dr_result_add(judge->result, DR_CRITICAL, subject_of(judge, "alarms"),
                          "publishers are blocked on all nodes: %s", alarms),
            "free memory or disk on that node; consumers that fell behind are the usual "
            "cause");
        say(judge, DR_CRITICAL, 0, "nobody can publish: %s", alarms);
    }
}

/* The flags of the list of nodes lag behind by seconds: they count where nobody told of alarms. */
static void judge_flags(struct judge *judge, const struct sights *sights)
{
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct que_view *view = view_of(&judge->evidence->asked[i]);
        if (view != NULL && view->replies[QUE_ASK_ALARMS].answer == QUE_ANSWERED)
            return;
    }
    for (size_t i = 0; i < sights->count; i++) {
        const struct que_member *member = sights->items[i].best;
        bool memory = member->memory_alarm.known && member->memory_alarm.value;
        bool disk = member->disk_alarm.known && member->disk_alarm.value;
        if (memory || disk)
            dr_result_add(judge->result, DR_CRITICAL, subject_of(judge, "alarms"),
                          "publishers are blocked on all nodes: %s on %s",
                          memory ? "memory" : "disk", member->name);
    }
}

static bool is_split(const struct sights *sights)
{
    for (size_t i = 0; i < sights->count; i++) {
        const struct sight *sight = &sights->items[i];
        if (sight->best->partitions != NULL || (sight->up > 0 && sight->down > 0))
            return true;
    }
    return false;
}

void judge_cluster(struct judge *judge)
{
    struct sights sights;
    look(judge, &sights);
    judge->nodes_known = sights.views > 0;
    judge->split = is_split(&sights);
    judge_frozen(judge);
    judge_alarms(judge);
    judge_flags(judge, &sights);
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct que_asked *asked = &judge->evidence->asked[i];
        const struct que_view *view = view_of(asked);
        if (view == NULL || view->replies[QUE_ASK_WHOAMI].answer != QUE_ANSWERED)
            continue;
        judge_replies(judge, asked, view, &sights);
        judge_certificates(judge, asked, view);
    }
    for (size_t i = 0; i < sights.count; i++)
        judge_node(judge, &sights, &sights.items[i]);
    if (!judge->evidence->asked->reference)
        judge_expected_nodes(judge, &sights);
}
