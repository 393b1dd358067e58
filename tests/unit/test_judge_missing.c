/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Never OK without evidence, by exhaustion: every fact of a healthy system is taken out in turn,
 * and replaced by nonsense. The result must not be OK, unless the fact stands in a table here with
 * the reason why it is not needed; a row of the table that is not true fails, too. */
#include "tests/unit/world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- every fact, by name ---- */

enum kind { INTEGER, REAL, TRUTH, WORDS };

struct fact {
    char name[64];
    enum kind kind;
    void *at;
};

#define FACTS_MAX 200

struct facts {
    struct fact items[FACTS_MAX];
    size_t count;
};

static void add(struct facts *facts, enum kind kind, void *at, const char *owner, const char *name)
{
    assert_true(facts->count < FACTS_MAX);
    struct fact *fact = &facts->items[facts->count++];
    fact->kind = kind;
    fact->at = at;
    snprintf(fact->name, sizeof fact->name, "%s.%s", owner, name);
}

#define ADD(kind, field) add(facts, kind, (void *)&(field), owner, strrchr(#field, '>') + 1)

static void add_streams(struct facts *facts, const char *label, struct rep_node *node)
{
    for (size_t i = 0; i < node->stream_count; i++) {
        struct rep_stream *stream = &node->streams[i];
        char owner[32];
        snprintf(owner, sizeof owner, "%s>%s", label, i == 0 ? "db2" : "db3");
        ADD(WORDS, stream->name);
        ADD(WORDS, stream->address);
        ADD(WORDS, stream->slot);
        ADD(WORDS, stream->state);
        ADD(WORDS, stream->sync_state);
        ADD(INTEGER, stream->flushed);
        ADD(INTEGER, stream->replayed);
        ADD(REAL, stream->flush_lag);
        ADD(REAL, stream->replay_lag);
        ADD(REAL, stream->connected);
        ADD(REAL, stream->reply_age);
    }
}

static void add_slots(struct facts *facts, struct rep_node *node)
{
    for (size_t i = 0; i < node->slot_count; i++) {
        struct rep_slot *slot = &node->slots[i];
        const char *owner = slot->logical ? "logical" : "slot";
        ADD(TRUTH, slot->active);
        ADD(INTEGER, slot->restart);
        ADD(INTEGER, slot->confirmed);
        ADD(WORDS, slot->wal_status);
        ADD(INTEGER, slot->safe);
        ADD(INTEGER, slot->spilled);
        ADD(REAL, slot->inactive_age);
        ADD(TRUTH, slot->conflicting);
        ADD(TRUTH, slot->failover);
        ADD(TRUTH, slot->synced);
    }
    for (size_t i = 0; i < node->subscription_count; i++) {
        struct rep_subscription *subscription = &node->subscriptions[i];
        const char *owner = "subscription";
        ADD(TRUTH, subscription->enabled);
        ADD(TRUTH, subscription->running);
        ADD(REAL, subscription->message_age);
        ADD(INTEGER, subscription->apply_errors);
        ADD(INTEGER, subscription->sync_errors);
        ADD(INTEGER, subscription->tables_pending);
    }
}

static void add_standby(struct facts *facts, const char *label, struct rep_node *node)
{
    const char *owner = label;
    ADD(INTEGER, node->received);
    ADD(INTEGER, node->replayed);
    ADD(REAL, node->replay_age);
    ADD(REAL, node->apply_delay);
    ADD(WORDS, node->application_name);
    struct rep_receiver *receiver = &node->receiver;
    owner = strcmp(label, "db2") == 0 ? "db2 receiver" : "db3 receiver";
    ADD(TRUTH, receiver->running);
    ADD(WORDS, receiver->status);
    ADD(WORDS, receiver->sender);
    ADD(WORDS, receiver->slot);
    ADD(INTEGER, receiver->timeline);
    ADD(INTEGER, receiver->announced);
    ADD(REAL, receiver->message_age);
    ADD(REAL, receiver->timeout);
    struct rep_passing *passing = &node->passing;
    owner = strcmp(label, "db2") == 0 ? "db2 passing" : "db3 passing";
    ADD(REAL, passing->received);
    ADD(REAL, passing->replayed);
}

