/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/condition.h"

#include "common/client/json_read.h"
#include "plugins/liveness/condition_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHOWN 60 /* bytes of a value, in words */
#define NAME_BYTES 1024

/* ---- the reply ---- */

struct liv_document {
    const char *text; /* in the reply's body */
    bool readable;
    char why[200];
};

/* What is not text for an expression, or no JSON from its beginning to its end. */
static const char *flaw(const struct dr_http_reply *http)
{
    if (http->cut)
        return "the body is too long: its end was not read";
    if (strlen(dr_buffer_text(&http->body)) != http->body.size)
        return "there is a NUL byte in the body";
    return NULL;
}

static void read_document(const struct dr_http_reply *http, struct liv_document *document)
{
    const char *wrong = flaw(http);
    const char *text = dr_buffer_text(&http->body);
    struct dr_error error = {.class = DR_ERR_NONE};
    document->text = text + (strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
    if (wrong != NULL) {
        snprintf(document->why, sizeof document->why, "%s", wrong);
        return;
    }
    struct dr_json reader = dr_json_start(document->text);
    dr_json_skip(&reader);
    document->readable = dr_json_end(&reader, &error);
    if (!document->readable)
        snprintf(document->why, sizeof document->why, "the body is no JSON: %.150s", error.text);
}

/* NULL when out of memory. */
static const struct liv_document *document_of(struct liv_reply *reply)
{
    if (!reply->read) {
        reply->read = true;
        reply->document = calloc(1, sizeof *reply->document);
        if (reply->document != NULL)
            read_document(reply->http, reply->document);
    }
    return reply->document;
}

void liv_reply_free(struct liv_reply *reply)
{
    free(reply->document);
    reply->document = NULL;
    reply->read = false;
}

/* ---- values ---- */

/* What a condition is about. */
struct value {
    enum { NOT_THERE, THERE, CANNOT_TELL } found;
    char kind;       /* as dr_json_kind says */
    char *text;      /* of a text unescaped, of anything else as it was written */
    const char *why; /* it cannot be told: static, or of the document */
};

static struct value cannot_tell(const char *why)
{
    return (struct value){.found = CANNOT_TELL, .why = why};
}

static struct value read_value(struct dr_json reader)
{
    struct value value = {.found = THERE, .kind = dr_json_kind(&reader)};
    const char *from;
    size_t size;
    struct dr_json copy = reader;
    if (!dr_json_raw(&copy, &from, &size))
        return cannot_tell("its value cannot be read");
    value.text = value.kind == '"' ? malloc(size + 1) : strndup(from, size);
    if (value.text == NULL)
        return cannot_tell("out of memory");
    if (value.kind != '"' || dr_json_text(&reader, value.text, size + 1))
        return value;
    free(value.text);
    return cannot_tell("there is a NUL character in its value");
}

/* ---- pointers ---- */

/* The token behind the "/" without its escapes: "~1" is "/", "~0" is "~" (RFC 6901, 4). False where
 * it does not fit. */
static bool unescape(const char *from, size_t length, char *token, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = from[i];
        if (c == '~' && i + 1 < length && (from[i + 1] == '0' || from[i + 1] == '1'))
            c = from[++i] == '0' ? '~' : '/';
        if (used + 1 == size)
            return false;
        token[used++] = c;
    }
    token[used] = '\0';
    return true;
}

/* Finds the member; *count says how often it is there. */
static struct dr_json find_member(struct dr_json object, const char *name, size_t *count)
{
    struct dr_json found = object;
    char member[NAME_BYTES];
    *count = 0;
    if (!dr_json_object(&object))
        return found;
    while (dr_json_member(&object, member, sizeof member)) {
        if (strcmp(member, name) == 0 && (*count)++ == 0)
            found = object;
        dr_json_skip(&object);
    }
    return found;
}

/* How often a member of the element has that value; a text without its quotes, any other as it is
 * written. One that cannot be told counts as two: it makes the whole unknown. */
