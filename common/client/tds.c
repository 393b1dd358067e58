/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/tds.h"

#include "common/buffer.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sybdb.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROWS_MAX 1000
#define COLUMNS_MAX 64
#define CELL_MAX 8000
/* FreeTDS reads its configuration in lines of 256 bytes. */
#define SETTING_MAX 220
#define DEFAULT_PORT 1433

/* ---- what the handlers are told ---- */

/* db-lib has one pair of handlers for the process, and while it logs in no connection to hang
 * anything on: the thread is what tells whose trouble it is. */
static _Thread_local struct dr_tds *talking;

static void note(struct dr_tds_trouble *trouble, int number, int system, const char *text)
{
    char *clean = dr_text_clean(text != NULL ? text : "", sizeof trouble->text - 1);
    trouble->number = number;
    trouble->system = system;
    snprintf(trouble->text, sizeof trouble->text, "%s", clean != NULL ? clean : "");
    free(clean);
}

static int take_error(DBPROCESS *process, int severity, int number, int system, char *text,
                      char *system_text)
{
    (void)process;
    (void)severity;
    (void)system_text;
    if (talking == NULL || number == SYBESMSG)
        return INT_CANCEL;
    dr_task_trace(talking->task, 3, "db-lib error %d: %s", number, text != NULL ? text : "");
    /* "Connection failed" follows every other reason. */
    if (talking->library.number == 0 || talking->library.number == SYBEFCON)
        note(&talking->library, number, system, text);
    return INT_CANCEL;
}

static int take_message(DBPROCESS *process, DBINT number, int state, int severity, char *text,
                        char *server, char *procedure, int line)
{
    (void)process;
    (void)state;
    (void)server;
    (void)procedure;
    (void)line;
    if (talking == NULL)
        return 0;
    dr_task_trace(talking->task, 3, "message %d, severity %d: %s", (int)number, severity,
                  text != NULL ? text : "");
    if (severity > 10 && talking->server.number == 0)
        note(&talking->server, (int)number, 0, text);
    return 0;
}

/* ---- errors ---- */

struct known {
    int number;
    enum dr_error_class class;
    const char *advice; /* NULL: the server's own words say it all */
};

/* sys.messages, and the lists of connection errors in the manual of Azure SQL. */
static const struct known known_messages[] = {
    {195, DR_ERR_USAGE, "SQL Server 2016 is the oldest we can read"},
    {208, DR_ERR_USAGE, "SQL Server 2016 is the oldest we can read"},
    {229, DR_ERR_PRIVILEGE, NULL},
    {262, DR_ERR_PRIVILEGE, NULL},
    {297, DR_ERR_PRIVILEGE, NULL},
    {300, DR_ERR_PRIVILEGE, NULL},
    {371, DR_ERR_PRIVILEGE, NULL},
    {911, DR_ERR_USAGE, NULL},
    {916, DR_ERR_PRIVILEGE, "the login needs a user in that database: CREATE USER ... FOR LOGIN"},
    {921, DR_ERR_SERVER, "the database is being recovered"},
    {922, DR_ERR_SERVER, "the database is being recovered"},
    {927, DR_ERR_SERVER, "the database is being restored"},
    {945, DR_ERR_SERVER, NULL},
    {976, DR_ERR_USAGE, "a secondary that takes no connections cannot be asked: ask the primary"},
    {978, DR_ERR_USAGE, "add the parameter intent=readonly"},
    {982, DR_ERR_USAGE, "a secondary that takes no connections cannot be asked: ask the primary"},
    {983, DR_ERR_SERVER, "the replica is neither primary nor secondary now"},
    {4060, DR_ERR_USAGE, "no such database, or the login has no user in it"},
    {4064, DR_ERR_USAGE, NULL},
    {6005, DR_ERR_SERVER, NULL},
    {10928, DR_ERR_SERVER, "the service is throttling"},
    {10929, DR_ERR_SERVER, "the service is throttling"},
    {17142, DR_ERR_SERVER, "the server is paused"},
    {17187, DR_ERR_SERVER, "the server is starting"},
    {18401, DR_ERR_SERVER, "the server is being upgraded"},
    {18452, DR_ERR_AUTH, NULL},
    {18456, DR_ERR_AUTH, NULL},
    {18470, DR_ERR_AUTH, NULL},
    {18486, DR_ERR_AUTH, NULL},
    {18487, DR_ERR_AUTH, NULL},
    {18488, DR_ERR_AUTH, NULL},
    {40143, DR_ERR_SERVER, "the service is failing over"},
    {40166, DR_ERR_SERVER, "the service is failing over"},
    {40197, DR_ERR_SERVER, "the service is failing over or being upgraded"},
    {40501, DR_ERR_SERVER, "the service is busy and throttling"},
    {40532, DR_ERR_AUTH, "the user may have to be written as user%40server"},
    {40540, DR_ERR_SERVER, NULL},
    {40613, DR_ERR_SERVER, "the database is not available at the moment"},
    {40615, DR_ERR_AUTH, "the firewall of the server must let the monitoring host in"},
    {40914, DR_ERR_AUTH, "the firewall of the server must let the monitoring host in"},
    {42109, DR_ERR_SERVER, "the database is resuming"},
    {47073, DR_ERR_AUTH, "public network access is denied: go through the private endpoint"},
    {49918, DR_ERR_SERVER, NULL},
    {49919, DR_ERR_SERVER, NULL},
    {49920, DR_ERR_SERVER, NULL},
};

