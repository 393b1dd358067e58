/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/history.h"

#include "common/state_file.h"

#include "tests/unit/locale.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1.7e9
#define CHECK "check_queue_mirrors"

struct place {
    char directory[40];
    struct que_history history;
};

static int make(void **state)
{
    static struct place place;
    struct dr_error error;
    memset(&place, 0, sizeof place);
    strncpy(place.directory, "/tmp/dr-queue-history-XXXXXX", sizeof place.directory - 1);
    *state = &place;
    return mkdtemp(place.directory) != NULL &&
                   que_history_open(&place.history, place.directory, CHECK, "mq1 mq2", &error)
               ? 0
               : -1;
}

static int clean(void **state)
{
    struct place *place = *state;
    struct dr_error error;
    que_history_close(&place->history, &error);
    test_remove_tree(place->directory);
    return 0;
}

/* Writes it, and reads it again as the next run does. */
static struct que_history *next_run(struct place *place)
{
    struct dr_error error;
    assert_true(que_history_close(&place->history, &error));
    assert_true(que_history_open(&place->history, place->directory, CHECK, "mq1 mq2", &error));
    return &place->history;
}

static void all_of_it_comes_back(void **state)
{
    struct place *place = *state;
    const struct que_memory before = {.unsynced_since = NOW - 1.5,
                                      .head_since = NOW - 7,
                                      .head = INT64_MAX,
                                      .leader = 5,
                                      .messages = dr_int(50),
                                      .acked = dr_int(INT64_MAX),
                                      .lost_at = NOW - 86400.25,
                                      .lost = 3,
                                      .lost_with_leader = true};
    struct que_memory memory;
    assert_true(que_history_keep(&place->history, "//a b|%\n\xc3\xa4", &before));
    struct que_history *history = next_run(place);
    assert_true(que_history_find(history, "//a b|%\n\xc3\xa4", &memory));
    assert_true(fabs(memory.unsynced_since - before.unsynced_since) < 1e-5);
    assert_true(fabs(memory.head_since - before.head_since) < 1e-5);
    assert_true(fabs(memory.lost_at - before.lost_at) < 1e-5);
    assert_true(memory.head == before.head && memory.leader == 5);
    assert_true(memory.messages.known && memory.messages.value == 50);
    assert_true(memory.acked.known && memory.acked.value == INT64_MAX);
    assert_true(memory.lost == 3 && memory.lost_with_leader);
    assert_false(que_history_find(history, "//a", &memory));
}

/* No messages is not the same as not known how many. */
static void unknown_stays_unknown(void **state)
{
    struct place *place = *state;
    const struct que_memory nothing = {.head = 0};
    const struct que_memory empty = {.messages = dr_int(0), .acked = dr_int(0)};
    struct que_memory memory;
    assert_true(que_history_keep(&place->history, "//nothing", &nothing));
    assert_true(que_history_keep(&place->history, "//empty", &empty));
    struct que_history *history = next_run(place);
    assert_true(que_history_find(history, "//nothing", &memory));
    assert_false(memory.messages.known || memory.acked.known || memory.lost_with_leader);
    assert_true(memory.unsynced_since == 0 && memory.head_since == 0 && memory.lost_at == 0);
    assert_true(que_history_find(history, "//empty", &memory));
    assert_true(memory.messages.known && memory.messages.value == 0);
    assert_true(memory.acked.known && memory.acked.value == 0);
}

/* A run sees what was before it, not what it has just noted; and what it does not note is gone. */
static void one_run_replaces_another(void **state)
{
    struct place *place = *state;
    const struct que_memory first = {.messages = dr_int(1)};
    const struct que_memory second = {.messages = dr_int(2)};
    struct que_memory memory;
    assert_true(que_history_keep(&place->history, "//a", &first));
    assert_true(que_history_keep(&place->history, "//b", &first));
    assert_false(que_history_find(&place->history, "//a", &memory));
    struct que_history *history = next_run(place);
    assert_true(que_history_keep(history, "//a", &second));
    assert_true(que_history_find(history, "//a", &memory));
    assert_int_equal(memory.messages.value, 1);
    history = next_run(place);
    assert_true(que_history_find(history, "//a", &memory));
    assert_int_equal(memory.messages.value, 2);
    assert_false(que_history_find(history, "//b", &memory));
}

/* The file of this place, opened. */
static FILE *open_file(const struct place *place, const char *mode)
{
    char path[400] = "";
    DIR *folder = opendir(place->directory);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        size_t length = strlen(entry->d_name);
        bool lock = length > 5 && strcmp(entry->d_name + length - 5, ".lock") == 0;
        if (entry->d_name[0] != '.' && !lock)
            snprintf(path, sizeof path, "%s/%s", place->directory, entry->d_name);
    }
    closedir(folder);
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    return file;
}

/* Writes one queue, changes the file, and reads it. */
static bool survives(struct place *place, void (*damage)(FILE *file), const char *mode)
{
    const struct que_memory before = {.messages = dr_int(50)};
    struct que_memory memory;
    struct dr_error error;
    que_history_keep(&place->history, "//orders", &before);
    assert_true(que_history_close(&place->history, &error));
    FILE *file = open_file(place, mode);
    damage(file);
    fclose(file);
    assert_true(que_history_open(&place->history, place->directory, CHECK, "mq1 mq2", &error));
    return que_history_find(&place->history, "//orders", &memory);
}

