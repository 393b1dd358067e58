/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/store_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SIZE ((size_t)1024 * 1024)
/* Looks at the clock, in entries. */
#define ENTRIES_PER_LOOK 4096

static bool fail_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- in any order ---- */

struct walk {
    struct bak_disk *disk;
    const struct bak_listing *listing;
    bak_take *take;
    void *context;
    struct dr_error *error;
    char *block;
    struct dr_buffer path; /* of the entry: that of its directory, which has base_size bytes */
    size_t base_size;      /* with the "/" behind it */
    int fd;
    const char *beginning; /* of the entries' own names that are wanted; NULL: all */
    size_t beginning_size;
    struct dr_buffer waiting;
    int64_t seen;
};

/* Sets the entry's path from its own name. */
static bool set_name(struct walk *walk, const char *name)
{
    walk->path.size = walk->base_size;
    return dr_buffer_add(&walk->path, name) || fail_memory(walk->error);
}

static bool out_of_time(struct walk *walk)
{
    if (++walk->seen % ENTRIES_PER_LOOK != 0 || dr_task_left(walk->disk->store.task) > 0)
        return false;
    dr_error_set(walk->error, DR_ERR_TIMEOUT, "%s: out of time after %lld names", walk->disk->path,
                 (long long)walk->seen);
    return true;
}

/* Something below the root that cannot be read: said, and gone past, where whoever lists wants it
 * so. What was removed meanwhile was no backup. */
static bool pass_over(struct walk *walk, const char *name, int number)
{
    struct bak_store *store = &walk->disk->store;
    if (bak_disk_is_gone(number))
        return true;
    if (store->unreadable == NULL || name[0] == '\0')
        return bak_disk_fail(walk->disk, name, number, walk->error);
    store->unreadable(store->unreadable_context, name, strerror(number));
    return true;
}

/* A directory on the way down: kept for later, so that only one is open at a time. */
static bool keep_directory(struct walk *walk)
{
    return dr_buffer_add_bytes(&walk->waiting, walk->path.text, walk->path.size + 1) ||
           fail_memory(walk->error);
}

/* A symbolic link is followed only to see whether it leads anywhere. */
static bool fill_link(struct walk *walk, const char *name, struct bak_entry *entry)
{
    struct statx state;
    entry->link = true;
    if (!walk->listing->details)
        return true;
    entry->detailed = true;
    if (bak_disk_look_at(walk->fd, name, 0, &state))
        bak_disk_fill_entry(entry, &state);
    return true;
}

/* False where it has gone meanwhile. */
static bool fill_details(struct walk *walk, const char *name, unsigned char type,
                         struct bak_entry *entry)
{
    struct statx state;
    entry->directory = type == DT_DIR;
    if (type == DT_LNK)
        return fill_link(walk, name, entry);
    if (!walk->listing->details && type != DT_UNKNOWN)
        return true;
    if (!bak_disk_look_at(walk->fd, name, AT_SYMLINK_NOFOLLOW, &state)) {
        entry->detailed = true;
        return !bak_disk_is_gone(errno);
    }
    if (S_ISLNK(state.stx_mode))
        return fill_link(walk, name, entry);
    bak_disk_fill_entry(entry, &state);
    return S_ISREG(state.stx_mode) || S_ISDIR(state.stx_mode);
}

static bool take_name(struct walk *walk, const char *name, unsigned char type)
{
    const struct bak_listing *listing = walk->listing;
    struct bak_entry entry = {.name = NULL};
    bool plain = type == DT_REG || type == DT_DIR || type == DT_LNK || type == DT_UNKNOWN;
    if (out_of_time(walk))
        return false;
    if (!plain ||
        (walk->beginning != NULL && strncmp(name, walk->beginning, walk->beginning_size) != 0))
        return true;
    if (!fill_details(walk, name, type, &entry))
        return true;
    if (!set_name(walk, name))
        return false;
    if (entry.directory && !entry.link && listing->recursive)
        return keep_directory(walk);
    entry.name = walk->path.text;
    return walk->take(walk->context, &entry, walk->error);
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

typedef bool name_take(struct walk *walk, const char *name, unsigned char type);

/* All names of the directory that is open. */
static bool read_names(struct walk *walk, name_take *take, const char *directory)
{
    for (;;) {
        ssize_t got = getdents64(walk->fd, walk->block, BLOCK_SIZE);
        if (got == 0)
            return true;
        if (got < 0)
            return pass_over(walk, directory, errno);
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *found = (const void *)(walk->block + at);
            at += found->d_reclen;
            if (!is_dots(found->d_name) && !take(walk, found->d_name, found->d_type))
                return false;
        }
    }
}

