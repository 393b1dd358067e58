/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/report.h"

#include "tests/unit/locale.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct dr_metric loss = {"loss", DR_UNIT_SECONDS,
                                      "Commits that \"die\" with the primary."};
static const struct dr_metric backlog = {"backlog", DR_UNIT_BYTES, "WAL not yet replayed."};
static const struct dr_metric fill = {"fill", DR_UNIT_PERCENT, "Slot use."};
static const struct dr_metric standbys = {"standbys", DR_UNIT_NONE, "Standbys that replay."};
static const struct dr_metric conflicts = {"conflicts", DR_UNIT_COUNTER, NULL};
static const struct dr_metric rto_seconds = {"rto_seconds", DR_UNIT_SECONDS, "Time to promote."};

static const struct dr_threshold rpo = {.warning = {.given = true, .range = {.end = 48}},
                                        .critical = {.given = true, .range = {.end = 60}}};
static const struct dr_threshold two = {
    .critical = {.given = true, .range = {.start = 2, .end = INFINITY}}};

static const struct dr_report_options plain = {
    .executable = "check_replication_lag", .version = "0.1.0", .elapsed = 0.412};

static char *written(struct dr_result *result, const struct dr_report_options *options)
{
    struct dr_buffer out = DR_BUFFER(DR_REPORT_LIMIT);
    dr_report_write(result, options, &out);
    assert_false(out.cut);
    return dr_buffer_take(&out);
}

/* ---- golden outputs ---- */

static void fill_critical(struct dr_result *result)
{
    dr_result_init(result, "REPLICATION");
    dr_result_add(result, DR_OK, "db3.example.net:5432", "replays, 0 s behind");
    struct dr_finding *finding =
        dr_result_add(result, DR_CRITICAL, "db2", "does not stream: \"%s\" | no\nreplication slot",
                      "FATAL: m\xc3\xbcll C:\\wal");
    dr_finding_next(finding, "on db2: look at primary_slot_name");
    finding = dr_result_add(result, DR_WARNING, NULL, "no heartbeat");
    dr_finding_next(finding, "turn the heartbeat on");
    dr_result_verdict(result, DR_WARNING, "12.5 s of commits would be lost if db1 died now");
    dr_result_figure(result, NULL, &loss, 12.5, &rpo);
    dr_result_figure(result, NULL, &standbys, 1, &two);
    dr_result_figure(result, "db3.example.net:5432", &loss, 12.5, &rpo);
    dr_result_figure(result, "db3.example.net:5432", &backlog, 4096, NULL);
    dr_result_figure(result, "db2", &backlog, 9223372036854775807.0, NULL);
    dr_result_figure(result, "db2", &fill, 33.333333333, NULL);
    dr_result_figure(result, "db2", &conflicts, 7, NULL);
    dr_result_figure(result, "db2", &loss, NAN, &rpo);
    dr_result_figure(result, "db2", &loss, INFINITY, &rpo);
    dr_result_figure(result, "a\"b\\c", &rto_seconds, 0.000001, NULL);
}

static void fill_ok(struct dr_result *result)
{
    dr_result_init(result, "REPLICATION");
    dr_finding_next(dr_result_add(result, DR_OK, "db2", "replays"), "nothing");
    dr_result_verdict(result, DR_OK, "nothing would be lost");
    dr_result_figure(result, NULL, &loss, 0, &rpo);
}

static void fill_empty(struct dr_result *result)
{
    dr_result_init(result, "REPLICATION");
}

static char *read_sample(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/samples/report/%s", DR_TESTS, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s cannot be read", path);
    char *text = calloc(1, 100000);
    size_t size = fread(text, 1, 99999, file);
    fclose(file);
    assert_true(size > 0 && size < 99999);
    return text;
}

