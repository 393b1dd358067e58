/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a target of S3 is (its service, its bucket, what is below it), and how its bucket is
 * protected: all that is found out before the first object is looked at. */
#include "plugins/backups/store_s3.h"

#include "common/client/xml.h"
#include "plugins/backups/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- protection ---- */

/* Enabled, suspended or never; another document, or none, says nothing: servers without versions
 * answer with the list of the bucket. */
static void read_versioning(struct bak_s3 *s3, const struct dr_http_reply *reply)
{
    struct dr_xml_element elements[] = {{.path = "/VersioningConfiguration/Status"}};
    struct dr_xml xml = {.elements = elements, .count = 1, .root = "VersioningConfiguration"};
    struct dr_error ignored;
    if (reply->status == 200 && dr_xml_read(&xml, &reply->body, &ignored))
        s3->store.versioning = dr_bool(strcmp(dr_xml_text(&xml, elements[0].path), "Enabled") == 0);
    dr_xml_end(&xml);
}

/* Without a rule objects are only locked one by one, which a HEAD of each says. */
static void read_locking(struct bak_s3 *s3, const struct dr_http_reply *reply)
{
    struct dr_xml_element elements[] = {
        {.path = "/ObjectLockConfiguration/ObjectLockEnabled"},
        {.path = "/ObjectLockConfiguration/Rule/DefaultRetention/Mode"},
        {.path = "/Error/Code"}};
    struct dr_xml xml = {.elements = elements, .count = 3};
    struct dr_error ignored;
    if (dr_xml_read(&xml, &reply->body, &ignored)) {
        bool on = strcmp(dr_xml_text(&xml, elements[0].path), "Enabled") == 0;
        bool rule = dr_xml_text(&xml, elements[1].path)[0] != '\0';
        bool none = strcmp(dr_xml_text(&xml, elements[2].path),
                           "ObjectLockConfigurationNotFoundError") == 0;
        if (reply->status == 200 && on && rule)
            s3->store.locking = dr_bool(true);
        else if (reply->status == 404 && none)
            s3->store.locking = dr_bool(false);
    }
    dr_xml_end(&xml);
}

/* A reply of any kind will do: what is wrong with the bucket shows when it is listed. */
static bool ask_protection(struct bak_s3 *s3, struct dr_error *error)
{
    static const struct dr_aws_pair versioning[] = {{"versioning", ""}, {NULL, NULL}};
    static const struct dr_aws_pair locking[] = {{"object-lock", ""}, {NULL, NULL}};
    char path[sizeof s3->base + 2];
    struct dr_http_reply replies[2];
    snprintf(path, sizeof path, "%s/", s3->base);
    struct dr_aws_call calls[] = {
        bak_s3_call(s3, path, versioning, "ask for the bucket's versioning"),
        bak_s3_call(s3, path, locking, "ask for the bucket's object lock")};
    calls[0].body_keep = calls[1].body_keep = true;
    bool ok = bak_s3_ask(s3, calls, replies, 2, error);
    if (ok) {
        read_versioning(s3, &replies[0]);
        read_locking(s3, &replies[1]);
    }
    dr_http_reply_free(&replies[0]);
    dr_http_reply_free(&replies[1]);
    return ok;
}

/* ---- the root ---- */

static bool set_root(struct bak_s3 *s3, const char *path, size_t length, const char *pattern,
                     struct dr_error *error)
{
    bool slash = length == 0 || path[length - 1] == '/';
    free(s3->root);
    free(s3->pattern);
    s3->root = dr_text_format("%.*s%s", (int)length, path, slash ? "" : "/");
    s3->pattern = strdup(pattern);
    s3->store.pattern = s3->pattern;
    return (s3->root != NULL && s3->pattern != NULL) || out_of_memory(error);
}

struct first_key {
    struct dr_xml xml;
    const char *wanted;
    bool found;
};

static bool take_first(void *context, const char *which, struct dr_error *error)
{
    struct first_key *first = context;
    (void)which, (void)error;
    first->found =
        first->found ||
        strcmp(dr_xml_text(&first->xml, "/ListBucketResult/Contents/Key"), first->wanted) == 0;
    return true;
}

/* Whether there is an object of exactly that name: the first of those that begin so. By a list,
 * which whoever may not read objects may ask for, too. */
static bool is_object(struct bak_s3 *s3, const char *name, bool *found, struct dr_error *error)
{
    struct dr_xml_element elements[] = {{.path = "/ListBucketResult/Contents/Key"}};
    struct first_key first = {.wanted = name};
    const struct dr_aws_pair query[] = {
        {"list-type", "2"}, {"max-keys", "1"}, {"prefix", name}, {NULL, NULL}};
    char path[sizeof s3->base + 2];
    struct dr_http_reply reply;
    first.xml = (struct dr_xml){.elements = elements,
                                .count = 1,
                                .item = "/ListBucketResult/Contents",
                                .take = take_first,
                                .context = &first,
                                .root = "ListBucketResult"};
    snprintf(path, sizeof path, "%s/", s3->base);
    struct dr_aws_call call = bak_s3_call(s3, path, query, "list the bucket");
    bool ok = bak_s3_ask(s3, &call, &reply, 1, error);
    if (ok && reply.status != 200)
        ok = bak_s3_refused(s3, &reply, "list", "s3:ListBucket", error);
    ok = ok && dr_xml_read(&first.xml, &reply.body, error);
    *found = first.found;
    dr_xml_end(&first.xml);
    dr_http_reply_free(&reply);
    return ok;
}

