/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/file.h"

#include "common/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool dr_file_write(int fd, const char *text)
{
    size_t size = strlen(text);
    while (size > 0) {
        ssize_t done = write(fd, text, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        text += done;
        size -= (size_t)done;
    }
    return fsync(fd) == 0;
}

bool dr_file_sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = fsync(fd) == 0 || errno == EINVAL;
    int reason = errno;
    close(fd);
    errno = reason;
    return good;
}

char *dr_file_read(const char *path, size_t most, const char **why)
{
    struct dr_buffer text = DR_BUFFER(most);
    char piece[4096];
    FILE *file = fopen(path, "re");
    *why = NULL;
    if (file == NULL) {
        *why = strerror(errno);
        return NULL;
    }
    for (size_t got; (got = fread(piece, 1, sizeof piece, file)) > 0;) {
        if (memchr(piece, '\0', got) != NULL)
            *why = "it is no text";
        dr_buffer_add_bytes(&text, piece, got);
    }
    if (ferror(file))
        *why = "it cannot be read";
    else if (text.cut)
        *why = "it is too long";
    else if (text.size == 0)
        *why = "it is empty";
    fclose(file);
    explicit_bzero(piece, sizeof piece); /* it may have been a key */
    if (*why == NULL)
        return dr_buffer_take(&text);
    dr_buffer_free(&text);
    return NULL;
}
