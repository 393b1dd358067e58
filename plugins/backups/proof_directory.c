/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/formats.h"

#include <stdio.h>
#include <stdlib.h>

#define PATH_MOST 1200
#define FILES_MOST 1000000
#define LINE_MOST 128

struct part {
    char *name; /* below the directory */
    int64_t size;
};

/* What a directory holds, and what came of its parts. */
struct folder {
    struct bak_store *store;
    const char *path;
    enum bak_proof wanted;
    struct bak_content *content;
    struct dr_error *error;
    bool failed;
    struct part *parts; /* in the order of their names */
    size_t count;
    enum bak_proof least; /* of all parts */
};

static int by_name(const void *one, const void *two)
{
    return strcmp(((const struct part *)one)->name, ((const struct part *)two)->name);
}

static bool take_part(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct folder *folder = context;
    const char *name = entry->name + strlen(folder->path) + 1;
    if (entry->directory || strlen(entry->name) <= strlen(folder->path))
        return true;
    if (folder->count == FILES_MOST)
        return dr_error_set(error, DR_ERR_PROTOCOL, "%s: more than %d files", folder->path,
                            FILES_MOST);
    if ((folder->count & (folder->count - 1)) == 0) {
        size_t room = folder->count == 0 ? 1 : 2 * folder->count;
        struct part *more = realloc(folder->parts, room * sizeof *more);
        if (more == NULL)
            return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        folder->parts = more;
    }
    struct part *part = &folder->parts[folder->count];
    *part = (struct part){.name = strdup(name), .size = entry->size.known ? entry->size.value : -1};
    if (part->name == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    folder->count++;
    return true;
}

static bool list_parts(struct folder *folder)
{
    char prefix[PATH_MOST];
    int length = snprintf(prefix, sizeof prefix, "%s/", folder->path);
    if (length < 0 || (size_t)length >= sizeof prefix)
        return dr_error_set(folder->error, DR_ERR_PROTOCOL, "%s: its name is too long",
                            folder->path);
    const struct bak_listing listing = {.prefix = prefix, .recursive = true, .details = true};
    if (!bak_store_list(folder->store, &listing, take_part, folder, folder->error))
        return false;
    if (folder->count > 0)
        qsort(folder->parts, folder->count, sizeof *folder->parts, by_name);
    return true;
}

static const struct part *find_part(const struct folder *folder, const char *name)
{
    const struct part wanted = {.name = (char *)name};
    return folder->count == 0
               ? NULL
               : bsearch(&wanted, folder->parts, folder->count, sizeof *folder->parts, by_name);
}

static bool path_of(const struct folder *folder, const char *name, char path[PATH_MOST])
{
    int length = snprintf(path, PATH_MOST, "%s/%s", folder->path, name);
    return length > 0 && length < PATH_MOST;
}

static void take_proof(struct folder *folder, enum bak_proof proof)
{
    if (proof < folder->least)
        folder->least = proof;
}

/* Looks at a part as at a file of its own. False where it could not be read. */
static bool prove_part(struct folder *folder, const struct part *part, struct bak_content *content)
{
    char path[PATH_MOST];
    *content = (struct bak_content){.verdict = BAK_UNKNOWN_KIND};
    if (!path_of(folder, part->name, path) ||
        !bak_proof_file(folder->store, path, part->size, folder->wanted, content, folder->error))
        folder->failed = true;
    if (content->out_of_time)
        folder->content->out_of_time = true;
    return !folder->failed;
}

static bool is_late(const struct folder *folder)
{
    struct dr_task *task = folder->store->task;
    return task != NULL && dr_task_left(task) <= 0;
}

/* ---- pg_dump -Fd ---- */

static const struct part *find_packed(const struct folder *folder, const char *name)
{
    static const char *const endings[] = {"", ".gz", ".lz4", ".zst"};
    char packed[PATH_MOST];
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        snprintf(packed, sizeof packed, "%s%s", name, endings[i]);
        const struct part *part = find_part(folder, packed);
        if (part != NULL)
            return part;
    }
    return NULL;
}