static void check_golden(void)
{
    static const struct {
        const char *sample;
        void (*fill)(struct dr_result *result);
        enum dr_format format;
        bool colour;
        const char *runbook;
        const char *trace;
    } cases[] = {
        {"critical.text", fill_critical, DR_FORMAT_TEXT, false, "https://wiki.example.com/dr", ""},
        {"verbose.text", fill_critical, DR_FORMAT_TEXT, false, NULL,
         "db2: connect|ed\ndb2: SELECT\t1 = 1\nlast \xff"},
        {"colour.text", fill_critical, DR_FORMAT_TEXT, true, NULL, NULL},
        {"critical.line", fill_critical, DR_FORMAT_LINE, false, "https://x", "trace\n"},
        {"critical.json", fill_critical, DR_FORMAT_JSON, false, "https://x", NULL},
        {"verbose.json", fill_critical, DR_FORMAT_JSON, false, NULL, "a\t\"b\"\nc\\ \x01 \xff\n"},
        {"critical.openmetrics", fill_critical, DR_FORMAT_OPENMETRICS, false, "https://x", "t\n"},
        {"ok.text", fill_ok, DR_FORMAT_TEXT, false, "https://x", NULL},
        {"ok.json", fill_ok, DR_FORMAT_JSON, false, NULL, NULL},
        {"empty.text", fill_empty, DR_FORMAT_TEXT, false, NULL, NULL},
        {"empty.json", fill_empty, DR_FORMAT_JSON, false, NULL, NULL},
        {"empty.openmetrics", fill_empty, DR_FORMAT_OPENMETRICS, false, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dr_result result;
        cases[i].fill(&result);
        struct dr_report_options options = plain;
        options.format = cases[i].format;
        options.colour = cases[i].colour;
        options.runbook = cases[i].runbook;
        options.trace = cases[i].trace;
        char *text = written(&result, &options);
        char *want = read_sample(cases[i].sample);
        if (strcmp(text, want) != 0) {
            fputs(text, stderr); /* cmocka would cut it */
            fail_msg("this is not what samples/report/%s says", cases[i].sample);
        }
        free(text);
        free(want);
        dr_result_free(&result);
    }
}

static void the_formats_are_as_published(void **state)
{
    (void)state;
    check_golden();
}

static void a_comma_locale_changes_nothing(void **state)
{
    (void)state;
    if (!test_locale_begin("de_DE")) {
        print_message("no localedef or no source of de_DE here: not tested\n");
        skip();
    }
    char proof[8];
    snprintf(proof, sizeof proof, "%.1f", 0.5);
    assert_string_equal(proof, "0,5");
    check_golden();
    test_locale_end();
}

static void the_format_names_are_in_the_order_of_the_enum(void **state)
{
    (void)state;
    assert_string_equal(dr_format_names[DR_FORMAT_TEXT], "text");
    assert_string_equal(dr_format_names[DR_FORMAT_LINE], "line");
    assert_string_equal(dr_format_names[DR_FORMAT_JSON], "json");
    assert_string_equal(dr_format_names[DR_FORMAT_OPENMETRICS], "openmetrics");
    assert_null(dr_format_names[DR_FORMAT_OPENMETRICS + 1]);
}

/* ---- the headline ---- */

static void details_and_a_long_verdict_stand_below(void **state)
{
    (void)state;
    struct dr_result result;
    dr_result_init(&result, "REPLICATION");
    dr_result_verdict(
        &result, DR_OK,
        "nothing would be lost if the primary in the first data centre died now: best standby "
        "is the one in the second data centre");
    struct dr_finding *finding =
        dr_result_add(&result, DR_CRITICAL, "db2",
                      "is not receiving, and has not been for a long time: no connection");
    dr_finding_detail(finding, "streaming, %d B", 7);
    dr_finding_next(finding, "look at it");
    struct dr_report_options options = plain;
    char *text = written(&result, &options);
    const char *wanted =
        "REPLICATION CRITICAL - db2: is not receiving, and has not been for a long time: no "
        "connection "
        "| time=0.412s;;;0\n"
        " \\_ [OK] nothing would be lost if the primary in the first data centre died now: best "
        "standby "
        "is the one in the second data centre\n"
        " \\_ [CRITICAL] db2: is not receiving, and has not been for a long time: no connection "
        "(streaming, 7 B)\n"
        "next: look at it\n";
    assert_string_equal(text, wanted);
    free(text);
    dr_result_free(&result);
}

static void assert_first_line(struct dr_result *result, const char *want)
{
    struct dr_report_options options = plain;
    options.elapsed = NAN;
    char *text = written(result, &options);
    text[strcspn(text, "\n")] = '\0';
    assert_string_equal(text, want);
    free(text);
    dr_result_free(result);
}

static void a_worse_finding_comes_first(void **state)
{
    (void)state;
    struct dr_result result;
    dr_result_init(&result, "DNS");
    dr_result_verdict(&result, DR_OK, "fine");
    dr_result_add(&result, DR_OK, "a", "fine too");
    dr_result_add(&result, DR_UNKNOWN, "b", "no answer");
    dr_result_add(&result, DR_WARNING, "c", "slow");
    assert_first_line(&result, "DNS UNKNOWN - b: no answer; fine");

    dr_result_init(&result, "DNS");
    dr_result_verdict(&result, DR_CRITICAL, "wrong site");
    dr_result_add(&result, DR_CRITICAL, "b", "points to the old site");
    assert_first_line(&result, "DNS CRITICAL - wrong site");

    dr_result_init(&result, "DNS");
    dr_result_verdict(&result, DR_OK, "fine");
    dr_result_add(&result, DR_WARNING, NULL, "no subject");
    assert_first_line(&result, "DNS WARNING - no subject; fine");
}

static void what_is_not_proven_says_so(void **state)
{
    (void)state;
    struct dr_result result;
    dr_result_init(&result, "DNS");
    assert_first_line(&result, "DNS UNKNOWN - nothing was judged");

    dr_result_init(&result, "DNS");
    dr_result_verdict(&result, DR_OK, "fine");
    assert_first_line(&result, "DNS UNKNOWN - nothing was judged; fine");

    dr_result_init(&result, "DNS");
    dr_result_add(&result, DR_OK, "a", "fine");
    assert_first_line(&result, "DNS UNKNOWN - no verdict was reached");

    dr_result_init(&result, "DNS");
    dr_result_add(&result, DR_CRITICAL, "a", "dead");
    assert_first_line(&result, "DNS CRITICAL - a: dead; no verdict was reached");

    dr_result_init(&result, "DNS");
    dr_result_add(&result, DR_OK, "a", "fine");
    dr_result_verdict(&result, DR_OK, "fine");
    result.out_of_memory = true;
    assert_first_line(&result, "DNS UNKNOWN - out of memory, part of the result is missing; fine");
}

/* 160 bytes hold both sentences, 161 only the worse. */
static void a_long_verdict_gives_way_to_a_worse_finding(void **state)
{
    (void)state;
    for (int size = 100; size <= 160; size++) {
        struct dr_result result;
        dr_result_init(&result, "DNS");
        dr_result_add(&result, DR_CRITICAL, "a", "dead");
        dr_result_verdict(&result, DR_OK, "%0*d", size, 0);
        struct dr_report_options options = plain;
        options.elapsed = NAN;
        char *text = written(&result, &options);
        size_t both = strlen("DNS CRITICAL - a: dead; ") + (size_t)size;
        size_t line = strcspn(text, "\n");
        assert_int_equal(line, both <= 160 ? both : strlen("DNS CRITICAL - a: dead"));
        free(text);
        dr_result_free(&result);
    }
}

static void advice_is_of_the_worst_finding_that_has_some(void **state)
{
    (void)state;
    struct dr_result result;
    dr_result_init(&result, "DNS");
    dr_result_verdict(&result, DR_OK, "fine");
    dr_finding_next(dr_result_add(&result, DR_OK, "a", "fine"), "advice for a");
    dr_finding_next(dr_result_add(&result, DR_WARNING, "b", "slow"), "advice for b");
    dr_result_add(&result, DR_CRITICAL, "c", "dead");
    char *text = written(&result, &plain);
    assert_non_null(strstr(text, "\nnext: advice for b\n"));
    assert_null(strstr(text, "advice for a"));
    free(text);
    dr_result_free(&result);
}

/* ---- limits ---- */

static void fill_large(struct dr_result *result, size_t findings, size_t figures, size_t text)
{
    dr_result_init(result, "REPLICATION");
    dr_result_verdict(result, DR_OK, "200 nodes looked at");
    char filler[2000];
    memset(filler, 'x', sizeof filler);
    for (size_t i = 0; i < findings; i++)
        dr_result_add(result, i % 4 == 0 ? DR_WARNING : DR_OK, "node", "%zu %.*s", i, (int)text,
                      filler);
    for (size_t i = 0; i < figures; i++) {
        char node[40];
        snprintf(node, sizeof node, "node%03zu.example.net", i);
        dr_result_figure(result, i % 3 == 0 ? NULL : node, &loss, 1.5 + (double)i, &rpo);
    }
}

/* True when all that follows is whole items "label=value;...". */
static bool is_perfdata(const char *text)
{
    while (*text != '\0') {
        size_t item = strcspn(text, " ");
        size_t name = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789_.-");
        static const char tail[] = ";48;60;0";
        bool is_time = strncmp(text, "time=0.412s;;;0", item) == 0 && item == 15;
        if (name == 0 || text[name] != '=' || item < sizeof tail ||
            (!is_time && memcmp(text + item - strlen(tail), tail, strlen(tail)) != 0))
            return false;
        text += item + (text[item] == ' ');
    }
    return true;
}

static void everything_fits_into_8_kib(void **state)
{
    (void)state;
    static const struct {
        size_t findings;
        size_t figures;
        size_t text;
    } cases[] = {{200, 200, 20}, {200, 200, 500}, {0, 2000, 0},  {2000, 0, 600},
                 {10, 200, 30},  {200, 10, 30},   {60, 0, 0},    {50, 0, 0},
                 {49, 1, 0},     {51, 10, 140},   {40, 300, 140}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dr_result result;
        fill_large(&result, cases[i].findings, cases[i].figures, cases[i].text);
        char *text = written(&result, &plain);
        assert_true(strlen(text) <= DR_REPORT_MAX);
        size_t lines = 0;
        size_t bad = 0;
        size_t more = 0;
        size_t more_bad = 0;
        size_t number = 0;
        bool ended = false;
        for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            assert_false(ended);
            if (number++ == 0) {
                assert_true(strlen(line) <= DR_REPORT_LINE_MAX);
                assert_true(is_perfdata(strstr(line, " | ") + 3));
            } else if (number == 2 && strcmp(line, " \\_ [OK] 200 nodes looked at") == 0) {
                continue; /* the verdict, which the first line had no room for */
            } else if (strncmp(line, " \\_ [", 5) == 0) {
                lines++;
                bad += strncmp(line, " \\_ [OK]", 8) != 0;
            } else if (line[0] == '|') {
                assert_true(is_perfdata(line + 1));
                ended = true;
            } else {
                assert_int_equal(sscanf(line, "... and %zu more (%zu not OK)", &more, &more_bad),
                                 2);
            }
        }
        assert_true(lines <= DR_REPORT_FINDINGS_MAX);
        assert_int_equal(lines + more, cases[i].findings);
        assert_int_equal(bad + more_bad, (cases[i].findings + 3) / 4);
        assert_true(cases[i].findings == 0 || lines > 0);
        assert_int_equal(ended, cases[i].figures > 1);
        free(text);
        dr_result_free(&result);
    }
}

