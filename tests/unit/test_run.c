/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/run.h"

#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static const struct dr_scheme schemes[] = {{"test", "test", "none", true}};

#define TARGETS 4

struct facts {
    int seen;
    size_t index;
    double left;
    const void *request;
};

struct fixture {
    struct dr_targets targets;
    struct dr_secrets *secrets;
    dr_probe *probes[DR_TARGETS_MAX];
    struct dr_error load_errors[DR_TARGETS_MAX];
    struct facts facts[DR_TARGETS_MAX];
    struct dr_outcome outcomes[DR_TARGETS_MAX];
    struct dr_run_plan plan;
    struct dr_run *run;
};

/* What the probes are told: a struct that outlives every straggler. */
static struct request {
    sem_t release; /* lets the ones that hang go on */
    sem_t gone;    /* one of them is about to return */
} request;

static void make(struct fixture *fixture, size_t count, double timeout)
{
    memset(fixture, 0, sizeof *fixture);
    sem_init(&request.release, 0, 0);
    sem_init(&request.gone, 0, 0);
    fixture->secrets = dr_secrets_new();
    fixture->targets.secrets = fixture->secrets;
    for (size_t i = 0; i < count; i++) {
        char argument[40];
        struct dr_error error;
        snprintf(argument, sizeof argument, "t%zu=test://h%zu", i, i);
        assert_true(dr_targets_add(&fixture->targets, schemes, 1, argument, &error));
    }
    fixture->plan = (struct dr_run_plan){
        .targets = &fixture->targets,
        .probes = fixture->probes,
        .load_errors = fixture->load_errors,
        .facts = fixture->facts,
        .facts_size = sizeof fixture->facts[0],
        .request = &request,
        .started = dr_monotonic(),
        .timeout = timeout,
        .secrets = fixture->secrets,
    };
}

static void run(struct fixture *fixture)
{
    struct dr_error error;
    fixture->run = dr_run_targets(&fixture->plan, fixture->outcomes, &error);
    assert_non_null(fixture->run);
}

static void clean(struct fixture *fixture)
{
    dr_run_free(fixture->run);
    dr_targets_free(&fixture->targets);
    dr_secrets_free(fixture->secrets);
}

/* ---- probes ---- */

static bool well(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)error;
    struct facts *own = facts;
    own->seen = 1;
    own->index = dr_task_index(task);
    own->left = dr_task_left(task);
    own->request = dr_task_request(task);
    dr_task_stage(task, "look");
    dr_task_trace(task, 1, "step");
    dr_task_trace(task, 2, "query %d", 7);
    dr_task_trace(task, 3, "reply");
    return true;
}

static bool ill(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)task;
    ((struct facts *)facts)->seen = 2;
    return dr_error_set(error, DR_ERR_AUTH, "wrong password");
}

/* Comes back when the test lets it, which is long after the deadline. */
static bool hang(struct dr_task *task, void *facts, struct dr_error *error)
{
    dr_task_stage(task, "resolve");
    sem_wait(&request.release);
    ((struct facts *)facts)->seen = 3;
    dr_task_stage(task, "too late");
    dr_task_trace(task, 1, "still here");
    dr_error_set(error, DR_ERR_SERVER, "too late");
    sem_post(&request.gone);
    return false;
}

/* Obeys the time it is given. */
static bool obey(struct dr_task *task, void *facts, struct dr_error *error)
{
    ((struct facts *)facts)->seen = 4;
    while (dr_task_left(task) > 0)
        poll(NULL, 0, (int)(dr_task_left(task) * 1000) + 1);
    return dr_error_set(error, DR_ERR_TIMEOUT, "no answer in time (stage: obey)");
}

/* How many files the process has room for, without making it larger (proc(5), FDSize). Under
 * valgrind there is always enough: it has files of its own. */
static bool count_room(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)task;
    (void)error;
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        sscanf(line, "FDSize: %d", &((struct facts *)facts)->seen);
    return status != NULL && fclose(status) == 0;
}

static bool tell(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)facts;
    (void)error;
    dr_task_secret(task, "hunter2hunter2");
    return true;
}

static bool chatter(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)facts;
    (void)error;
    for (int i = 0; i < 20000; i++)
        dr_task_trace(task, 1, "line %d", i);
    return true;
}

static bool name_itself(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)error;
    ((struct facts *)facts)->seen = (int)strtol(dr_task_target(task)->label + 1, NULL, 10);
    return true;
}

/* ---- tests ---- */

