/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/condition.h"

#include "common/client/json_read.h"
#include "plugins/liveness/condition_parts.h"

#include <stdlib.h>
#include <string.h>

#define STATUS_DIGITS 3

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool refuse(const char *text, const char *at, const char *why, struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_USAGE, "bad condition \"%.200s\", position %zu: %s", text,
                        (size_t)(at - text) + 1, why);
}

/* ---- statuses ---- */

/* Three digits; 0 for anything else. */
static long read_status(const char **at)
{
    long status = 0;
    for (int i = 0; i < STATUS_DIGITS; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return 0;
        status = status * 10 + (**at - '0');
    }
    return status >= 100 && status <= 599 ? status : 0;
}

/* Goes on to the next "200" or "200-204", and behind its comma. False at the end, or where
 * something else stands, which `at` then points to. */
static bool next_statuses(const char **at, long *first, long *last)
{
    const char *from = *at;
    *first = *last = read_status(at);
    if (*first != 0 && **at == '-') {
        (*at)++;
        *last = read_status(at);
    }
    bool more = **at == ',' && (*at)[1] != '\0';
    if (*first == 0 || *last < *first || (**at != '\0' && !more)) {
        *at = from;
        return false;
    }
    *at += more ? 1 : 0;
    return true;
}

bool liv_statuses_check(const char *text, struct dr_error *error)
{
    const char *at = text;
    long first, last;
    while (next_statuses(&at, &first, &last)) {
        if (*at == '\0')
            return true;
    }
    return dr_error_set(error, DR_ERR_USAGE,
                        "bad list of statuses \"%.200s\", position %zu: a status from 100 to 599, "
                        "or a range of them, is wanted: \"200-204,401\"",
                        text, (size_t)(at - text) + 1);
}

bool liv_statuses_have(const char *text, long status)
{
    long first, last;
    while (*text != '\0' && next_statuses(&text, &first, &last)) {
        if (status >= first && status <= last)
            return true;
    }
    return false;
}

/* ---- pointers ---- */

size_t liv_token_length(const char *pointer)
{
    size_t at = 1;
    if (pointer[at] == '[')
        at += strcspn(pointer + at, "]");
    return at + strcspn(pointer + at, "/");
}

bool liv_number_read(const char *text, double *number)
{
    struct dr_json reader = dr_json_start(text);
    struct dr_opt_real real = dr_json_real(&reader);
    /* JSON allows blanks around it */
    if (!dr_json_end(&reader, NULL) || !real.known || strpbrk(text, " \t\r\n") != NULL)
        return false;
    *number = real.value;
    return true;
}

/* Behind an element in brackets, "[name=web]"; NULL with the error set where it is none. */
static const char *pass_element(const char *text, const char *at, struct dr_error *error)
{
    const char *close = at + strcspn(at, "]");
    const char *equal = at + strcspn(at, "=");
    if (*close != '\0' && equal < close && equal > at + 1 && equal + 1 < close)
        return close + 1;
    refuse(text, at, "an element of a list is /0, or by a member of it /[name=web]", error);
    return NULL;
}

/* Behind the pointer at `at`: where its comparison, or "?", begins. NULL with the error set.
 * `escaped` is where a "~0" or "~1" stands, NULL for none. */
static const char *pass_pointer(const char *text, const char *at, const char **escaped,
                                struct dr_error *error)
{
    *escaped = NULL;
    while (*at == '/') {
        const char *from = ++at;
        if (*at == '[' && (at = pass_element(text, at, error)) == NULL)
            return NULL;
        while (*at != '\0' && strchr("/=!<>?~", *at) == NULL)
            at++;
        while (*at == '~' && (at[1] == '0' || at[1] == '1')) {
            *escaped = at;
            at += 2;
            while (*at != '\0' && strchr("/=!<>?~", *at) == NULL)
                at++;
        }
        if (at == from) {
            refuse(text, at, "a name is missing between the slashes", error);
            return NULL;
        }
    }
    return at;
}

/* ---- conditions ---- */

/* The longer ones first. */
static const struct {
    const char *text;
    enum liv_compare compare;
} comparisons[] = {
    {"!=", LIV_UNEQUAL},       {"!~", LIV_MATCHES_NOT}, {"<=", LIV_LESS_OR_EQUAL},
    {">=", LIV_MORE_OR_EQUAL}, {"=", LIV_EQUAL},        {"~", LIV_MATCHES},
    {"<", LIV_LESS},           {">", LIV_MORE},
};

/* Reads the comparison at *at, and moves behind it. */
static bool read_compare(const char *text, const char **at, enum liv_compare *compare,
                         struct dr_error *error)
{
    for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++) {
        size_t length = strlen(comparisons[i].text);
        if (strncmp(*at, comparisons[i].text, length) == 0) {
            *at += length;
            *compare = comparisons[i].compare;
            return true;
        }
    }
    return refuse(text, *at, "=, !=, <, <=, >, >=, ~ or !~ is wanted", error);
}

static bool is_about_numbers(enum liv_compare compare)
{
    return compare >= LIV_LESS && compare <= LIV_MORE_OR_EQUAL;
}

/* Reads what follows the subject. */
static bool read_comparison(const char *text, const char *at, struct liv_condition *condition,
                            struct dr_error *error)
{
    if (!read_compare(text, &at, &condition->compare, error))
        return false;
    condition->value = strdup(at);
    if (condition->value == NULL)
        return out_of_memory(error);
    if (is_about_numbers(condition->compare) &&
        !liv_number_read(condition->value, &condition->number))
        return refuse(text, at, "a number is wanted", error);
    if (condition->compare == LIV_MATCHES || condition->compare == LIV_MATCHES_NOT) {
        condition->pattern = dr_pattern_new(at, error);
        return condition->pattern != NULL || dr_error_prefix(error, "\"%.200s\"", text);
    }
    return true;
}

