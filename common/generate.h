/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Everything that is written from the option table: help, manual page, completion, command
 * definitions. */
#ifndef DR_GENERATE_H
#define DR_GENERATE_H

#include "common/buffer.h"
#include "common/plugin.h"

/* --help: name and version, what it proves, usage, the options by group (each " -x, --long=ARG"
 * with its text on the next lines, indented by 4), metrics, range grammar in two lines, examples,
 * where to read more; 80 columns. */
void dr_generate_help(const struct dr_plugin *plugin, struct dr_buffer *out);

/* The short usage that follows an error on the command line: at most 23 lines of 80 columns. */
void dr_generate_usage(const struct dr_plugin *plugin, struct dr_buffer *out);

/* mdoc source of the manual page, section 1. */
void dr_generate_man(const struct dr_plugin *plugin, struct dr_buffer *out);

/* A bash completion script. */
void dr_generate_bash(const struct dr_plugin *plugin, struct dr_buffer *out);

/* An Icinga 2 CheckCommand with one custom variable for each option ("replication_lag_target" for
 * check_replication_lag
 * --target). */
void dr_generate_icinga2(const struct dr_plugin *plugin, struct dr_buffer *out);

/* A Nagios command definition: the executable with --extra-opts by service, and one with $ARG1$. */
void dr_generate_nagios(const struct dr_plugin *plugin, struct dr_buffer *out);

/* Calls the one named "man", "bash", "icinga2" or "nagios"; false with the known names otherwise.
 */
bool dr_generate(const struct dr_plugin *plugin, const char *what, struct dr_buffer *out,
                 struct dr_error *error);

#endif
