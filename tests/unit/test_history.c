/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/history.h"

#include "tests/unit/locale.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1.7e9
#define SYSTEM "7300000000000000001"

struct place {
    char directory[32];
    struct rep_history history;
};

static int make(void **state)
{
    static struct place place;
    memset(&place, 0, sizeof place);
    strncpy(place.directory, "/tmp/dr-history-XXXXXX", sizeof place.directory - 1);
    if (mkdtemp(place.directory) == NULL)
        return -1;
    struct dr_error error;
    if (!rep_history_open(&place.history, place.directory, "check_replication_lag", "db1 db2",
                          &error))
        return -1;
    rep_history_system(&place.history, SYSTEM);
    *state = &place;
    return 0;
}

static int clean(void **state)
{
    struct place *place = *state;
    struct dr_error error;
    rep_history_close(&place->history, &error);
    test_remove_tree(place->directory);
    return 0;
}

/* Writes it, and reads it again as the next run does. */
static struct rep_history *next_run(struct place *place)
{
    struct dr_error error;
    assert_true(rep_history_close(&place->history, &error));
    assert_true(rep_history_open(&place->history, place->directory, "check_replication_lag",
                                 "db1 db2", &error));
    rep_history_system(&place->history, SYSTEM);
    return &place->history;
}

static void assert_about(struct dr_opt_real value, double expected)
{
    assert_true(value.known);
    if (fabs(value.value - expected) > 1e-3)
        fail_msg("%f, expected %f", value.value, expected);
}

static void when_the_primary_was_there(void **state)
{
    struct place *place = *state;
    struct rep_history *history = &place->history;
    assert_false(rep_history_when(history, 1000).known);
    rep_history_sample(history, NOW - 300, 1000);
    rep_history_sample(history, NOW - 200, 1000);
    rep_history_sample(history, NOW - 100, 3000);
    rep_history_sample(history, NOW, 3000);
    history = next_run(place);
    /* Older than anything that is known. */
    assert_false(rep_history_when(history, 999).known);
    /* It stayed there for long: what is missing was written after the last sample of it. */
    assert_about(rep_history_when(history, 1000), NOW - 200);
    assert_about(rep_history_when(history, 2000), NOW - 150);
    assert_about(rep_history_when(history, 2999), NOW - 100.05);
    assert_about(rep_history_when(history, 3000), NOW);
    assert_about(rep_history_when(history, INT64_MAX), NOW);
    assert_false(rep_history_when(history, INT64_MIN).known);
    double time;
    int64_t position;
    assert_true(rep_history_newest(history, &time, &position));
    assert_int_equal(position, 3000);
    assert_true(fabs(time - NOW) < 1e-3);
}

static void positions_of_another_system_mean_nothing(void **state)
{
    struct place *place = *state;
    struct rep_history *history = &place->history;
    double time;
    int64_t position;
    rep_history_sample(history, NOW - 100, 1000);
    rep_history_system(history, "7300000000000000002");
    assert_false(rep_history_when(history, 1000).known);
    assert_false(rep_history_newest(history, &time, &position));
    rep_history_system(history, NULL);
    assert_false(rep_history_when(history, 1000).known);
    rep_history_sample(history, NOW, 5000); /* of nobody: not kept */
    rep_history_system(history, SYSTEM);
    assert_about(rep_history_when(history, 1000), NOW - 100);
    assert_about(rep_history_when(history, 5000), NOW - 100);
}

/* After a crash, a restore or a failover the position can be lower than before. */
static void positions_going_backwards(void **state)
{
    struct rep_history *history = &((struct place *)*state)->history;
    rep_history_sample(history, NOW - 300, 1000);
    rep_history_sample(history, NOW - 200, 9000);
    rep_history_sample(history, NOW - 100, 2000);
    assert_about(rep_history_when(history, 2000), NOW - 100);
    assert_about(rep_history_when(history, 1000), NOW - 300);
    assert_true(rep_history_when(history, 1500).value <= NOW - 100);
    assert_false(rep_history_rate(history, NOW).known && rep_history_rate(history, NOW).value < 0);
}

static void our_clock_was_set_back(void **state)
{
    struct rep_history *history = &((struct place *)*state)->history;
    rep_history_sample(history, NOW + 7200, 9000);
    rep_history_sample(history, NOW, 1000);
    assert_about(rep_history_when(history, 9000), NOW);
    double time;
    int64_t position;
    assert_true(rep_history_newest(history, &time, &position));
    assert_int_equal(position, 1000);
}

