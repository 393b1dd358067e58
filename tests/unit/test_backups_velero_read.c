/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Velero's objects and snapshots of volumes: what each phase is worth, and what is hollow. */
#include "common/buffer.h"
#include "common/client/kubernetes_list.h"
#include "plugins/backups/snapshot_read.h"
#include "plugins/backups/velero_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1714644000.0 /* 2024-05-02T10:00:00Z */
#define STARTED "\"startTimestamp\":\"2024-05-02T02:00:00Z\","
#define ENDED "\"completionTimestamp\":\"2024-05-02T02:10:00Z\","
#define PROGRESS "\"progress\":{\"totalItems\":5,\"itemsBackedUp\":5}"
#define GOOD STARTED ENDED PROGRESS

static const struct bak_request request = {.now = NOW, .window = 604800};

static void read_status(const char *status, struct velero_backups *backups)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    char *text = dr_text_format("{\"kind\":\"Backup\",\"apiVersion\":\"velero.io/v1\",\"metadata\":"
                                "{\"name\":\"b1\",\"creationTimestamp\":\"2024-05-02T01:59:59Z\"},"
                                "\"status\":{%s}}",
                                status);
    assert_non_null(text);
    if (!velero_read_backup(text, backups, &error))
        fail_msg("%s: %s", status, error.text);
    free(text);
}

static void test_phases(void **state)
{
    static const struct {
        const char *status;
        enum bak_status wanted;
        const char *why; /* NULL: none */
    } rows[] = {
        {"\"phase\":\"Completed\"," GOOD, BAK_COMPLETE, NULL},
        {"\"phase\":\"Completed\",\"warnings\":3," GOOD, BAK_COMPLETE, NULL},
        {"\"phase\":\"Completed\"," STARTED PROGRESS, BAK_UNSEEN, "no completionTimestamp"},
        {"\"phase\":\"Completed\"," ENDED PROGRESS, BAK_UNSEEN, "no startTimestamp"},
        {"\"phase\":\"Completed\"," STARTED ENDED "\"progress\":null", BAK_UNSEEN, "no progress"},
        {"\"phase\":\"Completed\"," STARTED ENDED "\"progress\":{}", BAK_PARTIAL, "no items"},
        {"\"phase\":\"Completed\"," STARTED ENDED "\"progress\":{\"totalItems\":5}", BAK_PARTIAL,
         "0 of 5 items"},
        {"\"phase\":\"Completed\",\"errors\":null," GOOD, BAK_PARTIAL, "errors"},
        {"\"phase\":\"Completed\",\"errors\":-1," GOOD, BAK_PARTIAL, "errors"},
        {"\"phase\":\"Completed\",\"csiVolumeSnapshotsAttempted\":2," GOOD, BAK_PARTIAL,
         "0 of 2 CSI"},
        {"\"phase\":\"Completed\",\"hookStatus\":{\"hooksFailed\":1}," GOOD, BAK_PARTIAL, "hooks"},
        {"\"phase\":\"PartiallyFailed\",\"errors\":2," GOOD, BAK_PARTIAL,
         "PartiallyFailed, 2 errors"},
        {"\"phase\":\"Failed\",\"failureReason\":\"oops\"," GOOD, BAK_FAILED, "Failed: oops"},
        {"\"phase\":\"FailedValidation\",\"validationErrors\":[\"a\",\"b\"]", BAK_FAILED,
         "FailedValidation: a"},
        {"\"phase\":\"completed\"," GOOD, BAK_UNSEEN, "not known here: completed"},
        {"\"phase\":\"Finalizing\"," GOOD, BAK_RUNNING, NULL},
        {"\"phase\":\"WaitingForPluginOperationsPartiallyFailed\"," GOOD, BAK_RUNNING, NULL},
        {"", BAK_RUNNING, NULL},
        {"\"phase\":\"Deleting\"," GOOD, BAK_COMPLETE, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bak_facts facts = {.product = BAK_VELERO};
        struct velero_backups backups = {.items = NULL};
        read_status(rows[i].status, &backups);
        velero_add_backups(&facts, &backups, &request);
        assert_int_equal(facts.series_count, 1);
        const struct bak_point *point = &facts.series[0].points[0];
        if (point->status != rows[i].wanted || (point->why == NULL) != (rows[i].why == NULL) ||
            (rows[i].why != NULL && strstr(point->why, rows[i].why) == NULL))
            fail_msg("row %zu: %d %s", i, (int)point->status, point->why);
        /* whatever is odd is dated, so that it can be newer than a good one */
        assert_true(point->began.known);
        bool good = point->status == BAK_COMPLETE && !point->expires.known;
        assert_true(good == (point->proof == BAK_WELLFORMED));
        free(backups.items);
        bak_facts_free(&facts);
    }
}

static void test_no_backups(void **state)
{
    static const char *const rows[] = {
        "",
        "{",
        "[]",
        "{}",
        "null",
        "{\"kind\":\"Backup\",\"apiVersion\":\"velero.io/v1\",\"metadata\":{}}",
        "{\"kind\":\"Restore\",\"apiVersion\":\"velero.io/v1\",\"metadata\":{\"name\":\"a\"}}",
        "{\"kind\":\"Backup\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"}}",
        "{\"kind\":\"Backup\",\"apiVersion\":\"velero.io/v1\",\"metadata\":{\"name\":\"a\"}} x"};
    struct velero_backups backups = {.items = NULL};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_error error = {.class = DR_ERR_NONE};
        assert_false(velero_read_backup(rows[i], &backups, &error));
        assert_int_equal(error.class, DR_ERR_PROTOCOL);
        assert_int_equal(backups.count, 0);
    }
    free(backups.items);
}