/* Opens a directory below the root: one that was found is not reached by a link. -1: passed over or
 * failed, as *ok says. */
static int open_directory(struct walk *walk, const char *directory, bool found, bool *ok)
{
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | (found ? O_NOFOLLOW : 0);
    int fd = openat(walk->disk->root, directory[0] != '\0' ? directory : ".", flags);
    if (fd < 0)
        *ok = found ? pass_over(walk, directory, errno)
                    : bak_disk_is_gone(errno) ||
                          bak_disk_fail(walk->disk, directory, errno, walk->error);
    return fd;
}

static bool set_base(struct walk *walk, const char *directory)
{
    dr_buffer_clear(&walk->path);
    bool ok = dr_buffer_add(&walk->path, directory) &&
              (directory[0] == '\0' || dr_buffer_add_char(&walk->path, '/'));
    walk->base_size = walk->path.size;
    return ok || fail_memory(walk->error);
}

static bool read_directory(struct walk *walk, const char *directory, bool found)
{
    bool ok = true;
    if (!set_base(walk, directory))
        return false;
    walk->fd = open_directory(walk, directory, found, &ok);
    if (walk->fd < 0)
        return ok;
    ok = read_names(walk, take_name, directory);
    close(walk->fd);
    return ok;
}

/* The last one that was found is read next, so that no more wait than there are on a way down. */
static bool read_waiting(struct walk *walk)
{
    while (walk->waiting.size > 0) {
        size_t begin = walk->waiting.size - 1;
        while (begin > 0 && walk->waiting.text[begin - 1] != '\0')
            begin--;
        char *directory = strdup(walk->waiting.text + begin);
        walk->waiting.size = begin;
        bool ok =
            directory != NULL ? read_directory(walk, directory, true) : fail_memory(walk->error);
        free(directory);
        if (!ok)
            return false;
    }
    return true;
}

/* ---- in byte order ---- */

/* The names of one directory: "x/" for a directory, which is how they stand in whole names. */
struct sorted {
    struct dr_buffer names; /* each with its type in front and a NUL behind it */
    const char **items;
    size_t count;
};

static bool collect_name(struct walk *walk, const char *name, unsigned char type)
{
    struct sorted *sorted = walk->context;
    struct statx state;
    if (out_of_time(walk))
        return false;
    if (walk->beginning != NULL && strncmp(name, walk->beginning, walk->beginning_size) != 0)
        return true;
    if (type == DT_UNKNOWN && bak_disk_look_at(walk->fd, name, AT_SYMLINK_NOFOLLOW, &state))
        type = S_ISDIR(state.stx_mode)   ? DT_DIR
               : S_ISREG(state.stx_mode) ? DT_REG
               : S_ISLNK(state.stx_mode) ? DT_LNK
                                         : DT_FIFO;
    if (type != DT_REG && type != DT_DIR && type != DT_LNK)
        return true;
    sorted->count++;
    return (dr_buffer_add_char(&sorted->names, (char)type) && dr_buffer_add(&sorted->names, name) &&
            (type != DT_DIR || dr_buffer_add_char(&sorted->names, '/')) &&
            dr_buffer_add_char(&sorted->names, '\0')) ||
           fail_memory(walk->error);
}

static int compare_names(const void *a, const void *b)
{
    const char *const *first = a;
    const char *const *second = b;
    return strcmp(*first + 1, *second + 1);
}

