/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/mongo.h"
#include "common/buffer.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define URI_MAX (16 * 1024)
#define PORT 27017

/* ---- once for the process ---- */

static void say_nothing(mongoc_log_level_t level, const char *domain, const char *message,
                        void *context)
{
    (void)level;
    (void)domain;
    (void)message;
    (void)context;
}

/* Where the driver is linked in, it has made its file of counters before main could forbid it. Only
 * an orderly exit would remove it, and the next process of that number would be warned of it. */
__attribute__((constructor)) static void forget_counters(void)
{
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/mongoc-%ld", (long)getpid());
    if (getenv("MONGOC_DISABLE_SHM") == NULL)
        unlink(path);
}

static void start_driver(void)
{
    mongoc_log_set_handler(say_nothing, NULL);
    mongoc_init();
}

/* ---- errors ---- */

static bool has(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

/* What the driver says when it could not get a connection: its reason is in the text alone. */
static enum dr_error_class class_of_text(const char *text)
{
    if (has(text, "resolve"))
        return DR_ERR_RESOLVE;
    if (has(text, "TLS") || has(text, "certificate") || has(text, "SSL"))
        return DR_ERR_TLS;
    if (has(text, "authenticat"))
        return DR_ERR_AUTH;
    if (has(text, "wire version"))
        return DR_ERR_PROTOCOL;
    return DR_ERR_CONNECT;
}

static enum dr_error_class class_of_server(uint32_t code)
{
    switch (code) {
    case DR_MONGO_UNAUTHORIZED:
        return DR_ERR_PRIVILEGE;
    case DR_MONGO_WRONG_PASSWORD:
        return DR_ERR_AUTH;
    case DR_MONGO_TOO_LATE:
        return DR_ERR_TIMEOUT;
    default:
        return DR_ERR_SERVER;
    }
}

static enum dr_error_class class_of(const bson_error_t *error)
{
    switch (error->domain) {
    case MONGOC_ERROR_SERVER:
        return class_of_server(error->code);
    case MONGOC_ERROR_SASL:
    case MONGOC_ERROR_SCRAM:
        return DR_ERR_AUTH;
    case MONGOC_ERROR_CLIENT:
        return error->code == MONGOC_ERROR_CLIENT_AUTHENTICATE ? DR_ERR_AUTH : DR_ERR_PROTOCOL;
    case MONGOC_ERROR_STREAM:
    case MONGOC_ERROR_SERVER_SELECTION:
        return class_of_text(error->message);
    default:
        return DR_ERR_PROTOCOL;
    }
}

/* "No suitable servers found (`serverSelectionTryOnce` set): [connection refused calling hello on
 * 'db1:27017']": what is in the brackets. */
static const char *reason_of(const bson_error_t *error, char *reason, size_t size)
{
    const char *open = strstr(error->message, ": [");
    snprintf(reason, size, "%s", open != NULL ? open + 3 : error->message);
    char *close = open != NULL ? strrchr(reason, ']') : NULL;
    if (close != NULL)
        *close = '\0';
    return reason;
}

static bool fail(struct dr_mongo *mongo, const bson_error_t *error, const char *stage)
{
    char reason[sizeof error->message];
    enum dr_error_class class = class_of(error);
    mongo->code = error->domain == MONGOC_ERROR_SERVER ? error->code : 0;
    bool cut_off = class == DR_ERR_CONNECT &&
                   (has(error->message, "timeout calling") || has(error->message, "timed out") ||
                    dr_task_left(mongo->task) <= 0.02);
    if (cut_off)
        return dr_error_set(mongo->error, DR_ERR_TIMEOUT, "no answer in time (stage: %s)", stage);
    reason_of(error, reason, sizeof reason);
    if (class == DR_ERR_CONNECT && error->domain == MONGOC_ERROR_STREAM)
        return dr_error_set(mongo->error, class, "the connection was closed (stage: %s): %s", stage,
                            reason);
    if (class == DR_ERR_PROTOCOL)
        return dr_error_set(mongo->error, class, "the reply cannot be used: %s", reason);
    return dr_error_set(mongo->error, class, "%s", reason);
}

/* ---- URI ---- */

static bool is_one_of(const char *key, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcasecmp(key, *list) == 0)
            return true;
    }
    return false;
}

