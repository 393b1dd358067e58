/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte chooses the unit, the others are the range. */
#include "tests/fuzz/fuzz.h"

#include "common/range.h"

#include <math.h>

static bool same(double a, double b)
{
    return !(a < b) && !(a > b);
}

static void check_perfdata(const struct dr_range *range)
{
    struct dr_range back = {0};
    char *text = malloc(DR_RANGE_TEXT);
    MUST(text != NULL);
    dr_range_perfdata(range, text, DR_RANGE_TEXT);
    MUST(text[0] != '\0' && strspn(text, "0123456789.-:@~") == strlen(text));
    MUST(dr_range_parse(text, DR_UNIT_NONE, &back, NULL));
    MUST(same(back.start, range->start) && same(back.end, range->end));
    MUST(back.inside == range->inside);
    free(text);
}

static void check_rule(const struct dr_range *range, enum dr_unit unit, double value)
{
    char *text = malloc(DR_RANGE_TEXT);
    MUST(text != NULL);
    dr_range_rule(range, unit, value, text, DR_RANGE_TEXT);
    MUST(strlen(text) >= 5 && strlen(text) < DR_RANGE_TEXT - 1);
    dr_unit_format(unit, value, text, DR_UNIT_TEXT);
    MUST(text[0] != '\0' && strlen(text) < DR_UNIT_TEXT - 1);
    free(text);
}

static void check_range(const struct dr_range *range, enum dr_unit unit)
{
    MUST(range->start <= range->end);
    MUST(isfinite(range->start) || same(range->start, -INFINITY));
    MUST(isfinite(range->end) || same(range->end, INFINITY));
    MUST(dr_range_alerts(range, (double)NAN));
    if (isfinite(range->start)) {
        MUST(dr_range_alerts(range, range->start) == range->inside);
        MUST(dr_range_alerts(range, nextafter(range->start, -INFINITY)) != range->inside);
    }
    if (isfinite(range->end)) {
        MUST(dr_range_alerts(range, range->end) == range->inside);
        MUST(dr_range_alerts(range, nextafter(range->end, INFINITY)) != range->inside);
    }
    check_perfdata(range);
    const double values[] = {range->start, range->end, 0, -1, (double)NAN};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        check_rule(range, unit, values[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum dr_unit unit = (enum dr_unit)(data[0] % 5);
    char *text = fuzz_text(data + 1, size - 1);
    struct dr_range range = {.start = 2, .end = 1, .inside = true};
    struct dr_error error = {0};
    if (dr_range_parse(text, unit, &range, &error)) {
        check_range(&range, unit);
    } else {
        fuzz_check_error(&error, text);
        MUST(same(range.start, 2) && same(range.end, 1) && range.inside);
    }
    free(text);
    return 0;
}
