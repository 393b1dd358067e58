/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an executable is made of, and the one way through it: options -> probe -> facts -> judge ->
 * report.
 *
 * plugins/check_X.c fills one struct dr_plugin and calls dr_plugin_main; everything that all
 * executables do alike is done there. A reader who knows one executable knows all of them. */
#ifndef DR_PLUGIN_H
#define DR_PLUGIN_H

#include "common/finding.h"
#include "common/module.h"
#include "common/options.h"
#include "common/report.h"
#include "common/run.h"

/* The options every executable has; rows for the table by the macros below. */
struct dr_common_options {
    struct dr_text_list targets;
    char *hostname;
    char *port;
    char *logname;
    char *password_file;
    struct dr_text_list warning;
    struct dr_text_list critical;
    struct dr_timeout timeout;
    char *state_dir;
    char *runbook;
    int format;
    int verbosity;
    char *generate;
    bool help;
    bool version;
};

struct dr_example {
    const char *what;    /* "From the primary and both standbys at once" */
    const char *command; /* the arguments behind the executable's name */
};

/* A section of the manual page: a heading and paragraphs separated by an empty line; lines that
 * begin with a blank are shown as they are. */
struct dr_manual_section {
    const char *heading;
    const char *text;
};

/* Everything the judge may look at. */
struct dr_session {
    const struct dr_plugin *plugin;
    const struct dr_common_options *common;
    const struct dr_targets *targets;
    const struct dr_outcome *outcomes; /* parallel to targets */
    const void *facts; /* parallel to targets; not to be read where the outcome is unfinished */
    const struct dr_threshold *thresholds; /* parallel to plugin->metrics */
    double now;           /* wall clock, seconds since the epoch, when the run ended */
    double now_monotonic; /* the same moment on the clock of the readings */
};

struct dr_plugin {
    const char *name;        /* "check_replication_lag" */
    const char *service;     /* "REPLICATION": first word of the output */
    const char *group;       /* "replication": directory, module prefix, facts */
    const char *summary;     /* one line: what it proves */
    const char *description; /* paragraphs separated by an empty line */
    const char *needed;      /* what every run needs, for the usage line; NULL: a target */
    struct dr_option_table options;
    struct dr_common_options *common;
    /* URIs that are targets as well, but to compare the others with, and the option they are given
     * by; NULL: it has none. */
    const struct dr_text_list *references;
    const char *reference_option;
    /* SITE[/NAME]=URI: targets that stand in a site, and the option; NULL: it has none. */
    const struct dr_text_list *sites;
    const char *site_option;
    const struct dr_metric *metrics;
    size_t metric_count;
    const struct dr_scheme *schemes;
    size_t scheme_count;
    const char *default_scheme; /* for -H */
    const char *default_path;   /* for -H: "/postgres"; NULL */
    const struct dr_example *examples;
    size_t example_count;
    const struct dr_manual_section *manual;
    size_t manual_count;
    /* The sources that are linked in (NULL-terminated); NULL: they are modules. */
    const struct dr_source *const *built_in;
    size_t facts_size;
    const void *request;

    /* Looks at the executable's own options after they were read, and may add targets; false: exit
     * 3 with the error. NULL: nothing to do. */
    bool (*prepare)(struct dr_targets *targets, struct dr_threshold *thresholds,
                    struct dr_error *error);
    bool discovers; /* its sources may find more targets (dr_task_discover) */
    /* Called before each run starts, to set up what the sources share, with the number of targets
     * and the number there can be with those that are discovered; NULL. */
    bool (*before_run)(size_t targets, size_t capacity, struct dr_error *error);
    /* Facts to findings. May read and write the state file (the history is a fact), nothing else.
     */
    void (*judge)(const struct dr_session *session, struct dr_result *result);
    /* Frees one element of the facts. */
    void (*free_facts)(void *facts);
};

#define DR_GROUP_TARGETS "Targets and credentials"
#define DR_GROUP_LIMITS "Thresholds"
#define DR_GROUP_OUTPUT "Output and running"

/* The rows of one heading each: an executable puts its own behind those of the same heading. */
#define DR_TARGET_OPTIONS(o)                                                                       \
    {.letter = 'T',                                                                                \
     .name = "target",                                                                             \
     .kind = DR_OPTION_TEXTS,                                                                      \
     .argument = "[NAME=]URI",                                                                     \
     .help = "What to look at; repeatable. A URI with several hosts is one target for each host. " \
             "NAME (else the host) names it in the output and in perfdata.",                       \
     .group = DR_GROUP_TARGETS,                                                                    \
     .into = &(o).targets},                                                                        \
        {.letter = 'H',                                                                            \
         .name = "hostname",                                                                       \
         .kind = DR_OPTION_TEXT,                                                                   \
         .argument = "HOST[,HOST...]",                                                             \
         .help = "The hosts, where a whole URI is more than is needed.",                           \
         .example = "db1,db2",                                                                     \
         .group = DR_GROUP_TARGETS,                                                                \
         .into = &(o).hostname},                                                                   \
        {.letter = 'P',                                                                            \
         .name = "port",                                                                           \
         .kind = DR_OPTION_TEXT,                                                                   \
         .argument = "PORT",                                                                       \
         .help = "The port for -H.",                                                               \
         .group = DR_GROUP_TARGETS,                                                                \
         .into = &(o).port},                                                                       \
        {.letter = 'l',                                                                            \
         .name = "logname",                                                                        \
         .kind = DR_OPTION_TEXT,                                                                   \
         .argument = "USER",                                                                       \
         .help = "The user to log in as, for -H and for URIs without one.",                        \
         .example = "nagios",                                                                      \
         .group = DR_GROUP_TARGETS,                                                                \
         .into = &(o).logname},                                                                    \
    {                                                                                              \
        .name = "password-file", .kind = DR_OPTION_TEXT, .argument = "FILE",                       \
        .help = "A file whose first line is the password, readable only by us, for targets "       \
                "without one of their own. The product's own password file works as well.",        \
        .example = "/etc/nagios/secret/dr", .group = DR_GROUP_TARGETS, .into = &(o).password_file  \
    }
