/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The survey: who is who, whose connection it is, and how far each standby is behind. */
#include "plugins/replication/survey.h"

#include "tests/unit/world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct world world;
static struct rep_survey survey;

static int clean(void **state)
{
    (void)state;
    rep_survey_free(&survey);
    world_forget(&world);
    return 0;
}

static void take(void)
{
    assert_true(rep_survey_take(&world.evidence, &survey));
}

static const struct rep_standby *find(const char *name)
{
    const struct rep_standby *found = NULL;
    for (size_t i = 0; i < survey.standby_count; i++) {
        if (strcmp(survey.standbys[i].name, name) != 0)
            continue;
        assert_null(found); /* one of each */
        found = &survey.standbys[i];
    }
    assert_non_null(found);
    return found;
}

static void assert_about(struct dr_opt_real value, double expected)
{
    assert_true(value.known);
    if (fabs(value.value - expected) > 1e-6)
        fail_msg("%f, expected %f", value.value, expected);
}

static void assert_bytes(struct dr_opt_int value, int64_t expected)
{
    assert_true(value.known);
    assert_int_equal(value.value, expected);
}

/* ---- limits and distances ---- */

static void how_long_a_link_may_be_silent(void **state)
{
    (void)state;
    assert_true(rep_link_limit(dr_real(60)) == 36);
    assert_true(rep_link_limit(dr_real(4)) == 3);
    assert_true(rep_link_limit(dr_real(0)) == 45);
    assert_true(rep_link_limit(dr_real(-1)) == 45);
    assert_true(rep_link_limit((struct dr_opt_real){.known = false, .value = 60}) == 45);
}

static void how_far_beyond(void **state)
{
    (void)state;
    assert_int_equal(rep_beyond(5, 3), 2);
    assert_int_equal(rep_beyond(3, 5), 0);
    assert_int_equal(rep_beyond(INT64_MAX, INT64_MIN), INT64_MAX);
    assert_int_equal(rep_beyond(INT64_MIN, INT64_MAX), 0);
    assert_int_equal(rep_beyond(INT64_MAX, -1), INT64_MAX);
}

static void which_ages_are_plausible(void **state)
{
    (void)state;
    assert_about(rep_plausible(dr_real(3)), 3);
    assert_about(rep_plausible(dr_real(-0.5)), 0);
    assert_false(rep_plausible(dr_real(-2)).known);
    assert_false(rep_plausible(dr_real(NAN)).known);
    assert_false(rep_plausible(dr_real(INFINITY)).known);
    assert_false(rep_plausible((struct dr_opt_real){.known = false, .value = 3}).known);
}

/* ---- who is who ---- */

static void the_usual_three(void **state)
{
    (void)state;
    world_make(&world, ALL);
    take();
    assert_ptr_equal(survey.primary, &world.asked[0]);
    assert_int_equal(survey.primaries, 1);
    assert_int_equal(survey.standby_count, 2);
    assert_ptr_equal(find("db2")->stream, &world.streams[0][0]);
    assert_ptr_equal(find("db3")->stream, &world.streams[0][1]);
    assert_ptr_equal(find("db2")->sender, &world.asked[0]);
    assert_ptr_equal(find("db2")->node, world.db2);
}

static void two_primaries_are_none(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world.db3->role = REP_ROLE_PRIMARY;
    take();
    assert_null(survey.primary);
    assert_int_equal(survey.primaries, 2);
}

static void three_primaries_are_none(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world.db2->role = world.db3->role = REP_ROLE_PRIMARY;
    take();
    assert_null(survey.primary);
    assert_int_equal(survey.primaries, 3);
}

static void who_does_not_answer_is_nobody(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world_silence(&world, "db1", DR_ERR_CONNECT);
    world_silence(&world, "db3", DR_ERR_CONNECT);
    take();
    assert_null(survey.primary);
    assert_int_equal(survey.unreachable, 2);
    assert_int_equal(survey.standby_count, 1);
    assert_null(find("db2")->stream);
}

