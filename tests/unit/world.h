/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence for the judge of check_replication_lag, built by hand: a healthy system seen from
 * several sides, of which a test then changes one thing. Nothing is allocated but by the judge
 * itself. */
#ifndef TESTS_UNIT_WORLD_H
#define TESTS_UNIT_WORLD_H

#include "plugins/replication/judge.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MB ((int64_t)1000 * 1000)
#define POSITION (700 * MB)
#define SYSTEM "7300000000000000001"
#define NOW 1.7e9      /* our clock */
#define STARTED 1000.0 /* monotonic: the first node was asked */

/* What was asked. */
enum view {
    ALL,     /* the primary db1 and its standbys db2 and db3 */
    PRIMARY, /* db1 alone */
    STANDBY, /* db2 alone */
    PLAIN,   /* all three, by a role that may only log in */
    VIEWS
};

#define NODES 8
#define STREAMS 6
#define SLOTS 4

struct world {
    struct rep_asked asked[NODES];
    struct rep_node nodes[NODES];
    struct rep_stream streams[NODES][STREAMS];
    struct rep_slot slots[NODES][SLOTS];
    struct rep_subscription subscriptions[NODES][2];
    struct dr_error errors[NODES];
    struct dr_threshold thresholds[REP_METRICS];
    char *expect_standby[4];
    char *expect_slot[4];
    struct rep_delay delays[2];
    struct rep_rules rules;
    struct rep_history history;
    struct dr_selection selection;
    struct rep_evidence evidence;
    struct rep_node *db1; /* NULL where it was not asked */
    struct rep_node *db2;
    struct rep_node *db3;
};

/* Facts hold char *, and never change what it points at. */
#define TEXT(literal) ((char *)(literal))

static inline struct rep_stream *world_stream(struct world *world, struct rep_node *node,
                                              const char *name, const char *address)
{
    struct rep_stream *stream = &world->streams[node - world->nodes][node->stream_count++];
    *stream = (struct rep_stream){
        .name = TEXT(name),
        .address = TEXT(address),
        .kind = REP_STREAM_STANDBY,
        .state = TEXT("streaming"),
        .sync_state = TEXT("async"),
        .flushed = dr_int(POSITION),
        .replayed = dr_int(POSITION),
        .connected = dr_real(86400),
        .reply_age = dr_real(3),
    };
    node->streams = world->streams[node - world->nodes];
    return stream;
}

static inline struct rep_slot *world_slot(struct world *world, struct rep_node *node,
                                          const char *name)
{
    struct rep_slot *slot = &world->slots[node - world->nodes][node->slot_count++];
    *slot = (struct rep_slot){
        .name = TEXT(name),
        .active = dr_bool(true),
        .restart = dr_int(POSITION),
        .wal_status = TEXT("reserved"),
    };
    node->slots = world->slots[node - world->nodes];
    return slot;
}

static inline struct rep_subscription *world_subscription(struct world *world,
                                                          struct rep_node *node, const char *name)
{
    struct rep_subscription *subscription =
        &world->subscriptions[node - world->nodes][node->subscription_count++];
    *subscription = (struct rep_subscription){
        .name = TEXT(name),
        .enabled = dr_bool(true),
        .running = dr_bool(true),
        .message_age = dr_real(4),
        .apply_errors = dr_int(0),
        .sync_errors = dr_int(0),
        .tables_pending = dr_int(0),
    };
    node->subscriptions = world->subscriptions[node - world->nodes];
    return subscription;
}

static inline struct rep_node *world_node(struct world *world, const char *label,
                                          enum rep_role role)
{
    size_t i = world->evidence.count++;
    struct rep_node *node = &world->nodes[i];
    *node = (struct rep_node){
        .kind = REP_POSTGRESQL,
        .product = TEXT("PostgreSQL 15.8"),
        .major = 15,
        .role = role,
        .system = TEXT(SYSTEM),
        .instance = TEXT(label),
        .timeline = dr_int(3),
        .clock_ahead = dr_real(0.001),
        .clock_error = 0.002,
        .privileged = dr_bool(true),
        .grant = TEXT("GRANT pg_monitor TO nagios"),
        .looked = STARTED + 0.05,
        .sender_timeout = dr_real(60),
        .synchronous_names = TEXT(""),
        .commits_wait = dr_bool(true),
    };
    for (size_t f = 0; f < REP_FLOORS; f++)
        node->floors[f] = (struct rep_floor){rep_floor_names[f], dr_int(100)};
    world->asked[i] = (struct rep_asked){.label = label,
                                         .host = label,
                                         .port = 5432,
                                         .answered = true,
                                         .node = node,
                                         .error = &world->errors[i]};
    return node;
}

