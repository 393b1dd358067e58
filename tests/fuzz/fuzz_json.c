/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte is the size of the pieces in which the rest comes in, a JSON text. It is read,
 * split, and compared with what jansson makes of it. */
#include "tests/fuzz/fuzz.h"

#include "common/client/json_stream.h"

#include <jansson.h>

static void check_error(const struct dr_error *error, size_t length)
{
    const char *position = strstr(error->text, "position ");
    MUST(error->class == DR_ERR_PROTOCOL);
    MUST(strlen(error->text) < sizeof error->text);
    if (position != NULL) {
        unsigned long at = strtoul(position + strlen("position "), NULL, 10);
        MUST(at >= 1 && at <= length + 1);
    }
}

/* ---- reading ---- */

/* What jansson cannot hold either way makes the whole incomparable. */
struct built {
    char *text; /* room for any string */
    size_t size;
    bool comparable;
};

static json_t *build(struct dr_json *reader, struct built *built);

static json_t *build_object(struct dr_json *reader, struct built *built)
{
    json_t *object = json_object();
    while (dr_json_member(reader, built->text, built->size)) {
        char *name = fuzz_text((const uint8_t *)built->text, strlen(built->text));
        json_object_set_new(object, name, build(reader, built));
        free(name);
    }
    return object;
}

static json_t *build_array(struct dr_json *reader, struct built *built)
{
    json_t *array = json_array();
    while (dr_json_item(reader))
        json_array_append_new(array, build(reader, built));
    return array;
}

static json_t *build_number(struct dr_json *reader, struct built *built)
{
    struct dr_json again = *reader;
    struct dr_opt_int whole = dr_json_int(reader);
    struct dr_opt_real real = dr_json_real(&again);
    MUST(again.at == reader->at && (!whole.known || real.known));
    built->comparable = built->comparable && real.known;
    return whole.known ? json_integer(whole.value) : json_real(real.known ? real.value : 0);
}

static json_t *build(struct dr_json *reader, struct built *built)
{
    const char *at = reader->at + strspn(reader->at, " \n\r\t");
    if (*at == '{')
        return dr_json_object(reader) ? build_object(reader, built) : json_null();
    if (*at == '[')
        return dr_json_array(reader) ? build_array(reader, built) : json_null();
    if (*at == '"') {
        if (!dr_json_text(reader, built->text, built->size))
            built->comparable = false;
        return json_string(built->text);
    }
    if (*at == '-' || (*at >= '0' && *at <= '9'))
        return build_number(reader, built);
    struct dr_opt_bool value = dr_json_bool(reader);
    return value.known ? json_boolean(value.value) : json_null();
}

/* Returns whether the text is taken. */
static bool check_reader(const char *text)
{
    struct dr_error error = {0}, skip_error = {0};
    json_error_t reason;
    struct dr_json reader = dr_json_start(text), skipping = reader;
    struct built built = {.size = strlen(text) + 1, .comparable = true};
    built.text = malloc(built.size);
    MUST(built.text != NULL);
    json_t *ours = build(&reader, &built);
    bool ok = dr_json_end(&reader, &error);
    dr_json_skip(&skipping);
    MUST(dr_json_end(&skipping, &skip_error) == ok);
    MUST(strcmp(error.text, skip_error.text) == 0);
    if (!ok)
        check_error(&error, strlen(text));
    json_t *theirs = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &reason);
    enum json_error_code code = theirs != NULL ? json_error_unknown : json_error_code(&reason);
    if (ok && theirs != NULL)
        MUST(!built.comparable || json_equal(ours, theirs));
    else if (ok)
        MUST(code == json_error_numeric_overflow || code == json_error_null_byte_in_key);
    else
        MUST(theirs == NULL || strstr(error.text, "nested too deep") != NULL);
    json_decref(ours);
    json_decref(theirs);
    free(built.text);
    return ok;
}

/* ---- splitting ---- */

struct elements {
    struct dr_buffer all; /* each ended by a line break */
    bool good;            /* each of them can be read */
};

static bool take(void *context, const char *text, size_t size, struct dr_error *error)
{
    struct elements *elements = context;
    struct dr_json reader = dr_json_start(text);
    struct dr_error wrong = {0};
    (void)error;
    MUST(size >= 2 && text[0] == '{' && text[size - 1] == '}' && text[size] == '\0');
    dr_json_skip(&reader);
    elements->good = dr_json_end(&reader, &wrong) && elements->good;
    dr_buffer_add_bytes(&elements->all, text, size);
    dr_buffer_add(&elements->all, "\n");
    return true;
}

static bool split(const uint8_t *data, size_t size, size_t piece, size_t element_max,
                  struct elements *elements, struct dr_error *error)
{
    struct dr_json_stream stream;
    bool ok = true;
    *elements = (struct elements){.all = DR_BUFFER(1 << 20), .good = true};
    dr_json_stream_start(&stream, element_max, take, elements);
    for (size_t at = 0; ok && at < size; at += piece) {
        size_t count = size - at < piece ? size - at : piece;
        char *own = malloc(count); /* a byte read too far is found */
        MUST(own != NULL);
        memcpy(own, data + at, count);
        ok = dr_json_stream_push(&stream, own, count, error);
        free(own);
    }
    ok = ok && dr_json_stream_end(&stream, error);
    if (!ok)
        check_error(error, size);
    dr_json_stream_free(&stream);
    return ok;
}

/* True when both are the same whatever the pieces were. */
static bool check_split(const uint8_t *data, size_t size, size_t piece, size_t element_max,
                        bool *good)
{
    struct elements pieces, whole;
    struct dr_error error = {0}, whole_error = {0};
    bool ok = split(data, size, piece, element_max, &pieces, &error);
    MUST(split(data, size, size + 1, element_max, &whole, &whole_error) == ok);
    MUST(strcmp(dr_buffer_text(&pieces.all), dr_buffer_text(&whole.all)) == 0);
    MUST(strstr(error.text, "too long") != NULL || strcmp(error.text, whole_error.text) == 0);
    *good = whole.good;
    dr_buffer_free(&pieces.all);
    dr_buffer_free(&whole.all);
    return ok;
}

static bool only_objects(const char *text)
{
    struct dr_json reader = dr_json_start(text);
    bool all = dr_json_array(&reader);
    while (all && dr_json_item(&reader)) {
        all = reader.at[strspn(reader.at, " \n\r\t")] == '{';
        dr_json_skip(&reader);
    }
    return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t piece = (size_t)data[0] + 1;
    char *text = fuzz_text(++data, --size);
    bool good;
    check_split(data, size, piece, 10, &good);
    bool taken = check_split(data, size, piece, size, &good);
    bool read = check_reader(text);
    /* An array of objects is what both call one; the reader counts one level more. */
    if (strlen(text) == size && taken && good && !read)
        MUST(strchr(text, '[') != NULL && size > DR_JSON_DEPTH_MAX);
    if (strlen(text) == size && read && only_objects(text))
        MUST(taken && good);
    free(text);
    return 0;
}
