/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the parts of the judge: judge.c (groups, targets, the verdict among several),
 * judge_cluster.c (nodes), judge_proof.c (is the list complete), judge_loss.c (who dies, what is
 * lost), judge_queues.c (each queue now, limits, --must-replicate), judge_past.c (--state-dir),
 * judge_compare.c, judge_amqp.c, judge_celery.c, judge_azure.c. */
#ifndef QUEUES_JUDGE_PARTS_H
#define QUEUES_JUDGE_PARTS_H

#include "common/line.h"
#include "plugins/queues/judge.h"
#include "plugins/queues/loss.h"

/* What a queue is to the plan. */
enum scope {
    SCOPE_LEFT_OUT = 0, /* by the user */
    SCOPE_AUTOMATIC,    /* not meant to last */
    SCOPE_COUNTED,      /* judged by limits, but nobody asked that it survives */
    SCOPE_PLANNED,      /* must survive */
    SCOPE_MUST          /* must have --min-copies safe copies */
};

/* The verdict of the run: of several the worst, then the one with most at stake, then the first. */
struct verdict {
    bool given;
    enum dr_state state;
    double weight;
    char text[600];
};

/* One group of the run: a cluster, or a target by itself. */
struct judge {
    const struct que_evidence *evidence; /* of the group */
    struct que_rules *rules;
    struct dr_result *result;
    enum dr_state timeout_state;
    struct verdict *verdict;
    const char *group;              /* NULL where there is only one */
    const struct que_asked *lister; /* who gave the list of queues; NULL */
    const struct que_roster *roster;
    struct que_world world;
    uint8_t *scopes; /* parallel to the roster's queues: enum scope */
    float *heads;    /* the same: since when the same message is at its head, seconds; below 0: not
                        known. NULL without --state-dir */
    size_t in_scope[SCOPE_MUST + 1];
    bool nodes_known; /* some node said who is in the cluster, and who runs */
    bool frozen;      /* the statistics of nodes hang that answer otherwise */
    bool split;       /* the nodes do not agree on who runs, or say that they are partitioned */
    bool partial;     /* the list of queues is not proven to be all of them */
    char subject[256];
};

/* Offers a sentence for the verdict (printf style). */
__attribute__((format(printf, 4, 5))) void say(struct judge *judge, enum dr_state state,
                                               double weight, const char *format, ...);

/* The subject of a finding: with the group's name where there are several. Valid until the next
 * call; NULL for NULL where there is one group. */
const char *subject_of(struct judge *judge, const char *name);

/* Text of at most `size` bytes is always ended; `text` is returned. */
const char *queue_name(const struct judge *judge, const struct que_queue *queue, char *text,
                       size_t size);
/* "rmq1" for "rmq1@host" where that is enough to tell it from the others, or "host", else all. */
const char *node_name(const struct judge *judge, int node, char *text, size_t size);
const char *short_name(const struct judge *judge, const char *node, char *text, size_t size);
/* "rmq1, rmq2" */
const char *nodes_text(const struct judge *judge, que_nodes nodes, char *text, size_t size);
/* The node is meant by a name of the user: all of it, or a part where only one has it. */
bool node_goes_by(const struct judge *judge, const char *node, const char *name);

/* One finding for all queues with the same trouble: the first ones by name, and how many. */
struct tally {
    enum dr_state state;
    size_t count;
    double messages;
    bool unsure; /* of some the messages are not known */
    struct dr_buffer names;
};
#define TALLY ((struct tally){.names = DR_BUFFER(400)})

/* Counts a queue; what stands in brackets behind its name (printf style). */
__attribute__((format(printf, 5, 6))) void tally_add(const struct judge *judge, struct tally *tally,
                                                     enum dr_state state,
                                                     const struct que_queue *queue,
                                                     const char *format, ...);
/* "a (x), b (y) and 3 more" */
const char *tally_names(struct tally *tally);
/* "12 messages", "at least 12 messages" */
const char *tally_messages(const struct tally *tally, char *text, size_t size);
/* Frees a text that was added to the result; the result says so where memory ran out for it. */
void end_text(struct judge *judge, struct dr_buffer *text);
/* Adds the finding "N WORDS: names", where there is any, and frees the tally. Returns it. */
struct dr_finding *tally_end(struct judge *judge, struct tally *tally, const char *one,
                             const char *many);

static inline enum scope scope_of(const struct judge *judge, size_t queue)
{
    return (enum scope)judge->scopes[queue];
}

/* A list of queues is there, and what it is to the plan. */
bool take_roster(struct judge *judge);
void end_roster(struct judge *judge);

/* The reply that counts: of the target that gave the list. */
const struct que_reply *lister_reply(const struct judge *judge, enum que_question question);

/* Member of that name in the view that counts; NULL. */
bool node_is_down(const struct judge *judge, const char *name);

enum dr_state state_of_error(const struct judge *judge, const struct que_asked *asked);
/* The user said that this target, or this node, is down on purpose. */
bool in_maintenance(const struct judge *judge, const struct que_asked *asked);
bool node_in_maintenance(const struct judge *judge, const char *node);

/* ": mq1: connection refused" for the first target that did not answer, "" where all did: why there
 * is nothing to tell. `text` is returned. */
#define REASON_TEXT 400
const char *why_unanswered(const struct judge *judge, char *text, size_t size);
void judge_unreachable(struct judge *judge);
void judge_cluster(struct judge *judge);
void find_down(struct judge *judge);
void judge_proof(struct judge *judge);
void judge_loss(struct judge *judge);
/* Before judge_queues, which uses what it finds of heads. */
void judge_past(struct judge *judge);
void judge_queues(struct judge *judge);
/* The reference cluster, with the one that is judged. */
void judge_compare(struct judge *production, struct judge *reference);
void judge_amqp(struct judge *judge);
void judge_celery(struct judge *judge);
void judge_azure(struct judge *judge);

#endif
