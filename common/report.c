/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/report.h"

#include "common/perfdata.h"

#include <stdlib.h>
#include <string.h>

#define HEADLINE_MOST 160 /* of the first line with two sentences in it */
#define SUBJECT_MOST 100
#define TEXT_MOST 600
#define WIDEST_SUBJECT 40
#define COUNT_LINE_MOST 80 /* "... and N more (M not OK)" */

const char *const dr_format_names[] = {"text", "line", "json", "openmetrics", NULL};

/* What the writers share. */
struct page {
    struct dr_result *result;
    const struct dr_report_options *options;
    enum dr_state state;
    char *runbook; /* masked and cleaned; NULL */
    char *trace;   /* masked; "" */
    bool no_memory;
};

static void release(struct page *page, struct dr_buffer *scratch)
{
    page->no_memory = page->no_memory || scratch->no_memory;
    dr_buffer_free(scratch);
}

static size_t room(const struct dr_buffer *out)
{
    return out->limit - out->size;
}

/* Adds the scratch as a whole where it fits with `reserve` bytes to spare; it is empty afterwards.
 */
static bool add_whole(struct page *page, struct dr_buffer *out, struct dr_buffer *scratch,
                      size_t reserve)
{
    page->no_memory = page->no_memory || scratch->no_memory;
    bool fits = !scratch->cut && scratch->size + reserve <= room(out);
    if (fits)
        dr_buffer_add(out, dr_buffer_text(scratch));
    dr_buffer_clear(scratch);
    return fits;
}

/* ---- before anything is written ---- */

/* Masked, then cleaned, then cut: in another order half a secret could show. */
static char *presentable(struct page *page, const char *text, size_t most)
{
    struct dr_buffer masked = DR_BUFFER(1 << 20);
    dr_secrets_mask(page->options->secrets, text, &masked);
    char *clean = masked.no_memory ? NULL : dr_text_clean(dr_buffer_text(&masked), most);
    dr_buffer_free(&masked);
    if (clean == NULL)
        page->no_memory = true;
    return clean;
}

/* Leaves the text alone when memory runs out: nothing is printed of the result then. */
static void make_presentable(struct page *page, char **text, size_t most)
{
    char *clean = *text != NULL ? presentable(page, *text, most) : NULL;
    if (clean == NULL)
        return;
    free(*text);
    *text = clean;
}

/* The label is made anew only where masking changed the node: a label is for ever. */
static void mask_figure(struct page *page, struct dr_figure *figure)
{
    if (figure->node == NULL)
        return;
    char *node = presentable(page, figure->node, TEXT_MOST);
    if (node == NULL)
        return;
    if (strcmp(node, figure->node) != 0) {
        char *label = dr_figure_label(node, figure->metric);
        if (label == NULL) {
            page->no_memory = true;
            free(node);
            return;
        }
        free(figure->label);
        figure->label = label;
    }
    free(figure->node);
    figure->node = node;
}

static void prepare(struct page *page)
{
    struct dr_result *result = page->result;
    make_presentable(page, &result->verdict, TEXT_MOST);
    for (size_t i = 0; i < result->finding_count; i++) {
        make_presentable(page, &result->findings[i].subject, SUBJECT_MOST);
        make_presentable(page, &result->findings[i].text, TEXT_MOST);
        make_presentable(page, &result->findings[i].detail, TEXT_MOST);
        make_presentable(page, &result->findings[i].next, TEXT_MOST);
    }
    for (size_t i = 0; i < result->figure_count; i++)
        mask_figure(page, &result->figures[i]);
    const char *runbook = page->options->runbook;
    page->runbook = runbook != NULL ? presentable(page, runbook, TEXT_MOST) : NULL;
    struct dr_buffer trace = DR_BUFFER(DR_REPORT_LIMIT);
    if (page->options->trace != NULL)
        dr_secrets_mask(page->options->secrets, page->options->trace, &trace);
    page->trace = dr_buffer_take(&trace);
    if (page->trace == NULL)
        page->no_memory = true;
    dr_result_sort(result);
}

/* ---- sentences ---- */

static const char *verdict_sentence(const struct dr_result *result)
{
    if (result->verdict != NULL)
        return result->verdict;
    return result->finding_count > 0 ? "no verdict was reached" : "nothing was judged";
}

