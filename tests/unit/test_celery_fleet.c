/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Celery's workers answer, and what it makes of them: who lives, who is busy, wedged, gone. */
#include "plugins/liveness/celery_report.h"

#include "common/client/kombu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1800000000.0

static void answer(struct liv_celery_fleet *fleet, enum liv_celery_method method, const char *body)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!liv_celery_read_reply(fleet, method, body, 0.01, &error))
        fail_msg("%s: %s", body, error.text);
}

static char *sample(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, DR_TESTS "/samples/celery/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct dr_buffer text = DR_BUFFER(100000);
    char bytes[4096];
    size_t size;
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
        dr_buffer_add_bytes(&text, bytes, size);
    fclose(file);
    return dr_buffer_take(&text);
}

/* ---- what is asked ---- */

static void test_base64(void **state)
{
    static const struct {
        const char *plain;
        const char *coded;
    } rows[] = {{"", ""},
                {"f", "Zg=="},
                {"fo", "Zm8="},
                {"foo", "Zm9v"},
                {"foob", "Zm9vYg=="},
                {"fooba", "Zm9vYmE="},
                {"foobar", "Zm9vYmFy"}};
    static const char *const wrong[] = {
        "Z", "Zg", "Zg=", "Zg===", "====", "Z=g=", "Zm9v Zg==", "Zm9v\n", "AAAA", "Zm-v"};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_buffer coded = DR_BUFFER(100);
        struct dr_buffer plain = DR_BUFFER(100);
        assert_true(dr_kombu_encode(rows[i].plain, &coded));
        assert_string_equal(dr_buffer_text(&coded), rows[i].coded);
        assert_true(dr_kombu_decode(rows[i].coded, &plain));
        assert_string_equal(dr_buffer_text(&plain), rows[i].plain);
        dr_buffer_free(&coded);
        dr_buffer_free(&plain);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct dr_buffer plain = DR_BUFFER(100);
        if (dr_kombu_decode(wrong[i], &plain))
            fail_msg("\"%s\" was taken", wrong[i]);
        dr_buffer_free(&plain);
    }
}

static void test_us(void **state)
{
    struct liv_celery_us us;
    struct liv_celery_us other;
    struct dr_error error;
    enum liv_celery_method method;
    char first[48];
    (void)state;
    assert_true(liv_celery_make_us(&us, NOW, &error) && liv_celery_make_us(&other, NOW, &error));
    assert_true(strcmp(us.oid, other.oid) != 0);
    assert_int_equal(liv_celery_made_at(us.oid).value, (int64_t)NOW);
    assert_false(liv_celery_made_at("1800000000-0123").known);
    assert_false(liv_celery_made_at("dr-plugins-").known);
    assert_false(liv_celery_made_at("dr-plugins-1800000000").known);
    memcpy(first, us.tickets[LIV_CELERY_STATS], sizeof first);
    assert_true(liv_celery_method_of(&us, first, &method) && method == LIV_CELERY_STATS);
    assert_false(liv_celery_method_of(&other, first, &method));
    liv_celery_ask_anew(&us);
    assert_false(liv_celery_method_of(&us, first, &method));
}

static void test_question(void **state)
{
    const struct liv_celery_exchanges exchanges = {"celery.pidbox", "reply.celery.pidbox"};
    const struct liv_celery_us us = {.oid = "OID", .tickets = {"T0", "T1", "T2", "T3", "T4"}};
    struct dr_buffer body = DR_BUFFER(1000);
    (void)state;
    assert_true(liv_celery_write(LIV_CELERY_ACTIVE, &exchanges, &us, NULL, &body));
    assert_string_equal(
        dr_buffer_text(&body),
        "{\"method\": \"active\", \"arguments\": {\"safe\": true}, \"destination\": null, "
        "\"pattern\": null, \"matcher\": null, \"ticket\": \"T2\", \"reply_to\": {\"exchange\": "
        "\"reply.celery.pidbox\", \"routing_key\": \"OID\"}}");
    dr_buffer_free(&body);
}

/* ---- what is answered ---- */

static void test_recorded(void **state)
{
    struct liv_celery_fleet fleet = {.count = 0};
    (void)state;
    char *stats = sample("inspect_stats.json");
    char *queues = sample("inspect_active_queues.json");
    answer(&fleet, LIV_CELERY_STATS, stats);
    answer(&fleet, LIV_CELERY_QUEUES, queues);
    free(stats);
    free(queues);
    const struct liv_celery_worker *w1 = liv_celery_find(&fleet, "w1@hostA");
    assert_true(fleet.count == 2 && w1 != NULL && w1->processed.known && w1->processed.value == 0);
    assert_true(w1->concurrency.value == 2 && w1->queues_known && w1->queue_count == 2);
    assert_true(liv_celery_takes_from(w1, "billing") && !liv_celery_takes_from(w1, "mail"));
    liv_celery_fleet_free(&fleet);
}

