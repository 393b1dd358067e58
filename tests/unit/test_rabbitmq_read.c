/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RabbitMQ's replies as facts. The samples were taken from a cluster of three, version 3.10.8, in
 * the states that the folders are named after. */
#include "common/client/json_stream.h"
#include "common/client/rabbitmq_value.h"
#include "plugins/queues/rabbitmq_policies.h"
#include "plugins/queues/rabbitmq_queues.h"
#include "plugins/queues/rabbitmq_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A file of tests/samples/rabbitmq; the caller frees it. */
static char *sample(const char *name)
{
    char path[500];
    struct dr_buffer text = DR_BUFFER(1 << 20);
    snprintf(path, sizeof path, "%s/samples/rabbitmq/%s", DR_TESTS, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char piece[4096];
    for (size_t size; (size = fread(piece, 1, sizeof piece, file)) > 0;)
        dr_buffer_add_bytes(&text, piece, size);
    fclose(file);
    assert_false(text.cut);
    return dr_buffer_take(&text);
}

/* ---- the queues ---- */

static bool push(struct que_roster *roster, dr_json_element *take, const char *text,
                 struct dr_error *error)
{
    struct dr_json_stream stream;
    size_t size = strlen(text);
    bool ok = true;
    dr_json_stream_start(&stream, 100000, take, roster);
    for (size_t at = 0; ok && at < size; at += 7)
        ok = dr_json_stream_push(&stream, text + at, size - at < 7 ? size - at : 7, error);
    ok = ok && dr_json_stream_end(&stream, error);
    dr_json_stream_free(&stream);
    return ok;
}

static void take(struct que_roster *roster, dr_json_element *element, const char *text)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!push(roster, element, text, &error))
        fail_msg("%s", error.text);
}

static void take_sample(struct que_roster *roster, dr_json_element *element, const char *name)
{
    char *text = sample(name);
    take(roster, element, text);
    free(text);
}

/* "rmq1 rmq3", in the order of the names. */
static const char *names_of(const struct que_roster *roster, que_nodes nodes)
{
    static char text[64];
    text[0] = '\0';
    for (int number = 1; number <= 3; number++) {
        char name[20];
        snprintf(name, sizeof name, "rmq%d@localhost", number);
        int node = que_roster_find_node(roster, name);
        size_t used = strlen(text);
        if (node >= 0 && (nodes & que_bit(node)) != 0)
            snprintf(text + used, sizeof text - used, "%srmq%d", used > 0 ? " " : "", number);
    }
    return text;
}

/* What is expected of a queue. */
struct expected {
    const char *vhost;
    const char *name;
    enum que_kind kind;
    enum que_state state;
    const char *leader; /* "" for nobody, NULL for not known */
    const char *copies; /* NULL: not said */
    const char *insync;
    double messages; /* -1: not known */
    unsigned traits; /* that are there, beside those that the others imply */
    unsigned absent; /* that are not */
    const char *ha_mode;
};

static void check_one(const struct que_roster *roster, const struct expected *expected)
{
    const struct que_queue *queue = que_roster_find(roster, expected->vhost, expected->name);
    print_message("  %s\n", expected->name);
    assert_non_null(queue);
    assert_int_equal(queue->kind, expected->kind);
    assert_int_equal(queue->state, expected->state);
    assert_int_equal((queue->traits & QUE_LEADER_KNOWN) != 0, expected->leader != NULL);
    assert_string_equal(names_of(roster, que_bit(queue->leader)),
                        expected->leader != NULL ? expected->leader : "");
    assert_int_equal((queue->traits & QUE_COPIES_KNOWN) != 0, expected->copies != NULL);
    if (expected->copies != NULL)
        assert_string_equal(names_of(roster, queue->copies), expected->copies);
    assert_int_equal((queue->traits & QUE_INSYNC_KNOWN) != 0, expected->insync != NULL);
    if (expected->insync != NULL)
        assert_string_equal(names_of(roster, queue->insync), expected->insync);
    struct dr_opt_real messages = que_figure(queue, QUE_MESSAGES);
    assert_int_equal(messages.known, expected->messages >= 0);
    if (messages.known)
        assert_int_equal((int)messages.value, (int)expected->messages);
    assert_int_equal(queue->traits & expected->traits, expected->traits);
    assert_int_equal(queue->traits & expected->absent, 0);
    const struct que_policy *policy = que_policy_of(roster, queue);
    const char *mode = policy != NULL ? policy->ha_mode : NULL;
    assert_int_equal(mode != NULL, expected->ha_mode != NULL);
    if (mode != NULL)
        assert_string_equal(mode, expected->ha_mode);
}

#define CHECK_ALL(roster, rows)                                                                    \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < sizeof(rows) / sizeof(rows)[0]; i_++)                             \
            check_one(roster, &(rows)[i_]);                                                        \
    } while (0)

static void mirrors_that_are_not_in_sync(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {"/", "ha.two.jobs", QUE_CLASSIC, QUE_RUNNING, "rmq2", "rmq3", "", 50,
         QUE_MIRRORED | QUE_DURABLE | QUE_DURABLE_KNOWN | QUE_FIGURED, QUE_LISTED, "exactly"},
        {"/", "ha.all.orders", QUE_CLASSIC, QUE_RUNNING, "rmq3", "rmq1 rmq2", "rmq1 rmq2", 100,
         QUE_MIRRORED, 0, "all"},
        {"/", "ha.nodes.mail", QUE_CLASSIC, QUE_RUNNING, "rmq2", "rmq1", "", 10, QUE_MIRRORED, 0,
         "nodes"},
        {"/", "op.mirrored", QUE_CLASSIC, QUE_RUNNING, "rmq1", NULL, NULL, 5, 0, QUE_MIRRORED,
         NULL},
        {"/", "q.payments", QUE_QUORUM, QUE_RUNNING, "rmq3", "rmq1 rmq2 rmq3", "rmq1 rmq2 rmq3", 30,
         0, QUE_MIRRORED, NULL},
        {"/", "s.events", QUE_STREAM, QUE_RUNNING, "rmq2", "rmq1 rmq2 rmq3", "rmq2 rmq3", 200, 0, 0,
         NULL},
        {"/", "plain.tmp", QUE_CLASSIC, QUE_RUNNING, "rmq3", NULL, NULL, 7, QUE_DURABLE_KNOWN,
         QUE_DURABLE | QUE_MIRRORED, NULL},
        {"prod", "weird q/\xc3\xbc%20?", QUE_CLASSIC, QUE_RUNNING, "rmq1", NULL, NULL, 0, 0, 0,
         NULL},
    };
    struct que_roster *roster = que_roster_new();
    take_sample(roster, rabbitmq_take_figured, "rejoin_unsynced/queues.json");
    assert_int_equal(roster->count, 14);
    CHECK_ALL(roster, rows);
    const struct que_policy *two =
        que_policy_of(roster, que_roster_find(roster, "/", "ha.two.jobs"));
    assert_true(two->ha_count.known && two->ha_count.value == 2);
    assert_int_equal(two->on_failure, QUE_PROMOTE_ALWAYS);
    assert_false(two->sync_automatic);
    assert_string_equal(two->definition, "{\"ha-mode\":\"exactly\",\"ha-params\":2,\"ha-sync-mode\""
                                         ":\"manual\",\"max-length\":5000}");
    que_roster_free(roster);
}