static bool fail_by_server(struct dr_tds *tds)
{
    const struct dr_tds_trouble *said = &tds->server;
    for (size_t i = 0; i < sizeof known_messages / sizeof known_messages[0]; i++) {
        const struct known *known = &known_messages[i];
        if (known->number != said->number)
            continue;
        return dr_error_set(tds->error, known->class, "%s (error %d)%s%s", said->text, said->number,
                            known->advice != NULL ? "; " : "",
                            known->advice != NULL ? known->advice : "");
    }
    return dr_error_set(tds->error, DR_ERR_PROTOCOL, "%s (error %d)", said->text, said->number);
}

static const struct dr_uri_host *host_of(const struct dr_tds *tds)
{
    const struct dr_target *target = dr_task_target(tds->task);
    return target->host < target->uri.host_count ? &target->uri.hosts[target->host] : NULL;
}

/* 1.3.16 and 1.3.17, Debian 12's, go on in the old TLS session on the new connection (issue 489 of
 * FreeTDS). */
static bool follows_redirections(void)
{
    const char *version = dbversion();
    return version == NULL ||
           (strstr(version, "v1.3.16") == NULL && strstr(version, "v1.3.17") == NULL);
}

static bool fail_by_library(struct dr_tds *tds, const char *stage)
{
    const struct dr_tds_trouble *known = &tds->library;
    const char *reason = known->system > 0 ? strerror(known->system) : NULL;
    switch (known->number) {
    case SYBETIME:
        return dr_error_set(tds->error, DR_ERR_TIMEOUT, "no answer in time (stage: %s)", stage);
    case SYBEUHST:
        return dr_error_set(tds->error, DR_ERR_RESOLVE, "the name %s has no address",
                            host_of(tds)->name);
    case SYBECONN:
    case SYBESOCK:
        return dr_error_set(tds->error, DR_ERR_CONNECT, "cannot connect: %s",
                            reason != NULL ? reason : "no address took the connection");
    case SYBEREAD:
    case SYBEWRIT:
    case SYBESEOF:
    case SYBEDDNE:
        return dr_error_set(tds->error, DR_ERR_CONNECT, "the server closed the connection%s%s (%s)",
                            reason != NULL ? ": " : "", reason != NULL ? reason : "", stage);
    case SYBEPWD:
        return dr_error_set(tds->error, DR_ERR_AUTH, "wrong user or password");
    case SYBEMEM:
        return dr_error_set(tds->error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: it would take too much memory");
    case SYBEFCON:
        /* FreeTDS keeps to itself why. */
        if (tds->encrypted)
            return dr_error_set(
                tds->error, DR_ERR_TLS,
                "the log-in failed before the server said anything: no TLS there, or a "
                "certificate that is not trusted or not for this host (cafile=, trust=yes), or "
                "no SQL Server%s",
                follows_redirections() ? ""
                                       : ", or a redirection, which this FreeTDS cannot follow: "
                                         "set the connection policy Proxy");
        return dr_error_set(tds->error, DR_ERR_CONNECT,
                            "the server ended the log-in without a word: no SQL Server?");
    case 0:
        return dr_error_set(tds->error, DR_ERR_PROTOCOL, "the reply cannot be used (stage: %s)",
                            stage);
    default:
        return dr_error_set(tds->error, DR_ERR_PROTOCOL, "the reply cannot be used: %s",
                            known->text);
    }
}

static bool fail(struct dr_tds *tds, const char *stage)
{
    return tds->server.number != 0 ? fail_by_server(tds) : fail_by_library(tds, stage);
}

/* ---- settings ---- */

/* What FreeTDS would take from the environment over everything that is said here. */
static bool environment_is_clean(struct dr_tds *tds)
{
    static const char *const names[] = {"TDSPORT", "TDSHOST", "TDSVER", "TDSDUMP", "TDSDUMPCONFIG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (getenv(names[i]) != NULL)
            return dr_error_set(tds->error, DR_ERR_USAGE,
                                "the environment variable %s changes what FreeTDS does: unset it",
                                names[i]);
    }
    return true;
}

static bool is_one_of(const char *value, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(value, *words) == 0)
            return true;
    }
    return false;
}

