/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --state-dir: what only two looks tell. Mirrors that stay unsynchronised, messages that vanished
 * without having been taken, a head that does not move. */
#include "plugins/queues/judge_parts.h"

#include <stdio.h>
#include <stdlib.h>

/* How long it is told of, seconds: it happened in one moment, and somebody must hear of it. */
#define LOSS_TOLD 86400.0
#define DRAIN_TOLD 3600.0

#define KEY_MAX 512

struct past {
    struct tally unsynced;
    struct tally lost;
    struct tally drained;
    size_t forgotten; /* queues that there was no room to remember */
};

static const char *key_of(const struct judge *judge, const struct que_queue *queue,
                          char key[KEY_MAX])
{
    snprintf(key, KEY_MAX, "%s%s%s/%s", judge->group != NULL ? judge->group : "",
             judge->group != NULL ? " " : "", que_vhost_name(judge->roster, queue), queue->name);
    return key;
}

/* FNV-1a, 64 bits (draft-eastlake-fnv), without the highest bit, and never 0. */
static uint64_t hash_of(const char *text)
{
    uint64_t value = UINT64_C(14695981039346656037);
    for (; *text != '\0'; text++)
        value = (value ^ (unsigned char)*text) * UINT64_C(1099511628211);
    value &= INT64_MAX;
    return value != 0 ? value : 1;
}

static struct dr_opt_int whole(struct dr_opt_real value)
{
    return (struct dr_opt_int){.known = value.known, .value = (int64_t)value.value};
}

/* What is to be remembered of a queue now, but for what follows from before. */
static struct que_memory memory_of(const struct judge *judge, const struct que_queue *queue)
{
    return (struct que_memory){
        .head = queue->head,
        .leader = queue->leader >= 0 ? hash_of(judge->roster->nodes[queue->leader]) : 0,
        .messages = whole(que_figure(queue, QUE_MESSAGES)),
        .acked = whole(que_figure(queue, QUE_ACKED)),
    };
}

/* Messages that are gone and that nobody took, as far as the counters tell; *sure is false where
 * those began anew. */
static int64_t missing(const struct que_memory *before, const struct que_memory *now, bool *sure)
{
    *sure = before->acked.known && now->acked.known && now->acked.value >= before->acked.value;
    if (!before->messages.known || !now->messages.known)
        return 0;
    int64_t gone = before->messages.value - now->messages.value;
    int64_t taken = *sure ? now->acked.value - before->acked.value : 0;
    return gone > taken ? gone - taken : 0;
}

/* Its messages may leave it by themselves. */
static bool sheds(const struct judge *judge, const struct que_queue *queue)
{
    const struct que_policy *policy = que_policy_of(judge->roster, queue);
    return (queue->traits & QUE_SHEDS) != 0 || (policy != NULL && policy->sheds);
}

/* A look at a queue that does not say its figures, because it is changing its leader, say, must not
 * make us forget what was in it before. */
static void remember(const struct que_memory *before, struct que_memory *now)
{
    if (now->messages.known)
        return;
    now->messages = before->messages;
    now->acked = before->acked;
    now->leader = before->leader;
    if (now->unsynced_since <= 0)
        now->unsynced_since = before->unsynced_since;
}

/* A leader that moved to a mirror that was not synchronised, and messages that went with it; or,
 * without that, a queue that was emptied though nobody took anything. */
static void find_loss(const struct judge *judge, const struct que_queue *queue,
                      const struct que_memory *before, struct que_memory *now)
{
    bool sure;
    int64_t gone = missing(before, now, &sure);
    bool moved = before->leader != 0 && now->leader != 0 && before->leader != now->leader;
    /* What was acknowledged to channels of a node that died is no longer counted. */
    bool counted = sure && judge->world.down == QUE_NOBODY;
    bool risky = before->unsynced_since > 0;
    bool emptied = now->messages.known && now->messages.value == 0;
    now->lost_at = before->lost_at;
    now->lost = before->lost;
    now->lost_with_leader = before->lost_with_leader;
    if (gone <= 0 || sheds(judge, queue) || (!moved && !(emptied && counted)) ||
        (moved && (!risky || (!sure && !emptied))))
        return;
    now->lost_at = judge->evidence->now;
    now->lost = gone;
    now->lost_with_leader = moved;
}

