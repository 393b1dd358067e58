/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge of check_replication_lag on the facts of the products that are not PostgreSQL: sets
 * that elect their primary, positions that are no bytes, several systems in one run. */
#include "tests/unit/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MEMBERS 8
#define TRAITS 2

/* A world whose db1, db2, db3 are members of a set; its votes may be elsewhere. */
struct stage {
    struct world world;
    struct rep_member members[NODES][MEMBERS];
    struct rep_trait traits[NODES][TRAITS];
};

struct scene {
    const char *name;
    void (*make)(struct stage *stage);
    void (*change)(struct stage *stage);
    enum dr_state state;
    const char *subject; /* NULL: the verdict */
    const char *words;
    const char *advice; /* NULL: not looked at */
};

static void play(const struct scene *scenes, size_t count)
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        static struct stage stage;
        const struct scene *scene = &scenes[i];
        struct dr_result result;
        scene->make(&stage);
        if (scene->change != NULL)
            scene->change(&stage);
        world_judge(&stage.world, &result);
        if (dr_result_state(&result) != scene->state ||
            !world_says(&result, scene->subject, scene->words) ||
            (scene->advice != NULL && !world_advises(&result, scene->subject, scene->advice))) {
            fprintf(stderr, "%s: expected %s, %s: \"%s\"\n", scene->name,
                    dr_state_name(scene->state),
                    scene->subject != NULL ? scene->subject : "verdict", scene->words);
            world_print(&result);
            failed++;
        }
        dr_result_free(&result);
        world_forget(&stage.world);
    }
    assert_int_equal(failed, 0);
}

#define PLAY(scenes) play(scenes, sizeof(scenes) / sizeof((scenes)[0]))

static size_t number_of(const struct stage *stage, const struct rep_node *node)
{
    return (size_t)(node - stage->world.nodes);
}

static struct rep_member *add_member(struct stage *stage, struct rep_node *node, const char *name,
                                     enum rep_seat seat)
{
    struct rep_set *set = &node->set;
    set->members = stage->members[number_of(stage, node)];
    struct rep_member *member = &set->members[set->member_count++];
    *member = (struct rep_member){.name = TEXT(name),
                                  .seat = seat,
                                  .votes = dr_int(1),
                                  .priority = dr_real(1),
                                  .heard = dr_real(1),
                                  .position = dr_int(POSITION)};
    return member;
}

static struct rep_member *member_of(struct rep_node *node, const char *name)
{
    for (size_t i = 0; i < node->set.member_count; i++) {
        if (strcmp(node->set.members[i].name, name) == 0)
            return &node->set.members[i];
    }
    fail_msg("no member %s", name);
    return NULL;
}

static void add_trait(struct stage *stage, struct rep_node *node, enum rep_trait_kind kind,
                      const char *text)
{
    node->traits = stage->traits[number_of(stage, node)];
    node->traits[node->trait_count++] = (struct rep_trait){.kind = kind, .text = TEXT(text)};
}

static void set_votes(struct rep_set *set, int64_t present, int64_t votes)
{
    set->votes = dr_int(votes);
    set->present = dr_int(present);
    set->needed = dr_int(votes / 2 + 1);
}

static void set_copies(struct rep_set *set, int64_t present, int64_t copies, int64_t needed)
{
    set->copies = dr_int(copies);
    set->copies_present = dr_int(present);
    set->copies_needed = dr_int(needed);
}

/* What PostgreSQL has and the others do not. */
static void strip(struct rep_node *node, enum rep_product kind, const char *product)
{
    node->kind = kind;
    node->product = TEXT(product);
    node->timeline.known = false;
    node->grant = NULL;
    node->synchronous_names = NULL;
    node->commits_wait.known = false;
    node->sender_timeout.known = false;
    node->receiver.timeline.known = false;
    node->receiver.timeout.known = false;
    for (size_t i = 0; i < REP_FLOORS; i++)
        node->floors[i].value.known = false;
    for (size_t i = 0; i < node->stream_count; i++) {
        struct rep_stream *stream = &node->streams[i];
        stream->sync_state = NULL;
        stream->connected.known = false;
    }
}

/* ---- MongoDB ---- */

static const char *const mongo_names[] = {"db1:27017", "db2:27017", "db3:27017"};

static void mongo_node(struct stage *stage, struct rep_node *node, size_t self)
{
    strip(node, REP_MONGODB, "MongoDB 8.0.4");
    node->unit = REP_MOMENTS;
    node->group = TEXT("rs0");
    node->application_name = TEXT(mongo_names[self]);
    node->instance = TEXT(mongo_names[self]);
    node->sender_silence = dr_real(12);
    node->receiver.silence = dr_real(12);
    node->receiver.message_age = dr_real(1);
    node->replay_age = dr_real(4);
    node->set.name = TEXT("rs0");
    node->set.term = dr_int(7);
    set_votes(&node->set, 3, 3);
    set_copies(&node->set, 3, 3, 2);
    for (size_t i = 0; i < 3; i++) {
        struct rep_member *member =
            add_member(stage, node, mongo_names[i], i == 0 ? REP_SEAT_PRIMARY : REP_SEAT_STANDBY);
        member->self = i == self;
    }
}

