/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for the consumers of a virtual host's queues, as RabbitMQ's management API lists them:
 * who takes from which queue, what waits, and whether what is taken is acknowledged. All lists are
 * asked for at once; nothing is sent but GET.
 *
 * A consumer that never acknowledges looks perfect there: active, up, of the best utilisation. What
 * shows it is that its channel holds as many messages as it may, while others wait, and that no
 * acknowledgement is counted from one look to the next. */
#include "common/client/json_stream.h"
#include "common/client/rabbitmq_access.h"
#include "common/module.h"
#include "plugins/liveness/consumers_read.h"
#include "plugins/liveness/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX ((size_t)256 * 1024 * 1024)
#define WHOAMI_MAX ((size_t)64 * 1024)
#define ELEMENT_MAX ((size_t)1024 * 1024)
/* Consumers, queues, channels, connections: more of any is no broker that a check can list. */
#define ITEMS_MAX 50000
/* The server collects its figures every five seconds: looks that are closer than two of those tell
 * nothing. */
#define WATCH_LEAST 10.0
#define QUEUES_SAID 5

/* A list that grows as its elements come in. */
struct list {
    void *items;
    size_t count;
    size_t size; /* of one item */
    bool (*read)(const char *text, void *item, struct dr_error *error);
    struct dr_json_stream stream;
};

enum { CONSUMERS, QUEUES, CHANNELS, CONNECTIONS, LISTS };

struct consumers {
    struct dr_task *task;
    const struct liv_request *request;
    struct liv_facts *facts;
    struct dr_error *error;
    struct dr_rabbitmq_access access;
    struct dr_http *http;
    const char *vhost;
    struct list lists[LISTS];
};

