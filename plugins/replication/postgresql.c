/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PostgreSQL source: one connection to each node, one round trip for everything, and a second
 * look where the nodes are compared with each other. */
#include "common/module.h"
#include "plugins/replication/facts.h"
#include "plugins/replication/postgresql_query.h"
#include "plugins/replication/postgresql_read.h"
#include "plugins/replication/request.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define QUERY_MAX (32 * 1024)
#define LOOKS_MAX 64
/* More than thousands of slots need; a server that sends without end is stopped here. */
#define RECEIVED_MAX (8L * 1024 * 1024)
/* First and longest pause between two looks, seconds. */
#define PAUSE_FIRST 0.002
#define PAUSE_LONGEST 0.05

struct probe {
    struct dr_task *task;
    const struct rep_request *request;
    struct rep_node *node;
    struct dr_error *error;
    PGconn *connection;
    int version;
    long received; /* bytes that have come in, about */
};

/* ---- errors ---- */

/* The SQLSTATE in a verbose message ("FATAL:  28P01: password ..."); "" where there is none: the
 * error is libpq's own. */
static const char *sqlstate(const char *message, char state[6])
{
    state[0] = '\0';
    for (const char *p = strstr(message, ":  "); p != NULL; p = strstr(p + 1, ":  ")) {
        if (strspn(p + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && p[8] == ':') {
            memcpy(state, p + 3, 5);
            state[5] = '\0';
            break;
        }
    }
    return state;
}

/* Classes of SQLSTATE: Appendix A of the manual. */
static enum dr_error_class class_of_state(const char *state)
{
    if (strncmp(state, "28", 2) == 0)
        return DR_ERR_AUTH;
    if (strcmp(state, "42501") == 0)
        return DR_ERR_PRIVILEGE;
    if (strcmp(state, "3D000") == 0)
        return DR_ERR_USAGE;
    if (strcmp(state, "57014") == 0)
        return DR_ERR_TIMEOUT;
    if (strncmp(state, "57P", 3) == 0 || strncmp(state, "53", 2) == 0 ||
        strncmp(state, "58", 2) == 0 || strncmp(state, "XX", 2) == 0)
        return DR_ERR_SERVER;
    return DR_ERR_PROTOCOL;
}

/* libpq's own messages, in English because no locale is ever set. */
static enum dr_error_class class_of_message(const char *message)
{
    static const struct {
        const char *words;
        enum dr_error_class class;
    } known[] = {
        {"could not translate host name", DR_ERR_RESOLVE},
        {"no password supplied", DR_ERR_AUTH},
        {"authentication method", DR_ERR_AUTH},
        {"SSL", DR_ERR_TLS},
        {"certificate", DR_ERR_TLS},
        {"expected authentication request", DR_ERR_PROTOCOL},
        {"received invalid", DR_ERR_PROTOCOL},
        {"unexpected response", DR_ERR_PROTOCOL},
        {"unexpected message", DR_ERR_PROTOCOL},
        {"invalid", DR_ERR_USAGE},
        {"definition of service", DR_ERR_USAGE},
        {"service file", DR_ERR_USAGE},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strstr(message, known[i].words) != NULL)
            return known[i].class;
    }
    return DR_ERR_CONNECT;
}

/* The first line of a libpq message without its SQLSTATE, in words for the person on call. */
static bool fail_with(struct probe *probe, const char *message)
{
    char state[6];
    sqlstate(message, state);
    enum dr_error_class class = *state != '\0' ? class_of_state(state) : class_of_message(message);
    char line[400];
    size_t size = strcspn(message, "\n");
    snprintf(line, sizeof line, "%.*s", size < sizeof line ? (int)size : (int)sizeof line - 1,
             message);
    char *code = *state != '\0' ? strstr(line, state) : NULL;
    if (code != NULL)
        memmove(code, code + 7, strlen(code + 7) + 1);
    for (char *twice = strstr(line, ":  "); twice != NULL; twice = strstr(line, ":  "))
        memmove(twice + 1, twice + 2, strlen(twice + 2) + 1);
    if (*line == '\0')
        snprintf(line, sizeof line, "the connection failed without a message");
    return dr_error_set(probe->error, class, "%s", line);
}

static bool fail_by_connection(struct probe *probe)
{
    return fail_with(probe, PQerrorMessage(probe->connection));
}

static bool out_of_time(struct probe *probe, const char *stage)
{
    return dr_error_set(probe->error, DR_ERR_TIMEOUT, "no answer in time (stage: %s)", stage);
}

