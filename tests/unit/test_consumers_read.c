/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RabbitMQ's lists of consumers, queues, channels and connections, as 3.10.8 writes them: facts, or
 * unknown, never a wrong value. */
#include "plugins/liveness/consumers_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_consumer(void **state)
{
    struct liv_consumer consumer;
    struct dr_error error = {.class = DR_ERR_NONE};
    (void)state;
    assert_true(liv_consumers_read_consumer(
        "{\"arguments\":{},\"ack_required\":true,\"active\":true,\"activity_status\":\"up\","
        "\"channel_details\":{\"connection_name\":\"a -> b\",\"name\":\"a -> b "
        "(1)\",\"node\":\"rmq1\","
        "\"number\":1,\"peer_host\":\"10.0.0.5\",\"peer_port\":33802,\"user\":\"billing\"},"
        "\"consumer_tag\":\"t1\",\"exclusive\":false,\"prefetch_count\":5,"
        "\"queue\":{\"name\":\"orders\",\"vhost\":\"/\"}}",
        &consumer, &error));
    assert_string_equal(consumer.queue, "orders");
    assert_string_equal(consumer.tag, "t1");
    assert_string_equal(consumer.channel, "a -> b (1)");
    assert_string_equal(consumer.connection, "a -> b");
    assert_string_equal(consumer.host, "10.0.0.5");
    assert_string_equal(consumer.user, "billing");
    assert_string_equal(consumer.status, "up");
    assert_true(consumer.active.known && consumer.active.value);
    assert_true(consumer.prefetch.known && consumer.prefetch.value == 5);
    /* a channel of which nothing is known yet */
    assert_true(liv_consumers_read_consumer(
        "{\"channel_details\":[],\"queue\":{\"name\":\"orders\"},\"active\":null}", &consumer,
        &error));
    assert_string_equal(consumer.connection, "");
    assert_false(consumer.active.known || consumer.prefetch.known);
}

static void test_not_usable(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "{\"queue\":{}}",
        "{\"queue\":5}",
        "{\"queue\":{\"name\":5}}",
        "{\"queue\":{\"name\":\"a\"},\"active\":1}",
        "{\"queue\":{\"name\":\"a\"},\"prefetch_count\":-1}",
        "{\"queue\":{\"name\":\"a\"},\"prefetch_count\":\"5\"}",
        "{\"queue\":{\"name\":\"a\"}",
        "{\"queue\":{\"name\":\"a\"}} x",
    };
    struct liv_consumer consumer;
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct dr_error error = {.class = DR_ERR_NONE};
        if (liv_consumers_read_consumer(texts[i], &consumer, &error) ||
            error.class != DR_ERR_PROTOCOL)
            fail_msg("%s", texts[i]);
    }
}

static void test_queue(void **state)
{
    struct liv_broker_queue queue;
    struct dr_error error = {.class = DR_ERR_NONE};
    (void)state;
    assert_true(liv_consumers_read_queue(
        "{\"arguments\":{\"x-message-ttl\":5000,\"x-dead-letter-exchange\":\"\","
        "\"x-dead-letter-routing-key\":\"dead\"},\"consumers\":1,\"exclusive\":false,"
        "\"effective_policy_definition\":null,"
        "\"message_stats\":{\"ack\":7,\"ack_details\":{\"rate\":0.0},\"deliver\":9,"
        "\"deliver_no_ack\":2,\"get_no_ack\":1},\"messages_ready\":25,"
        "\"messages_unacknowledged\":5,\"name\":\"q\",\"state\":\"running\",\"type\":\"quorum\"}",
        &queue, &error));
    assert_true(queue.ready.value == 25 && queue.unacked.value == 5 && queue.consumers.value == 1);
    assert_true(queue.done == 10 && queue.ages && queue.passes_on && queue.to_queue);
    assert_string_equal(queue.letters, "dead");
    assert_true(liv_consumers_is_work(&queue));
    assert_true(liv_consumers_read_queue(
        "{\"name\":\"q\",\"effective_policy_definition\":{\"dead-letter-exchange\":\"dlx\"}}",
        &queue, &error));
    assert_true(queue.passes_on && !queue.to_queue && !queue.ages && queue.done == 0);
    assert_false(queue.ready.known || queue.unacked.known || queue.consumers.known);
    assert_false(liv_consumers_read_queue("{\"state\":\"running\"}", &queue, &error));
    assert_false(
        liv_consumers_read_queue("{\"name\":\"q\",\"messages_ready\":\"5\"}", &queue, &error));
}

