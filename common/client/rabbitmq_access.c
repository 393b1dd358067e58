/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/rabbitmq_access.h"

#include <stdlib.h>
#include <string.h>

#define HTTP_PORT 15672
#define HTTPS_PORT 15671
#define TEXT_MAX 8192

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool check_parameters(const struct dr_uri *uri, bool tls, bool prefixed,
                             struct dr_error *error)
{
    static const char *const names[] = {"prefix", "token_file", "proxy",    "cacert",
                                        "cert",   "key",        "insecure", NULL};
    const char *const *known = prefixed ? names + 1 : names;
    static const char *const of_tls[] = {"cacert", "cert", "key", "insecure"};
    if (!dr_uri_has_only(uri, known, error))
        return false;
    for (size_t i = 0; !tls && i < sizeof of_tls / sizeof of_tls[0]; i++) {
        if (dr_uri_param(uri, of_tls[i]) != NULL)
            return dr_error_set(error, DR_ERR_USAGE, "%s= is for rabbitmqs%s://", of_tls[i],
                                prefixed ? "" : "-consumers");
    }
    if (dr_uri_param(uri, "key") != NULL && dr_uri_param(uri, "cert") == NULL)
        return dr_error_set(error, DR_ERR_USAGE, "key= without cert=");
    return true;
}

static void add_host(struct dr_buffer *out, const struct dr_uri_host *host, bool tls)
{
    bool bare = strchr(host->name, ':') != NULL;
    dr_buffer_addf(out, "%s%s%s:%d", bare ? "[" : "", host->name, bare ? "]" : "",
                   host->port != 0 ? host->port
                   : tls           ? HTTPS_PORT
                                   : HTTP_PORT);
}

/* The path, each part of it encoded; the server's management.path_prefix. */
static void add_prefix(struct dr_buffer *out, const char *path)
{
    char part[2] = "";
    for (; *path != '\0'; path++) {
        part[0] = *path;
        if (*path == '/')
            dr_buffer_add_char(out, '/');
        else
            dr_http_encode(out, part);
    }
    while (out->size > 0 && out->text[out->size - 1] == '/')
        out->text[--out->size] = '\0';
}

static bool read_place(const struct dr_target *target, bool prefixed,
                       struct dr_rabbitmq_access *access, struct dr_error *error)
{
    const struct dr_uri *uri = &target->uri;
    bool tls = strncmp(uri->scheme, "rabbitmqs", 9) == 0;
    const char *prefix = prefixed ? uri->path : dr_uri_param(uri, "prefix");
    if (!check_parameters(uri, tls, prefixed, error))
        return false;
    if (uri->host_count == 0)
        return dr_error_set(error, DR_ERR_USAGE, "%s:// without a host", uri->scheme);
    if (!dr_uri_flag(uri, "insecure", &access->insecure, error))
        return false;
    struct dr_buffer base = DR_BUFFER(TEXT_MAX), group = DR_BUFFER(TEXT_MAX);
    dr_buffer_addf(&base, "%s://", tls ? "https" : "http");
    add_host(&base, &uri->hosts[target->host], tls);
    if (prefix != NULL)
        add_prefix(&base, prefix);
    dr_buffer_add(&base, "/api/");
    for (size_t i = 0; i < uri->host_count; i++) {
        if (i > 0)
            dr_buffer_add_char(&group, ',');
        add_host(&group, &uri->hosts[i], tls);
    }
    dr_buffer_add(&group, uri->path);
    bool cut = base.cut;
    access->base = dr_buffer_take(&base);
    access->group = dr_buffer_take(&group);
    access->ca_file = dr_uri_param(uri, "cacert");
    access->cert_file = dr_uri_param(uri, "cert");
    access->key_file = dr_uri_param(uri, "key");
    access->proxy = dr_uri_param(uri, "proxy");
    if (access->base == NULL || access->group == NULL)
        return out_of_memory(error);
    return !cut || dr_error_set(error, DR_ERR_USAGE, "the path is too long");
}

/* RFC 6750, 2.1: b64token */
static bool is_token(const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    return text[0] != '\0' && text[strspn(text, plain)] == '\0';
}

