/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a node of Elasticsearch says: who it is, its health, its leader and its snapshots, with form
 * feeds between them. */
#include "tests/fuzz/fuzz.h"

#include "plugins/liveness/elasticsearch_read.h"

#define PARTS 4

static void read_part(const char *text, size_t which, struct elastic_node *node)
{
    static bool (*const readers[PARTS])(const struct dr_buffer *, struct elastic_node *,
                                        struct dr_error *) = {
        elastic_read_root, elastic_read_health, elastic_read_leader, elastic_read_snapshots};
    struct dr_error error = {.class = DR_ERR_NONE};
    struct dr_buffer body = DR_BUFFER(1 << 20);
    char type[ELASTIC_NAME_SIZE];
    dr_buffer_add(&body, text);
    bool ok = readers[which](&body, node, &error);
    MUST(ok == (error.class == DR_ERR_NONE));
    MUST(strpbrk(error.text, "\n\r\t") == NULL || ok);
    elastic_read_refusal(&body, type);
    MUST(strlen(type) < sizeof type);
    dr_buffer_free(&body);
}

static void fill(const struct elastic_node *node, bool yellow_fits)
{
    struct liv_facts facts = {.product = LIV_ELASTICSEARCH};
    elastic_fill(node, "h", yellow_fits, &facts);
    MUST(facts.unit_count == 1 && facts.units[0].sign_count >= 1);
    const struct liv_unit *unit = &facts.units[0];
    MUST(unit->cluster != NULL || node->cluster_uuid[0] == '\0');
    for (int i = 0; i < LIV_METRICS; i++)
        MUST(!unit->figures[i].known || unit->figures[i].value >= 0);
    liv_facts_free(&facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elastic_node node = {.seconds = 0};
    for (size_t i = 0; i < PARTS; i++) {
        const uint8_t *feed = size > 0 ? memchr(data, '\f', size) : NULL;
        size_t length = feed != NULL ? (size_t)(feed - data) : size;
        char *text = fuzz_text(data, length);
        read_part(text, i, &node);
        free(text);
        data += feed != NULL ? length + 1 : length;
        size -= feed != NULL ? length + 1 : length;
    }
    fill(&node, false);
    fill(&node, true);
    return 0;
}