/* Data of a COPY that are not packed end as its protocol's text does. */
static bool ends_as_copy(struct folder *folder, const struct part *part)
{
    static const char end[] = "\\.\n\n\n";
    char path[PATH_MOST], last[sizeof end - 1];
    size_t got = 0;
    if (part->size < (int64_t)sizeof last)
        return false;
    if (!path_of(folder, part->name, path) ||
        !bak_store_read(folder->store, path, part->size - (int64_t)sizeof last, last, sizeof last,
                        &got, folder->error)) {
        folder->failed = true;
        return true;
    }
    return got == sizeof last && memcmp(last, end, sizeof last) == 0;
}

/* Data of a table, or a large object, which may be anything: what is packed is there to its end.
 * What it is by its content says nothing. */
static bool look_at_packed(struct folder *folder, const struct part *part)
{
    struct bak_content content;
    if (!prove_part(folder, part, &content))
        return false;
    bool inner = content.error_text || strstr(content.kind, " of ") != NULL;
    if (content.kind[0] == '\0')
        bak_content_cut(folder->content, "%s is not packed as its name says", part->name);
    else if (content.verdict == BAK_CUT && !inner)
        bak_content_cut(folder->content, "%s: %s", part->name, content.why);
    take_proof(folder, inner && content.proof < BAK_WELLFORMED ? BAK_WELLFORMED : content.proof);
    return folder->content->verdict == BAK_WHOLE && !folder->content->out_of_time;
}

/* Data that are not packed, and whose end was seen. */
static bool look_at_plain(struct folder *folder, const struct part *part, bool copy)
{
    char path[PATH_MOST];
    struct bak_content content = {.verdict = BAK_WHOLE, .proof = BAK_WELLFORMED};
    if (folder->wanted >= BAK_CHECKSUMMED &&
        (!path_of(folder, part->name, path) ||
         !bak_proof_read(folder->store, path, copy, &content, folder->error))) {
        folder->failed = true;
        return false;
    }
    folder->content->out_of_time = folder->content->out_of_time || content.out_of_time;
    if (content.verdict == BAK_CUT)
        bak_content_cut(folder->content, "%s: %s", part->name, content.why);
    take_proof(folder, content.proof);
    return folder->content->verdict == BAK_WHOLE && !folder->content->out_of_time;
}

/* A file that the table of contents, or the list of large objects, names. Those may be empty. */
static bool look_at_data(struct folder *folder, const char *name, bool copy, bool may_be_empty)
{
    const struct part *part = find_packed(folder, name);
    if (is_late(folder)) {
        folder->content->out_of_time = true;
        return false;
    }
    bool packed = part != NULL && strcmp(part->name, name) != 0;
    if (part == NULL)
        bak_content_cut(folder->content, "%s is not there: killed, or lost", name);
    else if (part->size == 0 && (packed || !may_be_empty))
        bak_content_cut(folder->content, "%s is empty", part->name);
    else if (copy && !packed && !ends_as_copy(folder, part))
        bak_content_cut(folder->content, "%s is cut: no end of its data", part->name);
    else if (!folder->failed)
        return packed ? look_at_packed(folder, part) : look_at_plain(folder, part, copy);
    return folder->content->verdict == BAK_WHOLE && !folder->failed;
}

struct lists {
    struct folder *folder;
    char (*names)[LINE_MOST]; /* lists of large objects */
    size_t count;
    int64_t objects;
};

