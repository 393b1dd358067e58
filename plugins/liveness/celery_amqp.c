/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for Celery's workers behind RabbitMQ.
 *
 * It asks them through remote control, as "celery inspect" does: a queue of our own for the
 * replies, which is exclusive to the connection and gone with it, and the questions into the
 * exchange from which each worker has a copy. The exchange for replies is declared where nobody has
 * asked before; it stays, as it does after any other question.
 *
 * Who is there cannot be seen, only who answers: neither the exchange nor the broker tells how many
 * have heard a question. What can be seen is how many take from a queue: more than have answered
 * are busy (a solo pool), or wedged. And whether anybody has heard it: a message that no queue has
 * is returned. */
#include "common/client/amqp.h"
#include "common/client/kombu.h"
#include "common/module.h"
#include "plugins/liveness/celery_report.h"
#include "plugins/liveness/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BODY_MAX (2 * 1024 * 1024)
#define RECEIVE_MAX ((size_t)16 * 1024 * 1024)
/* How long it is waited for one more answer: what "celery inspect" waits. */
#define QUIET_SECONDS 1.0
/* Of the time, what is kept for the queues. */
#define RESERVE_SHARE 0.3

struct probe {
    struct dr_task *task;
    const struct liv_request *request;
    struct liv_facts *facts;
    struct dr_error *error;
    struct dr_amqp amqp;
    struct liv_celery_exchanges exchanges;
    struct liv_celery_us us;
    struct liv_celery_seen seen;
    char name[160];  /* of the connection */
    char queue[160]; /* of the replies */
    amqp_channel_t channel;
    double asked_at; /* monotonic */
    double heard_at; /* the last answer came, monotonic */
    double watch;    /* the second look comes so much later, seconds; 0: there is none, any more */
    unsigned acks;
    bool returned; /* the message that the next content belongs to */
    bool routed;   /* somebody has heard the question */
    bool counting; /* the channel for counting is open */
    bool late;     /* something was not answered: no goodbye would be */
};

static const struct dr_uri *uri_of(const struct probe *probe)
{
    return &dr_task_target(probe->task)->uri;
}

/* As in AMQP's URIs: "/%2F" is "/", "/orders" is "orders". */
static const char *vhost_of(const struct probe *probe)
{
    const char *path = uri_of(probe)->path;
    return path[0] == '/' && path[1] != '\0' ? path + 1 : "/";
}

static double wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- how it ends ---- */

/* Without "|", which no output of a check may hold. */
static bool fail_closed(struct probe *probe, const char *what)
{
    const struct dr_amqp *amqp = &probe->amqp;
    const char *user = uri_of(probe)->user != NULL ? uri_of(probe)->user : "guest";
    if (amqp->code != AMQP_ACCESS_REFUSED)
        return dr_error_set(probe->error, DR_ERR_SERVER, "%s: %d %s", what, amqp->code, amqp->text);
    return dr_error_set(
        probe->error, DR_ERR_PRIVILEGE,
        "%s is not allowed; allow it: rabbitmqctl set_permissions -p '%.60s' '%.60s' "
        "'^(%s)?(dr-plugins-.*)?$' '^(%s)?(dr-plugins-.*)?$' '^(%s)?(dr-plugins-.*)?$'",
        what, vhost_of(probe), user, probe->exchanges.reply, probe->exchanges.control,
        probe->exchanges.reply);
}

static bool fail_blocked(struct probe *probe)
{
    return dr_error_set(probe->error, DR_ERR_SERVER,
                        "the broker takes no messages from anybody: %s",
                        probe->amqp.blocked != NULL ? probe->amqp.blocked : "");
}

/* True for what was waited for. False with the error set, but for a channel that was closed with a
 * `closed` that is not NULL. */
static bool goes_on(struct probe *probe, enum dr_amqp_event event, const char *what, bool *closed)
{
    switch (event) {
    case DR_AMQP_METHOD:
    case DR_AMQP_CONTENT:
        return true;
    case DR_AMQP_BLOCKED:
        return fail_blocked(probe);
    case DR_AMQP_CLOSED:
        if (closed == NULL)
            return fail_closed(probe, what);
        *closed = true;
        return false;
    case DR_AMQP_LATE:
        probe->late = true;
        break;
    case DR_AMQP_FAILED:
        break;
    }
    return false;
}