static bool check_parameters(struct dr_tds *tds, const struct dr_uri *uri)
{
    static const char *const encrypt[] = {"yes", "no", "strict", NULL};
    static const char *const trust[] = {"yes", "no", NULL};
    static const char *const intent[] = {"readonly", NULL};
    for (size_t i = 0; i < uri->param_count; i++) {
        const char *key = uri->params[i].key;
        const char *value = uri->params[i].value;
        bool ok = (strcmp(key, "encrypt") == 0 && is_one_of(value, encrypt)) ||
                  (strcmp(key, "trust") == 0 && is_one_of(value, trust)) ||
                  (strcmp(key, "intent") == 0 && is_one_of(value, intent)) ||
                  (strcmp(key, "cafile") == 0 && *value == '/');
        if (!ok)
            return dr_error_set(tds->error, DR_ERR_USAGE,
                                "mssql:// takes encrypt=yes|no|strict, cafile=/FILE, trust=yes|no "
                                "and intent=readonly, not this \"%s\"",
                                key);
        /* A line of freetds.conf cannot hold these. */
        if (strlen(value) > SETTING_MAX || strpbrk(value, "#;") != NULL ||
            strstr(value, "  ") != NULL)
            return dr_error_set(tds->error, DR_ERR_USAGE,
                                "FreeTDS cannot take such a %s: too long, or with \"#\", \";\" or "
                                "two blanks",
                                key);
    }
    return true;
}

static bool check_cafile(struct dr_tds *tds, const char *file)
{
    if (file == NULL || access(file, R_OK) == 0)
        return true;
    return dr_error_set(tds->error, DR_ERR_USAGE, "cafile: %s cannot be read", file);
}

/* TDS 8 came with 1.5: "freetds v1.5.4". */
static bool knows_strict(void)
{
    const char *version = dbversion();
    const char *number = version != NULL ? strpbrk(version, "0123456789") : NULL;
    char *end;
    long major = number != NULL ? strtol(number, &end, 10) : 0;
    long minor = major > 0 && *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    return major > 1 || (major == 1 && minor >= 5);
}

/* The settings of one host in freetds.conf's own words. All that a site's file could say otherwise
 * is said here: its [global] part is read first where a port is given. */
static bool describe_host(struct dr_tds *tds, const struct dr_uri *uri, const char *host,
                          struct dr_buffer *out)
{
    const char *encrypt = dr_uri_param(uri, "encrypt");
    const char *trust = dr_uri_param(uri, "trust");
    const char *cafile = dr_uri_param(uri, "cafile");
    const char *level = "require";
    tds->encrypted = encrypt == NULL || strcmp(encrypt, "no") != 0;
    if (!tds->encrypted)
        level = "off";
    else if (encrypt != NULL && strcmp(encrypt, "strict") == 0)
        level = "strict";
    bool verify = tds->encrypted && (trust == NULL || strcmp(trust, "yes") != 0);
    if (strcmp(level, "strict") == 0 && !knows_strict())
        return dr_error_set(tds->error, DR_ERR_USAGE,
                            "encrypt=strict needs FreeTDS 1.5, this is %s", dr_tds_library());
    if (!check_cafile(tds, cafile))
        return false;
    dr_buffer_addf(out,
                   "[%s]\nhost = %s\nport = %d\ntds version = 7.4\nencryption = %s\n"
                   "ca file = %s\ncrl file =\ncheck certificate hostname = yes\n"
                   "enable tls v1 = no\nclient charset = UTF-8\nlanguage = us_english\n"
                   "read-only intent = no\nmutual authentication = no\ndump file =\n"
                   "database filename =\ninstance =\n",
                   host, host, DEFAULT_PORT, level,
                   !verify          ? ""
                   : cafile != NULL ? cafile
                                    : "system");
    return !out->cut || dr_error_set(tds->error, DR_ERR_USAGE, "the host name is too long");
}

