/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/judge_parts.h"

#include <stdlib.h>
#include <string.h>

/* A slot, and the node that has it. */
struct holder {
    const struct rep_asked *asked;
    const struct rep_slot *slot;
    struct dr_opt_int position; /* of the node, to measure what the slot keeps */
};

/* "slot s1", with the node where it is not the primary's. */
static char *slot_subject(const struct judge *judge, const struct holder *holder, const char *what,
                          const char *name)
{
    if (holder->asked == judge->survey.primary)
        return dr_text_format("%s %s", what, name);
    return dr_text_format("%s %s on %s", what, name, holder->asked->label);
}

static void judge_invalid(const struct rep_node *node, const struct rep_slot *slot,
                          struct dr_line *line)
{
    const char *status = slot->wal_status != NULL ? slot->wal_status : "";
    const char *who = slot->logical ? "its subscriber" : "its standby";
    if (slot->invalidation != NULL || strcmp(status, "lost") == 0) {
        dr_line_problem(line, DR_CRITICAL, "is lost%s%s: %s must be rebuilt",
                        slot->invalidation != NULL ? ", " : "",
                        slot->invalidation != NULL ? slot->invalidation : "", who);
        dr_line_next(line, DR_CRITICAL,
                     "drop the slot, rebuild what used it, and raise "
                     "max_slot_wal_keep_size");
    } else if (strcmp(status, "unreserved") == 0) {
        dr_line_problem(line, DR_CRITICAL, "is unreserved: it is lost at the next checkpoint");
        dr_line_next(line, DR_CRITICAL,
                     "bring %s back now, or raise max_slot_wal_keep_size and reload", who);
    } else if (slot->conflicting.known && slot->conflicting.value) {
        dr_line_problem(line, DR_CRITICAL, "conflicts with recovery and is invalid");
    } else if (node->major >= 13 && slot->restart.known && slot->wal_status == NULL) {
        dr_line_problem(line, DR_UNKNOWN, "cannot tell whether its log is still there");
    } else if (*status != '\0' && strcmp(status, "reserved") != 0 &&
               strcmp(status, "extended") != 0) {
        dr_line_problem(line, DR_UNKNOWN, "its status is one we do not know: %s", status);
    }
}

/* Seconds until the slot can be lost, at the rate the primary has written lately. */
static void judge_eta(struct judge *judge, const struct rep_slot *slot, struct dr_line *line)
{
    char text[32];
    if (!slot->safe.known)
        return;
    struct dr_opt_real rate = rep_history_rate(judge->evidence->history, judge->evidence->now);
    dr_line_figure(line, "%s until it can be lost",
                   dr_unit_format(DR_UNIT_BYTES, (double)slot->safe.value, text, sizeof text));
    if (!judge->evidence->history->open && is_limited(&judge->rules->thresholds[REP_SLOT_ETA])) {
        dr_line_problem(line, DR_UNKNOWN, "when it can be lost is not known");
        dr_line_next(line, DR_UNKNOWN, "give --state-dir: it is known from the second run on");
    }
    if (!rate.known || rate.value < 1)
        return;
    double eta = slot->safe.value > 0 ? (double)slot->safe.value / rate.value : 0;
    dr_line_figure(line, "in about %s", dr_unit_format(DR_UNIT_SECONDS, eta, text, sizeof text));
    line_judge(judge, line, REP_SLOT_ETA, eta, "can be lost in");
    dr_result_figure(judge->result, slot->name, &rep_metrics[REP_SLOT_ETA], eta,
                     &judge->rules->thresholds[REP_SLOT_ETA]);
}

static void judge_retained(struct judge *judge, const struct holder *holder, struct dr_line *line)
{
    char text[32];
    const struct rep_slot *slot = holder->slot;
    if (!slot->restart.known || !holder->position.known) {
        /* One that was never used keeps nothing, and has no status. */
        if (slot->wal_status != NULL && is_limited(&judge->rules->thresholds[REP_SLOT_RETAINED]))
            dr_line_problem(line, DR_UNKNOWN, "cannot tell how much it keeps");
        return;
    }
    double kept = (double)rep_beyond(holder->position.value, slot->restart.value);
    dr_line_figure(line, "keeps %s", dr_unit_format(DR_UNIT_BYTES, kept, text, sizeof text));
    line_judge(judge, line, REP_SLOT_RETAINED, kept, "keeps");
    dr_result_figure(judge->result, slot->name, &rep_metrics[REP_SLOT_RETAINED], kept,
                     &judge->rules->thresholds[REP_SLOT_RETAINED]);
}