static bool take_file(void *context, const char *name, bool copy)
{
    struct lists *lists = context;
    if (strncmp(name, "blobs", 5) != 0 || !bak_name_ends(name, ".toc"))
        return look_at_data(lists->folder, name, copy, false);
    void *more = realloc(lists->names, (lists->count + 1) * sizeof *lists->names);
    if (more == NULL) {
        lists->folder->failed = true;
        return dr_error_set(lists->folder->error, DR_ERR_INTERNAL, "out of memory");
    }
    lists->names = more;
    snprintf(lists->names[lists->count++], LINE_MOST, "%s", name);
    return true;
}

/* One line: the number of a large object, and its file. */
static bool take_line(struct lists *lists, const char *list, const char *line)
{
    const char *name = strchr(line, ' ');
    if (name == NULL || strncmp(name + 1, "blob_", 5) != 0) {
        bak_content_cut(lists->folder->content, "%s: a line of it is cut", list);
        return false;
    }
    lists->objects++;
    return look_at_data(lists->folder, name + 1, false, true);
}

static bool read_list(struct lists *lists, const char *list, struct bak_walk *walk)
{
    char line[LINE_MOST];
    size_t length = 0;
    unsigned char byte;
    while (bak_walk_get(walk, &byte, 1)) {
        if (byte != '\n' && length < sizeof line - 1) {
            line[length++] = (char)byte;
            continue;
        }
        line[length] = '\0';
        length = 0;
        if (!take_line(lists, list, line))
            return false;
    }
    if (length > 0)
        bak_content_cut(lists->folder->content, "%s: its last line is cut", list);
    return length == 0 && !walk->failed;
}

static bool look_at_list(struct lists *lists, const char *list)
{
    struct folder *folder = lists->folder;
    const struct part *part = find_part(folder, list);
    char path[PATH_MOST];
    struct bak_view view;
    struct bak_walk walk;
    if (part == NULL) {
        bak_content_cut(folder->content, "%s is not there: killed, or lost", list);
        return false;
    }
    if (!path_of(folder, list, path) ||
        !bak_view_open(&view, folder->store, path, part->size, folder->error))
        return !(folder->failed = true);
    bak_walk_view(&walk, &view, folder->error);
    bool ok = read_list(lists, list, &walk);
    folder->failed = folder->failed || walk.failed;
    bak_walk_close(&walk);
    bak_view_close(&view);
    return ok;
}

static void look_at_lists(struct lists *lists, const struct bak_toc *toc)
{
    struct folder *folder = lists->folder;
    for (size_t i = 0; i < lists->count; i++) {
        if (!look_at_list(lists, lists->names[i]))
            return;
    }
    /* Up to PostgreSQL 16 each large object is an entry of its own. */
    if (toc->minor < 16 && lists->objects < toc->large_objects && lists->count > 0)
        bak_content_cut(folder->content, "%lld of %lld large objects are there: killed",
                        (long long)lists->objects, (long long)toc->large_objects);
}

static void read_contents(struct folder *folder, struct bak_walk *walk)
{
    struct lists lists = {.folder = folder};
    struct bak_toc toc = {.file = take_file, .context = &lists};
    const char *why;
    bool read = bak_toc_read(walk, &toc, &why);
    folder->content->data = toc.created;
    bak_content_kind(folder->content, "pg_dump directory 1.%d", toc.minor);
    if (read)
        look_at_lists(&lists, &toc);
    else if (walk->late)
        folder->content->out_of_time = true;
    else if (why == NULL && !walk->failed) {
        folder->content->verdict = BAK_UNKNOWN_KIND;
        bak_content_note(folder->content, "a version that is not known here");
    } else if (!folder->failed && !walk->failed && !folder->content->out_of_time)
        bak_content_cut(folder->content, "toc.dat: %s", why);
    folder->failed = folder->failed || walk->failed;
    free(lists.names);
}

