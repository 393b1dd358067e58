/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/size.h"

#include "common/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t bytes;
};

/* Rising; where two are spelled differently the first is the one written. */
static const struct unit units[] = {
    {"B", 1},
    {"kB", 1000},
    {"KB", 1000},
    {"KiB", INT64_C(1) << 10},
    {"MB", 1000000},
    {"MiB", INT64_C(1) << 20},
    {"GB", 1000000000},
    {"GiB", INT64_C(1) << 30},
    {"TB", INT64_C(1000000000000)},
    {"TiB", INT64_C(1) << 40},
    {"PB", INT64_C(1000000000000000)},
    {"PiB", INT64_C(1) << 50},
};
#define UNITS (sizeof units / sizeof units[0])

static const struct unit *find_unit(const char *name, size_t length)
{
    for (size_t i = 0; i < UNITS; i++) {
        if (strlen(units[i].name) == length && memcmp(units[i].name, name, length) == 0)
            return &units[i];
    }
    return NULL;
}

/* Whole numbers are read as integers: a double keeps 53 bits of the 63. */
static bool whole(const struct dr_cursor *from, size_t to, int64_t unit, int64_t *bytes)
{
    int64_t value = 0;
    for (size_t at = from->at; at < to; at++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, from->text[at] - '0', &value))
            return false;
    }
    return !__builtin_mul_overflow(value, unit, bytes);
}

bool dr_size_read(struct dr_cursor *cursor, int64_t *bytes, struct dr_error *error)
{
    const struct dr_cursor start = *cursor;
    const struct unit *unit = &units[0];
    double value = 0;
    bool fraction = false;
    if (cursor->at == cursor->end)
        return dr_cursor_error(cursor, error, "a size is missing");
    if (cursor->text[cursor->at] == '-')
        return dr_cursor_error(cursor, error, "a size is not negative");
    if (!dr_number_read(cursor, &value, &fraction, error))
        return false;
    const size_t number_end = cursor->at;
    bool bare = number_end == cursor->end;
    if (!bare)
        unit = find_unit(cursor->text + number_end, cursor->end - number_end);
    if (unit == NULL)
        return dr_cursor_error(
            cursor, error,
            "a unit must stand here: B, kB, MB, GB, TB, PB, KiB, MiB, GiB, TiB or PiB");
    if (fraction && unit->bytes == 1)
        return dr_cursor_error(&start, error, "there is no fraction of a byte");
    int64_t result = 0;
    if (!fraction && !whole(&start, number_end, unit->bytes, &result))
        return dr_cursor_error(&start, error, "larger than 2^63-1 bytes");
    if (fraction) {
        value = dr_round(value * (double)unit->bytes);
        if (value >= 0x1p63)
            return dr_cursor_error(&start, error, "larger than 2^63-1 bytes");
        result = (int64_t)value;
    }
    cursor->at = cursor->end;
    *bytes = result;
    return true;
}

bool dr_size_parse(const char *text, int64_t *bytes, struct dr_error *error)
{
    struct dr_cursor cursor = dr_cursor_start("size", text);
    return dr_size_read(&cursor, bytes, error);
}

const char *dr_size_format(int64_t bytes, char *buffer, size_t size)
{
    static const char *const names[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = fabs((double)bytes);
    size_t power = 0;
    /* 999.5 would be written as 1000 */
    while (value >= 999.5 && power + 1 < sizeof names / sizeof names[0]) {
        value /= 1000;
        power++;
    }
    char number[16];
    dr_number_round(value,
                    power == 0 || value >= 99.95 ? 0
                    : value >= 9.995             ? 1
                                                 : 2,
                    number, sizeof number);
    snprintf(buffer, size, "%s%s %s", bytes < 0 ? "-" : "", number, names[power]);
    return buffer;
}

const char *dr_size_format_exact(int64_t bytes, char *buffer, size_t size)
{
    const struct unit *best = &units[0];
    for (size_t i = 1; i < UNITS && bytes != 0; i++) {
        if (bytes % units[i].bytes == 0 && units[i].bytes > best->bytes)
            best = &units[i];
    }
    snprintf(buffer, size, "%" PRId64 " %s", bytes / best->bytes, best->name);
    return buffer;
}
