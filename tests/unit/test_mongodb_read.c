/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/mongodb_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AT(seconds) (((int64_t)(seconds) << 32) | 1)

/* ---- a sample and what is read from it ---- */

struct world {
    bson_t *sample;
    bson_t status, config, server;
    struct mongo_replies replies;
    struct rep_node node;
    struct mongo_extra extra;
    struct dr_error error;
};

static bool take(const bson_t *sample, const char *command, bson_t *reply)
{
    bson_iter_t it;
    const uint8_t *bytes;
    uint32_t size;
    if (!bson_iter_init_find(&it, sample, command))
        return false;
    bson_iter_document(&it, &size, &bytes);
    assert_true(bson_init_static(reply, bytes, size));
    return true;
}

static char *read_file(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/samples/mongodb/%s.json", DR_TESTS, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    assert_in_range(fread(text, 1, 65535, file), 1, 65534);
    fclose(file);
    return text;
}

/* The sample with the first occurrence of `old` replaced (NULL: as it is). */
static void open_changed(struct world *world, const char *name, const char *old, const char *new)
{
    bson_error_t error;
    *world = (struct world){.sample = NULL};
    char *text = read_file(name);
    if (old != NULL) {
        char *place = strstr(text, old);
        assert_non_null(place);
        char *changed = calloc(1, strlen(text) + strlen(new) + 1);
        assert_non_null(changed);
        memcpy(changed, text, (size_t)(place - text));
        memcpy(changed + (place - text), new, strlen(new));
        memcpy(changed + (place - text) + strlen(new), place + strlen(old),
               strlen(place + strlen(old)));
        free(text);
        text = changed;
    }
    world->sample = bson_new_from_json((const uint8_t *)text, -1, &error);
    if (world->sample == NULL)
        fail_msg("%s: %s", name, error.message);
    free(text);
    assert_true(take(world->sample, "replSetGetStatus", &world->status));
    world->replies.status = &world->status;
    if (take(world->sample, "replSetGetConfig", &world->config))
        world->replies.config = &world->config;
    if (take(world->sample, "serverStatus", &world->server))
        world->replies.server = &world->server;
}

static bool read_world(struct world *world)
{
    return mongo_read_node(&world->replies, &world->node, &world->extra, &world->error);
}

static void open_world(struct world *world, const char *name)
{
    open_changed(world, name, NULL, NULL);
    if (!read_world(world))
        fail_msg("%s: %s", name, world->error.text);
}

static void close_world(struct world *world)
{
    rep_node_free(&world->node);
    bson_destroy(world->sample);
}

static const struct rep_member *member_called(const struct world *world, const char *name)
{
    for (size_t i = 0; i < world->node.set.member_count; i++) {
        if (strcmp(world->node.set.members[i].name, name) == 0)
            return &world->node.set.members[i];
    }
    fail_msg("no member %s", name);
    return NULL;
}

static const struct rep_stream *stream_called(const struct world *world, const char *name)
{
    for (size_t i = 0; i < world->node.stream_count; i++) {
        if (strcmp(world->node.streams[i].name, name) == 0)
            return &world->node.streams[i];
    }
    return NULL;
}

static void assert_int(struct dr_opt_int found, int64_t wanted)
{
    assert_true(found.known);
    assert_int_equal(found.value, wanted);
}

static void assert_real(struct dr_opt_real found, double wanted)
{
    assert_true(found.known);
    if (found.value < wanted - 0.001 || found.value > wanted + 0.001)
        fail_msg("%g instead of %g", found.value, wanted);
}

/* ---- healthy, by version ---- */

