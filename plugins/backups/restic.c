/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A repository of restic, without its password (doc/design.rst of restic has the layout): one file
 * for each snapshot, whose name is the SHA-256 of its content, and whose content is encrypted. When
 * it was written is all there is of its time. */
#include "plugins/backups/digest.h"
#include "plugins/backups/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTS_KEPT 512
#define NAME_LENGTH 64
#define SHORT_NAME 8
/* Encrypted JSON of one snapshot; a list of many paths makes it long. */
#define SNAPSHOT_MAX (16u * 1024 * 1024)
/* restic takes a lock that was not renewed for so long for left behind; it renews it each 5 min. */
#define LOCK_STALE 1800.0

struct snapshot {
    char name[NAME_LENGTH + 1];
    struct bak_entry entry; /* without its texts */
};

struct repository {
    struct dr_task *task;
    struct bak_store *store;
    struct bak_facts *facts;
    double now;
    struct snapshot *kept;
    size_t count;
    int64_t total;
    struct dr_opt_real oldest;
    int64_t foreign;         /* names that are none of restic's */
    struct dr_opt_real lock; /* the oldest */
    int64_t locks;
    bool any;
};

static bool is_id(const char *name)
{
    return strlen(name) == NAME_LENGTH && strspn(name, "0123456789abcdef") == NAME_LENGTH;
}

static const char *base_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash != NULL ? slash + 1 : name;
}

/* ---- listings ---- */

static size_t oldest_of(const struct repository *repository)
{
    size_t oldest = 0;
    for (size_t i = 1; i < repository->count; i++) {
        if (repository->kept[i].entry.modified.value <
            repository->kept[oldest].entry.modified.value)
            oldest = i;
    }
    return oldest;
}

static bool take_snapshot(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct repository *repository = context;
    const char *name = base_of(entry->name);
    (void)error;
    repository->facts->looked++;
    if (!is_id(name)) {
        repository->foreign++;
        return true;
    }
    repository->total++;
    if (entry->modified.known &&
        (!repository->oldest.known || entry->modified.value < repository->oldest.value))
        repository->oldest = entry->modified;
    bool full = repository->count == POINTS_KEPT;
    size_t place = full ? oldest_of(repository) : repository->count++;
    struct snapshot *kept = &repository->kept[place];
    if (full && entry->modified.value < kept->entry.modified.value)
        return true;
    snprintf(kept->name, sizeof kept->name, "%s", name);
    kept->entry = *entry;
    kept->entry.name = kept->name;
    kept->entry.md5 = kept->entry.tier = kept->entry.replication = NULL;
    return true;
}

static bool take_lock(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct repository *repository = context;
    (void)error;
    repository->locks++;
    if (entry->modified.known &&
        (!repository->lock.known || entry->modified.value < repository->lock.value))
        repository->lock = entry->modified;
    return true;
}

/* One is enough: the listing ends there. */
static bool take_any(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct repository *repository = context;
    if (entry->directory)
        return true;
    repository->any = true;
    return dr_error_set(error, DR_ERR_NONE, "found");
}

/* Is there anything below a prefix? */
static bool look_for_any(struct repository *repository, const char *prefix, struct dr_error *error)
{
    const struct bak_listing listing = {.prefix = prefix, .recursive = true};
    repository->any = false;
    bool ok = bak_store_list(repository->store, &listing, take_any, repository, error);
    return ok || repository->any;
}

static bool list_files(struct repository *repository, const char *prefix, bak_take *take,
                       struct dr_error *error)
{
    const struct bak_listing listing = {.prefix = prefix, .recursive = true, .details = true};
    return bak_store_list(repository->store, &listing, take, repository, error);
}

/* ---- the newest one ---- */