static bool no_memory(struct consumers *probe)
{
    return dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- lists ---- */

static bool read_consumer(const char *text, void *item, struct dr_error *error)
{
    return liv_consumers_read_consumer(text, item, error);
}

static bool read_queue(const char *text, void *item, struct dr_error *error)
{
    return liv_consumers_read_queue(text, item, error);
}

static bool read_channel(const char *text, void *item, struct dr_error *error)
{
    return liv_consumers_read_channel(text, item, error);
}

static bool read_connection(const char *text, void *item, struct dr_error *error)
{
    return liv_consumers_read_connection(text, item, error);
}

/* What a worker is called, and what it has: one for each consumer. */
struct hand {
    struct liv_consumer from;
    char name[2 * DR_RABBITMQ_NAME_SIZE];
    const struct liv_broker_queue *queue; /* NULL: not in the list */
    const struct liv_channel *channel;    /* NULL */
    bool mailbox;                         /* of a Celery worker */
};

static void start_lists(struct consumers *probe)
{
    const struct list empty[LISTS] = {
        [CONSUMERS] = {.size = sizeof(struct hand), .read = read_consumer},
        [QUEUES] = {.size = sizeof(struct liv_broker_queue), .read = read_queue},
        [CHANNELS] = {.size = sizeof(struct liv_channel), .read = read_channel},
        [CONNECTIONS] = {.size = sizeof(struct liv_connection), .read = read_connection}};
    memcpy(probe->lists, empty, sizeof empty);
}

static void free_lists(struct consumers *probe)
{
    for (size_t i = 0; i < LISTS; i++) {
        free(probe->lists[i].items);
        dr_json_stream_free(&probe->lists[i].stream);
        probe->lists[i].items = NULL;
        probe->lists[i].count = 0;
    }
}

static bool take_element(void *context, const char *text, size_t size, struct dr_error *error)
{
    struct list *list = context;
    (void)size;
    if (list->count == ITEMS_MAX)
        return dr_error_set(error, DR_ERR_PROTOCOL, "more than %d of a kind", ITEMS_MAX);
    if ((list->count & (list->count - 1)) == 0) {
        void *more = realloc(list->items, (list->count == 0 ? 1 : 2 * list->count) * list->size);
        if (more == NULL)
            return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        list->items = more;
    }
    char *item = (char *)list->items + list->count * list->size;
    memset(item, 0, list->size);
    list->count++;
    return list->read(text, item, error);
}

/* ---- asking ---- */

/* Of a list below the virtual host: what stands before it, and behind. */
static const struct {
    const char *before;
    const char *behind;
    const char *columns;
    const char *stage;
} paths[LISTS] = {
    [CONSUMERS] = {"consumers/", "", NULL, "list the consumers"},
    [QUEUES] = {"queues/", "", liv_queue_columns, "list the queues"},
    [CHANNELS] = {"vhosts/", "/channels", liv_channel_columns, "list the channels"},
    [CONNECTIONS] = {"vhosts/", "/connections", liv_connection_columns, "list the connections"},
};

static char *path_of(const struct consumers *probe, size_t which)
{
    struct dr_buffer path = DR_BUFFER(4096);
    dr_buffer_add(&path, paths[which].before);
    dr_http_encode(&path, probe->vhost);
    dr_buffer_add(&path, paths[which].behind);
    if (paths[which].columns != NULL)
        dr_buffer_addf(&path, "?columns=%s", paths[which].columns);
    return dr_buffer_take(&path);
}

/* Logged in, and yet not allowed: it is the virtual host. */
static bool refuse_list(struct consumers *probe, const struct dr_http_reply *reply, size_t which)
{
    struct dr_rabbitmq_refusal refusal;
    dr_rabbitmq_read_refusal(dr_buffer_text(&reply->body), &refusal);
    const char *reason = refusal.reason[0] != '\0' ? refusal.reason : refusal.code;
    const char *user = probe->access.user != NULL ? probe->access.user : "USER";
    if (reply->status == 401 || reply->status == 403)
        return dr_error_set(probe->error, DR_ERR_PRIVILEGE,
                            "user \"%.60s\" may not see the virtual host \"%.60s\": rabbitmqctl "
                            "set_permissions -p %.60s %.60s '^$' '^$' '^$'",
                            user, probe->vhost, probe->vhost, user);
    if (reply->status == 404)
        return dr_error_set(probe->error, DR_ERR_PROTOCOL, "there is no virtual host \"%.100s\"",
                            probe->vhost);
    return dr_error_set(probe->error, reply->status >= 500 ? DR_ERR_SERVER : DR_ERR_PROTOCOL,
                        "%s: HTTP %ld%s%s", paths[which].stage, reply->status,
                        reason[0] != '\0' ? ": " : "", reason);
}

static bool take_whoami(struct consumers *probe, const struct dr_http_reply *reply)
{
    bool sees;
    if (reply->status != 200)
        return dr_rabbitmq_refuse(&probe->access, reply, probe->error);
    if (!liv_consumers_read_whoami(dr_buffer_text(&reply->body), &sees, probe->error))
        return dr_error_prefix(probe->error, "no management API here");
    const char *user = probe->access.user != NULL ? probe->access.user : "USER";
    return sees || dr_error_set(probe->error, DR_ERR_PRIVILEGE,
                                "user \"%.60s\" sees only its own connections: rabbitmqctl "
                                "set_user_tags %.60s monitoring",
                                user, user);
}

static bool take_list(struct consumers *probe, const struct dr_http_reply *reply, size_t which)
{
    struct dr_json_stream *stream = &probe->lists[which].stream;
    if (reply->status != 200)
        return refuse_list(probe, reply, which);
    return dr_json_stream_end(stream, probe->error) ||
           dr_error_prefix(probe->error, "%s", paths[which].stage);
}

static bool add_request(struct consumers *probe, const char *path, struct dr_http_request *request,
                        char **url)
{
    return path != NULL && dr_rabbitmq_access_request(&probe->access, path, url, request);
}

#define REQUESTS (LISTS + 1)

static bool make_requests(struct consumers *probe, struct dr_http_request *requests, char **urls)
{
    if (!add_request(probe, "whoami", &requests[LISTS], &urls[LISTS]))
        return no_memory(probe);
    requests[LISTS].stage = "ask who we are";
    requests[LISTS].body_max = WHOAMI_MAX;
    for (size_t i = 0; i < LISTS; i++) {
        char *path = path_of(probe, i);
        bool ok = add_request(probe, path, &requests[i], &urls[i]);
        free(path);
        if (!ok)
            return no_memory(probe);
        dr_json_stream_start(&probe->lists[i].stream, ELEMENT_MAX, take_element, &probe->lists[i]);
        requests[i].stage = paths[i].stage;
        requests[i].body_max = LIST_MAX;
        requests[i].sink = dr_json_stream_push;
        requests[i].sink_context = &probe->lists[i].stream;
    }
    return true;
}

/* Who we are says best what is wrong, so that reply comes first. */
static bool read_replies(struct consumers *probe, const struct dr_http_reply *replies,
                         const struct dr_error *errors, const bool *ok)
{
    for (size_t n = 0; n < REQUESTS; n++) {
        size_t i = n == 0 ? LISTS : n - 1;
        if (!ok[i]) {
            *probe->error = errors[i];
            return false;
        }
        if (i == LISTS ? !take_whoami(probe, &replies[i]) : !take_list(probe, &replies[i], i))
            return false;
    }
    return true;
}

static bool ask(struct consumers *probe)
{
    struct dr_http_request requests[REQUESTS] = {{.url = NULL}};
    struct dr_http_reply replies[REQUESTS];
    struct dr_error errors[REQUESTS];
    char *urls[REQUESTS] = {NULL};
    bool answered[REQUESTS];
    bool ok = make_requests(probe, requests, urls);
    if (ok) {
        dr_task_stage(probe->task, "list the consumers");
        dr_http_ask_all(probe->http, requests, replies, errors, answered, REQUESTS);
        ok = read_replies(probe, replies, errors, answered);
        for (size_t i = 0; i < REQUESTS; i++)
            dr_http_reply_free(&replies[i]);
    }
    for (size_t i = 0; i < REQUESTS; i++)
        free(urls[i]);
    return ok;
}

/* ---- who is who ---- */

/* Items that begin with their names. */
static int compare_names(const void *left, const void *right)
{
    return strcmp(left, right);
}

static void sort_by_name(struct list *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, list->size, compare_names);
}