/* ---- connection ---- */

#define KEYWORDS_MAX 48

struct keywords {
    const char *names[KEYWORDS_MAX + 1];
    const char *values[KEYWORDS_MAX + 1];
    size_t count;
};

static void add_keyword(struct keywords *list, const char *name, const char *value)
{
    if (value == NULL || list->count == KEYWORDS_MAX)
        return;
    list->names[list->count] = name;
    list->values[list->count] = value;
    list->count++;
}

/* libpq verifies a certificate only when told to. Where the site has given a CA there is something
 * to verify against, so it is done unless another sslmode was asked for. */
static bool has_authority(const struct dr_uri *uri)
{
    if (dr_uri_param(uri, "sslrootcert") != NULL || getenv("PGSSLROOTCERT") != NULL)
        return true;
    const char *home = getenv("HOME");
    char path[1024];
    if (home == NULL ||
        snprintf(path, sizeof path, "%s/.postgresql/root.crt", home) >= (int)sizeof path)
        return false;
    return access(path, R_OK) == 0;
}

static void add_parameters(struct keywords *list, const struct dr_uri *uri)
{
    bool mode_given = getenv("PGSSLMODE") != NULL || dr_uri_param(uri, "service") != NULL ||
                      getenv("PGSERVICE") != NULL;
    for (size_t i = 0; i < uri->param_count; i++) {
        /* Each node is asked whatever its role: these would skip some. */
        if (strcmp(uri->params[i].key, "target_session_attrs") == 0 ||
            strcmp(uri->params[i].key, "load_balance_hosts") == 0)
            continue;
        if (strcmp(uri->params[i].key, "sslmode") == 0)
            mode_given = true;
        add_keyword(list, uri->params[i].key, uri->params[i].value);
    }
    if (!mode_given && has_authority(uri))
        add_keyword(list, "sslmode", "verify-full");
}

static void fill_keywords(struct keywords *list, const struct dr_target *target, char port[12])
{
    const struct dr_uri *uri = &target->uri;
    const struct dr_uri_host *host =
        target->host < uri->host_count ? &uri->hosts[target->host] : NULL;
    /* libpq would try Kerberos first, for a round trip that is nearly always lost. */
    add_keyword(list, "gssencmode", "disable");
    add_keyword(list, "fallback_application_name", "check_replication_lag");
    if (host != NULL)
        add_keyword(list, "host", host->name);
    if (host != NULL && host->port > 0) {
        snprintf(port, 12, "%d", host->port);
        add_keyword(list, "port", port);
    }
    add_keyword(list, "user", uri->user);
    add_keyword(list, "password", target->password);
    if (uri->path[0] == '/' && uri->path[1] != '\0')
        add_keyword(list, "dbname", uri->path + 1);
    else if (dr_uri_param(uri, "service") == NULL && dr_uri_param(uri, "dbname") == NULL &&
             getenv("PGDATABASE") == NULL && getenv("PGSERVICE") == NULL)
        add_keyword(list, "dbname", "postgres");
    add_parameters(list, uri);
}

static bool poll_socket(const struct probe *probe, short events)
{
    struct pollfd fd = {.fd = PQsocket(probe->connection), .events = events};
    for (;;) {
        double left = dr_task_left(probe->task);
        if (left <= 0)
            return false;
        int ready = poll(&fd, 1, (int)(left * 1000) + 1);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return true;
    }
}

/* Waits for the socket. False, with the error set, when the task's time is up or more has come in
 * than any reply of ours can be: libpq would keep it all in memory. */
static bool wait_socket(struct probe *probe, short events, const char *stage)
{
    if (!poll_socket(probe, events))
        return out_of_time(probe, stage);
    int waiting = 0;
    if (events == POLLIN && ioctl(PQsocket(probe->connection), FIONREAD, &waiting) == 0)
        probe->received += waiting;
    if (probe->received <= RECEIVED_MAX)
        return true;
    return dr_error_set(probe->error, DR_ERR_PROTOCOL,
                        "the reply cannot be used: more than %ld MiB (stage: %s)",
                        RECEIVED_MAX / 1024 / 1024, stage);
}

static const char *connect_stage(ConnStatusType status)
{
    switch (status) {
    case CONNECTION_STARTED:
        return "connect";
    case CONNECTION_SSL_STARTUP:
        return "TLS handshake";
    case CONNECTION_AWAITING_RESPONSE:
    case CONNECTION_AUTH_OK:
        return "log in";
    default:
        return "start the session";
    }
}

