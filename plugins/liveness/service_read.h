/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of services over HTTP to facts: Grafana, and schedulers whose API is known. */
#ifndef LIVENESS_SERVICE_READ_H
#define LIVENESS_SERVICE_READ_H

#include "common/buffer.h"
#include "plugins/liveness/facts.h"

#define SERVICE_TEXT_SIZE 100

/* GET /api/health of Grafana: its database, its version ("" where it is hidden). False with a
 * PROTOCOL error where the database is not told of. */
struct grafana_health {
    char database[SERVICE_TEXT_SIZE]; /* "ok", "failing" */
    char version[SERVICE_TEXT_SIZE];
};
bool grafana_read_health(const struct dr_buffer *body, struct grafana_health *health,
                         struct dr_error *error);

/* GET /monitor/health of Airflow. Its HTTP status says nothing. */
struct airflow_health {
    char metadatabase[SERVICE_TEXT_SIZE]; /* "healthy", "unhealthy" */
    char scheduler[SERVICE_TEXT_SIZE];    /* the same */
    struct dr_opt_real heartbeat;         /* seconds since the epoch, on Airflow's clock; unknown
                                             where both are null: no scheduler has ever run */
};
bool airflow_read_health(const struct dr_buffer *body, struct airflow_health *health,
                         struct dr_error *error);

/* A list of DAGs, at most one of them shown. */
struct airflow_dags {
    int64_t total;             /* that match what was asked for */
    struct dr_opt_bool paused; /* the one that is shown; unknown where none is */
};
bool airflow_read_dags(const struct dr_buffer *body, struct airflow_dags *dags,
                       struct dr_error *error);

/* Does Airflow work: with `now`, its clock, and the age up to which a heartbeat is young, seconds
 * (0: 30, and what Airflow itself says). False where it does not, and the unit has the
 * sign; otherwise what was seen is in text. */
bool airflow_fill_health(const struct airflow_health *health, struct dr_opt_real now, double young,
                         struct liv_facts *facts, struct liv_unit *unit,
                         char text[SERVICE_TEXT_SIZE]);

/* GET .../dags/~/dagRuns?state=running: how many runs go on, of whatever DAG. */
bool airflow_read_runs(const struct dr_buffer *body, int64_t *runs, struct dr_error *error);

/* Is it paused: all its DAGs are. `open` are those that are not paused, `runs` what goes on all the
 * same: pausing ends nothing. `text` is what airflow_fill_health said. */
void airflow_fill_dags(const struct airflow_dags *all, const struct airflow_dags *open,
                       int64_t runs, const char *text, struct liv_facts *facts,
                       struct liv_unit *unit);

/* GET /api/json?tree=quietingDown,mode of Jenkins: is it about to shut down, and starts nothing.
 * False with a PROTOCOL error where it does not say so. */
bool jenkins_read_state(const struct dr_buffer *body, bool *quiet, char mode[SERVICE_TEXT_SIZE],
                        struct dr_error *error);

/* GET /computer/api/json?tree=busyExecutors: how many builds go on. */
bool jenkins_read_busy(const struct dr_buffer *body, int64_t *busy, struct dr_error *error);

/* GET /api/N/system/executions/status of Rundeck: its execution mode. */
bool rundeck_fill(const struct dr_buffer *body, struct liv_facts *facts, struct liv_unit *unit,
                  struct dr_error *error);

/* A moment as ISO 8601, "2024-05-01T12:00:00.25Z", "2024-05-01 12:00:00+02:00", as seconds since
 * the epoch. Unknown for anything else, also for one without its offset from UTC. */
struct dr_opt_real service_read_moment(const char *text);

#endif