/* Nothing of a queue without a leader is a figure, and its members stay known. */
static const struct expected one_of_three[] = {
    {"/", "plain.audit", QUE_CLASSIC, QUE_DOWN, "rmq3", NULL, NULL, -1, QUE_LISTED | QUE_FIGURED, 0,
     NULL},
    {"/", "q.payments", QUE_QUORUM, QUE_STATE_UNKNOWN, "", "rmq1 rmq2 rmq3", "rmq1", -1, 0, 0,
     NULL},
    {"/", "q.single", QUE_QUORUM, QUE_STATE_UNKNOWN, "", "rmq3", "", -1, 0, 0, NULL},
    {"/", "q.two", QUE_QUORUM, QUE_RUNNING, "rmq1", "rmq1 rmq2", "rmq1", 9, 0, 0, NULL},
    {"/", "s.events", QUE_STREAM, QUE_STATE_UNKNOWN, "rmq2", NULL, NULL, -1, 0, 0, NULL},
    {"/", "dr.probe.s", QUE_STREAM, QUE_RUNNING, "rmq1", "rmq1 rmq2 rmq3", "rmq1 rmq2", 1, 0, 0,
     NULL},
    {"/", "ha.all.orders", QUE_CLASSIC, QUE_RUNNING, "rmq1", "", "", 100, QUE_MIRRORED, 0, "all"},
};

static void two_of_three_nodes_are_gone(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct que_roster *roster = que_roster_new();
        for (int part = 0; part < 2; part++) {
            if (part == order)
                take_sample(roster, rabbitmq_take_listed, "one_of_three/listing.json");
            else
                take_sample(roster, rabbitmq_take_figured, "one_of_three/queues.json");
        }
        assert_int_equal(roster->count, 15);
        CHECK_ALL(roster, one_of_three);
        que_roster_free(roster);
    }
}

/* The totals leave out the queues without a leader, and the members of streams. */
static void totals_only(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {"/", "q.payments", QUE_QUORUM, QUE_LIVE, "", "rmq1 rmq2 rmq3", "rmq1", -1, QUE_LISTED,
         QUE_FIGURED, NULL},
        {"/", "dr.probe.s", QUE_STREAM, QUE_RUNNING, "rmq1", NULL, NULL, -1,
         QUE_LISTED | QUE_FIGURED, 0, NULL},
        {"/", "dr.probe.q", QUE_QUORUM, QUE_RUNNING, "rmq1", "rmq1 rmq2 rmq3", "rmq1", 0, 0, 0,
         NULL},
        {"/", "ha.two.jobs", QUE_CLASSIC, QUE_RUNNING, "rmq1", "", "", 0, QUE_MIRRORED, 0,
         "exactly"},
        {"/", "op.mirrored", QUE_CLASSIC, QUE_RUNNING, "rmq1", NULL, NULL, 5, 0, QUE_MIRRORED,
         NULL},
    };
    struct que_roster *roster = que_roster_new();
    struct rabbitmq_policies policies = {.count = 0}, operators = {.count = 0};
    struct dr_error error = {.class = DR_ERR_NONE};
    char *text = sample("before/policies.json"), *more = sample("before/operator-policies.json");
    take_sample(roster, rabbitmq_take_totals, "one_of_three/totals.json");
    take_sample(roster, rabbitmq_take_listed, "one_of_three/listing.json");
    assert_true(rabbitmq_read_policies(text, &policies, &error));
    assert_true(rabbitmq_read_policies(more, &operators, &error));
    assert_int_equal(policies.count, 4);
    assert_true(rabbitmq_apply_policies(roster, &policies, &operators));
    CHECK_ALL(roster, rows);
    rabbitmq_policies_free(&policies);
    rabbitmq_policies_free(&operators);
    que_roster_free(roster);
    free(text);
    free(more);
}

/* The totals repeat what an idle queue said when its mirrors were not in sync yet. */
static void totals_of_an_idle_queue(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {"shop", "ha.two.jobs", QUE_CLASSIC, QUE_RUNNING, "rmq1", "rmq2", "rmq2", 0,
         QUE_LISTED | QUE_FIGURED, 0, NULL},
        {"shop", "ha.all.orders", QUE_CLASSIC, QUE_RUNNING, "rmq1", "rmq2 rmq3", "rmq2 rmq3", 20,
         QUE_LISTED | QUE_FIGURED, 0, NULL},
    };
    for (int order = 0; order < 2; order++) {
        struct que_roster *roster = que_roster_new();
        for (int part = 0; part < 2; part++) {
            if (part == order)
                take_sample(roster, rabbitmq_take_listed, "idle/listing.json");
            else
                take_sample(roster, rabbitmq_take_totals, "idle/totals.json");
        }
        CHECK_ALL(roster, rows);
        que_roster_free(roster);
    }
}

#define QUEUE "{\"name\":\"q\",\"vhost\":\"/\",\"durable\":true,"
#define R1 "\"rmq1@localhost\""
#define R2 "\"rmq2@localhost\""
#define R3 "\"rmq3@localhost\""

