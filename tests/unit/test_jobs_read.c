/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What RQ, Sidekiq, RedBeat and canaries write: facts, or unknown, never a wrong value. */
#include "plugins/liveness/jobs_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void expect_real(struct dr_opt_real found, double wanted, const char *text)
{
    double off = found.value - wanted;
    if (found.known != (wanted >= 0) || (found.known && (off > 1e-5 || off < -1e-5)))
        fail_msg("\"%s\": %d, %f", text, found.known, found.value);
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        bool known;
        double value;
    } rows[] = {
        {"0", true, 0},      {"12", true, 12},      {"-1", true, -1},    {"12.5", true, 12.5},
        {"1e3", true, 1000}, {"1.5E+2", true, 150}, {"12.", true, 12},   {"", false, 0},
        {" 1", false, 0},    {"1 ", false, 0},      {"0x10", false, 0},  {"inf", false, 0},
        {"nan", false, 0},   {"1e", false, 0},      {"1e400", false, 0}, {".5", false, 0},
        {"--1", false, 0},   {"1,5", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_opt_real found = liv_jobs_number(rows[i].text);
        if (found.known != rows[i].known || (found.known && found.value != rows[i].value))
            fail_msg("\"%s\": %d, %f", rows[i].text, found.known, found.value);
    }
}

static void test_moments(void **state)
{
    static const struct {
        const char *text;
        double value; /* negative: none */
    } rows[] = {
        {"1795256430", 1795256430},
        {"1795256430.25", 1795256430.25},
        {"1795256430250", 1795256430.25},
        {" 1795256430\n", 1795256430},
        {"2026-11-21T10:20:30.500000Z", 1795256430.5},
        {"2026-11-21 10:20:30", 1795256430},
        {"0", 0},
        {"", -1},
        {"  ", -1},
        {"-5", -1},
        {"now", -1},
        {"10:20", -1},
        {"1795256430 s", -1},
        {"17952564301795256430179525643017952564301795256430179525643012345", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_real(liv_canary_moment(rows[i].text), rows[i].value, rows[i].text);
}

static void test_hash(void **state)
{
    (void)state;
    assert_true(liv_jobs_hash(0, "") != 0);
    assert_true(liv_jobs_hash(0, "a") == liv_jobs_hash(0, "a"));
    assert_true(liv_jobs_hash(0, "a") != liv_jobs_hash(0, "b"));
    assert_true(liv_jobs_hash(liv_jobs_hash(0, "a"), "b") != liv_jobs_hash(0, "b"));
}

/* As Sidekiq 6.4 and 7.3 write it. */
static void test_info(void **state)
{
    struct liv_sidekiq_info info;
    struct dr_buffer queues = DR_BUFFER(1000);
    (void)state;
    assert_true(liv_sidekiq_read_info(
        "{\"hostname\":\"h1\",\"started_at\":1795256430.5,\"pid\":1,\"tag\":\"app\","
        "\"concurrency\":"
        "10,\"queues\":[\"default\",\"mail\"],\"weights\":[{\"default\":0}],\"labels\":[],"
        "\"identity\":\"h1:1:abc\",\"version\":\"7.3.0\",\"embedded\":false}",
        &info, &queues));
    assert_string_equal(info.hostname, "h1");
    assert_string_equal(info.version, "7.3.0");
    assert_true(info.concurrency.known && info.concurrency.value == 10);
    assert_string_equal(dr_buffer_text(&queues), "default\nmail\n");
    dr_buffer_clear(&queues);
    assert_true(liv_sidekiq_read_info("{\"queues\":[]}", &info, &queues));
    assert_string_equal(info.hostname, "");
    assert_false(info.concurrency.known);
    static const char *const none[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"queues\":null}",
        "{\"queues\":\"default\"}",
        "{\"queues\":[5]}",
        "{\"queues\":[\"\"]}",
        "{\"queues\":[\"a\\nb\"]}",
        "{\"queues\":[\"a\"]",
        "{\"queues\":[\"a\"]} x",
    };
    for (size_t i = 0; i < COUNT(none); i++) {
        if (liv_sidekiq_read_info(none[i], &info, &queues))
            fail_msg("%s", none[i]);
    }
    dr_buffer_free(&queues);
}

static void test_job(void **state)
{
    (void)state;
    struct liv_sidekiq_job job = liv_sidekiq_read_job(
        "{\"class\":\"Hard\",\"args\":[{\"jid\":1}],\"jid\":\"abc\",\"created_at\":1795256420.5,"
        "\"enqueued_at\":1795256430.25}");
    assert_true(job.head == liv_jobs_hash(0, "abc"));
    expect_real(job.since, 1795256430.25, "seconds");
    job = liv_sidekiq_read_job("{\"jid\":\"abc\",\"enqueued_at\":1795256430250}");
    expect_real(job.since, 1795256430.25, "milliseconds");
    job = liv_sidekiq_read_job("{\"jid\":\"abc\",\"created_at\":1795256430}");
    expect_real(job.since, 1795256430, "created");
    job = liv_sidekiq_read_job("{\"jid\":\"abc\",\"enqueued_at\":\"today\"}");
    assert_true(job.head != 0 && !job.since.known);
    static const char *const none[] = {
        "", "{}", "{\"jid\":5}", "{\"jid\":\"\"}", "{\"jid\":\"a\"", "[\"a\"]"};
    for (size_t i = 0; i < COUNT(none); i++) {
        job = liv_sidekiq_read_job(none[i]);
        if (job.head != 0 || job.since.known)
            fail_msg("%s", none[i]);
    }
}

static void test_work(void **state)
{
    (void)state;
    struct liv_sidekiq_work work =
        liv_sidekiq_read_work("{\"queue\":\"mail\",\"payload\":\"{}\",\"run_at\":1795256430}");
    assert_string_equal(work.queue, "mail");
    expect_real(work.since, 1795256430, "6");
    work = liv_sidekiq_read_work("{\"queue\":\"mail\",\"payload\":{},\"run_at\":1795256430123}");
    expect_real(work.since, 1795256430.123, "8");
    work = liv_sidekiq_read_work("{\"queue\":\"mail\",\"run_at\":1795256430");
    assert_string_equal(work.queue, "");
    assert_false(work.since.known);
}

static void test_enabled(void **state)
{
    static const struct {
        const char *text;
        bool known;
        bool value;
    } rows[] = {
        {"{\"name\":\"a\",\"enabled\":true}", true, true},
        {"{\"name\":\"a\",\"enabled\":false}", true, false},
        {"{\"name\":\"a\"}", true, true},
        {"{\"options\":{\"enabled\":false}}", true, true},
        {"{\"enabled\":null}", false, false},
        {"{\"enabled\":\"false\"}", false, false},
        {"[]", false, false},
        {"", false, false},
        {"{\"enabled\":true", false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_opt_bool found = liv_redbeat_enabled(rows[i].text);
        if (found.known != rows[i].known || (found.known && found.value != rows[i].value))
            fail_msg("%s: %d, %d", rows[i].text, found.known, found.value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_moments), cmocka_unit_test(test_hash),
        cmocka_unit_test(test_info),    cmocka_unit_test(test_job),     cmocka_unit_test(test_work),
        cmocka_unit_test(test_enabled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
