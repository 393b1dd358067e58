/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Redis and Valkey say, recorded from real servers, and the same with lines taken out or
 * spoilt: facts, or an error, never a wrong value. */
#include "plugins/replication/redis_cluster.h"
#include "plugins/replication/redis_read.h"
#include "plugins/replication/redis_sentinel.h"

#include "common/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SAVED ((struct redis_settings){.save = "3600 1", .min_replicas = {true, 1}})

static char *sample(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, DR_TESTS "/samples/redis/%s.info", name);
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
    struct rep_node node;
    struct dr_error error;
    int64_t position;
    bool ok;
};

static void read_text(struct reading *reading, const char *text, struct redis_settings settings)
{
    struct dr_redis_info info;
    *reading = (struct reading){.position = -1};
    assert_true(dr_redis_info_read(&info, text));
    reading->ok = redis_read_node(&info, &settings, &reading->node, &reading->error) &&
                  redis_read_progress(&info, &reading->node, &reading->position, &reading->error);
    dr_redis_info_free(&info);
}

static void read_sample(struct reading *reading, const char *name, struct redis_settings settings)
{
    char *text = sample(name);
    read_text(reading, text, settings);
    free(text);
}

static bool has_trait(const struct rep_node *node, enum rep_trait_kind kind)
{
    for (size_t i = 0; i < node->trait_count; i++) {
        if (node->traits[i].kind == kind)
            return true;
    }
    return false;
}

/* A copy of the text in which the line of the key is `line` ("" takes it out). */
static char *with_line(const char *text, const char *key, const char *line)
{
    struct dr_buffer out = DR_BUFFER(100000);
    size_t length = strlen(key);
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        size += text[size] == '\n' ? 1 : 0;
        if (strncmp(text, key, length) == 0 && text[length] == ':') {
            if (*line != '\0')
                dr_buffer_addf(&out, "%s\r\n", line);
        } else {
            dr_buffer_add_bytes(&out, text, size);
        }
        text += size;
    }
    return dr_buffer_take(&out);
}

static void read_changed(struct reading *reading, const char *name, const char *key,
                         const char *line)
{
    char *text = sample(name);
    char *changed = with_line(text, key, line);
    read_text(reading, changed, SAVED);
    free(changed);
    free(text);
}

/* ---- whole ---- */

static void test_keys_are_sorted(void **state)
{
    (void)state;
    for (size_t i = 1; i < DR_REDIS_KEYS; i++)
        assert_true(strcmp(dr_redis_info_names[i - 1], dr_redis_info_names[i]) < 0);
}

static void test_primary(void **state)
{
    (void)state;
    static const char *const names[] = {"redis-7.0-primary", "valkey-8.1-primary"};
    for (size_t i = 0; i < 2; i++) {
        struct reading r;
        read_sample(&r, names[i], SAVED);
        assert_true(r.ok);
        assert_int_equal(r.node.kind, REP_REDIS);
        assert_int_equal(r.node.major, 0);
        assert_true(strncmp(r.node.product, i == 0 ? "Redis 7.0" : "Valkey 8.1", 9) == 0);
        assert_int_equal(r.node.role, REP_ROLE_PRIMARY);
        assert_int_equal(r.position, 54);
        assert_int_equal(strlen(r.node.system), 40);
        assert_null(r.node.system_before);
        assert_non_null(r.node.instance);
        assert_true(r.node.kept_from.known && r.node.kept_from.value == 0);
        assert_int_equal(r.node.stream_count, 1);
        const struct rep_stream *stream = r.node.streams;
        assert_int_equal(stream->kind, REP_STREAM_STANDBY);
        assert_string_equal(stream->address, "127.0.0.1");
        assert_true(strncmp(stream->name, "127.0.0.1:", 10) == 0);
        assert_true(stream->flushed.known && stream->flushed.value == 54);
        assert_true(stream->reply_age.known && stream->reply_age.value == 0);
        assert_false(stream->flush_lag.known);
        assert_true(has_trait(&r.node, REP_TRAIT_SHORT));
        assert_int_equal(r.node.trait_count, 1);
        rep_node_free(&r.node);
    }
}

