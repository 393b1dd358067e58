/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Built against the tree of --with-monitoring-plugins by a rule of its own: our config.h must not
 * be found here. Their headers are not written for our warnings. */
#include "common.h"

#include "utils.h"

#include "extra_opts.h"
#include "utils_base.h"

#include "monitoring_plugins_side.h"

const char *progname = "compare_monitoring_plugins";
void print_usage(void);

/* their library calls it */
void print_usage(void)
{
}

int mp_side_range(const char *text, double *start, double *end, int *inside)
{
    char *copy = strdup(text);
    range *parsed = parse_range_string(copy);
    free(copy);
    if (parsed == NULL)
        return 0;
    *start = parsed->start_infinity ? -INFINITY : parsed->start;
    *end = parsed->end_infinity ? INFINITY : parsed->end;
    *inside = parsed->alert_on == INSIDE;
    free(parsed->text);
    free(parsed);
    return 1;
}

int mp_side_alerts(const char *text, double value)
{
    char *copy = strdup(text);
    range *parsed = parse_range_string(copy);
    int alerts = check_range(value, parsed);
    free(parsed->text);
    free(parsed);
    free(copy);
    return alerts;
}

static void free_range(range *parsed)
{
    if (parsed != NULL)
        free(parsed->text);
    free(parsed);
}

int mp_side_threshold(const char *warning, const char *critical, double value)
{
    thresholds *limits = NULL;
    if (_set_thresholds(&limits, (char *)warning, (char *)critical) != 0)
        return -1;
    int state = get_status(value, limits);
    free_range(limits->warning);
    free_range(limits->critical);
    free(limits);
    return state;
}

int mp_side_max_state(int a, int b)
{
    return max_state(a, b);
}

int mp_side_max_state_alt(int a, int b)
{
    return max_state_alt(a, b);
}

char *mp_side_perfdata(const char *label, double value, const char *unit, const char *warning,
                       const char *critical, const double *minimum, const double *maximum)
{
    return sperfdata(label, value, unit, (char *)warning, (char *)critical, minimum != NULL,
                     minimum != NULL ? *minimum : 0, maximum != NULL,
                     maximum != NULL ? *maximum : 0);
}

void mp_side_extra_opts(int argc, char **argv, const char *name)
{
    char **result = np_extra_opts(&argc, argv, name);
    for (int i = 1; i < argc; i++)
        printf("%s|", result[i]);
}
