/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An executable that does not exist, with everything the generators must get right: the common
 * options, every kind of option, and texts full of characters that mean something to roff, bash,
 * Icinga or Nagios. */
#ifndef DR_TESTS_FAKE_PLUGIN_H
#define DR_TESTS_FAKE_PLUGIN_H

#include "common/plugin.h"

static struct dr_common_options fake_common;
static struct {
    struct dr_opt_real rpo;
    struct dr_opt_int size;
    struct dr_opt_int number;
    int mode;
    bool flag;
    char *odd;
} fake_own;

static const char *const fake_modes[] = {"auto", "strict", "it's", NULL};

static const struct dr_option fake_rows[] = {
    DR_TARGET_OPTIONS(fake_common),
    DR_LIMIT_OPTIONS(fake_common),
    DR_OUTPUT_OPTIONS(fake_common),
    {.name = "rpo",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .help = "The recovery point objective. Critical at it, e.g. at 5m.",
     .example = "1m",
     .group = "Odd things",
     .into = &fake_own.rpo},
    {.name = "max-size",
     .kind = DR_OPTION_SIZE,
     .argument = "SIZE",
     .help = "A size.",
     .example = "16MiB",
     .group = "Odd things",
     .into = &fake_own.size},
    {.letter = 'n',
     .name = "number",
     .kind = DR_OPTION_INTEGER,
     .argument = "N",
     .fallback = "all",
     .help = "A number.",
     .example = "2",
     .group = "Odd things",
     .into = &fake_own.number},
    {.name = "mode",
     .kind = DR_OPTION_CHOICE,
     .argument = "MODE",
     .fallback = "auto",
     .help = "One of several.",
     .example = "strict",
     .choices = fake_modes,
     .group = "Odd things",
     .into = &fake_own.mode},
    {.name = "flag",
     .kind = DR_OPTION_FLAG,
     .help = "A flag.",
     .group = "Odd things",
     .into = &fake_own.flag},
    {.name = "odd",
     .kind = DR_OPTION_TEXT,
     .argument = "TEXT",
     .help =
         ".Dangerous \\(bu text: \"quoted\", 'single', $HOME, $ARG1$, `date`; and! 100% -v of it.",
     .example = "$x;'y' \"z\" \\n!`date`",
     .group = "Odd things",
     .into = &fake_own.odd},
};

static const struct dr_metric fake_metrics[] = {
    {"lag", DR_UNIT_SECONDS, "The age of what would be lost."},
    {"lost_bytes", DR_UNIT_BYTES, "The bytes that would be lost."},
    {"used", DR_UNIT_PERCENT, "How full it is."},
    {"standbys", DR_UNIT_NONE, "How many standbys there are."},
};

static const struct dr_example fake_examples[] = {
    {"From all nodes at once", "-T 'postgresql://mon@db1,db2,db3/postgres?sslmode=verify-full' "
                               "--rpo 1m -w lost_bytes=16MiB --state-dir /var/lib/nagios/dr"},
    {"With odd characters", "--odd 'a$b;c!d' -T x://h"},
};

static const struct dr_manual_section fake_manual[] = {
    {"TARGETS", "The first paragraph. It has two sentences.\n\n.It begins with a dot.\n\n'And a "
                "quote.\n\nAn example:\n\n postgresql://db1\n  \\indented -x\n\n .dot\n\nThe end."},
    {"No \"Macro\" In -headings", "Text."},
};

static const struct dr_plugin fake_plugin = {
    .name = "check_fake_thing",
    .service = "FAKE",
    .group = "fake",
    .summary = "prove that the generators keep up with the table.",
    .description =
        "It does nothing, but it says so at some length, so that there is something to be "
        "wrapped at the end of a line.\n\nA second paragraph with --an-option in it.",
    .options = {fake_rows, sizeof fake_rows / sizeof *fake_rows},
    .common = &fake_common,
    .metrics = fake_metrics,
    .metric_count = sizeof fake_metrics / sizeof *fake_metrics,
    .examples = fake_examples,
    .example_count = sizeof fake_examples / sizeof *fake_examples,
    .manual = fake_manual,
    .manual_count = sizeof fake_manual / sizeof *fake_manual,
};

#endif