static void who_is_no_standby_is_counted_apart(void **state)
{
    (void)state;
    static const enum rep_stream_kind kinds[] = {REP_STREAM_RECEIVER, REP_STREAM_BACKUP,
                                                 REP_STREAM_LOGICAL};
    world_make(&world, PRIMARY);
    for (size_t i = 0; i < 3; i++)
        world_stream(&world, world.db1, "other", "192.0.2.9")->kind = kinds[i];
    take();
    assert_int_equal(survey.receivers, 3);
    assert_int_equal(survey.standby_count, 2);
}

static void how_a_nameless_one_is_called(void **state)
{
    (void)state;
    world_make(&world, PRIMARY);
    world.streams[0][0].name = TEXT("walreceiver");
    world.streams[0][1].name = TEXT("walreceiver");
    world.streams[0][1].hostname = TEXT("host3");
    world_stream(&world, world.db1, "walreceiver", NULL);
    world_stream(&world, world.db1, NULL, NULL);
    take();
    find("192.0.2.2");
    find("host3");
    find("walreceiver");
    find("unnamed");
}

/* ---- whose connection it is ---- */

static void by_slot_first(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world.db2->receiver.slot = TEXT("one");
    world.db3->receiver.slot = TEXT("two");
    world.streams[0][0].name = world.streams[0][1].name = TEXT("walreceiver");
    world.streams[0][0].slot = TEXT("two");
    world.streams[0][1].slot = TEXT("one");
    take();
    assert_ptr_equal(find("db2")->stream, &world.streams[0][1]);
    assert_ptr_equal(find("db3")->stream, &world.streams[0][0]);
    assert_int_equal(survey.standby_count, 2);
}

static void by_application_and_cluster_name(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world.db2->application_name = TEXT("left");
    world.db3->application_name = NULL;
    world.db3->cluster_name = TEXT("right");
    world.streams[0][0].name = TEXT("right");
    world.streams[0][1].name = TEXT("left");
    take();
    assert_ptr_equal(find("db2")->stream, &world.streams[0][1]);
    assert_ptr_equal(find("db3")->stream, &world.streams[0][0]);
}

static void by_host_and_address(void **state)
{
    (void)state;
    world_make(&world, ALL);
    for (size_t i = 0; i < 2; i++)
        world.streams[0][i].name = TEXT("walreceiver");
    world.db2->application_name = world.db3->application_name = NULL;
    world.asked[1].label = "left";
    world.asked[2].label = "right";
    world.streams[0][0].hostname = TEXT("db3");
    world.asked[1].host = "192.0.2.3";
    take();
    assert_ptr_equal(find("right")->stream, &world.streams[0][0]);
    assert_ptr_equal(find("left")->stream, &world.streams[0][1]);
}

/* Two servers on one host: the address says nothing about which of them it is. */
static void an_address_of_two_is_no_sign(void **state)
{
    (void)state;
    world_make(&world, ALL);
    for (size_t i = 0; i < 2; i++) {
        world.streams[0][i].name = TEXT("walreceiver");
        world.streams[0][i].address = TEXT("192.0.2.2");
        world.asked[i + 1].host = "192.0.2.2";
    }
    world.db2->application_name = world.db3->application_name = NULL;
    world.asked[1].label = "left";
    world.asked[2].label = "right";
    take();
    assert_null(find("left")->stream);
    assert_null(find("right")->stream);
    /* They are accounted for all the same, and not counted twice. */
    assert_int_equal(survey.standby_count, 2);
}

static void a_connection_has_one_owner(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world.db2->application_name = world.db3->application_name = TEXT("same");
    world.asked[1].label = "left";
    world.asked[2].label = "right";
    world.streams[0][0].name = TEXT("same");
    world.db1->stream_count = 1;
    take();
    assert_true((find("left")->stream == NULL) != (find("right")->stream == NULL));
}