#define DR_LIMIT_OPTIONS(o)                                                                        \
    {.letter = 'w',                                                                                \
     .name = "warning",                                                                            \
     .kind = DR_OPTION_TEXTS,                                                                      \
     .argument = "[METRIC=]RANGE",                                                                 \
     .help = "WARNING when the metric is outside the range; repeatable.",                          \
     .group = DR_GROUP_LIMITS,                                                                     \
     .into = &(o).warning},                                                                        \
    {                                                                                              \
        .letter = 'c', .name = "critical", .kind = DR_OPTION_TEXTS, .argument = "[METRIC=]RANGE",  \
        .help = "CRITICAL when the metric is outside the range; repeatable.",                      \
        .group = DR_GROUP_LIMITS, .into = &(o).critical                                            \
    }
#define DR_OUTPUT_OPTIONS(o)                                                                       \
    {.letter = 't',                                                                                \
     .name = "timeout",                                                                            \
     .kind = DR_OPTION_TIMEOUT,                                                                    \
     .argument = "DURATION[:STATE]",                                                               \
     .fallback = "10s:critical",                                                                   \
     .help = "One deadline for the whole run, and the state of a target that has not "             \
             "answered by then.",                                                                  \
     .example = "5s:unknown",                                                                      \
     .group = DR_GROUP_OUTPUT,                                                                     \
     .into = &(o).timeout},                                                                        \
        {.name = "state-dir",                                                                      \
         .kind = DR_OPTION_TEXT,                                                                   \
         .argument = "DIR",                                                                        \
         .help = "A directory for what is remembered between runs: history, trends, since when.",  \
         .example = "/var/lib/nagios/dr",                                                          \
         .group = DR_GROUP_OUTPUT,                                                                 \
         .into = &(o).state_dir},                                                                  \
        {.name = "runbook",                                                                        \
         .kind = DR_OPTION_TEXT,                                                                   \
         .argument = "URL",                                                                        \
         .help = "Printed when the state is not OK: where the person on call reads on.",           \
         .example = "https://wiki.example.com/dr",                                                 \
         .group = DR_GROUP_OUTPUT,                                                                 \
         .into = &(o).runbook},                                                                    \
        {.name = "format",                                                                         \
         .kind = DR_OPTION_CHOICE,                                                                 \
         .argument = "FORMAT",                                                                     \
         .fallback = "text",                                                                       \
         .help = "How the result is written; the exit code is the same in all.",                   \
         .example = "json",                                                                        \
         .choices = dr_format_names,                                                               \
         .group = DR_GROUP_OUTPUT,                                                                 \
         .into = &(o).format},                                                                     \
        {.letter = 'v',                                                                            \
         .name = "verbose",                                                                        \
         .kind = DR_OPTION_COUNT,                                                                  \
         .help = "Show each step; twice: the queries; three times: the replies. Secrets are "      \
                 "masked.",                                                                        \
         .group = DR_GROUP_OUTPUT,                                                                 \
         .into = &(o).verbosity},                                                                  \
        {.name = "extra-opts",                                                                     \
         .kind = DR_OPTION_TEXT,                                                                   \
         .argument = "[SECTION][@FILE]",                                                           \
         .optional_argument = true,                                                                \
         .help = "Read options from a section of an INI file first, as monitoring-plugins do; "    \
                 "the argument is joined by \"=\".",                                               \
         .example = "dr@/etc/nagios/dr.ini",                                                       \
         .group = DR_GROUP_OUTPUT},                                                                \
        {.name = "generate",                                                                       \
         .kind = DR_OPTION_TEXT,                                                                   \
         .argument = "WHAT",                                                                       \
         .help = "Print man (manual page), bash (completion), icinga2 (CheckCommand) or nagios "   \
                 "(command definition), made from this very option table.",                        \
         .example = "icinga2",                                                                     \
         .group = DR_GROUP_OUTPUT,                                                                 \
         .into = &(o).generate},                                                                   \
        {.letter = 'V',                                                                            \
         .name = "version",                                                                        \
         .kind = DR_OPTION_FLAG,                                                                   \
         .help = "Print the version and exit with 3.",                                             \
         .group = DR_GROUP_OUTPUT,                                                                 \
         .into = &(o).version},                                                                    \
    {                                                                                              \
        .letter = 'h', .name = "help", .kind = DR_OPTION_FLAG,                                     \
        .help = "Print this help and exit with 3.", .group = DR_GROUP_OUTPUT, .into = &(o).help    \
    }

/* What tells this service from another in the state directory: the labels of the targets that were
 * given. The caller frees it; NULL when out of memory. */
char *dr_session_identity(const struct dr_session *session);

/* Runs the whole executable and returns its exit code (0..3). *stragglers is set when a source
 * thread did not come back: main must then leave by _exit, after stdout was flushed here. */
int dr_plugin_main(const struct dr_plugin *plugin, int argc, char **argv, bool *stragglers);

#endif