static void test_unreadable(void **state)
{
    static const char *const rows[] = {"",
                                       "{}",
                                       "[]",
                                       "null",
                                       "{\"w\": {\"ok\": \"pong\"}",
                                       "{\"w\": 1} x",
                                       "{\"\": {\"ok\": \"pong\"}}"};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct liv_celery_fleet fleet = {.count = 0};
        struct dr_error error = {.class = DR_ERR_NONE};
        assert_false(liv_celery_read_reply(&fleet, LIV_CELERY_PING, rows[i], 0, &error));
        assert_true(error.class == DR_ERR_PROTOCOL && fleet.count == 0);
        liv_celery_fleet_free(&fleet);
    }
}

static void test_unknown_is_not_zero(void **state)
{
    static const struct {
        enum liv_celery_method method;
        const char *body;
    } rows[] = {
        {LIV_CELERY_PING, "{\"w\": {\"ok\": \"ping\"}}"},
        {LIV_CELERY_PING, "{\"w\": {\"ok\": null}}"},
        {LIV_CELERY_PING, "{\"w\": {\"error\": \"pong\"}}"},
        {LIV_CELERY_PING, "{\"w\": \"pong\"}"},
        {LIV_CELERY_STATS, "{\"w\": {\"error\": \"x\"}}"},
        {LIV_CELERY_STATS, "{\"w\": {\"total\": null}}"},
        {LIV_CELERY_STATS, "{\"w\": {\"total\": {\"a\": -1}}}"},
        {LIV_CELERY_STATS, "{\"w\": {\"total\": {\"a\": \"1\"}}}"},
        {LIV_CELERY_STATS, "{\"w\": {\"total\": {\"a\": 9223372036854775807, \"b\": 1}}}"},
        {LIV_CELERY_ACTIVE, "{\"w\": {\"error\": \"x\"}}"},
        {LIV_CELERY_ACTIVE, "{\"w\": null}"},
        {LIV_CELERY_QUEUES, "{\"w\": null}"},
        {LIV_CELERY_QUEUES, "{\"w\": {\"name\": \"q\"}}"},
        {LIV_CELERY_QUEUES, "{\"w\": [{\"name\": \"\"}]}"},
        {LIV_CELERY_QUEUES, "{\"w\": [{\"exchange\": {\"name\": \"q\"}}]}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct liv_celery_fleet fleet = {.count = 0};
        answer(&fleet, rows[i].method, rows[i].body);
        const struct liv_celery_worker *worker = &fleet.workers[0];
        if (worker->pong || worker->processed.known || worker->active.known || worker->queues_known)
            fail_msg("%s", rows[i].body);
        liv_celery_fleet_free(&fleet);
    }
}

static void test_tasks(void **state)
{
    struct liv_celery_fleet fleet = {.count = 0};
    (void)state;
    answer(
        &fleet, LIV_CELERY_ACTIVE,
        "{\"w\": [{\"id\": \"a\", \"time_start\": 1800000005.5}, {\"id\": \"b\", \"time_start\": "
        "1800000001}, {\"id\": \"c\", \"time_start\": null}, {\"id\": \"d\", \"time_start\": "
        "17.5}, {\"id\": \"e\"}, 7]}");
    const struct liv_celery_worker *worker = &fleet.workers[0];
    assert_true(worker->active.value == 6 && worker->oldest.value == 1800000001);
    assert_true(worker->task_count == 5 && worker->ageless == 3);
    answer(&fleet, LIV_CELERY_QUERY, "{\"w\": {\"f\": [\"reserved\", {\"id\": \"f\"}]}}");
    assert_true(worker->task_count == 6 && worker->tasks[5] == dr_kombu_hash("f"));
    liv_celery_fleet_free(&fleet);
}

/* ---- what it makes of them ---- */

/* One scene: who is known, who answers, who listens, what is held. */
struct scene {
    const char *known; /* names, with blanks between them; NULL: cannot be known */
    const char *pongs; /* who answers everything, takes from "q", and has the task "mine" */
    int64_t listeners; /* -1: not counted */
    const char *held;  /* ids of tasks in flight, 10 s old */
    double limit;      /* of a task */
    const char *name;  /* of the unit that is looked at */
    int sign;          /* its first one; -1: there is no such unit */
};

static void set_scene(const struct scene *scene, struct liv_celery_seen *seen)
{
    char list[200];
    char body[300];
    *seen =
        (struct liv_celery_seen){.task_limit = scene->limit, .roster_known = scene->known != NULL};
    seen->look.now = NOW;
    seen->look.queues_known = true;
    if (scene->listeners >= 0)
        seen->look.listeners = dr_int(scene->listeners);
    snprintf(list, sizeof list, "%s", scene->known != NULL ? scene->known : "");
    for (char *name = strtok(list, " "); name != NULL; name = strtok(NULL, " "))
        liv_celery_add_known(seen, name);
    snprintf(list, sizeof list, "%s", scene->pongs);
    for (char *name = strtok(list, " "); name != NULL; name = strtok(NULL, " ")) {
        snprintf(body, sizeof body, "{\"%s\": {\"ok\": \"pong\"}}", name);
        answer(&seen->look.fleet, LIV_CELERY_PING, body);
        snprintf(body, sizeof body, "{\"%s\": [{\"id\": \"mine\", \"time_start\": 1799999990}]}",
                 name);
        answer(&seen->look.fleet, LIV_CELERY_ACTIVE, body);
        snprintf(body, sizeof body, "{\"%s\": [{\"name\": \"q\"}]}", name);
        answer(&seen->look.fleet, LIV_CELERY_QUEUES, body);
    }
    snprintf(list, sizeof list, "%s", scene->held);
    seen->look.held = calloc(10, sizeof *seen->look.held);
    for (char *id = strtok(list, " "); id != NULL; id = strtok(NULL, " "))
        seen->look.held[seen->look.held_count++] =
            (struct liv_celery_held){.id = strdup(id), .delivered = NOW - 10, .queue = strdup("q")};
}

static void test_scenes(void **state)
{
    static const struct scene rows[] = {
        {"a@h b@h", "a@h b@h", 2, "mine", 60, "a@h", LIV_W_ANSWERED},
        {"a@h b@h", "a@h b@h", 2, "mine", 60, "workers", -1},
        /* SIGSTOP */
        {"a@h b@h", "a@h", 2, "", 60, "b@h", LIV_W_WEDGED},
        {"a@h b@h", "a@h", 2, "mine", 60, "b@h", LIV_W_WEDGED},
        {"a@h b@h", "", 2, "", 60, "b@h", LIV_W_WEDGED},
        /* kill -9 */
        {"a@h b@h", "a@h", 1, "", 60, "b@h", LIV_W_GONE},
        {"a@h b@h", "a@h", 1, "other", 60, "b@h", LIV_W_GONE},
        {"a@h b@h", "", 0, "", 60, "workers", LIV_W_NONE},
        /* stopped in good order */
        {"a@h", "a@h", 1, "", 60, "b@h", -1},
        {"", "", 0, "", 60, "workers", LIV_W_NONE},
        /* solo */
        {"a@h b@h", "a@h", 2, "mine other", 60, "b@h", LIV_W_BUSY},
        {"a@h b@h", "a@h", 2, "mine other", 5, "b@h", LIV_W_WEDGED},
        {"a@h b@h", "", 2, "one", 60, "b@h", LIV_W_WEDGED}, /* one task, two who are silent */
        {"a@h b@h", "", 2, "one two", 60, "b@h", LIV_W_BUSY},
        {"a@h b@h c@h", "a@h", 2, "other", 60, "b@h", LIV_W_WEDGED}, /* or that of the dead one */
        /* listeners without a name */
        {"a@h", "a@h", 2, "", 60, "workers", -1},
        {"", "a@h", 2, "", 60, "workers", LIV_NOT_TOLD},
        {"", "", 1, "", 60, "workers", LIV_NOT_TOLD},
        /* RabbitMQ */
        {NULL, "a@h", -1, "", 60, "a@h", LIV_W_ANSWERED},
        {NULL, "a@h", -1, "", 60, "workers", LIV_W_UNLISTED},
        {NULL, "", -1, "", 60, "workers", LIV_W_NONE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct liv_celery_seen seen;
        struct liv_facts facts = {.product = LIV_CELERY};
        int sign = -1;
        set_scene(&rows[i], &seen);
        liv_celery_report(&seen, &facts);
        for (size_t u = 0; u < facts.unit_count; u++) {
            if (strcmp(facts.units[u].name, rows[i].name) == 0)
                sign = (int)facts.units[u].signs[0].kind;
        }
        if (sign != rows[i].sign)
            fail_msg("row %zu: %s: %d instead of %d", i, rows[i].name, sign, rows[i].sign);
        liv_facts_free(&facts);
        liv_celery_seen_free(&seen);
    }
}

/* Who takes from a queue. */
static void test_queues(void **state)
{
    static const struct {
        const char *pongs;
        int64_t listeners;
        const char *held;
        const char *queue;
        double waiting; /* -1: not known */
        bool named;
        bool there;
        double consumers; /* -1: not known */
        enum liv_sign_kind sign;
    } rows[] = {
        {"a@h", 1, "", "q", 0, false, true, -1, LIV_Q_SERVED},
        {"a@h", 1, "", "q", 5, false, true, -1, LIV_Q_SERVED},
        {"a@h", 1, "", "x", 0, false, true, -1, LIV_Q_EMPTY},
        {"a@h", 1, "", "x", 5, false, true, -1, LIV_Q_UNSERVED},
        {"a@h", 1, "", "x", 0, true, true, -1, LIV_Q_UNSERVED},
        {"a@h", 1, "", "x", 0, true, false, -1, LIV_Q_UNSERVED},
        {"a@h", 1, "", "x", -1, false, true, -1, LIV_NOT_TOLD},
        {"a@h", 2, "", "x", 5, false, true, -1, LIV_Q_UNCLEAR},
        {"a@h", 2, "other", "q", 5, false, true, -1, LIV_Q_SERVED},
        {"", 1, "other", "q", 5, false, true, -1, LIV_Q_SERVED},
        {"", 1, "other", "x", 5, false, true, -1, LIV_Q_UNCLEAR},
        {"a@h", -1, "", "x", 5, false, true, 1, LIV_Q_UNCLEAR},
        {"a@h", -1, "", "x", 5, false, true, 0, LIV_Q_UNSERVED},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct scene scene = {"a@h", rows[i].pongs, rows[i].listeners, rows[i].held, 60, "",
                                    0};
        struct liv_celery_seen seen;
        struct liv_facts facts = {.product = LIV_CELERY};
        set_scene(&scene, &seen);
        struct liv_celery_queue *queue = liv_celery_take_queue(&seen.look, rows[i].queue);
        queue->named = rows[i].named;
        queue->there = rows[i].there;
        if (rows[i].waiting >= 0)
            queue->waiting = dr_real(rows[i].waiting);
        if (rows[i].consumers >= 0)
            queue->consumers = dr_real(rows[i].consumers);
        liv_celery_report(&seen, &facts);
        const struct liv_unit *unit = &facts.units[facts.unit_count - 1];
        assert_string_equal(unit->name, rows[i].queue);
        if (unit->signs[0].kind != rows[i].sign)
            fail_msg("row %zu: %d instead of %d", i, (int)unit->signs[0].kind, (int)rows[i].sign);
        /* More consumers than workers that answer is always said. */
        assert_true((rows[i].consumers > 0) == (unit->sign_count > 1));
        liv_facts_free(&facts);
        liv_celery_seen_free(&seen);
    }
}

/* A task that is allowed to take its time is not stuck while nothing waits behind it. */
static void test_pace(void **state)
{
    static const struct {
        double waiting;
        uint64_t head;
        double age;
        bool known;
        bool taken;
    } rows[] = {{0, 0, 10, true, false},
                {0, 0, 61, true, true},
                {2, 7, 10, true, true},
                {2, 0, 10, false, true}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct scene scene = {"a@h", "a@h", 1, "mine", 60, "", 0};
        struct liv_celery_seen seen;
        struct liv_facts facts = {.product = LIV_CELERY};
        set_scene(&scene, &seen);
        struct liv_celery_queue *queue = liv_celery_take_queue(&seen.look, "q");
        queue->waiting = dr_real(rows[i].waiting);
        queue->head = rows[i].head;
        queue->taken_age = dr_real(rows[i].age);
        queue->taken_mark = 9;
        liv_celery_report(&seen, &facts);
        const struct liv_pace *pace = &facts.units[facts.unit_count - 1].pace;
        assert_int_equal(pace->known, rows[i].known);
        assert_int_equal(pace->taken != 0, rows[i].taken);
        assert_false(pace->done.known); /* nobody answered "stats" */
        liv_facts_free(&facts);
        liv_celery_seen_free(&seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64),     cmocka_unit_test(test_us),
        cmocka_unit_test(test_question),   cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_unreadable), cmocka_unit_test(test_unknown_is_not_zero),
        cmocka_unit_test(test_tasks),      cmocka_unit_test(test_scenes),
        cmocka_unit_test(test_queues),     cmocka_unit_test(test_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
