/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/rabbitmq_list.h"

#include "common/client/json_stream.h"
#include "plugins/queues/rabbitmq_policies.h"
#include "plugins/queues/rabbitmq_queues.h"
#include "plugins/queues/rabbitmq_read.h"
#include "plugins/queues/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPLY_MAX ((size_t)8 * 1024 * 1024)
#define LISTING_MAX ((size_t)1024 * 1024 * 1024)
#define ELEMENT_MAX ((size_t)1024 * 1024)
/* What the list may take of the time that is left: something must remain to report it. */
#define LIST_SHARE 0.95
/* From here on a quorum queue has no messages by its figures until its first tick. */
#define EMPTY_AT_FIRST 4
static const char totals_path[] = "queues?disable_stats=true&enable_queue_totals=true";
/* Queues that are asked for one by one: more of them stay unknown. */
#define SINGLES_MAX 200
/* A queue that has just got its leader tells its figures with its next tick. */
#define TICK_WAIT 2.0
#define TICK_STEP 0.25

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- questions ---- */

static const char *const stages[QUE_QUESTIONS] = {
    [QUE_ASK_OVERVIEW] = "ask for the overview",
    [QUE_ASK_NODES] = "ask for the nodes",
    [QUE_ASK_ALARMS] = "ask for alarms",
    [QUE_ASK_CERTIFICATES] = "ask for certificates",
    [QUE_ASK_QUEUES] = "list the queues",
    [QUE_ASK_FIGURES] = "ask for the queues' figures",
    [QUE_ASK_POLICIES] = "list the policies",
    [QUE_ASK_OPERATOR_POLICIES] = "list the operator policies",
    [QUE_ASK_VHOSTS] = "list the virtual hosts",
    [QUE_ASK_SHOVELS] = "list the shovels",
    [QUE_ASK_DEFINED] = "list the shovels that are defined",
    [QUE_ASK_FEDERATION] = "list the federation links",
    [QUE_ASK_TOTALS] = "ask for the queues' totals",
};

static void tell_refusal(const struct dr_http_reply *reply, struct que_reply *told)
{
    struct dr_rabbitmq_refusal refusal;
    dr_rabbitmq_read_refusal(dr_buffer_text(&reply->body), &refusal);
    const char *reason = refusal.reason[0] != '\0' ? refusal.reason : refusal.code;
    told->answer = reply->status == 404                           ? QUE_ABSENT
                   : reply->status == 401 || reply->status == 403 ? QUE_REFUSED
                                                                  : QUE_FAILED;
    if (told->answer != QUE_ABSENT)
        snprintf(told->text, sizeof told->text, "HTTP %ld%s%s", reply->status,
                 reason[0] != '\0' ? ": " : "", reason);
}

static void tell(const struct rabbitmq_question *question, const struct dr_http_reply *reply,
                 bool ok, struct dr_error *error, struct que_reply *told)
{
    *told = (struct que_reply){.answer = QUE_ANSWERED, .seconds = reply->received - reply->sent};
    bool answered = ok && (reply->status == 200 || (question->check && reply->status == 503));
    if (ok && !answered) {
        tell_refusal(reply, told);
        return;
    }
    if (answered && question->take(reply, question->context, error))
        return;
    told->answer = !ok && error->class == DR_ERR_TIMEOUT ? QUE_HUNG : QUE_FAILED;
    snprintf(told->text, sizeof told->text, "%s", error->text);
}

bool rabbitmq_ask(const struct rabbitmq_asker *asker, const struct rabbitmq_question *questions,
                  size_t count, struct que_reply *replies, struct dr_error *error)
{
    struct dr_http_request requests[RABBITMQ_QUESTIONS_MAX] = {{.url = NULL}};
    struct dr_http_reply got[RABBITMQ_QUESTIONS_MAX];
    struct dr_error errors[RABBITMQ_QUESTIONS_MAX];
    char *urls[RABBITMQ_QUESTIONS_MAX] = {NULL};
    bool ok[RABBITMQ_QUESTIONS_MAX], room = true;
    for (size_t i = 0; room && i < count; i++) {
        const struct rabbitmq_question *question = &questions[i];
        room = dr_rabbitmq_access_request(asker->access, question->path, &urls[i], &requests[i]);
        requests[i].stage = stages[question->ask];
        requests[i].body_max = question->sink != NULL ? LISTING_MAX : REPLY_MAX;
        requests[i].sink = question->sink;
        requests[i].sink_context = question->sink_context;
        requests[i].seconds = question->seconds;
    }
    if (room) {
        dr_http_ask_all(asker->http, requests, got, errors, ok, count);
        for (size_t i = 0; i < count; i++) {
            tell(&questions[i], &got[i], ok[i], &errors[i], &replies[questions[i].ask]);
            dr_http_reply_free(&got[i]);
        }
    }
    for (size_t i = 0; i < count; i++)
        free(urls[i]);
    return room || out_of_memory(error);
}

