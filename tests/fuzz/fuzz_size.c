/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes are a size, and the first eight of them any number to be written. */
#include "tests/fuzz/fuzz.h"

#include "common/size.h"

static void check_format(int64_t bytes)
{
    char *text = malloc(DR_SIZE_TEXT);
    MUST(text != NULL);
    dr_size_format(bytes, text, DR_SIZE_TEXT);
    MUST(strlen(text) >= 3 && strlen(text) <= strlen("-99.9 MB"));
    dr_size_format_exact(bytes, text, DR_SIZE_TEXT);
    MUST(strlen(text) >= 3 && strlen(text) < DR_SIZE_TEXT - 1);
    free(text);
}

static void check_size(int64_t bytes)
{
    char text[DR_SIZE_TEXT];
    int64_t back = -1;
    MUST(bytes >= 0);
    check_format(bytes);
    dr_size_format_exact(bytes, text, sizeof text);
    fuzz_remove_blank(text);
    MUST(dr_size_parse(text, &back, NULL));
    MUST(back == bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    int64_t bytes = -1;
    struct dr_error error = {0};
    if (dr_size_parse(text, &bytes, &error)) {
        check_size(bytes);
    } else {
        fuzz_check_error(&error, text);
        MUST(bytes == -1);
    }
    if (size >= sizeof bytes) {
        memcpy(&bytes, data, sizeof bytes);
        check_format(bytes);
    }
    free(text);
    return 0;
}