static void test_replica(void **state)
{
    (void)state;
    static const char *const names[] = {"redis-7.0-replica", "valkey-8.1-replica"};
    for (size_t i = 0; i < 2; i++) {
        struct reading r;
        read_sample(&r, names[i], (struct redis_settings){.save = NULL});
        assert_true(r.ok);
        assert_int_equal(r.node.role, REP_ROLE_STANDBY);
        assert_true(r.node.received.known && r.node.received.value == 54);
        assert_true(r.node.replayed.known && r.node.replayed.value == 54);
        assert_non_null(r.node.system);
        assert_true(r.node.receiver.running.value && !r.node.receiver.never.value);
        assert_true(r.node.receiver.message_age.known);
        assert_true(r.node.receiver.silence.value == 25);
        assert_true(strncmp(r.node.receiver.sender, "127.0.0.1:", 10) == 0);
        assert_true(r.node.copying.running.known && !r.node.copying.running.value);
        assert_int_equal(r.node.trait_count, 0); /* persistence is the primary's affair */
        rep_node_free(&r.node);
    }
}

static void test_never_connected(void **state)
{
    (void)state;
    struct reading r;
    read_sample(&r, "redis-7.0-never", SAVED);
    assert_true(r.ok);
    assert_true(r.node.receiver.never.value && !r.node.receiver.running.value);
    assert_false(r.node.receiver.down_age.known || r.node.receiver.message_age.known);
    rep_node_free(&r.node);
}

static void test_never_connected_before_redis_7(void **state)
{
    (void)state;
    struct reading r;
    read_changed(&r, "redis-7.0-never", "master_link_down_since_seconds",
                 "master_link_down_since_seconds:1795225971");
    assert_true(r.ok && r.node.receiver.never.value && !r.node.receiver.down_age.known);
    rep_node_free(&r.node);
    read_changed(&r, "redis-7.0-never", "master_link_down_since_seconds",
                 "master_link_down_since_seconds:12");
    assert_true(r.ok && r.node.receiver.never.value); /* it got nothing: position 1 */
    rep_node_free(&r.node);
    read_changed(&r, "redis-7.0-replica", "master_link_status",
                 "master_link_status:down\r\nmaster_link_down_since_seconds:12");
    assert_true(r.ok && !r.node.receiver.never.value && r.node.receiver.down_age.value == 12);
    rep_node_free(&r.node);
}

static void test_copying(void **state)
{
    (void)state;
    struct reading r;
    read_sample(&r, "redis-7.0-copying", SAVED);
    assert_true(r.ok && r.node.copying.running.value && !r.node.receiver.never.value);
    assert_true(r.node.copying.done.known && r.node.copying.done.value > 0 &&
                r.node.copying.done.value < 0.1);
    assert_true(r.node.copying.left.known && !r.node.received.known);
    assert_null(r.node.system); /* its id is nobody's yet */
    rep_node_free(&r.node);
}

static void test_promoted(void **state)
{
    (void)state;
    struct reading r;
    read_sample(&r, "redis-7.0-promoted", SAVED);
    assert_true(r.ok && r.node.role == REP_ROLE_PRIMARY);
    assert_int_equal(strlen(r.node.system_before), 40);
    assert_string_not_equal(r.node.system, r.node.system_before);
    /* The second offset is one beyond the last position that both have. */
    assert_true(r.node.branched_at.known && r.node.branched_at.value <= r.position);
    rep_node_free(&r.node);
}

/* ---- with something missing or spoilt ---- */

/* What a verdict cannot do without. */
static void test_needed(void **state)
{
    (void)state;
    static const struct {
        const char *sample;
        const char *key;
    } needed[] = {
        {"redis-7.0-primary", "role"},
        {"redis-7.0-primary", "redis_version"},
        {"redis-7.0-primary", "master_replid"},
        {"redis-7.0-primary", "master_repl_offset"},
        {"redis-7.0-primary", "connected_slaves"},
        {"redis-7.0-replica", "slave_repl_offset"},
        {"redis-7.0-replica", "master_link_status"},
        {"redis-7.0-replica", "master_last_io_seconds_ago"},
    };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        char empty[100];
        snprintf(empty, sizeof empty, "%s:", needed[i].key);
        const char *const lines[] = {"", empty};
        for (size_t k = 0; k < 2; k++) {
            struct reading r;
            read_changed(&r, needed[i].sample, needed[i].key, lines[k]);
            assert_int_equal(r.error.class, DR_ERR_PROTOCOL);
            assert_non_null(strstr(r.error.text, needed[i].key));
            rep_node_free(&r.node);
        }
    }
}

