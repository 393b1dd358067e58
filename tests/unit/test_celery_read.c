/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How kombu names its keys, its messages, and INFO of the server: facts, or unknown, never a wrong
 * value. */
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

/* ---- names ---- */

static bool read_names(const char *text, struct dr_uri *uri, struct que_celery_names *names,
                       struct dr_error *error)
{
    *error = (struct dr_error){.class = DR_ERR_NONE};
    assert_true(dr_uri_parse(text, uri, error));
    return que_celery_names_read(uri, names, error);
}

static void test_names(void **state)
{
    static const struct {
        const char *uri;
        const char *list; /* of step 6; NULL: refused */
        const char *pattern;
        size_t steps;
    } rows[] = {
        {"celery+redis://h",
         "q\x06\x16"
         "6",
         "_kombu.binding.*", 4},
        {"celery+redis://h/0?prefix=app:&sep=~", "app:q~6", "app:_kombu.binding.*", 4},
        {"celery+redis://h/0?prefix=a*b%5Bc%3F",
         "a*b[c?q\x06\x16"
         "6",
         "a\\*b\\[c\\?_kombu.binding.*", 4},
        {"celery+redis://h/0?priority_steps=0",
         "q\x06\x16"
         "6",
         "_kombu.binding.*", 1},
        {"celery+redis://h/0?priority_steps=", NULL, NULL, 0},
        {"celery+redis://h/0?priority_steps=1,,2", NULL, NULL, 0},
        {"celery+redis://h/0?priority_steps=1,2,", NULL, NULL, 0},
        {"celery+redis://h/0?priority_steps=-1", NULL, NULL, 0},
        {"celery+redis://h/0?priority_steps=256", NULL, NULL, 0},
        {"celery+redis://h/0?priority_steps=99999999999999999999", NULL, NULL, 0},
        {"celery+redis://h/0?priority_steps=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", NULL, NULL,
         0},
        {"celery+redis://h/0?sep=", NULL, NULL, 0},
        {"celery+redis://h/0?sep=123456789012345678901", NULL, NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_uri uri;
        struct que_celery_names names;
        struct dr_error error;
        bool ok = read_names(rows[i].uri, &uri, &names, &error);
        if (ok != (rows[i].list != NULL))
            fail_msg("%s: %s", rows[i].uri, error.text);
        assert_int_equal(error.class, ok ? DR_ERR_NONE : DR_ERR_USAGE);
        if (ok) {
            char *list = que_celery_list(&names, "q", 6);
            char *plain = que_celery_list(&names, "q", 0);
            char *pattern = que_celery_pattern(&names);
            assert_string_equal(list, rows[i].list);
            assert_string_equal(plain + strlen(names.prefix), "q");
            assert_string_equal(pattern, rows[i].pattern);
            assert_int_equal(names.step_count, rows[i].steps);
            free(list);
            free(plain);
            free(pattern);
        }
        dr_uri_free(&uri);
    }
}

static void test_binding(void **state)
{
    static const struct {
        const char *exchange;
        const char *member; /* "|" stands for the separator */
        const char *queue;  /* NULL: none that holds tasks */
    } rows[] = {
        {"celery", "celery||celery", "celery"},
        {"shared", "key|pattern|q", "q"},
        {"shared", "key||with blank, and more", "with blank, and more"},
        {"celery.pidbox", "||w1@host.celery.pidbox", NULL},
        {"mine.pidbox", "||mine", NULL},
        {"reply.celery.pidbox", "x||x.reply.celery.pidbox", NULL},
        {"celeryev", "worker.#||anything", NULL},
        {"events", "worker.#||celeryev.1234", NULL},
        {"celery", "||", NULL},
        {"celery", "celery|celery", NULL},
        {"celery", "", NULL},
    };
    struct dr_uri uri;
    struct dr_error error;
    struct que_celery_names names;
    char queue[QUE_NAME_MAX + 1];
    (void)state;
    assert_true(read_names("celery+redis://h/0?sep=%7C", &uri, &names, &error));
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool found = que_celery_binding(&names, rows[i].exchange, rows[i].member, queue);
        if (found != (rows[i].queue != NULL) || (found && strcmp(queue, rows[i].queue) != 0))
            fail_msg("%s: %s", rows[i].exchange, rows[i].member);
    }
    char member[400];
    snprintf(member, sizeof member, "||%0*d", QUE_NAME_MAX, 0);
    assert_true(que_celery_binding(&names, "e", member, queue));
    snprintf(member, sizeof member, "||%0*d", QUE_NAME_MAX + 1, 0);
    assert_false(que_celery_binding(&names, "e", member, queue));
    dr_uri_free(&uri);
}

