/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RabbitMQ's lists for the consumers of a virtual host, in pieces: the same bytes as each of them.
 */
#include "tests/fuzz/fuzz.h"

#include "common/client/json_stream.h"
#include "plugins/liveness/consumers_read.h"

static void check_outcome(bool ok, const struct dr_error *error)
{
    MUST(ok || error->class == DR_ERR_PROTOCOL);
    MUST(ok || (error->text[0] != '\0' && strpbrk(error->text, "\n\r\t") == NULL));
}

static bool take(void *context, const char *text, size_t size, struct dr_error *error)
{
    struct liv_consumer consumer;
    struct liv_broker_queue queue;
    struct liv_channel channel;
    struct liv_connection connection;
    char worker[DR_RABBITMQ_NAME_SIZE];
    (void)context;
    MUST(strlen(text) <= size);
    bool ok = liv_consumers_read_consumer(text, &consumer, error);
    check_outcome(ok, error);
    MUST(!ok || strlen(text) == size); /* a NUL is no end */
    MUST(!ok || consumer.queue[0] != '\0');
    if (ok && liv_consumers_mailbox(consumer.queue, worker))
        MUST(worker[0] != '\0');
    ok = liv_consumers_read_queue(text, &queue, error);
    check_outcome(ok, error);
    MUST(!ok || (queue.name[0] != '\0' && queue.done >= 0));
    MUST(!ok || !queue.ready.known || queue.ready.value >= 0);
    if (ok)
        liv_consumers_is_work(&queue);
    check_outcome(liv_consumers_read_channel(text, &channel, error), error);
    check_outcome(liv_consumers_read_connection(text, &connection, error), error);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dr_json_stream stream;
    struct dr_error error = {.class = DR_ERR_NONE};
    char *text = fuzz_text(data, size);
    bool sees;
    bool ok = liv_consumers_read_whoami(text, &sees, &error);
    check_outcome(ok, &error);
    MUST(ok || !sees);
    dr_json_stream_start(&stream, 100000, take, NULL);
    size_t half = size / 2;
    error = (struct dr_error){.class = DR_ERR_NONE};
    ok = dr_json_stream_push(&stream, (const char *)data, half, &error) &&
         dr_json_stream_push(&stream, (const char *)data + half, size - half, &error) &&
         dr_json_stream_end(&stream, &error);
    check_outcome(ok, &error);
    dr_json_stream_free(&stream);
    free(text);
    return 0;
}