static void add_node(struct facts *facts, const char *owner, struct rep_node *node)
{
    ADD(WORDS, node->product);
    ADD(WORDS, node->system);
    ADD(WORDS, node->instance);
    ADD(INTEGER, node->timeline);
    ADD(REAL, node->clock_ahead);
    ADD(TRUTH, node->privileged);
    ADD(WORDS, node->grant);
    ADD(WORDS, node->cluster_name);
    ADD(REAL, node->sender_timeout);
    if (node->role == REP_ROLE_PRIMARY) {
        ADD(WORDS, node->synchronous_names);
        ADD(TRUTH, node->commits_wait);
    } else {
        add_standby(facts, owner, node);
    }
    for (size_t i = 0; i < REP_FLOORS; i++)
        add(facts, INTEGER, &node->floors[i].value, owner, rep_floor_names[i]);
    add_streams(facts, owner, node);
    add_slots(facts, node);
}

static void list_facts(struct world *world, struct facts *facts)
{
    facts->count = 0;
    for (size_t i = 0; i < world->evidence.count; i++)
        add_node(facts, world->asked[i].label, &world->nodes[i]);
}

/* ---- the healthy systems ---- */

/* Everything is judged: with a limit for every figure and every expectation, no fact is idle. */
static void expect_everything(struct world *world)
{
    for (size_t m = 0; m < REP_METRICS; m++)
        world_limit(world, (enum rep_metric)m, 1e9, 2e9);
    world->thresholds[REP_STANDBYS] =
        (struct dr_threshold){.critical = {.given = true, .range = {.start = 1, .end = 10}}};
    /* PostgreSQL keeps its log for slots: there is no window that is known. */
    for (size_t m = REP_WINDOW; m <= REP_RESYNC_ETA; m++)
        world->thresholds[m] = (struct dr_threshold){.warning = {.given = false}};
    world_limit(world, REP_LINK_AGE, 30, 60);
    world_limit(world, REP_LOSS, 48, 60);
    world_limit(world, REP_APPLY_LAG, 48, 60);
    world_remember(world);
    rep_history_system(&world->history, SYSTEM);
    world->rules.slot_inactive_given = true;
    if (world->db2 != NULL && world->db2->receiver.sender != NULL) {
        world->rules.expect_upstream = "db1";
        world->delays[0] = (struct rep_delay){"db2", 0};
        world->rules.delay_count = 1;
    }
    if (world->db1 == NULL)
        return;
    for (size_t i = 0; i < 2 && world->streams[0][i].sync_state != NULL; i++) {
        world->db1->synchronous_names = TEXT("ANY 2 (db2, db3)");
        world->streams[0][i].sync_state = TEXT("quorum");
    }
    world_expect(world, "db2");
    world_expect(world, "db3");
    world->rules.expect_count = dr_int(2);
    world->rules.expect_primary = "db1";
    world_slot(world, world->db1, "db2_slot");
    struct rep_slot *logical = world_slot(world, world->db1, "sales");
    logical->logical = true;
    logical->confirmed = dr_int(POSITION);
    logical->spilled = dr_int(0);
    world_expect_slot(world, "db2_slot");
    world_subscription(world, world->db1, "orders");
}

/* Something is on its way: the standbys lack 64 kB, and have not replayed another 64 kB. */
static void make_busy(struct world *world)
{
    for (size_t i = 0; i < world->evidence.count; i++) {
        struct rep_node *node = &world->nodes[i];
        if (node->role == REP_ROLE_PRIMARY) {
            node->readings[1].position = POSITION + 65536;
        } else {
            node->replayed = dr_int(POSITION - 65536);
            node->replay_age = dr_real(0.3);
            if (node->receiver.announced.known)
                node->receiver.announced = dr_int(POSITION + 65536);
        }
        for (size_t s = 0; s < node->stream_count; s++) {
            struct rep_stream *stream = &node->streams[s];
            if (stream->kind != REP_STREAM_STANDBY)
                continue;
            stream->flush_lag = dr_real(0.01);
            stream->replay_lag = dr_real(0.2);
            stream->replayed = dr_int(POSITION - 65536);
        }
    }
}

struct healthy {
    const char *name;
    enum view view;
    bool busy;
};

static const struct healthy systems[] = {
    {"all", ALL, false},
    {"primary", PRIMARY, false},
    {"standby", STANDBY, false},
    {"plain", PLAIN, false},
    {"busy all", ALL, true},
    {"busy primary", PRIMARY, true},
    {"busy standby", STANDBY, true},
    {"busy plain", PLAIN, true},
};
#define SYSTEMS (sizeof systems / sizeof systems[0])

static void make(const struct healthy *healthy, struct world *world, struct facts *facts)
{
    world_make(world, healthy->view);
    expect_everything(world);
    if (healthy->view == PLAIN)
        world->thresholds[REP_LINK_AGE] = (struct dr_threshold){.warning = {.given = false}};
    if (healthy->view == PRIMARY || healthy->view == STANDBY)
        world->thresholds[REP_SKEW] = (struct dr_threshold){.warning = {.given = false}};
    if (healthy->busy)
        make_busy(world);
    list_facts(world, facts);
}

