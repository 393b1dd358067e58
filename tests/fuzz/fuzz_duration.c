/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes are a duration, and the first eight of them any number to be written. */
#include "tests/fuzz/fuzz.h"

#include "common/duration.h"

static void check_format(double seconds)
{
    char *text = malloc(DR_DURATION_TEXT);
    MUST(text != NULL);
    dr_duration_format(seconds, text, DR_DURATION_TEXT);
    MUST(text[0] != '\0' && strlen(text) < DR_DURATION_TEXT - 1);
    dr_duration_format_exact(seconds, text, DR_DURATION_TEXT);
    MUST(text[0] != '\0' && strlen(text) < DR_DURATION_TEXT - 1);
    free(text);
}

static void check_duration(double seconds)
{
    char text[DR_DURATION_TEXT];
    double back = -1;
    MUST(seconds >= 0 && seconds <= 100 * 365.25 * 86400);
    check_format(seconds);
    check_format(-seconds);
    dr_duration_format_exact(seconds, text, sizeof text);
    fuzz_remove_blank(text);
    MUST(dr_duration_parse(text, &back, NULL));
    MUST(!(back < seconds) && !(back > seconds));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    double seconds = -1;
    struct dr_error error = {0};
    if (dr_duration_parse(text, &seconds, &error)) {
        check_duration(seconds);
    } else {
        fuzz_check_error(&error, text);
        MUST(seconds < 0);
    }
    if (size >= sizeof seconds) {
        memcpy(&seconds, data, sizeof seconds);
        check_format(seconds);
    }
    free(text);
    return 0;
}
