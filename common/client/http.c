/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* ---- dates ---- */

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Index of the three letters at `text` in a list of such; -1. */
static int find_word(const char *list, const char *text)
{
    for (int i = 0; list[3 * i] != '\0'; i++) {
        if (strncmp(list + 3 * i, text, 3) == 0)
            return i;
    }
    return -1;
}

static int digits(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

static bool looks_like(const char *text, const char *shape)
{
    for (; *shape != '\0'; text++, shape++) {
        bool fits = *shape == '0'   ? *text >= '0' && *text <= '9'
                    : *shape == 'a' ? (*text | 0x20) >= 'a' && (*text | 0x20) <= 'z'
                                    : *text == *shape;
        if (!fits)
            return false;
    }
    return *text == '\0';
}

bool dr_http_date(const char *text, double *seconds)
{
    if (!looks_like(text, "aaa, 00 aaa 0000 00:00:00 GMT") || find_word(days, text) < 0)
        return false;
    int day = digits(text + 5, 2), month = find_word(months, text + 8);
    int year = digits(text + 12, 4), hour = digits(text + 17, 2);
    int minute = digits(text + 20, 2), second = digits(text + 23, 2);
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    if (month < 0 || hour > 23 || minute > 59 || second > 60)
        return false;
    *seconds = (double)timegm(&tm);
    /* timegm makes March of 30 February */
    return tm.tm_mday == day || second == 60;
}

void dr_http_date_format(double seconds, char text[DR_HTTP_DATE_SIZE])
{
    time_t moment = (time_t)seconds;
    struct tm tm = {.tm_year = 70, .tm_mday = 1};
    gmtime_r(&moment, &tm);
    /* not by strftime: its names depend on the locale */
    if (snprintf(text, DR_HTTP_DATE_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                 days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900,
                 tm.tm_hour, tm.tm_min, tm.tm_sec) >= DR_HTTP_DATE_SIZE)
        text[0] = '\0';
}

bool dr_http_encode(struct dr_buffer *out, const char *text)
{
    bool fits = true;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     (c != '\0' && strchr("-._~", c) != NULL);
        fits =
            (plain ? dr_buffer_add_char(out, (char)c) : dr_buffer_addf(out, "%%%02X", c)) && fits;
    }
    return fits;
}

/* ---- the reply ---- */

struct transfer {
    CURL *easy;
    struct dr_task *task;
    const struct dr_http_request *request;
    struct dr_http_reply *reply;
    struct dr_error *error;
    struct curl_slist *headers;
    const char *stage; /* as last told to the task */
    char message[CURL_ERROR_SIZE];
};

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    bool fits = dr_buffer_add_bytes(&transfer->reply->body, data, size * count);
    return fits ? size * count : 0;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    struct dr_buffer *header = &transfer->reply->header;
    size_t length = size * count;
    while (length > 0 && (data[length - 1] == '\n' || data[length - 1] == '\r'))
        length--;
    /* a status line: what came before was an interim reply */
    if (length > 5 && strncmp(data, "HTTP/", 5) == 0)
        dr_buffer_clear(header);
    else if (length > 0 &&
             (memchr(data, '\0', length) != NULL || !dr_buffer_add_bytes(header, data, length) ||
              !dr_buffer_add_char(header, '\n')))
        return 0;
    return size * count;
}