/* Numbers and words that cannot be. */
static void test_spoilt(void **state)
{
    (void)state;
    static const struct {
        const char *sample;
        const char *key;
        const char *line;
    } rows[] = {
        {"redis-7.0-primary", "role", "role:banana"},
        {"redis-7.0-primary", "master_repl_offset", "master_repl_offset:5x"},
        {"redis-7.0-primary", "connected_slaves", "connected_slaves:"},
        {"redis-7.0-replica", "slave_repl_offset", "slave_repl_offset:99999999999999999999"},
        {"redis-7.0-replica", "master_link_status", "master_link_status:sideways"},
        {"redis-7.0-replica", "master_last_io_seconds_ago", "master_last_io_seconds_ago:-1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reading r;
        read_changed(&r, rows[i].sample, rows[i].key, rows[i].line);
        assert_int_equal(r.error.class, DR_ERR_PROTOCOL);
        rep_node_free(&r.node);
    }
}

/* A replica that is counted and not listed must not vanish. */
static void test_unlisted_replica(void **state)
{
    (void)state;
    struct reading r;
    read_changed(&r, "redis-7.0-primary", "slave0", "");
    assert_true(r.ok && r.node.stream_count == 1);
    assert_int_equal(r.node.streams[0].kind, REP_STREAM_CONNECTING);
    rep_node_free(&r.node);
    read_changed(&r, "redis-7.0-primary", "connected_slaves", "connected_slaves:0");
    assert_int_equal(r.error.class, DR_ERR_PROTOCOL);
    rep_node_free(&r.node);
}

static void test_replica_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool ok;
        enum rep_stream_kind kind;
        const char *name;
    } rows[] = {
        {"slave0:ip=::1,port=6379,state=online,offset=5,lag=0", true, REP_STREAM_STANDBY,
         "[::1]:6379"},
        {"slave0:lag=1,offset=5,state=online,port=6379,ip=db2,new=field", true, REP_STREAM_STANDBY,
         "db2:6379"},
        {"slave0:ip=10.0.0.1,port=6379,state=wait_bgsave,offset=0,lag=0", true, REP_STREAM_COPYING,
         "10.0.0.1:6379"},
        {"slave0:ip=10.0.0.1,port=6379,state=send_bulk,offset=0,lag=0", true, REP_STREAM_COPYING,
         "10.0.0.1:6379"},
        {"slave0:ip=10.0.0.1,port=0,state=send_bulk,offset=0,lag=0", true, REP_STREAM_BACKUP,
         "10.0.0.1:0"},
        {"slave0:ip=10.0.0.1,port=0,state=online,offset=0,lag=0", true, REP_STREAM_RECEIVER,
         "10.0.0.1:0"},
        {"slave0:ip=10.0.0.1,port=6379,state=online,lag=0", false, 0, NULL},
        {"slave0:ip=10.0.0.1,port=6379,state=online,offset=5", false, 0, NULL},
        {"slave0:ip=10.0.0.1,port=6379,offset=5,lag=0", false, 0, NULL},
        {"slave0:port=6379,state=online,offset=5,lag=0", false, 0, NULL},
        {"slave0:ip=10.0.0.1,state=online,offset=5,lag=0", false, 0, NULL},
        {"slave0:ip=10.0.0.1,port=70000,state=online,offset=5,lag=0", false, 0, NULL},
        {"slave0:ip=10.0.0.1,port=6379,state=online,offset=5x,lag=0", false, 0, NULL},
        {"slave0:", true, REP_STREAM_CONNECTING, "a replica that is not listed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reading r;
        read_changed(&r, "redis-7.0-primary", "slave0", rows[i].line);
        assert_int_equal(r.ok, rows[i].ok);
        if (rows[i].ok) {
            assert_int_equal(r.node.streams[0].kind, rows[i].kind);
            assert_string_equal(r.node.streams[0].name, rows[i].name);
            /* What is being copied has no position yet. */
            assert_int_equal(r.node.streams[0].flushed.known,
                             strstr(rows[i].line, "online") != NULL);
        } else {
            assert_int_equal(r.error.class, DR_ERR_PROTOCOL);
        }
        rep_node_free(&r.node);
    }
}

