/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/store_s3.h"

#include "common/client/xml.h"
#include "common/moment.h"
#include "plugins/backups/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const bak_s3_parameters[] = {"region",           "endpoint",   "profile",
                                         "credentials-file", "anonymous",  "cacert",
                                         "insecure",         "path-style", NULL};

#define SMALL_MAX ((size_t)64 * 1024)
#define UPLOADS_MAX ((size_t)16 * 1024 * 1024)
/* What is read and thrown away of a server that knows no ranges. */
#define SKIP_MAX ((int64_t)16 * 1024 * 1024)
#define UPLOADS "/ListMultipartUploadsResult"
#define PATH_BYTES (BAK_S3_NAME_MAX + 8)

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- calls ---- */

struct dr_aws_call bak_s3_call(const struct bak_s3 *s3, const char *path,
                               const struct dr_aws_pair *query, const char *stage)
{
    return (struct dr_aws_call){.method = "GET",
                                .service = "s3",
                                .region = s3->region,
                                .scheme = s3->scheme,
                                .host = s3->host,
                                .path = path,
                                .query = query,
                                .now = dr_now(),
                                .ca_file = s3->ca_file,
                                .insecure = s3->insecure,
                                .body_max = SMALL_MAX,
                                .stage = stage};
}

bool bak_s3_ask(struct bak_s3 *s3, const struct dr_aws_call *calls, struct dr_http_reply *replies,
                size_t count, struct dr_error *error)
{
    struct dr_error errors[DR_AWS_CALLS_MAX] = {{.class = DR_ERR_NONE}};
    bool answered[DR_AWS_CALLS_MAX] = {false}, ok = true;
    for (size_t i = 0; i < count; i++)
        replies[i] = (struct dr_http_reply){.status = 0};
    dr_task_stage(s3->store.task, calls[0].stage);
    if (!dr_aws_ask_all(s3->http, calls, &s3->credentials, replies, errors, answered, count, error))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (replies[i].date.known)
            s3->store.clock = replies[i].date;
        if (!answered[i] && ok) {
            *error = errors[i];
            ok = false;
        }
    }
    return ok;
}

bool bak_s3_refused(const struct bak_s3 *s3, const struct dr_http_reply *reply, const char *doing,
                    const char *grant, struct dr_error *error)
{
    char what[200];
    snprintf(what, sizeof what, "%s %s", doing, s3->words);
    return dr_aws_refused(reply, what, grant, dr_now(), error);
}

/* The path of a name below the root, not encoded. False where S3 has no such name. */
static bool write_path(const struct bak_s3 *s3, const char *name, struct dr_buffer *path,
                       struct dr_error *error)
{
    *path = DR_BUFFER(sizeof s3->base + PATH_BYTES);
    dr_buffer_addf(path, "%s/%s%s", s3->base, s3->root, name);
    if (!path->cut && strlen(s3->root) + strlen(name) <= BAK_S3_NAME_MAX)
        return true;
    dr_buffer_free(path);
    return dr_error_set(error, DR_ERR_USAGE, "a name is too long for S3");
}

/* ---- one name ---- */

const char *bak_s3_tier(const char *class)
{
    return strcmp(class, "GLACIER") == 0 || strcmp(class, "DEEP_ARCHIVE") == 0 ? class : NULL;
}

static void forget_same(struct bak_s3 *s3)
{
    free(s3->same_name);
    s3->same_name = NULL;
    s3->same_etag[0] = '\0';
}

/* What is read next of this name must be of the object that was seen now. */
static void note_same(struct bak_s3 *s3, const char *name, const struct dr_http_reply *reply)
{
    char etag[sizeof s3->same_etag];
    if (s3->same_name != NULL && strcmp(s3->same_name, name) == 0 && s3->same_etag[0] != '\0')
        return;
    forget_same(s3);
    if (!dr_http_header(reply, "ETag", etag, sizeof etag))
        return;
    s3->same_name = strdup(name);
    memcpy(s3->same_etag, etag, sizeof etag);
}

static struct dr_opt_real read_date(const struct dr_http_reply *reply, const char *name)
{
    char text[64];
    double seconds;
    if (!dr_http_header(reply, name, text, sizeof text))
        return (struct dr_opt_real){.known = false};
    return dr_http_date(text, &seconds) ? dr_real(seconds) : dr_moment_read(text);
}

static struct dr_opt_int read_size(const char *text)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    bool whole = text[0] >= '0' && text[0] <= '9' && *end == '\0';
    return whole ? dr_int(value) : (struct dr_opt_int){.known = false};
}

