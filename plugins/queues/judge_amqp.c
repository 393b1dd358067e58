/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AMQP listeners: can somebody log in and publish, and is what was published confirmed? */
#include "common/number.h"
#include "plugins/queues/judge_parts.h"

#include <stdio.h>
#include <string.h>

/* What came of the targets of a group. */
struct trips {
    size_t answered;
    size_t probed;
    size_t confirmed;
    double slowest;      /* seconds */
    const char *broken;  /* a listener that something is wrong with; NULL */
    enum dr_state state; /* the worst of what is wrong */
};

/* A local broker confirms within a fraction of a millisecond, which is not 0 s. */
static const char *time_words(double seconds, char *words, size_t size)
{
    char number[DR_UNIT_TEXT];
    if (!(seconds < 0.1))
        return dr_unit_format(DR_UNIT_SECONDS, seconds, words, size);
    snprintf(words, size, "%s ms", dr_number_round(seconds * 1000, 1, number, sizeof number));
    return words;
}

/* The verdict is about the worst of them, and names that one. */
static void note_broken(struct trips *trips, const struct que_asked *asked, enum dr_state state)
{
    if (trips->broken != NULL && !dr_state_is_worse(state, trips->state))
        return;
    trips->broken = asked->label;
    trips->state = state;
}

static void judge_end(struct dr_line *line, const struct que_trip *trip, const char *what,
                      const char *blocked)
{
    static const struct {
        enum dr_state state;
        const char *words;
    } ends[] = {
        [QUE_TRIP_UNCONFIRMED] = {DR_CRITICAL, "published, and no confirm came"},
        [QUE_TRIP_RETURNED] = {DR_CRITICAL, "the broker did not take the message"},
        [QUE_TRIP_LOST] = {DR_CRITICAL, "confirmed, but the message did not come back"},
        [QUE_TRIP_FORBIDDEN] = {DR_UNKNOWN, "a permission is missing"},
        [QUE_TRIP_CLASH] = {DR_UNKNOWN, "the probe's queue is there with other arguments"},
    };
    dr_line_problem(line, ends[trip->end].state, "%s queue: %s%s%s", what, ends[trip->end].words,
                    trip->text[0] != '\0' ? ": " : "", trip->text);
    if (trip->end == QUE_TRIP_UNCONFIRMED && blocked == NULL && strcmp(what, "quorum") == 0)
        dr_line_next(line, DR_CRITICAL,
                     "a majority of the nodes must run: rabbitmq-diagnostics cluster_status");
    if (trip->end == QUE_TRIP_CLASH)
        dr_line_next(line, DR_UNKNOWN, "another name by --probe-queue, or delete that queue");
}

static void judge_trip(struct judge *judge, struct dr_line *line, const struct que_asked *asked,
                       const struct que_trip *trip, const char *what, struct trips *trips)
{
    char time[DR_UNIT_TEXT];
    const struct dr_threshold *limit = &judge->rules->thresholds[QUE_PROBE_TIME];
    if (trip->end == QUE_TRIP_NONE)
        return;
    trips->probed++;
    if (trip->end != QUE_TRIP_DONE) {
        judge_end(line, trip, what, asked->facts->amqp.blocked);
        note_broken(trips, asked, line->state);
        return;
    }
    trips->confirmed++;
    if (!trip->confirm.known)
        return;
    dr_line_figure(line, "%s queue: confirmed in %s", what,
                   time_words(trip->confirm.value, time, sizeof time));
    dr_line_judge(line, &que_metrics[QUE_PROBE_TIME], limit, trip->confirm.value,
                  "confirmed only after");
    if (trip->confirm.value > trips->slowest)
        trips->slowest = trip->confirm.value;
}

/* The slower one of the two, under the one label that there is for a listener. */
static void add_time(const struct judge *judge, const struct que_asked *asked)
{
    const struct dr_opt_real *classic = &asked->facts->amqp.classic.confirm;
    const struct dr_opt_real *quorum = &asked->facts->amqp.quorum.confirm;
    bool first = classic->known && (!quorum->known || classic->value > quorum->value);
    const struct dr_opt_real *slower = first ? classic : quorum;
    if (slower->known)
        dr_result_figure(judge->result, asked->label, &que_metrics[QUE_PROBE_TIME], slower->value,
                         &judge->rules->thresholds[QUE_PROBE_TIME]);
}

/* The grant that is missing is one command for both. */
static bool is_same_grant(const struct que_amqp *amqp)
{
    return amqp->classic.end == QUE_TRIP_FORBIDDEN && amqp->quorum.end == QUE_TRIP_FORBIDDEN &&
           strcmp(amqp->classic.text, amqp->quorum.text) == 0;
}

static void judge_listener(struct judge *judge, const struct que_asked *asked, struct trips *trips)
{
    struct dr_line line = DR_LINE;
    const struct que_amqp *amqp = &asked->facts->amqp;
    trips->answered++;
    if (amqp->blocked != NULL) {
        dr_line_problem(&line, DR_CRITICAL, "publishers are blocked: %s", amqp->blocked);
        dr_line_next(&line, DR_CRITICAL,
                     "free memory or disk on the node with the alarm: rabbitmq-diagnostics alarms");
        note_broken(trips, asked, DR_CRITICAL);
    }
    bool same = is_same_grant(amqp);
    judge_trip(judge, &line, asked, &amqp->classic, same ? "temporary and quorum" : "temporary",
               trips);
    if (!same)
        judge_trip(judge, &line, asked, &amqp->quorum, "quorum", trips);
    add_time(judge, asked);
    if (amqp->classic.end == QUE_TRIP_NONE && amqp->quorum.end == QUE_TRIP_NONE)
        dr_line_figure(&line, "takes log-ins; nothing was published (--probe)");
    if (amqp->version != NULL)
        dr_line_figure(&line, "%s %s", amqp->product != NULL ? amqp->product : "version",
                       amqp->version);
    dr_line_end(&line, judge->result, asked->label);
}

static void say_trips(struct judge *judge, const struct trips *trips)
{
    char time[DR_UNIT_TEXT];
    char why[REASON_TEXT];
    size_t asked = judge->evidence->count;
    if (trips->state == DR_CRITICAL)
        say(judge, DR_CRITICAL, 0, "a message published on %s does not get through", trips->broken);
    else if (trips->broken != NULL)
        say(judge, trips->state, 0, "cannot tell whether %s takes messages", trips->broken);
    else if (trips->answered == 0)
        say(judge, DR_UNKNOWN, 0, "no AMQP listener of %zu could be asked%s", asked,
            why_unanswered(judge, why, sizeof why));
    else if (trips->probed > 0)
        say(judge, DR_OK, 0, "published on %zu of %zu listeners, confirmed within %s",
            trips->answered, asked, time_words(trips->slowest, time, sizeof time));
    else
        say(judge, DR_OK, 0, "%zu of %zu AMQP listeners take log-ins", trips->answered, asked);
}

void judge_amqp(struct judge *judge)
{
    struct trips trips = {.broken = NULL};
    for (size_t i = 0; i < judge->evidence->count; i++) {
        if (judge->evidence->asked[i].answered)
            judge_listener(judge, &judge->evidence->asked[i], &trips);
    }
    say_trips(judge, &trips);
}
