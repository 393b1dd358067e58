/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for services that tell their state over HTTP: Grafana, and schedulers, which run or
 * are paused (Airflow, Jenkins, Rundeck, and any other by conditions on its reply).
 *
 * Every request is a GET that changes nothing. Services that are paused by a GET as well are known
 * (query=Pause, /paused/true): such a URL is refused. */
#include "common/module.h"
#include "common/secret.h"
#include "plugins/liveness/access.h"
#include "plugins/liveness/condition.h"
#include "plugins/liveness/service_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REPLY_MAX ((size_t)1024 * 1024)
#define RUNDECK_API 32
#define RUNDECK_API_LEAST 14
#define RUNDECK_API_MOST 999

struct asker {
    struct dr_task *task;
    struct dr_http *http;
    struct dr_web_access access;
    char *base; /* the URL that the paths of a product are appended to */
    struct liv_facts *facts;
};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static const struct dr_uri *uri_of(const struct asker *asker)
{
    return &dr_task_target(asker->task)->uri;
}

/* Asks for base and path. The reply must be freed in any case. */
static bool ask(struct asker *asker, const char *path, const char *stage,
                struct dr_http_reply *reply, struct dr_error *error)
{
    struct dr_http_request request = asker->access.request;
    bool ok;
    char *url = dr_text_format("%s%s", asker->base, path);
    *reply = (struct dr_http_reply){.status = 0};
    if (url == NULL)
        return out_of_memory(error);
    request.url = url;
    request.body_max = REPLY_MAX;
    request.stage = stage;
    dr_http_ask_all(asker->http, &request, reply, error, &ok, 1);
    free(url);
    return ok;
}

/* The unit is named by where it was asked. */
static struct liv_unit *add_unit(struct asker *asker, enum liv_kind kind)
{
    const struct dr_target *target = dr_task_target(asker->task);
    struct liv_unit *unit =
        liv_facts_add(asker->facts, kind, strstr(asker->access.url, "://") + 3, NULL);
    liv_facts_place(asker->facts, unit, target->uri.hosts[target->host].name, 1);
    asker->facts->complete = true;
    return unit;
}

static void set_time(struct liv_unit *unit, const struct dr_http_reply *reply)
{
    liv_unit_figure(unit, LIV_TIME, reply->received - reply->sent);
}

/* ---- Grafana ---- */

static void fill_grafana(struct asker *asker, const struct dr_http_reply *reply,
                         const struct grafana_health *health)
{
    struct liv_unit *unit = add_unit(asker, LIV_INSTANCE);
    if (unit == NULL)
        return;
    set_time(unit, reply);
    /* hidden by hide_version */
    liv_facts_text(asker->facts, &unit->version,
                   health->version[0] != '\0' ? health->version : NULL);
    if (reply->status == 200 && strcmp(health->database, "ok") == 0)
        liv_facts_sign(asker->facts, unit, LIV_ANSWERED, "its database is ok");
    else
        liv_facts_sign(asker->facts, unit, LIV_BAD_CONTENT, "its database is %s (status %ld)",
                       health->database, reply->status);
}

static bool look_at_grafana(struct asker *asker, struct dr_error *error)
{
    struct dr_http_reply reply;
    struct grafana_health health = {.database = ""};
    /* never /healthz: that says Ok whatever the database does */
    bool ok = ask(asker, "/api/health", "ask for its health", &reply, error) &&
              (reply.status == 503 || dr_web_access_status(&reply, "ask for its health", error)) &&
              (grafana_read_health(&reply.body, &health, error) ||
               (reply.status == 503 &&
                dr_error_set(error, DR_ERR_SERVER, "status 503, and not by Grafana")));
    if (ok)
        fill_grafana(asker, &reply, &health);
    dr_http_reply_free(&reply);
    return ok;
}

/* ---- Airflow ---- */

static bool ask_airflow_health(struct asker *asker, bool *old, struct dr_http_reply *reply,
                               struct dr_error *error)
{
    static const char stage[] = "ask for its health";
    *old = false;
    if (!ask(asker, "/api/v2/monitor/health", stage, reply, error))
        return false;
    if (reply->status == 404) { /* Airflow 2 */
        dr_http_reply_free(reply);
        *old = true;
        if (!ask(asker, "/health", stage, reply, error))
            return false;
    }
    return dr_web_access_status(reply, stage, error);
}