/* expiry-date="Fri, 23 Dec 2012 00:00:00 GMT", rule-id="..." */
static struct dr_opt_real read_expiration(const struct dr_http_reply *reply)
{
    static const char name[] = "expiry-date=\"";
    char text[512], date[64];
    double seconds;
    if (!dr_http_header(reply, "x-amz-expiration", text, sizeof text))
        return (struct dr_opt_real){.known = false};
    const char *from = strstr(text, name);
    size_t length = from != NULL ? strcspn(from + sizeof name - 1, "\"") : 0;
    if (length == 0 || length >= sizeof date)
        return (struct dr_opt_real){.known = false};
    memcpy(date, from + sizeof name - 1, length);
    date[length] = '\0';
    return dr_http_date(date, &seconds) ? dr_real(seconds) : (struct dr_opt_real){.known = false};
}

/* An ETag is the MD5 of the content but for uploads in parts, and where a key of its own encrypts.
 */
static const char *read_md5(struct bak_s3 *s3, const struct dr_http_reply *reply)
{
    char etag[128], how[32];
    if (!dr_http_header(reply, "ETag", etag, sizeof etag) ||
        dr_http_header(reply, "x-amz-server-side-encryption-customer-algorithm", how, sizeof how) ||
        (dr_http_header(reply, "x-amz-server-side-encryption", how, sizeof how) &&
         strcmp(how, "AES256") != 0))
        return NULL;
    const char *from = etag[0] == '"' ? etag + 1 : etag;
    size_t length = strspn(from, "0123456789abcdef");
    if (length != 32 || (from[length] != '\0' && strcmp(from + length, "\"") != 0))
        return NULL;
    memcpy(s3->md5, from, length);
    s3->md5[length] = '\0';
    return s3->md5;
}

/* Hours to the first byte, unless a copy was brought back. */
static const char *read_tier(struct bak_s3 *s3, const struct dr_http_reply *reply)
{
    char restored[200];
    if (dr_http_header(reply, "x-amz-restore", restored, sizeof restored) &&
        strstr(restored, "ongoing-request=\"false\"") != NULL)
        return NULL;
    if (dr_http_header(reply, "x-amz-archive-status", s3->tier, sizeof s3->tier))
        return s3->tier;
    return dr_http_header(reply, "x-amz-storage-class", s3->tier, sizeof s3->tier)
               ? bak_s3_tier(s3->tier)
               : NULL;
}

static void fill_entry(struct bak_s3 *s3, const char *name, const struct dr_http_reply *reply,
                       struct bak_entry *entry)
{
    char text[64] = "";
    *entry = (struct bak_entry){.name = name, .detailed = true};
    if (dr_http_header(reply, "Content-Length", text, sizeof text))
        entry->size = read_size(text);
    entry->modified = read_date(reply, "Last-Modified");
    entry->arrived = entry->modified;
    entry->md5 = read_md5(s3, reply);
    entry->tier = read_tier(s3, reply);
    entry->expires = read_expiration(reply);
    entry->locked = read_date(reply, "x-amz-object-lock-retain-until-date");
    if (dr_http_header(reply, "x-amz-replication-status", s3->replication, sizeof s3->replication))
        entry->replication = s3->replication;
}

static bool look(struct bak_store *store, const char *name, struct bak_entry *entry, bool *found,
                 struct dr_error *error)
{
    struct bak_s3 *s3 = (struct bak_s3 *)store;
    struct dr_buffer path;
    struct dr_http_reply reply;
    *found = false;
    if (!write_path(s3, name, &path, error))
        return false;
    struct dr_aws_call call = bak_s3_call(s3, dr_buffer_text(&path), NULL, "look at an object");
    call.method = "HEAD";
    bool ok = bak_s3_ask(s3, &call, &reply, 1, error);
    if (ok && reply.status == 404)
        ok = dr_error_set(error, DR_ERR_USAGE, "%s has no %s", s3->words, name);
    else if (ok && reply.status != 200)
        ok = bak_s3_refused(s3, &reply, "look at an object of", "s3:GetObject", error);
    *found = ok;
    if (ok) {
        forget_same(s3);
        note_same(s3, name, &reply);
        fill_entry(s3, name, &reply, entry);
    }
    dr_http_reply_free(&reply);
    dr_buffer_free(&path);
    return ok;
}

/* ---- reading ---- */

/* Where a whole object comes in although a part was asked for. */
struct part {
    char *into;
    int64_t offset; /* bytes still to pass over */
    size_t size;
    size_t got;
};

static bool take_part(void *context, const char *data, size_t size, struct dr_error *error)
{
    struct part *part = context;
    size_t skip = part->offset < (int64_t)size ? (size_t)part->offset : size;
    part->offset -= (int64_t)skip;
    size_t rest = size - skip, room = part->size - part->got;
    size_t length = rest < room ? rest : room;
    if (length > 0)
        memcpy(part->into + part->got, data + skip, length);
    part->got += length;
    /* the end of what is wanted ends the request */
    return part->got < part->size || dr_error_set(error, DR_ERR_NONE, "enough");
}

