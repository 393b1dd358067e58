/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/drill.h"

#include "common/buffer.h"
#include "common/client/json_read.h"
#include "common/file.h"
#include "common/moment.h"
#include "common/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRILL_BYTES ((size_t)64 * 1024)
#define WORD_SIZE 300
#define EXPECT_LINE 400

/* ---- the result of a restore test ---- */

static const char *const good_words[] = {"success", "ok", "passed", "pass", "succeeded", NULL};

static bool is_good(const char *word)
{
    for (size_t i = 0; good_words[i] != NULL; i++) {
        if (strcmp(word, good_words[i]) == 0)
            return true;
    }
    return false;
}

static struct dr_opt_bool read_result(struct dr_json *reader)
{
    char word[WORD_SIZE];
    if (dr_json_kind(reader) == 't')
        return dr_json_bool(reader);
    if (dr_json_kind(reader) != '"') {
        dr_json_skip(reader);
        return (struct dr_opt_bool){.known = false};
    }
    return dr_json_text(reader, word, sizeof word) && word[0] != '\0'
               ? dr_bool(is_good(word))
               : (struct dr_opt_bool){.known = false};
}

static struct dr_opt_real read_moment(struct dr_json *reader)
{
    char word[WORD_SIZE];
    if (dr_json_kind(reader) == '0')
        return dr_json_real(reader);
    return dr_json_text(reader, word, sizeof word) ? dr_moment_read(word)
                                                   : (struct dr_opt_real){.known = false};
}

/* One of the checks: {"name": ..., "result": ...}. A failed one fails the whole test. */
static void read_check(struct dr_json *reader, struct bak_drill *drill)
{
    char key[64], name[WORD_SIZE] = "a check";
    struct dr_opt_bool result = {.known = false};
    if (dr_json_kind(reader) != '{') {
        dr_json_skip(reader);
        return;
    }
    dr_json_object(reader);
    while (dr_json_member(reader, key, sizeof key)) {
        if (strcmp(key, "name") == 0)
            dr_json_text(reader, name, sizeof name);
        else if (strcmp(key, "result") == 0)
            result = read_result(reader);
        else
            dr_json_skip(reader);
    }
    if (result.known && result.value)
        return;
    drill->success = dr_bool(false);
    if (drill->detail == NULL)
        drill->detail = dr_text_clean(name, WORD_SIZE);
}

static void read_checks(struct dr_json *reader, struct bak_drill *drill, bool *failed)
{
    if (!dr_json_array(reader))
        return;
    while (dr_json_item(reader)) {
        struct dr_opt_bool before = drill->success;
        drill->success = dr_bool(true);
        read_check(reader, drill);
        *failed = *failed || !drill->success.value;
        drill->success = before;
    }
}

static void read_member(struct dr_json *reader, const char *key, struct bak_drill *drill,
                        bool *failed)
{
    char word[WORD_SIZE];
    if (strcmp(key, "time") == 0)
        drill->time = read_moment(reader);
    else if (strcmp(key, "result") == 0)
        drill->success = read_result(reader);
    else if (strcmp(key, "artifact_time") == 0)
        drill->artifact_time = read_moment(reader);
    else if (strcmp(key, "bytes") == 0)
        drill->bytes = dr_json_int(reader);
    else if (strcmp(key, "seconds") == 0)
        drill->seconds = dr_json_real(reader);
    else if (strcmp(key, "checks") == 0)
        read_checks(reader, drill, failed);
    else if (strcmp(key, "artifact") == 0) {
        if (dr_json_text(reader, word, sizeof word) && drill->artifact == NULL)
            drill->artifact = dr_text_clean(word, WORD_SIZE);
    } else
        dr_json_skip(reader);
}

void bak_drill_read(const char *path, struct bak_drill *drill)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    char key[64];
    bool failed = false;
    *drill = (struct bak_drill){.given = path != NULL, .path = path};
    if (path == NULL)
        return;
    char *text = dr_file_read(path, DRILL_BYTES, &drill->failure);
    if (text == NULL)
        return;
    struct dr_json reader = dr_json_start(text);
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, key, sizeof key))
            read_member(&reader, key, drill, &failed);
    } else
        drill->failure = "it is no JSON object";
    if (!dr_json_end(&reader, &error))
        drill->failure = "it is no JSON";
    if (failed)
        drill->success = dr_bool(false);
    free(text);
}

/* ---- what is expected ---- */

static bool add_expected(struct bak_rules *rules, const char *glob, const char *from,
                         struct dr_error *error)
{
    struct bak_expected *more =
        realloc(rules->expected, (rules->expected_count + 1) * sizeof *more);
    if (more == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    rules->expected = more;
    char *copy = dr_text_format("%s", glob);
    if (copy == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    rules->expected[rules->expected_count++] = (struct bak_expected){.glob = copy, .from = from};
    return true;
}

/* "@FILE": a name on each line. */
static bool read_list(struct bak_rules *rules, const char *argument, struct dr_error *error)
{
    const char *why;
    size_t before = rules->expected_count, number = 0;
    char *text = dr_file_read(argument + 1, (size_t)1024 * 1024, &why);
    if (text == NULL)
        return dr_error_set(error, DR_ERR_USAGE, "--expect: %s: %s", argument + 1, why);
    bool ok = true;
    char *rest = text;
    for (char *line; ok && (line = strsep(&rest, "\n")) != NULL;) {
        number++;
        line[strcspn(line, "#")] = '\0';
        line += strspn(line, " \t\r");
        size_t length = strlen(line);
        while (length > 0 && strchr(" \t\r", line[length - 1]) != NULL)
            line[--length] = '\0';
        if (length > EXPECT_LINE)
            ok = dr_error_set(error, DR_ERR_USAGE, "--expect: %s, line %zu: too long", argument + 1,
                              number);
        else if (length > 0)
            ok = add_expected(rules, line, argument + 1, error);
    }
    free(text);
    return ok &&
           (rules->expected_count > before ||
            dr_error_set(error, DR_ERR_USAGE, "--expect: %s: no name is in it", argument + 1));
}

bool bak_expected_read(const struct dr_text_list *list, struct bak_rules *rules,
                       struct dr_error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *item = list->items[i];
        if (item[0] == '\0')
            return dr_error_set(error, DR_ERR_USAGE, "--expect: a name is missing");
        if (strcmp(item, "@") == 0)
            return dr_error_set(error, DR_ERR_USAGE, "--expect: which file? @FILE");
        if (item[0] == '@' ? !read_list(rules, item, error)
                           : !add_expected(rules, item, "--expect", error))
            return false;
    }
    return true;
}

bool bak_size_read(const char *text, struct bak_rules *rules, struct dr_error *error)
{
    int64_t bytes;
    if (text == NULL)
        return true;
    if (!dr_size_parse(text, &bytes, error))
        return dr_error_prefix(error, "--min-size");
    rules->least_size = dr_int(bytes);
    return true;
}

void bak_rules_free(struct bak_rules *rules)
{
    for (size_t i = 0; i < rules->expected_count; i++)
        free(rules->expected[i].glob);
    free(rules->expected);
    free(rules->drill.artifact);
    free(rules->drill.detail);
}
