/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHORTEST_MASKED 3

struct secret {
    struct secret *next;
    size_t size;
    char value[];
};

struct dr_secrets {
    _Atomic(struct secret *) first;
};

struct dr_secrets *dr_secrets_new(void)
{
    struct dr_secrets *secrets = malloc(sizeof *secrets);
    if (secrets != NULL)
        atomic_init(&secrets->first, NULL);
    return secrets;
}

void dr_secrets_free(struct dr_secrets *secrets)
{
    if (secrets == NULL)
        return;
    struct secret *secret = atomic_load(&secrets->first);
    while (secret != NULL) {
        struct secret *next = secret->next;
        dr_wipe(secret->value, secret->size);
        free(secret);
        secret = next;
    }
    free(secrets);
}

const char *dr_secrets_add(struct dr_secrets *secrets, const char *value)
{
    size_t size = strlen(value);
    struct secret *secret = malloc(sizeof *secret + size + 1);
    if (secret == NULL)
        return NULL;
    memcpy(secret->value, value, size + 1);
    secret->size = size;
    secret->next = atomic_load(&secrets->first);
    while (!atomic_compare_exchange_weak(&secrets->first, &secret->next, secret))
        continue;
    return secret->value;
}

void dr_wipe(void *memory, size_t size)
{
#ifdef HAVE_EXPLICIT_BZERO
    explicit_bzero(memory, size);
#else
    volatile unsigned char *byte = memory;
    while (size-- > 0)
        *byte++ = 0;
#endif
}

void dr_wipe_argument(char *argument)
{
    for (volatile char *c = argument; *c != '\0'; c++)
        *c = ' ';
}

/* ---- reading ---- */

static bool may_be_read_by_others(const struct stat *status)
{
    mode_t forbidden = status->st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
    return (status->st_mode & forbidden) != 0;
}

/* Opens without waiting for a writer, should it be a FIFO. Returns the descriptor, -1 with error
 * otherwise. */
static int open_private(const char *path, struct dr_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        dr_error_set(error, DR_ERR_USAGE, "cannot read the password file %s: %s", path,
                     strerror(errno));
        return -1;
    }
    struct stat status;
    if (fstat(fd, &status) != 0)
        dr_error_set(error, DR_ERR_USAGE, "cannot read the password file %s: %s", path,
                     strerror(errno));
    else if (!S_ISREG(status.st_mode))
        dr_error_set(error, DR_ERR_USAGE, "the password file %s is not a regular file", path);
    else if (may_be_read_by_others(&status))
        dr_error_set(error, DR_ERR_USAGE,
                     "the password file %s may be read by others (mode %04o): chmod 0600 it", path,
                     (unsigned)(status.st_mode & 07777));
    else
        return fd;
    close(fd);
    return -1;
}

/* Reads until the buffer is full or the file ends; -1 with errno. */
static ssize_t read_whole(int fd, char *buffer, size_t size)
{
    size_t got = 0;
    while (got < size) {
        ssize_t more = read(fd, buffer + got, size - got);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return -1;
        if (more == 0)
            break;
        got += (size_t)more;
    }
    return (ssize_t)got;
}

/* Ends the text behind its first line; `got` bytes are in it and one more has room. */
static bool take_first_line(const char *path, char *text, size_t got, struct dr_error *error)
{
    char *end = memchr(text, '\n', got);
    size_t size = end != NULL ? (size_t)(end - text) : got;
    if (end != NULL && size > 0 && text[size - 1] == '\r')
        size--;
    text[size] = '\0';
    if (size == 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "the first line of the password file %s is empty: write the password "
                            "there",
                            path);
    if (size > DR_SECRET_MAX)
        return dr_error_set(error, DR_ERR_USAGE,
                            "the first line of the password file %s is longer than %d bytes: is "
                            "it the right file?",
                            path, DR_SECRET_MAX);
    if (strlen(text) != size)
        return dr_error_set(error, DR_ERR_USAGE,
                            "the password file %s holds a NUL byte: is it the right file?", path);
    return true;
}

bool dr_secrets_read_file(struct dr_secrets *secrets, const char *path, const char **value,
                          struct dr_error *error)
{
    int fd = open_private(path, error);
    if (fd < 0)
        return false;
    char text[DR_SECRET_MAX + 3]; /* the line break may be two bytes, and one for the terminator */
    ssize_t got = read_whole(fd, text, sizeof text - 1);
    int reason = errno;
    close(fd);
    bool ok = false;
    if (got < 0) {
        dr_error_set(error, DR_ERR_USAGE, "cannot read the password file %s: %s", path,
                     strerror(reason));
    } else if (take_first_line(path, text, (size_t)got, error)) {
        const char *copy = dr_secrets_add(secrets, text);
        ok = copy != NULL;
        if (ok)
            *value = copy;
        else
            dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    }
    dr_wipe(text, sizeof text);
    return ok;
}

/* ---- masking ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_encoded(const char *text, char c)
{
    if (text[0] != '%' || hex_digit(text[1]) < 0 || hex_digit(text[2]) < 0)
        return false;
    return hex_digit(text[1]) * 16 + hex_digit(text[2]) == (unsigned char)c;
}

/* The bytes at the start of text that stand for the secret; 0 when it does not start there. */
static size_t match(const char *text, const char *secret, bool encoded)
{
    const char *p = text;
    for (; *secret != '\0'; secret++) {
        if (encoded && is_encoded(p, *secret))
            p += 3;
        else if (*p == *secret || *p == dr_char_clean(*secret))
            p++;
        else
            return 0;
    }
    return (size_t)(p - text);
}

static size_t longest_match(const struct secret *secret, const char *text)
{
    size_t longest = 0;
    for (; secret != NULL; secret = secret->next) {
        if (secret->size < SHORTEST_MASKED)
            continue;
        size_t plain = match(text, secret->value, false);
        /* Apart, because a "%" of the secret itself could be taken for the start of an encoded
         * byte. */
        size_t encoded = match(text, secret->value, true);
        size_t size = plain > encoded ? plain : encoded;
        if (size > longest)
            longest = size;
    }
    return longest;
}

void dr_secrets_mask(const struct dr_secrets *secrets, const char *text, struct dr_buffer *out)
{
    const struct secret *first = secrets != NULL ? atomic_load(&secrets->first) : NULL;
    const char *masked_to = text;
    for (; *text != '\0'; text++) {
        size_t size = longest_match(first, text);
        if (size > 0 && text >= masked_to)
            dr_buffer_add(out, "***");
        if (text + size > masked_to)
            masked_to = text + size;
        if (text >= masked_to)
            dr_buffer_add_char(out, *text);
    }
}
