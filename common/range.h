/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The threshold range grammar of the monitoring plugins, strict.
 *
 *     range = ["@"] ( end | start ":" [end] | ":" end )     start = number | "~"     end = number
 *
 * `10` is 0:10, `10:` is 10..infinity, `~:10` is -infinity..10; both ends are inclusive; an alert
 * is raised when the value is OUTSIDE, with `@` when it is INSIDE. Source: the Monitoring Plugins
 * Development Guidelines, "Threshold and Ranges". What the grammar does not allow is an error with
 * its position: the parsers of the known plugin sets read `abc` as 0..0 and `5%` as 5.
 *
 * Not allowed: no number at all (empty, ":", "@"), "~" other than as the start, a start above the
 * end ("-5" is 0:-5).
 *
 * A number is an optional "-", digits, an optional "." and digits, and a unit that fits the metric:
 * a duration for DR_UNIT_SECONDS (`5m`), a size for DR_UNIT_BYTES (`16MiB`), "%" for
 * DR_UNIT_PERCENT. No exponent, no hexadecimal, no blank, no "+", no "inf". Leading zeros are
 * decimal. */
#ifndef DR_RANGE_H
#define DR_RANGE_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

enum dr_unit { DR_UNIT_NONE = 0, DR_UNIT_SECONDS, DR_UNIT_BYTES, DR_UNIT_PERCENT, DR_UNIT_COUNTER };

struct dr_range {
    double start; /* -INFINITY for "~" */
    double end;   /* INFINITY when left out */
    bool inside;  /* "@": alert inside */
};

/* Reads a whole text. False with position (from 1) and reason otherwise; *range is untouched then.
 * With DR_UNIT_SECONDS and DR_UNIT_BYTES a number obeys the limits of its module (100 years, 2^63-1
 * bytes), else it may be up to 10^21. */
bool dr_range_parse(const char *text, enum dr_unit unit, struct dr_range *range,
                    struct dr_error *error);

/* True when value raises an alert. A NaN raises one always: it is no evidence of anything. */
bool dr_range_alerts(const struct dr_range *range, double value);

/* The range as perfdata wants it, base units, no exponent, C locale, and exactly the range that was
 * parsed: "300", "10:", "~:10", "@1:5". Returns buffer; DR_RANGE_TEXT bytes are always enough, and
 * what does not fit is left empty: a cut number would be another limit. */
const char *dr_range_perfdata(const struct dr_range *range, char *buffer, size_t size);

/* The rule that `value` broke, for people, in the metric's unit, with the limit unrounded: "above
 * 5m", "below 2", "outside 1..5", "inside 3..4", "at or below 3" (`@~:3`), "at or above 3" (`@3:`),
 * "never" (`~:`), "always" (`@~:`). Where the value keeps the rule the text says the same of the
 * range. Returns buffer; DR_RANGE_TEXT bytes are always enough. */
const char *dr_range_rule(const struct dr_range *range, enum dr_unit unit, double value,
                          char *buffer, size_t size);

#define DR_RANGE_TEXT 320

/* A value for people in the unit, rounded: "4m12s", "22.8 MB", "81 %", "3"; "unknown" for what is
 * not finite. Returns buffer; DR_UNIT_TEXT bytes are always enough for values up to 10^21. */
const char *dr_unit_format(enum dr_unit unit, double value, char *buffer, size_t size);

#define DR_UNIT_TEXT 64

#endif