static void room_is_used(void **state)
{
    (void)state;
    struct dr_result result;
    fill_large(&result, 200, 300, 200);
    char *text = written(&result, &plain);
    assert_in_range(strlen(text), DR_REPORT_MAX - 300, DR_REPORT_MAX);
    const char *nodes = strstr(text, "\n|");
    assert_in_range(strlen(nodes), 3000, 4500);
    free(text);
    dr_result_free(&result);
}

static void perfdata_gives_way_before_text_in_the_first_line(void **state)
{
    (void)state;
    static const size_t sizes[] = {10, 500, 590, 600, 601, 2000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct dr_result result;
        dr_result_init(&result, "REPLICATION");
        char filler[2001];
        memset(filler, 'x', sizeof filler);
        dr_result_verdict(&result, DR_CRITICAL, "%.*s", (int)sizes[i], filler);
        for (int j = 0; j < 100; j++)
            dr_result_figure(&result, NULL, &loss, j, &rpo);
        struct dr_report_options options = plain;
        options.format = DR_FORMAT_LINE;
        char *text = written(&result, &options);
        size_t size = strcspn(text, "\n");
        assert_in_range(size, 970, DR_REPORT_LINE_MAX);
        char *perfdata = strstr(text, " | ") + 3;
        perfdata[strcspn(perfdata, "\n")] = '\0';
        assert_true(is_perfdata(perfdata));
        size_t shown = strspn(text + strlen("REPLICATION CRITICAL - "), "x");
        assert_int_equal(shown, sizes[i] <= 600 ? sizes[i] : 597);
        free(text);
        dr_result_free(&result);
    }
}

