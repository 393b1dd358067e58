/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cluster that takes over: has it the same queues, and do messages get there? */
#include "plugins/queues/judge_parts.h"

#include <string.h>

struct differences {
    struct tally missing;
    struct tally unseen; /* may be there: its list is not all of them */
    struct tally kind;
    struct tally policy;
    size_t same;
};

static const char *kind_name(const struct que_queue *queue)
{
    static const char *const names[] = {"unknown", "classic", "quorum", "stream", "list", "other"};
    return names[queue->kind];
}

/* Definitions that are not known are compared by their names alone. */
static bool has_same_policy(const struct que_policy *here, const struct que_policy *there)
{
    if (here == NULL || there == NULL)
        return here == there;
    if (here->definition == NULL || there->definition == NULL)
        return strcmp(here->name, there->name) == 0;
    return strcmp(here->definition, there->definition) == 0;
}

static const char *policy_name(const struct que_roster *roster, const struct que_queue *queue)
{
    const struct que_policy *policy = que_policy_of(roster, queue);
    return policy != NULL ? policy->name : "none";
}

static void add_policy(const struct judge *production, const struct judge *reference,
                       const struct que_queue *here, const struct que_queue *there,
                       struct tally *tally)
{
    const char *name = policy_name(production->roster, here);
    const char *other = policy_name(reference->roster, there);
    if (strcmp(name, other) == 0)
        tally_add(production, tally, DR_WARNING, here, "%s, there with another definition", name);
    else
        tally_add(production, tally, DR_WARNING, here, "%s, there %s", name, other);
}

static void compare_queue(const struct judge *production, const struct judge *reference,
                          size_t number, struct differences *differences)
{
    const struct que_queue *here = que_roster_at(production->roster, number);
    const struct que_queue *there =
        que_roster_find(reference->roster, que_vhost_name(production->roster, here), here->name);
    bool must = scope_of(production, number) == SCOPE_MUST;
    if (there == NULL && reference->partial)
        tally_add(production, &differences->unseen, DR_UNKNOWN, here, "%s", kind_name(here));
    else if (there == NULL)
        tally_add(production, &differences->missing, must ? DR_CRITICAL : DR_WARNING, here, "%s",
                  kind_name(here));
    else if (there->kind != here->kind)
        tally_add(production, &differences->kind, must ? DR_CRITICAL : DR_WARNING, here,
                  "%s, there %s", kind_name(here), kind_name(there));
    else if (!has_same_policy(que_policy_of(production->roster, here),
                              que_policy_of(reference->roster, there)))
        add_policy(production, reference, here, there, &differences->policy);
    else
        differences->same++;
}

static void compare_queues(struct judge *production, struct judge *reference)
{
    const char *name = reference->evidence->asked->label;
    struct differences differences = {
        .missing = TALLY, .unseen = TALLY, .kind = TALLY, .policy = TALLY};
    for (size_t q = 0; q < production->roster->count; q++) {
        if (scope_of(production, q) >= SCOPE_PLANNED)
            compare_queue(production, reference, q, &differences);
    }
    dr_finding_next(tally_end(reference, &differences.missing, "queue is missing there",
                              "queues are missing there"),
                    "export the definitions here and import them there: rabbitmqctl "
                    "export_definitions, import_definitions");
    tally_end(reference, &differences.unseen, "queue is not seen there, and may be there",
              "queues are not seen there, and may be there");
    tally_end(reference, &differences.kind, "queue is of another type there",
              "queues are of another type there");
    tally_end(reference, &differences.policy, "queue has another policy there",
              "queues have other policies there");
    dr_result_add(production->result, DR_OK, name, "%zu queue%s the same there", differences.same,
                  differences.same == 1 ? " is" : "s are");
}

/* RabbitMQ starts one where its definition changes: the same definition again starts nothing. */
static void judge_unlisted(struct judge *judge, const struct que_link *link)
{
    dr_finding_next(dr_result_add(judge->result, DR_WARNING, subject_of(judge, link->kind),
                                  "%s is defined, and runs on no node: not yet, or not any more",
                                  link->name),
                    "rabbitmqctl clear_parameter shovel, then define it again");
}

