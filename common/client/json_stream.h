/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits a JSON array of objects while it comes in, so that a list of 100,000 is never in memory as
 * a whole: each object is handed over as soon as it is complete.
 *
 * Looked at here: the array itself, what stands between its elements, where each of them ends
 * (strings, brackets of the right kind, at most
 * DR_JSON_DEPTH_MAX of them open). What is within an element is for whoever
 * reads it (common/client/json_read.h), which must read all of it. Positions in errors are bytes of
 * the whole text, the first one being 1. */
#ifndef DR_CLIENT_JSON_STREAM_H
#define DR_CLIENT_JSON_STREAM_H

#include "common/buffer.h"
#include "common/client/json_read.h"
#include "common/error.h"

#include <stdint.h>

/* Takes one element: "{...}", terminated, valid during the call. False, with the error set, ends
 * the stream. */
typedef bool dr_json_element(void *context, const char *text, size_t size, struct dr_error *error);

/* Start with dr_json_stream_start, end with dr_json_stream_free; the fields are its own. */
struct dr_json_stream {
    dr_json_element *element; /* which takes them */
    void *context;
    struct dr_buffer text; /* the element that is coming in */
    uint64_t position;     /* bytes taken */
    uint64_t count;        /* elements handed over: may be read */
    uint64_t kinds;        /* of the open brackets, innermost lowest: 1 for an object */
    unsigned depth;        /* of them */
    unsigned state;
};

/* element_max: bytes of one element; a longer one is an error. */
void dr_json_stream_start(struct dr_json_stream *stream, size_t element_max,
                          dr_json_element *element, void *context);
void dr_json_stream_free(struct dr_json_stream *stream);

/* Takes the next piece of the text (stream is a struct dr_json_stream: this is a dr_http_sink).
 * False with the error set: PROTOCOL when this is not an array of objects, an element is too long
 * or nested too deep, or something follows the array; INTERNAL without memory; or what the
 * element's function said. Takes nothing more after that. */
bool dr_json_stream_push(void *stream, const char *data, size_t size, struct dr_error *error);

/* True when the array was complete. False with the error set (PROTOCOL) otherwise: a list that was
 * cut is not a short list. To be called at the end of every text. */
bool dr_json_stream_end(const struct dr_json_stream *stream, struct dr_error *error);

#endif
