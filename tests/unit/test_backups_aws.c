/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of RDS and EBS to facts. */
#include "plugins/backups/aws_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1795190400.0 /* 2026-11-20T16:00:00Z */

struct world {
    struct bak_request request;
    struct bak_facts facts;
    struct bak_aws aws;
};

static void begin(struct world *world, enum bak_product product)
{
    *world = (struct world){.request = {.now = NOW, .skew = 300}, .facts = {.product = product}};
    world->aws = (struct bak_aws){.request = &world->request,
                                  .facts = &world->facts,
                                  .region = "eu-central-1",
                                  .name = "",
                                  .known = true};
}

static void end(struct world *world)
{
    bak_aws_free(&world->aws);
    bak_facts_free(&world->facts);
}

static bool read_text(struct world *world, const struct bak_aws_list *list, const char *text,
                      char next[BAK_AWS_TOKEN_SIZE], struct dr_error *error)
{
    struct dr_buffer body = DR_BUFFER(1 << 20);
    assert_true(dr_buffer_add(&body, text));
    *error = (struct dr_error){.class = DR_ERR_NONE};
    bool ok = bak_aws_read(&world->aws, list, &body, next, error);
    dr_buffer_free(&body);
    return ok;
}

static void read_list(struct world *world, const struct bak_aws_list *list, const char *text)
{
    char next[BAK_AWS_TOKEN_SIZE];
    struct dr_error error;
    if (!read_text(world, list, text, next, &error))
        fail_msg("%s", error.text);
    bak_aws_know(&world->aws);
}

#define RDS(action, list, items)                                                                   \
    "<" action "Response><" action "Result><" list ">" items "</" list "></" action                \
    "Result></" action "Response>"
#define INSTANCES(items) RDS("DescribeDBInstances", "DBInstances", items)
#define SNAPSHOTS(items) RDS("DescribeDBSnapshots", "DBSnapshots", items)
#define CLUSTER_SNAPSHOTS(items) RDS("DescribeDBClusterSnapshots", "DBClusterSnapshots", items)
#define INSTANCE(name, more)                                                                       \
    "<DBInstance><DBInstanceIdentifier>" name                                                      \
    "</DBInstanceIdentifier><DBInstanceStatus>available</DBInstanceStatus>"                        \
    "<BackupRetentionPeriod>7</BackupRetentionPeriod>" more "</DBInstance>"
#define LATEST(moment) "<LatestRestorableTime>" moment "</LatestRestorableTime>"
#define DB_SNAPSHOT(more)                                                                          \
    "<DBSnapshot><DBSnapshotIdentifier>s</DBSnapshotIdentifier><DBInstanceIdentifier>orders"       \
    "</DBInstanceIdentifier><Status>available</Status><SnapshotCreateTime>2026-11-20T15:00:00Z"    \
    "</SnapshotCreateTime>" more "</DBSnapshot>"
#define EC2(items)                                                                                 \
    "<DescribeSnapshotsResponse><snapshotSet>" items "</snapshotSet></DescribeSnapshotsResponse>"
#define VOLUMES                                                                                    \
    "<DescribeVolumesResponse><volumeSet><item><volumeId>vol-1</volumeId></item>"                  \
    "<item><volumeId>vol-2</volumeId></item></volumeSet></DescribeVolumesResponse>"
#define DISK(of, status, more)                                                                     \
    "<item><snapshotId>snap-1</snapshotId><volumeId>" of "</volumeId><status>" status              \
    "</status><startTime>2026-11-20T15:00:00Z</startTime>" more "</item>"

static void any_moment(void **state)
{
    struct world world;
    (void)state;
    begin(&world, BAK_RDS);
    read_list(&world, &bak_aws_instances,
              INSTANCES(INSTANCE("orders", LATEST("2026-11-20T15:55:00Z"))));
    bak_aws_finish(&world.aws);
    assert_int_equal(world.facts.series_count, 1);
    const struct bak_series *series = &world.facts.series[0];
    assert_true(series->restorable.known && series->restorable.value == NOW - 300);
    assert_false(series->expected_only);
    assert_int_equal(series->sign_count, 0);
    end(&world);
}

/* Ahead of the clock, it would be the newest for ever. */
static void a_moment_to_come_is_none(void **state)
{
    struct world world;
    (void)state;
    begin(&world, BAK_RDS);
    read_list(&world, &bak_aws_instances,
              INSTANCES(INSTANCE("orders", LATEST("2026-11-20T17:00:00Z"))));
    assert_false(world.facts.series[0].restorable.known);
    assert_int_equal(world.facts.series[0].signs[0].kind, BAK_FUTURE);
    end(&world);
}

static void copies_keep_the_moment_of_their_original(void **state)
{
    struct world world;
    (void)state;
    begin(&world, BAK_RDS);
    read_list(&world, &bak_aws_db_snapshots,
              SNAPSHOTS(DB_SNAPSHOT(
                  "<SourceDBSnapshotIdentifier>arn:aws:rds:eu-west-1:1:snapshot:a"
                  "</SourceDBSnapshotIdentifier><OriginalSnapshotCreateTime>2026-11-18T16:00:00Z"
                  "</OriginalSnapshotCreateTime>")));
    assert_string_equal(world.facts.series[0].name, "eu-west-1/orders");
    const struct bak_point *point = &world.facts.series[0].points[0];
    assert_int_equal(point->status, BAK_COMPLETE);
    assert_true(point->data.value == NOW - 2 * 86400 && point->usable.value == NOW - 3600);
    end(&world);
}

