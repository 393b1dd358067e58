/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where credentials come from: what is given, the environment, a file, a service of the machine. */
#include "common/client/aws.h"
#include "common/client/json_read.h"
#include "common/moment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_MAX_BYTES 4096
#define PATH_MAX_BYTES 1024
#define REPLY_MAX ((size_t)64 * 1024)
#define METADATA "http://169.254.169.254"
#define CONTAINER "http://169.254.170.2"
/* Where there is no such service, nobody may answer. */
#define SERVICE_SECONDS 2.0

/* What was looked for, for the error that lists it. */
struct search {
    struct dr_task *task;
    struct dr_aws_credentials *credentials;
    struct dr_buffer looked;
};

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

__attribute__((format(printf, 2, 3))) static void note(struct search *search, const char *format,
                                                       ...)
{
    va_list args;
    va_start(args, format);
    if (search->looked.size > 0)
        dr_buffer_add(&search->looked, "; ");
    dr_buffer_addv(&search->looked, format, args);
    va_end(args);
}

/* Copies; the secrets are registered before anything can show them. */
static bool take(struct search *search, const char *key_id, const char *secret, const char *token,
                 const char *from, struct dr_error *error)
{
    struct dr_aws_credentials *credentials = search->credentials;
    dr_task_secret(search->task, secret);
    if (token != NULL && token[0] != '\0')
        dr_task_secret(search->task, token);
    credentials->key_id = strdup(key_id);
    credentials->secret = strdup(secret);
    credentials->token = token != NULL && token[0] != '\0' ? strdup(token) : NULL;
    credentials->from = from;
    bool ok = credentials->key_id != NULL && credentials->secret != NULL &&
              (token == NULL || token[0] == '\0' || credentials->token != NULL);
    return ok || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- the environment ---- */

static bool look_at_environment(struct search *search, bool *found, struct dr_error *error)
{
    const char *key_id = environment("AWS_ACCESS_KEY_ID");
    const char *secret = environment("AWS_SECRET_ACCESS_KEY");
    *found = key_id != NULL && secret != NULL;
    if (*found)
        return take(search, key_id, secret, environment("AWS_SESSION_TOKEN"), "the environment",
                    error);
    if (key_id != NULL || secret != NULL)
        return dr_error_set(error, DR_ERR_USAGE, "%s is set, but not %s",
                            key_id != NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                            key_id != NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    note(search, "AWS_ACCESS_KEY_ID is not set");
    return true;
}

/* ---- the file ---- */

/* What a section of the file says. */
struct profile {
    bool found;
    char key_id[256];
    char secret[1024];
    char token[LINE_MAX_BYTES];
    bool elsewhere; /* it names another way to come by credentials */
};

static char *trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
        text[--length] = '\0';
    return text;
}

static void read_setting(struct profile *profile, char *line)
{
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return;
    *equals = '\0';
    const char *name = trim(line), *value = trim(equals + 1);
    if (strcmp(name, "aws_access_key_id") == 0)
        snprintf(profile->key_id, sizeof profile->key_id, "%s", value);
    else if (strcmp(name, "aws_secret_access_key") == 0)
        snprintf(profile->secret, sizeof profile->secret, "%s", value);
    else if (strcmp(name, "aws_session_token") == 0)
        snprintf(profile->token, sizeof profile->token, "%s", value);
    else if (strcmp(name, "role_arn") == 0 || strcmp(name, "credential_process") == 0 ||
             strncmp(name, "sso_", 4) == 0)
        profile->elsewhere = true;
}

static void read_profile(FILE *file, const char *name, struct profile *profile)
{
    char line[LINE_MAX_BYTES];
    bool inside = false;
    *profile = (struct profile){.found = false};
    while (fgets(line, sizeof line, file) != NULL) {
        char *text = trim(line);
        size_t length = strlen(text);
        if (text[0] == '[' && text[length - 1] == ']') {
            text[length - 1] = '\0';
            inside = strcmp(trim(text + 1), name) == 0;
            profile->found = profile->found || inside;
        } else if (inside && text[0] != '#' && text[0] != ';') {
            read_setting(profile, text);
        }
    }
    dr_wipe(line, sizeof line);
}

/* As --password-file: what holds a secret must not be readable by everyone. */
static bool is_private(FILE *file)
{
    struct stat status;
    return fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) &&
           (status.st_mode & S_IRWXO) == 0;
}

