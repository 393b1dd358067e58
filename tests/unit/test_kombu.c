/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How kombu names its keys, and its messages: what they say, or unknown, never a wrong value. */
#include "common/client/kombu.h"

#include "common/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char *sample(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, DR_TESTS "/samples/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct dr_buffer text = DR_BUFFER(100000);
    char bytes[4096];
    size_t size;
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
        dr_buffer_add_bytes(&text, bytes, size);
    fclose(file);
    assert_false(text.cut);
    return dr_buffer_take(&text);
}

/* ---- names ---- */

static bool read_names(const char *text, struct dr_uri *uri, struct dr_kombu_names *names,
                       struct dr_error *error)
{
    *error = (struct dr_error){.class = DR_ERR_NONE};
    assert_true(dr_uri_parse(text, uri, error));
    return dr_kombu_names_read(uri, names, error);
}

static void test_names(void **state)
{
    static const struct {
        const char *uri;
        const char *list; /* of step 6; NULL: refused */
        const char *pattern;
        size_t steps;
    } rows[] = {
        {"celery+redis://h",
         "q\x06\x16"
         "6",
         "_kombu.binding.*", 4},
        {"celery+redis://h/0?prefix=app:&sep=~", "app:q~6", "app:_kombu.binding.*", 4},
        {"celery+redis://h/0?prefix=a*b%5Bc%3F",
         "a*b[c?q\x06\x16"
         "6",
         "a\\*b\\[c\\?_kombu.binding.*", 4},
        {"celery+redis://h/0?priority_steps=0",
         "q\x06\x16"
         "6",
         "_kombu.binding.*", 1},
        {"celery+redis://h/0?priority_steps=", NULL, NULL, 0},
        {"celery+redis://h/0?priority_steps=1,,2", NULL, NULL, 0},
        {"celery+redis://h/0?priority_steps=1,2,", NULL, NULL, 0},
        {"celery+redis://h/0?priority_steps=-1", NULL, NULL, 0},
        {"celery+redis://h/0?priority_steps=256", NULL, NULL, 0},
        {"celery+redis://h/0?priority_steps=99999999999999999999", NULL, NULL, 0},
        {"celery+redis://h/0?priority_steps=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", NULL, NULL,
         0},
        {"celery+redis://h/0?sep=", NULL, NULL, 0},
        {"celery+redis://h/0?sep=123456789012345678901", NULL, NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_uri uri;
        struct dr_kombu_names names;
        struct dr_error error;
        bool ok = read_names(rows[i].uri, &uri, &names, &error);
        if (ok != (rows[i].list != NULL))
            fail_msg("%s: %s", rows[i].uri, error.text);
        assert_int_equal(error.class, ok ? DR_ERR_NONE : DR_ERR_USAGE);
        if (ok) {
            char *list = dr_kombu_list(&names, "q", 6);
            char *plain = dr_kombu_list(&names, "q", 0);
            char *pattern = dr_kombu_pattern(&names);
            assert_string_equal(list, rows[i].list);
            assert_string_equal(plain + strlen(names.prefix), "q");
            assert_string_equal(pattern, rows[i].pattern);
            assert_int_equal(names.step_count, rows[i].steps);
            free(list);
            free(plain);
            free(pattern);
        }
        dr_uri_free(&uri);
    }
}

static void test_binding(void **state)
{
    static const struct {
        const char *exchange;
        const char *member; /* "|" stands for the separator */
        const char *queue;  /* NULL: none that holds tasks */
    } rows[] = {
        {"celery", "celery||celery", "celery"},
        {"shared", "key|pattern|q", "q"},
        {"shared", "key||with blank, and more", "with blank, and more"},
        {"celery.pidbox", "||w1@host.celery.pidbox", NULL},
        {"mine.pidbox", "||mine", NULL},
        {"reply.celery.pidbox", "x||x.reply.celery.pidbox", NULL},
        {"celeryev", "worker.#||anything", NULL},
        {"events", "worker.#||celeryev.1234", NULL},
        {"celery", "||", NULL},
        {"celery", "celery|celery", NULL},
        {"celery", "", NULL},
    };
    struct dr_uri uri;
    struct dr_error error;
    struct dr_kombu_names names;
    char queue[DR_KOMBU_NAME_MAX + 1];
    (void)state;
    assert_true(read_names("celery+redis://h/0?sep=%7C", &uri, &names, &error));
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool found = dr_kombu_binding(&names, rows[i].exchange, rows[i].member, queue);
        if (found != (rows[i].queue != NULL) || (found && strcmp(queue, rows[i].queue) != 0))
            fail_msg("%s: %s", rows[i].exchange, rows[i].member);
    }
    char member[400];
    snprintf(member, sizeof member, "||%0*d", DR_KOMBU_NAME_MAX, 0);
    assert_true(dr_kombu_binding(&names, "e", member, queue));
    snprintf(member, sizeof member, "||%0*d", DR_KOMBU_NAME_MAX + 1, 0);
    assert_false(dr_kombu_binding(&names, "e", member, queue));
    dr_uri_free(&uri);
}

