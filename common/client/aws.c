/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/aws.h"

#include "common/client/xml.h"

#include <math.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define HASH_BYTES 32
#define HASH_SIZE (2 * HASH_BYTES + 1)
#define TEXT_MAX ((size_t)32 * 1024)
/* Headers of a call, and those that signing adds. */
#define HEADERS_MAX (DR_HTTP_HEADERS_MAX - 5)
#define STAMP_SIZE 17
/* Servers refuse requests whose clock is so far off, seconds. */
#define SKEW_MAX 300.0
#define CODE_SIZE 64

/* ---- the parts of the signature ---- */

static void add_hex(const unsigned char *bytes, char text[HASH_SIZE])
{
    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static bool hash(const char *data, size_t size, char text[HASH_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(data, size, digest, &length, EVP_sha256(), NULL) != 1 || length != HASH_BYTES)
        return false;
    add_hex(digest, text);
    return true;
}

static bool sign(const void *key, size_t key_size, const char *text, unsigned char out[HASH_BYTES])
{
    unsigned length = 0;
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)text, strlen(text), digest,
             &length) == NULL ||
        length != HASH_BYTES)
        return false;
    memcpy(out, digest, HASH_BYTES);
    return true;
}

/* "20130524T000000Z", whose first eight are the date of the scope. */
static void write_stamp(double now, char stamp[STAMP_SIZE])
{
    time_t moment = (time_t)now;
    struct tm tm = {.tm_year = 70, .tm_mday = 1};
    gmtime_r(&moment, &tm);
    if (strftime(stamp, STAMP_SIZE, "%Y%m%dT%H%M%SZ", &tm) == 0)
        stamp[0] = '\0';
}

static bool is_s3(const struct dr_aws_call *call)
{
    return strcmp(call->service, "s3") == 0;
}

/* Each part of a path by itself: a "/" stays. */
static void add_path(struct dr_buffer *out, const char *path)
{
    char part[2] = "";
    for (; *path != '\0'; path++) {
        part[0] = *path;
        if (*path == '/')
            dr_buffer_add_char(out, '/');
        else
            dr_http_encode(out, part);
    }
}

/* S3 signs what is sent; everyone else encodes that once more. */
static void add_canonical_path(const struct dr_aws_call *call, struct dr_buffer *out)
{
    struct dr_buffer once = DR_BUFFER(TEXT_MAX);
    add_path(&once, call->path);
    if (is_s3(call))
        dr_buffer_add(out, dr_buffer_text(&once));
    else
        add_path(out, dr_buffer_text(&once));
    out->cut = out->cut || once.cut;
    dr_buffer_free(&once);
}

static int by_name(const void *a, const void *b)
{
    const struct dr_aws_pair *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->value, right->value);
}

/* The query as it is signed and as it is sent: names in the order of their bytes. They are ASCII
 * without anything to encode in all that is asked, so that they sort as their encodings do. */
static bool add_query(const struct dr_aws_call *call, struct dr_buffer *out)
{
    struct dr_aws_pair pairs[DR_AWS_PAIRS_MAX];
    size_t count = 0;
    for (const struct dr_aws_pair *pair = call->query; pair != NULL && pair->name != NULL; pair++) {
        if (count == DR_AWS_PAIRS_MAX)
            return false;
        pairs[count++] = *pair;
    }
    qsort(pairs, count, sizeof *pairs, by_name);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            dr_buffer_add_char(out, '&');
        dr_http_encode(out, pairs[i].name);
        dr_buffer_add_char(out, '=');
        dr_http_encode(out, pairs[i].value);
    }
    return !out->cut;
}

/* A header that is signed. */
struct header {
    char name[64]; /* in lower case */
    const char *value;
    size_t length; /* of the value, without blanks around it */
};

static int by_header(const void *a, const void *b)
{
    return strcmp(((const struct header *)a)->name, ((const struct header *)b)->name);
}