static void even_the_longest_sentences_keep_the_first_line(void **state)
{
    (void)state;
    char filler[2000];
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    struct dr_result result;
    dr_result_init(&result, filler);
    dr_result_verdict(&result, DR_OK, "fine");
    dr_result_add(&result, DR_CRITICAL, filler, "%s", filler);
    dr_result_figure(&result, NULL, &loss, 1, NULL);
    char *text = written(&result, &plain);
    assert_int_equal(strcspn(text, "\n"), DR_REPORT_LINE_MAX);
    assert_memory_equal(text + DR_REPORT_LINE_MAX - 3, "...\n", 4);
    assert_true(strlen(text) <= DR_REPORT_MAX);
    free(text);
    dr_result_free(&result);
}

static void a_line_holds_the_verdict_figures_first(void **state)
{
    (void)state;
    struct dr_result result;
    fill_large(&result, 1, 60, 1);
    struct dr_report_options options = plain;
    options.format = DR_FORMAT_LINE;
    char *text = written(&result, &options);
    size_t size = strcspn(text, "\n");
    assert_int_equal(text[size + 1], '\0');
    assert_in_range(size, 950, DR_REPORT_LINE_MAX);
    const char *time = strstr(text, " time=");
    const char *node = strstr(text, "node001.example.net_loss=");
    assert_true(time < node);
    const char *p = text;
    for (int i = 0; i < 20; i++) {
        p = strstr(p, " loss=");
        assert_true(p != NULL && p < time);
        p++;
    }
    assert_null(strstr(p, " loss="));
    free(text);
    dr_result_free(&result);
}

