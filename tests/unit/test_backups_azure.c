/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of Azure Storage, and what ARM says of the backups of Azure SQL. */
#include "plugins/backups/azure_sql_read.h"
#include "plugins/backups/store_azure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1795190400.0 /* 2026-11-20T16:00:00Z */

/* ---- values ---- */

static void parts_of_a_blob(void **state)
{
    int64_t from, through, total;
    (void)state;
    assert_true(bak_azure_content_range("bytes 119984-119999/120000", &from, &through, &total));
    assert_true(from == 119984 && through == 119999 && total == 120000);
    static const char *const wrong[] = {"",
                                        "bytes",
                                        "bytes 0-7",
                                        "bytes 0-7/*",
                                        "bytes 0-7/7",
                                        "bytes 7-0/10",
                                        "bytes -1-7/10",
                                        "bytes 0-7/120000 ",
                                        "items 0-7/10",
                                        "bytes 0-7/99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (bak_azure_content_range(wrong[i], &from, &through, &total))
            fail_msg("%s", wrong[i]);
    }
}

static void checksums(void **state)
{
    char hex[BAK_AZURE_MD5_SIZE];
    (void)state;
    assert_true(bak_azure_md5("szes8o4UCc1aHo/ciHHi9g==", hex));
    assert_string_equal(hex, "b337acf28e1409cd5a1e8fdc8871e2f6");
    assert_false(bak_azure_md5("", hex));
    assert_string_equal(hex, "");
    assert_false(bak_azure_md5("szes8o4UCc1aHo/ciHHi9g=", hex));
    assert_false(bak_azure_md5("szes8o4UCc1aHo!ciHHi9g==", hex));
}

static void encoded_names(void **state)
{
    char name[] = "a%2Fb%EF%BF%BE c", cut[] = "a%2", none[] = "a%zz", nul[] = "a%00b";
    (void)state;
    assert_true(bak_azure_decode(name));
    assert_string_equal(name, "a/b\xef\xbf\xbe c");
    assert_false(bak_azure_decode(cut));
    assert_false(bak_azure_decode(none));
    assert_false(bak_azure_decode(nul));
}

static void sizes_and_moments(void **state)
{
    (void)state;
    assert_true(bak_azure_size("120000").value == 120000);
    assert_false(bak_azure_size("").known);
    assert_false(bak_azure_size("-1").known);
    assert_false(bak_azure_size("9999999999999999999").known);
    assert_true(bak_azure_moment("Fri, 20 Nov 2026 16:00:00 GMT").value == NOW);
    assert_true(bak_azure_moment("2026-11-20T16:00:00.0000000Z").value == NOW);
    assert_false(bak_azure_moment("yesterday").known);
}

/* ---- Azure SQL ---- */

struct world {
    struct bak_request request;
    struct bak_facts facts;
    bool long_term;
    const char *warehouse;
};

static bool take_database(void *context, const struct bak_sql_item *item, struct dr_error *error)
{
    struct world *world = context;
    (void)error;
    bak_sql_take_database(&world->facts, &world->request, item, world->long_term);
    return true;
}

static bool take_recoverable(void *context, const struct bak_sql_item *item, struct dr_error *error)
{
    struct world *world = context;
    (void)error;
    bak_sql_take_recoverable(&world->facts, &world->request, item);
    return true;
}

static bool take_point(void *context, const struct bak_sql_item *item, struct dr_error *error)
{
    struct world *world = context;
    (void)error;
    bak_sql_take_point(&world->facts, world->warehouse, item);
    return true;
}

static bool take_long_term(void *context, const struct bak_sql_item *item, struct dr_error *error)
{
    struct world *world = context;
    (void)error;
    bak_sql_take_long_term(&world->facts, &world->request, item);
    return true;
}

static bool read_next(struct world *world, const char *text, bak_sql_take *take, char *next,
                      size_t size, struct dr_error *error)
{
    struct dr_buffer body = DR_BUFFER(1 << 20);
    assert_true(dr_buffer_add(&body, text));
    bool ok = bak_sql_read_list(&body, take, world, next, size, error);
    dr_buffer_free(&body);
    return ok;
}

static void read_list(struct world *world, const char *text, bak_sql_take *take)
{
    char next[64];
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!read_next(world, text, take, next, sizeof next, &error))
        fail_msg("%s", error.text);
}

#define DATABASE(name, more) "{\"name\":\"" name "\",\"properties\":{" more "}}"
#define EARLIEST "\"status\":\"Online\",\"earliestRestoreDate\":\"2026-11-13T16:00:00Z\""