static void test_channel_and_connection(void **state)
{
    struct liv_channel channel;
    struct liv_connection connection;
    struct dr_error error = {.class = DR_ERR_NONE};
    (void)state;
    assert_true(liv_consumers_read_channel(
        "{\"global_prefetch_count\":4,\"message_stats\":{\"ack\":2},\"messages_unacknowledged\":5,"
        "\"name\":\"a -> b (1)\"}",
        &channel, &error));
    assert_true(channel.unacked.value == 5 && channel.prefetch.value == 4 && channel.done == 2);
    assert_true(liv_consumers_read_connection(
        "{\"name\":\"a -> b\",\"user_provided_name\":\"billing\"}", &connection, &error));
    assert_string_equal(connection.given, "billing");
    assert_true(liv_consumers_read_connection("{\"name\":\"a -> b\"}", &connection, &error));
    assert_string_equal(connection.given, "");
}

static void test_whoami(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        bool sees;
    } rows[] = {
        {"{\"name\":\"a\",\"tags\":[\"monitoring\"]}", true, true},
        {"{\"name\":\"a\",\"tags\":[\"x\",\"administrator\"]}", true, true},
        {"{\"name\":\"a\",\"tags\":\"policymaker,monitoring\"}", true, true},
        {"{\"name\":\"a\",\"tags\":[\"management\"]}", true, false},
        {"{\"name\":\"a\",\"tags\":\"monitorings\"}", true, false},
        {"{\"name\":\"a\",\"tags\":\"\"}", true, false},
        {"{\"name\":\"a\"}", true, false},
        {"{\"tags\":[\"monitoring\"]}", false, false},
        {"[]", false, false},
        {"", false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool sees = true;
        struct dr_error error = {.class = DR_ERR_NONE};
        bool ok = liv_consumers_read_whoami(rows[i].text, &sees, &error);
        if (ok != rows[i].ok || sees != rows[i].sees)
            fail_msg("%s: %d, %d", rows[i].text, ok, sees);
    }
}

static void test_names(void **state)
{
    char worker[DR_RABBITMQ_NAME_SIZE];
    (void)state;
    assert_true(liv_consumers_mailbox("w1@hostA.celery.pidbox", worker));
    assert_string_equal(worker, "w1@hostA");
    assert_false(liv_consumers_mailbox(".celery.pidbox", worker));
    assert_false(liv_consumers_mailbox("x.reply.celery.pidbox", worker));
    assert_false(liv_consumers_mailbox("orders", worker));
    static const char *const none[] = {"celeryev.e1ba", "w1@a.celery.pidbox", "amq.gen-abc",
                                       "x.reply.celery.pidbox"};
    for (size_t i = 0; i < COUNT(none); i++) {
        struct liv_broker_queue queue = {.type = "classic"};
        memcpy(queue.name, none[i], strlen(none[i]) + 1);
        if (liv_consumers_is_work(&queue))
            fail_msg("%s", none[i]);
    }
    struct liv_broker_queue queue = {.name = "events", .type = "stream"};
    assert_false(liv_consumers_is_work(&queue));
    queue = (struct liv_broker_queue){.name = "mine", .exclusive = dr_bool(true)};
    assert_false(liv_consumers_is_work(&queue));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_consumer), cmocka_unit_test(test_not_usable),
        cmocka_unit_test(test_queue),    cmocka_unit_test(test_channel_and_connection),
        cmocka_unit_test(test_whoami),   cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
