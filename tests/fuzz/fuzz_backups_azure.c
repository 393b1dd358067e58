/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list of ARM as databases, copies and backups of Azure SQL; after a form feed a SAS, after
 * another one a value of a header of Azure Storage. */
#include "tests/fuzz/node.h"

#include "common/client/azure_sas.h"
#include "plugins/backups/azure_sql_read.h"
#include "plugins/backups/store_azure.h"

#define NOW 1795190400.0

struct world {
    struct bak_request request;
    struct bak_facts facts;
    bool long_term;
};

static bool take(void *context, const struct bak_sql_item *item, struct dr_error *error)
{
    struct world *world = context;
    (void)error;
    MUST(item->name[0] != '\0' && strlen(item->name) < sizeof item->name);
    bak_sql_take_database(&world->facts, &world->request, item, world->long_term);
    bak_sql_take_recoverable(&world->facts, &world->request, item);
    bak_sql_take_point(&world->facts, item->name, item);
    bak_sql_take_long_term(&world->facts, &world->request, item);
    return true;
}

/* No moment without one in the text, and nothing is usable that is not known. */
static void check_facts(const struct bak_facts *facts)
{
    for (size_t i = 0; i < facts->series_count; i++) {
        const struct bak_series *series = &facts->series[i];
        MUST(series->point_count <= BAK_SQL_POINTS_MAX + 4096);
        MUST(!series->expected_only || (series->point_count == 0 && !series->restorable.known));
        for (size_t j = 0; j < series->point_count; j++) {
            const struct bak_point *point = &series->points[j];
            MUST(point->data.known == (point->status == BAK_COMPLETE));
            MUST(point->status == BAK_COMPLETE || point->why != NULL);
        }
    }
}

static void check_list(const char *text, bool long_term)
{
    struct world world = {.request = {.now = NOW}, .long_term = long_term};
    struct dr_buffer body = DR_BUFFER(1 << 20);
    struct dr_error error = {0};
    char next[64], location[64];
    dr_buffer_add(&body, text);
    bool ok = bak_sql_read_list(&body, take, &world, next, sizeof next, &error);
    fuzz_check_outcome(ok, &error);
    MUST(ok || error.class == DR_ERR_PROTOCOL);
    bak_sql_finish(&world.facts, long_term);
    check_facts(&world.facts);
    bak_facts_free(&world.facts);
    error = (struct dr_error){0};
    ok = bak_sql_read_location(&body, location, sizeof location, &error);
    fuzz_check_outcome(ok, &error);
    MUST(!ok || (location[0] != '\0' && strpbrk(location, "/?#%") == NULL));
    dr_buffer_free(&body);
}

static void check_sas(const char *text)
{
    static const struct dr_azure_sas_use use = {
        .service = "b", .resource = "cd", .words = "a container"};
    struct dr_azure_sas sas;
    struct dr_error error = {0};
    if (!dr_azure_read_sas(text, &sas, &error))
        return;
    bool ok = dr_azure_sas_fits(&sas, &use, NOW, &error);
    fuzz_check_outcome(ok, &error);
    MUST(ok || error.class == DR_ERR_AUTH || error.class == DR_ERR_PRIVILEGE);
    MUST(!ok || !sas.expiry.known || sas.expiry.value > NOW - 301);
}

static void check_values(char *text)
{
    char hex[BAK_AZURE_MD5_SIZE];
    int64_t from = 0, through = 0, total = 0;
    if (bak_azure_content_range(text, &from, &through, &total))
        MUST(from >= 0 && from <= through && through < total);
    MUST(bak_azure_md5(text, hex) == (strlen(hex) == BAK_AZURE_MD5_SIZE - 1));
    struct dr_opt_int size = bak_azure_size(text);
    MUST(!size.known || size.value >= 0);
    bak_azure_moment(text);
    size_t length = strlen(text);
    if (bak_azure_decode(text))
        MUST(strlen(text) <= length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *list = fuzz_part(&data, &size), *sas = fuzz_part(&data, &size);
    char *value = fuzz_part(&data, &size);
    check_list(list, false);
    check_list(list, true);
    check_sas(sas);
    check_values(value);
    free(list);
    free(sas);
    free(value);
    return 0;
}
