/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/history.h"

#include "tests/unit/locale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1.7e9
#define CHECK "check_liveness"

struct place {
    char directory[40];
    struct liv_history history;
};

static void open_history(struct place *place)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!liv_history_open(&place->history, place->directory, CHECK, "prod dr", &error))
        fail_msg("%s", error.text);
}

static int make(void **state)
{
    static struct place place;
    memset(&place, 0, sizeof place);
    strncpy(place.directory, "/tmp/dr-liveness-history-XXXXXX", sizeof place.directory - 1);
    *state = &place;
    if (mkdtemp(place.directory) == NULL)
        return -1;
    open_history(&place);
    return 0;
}

static int clean(void **state)
{
    struct place *place = *state;
    struct dr_error error;
    liv_history_close(&place->history, &error);
    test_remove_tree(place->directory);
    return 0;
}

static void next_run(struct place *place)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!liv_history_close(&place->history, &error))
        fail_msg("%s", error.text);
    open_history(place);
}

static void since_is(struct place *place, const char *key, uint64_t what, double now, double since)
{
    struct dr_opt_real got = liv_history_since(&place->history, key, what, now);
    assert_true(got.known);
    assert_true(got.value == since);
}

static void what_stays_is_as_old_as_its_first_sight(void **state)
{
    struct place *place = *state;
    since_is(place, "pace mail", 7, NOW, NOW);
    next_run(place);
    since_is(place, "pace mail", 7, NOW + 60, NOW);
    next_run(place);
    since_is(place, "pace mail", 7, NOW + 120, NOW);
}

static void what_changes_begins_anew(void **state)
{
    struct place *place = *state;
    since_is(place, "pace mail", UINT64_MAX, NOW, NOW);
    next_run(place);
    since_is(place, "pace mail", 8, NOW + 60, NOW + 60);
    next_run(place);
    since_is(place, "pace mail", UINT64_MAX, NOW + 120, NOW + 120);
}

static void what_a_run_does_not_see_is_forgotten(void **state)
{
    struct place *place = *state;
    since_is(place, "pace mail", 7, NOW, NOW);
    next_run(place);
    since_is(place, "pace other", 7, NOW + 60, NOW + 60);
    next_run(place);
    since_is(place, "pace mail", 7, NOW + 120, NOW + 120);
}

static void a_clock_that_was_set_back_makes_nothing_old(void **state)
{
    struct place *place = *state;
    since_is(place, "sites", 4, NOW, NOW);
    next_run(place);
    since_is(place, "sites", 4, NOW - 3600, NOW - 3600);
}

static void it_is_bounded(void **state)
{
    struct place *place = *state;
    char key[32];
    for (int i = 0; i <= LIV_HISTORY_ROWS; i++) {
        snprintf(key, sizeof key, "pace %d", i);
        assert_int_equal(liv_history_since(&place->history, key, 1, NOW).known,
                         i < LIV_HISTORY_ROWS);
    }
    next_run(place);
    since_is(place, "pace 999", 1, NOW + 1, NOW);
}

static void without_a_directory_nothing_is_known(void **state)
{
    struct liv_history none = {.open = false};
    struct dr_error error = {.class = DR_ERR_NONE};
    (void)state;
    assert_false(liv_history_since(&none, "sites", 1, NOW).known);
    assert_true(liv_history_close(&none, &error));
    assert_false(liv_history_open(&none, "/nonexistent", CHECK, "prod", &error));
    assert_true(strlen(error.text) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_stays_is_as_old_as_its_first_sight),
        TEST(what_changes_begins_anew),
        TEST(what_a_run_does_not_see_is_forgotten),
        TEST(a_clock_that_was_set_back_makes_nothing_old),
        TEST(it_is_bounded),
        cmocka_unit_test(without_a_directory_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
