/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Azure Queue Storage: how old is the copy in the other region, and does anybody take the messages?
 */
#include "plugins/queues/judge_parts.h"

#include <stdio.h>
#include <string.h>

static void judge_messages(struct judge *judge, const struct que_cloud *cloud, struct dr_line *line)
{
    const struct dr_threshold *limit = &judge->rules->thresholds[QUE_DEQUEUES];
    char age[DR_UNIT_TEXT];
    if (!cloud->count.known)
        dr_line_problem(line, DR_UNKNOWN, "does not say how many messages it has");
    else
        dr_line_figure(line, "about %lld messages", (long long)cloud->count.value);
    if (!cloud->peeked.known)
        dr_line_problem(line, DR_UNKNOWN, "its messages could not be looked at");
    else if (cloud->peeked.value == 0 && cloud->count.known && cloud->count.value > 0)
        dr_line_figure(line, "all of them taken or delayed");
    if (cloud->oldest.known)
        dr_line_figure(line, "the oldest %s old",
                       dr_unit_format(DR_UNIT_SECONDS, cloud->oldest.value, age, sizeof age));
    if (cloud->dequeues.known) {
        dr_line_judge(line, &que_metrics[QUE_DEQUEUES], limit, (double)cloud->dequeues.value,
                      "times that one message was taken:");
        dr_result_figure(judge->result, judge->group, &que_metrics[QUE_DEQUEUES],
                         (double)cloud->dequeues.value, limit);
    }
}

static void judge_poison(struct judge *judge, const struct que_cloud *cloud)
{
    struct dr_line line = DR_LINE;
    const struct dr_threshold *limit = &judge->rules->thresholds[QUE_POISON];
    if (cloud->poison_there.known && !cloud->poison_there.value)
        return;
    if (!cloud->poison.known && judge->rules->poison_limited) {
        dr_line_problem(&line, DR_UNKNOWN, "how many messages were given up is not known");
    } else if (!cloud->poison.known) {
        dr_line_figure(&line, "the queue for messages that were given up may not be looked at");
    } else {
        dr_line_judge(&line, &que_metrics[QUE_POISON], limit, (double)cloud->poison.value,
                      "messages that were given up:");
        dr_line_next(&line, DR_WARNING, "look at the messages in %s-poison, and why they failed",
                     que_roster_at(judge->roster, 0)->name);
        dr_line_figure(&line, "%lld messages given up", (long long)cloud->poison.value);
        dr_result_figure(judge->result, judge->group, &que_metrics[QUE_POISON],
                         (double)cloud->poison.value, limit);
    }
    dr_line_end(&line, judge->result, subject_of(judge, "poison"));
}

static void judge_access(struct judge *judge, const struct que_cloud *cloud)
{
    struct dr_line line = DR_LINE;
    char left[DR_UNIT_TEXT];
    const struct dr_threshold *limit = &judge->rules->thresholds[QUE_SAS_LEFT];
    if (!cloud->sas_left.known)
        return;
    dr_line_figure(&line, "the shared access signature expires in %s",
                   dr_unit_format(DR_UNIT_SECONDS, cloud->sas_left.value, left, sizeof left));
    dr_line_judge(&line, &que_metrics[QUE_SAS_LEFT], limit, cloud->sas_left.value,
                  "the shared access signature expires in");
    dr_line_next(&line, DR_WARNING, "make a new one; without it this check is blind");
    dr_result_figure(judge->result, judge->group, &que_metrics[QUE_SAS_LEFT], cloud->sas_left.value,
                     limit);
    dr_line_end(&line, judge->result, subject_of(judge, "access"));
}

/* "(RPO 15m)" where it was given. */
static const char *objective(const struct judge *judge, char *text, size_t size)
{
    char rpo[DR_UNIT_TEXT];
    text[0] = '\0';
    if (judge->rules->rpo.known)
        snprintf(text, size, " (RPO %s)",
                 dr_unit_format(DR_UNIT_SECONDS, judge->rules->rpo.value, rpo, sizeof rpo));
    return text;
}

static void say_copy(struct judge *judge, const struct que_asked *asked,
                     const struct que_cloud *cloud)
{
    char age[DR_UNIT_TEXT];
    char rpo[64];
    const struct dr_threshold *limit = &judge->rules->thresholds[QUE_SYNC_AGE];
    if (strcmp(cloud->geo_status, "live") != 0)
        say(judge, strcmp(cloud->geo_status, "bootstrap") == 0 ? DR_WARNING : DR_CRITICAL, 0,
            "%s has no copy in another region now: its replication is %s%s", asked->label,
            cloud->geo_status, objective(judge, rpo, sizeof rpo));
    else if (!cloud->sync_age.known)
        say(judge, DR_UNKNOWN, 0, "cannot tell how old the copy of %s in the other region is%s",
            asked->label, objective(judge, rpo, sizeof rpo));
    else {
        say(judge, dr_threshold_judge(limit, cloud->sync_age.value), 0,
            "loses up to %s of messages if the region of %s is lost now%s",
            dr_unit_format(DR_UNIT_SECONDS, cloud->sync_age.value, age, sizeof age), asked->label,
            objective(judge, rpo, sizeof rpo));
        dr_result_figure(judge->result, judge->group, &que_metrics[QUE_SYNC_AGE],
                         cloud->sync_age.value, limit);
    }
}

/* No copy that can be seen: an RPO that was asked for is then not shown to be kept. */
static void say_alone(struct judge *judge, const struct que_asked *asked,
                      const struct que_cloud *cloud)
{
    char rpo[64];
    objective(judge, rpo, sizeof rpo);
    const char *why =
        cloud->geo_text[0] != '\0' ? cloud->geo_text : "the account has no readable secondary";
    if (judge->rules->rpo.known || !cloud->geo_absent)
        say(judge, DR_UNKNOWN, 0, "cannot tell what is lost with the region of %s%s: %s",
            asked->label, rpo, why);
    else if (!cloud->count.known)
        say(judge, DR_UNKNOWN, 0, "cannot tell how many messages %s has", asked->label);
    else
        say(judge, DR_OK, 0,
            "%s: about %lld messages; of a copy in another region nothing is known (%s)",
            asked->label, (long long)cloud->count.value, why);
}

void judge_azure(struct judge *judge)
{
    const struct que_asked *asked = judge->evidence->asked;
    const struct que_cloud *cloud = asked->facts != NULL ? &asked->facts->cloud : NULL;
    /* The region is gone, and its copy still tells how old it is. */
    if (!asked->answered && cloud != NULL && cloud->geo_status != NULL) {
        say_copy(judge, asked, cloud);
        return;
    }
    if (!asked->answered || judge->roster == NULL) {
        char why[REASON_TEXT];
        say(judge, DR_UNKNOWN, 0, "cannot tell what is lost with the region of %s%s", asked->label,
            why_unanswered(judge, why, sizeof why));
        return;
    }
    struct dr_line line = DR_LINE;
    judge_messages(judge, cloud, &line);
    if (cloud->geo_status != NULL)
        dr_line_figure(&line, "replication %s", cloud->geo_status);
    dr_line_end(&line, judge->result, asked->label);
    judge_poison(judge, cloud);
    judge_access(judge, cloud);
    if (cloud->geo_status != NULL)
        say_copy(judge, asked, cloud);
    else
        say_alone(judge, asked, cloud);
    judge_queues(judge);
}
