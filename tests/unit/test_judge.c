/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge of check_replication_lag on tables of facts: every trap of replication that is known,
 * as one change to a healthy system. */
#include "tests/unit/world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct scene {
    const char *name;
    enum view view;
    void (*change)(struct world *world);
    enum dr_state state;
    const char *subject; /* of the finding with the words; NULL: the verdict */
    const char *words;
    const char *advice; /* in the same finding's advice; NULL: not looked at */
};

static void judge_scene(const struct scene *scene, struct world *world, struct dr_result *result)
{
    world_make(world, scene->view);
    if (scene->change != NULL)
        scene->change(world);
    world_judge(world, result);
}

static void play(const struct scene *scenes, size_t count)
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        static struct world world;
        struct dr_result result;
        judge_scene(&scenes[i], &world, &result);
        bool right = dr_result_state(&result) == scenes[i].state &&
                     world_says(&result, scenes[i].subject, scenes[i].words) &&
                     (scenes[i].advice == NULL ||
                      world_advises(&result, scenes[i].subject, scenes[i].advice));
        if (!right) {
            fprintf(stderr, "%s: expected %s, %s: \"%s\"%s%s\n", scenes[i].name,
                    dr_state_name(scenes[i].state),
                    scenes[i].subject != NULL ? scenes[i].subject : "verdict", scenes[i].words,
                    scenes[i].advice != NULL ? " -> " : "",
                    scenes[i].advice != NULL ? scenes[i].advice : "");
            world_print(&result);
            failed++;
        }
        dr_result_free(&result);
        world_forget(&world);
    }
    assert_int_equal(failed, 0);
}

#define PLAY(scenes) play(scenes, sizeof(scenes) / sizeof((scenes)[0]))

/* ---- healthy: never a false alarm ---- */

static void strict(struct world *world)
{
    world_limit(world, REP_APPLY_LAG, 720, 900);
    world_limit(world, REP_APPLY_BYTES, 1e9, 2e9);
    world_limit(world, REP_LOSS_BYTES, 1e9, 2e9);
    if (world->db1 != NULL && world->db2 != NULL)
        world_limit(world, REP_SKEW, 1, 2);
    if (world->db1 != NULL) {
        world_expect(world, "db2");
        world_expect(world, "db3");
        world->rules.expect_count = dr_int(2);
        world->rules.expect_primary = "db1";
        world_slot(world, world->db1, "db2_slot");
        world_expect_slot(world, "db2_slot");
    }
    if (world->db2 != NULL)
        world->rules.expect_upstream = "db1";
}

static void strict_plain(struct world *world)
{
    strict(world);
    world->rules.expect_upstream = NULL;
}

/* A commit of 64 kB is on its way: every node was read at another moment. */
static void busy(struct world *world)
{
    world_write(world, 65536);
    world->db2->passing.received = dr_real(0.04);
    world->db3->passing.received = dr_real(0.05);
    world_limit(world, REP_APPLY_LAG, 720, 900);
}

static void busy_primary(struct world *world)
{
    world_write(world, 65536);
    for (size_t i = 0; i < 2; i++) {
        world->streams[0][i].flush_lag = dr_real(0.004);
        world->streams[0][i].replay_lag = dr_real(0.006);
        world->streams[0][i].reply_age = dr_real(0.01);
    }
}

/* A load of one hour in one transaction: the standby receives all the time, and the last commit
 * that it has replayed is an hour old. */
static void load_without_commits(struct world *world)
{
    struct rep_node *node = world->db2;
    node->replay_age = dr_real(3600);
    node->received = dr_int(POSITION - 65536);
    node->replayed = dr_int(POSITION - 131072);
    node->readings[0].position = POSITION - 65536;
    node->receiver.message_age = dr_real(0.002);
    node->passing = (struct rep_passing){.compared = true,
                                         .announced = true,
                                         .marked = STARTED,
                                         .position = POSITION - 100000,
                                         .received = dr_real(0.01),
                                         .replayed = dr_real(0.015),
                                         .waited = 0.015};
    world_limit(world, REP_APPLY_LAG, 720, 900);
}

static void load_without_commits_on_all(struct world *world)
{
    struct rep_node *node = world->db2;
    load_without_commits(world);
    node->passing.announced = false;
    node->passing.position = POSITION;
    node->received = dr_int(POSITION);
    node->readings[0].position = POSITION;
    for (size_t i = 0; i < 2; i++)
        world_hide_stream(&world->streams[0][i]);
    world->db1->privileged = dr_bool(false);
}

static void delayed_on_purpose(struct world *world)
{
    struct rep_node *node = world->db2;
    node->apply_delay = dr_real(3600);
    node->replayed = dr_int(POSITION - 20 * MB);
    node->replay_age = dr_real(3600.5);
    world->streams[0][0].replayed = node->replayed;
    world->delays[0] = (struct rep_delay){"db2", 3600};
    world->rules.delay_count = 1;
    world_limit(world, REP_APPLY_LAG, 720, 900);
}

/* The last commit before the one that waits out the delay was ten hours ago. */
static void delayed_with_rare_commits(struct world *world)
{
    struct rep_node *node = world->db2;
    world_remember(world);
    rep_history_system(&world->history, SYSTEM);
    rep_history_sample(&world->history, NOW - 1200, POSITION - 20 * MB);
    rep_history_sample(&world->history, NOW - 600, POSITION - 20 * MB);
    rep_history_sample(&world->history, NOW - 300, POSITION);
    delayed_on_purpose(world);
    node->replay_age = dr_real(36000);
    node->passing.replayed.known = false;
}

/* It was set up half an hour ago, and its first commit waits out the delay. */
static void delayed_and_new(struct world *world)
{
    delayed_on_purpose(world);
    world->db2->replay_age.known = false;
    world->db2->passing.replayed.known = false;
    world->streams[0][0].connected = dr_real(1800);
    world->streams[0][0].replay_lag = dr_real(1799.5);
}

static void delayed_and_not_new(struct world *world)
{
    delayed_and_new(world);
    world->streams[0][0].connected = dr_real(86400);
    world->streams[0][0].replay_lag = dr_real(86399.5);
}

static void restarted_and_rounded_down(struct world *world)
{
    world->db2->received = dr_int(POSITION - 7 * MB);
}

static void connected_a_moment_ago(struct world *world)
{
    struct rep_stream *stream = &world->streams[0][1];
    stream->kind = REP_STREAM_CONNECTING;
    stream->flushed.known = false;
    stream->replayed.known = false;
    stream->reply_age.known = false;
    stream->connected = dr_real(2);
}

static void connected_and_silent(struct world *world)
{
    connected_a_moment_ago(world);
    world->streams[0][1].connected = dr_real(40);
}

static void ships_logs(struct world *world)
{
    struct rep_node *node = world->db2;
    node->receiver = (struct rep_receiver){.running = dr_bool(false), .timeout = dr_real(60)};
    node->received.known = false;
    world->db1->streams = &world->streams[0][1];
    world->db1->stream_count = 1;
}

static void before_12(struct world *world)
{
    for (size_t i = 0; i < world->evidence.count; i++)
        world->nodes[i].major = 11;
    for (size_t i = 0; i < 2; i++)
        world->streams[0][i].reply_age.known = false;
}

