/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/number.h"

#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dr_cursor dr_cursor_start(const char *what, const char *text)
{
    return (struct dr_cursor){.what = what, .text = text, .end = strlen(text)};
}

bool dr_cursor_error(const struct dr_cursor *cursor, struct dr_error *error, const char *format,
                     ...)
{
    char reason[300];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return dr_error_set(error, DR_ERR_USAGE, "bad %s \"%.80s%s\", position %zu: %s", cursor->what,
                        cursor->text, strlen(cursor->text) > 80 ? "..." : "", cursor->at + 1,
                        reason);
}

static bool is_digit(const struct dr_cursor *cursor, size_t at)
{
    return at < cursor->end && cursor->text[at] >= '0' && cursor->text[at] <= '9';
}

/* strtod reads the decimal point of the process's locale. The "C" locale object of the C libraries
 * is static: nothing is allocated, and the call fails only where newlocale does not exist at all.
 */
static bool to_double(const char *text, double *value)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0)
        return false;
    *value = strtod_l(text, NULL, c);
    freelocale(c);
    return true;
}

static bool refuse(const struct dr_cursor *cursor, struct dr_error *error)
{
    unsigned char c = cursor->at < cursor->end ? (unsigned char)cursor->text[cursor->at] : '\0';
    if (c == '\0')
        return dr_cursor_error(cursor, error, "a number is missing");
    if (c == '+')
        return dr_cursor_error(cursor, error, "numbers have no \"+\"");
    if (c == ' ' || c == '\t')
        return dr_cursor_error(cursor, error, "no blanks are allowed");
    if (c > ' ' && c < 0x7f)
        return dr_cursor_error(cursor, error, "a number must stand here, not \"%c\"", c);
    return dr_cursor_error(cursor, error, "a number must stand here, not the byte 0x%02x", c);
}

bool dr_number_read(struct dr_cursor *cursor, double *value, bool *fraction, struct dr_error *error)
{
    size_t from = cursor->at, at = from;
    if (!is_digit(cursor, at))
        return refuse(cursor, error);
    while (is_digit(cursor, at))
        at++;
    if (fraction != NULL) {
        *fraction = at < cursor->end && cursor->text[at] == '.';
        if (*fraction) {
            at++;
            if (!is_digit(cursor, at)) {
                cursor->at = at;
                return dr_cursor_error(cursor, error, "digits are missing after the \".\"");
            }
            while (is_digit(cursor, at))
                at++;
        }
    }
    char digits[DR_NUMBER_DIGITS + 1];
    if (at - from > DR_NUMBER_DIGITS)
        return dr_cursor_error(cursor, error, "a number of more than %d characters",
                               DR_NUMBER_DIGITS);
    memcpy(digits, cursor->text + from, at - from);
    digits[at - from] = '\0';
    if (!to_double(digits, value))
        return dr_error_set(error, DR_ERR_INTERNAL, "the C locale cannot be had");
    cursor->at = at;
    return true;
}

/* The decimal point of a locale can be any character, and longer than a byte. */
static size_t put_point(char *text)
{
    size_t out = 0;
    for (size_t in = 0; text[in] != '\0'; in++) {
        bool plain = (text[in] >= '0' && text[in] <= '9') || text[in] == '-';
        if (plain)
            text[out++] = text[in];
        else if (out > 0 && text[out - 1] != '.')
            text[out++] = '.';
    }
    text[out] = '\0';
    return out;
}

bool dr_number_whole(double value, char *buffer, size_t size)
{
    char digits[20];
    size_t count = 0;
    if (!(value > -1e15 && value < 1e15))
        return false;
    int64_t whole = (int64_t)value;
    if ((double)whole < value || (double)whole > value)
        return false;
    for (int64_t rest = whole < 0 ? -whole : whole; rest > 0 || count == 0; rest /= 10)
        digits[count++] = (char)('0' + rest % 10);
    if (whole < 0)
        digits[count++] = '-';
    if (count >= size)
        return false;
    for (size_t i = 0; i < count; i++)
        buffer[i] = digits[count - 1 - i];
    buffer[count] = '\0';
    return true;
}

const char *dr_number_round(double value, int decimals, char *buffer, size_t size)
{
    if (size == 0 || dr_number_whole(value, buffer, size))
        return buffer;
    int need = isfinite(value) ? snprintf(buffer, size, "%.*f", decimals, value) : -1;
    if (need < 0 || (size_t)need >= size) {
        buffer[0] = '\0';
        return buffer;
    }
    size_t length = put_point(buffer);
    if (strchr(buffer, '.') != NULL) {
        while (buffer[length - 1] == '0')
            length--;
        if (buffer[length - 1] == '.')
            length--;
        buffer[length] = '\0';
    }
    if (strcmp(buffer, "-0") == 0)
        memmove(buffer, "0", sizeof "0");
    return buffer;
}

const char *dr_number_exact(double value, char *buffer, size_t size)
{
    double back = 0;
    for (int decimals = 0; decimals <= DR_NUMBER_DIGITS; decimals++) {
        dr_number_round(value, decimals, buffer, size);
        if (size == 0 || buffer[0] == '\0' || !to_double(buffer, &back) ||
            !(back < value || back > value))
            break;
    }
    return buffer;
}

double dr_floor(double value)
{
    if (!(value > -9e15 && value < 9e15))
        return value;
    double whole = (double)(int64_t)value;
    return whole > value ? whole - 1 : whole;
}

double dr_round(double value)
{
    return value < 0 ? -dr_floor(0.5 - value) : dr_floor(value + 0.5);
}