static void mongo_view(struct stage *stage, enum view view)
{
    struct world *world = &stage->world;
    memset(stage, 0, sizeof *stage);
    world_make(world, view);
    if (world->db1 != NULL) {
        mongo_node(stage, world->db1, 0);
        world->db1->window = dr_real(86400);
        world->db1->kept_from = dr_int(POSITION - 500 * MB);
        for (size_t i = 0; i < 2; i++) {
            struct rep_stream *stream = &world->db1->streams[i];
            stream->name = TEXT(mongo_names[i + 1]);
            stream->state = TEXT("SECONDARY");
            stream->reply_age = dr_real(1);
        }
    }
    if (world->db2 != NULL)
        mongo_node(stage, world->db2, 1);
    if (world->db3 != NULL)
        mongo_node(stage, world->db3, 2);
}

static void mongo(struct stage *stage)
{
    mongo_view(stage, ALL);
}

static void mongo_primary(struct stage *stage)
{
    mongo_view(stage, PRIMARY);
}

static void mongo_secondary(struct stage *stage)
{
    mongo_view(stage, STANDBY);
}

static void mongo_behind(struct stage *stage)
{
    struct world *world = &stage->world;
    world_write(world, 1000);
    world->db1->streams[0].loss = dr_real(90000);
    world->db2->replay_age = dr_real(90000);
    world->db3->passing.received = dr_real(0.1);
    world->db3->readings[0].position += 1000;
}

static void mongo_ahead(struct stage *stage)
{
    stage->world.db2->readings[0].position += 10;
    stage->world.db2->received.value += 10;
    stage->world.db2->replayed.value += 10;
    stage->world.db1->streams[0].flushed.value += 10;
}

static void mongo_bytes(struct stage *stage)
{
    mongo_behind(stage);
    world_limit(&stage->world, REP_LOSS_BYTES, 1e9, 2e9);
    world_limit(&stage->world, REP_LOSS, 1e9, 2e9);
}

static void mongo_down(struct stage *stage)
{
    struct world *world = &stage->world;
    struct rep_stream *stream = &world->db1->streams[0];
    struct rep_member *member = member_of(world->db1, "db2:27017");
    world_silence(world, "db2", DR_ERR_CONNECT);
    stream->kind = REP_STREAM_BROKEN;
    stream->state = TEXT("(not reachable/healthy)");
    stream->flushed.known = stream->replayed.known = false;
    stream->reply_age = dr_real(120);
    member->seat = REP_SEAT_DOWN;
    member->position.known = false;
    member->message = TEXT("Connection refused");
    set_votes(&world->db1->set, 2, 3);
    set_copies(&world->db1->set, 2, 3, 2);
}

static void mongo_down_seen(struct stage *stage)
{
    struct world *world = &stage->world;
    struct rep_stream *stream = &world->db1->streams[0];
    struct rep_member *member = member_of(world->db1, "db2:27017");
    stream->kind = REP_STREAM_BROKEN;
    stream->flushed.known = stream->replayed.known = false;
    member->seat = REP_SEAT_DOWN;
    member->message = TEXT("Connection refused");
}

static void mongo_no_primary(struct stage *stage)
{
    struct world *world = &stage->world;
    world_silence(world, "db1", DR_ERR_CONNECT);
    world_silence(world, "db3", DR_ERR_CONNECT);
    member_of(world->db2, "db1:27017")->seat = REP_SEAT_DOWN;
    member_of(world->db2, "db3:27017")->seat = REP_SEAT_DOWN;
    set_votes(&world->db2->set, 1, 3);
    world->db2->receiver.running = dr_bool(false);
    world->db2->receiver.announced.known = false;
}

/* What an earlier run saw of the primary says what the one that is left lacks. */
static void mongo_no_primary_remembered(struct stage *stage)
{
    mongo_no_primary(stage);
    world_remember(&stage->world);
    rep_history_system(&stage->world.history, SYSTEM);
    rep_history_sample(&stage->world.history, NOW - 60, POSITION - MB);
    rep_history_sample(&stage->world.history, NOW - 30, POSITION + MB);
}

/* All were asked, all answer, and nobody is the primary. */
static void mongo_electing(struct stage *stage)
{
    struct world *world = &stage->world;
    world->db1->role = REP_ROLE_STANDBY;
    for (size_t i = 0; i < 3; i++)
        member_of(&world->nodes[i], "db1:27017")->seat = REP_SEAT_STANDBY;
}

static void mongo_two_primaries(struct stage *stage)
{
    stage->world.db2->role = REP_ROLE_PRIMARY;
    stage->world.db2->set.term = dr_int(8);
}