/* Ours to decide, or without a meaning for one server. */
static const char *const skipped[] = {"replicaSet",
                                      "directConnection",
                                      "loadBalanced",
                                      "readPreference",
                                      "appName",
                                      "readPreferenceTags",
                                      "connectTimeoutMS",
                                      "socketTimeoutMS",
                                      "maxStalenessSeconds",
                                      "serverSelectionTimeoutMS",
                                      "serverSelectionTryOnce",
                                      NULL};

/* The driver knows these, without a type that it would tell. */
static const char *const untyped[] = {"authSource",
                                      "authMechanism",
                                      "compressors",
                                      "authMechanismProperties",
                                      "readConcernLevel",
                                      "w",
                                      NULL};

static const char *const switches[] = {"true", "false", NULL};

static const char *const files[] = {"tlsCAFile",
                                    "tlsCertificateKeyFile",
                                    "tlsCRLFile",
                                    "sslCertificateAuthorityFile",
                                    "sslClientCertificateKeyFile",
                                    NULL};

static bool is_usable(const struct dr_uri_param *param, struct dr_error *error)
{
    /* The driver would only speak of a connection error, as if the server were to blame. */
    if (is_one_of(param->key, files) && access(param->value, R_OK) != 0)
        return dr_error_set(error, DR_ERR_USAGE, "%s cannot be read: %s", param->key, param->value);
    bool is_switch = mongoc_uri_option_is_bool(param->key);
    if (!is_switch && !mongoc_uri_option_is_int32(param->key) &&
        !mongoc_uri_option_is_int64(param->key) && !mongoc_uri_option_is_utf8(param->key) &&
        !is_one_of(param->key, untyped))
        return dr_error_set(error, DR_ERR_USAGE, "the MongoDB driver knows no parameter \"%s\"",
                            param->key);
    if (is_switch && !is_one_of(param->value, switches))
        return dr_error_set(error, DR_ERR_USAGE, "the parameter %s is neither true nor false",
                            param->key);
    return true;
}

static void add_encoded(struct dr_buffer *text, const char *value)
{
    for (; *value != '\0'; value++) {
        if (isalnum((unsigned char)*value) || strchr("-._~", *value) != NULL)
            dr_buffer_add_char(text, *value);
        else
            dr_buffer_addf(text, "%%%02X", (unsigned)(unsigned char)*value);
    }
}

/* Mechanisms that take something else for a password: a certificate, a ticket, a token. */
static const char *const passwordless[] = {"MONGODB-X509", "GSSAPI", "MONGODB-AWS", "MONGODB-OIDC",
                                           NULL};

/* Driver 1.23 dies of a user without a password as soon as a server asks for it. */
static bool has_what_it_needs(const struct dr_target *target, struct dr_error *error)
{
    const char *mechanism = NULL;
    for (size_t i = 0; i < target->uri.param_count; i++) {
        if (strcasecmp(target->uri.params[i].key, "authMechanism") == 0)
            mechanism = target->uri.params[i].value;
    }
    bool other = mechanism != NULL && is_one_of(mechanism, passwordless);
    if (target->uri.user == NULL || target->password != NULL || other)
        return true;
    return dr_error_set(error, DR_ERR_AUTH, "no password for the user %s: --password-file",
                        target->uri.user);
}

static void add_credentials(struct dr_buffer *text, const struct dr_target *target)
{
    if (target->uri.user == NULL)
        return;
    add_encoded(text, target->uri.user);
    if (target->password != NULL) {
        dr_buffer_add_char(text, ':');
        add_encoded(text, target->password);
    }
    dr_buffer_add_char(text, '@');
}

