/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/generate.h"
#include "common/generate_text.h"

#include <string.h>

/* A word in single quotes, as the shell wants it. */
static void quoted(struct dr_buffer *out, const char *before, const char *word, const char *after)
{
    static const char *const instead[] = {"'\\''"};
    dr_buffer_add(out, " '");
    dr_buffer_add(out, before);
    dr_text_replace(out, word, "'", instead);
    dr_buffer_add(out, after);
    dr_buffer_add(out, "'");
}

static bool takes_metric(const struct dr_option *option)
{
    return strncmp(option->argument, "[METRIC=]", 9) == 0;
}

/* What can stand behind one option. */
static void arguments_of(const struct dr_plugin *plugin, const struct dr_option *option,
                         struct dr_buffer *out)
{
    if (option->letter != '\0')
        dr_buffer_addf(out, "    -%c | --%s)\n", option->letter, option->name);
    else
        dr_buffer_addf(out, "    --%s)\n", option->name);
    bool file = strcmp(option->argument, "FILE") == 0;
    bool directory = strcmp(option->argument, "DIR") == 0;
    dr_buffer_addf(out, "        _%s_%s", plugin->name, file || directory ? "files" : "words");
    if (file || directory) {
        dr_buffer_add(out, file ? " -f" : " -d");
    } else if (takes_metric(option)) {
        for (size_t i = 0; i < plugin->metric_count; i++)
            quoted(out, "", plugin->metrics[i].name, "=");
    } else if (option->choices != NULL) {
        for (size_t i = 0; option->choices[i] != NULL; i++)
            quoted(out, "", option->choices[i], "");
    } else if (strcmp(option->name, "generate") == 0) {
        dr_buffer_add(out, " man bash icinga2 nagios");
    } else if (option->example != NULL) {
        quoted(out, "", option->example, "");
    }
    dr_buffer_add(out, "\n        return\n        ;;\n");
}

/* The helpers: candidates are compared without expansion, and quoted for the command line. */
static void helpers(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    dr_buffer_addf(out,
                   "_%s_words() {\n"
                   "    local word\n"
                   "    for word in \"$@\"; do\n"
                   "        [[ $word == \"$cur\"* ]] || continue\n"
                   "        [[ $word == *= ]] && compopt -o nospace 2>/dev/null\n"
                   "        COMPREPLY+=(\"$(printf %%q \"$word\")\")\n"
                   "    done\n"
                   "}\n\n",
                   plugin->name);
    dr_buffer_addf(out,
                   "_%s_files() {\n"
                   "    compopt -o filenames 2>/dev/null\n"
                   "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
                   "}\n\n",
                   plugin->name);
}

void dr_generate_bash(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    dr_buffer_addf(out,
                   "# bash completion of %s %s, made by %s --generate bash\n"
                   "# Put it into /usr/share/bash-completion/completions/%s, or source it.\n\n",
                   plugin->name, PACKAGE_VERSION, plugin->name, plugin->name);
    helpers(plugin, out);
    dr_buffer_addf(out,
                   "_%s() {\n"
                   "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
                   "    COMPREPLY=()\n"
                   "    # bash makes three words of --name=value\n"
                   "    if [[ $cur == = ]]; then\n"
                   "        cur=\n"
                   "    elif [[ $prev == = ]] && ((COMP_CWORD >= 2)); then\n"
                   "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
                   "    fi\n"
                   "    case $prev in\n",
                   plugin->name);
    for (size_t i = 0; i < plugin->options.count; i++) {
        if (dr_option_takes_argument(&plugin->options.rows[i]))
            arguments_of(plugin, &plugin->options.rows[i], out);
    }
    dr_buffer_addf(out, "    esac\n    _%s_words", plugin->name);
    for (size_t i = 0; i < plugin->options.count; i++) {
        const struct dr_option *option = &plugin->options.rows[i];
        bool joined = dr_option_takes_argument(option) && !option->optional_argument;
        dr_buffer_add(out, " \\\n       ");
        quoted(out, "--", option->name, joined ? "=" : "");
    }
    dr_buffer_addf(out, "\n}\n\ncomplete -F _%s %s\n", plugin->name, plugin->name);
}
