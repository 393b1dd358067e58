/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source of DigitalOcean's managed databases: do-database://UUID. The API lists backups of
 * PostgreSQL and MySQL; there is no status, so that the lack of a new one is the only sign. */
#include "common/client/web_access.h"
#include "common/module.h"
#include "plugins/backups/digitalocean_read.h"
#include "plugins/backups/request.h"

#include <stdlib.h>
#include <string.h>

#define ENDPOINT "https://api.digitalocean.com"
#define REPLY_MAX ((size_t)4 * 1024 * 1024)
#define PAGES_MAX 50

struct asker {
    struct dr_task *task;
    struct dr_http *http;
    struct dr_web_access access;
    char *header; /* "Authorization: Bearer ..." of a token in the environment */
    const char *uuid;
};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- the target ---- */

/* token-file=, else the environment, by the names that doctl and others have for it. */
static bool find_token(struct asker *asker, const struct dr_uri *uri,
                       struct dr_web_options *options, struct dr_text_list *headers,
                       struct dr_error *error)
{
    static const char *const names[] = {"DIGITALOCEAN_ACCESS_TOKEN", "DIGITALOCEAN_TOKEN"};
    const char *token = NULL;
    options->token_file = dr_uri_param(uri, "token-file");
    for (size_t i = 0; token == NULL && i < sizeof names / sizeof names[0]; i++)
        token = getenv(names[i]);
    if (options->token_file != NULL)
        return true;
    if (token == NULL || token[0] == '\0' || strpbrk(token, "\r\n") != NULL)
        return dr_error_set(error, DR_ERR_AUTH,
                            "no token: give token-file=FILE, or set %s (read-only: the scope "
                            "database:read)",
                            names[0]);
    dr_task_secret(asker->task, token);
    asker->header = dr_text_format("Authorization: Bearer %s", token);
    if (asker->header == NULL)
        return out_of_memory(error);
    headers->items = &asker->header;
    headers->count = 1;
    options->headers = headers;
    return true;
}

static bool is_uuid(const char *text)
{
    return strlen(text) == 36 && strspn(text, "0123456789abcdefABCDEF-") == 36;
}

static bool read_target(struct asker *asker, struct dr_error *error)
{
    static const char *const known[] = {"token-file", "endpoint", "cacert", NULL};
    const struct dr_uri *uri = &dr_task_target(asker->task)->uri;
    const char *endpoint = dr_uri_param(uri, "endpoint");
    struct dr_web_options options = {.ca_file = dr_uri_param(uri, "cacert")};
    struct dr_text_list headers = {.count = 0};
    if (!dr_uri_has_only(uri, known, error))
        return false;
    asker->uuid = uri->host_count == 1 ? uri->hosts[0].name : "";
    if (!is_uuid(asker->uuid))
        return dr_error_set(error, DR_ERR_USAGE,
                            "which database? do-database://UUID, as doctl databases list shows it");
    if (!find_token(asker, uri, &options, &headers, error))
        return false;
    return dr_web_access_read_url(asker->task, &options, endpoint != NULL ? endpoint : ENDPOINT,
                                  &asker->access, error);
}

/* ---- requests ---- */

static bool refuse(const struct dr_http_reply *reply, const char *what, struct dr_error *error)
{
    char message[DO_WORD_SIZE];
    do_read_message(dr_buffer_text(&reply->body), message);
    const char *colon = message[0] != '\0' ? ": " : "";
    if (reply->status == 401)
        return dr_error_set(error, DR_ERR_AUTH, "the token is not accepted%s%s", colon, message);
    if (reply->status == 403)
        return dr_error_set(error, DR_ERR_PRIVILEGE,
                            "not allowed to %s (grant: the token's scope database:read)%s%s", what,
                            colon, message);
    if (reply->status == 404)
        return dr_error_set(error, DR_ERR_USAGE,
                            "the account of this token has no such database%s%s", colon, message);
    if (reply->status == 429)
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "too many requests for this token (5,000 an "
                            "hour)");
    return dr_error_set(error, reply->status >= 500 ? DR_ERR_SERVER : DR_ERR_PROTOCOL,
                        "status %ld, not 200: asked to %s%s%s", reply->status, what, colon,
                        message);
}

static bool judge_reply(bool ok, const struct dr_http_reply *reply, const char *what,
                        struct dr_error *error)
{
    return ok && (reply->status == 200 || refuse(reply, what, error));
}

static struct dr_http_request request_of(const struct asker *asker, const char *url,
                                         const char *stage)
{
    struct dr_http_request request = asker->access.request;
    request.url = url;
    request.body_max = REPLY_MAX;
    request.compressed = true;
    request.stage = stage;
    return request;
}

/* The next page by its number: the address that the reply gives could be anybody's. */
static char *next_url(const char *list, const char *next)
{
    const char *page = strstr(next, "page=");
    while (page != NULL && page > next && page[-1] == '_') /* per_page= */
        page = strstr(page + 1, "page=");
    size_t digits = page != NULL ? strspn(page + 5, "0123456789") : 0;
    return digits > 0 ? dr_text_format("%s&page=%.*s", list, (int)digits, page + 5) : NULL;
}

