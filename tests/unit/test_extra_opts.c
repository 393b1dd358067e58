/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buffer.h"
#include "common/extra_opts.h"

#define SAMPLES DR_TESTS "/samples/extra_opts/"
#define GRAMMAR SAMPLES "grammar.ini"

static const struct dr_option rows[] = {
    {.letter = 'w', .name = "warning", .kind = DR_OPTION_TEXTS, .argument = "RANGE"},
    {.letter = 'c', .name = "critical", .kind = DR_OPTION_TEXTS, .argument = "RANGE"},
    {.name = "text", .kind = DR_OPTION_TEXT, .argument = "TEXT"},
    {.name = "password", .kind = DR_OPTION_TEXT, .argument = "TEXT"},
    {.letter = 'v', .name = "verbose", .kind = DR_OPTION_COUNT},
    {.name = "extra-opts",
     .kind = DR_OPTION_TEXT,
     .argument = "[SECTION][@FILE]",
     .optional_argument = true},
    {.letter = 'h', .name = "help", .kind = DR_OPTION_FLAG},
    {.letter = 'V', .name = "version", .kind = DR_OPTION_FLAG},
};
static const struct dr_option_table table = {rows, sizeof rows / sizeof *rows};

#define WORDS_MAX 12

/* Expands "/usr/lib/check_x" and the words, and compares the whole result, written with "|" between
 * the words. */
static void expect(const char *const *words, const char *joined)
{
    char *argv[WORDS_MAX] = {(char *)"/usr/lib/check_x"};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)words[argc - 1];
    struct dr_arguments out;
    struct dr_error error;
    if (!dr_extra_opts_expand(&table, NULL, argc, argv, &out, &error))
        fail_msg("%s", error.text);
    struct dr_buffer text = DR_BUFFER(20000);
    for (int i = 1; i < out.argc; i++)
        dr_buffer_addf(&text, "%s|", out.argv[i]);
    assert_ptr_equal(out.argv[0], argv[0]);
    assert_null(out.argv[out.argc]);
    assert_string_equal(dr_buffer_text(&text), joined);
    dr_buffer_free(&text);
    dr_arguments_free(&out);
}