static void before_12_busy(struct world *world)
{
    before_12(world);
    busy_primary(world);
    for (size_t i = 0; i < 2; i++)
        world->streams[0][i].reply_age.known = false;
    world->streams[0][0].flushed = dr_int(POSITION + 65536);
    world->db1->readings[0].position = POSITION; /* which db3 was seen to have since */
}

static void clock_ahead(struct world *world)
{
    if (world->db2 != NULL)
        world->db2->clock_ahead = dr_real(5);
    world->streams[0][0].reply_age = dr_real(3 - 5);
}

static void clock_behind(struct world *world)
{
    if (world->db2 != NULL)
        world->db2->clock_ahead = dr_real(-5);
    world->streams[0][0].reply_age = dr_real(9 + 5);
}

/* A link that is silent for 10 minutes has no row any more: it is the clock. */
static void clock_far_behind(struct world *world)
{
    world->streams[0][0].reply_age = dr_real(600);
}

static void clock_far_behind_but_asked(struct world *world)
{
    world->db2->clock_ahead = dr_real(-600);
    world->streams[0][0].reply_age = dr_real(600);
}

static void others_beside(struct world *world)
{
    world_stream(world, world->db1, "pg_receivewal", "192.0.2.9")->kind = REP_STREAM_RECEIVER;
    world_stream(world, world->db1, "pg_basebackup", "192.0.2.9")->kind = REP_STREAM_BACKUP;
    world_stream(world, world->db1, "sales", "192.0.2.8")->kind = REP_STREAM_LOGICAL;
    world->rules.expect_count = dr_int(2);
}

/* db3 hangs on db2. */
static void cascade(struct world *world)
{
    world->db1->stream_count = 1;
    world_stream(world, world->db2, "db3", "192.0.2.3");
    world->db3->receiver.sender = TEXT("db2:5432");
    world_expect(world, "db3");
    world->rules.expect_count = dr_int(2);
}

/* Back after a cut, while the end of the old connection lingers with what it last said. */
static void left_over(struct world *world)
{
    struct rep_stream *old = &world->streams[0][2];
    world_stream(world, world->db1, "db2", "192.0.2.2");
    *old = world->streams[0][0];
    world->streams[0][0].reply_age = dr_real(50);
    old->reply_age = dr_real(1);
    world->rules.expect_count = dr_int(2);
    world->thresholds[REP_STANDBYS] =
        (struct dr_threshold){.critical = {.given = true, .range = {.start = 2, .end = 2}}};
}

static void left_over_behind(struct world *world)
{
    left_over(world);
    world->streams[0][0].flushed = dr_int(POSITION - 20 * MB);
}

static void switched_over(struct world *world)
{
    world_remember(world);
    rep_history_primary(&world->history, NULL, "db1");
    rep_history_standby(&world->history, "db2", NOW - 60);
    rep_history_standby(&world->history, "db3", NOW - 60);
    struct rep_node *old = world->db1;
    world->asked[0].label = "db2";
    world->asked[0].host = "db2";
    world->asked[1].label = "db1";
    world->asked[1].host = "db1";
    world->db2->application_name = TEXT("db1");
    old->streams[0].name = TEXT("db1");
    old->timeline = dr_int(4);
    world->db2->receiver.timeline = world->db2->timeline = dr_int(4);
    world->db3->receiver.timeline = world->db3->timeline = dr_int(4);
    world_expect(world, "db2");
}

/* The same behind an address that moves with the primary: only the connection's name is new. */
static void switched_over_behind_an_address(struct world *world)
{
    struct dr_result before;
    world_remember(world);
    world_judge(world, &before);
    assert_int_equal(dr_result_state(&before), DR_OK);
    dr_result_free(&before);
    world->evidence.now += 60;
    world->db1->streams[0].name = TEXT("db1");
    world->db1->streams[0].address = TEXT("192.0.2.1");
    world->db1->timeline = dr_int(4);
}

static void granted_meanwhile(struct world *world)
{
    struct dr_result before;
    struct rep_stream known[2];
    world_remember(world);
    for (size_t i = 0; i < 2; i++) {
        known[i] = world->streams[0][i];
        known[i].name = TEXT("walreceiver");
        world->streams[0][i].name = TEXT("walreceiver");
        world_hide_stream(&world->streams[0][i]);
    }
    world_judge(world, &before);
    assert_int_equal(dr_result_state(&before), DR_UNKNOWN);
    dr_result_free(&before);
    world->evidence.now += 60;
    for (size_t i = 0; i < 2; i++)
        world->streams[0][i] = known[i];
}

/* A virtual address points at one of the servers. */
static void add_alias(struct world *world, size_t of, enum rep_role role)
{
    struct rep_node *node = world_node(world, "vip", role);
    *node = world->nodes[of];
}

static void virtual_address(struct world *world)
{
    add_alias(world, 0, REP_ROLE_PRIMARY);
    world->rules.expect_primary = "vip";
    world->rules.expect_count = dr_int(2);
    world->thresholds[REP_STANDBYS] =
        (struct dr_threshold){.critical = {.given = true, .range = {.start = 2, .end = 2}}};
}

static void virtual_address_of_a_standby(struct world *world)
{
    add_alias(world, 1, REP_ROLE_STANDBY);
    world_expect(world, "vip");
    world->rules.expect_count = dr_int(2);
    world->thresholds[REP_STANDBYS] =
        (struct dr_threshold){.critical = {.given = true, .range = {.start = 2, .end = 2}}};
}

static void virtual_address_of_no_primary(struct world *world)
{
    add_alias(world, 0, REP_ROLE_STANDBY);
    world->rules.expect_primary = "vip";
}

static void alone_by_design(struct world *world)
{
    world->db1->stream_count = 0;
    world->rules.expect_count = dr_int(0);
}

static void rewound_and_following(struct world *world)
{
    world->db1->timeline = dr_int(4);
    world->db2->timeline = dr_int(3);
    world->db2->receiver.timeline.known = false;
    world->db3->timeline = dr_int(4);
}

static void receivewal_beside_without_privilege(struct world *world)
{
    struct rep_stream *stream = world_stream(world, world->db1, "pg_receivewal", NULL);
    world_hide_stream(stream);
    stream->kind = REP_STREAM_RECEIVER;
}

static void synchronous_complete(struct world *world)
{
    world->db1->synchronous_names = TEXT("ANY 2 (db2, db3, db9)");
    for (size_t i = 0; i < 2; i++)
        world->streams[0][i].sync_state = TEXT("quorum");
}

static void synchronous_and_just_connected(struct world *world)
{
    synchronous_complete(world);
    connected_a_moment_ago(world);
    world->streams[0][1].sync_state = TEXT("async");
}

/* The receiver never asks for a sign of life: an idle link is silent for ever. */
static void patient_for_ever(struct world *world)
{
    world->db2->receiver.timeout = dr_real(0);
    world->db2->receiver.message_age = dr_real(7200);
}

