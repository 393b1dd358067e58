/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/pg.h"

#include "common/buffer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* More than thousands of slots need; a server that sends without end is stopped here. */
#define RECEIVED_MAX (8L * 1024 * 1024)

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
        {"lost synchronization", DR_ERR_PROTOCOL},
        {"cannot allocate memory", DR_ERR_PROTOCOL},
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

static enum dr_error_class class_of_line(const char *line)
{
    char state[6];
    sqlstate(line, state);
    return *state != '\0' ? class_of_state(state) : class_of_message(line);
}

static bool is_explanation(const char *line)
{
    return *line == '\0' || *line == '\t' || strncmp(line, "LOCATION:", 9) == 0 ||
           strncmp(line, "DETAIL:", 7) == 0 || strncmp(line, "HINT:", 5) == 0;
}

/* The line that says most: libpq tries every address of a name and lists each failure, and that ::1
 * refuses says less than that 127.0.0.1 has the wrong certificate. */
static enum dr_error_class pick_line(const char *message, char *picked, size_t size)
{
    enum dr_error_class class = DR_ERR_NONE;
    snprintf(picked, size, "the connection failed without a message");
    while (*message != '\0') {
        char line[400];
        size_t length = strcspn(message, "\n");
        snprintf(line, sizeof line, "%.*s",
                 length < sizeof line ? (int)length : (int)sizeof line - 1, message);
        message += length + (message[length] == '\n' ? 1 : 0);
        if (is_explanation(line) || (class != DR_ERR_NONE && class != DR_ERR_CONNECT))
            continue;
        enum dr_error_class its = class_of_line(line);
        if (class == DR_ERR_NONE || its != DR_ERR_CONNECT) {
            class = its;
            snprintf(picked, size, "%s", line);
        }
    }
    return class != DR_ERR_NONE ? class : DR_ERR_CONNECT;
}

/* Sets the error from a libpq message: its telling line, without the SQLSTATE. */
static bool fail_with(struct dr_pg *pg, const char *message)
{
    char state[6];
    char line[400];
    enum dr_error_class class = pick_line(message, line, sizeof line);
    sqlstate(line, state);
    char *code = *state != '\0' ? strstr(line, state) : NULL;
    if (code != NULL)
        memmove(code, code + 7, strlen(code + 7) + 1);
    for (char *twice = strstr(line, ":  "); twice != NULL; twice = strstr(line, ":  "))
        memmove(twice + 1, twice + 2, strlen(twice + 2) + 1);
    return dr_error_set(pg->error, class, "%s", line);
}

static bool fail_by_connection(struct dr_pg *pg)
{
    return fail_with(pg, PQerrorMessage(pg->connection));
}