static inline struct rep_node *world_primary(struct world *world, const char *label)
{
    struct rep_node *node = world_node(world, label, REP_ROLE_PRIMARY);
    node->receiver.running = dr_bool(false);
    rep_node_add_reading(node, STARTED, STARTED + 0.01, POSITION);
    rep_node_add_reading(node, STARTED + 0.04, STARTED + 0.05, POSITION);
    return node;
}

static inline struct rep_node *world_standby(struct world *world, const char *label)
{
    struct rep_node *node = world_node(world, label, REP_ROLE_STANDBY);
    rep_node_add_reading(node, STARTED + 0.01, STARTED + 0.02, POSITION);
    node->received = dr_int(POSITION);
    node->replayed = dr_int(POSITION);
    node->replay_age = dr_real(7200); /* nothing was committed for two hours */
    node->pause = REP_PAUSE_NONE;
    node->apply_delay = dr_real(0);
    node->application_name = TEXT(label);
    node->receiver = (struct rep_receiver){
        .running = dr_bool(true),
        .status = TEXT("streaming"),
        .sender = TEXT("db1:5432"),
        .timeline = dr_int(3),
        .announced = dr_int(POSITION),
        .message_age = dr_real(12),
        .timeout = dr_real(60),
    };
    return node;
}

/* The standby found the primary's mark in this run, 20 ms after it was taken. */
static inline void world_compare(struct rep_node *node)
{
    node->passing = (struct rep_passing){
        .compared = true,
        .marked = STARTED,
        .position = POSITION,
        .received = dr_real(0.02),
        .replayed = dr_real(0.02),
        .waited = 0.02,
    };
}

static inline void world_hide_stream(struct rep_stream *stream)
{
    *stream = (struct rep_stream){.name = stream->name, .kind = REP_STREAM_HIDDEN};
}

/* Takes away what a role without pg_monitor does not see. */
static inline void world_hide(struct rep_node *node)
{
    struct rep_receiver *receiver = &node->receiver;
    node->privileged = dr_bool(false);
    *receiver = (struct rep_receiver){.running = receiver->running, .timeout = receiver->timeout};
    node->application_name = NULL;
    for (size_t i = 0; i < node->stream_count; i++)
        world_hide_stream(&node->streams[i]);
}

static inline void world_limit(struct world *world, enum rep_metric metric, double warning,
                               double critical)
{
    world->thresholds[metric] = (struct dr_threshold){
        .warning = {.given = true, .range = {.start = 0, .end = warning}},
        .critical = {.given = true, .range = {.start = 0, .end = critical}},
    };
}

/* Makes the world: `world` must stay where it is. */
static inline void world_make(struct world *world, enum view view)
{
    memset(world, 0, sizeof *world);
    world->history.file.lock = -1;
    world->evidence = (struct rep_evidence){
        .asked = world->asked,
        .history = &world->history,
        .now = NOW,
        .selection = &world->selection,
    };
    world->rules = (struct rep_rules){
        .thresholds = world->thresholds,
        .rpo = dr_real(60),
        .expect_standby = {.items = world->expect_standby},
        .expect_slot = {.items = world->expect_slot},
        .delays = world->delays,
        .slot_inactive = dr_real(3600),
    };
    world_limit(world, REP_LOSS, 48, 60);
    if (view != STANDBY) {
        world->db1 = world_primary(world, "db1");
        world_stream(world, world->db1, "db2", "192.0.2.2");
        world_stream(world, world->db1, "db3", "192.0.2.3");
    }
    if (view != PRIMARY)
        world->db2 = world_standby(world, "db2");
    if (view == ALL || view == PLAIN)
        world->db3 = world_standby(world, "db3");
    if (world->db1 != NULL && world->db2 != NULL) {
        world_compare(world->db2);
        world_compare(world->db3);
    }
    for (size_t i = 0; view == PLAIN && i < world->evidence.count; i++)
        world_hide(&world->nodes[i]);
}