static const void *find_name(const struct list *list, const char *name)
{
    if (list->count == 0)
        return NULL;
    return bsearch(name, list->items, list->count, list->size, compare_names);
}

static int compare_connections(const void *left, const void *right)
{
    return strcmp(((const struct hand *)left)->from.connection,
                  ((const struct hand *)right)->from.connection);
}

static int compare_hands(const void *left, const void *right)
{
    const struct hand *a = left;
    const struct hand *b = right;
    int order = strcmp(a->name, b->name);
    if (order == 0)
        order = strcmp(a->from.channel, b->from.channel);
    return order != 0 ? order : strcmp(a->from.queue, b->from.queue);
}

/* By the name that its client has given to its connection, else by its user; and its host. */
static void name_hand(const struct consumers *probe, struct hand *hand)
{
    const struct liv_connection *connection =
        find_name(&probe->lists[CONNECTIONS], hand->from.connection);
    const char *who =
        connection != NULL && *connection->given != '\0' ? connection->given : hand->from.user;
    if (*hand->from.host != '\0')
        snprintf(hand->name, sizeof hand->name, "%s@%s", who, hand->from.host);
    else
        snprintf(hand->name, sizeof hand->name, "%s", *who != '\0' ? who : hand->from.tag);
}

/* All consumers of a connection are one worker; where one of them reads the mailbox of a Celery
 * worker, that is its name. */
static void name_connection(const struct consumers *probe, struct hand *hands, size_t count)
{
    char worker[DR_RABBITMQ_NAME_SIZE];
    bool celery = false;
    for (size_t i = 0; i < count; i++) {
        hands[i].mailbox =
            liv_consumers_mailbox(hands[i].from.queue, worker) && *hands[i].from.connection != '\0';
        if (hands[i].mailbox && !celery) {
            celery = true;
            snprintf(hands[0].name, sizeof hands[0].name, "%s", worker);
        }
    }
    if (!celery)
        name_hand(probe, &hands[0]);
    for (size_t i = 1; i < count; i++)
        memcpy(hands[i].name, hands[0].name, sizeof hands[i].name);
}

