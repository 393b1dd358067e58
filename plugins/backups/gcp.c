/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source of snapshots of Google Cloud's disks: gcp-disk://PROJECT[/DISK]. */
#include "common/module.h"
#include "plugins/backups/gcp_read.h"
#include "plugins/backups/gcp_token.h"

#include <stdlib.h>
#include <string.h>

#define ENDPOINT "https://compute.googleapis.com"
#define REPLY_MAX ((size_t)32 * 1024 * 1024)
/* Of 500 items each. */
#define PAGES_MAX 200
#define PROJECT_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789-.:"

struct asker {
    struct dr_task *task;
    struct dr_http *http;
    const char *endpoint;
    const char *project;
    char *header; /* "Authorization: Bearer ..." */
    struct gcp_wanted wanted;
};

/* One of the lists. */
struct listing {
    const char *path; /* behind the project: "global/snapshots" */
    const char *what; /* what the API would refuse */
    bool (*read)(const char *text, const struct gcp_wanted *wanted, struct bak_facts *facts,
                 char next[GCP_TOKEN_SIZE], struct dr_error *error);
};

static const struct listing snapshots = {
    "global/snapshots", "list the snapshots (grant: compute.snapshots.list, in Compute Viewer)",
    gcp_read_snapshots};
static const struct listing disks = {
    "aggregated/disks", "list the disks (grant: compute.disks.list, in Compute Viewer)",
    gcp_read_disks};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool read_target(struct asker *asker, struct dr_error *error)
{
    static const char *const known[] = {"token-file", "key-file", "endpoint", NULL};
    const struct dr_uri *uri = &dr_task_target(asker->task)->uri;
    if (!dr_uri_has_only(uri, known, error))
        return false;
    asker->project = uri->host_count == 1 ? uri->hosts[0].name : "";
    if (asker->project[0] == '\0' || asker->project[strspn(asker->project, PROJECT_CHARACTERS)])
        return dr_error_set(error, DR_ERR_USAGE, "which project? gcp-disk://PROJECT[/DISK]");
    asker->endpoint = dr_uri_param(uri, "endpoint");
    if (asker->endpoint == NULL)
        asker->endpoint = ENDPOINT;
    asker->wanted = (struct gcp_wanted){.request = dr_task_request(asker->task),
                                        .disk = uri->path[0] == '/' ? uri->path + 1 : ""};
    return true;
}

static bool refuse(const struct dr_http_reply *reply, const struct listing *listing,
                   struct dr_error *error)
{
    char message[GCP_NAME_SIZE];
    bool too_much = gcp_read_message(dr_buffer_text(&reply->body), message);
    const char *colon = message[0] != '\0' ? ": " : "";
    if (reply->status == 401)
        return dr_error_set(error, DR_ERR_AUTH, "the token is not accepted%s%s", colon, message);
    if (too_much || reply->status == 429)
        return dr_error_set(error, DR_ERR_PROTOCOL, "too many requests%s%s", colon, message);
    if (reply->status == 403)
        return dr_error_set(error, DR_ERR_PRIVILEGE, "not allowed to %s%s%s", listing->what, colon,
                            message);
    if (reply->status == 404)
        return dr_error_set(error, DR_ERR_USAGE, "there is no such project%s%s", colon, message);
    return dr_error_set(error, reply->status >= 500 ? DR_ERR_SERVER : DR_ERR_PROTOCOL,
                        "status %ld, not 200: asked to %s%s%s", reply->status, listing->what, colon,
                        message);
}

static char *url_of(const struct asker *asker, const struct listing *listing, const char *page)
{
    struct dr_buffer url = DR_BUFFER(8 * 1024);
    dr_buffer_addf(&url, "%s/compute/v1/projects/%s/%s?maxResults=500", asker->endpoint,
                   asker->project, listing->path);
    if (page[0] != '\0') {
        dr_buffer_add(&url, "&pageToken=");
        dr_http_encode(&url, page);
    }
    if (!url.cut)
        return dr_buffer_take(&url);
    dr_buffer_free(&url);
    return NULL;
}

