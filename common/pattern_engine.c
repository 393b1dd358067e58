/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The only file that knows PCRE2. It is a module of its own, loaded with the first pattern: most
 * runs have none. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "common/pattern_engine.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* Names are short: what needs more steps than this is an expression that backtracks without end. */
#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 10000

struct expression {
    pcre2_code *code;
    pcre2_match_context *context;
    pcre2_match_data *match;
};

static bool compile(struct expression *pattern, const char *text, struct dr_error *error)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    if (text[0] == '\0')
        return dr_error_set(error, DR_ERR_USAGE,
                            "bad expression \"\", position 1: an empty one would match every name");
    pattern->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &code, &offset, NULL);
    if (pattern->code == NULL) {
        PCRE2_UCHAR reason[160] = "";
        pcre2_get_error_message(code, reason, sizeof reason);
        return dr_error_set(error, DR_ERR_USAGE, "bad expression \"%.80s%s\", position %zu: %s",
                            text, strlen(text) > 80 ? "..." : "", (size_t)offset + 1,
                            (char *)reason);
    }
    pattern->context = pcre2_match_context_create(NULL);
    pattern->match = pcre2_match_data_create(1, NULL);
    if (pattern->context == NULL || pattern->match == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    pcre2_set_match_limit(pattern->context, MATCH_LIMIT);
    pcre2_set_depth_limit(pattern->context, DEPTH_LIMIT);
    return true;
}

static void free_expression(void *memory)
{
    struct expression *pattern = memory;
    pcre2_match_data_free(pattern->match);
    pcre2_match_context_free(pattern->context);
    pcre2_code_free(pattern->code);
    free(pattern);
}

static void *new_expression(const char *text, struct dr_error *error)
{
    struct expression *pattern = calloc(1, sizeof *pattern);
    if (pattern == NULL) {
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        return NULL;
    }
    if (compile(pattern, text, error))
        return pattern;
    free_expression(pattern);
    return NULL;
}

static enum dr_match match(void *memory, const char *name)
{
    struct expression *pattern = memory;
    int result = pcre2_match(pattern->code, (PCRE2_SPTR)name, PCRE2_ZERO_TERMINATED, 0, 0,
                             pattern->match, pattern->context);
    if (result >= 0)
        return DR_MATCH_YES;
    return result == PCRE2_ERROR_NOMATCH ? DR_MATCH_NO : DR_MATCH_OVERRUN;
}

extern const struct dr_pattern_engine dr_pattern_engine;
const struct dr_pattern_engine dr_pattern_engine = {
    .abi = DR_PATTERN_ABI,
    .new_expression = new_expression,
    .free_expression = free_expression,
    .match = match,
};