static void look_at_pg_directory(struct folder *folder, const struct part *part)
{
    char path[PATH_MOST];
    struct bak_view view = {.name = NULL};
    struct bak_walk walk;
    if (part->size <= 0) {
        bak_content_cut(folder->content, "toc.dat is empty");
        return;
    }
    if (!path_of(folder, part->name, path) ||
        !bak_view_open(&view, folder->store, path, part->size, folder->error)) {
        folder->failed = true;
    } else {
        bak_walk_view(&walk, &view, folder->error);
        walk.budget = INT64_MAX;
        read_contents(folder, &walk);
        bak_walk_close(&walk);
    }
    bak_view_close(&view);
}

/* ---- mongodump ---- */

static bool is_bson(const char *name)
{
    return bak_name_ends(name, ".bson") || bak_name_ends(name, ".bson.gz");
}

static bool has_bson(const struct folder *folder)
{
    for (size_t i = 0; i < folder->count; i++) {
        if (is_bson(folder->parts[i].name))
            return true;
    }
    return false;
}

/* Its description stands beside each collection, and is written to its end. */
static bool is_cut_description(const struct part *part)
{
    return part->size == 0 && (bak_name_ends(part->name, ".metadata.json") ||
                               bak_name_ends(part->name, ".metadata.json.gz"));
}

/* What is wrong with a file of documents is wrong with the whole. False: the rest is of no
 * interest.
 */
static bool look_at_bson(struct folder *folder, const struct part *part)
{
    struct bak_content content;
    if (!prove_part(folder, part, &content))
        return false;
    if (content.verdict != BAK_WHOLE && !content.out_of_time)
        bak_content_cut(folder->content, "%s: %s", part->name,
                        content.why[0] != '\0' ? content.why : "no BSON documents");
    take_proof(folder, content.proof);
    if (content.data.known && strncmp(part->name, "oplog.bson", 10) == 0) {
        folder->content->data = content.data;
        folder->content->data_zoned = content.data_zoned;
    }
    return folder->content->verdict == BAK_WHOLE && !folder->content->out_of_time;
}

static void look_at_mongodump(struct folder *folder)
{
    bak_content_kind(folder->content, "mongodump directory");
    for (size_t i = 0; i < folder->count; i++) {
        const struct part *part = &folder->parts[i];
        if (is_late(folder)) {
            folder->content->out_of_time = true;
            return;
        }
        if (is_cut_description(part) ||
            (part->size == 0 && bak_name_ends(part->name, ".bson.gz"))) {
            bak_content_cut(folder->content, "%s is empty", part->name);
            return;
        }
        /* A collection without documents is a file without bytes. */
        if (is_bson(part->name) && part->size > 0 && !look_at_bson(folder, part))
            return;
    }
}

static void look_at_folder(struct folder *folder)
{
    const struct part *contents = find_part(folder, "toc.dat");
    if (contents == NULL && !has_bson(folder)) {
        folder->content->verdict = BAK_UNKNOWN_KIND;
        folder->content->proof = BAK_NONE;
        return;
    }
    folder->content->proof = BAK_SIZED;
    if (folder->wanted <= BAK_SIZED) {
        bak_content_kind(folder->content, "%s directory",
                         contents != NULL ? "pg_dump" : "mongodump");
        return;
    }
    if (contents != NULL)
        look_at_pg_directory(folder, contents);
    else
        look_at_mongodump(folder);
    if (folder->content->verdict == BAK_WHOLE && !folder->content->out_of_time)
        folder->content->proof = folder->least;
}

bool bak_proof_directory(struct bak_store *store, const char *path, enum bak_proof wanted,
                         struct bak_content *content, struct dr_error *error)
{
    struct folder folder = {.store = store,
                            .path = path,
                            .wanted = wanted,
                            .content = content,
                            .error = error,
                            .least = BAK_CHECKSUMMED};
    content->verdict = BAK_WHOLE;
    bool ok = list_parts(&folder);
    if (ok)
        look_at_folder(&folder);
    for (size_t i = 0; i < folder.count; i++)
        free(folder.parts[i].name);
    free(folder.parts);
    return ok && !folder.failed;
}