/* "bytes 0-7/120000": servers answer with another part than the one that was asked for. */
static bool check_range(const struct bak_s3 *s3, const struct dr_http_reply *reply, int64_t offset,
                        size_t size, struct dr_error *error)
{
    char text[80];
    long long from = -1, through = -1, total = -1;
    if (!dr_http_header(reply, "Content-Range", text, sizeof text) ||
        sscanf(text, "bytes %lld-%lld/%lld", &from, &through, &total) != 3 || from != offset ||
        through < from || through - from + 1 != (long long)reply->body.size ||
        reply->body.size > size || (reply->body.size < size && through + 1 != total))
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "read from %s: another part came than the one that was asked for "
                            "(%lld-%lld of %lld instead of %lld on)",
                            s3->words, from, through, total, (long long)offset);
    return true;
}

static bool take_range(struct bak_s3 *s3, const char *name, const struct dr_http_reply *reply,
                       int64_t offset, struct part *part, struct dr_error *error)
{
    switch (reply->status) {
    case 206:
        if (!check_range(s3, reply, offset, part->size, error))
            return false;
        memcpy(part->into, dr_buffer_text(&reply->body), reply->body.size);
        part->got = reply->body.size;
        return true;
    case 200: /* through the sink */
        return true;
    case 416: /* behind its end */
        part->got = 0;
        return true;
    case 404:
        return dr_error_set(error, DR_ERR_USAGE, "%s has no %s", s3->words, name);
    case 412:
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "read from %s: %s was replaced while it was read", s3->words, name);
    default:
        return bak_s3_refused(s3, reply, "read from", "s3:GetObject", error);
    }
}

static bool ask_range(struct bak_s3 *s3, const char *name, const char *path, int64_t offset,
                      struct part *part, struct dr_error *error)
{
    char range[80], same[sizeof s3->same_etag + 16];
    const char *headers[3] = {range, NULL, NULL};
    struct dr_http_reply reply;
    struct dr_aws_call call = bak_s3_call(s3, path, NULL, "read a part of an object");
    snprintf(range, sizeof range, "Range: bytes=%lld-%lld", (long long)offset,
             (long long)offset + (long long)part->size - 1);
    if (s3->same_name != NULL && strcmp(s3->same_name, name) == 0) {
        snprintf(same, sizeof same, "If-Match: %s", s3->same_etag);
        headers[1] = same;
    }
    call.headers = headers;
    call.sink = take_part;
    call.sink_context = part;
    call.body_max = (size_t)(offset < SKIP_MAX ? offset : SKIP_MAX) + part->size + SMALL_MAX;
    bool ok = bak_s3_ask(s3, &call, &reply, 1, error);
    if (!ok && part->size > 0 && part->got == part->size)
        ok = true; /* the sink had enough */
    else if (ok)
        ok = take_range(s3, name, &reply, offset, part, error);
    if (ok && (reply.status == 206 || reply.status == 200))
        note_same(s3, name, &reply);
    dr_http_reply_free(&reply);
    return ok;
}

static bool read_part(struct bak_store *store, const char *name, int64_t offset, void *into,
                      size_t size, size_t *got, struct dr_error *error)
{
    struct bak_s3 *s3 = (struct bak_s3 *)store;
    struct part part = {.into = into, .offset = offset, .size = size};
    struct dr_buffer path;
    *got = 0;
    if (size == 0)
        return true;
    if (!write_path(s3, name, &path, error))
        return false;
    bool ok = ask_range(s3, name, dr_buffer_text(&path), offset, &part, error);
    *got = ok ? part.got : 0;
    dr_buffer_free(&path);
    return ok;
}

static bool take_whole(struct bak_s3 *s3, struct dr_http_reply *reply, struct dr_buffer *text,
                       bool *found, struct dr_error *error)
{
    if (reply->status == 404)
        return true;
    if (reply->status != 200)
        return bak_s3_refused(s3, reply, "read from", "s3:GetObject", error);
    *found = true;
    *text = reply->body;
    reply->body = DR_BUFFER(0);
    return true;
}