static void add_finding_sentence(struct dr_buffer *out, const struct dr_finding *finding)
{
    if (finding->subject != NULL)
        dr_buffer_addf(out, "%s: ", finding->subject);
    dr_buffer_add(out, finding->text);
}

/* The headline; `before` is the size of what precedes it in the first line. False when there was no
 * room for the verdict behind a worse finding: it must then stand elsewhere. */
static bool add_headline(struct page *page, struct dr_buffer *out, size_t before)
{
    const struct dr_result *result = page->result;
    const char *verdict = verdict_sentence(result);
    enum dr_state state = result->verdict != NULL ? result->verdict_state : DR_UNKNOWN;
    size_t start = out->size;
    if (result->out_of_memory)
        dr_buffer_add(out, "out of memory, part of the result is missing; ");
    if (result->finding_count == 0 && result->verdict != NULL && state == DR_OK)
        dr_buffer_add(out, "nothing was judged; ");
    if (result->finding_count > 0 && dr_state_is_worse(result->findings[0].state, state)) {
        add_finding_sentence(out, &result->findings[0]);
        if (before + out->size - start + strlen("; ") + strlen(verdict) > HEADLINE_MOST)
            return false;
        dr_buffer_add(out, "; ");
    }
    dr_buffer_add(out, verdict);
    return true;
}

static size_t not_ok_from(const struct dr_result *result, size_t first)
{
    size_t count = 0;
    for (size_t i = first; i < result->finding_count; i++)
        count += result->findings[i].state != DR_OK;
    return count;
}

static const char *advice(const struct dr_result *result)
{
    for (size_t i = 0; i < result->finding_count; i++) {
        if (result->findings[i].next != NULL)
            return result->findings[i].next;
    }
    return NULL;
}

/* ---- text ---- */

static void add_state(struct dr_buffer *out, enum dr_state state, bool colour)
{
    static const char *const colours[] = {
        [DR_OK] = "32", [DR_WARNING] = "33", [DR_CRITICAL] = "31", [DR_UNKNOWN] = "35"};
    if (colour)
        dr_buffer_addf(out, "\033[%sm%s\033[0m", colours[state], dr_state_name(state));
    else
        dr_buffer_add(out, dr_state_name(state));
}

/* Adds the figures of the verdict, or of the nodes, up to the first that does not fit. */
static bool add_items(struct page *page, struct dr_buffer *out, bool of_nodes,
                      const char **separator)
{
    struct dr_buffer item = DR_BUFFER(DR_REPORT_LINE_MAX);
    bool fits = true;
    for (size_t i = 0; fits && i < page->result->figure_count; i++) {
        const struct dr_figure *figure = &page->result->figures[i];
        if ((figure->node != NULL) != of_nodes)
            continue;
        dr_buffer_add(&item, *separator);
        dr_perfdata_add(&item, figure);
        fits = add_whole(page, out, &item, 0);
        *separator = " ";
    }
    release(page, &item);
    return fits;
}

static bool add_time(struct page *page, struct dr_buffer *out, const char **separator)
{
    char number[DR_NUMBER_SIZE];
    dr_number_format(page->options->elapsed, number, sizeof number);
    if (number[0] == '\0')
        return true;
    struct dr_buffer item = DR_BUFFER(DR_REPORT_LINE_MAX);
    dr_buffer_addf(&item, "%stime=%ss;;;0", *separator, number);
    bool fits = add_whole(page, out, &item, 0);
    *separator = " ";
    release(page, &item);
    return fits;
}

/* The first line without its line break; `line` has the limit that it must keep. False when the
 * verdict is not in it. */
static bool add_first_line(struct page *page, struct dr_buffer *line, bool with_nodes)
{
    struct dr_buffer text = DR_BUFFER(4 * DR_REPORT_LINE_MAX);
    dr_buffer_addf(&text, "%s ", page->result->service);
    add_state(&text, page->state, page->options->colour);
    dr_buffer_add(&text, " - ");
    size_t before = strlen(page->result->service) + strlen(dr_state_name(page->state)) + 4;
    bool has_verdict = add_headline(page, &text, before);
    if (text.size <= line->limit) {
        dr_buffer_add(line, dr_buffer_text(&text));
    } else {
        dr_buffer_add_bytes(line, dr_buffer_text(&text), line->limit - 3);
        dr_buffer_add(line, "...");
    }
    release(page, &text);
    const char *separator = " | ";
    if (add_items(page, line, false, &separator) && add_time(page, line, &separator) && with_nodes)
        add_items(page, line, true, &separator);
    return has_verdict;
}

