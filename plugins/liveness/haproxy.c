/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for HAProxy: its backends and their servers, by the page of statistics or by the
 * runtime API. It only reads: what is sent is GET ...;csv, or "show info", "show stat" and
 * "show servers state". */
#include "common/client/stream.h"
#include "common/module.h"
#include "plugins/liveness/access.h"
#include "plugins/liveness/haproxy_direct.h"
#include "plugins/liveness/haproxy_units.h"

#include <stdlib.h>
#include <string.h>

/* The statistics of some 50,000 servers. */
#define REPLY_MAX ((size_t)24 * 1024 * 1024)
#define RUNTIME_PORT 9999
#define CSV ";csv"
/* Where the page is when the configuration does not say. */
#define PAGE_FALLBACK "/haproxy?stats"

struct look {
    struct dr_task *task;
    struct dr_error *error;
    struct liv_facts *facts;
    struct dr_buffer reply;
    struct liv_haproxy_table table;
};

static const struct liv_request *request_of(const struct look *look)
{
    return dr_task_request(look->task);
}

static bool out_of_memory(const struct look *look)
{
    return dr_error_set(look->error, DR_ERR_INTERNAL, "out of memory");
}

/* Texts are cut in place: a byte of zero would end them early. */
static char *reply_text(const struct look *look)
{
    if (look->reply.text != NULL && memchr(look->reply.text, '\0', look->reply.size) == NULL)
        return look->reply.text;
    dr_error_set(look->error, DR_ERR_PROTOCOL, "the reply cannot be read: %s",
                 look->reply.text == NULL ? "it is empty" : "a byte of zero in it");
    return NULL;
}

/* ---- the runtime API ---- */

static bool send_commands(struct look *look, struct dr_stream *stream)
{
    static const char commands[] = "show info;show stat;show servers state\n";
    size_t sent = 0;
    dr_task_trace(look->task, 2, "query: show info;show stat;show servers state");
    while (sent < sizeof commands - 1) {
        ssize_t done = dr_stream_write(stream, commands + sent, sizeof commands - 1 - sent,
                                       "ask for the statistics");
        if (done < 0)
            return false;
        sent += (size_t)done;
    }
    return true;
}

/* HAProxy closes the connection when it has answered. */
static bool receive(struct look *look, struct dr_stream *stream)
{
    char bytes[16 * 1024];
    look->reply = DR_BUFFER(REPLY_MAX);
    dr_task_stage(look->task, "read the statistics");
    for (;;) {
        ssize_t size = dr_stream_read(stream, bytes, sizeof bytes, "read the statistics");
        if (size < 0 && stream->ended && look->reply.size > 0) {
            dr_task_trace(look->task, 3, "reply: %s", dr_buffer_text(&look->reply));
            return true;
        }
        if (size < 0)
            return false;
        if (size > 0 && !dr_buffer_add_bytes(&look->reply, bytes, (size_t)size))
            return look->reply.no_memory ? out_of_memory(look)
                                         : dr_error_set(look->error, DR_ERR_PROTOCOL,
                                                        "the statistics are longer than %zu MiB",
                                                        REPLY_MAX / 1024 / 1024);
    }
}

static bool check_place(const struct look *look)
{
    static const char *const none[] = {NULL};
    const struct dr_uri *uri = &dr_task_target(look->task)->uri;
    bool socket = strcmp(uri->scheme, "haproxy+unix") == 0;
    if (!dr_uri_has_only(uri, none, look->error))
        return false;
    if (socket != (uri->host_count == 0))
        return dr_error_set(look->error, DR_ERR_USAGE,
                            socket ? "the path of a Unix socket has no host before it: "
                                     "haproxy+unix:///PATH"
                                   : "no host in the URI");
    if (uri->user != NULL)
        return dr_error_set(look->error, DR_ERR_USAGE,
                            "the runtime API knows no users: %s:// without one", uri->scheme);
    if (socket == (*uri->path == '\0'))
        return dr_error_set(look->error, DR_ERR_USAGE,
                            socket ? "the path of the socket is missing: haproxy+unix:///PATH"
                                   : "haproxy+tcp://HOST:PORT has no path");
    return true;
}

