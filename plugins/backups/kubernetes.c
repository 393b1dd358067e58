/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source of Kubernetes: snapshots of volumes, and Velero's backups, as the API server lists
 * them. All lists are asked for at once. */
#include "common/client/kubernetes_ask.h"
#include "common/module.h"
#include "plugins/backups/snapshot_read.h"
#include "plugins/backups/velero_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTS_MAX 5
#define LABEL_MAX 63
#define ROLE "rbac-backups.yaml"

/* How a list is read, and what to. */
struct reading {
    struct dr_kubernetes_shape shape;
    size_t *count; /* of what came so far */
};

static bool take_page(void *context, const char *text, struct dr_kubernetes_page *page,
                      struct dr_error *error)
{
    const struct reading *reading = context;
    return dr_kubernetes_read_list(text, &reading->shape, page, error);
}

static void clear(void *context)
{
    const struct reading *reading = context;
    *reading->count = 0;
}

/* A right that is missing, or a server that does not answer, for a list that is of use but not the
 * backups themselves: what it would have told is unknown. */
static bool has(struct bak_facts *facts, const struct dr_kubernetes_list *list, const char *what)
{
    if (list->ok)
        return true;
    bak_facts_sign(facts, NULL, BAK_UNREADABLE, "%s: %s", what, list->error.text);
    return false;
}

/* ---- Velero ---- */

struct velero {
    struct velero_backups backups;
    struct velero_volumes volumes; /* of both kinds */
    struct velero_volumes uploads;
    struct velero_schedules schedules;
    struct velero_locations locations;
    char *query;
};

enum { BACKUPS = 0, VOLUMES, UPLOADS, SCHEDULES, LOCATIONS };

#define VELERO_LIST(resource_, version_)                                                           \
    {                                                                                              \
        .group = "apis/velero.io/" version_, .resource = resource_, .query = "",                   \
        .stage = "list " resource_, .grant = "list " resource_ " (API group velero.io)",           \
        .take = take_page, .clear = clear                                                          \
    }

static void add_velero(struct bak_facts *facts, struct velero *velero,
                       const struct dr_kubernetes_list *lists, const struct bak_request *request)
{
    if (has(facts, &lists[VOLUMES], "PodVolumeBackups"))
        velero_join_volumes(&velero->backups, &velero->volumes);
    /* Velero before 1.12 has none */
    if (!lists[UPLOADS].absent && has(facts, &lists[UPLOADS], "DataUploads"))
        velero_join_volumes(&velero->backups, &velero->uploads);
    velero_add_backups(facts, &velero->backups, request);
    if (has(facts, &lists[SCHEDULES], "Schedules"))
        velero_add_schedules(facts, &velero->schedules, request);
    if (has(facts, &lists[LOCATIONS], "BackupStorageLocations"))
        velero_add_locations(facts, &velero->locations, &velero->backups, request->now);
}

/* schedule=NAME: what is of others goes. */
static void keep_schedule(struct bak_facts *facts, struct velero *velero, const char *wanted)
{
    size_t backups = 0, schedules = 0;
    for (size_t i = 0; i < velero->backups.count; i++) {
        if (strcmp(velero->backups.items[i].schedule, wanted) == 0)
            velero->backups.items[backups++] = velero->backups.items[i];
    }
    for (size_t i = 0; i < velero->schedules.count; i++) {
        if (strcmp(velero->schedules.items[i].name, wanted) == 0)
            velero->schedules.items[schedules++] = velero->schedules.items[i];
    }
    velero->backups.count = backups;
    velero->schedules.count = schedules;
    if (backups == 0 && schedules == 0)
        bak_facts_sign(facts, NULL, BAK_NO_SUCH_SERIES, "Schedule %s", wanted);
}