static void mongo_single(struct stage *stage)
{
    struct world *world = &stage->world;
    world->db1->stream_count = 0;
    world->db1->set.member_count = 1;
    set_votes(&world->db1->set, 1, 1);
    set_copies(&world->db1->set, 1, 1, 1);
}

static void mongo_pair(struct stage *stage)
{
    struct world *world = &stage->world;
    world->db1->stream_count = 1;
    world->db1->set.member_count = 2;
    set_votes(&world->db1->set, 2, 2);
    set_copies(&world->db1->set, 2, 2, 2);
}

static void mongo_recovering(struct stage *stage)
{
    struct world *world = &stage->world;
    member_of(world->db2, "db2:27017")->seat = REP_SEAT_RECOVERING;
    member_of(world->db1, "db2:27017")->seat = REP_SEAT_RECOVERING;
}

static void mongo_stale(struct stage *stage)
{
    mongo_recovering(stage);
    member_of(stage->world.db2, "db2:27017")->bar = TEXT("too stale");
}

static void mongo_rollback(struct stage *stage)
{
    mongo_ahead(stage);
    member_of(stage->world.db2, "db2:27017")->seat = REP_SEAT_ROLLBACK;
}

static void mongo_copying(struct stage *stage)
{
    struct world *world = &stage->world;
    world->db2->copying.running = dr_bool(true);
    world->db2->copying.done = dr_real(0.4);
    world->db2->received.known = world->db2->replayed.known = false;
    world->db2->reading_count = 0;
    world->db1->streams[0].kind = REP_STREAM_COPYING;
    world->db1->streams[0].flushed.known = world->db1->streams[0].replayed.known = false;
    member_of(world->db2, "db2:27017")->seat = REP_SEAT_COPYING;
    member_of(world->db1, "db2:27017")->seat = REP_SEAT_COPYING;
}

static void mongo_delayed(struct stage *stage)
{
    struct world *world = &stage->world;
    world_write(world, 1000);
    world->db3->passing.received = dr_real(0.1);
    world->db3->readings[0].position += 1000;
    world->db2->replay_age = dr_real(3610);
    world->db2->apply_delay = dr_real(3600);
    member_of(world->db1, "db2:27017")->priority = dr_real(0);
    member_of(world->db2, "db2:27017")->priority = dr_real(0);
}

static void mongo_delayed_too_far(struct stage *stage)
{
    mongo_delayed(stage);
    stage->world.db2->replay_age = dr_real(4000);
}

static void mongo_delayed_seen(struct stage *stage)
{
    struct world *world = &stage->world;
    world_write(world, 1000);
    world->db1->streams[0].loss = dr_real(3610);
    world->db1->streams[1].flushed.value += 1000;
    world->db1->streams[1].replayed.value += 1000;
    member_of(world->db1, "db2:27017")->delay = dr_real(3600);
    member_of(world->db1, "db2:27017")->priority = dr_real(0);
}

/* Nobody but members that can never be chosen. */
static void mongo_barred(struct stage *stage)
{
    struct world *world = &stage->world;
    for (size_t i = 0; i < 3; i++) {
        member_of(&world->nodes[i], "db2:27017")->priority = dr_real(0);
        member_of(&world->nodes[i], "db3:27017")->priority = dr_real(0);
    }
}

static void mongo_window(struct stage *stage)
{
    mongo_behind(stage);
    stage->world.db1->window = dr_real(100000);
    world_limit(&stage->world, REP_LOSS, 1e9, 2e9);
    world_limit(&stage->world, REP_WINDOW_USED, 50, 80);
}

static void mongo_outrun(struct stage *stage)
{
    mongo_behind(stage);
    stage->world.db1->kept_from = dr_int(POSITION + 500);
    stage->world.db2->receiver.running = dr_bool(false);
}

static void mongo_write_majority(struct stage *stage)
{
    set_copies(&stage->world.db1->set, 1, 3, 2);
}

static void mongo_arbiter(struct stage *stage)
{
    struct world *world = &stage->world;
    struct rep_node *node = world_node(world, "db4", REP_ROLE_WITNESS);
    strip(node, REP_MONGODB, "MongoDB 4.2.8");
    node->instance = TEXT("db4");
    node->group = TEXT("rs0");
    node->system = NULL;
    add_member(stage, world->db1, "db4:27017", REP_SEAT_WITNESS);
    set_votes(&world->db1->set, 4, 4);
}

/* The configuration is hidden from us: no priorities, votes or delays. */
static void mongo_hidden(struct stage *stage)
{
    for (size_t i = 0; i < stage->world.evidence.count; i++) {
        struct rep_node *node = &stage->world.nodes[i];
        node->apply_delay.known = false;
        for (size_t m = 0; m < node->set.member_count; m++) {
            node->set.members[m].priority.known = false;
            node->set.members[m].delay.known = false;
        }
    }
}

