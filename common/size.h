/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sizes: bytes, written `1024`, `16kB`, `5MB`, `2GB` (powers of 1000) or `16KiB`, `5MiB`, `2GiB`
 * (powers of 1024). */
#ifndef DR_SIZE_H
#define DR_SIZE_H

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

/* Reads a whole text as a size: a decimal number (a fraction only with a unit) and an optional unit
 * B, kB (or KB), MB, GB, TB, PB, KiB, MiB, GiB, TiB, PiB. Not negative, fits int64_t. False with
 * position and reason in error otherwise. */
bool dr_size_parse(const char *text, int64_t *bytes, struct dr_error *error);

/* Writes three significant figures for people, powers of 1000: "0 B", "999 B", "22.8 MB", "4.21
 * GB". Returns buffer. */
const char *dr_size_format(int64_t bytes, char *buffer, size_t size);

#endif
