/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/duration.h"

#include "common/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MINUTE 60.0
#define HOUR 3600.0
#define DAY 86400.0
#define YEAR (365.25 * DAY)
#define LONGEST (100 * YEAR)

struct unit {
    const char *name;
    double seconds;
};

/* In falling order, which is also the order in which they may be written. */
static const struct unit units[] = {{"w", 7 * DAY}, {"d", DAY}, {"h", HOUR},
                                    {"m", MINUTE},  {"s", 1},   {"ms", 0.001}};
#define UNITS (sizeof units / sizeof units[0])

/* The index of the unit at the cursor, which moves behind it; UNITS when there is none. */
static size_t read_unit(struct dr_cursor *cursor)
{
    size_t length = 0;
    const char *name = cursor->text + cursor->at;
    while (cursor->at + length < cursor->end && name[length] >= 'a' && name[length] <= 'z')
        length++;
    for (size_t i = 0; i < UNITS; i++) {
        if (strlen(units[i].name) == length && memcmp(units[i].name, name, length) == 0) {
            cursor->at += length;
            return i;
        }
    }
    return UNITS;
}

static bool read_pairs(struct dr_cursor *cursor, double *seconds, struct dr_error *error)
{
    size_t next_unit = 0;
    bool fraction = false, first = true;
    *seconds = 0;
    do {
        struct dr_cursor number = *cursor;
        double value = 0;
        if (!dr_number_read(cursor, &value, &fraction, error))
            return false;
        if (first && cursor->at == cursor->end) {
            *seconds = value;
            return true;
        }
        struct dr_cursor unit = *cursor;
        size_t i = read_unit(cursor);
        if (i == UNITS)
            return dr_cursor_error(&unit, error, "a unit must stand here: ms, s, m, h, d or w");
        if (i < next_unit)
            return dr_cursor_error(&unit, error,
                                   "units stand in falling order, each once: w d h m s ms");
        if (fraction && !(first && cursor->at == cursor->end))
            return dr_cursor_error(&number, error, "a fraction is allowed on a single unit only");
        next_unit = i + 1;
        *seconds += value * units[i].seconds;
        first = false;
    } while (cursor->at < cursor->end);
    return true;
}

bool dr_duration_read(struct dr_cursor *cursor, double *seconds, struct dr_error *error)
{
    const struct dr_cursor start = *cursor;
    double value = 0;
    if (cursor->at == cursor->end)
        return dr_cursor_error(cursor, error, "a duration is missing");
    if (cursor->text[cursor->at] == '-')
        return dr_cursor_error(cursor, error, "a duration is not negative");
    if (!read_pairs(cursor, &value, error))
        return false;
    if (value > LONGEST)
        return dr_cursor_error(&start, error, "longer than 100 years");
    /* 1.1 h is 3960 s, not 3960.0000000000005 s */
    *seconds = dr_round(value * 1e6) / 1e6;
    return true;
}

bool dr_duration_parse(const char *text, double *seconds, struct dr_error *error)
{
    struct dr_cursor cursor = dr_cursor_start("duration", text);
    return dr_duration_read(&cursor, seconds, error);
}

/* Rounds to what is shown: two units; fewer decimals the longer it is. */
static double round_for_people(double seconds)
{
    double whole = dr_round(seconds);
    if (seconds < 0.9995)
        return dr_round(seconds * 1000) / 1000;
    if (seconds < 9.95)
        return dr_round(seconds * 10) / 10;
    if (whole >= HOUR)
        whole = dr_round(seconds / MINUTE) * MINUTE;
    if (whole >= DAY)
        whole = dr_round(seconds / HOUR) * HOUR;
    return whole;
}

static const char *write_units(double seconds, bool negative, char *buffer, size_t size)
{
    static const struct unit shown[] = {{"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", 1}};
    const char *sign = negative && seconds > 0 ? "-" : "";
    char text[2 * DR_DURATION_TEXT], number[DR_DURATION_TEXT];
    /* a fraction goes with a single unit only, here as where durations are read */
    if (seconds < MINUTE || seconds > dr_floor(seconds)) {
        snprintf(buffer, size, "%s%s s", sign, dr_number_round(seconds, 6, number, sizeof number));
        return buffer;
    }
    size_t used = (size_t)snprintf(text, sizeof text, "%s", sign);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        double count = dr_floor(seconds / shown[i].seconds);
        seconds -= count * shown[i].seconds;
        if (count > 0)
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "%.0f%s", count, shown[i].name);
    }
    snprintf(buffer, size, "%s", text);
    return buffer;
}

static const char *format(double seconds, bool exact, char *buffer, size_t size)
{
    double length = fabs(seconds);
    if (!isfinite(seconds)) {
        snprintf(buffer, size, "unknown");
    } else if (length > 1000 * YEAR) {
        snprintf(buffer, size, "%sover 1000 years", seconds < 0 ? "-" : "");
    } else {
        length = exact ? dr_round(length * 1e6) / 1e6 : round_for_people(length);
        write_units(length, seconds < 0, buffer, size);
    }
    return buffer;
}

const char *dr_duration_format(double seconds, char *buffer, size_t size)
{
    return format(seconds, false, buffer, size);
}

const char *dr_duration_format_exact(double seconds, char *buffer, size_t size)
{
    return format(seconds, true, buffer, size);
}
