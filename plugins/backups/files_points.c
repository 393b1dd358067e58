/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files to restore points: which moment, since when, and is it a backup? */
#include "plugins/backups/files.h"
#include "plugins/backups/proof.h"

#include <stdlib.h>
#include <string.h>

/* Later than so many seconds after its writing a file was not copied, but renamed. */
#define ARRIVAL_SECONDS (12 * 3600.0)
#define DAY 86400
/* How many are looked into, on a disk, though a whole one was found. */
#define LOOKS_MAX 32
/* Seconds that are left for it at least. */
#define LOOKS_TIME 1.0
/* Preallocated, or cut and blown up again: so much of it takes a sixteenth of its size on a disk,
 * or less. A file system that packs does not come near that with a dump. */
#define SPARSE_SIZE ((int64_t)1024 * 1024)
#define SPARSE_PART 16

/* What is said once for a series, whatever the number of files. */
enum said { EMPTY, ERROR_TEXT, SPARSE, UNREADABLE, PAIR, SAIDS };

struct making {
    struct bak_files *files;
    const struct bak_request *request;
    struct bak_pool *pool;
    size_t series; /* index: adding another moves them */
    struct bak_tally tallies[SAIDS];
    struct dr_error trouble; /* of the first that is unreadable */
    bool whole;              /* one was found to be */
    size_t looks;
};

static struct bak_series *series_of(struct making *making)
{
    return &making->files->facts->series[making->series];
}

static bool fail_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static void tally(struct making *making, enum said said, const char *name)
{
    if (!bak_tally_add(&making->tallies[said], name))
        making->files->facts->no_memory = true;
}

/* ---- moments ---- */

/* The name says a day: the moment is in it, and not behind the time of writing. A file that was
 * written long after (copied without its time) says nothing of the hour: the day's beginning. */
static void set_day(const struct bak_found *found, double begin, struct bak_point *point)
{
    double written = found->modified.known ? found->modified.value : 0;
    point->data = dr_real(begin);
    point->clock = BAK_CLOCK_NAME;
    if (!found->modified.known || written < begin || written > begin + 2 * DAY)
        return;
    point->data = dr_real(written < begin + DAY ? written : begin + DAY);
    point->clock = written < begin + DAY ? BAK_CLOCK_MODIFIED : BAK_CLOCK_NAME;
}

/* By its name, or by when it was written. A name that is ahead of the writing says when somebody
 * gave it: what is in it is older. */
static void set_moment(const struct making *making, const struct bak_found *found,
                       struct bak_point *point)
{
    if (found->named) {
        double moment = bak_scanned_moment(&found->scanned, &found->modified);
        if (found->scanned.day_only) {
            set_day(found, moment, point);
        } else {
            point->data = dr_real(moment);
            point->clock = BAK_CLOCK_NAME;
        }
    }
    bool ahead = point->data.known && found->modified.known &&
                 point->data.value > found->modified.value + making->request->skew;
    if (point->data.known && !ahead)
        return;
    point->data = found->modified;
    point->clock = BAK_CLOCK_MODIFIED;
}

/* What the content says of its own time. Without a zone it was read in ours, and cannot be later
 * than its writing. */
static void set_inside(const struct making *making, const struct bak_found *found,
                       const struct bak_content *content, struct bak_point *point)
{
    bool ahead = !content->data_zoned && found->modified.known && content->data.known &&
                 content->data.value > found->modified.value + making->request->skew;
    if (!content->data.known || ahead)
        return;
    point->data = content->data;
    point->clock = BAK_CLOCK_INSIDE;
}

static bool is_ahead(const struct making *making, struct dr_opt_real moment)
{
    return moment.known && moment.value > making->request->now + making->request->skew;
}

/* A copy that keeps the time of writing shows when it came by the time of its last change. So does
 * a file that was renamed, linked or given away long after it was written (rotation): that is no
 * arrival. */
static bool is_arrival(const struct making *making, const struct bak_found *found)
{
    return found->arrived.known && !is_ahead(making, found->arrived) &&
           (!found->modified.known ||
            found->arrived.value - found->modified.value <= ARRIVAL_SECONDS);
}

static struct dr_opt_real usable_of(const struct making *making, const struct bak_found *found)
{
    struct dr_opt_real moment = is_arrival(making, found) ? found->arrived : found->modified;
    if (is_ahead(making, moment))
        moment.known = false;
    if (moment.known && moment.value > making->request->now)
        moment.value = making->request->now;
    return moment;
}

