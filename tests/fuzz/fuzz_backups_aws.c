/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of RDS and EC2: the first byte says of which list, the others are read as that one, after
 * a database and a volume that exist. */
#include "tests/fuzz/fuzz.h"

#include "plugins/backups/aws_parts.h"

#include <math.h>

#define NOW 1795190400.0
#define SKEW 300.0

static void check_point(const struct bak_point *point)
{
    MUST(!point->data.known || isfinite(point->data.value));
    MUST(point->status != BAK_COMPLETE || point->data.known);
    MUST(point->status == BAK_COMPLETE || (point->why != NULL && point->why[0] != '\0'));
    MUST(point->name != NULL && point->proof == BAK_NONE);
}

static void check_facts(const struct bak_facts *facts)
{
    MUST(!facts->no_memory && !facts->complete);
    for (size_t i = 0; i < facts->series_count; i++) {
        const struct bak_series *series = &facts->series[i];
        MUST(series->point_count <= BAK_AWS_POINTS_MAX);
        MUST(!series->total.known || (size_t)series->total.value >= series->point_count);
        MUST(!series->restorable.known || series->restorable.value <= NOW + SKEW);
        MUST(!series->expected_only || (series->point_count == 0 && !series->restorable.known));
        for (size_t k = 0; k < series->point_count; k++)
            check_point(&series->points[k]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bak_aws_list *const lists[] = {
        &bak_aws_instances, &bak_aws_clusters, &bak_aws_db_snapshots, &bak_aws_cluster_snapshots,
        &bak_aws_automated, &bak_aws_volumes,  &bak_aws_snapshots};
    if (size == 0)
        return 0;
    const struct bak_aws_list *list = lists[data[0] % (sizeof lists / sizeof lists[0])];
    struct bak_request request = {.now = NOW, .window = 7 * 86400.0, .skew = SKEW};
    struct bak_facts facts = {.product = list->service[0] == 'r' ? BAK_RDS : BAK_EBS};
    struct bak_aws aws = {.request = &request,
                          .facts = &facts,
                          .region = "eu-central-1",
                          .name = "",
                          .time_tag = "taken",
                          .group_tag = data[0] >= 'a' ? "Name" : NULL,
                          .known = data[0] < 'a'};
    struct dr_error error = {.class = DR_ERR_NONE};
    char next[BAK_AWS_TOKEN_SIZE], *text = fuzz_text(data + 1, size - 1);
    struct dr_buffer body = {.text = text, .size = size - 1, .limit = size - 1};
    MUST(bak_aws_add_thing(&aws, "vol-1") != NULL && bak_aws_add_thing(&aws, "orders") != NULL);
    bak_aws_know(&aws);
    bool ok = bak_aws_read(&aws, list, &body, next, &error);
    MUST(ok ? error.class == DR_ERR_NONE : error.class == DR_ERR_PROTOCOL && error.text[0] != '\0');
    bak_aws_know(&aws);
    bak_aws_finish(&aws);
    check_facts(&facts);
    bak_aws_free(&aws);
    bak_facts_free(&facts);
    free(text);
    return 0;
}