/* The same, but it fails, with this text in the error. */
static void expect_error(const char *argument, const char *text)
{
    char *argv[] = {(char *)"check_x", (char *)argument, NULL};
    struct dr_arguments out;
    struct dr_error error;
    if (dr_extra_opts_expand(&table, NULL, 2, argv, &out, &error))
        fail_msg("no error for %s", argument);
    dr_arguments_free(&out);
    if (strstr(error.text, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, error.text);
    assert_int_equal(error.class, DR_ERR_USAGE);
}

#define EXPECT(joined, ...) expect((const char *const[]){__VA_ARGS__, NULL}, joined)

static void test_without(void **state)
{
    (void)state;
    char *argv[] = {(char *)"check_x", (char *)"-w", (char *)"1", NULL};
    struct dr_arguments out;
    struct dr_error error;
    assert_true(dr_extra_opts_expand(&table, NULL, 3, argv, &out, &error));
    assert_ptr_equal(out.argv, argv);
    assert_int_equal(out.argc, 3);
    dr_arguments_free(&out);
    assert_true(dr_extra_opts_expand(&table, NULL, 0, argv + 3, &out, &error));
    assert_int_equal(out.argc, 0);
    dr_arguments_free(&out);
}

static void test_grammar(void **state)
{
    (void)state;
    EXPECT("--warning=5|--critical=a=b  c\ttail|--warning=\"again\"|--warning=cut|",
           "--extra-opts=@" GRAMMAR);
    EXPECT("--warning=6|--critical=7 ; not a comment # neither|"
           "--text=not a continuation of the line above|",
           "--extra-opts=spaced name@" GRAMMAR);
    EXPECT("--verbose|--verbose|--verbose|", "--extra-opts=flags@" GRAMMAR);
    EXPECT("--warning=5|--verbose|", "--extra-opts=short@" GRAMMAR);
    EXPECT("", "--extra-opts=empty@" GRAMMAR);
    EXPECT("--warning=without a line break|", "--extra-opts=last line@" GRAMMAR);
}

static void test_section_by_caller(void **state)
{
    (void)state;
    char *argv[] = {(char *)"check_x", (char *)"--extra-opts=@" GRAMMAR, NULL};
    struct dr_arguments out;
    struct dr_error error;
    assert_true(dr_extra_opts_expand(&table, "short", 2, argv, &out, &error));
    assert_int_equal(out.argc, 3);
    assert_string_equal(out.argv[1], "--warning=5");
    dr_arguments_free(&out);
}

static void test_position(void **state)
{
    (void)state;
    /* the file's options come first, wherever it is named; several add up */
    EXPECT("--warning=5|--verbose|--verbose|--verbose|--verbose|-v|-c|2|", "-v",
           "--extra-opts=short@" GRAMMAR, "-c", "2", "--extra-opts=flags@" GRAMMAR);
    /* another option's argument */
    EXPECT("-w|--extra-opts|", "-w", "--extra-opts");
    EXPECT("--warn|--extra-opts=x|", "--warn", "--extra-opts=x");
    EXPECT("-vw|--extra-opts|", "-vw", "--extra-opts");
    EXPECT("--warning=5|--verbose|-w1|-vw2|", "-w1", "--extra-opts=short@" GRAMMAR, "-vw2");
    /* behind the end of the options */
    EXPECT("--|--extra-opts|", "--", "--extra-opts");
    /* words that are wrong stay for dr_options_read to complain about */
    EXPECT("x|--bogus|-|--password-x|--verbose=1|-w|", "x", "--bogus", "-", "--password-x",
           "--verbose=1", "-w");
    EXPECT("--warning=5|--verbose|", "--extra-o=short@" GRAMMAR);
}

static void test_help_wins(void **state)
{
    (void)state;
    EXPECT("--extra-opts=@/nonexistent|--help|", "--extra-opts=@/nonexistent", "--help");
    EXPECT("-vh|--extra-opts=@/nonexistent|", "-vh", "--extra-opts=@/nonexistent");
    EXPECT("-V|--extra-opts=@/nonexistent|", "-V", "--extra-opts=@/nonexistent");
    /* here it is the argument of -w, or no option */
    EXPECT("--warning=5|--verbose|-w|--help|", "-w", "--help", "--extra-opts=short@" GRAMMAR);
    EXPECT("--warning=5|--verbose|-wh|", "-wh", "--extra-opts=short@" GRAMMAR);
    EXPECT("--warning=5|--verbose|--|-h|", "--extra-opts=short@" GRAMMAR, "--", "-h");
}

static void test_errors(void **state)
{
    (void)state;
    expect_error("--extra-opts=@" SAMPLES "none.ini", "none.ini: No such file");
    expect_error("--extra-opts=@" DR_TESTS, "line 1: it cannot be read");
    expect_error("--extra-opts=nobody@" GRAMMAR, "grammar.ini has no section [nobody]");
    expect_error("--extra-opts=@" SAMPLES "empty.ini", "has no section [check_x]");
    expect_error("--extra-opts=@" SAMPLES "no_bracket.ini", "line 3: the section's name has no");
    expect_error("--extra-opts=@" SAMPLES "text_behind.ini", "line 1: there is text behind");
    expect_error("--extra-opts=@" SAMPLES "nul.ini", "line 2: it holds a NUL");
    expect_error("--extra-opts=no value@" GRAMMAR, "option 'warning' needs a value: RANGE");
    expect_error("--extra-opts=value too much@" GRAMMAR, "option 'verbose' takes no value");
    expect_error("--extra-opts=unknown@" GRAMMAR, "did you mean '--warning'?");
    expect_error("--extra-opts=odd line@" GRAMMAR, "neither a section nor 'option = value'");
    expect_error("--extra-opts=other program@" GRAMMAR, "neither a section nor 'option = value'");
    expect_error("--extra-opts=nested@" GRAMMAR, "extra-opts cannot stand in a file");
    /* a beginning of a section's name is another name */
    expect_error("--extra-opts=a section whose name is longer than what other readers @" GRAMMAR,
                 "has no section");
}

static void test_line_number(void **state)
{
    (void)state;
    char text[32];
    FILE *file = fopen(GRAMMAR, "re");
    assert_non_null(file);
    char line[256];
    int number = 1;
    while (fgets(line, sizeof line, file) != NULL && strstr(line, "warnnig") == NULL)
        number++;
    fclose(file);
    snprintf(text, sizeof text, " line %d: ", number);
    expect_error("--extra-opts=unknown@" GRAMMAR, text);
}

/* ---- files made here ---- */

struct scratch {
    char directory[64];
    char path[96];
    char argument[160];
};

static int scratch_make(void **state)
{
    struct scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL)
        return -1;
    *state = scratch;
    snprintf(scratch->directory, sizeof scratch->directory, "/tmp/dr_extra_opts_XXXXXX");
    if (mkdtemp(scratch->directory) == NULL)
        return -1;
    snprintf(scratch->path, sizeof scratch->path, "%s/plugins.ini", scratch->directory);
    snprintf(scratch->argument, sizeof scratch->argument, "--extra-opts=@%s", scratch->path);
    return 0;
}

static int scratch_remove(void **state)
{
    struct scratch *scratch = *state;
    unlink(scratch->path);
    rmdir(scratch->directory);
    free(scratch);
    return 0;
}

static void write_scratch(const struct scratch *scratch, const char *text, mode_t mode)
{
    FILE *file = fopen(scratch->path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(scratch->path, mode), 0);
}

