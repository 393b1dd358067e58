/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --compare: two lists that are made up, in two threads of a real run. */
#include "plugins/backups/compare.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1.7e9
#define DAY 86400.0
#define SOURCE 0
#define COPY 1
#define MANY 20000

/* One side of a comparison, as its store lists it. */
struct side {
    struct bak_store store;
    const struct bak_entry *entries;
    size_t count;
    size_t many;        /* so many made-up ones after them: "n/000017" */
    size_t many_step;   /* every so-manieth of them; 0: each */
    size_t fails_after; /* entries after which the listing fails, from 1 on; 0: never */
    const char *unreadable;
    bool gives_up;        /* it was never read: another part of it failed */
    bool waits_for_other; /* begins when the other side has ended */
    bool never;           /* never begins, and uses its time up */
    size_t handed;
};

static struct side sides[2];
static struct bak_facts facts[2];
static struct dr_outcome outcomes[2];
static struct bak_request request;
static double timeout = 30;

/* Which sides have ended. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool ended[2];

static bool hand_over(struct side *side, const struct bak_entry *entry, bak_take *take,
                      void *context, struct dr_error *error)
{
    side->handed++;
    if (side->fails_after > 0 && side->handed > side->fails_after)
        return dr_error_set(error, DR_ERR_SERVER, "503 Slow Down");
    return take(context, entry, error);
}

static bool list(struct bak_store *store, const struct bak_listing *listing, bak_take *take,
                 void *context, struct dr_error *error)
{
    struct side *side = (struct side *)store;
    if (!listing->recursive || !listing->details || !listing->sorted)
        return dr_error_set(error, DR_ERR_INTERNAL, "another listing was asked for");
    for (size_t i = 0; i < side->count; i++) {
        if (!hand_over(side, &side->entries[i], take, context, error))
            return false;
    }
    for (size_t i = 0; i<side->many; i += side->many_step> 0 ? side->many_step : 1) {
        char name[32];
        snprintf(name, sizeof name, "n/%06zu", i);
        const struct bak_entry entry = {
            .name = name, .size = dr_int(10), .modified = dr_real(NOW - DAY)};
        if (!hand_over(side, &entry, take, context, error))
            return false;
    }
    if (side->unreadable != NULL)
        store->unreadable(store->unreadable_context, side->unreadable, "Permission denied");
    return true;
}

static const struct bak_store_type type = {.words = "made up", .list = list};

static void wait_for(int which)
{
    pthread_mutex_lock(&lock);
    while (!ended[which])
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void say_ended(int which)
{
    pthread_mutex_lock(&lock);
    ended[which] = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static bool probe(struct dr_task *task, void *into, struct dr_error *error)
{
    int which = (int)dr_task_index(task);
    struct side *side = &sides[which];
    bool ok = false;
    if (side->waits_for_other)
        wait_for(1 - which);
    while (side->never && dr_task_left(task) > 0)
        poll(NULL, 0, (int)(dr_task_left(task) * 1000) + 1);
    if (side->gives_up || side->never)
        dr_error_set(error, DR_ERR_AUTH, "not let in");
    else if (which == COPY)
        ok = bak_compare_copy(task, &side->store, into, error);
    else
        ok = bak_compare_source(task, &side->store, into, error);
    if (!ok)
        bak_compare_give_up(task);
    say_ended(which);
    return ok;
}

static void run(void)
{
    static const struct dr_scheme scheme = {"file", "file", "none", false};
    struct dr_target items[2] = {{.scheme = &scheme, .label = (char *)"prod"},
                                 {.scheme = &scheme, .label = (char *)"dr", .reference = true}};
    struct dr_targets targets = {.items = items, .count = 2};
    dr_probe *probes[] = {probe, probe};
    struct dr_error error = {.class = DR_ERR_NONE};
    const struct dr_run_plan plan = {.targets = &targets,
                                     .probes = probes,
                                     .facts = facts,
                                     .facts_size = sizeof facts[0],
                                     .request = &request,
                                     .started = dr_monotonic(),
                                     .timeout = timeout};
    memset(ended, 0, sizeof ended);
    for (int i = 0; i < 2; i++) {
        sides[i].store.type = &type;
        sides[i].store.pattern = sides[i].store.pattern != NULL ? sides[i].store.pattern : "";
    }
    request.now = NOW;
    request.skew = 300;
    request.compare = true;
    request.board = bak_board_new(2);
    assert_non_null(request.board);
    bak_board_pair(request.board, SOURCE, COPY);
    struct dr_run *running = dr_run_targets(&plan, outcomes, &error);
    assert_non_null(running);
    assert_true(outcomes[0].finished && outcomes[1].finished);
    dr_run_free(running);
}

static void forget(void)
{
    for (int i = 0; i < 2; i++)
        bak_facts_free(&facts[i]);
    bak_board_free(request.board);
    memset(facts, 0, sizeof facts);
    memset(sides, 0, sizeof sides);
    request = (struct bak_request){.now = NOW};
}

static void list_of(int which, const struct bak_entry *entries, size_t count)
{
    sides[which].entries = entries;
    sides[which].count = count;
}

static bool has_sign(int which, const char *words)
{
    for (size_t i = 0; i < facts[which].sign_count; i++) {
        if (facts[which].signs[i].kind == BAK_UNREADABLE &&
            strstr(facts[which].signs[i].text, words) != NULL)
            return true;
    }
    return false;
}

#define ENTRY(text, bytes, age)                                                                    \
    {                                                                                              \
        .name = text, .size = {true, bytes}, .modified = { true, NOW - (age) }                     \
    }

static void everything_is_counted(void **state)
{
    static const struct bak_entry source[] = {
        ENTRY("a", 1, 9 * DAY),      ENTRY("b/1", 10, 8 * DAY), ENTRY("b/2", 100, 3 * DAY),
        ENTRY("b-3", 1000, 5 * DAY), ENTRY("c", 7, DAY),        ENTRY("d", 5, 2 * DAY)};
    static const struct bak_entry copy[] = {
        ENTRY("0", 3, DAY),   ENTRY("a", 1, 4 * DAY), ENTRY("b-3", 999, DAY), ENTRY("b/1", 10, DAY),
        ENTRY("b/9", 3, DAY), ENTRY("d", 5, DAY),     ENTRY("z", 3, DAY)};
    struct bak_entry sorted[COUNT(source)];
    (void)state;
    memcpy(sorted, source, sizeof sorted);
    sorted[1] = source[3]; /* "-" is in front of "/" */
    sorted[2] = source[1];
    sorted[3] = source[2];
    list_of(SOURCE, sorted, COUNT(sorted));
    list_of(COPY, copy, COUNT(copy));
    run();
    const struct bak_comparison *result = &facts[SOURCE].comparison;
    assert_true(outcomes[SOURCE].ok && outcomes[COPY].ok);
    assert_true(result->done);
    assert_string_equal(result->copy, "dr");
    assert_int_equal(result->objects, 6);
    assert_int_equal(result->bytes, 1123);
    assert_int_equal(result->missing, 2);
    assert_int_equal(result->different, 1);
    assert_int_equal(result->missing_bytes, 1107);
    assert_int_equal(result->extra, 3);
    assert_true(result->oldest.known && result->oldest.value == NOW - 5 * DAY);
    assert_string_equal(result->oldest_name, "b-3");
    assert_true(result->newest.known && result->newest.value == NOW - DAY);
    assert_true(result->newest_copied.known && result->newest_copied.value == NOW - 2 * DAY);
    assert_int_equal(facts[COPY].looked, 7);
    assert_true(facts[COPY].complete);
    forget();
}