static void expect_trait(const char *key, const char *line, struct redis_settings settings,
                         enum rep_trait_kind kind, bool there)
{
    char *text = sample("redis-7.0-primary");
    char *changed = key != NULL ? with_line(text, key, line) : strdup(text);
    struct reading r;
    read_text(&r, changed, settings);
    assert_true(r.ok);
    assert_int_equal(has_trait(&r.node, kind), there);
    rep_node_free(&r.node);
    free(changed);
    free(text);
}

static void test_traits(void **state)
{
    (void)state;
    struct redis_settings unsaved = {.save = "", .min_replicas = {true, 1}};
    struct redis_settings hidden = {.save = NULL};
    struct redis_settings three = {.save = "", .min_replicas = {true, 3}};
    struct redis_settings none = {.save = "", .min_replicas = {true, 0}};
    expect_trait("aof_enabled", "aof_enabled:0", SAVED, REP_TRAIT_UNSAVED, false);
    expect_trait("aof_enabled", "aof_enabled:0", unsaved, REP_TRAIT_UNSAVED, true);
    expect_trait("aof_enabled", "aof_enabled:1", unsaved, REP_TRAIT_UNSAVED, false);
    expect_trait("aof_enabled", "aof_enabled:0", hidden, REP_TRAIT_UNSAVED, false);
    expect_trait("aof_enabled", "aof_enabled:0", hidden, REP_TRAIT_UNREADABLE, true);
    expect_trait("aof_enabled", "", SAVED, REP_TRAIT_UNREADABLE, true);
    expect_trait("maxmemory", "maxmemory:1000", SAVED, REP_TRAIT_EVICTS, false);
    expect_trait("maxmemory_policy", "maxmemory_policy:allkeys-lru", SAVED, REP_TRAIT_EVICTS,
                 false);
    expect_trait("maxmemory_policy", "maxmemory_policy:allkeys-lru\r\nmaxmemory:1000", SAVED,
                 REP_TRAIT_EVICTS, true);
    expect_trait("maxmemory", "", SAVED, REP_TRAIT_UNREADABLE, true);
    expect_trait("maxmemory", "maxmemory:-1", SAVED, REP_TRAIT_UNREADABLE, true);
    expect_trait("maxmemory_policy", "maxmemory:-1", SAVED, REP_TRAIT_UNREADABLE, true);
    expect_trait("maxmemory_policy", "maxmemory:1000", SAVED, REP_TRAIT_UNREADABLE, true);
    expect_trait(NULL, NULL, three, REP_TRAIT_REFUSES, true);
    expect_trait(NULL, NULL, none, REP_TRAIT_SHORT, false);
    expect_trait(NULL, NULL, hidden, REP_TRAIT_UNREADABLE, true);
    expect_trait("min_slaves_good_slaves", "", three, REP_TRAIT_REFUSES, false);
}