static bool ask(struct probe *probe, amqp_method_number_t id, void *fields,
                amqp_method_number_t reply, const char *what, bool *closed)
{
    return goes_on(probe, dr_amqp_ask(&probe->amqp, probe->channel, id, fields, reply, 0, what),
                   what, closed);
}

static bool open_channel(struct probe *probe)
{
    amqp_channel_open_t open = {.out_of_band = amqp_empty_bytes};
    return ask(probe, AMQP_CHANNEL_OPEN_METHOD, &open, AMQP_CHANNEL_OPEN_OK_METHOD,
               "open a channel", NULL);
}

/* ---- a place for the answers ---- */

/* Where it is there it is not touched: its settings differ by version. */
static bool declare_exchange(struct probe *probe)
{
    amqp_exchange_declare_t fields = {.exchange = amqp_cstring_bytes(probe->exchanges.reply),
                                      .type = amqp_cstring_bytes("direct"),
                                      .passive = 1};
    bool closed = false;
    if (ask(probe, AMQP_EXCHANGE_DECLARE_METHOD, &fields, AMQP_EXCHANGE_DECLARE_OK_METHOD,
            "look for the exchange of replies", &closed))
        return true;
    if (!closed)
        return false;
    if (probe->amqp.code != AMQP_NOT_FOUND)
        return fail_closed(probe, "looking for the exchange of replies");
    fields.passive = 0;
    return open_channel(probe) &&
           ask(probe, AMQP_EXCHANGE_DECLARE_METHOD, &fields, AMQP_EXCHANGE_DECLARE_OK_METHOD,
               "declaring the exchange of replies", NULL);
}

static bool declare_queue(struct probe *probe)
{
    amqp_queue_declare_t declare = {
        .queue = amqp_cstring_bytes(probe->queue), .exclusive = 1, .auto_delete = 1};
    amqp_queue_bind_t bind = {.queue = declare.queue,
                              .exchange = amqp_cstring_bytes(probe->exchanges.reply),
                              .routing_key = amqp_cstring_bytes(probe->us.oid)};
    amqp_basic_consume_t consume = {.queue = declare.queue, .no_ack = 1, .exclusive = 1};
    amqp_confirm_select_t confirm = {.nowait = 0};
    return ask(probe, AMQP_QUEUE_DECLARE_METHOD, &declare, AMQP_QUEUE_DECLARE_OK_METHOD,
               "declaring a queue for replies", NULL) &&
           ask(probe, AMQP_QUEUE_BIND_METHOD, &bind, AMQP_QUEUE_BIND_OK_METHOD,
               "binding the queue for replies", NULL) &&
           ask(probe, AMQP_BASIC_CONSUME_METHOD, &consume, AMQP_BASIC_CONSUME_OK_METHOD,
               "taking replies", NULL) &&
           ask(probe, AMQP_CONFIRM_SELECT_METHOD, &confirm, AMQP_CONFIRM_SELECT_OK_METHOD,
               "ask for confirms", NULL);
}

/* ---- questions ---- */

static bool add_question(struct probe *probe, enum liv_celery_method method)
{
    struct dr_buffer body = DR_BUFFER(DR_AMQP_FRAME_MAX / 2);
    amqp_table_entry_t headers[] = {
        {.key = amqp_cstring_bytes("clock"),
         .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = 1}},
        {.key = amqp_cstring_bytes("expires"),
         .value = {.kind = AMQP_FIELD_KIND_F64,
                   .value.f64 = wall_clock() + dr_task_left(probe->task)}}};
    amqp_basic_publish_t fields = {.exchange = amqp_cstring_bytes(probe->exchanges.control),
                                   .mandatory = 1};
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG |
                  AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG,
        .content_type = amqp_cstring_bytes("application/json"),
        .content_encoding = amqp_cstring_bytes("utf-8"),
        .headers = {.num_entries = 2, .entries = headers},
        .delivery_mode = 1};
    bool ok = liv_celery_write(method, &probe->exchanges, &probe->us, NULL, &body) ||
              dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
    ok = ok && dr_amqp_add(&probe->amqp, probe->channel, AMQP_BASIC_PUBLISH_METHOD, &fields) &&
         dr_amqp_add_content(&probe->amqp, probe->channel, &properties, dr_buffer_text(&body));
    dr_buffer_free(&body);
    return ok;
}