static void no_damage(FILE *file)
{
    (void)file;
}

static void cut(FILE *file)
{
    (void)file; /* opening it has emptied it */
}

static void scribble(FILE *file)
{
    fputs("nothing of ours\n", file);
}

static void change_a_byte(FILE *file)
{
    fseek(file, -3, SEEK_END);
    fputc('~', file);
}

/* As no history at all: nothing is believed, and nothing is an error. */
static void damaged(void **state)
{
    struct place *place = *state;
    assert_true(survives(place, no_damage, "r+"));
    assert_false(survives(place, cut, "w"));
    assert_false(survives(place, scribble, "w"));
    assert_false(survives(place, change_a_byte, "r+"));
    assert_true(survives(place, no_damage, "r+"));
}

static void no_more_than_that(void **state)
{
    struct place *place = *state;
    char key[DR_STATE_KEY_MAX + 2];
    const struct que_memory memory = {.head = INT64_MAX,
                                      .leader = INT64_MAX,
                                      .head_since = NOW,
                                      .unsynced_since = NOW,
                                      .messages = dr_int(1000000),
                                      .acked = dr_int(1000000000)};
    struct que_memory found;
    for (int i = 0; i < QUE_HISTORY_QUEUES; i++) {
        snprintf(key, sizeof key, "//shop.orders.of.region.%06d", i);
        assert_true(que_history_keep(&place->history, key, &memory));
    }
    assert_false(que_history_keep(&place->history, "//one more", &memory));
    struct que_history *history = next_run(place);
    for (int i = 0; i < QUE_HISTORY_QUEUES; i++) {
        snprintf(key, sizeof key, "//shop.orders.of.region.%06d", i);
        assert_true(que_history_find(history, key, &found));
    }
    /* As many again, beside those of the run before. */
    for (int i = 0; i < QUE_HISTORY_QUEUES; i++) {
        snprintf(key, sizeof key, "//shop.orders.of.region.%06d", i);
        assert_true(que_history_keep(history, key, &memory));
    }
    assert_true(que_history_find(next_run(place), key, &found));
}

/* Longer than a key can be: said to be forgotten, and no other one of the same beginning. */
static void long_keys(void **state)
{
    struct place *place = *state;
    char key[DR_STATE_KEY_MAX + 2];
    const struct que_memory memory = {.head = 1};
    struct que_memory found;
    memset(key, 'q', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    assert_false(que_history_keep(&place->history, key, &memory));
    key[DR_STATE_KEY_MAX] = '\0';
    assert_true(que_history_keep(&place->history, key, &memory));
    struct que_history *history = next_run(place);
    assert_true(que_history_find(history, key, &found));
    key[DR_STATE_KEY_MAX - 1] = '\0';
    assert_false(que_history_find(history, key, &found));
}

/* Names so long that a thousand of them do not fit: the last ones are kept, and the file is whole.
 */
static void a_full_file(void **state)
{
    struct place *place = *state;
    char key[DR_STATE_KEY_MAX + 1];
    const struct que_memory memory = {.head = INT64_MAX, .messages = dr_int(1)};
    struct que_memory found;
    for (int i = 0; i < QUE_HISTORY_QUEUES; i++) {
        /* A blank takes three bytes. */
        snprintf(key, sizeof key, "%06d%*s", i, DR_STATE_KEY_MAX - 6, "");
        assert_true(que_history_keep(&place->history, key, &memory));
    }
    struct que_history *history = next_run(place);
    assert_true(que_history_find(history, key, &found));
    snprintf(key, sizeof key, "%06d%*s", 0, DR_STATE_KEY_MAX - 6, "");
    assert_false(que_history_find(history, key, &found));
}

/* Another service, another memory; and one that cannot be kept is said to be so. */
static void where_it_is_kept(void **state)
{
    struct place *place = *state;
    struct que_history other;
    struct que_memory memory = {.messages = dr_int(1)};
    struct dr_error error = {.class = DR_ERR_NONE};
    que_history_keep(&place->history, "//a", &memory);
    next_run(place);
    assert_true(que_history_open(&other, place->directory, CHECK, "mq1 mq3", &error));
    assert_false(que_history_find(&other, "//a", &memory));
    assert_true(que_history_close(&other, &error));
    assert_false(que_history_open(&other, "/nowhere/at/all", CHECK, "mq1", &error));
    assert_int_equal(error.class, DR_ERR_USAGE);
    assert_true(strlen(error.text) > 0);
    assert_false(que_history_find(&other, "//a", &memory));
    assert_false(que_history_keep(&other, "//a", &memory));
    assert_true(que_history_close(&other, &error));
}

/* Without --state-dir nothing is known, and nothing is kept. */
static void without_memory(void **state)
{
    (void)state;
    struct que_history history = {.open = false};
    struct que_memory memory = {.messages = dr_int(1)};
    struct dr_error error;
    assert_false(que_history_keep(&history, "//a", &memory));
    assert_false(que_history_find(&history, "//a", &memory));
    assert_true(que_history_close(&history, &error));
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(all_of_it_comes_back),
        WITH_PLACE(unknown_stays_unknown),
        WITH_PLACE(one_run_replaces_another),
        WITH_PLACE(damaged),
        WITH_PLACE(no_more_than_that),
        WITH_PLACE(long_keys),
        WITH_PLACE(a_full_file),
        WITH_PLACE(where_it_is_kept),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
