/* SPDX-License-Identifier: GPL-3.0-or-later */
/* que_history_find, whatever the order in which queues were remembered. */
#include "plugins/queues/history.h"

#include "tests/unit/locale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEP                                                                                       \
    377 /* has no divisor in common with the number of queues: their order is not a sorted         \
           one */

static char directory[32];

static int make(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/dr-queues-XXXXXX");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int clean(void **state)
{
    (void)state;
    test_remove_tree(directory);
    return 0;
}

static void open_history(struct que_history *history)
{
    struct dr_error error;
    assert_true(que_history_open(history, directory, "check_queue_mirrors", "mq1", &error));
}

static void close_history(struct que_history *history)
{
    struct dr_error error;
    assert_true(que_history_close(history, &error));
}

static const char *key_of(int number)
{
    static char key[32];
    snprintf(key, sizeof key, "//orders %d", number);
    return key;
}

static void every_queue_is_found(void **state)
{
    (void)state;
    struct que_history history;
    struct que_memory memory = {.unsynced_since = 1};
    open_history(&history);
    assert_false(que_history_find(&history, key_of(0), &memory));
    for (int i = 0; i < QUE_HISTORY_QUEUES; i++) {
        int number = i * STEP % QUE_HISTORY_QUEUES;
        memory.messages = dr_int(number);
        assert_true(que_history_keep(&history, key_of(number), &memory));
    }
    assert_false(que_history_keep(&history, "one more", &memory));
    assert_false(que_history_find(&history, key_of(0), &memory));
    close_history(&history);
    open_history(&history);
    for (int i = 0; i < QUE_HISTORY_QUEUES; i++) {
        assert_true(que_history_find(&history, key_of(i), &memory));
        assert_true(memory.messages.known);
        assert_int_equal(memory.messages.value, i);
    }
    assert_false(que_history_find(&history, key_of(QUE_HISTORY_QUEUES), &memory));
    assert_false(que_history_find(&history, "", &memory));
    close_history(&history);
}

/* What this run keeps neither hides nor moves what the last one said. */
static void found_while_others_are_kept(void **state)
{
    (void)state;
    struct que_history history;
    struct que_memory memory = {.messages = dr_int(7)};
    open_history(&history);
    assert_true(que_history_keep(&history, key_of(1), &memory));
    close_history(&history);
    open_history(&history);
    memory.messages = dr_int(8);
    for (int i = 0; i < 100; i++)
        assert_true(que_history_keep(&history, key_of(i), &memory));
    assert_true(que_history_find(&history, key_of(1), &memory));
    assert_int_equal(memory.messages.value, 7);
    assert_false(que_history_find(&history, key_of(2), &memory));
    close_history(&history);
    open_history(&history);
    assert_true(que_history_find(&history, key_of(1), &memory));
    assert_int_equal(memory.messages.value, 8);
    close_history(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_queue_is_found, make, clean),
        cmocka_unit_test_setup_teardown(found_while_others_are_kept, make, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