/* What makes a copy another one than its source. */
static void what_differs(void **state)
{
    static const char zeros[] = "00000000000000000000000000000000";
    static const char lower[] = "d41d8cd98f00b204e9800998ecf8427e";
    static const char upper[] = "D41D8CD98F00B204E9800998ECF8427E";
    static const struct {
        struct bak_entry source, copy;
        bool differs;
    } rows[] = {
        {ENTRY("x", 5, DAY), ENTRY("x", 5, DAY), false},
        {ENTRY("x", 5, DAY), ENTRY("x", 5, 0), false},
        {ENTRY("x", 5, DAY), ENTRY("x", 6, DAY), true},
        /* written again after it was copied */
        {ENTRY("x", 5, DAY), ENTRY("x", 5, 2 * DAY), true},
        {ENTRY("x", 5, DAY), ENTRY("x", 5, DAY + 200), false},
        {{"x", .size = {true, 5}, .modified = {true, NOW}, .md5 = lower},
         {"x", .size = {true, 5}, .modified = {true, NOW - DAY}, .md5 = upper},
         false},
        {{"x", .size = {true, 5}, .modified = {true, NOW}, .md5 = lower},
         {"x", .size = {true, 5}, .modified = {true, NOW}, .md5 = zeros},
         true},
        {{"x", .size = {true, 5}, .modified = {true, NOW}, .md5 = lower}, ENTRY("x", 5, 0), false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        list_of(SOURCE, &rows[i].source, 1);
        list_of(COPY, &rows[i].copy, 1);
        run();
        assert_true(facts[SOURCE].comparison.done);
        if (facts[SOURCE].comparison.different != (rows[i].differs ? 1 : 0))
            fail_msg("row %zu", i);
        assert_int_equal(facts[SOURCE].comparison.missing, 0);
        forget();
    }
}

static void only_what_is_asked_for(void **state)
{
    static const struct bak_entry source[] = {
        ENTRY("a.dump", 1, DAY),    ENTRY("a.log", 1, DAY),        ENTRY("b.part/a.dump", 1, DAY),
        {"dir", .directory = true}, {"latest.dump", .link = true}, ENTRY("old/a.dump", 1, DAY),
        ENTRY("old/b.dump", 1, DAY)};
    static const struct bak_entry copy[] = {ENTRY("a.dump", 1, DAY), ENTRY("b.log", 1, DAY),
                                            ENTRY("old/c.dump", 1, DAY)};
    char *include[] = {(char *)"*.dump"}, *exclude[] = {(char *)"old/b*"};
    (void)state;
    list_of(SOURCE, source, COUNT(source));
    list_of(COPY, copy, COUNT(copy));
    request.include = (struct dr_text_list){.items = include, .count = 1};
    request.exclude = (struct dr_text_list){.items = exclude, .count = 1};
    run();
    assert_int_equal(facts[SOURCE].comparison.objects, 2);
    assert_int_equal(facts[SOURCE].comparison.missing, 1);
    assert_string_equal(facts[SOURCE].comparison.oldest_name, "old/a.dump");
    assert_int_equal(facts[SOURCE].comparison.extra, 1);
    forget();
    /* The same by the URI, of each side its own. */
    list_of(SOURCE, source, COUNT(source));
    list_of(COPY, copy, COUNT(copy));
    sides[SOURCE].store.pattern = sides[COPY].store.pattern = "*.log";
    run();
    assert_int_equal(facts[SOURCE].comparison.objects, 1);
    assert_int_equal(facts[SOURCE].comparison.missing, 1);
    assert_int_equal(facts[SOURCE].comparison.extra, 1);
    forget();
}

/* More than the queue holds, whoever comes first and whatever is left over. */
static void long_lists(void **state)
{
    static const struct {
        size_t source, source_step, copy, copy_step;
        bool source_late;
        int64_t missing, extra;
    } rows[] = {
        {MANY, 1, MANY, 1, false, 0, 0},
        {MANY, 1, MANY, 4, false, MANY - MANY / 4, 0},
        {MANY, 4, MANY, 1, false, 0, MANY - MANY / 4},
        {0, 1, MANY, 1, false, 0, MANY},
        {MANY, 1, 0, 1, false, MANY, 0},
        {0, 1, 0, 1, false, 0, 0},
        {MANY, 1, 4000, 1, true, MANY - 4000, 0}, /* all of the copy waits in the queue */
        {1, 1, 4096, 1, true, 0, 4095},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sides[SOURCE].many = rows[i].source;
        sides[SOURCE].many_step = rows[i].source_step;
        sides[SOURCE].waits_for_other = rows[i].source_late;
        sides[COPY].many = rows[i].copy;
        sides[COPY].many_step = rows[i].copy_step;
        run();
        const struct bak_comparison *result = &facts[SOURCE].comparison;
        if (!result->done || result->missing != rows[i].missing || result->extra != rows[i].extra)
            fail_msg("row %zu: %d missing, %d extra", i, (int)result->missing, (int)result->extra);
        forget();
    }
}

/* The copy fails: nothing is said of what is missing, the source itself was read. */
static void the_copy_fails(void **state)
{
    (void)state;
    for (size_t after = 1; after < MANY; after *= 7) {
        sides[SOURCE].many = MANY;
        sides[COPY].many = MANY;
        sides[COPY].fails_after = after;
        run();
        assert_true(outcomes[SOURCE].ok);
        assert_false(outcomes[COPY].ok);
        assert_string_equal(outcomes[COPY].error.text, "503 Slow Down");
        assert_false(facts[SOURCE].comparison.done);
        assert_true(has_sign(SOURCE, "503 Slow Down"));
        assert_false(facts[COPY].complete);
        forget();
    }
}

static void the_copy_is_never_read(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        sides[SOURCE].many = MANY;
        sides[SOURCE].waits_for_other = late == 1;
        sides[COPY].gives_up = true;
        run();
        assert_true(outcomes[SOURCE].ok);
        assert_false(facts[SOURCE].comparison.done);
        assert_true(has_sign(SOURCE, "it could not be read"));
        forget();
    }
}

