/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How often a schedule runs. */
#ifndef BACKUPS_CRON_H
#define BACKUPS_CRON_H

#include "common/optional.h"

#include <stdbool.h>

/* The longest time between two runs of a schedule, seconds: what an RPO has to live with. Of
 * "0 2 * * 1-5" that is three days. Read are five fields as crontab(5) has them (numbers, lists,
 * ranges, steps, names of months and days; day of month and day of week are alternatives where both
 * are limited), "@daily" and its like, "@every 1h30m", each behind a "CRON_TZ=..." as well. With
 * `seconds` there are six or seven: in front of them the seconds, behind them the year, and the
 * days of the week begin with Sunday as 1 (Elasticsearch). Unknown for anything else, and for what
 * never runs twice in eight years. Daylight saving is left out. */
struct dr_opt_real bak_cron_period(const char *text, bool seconds);

#endif