static bool read_pages(struct asker *asker, const char *list, struct dr_http_reply *first,
                       struct bak_facts *facts, struct bak_series *series, struct dr_error *error)
{
    char next[DO_URL_SIZE];
    bool ok = do_read_backups(dr_buffer_text(&first->body), facts, series, next, error);
    for (int page = 1; ok && next[0] != '\0'; page++) {
        struct dr_http_reply reply = {.status = 0};
        bool answered;
        char *url = page < PAGES_MAX ? next_url(list, next) : NULL;
        if (url == NULL)
            return dr_error_set(error, DR_ERR_PROTOCOL, "the list of backups does not end");
        struct dr_http_request request = request_of(asker, url, "list the backups");
        dr_http_ask_all(asker->http, &request, &reply, error, &answered, 1);
        ok = judge_reply(answered, &reply, "list its backups", error) &&
             do_read_backups(dr_buffer_text(&reply.body), facts, series, next, error);
        dr_http_reply_free(&reply);
        free(url);
    }
    return ok;
}

/* What a database goes through because somebody wants it to (the reference's other statuses). */
static bool is_planned(const char *status)
{
    static const char *const planned[] = {"creating", "resizing", "migrating", "forking"};
    for (size_t i = 0; i < sizeof planned / sizeof planned[0]; i++) {
        if (strcmp(planned[i], status) == 0)
            return true;
    }
    return false;
}

static bool take(struct asker *asker, const char *list, struct dr_http_reply replies[2],
                 struct bak_facts *facts, struct dr_error *error)
{
    struct do_cluster cluster;
    if (!do_read_cluster(dr_buffer_text(&replies[0].body), &cluster, error))
        return false;
    struct bak_series *series = bak_facts_series(facts, cluster.name);
    if (strcmp(cluster.engine, "pg") != 0 && strcmp(cluster.engine, "mysql") != 0 &&
        strcmp(cluster.engine, "mongodb") != 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "%s is a database of the kind %s, which DigitalOcean keeps no backups "
                            "of",
                            cluster.name, cluster.engine);
    if (strcmp(cluster.status, "online") != 0)
        bak_facts_sign(facts, series, is_planned(cluster.status) ? BAK_NOTE : BAK_SOURCE_BROKEN,
                       "its status is \"%s\"", cluster.status);
    if (!read_pages(asker, list, &replies[1], facts, series, error))
        return false;
    bak_facts_text(facts, &facts->what, "DigitalOcean managed database");
    facts->clock = replies[1].date;
    facts->complete = true;
    facts->looked = series != NULL ? (int64_t)series->point_count : 0;
    return true;
}

/* The database and its backups at once. */
static bool ask(struct asker *asker, struct bak_facts *facts, struct dr_error *error)
{
    struct dr_http_reply replies[2] = {{.status = 0}, {.status = 0}};
    struct dr_error errors[2] = {{.class = DR_ERR_NONE}, {.class = DR_ERR_NONE}};
    bool answered[2] = {false, false}, ok = false;
    char *cluster = dr_text_format("%s/v2/databases/%s", asker->access.url, asker->uuid);
    char *list =
        dr_text_format("%s/v2/databases/%s/backups?per_page=200", asker->access.url, asker->uuid);
    asker->http = dr_http_new(asker->task, error);
    if (cluster == NULL || list == NULL)
        out_of_memory(error);
    else if (asker->http != NULL) {
        const struct dr_http_request requests[2] = {
            request_of(asker, cluster, "ask for the database"),
            request_of(asker, list, "list the backups")};
        dr_task_stage(asker->task, "list the backups");
        dr_http_ask_all(asker->http, requests, replies, errors, answered, 2);
        bool first = judge_reply(answered[0], &replies[0], "see the database", &errors[0]);
        bool second = judge_reply(answered[1], &replies[1], "list its backups", &errors[1]);
        ok = first && second && take(asker, list, replies, facts, error);
        if (!first || !second)
            *error = first ? errors[1] : errors[0];
    }
    dr_http_reply_free(&replies[0]);
    dr_http_reply_free(&replies[1]);
    dr_http_free(asker->http);
    free(cluster);
    free(list);
    return ok;
}

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct asker asker = {.task = task};
    ((struct bak_facts *)facts)->product = BAK_DIGITALOCEAN;
    bool ok = read_target(&asker, error) && ask(&asker, facts, error);
    dr_web_access_free(&asker.access);
    free(asker.header);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(backups, digitalocean);
const struct dr_source DR_SOURCE_SYMBOL(backups, digitalocean) = {
    .abi = DR_SOURCE_ABI,
    .group = "backups",
    .name = "digitalocean",
    .facts_size = sizeof(struct bak_facts),
    .library = dr_http_library,
    .probe = probe,
};
