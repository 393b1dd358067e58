/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/azure_read.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MIN 3
/* A number of 15 digits is exact in every type. */
#define DIGITS_MAX 15
/* The servers that take a message and that answer have clocks of their own, seconds. */
#define CLOCK_TOLERANCE 60.0

bool que_azure_is_name(const char *name)
{
    size_t length = strlen(name);
    return length >= NAME_MIN && length <= QUE_AZURE_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length && name[0] != '-' &&
           name[length - 1] != '-' && strstr(name, "--") == NULL;
}

/* Digits and nothing else. */
static bool read_whole(const char *text, int64_t *value)
{
    size_t length = strspn(text, "0123456789");
    if (length == 0 || length > DIGITS_MAX || text[length] != '\0')
        return false;
    *value = strtoll(text, NULL, 10);
    return true;
}

bool que_azure_read_count(const struct dr_http_reply *reply, struct dr_opt_int *count,
                          struct dr_error *error)
{
    char text[DIGITS_MAX + 2];
    int64_t value;
    if (!dr_http_header(reply, "x-ms-approximate-messages-count", text, sizeof text) ||
        !read_whole(text, &value))
        return dr_azure_unusable(error, "no count of messages in it");
    *count = dr_int(value);
    return true;
}

/* ---- messages ---- */

enum { LIST = 0, MESSAGE, INSERTED, DEQUEUED, ELEMENTS };

struct messages {
    struct dr_azure_element *elements;
    double now;
    struct que_cloud *cloud;
};

/* One message. */
static const char *take_message(void *context)
{
    const struct messages *messages = context;
    struct que_cloud *cloud = messages->cloud;
    double inserted;
    int64_t dequeues;
    if (!dr_http_date(dr_buffer_text(&messages->elements[INSERTED].text), &inserted))
        return "a message without its InsertionTime";
    if (!read_whole(dr_buffer_text(&messages->elements[DEQUEUED].text), &dequeues))
        return "a message without its DequeueCount";
    double age = messages->now - inserted;
    if (age < -CLOCK_TOLERANCE)
        return "a message from the future: a clock is wrong";
    age = age > 0 ? age : 0;
    if (!cloud->oldest.known || cloud->oldest.value < age)
        cloud->oldest = dr_real(age);
    if (!cloud->dequeues.known || cloud->dequeues.value < dequeues)
        cloud->dequeues = dr_int(dequeues);
    cloud->peeked.value++;
    return NULL;
}

bool que_azure_read_messages(const struct dr_buffer *body, double now, struct que_cloud *cloud,
                             struct dr_error *error)
{
    static const char item[] = "/QueueMessagesList/QueueMessage";
    struct dr_azure_element elements[ELEMENTS] = {
        [LIST] = {"/QueueMessagesList", DR_BUFFER(4096), 0},
        [MESSAGE] = {item, DR_BUFFER(4096), 0},
        [INSERTED] = {"/QueueMessagesList/QueueMessage/InsertionTime", DR_BUFFER(64), 0},
        [DEQUEUED] = {"/QueueMessagesList/QueueMessage/DequeueCount", DR_BUFFER(64), 0},
    };
    struct que_cloud seen = {.peeked = dr_int(0)};
    struct messages messages = {.elements = elements, .now = now, .cloud = &seen};
    const struct dr_azure_document document = {.elements = elements,
                                               .count = ELEMENTS,
                                               .item = item,
                                               .take = take_message,
                                               .context = &messages};
    bool ok = dr_azure_read_xml(body, &document, error) &&
              (elements[LIST].count == 1 || dr_azure_unusable(error, "no list of messages"));
    for (size_t i = 0; i < ELEMENTS; i++)
        dr_buffer_free(&elements[i].text);
    if (!ok)
        return false;
    cloud->peeked = seen.peeked;
    cloud->oldest = seen.oldest;
    cloud->dequeues = seen.dequeues;
    return true;
}

/* ---- the other region ---- */

bool que_azure_read_stats(const struct dr_buffer *body, double now, struct que_cloud *cloud,
                          struct dr_error *error)
{
    struct dr_azure_stats stats;
    double age;
    if (!dr_azure_read_stats(body, &stats, error))
        return false;
    bool copying = strcmp(stats.status, "bootstrap") == 0;
    if (!copying && strcmp(stats.status, "live") != 0 && strcmp(stats.status, "unavailable") != 0)
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: \"%s\" is no state of a secondary that we "
                            "know",
                            stats.status);
    cloud->geo_status = strdup(stats.status);
    if (cloud->geo_status == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    if (!copying && dr_azure_sync_age(&stats, now, &age))
        cloud->sync_age = dr_real(age);
    return true;
}

/* ---- the queue ---- */

struct que_roster *que_azure_roster(const char *account, const char *queue,
                                    const struct que_cloud *cloud)
{
    struct que_roster *roster = que_roster_new();
    struct que_queue *only = roster != NULL ? que_roster_add(roster, account, queue) : NULL;
    if (only == NULL) {
        que_roster_free(roster);
        return NULL;
    }
    bool more = cloud->peeked.value > cloud->count.value;
    only->kind = QUE_LIST;
    only->state = QUE_RUNNING;
    only->traits = QUE_DURABLE | QUE_DURABLE_KNOWN | QUE_LISTED | QUE_FIGURED;
    que_set(only, QUE_MESSAGES, (double)(more ? cloud->peeked.value : cloud->count.value));
    if (cloud->oldest.known)
        que_set(only, QUE_HEAD_AGE, cloud->oldest.value);
    roster->complete = true;
    roster->figured = true;
    return roster;
}