static void old_samples_are_thinned_out(void **state)
{
    struct place *place = *state;
    struct rep_history *history = &place->history;
    for (int i = 0; i < 5000; i++)
        rep_history_sample(history, NOW + 60.0 * i, 1000 * (int64_t)i);
    assert_in_range(history->file.count, 300, 720);
    history = next_run(place);
    assert_about(rep_history_when(history, 0), NOW);
    assert_about(rep_history_when(history, 4999 * 1000), NOW + 60.0 * 4999);
    /* What lies between is still right, wherever samples are gone. */
    for (int i = 0; i < 4999; i += 7)
        assert_true(fabs(rep_history_when(history, 1000 * (int64_t)i).value - NOW - 60.0 * i) <
                    0.01);
}

static void bytes_per_second(void **state)
{
    struct rep_history *history = &((struct place *)*state)->history;
    assert_false(rep_history_rate(history, NOW).known);
    rep_history_sample(history, NOW - 9000, 0);
    assert_false(rep_history_rate(history, NOW).known);
    rep_history_sample(history, NOW - 100, 1000000);
    rep_history_sample(history, NOW - 95, 1000000);
    /* The oldest of the last hour is only 5 s before the newest. */
    assert_false(rep_history_rate(history, NOW).known);
    rep_history_sample(history, NOW - 50, 2000000);
    assert_about(rep_history_rate(history, NOW), 20000);
    rep_history_sample(history, NOW, 2000000);
    assert_about(rep_history_rate(history, NOW), 10000);
}

static void since_when(void **state)
{
    struct place *place = *state;
    assert_about(rep_history_since(&place->history, "inactive:s1", true, NOW), 0);
    assert_about(rep_history_since(next_run(place), "inactive:s1", true, NOW + 60), 60);
    assert_about(rep_history_since(next_run(place), "inactive:s1", true, NOW + 120), 120);
    assert_about(rep_history_since(&place->history, "inactive:s2", true, NOW + 120), 0);
    /* Our clock was set back: it begins anew, and is never negative. */
    assert_about(rep_history_since(&place->history, "inactive:s1", true, NOW - 3600), 0);
    assert_false(rep_history_since(next_run(place), "inactive:s1", false, NOW + 180).known);
    assert_about(rep_history_since(next_run(place), "inactive:s1", true, NOW + 240), 0);
}

static void how_it_changes(void **state)
{
    struct place *place = *state;
    assert_false(rep_history_slope(&place->history, "gap:db2", NOW, 1000).known);
    /* Too soon: the value before stays the one that is compared with. */
    assert_false(rep_history_slope(next_run(place), "gap:db2", NOW + 2, 5000).known);
    assert_about(rep_history_slope(next_run(place), "gap:db2", NOW + 10, 2000), 100);
    assert_about(rep_history_slope(next_run(place), "gap:db2", NOW + 20, 1000), -100);
    /* Our clock was set back. */
    assert_false(rep_history_slope(&place->history, "gap:db2", NOW - 3600, 1000).known);
    assert_about(rep_history_slope(&place->history, "gap:db2", NOW - 3590, 2000), 100);
    assert_false(rep_history_slope(&place->history, "gap:x", NOW, INT64_MIN).known);
    struct dr_opt_real slope = rep_history_slope(&place->history, "gap:x", NOW + 10, INT64_MAX);
    assert_true(!slope.known || slope.value > 0);
}

static void what_it_was(void **state)
{
    struct place *place = *state;
    assert_false(rep_history_swap(&place->history, "delay:db2", 3600).known);
    struct dr_opt_int before = rep_history_swap(next_run(place), "delay:db2", 0);
    assert_true(before.known && before.value == 3600);
    before = rep_history_swap(next_run(place), "delay:db2", -5);
    assert_true(before.known && before.value == 0);
    assert_false(rep_history_swap(&place->history, "delay:db3", 1).known);
}

