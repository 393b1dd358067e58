/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/state_file.h"

#include "common/buffer.h"
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 100
#define LOCK_STEP_NANOSECONDS (10 * 1000 * 1000)

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory for the state file");
}

static uint64_t fnv_1a(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++) {
        hash ^= (unsigned char)*text;
        hash *= UINT64_C(0x100000001b3);
    }
    return hash;
}

__attribute__((format(printf, 2, 3))) static void set_note(struct dr_state_file *file,
                                                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(file->note, sizeof file->note, format, args);
    va_end(args);
}

/* ---- rows ---- */

static void clear_rows(struct dr_state_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        free(file->rows[i].key);
    free(file->rows);
    file->rows = NULL;
    file->count = 0;
}

/* Takes over the key of the row; frees it when memory runs out. */
static bool append(struct dr_state_file *file, const struct dr_state_row *row)
{
    struct dr_state_row *rows = realloc(file->rows, (file->count + 1) * sizeof *rows);
    if (rows == NULL) {
        free(row->key);
        return false;
    }
    file->rows = rows;
    file->rows[file->count++] = *row;
    return true;
}

bool dr_state_add(struct dr_state_file *file, const char *key, const long long *numbers,
                  size_t count)
{
    if (key[0] == '\0' || strlen(key) > DR_STATE_KEY_MAX || count > DR_STATE_NUMBERS)
        return false;
    struct dr_state_row row = {.key = strdup(key), .count = count};
    if (row.key == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        row.numbers[i] = numbers[i];
    return append(file, &row);
}

void dr_state_remove(struct dr_state_file *file, const char *key,
                     bool (*drop)(const struct dr_state_row *row, const void *context),
                     const void *context)
{
    size_t kept = 0;
    for (size_t i = 0; i < file->count; i++) {
        struct dr_state_row *row = &file->rows[i];
        bool goes =
            (key == NULL || strcmp(row->key, key) == 0) && (drop == NULL || drop(row, context));
        if (goes)
            free(row->key);
        else
            file->rows[kept++] = *row;
    }
    file->count = kept;
}

void dr_state_remove_first(struct dr_state_file *file, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(file->rows[i].key);
    file->count -= count;
    if (count > 0)
        memmove(file->rows, file->rows + count, file->count * sizeof *file->rows);
}

/* ---- text of a row ---- */

static void add_encoded(struct dr_buffer *out, const char *key)
{
    for (; *key != '\0'; key++) {
        unsigned char c = (unsigned char)*key;
        if (c <= ' ' || c >= 0x7f || c == '%')
            dr_buffer_addf(out, "%%%02X", c);
        else
            dr_buffer_add_char(out, *key);
    }
}

static void add_row(struct dr_buffer *out, const struct dr_state_row *row)
{
    add_encoded(out, row->key);
    for (size_t i = 0; i < row->count; i++)
        dr_buffer_addf(out, " %lld", row->numbers[i]);
    dr_buffer_add_char(out, '\n');
}

/* The value of an upper-case hexadecimal digit, the only kind we write; -1. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Reads the key at *text into key, which has room for DR_STATE_KEY_MAX bytes and the terminator. */
static bool read_key(const char **text, char *key)
{
    const char *p = *text;
    size_t size = 0;
    for (; *p != ' ' && *p != '\0'; p++) {
        char c = *p;
        if (c == '%') {
            int high = digit_value(p[1]);
            int low = high >= 0 ? digit_value(p[2]) : -1;
            if (low < 0 || high + low == 0)
                return false;
            c = (char)(high * 16 + low);
            p += 2;
        }
        if (size == DR_STATE_KEY_MAX)
            return false;
        key[size++] = c;
    }
    key[size] = '\0';
    *text = p;
    return size > 0;
}

/* strtoll alone would take blanks and "+" as well. */
static bool read_number(const char **text, long long *number)
{
    const char *digits = **text == '-' ? *text + 1 : *text;
    if (*digits < '0' || *digits > '9')
        return false;
    char *end;
    errno = 0;
    *number = strtoll(*text, &end, 10);
    *text = end;
    return errno == 0 && (*end == ' ' || *end == '\0');
}

static bool read_numbers(const char *text, long long *numbers, size_t *count)
{
    for (*count = 0; *text == ' '; (*count)++) {
        text++;
        if (*count == DR_STATE_NUMBERS || !read_number(&text, &numbers[*count]))
            return false;
    }
    return *text == '\0';
}

/* ---- reading ---- */

enum reading { READ_GOOD, READ_DAMAGED, READ_NO_MEMORY };

static enum reading read_row(struct dr_state_file *file, const char *line)
{
    char key[DR_STATE_KEY_MAX + 1];
    struct dr_state_row row = {.key = NULL};
    if (!read_key(&line, key) || !read_numbers(line, row.numbers, &row.count))
        return READ_DAMAGED;
    row.key = strdup(key);
    return row.key != NULL && append(file, &row) ? READ_GOOD : READ_NO_MEMORY;
}

/* Cuts the line off that *text starts with; NULL when it is not ended. */
static char *take_line(char **text)
{
    char *line = *text;
    char *end = strchr(line, '\n');
    if (end == NULL)
        return NULL;
    *end = '\0';
    *text = end + 1;
    return line;
}

static bool is_last_line(const struct dr_state_file *file, const char *line)
{
    char last[32];
    snprintf(last, sizeof last, "end %zu", file->count);
    return strcmp(line, last) == 0;
}

/* Reads all rows; the note says where it is damaged. */
static enum reading read_rows(struct dr_state_file *file, char *text, size_t size)
{
    const char *end = text + size;
    char *line = take_line(&text);
    if (line == NULL || strcmp(line, file->heading) != 0) {
        set_note(file, "it is of another format or version");
        return READ_DAMAGED;
    }
    for (size_t number = 2; (line = take_line(&text)) != NULL; number++) {
        if (text == end && is_last_line(file, line))
            return READ_GOOD;
        enum reading reading = read_row(file, line);
        if (reading == READ_DAMAGED)
            set_note(file, "line %zu is damaged", number);
        if (reading != READ_GOOD)
            return reading;
    }
    set_note(file, "its end is missing");
    return READ_DAMAGED;
}

/* True when the file may be read; the note says why not. */
static bool is_ours(struct dr_state_file *file, const struct stat *status)
{
    if (!S_ISREG(status->st_mode))
        set_note(file, "it is not a regular file");
    else if (status->st_uid != geteuid() && status->st_uid != file->owner)
        set_note(file, "it belongs to another user (uid %ld)", (long)status->st_uid);
    else if (status->st_size == 0)
        set_note(file, "it is empty");
    else if (status->st_size > DR_STATE_BYTES)
        set_note(file, "it is larger than %d bytes", DR_STATE_BYTES);
    else
        return true;
    return false;
}

/* Reads what is there, at most `size` bytes; false with errno. */
static bool read_text(int fd, char *text, size_t size, size_t *got)
{
    *got = 0;
    while (*got < size) {
        ssize_t more = read(fd, text + *got, size - *got);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return false;
        if (more == 0)
            break;
        *got += (size_t)more;
    }
    text[*got] = '\0';
    return true;
}

static bool read_open_file(struct dr_state_file *file, int fd, struct dr_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        set_note(file, "%s", strerror(errno));
        return true;
    }
    if (!is_ours(file, &status))
        return true;
    char *text = malloc(DR_STATE_BYTES + 1);
    if (text == NULL)
        return no_memory(error);
    size_t size;
    enum reading reading = READ_DAMAGED;
    if (read_text(fd, text, DR_STATE_BYTES, &size))
        reading = read_rows(file, text, size);
    else
        set_note(file, "%s", strerror(errno));
    free(text);
    if (reading != READ_GOOD)
        clear_rows(file);
    /* Going on with no rows would overwrite good ones. */
    return reading != READ_NO_MEMORY || no_memory(error);
}