static bool add_header(struct header *headers, size_t *count, const char *name, size_t name_length,
                       const char *value)
{
    struct header *header = &headers[*count];
    if (*count == DR_HTTP_HEADERS_MAX || name_length == 0 || name_length >= sizeof header->name)
        return false;
    for (size_t i = 0; i < name_length; i++)
        header->name[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
    header->name[name_length] = '\0';
    header->value = value + strspn(value, " \t");
    header->length = strlen(header->value);
    while (header->length > 0 && strchr(" \t", header->value[header->length - 1]) != NULL)
        header->length--;
    (*count)++;
    return true;
}

/* Everything that is sent, in the order in which it is signed. `digest` and `stamp` must stay. */
static bool collect_headers(const struct dr_aws_call *call,
                            const struct dr_aws_credentials *credentials, const char *digest,
                            const char *stamp, struct header *headers, size_t *count)
{
    *count = 0;
    bool ok = add_header(headers, count, "host", 4, call->host) &&
              add_header(headers, count, "x-amz-date", 10, stamp);
    if (is_s3(call))
        ok = ok && add_header(headers, count, "x-amz-content-sha256", 20, digest);
    if (credentials->token != NULL)
        ok = ok && add_header(headers, count, "x-amz-security-token", 20, credentials->token);
    if (call->content_type != NULL)
        ok = ok && add_header(headers, count, "content-type", 12, call->content_type);
    for (const char *const *more = call->headers; ok && more != NULL && *more != NULL; more++) {
        const char *colon = strchr(*more, ':');
        ok = colon != NULL && add_header(headers, count, *more, (size_t)(colon - *more), colon + 1);
    }
    if (ok)
        qsort(headers, *count, sizeof *headers, by_header);
    return ok;
}

/* Several blanks count as one. */
static void add_value(const struct header *header, struct dr_buffer *out)
{
    for (size_t i = 0; i < header->length; i++) {
        if (header->value[i] != ' ' || header->value[i - 1] != ' ')
            dr_buffer_add_char(out, header->value[i]);
    }
}

static void add_signed_names(const struct header *headers, size_t count, struct dr_buffer *out)
{
    for (size_t i = 0; i < count; i++)
        dr_buffer_addf(out, "%s%s", i > 0 ? ";" : "", headers[i].name);
}

static bool hash_body(const struct dr_aws_call *call, char digest[HASH_SIZE])
{
    const char *body = call->body != NULL ? call->body : "";
    return hash(body, strlen(body), digest);
}

bool dr_aws_canonical_request(const struct dr_aws_call *call,
                              const struct dr_aws_credentials *credentials, struct dr_buffer *out)
{
    struct header headers[DR_HTTP_HEADERS_MAX];
    char digest[HASH_SIZE], stamp[STAMP_SIZE];
    size_t count;
    write_stamp(call->now, stamp);
    if (!hash_body(call, digest) ||
        !collect_headers(call, credentials, digest, stamp, headers, &count))
        return false;
    dr_buffer_addf(out, "%s\n", call->method);
    add_canonical_path(call, out);
    dr_buffer_add_char(out, '\n');
    if (!add_query(call, out))
        return false;
    dr_buffer_add_char(out, '\n');
    for (size_t i = 0; i < count; i++) {
        dr_buffer_addf(out, "%s:", headers[i].name);
        add_value(&headers[i], out);
        dr_buffer_add_char(out, '\n');
    }
    dr_buffer_add_char(out, '\n');
    add_signed_names(headers, count, out);
    dr_buffer_addf(out, "\n%s", digest);
    return !out->cut;
}

static bool add_scope(const struct dr_aws_call *call, const char *stamp, struct dr_buffer *out)
{
    return dr_buffer_addf(out, "%.8s/%s/%s/aws4_request", stamp, call->region, call->service);
}

bool dr_aws_string_to_sign(const struct dr_aws_call *call,
                           const struct dr_aws_credentials *credentials, struct dr_buffer *out)
{
    struct dr_buffer canonical = DR_BUFFER(2 * TEXT_MAX);
    char digest[HASH_SIZE], stamp[STAMP_SIZE];
    write_stamp(call->now, stamp);
    bool ok = dr_aws_canonical_request(call, credentials, &canonical) &&
              hash(dr_buffer_text(&canonical), canonical.size, digest);
    dr_buffer_free(&canonical);
    if (!ok)
        return false;
    dr_buffer_addf(out, "AWS4-HMAC-SHA256\n%s\n", stamp);
    add_scope(call, stamp, out);
    dr_buffer_addf(out, "\n%s", digest);
    return !out->cut;
}

/* The key of a day, a region and a service, and with it the text. */
static bool compute_signature(const struct dr_aws_call *call, const char *secret, const char *text,
                              char signature[HASH_SIZE])
{
    unsigned char key[HASH_BYTES];
    char stamp[STAMP_SIZE], date[9];
    struct dr_buffer first = DR_BUFFER(TEXT_MAX);
    write_stamp(call->now, stamp);
    snprintf(date, sizeof date, "%.8s", stamp);
    dr_buffer_addf(&first, "AWS4%s", secret);
    bool ok = !first.cut && sign(dr_buffer_text(&first), first.size, date, key) &&
              sign(key, sizeof key, call->region, key) &&
              sign(key, sizeof key, call->service, key) &&
              sign(key, sizeof key, "aws4_request", key) && sign(key, sizeof key, text, key);
    if (ok)
        add_hex(key, signature);
    if (first.size > 0)
        dr_wipe(first.text, first.size);
    dr_wipe(key, sizeof key);
    dr_buffer_free(&first);
    return ok;
}

bool dr_aws_authorization(const struct dr_aws_call *call,
                          const struct dr_aws_credentials *credentials, struct dr_buffer *out)
{
    struct header headers[DR_HTTP_HEADERS_MAX];
    struct dr_buffer text = DR_BUFFER(TEXT_MAX);
    char signature[HASH_SIZE], stamp[STAMP_SIZE];
    size_t count;
    write_stamp(call->now, stamp);
    bool ok = collect_headers(call, credentials, "", stamp, headers, &count) &&
              dr_aws_string_to_sign(call, credentials, &text) &&
              compute_signature(call, credentials->secret, dr_buffer_text(&text), signature);
    dr_buffer_free(&text);
    if (!ok)
        return false;
    dr_buffer_addf(out, "AWS4-HMAC-SHA256 Credential=%s/", credentials->key_id);
    add_scope(call, stamp, out);
    dr_buffer_add(out, ",SignedHeaders=");
    add_signed_names(headers, count, out);
    dr_buffer_addf(out, ",Signature=%s", signature);
    return !out->cut;
}

/* ---- requests ---- */

/* The texts of a request, which must stay until its reply is there. */
struct texts {
    struct dr_buffer url;
    struct dr_buffer authorization;
    struct dr_buffer token;
    struct dr_buffer type;
    char digest[HASH_SIZE + 24];
    char stamp[STAMP_SIZE + 16];
};

static void texts_free(struct texts *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        dr_buffer_free(&texts[i].url);
        dr_buffer_free(&texts[i].authorization);
        if (texts[i].token.size > 0)
            dr_wipe(texts[i].token.text, texts[i].token.size);
        dr_buffer_free(&texts[i].token);
        dr_buffer_free(&texts[i].type);
    }
    free(texts);
}