static void slots_in_use(struct world *world)
{
    struct rep_slot *logical = world_slot(world, world->db1, "sales");
    logical->logical = true;
    logical->confirmed = dr_int(POSITION);
    world_slot(world, world->db1, "db2_slot")->wal_status = TEXT("extended");
    world_slot(world, world->db1, "never_used")->restart.known = false;
    world->slots[0][2].wal_status = NULL;
    world->slots[0][2].active = dr_bool(false);
    world_subscription(world, world->db1, "orders");
}

/* Two sites' worth of standbys behind one address, without names: what tells them apart is their
 * slots. */
static void behind_one_address(struct world *world)
{
    for (size_t i = 0; i < 2; i++) {
        world->streams[0][i].name = TEXT("walreceiver");
        world->streams[0][i].address = TEXT("198.51.100.1");
    }
    world->streams[0][0].slot = TEXT("one");
    world->streams[0][1].slot = TEXT("two");
}

static void one_behind_the_address_frozen(struct world *world)
{
    behind_one_address(world);
    world->streams[0][0].reply_age = dr_real(40);
}

static void healthy_is_ok(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"all", ALL, NULL, DR_OK, NULL,
         "nothing would be lost if db1 died now (RPO 1m): best standby db2", NULL},
        {"primary alone", PRIMARY, NULL, DR_OK, NULL, "nothing would be lost if db1 died", NULL},
        {"standby alone", STANDBY, NULL, DR_OK, NULL,
         "nothing would be lost if the primary died now (RPO 1m): as db2 knows it from 12 s ago",
         NULL},
        {"all, unprivileged", PLAIN, NULL, DR_OK, NULL, "nothing would be lost", NULL},
        {"all, strict", ALL, strict, DR_OK, "db2", "0 B / 0 s behind", NULL},
        {"primary, strict", PRIMARY, strict, DR_OK, "db2", "0 B / 0 s behind", NULL},
        {"standby, strict", STANDBY, strict, DR_OK, "db2", "as of 12 s ago", NULL},
        {"unprivileged, strict", PLAIN, strict_plain, DR_OK, "db3", "0 B / 0 s behind", NULL},
        {"busy", ALL, busy, DR_OK, "db2", "65.5 kB / 0.04 s behind", NULL},
        {"busy, unprivileged", PLAIN, busy, DR_OK, "db3", "65.5 kB / 0.05 s behind", NULL},
        {"busy, primary alone", PRIMARY, busy_primary, DR_OK, "db2", "behind", NULL},
        {"a long transaction, standby alone", STANDBY, load_without_commits, DR_OK, "db2",
         "65.5 kB / 0.01 s behind", NULL},
        {"a long transaction, unprivileged", ALL, load_without_commits_on_all, DR_OK, "db2",
         "131 kB to apply, applied up to 0.015 s ago", NULL},
        {"delayed", ALL, delayed_on_purpose, DR_OK, "db2", "delayed by 1h on purpose", NULL},
        {"delayed, rare commits", ALL, delayed_with_rare_commits, DR_OK, "db2", "delayed by 1h",
         NULL},
        {"delayed, new", ALL, delayed_and_new, DR_OK, "db2", "delayed by 1h", NULL},
        {"restarted", ALL, restarted_and_rounded_down, DR_OK, "db2", "0 B / 0 s behind", NULL},
        {"restarted, alone", STANDBY, restarted_and_rounded_down, DR_OK, "db2", "0 B / 0 s behind",
         NULL},
        {"just connected", PRIMARY, connected_a_moment_ago, DR_OK, "db3", "has just connected",
         NULL},
        {"just connected, asked", ALL, connected_a_moment_ago, DR_OK, "db3", "0 B / 0 s behind",
         NULL},
        {"log shipping", ALL, ships_logs, DR_OK, "db2", "restores from the archive", NULL},
        {"before 12", PRIMARY, before_12, DR_OK, "db2", "0 B / 0 s behind", NULL},
        {"before 12, asked", ALL, before_12, DR_OK, "db2", "0 B / 0 s behind", NULL},
        {"before 12, busy", PRIMARY, before_12_busy, DR_OK, "db3", "65.5 kB / 0.05 s behind", NULL},
        {"clock ahead", ALL, clock_ahead, DR_OK, "db2", "clock 5 s ahead", NULL},
        {"clock behind", ALL, clock_behind, DR_OK, "db2", "clock 5 s behind", NULL},
        {"clock ahead, primary alone", PRIMARY, clock_ahead, DR_OK, "db2", "0 B / 0 s", NULL},
        {"clock behind, primary alone", PRIMARY, clock_behind, DR_OK, "db2", "0 B / 0 s", NULL},
        {"clock far behind, primary alone", PRIMARY, clock_far_behind, DR_OK, "db2", "0 B / 0 s",
         NULL},
        {"clock far behind", ALL, clock_far_behind_but_asked, DR_OK, "db2", "clock 10m behind",
         NULL},
        {"others beside", ALL, others_beside, DR_OK, NULL, "nothing would be lost", NULL},
        {"others beside, primary alone", PRIMARY, others_beside, DR_OK, NULL, "nothing", NULL},
        {"cascade", ALL, cascade, DR_OK, "db3", "0 B / 0 s behind", NULL},
        {"left over connection", ALL, left_over, DR_OK, "db2", "streaming", NULL},
        {"left over connection, primary alone", PRIMARY, left_over, DR_OK, "db2", "heard from 1 s",
         NULL},
        {"left over connection behind", ALL, left_over_behind, DR_OK, "db2", "0 B / 0 s", NULL},
        {"switched over", ALL, switched_over, DR_OK, "db2", "it was db1 until the last run", NULL},
        {"switched over behind an address", PRIMARY, switched_over_behind_an_address, DR_OK, NULL,
         "nothing would be lost", NULL},
        {"granted meanwhile", PRIMARY, granted_meanwhile, DR_OK, NULL, "nothing would be lost",
         NULL},
        {"virtual address", ALL, virtual_address, DR_OK, "vip", "is the same server as db1", NULL},
        {"virtual address of a standby", ALL, virtual_address_of_a_standby, DR_OK, "vip",
         "is the same server as db2", NULL},
        {"alone by design", PRIMARY, alone_by_design, DR_OK, NULL,
         "everything since the last backup would be lost", NULL},
        {"following a new timeline", ALL, rewound_and_following, DR_OK, "db2", "0 B / 0 s", NULL},
        {"receivewal beside, unprivileged", PLAIN, receivewal_beside_without_privilege, DR_OK, NULL,
         "nothing would be lost", NULL},
        {"synchronous", ALL, synchronous_complete, DR_OK, "db2", "streaming, quorum", NULL},
        {"synchronous, just connected", PRIMARY, synchronous_and_just_connected, DR_OK, "db3",
         "has just connected", NULL},
        {"receiver without time-out", ALL, patient_for_ever, DR_OK, "db2", "0 B / 0 s", NULL},
        {"slots", PRIMARY, slots_in_use, DR_OK, "slot sales", "subscriber 0 B behind", NULL},
        {"one address", PRIMARY, behind_one_address, DR_OK, NULL, "nothing would be lost", NULL},
    };
    PLAY(scenes);
}

/* ---- the link ---- */

