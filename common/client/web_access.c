/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/web_access.h"

#include "common/secret.h"

#include <stdlib.h>
#include <string.h>

#define URL_MAX_BYTES 8192

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* ---- where to ---- */

/* The path of the socket, decoded, as far as ":/" in the raw path. */
static bool read_socket(const struct dr_uri *uri, struct dr_web_access *access,
                        struct dr_error *error)
{
    const char *colon = strstr(uri->raw, ":/");
    if (uri->host_count > 0 || uri->raw[0] != '/' || colon == NULL || colon == uri->raw + 1)
        return dr_error_set(error, DR_ERR_USAGE,
                            "%s:///run/app.sock:/health is wanted: no host, the path of the "
                            "socket, \":\", and the path to ask for",
                            uri->scheme);
    struct dr_uri decoded;
    char *text = dr_text_format("unix://%.*s", (int)(colon - uri->raw), uri->raw);
    if (text == NULL)
        return out_of_memory(error);
    bool ok = dr_uri_parse(text, &decoded, error);
    free(text);
    if (!ok)
        return false;
    access->socket = strdup(decoded.path);
    dr_uri_free(&decoded);
    access->request.unix_socket = access->socket;
    access->path = colon + 1;
    access->url = strdup("http://localhost");
    return (access->socket != NULL && access->url != NULL) || out_of_memory(error);
}

/* A zone's "%" is written "%25" in a URL (RFC 6874). */
static void add_host(struct dr_buffer *out, const struct dr_uri_host *host)
{
    bool bare = strchr(host->name, ':') != NULL;
    dr_buffer_add(out, bare ? "[" : "");
    for (const char *c = host->name; *c != '\0'; c++)
        dr_buffer_addf(out, "%c%s", *c, *c == '%' ? "25" : "");
    dr_buffer_add(out, bare ? "]" : "");
    if (host->port != 0)
        dr_buffer_addf(out, ":%d", host->port);
}

static bool read_host(const struct dr_uri *uri, size_t host, bool tls, struct dr_web_access *access,
                      struct dr_error *error)
{
    if (uri->host_count == 0)
        return dr_error_set(error, DR_ERR_USAGE, "%s:// without a host", uri->scheme);
    struct dr_buffer url = DR_BUFFER(URL_MAX_BYTES);
    dr_buffer_add(&url, tls ? "https://" : "http://");
    add_host(&url, &uri->hosts[host]);
    access->url = dr_buffer_take(&url);
    access->path = uri->raw;
    return access->url != NULL || out_of_memory(error);
}

/* ---- TLS ---- */

static bool is_tls(const char *scheme)
{
    return strcmp(scheme, "http") != 0 && !ends_in(scheme, "+http") && !ends_in(scheme, "+unix");
}

/* The parameter where there is one and it is ours, or else the option. */
static const char *choose(const struct dr_uri *uri, bool parameters, const char *key,
                          const char *option)
{
    const char *given = parameters ? dr_uri_param(uri, key) : NULL;
    return given != NULL ? given : option;
}

static bool read_tls(const struct dr_uri *uri, bool parameters,
                     const struct dr_web_options *options, struct dr_http_request *request,
                     struct dr_error *error)
{
    request->ca_file = choose(uri, parameters, "cacert", options->ca_file);
    request->cert_file = choose(uri, parameters, "cert", options->cert_file);
    request->insecure = options->insecure;
    /* the option's key belongs to the option's certificate */
    bool own = parameters && dr_uri_param(uri, "cert") != NULL;
    request->key_file = choose(uri, parameters, "key", own ? NULL : options->key_file);
    if (request->key_file != NULL && request->cert_file == NULL)
        return dr_error_set(error, DR_ERR_USAGE, "a key without a certificate: say --cert");
    if (parameters && dr_uri_param(uri, "insecure") != NULL)
        return dr_uri_flag(uri, "insecure", &request->insecure, error);
    return true;
}

/* Without TLS the files of the options are for other targets; parameters were meant for this one.
 */
static bool has_no_tls(const struct dr_uri *uri, bool parameters, struct dr_error *error)
{
    static const char *const keys[] = {"cacert", "cert", "key", "insecure"};
    for (size_t i = 0; parameters && i < sizeof keys / sizeof keys[0]; i++) {
        if (dr_uri_param(uri, keys[i]) != NULL)
            return dr_error_set(error, DR_ERR_USAGE, "%s= is for TLS, and %s:// is without",
                                keys[i], uri->scheme);
    }
    return true;
}

/* ---- headers ---- */

static bool add_header(struct dr_http_request *request, const char *header, struct dr_error *error)
{
    size_t count = 0;
    while (request->headers[count] != NULL)
        count++;
    if (count == DR_HTTP_HEADERS_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "at most %d headers can be sent",
                            DR_HTTP_HEADERS_MAX);
    request->headers[count] = header;
    return true;
}

/* ---- who asks ---- */

/* RFC 6750, 2.1: b64token */
static bool is_token(const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    return text[0] != '\0' && text[strspn(text, plain)] == '\0';
}

