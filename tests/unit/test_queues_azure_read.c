/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of Azure Queue Storage as facts. What whole runs make of them is in the live tests. */
#include "plugins/queues/azure_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1714558830.0 /* Wed, 01 May 2024 10:20:30 GMT */
#define AT(time) "<InsertionTime>Wed, 01 May 2024 " time " GMT</InsertionTime>"
#define TAKEN(count) "<DequeueCount>" count "</DequeueCount>"
#define ONE(parts) "<QueueMessage>" parts "</QueueMessage>"
#define LIST(messages) "<QueueMessagesList>" messages "</QueueMessagesList>"

static struct dr_buffer body_of(const char *text)
{
    struct dr_buffer body = DR_BUFFER(65536);
    dr_buffer_add(&body, text);
    return body;
}

static void names(void **state)
{
    (void)state;
    static const char longest[] = "a23456789-123456789-123456789-123456789-123456789-123456789-123";
    static const char *const good[] = {"abc", "a-b", "123", "orders-poison", "a1-b2-c3", longest};
    static const char *const bad[] = {"",       "ab",      "-ab",    "ab-",    "a--b",
                                      "Orders", "or_ders", "or.der", "a/b",    "abc\n",
                                      "a b",    "a%2Fb",   "$logs",  "or?ders"};
    char longer[sizeof longest + 1];
    snprintf(longer, sizeof longer, "%s4", longest);
    assert_int_equal(strlen(longest), QUE_AZURE_NAME_MAX);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(que_azure_is_name(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(que_azure_is_name(bad[i]));
    assert_false(que_azure_is_name(longer));
}

static void counts(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        struct dr_opt_int count;
    } cases[] = {
        {"x-ms-approximate-messages-count: 3\n", {true, 3}},
        {"X-MS-Approximate-Messages-Count:0\n", {true, 0}},
        {"x-ms-approximate-messages-count: 999999999999999\n", {true, 999999999999999}},
        {"x-ms-approximate-messages-count: 1000000000000000\n", {false, 0}},
        {"x-ms-approximate-messages-count: 1000000000000000000000\n", {false, 0}},
        {"x-ms-approximate-messages-count: -1\n", {false, 0}},
        {"x-ms-approximate-messages-count: +1\n", {false, 0}},
        {"x-ms-approximate-messages-count: 1.5\n", {false, 0}},
        {"x-ms-approximate-messages-count: 1 2\n", {false, 0}},
        {"x-ms-approximate-messages-count: \n", {false, 0}},
        {"x-ms-approximate-messages-counts: 1\n", {false, 0}},
        {"", {false, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dr_http_reply reply = {.status = 200, .header = body_of(cases[i].header)};
        struct dr_error error = {.class = DR_ERR_NONE};
        struct dr_opt_int count = {.known = false};
        bool ok = que_azure_read_count(&reply, &count, &error);
        assert_int_equal(ok, cases[i].count.known);
        assert_int_equal(count.known, cases[i].count.known);
        assert_true(!ok || count.value == cases[i].count.value);
        assert_int_equal(error.class, ok ? DR_ERR_NONE : DR_ERR_PROTOCOL);
        dr_buffer_free(&reply.header);
    }
}

static void messages(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int64_t peeked;
        struct dr_opt_real oldest;
        struct dr_opt_int dequeues;
    } cases[] = {
        {LIST(""), 0, {false, 0}, {false, 0}},
        {"<QueueMessagesList/>", 0, {false, 0}, {false, 0}},
        {"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n" LIST("\n  \n"), 0, {false, 0}, {false, 0}},
        {LIST(ONE(AT("10:20:20") TAKEN("0"))), 1, {true, 10}, {true, 0}},
        /* neither the first nor the last is the oldest, nor the one taken most often */
        {LIST(ONE(AT("10:20:20") TAKEN("1")) ONE(AT("10:18:30") TAKEN("0"))
                  ONE(TAKEN("7") AT("10:20:00")) ONE(AT("10:20:29") TAKEN("2"))),
         4,
         {true, 120},
         {true, 7}},
        {LIST(ONE("<MessageText>&lt;QueueMessage&gt;</MessageText>" AT("10:20:20") TAKEN("3"))),
         1,
         {true, 10},
         {true, 3}},
        /* another server's clock */
        {LIST(ONE(AT("10:21:30") TAKEN("0"))), 1, {true, 0}, {true, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dr_buffer body = body_of(cases[i].body);
        struct dr_error error = {.class = DR_ERR_NONE};
        struct que_cloud cloud = {.count = dr_int(99)};
        assert_true(que_azure_read_messages(&body, NOW, &cloud, &error));
        assert_true(cloud.peeked.known && cloud.peeked.value == cases[i].peeked);
        assert_int_equal(cloud.oldest.known, cases[i].oldest.known);
        assert_true(!cloud.oldest.known || cloud.oldest.value == cases[i].oldest.value);
        assert_int_equal(cloud.dequeues.known, cases[i].dequeues.known);
        assert_true(!cloud.dequeues.known || cloud.dequeues.value == cases[i].dequeues.value);
        assert_true(cloud.count.value == 99);
        dr_buffer_free(&body);
    }
}

static void no_messages(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "hello",
        "<html/>",
        "<EnumerationResults/>",
        "<a>" LIST("") "</a>",
        "<QueueMessagesList>",
        LIST(ONE("")),
        LIST(ONE(AT("10:20:20"))),
        LIST(ONE(TAKEN("0"))),
        LIST(ONE(AT("10:20:20") TAKEN(""))),
        LIST(ONE(AT("10:20:20") TAKEN("-1"))),
        LIST(ONE(AT("10:20:20") TAKEN("0") TAKEN("0"))),
        LIST(ONE(AT("10:20:20") AT("10:20:20") TAKEN("0"))),
        LIST(ONE(AT("10:20:99") TAKEN("0"))),
        LIST(ONE(AT("10:21:31") TAKEN("0"))),
        /* what one has does not stand for the next */
        LIST(ONE(AT("10:20:20") TAKEN("0")) ONE(AT("10:20:20"))),
        LIST(ONE(AT("10:20:20") TAKEN("0")) ONE(TAKEN("0"))),
        LIST(ONE(AT("10:20:20") TAKEN("0")) "<QueueMessage>"),
        LIST("") LIST(""),
        "<!DOCTYPE a [<!ENTITY b \"c\">]>" LIST("&b;"),
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct dr_buffer body = body_of(bodies[i]);
        struct dr_error error = {.class = DR_ERR_NONE};
        struct que_cloud cloud = {.poison = dr_int(1)};
        assert_false(que_azure_read_messages(&body, NOW, &cloud, &error));
        assert_int_equal(error.class, DR_ERR_PROTOCOL);
        assert_false(cloud.peeked.known || cloud.oldest.known || cloud.dequeues.known);
        dr_buffer_free(&body);
    }
}

static void messages_of_azurite(void **state)
{
    (void)state;
    char text[4096];
    FILE *file = fopen(DR_TESTS "/samples/azure_queue/azurite-peek.xml", "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    struct dr_buffer body = DR_BUFFER(65536);
    dr_buffer_add_bytes(&body, text, size);
    struct dr_error error = {.class = DR_ERR_NONE};
    struct que_cloud cloud = {.count = {.known = false}};
    /* Fri, 20 Nov 2026 20:49:01 GMT; they are of 20:48:59 and 20:49:00 */
    assert_true(que_azure_read_messages(&body, 1795207741.0, &cloud, &error));
    assert_true(cloud.peeked.value == 2 && cloud.oldest.value == 2.0 && cloud.dequeues.value == 0);
    dr_buffer_free(&body);
}

#define STATS(status, synced)                                                                      \
    "<StorageServiceStats><GeoReplication><Status>" status "</Status><LastSyncTime>" synced        \
    "</LastSyncTime></GeoReplication></StorageServiceStats>"

static void statistics(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *status; /* NULL: refused */
        struct dr_opt_real age;
    } cases[] = {
        {STATS("live", "Wed, 01 May 2024 10:20:20 GMT"), "live", {true, 10}},
        {STATS("Live", "Wed, 01 May 2024 10:20:31 GMT"), "live", {true, 0}},
        {STATS("live", "Wed, 01 May 2024 10:20:32 GMT"), "live", {false, 0}},
        {STATS("live", ""), "live", {false, 0}},
        {STATS("live", "Mon, 01 Jan 0001 00:00:00 GMT"), "live", {false, 0}},
        {STATS("bootstrap", "Wed, 01 May 2024 10:20:20 GMT"), "bootstrap", {false, 0}},
        {STATS("unavailable", "Wed, 01 May 2024 10:20:20 GMT"), "unavailable", {true, 10}},
        {STATS("unavailable", ""), "unavailable", {false, 0}},
        {STATS("degraded", "Wed, 01 May 2024 10:20:20 GMT"), NULL, {false, 0}},
        {STATS("", "Wed, 01 May 2024 10:20:20 GMT"), NULL, {false, 0}},
        {STATS("live", "soon"), NULL, {false, 0}},
        {LIST(""), NULL, {false, 0}},
        {"", NULL, {false, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dr_buffer body = body_of(cases[i].body);
        struct dr_error error = {.class = DR_ERR_NONE};
        struct que_cloud cloud = {.geo_status = NULL};
        assert_int_equal(que_azure_read_stats(&body, NOW, &cloud, &error), cases[i].status != NULL);
        if (cases[i].status != NULL)
            assert_string_equal(cloud.geo_status, cases[i].status);
        else
            assert_null(cloud.geo_status);
        assert_int_equal(cloud.sync_age.known, cases[i].age.known);
        assert_true(!cloud.sync_age.known || cloud.sync_age.value == cases[i].age.value);
        free(cloud.geo_status);
        dr_buffer_free(&body);
    }
}

static void the_queue(void **state)
{
    (void)state;
    struct que_cloud cloud = {.count = dr_int(40), .peeked = dr_int(32), .oldest = dr_real(12)};
    struct que_roster *roster = que_azure_roster("acct", "orders", &cloud);
    struct que_queue *queue = que_roster_find(roster, "acct", "orders");
    assert_non_null(queue);
    assert_true(roster->count == 1 && roster->complete && roster->figured && !roster->exact);
    assert_int_equal(queue->kind, QUE_LIST);
    assert_int_equal(queue->state, QUE_RUNNING);
    assert_true(que_figure(queue, QUE_MESSAGES).value == 40);
    assert_true(que_figure(queue, QUE_HEAD_AGE).value == 12);
    assert_false(que_figure(queue, QUE_CONSUMERS).known);
    que_roster_free(roster);
    /* a count that lags behind, and an age that nobody knows */
    cloud = (struct que_cloud){.count = dr_int(0), .peeked = dr_int(2)};
    roster = que_azure_roster("acct", "orders", &cloud);
    queue = que_roster_at(roster, 0);
    assert_true(que_figure(queue, QUE_MESSAGES).value == 2);
    assert_false(que_figure(queue, QUE_HEAD_AGE).known);
    que_roster_free(roster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(counts),
        cmocka_unit_test(messages),
        cmocka_unit_test(no_messages),
        cmocka_unit_test(messages_of_azurite),
        cmocka_unit_test(statistics),
        cmocka_unit_test(the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