/* The source fails: the copy's thread ends, and has nothing to complain of. */
static void the_source_fails(void **state)
{
    (void)state;
    for (size_t after = 1; after < MANY; after *= 7) {
        sides[SOURCE].many = MANY;
        sides[SOURCE].fails_after = after;
        sides[COPY].many = MANY;
        run();
        assert_false(outcomes[SOURCE].ok);
        assert_string_equal(outcomes[SOURCE].error.text, "503 Slow Down");
        assert_true(outcomes[COPY].ok);
        assert_false(facts[SOURCE].comparison.done);
        forget();
    }
}

static void the_source_is_never_read(void **state)
{
    (void)state;
    sides[SOURCE].gives_up = true;
    sides[COPY].many = MANY;
    run();
    assert_false(outcomes[SOURCE].ok);
    assert_true(outcomes[COPY].ok);
    assert_false(facts[SOURCE].comparison.done);
    forget();
}

/* Neither waits longer than it may. */
static void time_is_up(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        sides[SOURCE].many = MANY;
        sides[COPY].many = MANY;
        sides[which].never = true;
        timeout = 0.6;
        run();
        timeout = 30;
        assert_false(facts[SOURCE].comparison.done);
        if (which == COPY)
            assert_true(has_sign(SOURCE, "in time") || has_sign(SOURCE, "could not be read"));
        forget();
    }
}

