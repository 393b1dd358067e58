/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an API server says of Velero and of snapshots of volumes, what a bucket holds, and a
 * schedule: each text is read as each of them. */
#include "tests/fuzz/fuzz.h"

#include "common/client/kubernetes_list.h"
#include "plugins/backups/cron.h"
#include "plugins/backups/snapshot_read.h"
#include "plugins/backups/velero_read.h"

static const struct bak_request request = {.now = 1790000000, .window = 604800, .skew = 300};

static bool read_list(const char *text, const char *kind, const char *version,
                      dr_kubernetes_take *take, void *list)
{
    const struct dr_kubernetes_shape shape = {kind, version, take, list};
    struct dr_kubernetes_page page;
    struct dr_error error = {.class = DR_ERR_NONE};
    bool ok = dr_kubernetes_read_list(text, &shape, &page, &error);
    MUST(ok == (error.class == DR_ERR_NONE));
    MUST(ok || error.class == DR_ERR_PROTOCOL);
    return ok;
}

/* What counts as a backup has all that is needed to say so. */
static void check_facts(struct bak_facts *facts)
{
    MUST(!facts->no_memory);
    for (size_t i = 0; i < facts->series_count; i++) {
        const struct bak_series *series = &facts->series[i];
        MUST(series->point_count <= BAK_VELERO_POINTS);
        MUST(!series->period.known || series->period.value > 0);
        for (size_t k = 0; k < series->point_count; k++) {
            const struct bak_point *point = &series->points[k];
            MUST(point->status != BAK_COMPLETE || point->data.known ||
                 (point->expires.known && point->expires.value <= request.now));
            MUST(point->status == BAK_COMPLETE || point->status == BAK_RUNNING ||
                 point->why != NULL);
        }
    }
    bak_facts_free(facts);
}

static void read_velero(const char *text)
{
    struct bak_facts facts = {.product = BAK_VELERO};
    struct velero_backups backups = {.items = NULL};
    struct velero_volumes volumes = {.items = NULL};
    struct velero_schedules schedules = {.items = NULL};
    struct velero_locations locations = {.items = NULL};
    static const char version[] = "velero.io/v1";
    velero_read_backup(text, &backups, NULL);
    bool any = read_list(text, "Backup", version, velero_take_backup, &backups);
    read_list(text, "PodVolumeBackup", version, velero_take_volume, &volumes);
    read_list(text, "Schedule", version, velero_take_schedule, &schedules);
    read_list(text, "BackupStorageLocation", version, velero_take_location, &locations);
    velero_join_volumes(&backups, &volumes);
    if (any || backups.count > 0)
        velero_add_backups(&facts, &backups, &request);
    velero_add_schedules(&facts, &schedules, &request);
    velero_add_locations(&facts, &locations, &backups, request.now);
    check_facts(&facts);
    free(backups.items);
    free(volumes.items);
    free(schedules.items);
    free(locations.items);
}

static void read_volumes(const char *text)
{
    struct bak_facts facts = {.product = BAK_VOLUME_SNAPSHOT};
    struct snapshots snapshots = {.items = NULL};
    struct snapshot_contents contents = {.namespace = "shop"};
    struct snapshot_claims claims = {.names = NULL};
    static const char version[] = "snapshot.storage.k8s.io/v1";
    read_list(text, "VolumeSnapshot", version, snapshot_take, &snapshots);
    read_list(text, "VolumeSnapshotContent", version, snapshot_take_content, &contents);
    read_list(text, "PersistentVolumeClaim", "v1", snapshot_take_claim, &claims);
    snapshot_add(&facts, &snapshots, contents.count > 0 ? &contents : NULL, &claims, &request);
    check_facts(&facts);
    free(snapshots.items);
    free(contents.items);
    free(claims.names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    read_velero(text);
    read_volumes(text);
    for (int seconds = 0; seconds < 2; seconds++) {
        struct dr_opt_real period = bak_cron_period(text, seconds != 0);
        MUST(!period.known || period.value > 0);
    }
    snapshot_read_quantity(text);
    free(text);
    return 0;
}
