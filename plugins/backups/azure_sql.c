/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source of Azure SQL: what Azure Resource Manager (ARM) knows of the automatic backups of a
 * server's databases, or of those for long-term retention. */
#include "common/client/azure_error.h"
#include "common/module.h"
#include "plugins/backups/azure_sql_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION "2021-11-01"
#define REPLY_MAX ((size_t)8 * 1024 * 1024)
#define PATH_SIZE 2048
#define TOKEN_SIZE 2048
#define PAGES_MAX 1000

static const char *const parameters[] = {"backups", NULL};
static const char *const no_more[] = {NULL};
static const struct dr_azure_form form = {
    .usage = "azure-sql://SUBSCRIPTION/RESOURCEGROUP/SERVER",
    .parameters = parameters,
    .sas_parameters = no_more,
};
static const struct dr_azure_grant grant = {.sas = "", .role = ""};

struct look {
    struct dr_task *task;
    const struct bak_request *request;
    struct bak_facts *facts;
    struct dr_azure_access access;
    struct dr_http *http;
    char group[128];
    char server[128];
    const char *database; /* the only one that is wanted; NULL: all */
    bool long_term;
    bool found;                     /* the database is there */
    const char *warehouse;          /* whose restore points are read */
    struct dr_text_list warehouses; /* which have them */
};

/* ---- what is asked for ---- */

static bool take_part(const char **path, char *part, size_t size)
{
    *path += **path == '/' ? 1 : 0;
    size_t length = strcspn(*path, "/");
    if (length == 0 || length >= size)
        return false;
    memcpy(part, *path, length);
    part[length] = '\0';
    *path += length;
    return true;
}