/* A memory without a file behind it. */
static inline void world_remember(struct world *world)
{
    world->history.open = true;
}

static inline void world_expect(struct world *world, const char *name)
{
    world->expect_standby[world->rules.expect_standby.count++] = TEXT(name);
}

static inline void world_expect_slot(struct world *world, const char *name)
{
    world->expect_slot[world->rules.expect_slot.count++] = TEXT(name);
}

static inline void world_silence(struct world *world, const char *label, enum dr_error_class class)
{
    for (size_t i = 0; i < world->evidence.count; i++) {
        if (strcmp(world->asked[i].label, label) != 0)
            continue;
        world->asked[i].answered = false;
        world->asked[i].node = NULL;
        dr_error_set(&world->errors[i], class, "no answer");
    }
}

/* The primary is `gap` bytes further than its standbys. */
static inline void world_write(struct world *world, int64_t gap)
{
    struct rep_node *node = world->db1;
    for (size_t i = 0; i < node->reading_count; i++)
        node->readings[i].position += gap;
    for (size_t i = 0; world->db2 != NULL && i < 2; i++) {
        struct rep_passing *passing = &(i == 0 ? world->db2 : world->db3)->passing;
        passing->position += gap;
        passing->received.known = false;
        passing->replayed.known = false;
        passing->waited = 1;
    }
}

static inline void world_judge(struct world *world, struct dr_result *result)
{
    dr_result_init(result, "REPLICATION");
    rep_sort_groups(world->asked, world->evidence.count);
    rep_find_aliases(world->asked, world->evidence.count);
    rep_judge(&world->evidence, &world->rules, DR_CRITICAL, result);
}

/* Frees what the judge has remembered. */
static inline void world_forget(struct world *world)
{
    struct rep_history *history = &world->history;
    dr_state_close(&history->file);
    free(history->system);
    dr_selection_free(&world->selection);
    *history = (struct rep_history){.open = false};
}

/* True when some finding of that state is about `subject` (NULL: the verdict) and has the words. */
static inline bool world_found(const struct dr_result *result, enum dr_state state,
                               const char *subject, const char *words)
{
    if (subject == NULL)
        return result->verdict_state == state && strstr(result->verdict, words) != NULL;
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct dr_finding *finding = &result->findings[i];
        if (finding->state == state && finding->subject != NULL &&
            strcmp(finding->subject, subject) == 0 && strstr(finding->text, words) != NULL)
            return true;
    }
    return false;
}

static inline bool world_advises(const struct dr_result *result, const char *subject,
                                 const char *advice)
{
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct dr_finding *finding = &result->findings[i];
        if (finding->subject != NULL && strcmp(finding->subject, subject) == 0 &&
            finding->next != NULL && strstr(finding->next, advice) != NULL)
            return true;
    }
    return false;
}

/* The words are looked for with any state: the state that counts is the whole's, and a finding that
 * is not OK in a system that is would be seen by it. */
static inline bool world_says(const struct dr_result *result, const char *subject,
                              const char *words)
{
    static const enum dr_state states[] = {DR_OK, DR_WARNING, DR_UNKNOWN, DR_CRITICAL};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (world_found(result, states[i], subject, words))
            return true;
    }
    return false;
}

static inline void world_print(const struct dr_result *result)
{
    fprintf(stderr, "  %s: [%s] %s\n", dr_state_name(dr_result_state(result)),
            dr_state_name(result->verdict_state), result->verdict);
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct dr_finding *finding = &result->findings[i];
        fprintf(stderr, "    [%s] %s: %s%s%s\n", dr_state_name(finding->state),
                finding->subject != NULL ? finding->subject : "-", finding->text,
                finding->next != NULL ? " -> " : "", finding->next != NULL ? finding->next : "");
    }
}

#endif