static bool is_young(const struct making *making, const struct bak_found *found)
{
    return found->modified.known &&
           found->modified.value > making->request->now - making->request->settle;
}

/* ---- details ---- */

/* False where it is there no more. What cannot be looked at stays without details. */
static bool get_details(struct making *making, struct bak_found *found, struct dr_error *error)
{
    struct bak_entry entry;
    bool there = false;
    if (found->detailed)
        return true;
    if (found->directory)
        return bak_files_sum(making->files, found, error) || error->class == DR_ERR_PRIVILEGE;
    if (bak_store_look(making->files->store, found->name, &entry, &there, error) && there)
        return bak_files_note(found, &entry);
    return there || error->class != DR_ERR_USAGE;
}

/* The same file under another name: a hard link ("latest.dump") is no other backup. */
static bool is_seen(const struct bak_pool *pool, size_t at)
{
    const struct bak_found *found = &pool->items[at];
    for (size_t i = 0; found->inode != 0 && i < at; i++) {
        const struct bak_found *other = &pool->items[i];
        if (other->name != NULL && other->inode == found->inode &&
            other->size.value == found->size.value &&
            other->modified.value == found->modified.value)
            return true;
    }
    return false;
}

/* Takes out what has gone, and what is there twice. */
static void settle_list(struct making *making)
{
    struct bak_pool *pool = making->pool;
    size_t kept = 0;
    for (size_t i = 0; i < pool->count; i++) {
        struct dr_error trouble = {.class = DR_ERR_NONE};
        struct bak_found *found = &pool->items[i];
        if (!get_details(making, found, &trouble) || is_seen(pool, i)) {
            bak_found_free(found);
            found->inode = 0;
            pool->total--;
        }
    }
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->items[i].name != NULL)
            pool->items[kept++] = pool->items[i];
    }
    pool->count = kept;
}

/* ---- points ---- */

static bool is_sparse(const struct bak_found *found)
{
    return found->size.known && found->allocated.known && !found->directory &&
           found->size.value >= SPARSE_SIZE &&
           found->allocated.value < found->size.value / SPARSE_PART;
}

/* What the details alone say of it. */
static void set_status(struct making *making, const struct bak_found *found,
                       struct bak_point *point)
{
    struct bak_facts *facts = making->files->facts;
    bool young = is_young(making, found);
    point->proof = found->size.known && found->size.value > 0 ? BAK_SIZED : BAK_NONE;
    if (!found->size.known) {
        bak_facts_status(facts, point, BAK_UNSEEN, "could not be looked at");
        tally(making, UNREADABLE, found->name);
    } else if (found->size.value == 0) {
        bak_facts_status(facts, point, young ? BAK_RUNNING : BAK_PARTIAL, "%s",
                         young ? "nothing is in it yet" : "size 0");
        if (!young)
            tally(making, EMPTY, found->name);
    } else if (!young && is_sparse(found)) {
        tally(making, SPARSE, found->name);
    }
}

static void add_point(struct making *making, const struct bak_found *found)
{
    struct bak_facts *facts = making->files->facts;
    struct bak_point sketch = {.name = NULL};
    set_moment(making, found, &sketch);
    struct bak_point *point = bak_facts_point(facts, series_of(making), found->name);
    if (point == NULL)
        return;
    point->data = sketch.data;
    point->clock = sketch.clock;
    point->usable = usable_of(making, found);
    point->size = found->size;
    point->expires = found->expires;
    point->locked = found->locked;
    if (found->tier != NULL)
        bak_facts_text(facts, &point->tier, found->tier);
    point->identity = bak_identity(found->name, found->size.known ? found->size.value : -1,
                                   found->modified.known ? found->modified.value : 0, found->inode);
    set_status(making, found, point);
}

/* ---- content ---- */

/* How much of it was seen by an earlier run. */
static enum bak_proof paid_proof(const struct making *making, const struct bak_point *point)
{
    const struct bak_request *request = making->request;
    for (size_t i = 0; i < request->paid_count; i++) {
        if (request->paid[i].identity == point->identity && point->identity != 0)
            return request->paid[i].proof;
    }
    return BAK_NONE;
}

static bool is_paid(const struct making *making, const struct bak_point *point)
{
    return paid_proof(making, point) >= BAK_CHECKSUMMED;
}

