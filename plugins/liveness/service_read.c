/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/service_read.h"

#include "common/duration.h"
#include "plugins/liveness/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Airflow's own rule: scheduler_health_check_threshold */
#define AIRFLOW_YOUNG 30.0

/* ---- moments ---- */

/* Exactly `digits` digits. */
static bool read_digits(const char **at, int digits, int *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool read_mark(const char **at, char mark)
{
    return *(*at)++ == mark;
}

static double read_fraction(const char **at)
{
    double value = 0;
    double place = 0.1;
    if (**at != '.')
        return 0;
    for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, place /= 10)
        value += (**at - '0') * place;
    return value;
}

/* "Z", "+02:00", "-0530": seconds east of UTC. */
static bool read_offset(const char **at, int *seconds)
{
    int hours;
    int minutes;
    int sign = **at == '-' ? -1 : 1;
    *seconds = 0;
    if (**at == 'Z') {
        (*at)++;
        return true;
    }
    if (**at != '+' && **at != '-')
        return false;
    (*at)++;
    if (!read_digits(at, 2, &hours))
        return false;
    if (**at == ':')
        (*at)++;
    if (!read_digits(at, 2, &minutes) || hours > 14 || minutes > 59)
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool read_date(const char **at, struct tm *tm)
{
    if (!read_digits(at, 4, &tm->tm_year) || !read_mark(at, '-') ||
        !read_digits(at, 2, &tm->tm_mon) || !read_mark(at, '-') ||
        !read_digits(at, 2, &tm->tm_mday))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    if (**at != 'T' && **at != ' ')
        return false;
    (*at)++;
    return read_digits(at, 2, &tm->tm_hour) && read_mark(at, ':') &&
           read_digits(at, 2, &tm->tm_min) && read_mark(at, ':') && read_digits(at, 2, &tm->tm_sec);
}

struct dr_opt_real service_read_moment(const char *text)
{
    const struct dr_opt_real unknown = {.known = false};
    struct tm tm = {.tm_sec = 0};
    int offset;
    if (!read_date(&text, &tm))
        return unknown;
    double fraction = read_fraction(&text);
    if (!read_offset(&text, &offset) || *text != '\0')
        return unknown;
    const struct tm asked = tm;
    double seconds = (double)timegm(&tm);
    /* timegm makes the 1st of March of the 30th of February */
    if (tm.tm_mday != asked.tm_mday || tm.tm_mon != asked.tm_mon || tm.tm_hour != asked.tm_hour ||
        tm.tm_min != asked.tm_min || tm.tm_sec != asked.tm_sec)
        return unknown;
    return dr_real(seconds + fraction - offset);
}

/* ---- Grafana ---- */

bool grafana_read_health(const struct dr_buffer *body, struct grafana_health *health,
                         struct dr_error *error)
{
    json_t *root = liv_json_load(body, error);
    if (root == NULL)
        return false;
    bool ok = liv_json_text(root, "database", health->database, sizeof health->database) ||
              liv_json_lacks("database", error);
    liv_json_text(root, "version", health->version, sizeof health->version);
    json_decref(root);
    return ok;
}

/* ---- Airflow ---- */

static bool read_airflow(const json_t *root, struct airflow_health *health, struct dr_error *error)
{
    char moment[SERVICE_TEXT_SIZE];
    const json_t *scheduler = json_object_get(root, "scheduler");
    if (!liv_json_text(json_object_get(root, "metadatabase"), "status", health->metadatabase,
                       sizeof health->metadatabase))
        return liv_json_lacks("metadatabase.status", error);
    bool never = json_is_null(json_object_get(scheduler, "status")) &&
                 json_is_null(json_object_get(scheduler, "latest_scheduler_heartbeat"));
    if (never)
        return true;
    if (!liv_json_text(scheduler, "status", health->scheduler, sizeof health->scheduler))
        return liv_json_lacks("scheduler.status", error);
    liv_json_text(scheduler, "latest_scheduler_heartbeat", moment, sizeof moment);
    health->heartbeat = service_read_moment(moment);
    return health->heartbeat.known || liv_json_lacks("scheduler.latest_scheduler_heartbeat", error);
}

bool airflow_read_health(const struct dr_buffer *body, struct airflow_health *health,
                         struct dr_error *error)
{
    json_t *root = liv_json_load(body, error);
    *health = (struct airflow_health){.heartbeat = {.known = false}};
    bool ok = root != NULL && read_airflow(root, health, error);
    json_decref(root);
    return ok;
}

bool airflow_read_dags(const struct dr_buffer *body, struct airflow_dags *dags,
                       struct dr_error *error)
{
    json_t *root = liv_json_load(body, error);
    if (root == NULL)
        return false;
    const json_t *list = json_object_get(root, "dags");
    struct dr_opt_int total = liv_json_count(root, "total_entries");
    bool ok = (json_is_array(list) || liv_json_lacks("dags", error)) &&
              (total.known || liv_json_lacks("total_entries", error));
    if (ok) {
        dags->total = total.value;
        dags->paused = liv_json_bool(json_array_get(list, 0), "is_paused");
    }
    json_decref(root);
    return ok;
}

static bool is_healthy(const char *status)
{
    return strcmp(status, "healthy") == 0;
}

/* What its age and Airflow's own word make of a heartbeat. That the scheduler is dead, which makes
 * the site passive, is believed where both say so. */
static bool judge_heartbeat(double age, double young, bool healthy, const char *words,
                            struct liv_facts *facts, struct liv_unit *unit)
{
    bool old = age > (young > 0 ? young : AIRFLOW_YOUNG);
    bool works = old ? false : healthy || young > 0;
    if (old && !healthy)
        liv_facts_sign(facts, unit, LIV_S_STALE, "the scheduler's last heartbeat was %s ago",
                       words);
    else if (old && young <= 0)
        liv_facts_sign(facts, unit, LIV_NOT_TOLD,
                       "the scheduler's last heartbeat was %s ago, and Airflow calls it healthy: "
                       "say by --heartbeat how old it may be",
                       words);
    else if (!works)
        liv_facts_sign(facts, unit, LIV_S_BROKEN,
                       "the scheduler's last heartbeat was %s ago, and Airflow calls it %s", words,
                       healthy ? "healthy" : "unhealthy");
    return works;
}

static bool fill_heartbeat(double age, double young, bool healthy, struct liv_facts *facts,
                           struct liv_unit *unit, char text[SERVICE_TEXT_SIZE])
{
    char words[DR_DURATION_TEXT];
    /* clocks of the scheduler and of the web server that differ by more make no age */
    if (age < -AIRFLOW_YOUNG) {
        liv_facts_sign(facts, unit, LIV_NOT_TOLD,
                       "the scheduler's last heartbeat lies in the future of the web server");
        return false;
    }
    age = age < 0 ? 0 : age;
    liv_unit_figure(unit, LIV_HEARTBEAT_AGE, age);
    dr_duration_format(age, words, sizeof words);
    snprintf(text, SERVICE_TEXT_SIZE, "heartbeat %s ago", words);
    return judge_heartbeat(age, young, healthy, words, facts, unit);
}

bool airflow_fill_health(const struct airflow_health *health, struct dr_opt_real now, double young,
                         struct liv_facts *facts, struct liv_unit *unit,
                         char text[SERVICE_TEXT_SIZE])
{
    text[0] = '\0';
    if (!is_healthy(health->metadatabase)) {
        liv_facts_sign(facts, unit, LIV_S_BROKEN, "its metadatabase is %s", health->metadatabase);
        return false;
    }
    if (!health->heartbeat.known) {
        liv_facts_sign(facts, unit, LIV_S_STALE, "no scheduler has ever run");
        return false;
    }
    if (!now.known) {
        liv_facts_sign(facts, unit, LIV_NOT_TOLD,
                       "the reply has no Date header: the age of the heartbeat is not known");
        return false;
    }
    return fill_heartbeat(now.value - health->heartbeat.value, young, is_healthy(health->scheduler),
                          facts, unit, text);
}

bool airflow_read_runs(const struct dr_buffer *body, int64_t *runs, struct dr_error *error)
{
    json_t *root = liv_json_load(body, error);
    if (root == NULL)
        return false;
    struct dr_opt_int total = liv_json_count(root, "total_entries");
    bool ok =
        (json_is_array(json_object_get(root, "dag_runs")) || liv_json_lacks("dag_runs", error)) &&
        (total.known || liv_json_lacks("total_entries", error));
    *runs = total.value;
    json_decref(root);
    return ok;
}

void airflow_fill_dags(const struct airflow_dags *all, const struct airflow_dags *open,
                       int64_t runs, const char *text, struct liv_facts *facts,
                       struct liv_unit *unit)
{
    /* a version that does not know the filter shows any DAG; one that is paused tells */
    bool filtered = open->total == 0 || (open->paused.known && !open->paused.value);
    if (!filtered || open->total > all->total)
        liv_facts_sign(facts, unit, LIV_NOT_TOLD,
                       "which DAGs are not paused: this version does not filter its list");
    else if (all->total == 0)
        liv_facts_sign(facts, unit, LIV_NOT_TOLD,
                       "no DAGs are shown, neither paused nor not: does the user see any?");
    else if (open->total > 0)
        liv_facts_sign(facts, unit, LIV_S_RUNNING, "%" PRId64 " of %" PRId64 " DAGs; %s",
                       open->total, all->total, text);
    else if (runs > 0)
        liv_facts_sign(facts, unit, LIV_K_STILL_RUNS, "%" PRId64 " runs of DAGs; %s", runs, text);
    else
        liv_facts_sign(facts, unit, LIV_S_PAUSED, "all %" PRId64 " DAGs, and none runs; %s",
                       all->total, text);
}

/* ---- Jenkins ---- */

bool jenkins_read_state(const struct dr_buffer *body, bool *quiet, char mode[SERVICE_TEXT_SIZE],
                        struct dr_error *error)
{
    json_t *root = liv_json_load(body, error);
    if (root == NULL)
        return false;
    struct dr_opt_bool down = liv_json_bool(root, "quietingDown");
    bool ok =
        (down.known || liv_json_lacks("quietingDown", error)) &&
        (liv_json_text(root, "mode", mode, SERVICE_TEXT_SIZE) || liv_json_lacks("mode", error));
    *quiet = down.value;
    json_decref(root);
    return ok;
}

bool jenkins_read_busy(const struct dr_buffer *body, int64_t *busy, struct dr_error *error)
{
    json_t *root = liv_json_load(body, error);
    if (root == NULL)
        return false;
    struct dr_opt_int count = liv_json_count(root, "busyExecutors");
    *busy = count.value;
    json_decref(root);
    return count.known || liv_json_lacks("busyExecutors", error);
}

/* ---- Rundeck ---- */

bool rundeck_fill(const struct dr_buffer *body, struct liv_facts *facts, struct liv_unit *unit,
                  struct dr_error *error)
{
    char mode[SERVICE_TEXT_SIZE];
    json_t *root = liv_json_load(body, error);
    if (root == NULL)
        return false;
    liv_json_text(root, "executionMode", mode, sizeof mode);
    json_decref(root);
    bool active = strcmp(mode, "active") == 0;
    if (!active && strcmp(mode, "passive") != 0)
        return liv_json_lacks("executionMode", error);
    liv_facts_sign(facts, unit, active ? LIV_S_RUNNING : LIV_S_PAUSED, "execution mode %s", mode);
    return true;
}
