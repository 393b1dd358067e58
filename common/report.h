/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The only part that knows how a result is written: "|", limits, colours, JSON, OpenMetrics.
 *
 *     REPLICATION CRITICAL - headline | verdict perfdata
 *      \_ [CRITICAL] db2: ...
 *      \_ [OK] db3: ...
 *     next: ...
 *     runbook: URL
 *     -v lines
 *     |node perfdata
 *
 * text: the headline is the verdict; where a finding is worse than the verdict it comes first
 * ("db3: ...; " + verdict), and alone where both would make the first line longer than 160 bytes:
 * the verdict is then the first of the lines below. The detail of a finding stands in brackets
 * behind its text, but never in the first line. `next` is the advice of the worst finding that has
 * one; it and the runbook are shown only when the state is not OK. First line with its perfdata: at
 * most 1,000 bytes (NRPE v2), whole perfdata items left out from the end first, the text cut last;
 * everything but the -v lines: at most 8 KiB; at most 50 finding lines, then "... and N more (M not
 * OK)". Where room is short the finding lines give way first, best ones first, but keep half of it;
 * then node perfdata, whole items.
 *
 * The last line begins with "|", and nothing stands between that and the first label (Icinga 2
 * before 2.14 takes a blank there for a part of it), because that is what both kinds of core read:
 * Nagios and Naemon take everything after the first "|" of the later lines as perfdata
 * (parse_check_output), Icinga 2 splits each line at its own first "|"
 * (PluginUtility::ParseCheckOutput).
 *
 * line: the first line alone, with as much of the node perfdata as its 1,000 bytes hold.
 *
 * json: one object {service, state, exit_code, headline, verdict, findings: [{state, subject, text,
 * detail, next}], figures:
 * [{label, value, unit, warning, critical, minimum, maximum}], elapsed, version, executable} and,
 * with -v, trace; all findings and figures. What is missing is null; warning and critical are
 * ranges (texts), unit is that of perfdata. Where the buffer's limit does not hold it all it still
 * is valid JSON, and left_out {findings, figures} counts what is missing.
 *
 * openmetrics: text exposition that both Prometheus (OpenMetrics 1.0) and node_exporter's textfile
 * collector (text format 0.0.4) read: dr_check_state{service} (the exit code),
 * dr_check_elapsed_seconds{service}, and for each metric
 * dr_<service>_<metric>[_seconds|_bytes|_percent], once without a label for the verdict and once
 * with node="..." for each node; counters end in _total. */
#ifndef DR_REPORT_H
#define DR_REPORT_H

#include "common/buffer.h"
#include "common/finding.h"
#include "common/secret.h"

enum dr_format { DR_FORMAT_TEXT = 0, DR_FORMAT_LINE, DR_FORMAT_JSON, DR_FORMAT_OPENMETRICS };

/* The names for the option table, NULL-terminated, in the order of the enum. */
extern const char *const dr_format_names[];

struct dr_report_options {
    enum dr_format format;
    const char *executable;           /* "check_replication_lag" */
    const char *version;              /* "0.1.0" */
    const char *runbook;              /* URL; NULL */
    const char *trace;                /* the -v lines, each ended by a line break; NULL or "" */
    double elapsed;                   /* seconds the run took: perfdata "time" */
    bool colour;                      /* on a terminal and NO_COLOR is not set */
    const struct dr_secrets *secrets; /* masked in everything; NULL */
};

/* Appends the whole output, ended by a line break, to out, whose limit should be DR_REPORT_LIMIT:
 * text keeps its own bounds. Masks the texts of the result and sorts its findings, in place. The
 * exit code is dr_result_state(result), asked after this call, whatever the format: when memory
 * runs out while writing, result->out_of_memory is set and out holds one line that says so (nothing
 * at all when there was no memory even for that). */
void dr_report_write(struct dr_result *result, const struct dr_report_options *options,
                     struct dr_buffer *out);

#define DR_REPORT_MAX 8192
#define DR_REPORT_LINE_MAX 1000
#define DR_REPORT_FINDINGS_MAX 50
#define DR_REPORT_LIMIT (4 * 1024 * 1024)

#endif