static void name_hands(struct consumers *probe)
{
    struct list *list = &probe->lists[CONSUMERS];
    struct hand *hands = list->items;
    if (list->count > 1)
        qsort(hands, list->count, sizeof *hands, compare_connections);
    for (size_t from = 0, to; from < list->count; from = to) {
        for (to = from + 1; to < list->count && compare_connections(&hands[from], &hands[to]) == 0;
             to++)
            continue;
        name_connection(probe, hands + from, to - from);
    }
    for (size_t i = 0; i < list->count; i++) {
        hands[i].queue = find_name(&probe->lists[QUEUES], hands[i].from.queue);
        hands[i].channel = find_name(&probe->lists[CHANNELS], hands[i].from.channel);
    }
    if (list->count > 1)
        qsort(hands, list->count, sizeof *hands, compare_hands);
}

/* ---- workers ---- */

enum hand_state { HAND_UNKNOWN, HAND_TAKES, HAND_WAITS, HAND_LOST };

static enum hand_state state_of(const struct hand *hand)
{
    const char *status = hand->from.status;
    if (strcmp(status, "suspected_down") == 0)
        return HAND_LOST;
    if (strcmp(status, "waiting") == 0)
        return HAND_WAITS;
    bool up = strcmp(status, "up") == 0 || strcmp(status, "single_active") == 0;
    return up && hand->from.active.known && hand->from.active.value ? HAND_TAKES : HAND_UNKNOWN;
}

static bool is_work(const struct hand *hand)
{
    return !hand->mailbox && hand->queue != NULL && liv_consumers_is_work(hand->queue);
}

/* A worker: the consumers of one name, of one connection or of several. */
struct crew {
    const struct hand *hands; /* sorted by channel */
    size_t count;
    int64_t connections;
    int64_t alive; /* of those */
    size_t takes, waits, lost, unknown;
    bool mailbox;
    bool held; /* what it holds is known */
    double unacked;
    int64_t done;     /* acknowledged: a counter */
    uint64_t full;    /* tells what channels hold that are full while messages wait; 0: none is */
    char queues[400]; /* that it takes from, in words */
};

/* What the consumers of one channel may hold together; 0: as much as they like. */
static int64_t room_of(const struct hand *hands, size_t count)
{
    int64_t sum = 0;
    if (hands[0].channel->prefetch.known && hands[0].channel->prefetch.value > 0)
        return hands[0].channel->prefetch.value;
    for (size_t i = 0; i < count; i++) {
        if (!hands[i].from.prefetch.known || hands[i].from.prefetch.value == 0)
            return 0;
        sum += hands[i].from.prefetch.value;
    }
    return sum;
}

/* A channel of it, once. Full: it holds all that it may, while messages wait that it would get. */
static void count_channel(struct crew *crew, const struct hand *hands, size_t count)
{
    const struct liv_channel *channel = hands[0].channel;
    bool waits = false;
    if (channel == NULL || !channel->unacked.known) {
        crew->held = false;
        return;
    }
    crew->unacked += (double)channel->unacked.value;
    crew->done += channel->done;
    for (size_t i = 0; i < count; i++)
        waits = waits || (hands[i].queue != NULL && hands[i].queue->ready.known &&
                          hands[i].queue->ready.value > 0);
    int64_t room = room_of(hands, count);
    if (waits && room > 0 && channel->unacked.value >= room)
        crew->full = crew->full * 31 + (uint64_t)channel->unacked.value + 1;
}

static void say_queue(struct crew *crew, const char *queue)
{
    size_t used = strlen(crew->queues);
    if (crew->takes <= QUEUES_SAID)
        snprintf(crew->queues + used, sizeof crew->queues - used, "%s%.60s", used > 0 ? ", " : "",
                 queue);
    else if (crew->takes == QUEUES_SAID + 1)
        snprintf(crew->queues + used, sizeof crew->queues - used, " and others");
}