/* What is left of an old connection is nobody's, whatever the order. */
static void the_end_of_an_old_connection(void **state)
{
    (void)state;
    for (size_t order = 0; order < 2; order++) {
        world_make(&world, ALL);
        world_stream(&world, world.db1, "db2", "192.0.2.2");
        struct rep_stream *old = &world.streams[0][order == 0 ? 0 : 2];
        struct rep_stream *fresh = &world.streams[0][order == 0 ? 2 : 0];
        old->reply_age = dr_real(50);
        fresh->reply_age = dr_real(1);
        take();
        assert_ptr_equal(find("db2")->stream, fresh);
        assert_int_equal(survey.standby_count, 2);
        clean(NULL);
    }
    take();
}

/* A standby that lost its connection: what its sender still shows is not what it has. */
static void a_dead_connection_is_no_position(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world.db2->receiver.running = dr_bool(false);
    world.db2->readings[0].position = POSITION - 20 * MB;
    take();
    assert_bytes(find("db2")->position, POSITION - 20 * MB);
    assert_bytes(find("db2")->loss_bytes, 20 * MB);
}

static void the_names_it_goes_by(void **state)
{
    (void)state;
    static const char *const names[] = {"db2",   "host2",     "app2",     "cluster2",
                                        "slot2", "192.0.2.2", "hostname2"};
    world_make(&world, ALL);
    world.asked[1].host = "host2";
    world.db2->application_name = TEXT("app2");
    world.db2->cluster_name = TEXT("cluster2");
    world.db2->receiver.slot = world.streams[0][0].slot = TEXT("slot2");
    world.streams[0][0].hostname = TEXT("hostname2");
    take();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_true(rep_standby_is(find("db2"), names[i]));
    assert_false(rep_standby_is(find("db2"), "db3"));
    assert_false(rep_standby_is(find("db2"), ""));
}

static void hidden_ones_are_accounted_for(void **state)
{
    (void)state;
    world_make(&world, PLAIN);
    for (size_t i = 0; i < 2; i++)
        world.streams[0][i].name = TEXT("walreceiver");
    take();
    assert_int_equal(survey.standby_count, 2);
    assert_int_equal(survey.hidden, 0);
    clean(NULL);
    world_make(&world, PLAIN);
    for (size_t i = 0; i < 2; i++)
        world.streams[0][i].name = TEXT("walreceiver");
    world_hide_stream(world_stream(&world, world.db1, "walreceiver", NULL));
    take();
    assert_int_equal(survey.standby_count, 3);
    assert_int_equal(survey.hidden, 1);
}

/* A standby whose connection nobody shows stands for one that nobody owns, but not for one that is
 * somebody else's. */
static void a_named_one_is_not_taken_for_another(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world_silence(&world, "db1", DR_ERR_CONNECT);
    world_stream(&world, world.db3, "db4", "192.0.2.4");
    take();
    assert_int_equal(survey.standby_count, 3);
    assert_ptr_equal(find("db4")->stream, &world.streams[2][0]);
    clean(NULL);
    world_make(&world, ALL);
    world.db2->application_name = NULL;
    world.streams[0][0].name = TEXT("walreceiver");
    world.streams[0][0].address = NULL;
    world.db1->stream_count = 1;
    world.db2->receiver.slot = TEXT("one");
    world.streams[0][0].slot = TEXT("two");
    take();
    assert_int_equal(survey.standby_count, 3);
}

/* ---- how far behind ---- */

