/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Durations: seconds as a double, written `90`, `90s`, `5m`, `1h30m`, `7d`. */
#ifndef DR_DURATION_H
#define DR_DURATION_H

#include "common/error.h"
#include "common/number.h"

#include <stddef.h>

/* Reads a whole text as a duration: a decimal number of seconds (`90`, `0.5`), or one or more
 * `number unit` pairs with units ms, s, m, h, d, w in falling order (`1h30m`, `7d`, `250ms`; a
 * fraction only on a single pair: `1.5h`). Not negative, at most 100 years (of 365.25 days);
 * rounded to whole microseconds. False with the position (from 1) and the reason in error
 * otherwise. */
bool dr_duration_parse(const char *text, double *seconds, struct dr_error *error);

/* The same for the part of a text from the cursor to its end. */
bool dr_duration_read(struct dr_cursor *cursor, double *seconds, struct dr_error *error);

/* Writes at most two units for people: "0 s", "0.4 s", "12 s", "4m12s", "1h30m", "7d2h"; a second
 * unit of zero is left out ("5m"). Negative values keep their sign. "unknown" for what is not
 * finite. Returns buffer; DR_DURATION_TEXT bytes are always enough. */
const char *dr_duration_format(double seconds, char *buffer, size_t size);

/* The same without rounding, for limits: "1d1h1m1s", "12.25 s", "249.6 s". Without its blank and
 * sign it reads back as the same duration. */
const char *dr_duration_format_exact(double seconds, char *buffer, size_t size);

#define DR_DURATION_TEXT 48

#endif