static enum dr_state state_of(struct world *world, bool print)
{
    struct dr_result result;
    world_judge(world, &result);
    enum dr_state state = dr_result_state(&result);
    if (print)
        world_print(&result);
    dr_result_free(&result);
    world_forget(world);
    return state;
}

static void healthy_systems_are_ok(void **state)
{
    (void)state;
    for (size_t i = 0; i < SYSTEMS; i++) {
        static struct world world;
        static struct facts facts;
        make(&systems[i], &world, &facts);
        enum dr_state found = state_of(&world, false);
        if (found != DR_OK) {
            make(&systems[i], &world, &facts);
            state_of(&world, true);
            fail_msg("%s is not OK", systems[i].name);
        }
    }
}

/* ---- taken out ---- */

/* A fact that may be missing: "*" stands for any beginning. */
struct dispensable {
    const char *fact;
    const char *systems; /* "" for all; else a part of the name of those it is true for */
    const char *why;
};

static const struct dispensable dispensable[] = {
    {"*.product", "", "words only"},
    {"*.grant", "", "words only"},
    {"*.instance", "", "without it a server that is asked twice is two: no less is seen"},
    {"*.privileged", "", "only chooses the words for what is hidden"},
    {"db1.commits_wait", "", "chooses the words when a quorum is short"},
    {"*.sender_timeout", "", "the default limit of silence stands in"},
    {"*receiver.timeout", "", "the default limit of silence stands in"},
    {"*.apply_errors", "", "before 15 there are none; whether the worker runs tells"},
    {"*.sync_errors", "", "before 15 there are none; the tables that are pending tell"},
    {"*.tables_pending", "", "unknown for the subscriptions of other databases"},
    {"db1.clock_ahead", "primary", "nobody to compare it with was asked"},
    {"db1.system", "primary", "nobody to compare it with was asked"},
    {"db1.timeline", "primary", "nobody to compare it with was asked"},
    {"db1.max_connections", "primary", "nobody to compare it with was asked"},
    {"db1.max_locks_per_transaction", "primary", "nobody to compare it with was asked"},
    {"db1.max_prepared_transactions", "primary", "nobody to compare it with was asked"},
    {"db1.max_wal_senders", "primary", "nobody to compare it with was asked"},
    {"db1.max_worker_processes", "primary", "nobody to compare it with was asked"},
    {"db2.clock_ahead", "standby", "nobody to compare it with was asked"},
    {"db2.system", "standby", "nobody to compare it with was asked"},
    {"db2.timeline", "standby", "nobody to compare it with was asked"},
    {"db2.max_connections", "standby", "nobody to compare it with was asked"},
    {"db2.max_locks_per_transaction", "standby", "nobody to compare it with was asked"},
    {"db2.max_prepared_transactions", "standby", "nobody to compare it with was asked"},
    {"db2.max_wal_senders", "standby", "nobody to compare it with was asked"},
    {"db2.max_worker_processes", "standby", "nobody to compare it with was asked"},
    {"*.address", "", "other names are there"},
    {"*.name", "all", "the standby itself was asked"},
    {"*.name", "plain", "the standby itself was asked"},
    {"*.application_name", "", "other names are there"},
    {"*.received", "", "the readings hold it"},
    {"*receiver.status", "", "silence tells"},
    {"*receiver.timeline", "", "the node's timeline holds it"},
    {"*.apply_delay", "", "without an expectation it only excuses"},
    {"db1>db2.flushed", "all", "the standby itself tells"},
    {"db1>db3.flushed", "all", "the standby itself tells"},
    {"db1>db2.replayed", "all", "the standby itself tells"},
    {"db1>db3.replayed", "all", "the standby itself tells"},
    {"*.connected", "all", "the standby itself tells"},
    {"*.connected", "primary", "nothing is missing, so that nothing has to be dated"},
    {"*.flush_lag", "busy", "without it the standby had everything at its last report"},
    {"*.replay_lag", "busy all", "the standby itself tells"},
    {"*.reply_age", "all", "the standby itself tells"},
    {"*receiver.announced", "all", "the primary itself tells"},
    {"*receiver.message_age", "all", "the sender tells"},
    {"*receiver.running", "all", "the sender tells"},
    {"*receiver.running", "plain", "what the primary had in this run is there"},
    {"*passing.received", "", "a reading of the primary that it has reached tells"},
    {"*passing.replayed", "", "the commit that was replayed last tells"},
    {"*.replay_age", "all", "what was replayed in this run tells"},
    {"*.replay_age", "plain", "what was replayed in this run tells"},
    {"*.replay_age", "standby", "nothing is missing, so that nothing has to be dated"},
};

