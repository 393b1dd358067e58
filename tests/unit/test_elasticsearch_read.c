/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a node of Elasticsearch or OpenSearch says: facts and signs, or an error, never a wrong
 * value. */
#include "plugins/liveness/elasticsearch_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ROOT                                                                                       \
    "{\"name\":\"es1\",\"cluster_name\":\"logs\",\"cluster_uuid\":\"u1\","                         \
    "\"version\":{\"number\":\"8.13.4\"}}"
#define HEALTH(status, timed_out)                                                                  \
    "{\"cluster_name\":\"logs\",\"status\":\"" status "\",\"timed_out\":" timed_out                \
    ",\"number_of_nodes\":3,\"number_of_data_nodes\":2,\"unassigned_shards\":4,"                   \
    "\"number_of_pending_tasks\":5}"
#define LEADER "[{\"id\":\"x1\",\"host\":\"h\",\"ip\":\"1.2.3.4\",\"node\":\"es1\"}]"

static struct dr_buffer text_of(const char *text)
{
    struct dr_buffer buffer = DR_BUFFER(10000);
    dr_buffer_add(&buffer, text);
    return buffer;
}

typedef bool reader(const struct dr_buffer *body, struct elastic_node *node,
                    struct dr_error *error);

static bool read_text(reader *read, const char *text, struct elastic_node *node)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    struct dr_buffer body = text_of(text);
    bool ok = read(&body, node, &error);
    dr_buffer_free(&body);
    assert_true(ok ? error.class == DR_ERR_NONE : error.class == DR_ERR_PROTOCOL);
    return ok;
}

static void test_root(void **state)
{
    struct elastic_node node = {.seconds = 0};
    (void)state;
    assert_true(read_text(elastic_read_root, ROOT, &node));
    assert_string_equal(node.name, "es1");
    assert_string_equal(node.cluster_name, "logs");
    assert_string_equal(node.cluster_uuid, "u1");
    assert_string_equal(node.version, "8.13.4");
    assert_false(node.opensearch || node.manager);
}

/* Who calls its leader cluster manager. */
static void test_versions(void **state)
{
    static const struct {
        const char *version;
        bool opensearch, manager, ok;
    } rows[] = {
        {"{\"number\":\"7.10.2\"}", false, false, true},
        {"{\"number\":\"1.3.16\",\"distribution\":\"opensearch\"}", true, false, true},
        {"{\"number\":\"2.14.0\",\"distribution\":\"opensearch\"}", true, true, true},
        {"{\"number\":\"10.0.0\",\"distribution\":\"opensearch\"}", true, true, true},
        {"{\"distribution\":\"opensearch\"}", false, false, false},
        {"{\"number\":\"\"}", false, false, false},
        {"{\"number\":\"eight\"}", false, false, false},
        {"{\"number\":8}", false, false, false},
        {"\"8.13.4\"", false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct elastic_node node = {.seconds = 0};
        char *text = dr_text_format(
            "{\"name\":\"a\",\"cluster_name\":\"b\",\"cluster_uuid\":\"c\",\"version\":%s}",
            rows[i].version);
        assert_int_equal(read_text(elastic_read_root, text, &node), rows[i].ok);
        if (rows[i].ok) {
            assert_int_equal(node.opensearch, rows[i].opensearch);
            assert_int_equal(node.manager, rows[i].manager);
        }
        free(text);
    }
}

static void test_no_root(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        ROOT "x",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"name\":\"\",\"cluster_name\":\"b\",\"cluster_uuid\":\"c\",\"version\":{\"number\":\"8."
        "1\"}}",
        "{\"name\":\"a\",\"cluster_uuid\":\"c\",\"version\":{\"number\":\"8.1\"}}",
        "{\"name\":\"a\",\"cluster_name\":\"b\",\"version\":{\"number\":\"8.1\"}}",
        "{\"name\":\"a\",\"cluster_name\":\"b\",\"cluster_uuid\":\"c\"}"};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct elastic_node node = {.seconds = 0};
        assert_false(read_text(elastic_read_root, texts[i], &node));
    }
}

static void test_health(void **state)
{
    struct elastic_node node = {.cluster_name = "logs"};
    (void)state;
    assert_true(read_text(elastic_read_health, HEALTH("yellow", "true"), &node));
    assert_int_equal(node.status, ELASTIC_YELLOW);
    assert_true(node.timed_out);
    assert_int_equal(node.nodes, 3);
    assert_int_equal(node.data_nodes, 2);
    assert_int_equal(node.unassigned, 4);
    assert_int_equal(node.pending, 5);
    assert_true(read_text(elastic_read_health, HEALTH("RED", "false"), &node));
    assert_int_equal(node.status, ELASTIC_RED);
}

static void test_no_health(void **state)
{
    static const char *const texts[] = {HEALTH("blue", "false"),
                                        HEALTH("", "false"),
                                        HEALTH("green", "null"),
                                        HEALTH("green", "\"false\""),
                                        "{}",
                                        "[]"};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct elastic_node node = {.cluster_name = "logs"};
        assert_false(read_text(elastic_read_health, texts[i], &node));
    }
    struct elastic_node other = {.cluster_name = "metrics"};
    assert_false(read_text(elastic_read_health, HEALTH("green", "false"), &other));
}