/* `filter` is "" or begins with "&". */
static bool ask_airflow_dags(struct asker *asker, bool old, const char *filter,
                             struct airflow_dags *dags, struct dr_error *error)
{
    struct dr_http_reply reply;
    char path[80];
    snprintf(path, sizeof path, "/api/%s/dags?limit=1%s", old ? "v1" : "v2", filter);
    bool ok = ask(asker, path, "ask for its DAGs", &reply, error) &&
              dr_web_access_status(&reply, "list DAGs (grant: the role Viewer)", error) &&
              airflow_read_dags(&reply.body, dags, error);
    dr_http_reply_free(&reply);
    return ok;
}

static bool ask_airflow_runs(struct asker *asker, bool old, int64_t *runs, struct dr_error *error)
{
    struct dr_http_reply reply;
    char path[80];
    snprintf(path, sizeof path, "/api/%s/dags/~/dagRuns?state=running&limit=1", old ? "v1" : "v2");
    bool ok = ask(asker, path, "ask for what runs", &reply, error) &&
              dr_web_access_status(&reply, "list runs of DAGs (grant: the role Viewer)", error) &&
              airflow_read_runs(&reply.body, runs, error);
    dr_http_reply_free(&reply);
    return ok;
}

/* That a scheduler works is known by now; whether it is paused may not be. */
static void look_at_airflow_dags(struct asker *asker, bool old, const char *text,
                                 struct liv_unit *unit)
{
    struct airflow_dags all;
    struct airflow_dags open;
    int64_t runs = 0;
    struct dr_error error = {.class = DR_ERR_NONE};
    if (ask_airflow_dags(asker, old, "", &all, &error) &&
        ask_airflow_dags(asker, old, "&paused=false", &open, &error) &&
        (open.total > 0 || ask_airflow_runs(asker, old, &runs, &error))) {
        airflow_fill_dags(&all, &open, runs, text, asker->facts, unit);
        return;
    }
    liv_facts_sign(asker->facts, unit, LIV_ANSWERED, "%s", text);
    dr_error_prefix(&error, "whether it is paused is not known");
    liv_access_sign(asker->facts, unit, &error);
}

static bool look_at_airflow(struct asker *asker, struct dr_error *error)
{
    const struct liv_request *request = dr_task_request(asker->task);
    struct airflow_health health;
    struct dr_http_reply reply;
    char text[SERVICE_TEXT_SIZE];
    bool old;
    bool ok = ask_airflow_health(asker, &old, &reply, error) &&
              airflow_read_health(&reply.body, &health, error);
    if (ok) {
        struct liv_unit *unit = add_unit(asker, LIV_TIMER);
        set_time(unit, &reply);
        if (airflow_fill_health(&health, reply.date, request->heartbeat, asker->facts, unit, text))
            look_at_airflow_dags(asker, old, text, unit);
    }
    dr_http_reply_free(&reply);
    return ok;
}

/* ---- Jenkins ---- */

static bool ask_jenkins_busy(struct asker *asker, int64_t *busy, struct dr_error *error)
{
    struct dr_http_reply reply;
    bool ok =
        ask(asker, "/computer/api/json?tree=busyExecutors", "ask for builds", &reply, error) &&
        dr_web_access_status(&reply, "ask for builds that run (grant: Overall/Read)", error) &&
        jenkins_read_busy(&reply.body, busy, error);
    dr_http_reply_free(&reply);
    return ok;
}

static bool fill_jenkins(struct asker *asker, const struct dr_http_reply *reply,
                         struct dr_error *error)
{
    char mode[SERVICE_TEXT_SIZE];
    char version[SERVICE_TEXT_SIZE];
    int64_t busy = 0;
    bool quiet;
    /* quieting down ends no build */
    if (!jenkins_read_state(&reply->body, &quiet, mode, error) ||
        (quiet && !ask_jenkins_busy(asker, &busy, error)))
        return false;
    struct liv_unit *unit = add_unit(asker, LIV_TIMER);
    set_time(unit, reply);
    if (unit != NULL && dr_http_header(reply, "X-Jenkins", version, sizeof version))
        liv_facts_text(asker->facts, &unit->version, version);
    if (!quiet)
        liv_facts_sign(asker->facts, unit, LIV_S_RUNNING, "mode %s", mode);
    else if (busy > 0)
        liv_facts_sign(asker->facts, unit, LIV_K_STILL_RUNS, "%" PRId64 " builds", busy);
    else
        liv_facts_sign(asker->facts, unit, LIV_S_PAUSED, "it is quieting down, and no build runs");
    return true;
}

