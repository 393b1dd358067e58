/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every file needs that is replaced as a whole and must survive a power failure: written and
 * on the disk before it gets its name, and then the name as well. */
#ifndef DR_FILE_H
#define DR_FILE_H

#include <stdbool.h>

/* Writes the whole text, and waits until it is on the disk. False with errno. */
bool dr_file_write(int fd, const char *text);

/* Waits until the names in a directory are on the disk; a file system that has no such call
 * (EINVAL) is taken at its word. False with errno. */
bool dr_file_sync_directory(const char *directory);

#endif