static bool is_like(const char *name, const char *pattern)
{
    if (*pattern != '*')
        return strcmp(name, pattern) == 0;
    size_t size = strlen(pattern + 1);
    return strlen(name) >= size && strcmp(name + strlen(name) - size, pattern + 1) == 0;
}

static bool applies(const struct dispensable *row, const char *system, const char *fact)
{
    return is_like(fact, row->fact) && strstr(system, row->systems) != NULL;
}

static bool is_there(const struct fact *fact)
{
    switch (fact->kind) {
    case INTEGER:
        return ((struct dr_opt_int *)fact->at)->known;
    case REAL:
        return ((struct dr_opt_real *)fact->at)->known;
    case TRUTH:
        return ((struct dr_opt_bool *)fact->at)->known;
    case WORDS:
        return *(char **)fact->at != NULL;
    }
    return false;
}

static void take_out(const struct fact *fact)
{
    switch (fact->kind) {
    case INTEGER:
        *(struct dr_opt_int *)fact->at = (struct dr_opt_int){.known = false};
        break;
    case REAL:
        *(struct dr_opt_real *)fact->at = (struct dr_opt_real){.known = false};
        break;
    case TRUTH:
        *(struct dr_opt_bool *)fact->at = (struct dr_opt_bool){.known = false};
        break;
    case WORDS:
        *(char **)fact->at = NULL;
        break;
    }
}

static void nothing_is_taken_for_granted(void **state)
{
    (void)state;
    static struct world world;
    static struct facts facts;
    bool used[sizeof dispensable / sizeof dispensable[0]] = {false};
    size_t wrong = 0;
    size_t tried = 0;
    for (size_t s = 0; s < SYSTEMS; s++) {
        make(&systems[s], &world, &facts);
        size_t count = facts.count;
        world_forget(&world);
        for (size_t f = 0; f < count; f++) {
            make(&systems[s], &world, &facts);
            const struct fact *fact = &facts.items[f];
            bool there = is_there(fact);
            take_out(fact);
            bool ok = state_of(&world, false) == DR_OK;
            bool allowed = false;
            for (size_t d = 0; d < sizeof dispensable / sizeof dispensable[0]; d++) {
                if (!applies(&dispensable[d], systems[s].name, fact->name))
                    continue;
                allowed = true;
                used[d] = used[d] || (there && ok);
            }
            tried += there ? 1 : 0;
            if (there && ok && !allowed) {
                fprintf(stderr, "%s: OK without %s\n", systems[s].name, fact->name);
                wrong++;
            }
        }
    }
    for (size_t d = 0; d < sizeof dispensable / sizeof dispensable[0]; d++) {
        if (!used[d]) {
            fprintf(stderr, "%s (%s) is needed after all\n", dispensable[d].fact,
                    dispensable[d].systems);
            wrong++;
        }
    }
    assert_true(tried > 300);
    assert_int_equal(wrong, 0);
}

/* ---- several proofs of one thing, and none ---- */

static void no_sign_of_life(struct world *world)
{
    world->db2->receiver.message_age.known = false;
    world->streams[0][0].reply_age.known = false;
}

static void nothing_dates_the_loss(struct world *world)
{
    world->db2->passing.compared = false;
    world->streams[0][0].reply_age.known = false;
    world->db2->replay_age.known = false;
    world->db1->readings[0] = world->db1->readings[1];
    world->thresholds[REP_LINK_AGE] = (struct dr_threshold){.warning = {.given = false}};
}

static void nothing_dates_the_replay(struct world *world)
{
    world->db2->passing.replayed.known = false;
    world->streams[0][0].replay_lag.known = false;
    world->db2->replay_age.known = false;
}

static void nobody_says_it_is_connected(struct world *world)
{
    world->db2->receiver.running.known = false;
    world->streams[0][0].kind = REP_STREAM_CONNECTING;
}

static void no_reading_of_the_primary(struct world *world)
{
    world->db1->reading_count = 0;
}

static void no_reading_of_the_standby(struct world *world)
{
    world->db2->reading_count = 0;
    world->streams[0][0].flushed.known = false;
}

static void role_unknown(struct world *world)
{
    world->db2->role = REP_ROLE_UNKNOWN;
}

