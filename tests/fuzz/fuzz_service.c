/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What services say of themselves: one text, read as the health of Grafana and of Airflow, as a
 * list of DAGs, as the state of Jenkins and of Rundeck, and as a moment. */
#include "tests/fuzz/fuzz.h"

#include "plugins/liveness/service_read.h"

#include <math.h>

static struct liv_unit *start(struct liv_facts *facts)
{
    *facts = (struct liv_facts){.product = LIV_SCHEDULER};
    return liv_facts_add(facts, LIV_TIMER, "a", NULL);
}

/* A text that was refused has told nothing. */
static void check(bool ok, const struct dr_error *error, struct liv_facts *facts, size_t signs)
{
    MUST(ok == (error->class == DR_ERR_NONE));
    MUST(facts->units[0].sign_count == (ok ? signs : 0));
    liv_facts_free(facts);
}

static void read_airflow(const struct dr_buffer *body)
{
    struct airflow_health health;
    struct airflow_dags dags;
    struct liv_facts facts;
    char text[SERVICE_TEXT_SIZE];
    struct dr_error error = {.class = DR_ERR_NONE};
    struct liv_unit *unit = start(&facts);
    bool ok = airflow_read_health(body, &health, &error);
    bool works = ok && airflow_fill_health(&health, dr_real(1714564800), 0, &facts, unit, text);
    MUST(!works || strcmp(health.metadatabase, "healthy") == 0);
    check(ok, &error, &facts, works ? 0 : 1);
    error.class = DR_ERR_NONE;
    unit = start(&facts);
    ok = airflow_read_dags(body, &dags, &error);
    if (ok)
        airflow_fill_dags(&dags, &dags, 0, "", &facts, unit);
    check(ok, &error, &facts, 1);
}

static void read_counts(const struct dr_buffer *body)
{
    char mode[SERVICE_TEXT_SIZE];
    bool quiet;
    int64_t count;
    struct dr_error error = {.class = DR_ERR_NONE};
    MUST(jenkins_read_state(body, &quiet, mode, &error) == (error.class == DR_ERR_NONE));
    error.class = DR_ERR_NONE;
    bool ok = jenkins_read_busy(body, &count, &error);
    MUST(ok == (error.class == DR_ERR_NONE) && (!ok || count >= 0));
    error.class = DR_ERR_NONE;
    ok = airflow_read_runs(body, &count, &error);
    MUST(ok == (error.class == DR_ERR_NONE) && (!ok || count >= 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct dr_buffer body = DR_BUFFER(1 << 20);
    struct grafana_health health;
    struct liv_facts facts;
    struct dr_error error = {.class = DR_ERR_NONE};
    dr_buffer_add_bytes(&body, data, size);
    MUST(grafana_read_health(&body, &health, &error) == (error.class == DR_ERR_NONE));
    error.class = DR_ERR_NONE;
    read_counts(&body);
    struct liv_unit *unit = start(&facts);
    bool ok = rundeck_fill(&body, &facts, unit, &error);
    check(ok, &error, &facts, 1);
    read_airflow(&body);
    struct dr_opt_real moment = service_read_moment(text);
    MUST(!moment.known || isfinite(moment.value));
    dr_buffer_free(&body);
    free(text);
    return 0;
}