/* A label that is so long is cut by Velero: then all are listed. */
static bool make_query(struct velero *velero, const char *schedule, struct dr_error *error)
{
    struct dr_buffer query = DR_BUFFER(1024);
    dr_buffer_add(&query, "");
    if (schedule != NULL && strlen(schedule) <= LABEL_MAX) {
        dr_buffer_add(&query, "&labelSelector=");
        dr_http_encode(&query, "velero.io/schedule-name=");
        dr_http_encode(&query, schedule);
    }
    velero->query = dr_buffer_take(&query);
    return velero->query != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool ask_velero(const struct dr_kubernetes_api *api, struct velero *velero,
                       const char *schedule, struct bak_facts *facts, struct dr_error *error)
{
    struct reading readings[LISTS_MAX] = {
        [BACKUPS] = {{"Backup", "velero.io/v1", velero_take_backup, &velero->backups},
                     &velero->backups.count},
        [VOLUMES] = {{"PodVolumeBackup", "velero.io/v1", velero_take_volume, &velero->volumes},
                     &velero->volumes.count},
        [UPLOADS] = {{"DataUpload", "velero.io/v2alpha1", velero_take_volume, &velero->uploads},
                     &velero->uploads.count},
        [SCHEDULES] = {{"Schedule", "velero.io/v1", velero_take_schedule, &velero->schedules},
                       &velero->schedules.count},
        [LOCATIONS] = {{"BackupStorageLocation", "velero.io/v1", velero_take_location,
                        &velero->locations},
                       &velero->locations.count},
    };
    struct dr_kubernetes_list lists[LISTS_MAX] = {
        [BACKUPS] = VELERO_LIST("backups", "v1"),
        [VOLUMES] = VELERO_LIST("podvolumebackups", "v1"),
        [UPLOADS] = VELERO_LIST("datauploads", "v2alpha1"),
        [SCHEDULES] = VELERO_LIST("schedules", "v1"),
        [LOCATIONS] = VELERO_LIST("backupstoragelocations", "v1"),
    };
    for (size_t i = 0; i < LISTS_MAX; i++)
        lists[i].context = &readings[i];
    lists[BACKUPS].query = velero->query;
    if (!dr_kubernetes_ask(api, lists, LISTS_MAX, error))
        return false;
    if (!lists[BACKUPS].ok) {
        *error = lists[BACKUPS].error;
        return false;
    }
    facts->clock = lists[BACKUPS].date;
    facts->looked = (int64_t)velero->backups.count;
    if (schedule != NULL)
        keep_schedule(facts, velero, schedule);
    add_velero(facts, velero, lists, dr_task_request(api->task));
    return true;
}

static bool look_at_velero(const struct dr_kubernetes_api *api, struct bak_facts *facts,
                           struct dr_error *error)
{
    struct velero velero = {.query = NULL};
    const char *schedule = dr_uri_param(&dr_task_target(api->task)->uri, "schedule");
    bak_facts_text(facts, &facts->what, "Velero");
    bool ok =
        make_query(&velero, schedule, error) && ask_velero(api, &velero, schedule, facts, error);
    free(velero.backups.items);
    free(velero.volumes.items);
    free(velero.uploads.items);
    free(velero.schedules.items);
    free(velero.locations.items);
    free(velero.query);
    return ok;
}

/* ---- snapshots ---- */

struct volumes {
    struct snapshots snapshots;
    struct snapshot_contents contents;
    struct snapshot_claims claims;
};

enum { SNAPSHOTS = 0, CONTENTS, CLAIMS, SNAPSHOT_LISTS };

static bool ask_snapshots(const struct dr_kubernetes_api *api, struct volumes *volumes,
                          struct bak_facts *facts, struct dr_error *error)
{
    static const char version[] = "snapshot.storage.k8s.io/v1";
    struct reading readings[SNAPSHOT_LISTS] = {
        [SNAPSHOTS] = {{"VolumeSnapshot", version, snapshot_take, &volumes->snapshots},
                       &volumes->snapshots.count},
        [CONTENTS] = {{"VolumeSnapshotContent", version, snapshot_take_content, &volumes->contents},
                      &volumes->contents.count},
        [CLAIMS] = {{"PersistentVolumeClaim", "v1", snapshot_take_claim, &volumes->claims},
                    &volumes->claims.count},
    };
    struct dr_kubernetes_list lists[SNAPSHOT_LISTS] = {
        [SNAPSHOTS] = {.group = "apis/snapshot.storage.k8s.io/v1",
                       .resource = "volumesnapshots",
                       .stage = "list volumesnapshots",
                       .grant = "list volumesnapshots (API group snapshot.storage.k8s.io)"},
        [CONTENTS] = {.group = "apis/snapshot.storage.k8s.io/v1",
                      .resource = "volumesnapshotcontents",
                      .stage = "list volumesnapshotcontents",
                      .whole_cluster = true,
                      .grant = "list volumesnapshotcontents (API group snapshot.storage.k8s.io)"},
        [CLAIMS] = {.group = "api/v1",
                    .resource = "persistentvolumeclaims",
                    .stage = "list persistentvolumeclaims",
                    .grant = "list persistentvolumeclaims (core API group \"\")"},
    };
    for (size_t i = 0; i < SNAPSHOT_LISTS; i++) {
        lists[i].query = "";
        lists[i].take = take_page;
        lists[i].clear = clear;
        lists[i].context = &readings[i];
    }
    if (!dr_kubernetes_ask(api, lists, SNAPSHOT_LISTS, error))
        return false;
    if (!lists[SNAPSHOTS].ok) {
        *error = lists[SNAPSHOTS].error;
        return false;
    }
    facts->clock = lists[SNAPSHOTS].date;
    facts->looked = (int64_t)volumes->snapshots.count;
    const struct snapshot_contents *contents =
        has(facts, &lists[CONTENTS], "what the snapshots are bound to") ? &volumes->contents : NULL;
    const struct snapshot_claims *claims =
        has(facts, &lists[CLAIMS], "which claims there are") ? &volumes->claims : NULL;
    snapshot_add(facts, &volumes->snapshots, contents, claims, dr_task_request(api->task));
    return true;
}

static bool look_at_snapshots(const struct dr_kubernetes_api *api, struct bak_facts *facts,
                              struct dr_error *error)
{
    struct volumes volumes = {.contents = {.namespace = api->access->namespace}};
    bak_facts_text(facts, &facts->what, "VolumeSnapshots");
    bool ok = ask_snapshots(api, &volumes, facts, error);
    free(volumes.snapshots.items);
    free(volumes.contents.items);
    free(volumes.claims.names);
    return ok;
}

/* ---- both ---- */

static bool probe(struct dr_task *task, void *memory, struct dr_error *error)
{
    static const struct dr_web_options none = {.ca_file = NULL};
    static const char *const velero_keys[] = {"schedule", DR_KUBERNETES_PARAMETERS, NULL};
    static const char *const snapshot_keys[] = {DR_KUBERNETES_PARAMETERS, NULL};
    struct bak_facts *facts = memory;
    struct dr_kubernetes_access access = {.namespace = NULL};
    struct dr_kubernetes_api api = {.task = task, .access = &access, .role = ROLE};
    const struct dr_target *target = dr_task_target(task);
    bool velero = strcmp(target->scheme->scheme, "velero") == 0;
    facts->product = velero ? BAK_VELERO : BAK_VOLUME_SNAPSHOT;
    bool ok = dr_uri_has_only(&target->uri, velero ? velero_keys : snapshot_keys, error) &&
              dr_kubernetes_access_read(task, &none, velero ? "velero" : NULL, &access, error);
    if (ok) {
        api.http = dr_http_new(task, error);
        ok = api.http != NULL &&
             (velero ? look_at_velero(&api, facts, error) : look_at_snapshots(&api, facts, error));
        dr_http_free(api.http);
    }
    facts->complete = ok;
    dr_kubernetes_access_free(&access);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(backups, kubernetes);
const struct dr_source DR_SOURCE_SYMBOL(backups, kubernetes) = {
    .abi = DR_SOURCE_ABI,
    .group = "backups",
    .name = "kubernetes",
    .facts_size = sizeof(struct bak_facts),
    .library = dr_http_library,
    .probe = probe,
};