static void who_was_the_primary(void **state)
{
    struct place *place = *state;
    double time;
    assert_null(rep_history_primary(&place->history, NULL, "db1"));
    assert_null(
        rep_history_last_primary(&place->history, NULL, &time)); /* nothing was seen of it */
    rep_history_sample(&place->history, NOW, 1000);
    assert_null(rep_history_primary(next_run(place), NULL, "db1"));
    char *last = rep_history_last_primary(&place->history, NULL, &time);
    assert_string_equal(last, "db1");
    assert_true(fabs(time - NOW) < 1e-3);
    free(last);
    char *before = rep_history_primary(next_run(place), NULL, "site b|%\n");
    assert_string_equal(before, "db1");
    free(before);
    last = rep_history_last_primary(next_run(place), NULL, &time);
    assert_string_equal(last, "site b|%\n");
    free(last);
}

static void remember_name(const char *name, double last_seen, void *context)
{
    char *names = context;
    size_t used = strlen(names);
    snprintf(names + used, 200 - used, "%s@%.0f ", name, last_seen - NOW);
}

static void which_standbys_there_were(void **state)
{
    struct place *place = *state;
    char names[200] = "";
    rep_history_standby(&place->history, "db2", NOW - 86401);
    rep_history_standby(&place->history, "db3", NOW - 60);
    rep_history_standby(&place->history, "db4", NOW - 60);
    rep_history_standby(&place->history, "db4", NOW);
    rep_history_standbys(next_run(place), NOW, 86400, remember_name, names);
    assert_string_equal(names, "db3@-60 db4@0 ");
    names[0] = '\0';
    rep_history_swap(&place->history, "standby:", 1);
    rep_history_forget_standbys(&place->history);
    rep_history_standbys(next_run(place), NOW, 86400, remember_name, names);
    assert_string_equal(names, "");
    assert_true(rep_history_swap(&place->history, "standby:", 2).known);
}

/* Another service, another memory; and one that cannot be kept is said to be so. */
static void where_it_is_kept(void **state)
{
    struct place *place = *state;
    struct rep_history other;
    struct dr_error error = {.class = DR_ERR_NONE};
    rep_history_swap(&place->history, "x", 1);
    next_run(place);
    assert_true(
        rep_history_open(&other, place->directory, "check_replication_lag", "db1 db3", &error));
    assert_false(rep_history_swap(&other, "x", 2).known);
    assert_true(rep_history_close(&other, &error));
    assert_true(rep_history_swap(&place->history, "x", 3).known);
    assert_false(
        rep_history_open(&other, "/nowhere/at/all", "check_replication_lag", "db1", &error));
    assert_int_equal(error.class, DR_ERR_USAGE);
    assert_true(strlen(error.text) > 0);
    /* It can be asked all the same, and knows nothing. */
    assert_false(rep_history_swap(&other, "x", 1).known);
    assert_true(rep_history_close(&other, &error));
}

/* Without --state-dir nothing is known, and nothing is kept. */
static void without_memory(void **state)
{
    (void)state;
    struct rep_history history = {.open = false};
    struct dr_error error;
    double time;
    int64_t position;
    char names[200] = "";
    rep_history_system(&history, SYSTEM);
    rep_history_sample(&history, NOW, 1000);
    rep_history_standby(&history, "db2", NOW);
    rep_history_forget_standbys(&history);
    for (int twice = 0; twice < 2; twice++) {
        assert_false(rep_history_when(&history, 1000).known);
        assert_false(rep_history_newest(&history, &time, &position));
        assert_false(rep_history_rate(&history, NOW).known);
        assert_false(rep_history_since(&history, "x", true, NOW).known);
        assert_false(rep_history_slope(&history, "x", NOW + 60 * twice, 1).known);
        assert_false(rep_history_swap(&history, "x", 1).known);
        assert_null(rep_history_primary(&history, NULL, twice == 0 ? "db1" : "db2"));
        assert_null(rep_history_last_primary(&history, NULL, &time));
    }
    rep_history_standbys(&history, NOW, 86400, remember_name, names);
    assert_string_equal(names, "");
    assert_true(rep_history_close(&history, &error));
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(when_the_primary_was_there),
        WITH_PLACE(positions_of_another_system_mean_nothing),
        WITH_PLACE(positions_going_backwards),
        WITH_PLACE(our_clock_was_set_back),
        WITH_PLACE(old_samples_are_thinned_out),
        WITH_PLACE(bytes_per_second),
        WITH_PLACE(since_when),
        WITH_PLACE(how_it_changes),
        WITH_PLACE(what_it_was),
        WITH_PLACE(who_was_the_primary),
        WITH_PLACE(which_standbys_there_were),
        WITH_PLACE(where_it_is_kept),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
