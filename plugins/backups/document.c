/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for JSON that a tool has printed: a file, or standard input as /dev/stdin. What is in
 * it is as old as it is: it says when it was written, and its points are judged at the time of the
 * run. */
#include "common/module.h"
#include "plugins/backups/document_read.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A list of 100,000 archives is half of it. */
#define DOCUMENT_MAX (64u * 1024 * 1024)
#define PIECE (64u * 1024)

static const struct kind {
    const char *scheme;
    enum bak_product product;
    const char *what;
    bak_document_read *read; /* NULL: by pointers */
} kinds[] = {
    {"borg+json", BAK_BORG, "list of borg", bak_document_read_borg},
    {"restic+json", BAK_RESTIC, "list of restic", bak_document_read_restic},
    {"pgbackrest+json", BAK_PGBACKREST, "info of pgBackRest", bak_document_read_pgbackrest},
    {"barman+json", BAK_BARMAN, "list of barman", bak_document_read_barman},
    {"wal-g+json", BAK_WALG, "list of WAL-G", bak_document_read_walg},
    {"json", BAK_DOCUMENT, "document", NULL},
};

static const struct kind *kind_of(const char *scheme)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].scheme, scheme) == 0)
            return &kinds[i];
    }
    return NULL;
}

/* ---- parameters ---- */

static bool check_pointer(const char *key, const char *pointer, struct dr_error *error)
{
    return pointer == NULL || bak_document_is_pointer(pointer) ||
           dr_error_set(error, DR_ERR_USAGE, "%s=%s: a JSON pointer begins with \"/\"", key,
                        pointer);
}

static bool read_pointers(const struct dr_uri *uri, struct bak_pointers *pointers,
                          struct dr_error *error)
{
    static const char *const known[] = {"items", "time", "status", "good", "name", "size", NULL};
    *pointers = (struct bak_pointers){.items = dr_uri_param(uri, "items"),
                                      .time = dr_uri_param(uri, "time"),
                                      .status = dr_uri_param(uri, "status"),
                                      .good = dr_uri_param(uri, "good"),
                                      .name = dr_uri_param(uri, "name"),
                                      .size = dr_uri_param(uri, "size")};
    if (!dr_uri_has_only(uri, known, error) || !check_pointer("items", pointers->items, error) ||
        !check_pointer("time", pointers->time, error) ||
        !check_pointer("status", pointers->status, error) ||
        !check_pointer("name", pointers->name, error) ||
        !check_pointer("size", pointers->size, error))
        return false;
    if (pointers->time == NULL)
        return dr_error_set(error, DR_ERR_USAGE,
                            "json:// needs time=/POINTER: where the moment of an item stands");
    if ((pointers->status == NULL) != (pointers->good == NULL))
        return dr_error_set(error, DR_ERR_USAGE,
                            "status=/POINTER and good=WORD go together: which status is good?");
    return true;
}

static bool check_parameters(const struct dr_uri *uri, const struct kind *kind,
                             struct bak_pointers *pointers, struct dr_error *error)
{
    static const char *const none[] = {NULL};
    if (uri->host_count > 0 || uri->user != NULL)
        return dr_error_set(error, DR_ERR_USAGE, "a document is on this host: %s:///PATH",
                            kind->scheme);
    if (uri->path[0] == '\0' || strcmp(uri->path, "/") == 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "which document? %s:///PATH, or /dev/stdin as the path", kind->scheme);
    return kind->read == NULL ? read_pointers(uri, pointers, error)
                              : dr_uri_has_only(uri, none, error);
}

/* ---- the file ---- */

static bool fail_by_errno(const char *path, struct dr_error *error)
{
    enum dr_error_class class = errno == EACCES ? DR_ERR_PRIVILEGE : DR_ERR_USAGE;
    return dr_error_set(error, class, "%s: %s", path, strerror(errno));
}

