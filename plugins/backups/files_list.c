/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which files belong to a target, and to which series. */
#include "plugins/backups/files.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool fail_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash != NULL ? slash + 1 : name;
}

/* ---- which names are wanted ---- */

struct ending {
    const char *text;
    size_t size;
};
#define ENDING(text)                                                                               \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

/* `endings` end with an empty one. Asked of each of a million names, of which few have one: mostly
 * the last byte decides. */
static bool has_ending(const char *name, const struct ending *endings)
{
    size_t length = strlen(name);
    for (; endings->size > 0; endings++) {
        size_t size = endings->size;
        if (length > size && name[length - 1] == endings->text[size - 1] &&
            memcmp(name + length - size, endings->text, size) == 0)
            return true;
    }
    return false;
}

/* What stands beside a backup and is none. */
static bool is_companion(const char *name)
{
    static const struct ending endings[] = {
        ENDING("-wal"),       ENDING("-shm"),    ENDING("-journal"), ENDING(".sha256"),
        ENDING(".sha256sum"), ENDING(".sha512"), ENDING(".sha1"),    ENDING(".md5"),
        ENDING(".md5sum"),    ENDING(".asc"),    ENDING(".sig"),     ENDING("")};
    return has_ending(name, endings);
}

/* A glob of --include and --exclude is for a whole name, or for the last part of one. */
static bool fits_any(const struct dr_text_list *globs, const char *name)
{
    const char *part = globs->count > 0 ? last_part(name) : NULL;
    for (size_t i = 0; i < globs->count; i++) {
        if (bak_glob_match(globs->items[i], name) || bak_glob_match(globs->items[i], part))
            return true;
    }
    return false;
}

static bool is_excluded(const struct bak_files *files, const char *name)
{
    const char *part = last_part(name);
    return (part[0] == 'l' && strcmp(part, "lost+found") == 0) ||
           fits_any(&files->request->exclude, name);
}

static bool is_selected(const struct bak_files *files, const char *name)
{
    const struct dr_text_list *include = &files->request->include;
    return (include->count == 0 || fits_any(include, name)) && !is_excluded(files, name);
}

/* As in a shell, a star is not for hidden names. Of both the last part counts. */
static bool is_hidden(const char *glob, const char *name)
{
    return last_part(name)[0] == '.' && last_part(glob)[0] != '.';
}

/* ---- a file into its pool ---- */

bool bak_files_note(struct bak_found *found, const struct bak_entry *entry)
{
    found->detailed = entry->detailed;
    found->size = entry->size;
    found->allocated = entry->allocated;
    found->modified = entry->modified;
    found->arrived = entry->arrived;
    found->expires = entry->expires;
    found->locked = entry->locked;
    found->inode = entry->inode;
    if (entry->tier == NULL || found->tier != NULL)
        return true;
    found->tier = strdup(entry->tier);
    return found->tier != NULL;
}

/* The directory in front of the parts that a format of several parts is for: a folder for each day
 * is no series, which would grow old. */
static size_t front_of(const char *format, const char *name)
{
    const char *end = name + strlen(name);
    for (const char *slash = format; slash != NULL; slash = strchr(slash + 1, '/')) {
        while (end > name && end[-1] != '/')
            end--;
        end -= end > name ? 1 : 0;
    }
    return (size_t)(end - name);
}

/* The moment by the first format that fits. True where there is no format. */
static bool scan_formats(const struct bak_request *request, const char *name,
                         struct bak_found *found)
{
    for (size_t i = 0; i < request->formats.count; i++) {
        found->named = bak_format_scan(request->formats.items[i], name, &found->scanned);
        if (found->named && found->scanned.series == NULL) {
            found->scanned.series = name;
            found->scanned.series_size = front_of(request->formats.items[i], name);
        }
        if (found->named)
            return true;
    }
    return request->formats.count == 0;
}

