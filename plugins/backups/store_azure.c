/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/store_azure.h"

#include "common/client/azure.h"
#include "plugins/backups/names.h"
#include "plugins/backups/request.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Errors and other short replies. */
#define REPLY_MAX ((size_t)64 * 1024)
#define PATH_TEXT_MAX ((size_t)8 * 1024)

/* Of a SAS of one container or share, beside those of one of the account. */
#define SAS_OF_ONE                                                                                 \
    "sr", "si", "skoid", "sktid", "skt", "ske", "sks", "skv", "saoid", "suoid", "scid", "sdd",     \
        "sduoid", "skdutid", "rscc", "rscd", "rsce", "rscl", "rsct"

const char *const bak_azure_sas_parameters[] = {SAS_OF_ONE, NULL};
const char *const bak_azure_parameters[] = {"endpoint",   "endpoint_suffix",
                                            "token_file", "sas_file",
                                            "cacert",     "proxy",
                                            "identity",   "identity_endpoint",
                                            "plain_http", "secondary",
                                            "sv",         "ss",
                                            "srt",        "sp",
                                            "se",         "st",
                                            "spr",        "sip",
                                            "ses",        "sig",
                                            SAS_OF_ONE,   NULL};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- who and where ---- */

/* A container's or share's name stands in a path as it is. */
static bool is_name(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= 63 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-$") == length;
}

static bool take_container(struct bak_azure *azure, const char *path, struct dr_error *error)
{
    size_t length = strcspn(path, "/");
    azure->container = strndup(path, length);
    if (azure->container == NULL)
        return out_of_memory(error);
    snprintf(azure->words, sizeof azure->words, "%s %s", azure->kind->words, azure->container);
    azure->type = azure->kind->type;
    azure->type.words = azure->words;
    return is_name(azure->container) ||
           dr_error_set(error, DR_ERR_USAGE,
                        "%s: the name of a %s has lower case letters, digits and hyphens",
                        azure->kind->form.usage, azure->kind->thing);
}

/* What the SAS says of itself is known before anything is asked. */
static bool check_sas(const struct bak_azure *azure, struct dr_error *error)
{
    const struct bak_request *request = dr_task_request(azure->store.task);
    struct dr_azure_sas_use use = azure->kind->use;
    struct dr_azure_sas sas;
    if (azure->access.sas == NULL)
        return true;
    use.tls = strncmp(azure->access.base, "https://", 8) == 0;
    bool ok = dr_azure_read_sas(azure->access.sas, &sas, error) &&
              dr_azure_sas_fits(&sas, &use, request->now, error);
    dr_wipe(sas.signature, sizeof sas.signature);
    return ok;
}

static bool use_secondary(struct bak_azure *azure, struct dr_error *error)
{
    azure->owned = azure->access;
    return dr_azure_access_secondary(&azure->owned, &azure->access) ||
           dr_error_set(error, DR_ERR_USAGE,
                        "secondary=yes: endpoint= does not name the account, so its secondary is "
                        "not known");
}

static bool start(struct bak_azure *azure, const struct dr_uri *uri, bool secondary,
                  struct dr_error *error)
{
    struct dr_task *task = azure->store.task;
    const struct bak_request *request = dr_task_request(task);
    const char *path = uri->path[0] == '/' ? uri->path + 1 : uri->path;
    azure->store.type = &azure->type;
    azure->store.remote = true;
    azure->store.atomic = azure->kind->atomic;
    azure->store.page_limit = request->pages;
    if (!take_container(azure, path, error) ||
        !dr_azure_access_read(task, &azure->kind->form, &azure->access, error) ||
        !check_sas(azure, error) || !dr_azure_access_identify(task, &azure->access, error) ||
        (secondary && !use_secondary(azure, error)))
        return false;
    azure->store.credential_ends = azure->access.sas_expiry;
    azure->http = dr_http_new(task, error);
    return azure->http != NULL;
}

