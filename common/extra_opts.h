/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --extra-opts[=[section][@file]]: options from the INI files of the monitoring plugins.
 *
 * Same search path and grammar as theirs (repeated keys and sections add up, "#" and ";" comment
 * lines, values run to the end of the line, blanks around key and value dropped), without their
 * bugs: a key without "=" is a flag, an empty section is no error, blanks before "=" do not become
 * part of the name, one-letter keys work, and --extra-opts is not looked for behind "--" or where
 * another option's argument stands. Options of the file are put before those of the command line,
 * so that the command line wins. A file with a "password" key that others may read is an error. */
#ifndef DR_EXTRA_OPTS_H
#define DR_EXTRA_OPTS_H

#include "common/options.h"

struct dr_arguments {
    int argc;
    char **argv;  /* NULL-terminated; argv[0] is the caller's */
    char **owned; /* the strings and array made here, to be freed */
    size_t owned_count;
};

/* Replaces every --extra-opts in argv by the options of its section (default: the executable's
 * name, the basename of argv[0] or `section` when given). Without --extra-opts the result is argv
 * itself. The search path when no file is named: $MP_CONFIG_FILE, $NAGIOS_CONFIG_PATH (colon list),
 * then the fixed list of monitoring-plugins. False with the reason (file not found: where it was
 * looked for; section not in it; line number of a bad line). */
bool dr_extra_opts_expand(const struct dr_option_table *table, const char *section, int argc,
                          char **argv, struct dr_arguments *out, struct dr_error *error);

void dr_arguments_free(struct dr_arguments *arguments);

#endif