static bool ask_runtime(struct look *look)
{
    const struct dr_uri *uri = &dr_task_target(look->task)->uri;
    struct dr_stream stream = {.task = look->task, .error = look->error};
    if (!check_place(look))
        return false;
    bool ok = (uri->host_count == 0 ? dr_stream_open_unix(&stream, uri->path)
                                    : dr_stream_open(&stream, RUNTIME_PORT, false)) &&
              send_commands(look, &stream) && receive(look, &stream);
    dr_stream_close(&stream);
    return ok;
}

/* Three answers, each ended by a blank line. */
static bool read_runtime(struct look *look)
{
    char *text = reply_text(look);
    const char *version = NULL;
    if (text == NULL || !liv_haproxy_read_info(text, &text, &version, look->error) ||
        !liv_haproxy_read_stat(text, &text, &look->table, look->error))
        return false;
    char *what = dr_text_format("HAProxy%s%.*s", version != NULL ? " " : "",
                                version != NULL ? (int)strcspn(version, "-") : 0,
                                version != NULL ? version : "");
    liv_facts_text(look->facts, &look->facts->what, what);
    free(what);
    return liv_haproxy_read_states(text, &look->table, look->error);
}

/* ---- the page of statistics ---- */

/* HAProxy looks for ";csv" anywhere behind the path of the page. */
static char *page_url(const struct dr_web_access *access)
{
    const char *path = access->path[0] != '\0' ? access->path : PAGE_FALLBACK;
    return dr_text_format("%s%s%s", access->url, path, strstr(path, CSV) != NULL ? "" : CSV);
}

static bool ask_page(struct look *look)
{
    struct dr_web_access access;
    struct dr_http_reply reply;
    if (!liv_access_read(look->task, false, &access, look->error)) {
        dr_web_access_free(&access);
        return false;
    }
    char *url = page_url(&access);
    access.request.url = url;
    access.request.body_max = REPLY_MAX;
    access.request.stage = "ask for the statistics";
    bool ok = url != NULL ? dr_http_ask(look->task, &access.request, &reply, look->error)
                          : out_of_memory(look);
    if (url != NULL) {
        ok = ok &&
             dr_web_access_status(&reply, "read the page of statistics (stats auth)", look->error);
        look->reply = reply.body;
        reply.body = DR_BUFFER(0);
        dr_http_reply_free(&reply);
    }
    free(url);
    dr_web_access_free(&access);
    return ok;
}

static bool read_page(struct look *look)
{
    char *text = reply_text(look);
    if (text == NULL || !liv_haproxy_read_stat(text, &text, &look->table, look->error))
        return false;
    liv_facts_text(look->facts, &look->facts->what, "HAProxy");
    return true;
}

/* ---- */

static bool probe_target(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct look look = {.task = task, .error = error, .facts = facts};
    const char *scheme = dr_task_target(task)->uri.scheme;
    const struct liv_request *request = request_of(&look);
    look.facts->product = LIV_HAPROXY;
    bool ok = strncmp(scheme, "haproxy+http", 12) == 0 ? ask_page(&look) && read_page(&look)
                                                       : ask_runtime(&look) && read_runtime(&look);
    ok = ok &&
         liv_haproxy_units(&look.table, request->idle, request->pools.count > 0, look.facts,
                           error) &&
         liv_haproxy_direct(task, &look.table, look.facts, error);
    liv_haproxy_table_free(&look.table);
    dr_buffer_free(&look.reply);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(liveness, haproxy);
const struct dr_source DR_SOURCE_SYMBOL(liveness, haproxy) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "haproxy",
    .facts_size = sizeof(struct liv_facts),
    .library = dr_http_library,
    .probe = probe_target,
};