/* db-lib has no call for TLS: only a file, of which it knows one for the whole process and in which
 * the host's name (which the server is told, and Azure looks for) finds the section. So there is
 * one in memory, each host adds its section before it is connected to, and a section is never
 * changed.
 */
struct settings {
    pthread_mutex_t lock;
    int file;
    struct dr_buffer text;
};

static struct settings settings = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .file = -1, .text = {.limit = 256 * 1024}};

static bool add_section(struct dr_tds *tds, const char *host, const char *section)
{
    char title[SETTING_MAX + 16];
    snprintf(title, sizeof title, "[%s]\nhost = ", host);
    const char *there = strstr(dr_buffer_text(&settings.text), title);
    if (there != NULL)
        return strncmp(there, section, strlen(section)) == 0 ||
               dr_error_set(tds->error, DR_ERR_USAGE,
                            "two targets on one host with different parameters: FreeTDS cannot "
                            "tell them apart, ask them in two runs");
    size_t size = strlen(section);
    if (!dr_buffer_add(&settings.text, section) ||
        write(settings.file, section, size) != (ssize_t)size)
        return dr_error_set(tds->error, DR_ERR_INTERNAL, "out of memory");
    return true;
}

static bool start_library(struct dr_tds *tds)
{
    char path[40];
    if (settings.file >= 0)
        return true;
    if (dbinit() == FAIL)
        return dr_error_set(tds->error, DR_ERR_INTERNAL, "FreeTDS does not start");
    dberrhandle(take_error);
    dbmsghandle(take_message);
    settings.file = memfd_create("freetds", MFD_CLOEXEC);
    if (settings.file < 0)
        return dr_error_set(tds->error, DR_ERR_INTERNAL, "no file in memory for FreeTDS");
    snprintf(path, sizeof path, "/proc/self/fd/%d", settings.file);
    if (access(path, R_OK) != 0)
        return dr_error_set(tds->error, DR_ERR_INTERNAL, "FreeTDS needs /proc, which is not there");
    dbsetifile(path);
    return true;
}

/* FreeTDS finds a section by its name in whatever case. */
static bool prepare_host(struct dr_tds *tds, const struct dr_uri *uri, const char *name)
{
    struct dr_buffer section = DR_BUFFER(4096);
    char host[SETTING_MAX + 1] = "";
    bool ok = strlen(name) < sizeof host ||
              dr_error_set(tds->error, DR_ERR_USAGE, "the host name is too long");
    for (size_t i = 0; ok && name[i] != '\0'; i++)
        host[i] = (char)tolower((unsigned char)name[i]);
    ok = ok && describe_host(tds, uri, host, &section);
    if (ok) {
        pthread_mutex_lock(&settings.lock);
        ok = start_library(tds) && add_section(tds, host, dr_buffer_text(&section));
        pthread_mutex_unlock(&settings.lock);
    }
    dr_buffer_free(&section);
    return ok;
}

/* ---- connection ---- */

static const char *password_of(struct dr_tds *tds, const struct dr_target *target)
{
    const char *password = target->password != NULL ? target->password : getenv("SQLCMDPASSWORD");
    if (password != NULL)
        dr_task_secret(tds->task, password);
    return password;
}