static void mongo_hidden_delay(struct stage *stage)
{
    mongo_hidden(stage);
    world_write(&stage->world, 1000);
    stage->world.db1->streams[0].loss = dr_real(3610);
    stage->world.db1->streams[1].flushed.value += 1000;
    stage->world.db1->streams[1].replayed.value += 1000;
}

static void mongo_starting(struct stage *stage)
{
    struct world *world = &stage->world;
    world->db2->receiver.running = dr_bool(false);
    world->db2->received.known = world->db2->replayed.known = false;
    world->db2->reading_count = 0;
    member_of(world->db2, "db2:27017")->seat = REP_SEAT_STARTING;
    member_of(world->db1, "db2:27017")->seat = REP_SEAT_STARTING;
    world->db1->streams[0].kind = REP_STREAM_BROKEN;
    world->db1->streams[0].flushed.known = world->db1->streams[0].replayed.known = false;
}

static void mongo_other_behind(struct stage *stage)
{
    member_of(stage->world.db2, "db3:27017")->behind = dr_real(300);
}

static void mongo_missing_right(struct stage *stage)
{
    struct world *world = &stage->world;
    world->db1->set.member_count = 0;
    world->db1->set.votes.known = false;
}

static void mongo_slowed(struct stage *stage)
{
    add_trait(stage, stage->world.db1, REP_TRAIT_SLOWED, NULL);
}

static void two_sets(struct stage *stage)
{
    struct world *world = &stage->world;
    struct rep_node *other = world_primary(world, "db9");
    strip(other, REP_MONGODB, "MongoDB 8.0.4");
    other->group = TEXT("rs1");
    other->system = TEXT("another");
}

static void two_sets_and_a_silent_one(struct stage *stage)
{
    two_sets(stage);
    world_silence(&stage->world, "db3", DR_ERR_CONNECT);
    stage->world.asked[2].group = "rs0";
}

static void take_groups(struct stage *stage)
{
    for (size_t i = 0; i < stage->world.evidence.count; i++) {
        if (stage->world.asked[i].answered)
            stage->world.asked[i].group = stage->world.nodes[i].group;
    }
}

static void mongo_two_sets(struct stage *stage)
{
    two_sets(stage);
    take_groups(stage);
}

static void mongo_two_sets_silent(struct stage *stage)
{
    two_sets_and_a_silent_one(stage);
    take_groups(stage);
}