static void test_numbers(void **state)
{
    (void)state;
    assert_true(dr_redis_number("-1").known && dr_redis_number("-1").value == -1);
    assert_true(dr_redis_number("9223372036854775807").known);
    static const char *const bad[] = {"",   "-",  "1-",  "0x1",
                                      " 1", "1 ", "1.5", "9223372036854775808"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(dr_redis_number(bad[i]).known);
    assert_false(dr_redis_number(NULL).known);
}

/* ---- Cluster ---- */

#define NODE(id, address, flags, primary, slots)                                                   \
    id " " address " " flags " " primary " 0 1700000000000 1 connected" slots "\n"

static void test_cluster(void **state)
{
    (void)state;
    struct redis_cluster cluster;
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_true(redis_cluster_read(
        &cluster,
        NODE("aa", "10.0.0.1:7000@17000,host1", "myself,master", "-", " 0-5460 10923 [93->-cc]")
            NODE("bb", "::1:7001@17001", "slave", "aa", "")
                NODE("cc", ":0@0", "master,noaddr", "-", " 5461-10922")
                    NODE("dd", "10.0.0.4:7003@17003", "master,fail", "-", "")
                        NODE("ee", "10.0.0.5:7004@17004", "handshake", "-", " 1"),
        &error));
    assert_int_equal(cluster.count, 5);
    assert_string_equal(cluster.peers[0].group, "shard 0-5460,10923");
    assert_true(cluster.peers[0].self && !cluster.peers[1].self);
    assert_string_equal(cluster.peers[1].host, "::1");
    assert_int_equal(cluster.peers[1].port, 7001);
    assert_string_equal(cluster.peers[1].group, "shard 0-5460,10923");
    assert_false(cluster.peers[2].reachable);
    assert_null(cluster.peers[3].group); /* one that failed over long ago serves nothing */
    assert_false(cluster.peers[4].reachable);
    redis_cluster_free(&cluster);
}

static void test_cluster_unusable(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "banana",
        NODE("aa", "10.0.0.1:7000@17000", "master", "-", " 0-16383"), /* nobody is asked */
        NODE("aa", "10.0.0.1", "myself,master", "-", " 0-16383"),
        NODE("aa", "10.0.0.1:x@1", "myself,master", "-", " 0-16383"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct redis_cluster cluster;
        struct dr_error error = {.class = DR_ERR_NONE};
        assert_false(redis_cluster_read(&cluster, bad[i], &error));
        assert_int_equal(error.class, DR_ERR_PROTOCOL);
        redis_cluster_free(&cluster);
    }
}

static void test_cluster_health(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        bool degraded;
    } rows[] = {
        {"cluster_state:ok\r\ncluster_slots_ok:16384\r\n", true, false},
        {"cluster_state:fail\r\ncluster_slots_ok:16384\r\n", true, true},
        {"cluster_state:ok\r\ncluster_slots_ok:16383\r\n", true, true},
        {"cluster_state:ok\r\n", false, false},
        {"cluster_slots_ok:16384\r\n", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rep_node node = {.kind = REP_REDIS};
        struct dr_redis_info info;
        struct dr_error error = {.class = DR_ERR_NONE};
        assert_true(dr_redis_info_read(&info, rows[i].text));
        assert_int_equal(redis_read_cluster_health(&info, &node, &error), rows[i].ok);
        assert_int_equal(has_trait(&node, REP_TRAIT_DEGRADED), rows[i].degraded);
        dr_redis_info_free(&info);
        rep_node_free(&node);
    }
}

/* ---- Sentinel ---- */

/* A reply of names and values. */
static void add_pairs(struct dr_buffer *out, const char *const *pairs)
{
    size_t count = 0;
    while (pairs[count] != NULL)
        count++;
    dr_buffer_addf(out, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++)
        dr_buffer_addf(out, "$%zu\r\n%s\r\n", strlen(pairs[i]), pairs[i]);
}

static redisReply *parse(struct dr_buffer *text)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    assert_int_equal(redisReaderFeed(reader, dr_buffer_text(text), text->size), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    dr_buffer_free(text);
    return reply;
}

/* The pairs with the value of one name changed; the name goes, too, where the value is NULL. */
static void change(const char *const *pairs, const char *name, const char *value,
                   const char **changed)
{
    size_t count = 0;
    for (size_t i = 0; pairs[i] != NULL; i += 2) {
        bool meant = name != NULL && strcmp(pairs[i], name) == 0;
        if (meant && value == NULL)
            continue;
        changed[count++] = pairs[i];
        changed[count++] = meant ? value : pairs[i + 1];
    }
    changed[count] = NULL;
}

static const char *const primary_pairs[] = {"name",
                                            "m1",
                                            "ip",
                                            "10.0.0.1",
                                            "port",
                                            "6379",
                                            "flags",
                                            "master",
                                            "num-slaves",
                                            "1",
                                            "num-other-sentinels",
                                            "2",
                                            "quorum",
                                            "2",
                                            "config-epoch",
                                            "7",
                                            "down-after-milliseconds",
                                            "2000",
                                            "last-ok-ping-reply",
                                            "100",
                                            NULL};
static const char *const replica_pairs[] = {"ip",
                                            "10.0.0.2",
                                            "port",
                                            "6379",
                                            "flags",
                                            "slave",
                                            "last-ok-ping-reply",
                                            "300",
                                            "info-refresh",
                                            "5000",
                                            "master-link-down-time",
                                            "0",
                                            "master-host",
                                            "10.0.0.1",
                                            "master-port",
                                            "6379",
                                            "slave-priority",
                                            "100",
                                            "slave-repl-offset",
                                            "4711",
                                            NULL};
static const char *const sentinel_pairs[] = {"ip",    "10.0.0.9", "port", "26379",
                                             "flags", "sentinel", NULL};

/* Reads the set with one field of one entry changed ('p'rimary, 'r'eplica, 's'entinel). */
static bool read_set(char which, const char *name, const char *value, const char *quorum,
                     struct rep_set *set, struct dr_error *error)
{
    const char *changed[64];
    redisReply *replies[4];
    static const char *const *const kinds[] = {primary_pairs, replica_pairs, sentinel_pairs};
    for (size_t i = 0; i < 3; i++) {
        struct dr_buffer text = DR_BUFFER(10000);
        change(kinds[i], "prs"[i] == which ? name : NULL, value, changed);
        if (i > 0)
            dr_buffer_add(&text, "*1\r\n");
        add_pairs(&text, changed);
        replies[i] = parse(&text);
    }
    struct dr_buffer text = DR_BUFFER(1000);
    dr_buffer_add(&text, quorum);
    replies[3] = parse(&text);
    const struct redis_sentinel_replies all = {replies[0], replies[1], replies[2], replies[3]};
    *set = (struct rep_set){.name = NULL};
    *error = (struct dr_error){.class = DR_ERR_NONE};
    bool ok = redis_read_set(&all, set, error);
    for (size_t i = 0; i < 4; i++)
        freeReplyObject(replies[i]);
    return ok;
}

#define QUORUM_OK "+OK 3 usable Sentinels.\r\n"

static void test_set(void **state)
{
    (void)state;
    struct rep_set set;
    struct dr_error error;
    assert_true(read_set('-', NULL, NULL, QUORUM_OK, &set, &error));
    assert_string_equal(set.name, "m1");
    assert_true(set.term.value == 7 && set.votes.value == 3 && set.needed.value == 2);
    assert_int_equal(set.present.value, 2); /* itself, and the one that is listed */
    assert_true(set.can_elect.known && set.can_elect.value && set.lower_first);
    assert_int_equal(set.member_count, 3);
    assert_int_equal(set.members[0].seat, REP_SEAT_PRIMARY);
    assert_int_equal(set.members[1].seat, REP_SEAT_STANDBY);
    assert_string_equal(set.members[1].name, "10.0.0.2:6379");
    assert_true(set.members[1].priority.value == 100 && set.members[1].position.value == 4711);
    assert_null(set.members[1].bar);
    assert_string_equal(set.members[1].upstream, "10.0.0.1:6379");
    assert_int_equal(set.members[2].seat, REP_SEAT_WITNESS);
    rep_set_free(&set);
}

static void test_set_needs(void **state)
{
    (void)state;
    static const struct {
        char which;
        const char *name;
    } needed[] = {{'p', "name"},           {'p', "ip"},
                  {'p', "port"},           {'p', "flags"},
                  {'p', "quorum"},         {'p', "num-other-sentinels"},
                  {'p', "num-slaves"},     {'r', "ip"},
                  {'r', "port"},           {'r', "flags"},
                  {'r', "slave-priority"}, {'s', "ip"},
                  {'s', "flags"}};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        for (int empty = 0; empty < 2; empty++) {
            struct rep_set set;
            struct dr_error error;
            assert_false(read_set(needed[i].which, needed[i].name, empty ? "" : NULL, QUORUM_OK,
                                  &set, &error));
            assert_int_equal(error.class, DR_ERR_PROTOCOL);
            rep_set_free(&set);
        }
    }
}