static int subject_width(const struct dr_result *result)
{
    size_t width = 0;
    for (size_t i = 0; i < result->finding_count && i < DR_REPORT_FINDINGS_MAX; i++) {
        const char *subject = result->findings[i].subject;
        size_t size = subject != NULL ? strlen(subject) + 1 : 0;
        if (size > width && size <= WIDEST_SUBJECT)
            width = size;
    }
    return (int)width;
}

static void add_finding_line(struct page *page, struct dr_buffer *out,
                             const struct dr_finding *finding, int width)
{
    dr_buffer_add(out, " \\_ [");
    add_state(out, finding->state, page->options->colour);
    dr_buffer_add(out, "] ");
    if (page->options->colour) {
        struct dr_buffer subject = DR_BUFFER(SUBJECT_MOST + 1);
        if (finding->subject != NULL)
            dr_buffer_addf(&subject, "%s:", finding->subject);
        int indent = (int)(strlen("CRITICAL") - strlen(dr_state_name(finding->state)));
        dr_buffer_addf(out, "%*s%-*s %s", indent, "", width, dr_buffer_text(&subject),
                       finding->text);
        release(page, &subject);
    } else {
        add_finding_sentence(out, finding);
    }
    if (finding->detail != NULL)
        dr_buffer_addf(out, " (%s)", finding->detail);
    dr_buffer_add_char(out, '\n');
}

/* Finding lines up to the limit of `lines`, with a count of those that are left out. */
static void add_finding_lines(struct page *page, struct dr_buffer *lines)
{
    const struct dr_result *result = page->result;
    int width = subject_width(result);
    struct dr_buffer line = DR_BUFFER(2 * DR_REPORT_LINE_MAX);
    size_t shown = 0;
    while (shown < result->finding_count && shown < DR_REPORT_FINDINGS_MAX) {
        add_finding_line(page, &line, &result->findings[shown], width);
        bool is_last = shown + 1 == result->finding_count;
        if (!add_whole(page, lines, &line, is_last ? 0 : COUNT_LINE_MOST))
            break;
        shown++;
    }
    release(page, &line);
    if (shown < result->finding_count)
        dr_buffer_addf(lines, "... and %zu more (%zu not OK)\n", result->finding_count - shown,
                       not_ok_from(result, shown));
}

/* The -v lines, each cleaned, up to `most` bytes; one line says so where that is not all. */
static void add_trace(struct page *page, struct dr_buffer *out, size_t most)
{
    static const char rest[] = "... the rest of the -v lines does not fit\n";
    struct dr_buffer line = DR_BUFFER(DR_REPORT_LIMIT);
    size_t before = out->size;
    for (const char *p = page->trace; *p != '\0';) {
        size_t size = strcspn(p, "\n");
        for (size_t i = 0; i < size; i++)
            dr_buffer_add_char(&line, dr_char_clean(p[i]));
        dr_buffer_add_char(&line, '\n');
        p += size + (p[size] == '\n');
        size_t reserve = *p != '\0' ? sizeof rest : 0;
        if (out->size - before + line.size + reserve > most) {
            if (out->size - before + sizeof rest <= most)
                dr_buffer_add(out, rest);
            break;
        }
        dr_buffer_add(out, dr_buffer_text(&line));
        page->no_memory = page->no_memory || line.no_memory;
        dr_buffer_clear(&line);
    }
    release(page, &line);
}

/* The node perfdata as far as it fits into the limit of out with its line break: whole items. False
 * when it is not all. */
static bool add_node_line(struct page *page, struct dr_buffer *out)
{
    struct dr_buffer line = DR_BUFFER(out->limit > 0 ? out->limit - 1 : 0);
    const char *separator = "|";
    bool whole = add_items(page, &line, true, &separator);
    if (line.size > 0) {
        dr_buffer_add(out, dr_buffer_text(&line));
        dr_buffer_add_char(out, '\n');
    }
    release(page, &line);
    return whole;
}