/* ---- messages ---- */

static void test_head(void **state)
{
    static const char *const unreadable[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"headers\": {\"id\": \"a\"}",
        "{\"headers\": {\"id\": 1}}",
        "{\"headers\": null, \"properties\": []}",
        "{\"headers\": {\"id\": \"a\"}} x",
        "{\"body\": {\"headers\": {\"id\": \"a\"}}}",
    };
    (void)state;
    char *text = sample("celery/message.json");
    uint64_t head = que_celery_read_head(text);
    assert_true(head != 0);
    assert_true(head == que_celery_read_head(text));
    /* The tag tells messages apart; the id of a task stays when it is tried again. */
    char *tag = strstr(text, "2ff4ccf0");
    assert_non_null(tag);
    *tag = '3';
    assert_true(head != que_celery_read_head(text));
    free(text);
    uint64_t a = que_celery_read_head("{\"headers\": {\"id\": \"a\"}}");
    assert_true(a != 0 && a == que_celery_read_head("{\"properties\": {\"delivery_tag\": \"a\"}, "
                                                    "\"headers\": {\"id\": \"b\"}}"));
    for (size_t i = 0; i < COUNT(unreadable); i++)
        assert_true(que_celery_read_head(unreadable[i]) == 0);
}

#define ENTRY(headers, exchange, key)                                                              \
    "[{\"body\": \"W10=\", \"headers\": {" headers "}}, " exchange ", " key "]"

static void test_task(void **state)
{
    static const struct {
        const char *entry;
        bool readable;
        const char *queue;
        bool waits;
    } rows[] = {
        {ENTRY("\"task\": \"t\", \"eta\": null", "\"\"", "\"q\""), true, "q", false},
        {ENTRY("\"task\": \"t\"", "\"\"", "\"q\""), true, "q", false},
        {ENTRY("\"task\": \"t\", \"eta\": \"2026-11-21T10:00:00+00:00\"", "\"q\"", "\"q\""), true,
         "q", true},
        {ENTRY("\"eta\": \"2026-11-21T10:00:00+00:00\", \"task\": \"t\"", "\"x\"", "\"q\""), true,
         "", true},
        {ENTRY("\"task\": \"t\", \"eta\": \"tomorrow\"", "\"\"", "\"q\""), false, "", false},
        {ENTRY("", "\"\"", "\"q\""), false, "", false},
        {ENTRY("\"task\": \"t\"", "null", "\"q\""), true, "", false},
        {"[{\"headers\": {\"task\": \"t\"}}]", true, "", false},
        {"[{\"headers\": {\"task\": \"t\"}}, \"\", \"q\"", false, "", false},
        {"[]", false, "", false},
        {"{}", false, "", false},
        {"", false, "", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct que_celery_task task = que_celery_read_task(rows[i].entry);
        if (task.readable != rows[i].readable || strcmp(task.queue, rows[i].queue) != 0 ||
            task.eta.known != rows[i].waits)
            fail_msg("%s: readable %d, queue \"%s\", eta %d", rows[i].entry, task.readable,
                     task.queue, task.eta.known);
    }
    char *text = sample("celery/unacked.json");
    struct que_celery_task task = que_celery_read_task(text);
    free(text);
    assert_true(task.readable && !task.eta.known);
    assert_string_equal(task.queue, "billing");
}

/* ---- the store ---- */

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
        cmocka_unit_test(test_names),      cmocka_unit_test(test_binding),
        cmocka_unit_test(test_head),       cmocka_unit_test(test_task),
        cmocka_unit_test(test_recorded),   cmocka_unit_test(test_replicas),
        cmocka_unit_test(test_snapshot),   cmocka_unit_test(test_persistence),
        cmocka_unit_test(test_not_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