static void count_hand(struct crew *crew, const struct hand *hand)
{
    crew->mailbox = crew->mailbox || hand->mailbox;
    if (!is_work(hand))
        return;
    switch (state_of(hand)) {
    case HAND_TAKES:
        crew->takes++;
        say_queue(crew, hand->from.queue);
        break;
    case HAND_WAITS:
        crew->waits++;
        break;
    case HAND_LOST:
        crew->lost++;
        break;
    case HAND_UNKNOWN:
        crew->unknown++;
    }
}

/* The connections of a worker, by those that take something. Channels of one connection stand
 * together, since their names begin with it. */
static void count_connections(struct crew *crew)
{
    bool alive = false;
    for (size_t i = 0; i < crew->count; i++) {
        const struct hand *hand = &crew->hands[i];
        bool next = i == 0 || strcmp(hand->from.connection, hand[-1].from.connection) != 0;
        if (next) {
            crew->connections++;
            alive = false;
        }
        if (!alive && is_work(hand) && state_of(hand) == HAND_TAKES) {
            alive = true;
            crew->alive++;
        }
    }
}

static void count_crew(struct crew *crew)
{
    crew->held = true;
    count_connections(crew);
    for (size_t from = 0, to; from < crew->count; from = to) {
        for (to = from + 1; to < crew->count && strcmp(crew->hands[from].from.channel,
                                                       crew->hands[to].from.channel) == 0;
             to++)
            continue;
        count_channel(crew, crew->hands + from, to - from);
    }
    for (size_t i = 0; i < crew->count; i++)
        count_hand(crew, &crew->hands[i]);
}

static void sign_crew(struct consumers *probe, struct liv_unit *unit, const struct crew *crew)
{
    if (crew->takes > 0)
        liv_facts_sign(probe->facts, unit, LIV_W_CONSUMING, "%s", crew->queues);
    else if (crew->waits > 0 && crew->lost == 0 && crew->unknown == 0)
        liv_facts_sign(probe->facts, unit, LIV_W_CONSUMING,
                       "as a stand-in, when the active "
                       "consumer is gone");
    if (crew->lost > 0)
        liv_facts_sign(probe->facts, unit, LIV_W_WEDGED,
                       "%zu of its consumers are suspected to be down", crew->lost);
    if (crew->unknown > 0)
        liv_facts_sign(probe->facts, unit, LIV_NOT_TOLD,
                       "whether %zu of its consumers are active is not told", crew->unknown);
    if (crew->takes + crew->waits + crew->lost + crew->unknown == 0)
        liv_facts_sign(probe->facts, unit, LIV_W_IDLE_HANDS,
                       "it has a mailbox, and consumes from no queue");
}

static bool note_crew(struct consumers *probe, struct crew *crew)
{
    count_crew(crew);
    /* What only looks on: events, replies. */
    if (!crew->mailbox && crew->takes + crew->waits + crew->lost + crew->unknown == 0)
        return true;
    struct liv_unit *unit = liv_facts_add(probe->facts, LIV_WORKER, crew->hands[0].name, NULL);
    if (unit == NULL)
        return no_memory(probe);
    unit->reserve = crew->takes == 0 && crew->waits > 0;
    unit->wanted = dr_int(crew->connections);
    unit->alive = dr_int(unit->reserve ? crew->connections : crew->alive);
    if (crew->hands[0].from.host[0] != '\0')
        liv_facts_place(probe->facts, unit, crew->hands[0].from.host, unit->alive.value);
    if (crew->held) {
        liv_unit_figure(unit, LIV_TAKEN, crew->unacked);
        unit->pace = (struct liv_pace){.known = true,
                                       .head = crew->full != 0 ? 1 : 0,
                                       .taken = crew->full,
                                       .done = dr_int(crew->done),
                                       .at = dr_monotonic()};
    }
    sign_crew(probe, unit, crew);
    return true;
}

static bool note_workers(struct consumers *probe)
{
    const struct list *list = &probe->lists[CONSUMERS];
    const struct hand *hands = list->items;
    for (size_t from = 0, to; from < list->count; from = to) {
        for (to = from + 1; to < list->count && strcmp(hands[from].name, hands[to].name) == 0; to++)
            continue;
        struct crew crew = {.hands = hands + from, .count = to - from};
        if (!note_crew(probe, &crew))
            return false;
    }
    return true;
}