struct bak_azure *bak_azure_open(struct dr_task *task, const struct dr_uri *uri,
                                 const struct bak_azure_kind *kind, bool secondary,
                                 struct dr_error *error)
{
    struct bak_azure *azure = calloc(1, sizeof *azure);
    if (azure == NULL) {
        out_of_memory(error);
        return NULL;
    }
    azure->kind = kind;
    azure->store.task = task;
    if (start(azure, uri, secondary, error))
        return azure;
    bak_azure_close(&azure->store);
    return NULL;
}

void bak_azure_drop_begun(struct bak_azure *azure)
{
    for (size_t i = 0; i < azure->begun_count; i++)
        free(azure->begun[i].name);
    azure->begun_count = 0;
    azure->begun_known = false;
}

void bak_azure_close(struct bak_store *store)
{
    struct bak_azure *azure = (struct bak_azure *)store;
    bak_azure_drop_begun(azure);
    dr_http_free(azure->http);
    dr_azure_access_free(&azure->access);
    dr_azure_access_free(&azure->owned);
    free(azure->container);
    free(azure->root);
    free(azure->pattern);
    free(azure->same_name);
    free(azure);
}

static bool set_root(struct bak_azure *azure, const char *path, size_t length, const char *pattern,
                     struct dr_error *error)
{
    free(azure->root);
    free(azure->pattern);
    while (length > 0 && path[length - 1] == '/')
        length--;
    azure->root = dr_text_format("%.*s%s", (int)length, path, length > 0 ? "/" : "");
    azure->pattern = strdup(pattern);
    azure->store.pattern = azure->pattern;
    snprintf(azure->place, sizeof azure->place, "%s/%.500s", azure->container,
             azure->root != NULL ? azure->root : "");
    azure->store.place = azure->place;
    return (azure->root != NULL && azure->pattern != NULL) || out_of_memory(error);
}

bool bak_azure_root(struct bak_azure *azure, const char *path, bool whole, struct dr_error *error)
{
    struct dr_http_reply reply = {.status = 0};
    bool found = false;
    path += path[0] == '/' ? 1 : 0;
    path += strcspn(path, "/");
    path += path[0] == '/' ? 1 : 0;
    size_t length = strlen(path);
    if (strlen(path) > PATH_TEXT_MAX / 4)
        return dr_error_set(error, DR_ERR_USAGE, "%s: the path is too long",
                            azure->kind->form.usage);
    if (whole || length == 0 || path[length - 1] == '/')
        return set_root(azure, path, length, "", error);
    if (path[strcspn(path, "*?[")] != '\0') {
        length = bak_glob_root(path);
        return set_root(azure, path, length, path + length, error);
    }
    /* either the name of one thing, or of what is in front of many */
    if (!set_root(azure, "", 0, "", error) || !bak_azure_head(azure, path, &found, &reply, error)) {
        dr_http_reply_free(&reply);
        return false;
    }
    dr_http_reply_free(&reply);
    const char *slash = strrchr(path, '/');
    const char *last = slash != NULL ? slash + 1 : path;
    return found ? set_root(azure, path, (size_t)(last - path), last, error)
                 : set_root(azure, path, length, "", error);
}

/* ---- requests ---- */

bool bak_azure_path(const struct bak_azure *azure, const char *name, struct dr_buffer *path)
{
    dr_buffer_addf(path, "%s%s/", azure->access.path, azure->container);
    struct dr_buffer whole = DR_BUFFER(PATH_TEXT_MAX), part = DR_BUFFER(PATH_TEXT_MAX);
    dr_buffer_addf(&whole, "%s%s", azure->root, name);
    for (const char *at = dr_buffer_text(&whole); *at != '\0';) {
        size_t length = strcspn(at, "/");
        dr_buffer_clear(&part);
        dr_buffer_add_bytes(&part, at, length);
        dr_http_encode(path, dr_buffer_text(&part));
        at += length;
        if (*at == '/') {
            dr_buffer_add_char(path, '/');
            at++;
        }
    }
    bool fits = !whole.cut && !path->cut;
    dr_buffer_free(&part);
    dr_buffer_free(&whole);
    return fits;
}

