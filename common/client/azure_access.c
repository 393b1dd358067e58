/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/azure_access.h"

#include "common/client/azure_read.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARM "https://management.azure.com"
#define SUFFIX "core.windows.net"
#define METADATA "http://169.254.169.254"
#define TOKEN_REPLY_MAX ((size_t)64 * 1024)

static const char *const parameters[] = {
    "endpoint", "endpoint_suffix", "token_file",        "sas_file",   "cacert",
    "proxy",    "identity",        "identity_endpoint", "plain_http", NULL};
/* of an account SAS */
static const char *const sas_parameters[] = {"sv",  "ss",  "srt", "sp",  "se", "st",
                                             "spr", "sip", "ses", "sig", NULL};

static bool is_one_of(const char *const *list, const char *word)
{
    for (; *list != NULL; list++) {
        if (strcmp(*list, word) == 0)
            return true;
    }
    return false;
}

static bool is_of_sas(const struct dr_azure_access *access, const char *key)
{
    return is_one_of(sas_parameters, key) || is_one_of(access->form->sas_parameters, key);
}

/* ---- whom to ask ---- */

static bool check_parameters(const struct dr_uri *uri, const struct dr_azure_access *access,
                             struct dr_error *error)
{
    for (size_t i = 0; access->form->parameters != NULL && i < uri->param_count; i++) {
        const char *key = uri->params[i].key;
        if (!is_one_of(parameters, key) && !is_one_of(access->form->parameters, key) &&
            !is_of_sas(access, key))
            return dr_error_set(error, DR_ERR_USAGE,
                                "%s has no parameter \"%.40s\": see the manual page", uri->scheme,
                                key);
    }
    return true;
}

/* What becomes a part of a host name or path must not be able to change its meaning. */
static bool is_plain(const char *text, const char *more)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) == NULL && strchr(more, *text) == NULL)
            return false;
    }
    return true;
}

static bool check_group(const struct dr_azure_access *access, struct dr_error *error)
{
    return (is_plain(access->subscription, "-") && is_plain(access->resource_group, "-_.()")) ||
           dr_error_set(error, DR_ERR_USAGE, "subscription= or resource_group= is no name");
}

static bool read_account(const struct dr_uri *uri, struct dr_azure_access *access,
                         struct dr_error *error)
{
    if (uri->host_count != 1 || uri->hosts[0].port != 0)
        return dr_error_set(error, DR_ERR_USAGE, "%s: one account, without a port",
                            access->form->usage);
    access->account = uri->hosts[0].name;
    size_t length = strlen(access->account);
    if (length < 3 || length > 24 ||
        strspn(access->account, "abcdefghijklmnopqrstuvwxyz0123456789") != length)
        return dr_error_set(error, DR_ERR_USAGE,
                            "%s: the name of a storage account has 3 to 24 "
                            "lower case letters and digits",
                            access->form->usage);
    access->subscription = dr_uri_param(uri, "subscription");
    access->resource_group = dr_uri_param(uri, "resource_group");
    access->service =
        access->form->service != NULL ? access->form->service : dr_uri_param(uri, "services");
    if ((access->subscription == NULL) != (access->resource_group == NULL))
        return dr_error_set(error, DR_ERR_USAGE,
                            "to ask ARM both subscription= and resource_group= are needed");
    return access->subscription == NULL || check_group(access, error);
}