static bool look_at_jenkins(struct asker *asker, struct dr_error *error)
{
    struct dr_http_reply reply;
    bool ok = ask(asker, "/api/json?tree=quietingDown,mode", "ask for its state", &reply, error) &&
              dr_web_access_status(&reply, "ask for its state (grant: Overall/Read)", error) &&
              fill_jenkins(asker, &reply, error);
    dr_http_reply_free(&reply);
    return ok;
}

/* ---- Rundeck ---- */

static bool read_api(const struct dr_uri *uri, long *version, struct dr_error *error)
{
    const char *text = dr_uri_param(uri, "api");
    char *behind = NULL;
    *version = RUNDECK_API;
    if (text == NULL)
        return true;
    bool digits = text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
    *version = strtol(text, &behind, 10);
    return (digits && *version >= RUNDECK_API_LEAST && *version <= RUNDECK_API_MOST) ||
           dr_error_set(error, DR_ERR_USAGE, "api: \"%s\" is no version of its API, from %d on",
                        text, RUNDECK_API_LEAST);
}

static bool ask_rundeck(struct asker *asker, struct dr_http_reply *reply, struct dr_error *error)
{
    char path[80];
    long version;
    *reply = (struct dr_http_reply){.status = 0};
    if (!read_api(uri_of(asker), &version, error))
        return false;
    snprintf(path, sizeof path, "/api/%ld/system/executions/status", version);
    return ask(asker, path, "ask for its execution mode", reply, error) &&
           dr_web_access_status(
               reply,
               "ask for its execution mode (grant: read of the resource system, in "
               "the context application; api=N asks another version of the API)",
               error);
}

static bool look_at_rundeck(struct asker *asker, struct dr_error *error)
{
    struct dr_http_reply reply;
    bool ok = ask_rundeck(asker, &reply, error);
    if (ok) {
        struct liv_unit *unit = add_unit(asker, LIV_TIMER);
        set_time(unit, &reply);
        ok = rundeck_fill(&reply.body, asker->facts, unit, error);
    }
    dr_http_reply_free(&reply);
    return ok;
}

/* Its token has a header of its own; without Accept it speaks XML. */
static bool probe_rundeck(struct asker *asker, struct dr_error *error)
{
    static const char bearer[] = "Authorization: Bearer ";
    struct dr_http_request *request = &asker->access.request;
    char *token = NULL;
    size_t i = 0;
    for (; request->headers[i] != NULL; i++) {
        if (request->headers[i] != asker->access.token)
            continue;
        token = dr_text_format("X-Rundeck-Auth-Token: %s", asker->access.token + strlen(bearer));
        if (token == NULL)
            return out_of_memory(error);
        request->headers[i] = token;
    }
    bool room = i < DR_HTTP_HEADERS_MAX;
    if (room)
        request->headers[i] = "Accept: application/json";
    bool ok = room ? look_at_rundeck(asker, error)
                   : dr_error_set(error, DR_ERR_USAGE, "too many headers to send");
    if (token != NULL)
        dr_wipe(token, strlen(token));
    free(token);
    return ok;
}

/* ---- any scheduler, by conditions ---- */

static bool is_ours(const char *key)
{
    return strcmp(key, "running") == 0 || strcmp(key, "paused") == 0;
}

static bool is_command(const char *word)
{
    static const char *const commands[] = {"pause",   "resume", "start",   "stop",   "shutdown",
                                           "restart", "kill",   "unpause", "suspend"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcasecmp(word, commands[i]) == 0)
            return true;
    }
    return false;
}

static bool refuse(const char *word, struct dr_error *error)
{
    char *clean = dr_text_clean(word, 40);
    dr_error_set(error, DR_ERR_USAGE,
                 "\"%s\" in the URL: that may pause or start the scheduler; only the URL that "
                 "tells its state is asked for",
                 clean != NULL ? clean : "");
    free(clean);
    return false;
}

static bool check_query(const struct dr_uri *uri, struct dr_error *error)
{
    for (size_t i = 0; i < uri->param_count; i++) {
        const struct dr_uri_param *param = &uri->params[i];
        if (is_ours(param->key))
            continue;
        if (is_command(param->value))
            return refuse(param->value, error);
        if (param->value[0] == '\0' && is_command(param->key))
            return refuse(param->key, error);
    }
    return true;
}

