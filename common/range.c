/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/range.h"

#include "common/duration.h"
#include "common/number.h"
#include "common/size.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LARGEST 1e21

static bool read_plain(struct dr_cursor *cursor, enum dr_unit unit, double *value,
                       struct dr_error *error)
{
    const struct dr_cursor start = *cursor;
    bool fraction = false;
    if (!dr_number_read(cursor, value, &fraction, error))
        return false;
    if (unit == DR_UNIT_PERCENT && cursor->at < cursor->end && cursor->text[cursor->at] == '%')
        cursor->at++;
    if (cursor->at < cursor->end) {
        unsigned char c = (unsigned char)cursor->text[cursor->at];
        if (c == ',')
            return dr_cursor_error(cursor, error,
                                   "one range is expected; the decimal point is \".\"");
        return dr_cursor_error(cursor, error, "the number ends here, what follows is not allowed%s",
                               unit == DR_UNIT_PERCENT ? " (the unit is %)" : " (it has no unit)");
    }
    if (*value > LARGEST)
        return dr_cursor_error(&start, error, "larger than 10^21");
    return true;
}

/* Reads from the cursor to its end. */
static bool read_number(struct dr_cursor *cursor, enum dr_unit unit, double *value,
                        struct dr_error *error)
{
    bool negative = cursor->at < cursor->end && cursor->text[cursor->at] == '-';
    int64_t bytes = 0;
    bool good = false;
    if (negative)
        cursor->at++;
    /* the readers of durations and sizes know a sign of their own: "a duration is not negative" */
    if (negative && cursor->at < cursor->end && cursor->text[cursor->at] == '-')
        return dr_cursor_error(cursor, error, "two signs");
    switch (unit) {
    case DR_UNIT_SECONDS:
        good = dr_duration_read(cursor, value, error);
        break;
    case DR_UNIT_BYTES:
        good = dr_size_read(cursor, &bytes, error);
        *value = (double)bytes;
        break;
    default:
        good = read_plain(cursor, unit, value, error);
    }
    if (good && negative)
        *value = -*value;
    return good;
}

static bool read_start(struct dr_cursor *cursor, enum dr_unit unit, struct dr_range *range,
                       struct dr_error *error)
{
    if (cursor->at == cursor->end)
        return true; /* ":10" is 0:10 */
    if (cursor->text[cursor->at] != '~')
        return read_number(cursor, unit, &range->start, error);
    cursor->at++;
    if (cursor->at < cursor->end)
        return dr_cursor_error(cursor, error, "only \":\" may follow \"~\"");
    range->start = -INFINITY;
    return true;
}

static bool read_end(struct dr_cursor *cursor, enum dr_unit unit, struct dr_range *range,
                     struct dr_error *error)
{
    const struct dr_cursor start = *cursor;
    const char *colon = memchr(cursor->text + cursor->at, ':', cursor->end - cursor->at);
    if (colon != NULL) {
        cursor->at = (size_t)(colon - cursor->text);
        return dr_cursor_error(cursor, error, "a second \":\"");
    }
    if (cursor->at < cursor->end && cursor->text[cursor->at] == '~')
        return dr_cursor_error(cursor, error,
                               "\"~\" may stand only before \":\"; leave the end out for infinity");
    if (!read_number(cursor, unit, &range->end, error))
        return false;
    if (range->start > range->end)
        return dr_cursor_error(&start, error,
                               "the start (0 where none is given) is above the end; write ~:%.*s "
                               "for everything up to it",
                               (int)(start.end - start.at), start.text + start.at);
    return true;
}

bool dr_range_parse(const char *text, enum dr_unit unit, struct dr_range *range,
                    struct dr_error *error)
{
    struct dr_range result = {.start = 0, .end = INFINITY};
    struct dr_cursor cursor = dr_cursor_start("range", text);
    const size_t end = cursor.end;
    if (text[0] == '@') {
        result.inside = true;
        cursor.at++;
    }
    if (cursor.at == end)
        return dr_cursor_error(&cursor, error, "a number is missing");
    const char *colon = strchr(text + cursor.at, ':');
    if (colon != NULL) {
        cursor.end = (size_t)(colon - text);
        bool bare = cursor.at == cursor.end;
        if (!read_start(&cursor, unit, &result, error))
            return false;
        cursor.at = cursor.end + 1;
        cursor.end = end;
        if (bare && cursor.at == end)
            return dr_cursor_error(&cursor, error, "a number is missing before or after the \":\"");
    }
    if ((colon == NULL || cursor.at < end) && !read_end(&cursor, unit, &result, error))
        return false;
    *range = result;
    return true;
}

