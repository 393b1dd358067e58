/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/kubernetes_access.h"

#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What Kubernetes mounts into each pod. */
#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"
#define NAMESPACE_MAX 63

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

bool dr_kubernetes_is_name(const char *text, size_t most, bool dots)
{
    size_t plain = strspn(text, dots ? "abcdefghijklmnopqrstuvwxyz0123456789-."
                                     : "abcdefghijklmnopqrstuvwxyz0123456789-");
    return plain > 0 && text[plain] == '\0' && plain <= most;
}

static bool check_parameters(const struct dr_uri *uri, struct dr_error *error)
{
    static const char *const elsewhere[] = {"token-file", "cacert", "cert", "key", "insecure"};
    const char *kubeconfig = dr_uri_param(uri, "kubeconfig");
    if (uri->host_count > 1)
        return dr_error_set(error, DR_ERR_USAGE, "one host: the API server of one cluster");
    if (kubeconfig == NULL && dr_uri_param(uri, "context") != NULL)
        return dr_error_set(error, DR_ERR_USAGE, "context= without kubeconfig=");
    if (kubeconfig != NULL && (uri->host_count > 0 || uri->user != NULL))
        return dr_error_set(
            error, DR_ERR_USAGE,
            "kubeconfig= says where and who: %s:///NAMESPACE?kubeconfig=", uri->scheme);
    for (size_t i = 0; kubeconfig != NULL && i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        if (dr_uri_param(uri, elsewhere[i]) != NULL)
            return dr_error_set(error, DR_ERR_USAGE, "kubeconfig= and %s= exclude each other",
                                elsewhere[i]);
    }
    return true;
}

/* ---- files of a pod ---- */

/* The first line, which the caller frees; NULL with the error set. Not dr_secrets_read_file: within
 * a pod everybody may read these files. */
