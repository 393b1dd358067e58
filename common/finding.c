/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/finding.h"

#include "common/buffer.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Far more than the report shows of a text: a secret that starts in the part that is shown is whole
 * here, so that it can still be recognised and masked. */
#define TEXT_KEPT 16384

/* A cleaned copy; NULL when out of memory. */
static char *keep(const char *text)
{
    char *copy = dr_text_clean(text, TEXT_KEPT);
    if (copy == NULL)
        return NULL;
    size_t start = strspn(copy, " ");
    size_t size = strlen(copy + start);
    while (size > 0 && copy[start + size - 1] == ' ')
        size--;
    memmove(copy, copy + start, size);
    copy[size] = '\0';
    return copy;
}

__attribute__((format(printf, 1, 0))) static char *keep_format(const char *format, va_list args)
{
    struct dr_buffer buffer = DR_BUFFER(TEXT_KEPT);
    dr_buffer_addv(&buffer, format, args);
    char *text = buffer.no_memory ? NULL : keep(dr_buffer_text(&buffer));
    dr_buffer_free(&buffer);
    return text;
}

void dr_result_init(struct dr_result *result, const char *service)
{
    *result = (struct dr_result){.service = service, .verdict_state = DR_UNKNOWN};
}

static void free_finding(struct dr_finding *finding)
{
    free(finding->subject);
    free(finding->text);
    free(finding->next);
    free(finding->detail);
}

static void free_figure(struct dr_figure *figure)
{
    free(figure->label);
    free(figure->metric);
    free(figure->meaning);
    free(figure->node);
}

void dr_result_free(struct dr_result *result)
{
    for (size_t i = 0; i < result->finding_count; i++)
        free_finding(&result->findings[i]);
    for (size_t i = 0; i < result->figure_count; i++)
        free_figure(&result->figures[i]);
    free(result->findings);
    free(result->figures);
    free(result->verdict);
    dr_result_init(result, result->service);
}

void dr_result_verdict(struct dr_result *result, enum dr_state state, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *verdict = keep_format(format, args);
    va_end(args);
    if (verdict == NULL)
        result->out_of_memory = true;
    free(result->verdict);
    result->verdict = verdict;
    result->verdict_state = state;
}

/* ---- findings ---- */

/* Makes room for one element more, for as many again where the room is full; false, and
 * result->out_of_memory, when there is none. */
static bool grow(struct dr_result *result, void **items, size_t count, size_t size)
{
    bool full = (count & (count - 1)) == 0; /* 0, 1, 2, 4, 8 ... */
    if (!full)
        return true;
    void *more = realloc(*items, (count > 0 ? 2 * count : 1) * size);
    if (more == NULL) {
        result->out_of_memory = true;
        return false;
    }
    *items = more;
    return true;
}

static struct dr_finding *add_finding(struct dr_result *result, const struct dr_finding *finding)
{
    void *findings = result->findings;
    if (!grow(result, &findings, result->finding_count, sizeof *finding))
        return NULL;
    result->findings = findings;
    struct dr_finding *added = &result->findings[result->finding_count];
    *added = *finding;
    added->order = result->finding_count++;
    return added;
}

struct dr_finding *dr_result_add(struct dr_result *result, enum dr_state state, const char *subject,
                                 const char *format, ...)
{
    struct dr_finding finding = {.state = state};
    va_list args;
    va_start(args, format);
    finding.text = keep_format(format, args);
    va_end(args);
    finding.subject = subject != NULL ? keep(subject) : NULL;
    if (finding.text != NULL && (subject == NULL || finding.subject != NULL)) {
        struct dr_finding *added = add_finding(result, &finding);
        if (added != NULL)
            return added;
    }
    result->out_of_memory = true;
    free_finding(&finding);
    return NULL;
}