/* Divides `most` bytes between finding lines and node perfdata. */
static void add_details(struct page *page, struct dr_buffer *lines, struct dr_buffer *nodes,
                        size_t most)
{
    nodes->limit = most / 2;
    bool whole = add_node_line(page, nodes);
    lines->limit = most - nodes->size;
    add_finding_lines(page, lines);
    if (whole)
        return;
    dr_buffer_clear(nodes);
    nodes->limit = most - lines->size;
    add_node_line(page, nodes);
}

static void write_text(struct page *page, struct dr_buffer *out)
{
    size_t most = room(out) < DR_REPORT_MAX ? room(out) : DR_REPORT_MAX;
    struct dr_buffer line = DR_BUFFER(DR_REPORT_LINE_MAX);
    struct dr_buffer verdict = DR_BUFFER(DR_REPORT_LINE_MAX);
    struct dr_buffer tail = DR_BUFFER(2 * DR_REPORT_LINE_MAX);
    struct dr_buffer lines = DR_BUFFER(0);
    struct dr_buffer nodes = DR_BUFFER(0);
    bool has_verdict = add_first_line(page, &line, false);
    if (!has_verdict) {
        dr_buffer_add(&verdict, " \\_ [");
        add_state(&verdict, page->result->verdict_state, page->options->colour);
        dr_buffer_addf(&verdict, "] %s\n", page->result->verdict);
    }
    if (page->state != DR_OK && advice(page->result) != NULL)
        dr_buffer_addf(&tail, "next: %s\n", advice(page->result));
    if (page->state != DR_OK && page->runbook != NULL)
        dr_buffer_addf(&tail, "runbook: %s\n", page->runbook);
    size_t fixed = line.size + 1 + verdict.size + tail.size;
    add_details(page, &lines, &nodes, most > fixed ? most - fixed : 0);
    dr_buffer_addf(out, "%s\n%s%s%s", dr_buffer_text(&line), dr_buffer_text(&verdict),
                   dr_buffer_text(&lines), dr_buffer_text(&tail));
    if (room(out) > nodes.size)
        add_trace(page, out, room(out) - nodes.size);
    dr_buffer_add(out, dr_buffer_text(&nodes));
    release(page, &line);
    release(page, &verdict);
    release(page, &tail);
    release(page, &nodes);
    release(page, &lines);
}

static void write_line(struct page *page, struct dr_buffer *out)
{
    struct dr_buffer line = DR_BUFFER(DR_REPORT_LINE_MAX);
    add_first_line(page, &line, true);
    dr_buffer_addf(out, "%s\n", dr_buffer_text(&line));
    release(page, &line);
}

/* ---- JSON ---- */

#define JSON_LONGEST_ESCAPE 6

/* Adds a JSON text, or null; what does not fit into the limit is left out between two characters.
 */
static void add_json_text(struct dr_buffer *out, const char *text)
{
    if (text == NULL) {
        dr_buffer_add(out, "null");
        return;
    }
    dr_buffer_add_char(out, '"');
    for (; *text != '\0' && room(out) > JSON_LONGEST_ESCAPE; text++) {
        if (*text == '"' || *text == '\\')
            dr_buffer_addf(out, "\\%c", *text);
        else if (*text == '\n')
            dr_buffer_add(out, "\\n");
        else if ((unsigned char)*text < ' ')
            dr_buffer_addf(out, "\\u%04x", (unsigned)*text);
        else
            dr_buffer_add_char(out, (unsigned char)*text < 0x7f ? *text : '?');
    }
    dr_buffer_add_char(out, '"');
}

static void add_json_member(struct dr_buffer *out, const char *name, const char *text)
{
    dr_buffer_addf(out, "\"%s\":", name);
    add_json_text(out, text);
}

static void add_json_number(struct dr_buffer *out, const char *name, struct dr_opt_real number)
{
    char digits[DR_NUMBER_SIZE] = "";
    if (number.known)
        dr_number_format(number.value, digits, sizeof digits);
    dr_buffer_addf(out, "\"%s\":%s", name, digits[0] != '\0' ? digits : "null");
}

static void add_json_limit(struct dr_buffer *out, const char *name, const struct dr_limit *limit)
{
    char range[96];
    add_json_member(out, name,
                    limit->given ? dr_range_perfdata(&limit->range, range, sizeof range) : NULL);
}