static bool use_token(struct dr_task *task, const char *path, struct dr_rabbitmq_access *access,
                      struct dr_error *error)
{
    const char *token;
    access->secrets = dr_secrets_new();
    if (access->secrets == NULL)
        return out_of_memory(error);
    if (!dr_secrets_read_file(access->secrets, path, &token, error))
        return dr_error_prefix(error, "token_file");
    dr_task_secret(task, token);
    if (!is_token(token))
        return dr_error_set(error, DR_ERR_USAGE, "token_file: there is no bearer token in it");
    access->authorization = dr_text_format("Authorization: Bearer %s", token);
    return access->authorization != NULL || out_of_memory(error);
}

static bool read_secret(struct dr_task *task, struct dr_rabbitmq_access *access,
                        struct dr_error *error)
{
    const struct dr_target *target = dr_task_target(task);
    const char *token_file = dr_uri_param(&target->uri, "token_file");
    if (token_file != NULL)
        return use_token(task, token_file, access, error);
    access->user = target->uri.user;
    access->password = target->password;
    if (access->user == NULL)
        return dr_error_set(error, DR_ERR_USAGE,
                            "nobody to log in as: %s://USER@HOST with --password-file, or "
                            "token_file=",
                            target->uri.scheme);
    if (strchr(access->user, ':') != NULL)
        return dr_error_set(error, DR_ERR_USAGE,
                            "a user name with \":\" is not possible over HTTP");
    return access->password != NULL ||
           dr_error_set(error, DR_ERR_AUTH, "no password for user \"%s\": say --password-file",
                        access->user);
}

bool dr_rabbitmq_access_read(struct dr_task *task, bool prefixed, struct dr_rabbitmq_access *access,
                             struct dr_error *error)
{
    *access = (struct dr_rabbitmq_access){.base = NULL};
    return read_place(dr_task_target(task), prefixed, access, error) &&
           read_secret(task, access, error);
}

void dr_rabbitmq_access_free(struct dr_rabbitmq_access *access)
{
    if (access->authorization != NULL)
        dr_wipe(access->authorization, strlen(access->authorization));
    free(access->authorization);
    free(access->base);
    free(access->group);
    dr_secrets_free(access->secrets);
}

bool dr_rabbitmq_access_request(const struct dr_rabbitmq_access *access, const char *path,
                                char **url, struct dr_http_request *request)
{
    *url = dr_text_format("%s%s", access->base, path);
    /* without "Accept: application/json": with it, what a version does not have is 406, not 404 */
    *request = (struct dr_http_request){.url = *url,
                                        .headers = {access->authorization},
                                        .compressed = true,
                                        .user = access->user,
                                        .password = access->password,
                                        .ca_file = access->ca_file,
                                        .cert_file = access->cert_file,
                                        .key_file = access->key_file,
                                        .insecure = access->insecure,
                                        .proxy = access->proxy};
    return *url != NULL;
}

/* ---- refusals ---- */

bool dr_rabbitmq_refuse(const struct dr_rabbitmq_access *access, const struct dr_http_reply *reply,
                        struct dr_error *error)
{
    struct dr_rabbitmq_refusal refusal;
    dr_rabbitmq_read_refusal(dr_buffer_text(&reply->body), &refusal);
    const char *reason = refusal.reason[0] != '\0' ? refusal.reason : refusal.code;
    if (reply->status == 401 || reply->status == 403) {
        /* logged in, but "Not management user" */
        bool known = strncmp(refusal.reason, "Not ", 4) == 0 ||
                     (strcmp(refusal.code, "not_authorised") == 0 &&
                      strstr(refusal.reason, "Login failed") == NULL);
        if (access->user == NULL)
            return dr_error_set(error, known ? DR_ERR_PRIVILEGE : DR_ERR_AUTH,
                                "the token is refused (%s): it needs the scope "
                                "rabbitmq.tag:monitoring",
                                reason);
        if (known)
            return dr_error_set(error, DR_ERR_PRIVILEGE,
                                "user \"%s\" may not ask (%s): rabbitmqctl set_user_tags %s "
                                "monitoring",
                                access->user, reason, access->user);
        return dr_error_set(error, DR_ERR_AUTH, "wrong user or password for \"%s\" (%s)",
                            access->user, reason);
    }
    if (reply->status >= 500)
        return dr_error_set(error, DR_ERR_SERVER, "the management API fails (HTTP %ld%s%s)",
                            reply->status, reason[0] != '\0' ? ": " : "", reason);
    return dr_error_set(error, DR_ERR_PROTOCOL,
                        "no management API here (HTTP %ld): check port and path prefix",
                        reply->status);
}
