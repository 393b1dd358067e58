/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tools print about their backups: the same bytes as each of them, and by pointers. */
#include "tests/fuzz/fuzz.h"

#include "plugins/backups/document_parts.h"

#include <math.h>

#define NOW 1795206600.0

static void check_facts(bool ok, const struct bak_facts *facts, const struct dr_error *error)
{
    MUST(ok == (error->class == DR_ERR_NONE) && !facts->no_memory);
    MUST(ok || (error->class == DR_ERR_PROTOCOL && error->text[0] != '\0'));
    MUST(ok || !facts->complete);
    for (size_t i = 0; i < facts->series_count; i++) {
        const struct bak_series *series = &facts->series[i];
        MUST(series->point_count <= 512);
        MUST(!series->total.known || (size_t)series->total.value >= series->point_count);
        for (size_t k = 0; k < series->point_count; k++) {
            const struct bak_point *point = &series->points[k];
            MUST(!point->data.known || isfinite(point->data.value));
            MUST(point->status == BAK_COMPLETE || point->why != NULL);
            MUST(point->status != BAK_COMPLETE || point->data.known);
        }
    }
}

static void read_by(bak_document_read *read, const char *text)
{
    struct bak_request request = {.now = NOW, .window = 7 * 86400.0, .skew = 300};
    struct bak_facts facts = {.series = NULL};
    struct dr_error error = {.class = DR_ERR_NONE};
    bool ok = read(text, &request, &facts, &error);
    check_facts(ok, &facts, &error);
    bak_facts_free(&facts);
}

static bool read_other(const char *text, const struct bak_request *request, struct bak_facts *facts,
                       struct dr_error *error)
{
    static const struct bak_pointers pointers = {.items = "/jobs",
                                                 .time = "/end/0",
                                                 .status = "/a~1b",
                                                 .good = "true",
                                                 .name = "/id",
                                                 .size = "/bytes"};
    return bak_document_read_other(text, &pointers, request, facts, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    size_t prefix;
    bak_document_clean(text);
    read_by(bak_document_read_borg, text);
    read_by(bak_document_read_restic, text);
    read_by(bak_document_read_pgbackrest, text);
    read_by(bak_document_read_barman, text);
    read_by(bak_document_read_walg, text);
    read_by(read_other, text);
    MUST(!bak_name_split_date(text, &prefix) || prefix < strlen(text));
    struct dr_opt_real moment = bak_moment_local(text);
    MUST(!moment.known || isfinite(moment.value));
    free(text);
    return 0;
}