static void the_loss_is_the_least_that_is_proven(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world.db1->readings[1].position = POSITION + 1000;
    world.db2->passing.compared = false;
    struct rep_stream *stream = &world.streams[0][0];
    stream->reply_age = dr_real(5);
    stream->flush_lag = dr_real(2);
    world.db2->replay_age = dr_real(30);
    world.db1->readings[0].sent = STARTED - 9.95; /* 10 s before the look */
    take();
    assert_bytes(find("db2")->loss_bytes, 1000);
    assert_about(find("db2")->loss, 7);
    clean(NULL);
    stream->reply_age = dr_real(20);
    take();
    assert_about(find("db2")->loss, 10);
    clean(NULL);
    world.db2->replay_age = dr_real(9.5);
    take();
    assert_about(find("db2")->loss, 9.5);
    clean(NULL);
    world_compare(world.db2);
    world.db2->passing.received = dr_real(9.2);
    take();
    assert_about(find("db2")->loss, 9.2);
    clean(NULL);
    world_remember(&world);
    rep_history_system(&world.history, SYSTEM);
    rep_history_sample(&world.history, NOW - 9.1, POSITION);
    take();
    assert_about(find("db2")->loss, 9.1);
    /* ... and never less than what was seen. */
    clean(NULL);
    world.db2->passing.compared = false;
    world.db2->replay_age = dr_real(1);
    world.db1->looked = STARTED + 9.3;
    take();
    assert_about(find("db2")->loss_floor, 9.25);
    assert_about(find("db2")->loss, 9.25);
}

static void a_loss_is_at_least_what_was_waited(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world_write(&world, 5000);
    world.db2->passing.waited = 4;
    world.streams[0][0].reply_age = dr_real(0.1);
    world.streams[0][0].flush_lag = dr_real(0.1);
    take();
    assert_about(find("db2")->loss_floor, 4);
    assert_about(find("db2")->loss, 4);
    assert_false(find("db2")->fresh);
}

static void a_measure_from_the_connection_on_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        double connected;
        bool known;
    } cases[] = {
        {"streaming", 86400, true}, {"streaming", 9, true},    {"streaming", 7.5, false},
        {"streaming", 2, false},    {"catchup", 86400, false}, {"startup", 86400, false},
        {"stopping", 86400, false}, {NULL, 86400, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_make(&world, PRIMARY);
        world_write(&world, 5000);
        struct rep_stream *stream = &world.streams[0][0];
        stream->state = TEXT(cases[i].state);
        stream->connected = dr_real(cases[i].connected);
        stream->reply_age = dr_real(5);
        stream->flush_lag = dr_real(2);
        take();
        if (find("db2")->loss.known != cases[i].known)
            fail_msg("%s for %g s", cases[i].state, cases[i].connected);
        clean(NULL);
    }
    take();
}

static void the_clocks_are_taken_into_account(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world.db2->receiver.message_age.known = false;
    world.db2->clock_ahead = dr_real(100.001);
    world.streams[0][0].reply_age = dr_real(3 - 100);
    take();
    assert_about(find("db2")->skew, 100);
    assert_about(find("db2")->link_age, 3);
    clean(NULL);
    /* Without having asked the standby its clock is not known: nor is the age. */
    world_make(&world, PRIMARY);
    world.streams[0][0].reply_age = dr_real(3 - 100);
    take();
    assert_false(find("db2")->skew.known);
    assert_false(find("db2")->link_age.known);
}

/* An old reading of a commit's time on the primary's clock, read on the standby's. */
static void the_last_resort_is_corrected_too(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world_write(&world, 5000);
    world.db2->passing.compared = false;
    world.streams[0][0].reply_age.known = false;
    world.db2->clock_ahead = dr_real(10.001);
    world.db2->replay_age = dr_real(25);
    take();
    assert_about(find("db2")->loss, 15);
}

static void alone_it_is_behind_what_was_announced(void **state)
{
    (void)state;
    world_make(&world, STANDBY);
    world.db2->receiver.announced = dr_int(POSITION + 4000);
    world.db2->replay_age = dr_real(2);
    take();
    assert_bytes(find("db2")->loss_bytes, 4000);
    assert_about(find("db2")->loss, 2);
    assert_about(find("db2")->as_of, 12);
    clean(NULL);
    world.db2->receiver.running = dr_bool(false);
    take();
    assert_false(find("db2")->loss_bytes.known);
    assert_false(find("db2")->loss.known);
}

