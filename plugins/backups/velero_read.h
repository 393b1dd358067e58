/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Velero writes down (its API group velero.io/v1), in the cluster or in the bucket, and what
 * that says of its backups.
 *
 * The API leaves a number out that is zero ("omitempty" in its types): it is zero where it is
 * missing. A moment that is missing is unknown. Readers take an object that is already open. */
#ifndef BACKUPS_VELERO_READ_H
#define BACKUPS_VELERO_READ_H

#include "common/client/kubernetes_list.h"
#include "plugins/backups/request.h"

#define VELERO_NAME_SIZE DR_KUBERNETES_NAME_SIZE
#define VELERO_TEXT_SIZE 200

struct velero_backup {
    char name[VELERO_NAME_SIZE];
    char schedule[VELERO_NAME_SIZE]; /* its label; "": made by hand */
    char phase[64];                  /* "": the server has not looked at it yet */
    char location[VELERO_NAME_SIZE]; /* its BackupStorageLocation */
    char reason[VELERO_TEXT_SIZE];   /* why it failed, in Velero's words */
    bool deleting;
    struct dr_opt_real created; /* the object: of its copy, where it was synchronised */
    struct dr_opt_real started;
    struct dr_opt_real completed; /* of one that failed, too */
    struct dr_opt_real expires;
    bool progress;       /* the next two were told */
    int64_t total, done; /* items */
    int64_t errors, warnings;
    int64_t native, native_done; /* snapshots of volumes */
    int64_t csi, csi_done;
    int64_t operations, operations_done, operations_failed;
    int64_t hooks_failed;
    /* of its PodVolumeBackups and DataUploads, as far as they were looked at */
    int64_t volumes, volumes_done;
    char volume[VELERO_NAME_SIZE]; /* the first that is not done, and why */
    char volume_why[VELERO_TEXT_SIZE];
};

struct velero_backups {
    struct velero_backup *items;
    size_t count;
};

/* A PodVolumeBackup or a DataUpload: the data of one volume of a backup. */
struct velero_volume {
    char name[VELERO_NAME_SIZE];
    char backup[VELERO_NAME_SIZE];
    char volume[VELERO_NAME_SIZE]; /* which: "web-0/data" */
    char phase[64];
    struct dr_opt_int total, done; /* bytes */
};

struct velero_volumes {
    struct velero_volume *items;
    size_t count;
};

struct velero_schedule {
    char name[VELERO_NAME_SIZE];
    char cron[128];
    char phase[64];
    char wrong[VELERO_TEXT_SIZE]; /* what is wrong with it, in Velero's words */
    bool paused;
    struct dr_opt_real created;
};

struct velero_schedules {
    struct velero_schedule *items;
    size_t count;
};

struct velero_location {
    char name[VELERO_NAME_SIZE];
    char phase[64];
    char message[VELERO_TEXT_SIZE];
    bool fallback;             /* of backups that name none */
    bool unwatched;            /* it is never looked at (validationFrequency 0s) */
    struct dr_opt_real looked; /* when Velero looked at it last */
};

struct velero_locations {
    struct velero_location *items;
    size_t count;
};

/* Each adds to its list (context); false with the error set (PROTOCOL for one without a name,
 * INTERNAL without memory). They fit dr_kubernetes_take. */
bool velero_take_backup(struct dr_json *reader, void *backups, struct dr_error *error);
bool velero_take_volume(struct dr_json *reader, void *volumes, struct dr_error *error);
bool velero_take_schedule(struct dr_json *reader, void *schedules, struct dr_error *error);
bool velero_take_location(struct dr_json *reader, void *locations, struct dr_error *error);

/* velero-backup.json of a bucket: one Backup. False with the error set (PROTOCOL) for anything
 * else. */
bool velero_read_backup(const char *text, struct velero_backups *backups, struct dr_error *error);

/* Gives each backup what was seen of its volumes. */
void velero_join_volumes(struct velero_backups *backups, const struct velero_volumes *volumes);

/* Adds the backups as points, each to the series of its schedule: the newest BAK_VELERO_POINTS of
 * them, and the count and the oldest of all. Those that were made by hand are counted only where
 * nothing else is there: one of last year is no fault. */
#define BAK_VELERO_POINTS 512
void velero_add_backups(struct bak_facts *facts, struct velero_backups *backups,
                        const struct bak_request *request);

/* One of them, as it is: the series must be there. */
struct bak_point *velero_add_point(struct bak_facts *facts, struct bak_series *series,
                                   const struct velero_backup *backup, double now);

/* What its schedule says: how often, paused, refused; a series for one without a backup. */
void velero_add_schedules(struct bak_facts *facts, const struct velero_schedules *schedules,
                          const struct bak_request *request);

/* Is where backups go available? Those that `backups` name, and the fallback. */
void velero_add_locations(struct bak_facts *facts, const struct velero_locations *locations,
                          const struct velero_backups *backups, double now);

#endif