static bool read_file(struct dr_state_file *file, struct dr_error *error)
{
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ELOOP)
        return dr_error_set(error, DR_ERR_USAGE,
                            "the state file %s is a symbolic link, which is refused: remove it",
                            file->path);
    if (fd < 0) {
        set_note(file, "%s", errno == ENOENT ? "there is none yet" : strerror(errno));
        return true;
    }
    bool ok = read_open_file(file, fd, error);
    close(fd);
    return ok;
}

/* ---- opening ---- */

static bool look_at_directory(struct dr_state_file *file, struct dr_error *error)
{
    struct stat status;
    if (stat(file->directory, &status) != 0)
        return dr_error_set(error, DR_ERR_USAGE, "the state directory %s cannot be used: %s",
                            file->directory, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return dr_error_set(error, DR_ERR_USAGE, "the state directory %s is not a directory",
                            file->directory);
    if (faccessat(AT_FDCWD, file->directory, W_OK | X_OK, AT_EACCESS) != 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "the state directory %s cannot be written to (%s): it must belong to "
                            "the user of the monitoring core",
                            file->directory, strerror(errno));
    file->owner = status.st_uid;
    file->group = status.st_gid;
    return true;
}

/* Creates a file that was not there before, for the owner of the directory; -1 with errno. */
static int create(const struct dr_state_file *file, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && geteuid() == 0 && file->owner != 0 &&
        fchown(fd, file->owner, file->group) != 0) {
        int reason = errno;
        close(fd);
        unlink(path);
        errno = reason;
        return -1;
    }
    return fd;
}

static bool wait_for_lock(int fd)
{
    const struct timespec step = {.tv_nsec = LOCK_STEP_NANOSECONDS};
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return false;
        nanosleep(&step, NULL);
    }
    errno = EWOULDBLOCK;
    return false;
}