static size_t count_member(struct dr_json element, const char *name, const char *wanted)
{
    size_t count;
    if (dr_json_kind(&element) != '{')
        return 0;
    struct dr_json member = find_member(element, name, &count);
    if (count != 1)
        return count;
    struct value value = read_value(member);
    count = value.found == CANNOT_TELL ? 2 : strcmp(value.text, wanted) == 0 ? 1 : 0;
    free(value.text);
    return count;
}

/* "3", or "[name=web]": the elements that fit, of which `found` is the first. */
static struct dr_json find_element(struct dr_json list, char *token, size_t *count)
{
    struct dr_json found = list;
    size_t at = 0, length = strlen(token);
    char *wanted = token[0] == '[' ? strchr(token, '=') : NULL;
    bool number = length > 0 && length < 10 && strspn(token, "0123456789") == length &&
                  (token[0] != '0' || length == 1);
    size_t index = number ? strtoul(token, NULL, 10) : 0;
    *count = 0;
    if (wanted != NULL) {
        token[length - 1] = '\0';
        *wanted++ = '\0';
    }
    if (!dr_json_array(&list))
        return found;
    for (; dr_json_item(&list); at++) {
        size_t fits = wanted != NULL          ? count_member(list, token + 1, wanted)
                      : number && at == index ? 1
                                              : 0;
        if (fits > 0 && *count == 0)
            found = list;
        *count += fits;
        dr_json_skip(&list);
    }
    return found;
}

static struct value find_pointer(struct liv_reply *reply, const char *pointer)
{
    const struct liv_document *document = document_of(reply);
    if (document == NULL)
        return cannot_tell("out of memory");
    if (!document->readable)
        return cannot_tell(document->why);
    struct dr_json reader = dr_json_start(document->text);
    while (*pointer == '/') {
        char token[NAME_BYTES];
        size_t length = liv_token_length(pointer), count = 0;
        bool element = pointer[1] == '[';
        bool list = dr_json_kind(&reader) == '[';
        /* in brackets nothing is escaped */
        if (element ? length > sizeof token
                    : !unescape(pointer + 1, length - 1, token, sizeof token))
            return cannot_tell("its pointer is too long");
        if (element)
            snprintf(token, sizeof token, "%.*s", (int)(length - 1), pointer + 1);
        if (list)
            reader = find_element(reader, token, &count);
        else if (dr_json_kind(&reader) == '{')
            reader = find_member(reader, token, &count);
        if (count == 0)
            return (struct value){.found = NOT_THERE};
        if (count > 1)
            return cannot_tell("it is there more than once");
        pointer += length;
    }
    return read_value(reader);
}

/* ---- headers ---- */

/* All headers of that name must agree: a proxy may have added its own. */
static struct value find_header(const struct dr_http_reply *http, const char *name)
{
    struct value value = {.found = NOT_THERE, .kind = '"'};
    size_t wanted = strlen(name);
    const char *next;
    for (const char *line = dr_buffer_text(&http->header); *line != '\0'; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n' ? 1 : 0);
        if (length <= wanted || line[wanted] != ':' || strncasecmp(line, name, wanted) != 0)
            continue;
        const char *from = line + wanted + 1, *to = line + length;
        while (from < to && (*from == ' ' || *from == '\t'))
            from++;
        while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
            to--;
        size_t size = (size_t)(to - from);
        if (value.text != NULL &&
            (strlen(value.text) != size || strncmp(value.text, from, size) != 0)) {
            free(value.text);
            return cannot_tell("it is there more than once");
        }
        if (value.text == NULL && (value.text = strndup(from, size)) == NULL)
            return cannot_tell("out of memory");
        value.found = THERE;
    }
    return value;
}

/* ---- comparisons ---- */

static enum liv_holds as_holds(bool holds)
{
    return holds ? LIV_HOLDS : LIV_FAILS;
}

/* Large integers are not the same because their doubles are. */
static bool same_number(const char *one, const char *other)
{
    double a, b;
    struct dr_json first = dr_json_start(one), second = dr_json_start(other);
    struct dr_opt_int i = dr_json_int(&first), j = dr_json_int(&second);
    static const char digits[] = "-0123456789";
    bool whole = one[strspn(one, digits)] == '\0' && other[strspn(other, digits)] == '\0';
    if (i.known && j.known)
        return i.value == j.value;
    if (whole)
        return strcmp(one, other) == 0;
    return liv_number_read(one, &a) && liv_number_read(other, &b) && a >= b && a <= b;
}