static void frozen(struct world *world)
{
    if (world->db1 != NULL)
        world->streams[0][0].reply_age = dr_real(40);
    if (world->db2 != NULL && world->db2->receiver.message_age.known)
        world->db2->receiver.message_age = dr_real(40);
}

/* 22.8 MB behind for 21 s, and the column still says what it said before. */
static void frozen_behind(struct world *world)
{
    struct rep_stream *stream = &world->streams[0][0];
    world_write(world, 22794960);
    world->streams[0][1].flushed = world->streams[0][1].replayed = dr_int(POSITION + 22794960);
    stream->flush_lag = dr_real(0.000384);
    stream->reply_age = dr_real(21);
    world_limit(world, REP_LOSS, 8, 10);
}

static void frozen_unasked_privilege(struct world *world)
{
    world_write(world, 22794960);
    world->db3->readings[0].position += 22794960;
    world->db3->passing.received = dr_real(0.01);
    world_limit(world, REP_LOSS, 0.4, 0.5);
}

/* Reconnected five seconds ago after an hour: what is measured since then says nothing. */
static void catching_up(struct world *world)
{
    for (size_t i = 0; i < 2; i++) {
        struct rep_stream *stream = &world->streams[0][i];
        stream->state = TEXT("catchup");
        stream->connected = dr_real(5);
        stream->flush_lag = dr_real(5);
        stream->replay_lag = dr_real(5);
        stream->reply_age = dr_real(0.1);
    }
    world_write(world, 20000 * MB);
}

static void catching_up_for_long(struct world *world)
{
    catching_up(world);
    for (size_t i = 0; i < 2; i++) {
        world->streams[0][i].connected = dr_real(100);
        world->streams[0][i].flush_lag = dr_real(99.5);
    }
}

static void catching_up_unmeasured(struct world *world)
{
    catching_up(world);
    world->streams[0][0].flush_lag.known = world->streams[0][1].flush_lag.known = false;
}

/* All was sent, not all has arrived: what arrives first is older than the connection. */
static void barely_caught_up(struct world *world)
{
    catching_up(world);
    for (size_t i = 0; i < 2; i++)
        world->streams[0][i].state = TEXT("streaming");
}

static void not_receiving(struct world *world)
{
    world->db2->receiver = (struct rep_receiver){.running = dr_bool(false), .timeout = dr_real(60)};
    if (world->db1 != NULL) {
        world->db1->streams = &world->streams[0][1];
        world->db1->stream_count = 1;
    }
}

static void no_row(struct world *world)
{
    world->db1->stream_count = 1;
}

static void no_row_expected(struct world *world)
{
    no_row(world);
    world_expect(world, "db2");
    world_expect(world, "db3");
}

static void no_row_counted(struct world *world)
{
    no_row(world);
    world->rules.expect_count = dr_int(2);
}

static void no_row_at_all(struct world *world)
{
    world->db1->stream_count = 0;
}

static void no_row_remembered(struct world *world)
{
    world_remember(world);
    rep_history_standby(&world->history, "db3", NOW - 300);
    no_row(world);
}

static void only_receivewal(struct world *world)
{
    world->db1->stream_count = 0;
    world_stream(world, world->db1, "pg_receivewal", "192.0.2.9")->kind = REP_STREAM_RECEIVER;
    world->streams[0][0].replayed.known = false;
}

static void clock_set_back(struct world *world)
{
    world->db2->receiver.message_age = dr_real(-3600);
}

static void silent_for_ever_and_behind(struct world *world)
{
    patient_for_ever(world);
    world_hide(world->db2);
}

static void link_limited(struct world *world)
{
    world->thresholds[REP_LINK_AGE] =
        (struct dr_threshold){.critical = {.given = true, .range = {.start = 0, .end = 2}}};
}

static void links(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"frozen", ALL, frozen, DR_CRITICAL, "db2", "link silent for 40 s, where 36 s is normal",
         "network"},
        {"frozen, primary alone", PRIMARY, frozen, DR_CRITICAL, "db2", "link silent for 40 s",
         "network"},
        {"frozen, standby alone", STANDBY, frozen, DR_CRITICAL, "db2", "link silent for 40 s",
         "network"},
        {"frozen and behind, primary alone", PRIMARY, frozen_behind, DR_CRITICAL, "db2",
         "behind by 21 s, critical above 10 s", NULL},
        {"frozen and behind, unprivileged", PLAIN, frozen_unasked_privilege, DR_CRITICAL, "db2",
         "critical above 0.5 s", NULL},
        {"catching up, primary alone", PRIMARY, catching_up, DR_UNKNOWN, "db2",
         "since when is not known", "--state-dir"},
        {"catching up for long", PRIMARY, catching_up_for_long, DR_CRITICAL, "db2",
         "behind by at least 1m40s, critical above 1m", NULL},
        {"catching up without a figure", PRIMARY, catching_up_unmeasured, DR_UNKNOWN, "db2",
         "since when is not known", NULL},
        {"barely caught up", PRIMARY, barely_caught_up, DR_UNKNOWN, "db2",
         "since when is not known", NULL},
        {"not receiving", ALL, not_receiving, DR_CRITICAL, "db2", "is not receiving",
         "primary_conninfo"},
        {"not receiving, alone", STANDBY, not_receiving, DR_CRITICAL, "db2", "is not receiving",
         NULL},
        {"no row, expected", PRIMARY, no_row_expected, DR_CRITICAL, "db3",
         "is expected, but not connected", "db3"},
        {"no row, counted", PRIMARY, no_row_counted, DR_CRITICAL, "standbys",
         "1 of 2 expected are connected", NULL},
        {"no row at all", PRIMARY, no_row_at_all, DR_CRITICAL, NULL,
         "everything since the last backup would be lost if db1 died now (RPO 1m): it has no "
         "standby",
         NULL},
        {"no row, remembered", PRIMARY, no_row_remembered, DR_WARNING, "db3",
         "was connected 5m ago, and is gone", "--exclude"},
        {"only receivewal", PRIMARY, only_receivewal, DR_CRITICAL, NULL, "it has no standby", NULL},
        {"connected and silent", PRIMARY, connected_and_silent, DR_UNKNOWN, "db3",
         "has not reported what it has", NULL},
        {"clock set back", STANDBY, clock_set_back, DR_UNKNOWN, "db2",
         "cannot tell whether its link is alive", NULL},
        {"no time-out, alone", STANDBY, patient_for_ever, DR_UNKNOWN, "db2",
         "wal_receiver_timeout is off", "wal_receiver_timeout"},
        {"limit of the link's age", STANDBY, link_limited, DR_CRITICAL, "db2",
         "last sign of life 12 s, critical above 2 s", NULL},
        {"frozen behind one address", PRIMARY, one_behind_the_address_frozen, DR_CRITICAL,
         "198.51.100.1", "link silent for 40 s", NULL},
        {"no time-out, hidden", STANDBY, silent_for_ever_and_behind, DR_UNKNOWN, "db2", "hidden",
         "GRANT pg_monitor TO nagios"},
    };
    PLAY(scenes);
}

static void skew_limited(struct world *world)
{
    world_limit(world, REP_SKEW, 1, 2);
}