/* Two elements of one queue, the first of the listing, and what comes of them in either order. */
static void two_lists(void **state)
{
    (void)state;
    static const struct {
        const char *listed;
        const char *figured;
        struct expected expected;
    } rows[] = {
        /* a mirror that is no longer in sync, and the figures are old */
        {QUEUE "\"type\":\"classic\",\"state\":\"live\",\"node\":" R1 ",\"slave_nodes\":[" R2 "," R3
               "],\"synchronised_slave_nodes\":[" R2 "]}",
         QUEUE "\"type\":\"classic\",\"state\":\"running\",\"node\":" R1 ",\"slave_nodes\":[" R2
               "," R3 "],\"synchronised_slave_nodes\":[" R2 "," R3 "],\"messages\":3}",
         {"/", "q", QUE_CLASSIC, QUE_RUNNING, "rmq1", "rmq2 rmq3", "rmq2", 3, 0, QUE_CONTRADICTED,
          NULL}},
        /* the leader moved */
        {QUEUE "\"type\":\"classic\",\"state\":\"live\",\"node\":" R2 ",\"slave_nodes\":[" R1 "," R3
               "],\"synchronised_slave_nodes\":[" R1 "," R3 "]}",
         QUEUE "\"type\":\"classic\",\"state\":\"running\",\"node\":" R1 ",\"slave_nodes\":[" R2
               "," R3 "],\"synchronised_slave_nodes\":[" R2 "," R3 "],\"messages\":3}",
         {"/", "q", QUE_CLASSIC, QUE_RUNNING, "rmq2", "rmq1 rmq3", "rmq1 rmq3", 3, 0, 0, NULL}},
        /* the record knows that it is down, the figures are old */
        {QUEUE "\"type\":\"classic\",\"state\":\"down\",\"node\":" R1 "}",
         QUEUE "\"type\":\"classic\",\"state\":\"running\",\"node\":" R1 ",\"messages\":3}",
         {"/", "q", QUE_CLASSIC, QUE_DOWN, "rmq1", NULL, NULL, 3, 0, 0, NULL}},
        /* members that went and came */
        {QUEUE "\"type\":\"quorum\",\"state\":\"live\",\"leader\":" R1 ",\"members\":[" R1 "," R2
               "," R3 "],\"online\":[" R1 "," R2 "]}",
         QUEUE "\"type\":\"quorum\",\"state\":\"running\",\"node\":" R3 ",\"leader\":" R3
               ",\"members\":[" R1 "," R2 "," R3 "],\"online\":[" R3 "," R1 "],\"messages\":4}",
         {"/", "q", QUE_QUORUM, QUE_RUNNING, "rmq1", "rmq1 rmq2 rmq3", "rmq1 rmq2", 4, 0, 0, NULL}},
        /* no state, no figures: a queue that has just got its leader */
        {QUEUE "\"type\":\"quorum\",\"state\":\"live\",\"leader\":" R1 ",\"members\":[" R1
               "],\"online\":[" R1 "]}",
         QUEUE "\"type\":\"quorum\",\"leader\":" R1 ",\"members\":[" R1 "],\"online\":[" R1
               "],\"messages\":0}",
         {"/", "q", QUE_QUORUM, QUE_STATE_UNKNOWN, "rmq1", "rmq1", "rmq1", -1, 0, 0, NULL}},
        /* since 3.13 the listing has a state of its own */
        {QUEUE "\"type\":\"quorum\",\"state\":\"minority\",\"leader\":" R1 ",\"members\":[" R1
               "," R2 "," R3 "],\"online\":[" R1 "]}",
         QUEUE "\"type\":\"quorum\",\"state\":\"running\",\"leader\":" R1 ",\"members\":[" R1 "," R2
               "," R3 "],\"online\":[" R1 "],\"messages\":4}",
         {"/", "q", QUE_QUORUM, QUE_MINORITY, "rmq1", "rmq1 rmq2 rmq3", "rmq1", 4, 0, 0, NULL}},
        {QUEUE "\"type\":\"quorum\",\"state\":\"running\",\"leader\":" R1 "}",
         QUEUE "\"type\":\"quorum\",\"leader\":" R1 ",\"messages\":0}",
         {"/", "q", QUE_QUORUM, QUE_STATE_UNKNOWN, "rmq1", NULL, NULL, -1, 0, 0, NULL}},
        /* undefined values, and what is not ours */
        {QUEUE "\"type\":\"stream\",\"state\":\"live\",\"node\":null,\"leader\":\"\",\"members\":"
               "\"\",\"exclusive\":null,\"policy\":\"\"}",
         QUEUE "\"type\":\"stream\",\"state\":\"running\",\"totals\":null,\"messages\":null,"
               "\"new\":[{\"a\":{}}]}",
         {"/", "q", QUE_STREAM, QUE_RUNNING, "", NULL, NULL, -1, 0, 0, NULL}},
        /* what the listing says once counts, whatever the figures say twice */
        {QUEUE "\"type\":\"classic\",\"state\":\"live\",\"node\":" R1 ",\"slave_nodes\":[" R2
               "],\"synchronised_slave_nodes\":[" R2 "],\"messages\":1,\"messages\":2}",
         QUEUE "\"type\":\"classic\",\"state\":\"running\",\"node\":" R1 ",\"node\":" R3
               ",\"slave_nodes\":[" R2 "],\"slave_nodes\":[],\"synchronised_slave_nodes\":[],"
               "\"synchronised_slave_nodes\":[" R2 "],\"messages\":3}",
         {"/", "q", QUE_CLASSIC, QUE_RUNNING, "rmq1", "rmq2", "rmq2", 3, 0,
          QUE_CONTRADICTED | QUE_COPIES_TWICE | QUE_INSYNC_TWICE | QUE_LEADER_TWICE, NULL}},
        {QUEUE "\"type\":\"classic\",\"state\":\"live\",\"node\":" R1 ",\"slave_nodes\":[" R2
               "],\"synchronised_slave_nodes\":[],\"synchronised_slave_nodes\":[" R2 "]}",
         QUEUE "\"type\":\"classic\",\"state\":\"syncing\",\"node\":" R1 ",\"slave_nodes\":[" R2
               "],\"synchronised_slave_nodes\":[" R2 "],\"messages\":3,\"messages\":4}",
         {"/", "q", QUE_CLASSIC, QUE_SYNCING, "rmq1", "rmq2", "", 4,
          QUE_CONTRADICTED | QUE_INSYNC_TWICE, QUE_COPIES_TWICE | QUE_LEADER_TWICE, NULL}},
        /* a stream before 4.0: only the figures say where it is */
        {QUEUE "\"type\":\"stream\",\"state\":\"live\"}",
         QUEUE "\"type\":\"stream\",\"state\":\"running\",\"leader\":" R1 ",\"members\":[" R1 "," R2
               "],\"online\":[" R1 "],\"online\":[" R1 "," R2 "],\"messages\":3}",
         {"/", "q", QUE_STREAM, QUE_RUNNING, "rmq1", "rmq1 rmq2", "rmq1", 3, QUE_INSYNC_TWICE,
          QUE_CONTRADICTED, NULL}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int order = 0; order < 2; order++) {
            struct que_roster *roster = que_roster_new();
            struct dr_error error;
            for (int part = 0; part < 2; part++) {
                bool listed = part == order;
                const char *text = listed ? rows[i].listed : rows[i].figured;
                assert_true((listed ? rabbitmq_take_listed
                                    : rabbitmq_take_figured)(roster, text, strlen(text), &error));
            }
            check_one(roster, &rows[i].expected);
            que_roster_free(roster);
        }
    }
}