/* ---- the list ---- */

struct list {
    const struct rabbitmq_asker *asker;
    struct que_view *view;
    struct que_roster *roster;
    struct dr_json_stream listed;
    struct dr_json_stream figured;
    struct dr_json_stream summed;
    struct que_roster *sums; /* the totals beside all figures; NULL: not asked */
    struct rabbitmq_policies policies;
    struct rabbitmq_policies operators;
    struct dr_opt_real date; /* the server's, with the figures */
    bool totals;             /* only these, not all figures */
};

static bool end_listed(const struct dr_http_reply *reply, void *context, struct dr_error *error)
{
    struct list *list = context;
    (void)reply;
    list->roster->complete = dr_json_stream_end(&list->listed, error);
    return list->roster->complete;
}

static bool end_figured(const struct dr_http_reply *reply, void *context, struct dr_error *error)
{
    struct list *list = context;
    list->date = reply->date;
    list->roster->figured = dr_json_stream_end(&list->figured, error);
    list->roster->exact = list->roster->figured && !list->totals;
    return list->roster->figured;
}

static bool end_summed(const struct dr_http_reply *reply, void *context, struct dr_error *error)
{
    struct list *list = context;
    (void)reply;
    return dr_json_stream_end(&list->summed, error);
}

static bool take_policies(const struct dr_http_reply *reply, void *context, struct dr_error *error)
{
    return rabbitmq_read_policies(dr_buffer_text(&reply->body), context, error);
}

static bool take_vhosts(const struct dr_http_reply *reply, void *context, struct dr_error *error)
{
    return rabbitmq_read_vhosts(dr_buffer_text(&reply->body), context, error);
}

static bool take_shovels(const struct dr_http_reply *reply, void *context, struct dr_error *error)
{
    return rabbitmq_read_links(dr_buffer_text(&reply->body), "shovel", context, error);
}

static bool take_defined(const struct dr_http_reply *reply, void *context, struct dr_error *error)
{
    return rabbitmq_read_defined(dr_buffer_text(&reply->body), context, error);
}

static bool take_federation(const struct dr_http_reply *reply, void *context,
                            struct dr_error *error)
{
    return rabbitmq_read_links(dr_buffer_text(&reply->body), "federation", context, error);
}

/* All figures of every queue cost the server 20 times as much as the listing. Where it has not even
 * said how many there are, it has enough to do. */
static bool wants_totals(const struct que_request *request, const struct que_view *view)
{
    if (view->stats_disabled || request->detail != QUE_DETAIL_AUTO)
        return view->stats_disabled || request->detail == QUE_DETAIL_TOTALS;
    return !view->queues.known || view->queues.value > QUE_DETAIL_QUEUES;
}

/* A version that was not said may be one of these. */
static bool is_empty_at_first(const struct que_view *view)
{
    return view->version == NULL || strtol(view->version, NULL, 10) >= EMPTY_AT_FIRST;
}

