/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pattern.h"

#include "common/module.h"
#include "common/pattern_engine.h"

#include <stdlib.h>

struct dr_pattern {
    const struct dr_pattern_engine *engine;
    void *expression;
    bool overrun;
};

#ifdef DR_STATIC_SOURCES
extern const struct dr_pattern_engine dr_pattern_engine;
static const struct dr_pattern_engine *find_engine(struct dr_error *error)
{
    (void)error;
    return &dr_pattern_engine;
}
#else
static const struct dr_pattern_engine *find_engine(struct dr_error *error)
{
    const struct dr_pattern_engine *engine =
        dr_module_symbol("common-pattern", "dr_pattern_engine", "libpcre2-8-0", error);
    if (engine != NULL && engine->abi != DR_PATTERN_ABI) {
        dr_error_set(error, DR_ERR_MODULE,
                     "common-pattern.so is of another build than this executable");
        return NULL;
    }
    return engine;
}
#endif

struct dr_pattern *dr_pattern_new(const char *text, struct dr_error *error)
{
    struct dr_pattern *pattern = calloc(1, sizeof *pattern);
    if (pattern == NULL) {
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        return NULL;
    }
    pattern->engine = find_engine(error);
    if (pattern->engine != NULL)
        pattern->expression = pattern->engine->new_expression(text, error);
    if (pattern->expression != NULL)
        return pattern;
    dr_pattern_free(pattern);
    return NULL;
}

void dr_pattern_free(struct dr_pattern *pattern)
{
    if (pattern == NULL)
        return;
    if (pattern->expression != NULL)
        pattern->engine->free_expression(pattern->expression);
    free(pattern);
}

bool dr_pattern_matches(struct dr_pattern *pattern, const char *name)
{
    enum dr_match result = pattern->engine->match(pattern->expression, name);
    if (result == DR_MATCH_OVERRUN)
        pattern->overrun = true;
    return result == DR_MATCH_YES;
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