static bool finish_connect(struct probe *probe)
{
    const char *stage = "connect";
    PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
    while (wanted != PGRES_POLLING_OK) {
        if (!wait_socket(probe, wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT, stage))
            return false;
        wanted = PQconnectPoll(probe->connection);
        if (wanted == PGRES_POLLING_FAILED)
            return fail_by_connection(probe);
        const char *now = connect_stage(PQstatus(probe->connection));
        if (now != stage && wanted != PGRES_POLLING_OK) {
            dr_task_stage(probe->task, now);
            stage = now;
        }
    }
    return true;
}

/* A service may list several hosts, of which libpq takes the first that answers: the others would
 * go unseen. */
static bool is_one_node(struct probe *probe)
{
    const char *host = PQhost(probe->connection);
    PQconninfoOption *options = PQconninfo(probe->connection);
    bool several = false;
    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if ((strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "hostaddr") == 0) &&
            o->val != NULL && strchr(o->val, ',') != NULL)
            several = true;
    }
    PQconninfoFree(options);
    if (several)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "the service or environment names several hosts, and only %s would be "
                            "asked: give each one as a target",
                            host != NULL ? host : "one");
    return true;
}

/* libpq would print notices to stderr, where Icinga takes them for the output. */
static void take_notice(void *context, const char *message)
{
    const struct probe *probe = context;
    char *clean = dr_text_clean(message, 1000);
    dr_task_trace(probe->task, 3, "notice: %s", clean != NULL ? clean : "");
    free(clean);
}

static bool connect_node(struct probe *probe)
{
    const struct dr_target *target = dr_task_target(probe->task);
    struct keywords list = {.count = 0};
    char port[12];
    fill_keywords(&list, target, port);
    dr_task_stage(probe->task, "resolve and connect");
    probe->connection = PQconnectStartParams(list.names, list.values, 0);
    if (probe->connection == NULL)
        return dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
    if (PQstatus(probe->connection) == CONNECTION_BAD)
        return fail_by_connection(probe);
    PQsetErrorVerbosity(probe->connection, PQERRORS_VERBOSE);
    PQsetNoticeProcessor(probe->connection, take_notice, probe);
    if (!finish_connect(probe) || !is_one_node(probe))
        return false;
    probe->version = PQserverVersion(probe->connection);
    struct rep_node *node = probe->node;
    const char *named = PQparameterStatus(probe->connection, "server_version");
    char *product = dr_text_format("PostgreSQL %.*s", named != NULL ? (int)strcspn(named, " ") : 0,
                                   named != NULL ? named : "");
    node->product = dr_text_clean(product, 60);
    free(product);
    node->major = probe->version / 10000;
    dr_task_trace(probe->task, 1, "connected to %s, %s%s", PQhost(probe->connection),
                  node->product != NULL ? node->product : "",
                  PQsslInUse(probe->connection) ? " over TLS" : " without TLS");
    if (probe->version < 90600)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "%s is older than 9.6, the oldest we can read",
                            node->product != NULL ? node->product : "the server");
    return true;
}

/* ---- queries ---- */

static void trace_result(const struct probe *probe, const PGresult *result)
{
    for (int r = 0; r < PQntuples(result); r++) {
        struct dr_buffer line = DR_BUFFER(4000);
        for (int c = 0; c < PQnfields(result); c++)
            dr_buffer_addf(&line, "%s=%s ", PQfname(result, c),
                           PQgetisnull(result, r, c) ? "NULL" : PQgetvalue(result, r, c));
        char *clean = dr_text_clean(dr_buffer_text(&line), 4000);
        dr_task_trace(probe->task, 3, "reply: %s", clean != NULL ? clean : "");
        free(clean);
        dr_buffer_free(&line);
    }
}

static bool send_query(struct probe *probe, const char *sql)
{
    if (PQsendQuery(probe->connection, sql) == 0)
        return fail_by_connection(probe);
    for (;;) {
        int rest = PQflush(probe->connection);
        if (rest == 0)
            return true;
        if (rest < 0)
            return fail_by_connection(probe);
        if (!wait_socket(probe, POLLOUT, "send the query"))
            return false;
    }
}

static void free_results(PGresult **results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        PQclear(results[i]);
}