static bool write_url(const struct dr_aws_call *call, struct dr_buffer *url)
{
    dr_buffer_addf(url, "%s://%s", call->scheme, call->host);
    add_path(url, call->path);
    if (call->query == NULL || call->query->name == NULL)
        return !url->cut;
    dr_buffer_add_char(url, '?');
    return add_query(call, url);
}

static bool add_signature(const struct dr_aws_call *call,
                          const struct dr_aws_credentials *credentials, struct texts *texts,
                          const char **headers, size_t *count)
{
    char digest[HASH_SIZE], stamp[STAMP_SIZE];
    write_stamp(call->now, stamp);
    dr_buffer_add(&texts->authorization, "Authorization: ");
    if (!hash_body(call, digest) || !dr_aws_authorization(call, credentials, &texts->authorization))
        return false;
    snprintf(texts->stamp, sizeof texts->stamp, "x-amz-date: %s", stamp);
    snprintf(texts->digest, sizeof texts->digest, "x-amz-content-sha256: %s", digest);
    headers[(*count)++] = dr_buffer_text(&texts->authorization);
    headers[(*count)++] = texts->stamp;
    if (is_s3(call))
        headers[(*count)++] = texts->digest;
    if (credentials->token != NULL) {
        dr_buffer_addf(&texts->token, "x-amz-security-token: %s", credentials->token);
        headers[(*count)++] = dr_buffer_text(&texts->token);
    }
    return !texts->token.cut;
}