static bool is_equal(const struct value *value, const char *wanted)
{
    return value->kind == '0' ? same_number(value->text, wanted) : strcmp(value->text, wanted) == 0;
}

static bool fulfils(enum liv_compare compare, double found, double wanted)
{
    switch (compare) {
    case LIV_LESS:
        return found < wanted;
    case LIV_LESS_OR_EQUAL:
        return found <= wanted;
    case LIV_MORE:
        return found > wanted;
    default:
        return found >= wanted;
    }
}

static enum liv_holds matches(const struct liv_condition *condition, const char *text, bool whole)
{
    bool found = dr_pattern_matches(condition->pattern, text);
    if (dr_pattern_overrun(condition->pattern) || (!found && !whole))
        return LIV_HOLDS_UNKNOWN;
    return as_holds(found == (condition->compare == LIV_MATCHES));
}

/* What says nothing cannot be "other than bad" either: null, an empty text, a list. */
static bool says_nothing(const struct value *value)
{
    return value->kind == 'n' || value->kind == '{' || value->kind == '[' || value->text[0] == '\0';
}

static enum liv_holds compare(const struct liv_condition *condition, const struct value *value)
{
    double number;
    switch (condition->compare) {
    case LIV_IS_THERE:
        return as_holds(value->kind != 'n');
    case LIV_IS_NOT_THERE:
        return as_holds(value->kind == 'n');
    case LIV_EQUAL:
        return as_holds(is_equal(value, condition->value));
    case LIV_UNEQUAL:
        if (is_equal(value, condition->value))
            return LIV_FAILS;
        return says_nothing(value) ? LIV_HOLDS_UNKNOWN : LIV_HOLDS;
    case LIV_MATCHES:
    case LIV_MATCHES_NOT:
        if (says_nothing(value) && value->text[0] != '\0')
            return LIV_HOLDS_UNKNOWN;
        if (value->text[0] == '\0' && condition->compare == LIV_MATCHES_NOT)
            return LIV_HOLDS_UNKNOWN;
        return matches(condition, value->text, true);
    default:
        return as_holds(value->kind == '0' && liv_number_read(value->text, &number) &&
                        fulfils(condition->compare, number, condition->number));
    }
}

/* ---- in words ---- */

static const char *const wanted_words[] = {
    [LIV_IS_THERE] = "it should be there",
    [LIV_IS_NOT_THERE] = "it should not be there",
    [LIV_EQUAL] = "wanted ",
    [LIV_UNEQUAL] = "wanted any but ",
    [LIV_LESS] = "wanted less than ",
    [LIV_LESS_OR_EQUAL] = "wanted at most ",
    [LIV_MORE] = "wanted more than ",
    [LIV_MORE_OR_EQUAL] = "wanted at least ",
    [LIV_MATCHES] = "wanted a match of ",
    [LIV_MATCHES_NOT] = "wanted no match of ",
};

/* "header X-Site", "/db", "the body" */
static void name_subject(const struct liv_condition *condition, char *name, size_t size)
{
    if (condition->subject == LIV_OF_POINTER)
        snprintf(name, size, "%s", condition->name);
    else if (condition->subject == LIV_OF_HEADER)
        snprintf(name, size, "header %s", condition->name);
    else
        snprintf(name, size, "the body");
}

static void say_value(const struct liv_condition *condition, const struct value *value, char *why,
                      size_t size)
{
    char name[200];
    const char *quote = value->kind == '"' ? "\"" : "";
    const char *wanted = condition->value != NULL ? condition->value : "";
    bool text = condition->value != NULL && condition->compare < LIV_LESS && value->kind == '"';
    const char *around = condition->pattern != NULL || text ? "\"" : "";
    bool longer = strlen(value->text) > SHOWN;
    name_subject(condition, name, sizeof name);
    snprintf(why, size, "%s is %s%.*s%s%s, %s%s%.100s%s", name, quote, SHOWN, value->text,
             longer ? "..." : "", quote, wanted_words[condition->compare], around, wanted, around);
}