static void skewed(struct world *world)
{
    clock_behind(world);
    skew_limited(world);
}

static void clocks(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"limited", ALL, skew_limited, DR_OK, "db2", "0 B / 0 s behind", NULL},
        {"skewed", ALL, skewed, DR_CRITICAL, "db2", "clock off by 5 s, critical above 2 s", NULL},
        {"limited, primary alone", PRIMARY, skew_limited, DR_UNKNOWN, "db2",
         "cannot tell how far its clock is off", "targets"},
        {"limited, link hidden", PLAIN, link_limited, DR_UNKNOWN, "db2",
         "cannot tell whether its link is alive", NULL},
    };
    PLAY(scenes);
}

/* ---- replay and promotion ---- */

static void paused(struct world *world)
{
    world->db2->pause = REP_PAUSE_PAUSED;
    world->db2->replayed = dr_int(POSITION - 20 * MB);
}

static void pause_requested(struct world *world)
{
    paused(world);
    world->db2->pause = REP_PAUSE_REQUESTED;
}

static void paused_by_parameter(struct world *world)
{
    paused(world);
    world->db1->floors[0].value = dr_int(150);
}

static void below_the_floor(struct world *world)
{
    world->db1->floors[3].value = dr_int(150);
    world->db3->floors[3].value = dr_int(150);
}

static void all_below_the_floor(struct world *world)
{
    world->db1->floors[4].value = dr_int(128);
}

static void below_the_floor_before_14(struct world *world)
{
    below_the_floor(world);
    world->db2->major = world->db1->major = world->db3->major = 13;
}

static void replay_behind(struct world *world)
{
    world->db2->replayed = dr_int(POSITION - 20 * MB);
    world->db2->replay_age = dr_real(1000);
    world->db2->passing.replayed.known = false;
    world_limit(world, REP_APPLY_LAG, 720, 900);
}

static void replay_behind_seen_from_the_primary(struct world *world)
{
    struct rep_stream *stream = &world->streams[0][0];
    stream->replayed = dr_int(POSITION - 20 * MB);
    stream->replay_lag = dr_real(1000);
    world_limit(world, REP_APPLY_LAG, 720, 900);
}

static void beyond_its_delay(struct world *world)
{
    delayed_on_purpose(world);
    world->db2->replay_age = dr_real(3600 + 1000);
    world->db2->passing.replayed.known = false;
}

static void delay_too_short(struct world *world)
{
    world->delays[0] = (struct rep_delay){"db2", 3600};
    world->rules.delay_count = 1;
}

static void delay_unreadable(struct world *world)
{
    delay_too_short(world);
    world->db2->apply_delay.known = false;
}

static void delay_gone(struct world *world)
{
    world_remember(world);
    rep_history_swap(&world->history, "delay:db2", 3600);
}

static void delay_gone_on_purpose(struct world *world)
{
    delay_gone(world);
    world->delays[0] = (struct rep_delay){"db2", 0};
    world->rules.delay_count = 1;
}

static void delay_of_nobody(struct world *world)
{
    world->delays[0] = (struct rep_delay){"db4", 3600};
    world->rules.delay_count = 1;
}

static void delay_not_readable_from_there(struct world *world)
{
    delay_too_short(world);
}

static void replay_unknown(struct world *world)
{
    world->db2->replayed.known = false;
    world_limit(world, REP_APPLY_LAG, 720, 900);
}

static void replay(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"paused", ALL, paused, DR_WARNING, "db2", "replay is paused by a user",
         "pg_wal_replay_resume() on db2"},
        {"pause requested", ALL, pause_requested, DR_WARNING, "db2", "replay is paused by a user",
         NULL},
        {"paused, alone", STANDBY, paused, DR_WARNING, "db2",
         "by a user or because a setting is below the primary's", "give the primary"},
        {"paused by a parameter", ALL, paused_by_parameter, DR_CRITICAL, "db2",
         "cannot be promoted: max_connections = 100 is below db1's 150",
         "raise max_connections on db2 to at least 150"},
        {"below the floor", ALL, below_the_floor, DR_CRITICAL, "db2",
         "max_prepared_transactions = 100 is below db1's 150", "raise"},
        {"below the floor, before 14", ALL, below_the_floor_before_14, DR_CRITICAL, "db2",
         "ends and the server shuts down", NULL},
        {"all below the floor", ALL, all_below_the_floor, DR_CRITICAL, NULL,
         "but no standby can be promoted as it is", NULL},
        {"replay behind", ALL, replay_behind, DR_CRITICAL, "db2",
         "apply lag 16m40s, critical above 15m", NULL},
        {"replay behind, alone", STANDBY, replay_behind, DR_CRITICAL, "db2", "apply lag 16m40s",
         NULL},
        {"replay behind, primary alone", PRIMARY, replay_behind_seen_from_the_primary, DR_CRITICAL,
         "db2", "critical above 15m", NULL},
        {"beyond its delay", ALL, beyond_its_delay, DR_CRITICAL, "db2",
         "beyond its delay by 16m40s, critical above 15m", NULL},
        {"delayed, nothing replayed", ALL, delayed_and_not_new, DR_UNKNOWN, "db2",
         "cannot tell how old what it shows is", NULL},
        {"delay too short", ALL, delay_too_short, DR_CRITICAL, "db2", "delay is 0 s, expected 1h",
         "recovery_min_apply_delay on db2"},
        {"delay unreadable", ALL, delay_unreadable, DR_UNKNOWN, "db2", "its delay cannot be read",
         NULL},
        {"delay gone", ALL, delay_gone, DR_WARNING, "db2", "its delay of 1h is gone",
         "--expect-delay db2=0"},
        {"delay gone on purpose", ALL, delay_gone_on_purpose, DR_OK, "db2", "0 B / 0 s behind",
         NULL},
        {"delay of nobody", ALL, delay_of_nobody, DR_CRITICAL, "db4", "expected", NULL},
        {"delay not seen from the primary", PRIMARY, delay_not_readable_from_there, DR_UNKNOWN,
         "db2", "delay", "target"},
        {"replay unknown", ALL, replay_unknown, DR_UNKNOWN, "db2",
         "cannot tell what it has replayed", NULL},
    };
    PLAY(scenes);
}

/* ---- who is who ---- */

static void split_brain(struct world *world)
{
    world->db3->role = REP_ROLE_PRIMARY;
    world->db3->timeline = dr_int(4);
}

static void two_clusters(struct world *world)
{
    world->db3->role = REP_ROLE_PRIMARY;
    world->db3->system = TEXT("7300000000000000002");
}

static void wrong_cluster(struct world *world)
{
    world->db2->system = TEXT("7300000000000000002");
}

static void unknown_cluster(struct world *world)
{
    world->db2->system = NULL;
}

static void wrong_version(struct world *world)
{
    world->db2->major = 14;
    world->db2->product = TEXT("PostgreSQL 14.9");
}

static void wrong_timeline(struct world *world)
{
    not_receiving(world);
    world->db2->timeline = dr_int(2);
}

static void newer_timeline(struct world *world)
{
    not_receiving(world);
    world->db2->timeline = dr_int(4);
}

static void unknown_timeline(struct world *world)
{
    world->db2->timeline.known = false;
}

