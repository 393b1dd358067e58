/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/consumers_read.h"

#include <stdio.h>
#include <string.h>

#define MEMBER_SIZE 64 /* of the names of members we know; a longer one is none of them */

const char liv_queue_columns[] =
    "name,type,state,messages_ready,messages_unacknowledged,consumers,exclusive,message_stats,"
    "arguments,effective_policy_definition";
const char liv_channel_columns[] =
    "name,messages_unacknowledged,global_prefetch_count,message_stats";
const char liv_connection_columns[] = "name,user_provided_name";

/* Takes one member, the value of which comes next. */
typedef bool take_member(struct dr_json *reader, const char *name, void *into,
                         struct dr_error *error);

static bool read_members(struct dr_json *reader, take_member *take, void *into,
                         struct dr_error *error)
{
    char name[MEMBER_SIZE];
    while (dr_json_member(reader, name, sizeof name)) {
        if (!take(reader, name, into, error))
            return false;
    }
    return true;
}

static bool read_object(const char *text, take_member *take, void *into, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    bool there;
    return dr_rabbitmq_object(&reader, "reply", &there, error) &&
           (!there || read_members(&reader, take, into, error)) && dr_json_end(&reader, error) &&
           (there || dr_rabbitmq_wrong("reply", "object", error));
}

/* An object within; [] is what stands there where nothing is known. */
static bool read_inner(struct dr_json *reader, const char *what, take_member *take, void *into,
                       struct dr_error *error)
{
    bool there;
    if (dr_json_kind(reader) == '[') {
        dr_json_skip(reader);
        return true;
    }
    return dr_rabbitmq_object(reader, what, &there, error) &&
           (!there || read_members(reader, take, into, error));
}

static bool need_name(const char *text, const char *what, struct dr_error *error)
{
    return *text != '\0' ||
           dr_error_set(error, DR_ERR_PROTOCOL, "\"%s\" is missing in the reply", what);
}

/* ---- consumers ---- */

static bool take_details(struct dr_json *reader, const char *name, void *into,
                         struct dr_error *error)
{
    struct liv_consumer *consumer = into;
    const struct {
        const char *name;
        char *text;
    } texts[] = {{"name", consumer->channel},
                 {"connection_name", consumer->connection},
                 {"peer_host", consumer->host},
                 {"user", consumer->user}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(name, texts[i].name) == 0)
            return dr_rabbitmq_text(reader, name, texts[i].text, DR_RABBITMQ_NAME_SIZE, error);
    }
    dr_json_skip(reader);
    return true;
}

static bool take_queue_name(struct dr_json *reader, const char *name, void *into,
                            struct dr_error *error)
{
    struct liv_consumer *consumer = into;
    if (strcmp(name, "name") == 0)
        return dr_rabbitmq_text(reader, name, consumer->queue, sizeof consumer->queue, error);
    dr_json_skip(reader);
    return true;
}

static bool take_consumer(struct dr_json *reader, const char *name, void *into,
                          struct dr_error *error)
{
    struct liv_consumer *consumer = into;
    if (strcmp(name, "queue") == 0)
        return read_inner(reader, name, take_queue_name, consumer, error);
    if (strcmp(name, "channel_details") == 0)
        return read_inner(reader, name, take_details, consumer, error);
    if (strcmp(name, "consumer_tag") == 0)
        return dr_rabbitmq_text(reader, name, consumer->tag, sizeof consumer->tag, error);
    if (strcmp(name, "activity_status") == 0)
        return dr_rabbitmq_text(reader, name, consumer->status, sizeof consumer->status, error);
    if (strcmp(name, "active") == 0)
        return dr_rabbitmq_flag(reader, name, &consumer->active, error);
    if (strcmp(name, "prefetch_count") == 0)
        return dr_rabbitmq_count(reader, name, &consumer->prefetch, error);
    dr_json_skip(reader);
    return true;
}

bool liv_consumers_read_consumer(const char *text, struct liv_consumer *consumer,
                                 struct dr_error *error)
{
    *consumer = (struct liv_consumer){.queue = ""};
    return read_object(text, take_consumer, consumer, error) &&
           need_name(consumer->queue, "queue", error);
}

