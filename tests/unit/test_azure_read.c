/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Azure's documents as facts. What is no such document is in the live tests. */
#include "plugins/replication/azure_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1714558830.0 /* 2024-05-01T10:20:30Z */

static struct dr_buffer body_of(const char *text)
{
    struct dr_buffer body = DR_BUFFER(65536);
    dr_buffer_add(&body, text);
    return body;
}

/* A file of tests/samples/azure. */
static struct dr_buffer sample(const char *name)
{
    char path[500], text[4096];
    snprintf(path, sizeof path, "%s/samples/azure/%s", DR_TESTS, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    struct dr_buffer body = DR_BUFFER(65536);
    dr_buffer_add_bytes(&body, text, size);
    return body;
}

static void replies_of_azurite(void **state)
{
    (void)state;
    static const char *const files[] = {"azurite-blob.xml", "azurite-queue.xml",
                                        "azurite-table.xml"};
    for (size_t i = 0; i < 3; i++) {
        struct azure_replication replication = {.geo = true};
        struct dr_error error = {.class = DR_ERR_NONE};
        struct dr_buffer body = sample(files[i]);
        assert_true(dr_azure_read_stats(&body, &replication.stats, &error));
        assert_true(replication.stats.synced.known);
        assert_true(replication.stats.synced.value == 1795225462.0);
        assert_string_equal(replication.stats.status, "live");
        dr_buffer_free(&body);
    }
}

static void an_account(void **state)
{
    (void)state;
    struct azure_replication replication;
    struct dr_error error = {.class = DR_ERR_NONE};
    struct dr_buffer body = body_of(
        "{\"name\": \"Acct\", \"sku\": {\"name\": \"Standard_GZRS\"}, \"properties\": {"
        "\"secondaryLocation\": \"northeurope\", \"geoReplicationStats\": {\"status\": \"Live\", "
        "\"lastSyncTime\": \"2024-05-01T10:20:20.1Z\", \"canFailover\": false}}}");
    assert_true(azure_read_account(&body, "acct", &replication, &error));
    assert_true(replication.geo && replication.stats.synced.known &&
                replication.can_fail_over.known);
    assert_false(replication.can_fail_over.value);
    assert_string_equal(replication.stats.status, "live");
    assert_string_equal(replication.location, "northeurope");
    assert_string_equal(replication.sku, "standard_gzrs");
    dr_buffer_free(&body);
    body = body_of("{\"name\": \"acct\", \"sku\": {\"name\": \"Premium_ZRS\"}}");
    assert_true(azure_read_account(&body, "acct", &replication, &error));
    assert_false(replication.geo || replication.stats.synced.known ||
                 replication.can_fail_over.known);
    dr_buffer_free(&body);
}

static void facts(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        const char *broken;
        struct dr_opt_real synced;
        enum rep_stream_kind kind;
        struct dr_opt_real loss;
    } cases[] = {
        {"live", "", {true, NOW - 30}, REP_STREAM_STANDBY, {true, 30}},
        {"live", "", {true, NOW}, REP_STREAM_STANDBY, {true, 0}},
        {"live", "", {true, NOW + 1}, REP_STREAM_STANDBY, {true, 0}},
        {"live", "", {true, NOW + 1.5}, REP_STREAM_STANDBY, {false, 0}},
        {"live", "", {false, 0}, REP_STREAM_STANDBY, {false, 0}},
        {"live", "failover", {true, NOW - 3}, REP_STREAM_BROKEN, {true, 3}},
        {"bootstrap", "", {true, NOW - 3}, REP_STREAM_COPYING, {false, 0}},
        {"unavailable", "", {true, NOW - 99}, REP_STREAM_BROKEN, {true, 99}},
        {"unavailable", "", {false, 0}, REP_STREAM_BROKEN, {false, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct azure_replication replication = {.geo = true, .stats.synced = cases[i].synced};
        struct rep_node node = {.kind = REP_AZURE_STORAGE};
        struct dr_error error = {.class = DR_ERR_NONE};
        snprintf(replication.stats.status, DR_AZURE_WORD_SIZE, "%s", cases[i].status);
        snprintf(replication.broken, DR_AZURE_WORD_SIZE, "%s", cases[i].broken);
        assert_true(azure_fill(&replication, NOW, "acct-secondary.example", &node, &error));
        assert_int_equal(node.stream_count, 1);
        const struct rep_stream *stream = &node.streams[0];
        assert_int_equal(stream->kind, cases[i].kind);
        assert_string_equal(stream->name, "secondary");
        assert_string_equal(stream->hostname, "acct-secondary.example");
        assert_string_equal(stream->state,
                            *cases[i].broken != '\0' ? cases[i].broken : cases[i].status);
        assert_int_equal(stream->loss.known, cases[i].loss.known);
        assert_true(!stream->loss.known || stream->loss.value == cases[i].loss.value);
        rep_node_free(&node);
    }
}

static void an_account_that_cannot_fail_over(void **state)
{
    (void)state;
    struct azure_replication replication = {.geo = true, .stats.status = "live"};
    struct rep_node node = {.kind = REP_AZURE_STORAGE};
    struct dr_error error = {.class = DR_ERR_NONE};
    replication.can_fail_over = dr_bool(true);
    assert_true(azure_fill(&replication, NOW, NULL, &node, &error));
    assert_int_equal(node.trait_count, 0);
    replication.can_fail_over = dr_bool(false);
    assert_true(azure_fill(&replication, NOW, NULL, &node, &error));
    assert_int_equal(node.trait_count, 1);
    assert_int_equal(node.traits[0].kind, REP_TRAIT_NO_FAILOVER);
    rep_node_free(&node);
}

static void no_facts(void **state)
{
    (void)state;
    struct azure_replication replication = {.geo = false};
    struct rep_node node = {.kind = REP_AZURE_STORAGE};
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_true(azure_fill(&replication, NOW, NULL, &node, &error));
    assert_int_equal(node.stream_count, 0);
    replication = (struct azure_replication){.geo = true, .stats.status = "alive"};
    assert_false(azure_fill(&replication, NOW, NULL, &node, &error));
    assert_int_equal(error.class, DR_ERR_PROTOCOL);
    assert_int_equal(node.stream_count, 0);
}

static void codes(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *code;
    } cases[] = {
        {"<?xml version=\"1.0\"?><Error><Code>ServerBusy</Code><Message>x</Message></Error>",
         "ServerBusy"},
        {"<m:error xmlns:m=\"urn:m\"><m:code>ServerBusy</m:code></m:error>", "ServerBusy"},
        {"{\"error\": {\"code\": \"AuthorizationFailed\"}}", "AuthorizationFailed"},
        {"{\"odata.error\": {\"code\": \"AuthorizationFailed\"}}", "AuthorizationFailed"},
        {"{\"error\": {\"code\": 7}}", ""},
        {"{\"error\": \"no\"}", ""},
        {"<Error><Code>two words</Code></Error>", ""},
        {"<Error><Code>cut", ""},
        {"<Error><Code>ServerBusy</Code><Code>x</Code></Error>", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char code[DR_AZURE_WORD_SIZE];
        struct dr_buffer body = body_of(cases[i].body);
        dr_azure_read_code(&body, code);
        assert_string_equal(code, cases[i].code);
        dr_buffer_free(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_of_azurite),
        cmocka_unit_test(an_account),
        cmocka_unit_test(facts),
        cmocka_unit_test(an_account_that_cannot_fail_over),
        cmocka_unit_test(no_facts),
        cmocka_unit_test(codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