/* What a server sends while it synchronises, and while a member freezes. */
static void a_key_that_stands_twice(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct expected expected;
    } rows[] = {
        {QUEUE "\"type\":\"classic\",\"state\":\"syncing\",\"node\":" R3 ",\"slave_nodes\":[" R2
               "],\"messages\":155000,\"synchronised_slave_nodes\":[],"
               "\"synchronised_slave_nodes\":[" R2 "]}",
         {"/", "q", QUE_CLASSIC, QUE_SYNCING, "rmq3", "rmq2", "", 155000, QUE_INSYNC_TWICE,
          QUE_CONTRADICTED, NULL}},
        {QUEUE "\"type\":\"quorum\",\"state\":\"running\",\"leader\":" R1 ",\"members\":[" R1 "," R2
               "," R3 "],\"online\":[" R1 "," R2 "],\"online\":[" R1 "," R3 "," R2 "]}",
         {"/", "q", QUE_QUORUM, QUE_RUNNING, "rmq1", "rmq1 rmq2 rmq3", "rmq1 rmq2", -1,
          QUE_INSYNC_TWICE, QUE_CONTRADICTED, NULL}},
        {QUEUE "\"type\":\"quorum\",\"state\":\"running\",\"state\":\"minority\",\"leader\":" R1
               ",\"leader\":" R2 ",\"messages\":5,\"messages\":9,\"messages\":7}",
         {"/", "q", QUE_QUORUM, QUE_MINORITY, NULL, NULL, NULL, 9,
          QUE_CONTRADICTED | QUE_LEADER_TWICE, 0, NULL}},
        {QUEUE "\"type\":\"quorum\",\"state\":\"running\",\"state\":\"running\",\"durable\":true,"
               "\"name\":\"q\",\"type\":\"quorum\",\"leader\":" R1 ",\"leader\":" R1 "}",
         {"/", "q", QUE_QUORUM, QUE_RUNNING, "rmq1", NULL, NULL, -1, 0, QUE_CONTRADICTED, NULL}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct que_roster *roster = que_roster_new();
        struct dr_error error;
        assert_true(rabbitmq_take_figured(roster, rows[i].text, strlen(rows[i].text), &error));
        check_one(roster, &rows[i].expected);
        que_roster_free(roster);
    }
}

/* What the figures say of a queue's messages, what the totals say at the same moment, and what
 * counts; -1: not known. */
