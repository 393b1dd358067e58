/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Performance data, in the part of the grammar that every core reads: unquoted labels of
 * [A-Za-z0-9_.-], base units (s, B, %, c, none), no exponent, never "U", C locale; warn and crit as
 * plain numbers where the range is one. Source: the Monitoring Plugins Development Guidelines,
 * "Performance data". */
#ifndef DR_PERFDATA_H
#define DR_PERFDATA_H

#include "common/buffer.h"
#include "common/finding.h"

/* Appends label=value[unit];[warn];[crit];[min];[max] without trailing semicolons. */
void dr_perfdata_add(struct dr_buffer *out, const struct dr_figure *figure);

/* "s", "B", "%", "c" or "". */
const char *dr_perfdata_unit(enum dr_unit unit);

/* Enough for every figure of a result. */
#define DR_NUMBER_SIZE 32

/* Writes a number as perfdata and JSON want it: no exponent, at most 6 decimals (fewer where they
 * are zeros), integers without a point, never "-0", in any locale. Returns buffer; "" where the
 * number is not finite or does not fit: never a wrong number. */
const char *dr_number_format(double value, char *buffer, size_t size);

#endif
