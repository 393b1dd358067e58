/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/json.h"

#include <stdlib.h>
#include <string.h>

json_t *liv_json_load(const struct dr_buffer *body, struct dr_error *error)
{
    json_error_t reason;
    json_t *root = json_loadb(dr_buffer_text(body), body->size, JSON_REJECT_DUPLICATES, &reason);
    if (root == NULL) {
        char *clean = dr_text_clean(reason.text, 100);
        dr_error_set(error, DR_ERR_PROTOCOL, "the reply cannot be used: no JSON: %s",
                     clean != NULL ? clean : "out of memory");
        free(clean);
    }
    return root;
}

bool liv_json_text(const json_t *object, const char *key, char *text, size_t size)
{
    const json_t *value = json_object_get(object, key);
    size_t length = json_string_length(value);
    text[0] = '\0';
    if (length == 0 || length >= size)
        return false;
    memcpy(text, json_string_value(value), length + 1);
    return true;
}

struct dr_opt_int liv_json_count(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    bool usable = json_is_integer(value) && json_integer_value(value) >= 0;
    return usable ? dr_int(json_integer_value(value)) : (struct dr_opt_int){.known = false};
}

struct dr_opt_bool liv_json_bool(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? dr_bool(json_is_true(value))
                                  : (struct dr_opt_bool){.known = false};
}

bool liv_json_lacks(const char *key, struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_PROTOCOL, "the reply cannot be used: no usable \"%s\" in it",
                        key);
}