static struct bak_series *series_of(struct world *world, const char *name)
{
    for (size_t i = 0; i < world->facts.series_count; i++) {
        if (strcmp(world->facts.series[i].name, name) == 0)
            return &world->facts.series[i];
    }
    return NULL;
}

static void the_copy_in_the_other_region(void **state)
{
    struct world world = {.request = {.now = NOW}};
    (void)state;
    read_list(&world,
              "{\"value\":[" DATABASE("master", EARLIEST) "," DATABASE("orders", EARLIEST) "]}",
              take_database);
    read_list(&world,
              "{\"value\":[" DATABASE("orders",
                                      "\"lastAvailableBackupDate\":\"2026-11-20T15:30:00Z\"") "]}",
              take_recoverable);
    bak_sql_finish(&world.facts, false);
    assert_null(series_of(&world, "master"));
    const struct bak_series *orders = series_of(&world, "orders");
    assert_true(orders != NULL && !orders->expected_only && orders->point_count == 0);
    assert_true(orders->restorable.known && orders->restorable.value == NOW - 1800);
    assert_true(orders->earliest.known && orders->earliest.value == NOW - 7 * 86400);
    bak_facts_free(&world.facts);
}

/* Nobody says up to when: that is not known, and neither "just now" nor "never". */
static void no_copy_elsewhere_is_unseen(void **state)
{
    struct world world = {.request = {.now = NOW}};
    (void)state;
    read_list(&world, "{\"value\":[" DATABASE("orders", EARLIEST) "]}", take_database);
    read_list(&world, "{\"value\":[]}", take_recoverable);
    bak_sql_finish(&world.facts, false);
    const struct bak_series *orders = series_of(&world, "orders");
    assert_true(orders != NULL && !orders->restorable.known && orders->point_count == 1);
    assert_int_equal(orders->points[0].status, BAK_UNSEEN);
    assert_false(orders->points[0].data.known);
    bak_facts_free(&world.facts);
}

static void one_without_anything(void **state)
{
    struct world world = {.request = {.now = NOW}};
    (void)state;
    read_list(&world,
              "{\"value\":[" DATABASE(
                  "orders",
                  "\"earliestRestoreDate\":null,\"creationDate\":"
                  "\"2026-01-01T00:00:00Z\"") "," DATABASE("young",
                                                           "\"creationDate\":\"2026-11-20T15:50:"
                                                           "00Z\"") "," DATABASE("mirror",
                                                                                 "\"secondaryType\""
                                                                                 ":\"Geo\"") "]}",
              take_database);
    bak_sql_finish(&world.facts, false);
    assert_true(series_of(&world, "orders")->expected_only);
    /* neither has backups yet, or of its own, and neither is a fault */
    assert_null(series_of(&world, "young"));
    assert_null(series_of(&world, "mirror"));
    assert_int_equal(world.facts.sign_count, 2);
    assert_int_equal(world.facts.signs[0].kind, BAK_NOTE);
    bak_facts_free(&world.facts);
}

#define PAUSED                                                                                     \
    "\"status\":\"Paused\",\"earliestRestoreDate\":\"2026-11-13T16:00:00Z\",\"pausedDate\":"       \
    "\"2026-11-18T16:00:00Z\""

static void assert_paused(const char *backup, double restorable)
{
    char text[200];
    struct world world = {.request = {.now = NOW}};
    read_list(&world, "{\"value\":[" DATABASE("orders", PAUSED) "]}", take_database);
    snprintf(text, sizeof text,
             "{\"value\":[{\"name\":\"orders\",\"properties\":{\"lastAvailableBackupDate\":\"%s\"}"
             "}]}",
             backup);
    read_list(&world, text, take_recoverable);
    assert_true(series_of(&world, "orders")->restorable.value == restorable);
    bak_facts_free(&world.facts);
}

/* One that stands still has lost nothing, if its end was backed up. */
static void paused(void **state)
{
    (void)state;
    assert_paused("2026-11-18T16:05:00Z", NOW);
    assert_paused("2026-11-18T15:55:00Z", NOW - 2 * 86400 - 300);
}

static void restore_points(void **state)
{
    struct world world = {.request = {.now = NOW}, .warehouse = "dw"};
    (void)state;
    read_list(&world, "{\"value\":[" DATABASE("dw", EARLIEST) "]}", take_database);
    read_list(&world,
              "{\"value\":[{\"name\":\"1\",\"properties\":{\"restorePointType\":\"CONTINUOUS\","
              "\"earliestRestoreDate\":\"2026-11-13T16:00:00Z\"}},"
              "{\"name\":\"2\",\"properties\":{\"restorePointType\":\"DISCRETE\","
              "\"restorePointCreationDate\":\"2026-11-20T08:00:00Z\"}}]}",
              take_point);
    bak_sql_finish(&world.facts, false);
    const struct bak_series *dw = series_of(&world, "dw");
    assert_int_equal(dw->point_count, 1);
    assert_true(dw->points[0].data.value == NOW - 8 * 3600);
    bak_facts_free(&world.facts);
}