static bool make_request(const struct dr_aws_call *call,
                         const struct dr_aws_credentials *credentials, struct texts *texts,
                         struct dr_http_request *request)
{
    size_t count = 0;
    *texts = (struct texts){.url = DR_BUFFER(TEXT_MAX),
                            .authorization = DR_BUFFER(TEXT_MAX),
                            .token = DR_BUFFER(TEXT_MAX),
                            .type = DR_BUFFER(256)};
    if (!write_url(call, &texts->url) ||
        (credentials->key_id != NULL &&
         !add_signature(call, credentials, texts, request->headers, &count)))
        return false;
    if (call->content_type != NULL) {
        dr_buffer_addf(&texts->type, "Content-Type: %s", call->content_type);
        request->headers[count++] = dr_buffer_text(&texts->type);
    }
    for (const char *const *more = call->headers; more != NULL && *more != NULL; more++) {
        if (count == DR_HTTP_HEADERS_MAX)
            return false;
        request->headers[count++] = *more;
    }
    request->method = call->method;
    request->url = dr_buffer_text(&texts->url);
    request->body = call->body;
    request->body_size = call->body != NULL ? strlen(call->body) : 0;
    request->body_max = call->body_max;
    request->body_keep = call->body_keep;
    request->sink = call->sink;
    request->sink_context = call->sink_context;
    request->ca_file = call->ca_file;
    request->insecure = call->insecure;
    request->connect_host = call->connect_host;
    request->connect_port = call->connect_port;
    request->stage = call->stage;
    /* refusals repeat the key's id and what was signed, and objects are somebody's data */
    request->private = true;
    return !texts->type.cut;
}

