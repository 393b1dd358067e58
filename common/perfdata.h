/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Performance data, in the part of the grammar that every core reads: unquoted labels of
 * [A-Za-z0-9_.-], base units (s, B, %, c, none), no exponent, never "U", C locale; warn and crit as
 * plain numbers where the range is one. */
#ifndef DR_PERFDATA_H
#define DR_PERFDATA_H

#include "common/buffer.h"
#include "common/finding.h"

/* Appends label=value[unit];[warn];[crit];[min];[max] without trailing semicolons. */
void dr_perfdata_add(struct dr_buffer *out, const struct dr_figure *figure);

/* Writes a number as perfdata and JSON want it: no exponent, at most 6 decimals (fewer where they
 * are zeros), integers without a point. Returns buffer. */
const char *dr_number_format(double value, char *buffer, size_t size);

#endif