static bool add_parameters(struct dr_buffer *text, const struct dr_uri *uri, bool credentials,
                           struct dr_error *error)
{
    for (size_t i = 0; i < uri->param_count; i++) {
        const struct dr_uri_param *param = &uri->params[i];
        bool ours = is_one_of(param->key, skipped) ||
                    (!credentials && strncasecmp(param->key, "auth", 4) == 0);
        if (ours)
            continue;
        if (!is_usable(param, error))
            return false;
        dr_buffer_addf(text, "&%s=", param->key);
        add_encoded(text, param->value);
    }
    return true;
}

static bool write_uri(const struct dr_target *target, const char *application, int left_ms,
                      bool credentials, struct dr_buffer *text, struct dr_error *error)
{
    const struct dr_uri *uri = &target->uri;
    if (target->host >= uri->host_count)
        return dr_error_set(error, DR_ERR_USAGE, "a mongodb target needs a host");
    const struct dr_uri_host *host = &uri->hosts[target->host];
    bool brackets = strchr(host->name, ':') != NULL;
    dr_buffer_add(text, "mongodb://");
    if (credentials)
        add_credentials(text, target);
    dr_buffer_addf(text, brackets ? "[%s]" : "%s", host->name);
    dr_buffer_addf(text, ":%d/", host->port > 0 ? host->port : PORT);
    if (uri->path[0] == '/')
        add_encoded(text, uri->path + 1);
    dr_buffer_addf(text,
                   "?directConnection=true&serverSelectionTryOnce=true&appName=%s"
                   "&connectTimeoutMS=%d&socketTimeoutMS=%d&serverSelectionTimeoutMS=%d",
                   application, left_ms, left_ms, left_ms);
    return add_parameters(text, uri, credentials, error);
}

bool dr_mongo_open(struct dr_mongo *mongo, bool credentials)
{
    static pthread_once_t started = PTHREAD_ONCE_INIT;
    struct dr_buffer text = DR_BUFFER(URI_MAX);
    pthread_once(&started, start_driver);
    int left_ms = (int)(dr_task_left(mongo->task) * 1000) + 1;
    const struct dr_target *target = dr_task_target(mongo->task);
    bool ok = (!credentials || has_what_it_needs(target, mongo->error)) &&
              write_uri(target, mongo->application, left_ms, credentials, &text, mongo->error);
    if (ok) {
        bson_error_t error;
        mongoc_uri_t *uri =
            text.cut ? NULL : mongoc_uri_new_with_error(dr_buffer_text(&text), &error);
        mongo->client = uri != NULL ? mongoc_client_new_from_uri(uri) : NULL;
        if (mongo->client != NULL)
            mongoc_client_set_error_api(mongo->client, MONGOC_ERROR_API_VERSION_2);
        else /* the driver's words may hold a part of the URI */
            ok = dr_error_set(mongo->error, DR_ERR_USAGE,
                              "the MongoDB driver does not take the parameters of the target");
        mongoc_uri_destroy(uri);
    }
    if (text.text != NULL)
        dr_wipe(text.text, text.size);
    dr_buffer_free(&text);
    return ok;
}

void dr_mongo_close(struct dr_mongo *mongo)
{
    if (mongo->client != NULL)
        mongoc_client_destroy(mongo->client);
    mongo->client = NULL;
}

/* ---- commands ---- */

static void trace_document(const struct dr_mongo *mongo, int level, const char *what,
                           const bson_t *document)
{
    char *json = bson_as_relaxed_extended_json(document, NULL);
    char *clean = dr_text_clean(json, 4000);
    dr_task_trace(mongo->task, level, "%s: %s", what, clean != NULL ? clean : "");
    free(clean);
    bson_free(json);
}

bool dr_mongo_command(struct dr_mongo *mongo, const bson_t *command, const char *stage,
                      bson_t *reply)
{
    bson_error_t error;
    mongo->code = 0;
    dr_task_stage(mongo->task, stage);
    trace_document(mongo, 2, "command", command);
    bool ok = mongoc_client_command_simple(mongo->client, "admin", command, NULL, reply, &error);
    if (ok) {
        trace_document(mongo, 3, "reply", reply);
        return true;
    }
    bson_destroy(reply);
    return fail(mongo, &error, stage);
}