static void judge_subscriber(struct judge *judge, const struct holder *holder, struct dr_line *line)
{
    char text[32];
    const struct rep_slot *slot = holder->slot;
    if (!slot->logical)
        return;
    if (!slot->confirmed.known || !holder->position.known) {
        if (is_limited(&judge->rules->thresholds[REP_LOGICAL_GAP]))
            dr_line_problem(line, DR_UNKNOWN, "cannot tell how far its subscriber is behind");
        return;
    }
    double gap = (double)rep_beyond(holder->position.value, slot->confirmed.value);
    dr_line_figure(line, "subscriber %s behind",
                   dr_unit_format(DR_UNIT_BYTES, gap, text, sizeof text));
    line_judge(judge, line, REP_LOGICAL_GAP, gap, "subscriber behind by");
    dr_result_figure(judge->result, slot->name, &rep_metrics[REP_LOGICAL_GAP], gap,
                     &judge->rules->thresholds[REP_LOGICAL_GAP]);
}

/* Large transactions that did not fit into logical_decoding_work_mem: slow, and room on the
 * primary's disk. */
static void judge_spilled(struct judge *judge, const struct rep_slot *slot, struct dr_line *line)
{
    char text[32];
    const struct dr_threshold *threshold = &judge->rules->thresholds[REP_SLOT_SPILLED];
    if (!slot->logical)
        return;
    if (!slot->spilled.known) {
        if (is_limited(threshold))
            dr_line_problem(
                line, DR_UNKNOWN,
                "what it put aside on disk is not known (15 and later, with pg_monitor)");
        return;
    }
    double spilled = (double)slot->spilled.value;
    if (spilled > 0)
        dr_line_figure(line, "%s put aside on disk",
                       dr_unit_format(DR_UNIT_BYTES, spilled, text, sizeof text));
    line_judge(judge, line, REP_SLOT_SPILLED, spilled, "put aside on disk:");
    dr_result_figure(judge->result, slot->name, &rep_metrics[REP_SLOT_SPILLED], spilled, threshold);
}

static void judge_inactive(struct judge *judge, const struct holder *holder, struct dr_line *line)
{
    char have[32];
    char most[32];
    const struct rep_slot *slot = holder->slot;
    const struct dr_opt_real *limit = &judge->rules->slot_inactive;
    char *condition = dr_text_format("inactive:%s:%s", holder->asked->label, slot->name);
    struct dr_opt_real age = {.known = false};
    bool inactive = slot->active.known && !slot->active.value;
    if (condition != NULL)
        age =
            rep_history_since(judge->evidence->history, condition, inactive, judge->evidence->now);
    free(condition);
    if (!slot->active.known)
        dr_line_problem(line, DR_UNKNOWN, "cannot tell whether it is in use");
    if (!inactive)
        return;
    if (slot->inactive_age.known)
        age = slot->inactive_age;
    if (!age.known) {
        dr_line_figure(line, "not in use");
        if (judge->rules->slot_inactive_given) {
            dr_line_problem(line, DR_UNKNOWN, "is not in use, since when is not known");
            dr_line_next(line, DR_UNKNOWN,
                         "give --state-dir: servers before 17 do not tell since when");
        }
        return;
    }
    dr_line_figure(line, "not in use for %s",
                   dr_unit_format(DR_UNIT_SECONDS, age.value, have, sizeof have));
    if (limit->known && age.value > limit->value) {
        dr_line_problem(line, DR_WARNING, "not in use for %s (warning above %s)", have,
                        dr_unit_format(DR_UNIT_SECONDS, limit->value, most, sizeof most));
        dr_line_next(line, DR_WARNING, "bring back what used it, or drop it: it keeps WAL on %s",
                     holder->asked->label);
    }
}

static void judge_slot(struct judge *judge, const struct holder *holder)
{
    const struct rep_slot *slot = holder->slot;
    struct dr_line line = DR_LINE;
    dr_line_figure(&line, "%s", slot->logical ? "logical" : "physical");
    judge_invalid(holder->asked->node, slot, &line);
    if (line.state != DR_CRITICAL) {
        judge_eta(judge, slot, &line);
        judge_retained(judge, holder, &line);
        judge_subscriber(judge, holder, &line);
        judge_spilled(judge, slot, &line);
        judge_inactive(judge, holder, &line);
    }
    if (slot->logical && slot->failover.known && !slot->failover.value)
        dr_line_figure(&line, "does not survive a failover");
    char *subject = slot_subject(judge, holder, "slot", slot->name);
    dr_line_end(&line, judge->result, subject);
    free(subject);
}

/* ---- subscriptions: this server is the standby of somebody else's tables ---- */

