/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/board.h"

#include "common/run.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Far away: whoever waits for it hangs, and the test with it. */
#define NEVER (dr_monotonic() + 3600)

static void the_first_mark_stays(void **state)
{
    (void)state;
    struct rep_board *board = rep_board_new(3, 3);
    const struct rep_mark first = {.moment = 1, .position = 100, .system = "1", .heartbeat = true};
    const struct rep_mark second = {.moment = 2, .position = 200, .system = "2"};
    struct rep_mark mark;
    rep_board_post(board, 0, &first);
    rep_board_post(board, 1, &second);
    assert_true(rep_board_wait_mark(board, NULL, NEVER, &mark));
    assert_int_equal(mark.position, 100);
    assert_string_equal(mark.system, "1");
    assert_true(mark.heartbeat);
    rep_board_free(board);
}

/* Positions of another history mean nothing. */
static void a_mark_of_its_own_system(void **state)
{
    (void)state;
    struct rep_board *board = rep_board_new(3, 3);
    const struct rep_mark first = {.position = 100, .system = "1"};
    const struct rep_mark second = {.position = 200, .system = "2"};
    struct rep_mark mark;
    rep_board_post(board, 0, &first);
    rep_board_post(board, 1, &second);
    rep_board_follow(board, 2);
    assert_true(rep_board_wait_mark(board, "2", NEVER, &mark));
    assert_int_equal(mark.position, 200);
    assert_true(rep_board_wait_mark(board, "1", NEVER, &mark));
    assert_int_equal(mark.position, 100);
    assert_false(rep_board_wait_mark(board, "3", NEVER, &mark));
    rep_board_free(board);
}

static void who_was_discovered_is_waited_for(void **state)
{
    (void)state;
    struct rep_board *board = rep_board_new(3, 1);
    bool pending;
    rep_board_join(board, 2);
    rep_board_done(board, 0);
    struct rep_mark mark;
    double until = dr_monotonic() + 0.02;
    assert_false(rep_board_wait_mark(board, NULL, until, &mark)); /* node 2 may still post one */
    assert_true(dr_monotonic() >= until);
    rep_board_done(board, 2);
    rep_board_join(board, 2); /* it was quicker than the one who found it */
    assert_false(rep_board_wait_mark(board, NULL, NEVER, &mark));
    assert_int_equal(rep_board_wait_done(board, 0, 0, NEVER, 0, &pending), 1);
    assert_false(pending);
    rep_board_free(board);
}

static void no_mark_can_come(void **state)
{
    (void)state;
    struct rep_board *board = rep_board_new(3, 3);
    struct rep_mark mark;
    rep_board_follow(board, 0);
    rep_board_follow(board, 1);
    rep_board_done(board, 2); /* failed before it could say what it is */
    assert_false(rep_board_wait_mark(board, NULL, NEVER, &mark));
    rep_board_free(board);
}

static void a_mark_is_waited_for_until_then(void **state)
{
    (void)state;
    struct rep_board *board = rep_board_new(2, 2);
    struct rep_mark mark;
    rep_board_follow(board, 0);
    double until = dr_monotonic() + 0.02;
    assert_false(rep_board_wait_mark(board, NULL, until, &mark));
    assert_true(dr_monotonic() >= until);
    rep_board_free(board);
}

static void who_is_done(void **state)
{
    (void)state;
    struct rep_board *board = rep_board_new(4, 4);
    const struct rep_mark mark = {.position = 1};
    bool pending;
    rep_board_post(board, 0, &mark);
    rep_board_follow(board, 1);
    rep_board_done(board, 2);
    /* Node 3 has not said anything yet, node 1 looks: one is done. */
    assert_int_equal(rep_board_wait_done(board, 0, 0, NEVER, 0, &pending), 1);
    assert_true(pending);
    rep_board_done(board, 1);
    assert_int_equal(rep_board_wait_done(board, 0, 1, NEVER, 0, &pending), 2);
    assert_true(pending);
    /* The last one turns out to be a primary, too: nobody is left to wait for. */
    rep_board_post(board, 3, &mark);
    assert_int_equal(rep_board_wait_done(board, 0, 2, NEVER, 0, &pending), 2);
    assert_false(pending);
    /* One's own end does not count. */
    rep_board_done(board, 0);
    assert_int_equal(rep_board_wait_done(board, 0, 2, NEVER, 0, &pending), 2);
    rep_board_free(board);
}