static void hex_of(const unsigned char digest[32], char text[NAME_LENGTH + 1])
{
    for (size_t i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

/* Its name is what its content must be, whatever the key. */
static bool verify(struct repository *repository, const struct snapshot *snapshot,
                   struct bak_point *point, struct dr_error *error)
{
    char name[NAME_LENGTH + 16];
    char digest_text[NAME_LENGTH + 1];
    unsigned char digest[32];
    struct bak_sha256 sha;
    struct dr_buffer text = DR_BUFFER(SNAPSHOT_MAX);
    bool found = false;
    snprintf(name, sizeof name, "snapshots/%s", snapshot->name);
    bool ok = bak_store_text(repository->store, name, SNAPSHOT_MAX, &text, &found, error);
    if (ok && found && point != NULL) {
        bak_sha256_begin(&sha);
        bak_sha256_add(&sha, dr_buffer_text(&text), text.size);
        bak_sha256_end(&sha, digest);
        hex_of(digest, digest_text);
        if (strcmp(digest_text, snapshot->name) == 0)
            point->proof = BAK_CHECKSUMMED;
        else
            bak_facts_status(repository->facts, point, BAK_PARTIAL,
                             "its content is not what its name says (SHA-256)");
    }
    dr_buffer_free(&text);
    return ok;
}

static struct bak_point *add_point(struct repository *repository, struct bak_series *series,
                                   const struct snapshot *snapshot)
{
    char name[SHORT_NAME + 1];
    snprintf(name, sizeof name, "%.8s", snapshot->name);
    struct bak_point *point = bak_facts_point(repository->facts, series, name);
    if (point == NULL)
        return NULL;
    const struct bak_entry *entry = &snapshot->entry;
    point->data = entry->modified;
    point->clock = BAK_CLOCK_MODIFIED;
    point->usable = entry->arrived.known ? entry->arrived : entry->modified;
    point->expires = entry->expires;
    point->locked = entry->locked;
    point->proof = BAK_SIZED;
    point->encrypted = true;
    if (entry->modified.known)
        point->identity =
            bak_identity(snapshot->name, entry->size.value, entry->modified.value, entry->inode);
    if (entry->size.known && entry->size.value == 0)
        bak_facts_status(repository->facts, point, BAK_PARTIAL, "size 0");
    return point;
}

static int compare_newest(const void *a, const void *b)
{
    const struct snapshot *one = a;
    const struct snapshot *other = b;
    double difference = other->entry.modified.value - one->entry.modified.value;
    return difference > 0 ? 1 : difference < 0 ? -1 : strcmp(one->name, other->name);
}

/* The newest that is not of the future is verified, and where it is not whole, the one before. */
static bool add_points(struct repository *repository, struct bak_series *series,
                       struct dr_error *error)
{
    const struct bak_request *request = dr_task_request(repository->task);
    bool verified = false;
    qsort(repository->kept, repository->count, sizeof *repository->kept, compare_newest);
    for (size_t i = 0; i < repository->count; i++) {
        const struct snapshot *snapshot = &repository->kept[i];
        struct bak_point *point = add_point(repository, series, snapshot);
        bool future = snapshot->entry.modified.known &&
                      snapshot->entry.modified.value > repository->now + request->skew;
        if (future)
            bak_facts_sign(repository->facts, series, BAK_FUTURE, "%.8s", snapshot->name);
        if (verified || future || point == NULL)
            continue;
        dr_task_stage(repository->task, "read the newest snapshot");
        if (request->proof >= BAK_WELLFORMED && point->status == BAK_COMPLETE &&
            !verify(repository, snapshot, point, error))
            return false;
        verified = point->status == BAK_COMPLETE;
    }
    return true;
}

/* ---- the repository ---- */

/* A snapshot without keys, index or data gives nothing back. */
static bool look_for_parts(struct repository *repository, struct bak_series *series,
                           struct dr_error *error)
{
    static const struct {
        const char *prefix;
        const char *what;
    } parts[] = {{"keys/", "no key"}, {"index/", "no index"}, {"data/", "no data"}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!look_for_any(repository, parts[i].prefix, error))
            return false;
        if (!repository->any)
            bak_facts_sign(repository->facts, series, BAK_HOLLOW, "%s is in the repository",
                           parts[i].what);
    }
    return true;
}

static void report_locks(struct repository *repository, struct bak_series *series)
{
    if (repository->locks == 0)
        return;
    double age = repository->lock.known ? repository->now - repository->lock.value : 0;
    if (age > LOCK_STALE)
        bak_facts_sign(repository->facts, series, BAK_STALE_LOCK,
                       "%lld in locks/, the oldest was last renewed %.0f min ago",
                       (long long)repository->locks, age / 60);
    else
        bak_facts_sign(repository->facts, series, BAK_NOTE, "a run of restic holds a lock");
}

static bool read_repository(struct repository *repository, struct dr_error *error)
{
    struct bak_facts *facts = repository->facts;
    struct bak_entry entry;
    bool found = false;
    dr_task_stage(repository->task, "list");
    bool looked = bak_store_look(repository->store, "config", &entry, &found, error);
    if (!looked && error->class != DR_ERR_USAGE)
        return false;
    if (!found) {
        facts->complete = true;
        bak_facts_sign(facts, NULL, BAK_NO_SUCH_SERIES,
                       "a repository of restic (it has a file \"config\")");
        return true;
    }
    struct bak_series *series = bak_facts_series(facts, "");
    if (!list_files(repository, "snapshots/", take_snapshot, error) ||
        !list_files(repository, "locks/", take_lock, error) ||
        !add_points(repository, series, error) ||
        (repository->total > 0 && !look_for_parts(repository, series, error)))
        return false;
    if (series == NULL)
        return true;
    series->total = dr_int(repository->total);
    series->oldest = repository->oldest;
    report_locks(repository, series);
    if (repository->foreign > 0)
        bak_facts_sign(facts, series, BAK_NOTE, "%lld files in snapshots/ that are not restic's",
                       (long long)repository->foreign);
    facts->complete = true;
    return true;
}

bool bak_restic_read(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                     struct dr_error *error)
{
    const struct bak_request *request = dr_task_request(task);
    struct repository repository = {
        .task = task, .store = store, .facts = facts, .now = request->now};
    repository.kept = calloc(POINTS_KEPT, sizeof *repository.kept);
    if (repository.kept == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    facts->product = BAK_RESTIC;
    bak_facts_text(facts, &facts->what,
                   "repository of restic, encrypted: hosts and paths cannot be told apart");
    bool ok = read_repository(&repository, error);
    free(repository.kept);
    return ok;
}