/* ---- queues ---- */

static bool take_done(struct dr_json *reader, const char *name, void *into, struct dr_error *error)
{
    static const char *const counters[] = {"ack", "deliver_no_ack", "get_no_ack"};
    int64_t *done = into;
    struct dr_opt_int count;
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        if (strcmp(name, counters[i]) != 0)
            continue;
        if (!dr_rabbitmq_count(reader, name, &count, error))
            return false;
        if (count.known && count.value < INT64_MAX / 4)
            *done += count.value;
        return true;
    }
    dr_json_skip(reader);
    return true;
}

/* Arguments of a queue begin with "x-", those of its policy do not. */
static bool take_argument(struct dr_json *reader, const char *name, void *into,
                          struct dr_error *error)
{
    struct liv_broker_queue *queue = into;
    char exchange[DR_RABBITMQ_NAME_SIZE];
    const char *bare = strncmp(name, "x-", 2) == 0 ? name + 2 : name;
    if (strcmp(bare, "message-ttl") == 0) {
        queue->ages = true;
    } else if (strcmp(bare, "dead-letter-exchange") == 0) {
        queue->passes_on = true;
        if (!dr_rabbitmq_text(reader, name, exchange, sizeof exchange, error))
            return false;
        queue->to_queue = *exchange == '\0';
        return true;
    } else if (strcmp(bare, "dead-letter-routing-key") == 0) {
        return dr_rabbitmq_text(reader, name, queue->letters, sizeof queue->letters, error);
    }
    dr_json_skip(reader);
    return true;
}

static bool take_queue(struct dr_json *reader, const char *name, void *into, struct dr_error *error)
{
    struct liv_broker_queue *queue = into;
    if (strcmp(name, "name") == 0)
        return dr_rabbitmq_text(reader, name, queue->name, sizeof queue->name, error);
    if (strcmp(name, "type") == 0)
        return dr_rabbitmq_text(reader, name, queue->type, sizeof queue->type, error);
    if (strcmp(name, "state") == 0)
        return dr_rabbitmq_text(reader, name, queue->state, sizeof queue->state, error);
    if (strcmp(name, "messages_ready") == 0)
        return dr_rabbitmq_count(reader, name, &queue->ready, error);
    if (strcmp(name, "messages_unacknowledged") == 0)
        return dr_rabbitmq_count(reader, name, &queue->unacked, error);
    if (strcmp(name, "consumers") == 0)
        return dr_rabbitmq_count(reader, name, &queue->consumers, error);
    if (strcmp(name, "exclusive") == 0)
        return dr_rabbitmq_flag(reader, name, &queue->exclusive, error);
    if (strcmp(name, "message_stats") == 0)
        return read_inner(reader, name, take_done, &queue->done, error);
    if (strcmp(name, "arguments") == 0 || strcmp(name, "effective_policy_definition") == 0)
        return read_inner(reader, name, take_argument, queue, error);
    dr_json_skip(reader);
    return true;
}

bool liv_consumers_read_queue(const char *text, struct liv_broker_queue *queue,
                              struct dr_error *error)
{
    *queue = (struct liv_broker_queue){.name = ""};
    return read_object(text, take_queue, queue, error) && need_name(queue->name, "name", error);
}

/* ---- channels and connections ---- */

static bool take_channel(struct dr_json *reader, const char *name, void *into,
                         struct dr_error *error)
{
    struct liv_channel *channel = into;
    if (strcmp(name, "name") == 0)
        return dr_rabbitmq_text(reader, name, channel->name, sizeof channel->name, error);
    if (strcmp(name, "messages_unacknowledged") == 0)
        return dr_rabbitmq_count(reader, name, &channel->unacked, error);
    if (strcmp(name, "global_prefetch_count") == 0)
        return dr_rabbitmq_count(reader, name, &channel->prefetch, error);
    if (strcmp(name, "message_stats") == 0)
        return read_inner(reader, name, take_done, &channel->done, error);
    dr_json_skip(reader);
    return true;
}

