/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The functions of monitoring-plugins that are compared with ours, behind plain types.
 *
 * Their headers need their own config.h and define names such as OK, range and max, so they are
 * seen by monitoring_plugins_side.c alone, which in turn sees nothing of ours but this. */
#ifndef TESTS_VECTORS_MONITORING_PLUGINS_SIDE_H
#define TESTS_VECTORS_MONITORING_PLUGINS_SIDE_H

/* A range; an infinite end is INFINITY or -INFINITY. Returns 0 when the text is refused. */
int mp_side_range(const char *text, double *start, double *end, int *inside);

/* 1 when the value raises an alert; the text must be one that mp_side_range takes. */
int mp_side_alerts(const char *text, double value);

/* The state of a value, or -1 when a limit is refused; a limit may be NULL. */
int mp_side_threshold(const char *warning, const char *critical, double value);

int mp_side_max_state(int a, int b);
int mp_side_max_state_alt(int a, int b);

/* One datum; limits may be NULL, minimum and maximum too. The caller frees it. */
char *mp_side_perfdata(const char *label, double value, const char *unit, const char *warning,
                       const char *critical, const double *minimum, const double *maximum);

/* Prints the arguments behind argv[0] that np_extra_opts makes of these, each ended by "|". Prints
 * a message and ends the process where it finds an error. */
void mp_side_extra_opts(int argc, char **argv, const char *name);

#endif