static void mongodb(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"healthy", mongo, NULL, DR_OK, NULL, "nothing would be lost if db1 died now", NULL},
        {"primary alone", mongo_primary, NULL, DR_OK, NULL, "nothing would be lost", NULL},
        {"secondary alone", mongo_secondary, NULL, DR_OK, NULL,
         "nothing would be lost if the primary died now", NULL},
        {"25 h behind does not wrap", mongo, mongo_behind, DR_CRITICAL, "db2", "behind by 1d1h",
         NULL},
        {"the best is not behind", mongo, mongo_behind, DR_CRITICAL, NULL,
         "nothing would be lost if db1 died now (RPO 1m): best standby db3", NULL},
        {"a limit in bytes cannot be judged", mongo, mongo_bytes, DR_UNKNOWN, "db2",
         "how many bytes", NULL},
        {"ahead of a cached primary", mongo, mongo_ahead, DR_OK, NULL, "nothing would be lost",
         NULL},
        {"member down", mongo, mongo_down, DR_CRITICAL, "rs0", "if one more vote is lost",
         "bring the missing members back"},
        {"member down, as the primary says", mongo_primary, mongo_down_seen, DR_CRITICAL,
         "db2:27017", "cannot be reached by db1: Connection refused", NULL},
        {"no primary", mongo, mongo_no_primary, DR_CRITICAL, NULL,
         "rs0 has no primary: nothing can be written, 1 of 3 votes are there, 2 are needed", NULL},
        {"no primary: what to do", mongo, mongo_no_primary, DR_CRITICAL, "rs0",
         "no primary can be elected", "every vote counts"},
        {"no primary: no fault of the one that is left", mongo, mongo_no_primary, DR_CRITICAL,
         "db2", "receives nothing: there is no primary", NULL},
        {"member down: what to do", mongo_primary, mongo_down_seen, DR_CRITICAL, "db2:27017",
         "cannot be reached", "check that db2:27017 runs"},
        {"no primary, and a memory", mongo, mongo_no_primary_remembered, DR_CRITICAL, NULL,
         "; db2 lacks 15 s of commits", NULL},
        {"all answer, nobody is the primary", mongo, mongo_electing, DR_CRITICAL, NULL,
         "rs0 has no primary", NULL},
        {"two primaries in different terms", mongo, mongo_two_primaries, DR_CRITICAL, NULL,
         "split brain: 2 servers take writes: db1 (term 7), db2 (term 8)", NULL},
        {"a single member", mongo_primary, mongo_single, DR_CRITICAL, NULL,
         "everything since the last backup would be lost", NULL},
        {"two members never fail over", mongo_primary, mongo_pair, DR_WARNING, "rs0",
         "if one more vote is lost", "add a member that votes"},
        {"recovering", mongo, mongo_recovering, DR_WARNING, "db2", "is recovering", NULL},
        {"too stale", mongo, mongo_stale, DR_CRITICAL, "db2", "is recovering", NULL},
        {"rollback, ahead of the primary", mongo, mongo_rollback, DR_CRITICAL, "db2",
         "is undoing writes", NULL},
        {"initial sync", mongo, mongo_copying, DR_WARNING, "db2", "is being given a full copy",
         "wait until it is complete"},
        {"delayed on purpose", mongo, mongo_delayed, DR_OK, "db2", "delayed by 1h on purpose",
         NULL},
        {"delayed, and more than that", mongo, mongo_delayed_too_far, DR_CRITICAL, "db2",
         "beyond its delay by 6m40s", NULL},
        {"delayed, as the primary sees it", mongo_primary, mongo_delayed_seen, DR_OK, "db2:27017",
         "priority 0: is never chosen", NULL},
        {"nobody can be chosen", mongo, mongo_barred, DR_CRITICAL, NULL,
         "no standby can be promoted as it is", NULL},
        {"most of the oplog window is used", mongo, mongo_window, DR_CRITICAL, "db2",
         "lacks of the log that is kept 90", NULL},
        {"behind the oplog", mongo, mongo_outrun, DR_CRITICAL, "db2", "it needs a full copy", NULL},
        {"majority writes hang", mongo, mongo_write_majority, DR_CRITICAL, "rs0",
         "majority writes hang", NULL},
        {"an arbiter", mongo, mongo_arbiter, DR_OK, "db4", "votes, holds no data", NULL},
        {"votes unknown", mongo, mongo_missing_right, DR_OK, NULL, "nothing would be lost", NULL},
        {"priorities hidden", mongo, mongo_hidden, DR_UNKNOWN, "rs0",
         "who could be chosen is hidden from us", "clusterMonitor"},
        {"a delay may be hidden", mongo_primary, mongo_hidden_delay, DR_UNKNOWN, "db2:27017",
         "1h behind, and whether that is meant is hidden", "clusterMonitor"},
        {"starting", mongo, mongo_starting, DR_WARNING, "db2", "is starting", NULL},
        {"another is behind, as a secondary sees it", mongo_secondary, mongo_other_behind,
         DR_CRITICAL, "db3:27017", "behind by 5m", NULL},
        {"delayed, and shown", mongo_primary, mongo_delayed_seen, DR_OK, "db2:27017",
         "delayed by 1h on purpose", NULL},
        {"flow control", mongo, mongo_slowed, DR_WARNING, "db1", "slows writes down",
         "find the standby that lags"},
        {"two sets, one without standbys", mongo, mongo_two_sets, DR_CRITICAL, NULL,
         "rs1: everything since the last backup", NULL},
        {"two sets, each has its verdict", mongo, mongo_two_sets, DR_CRITICAL, "rs0",
         "nothing would be lost if db1 died now", NULL},
        {"a silent one belongs to its set", mongo, mongo_two_sets_silent, DR_CRITICAL, "rs0",
         "nothing would be lost if db1 died now", NULL},
    };
    PLAY(scenes);
}

/* ---- Redis and Sentinel ---- */

static void redis(struct stage *stage)
{
    struct world *world = &stage->world;
    memset(stage, 0, sizeof *stage);
    world_make(world, ALL);
    for (size_t i = 0; i < 3; i++) {
        struct rep_node *node = &world->nodes[i];
        strip(node, REP_REDIS, "Redis 7.0.15");
        node->application_name = NULL;
        node->sender_silence = dr_real(12);
        node->receiver.silence = dr_real(25);
        node->receiver.message_age = dr_real(9);
        node->receiver.announced.known = false;
        node->replay_age.known = false;
        node->apply_delay.known = false;
        node->reached = TEXT(i == 0   ? "192.0.2.1:6379"
                             : i == 1 ? "192.0.2.2:6379"
                                      : "192.0.2.3:6379");
    }
    world->db1->kept_from = dr_int(POSITION - MB);
    for (size_t i = 0; i < 2; i++) {
        struct rep_stream *stream = &world->db1->streams[i];
        stream->name = TEXT(i == 0 ? "192.0.2.2:6379" : "192.0.2.3:6379");
        stream->state = TEXT("online");
        stream->reply_age = dr_real(1);
    }
}

static struct rep_node *add_sentinel(struct stage *stage, const char *label)
{
    struct rep_node *node = world_node(&stage->world, label, REP_ROLE_WITNESS);
    strip(node, REP_REDIS, "Redis 7.0.15 Sentinel");
    node->instance = TEXT(label);
    node->system = NULL;
    node->set.name = TEXT("mymaster");
    node->set.term = dr_int(3);
    node->set.lower_first = true;
    node->set.can_elect = dr_bool(true);
    set_votes(&node->set, 3, 3);
    add_member(stage, node, "192.0.2.1:6379", REP_SEAT_PRIMARY);
    add_member(stage, node, "192.0.2.2:6379", REP_SEAT_STANDBY)->priority = dr_real(100);
    add_member(stage, node, "192.0.2.3:6379", REP_SEAT_STANDBY)->priority = dr_real(100);
    return node;
}

