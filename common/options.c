/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/options.h"

#include "common/duration.h"
#include "common/size.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* getopt.h defines it as 2, in the way of the table's field of that name. */
#undef optional_argument
#define ARGUMENT_OPTIONAL 2

/* getopt_long's values for long options: behind every letter. */
#define LONG_BASE 256
/* Longest part of a word that is repeated in an error. */
#define SHOWN 60

/* What getopt_long wants, made from the table. */
struct getopt_input {
    char *letters;
    struct option *names;
};

bool dr_option_takes_argument(const struct dr_option *option)
{
    return option->kind != DR_OPTION_FLAG && option->kind != DR_OPTION_COUNT;
}

const struct dr_option *dr_options_find_letter(const struct dr_option_table *table, char letter)
{
    for (size_t i = 0; i < table->count; i++) {
        if (letter != '\0' && table->rows[i].letter == letter)
            return &table->rows[i];
    }
    return NULL;
}

/* ---- names ---- */

#define NAME_MAX_LENGTH 63

static size_t least(size_t a, size_t b, size_t c)
{
    size_t two = a < b ? a : b;
    return two < c ? two : c;
}

/* Edits (insert, delete, replace) between two names: Wagner and Fischer 1974, with one row of the
 * matrix. */
static size_t name_distance(const char *a, size_t a_length, const char *b)
{
    size_t row[NAME_MAX_LENGTH + 1];
    size_t b_length = strlen(b);
    if (a_length > NAME_MAX_LENGTH || b_length > NAME_MAX_LENGTH)
        return NAME_MAX_LENGTH;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = least(replaced, row[j] + 1, row[j - 1] + 1);
        }
    }
    return row[b_length];
}

static bool unknown_name(const struct dr_option_table *table, const char *name, size_t length,
                         struct dr_error *error)
{
    const char *closest = NULL;
    size_t best = length / 3 + 2; /* farther away it is another word, not a slip */
    for (size_t i = 0; i < table->count; i++) {
        const char *known = table->rows[i].name;
        size_t distance = name_distance(name, length, known);
        if (length >= 3 && strncmp(known, name, length) == 0)
            distance = 0;
        if (distance < best) {
            best = distance;
            closest = known;
        }
    }
    int shown = length < SHOWN ? (int)length : SHOWN;
    if (closest == NULL)
        return dr_error_set(error, DR_ERR_USAGE, "unknown option '--%.*s'", shown, name);
    return dr_error_set(error, DR_ERR_USAGE, "unknown option '--%.*s': did you mean '--%s'?", shown,
                        name, closest);
}

const struct dr_option *dr_options_find(const struct dr_option_table *table, const char *name,
                                        size_t length, struct dr_error *error)
{
    const struct dr_option *found = NULL;
    const struct dr_option *other = NULL;
    for (size_t i = 0; i < table->count && length > 0; i++) {
        const struct dr_option *row = &table->rows[i];
        if (strncmp(row->name, name, length) != 0)
            continue;
        if (row->name[length] == '\0')
            return row;
        if (found == NULL)
            found = row;
        else
            other = row;
    }
    if (found != NULL && other != NULL) {
        dr_error_set(error, DR_ERR_USAGE, "option '--%.*s' could be '--%s' or '--%s'", (int)length,
                     name, found->name, other->name);
        return NULL;
    }
    if (found == NULL || found->name[length] == '-') {
        unknown_name(table, name, length, error);
        return NULL;
    }
    return found;
}

/* ---- arguments ---- */

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory while the options were read");
}

bool dr_timeout_parse(const char *text, struct dr_timeout *timeout, struct dr_error *error)
{
    struct dr_timeout result = *timeout;
    const char *colon = strchr(text, ':');
    char duration[64];
    size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);
    if (length >= sizeof duration)
        return dr_error_set(error, DR_ERR_USAGE, "the duration is too long");
    memcpy(duration, text, length);
    duration[length] = '\0';
    if (!dr_duration_parse(duration, &result.seconds, error))
        return false;
    if (result.seconds <= 0)
        return dr_error_set(error, DR_ERR_USAGE, "a timeout must be more than 0 s");
    if (colon != NULL && !dr_state_parse(colon + 1, &result.state))
        return dr_error_set(error, DR_ERR_USAGE,
                            "'%.*s' is not a state: warning, critical or unknown", SHOWN,
                            colon + 1);
    if (colon != NULL && result.state == DR_OK)
        return dr_error_set(error, DR_ERR_USAGE, "a timeout cannot be OK: nothing was seen");
    *timeout = result;
    return true;
}

