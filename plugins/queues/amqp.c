/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_queue_mirrors, targets of the schemes amqp and amqps: an AMQP listener, and with --probe a
 * message of our own through it.
 *
 * classic: a queue that the server names, exclusive to our connection and gone with it; the message
 * must come back. It proves that this node takes, routes and gives back messages.
 *
 * quorum: one durable queue of our own. The confirm is the proof: it comes when a majority of the
 * members has written the message. Nothing is taken out of that queue, because the messages of
 * other nodes' checks are in it as well; it keeps the last 100, for a minute. It is declared in
 * each run: for a queue that is there this only compares its arguments, so that no message gets
 * into a foreign queue of that name.
 * It removes itself after a week without use, where neither declaring it again nor publishing
 * counts as use (RabbitMQ 3.10: measured): the next run makes it anew. A short time would do harm:
 * a publisher that is at work in that moment is refused, or its connection closed. */
#include "common/client/amqp.h"
#include "common/module.h"
#include "plugins/queues/facts.h"
#include "plugins/queues/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define EXPIRATION "60000"  /* ms */
#define KEPT 100            /* messages of the quorum queue */
#define UNUSED_MS 604800000 /* a week, after which the quorum queue removes itself */
#define PERSISTENT 2
#define NACK_PAUSE 0.1 /* seconds */

struct probe {
    struct dr_task *task;
    const struct que_request *request;
    struct que_amqp *facts;
    struct dr_error *error;
    struct dr_amqp amqp;
    char name[160]; /* of the connection */
    bool failed;    /* the error is set */
    bool late;      /* something was not answered: no goodbye would be */
};

/* One message, there and back, on a channel of its own: the server closes one for each thing that
 * it refuses. */
struct trip {
    struct probe *probe;
    struct que_trip *facts;
    amqp_channel_t channel;
    bool quorum;
    const char *refused;               /* why, the last time; NULL */
    double until;                      /* monotonic */
    char queue[DR_AMQP_SHORT_MAX + 1]; /* as the server calls it */
    char nonce[40];
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

static const char *user_of(const struct probe *probe)
{
    return uri_of(probe)->user != NULL ? uri_of(probe)->user : "guest";
}

/* ---- how a trip ends ---- */

__attribute__((format(printf, 3, 4))) static bool end_trip(struct trip *trip, enum que_trip_end end,
                                                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    trip->facts->end = end;
    vsnprintf(trip->facts->text, sizeof trip->facts->text, format, args);
    va_end(args);
    return false;
}

/* A name as a regular expression. */
static void quote_name(const char *name, char *text, size_t space)
{
    size_t used = 0;
    for (; *name != '\0' && used + 3 < space; name++) {
        if (strchr("\\.^$|?*+()[]{}", *name) != NULL)
            text[used++] = '\\';
        text[used++] = *name;
    }
    text[used] = '\0';
}

/* The least that both probes need, in one command, since it replaces what was granted before.
 * Without "|", which no output of a check may hold. */
static bool end_forbidden(struct trip *trip)
{
    char queue[80];
    quote_name(trip->probe->request->probe_queue, queue, sizeof queue);
    return end_trip(trip, QUE_TRIP_FORBIDDEN,
                    "rabbitmqctl set_permissions -p '%.40s' '%.30s' '^(amq\\.gen.*)?(%s)?$' "
                    "'^amq\\.default$' '^amq\\.gen.*$'",
                    vhost_of(trip->probe), user_of(trip->probe), queue);
}

static bool end_closed(struct trip *trip)
{
    const struct dr_amqp *amqp = &trip->probe->amqp;
    switch (amqp->code) {
    case AMQP_ACCESS_REFUSED:
        return end_forbidden(trip);
    case AMQP_PRECONDITION_FAILED:
    case AMQP_RESOURCE_LOCKED:
    case AMQP_NOT_FOUND: /* a durable queue of another kind, whose node is down */
        return end_trip(trip, QUE_TRIP_CLASH, "%s", amqp->text);
    default:
        return end_trip(trip, QUE_TRIP_RETURNED, "%d %s", amqp->code, amqp->text);
    }
}

static bool end_blocked(struct trip *trip)
{
    return end_trip(trip, QUE_TRIP_UNCONFIRMED, "blocked");
}

static bool end_refused(struct trip *trip)
{
    return end_trip(trip, QUE_TRIP_RETURNED, "%s", trip->refused);
}

/* True for what the trip waits for; otherwise it is over. */
static bool goes_on(struct trip *trip, enum dr_amqp_event event)
{
    switch (event) {
    case DR_AMQP_METHOD:
    case DR_AMQP_CONTENT:
        return true;
    case DR_AMQP_BLOCKED:
        return end_blocked(trip);
    case DR_AMQP_CLOSED:
        return end_closed(trip);
    case DR_AMQP_LATE:
        trip->probe->late = true;
        if (trip->refused != NULL)
            return end_refused(trip);
        return end_trip(trip, QUE_TRIP_UNCONFIRMED, "%s", trip->probe->error->text);
    case DR_AMQP_FAILED:
        break;
    }
    trip->probe->failed = true;
    return false;
}

static bool ask(struct trip *trip, amqp_method_number_t id, void *fields,
                amqp_method_number_t reply, const char *stage)
{
    return goes_on(trip, dr_amqp_ask(&trip->probe->amqp, trip->channel, id, fields, reply,
                                     trip->until, stage));
}

/* ---- its steps ---- */

static bool open_channel(struct trip *trip)
{
    amqp_channel_open_t open = {.out_of_band = amqp_empty_bytes};
    return ask(trip, AMQP_CHANNEL_OPEN_METHOD, &open, AMQP_CHANNEL_OPEN_OK_METHOD,
               "open a channel");
}

static amqp_table_entry_t number_entry(const char *key, int32_t value)
{
    return (amqp_table_entry_t){.key = amqp_cstring_bytes(key),
                                .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = value}};
}

