/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --name-format: moments in names. */
#include "plugins/backups/names.h"

#include <string.h>
#include <time.h>

#define DAY 86400
/* What a format full of stars may cost with a name made for it. */
#define STEPS_MAX 20000

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* What was read so far; -1: not said. A name may say a thing twice ("2026/11/pg-20261120"), and
 * must say the same then. */
struct fields {
    int year;
    int month; /* 1 to 12 */
    int day;
    int year_day; /* 1 to 366 */
    int hour;
    int minute;
    int second;
    int64_t epoch;
    bool zone;
    int offset;         /* seconds east of Greenwich */
    const char *series; /* in the name */
    size_t series_size;
    int steps;
};

/* ---- the check ---- */

struct said {
    bool year;
    bool month;
    bool day;
    bool year_day;
    bool hour;
    bool minute;
    bool second;
    bool epoch;
    int series;
};

static bool note_directive(struct said *said, char c)
{
    said->year = said->year || c == 'Y' || c == 'y';
    said->month = said->month || c == 'm' || c == 'b';
    said->day = said->day || c == 'd';
    said->year_day = said->year_day || c == 'j';
    said->hour = said->hour || c == 'H';
    said->minute = said->minute || c == 'M';
    said->second = said->second || c == 'S';
    said->epoch = said->epoch || c == 's';
    return c != '\0' && strchr("YymdHMSbjsz%", c) != NULL;
}

static bool check_directive(const char *format, size_t at, struct said *said,
                            struct dr_error *error)
{
    char c = format[at + 1];
    if (note_directive(said, c))
        return true;
    return c == '\0'
               ? dr_error_set(error, DR_ERR_USAGE,
                              "bad format \"%s\", position %zu: a %% at the end", format, at + 1)
               : dr_error_set(error, DR_ERR_USAGE,
                              "bad format \"%s\", position %zu: %%%c is none of "
                              "%%Y %%y %%m %%b %%d %%j %%H %%M %%S %%z %%s %%%%",
                              format, at + 1, c);
}

static bool check_moment(const char *format, const struct said *said, struct dr_error *error)
{
    bool date = said->year && (said->year_day || (said->month && said->day));
    if (!date && !said->epoch)
        return dr_error_set(error, DR_ERR_USAGE,
                            "bad format \"%s\": it says no day: %%Y%%m%%d, %%Y%%j or %%s is needed",
                            format);
    if ((said->minute && !said->hour) || (said->second && !said->minute))
        return dr_error_set(error, DR_ERR_USAGE, "bad format \"%s\": %s", format,
                            said->hour ? "%S without %M" : "%M without %H");
    return true;
}

bool bak_format_check(const char *format, struct dr_error *error)
{
    struct said said = {.year = false};
    for (size_t at = 0; format[at] != '\0'; at++) {
        if (format[at] == '{' && format[at + 1] == '}')
            said.series++;
        if (format[at] != '%')
            continue;
        if (!check_directive(format, at, &said, error))
            return false;
        at++;
    }
    if (said.series > 1)
        return dr_error_set(error, DR_ERR_USAGE, "bad format \"%s\": {} stands there twice",
                            format);
    return check_moment(format, &said, error);
}

/* ---- reading ---- */

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : -1;
}

/* Exactly `count` digits; -1 where there are fewer. */
static int read_digits(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0)
            return -1;
        value = 10 * value + digit;
    }
    return value;
}

static bool put(int *field, int value)
{
    bool same = *field < 0 || *field == value;
    *field = value;
    return same;
}

/* Digits in full width, within their range: how many bytes were read; 0: no match. */
static size_t read_number(int *field, const char *text, int count, int least, int most)
{
    int value = read_digits(text, count);
    return value >= least && value <= most && put(field, value) ? (size_t)count : 0;
}

static size_t read_month(struct fields *fields, const char *text)
{
    for (int i = 0; i < 12; i++) {
        if (strncmp(text, months[i], 3) == 0)
            return put(&fields->month, i + 1) ? 3 : 0;
    }
    return 0;
}

static size_t read_short_year(struct fields *fields, const char *text)
{
    int value = read_digits(text, 2);
    /* as POSIX has it */
    return value >= 0 && put(&fields->year, value + (value < 69 ? 2000 : 1900)) ? 2 : 0;
}

static size_t read_epoch(struct fields *fields, const char *text)
{
    int64_t value = 0;
    size_t count = 0;
    for (; digit_of(text[count]) >= 0; count++) {
        if (count == 11)
            return 0;
        value = 10 * value + digit_of(text[count]);
    }
    fields->epoch = value;
    return count;
}