bool dr_http_header(const struct dr_http_reply *reply, const char *name, char *value, size_t size)
{
    size_t wanted = strlen(name);
    value[0] = '\0';
    for (const char *line = dr_buffer_text(&reply->header); *line != '\0';) {
        size_t length = strcspn(line, "\n");
        if (length > wanted && line[wanted] == ':' && strncasecmp(line, name, wanted) == 0) {
            const char *from = line + wanted + 1, *to = line + length;
            while (from < to && (*from == ' ' || *from == '\t'))
                from++;
            while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
                to--;
            size_t kept = (size_t)(to - from) < size ? (size_t)(to - from) : size - 1;
            memcpy(value, from, kept);
            value[kept] = '\0';
            return true;
        }
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    return false;
}

void dr_http_reply_free(struct dr_http_reply *reply)
{
    if (reply->body.size > 0)
        dr_wipe(reply->body.text, reply->body.size);
    dr_buffer_free(&reply->body);
    dr_buffer_free(&reply->header);
}

/* ---- errors ---- */

static enum dr_error_class class_of(CURLcode code)
{
    static const struct {
        CURLcode code;
        enum dr_error_class class;
    } known[] = {
        {CURLE_COULDNT_RESOLVE_HOST, DR_ERR_RESOLVE}, {CURLE_COULDNT_RESOLVE_PROXY, DR_ERR_RESOLVE},
        {CURLE_COULDNT_CONNECT, DR_ERR_CONNECT},      {CURLE_GOT_NOTHING, DR_ERR_CONNECT},
        {CURLE_SEND_ERROR, DR_ERR_CONNECT},           {CURLE_RECV_ERROR, DR_ERR_CONNECT},
        {CURLE_PARTIAL_FILE, DR_ERR_CONNECT},         {CURLE_OPERATION_TIMEDOUT, DR_ERR_TIMEOUT},
        {CURLE_SSL_CONNECT_ERROR, DR_ERR_TLS},        {CURLE_PEER_FAILED_VERIFICATION, DR_ERR_TLS},
        {CURLE_SSL_CERTPROBLEM, DR_ERR_TLS},          {CURLE_SSL_CIPHER, DR_ERR_TLS},
        {CURLE_SSL_INVALIDCERTSTATUS, DR_ERR_TLS},    {CURLE_SSL_ISSUER_ERROR, DR_ERR_TLS},
        {CURLE_USE_SSL_FAILED, DR_ERR_TLS},           {CURLE_SSL_CACERT_BADFILE, DR_ERR_USAGE},
        {CURLE_URL_MALFORMAT, DR_ERR_USAGE},          {CURLE_OUT_OF_MEMORY, DR_ERR_INTERNAL},
        {CURLE_FAILED_INIT, DR_ERR_INTERNAL},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].code == code)
            return known[i].class;
    }
    return DR_ERR_PROTOCOL;
}

static const char resolving[] = "resolve the name";

/* How far it has come, by the times that libcurl notes when a stage is over. */
static const char *stage_reached(const struct transfer *transfer)
{
    const struct {
        CURLINFO info;
        const char *stage;
    } stages[] = {
        {CURLINFO_NAMELOOKUP_TIME_T, resolving},
        {CURLINFO_CONNECT_TIME_T, "connect"},
        {CURLINFO_PRETRANSFER_TIME_T, "TLS handshake"},
        {CURLINFO_STARTTRANSFER_TIME_T, transfer->request->stage},
    };
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        curl_off_t reached = 0;
        curl_easy_getinfo(transfer->easy, stages[i].info, &reached);
        if (reached == 0)
            return stages[i].stage;
    }
    return "read the reply";
}

static bool fail(const struct transfer *transfer, CURLcode code)
{
    const struct dr_http_reply *reply = transfer->reply;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return dr_error_set(transfer->error, DR_ERR_TIMEOUT, "no answer in time (stage: %s)",
                            stage_reached(transfer));
    if (reply->body.cut || reply->header.cut)
        return dr_error_set(transfer->error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: more than %zu KiB of %s",
                            (reply->body.cut ? reply->body.limit : reply->header.limit) / 1024,
                            reply->body.cut ? "body" : "headers");
    const char *said = transfer->message[0] != '\0' ? transfer->message : curl_easy_strerror(code);
    char *clean = dr_text_clean(said, 300);
    dr_error_set(transfer->error, class_of(code), "%s", clean != NULL ? clean : "out of memory");
    free(clean);
    return false;
}

/* ---- the transfer ---- */

static void tell_stage(struct transfer *transfer, const char *stage)
{
    if (transfer->stage == stage)
        return;
    transfer->stage = stage;
    dr_task_stage(transfer->task, stage);
}

/* Before 7.87 a resolver that hangs holds libcurl beyond its time: the run has to know the stage.
 */