__attribute__((format(printf, 3, 0))) static void set_text(struct dr_finding *finding, char **place,
                                                           const char *format, va_list args)
{
    char *text = keep_format(format, args);
    free(*place);
    *place = text;
    finding->incomplete = finding->incomplete || text == NULL;
}

void dr_finding_next(struct dr_finding *finding, const char *format, ...)
{
    if (finding == NULL)
        return;
    va_list args;
    va_start(args, format);
    set_text(finding, &finding->next, format, args);
    va_end(args);
}

void dr_finding_detail(struct dr_finding *finding, const char *format, ...)
{
    if (finding == NULL)
        return;
    va_list args;
    va_start(args, format);
    set_text(finding, &finding->detail, format, args);
    va_end(args);
}

/* ---- figures ---- */

char *dr_figure_label(const char *node, const char *metric)
{
    size_t size = strlen(node);
    char *label = malloc(size + strlen(metric) + sizeof "_");
    if (label == NULL)
        return NULL;
    memcpy(label, node, size);
    label[size] = '_';
    memcpy(label + size + 1, metric, strlen(metric) + 1);
    for (char *c = label; c < label + size; c++) {
        bool allowed = (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
                       (*c >= '0' && *c <= '9') || *c == '.' || *c == '-';
        if (!allowed)
            *c = '_';
    }
    return label;
}

static void set_bounds(struct dr_figure *figure)
{
    if (figure->unit != DR_UNIT_NONE && figure->value >= 0)
        figure->minimum = dr_real(0);
    if (figure->unit == DR_UNIT_PERCENT && figure->value <= 100)
        figure->maximum = dr_real(100);
}

static bool name_figure(struct dr_figure *figure, const char *node, const struct dr_metric *metric)
{
    figure->metric = strdup(metric->name);
    figure->meaning = metric->meaning != NULL ? keep(metric->meaning) : NULL;
    figure->node = node != NULL ? keep(node) : NULL;
    if (figure->metric == NULL || (metric->meaning != NULL && figure->meaning == NULL) ||
        (node != NULL && figure->node == NULL))
        return false;
    figure->label =
        node != NULL ? dr_figure_label(figure->node, metric->name) : strdup(metric->name);
    return figure->label != NULL;
}

void dr_result_figure(struct dr_result *result, const char *node, const struct dr_metric *metric,
                      double value, const struct dr_threshold *threshold)
{
    if (!isfinite(value) || fabs(value) > DR_FIGURE_MAX)
        return;
    struct dr_figure figure = {.unit = metric->unit, .value = value};
    if (threshold != NULL)
        figure.threshold = *threshold;
    set_bounds(&figure);
    void *figures = result->figures;
    if (name_figure(&figure, node, metric) &&
        grow(result, &figures, result->figure_count, sizeof figure)) {
        result->figures = figures;
        figure.order = result->figure_count;
        result->figures[result->figure_count++] = figure;
        return;
    }
    result->out_of_memory = true;
    free_figure(&figure);
}

/* ---- reading ---- */

enum dr_state dr_result_state(const struct dr_result *result)
{
    enum dr_state state = result->verdict_state;
    bool unproven = result->finding_count == 0 && state == DR_OK;
    if (result->verdict == NULL || unproven || result->out_of_memory)
        state = dr_state_worst(state, DR_UNKNOWN);
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct dr_finding *finding = &result->findings[i];
        state = dr_state_worst(state, finding->state);
        if (finding->incomplete)
            state = dr_state_worst(state, DR_UNKNOWN);
    }
    return state;
}

static int worst_first(const void *a, const void *b)
{
    const struct dr_finding *one = a;
    const struct dr_finding *other = b;
    if (one->state != other->state)
        return dr_state_is_worse(one->state, other->state) ? -1 : 1;
    return one->order < other->order ? -1 : one->order > other->order;
}

void dr_result_sort(struct dr_result *result)
{
    if (result->finding_count > 1)
        qsort(result->findings, result->finding_count, sizeof *result->findings, worst_first);
}