/* The type is said in both cases: a virtual host can have another one by default. */
static bool declare(struct trip *trip)
{
    amqp_table_entry_t entries[] = {
        {.key = amqp_cstring_bytes("x-queue-type"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8,
                   .value.bytes = amqp_cstring_bytes(trip->quorum ? "quorum" : "classic")}},
        number_entry("x-max-length", KEPT),
        number_entry("x-expires", UNUSED_MS),
    };
    amqp_queue_declare_t fields = {
        .queue = amqp_cstring_bytes(trip->quorum ? trip->probe->request->probe_queue : ""),
        .durable = trip->quorum,
        .exclusive = !trip->quorum,
        .auto_delete = !trip->quorum,
        .arguments = {.num_entries = trip->quorum ? (int)COUNT(entries) : 1, .entries = entries}};
    if (!ask(trip, AMQP_QUEUE_DECLARE_METHOD, &fields, AMQP_QUEUE_DECLARE_OK_METHOD,
             trip->quorum ? "declare the quorum queue" : "declare a queue"))
        return false;
    const amqp_queue_declare_ok_t *declared = trip->probe->amqp.method.decoded;
    snprintf(trip->queue, sizeof trip->queue, "%.*s", (int)declared->queue.len,
             (const char *)declared->queue.bytes);
    return true;
}

static bool want_confirms(struct trip *trip)
{
    amqp_confirm_select_t fields = {.nowait = 0};
    return ask(trip, AMQP_CONFIRM_SELECT_METHOD, &fields, AMQP_CONFIRM_SELECT_OK_METHOD,
               "ask for confirms");
}

/* To the default exchange, which hands it to the queue of that name and to no other. */
static bool publish(struct trip *trip)
{
    amqp_basic_publish_t fields = {.exchange = amqp_empty_bytes,
                                   .routing_key = amqp_cstring_bytes(trip->queue),
                                   .mandatory = 1};
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG |
                                                    AMQP_BASIC_EXPIRATION_FLAG |
                                                    AMQP_BASIC_CORRELATION_ID_FLAG,
                                          .delivery_mode = trip->quorum ? PERSISTENT : 1,
                                          .expiration = amqp_cstring_bytes(EXPIRATION),
                                          .correlation_id = amqp_cstring_bytes(trip->nonce)};
    struct dr_amqp *amqp = &trip->probe->amqp;
    return (dr_amqp_add(amqp, trip->channel, AMQP_BASIC_PUBLISH_METHOD, &fields) &&
            dr_amqp_add_content(amqp, trip->channel, &properties, "check_queue_mirrors")) ||
           goes_on(trip, DR_AMQP_FAILED);
}

/* Waits a moment, during which the broker may say something else: what it returned follows as
 * content, and then it confirms that. */
static bool pause_trip(struct trip *trip)
{
    double end = dr_monotonic() + NACK_PAUSE;
    enum dr_amqp_event event = DR_AMQP_METHOD;
    while (event == DR_AMQP_METHOD || event == DR_AMQP_CONTENT)
        event = dr_amqp_wait(&trip->probe->amqp, trip->channel, end, "publish again");
    return event == DR_AMQP_LATE || goes_on(trip, event);
}