static void the_trace_is_not_bounded_by_8_kib(void **state)
{
    (void)state;
    struct dr_result result;
    fill_large(&result, 20, 20, 20);
    struct dr_buffer trace = DR_BUFFER(100000);
    for (int i = 0; i < 2000; i++)
        dr_buffer_addf(&trace, "db1: step | %d\n", i);
    struct dr_report_options options = plain;
    options.trace = dr_buffer_text(&trace);
    char *text = written(&result, &options);
    assert_non_null(strstr(text, "\ndb1: step   0\n"));
    assert_non_null(strstr(text, "\ndb1: step   1999\n|node001.example.net_loss="));
    free(text);

    /* Where the caller's limit is small, it is cut between lines, and node perfdata stays behind
     * it. */
    for (size_t limit = DR_REPORT_MAX; limit < DR_REPORT_MAX + 40; limit++) {
        struct dr_buffer out = DR_BUFFER(limit);
        dr_report_write(&result, &options, &out);
        assert_false(out.cut);
        const char *rest =
            strstr(dr_buffer_text(&out), "\n... the rest of the -v lines does not fit"
                                         "\n|node001.example.net_loss=");
        assert_non_null(rest);
        assert_true(limit - out.size < 40);
        dr_buffer_free(&out);
    }
    dr_buffer_free(&trace);
    dr_result_free(&result);
}

/* ---- JSON ---- */

static const char *json_value(const char *p);

static const char *json_string(const char *p)
{
    if (*p++ != '"')
        return NULL;
    while (*p != '"') {
        if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x80)
            return NULL;
        if (*p == '\\') {
            p++;
            if (*p == 'u') {
                for (int i = 1; i <= 4; i++) {
                    if (!isxdigit((unsigned char)p[i]))
                        return NULL;
                }
                p += 4;
            } else if (*p == '\0' || strchr("\"\\/bfnrt", *p) == NULL) {
                return NULL;
            }
        }
        p++;
    }
    return p + 1;
}

static const char *json_list(const char *p, bool is_object)
{
    char end = is_object ? '}' : ']';
    p++;
    p += strspn(p, "\n ");
    if (*p == end)
        return p + 1;
    for (;;) {
        p += strspn(p, "\n ");
        if (is_object) {
            p = json_string(p);
            if (p == NULL || *p++ != ':')
                return NULL;
        }
        p = json_value(p);
        if (p == NULL)
            return NULL;
        p += strspn(p, "\n ");
        if (*p == end)
            return p + 1;
        if (*p++ != ',')
            return NULL;
    }
}

