/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The body of a reply of the queue service: messages, statistics; after a form feed the reply's
 * headers, after another one the name of a queue. */
#include "tests/fuzz/node.h"

#include "plugins/queues/azure_read.h"

#define NOW 1795207741.0

static void check_outcome(bool ok, const struct dr_error *error)
{
    fuzz_check_outcome(ok, error);
    MUST(ok || error->class == DR_ERR_PROTOCOL);
    MUST(ok || strstr(error->text, "the reply cannot be used: ") == error->text);
}

static void check_roster(const struct que_cloud *cloud)
{
    struct que_roster *roster = que_azure_roster("drlab", "orders", cloud);
    MUST(roster != NULL && roster->count == 1);
    const struct que_queue *queue = que_roster_at(roster, 0);
    MUST(que_figure(queue, QUE_MESSAGES).value >= (double)cloud->peeked.value);
    MUST(que_figure(queue, QUE_HEAD_AGE).known == cloud->oldest.known);
    que_roster_free(roster);
}

static void check_messages(const struct dr_buffer *body)
{
    struct que_cloud cloud = {.count = dr_int(1)};
    struct dr_error error = {0};
    bool ok = que_azure_read_messages(body, NOW, &cloud, &error);
    check_outcome(ok, &error);
    MUST(cloud.peeked.known == ok);
    /* each message has both, and no message has none */
    MUST(cloud.oldest.known == (ok && cloud.peeked.value > 0));
    MUST(cloud.dequeues.known == cloud.oldest.known);
    MUST(!cloud.oldest.known || (cloud.oldest.value >= 0 && cloud.dequeues.value >= 0));
    if (ok)
        check_roster(&cloud);
}

static void check_stats(const struct dr_buffer *body)
{
    struct que_cloud cloud = {.geo_status = NULL};
    struct dr_error error = {0};
    bool ok = que_azure_read_stats(body, NOW, &cloud, &error);
    check_outcome(ok, &error);
    MUST((cloud.geo_status != NULL) == ok);
    MUST(!cloud.sync_age.known || (ok && cloud.sync_age.value >= 0));
    MUST(!ok || strcmp(cloud.geo_status, "bootstrap") != 0 || !cloud.sync_age.known);
    free(cloud.geo_status);
}

static void check_count(char *header)
{
    struct dr_http_reply reply = {.status = 200};
    struct dr_opt_int count = {.known = false};
    struct dr_error error = {0};
    reply.header = (struct dr_buffer){.text = header, .size = strlen(header)};
    bool ok = que_azure_read_count(&reply, &count, &error);
    check_outcome(ok, &error);
    MUST(count.known == ok && (!ok || (count.value >= 0 && count.value < 1000000000000000)));
}

static void check_name(const char *name)
{
    /* nothing in it can change the meaning of a URL or of a line */
    if (que_azure_is_name(name))
        MUST(strpbrk(name, "/?#%&:@. \r\n\\") == NULL && strlen(name) <= QUE_AZURE_NAME_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\f', size) : NULL;
    size_t length = end != NULL ? (size_t)(end - data) : size; /* there may be a NUL in it */
    char *text = fuzz_part(&data, &size), *header = fuzz_part(&data, &size);
    char *name = fuzz_part(&data, &size);
    struct dr_buffer body = {.text = text, .size = length, .limit = length};
    check_messages(&body);
    check_stats(&body);
    check_count(header);
    check_name(name);
    free(text);
    free(header);
    free(name);
    return 0;
}