static bool integer_parse(const char *text, struct dr_opt_int *into, struct dr_error *error)
{
    int64_t value = 0;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9')
            return dr_error_set(error, DR_ERR_USAGE, "'%.*s' is not a whole number", SHOWN, text);
        if (value > (INT64_MAX - (*p - '0')) / 10)
            return dr_error_set(error, DR_ERR_USAGE, "'%.*s' is too large", SHOWN, text);
        value = 10 * value + (*p - '0');
    }
    *into = dr_int(value);
    return true;
}

static bool choice_parse(const struct dr_option *option, const char *text, struct dr_error *error)
{
    char known[256] = "";
    size_t used = 0;
    for (int i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *(int *)option->into = i;
            return true;
        }
        if (used < sizeof known)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                                     option->choices[i]);
    }
    return dr_error_set(error, DR_ERR_USAGE, "'%.*s' is not one of %s", SHOWN, text, known);
}

static bool list_append(struct dr_text_list *list, char *text, struct dr_error *error)
{
    char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (items == NULL)
        return no_memory(error);
    list->items = items;
    list->items[list->count++] = text;
    return true;
}

static bool duration_store(struct dr_opt_real *into, const char *text, struct dr_error *error)
{
    double seconds;
    if (!dr_duration_parse(text, &seconds, error))
        return false;
    *into = dr_real(seconds);
    return true;
}

static bool size_store(struct dr_opt_int *into, const char *text, struct dr_error *error)
{
    int64_t bytes;
    if (!dr_size_parse(text, &bytes, error))
        return false;
    *into = dr_int(bytes);
    return true;
}

static bool store(const struct dr_option *option, char *text, struct dr_error *error)
{
    if (option->into == NULL)
        return true;
    switch (option->kind) {
    case DR_OPTION_FLAG:
        *(bool *)option->into = true;
        return true;
    case DR_OPTION_COUNT:
        ++*(int *)option->into;
        return true;
    case DR_OPTION_TEXT:
        *(char **)option->into = text;
        return true;
    case DR_OPTION_TEXTS:
        return list_append(option->into, text, error);
    case DR_OPTION_INTEGER:
        return integer_parse(text, option->into, error);
    case DR_OPTION_DURATION:
        return duration_store(option->into, text, error);
    case DR_OPTION_SIZE:
        return size_store(option->into, text, error);
    case DR_OPTION_CHOICE:
        return choice_parse(option, text, error);
    case DR_OPTION_TIMEOUT:
        return dr_timeout_parse(text, option->into, error);
    }
    return dr_error_set(error, DR_ERR_INTERNAL, "an option of an unknown kind");
}

/* ---- the command line ---- */

/* How the option was typed: "'--warn'" without its value, "'-w' (--warning)" out of "-vw5". */
static void typed(const char *word, int letter, const struct dr_option *option, char *buffer,
                  size_t size)
{
    if (strncmp(word, "--", 2) == 0)
        snprintf(buffer, size, "'%.*s'", (int)strcspn(word, "="), word);
    else if (option != NULL)
        snprintf(buffer, size, "'-%c' (--%s)", option->letter, option->name);
    else
        snprintf(buffer, size, "'-%c'", letter);
}

static bool take(const struct dr_option *option, const char *name, char *text,
                 struct dr_error *error)
{
    if (dr_option_takes_argument(option) && !option->optional_argument && text[0] == '\0')
        return dr_error_set(error, DR_ERR_USAGE, "option %s has an empty argument, %s is needed",
                            name, option->argument);
    return store(option, text, error) || dr_error_prefix(error, "option %s", name);
}

