/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Schedules: the longest time between two runs. */
#include "plugins/backups/cron.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HOUR 3600.0
#define DAY 86400.0

static void test_periods(void **state)
{
    static const struct {
        const char *text;
        double period; /* 0: unknown */
        bool seconds;
    } rows[] = {
        {"0 2 * * *", DAY, false},
        {"*/5 * * * *", 300, false},
        {"0 */6 * * *", 6 * HOUR, false},
        {"0 1,13 * * *", 12 * HOUR, false},
        {"30 1,5 * * *", 20 * HOUR, false},
        {"0 2 * * 1-5", 3 * DAY, false},
        {"0 2 * * mon-fri", 3 * DAY, false},
        {"0 2 * * 0", 7 * DAY, false},
        {"0 2 * * 7", 7 * DAY, false},
        {"0 2 * * Sun,Wed", 4 * DAY, false},
        {"0 2 1 * *", 31 * DAY, false},
        {"0 2 31 * *", 61 * DAY, false},
        {"0 2 1,15 * *", 17 * DAY, false},
        /* either of them: Mondays, and the 1st */
        {"0 2 1 * 1", 7 * DAY, false},
        {"0 0 29 2 *", 1461 * DAY, false},
        {"0 8-18/2 * * *", 14 * HOUR, false},
        {"5/20 * * * *", 20 * 60, false},
        {"CRON_TZ=Europe/Berlin 0 2 * * *", DAY, false},
        {"  0  2\t*  * * ", DAY, false},
        {"@daily", DAY, false},
        {"@weekly", 7 * DAY, false},
        {"@monthly", 31 * DAY, false},
        {"@hourly", HOUR, false},
        {"@every 1h30m", 5400, false},
        {"@every 90s", 90, false},
        {"0 30 1 * * ?", DAY, true},
        {"0 0 2 ? * 2-6", 3 * DAY, true},
        {"0 0 2 ? * MON-FRI", 3 * DAY, true},
        {"0 0 2 ? * 1 *", 7 * DAY, true},
        {"0 0 2 ? * 1 2027", 0, true},
        {"0 0 31 2 *", 0, false},
        {"60 2 * * *", 0, false},
        {"0 24 * * *", 0, false},
        {"0 2 * * 8", 0, false},
        {"0 2 0 * *", 0, false},
        {"5-2 * * * *", 0, false},
        {"*/0 * * * *", 0, false},
        {"0 2 * *", 0, false},
        {"0 2 * * * *", 0, false},
        {"0 2 * * x", 0, false},
        {"0 2, * * *", 0, false},
        {"@reboot", 0, false},
        {"@every", 0, false},
        {"@every 5", 0, false},
        {"@every 0s", 0, false},
        {"", 0, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_opt_real period = bak_cron_period(rows[i].text, rows[i].seconds);
        if (period.known != (rows[i].period > 0) ||
            (period.known && period.value != rows[i].period))
            fail_msg("\"%s\": %f", rows[i].text, period.known ? period.value : -1.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_periods)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
