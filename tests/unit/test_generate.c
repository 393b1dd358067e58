/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/generate.h"
#include "tests/unit/fake_plugin.h"

static char *make(void (*generate)(const struct dr_plugin *plugin, struct dr_buffer *out))
{
    struct dr_buffer out = DR_BUFFER(1 << 20);
    generate(&fake_plugin, &out);
    assert_false(out.cut);
    char *text = dr_buffer_take(&out);
    assert_non_null(text);
    return text;
}

static void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("'%s' is in:\n%s", part, text);
}

/* Fails on a line that is longer than 80 columns; returns the number of lines. */
static size_t check_lines(const char *text)
{
    size_t lines = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        if (size > 80)
            fail_msg("%zu columns: %.*s", size, (int)size, text);
        if (size > 0 && text[size - 1] == ' ')
            fail_msg("blank at the end: %.*s", (int)size, text);
        assert_int_equal(text[size], '\n');
        text += size + 1;
        lines++;
    }
    return lines;
}

static void test_help(void **state)
{
    (void)state;
    char *text = make(dr_generate_help);
    check_lines(text);
    has(text, "check_fake_thing (" PACKAGE_NAME ") " PACKAGE_VERSION "\nprove that ");
    has(text, "\nUsage:\n check_fake_thing ");
    has(text, "\nTargets and credentials:\n -T, --target=[NAME=]URI\n    What to look at; ");
    has(text, "\n --extra-opts[=[SECTION][@FILE]]\n    Read options");
    has(text, "\n -v, --verbose\n    Show each step");
    has(text, "\n    Default: 10s:critical\n    Example: 5s:unknown\n");
    has(text, "\n    One of: auto, strict, it's\n    Default: auto\n    Example: strict\n");
    has(text, "\n lost_bytes (bytes)\n    The bytes that would be lost.\n");
    has(text,
        "\nRanges: [@][START:][END], both ends inclusive; alert outside, with @ inside.\n 10 ");
    /* a command is only broken at blanks outside quotes, and can be pasted */
    has(text, "    check_fake_thing -T \\\n        'postgresql://mon@db1,db2,db3/");
    has(text, "    Example: $x;'y' \"z\" \\n!`date`\n");
    free(text);
}

static void test_usage(void **state)
{
    (void)state;
    char *text = make(dr_generate_usage);
    assert_true(check_lines(text) <= 23);
    has(text, "Usage: check_fake_thing [-T [NAME=]URI]... ");
    has(text, "[--extra-opts[=[SECTION][@FILE]]]");
    has(text, "[-v]...");
    has(text, "[--odd=TEXT]\nAll about them: check_fake_thing --help\n");
    free(text);
}

/* However long the table is. */
static void test_usage_of_many(void **state)
{
    (void)state;
    static struct dr_option rows[300];
    for (size_t i = 0; i < 300; i++)
        rows[i] = (struct dr_option){.name = "an-option-with-a-name",
                                     .kind = DR_OPTION_TEXTS,
                                     .argument = "ARGUMENT[,ARGUMENT...]",
                                     .help = "Help.",
                                     .group = "All"};
    struct dr_plugin plugin = fake_plugin;
    plugin.options = (struct dr_option_table){rows, 300};
    struct dr_buffer out = DR_BUFFER(1 << 20);
    dr_generate_usage(&plugin, &out);
    assert_int_equal(check_lines(dr_buffer_text(&out)), 23);
    has(dr_buffer_text(&out), "\n    [OPTION...]\nAll about them: ");
    dr_buffer_free(&out);
}

static void test_man(void **state)
{
    (void)state;
    char *text = make(dr_generate_man);
    has(text, "\n.Dt CHECK_FAKE_THING 1\n.Os\n.Sh NAME\n.Nm check_fake_thing\n.Nd prove that the "
              "generators keep up with the table\n");
    has(text, "\n.It Fl T , Fl \\-target Ns = Ns Ar \"\\&[NAME=]URI\"\nWhat to look at; "
              "repeatable.\nA URI with");
    has(text, "\n.It Fl \\-extra\\-opts Ns Op = Ns Ar \"\\&[SECTION][@FILE]\"\n");
    has(text, "\n.It Fl v , Fl \\-verbose\n");
    /* nothing of the text is taken for a request, an escape or a typographic hyphen */
    has(text, "\n\\&.Dangerous \\e(bu text: \"quoted\", 'single', $HOME");
    has(text, "\n.Ql \"\\&$x;'y' \\(dqz\\(dq \\en!`date`\" .\n");
    has(text, "\n.Pp\n\\&.It begins with a dot.\n");
    has(text, "\n.Pp\n\\&'And a quote.\n");
    has(text, "\n100% \\-v of it.\n");
    has(text, "at it, e.g. at 5m.\n");
    has(text, "\n.Bd -literal -offset indent\npostgresql://db1\n \\eindented \\-x\n\n\\&.dot\n.Ed\n"
              ".Pp\nThe end.\n");
    has(text, "\n.Sh \"\\&No \\(dqMacro\\(dq In \\-headings\"\nText.\n");
    has(text, "\n.It Cm \"\\&lost_bytes\" Pq bytes\n");
    static const char *const sections[] = {
        "NAME",           "SYNOPSIS",    "DESCRIPTION", "OPTIONS",     "METRICS",  "THRESHOLDS",
        "\"\\&TARGETS\"", "ENVIRONMENT", "FILES",       "EXIT STATUS", "EXAMPLES", "AUTHORS"};
    const char *at = text;
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        char heading[64];
        snprintf(heading, sizeof heading, "\n.Sh %s\n", sections[i]);
        has(at, heading); /* in this order */
        at = strstr(at, heading) + 1;
    }
    free(text);
}