static bool ask_list(struct list *list, struct dr_error *error)
{
    const struct que_request *request = dr_task_request(list->asker->task);
    double seconds = dr_task_left(list->asker->task) * LIST_SHARE;
    char columns[1024];
    snprintf(columns, sizeof columns, "queues?columns=%s", rabbitmq_queue_columns);
    const char *figures = list->totals ? totals_path : columns;
    struct rabbitmq_question questions[RABBITMQ_QUESTIONS_MAX] = {
        {QUE_ASK_QUEUES, "queues?disable_stats=true", end_listed, list, dr_json_stream_push,
         &list->listed, .seconds = seconds},
        {QUE_ASK_FIGURES, figures, end_figured, list, dr_json_stream_push, &list->figured,
         .seconds = seconds},
        {QUE_ASK_POLICIES, "policies", take_policies, &list->policies, .seconds = seconds},
        {QUE_ASK_OPERATOR_POLICIES, "operator-policies", take_policies, &list->operators,
         .seconds = seconds},
        {QUE_ASK_VHOSTS, "vhosts?columns=name", take_vhosts, list->view, .seconds = seconds},
        {QUE_ASK_SHOVELS, "shovels", take_shovels, list->view, .seconds = seconds},
        /* Names alone: the whole has the passwords of other brokers in it. */
        {QUE_ASK_DEFINED, "parameters/shovel?columns=name,vhost", take_defined, list->view,
         .seconds = seconds},
        {QUE_ASK_FEDERATION, "federation-links", take_federation, list->view, .seconds = seconds},
    };
    size_t count = request->links ? 8 : 5;
    if (list->sums != NULL)
        questions[count++] =
            (struct rabbitmq_question){QUE_ASK_TOTALS,      totals_path,   end_summed,        list,
                                       dr_json_stream_push, &list->summed, .seconds = seconds};
    dr_task_stage(list->asker->task, "list the queues");
    return rabbitmq_ask(list->asker, questions, count, list->view->replies, error);
}

/* ---- one by one ---- */

static bool take_single(const struct dr_http_reply *reply, void *context, struct dr_error *error)
{
    return rabbitmq_take_figured(context, dr_buffer_text(&reply->body), reply->body.size, error);
}

/* The questions of one round; what came of each is told nowhere: the queue knows more, or not. */
struct round {
    struct rabbitmq_question questions[RABBITMQ_QUESTIONS_MAX];
    struct que_reply replies[QUE_QUESTIONS];
    char *paths[RABBITMQ_QUESTIONS_MAX];
    size_t count;
};

static bool ask_round(struct list *list, struct round *round, struct dr_error *error)
{
    bool ok = round->count == 0 ||
              rabbitmq_ask(list->asker, round->questions, round->count, round->replies, error);
    for (size_t i = 0; i < round->count; i++)
        free(round->paths[i]);
    round->count = 0;
    return ok;
}

static bool add_single(struct list *list, struct round *round, const struct que_queue *queue,
                       struct dr_error *error)
{
    struct dr_buffer path = DR_BUFFER(8192);
    dr_buffer_add(&path, "queues/");
    dr_http_encode(&path, que_vhost_name(list->roster, queue));
    dr_buffer_add_char(&path, '/');
    dr_http_encode(&path, queue->name);
    dr_buffer_addf(&path, "?columns=%s", rabbitmq_queue_columns);
    char *text = dr_buffer_take(&path);
    if (text == NULL)
        return out_of_memory(error);
    round->paths[round->count] = text;
    round->questions[round->count++] =
        (struct rabbitmq_question){.ask = QUE_ASK_FIGURES,
                                   .path = text,
                                   .take = take_single,
                                   .context = list->roster,
                                   .seconds = dr_task_left(list->asker->task) * LIST_SHARE};
    return true;
}

typedef bool choose_queue(const struct que_queue *queue);

static bool ask_singles(struct list *list, choose_queue *choose, struct dr_error *error)
{
    struct round round = {.count = 0};
    bool ok = true;
    size_t asked = 0;
    for (size_t i = 0; ok && asked < SINGLES_MAX && i < list->roster->count; i++) {
        const struct que_queue *queue = que_roster_at(list->roster, i);
        if (!choose(queue))
            continue;
        asked++;
        ok = add_single(list, &round, queue, error);
        if (ok && round.count == RABBITMQ_QUESTIONS_MAX)
            ok = ask_round(list, &round, error);
    }
    return ask_round(list, &round, error) && ok;
}

/* Neither the listing nor the totals say where the members of a stream are. */
static bool lacks_members(const struct que_queue *queue)
{
    return (queue->kind == QUE_STREAM || queue->kind == QUE_QUORUM) &&
           (queue->traits & QUE_INSYNC_KNOWN) == 0;
}

static bool has_fresh(const struct que_roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        if (rabbitmq_is_fresh(que_roster_at(roster, i)))
            return true;
    }
    return false;
}