/* Its series: what the format says, else the directory that it is in, below the root. */
static struct bak_pool *pool_of(struct bak_files *files, const struct bak_found *found)
{
    if (found->named && found->scanned.series != NULL)
        return bak_pools_get(&files->pools, found->scanned.series, found->scanned.series_size);
    const char *slash = strrchr(found->name, '/');
    return bak_pools_get(&files->pools, found->name,
                         slash != NULL ? (size_t)(slash - found->name) : 0);
}

static void set_order(struct bak_found *found)
{
    if (found->named)
        found->order = (double)found->scanned.local;
    else
        found->order = found->modified.known ? found->modified.value : 0;
}

/* Names of the future would take the places of real ones. A day more is left for zones, which are
 * only known later. */
static bool is_far_ahead(const struct bak_files *files, const struct bak_found *found)
{
    const struct bak_request *request = files->request;
    return found->order > request->now + request->skew + (found->named ? 86400 : 0);
}

static bool add_found(struct bak_files *files, struct bak_found *found, struct dr_error *error)
{
    if (!scan_formats(files->request, found->name, found))
        return bak_tally_add(&files->unread, found->name) || fail_memory(error);
    struct bak_pool *pool = pool_of(files, found);
    if (pool == NULL)
        return fail_memory(error);
    set_order(found);
    bool ok = is_far_ahead(files, found) ? bak_tally_add(&pool->future, found->name)
                                         : bak_pool_add(&files->pools, pool, found);
    return ok || fail_memory(error);
}

/* ---- what is still being made ---- */

/* The details of a name, where the listing did not give them. *gone where it is there no more. */
static bool look_closer(struct bak_files *files, struct bak_found *found, bool *gone,
                        struct dr_error *error)
{
    struct bak_entry entry;
    bool there = false;
    struct dr_error trouble = {.class = DR_ERR_NONE};
    *gone = false;
    if (found->detailed)
        return true;
    found->detailed = true;
    if (bak_store_look(files->store, found->name, &entry, &there, &trouble) && there)
        return bak_files_note(found, &entry) || fail_memory(error);
    *gone = !there && trouble.class == DR_ERR_USAGE;
    return true;
}

static bool add_unfinished(struct bak_files *files, struct bak_found *found, const char *finished,
                           struct dr_error *error)
{
    const struct bak_request *request = files->request;
    struct bak_found copy;
    bool gone = false;
    if (!look_closer(files, found, &gone, error))
        return false;
    if (gone)
        return true;
    char *name = found->name;
    found->name = (char *)finished;
    scan_formats(request, finished, found);
    struct bak_pool *pool = pool_of(files, found);
    found->name = name;
    if (pool == NULL)
        return fail_memory(error);
    bool young = found->modified.known && found->modified.value > request->now - request->settle;
    if (!young)
        return bak_tally_add(&pool->leftover, found->name) || fail_memory(error);
    if (pool->running.name != NULL && pool->running.modified.value >= found->modified.value)
        return true;
    if (!bak_found_copy(&copy, found))
        return fail_memory(error);
    copy.scanned.series = NULL;
    bak_found_free(&pool->running);
    pool->running = copy;
    return true;
}

/* ---- one name ---- */

static bool consider_unfinished(struct bak_files *files, const struct bak_entry *entry,
                                const char *glob, size_t from, struct dr_error *error)
{
    char finished[PATH_MAX];
    struct bak_found found = {.name = (char *)entry->name, .directory = entry->directory};
    if (!bak_name_finished(entry->name, finished, sizeof finished) ||
        !bak_glob_match(glob, finished + from) || !is_selected(files, finished))
        return true;
    bool ok = bak_files_note(&found, entry) ? add_unfinished(files, &found, finished, error)
                                            : fail_memory(error);
    free(found.tier);
    return ok;
}

