/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/kubernetes_config.h"

#include "common/buffer.h"
#include "common/secret.h"

#include <stdlib.h>
#include <string.h>

static void wipe(char *text)
{
    if (text != NULL)
        dr_wipe(text, strlen(text));
    free(text);
}

void dr_kubernetes_config_free(struct dr_kubernetes_config *config)
{
    wipe(config->token);
    wipe(config->key_pem);
    free(config->server);
    free(config->namespace);
    free(config->ca_file);
    free(config->ca_pem);
    free(config->token_file);
    free(config->cert_file);
    free(config->cert_pem);
    free(config->key_file);
    free(config->proxy);
    *config = (struct dr_kubernetes_config){.server = NULL};
}

#ifdef HAVE_YAML

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#define FILE_MAX ((off_t)1024 * 1024)

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- base64 ---- */

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* A text, which the caller frees; NULL where it is no base64 (RFC 4648, 4; white space is passed),
 * holds a NUL, or without memory. */
static char *decode(const char *text)
{
    char *bytes = malloc(strlen(text) + 1);
    unsigned value = 0, bits = 0;
    size_t size = 0, digits = 0, padding = 0;
    bool ok = bytes != NULL;
    for (; ok && *text != '\0'; text++) {
        if (strchr(" \t\r\n", *text) != NULL)
            continue;
        padding += *text == '=' ? 1 : 0;
        int six = digit(*text);
        ok = *text == '=' || (six >= 0 && padding == 0);
        digits++;
        if (six < 0)
            continue;
        value = (value << 6 | (unsigned)six) & 0xffff;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        bytes[size++] = (char)(value >> bits & 0xff);
        ok = ok && bytes[size - 1] != '\0';
    }
    if (!ok || padding > 2 || digits % 4 != 0 || size == 0) {
        free(bytes);
        return NULL;
    }
    bytes[size] = '\0';
    return bytes;
}

/* ---- the file ---- */

struct reader {
    const char *path;
    yaml_document_t *document;
    struct dr_error *error;
};

static bool wrong(const struct reader *reader, const char *what, const char *name)
{
    return dr_error_set(reader->error, DR_ERR_USAGE, "kubeconfig %s: %s%s%s", reader->path, what,
                        name[0] != '\0' ? " " : "", name);
}

/* A token or a key is in it. */
static bool check_file(const char *path, int fd, struct dr_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return dr_error_set(error, DR_ERR_USAGE, "kubeconfig %s is not a regular file", path);
    mode_t others = status.st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
    if ((status.st_mode & others) != 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "kubeconfig %s may be read by others (mode %04o): chmod 0600 it", path,
                            (unsigned)(status.st_mode & 07777));
    return status.st_size <= FILE_MAX ||
           dr_error_set(error, DR_ERR_USAGE, "kubeconfig %s is longer than 1 MiB", path);
}

static FILE *open_file(const char *path, struct dr_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        dr_error_set(error, DR_ERR_USAGE, "cannot read the kubeconfig %s: %s", path,
                     strerror(errno));
        return NULL;
    }
    FILE *file = check_file(path, fd, error) ? fdopen(fd, "r") : NULL;
    if (file == NULL)
        close(fd);
    return file;
}

/* ---- its nodes ---- */

static bool is_key(const yaml_node_t *node, const char *key)
{
    return node != NULL && node->type == YAML_SCALAR_NODE &&
           strlen(key) == node->data.scalar.length &&
           memcmp(node->data.scalar.value, key, node->data.scalar.length) == 0;
}

/* The value of a member; NULL where there is none, or the node is no mapping. Of two with the same
 * name the last, as kubectl reads it. */
static yaml_node_t *find(const struct reader *reader, const yaml_node_t *node, const char *key)
{
    yaml_node_t *value = NULL;
    if (node == NULL || node->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        if (is_key(yaml_document_get_node(reader->document, pair->key), key))
            value = yaml_document_get_node(reader->document, pair->value);
    }
    return value;
}

/* A member that is a text, "" included; NULL where there is none. */
static const char *find_text(const struct reader *reader, const yaml_node_t *node, const char *key)
{
    const yaml_node_t *value = find(reader, node, key);
    if (value == NULL || value->type != YAML_SCALAR_NODE)
        return NULL;
    const char *text = (const char *)value->data.scalar.value;
    return strlen(text) == value->data.scalar.length ? text : NULL;
}

/* clusters, users and contexts are lists of {name: NAME, cluster: {...}}. */
static const yaml_node_t *find_named(const struct reader *reader, const char *list,
                                     const char *member, const char *name)
{
    const yaml_node_t *items = find(reader, yaml_document_get_root_node(reader->document), list);
    if (items == NULL || items->type != YAML_SEQUENCE_NODE)
        return NULL;
    for (yaml_node_item_t *item = items->data.sequence.items.start;
         item < items->data.sequence.items.top; item++) {
        const yaml_node_t *node = yaml_document_get_node(reader->document, *item);
        const char *called = find_text(reader, node, "name");
        if (called != NULL && strcmp(called, name) == 0)
            return find(reader, node, member);
    }
    return NULL;
}

/* ---- what is in it ---- */

static bool copy_text(const struct reader *reader, const yaml_node_t *node, const char *key,
                      char **into)
{
    const char *text = find_text(reader, node, key);
    if (text == NULL || text[0] == '\0')
        return true;
    *into = strdup(text);
    return *into != NULL || no_memory(reader->error);
}

