/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a condition is made of: shared by condition.c, which reads it, and condition_test.c, which
 * tests it and is not linked into the executable. */
#ifndef LIVENESS_CONDITION_PARTS_H
#define LIVENESS_CONDITION_PARTS_H

#include "common/pattern.h"
#include "plugins/liveness/condition.h"

enum liv_subject { LIV_OF_STATUS, LIV_OF_POINTER, LIV_OF_HEADER, LIV_OF_BODY };

enum liv_compare {
    LIV_IS_THERE,
    LIV_IS_NOT_THERE,
    LIV_EQUAL,
    LIV_UNEQUAL,
    LIV_LESS,
    LIV_LESS_OR_EQUAL,
    LIV_MORE,
    LIV_MORE_OR_EQUAL,
    LIV_MATCHES,
    LIV_MATCHES_NOT
};

struct liv_condition {
    enum liv_subject subject;
    enum liv_compare compare;
    char *name;     /* of the header, or the pointer, as it was written; NULL */
    char *fallback; /* the value where there is none; NULL: unknown then */
    char *value;    /* to compare with; NULL */
    double number;  /* the same, for less and more */
    struct dr_pattern *pattern;
};

struct liv_conditions {
    struct liv_condition *items;
    size_t count;
};

/* The token at the beginning of a pointer, which points to its "/"; up to, and without, the next
 * "/", "]" and all in an element's brackets. */
size_t liv_token_length(const char *pointer);

/* Reads a number as JSON writes it. False for any other text. */
bool liv_number_read(const char *text, double *number);

#endif