static int watch(void *context, curl_off_t to_come, curl_off_t come, curl_off_t to_go,
                 curl_off_t gone)
{
    (void)to_come, (void)come, (void)to_go, (void)gone;
    struct transfer *transfer = context;
    tell_stage(transfer, stage_reached(transfer));
    return 0;
}

static void start_library(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* True when every option was taken: an option that protects must not be missed in silence. */
static bool set_limits(struct transfer *transfer, double left)
{
    CURL *easy = transfer->easy;
    long ms = (long)(left * 1000) + 1;
    bool ok = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, ms) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075500
    ok = ok && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
    ok = ok && curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
                                (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) == CURLE_OK;
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    /* a name that does not resolve must not hold us at the end either */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    return ok;
}

static bool set_request(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    const struct dr_http_request *request = transfer->request;
    for (const char *const *header = request->headers; *header != NULL; header++) {
        struct curl_slist *more = curl_slist_append(transfer->headers, *header);
        if (more == NULL)
            return false;
        transfer->headers = more;
    }
    bool ok = curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy != NULL ? request->proxy : "") ==
                  CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->message) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, watch) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
    if (request->body != NULL)
        ok = ok && curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size) ==
                 CURLE_OK;
    if (request->method != NULL)
        ok = ok && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
    if (request->ca_file != NULL)
        ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file) == CURLE_OK;
    return ok;
}

static void take_facts(struct transfer *transfer)
{
    struct dr_http_reply *reply = transfer->reply;
    char date[64];
    double seconds;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &reply->status);
    if (dr_http_header(reply, "Date", date, sizeof date) && dr_http_date(date, &seconds))
        reply->date = dr_real(seconds);
    dr_task_trace(transfer->task, 1, "status %ld, %zu bytes", reply->status, reply->body.size);
    if (transfer->request->private)
        return;
    char *clean = dr_text_clean(dr_buffer_text(&reply->body), 4000);
    dr_task_trace(transfer->task, 3, "reply: %s", clean != NULL ? clean : "");
    free(clean);
}

static bool perform(struct transfer *transfer)
{
    struct dr_http_reply *reply = transfer->reply;
    double left = dr_task_left(transfer->task);
    if (left <= 0)
        return dr_error_set(transfer->error, DR_ERR_TIMEOUT, "no answer in time (stage: %s)",
                            transfer->request->stage);
    if (!set_limits(transfer, left) || !set_request(transfer))
        return dr_error_set(transfer->error, DR_ERR_INTERNAL, "libcurl refuses an option");
    tell_stage(transfer, resolving);
    dr_task_trace(transfer->task, 2, "%s %s",
                  transfer->request->method != NULL ? transfer->request->method : "GET",
                  transfer->request->url);
    reply->sent = dr_monotonic();
    CURLcode code = curl_easy_perform(transfer->easy);
    reply->received = dr_monotonic();
    if (code != CURLE_OK)
        return fail(transfer, code);
    take_facts(transfer);
    return true;
}

bool dr_http_ask(struct dr_task *task, const struct dr_http_request *request,
                 struct dr_http_reply *reply, struct dr_error *error)
{
    static pthread_once_t started = PTHREAD_ONCE_INIT;
    struct transfer transfer = {.task = task, .request = request, .reply = reply, .error = error};
    *reply = (struct dr_http_reply){.body = DR_BUFFER(request->body_max),
                                    .header = DR_BUFFER(DR_HTTP_HEADER_BYTES_MAX)};
    /* before 7.84 libcurl must not be started by two threads at once */
    pthread_once(&started, start_library);
    transfer.easy = curl_easy_init();
    if (transfer.easy == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "libcurl cannot be started");
    bool ok = perform(&transfer);
    curl_easy_cleanup(transfer.easy);
    curl_slist_free_all(transfer.headers);
    return ok;
}

const char *dr_http_library(void)
{
    static char text[32];
    snprintf(text, sizeof text, "libcurl %s", curl_version_info(CURLVERSION_NOW)->version);
    return text;
}
