/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of RDS. The members are those of its API reference. */
#include "common/moment.h"
#include "plugins/backups/aws_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION "2014-10-31"
/* "/DescribeXResponse/DescribeXResult/Xs/X" */
#define RESULT(action) "/" action "Response/" action "Result"
#define LIST(verb, path, words)                                                                    \
    .service = "rds", .version = API_VERSION, .action = verb, .what = words, .grant = "rds:" verb, \
    .page_name = "MaxRecords", .page_size = "100", .token_name = "Marker",                         \
    .root = verb "Response", .list = RESULT(verb) "/" path, .token = RESULT(verb) "/Marker"

/* ---- what all of them share ---- */

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

/* States that nobody leaves by waiting. All others are usual ones, or pass. */
static void note_state(struct bak_aws *aws, struct bak_series *series, const char *status)
{
    static const char *const broken[] = {"failed",
                                         "inaccessible-encryption-credentials",
                                         "inaccessible-encryption-credentials-recoverable",
                                         "incompatible-credentials",
                                         "incompatible-create",
                                         "incompatible-network",
                                         "incompatible-option-group",
                                         "incompatible-parameters",
                                         "incompatible-restore",
                                         "insufficient-capacity",
                                         "migration-failed",
                                         "restore-error",
                                         "storage-full",
                                         NULL};
    if (is_one_of(status, broken))
        bak_facts_sign(aws->facts, series, BAK_SOURCE_BROKEN, "its status is \"%s\"", status);
}

/* A moment ahead of the clock is no evidence. Of two things with one name the older one counts. */
static void set_restorable(struct bak_aws *aws, struct bak_series *series,
                           struct dr_opt_real latest, bool stopped)
{
    double now = aws->request->now;
    if (!latest.known)
        return;
    if (latest.value > now + aws->request->skew) {
        bak_facts_sign(aws->facts, series, BAK_FUTURE,
                       "the latest moment that it can be restored to");
        return;
    }
    if (stopped) {
        /* nothing has been written since: nothing newer is to be had */
        bak_facts_sign(aws->facts, series, BAK_NOTE, "stopped");
        latest = dr_real(now);
    }
    if (!series->restorable.known || latest.value < series->restorable.value)
        series->restorable = latest;
}

/* An instance or a cluster that makes backups of itself. */
struct database {
    const char *name;
    const char *status;
    const char *retention; /* days */
    const char *latest;
    const char *earliest; /* "": that list does not say */
};

static void take_database(struct bak_aws *aws, struct bak_aws_thing *thing,
                          const struct database *database)
{
    bool stopped = strcmp(database->status, "stopped") == 0;
    struct dr_opt_real latest = dr_moment_read(database->latest);
    thing->off = strtol(database->retention, NULL, 10) == 0;
    thing->young = strcmp(database->status, "creating") == 0 ||
                   (strcmp(database->status, "backing-up") == 0 && !latest.known);
    if (!bak_aws_is_wanted(aws, database->name))
        return;
    struct bak_series *series = bak_facts_series(aws->facts, database->name);
    if (series == NULL)
        return;
    series->earliest = dr_moment_read(database->earliest);
    note_state(aws, series, database->status);
    set_restorable(aws, series, latest, stopped);
    if (!latest.known && !thing->off && !thing->young)
        bak_facts_sign(aws->facts, series, BAK_UNREADABLE,
                       "RDS does not say up to when it can be restored");
}

static const char *missing(const struct database *database)
{
    return database->name[0] == '\0'     ? "its identifier"
           : database->status[0] == '\0' ? "its status"
           : database->retention[0] == '\0' ||
                   database->retention[strspn(database->retention, "0123456789")] != '\0'
               ? "BackupRetentionPeriod"
               : NULL;
}

/* ---- instances ---- */

#define INSTANCE RESULT("DescribeDBInstances") "/DBInstances/DBInstance"
enum { I_NAME, I_STATUS, I_RETENTION, I_LATEST, I_CLUSTER, I_SOURCE };
static const char *const instance_fields[] = {INSTANCE "/DBInstanceIdentifier",
                                              INSTANCE "/DBInstanceStatus",
                                              INSTANCE "/BackupRetentionPeriod",
                                              INSTANCE "/LatestRestorableTime",
                                              INSTANCE "/DBClusterIdentifier",
                                              INSTANCE "/ReadReplicaSourceDBInstanceIdentifier",
                                              NULL};

