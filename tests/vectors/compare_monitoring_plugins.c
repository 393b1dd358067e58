/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the tables of this folder through the library of monitoring-plugins and lists where it
 * differs from ours, with the reason that the table gives. A difference without a reason fails, and
 * so does a reason without a difference.
 *
 * What ours makes of the tables is proved by the unit tests; here it is run again, so that the two
 * sides are compared and not a side with a table. */
#define VECTOR_FAIL(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))
#include "tests/unit/extra_opts_words.h"

#include "common/buffer.h"
#include "common/perfdata.h"
#include "common/threshold.h"
#include "tests/vectors/monitoring_plugins_side.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX 4096

/* Read by AddressSanitizer. Their library frees little of what it makes; ours is watched in the
 * unit tests. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static struct {
    size_t compared, explained, failed;
} count;

/* One comparison is done: `reason` is the column of the table. */
static void settle(const char *what, const char *input, const char *ours, const char *theirs,
                   const char *reason)
{
    bool differs = strcmp(ours, theirs) != 0, explained = strcmp(reason, "same") != 0;
    count.compared++;
    count.explained += differs && explained;
    if (differs && explained)
        printf("%s %s: ours: %s; theirs: %s: %s\n", what, input, ours, theirs, reason);
    else if (differs)
        printf("FAIL: %s %s: a difference without a reason: ours: %s; theirs: %s\n", what, input,
               ours, theirs);
    else if (explained)
        printf("FAIL: %s %s: both: %s, but the table explains a difference: %s\n", what, input,
               ours, reason);
    count.failed += differs != explained;
}

/* ---- ranges ---- */

static enum dr_unit unit_of(const char *name)
{
    static const char *const names[] = {"none", "seconds", "bytes", "percent", "counter"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0)
            return (enum dr_unit)i;
    }
    VECTOR_FAIL("no unit: %s", name);
}

static void describe(char *text, size_t size, double start, double end, bool inside)
{
    /* 0 - -0 is 0 */
    snprintf(text, size, "%s%.15g..%.15g", inside ? "@" : "", start + 0.0, end + 0.0);
}

static void add_values(const char *list, const char *text, const struct dr_range *range, char *ours,
                       char *theirs)
{
    char copy[TEXT_MAX];
    snprintf(copy, sizeof copy, "%s", strcmp(list, "-") == 0 ? "" : list);
    for (char *at = strtok(copy, ","); at != NULL; at = strtok(NULL, ",")) {
        double value = strtod(at, NULL);
        bool our = dr_range_alerts(range, value), their = mp_side_alerts(text, value) != 0;
        if (our == their)
            continue;
        size_t used = strlen(ours);
        snprintf(ours + used, TEXT_MAX - used, ", %s %s", at, our ? "alerts" : "is fine");
        used = strlen(theirs);
        snprintf(theirs + used, TEXT_MAX - used, ", %s %s", at, their ? "alerts" : "is fine");
    }
}

static void compare_range(char **column)
{
    char ours[TEXT_MAX] = "refused", theirs[TEXT_MAX] = "refused";
    const char *text = vector_unquote(column[0]);
    struct dr_range range = {0};
    double start = 0, end = 0;
    int inside = 0;
    bool our = dr_range_parse(text, unit_of(column[1]), &range, NULL);
    bool their = mp_side_range(text, &start, &end, &inside) != 0;
    if (our)
        describe(ours, sizeof ours, range.start, range.end, range.inside);
    if (their)
        describe(theirs, sizeof theirs, start, end, inside != 0);
    if (our && their) {
        add_values(column[6], text, &range, ours, theirs);
        add_values(column[7], text, &range, ours, theirs);
    }
    char input[TEXT_MAX];
    snprintf(input, sizeof input, "\"%s\" (%s)", text, column[1]);
    settle("range", input, ours, theirs, column[11]);
}

/* ---- thresholds and states ---- */

static const char *given(const char *text)
{
    return strcmp(text, "-") != 0 ? text : NULL;
}

static void compare_threshold(char **column)
{
    const struct dr_metric metric = {"value", DR_UNIT_NONE, ""};
    struct dr_threshold threshold = {0};
    const char *warning = given(column[0]), *critical = given(column[1]);
    double value = strtod(column[2], NULL);
    if ((warning != NULL && !dr_threshold_set(&metric, 1, &threshold, false, warning, NULL)) ||
        (critical != NULL && !dr_threshold_set(&metric, 1, &threshold, true, critical, NULL)))
        VECTOR_FAIL("thresholds.tsv: a bad range: %s %s", column[0], column[1]);
    int theirs = mp_side_threshold(warning, critical, value);
    char input[TEXT_MAX];
    snprintf(input, sizeof input, "%s %s with %s", column[0], column[1], column[2]);
    settle("threshold", input, dr_state_name(dr_threshold_judge(&threshold, value)),
           theirs < 0 ? "refused" : dr_state_name((enum dr_state)theirs), column[5]);
}

static void compare_states(char **column)
{
    enum dr_state a = DR_OK, b = DR_OK;
    if (!dr_state_parse(column[0], &a) || !dr_state_parse(column[1], &b))
        VECTOR_FAIL("states.tsv: no state: %s %s", column[0], column[1]);
    const char *ours = dr_state_name(dr_state_worst(a, b));
    char input[TEXT_MAX];
    snprintf(input, sizeof input, "of %s and %s", column[0], column[1]);
    settle("max_state", input, ours,
           dr_state_name((enum dr_state)mp_side_max_state((int)a, (int)b)), column[3]);
    settle("max_state_alt", input, ours,
           dr_state_name((enum dr_state)mp_side_max_state_alt((int)a, (int)b)), column[4]);
}