static bool read_uri(const struct dr_uri *uri, struct look *look, struct dr_error *error)
{
    const char *path = uri->path, *backups = dr_uri_param(uri, "backups");
    bool ok = uri->host_count == 1 && uri->hosts[0].port == 0 &&
              take_part(&path, look->group, sizeof look->group) &&
              take_part(&path, look->server, sizeof look->server);
    if (!ok)
        return dr_error_set(error, DR_ERR_USAGE, "%s[/DATABASE] is expected", form.usage);
    look->server[strcspn(look->server, ".")] = '\0'; /* "NAME.database.windows.net" */
    if (strspn(look->server, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(look->server))
        return dr_error_set(error, DR_ERR_USAGE,
                            "%s: the name of a server has lower case letters, digits and hyphens",
                            form.usage);
    path += path[0] == '/' ? 1 : 0;
    look->database = path[0] != '\0' ? path : NULL;
    if (look->database != NULL && strchr(path, '/') != NULL)
        return dr_error_set(error, DR_ERR_USAGE, "%s[/DATABASE] is expected", form.usage);
    look->long_term = backups != NULL && strcmp(backups, "long-term") == 0;
    return backups == NULL || look->long_term || strcmp(backups, "point-in-time") == 0 ||
           dr_error_set(error, DR_ERR_USAGE, "%s: backups= is point-in-time or long-term",
                        form.usage);
}

/* ---- requests ---- */

static bool refused(const struct look *look, const struct dr_http_reply *reply,
                    struct dr_error *error)
{
    char code[DR_AZURE_WORD_SIZE];
    dr_azure_refusal_code(reply, code);
    if (strcmp(code, "AuthorizationFailed") == 0)
        return dr_error_set(error, DR_ERR_PRIVILEGE,
                            "HTTP %ld, %s: grant the identity the role Reader on the server "
                            "(Microsoft.Sql/servers/read and what is below it)",
                            reply->status, code);
    if (strcmp(code, "ResourceNotFound") == 0 || strcmp(code, "ParentResourceNotFound") == 0)
        return dr_error_set(error, DR_ERR_USAGE, "HTTP %ld, %s: there is no such server",
                            reply->status, code);
    return dr_azure_refused(&look->access, &grant, reply, dr_now(), error);
}

static bool ask(struct look *look, const char *path, const char *skip, const char *stage,
                struct dr_http_reply *reply, struct dr_error *error)
{
    const struct dr_azure_pair query[] = {
        {"api-version", API_VERSION}, {skip[0] != '\0' ? "$skipToken" : NULL, skip}, {NULL, NULL}};
    const struct dr_azure_access *access = &look->access;
    const struct dr_azure_call call = {.account = access->account,
                                       .base = access->base,
                                       .path = path,
                                       .query = query,
                                       .token = access->token,
                                       .ca_file = access->ca_file,
                                       .proxy = access->proxy,
                                       .body_max = REPLY_MAX,
                                       .stage = stage};
    struct dr_error reason = {.class = DR_ERR_NONE};
    bool ok = false;
    *reply = (struct dr_http_reply){.status = 0};
    dr_task_stage(look->task, stage);
    if (!dr_azure_ask_all(look->http, &call, reply, &reason, &ok, 1, error))
        return false;
    if (!ok) {
        *error = reason;
        return false;
    }
    if (reply->date.known)
        look->facts->clock = reply->date;
    return reply->status == 200 || refused(look, reply, error);
}

/* All pages of one list. */
static bool read_list(struct look *look, const char *path, const char *stage, bak_sql_take *take,
                      struct dr_error *error)
{
    char skip[TOKEN_SIZE] = "", next[TOKEN_SIZE];
    for (int pages = 0; pages < PAGES_MAX; pages++) {
        struct dr_http_reply reply;
        bool ok = ask(look, path, skip, stage, &reply, error) &&
                  bak_sql_read_list(&reply.body, take, look, next, sizeof next, error);
        dr_http_reply_free(&reply);
        if (!ok || next[0] == '\0')
            return ok;
        if (strcmp(skip, next) == 0)
            return dr_azure_unusable(error, "the list's next page is the one before it");
        snprintf(skip, sizeof skip, "%s", next);
    }
    return dr_azure_unusable(error, "a list without an end");
}

/* "/subscriptions/.../providers/Microsoft.Sql" and what follows it. */
static void make_path(const struct look *look, char path[PATH_SIZE], const char *rest)
{
    snprintf(path, PATH_SIZE, "%ssubscriptions/%s/resourceGroups/%s/providers/Microsoft.Sql/%s",
             look->access.path, look->access.subscription, look->access.resource_group, rest);
}

/* ---- what comes back ---- */

static bool take_database(void *context, const struct bak_sql_item *item, struct dr_error *error)
{
    struct look *look = context;
    look->facts->looked++;
    if (look->database != NULL && strcmp(look->database, item->name) != 0)
        return true;
    look->found = true;
    bak_sql_take_database(look->facts, look->request, item, look->long_term);
    if (strcmp(item->tier, "DataWarehouse") != 0 || look->long_term)
        return true;
    char **items = realloc(look->warehouses.items,
                           (look->warehouses.count + 1) * sizeof *look->warehouses.items);
    char *name = strdup(item->name);
    if (items != NULL)
        look->warehouses.items = items;
    if (items == NULL || name == NULL) {
        free(name);
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    }
    look->warehouses.items[look->warehouses.count++] = name;
    return true;
}

static bool take_recoverable(void *context, const struct bak_sql_item *item, struct dr_error *error)
{
    struct look *look = context;
    (void)error;
    bak_sql_take_recoverable(look->facts, look->request, item);
    return true;
}

static bool take_long_term(void *context, const struct bak_sql_item *item, struct dr_error *error)
{
    struct look *look = context;
    (void)error;
    bak_sql_take_long_term(look->facts, look->request, item);
    return true;
}

static bool take_point(void *context, const struct bak_sql_item *item, struct dr_error *error)
{
    struct look *look = context;
    (void)error;
    bak_sql_take_point(look->facts, look->warehouse, item);
    return true;
}

/* ---- the lists ---- */

/* A data warehouse has no log: its restore points are what there is. */
static bool read_points(struct look *look, struct dr_error *error)
{
    char path[PATH_SIZE], rest[PATH_SIZE / 2];
    for (size_t i = 0; i < look->warehouses.count; i++) {
        struct dr_buffer name = DR_BUFFER(PATH_SIZE / 4);
        look->warehouse = look->warehouses.items[i];
        bool ok = dr_http_encode(&name, look->warehouse) ||
                  dr_error_set(error, DR_ERR_USAGE, "a name is too long for a request");
        snprintf(rest, sizeof rest, "servers/%s/databases/%s/restorePoints", look->server,
                 dr_buffer_text(&name));
        dr_buffer_free(&name);
        make_path(look, path, rest);
        if (!ok || !read_list(look, path, "list the restore points", take_point, error))
            return false;
    }
    return true;
}

static bool read_automatic(struct look *look, struct dr_error *error)
{
    char path[PATH_SIZE], rest[PATH_SIZE / 4];
    snprintf(rest, sizeof rest, "servers/%s/recoverableDatabases", look->server);
    make_path(look, path, rest);
    return read_list(look, path, "list the copies in the other region", take_recoverable, error) &&
           read_points(look, error);
}

static bool read_long_term(struct look *look, struct dr_error *error)
{
    char path[PATH_SIZE], rest[PATH_SIZE / 4], location[64];
    struct dr_http_reply reply;
    snprintf(rest, sizeof rest, "servers/%s", look->server);
    make_path(look, path, rest);
    bool ok = ask(look, path, "", "ask for the server", &reply, error) &&
              bak_sql_read_location(&reply.body, location, sizeof location, error);
    dr_http_reply_free(&reply);
    if (!ok)
        return false;
    snprintf(rest, sizeof rest, "locations/%s/longTermRetentionServers/%s/longTermRetentionBackups",
             location, look->server);
    make_path(look, path, rest);
    return read_list(look, path, "list the long-term backups", take_long_term, error);
}

static bool read_server(struct look *look, struct dr_error *error)
{
    char path[PATH_SIZE], rest[PATH_SIZE / 4];
    snprintf(rest, sizeof rest, "servers/%s/databases", look->server);
    make_path(look, path, rest);
    if (!read_list(look, path, "list the databases", take_database, error) ||
        !(look->long_term ? read_long_term(look, error) : read_automatic(look, error)))
        return false;
    if (look->database != NULL && !look->found)
        bak_facts_sign(look->facts, NULL, BAK_NO_SUCH_SERIES, "database %s", look->database);
    bak_sql_finish(look->facts, look->long_term);
    look->facts->complete = true;
    return true;
}

static bool probe(struct dr_task *task, void *data, struct dr_error *error)
{
    const struct dr_uri *uri = &dr_task_target(task)->uri;
    struct look look = {.task = task, .request = dr_task_request(task), .facts = data};
    struct bak_facts *facts = data;
    facts->product = BAK_AZURE_SQL;
    bool ok = read_uri(uri, &look, error) &&
              dr_azure_access_read_arm(task, &form, uri->hosts[0].name, look.group, &look.access,
                                       error) &&
              dr_azure_access_identify(task, &look.access, error);
    if (ok) {
        bak_facts_text(facts, &facts->what, "Azure SQL server");
        look.http = dr_http_new(task, error);
        ok = look.http != NULL && read_server(&look, error);
    }
    for (size_t i = 0; i < look.warehouses.count; i++)
        free(look.warehouses.items[i]);
    free(look.warehouses.items);
    dr_http_free(look.http);
    dr_azure_access_free(&look.access);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(backups, azuresql);
const struct dr_source DR_SOURCE_SYMBOL(backups, azuresql) = {
    .abi = DR_SOURCE_ABI,
    .group = "backups",
    .name = "azuresql",
    .facts_size = sizeof(struct bak_facts),
    .library = dr_http_library,
    .probe = probe,
};
