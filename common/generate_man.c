/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/generate.h"
#include "common/generate_text.h"

#include <ctype.h>
#include <string.h>

/* When the manual's fixed text last changed; not the day of the build, which must be reproducible.
 */
#define MANUAL_DATE "November 20, 2026"
#define LINE_COLUMNS 76

/* ---- escaping ---- */

/* Characters that roff would change: an escape, and the hyphen that it would print as a typographic
 * one. */
static void escaped(struct dr_buffer *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\')
            dr_buffer_add(out, "\\e");
        else if (text[i] == '-')
            dr_buffer_add(out, "\\-");
        else
            dr_buffer_add_char(out, text[i]);
    }
}

/* One line of text that cannot be taken for a request. */
static void text_line(struct dr_buffer *out, const char *text, size_t size)
{
    if (size > 0 && (text[0] == '.' || text[0] == '\''))
        dr_buffer_add(out, "\\&");
    escaped(out, text, size);
    dr_buffer_add(out, "\n");
}

/* An argument of a macro, never taken for a macro itself. */
static void argument(struct dr_buffer *out, const char *text)
{
    dr_buffer_add(out, " \"\\&");
    for (; *text != '\0'; text++) {
        if (*text == '"')
            dr_buffer_add(out, "\\(dq");
        else
            escaped(out, text, 1);
    }
    dr_buffer_add(out, "\"");
}

/* ---- text ---- */

static bool ends_sentence(const char *word, size_t size)
{
    if (size == 4 && (strncmp(word, "e.g.", 4) == 0 || strncmp(word, "i.e.", 4) == 0))
        return false;
    while (size > 0 && strchr(")]'\"", word[size - 1]) != NULL)
        size--;
    return size > 0 && strchr(".!?", word[size - 1]) != NULL;
}

/* Words on lines of their own for each sentence, as mdoc wants them. */
static void sentences(struct dr_buffer *out, const char *text, size_t size)
{
    struct dr_buffer line = DR_BUFFER(4000);
    for (size_t at = 0; at < size;) {
        size_t word = 0;
        while (at < size && isspace((unsigned char)text[at]))
            at++;
        while (at + word < size && !isspace((unsigned char)text[at + word]))
            word++;
        if (word == 0)
            break;
        if (line.size > 0 && line.size + 1 + word > LINE_COLUMNS) {
            text_line(out, dr_buffer_text(&line), line.size);
            dr_buffer_clear(&line);
        }
        if (line.size > 0)
            dr_buffer_add_char(&line, ' ');
        dr_buffer_add_bytes(&line, text + at, word);
        if (ends_sentence(text + at, word)) {
            text_line(out, dr_buffer_text(&line), line.size);
            dr_buffer_clear(&line);
        }
        at += word;
    }
    if (line.size > 0)
        text_line(out, dr_buffer_text(&line), line.size);
    dr_buffer_free(&line);
}

static void whole(struct dr_buffer *out, const char *text)
{
    sentences(out, text, strlen(text));
}

/* Bytes of the lines that are literal (begin with a blank) or not, as the first is; empty lines end
 * plain text only. */
static size_t block_size(const char *text, bool literal)
{
    size_t size = 0;
    while (text[size] != '\0') {
        size_t line = strcspn(text + size, "\n");
        if ((line == 0 && !literal) || (line > 0 && (text[size] == ' ') != literal))
            break;
        size += line + (text[size + line] == '\n' ? 1 : 0);
    }
    return size;
}

static void literal_block(struct dr_buffer *out, const char *text, size_t size)
{
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    dr_buffer_add(out, ".Bd -literal -offset indent\n");
    for (size_t at = 0; at < size;) {
        size_t line = strcspn(text + at, "\n");
        if (at + line > size)
            line = size - at;
        size_t blank = line > 0 ? 1 : 0;
        text_line(out, text + at + blank, line - blank);
        at += line + 1;
    }
    dr_buffer_add(out, ".Ed\n");
}

/* Paragraphs separated by empty lines; lines that begin with a blank are shown as they are. */
static void paragraphs(struct dr_buffer *out, const char *text)
{
    bool first = true;
    while (*text != '\0') {
        text += strspn(text, "\n");
        bool literal = *text == ' ';
        size_t size = block_size(text, literal);
        if (size == 0)
            return;
        if (literal) {
            literal_block(out, text, size);
        } else {
            if (!first)
                dr_buffer_add(out, ".Pp\n");
            sentences(out, text, size);
        }
        first = false;
        text += size;
    }
}

