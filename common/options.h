/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The option table: the one place that says what an executable accepts.
 *
 * getopt_long, --help, the manual page, the bash completion, the Icinga CheckCommand and the Nagios
 * command definition are all made from it, so they cannot drift apart. A row says where its value
 * goes (`into`); reading the command line is then one call, and there is no switch to keep in step.
 */
#ifndef DR_OPTIONS_H
#define DR_OPTIONS_H

#include "common/error.h"
#include "common/optional.h"
#include "common/state.h"

#include <stddef.h>

/* A list of texts that point into argv or into the extra-opts; not owned. */
struct dr_text_list {
    char **items;
    size_t count;
};

/* A deadline and the state when it passes: "10s", "10s:critical". */
struct dr_timeout {
    double seconds;
    enum dr_state state;
};

enum dr_option_kind {
    DR_OPTION_FLAG,     /* into bool: true when given */
    DR_OPTION_COUNT,    /* into int: how often it was given (-vvv) */
    DR_OPTION_TEXT,     /* into char *: the last one given */
    DR_OPTION_TEXTS,    /* into struct dr_text_list: all, in order */
    DR_OPTION_INTEGER,  /* into struct dr_opt_int: decimal, not negative */
    DR_OPTION_DURATION, /* into struct dr_opt_real: seconds */
    DR_OPTION_SIZE,     /* into struct dr_opt_int: bytes */
    DR_OPTION_CHOICE,   /* into int: the index into choices */
    DR_OPTION_TIMEOUT   /* into struct dr_timeout */
};

struct dr_option {
    char letter;      /* 0: no short form */
    const char *name; /* long name */
    enum dr_option_kind kind;
    const char *
        argument; /* what the argument is called in the help: "DURATION"; NULL for FLAG and COUNT */
    const char *fallback; /* the default in words for the help, as it would be typed; NULL: none */
    const char *help;     /* one or more sentences; no line breaks */
    const char
        *example; /* an argument that is valid: "1m"; used in manual page, completion and tests */
    const char *const *choices; /* CHOICE: NULL-terminated */
    bool optional_argument; /* the argument may be left out; then it is joined by "=" where given */
    const char *group;      /* heading in help and manual page; rows of one group stand together */
    void *into;
};

struct dr_option_table {
    const struct dr_option *rows;
    size_t count;
};

/* Reads argv (argv[0] is skipped). Long names may be cut where unambiguous, "--name=value", "--name
 * value", "-n value",
 * "-nvalue"; single-value options: the last wins; positional arguments are errors, "--" ends the
 * options. -h/--help and -V/--version are rows like others (FLAG); when one of them is seen, later
 * errors do not matter. Every error is one line: what is wrong, with which argument (unknown
 * option: the closest known name is suggested). The lists' memory is freed by dr_options_free. */
bool dr_options_read(const struct dr_option_table *table, int argc, char **argv,
                     struct dr_error *error);

void dr_options_free(const struct dr_option_table *table);

/* "10s", "10s:critical": for the timeout row and for its tests. */
bool dr_timeout_parse(const char *text, struct dr_timeout *timeout, struct dr_error *error);

#endif
