/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/cron.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIELDS_MAX 7
#define FIELD_SIZE 128
#define MINUTES_OF_DAY 1440
/* From a Monday on, over two leap years: every day of the calendar meets every constellation that
 * matters but for a 29 February on a given day of the week. */
#define DAYS (8 * 365 + 2)
#define FIRST_YEAR 2024 /* its 1 January is a Monday */

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

/* A field: which values there are. */
struct field {
    unsigned least, most;
    const char *const *names; /* of least and what follows; NULL */
};

struct cron {
    uint64_t minutes, hours, days, months, weekdays;
    bool any_day, any_weekday;
};

/* ---- fields ---- */

static bool read_number(const char **at, const struct field *field, unsigned *value)
{
    for (unsigned i = 0; field->names != NULL && field->names[i] != NULL; i++) {
        if (strncasecmp(*at, field->names[i], 3) == 0) {
            *at += 3;
            *value = field->least + i;
            return true;
        }
    }
    if (**at < '0' || **at > '9')
        return false;
    char *end;
    unsigned long number = strtoul(*at, &end, 10);
    if (end - *at > 4)
        return false;
    *at = end;
    *value = (unsigned)number;
    return true;
}

/* "*", "5", "1-5", each with "/2" behind it. */
static bool read_range(const char **at, const struct field *field, uint64_t *set)
{
    unsigned from = field->least, to = field->most, step = 1;
    bool single = false;
    if (**at == '*' || **at == '?') {
        *at += 1;
    } else {
        if (!read_number(at, field, &from))
            return false;
        to = from;
        single = true;
        if (**at == '-') {
            *at += 1;
            single = false;
            if (!read_number(at, field, &to))
                return false;
        }
    }
    if (**at == '/') {
        const struct field plain = {.least = 1, .most = field->most};
        *at += 1;
        if (!read_number(at, &plain, &step) || step == 0)
            return false;
        to = single ? field->most : to;
    }
    if (from < field->least || to > field->most || from > to)
        return false;
    for (unsigned value = from; value <= to; value += step)
        *set |= (uint64_t)1 << value;
    return true;
}

