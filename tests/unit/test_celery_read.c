/* SPDX-License-Identifier: GPL-3.0-or-later */
/* INFO of the server: facts, or unknown, never a wrong value. */
#include "plugins/queues/celery_read.h"

#include "common/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char *sample(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, DR_TESTS "/samples/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct dr_buffer text = DR_BUFFER(100000);
    char bytes[4096];
    size_t size;
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
        dr_buffer_add_bytes(&text, bytes, size);
    fclose(file);
    assert_false(text.cut);
    return dr_buffer_take(&text);
}

struct reading {
    struct que_facts facts;
    struct dr_error error;
    bool ok;
};

static struct reading read_store(const char *text, double now)
{
    struct reading reading = {.ok = false};
    struct dr_redis_info info;
    assert_true(dr_redis_info_read(&info, text));
    reading.ok = que_celery_read_store(&info, now, &reading.facts.store, &reading.error);
    dr_redis_info_free(&info);
    return reading;
}

static void test_recorded(void **state)
{
    static const struct {
        const char *name;
        const char *version;
        bool primary;
        size_t replicas;
    } rows[] = {
        {"redis/redis-7.0-primary.info", "7.0.15", true, 1},
        {"redis/redis-7.0-replica.info", "7.0.15", false, 0},
        {"redis/redis-7.0-promoted.info", "7.0.15", true, 0},
        {"redis/valkey-8.1-primary.info", "Valkey 8.1", true, 1},
        {"redis/valkey-8.1-replica.info", "Valkey 8.1", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = sample(rows[i].name);
        struct reading reading = read_store(text, 1e10);
        const struct que_store *store = &reading.facts.store;
        if (!reading.ok || store->primary != rows[i].primary ||
            strncmp(store->version, rows[i].version, strlen(rows[i].version)) != 0 ||
            store->replica_count != rows[i].replicas || !store->replicas_known)
            fail_msg("%s: %s %zu", rows[i].name, reading.error.text, store->replica_count);
        assert_true(store->append_only.known && store->snapshot_ok.known &&
                    store->memory_used.known && store->memory_limit.known && store->evicted.known);
        assert_string_equal(store->eviction, "noeviction");
        assert_true(store->primary || (store->upstream != NULL && store->upstream_up.value));
        que_facts_free(&reading.facts);
        free(text);
    }
}

#define PRIMARY "redis_version:7.0.15\r\nrole:master\r\n"

static void test_replicas(void **state)
{
    static const struct {
        const char *text;
        bool known;
        size_t count;
        bool online;
        int64_t behind; /* -1: unknown */
        double age;     /* -1: unknown */
    } rows[] = {
        {"connected_slaves:0\r\n", true, 0, false, -1, -1},
        {"", false, 0, false, -1, -1},
        {"connected_slaves:1\r\nmaster_repl_offset:100\r\n"
         "slave0:ip=::1,port=6379,state=online,offset=60,lag=3\r\n",
         true, 1, true, 40, 3},
        {"connected_slaves:1\r\nmaster_repl_offset:100\r\n"
         "slave0:ip=::1,port=6379,state=online,offset=160,lag=0\r\n",
         true, 1, true, 0, 0},
        {"connected_slaves:1\r\nslave0:ip=::1,port=6379,state=online,offset=60,lag=-1\r\n", true, 1,
         true, -1, -1},
        {"connected_slaves:1\r\nmaster_repl_offset:100\r\n"
         "slave0:ip=::1,port=6379,state=wait_bgsave,offset=0,lag=0\r\n",
         true, 1, false, -1, -1},
        {"connected_slaves:1\r\nmaster_repl_offset:100\r\n"
         "slave0:ip=::1,port=0,state=online,offset=60,lag=3\r\n",
         true, 0, false, -1, -1},
        {"connected_slaves:1\r\nslave0:port=6379,state=online\r\n", false, 0, false, -1, -1},
        {"connected_slaves:0\r\nslave0:ip=::1,port=6379,state=online,offset=60,lag=1\r\n", false, 1,
         true, -1, 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = dr_text_format(PRIMARY "%s", rows[i].text);
        struct reading reading = read_store(text, 0);
        const struct que_store *store = &reading.facts.store;
        if (!reading.ok || store->replicas_known != rows[i].known ||
            store->replica_count != rows[i].count)
            fail_msg("%s: %s", rows[i].text, reading.error.text);
        for (size_t k = 0; k < store->replica_count; k++) {
            const struct que_replica *replica = &store->replicas[k];
            assert_string_equal(replica->address, "[::1]:6379");
            assert_int_equal(replica->online, rows[i].online);
            assert_int_equal(replica->behind.known ? replica->behind.value : -1, rows[i].behind);
            assert_true((replica->age.known ? replica->age.value : -1) == rows[i].age);
        }
        que_facts_free(&reading.facts);
        free(text);
    }
}

static void test_snapshot(void **state)
{
    static const struct {
        const char *text;
        double age; /* at 10000; -1: unknown */
    } rows[] = {
        {"rdb_last_save_time:9000\r\nrdb_saves:2\r\nuptime_in_seconds:5000\r\n", 1000},
        {"rdb_last_save_time:5000\r\nrdb_saves:0\r\nuptime_in_seconds:5000\r\n", -1},
        {"rdb_last_save_time:5000\r\nuptime_in_seconds:5000\r\n", -1}, /* before 7.0: its start */
        {"rdb_last_save_time:9000\r\nuptime_in_seconds:5000\r\n", 1000},
        {"rdb_last_save_time:9000\r\n", -1},
        {"rdb_last_save_time:11000\r\nrdb_saves:1\r\n", 0},
        {"rdb_saves:1\r\n", -1},
        {"rdb_last_save_time:x\r\nrdb_saves:1\r\n", -1},
        {"", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = dr_text_format(PRIMARY "%s", rows[i].text);
        struct reading reading = read_store(text, 10000);
        const struct dr_opt_real age = reading.facts.store.snapshot_age;
        if (!reading.ok || (age.known ? age.value : -1) != rows[i].age)
            fail_msg("%s: %f", rows[i].text, age.value);
        que_facts_free(&reading.facts);
        free(text);
    }
}

static void test_persistence(void **state)
{
    (void)state;
    struct reading reading =
        read_store(PRIMARY "aof_enabled:1\r\naof_last_write_status:err\r\nloading:1\r\n"
                           "rdb_last_bgsave_status:err\r\nrdb_changes_since_last_save:7\r\n",
                   0);
    const struct que_store *store = &reading.facts.store;
    assert_true(store->append_only.known && store->append_only.value && store->append_ok.known &&
                !store->append_ok.value && store->snapshot_ok.known && !store->snapshot_ok.value &&
                store->snapshot_after.value == 7 && store->loading);
    que_facts_free(&reading.facts);
    reading = read_store(PRIMARY "aof_enabled:0\r\naof_last_write_status:ok\r\n", 0);
    assert_true(store->append_only.known && !store->append_only.value && !store->append_ok.known &&
                !store->snapshot_ok.known && !store->memory_used.known && !store->evicted.known &&
                store->eviction == NULL && !store->loading);
    que_facts_free(&reading.facts);
}

static void test_not_usable(void **state)
{
    static const char *const texts[] = {"", "role:master\r\n", "redis_version:7.0.15\r\n",
                                        "redis_version:7.0.15\r\nrole:\r\n",
                                        "redis_version:7.0.15\r\nrole:sentinel\r\n"};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct reading reading = read_store(texts[i], 0);
        assert_false(reading.ok);
        assert_int_equal(reading.error.class, DR_ERR_PROTOCOL);
        que_facts_free(&reading.facts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),   cmocka_unit_test(test_replicas),
        cmocka_unit_test(test_snapshot),   cmocka_unit_test(test_persistence),
        cmocka_unit_test(test_not_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
