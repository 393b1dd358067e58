/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of EBS. The members are those of EC2's API reference. */
#include "common/moment.h"
#include "plugins/backups/aws_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST(verb, path, words, size)                                                              \
    .service = "ec2", .version = "2016-11-15", .action = verb, .what = words,                      \
    .grant = "ec2:" verb, .page_name = "MaxResults", .page_size = size, .token_name = "NextToken", \
    .root = verb "Response", .list = "/" verb "Response/" path,                                    \
    .item = "/" verb "Response/" path "/item", .token = "/" verb "Response/nextToken"

/* ---- volumes ---- */

#define VOLUME "/DescribeVolumesResponse/volumeSet/item"
static const char *const volume_fields[] = {VOLUME "/volumeId", NULL};

static bool take_volume(struct bak_aws *aws, const char *const *values, bool inner,
                        struct dr_error *error)
{
    (void)inner;
    if (values[0][0] == '\0')
        return bak_aws_lacks(error, "volume", "its volumeId");
    bak_aws_add_thing(aws, values[0]);
    return true;
}

const struct bak_aws_list bak_aws_volumes = {
    LIST("DescribeVolumes", "volumeSet", "list the volumes", "500"), .fields = volume_fields,
    .take = take_volume};

/* ---- snapshots ---- */

#define SNAPSHOT "/DescribeSnapshotsResponse/snapshotSet/item"
#define TAG SNAPSHOT "/tagSet/item"
enum { NAME, OF, STATUS, BEGAN, ENDED, PROGRESS, DESCRIPTION, TIER, SIZE, MESSAGE, KEY, VALUE };
static const char *const snapshot_fields[] = {SNAPSHOT "/snapshotId",
                                              SNAPSHOT "/volumeId",
                                              SNAPSHOT "/status",
                                              SNAPSHOT "/startTime",
                                              SNAPSHOT "/completionTime",
                                              SNAPSHOT "/progress",
                                              SNAPSHOT "/description",
                                              SNAPSHOT "/storageTier",
                                              SNAPSHOT "/fullSnapshotSizeInBytes",
                                              SNAPSHOT "/statusMessage",
                                              TAG "/key",
                                              TAG "/value",
                                              NULL};

static void take_tag(struct bak_aws *aws, const char *key, const char *value)
{
    if (aws->group_tag != NULL && strcmp(aws->group_tag, key) == 0)
        snprintf(aws->group, sizeof aws->group, "%s", value);
    if (aws->time_tag != NULL && strcmp(aws->time_tag, key) == 0)
        aws->original = dr_moment_read(value);
}

/* A copy's volume is an arbitrary one, and it is dated by when it was copied. */
static bool is_copy(const char *const *values)
{
    static const char *const words[] = {"[Copied snap-", "Copied for DestinationAmi "};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strncmp(values[DESCRIPTION], words[i], strlen(words[i])) == 0)
            return true;
    }
    return strcmp(values[OF], "vol-ffffffff") == 0;
}

static void set_data(const struct bak_aws *aws, const char *const *values,
                     struct bak_aws_backup *backup)
{
    struct dr_opt_real ended = dr_moment_read(values[ENDED]);
    backup->data = backup->began = dr_moment_read(values[BEGAN]);
    if (is_copy(values)) {
        backup->data = aws->original;
        /* a copy cannot be older than itself */
        if (backup->data.known && backup->data.value > backup->began.value)
            backup->data = backup->began;
    }
    if (ended.known && backup->data.known && ended.value >= backup->data.value)
        backup->usable = ended;
}

static void set_status(const char *const *values, struct bak_aws_backup *backup, char *why,
                       size_t size)
{
    static const struct {
        const char *word;
        enum bak_status status;
    } words[] = {{"pending", BAK_RUNNING},
                 {"error", BAK_FAILED},
                 {"recoverable", BAK_FAILED}, /* in the recycle bin */
                 {"recovering", BAK_RUNNING}};
    backup->why = why;
    if (strcmp(values[STATUS], "completed") == 0) {
        backup->status = backup->data.known ? BAK_COMPLETE : BAK_UNSEEN;
        snprintf(why, size,
                 "a copy, which does not say when its original was taken: name the tag that does "
                 "(time-tag=)");
        return;
    }
    backup->status = BAK_UNSEEN;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, values[STATUS]) == 0)
            backup->status = words[i].status;
    }
    snprintf(why, size, "its status is \"%.40s\"%s%.8s%s%.80s", values[STATUS],
             values[PROGRESS][0] != '\0' ? ", " : "", values[PROGRESS],
             values[MESSAGE][0] != '\0' ? ": " : "", values[MESSAGE]);
}

static void add_snapshot(struct bak_aws *aws, const char *name, struct bak_aws_thing *thing,
                         const char *const *values)
{
    char why[200], *end;
    struct bak_aws_backup backup = {.name = values[NAME], .kind = "EBS snapshot"};
    set_data(aws, values, &backup);
    set_status(values, &backup, why, sizeof why);
    if (values[TIER][0] != '\0' && strcmp(values[TIER], "standard") != 0)
        backup.tier = values[TIER];
    long long size = strtoll(values[SIZE], &end, 10);
    if (values[SIZE][0] != '\0' && *end == '\0' && size > 0)
        backup.content = dr_int(size);
    bak_aws_add_point(aws, bak_aws_series(aws, thing, name), &backup);
}

static bool take_whole(struct bak_aws *aws, const char *const *values, const char *group,
                       struct dr_error *error)
{
    const char *lacks = values[NAME][0] == '\0'                ? "its snapshotId"
                        : values[OF][0] == '\0'                ? "its volumeId"
                        : values[STATUS][0] == '\0'            ? "its status"
                        : !dr_moment_read(values[BEGAN]).known ? "its startTime"
                                                               : NULL;
    aws->facts->looked++;
    if (lacks != NULL)
        return bak_aws_lacks(error, "snapshot", lacks);
    const char *name = aws->group_tag != NULL ? group : values[OF];
    if (name[0] == '\0' || !bak_aws_is_wanted(aws, name))
        return true;
    struct bak_aws_thing *thing =
        aws->group_tag == NULL ? bak_aws_find_thing(aws, values[OF]) : NULL;
    if (thing == NULL && aws->known && !is_copy(values) && !bak_aws_is_named(aws, name)) {
        aws->gone++;
        return true;
    }
    add_snapshot(aws, name, thing, values);
    return true;
}

static bool take_snapshot(struct bak_aws *aws, const char *const *values, bool inner,
                          struct dr_error *error)
{
    if (inner) {
        take_tag(aws, values[KEY], values[VALUE]);
        return true;
    }
    bool ok = take_whole(aws, values, aws->group, error);
    aws->group[0] = '\0';
    aws->original = (struct dr_opt_real){.known = false};
    return ok;
}

const struct bak_aws_list bak_aws_snapshots = {
    LIST("DescribeSnapshots", "snapshotSet", "list the EBS snapshots", "1000"), .inner = TAG,
    .fields = snapshot_fields, .take = take_snapshot};
