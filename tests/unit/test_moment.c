/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void test_moment(void **state)
{
    static const struct {
        const char *text;
        double value; /* negative: none */
    } rows[] = {
        {"1970-01-01T00:00:00", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-21T10:20:30.257454+00:00", 1795256430.257454},
        {"2026-11-21T10:20:30", 1795256430},
        {"2026-11-21 10:20:30+01:00", 1795252830},
        {"2026-11-21T10:20:30-0830", 1795287030},
        {"2026-11-21T10:20:30+05", 1795238430},
        {"2026-11-21T10:20Z", 1795256400},
        {"2000-02-29T00:00:00Z", 951782400},
        {"2024-03-01T00:00:00Z", 1709251200},
        {"", -1},
        {"2026", -1},
        {"2026-11-21", -1},
        {"2026-13-21T10:20:30", -1},
        {"2026-11-32T10:20:30", -1},
        {"2026-11-21T24:20:30", -1},
        {"2026-11-21T10:60:30", -1},
        {"2026-11-21T10:20:61", -1},
        {"2026-11-21T10:20:3", -1},
        {"2026-11-21T10:20:", -1},
        {"2026-11-21T10:20:30+", -1},
        {"2026-11-21T10:20:30+25:00", -1},
        {"2026-11-21T10:20:30+01:00x", -1},
        {"2026-11-21T10:20:30 UTC", -1},
        {"1795256430", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_opt_real moment = dr_moment_read(rows[i].text);
        double off = moment.value - rows[i].value;
        if (moment.known != (rows[i].value >= 0) || (moment.known && (off > 1e-5 || off < -1e-5)))
            fail_msg("\"%s\": %d, %f", rows[i].text, moment.known, moment.value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
