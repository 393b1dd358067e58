/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a JSON text (RFC 8259) from its beginning to its end, member by member, without building a
 * tree and without allocating anything.
 *
 *     struct dr_json reader = dr_json_start(text);
 *     if (dr_json_object(&reader)) {
 *         char name[64];
 *         while (dr_json_member(&reader, name, sizeof name)) {
 *             if (strcmp(name, "messages") == 0)
 *                 queue.messages = dr_json_int(&reader);
 *             else
 *                 dr_json_skip(&reader);
 *         }
 *     }
 *     return dr_json_end(&reader, error);
 *
 * Everything it passes is checked, what is skipped too: grammar, UTF-8, escapes, depth. The first
 * defect stops it: from then on every function returns false or unknown, each loop ends, and
 * dr_json_end says what was wrong and where. A value of another kind than the one asked for (null
 * where a number is usual) is not a defect: it is passed, and what was asked for stays unknown.
 *
 * Not jansson: its objects keep one of two members with the same name, and RabbitMQ does send some
 * twice (the synchronised mirrors of a queue, first without, then with those that are syncing). It
 * also builds a tree for each element: a list of 100,000 queues (24 MB) is split and read here in
 * 0.05 s, split and loaded by jansson 2.14 in 0.44 s. */
#ifndef DR_CLIENT_JSON_READ_H
#define DR_CLIENT_JSON_READ_H

#include "common/error.h"
#include "common/optional.h"

#include <stddef.h>

/* How deep arrays and objects may be nested. */
#define DR_JSON_DEPTH_MAX 64

/* The fields are its own. */
struct dr_json {
    const char *text;  /* the whole text */
    const char *at;    /* the next byte to read */
    const char *wrong; /* the first defect, NULL: none */
    const char *where; /* it is */
    unsigned depth;    /* arrays and objects that are open */
    bool fresh;        /* the innermost of them was only just opened */
};

/* A reader at the beginning of a terminated text, which must stay valid. */
struct dr_json dr_json_start(const char *text);

/* Opens the object or array that comes next. False for a value of another kind, which is passed. */
bool dr_json_object(struct dr_json *reader);
bool dr_json_array(struct dr_json *reader);

/* Goes on to the next member of the open object, and copies its name, unescaped; its value comes
 * next and must be read, opened or skipped. A name that does not fit, or holds a NUL, is "". False
 * when the object was closed. Members with the same name come as often as they are there. */
bool dr_json_member(struct dr_json *reader, char *name, size_t size);

/* Goes on to the next item of the open array, which must be read, opened or skipped. False when the
 * array was closed. */
bool dr_json_item(struct dr_json *reader);

/* Reads a string, unescaped. False, with "" in text, when it does not fit (with its terminator) or
 * holds a NUL: a text that is cut would be another one. */
bool dr_json_text(struct dr_json *reader, char *text, size_t size);

/* Unknown for a number with a fraction or exponent, or beyond 64 bits. */
struct dr_opt_int dr_json_int(struct dr_json *reader);

/* Any number that a double can hold (the nearest one). */
struct dr_opt_real dr_json_real(struct dr_json *reader);

struct dr_opt_bool dr_json_bool(struct dr_json *reader);

/* Passes a value of any kind. */
void dr_json_skip(struct dr_json *reader);

/* What comes next, without reading it: '{', '[', '"', '0' for a number, 't' for true or false, 'n'
 * for null; '\0' where no value does. Whoever must tell null from a value of a wrong kind asks. */
char dr_json_kind(struct dr_json *reader);

/* Passes a value and says where it stands in the text, as it was written. False where it is
 * defective. */
bool dr_json_raw(struct dr_json *reader, const char **from, size_t *size);

/* To be called at the end of every text, which must be read by then. True when it was one whole
 * value. False with the error set (PROTOCOL, with the position, the first byte being 1) otherwise.
 */
bool dr_json_end(struct dr_json *reader, struct dr_error *error);

#endif