/* Tells of it for a while, then forgets it. */
static void tell_loss(const struct judge *judge, struct past *past, const struct que_queue *queue,
                      struct que_memory *now)
{
    char ago[DR_UNIT_TEXT];
    double age = judge->evidence->now - now->lost_at;
    if (age > (now->lost_with_leader ? LOSS_TOLD : DRAIN_TOLD))
        now->lost_at = 0;
    if (now->lost_at <= 0)
        return;
    tally_add(judge, now->lost_with_leader ? &past->lost : &past->drained,
              now->lost_with_leader ? DR_CRITICAL : DR_WARNING, queue, "%lld messages, %s ago",
              (long long)now->lost,
              dr_unit_format(DR_UNIT_SECONDS, age > 0 ? age : 0, ago, sizeof ago));
}

static void tell_unsynced(const struct judge *judge, struct past *past,
                          const struct que_queue *queue, const struct que_memory *before,
                          struct que_memory *now)
{
    char since[DR_UNIT_TEXT];
    if (que_unsynced(&judge->world, queue) == QUE_NOBODY)
        return;
    bool already = before != NULL && before->unsynced_since > 0;
    now->unsynced_since = already ? before->unsynced_since : judge->evidence->now;
    double age = judge->evidence->now - now->unsynced_since;
    if (age > judge->rules->unsynced_for.value)
        tally_add(judge, &past->unsynced, DR_CRITICAL, queue, "for %s",
                  dr_unit_format(DR_UNIT_SECONDS, age, since, sizeof since));
}

static void follow_head(const struct judge *judge, size_t number, const struct que_memory *before,
                        struct que_memory *now)
{
    if (now->head == 0)
        return;
    bool same = before != NULL && before->head == now->head && before->head_since > 0;
    now->head_since = same ? before->head_since : judge->evidence->now;
    double age = judge->evidence->now - now->head_since;
    judge->heads[number] = age > 0 ? (float)age : 0;
}

static bool is_worth_keeping(const struct que_memory *memory)
{
    return memory->unsynced_since > 0 || memory->head != 0 || memory->lost_at > 0 ||
           (memory->messages.known && memory->messages.value > 0);
}

static void look_back(struct judge *judge, struct past *past, size_t number)
{
    char key[KEY_MAX];
    struct que_memory before;
    const struct que_queue *queue = que_roster_at(judge->roster, number);
    bool known = que_history_find(judge->evidence->history, key_of(judge, queue, key), &before);
    struct que_memory now = memory_of(judge, queue);
    tell_unsynced(judge, past, queue, known ? &before : NULL, &now);
    follow_head(judge, number, known ? &before : NULL, &now);
    if (known) {
        find_loss(judge, queue, &before, &now);
        remember(&before, &now);
    }
    tell_loss(judge, past, queue, &now);
    if (is_worth_keeping(&now) && !que_history_keep(judge->evidence->history, key, &now))
        past->forgotten++;
}

static bool make_heads(struct judge *judge)
{
    judge->heads = malloc((judge->roster->count + 1) * sizeof *judge->heads);
    if (judge->heads == NULL) {
        judge->result->out_of_memory = true;
        return false;
    }
    for (size_t q = 0; q < judge->roster->count; q++)
        judge->heads[q] = -1;
    return true;
}

static void end_past(struct judge *judge, struct past *past)
{
    tally_end(judge, &past->unsynced, "queue's mirror has not been synchronised for too long",
              "queues' mirrors have not been synchronised for too long");
    dr_finding_next(tally_end(judge, &past->lost, "queue lost messages when its leader moved",
                              "queues lost messages when their leaders moved"),
                    "what its publishers still have must be sent again; told for a day");
    tally_end(judge, &past->drained, "queue was emptied, and nobody took its messages",
              "queues were emptied, and nobody took their messages");
    if (past->forgotten > 0)
        dr_result_add(judge->result, DR_OK, subject_of(judge, "state"),
                      "not remembered: %zu of the queues with messages; there is room for %d",
                      past->forgotten, QUE_HISTORY_QUEUES);
}

void judge_past(struct judge *judge)
{
    struct past past = {.unsynced = TALLY, .lost = TALLY, .drained = TALLY};
    if (judge->roster == NULL || !judge->evidence->history->open || !make_heads(judge))
        return;
    for (size_t q = 0; q < judge->roster->count; q++) {
        if (scope_of(judge, q) >= SCOPE_COUNTED)
            look_back(judge, &past, q);
    }
    end_past(judge, &past);
}
