/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the fuzz programs share. A broken property ends the process, which the fuzzer reports with
 * the input. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes as a text of exactly their length, so that a byte read too far is found; the caller
 * frees it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    MUST(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* A parse error is of the user, in one line, with a position within the text and a reason. */
static inline void fuzz_check_error(const struct dr_error *error, const char *text)
{
    const char *found = error->text, *last = NULL;
    MUST(error->class == DR_ERR_USAGE);
    MUST(strlen(error->text) < sizeof error->text);
    MUST(strpbrk(error->text, "\n\r\t") == NULL);
    while ((found = strstr(found, "position ")) != NULL)
        last = found++;
    MUST(last != NULL);
    char *behind = NULL;
    unsigned long position = strtoul(last + strlen("position "), &behind, 10);
    MUST(position >= 1 && position <= strlen(text) + 1);
    MUST(strncmp(behind, ": ", 2) == 0 && strlen(behind) > 8);
}

/* Takes the blank of "12 s" out. */
static inline void fuzz_remove_blank(char *text)
{
    char *blank = strchr(text, ' ');
    if (blank != NULL)
        memmove(blank, blank + 1, strlen(blank));
}

#endif