static bool sort_names(struct sorted *sorted, struct dr_error *error)
{
    const char *at = sorted->names.text;
    sorted->items = calloc(sorted->count + 1, sizeof *sorted->items);
    if (sorted->items == NULL)
        return fail_memory(error);
    for (size_t i = 0; i < sorted->count; i++) {
        sorted->items[i] = at;
        at += strlen(at) + 1;
    }
    qsort(sorted->items, sorted->count, sizeof *sorted->items, compare_names);
    return true;
}

static bool read_sorted(struct walk *walk, const char *directory, bool found);

/* One name of a sorted directory; a directory is read on the spot. */
static bool take_sorted(struct walk *walk, const char *directory, const char *item)
{
    struct bak_entry entry = {.name = NULL};
    unsigned char type = (unsigned char)item[0];
    char name[NAME_MAX + 2];
    size_t length = strlen(item + 1) - (type == DT_DIR ? 1 : 0);
    if (length >= sizeof name)
        return true;
    memcpy(name, item + 1, length);
    name[length] = '\0';
    if (!set_base(walk, directory) || !set_name(walk, name))
        return false;
    if (type == DT_DIR && walk->listing->recursive) {
        char *below = strdup(walk->path.text);
        bool ok = below != NULL ? read_sorted(walk, below, true) : fail_memory(walk->error);
        free(below);
        return ok;
    }
    walk->fd = walk->disk->root;
    if (!fill_details(walk, walk->path.text, type, &entry))
        return true;
    entry.name = walk->path.text;
    return walk->take(walk->context, &entry, walk->error);
}

static bool collect_sorted(struct walk *walk, const char *directory, bool found,
                           struct sorted *sorted)
{
    bool ok = true;
    void *context = walk->context;
    walk->fd = open_directory(walk, directory, found, &ok);
    if (walk->fd < 0)
        return ok;
    walk->context = sorted;
    ok = read_names(walk, collect_name, directory) && sort_names(sorted, walk->error);
    walk->context = context;
    close(walk->fd);
    return ok;
}

static bool read_sorted(struct walk *walk, const char *directory, bool found)
{
    struct sorted sorted = {.count = 0};
    sorted.names = DR_BUFFER(SIZE_MAX / 2);
    bool ok = collect_sorted(walk, directory, found, &sorted);
    walk->beginning = NULL;
    for (size_t i = 0; ok && sorted.items != NULL && i < sorted.count; i++)
        ok = take_sorted(walk, directory, sorted.items[i]);
    free(sorted.items);
    dr_buffer_free(&sorted.names);
    return ok;
}

/* ---- a listing ---- */

bool bak_disk_list(struct bak_store *store, const struct bak_listing *listing, bak_take *take,
                   void *context, struct dr_error *error)
{
    struct bak_disk *disk = bak_disk_of(store);
    const char *slash = strrchr(listing->prefix, '/');
    struct walk walk = {.disk = disk,
                        .listing = listing,
                        .take = take,
                        .context = context,
                        .error = error,
                        .path = DR_BUFFER(SIZE_MAX / 2),
                        .waiting = DR_BUFFER(SIZE_MAX / 2)};
    if (disk->root < 0)
        return true;
    dr_task_stage(store->task, "list files");
    char *directory =
        strndup(listing->prefix, slash != NULL ? (size_t)(slash - listing->prefix) : 0);
    walk.block = malloc(BLOCK_SIZE);
    walk.beginning = slash != NULL ? slash + 1 : listing->prefix;
    walk.beginning_size = strlen(walk.beginning);
    if (walk.beginning_size == 0)
        walk.beginning = NULL;
    bool ok = directory != NULL && walk.block != NULL;
    if (!ok)
        fail_memory(error);
    if (ok && listing->sorted)
        ok = read_sorted(&walk, directory, false);
    else if (ok)
        ok = read_directory(&walk, directory, false);
    walk.beginning = NULL;
    ok = ok && read_waiting(&walk);
    dr_buffer_free(&walk.path);
    dr_buffer_free(&walk.waiting);
    free(walk.block);
    free(directory);
    return ok;
}
