/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is the list of queues the whole list, and are its figures there? */
#include "plugins/queues/judge_parts.h"

#include <string.h>

static const char *user_of(const struct judge *judge)
{
    const char *user = judge->lister->facts->view.user;
    return user != NULL ? user : "USER";
}

/* Why nobody gave the list: the reply of the target that came farthest. */
static void judge_no_roster(struct judge *judge)
{
    const char *why = NULL;
    const char *who = NULL;
    char text[REASON_TEXT];
    for (size_t i = 0; i < judge->evidence->count; i++) {
        const struct que_asked *asked = &judge->evidence->asked[i];
        const struct que_reply *reply =
            asked->facts != NULL ? &asked->facts->view.replies[QUE_ASK_QUEUES] : NULL;
        if (reply == NULL || reply->answer == QUE_NOT_ASKED || reply->answer == QUE_ANSWERED)
            continue;
        who = asked->label;
        why = reply->text[0] != '\0' ? reply->text : "no answer in time";
    }
    if (why != NULL)
        dr_result_add(judge->result, DR_UNKNOWN, who, "gave no list of queues: %s", why);
    say(judge, DR_UNKNOWN, 0, "cannot tell what would be lost: no node gave its list of queues%s",
        why_unanswered(judge, text, sizeof text));
}

/* Queues of the list that the server counts in object_totals: all but the classic ones whose node
 * is down. */
static size_t count_listed(const struct judge *judge)
{
    size_t count = 0;
    for (size_t i = 0; i < judge->roster->count; i++) {
        const struct que_queue *queue = que_roster_at(judge->roster, i);
        bool away = queue->kind == QUE_CLASSIC && queue->state == QUE_DOWN;
        if ((queue->traits & QUE_LISTED) && !away)
            count++;
    }
    return count;
}

static bool has_queue_of(const struct judge *judge, const char *vhost)
{
    for (size_t i = 0; i < judge->roster->vhost_count; i++) {
        if (strcmp(judge->roster->vhosts[i], vhost) == 0)
            return true;
    }
    return false;
}

/* Virtual hosts that show no queue: where a permission may be missing. */
static void silent_vhosts(const struct judge *judge, struct dr_buffer *out)
{
    const struct que_view *view = &judge->lister->facts->view;
    for (size_t i = 0; i < view->vhost_count; i++) {
        if (!has_queue_of(judge, view->vhosts[i]))
            dr_buffer_addf(out, "%s%s", out->size > 0 ? ", " : "", view->vhosts[i]);
    }
}

static void judge_missing(struct judge *judge, size_t seen, long long there)
{
    struct dr_buffer vhosts = DR_BUFFER(200);
    judge->partial = true;
    if (!judge->evidence->asked->reference)
        say(judge, DR_UNKNOWN, 0,
            "cannot tell what would be lost: %s may see only %zu of %lld queues", user_of(judge),
            seen, there);
    silent_vhosts(judge, &vhosts);
    struct dr_finding *finding =
        dr_result_add(judge->result, DR_UNKNOWN, subject_of(judge, "queues"),
                      "%s may see only %zu of the %lld that there are%s%s", user_of(judge), seen,
                      there, vhosts.size > 0 ? "; no queue is shown of the virtual hosts " : "",
                      dr_buffer_text(&vhosts));
    dr_finding_next(finding,
                    "rabbitmqctl set_permissions -p VHOST %s '^$' '^$' '^$' for each: it "
                    "grants sight and nothing else",
                    user_of(judge));
    end_text(judge, &vhosts);
}

static void judge_totals(struct judge *judge)
{
    const struct que_view *view = &judge->lister->facts->view;
    size_t seen = count_listed(judge);
    judge->partial = !view->queues.known;
    if (judge->partial && !judge->evidence->asked->reference)
        say(judge, DR_UNKNOWN, 0,
            "cannot tell what would be lost: how many queues there are is not known");
    if (judge->partial)
        dr_result_add(judge->result, DR_UNKNOWN, subject_of(judge, "queues"),
                      "%zu were seen, but not how many there are: the list may not be all", seen);
    else if (view->queues.value == 0 && judge->roster->count == 0)
        dr_result_add(judge->result, DR_OK, subject_of(judge, "queues"),
                      "there are none, as the broker's own count says");
    else if ((long long)seen < view->queues.value)
        judge_missing(judge, seen, (long long)view->queues.value);
}

static void judge_figures(struct judge *judge)
{
    const struct que_reply *reply = lister_reply(judge, QUE_ASK_FIGURES);
    if (judge->roster->figured)
        return;
    struct dr_finding *finding =
        dr_result_add(judge->result, DR_UNKNOWN, subject_of(judge, "queues"),
                      "where their copies are is known, but not how many messages they hold%s%s",
                      reply->text[0] != '\0' ? ": " : "", reply->text);
    if (reply->answer == QUE_HUNG && !judge->frozen)
        dr_finding_next(finding, "a longer --timeout, or --detail totals, which costs the broker "
                                 "less");
}

/* A pattern of the user that nothing matches is a mistake, or a queue that is gone. */
static void judge_selected(struct judge *judge)
{
    size_t selected = judge->roster->count - judge->in_scope[SCOPE_LEFT_OUT];
    if (judge->rules->selected && selected == 0)
        dr_result_add(judge->result, DR_UNKNOWN, subject_of(judge, "queues"),
                      "none of %zu is selected by --include and --vhost", judge->roster->count);
    if (judge->in_scope[SCOPE_AUTOMATIC] > 0)
        dr_finding_detail(dr_result_add(judge->result, DR_OK, subject_of(judge, "queues"),
                                        "%zu are not meant to last and are left out",
                                        judge->in_scope[SCOPE_AUTOMATIC]),
                          "exclusive, deleted with their consumer, not durable, or named for "
                          "replies; --all-queues "
                          "takes them in");
}

void judge_proof(struct judge *judge)
{
    if (judge->roster == NULL) {
        judge_no_roster(judge);
        return;
    }
    judge_totals(judge);
    judge_figures(judge);
    judge_selected(judge);
}
