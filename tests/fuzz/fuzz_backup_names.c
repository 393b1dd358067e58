/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A glob or a --name-format, a form feed, and a name. */
#include "tests/fuzz/fuzz.h"

#include "plugins/backups/names.h"

static void try_format(const char *format, const char *name)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    struct bak_named named;
    char after[64];
    const struct dr_opt_real near = dr_real(1795140000);
    if (!bak_format_check(format, &error)) {
        MUST(error.class == DR_ERR_USAGE && error.text[0] != '\0');
        return;
    }
    if (bak_format_read(format, name, &near, &named)) {
        MUST(named.moment > -1e6 && named.moment < 3e11);
        MUST(strlen(named.series) < sizeof named.series);
        MUST(strchr(named.series, '/') == NULL);
        MUST(named.series[0] == '\0' || strstr(name, named.series) != NULL);
    }
    if (bak_format_after(format, "", 1795140000, after, sizeof after))
        MUST(strlen(after) < sizeof after);
}

static void try_name(const char *name)
{
    size_t size = strlen(name) + 1;
    char *finished = malloc(size);
    MUST(finished != NULL);
    /* It takes one byte more than the name of a file that is not finished leaves free. */
    if (bak_name_finished(name, finished, size)) {
        MUST(strlen(finished) < size);
        MUST(bak_name_unfinished(name) || strcmp(name, finished) == 0);
    }
    free(finished);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *feed = size > 0 ? memchr(data, '\f', size) : NULL;
    size_t first = feed != NULL ? (size_t)(feed - data) : size;
    char *glob = fuzz_text(data, first);
    char *name = feed != NULL ? fuzz_text(feed + 1, size - first - 1) : fuzz_text(NULL, 0);
    MUST(bak_glob_root(glob) <= strlen(glob));
    /* What has no wildcard matches itself, and nothing else. */
    bool matches = bak_glob_match(glob, name);
    if (glob[0] != '\0' && glob[strcspn(glob, "*?[")] == '\0')
        MUST(matches == (strcmp(glob, name) == 0));
    MUST(bak_glob_match("**", name));
    try_format(glob, name);
    try_name(name);
    free(glob);
    free(name);
    return 0;
}