static void heading(struct dr_buffer *out, const char *macro, const char *text)
{
    dr_buffer_addf(out, ".%s", macro);
    argument(out, text);
    dr_buffer_add(out, "\n");
}

/* ---- sections ---- */

static void synopsis(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    dr_buffer_addf(out, ".Sh SYNOPSIS\n.Nm %s\n", plugin->name);
    for (size_t i = 0; i < plugin->options.count; i++) {
        const struct dr_option *option = &plugin->options.rows[i];
        if (option->letter != '\0') {
            dr_buffer_addf(out, ".Op Fl %c", option->letter);
        } else {
            dr_buffer_add(out, ".Op Fl \\-");
            escaped(out, option->name, strlen(option->name));
        }
        if (dr_option_takes_argument(option)) {
            if (option->letter == '\0')
                dr_buffer_add(out, option->optional_argument ? " Ns Op = Ns Ar" : " Ns = Ns Ar");
            else
                dr_buffer_add(out, option->optional_argument ? " Ns Op Ar" : " Ar");
            argument(out, option->argument);
        }
        dr_buffer_add(out, "\n");
    }
}

static void option_item(const struct dr_option *option, struct dr_buffer *out)
{
    dr_buffer_add(out, ".It");
    if (option->letter != '\0')
        dr_buffer_addf(out, " Fl %c ,", option->letter);
    dr_buffer_add(out, " Fl \\-");
    escaped(out, option->name, strlen(option->name));
    if (dr_option_takes_argument(option)) {
        dr_buffer_add(out, option->optional_argument ? " Ns Op = Ns Ar" : " Ns = Ns Ar");
        argument(out, option->argument);
    }
    dr_buffer_add(out, "\n");
    whole(out, option->help);
    if (option->choices != NULL) {
        struct dr_buffer list = DR_BUFFER(1000);
        for (size_t i = 0; option->choices[i] != NULL; i++)
            dr_buffer_addf(&list, "%s%s", i > 0 ? ", " : "One of: ", option->choices[i]);
        dr_buffer_add(&list, ".");
        whole(out, dr_buffer_text(&list));
        dr_buffer_free(&list);
    }
    static const char *const what[] = {"Default:", "Example:"};
    const char *const value[] = {option->fallback, option->example};
    for (size_t i = 0; i < 2; i++) {
        if (value[i] == NULL)
            continue;
        dr_buffer_addf(out, "%s\n.Ql", what[i]);
        argument(out, value[i]);
        dr_buffer_add(out, " .\n");
    }
}

static void options(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    dr_buffer_add(out, ".Sh OPTIONS\n"
                       "Long names may be cut where that is unambiguous, but not before a hyphen.\n"
                       "Of options that cannot be repeated the last one counts.\n");
    const char *group = "";
    for (size_t i = 0; i < plugin->options.count; i++) {
        const struct dr_option *option = &plugin->options.rows[i];
        if (strcmp(option->group, group) != 0) {
            dr_buffer_add(out, group[0] != '\0' ? ".El\n" : "");
            heading(out, "Ss", option->group);
            dr_buffer_add(out, ".Bl -tag -width Ds\n");
        }
        group = option->group;
        option_item(option, out);
    }
    dr_buffer_add(out, plugin->options.count > 0 ? ".El\n" : "");
}

static void metrics(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    if (plugin->metric_count == 0)
        return;
    dr_buffer_add(out, ".Sh METRICS\n"
                       "These can be judged by\n.Fl w\nand\n.Fl c ,\n"
                       "and are labels of the performance data.\n"
                       "The first one is meant where none is named.\n"
                       ".Bl -tag -width Ds\n");
    for (size_t i = 0; i < plugin->metric_count; i++) {
        dr_buffer_add(out, ".It Cm");
        argument(out, plugin->metrics[i].name);
        dr_buffer_addf(out, " Pq %s\n", dr_text_unit(plugin->metrics[i].unit));
        whole(out, plugin->metrics[i].meaning);
    }
    dr_buffer_add(out, ".El\n");
}

