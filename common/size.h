/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sizes: bytes, written `1024`, `16kB`, `5MB`, `2GB` (powers of 1000) or `16KiB`, `5MiB`, `2GiB`
 * (powers of 1024). */
#ifndef DR_SIZE_H
#define DR_SIZE_H

#include "common/error.h"
#include "common/number.h"

#include <stddef.h>
#include <stdint.h>

/* Reads a whole text as a size: a decimal number (a fraction only with a unit) and an optional unit
 * B, kB (or KB), MB, GB, TB, PB, KiB, MiB, GiB, TiB, PiB. Not negative, fits int64_t; a fraction of
 * a byte is rounded. False with position and reason in error otherwise. */
bool dr_size_parse(const char *text, int64_t *bytes, struct dr_error *error);

/* The same for the part of a text from the cursor to its end. */
bool dr_size_read(struct dr_cursor *cursor, int64_t *bytes, struct dr_error *error);

/* Writes three significant figures for people, powers of 1000, trailing zeros left out: "0 B", "999
 * B", "38 MB", "22.8 MB", "4.21 GB". Returns buffer; DR_SIZE_TEXT bytes are always enough. */
const char *dr_size_format(int64_t bytes, char *buffer, size_t size);

/* Without rounding, for limits, in the largest unit that divides it: "16 MiB", "5 MB", "22794960
 * B". Without its blank and sign it reads back as the same size. */
const char *dr_size_format_exact(int64_t bytes, char *buffer, size_t size);

#define DR_SIZE_TEXT 32

#endif