/* "127.0.0.1.example.org" is not. */
static bool is_loopback(const char *host)
{
    char name[64];
    struct in_addr address;
    if (strncmp(host, "[::1]", 5) == 0)
        return host[5] == '\0' || host[5] == ':' || host[5] == '/';
    size_t length = strcspn(host, ":/");
    if (length >= sizeof name)
        return false;
    memcpy(name, host, length);
    name[length] = '\0';
    return strcmp(name, "localhost") == 0 ||
           (inet_pton(AF_INET, name, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

/* endpoint=URL, with "{service}" replaced, as base and path. */
static bool read_endpoint(const struct dr_uri *uri, const char *endpoint,
                          struct dr_azure_access *access, struct dr_error *error)
{
    static const char mark[] = "{service}";
    struct dr_buffer url = DR_BUFFER(DR_AZURE_BASE_MAX - 2);
    const char *place = strstr(endpoint, mark);
    if (place != NULL && access->service != NULL)
        dr_buffer_addf(&url, "%.*s%s%s", (int)(place - endpoint), endpoint, access->service,
                       place + sizeof mark - 1);
    else
        dr_buffer_add(&url, endpoint);
    const char *text = dr_buffer_text(&url), *host = strstr(text, "://");
    bool http = strncmp(text, "http://", 7) == 0, https = strncmp(text, "https://", 8) == 0;
    bool ok = !url.cut && (http || https) && is_plain(text, "-._~:/[]%");
    const char *said = dr_uri_param(uri, "plain_http");
    if (!ok || host[3] == '\0') {
        dr_error_set(error, DR_ERR_USAGE, "endpoint= is no http:// or https:// URL");
        ok = false;
    } else if (http && !is_loopback(host + 3) && (said == NULL || strcmp(said, "yes") != 0)) {
        ok = dr_error_set(error, DR_ERR_USAGE,
                          "endpoint= without TLS would show the secret to the network: use "
                          "https://, or say plain_http=yes");
    } else {
        size_t length = (size_t)(host - text) + 3 + strcspn(host + 3, "/");
        const char *path = text + length;
        bool closed = *path != '\0' && path[strlen(path) - 1] == '/';
        snprintf(access->base, sizeof access->base, "%.*s", (int)length, text);
        snprintf(access->path, sizeof access->path, "%s%s", path, closed ? "" : "/");
    }
    dr_buffer_free(&url);
    return ok;
}

static bool read_place(const struct dr_uri *uri, struct dr_azure_access *access,
                       struct dr_error *error)
{
    const char *endpoint = dr_uri_param(uri, "endpoint");
    const char *suffix = dr_uri_param(uri, "endpoint_suffix");
    access->ca_file = dr_uri_param(uri, "cacert");
    access->proxy = dr_uri_param(uri, "proxy");
    if (access->subscription != NULL)
        return read_endpoint(uri, endpoint != NULL ? endpoint : ARM, access, error);
    if (endpoint != NULL)
        return read_endpoint(uri, endpoint, access, error);
    suffix = suffix != NULL ? suffix : SUFFIX;
    if (!is_plain(suffix, "-.") || strlen(suffix) > 200)
        return dr_error_set(error, DR_ERR_USAGE, "endpoint_suffix= is no domain name");
    snprintf(access->base, sizeof access->base, "https://%s%s.%s.%s", access->account,
             access->form->secondary ? "-secondary" : "", access->service, suffix);
    snprintf(access->path, sizeof access->path, "/");
    return true;
}

/* ---- with which secret ---- */

static bool use_sas(struct dr_task *task, const char *text, struct dr_azure_access *access,
                    struct dr_error *error)
{
    struct dr_azure_sas sas;
    if (!dr_azure_read_sas(text, &sas, error))
        return false;
    dr_task_secret(task, sas.query);
    dr_task_secret(task, sas.signature);
    dr_wipe(sas.signature, sizeof sas.signature);
    access->sas = sas.query;
    access->sas_expiry = sas.expiry;
    access->sas_of_account = sas.of_account;
    return true;
}

/* The SAS that was pasted into the target, put together again. */
static bool use_pasted_sas(struct dr_task *task, const struct dr_uri *uri,
                           struct dr_azure_access *access, struct dr_error *error)
{
    struct dr_buffer text = DR_BUFFER(DR_SECRET_MAX);
    for (size_t i = 0; i < uri->param_count; i++) {
        const char *key = uri->params[i].key;
        if (!is_of_sas(access, key))
            continue;
        dr_buffer_addf(&text, "%s%s=", text.size > 0 ? "&" : "", key);
        dr_http_encode(&text, uri->params[i].value);
    }
    const char *kept = text.cut ? NULL : dr_secrets_add(access->secrets, dr_buffer_text(&text));
    if (text.size > 0)
        dr_wipe(text.text, text.size);
    dr_buffer_free(&text);
    return kept != NULL ? use_sas(task, kept, access, error)
                        : dr_error_set(error, DR_ERR_USAGE, "the SAS is too long");
}

static bool read_file(struct dr_task *task, struct dr_azure_access *access, const char *name,
                      const char *path, const char **value, struct dr_error *error)
{
    if (!dr_secrets_read_file(access->secrets, path, value, error))
        return dr_error_prefix(error, "%s", name);
    dr_task_secret(task, *value);
    return true;
}

static const char *from_environment(struct dr_task *task, const char *name)
{
    const char *value = getenv(name);
    if (value == NULL || value[0] == '\0')
        return NULL;
    dr_task_secret(task, value);
    return value;
}

static bool use_identity(const struct dr_uri *uri, struct dr_azure_access *access,
                         struct dr_error *error)
{
    const char *endpoint = dr_uri_param(uri, "identity_endpoint");
    access->identity = dr_uri_param(uri, "identity");
    if (access->identity[0] == '\0' || !is_plain(access->identity, "-"))
        return dr_error_set(error, DR_ERR_USAGE,
                            "identity= is neither \"system\" nor the client id of an identity");
    /* the metadata service is on the machine itself and has no TLS */
    endpoint = endpoint != NULL ? endpoint : METADATA;
    const char *host = strstr(endpoint, "://");
    bool own = strcmp(endpoint, METADATA) == 0 ||
               (strncmp(endpoint, "http://", 7) == 0 && is_loopback(host + 3));
    if (!own || !is_plain(endpoint, "-._~:/[]") || strlen(endpoint) >= DR_AZURE_BASE_MAX)
        return dr_error_set(error, DR_ERR_USAGE,
                            "identity_endpoint= must be an http:// URL of this host");
    snprintf(access->identity_base, sizeof access->identity_base, "%s", endpoint);
    return true;
}

static bool read_token(struct dr_task *task, const char *path, struct dr_azure_access *access,
                       struct dr_error *error)
{
    return read_file(task, access, "token_file", path, &access->token, error) &&
           (is_plain(access->token, "-._~+/=") ||
            dr_error_set(error, DR_ERR_USAGE, "token_file: there is no bearer token in it"));
}

static bool read_secret(struct dr_task *task, struct dr_azure_access *access,
                        struct dr_error *error)
{
    const struct dr_target *target = dr_task_target(task);
    const char *sas_file = dr_uri_param(&target->uri, "sas_file");
    const char *token_file = dr_uri_param(&target->uri, "token_file");
    const char *text;
    if (token_file != NULL)
        return read_token(task, token_file, access, error);
    if (dr_uri_param(&target->uri, "identity") != NULL)
        return use_identity(&target->uri, access, error);
    if (access->subscription != NULL)
        return dr_error_set(error, DR_ERR_AUTH,
                            "ARM takes a bearer token only: say token_file= or identity=");
    if (dr_uri_param(&target->uri, "sig") != NULL)
        return use_pasted_sas(task, &target->uri, access, error);
    if (sas_file != NULL)
        return read_file(task, access, "sas_file", sas_file, &text, error) &&
               use_sas(task, text, access, error);
    access->key = target->password;
    if (access->key == NULL)
        access->key = from_environment(task, "AZURE_STORAGE_KEY");
    if (access->key != NULL)
        return true;
    text = from_environment(task, "AZURE_STORAGE_SAS_TOKEN");
    if (text != NULL)
        return use_sas(task, text, access, error);
    return dr_error_set(error, DR_ERR_AUTH,
                        "nothing to authorise the request with: give the account key "
                        "(--password-file), sas_file=, token_file= or identity=");
}

bool dr_azure_access_read(struct dr_task *task, const struct dr_azure_form *form,
                          struct dr_azure_access *access, struct dr_error *error)
{
    const struct dr_uri *uri = &dr_task_target(task)->uri;
    *access = (struct dr_azure_access){.form = form, .secrets = dr_secrets_new()};
    if (access->secrets == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    return check_parameters(uri, access, error) && read_account(uri, access, error) &&
           read_place(uri, access, error) && read_secret(task, access, error);
}

bool dr_azure_access_read_arm(struct dr_task *task, const struct dr_azure_form *form,
                              const char *subscription, const char *resource_group,
                              struct dr_azure_access *access, struct dr_error *error)
{
    const struct dr_uri *uri = &dr_task_target(task)->uri;
    *access = (struct dr_azure_access){.form = form,
                                       .account = "",
                                       .subscription = subscription,
                                       .resource_group = resource_group,
                                       .secrets = dr_secrets_new()};
    if (access->secrets == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    return check_parameters(uri, access, error) && check_group(access, error) &&
           read_place(uri, access, error) && read_secret(task, access, error);
}

bool dr_azure_access_identify(struct dr_task *task, struct dr_azure_access *access,
                              struct dr_error *error)
{
    if (access->identity == NULL)
        return true;
    bool arm = access->subscription != NULL, own = strcmp(access->identity, "system") == 0;
    char url[DR_AZURE_BASE_MAX + 300];
    snprintf(url, sizeof url,
             "%s/metadata/identity/oauth2/token?api-version=2018-02-01&resource=%s%s%.100s",
             access->identity_base,
             arm ? "https%3A%2F%2Fmanagement.azure.com%2F" : "https%3A%2F%2Fstorage.azure.com%2F",
             own ? "" : "&client_id=", own ? "" : access->identity);
    const struct dr_http_request request = {.url = url,
                                            .headers = {"Metadata: true"},
                                            .body_max = TOKEN_REPLY_MAX,
                                            .private = true,
                                            .stage = "ask for the identity's token"};
    struct dr_http_reply reply;
    bool ok = dr_http_ask(task, &request, &reply, error) ||
              dr_error_prefix(error, "the metadata service of this machine");
    /* says nothing of the storage account */
    if (!ok && error->class == DR_ERR_CONNECT)
        error->class = DR_ERR_AUTH;
    if (ok && reply.status != 200)
        ok = dr_error_set(error, DR_ERR_AUTH,
                          "the metadata service of this machine gives no token (HTTP %ld): assign "
                          "it the identity",
                          reply.status);
    char *token = ok ? dr_azure_read_token(&reply.body) : NULL;
    if (ok && (token == NULL || !is_plain(token, "-._~+/=")))
        ok = dr_error_set(error, DR_ERR_PROTOCOL,
                          "the reply of the metadata service cannot be used: no token in it");
    access->token = ok ? dr_secrets_add(access->secrets, token) : NULL;
    if (token != NULL) {
        dr_task_secret(task, token);
        dr_wipe(token, strlen(token));
    }
    free(token);
    dr_http_reply_free(&reply);
    return ok && (access->token != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory"));
}

bool dr_azure_access_secondary(const struct dr_azure_access *primary,
                               struct dr_azure_access *secondary)
{
    const char *host = strstr(primary->base, "://") + 3;
    size_t length = strlen(primary->account), path = strlen(primary->path);
    *secondary = *primary;
    secondary->secrets = NULL;
    /* https://ACCOUNT.queue.core.windows.net/ */
    if (strncmp(host, primary->account, length) == 0 && host[length] == '.')
        return snprintf(secondary->base, sizeof secondary->base, "%.*s-secondary%s",
                        (int)(host - primary->base + (ptrdiff_t)length), primary->base,
                        host + length) < DR_AZURE_BASE_MAX;
    /* http://HOST/ACCOUNT/ */
    if (path < length + 2 || primary->path[path - length - 2] != '/' ||
        strncmp(primary->path + path - length - 1, primary->account, length) != 0)
        return false;
    return snprintf(secondary->path, sizeof secondary->path, "%.*s-secondary/", (int)path - 1,
                    primary->path) < DR_AZURE_BASE_MAX;
}

void dr_azure_access_free(struct dr_azure_access *access)
{
    dr_secrets_free(access->secrets);
    access->secrets = NULL;
}