/* A pipe whose writer hangs is left when the time is up. */
static bool wait_readable(struct dr_task *task, int fd, const char *path, struct dr_error *error)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    int ready;
    do {
        ready = poll(&one, 1, (int)(dr_task_left(task) * 1000));
    } while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return fail_by_errno(path, error);
    return ready > 0 || dr_error_set(error, DR_ERR_TIMEOUT, "%s does not end", path);
}

static bool read_all(struct dr_task *task, int fd, const char *path, struct dr_buffer *text,
                     struct dr_error *error)
{
    char piece[PIECE];
    for (;;) {
        if (!wait_readable(task, fd, path, error))
            return false;
        ssize_t got = read(fd, piece, sizeof piece);
        if (got == 0)
            break;
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            return fail_by_errno(path, error);
        if (memchr(piece, '\0', (size_t)got) != NULL)
            return dr_error_set(error, DR_ERR_PROTOCOL, "%s is no text", path);
        if (!dr_buffer_add_bytes(text, piece, (size_t)got))
            return dr_error_set(error, DR_ERR_PROTOCOL, "%s is longer than %u MiB", path,
                                DOCUMENT_MAX / 1024 / 1024);
    }
    return text->size > 0 || dr_error_set(error, DR_ERR_PROTOCOL, "%s is empty", path);
}

/* What it is, and as of when: a pipe is of now. */
static bool describe(int fd, const char *path, const struct kind *kind, struct bak_facts *facts,
                     struct dr_error *error)
{
    struct stat status;
    struct tm fields;
    char moment[32];
    char what[64];
    if (fstat(fd, &status) != 0)
        return fail_by_errno(path, error);
    if (S_ISDIR(status.st_mode))
        return dr_error_set(error, DR_ERR_USAGE, "%s is a directory", path);
    if (S_ISREG(status.st_mode) && gmtime_r(&status.st_mtime, &fields) != NULL &&
        strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%SZ", &fields) > 0) {
        snprintf(what, sizeof what, "%s as of %s", kind->what, moment);
        bak_facts_text(facts, &facts->what, what);
    } else {
        bak_facts_text(facts, &facts->what, kind->what);
    }
    return true;
}

static bool read_file(struct dr_task *task, const char *path, const struct kind *kind,
                      struct dr_buffer *text, struct bak_facts *facts, struct dr_error *error)
{
    dr_task_stage(task, "read");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return fail_by_errno(path, error);
    bool ok = describe(fd, path, kind, facts, error) && read_all(task, fd, path, text, error);
    close(fd);
    return ok;
}

static bool probe(struct dr_task *task, void *pointer, struct dr_error *error)
{
    struct bak_facts *facts = pointer;
    const struct bak_request *request = dr_task_request(task);
    const struct dr_target *target = dr_task_target(task);
    const struct kind *kind = kind_of(target->scheme->scheme);
    struct bak_pointers pointers;
    struct dr_buffer text = DR_BUFFER(DOCUMENT_MAX);
    if (kind == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "no such kind of document");
    facts->product = kind->product;
    bool ok = check_parameters(&target->uri, kind, &pointers, error) &&
              read_file(task, target->uri.path, kind, &text, facts, error);
    if (ok) {
        dr_task_trace(task, 2, "%zu bytes", text.size);
        bak_document_clean(text.text);
        ok = kind->read != NULL
                 ? kind->read(text.text, request, facts, error)
                 : bak_document_read_other(text.text, &pointers, request, facts, error);
        if (!ok)
            dr_error_prefix(error, "%s", target->uri.path);
    }
    dr_buffer_free(&text);
    return ok;
}

static const char *library(void)
{
    return "none";
}

extern const struct dr_source DR_SOURCE_SYMBOL(backups, document);
const struct dr_source DR_SOURCE_SYMBOL(backups, document) = {
    .abi = DR_SOURCE_ABI,
    .group = "backups",
    .name = "document",
    .facts_size = sizeof(struct bak_facts),
    .library = library,
    .probe = probe,
};