/* "?0" before the comparison */
static bool read_fallback(const char *text, const char **at, struct liv_condition *condition,
                          struct dr_error *error)
{
    const char *from = *at + 1;
    size_t length = strcspn(from, "=!<>~");
    if (length == 0 || from[length] == '\0')
        return refuse(text, from, "behind \"?\": a value, and what to compare it with", error);
    condition->fallback = strndup(from, length);
    *at = from + length;
    return condition->fallback != NULL || out_of_memory(error);
}

static bool read_pointer(const char *text, const char *from, bool absent,
                         struct liv_condition *condition, struct dr_error *error)
{
    const char *escaped;
    const char *at = pass_pointer(text, from, &escaped, error);
    if (at == NULL)
        return false;
    condition->subject = LIV_OF_POINTER;
    condition->name = strndup(from, (size_t)(at - from));
    if (condition->name == NULL)
        return out_of_memory(error);
    condition->compare = absent ? LIV_IS_NOT_THERE : LIV_IS_THERE;
    /* or an expression that begins with a digit would become a part of the pointer in silence */
    if (*at == '\0' && escaped != NULL)
        return refuse(text, escaped,
                      "~0 and ~1 stand for \"~\" and \"/\" in a pointer: write ~[0] or ~[1] for an "
                      "expression that begins so, or compare what the pointer leads to",
                      error);
    if (absent && *at != '\0')
        return refuse(text, at, "behind \"!/pointer\" nothing may follow", error);
    if (*at == '?' && !read_fallback(text, &at, condition, error))
        return false;
    return *at == '\0' || read_comparison(text, at, condition, error);
}

static size_t name_length(const char *text)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
}

static bool read_header(const char *text, const char *from, bool absent,
                        struct liv_condition *condition, struct dr_error *error)
{
    size_t length = name_length(from);
    const char *at = from + length;
    condition->subject = LIV_OF_HEADER;
    condition->compare = absent ? LIV_IS_NOT_THERE : LIV_IS_THERE;
    condition->name = strndup(from, length);
    if (condition->name == NULL)
        return out_of_memory(error);
    if (length == 0)
        return refuse(text, from, "the name of a header is wanted", error);
    if (absent && *at != '\0')
        return refuse(text, at, "behind \"!header:NAME\" nothing may follow", error);
    if (*at == '\0')
        return true;
    if (!read_comparison(text, at, condition, error))
        return false;
    return !is_about_numbers(condition->compare) ||
           refuse(text, at, "a header is compared by =, !=, ~ or !~", error);
}

static bool read_body(const char *text, const char *at, struct liv_condition *condition,
                      struct dr_error *error)
{
    condition->subject = LIV_OF_BODY;
    if (!read_comparison(text, at, condition, error))
        return false;
    return condition->pattern != NULL || refuse(text, at, "a body is compared by ~ or !~", error);
}

static bool read_statuses(const char *text, const char *at, struct liv_condition *condition,
                          struct dr_error *error)
{
    condition->subject = LIV_OF_STATUS;
    if (!read_comparison(text, at, condition, error))
        return false;
    if (condition->compare != LIV_EQUAL)
        return refuse(text, at, "a status is compared by =", error);
    return liv_statuses_check(condition->value, error);
}

static bool read_condition(const char *text, struct liv_condition *condition,
                           struct dr_error *error)
{
    bool absent = text[0] == '!';
    const char *from = text + (absent ? 1 : 0);
    if (from[0] == '/')
        return read_pointer(text, from, absent, condition, error);
    if (strncmp(from, "header:", 7) == 0)
        return read_header(text, from + 7, absent, condition, error);
    if (!absent && strncmp(from, "body", 4) == 0)
        return read_body(text, from + 4, condition, error);
    if (!absent && strncmp(from, "status", 6) == 0)
        return read_statuses(text, from + 6, condition, error);
    return refuse(text, from,
                  "/pointer=VALUE, header:NAME=VALUE, body~REGEX or status=LIST is wanted", error);
}

struct liv_conditions *liv_conditions_new(const struct dr_text_list *texts, struct dr_error *error)
{
    struct liv_conditions *conditions = calloc(1, sizeof *conditions);
    if (conditions != NULL)
        conditions->items = calloc(texts->count + 1, sizeof *conditions->items);
    if (conditions == NULL || conditions->items == NULL) {
        liv_conditions_free(conditions);
        out_of_memory(error);
        return NULL;
    }
    for (size_t i = 0; i < texts->count; i++) {
        conditions->count++;
        if (!read_condition(texts->items[i], &conditions->items[i], error)) {
            liv_conditions_free(conditions);
            return NULL;
        }
    }
    return conditions;
}

void liv_conditions_free(struct liv_conditions *conditions)
{
    if (conditions == NULL)
        return;
    for (size_t i = 0; i < conditions->count; i++) {
        struct liv_condition *condition = &conditions->items[i];
        dr_pattern_free(condition->pattern);
        free(condition->name);
        free(condition->fallback);
        free(condition->value);
    }
    free(conditions->items);
    free(conditions);
}

size_t liv_conditions_count(const struct liv_conditions *conditions)
{
    return conditions->count;
}

bool liv_value_check(const char *text, struct dr_error *error)
{
    const char *escaped;
    bool header = strncmp(text, "header:", 7) == 0;
    const char *at = text[0] == '/' ? pass_pointer(text, text, &escaped, error)
                     : header       ? text + 7 + name_length(text + 7)
                                    : text;
    if (at == NULL)
        return false;
    return (at > text + (header ? 7 : 0) && *at == '\0') ||
           refuse(text, at, "/pointer or header:NAME is wanted", error);
}