static void judge_link(struct judge *judge, const struct que_link *link)
{
    bool starts = strcmp(link->state, "starting") == 0;
    bool fails = strcmp(link->state, "error") == 0;
    struct dr_finding *finding =
        dr_result_add(judge->result, starts ? DR_WARNING : DR_CRITICAL,
                      subject_of(judge, link->kind), "%s is %s%s%s", link->name,
                      starts  ? "starting: it is not connected, for now or again and again"
                      : fails ? "in error"
                              : link->state,
                      link->error != NULL ? ": " : "", link->error != NULL ? link->error : "");
    dr_finding_next(finding, strcmp(link->kind, "shovel") == 0
                                 ? "rabbitmqctl shovel_status, then rabbitmqctl restart_shovel"
                                 : "rabbitmqctl federation_status --only-down");
}

/* Where nobody may see the list there may be such as well: they are told of as what is not known.
 */
static void judge_defined(struct judge *judge, size_t unlisted)
{
    const struct que_view *view = &judge->lister->facts->view;
    enum que_answer listed = view->replies[QUE_ASK_SHOVELS].answer;
    if (listed == QUE_ABSENT && unlisted > 0)
        dr_finding_next(dr_result_add(judge->result, DR_UNKNOWN, subject_of(judge, "shovels"),
                                      "%zu are defined, and whether they run cannot be seen",
                                      unlisted),
                        "rabbitmq-plugins enable rabbitmq_shovel_management");
    if (listed == QUE_ANSWERED && view->replies[QUE_ASK_DEFINED].answer == QUE_REFUSED)
        dr_result_add(judge->result, DR_OK, subject_of(judge, "shovels"),
                      "one that is defined and was not started cannot be seen without the tag "
                      "policymaker");
}

/* Returns how many run. */
static size_t judge_listed(struct judge *judge, bool listed, size_t *unlisted)
{
    const struct que_view *view = &judge->lister->facts->view;
    size_t running = 0;
    for (size_t i = 0; i < view->link_count; i++) {
        const struct que_link *link = &view->links[i];
        bool runs = link->state != NULL && strcmp(link->state, "running") == 0;
        running += runs ? 1 : 0;
        *unlisted += link->state == NULL ? 1 : 0;
        if (link->state != NULL && !runs)
            judge_link(judge, link);
        else if (link->state == NULL && listed)
            judge_unlisted(judge, link);
    }
    return running;
}

/* Whoever answered tells of the links that run on it: the management API gathers those of all
 * nodes, so that the one who gave the list is enough. */
static void judge_links(struct judge *judge)
{
    static const enum que_question questions[] = {QUE_ASK_SHOVELS, QUE_ASK_DEFINED,
                                                  QUE_ASK_FEDERATION};
    static const char *const names[] = {"shovels", "shovels", "federation links"};
    const struct que_view *view = &judge->lister->facts->view;
    bool listed = view->replies[QUE_ASK_SHOVELS].answer == QUE_ANSWERED;
    size_t unlisted = 0;
    size_t running = judge_listed(judge, listed, &unlisted);
    size_t known = view->link_count - (listed ? 0 : unlisted);
    if (known > 0)
        dr_result_add(judge->result, DR_OK, subject_of(judge, "links"),
                      "%zu of %zu shovels and federation links run", running, known);
    judge_defined(judge, unlisted);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        const struct que_reply *reply = &view->replies[questions[i]];
        bool defined = questions[i] == QUE_ASK_DEFINED;
        if (reply->answer == QUE_HUNG || reply->answer == QUE_FAILED ||
            (reply->answer == QUE_REFUSED && !defined))
            dr_result_add(judge->result, DR_UNKNOWN, subject_of(judge, names[i]),
                          "not known whether %s: %s",
                          defined ? "all that are defined run" : "they run", reply->text);
    }
}

void judge_compare(struct judge *production, struct judge *reference)
{
    judge_cluster(reference);
    judge_unreachable(reference);
    if (reference->roster == NULL || production->roster == NULL) {
        dr_result_add(production->result, DR_UNKNOWN, reference->evidence->asked->label,
                      "cannot be compared: no list of queues from %s",
                      reference->roster == NULL ? "there" : "the cluster it stands by for");
        return;
    }
    judge_proof(reference);
    compare_queues(production, reference);
    judge_links(production);
    judge_links(reference);
}