static void add_json_finding(struct dr_buffer *out, const struct dr_finding *finding)
{
    dr_buffer_add_char(out, '{');
    add_json_member(out, "state", dr_state_name(finding->state));
    dr_buffer_add_char(out, ',');
    add_json_member(out, "subject", finding->subject);
    dr_buffer_add_char(out, ',');
    add_json_member(out, "text", finding->text);
    dr_buffer_add_char(out, ',');
    add_json_member(out, "detail", finding->detail);
    dr_buffer_add_char(out, ',');
    add_json_member(out, "next", finding->next);
    dr_buffer_add_char(out, '}');
}

static void add_json_figure(struct dr_buffer *out, const struct dr_figure *figure)
{
    dr_buffer_add_char(out, '{');
    add_json_member(out, "label", figure->label);
    dr_buffer_add_char(out, ',');
    add_json_number(out, "value", dr_real(figure->value));
    dr_buffer_add_char(out, ',');
    add_json_member(out, "unit", dr_perfdata_unit(figure->unit));
    dr_buffer_add_char(out, ',');
    add_json_limit(out, "warning", &figure->threshold.warning);
    dr_buffer_add_char(out, ',');
    add_json_limit(out, "critical", &figure->threshold.critical);
    dr_buffer_add_char(out, ',');
    add_json_number(out, "minimum", figure->minimum);
    dr_buffer_add_char(out, ',');
    add_json_number(out, "maximum", figure->maximum);
    dr_buffer_add_char(out, '}');
}

static void add_json_head(struct page *page, struct dr_buffer *out)
{
    struct dr_buffer headline = DR_BUFFER(4 * TEXT_MOST);
    add_headline(page, &headline, 0);
    dr_buffer_add_char(out, '{');
    add_json_member(out, "service", page->result->service);
    dr_buffer_add(out, ",\n");
    add_json_member(out, "state", dr_state_name(page->state));
    dr_buffer_addf(out, ",\n\"exit_code\":%d,\n", (int)page->state);
    add_json_member(out, "headline", dr_buffer_text(&headline));
    dr_buffer_add(out, ",\n");
    add_json_member(out, "verdict", page->result->verdict);
    release(page, &headline);
}

static void add_json_tail(struct page *page, struct dr_buffer *out)
{
    dr_buffer_add(out, ",\n");
    add_json_number(out, "elapsed", dr_real(page->options->elapsed));
    dr_buffer_add(out, ",\n");
    add_json_member(out, "version", page->options->version);
    dr_buffer_add(out, ",\n");
    add_json_member(out, "executable", page->options->executable);
}

/* Adds findings or figures as an array while `reserve` bytes stay free; returns how many are in it.
 */
static size_t add_json_array(struct page *page, struct dr_buffer *out, bool figures, size_t reserve)
{
    const struct dr_result *result = page->result;
    size_t count = figures ? result->figure_count : result->finding_count;
    struct dr_buffer element = DR_BUFFER(1 << 16);
    size_t i = 0;
    for (bool fits = true; fits && i < count; i += fits) {
        dr_buffer_add(&element, i > 0 ? ",\n" : "\n");
        if (figures)
            add_json_figure(&element, &result->figures[i]);
        else
            add_json_finding(&element, &result->findings[i]);
        fits = add_whole(page, out, &element, reserve);
    }
    release(page, &element);
    return i;
}

static void add_json_trace(struct page *page, struct dr_buffer *out, size_t reserve)
{
    static const char name[] = ",\n\"trace\":";
    if (page->trace[0] == '\0' || room(out) < reserve + sizeof name + JSON_LONGEST_ESCAPE + 2)
        return;
    struct dr_buffer trace = DR_BUFFER(room(out) - reserve - strlen(name));
    add_json_text(&trace, page->trace);
    dr_buffer_addf(out, "%s%s", name, dr_buffer_text(&trace));
    release(page, &trace);
}

