/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/json_read.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct dr_json dr_json_start(const char *text)
{
    return (struct dr_json){.text = text, .at = text};
}

/* Only the first defect counts. What is left to read is nothing from then on, so that whoever comes
 * next finds the end and stops too. */
static bool fail(struct dr_json *reader, const char *at, const char *what)
{
    if (reader->wrong == NULL) {
        reader->where = at;
        reader->wrong = *at == '\0' ? "the text ends here" : what;
    }
    reader->at = "";
    return false;
}

static char next(struct dr_json *reader)
{
    while (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' || *reader->at == '\t')
        reader->at++;
    return *reader->at;
}

/* ---- strings ---- */

/* Where a string goes. */
struct out {
    char *text; /* NULL: nowhere */
    size_t size;
    size_t used;
    bool fits;
};

static void put(struct out *out, const char *bytes, size_t count)
{
    out->fits = out->fits && count < out->size - out->used;
    if (out->fits && count > 0) {
        memcpy(out->text + out->used, bytes, count);
        out->used += count;
    }
}

/* Bytes of the character at `at`, 0 where it is none: Unicode 15, table 3-7, "Well-Formed UTF-8
 * Byte Sequences". */
static size_t utf8_length(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;
    unsigned char from = 0x80, to = 0xbf;
    if (byte[0] < 0x80)
        return 1;
    if (byte[0] < 0xc2 || byte[0] > 0xf4)
        return 0;
    if (byte[0] == 0xe0)
        from = 0xa0;
    else if (byte[0] == 0xed)
        to = 0x9f;
    else if (byte[0] == 0xf0)
        from = 0x90;
    else if (byte[0] == 0xf4)
        to = 0x8f;
    if (byte[1] < from || byte[1] > to)
        return 0;
    size_t length = byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
    for (size_t i = 2; i < length; i++) {
        if (byte[i] < 0x80 || byte[i] > 0xbf)
            return 0;
    }
    return length;
}

static void put_character(struct out *out, unsigned long code)
{
    char bytes[4];
    size_t count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(lead[count] | code);
    if (bytes[0] == '\0')
        out->fits = false;
    put(out, bytes, count);
}

/* The number that four digits stand for; -1 where they are none. */
static long hex(const char *at)
{
    long value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Passes "\uXXXX", or two of them for a character beyond U+FFFF. NULL where it is none. */
static const char *pass_unicode(const char *at, struct out *out)
{
    long code = hex(at + 2);
    if (code < 0 || (code >= 0xdc00 && code <= 0xdfff))
        return NULL;
    if (code >= 0xd800 && code <= 0xdbff) {
        at += 6;
        long low = at[0] == '\\' && at[1] == 'u' ? hex(at + 2) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return NULL;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    put_character(out, (unsigned long)code);
    return at + 6;
}

static const char *pass_escape(const char *at, struct out *out)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (at[1] == 'u')
        return pass_unicode(at, out);
    const char *letter = at[1] != '\0' ? strchr(letters, at[1]) : NULL;
    if (letter == NULL)
        return NULL;
    put(out, &meant[letter - letters], 1);
    return at + 2;
}

/* Where the run of bytes that stand for themselves ends. */
static const char *pass_plain(const char *at)
{
    size_t length = 1;
    while (length > 0 && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\') {
        length = (unsigned char)*at < 0x80 ? 1 : utf8_length(at);
        at += length;
    }
    return at;
}

/* A string must come next. False where it is malformed, or where it does not go into `text`. */
static bool read_string(struct dr_json *reader, char *text, size_t size)
{
    struct out out = {.text = text, .size = size, .fits = text != NULL && size > 0};
    const char *at = reader->at + 1;
    while (true) {
        const char *from = at;
        at = pass_plain(at);
        put(&out, from, (size_t)(at - from));
        if (*at == '"')
            break;
        from = at;
        at = *at == '\\' ? pass_escape(at, &out) : NULL;
        if (at == NULL) {
            out.fits = false;
            fail(reader, from,
                 *from == '\\'                  ? "not an escape"
                 : (unsigned char)*from >= 0x20 ? "not UTF-8"
                                                : "a control character in a string");
            break;
        }
    }
    if (reader->wrong == NULL)
        reader->at = at + 1;
    if (text != NULL && size > 0)
        text[out.fits ? out.used : 0] = '\0';
    return out.fits;
}

/* ---- other values ---- */

static const char *pass_digits(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Passes a number (RFC 8259, 6); *whole says whether it has neither fraction nor exponent. */
static bool pass_number(struct dr_json *reader, bool *whole)
{
    const char *at = reader->at + (*reader->at == '-' ? 1 : 0);
    const char *from = at;
    at = *at == '0' ? at + 1 : pass_digits(at);
    *whole = *at != '.' && *at != 'e' && *at != 'E';
    bool good = at > from;
    if (good && *at == '.') {
        from = at + 1;
        at = pass_digits(from);
        good = at > from;
    }
    if (good && (*at == 'e' || *at == 'E')) {
        from = at + (at[1] == '+' || at[1] == '-' ? 2 : 1);
        at = pass_digits(from);
        good = at > from;
    }
    if (!good)
        return fail(reader, at, "a digit is missing");
    /* strtod would read on: "01", "0x1" */
    if (strchr(" \n\r\t,]}", *at) == NULL)
        return fail(reader, at, "a number ends here");
    reader->at = at;
    return true;
}

static bool pass_word(struct dr_json *reader, const char *word)
{
    const char *at = reader->at;
    size_t i = 0;
    while (word[i] != '\0' && at[i] == word[i])
        i++;
    if (word[i] != '\0')
        return fail(reader, at + i, "not a value");
    reader->at = at + i;
    return true;
}

static bool starts_number(char c)
{
    return c == '-' || (c >= '0' && c <= '9');
}

static void pass_scalar(struct dr_json *reader)
{
    char c = next(reader);
    bool whole;
    if (c == '"')
        read_string(reader, NULL, 0);
    else if (starts_number(c))
        pass_number(reader, &whole);
    else if (c == 't' || c == 'f' || c == 'n')
        pass_word(reader, c == 't' ? "true" : c == 'f' ? "false" : "null");
    else
        fail(reader, reader->at, "a value is missing");
}

bool dr_json_text(struct dr_json *reader, char *text, size_t size)
{
    if (size > 0)
        text[0] = '\0';
    if (next(reader) == '"')
        return read_string(reader, text, size);
    dr_json_skip(reader);
    return false;
}

struct dr_opt_int dr_json_int(struct dr_json *reader)
{
    struct dr_opt_int none = {.known = false};
    if (!starts_number(next(reader))) {
        dr_json_skip(reader);
        return none;
    }
    const char *from = reader->at;
    bool whole;
    if (!pass_number(reader, &whole) || !whole)
        return none;
    errno = 0;
    long long value = strtoll(from, NULL, 10);
    return errno == 0 ? dr_int(value) : none;
}

struct dr_opt_real dr_json_real(struct dr_json *reader)
{
    struct dr_opt_real none = {.known = false};
    if (!starts_number(next(reader))) {
        dr_json_skip(reader);
        return none;
    }
    const char *from = reader->at;
    bool whole;
    if (!pass_number(reader, &whole))
        return none;
    double value = strtod(from, NULL);
    return isfinite(value) ? dr_real(value) : none;
}

struct dr_opt_bool dr_json_bool(struct dr_json *reader)
{
    char c = next(reader);
    dr_json_skip(reader);
    bool known = reader->wrong == NULL && (c == 't' || c == 'f');
    return known ? dr_bool(c == 't') : (struct dr_opt_bool){.known = false};
}

/* ---- arrays and objects ---- */

static bool open_bracket(struct dr_json *reader, char bracket)
{
    if (next(reader) != bracket)
        return false;
    if (reader->depth == DR_JSON_DEPTH_MAX)
        return fail(reader, reader->at, "nested too deep");
    reader->at++;
    reader->depth++;
    reader->fresh = true;
    return true;
}

/* True when something follows in what is open; false when it was closed here. */
static bool go_on(struct dr_json *reader, char bracket, const char *missing)
{
    char c = next(reader);
    if (c == bracket) {
        reader->at++;
        reader->depth--;
        reader->fresh = false;
        return false;
    }
    if (c == '\0' || (!reader->fresh && c != ','))
        return fail(reader, reader->at, missing);
    if (!reader->fresh)
        reader->at++;
    reader->fresh = false;
    return true;
}

bool dr_json_object(struct dr_json *reader)
{
    if (open_bracket(reader, '{'))
        return true;
    dr_json_skip(reader);
    return false;
}

bool dr_json_array(struct dr_json *reader)
{
    if (open_bracket(reader, '['))
        return true;
    dr_json_skip(reader);
    return false;
}

bool dr_json_member(struct dr_json *reader, char *name, size_t size)
{
    if (!go_on(reader, '}', "\",\" or \"}\" is missing"))
        return false;
    if (next(reader) != '"')
        return fail(reader, reader->at, "the name of a member is missing");
    read_string(reader, name, size);
    if (next(reader) != ':')
        return fail(reader, reader->at, "\":\" is missing");
    reader->at++;
    return true;
}

bool dr_json_item(struct dr_json *reader)
{
    return go_on(reader, ']', "\",\" or \"]\" is missing");
}

void dr_json_skip(struct dr_json *reader)
{
    uint64_t objects = 0; /* which of the open ones are objects, the innermost lowest */
    unsigned outside = reader->depth;
    do {
        bool open = reader->depth > outside, object = (objects & 1) != 0;
        if (open && !(object ? dr_json_member(reader, NULL, 0) : dr_json_item(reader)))
            objects >>= 1;
        else if (open_bracket(reader, '{'))
            objects = objects << 1 | 1;
        else if (open_bracket(reader, '['))
            objects <<= 1;
        else
            pass_scalar(reader);
    } while (reader->wrong == NULL && reader->depth > outside);
}

char dr_json_kind(struct dr_json *reader)
{
    char c = next(reader);
    if (starts_number(c))
        return '0';
    if (c == 'f')
        return 't';
    return c == '{' || c == '[' || c == '"' || c == 't' || c == 'n' ? c : '\0';
}

bool dr_json_raw(struct dr_json *reader, const char **from, size_t *size)
{
    next(reader);
    *from = reader->at;
    dr_json_skip(reader);
    *size = reader->wrong == NULL ? (size_t)(reader->at - *from) : 0;
    return reader->wrong == NULL;
}

bool dr_json_end(struct dr_json *reader, struct dr_error *error)
{
    if (next(reader) != '\0')
        fail(reader, reader->at, "something follows the value");
    if (reader->wrong == NULL && reader->depth > 0)
        fail(reader, reader->at, "it was not read to its end");
    if (reader->wrong == NULL)
        return true;
    return dr_error_set(error, DR_ERR_PROTOCOL, "bad JSON, position %zu: %s",
                        (size_t)(reader->where - reader->text) + 1, reader->wrong);
}
