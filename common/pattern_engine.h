/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What common/pattern.c needs of a regular expression library. */
#ifndef DR_PATTERN_ENGINE_H
#define DR_PATTERN_ENGINE_H

#include "common/error.h"

#define DR_PATTERN_ABI 1u

enum dr_match {
    DR_MATCH_NO = 0,
    DR_MATCH_YES,
    DR_MATCH_OVERRUN /* the match limits were reached */
};

struct dr_pattern_engine {
    unsigned abi;
    /* NULL with position and reason in error when it cannot be compiled. */
    void *(*new_expression)(const char *text, struct dr_error *error);
    void (*free_expression)(void *expression);
    enum dr_match (*match)(void *expression, const char *name);
};

#endif