static void figures_that_say_too_little(void **state)
{
    (void)state;
    static const struct {
        const char *figured;
        const char *totals;
        double messages;
        double ready;
    } rows[] = {
        /* 4.3.6, a fresh queue before its first tick */
        {"\"type\":\"quorum\",\"state\":\"running\",\"messages\":0,\"messages_ready\":0}",
         "\"type\":\"quorum\",\"state\":\"running\",\"messages\":3,\"messages_ready\":2}", 3, 2},
        /* the totals were asked a moment before */
        {"\"type\":\"quorum\",\"state\":\"running\",\"messages\":9,\"messages_ready\":8}",
         "\"type\":\"quorum\",\"state\":\"running\",\"messages\":3,\"messages_ready\":2}", 9, 8},
        {"\"type\":\"quorum\",\"state\":\"running\",\"messages\":0,\"messages_ready\":0}",
         "\"type\":\"quorum\",\"state\":\"running\",\"messages\":0,\"messages_ready\":0}", 0, 0},
        /* nothing confirms the zero: it has no leader now, or is not in the list of totals */
        {"\"type\":\"quorum\",\"state\":\"running\",\"messages\":0,\"messages_ready\":0}",
         "\"type\":\"quorum\"}", -1, -1},
        {"\"type\":\"quorum\",\"state\":\"running\",\"messages\":4,\"messages_ready\":0}", NULL, 4,
         -1},
        /* no state: the figures of a queue that has just got its leader stay unknown */
        {"\"type\":\"quorum\",\"messages\":0}",
         "\"type\":\"quorum\",\"state\":\"running\",\"messages\":0,\"messages_ready\":0}", -1, -1},
        /* others are left alone */
        {"\"type\":\"classic\",\"state\":\"running\",\"messages\":0,\"messages_ready\":0}",
         "\"type\":\"classic\",\"state\":\"running\",\"messages\":3,\"messages_ready\":2}", 0, 0},
        {"\"type\":\"stream\",\"state\":\"running\",\"messages\":0}", NULL, 0, -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct que_roster *roster = que_roster_new(), *totals = que_roster_new();
        char text[500];
        print_message("  row %zu\n", i + 1);
        snprintf(text, sizeof text, "[%s%s]", QUEUE, rows[i].figured);
        take(roster, rabbitmq_take_figured, text);
        snprintf(text, sizeof text, "[%s%s]", rows[i].totals != NULL ? QUEUE : "",
                 rows[i].totals != NULL ? rows[i].totals : "");
        take(totals, rabbitmq_take_totals, text);
        rabbitmq_raise_figures(roster, totals);
        const struct que_queue *queue = que_roster_find(roster, "/", "q");
        struct dr_opt_real messages = que_figure(queue, QUE_MESSAGES);
        struct dr_opt_real ready = que_figure(queue, QUE_READY);
        assert_int_equal(messages.known ? (int)messages.value : -1, (int)rows[i].messages);
        assert_int_equal(ready.known ? (int)ready.value : -1, (int)rows[i].ready);
        que_roster_free(roster);
        que_roster_free(totals);
    }
}

static void elements_that_cannot_be_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *said;
    } rows[] = {
        {"{\"name\":\"q\"}", "\"vhost\" is missing"},
        {"{\"vhost\":\"/\",\"messages\":1}", "\"name\" or"},
        {QUEUE "\"messages\":\"5\"}", "queue q: \"messages\" is no number"},
        {QUEUE "\"messages\":-1}", "is no count"},
        {QUEUE "\"messages\":true}", "is no number"},
        {QUEUE "\"messages\":{}}", "is no number"},
        {QUEUE "\"messages\":5", "the text ends here"},
        {QUEUE "\"state\":5}", "\"state\" is no text"},
        {QUEUE "\"durable\":\"yes\"}", "\"durable\" is no true or false"},
        {QUEUE "\"synchronised_slave_nodes\":\"rmq1@localhost\"}", "is no list"},
        {QUEUE "\"online\":[5]}", "\"online\" is no text"},
        {QUEUE "\"leader\":[]}", "\"leader\" is no text"},
        {QUEUE "\"name\":\"r\"}", "\"name\" twice"},
        {QUEUE "\"type\":\"classic\",\"type\":\"quorum\"}", "\"type\" twice"},
        {QUEUE "\"message_stats\":[]}", "\"message_stats\" is no object"},
        {QUEUE "\"effective_policy_definition\":[]}", "is no object"},
        {QUEUE "\"consumers\":1}}", "something follows"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct que_roster *roster = que_roster_new();
        struct dr_error error = {.class = DR_ERR_NONE};
        print_message("  %s\n", rows[i].text);
        assert_false(rabbitmq_take_figured(roster, rows[i].text, strlen(rows[i].text), &error));
        assert_int_equal(error.class, DR_ERR_PROTOCOL);
        if (strstr(error.text, rows[i].said) == NULL)
            fail_msg("%s", error.text);
        que_roster_free(roster);
    }
}

static void more_nodes_than_there_is_room_for(void **state)
{
    (void)state;
    struct que_roster *roster = que_roster_new();
    struct dr_error error = {.class = DR_ERR_NONE};
    struct dr_buffer text = DR_BUFFER(10000);
    dr_buffer_add(&text, QUEUE "\"members\":[\"n0\"");
    for (int i = 1; i <= QUE_NODES_MAX; i++)
        dr_buffer_addf(&text, ",\"n%d\"", i);
    dr_buffer_add(&text, "]}");
    assert_false(rabbitmq_take_listed(roster, text.text, text.size, &error));
    assert_non_null(strstr(error.text, "more than 64 nodes"));
    dr_buffer_free(&text);
    que_roster_free(roster);
}

static void every_figure(void **state)
{
    (void)state;
    static const char text[] =
        "[" QUEUE "\"type\":\"classic\",\"state\":\"flow\",\"messages\":7,\"messages_ready\":4,"
        "\"messages_unacknowledged\":3,\"messages_persistent\":6,\"message_bytes\":700,"
        "\"consumers\":2,\"head_message_timestamp\":1795205424,\"sync_messages\":1,"
        "\"message_stats\":{\"publish\":70,\"publish_details\":{\"rate\":0.5},\"ack\":50,"
        "\"ack_details\":{\"rate\":1.5},\"deliver\":99,\"deliver_no_ack\":10,"
        "\"deliver_no_ack_details\":{\"rate\":0.25},\"get_no_ack\":3,"
        "\"get_no_ack_details\":{\"rate\":0}}},"
        "{\"name\":\"r\",\"vhost\":\"/\",\"state\":\"running\",\"head_message_timestamp\":"
        "1795205424000,\"message_stats\":{\"publish\":100,\"publish_details\":{\"rate\":0.0}}}]";
    static const double figures[QUE_FIGURES] = {
        [QUE_MESSAGES] = 7, [QUE_READY] = 4,          [QUE_UNACKED] = 3,     [QUE_PERSISTENT] = 6,
        [QUE_BYTES] = 700,  [QUE_CONSUMERS] = 2,      [QUE_HEAD_AGE] = 30,   [QUE_PUBLISHED] = 70,
        [QUE_ACKED] = 63,   [QUE_PUBLISH_RATE] = 0.5, [QUE_ACK_RATE] = 1.75, [QUE_SYNCED] = 1};
    struct que_roster *roster = que_roster_new();
    take(roster, rabbitmq_take_figured, text);
    rabbitmq_age_heads(roster, dr_real(1795205454));
    const struct que_queue *queue = que_roster_find(roster, "/", "q");
    for (int i = 0; i < QUE_FIGURES; i++) {
        struct dr_opt_real figure = que_figure(queue, (enum que_figure)i);
        assert_true(figure.known);
        assert_float_equal(figure.value, figures[i], 1e-9);
    }
    /* it never had a consumer; its publisher counts in milliseconds */
    queue = que_roster_find(roster, "/", "r");
    assert_int_equal(queue->known, 1U << QUE_PUBLISHED | 1U << QUE_PUBLISH_RATE | 1U << QUE_ACKED |
                                       1U << QUE_ACK_RATE);
    assert_float_equal(que_figure(queue, QUE_ACKED).value, 0, 1e-9);
    que_roster_free(roster);
}

static void ages_without_a_clock(void **state)
{
    (void)state;
    static const char text[] =
        "[" QUEUE "\"state\":\"running\",\"head_message_timestamp\":1795205424}]";
    struct que_roster *roster = que_roster_new();
    take(roster, rabbitmq_take_figured, text);
    rabbitmq_age_heads(roster, (struct dr_opt_real){.known = false});
    assert_false(que_figure(que_roster_at(roster, 0), QUE_HEAD_AGE).known);
    que_roster_free(roster);
}