struct dr_azure_call bak_azure_call(const struct bak_azure *azure, const char *path,
                                    const struct dr_azure_pair *query, const char *stage)
{
    const struct dr_azure_access *access = &azure->access;
    return (struct dr_azure_call){.account = access->account,
                                  .base = access->base,
                                  .path = path,
                                  .query = query,
                                  .key = access->key,
                                  .sas = access->sas,
                                  .token = access->token,
                                  .version = azure->kind->version,
                                  .headers = access->token != NULL ? azure->kind->headers : NULL,
                                  .ca_file = access->ca_file,
                                  .proxy = access->proxy,
                                  .body_max = REPLY_MAX,
                                  .stage = stage};
}

bool bak_azure_ask(struct bak_azure *azure, const struct dr_azure_call *call,
                   struct dr_http_reply *reply, struct dr_error *error)
{
    struct dr_error reason = {.class = DR_ERR_NONE};
    bool ok = false;
    *reply = (struct dr_http_reply){.status = 0};
    dr_task_stage(azure->store.task, call->stage);
    if (!dr_azure_ask_all(azure->http, call, reply, &reason, &ok, 1, error))
        return false;
    if (!ok && error != NULL)
        *error = reason;
    if (ok && reply->date.known)
        azure->store.clock = reply->date;
    return ok;
}

bool bak_azure_refused(const struct bak_azure *azure, const struct dr_http_reply *reply,
                       struct dr_error *error)
{
    return dr_azure_refused(&azure->access, &azure->kind->grant, reply, dr_now(), error);
}

bool bak_azure_is_missing(const struct bak_azure *azure, const struct dr_http_reply *reply)
{
    char code[DR_AZURE_WORD_SIZE];
    if (reply->status != 404)
        return false;
    dr_azure_refusal_code(reply, code);
    for (const char *const *known = azure->kind->missing; *known != NULL; known++) {
        if (strcmp(code, *known) == 0)
            return true;
    }
    return false;
}

bool bak_azure_may_go_on(struct bak_azure *azure)
{
    struct bak_store *store = &azure->store;
    if (store->page_limit > 0 && store->pages >= store->page_limit) {
        store->cut = true;
        return false;
    }
    store->pages++;
    return true;
}

/* ---- one name ---- */

/* Remembers which state of a name was seen. */
static void keep_etag(struct bak_azure *azure, const char *name, const struct dr_http_reply *reply)
{
    if (azure->same_name == NULL || strcmp(azure->same_name, name) != 0) {
        free(azure->same_name);
        azure->same_name = strdup(name);
    }
    if (!dr_http_header(reply, "ETag", azure->same_etag, sizeof azure->same_etag) ||
        strlen(azure->same_etag) + 1 >= sizeof azure->same_etag)
        azure->same_etag[0] = '\0';
}

static const char *etag_of(const struct bak_azure *azure, const char *name)
{
    bool same = azure->same_name != NULL && strcmp(azure->same_name, name) == 0;
    return same && azure->same_etag[0] != '\0' ? azure->same_etag : NULL;
}

static bool too_long(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_USAGE, "a name is too long for a request");
}

static const struct dr_azure_pair no_query[] = {{NULL, NULL}};