static const char thresholds[] =
    ".Sh THRESHOLDS\n"
    ".Dl [@][START:][END]\n"
    "Both ends are inclusive.\n"
    "An alert is raised when the value is outside the range, with\n"
    ".Ql @\n"
    "when it is inside.\n"
    ".Bl -tag -width \"@10:20XX\" -compact\n"
    ".It Ql 10\nbelow 0 or above 10\n"
    ".It Ql 10:\\&\nbelow 10\n"
    ".It Ql ~:10\nabove 10\n"
    ".It Ql 10:20\nbelow 10 or above 20\n"
    ".It Ql @10:20\n10 to 20\n"
    ".El\n"
    ".Pp\n"
    "A number may carry a unit that fits the metric: a duration\n"
    "(90s, 5m, 1h30m, 7d), a size (16kB, 16MiB), or %.\n"
    "Whatever else does not fit the grammar is an error, never a guess.\n";

static const char environment[] =
    ".Sh ENVIRONMENT\n"
    ".Bl -tag -width Ds\n"
    ".It Ev MP_CONFIG_FILE\n"
    "The INI file of\n.Fl \\-extra\\-opts .\n"
    ".It Ev NAGIOS_CONFIG_PATH\n"
    "Directories separated by colons, where\n"
    ".Pa monitoring\\-plugins.ini ,\n.Pa plugins.ini\nand\n.Pa nagios\\-plugins.ini\n"
    "are looked for.\n"
    ".It Ev NO_COLOR\n"
    "When set, no colours are used on a terminal.\n"
    ".It Ev DR_PLUGINS_MODULE_DIR\n"
    "Where the source modules are, if not where they were installed.\n"
    ".El\n"
    ".Sh FILES\n"
    ".Bl -tag -width Ds\n"
    ".It Pa /etc/monitoring\\-plugins/monitoring\\-plugins.ini\n"
    "One of the customary places of the INI file of\n.Fl \\-extra\\-opts .\n"
    "A section in it holds lines like\n"
    ".Ql warning = 5m .\n"
    "A file with a password in it must not be readable by others.\n"
    ".El\n"
    ".Sh EXIT STATUS\n"
    ".Bl -tag -width Ds -compact\n"
    ".It 0\nOK\n"
    ".It 1\nWARNING\n"
    ".It 2\nCRITICAL: what was judged is bad, or does not answer\n"
    ".It 3\nUNKNOWN: it could not be judged; also after\n.Fl \\-help\nand\n.Fl \\-version\n"
    ".El\n";

static void examples(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    if (plugin->example_count > 0)
        dr_buffer_add(out, ".Sh EXAMPLES\n");
    for (size_t i = 0; i < plugin->example_count; i++) {
        struct dr_buffer command = DR_BUFFER(4000);
        struct dr_buffer wrapped = DR_BUFFER(5000);
        dr_buffer_addf(&command, "%s %s", plugin->name, plugin->examples[i].command);
        dr_text_wrap_command(&wrapped, " ", dr_buffer_text(&command));
        dr_buffer_add(out, i > 0 ? ".Pp\n" : "");
        whole(out, plugin->examples[i].what);
        literal_block(out, dr_buffer_text(&wrapped), wrapped.size);
        dr_buffer_free(&wrapped);
        dr_buffer_free(&command);
    }
}

/* .Dt wants the name in capitals. */
static void title(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    dr_buffer_addf(out, ".\\\" Made by %s \\-\\-generate man; its option table is the source.\n",
                   plugin->name);
    dr_buffer_add(out, ".Dd " MANUAL_DATE "\n.Dt ");
    for (const char *p = plugin->name; *p != '\0'; p++)
        dr_buffer_add_char(out, (char)toupper((unsigned char)*p));
    dr_buffer_addf(out, " 1\n.Os\n.Sh NAME\n.Nm %s\n.Nd ", plugin->name);
    text_line(out, plugin->summary,
              strlen(plugin->summary) -
                  (ends_sentence(plugin->summary, strlen(plugin->summary)) ? 1 : 0));
}

void dr_generate_man(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    title(plugin, out);
    synopsis(plugin, out);
    dr_buffer_add(out, ".Sh DESCRIPTION\n");
    paragraphs(out, plugin->description);
    options(plugin, out);
    metrics(plugin, out);
    dr_buffer_add(out, plugin->metric_count > 0 ? thresholds : "");
    for (size_t i = 0; i < plugin->manual_count; i++) {
        heading(out, "Sh", plugin->manual[i].heading);
        paragraphs(out, plugin->manual[i].text);
    }
    dr_buffer_add(out, environment);
    examples(plugin, out);
    dr_buffer_addf(out, ".Sh AUTHORS\n.An The authors of %s\n", PACKAGE_NAME);
}