static void who_will_have_figures_soon(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fresh;
    } rows[] = {
        {QUEUE "\"type\":\"quorum\",\"leader\":" R1 ",\"members\":[" R1 "],\"online\":[" R1 "]}",
         true},
        {QUEUE "\"type\":\"quorum\",\"leader\":null,\"members\":[" R1 "," R2 "," R3
               "],\"online\":[" R1 "," R2 "]}",
         true},
        {QUEUE "\"type\":\"quorum\",\"leader\":null,\"members\":[" R1 "," R2 "," R3
               "],\"online\":[" R1 "]}",
         false},
        {QUEUE "\"type\":\"quorum\",\"leader\":null,\"members\":[" R1 "," R2 "],\"online\":[" R1
               "]}",
         false},
        {QUEUE "\"type\":\"quorum\",\"state\":\"running\",\"leader\":" R1 "}", true},
        {QUEUE "\"type\":\"quorum\",\"state\":\"running\",\"leader\":" R1 ",\"messages\":0}",
         false},
        {QUEUE "\"type\":\"quorum\",\"state\":\"minority\",\"leader\":" R1 "}", false},
        {QUEUE "\"type\":\"classic\",\"state\":\"down\",\"node\":" R1 "}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct que_roster *roster = que_roster_new();
        struct dr_error error;
        assert_true(rabbitmq_take_figured(roster, rows[i].text, strlen(rows[i].text), &error));
        assert_int_equal(rabbitmq_is_fresh(que_roster_at(roster, 0)), rows[i].fresh);
        que_roster_free(roster);
    }
}

/* ---- policies ---- */

static void definitions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *definition;
        const char *ha_mode;
        int count; /* -1: not known */
        enum que_promote promote;
        bool automatic;
    } rows[] = {
        {"{}", "", NULL, -1, QUE_PROMOTE_UNKNOWN, false},
        {"null", "", NULL, -1, QUE_PROMOTE_UNKNOWN, false},
        {"{\"max-length\": 5, \"expires\":7}", "{\"expires\":7,\"max-length\":5}", NULL, -1,
         QUE_PROMOTE_UNKNOWN, false},
        {"{\"ha-mode\":\"all\"}", "{\"ha-mode\":\"all\"}", "all", -1, QUE_PROMOTE_ALWAYS, false},
        {"{\"ha-sync-mode\":\"automatic\",\"ha-promote-on-failure\":\"when-synced\","
         "\"ha-params\":3,\"ha-mode\":\"exactly\"}",
         "{\"ha-mode\":\"exactly\",\"ha-params\":3,\"ha-promote-on-failure\":\"when-synced\","
         "\"ha-sync-mode\":\"automatic\"}",
         "exactly", 3, QUE_PROMOTE_WHEN_SYNCED, true},
        {"{\"ha-mode\":\"nodes\",\"ha-params\":[\"a\",\"b\"]}",
         "{\"ha-mode\":\"nodes\",\"ha-params\":[\"a\",\"b\"]}", "nodes", -1, QUE_PROMOTE_ALWAYS,
         false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct que_roster *roster = que_roster_new();
        struct dr_json reader = dr_json_start(rows[i].text);
        struct dr_buffer definition = DR_BUFFER(RABBITMQ_DEFINITION_MAX);
        struct dr_error error;
        assert_true(rabbitmq_read_definition(&reader, &definition, &error));
        assert_string_equal(dr_buffer_text(&definition), rows[i].definition);
        const struct que_policy *policy =
            rabbitmq_add_policy(roster, "p", dr_buffer_text(&definition));
        assert_non_null(policy);
        assert_int_equal(policy->ha_mode != NULL, rows[i].ha_mode != NULL);
        if (policy->ha_mode != NULL)
            assert_string_equal(policy->ha_mode, rows[i].ha_mode);
        assert_int_equal(policy->ha_count.known ? policy->ha_count.value : -1, rows[i].count);
        assert_int_equal(policy->on_failure, rows[i].promote);
        assert_int_equal(policy->sync_automatic, rows[i].automatic);
        dr_buffer_free(&definition);
        que_roster_free(roster);
    }
}

/* Which operator policy applies nobody says: one that can make mirrors makes it unknown. */
static void operators_that_mirror(void **state)
{
    (void)state;
    static const char policies_text[] =
        "[{\"vhost\":\"/\",\"name\":\"p\",\"definition\":{\"ha-mode\":\"all\"}},"
        "{\"vhost\":\"b\",\"name\":\"p\",\"definition\":{\"max-length\":5}}]";
    static const char operators_text[] =
        "[{\"vhost\":\"b\",\"name\":\"o\",\"definition\":{\"ha-mode\":\"all\"}}]";
    static const char queues[] = "[{\"name\":\"q\",\"vhost\":\"/\",\"policy\":\"p\"},"
                                 "{\"name\":\"q\",\"vhost\":\"b\",\"policy\":\"p\"},"
                                 "{\"name\":\"r\",\"vhost\":\"b\"}]";
    struct rabbitmq_policies policies = {.count = 0}, operators = {.count = 0};
    struct dr_error error;
    assert_true(rabbitmq_read_policies(policies_text, &policies, &error));
    assert_true(rabbitmq_read_policies(operators_text, &operators, &error));
    for (int i = 0; i < 3; i++) {
        struct que_roster *roster = que_roster_new();
        const struct rabbitmq_policies none = {.count = 0};
        take(roster, rabbitmq_take_listed, queues);
        assert_true(rabbitmq_apply_policies(roster, &policies,
                                            i == 0   ? &operators
                                            : i == 1 ? &none
                                                     : NULL));
        const struct que_policy *here = que_policy_of(roster, que_roster_find(roster, "/", "q"));
        const struct que_policy *there = que_policy_of(roster, que_roster_find(roster, "b", "q"));
        assert_int_equal(here->definition != NULL, i < 2);
        assert_int_equal(here->ha_mode != NULL, i < 2);
        assert_int_equal(there->definition != NULL, i == 1);
        assert_null(there->ha_mode);
        assert_null(que_policy_of(roster, que_roster_find(roster, "b", "r")));
        que_roster_free(roster);
    }
    rabbitmq_policies_free(&policies);
    rabbitmq_policies_free(&operators);
}