static void sentinel(struct stage *stage)
{
    redis(stage);
    add_sentinel(stage, "s1");
    add_sentinel(stage, "s2");
    add_sentinel(stage, "s3");
}

static void redis_primary(struct stage *stage)
{
    redis(stage);
    stage->world.evidence.count = 1;
    stage->world.db2 = stage->world.db3 = NULL;
}

static struct rep_node *sentinel_of(struct stage *stage, size_t number)
{
    return &stage->world.nodes[3 + number];
}

static void no_quorum(struct stage *stage)
{
    struct rep_set *set = &sentinel_of(stage, 0)->set;
    world_silence(&stage->world, "s2", DR_ERR_CONNECT);
    world_silence(&stage->world, "s3", DR_ERR_CONNECT);
    set->can_elect = dr_bool(false);
    set->obstacle = TEXT("NOQUORUM 1 usable Sentinels");
    set_votes(set, 1, 3);
}

static void one_sentinel_less(struct stage *stage)
{
    world_silence(&stage->world, "s3", DR_ERR_CONNECT);
    set_votes(&sentinel_of(stage, 0)->set, 2, 3);
    set_votes(&sentinel_of(stage, 1)->set, 2, 3);
}

/* db2 is preferred and lags; db3 has everything. */
static void priority_costs_data(struct stage *stage)
{
    struct world *world = &stage->world;
    world_write(world, MB);
    world->db1->streams[1].flushed.value += MB;
    world->db3->readings[0].position += MB;
    world->db2->passing.waited = 2;
    for (size_t i = 0; i < 3; i++)
        member_of(sentinel_of(stage, i), "192.0.2.2:6379")->priority = dr_real(10);
}

static void never_connected(struct stage *stage)
{
    struct world *world = &stage->world;
    world->db2->system = TEXT("its own");
    world->db2->receiver.running = dr_bool(false);
    world->db2->receiver.never = dr_bool(true);
    world->db1->stream_count = 1;
    world->db1->streams[0] = world->db1->streams[1];
    world->db2->passing.compared = false;
}

static void redis_link_down(struct stage *stage)
{
    struct world *world = &stage->world;
    world->db2->receiver.running = dr_bool(false);
    world->db2->receiver.down_age = dr_real(12);
    world->db1->streams[0] = world->db1->streams[1];
    world->db1->stream_count = 1;
}

static void redis_syncing(struct stage *stage)
{
    struct world *world = &stage->world;
    redis_link_down(stage);
    world->db2->copying.running = dr_bool(true);
    world->db2->copying.done = dr_real(0.25);
}

/* The primary waits for others before it begins: the replica itself has nothing to tell yet. */
static void redis_waiting(struct stage *stage)
{
    never_connected(stage);
    stage->world.db1->stream_count = 2;
    stage->world.db1->streams[1].kind = REP_STREAM_COPYING;
    stage->world.db1->streams[1].name = TEXT("192.0.2.2:6379");
    stage->world.db1->streams[1].flushed.known = false;
    stage->world.db1->streams[1].replayed.known = false;
}

static void redis_promoted(struct stage *stage)
{
    struct world *world = &stage->world;
    world->db2->role = REP_ROLE_PRIMARY;
    world->db2->system = TEXT("new");
    world->db2->system_before = TEXT(SYSTEM);
    world->db2->branched_at = dr_int(POSITION);
}

static void redis_strangers(struct stage *stage)
{
    redis_promoted(stage);
    stage->world.db2->system_before = NULL;
}

/* db1 was promoted, db2 still has the history before. */
static void redis_left_behind(struct stage *stage)
{
    struct world *world = &stage->world;
    redis_link_down(stage);
    world->db1->system = TEXT("new");
    world->db3->system = TEXT("new");
    world->db1->system_before = TEXT(SYSTEM);
    world->db1->branched_at = dr_int(POSITION);
}

static void redis_frozen(struct stage *stage)
{
    struct world *world = &stage->world;
    world->db1->streams[0].reply_age = dr_real(40);
    world->db1->streams[0].flushed = dr_int(POSITION - MB / 2);
}

/* 12 MB behind through a slow link: "lag=0" says nothing. */
static void redis_slow(struct stage *stage)
{
    struct world *world = &stage->world;
    world->db1->streams[0].reply_age = dr_real(0);
    world->db1->streams[0].flushed = dr_int(POSITION - 12 * MB);
}

static void redis_slow_for_long(struct stage *stage)
{
    redis_slow(stage);
    world_remember(&stage->world);
    rep_history_system(&stage->world.history, SYSTEM);
    rep_history_sample(&stage->world.history, NOW - 300, POSITION - 13 * MB);
    rep_history_sample(&stage->world.history, NOW - 200, POSITION - 11 * MB);
}

