/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/snapshot_read.h"

#include "plugins/backups/wanted.h"

#include <stdlib.h>
#include <string.h>

#define POINTS_MAX 512
/* A claim gets its first snapshot by the next run of whatever makes them. */
#define QUANTITY_MAX 9e18

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- values ---- */

struct dr_opt_int snapshot_read_quantity(const char *text)
{
    static const struct {
        const char *suffix;
        double factor;
    } suffixes[] = {{"", 1},
                    {"k", 1e3},
                    {"M", 1e6},
                    {"G", 1e9},
                    {"T", 1e12},
                    {"P", 1e15},
                    {"E", 1e18},
                    {"Ki", 1024.0},
                    {"Mi", 1024.0 * 1024},
                    {"Gi", 1024.0 * 1024 * 1024},
                    {"Ti", 1024.0 * 1024 * 1024 * 1024},
                    {"Pi", 1024.0 * 1024 * 1024 * 1024 * 1024},
                    {"Ei", 1024.0 * 1024 * 1024 * 1024 * 1024 * 1024}};
    char *end;
    if (text[0] < '0' || text[0] > '9' || text[strspn(text, "0123456789.eEkKMGTPi")] != '\0')
        return (struct dr_opt_int){.known = false};
    double number = strtod(text, &end);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        double bytes = number * suffixes[i].factor;
        if (strcmp(end, suffixes[i].suffix) == 0 && bytes < QUANTITY_MAX)
            return dr_int((int64_t)bytes);
    }
    return (struct dr_opt_int){.known = false};
}

static void read_name(struct dr_json *reader, char name[SNAPSHOT_NAME_SIZE])
{
    dr_json_text(reader, name, SNAPSHOT_NAME_SIZE);
}

static void read_identity(struct dr_json *reader, struct dr_kubernetes_identity *identity)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (!dr_kubernetes_read_identity(reader, name, identity))
            dr_json_skip(reader);
    }
}

static bool check_name(const char *kind, const char *name, struct dr_error *error)
{
    return name[0] != '\0' || dr_error_set(error, DR_ERR_PROTOCOL, "a %s without a name", kind);
}

/* ---- snapshots ---- */

static void read_error(struct dr_json *reader, struct snapshot *snapshot)
{
    char name[64];
    snapshot->failed = dr_json_kind(reader) != 'n';
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "message") == 0)
            dr_kubernetes_read_words(reader, snapshot->error, sizeof snapshot->error);
        else
            dr_json_skip(reader);
    }
}

static void read_status(struct dr_json *reader, struct snapshot *snapshot)
{
    char name[64], quantity[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "readyToUse") == 0) {
            snapshot->ready = dr_json_bool(reader);
        } else if (strcmp(name, "creationTime") == 0) {
            snapshot->taken = dr_kubernetes_read_moment(reader);
        } else if (strcmp(name, "boundVolumeSnapshotContentName") == 0) {
            read_name(reader, snapshot->content);
        } else if (strcmp(name, "error") == 0) {
            read_error(reader, snapshot);
        } else if (strcmp(name, "restoreSize") == 0) {
            if (dr_json_text(reader, quantity, sizeof quantity))
                snapshot->size = snapshot_read_quantity(quantity);
        } else {
            dr_json_skip(reader);
        }
    }
}

static void read_spec(struct dr_json *reader, struct snapshot *snapshot)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "source") == 0)
            dr_kubernetes_read_member(reader, "persistentVolumeClaimName", snapshot->claim,
                                      sizeof snapshot->claim);
        else
            dr_json_skip(reader);
    }
}

bool snapshot_take(struct dr_json *reader, void *context, struct dr_error *error)
{
    struct snapshots *list = context;
    void *items = list->items;
    struct snapshot *snapshot = dr_kubernetes_add(&items, &list->count, sizeof *snapshot);
    struct dr_kubernetes_identity identity = {.name = ""};
    char name[64];
    list->items = items;
    if (snapshot == NULL)
        return no_memory(error);
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "metadata") == 0)
            read_identity(reader, &identity);
        else if (strcmp(name, "spec") == 0)
            read_spec(reader, snapshot);
        else if (strcmp(name, "status") == 0)
            read_status(reader, snapshot);
        else
            dr_json_skip(reader);
    }
    memcpy(snapshot->name, identity.name, sizeof snapshot->name);
    snapshot->requested = identity.created;
    snapshot->deleting = identity.deleting;
    return check_name("VolumeSnapshot", snapshot->name, error);
}

