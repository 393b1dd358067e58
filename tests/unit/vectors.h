/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the tables of tests/vectors: lines of columns separated by one tab; empty lines and lines
 * that begin with "#" are comments. Whatever is wrong with a table fails the test. */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a test ends that cannot read its table; a program without cmocka brings its own. */
#ifndef VECTOR_FAIL
#include <cmocka.h>
#define VECTOR_FAIL fail_msg
#endif

#define VECTOR_COLUMNS_MAX 16

/* Splits at the tabs, in place; returns how many columns there are. */
static inline size_t vector_split(char *line, char **columns)
{
    size_t count = 0;
    for (char *at = line; at != NULL && count < VECTOR_COLUMNS_MAX;) {
        columns[count++] = at;
        at = strchr(at, '\t');
        if (at != NULL)
            *at++ = '\0';
    }
    return count;
}

/* Takes the double quotes off. */
static inline char *vector_unquote(char *text)
{
    size_t length = strlen(text);
    if (length < 2 || text[0] != '"' || text[length - 1] != '"')
        VECTOR_FAIL("%s is not in double quotes", text);
    text[length - 1] = '\0';
    return text + 1;
}

/* Calls check for each row and returns how many there were. The file is closed by then: check may
 * fork. */
static inline size_t vectors_read(const char *name, size_t columns, void (*check)(char **column))
{
    static char text[1 << 18];
    char path[4096];
    char *column[VECTOR_COLUMNS_MAX];
    size_t rows = 0;
    snprintf(path, sizeof path, "%s/vectors/%s", DR_TESTS, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        VECTOR_FAIL("%s cannot be opened", path);
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    if (size == 0 || size == sizeof text || text[size - 1] != '\n')
        VECTOR_FAIL("%s is empty, too long or has no end of line", path);
    text[size] = '\0';
    for (char *line = text, *next; *line != '\0'; line = next) {
        next = strchr(line, '\n');
        *next++ = '\0';
        if (line[0] == '\0' || line[0] == '#')
            continue;
        if (vector_split(line, column) != columns)
            VECTOR_FAIL("%s: not %zu columns: %s", name, columns, line);
        check(column);
        rows++;
    }
    return rows;
}

/* True when the error names the position and holds the part of a reason. */
static inline bool vector_error_is(const char *error, const char *position, const char *reason)
{
    char expected[64];
    snprintf(expected, sizeof expected, "position %s: ", position);
    const char *found = strstr(error, expected);
    return found != NULL && strstr(found, reason) != NULL && strchr(error, '\n') == NULL;
}

#endif