/* `glob` is for the last parts of the name, from `from` on. */
static bool consider(struct bak_files *files, const struct bak_entry *entry, const char *glob,
                     size_t from, struct dr_error *error)
{
    struct bak_found found = {.name = (char *)entry->name, .directory = entry->directory};
    bool ok = true;
    if (bak_name_unfinished(entry->name))
        return consider_unfinished(files, entry, glob, from, error);
    if (is_hidden(glob, entry->name) || !bak_glob_match(glob, entry->name + from) ||
        is_companion(entry->name) || !is_selected(files, entry->name))
        return true;
    if (entry->link)
        return bak_tally_add(entry->detailed && !entry->modified.known ? &files->broken
                                                                       : &files->links,
                             entry->name) ||
               fail_memory(error);
    if (!bak_files_note(&found, entry))
        return fail_memory(error);
    if (found.directory) {
        found.detailed = false;
        if (!files->names_first)
            ok = bak_files_sum(files, &found, error);
    }
    ok = ok && add_found(files, &found, error);
    free(found.tier);
    return ok;
}

/* ---- dumps that are directories ---- */

static bool is_number_dat(const char *part)
{
    size_t digits = strspn(part, "0123456789");
    return digits > 0 && strncmp(part + digits, ".dat", 4) == 0 &&
           (part[digits + 4] == '\0' || part[digits + 4] == '.');
}

/* pg_dump -Fd: toc.dat, 3344.dat.gz, blob_16400.dat.gz, blobs.toc. */
static bool is_part_of_pg_dump(const char *part)
{
    return strcmp(part, "toc.dat") == 0 || is_number_dat(part) ||
           (strncmp(part, "blob_", 5) == 0 && is_number_dat(part + 5)) ||
           (strncmp(part, "blobs", 5) == 0 && strstr(part, ".toc") != NULL);
}

/* mongodump: DATABASE/COLLECTION.bson[.gz], DATABASE/COLLECTION.metadata.json[.gz]. */
static bool is_part_of_mongodump(const char *part)
{
    static const struct ending endings[] = {ENDING(".bson"), ENDING(".bson.gz"),
                                            ENDING(".metadata.json"), ENDING(".metadata.json.gz"),
                                            ENDING("")};
    return has_ending(part, endings);
}

/* How much of a name is the directory that is one backup with all that is in it; 0: it is none.
 * mongodump has a directory of each database in its own. */
static size_t dump_of(const char *name)
{
    const char *part = last_part(name);
    if (part == name)
        return 0;
    size_t directory = (size_t)(part - name) - 1;
    if (is_part_of_pg_dump(part))
        return directory;
    if (!is_part_of_mongodump(part))
        return 0;
    size_t above = directory;
    while (above > 0 && name[above - 1] != '/')
        above--;
    return above > 0 && strncmp(part, "oplog.bson", 10) != 0 ? above - 1 : directory;
}

static void later(struct dr_opt_real *moment, struct dr_opt_real other)
{
    if (other.known && (!moment->known || other.value > moment->value))
        *moment = other;
}

static void add_part(struct bak_found *sum, const struct bak_entry *entry)
{
    int64_t before = sum->size.known ? sum->size.value : 0;
    if (entry->size.known)
        sum->size = dr_int(before + entry->size.value);
    later(&sum->modified, entry->modified);
    later(&sum->arrived, entry->arrived);
}

static bool note_part(struct bak_files *files, const struct bak_entry *entry, size_t size,
                      struct dr_error *error)
{
    struct bak_pool *dump = bak_pools_get(&files->dumps, entry->name, size);
    if (dump == NULL)
        return fail_memory(error);
    dump->oldest.detailed = entry->detailed;
    add_part(&dump->oldest, entry);
    return true;
}

static bool add_dumps(struct bak_files *files, const char *glob, struct dr_error *error)
{
    for (size_t i = 0; i < files->dumps.count; i++) {
        const struct bak_pool *dump = &files->dumps.items[i];
        struct bak_found found = dump->oldest;
        found.name = dump->name;
        found.directory = true;
        if (bak_name_unfinished(dump->name) || !bak_glob_match(glob, dump->name) ||
            !is_selected(files, dump->name))
            continue;
        if (!add_found(files, &found, error))
            return false;
    }
    return true;
}

static bool take_sum(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    (void)error;
    add_part(context, entry);
    return true;
}

