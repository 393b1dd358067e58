/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/generate.h"
#include "common/generate_text.h"

#include <string.h>

/* "replication_lag" for check_replication_lag. */
static const char *short_name(const struct dr_plugin *plugin)
{
    return strncmp(plugin->name, "check_", 6) == 0 ? plugin->name + 6 : plugin->name;
}

/* ---- Icinga 2 ---- */

/* A string of its configuration language. A "$" begins a macro only where macros are resolved: in
 * values, not in descriptions. */
static void icinga2_string(struct dr_buffer *out, const char *text)
{
    static const char *const instead[] = {"\\\"", "\\\\", "\\n", "\\t"};
    dr_buffer_add(out, "\"");
    dr_text_replace(out, text, "\"\\\n\t", instead);
    dr_buffer_add(out, "\"");
}

/* The custom variable of an option, as a macro. */
static void icinga2_macro(const struct dr_plugin *plugin, const struct dr_option *option,
                          struct dr_buffer *out)
{
    static const char *const instead[] = {"_"};
    dr_buffer_addf(out, "$%s_", short_name(plugin));
    dr_text_replace(out, option->name, "-", instead);
    dr_buffer_add(out, "$");
}

static void icinga2_option(const struct dr_plugin *plugin, const struct dr_option *option,
                           struct dr_buffer *out)
{
    dr_buffer_addf(out, "\t\t\"--%s\" = {\n", option->name);
    if (!dr_option_takes_argument(option)) {
        dr_buffer_add(out, "\t\t\tset_if = \"");
    } else if (option->optional_argument) {
        /* Joined by hand: the attribute "separator" is not known to all versions. */
        dr_buffer_addf(out, "\t\t\tskip_key = true\n\t\t\tvalue = \"--%s=", option->name);
    } else {
        dr_buffer_add(out, "\t\t\tvalue = \"");
    }
    icinga2_macro(plugin, option, out);
    dr_buffer_add(out, "\"\n");
    if (option->kind == DR_OPTION_TEXTS)
        dr_buffer_add(out, "\t\t\trepeat_key = true\n");
    dr_buffer_add(out, "\t\t\tdescription = ");
    icinga2_string(out, option->help);
    dr_buffer_add(out, "\n\t\t}\n");
}

void dr_generate_icinga2(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    dr_buffer_addf(
        out,
        "/* CheckCommand of %s %s, made by %s --generate icinga2.\n"
        " *\n"
        " * One custom variable for each option; an array repeats those that can be repeated:\n"
        " *     vars.%s_target = [ \"...\", \"...\" ]\n"
        " * Passwords belong into the file named by --password-file, not into variables. */\n\n",
        plugin->name, PACKAGE_VERSION, plugin->name, short_name(plugin));
    dr_buffer_addf(
        out,
        "object CheckCommand \"%s\" {\n"
        "\tcommand = [ PluginDir + \"/%s\" ]\n"
        "\t/* Must be longer than --timeout: the plugin says which target did not answer. */\n"
        "\ttimeout = 1m\n\n"
        "\targuments = {\n",
        short_name(plugin), plugin->name);
    for (size_t i = 0; i < plugin->options.count; i++)
        icinga2_option(plugin, &plugin->options.rows[i], out);
    dr_buffer_add(out, "\t}\n}\n");
}

/* ---- Nagios ---- */

/* Arguments as they stand behind "!" in a check_command: "$" begins a macro, "!" the next argument,
 * ";" a comment. */
static void nagios_arguments(struct dr_buffer *out, const char *text)
{
    static const char *const instead[] = {"$$", "\\!", "\\;"};
    dr_text_replace(out, text, "$!;", instead);
}

static void nagios_command(struct dr_buffer *out, const char *name, const char *suffix,
                           const char *arguments)
{
    dr_buffer_addf(out,
                   "define command {\n"
                   "    command_name    %s%s\n"
                   "    command_line    $USER1$/%s %s\n"
                   "}\n\n",
                   name, suffix, name, arguments);
}

static void nagios_options(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    dr_text_wrap(
        out, "# ",
        "The options. In a check_command write $$ for a dollar sign, \\! for an exclamation "
        "mark and \\; for a semicolon.");
    for (size_t i = 0; i < plugin->options.count; i++) {
        dr_buffer_add(out, "#\n# ");
        dr_text_option(out, &plugin->options.rows[i]);
        dr_buffer_add(out, "\n");
        dr_text_wrap(out, "#     ", plugin->options.rows[i].help);
    }
}

void dr_generate_nagios(const struct dr_plugin *plugin, struct dr_buffer *out)
{
    const char *name = plugin->name;
    dr_buffer_addf(out,
                   "# Command definitions of %s %s for Nagios and Naemon,\n"
                   "# made by %s --generate nagios.\n\n",
                   name, PACKAGE_VERSION, name);
    dr_buffer_addf(
        out,
        "# The options stand in the INI file of the monitoring plugins, in the section that\n"
        "# the service names by its custom variable _DR_SECTION; [%s] without.\n",
        name);
    nagios_command(out, name, "", "--extra-opts='$_SERVICEDR_SECTION$'");
    dr_buffer_add(out, "# The options stand in the service:\n"
                       "#     check_command ");
    dr_buffer_addf(out, "%s_args!", name);
    nagios_arguments(out, plugin->example_count > 0 ? plugin->examples[0].command : "--help");
    dr_buffer_add(out, "\n");
    nagios_command(out, name, "_args", "$ARG1$");
    nagios_options(plugin, out);
}