static bool take_result(struct probe *probe, PGresult *result, PGresult **results, size_t expected,
                        size_t *count)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
        PQclear(result);
        return true;
    case PGRES_TUPLES_OK:
        if (*count < expected) {
            trace_result(probe, result);
            results[(*count)++] = result;
            return true;
        }
        break;
    default:
        fail_with(probe, PQresultErrorMessage(result));
        PQclear(result);
        return false;
    }
    PQclear(result);
    return dr_error_set(probe->error, DR_ERR_PROTOCOL,
                        "the reply cannot be used: more result sets than were asked for");
}

/* Sends one message and gathers the result sets that have rows. Exactly `expected` of them, or an
 * error; the caller clears them. */
static bool query(struct probe *probe, const struct dr_buffer *sql, const char *stage,
                  PGresult **results, size_t expected)
{
    size_t count = 0;
    dr_task_stage(probe->task, stage);
    dr_task_trace(probe->task, 2, "query: %s", dr_buffer_text(sql));
    bool ok = !sql->cut && send_query(probe, dr_buffer_text(sql));
    while (ok) {
        if (PQisBusy(probe->connection)) {
            if (!wait_socket(probe, POLLIN, stage))
                ok = false;
            else if (PQconsumeInput(probe->connection) == 0)
                ok = fail_by_connection(probe);
            continue;
        }
        PGresult *result = PQgetResult(probe->connection);
        if (result == NULL)
            break;
        ok = take_result(probe, result, results, expected, &count);
    }
    if (ok && count < expected)
        ok = dr_error_set(probe->error, DR_ERR_PROTOCOL,
                          "the reply cannot be used: %zu of %zu result sets", count, expected);
    if (!ok)
        free_results(results, count);
    return ok;
}

/* What is left of the task's time, for the server: it stops working for us when we stop waiting. */
static long left_ms(const struct probe *probe)
{
    return (long)(dr_task_left(probe->task) * 1000) + 100;
}

static double wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void take_clock(struct rep_node *node, const struct pg_node_extra *extra, double took)
{
    if (!extra->server_time.known)
        return;
    node->clock_ahead = dr_real(extra->server_time.value - (wall_clock() - took / 2));
    node->clock_error = took / 2;
}

/* The position of a standby that counts: after a restart what it received is rounded down to a
 * segment, and without streaming it is NULL. */
static void take_standby_position(struct rep_node *node, double sent)
{
    int64_t position = node->replayed.known ? node->replayed.value : 0;
    if (node->received.known && node->received.value > position)
        position = node->received.value;
    if (node->replayed.known || node->received.known)
        rep_node_add_reading(node, sent, dr_monotonic(), position);
}

static bool look_first(struct probe *probe)
{
    struct dr_buffer sql = DR_BUFFER(QUERY_MAX);
    PGresult *results[PG_RESULT_SETS];
    pg_query_node(&sql, probe->version, left_ms(probe));
    double sent = dr_monotonic();
    bool ok = query(probe, &sql, "query", results, PG_RESULT_SETS);
    dr_buffer_free(&sql);
    if (!ok)
        return false;
    struct rep_node *node = probe->node;
    struct pg_node_extra extra = {.position = {.known = false}};
    double took = dr_monotonic() - sent;
    ok = pg_read_streams(results[PG_STREAMS], node, probe->error) &&
         pg_read_slots(results[PG_SLOTS], node, probe->error) &&
         pg_read_subscriptions(results[PG_SUBSCRIPTIONS], node, probe->error) &&
         pg_read_node(results[PG_NODE], node, &extra, probe->error);
    free_results(results, PG_RESULT_SETS);
    if (!ok)
        return false;
    take_clock(node, &extra, took);
    node->looked = dr_monotonic();
    if (node->role == REP_ROLE_PRIMARY)
        rep_node_add_reading(node, sent, node->looked, extra.position.value);
    else
        take_standby_position(node, sent);
    return true;
}

static bool look_spilled(struct probe *probe)
{
    const struct rep_node *node = probe->node;
    bool logical = false;
    for (size_t i = 0; i < node->slot_count; i++)
        logical = logical || node->slots[i].logical;
    if (!probe->request->spilled || !logical || probe->version < 150000 ||
        !node->privileged.known || !node->privileged.value)
        return true;
    struct dr_buffer sql = DR_BUFFER(QUERY_MAX);
    PGresult *result;
    pg_query_spilled(&sql, left_ms(probe));
    bool ok = query(probe, &sql, "look at the slots' files", &result, 1);
    dr_buffer_free(&sql);
    if (!ok)
        return false;
    ok = pg_read_spilled(result, probe->node, probe->error);
    PQclear(result);
    return ok;
}