/* ---- answers ---- */

/* One that cannot be read is the fault of whoever sent it: that worker has not answered. */
static void take_answer(struct probe *probe, struct liv_celery_look *look)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    const char *body = dr_buffer_text(&probe->amqp.body);
    enum liv_celery_method method;
    bool ok = liv_celery_method_of(&probe->us, probe->amqp.header, &method) ||
              dr_error_set(&error, DR_ERR_PROTOCOL, "a reply to something else");
    ok = ok && liv_celery_read_reply(&look->fleet, method, body, dr_monotonic() - probe->asked_at,
                                     &error);
    probe->heard_at = dr_monotonic();
    if (ok)
        dr_task_trace(probe->task, 3, "reply: %s", body);
    else
        dr_task_trace(probe->task, 1, "%s", error.text);
}

static void take_method(struct probe *probe)
{
    switch (probe->amqp.method.id) {
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *ack = probe->amqp.method.decoded;
        probe->acks = ack->multiple ? LIV_CELERY_METHODS : probe->acks + 1;
        break;
    }
    case AMQP_BASIC_RETURN_METHOD:
        probe->returned = true;
        break;
    case AMQP_BASIC_DELIVER_METHOD:
        probe->returned = false;
        probe->routed = true;
        break;
    default:
        break;
    }
}

/* Everybody who has answered has answered everything. */
static bool is_whole(const struct liv_celery_fleet *fleet)
{
    for (int i = 1; i < LIV_CELERY_METHODS; i++) {
        if (fleet->answers[i] < fleet->answers[LIV_CELERY_PING])
            return false;
    }
    return fleet->count > 0;
}

/* Waits for what comes, until nothing has come for a while. */
static bool collect(struct probe *probe, struct liv_celery_look *look, double until)
{
    unsigned returns = 0;
    bool closed = false;
    for (;;) {
        double now = dr_monotonic();
        double quiet = probe->heard_at + QUIET_SECONDS;
        bool done = probe->acks >= LIV_CELERY_METHODS && returns >= LIV_CELERY_METHODS;
        if (done || now >= until || (is_whole(&look->fleet) && now >= quiet))
            break;
        double end = is_whole(&look->fleet) && quiet < until ? quiet : until;
        enum dr_amqp_event event =
            dr_amqp_wait(&probe->amqp, probe->channel, end, "wait for the workers");
        if (event == DR_AMQP_LATE) {
            *probe->error = (struct dr_error){.class = DR_ERR_NONE};
            continue;
        }
        if (!goes_on(probe, event, "asking the workers", &closed)) {
            /* The exchange comes with the first worker, and stays. */
            return closed && probe->amqp.code == AMQP_NOT_FOUND
                       ? open_channel(probe)
                       : closed && fail_closed(probe, "asking the workers");
        }
        if (event == DR_AMQP_METHOD)
            take_method(probe);
        else if (probe->returned)
            returns++;
        else
            take_answer(probe, look);
    }
    probe->routed = probe->routed || (probe->acks > 0 && returns < LIV_CELERY_METHODS);
    return true;
}

/* ---- queues ---- */

static bool note_queues(struct probe *probe, struct liv_celery_look *look)
{
    const struct dr_text_list *named = &probe->request->queues;
    for (size_t i = 0; i < named->count; i++) {
        struct liv_celery_queue *queue = liv_celery_take_queue(look, named->items[i]);
        if (queue == NULL)
            return dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
        queue->named = true;
    }
    for (size_t i = 0; named->count == 0 && i < look->fleet.count; i++) {
        const struct liv_celery_worker *worker = &look->fleet.workers[i];
        for (size_t k = 0; k < worker->queue_count; k++) {
            if (liv_celery_take_queue(look, worker->queues[k]) == NULL)
                return dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
        }
    }
    look->queues_known = true;
    return true;
}