static void test_leader(void **state)
{
    static const char *const wrong[] = {"[]", "{}", "[{\"id\":\"x\"}]", "[{\"node\":\"x\"}]",
                                        "[{\"id\":\"x\",\"node\":\"a\"},{\"id\":\"y\",\"node\":"
                                        "\"b\"}]"};
    struct elastic_node node = {.seconds = 0};
    (void)state;
    assert_true(read_text(elastic_read_leader, LEADER, &node));
    assert_string_equal(node.leader, "es1 (x1)");
    assert_false(node.leaderless);
    assert_true(read_text(elastic_read_leader, "[{\"id\":\"-\",\"node\":\"-\"}]", &node));
    assert_true(node.leaderless);
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(read_text(elastic_read_leader, wrong[i], &node));
}

static void test_snapshots(void **state)
{
    struct elastic_node node = {.seconds = 0};
    (void)state;
    assert_false(read_text(elastic_read_snapshots, "{}", &node));
    assert_false(read_text(elastic_read_snapshots, "{\"snapshots\":[{}]}", &node));
    assert_false(node.snapshots_known);
    assert_true(read_text(elastic_read_snapshots, "{\"snapshots\":[]}", &node));
    assert_true(node.snapshots_known && node.snapshots == 0);
    assert_true(read_text(elastic_read_snapshots,
                          "{\"snapshots\":[{\"snapshot\":\"a\"},{\"snapshot\":\"b\"}]}", &node));
    assert_int_equal(node.snapshots, 2);
    assert_string_equal(node.snapshot, "a");
}

static void test_refusals(void **state)
{
    static const struct {
        const char *text;
        const char *type;
        bool leaderless;
    } rows[] = {
        {"{\"error\":{\"type\":\"master_not_discovered_exception\"},\"status\":503}",
         "master_not_discovered_exception", true},
        {"{\"error\":{\"type\":\"cluster_manager_not_discovered_exception\"}}",
         "cluster_manager_not_discovered_exception", true},
        {"{\"error\":{\"type\":\"cluster_block_exception\"}}", "cluster_block_exception", true},
        {"{\"error\":{\"type\":\"security_exception\"}}", "security_exception", false},
        {"{\"error\":\"busy\"}", "", false},
        {"<html>", "", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char type[ELASTIC_NAME_SIZE];
        struct dr_buffer body = text_of(rows[i].text);
        elastic_read_refusal(&body, type);
        assert_string_equal(type, rows[i].type);
        assert_int_equal(elastic_is_leaderless(type), rows[i].leaderless);
        dr_buffer_free(&body);
    }
}

/* ---- facts ---- */

static bool has_sign(const struct liv_unit *unit, enum liv_sign_kind kind)
{
    for (size_t i = 0; i < unit->sign_count; i++) {
        if (unit->signs[i].kind == kind)
            return true;
    }
    return false;
}

static void test_fill(void **state)
{
    static const struct {
        enum elastic_status status;
        bool yellow_fits, timed_out, leaderless, never;
        enum liv_sign_kind sign;
    } rows[] = {
        {ELASTIC_GREEN, false, false, false, false, LIV_E_GREEN},
        {ELASTIC_YELLOW, false, false, false, false, LIV_E_YELLOW},
        {ELASTIC_YELLOW, true, false, false, false, LIV_ANSWERED},
        {ELASTIC_RED, true, false, false, false, LIV_E_RED},
        {ELASTIC_GREEN, false, true, false, false, LIV_NOT_TOLD},
        {ELASTIC_GREEN, false, false, true, false, LIV_E_LEADERLESS},
        {ELASTIC_GREEN, false, false, false, true, LIV_E_LEADERLESS},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct liv_facts facts = {.product = LIV_ELASTICSEARCH};
        struct elastic_node node = {.name = "es1",
                                    .cluster_uuid = "u1",
                                    .version = "8.13.4",
                                    .status = rows[i].status,
                                    .timed_out = rows[i].timed_out,
                                    .leaderless = rows[i].leaderless,
                                    .leader = "es1 (x1)",
                                    .nodes = 3};
        if (rows[i].never)
            node.cluster_uuid[0] = '\0';
        elastic_fill(&node, "h", rows[i].yellow_fits, &facts);
        assert_int_equal(facts.unit_count, 1);
        assert_true(facts.complete);
        assert_string_equal(facts.what, "Elasticsearch 8.13.4");
        const struct liv_unit *unit = &facts.units[0];
        assert_int_equal(unit->sign_count, 1);
        assert_true(has_sign(unit, rows[i].sign));
        bool known = rows[i].sign != LIV_E_LEADERLESS;
        assert_int_equal(unit->figures[LIV_NODES].known, known);
        assert_int_equal(unit->leader != NULL, known);
        assert_int_equal(unit->cluster != NULL, !rows[i].never);
        liv_facts_free(&facts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root),      cmocka_unit_test(test_versions),
        cmocka_unit_test(test_no_root),   cmocka_unit_test(test_health),
        cmocka_unit_test(test_no_health), cmocka_unit_test(test_leader),
        cmocka_unit_test(test_snapshots), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