static void set_cut(struct making *making, const struct bak_found *found,
                    const struct bak_content *content, struct bak_point *point)
{
    struct bak_facts *facts = making->files->facts;
    const char *why = content->why[0] != '\0' ? content->why : "its end is missing";
    if (content->error_text) {
        bak_facts_status(facts, point, BAK_FAILED, "an error message: %s", why);
        tally(making, ERROR_TEXT, found->name);
    } else if (is_young(making, found) && !making->files->store->atomic) {
        bak_facts_status(facts, point, BAK_RUNNING, "%s", why);
    } else {
        bak_facts_status(facts, point, BAK_PARTIAL, "%s", why);
    }
}

/* Why no more than that was proven, in the words that are said where it is not enough. */
static void set_reason(struct making *making, const struct bak_content *content,
                       struct bak_point *point)
{
    const char *why = content->out_of_time                   ? "not read to its end in time"
                      : content->why[0] != '\0'              ? content->why
                      : content->note[0] != '\0'             ? content->note
                      : content->verdict == BAK_UNKNOWN_KIND ? "no format that is known here"
                                                             : NULL;
    if (point->status == BAK_COMPLETE && why != NULL)
        bak_facts_status(making->files->facts, point, BAK_COMPLETE, "%s", why);
}

/* Of what cannot be proven the time since its last write is all there is. */
static void set_opaque(struct making *making, const struct bak_found *found,
                       const struct bak_content *content, struct bak_point *point)
{
    point->encrypted = content->verdict == BAK_ENCRYPTED;
    if (content->proof > point->proof)
        point->proof = content->proof;
    if (is_young(making, found) && !making->files->store->atomic)
        bak_facts_status(making->files->facts, point, BAK_RUNNING,
                         "written to within --settle, and its end cannot be told");
}

static void set_content(struct making *making, const struct bak_found *found,
                        const struct bak_content *content, struct bak_point *point)
{
    struct bak_facts *facts = making->files->facts;
    if (content->kind[0] != '\0')
        bak_facts_text(facts, &point->kind, content->kind);
    point->content = content->content;
    set_inside(making, found, content, point);
    if (content->note[0] != '\0')
        bak_facts_sign(facts, series_of(making), BAK_NOTE, "%s: %s", found->name, content->note);
    /* an earlier run had more time for the same file */
    if (content->out_of_time && content->verdict != BAK_CUT && content->verdict != BAK_NO_BACKUP &&
        paid_proof(making, point) > point->proof)
        point->proof = paid_proof(making, point);
    else if (content->out_of_time)
        bak_facts_text(facts, &point->why,
                       "there was no time to read it to its end (give --timeout; with --state-dir "
                       "one run that has the time is enough)");
    switch (content->verdict) {
    case BAK_WHOLE:
        point->proof = content->proof > point->proof ? content->proof : point->proof;
        if (is_paid(making, point))
            point->proof = BAK_CHECKSUMMED;
        making->whole = true;
        break;
    case BAK_CUT:
    case BAK_NO_BACKUP:
        set_cut(making, found, content, point);
        break;
    default:
        set_opaque(making, found, content, point);
        break;
    }
    set_reason(making, content, point);
}

/* Rotation took it away while it was looked at: it is no point any more, and no trouble. */
static bool is_away(const struct making *making, const char *name)
{
    struct bak_entry entry;
    struct dr_error trouble = {.class = DR_ERR_NONE};
    bool there = false;
    return !bak_store_look(making->files->store, name, &entry, &there, &trouble) && !there &&
           trouble.class == DR_ERR_USAGE;
}

static void drop_last(struct making *making)
{
    struct bak_series *series = series_of(making);
    struct bak_point *point = &series->points[--series->point_count];
    free(point->name);
    free(point->why);
    free(point->kind);
    free(point->tier);
    making->pool->total--;
}

/* Where no more than its size is asked for, what may be listed and not read is enough. */
static void set_unread(struct making *making, const struct bak_found *found,
                       const struct dr_error *trouble, struct bak_point *point)
{
    if (making->request->proof <= BAK_SIZED && trouble->class == DR_ERR_PRIVILEGE)
        return;
    bak_facts_status(making->files->facts, point, BAK_UNSEEN, "%s", trouble->text);
    if (making->tallies[UNREADABLE].count == 0)
        making->trouble = *trouble;
    tally(making, UNREADABLE, found->name);
}