static bool read_field(const char *text, const struct field *field, uint64_t *set)
{
    *set = 0;
    for (;;) {
        if (!read_range(&text, field, set))
            return false;
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
}

static bool is_any(const char *text)
{
    return text[0] == '*' || text[0] == '?';
}

/* Sunday is 0 and 7; with Sunday as 1, one less. */
static bool read_weekdays(const char *text, bool sunday_is_one, uint64_t *set)
{
    const struct field plain = {.least = 0, .most = 7, .names = day_names};
    const struct field shifted = {.least = 1, .most = 7, .names = day_names};
    if (!read_field(text, sunday_is_one ? &shifted : &plain, set))
        return false;
    if (sunday_is_one)
        *set >>= 1;
    else if ((*set >> 7 & 1) != 0)
        *set |= 1;
    *set &= 0x7f;
    return true;
}

static size_t split(const char *text, char fields[FIELDS_MAX][FIELD_SIZE])
{
    size_t count = 0;
    for (;;) {
        text += strspn(text, " \t");
        size_t length = strcspn(text, " \t");
        if (length == 0)
            return count;
        if (count == FIELDS_MAX || length >= FIELD_SIZE)
            return 0;
        memcpy(fields[count], text, length);
        fields[count++][length] = '\0';
        text += length;
    }
}

static bool read_fields(const char *text, bool seconds, struct cron *cron)
{
    static const struct field second = {.least = 0, .most = 59}, minute = {.least = 0, .most = 59},
                              hour = {.least = 0, .most = 23}, day = {.least = 1, .most = 31},
                              month = {.least = 1, .most = 12, .names = month_names};
    char fields[FIELDS_MAX][FIELD_SIZE];
    size_t count = split(text, fields);
    size_t first = seconds ? 1 : 0;
    uint64_t unused;
    if (seconds ? count < 6 : count != 5)
        return false;
    /* a year that is limited ends the schedule */
    if ((seconds && !read_field(fields[0], &second, &unused)) || (count == 7 && !is_any(fields[6])))
        return false;
    cron->any_day = is_any(fields[first + 2]);
    cron->any_weekday = is_any(fields[first + 4]);
    return read_field(fields[first], &minute, &cron->minutes) &&
           read_field(fields[first + 1], &hour, &cron->hours) &&
           read_field(fields[first + 2], &day, &cron->days) &&
           read_field(fields[first + 3], &month, &cron->months) &&
           read_weekdays(fields[first + 4], seconds, &cron->weekdays);
}

/* ---- runs ---- */

/* Of each day that runs at all. */
struct pattern {
    int first, last; /* minute of the day */
    int gap;         /* the longest between two of them */
};

static struct pattern pattern_of(const struct cron *cron)
{
    struct pattern pattern = {.first = -1};
    for (int minute = 0; minute < MINUTES_OF_DAY; minute++) {
        if ((cron->minutes >> (minute % 60) & 1) == 0 || (cron->hours >> (minute / 60) & 1) == 0)
            continue;
        if (pattern.first < 0)
            pattern.first = minute;
        else if (minute - pattern.last > pattern.gap)
            pattern.gap = minute - pattern.last;
        pattern.last = minute;
    }
    return pattern;
}

static bool runs_on(const struct cron *cron, unsigned month, unsigned day, unsigned weekday)
{
    bool by_day = (cron->days >> day & 1) != 0;
    bool by_weekday = (cron->weekdays >> weekday & 1) != 0;
    if ((cron->months >> month & 1) == 0)
        return false;
    return cron->any_day || cron->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

static unsigned days_of(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && year % 4 == 0 ? 1u : 0u);
}

/* Minutes; 0 where it does not run twice. */
static int longest_gap(const struct cron *cron)
{
    struct pattern pattern = pattern_of(cron);
    int before = -1, longest = 0;
    unsigned year = FIRST_YEAR, month = 1, day = 1;
    for (int n = 0; n < DAYS; n++) {
        if (runs_on(cron, month, day, (unsigned)(n + 1) % 7)) {
            int gap =
                before >= 0 ? (n - before) * MINUTES_OF_DAY + pattern.first - pattern.last : 0;
            longest = gap > longest ? gap : longest;
            before = n;
        }
        if (++day > days_of(year, month)) {
            day = 1;
            year += month == 12 ? 1 : 0;
            month = month == 12 ? 1 : month + 1;
        }
    }
    return longest > 0 && pattern.gap > longest ? pattern.gap : longest;
}

/* ---- words ---- */

/* A duration of Go, "1h30m", in whole units. */
static struct dr_opt_real read_every(const char *text)
{
    double total = 0;
    while (*text >= '0' && *text <= '9') {
        char *end;
        double number = strtod(text, &end);
        double unit = *end == 'h' ? 3600 : *end == 'm' ? 60 : *end == 's' ? 1 : 0;
        if (unit == 0 || end - text > 9)
            return (struct dr_opt_real){.known = false};
        total += number * unit;
        text = end + 1;
    }
    return *text == '\0' && total > 0 ? dr_real(total) : (struct dr_opt_real){.known = false};
}

struct dr_opt_real bak_cron_period(const char *text, bool seconds)
{
    static const struct {
        const char *word;
        const char *fields;
    } words[] = {{"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
                 {"@weekly", "0 0 * * 0"},  {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
                 {"@annually", "0 0 1 1 *"}};
    struct cron cron = {.minutes = 0};
    text += strspn(text, " \t");
    if (strncmp(text, "CRON_TZ=", 8) == 0 || strncmp(text, "TZ=", 3) == 0) {
        text += strcspn(text, " \t");
        text += strspn(text, " \t");
    }
    if (strncmp(text, "@every ", 7) == 0)
        return read_every(text + 7);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i].word) == 0) {
            text = words[i].fields;
            seconds = false;
            break;
        }
    }
    int gap = read_fields(text, seconds, &cron) ? longest_gap(&cron) : 0;
    return gap > 0 ? dr_real(gap * 60.0) : (struct dr_opt_real){.known = false};
}