static void unknown_role(struct world *world)
{
    world->db2->role = REP_ROLE_UNKNOWN;
}

static void wrong_primary(struct world *world)
{
    world->rules.expect_primary = "db2";
}

static void right_primary_by_cluster_name(struct world *world)
{
    world->rules.expect_primary = "site-a";
    world->db1->cluster_name = TEXT("site-a");
}

static void wrong_upstream(struct world *world)
{
    world->rules.expect_upstream = "db3";
}

static void wrong_upstream_port(struct world *world)
{
    world->rules.expect_upstream = "db1:5433";
}

static void upstream_hidden(struct world *world)
{
    world->rules.expect_upstream = "db1";
}

static void primary_expected(struct world *world)
{
    world->rules.expect_primary = "db1";
}

static void silent_standby(struct world *world)
{
    world_silence(world, "db2", DR_ERR_TIMEOUT);
    world->db1->streams = &world->streams[0][1];
    world->db1->stream_count = 1;
    world_expect(world, "db2");
}

static void include_nothing(struct world *world)
{
    struct dr_error error;
    world_slot(world, world->db1, "db2_slot");
    assert_true(dr_selection_add(&world->selection, false, "^no such name$", &error));
}

static void exclude_one(struct world *world)
{
    struct dr_error error;
    world_slot(world, world->db1, "debezium")->wal_status = TEXT("lost");
    assert_true(dr_selection_add(&world->selection, true, "^debezium$", &error));
}

static void roles(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"split brain", ALL, split_brain, DR_CRITICAL, "db3",
         "takes writes, and is not the only one", "stop writes"},
        {"split brain, verdict", ALL, split_brain, DR_CRITICAL, NULL,
         "split brain: 2 servers take writes: db1 (timeline 3), db3 (timeline 4)", NULL},
        {"two clusters", ALL, two_clusters, DR_CRITICAL, NULL,
         "primaries of different clusters: 2 servers take writes", NULL},
        {"wrong cluster", ALL, wrong_cluster, DR_CRITICAL, "db2", "belongs to another cluster",
         "no standby of db1"},
        {"wrong cluster, the other is best", ALL, wrong_cluster, DR_CRITICAL, NULL,
         "best standby db3", NULL},
        {"unknown cluster", ALL, unknown_cluster, DR_UNKNOWN, "db2",
         "cannot tell whether it belongs to the same cluster", NULL},
        {"wrong version", ALL, wrong_version, DR_CRITICAL, "db2",
         "is PostgreSQL 14.9, db1 is PostgreSQL 15.8", NULL},
        {"wrong timeline", ALL, wrong_timeline, DR_CRITICAL, "db2",
         "is on timeline 2, db1 on timeline 3", "rewind"},
        {"newer timeline", ALL, newer_timeline, DR_CRITICAL, "db2",
         "is on timeline 4, db1 on timeline 3", "rewind"},
        {"unknown timeline", ALL, unknown_timeline, DR_UNKNOWN, "db2",
         "cannot tell which timeline it is on", NULL},
        {"unknown role", ALL, unknown_role, DR_UNKNOWN, "db2",
         "cannot tell whether it is a primary or a standby", NULL},
        {"unknown role, alone", STANDBY, unknown_role, DR_UNKNOWN, "db2", "cannot tell whether",
         NULL},
        {"wrong primary", ALL, wrong_primary, DR_CRITICAL, "db1", "is the primary, expected db2",
         NULL},
        {"right primary", ALL, right_primary_by_cluster_name, DR_OK, NULL, "nothing", NULL},
        {"virtual address of no primary", STANDBY, virtual_address_of_no_primary, DR_UNKNOWN, "vip",
         "expected as the primary, but not seen", NULL},
        {"primary not seen", STANDBY, primary_expected, DR_UNKNOWN, "db1",
         "expected as the primary, but not seen", NULL},
        {"wrong upstream", ALL, wrong_upstream, DR_CRITICAL, "db2",
         "its upstream is db1:5432, expected db3", NULL},
        {"wrong upstream port", ALL, wrong_upstream_port, DR_CRITICAL, "db2",
         "its upstream is db1:5432, expected db1:5433", NULL},
        {"upstream hidden", PLAIN, upstream_hidden, DR_UNKNOWN, "db2", "hidden", "GRANT"},
        {"upstream of nobody", PRIMARY, upstream_hidden, DR_UNKNOWN, "standbys",
         "where they receive from", "target"},
        {"silent standby", ALL, silent_standby, DR_CRITICAL, "db2", "no answer", "port"},
        {"include nothing", ALL, include_nothing, DR_UNKNOWN, "--include", "matches nothing", NULL},
        {"exclude one", ALL, exclude_one, DR_OK, NULL, "nothing would be lost", NULL},
        {"no privilege", PRIMARY, NULL, DR_OK, NULL, "nothing", NULL},
    };
    PLAY(scenes);
}

/* ---- privilege ---- */

static void hide(struct world *world)
{
    for (size_t i = 0; i < world->evidence.count; i++)
        world_hide(&world->nodes[i]);
}

static void hide_synchronous(struct world *world)
{
    world->db1->synchronous_names = TEXT("db2");
}

static void anonymous(struct world *world)
{
    for (size_t i = 0; i < 2; i++)
        world->streams[0][i].name = TEXT("walreceiver");
}

static void anonymous_and_one_more(struct world *world)
{
    anonymous(world);
    world_hide_stream(world_stream(world, world->db1, "walreceiver", NULL));
}

static void privileges(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"primary alone", PRIMARY, hide, DR_UNKNOWN, "db2", "how far it is behind is hidden",
         "run on the server: GRANT pg_monitor TO nagios; or give every node as a target"},
        {"standby alone", STANDBY, hide, DR_UNKNOWN, "db2", "how far it is behind is hidden",
         "GRANT pg_monitor TO nagios"},
        {"standby alone, verdict", STANDBY, hide, DR_UNKNOWN, NULL, "no standby can say", NULL},
        {"synchronous", PLAIN, hide_synchronous, DR_UNKNOWN, "db1",
         "cannot tell whether enough synchronous standbys", "GRANT pg_monitor TO nagios"},
        {"without names", PLAIN, anonymous, DR_OK, NULL, "nothing would be lost", NULL},
        {"one more than asked", PLAIN, anonymous_and_one_more, DR_UNKNOWN, "walreceiver", "hidden",
         "GRANT"},
    };
    PLAY(scenes);
}

/* ---- synchronous replication ---- */

static void quorum_short(struct world *world)
{
    synchronous_complete(world);
    world->db1->synchronous_names = TEXT("ANY 3 (db2, db3, db9)");
}

static void quorum_short_but_not_waited_for(struct world *world)
{
    quorum_short(world);
    world->db1->commits_wait = dr_bool(false);
}

static void synchronous_in_catchup(struct world *world)
{
    world->db1->synchronous_names = TEXT("db2");
    world->streams[0][0].state = TEXT("catchup");
    world->streams[0][0].sync_state = TEXT("async");
}

static void synchronous_unknown(struct world *world)
{
    world->db1->synchronous_names = NULL;
}