static bool take_instance(struct bak_aws *aws, const char *const *values, bool inner,
                          struct dr_error *error)
{
    (void)inner;
    const struct database database = {.name = values[I_NAME],
                                      .status = values[I_STATUS],
                                      .retention = values[I_RETENTION],
                                      .latest = values[I_LATEST],
                                      .earliest = ""};
    const char *lacks = missing(&database);
    aws->facts->looked++;
    if (lacks != NULL)
        return bak_aws_lacks(error, "DB instance", lacks);
    if (values[I_CLUSTER][0] != '\0') { /* its storage is the cluster's, and so are the backups */
        aws->members++;
        if (bak_aws_is_named(aws, database.name))
            bak_facts_sign(aws->facts, NULL, BAK_NOTE, "it is a part of the cluster %s: name that",
                           values[I_CLUSTER]);
        return true;
    }
    struct bak_aws_thing *thing = bak_aws_add_thing(aws, database.name);
    if (thing == NULL)
        return true;
    if (values[I_SOURCE][0] != '\0' && strtol(database.retention, NULL, 10) == 0 &&
        !bak_aws_is_named(aws, database.name)) {
        thing->replica = true;
        aws->replicas += bak_aws_is_wanted(aws, database.name) ? 1 : 0;
        return true;
    }
    take_database(aws, thing, &database);
    return true;
}

const struct bak_aws_list bak_aws_instances = {
    LIST("DescribeDBInstances", "DBInstances", "list the DB instances"), .item = INSTANCE,
    .fields = instance_fields, .take = take_instance};

/* ---- clusters (Aurora, Multi-AZ) ---- */

#define CLUSTER RESULT("DescribeDBClusters") "/DBClusters/DBCluster"
enum { C_NAME, C_STATUS, C_RETENTION, C_LATEST, C_EARLIEST };
static const char *const cluster_fields[] = {
    CLUSTER "/DBClusterIdentifier",    CLUSTER "/Status",
    CLUSTER "/BackupRetentionPeriod",  CLUSTER "/LatestRestorableTime",
    CLUSTER "/EarliestRestorableTime", NULL};

static bool take_cluster(struct bak_aws *aws, const char *const *values, bool inner,
                         struct dr_error *error)
{
    (void)inner;
    const struct database database = {.name = values[C_NAME],
                                      .status = values[C_STATUS],
                                      .retention = values[C_RETENTION],
                                      .latest = values[C_LATEST],
                                      .earliest = values[C_EARLIEST]};
    const char *lacks = missing(&database);
    aws->facts->looked++;
    if (lacks != NULL)
        return bak_aws_lacks(error, "DB cluster", lacks);
    struct bak_aws_thing *thing = bak_aws_add_thing(aws, database.name);
    if (thing != NULL)
        take_database(aws, thing, &database);
    return true;
}

const struct bak_aws_list bak_aws_clusters = {
    LIST("DescribeDBClusters", "DBClusters", "list the DB clusters"), .item = CLUSTER,
    .fields = cluster_fields, .take = take_cluster};

/* ---- snapshots ---- */

enum { S_NAME, S_OWNER, S_STATUS, S_TYPE, S_CREATED, S_SOURCE, S_PROGRESS, S_ORIGINAL, S_DATABASE };

/* "arn:aws:rds:eu-central-1:123456789012:snapshot:rds:orders-2026-11-20-03-07": the region. */
static bool read_region(const char *arn, char *region, size_t size)
{
    for (int i = 0; i < 3 && arn != NULL; i++) {
        arn = strchr(arn, ':');
        arn = arn != NULL ? arn + 1 : NULL;
    }
    size_t length = arn != NULL ? strcspn(arn, ":") : 0;
    if (length == 0 || length >= size)
        return false;
    memcpy(region, arn, length);
    region[length] = '\0';
    return true;
}

/* What RDS makes by itself is named by its moment, in UTC; what people make is not. */
static struct dr_opt_real moment_in_name(const char *arn)
{
    size_t length = strlen(arn);
    char text[20];
    if (strstr(arn, ":rds:") == NULL || strstr(arn, "snapshot:rds:") == NULL || length < 17 ||
        arn[length - 17] != '-')
        return (struct dr_opt_real){.known = false};
    const char *tail = arn + length - 16; /* 2026-11-20-03-07 */
    if (strspn(tail, "0123456789-") != 16 || tail[10] != '-' || tail[13] != '-')
        return (struct dr_opt_real){.known = false};
    snprintf(text, sizeof text, "%.10sT%.2s:%.2sZ", tail, tail + 11, tail + 14);
    return dr_moment_read(text);
}

/* When a snapshot was created changes when it is copied; when its original was does not. */
static struct dr_opt_real data_of(const char *const *values, bool instance)
{
    struct dr_opt_real database, original;
    if (!instance)
        return values[S_SOURCE][0] != '\0' ? moment_in_name(values[S_SOURCE])
                                           : dr_moment_read(values[S_CREATED]);
    database = dr_moment_read(values[S_DATABASE]);
    original = dr_moment_read(values[S_ORIGINAL]);
    return database.known && (!original.known || database.value < original.value) ? database
                                                                                  : original;
}

