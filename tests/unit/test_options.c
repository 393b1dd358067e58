/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/options.h"

static const char *const colours[] = {"red", "green", NULL};

/* Where the rows below put their values. */
struct given {
    bool help;
    bool version;
    bool flag;
    int verbosity;
    char *text;
    struct dr_text_list texts;
    struct dr_opt_int integer;
    struct dr_opt_real duration;
    struct dr_opt_int size;
    int choice;
    struct dr_timeout timeout;
    char *password_file;
};

#define ROWS(g)                                                                                    \
    {                                                                                              \
        {.letter = 'h', .name = "help", .kind = DR_OPTION_FLAG, .into = &(g)->help},               \
            {.letter = 'V', .name = "version", .kind = DR_OPTION_FLAG, .into = &(g)->version},     \
            {.letter = 'f', .name = "flag", .kind = DR_OPTION_FLAG, .into = &(g)->flag},           \
            {.letter = 'v', .name = "verbose", .kind = DR_OPTION_COUNT, .into = &(g)->verbosity},  \
            {.letter = 'x',                                                                        \
             .name = "text",                                                                       \
             .kind = DR_OPTION_TEXT,                                                               \
             .argument = "TEXT",                                                                   \
             .into = &(g)->text},                                                                  \
            {.letter = 'T',                                                                        \
             .name = "target",                                                                     \
             .kind = DR_OPTION_TEXTS,                                                              \
             .argument = "URI",                                                                    \
             .into = &(g)->texts},                                                                 \
            {.letter = 'n',                                                                        \
             .name = "number",                                                                     \
             .kind = DR_OPTION_INTEGER,                                                            \
             .argument = "N",                                                                      \
             .into = &(g)->integer},                                                               \
            {.name = "rpo",                                                                        \
             .kind = DR_OPTION_DURATION,                                                           \
             .argument = "DURATION",                                                               \
             .into = &(g)->duration},                                                              \
            {.name = "size", .kind = DR_OPTION_SIZE, .argument = "SIZE", .into = &(g)->size},      \
            {.name = "colour",                                                                     \
             .kind = DR_OPTION_CHOICE,                                                             \
             .argument = "COLOUR",                                                                 \
             .choices = colours,                                                                   \
             .into = &(g)->choice},                                                                \
            {.letter = 't',                                                                        \
             .name = "timeout",                                                                    \
             .kind = DR_OPTION_TIMEOUT,                                                            \
             .argument = "DURATION[:STATE]",                                                       \
             .into = &(g)->timeout},                                                               \
            {.name = "password-file",                                                              \
             .kind = DR_OPTION_TEXT,                                                               \
             .argument = "FILE",                                                                   \
             .into = &(g)->password_file},                                                         \
        {                                                                                          \
            .letter = 'e', .name = "extra-opts", .kind = DR_OPTION_TEXT, .argument = "[SECTION]",  \
            .optional_argument = true                                                              \
        }                                                                                          \
    }

#define WORDS_MAX 12

/* Reads "check" and the words up to the first NULL. */
static bool read_words(struct given *given, struct dr_error *error, const char *const *words)
{
    *given = (struct given){.timeout = {10, DR_CRITICAL}};
    *error = (struct dr_error){.class = DR_ERR_NONE};
    struct dr_option rows[] = ROWS(given);
    struct dr_option_table table = {rows, sizeof rows / sizeof *rows};
    char *argv[WORDS_MAX + 1] = {(char *)"check"};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++) {
        assert_true(argc < WORDS_MAX);
        argv[argc] = (char *)words[argc - 1];
    }
    return dr_options_read(&table, argc, argv, error);
}

#define READ(...) read_words(&given, &error, (const char *const[]){__VA_ARGS__, NULL})

static void free_given(struct given *given)
{
    struct dr_option rows[] = ROWS(given);
    dr_options_free(&(struct dr_option_table){rows, sizeof rows / sizeof *rows});
}

static void test_nothing(void **state)
{
    (void)state;
    struct given given;
    struct dr_error error;
    const char *const none[] = {NULL};
    assert_true(read_words(&given, &error, none));
    assert_null(given.text);
    assert_int_equal(given.texts.count, 0);
}

