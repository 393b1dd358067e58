/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/board.h"

#include "common/run.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

/* Far away: whoever waits for it hangs, and the test with it. */
#define NEVER (dr_monotonic() + 3600)

static void the_first_one_takes_it(void **state)
{
    (void)state;
    struct que_board *board = que_board_new(2);
    assert_true(que_board_claim(board, 1, "mq1", NEVER));
    que_board_done(board, 1, true);
    assert_false(que_board_claim(board, 0, "mq1", NEVER));
    que_board_done(board, 0, false);
    que_board_free(board);
}

/* Whoever could not take it leaves it to the next one. */
static void it_is_handed_over(void **state)
{
    (void)state;
    struct que_board *board = que_board_new(3);
    assert_true(que_board_claim(board, 0, "mq1", NEVER));
    que_board_done(board, 0, false);
    assert_true(que_board_claim(board, 1, "mq1", NEVER));
    que_board_done(board, 1, true);
    assert_false(que_board_claim(board, 2, "mq1", NEVER));
    que_board_free(board);
}

static void each_cluster_has_its_own(void **state)
{
    (void)state;
    struct que_board *board = que_board_new(4);
    assert_true(que_board_claim(board, 0, "mq1", NEVER));
    assert_true(que_board_claim(board, 1, "dr1", NEVER));
    que_board_done(board, 0, true);
    que_board_done(board, 1, false);
    assert_false(que_board_claim(board, 2, "mq1", NEVER));
    assert_true(que_board_claim(board, 3, "dr1", NEVER));
    que_board_free(board);
}

/* Somebody works on it until the end of our time: it is not ours, and we have not waited longer. */
static void it_is_waited_for_until_then(void **state)
{
    (void)state;
    struct que_board *board = que_board_new(2);
    assert_true(que_board_claim(board, 0, "mq1", NEVER));
    double until = dr_monotonic() + 0.02;
    assert_false(que_board_claim(board, 1, "mq1", until));
    assert_true(dr_monotonic() >= until);
    que_board_done(board, 1, true); /* it had nothing to end */
    que_board_done(board, 0, false);
    assert_true(que_board_claim(board, 1, "mq1", NEVER));
    /* No time is left for a task that nobody has. */
    que_board_done(board, 1, false);
    assert_false(que_board_claim(board, 0, "mq1", 0));
    assert_true(que_board_claim(board, 0, "mq1", NEVER));
    que_board_free(board);
}

/* A probe that failed before it could claim calls it all the same. */
static void done_without_a_claim(void **state)
{
    (void)state;
    struct que_board *board = que_board_new(2);
    que_board_done(board, 0, true);
    que_board_done(board, 0, false);
    assert_true(que_board_claim(board, 1, "mq1", NEVER));
    que_board_done(board, 1, true);
    que_board_done(board, 1, false); /* what was taken stays taken */
    assert_false(que_board_claim(board, 0, "mq1", NEVER));
    que_board_free(board);
}

static void nothing_is_fine(void **state)
{
    (void)state;
    que_board_free(NULL);
}

/* ---- threads ---- */

#define TARGETS 16
#define ROUNDS 30

struct party {
    struct que_board *board;
    size_t index;
    size_t good; /* the party of this index can take the list, no other */
    bool claimed;
};

/* How many work on the list at this moment; there may be one. */
static int working;
static int most;

static void *take(void *argument)
{
    struct party *party = argument;
    party->claimed = que_board_claim(party->board, party->index, "mq1", NEVER);
    if (party->claimed) {
        int now = __atomic_add_fetch(&working, 1, __ATOMIC_SEQ_CST);
        if (now > most)
            most = now;
        __atomic_sub_fetch(&working, 1, __ATOMIC_SEQ_CST);
    }
    que_board_done(party->board, party->index, party->index == party->good);
    return NULL;
}

/* Runs them all; how many were given the task. */
static size_t meet(size_t good)
{
    size_t claims = 0;
    pthread_t threads[TARGETS];
    struct party parties[TARGETS];
    struct que_board *board = que_board_new(TARGETS);
    for (size_t i = 0; i < TARGETS; i++) {
        parties[i] = (struct party){.board = board, .index = i, .good = good};
        assert_int_equal(pthread_create(&threads[i], NULL, take, &parties[i]), 0);
    }
    for (size_t i = 0; i < TARGETS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        claims += parties[i].claimed ? 1 : 0;
    }
    assert_true(good >= TARGETS || parties[good].claimed);
    que_board_free(board);
    return claims;
}

static void one_at_a_time(void **state)
{
    (void)state;
    most = 0;
    for (size_t i = 0; i < ROUNDS; i++)
        assert_in_range(meet(i % TARGETS), 1, TARGETS);
    assert_int_equal(most, 1);
}

/* Nobody can take it: each has tried, and nobody hangs. */
static void all_try(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS; i++)
        assert_int_equal(meet(TARGETS), TARGETS);
}

int main(void)
{
    alarm(60); /* whoever hangs fails */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_one_takes_it),
        cmocka_unit_test(it_is_handed_over),
        cmocka_unit_test(each_cluster_has_its_own),
        cmocka_unit_test(it_is_waited_for_until_then),
        cmocka_unit_test(done_without_a_claim),
        cmocka_unit_test(nothing_is_fine),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(all_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