static void test_volumes(void **state)
{
    static const struct {
        const char *status;
        int64_t done;
    } rows[] = {
        {"\"phase\":\"Completed\",\"progress\":{\"totalBytes\":5,\"bytesDone\":5}", 1},
        {"\"phase\":\"Completed\",\"progress\":{\"totalBytes\":5,\"bytesDone\":4}", 0},
        {"\"phase\":\"Completed\",\"progress\":{\"totalBytes\":0,\"bytesDone\":0}", 0},
        {"\"phase\":\"Completed\",\"progress\":{}", 0},
        {"\"phase\":\"Completed\"", 0},
        {"\"phase\":\"Failed\",\"progress\":{\"totalBytes\":5,\"bytesDone\":5}", 0},
        {"", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct velero_backups backups = {.items = NULL};
        struct velero_volumes volumes = {.items = NULL};
        struct dr_kubernetes_page page;
        const struct dr_kubernetes_shape shape = {"PodVolumeBackup", "velero.io/v1",
                                                  velero_take_volume, &volumes};
        /* the label of a long name is cut: the owner counts */
        char *text = dr_text_format(
            "{\"kind\":\"PodVolumeBackupList\",\"apiVersion\":\"velero.io/v1\",\"metadata\":"
            "{\"resourceVersion\":\"1\"},\"items\":[{\"metadata\":{\"name\":\"v\",\"labels\":"
            "{\"velero.io/backup-name\":\"x\"},\"ownerReferences\":[{\"kind\":\"Backup\",\"name\":"
            "\"b1\"}]},\"status\":{%s}}]}",
            rows[i].status);
        read_status("\"phase\":\"Completed\"," GOOD, &backups);
        assert_true(dr_kubernetes_read_list(text, &shape, &page, NULL));
        velero_join_volumes(&backups, &volumes);
        assert_int_equal(backups.items[0].volumes, 1);
        if (backups.items[0].volumes_done != rows[i].done)
            fail_msg("row %zu", i);
        free(text);
        free(backups.items);
        free(volumes.items);
    }
}

static void test_quantities(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes; /* below 0: none */
    } rows[] = {{"0", 0},
                {"1536", 1536},
                {"10Gi", (int64_t)10 << 30},
                {"500M", 500000000},
                {"1.5Ki", 1536},
                {"1e3", 1000},
                {"7k", 7000},
                {"2Ti", (int64_t)2 << 40},
                {"", -1},
                {"Gi", -1},
                {"10gi", -1},
                {"-1", -1},
                {"10 Gi", -1},
                {"10GiB", -1},
                {"9999999999Ei", -1},
                {"0x10", -1}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_opt_int size = snapshot_read_quantity(rows[i].text);
        if (size.known != (rows[i].bytes >= 0) || (size.known && size.value != rows[i].bytes))
            fail_msg("\"%s\": %lld", rows[i].text, size.known ? (long long)size.value : -1LL);
    }
}

static void test_by_hand_and_by_schedule(void **state)
{
    struct bak_facts facts = {.product = BAK_VELERO};
    struct velero_backups backups = {.items = NULL};
    (void)state;
    read_status("\"phase\":\"Completed\"," GOOD, &backups);
    read_status("\"phase\":\"Completed\"," GOOD, &backups);
    snprintf(backups.items[1].schedule, sizeof backups.items[1].schedule, "nightly");
    velero_add_backups(&facts, &backups, &request);
    assert_int_equal(facts.series_count, 1);
    assert_string_equal(facts.series[0].name, "nightly");
    assert_int_equal(facts.sign_count, 1);
    assert_int_equal(facts.signs[0].kind, BAK_NOTE);
    free(backups.items);
    bak_facts_free(&facts);
}

static void test_many(void **state)
{
    struct bak_facts facts = {.product = BAK_VELERO};
    struct velero_backups backups = {.items = NULL};
    (void)state;
    for (int i = 0; i < 2000; i++) {
        read_status("\"phase\":\"Completed\"," GOOD, &backups);
        backups.items[i].started.value -= i * 3600.0;
    }
    velero_add_backups(&facts, &backups, &request);
    assert_int_equal(facts.series[0].point_count, BAK_VELERO_POINTS);
    assert_int_equal(facts.series[0].total.value, 2000);
    assert_true(facts.series[0].oldest.value == NOW - 8 * 3600.0 - 1999 * 3600.0);
    free(backups.items);
    bak_facts_free(&facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phases),
        cmocka_unit_test(test_no_backups),
        cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_quantities),
        cmocka_unit_test(test_by_hand_and_by_schedule),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