/* How much is read: of the newest what is wanted, of those behind a whole one what is cheap. */
static enum bak_proof wanted_of(const struct making *making, const struct bak_point *point)
{
    enum bak_proof wanted =
        making->request->proof > BAK_CHECKSUMMED ? BAK_CHECKSUMMED : making->request->proof;
    bool cheap = making->whole || is_paid(making, point);
    return cheap && wanted > BAK_WELLFORMED ? BAK_WELLFORMED : wanted;
}

/* What it is, for -vv; what is odd about that, for -vvv. */
static void trace_content(const struct making *making, const struct bak_found *found,
                          const struct bak_content *content)
{
    static const char *const verdicts[] = {"whole", "cut", "no backup", "encrypted",
                                           "of no known kind"};
    struct dr_task *task = making->files->task;
    dr_task_trace(task, 2, "%s: %s%s%s%s", found->name, content->kind,
                  content->kind[0] != '\0' ? ", " : "", verdicts[content->verdict],
                  content->out_of_time ? ", not read to its end" : "");
    if (content->why[0] != '\0' || content->note[0] != '\0')
        dr_task_trace(task, 3, "%s: %s%s%s", found->name, content->why,
                      content->why[0] != '\0' && content->note[0] != '\0' ? "; " : "",
                      content->note);
}

static void look_into(struct making *making, const struct bak_found *found, struct bak_point *point)
{
    struct bak_content content = {.verdict = BAK_UNKNOWN_KIND};
    struct dr_error trouble = {.class = DR_ERR_NONE};
    const struct bak_entry entry = {.name = found->name,
                                    .directory = found->directory,
                                    .detailed = true,
                                    .size = found->size,
                                    .modified = found->modified,
                                    .arrived = found->arrived,
                                    .allocated = found->allocated,
                                    .inode = found->inode,
                                    .tier = found->tier};
    making->looks++;
    if (bak_proof_look(making->files->store, &entry, wanted_of(making, point), &content,
                       &trouble)) {
        trace_content(making, found, &content);
        set_content(making, found, &content, point);
    } else if (is_away(making, found->name))
        drop_last(making);
    else
        set_unread(making, found, &trouble, point);
}

/* From the newest on until one is whole; on a disk, where it costs little, some more. */
static bool is_worth_a_look(const struct making *making, const struct bak_found *found,
                            const struct bak_point *point)
{
    bool more = !making->files->store->remote && found->order >= making->files->pools.since &&
                dr_task_left(making->files->task) > LOOKS_TIME;
    return making->request->proof > BAK_NONE && point->status == BAK_COMPLETE &&
           found->tier == NULL && /* cannot be read for hours */
           making->looks < LOOKS_MAX && (!making->whole || more);
}

/* ---- etcd's pairs, as OpenShift's cluster-backup.sh writes them ---- */

/* "snapshot_2026-11-20_020000.db" and "static_kuberesources_2026-11-20_020000.tar.gz". */
static char *partner_of(const char *name)
{
    static const char shape[] = "snapshot_dddd-dd-dd_dddddd.db";
    const char *slash = strrchr(name, '/');
    const char *part = slash != NULL ? slash + 1 : name;
    if (strlen(part) != sizeof shape - 1)
        return NULL;
    for (size_t i = 0; shape[i] != '\0'; i++) {
        bool digit = part[i] >= '0' && part[i] <= '9';
        bool wanted = shape[i] == 'd' && i > 8 && i < 26;
        if (wanted ? !digit : part[i] != shape[i])
            return NULL;
    }
    return dr_text_format("%.*sstatic_kuberesources_%.17s.tar.gz", (int)(part - name), name,
                          part + 9);
}

static void look_for_partner(struct making *making, const struct bak_found *found,
                             struct bak_point *point)
{
    struct bak_entry entry;
    struct dr_error trouble = {.class = DR_ERR_NONE};
    bool there = false;
    char *partner = partner_of(found->name);
    if (partner == NULL)
        return;
    bool looked = bak_store_look(making->files->store, partner, &entry, &there, &trouble);
    if (!there && (looked || trouble.class == DR_ERR_USAGE)) {
        bak_facts_status(making->files->facts, point, BAK_PARTIAL, "%s is missing", partner);
        tally(making, PAIR, found->name);
    }
    free(partner);
}

/* ---- series ---- */