/* Their next tick is up to five seconds away: those that have had it in two are enough to make a
 * restart of a node look less bad, and the others stay unknown. */
static bool ask_fresh(struct list *list, struct dr_error *error)
{
    const struct timespec step = {.tv_nsec = (long)(TICK_STEP * 1e9)};
    double end = dr_monotonic() + TICK_WAIT;
    if (!has_fresh(list->roster))
        return true;
    dr_task_stage(list->asker->task, "wait for new leaders");
    while (dr_monotonic() < end && dr_task_left(list->asker->task) > TICK_WAIT)
        nanosleep(&step, NULL);
    return ask_singles(list, rabbitmq_is_fresh, error);
}

/* ---- all of it ---- */

static bool complete(struct list *list, struct dr_error *error)
{
    const struct que_reply *replies = list->view->replies;
    bool known = replies[QUE_ASK_POLICIES].answer == QUE_ANSWERED;
    bool operators = replies[QUE_ASK_OPERATOR_POLICIES].answer == QUE_ANSWERED;
    if (list->totals && !ask_singles(list, lacks_members, error))
        return false;
    if (!list->totals && list->roster->figured && !ask_fresh(list, error))
        return false;
    if (list->sums != NULL)
        rabbitmq_raise_figures(list->roster, list->sums);
    if (known && !rabbitmq_apply_policies(list->roster, &list->policies,
                                          operators ? &list->operators : NULL))
        return out_of_memory(error);
    rabbitmq_age_heads(list->roster, list->date);
    rabbitmq_settle_links(list->view);
    return true;
}

/* Nodes that hold no queue are nodes, too: what they are called, and what dies with them. */
static void name_nodes(struct que_roster *roster, const struct que_view *view)
{
    for (size_t i = 0; i < view->member_count; i++)
        que_roster_node(roster, view->members[i].name);
}

static bool take_list(struct list *list, struct dr_error *error)
{
    double begun = dr_monotonic();
    name_nodes(list->roster, list->view);
    dr_json_stream_start(&list->listed, ELEMENT_MAX, rabbitmq_take_listed, list->roster);
    dr_json_stream_start(&list->figured, ELEMENT_MAX,
                         list->totals ? rabbitmq_take_totals : rabbitmq_take_figured, list->roster);
    dr_json_stream_start(&list->summed, ELEMENT_MAX, rabbitmq_take_totals, list->sums);
    bool ok = ask_list(list, error);
    list->roster->elapsed = dr_monotonic() - begun;
    if (ok && list->roster->complete)
        ok = complete(list, error);
    dr_json_stream_free(&list->listed);
    dr_json_stream_free(&list->figured);
    dr_json_stream_free(&list->summed);
    rabbitmq_policies_free(&list->policies);
    rabbitmq_policies_free(&list->operators);
    return ok;
}

/* Also those on which no queue lives: they can die like others. */
static bool add_nodes(struct list *list, struct dr_error *error)
{
    for (size_t i = 0; i < list->view->member_count; i++) {
        if (que_roster_node(list->roster, list->view->members[i].name) < 0)
            return dr_error_set(error, DR_ERR_PROTOCOL, "more than %d nodes", QUE_NODES_MAX);
    }
    return true;
}

bool rabbitmq_take_list(const struct rabbitmq_asker *asker, struct que_facts *facts, bool *taken,
                        struct dr_error *error)
{
    struct list list = {.asker = asker, .view = &facts->view, .roster = que_roster_new()};
    list.totals = wants_totals(dr_task_request(asker->task), &facts->view);
    bool summed = !list.totals && is_empty_at_first(&facts->view);
    list.sums = summed ? que_roster_new() : NULL;
    bool ok = (list.roster != NULL && (list.sums != NULL || !summed)) || out_of_memory(error);
    ok = ok && take_list(&list, error) && add_nodes(&list, error);
    que_roster_free(list.sums);
    *taken = ok && list.roster->complete;
    if (*taken) {
        facts->roster = list.roster;
        dr_task_trace(asker->task, 1, "%zu queues in %.3f s, figures: %s", list.roster->count,
                      list.roster->elapsed,
                      list.roster->exact     ? "all"
                      : list.roster->figured ? "totals"
                                             : "none");
    } else {
        que_roster_free(list.roster);
    }
    return ok;
}