static void synchronous_unreadable(struct world *world)
{
    world->db1->synchronous_names = TEXT("ANY 0 (db2)");
}

static void synchronous(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"short", ALL, quorum_short, DR_CRITICAL, "db1",
         "commits hang: 2 of 3 synchronous standbys are connected", "synchronous_standby_names"},
        {"short, primary alone", PRIMARY, quorum_short, DR_CRITICAL, "db1", "commits hang", NULL},
        {"short, not waited for", ALL, quorum_short_but_not_waited_for, DR_WARNING, "db1",
         "commits that ask for one hang", NULL},
        {"catching up", PRIMARY, synchronous_in_catchup, DR_CRITICAL, "db1",
         "commits hang: 0 of 1 synchronous standbys", NULL},
        {"unknown", ALL, synchronous_unknown, DR_UNKNOWN, "db1",
         "cannot tell whether commits wait for standbys", NULL},
        {"unreadable", ALL, synchronous_unreadable, DR_UNKNOWN, "db1",
         "cannot read synchronous_standby_names: ANY 0 (db2)", NULL},
    };
    PLAY(scenes);
}

/* ---- slots and subscriptions ---- */

static struct rep_slot *slot_of(struct world *world)
{
    return world_slot(world, world->db1, "s1");
}

static void slot_lost(struct world *world)
{
    struct rep_slot *slot = slot_of(world);
    slot->active = dr_bool(false);
    slot->wal_status = TEXT("lost");
    slot->restart.known = false;
}

static void slot_lost_with_position(struct world *world)
{
    slot_lost(world);
    world->slots[0][0].restart = dr_int(POSITION - 64 * MB);
    world->slots[0][0].invalidation = TEXT("wal_removed");
}

static void slot_unreserved(struct world *world)
{
    struct rep_slot *slot = slot_of(world);
    slot->wal_status = TEXT("unreserved");
    slot->safe = dr_int(-1260000);
}

static void slot_missing(struct world *world)
{
    world_expect_slot(world, "s1");
}

static void slot_inactive(struct world *world)
{
    struct rep_slot *slot = slot_of(world);
    slot->active = dr_bool(false);
    slot->inactive_age = dr_real(7200);
}

static void slot_inactive_by_history(struct world *world)
{
    slot_inactive(world);
    world->slots[0][0].inactive_age.known = false;
    world_remember(world);
    rep_history_since(&world->history, "inactive:db1:s1", true, NOW - 7200);
}

static void slot_inactive_since_when(struct world *world)
{
    slot_inactive(world);
    world->slots[0][0].inactive_age.known = false;
    world->rules.slot_inactive_given = true;
}

static void slot_unknown(struct world *world)
{
    slot_of(world)->wal_status = NULL;
}

static void slot_of_the_future(struct world *world)
{
    slot_of(world)->wal_status = TEXT("doomed");
}

static void slot_conflicting(struct world *world)
{
    struct rep_slot *slot = slot_of(world);
    slot->logical = true;
    slot->conflicting = dr_bool(true);
}

static void slot_retains(struct world *world)
{
    slot_of(world)->restart = dr_int(POSITION - 100 * MB);
    world_limit(world, REP_SLOT_RETAINED, 1e6, 5e7);
}

static void slot_eta_without_history(struct world *world)
{
    slot_of(world)->safe = dr_int(10 * MB);
    world->thresholds[REP_SLOT_ETA] = (struct dr_threshold){
        .critical = {.given = true, .range = {.start = 3600, .end = (double)INFINITY}}};
}

static void slot_eta(struct world *world)
{
    slot_eta_without_history(world);
    world_remember(world);
    rep_history_system(&world->history, SYSTEM);
    rep_history_sample(&world->history, NOW - 100, POSITION - MB);
    rep_history_sample(&world->history, NOW - 60, POSITION - MB / 2);
}

static void slot_of_a_subscriber(struct world *world)
{
    struct rep_slot *slot = slot_of(world);
    slot->logical = true;
    slot->failover = dr_bool(false);
    slot->confirmed = dr_int(POSITION - 100 * MB);
    world_limit(world, REP_LOGICAL_GAP, 1e6, 5e7);
}

static void slot_of_a_subscriber_unknown(struct world *world)
{
    slot_of_a_subscriber(world);
    world->slots[0][0].confirmed.known = false;
}

static void slot_temporary(struct world *world)
{
    struct rep_slot *slot = slot_of(world);
    slot->temporary = true;
    slot->wal_status = TEXT("lost");
}

static void slot_on_a_standby(struct world *world)
{
    world_slot(world, world->db2, "cascade")->wal_status = TEXT("lost");
}

static void subscription_off(struct world *world)
{
    world_subscription(world, world->db1, "orders")->enabled = dr_bool(false);
}

static void subscription_dead(struct world *world)
{
    struct rep_subscription *subscription = world_subscription(world, world->db1, "orders");
    subscription->running = dr_bool(false);
    subscription->message_age.known = false;
}

static void subscription_failing(struct world *world)
{
    world_subscription(world, world->db1, "orders")->apply_errors = dr_int(9);
    world_remember(world);
    rep_history_swap(&world->history, "errors:db1:orders", 2);
}

static void subscription_reset(struct world *world)
{
    subscription_failing(world);
    world->subscriptions[0][0].apply_errors = dr_int(1);
}

static void subscription_silent(struct world *world)
{
    world_subscription(world, world->db1, "orders")->message_age = dr_real(300);
}

static void subscription_pending(struct world *world)
{
    world_subscription(world, world->db1, "orders")->tables_pending = dr_int(2);
}

