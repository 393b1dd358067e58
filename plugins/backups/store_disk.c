/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A directory of this host. Names come from getdents64 in blocks of 1 MiB, and cost nothing but
 * that; sizes and times (statx) are most of the time of a listing, and only asked for where they
 * are wanted. Symbolic links are followed in what a target says, never in what is found. */
#include "plugins/backups/names.h"
#include "plugins/backups/request.h"
#include "plugins/backups/store.h"

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
/* A copy, or the renaming of what was finished, takes no longer: what changes an inode later
 * (chown, a hard link) says nothing of when the file came. */
#define ARRIVAL_MAX (6 * 3600.0)

const char *const bak_disk_parameters[] = {NULL};

struct disk {
    struct bak_store store;
    int root; /* -1: there is none */
    char *path;
    char *pattern;
    int file; /* the one that was read last; -1 */
    char *file_name;
};

static struct disk *disk_of(struct bak_store *store)
{
    return (struct disk *)store;
}

/* ---- errors ---- */

static enum dr_error_class class_of(int number)
{
    return number == EACCES || number == EPERM ? DR_ERR_PRIVILEGE : DR_ERR_PROTOCOL;
}

static bool is_gone(int number)
{
    return number == ENOENT || number == ENOTDIR || number == ESTALE;
}

static bool fail(const struct disk *disk, const char *name, int number, struct dr_error *error)
{
    return dr_error_set(error, class_of(number), "%s%s%s: %s", disk->path,
                        name[0] != '\0' ? "/" : "", name, strerror(number));
}

static bool fail_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- one entry ---- */

