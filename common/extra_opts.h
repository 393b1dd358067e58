/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --extra-opts[=[section][@file]]: options from the INI files of the monitoring plugins.
 *
 * Same search path and grammar as theirs (repeated keys and sections add up, "#" and ";" comment
 * lines, values run to the end of the line, blanks around key and value dropped), without their
 * bugs: a key without "=" is a flag, an empty section is no error, text before the first section is
 * skipped, blanks before "=" do not become part of the name, one-letter keys work, and --extra-opts
 * is not looked for behind "--" or where another option's argument stands. Options of the file are
 * put before those of the command line, so that the command line wins; a key that is no option of
 * the executable, and an argument that is missing or too much, are errors with file and line.
 *
 * A file whose section holds a secret (a key "password", a URI with a password in it) must not be
 * readable by others: mode 0600, or 0640 when it belongs to root (the rule of libpq). This is not
 * asked of standard input and pipes.
 *
 * The file is read here and not by an INI library: inih, the one that is packaged everywhere,
 * differs in each build (inline comments, continuation lines, ":" for "=", lines of 200 bytes, keys
 * without
 * "=") and cuts names at 49 bytes silently. Lines of more than 8 KiB, NUL bytes, more than 100,000
 * lines and more than 1,000 options are errors; so is, in the section asked for, a line that is no
 * "key = value". What other sections hold does not matter. */
#ifndef DR_EXTRA_OPTS_H
#define DR_EXTRA_OPTS_H

#include "common/options.h"

struct dr_arguments {
    int argc;
    char **argv;   /* NULL-terminated; argv[0] is the caller's */
    char **joined; /* argv where it was made here; NULL where it is the caller's */
    char **owned;  /* the strings made here */
    size_t owned_count;
};

/* Replaces every --extra-opts in argv by the options of its section (default: `section` when given,
 * else the basename of argv[0]); the file "-" is standard input. Without --extra-opts the result is
 * argv itself. The search path when no file is named: $MP_CONFIG_FILE, $NAGIOS_CONFIG_PATH (colon
 * list), then the fixed list of monitoring-plugins. False with the reason (file not found: where it
 * was looked for; section not in it; line number of a bad line). Where --help or
 * --version stands on the command line no file is read and the result is argv itself. The strings
 * are writable, so that secrets in them can be wiped. End with dr_arguments_free in either case. */
bool dr_extra_opts_expand(const struct dr_option_table *table, const char *section, int argc,
                          char **argv, struct dr_arguments *out, struct dr_error *error);

/* Wipes and frees what is owned. */
void dr_arguments_free(struct dr_arguments *arguments);

#endif