static bool fill_login(struct dr_tds *tds, LOGINREC *login, const struct dr_target *target)
{
    const struct dr_uri *uri = &target->uri;
    const char *password = password_of(tds, target);
    if (uri->user == NULL || *uri->user == '\0')
        return dr_error_set(tds->error, DR_ERR_USAGE, "which user? mssql://USER@HOST/DATABASE");
    if (password == NULL)
        return dr_error_set(tds->error, DR_ERR_AUTH, "no password for user %s: --password-file",
                            uri->user);
    if (uri->path[0] != '/' || uri->path[1] == '\0' || strcmp(uri->path, "/master") == 0)
        return dr_error_set(
            tds->error, DR_ERR_USAGE,
            "which database? mssql://USER@HOST/DATABASE (not master, which knows nothing of it)");
    bool ok = DBSETLUSER(login, uri->user) == SUCCEED && DBSETLPWD(login, password) == SUCCEED &&
              DBSETLDBNAME(login, uri->path + 1) == SUCCEED &&
              DBSETLAPP(login, tds->application) == SUCCEED &&
              dbsetlversion(login, DBVERSION_74) == SUCCEED;
    if (ok && dr_uri_param(uri, "intent") != NULL)
        ok = DBSETLREADONLY(login, 1) == SUCCEED;
    return ok || dr_error_set(tds->error, DR_ERR_USAGE,
                              "user, password or database is longer than FreeTDS can take");
}

/* Longer than what is left: where the run's own deadline is not kept, the run says in which stage.
 */
static int library_seconds(const struct dr_tds *tds)
{
    return (int)dr_task_left(tds->task) + 1;
}

static bool connect_to(struct dr_tds *tds, LOGINREC *login, const struct dr_uri_host *host)
{
    char server[300];
    bool quoted = strchr(host->name, ':') != NULL;
    if (host->port == 0 || host->port == DEFAULT_PORT)
        snprintf(server, sizeof server, "%s", host->name);
    else
        snprintf(server, sizeof server, "%s%s%s:%d", quoted ? "[" : "", host->name,
                 quoted ? "]" : "", host->port);
    dbsetlogintime(library_seconds(tds));
    dbsettime(library_seconds(tds));
    dr_task_stage(tds->task, "connect and log in");
    tds->process = dbopen(login, server);
    if (tds->process == NULL)
        return fail(tds, "connect and log in");
    dr_task_trace(tds->task, 1, "connected to %s%s", server,
                  tds->encrypted ? " over TLS" : " without TLS");
    return true;
}

bool dr_tds_open(struct dr_tds *tds)
{
    const struct dr_target *target = dr_task_target(tds->task);
    const struct dr_uri *uri = &target->uri;
    const struct dr_uri_host *host = host_of(tds);
    if (host == NULL)
        return dr_error_set(tds->error, DR_ERR_USAGE, "which host? mssql://USER@HOST/DATABASE");
    if (!environment_is_clean(tds) || !check_parameters(tds, uri) ||
        !prepare_host(tds, uri, host->name))
        return false;
    talking = tds;
    LOGINREC *login = dblogin();
    bool ok = login != NULL ? fill_login(tds, login, target) && connect_to(tds, login, host)
                            : dr_error_set(tds->error, DR_ERR_INTERNAL, "out of memory");
    if (login != NULL)
        dbloginfree(login);
    talking = NULL;
    return ok;
}

void dr_tds_close(struct dr_tds *tds)
{
    if (tds->process != NULL)
        dbclose(tds->process);
    tds->process = NULL;
}

/* ---- queries ---- */

void dr_tds_free_results(struct dr_tds_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct dr_tds_result *result = &results[i];
        for (size_t n = 0; result->names != NULL && n < result->columns; n++)
            free(result->names[n]);
        for (size_t c = 0; result->cells != NULL && c < result->columns * result->rows; c++)
            free(result->cells[c]);
        free(result->names);
        free(result->cells);
        *result = (struct dr_tds_result){.columns = 0};
    }
}

static bool too_much(struct dr_tds *tds)
{
    return dr_error_set(tds->error, DR_ERR_PROTOCOL,
                        "the reply cannot be used: more than was asked for");
}

static bool no_memory(struct dr_tds *tds)
{
    return dr_error_set(tds->error, DR_ERR_INTERNAL, "out of memory");
}