static void slots_and_subscriptions(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"lost", PRIMARY, slot_lost, DR_CRITICAL, "slot s1", "is lost: its standby must be rebuilt",
         "rebuild"},
        {"lost, position kept", PRIMARY, slot_lost_with_position, DR_CRITICAL, "slot s1",
         "is lost, wal_removed", NULL},
        {"unreserved", PRIMARY, slot_unreserved, DR_CRITICAL, "slot s1", "is unreserved", NULL},
        {"missing", PRIMARY, slot_missing, DR_CRITICAL, "s1", "is expected, but does not exist",
         "pg_create_physical_replication_slot"},
        {"inactive", PRIMARY, slot_inactive, DR_WARNING, "slot s1",
         "not in use for 2h (warning above 1h)", "db1"},
        {"inactive by history", PRIMARY, slot_inactive_by_history, DR_WARNING, "slot s1",
         "not in use for 2h", NULL},
        {"inactive since when", PRIMARY, slot_inactive_since_when, DR_UNKNOWN, "slot s1",
         "since when is not known", "--state-dir"},
        {"status unknown", PRIMARY, slot_unknown, DR_UNKNOWN, "slot s1",
         "cannot tell whether its log is still there", NULL},
        {"status of the future", PRIMARY, slot_of_the_future, DR_UNKNOWN, "slot s1", "doomed",
         NULL},
        {"conflicting", PRIMARY, slot_conflicting, DR_CRITICAL, "slot s1", "conflicts", NULL},
        {"retains", PRIMARY, slot_retains, DR_CRITICAL, "slot s1", "keeps 100 MB, critical above",
         NULL},
        {"eta unknown", PRIMARY, slot_eta_without_history, DR_UNKNOWN, "slot s1",
         "when it can be lost is not known", "--state-dir"},
        {"eta", PRIMARY, slot_eta, DR_CRITICAL, "slot s1", "can be lost in 13m", NULL},
        {"logical gap", PRIMARY, slot_of_a_subscriber, DR_CRITICAL, "slot s1",
         "subscriber behind by 100 MB, critical above", NULL},
        {"logical gap unknown", PRIMARY, slot_of_a_subscriber_unknown, DR_UNKNOWN, "slot s1",
         "cannot tell how far its subscriber is behind", NULL},
        {"temporary", PRIMARY, slot_temporary, DR_OK, NULL, "nothing would be lost", NULL},
        {"on a standby", ALL, slot_on_a_standby, DR_CRITICAL, "slot cascade on db2", "is lost",
         NULL},
        {"subscription disabled", PRIMARY, subscription_off, DR_WARNING, "subscription orders",
         "is disabled", "ENABLE"},
        {"subscription dead", PRIMARY, subscription_dead, DR_CRITICAL, "subscription orders",
         "its worker is not running", "log"},
        {"subscription failing", PRIMARY, subscription_failing, DR_CRITICAL, "subscription orders",
         "7 errors since the last run", NULL},
        {"statistics reset", PRIMARY, subscription_reset, DR_OK, "subscription orders",
         "1 apply errors", NULL},
        {"subscription silent", PRIMARY, subscription_silent, DR_CRITICAL, "subscription orders",
         "publisher silent for 5m", NULL},
        {"subscription pending", PRIMARY, subscription_pending, DR_WARNING, "subscription orders",
         "2 tables not in sync", NULL},
    };
    PLAY(scenes);
}

/* ---- without the primary ---- */

static void primary_dead(struct world *world)
{
    world_silence(world, "db1", DR_ERR_CONNECT);
    for (size_t i = 0; i < 2; i++) {
        struct rep_node *node = i == 0 ? world->db2 : world->db3;
        node->receiver = (struct rep_receiver){.running = dr_bool(false), .timeout = dr_real(60)};
        node->passing.compared = false;
    }
}

static void primary_dead_remembered(struct world *world)
{
    primary_dead(world);
    world_remember(world);
    rep_history_system(&world->history, SYSTEM);
    rep_history_sample(&world->history, NOW - 180, POSITION);
    rep_history_sample(&world->history, NOW - 120, POSITION + 30 * MB);
    free(rep_history_primary(&world->history, NULL, "db1"));
}

static void primary_dead_nothing_missing(struct world *world)
{
    primary_dead_remembered(world);
    world->db2->readings[0].position = POSITION + 30 * MB;
}

static void primary_unreadable(struct world *world)
{
    world_silence(world, "db1", DR_ERR_AUTH);
    world_expect(world, "db2");
    world_expect(world, "db9");
    world->rules.expect_count = dr_int(3);
    world_expect_slot(world, "s1");
}

/* db1, the primary of the last run, is a standby now; the new primary does not answer. */
static void successor_dead(struct world *world)
{
    primary_dead_remembered(world);
    world->asked[0].label = world->asked[0].host = "db2";
    world->asked[1].label = world->asked[1].host = "db1";
}

static void all_dead(struct world *world)
{
    world_silence(world, "db1", DR_ERR_CONNECT);
    world_silence(world, "db2", DR_ERR_CONNECT);
    world_silence(world, "db3", DR_ERR_CONNECT);
}

/* No target is the primary. db2 is 100 MB behind it, db3 has all that db2 has. */
static void cascade_without_primary(struct world *world)
{
    world_silence(world, "db1", DR_ERR_CONNECT);
    world->evidence.asked = &world->asked[1];
    world->evidence.count = 2;
    world_stream(world, world->db2, "db3", "192.0.2.3");
    world->db2->receiver.announced = dr_int(POSITION + 100 * MB);
    world->db2->passing.compared = world->db3->passing.compared = false;
    world->db2->replay_age = world->db3->replay_age = dr_real(300);
    world->db2->replayed = dr_int(POSITION);
}

static void cascade_seen_from_above(struct world *world)
{
    world_stream(world, world->db2, "db3", "192.0.2.3");
    world->db2->receiver.announced = dr_int(POSITION + 100 * MB);
    world->db2->replay_age = dr_real(300);
}

static void without_a_primary(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"dead", ALL, primary_dead, DR_CRITICAL, "db1", "no answer", "port"},
        {"dead, remembered", ALL, primary_dead_remembered, DR_CRITICAL, NULL,
         "primary db1 does not answer: failover to db2 loses at least 30 MB / 1m of commits, and "
         "what it wrote since it was last seen 2m ago",
         NULL},
        {"dead, nothing missing", ALL, primary_dead_nothing_missing, DR_CRITICAL, NULL,
         "db2 has all it had 2m ago", NULL},
        {"unreadable", ALL, primary_unreadable, DR_UNKNOWN, "db9", "only the primary tells", NULL},
        {"unreadable, count", ALL, primary_unreadable, DR_UNKNOWN, "standbys", "2 of 3", NULL},
        {"unreadable, slot", ALL, primary_unreadable, DR_UNKNOWN, "s1", "cannot tell", NULL},
        {"successor dead", ALL, successor_dead, DR_CRITICAL, NULL,
         "no primary among the targets that answered", NULL},
        {"all dead", ALL, all_dead, DR_CRITICAL, NULL, "db1: no answer", NULL},
        {"cascade", ALL, cascade_without_primary, DR_CRITICAL, NULL, "100 MB / 5m of commits",
         NULL},
        {"cascade, the leaf", ALL, cascade_without_primary, DR_CRITICAL, "db3", "behind by 5m",
         NULL},
        {"cascade from above", STANDBY, cascade_seen_from_above, DR_CRITICAL, NULL, "100 MB / 5m",
         NULL},
    };
    PLAY(scenes);
}

/* ---- trends ---- */

static void growing(struct world *world)
{
    world_remember(world);
    rep_history_slope(&world->history, "gap:db2", NOW - 10, MB);
    world_write(world, 11 * MB);
    world->streams[0][0].reply_age = world->streams[0][1].reply_age = dr_real(3);
}

static void shrinking(struct world *world)
{
    growing(world);
    dr_state_remove(&world->history.file, NULL, NULL, NULL);
    rep_history_slope(&world->history, "gap:db2", NOW - 10, 21 * MB);
}

static void trends(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"growing", PRIMARY, growing, DR_OK, "db2", "growing by 1 MB/s", NULL},
        {"shrinking", PRIMARY, shrinking, DR_OK, "db2", "shrinking, caught up in 11 s", NULL},
    };
    PLAY(scenes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_is_ok),
        cmocka_unit_test(links),
        cmocka_unit_test(clocks),
        cmocka_unit_test(replay),
        cmocka_unit_test(roles),
        cmocka_unit_test(privileges),
        cmocka_unit_test(synchronous),
        cmocka_unit_test(slots_and_subscriptions),
        cmocka_unit_test(without_a_primary),
        cmocka_unit_test(trends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
