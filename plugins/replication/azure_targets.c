/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/azure_targets.h"

#include "common/buffer.h"

#include <stdlib.h>
#include <string.h>

static const char *const services[] = {"blob", "queue", "table"};
#define SERVICES (sizeof services / sizeof services[0])

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* Which services a comma list names. */
static bool read_services(const char *list, bool wanted[SERVICES], struct dr_error *error)
{
    for (const char *p = list;; p++) {
        size_t length = strcspn(p, ","), i = 0;
        while (i < SERVICES &&
               (strlen(services[i]) != length || strncmp(services[i], p, length) != 0))
            i++;
        if (i == SERVICES)
            return dr_error_set(error, DR_ERR_USAGE,
                                "services=%.40s: the services with a last sync time are blob, "
                                "queue and table",
                                list);
        if (wanted[i])
            return dr_error_set(error, DR_ERR_USAGE, "services=%.40s: %s is there twice", list,
                                services[i]);
        wanted[i] = true;
        p += length;
        if (*p == '\0')
            return true;
    }
}

/* Makes `part` the target of one service of `whole`. */
static bool make_part(const struct dr_target *whole, const char *service, struct dr_target *part)
{
    *part = *whole;
    part->label = dr_text_format("%s-%s", whole->label, service);
    if (!dr_uri_copy(&whole->uri, &part->uri)) {
        free(part->label);
        return false;
    }
    char *old = dr_uri_take_param(&part->uri, "services");
    free(old);
    if (part->label != NULL && dr_uri_add_param(&part->uri, "services", service))
        return true;
    free(part->label);
    dr_uri_free(&part->uri);
    return false;
}

/* Puts the parts in the place of target `at`; *count of them. */
static bool replace(struct dr_targets *targets, size_t at, struct dr_target *parts, size_t count,
                    struct dr_error *error)
{
    if (targets->count - 1 + count > DR_TARGETS_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "more than %d targets", DR_TARGETS_MAX);
    struct dr_target *items = realloc(targets->items, (targets->count - 1 + count) * sizeof *items);
    if (items == NULL)
        return no_memory(error);
    targets->items = items;
    free(items[at].label);
    dr_uri_free(&items[at].uri);
    memmove(&items[at + count], &items[at + 1], (targets->count - at - 1) * sizeof *items);
    memcpy(&items[at], parts, count * sizeof *parts);
    targets->count += count - 1;
    return true;
}

/* Expands target `at`; *count is how many it has become. */
static bool expand(struct dr_targets *targets, size_t at, size_t *count, struct dr_error *error)
{
    const struct dr_target *whole = &targets->items[at];
    const char *list = dr_uri_param(&whole->uri, "services");
    bool wanted[SERVICES] = {false};
    struct dr_target parts[SERVICES];
    if (!read_services(list != NULL ? list : "blob,queue,table", wanted, error))
        return false;
    bool ok = true;
    *count = 0;
    for (size_t i = 0; ok && i < SERVICES; i++) {
        ok = !wanted[i] || make_part(whole, services[i], &parts[*count]) || no_memory(error);
        *count += ok && wanted[i] ? 1 : 0;
    }
    ok = ok && replace(targets, at, parts, *count, error);
    for (size_t i = 0; !ok && i < *count; i++) {
        free(parts[i].label);
        dr_uri_free(&parts[i].uri);
    }
    return ok;
}

bool azure_expand_targets(struct dr_targets *targets, struct dr_error *error)
{
    size_t count = 1;
    for (size_t at = 0; at < targets->count; at += count) {
        const struct dr_target *target = &targets->items[at];
        count = 1;
        if (strcmp(target->scheme->scheme, "azure-storage") == 0 &&
            dr_uri_param(&target->uri, "subscription") == NULL &&
            !expand(targets, at, &count, error))
            return false;
    }
    return true;
}