static char *read_line(const char *path, struct dr_error *error)
{
    char text[DR_SECRET_MAX + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (got < 0)
        dr_error_set(error, DR_ERR_USAGE, "cannot read %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return NULL;
    text[got] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    char *line = strdup(text);
    dr_wipe(text, sizeof text);
    if (line == NULL)
        out_of_memory(error);
    else if (line[0] == '\0')
        dr_error_set(error, DR_ERR_USAGE, "%s is empty", path);
    return line;
}

/* ---- who asks ---- */

/* RFC 6750, 2.1: b64token */
static bool is_token(const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    return text[0] != '\0' && text[strspn(text, plain)] == '\0';
}

static bool use_token(struct dr_task *task, const char *token, struct dr_web_access *http,
                      struct dr_error *error)
{
    dr_task_secret(task, token);
    if (!is_token(token))
        return dr_error_set(error, DR_ERR_USAGE, "there is no bearer token where one should be");
    http->token = dr_text_format("Authorization: Bearer %s", token);
    if (http->token == NULL)
        return out_of_memory(error);
    http->request.headers[0] = http->token;
    return true;
}

static bool use_token_file(struct dr_task *task, const char *path, struct dr_web_access *http,
                           struct dr_error *error)
{
    const char *token;
    struct dr_secrets *secrets = dr_secrets_new();
    if (secrets == NULL)
        return out_of_memory(error);
    bool ok =
        dr_secrets_read_file(secrets, path, &token, error) && use_token(task, token, http, error);
    dr_secrets_free(secrets);
    return ok;
}

/* ---- the three ways ---- */

/* kubectl's file. */
static bool use_config(struct dr_task *task, struct dr_kubernetes_access *access,
                       struct dr_error *error)
{
    const struct dr_uri *uri = &dr_task_target(task)->uri;
    const struct dr_kubernetes_config *config = &access->config;
    struct dr_http_request *request = &access->http.request;
    if (!dr_kubernetes_config_read(dr_uri_param(uri, "kubeconfig"), dr_uri_param(uri, "context"),
                                   &access->config, error))
        return false;
    *request = (struct dr_http_request){.ca_file = config->ca_file,
                                        .ca_pem = config->ca_pem,
                                        .cert_file = config->cert_file,
                                        .cert_pem = config->cert_pem,
                                        .key_file = config->key_file,
                                        .key_pem = config->key_pem,
                                        .insecure = config->insecure,
                                        .proxy = config->proxy};
    access->http.url = strdup(config->server);
    if (access->http.url == NULL)
        return out_of_memory(error);
    for (size_t end = strlen(access->http.url); end > 0 && access->http.url[end - 1] == '/'; end--)
        access->http.url[end - 1] = '\0';
    /* the file counts where both are said, as for kubectl: it is what is renewed */
    if (config->token_file != NULL)
        return use_token_file(task, config->token_file, &access->http, error);
    return config->token == NULL || use_token(task, config->token, &access->http, error);
}

/* Within a pod. */
static bool use_account(struct dr_task *task, const struct dr_web_options *options,
                        struct dr_kubernetes_access *access, struct dr_error *error)
{
    const struct dr_uri *uri = &dr_task_target(task)->uri;
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    const char *token_file = dr_uri_param(uri, "token-file");
    const char *ca_file = dr_uri_param(uri, "cacert");
    if (token_file == NULL)
        token_file = options->token_file;
    if (ca_file == NULL)
        ca_file = options->ca_file;
    if (host == NULL || host[0] == '\0')
        return dr_error_set(error, DR_ERR_USAGE,
                            "no host, no kubeconfig=, and this is no pod: KUBERNETES_SERVICE_HOST "
                            "is not set");
    bool bare = strchr(host, ':') != NULL;
    access->http.url = dr_text_format("https://%s%s%s:%s", bare ? "[" : "", host, bare ? "]" : "",
                                      port != NULL ? port : "443");
    access->http.request.ca_file = ca_file != NULL ? ca_file : ACCOUNT "ca.crt";
    if (access->http.url == NULL)
        return out_of_memory(error);
    if (token_file != NULL)
        return use_token_file(task, token_file, &access->http, error);
    char *token = read_line(ACCOUNT "token", error);
    bool ok = token != NULL && token[0] != '\0' && use_token(task, token, &access->http, error);
    if (token != NULL)
        dr_wipe(token, strlen(token));
    free(token);
    return ok;
}

/* ---- the namespace ---- */

static bool read_namespace(const struct dr_uri *uri, const char *fallback,
                           struct dr_kubernetes_access *access, struct dr_error *error)
{
    const char *path = uri->path[0] == '/' ? uri->path + 1 : uri->path;
    bool account =
        fallback == NULL && uri->host_count == 0 && dr_uri_param(uri, "kubeconfig") == NULL;
    if (path[0] != '\0')
        access->namespace = strdup(path);
    else if (fallback != NULL)
        access->namespace = strdup(fallback);
    else if (access->config.namespace != NULL)
        access->namespace = strdup(access->config.namespace);
    else if (account)
        access->namespace = read_line(ACCOUNT "namespace", error);
    else
        return dr_error_set(error, DR_ERR_USAGE, "which namespace? %s://HOST/NAMESPACE",
                            uri->scheme);
    if (access->namespace == NULL)
        return account && path[0] == '\0' ? false : out_of_memory(error);
    return dr_kubernetes_is_name(access->namespace, NAMESPACE_MAX, false) ||
           dr_error_set(error, DR_ERR_USAGE,
                        "a namespace is one name of up to %d lower case letters, digits and \"-\"",
                        NAMESPACE_MAX);
}

bool dr_kubernetes_access_read(struct dr_task *task, const struct dr_web_options *options,
                               const char *fallback, struct dr_kubernetes_access *access,
                               struct dr_error *error)
{
    const struct dr_uri *uri = &dr_task_target(task)->uri;
    *access = (struct dr_kubernetes_access){.namespace = NULL};
    bool ok = check_parameters(uri, error);
    if (ok && uri->host_count > 0)
        ok = dr_web_access_read(task, options, true, &access->http, error);
    else if (ok)
        ok = dr_uri_param(uri, "kubeconfig") != NULL ? use_config(task, access, error)
                                                     : use_account(task, options, access, error);
    return ok && read_namespace(uri, fallback, access, error);
}

void dr_kubernetes_access_free(struct dr_kubernetes_access *access)
{
    dr_web_access_free(&access->http);
    dr_kubernetes_config_free(&access->config);
    free(access->namespace);
}