static void write_json(struct page *page, struct dr_buffer *out)
{
    static const char left_out[] = ",\n\"left_out\":{\"findings\":%zu,\"figures\":%zu}";
    static const char figures_start[] = "],\n\"figures\":[";
    const struct dr_result *result = page->result;
    struct dr_buffer tail = DR_BUFFER(1 << 16);
    add_json_tail(page, &tail);
    /* Two counts of up to 20 digits, and the end of the last array and of the object. */
    size_t reserve = tail.size + sizeof left_out + 40 + sizeof "]}\n";
    add_json_head(page, out);
    dr_buffer_add(out, ",\n\"findings\":[");
    size_t findings = add_json_array(page, out, false, reserve + sizeof figures_start);
    dr_buffer_add(out, figures_start);
    size_t figures = add_json_array(page, out, true, reserve);
    dr_buffer_add_char(out, ']');
    dr_buffer_add(out, dr_buffer_text(&tail));
    if (findings < result->finding_count || figures < result->figure_count)
        dr_buffer_addf(out, left_out, result->finding_count - findings,
                       result->figure_count - figures);
    add_json_trace(page, out, sizeof "}\n");
    dr_buffer_add(out, "}\n");
    release(page, &tail);
}

/* ---- OpenMetrics ---- */

static const char end_of_metrics[] = "# EOF\n";

/* What a family of this unit ends in; "" where it has none. */
static const char *family_suffix(enum dr_unit unit)
{
    switch (unit) {
    case DR_UNIT_SECONDS:
        return "_seconds";
    case DR_UNIT_BYTES:
        return "_bytes";
    case DR_UNIT_PERCENT:
        return "_percent";
    case DR_UNIT_COUNTER:
    case DR_UNIT_NONE:
        break;
    }
    return "";
}

/* "replication" of "REPLICATION": what stands in names and labels. */
static void add_lower(struct dr_buffer *out, const char *service)
{
    for (; *service != '\0'; service++) {
        char c = *service;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        bool allowed = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        dr_buffer_add_char(out, allowed ? c : '_');
    }
}

static void add_family_name(struct dr_buffer *out, const char *service,
                            const struct dr_figure *figure)
{
    const char *suffix = family_suffix(figure->unit);
    size_t size = strlen(figure->metric);
    size_t end = strlen(suffix);
    dr_buffer_add(out, "dr_");
    add_lower(out, service);
    dr_buffer_addf(out, "_%s", figure->metric);
    if (size < end || strcmp(figure->metric + size - end, suffix) != 0)
        dr_buffer_add(out, suffix);
}

/* Quotes and backslashes would have to be escaped, differently in the two formats. */
static void add_help(struct dr_buffer *out, const char *name, const char *help)
{
    dr_buffer_addf(out, "# HELP %s ", name);
    for (; *help != '\0'; help++)
        dr_buffer_add_char(out, *help == '"' || *help == '\\' ? '\'' : *help);
    dr_buffer_add_char(out, '\n');
}

static void add_family_head(struct page *page, struct dr_buffer *out,
                            const struct dr_figure *figure)
{
    struct dr_buffer name = DR_BUFFER(1 << 12);
    add_family_name(&name, page->result->service, figure);
    const char *family = dr_buffer_text(&name);
    const char *suffix = family_suffix(figure->unit);
    dr_buffer_addf(out, "# TYPE %s %s\n", family,
                   figure->unit == DR_UNIT_COUNTER ? "counter" : "gauge");
    if (suffix[0] != '\0')
        dr_buffer_addf(out, "# UNIT %s %s\n", family, suffix + 1);
    if (figure->meaning != NULL)
        add_help(out, family, figure->meaning);
    release(page, &name);
}

static void add_sample(struct page *page, struct dr_buffer *out, const struct dr_figure *figure)
{
    char number[DR_NUMBER_SIZE];
    add_family_name(out, page->result->service, figure);
    if (figure->unit == DR_UNIT_COUNTER)
        dr_buffer_add(out, "_total");
    if (figure->node != NULL) {
        dr_buffer_add(out, "{node=\"");
        for (const char *c = figure->node; *c != '\0'; c++)
            dr_buffer_addf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
        dr_buffer_add(out, "\"}");
    }
    dr_buffer_addf(out, " %s\n", dr_number_format(figure->value, number, sizeof number));
}