/* ---- the node ---- */

static void end_view(struct que_view *view)
{
    struct que_facts facts = {.view = *view};
    que_facts_free(&facts);
    *view = (struct que_view){.user = NULL};
}

static void who_we_are(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *tags;
    } rows[] = {{"{\"name\":\"nagios\",\"tags\":[\"monitoring\",\"management\"]}",
                 "monitoring, management"},
                {"{\"name\":\"nagios\",\"tags\":\"monitoring\"}", "monitoring"},
                {"{\"name\":\"nagios\",\"tags\":[]}", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct que_view view = {.user = NULL};
        struct dr_error error;
        assert_true(rabbitmq_read_whoami(rows[i].text, &view, &error));
        assert_string_equal(view.user, "nagios");
        if (rows[i].tags == NULL)
            assert_null(view.tags);
        else
            assert_string_equal(view.tags, rows[i].tags);
        end_view(&view);
    }
}

static void overviews(void **state)
{
    (void)state;
    struct que_view view = {.user = NULL};
    struct dr_error error;
    char *text = sample("after_stop_rmq1/overview.json");
    assert_true(rabbitmq_read_overview(text, &view, &error));
    assert_string_equal(view.node, "rmq2@localhost");
    assert_string_equal(view.version, "3.10.8");
    assert_true(view.queues.known && view.queues.value == 10);
    assert_false(view.stats_disabled);
    free(text);
    end_view(&view);
    assert_true(rabbitmq_read_overview("{\"node\":\"a\",\"disable_stats\":true}", &view, &error));
    assert_true(view.stats_disabled);
    assert_false(view.queues.known);
    assert_null(view.version);
    end_view(&view);
}

static const struct que_member *member(const struct que_view *view, const char *name)
{
    for (size_t i = 0; i < view->member_count; i++) {
        if (strcmp(view->members[i].name, name) == 0)
            return &view->members[i];
    }
    fail_msg("no %s", name);
    return NULL;
}

static void nodes(void **state)
{
    (void)state;
    struct que_view view = {.user = NULL};
    struct dr_error error;
    char *text = sample("after_stop_rmq1/nodes.json");
    assert_true(rabbitmq_read_nodes(text, &view, &error));
    free(text);
    assert_int_equal(view.member_count, 3);
    const struct que_member *dead = member(&view, "rmq1@localhost");
    assert_true(dead->running.known && !dead->running.value);
    assert_false(dead->reporting || dead->partitions_known || dead->memory_alarm.known ||
                 dead->fd_used.known || dead->uptime.known || dead->drained.known);
    const struct que_member *alive = member(&view, "rmq2@localhost");
    assert_true(alive->running.value && alive->partitions_known && alive->partitions == NULL);
    assert_true(alive->memory_alarm.known && !alive->memory_alarm.value);
    assert_true(alive->fd_used.value == 51 && alive->fd_total.value == 20000);
    assert_float_equal(alive->uptime.value, 253.114, 1e-9);
    end_view(&view);

    text = sample("partition_via_rmq1/nodes.json");
    assert_true(rabbitmq_read_nodes(text, &view, &error));
    free(text);
    const struct que_member *cut = member(&view, "rmq2@localhost");
    assert_false(cut->running.value);
    assert_string_equal(cut->partitions, "rmq1@localhost, rmq3@localhost");
    end_view(&view);

    assert_true(rabbitmq_read_nodes("[{\"name\":\"a\",\"running\":true,\"os_pid\":\"7\","
                                    "\"being_drained\":true,\"fd_total\":\"unknown\"}]",
                                    &view, &error));
    assert_true(view.members[0].reporting && view.members[0].drained.value);
    assert_false(view.members[0].fd_total.known);
    end_view(&view);
}

static void health_checks(void **state)
{
    (void)state;
    struct que_view view = {.user = NULL};
    struct dr_error error;
    char *text = sample("alarms.json");
    assert_true(rabbitmq_read_alarms("{\"status\":\"ok\"}", &view, &error));
    assert_null(view.alarms);
    assert_true(rabbitmq_read_alarms(text, &view, &error));
    assert_string_equal(view.alarms, "memory on rmq2@localhost");
    free(text);
    assert_true(rabbitmq_read_certificates(
        "{\"status\":\"failed\",\"reason\":\"Certificates expiring\",\"expired\":[{\"node\":\"a\","
        "\"protocol\":\"amqp/ssl\",\"interface\":\"::\",\"port\":5671,\"certfile_expires_on\":"
        "[\"2026-12-01 10:00:00\"]},{\"port\":15671,\"protocol\":\"https\",\"node\":\"a\"}]}",
        &view, &error));
    assert_string_equal(view.certificates, "amqp/ssl port 5671 on a, https port 15671 on a");
    end_view(&view);
}

static void links(void **state)
{
    (void)state;
    struct que_view view = {.user = NULL};
    struct dr_error error;
    assert_true(rabbitmq_read_links(
        "[{\"name\":\"to-dr\",\"vhost\":\"/\",\"type\":\"dynamic\",\"state\":\"running\"},"
        "{\"name\":\"old\",\"vhost\":\"/\",\"state\":\"terminated\",\"reason\":\"badarg\"}]",
        "shovel", &view, &error));
    assert_true(
        rabbitmq_read_links("[{\"upstream\":\"eu\",\"vhost\":\"/\",\"status\":\"starting\"}]",
                            "federation", &view, &error));
    assert_int_equal(view.link_count, 3);
    assert_string_equal(view.links[1].error, "badarg");
    assert_string_equal(view.links[2].name, "eu");
    assert_string_equal(view.links[2].state, "starting");
    assert_string_equal(view.links[2].kind, "federation");
    end_view(&view);
}