static void test_password_mode(void **state)
{
    const struct scratch *scratch = *state;
    static const char *const secrets[] = {
        "[check_x]\npassword = hunter2\n",
        "[check_x]\nw = 1\ntext = pg://u:hunter2@db1/x\n",
        "[check_x]\ntext = db1=pg://db2/?user=u&password=hunter2\n",
    };
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        write_scratch(scratch, secrets[i], 0644);
        expect_error(scratch->argument, "a password in a file that others may read");
        write_scratch(scratch, secrets[i], 0604);
        expect_error(scratch->argument, "a password in a file that others may read");
    }
    write_scratch(scratch, secrets[0], 0600);
    EXPECT("--password=hunter2|", scratch->argument);
    write_scratch(scratch, secrets[0], 0640);
    if (geteuid() == 0)
        EXPECT("--password=hunter2|", scratch->argument);
    else
        expect_error(scratch->argument, "a password in a file that others may read");
    /* no secret in our section: not our business */
    write_scratch(scratch,
                  "[check_x]\ntext = pg://u@db1:5432,db2:5432/x\n[check_y]\npassword = hunter2\n",
                  0644);
    EXPECT("--text=pg://u@db1:5432,db2:5432/x|", scratch->argument);
}

static void test_long_lines(void **state)
{
    const struct scratch *scratch = *state;
    struct dr_buffer text = DR_BUFFER(10000);
    struct dr_buffer wanted = DR_BUFFER(10000);
    dr_buffer_add(&text, "[check_x]\ntext=");
    dr_buffer_add(&wanted, "--text=");
    for (int i = 0; i < 8192 - 5; i++) {
        dr_buffer_add_char(&text, i % 7 == 2 ? ' ' : i % 5 == 0 ? ';' : 'x');
        dr_buffer_add_char(&wanted, i % 7 == 2 ? ' ' : i % 5 == 0 ? ';' : 'x');
    }
    dr_buffer_add_char(&wanted, '|');
    write_scratch(scratch, dr_buffer_text(&text), 0600);
    EXPECT(dr_buffer_text(&wanted), scratch->argument);
    dr_buffer_add_char(&text, 'x');
    write_scratch(scratch, dr_buffer_text(&text), 0600);
    expect_error(scratch->argument, "line 2: it is longer than 8192 bytes");
    dr_buffer_free(&wanted);
    dr_buffer_free(&text);
}

static void test_many(void **state)
{
    const struct scratch *scratch = *state;
    struct dr_buffer text = DR_BUFFER(200000);
    dr_buffer_add(&text, "[check_x]\n");
    for (int i = 0; i < 1001; i++)
        dr_buffer_add(&text, "v\n");
    write_scratch(scratch, dr_buffer_text(&text), 0600);
    expect_error(scratch->argument, "line 1002: more than 1000 options");
    dr_buffer_clear(&text);
    for (int i = 0; i < 100001; i++)
        dr_buffer_add(&text, "\n");
    write_scratch(scratch, dr_buffer_text(&text), 0600);
    expect_error(scratch->argument, "the file has more than 100000 lines");
    dr_buffer_free(&text);
}

static void test_search_path(void **state)
{
    const struct scratch *scratch = *state;
    char list[200];
    snprintf(list, sizeof list, ":/nonexistent::%s:", scratch->directory);
    write_scratch(scratch, "[check_x]\nw=7\n[b]\nw=8\n", 0644);
    assert_int_equal(setenv("NAGIOS_CONFIG_PATH", list, 1), 0);
    EXPECT("--warning=7|", "--extra-opts");
    EXPECT("--warning=8|", "--extra-opts=b");
    EXPECT("--warning=7|", "--extra-opts=");
    assert_int_equal(setenv("MP_CONFIG_FILE", GRAMMAR, 1), 0);
    EXPECT("--warning=5|--verbose|", "--extra-opts=short");
    assert_int_equal(setenv("MP_CONFIG_FILE", "/nonexistent/file", 1), 0);
    expect_error("--extra-opts", "/nonexistent/file: No such file");
    assert_int_equal(setenv("MP_CONFIG_FILE", "", 1), 0);
    EXPECT("--warning=7|", "--extra-opts");
    unsetenv("MP_CONFIG_FILE");
    unsetenv("NAGIOS_CONFIG_PATH");
}

static void test_standard_input(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    static const char text[] = "[check_x]\npassword=hunter2\n";
    assert_int_equal(write(ends[1], text, sizeof text - 1), sizeof text - 1);
    close(ends[1]);
    int saved = dup(0);
    assert_int_equal(dup2(ends[0], 0), 0);
    close(ends[0]);
    EXPECT("--password=hunter2|", "--extra-opts=@-");
    dup2(saved, 0);
    close(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without),
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_section_by_caller),
        cmocka_unit_test(test_position),
        cmocka_unit_test(test_help_wins),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_line_number),
        cmocka_unit_test(test_standard_input),
        cmocka_unit_test_setup_teardown(test_password_mode, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(test_long_lines, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(test_many, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(test_search_path, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
