/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command lines of tests/vectors/extra_opts/vectors.tsv, and the options that they are for. */
#ifndef TESTS_UNIT_EXTRA_OPTS_WORDS_H
#define TESTS_UNIT_EXTRA_OPTS_WORDS_H

#include "tests/unit/vectors.h"

#include "common/extra_opts.h"

#define WORDS_MAX 16
#define WORD_SIZE 4096

struct words {
    char path[WORD_SIZE];
    char storage[WORDS_MAX][WORD_SIZE];
    char *argv[WORDS_MAX];
    int argc;
};

static const struct dr_option words_rows[] = {
    {.letter = 'w', .name = "warning", .kind = DR_OPTION_TEXT, .argument = "RANGE"},
    {.letter = 'c', .name = "critical", .kind = DR_OPTION_TEXT, .argument = "RANGE"},
    {.name = "text", .kind = DR_OPTION_TEXT, .argument = "TEXT"},
    {.letter = 'v', .name = "verbose", .kind = DR_OPTION_COUNT},
    {.name = "extra-opts",
     .kind = DR_OPTION_TEXT,
     .argument = "[SECTION][@FILE]",
     .optional_argument = true},
};
static const struct dr_option_table words_table = {words_rows,
                                                   sizeof words_rows / sizeof words_rows[0]};

/* Fills argv with "check_x" and the words between the "|" of list, in which "FILE" stands for the
 * row's file, and sets MP_CONFIG_FILE. */
static inline void words_split(struct words *words, const char *file, const char *list)
{
    char path[WORD_SIZE / 2], copy[WORD_SIZE / 2];
    snprintf(path, sizeof path, "%s/vectors/extra_opts/%s", DR_TESTS, file);
    snprintf(words->path, sizeof words->path, "%s", path);
    snprintf(copy, sizeof copy, "%s", list);
    setenv("MP_CONFIG_FILE", path, 1);
    words->argc = 0;
    words->argv[words->argc++] = (char *)"check_x";
    for (char *at = strtok(copy, "|"); at != NULL; at = strtok(NULL, "|")) {
        if (words->argc == WORDS_MAX - 1)
            VECTOR_FAIL("too many words: %s", list);
        const char *mark = strstr(at, "FILE");
        char *word = words->storage[words->argc];
        int size = mark == NULL ? snprintf(word, WORD_SIZE, "%s", at)
                                : snprintf(word, WORD_SIZE, "%.*s%s%s", (int)(mark - at), at, path,
                                           mark + 4);
        if (size < 0 || size >= WORD_SIZE)
            VECTOR_FAIL("too long: %s", list);
        words->argv[words->argc++] = word;
    }
    words->argv[words->argc] = NULL;
}

#endif
