/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/moment.h"

#include <string.h>

/* So many digits, which must stand at *text; -1. */
static int take_digits(const char **text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return -1;
        value = value * 10 + (**text - '0');
    }
    return value;
}

static bool take_char(const char **text, const char *one_of)
{
    if (**text == '\0' || strchr(one_of, **text) == NULL)
        return false;
    (*text)++;
    return true;
}

/* Days since the epoch, by the civil calendar: years are counted from March, so that the day that
 * is there in some years only is the last. */
static int64_t days(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t months = (month + 9) % 12;
    return y * 365 + y / 4 - y / 100 + y / 400 + (months * 306 + 5) / 10 + day - 1 - 719468;
}

static double take_fraction(const char **text)
{
    double value = 0;
    double unit = 0.1;
    if (!take_char(text, ".,"))
        return 0;
    for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
        value += unit * (**text - '0');
    return value;
}

/* Seconds east of UTC. */
static bool take_zone(const char **text, int *seconds)
{
    *seconds = 0;
    if (**text == '\0' || take_char(text, "Zz"))
        return **text == '\0';
    int sign = **text == '-' ? -1 : 1;
    if (!take_char(text, "+-"))
        return false;
    int hours = take_digits(text, 2);
    take_char(text, ":");
    int minutes = **text == '\0' ? 0 : take_digits(text, 2);
    *seconds = sign * (hours * 3600 + minutes * 60);
    return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60 && **text == '\0';
}

struct dr_opt_real dr_moment_read(const char *text)
{
    int zone;
    int year = take_digits(&text, 4);
    bool ok = year >= 0 && take_char(&text, "-");
    int month = ok ? take_digits(&text, 2) : -1;
    ok = ok && month >= 1 && month <= 12 && take_char(&text, "-");
    int day = ok ? take_digits(&text, 2) : -1;
    ok = ok && day >= 1 && day <= 31 && take_char(&text, "T ");
    int hour = ok ? take_digits(&text, 2) : -1;
    ok = ok && hour >= 0 && hour < 24 && take_char(&text, ":");
    int minute = ok ? take_digits(&text, 2) : -1;
    ok = ok && minute >= 0 && minute < 60;
    int second = ok && take_char(&text, ":") ? take_digits(&text, 2) : 0;
    ok = ok && second >= 0 && second <= 60;
    double fraction = ok ? take_fraction(&text) : 0;
    if (!ok || !take_zone(&text, &zone))
        return (struct dr_opt_real){.known = false};
    return dr_real(
        (double)(days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone) +
        fraction);
}
