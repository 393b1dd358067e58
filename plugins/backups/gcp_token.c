/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/gcp_token.h"

#include "common/client/json_read.h"
#include "common/secret.h"
#include "plugins/backups/gcp_read.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES ((size_t)64 * 1024)
#define SCOPE "https://www.googleapis.com/auth/compute.readonly"
#define METADATA_HOST "169.254.169.254"
#define METADATA_SECONDS 2.0
/* The longest that Google accepts. */
#define LIFE_SECONDS 3600
#define GRANT "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
#define PEM_SIZE 8192
#define TOKEN_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

struct key {
    char email[GCP_NAME_SIZE];
    char id[GCP_NAME_SIZE];
    char uri[1024];
    char pem[PEM_SIZE];
};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- files ---- */

/* As --password-file: what holds a secret must not be readable by everyone. */
static bool is_private(FILE *file)
{
    struct stat status;
    return fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) &&
           (status.st_mode & S_IRWXO) == 0;
}

static char *read_file(const char *path, const char *what, struct dr_error *error)
{
    struct dr_buffer text = DR_BUFFER(FILE_MAX_BYTES);
    char piece[4096];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        dr_error_set(error, DR_ERR_USAGE, "%s: %s", what, strerror(errno));
        return NULL;
    }
    if (!is_private(file)) {
        dr_error_set(error, DR_ERR_USAGE, "%s: %s may be read by others: chmod 0600 it", what,
                     path);
        fclose(file);
        return NULL;
    }
    for (size_t got; (got = fread(piece, 1, sizeof piece, file)) > 0;)
        dr_buffer_add_bytes(&text, piece, got);
    bool good =
        !ferror(file) && !text.cut && text.size > 0 && memchr(text.text, '\0', text.size) == NULL;
    fclose(file);
    explicit_bzero(piece, sizeof piece);
    if (good)
        return dr_buffer_take(&text);
    dr_error_set(error, DR_ERR_USAGE, "%s: it is empty, too long, or no text", what);
    dr_buffer_free(&text);
    return NULL;
}

static char *token_of_file(const char *path, struct dr_error *error)
{
    const char *line;
    char *token = NULL;
    struct dr_secrets *secrets = dr_secrets_new();
    if (secrets == NULL)
        out_of_memory(error);
    else if (!dr_secrets_read_file(secrets, path, &line, error))
        dr_error_prefix(error, "token-file");
    else if (line[strspn(line, TOKEN_CHARACTERS)] != '\0')
        dr_error_set(error, DR_ERR_USAGE, "token-file: there is no token in %s", path);
    else if ((token = dr_text_format("%s", line)) == NULL)
        out_of_memory(error);
    dr_secrets_free(secrets);
    return token;
}

/* ---- the key of a service account ---- */

/* What is written into the token must not need to be escaped. */
static bool is_plain(const char *text)
{
    while (*text > ' ' && *text <= '~' && *text != '"' && *text != '\\')
        text++;
    return *text == '\0';
}

static bool read_key(const char *text, struct key *key, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    char name[64];
    *key = (struct key){.email = ""};
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, name, sizeof name)) {
            if (strcmp(name, "client_email") == 0)
                dr_json_text(&reader, key->email, sizeof key->email);
            else if (strcmp(name, "private_key_id") == 0)
                dr_json_text(&reader, key->id, sizeof key->id);
            else if (strcmp(name, "token_uri") == 0)
                dr_json_text(&reader, key->uri, sizeof key->uri);
            else if (strcmp(name, "private_key") == 0)
                dr_json_text(&reader, key->pem, sizeof key->pem);
            else
                dr_json_skip(&reader);
        }
    }
    if (!dr_json_end(&reader, NULL) || key->email[0] == '\0' || key->uri[0] == '\0' ||
        key->pem[0] == '\0')
        return dr_error_set(error, DR_ERR_USAGE,
                            "the key file is no key of a service account (client_email, "
                            "private_key, token_uri)");
    return (is_plain(key->email) && is_plain(key->id) && is_plain(key->uri)) ||
           dr_error_set(error, DR_ERR_USAGE, "the key file holds odd characters");
}

/* base64url without padding (RFC 7515). */
static bool add_base64(struct dr_buffer *out, const void *bytes, size_t size)
{
    unsigned char *text = malloc(size / 3 * 4 + 8);
    if (text == NULL)
        return false;
    int length = EVP_EncodeBlock(text, bytes, (int)size);
    while (length > 0 && text[length - 1] == '=')
        length--;
    for (int i = 0; i < length; i++) {
        char c = (char)text[i];
        dr_buffer_add_char(out, c);
        if (c == '+' || c == '/')
            out->text[out->size - 1] = c == '+' ? '-' : '_';
    }
    free(text);
    return !out->cut;
}