static void test_every_shape(void **state)
{
    static const struct {
        const char *sample;
        const char *product;
        int major;
        int64_t votes;
    } rows[] = {
        {"healthy_arbiter_chained_4.2", "MongoDB 4.2.24", 4, 4},
        {"healthy_4.4", "MongoDB 4.4.29", 4, 3},
        {"healthy_5.0", "MongoDB 5.0.31", 5, 3},
        {"healthy_8.0", "MongoDB 8.0.12", 8, 3},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world world;
        open_world(&world, rows[i].sample);
        const struct rep_node *node = &world.node;
        assert_int_equal(node->kind, REP_MONGODB);
        assert_int_equal(node->unit, REP_MOMENTS);
        assert_int_equal(node->role, REP_ROLE_PRIMARY);
        assert_int_equal(node->pause, REP_PAUSE_NONE);
        assert_string_equal(node->product, rows[i].product);
        assert_int_equal(node->major, rows[i].major);
        assert_string_equal(node->system, "5f6d8c2a9d1e4b0012345678");
        assert_string_equal(node->group, "rs0");
        assert_string_equal(node->instance, "db1:27017 4711");
        assert_string_equal(node->application_name, "db1:27017");
        assert_int(world.extra.position, AT(1601384207));
        assert_real(world.extra.server_time, 1601384208.4);
        assert_real(node->window, 86400);
        assert_int(node->kept_from, AT(1601384207 - 86400));
        assert_int_equal(node->stream_count, 2);
        assert_int_equal(node->trait_count, 0);
        assert_int(node->set.term, 24);
        assert_int(node->set.votes, rows[i].votes);
        assert_int(node->set.present, rows[i].votes);
        assert_int(node->set.needed, rows[i].votes / 2 + 1);
        assert_int(node->set.copies, 3);
        assert_int(node->set.copies_present, 3);
        assert_int(node->set.majority, AT(1601384207));
        assert_real(node->set.majority_lag, 0);
        assert_real(node->sender_silence, 10);
        close_world(&world);
    }
}

static void test_arbiter_and_chain(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, "healthy_arbiter_chained_4.2");
    const struct rep_member *arbiter = member_called(&world, "db2:27017");
    assert_int_equal(arbiter->seat, REP_SEAT_WITNESS);
    assert_false(arbiter->position.known);
    assert_int(arbiter->votes, 1);
    assert_null(stream_called(&world, "db2:27017"));
    assert_string_equal(member_called(&world, "db3:27017")->upstream, "db4:27017");
    assert_real(member_called(&world, "db1:27017")->priority, 5);
    const struct rep_stream *stream = stream_called(&world, "db3:27017");
    assert_non_null(stream);
    assert_int_equal(stream->kind, REP_STREAM_STANDBY);
    assert_string_equal(stream->address, "db3");
    assert_string_equal(stream->state, "SECONDARY");
    assert_int(stream->flushed, AT(1601384207));
    assert_real(stream->reply_age, 1);
    assert_false(stream->connected.known);
    close_world(&world);
}

/* A dead arbiter is told by the configuration alone. */
static void test_dead_arbiter(void **state)
{
    struct world world;
    (void)state;
    open_changed(&world, "healthy_arbiter_chained_4.2",
                 "\"state\": 7,\n    \"stateStr\": \"ARBITER\"",
                 "\"state\": 8,\n    \"stateStr\": \"(not reachable/healthy)\"");
    assert_true(read_world(&world));
    assert_int_equal(member_called(&world, "db2:27017")->seat, REP_SEAT_DOWN);
    assert_null(stream_called(&world, "db2:27017"));
    assert_int(world.node.set.present, 3);
    assert_int(world.node.set.copies_present, 3);
    close_world(&world);
}

/* ---- behind, ahead, never ---- */

static void test_behind(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, "lagging_4.2");
    assert_real(member_called(&world, "db3:27017")->behind, 100);
    assert_real(member_called(&world, "db4:27017")->behind, 5);
    assert_real(stream_called(&world, "db3:27017")->loss, 101.4);
    assert_real(world.node.set.majority_lag, 5);
    close_world(&world);
    open_world(&world, "recovering_behind_a_day_4.2");
    assert_real(member_called(&world, "db2:27017")->behind, 85200);
    assert_string_equal(member_called(&world, "db2:27017")->message,
                        "still syncing, not yet to minValid optime 507e9a30:851");
    close_world(&world);
}

