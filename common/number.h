/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decimal numbers, read and written with a point whatever the locale of the process is, and the
 * cursor over an argument that the parsers of ranges, durations and sizes share. */
#ifndef DR_NUMBER_H
#define DR_NUMBER_H

#include "common/error.h"

#include <stddef.h>

/* A part of a text that is being read. Errors show the whole text and count positions from its
 * beginning. */
struct dr_cursor {
    const char *what; /* for errors: "range" */
    const char *text; /* the whole text */
    size_t at;        /* the next byte to read */
    size_t end;       /* behind the last byte to read */
};

/* A cursor over the whole text. */
struct dr_cursor dr_cursor_start(const char *what, const char *text);

/* Sets DR_ERR_USAGE, `bad range "5x", position 2: ` and the reason (printf style); returns false.
 */
__attribute__((format(printf, 3, 4))) bool
dr_cursor_error(const struct dr_cursor *cursor, struct dr_error *error, const char *format, ...);

/* Reads digits, and where `fraction` is not NULL an optional "." and digits; *fraction then says
 * whether they were there. No sign, no exponent, no blank; at most DR_NUMBER_DIGITS bytes. The
 * cursor moves behind the number. False, with the cursor at the offending byte, otherwise. */
bool dr_number_read(struct dr_cursor *cursor, double *value, bool *fraction,
                    struct dr_error *error);

#define DR_NUMBER_DIGITS 64

/* Writes a whole number between -10^15 and 10^15, most of what a report shows, without the cost of
 * a format: true, and the text in buffer. False for another value, or where it does not fit: buffer
 * is as it was. */
bool dr_number_whole(double value, char *buffer, size_t size);

/* Writes at most `decimals` decimals, without trailing zeros, exponent or "-0": "12.5". Returns
 * buffer; "" where it does not fit, because a cut number would be another number, and for what is
 * not finite. */
const char *dr_number_round(double value, int decimals, char *buffer, size_t size);

/* The same with as few decimals as read back to exactly this value. */
const char *dr_number_exact(double value, char *buffer, size_t size);

/* floor and round (halves away from zero) of the C library, for values within +-9e15, others
 * unchanged: one library less to load at each start. */
double dr_floor(double value);
double dr_round(double value);

#endif