static void without_the_originals_it_is_unseen(void **state)
{
    struct world world;
    (void)state;
    begin(&world, BAK_RDS);
    read_list(&world, &bak_aws_instances,
              INSTANCES(INSTANCE("orders", LATEST("2026-11-20T15:55:00Z"))));
    read_list(&world, &bak_aws_db_snapshots, SNAPSHOTS(DB_SNAPSHOT("")));
    assert_int_equal(world.facts.series[0].points[0].status, BAK_UNSEEN);
    assert_false(world.facts.series[0].points[0].data.known);
    end(&world);
}

/* "rds:shop-2026-11-17-16-00" is RDS's own name; what people call theirs says nothing. */
static void moments_in_names(void **state)
{
    static const struct {
        const char *source;
        double data; /* 0: not known */
    } rows[] = {
        {"arn:aws:rds:eu-west-1:1:cluster-snapshot:rds:shop-2026-11-17-16-00", NOW - 3 * 86400},
        {"arn:aws:rds:eu-west-1:1:cluster-snapshot:shop-2026-11-17-16-00", 0},
        {"arn:aws:rds:eu-west-1:1:cluster-snapshot:rds:shop-2026-13-17-16-00", 0},
        {"arn:aws:rds:eu-west-1:1:cluster-snapshot:rds:shop-2026-11-17", 0},
        {"rds:", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world world;
        char text[1000];
        begin(&world, BAK_RDS);
        snprintf(text, sizeof text,
                 CLUSTER_SNAPSHOTS(
                     "<DBClusterSnapshot><DBClusterSnapshotIdentifier>c"
                     "</DBClusterSnapshotIdentifier><DBClusterIdentifier>shop</DBClusterIdentifier>"
                     "<Status>available</Status><SnapshotCreateTime>2026-11-20T15:00:00Z"
                     "</SnapshotCreateTime><SourceDBClusterSnapshotArn>%s"
                     "</SourceDBClusterSnapshotArn></DBClusterSnapshot>"),
                 rows[i].source);
        read_list(&world, &bak_aws_cluster_snapshots, text);
        const struct bak_point *point = &world.facts.series[0].points[0];
        if (point->data.known != (rows[i].data > 0) ||
            (point->data.known && point->data.value != rows[i].data))
            fail_msg("%s", rows[i].source);
        end(&world);
    }
}

static void volumes_and_what_was_deleted(void **state)
{
    struct world world;
    (void)state;
    begin(&world, BAK_EBS);
    read_list(&world, &bak_aws_volumes, VOLUMES);
    read_list(&world, &bak_aws_snapshots,
              EC2(DISK("vol-1", "completed", "") DISK("vol-3", "completed", "")));
    bak_aws_finish(&world.aws);
    assert_int_equal(world.aws.gone, 1);
    assert_int_equal(world.facts.series_count, 2);
    assert_string_equal(world.facts.series[0].name, "vol-1");
    assert_true(world.facts.series[0].points[0].data.value == NOW - 3600);
    assert_true(world.facts.series[1].expected_only);
    assert_string_equal(world.facts.series[1].name, "vol-2");
    end(&world);
}

/* The tags of one are not those of the next. */
static void tags(void **state)
{
    struct world world;
    (void)state;
    begin(&world, BAK_EBS);
    world.aws.group_tag = "Name";
    world.aws.time_tag = "taken";
    world.aws.known = false;
    read_list(&world, &bak_aws_snapshots,
              EC2(DISK("vol-ffffffff", "completed",
                       "<tagSet><item><key>Name</key><value>a</value></item><item><key>taken</key>"
                       "<value>2026-11-20T14:00:00Z</value></item></tagSet>")
                      DISK("vol-ffffffff", "completed",
                           "<tagSet><item><key>Name</key><value>b</value></item></tagSet>")
                          DISK("vol-1", "completed", "")));
    assert_int_equal(world.facts.series_count, 2);
    assert_true(world.facts.series[0].points[0].data.value == NOW - 7200);
    assert_int_equal(world.facts.series[1].points[0].status, BAK_UNSEEN);
    end(&world);
}

static void refused(void **state)
{
    static const struct {
        const struct bak_aws_list *list;
        const char *text, *words;
    } rows[] = {
        {&bak_aws_instances, "<html/>", "it is <html>, not <DescribeDBInstancesResponse>"},
        {&bak_aws_instances, "<DescribeDBInstancesResponse/>", "it has no <DBInstances>"},
        {&bak_aws_instances, INSTANCES("<DBInstance/>"), "DB instance without its identifier"},
        {&bak_aws_snapshots, EC2("<item/>"), "snapshot without its snapshotId"},
        {&bak_aws_snapshots, EC2(DISK("vol-1", "", "")), "snapshot without its status"},
        {&bak_aws_volumes, "", "it is empty"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world world;
        struct dr_error error;
        char next[BAK_AWS_TOKEN_SIZE];
        begin(&world, BAK_RDS);
        if (read_text(&world, rows[i].list, rows[i].text, next, &error) ||
            error.class != DR_ERR_PROTOCOL || strstr(error.text, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].words, error.text);
        end(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_moment),
        cmocka_unit_test(a_moment_to_come_is_none),
        cmocka_unit_test(copies_keep_the_moment_of_their_original),
        cmocka_unit_test(without_the_originals_it_is_unseen),
        cmocka_unit_test(moments_in_names),
        cmocka_unit_test(volumes_and_what_was_deleted),
        cmocka_unit_test(tags),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
