/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 100000

static void test_nothing(void **state)
{
    (void)state;
    struct que_roster *roster = que_roster_new();
    assert_int_equal(roster->count, 0);
    assert_null(que_roster_find(roster, "/", "orders"));
    assert_int_equal(que_roster_find_node(roster, "rabbit@mq1"), -1);
    que_roster_free(roster);
    que_roster_free(NULL);
}

/* What was not said is not known. */
static void test_new_queue(void **state)
{
    (void)state;
    struct que_roster *roster = que_roster_new();
    struct que_queue *queue = que_roster_add(roster, "/", "orders");
    assert_string_equal(queue->name, "orders");
    assert_string_equal(que_vhost_name(roster, queue), "/");
    assert_int_equal(queue->kind, QUE_KIND_UNKNOWN);
    assert_int_equal(queue->state, QUE_STATE_UNKNOWN);
    assert_int_equal(queue->traits, 0);
    assert_int_equal(queue->leader, QUE_LEADERLESS);
    assert_null(que_policy_of(roster, queue));
    for (int i = 0; i < QUE_FIGURES; i++)
        assert_false(que_figure(queue, (enum que_figure)i).known);
    que_set(queue, QUE_MESSAGES, 0);
    assert_true(que_figure(queue, QUE_MESSAGES).known);
    assert_true(que_figure(queue, QUE_MESSAGES).value == 0);
    assert_false(que_figure(queue, QUE_READY).known);
    que_roster_free(roster);
}

/* A queue is its virtual host and its name. */
static void test_identity(void **state)
{
    (void)state;
    struct que_roster *roster = que_roster_new();
    char name[] = "orders";
    struct que_queue *queue = que_roster_add(roster, "/", name);
    name[0] = 'b'; /* the name is a copy */
    assert_ptr_equal(que_roster_find(roster, "/", "orders"), queue);
    assert_ptr_equal(que_roster_add(roster, "/", "orders"), queue);
    assert_int_equal(roster->count, 1);
    assert_null(que_roster_find(roster, "shop", "orders"));
    assert_null(que_roster_find(roster, "/", "Orders"));
    assert_null(que_roster_find(roster, "/", "order"));
    struct que_queue *other = que_roster_add(roster, "shop", "orders");
    assert_ptr_not_equal(other, queue);
    assert_ptr_equal(que_roster_find(roster, "shop", "orders"), other);
    assert_string_equal(que_vhost_name(roster, other), "shop");
    assert_non_null(que_roster_add(roster, "", ""));
    assert_non_null(que_roster_find(roster, "", ""));
    assert_int_equal(roster->count, 3);
    que_roster_free(roster);
}

static const char *number_name(char text[32], int number)
{
    snprintf(text, 32, "queue.%d", number);
    return text;
}

/* Pointers stay valid while it grows, and each is found again. */
static void test_many(void **state)
{
    (void)state;
    char name[32];
    struct que_roster *roster = que_roster_new();
    struct que_queue *first = que_roster_add(roster, "/", number_name(name, 0));
    for (int i = 0; i < MANY; i++) {
        struct que_queue *queue =
            que_roster_add(roster, i % 2 ? "shop" : "/", number_name(name, i));
        assert_non_null(queue);
        que_set(queue, QUE_MESSAGES, i);
    }
    assert_int_equal(roster->count, MANY);
    assert_ptr_equal(que_roster_at(roster, 0), first);
    for (int i = 0; i < MANY; i++) {
        struct que_queue *queue =
            que_roster_find(roster, i % 2 ? "shop" : "/", number_name(name, i));
        assert_ptr_equal(queue, que_roster_at(roster, (size_t)i));
        assert_true(que_figure(queue, QUE_MESSAGES).value == i);
        assert_null(que_roster_find(roster, i % 2 ? "/" : "shop", name));
    }
    assert_null(que_roster_find(roster, "/", number_name(name, MANY)));
    que_roster_free(roster);
}