/* A new channel looks for the leader anew; one that has known a dead leader refuses for ever. */
static bool reopen_channel(struct trip *trip)
{
    amqp_channel_close_t close = {.reply_code = AMQP_REPLY_SUCCESS};
    return ask(trip, AMQP_CHANNEL_CLOSE_METHOD, &close, AMQP_CHANNEL_CLOSE_OK_METHOD,
               "publish again") &&
           open_channel(trip) && declare(trip) && want_confirms(trip);
}

/* A quorum queue refuses while it has no leader, and may have removed itself since it was declared:
 * then the message is the publisher's to send again. */
static bool publish_again(struct trip *trip, const char *why)
{
    trip->refused = why;
    if (trip->quorum && dr_monotonic() + NACK_PAUSE < trip->until)
        return pause_trip(trip) && reopen_channel(trip) && publish(trip);
    return end_refused(trip);
}

/* There is never more than one message on the channel that is not confirmed. */
static bool await_confirm(struct trip *trip)
{
    struct dr_amqp *amqp = &trip->probe->amqp;
    for (;;) {
        if (!goes_on(trip, dr_amqp_wait(amqp, trip->channel, trip->until, "wait for the confirm")))
            return false;
        switch (amqp->method.id) {
        case AMQP_BASIC_ACK_METHOD:
            return true;
        case AMQP_BASIC_NACK_METHOD:
            if (!publish_again(trip, "the broker refused it (basic.nack)"))
                return false;
            break;
        case AMQP_BASIC_RETURN_METHOD:
            if (!publish_again(trip, "the broker found no queue for it"))
                return false;
            break;
        default: /* nothing that was asked for */
            break;
        }
    }
}

static bool get_back(struct trip *trip)
{
    struct dr_amqp *amqp = &trip->probe->amqp;
    amqp_basic_get_t fields = {.queue = amqp_cstring_bytes(trip->queue), .no_ack = 1};
    if (!dr_amqp_add(amqp, trip->channel, AMQP_BASIC_GET_METHOD, &fields))
        return goes_on(trip, DR_AMQP_FAILED);
    for (;;) {
        enum dr_amqp_event event =
            dr_amqp_wait(amqp, trip->channel, trip->until, "get the message back");
        if (!goes_on(trip, event))
            return false;
        if (event == DR_AMQP_METHOD && amqp->method.id == AMQP_BASIC_GET_EMPTY_METHOD)
            return end_trip(trip, QUE_TRIP_LOST, "it was confirmed, and the queue is empty");
        if (event == DR_AMQP_CONTENT)
            return strcmp(amqp->correlation, trip->nonce) == 0 ||
                   end_trip(trip, QUE_TRIP_LOST, "another message came back");
    }
}

/* ---- the trips ---- */

