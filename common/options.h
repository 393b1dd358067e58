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

/* Reads argv (argv[0] is skipped) with getopt_long, whose globals are reset: it can be called
 * again, but not from two threads. Long names may be cut where that is unambiguous, but not just
 * before a hyphen: "--password", an option of many other plugins, is not taken for
 * "--password-file", which would print the password as a file that is missing.
 * "--name=value", "--name value", "-n value", "-nvalue"; single-value options: the last wins; an
 * empty argument is an error but for optional_argument rows; positional arguments are errors, "--"
 * ends the options. Rows with a NULL `into` are read and forgotten. -h/--help and -V/--version are
 * rows like others (FLAG, found by their long names); when one of them is seen anywhere, no error
 * matters. Otherwise the first error is returned, in one line: what is wrong, with which argument
 * (unknown option: the closest known name is suggested). Words that could hold a secret are not
 * repeated. The lists' memory is freed by dr_options_free, also after an error. */
bool dr_options_read(const struct dr_option_table *table, int argc, char **argv,
                     struct dr_error *error);

void dr_options_free(const struct dr_option_table *table);

/* The row that the first `length` bytes of `name` stand for, whole or cut as dr_options_read
 * allows. NULL with the reason: unknown with the closest name, or ambiguous with two of those
 * meant. */
const struct dr_option *dr_options_find(const struct dr_option_table *table, const char *name,
                                        size_t length, struct dr_error *error);

/* The row with that short form; NULL. */
const struct dr_option *dr_options_find_letter(const struct dr_option_table *table, char letter);

/* True when the kind has an argument (FLAG and COUNT have none). */
bool dr_option_takes_argument(const struct dr_option *option);

/* "10s", "10s:critical": for the timeout row and for its tests. Without a state the one in *timeout
 * stays. The duration must be more than 0; the state must not be OK, because a run that was cut
 * short is no evidence. *timeout is untouched on error. */
bool dr_timeout_parse(const char *text, struct dr_timeout *timeout, struct dr_error *error);

#endif