static double seconds_of(struct statx_timestamp time)
{
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double later(double a, double b)
{
    return a > b ? a : b;
}

/* rsync -t and cp -p keep the time of writing: when the file was made here (where the file system
 * knows), and when its inode changed, say when it came. */
static double arrival_of(const struct statx *state)
{
    double changed = seconds_of(state->stx_ctime);
    double written = seconds_of(state->stx_mtime);
    if ((state->stx_mask & STATX_BTIME) == 0)
        return later(written, changed);
    double here = later(written, seconds_of(state->stx_btime));
    return changed > here && changed - here <= ARRIVAL_MAX ? changed : here;
}

static uint64_t inode_of(const struct statx *state)
{
    uint64_t device = ((uint64_t)state->stx_dev_major << 32) | state->stx_dev_minor;
    uint64_t inode = state->stx_ino ^ (device * 0x9e3779b97f4a7c15u);
    return inode != 0 ? inode : 1;
}

static void fill_entry(struct bak_entry *entry, const struct statx *state)
{
    entry->directory = S_ISDIR(state->stx_mode);
    entry->detailed = true;
    entry->modified = dr_real(seconds_of(state->stx_mtime));
    entry->arrived = dr_real(arrival_of(state));
    if (!S_ISREG(state->stx_mode))
        return;
    entry->size = dr_int((int64_t)state->stx_size);
    entry->allocated = dr_int((int64_t)state->stx_blocks * 512);
    entry->inode = inode_of(state);
}

static bool look_at(int directory, const char *name, int flags, struct statx *state)
{
    return statx(directory, name, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
                 STATX_BASIC_STATS | STATX_BTIME, state) == 0;
}

/* ---- listings ---- */

struct walk {
    struct disk *disk;
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
    if (is_gone(number))
        return true;
    if (store->unreadable == NULL || name[0] == '\0')
        return fail(walk->disk, name, number, walk->error);
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
    if (look_at(walk->fd, name, 0, &state))
        fill_entry(entry, &state);
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
    if (!look_at(walk->fd, name, AT_SYMLINK_NOFOLLOW, &state)) {
        entry->detailed = true;
        return !is_gone(errno);
    }
    if (S_ISLNK(state.stx_mode))
        return fill_link(walk, name, entry);
    fill_entry(entry, &state);
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
                    : is_gone(errno) || fail(walk->disk, directory, errno, walk->error);
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
    if (type == DT_UNKNOWN && look_at(walk->fd, name, AT_SYMLINK_NOFOLLOW, &state))
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

/* ---- the type ---- */

static bool disk_list(struct bak_store *store, const struct bak_listing *listing, bak_take *take,
                      void *context, struct dr_error *error)
{
    struct disk *disk = disk_of(store);
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

static bool disk_look(struct bak_store *store, const char *name, struct bak_entry *entry,
                      bool *found, struct dr_error *error)
{
    struct disk *disk = disk_of(store);
    struct statx state;
    *entry = (struct bak_entry){.name = name, .detailed = true};
    *found = false;
    if (disk->root < 0)
        return dr_error_set(error, DR_ERR_USAGE, "%s: no such directory", disk->path);
    dr_task_stage(store->task, "look at a file");
    *found = look_at(disk->root, name, name[0] == '\0' ? AT_EMPTY_PATH : 0, &state);
    if (*found) {
        fill_entry(entry, &state);
        return true;
    }
    if (!is_gone(errno) && errno != ELOOP)
        return fail(disk, name, errno, error);
    entry->link = look_at(disk->root, name, AT_SYMLINK_NOFOLLOW, &state);
    *found = entry->link;
    return *found || dr_error_set(error, DR_ERR_USAGE, "%s/%s: no such file", disk->path, name);
}

/* The file, open: only a plain one is, since to open another (a FIFO, a tape) does something. */
static int open_file(struct disk *disk, const char *name, struct dr_error *error)
{
    struct stat state;
    if (disk->file >= 0 && strcmp(disk->file_name, name) == 0)
        return disk->file;
    if (disk->file >= 0)
        close(disk->file);
    disk->file = -1;
    free(disk->file_name);
    disk->file_name = strdup(name);
    if (disk->file_name == NULL) {
        fail_memory(error);
        return -1;
    }
    if (disk->root < 0 || fstatat(disk->root, name, &state, 0) != 0) {
        fail(disk, name, disk->root < 0 ? ENOENT : errno, error);
        return -1;
    }
    if (!S_ISREG(state.st_mode)) {
        dr_error_set(error, DR_ERR_PROTOCOL, "%s/%s: not a file", disk->path, name);
        return -1;
    }
    int fd = openat(disk->root, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        fail(disk, name, errno, error);
        return -1;
    }
    if (fstat(fd, &state) != 0 || !S_ISREG(state.st_mode)) {
        dr_error_set(error, DR_ERR_PROTOCOL, "%s/%s: not a file", disk->path, name);
        close(fd);
        return -1;
    }
    disk->file = fd;
    return fd;
}

static bool disk_read(struct bak_store *store, const char *name, int64_t offset, void *into,
                      size_t size, size_t *got, struct dr_error *error)
{
    struct disk *disk = disk_of(store);
    *got = 0;
    dr_task_stage(store->task, "read a file");
    int fd = open_file(disk, name, error);
    if (fd < 0)
        return false;
    while (*got < size) {
        ssize_t count =
            pread(fd, (char *)into + *got, size - *got, (off_t)(offset + (int64_t)*got));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fail(disk, name, errno, error);
        if (count == 0)
            break;
        *got += (size_t)count;
    }
    return true;
}

static bool load_one(struct disk *disk, const char *name, size_t most, struct dr_buffer *text,
                     bool *found, struct dr_error *error)
{
    struct statx state;
    size_t got = 0;
    *text = DR_BUFFER(most);
    *found = disk->root >= 0 && look_at(disk->root, name, 0, &state);
    if (!*found)
        return disk->root < 0 || is_gone(errno) || fail(disk, name, errno, error);
    if ((uint64_t)state.stx_size > most)
        return dr_error_set(error, DR_ERR_PROTOCOL, "%s/%s: more than %zu bytes", disk->path, name,
                            most);
    char *content = malloc(most + 1);
    if (content == NULL)
        return fail_memory(error);
    bool ok = disk_read(&disk->store, name, 0, content, most + 1, &got, error);
    if (ok && got > most)
        ok = dr_error_set(error, DR_ERR_PROTOCOL, "%s/%s: more than %zu bytes", disk->path, name,
                          most);
    ok = ok && (dr_buffer_add_bytes(text, content, got) || fail_memory(error));
    free(content);
    return ok;
}

static bool disk_load(struct bak_store *store, const char *const *names, size_t count, size_t most,
                      struct dr_buffer *texts, bool *found, struct dr_error *error)
{
    for (size_t i = 0; i < count; i++) {
        texts[i] = DR_BUFFER(most);
        found[i] = false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!load_one(disk_of(store), names[i], most, &texts[i], &found[i], error))
            return false;
    }
    return true;
}

static void disk_close(struct bak_store *store)
{
    struct disk *disk = disk_of(store);
    if (disk->file >= 0)
        close(disk->file);
    if (disk->root >= 0)
        close(disk->root);
    free(disk->file_name);
    free(disk->pattern);
    free(disk->path);
    free(disk);
}

static const struct bak_store_type disk_type = {
    .words = "directory",
    .list = disk_list,
    .look = disk_look,
    .read = disk_read,
    .load = disk_load,
    .close = disk_close,
};

/* ---- opening ---- */

/* Without "/" at its end, where it is not all. */
static void trim(char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        path[--length] = '\0';
}

/* A path without a wildcard is a directory, or one file (or one dump of several files) in it. */
static size_t root_of(const char *path)
{
    struct stat state;
    const char *slash = strrchr(path, '/');
    char *contents = dr_text_format("%s/toc.dat", path);
    bool dump = contents != NULL && stat(contents, &state) == 0;
    free(contents);
    if (slash[1] == '\0' || (stat(path, &state) == 0 && S_ISDIR(state.st_mode) && !dump))
        return strlen(path);
    bool one = dump || lstat(path, &state) == 0;
    /* What is not there may be a directory that was removed, or is not mounted. */
    return one ? (size_t)(slash + 1 - path) : strlen(path);
}

static bool split_path(struct disk *disk, const char *whole_path, bool whole)
{
    char *path = strdup(whole_path);
    if (path == NULL)
        return false;
    trim(path);
    size_t root = whole ? strlen(path) : bak_glob_root(path);
    if (!whole && path[root] == '\0')
        root = root_of(path);
    disk->path = strndup(path, root);
    disk->pattern = strdup(path + root);
    free(path);
    if (disk->path == NULL || disk->pattern == NULL)
        return false;
    trim(disk->path);
    disk->store.pattern = disk->pattern;
    return true;
}

/* Where the kernel says whether something is mounted there, that is taken; a file system can have
 * parts with other devices, and be mounted twice. */
static bool is_mounted(const struct disk *disk)
{
    struct statx here;
    struct statx above;
    if (disk->root < 0 || !look_at(disk->root, "", AT_EMPTY_PATH, &here))
        return false;
#ifdef STATX_ATTR_MOUNT_ROOT
    if ((here.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0)
        return (here.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
#endif
    return look_at(disk->root, "..", 0, &above) &&
           (here.stx_dev_major != above.stx_dev_major || here.stx_dev_minor != above.stx_dev_minor);
}

static bool open_root(struct disk *disk, struct dr_error *error)
{
    dr_task_stage(disk->store.task, "open the directory");
    disk->root = open(disk->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    /* Names below it that are given can be reached where it cannot be listed. */
    if (disk->root < 0 && errno == EACCES)
        disk->root = open(disk->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (disk->root >= 0)
        return true;
    if (errno == ENOTDIR)
        return dr_error_set(error, DR_ERR_USAGE, "%s: not a directory", disk->path);
    return errno == ENOENT || fail(disk, "", errno, error);
}

struct bak_store *bak_disk_open(struct dr_task *task, const struct dr_uri *uri, bool whole,
                                struct dr_error *error)
{
    const struct bak_request *request = dr_task_request(task);
    struct disk *disk = NULL;
    if (uri->host_count > 0 && strcmp(uri->hosts[0].name, "localhost") != 0)
        dr_error_set(error, DR_ERR_USAGE,
                     "a file is on this host: write file:///%s%s, with three slashes",
                     uri->hosts[0].name, uri->path);
    else if (uri->path[0] != '/')
        dr_error_set(error, DR_ERR_USAGE, "no path: file:///srv/backup/*.dump");
    else if ((disk = calloc(1, sizeof *disk)) == NULL)
        fail_memory(error);
    if (disk == NULL)
        return NULL;
    disk->store = (struct bak_store){.type = &disk_type, .task = task};
    disk->root = -1;
    disk->file = -1;
    if (split_path(disk, uri->path, whole) ? open_root(disk, error) : fail_memory(error)) {
        disk->store.place = disk->path;
        disk->store.unmounted = request->expect_mount && !is_mounted(disk);
        return &disk->store;
    }
    disk_close(&disk->store);
    return NULL;
}