/* ---- contents and claims ---- */

static void read_reference(struct dr_json *reader, struct snapshot_content *content)
{
    char name[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "name") == 0)
            read_name(reader, content->snapshot);
        else if (strcmp(name, "namespace") == 0)
            read_name(reader, content->namespace);
        else
            dr_json_skip(reader);
    }
}

static void read_content_spec(struct dr_json *reader, struct snapshot_content *content)
{
    char name[64], policy[32];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "volumeSnapshotRef") == 0)
            read_reference(reader, content);
        else if (strcmp(name, "deletionPolicy") == 0)
            content->deleted_with =
                dr_json_text(reader, policy, sizeof policy) && strcmp(policy, "Delete") == 0;
        else
            dr_json_skip(reader);
    }
}

bool snapshot_take_content(struct dr_json *reader, void *context, struct dr_error *error)
{
    struct snapshot_contents *list = context;
    void *items = list->items;
    struct snapshot_content *content = dr_kubernetes_add(&items, &list->count, sizeof *content);
    struct dr_kubernetes_identity identity = {.name = ""};
    char name[64];
    list->items = items;
    if (content == NULL)
        return no_memory(error);
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "metadata") == 0)
            read_identity(reader, &identity);
        else if (strcmp(name, "spec") == 0)
            read_content_spec(reader, content);
        else
            dr_json_skip(reader);
    }
    memcpy(content->name, identity.name, sizeof content->name);
    content->deleting = identity.deleting;
    if (!check_name("VolumeSnapshotContent", content->name, error))
        return false;
    /* the list is of the whole cluster */
    if (strcmp(content->namespace, list->namespace) != 0)
        list->count--;
    return true;
}

bool snapshot_take_claim(struct dr_json *reader, void *context, struct dr_error *error)
{
    struct snapshot_claims *list = context;
    void *items = list->names;
    struct dr_kubernetes_identity identity = {.name = ""};
    char name[64];
    char(*into)[SNAPSHOT_NAME_SIZE] = dr_kubernetes_add(&items, &list->count, sizeof *into);
    list->names = items;
    if (into == NULL)
        return no_memory(error);
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "metadata") == 0)
            read_identity(reader, &identity);
        else
            dr_json_skip(reader);
    }
    memcpy(*into, identity.name, sizeof *into);
    return check_name("PersistentVolumeClaim", *into, error);
}

/* ---- facts ---- */

static const struct snapshot_content *find_content(const struct snapshot_contents *contents,
                                                   const char *name)
{
    for (size_t i = 0; i < contents->count; i++) {
        if (strcmp(contents->items[i].name, name) == 0)
            return &contents->items[i];
    }
    return NULL;
}

/* Both sides must point at each other before a snapshot may be used, says the API. */
static bool is_bound(const struct snapshot *snapshot, const struct snapshot_contents *contents,
                     const struct snapshot_content **content)
{
    *content = find_content(contents, snapshot->content);
    return *content != NULL && strcmp((*content)->snapshot, snapshot->name) == 0;
}

static void judge_ready(struct bak_facts *facts, struct bak_series *series, struct bak_point *point,
                        const struct snapshot *snapshot, const struct snapshot_contents *contents)
{
    const struct snapshot_content *content = NULL;
    point->proof = BAK_WELLFORMED;
    if (!snapshot->taken.known)
        bak_facts_status(facts, point, BAK_UNSEEN, "it is ready, and has no creationTime");
    else if (snapshot->content[0] == '\0')
        bak_facts_status(facts, point, BAK_UNSEEN,
                         "it is ready, and not bound to a VolumeSnapshotContent");
    else if (contents != NULL && !is_bound(snapshot, contents, &content)) {
        bak_facts_status(facts, point, BAK_PARTIAL, "its VolumeSnapshotContent %.100s %s",
                         snapshot->content,
                         content == NULL ? "is not there" : "is of another snapshot");
        bak_facts_sign(facts, series, BAK_CATALOGUE_LIES, "VolumeSnapshotContent %.200s of %.200s",
                       snapshot->content, snapshot->name);
    } else if (content != NULL && content->deleting) {
        point->expires = snapshot->taken;
    }
}