/* One answer of getopt_long about argv[at]. */
static bool read_one(const struct dr_option_table *table, int answer, const char *word,
                     struct dr_error *error)
{
    bool failed = answer == '?' || answer == ':';
    int value = failed ? optopt : answer;
    const struct dr_option *option = value >= LONG_BASE
                                         ? &table->rows[value - LONG_BASE]
                                         : dr_options_find_letter(table, (char)value);
    char name[SHOWN + 16];
    typed(word, value, option, name, sizeof name);
    if (option == NULL)
        return dr_error_set(error, DR_ERR_USAGE, "unknown option %s", name);
    if (answer == ':')
        return dr_error_set(error, DR_ERR_USAGE, "option %s needs an argument: %s", name,
                            option->argument);
    if (failed)
        return dr_error_set(error, DR_ERR_USAGE, "option %s takes no argument", name);
    return take(option, name, optarg, error);
}

static bool positional(const char *word, int at, struct dr_error *error)
{
    /* What looks like a URI, a key or a user may carry a password. */
    if (strpbrk(word, ":@=") == NULL && word[0] != '\0')
        return dr_error_set(error, DR_ERR_USAGE, "argument '%.*s' belongs to no option", SHOWN,
                            word);
    return dr_error_set(error, DR_ERR_USAGE,
                        "argument number %d of the command line belongs to no option", at);
}

/* Reads the option, or part of a cluster of letters, at argv[optind]; *end is set where no option
 * can follow. */
static bool read_next(const struct dr_option_table *table, const struct getopt_input *input,
                      int argc, char **argv, bool *end, struct dr_error *error)
{
    int at = optind;
    char *word = argv[at];
    if (strncmp(word, "--", 2) == 0 && word[2] != '\0' &&
        dr_options_find(table, word + 2, strcspn(word + 2, "="), error) == NULL) {
        optind++;
        return false;
    }
    int answer = getopt_long(argc, argv, input->letters, input->names, NULL);
    if (answer != -1)
        return read_one(table, answer, word, error);
    *end = strcmp(word, "--") == 0;
    if (*end && optind >= argc)
        return true;
    at = optind;
    optind++;
    return positional(argv[at], at, error);
}

static bool input_make(const struct dr_option_table *table, struct getopt_input *input)
{
    input->letters = calloc(3 * table->count + 3, 1);
    input->names = calloc(table->count + 1, sizeof *input->names);
    if (input->letters == NULL || input->names == NULL)
        return false;
    char *p = input->letters;
    *p++ = '+'; /* no permutation: a word that is no option is seen where it stands */
    *p++ = ':';
    for (size_t i = 0; i < table->count; i++) {
        const struct dr_option *row = &table->rows[i];
        int argument = no_argument;
        if (dr_option_takes_argument(row))
            argument = row->optional_argument ? ARGUMENT_OPTIONAL : required_argument;
        input->names[i] = (struct option){row->name, argument, NULL, LONG_BASE + (int)i};
        if (row->letter == '\0')
            continue;
        *p++ = row->letter;
        for (int colons = argument; colons > 0; colons--)
            *p++ = ':';
    }
    return true;
}

static bool asks_for_help(const struct dr_option_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct dr_option *row = &table->rows[i];
        bool asks = strcmp(row->name, "help") == 0 || strcmp(row->name, "version") == 0;
        if (asks && row->kind == DR_OPTION_FLAG && row->into != NULL && *(bool *)row->into)
            return true;
    }
    return false;
}

static bool read_all(const struct dr_option_table *table, const struct getopt_input *input,
                     int argc, char **argv, struct dr_error *error)
{
    static const struct option none[] = {{NULL, 0, NULL, 0}};
    bool good = true;
    opterr = 0;
    optind = 0;
    getopt_long(argc < 1 ? argc : 1, argv, "+:", none, NULL); /* starts afresh, at word 1 */
    for (bool end = false; optind < argc && !end;) {
        struct dr_error later;
        if (!read_next(table, input, argc, argv, &end, good ? error : &later))
            good = false;
    }
    return good || asks_for_help(table);
}

bool dr_options_read(const struct dr_option_table *table, int argc, char **argv,
                     struct dr_error *error)
{
    struct getopt_input input = {NULL, NULL};
    bool good =
        input_make(table, &input) ? read_all(table, &input, argc, argv, error) : no_memory(error);
    free(input.letters);
    free(input.names);
    return good;
}

void dr_options_free(const struct dr_option_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct dr_option *row = &table->rows[i];
        if (row->kind != DR_OPTION_TEXTS || row->into == NULL)
            continue;
        struct dr_text_list *list = row->into;
        free(list->items);
        *list = (struct dr_text_list){NULL, 0};
    }
}