static void test_bash(void **state)
{
    (void)state;
    char *text = make(dr_generate_bash);
    has(text, "\n    -w | --warning)\n        _check_fake_thing_words 'lag=' 'lost_bytes=' "
              "'used=' 'standbys='\n");
    has(text, "\n    --mode)\n        _check_fake_thing_words 'auto' 'strict' 'it'\\''s'\n");
    has(text, "\n    --state-dir)\n        _check_fake_thing_files -d\n");
    has(text, "\n    --password-file)\n        _check_fake_thing_files -f\n");
    has(text, "_check_fake_thing_words '$x;'\\''y'\\'' \"z\" \\n!`date`'\n");
    has(text, " '--target='");
    has(text, " '--verbose'");
    has_not(text, "'--verbose='");
    has_not(text, "--verbose)");
    has(text, "\ncomplete -F _check_fake_thing check_fake_thing\n");
    free(text);
}

static void test_icinga2(void **state)
{
    (void)state;
    char *text = make(dr_generate_icinga2);
    has(text, "object CheckCommand \"fake_thing\" {\n\tcommand = [ PluginDir + "
              "\"/check_fake_thing\" ]\n");
    has(text, "\t\t\"--target\" = {\n\t\t\tvalue = \"$fake_thing_target$\"\n\t\t\trepeat_key = "
              "true\n");
    has(text, "\t\t\"--password-file\" = {\n\t\t\tvalue = \"$fake_thing_password_file$\"\n\t\t\t"
              "description");
    has(text, "\t\t\"--flag\" = {\n\t\t\tset_if = \"$fake_thing_flag$\"\n");
    has(text, "\t\t\"--extra-opts\" = {\n\t\t\tskip_key = true\n\t\t\tvalue = "
              "\"--extra-opts=$fake_thing_extra_opts$\"\n");
    has(text, "description = \".Dangerous \\\\(bu text: \\\"quoted\\\", 'single', $HOME, $ARG1$");
    free(text);
}

static void test_nagios(void **state)
{
    (void)state;
    struct dr_plugin plugin = fake_plugin;
    plugin.examples = &fake_examples[1];
    plugin.example_count = 1;
    struct dr_buffer out = DR_BUFFER(1 << 20);
    dr_generate_nagios(&plugin, &out);
    const char *text = dr_buffer_text(&out);
    has(text, "    command_line    $USER1$/check_fake_thing "
              "--extra-opts='$_SERVICEDR_SECTION$'\n");
    has(text, "    command_line    $USER1$/check_fake_thing $ARG1$\n");
    has(text, "check_fake_thing_args!--odd 'a$$b\\;c\\!d' -T x://h\n");
    has_not(text, "\\\n"); /* Nagios would take the next line for part of this one */
    for (size_t i = 0; i < fake_plugin.options.count; i++)
        has(text, fake_plugin.options.rows[i].name);
    dr_buffer_free(&out);
}

static void test_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"man", "bash", "icinga2", "nagios"};
    struct dr_error error;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct dr_buffer out = DR_BUFFER(1 << 20);
        assert_true(dr_generate(&fake_plugin, names[i], &out, &error));
        for (size_t j = 0; strcmp(names[i], "man") != 0 && j < fake_plugin.options.count; j++)
            has(dr_buffer_text(&out), fake_plugin.options.rows[j].name);
        dr_buffer_free(&out);
    }
    struct dr_buffer out = DR_BUFFER(1 << 20);
    assert_false(dr_generate(&fake_plugin, "html", &out, &error));
    assert_string_equal(error.text,
                        "option '--generate': 'html' is not one of man, bash, icinga2, nagios");
    assert_string_equal(dr_buffer_text(&out), "");
}

/* Nothing to say about metrics, examples or the manual: no empty headings. */
static void test_bare(void **state)
{
    (void)state;
    struct dr_plugin plugin = fake_plugin;
    plugin.metric_count = 0;
    plugin.example_count = 0;
    plugin.manual_count = 0;
    struct dr_buffer out = DR_BUFFER(1 << 20);
    dr_generate_help(&plugin, &out);
    dr_generate_man(&plugin, &out);
    dr_generate_nagios(&plugin, &out);
    has_not(dr_buffer_text(&out), "Metrics for");
    has_not(dr_buffer_text(&out), "Examples:");
    has_not(dr_buffer_text(&out), "EXAMPLES");
    has_not(dr_buffer_text(&out), "METRICS");
    dr_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),          cmocka_unit_test(test_usage),
        cmocka_unit_test(test_usage_of_many), cmocka_unit_test(test_man),
        cmocka_unit_test(test_bash),          cmocka_unit_test(test_icinga2),
        cmocka_unit_test(test_nagios),        cmocka_unit_test(test_by_name),
        cmocka_unit_test(test_bare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