static void everyone_comes_back(void **state)
{
    (void)state;
    static struct fixture fixture;
    make(&fixture, TARGETS, 60);
    for (size_t i = 0; i < TARGETS; i++)
        fixture.probes[i] = i == 2 ? ill : well;
    run(&fixture);
    assert_false(dr_run_has_stragglers(fixture.run));
    for (size_t i = 0; i < TARGETS; i++) {
        assert_true(fixture.outcomes[i].finished);
        assert_int_equal(fixture.outcomes[i].ok, i != 2);
        assert_int_equal(fixture.facts[i].seen, i == 2 ? 2 : 1);
        assert_true(fixture.outcomes[i].elapsed >= 0 && fixture.outcomes[i].elapsed < 60);
    }
    assert_int_equal(fixture.facts[3].index, 3);
    assert_ptr_equal(fixture.facts[3].request, &request);
    /* Less than the run has, so that it can still report for itself; but not much less. */
    assert_true(fixture.facts[0].left < 60 && fixture.facts[0].left > 55);
    assert_int_equal(fixture.outcomes[2].error.class, DR_ERR_AUTH);
    assert_string_equal(fixture.outcomes[2].error.text, "wrong password");
    assert_int_equal(fixture.outcomes[0].error.class, DR_ERR_NONE);
    clean(&fixture);
}

static void one_that_never_returns(void **state)
{
    (void)state;
    static struct fixture fixture; /* the straggler uses it on */
    make(&fixture, TARGETS, 0.3);
    fixture.probes[0] = well;
    fixture.probes[1] = hang;
    fixture.probes[2] = ill;
    fixture.probes[3] = obey;
    fixture.plan.verbosity = 1;
    double before = dr_monotonic();
    run(&fixture);
    double took = dr_monotonic() - before;
    assert_true(took >= 0.25 && took < 2);
    assert_true(dr_run_has_stragglers(fixture.run));
    const struct dr_outcome *late = &fixture.outcomes[1];
    assert_false(late->finished);
    assert_false(late->ok);
    assert_int_equal(late->error.class, DR_ERR_TIMEOUT);
    assert_string_equal(late->error.text, "no answer within 0.3 s (stage: resolve)");
    assert_true(late->elapsed >= 0.3 && late->elapsed < 2);
    assert_true(fixture.outcomes[0].finished && fixture.outcomes[0].ok);
    assert_int_equal(fixture.outcomes[2].error.class, DR_ERR_AUTH);
    assert_true(fixture.outcomes[3].finished);
    assert_string_equal(fixture.outcomes[3].error.text, "no answer in time (stage: obey)");
    /* It wakes up while the rest is being freed and reported: nothing that was handed out moves. */
    struct dr_buffer trace = DR_BUFFER(4096);
    struct dr_outcome copy = *late;
    sem_post(&request.release);
    dr_run_trace(fixture.run, &trace);
    dr_run_free(fixture.run);
    sem_wait(&request.gone);
    assert_false(late->finished);
    assert_true(late->error.class == copy.error.class && late->elapsed <= copy.elapsed);
    assert_string_equal(late->error.text, copy.error.text);
    assert_non_null(strstr(dr_buffer_text(&trace), "t1 "));
    dr_buffer_free(&trace);
    /* The fixture is not freed: its owner would have left by _exit. */
}

static void all_of_them_hang(void **state)
{
    (void)state;
    static struct fixture fixture;
    make(&fixture, TARGETS, 0.05);
    for (size_t i = 0; i < TARGETS; i++)
        fixture.probes[i] = hang;
    double before = dr_monotonic();
    run(&fixture);
    assert_true(dr_monotonic() - before < 2);
    for (size_t i = 0; i < TARGETS; i++)
        assert_int_equal(fixture.outcomes[i].error.class, DR_ERR_TIMEOUT);
    for (size_t i = 0; i < TARGETS; i++)
        sem_post(&request.release);
    for (size_t i = 0; i < TARGETS; i++)
        sem_wait(&request.gone);
}

/* The deadline counts from the start of the process: what was used up before is gone. */
static void no_time_left(void **state)
{
    (void)state;
    static struct fixture fixture;
    make(&fixture, 1, 1);
    fixture.plan.started = dr_monotonic() - 5;
    fixture.probes[0] = hang;
    double before = dr_monotonic();
    run(&fixture);
    assert_true(dr_monotonic() - before < 1);
    assert_false(fixture.outcomes[0].finished);
    assert_true(fixture.outcomes[0].elapsed >= 5);
    sem_post(&request.release);
}

