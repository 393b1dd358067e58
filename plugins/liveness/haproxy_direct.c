/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/haproxy_direct.h"

#include "plugins/liveness/haproxy_units.h"
#include "plugins/liveness/look.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* One look at many: the places point to the hosts. */
struct round {
    struct liv_place_to_look places[LIV_LOOK_MAX];
    char hosts[LIV_LOOK_MAX][LIV_ADDRESS_SIZE];
    size_t count;
};

static bool is_wanted(const struct liv_request *request, const char *pool)
{
    for (size_t i = 0; i < request->pools.count; i++) {
        if (fnmatch(request->pools.items[i], pool, 0) == 0)
            return true;
    }
    return request->pools.count == 0;
}

/* The first sign is the balancer's. */
static bool is_asked(const struct liv_request *request, const struct liv_unit *unit)
{
    if (unit->kind != LIV_SERVER || unit->sign_count == 0 || !is_wanted(request, unit->pool))
        return false;
    enum liv_sign_kind kind = unit->signs[0].kind;
    return kind == LIV_LB_UP || kind == LIV_LB_FALLING || kind == LIV_LB_UNCHECKED ||
           kind == LIV_LB_DOWN || kind == LIV_LB_RISING;
}

static void add_place(const struct liv_haproxy_table *table, struct liv_facts *facts, size_t which,
                      struct round *round)
{
    struct liv_unit *unit = &facts->units[which];
    const struct liv_haproxy_row *row = liv_haproxy_find(table, unit->name);
    char *host = round->hosts[round->count];
    int port = 0;
    if (row == NULL || !liv_haproxy_place(row, host, LIV_ADDRESS_SIZE, &port)) {
        liv_facts_sign(facts, unit, LIV_NOT_TOLD,
                       "no address to ask it at (a page tells it with \"stats show-legends\")");
        return;
    }
    round->places[round->count++] =
        (struct liv_place_to_look){.host = host, .port = port, .unit = which};
}

static bool ask_servers(struct dr_task *task, const struct liv_haproxy_table *table,
                        const struct dr_web_access *access, struct round *round,
                        struct liv_facts *facts, struct dr_error *error)
{
    for (size_t i = 0; i < facts->unit_count; i++) {
        if (is_asked(dr_task_request(task), &facts->units[i]))
            add_place(table, facts, i, round);
        if (round->count < LIV_LOOK_MAX && (i + 1 < facts->unit_count || round->count == 0))
            continue;
        if (!liv_look(task, facts, access, round->places, round->count, error))
            return false;
        round->count = 0;
    }
    return true;
}

bool liv_haproxy_direct(struct dr_task *task, const struct liv_haproxy_table *table,
                        struct liv_facts *facts, struct dr_error *error)
{
    const struct liv_request *request = dr_task_request(task);
    struct dr_web_access access;
    if (request->direct == NULL)
        return true;
    struct round *round = calloc(1, sizeof *round);
    if (round == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    bool ok = liv_access_read_url(task, request->direct, &access, error) ||
              dr_error_prefix(error, "--direct");
    ok = ok && ask_servers(task, table, &access, round, facts, error);
    dr_web_access_free(&access);
    free(round);
    return ok;
}