static void test_every_kind(void **state)
{
    (void)state;
    struct given given;
    struct dr_error error;
    assert_true(READ("-f", "-vvx", "abc", "--target=one", "-Ttwo", "--number", "12", "--rpo=90",
                     "--size=1024"));
    assert_true(given.flag);
    assert_int_equal(given.verbosity, 2);
    assert_string_equal(given.text, "abc");
    assert_int_equal(given.texts.count, 2);
    assert_string_equal(given.texts.items[0], "one");
    assert_string_equal(given.texts.items[1], "two");
    assert_true(given.integer.known);
    assert_int_equal(given.integer.value, 12);
    assert_true(given.duration.known);
    assert_true(given.duration.value == 90.0);
    assert_true(given.size.known);
    assert_int_equal(given.size.value, 1024);
    free_given(&given);
    assert_int_equal(given.texts.count, 0);
    assert_true(READ("--colour", "green", "-t5:unknown"));
    assert_int_equal(given.choice, 1);
    assert_true(given.timeout.seconds == 5.0);
    assert_int_equal(given.timeout.state, DR_UNKNOWN);
}

/* What is good by itself, with the reason why one could think otherwise. */
static void test_good(void **state)
{
    (void)state;
    struct given given;
    struct dr_error error;
    assert_true(READ("-x", "first", "-x", "last"));
    assert_string_equal(given.text, "last");
    assert_true(READ("--tex", "cut"));
    assert_string_equal(given.text, "cut");
    assert_true(READ("--password-f", "p"));
    assert_string_equal(given.password_file, "p");
    assert_true(READ("-x", "--flag")); /* the argument of -x, not an option */
    assert_string_equal(given.text, "--flag");
    assert_false(given.flag);
    assert_true(READ("-x", "--"));
    assert_string_equal(given.text, "--");
    assert_true(READ("-x", "-5:"));
    assert_string_equal(given.text, "-5:");
    assert_true(READ("--text=a=b"));
    assert_string_equal(given.text, "a=b");
    assert_true(READ("-f", "--"));
    assert_true(READ("--extra-opts", "-f"));
    assert_true(given.flag);
    assert_true(READ("--extra-opts=", "--extra-opts=a", "-e", "-ea", "-f"));
    assert_true(given.flag);
    assert_true(READ("-n", "007"));
    assert_int_equal(given.integer.value, 7);
    assert_true(READ("-n", "9223372036854775807"));
    assert_true(given.integer.value == INT64_MAX);
}

struct bad_case {
    const char *words[5];
    const char *text;
};

static const struct bad_case bad_cases[] = {
    {{"--bogus"}, "unknown option '--bogus'"},
    {{"--targte=secret"}, "unknown option '--targte': did you mean '--target'?"},
    {{"--targets", "secret"}, "unknown option '--targets': did you mean '--target'?"},
    {{"--password", "secret"}, "unknown option '--password': did you mean '--password-file'?"},
    {{"--password=secret"}, "unknown option '--password': did you mean '--password-file'?"},
    {{"--verbos3"}, "unknown option '--verbos3': did you mean '--verbose'?"},
    {{"--verb=secret"}, "option '--verb' takes no argument"},
    {{"--t", "x"}, "option '--t' could be '--text' or '--timeout'"},
    {{"--=secret"}, "unknown option '--'"},
    {{"-psecret"}, "unknown option '-p'"},
    {{"-vq"}, "unknown option '-q'"},
    {{"-f=secret"}, "unknown option '-='"},
    {{"-x"}, "option '-x' (--text) needs an argument: TEXT"},
    {{"-fx"}, "option '-x' (--text) needs an argument: TEXT"},
    {{"--text"}, "option '--text' needs an argument: TEXT"},
    {{"--tex"}, "option '--tex' needs an argument: TEXT"},
    {{"-x", ""}, "option '-x' (--text) has an empty argument, TEXT is needed"},
    {{"--target="}, "option '--target' has an empty argument, URI is needed"},
    {{"db1"}, "argument 'db1' belongs to no option"},
    {{"-f", "db1", "-x", "a"}, "argument 'db1' belongs to no option"},
    {{"--", "db1"}, "argument 'db1' belongs to no option"},
    {{"-"}, "argument '-' belongs to no option"},
    {{"--", "-f"}, "argument '-f' belongs to no option"},
    {{""}, "argument number 1 of the command line belongs to no option"},
    {{"-f", "postgresql://u:secret@db1"},
     "argument number 2 of the command line belongs to no option"},
    {{"--extra-opts", "dr"}, "argument 'dr' belongs to no option"},
    {{"-n", "12x"}, "option '-n' (--number): '12x' is not a whole number"},
    {{"-n", "-1"}, "option '-n' (--number): '-1' is not a whole number"},
    {{"-n", "9223372036854775808"}, "option '-n' (--number): '9223372036854775808' is too large"},
    {{"--number", " 1"}, "option '--number': ' 1' is not a whole number"},
    {{"--colour=blue"}, "option '--colour': 'blue' is not one of red, green"},
    {{"--colour=gre"}, "option '--colour': 'gre' is not one of red, green"},
    {{"-t", "5:bad"},
     "option '-t' (--timeout): 'bad' is not a state: warning, critical or unknown"},
    {{"-t", "5:"}, "option '-t' (--timeout): '' is not a state: warning, critical or unknown"},
    {{"-t", "5:ok"}, "option '-t' (--timeout): a timeout cannot be OK: nothing was seen"},
    {{"-t", "0"}, "option '-t' (--timeout): a timeout must be more than 0 s"},
    {{"-n", "x", "--bogus"},
     "option '-n' (--number): 'x' is not a whole number"}, /* the first one counts */
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        struct given given;
        struct dr_error error;
        if (read_words(&given, &error, bad_cases[i].words))
            fail_msg("accepted, but should say: %s", bad_cases[i].text);
        assert_string_equal(error.text, bad_cases[i].text);
        assert_int_equal(error.class, DR_ERR_USAGE);
        assert_null(strstr(error.text, "secret"));
        free_given(&given);
    }
}