static bool out_of_time(struct dr_pg *pg, const char *stage)
{
    return dr_error_set(pg->error, DR_ERR_TIMEOUT, "no answer in time (stage: %s)", stage);
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

static void fill_keywords(struct keywords *list, const struct dr_target *target,
                          const char *application, char port[12])
{
    const struct dr_uri *uri = &target->uri;
    const struct dr_uri_host *host =
        target->host < uri->host_count ? &uri->hosts[target->host] : NULL;
    /* libpq would try Kerberos first, for a round trip that is nearly always lost. */
    add_keyword(list, "gssencmode", "disable");
    add_keyword(list, "fallback_application_name", application);
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

static bool poll_socket(const struct dr_pg *pg, short events)
{
    struct pollfd fd = {.fd = PQsocket(pg->connection), .events = events};
    for (;;) {
        double left = dr_task_left(pg->task);
        if (left <= 0)
            return false;
        int ready = poll(&fd, 1, (int)(left * 1000) + 1);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return true;
    }
}

/* Waits for the socket. False, with the error set, when the task's time is up or more has come in
 * than any reply of ours can be: libpq would keep it all in memory. */
static bool wait_socket(struct dr_pg *pg, short events, const char *stage)
{
    if (!poll_socket(pg, events))
        return out_of_time(pg, stage);
    int waiting = 0;
    if (events == POLLIN && ioctl(PQsocket(pg->connection), FIONREAD, &waiting) == 0)
        pg->received += waiting;
    if (pg->received <= RECEIVED_MAX)
        return true;
    return dr_error_set(pg->error, DR_ERR_PROTOCOL,
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

static bool finish_connect(struct dr_pg *pg)
{
    const char *stage = "connect";
    PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
    while (wanted != PGRES_POLLING_OK) {
        if (!wait_socket(pg, wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT, stage))
            return false;
        wanted = PQconnectPoll(pg->connection);
        if (wanted == PGRES_POLLING_FAILED)
            return fail_by_connection(pg);
        const char *now = connect_stage(PQstatus(pg->connection));
        if (now != stage && wanted != PGRES_POLLING_OK) {
            dr_task_stage(pg->task, now);
            stage = now;
        }
    }
    return true;
}

/* A service may list several hosts, of which libpq takes the first that answers: the others would
 * go unseen. */
static bool is_one_node(struct dr_pg *pg)
{
    const char *host = PQhost(pg->connection);
    PQconninfoOption *options = PQconninfo(pg->connection);
    bool several = false;
    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if ((strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "hostaddr") == 0) &&
            o->val != NULL && strchr(o->val, ',') != NULL)
            several = true;
    }
    PQconninfoFree(options);
    if (several)
        return dr_error_set(pg->error, DR_ERR_USAGE,
                            "the service or environment names several hosts, and only %s would be "
                            "asked: give each one as a target",
                            host != NULL ? host : "one");
    return true;
}

/* libpq would print notices to stderr, where Icinga takes them for the output. */
static void take_notice(void *context, const char *message)
{
    const struct dr_pg *pg = context;
    char *clean = dr_text_clean(message, 1000);
    dr_task_trace(pg->task, 3, "notice: %s", clean != NULL ? clean : "");
    free(clean);
}

bool dr_pg_open(struct dr_pg *pg)
{
    const struct dr_target *target = dr_task_target(pg->task);
    struct keywords list = {.count = 0};
    char port[12];
    fill_keywords(&list, target, pg->application, port);
    dr_task_stage(pg->task, "resolve and connect");
    pg->connection = PQconnectStartParams(list.names, list.values, 0);
    if (pg->connection == NULL)
        return dr_error_set(pg->error, DR_ERR_INTERNAL, "out of memory");
    if (PQstatus(pg->connection) == CONNECTION_BAD)
        return fail_by_connection(pg);
    PQsetErrorVerbosity(pg->connection, PQERRORS_VERBOSE);
    PQsetNoticeProcessor(pg->connection, take_notice, pg);
    if (!finish_connect(pg) || !is_one_node(pg))
        return false;
    pg->version = PQserverVersion(pg->connection);
    const char *named = PQparameterStatus(pg->connection, "server_version");
    char *product = dr_text_format("PostgreSQL %.*s", named != NULL ? (int)strcspn(named, " ") : 0,
                                   named != NULL ? named : "");
    char *clean = dr_text_clean(product, sizeof pg->product - 1);
    snprintf(pg->product, sizeof pg->product, "%s", clean != NULL ? clean : "PostgreSQL");
    free(clean);
    free(product);
    dr_task_trace(pg->task, 1, "connected to %s, %s%s", PQhost(pg->connection), pg->product,
                  PQsslInUse(pg->connection) ? " over TLS" : " without TLS");
    if (pg->version < 90600)
        return dr_error_set(pg->error, DR_ERR_USAGE, "%s is older than 9.6, the oldest we can read",
                            pg->product);
    return true;
}

void dr_pg_close(struct dr_pg *pg)
{
    PQfinish(pg->connection);
    pg->connection = NULL;
}

/* ---- queries ---- */

static void trace_result(const struct dr_pg *pg, const PGresult *result)
{
    for (int r = 0; r < PQntuples(result); r++) {
        struct dr_buffer line = DR_BUFFER(4000);
        for (int c = 0; c < PQnfields(result); c++)
            dr_buffer_addf(&line, "%s=%s ", PQfname(result, c),
                           PQgetisnull(result, r, c) ? "NULL" : PQgetvalue(result, r, c));
        char *clean = dr_text_clean(dr_buffer_text(&line), 4000);
        dr_task_trace(pg->task, 3, "reply: %s", clean != NULL ? clean : "");
        free(clean);
        dr_buffer_free(&line);
    }
}

static bool send_query(struct dr_pg *pg, const char *sql)
{
    if (PQsendQuery(pg->connection, sql) == 0)
        return fail_by_connection(pg);
    for (;;) {
        int rest = PQflush(pg->connection);
        if (rest == 0)
            return true;
        if (rest < 0)
            return fail_by_connection(pg);
        if (!wait_socket(pg, POLLOUT, "send the query"))
            return false;
    }
}

void dr_pg_free_results(PGresult **results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        PQclear(results[i]);
}

static bool take_result(struct dr_pg *pg, PGresult *result, PGresult **results, size_t expected,
                        size_t *count)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
        PQclear(result);
        return true;
    case PGRES_TUPLES_OK:
        if (*count < expected) {
            trace_result(pg, result);
            results[(*count)++] = result;
            return true;
        }
        break;
    default:
        fail_with(pg, PQresultErrorMessage(result));
        PQclear(result);
        return false;
    }
    PQclear(result);
    return dr_error_set(pg->error, DR_ERR_PROTOCOL,
                        "the reply cannot be used: more result sets than were asked for");
}

bool dr_pg_query(struct dr_pg *pg, const struct dr_buffer *sql, const char *stage,
                 PGresult **results, size_t expected)
{
    size_t count = 0;
    dr_task_stage(pg->task, stage);
    dr_task_trace(pg->task, 2, "query: %s", dr_buffer_text(sql));
    bool ok = !sql->cut && send_query(pg, dr_buffer_text(sql));
    while (ok) {
        if (PQisBusy(pg->connection)) {
            if (!wait_socket(pg, POLLIN, stage))
                ok = false;
            else if (PQconsumeInput(pg->connection) == 0)
                ok = fail_by_connection(pg);
            continue;
        }
        PGresult *result = PQgetResult(pg->connection);
        if (result == NULL)
            break;
        ok = take_result(pg, result, results, expected, &count);
    }
    if (ok && count < expected)
        ok = dr_error_set(pg->error, DR_ERR_PROTOCOL,
                          "the reply cannot be used: %zu of %zu result sets", count, expected);
    if (!ok)
        dr_pg_free_results(results, count);
    return ok;
}

long dr_pg_left_ms(const struct dr_pg *pg)
{
    return (long)(dr_task_left(pg->task) * 1000) + 100;
}