static bool look_again_primary(struct probe *probe)
{
    struct dr_buffer sql = DR_BUFFER(QUERY_MAX);
    PGresult *results[2];
    pg_query_primary_again(&sql, probe->version, left_ms(probe));
    double sent = dr_monotonic();
    bool ok = query(probe, &sql, "look again", results, 2);
    dr_buffer_free(&sql);
    if (!ok)
        return false;
    struct dr_opt_int position = {.known = false};
    ok = pg_read_streams(results[0], probe->node, probe->error) &&
         pg_read_position(results[1], &position, probe->error);
    free_results(results, 2);
    probe->node->looked = dr_monotonic();
    if (ok)
        rep_node_add_reading(probe->node, sent, probe->node->looked, position.value);
    return ok;
}

static bool look_again_standby(struct probe *probe)
{
    struct dr_buffer sql = DR_BUFFER(QUERY_MAX);
    PGresult *result;
    pg_query_standby_again(&sql, probe->version, left_ms(probe));
    double sent = dr_monotonic();
    bool ok = query(probe, &sql, "look again", &result, 1);
    dr_buffer_free(&sql);
    if (!ok)
        return false;
    ok = pg_read_progress(result, &probe->node->received, &probe->node->replayed, probe->error);
    PQclear(result);
    if (ok)
        take_standby_position(probe->node, sent);
    return ok;
}

/* ---- primary ---- */

static bool write_heartbeat(struct probe *probe, struct rep_mark *mark)
{
    struct dr_buffer sql = DR_BUFFER(QUERY_MAX);
    PGresult *results[2];
    pg_query_heartbeat(&sql, probe->version, left_ms(probe));
    mark->moment = dr_monotonic();
    bool ok = query(probe, &sql, "write the heartbeat", results, 2);
    dr_buffer_free(&sql);
    if (!ok)
        return false;
    struct dr_opt_int position = {.known = false};
    ok = pg_read_position(results[1], &position, probe->error);
    free_results(results, 2);
    mark->position = position.value;
    mark->heartbeat = true;
    probe->node->heartbeat = true;
    if (ok)
        rep_node_add_reading(probe->node, mark->moment, dr_monotonic(), position.value);
    return ok;
}

/* True while a standby that this primary sees lacks something, and its last report is too old to
 * say for how long: on an idle pair that may be 10 s when a write comes, and the next report is
 * only milliseconds away. */
static bool is_unsettled(const struct rep_node *node, const struct rep_mark *mark)
{
    for (size_t i = 0; i < node->stream_count; i++) {
        const struct rep_stream *stream = &node->streams[i];
        if (stream->kind != REP_STREAM_STANDBY || !stream->flushed.known)
            continue;
        if (mark->heartbeat && stream->replayed.known && stream->replayed.value < mark->position)
            return true;
        double lag = stream->flush_lag.known ? stream->flush_lag.value : 0;
        bool recent = stream->reply_age.known && stream->reply_age.value >= 0 &&
                      stream->reply_age.value + lag < REP_SETTLE_SECONDS;
        if (stream->flushed.value < mark->position && (mark->heartbeat || !recent))
            return true;
    }
    return false;
}

static double shorter(double a, double b)
{
    return a < b ? a : b;
}

/* Looks again until the standbys that are asked directly are done (their figures need a later
 * position of ours beside them) and those that are only seen from here have had their moment to
 * report. */
static bool follow_standbys(struct probe *probe, const struct rep_mark *mark)
{
    struct rep_board *board = probe->request->board;
    size_t index = dr_task_index(probe->task);
    double settle = mark->heartbeat ? dr_task_left(probe->task) : REP_SETTLE_SECONDS;
    double end = dr_monotonic() + dr_task_left(probe->task);
    double settled_by = shorter(mark->moment + settle, end);
    double pause = PAUSE_FIRST;
    size_t done = 0;
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
        bool unsettled = is_unsettled(probe->node, mark) && dr_monotonic() < settled_by;
        bool pending;
        double until = unsettled ? shorter(dr_monotonic() + pause, end) : end;
        size_t now_done = rep_board_wait_done(board, index, done, until, &pending);
        if (!unsettled && now_done == done)
            return true; /* nobody is left, or the time is up */
        if (unsettled && !pending && now_done == done) {
            /* Nothing wakes us: the pause is for the standbys to report. */
            struct timespec rest = {.tv_nsec = (long)(pause * 1e9)};
            nanosleep(&rest, NULL);
        }
        done = now_done;
        pause = shorter(pause * 2, PAUSE_LONGEST);
        if (dr_task_left(probe->task) <= 0 || !look_again_primary(probe))
            return dr_task_left(probe->task) <= 0;
    }
    return true;
}