static void a_source_that_is_missing(void **state)
{
    (void)state;
    static struct fixture fixture;
    make(&fixture, 3, 60);
    fixture.probes[0] = well;
    dr_error_set(&fixture.load_errors[1], DR_ERR_MODULE, "not installed");
    fixture.probes[2] = well;
    run(&fixture);
    assert_true(fixture.outcomes[1].finished);
    assert_false(fixture.outcomes[1].ok);
    assert_int_equal(fixture.outcomes[1].error.class, DR_ERR_MODULE);
    assert_string_equal(fixture.outcomes[1].error.text, "not installed");
    assert_int_equal(fixture.facts[1].seen, 0);
    assert_true(fixture.outcomes[2].ok);
    clean(&fixture);
    make(&fixture, 1, 60);
    fixture.plan.load_errors = NULL;
    run(&fixture);
    assert_false(fixture.outcomes[0].ok);
    assert_int_equal(fixture.outcomes[0].error.class, DR_ERR_INTERNAL);
    clean(&fixture);
}

static bool has(const struct dr_buffer *trace, const char *words)
{
    return strstr(dr_buffer_text(trace), words) != NULL;
}

static void what_each_level_shows(void **state)
{
    (void)state;
    for (int level = 0; level <= 3; level++) {
        static struct fixture fixture;
        struct dr_buffer trace = DR_BUFFER(4096);
        make(&fixture, 2, 60);
        fixture.probes[0] = fixture.probes[1] = well;
        fixture.plan.verbosity = level;
        run(&fixture);
        dr_run_trace(fixture.run, &trace);
        assert_int_equal(has(&trace, "s: look\n"), level >= 1);
        assert_int_equal(has(&trace, "s: step\n"), level >= 1);
        assert_int_equal(has(&trace, "s: query 7\n"), level >= 2);
        assert_int_equal(has(&trace, "s: reply\n"), level >= 3);
        if (level == 0)
            assert_int_equal(trace.size, 0);
        else
            /* in the order of the targets, whoever came first */
            assert_true(strstr(dr_buffer_text(&trace), "t0 ") <
                        strstr(dr_buffer_text(&trace), "t1 "));
        dr_buffer_free(&trace);
        clean(&fixture);
    }
}

static void a_trace_has_its_limit(void **state)
{
    (void)state;
    static struct fixture fixture;
    struct dr_buffer trace = DR_BUFFER(1024 * 1024);
    make(&fixture, 1, 60);
    fixture.probes[0] = chatter;
    fixture.plan.verbosity = 1;
    run(&fixture);
    dr_run_trace(fixture.run, &trace);
    assert_true(has(&trace, "line 0\n"));
    assert_false(has(&trace, "line 19999\n"));
    assert_in_range(trace.size, 10000, 70000);
    dr_buffer_free(&trace);
    clean(&fixture);
}

static void secrets_are_registered(void **state)
{
    (void)state;
    static struct fixture fixture;
    make(&fixture, 1, 60);
    fixture.probes[0] = tell;
    run(&fixture);
    struct dr_buffer masked = DR_BUFFER(100);
    dr_secrets_mask(fixture.secrets, "it is hunter2hunter2, is it not", &masked);
    assert_string_equal(dr_buffer_text(&masked), "it is ***, is it not");
    dr_buffer_free(&masked);
    clean(&fixture);
}

static void as_many_as_are_allowed(void **state)
{
    (void)state;
    for (size_t round = 0; round < 10; round++) {
        static struct fixture fixture;
        make(&fixture, DR_TARGETS_MAX, 60);
        for (size_t i = 0; i < DR_TARGETS_MAX; i++)
            fixture.probes[i] = name_itself;
        run(&fixture);
        for (size_t i = 0; i < DR_TARGETS_MAX; i++) {
            assert_true(fixture.outcomes[i].finished && fixture.outcomes[i].ok);
            assert_int_equal(fixture.facts[i].seen, i);
        }
        assert_false(dr_run_has_stragglers(fixture.run));
        clean(&fixture);
    }
}

/* ---- discovered targets ---- */

static const struct dr_scheme found_scheme = {"found", "test", "none", true};

/* A given target names two nodes, one of them twice and one that was given; what is found finds
 * nothing more. */
static bool find_others(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)error;
    const struct dr_target *target = dr_task_target(task);
    struct facts *own = facts;
    own->seen = 5;
    own->index = dr_task_index(task);
    if (target->discovered)
        return true;
    size_t first = dr_task_discover(task, &found_scheme, "192.0.2.1", 6379);
    size_t second = dr_task_discover(task, &found_scheme, "2001:db8::1", 6379);
    return first != DR_TASK_NONE && second != DR_TASK_NONE && first != second &&
           dr_task_discover(task, &found_scheme, "192.0.2.1", 6379) == first;
}

static bool finds_too_many(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)facts;
    (void)error;
    size_t found = 0;
    for (int i = 0; !dr_task_target(task)->discovered && i < 2 * DR_TARGETS_MAX; i++)
        found += dr_task_discover(task, &found_scheme, "192.0.2.1", 1 + i) != DR_TASK_NONE;
    return dr_task_target(task)->discovered || found == DR_TARGETS_MAX - 1;
}

