/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/formats.h"

#include "common/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

static const struct bak_format *const formats[] = {
    &bak_format_pg_custom, &bak_format_pg_plain, &bak_format_pg_cluster, &bak_format_mysql,
    &bak_format_mongodump, &bak_format_redis,    &bak_format_bolt,       &bak_format_sqlite,
    &bak_format_tar,       &bak_format_7z,       &bak_format_age,        &bak_format_gpg,
    &bak_format_openssl,   &bak_format_bson,     &bak_format_error_text};

/* What a name promises: files that are none of it cannot be used as their name says. */
static const struct promise {
    const char *ending;
    const char *what;
} promises[] = {
    {".gz", "gzip"},        {".tgz", "gzip"},  {".zst", "zstd"},  {".tzst", "zstd"},
    {".xz", "xz"},          {".txz", "xz"},    {".bz2", "bzip2"}, {".tbz2", "bzip2"},
    {".lz4", "lz4"},        {".zip", "zip"},   {".7z", "7z"},     {".tar", "tar"},
    {".gpg", "gpg"},        {".age", "age"},   {".rdb", "Redis"}, {".sqlite", "SQLite"},
    {".sqlite3", "SQLite"}, {".bson", "BSON"},
};

__attribute__((format(printf, 3, 0))) static void set_text(char *into, size_t size,
                                                           const char *format, va_list args)
{
    vsnprintf(into, size, format, args);
    for (; *into != '\0'; into++)
        *into = dr_char_clean(*into);
}

void bak_content_cut(struct bak_content *content, const char *format, ...)
{
    va_list args;
    if (content->verdict != BAK_WHOLE)
        return;
    content->verdict = BAK_CUT;
    va_start(args, format);
    set_text(content->why, sizeof content->why, format, args);
    va_end(args);
}

void bak_content_none(struct bak_content *content, const char *format, ...)
{
    va_list args;
    content->verdict = BAK_NO_BACKUP;
    va_start(args, format);
    set_text(content->why, sizeof content->why, format, args);
    va_end(args);
}

void bak_content_kind(struct bak_content *content, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_text(content->kind, sizeof content->kind, format, args);
    va_end(args);
}

void bak_content_note(struct bak_content *content, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_text(content->note, sizeof content->note, format, args);
    va_end(args);
}

bool bak_name_ends(const char *name, const char *ending)
{
    size_t length = strlen(name), size = strlen(ending);
    return length >= size && strcasecmp(name + length - size, ending) == 0;
}

struct dr_opt_real bak_local_moment(const char *text)
{
    struct tm tm = {.tm_isdst = -1};
    int used = 0;
    if (sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec, &used) != 6 ||
        used < 18 || tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
        tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 ||
        tm.tm_sec < 0 || tm.tm_sec > 60)
        return (struct dr_opt_real){.known = false};
    tm.tm_year -= 1900;
    tm.tm_mon--;
    time_t moment = mktime(&tm);
    return moment == (time_t)-1 ? (struct dr_opt_real){.known = false} : dr_real((double)moment);
}

static const struct bak_format *format_of(const char *name, const unsigned char *head, size_t size)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (formats[i]->knows(name, head, size))
            return formats[i];
    }
    return NULL;
}

static const char *promised(const char *name)
{
    for (size_t i = 0; i < sizeof promises / sizeof promises[0]; i++) {
        if (bak_name_ends(name, promises[i].ending))
            return promises[i].what;
    }
    return NULL;
}