static bool probe_primary(struct probe *probe)
{
    struct rep_node *node = probe->node;
    struct rep_mark mark = {.moment = node->readings[0].sent,
                            .position = node->readings[0].position};
    snprintf(mark.system, sizeof mark.system, "%s", node->system != NULL ? node->system : "");
    if (probe->request->heartbeat && !write_heartbeat(probe, &mark))
        return false;
    rep_board_post(probe->request->board, dr_task_index(probe->task), &mark);
    return follow_standbys(probe, &mark);
}

/* ---- standby ---- */

static bool has_passed(struct probe *probe, const struct rep_mark *mark)
{
    struct rep_node *node = probe->node;
    struct rep_passing *passing = &node->passing;
    if (node->reading_count == 0)
        return false;
    const struct rep_reading *last = &node->readings[node->reading_count - 1];
    double since = last->received - mark->moment;
    passing->waited = since;
    if (last->position >= mark->position && !passing->received.known)
        passing->received = dr_real(since);
    if (node->replayed.known && node->replayed.value >= mark->position && !passing->replayed.known)
        passing->replayed = dr_real(since);
    /* What is replayed is not waited for where it cannot come. */
    bool replay_comes =
        node->pause == REP_PAUSE_NONE && !(node->apply_delay.known && node->apply_delay.value > 0);
    return passing->received.known && (passing->replayed.known || !replay_comes);
}

/* Without a primary: what the sender had announced at the first look. On a busy link there is
 * always something on its way, and only a second look tells that it arrives. */
static bool take_announced(struct rep_node *node, struct rep_mark *mark)
{
    const struct rep_receiver *receiver = &node->receiver;
    bool running = receiver->running.known && receiver->running.value;
    if (!running || !receiver->announced.known || node->reading_count == 0)
        return false;
    *mark =
        (struct rep_mark){.moment = node->readings[0].sent, .position = receiver->announced.value};
    node->passing.announced = true;
    return true;
}

static bool probe_standby(struct probe *probe)
{
    struct rep_node *node = probe->node;
    struct rep_mark mark;
    rep_board_follow(probe->request->board, dr_task_index(probe->task));
    dr_task_stage(probe->task, "wait for the primary's position");
    if (!rep_board_wait_mark(probe->request->board, dr_monotonic() + dr_task_left(probe->task),
                             &mark) &&
        !take_announced(node, &mark))
        return true;
    if (node->system != NULL && *mark.system != '\0' && strcmp(node->system, mark.system) != 0)
        return true; /* positions of another history mean nothing here */
    node->passing.compared = true;
    node->passing.marked = mark.moment;
    node->passing.position = mark.position;
    double end = dr_monotonic() + dr_task_left(probe->task);
    double until = mark.heartbeat ? end : shorter(end, dr_monotonic() + REP_SETTLE_SECONDS);
    double pause = PAUSE_FIRST;
    while (!has_passed(probe, &mark) && dr_monotonic() + pause < until) {
        struct timespec rest = {.tv_nsec = (long)(pause * 1e9)};
        nanosleep(&rest, NULL);
        pause = shorter(pause * 2, PAUSE_LONGEST);
        if (!look_again_standby(probe))
            return false;
    }
    return true;
}

static bool probe_node(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct probe probe = {
        .task = task, .request = dr_task_request(task), .node = facts, .error = error};
    bool ok =
        connect_node(&probe) && look_first(&probe) && look_spilled(&probe) &&
        (probe.node->role == REP_ROLE_PRIMARY ? probe_primary(&probe) : probe_standby(&probe));
    PQfinish(probe.connection);
    rep_board_done(probe.request->board, dr_task_index(task));
    return ok;
}

static const char *library(void)
{
    static char text[32];
    int version = PQlibVersion();
    snprintf(text, sizeof text, "libpq %d.%d", version / 10000, version % 10000);
    return text;
}

extern const struct dr_source DR_SOURCE_SYMBOL(replication, postgresql);
const struct dr_source DR_SOURCE_SYMBOL(replication, postgresql) = {
    .abi = DR_SOURCE_ABI,
    .group = "replication",
    .name = "postgresql",
    .facts_size = sizeof(struct rep_node),
    .library = library,
    .probe = probe_node,
};