static void done_is_waited_for_until_then(void **state)
{
    (void)state;
    struct rep_board *board = rep_board_new(2, 2);
    const struct rep_mark mark = {.position = 1};
    bool pending;
    rep_board_post(board, 0, &mark);
    double until = dr_monotonic() + 0.02;
    assert_int_equal(rep_board_wait_done(board, 0, 0, until, 0, &pending), 0);
    assert_true(pending && dr_monotonic() >= until);
    /* A time that has passed is no wait at all. */
    assert_int_equal(rep_board_wait_done(board, 0, 0, 0, 0, &pending), 0);
    rep_board_free(board);
}

static void nothing_is_fine(void **state)
{
    (void)state;
    rep_board_free(NULL);
}

/* ---- threads ---- */

#define FOLLOWERS 15
#define ROUNDS 30

struct party {
    struct rep_board *board;
    size_t index;
    int64_t seen;
};

static void *follow(void *argument)
{
    struct party *party = argument;
    struct rep_mark mark = {.position = 0};
    rep_board_follow(party->board, party->index);
    if (rep_board_wait_mark(party->board, NULL, NEVER, &mark))
        party->seen = mark.position;
    rep_board_done(party->board, party->index);
    return NULL;
}

static void *give_up(void *argument)
{
    struct party *party = argument;
    rep_board_done(party->board, party->index);
    return NULL;
}

static void *lead(void *argument)
{
    struct party *party = argument;
    const struct rep_mark mark = {.position = 42};
    bool pending = true;
    rep_board_post(party->board, party->index, &mark);
    for (size_t done = 0; pending; party->seen = (int64_t)done)
        done = rep_board_wait_done(party->board, party->index, done, NEVER, 0, &pending);
    rep_board_done(party->board, party->index);
    return NULL;
}

/* Runs the followers and one more; returns what that one has seen. */
static int64_t meet(void *(*one_more)(void *), int64_t expected)
{
    pthread_t threads[FOLLOWERS + 1];
    struct party parties[FOLLOWERS + 1];
    struct rep_board *board = rep_board_new(FOLLOWERS + 1, FOLLOWERS + 1);
    for (size_t i = 0; i <= FOLLOWERS; i++) {
        parties[i] = (struct party){.board = board, .index = i, .seen = -1};
        assert_int_equal(
            pthread_create(&threads[i], NULL, i == FOLLOWERS ? one_more : follow, &parties[i]), 0);
    }
    for (size_t i = 0; i <= FOLLOWERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < FOLLOWERS; i++)
        assert_int_equal(parties[i].seen, expected);
    rep_board_free(board);
    return parties[FOLLOWERS].seen;
}

static void everyone_gets_the_mark(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS; i++)
        assert_int_equal(meet(lead, 42), FOLLOWERS);
}

static void nobody_hangs_without_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS; i++)
        meet(give_up, -1);
}

/* A standby that takes part is known by the name that its primary may show. */
static void test_names(void **state)
{
    (void)state;
    struct rep_board *board = rep_board_new(3, 3);
    assert_false(rep_board_knows(board, "192.0.2.2:6379"));
    rep_board_name(board, 1, "192.0.2.2:6379");
    rep_board_name(board, 2, NULL);
    assert_true(rep_board_knows(board, "192.0.2.2:6379"));
    assert_false(rep_board_knows(board, "192.0.2.2:6380"));
    assert_false(rep_board_knows(board, ""));
    assert_false(rep_board_knows(board, NULL));
    rep_board_done(board, 1);
    assert_true(rep_board_knows(board, "192.0.2.2:6379"));
    rep_board_free(board);
}

int main(void)
{
    alarm(60); /* whoever hangs fails */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(the_first_mark_stays),
        cmocka_unit_test(a_mark_of_its_own_system),
        cmocka_unit_test(who_was_discovered_is_waited_for),
        cmocka_unit_test(no_mark_can_come),
        cmocka_unit_test(a_mark_is_waited_for_until_then),
        cmocka_unit_test(who_is_done),
        cmocka_unit_test(done_is_waited_for_until_then),
        cmocka_unit_test(nothing_is_fine),
        cmocka_unit_test(everyone_gets_the_mark),
        cmocka_unit_test(nobody_hangs_without_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