static bool use_profile(struct search *search, const struct profile *profile, const char *name,
                        const char *path, bool given, bool *found, struct dr_error *error)
{
    *found = profile->key_id[0] != '\0' && profile->secret[0] != '\0';
    if (*found)
        return take(search, profile->key_id, profile->secret, profile->token,
                    "the credentials file", error);
    if (given || profile->found)
        return dr_error_set(error, DR_ERR_USAGE, "%s: profile \"%.60s\" %s", path, name,
                            !profile->found ? "is not there"
                            : profile->elsewhere
                                ? "has no keys of its own: roles, processes and single sign-on "
                                  "are not followed"
                                : "has no aws_access_key_id and aws_secret_access_key");
    note(search, "no profile \"%.60s\" in %s", name, path);
    return true;
}

/* `given`: by the URI, so that it must be there. */
static bool look_at_file(struct search *search, const char *path, const char *name, bool given,
                         bool *found, struct dr_error *error)
{
    FILE *file = fopen(path, "re");
    *found = false;
    if (file == NULL && given)
        return dr_error_set(error, DR_ERR_USAGE, "the credentials file %s cannot be read", path);
    if (file == NULL) {
        note(search, "%s cannot be read", path);
        return true;
    }
    if (!is_private(file)) {
        fclose(file);
        return dr_error_set(error, DR_ERR_USAGE,
                            "the credentials file %s may be read by others: chmod 0600 it", path);
    }
    struct profile profile;
    read_profile(file, name, &profile);
    fclose(file);
    bool ok = use_profile(search, &profile, name, path, given, found, error);
    dr_wipe(&profile, sizeof profile);
    return ok;
}

static bool find_file(char path[PATH_MAX_BYTES])
{
    const char *set = environment("AWS_SHARED_CREDENTIALS_FILE"), *home = environment("HOME");
    if (set == NULL && home == NULL)
        return false;
    return snprintf(path, PATH_MAX_BYTES, "%s%s", set != NULL ? set : home,
                    set != NULL ? "" : "/.aws/credentials") < PATH_MAX_BYTES;
}

/* ---- services of the machine ---- */

struct answer {
    char key_id[256];
    char secret[1024];
    char token[LINE_MAX_BYTES];
    char expiration[64];
};

static bool read_answer(const struct dr_buffer *body, struct answer *answer, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(dr_buffer_text(body));
    *answer = (struct answer){.key_id = ""};
    if (dr_json_object(&reader)) {
        char name[64];
        while (dr_json_member(&reader, name, sizeof name)) {
            if (strcmp(name, "AccessKeyId") == 0)
                dr_json_text(&reader, answer->key_id, sizeof answer->key_id);
            else if (strcmp(name, "SecretAccessKey") == 0)
                dr_json_text(&reader, answer->secret, sizeof answer->secret);
            else if (strcmp(name, "Token") == 0)
                dr_json_text(&reader, answer->token, sizeof answer->token);
            else if (strcmp(name, "Expiration") == 0)
                dr_json_text(&reader, answer->expiration, sizeof answer->expiration);
            else
                dr_json_skip(&reader);
        }
    }
    return dr_json_end(&reader, error) &&
           ((answer->key_id[0] != '\0' && answer->secret[0] != '\0') ||
            dr_error_set(error, DR_ERR_PROTOCOL, "there are no credentials in the reply"));
}

static bool take_answer(struct search *search, const struct dr_buffer *body, const char *from,
                        struct dr_error *error)
{
    struct answer answer;
    bool ok = read_answer(body, &answer, error) &&
              take(search, answer.key_id, answer.secret, answer.token, from, error);
    if (ok)
        search->credentials->expires = dr_moment_read(answer.expiration);
    else
        dr_error_prefix(error, "%s", from);
    dr_wipe(&answer, sizeof answer);
    return ok;
}