/* ---- queues ---- */

struct served {
    size_t listed;
    size_t takes;
    size_t waits;
};

static struct served serve(const struct consumers *probe, const struct liv_broker_queue *queue)
{
    const struct hand *hands = probe->lists[CONSUMERS].items;
    struct served served = {.listed = 0};
    for (size_t i = 0; i < probe->lists[CONSUMERS].count; i++) {
        if (hands[i].queue != queue)
            continue;
        enum hand_state state = state_of(&hands[i]);
        served.listed++;
        served.takes += state == HAND_TAKES;
        served.waits += state == HAND_WAITS;
    }
    return served;
}

/* Running, or as its messages are sent on ("flow"), or while a mirror takes them over. */
static bool is_up(const struct liv_broker_queue *queue)
{
    static const char *const states[] = {"running", "idle", "flow", "syncing"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(queue->state, states[i]) == 0)
            return true;
    }
    return false;
}

static void sign_queue(struct consumers *probe, struct liv_unit *unit,
                       const struct liv_broker_queue *queue, const struct served *served)
{
    struct liv_facts *facts = probe->facts;
    if (queue->state[0] == '\0' || !queue->ready.known || !queue->consumers.known)
        liv_facts_sign(facts, unit, LIV_NOT_TOLD, "what waits in it is not told%s%s",
                       queue->state[0] != '\0' ? ": it is " : "", queue->state);
    else if (!is_up(queue))
        liv_facts_sign(facts, unit, LIV_Q_UNSERVED, "it is %s", queue->state);
    else if (served->takes > 0)
        liv_facts_sign(facts, unit, LIV_Q_SERVED, "%zu", served->takes);
    else if (served->listed == 0 && queue->consumers.value > 0)
        liv_facts_sign(facts, unit, LIV_NOT_TOLD, "it counts %lld consumers, and none is listed",
                       (long long)queue->consumers.value);
    else if (queue->ready.value > 0)
        liv_facts_sign(facts, unit, LIV_Q_UNSERVED, "%lld wait%s", (long long)queue->ready.value,
                       served->listed > 0 ? ", and none of its consumers is active" : "");
    else if (served->listed > 0)
        liv_facts_sign(facts, unit, LIV_NOT_TOLD, "none of its consumers is active");
    else if (probe->request->queues.count > 0)
        liv_facts_sign(facts, unit, LIV_W_NONE, "nothing waits");
    else
        liv_facts_sign(facts, unit, LIV_Q_EMPTY, "no consumers");
}

static bool note_queue(struct consumers *probe, const struct liv_broker_queue *queue)
{
    struct served served = serve(probe, queue);
    struct liv_unit *unit = liv_facts_add(probe->facts, LIV_QUEUE, queue->name, NULL);
    if (unit == NULL)
        return no_memory(probe);
    bool known = queue->state[0] != '\0' && queue->ready.known;
    liv_unit_figure(unit, LIV_CONSUMERS_NOW, (double)served.listed);
    if (known)
        liv_unit_figure(unit, LIV_WAITING, (double)queue->ready.value);
    if (known && queue->unacked.known)
        liv_unit_figure(unit, LIV_TAKEN, (double)queue->unacked.value);
    /* Which message is next is not told, only that there is one. */
    unit->pace = (struct liv_pace){.known = known && queue->unacked.known,
                                   .head = queue->ready.value > 0 ? 1 : 0,
                                   .taken = queue->ready.value > 0 && queue->unacked.value > 0
                                                ? (uint64_t)queue->unacked.value
                                                : 0,
                                   .done = dr_int(queue->done),
                                   .at = dr_monotonic()};
    sign_queue(probe, unit, queue, &served);
    return true;
}

/* Messages wait there on purpose: until they are old and go on, or because they went nowhere else.
 */
static bool is_waiting_room(const struct consumers *probe, const struct liv_broker_queue *queue)
{
    const struct liv_broker_queue *others = probe->lists[QUEUES].items;
    if (queue->consumers.known && queue->consumers.value > 0)
        return false;
    if (queue->ages && queue->passes_on)
        return true;
    for (size_t i = 0; i < probe->lists[QUEUES].count; i++) {
        if (others[i].to_queue && strcmp(others[i].letters, queue->name) == 0)
            return true;
    }
    return false;
}