/* The end of the value that starts at p; NULL when it is not JSON. */
static const char *json_value(const char *p)
{
    if (*p == '{' || *p == '[')
        return json_list(p, *p == '{');
    if (*p == '"')
        return json_string(p);
    if (strncmp(p, "null", 4) == 0)
        return p + 4;
    size_t size = strspn(p, "-0123456789.");
    return size > 0 && p[size - 1] != '.' && p[0] != '.' ? p + size : NULL;
}

static bool is_json(const char *text)
{
    const char *end = text[0] == '{' ? json_value(text) : NULL;
    return end != NULL && strcmp(end, "\n") == 0;
}

static size_t count(const char *text, const char *word)
{
    size_t times = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        times++;
    return times;
}

static void json_is_complete(void **state)
{
    (void)state;
    assert_false(is_json("{\"a\":1,}\n") || is_json("{\"a\":\"\x01\"}\n") ||
                 is_json("{\"a\":[}\n"));
    struct dr_result result;
    fill_large(&result, 3000, 3000, 300);
    struct dr_report_options options = plain;
    options.format = DR_FORMAT_JSON;
    char *text = written(&result, &options);
    assert_true(is_json(text));
    assert_int_equal(count(text, "{\"state\":"), 3000);
    assert_int_equal(count(text, "{\"label\":"), 3000);
    assert_null(strstr(text, "left_out"));
    free(text);
    dr_result_free(&result);
}

static void json_is_valid_at_every_limit(void **state)
{
    (void)state;
    struct dr_result result;
    fill_large(&result, 40, 60, 100);
    struct dr_report_options options = plain;
    options.format = DR_FORMAT_JSON;
    options.trace = "db1: \"connect\" \\ \x02\ndb1: done\n";
    bool whole = false;
    for (size_t limit = 600; limit < 16000; limit += whole ? 500 : 1) {
        struct dr_buffer out = DR_BUFFER(limit);
        dr_report_write(&result, &options, &out);
        const char *text = dr_buffer_text(&out);
        assert_true(is_json(text));
        assert_non_null(strstr(text, "\"exit_code\":1,"));
        size_t findings = 0;
        size_t figures = 0;
        const char *left_out = strstr(text, "\"left_out\":");
        whole = left_out == NULL;
        if (!whole)
            assert_int_equal(sscanf(left_out, "\"left_out\":{\"findings\":%zu,\"figures\":%zu}",
                                    &findings, &figures),
                             2);
        assert_int_equal(count(text, "{\"state\":") + findings, 40);
        assert_int_equal(count(text, "{\"label\":") + figures, 60);
        dr_buffer_free(&out);
    }
    assert_true(whole);
    dr_result_free(&result);
}

/* ---- OpenMetrics ---- */

/* Families stand together, each series is there once, and the last line ends it. */
static void assert_exposition(char *text, size_t samples)
{
    char *seen[4000];
    size_t seen_count = 0;
    char families[20][80];
    size_t family_count = 0;
    bool ended = false;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_false(ended);
        if (strcmp(line, "# EOF") == 0) {
            ended = true;
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_int_equal(sscanf(line, "# TYPE %79s gauge", families[family_count]), 1);
            for (size_t i = 0; i < family_count; i++)
                assert_string_not_equal(families[i], families[family_count]);
            family_count++;
        } else if (line[0] != '#') {
            const char *family = families[family_count - 1];
            assert_memory_equal(line, family, strlen(family));
            assert_true(line[strlen(family)] == '{' || line[strlen(family)] == ' ');
            char *value = strrchr(line, ' ');
            assert_int_equal(strspn(value + 1, "-0123456789."), strlen(value + 1));
            *value = '\0';
            for (size_t i = 0; i < seen_count; i++)
                assert_string_not_equal(seen[i], line);
            seen[seen_count++] = line;
        }
    }
    assert_true(ended);
    assert_int_equal(seen_count, samples);
}