static void test_ahead_of_the_primary(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, "ahead_of_primary_4.2");
    assert_int_equal(world.node.role, REP_ROLE_STANDBY);
    assert_real(member_called(&world, "db2:27017")->behind, 0);
    assert_int(world.node.received, AT(1543869234));
    assert_int(world.node.replayed, AT(1543869234));
    assert_int(world.node.receiver.announced, AT(1543869224));
    assert_true(world.node.receiver.running.known && world.node.receiver.running.value);
    assert_string_equal(world.node.receiver.sender, "db1:27017");
    assert_real(world.node.receiver.message_age, 1);
    assert_real(world.node.receiver.silence, 10);
    assert_real(world.node.replay_age, 1.203);
    assert_int_equal(world.node.stream_count, 0);
    close_world(&world);
    open_world(&world, "rollback_4.4");
    const struct rep_member *member = member_called(&world, "db2:27017");
    assert_int_equal(member->seat, REP_SEAT_ROLLBACK);
    assert_real(member->behind, 0);
    assert_int_equal(stream_called(&world, "db2:27017")->kind, REP_STREAM_BROKEN);
    close_world(&world);
}

/* The epoch is "never", and lastHeartbeat of a dead member says nothing. */
static void test_epoch(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, "down_member_4.2");
    const struct rep_member *member = member_called(&world, "db1:27017");
    assert_int_equal(member->seat, REP_SEAT_DOWN);
    assert_false(member->position.known);
    assert_false(member->behind.known);
    assert_real(member->heard, 120.514);
    assert_non_null(strstr(member->message, "Connection refused"));
    const struct rep_stream *stream = stream_called(&world, "db1:27017");
    assert_int_equal(stream->kind, REP_STREAM_BROKEN);
    assert_false(stream->flushed.known);
    assert_false(stream->loss.known);
    assert_int(world.node.set.present, 2);
    assert_int(world.node.set.copies_present, 2);
    close_world(&world);
    open_world(&world, "no_primary_4.2");
    assert_false(member_called(&world, "db3:27017")->heard.known);
    assert_int(world.node.set.present, 1);
    assert_real(world.node.set.majority_lag, 10);
    assert_true(world.node.receiver.running.known && !world.node.receiver.running.value);
    assert_false(world.node.receiver.announced.known);
    close_world(&world);
}

/* ---- states ---- */

static void test_states(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, "recovering_no_source_4.2");
    const struct rep_member *self = member_called(&world, "db2:27017");
    assert_int_equal(self->seat, REP_SEAT_RECOVERING);
    assert_true(self->self);
    assert_non_null(strstr(self->bar, "too stale"));
    assert_int_equal(member_called(&world, "db1:27017")->seat, REP_SEAT_DOWN);
    close_world(&world);
    open_world(&world, "starting_4.4");
    assert_int_equal(member_called(&world, "db2:27017")->seat, REP_SEAT_STARTING);
    assert_int_equal(stream_called(&world, "db2:27017")->kind, REP_STREAM_CONNECTING);
    assert_false(stream_called(&world, "db2:27017")->reply_age.known);
    close_world(&world);
    open_world(&world, "recovering_disk_full_4.2");
    assert_false(member_called(&world, "db2:27017")->position.known);
    close_world(&world);
}

static void test_initial_sync(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, "initial_sync_5.0");
    assert_int_equal(world.node.role, REP_ROLE_STANDBY);
    assert_false(world.node.received.known);
    assert_false(world.node.window.known);
    assert_true(world.node.copying.running.known && world.node.copying.running.value);
    assert_real(world.node.copying.done, 0.25);
    assert_int(world.node.copying.left, 300000000);
    assert_real(world.node.copying.eta, 90);
    close_world(&world);
}