static bool ask_page(struct asker *asker, const struct listing *listing, struct bak_facts *facts,
                     char next[GCP_TOKEN_SIZE], struct dr_error *error)
{
    struct dr_http_reply reply = {.status = 0};
    bool ok;
    char *url = url_of(asker, listing, next);
    if (url == NULL)
        return out_of_memory(error);
    const struct dr_http_request request = {.url = url,
                                            .headers = {asker->header},
                                            .body_max = REPLY_MAX,
                                            .compressed = true,
                                            .stage = "list"};
    dr_http_ask_all(asker->http, &request, &reply, error, &ok, 1);
    ok = ok && (reply.status == 200 || refuse(&reply, listing, error)) &&
         listing->read(dr_buffer_text(&reply.body), &asker->wanted, facts, next, error);
    facts->clock = reply.date;
    dr_http_reply_free(&reply);
    free(url);
    return ok;
}

static bool ask_list(struct asker *asker, const struct listing *listing, struct bak_facts *facts,
                     struct dr_error *error)
{
    char next[GCP_TOKEN_SIZE] = "", last[GCP_TOKEN_SIZE] = "";
    for (int page = 0; page < PAGES_MAX; page++) {
        if (!ask_page(asker, listing, facts, next, error))
            return false;
        if (next[0] == '\0')
            return true;
        if (strcmp(next, last) == 0)
            break;
        memcpy(last, next, sizeof last);
    }
    return dr_error_set(error, DR_ERR_PROTOCOL, "the list does not end: asked to %s",
                        listing->what);
}

/* The disks only say what has no snapshot at all, and what is gone: who may not list them loses
 * that. */
static bool look(struct asker *asker, struct bak_facts *facts, struct dr_error *error)
{
    struct dr_error refusal = {.class = DR_ERR_NONE};
    dr_task_stage(asker->task, "list the snapshots");
    if (!ask_list(asker, &snapshots, facts, error))
        return false;
    dr_task_stage(asker->task, "list the disks");
    facts->complete = true;
    asker->wanted.disk_count = facts->series_count;
    asker->wanted.disks = calloc(facts->series_count + 1, sizeof *asker->wanted.disks);
    if (asker->wanted.disks == NULL)
        return out_of_memory(error);
    if (ask_list(asker, &disks, facts, &refusal)) {
        gcp_set_aside(&asker->wanted, facts);
        return true;
    }
    if (refusal.class != DR_ERR_PRIVILEGE) {
        *error = refusal;
        return false;
    }
    bak_facts_sign(facts, NULL, BAK_NOTE, "which disks have no snapshot is not seen: %s",
                   refusal.text);
    return true;
}

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct asker asker = {.task = task, .http = dr_http_new(task, error)};
    struct bak_facts *into = facts;
    bool ok = false;
    into->product = BAK_GCP_DISK;
    bak_facts_text(into, &into->what, "Google Cloud disk snapshots");
    if (asker.http != NULL && read_target(&asker, error)) {
        char *token = gcp_find_token(task, asker.http, &dr_task_target(task)->uri, error);
        if (token != NULL) {
            asker.header = dr_text_format("Authorization: Bearer %s", token);
            ok = asker.header != NULL ? look(&asker, into, error) : out_of_memory(error);
            explicit_bzero(token, strlen(token));
        }
        free(token);
    }
    free(asker.header);
    free(asker.wanted.disks);
    dr_http_free(asker.http);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(backups, gcp);
const struct dr_source DR_SOURCE_SYMBOL(backups, gcp) = {
    .abi = DR_SOURCE_ABI,
    .group = "backups",
    .name = "gcp",
    .facts_size = sizeof(struct bak_facts),
    .library = dr_http_library,
    .probe = probe,
};