static void openmetrics_is_valid_with_doubles_in_any_order(void **state)
{
    (void)state;
    struct dr_result result;
    dr_result_init(&result, "QUEUE MIRRORS");
    dr_result_verdict(&result, DR_OK, "fine");
    dr_result_add(&result, DR_OK, "a", "fine");
    for (int i = 0; i < 300; i++) {
        char node[20];
        snprintf(node, sizeof node, "n%d", i % 100);
        dr_result_figure(&result, i % 7 == 0 ? NULL : node, i % 2 == 0 ? &loss : &fill, i, NULL);
    }
    struct dr_report_options options = plain;
    options.format = DR_FORMAT_OPENMETRICS;
    char *text = written(&result, &options);
    assert_non_null(strstr(text, "dr_check_state{service=\"queue_mirrors\"} 0\n"));
    /* The first of a series that comes twice stays. */
    assert_non_null(strstr(text, "\ndr_queue_mirrors_loss_seconds 0\n"));
    assert_non_null(strstr(text, "\ndr_queue_mirrors_fill_percent{node=\"n1\"} 1\n"));
    assert_exposition(text, 2 + 2 + 100);
    free(text);

    /* At a small limit: whole lines, and the end. */
    for (size_t limit = 600; limit < 900; limit++) {
        struct dr_buffer out = DR_BUFFER(limit);
        dr_report_write(&result, &options, &out);
        assert_false(out.cut);
        char *cut = dr_buffer_take(&out);
        assert_string_equal(cut + strlen(cut) - 6, "# EOF\n");
        assert_non_null(strstr(cut, "dr_check_state"));
        free(cut);
    }
    dr_result_free(&result);
}

/* ---- secrets and hostile text ---- */

static void secrets_show_nowhere(void **state)
{
    (void)state;
    static const char secret[] = "p\xc3\xa4|s\"s w";
    static const char *const forms[] = {secret, "p?? s\"s w", "p%C3%A4%7Cs%22s%20w", "s\\\"s"};
    struct dr_secrets *secrets = dr_secrets_new();
    dr_secrets_add(secrets, secret);
    for (int format = DR_FORMAT_TEXT; format <= DR_FORMAT_OPENMETRICS; format++) {
        struct dr_result result;
        dr_result_init(&result, "TEST");
        dr_result_verdict(&result, DR_WARNING, "it is %s", secret);
        dr_finding_next(dr_result_add(&result, DR_CRITICAL, secret, "%.*s%s", 590,
                                      "a long text that makes the secret stand where the report "
                                      "cuts: ............................................."
                                      "....................................................."
                                      "....................................................."
                                      "....................................................."
                                      "....................................................."
                                      "....................................................."
                                      "....................................................."
                                      "....................................................."
                                      "....................................................."
                                      "......................................................",
                                      secret),
                        "use %s", "p%C3%A4%7Cs%22s%20w");
        dr_result_figure(&result, secret, &loss, 5, NULL);
        struct dr_report_options options = plain;
        options.format = (enum dr_format)format;
        options.runbook = "https://wiki/?p=p%C3%A4%7Cs%22s%20w";
        options.trace = "login p\xc3\xa4|s\"s w\n";
        options.secrets = secrets;
        char *text = written(&result, &options);
        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
            assert_null(strstr(text, forms[i]));
        assert_null(strstr(text, "p??"));
        assert_null(strstr(text, "p__"));
        assert_non_null(strstr(text, format == DR_FORMAT_OPENMETRICS ? "node=\"***\"" : "***"));
        assert_true(format == DR_FORMAT_OPENMETRICS || strstr(text, "____loss") != NULL ||
                    format == DR_FORMAT_LINE);
        free(text);
        dr_result_free(&result);
    }
    dr_secrets_free(secrets);
}