static bool make_nonce(struct trip *trip)
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return dr_error_set(trip->probe->error, DR_ERR_INTERNAL, "no random numbers") ||
               goes_on(trip, DR_AMQP_FAILED);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(trip->nonce + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

static void travel(struct trip *trip)
{
    double started = dr_monotonic();
    if (!make_nonce(trip) || !open_channel(trip) || !declare(trip) || !want_confirms(trip))
        return;
    double published = dr_monotonic();
    if (!publish(trip) || !await_confirm(trip))
        return;
    trip->facts->confirm = dr_real(dr_monotonic() - published);
    if (!trip->quorum && !get_back(trip))
        return;
    trip->facts->whole = dr_real(dr_monotonic() - started);
    trip->facts->end = QUE_TRIP_DONE;
}

/* A queue that is deleted while it is declared or published to can end the whole connection
 * (RabbitMQ 3.10). */
static bool reconnect(struct probe *probe)
{
    dr_task_trace(probe->task, 1, "connecting again: %s", probe->error->text);
    dr_amqp_close(&probe->amqp, false);
    *probe->error = (struct dr_error){.class = DR_ERR_NONE};
    probe->amqp = (struct dr_amqp){.task = probe->task, .error = probe->error, .name = probe->name};
    probe->failed = !dr_amqp_open(&probe->amqp, vhost_of(probe));
    return !probe->failed;
}

static void travel_twice(struct trip *trip)
{
    struct probe *probe = trip->probe;
    probe->amqp.code = 0;
    travel(trip);
    if (probe->failed && probe->amqp.code == AMQP_INTERNAL_ERROR && reconnect(probe))
        travel(trip);
}

/* `share` of the time that is left. */
static void try_trip(struct probe *probe, bool quorum, double share)
{
    struct trip trip = {.probe = probe,
                        .facts = quorum ? &probe->facts->quorum : &probe->facts->classic,
                        .channel = quorum ? 2 : 1,
                        .quorum = quorum,
                        .until = dr_monotonic() + dr_task_left(probe->task) * share};
    if (probe->amqp.blocked != NULL)
        end_blocked(&trip);
    else
        travel_twice(&trip);
    if (trip.facts->end == QUE_TRIP_DONE)
        dr_task_trace(probe->task, 1, "%s probe: confirmed after %.1f ms, whole %.1f ms",
                      quorum ? "quorum" : "classic", trip.facts->confirm.value * 1000,
                      trip.facts->whole.value * 1000);
    else if (!probe->failed)
        dr_task_trace(probe->task, 1, "%s probe: %s", quorum ? "quorum" : "classic",
                      trip.facts->text);
}

/* Without a probe: that the node opens a channel is all that can be seen. */
static bool only_look(struct probe *probe)
{
    amqp_channel_open_t open = {.out_of_band = amqp_empty_bytes};
    enum dr_amqp_event event = dr_amqp_ask(&probe->amqp, 1, AMQP_CHANNEL_OPEN_METHOD, &open,
                                           AMQP_CHANNEL_OPEN_OK_METHOD, 0, "open a channel");
    if (event == DR_AMQP_CLOSED)
        return dr_error_set(probe->error, DR_ERR_SERVER, "no channel: %d %s", probe->amqp.code,
                            probe->amqp.text);
    return event == DR_AMQP_METHOD || event == DR_AMQP_BLOCKED;
}

static bool look(struct probe *probe)
{
    enum que_probe kind = probe->request->probe;
    if (kind == QUE_PROBE_NONE)
        return only_look(probe);
    if (kind != QUE_PROBE_QUORUM)
        try_trip(probe, false, kind == QUE_PROBE_BOTH ? 0.5 : 1);
    if (kind != QUE_PROBE_CLASSIC && !probe->failed)
        try_trip(probe, true, 1);
    return !probe->failed;
}

/* ---- the source ---- */

static bool check_uri(struct probe *probe)
{
    static const char *const known[] = {"cacert", "cert", "key", "insecure", NULL};
    const struct dr_uri *uri = uri_of(probe);
    if (!dr_uri_has_only(uri, known, probe->error))
        return false;
    if (uri->param_count > 0 && strcmp(uri->scheme, "amqps") != 0)
        return dr_error_set(probe->error, DR_ERR_USAGE, "\"%.60s\" is for amqps://",
                            uri->params[0].key);
    return strlen(vhost_of(probe)) <= DR_AMQP_SHORT_MAX ||
           dr_error_set(probe->error, DR_ERR_USAGE,
                        "the name of the virtual host is longer than 255 bytes");
}

static void name_connection(struct probe *probe)
{
    char host[120];
    if (gethostname(host, sizeof host) != 0)
        host[0] = '\0';
    host[sizeof host - 1] = '\0';
    snprintf(probe->name, sizeof probe->name, "check_queue_mirrors on %s", host);
}

static void keep_words(struct probe *probe)
{
    probe->facts->product = probe->amqp.product;
    probe->facts->version = probe->amqp.version;
    probe->facts->cluster = probe->amqp.cluster;
    probe->facts->blocked = probe->amqp.blocked;
    probe->amqp.product = probe->amqp.version = NULL;
    probe->amqp.cluster = probe->amqp.blocked = NULL;
}

static bool probe_target(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct que_facts *queues = facts;
    struct probe probe = {.task = task,
                          .request = dr_task_request(task),
                          .facts = &queues->amqp,
                          .error = error,
                          .amqp = {.task = task, .error = error}};
    queues->product = QUE_AMQP;
    name_connection(&probe);
    probe.amqp.name = probe.name;
    bool ok = check_uri(&probe) && dr_amqp_open(&probe.amqp, vhost_of(&probe)) && look(&probe);
    keep_words(&probe);
    dr_amqp_close(&probe.amqp, ok && !probe.late && probe.facts->blocked == NULL);
    que_board_done(probe.request->board, dr_task_index(task), false);
    return ok;
}

static const char *library(void)
{
    static char text[40];
    snprintf(text, sizeof text, "librabbitmq %s", amqp_version());
    return text;
}

extern const struct dr_source DR_SOURCE_SYMBOL(queues, amqp);
const struct dr_source DR_SOURCE_SYMBOL(queues, amqp) = {
    .abi = DR_SOURCE_ABI,
    .group = "queues",
    .name = "amqp",
    .facts_size = sizeof(struct que_facts),
    .library = library,
    .probe = probe_target,
};
