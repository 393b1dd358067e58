/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/facts.h"

#include "common/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 300
#define TEXT_MAX_BYTES 500

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

struct liv_unit *liv_facts_add(struct liv_facts *facts, enum liv_kind kind, const char *name,
                               const char *pool)
{
    void *items = facts->units;
    struct liv_unit unit = {.kind = kind, .name = dr_text_clean(name, NAME_MAX_BYTES)};
    unit.pool = pool != NULL ? dr_text_clean(pool, NAME_MAX_BYTES) : NULL;
    bool room = grow(&items, facts->unit_count, sizeof *facts->units);
    facts->units = items;
    if (!room || unit.name == NULL || (pool != NULL && unit.pool == NULL)) {
        free(unit.name);
        free(unit.pool);
        facts->no_memory = true;
        return NULL;
    }
    facts->units[facts->unit_count] = unit;
    return &facts->units[facts->unit_count++];
}

void liv_facts_sign(struct liv_facts *facts, struct liv_unit *unit, enum liv_sign_kind kind,
                    const char *format, ...)
{
    char text[TEXT_MAX_BYTES];
    va_list args;
    if (unit == NULL)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    void *items = unit->signs;
    struct liv_sign sign = {.kind = kind, .text = dr_text_clean(text, TEXT_MAX_BYTES)};
    bool room = grow(&items, unit->sign_count, sizeof *unit->signs);
    unit->signs = items;
    if (!room || sign.text == NULL) {
        free(sign.text);
        facts->no_memory = true;
        return;
    }
    unit->signs[unit->sign_count++] = sign;
}

void liv_facts_text(struct liv_facts *facts, char **into, const char *value)
{
    if (value == NULL)
        return;
    free(*into);
    *into = dr_text_clean(value, TEXT_MAX_BYTES);
    if (*into == NULL)
        facts->no_memory = true;
}

void liv_facts_place(struct liv_facts *facts, struct liv_unit *unit, const char *host,
                     int64_t alive)
{
    if (unit == NULL)
        return;
    for (size_t i = 0; i < unit->place_count; i++) {
        if (strcmp(unit->places[i].host, host) == 0) {
            unit->places[i].alive += alive;
            return;
        }
    }
    void *items = unit->places;
    struct liv_place place = {.host = dr_text_clean(host, NAME_MAX_BYTES), .alive = alive};
    bool room = grow(&items, unit->place_count, sizeof *unit->places);
    unit->places = items;
    if (!room || place.host == NULL) {
        free(place.host);
        facts->no_memory = true;
        return;
    }
    unit->places[unit->place_count++] = place;
}

void liv_unit_figure(struct liv_unit *unit, enum liv_metric metric, double value)
{
    if (unit != NULL)
        unit->figures[metric] = dr_real(value);
}

static void free_unit(struct liv_unit *unit)
{
    for (size_t i = 0; i < unit->sign_count; i++)
        free(unit->signs[i].text);
    for (size_t i = 0; i < unit->place_count; i++)
        free(unit->places[i].host);
    free(unit->signs);
    free(unit->places);
    free(unit->name);
    free(unit->pool);
    free(unit->version);
    free(unit->cluster);
    free(unit->leader);
}

void liv_facts_free(void *pointer)
{
    struct liv_facts *facts = pointer;
    for (size_t i = 0; i < facts->unit_count; i++)
        free_unit(&facts->units[i]);
    free(facts->units);
    free(facts->what);
    free(facts->certificate);
    *facts = (struct liv_facts){.units = NULL};
}
