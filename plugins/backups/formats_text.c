/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dumps that are text, and messages in their place. */
#include "common/moment.h"
#include "plugins/backups/formats.h"

#include <stdio.h>

/* The trailer of pg_dump is no longer the last line: \unrestrict follows. */
#define TRAILER_SIZE 4096
#define CLUSTER_TRAILER "-- PostgreSQL database cluster dump complete\n"
#define DATABASE_TRAILER "-- PostgreSQL database dump complete\n"
/* Behind a line in front of them, "-- Started on" and the like stand near the beginning. */
#define PREAMBLE_SIZE 4096
#define MESSAGE_MOST ((int64_t)BAK_EDGE_SIZE)

/* The last place of a text within the last `within` bytes; NULL. */
static const unsigned char *find_last(const unsigned char *bytes, size_t size, size_t within,
                                      const char *text)
{
    size_t length = strlen(text);
    size_t from = size > within ? size - within : 0;
    for (size_t i = size; i >= length && i - length >= from; i--) {
        if (memcmp(bytes + i - length, text, length) == 0)
            return bytes + i - length;
        if (i == length)
            break;
    }
    return NULL;
}

static const unsigned char *find_first(const unsigned char *bytes, size_t size, const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= size; i++) {
        if (memcmp(bytes + i, text, length) == 0)
            return bytes + i;
    }
    return NULL;
}

/* A trailer of pg_dump: a comment of three lines, of which the first keeps one in the data from
 * being taken for it. */
static bool ends_in(const struct bak_view *view, const char *trailer)
{
    const unsigned char *at = find_last(view->tail, view->tail_size, TRAILER_SIZE, trailer);
    size_t before = at != NULL ? (size_t)(at - view->tail) : 0;
    return at != NULL && (before == 0 ? view->size == (int64_t)view->tail_size
                                      : before >= 3 && memcmp(at - 3, "--\n", 3) == 0);
}

/* A time behind a text near the beginning or the end: up to the end of its line. */
static bool time_behind(const unsigned char *bytes, size_t size, const char *text,
                        struct bak_content *content)
{
    const unsigned char *at = find_first(bytes, size, text);
    char line[64];
    if (at == NULL)
        return false;
    at += strlen(text);
    size_t left = size - (size_t)(at - bytes), i = 0;
    for (; i < left && i < sizeof line - 1 && at[i] != '\n'; i++)
        line[i] = (char)at[i];
    line[i] = '\0';
    bool utc = strstr(line, " UTC") != NULL || strstr(line, " GMT") != NULL;
    if (utc)
        line[19] = '\0';
    struct dr_opt_real moment = utc ? dr_moment_read(line) : bak_local_moment(line);
    if (!moment.known)
        return false;
    content->data = moment;
    content->data_zoned = utc;
    return true;
}

/* None of them writes a zero byte: a hole, where blocks were lost. */
bool bak_walk_text(struct bak_walk *walk, struct bak_content *content)
{
    const unsigned char *bytes;
    size_t size;
    while ((size = bak_walk_some(walk, &bytes, BAK_EDGE_SIZE)) > 0) {
        const unsigned char *zero = memchr(bytes, 0, size);
        if (zero != NULL) {
            int64_t at = walk->offset - (int64_t)(size - (size_t)(zero - bytes));
            bak_content_cut(content, "zero bytes within the text, from byte %lld on",
                            (long long)at);
            return true;
        }
    }
    return true;
}

static void look_for_zeros(const struct bak_view *view, struct bak_content *content)
{
    if (memchr(view->head, 0, view->head_size) != NULL ||
        memchr(view->tail, 0, view->tail_size) != NULL)
        bak_content_cut(content, "zero bytes within the text");
}

/* ---- pg_dump ---- */

static bool knows_pg_plain(const char *name, const unsigned char *head, size_t size)
{
    (void)name;
    return bak_begins(head, size, "--\n-- PostgreSQL database dump\n--");
}

static void recognise_pg_plain(const unsigned char *head, size_t size, struct bak_content *content)
{
    bak_content_kind(content, "pg_dump plain");
    time_behind(head, size < PREAMBLE_SIZE ? size : PREAMBLE_SIZE, "\n-- Started on ", content);
}

static void look_at_pg_plain(const struct bak_view *view, struct bak_content *content)
{
    look_for_zeros(view, content);
    if (!ends_in(view, DATABASE_TRAILER))
        bak_content_cut(content, "no \"PostgreSQL database dump complete\" at its end");
}

const struct bak_format bak_format_pg_plain = {.knows = knows_pg_plain,
                                               .recognise = recognise_pg_plain,
                                               .look = look_at_pg_plain,
                                               .walk = bak_walk_text};

static bool knows_pg_cluster(const char *name, const unsigned char *head, size_t size)
{
    (void)name;
    return bak_begins(head, size, "--\n-- PostgreSQL database cluster dump\n--");
}

static void recognise_pg_cluster(const unsigned char *head, size_t size,
                                 struct bak_content *content)
{
    bak_content_kind(content, "pg_dumpall");
    time_behind(head, size < PREAMBLE_SIZE ? size : PREAMBLE_SIZE, "\n-- Started on ", content);
}

/* Each database has its own trailer within, which proves nothing; unless roles (pg_dumpall -g) and
 * a dump behind them were written to one file. */
