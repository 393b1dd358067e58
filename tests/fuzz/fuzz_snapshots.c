/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies about snapshots of Elasticsearch and OpenSearch, and the catalogue of a repository. */
#include "tests/fuzz/fuzz.h"

#include "plugins/backups/snapshots.h"

static const struct bak_request request = {.now = 1790000000, .window = 604800, .skew = 300};

static void check_list(struct es_snapshots *list, bool ok, const struct dr_error *error)
{
    struct bak_facts facts = {.product = BAK_ELASTICSEARCH};
    MUST(ok == (error->class == DR_ERR_NONE));
    MUST(ok || error->class == DR_ERR_PROTOCOL);
    if (ok)
        es_add_snapshots(&facts, list, &request);
    MUST(!facts.no_memory);
    for (size_t i = 0; i < facts.series_count; i++) {
        for (size_t k = 0; k < facts.series[i].point_count; k++) {
            const struct bak_point *point = &facts.series[i].points[k];
            MUST(point->status != BAK_COMPLETE || (point->data.known && point->usable.known));
            MUST(point->status == BAK_COMPLETE || point->status == BAK_RUNNING ||
                 point->why != NULL);
        }
    }
    bak_facts_free(&facts);
    size_t before = list->count;
    es_keep_last(list, 3);
    MUST(list->count <= before);
    free(list->items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct dr_error error = {.class = DR_ERR_NONE};
    struct es_snapshots list = {.items = NULL}, catalogue = {.items = NULL};
    struct bak_facts facts = {.product = BAK_ELASTICSEARCH};
    struct es_refusal refusal;
    struct es_policy policy;
    char mode[32];
    bool ok = es_read_snapshots(text, &list, &error);
    check_list(&list, ok, &error);
    error.class = DR_ERR_NONE;
    ok = es_read_catalogue(text, &catalogue, &error);
    check_list(&catalogue, ok, &error);
    es_read_refusal(text, &refusal);
    es_read_mode(text, mode, NULL);
    if (es_read_policy(text, "nightly", &policy, NULL))
        es_add_policy(&facts, &policy, "s3", request.now);
    bak_facts_free(&facts);
    free(text);
    return 0;
}