/* Paths are relative to the folder of the file. */
static bool copy_path(const struct reader *reader, const yaml_node_t *node, const char *key,
                      char **into)
{
    const char *text = find_text(reader, node, key);
    const char *slash = strrchr(reader->path, '/');
    if (text == NULL || text[0] == '\0')
        return true;
    int folder = text[0] == '/' || slash == NULL ? 0 : (int)(slash + 1 - reader->path);
    *into = dr_text_format("%.*s%s", folder, reader->path, text);
    return *into != NULL || no_memory(reader->error);
}

static bool copy_data(const struct reader *reader, const yaml_node_t *node, const char *key,
                      char **into)
{
    const char *text = find_text(reader, node, key);
    if (text == NULL || text[0] == '\0')
        return true;
    *into = decode(text);
    return *into != NULL || wrong(reader, key, "is not base64");
}

static bool refuse(const struct reader *reader, const yaml_node_t *node, const char *const *keys)
{
    for (; *keys != NULL; keys++) {
        if (find(reader, node, *keys) != NULL)
            return dr_error_set(
                reader->error, DR_ERR_USAGE,
                "kubeconfig %s: \"%s\" is not supported: give a token, tokenFile or "
                "a client certificate of a service account made for this check",
                reader->path, *keys);
    }
    return true;
}

static bool read_cluster(const struct reader *reader, const yaml_node_t *cluster,
                         struct dr_kubernetes_config *config)
{
    static const char *const refused[] = {"tls-server-name", NULL};
    const char *insecure = find_text(reader, cluster, "insecure-skip-tls-verify");
    config->insecure = insecure != NULL && strcmp(insecure, "true") == 0;
    if (!refuse(reader, cluster, refused) ||
        !copy_text(reader, cluster, "server", &config->server) ||
        !copy_text(reader, cluster, "proxy-url", &config->proxy) ||
        !copy_path(reader, cluster, "certificate-authority", &config->ca_file) ||
        !copy_data(reader, cluster, "certificate-authority-data", &config->ca_pem))
        return false;
    if (config->server == NULL)
        return wrong(reader, "its cluster has no server", "");
    return strncmp(config->server, "https://", 8) == 0 ||
           strncmp(config->server, "http://", 7) == 0 ||
           wrong(reader, "its server does not begin with https://", "");
}

static bool read_user(const struct reader *reader, const yaml_node_t *user,
                      struct dr_kubernetes_config *config)
{
    static const char *const refused[] = {"exec",      "auth-provider", "username", "as",
                                          "as-groups", "as-uid",        NULL};
    return refuse(reader, user, refused) && copy_text(reader, user, "token", &config->token) &&
           copy_path(reader, user, "tokenFile", &config->token_file) &&
           copy_path(reader, user, "client-certificate", &config->cert_file) &&
           copy_data(reader, user, "client-certificate-data", &config->cert_pem) &&
           copy_path(reader, user, "client-key", &config->key_file) &&
           copy_data(reader, user, "client-key-data", &config->key_pem);
}

static bool read_context(const struct reader *reader, const char *name,
                         struct dr_kubernetes_config *config)
{
    const yaml_node_t *root = yaml_document_get_root_node(reader->document);
    if (root == NULL || root->type != YAML_MAPPING_NODE)
        return wrong(reader, "it is no kubeconfig", "");
    if (name == NULL)
        name = find_text(reader, root, "current-context");
    if (name == NULL || name[0] == '\0')
        return wrong(reader, "it has no current-context: say context=", "");
    const yaml_node_t *context = find_named(reader, "contexts", "context", name);
    if (context == NULL)
        return wrong(reader, "there is no context", name);
    const char *cluster = find_text(reader, context, "cluster");
    const char *user = find_text(reader, context, "user");
    const yaml_node_t *place =
        cluster != NULL ? find_named(reader, "clusters", "cluster", cluster) : NULL;
    const yaml_node_t *who = user != NULL ? find_named(reader, "users", "user", user) : NULL;
    if (place == NULL)
        return wrong(reader, "there is no cluster for the context", name);
    if (who == NULL)
        return wrong(reader, "there is no user for the context", name);
    return copy_text(reader, context, "namespace", &config->namespace) &&
           read_cluster(reader, place, config) && read_user(reader, who, config);
}

static bool read_document(const char *path, FILE *file, const char *context,
                          struct dr_kubernetes_config *config, struct dr_error *error)
{
    yaml_parser_t parser;
    yaml_document_t document;
    const struct reader reader = {.path = path, .document = &document, .error = error};
    if (!yaml_parser_initialize(&parser))
        return no_memory(error);
    yaml_parser_set_input_file(&parser, file);
    bool ok = yaml_parser_load(&parser, &document) != 0;
    if (ok) {
        ok = read_context(&reader, context, config);
        yaml_document_delete(&document);
    } else {
        dr_error_set(error, DR_ERR_USAGE, "kubeconfig %s: line %zu: %s", path,
                     parser.problem_mark.line + 1,
                     parser.problem != NULL ? parser.problem : "no YAML");
    }
    yaml_parser_delete(&parser);
    return ok;
}

bool dr_kubernetes_config_read(const char *path, const char *context,
                               struct dr_kubernetes_config *config, struct dr_error *error)
{
    *config = (struct dr_kubernetes_config){.server = NULL};
    FILE *file = open_file(path, error);
    if (file == NULL)
        return false;
    bool ok = read_document(path, file, context, config, error);
    fclose(file);
    return ok;
}

#else

bool dr_kubernetes_config_read(const char *path, const char *context,
                               struct dr_kubernetes_config *config, struct dr_error *error)
{
    (void)path, (void)context;
    *config = (struct dr_kubernetes_config){.server = NULL};
    return dr_error_set(error, DR_ERR_USAGE,
                        "kubeconfig=: built without libyaml; give the host, cacert= and "
                        "token-file= instead");
}

#endif