/* What is only found out by looking closely: dated ahead. Such a one is a sign, not a point. */
static bool drop_future(struct making *making, struct bak_found *found)
{
    struct bak_point point = {.name = NULL};
    double raw = found->named            ? bak_scanned_moment(&found->scanned, &found->modified)
                 : found->modified.known ? found->modified.value
                                         : 0;
    set_moment(making, found, &point);
    if (!is_ahead(making, dr_real(raw)) && !is_ahead(making, point.data))
        return false;
    if (!bak_tally_add(&making->pool->future, found->name))
        making->files->facts->no_memory = true;
    return true;
}

static void add_points(struct making *making)
{
    struct bak_pool *pool = making->pool;
    for (size_t i = 0; i < pool->count; i++) {
        struct bak_found *found = &pool->items[i];
        if (drop_future(making, found))
            continue;
        add_point(making, found);
        struct bak_series *series = series_of(making);
        if (series->point_count == 0)
            return;
        struct bak_point *point = &series->points[series->point_count - 1];
        if (making->looks == 0 || !making->files->store->remote)
            look_for_partner(making, found, point);
        if (is_worth_a_look(making, found, point))
            look_into(making, found, point);
    }
}

static void add_running(struct making *making)
{
    const struct bak_found *running = &making->pool->running;
    struct bak_facts *facts = making->files->facts;
    struct bak_point *point =
        running->name != NULL ? bak_facts_point(facts, series_of(making), running->name) : NULL;
    if (point == NULL)
        return;
    bak_facts_status(facts, point, BAK_RUNNING, "its name says that it is not finished");
    point->size = running->size;
    if (running->named) {
        point->began = dr_real(bak_scanned_moment(&running->scanned, &running->modified));
        point->data = point->began;
        point->clock = BAK_CLOCK_NAME;
    }
}

static void sign(struct making *making, enum bak_sign_kind kind, const struct bak_tally *tallied,
                 const char *why)
{
    struct bak_series *series = series_of(making);
    const char *colon = why[0] != '\0' ? ": " : "";
    if (tallied->count == 1)
        bak_facts_sign(making->files->facts, series, kind, "%.200s%s%s", tallied->first, colon,
                       why);
    else if (tallied->count > 1)
        bak_facts_sign(making->files->facts, series, kind, "%.200s%s%s (and %lld more)",
                       tallied->first, colon, why, (long long)tallied->count - 1);
}

static void add_signs(struct making *making)
{
    static const enum bak_sign_kind kinds[SAIDS] = {[EMPTY] = BAK_EMPTY_FILE,
                                                    [ERROR_TEXT] = BAK_ERROR_TEXT,
                                                    [SPARSE] = BAK_SPARSE,
                                                    [UNREADABLE] = BAK_UNREADABLE,
                                                    [PAIR] = BAK_PAIR_MISSING};
    for (size_t i = 0; i < SAIDS; i++) {
        sign(making, kinds[i], &making->tallies[i], i == UNREADABLE ? making->trouble.text : "");
        free(making->tallies[i].first);
    }
    sign(making, BAK_LEFTOVER, &making->pool->leftover, "");
    sign(making, BAK_FUTURE, &making->pool->future, "");
}

/* Of those that are not at hand: what they hold nobody looked at. */
static void set_oldest(struct making *making)
{
    const struct bak_found *oldest = &making->pool->oldest;
    struct bak_point point = {.name = NULL};
    if (making->pool->total <= (int64_t)making->pool->count)
        return;
    set_moment(making, oldest, &point);
    if (!is_ahead(making, point.data))
        series_of(making)->oldest = point.data;
}

static bool make_series(struct bak_files *files, struct bak_pool *pool, struct dr_error *error)
{
    struct making making = {.files = files, .request = files->request, .pool = pool};
    struct bak_series *series = bak_facts_series(files->facts, pool->name);
    if (series == NULL)
        return fail_memory(error);
    making.series = (size_t)(series - files->facts->series);
    bak_pool_sort(pool);
    settle_list(&making);
    add_points(&making);
    add_running(&making);
    add_signs(&making);
    set_oldest(&making);
    series_of(&making)->total = dr_int(pool->total);
    return true;
}

bool bak_files_points(struct bak_files *files, struct dr_error *error)
{
    for (size_t i = 0; i < files->pools.count; i++) {
        if (!make_series(files, &files->pools.items[i], error))
            return false;
    }
    return true;
}