static void test_written_but_not_applied(void **state)
{
    struct world world;
    (void)state;
    open_changed(
        &world, "healthy_8.0",
        "\"writtenOpTime\": {\n    \"ts\": {\n     \"$timestamp\": {\n      \"t\": 1601384207",
        "\"writtenOpTime\": {\n    \"ts\": {\n     \"$timestamp\": {\n      \"t\": 1601384208");
    bson_t copy = BSON_INITIALIZER;
    bson_copy_to_excluding_noinit(&world.status, &copy, "myState", (char *)NULL);
    BSON_APPEND_INT32(&copy, "myState", 2);
    world.replies.status = &copy;
    assert_true(read_world(&world));
    assert_int(world.node.received, AT(1601384208));
    assert_int(world.node.replayed, AT(1601384207));
    bson_destroy(&copy);
    close_world(&world);
}

/* ---- configuration ---- */

static void test_both_spellings_of_delay(void **state)
{
    static const char *const samples[] = {"delayed_8.0", "delayed_4.2"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world world;
        open_world(&world, samples[i]);
        const struct rep_member *member = member_called(&world, "db4:27017");
        assert_real(member->delay, 3600);
        assert_real(member->priority, 0);
        assert_true(member->hidden.known && member->hidden.value);
        assert_real(member->behind, 3600);
        assert_real(world.node.apply_delay, 0);
        close_world(&world);
    }
}

static void test_hidden_configuration(void **state)
{
    struct world world;
    (void)state;
    open_changed(&world, "healthy_8.0", NULL, NULL);
    world.replies.config = NULL;
    world.replies.server = NULL;
    assert_true(read_world(&world));
    assert_null(world.node.system);
    assert_string_equal(world.node.product, "MongoDB");
    assert_null(world.node.instance);
    assert_false(world.node.apply_delay.known);
    assert_false(world.node.window.known);
    assert_false(world.node.set.present.known);
    assert_int(world.node.set.votes, 3);
    assert_false(member_called(&world, "db2:27017")->priority.known);
    close_world(&world);
}

static void test_election_timeout(void **state)
{
    struct world world;
    (void)state;
    open_changed(&world, "healthy_5.0", "\"electionTimeoutMillis\": 10000",
                 "\"electionTimeoutMillis\": 4000");
    assert_true(read_world(&world));
    assert_real(world.node.sender_silence, 4);
    close_world(&world);
}

/* Figures that no clock and no disk can show: unknown, and what is known takes their place. */
static void test_no_figure(void **state)
{
    struct world world;
    (void)state;
    open_changed(&world, "healthy_5.0", "\"electionTimeoutMillis\": 10000",
                 "\"electionTimeoutMillis\": {\"$numberDouble\": \"Infinity\"}");
    assert_true(read_world(&world));
    assert_real(world.node.sender_silence, 10);
    close_world(&world);
    open_changed(&world, "initial_sync_5.0", "\"$numberLong\": \"100000000\"",
                 "\"$numberLong\": \"-1\"");
    assert_true(read_world(&world));
    assert_true(world.node.copying.running.value && !world.node.copying.done.known);
    close_world(&world);
}

static void test_flow_control(void **state)
{
    struct world world;
    (void)state;
    open_changed(&world, "healthy_5.0", "\"isLagged\": false", "\"isLagged\": true");
    assert_true(read_world(&world));
    assert_int_equal(world.node.trait_count, 1);
    assert_int_equal(world.node.traits[0].kind, REP_TRAIT_SLOWED);
    close_world(&world);
}

/* ---- looked at again ---- */

static void test_again(void **state)
{
    struct world world;
    (void)state;
    open_changed(&world, "healthy_8.0", "\"isLagged\": false", "\"isLagged\": true");
    for (int i = 0; i < 3; i++)
        assert_true(read_world(&world));
    assert_int_equal(world.node.set.member_count, 3);
    assert_int_equal(world.node.stream_count, 2);
    assert_int_equal(world.node.trait_count, 1);
    close_world(&world);
}