static void pause_unknown(struct world *world)
{
    world->db2->pause = REP_PAUSE_UNKNOWN;
}

static void some_proof_must_be_left(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*change)(struct world *world);
        size_t system; /* the busy one, too, where that makes a difference */
    } cases[] = {
        {"no sign of life", no_sign_of_life, 0},
        {"no sign of life", no_sign_of_life, 4},
        {"nothing dates the loss", nothing_dates_the_loss, 4},
        {"nothing dates the replay", nothing_dates_the_replay, 4},
        {"nobody says it is connected", nobody_says_it_is_connected, 0},
        {"no reading of the primary", no_reading_of_the_primary, 0},
        {"no reading of the primary", no_reading_of_the_primary, 1},
        {"no reading of the standby", no_reading_of_the_standby, 0},
        {"no role", role_unknown, 0},
        {"no role", role_unknown, 2},
        {"no pause", pause_unknown, 0},
        {"no pause", pause_unknown, 2},
    };
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct world world;
        static struct facts facts;
        make(&systems[cases[i].system], &world, &facts);
        cases[i].change(&world);
        if (state_of(&world, false) == DR_OK) {
            fprintf(stderr, "%s: OK, and %s\n", systems[cases[i].system].name, cases[i].name);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* ---- nonsense ---- */

static const int64_t integers[] = {INT64_MIN, -1, INT64_MAX};
static const double reals[] = {-1e300, -1e9, -3600, 1e9, 1e300, -INFINITY, INFINITY, NAN};
#define NONSENSE_MAX 8

static bool spoil(const struct fact *fact, size_t which, char text[40])
{
    if (fact->kind == INTEGER && which < sizeof integers / sizeof integers[0]) {
        *(struct dr_opt_int *)fact->at = dr_int(integers[which]);
        snprintf(text, 40, "%lld", (long long)integers[which]);
        return true;
    }
    if (fact->kind == REAL && which < sizeof reals / sizeof reals[0]) {
        *(struct dr_opt_real *)fact->at = dr_real(reals[which]);
        snprintf(text, 40, "%g", reals[which]);
        return true;
    }
    return false;
}

/* What must be seen, and not taken for health: the fact, and the system it is the only proof in. */
static const struct dispensable harmful[] = {
    {"db2 receiver.message_age", "standby", "ages are never negative"},
    {"subscription.message_age", "", "ages are never negative"},
    {"db1>db2.reply_age", "busy primary", "ages are never negative"},
    {"db2.replay_age", "busy standby", "ages are never negative"},
    {"db2.apply_delay", "busy standby", "it is not the delay that is expected"},
};

static bool is_harmful(const char *system, const struct fact *fact)
{
    for (size_t i = 0; i < sizeof harmful / sizeof harmful[0]; i++) {
        if (applies(&harmful[i], system, fact->name))
            return true;
    }
    return false;
}

static size_t count_infinite(const struct dr_result *result)
{
    size_t count = 0;
    for (size_t i = 0; i < result->figure_count; i++)
        count += isfinite(result->figures[i].value) ? 0 : 1;
    return count;
}

/* Everything at once is survived; what is the only proof is not taken for one. */
static void nonsense_is_no_proof(void **state)
{
    (void)state;
    static struct world world;
    static struct facts facts;
    size_t wrong = 0;
    size_t tried = 0;
    for (size_t s = 0; s < SYSTEMS; s++) {
        make(&systems[s], &world, &facts);
        size_t count = facts.count;
        world_forget(&world);
        for (size_t n = 0; n < count * NONSENSE_MAX; n++) {
            char value[40] = "";
            struct dr_result result;
            make(&systems[s], &world, &facts);
            const struct fact *fact = &facts.items[n / NONSENSE_MAX];
            bool spoilt = is_there(fact) && spoil(fact, n % NONSENSE_MAX, value);
            world_judge(&world, &result);
            bool ok = dr_result_state(&result) == DR_OK;
            wrong += count_infinite(&result);
            if (spoilt && ok && is_harmful(systems[s].name, fact)) {
                fprintf(stderr, "%s: OK with %s = %s\n", systems[s].name, fact->name, value);
                wrong++;
            }
            tried += spoilt ? 1 : 0;
            dr_result_free(&result);
            world_forget(&world);
        }
    }
    assert_true(tried > 1000);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_systems_are_ok),
        cmocka_unit_test(nothing_is_taken_for_granted),
        cmocka_unit_test(some_proof_must_be_left),
        cmocka_unit_test(nonsense_is_no_proof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