static bool note_named(struct consumers *probe, const char *name)
{
    const struct liv_broker_queue *queue = find_name(&probe->lists[QUEUES], name);
    if (queue != NULL)
        return note_queue(probe, queue);
    struct liv_unit *unit = liv_facts_add(probe->facts, LIV_QUEUE, name, NULL);
    if (unit == NULL)
        return no_memory(probe);
    liv_facts_sign(probe->facts, unit, LIV_Q_UNSERVED, "there is no such queue");
    return true;
}

static bool note_queues(struct consumers *probe)
{
    const struct dr_text_list *names = &probe->request->queues;
    const struct list *list = &probe->lists[QUEUES];
    const struct liv_broker_queue *queues = list->items;
    for (size_t i = 0; i < names->count; i++) {
        if (!note_named(probe, names->items[i]))
            return false;
    }
    for (size_t i = 0; names->count == 0 && i < list->count; i++) {
        if (liv_consumers_is_work(&queues[i]) && !is_waiting_room(probe, &queues[i]) &&
            !note_queue(probe, &queues[i]))
            return false;
    }
    return true;
}

/* ---- all of it ---- */

static void note_nobody(struct consumers *probe)
{
    struct liv_unit *unit = liv_facts_add(probe->facts, LIV_WORKER, "workers", NULL);
    if (unit != NULL)
        unit->wanted = unit->alive = dr_int(0);
    if (probe->lists[QUEUES].count > 0)
        liv_facts_sign(probe->facts, unit, LIV_W_NONE, "no consumer is connected");
    else
        liv_facts_sign(probe->facts, unit, LIV_ABSENT,
                       "there is no consumer and no queue in the virtual host %s", probe->vhost);
}

static bool look_once(void *context, struct liv_facts *facts)
{
    struct consumers *probe = context;
    probe->facts = facts;
    start_lists(probe);
    bool ok = ask(probe);
    if (ok) {
        sort_by_name(&probe->lists[QUEUES]);
        sort_by_name(&probe->lists[CHANNELS]);
        sort_by_name(&probe->lists[CONNECTIONS]);
        name_hands(probe);
        ok = note_workers(probe);
        if (ok && facts->unit_count == 0)
            note_nobody(probe);
        ok = ok && note_queues(probe);
    }
    free_lists(probe);
    facts->complete = ok;
    return ok;
}

static bool check_request(struct consumers *probe)
{
    const struct dr_uri *uri = &dr_task_target(probe->task)->uri;
    probe->vhost = uri->path[0] == '/' && uri->path[1] != '\0' ? uri->path + 1 : "/";
    if (uri->host_count > 1)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "one node for each target: any of a cluster knows all consumers");
    return probe->request->watch <= 0 || probe->request->watch >= WATCH_LEAST ||
           dr_error_set(probe->error, DR_ERR_USAGE,
                        "--watch: RabbitMQ collects its figures every 5 s: %.0fs at least, or "
                        "--state-dir",
                        WATCH_LEAST);
}

static bool probe_target(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct consumers probe = {
        .task = task, .request = dr_task_request(task), .facts = facts, .error = error};
    struct liv_facts *result = facts;
    result->product = LIV_CONSUMERS;
    bool ok = check_request(&probe) && dr_rabbitmq_access_read(task, false, &probe.access, error);
    probe.http = ok ? dr_http_new(task, error) : NULL;
    ok = probe.http != NULL && liv_watch(task, result, look_once, &probe, error);
    dr_http_free(probe.http);
    dr_rabbitmq_access_free(&probe.access);
    if (!ok) { /* half a list is none */
        liv_facts_free(result);
        result->product = LIV_CONSUMERS;
    }
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(liveness, consumers);
const struct dr_source DR_SOURCE_SYMBOL(liveness, consumers) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "consumers",
    .facts_size = sizeof(struct liv_facts),
    .library = dr_http_library,
    .probe = probe_target,
};