/* A path without wildcards is one object, where there is such a one, else what is below it. */
static bool find_root(struct bak_s3 *s3, const char *path, bool whole, struct dr_error *error)
{
    path += path[0] == '/' ? 1 : 0;
    size_t length = strlen(path), root = bak_glob_root(path);
    if (length > BAK_S3_NAME_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "the path is too long for S3");
    if (whole || length == 0 || path[length - 1] == '/')
        return set_root(s3, path, length, "", error);
    if (path[strcspn(path, "*?[")] != '\0')
        return set_root(s3, path, root, path + root, error);
    bool found;
    if (!is_object(s3, path, &found, error))
        return false;
    const char *slash = strrchr(path, '/');
    const char *last = slash != NULL ? slash + 1 : path;
    return found ? set_root(s3, path, (size_t)(last - path), last, error)
                 : set_root(s3, path, length, "", error);
}

/* ---- the service and its bucket ---- */

static bool set_endpoint(struct bak_s3 *s3, const char *endpoint, struct dr_error *error)
{
    static const char wrong[] =
        "endpoint= is https://HOST[:PORT] (http:// without TLS) and nothing behind it";
    bool plain = strncmp(endpoint, "http://", 7) == 0;
    if (!plain && strncmp(endpoint, "https://", 8) != 0)
        return dr_error_set(error, DR_ERR_USAGE, "%s", wrong);
    const char *host = endpoint + (plain ? 7 : 8);
    size_t length = strcspn(host, "/?#@ ");
    if (length == 0 || length >= sizeof s3->host ||
        (host[length] != '\0' && strcmp(host + length, "/") != 0))
        return dr_error_set(error, DR_ERR_USAGE, "%s", wrong);
    memcpy(s3->host, host, length);
    s3->host[length] = '\0';
    s3->scheme = plain ? "http" : "https";
    /* as libcurl sends it: without the port of the scheme */
    const char *usual = plain ? ":80" : ":443";
    size_t tail = strlen(usual);
    if (length > tail && strcmp(s3->host + length - tail, usual) == 0)
        s3->host[length - tail] = '\0';
    return true;
}

/* The bucket is a part of the name where that name is AWS's, and its certificate fits. */
static bool set_place(struct bak_s3 *s3, const struct dr_uri *uri, struct dr_error *error)
{
    const char *endpoint = dr_uri_param(uri, "endpoint");
    bool path_style;
    if (!dr_uri_flag(uri, "path-style", &path_style, error))
        return false;
    if (endpoint != NULL && !set_endpoint(s3, endpoint, error))
        return false;
    if (endpoint == NULL) {
        s3->scheme = "https";
        snprintf(s3->host, sizeof s3->host, "s3.%s.amazonaws.com%s", s3->region,
                 strncmp(s3->region, "cn-", 3) == 0 ? ".cn" : "");
        if (!path_style && strchr(s3->bucket, '.') == NULL) {
            char host[sizeof s3->host];
            memcpy(host, s3->host, sizeof host);
            snprintf(s3->host, sizeof s3->host, "%.63s.%.200s", s3->bucket, host);
            return true;
        }
    }
    snprintf(s3->base, sizeof s3->base, "/%s", s3->bucket);
    return true;
}

static bool set_bucket(struct bak_s3 *s3, const struct dr_uri *uri, struct dr_error *error)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    const char *name = uri->host_count == 1 ? uri->hosts[0].name : "";
    size_t length = strlen(name);
    if (length < 3 || length > 63 || strspn(name, letters) != length || uri->hosts[0].port != 0 ||
        uri->user != NULL)
        return dr_error_set(error, DR_ERR_USAGE,
                            "say s3://BUCKET/PATH, and where it is by region= or endpoint=");
    s3->bucket = strdup(name);
    snprintf(s3->words, sizeof s3->words, "S3 bucket %s", name);
    return s3->bucket != NULL || out_of_memory(error);
}

static bool set_region(struct bak_s3 *s3, const struct dr_uri *uri, struct dr_error *error)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    const char *region = dr_uri_param(uri, "region");
    region = region != NULL ? region : getenv("AWS_REGION");
    region = region != NULL ? region : getenv("AWS_DEFAULT_REGION");
    region = region != NULL ? region : "us-east-1";
    size_t length = strlen(region);
    if (length == 0 || length >= sizeof s3->region || strspn(region, letters) != length)
        return dr_error_set(error, DR_ERR_USAGE, "region= is no name of a region");
    memcpy(s3->region, region, length + 1);
    return true;
}

bool bak_s3_prepare(struct bak_s3 *s3, const struct dr_uri *uri, bool whole, struct dr_error *error)
{
    if (!set_bucket(s3, uri, error) || !set_region(s3, uri, error) || !set_place(s3, uri, error) ||
        !dr_uri_flag(uri, "insecure", &s3->insecure, error) ||
        !dr_aws_find_credentials(s3->store.task, uri, &s3->credentials, error))
        return false;
    s3->ca_file = dr_uri_param(uri, "cacert");
    s3->http = dr_http_new(s3->store.task, error);
    return s3->http != NULL && ask_protection(s3, error) && find_root(s3, uri->path, whole, error);
}