/* A weak password may be a word of ours, or a number: labels, names and figures must not suffer. */
static void masking_leaves_our_own_words_alone(void **state)
{
    (void)state;
    struct dr_secrets *secrets = dr_secrets_new();
    dr_secrets_add(secrets, "loss");
    dr_secrets_add(secrets, "exit_code");
    dr_secrets_add(secrets, "12345");
    dr_secrets_add(secrets, "CRITICAL");
    struct dr_result result;
    dr_result_init(&result, "TEST");
    dr_result_verdict(&result, DR_CRITICAL, "fine");
    dr_result_figure(&result, NULL, &loss, 123456, NULL);
    struct dr_report_options options = plain;
    options.secrets = secrets;
    char *text = written(&result, &options);
    assert_string_equal(text, "TEST CRITICAL - fine | loss=123456s;;;0 time=0.412s;;;0\n");
    free(text);
    options.format = DR_FORMAT_JSON;
    text = written(&result, &options);
    assert_non_null(strstr(text, "\"exit_code\":2"));
    free(text);
    dr_result_free(&result);
    dr_secrets_free(secrets);
}

static void every_byte_a_server_can_send_is_harmless(void **state)
{
    (void)state;
    char hostile[256];
    for (int i = 0; i < 255; i++)
        hostile[i] = (char)(i + 1);
    hostile[255] = '\0';
    for (int format = DR_FORMAT_TEXT; format <= DR_FORMAT_OPENMETRICS; format++) {
        struct dr_result result;
        dr_result_init(&result, "TEST");
        dr_result_verdict(&result, DR_OK, "%s", hostile);
        dr_finding_next(dr_result_add(&result, DR_WARNING, hostile, "%s", hostile), "%s", hostile);
        dr_result_figure(&result, hostile, &loss, 5, NULL);
        struct dr_report_options options = plain;
        options.format = (enum dr_format)format;
        options.trace = hostile;
        options.runbook = hostile;
        char *text = written(&result, &options);
        for (const char *c = text; *c != '\0'; c++)
            assert_true(*c == '\n' || (*c >= ' ' && *c < 0x7f));
        if (format == DR_FORMAT_JSON)
            assert_true(is_json(text));
        /* One before the verdict's figures, one before those of the node. */
        if (format == DR_FORMAT_TEXT)
            assert_int_equal(count(text, "|"), 2);
        if (format == DR_FORMAT_LINE)
            assert_int_equal(count(text, "|"), 1);
        free(text);
        dr_result_free(&result);
    }
}

static void it_is_appended_and_can_be_written_again(void **state)
{
    (void)state;
    struct dr_result result;
    fill_critical(&result);
    struct dr_buffer out = DR_BUFFER(DR_REPORT_LIMIT);
    dr_buffer_add(&out, "before\n");
    dr_report_write(&result, &plain, &out);
    size_t first = out.size - strlen("before\n");
    dr_report_write(&result, &plain, &out);
    const char *text = dr_buffer_text(&out);
    assert_memory_equal(text, "before\nREPLICATION", 18);
    assert_int_equal(strlen(text), strlen("before\n") + 2 * first);
    assert_memory_equal(text + strlen("before\n"), text + strlen("before\n") + first, first);
    dr_buffer_free(&out);
    dr_result_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_formats_are_as_published),
        cmocka_unit_test(a_comma_locale_changes_nothing),
        cmocka_unit_test(the_format_names_are_in_the_order_of_the_enum),
        cmocka_unit_test(a_worse_finding_comes_first),
        cmocka_unit_test(what_is_not_proven_says_so),
        cmocka_unit_test(a_long_verdict_gives_way_to_a_worse_finding),
        cmocka_unit_test(advice_is_of_the_worst_finding_that_has_some),
        cmocka_unit_test(details_and_a_long_verdict_stand_below),
        cmocka_unit_test(everything_fits_into_8_kib),
        cmocka_unit_test(room_is_used),
        cmocka_unit_test(perfdata_gives_way_before_text_in_the_first_line),
        cmocka_unit_test(even_the_longest_sentences_keep_the_first_line),
        cmocka_unit_test(a_line_holds_the_verdict_figures_first),
        cmocka_unit_test(the_trace_is_not_bounded_by_8_kib),
        cmocka_unit_test(json_is_complete),
        cmocka_unit_test(json_is_valid_at_every_limit),
        cmocka_unit_test(openmetrics_is_valid_with_doubles_in_any_order),
        cmocka_unit_test(secrets_show_nowhere),
        cmocka_unit_test(masking_leaves_our_own_words_alone),
        cmocka_unit_test(every_byte_a_server_can_send_is_harmless),
        cmocka_unit_test(it_is_appended_and_can_be_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