static void set_status(const char *const *values, struct bak_aws_backup *backup, char *why,
                       size_t size)
{
    const char *status = values[S_STATUS];
    static const char *const running[] = {"creating", "copying", "pending", NULL};
    static const char *const failed[] = {"failed", "deleting", NULL};
    backup->why = why;
    if (strcmp(status, "available") == 0) {
        backup->status = backup->data.known ? BAK_COMPLETE : BAK_UNSEEN;
        snprintf(why, size,
                 values[S_SOURCE][0] != '\0'
                     ? "a copy, and RDS does not say when its original was made"
                     : "RDS does not say when it was made");
        return;
    }
    backup->status = is_one_of(status, running)  ? BAK_RUNNING
                     : is_one_of(status, failed) ? BAK_FAILED
                                                 : BAK_UNSEEN;
    snprintf(why, size, "its status is \"%.60s\"%s%.8s%s", status,
             values[S_PROGRESS][0] != '\0' ? ", " : "", values[S_PROGRESS],
             values[S_PROGRESS][0] != '\0' ? " %" : "");
}

static void add_snapshot(struct bak_aws *aws, struct bak_series *series, const char *const *values,
                         bool instance)
{
    char why[160], kind[120];
    struct dr_opt_real created = dr_moment_read(values[S_CREATED]);
    struct bak_aws_backup backup = {
        .name = values[S_NAME], .kind = kind, .data = data_of(values, instance), .began = created};
    snprintf(kind, sizeof kind, "%s%s%.40s", instance ? "DB snapshot" : "DB cluster snapshot",
             values[S_TYPE][0] != '\0' ? ", " : "", values[S_TYPE]);
    /* a copy can be used where it is since it was made */
    if (backup.data.known)
        backup.usable = created.known && created.value > backup.data.value ? created : backup.data;
    set_status(values, &backup, why, sizeof why);
    bak_aws_add_point(aws, series, &backup);
}

static bool take_snapshot(struct bak_aws *aws, const char *const *values, bool instance,
                          struct dr_error *error)
{
    char name[BAK_AWS_NAME_SIZE], region[64];
    const char *lacks = values[S_NAME][0] == '\0'     ? "its identifier"
                        : values[S_OWNER][0] == '\0'  ? "its database"
                        : values[S_STATUS][0] == '\0' ? "its status"
                                                      : NULL;
    bool copy = values[S_SOURCE][0] != '\0';
    aws->facts->looked++;
    if (lacks != NULL)
        return bak_aws_lacks(error, instance ? "DB snapshot" : "DB cluster snapshot", lacks);
    /* another region's database may have the name of one here */
    bool foreign = copy && read_region(values[S_SOURCE], region, sizeof region) &&
                   strcmp(region, aws->region) != 0;
    int length = foreign ? snprintf(name, sizeof name, "%s/%s", region, values[S_OWNER])
                         : snprintf(name, sizeof name, "%s", values[S_OWNER]);
    if (length < 0 || (size_t)length >= sizeof name)
        return bak_aws_lacks(error, "DB snapshot", "a sensible name");
    if (!bak_aws_is_wanted(aws, name))
        return true;
    struct bak_aws_thing *thing = foreign ? NULL : bak_aws_find_thing(aws, name);
    bool told = aws->known && (instance || !aws->clusters_unseen);
    if (thing == NULL && !copy && told && !bak_aws_is_named(aws, name)) {
        aws->gone++;
        return true;
    }
    add_snapshot(aws, bak_aws_series(aws, thing, name), values, instance);
    return true;
}

#define SNAPSHOT RESULT("DescribeDBSnapshots") "/DBSnapshots/DBSnapshot"
static const char *const snapshot_fields[] = {SNAPSHOT "/DBSnapshotIdentifier",
                                              SNAPSHOT "/DBInstanceIdentifier",
                                              SNAPSHOT "/Status",
                                              SNAPSHOT "/SnapshotType",
                                              SNAPSHOT "/SnapshotCreateTime",
                                              SNAPSHOT "/SourceDBSnapshotIdentifier",
                                              SNAPSHOT "/PercentProgress",
                                              SNAPSHOT "/OriginalSnapshotCreateTime",
                                              SNAPSHOT "/SnapshotDatabaseTime",
                                              NULL};

static bool take_instance_snapshot(struct bak_aws *aws, const char *const *values, bool inner,
                                   struct dr_error *error)
{
    (void)inner;
    return take_snapshot(aws, values, true, error);
}

const struct bak_aws_list bak_aws_db_snapshots = {
    LIST("DescribeDBSnapshots", "DBSnapshots", "list the DB snapshots"), .item = SNAPSHOT,
    .fields = snapshot_fields, .take = take_instance_snapshot};

