/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/active_file.h"

#include "common/buffer.h"
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool failed(const char *path, struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_USAGE, "%s cannot be written: %s", path, strerror(errno));
}

/* The folder that the file is in; the caller frees it. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* A check that root runs by hand must not leave a file that the monitoring user cannot replace. */
static bool give_away(int fd, const char *folder)
{
    struct stat status;
    if (stat(folder, &status) != 0)
        return false;
    return geteuid() != 0 || status.st_uid == 0 || fchown(fd, status.st_uid, status.st_gid) == 0;
}

/* False with errno. */
static bool fill(int fd, const char *folder, const char *text)
{
    return give_away(fd, folder) && fchmod(fd, 0644) == 0 && dr_file_write(fd, text);
}

/* Each run has a temporary file of its own: two at once must not write into the same. */
static bool replace(const char *path, char *temporary, const char *folder, const char *text)
{
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = fill(fd, folder, text);
    int reason = errno;
    if (close(fd) != 0 && good) {
        good = false;
        reason = errno;
    }
    if (good && rename(temporary, path) == 0)
        return dr_file_sync_directory(folder);
    if (good)
        reason = errno;
    unlink(temporary);
    errno = reason;
    return false;
}

static char *text_of(const char *site, double now)
{
    char moment[40] = "";
    struct tm when;
    time_t seconds = (time_t)now;
    if (gmtime_r(&seconds, &when) != NULL)
        strftime(moment, sizeof moment, " at %Y-%m-%dT%H:%M:%SZ", &when);
    return dr_text_format("# written by check_liveness%s\n%s\n", moment, site);
}

bool liv_active_write(const char *path, const char *site, double now, struct dr_error *error)
{
    struct stat status;
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return dr_error_set(error, DR_ERR_USAGE, "%s is no regular file: it is not replaced", path);
    char *folder = folder_of(path);
    char *temporary = dr_text_format("%s.XXXXXX", path);
    char *text = text_of(site, now);
    bool good;
    if (folder == NULL || temporary == NULL || text == NULL)
        good = no_memory(error);
    else
        good = replace(path, temporary, folder, text) || failed(path, error);
    free(folder);
    free(temporary);
    free(text);
    return good;
}