/* A list that is not in order is not compared: everything would seem to be missing. */
static void not_in_order(void **state)
{
    static const struct bak_entry wrong[] = {ENTRY("b", 1, DAY), ENTRY("a", 1, DAY)};
    static const struct bak_entry right[] = {ENTRY("a", 1, DAY), ENTRY("b", 1, DAY)};
    (void)state;
    for (int which = 0; which < 2; which++) {
        list_of(which, wrong, 2);
        list_of(1 - which, right, 2);
        run();
        assert_false(facts[SOURCE].comparison.done);
        assert_false(outcomes[which].ok);
        assert_non_null(strstr(outcomes[which].error.text, "byte order at \"a\""));
        forget();
    }
}

/* A part that cannot be read is not a part that is missing. */
static void unreadable_parts(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        sides[SOURCE].many = sides[COPY].many = 3;
        sides[which].unreadable = "secret";
        run();
        assert_true(outcomes[SOURCE].ok && outcomes[COPY].ok);
        assert_false(facts[SOURCE].comparison.done);
        assert_true(has_sign(SOURCE, "secret: Permission denied"));
        if (which == COPY)
            assert_false(facts[COPY].complete);
        forget();
    }
}

static void a_size_that_is_not_known(void **state)
{
    static const struct bak_entry there[] = {ENTRY("a", 1, DAY)};
    static const struct bak_entry unsized[] = {{"a", .modified = {true, NOW - DAY}}};
    (void)state;
    for (int which = 0; which < 2; which++) {
        list_of(which, unsized, 1);
        list_of(1 - which, there, 1);
        run();
        assert_false(facts[SOURCE].comparison.done);
        assert_true(has_sign(SOURCE, "the size of a"));
        forget();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_counted),
        cmocka_unit_test(what_differs),
        cmocka_unit_test(only_what_is_asked_for),
        cmocka_unit_test(long_lists),
        cmocka_unit_test(the_copy_fails),
        cmocka_unit_test(the_copy_is_never_read),
        cmocka_unit_test(the_source_fails),
        cmocka_unit_test(the_source_is_never_read),
        cmocka_unit_test(time_is_up),
        cmocka_unit_test(not_in_order),
        cmocka_unit_test(unreadable_parts),
        cmocka_unit_test(a_size_that_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