#define CLUSTER_SNAPSHOT                                                                           \
    RESULT("DescribeDBClusterSnapshots") "/DBClusterSnapshots/DBClusterSnapshot"
static const char *const cluster_snapshot_fields[] = {
    CLUSTER_SNAPSHOT "/DBClusterSnapshotIdentifier",
    CLUSTER_SNAPSHOT "/DBClusterIdentifier",
    CLUSTER_SNAPSHOT "/Status",
    CLUSTER_SNAPSHOT "/SnapshotType",
    CLUSTER_SNAPSHOT "/SnapshotCreateTime",
    CLUSTER_SNAPSHOT "/SourceDBClusterSnapshotArn",
    CLUSTER_SNAPSHOT "/PercentProgress",
    NULL};

static bool take_cluster_snapshot(struct bak_aws *aws, const char *const *values, bool inner,
                                  struct dr_error *error)
{
    (void)inner;
    return take_snapshot(aws, values, false, error);
}

const struct bak_aws_list bak_aws_cluster_snapshots = {
    LIST("DescribeDBClusterSnapshots", "DBClusterSnapshots", "list the DB cluster snapshots"),
    .item = CLUSTER_SNAPSHOT, .fields = cluster_snapshot_fields, .take = take_cluster_snapshot};

/* ---- automated backups: of deleted instances, and copied from another region ---- */

#define AUTOMATED                                                                                  \
    RESULT("DescribeDBInstanceAutomatedBackups")                                                   \
    "/DBInstanceAutomatedBackups/DBInstanceAutomatedBackup"
enum { A_NAME, A_REGION, A_STATUS, A_EARLIEST, A_LATEST };
static const char *const automated_fields[] = {AUTOMATED "/DBInstanceIdentifier",
                                               AUTOMATED "/Region",
                                               AUTOMATED "/Status",
                                               AUTOMATED "/RestoreWindow/EarliestTime",
                                               AUTOMATED "/RestoreWindow/LatestTime",
                                               NULL};

static void take_window(struct bak_aws *aws, struct bak_series *series, const char *const *values,
                        bool foreign)
{
    struct dr_opt_real latest = dr_moment_read(values[A_LATEST]);
    if (series == NULL)
        return;
    series->earliest = dr_moment_read(values[A_EARLIEST]);
    if (!foreign && strcmp(values[A_STATUS], "retained") != 0)
        return; /* the instance says it itself */
    set_restorable(aws, series, latest, false);
    if (!latest.known && strcmp(values[A_STATUS], "creating") != 0)
        bak_facts_sign(aws->facts, series, BAK_UNREADABLE,
                       "RDS does not say up to when it can be restored");
}

static bool take_automated(struct bak_aws *aws, const char *const *values, bool inner,
                           struct dr_error *error)
{
    char name[BAK_AWS_NAME_SIZE];
    bool empty = values[A_LATEST][0] == '\0';
    const char *lacks = values[A_NAME][0] == '\0'               ? "its database"
                        : values[A_REGION][0] == '\0' && !empty ? "its region"
                        : values[A_STATUS][0] == '\0'           ? "its status"
                                                                : NULL;
    (void)inner;
    aws->facts->looked++;
    if (lacks != NULL)
        return bak_aws_lacks(error, "automated backup", lacks);
    if (values[A_REGION][0] == '\0') /* it gives nothing back, and whose it is cannot be told */
        return true;
    bool foreign = strcmp(values[A_REGION], aws->region) != 0;
    int length = foreign ? snprintf(name, sizeof name, "%s/%s", values[A_REGION], values[A_NAME])
                         : snprintf(name, sizeof name, "%s", values[A_NAME]);
    if (length < 0 || (size_t)length >= sizeof name)
        return bak_aws_lacks(error, "automated backup", "a sensible name");
    if (!bak_aws_is_wanted(aws, name))
        return true;
    struct bak_aws_thing *thing = foreign ? NULL : bak_aws_find_thing(aws, name);
    bool retained = strcmp(values[A_STATUS], "retained") == 0;
    /* an instance of that name may have been made anew: then these are another one's */
    if (retained && (thing != NULL || !bak_aws_is_named(aws, values[A_NAME]))) {
        aws->gone++;
        return true;
    }
    if (foreign || retained || thing != NULL)
        take_window(aws, bak_aws_series(aws, thing, name), values, foreign);
    return true;
}

const struct bak_aws_list bak_aws_automated = {
    LIST("DescribeDBInstanceAutomatedBackups", "DBInstanceAutomatedBackups",
         "list the automated backups"),
    .item = AUTOMATED, .fields = automated_fields, .take = take_automated};