/* Asks for one text. False with the error set; nobody there is no error of the target's. */
static bool ask(struct search *search, const char *method, const char *url, const char *header,
                struct dr_http_reply *reply, struct dr_error *error)
{
    const struct dr_http_request request = {.method = method,
                                            .url = url,
                                            .headers = {header},
                                            .body_max = REPLY_MAX,
                                            .private = true,
                                            .seconds = SERVICE_SECONDS,
                                            .stage = "ask for credentials"};
    bool ok = dr_http_ask(search->task, &request, reply, error);
    if (ok && reply->status != 200)
        ok = dr_error_set(error, DR_ERR_AUTH, "HTTP %ld", reply->status);
    return ok;
}

/* Plain HTTP stays on the machine: the addresses of containers, or loopback. */
static bool is_trusted(const char *url)
{
    static const char *const own[] = {
        "https://",          "http://169.254.170.2/",  "http://127.0.0.1", "http://169.254.170.23/",
        "http://localhost:", "http://[fd00:ec2::23]/", "http://[::1]"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strncmp(url, own[i], strlen(own[i])) == 0)
            return true;
    }
    return false;
}

/* The header that a container's service wants. */
static bool write_token(struct search *search, char *header, size_t size, struct dr_error *error)
{
    const char *path = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    char line[LINE_MAX_BYTES] = "";
    if (path != NULL) {
        FILE *file = fopen(path, "re");
        bool ok = file != NULL && fgets(line, sizeof line, file) != NULL;
        if (file != NULL)
            fclose(file);
        if (!ok)
            return dr_error_set(error, DR_ERR_USAGE,
                                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: %s cannot be read", path);
        token = trim(line);
    }
    header[0] = '\0';
    if (token == NULL)
        return true;
    dr_task_secret(search->task, token);
    bool fits = (size_t)snprintf(header, size, "Authorization: %s", token) < size;
    dr_wipe(line, sizeof line);
    return fits || dr_error_set(error, DR_ERR_USAGE, "the container's token is too long");
}

static bool look_at_container(struct search *search, bool *found, struct dr_error *error)
{
    const char *full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    char url[PATH_MAX_BYTES], header[LINE_MAX_BYTES + 32];
    struct dr_http_reply reply;
    *found = full != NULL || relative != NULL;
    if (!*found)
        return true;
    bool fits = full != NULL ? snprintf(url, sizeof url, "%s", full) < PATH_MAX_BYTES
                             : snprintf(url, sizeof url, CONTAINER "%s", relative) < PATH_MAX_BYTES;
    if (!fits || !is_trusted(url))
        return dr_error_set(error, DR_ERR_USAGE,
                            "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https:// nor an address "
                            "of this machine or its containers");
    if (!write_token(search, header, sizeof header, error))
        return false;
    bool ok = ask(search, NULL, url, header[0] != '\0' ? header : NULL, &reply, error);
    if (ok)
        ok = take_answer(search, &reply.body, "the container's role", error);
    else
        dr_error_prefix(error, "the container's credentials");
    if (!ok && error->class == DR_ERR_CONNECT)
        error->class = DR_ERR_AUTH;
    dr_http_reply_free(&reply);
    dr_wipe(header, sizeof header);
    return ok;
}

/* The role's name is one word in the first line. */
static bool take_role(const struct dr_buffer *body, char *role, size_t size)
{
    const char *text = dr_buffer_text(body);
    size_t length = strcspn(text, "\r\n");
    if (length == 0 || length >= size)
        return false;
    memcpy(role, text, length);
    role[length] = '\0';
    return strspn(role, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-") ==
           length;
}

/* Version 2: a token first, so that no forged request of another program gets through. */
static bool open_session(struct search *search, const char *base, char *header, size_t size,
                         struct dr_error *error)
{
    char url[PATH_MAX_BYTES];
    struct dr_http_reply reply;
    snprintf(url, sizeof url, "%s/latest/api/token", base);
    bool ok = ask(search, "PUT", url, "X-aws-ec2-metadata-token-ttl-seconds: 60", &reply, error);
    if (ok) {
        dr_task_secret(search->task, dr_buffer_text(&reply.body));
        ok = (size_t)snprintf(header, size, "X-aws-ec2-metadata-token: %s",
                              dr_buffer_text(&reply.body)) < size ||
             dr_error_set(error, DR_ERR_PROTOCOL, "the token is too long");
    }
    dr_http_reply_free(&reply);
    return ok;
}

static bool ask_for_role(struct search *search, const char *base, const char *header, char *role,
                         size_t size, struct dr_error *error)
{
    char url[PATH_MAX_BYTES];
    struct dr_http_reply reply;
    snprintf(url, sizeof url, "%s/latest/meta-data/iam/security-credentials/", base);
    bool ok = ask(search, NULL, url, header, &reply, error) &&
              (take_role(&reply.body, role, size) ||
               dr_error_set(error, DR_ERR_AUTH, "the machine has no role"));
    dr_http_reply_free(&reply);
    return ok;
}

static bool look_at_machine(struct search *search, bool *found, struct dr_error *error)
{
    const char *off = environment("AWS_EC2_METADATA_DISABLED");
    const char *base = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    char header[LINE_MAX_BYTES], role[256], url[PATH_MAX_BYTES + 320];
    struct dr_http_reply reply;
    struct dr_error why = {.class = DR_ERR_NONE};
    *found = false;
    if (off != NULL && strcmp(off, "true") == 0) {
        note(search, "the metadata service is switched off (AWS_EC2_METADATA_DISABLED)");
        return true;
    }
    base = base != NULL && strlen(base) < PATH_MAX_BYTES / 2 ? base : METADATA;
    if (!open_session(search, base, header, sizeof header, &why) ||
        !ask_for_role(search, base, header, role, sizeof role, &why)) {
        note(search, "no role of the machine (%s)", why.text);
        return true;
    }
    snprintf(url, sizeof url, "%s/latest/meta-data/iam/security-credentials/%s", base, role);
    *found = true;
    bool ok = ask(search, NULL, url, header, &reply, error);
    if (ok)
        ok = take_answer(search, &reply.body, "the machine's role", error);
    else
        dr_error_prefix(error, "the machine's credentials");
    dr_http_reply_free(&reply);
    dr_wipe(header, sizeof header);
    return ok;
}

/* ---- all of them ---- */

static bool look_everywhere(struct search *search, const struct dr_uri *uri, struct dr_error *error)
{
    const char *profile = dr_uri_param(uri, "profile"),
               *file = dr_uri_param(uri, "credentials-file");
    const char *named = profile != NULL ? profile : environment("AWS_PROFILE");
    char path[PATH_MAX_BYTES] = "";
    bool given = profile != NULL || file != NULL, found = false;
    if (!given && (!look_at_environment(search, &found, error) || found))
        return found;
    bool any =
        file != NULL ? snprintf(path, sizeof path, "%s", file) < PATH_MAX_BYTES : find_file(path);
    if (any && !look_at_file(search, path, named != NULL ? named : "default", given, &found, error))
        return false;
    if (given && !any)
        return dr_error_set(error, DR_ERR_USAGE,
                            "profile=: there is no credentials file: HOME is "
                            "not set");
    if (found || !look_at_container(search, &found, error) || found)
        return found && search->credentials->key_id != NULL;
    if (!look_at_machine(search, &found, error))
        return false;
    return found || dr_error_set(error, DR_ERR_AUTH,
                                 "no credentials for AWS: %s (anonymous=1 asks "
                                 "without)",
                                 dr_buffer_text(&search->looked));
}

bool dr_aws_find_credentials(struct dr_task *task, const struct dr_uri *uri,
                             struct dr_aws_credentials *credentials, struct dr_error *error)
{
    struct search search = {.task = task, .credentials = credentials, .looked = DR_BUFFER(480)};
    bool anonymous;
    *credentials = (struct dr_aws_credentials){.from = "nowhere"};
    if (!dr_uri_flag(uri, "anonymous", &anonymous, error))
        return false;
    if (anonymous)
        return true;
    bool ok = look_everywhere(&search, uri, error);
    dr_buffer_free(&search.looked);
    return ok;
}

static void wipe_text(char *text)
{
    if (text != NULL)
        dr_wipe(text, strlen(text));
    free(text);
}

void dr_aws_credentials_free(struct dr_aws_credentials *credentials)
{
    free(credentials->key_id);
    wipe_text(credentials->secret);
    wipe_text(credentials->token);
    *credentials = (struct dr_aws_credentials){.from = ""};
}
