/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/json_stream.h"

#include <inttypes.h>
#include <string.h>

enum state {
    BEFORE, /* the array */
    FIRST,  /* behind "[": an element or "]" */
    WITHIN, /* an element, outside its strings */
    STRING, /* a string of an element */
    ESCAPE, /* behind the "\" in it */
    BEHIND, /* an element: "," or "]" */
    NEXT,   /* behind ",": an element */
    AFTER,  /* the array */
    STOPPED /* by a defect, or by the element's function */
};

/* What is left of the piece that was handed over. */
struct piece {
    const char *at;
    const char *end;
};

void dr_json_stream_start(struct dr_json_stream *stream, size_t element_max,
                          dr_json_element *element, void *context)
{
    *stream = (struct dr_json_stream){
        .element = element, .context = context, .text = DR_BUFFER(element_max), .state = BEFORE};
}

void dr_json_stream_free(struct dr_json_stream *stream)
{
    dr_buffer_free(&stream->text);
}

/* `position` counts all bytes that were pushed: those of the piece that are still to be read are
 * taken off. */
static bool fail(struct dr_json_stream *stream, const struct piece *piece, struct dr_error *error,
                 const char *what)
{
    uint64_t position = stream->position - (uint64_t)(piece->end - piece->at) + 1;
    stream->state = STOPPED;
    return dr_error_set(error, DR_ERR_PROTOCOL, "bad JSON, position %" PRIu64 ": %s", position,
                        what);
}

/* ---- within an element ---- */

static void pass_string(struct dr_json_stream *stream, struct piece *piece)
{
    if (stream->state == ESCAPE) {
        stream->state = STRING;
        piece->at++;
    }
    const char *at = piece->at;
    while (at < piece->end && *at != '"' && *at != '\\')
        at++;
    if (at < piece->end)
        stream->state = *at++ == '"' ? WITHIN : ESCAPE;
    piece->at = at;
}

static bool pass_bracket(struct dr_json_stream *stream, struct piece *piece, struct dr_error *error)
{
    char c = *piece->at;
    bool object = c == '{' || c == '}';
    if (c == '{' || c == '[') {
        if (stream->depth == DR_JSON_DEPTH_MAX)
            return fail(stream, piece, error, "nested too deep");
        stream->kinds = stream->kinds << 1 | object;
        stream->depth++;
    } else {
        if ((stream->kinds & 1) != object)
            return fail(stream, piece, error, "a bracket of the wrong kind");
        stream->kinds >>= 1;
        stream->depth--;
    }
    if (stream->depth == 0)
        stream->state = BEHIND;
    piece->at++;
    return true;
}

/* The bytes at which something changes outside strings. */
static bool matters(char c)
{
    return c == '"' || (c | 0x20) == '{' || (c | 0x20) == '}';
}

/* Passes what there is of the element. */
static bool pass_element(struct dr_json_stream *stream, struct piece *piece, struct dr_error *error)
{
    while (piece->at < piece->end && stream->state != BEHIND) {
        if (stream->state != WITHIN) {
            pass_string(stream, piece);
            continue;
        }
        const char *at = piece->at;
        while (at < piece->end && !matters(*at))
            at++;
        piece->at = at;
        if (at < piece->end && *at == '"') {
            stream->state = STRING;
            piece->at++;
        } else if (at < piece->end && !pass_bracket(stream, piece, error)) {
            return false;
        }
    }
    return true;
}

static bool hand_over(struct dr_json_stream *stream, struct dr_error *error)
{
    const char *text = dr_buffer_text(&stream->text);
    stream->count++;
    if (!stream->element(stream->context, text, stream->text.size, error)) {
        stream->state = STOPPED;
        return dr_error_prefix(error, "element %" PRIu64, stream->count);
    }
    dr_buffer_clear(&stream->text);
    return true;
}

static bool take_element(struct dr_json_stream *stream, struct piece *piece, struct dr_error *error)
{
    const char *from = piece->at;
    if (!pass_element(stream, piece, error))
        return false;
    if (!dr_buffer_add_bytes(&stream->text, from, (size_t)(piece->at - from))) {
        if (!stream->text.no_memory)
            return fail(stream, piece, error, "an element is too long");
        stream->state = STOPPED;
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    }
    return stream->state != BEHIND || hand_over(stream, error);
}

/* ---- the array ---- */

/* A byte outside the elements. One that begins an element is not passed. */
static bool take_byte(struct dr_json_stream *stream, struct piece *piece, struct dr_error *error)
{
    char c = *piece->at;
    bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (c == '{' && (stream->state == FIRST || stream->state == NEXT)) {
        stream->state = WITHIN;
        return true;
    }
    if (c == '[' && stream->state == BEFORE)
        stream->state = FIRST;
    else if (c == ',' && stream->state == BEHIND)
        stream->state = NEXT;
    else if (c == ']' && (stream->state == BEHIND || stream->state == FIRST))
        stream->state = AFTER;
    else if (!blank)
        return fail(stream, piece, error,
                    stream->state == BEFORE   ? "an array must begin here"
                    : stream->state == BEHIND ? "\",\" or \"]\" is missing"
                    : stream->state == AFTER  ? "something follows the array"
                                              : "an object must stand here");
    piece->at++;
    return true;
}

bool dr_json_stream_push(void *context, const char *data, size_t size, struct dr_error *error)
{
    struct dr_json_stream *stream = context;
    struct piece piece = {.at = data, .end = data + size};
    if (stream->state == STOPPED)
        return dr_error_set(error, DR_ERR_PROTOCOL, "bad JSON before this");
    stream->position += size;
    while (piece.at < piece.end) {
        bool within = stream->state == WITHIN || stream->state == STRING || stream->state == ESCAPE;
        if (!(within ? take_element : take_byte)(stream, &piece, error))
            return false;
    }
    return true;
}

bool dr_json_stream_end(const struct dr_json_stream *stream, struct dr_error *error)
{
    if (stream->state == AFTER)
        return true;
    return dr_error_set(error, DR_ERR_PROTOCOL,
                        "bad JSON: the list is cut after %" PRIu64 " bytes, %" PRIu64 " elements",
                        stream->position, stream->count);
}