/* A quorum queue without a leader says that nothing is in it and nobody takes from it: what the
 * workers contradict is not known. */
static void take_counts(const struct liv_celery_look *look, struct liv_celery_queue *queue,
                        const amqp_queue_declare_ok_t *counts)
{
    size_t takers = 0;
    for (size_t i = 0; i < look->fleet.count; i++)
        takers += liv_celery_takes_from(&look->fleet.workers[i], queue->name) ? 1 : 0;
    queue->there = true;
    if (counts->consumer_count == 0 && takers > 0)
        return;
    queue->waiting = dr_real(counts->message_count);
    queue->consumers = dr_real(counts->consumer_count);
    /* Which one is next cannot be seen. That it is another one is told by what was done. */
    queue->head = counts->message_count > 0 ? 1 : 0;
}

static bool look_at_queue(struct probe *probe, struct liv_celery_look *look,
                          struct liv_celery_queue *queue)
{
    bool closed = false;
    amqp_queue_declare_t fields = {.queue = amqp_cstring_bytes(queue->name), .passive = 1};
    if (strlen(queue->name) > DR_AMQP_SHORT_MAX || queue->name[0] == '\0')
        return dr_error_set(probe->error, DR_ERR_USAGE, "--queue: a name has 1 to %d characters",
                            DR_AMQP_SHORT_MAX);
    if (ask(probe, AMQP_QUEUE_DECLARE_METHOD, &fields, AMQP_QUEUE_DECLARE_OK_METHOD,
            "count the tasks", &closed)) {
        take_counts(look, queue, probe->amqp.method.decoded);
        return true;
    }
    if (!closed)
        return false;
    dr_task_trace(probe->task, 1, "queue %s: %d %s", queue->name, probe->amqp.code,
                  probe->amqp.text);
    /* "home node ... of durable queue ... is down": it is there, and nobody can get at it. */
    queue->there = probe->amqp.code != AMQP_NOT_FOUND ||
                   strstr(probe->amqp.text, "down or inaccessible") != NULL;
    return open_channel(probe);
}

static bool look_at_queues(struct probe *probe, struct liv_celery_look *look)
{
    if (!note_queues(probe, look))
        return false;
    probe->channel++; /* one of its own: the server closes it for each queue that is not there */
    bool ok = probe->counting || open_channel(probe);
    probe->counting = ok;
    for (size_t i = 0; ok && i < look->queue_count; i++)
        ok = look_at_queue(probe, look, &look->queues[i]);
    probe->channel--;
    return ok;
}

/* ---- the source ---- */

static bool publish(struct probe *probe)
{
    for (int i = 0; i < LIV_CELERY_METHODS; i++) {
        if (!add_question(probe, (enum liv_celery_method)i))
            return false;
    }
    probe->acks = 0;
    probe->asked_at = probe->heard_at = dr_monotonic();
    return true;
}

static bool look(struct probe *probe, struct liv_celery_look *look, double share)
{
    double budget = (dr_task_left(probe->task) - probe->watch) * (1 - RESERVE_SHARE) * share;
    double started = dr_monotonic();
    look->at = look->now = wall_clock();
    if (!publish(probe) || !collect(probe, look, started + budget))
        return false;
    probe->seen.patience = dr_monotonic() - started;
    dr_task_trace(probe->task, 1, "%u answers to the ping within %.1f ms",
                  look->fleet.answers[LIV_CELERY_PING], (probe->heard_at - probe->asked_at) * 1000);
    return look_at_queues(probe, look);
}

/* Answers that come late are taken. */
static bool wait_between(struct probe *probe)
{
    double until = dr_monotonic() + probe->watch;
    probe->heard_at = until;
    return collect(probe, &probe->seen.look, until);
}