bool dr_aws_ask_all(struct dr_http *http, const struct dr_aws_call *calls,
                    const struct dr_aws_credentials *credentials, struct dr_http_reply *replies,
                    struct dr_error *errors, bool *ok, size_t count, struct dr_error *error)
{
    struct dr_http_request requests[DR_AWS_CALLS_MAX] = {{.method = NULL}};
    size_t made = 0;
    struct texts *texts = calloc(count > 0 ? count : 1, sizeof *texts);
    if (texts == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    bool fits = count <= DR_AWS_CALLS_MAX;
    while (fits && made < count) {
        fits = make_request(&calls[made], credentials, &texts[made], &requests[made]);
        made++;
    }
    if (fits)
        dr_http_ask_all(http, requests, replies, errors, ok, count);
    else
        dr_error_set(error, DR_ERR_USAGE, "the request would be too long");
    texts_free(texts, made);
    return fits;
}

/* ---- refusals ---- */

/* What the body of a refusal says. */
struct refusal {
    char code[CODE_SIZE]; /* letters, digits and points only; "" */
    char message[200];
    char region[CODE_SIZE];
};

static void take_word(const char *from, const char *more, char word[CODE_SIZE])
{
    size_t length = strlen(from);
    word[0] = '\0';
    for (size_t i = 0; i < length; i++) {
        char c = from[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && strchr(more, c) == NULL)
            return;
    }
    if (length < CODE_SIZE)
        memcpy(word, from, length + 1);
}

/* S3, the Query protocol and EC2 each have their own way to say it. */
static void read_refusal(const struct dr_http_reply *reply, struct refusal *refusal)
{
    static const char *const codes[] = {"/Error/Code", "/ErrorResponse/Error/Code",
                                        "/Response/Errors/Error/Code"};
    static const char *const messages[] = {"/Error/Message", "/ErrorResponse/Error/Message",
                                           "/Response/Errors/Error/Message"};
    struct dr_xml_element elements[] = {{.path = codes[0]},       {.path = codes[1]},
                                        {.path = codes[2]},       {.path = messages[0]},
                                        {.path = messages[1]},    {.path = messages[2]},
                                        {.path = "/Error/Region"}};
    struct dr_xml xml = {.elements = elements, .count = sizeof elements / sizeof elements[0]};
    struct dr_error ignored;
    *refusal = (struct refusal){.code = ""};
    if (dr_xml_read(&xml, &reply->body, &ignored)) {
        for (size_t i = 0; i < 3; i++) {
            if (refusal->code[0] == '\0')
                take_word(dr_xml_text(&xml, codes[i]), ".", refusal->code);
            const char *message = dr_xml_text(&xml, messages[i]);
            if (message[0] != '\0')
                snprintf(refusal->message, sizeof refusal->message, "%.180s", message);
        }
        take_word(dr_xml_text(&xml, "/Error/Region"), "-", refusal->region);
    }
    dr_xml_end(&xml);
    char header[CODE_SIZE];
    if (refusal->region[0] == '\0' &&
        dr_http_header(reply, "x-amz-bucket-region", header, sizeof header))
        take_word(header, "-", refusal->region);
}

enum reason {
    REASON_OTHER = 0,
    REASON_DENIED,
    REASON_SIGNATURE,
    REASON_KEY_ID,
    REASON_TOKEN,
    REASON_SKEW,
    REASON_REGION,
    REASON_NO_BUCKET,
    REASON_ARCHIVED,
    REASON_SLOW
};

static enum reason reason_of(long status, const char *code)
{
    static const struct {
        const char *code;
        enum reason reason;
    } rows[] = {
        {"AccessDenied", REASON_DENIED},
        {"AccessDeniedException", REASON_DENIED},
        {"AllAccessDisabled", REASON_DENIED},
        {"UnauthorizedOperation", REASON_DENIED},
        {"SignatureDoesNotMatch", REASON_SIGNATURE},
        {"InvalidAccessKeyId", REASON_KEY_ID},
        {"InvalidClientTokenId", REASON_KEY_ID},
        {"AuthFailure", REASON_KEY_ID},
        {"ExpiredToken", REASON_TOKEN},
        {"ExpiredTokenException", REASON_TOKEN},
        {"InvalidToken", REASON_TOKEN},
        {"TokenRefreshRequired", REASON_TOKEN},
        {"RequestExpired", REASON_SKEW},
        {"RequestTimeTooSkewed", REASON_SKEW},
        {"AuthorizationHeaderMalformed", REASON_REGION},
        {"IllegalLocationConstraintException", REASON_REGION},
        {"PermanentRedirect", REASON_REGION},
        {"TemporaryRedirect", REASON_REGION},
        {"NoSuchBucket", REASON_NO_BUCKET},
        {"InvalidObjectState", REASON_ARCHIVED},
        {"RequestLimitExceeded", REASON_SLOW},
        {"ServiceUnavailable", REASON_SLOW},
        {"SlowDown", REASON_SLOW},
        {"Throttling", REASON_SLOW},
        {"ThrottlingException", REASON_SLOW},
        {"TooManyRequests", REASON_SLOW},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].code, code) == 0)
            return rows[i].reason;
    }
    if (code[0] != '\0')
        return REASON_OTHER;
    /* a HEAD has no body */
    return status == 403                                     ? REASON_DENIED
           : status == 301 || status == 302 || status == 307 ? REASON_REGION
           : status == 429 || status == 503                  ? REASON_SLOW
                                                             : REASON_OTHER;
}