bool bak_files_sum(struct bak_files *files, struct bak_found *found, struct dr_error *error)
{
    struct bak_found sum = {.detailed = true};
    char *prefix = dr_text_format("%s%s", found->name, found->name[0] != '\0' ? "/" : "");
    const struct bak_listing listing = {.prefix = prefix, .recursive = true, .details = true};
    if (prefix == NULL)
        return fail_memory(error);
    bool ok = bak_store_list(files->store, &listing, take_sum, &sum, error);
    free(prefix);
    found->detailed = true;
    found->size = sum.size.known ? sum.size : dr_int(0);
    if (sum.modified.known) {
        found->modified = sum.modified;
        found->arrived = sum.arrived;
    }
    return ok;
}

/* ---- listings ---- */

/* A directory on the way that could not be read: what is in it is not counted, and that is said. */
static void note_unreadable(void *context, const char *name, const char *why)
{
    struct bak_files *files = context;
    if (is_excluded(files, name))
        return;
    if (files->unreadable.count == 0)
        snprintf(files->why, sizeof files->why, "%s", why);
    if (!bak_tally_add(&files->unreadable, name))
        files->facts->no_memory = true;
}

struct level {
    struct bak_files *files;
    const char *prefix; /* of all names here, with its "/" */
    const char *part;   /* the glob of this part */
    const char *rest;   /* of those behind it; NULL: this is the last */
    const char *glob;   /* everything in front of it included: of whole names */
};

static bool walk_level(struct bak_files *files, const char *prefix, const char *glob,
                       struct dr_error *error);

static bool walk_below(struct bak_files *files, const char *name, const char *rest,
                       struct dr_error *error)
{
    struct dr_error trouble = {.class = DR_ERR_NONE};
    char *prefix = dr_text_format("%s/", name);
    if (prefix == NULL)
        return fail_memory(error);
    bool ok = walk_level(files, prefix, rest, &trouble);
    free(prefix);
    if (!ok && trouble.class == DR_ERR_PRIVILEGE) {
        note_unreadable(files, name, trouble.text);
        return true;
    }
    if (!ok)
        *error = trouble;
    return ok;
}

/* Links are seen for what they are; where they lead is looked at, since one that leads nowhere is
 * worth saying. */
static bool consider_link(struct bak_files *files, const struct bak_entry *entry, const char *glob,
                          size_t from, struct dr_error *error)
{
    struct bak_entry seen = *entry;
    struct dr_error trouble = {.class = DR_ERR_NONE};
    bool there = entry->detailed;
    if (!there)
        bak_store_look(files->store, entry->name, &seen, &there, &trouble);
    seen.link = true;
    return !there || consider(files, &seen, glob, from, error);
}

static bool consider_any(struct bak_files *files, const struct bak_entry *entry, const char *glob,
                         size_t from, struct dr_error *error)
{
    return entry->link ? consider_link(files, entry, glob, from, error)
                       : consider(files, entry, glob, from, error);
}

static bool take_level(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    const struct level *level = context;
    struct bak_files *files = level->files;
    size_t from = strlen(level->prefix);
    files->facts->looked++;
    if (level->rest == NULL)
        return consider_any(files, entry, level->part, from, error);
    if (!entry->directory || is_hidden(level->part, entry->name + from) ||
        !bak_glob_match(level->part, entry->name + from) || is_excluded(files, entry->name))
        return true;
    if (entry->link)
        return bak_tally_add(&files->links, entry->name) || fail_memory(error);
    return walk_below(files, entry->name, level->rest, error);
}

/* A name without a wildcard is followed where it leads. */
static bool take_named(struct bak_files *files, const char *name, const char *part, size_t from,
                       struct dr_error *error)
{
    struct bak_entry entry;
    struct dr_error trouble = {.class = DR_ERR_NONE};
    bool there = false;
    if (bak_store_look(files->store, name, &entry, &there, &trouble) && there) {
        files->facts->looked++;
        if (!entry.link || entry.modified.known)
            return consider(files, &entry, part, from, error);
        return bak_tally_add(&files->broken, name) || fail_memory(error);
    }
    if (trouble.class == DR_ERR_USAGE || trouble.class == DR_ERR_NONE)
        return true;
    *error = trouble;
    return false;
}

