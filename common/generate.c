/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/generate.h"

#include "common/generate_text.h"

#include <string.h>

#define USAGE_LINES 23

/* ---- help ---- */

/* A line that belongs to an option: "Default: 10s:critical". */
static void help_note(struct dr_buffer *out, const char *what, const char *text)
{
    struct dr_buffer line = DR_BUFFER(1000);
    dr_buffer_addf(&line, "%s: %s", what, text);
    dr_text_wrap(out, "    ", dr_buffer_text(&line));
    dr_buffer_free(&line);
}

static void help_option(const struct dr_option *option, struct dr_buffer *out)
{
    dr_buffer_add(out, " ");
    dr_text_option(out, option);
    dr_buffer_add(out, "\n");
    dr_text_wrap(out, "    ", option->help);
    if (option->choices != NULL) {
        struct dr_buffer list = DR_BUFFER(1000);
        for (size_t i = 0; option->choices[i] != NULL; i++)
            dr_buffer_addf(&list, "%s%s", i > 0 ? ", " : "", option->choices[i]);
        help_note(out, "One of", dr_buffer_text(&list));
        dr_buffer_free(&list);
    }
    if (option->fallback != NULL)
        help_note(out, "Default", option->fallback);
    if (option->example != NULL)
        help_note(out, "Example", option->example);
}

static void help_options(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    const char *group = "";
    for (size_t i = 0; i < plugin->options.count; i++) {
        const struct dr_option *option = &plugin->options.rows[i];
        if (strcmp(option->group, group) != 0)
            dr_buffer_addf(out, "\n%s:\n", option->group);
        group = option->group;
        help_option(option, out);
    }
}

static void help_metrics(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    if (plugin->metric_count == 0)
        return;
    dr_buffer_add(out, "\nMetrics for -w and -c (the first one is meant when none is named):\n");
    for (size_t i = 0; i < plugin->metric_count; i++) {
        const struct dr_metric *metric = &plugin->metrics[i];
        dr_buffer_addf(out, " %s (%s)\n", metric->name, dr_text_unit(metric->unit));
        dr_text_wrap(out, "    ", metric->meaning);
    }
    dr_buffer_add(
        out, "\nRanges: [@][START:][END], both ends inclusive; alert outside, with @ inside.\n"
             " 10 means 0:10, 10: no less than 10, ~:10 no more; units as in 5m, 16MiB, 80%.\n");
}

static void add_example(const struct dr_plugin *plugin, const struct dr_example *example,
                        const char *prefix, struct dr_buffer *out)
{
    struct dr_buffer command = DR_BUFFER(4000);
    dr_buffer_addf(&command, "%s %s", plugin->name, example->command);
    dr_text_wrap_command(out, prefix, dr_buffer_text(&command));
    dr_buffer_free(&command);
}

void dr_generate_help(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    dr_buffer_addf(out, "%s (%s) %s\n", plugin->name, PACKAGE_NAME, PACKAGE_VERSION);
    dr_text_wrap(out, "", plugin->summary);
    dr_buffer_add(out, "\n");
    dr_text_wrap(out, "", plugin->description);
    dr_buffer_addf(out, "\nUsage:\n %s %s [OPTION...]\n", plugin->name,
                   plugin->needed != NULL ? plugin->needed : "-T URI [-T URI...]");
    help_options(plugin, out);
    help_metrics(plugin, out);
    if (plugin->example_count > 0)
        dr_buffer_add(out, "\nExamples:\n");
    for (size_t i = 0; i < plugin->example_count; i++) {
        dr_text_wrap(out, " ", plugin->examples[i].what);
        add_example(plugin, &plugin->examples[i], "    ", out);
    }
    dr_buffer_addf(out,
                   "\nExit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.\n"
                   "More: man %s, or %s --generate man.\n"
                   "Problems: README.md of %s tells where to report; add the output of -vvv.\n",
                   plugin->name, plugin->name, PACKAGE_NAME);
}

/* ---- usage ---- */

/* "[-T [NAME=]URI]...", "[--rpo=DURATION]", "[-v]..." */
static void usage_option(const struct dr_option *option, struct dr_buffer *word)
{
    bool argument = dr_option_takes_argument(option);
    if (option->letter != '\0')
        dr_buffer_addf(word, "[-%c", option->letter);
    else
        dr_buffer_addf(word, "[--%s", option->name);
    if (argument && option->optional_argument)
        dr_buffer_addf(word, option->letter != '\0' ? "[%s]" : "[=%s]", option->argument);
    else if (argument)
        dr_buffer_addf(word, option->letter != '\0' ? " %s" : "=%s", option->argument);
    bool repeats = option->kind == DR_OPTION_TEXTS || option->kind == DR_OPTION_COUNT;
    dr_buffer_add(word, repeats ? "]..." : "]");
}

void dr_generate_usage(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    size_t indent = 4;
    size_t lines = 1;
    size_t column = 7 + strlen(plugin->name);
    struct dr_buffer word = DR_BUFFER(DR_TEXT_COLUMNS - indent);
    dr_buffer_addf(out, "Usage: %s", plugin->name);
    for (size_t i = 0; i < plugin->options.count; i++) {
        dr_buffer_clear(&word);
        usage_option(&plugin->options.rows[i], &word);
        if (column + 1 + word.size > DR_TEXT_COLUMNS && lines == USAGE_LINES - 2) {
            dr_buffer_add(out, "\n    [OPTION...]");
            break;
        }
        if (column + 1 + word.size > DR_TEXT_COLUMNS) {
            dr_buffer_addf(out, "\n    %s", dr_buffer_text(&word));
            column = indent + word.size;
            lines++;
        } else {
            dr_buffer_addf(out, " %s", dr_buffer_text(&word));
            column += 1 + word.size;
        }
    }
    dr_buffer_free(&word);
    dr_buffer_addf(out, "\nAll about them: %s --help\n", plugin->name);
}

/* ---- by name ---- */

bool dr_generate(const struct dr_plugin *plugin, const char *what, struct dr_buffer *out,
                 struct dr_error *error)
{
    static const struct {
        const char *name;
        void (*generate)(const struct dr_plugin *plugin, struct dr_buffer *out);
    } known[] = {{"man", dr_generate_man},
                 {"bash", dr_generate_bash},
                 {"icinga2", dr_generate_icinga2},
                 {"nagios", dr_generate_nagios}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, what) == 0) {
            known[i].generate(plugin, out);
            return true;
        }
    }
    return dr_error_set(error, DR_ERR_USAGE,
                        "option '--generate': '%.60s' is not one of man, bash, icinga2, nagios",
                        what);
}