static bool check_path(const char *path, struct dr_error *error)
{
    char word[40];
    while (*path != '\0') {
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        if (length > 0 && length < sizeof word) {
            memcpy(word, path, length);
            word[length] = '\0';
            /* /paused/true of Airflow 1 */
            bool sets = strcasecmp(word, "paused") == 0 && path[length] == '/';
            if (sets || is_command(word))
                return refuse(word, error);
        }
        path += length;
    }
    return true;
}

/* Path and query without the parameters that are ours. NULL when out of memory. */
static char *make_path(const char *raw)
{
    struct dr_buffer out = DR_BUFFER(strlen(raw) + 1);
    size_t path = strcspn(raw, "?");
    char mark = '?';
    dr_buffer_add_bytes(&out, raw, path);
    for (raw += path; *raw != '\0';) {
        size_t length = strcspn(++raw, "&");
        size_t key = strcspn(raw, "=&");
        bool ours = (key == 7 && strncmp(raw, "running", key) == 0) ||
                    (key == 6 && strncmp(raw, "paused", key) == 0);
        if (!ours) {
            dr_buffer_add_char(&out, mark);
            dr_buffer_add_bytes(&out, raw, length);
            mark = '&';
        }
        raw += length;
    }
    dr_buffer_add(&out, "");
    return dr_buffer_take(&out);
}

/* The conditions of one kind: those of the URI, or those of the option. */
static struct liv_conditions *read_conditions(const struct dr_uri *uri, const char *key,
                                              const struct dr_text_list *option,
                                              struct dr_error *error)
{
    char *items[DR_URI_PARAMS_MAX];
    struct dr_text_list own = {.items = items, .count = 0};
    for (size_t i = 0; i < uri->param_count; i++) {
        if (strcmp(uri->params[i].key, key) == 0)
            items[own.count++] = uri->params[i].value;
    }
    struct liv_conditions *conditions = liv_conditions_new(own.count > 0 ? &own : option, error);
    if (conditions == NULL)
        dr_error_prefix(error, "%s", key);
    return conditions;
}

/* All of them hold. None: unknown. `why` says what was found where they do not. */
static enum liv_holds test_all(const struct liv_conditions *conditions, struct liv_reply *reply,
                               char *why, size_t size)
{
    enum liv_holds all = liv_conditions_count(conditions) > 0 ? LIV_HOLDS : LIV_HOLDS_UNKNOWN;
    for (size_t i = 0; i < liv_conditions_count(conditions) && all == LIV_HOLDS; i++)
        all = liv_condition_test(conditions, i, reply, why, size);
    return all;
}

static void fill_scheduler(struct asker *asker, const struct dr_http_reply *http,
                           const struct liv_conditions *running,
                           const struct liv_conditions *paused)
{
    struct liv_reply reply = {.http = http};
    char why[2][200] = {"", ""};
    enum liv_holds runs = test_all(running, &reply, why[0], sizeof why[0]);
    enum liv_holds rests = test_all(paused, &reply, why[1], sizeof why[1]);
    struct liv_unit *unit = add_unit(asker, LIV_TIMER);
    set_time(unit, http);
    if (runs == LIV_HOLDS && rests == LIV_HOLDS)
        liv_facts_sign(asker->facts, unit, LIV_NOT_TOLD,
                       "it is said to run and to be paused: the conditions both hold");
    else if (runs == LIV_HOLDS)
        liv_facts_sign(asker->facts, unit, LIV_S_RUNNING, "%s", "");
    else if (rests == LIV_HOLDS)
        liv_facts_sign(asker->facts, unit, LIV_S_PAUSED, "%s", "");
    else
        liv_facts_sign(asker->facts, unit, LIV_NOT_TOLD, "neither running nor paused: %s%s%s",
                       why[0], why[0][0] != '\0' && why[1][0] != '\0' ? "; " : "", why[1]);
    liv_reply_free(&reply);
}

static bool ask_scheduler(struct asker *asker, const struct liv_conditions *running,
                          const struct liv_conditions *paused, struct dr_error *error)
{
    struct dr_http_reply reply;
    if (liv_conditions_count(running) + liv_conditions_count(paused) == 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "how does it say that it runs, and that it is paused? "
                            "running=CONDITION and paused=CONDITION in the URI, such as "
                            "running=/state=RUNNING, or --active and --passive");
    char *path = make_path(asker->access.path);
    bool ok =
        path != NULL ? ask(asker, path, "ask for its state", &reply, error) : out_of_memory(error);
    if (path == NULL)
        return false;
    if (ok && (reply.status < 200 || reply.status > 299))
        ok = dr_web_access_status(&reply, "ask for its state", error);
    if (ok)
        fill_scheduler(asker, &reply, running, paused);
    dr_http_reply_free(&reply);
    free(path);
    return ok;
}