bool dr_range_alerts(const struct dr_range *range, double value)
{
    if (isnan(value))
        return true;
    bool in = range->start <= value && value <= range->end;
    return in == range->inside;
}

const char *dr_range_perfdata(const struct dr_range *range, char *buffer, size_t size)
{
    char start[DR_RANGE_TEXT / 2 - 4] = "", end[DR_RANGE_TEXT / 2 - 4] = "";
    const char *at = range->inside ? "@" : "";
    bool from_zero = !(range->start < 0 || range->start > 0);
    if (isfinite(range->end))
        dr_number_exact(range->end, end, sizeof end);
    if (isfinite(range->start))
        dr_number_exact(range->start, start, sizeof start);
    else
        snprintf(start, sizeof start, "~");
    int need = from_zero && isfinite(range->end)
                   ? snprintf(buffer, size, "%s%s", at, end)
                   : snprintf(buffer, size, "%s%s:%s", at, start, end);
    if (size > 0 && (need < 0 || (size_t)need >= size))
        buffer[0] = '\0';
    return buffer;
}

static double within(double value, double limit)
{
    return value > limit ? limit : value < -limit ? -limit : value;
}

/* `exact` for limits: a rounded limit would be another rule. */
static const char *write_value(enum dr_unit unit, double value, bool exact, char *buffer,
                               size_t size)
{
    char number[DR_RANGE_TEXT / 2 - 16];
    /* the largest double below 2^63 */
    int64_t bytes = (int64_t)within(dr_round(isnan(value) ? 0 : value), 9223372036854774784.0);
    switch (unit) {
    case DR_UNIT_SECONDS:
        return exact ? dr_duration_format_exact(value, buffer, size)
                     : dr_duration_format(value, buffer, size);
    case DR_UNIT_BYTES:
        return exact ? dr_size_format_exact(bytes, buffer, size)
                     : dr_size_format(bytes, buffer, size);
    default:
        if (exact)
            dr_number_exact(value, number, sizeof number);
        else
            dr_number_round(value, unit == DR_UNIT_PERCENT ? 2 : 3, number, sizeof number);
        snprintf(buffer, size, "%s%s", number, unit == DR_UNIT_PERCENT ? " %" : "");
        return buffer;
    }
}

const char *dr_unit_format(enum dr_unit unit, double value, char *buffer, size_t size)
{
    if (isfinite(value))
        return write_value(unit, value, false, buffer, size);
    snprintf(buffer, size, "unknown");
    return buffer;
}

static void write_one_end(const struct dr_range *range, const char *start, const char *end,
                          char *buffer, size_t size)
{
    if (isfinite(range->start))
        snprintf(buffer, size, "%s %s", range->inside ? "at or above" : "below", start);
    else if (isfinite(range->end))
        snprintf(buffer, size, "%s %s", range->inside ? "at or below" : "above", end);
    else
        snprintf(buffer, size, "%s", range->inside ? "always" : "never");
}

const char *dr_range_rule(const struct dr_range *range, enum dr_unit unit, double value,
                          char *buffer, size_t size)
{
    char start[DR_RANGE_TEXT / 2 - 8], end[DR_RANGE_TEXT / 2 - 8];
    bool from_zero = !(range->start < 0 || range->start > 0);
    write_value(unit, range->start, true, start, sizeof start);
    write_value(unit, range->end, true, end, sizeof end);
    if (!isfinite(range->start) || !isfinite(range->end))
        write_one_end(range, start, end, buffer, size);
    else if (!range->inside && from_zero && !(value < 0))
        snprintf(buffer, size, "above %s", end);
    else
        snprintf(buffer, size, "%s %s..%s", range->inside ? "inside" : "outside", start, end);
    return buffer;
}
