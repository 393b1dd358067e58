/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values that can be missing. A figure that was not seen is unknown: not zero, and not fine.
 *
 * There is deliberately no "value or default" accessor: whoever uses a figure says on the spot what
 * unknown means. */
#ifndef DR_OPTIONAL_H
#define DR_OPTIONAL_H

#include <stdbool.h>
#include <stdint.h>

struct dr_opt_int {
    bool known;
    int64_t value;
};

struct dr_opt_real {
    bool known;
    double value;
};

struct dr_opt_bool {
    bool known;
    bool value;
};

static inline struct dr_opt_int dr_int(int64_t value)
{
    return (struct dr_opt_int){.known = true, .value = value};
}

static inline struct dr_opt_real dr_real(double value)
{
    return (struct dr_opt_real){.known = true, .value = value};
}

static inline struct dr_opt_bool dr_bool(bool value)
{
    return (struct dr_opt_bool){.known = true, .value = value};
}

#endif