/* Longer than what names are kept in. */
static void test_long_name(void **state)
{
    (void)state;
    static char name[200001];
    memset(name, 'q', sizeof name - 1);
    struct que_roster *roster = que_roster_new();
    assert_non_null(que_roster_add(roster, "/", "before"));
    struct que_queue *queue = que_roster_add(roster, name, name);
    assert_int_equal(strlen(queue->name), sizeof name - 1);
    assert_non_null(que_roster_add(roster, "/", "behind"));
    assert_ptr_equal(que_roster_find(roster, name, name), queue);
    assert_non_null(que_roster_find(roster, "/", "before"));
    que_roster_free(roster);
}

/* As many virtual hosts as have a number, and not one more. */
static void test_virtual_hosts(void **state)
{
    (void)state;
    char name[32];
    struct que_roster *roster = que_roster_new();
    roster->vhosts = calloc(65536, sizeof *roster->vhosts);
    assert_non_null(roster->vhosts);
    roster->vhost_count = 65534;
    for (size_t i = 0; i < roster->vhost_count; i++)
        roster->vhosts[i] = strdup(number_name(name, (int)i));
    struct que_queue *last = que_roster_add(roster, "the last", "orders");
    assert_string_equal(que_vhost_name(roster, last), "the last");
    assert_null(que_roster_add(roster, "one more", "orders"));
    assert_ptr_equal(que_roster_add(roster, "the last", "orders"), last);
    assert_int_equal(roster->count, 1);
    que_roster_free(roster);
}

/* The nodes of a queue are bits: the 65th has none, and must not pass for another one. */
static void test_nodes(void **state)
{
    (void)state;
    char name[32];
    struct que_roster *roster = que_roster_new();
    que_nodes all = QUE_NOBODY;
    for (int i = 0; i < QUE_NODES_MAX; i++) {
        snprintf(name, sizeof name, "rabbit@mq%d", i);
        assert_int_equal(que_roster_node(roster, name), i);
        assert_int_equal(all & que_bit(i), 0);
        all |= que_bit(i);
    }
    assert_int_equal(que_count(all), QUE_NODES_MAX);
    assert_int_equal(que_roster_node(roster, "rabbit@mq64"), -1);
    assert_int_equal(que_bit(-1), QUE_NOBODY);
    assert_int_equal(que_roster_node(roster, "rabbit@mq63"), 63);
    assert_int_equal(que_roster_find_node(roster, "rabbit@mq7"), 7);
    assert_int_equal(que_roster_find_node(roster, "rabbit@mq"), -1);
    assert_int_equal(roster->node_count, QUE_NODES_MAX);
    que_roster_free(roster);
}

/* One policy, merged with different ones of the operator, is not one. */
static void test_policies(void **state)
{
    (void)state;
    bool added;
    struct que_roster *roster = que_roster_new();
    const struct que_policy *policy =
        que_roster_policy(roster, "ha", "{\"ha-mode\":\"all\"}", &added);
    assert_true(added);
    assert_int_equal(policy->on_failure, QUE_PROMOTE_UNKNOWN);
    assert_false(policy->ha_count.known);
    que_roster_policy(roster, "ha", "{\"ha-mode\":\"exactly\"}", &added);
    assert_true(added);
    que_roster_policy(roster, "ha", NULL, &added);
    assert_true(added);
    que_roster_policy(roster, "other", NULL, &added);
    assert_true(added);
    assert_int_equal(roster->policy_count, 4);
    policy = que_roster_policy(roster, "ha", NULL, &added);
    assert_false(added);
    assert_ptr_equal(policy, &roster->policies[2]);
    struct que_queue *queue = que_roster_add(roster, "/", "orders");
    queue->policy = 1;
    assert_string_equal(que_policy_of(roster, queue)->definition, "{\"ha-mode\":\"exactly\"}");
    queue->policy = 4; /* none such */
    assert_null(que_policy_of(roster, queue));
    que_roster_free(roster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),   cmocka_unit_test(test_new_queue),
        cmocka_unit_test(test_identity),  cmocka_unit_test(test_many),
        cmocka_unit_test(test_long_name), cmocka_unit_test(test_virtual_hosts),
        cmocka_unit_test(test_nodes),     cmocka_unit_test(test_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