/* At each run: tokens that are bound to a pod are replaced every hour. */
static bool read_token(struct dr_task *task, const char *path, struct dr_web_access *access,
                       struct dr_error *error)
{
    const char *token;
    struct dr_secrets *secrets = dr_secrets_new();
    if (secrets == NULL)
        return out_of_memory(error);
    bool ok = dr_secrets_read_file(secrets, path, &token, error);
    if (!ok)
        dr_error_prefix(error, "token-file");
    else if (!is_token(token))
        ok = dr_error_set(error, DR_ERR_USAGE, "token-file: there is no bearer token in it");
    if (ok) {
        dr_task_secret(task, token);
        access->token = dr_text_format("Authorization: Bearer %s", token);
        ok = access->token != NULL ? add_header(&access->request, access->token, error)
                                   : out_of_memory(error);
    }
    dr_secrets_free(secrets);
    return ok;
}

static bool read_user(const struct dr_target *target, struct dr_http_request *request,
                      struct dr_error *error)
{
    request->user = target->uri.user;
    request->password = target->password;
    if (strchr(request->user, ':') != NULL)
        return dr_error_set(error, DR_ERR_USAGE,
                            "a user name with \":\" is not possible over HTTP");
    return request->password != NULL ||
           dr_error_set(error, DR_ERR_AUTH, "no password for user \"%s\": say --password-file",
                        request->user);
}

static bool read_token_option(struct dr_task *task, const struct dr_web_options *options,
                              struct dr_web_access *access, struct dr_error *error)
{
    return options->token_file == NULL || read_token(task, options->token_file, access, error);
}

static bool read_secret(struct dr_task *task, const struct dr_web_options *options, bool parameters,
                        struct dr_web_access *access, struct dr_error *error)
{
    const struct dr_target *target = dr_task_target(task);
    const char *own = parameters ? dr_uri_param(&target->uri, "token-file") : NULL;
    if (target->uri.user != NULL && own != NULL)
        return dr_error_set(error, DR_ERR_USAGE, "a user and token-file= exclude each other");
    if (target->uri.user != NULL)
        return read_user(target, &access->request, error);
    return own != NULL ? read_token(task, own, access, error)
                       : read_token_option(task, options, access, error);
}

/* Everything but the secrets. */
static bool read_place(const struct dr_web_options *options, const struct dr_uri *uri, size_t host,
                       bool parameters, struct dr_web_access *access, struct dr_error *error)
{
    bool tls = is_tls(uri->scheme);
    access->request.proxy_protocol = options->proxy_protocol;
    bool ok = ends_in(uri->scheme, "+unix") ? read_socket(uri, access, error)
                                            : read_host(uri, host, tls, access, error);
    ok = ok && (tls ? read_tls(uri, parameters, options, &access->request, error)
                    : has_no_tls(uri, parameters, error));
    for (size_t i = 0; ok && options->headers != NULL && i < options->headers->count; i++)
        ok = add_header(&access->request, options->headers->items[i], error);
    if (!ok)
        return false;
    access->whole = dr_text_format("%s%s", access->url, access->path);
    return access->whole != NULL || out_of_memory(error);
}

bool dr_web_access_read(struct dr_task *task, const struct dr_web_options *options, bool parameters,
                        struct dr_web_access *access, struct dr_error *error)
{
    const struct dr_target *target = dr_task_target(task);
    *access = (struct dr_web_access){.path = ""};
    return read_place(options, &target->uri, target->host, parameters, access, error) &&
           read_secret(task, options, parameters, access, error);
}

bool dr_web_access_read_url(struct dr_task *task, const struct dr_web_options *options,
                            const char *text, struct dr_web_access *access, struct dr_error *error)
{
    *access = (struct dr_web_access){.path = ""};
    if (!dr_uri_parse(text, &access->uri, error))
        return false;
    const struct dr_uri *uri = &access->uri;
    bool http = strcmp(uri->scheme, "http") == 0 || strcmp(uri->scheme, "https") == 0;
    if (!http || uri->user != NULL || uri->host_count != 1)
        return dr_error_set(error, DR_ERR_USAGE,
                            "http://HOST/PATH or https://HOST/PATH is wanted, without a user");
    return read_place(options, uri, 0, false, access, error) &&
           read_token_option(task, options, access, error);
}

void dr_web_access_free(struct dr_web_access *access)
{
    if (access->token != NULL)
        dr_wipe(access->token, strlen(access->token));
    free(access->token);
    free(access->socket);
    free(access->url);
    free(access->whole);
    dr_uri_free(&access->uri);
    *access = (struct dr_web_access){.path = ""};
}

/* ---- what comes back ---- */

bool dr_web_access_status(const struct dr_http_reply *reply, const char *what,
                          struct dr_error *error)
{
    switch (reply->status) {
    case 200:
        return true;
    case 401:
        return dr_error_set(error, DR_ERR_AUTH,
                            "status 401: the user, token or certificate is not accepted; not "
                            "allowed to %s",
                            what);
    case 403:
        return dr_error_set(error, DR_ERR_PRIVILEGE, "status 403: not allowed to %s", what);
    case 404:
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "status 404: not there: is the path right? Asked to %s", what);
    default:
        return dr_error_set(error, reply->status >= 500 ? DR_ERR_SERVER : DR_ERR_PROTOCOL,
                            "status %ld, not 200: asked to %s%s%s", reply->status, what,
                            reply->location[0] != '\0' ? "; it leads to " : "", reply->location);
    }
}