static void test_quorum(void **state)
{
    (void)state;
    struct rep_set set;
    struct dr_error error;
    assert_true(read_set('p', "quorum", "3", "-NOQUORUM 1 usable Sentinels.\r\n", &set, &error));
    assert_true(set.can_elect.known && !set.can_elect.value && set.needed.value == 3);
    assert_string_equal(set.obstacle, "1 usable Sentinels.");
    rep_set_free(&set);
    assert_true(read_set('p', "quorum", "1", "-NOPERM not allowed\r\n", &set, &error));
    assert_false(set.can_elect.known);
    assert_int_equal(set.needed.value, 2); /* a majority authorises it */
    rep_set_free(&set);
    assert_false(
        read_set('p', "num-other-sentinels", "9223372036854775807", QUORUM_OK, &set, &error));
    assert_int_equal(error.class, DR_ERR_PROTOCOL);
    rep_set_free(&set);
}

static void test_bars(void **state)
{
    (void)state;
    static const struct {
        char which;
        const char *name;
        const char *value;
        const char *bar;
    } rows[] = {
        {'r', "last-ok-ping-reply", "5000", NULL},
        {'r', "last-ok-ping-reply", "5001", "did not answer"},
        {'r', "info-refresh", "30000", NULL},
        {'r', "info-refresh", "30001", "too old"},
        {'r', "info-refresh", "0", "too old"},
        {'r', "master-link-down-time", "20000", NULL},
        {'r', "master-link-down-time", "20001", "down for too long"},
        {'r', "flags", "slave,disconnected", "no connection"},
        {'p', "flags", "master,s_down,o_down", NULL},
        {'p', "down-after-milliseconds", "9223372036854775807", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rep_set set;
        struct dr_error error;
        assert_true(read_set(rows[i].which, rows[i].name, rows[i].value, QUORUM_OK, &set, &error));
        if (rows[i].bar == NULL)
            assert_null(set.members[1].bar);
        else
            assert_non_null(strstr(set.members[1].bar, rows[i].bar));
        rep_set_free(&set);
    }
}

static void test_down(void **state)
{
    (void)state;
    struct rep_set set;
    struct dr_error error;
    assert_true(read_set('r', "flags", "s_down,slave,disconnected", QUORUM_OK, &set, &error));
    assert_int_equal(set.members[1].seat, REP_SEAT_DOWN);
    rep_set_free(&set);
    assert_true(read_set('p', "flags", "s_down,o_down,master", QUORUM_OK, &set, &error));
    assert_int_equal(set.members[0].seat, REP_SEAT_DOWN);
    rep_set_free(&set);
    /* INFO still counts one that is gone; its flags do not. */
    assert_true(read_set('s', "flags", "s_down,sentinel", QUORUM_OK, &set, &error));
    assert_int_equal(set.members[2].seat, REP_SEAT_DOWN);
    assert_int_equal(set.present.value, 1);
    rep_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_sorted),
        cmocka_unit_test(test_primary),
        cmocka_unit_test(test_replica),
        cmocka_unit_test(test_never_connected),
        cmocka_unit_test(test_never_connected_before_redis_7),
        cmocka_unit_test(test_copying),
        cmocka_unit_test(test_promoted),
        cmocka_unit_test(test_needed),
        cmocka_unit_test(test_spoilt),
        cmocka_unit_test(test_unlisted_replica),
        cmocka_unit_test(test_replica_lines),
        cmocka_unit_test(test_traits),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_cluster),
        cmocka_unit_test(test_cluster_unusable),
        cmocka_unit_test(test_cluster_health),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_set_needs),
        cmocka_unit_test(test_quorum),
        cmocka_unit_test(test_bars),
        cmocka_unit_test(test_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
