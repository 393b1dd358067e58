/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The least that a program can do with a directory: read all of its names in blocks of 1 MiB, and
 * with a second argument ask for the details of each. What check_backup_freshness on file:// is
 * measured against. Usage: minimal_getdents DIRECTORY [statx]. Writes how many names it has seen;
 * exit code 0 when that was all of them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char block[1024 * 1024];

/* What check_backup_freshness asks for. */
static bool ask_details(int directory, const char *name)
{
    struct statx state;
    return statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
                 STATX_BASIC_STATS | STATX_BTIME, &state) == 0;
}

int main(int argc, char **argv)
{
    long count = 0;
    ssize_t got = -1;
    bool details = argc == 3 && strcmp(argv[2], "statx") == 0;
    if (argc < 2 || argc > (details ? 3 : 2))
        return EXIT_FAILURE;
    int directory = open(argv[1], O_RDONLY | O_DIRECTORY);
    while ((got = getdents64(directory, block, sizeof block)) > 0) {
        for (ssize_t at = 0; at < got; count++) {
            const struct dirent64 *entry = (const void *)(block + at);
            if (details && !ask_details(directory, entry->d_name))
                return EXIT_FAILURE;
            at += entry->d_reclen;
        }
    }
    printf("%ld names\n", count);
    return got == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