/* ---- conditions ---- */

static enum liv_holds test_status(const struct liv_condition *condition, struct liv_reply *reply,
                                  char *why, size_t size)
{
    if (liv_statuses_have(condition->value, reply->http->status))
        return LIV_HOLDS;
    snprintf(why, size, "the status is %ld, wanted %.100s", reply->http->status, condition->value);
    return LIV_FAILS;
}

static enum liv_holds test_body(const struct liv_condition *condition, struct liv_reply *reply,
                                char *why, size_t size)
{
    const char *wrong = flaw(reply->http);
    if (reply->http->body.size == 0) {
        snprintf(why, size, "the body is empty, wanted \"%.100s\"", condition->value);
        return condition->compare == LIV_MATCHES ? LIV_FAILS : LIV_HOLDS_UNKNOWN;
    }
    enum liv_holds holds = matches(condition, dr_buffer_text(&reply->http->body), wrong == NULL);
    if (holds == LIV_HOLDS_UNKNOWN)
        snprintf(why, size, "\"%.100s\": %s", condition->value,
                 wrong != NULL ? wrong : "the expression takes too long on this body");
    else if (holds == LIV_FAILS)
        snprintf(why, size, "the body %s \"%.100s\"",
                 condition->compare == LIV_MATCHES ? "does not match" : "matches",
                 condition->value);
    return holds;
}

/* A default is read as JSON where it is some, and is a text otherwise. */
static struct value fallback_of(const struct liv_condition *condition)
{
    struct value value = {.found = THERE, .kind = '"', .text = strdup(condition->fallback)};
    struct dr_json reader = dr_json_start(condition->fallback);
    char kind = dr_json_kind(&reader);
    dr_json_skip(&reader);
    if (dr_json_end(&reader, NULL) && kind != '"' && kind != '{' && kind != '[')
        value.kind = kind;
    return value.text != NULL ? value : cannot_tell("out of memory");
}

static enum liv_holds test_value(const struct liv_condition *condition, struct liv_reply *reply,
                                 char *why, size_t size)
{
    char name[200];
    name_subject(condition, name, sizeof name);
    struct value value = condition->subject == LIV_OF_POINTER
                             ? find_pointer(reply, condition->name)
                             : find_header(reply->http, condition->name);
    bool none = value.found == NOT_THERE || (value.found == THERE && value.kind == 'n');
    if (none && condition->fallback != NULL) {
        free(value.text);
        value = fallback_of(condition);
    }
    enum liv_holds holds = LIV_HOLDS_UNKNOWN;
    if (value.found == THERE) {
        holds = compare(condition, &value);
        if (holds != LIV_HOLDS)
            say_value(condition, &value, why, size);
    } else if (value.found == NOT_THERE) {
        holds = condition->compare == LIV_IS_THERE       ? LIV_FAILS
                : condition->compare == LIV_IS_NOT_THERE ? LIV_HOLDS
                                                         : LIV_HOLDS_UNKNOWN;
        snprintf(why, size, "%s is not there", name);
    } else {
        snprintf(why, size, "%s: %s", name, value.why);
    }
    free(value.text);
    return holds;
}

enum liv_holds liv_condition_test(const struct liv_conditions *conditions, size_t which,
                                  struct liv_reply *reply, char *why, size_t size)
{
    const struct liv_condition *condition = &conditions->items[which];
    enum liv_holds holds =
        condition->subject == LIV_OF_STATUS ? test_status(condition, reply, why, size)
        : condition->subject == LIV_OF_BODY ? test_body(condition, reply, why, size)
                                            : test_value(condition, reply, why, size);
    if (holds == LIV_HOLDS)
        why[0] = '\0';
    return holds;
}

char *liv_reply_value(struct liv_reply *reply, const char *what)
{
    struct value value = what[0] == '/' ? find_pointer(reply, what)
                                        : find_header(reply->http, what + strlen("header:"));
    if (value.found == THERE && value.kind != 'n' && value.text[0] != '\0')
        return value.text;
    free(value.text);
    return NULL;
}
