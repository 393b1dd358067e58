/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Grafana, Airflow, Jenkins and Rundeck say: signs, or an error, never a wrong state. */
#include "plugins/liveness/service_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NO_SIGN LIV_SIGNS
#define NOW 1714564800.0 /* 2024-05-01 12:00:00 UTC */

static struct dr_buffer text_of(const char *text)
{
    struct dr_buffer buffer = DR_BUFFER(10000);
    dr_buffer_add(&buffer, text);
    return buffer;
}

/* ---- moments ---- */

static void test_moments(void **state)
{
    static const struct {
        const char *text;
        double moment; /* 0: none */
    } rows[] = {
        {"2024-05-01T12:00:00Z", NOW},
        {"2024-05-01T12:00:00+00:00", NOW},
        {"2024-05-01 14:00:00+02:00", NOW},
        {"2024-05-01T06:30:00-0530", NOW},
        {"2024-05-01T12:00:00.250000+00:00", NOW + 0.25},
        {"2024-02-29T12:00:00Z", 1709208000},
        {"2023-02-29T12:00:00Z", 0},
        {"2024-04-31T12:00:00Z", 0},
        {"2024-13-01T12:00:00Z", 0},
        {"2024-05-01T24:00:00Z", 0},
        {"2024-05-01T12:60:00Z", 0},
        {"2024-05-01T12:00:00", 0},
        {"2024-05-01T12:00Z", 0},
        {"2024-05-01", 0},
        {"2024-05-01T12:00:00Zz", 0},
        {"2024-05-01T12:00:00+15:00", 0},
        {"2024-05-01T12:00:00+02:60", 0},
        {"2024-05-01T12:00:00+0", 0},
        {"24-05-01T12:00:00Z", 0},
        {" 2024-05-01T12:00:00Z", 0},
        {"1714564800", 0},
        {"", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_opt_real moment = service_read_moment(rows[i].text);
        assert_int_equal(moment.known, rows[i].moment > 0);
        if (moment.known)
            assert_true(moment.value == rows[i].moment);
    }
}

/* ---- Grafana ---- */

static void test_grafana(void **state)
{
    static const struct {
        const char *text;
        const char *database; /* NULL: an error */
        const char *version;
    } rows[] = {
        {"{\"commit\":\"x\",\"database\":\"ok\",\"version\":\"11.0.0\"}", "ok", "11.0.0"},
        {"{\"database\":\"failing\"}", "failing", ""},
        {"{\"database\":\"ok\",\"version\":11}", "ok", ""},
        {"{\"database\":\"\"}", NULL, NULL},
        {"{\"database\":true}", NULL, NULL},
        {"{\"version\":\"11.0.0\"}", NULL, NULL},
        {"{\"database\":\"failing\",\"database\":\"ok\"}", NULL, NULL},
        {"Ok", NULL, NULL},
        {"", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct grafana_health health;
        struct dr_error error = {.class = DR_ERR_NONE};
        struct dr_buffer body = text_of(rows[i].text);
        assert_int_equal(grafana_read_health(&body, &health, &error), rows[i].database != NULL);
        if (rows[i].database != NULL) {
            assert_string_equal(health.database, rows[i].database);
            assert_string_equal(health.version, rows[i].version);
        } else
            assert_int_equal(error.class, DR_ERR_PROTOCOL);
        dr_buffer_free(&body);
    }
}

/* ---- Airflow ---- */

static void test_airflow_health(void **state)
{
    static const struct {
        const char *metadatabase, *status, *heartbeat;
        double moment; /* less than 0: an error; 0: never */
    } rows[] = {
        {"\"healthy\"", "\"healthy\"", "\"2024-05-01T12:00:00Z\"", NOW},
        {"\"unhealthy\"", "\"unhealthy\"", "\"2024-05-01T12:00:00Z\"", NOW},
        {"\"healthy\"", "null", "null", 0},
        {"\"healthy\"", "null", "\"2024-05-01T12:00:00Z\"", -1},
        {"\"healthy\"", "\"healthy\"", "null", -1},
        {"\"healthy\"", "\"healthy\"", "\"\"", -1},
        {"\"healthy\"", "\"healthy\"", "1714564800", -1},
        {"\"healthy\"", "\"\"", "\"2024-05-01T12:00:00Z\"", -1},
        {"\"healthy\"", "true", "\"2024-05-01T12:00:00Z\"", -1},
        {"null", "\"healthy\"", "\"2024-05-01T12:00:00Z\"", -1},
        {"\"\"", "\"healthy\"", "\"2024-05-01T12:00:00Z\"", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct airflow_health health;
        struct dr_error error = {.class = DR_ERR_NONE};
        char *text = dr_text_format("{\"metadatabase\":{\"status\":%s},\"scheduler\":{\"status\":%s"
                                    ",\"latest_scheduler_heartbeat\":%s}}",
                                    rows[i].metadatabase, rows[i].status, rows[i].heartbeat);
        struct dr_buffer body = text_of(text);
        assert_int_equal(airflow_read_health(&body, &health, &error), rows[i].moment >= 0);
        if (rows[i].moment >= 0)
            assert_int_equal(health.heartbeat.known, rows[i].moment > 0);
        dr_buffer_free(&body);
        free(text);
    }
}

/* The one sign that a unit was given; NO_SIGN: none. */
static enum liv_sign_kind sign_of(const struct liv_unit *unit)
{
    assert_true(unit->sign_count <= 1);
    return unit->sign_count == 0 ? NO_SIGN : unit->signs[0].kind;
}

static void test_airflow_works(void **state)
{
    static const struct {
        const char *metadatabase, *scheduler;
        double age;
        bool never, no_clock;
        double young;
        enum liv_sign_kind sign; /* NO_SIGN: it works */
    } rows[] = {
        {"healthy", "healthy", 5, false, false, 0, NO_SIGN},
        {"healthy", "healthy", 30, false, false, 0, NO_SIGN},
        {"healthy", "healthy", -1, false, false, 0, NO_SIGN},
        {"healthy", "healthy", -31, false, false, 0, LIV_NOT_TOLD},
        {"healthy", "healthy", 31, false, false, 0, LIV_NOT_TOLD},
        {"healthy", "unhealthy", 31, false, false, 0, LIV_S_STALE},
        {"healthy", "unhealthy", 5, false, false, 0, LIV_S_BROKEN},
        {"healthy", "unhealthy", 50, false, false, 60, NO_SIGN},
        {"healthy", "unhealthy", 61, false, false, 60, LIV_S_STALE},
        {"healthy", "healthy", 61, false, false, 60, LIV_S_BROKEN},
        {"healthy", "", 0, true, false, 0, LIV_S_STALE},
        {"healthy", "healthy", 5, false, true, 0, LIV_NOT_TOLD},
        {"unhealthy", "healthy", 5, false, false, 0, LIV_S_BROKEN},
        {"unhealthy", "", 0, true, false, 0, LIV_S_BROKEN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct liv_facts facts = {.product = LIV_SCHEDULER};
        struct liv_unit *unit = liv_facts_add(&facts, LIV_TIMER, "a", NULL);
        struct airflow_health health = {.heartbeat = {.known = false}};
        char text[SERVICE_TEXT_SIZE];
        memcpy(health.metadatabase, rows[i].metadatabase, strlen(rows[i].metadatabase) + 1);
        memcpy(health.scheduler, rows[i].scheduler, strlen(rows[i].scheduler) + 1);
        if (!rows[i].never)
            health.heartbeat = dr_real(NOW - rows[i].age);
        struct dr_opt_real now = dr_real(NOW);
        now.known = !rows[i].no_clock;
        bool works = airflow_fill_health(&health, now, rows[i].young, &facts, unit, text);
        assert_int_equal(works, rows[i].sign == NO_SIGN);
        assert_int_equal(sign_of(unit), rows[i].sign);
        liv_facts_free(&facts);
    }
}

static void test_airflow_dags(void **state)
{
    static const struct {
        const char *all, *open;
        int64_t runs;
        enum liv_sign_kind sign; /* NO_SIGN: an error */
    } rows[] = {
        {"{\"dags\":[{\"is_paused\":true}],\"total_entries\":5}",
         "{\"dags\":[{\"is_paused\":false}],\"total_entries\":2}", 0, LIV_S_RUNNING},
        {"{\"dags\":[{\"is_paused\":true}],\"total_entries\":5}",
         "{\"dags\":[],\"total_entries\":0}", 0, LIV_S_PAUSED},
        {"{\"dags\":[{\"is_paused\":true}],\"total_entries\":5}",
         "{\"dags\":[],\"total_entries\":0}", 2, LIV_K_STILL_RUNS},
        {"{\"dags\":[],\"total_entries\":0}", "{\"dags\":[],\"total_entries\":0}", 0, LIV_NOT_TOLD},
        /* it does not filter */
        {"{\"dags\":[{\"is_paused\":true}],\"total_entries\":5}",
         "{\"dags\":[{\"is_paused\":true}],\"total_entries\":5}", 0, LIV_NOT_TOLD},
        {"{\"dags\":[{\"is_paused\":true}],\"total_entries\":5}",
         "{\"dags\":[{}],\"total_entries\":2}", 0, LIV_NOT_TOLD},
        {"{\"dags\":[{\"is_paused\":true}],\"total_entries\":5}",
         "{\"dags\":[],\"total_entries\":2}", 0, LIV_NOT_TOLD},
        {"{\"dags\":[{\"is_paused\":true}],\"total_entries\":1}",
         "{\"dags\":[{\"is_paused\":false}],\"total_entries\":2}", 0, LIV_NOT_TOLD},
        {"{\"dags\":[],\"total_entries\":-1}", "{\"dags\":[],\"total_entries\":0}", 0, NO_SIGN},
        {"{\"dags\":[]}", "{\"dags\":[],\"total_entries\":0}", 0, NO_SIGN},
        {"{\"total_entries\":1}", "{\"dags\":[],\"total_entries\":0}", 0, NO_SIGN},
        {"{\"dags\":{},\"total_entries\":1}", "{\"dags\":[],\"total_entries\":0}", 0, NO_SIGN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct airflow_dags all, open;
        struct dr_error error;
        struct liv_facts facts = {.product = LIV_SCHEDULER};
        struct liv_unit *unit = liv_facts_add(&facts, LIV_TIMER, "a", NULL);
        struct dr_buffer body = text_of(rows[i].all), other = text_of(rows[i].open);
        bool ok =
            airflow_read_dags(&body, &all, &error) && airflow_read_dags(&other, &open, &error);
        assert_int_equal(ok, rows[i].sign != NO_SIGN);
        if (ok)
            airflow_fill_dags(&all, &open, rows[i].runs, "", &facts, unit);
        assert_int_equal(sign_of(unit), rows[i].sign);
        dr_buffer_free(&body);
        dr_buffer_free(&other);
        liv_facts_free(&facts);
    }
}

static void test_counts(void **state)
{
    static const struct {
        bool (*read)(const struct dr_buffer *body, int64_t *count, struct dr_error *error);
        const char *text;
        int64_t count; /* less than 0: an error */
    } rows[] = {
        {airflow_read_runs, "{\"dag_runs\":[],\"total_entries\":0}", 0},
        {airflow_read_runs, "{\"dag_runs\":[{}],\"total_entries\":3}", 3},
        {airflow_read_runs, "{\"total_entries\":0}", -1},
        {airflow_read_runs, "{\"dag_runs\":[]}", -1},
        {airflow_read_runs, "{\"dag_runs\":[],\"total_entries\":null}", -1},
        {jenkins_read_busy, "{\"busyExecutors\":0}", 0},
        {jenkins_read_busy, "{\"busyExecutors\":2}", 2},
        {jenkins_read_busy, "{\"busyExecutors\":-1}", -1},
        {jenkins_read_busy, "{\"busyExecutors\":\"0\"}", -1},
        {jenkins_read_busy, "{}", -1},
        {jenkins_read_busy, "", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_error error;
        int64_t count;
        struct dr_buffer body = text_of(rows[i].text);
        bool ok = rows[i].read(&body, &count, &error);
        assert_int_equal(ok, rows[i].count >= 0);
        if (ok)
            assert_int_equal(count, rows[i].count);
        dr_buffer_free(&body);
    }
}

/* ---- Jenkins, Rundeck ---- */

static void test_jenkins(void **state)
{
    static const struct {
        const char *text;
        bool ok, quiet;
    } rows[] = {
        {"{\"mode\":\"NORMAL\",\"quietingDown\":false}", true, false},
        {"{\"mode\":\"EXCLUSIVE\",\"quietingDown\":true}", true, true},
        {"{\"mode\":\"NORMAL\",\"quietingDown\":\"false\"}", false, false},
        {"{\"mode\":\"NORMAL\",\"quietingDown\":null}", false, false},
        {"{\"mode\":\"NORMAL\"}", false, false},
        {"{\"quietingDown\":false}", false, false},
        {"{\"mode\":\"N\",\"quietingDown\":true,\"quietingDown\":false}", false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_error error;
        char mode[SERVICE_TEXT_SIZE];
        bool quiet;
        struct dr_buffer body = text_of(rows[i].text);
        bool ok = jenkins_read_state(&body, &quiet, mode, &error);
        assert_int_equal(ok, rows[i].ok);
        if (ok)
            assert_int_equal(quiet, rows[i].quiet);
        dr_buffer_free(&body);
    }
}

static void test_rundeck(void **state)
{
    static const struct {
        const char *text;
        enum liv_sign_kind sign; /* NO_SIGN: an error */
    } rows[] = {
        {"{\"executionMode\":\"active\"}", LIV_S_RUNNING},
        {"{\"executionMode\":\"passive\"}", LIV_S_PAUSED},
        {"{\"executionMode\":\"Active\"}", NO_SIGN},
        {"{\"executionMode\":\"\"}", NO_SIGN},
        {"{}", NO_SIGN},
        {"<executions executionMode='active'/>", NO_SIGN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_error error = {.class = DR_ERR_NONE};
        struct liv_facts facts = {.product = LIV_SCHEDULER};
        struct liv_unit *unit = liv_facts_add(&facts, LIV_TIMER, "a", NULL);
        struct dr_buffer body = text_of(rows[i].text);
        bool ok = rundeck_fill(&body, &facts, unit, &error);
        assert_int_equal(ok, rows[i].sign != NO_SIGN);
        assert_int_equal(error.class, ok ? DR_ERR_NONE : DR_ERR_PROTOCOL);
        assert_int_equal(sign_of(unit), rows[i].sign);
        dr_buffer_free(&body);
        liv_facts_free(&facts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),        cmocka_unit_test(test_grafana),
        cmocka_unit_test(test_airflow_health), cmocka_unit_test(test_airflow_works),
        cmocka_unit_test(test_airflow_dags),   cmocka_unit_test(test_counts),
        cmocka_unit_test(test_jenkins),        cmocka_unit_test(test_rundeck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
