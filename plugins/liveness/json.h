/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small replies in JSON (jansson), read strictly: a member that comes twice, or a text that is cut,
 * is no reply. */
#ifndef LIVENESS_JSON_H
#define LIVENESS_JSON_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/optional.h"

#include <jansson.h>

/* The whole reply as a value, which the caller ends with json_decref. NULL with a PROTOCOL error
 * otherwise. */
json_t *liv_json_load(const struct dr_buffer *body, struct dr_error *error);

/* Copies the text of a member. False, and "" in text, where it is missing, no text, empty or does
 * not fit. */
bool liv_json_text(const json_t *object, const char *key, char *text, size_t size);

/* A whole number that is not negative; unknown otherwise. */
struct dr_opt_int liv_json_count(const json_t *object, const char *key);

struct dr_opt_bool liv_json_bool(const json_t *object, const char *key);

/* Sets a PROTOCOL error: `the reply has no usable "KEY"`. Returns false. */
bool liv_json_lacks(const char *key, struct dr_error *error);

#endif
