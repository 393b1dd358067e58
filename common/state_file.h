/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opt-in memory between runs: --state-dir DIR. One small text file for each service that is
 * checked.
 *
 *     dr-plugins state 1 <kind> <kind's version>
 *     <key> <number> <number> ...
 *     end <number of rows>
 *
 * Locked while it is read and written (flock on a lock file beside it, waited for at most a
 * second), replaced atomically (temporary file, fsync, rename, fsync of the directory), mode 0600,
 * at most DR_STATE_BYTES. Missing or damaged state is never an error: it reads as empty, as a
 * whole, and the note says why. The last line is there so that a file cut between two rows is seen.
 *
 * A file counts when it belongs to us or to the owner of the directory. What root creates is given
 * to that owner: a run by hand must not lock the monitoring user out. A symbolic link in the place
 * of one of the files is refused. */
#ifndef DR_STATE_FILE_H
#define DR_STATE_FILE_H

#include "common/error.h"

#include <stddef.h>
#include <sys/types.h>

#define DR_STATE_BYTES (256 * 1024)
#define DR_STATE_NUMBERS 10
#define DR_STATE_KEY_MAX 200

/* One line: a key (not empty, at most DR_STATE_KEY_MAX bytes; blanks, control characters, "%" and
 * bytes outside ASCII are percent-encoded in the file) and up to DR_STATE_NUMBERS numbers, as
 * 64-bit decimals. */
struct dr_state_row {
    char *key;
    long long numbers[DR_STATE_NUMBERS];
    size_t count;
};

struct dr_state_file {
    struct dr_state_row *rows;
    size_t count;
    char *path;
    char *directory;
    char *heading;  /* the first line, without its line break */
    uid_t owner;    /* of the directory */
    gid_t group;    /* of the directory */
    int lock;       /* file descriptor of the lock; -1 */
    char note[256]; /* why it reads as empty; "" */
};

/* Opens, locks and reads DIR/<executable>-<hash of identity>.state. `identity` is whatever tells
 * one service from another (the sorted labels of its targets); the hash is FNV-1a, 64 bits
 * (draft-eastlake-fnv). kind (no blanks) and version name the format of the rows: others read as
 * empty. False when DIR is no directory we may write to, a symbolic link is in the way, the lock
 * was not had within a second, or memory ran out: UNKNOWN for the caller. The file can be closed
 * either way. */
bool dr_state_open(struct dr_state_file *file, const char *directory, const char *executable,
                   const char *identity, const char *kind, int version, struct dr_error *error);

/* Adds a row at the end. False when out of memory, or for a key or count outside the bounds above.
 */
bool dr_state_add(struct dr_state_file *file, const char *key, const long long *numbers,
                  size_t count);

/* Removes all rows of a key that `drop` is true for (NULL: all of the key; key NULL: of every key).
 */
void dr_state_remove(struct dr_state_file *file, const char *key,
                     bool (*drop)(const struct dr_state_row *row, const void *context),
                     const void *context);

/* Removes the first `count` rows: those that were there when it was opened. */
void dr_state_remove_first(struct dr_state_file *file, size_t count);

/* Writes it, oldest rows (the first ones) left out where it would be too large, and unlocks. The
 * old file stays where writing fails. Writing beyond RLIMIT_FSIZE raises SIGXFSZ: an executable
 * ignores it. */
bool dr_state_save(struct dr_state_file *file, struct dr_error *error);

/* Unlocks without writing, and frees. Safe after dr_state_save, and twice. */
void dr_state_close(struct dr_state_file *file);

#endif