/* Each is behind its own sender; the last one lacks what all of them lack. */
static void a_chain_adds_up(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world_silence(&world, "db1", DR_ERR_AUTH);
    world_stream(&world, world.db2, "db3", "192.0.2.3");
    world_stream(&world, world.db3, "db4", "192.0.2.4")->flushed = dr_int(POSITION - 300);
    world.streams[2][0].flush_lag = dr_real(1);
    world.db2->receiver.announced = dr_int(POSITION + 1000);
    world.db2->replay_age = dr_real(7);
    world.db3->receiver.announced = dr_int(POSITION + 20);
    world.db3->replay_age = dr_real(9);
    take();
    assert_bytes(find("db2")->loss_bytes, 1000);
    assert_bytes(find("db3")->loss_bytes, 1020);
    assert_bytes(find("db4")->loss_bytes, 1320);
    assert_about(find("db4")->loss, 7 + 9 + 3 + 1);
    clean(NULL);
    world.db2->receiver.announced.known = false;
    take();
    assert_false(find("db4")->loss_bytes.known);
    assert_false(find("db4")->loss.known);
}

static void a_ring_of_senders_comes_to_an_end(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world_silence(&world, "db1", DR_ERR_AUTH);
    world_stream(&world, world.db2, "db3", "192.0.2.3");
    world_stream(&world, world.db3, "db2", "192.0.2.2");
    world.db2->receiver.announced = dr_int(INT64_MAX);
    take();
    assert_bytes(find("db3")->loss_bytes, INT64_MAX - POSITION);
}

/* The primary is gone; its last position was seen a minute ago. */
static void the_memory_counts_where_it_knows_more(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world_silence(&world, "db1", DR_ERR_CONNECT);
    world_remember(&world);
    rep_history_system(&world.history, SYSTEM);
    rep_history_sample(&world.history, NOW - 100, POSITION);
    rep_history_sample(&world.history, NOW - 60, POSITION + 4000);
    world.db3->receiver.announced = dr_int(POSITION + 9000);
    world.db3->replay_age = dr_real(3);
    take();
    assert_bytes(find("db2")->loss_bytes, 4000);
    assert_about(find("db2")->loss, 40);
    assert_about(find("db2")->as_of, 60);
    /* This one's sender has said something since. */
    assert_bytes(find("db3")->loss_bytes, 9000);
    assert_about(find("db3")->as_of, 12);
}

static void what_is_not_shown_yet(void **state)
{
    (void)state;
    world_make(&world, ALL);
    world.db2->replayed = dr_int(POSITION - 5000);
    world.db2->passing.replayed.known = false;
    world.db2->replay_age = dr_real(500);
    world.db1->readings[0].position = world.db1->readings[1].position = POSITION;
    take();
    assert_bytes(find("db2")->apply_bytes, 5000);
    assert_about(find("db2")->apply_lag, 500);
    clean(NULL);
    world.streams[0][0].replay_lag = dr_real(40);
    take();
    assert_about(find("db2")->apply_lag, 43);
    clean(NULL);
    world_remember(&world);
    rep_history_system(&world.history, SYSTEM);
    rep_history_sample(&world.history, NOW - 30, POSITION - 5000);
    take();
    assert_about(find("db2")->apply_lag, 30);
    clean(NULL);
    world_forget(&world);
    world.db2->passing.replayed = dr_real(0.5);
    take();
    assert_about(find("db2")->apply_lag, 0.5);
    clean(NULL);
    world.db2->replayed.known = false;
    take();
    assert_false(find("db2")->apply_bytes.known);
    assert_false(find("db2")->apply_lag.known);
}