/* What is defined and not listed is left, under its own name alone. */
static void shovels_that_are_not_listed(void **state)
{
    (void)state;
    struct que_view view = {.user = NULL};
    struct dr_error error;
    rabbitmq_settle_links(&view);
    assert_true(
        rabbitmq_read_defined("[{\"name\":\"b\",\"vhost\":\"/\"},{\"name\":\"a\",\"vhost\":\"/\"},"
                              "{\"vhost\":\"shop\",\"name\":\"b\"}]",
                              &view, &error));
    assert_true(rabbitmq_read_links("[{\"upstream\":\"a\",\"vhost\":\"/\",\"status\":\"running\"}]",
                                    "federation", &view, &error));
    assert_true(
        rabbitmq_read_links("[{\"name\":\"b\",\"vhost\":\"/\",\"state\":\"running\"},"
                            "{\"name\":\"b\",\"vhost\":\"/\",\"state\":\"starting\"},"
                            "{\"name\":\"fixed\",\"type\":\"static\",\"state\":\"running\"}]",
                            "shovel", &view, &error));
    rabbitmq_settle_links(&view);
    assert_int_equal(view.link_count, 6);
    static const struct {
        const char *vhost, *name;
        bool listed;
    } rows[] = {{"/", "a", true}, {NULL, "fixed", true}, {"/", "a", false},
                {"/", "b", true}, {"/", "b", true},      {"shop", "b", false}};
    for (size_t i = 0; i < view.link_count; i++) {
        assert_string_equal(view.links[i].name, rows[i].name);
        assert_int_equal(view.links[i].vhost != NULL, rows[i].vhost != NULL);
        assert_true(rows[i].vhost == NULL || strcmp(view.links[i].vhost, rows[i].vhost) == 0);
        assert_int_equal(view.links[i].state != NULL, rows[i].listed);
    }
    end_view(&view);
}

static bool read_shovels(const char *text, struct que_view *view, struct dr_error *error)
{
    return rabbitmq_read_links(text, "shovel", view, error);
}

/* The error says why, and nothing half read is left in a list. */
static void replies_that_are_none(void **state)
{
    (void)state;
    static const struct {
        bool (*read)(const char *text, struct que_view *view, struct dr_error *error);
        const char *text;
        const char *said;
    } rows[] = {
        {rabbitmq_read_whoami, "", "the text ends here"},
        {rabbitmq_read_whoami, "<html>", "bad JSON, position 1"},
        {rabbitmq_read_whoami, "[]", "\"reply\" is no object"},
        {rabbitmq_read_whoami, "{}", "\"name\" is missing"},
        {rabbitmq_read_overview, "{\"rabbitmq_version\":\"3\"}", "\"node\" is missing"},
        {rabbitmq_read_overview, "{\"node\":5}", "\"node\" is no text"},
        {rabbitmq_read_overview, "{\"node\":\"a\",\"object_totals\":{\"queues\":1.5}}",
         "\"queues\" is no count"},
        {rabbitmq_read_nodes, "[]", "without nodes"},
        {rabbitmq_read_nodes, "null", "\"reply\" is no list"},
        {rabbitmq_read_nodes, "[{\"name\":\"a\"},{\"running\":true}]", "without \"name\""},
        {rabbitmq_read_nodes, "[{\"name\":\"a\",\"running\":\"yes\"}]", "\"running\" is no"},
        {rabbitmq_read_nodes, "[{\"name\":\"a\"},5]", "\"item\" is no object"},
        {rabbitmq_read_nodes, "[{\"name\":\"a\"},null]", "\"item\" is no object"},
        {rabbitmq_read_nodes, "[{\"name\":\"a\"}", "the text ends here"},
        {rabbitmq_read_alarms, "{}", "neither ok nor failed"},
        {rabbitmq_read_alarms, "{\"status\":\"failed\",\"alarms\":[]}", "\"alarms\" is empty"},
        {rabbitmq_read_certificates, "{\"status\":\"failed\"}", "\"expired\" is empty"},
        {rabbitmq_read_vhosts, "[{\"name\":\"/\"},{}]", "without \"name\""},
        {read_shovels, "[{\"name\":\"a\",\"vhost\":\"/\"}]", "a shovel without"},
        {rabbitmq_read_defined, "[{\"name\":\"a\"},{\"vhost\":\"/\"}]", "a shovel without a name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct que_view view = {.user = NULL};
        struct dr_error error = {.class = DR_ERR_NONE};
        print_message("  %s\n", rows[i].text);
        assert_false(rows[i].read(rows[i].text, &view, &error));
        assert_int_equal(error.class, DR_ERR_PROTOCOL);
        if (strstr(error.text, rows[i].said) == NULL)
            fail_msg("%s", error.text);
        assert_int_equal(view.member_count + view.vhost_count + view.link_count, 0);
        end_view(&view);
    }
}

static void refusals(void **state)
{
    (void)state;
    struct dr_rabbitmq_refusal refusal;
    dr_rabbitmq_read_refusal("{\"error\":\"not_authorised\",\"reason\":\"Not monitor user\"}",
                             &refusal);
    assert_string_equal(refusal.code, "not_authorised");
    assert_string_equal(refusal.reason, "Not monitor user");
    dr_rabbitmq_read_refusal("<html>", &refusal);
    assert_string_equal(refusal.code, "");
    assert_string_equal(refusal.reason, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mirrors_that_are_not_in_sync),
        cmocka_unit_test(two_of_three_nodes_are_gone),
        cmocka_unit_test(totals_only),
        cmocka_unit_test(totals_of_an_idle_queue),
        cmocka_unit_test(two_lists),
        cmocka_unit_test(a_key_that_stands_twice),
        cmocka_unit_test(figures_that_say_too_little),
        cmocka_unit_test(elements_that_cannot_be_read),
        cmocka_unit_test(more_nodes_than_there_is_room_for),
        cmocka_unit_test(every_figure),
        cmocka_unit_test(ages_without_a_clock),
        cmocka_unit_test(who_will_have_figures_soon),
        cmocka_unit_test(definitions),
        cmocka_unit_test(operators_that_mirror),
        cmocka_unit_test(who_we_are),
        cmocka_unit_test(overviews),
        cmocka_unit_test(nodes),
        cmocka_unit_test(health_checks),
        cmocka_unit_test(links),
        cmocka_unit_test(shovels_that_are_not_listed),
        cmocka_unit_test(replies_that_are_none),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