static void long_term_backups(void **state)
{
    struct world world = {.request = {.now = NOW}, .long_term = true};
    struct bak_sql_item item = {.database = "orders"};
    (void)state;
    read_list(&world,
              "{\"value\":[" DATABASE("orders", EARLIEST) "," DATABASE("bare", EARLIEST) "]}",
              take_database);
    read_list(&world,
              "{\"value\":[{\"name\":\"a;1\",\"properties\":{\"databaseName\":\"orders\","
              "\"backupTime\":\"2026-11-16T00:00:00Z\","
              "\"backupExpirationTime\":\"2027-11-16T00:00:00Z\"}},"
              "{\"name\":\"b;1\",\"properties\":{\"databaseName\":\"gone\","
              "\"databaseDeletionTime\":\"2026-01-01T00:00:00Z\","
              "\"backupTime\":\"2025-11-16T00:00:00Z\"}}]}",
              take_long_term);
    struct bak_series *orders = series_of(&world, "orders");
    assert_true(orders->point_count == 1 && orders->points[0].expires.known);
    assert_true(series_of(&world, "bare")->expected_only);
    assert_null(series_of(&world, "gone"));
    /* more than are kept: the newest of them, and all are counted */
    for (int i = 0; i < 600; i++) {
        snprintf(item.name, sizeof item.name, "%d", i);
        item.moment = dr_real(1000.0 * ((i * 7) % 600));
        bak_sql_take_long_term(&world.facts, &world.request, &item);
    }
    orders = series_of(&world, "orders");
    assert_int_equal(orders->point_count, BAK_SQL_POINTS_MAX);
    assert_true(orders->total.value == 601 && orders->oldest.value == 0);
    for (size_t i = 0; i < orders->point_count; i++)
        assert_true(orders->points[i].data.value >= 89000.0);
    bak_facts_free(&world.facts);
}

static void names_that_are_not_wanted(void **state)
{
    char *out[] = {(char *)"test*"};
    struct world world = {.request = {.now = NOW, .exclude = {out, 1}}};
    (void)state;
    read_list(&world,
              "{\"value\":[" DATABASE("test1", EARLIEST) "," DATABASE("orders", EARLIEST) "]}",
              take_database);
    assert_int_equal(world.facts.series_count, 1);
    bak_facts_free(&world.facts);
}

static void pages(void **state)
{
    struct world world = {.request = {.now = NOW}};
    struct dr_error error = {.class = DR_ERR_NONE};
    char next[64];
    (void)state;
    assert_true(read_next(&world,
                          "{\"value\":[],\"nextLink\":\"https://x/y?api-version=1&"
                          "%24skipToken=a%2Bb\"}",
                          take_database, next, sizeof next, &error));
    assert_string_equal(next, "a+b");
    assert_true(read_next(&world, "{\"value\":[],\"nextLink\":null}", take_database, next,
                          sizeof next, &error));
    assert_string_equal(next, "");
    static const char *const wrong[] = {"",
                                        "{}",
                                        "[]",
                                        "{\"value\":{}}",
                                        "{\"value\":[{}]}",
                                        "{\"value\":[1]}",
                                        "{\"value\":[",
                                        "{\"value\":[],\"nextLink\":\"https://x/y\"}",
                                        "{\"value\":[],\"nextLink\":7}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (read_next(&world, wrong[i], take_database, next, sizeof next, &error))
            fail_msg("%s", wrong[i]);
        assert_int_equal(error.class, DR_ERR_PROTOCOL);
    }
    bak_facts_free(&world.facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_a_blob),
        cmocka_unit_test(checksums),
        cmocka_unit_test(encoded_names),
        cmocka_unit_test(sizes_and_moments),
        cmocka_unit_test(the_copy_in_the_other_region),
        cmocka_unit_test(no_copy_elsewhere_is_unseen),
        cmocka_unit_test(one_without_anything),
        cmocka_unit_test(paused),
        cmocka_unit_test(restore_points),
        cmocka_unit_test(long_term_backups),
        cmocka_unit_test(names_that_are_not_wanted),
        cmocka_unit_test(pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
