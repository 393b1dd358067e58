/* SPDX-License-Identifier: GPL-3.0-or-later */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "common/pattern.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* Names are short: what needs more steps than this is an expression that backtracks without end. */
#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 10000

struct dr_pattern {
    char *text;
    pcre2_code *code;
    pcre2_match_context *context;
    pcre2_match_data *match;
    bool overrun;
};

static bool compile(struct dr_pattern *pattern, const char *text, struct dr_error *error)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    if (text[0] == '\0')
        return dr_error_set(error, DR_ERR_USAGE,
                            "bad expression \"\", position 1: an empty one would match every name");
    pattern->text = strdup(text);
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
    if (pattern->text == NULL || pattern->context == NULL || pattern->match == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    pcre2_set_match_limit(pattern->context, MATCH_LIMIT);
    pcre2_set_depth_limit(pattern->context, DEPTH_LIMIT);
    return true;
}

struct dr_pattern *dr_pattern_new(const char *text, struct dr_error *error)
{
    struct dr_pattern *pattern = calloc(1, sizeof *pattern);
    if (pattern == NULL) {
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        return NULL;
    }
    if (compile(pattern, text, error))
        return pattern;
    dr_pattern_free(pattern);
    return NULL;
}

void dr_pattern_free(struct dr_pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_match_data_free(pattern->match);
    pcre2_match_context_free(pattern->context);
    pcre2_code_free(pattern->code);
    free(pattern->text);
    free(pattern);
}

const char *dr_pattern_text(const struct dr_pattern *pattern)
{
    return pattern->text;
}

bool dr_pattern_matches(struct dr_pattern *pattern, const char *name)
{
    int result = pcre2_match(pattern->code, (PCRE2_SPTR)name, PCRE2_ZERO_TERMINATED, 0, 0,
                             pattern->match, pattern->context);
    if (result < 0 && result != PCRE2_ERROR_NOMATCH)
        pattern->overrun = true;
    return result >= 0;
}

bool dr_pattern_overrun(const struct dr_pattern *pattern)
{
    return pattern->overrun;
}

bool dr_selection_add(struct dr_selection *selection, bool exclude, const char *text,
                      struct dr_error *error)
{
    struct dr_pattern ***list = exclude ? &selection->exclude : &selection->include;
    size_t *count = exclude ? &selection->exclude_count : &selection->include_count;
    struct dr_pattern *pattern = dr_pattern_new(text, error);
    if (pattern == NULL)
        return false;
    struct dr_pattern **longer = realloc(*list, (*count + 1) * sizeof *longer);
    if (longer == NULL) {
        dr_pattern_free(pattern);
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    }
    longer[(*count)++] = pattern;
    *list = longer;
    return true;
}

static bool any_matches(struct dr_pattern **patterns, size_t count, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < count && !found; i++)
        found = dr_pattern_matches(patterns[i], name);
    return found;
}

bool dr_selection_has(const struct dr_selection *selection, const char *name)
{
    return (selection->include_count == 0 ||
            any_matches(selection->include, selection->include_count, name)) &&
           !any_matches(selection->exclude, selection->exclude_count, name);
}

static bool any_overrun(struct dr_pattern *const *patterns, size_t count)
{
    bool found = false;
    for (size_t i = 0; i < count; i++)
        found = found || patterns[i]->overrun;
    return found;
}

bool dr_selection_overrun(const struct dr_selection *selection)
{
    return any_overrun(selection->include, selection->include_count) ||
           any_overrun(selection->exclude, selection->exclude_count);
}

static void free_list(struct dr_pattern **patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dr_pattern_free(patterns[i]);
    free(patterns);
}

void dr_selection_free(struct dr_selection *selection)
{
    free_list(selection->include, selection->include_count);
    free_list(selection->exclude, selection->exclude_count);
    *selection = (struct dr_selection){0};
}
