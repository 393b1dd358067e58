/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/openfaas_read.h"

#include "common/client/json_read.h"

#include <stdlib.h>
#include <string.h>

static struct openfaas_function *add(struct openfaas_functions *list)
{
    if ((list->count & (list->count - 1)) == 0) {
        size_t room = list->count == 0 ? 1 : 2 * list->count;
        struct openfaas_function *more = realloc(list->items, room * sizeof *more);
        if (more == NULL)
            return NULL;
        list->items = more;
    }
    list->items[list->count] = (struct openfaas_function){
        .replicas = dr_int(0), .available = dr_int(0), .calls = dr_real(0)};
    return &list->items[list->count++];
}

static struct dr_opt_int read_count(struct dr_json *reader)
{
    struct dr_opt_int count = dr_json_int(reader);
    count.known = count.known && count.value >= 0;
    return count;
}

/* types.FunctionStatus of faas-provider */
static bool read_function(struct dr_json *reader, struct openfaas_functions *list,
                          struct dr_error *error)
{
    char name[64];
    struct openfaas_function *function = add(list);
    if (function == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    if (!dr_json_object(reader))
        return dr_error_set(error, DR_ERR_PROTOCOL, "the list of functions: an item is no object");
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "name") == 0) {
            dr_json_text(reader, function->name, sizeof function->name);
        } else if (strcmp(name, "image") == 0) {
            dr_json_text(reader, function->image, sizeof function->image);
        } else if (strcmp(name, "replicas") == 0) {
            function->replicas = read_count(reader);
        } else if (strcmp(name, "availableReplicas") == 0) {
            function->available = read_count(reader);
        } else if (strcmp(name, "invocationCount") == 0) {
            function->calls = dr_json_real(reader);
            function->calls.known = function->calls.known && function->calls.value >= 0;
        } else {
            dr_json_skip(reader);
        }
    }
    return function->name[0] != '\0' ||
           dr_error_set(error, DR_ERR_PROTOCOL, "the list of functions: one without a name");
}

bool openfaas_read_functions(const char *text, struct openfaas_functions *list,
                             struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    bool ok = true, array = dr_json_array(&reader);
    while (ok && array && dr_json_item(&reader))
        ok = read_function(&reader, list, error);
    /* a defect shows as values that are missing: say the defect */
    if (ok || reader.wrong != NULL)
        ok = dr_json_end(&reader, error);
    return ok &&
           (array || dr_error_set(error, DR_ERR_PROTOCOL, "the reply is no list of functions"));
}

void openfaas_functions_free(struct openfaas_functions *list)
{
    free(list->items);
    *list = (struct openfaas_functions){.items = NULL};
}

const struct openfaas_function *openfaas_find(const struct openfaas_functions *list,
                                              const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    }
    return NULL;
}