static bool look_twice(struct probe *probe)
{
    struct liv_celery_seen *seen = &probe->seen;
    if (!look(probe, &seen->look, 0.5) || !wait_between(probe))
        return false;
    seen->earlier = seen->look;
    seen->look = (struct liv_celery_look){.at = 0};
    seen->twice = true;
    probe->watch = 0;
    liv_celery_ask_anew(&probe->us);
    return look(probe, &seen->look, 1);
}

static bool ask_all(struct probe *probe)
{
    if (dr_task_left(probe->task) < probe->watch + 3 && probe->watch > 0)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "--watch leaves no time: raise --timeout to more than %.0f s",
                            probe->watch + 4);
    probe->channel = 1;
    return dr_amqp_open(&probe->amqp, vhost_of(probe)) && open_channel(probe) &&
           declare_exchange(probe) && declare_queue(probe) &&
           (probe->watch > 0 ? look_twice(probe) : look(probe, &probe->seen.look, 1));
}

static bool check_uri(struct probe *probe)
{
    static const char *const known[] = {"cacert",           "cert", "key", "insecure",
                                        "control_exchange", NULL};
    const struct dr_uri *uri = uri_of(probe);
    bool tls = strcmp(uri->scheme, "celery+amqps") == 0;
    if (!dr_uri_has_only(uri, known, probe->error))
        return false;
    for (size_t i = 0; !tls && i < uri->param_count; i++) {
        if (strcmp(uri->params[i].key, "control_exchange") != 0)
            return dr_error_set(probe->error, DR_ERR_USAGE, "\"%.60s\" is for celery+amqps://",
                                uri->params[i].key);
    }
    if (strlen(vhost_of(probe)) > DR_AMQP_SHORT_MAX)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "the name of the virtual host is longer than 255 bytes");
    return liv_celery_read_exchanges(uri, &probe->exchanges, probe->error) &&
           liv_celery_make_us(&probe->us, wall_clock(), probe->error);
}

static void name_things(struct probe *probe)
{
    char host[120];
    if (gethostname(host, sizeof host) != 0)
        host[0] = '\0';
    host[sizeof host - 1] = '\0';
    snprintf(probe->name, sizeof probe->name, "check_liveness on %s", host);
    snprintf(probe->queue, sizeof probe->queue, "%s.%s", probe->us.oid, probe->exchanges.reply);
}

static void name_broker(struct probe *probe)
{
    char what[120];
    snprintf(what, sizeof what, "Celery on %.60s %.40s",
             probe->amqp.product != NULL ? probe->amqp.product : "AMQP",
             probe->amqp.version != NULL ? probe->amqp.version : "");
    liv_facts_text(probe->facts, &probe->facts->what, what);
}

static bool probe_target(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct probe probe = {.task = task,
                          .request = dr_task_request(task),
                          .facts = facts,
                          .error = error,
                          .amqp = {.task = task,
                                   .error = error,
                                   .body_max = BODY_MAX,
                                   .receive_max = RECEIVE_MAX,
                                   .wanted = "ticket"}};
    probe.facts->product = LIV_CELERY;
    probe.seen.task_limit = probe.request->task_limit;
    probe.watch = probe.request->watch;
    bool ok = check_uri(&probe);
    name_things(&probe);
    probe.amqp.name = probe.name;
    ok = ok && ask_all(&probe);
    name_broker(&probe);
    dr_amqp_close(&probe.amqp, ok && !probe.late);
    if (ok) {
        probe.seen.heard = dr_bool(probe.routed);
        liv_celery_report(&probe.seen, probe.facts);
    }
    liv_celery_seen_free(&probe.seen);
    return ok;
}

static const char *library(void)
{
    static char text[40];
    snprintf(text, sizeof text, "librabbitmq %s", amqp_version());
    return text;
}

extern const struct dr_source DR_SOURCE_SYMBOL(liveness, celeryamqp);
const struct dr_source DR_SOURCE_SYMBOL(liveness, celeryamqp) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "celeryamqp",
    .facts_size = sizeof(struct liv_facts),
    .library = library,
    .probe = probe_target,
};