/* At most DR_AWS_CALLS_MAX of them. */
static bool load_some(struct bak_s3 *s3, const char *const *names, size_t count, size_t most,
                      struct dr_buffer *texts, bool *found, struct dr_error *error)
{
    struct dr_aws_call calls[DR_AWS_CALLS_MAX];
    struct dr_buffer paths[DR_AWS_CALLS_MAX];
    struct dr_http_reply replies[DR_AWS_CALLS_MAX];
    size_t made = 0;
    bool ok = true;
    for (; ok && made < count; made++) {
        ok = write_path(s3, names[made], &paths[made], error);
        if (!ok)
            break;
        calls[made] = bak_s3_call(s3, dr_buffer_text(&paths[made]), NULL, "read objects");
        calls[made].body_max = most;
    }
    bool asked = ok && made > 0;
    ok = ok && (made == 0 || bak_s3_ask(s3, calls, replies, made, error));
    for (size_t i = 0; i < made; i++) {
        ok = ok && take_whole(s3, &replies[i], &texts[i], &found[i], error);
        if (asked)
            dr_http_reply_free(&replies[i]);
        dr_buffer_free(&paths[i]);
    }
    return ok;
}

static bool load(struct bak_store *store, const char *const *names, size_t count, size_t most,
                 struct dr_buffer *texts, bool *found, struct dr_error *error)
{
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        texts[i] = DR_BUFFER(most);
        found[i] = false;
    }
    for (size_t at = 0; ok && at < count; at += DR_AWS_CALLS_MAX) {
        size_t some = count - at < DR_AWS_CALLS_MAX ? count - at : DR_AWS_CALLS_MAX;
        ok = load_some((struct bak_s3 *)store, names + at, some, most, texts + at, found + at,
                       error);
    }
    return ok;
}

/* ---- uploads that were never finished ---- */

struct uploads {
    struct bak_s3 *s3;
    struct dr_xml xml;
    bak_take *take;
    void *context;
};

static bool take_upload(void *context, const char *which, struct dr_error *error)
{
    struct uploads *uploads = context;
    const char *key = dr_xml_text(&uploads->xml, UPLOADS "/Upload/Key");
    const char *root = uploads->s3->root;
    (void)which;
    if (strncmp(key, root, strlen(root)) != 0)
        return true;
    struct bak_entry entry = {.name = key + strlen(root), .detailed = true};
    entry.modified = dr_moment_read(dr_xml_text(&uploads->xml, UPLOADS "/Upload/Initiated"));
    entry.arrived = entry.modified;
    return uploads->take(uploads->context, &entry, error);
}

/* The first thousand: nobody needs more of them to be told. Where a policy does not let us see
 * them, or a server has no such list, there is nothing to say. */
static bool unfinished(struct bak_store *store, bak_take *take, void *context,
                       struct dr_error *error)
{
    struct bak_s3 *s3 = (struct bak_s3 *)store;
    struct uploads uploads = {.s3 = s3, .take = take, .context = context};
    struct dr_xml_element elements[] = {{.path = UPLOADS "/Upload/Key"},
                                        {.path = UPLOADS "/Upload/Initiated"}};
    const struct dr_aws_pair query[] = {{"uploads", ""}, {"prefix", s3->root}, {NULL, NULL}};
    struct dr_http_reply reply;
    char path[sizeof s3->base + 2];
    uploads.xml = (struct dr_xml){.elements = elements,
                                  .count = 2,
                                  .item = UPLOADS "/Upload",
                                  .take = take_upload,
                                  .context = &uploads,
                                  .root = "ListMultipartUploadsResult"};
    snprintf(path, sizeof path, "%s/", s3->base);
    struct dr_aws_call call = bak_s3_call(s3, path, query, "list unfinished uploads");
    call.body_max = UPLOADS_MAX;
    bool ok = bak_s3_ask(s3, &call, &reply, 1, error);
    if (ok && reply.status == 200) {
        struct dr_error ignored;
        dr_xml_read(&uploads.xml, &reply.body, &ignored);
        dr_xml_end(&uploads.xml);
    }
    dr_http_reply_free(&reply);
    return ok;
}

/* ---- opening ---- */

static void close_store(struct bak_store *store)
{
    struct bak_s3 *s3 = (struct bak_s3 *)store;
    dr_http_free(s3->http);
    dr_aws_credentials_free(&s3->credentials);
    free(s3->bucket);
    free(s3->root);
    free(s3->pattern);
    free(s3->same_name);
    free(s3);
}

struct bak_store *bak_s3_open(struct dr_task *task, const struct dr_uri *uri, bool whole,
                              struct dr_error *error)
{
    const struct bak_request *request = dr_task_request(task);
    struct bak_s3 *s3 = calloc(1, sizeof *s3);
    if (s3 == NULL) {
        out_of_memory(error);
        return NULL;
    }
    s3->type = (struct bak_store_type){.words = s3->words,
                                       .list = bak_s3_list,
                                       .look = look,
                                       .read = read_part,
                                       .load = load,
                                       .unfinished = unfinished,
                                       .close = close_store};
    s3->store = (struct bak_store){
        .type = &s3->type, .task = task, .remote = true, .page_limit = request->pages};
    if (bak_s3_prepare(s3, uri, whole, error))
        return &s3->store;
    close_store(&s3->store);
    return NULL;
}