bool bak_azure_head(struct bak_azure *azure, const char *name, bool *found,
                    struct dr_http_reply *reply, struct dr_error *error)
{
    struct dr_buffer path = DR_BUFFER(PATH_TEXT_MAX);
    *reply = (struct dr_http_reply){.status = 0};
    *found = false;
    bool ok = bak_azure_path(azure, name, &path) || too_long(error);
    if (ok) {
        struct dr_azure_call call =
            bak_azure_call(azure, dr_buffer_text(&path), no_query, "look at a name");
        call.method = "HEAD";
        ok = bak_azure_ask(azure, &call, reply, error);
    }
    dr_buffer_free(&path);
    if (!ok || bak_azure_is_missing(azure, reply))
        return ok;
    if (reply->status != 200)
        return bak_azure_refused(azure, reply, error);
    keep_etag(azure, name, reply);
    *found = true;
    return true;
}

bool bak_azure_content_range(const char *text, int64_t *from, int64_t *through, int64_t *total)
{
    int end = 0;
    return strspn(text, "bytes 0123456789-/") == strlen(text) &&
           sscanf(text, "bytes %18" SCNd64 "-%18" SCNd64 "/%18" SCNd64 "%n", from, through, total,
                  &end) == 3 &&
           text[end] == '\0' && *from >= 0 && *through >= *from && *total > *through;
}

/* Are these the bytes that were asked for? Fewer only at the end. */
static bool take_part(const struct dr_http_reply *reply, int64_t offset, void *into, size_t size,
                      size_t *got, struct dr_error *error)
{
    char text[96];
    int64_t from, through, total;
    if (!dr_http_header(reply, "Content-Range", text, sizeof text) ||
        !bak_azure_content_range(text, &from, &through, &total))
        return dr_azure_unusable(error, "no Content-Range for a part");
    if (from != offset || (uint64_t)(through - from) + 1 != reply->body.size ||
        reply->body.size > size || (reply->body.size < size && through + 1 != total))
        return dr_azure_unusable(error, "another part than the one that was asked for");
    memcpy(into, dr_buffer_text(&reply->body), reply->body.size);
    *got = reply->body.size;
    return true;
}

static bool ask_part(struct bak_azure *azure, const char *name, int64_t offset, size_t size,
                     struct dr_http_reply *reply, struct dr_error *error)
{
    struct dr_buffer path = DR_BUFFER(PATH_TEXT_MAX);
    char range[64];
    snprintf(range, sizeof range, "bytes=%" PRId64 "-%" PRId64, offset, offset + (int64_t)size - 1);
    bool ok = bak_azure_path(azure, name, &path) || too_long(error);
    if (ok) {
        struct dr_azure_call call =
            bak_azure_call(azure, dr_buffer_text(&path), no_query, "read a part");
        call.range = range;
        call.if_match = etag_of(azure, name);
        call.body_max = size > REPLY_MAX ? size : REPLY_MAX;
        call.private = true;
        ok = bak_azure_ask(azure, &call, reply, error);
    }
    dr_buffer_free(&path);
    return ok;
}

bool bak_azure_read(struct bak_store *store, const char *name, int64_t offset, void *into,
                    size_t size, size_t *got, struct dr_error *error)
{
    struct bak_azure *azure = (struct bak_azure *)store;
    struct dr_http_reply reply = {.status = 0};
    *got = 0;
    if (size == 0)
        return true;
    bool ok = ask_part(azure, name, offset, size, &reply, error);
    if (ok && reply.status == 206) {
        ok = take_part(&reply, offset, into, size, got, error);
        if (ok && etag_of(azure, name) == NULL)
            keep_etag(azure, name, &reply);
    } else if (ok && reply.status == 200) {
        ok = dr_azure_unusable(error, "all of it, where a part was asked for");
    } else if (ok && reply.status != 416) { /* nothing is there from the offset on */
        ok = bak_azure_refused(azure, &reply, error);
    }
    dr_http_reply_free(&reply);
    return ok;
}

/* ---- several at once ---- */

static bool take_whole(const struct bak_azure *azure, struct dr_http_reply *reply,
                       struct dr_buffer *text, bool *found, struct dr_error *error)
{
    *found = false;
    if (bak_azure_is_missing(azure, reply))
        return true;
    if (reply->status != 200)
        return bak_azure_refused(azure, reply, error);
    *text = reply->body;
    reply->body = DR_BUFFER(0);
    *found = true;
    return true;
}