static bool only_zeros(const unsigned char *bytes, size_t size)
{
    return size > 0 && bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* "x.tgz" is unpacked under that name. */
static bool is_tar_name(const char *name)
{
    return bak_name_ends(name, ".tar") || bak_name_ends(name, ".tgz");
}

/* No format knows it. */
static void judge_unknown(const char *name, const unsigned char *head, size_t size,
                          struct bak_content *content)
{
    const char *what = promised(name);
    content->verdict = BAK_UNKNOWN_KIND;
    if (size == 0)
        bak_content_none(content, "size 0");
    else if (only_zeros(head, size) && size < BAK_EDGE_SIZE)
        bak_content_none(content, "nothing %s",
                         is_tar_name(name) ? "is in it: no file of its source was there"
                                           : "but zeros");
    else if (what != NULL && !(only_zeros(head, size) && is_tar_name(name)))
        bak_content_none(content, "by its name it is %s, by its content it is not", what);
}

static const struct bak_format *recognise(const char *name, const unsigned char *head, size_t size,
                                          struct bak_content *content)
{
    const struct bak_format *format = format_of(name, head, size);
    const char *what = promised(name);
    if (format == NULL) {
        judge_unknown(name, head, size, content);
        return NULL;
    }
    content->verdict = BAK_WHOLE;
    format->recognise(head, size, content);
    if (what != NULL && content->verdict == BAK_WHOLE && strstr(content->kind, what) == NULL)
        bak_content_note(content, "by its name it is %s, by its content %s", what, content->kind);
    return format;
}

void bak_formats_recognise(const char *name, const unsigned char *head, size_t head_size,
                           struct bak_content *content)
{
    recognise(name, head, head_size, content);
}

/* What was seen by a walk that did not come to its own end says nothing. */
static void forget(struct bak_content *content)
{
    content->verdict = BAK_WHOLE;
    content->why[0] = '\0';
}

/* A cheap look's walk: false where the store failed. */
static bool walk_view(const struct bak_format *format, const struct bak_view *view,
                      struct bak_content *content, struct dr_error *error)
{
    struct bak_walk walk;
    bak_walk_view(&walk, view, error);
    if (format->when == BAK_WALK_SMALL && view->size > walk.budget / 2) {
        walk.dear = true;
    }
    bool enough = walk.dear || format->walk(&walk, content);
    bool failed = walk.failed, late = walk.late, dear = walk.dear;
    bak_walk_close(&walk);
    if (late || dear)
        forget(content);
    content->out_of_time = late || (dear && !enough);
    if (dear && enough && content->note[0] == '\0')
        bak_content_note(content, "only its beginning and its end were looked at");
    return !failed;
}

bool bak_formats_look(const struct bak_view *view, struct bak_content *content,
                      struct dr_error *error)
{
    content->proof = view->size > 0 ? BAK_SIZED : BAK_NONE;
    const struct bak_format *format = recognise(view->name, view->head, view->head_size, content);
    if (format == NULL || content->verdict == BAK_NO_BACKUP)
        return true;
    if (format->look != NULL)
        format->look(view, content);
    if (content->verdict == BAK_WHOLE && format->walk != NULL && format->when != BAK_WALK_FULL &&
        !walk_view(format, view, content, error))
        return false;
    if (content->verdict == BAK_WHOLE && !content->out_of_time)
        content->proof = BAK_WELLFORMED;
    return true;
}

/* The format of a flow is known when its first bytes are in the buffer. */
static const struct bak_format *begin_flow(struct bak_walk *walk, struct bak_content *content)
{
    const char *name = walk->flow->name;
    while (walk->head_size < BAK_EDGE_SIZE && bak_walk_fill(walk))
        ;
    return bak_walk_stopped(walk) ? NULL : recognise(name, walk->head, walk->head_size, content);
}

static void read_flow(struct bak_walk *walk, struct bak_content *content)
{
    struct bak_view edges;
    const struct bak_format *format = begin_flow(walk, content);
    if (format != NULL && format->walk != NULL && content->verdict == BAK_WHOLE)
        format->walk(walk, content);
    if (!bak_walk_drain(walk)) {
        if (content->verdict == BAK_CUT)
            forget(content);
        content->out_of_time = walk->late;
        return;
    }
    bak_walk_edges(walk, &edges);
    content->content = dr_int(walk->total);
    content->proof = walk->total > 0 ? BAK_SIZED : BAK_NONE;
    if (format != NULL && format->look != NULL && content->verdict != BAK_NO_BACKUP)
        format->look(&edges, content);
    if (format != NULL && content->verdict == BAK_WHOLE)
        content->proof = walk->unproven ? BAK_WELLFORMED : BAK_CHECKSUMMED;
}

bool bak_formats_read(struct bak_flow *flow, struct bak_content *content, struct dr_error *error)
{
    struct bak_walk walk;
    bak_walk_flow(&walk, flow, error);
    if (!walk.failed)
        read_flow(&walk, content);
    bool failed = walk.failed;
    bak_walk_close(&walk);
    return !failed;
}