static void redis_unsaved(struct stage *stage)
{
    add_trait(stage, stage->world.db1, REP_TRAIT_UNSAVED, NULL);
}

static void redis_refuses(struct stage *stage)
{
    add_trait(stage, stage->world.db1, REP_TRAIT_REFUSES, "0 of 1");
}

static void redis_evicts(struct stage *stage)
{
    add_trait(stage, stage->world.db1, REP_TRAIT_EVICTS, "allkeys-lru");
}

static void redis_unsaved_accepted(struct stage *stage)
{
    struct dr_error error;
    redis_unsaved(stage);
    assert_true(dr_selection_add(&stage->world.selection, true, "^persistence$", &error));
}

/* s1 was started a second ago. */
static void sentinel_new(struct stage *stage)
{
    struct rep_node *node = sentinel_of(stage, 0);
    member_of(node, "192.0.2.2:6379")->seat = REP_SEAT_DOWN;
    member_of(node, "192.0.2.3:6379")->bar = TEXT("the Sentinel has no connection to it");
}

static void sentinels_new(struct stage *stage)
{
    for (size_t i = 0; i < 3; i++) {
        struct rep_node *node = sentinel_of(stage, i);
        member_of(node, "192.0.2.2:6379")->seat = REP_SEAT_DOWN;
        member_of(node, "192.0.2.3:6379")->bar = TEXT("no answer");
    }
}

/* The third Sentinel is dead, and was not asked. */
static void sentinel_dead(struct stage *stage)
{
    stage->world.evidence.count--;
    for (size_t i = 0; i < 2; i++) {
        struct rep_member *member =
            add_member(stage, sentinel_of(stage, i), "192.0.2.13:26379", REP_SEAT_DOWN);
        member->dataless = true;
        set_votes(&sentinel_of(stage, i)->set, 2, 3);
    }
}

/* A Sentinel names a standby that nobody reached. */
static void sentinel_knows_more(struct stage *stage)
{
    for (size_t i = 0; i < 3; i++) {
        struct rep_member *member =
            add_member(stage, sentinel_of(stage, i), "192.0.2.9:6379", REP_SEAT_DOWN);
        member->state = TEXT("s_down");
    }
}

static void redis_and_valkey(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"healthy", redis, NULL, DR_OK, NULL, "nothing would be lost if db1 died now", NULL},
        {"primary alone", redis_primary, NULL, DR_OK, NULL, "nothing would be lost", NULL},
        {"with Sentinels", sentinel, NULL, DR_OK, "s1", "3 of 3 votes, 2 needed", NULL},
        {"no quorum", sentinel, no_quorum, DR_CRITICAL, "s1",
         "no failover is possible: NOQUORUM 1 usable Sentinels", NULL},
        {"no quorum: still nothing lost", sentinel, no_quorum, DR_CRITICAL, NULL,
         "nothing would be lost", NULL},
        {"a Sentinel less", sentinel, one_sentinel_less, DR_CRITICAL, "s1",
         "if one more vote is lost", NULL},
        {"a Sentinel that started just now", sentinel, sentinel_new, DR_OK, NULL,
         "nothing would be lost if db1 died now (RPO 1m): best standby db2", NULL},
        {"no Sentinel would choose anybody", sentinel, sentinels_new, DR_CRITICAL, NULL,
         "no standby can be promoted as it is", NULL},
        {"a Sentinel is dead", sentinel, sentinel_dead, DR_WARNING, "192.0.2.13:26379",
         "cannot be reached by s1", NULL},
        {"priority before data", sentinel, priority_costs_data, DR_UNKNOWN, NULL,
         "1 MB / at least 2 s of commits would be lost if db1 died now (RPO 1m): db2 would be "
         "promoted by its priority, though db3 has more",
         NULL},
        {"a standby that is down", sentinel, sentinel_knows_more, DR_CRITICAL, "192.0.2.9:6379",
         "cannot be reached by s1", NULL},
        {"never connected", redis, never_connected, DR_CRITICAL, "db2", "was never connected",
         "replicaof"},
        {"link down: another is the best", redis, redis_link_down, DR_CRITICAL, NULL,
         "best standby db3", NULL},
        {"link down", redis, redis_link_down, DR_CRITICAL, "db2",
         "no connection to its primary for 12 s", NULL},
        {"full sync", redis, redis_syncing, DR_WARNING, "db2", "is being given a full copy", NULL},
        {"full sync about to begin", redis, redis_waiting, DR_WARNING, "db2",
         "is being given a full copy", NULL},
        {"promoted by hand", redis, redis_promoted, DR_CRITICAL, NULL, "split brain", NULL},
        {"two strangers", redis, redis_strangers, DR_CRITICAL, NULL,
         "primaries of different clusters", NULL},
        {"left behind by a failover", redis, redis_left_behind, DR_CRITICAL, "db2",
         "does not follow db1 since its promotion", NULL},
        {"frozen", redis_primary, redis_frozen, DR_CRITICAL, "192.0.2.2:6379",
         "link silent for 40 s", NULL},
        {"slow link", redis_primary, redis_slow, DR_UNKNOWN, "192.0.2.2:6379", "lacks 12 MB",
         "--heartbeat or --state-dir"},
        {"slow link with a memory", redis_primary, redis_slow_for_long, DR_CRITICAL,
         "192.0.2.2:6379", "behind by 4m10s", NULL},
        {"behind the backlog", redis_primary, redis_slow_for_long, DR_CRITICAL, "192.0.2.2:6379",
         "needs a full copy once its link breaks", NULL},
        {"no persistence", redis, redis_unsaved, DR_WARNING, "db1", "keeps nothing on disk",
         "turn on appendonly"},
        {"no persistence, and meant", redis, redis_unsaved_accepted, DR_OK, NULL,
         "nothing would be lost", NULL},
        {"too few good standbys", redis, redis_refuses, DR_CRITICAL, "db1",
         "refuses writes, too few good standbys: 0 of 1", NULL},
        {"a cache", redis, redis_evicts, DR_OK, "db1", "drops keys when its memory is full", NULL},
    };
    PLAY(scenes);
}

