/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/store_disk.h"

#include "plugins/backups/names.h"
#include "plugins/backups/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A copy, or the renaming of what was finished, takes no longer: what changes an inode later
 * (chown, a hard link) says nothing of when the file came. */
#define ARRIVAL_MAX (6 * 3600.0)

const char *const bak_disk_parameters[] = {NULL};

/* ---- errors ---- */

static enum dr_error_class class_of(int number)
{
    return number == EACCES || number == EPERM ? DR_ERR_PRIVILEGE : DR_ERR_PROTOCOL;
}

bool bak_disk_is_gone(int number)
{
    return number == ENOENT || number == ENOTDIR || number == ESTALE;
}

bool bak_disk_fail(const struct bak_disk *disk, const char *name, int number,
                   struct dr_error *error)
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

void bak_disk_fill_entry(struct bak_entry *entry, const struct statx *state)
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

bool bak_disk_look_at(int directory, const char *name, int flags, struct statx *state)
{
    return statx(directory, name, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
                 STATX_BASIC_STATS | STATX_BTIME, state) == 0;
}

/* ---- the type ---- */

static bool disk_look(struct bak_store *store, const char *name, struct bak_entry *entry,
                      bool *found, struct dr_error *error)
{
    struct bak_disk *disk = bak_disk_of(store);
    struct statx state;
    *entry = (struct bak_entry){.name = name, .detailed = true};
    *found = false;
    if (disk->root < 0)
        return dr_error_set(error, DR_ERR_USAGE, "%s: no such directory", disk->path);
    dr_task_stage(store->task, "look at a file");
    *found = bak_disk_look_at(disk->root, name, name[0] == '\0' ? AT_EMPTY_PATH : 0, &state);
    if (*found) {
        bak_disk_fill_entry(entry, &state);
        return true;
    }
    if (!bak_disk_is_gone(errno) && errno != ELOOP)
        return bak_disk_fail(disk, name, errno, error);
    entry->link = bak_disk_look_at(disk->root, name, AT_SYMLINK_NOFOLLOW, &state);
    *found = entry->link;
    return *found || dr_error_set(error, DR_ERR_USAGE, "%s/%s: no such file", disk->path, name);
}

/* The file, open: only a plain one is, since to open another (a FIFO, a tape) does something. */
static int open_file(struct bak_disk *disk, const char *name, struct dr_error *error)
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
        bak_disk_fail(disk, name, disk->root < 0 ? ENOENT : errno, error);
        return -1;
    }
    if (!S_ISREG(state.st_mode)) {
        dr_error_set(error, DR_ERR_PROTOCOL, "%s/%s: not a file", disk->path, name);
        return -1;
    }
    int fd = openat(disk->root, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        bak_disk_fail(disk, name, errno, error);
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
    struct bak_disk *disk = bak_disk_of(store);
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
            return bak_disk_fail(disk, name, errno, error);
        if (count == 0)
            break;
        *got += (size_t)count;
    }
    return true;
}

static bool load_one(struct bak_disk *disk, const char *name, size_t most, struct dr_buffer *text,
                     bool *found, struct dr_error *error)
{
    struct statx state;
    size_t got = 0;
    *text = DR_BUFFER(most);
    *found = disk->root >= 0 && bak_disk_look_at(disk->root, name, 0, &state);
    if (!*found)
        return disk->root < 0 || bak_disk_is_gone(errno) || bak_disk_fail(disk, name, errno, error);
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
        if (!load_one(bak_disk_of(store), names[i], most, &texts[i], &found[i], error))
            return false;
    }
    return true;
}

static void disk_close(struct bak_store *store)
{
    struct bak_disk *disk = bak_disk_of(store);
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
    .list = bak_disk_list,
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

static bool split_path(struct bak_disk *disk, const char *whole_path, bool whole)
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
static bool is_mounted(const struct bak_disk *disk)
{
    struct statx here;
    struct statx above;
    if (disk->root < 0 || !bak_disk_look_at(disk->root, "", AT_EMPTY_PATH, &here))
        return false;
#ifdef STATX_ATTR_MOUNT_ROOT
    if ((here.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0)
        return (here.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
#endif
    return bak_disk_look_at(disk->root, "..", 0, &above) &&
           (here.stx_dev_major != above.stx_dev_major || here.stx_dev_minor != above.stx_dev_minor);
}

static bool open_root(struct bak_disk *disk, struct dr_error *error)
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
    return errno == ENOENT || bak_disk_fail(disk, "", errno, error);
}

struct bak_store *bak_disk_open(struct dr_task *task, const struct dr_uri *uri, bool whole,
                                struct dr_error *error)
{
    const struct bak_request *request = dr_task_request(task);
    struct bak_disk *disk = NULL;
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