/* Some servers only say that access is denied. */
static bool refuse_skew(const struct dr_http_reply *reply, const char *what, double now,
                        struct dr_error *error)
{
    double ahead = now - reply->date.value;
    return dr_error_set(error, DR_ERR_AUTH,
                        "%s: refused, because our clock is %.0f s %s the server's: synchronise it "
                        "with NTP",
                        what, fabs(ahead), ahead > 0 ? "ahead of" : "behind");
}

static bool refuse_region(const struct refusal *refusal, const char *what, struct dr_error *error)
{
    if (refusal->region[0] == '\0')
        return dr_error_set(error, DR_ERR_USAGE,
                            "%s: it is in another region, or behind another endpoint: say region= "
                            "(and endpoint=)",
                            what);
    return dr_error_set(error, DR_ERR_USAGE, "%s: the region is %s: say region=%s", what,
                        refusal->region, refusal->region);
}

static bool refuse_other(const struct dr_http_reply *reply, const struct refusal *refusal,
                         const char *what, struct dr_error *error)
{
    enum dr_error_class class = reply->status == 401   ? DR_ERR_AUTH
                                : reply->status == 403 ? DR_ERR_PRIVILEGE
                                : reply->status >= 500 ? DR_ERR_SERVER
                                                       : DR_ERR_PROTOCOL;
    if (refusal->code[0] == '\0')
        return dr_error_set(error, class, "%s: HTTP %ld", what, reply->status);
    return dr_error_set(error, class, "%s: HTTP %ld, %s: %s", what, reply->status, refusal->code,
                        refusal->message);
}

bool dr_aws_refused(const struct dr_http_reply *reply, const char *what, const char *grant,
                    double now, struct dr_error *error)
{
    struct refusal refusal;
    read_refusal(reply, &refusal);
    enum reason reason = reason_of(reply->status, refusal.code);
    bool skewed = reply->date.known && fabs(now - reply->date.value) > SKEW_MAX;
    if (skewed && (reason == REASON_SKEW || reason == REASON_DENIED))
        return refuse_skew(reply, what, now, error);
    switch (reason) {
    case REASON_DENIED:
        return dr_error_set(error, DR_ERR_PRIVILEGE, "%s: access denied: allow %s", what, grant);
    case REASON_SIGNATURE:
        return dr_error_set(error, DR_ERR_AUTH,
                            "%s: the signature does not fit: the secret key (or the key's id) is "
                            "wrong",
                            what);
    case REASON_KEY_ID:
        return dr_error_set(error, DR_ERR_AUTH, "%s: the server does not know this key", what);
    case REASON_TOKEN:
        return dr_error_set(error, DR_ERR_AUTH,
                            "%s: the session token has expired, or is not valid", what);
    case REASON_SKEW:
        return dr_error_set(error, DR_ERR_AUTH,
                            "%s: refused, because our clock differs from the server's: synchronise "
                            "it with NTP",
                            what);
    case REASON_REGION:
        return refuse_region(&refusal, what, error);
    case REASON_NO_BUCKET:
        return dr_error_set(error, DR_ERR_SERVER, "%s: there is no such bucket", what);
    case REASON_ARCHIVED:
        return dr_error_set(error, DR_ERR_PRIVILEGE,
                            "%s: it is archived, and must be restored before it can be read", what);
    case REASON_SLOW:
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "%s: the server is busy or limits us (HTTP %ld)", what, reply->status);
    case REASON_OTHER:
        break;
    }
    return refuse_other(reply, &refusal, what, error);
}
