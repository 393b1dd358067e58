/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/azure.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define KEY_MAX 256
#define SIGNATURE_BYTES 32
#define ID_SIZE 48

static bool no_room(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_USAGE, "the request to Azure would be too long");
}

/* ---- the account key's signature ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct dr_azure_pair *)a)->name, ((const struct dr_azure_pair *)b)->name);
}

/* A sorted copy; false when there are too many. */
static bool sort(const struct dr_azure_pair *pairs, struct dr_azure_pair *sorted, size_t *count)
{
    for (*count = 0; pairs[*count].name != NULL; (*count)++) {
        if (*count == DR_AZURE_PAIRS_MAX)
            return false;
        sorted[*count] = pairs[*count];
    }
    qsort(sorted, *count, sizeof *sorted, by_name);
    return true;
}

static const char *value_of(const struct dr_azure_pair *pairs, const char *name)
{
    for (; pairs->name != NULL; pairs++) {
        if (strcmp(pairs->name, name) == 0)
            return pairs->value;
    }
    return "";
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* The table service: "Shared Key for Table"; the only parameter in it is comp. */
static void add_table_form(const struct dr_azure_signed *what, struct dr_buffer *out)
{
    const char *comp = value_of(what->query, "comp");
    dr_buffer_addf(out, "%s\n\n%s\n%s\n/%s%s", what->method, or_empty(what->content_type),
                   value_of(what->headers, "x-ms-date"), what->account, what->path);
    if (comp[0] != '\0')
        dr_buffer_addf(out, "?comp=%s", comp);
}

bool dr_azure_string_to_sign(const struct dr_azure_signed *what, struct dr_buffer *out)
{
    struct dr_azure_pair sorted[DR_AZURE_PAIRS_MAX];
    size_t count;
    char length[24] = "";
    if (what->table) {
        add_table_form(what, out);
        return !out->cut;
    }
    if (what->content_length > 0)
        snprintf(length, sizeof length, "%zu", what->content_length);
    /* method, encoding, language, length, MD5, type, date, four conditions (If-Match is the
     * second), range */
    dr_buffer_addf(out, "%s\n\n\n%s\n\n%s\n\n\n%s\n\n\n%s\n", what->method, length,
                   or_empty(what->content_type), or_empty(what->if_match), or_empty(what->range));
    if (!sort(what->headers, sorted, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        dr_buffer_addf(out, "%s:%s\n", sorted[i].name, sorted[i].value);
    dr_buffer_addf(out, "/%s%s", what->account, what->path);
    if (!sort(what->query, sorted, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        dr_buffer_addf(out, "\n%s:%s", sorted[i].name, sorted[i].value);
    return !out->cut;
}

/* Bytes of a base64 text; 0 when it is none. */
static size_t decode_key(const char *key, unsigned char bytes[KEY_MAX])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = strlen(key), plain = strspn(key, alphabet), padding = strspn(key + plain, "=");
    if (size == 0 || size % 4 != 0 || size > KEY_MAX / 3 * 4 || padding > 2 ||
        plain + padding != size)
        return 0;
    int decoded = EVP_DecodeBlock(bytes, (const unsigned char *)key, (int)size);
    return decoded > (int)padding ? (size_t)decoded - padding : 0;
}

bool dr_azure_sign(const char *text, const char *key, struct dr_buffer *out, struct dr_error *error)
{
    unsigned char bytes[KEY_MAX], digest[EVP_MAX_MD_SIZE];
    unsigned char encoded[SIGNATURE_BYTES / 3 * 4 + 5];
    unsigned int length = 0;
    size_t size = decode_key(key, bytes);
    if (size == 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "the account key is not base64, as the portal shows it");
    bool ok = HMAC(EVP_sha256(), bytes, (int)size, (const unsigned char *)text, strlen(text),
                   digest, &length) != NULL;
    dr_wipe(bytes, sizeof bytes);
    if (!ok || length != SIGNATURE_BYTES)
        return dr_error_set(error, DR_ERR_INTERNAL, "libcrypto has no HMAC-SHA256");
    EVP_EncodeBlock(encoded, digest, SIGNATURE_BYTES);
    return dr_buffer_add(out, (const char *)encoded) || no_room(error);
}

/* ---- dates ---- */

/* Reads `count` digits behind the text `before` and goes on behind them. */
static bool take_digits(const char **text, const char *before, int count, int *value)
{
    size_t length = strlen(before);
    if (strncmp(*text, before, length) != 0)
        return false;
    const char *p = *text + length;
    *value = 0;
    for (int i = 0; i < count; i++, p++) {
        if (*p < '0' || *p > '9')
            return false;
        *value = *value * 10 + (*p - '0');
    }
    *text = p;
    return true;
}

/* The time of day, from the "T" to the end. */
static bool take_time_of_day(const char *text, struct tm *tm, double *fraction)
{
    if (!take_digits(&text, "T", 2, &tm->tm_hour) || !take_digits(&text, ":", 2, &tm->tm_min))
        return false;
    if (take_digits(&text, ":", 2, &tm->tm_sec) && *text == '.') {
        double scale = 1;
        for (text++; *text >= '0' && *text <= '9'; text++)
            *fraction += (*text - '0') * (scale /= 10);
    }
    return (strcmp(text, "Z") == 0 || strcmp(text, "+00:00") == 0) && tm->tm_hour <= 23 &&
           tm->tm_min <= 59 && tm->tm_sec <= 59;
}

bool dr_azure_time(const char *text, double *seconds)
{
    struct tm tm = {.tm_year = 0};
    int year, month, day;
    double fraction = 0;
    if (!take_digits(&text, "", 4, &year) || !take_digits(&text, "-", 2, &month) ||
        !take_digits(&text, "-", 2, &day) || month < 1 || month > 12 ||
        (*text != '\0' && !take_time_of_day(text, &tm, &fraction)))
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = day;
    *seconds = (double)timegm(&tm) + fraction;
    /* timegm makes March of 30 February */
    return tm.tm_mday == day;
}

/* ---- requests ---- */

/* What makes this request different from every other: a reply to it that comes from a cache between
 * us and Azure would be as old as the one it was made for. */
static void make_id(char id[ID_SIZE])
{
    unsigned long long random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = (unsigned long long)(dr_monotonic() * 1e9);
    snprintf(id, ID_SIZE, "dr-plugins-%016llx", random);
}

static bool is_ours(const struct dr_http_reply *reply, const char *id, struct dr_error *error)
{
    char echoed[ID_SIZE + 1], age[16];
    bool other = dr_http_header(reply, "x-ms-client-request-id", echoed, sizeof echoed) &&
                 strcmp(echoed, id) != 0;
    bool old = dr_http_header(reply, "Age", age, sizeof age) && strcmp(age, "0") != 0;
    return (!other && !old) ||
           dr_error_set(error, DR_ERR_PROTOCOL,
                        "the reply is an old one: a cache stands between us and Azure");
}

static bool make_url(const struct dr_azure_call *call, struct dr_buffer *url)
{
    char separator = '?';
    dr_buffer_addf(url, "%s%s", call->base, call->path);
    for (const struct dr_azure_pair *pair = call->query; pair->name != NULL; pair++) {
        dr_buffer_addf(url, "%c%s=", separator, pair->name);
        dr_http_encode(url, pair->value);
        separator = '&';
    }
    if (call->key == NULL && call->sas != NULL)
        dr_buffer_addf(url, "%c%s", separator, call->sas);
    return !url->cut;
}

static bool authorise(const struct dr_azure_call *call, const struct dr_azure_pair *headers,
                      struct dr_buffer *out, struct dr_error *error)
{
    if (call->key == NULL) {
        if (call->sas == NULL && call->token != NULL)
            dr_buffer_addf(out, "Authorization: Bearer %s", call->token);
        return !out->cut || no_room(error);
    }
    struct dr_buffer text = DR_BUFFER(DR_AZURE_TEXT_MAX);
    const struct dr_azure_signed what = {.table = call->table,
                                         .method = call->method != NULL ? call->method : "GET",
                                         .account = call->account,
                                         .path = call->path,
                                         .query = call->query,
                                         .headers = headers,
                                         .range = call->range,
                                         .if_match = call->if_match};
    dr_buffer_addf(out, "Authorization: SharedKey %s:", call->account);
    bool ok = dr_azure_string_to_sign(&what, &text) || no_room(error);
    ok = ok && dr_azure_sign(dr_buffer_text(&text), call->key, out, error);
    dr_buffer_free(&text);
    return ok;
}

#define OWN_HEADERS 3
#define LINES_MAX (OWN_HEADERS + DR_AZURE_HEADERS_MAX + 2)
_Static_assert(LINES_MAX + 1 <= DR_HTTP_HEADERS_MAX, "they and Authorization are sent");
#define LINE_SIZE 160

/* A call as the request it becomes, and what that points to. */
struct prepared {
    char id[ID_SIZE];
    char lines[LINES_MAX][LINE_SIZE];
    struct dr_buffer url;
    struct dr_buffer authorization;
};

static bool add_line(struct prepared *prepared, struct dr_http_request *request, size_t *count,
                     const char *name, const char *value)
{
    char *line = prepared->lines[*count];
    if (*count == LINES_MAX || snprintf(line, LINE_SIZE, "%s: %s", name, value) >= LINE_SIZE)
        return false;
    request->headers[(*count)++] = line;
    return true;
}

/* What is signed by name and what is not; false when it does not fit. */
static bool add_lines(const struct dr_azure_call *call, const struct dr_azure_pair *headers,
                      struct prepared *prepared, struct dr_http_request *request, size_t *count)
{
    bool fine = true;
    for (; fine && headers->name != NULL; headers++)
        fine = add_line(prepared, request, count, headers->name, headers->value);
    if (fine && call->range != NULL)
        fine = add_line(prepared, request, count, "Range", call->range);
    if (fine && call->if_match != NULL)
        fine = add_line(prepared, request, count, "If-Match", call->if_match);
    return fine;
}

/* Those of every request, and those of the call. */
static bool gather(const struct dr_azure_call *call, const char *date, const char *id,
                   struct dr_azure_pair headers[OWN_HEADERS + DR_AZURE_HEADERS_MAX + 1])
{
    size_t count = 0;
    headers[count++] = (struct dr_azure_pair){"x-ms-date", date};
    headers[count++] = (struct dr_azure_pair){
        "x-ms-version", call->version != NULL ? call->version : DR_AZURE_VERSION};
    headers[count++] = (struct dr_azure_pair){"x-ms-client-request-id", id};
    for (const struct dr_azure_pair *more = call->headers; more != NULL && more->name != NULL;
         more++) {
        if (count == OWN_HEADERS + DR_AZURE_HEADERS_MAX)
            return false;
        headers[count++] = *more;
    }
    headers[count] = (struct dr_azure_pair){NULL, NULL};
    return true;
}

static bool prepare(const struct dr_azure_call *call, struct prepared *prepared,
                    struct dr_http_request *request, struct dr_error *error)
{
    char date[DR_HTTP_DATE_SIZE];
    struct dr_azure_pair headers[OWN_HEADERS + DR_AZURE_HEADERS_MAX + 1];
    struct timespec now;
    size_t count = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    dr_http_date_format((double)now.tv_sec, date);
    make_id(prepared->id);
    *request = (struct dr_http_request){.method = call->method,
                                        .body_max = call->body_max,
                                        .sink = call->sink,
                                        .sink_context = call->sink_context,
                                        .private = call->private,
                                        .ca_file = call->ca_file,
                                        .proxy = call->proxy,
                                        .stage = call->stage};
    if (!((gather(call, date, prepared->id, headers) &&
           add_lines(call, headers, prepared, request, &count) && make_url(call, &prepared->url)) ||
          no_room(error)) ||
        !authorise(call, headers, &prepared->authorization, error))
        return false;
    if (prepared->authorization.size > 0)
        request->headers[count] = dr_buffer_text(&prepared->authorization);
    request->url = dr_buffer_text(&prepared->url);
    return true;
}

static void forget(struct prepared *prepared)
{
    if (prepared->authorization.size > 0)
        dr_wipe(prepared->authorization.text, prepared->authorization.size);
    dr_buffer_free(&prepared->authorization);
    dr_buffer_free(&prepared->url);
}

bool dr_azure_ask_all(struct dr_http *http, const struct dr_azure_call *calls,
                      struct dr_http_reply *replies, struct dr_error *errors, bool *ok,
                      size_t count, struct dr_error *error)
{
    struct prepared prepared[DR_AZURE_CALLS_MAX];
    struct dr_http_request requests[DR_AZURE_CALLS_MAX] = {{.method = NULL}};
    bool fine = count <= DR_AZURE_CALLS_MAX || no_room(error);
    size_t made = 0;
    for (; fine && made < count; made++) {
        prepared[made].url = DR_BUFFER(DR_AZURE_TEXT_MAX);
        prepared[made].authorization = DR_BUFFER(2 * DR_AZURE_TEXT_MAX);
        replies[made] = (struct dr_http_reply){.status = 0};
        fine = prepare(&calls[made], &prepared[made], &requests[made], error);
    }
    if (fine)
        dr_http_ask_all(http, requests, replies, errors, ok, count);
    for (size_t i = 0; fine && i < count; i++)
        ok[i] = ok[i] && is_ours(&replies[i], prepared[i].id, &errors[i]);
    for (size_t i = 0; i < made; i++)
        forget(&prepared[i]);
    return fine;
}

bool dr_azure_ask(struct dr_task *task, const struct dr_azure_call *call,
                  struct dr_http_reply *reply, struct dr_error *error)
{
    struct dr_error reason;
    bool ok = false;
    *reply = (struct dr_http_reply){.status = 0};
    struct dr_http *http = dr_http_new(task, error);
    if (http != NULL && dr_azure_ask_all(http, call, reply, &reason, &ok, 1, error) && !ok)
        *error = reason;
    dr_http_free(http);
    return ok;
}