static void groups_come_together(void **state)
{
    (void)state;
    struct rep_asked asked[] = {
        {.label = "a", .group = "x"}, {.label = "b", .group = "y"}, {.label = "c", .group = NULL},
        {.label = "d", .group = "x"}, {.label = "e", .group = "y"}, {.label = "f", .group = NULL},
    };
    char order[7] = "";
    rep_sort_groups(asked, 6);
    for (size_t i = 0; i < 6; i++)
        order[i] = *asked[i].label;
    assert_string_equal(order, "adbecf");
    assert_int_equal(rep_group_size(asked, 6), 2);
    assert_int_equal(rep_group_size(asked + 4, 2), 2);
    struct rep_asked one[] = {{.label = "a", .group = NULL}, {.label = "b", .group = "x"}};
    rep_sort_groups(one, 2);
    assert_int_equal(rep_group_size(one, 2), 2); /* the silent one is of the only group */
    assert_string_equal(one[0].group, "x");
}

/* Two primaries may both show db3: it is there once. Two nameless ones of one primary are two. */
static void who_is_seen_twice(void **state)
{
    (void)state;
    world_make(&world, PRIMARY);
    struct rep_node *other = world_primary(&world, "db9");
    world_stream(&world, other, "db3", "192.0.2.3");
    take();
    assert_int_equal(survey.standby_count, 2);
    clean(NULL);
    world_make(&world, PRIMARY);
    world.db1->streams[0].name = world.db1->streams[1].name;
    take();
    assert_int_equal(survey.standby_count, 2);
    assert_string_equal(survey.standbys[0].name, "db3");
    assert_string_equal(survey.standbys[1].name, "db3 (2)");
}

static void one_origin(void **state)
{
    (void)state;
    char now[] = "now", before[] = "before", other[] = "other";
    struct rep_node a = {.system = now, .system_before = before};
    struct rep_node b = {.system = before};
    struct rep_node c = {.system = other};
    struct rep_node d = {.system = NULL};
    assert_true(rep_same_origin(&a, &b) && rep_same_origin(&b, &a));
    assert_false(rep_same_origin(&a, &c) || rep_same_origin(&c, &b));
    assert_true(rep_same_origin(&a, &d)); /* nothing says otherwise */
}

static void nobody_at_all(void **state)
{
    (void)state;
    world_make(&world, PRIMARY);
    world.evidence.count = 0;
    take();
    assert_int_equal(survey.standby_count, 0);
    assert_null(survey.primary);
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_long_a_link_may_be_silent),
        cmocka_unit_test(how_far_beyond),
        cmocka_unit_test(which_ages_are_plausible),
        cmocka_unit_test(groups_come_together),
        TEST(who_is_seen_twice),
        cmocka_unit_test(one_origin),
        TEST(the_usual_three),
        TEST(two_primaries_are_none),
        TEST(three_primaries_are_none),
        TEST(who_does_not_answer_is_nobody),
        TEST(who_is_no_standby_is_counted_apart),
        TEST(how_a_nameless_one_is_called),
        TEST(by_slot_first),
        TEST(by_application_and_cluster_name),
        TEST(by_host_and_address),
        TEST(an_address_of_two_is_no_sign),
        TEST(a_connection_has_one_owner),
        TEST(the_end_of_an_old_connection),
        TEST(a_dead_connection_is_no_position),
        TEST(the_names_it_goes_by),
        TEST(hidden_ones_are_accounted_for),
        TEST(a_named_one_is_not_taken_for_another),
        TEST(the_loss_is_the_least_that_is_proven),
        TEST(a_loss_is_at_least_what_was_waited),
        TEST(a_measure_from_the_connection_on_is_none),
        TEST(the_clocks_are_taken_into_account),
        TEST(the_last_resort_is_corrected_too),
        TEST(alone_it_is_behind_what_was_announced),
        TEST(a_chain_adds_up),
        TEST(a_ring_of_senders_comes_to_an_end),
        TEST(the_memory_counts_where_it_knows_more),
        TEST(what_is_not_shown_yet),
        TEST(nobody_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
