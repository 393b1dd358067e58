/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files as a whole: small ones that are read, and what every file needs that is replaced and must
 * survive a power failure: written and on the disk before it gets its name, and then the name as
 * well. */
#ifndef DR_FILE_H
#define DR_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the whole text, and waits until it is on the disk. False with errno. */
bool dr_file_write(int fd, const char *text);

/* Waits until the names in a directory are on the disk; a file system that has no such call
 * (EINVAL) is taken at its word. False with errno. */
bool dr_file_sync_directory(const char *directory);

/* The text of a file of at most so many bytes, which the caller frees. NULL with the reason in
 * words, where it cannot be read, is empty, too long, or holds a NUL. */
char *dr_file_read(const char *path, size_t most, const char **why);

#endif