static void add_point(struct bak_facts *facts, struct bak_series *series,
                      const struct snapshot *snapshot, const struct snapshot_contents *contents,
                      double now)
{
    struct bak_point *point = bak_facts_point(facts, series, snapshot->name);
    if (point == NULL)
        return;
    bak_facts_text(facts, &point->kind, "VolumeSnapshot");
    point->data = snapshot->taken;
    point->began = snapshot->requested;
    point->content = snapshot->size;
    if (snapshot->deleting)
        point->expires = dr_real(now); /* as good as gone */
    else if (snapshot->ready.known && snapshot->ready.value)
        judge_ready(facts, series, point, snapshot, contents);
    else if (snapshot->failed)
        bak_facts_status(facts, point, BAK_FAILED, "%s",
                         snapshot->error[0] != '\0' ? snapshot->error : "an error without words");
    else if (!snapshot->ready.known && snapshot->taken.known)
        bak_facts_status(facts, point, BAK_UNSEEN, "it does not say whether it is ready");
    else
        point->status = BAK_RUNNING;
}

static double moment_of(const struct snapshot *snapshot)
{
    return snapshot->taken.known       ? snapshot->taken.value
           : snapshot->requested.known ? snapshot->requested.value
                                       : 0;
}

static int by_newest(const void *a, const void *b)
{
    double first = moment_of(a), second = moment_of(b);
    return first > second ? -1 : first < second ? 1 : 0;
}

static void add_claims(struct bak_facts *facts, const struct snapshot_claims *claims,
                       const struct bak_request *request)
{
    size_t snapped = facts->series_count;
    for (size_t i = 0; i < snapped; i++) {
        bool there = facts->series[i].name[0] == '\0';
        for (size_t k = 0; !there && k < claims->count; k++)
            there = strcmp(claims->names[k], facts->series[i].name) == 0;
        facts->series[i].gone = !there;
    }
    for (size_t k = 0; k < claims->count; k++) {
        if (!bak_wanted(request, claims->names[k]))
            continue;
        size_t before = facts->series_count;
        struct bak_series *series = bak_facts_series(facts, claims->names[k]);
        if (series != NULL && facts->series_count > before)
            series->expected_only = true;
    }
}

/* A claim, its snapshots and their contents are all deleted with their namespace. */
static void tell_policy(struct bak_facts *facts, const struct snapshot_contents *contents)
{
    size_t count = 0;
    for (size_t i = 0; i < contents->count; i++)
        count += contents->items[i].deleted_with ? 1 : 0;
    if (count > 0)
        bak_facts_sign(facts, NULL, BAK_NOTE,
                       "deletionPolicy Delete of %zu: they are deleted with their namespace",
                       count);
}

void snapshot_add(struct bak_facts *facts, struct snapshots *snapshots,
                  const struct snapshot_contents *contents, const struct snapshot_claims *claims,
                  const struct bak_request *request)
{
    if (snapshots->count > 0)
        qsort(snapshots->items, snapshots->count, sizeof *snapshots->items, by_newest);
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct snapshot *snapshot = &snapshots->items[i];
        if (!bak_wanted(request, snapshot->claim))
            continue;
        struct bak_series *series = bak_facts_series(facts, snapshot->claim);
        if (series == NULL)
            return;
        series->total = dr_int(series->total.known ? series->total.value + 1 : 1);
        if (snapshot->ready.known && snapshot->ready.value && !snapshot->deleting)
            series->oldest = snapshot->taken;
        if (series->point_count < POINTS_MAX)
            add_point(facts, series, snapshot, contents, request->now);
    }
    if (claims != NULL)
        add_claims(facts, claims, request);
    if (contents != NULL)
        tell_policy(facts, contents);
}
