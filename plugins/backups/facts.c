/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/facts.h"

#include "common/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 300
#define TEXT_MAX_BYTES 500
#define FNV_OFFSET 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

/* Grows an array by one element, doubling it: false when out of memory. */
static bool grow(void **items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return true;
    void *more = realloc(*items, (count == 0 ? 1 : 2 * count) * size);
    if (more == NULL)
        return false;
    *items = more;
    return true;
}

struct bak_series *bak_facts_series(struct bak_facts *facts, const char *name)
{
    char *clean = dr_text_clean(name, NAME_MAX_BYTES);
    for (size_t i = 0; clean != NULL && i < facts->series_count; i++) {
        if (strcmp(facts->series[i].name, clean) == 0) {
            free(clean);
            return &facts->series[i];
        }
    }
    void *items = facts->series;
    bool room = clean != NULL && grow(&items, facts->series_count, sizeof *facts->series);
    facts->series = items;
    if (!room) {
        free(clean);
        facts->no_memory = true;
        return NULL;
    }
    facts->series[facts->series_count] = (struct bak_series){.name = clean};
    return &facts->series[facts->series_count++];
}

struct bak_point *bak_facts_point(struct bak_facts *facts, struct bak_series *series,
                                  const char *name)
{
    if (series == NULL)
        return NULL;
    void *items = series->points;
    char *clean = dr_text_clean(name, NAME_MAX_BYTES);
    bool room = clean != NULL && grow(&items, series->point_count, sizeof *series->points);
    series->points = items;
    if (!room) {
        free(clean);
        facts->no_memory = true;
        return NULL;
    }
    series->points[series->point_count] = (struct bak_point){.name = clean};
    return &series->points[series->point_count++];
}

void bak_facts_sign(struct bak_facts *facts, struct bak_series *series, enum bak_sign_kind kind,
                    const char *format, ...)
{
    char text[TEXT_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct bak_sign **signs = series != NULL ? &series->signs : &facts->signs;
    size_t *count = series != NULL ? &series->sign_count : &facts->sign_count;
    void *items = *signs;
    struct bak_sign sign = {.kind = kind, .text = dr_text_clean(text, TEXT_MAX_BYTES)};
    bool room = sign.text != NULL && grow(&items, *count, sizeof **signs);
    *signs = items;
    if (!room) {
        free(sign.text);
        facts->no_memory = true;
        return;
    }
    (*signs)[(*count)++] = sign;
}

void bak_facts_text(struct bak_facts *facts, char **into, const char *value)
{
    if (into == NULL || value == NULL)
        return;
    free(*into);
    *into = dr_text_clean(value, TEXT_MAX_BYTES);
    if (*into == NULL)
        facts->no_memory = true;
}

void bak_facts_status(struct bak_facts *facts, struct bak_point *point, enum bak_status status,
                      const char *format, ...)
{
    char text[TEXT_MAX_BYTES];
    va_list args;
    if (point == NULL)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    point->status = status;
    bak_facts_text(facts, &point->why, text);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * FNV_PRIME;
    return hash;
}

uint64_t bak_identity(const char *name, int64_t size, double modified, uint64_t inode)
{
    uint64_t hash = mix(FNV_OFFSET, name, strlen(name) + 1);
    hash = mix(hash, &size, sizeof size);
    hash = mix(hash, &modified, sizeof modified);
    hash = mix(hash, &inode, sizeof inode);
    return hash != 0 ? hash : 1;
}

static void free_signs(struct bak_sign *signs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(signs[i].text);
    free(signs);
}

static void free_series(struct bak_series *series)
{
    for (size_t i = 0; i < series->point_count; i++) {
        struct bak_point *point = &series->points[i];
        free(point->name);
        free(point->parent);
        free(point->why);
        free(point->kind);
        free(point->tier);
    }
    free_signs(series->signs, series->sign_count);
    free(series->points);
    free(series->name);
}

void bak_facts_free(void *pointer)
{
    struct bak_facts *facts = pointer;
    for (size_t i = 0; i < facts->series_count; i++)
        free_series(&facts->series[i]);
    free_signs(facts->signs, facts->sign_count);
    free(facts->series);
    free(facts->what);
    free(facts->comparison.copy);
    free(facts->comparison.oldest_name);
    *facts = (struct bak_facts){.series = NULL};
}
