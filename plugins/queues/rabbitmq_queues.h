/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RabbitMQ's list of queues: one element at a time into the roster.
 *
 * Two lists are taken at the same moment, and their elements come in any order. The listing
 * (api/queues?disable_stats=true) is what the server's records say now: which queues there are,
 * their leaders, members and mirrors. The figures (api/queues?columns=...) add the state and the
 * numbers, which the server gathers every five seconds and may answer from a cache.
 *
 * Leaders, members, mirrors and which of them are in sync come from the listing. The figures repeat
 * what a queue said up to five seconds ago, or when it last had something to do: they miss a mirror
 * that has come back without messages, so that a loss would look like a mere stop, and name one
 * that is gone. They count only for what the listing does not say (members of streams before 4.0).
 *
 * The totals (api/queues?disable_stats=true&enable_queue_totals=true) are taken instead of the
 * figures where those cost too much. Leaders, members and mirrors are not taken from them: there
 * the server repeats what a queue said when it last had something to do, and one that was idle
 * since names mirrors that died long ago, or misses one that has been in sync for days.
 *
 * A key that stands twice in one element (the server sends the synchronised mirrors twice while
 * they are being synchronised): the worse value counts, and the queue has the trait
 * QUE_CONTRADICTED, or the one of these nodes. What is not taken contradicts nothing. Without
 * `state` the numbers of an element are those of a queue that has only just got its leader, and are
 * not taken. */
#ifndef QUEUES_RABBITMQ_QUEUES_H
#define QUEUES_RABBITMQ_QUEUES_H

#include "common/error.h"
#include "plugins/queues/roster.h"

/* What is asked of each queue, as the parameter `columns`. */
extern const char rabbitmq_queue_columns[];

/* Takes one element, "{...}", terminated, into the roster (context is a struct que_roster):
 * functions of dr_json_stream_start. False with the error set (PROTOCOL, INTERNAL) where it cannot
 * be read as a whole. QUE_HEAD_AGE is the time stamp of the message until rabbitmq_age_heads. */
bool rabbitmq_take_listed(void *context, const char *text, size_t size, struct dr_error *error);
bool rabbitmq_take_figured(void *context, const char *text, size_t size, struct dr_error *error);
bool rabbitmq_take_totals(void *context, const char *text, size_t size, struct dr_error *error);

/* Since 4.0 a quorum queue has no messages by its figures until its first tick (five seconds),
 * while the totals know them. Of the figures of quorum queues, messages and those that are ready
 * become what `totals` says where that is more, and unknown where they are zero and it says
 * nothing; nothing else is taken. */
void rabbitmq_raise_figures(struct que_roster *roster, const struct que_roster *totals);

/* Makes ages of the time stamps, once all figures are read. `now` is the server's clock, seconds
 * since the epoch; where that is not known, no age is. So is the age of a message that claims to be
 * of the future: many publishers send milliseconds. */
void rabbitmq_age_heads(struct que_roster *roster, struct dr_opt_real now);

/* True where the queue has no figures yet, but will have them with its next tick (five seconds): it
 * has a leader or a majority that can elect one. */
bool rabbitmq_is_fresh(const struct que_queue *queue);

#endif