static void give_room(struct fixture *fixture)
{
    fixture->targets.items =
        realloc(fixture->targets.items, DR_TARGETS_MAX * sizeof *fixture->targets.items);
    assert_non_null(fixture->targets.items);
    fixture->plan.capacity = DR_TARGETS_MAX;
}

static void what_is_found_is_probed_too(void **state)
{
    (void)state;
    static struct fixture fixture;
    make(&fixture, 2, 60);
    give_room(&fixture);
    char path[] = "with=found://nagios@h9:1/path?tls=yes";
    struct dr_error error;
    assert_true(dr_targets_add(&fixture.targets, &found_scheme, 1, path, &error));
    give_room(&fixture);
    fixture.targets.items[2].password = "secret";
    fixture.probes[0] = fixture.probes[1] = well;
    fixture.probes[2] = find_others;
    run(&fixture);
    assert_int_equal(fixture.targets.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_true(fixture.outcomes[i].finished && fixture.outcomes[i].ok);
    for (size_t i = 3; i < 5; i++) {
        const struct dr_target *target = &fixture.targets.items[i];
        assert_int_equal(fixture.facts[i].index, i);
        assert_true(target->discovered);
        assert_string_equal(target->label, i == 3 ? "192.0.2.1:6379" : "[2001:db8::1]:6379");
        assert_string_equal(target->uri.user, "nagios");
        assert_string_equal(target->uri.path, "/path");
        assert_string_equal(dr_uri_param(&target->uri, "tls"), "yes");
        assert_string_equal(target->password, "secret");
        assert_ptr_equal(target->scheme, &found_scheme);
    }
    clean(&fixture);
}

static void what_was_given_is_not_found_again(void **state)
{
    (void)state;
    static struct fixture fixture;
    make(&fixture, 0, 60);
    char given[] = "found://192.0.2.1:6379";
    char finder[] = "found://h9:1";
    struct dr_error error;
    assert_true(dr_targets_add(&fixture.targets, &found_scheme, 1, given, &error));
    assert_true(dr_targets_add(&fixture.targets, &found_scheme, 1, finder, &error));
    give_room(&fixture);
    fixture.probes[0] = well;
    fixture.probes[1] = find_others;
    run(&fixture);
    assert_int_equal(fixture.targets.count, 3);
    assert_true(fixture.outcomes[1].ok);
    assert_int_equal(fixture.facts[0].seen, 1);
    clean(&fixture);
}

static void no_more_than_there_is_room_for(void **state)
{
    (void)state;
    static struct fixture fixture;
    make(&fixture, 1, 60);
    give_room(&fixture);
    fixture.probes[0] = finds_too_many;
    run(&fixture);
    assert_int_equal(fixture.targets.count, DR_TARGETS_MAX);
    assert_true(fixture.outcomes[0].ok);
    clean(&fixture);
    make(&fixture, 1, 60);
    fixture.probes[0] = find_others; /* no room at all */
    run(&fixture);
    assert_int_equal(fixture.targets.count, 1);
    assert_false(fixture.outcomes[0].ok);
    clean(&fixture);
}

static void there_is_room_for_many_sockets(void **state)
{
    (void)state;
    static struct fixture fixture;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit little = {.rlim_cur = 32, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &little), 0);
    make(&fixture, 1, 60);
    fixture.probes[0] = count_room;
    run(&fixture); /* where so many are not allowed that is no failure */
    assert_true(fixture.outcomes[0].ok);
    clean(&fixture);
    struct rlimit enough = {.rlim_cur = 1024, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &enough), 0);
    make(&fixture, 1, 60);
    fixture.probes[0] = count_room;
    run(&fixture);
    assert_true(fixture.outcomes[0].ok);
    assert_true(fixture.facts[0].seen >= 1024);
    clean(&fixture);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void nothing_is_fine(void **state)
{
    (void)state;
    dr_run_free(NULL);
    double before = dr_monotonic();
    assert_true(dr_monotonic() >= before);
}

int main(void)
{
    alarm(60); /* whoever hangs fails */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_room_for_many_sockets), /* room that is made stays */
        cmocka_unit_test(everyone_comes_back),
        cmocka_unit_test(one_that_never_returns),
        cmocka_unit_test(all_of_them_hang),
        cmocka_unit_test(no_time_left),
        cmocka_unit_test(a_source_that_is_missing),
        cmocka_unit_test(what_each_level_shows),
        cmocka_unit_test(a_trace_has_its_limit),
        cmocka_unit_test(secrets_are_registered),
        cmocka_unit_test(what_is_found_is_probed_too),
        cmocka_unit_test(what_was_given_is_not_found_again),
        cmocka_unit_test(no_more_than_there_is_room_for),
        cmocka_unit_test(as_many_as_are_allowed),
        cmocka_unit_test(nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