static bool lock_file(struct dr_state_file *file, const char *path, struct dr_error *error)
{
    int fd = create(file, path);
    if (fd < 0 && errno == EEXIST)
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return dr_error_set(error, DR_ERR_USAGE, "the lock file %s cannot be opened: %s", path,
                            errno == ELOOP ? "it is a symbolic link; remove it" : strerror(errno));
    if (!wait_for_lock(fd)) {
        if (errno == EWOULDBLOCK)
            dr_error_set(error, DR_ERR_USAGE,
                         "the state file %s is in use: another run held its lock for a second",
                         file->path);
        else
            dr_error_set(error, DR_ERR_USAGE, "the lock file %s cannot be locked: %s", path,
                         strerror(errno));
        close(fd);
        return false;
    }
    file->lock = fd;
    return true;
}

bool dr_state_open(struct dr_state_file *file, const char *directory, const char *executable,
                   const char *identity, const char *kind, int version, struct dr_error *error)
{
    *file = (struct dr_state_file){.lock = -1};
    uint64_t hash = fnv_1a(identity);
    file->directory = strdup(directory);
    file->heading = dr_text_format("dr-plugins state 1 %s %d", kind, version);
    file->path = dr_text_format("%s/%s-%016" PRIx64 ".state", directory, executable, hash);
    char *lock = dr_text_format("%s/%s-%016" PRIx64 ".lock", directory, executable, hash);
    bool ok;
    if (file->directory == NULL || file->heading == NULL || file->path == NULL || lock == NULL)
        ok = no_memory(error);
    else
        ok = look_at_directory(file, error) && lock_file(file, lock, error) &&
             read_file(file, error);
    free(lock);
    if (!ok)
        dr_state_close(file);
    return ok;
}

/* ---- saving ---- */

/* The first row that still fits with all that follow it; `most` bytes are left for rows. */
static size_t first_that_fits(const struct dr_state_file *file, size_t most, bool *had_memory)
{
    struct dr_buffer row = DR_BUFFER(4 * DR_STATE_KEY_MAX + 32 * DR_STATE_NUMBERS);
    size_t first = file->count;
    size_t size = 0;
    while (first > 0) {
        dr_buffer_clear(&row);
        add_row(&row, &file->rows[first - 1]);
        if (row.no_memory || size + row.size > most)
            break;
        size += row.size;
        first--;
    }
    *had_memory = !row.no_memory;
    dr_buffer_free(&row);
    return first;
}

/* The whole file; NULL when out of memory. */
static char *whole_text(const struct dr_state_file *file)
{
    struct dr_buffer out = DR_BUFFER(DR_STATE_BYTES);
    bool had_memory;
    size_t frame = strlen(file->heading) + sizeof "\nend \n" + 20;
    size_t first = first_that_fits(file, DR_STATE_BYTES - frame, &had_memory);
    if (!had_memory)
        return NULL;
    dr_buffer_addf(&out, "%s\n", file->heading);
    for (size_t i = first; i < file->count; i++)
        add_row(&out, &file->rows[i]);
    dr_buffer_addf(&out, "end %zu\n", file->count - first);
    return dr_buffer_take(&out);
}

/* Puts text in the place of the file; the old one stays there until the new one is whole. False
 * with errno. */
static bool replace(const struct dr_state_file *file, const char *temporary, const char *text)
{
    /* We hold the lock: what lies there is left over from a run that was killed. */
    unlink(temporary);
    int fd = create(file, temporary);
    if (fd < 0)
        return false;
    bool ok = dr_file_write(fd, text);
    int reason = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        reason = errno;
    }
    if (ok && rename(temporary, file->path) == 0)
        return dr_file_sync_directory(file->directory);
    if (ok)
        reason = errno;
    unlink(temporary);
    errno = reason;
    return false;
}

static void unlock(struct dr_state_file *file)
{
    if (file->lock >= 0)
        close(file->lock);
    file->lock = -1;
}

bool dr_state_save(struct dr_state_file *file, struct dr_error *error)
{
    if (file->lock < 0)
        return dr_error_set(error, DR_ERR_INTERNAL, "the state file is not open");
    char *text = whole_text(file);
    char *temporary = dr_text_format("%s.new", file->path);
    bool ok = true;
    if (text == NULL || temporary == NULL)
        ok = no_memory(error);
    else if (!replace(file, temporary, text))
        ok = dr_error_set(error, DR_ERR_USAGE, "the state file %s cannot be written: %s",
                          file->path, strerror(errno));
    free(text);
    free(temporary);
    unlock(file);
    return ok;
}

void dr_state_close(struct dr_state_file *file)
{
    unlock(file);
    clear_rows(file);
    free(file->path);
    free(file->directory);
    free(file->heading);
    *file = (struct dr_state_file){.lock = -1};
}