static size_t read_zone(struct fields *fields, const char *text)
{
    fields->zone = true;
    fields->offset = 0;
    if (*text == 'Z')
        return 1;
    if (*text != '+' && *text != '-')
        return 0;
    int hours = read_digits(text + 1, 2);
    size_t at = hours >= 0 && text[3] == ':' ? 4 : 3;
    int minutes = hours >= 0 ? read_digits(text + at, 2) : -1;
    if (hours > 14 || minutes < 0 || minutes > 59)
        return 0;
    fields->offset = (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return at + 2;
}

/* One directive: how many bytes of the name it took; 0: no match. */
static size_t read_directive(struct fields *fields, char directive, const char *text)
{
    switch (directive) {
    case 'Y':
        return read_number(&fields->year, text, 4, 1970, 9999);
    case 'y':
        return read_short_year(fields, text);
    case 'm':
        return read_number(&fields->month, text, 2, 1, 12);
    case 'b':
        return read_month(fields, text);
    case 'd':
        return read_number(&fields->day, text, 2, 1, 31);
    case 'j':
        return read_number(&fields->year_day, text, 3, 1, 366);
    case 'H':
        return read_number(&fields->hour, text, 2, 0, 23);
    case 'M':
        return read_number(&fields->minute, text, 2, 0, 59);
    case 'S':
        return read_number(&fields->second, text, 2, 0, 60);
    case 's':
        return read_epoch(fields, text);
    case 'z':
        return read_zone(fields, text);
    default:
        return *text == '%' ? 1 : 0;
    }
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static bool is_in_calendar(const struct fields *fields)
{
    if (fields->epoch >= 0)
        return true;
    if (fields->year_day > 0 && (fields->month < 0 || fields->day < 0))
        return fields->year_day <= (is_leap(fields->year) ? 366 : 365);
    return fields->day <= days_of(fields->year, fields->month);
}

static bool match(struct fields *fields, const char *format, const char *name);

/* "*" and "{}": as few bytes as it takes. What is read behind them is forgotten with each try. */
static bool match_any(struct fields *fields, const char *format, const char *name, bool series)
{
    const char *begin = name;
    const struct fields before = *fields;
    if (series && (*name == '\0' || *name == '/'))
        return false;
    for (name += series ? 1 : 0;; name++) {
        int steps = fields->steps;
        *fields = before;
        fields->steps = steps;
        if (series) {
            fields->series = begin;
            fields->series_size = (size_t)(name - begin);
        }
        if (match(fields, format, name))
            return true;
        if (*name == '\0' || *name == '/' || fields->steps > STEPS_MAX)
            return false;
    }
}

static bool match(struct fields *fields, const char *format, const char *name)
{
    for (; *format != '\0'; format++) {
        if (++fields->steps > STEPS_MAX)
            return false;
        if (*format == '*')
            return match_any(fields, format + 1, name, false);
        if (format[0] == '{' && format[1] == '}')
            return match_any(fields, format + 2, name, true);
        if (*format == '%') {
            size_t took = read_directive(fields, *++format, name);
            if (took == 0)
                return false;
            name += took;
            continue;
        }
        if (*format != *name)
            return false;
        name++;
    }
    return *name == '\0' && is_in_calendar(fields);
}

/* A format is as many parts of a name as it has itself, from the end. NULL: it has fewer. */
static const char *last_parts(const char *format, const char *name)
{
    const char *at = NULL;
    int slashes = 0;
    for (const char *c = format; (c = strchr(c, '/')) != NULL; c++)
        slashes++;
    if (slashes == 0) {
        at = strrchr(name, '/');
        return at != NULL ? at + 1 : name;
    }
    at = name + strlen(name);
    while (at > name && (at[-1] != '/' || slashes-- > 0))
        at--;
    return at > name || slashes <= 0 ? at : NULL;
}

/* Days since 1970-01-01 in the Gregorian calendar: 400 years are 146,097 days, counted from March
 * on, so that the leap day is the last of a year. */
static int64_t days_since_epoch(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;
    int64_t leaps = y / 4 - y / 100 + y / 400;
    return 365 * y + leaps + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* As if the name's zone were UTC. */
static int64_t naive_of(const struct fields *fields)
{
    bool by_month = fields->month > 0 && fields->day > 0;
    int64_t days = by_month ? days_since_epoch(fields->year, fields->month, fields->day)
                            : days_since_epoch(fields->year, 1, 1) + fields->year_day - 1;
    int64_t seconds = DAY * days;
    seconds += fields->hour > 0 ? 3600 * fields->hour : 0;
    seconds += fields->minute > 0 ? 60 * fields->minute : 0;
    return seconds + (fields->second > 0 ? fields->second : 0);
}

bool bak_format_scan(const char *format, const char *name, struct bak_scanned *scanned)
{
    struct fields fields = {.year = -1,
                            .month = -1,
                            .day = -1,
                            .year_day = -1,
                            .hour = -1,
                            .minute = -1,
                            .second = -1,
                            .epoch = -1};
    const char *part = last_parts(format, name);
    if (part == NULL || !match(&fields, format, part))
        return false;
    scanned->zoned = fields.zone || fields.epoch >= 0;
    scanned->day_only = fields.epoch < 0 && fields.hour < 0;
    scanned->local = fields.epoch >= 0 ? fields.epoch : naive_of(&fields) - fields.offset;
    scanned->series = fields.series;
    scanned->series_size = fields.series_size;
    return true;
}

/* Seconds east of Greenwich at a moment. */
static int64_t offset_at(int64_t moment)
{
    time_t time = (time_t)moment;
    struct tm local;
    return localtime_r(&time, &local) != NULL ? (int64_t)local.tm_gmtoff : 0;
}

/* The zone's offset is taken a day before and a day after: where only one of the two readings is
 * one that clocks have shown, it is that; where both are, the hour came twice; where none is, it
 * was left out, and the offset before it makes an hour later of it. */
double bak_scanned_moment(const struct bak_scanned *scanned, const struct dr_opt_real *near)
{
    int64_t local = scanned->local;
    if (scanned->zoned)
        return (double)local;
    int64_t before = local - offset_at(local - DAY);
    int64_t after = local - offset_at(local + DAY);
    bool before_shown = before + offset_at(before) == local;
    bool after_shown = after + offset_at(after) == local;
    if (before == after || !after_shown)
        return (double)before;
    if (!before_shown)
        return (double)after;
    if (near == NULL || !near->known)
        return (double)(before < after ? before : after);
    double to_before = near->value - (double)before;
    double to_after = near->value - (double)after;
    bool nearer = (to_after < 0 ? -to_after : to_after) < (to_before < 0 ? -to_before : to_before);
    return (double)(nearer ? after : before);
}

bool bak_format_read(const char *format, const char *name, const struct dr_opt_real *near,
                     struct bak_named *named)
{
    struct bak_scanned scanned;
    if (!bak_format_scan(format, name, &scanned) || scanned.series_size >= sizeof named->series)
        return false;
    *named = (struct bak_named){.moment = bak_scanned_moment(&scanned, near),
                                .zoned = scanned.zoned,
                                .day_only = scanned.day_only};
    if (scanned.series != NULL)
        memcpy(named->series, scanned.series, scanned.series_size);
    return true;
}

/* ---- where a listing begins ---- */

struct writer {
    char *text;
    size_t size;
    size_t used;
};

static bool write_char(struct writer *writer, char c)
{
    if (writer->used + 2 > writer->size)
        return false;
    writer->text[writer->used++] = c;
    writer->text[writer->used] = '\0';
    return true;
}

static bool write_number(struct writer *writer, int value, int width)
{
    int scale = 1;
    for (int i = 1; i < width; i++)
        scale *= 10;
    for (; scale > 0; scale /= 10) {
        if (!write_char(writer, (char)('0' + value / scale % 10)))
            return false;
    }
    return true;
}

/* The next of year, month and day (or year and day of the year), each in its turn: 1; 0: it is
 * something else; -1: no room. `turn` counts. */
static int write_date(struct writer *writer, char directive, const struct tm *local, int *turn)
{
    int value = 0;
    int width = 2;
    if (*turn == 0 && directive == 'Y') {
        value = local->tm_year + 1900;
        width = 4;
    } else if (*turn == 1 && directive == 'm') {
        value = local->tm_mon + 1;
    } else if (*turn == 2 && directive == 'd') {
        value = local->tm_mday;
    } else if (*turn == 1 && directive == 'j') {
        value = local->tm_yday + 1;
        width = 3;
        ++*turn;
    } else {
        return 0;
    }
    ++*turn;
    return write_number(writer, value, width) ? 1 : -1;
}

bool bak_format_after(const char *format, const char *directory, double moment, char *name,
                      size_t size)
{
    struct writer writer = {.text = name, .size = size};
    struct tm local;
    /* A name with a zone of its own can be ahead of ours by a day. */
    time_t time = (time_t)moment - DAY;
    int turn = 0;
    if (size == 0 || strchr(format, '/') != NULL || localtime_r(&time, &local) == NULL)
        return false;
    name[0] = '\0';
    for (; *directory != '\0'; directory++) {
        if (!write_char(&writer, *directory))
            return false;
    }
    for (; *format != '\0' && *format != '*' && strncmp(format, "{}", 2) != 0 && turn < 3;
         format++) {
        bool escaped = format[0] == '%' && format[1] == '%';
        if (*format != '%' || escaped) {
            format += escaped ? 1 : 0;
            if (!write_char(&writer, *format))
                return false;
            continue;
        }
        int wrote = write_date(&writer, *++format, &local, &turn);
        if (wrote < 0)
            return false;
        if (wrote == 0)
            break;
    }
    return turn > 0;
}