static void look_at_pg_cluster(const struct bak_view *view, struct bak_content *content)
{
    look_for_zeros(view, content);
    if (ends_in(view, CLUSTER_TRAILER))
        return;
    const unsigned char *roles = find_first(view->head, view->head_size, "--\n" CLUSTER_TRAILER);
    if (roles == NULL)
        bak_content_cut(content, "no \"PostgreSQL database cluster dump complete\" at its end");
    else if (!ends_in(view, DATABASE_TRAILER))
        bak_content_cut(content, "no \"PostgreSQL database dump complete\" at its end");
    else
        bak_content_kind(content, "pg_dumpall and pg_dump plain");
}

const struct bak_format bak_format_pg_cluster = {.knows = knows_pg_cluster,
                                                 .recognise = recognise_pg_cluster,
                                                 .look = look_at_pg_cluster,
                                                 .walk = bak_walk_text};

/* ---- mysqldump, mariadb-dump ---- */

/* MariaDB's client writes a line for its sandbox mode in front. */
static bool knows_mysql(const char *name, const unsigned char *head, size_t size)
{
    (void)name;
    const unsigned char *line = bak_begins(head, size, "/*") ? memchr(head, '\n', size) : NULL;
    if (line != NULL && line - head < 200) {
        size -= (size_t)(line + 1 - head);
        head = line + 1;
    }
    return bak_begins(head, size, "-- MySQL dump ") || bak_begins(head, size, "-- MariaDB dump ");
}

static void recognise_mysql(const unsigned char *head, size_t size, struct bak_content *content)
{
    bool maria = find_first(head, size < 256 ? size : 256, "-- MariaDB dump ") != NULL;
    bak_content_kind(content, maria ? "mariadb-dump" : "mysqldump");
}

/* The time is that of its end, which is the latest that its data can be of. */
static void look_at_mysql(const struct bak_view *view, struct bak_content *content)
{
    const unsigned char *at =
        find_last(view->tail, view->tail_size, TRAILER_SIZE, "-- Dump completed");
    look_for_zeros(view, content);
    if (at == NULL || (at > view->tail && at[-1] != '\n')) {
        bak_content_cut(content, "no \"Dump completed\" at its end");
        return;
    }
    size_t left = view->tail_size - (size_t)(at - view->tail);
    if (memchr(at, '\n', left) == NULL)
        bak_content_cut(content, "the line \"Dump completed\" is cut");
    time_behind(at, left, "-- Dump completed on ", content);
}

const struct bak_format bak_format_mysql = {.knows = knows_mysql,
                                            .recognise = recognise_mysql,
                                            .look = look_at_mysql,
                                            .walk = bak_walk_text};

/* ---- what is written where a backup failed ---- */

/* Programs that say so in front of their messages, "tar: /data: Cannot open". */
static const char *const speakers[] = {
    "pg_dump: ",   "pg_dumpall: ", "pg_basebackup: ", "mysqldump: ", "mariadb-dump: ",
    "mongodump: ", "bash: ",       "-bash: ",         "sh: ",        "/bin/sh: ",
    "/bin/bash: ", "sudo: ",       "ssh: ",           "tar: ",       "gzip: ",
    "cat: ",       "curl: (",      "psql: ",          "docker: ",    "Error response from daemon",
    "Error: ",     "ERROR: ",      "FATAL: ",         "error: ",     "redis-cli: "};

static bool is_message(const unsigned char *head, size_t size)
{
    for (size_t i = 0; i < sizeof speakers / sizeof speakers[0]; i++) {
        if (bak_begins(head, size, speakers[i]))
            return true;
    }
    return false;
}

/* A short object whose first member is named as errors are. */
static bool is_json_error(const char *name, const unsigned char *head, size_t size)
{
    static const char *const members[] = {"\"error\"",   "\"errors\"", "\"message\"",
                                          "\"Message\"", "\"code\"",   "\"fault\""};
    size_t i = 1;
    if (size == 0 || size > 4096 || head[0] != '{' || bak_name_ends(name, ".json"))
        return false;
    while (i < size && (head[i] == ' ' || head[i] == '\n' || head[i] == '\r' || head[i] == '\t'))
        i++;
    for (size_t k = 0; k < sizeof members / sizeof members[0]; k++) {
        if (bak_begins(head + i, size - i, members[k]))
            return true;
    }
    return false;
}

static bool is_markup(const char *name, const unsigned char *head, size_t size)
{
    size_t first = size < 1024 ? size : 1024;
    if (bak_begins(head, size, "\xef\xbb\xbf"))
        head += 3, size -= 3, first = size < 1024 ? size : 1024;
    if (bak_begins(head, size, "<?xml") || bak_begins(head, size, "<Error>"))
        return find_first(head, first, "<Error>") != NULL ||
               find_first(head, first, "<Error ") != NULL;
    return !bak_name_ends(name, ".html") && !bak_name_ends(name, ".htm") &&
           (bak_begins(head, size, "<!DOCTYPE html") || bak_begins(head, size, "<!doctype html") ||
            bak_begins(head, size, "<html") || bak_begins(head, size, "<HTML"));
}

static bool knows_error_text(const char *name, const unsigned char *head, size_t size)
{
    if (size == 0 || size >= MESSAGE_MOST || memchr(head, 0, size) != NULL)
        return false;
    return is_message(head, size) || is_markup(name, head, size) || is_json_error(name, head, size);
}

static void recognise_error_text(const unsigned char *head, size_t size,
                                 struct bak_content *content)
{
    int most = size < 160 ? (int)size : 160;
    while (most > 0 && (head[most - 1] == '\n' || head[most - 1] == '\r'))
        most--;
    content->error_text = true;
    bak_content_none(content, "%.*s", most, (const char *)head);
}

const struct bak_format bak_format_error_text = {.knows = knows_error_text,
                                                 .recognise = recognise_error_text};