/* ---- what is missing ---- */

static void test_missing(void **state)
{
    static const struct {
        const char *old;
        const char *new;
        const char *says;
    } rows[] = {
        {"\"set\": \"rs0\"", "\"sat\": \"rs0\"", "set"},
        {"\"date\":", "\"dote\":", "date"},
        {"\"myState\":", "\"yourState\":", "myState"},
        {"\"members\":", "\"people\":", "members"},
        {"\"self\": true", "\"self\": false", "itself"},
        {"\"name\": \"db2:27017\"", "\"nome\": \"db2:27017\"", "name"},
        {"\"votes\": 1", "\"vites\": 1", "votes"},
        {"\"votes\": 1", "\"votes\": 5000000000", "votes"},
        {"\"votes\": 1", "\"votes\": -1", "votes"},
        {"\"priority\": {", "\"proirity\": {", "priority"},
        {"\"arbiterOnly\":", "\"arbiter\":", "arbiterOnly"},
        {"\"host\": \"db2", "\"hist\": \"db2", "host"},
        {"\"state\": 2", "\"state\": \"2\"", "state"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world world;
        open_changed(&world, "healthy_8.0", rows[i].old, rows[i].new);
        if (read_world(&world))
            fail_msg("read without %s", rows[i].says);
        assert_int_equal(world.error.class, DR_ERR_PROTOCOL);
        assert_non_null(strstr(world.error.text, rows[i].says));
        assert_true(world.node.role == REP_ROLE_UNKNOWN || world.node.product != NULL);
        close_world(&world);
    }
}

/* ---- hello, operationTime ---- */

static bson_t *json(const char *text)
{
    bson_t *document = bson_new_from_json((const uint8_t *)text, -1, NULL);
    assert_non_null(document);
    return document;
}

static void test_hello_of_an_arbiter(void **state)
{
    bson_t *hello = json("{\"ismaster\": false, \"setName\": \"rs0\", \"me\": \"db2:27017\","
                         " \"arbiterOnly\": true, \"ok\": 1}");
    bson_t *other = json("{\"ismaster\": true, \"setName\": \"rs0\", \"ok\": 1}");
    struct rep_node node = {.kind = REP_PRODUCT_UNKNOWN};
    (void)state;
    assert_false(mongo_read_arbiter(other, &node));
    assert_int_equal(node.role, REP_ROLE_UNKNOWN);
    assert_true(mongo_read_arbiter(hello, &node));
    assert_int_equal(node.role, REP_ROLE_WITNESS);
    assert_string_equal(node.group, "rs0");
    assert_string_equal(node.set.name, "rs0");
    assert_string_equal(node.application_name, "db2:27017");
    rep_node_free(&node);
    bson_destroy(hello);
    bson_destroy(other);
}

static void test_operation_time(void **state)
{
    bson_t *reply = json("{\"ok\": 1, \"operationTime\": {\"$timestamp\": {\"t\": 7, \"i\": 1}}}");
    bson_t *without = json("{\"ok\": 1}");
    (void)state;
    assert_int(mongo_read_operation_time(reply), AT(7));
    assert_false(mongo_read_operation_time(without).known);
    bson_destroy(reply);
    bson_destroy(without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_shape),
        cmocka_unit_test(test_arbiter_and_chain),
        cmocka_unit_test(test_dead_arbiter),
        cmocka_unit_test(test_behind),
        cmocka_unit_test(test_ahead_of_the_primary),
        cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_initial_sync),
        cmocka_unit_test(test_written_but_not_applied),
        cmocka_unit_test(test_both_spellings_of_delay),
        cmocka_unit_test(test_hidden_configuration),
        cmocka_unit_test(test_election_timeout),
        cmocka_unit_test(test_no_figure),
        cmocka_unit_test(test_flow_control),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_hello_of_an_arbiter),
        cmocka_unit_test(test_operation_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
