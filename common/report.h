/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The only part that knows how a result is written: "|", limits, colours, JSON, OpenMetrics.
 *
 *     REPLICATION CRITICAL - headline | verdict perfdata
 *      \_ [CRITICAL] db2: ...
 *      \_ [OK] db3: ...
 *     next: ...
 *     runbook: URL
 *     -v lines
 *     | node perfdata
 *
 * The headline is the verdict; where a finding is worse than the verdict it comes first ("db3: ...;
 * " + verdict). First line with its perfdata: at most 1,000 bytes (NRPE v2); everything: at most 8
 * KiB (without -v); at most 50 finding lines, then a count. */
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
    const char *executable; /* "check_replication_lag" */
    const char *version;
    const char *runbook;              /* URL; NULL */
    const char *trace;                /* the -v lines, each ended by a line break; NULL or "" */
    double elapsed;                   /* seconds the run took: perfdata "time" */
    bool colour;                      /* on a terminal and NO_COLOR is not set */
    const struct dr_secrets *secrets; /* masked in everything; NULL */
};

/* Appends the whole output, ended by a line break, to out (whose limit should be DR_REPORT_MAX or
 * more with -v). Sorts the findings. The exit code is dr_result_state(result) whatever the format.
 */
void dr_report_write(struct dr_result *result, const struct dr_report_options *options,
                     struct dr_buffer *out);

#define DR_REPORT_MAX 8192
#define DR_REPORT_LINE_MAX 1000
#define DR_REPORT_FINDINGS_MAX 50

#endif