static bool load_some(struct bak_azure *azure, const char *const *names, size_t count, size_t most,
                      struct dr_buffer *texts, bool *found, struct dr_error *error)
{
    struct dr_azure_call calls[DR_AZURE_CALLS_MAX];
    struct dr_http_reply replies[DR_AZURE_CALLS_MAX] = {{.status = 0}};
    struct dr_buffer paths[DR_AZURE_CALLS_MAX];
    struct dr_error errors[DR_AZURE_CALLS_MAX];
    bool ok[DR_AZURE_CALLS_MAX] = {false}, fine = true;
    for (size_t i = 0; i < count; i++) {
        paths[i] = DR_BUFFER(PATH_TEXT_MAX);
        fine = (bak_azure_path(azure, names[i], &paths[i]) || too_long(error)) && fine;
        calls[i] = bak_azure_call(azure, dr_buffer_text(&paths[i]), no_query, "read small ones");
        calls[i].body_max = most;
        calls[i].private = true;
    }
    fine = fine && dr_azure_ask_all(azure->http, calls, replies, errors, ok, count, error);
    for (size_t i = 0; i < count; i++) {
        if (fine && !ok[i] && error != NULL)
            *error = errors[i];
        if (fine)
            fine = (ok[i] && take_whole(azure, &replies[i], &texts[i], &found[i], error)) ||
                   dr_error_prefix(error, "%s", names[i]);
        dr_http_reply_free(&replies[i]);
        dr_buffer_free(&paths[i]);
    }
    return fine;
}

bool bak_azure_load(struct bak_store *store, const char *const *names, size_t count, size_t most,
                    struct dr_buffer *texts, bool *found, struct dr_error *error)
{
    struct bak_azure *azure = (struct bak_azure *)store;
    for (size_t i = 0; i < count; i++) {
        texts[i] = DR_BUFFER(0);
        found[i] = false;
    }
    dr_task_stage(store->task, "read small ones");
    for (size_t i = 0; i < count; i += DR_AZURE_CALLS_MAX) {
        size_t part = count - i < DR_AZURE_CALLS_MAX ? count - i : DR_AZURE_CALLS_MAX;
        if (!load_some(azure, names + i, part, most, texts + i, found + i, error))
            return false;
    }
    return true;
}

/* ---- values ---- */

bool bak_azure_md5(const char *base64, char hex[BAK_AZURE_MD5_SIZE])
{
    unsigned char bytes[24];
    hex[0] = '\0';
    if (strlen(base64) != 24 || strcmp(base64 + 22, "==") != 0 ||
        EVP_DecodeBlock(bytes, (const unsigned char *)base64, 24) != 18)
        return false;
    for (size_t i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

struct dr_opt_int bak_azure_size(const char *text)
{
    size_t length = strspn(text, "0123456789");
    if (length == 0 || length > 18 || text[length] != '\0')
        return (struct dr_opt_int){.known = false};
    return dr_int(strtoll(text, NULL, 10));
}

struct dr_opt_real bak_azure_moment(const char *text)
{
    double seconds;
    if (dr_http_date(text, &seconds) || dr_azure_time(text, &seconds))
        return dr_real(seconds);
    return (struct dr_opt_real){.known = false};
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool bak_azure_decode(char *name)
{
    char *into = name;
    for (const char *from = name; *from != '\0'; into++) {
        int high = -1, low = -1;
        if (*from == '%' && (high = digit_of(from[1])) >= 0)
            low = digit_of(from[2]);
        if (*from == '%' && (low < 0 || high * 16 + low == 0))
            return false;
        *into = low >= 0 ? (char)(high * 16 + low) : *from;
        from += low >= 0 ? 3 : 1;
    }
    *into = '\0';
    return true;
}