/* ---- Azure ---- */

static struct rep_node *azure_node(struct stage *stage, const char *label)
{
    struct world *world = &stage->world;
    struct rep_node *node = world_node(world, label, REP_ROLE_PRIMARY);
    struct rep_stream *stream = world_stream(world, node, "secondary", NULL);
    strip(node, REP_AZURE_STORAGE, "Azure Storage");
    node->unit = REP_MOMENTS;
    node->system = NULL;
    node->instance = NULL;
    node->group = TEXT(label);
    stream->flushed.known = stream->replayed.known = false;
    stream->reply_age.known = false;
    stream->state = TEXT("live");
    stream->loss = dr_real(20);
    return node;
}

static void storage(struct stage *stage)
{
    memset(stage, 0, sizeof *stage);
    world_make(&stage->world, PRIMARY);
    stage->world.evidence.count = 0;
    azure_node(stage, "blob");
    azure_node(stage, "queue");
    take_groups(stage);
}

static void storage_late(struct stage *stage)
{
    stage->world.nodes[1].streams[0].loss = dr_real(600);
}

static void storage_unavailable(struct stage *stage)
{
    stage->world.nodes[1].streams[0].kind = REP_STREAM_BROKEN;
    stage->world.nodes[1].streams[0].state = TEXT("unavailable");
    stage->world.nodes[1].streams[0].loss.known = false;
}

/* The state is frozen, the figure still there. */
static void storage_frozen(struct stage *stage)
{
    stage->world.nodes[1].streams[0].kind = REP_STREAM_BROKEN;
    stage->world.nodes[1].streams[0].state = TEXT("SUSPENDED");
}

static void storage_bootstrap(struct stage *stage)
{
    stage->world.nodes[1].streams[0].kind = REP_STREAM_COPYING;
    stage->world.nodes[1].streams[0].loss.known = false;
}

static void storage_empty(struct stage *stage)
{
    stage->world.nodes[1].streams[0].loss.known = false;
}

static void storage_none(struct stage *stage)
{
    stage->world.nodes[1].stream_count = 0;
}

static void partner(struct stage *stage)
{
    world_expect(&stage->world, "secondary");
}

static void partner_missing(struct stage *stage)
{
    world_expect(&stage->world, "other");
}

static void azure(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        {"healthy", storage, NULL, DR_OK, NULL, "20 s of commits would be lost", NULL},
        {"one service late", storage, storage_late, DR_CRITICAL, NULL,
         "queue: 10m of commits would be lost", NULL},
        {"unavailable", storage, storage_unavailable, DR_CRITICAL, "queue secondary",
         "nothing reaches it: unavailable", NULL},
        {"suspended", storage, storage_frozen, DR_CRITICAL, "queue secondary",
         "nothing reaches it: SUSPENDED", NULL},
        {"bootstrap", storage, storage_bootstrap, DR_CRITICAL, NULL,
         "queue: everything since the last backup would be lost", NULL},
        {"no sync time", storage, storage_empty, DR_UNKNOWN, NULL, "cannot tell what would be lost",
         NULL},
        {"no secondary", storage, storage_none, DR_CRITICAL, NULL,
         "queue: everything since the last backup would be lost", NULL},
        {"a partner by name", storage, partner, DR_OK, NULL, "20 s of commits", NULL},
        {"a partner that is missing", storage, partner_missing, DR_CRITICAL, "other",
         "is expected, but not connected", NULL},
    };
    PLAY(scenes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mongodb),
        cmocka_unit_test(redis_and_valkey),
        cmocka_unit_test(azure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