static bool sign(const struct key *key, struct dr_buffer *token, struct dr_error *error)
{
    bool ok = false;
    unsigned char signature[1024];
    size_t size = sizeof signature;
    char none[] = ""; /* the pass phrase: without one OpenSSL would ask on the terminal */
    BIO *memory = BIO_new_mem_buf(key->pem, -1);
    EVP_PKEY *private = memory != NULL ? PEM_read_bio_PrivateKey(memory, NULL, NULL, none) : NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (private == NULL)
        dr_error_set(error, DR_ERR_USAGE, "the key file's private_key cannot be read");
    else if (EVP_PKEY_base_id(private) != EVP_PKEY_RSA)
        dr_error_set(error, DR_ERR_USAGE, "the key file's private_key is no RSA key");
    else if (context != NULL && EVP_PKEY_size(private) <= (int)sizeof signature &&
             EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, private) == 1 &&
             EVP_DigestSign(context, signature, &size, (const unsigned char *)token->text,
                            token->size) == 1)
        ok = dr_buffer_add_char(token, '.') && add_base64(token, signature, size);
    if (!ok && error->class == DR_ERR_NONE)
        dr_error_set(error, DR_ERR_INTERNAL, "the request for a token could not be signed");
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(private);
    BIO_free(memory);
    return ok;
}

/* Header, claims, signature (RFC 7519, RS256). */
static bool make_assertion(const struct key *key, double now, struct dr_buffer *token,
                           struct dr_error *error)
{
    char *header = dr_text_format("{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", key->id);
    char *claims = dr_text_format("{\"iss\":\"%s\",\"scope\":\"%s\",\"aud\":\"%s\",\"iat\":%.0f,"
                                  "\"exp\":%.0f}",
                                  key->email, SCOPE, key->uri, now, now + LIFE_SECONDS);
    bool ok = header != NULL && claims != NULL && add_base64(token, header, strlen(header)) &&
              dr_buffer_add_char(token, '.') && add_base64(token, claims, strlen(claims));
    free(header);
    free(claims);
    return ok ? sign(key, token, error) : out_of_memory(error);
}

static char *take_token(struct dr_http_reply *reply, const char *who, struct dr_error *error)
{
    char message[GCP_NAME_SIZE];
    char *token = reply->status == 200 ? gcp_read_token(dr_buffer_text(&reply->body)) : NULL;
    if (token != NULL)
        return token;
    gcp_read_message(dr_buffer_text(&reply->body), message);
    dr_error_set(error, DR_ERR_AUTH, "%s gives no token: status %ld%s%s", who, reply->status,
                 message[0] != '\0' ? ": " : "", message);
    return NULL;
}

static char *token_of_key(struct dr_http *http, const char *path, struct dr_error *error)
{
    struct key key;
    struct dr_buffer body = DR_BUFFER(16 * 1024);
    struct dr_http_reply reply = {.status = 0};
    char *token = NULL, *text = read_file(path, "the key file", error);
    bool ok = text != NULL && read_key(text, &key, error) &&
              dr_buffer_add(&body, "grant_type=" GRANT "&assertion=");
    struct dr_buffer assertion = DR_BUFFER(8 * 1024);
    ok = ok && make_assertion(&key, dr_now(), &assertion, error) &&
         dr_buffer_add(&body, dr_buffer_text(&assertion));
    if (ok) {
        const struct dr_http_request request = {
            .method = "POST",
            .url = key.uri,
            .headers = {"Content-Type: application/x-www-form-urlencoded"},
            .body = body.text,
            .body_size = body.size,
            .body_max = FILE_MAX_BYTES,
            .private = true,
            .stage = "get a token",
        };
        dr_http_ask_all(http, &request, &reply, error, &ok, 1);
        token = ok ? take_token(&reply, "the service account", error) : NULL;
    }
    explicit_bzero(&key, sizeof key);
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
    dr_buffer_free(&assertion);
    dr_buffer_free(&body);
    dr_http_reply_free(&reply);
    return token;
}

/* ---- the machine's ---- */

static char *token_of_machine(struct dr_http *http, struct dr_error *error)
{
    const char *host = getenv("GCE_METADATA_HOST");
    struct dr_http_reply reply = {.status = 0};
    char *token = NULL;
    bool ok;
    char *url = dr_text_format("http://%s/computeMetadata/v1/instance/service-accounts/default/"
                               "token",
                               host != NULL && host[0] != '\0' ? host : METADATA_HOST);
    if (url == NULL) {
        out_of_memory(error);
        return NULL;
    }
    const struct dr_http_request request = {
        .url = url,
        .headers = {"Metadata-Flavor: Google"},
        .body_max = FILE_MAX_BYTES,
        .private = true,
        .seconds = METADATA_SECONDS,
        .stage = "ask the metadata service",
    };
    dr_http_ask_all(http, &request, &reply, error, &ok, 1);
    if (ok)
        token = take_token(&reply, "the metadata service", error);
    else
        dr_error_set(error, DR_ERR_AUTH,
                     "no credentials: neither token-file=, nor key-file=, nor "
                     "GOOGLE_APPLICATION_CREDENTIALS, nor a metadata service");
    dr_http_reply_free(&reply);
    free(url);
    return token;
}

char *gcp_find_token(struct dr_task *task, struct dr_http *http, const struct dr_uri *uri,
                     struct dr_error *error)
{
    const char *file = dr_uri_param(uri, "token-file"), *key = dr_uri_param(uri, "key-file");
    if (key == NULL)
        key = getenv("GOOGLE_APPLICATION_CREDENTIALS");
    dr_task_stage(task, "get a token");
    char *token = file != NULL                    ? token_of_file(file, error)
                  : key != NULL && key[0] != '\0' ? token_of_key(http, key, error)
                                                  : token_of_machine(http, error);
    if (token != NULL)
        dr_task_secret(task, token);
    return token;
}