static bool read_cell(struct dr_tds *tds, int column, char **cell)
{
    const BYTE *data = dbdata(tds->process, column);
    int type = dbcoltype(tds->process, column);
    int length = dbdatlen(tds->process, column);
    char number[64];
    *cell = NULL;
    if (data == NULL)
        return true;
    if (length < 0 || length > CELL_MAX)
        return too_much(tds);
    if (type == SYBCHAR || type == SYBVARCHAR || type == SYBTEXT) {
        *cell = strndup((const char *)data, (size_t)length);
        return *cell != NULL || no_memory(tds);
    }
    if (type != SYBINT1 && type != SYBINT2 && type != SYBINT4 && type != SYBINT8)
        return dr_error_set(tds->error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: column %d is of an unexpected type", column);
    DBINT size = dbconvert(tds->process, type, data, length, SYBCHAR, (BYTE *)number,
                           (DBINT)sizeof number - 1);
    if (size < 0 || size >= (DBINT)sizeof number)
        return fail(tds, "read the reply");
    *cell = strndup(number, (size_t)size);
    return *cell != NULL || no_memory(tds);
}

static bool read_row(struct dr_tds *tds, struct dr_tds_result *result)
{
    size_t wanted = (result->rows + 1) * result->columns;
    if (result->rows == ROWS_MAX)
        return too_much(tds);
    char **cells = realloc(result->cells, wanted * sizeof *cells);
    if (cells == NULL)
        return no_memory(tds);
    result->cells = cells;
    char **row = cells + result->rows * result->columns;
    memset(row, 0, result->columns * sizeof *row);
    result->rows++;
    struct dr_buffer line = DR_BUFFER(4000);
    bool ok = true;
    for (size_t c = 0; ok && c < result->columns; c++) {
        ok = read_cell(tds, (int)c + 1, &row[c]);
        dr_buffer_addf(&line, "%s=%s ", result->names[c], row[c] != NULL ? row[c] : "NULL");
    }
    char *clean = dr_text_clean(dr_buffer_text(&line), 4000);
    dr_task_trace(tds->task, 3, "reply: %s", clean != NULL ? clean : "");
    free(clean);
    dr_buffer_free(&line);
    return ok;
}

/* Result set with columns `columns`; `result` counts as begun from here on. */
static bool read_set(struct dr_tds *tds, int columns, struct dr_tds_result *result)
{
    *result = (struct dr_tds_result){.columns = 0};
    result->names = calloc((size_t)columns, sizeof *result->names);
    if (result->names == NULL)
        return no_memory(tds);
    result->columns = (size_t)columns;
    for (int c = 0; c < columns; c++) {
        const char *name = dbcolname(tds->process, c + 1);
        result->names[c] = strdup(name != NULL ? name : "");
        if (result->names[c] == NULL)
            return no_memory(tds);
    }
    for (;;) {
        STATUS status = dbnextrow(tds->process);
        if (status == NO_MORE_ROWS)
            return tds->server.number == 0 || fail(tds, "read the reply");
        if (status != REG_ROW)
            return fail(tds, "read the reply");
        if (!read_row(tds, result))
            return false;
    }
}

static bool read_sets(struct dr_tds *tds, const char *stage, struct dr_tds_result *results,
                      size_t expected, size_t *count)
{
    for (;;) {
        RETCODE status = dbresults(tds->process);
        if (tds->server.number != 0 || status == FAIL)
            return fail(tds, stage);
        if (status == NO_MORE_RESULTS)
            break;
        int columns = dbnumcols(tds->process);
        if (columns <= 0)
            continue;
        if (*count == expected || columns > COLUMNS_MAX)
            return too_much(tds);
        if (!read_set(tds, columns, &results[(*count)++]))
            return false;
    }
    return *count == expected ||
           dr_error_set(tds->error, DR_ERR_PROTOCOL, "the reply cannot be used: %zu of %zu results",
                        *count, expected);
}

bool dr_tds_query(struct dr_tds *tds, const char *sql, const char *stage,
                  struct dr_tds_result *results, size_t expected)
{
    size_t count = 0;
    talking = tds;
    dr_task_stage(tds->task, stage);
    dr_task_trace(tds->task, 2, "query: %s", sql);
    dbsettime(library_seconds(tds));
    bool ok = dbcmd(tds->process, sql) == SUCCEED && dbsqlexec(tds->process) == SUCCEED;
    ok = ok ? read_sets(tds, stage, results, expected, &count) : fail(tds, stage);
    if (!ok)
        dr_tds_free_results(results, count);
    talking = NULL;
    return ok;
}

const char *dr_tds_library(void)
{
    static char text[64];
    const char *version = dbversion();
    const char *number = version != NULL ? strpbrk(version, "0123456789") : NULL;
    snprintf(text, sizeof text, "FreeTDS %s", number != NULL ? number : "");
    return text;
}
