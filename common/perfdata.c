/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/perfdata.h"

#include "common/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DECIMALS 6

const char *dr_number_format(double value, char *buffer, size_t size)
{
    if (dr_number_whole(value, buffer, size))
        return buffer;
    buffer[0] = '\0';
    if (!isfinite(value))
        return buffer;
    char whole[512]; /* DBL_MAX has 309 digits */
    int length = snprintf(whole, sizeof whole, "%.*f", DECIMALS, value);
    if (length < 0 || (size_t)length >= sizeof whole)
        return buffer;
    const char *integer = whole;
    int digits = (int)strspn(integer, "-0123456789");
    /* What stands between is the locale's point, of one byte or more. */
    const char *fraction = whole + length - DECIMALS;
    int decimals = DECIMALS;
    while (decimals > 0 && fraction[decimals - 1] == '0')
        decimals--;
    if (decimals == 0 && strncmp(integer, "-0", (size_t)digits) == 0) {
        integer++;
        digits--;
    }
    length = snprintf(buffer, size, "%.*s%s%.*s", digits, integer, decimals > 0 ? "." : "",
                      decimals, fraction);
    if (length < 0 || (size_t)length >= size)
        buffer[0] = '\0';
    return buffer;
}

const char *dr_perfdata_unit(enum dr_unit unit)
{
    switch (unit) {
    case DR_UNIT_SECONDS:
        return "s";
    case DR_UNIT_BYTES:
        return "B";
    case DR_UNIT_PERCENT:
        return "%";
    case DR_UNIT_COUNTER:
        return "c";
    case DR_UNIT_NONE:
        break;
    }
    return "";
}

void dr_perfdata_add(struct dr_buffer *out, const struct dr_figure *figure)
{
    char number[DR_NUMBER_SIZE];
    char fields[4][96];
    const struct dr_threshold *limits = &figure->threshold;
    for (size_t i = 0; i < 4; i++)
        fields[i][0] = '\0';
    if (limits->warning.given)
        dr_range_perfdata(&limits->warning.range, fields[0], sizeof fields[0]);
    if (limits->critical.given)
        dr_range_perfdata(&limits->critical.range, fields[1], sizeof fields[1]);
    if (figure->minimum.known)
        dr_number_format(figure->minimum.value, fields[2], sizeof fields[2]);
    if (figure->maximum.known)
        dr_number_format(figure->maximum.value, fields[3], sizeof fields[3]);
    dr_buffer_add(out, figure->label);
    dr_buffer_add_char(out, '=');
    dr_buffer_add(out, dr_number_format(figure->value, number, sizeof number));
    dr_buffer_add(out, dr_perfdata_unit(figure->unit));
    size_t used = 4;
    while (used > 0 && fields[used - 1][0] == '\0')
        used--;
    for (size_t i = 0; i < used; i++) {
        dr_buffer_add_char(out, ';');
        dr_buffer_add(out, fields[i]);
    }
}
