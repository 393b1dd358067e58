/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A condition, a form feed, and the body of the reply that it is tested on: the pointer of what is
 * to be compared leads where jansson says. */
#include "tests/fuzz/fuzz.h"

#include "plugins/liveness/condition.h"

#include <jansson.h>

/* ---- the condition ---- */

static void check_mistake(const struct dr_error *error, const char *text)
{
    const char *position = strstr(error->text, "position ");
    MUST(error->class == DR_ERR_USAGE);
    MUST(strpbrk(error->text, "\n\r\t") == NULL);
    MUST(position != NULL || strchr(text, '~') != NULL);
    /* a text that is longer than what an error shows may hold that word itself */
    if (position != NULL && strstr(text, "position") == NULL) {
        unsigned long at = strtoul(position + strlen("position "), NULL, 10);
        MUST(at >= 1 && at <= strlen(text) + 1);
    }
}

static void test(char *text, struct liv_reply *reply)
{
    struct dr_text_list list = {.items = &text, .count = 1};
    struct dr_error error = {.class = DR_ERR_NONE};
    char why[100];
    struct liv_conditions *conditions = liv_conditions_new(&list, &error);
    if (conditions == NULL) {
        check_mistake(&error, text);
        return;
    }
    enum liv_holds holds = liv_condition_test(conditions, 0, reply, why, sizeof why);
    MUST(strlen(why) < sizeof why);
    MUST((holds == LIV_HOLDS) == (why[0] == '\0'));
    /* whether it is there, or is not there, cannot both hold */
    if (text[0] == '!')
        MUST(holds != LIV_HOLDS || liv_reply_value(reply, text + 1) == NULL);
    /* a reply that was cut proves nothing by its content but what stands in it */
    struct dr_http_reply cut = *reply->http;
    cut.cut = true;
    struct liv_reply shorter = {.http = &cut};
    if (text[0] == '/' || (text[0] == '!' && text[1] == '/'))
        MUST(liv_condition_test(conditions, 0, &shorter, why, sizeof why) == LIV_HOLDS_UNKNOWN);
    liv_reply_free(&shorter);
    liv_conditions_free(conditions);
}

/* ---- the pointer ---- */

/* RFC 6901. NULL where it leads nowhere. */
static const json_t *find(const json_t *value, const char *pointer)
{
    char token[2000];
    while (value != NULL && *pointer == '/') {
        size_t size = 0;
        for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
            if (*pointer == '~' && (pointer[1] == '0' || pointer[1] == '1'))
                token[size++] = *++pointer == '0' ? '~' : '/';
            else
                token[size++] = *pointer;
        }
        token[size] = '\0';
        bool index = size > 0 && size < 10 && strspn(token, "0123456789") == size &&
                     (size == 1 || token[0] != '0');
        value = json_is_object(value)           ? json_object_get(value, token)
                : json_is_array(value) && index ? json_array_get(value, strtoul(token, NULL, 10))
                                                : NULL;
    }
    return value;
}

static void compare(const char *what, struct liv_reply *reply)
{
    struct dr_error error;
    if (what[0] != '/' || strchr(what, '[') != NULL || strlen(what) > 500 ||
        !liv_value_check(what, &error))
        return;
    const struct dr_buffer *body = &reply->http->body;
    json_t *whole = json_loadb(dr_buffer_text(body), body->size,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    char *value = liv_reply_value(reply, what);
    const json_t *found = whole != NULL ? find(whole, what) : NULL;
    if (whole != NULL && value != NULL) {
        MUST(found != NULL && !json_is_null(found));
        MUST(!json_is_string(found) || strcmp(json_string_value(found), value) == 0);
        MUST(!json_is_true(found) || strcmp(value, "true") == 0);
    }
    free(value);
    json_decref(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    char *end = strchr(text, '\f');
    size_t length = end != NULL ? (size_t)(end - text) : strlen(text);
    struct dr_http_reply http = {
        .status = 200, .body = DR_BUFFER(1 << 20), .header = DR_BUFFER(100)};
    dr_buffer_add(&http.header, "Server: nginx\nX-Site:  prod \nX-Twice: a\nX-Twice: b\n");
    if (length < size)
        dr_buffer_add_bytes(&http.body, text + length + 1, size - length - 1);
    text[length] = '\0';
    struct liv_reply reply = {.http = &http};
    test(text, &reply);
    compare(text, &reply);
    liv_reply_free(&reply);
    dr_buffer_free(&http.body);
    dr_buffer_free(&http.header);
    free(text);
    return 0;
}