static bool look_at_scheduler(struct asker *asker, struct dr_error *error)
{
    const struct liv_request *request = dr_task_request(asker->task);
    const struct dr_uri *uri = uri_of(asker);
    if (!check_query(uri, error) || !check_path(uri->path, error))
        return false;
    struct liv_conditions *running = read_conditions(uri, "running", &request->active, error);
    struct liv_conditions *paused =
        running != NULL ? read_conditions(uri, "paused", &request->passive, error) : NULL;
    bool ok = paused != NULL && ask_scheduler(asker, running, paused, error);
    liv_conditions_free(running);
    liv_conditions_free(paused);
    return ok;
}

/* ---- all of them ---- */

struct service {
    const char *scheme; /* up to its "+" */
    enum liv_product product;
    bool own_query; /* its parameters are ours, and its path is a prefix */
    int plain_port; /* where it listens without TLS; with it a proxy does, at 443. 0: 80 */
    bool (*look)(struct asker *asker, struct dr_error *error);
};

static const struct service services[] = {
    {"scheduler", LIV_SCHEDULER, false, 0, look_at_scheduler},
    {"airflow", LIV_SCHEDULER, true, 8080, look_at_airflow},
    {"jenkins", LIV_SCHEDULER, true, 8080, look_at_jenkins},
    {"rundeck", LIV_SCHEDULER, true, 4440, probe_rundeck},
    {"grafana", LIV_GRAFANA, true, 3000, look_at_grafana},
};

static const struct service *find_service(const char *scheme)
{
    size_t length = strcspn(scheme, "+");
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        if (strlen(services[i].scheme) == length &&
            strncmp(services[i].scheme, scheme, length) == 0)
            return &services[i];
    }
    return NULL;
}

static bool check_parameters(const struct asker *asker, struct dr_error *error)
{
    static const char *const plain[] = {"cacert", "cert", "key", "insecure", "token-file", NULL};
    static const char *const rundeck[] = {"cacert",     "cert", "key", "insecure",
                                          "token-file", "api",  NULL};
    const struct dr_uri *uri = uri_of(asker);
    return dr_uri_has_only(uri, strncmp(uri->scheme, "rundeck", 7) == 0 ? rundeck : plain, error);
}

static bool make_base(struct asker *asker, const struct service *service, struct dr_error *error)
{
    const struct dr_target *target = dr_task_target(asker->task);
    size_t length = service->own_query ? strcspn(asker->access.path, "?") : 0;
    char port[16] = "";
    while (length > 0 && asker->access.path[length - 1] == '/')
        length--;
    if (target->uri.hosts[target->host].port == 0 && service->plain_port != 0 &&
        strchr(target->uri.scheme, '+') != NULL)
        snprintf(port, sizeof port, ":%d", service->plain_port);
    asker->base =
        dr_text_format("%s%s%.*s", asker->access.url, port, (int)length, asker->access.path);
    return asker->base != NULL || out_of_memory(error);
}

static bool look(struct asker *asker, const struct service *service, struct dr_error *error)
{
    if (!liv_access_read(asker->task, service->own_query, &asker->access, error) ||
        (service->own_query && !check_parameters(asker, error)) ||
        !make_base(asker, service, error))
        return false;
    asker->http = dr_http_new(asker->task, error);
    return asker->http != NULL && service->look(asker, error) &&
           (!asker->facts->no_memory || out_of_memory(error));
}

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct asker asker = {.task = task, .facts = facts};
    const struct service *service = find_service(dr_task_target(task)->uri.scheme);
    if (service == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "no such service");
    asker.facts->product = service->product;
    bool ok = look(&asker, service, error);
    dr_http_free(asker.http);
    free(asker.base);
    dr_web_access_free(&asker.access);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(liveness, service);
const struct dr_source DR_SOURCE_SYMBOL(liveness, service) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "service",
    .facts_size = sizeof(struct liv_facts),
    .library = dr_http_library,
    .probe = probe,
};
