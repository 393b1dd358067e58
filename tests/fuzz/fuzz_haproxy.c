/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What HAProxy says: the three answers of its runtime API, and the same as a page; after a form
 * feed "show servers state" by itself. */
#include "tests/fuzz/fuzz.h"

#include "plugins/liveness/haproxy_units.h"

static void look_at(const struct liv_haproxy_table *table, bool named)
{
    struct liv_facts facts = {.product = LIV_HAPROXY};
    struct dr_error error = {.class = DR_ERR_NONE};
    bool ok = liv_haproxy_units(table, 300, named, &facts, &error);
    MUST(ok == (error.class == DR_ERR_NONE));
    MUST(ok == facts.complete);
    MUST(facts.unit_count <= table->count);
    for (size_t i = 0; i < facts.unit_count; i++) {
        const struct liv_unit *unit = &facts.units[i];
        MUST(unit->name != NULL && unit->pool != NULL && unit->sign_count > 0);
        MUST(unit->kind == LIV_POOL || (unit->kind == LIV_SERVER && unit->place_count <= 1));
        MUST(!unit->figures[LIV_SESSIONS].known || unit->figures[LIV_SESSIONS].value >= 0);
    }
    liv_facts_free(&facts);
}

/* A list, and what follows it, or `states` where they are given. */
static void read_list(char *text, char *states)
{
    struct liv_haproxy_table table;
    struct dr_error error = {.class = DR_ERR_NONE};
    char *rest;
    if (liv_haproxy_read_stat(text, &rest, &table, &error)) {
        MUST(table.count > 0 && table.server_count <= table.count);
        look_at(&table, false);
        if (liv_haproxy_read_states(states != NULL ? states : rest, &table, &error))
            look_at(&table, true);
        else
            MUST(error.class == DR_ERR_PROTOCOL);
    } else {
        MUST(error.class == DR_ERR_PROTOCOL || error.class == DR_ERR_PRIVILEGE);
    }
    liv_haproxy_table_free(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *feed = size > 0 ? memchr(data, '\f', size) : NULL;
    size_t first = feed != NULL ? (size_t)(feed - data) : size;
    char *text = fuzz_text(data, first);
    char *states = feed != NULL ? fuzz_text(feed + 1, size - first - 1) : NULL;
    struct dr_error error = {.class = DR_ERR_NONE};
    const char *version;
    char *rest = text;
    if (liv_haproxy_read_info(text, &rest, &version, &error))
        MUST(version == NULL || *version != '\0');
    read_list(rest, states);
    free(text);
    free(states);
    return 0;
}