/* ---- performance data ---- */

/* Brings a datum into one form: the numbers as numbers, no semicolons at the end. */
static void normalise(const char *text, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "%.*s", (int)strcspn(text, "="), text);
    const char *at = strchr(text, '=');
    for (; at != NULL && *at != '\0' && used < size; at += strcspn(at, ";")) {
        used += (size_t)snprintf(out + used, size - used, "%c", *at++);
        char *behind = NULL;
        double value = strtod(at, &behind);
        /* a range keeps its text */
        bool number = behind > at && memchr(at, ':', strcspn(at, ";")) == NULL;
        if (number && used < size)
            used += (size_t)snprintf(out + used, size - used, "%.15g", value);
        at = number ? behind : at;
        int rest = (int)strcspn(at, ";");
        if (used < size)
            used += (size_t)snprintf(out + used, size - used, "%.*s", rest, at);
    }
    size_t length = strlen(out);
    while (length > 0 && out[length - 1] == ';')
        out[--length] = '\0';
}

static void read_limit(const char *text, struct dr_limit *limit)
{
    limit->given = given(text) != NULL;
    if (limit->given && !dr_range_parse(text, DR_UNIT_NONE, &limit->range, NULL))
        VECTOR_FAIL("perfdata.tsv: a bad range: %s", text);
}

static void compare_perfdata(char **column)
{
    struct dr_figure figure = {
        .label = column[0], .unit = unit_of(column[1]), .value = strtod(column[2], NULL)};
    read_limit(column[3], &figure.threshold.warning);
    read_limit(column[4], &figure.threshold.critical);
    double minimum = strtod(column[5], NULL), maximum = strtod(column[6], NULL);
    if (given(column[5]) != NULL)
        figure.minimum = dr_real(minimum);
    if (given(column[6]) != NULL)
        figure.maximum = dr_real(maximum);
    struct dr_buffer text = DR_BUFFER(TEXT_MAX);
    dr_perfdata_add(&text, &figure);
    char *their_text = mp_side_perfdata(
        column[0], figure.value, dr_perfdata_unit(figure.unit), given(column[3]), given(column[4]),
        figure.minimum.known ? &minimum : NULL, figure.maximum.known ? &maximum : NULL);
    char ours[TEXT_MAX], theirs[TEXT_MAX];
    normalise(dr_buffer_text(&text), ours, sizeof ours);
    normalise(their_text, theirs, sizeof theirs);
    settle("perfdata", column[7], ours, theirs, column[9]);
    dr_buffer_free(&text);
    free(their_text);
}

/* ---- extra-opts ---- */

static void run_ours(int argc, char **argv)
{
    struct dr_arguments out = {0};
    struct dr_error error = {0};
    if (!dr_extra_opts_expand(&words_table, NULL, argc, argv, &out, &error)) {
        printf("%s", error.text);
        exit(3);
    }
    for (int i = 1; i < out.argc; i++)
        printf("%s|", out.argv[i]);
    dr_arguments_free(&out);
}

/* Runs a side in a child, because theirs ends the process at an error: its output, or "error". */
static void run_side(bool ours, int argc, char **argv, char *result)
{
    int pipe_ends[2];
    fflush(NULL);
    if (pipe(pipe_ends) != 0)
        VECTOR_FAIL("no pipe");
    pid_t child = fork();
    if (child == 0) {
        dup2(pipe_ends[1], STDOUT_FILENO);
        close(pipe_ends[0]);
        close(pipe_ends[1]);
        if (ours)
            run_ours(argc, argv);
        else
            mp_side_extra_opts(argc, argv, "check_x");
        exit(0);
    }
    close(pipe_ends[1]);
    size_t used = 0;
    ssize_t got = 0;
    while (used < TEXT_MAX - 1 &&
           (got = read(pipe_ends[0], result + used, TEXT_MAX - 1 - used)) > 0)
        used += (size_t)got;
    result[used] = '\0';
    close(pipe_ends[0]);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        snprintf(result, TEXT_MAX, "died");
    else if (WEXITSTATUS(status) != 0)
        snprintf(result, TEXT_MAX, "error");
}

static void compare_extra_opts(char **column)
{
    static struct words words;
    char input[TEXT_MAX], ours[TEXT_MAX], theirs[TEXT_MAX];
    words_split(&words, column[0], column[1]);
    run_side(true, words.argc, words.argv, ours);
    run_side(false, words.argc, words.argv, theirs);
    snprintf(input, sizeof input, "%.1000s with %.1000s", column[0], column[1]);
    settle("extra-opts", input, ours, theirs, column[3]);
}

int main(void)
{
    vectors_read("ranges.tsv", 12, compare_range);
    vectors_read("thresholds.tsv", 6, compare_threshold);
    vectors_read("states.tsv", 5, compare_states);
    vectors_read("perfdata.tsv", 10, compare_perfdata);
    vectors_read("extra_opts/vectors.tsv", 4, compare_extra_opts);
    printf("%zu compared, %zu differences with a reason, %zu failed\n", count.compared,
           count.explained, count.failed);
    return count.compared > 200 && count.failed == 0 ? 0 : 1;
}