static bool list_level(struct bak_files *files, const char *prefix, char *part, const char *rest,
                       struct dr_error *error)
{
    size_t plain = strcspn(part, "*?[");
    char *beginning = dr_text_format("%s%.*s", prefix, (int)plain, part);
    struct level level = {.files = files, .prefix = prefix, .part = part, .rest = rest};
    const struct bak_listing listing = {.prefix = beginning,
                                        .details = rest == NULL && !files->names_first};
    bool ok = beginning != NULL ? bak_store_list(files->store, &listing, take_level, &level, error)
                                : fail_memory(error);
    free(beginning);
    return ok;
}

/* One part of a glob after the other, so that only directories that match are gone into. */
static bool walk_level(struct bak_files *files, const char *prefix, const char *glob,
                       struct dr_error *error)
{
    size_t size = strcspn(glob, "/");
    const char *rest = glob[size] == '/' ? glob + size + 1 : NULL;
    char *part = strndup(glob, size);
    char *name = part != NULL ? dr_text_format("%s%s", prefix, part) : NULL;
    bool ok = false;
    if (name == NULL)
        fail_memory(error);
    else if (part[strcspn(part, "*?[")] != '\0')
        ok = list_level(files, prefix, part, rest, error);
    else if (rest != NULL)
        ok = walk_below(files, name, rest, error);
    else
        ok = take_named(files, name, part, strlen(prefix), error);
    free(name);
    free(part);
    return ok;
}

static bool take_any(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    const struct level *level = context;
    struct bak_files *files = level->files;
    files->facts->looked++;
    size_t dump = entry->link ? 0 : dump_of(entry->name);
    if (dump > 0)
        return note_part(files, entry, dump, error);
    return consider_any(files, entry, level->glob, 0, error);
}

/* Everything below the root. */
static bool list_all(struct bak_files *files, struct dr_error *error)
{
    struct level level = {.files = files, .glob = files->store->pattern};
    const struct bak_listing listing = {
        .prefix = "", .recursive = true, .details = !files->names_first};
    return bak_store_list(files->store, &listing, take_any, &level, error) &&
           add_dumps(files, files->store->pattern, error);
}

/* How many parts a glob has. */
static size_t count_parts(const char *glob)
{
    size_t parts = 1;
    for (; (glob = strchr(glob, '/')) != NULL; glob++)
        parts++;
    return parts;
}

/* The end of the first `parts` of a name; NULL where it has no more than these. */
static const char *end_of_parts(const char *name, size_t parts)
{
    while (parts-- > 0) {
        name = strchr(name, '/');
        if (name == NULL)
            return NULL;
        name++;
    }
    return name - 1;
}

/* An object whose name goes on behind what the glob is for is a part of a directory that is one
 * backup. */
static bool take_object(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    const struct level *level = context;
    struct bak_files *files = level->files;
    const char *end = end_of_parts(entry->name, count_parts(level->glob));
    files->facts->looked++;
    return end != NULL ? note_part(files, entry, (size_t)(end - entry->name), error)
                       : consider(files, entry, level->glob, 0, error);
}

static bool list_objects(struct bak_files *files, struct dr_error *error)
{
    struct level level = {.files = files, .glob = files->store->pattern};
    const struct bak_listing listing = {.prefix = "", .recursive = true, .details = true};
    return bak_store_list(files->store, &listing, take_object, &level, error) &&
           add_dumps(files, files->store->pattern, error);
}

bool bak_files_list(struct bak_files *files, struct dr_error *error)
{
    const char *pattern = files->store->pattern;
    files->store->unreadable = note_unreadable;
    files->store->unreadable_context = files;
    if (pattern[0] == '\0' || strstr(pattern, "**") != NULL)
        return list_all(files, error);
    if (files->store->remote && strchr(pattern, '/') != NULL)
        return list_objects(files, error);
    return walk_level(files, "", pattern, error);
}