/* The texts of these come from the parsers; the option's name in front is ours. */
static void test_bad_units(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {{"--rpo=5x"}, "option '--rpo': "},
        {{"--size=abc"}, "option '--size': "},
        {{"-t", ":critical"}, "option '-t' (--timeout): "},
        {{"-t", "5x:critical"}, "option '-t' (--timeout): "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct given given;
        struct dr_error error;
        assert_false(read_words(&given, &error, cases[i].words));
        assert_memory_equal(error.text, cases[i].text, strlen(cases[i].text));
        assert_true(strlen(error.text) > strlen(cases[i].text));
        assert_false(given.duration.known);
        assert_false(given.size.known);
        assert_true(given.timeout.seconds == 10.0);
    }
}

static void test_help_wins(void **state)
{
    (void)state;
    struct given given;
    struct dr_error error;
    assert_true(READ("--bogus", "-n", "x", "positional", "--help"));
    assert_true(given.help);
    assert_true(READ("-h", "--bogus"));
    assert_true(given.help);
    assert_true(READ("-V", "-n"));
    assert_true(given.version);
    assert_false(READ("-n", "--help")); /* that is the argument of -n */
    assert_false(READ("--", "--help"));
    assert_false(given.help);
}

/* getopt keeps its place in static memory: a run that ended inside a cluster must not leak into the
 * next. */
static void test_again(void **state)
{
    (void)state;
    struct given given;
    struct dr_error error;
    for (int i = 0; i < 3; i++) {
        assert_false(READ("-vqvf"));
        assert_false(READ("--", "x"));
        assert_true(READ("-v", "-f"));
        assert_int_equal(given.verbosity, 1);
        assert_true(given.flag);
    }
}

static void test_long_words(void **state)
{
    (void)state;
    struct given given;
    struct dr_error error;
    char word[4096];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    memcpy(word, "--", 2);
    assert_false(READ(word));
    assert_true(strlen(error.text) < 120);
    assert_false(READ("--text", "x", word + 2));
    assert_true(strlen(error.text) < 120);
    assert_false(READ("-t", word + 2));
    assert_true(strlen(error.text) < 120);
    assert_false(READ("--colour", word + 2));
    assert_true(strlen(error.text) < 120);
}

static void test_no_words(void **state)
{
    (void)state;
    struct given given = {.flag = false};
    struct dr_error error;
    struct dr_option rows[] = ROWS(&given);
    struct dr_option_table table = {rows, sizeof rows / sizeof *rows};
    char *argv[] = {NULL};
    assert_true(dr_options_read(&table, 0, argv, &error));
}

static void test_timeout(void **state)
{
    (void)state;
    struct dr_error error;
    struct dr_timeout timeout = {10, DR_CRITICAL};
    assert_true(dr_timeout_parse("5m", &timeout, &error));
    assert_true(timeout.seconds == 300.0);
    assert_int_equal(timeout.state, DR_CRITICAL);
    assert_true(dr_timeout_parse("1:WARNING", &timeout, &error));
    assert_int_equal(timeout.state, DR_WARNING);
    assert_true(dr_timeout_parse("1", &timeout, &error));
    assert_int_equal(timeout.state, DR_WARNING);
    assert_false(dr_timeout_parse("2:unknown:", &timeout, &error));
    assert_true(timeout.seconds == 1.0);
    assert_int_equal(timeout.state, DR_WARNING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),   cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_good),      cmocka_unit_test(test_bad),
        cmocka_unit_test(test_bad_units), cmocka_unit_test(test_help_wins),
        cmocka_unit_test(test_again),     cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_no_words),  cmocka_unit_test(test_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