bool liv_consumers_read_channel(const char *text, struct liv_channel *channel,
                                struct dr_error *error)
{
    *channel = (struct liv_channel){.name = ""};
    return read_object(text, take_channel, channel, error);
}

static bool take_connection(struct dr_json *reader, const char *name, void *into,
                            struct dr_error *error)
{
    struct liv_connection *connection = into;
    if (strcmp(name, "name") == 0)
        return dr_rabbitmq_text(reader, name, connection->name, sizeof connection->name, error);
    if (strcmp(name, "user_provided_name") == 0)
        return dr_rabbitmq_text(reader, name, connection->given, sizeof connection->given, error);
    dr_json_skip(reader);
    return true;
}

bool liv_consumers_read_connection(const char *text, struct liv_connection *connection,
                                   struct dr_error *error)
{
    *connection = (struct liv_connection){.name = ""};
    return read_object(text, take_connection, connection, error);
}

/* ---- who we are ---- */

struct whoami {
    bool named;
    bool sees;
};

static bool is_seer(const char *tag, size_t size)
{
    static const char *const seers[] = {"monitoring", "administrator"};
    for (size_t i = 0; i < 2; i++) {
        if (strlen(seers[i]) == size && strncmp(tag, seers[i], size) == 0)
            return true;
    }
    return false;
}

/* A list, or a text with commas (before 3.9). */
static bool take_tags(struct dr_json *reader, struct whoami *who, struct dr_error *error)
{
    char text[DR_RABBITMQ_NAME_SIZE];
    bool there;
    if (dr_json_kind(reader) == '"') {
        if (!dr_rabbitmq_text(reader, "tags", text, sizeof text, error))
            return false;
        for (const char *at = text; *at != '\0';) {
            size_t size = strcspn(at, ", ");
            who->sees = who->sees || is_seer(at, size);
            at += size + (at[size] != '\0' ? 1 : 0);
        }
        return true;
    }
    if (!dr_rabbitmq_array(reader, "tags", &there, error))
        return false;
    while (there && dr_json_item(reader)) {
        if (!dr_rabbitmq_text(reader, "tags", text, sizeof text, error))
            return false;
        who->sees = who->sees || is_seer(text, strlen(text));
    }
    return true;
}

static bool take_whoami(struct dr_json *reader, const char *name, void *into,
                        struct dr_error *error)
{
    struct whoami *who = into;
    if (strcmp(name, "tags") == 0)
        return take_tags(reader, who, error);
    who->named = who->named || strcmp(name, "name") == 0;
    dr_json_skip(reader);
    return true;
}

bool liv_consumers_read_whoami(const char *text, bool *sees, struct dr_error *error)
{
    struct whoami who = {.sees = false};
    bool ok =
        read_object(text, take_whoami, &who, error) &&
        (who.named || dr_error_set(error, DR_ERR_PROTOCOL, "\"name\" is missing in the reply"));
    *sees = ok && who.sees;
    return ok;
}

/* ---- names ---- */

static const char *end_of(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0 ? text + length - size : NULL;
}

bool liv_consumers_is_work(const struct liv_broker_queue *queue)
{
    static const char *const beginnings[] = {"celeryev.", "amq.gen-", "mqtt-subscription-",
                                             "amq.rabbitmq.reply-to"};
    if ((queue->exclusive.known && queue->exclusive.value) || strcmp(queue->type, "stream") == 0 ||
        end_of(queue->name, ".pidbox") != NULL)
        return false;
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        if (strncmp(queue->name, beginnings[i], strlen(beginnings[i])) == 0)
            return false;
    }
    return true;
}

bool liv_consumers_mailbox(const char *queue, char worker[DR_RABBITMQ_NAME_SIZE])
{
    const char *end = end_of(queue, ".celery.pidbox");
    if (end == NULL || end == queue || end_of(queue, ".reply.celery.pidbox") != NULL)
        return false;
    snprintf(worker, DR_RABBITMQ_NAME_SIZE, "%.*s", (int)(end - queue), queue);
    return true;
}