/* ---- messages ---- */

static void test_head(void **state)
{
    static const char *const unreadable[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"headers\": {\"id\": \"a\"}",
        "{\"headers\": {\"id\": 1}}",
        "{\"headers\": null, \"properties\": []}",
        "{\"headers\": {\"id\": \"a\"}} x",
        "{\"body\": {\"headers\": {\"id\": \"a\"}}}",
    };
    (void)state;
    char *text = sample("celery/message.json");
    uint64_t head = dr_kombu_read_head(text);
    assert_true(head != 0);
    assert_true(head == dr_kombu_read_head(text));
    /* The tag tells messages apart; the id of a task stays when it is tried again. */
    char *tag = strstr(text, "2ff4ccf0");
    assert_non_null(tag);
    *tag = '3';
    assert_true(head != dr_kombu_read_head(text));
    free(text);
    uint64_t a = dr_kombu_read_head("{\"headers\": {\"id\": \"a\"}}");
    assert_true(a != 0 && a == dr_kombu_read_head("{\"properties\": {\"delivery_tag\": \"a\"}, "
                                                  "\"headers\": {\"id\": \"b\"}}"));
    for (size_t i = 0; i < COUNT(unreadable); i++)
        assert_true(dr_kombu_read_head(unreadable[i]) == 0);
}

#define ENTRY(headers, exchange, key)                                                              \
    "[{\"body\": \"W10=\", \"headers\": {" headers "}}, " exchange ", " key "]"

static void test_task(void **state)
{
    static const struct {
        const char *entry;
        bool readable;
        const char *queue;
        bool waits;
    } rows[] = {
        {ENTRY("\"task\": \"t\", \"eta\": null", "\"\"", "\"q\""), true, "q", false},
        {ENTRY("\"task\": \"t\"", "\"\"", "\"q\""), true, "q", false},
        {ENTRY("\"task\": \"t\", \"eta\": \"2026-11-21T10:00:00+00:00\"", "\"q\"", "\"q\""), true,
         "q", true},
        {ENTRY("\"eta\": \"2026-11-21T10:00:00+00:00\", \"task\": \"t\"", "\"x\"", "\"q\""), true,
         "", true},
        {ENTRY("\"task\": \"t\", \"eta\": \"tomorrow\"", "\"\"", "\"q\""), false, "", false},
        {ENTRY("", "\"\"", "\"q\""), false, "", false},
        {ENTRY("\"task\": \"t\"", "null", "\"q\""), true, "", false},
        {"[{\"headers\": {\"task\": \"t\"}}]", true, "", false},
        {"[{\"headers\": {\"task\": \"t\"}}, \"\", \"q\"", false, "", false},
        {"[]", false, "", false},
        {"{}", false, "", false},
        {"", false, "", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_kombu_task task = dr_kombu_read_task(rows[i].entry);
        if (task.readable != rows[i].readable || strcmp(task.queue, rows[i].queue) != 0 ||
            task.eta.known != rows[i].waits)
            fail_msg("%s: readable %d, queue \"%s\", eta %d", rows[i].entry, task.readable,
                     task.queue, task.eta.known);
    }
    char *text = sample("celery/unacked.json");
    struct dr_kombu_task task = dr_kombu_read_task(text);
    free(text);
    assert_true(task.readable && !task.eta.known);
    assert_string_equal(task.queue, "billing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_binding),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