static void judge_worker(struct judge *judge, const struct holder *holder,
                         const struct rep_subscription *subscription, struct dr_line *line)
{
    char *name = dr_text_format("errors:%s:%s", holder->asked->label, subscription->name);
    struct dr_opt_int before = {.known = false};
    if (name != NULL && subscription->apply_errors.known)
        before = rep_history_swap(judge->evidence->history, name, subscription->apply_errors.value);
    free(name);
    if (!subscription->running.known || !subscription->enabled.known) {
        dr_line_problem(line, DR_UNKNOWN, "cannot tell whether it is running");
    } else if (!subscription->enabled.value) {
        dr_line_problem(line, DR_WARNING, "is disabled, by hand or by disable_on_error");
        dr_line_next(line, DR_WARNING, "ALTER SUBSCRIPTION %s ENABLE, after the cause is cured",
                     subscription->name);
    } else if (!subscription->running.value) {
        dr_line_problem(line, DR_CRITICAL, "its worker is not running");
        dr_line_next(line, DR_CRITICAL,
                     "look into the server's log for the error that ends the worker, "
                     "usually a row that conflicts");
    } else if (before.known && subscription->apply_errors.value > before.value) {
        dr_line_problem(line, DR_CRITICAL,
                        "its worker keeps failing: %lld errors since the last run",
                        (long long)(subscription->apply_errors.value - before.value));
    }
    if (subscription->apply_errors.known && subscription->apply_errors.value > 0)
        dr_line_figure(line, "%lld apply errors", (long long)subscription->apply_errors.value);
}

static void judge_subscription(struct judge *judge, const struct holder *holder,
                               const struct rep_subscription *subscription)
{
    char age[32];
    struct dr_line line = DR_LINE;
    judge_worker(judge, holder, subscription, &line);
    double limit = rep_link_limit(holder->asked->node->receiver.timeout);
    struct dr_opt_real heard = rep_plausible(subscription->message_age);
    if (heard.known) {
        dr_unit_format(DR_UNIT_SECONDS, heard.value, age, sizeof age);
        dr_line_figure(&line, "publisher heard %s ago", age);
        if (heard.value > limit)
            dr_line_problem(&line, DR_CRITICAL, "publisher silent for %s", age);
    } else if (subscription->running.known && subscription->running.value) {
        dr_line_problem(&line, DR_UNKNOWN, "cannot tell when its publisher was last heard");
    }
    if (subscription->tables_pending.known && subscription->tables_pending.value > 0)
        dr_line_problem(&line, DR_WARNING, "%lld tables not in sync yet",
                        (long long)subscription->tables_pending.value);
    char *subject = slot_subject(judge, holder, "subscription", subscription->name);
    dr_line_end(&line, judge->result, subject);
    free(subject);
}

static void judge_node_slots(struct judge *judge, const struct rep_asked *asked, bool *found)
{
    const struct rep_node *node = asked->node;
    struct holder holder = {.asked = asked};
    if (node->reading_count > 0)
        holder.position = dr_int(node->readings[node->reading_count - 1].position);
    for (size_t i = 0; i < node->slot_count; i++) {
        const struct rep_slot *slot = &node->slots[i];
        for (size_t e = 0; e < judge->rules->expect_slot.count; e++)
            found[e] = found[e] || strcmp(judge->rules->expect_slot.items[e], slot->name) == 0;
        /* A copy that the server keeps for after a failover is judged where it is used. */
        if (slot->temporary || (slot->synced.known && slot->synced.value) ||
            !dr_selection_has(judge->evidence->selection, slot->name))
            continue;
        holder.slot = slot;
        judge_slot(judge, &holder);
    }
    for (size_t i = 0; i < node->subscription_count; i++) {
        if (dr_selection_has(judge->evidence->selection, node->subscriptions[i].name))
            judge_subscription(judge, &holder, &node->subscriptions[i]);
    }
}

void judge_slots(struct judge *judge)
{
    size_t expected = judge->rules->expect_slot.count;
    bool *found = calloc(expected + 1, sizeof *found);
    if (found == NULL) {
        judge->result->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < judge->evidence->count; i++) {
        if (judge->evidence->asked[i].answered)
            judge_node_slots(judge, &judge->evidence->asked[i], found);
    }
    for (size_t e = 0; e < expected; e++) {
        if (found[e])
            continue;
        const char *name = judge->rules->expect_slot.items[e];
        if (judge->survey.unreachable > 0) {
            dr_result_add(judge->result, DR_UNKNOWN, name,
                          "cannot tell whether this slot exists: not every target answered");
            continue;
        }
        struct dr_finding *finding = dr_result_add(judge->result, DR_CRITICAL, name,
                                                   "this slot is expected, but does not exist");
        dr_finding_next(finding, "SELECT pg_create_physical_replication_slot('%s') on the primary",
                        name);
    }
    free(found);
}