static void add_check_families(struct page *page, struct dr_buffer *out)
{
    char number[DR_NUMBER_SIZE];
    struct dr_buffer service = DR_BUFFER(1 << 12);
    add_lower(&service, page->result->service);
    dr_buffer_add(out, "# TYPE dr_check_state gauge\n");
    add_help(out, "dr_check_state", "State of the check: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.");
    dr_buffer_addf(out, "dr_check_state{service=\"%s\"} %d\n", dr_buffer_text(&service),
                   (int)page->state);
    dr_number_format(page->options->elapsed, number, sizeof number);
    if (number[0] != '\0') {
        dr_buffer_add(out, "# TYPE dr_check_elapsed_seconds gauge\n"
                           "# UNIT dr_check_elapsed_seconds seconds\n");
        add_help(out, "dr_check_elapsed_seconds", "Time the check took.");
        dr_buffer_addf(out, "dr_check_elapsed_seconds{service=\"%s\"} %s\n",
                       dr_buffer_text(&service), number);
    }
    release(page, &service);
}

static int by_series(const struct dr_figure *a, const struct dr_figure *b)
{
    int order = strcmp(a->metric, b->metric);
    if (order != 0 || (a->node == NULL && b->node == NULL))
        return order;
    if (a->node == NULL || b->node == NULL)
        return a->node == NULL ? -1 : 1;
    return strcmp(a->node, b->node);
}

static int by_series_as_added(const void *a, const void *b)
{
    const struct dr_figure *one = a;
    const struct dr_figure *other = b;
    int order = by_series(one, other);
    if (order != 0)
        return order;
    return one->order < other->order ? -1 : one->order > other->order;
}

/* A family must stand together, and a series must not be in it twice. */
static void write_openmetrics(struct page *page, struct dr_buffer *out)
{
    struct dr_result *result = page->result;
    struct dr_buffer lines = DR_BUFFER(1 << 16);
    add_check_families(page, &lines);
    bool fits = add_whole(page, out, &lines, strlen(end_of_metrics));
    if (result->figure_count > 1)
        qsort(result->figures, result->figure_count, sizeof *result->figures, by_series_as_added);
    for (size_t i = 0; fits && i < result->figure_count; i++) {
        const struct dr_figure *figure = &result->figures[i];
        if (i > 0 && by_series(figure - 1, figure) == 0)
            continue;
        if (i == 0 || strcmp(figure[-1].metric, figure->metric) != 0)
            add_family_head(page, &lines, figure);
        add_sample(page, &lines, figure);
        fits = add_whole(page, out, &lines, strlen(end_of_metrics));
    }
    release(page, &lines);
    dr_buffer_add(out, end_of_metrics);
}

/* ---- all ---- */

/* Needs no memory but that of out. */
static void write_out_of_memory(struct page *page, struct dr_buffer *out)
{
    const char *service = page->result->service;
    const char *state = dr_state_name(page->state);
    switch (page->options->format) {
    case DR_FORMAT_TEXT:
    case DR_FORMAT_LINE:
        dr_buffer_addf(out, "%s %s - out of memory\n", service, state);
        break;
    case DR_FORMAT_JSON:
        dr_buffer_addf(out,
                       "{\"service\":\"%s\",\"state\":\"%s\",\"exit_code\":%d,"
                       "\"headline\":\"out of memory\"}\n",
                       service, state, (int)page->state);
        break;
    case DR_FORMAT_OPENMETRICS:
        dr_buffer_add(out, "# TYPE dr_check_state gauge\ndr_check_state{service=\"");
        add_lower(out, service);
        dr_buffer_addf(out, "\"} %d\n%s", (int)page->state, end_of_metrics);
        break;
    }
}

void dr_report_write(struct dr_result *result, const struct dr_report_options *options,
                     struct dr_buffer *out)
{
    static void (*const writers[])(struct page *, struct dr_buffer *) = {
        [DR_FORMAT_TEXT] = write_text,
        [DR_FORMAT_LINE] = write_line,
        [DR_FORMAT_JSON] = write_json,
        [DR_FORMAT_OPENMETRICS] = write_openmetrics};
    struct page page = {.result = result, .options = options};
    size_t start = out->size;
    prepare(&page);
    page.state = dr_result_state(result);
    if (!page.no_memory)
        writers[options->format](&page, out);
    if (page.no_memory || out->no_memory) {
        result->out_of_memory = true;
        page.state = dr_result_state(result);
        out->no_memory = false;
        out->size = start;
        if (out->text != NULL)
            out->text[start] = '\0';
        write_out_of_memory(&page, out);
    }
    free(page.runbook);
    free(page.trace);
}
