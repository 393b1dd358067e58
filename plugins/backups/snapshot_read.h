/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots of volumes in Kubernetes (API group snapshot.storage.k8s.io/v1), the objects that they
 * are bound to, and the claims that should have some. Readers take an object that is already open.
 */
#ifndef BACKUPS_SNAPSHOT_READ_H
#define BACKUPS_SNAPSHOT_READ_H

#include "common/client/kubernetes_list.h"
#include "plugins/backups/request.h"

#define SNAPSHOT_NAME_SIZE DR_KUBERNETES_NAME_SIZE
#define SNAPSHOT_TEXT_SIZE 200

struct snapshot {
    char name[SNAPSHOT_NAME_SIZE];
    char claim[SNAPSHOT_NAME_SIZE];   /* whose it is; "": it was imported */
    char content[SNAPSHOT_NAME_SIZE]; /* the object that it is bound to; "": none yet */
    char error[SNAPSHOT_TEXT_SIZE];   /* in the driver's words */
    bool failed;                      /* there is an error */
    bool deleting;
    struct dr_opt_real requested; /* the object was made */
    struct dr_opt_real taken;     /* the moment of its data */
    struct dr_opt_bool ready;
    struct dr_opt_int size; /* bytes that a volume needs to be restored to */
};

struct snapshots {
    struct snapshot *items;
    size_t count;
};

struct snapshot_content {
    char name[SNAPSHOT_NAME_SIZE];
    char namespace[SNAPSHOT_NAME_SIZE]; /* of the snapshot that it points back to */
    char snapshot[SNAPSHOT_NAME_SIZE];
    bool deleted_with; /* deletionPolicy Delete: with the snapshot goes the data */
    bool deleting;
};

struct snapshot_contents {
    const char *namespace; /* only those that point to it are kept */
    struct snapshot_content *items;
    size_t count;
};

struct snapshot_claims {
    char (*names)[SNAPSHOT_NAME_SIZE];
    size_t count;
};

/* Each adds to its list (context); false with the error set (PROTOCOL for one without a name,
 * INTERNAL without memory). They fit dr_kubernetes_take. */
bool snapshot_take(struct dr_json *reader, void *snapshots, struct dr_error *error);
bool snapshot_take_content(struct dr_json *reader, void *contents, struct dr_error *error);
bool snapshot_take_claim(struct dr_json *reader, void *claims, struct dr_error *error);

/* "10Gi", "500M", "1536": a quantity of Kubernetes in bytes. Unknown for what is none, or no whole
 * number of bytes (fractions are read with the suffix they have: "1.5Gi"). */
struct dr_opt_int snapshot_read_quantity(const char *text);

/* Adds them as points, each to the series of its claim. `contents`, `claims`: NULL where they could
 * not be seen, which a sign must say. */
void snapshot_add(struct bak_facts *facts, struct snapshots *snapshots,
                  const struct snapshot_contents *contents, const struct snapshot_claims *claims,
                  const struct bak_request *request);

#endif
