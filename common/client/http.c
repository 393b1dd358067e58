/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/http.h"

#include "common/client/http_certificate.h"
#include "common/client/http_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
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

struct dr_http {
    struct dr_task *task;
    CURLM *multi;
    struct dr_http_trust *trust; /* the system's list; read with the first request that wants it */
    bool trust_read;
};

struct transfer {
    CURL *easy;
    struct dr_http *http;
    struct dr_task *task;
    const struct dr_http_request *request;
    struct dr_http_reply *reply;
    struct dr_error *error;
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    char *url; /* the one that a redirect led to; NULL: the request's */
    struct dr_http_watch watch;
    double launched; /* monotonic; of this URL */
    double shaking;  /* monotonic: when the handshake that is watched began; 0: it did not */
    char host[256];  /* of the URL */
    double deadline; /* monotonic */
    bool limited;    /* by the request's own seconds */
    bool too_long;   /* the body */
    bool refused;    /* by the sink, which has set the error */
    bool replied;    /* there was a status line; headers are not a must */
    bool done;
    bool ok;
    char message[CURL_ERROR_SIZE];
};

static const char *url_of(const struct transfer *transfer)
{
    return transfer->url != NULL ? transfer->url : transfer->request->url;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const struct dr_http_request *request = transfer->request;
    struct dr_http_reply *reply = transfer->reply;
    size_t bytes = size * count;
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    bool longer = bytes > request->body_max - reply->body_size;
    transfer->too_long = longer && !request->body_keep;
    if (transfer->too_long)
        return 0;
    if (longer)
        bytes = request->body_max - reply->body_size; /* 0 of them too */
    reply->body_size += bytes;
    if (request->sink == NULL || status != 200) {
        if (!dr_buffer_add_bytes(&reply->body, data, bytes))
            return 0;
    } else {
        transfer->refused = !request->sink(request->sink_context, data, bytes, transfer->error);
        if (transfer->refused)
            return 0;
    }
    /* which ends the transfer */
    reply->cut = longer;
    return longer ? 0 : bytes;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    struct dr_buffer *header = &transfer->reply->header;
    size_t length = size * count;
    while (length > 0 && (data[length - 1] == '\n' || data[length - 1] == '\r'))
        length--;
    /* a status line: what came before was an interim reply */
    if (length > 5 && strncmp(data, "HTTP/", 5) == 0) {
        transfer->replied = true;
        dr_buffer_clear(header);
    } else if (length > 0 &&
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
        {CURLE_COULDNT_RESOLVE_HOST, DR_ERR_RESOLVE},
        {CURLE_COULDNT_RESOLVE_PROXY, DR_ERR_RESOLVE},
        {CURLE_COULDNT_CONNECT, DR_ERR_CONNECT},
        {CURLE_GOT_NOTHING, DR_ERR_CONNECT},
        {CURLE_SEND_ERROR, DR_ERR_CONNECT},
        {CURLE_RECV_ERROR, DR_ERR_CONNECT},
        {CURLE_PARTIAL_FILE, DR_ERR_CONNECT},
        {CURLE_OPERATION_TIMEDOUT, DR_ERR_TIMEOUT},
        {CURLE_SSL_CONNECT_ERROR, DR_ERR_TLS},
        {CURLE_PEER_FAILED_VERIFICATION, DR_ERR_TLS},
        {CURLE_SSL_CERTPROBLEM, DR_ERR_USAGE},
        {CURLE_SSL_CIPHER, DR_ERR_TLS},
        {CURLE_SSL_INVALIDCERTSTATUS, DR_ERR_TLS},
        {CURLE_SSL_ISSUER_ERROR, DR_ERR_TLS},
        {CURLE_USE_SSL_FAILED, DR_ERR_TLS},
        {CURLE_SSL_CACERT_BADFILE, DR_ERR_USAGE},
#if LIBCURL_VERSION_NUM >= 0x074d00
        {CURLE_SSL_CLIENTCERT, DR_ERR_TLS},
#endif
        {CURLE_LOGIN_DENIED, DR_ERR_USAGE},          /* only for a user in the URL */
        {CURLE_BAD_FUNCTION_ARGUMENT, DR_ERR_USAGE}, /* 8.23: an unusable key file */
        {CURLE_URL_MALFORMAT, DR_ERR_USAGE},
        {CURLE_OUT_OF_MEMORY, DR_ERR_INTERNAL},
        {CURLE_FAILED_INIT, DR_ERR_INTERNAL},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].code == code)
            return known[i].class;
    }
    return DR_ERR_PROTOCOL;
}

/* How far it has come, by the times that libcurl notes when a stage is over. The last ones first: a
 * connection that is used again was neither resolved nor connected. */
static const char *stage_reached(const struct transfer *transfer)
{
    curl_off_t connected = 0;
    curl_off_t found = 0;
    char *address = NULL;
    long sent = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent);
    curl_easy_getinfo(transfer->easy, CURLINFO_CONNECT_TIME_T, &connected);
    curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_IP, &address);
    curl_easy_getinfo(transfer->easy, CURLINFO_NAMELOOKUP_TIME_T, &found);
    /* Not by the times of what comes later: 8.23 fills them in when it gives up. */
    if (transfer->reply->header.size > 0)
        return "read the reply";
    if (sent > 0)
        return transfer->request->stage;
    /* 7.88 notes the time of the connection when the handshake is over, but the address before */
    if (connected > 0 || transfer->shaking > 0 || (address != NULL && address[0] != '\0'))
        return "TLS handshake";
    return found > 0 ? "connect" : "resolve the name";
}

static bool out_of_time(const struct transfer *transfer, const char *stage)
{
    if (transfer->limited)
        return dr_error_set(transfer->error, DR_ERR_TIMEOUT, "no answer within %.4g s (stage: %s)",
                            transfer->request->seconds, stage);
    return dr_error_set(transfer->error, DR_ERR_TIMEOUT, "no answer in time (stage: %s)", stage);
}

/* In TLS 1.3 our side of the handshake is over before the server has seen that our certificate is
 * missing. Its alert then comes instead of the reply; and where it has closed the connection before
 * the request was sent, not even that can be read. NULL for any other failure. */
static const char *refused_handshake(const struct transfer *transfer, CURLcode code)
{
    curl_off_t over = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_APPCONNECT_TIME_T, &over);
    if (over > 0 && code == CURLE_SEND_ERROR)
        return "closed right after the TLS handshake: the server may want a client certificate";
    if (code == CURLE_RECV_ERROR && strstr(transfer->message, " alert ") != NULL)
        return transfer->message;
    return NULL;
}

/* A port where something else listens: libcurl's words help nobody at night. NULL: not that. */
static const char *other_protocol(const char *message)
{
    if (strstr(message, "HTTP/0.9") != NULL)
        return "answers, but not in HTTP: is it the right port?";
    if (strstr(message, "wrong version number") != NULL)
        return "answers, but not in TLS: is it the right port?";
    return NULL;
}

static bool fail(const struct transfer *transfer, CURLcode code)
{
    const struct dr_http_reply *reply = transfer->reply;
    if (transfer->refused)
        return false;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return out_of_time(transfer, stage_reached(transfer));
    if (code == CURLE_PEER_FAILED_VERIFICATION && reply->certificate.problem[0] != '\0')
        return dr_error_set(transfer->error, DR_ERR_TLS, "%s", reply->certificate.problem);
    if (reply->body.no_memory || reply->header.no_memory)
        return dr_error_set(transfer->error, DR_ERR_INTERNAL, "out of memory");
    if (transfer->too_long || reply->header.cut)
        return dr_error_set(transfer->error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: more than %zu KiB of %s",
                            (transfer->too_long ? reply->body.limit : reply->header.limit) / 1024,
                            transfer->too_long ? "body" : "headers");
    const char *refused = refused_handshake(transfer, code);
    const char *other = other_protocol(transfer->message);
    const char *said = refused != NULL                ? refused
                       : other != NULL                ? other
                       : transfer->message[0] != '\0' ? transfer->message
                                                      : curl_easy_strerror(code);
    char *clean = dr_text_clean(said, 300);
    dr_error_set(transfer->error, refused != NULL ? DR_ERR_TLS : class_of(code), "%s",
                 clean != NULL ? clean : "out of memory");
    free(clean);
    /* 7.74 does not name the file */
    if (code == CURLE_SSL_CERTPROBLEM && transfer->request->cert_file != NULL)
        dr_error_prefix(transfer->error, "client certificate %s", transfer->request->cert_file);
    /* libcurl speaks of the URL's host */
    if (code == CURLE_COULDNT_CONNECT && transfer->request->unix_socket != NULL)
        dr_error_prefix(transfer->error, "socket %s", transfer->request->unix_socket);
    return false;
}

/* ---- who answered, and how long it took ---- */

/* As bytes: one address can be written in several ways. False for a name. */
static bool read_address(const char *text, unsigned char bytes[16])
{
    char plain[INET6_ADDRSTRLEN];
    size_t length = strcspn(text, "%"); /* without its zone */
    memset(bytes, 0, 16);
    if (length >= sizeof plain)
        return false;
    memcpy(plain, text, length);
    plain[length] = '\0';
    return inet_pton(AF_INET, plain, bytes) == 1 || inet_pton(AF_INET6, plain, bytes) == 1;
}

/* Nothing where nobody answered, or libcurl does not say: 8.14 of a handshake that failed. */
static void take_address(const struct transfer *transfer)
{
    struct dr_http_reply *reply = transfer->reply;
    const char *unix_socket = transfer->request->unix_socket;
    char *address = NULL;
    long port = 0;
    curl_off_t connected = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_CONNECT_TIME_T, &connected);
    curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_IP, &address);
    curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_PORT, &port);
    if (unix_socket != NULL) {
        address = connected > 0 ? (char *)unix_socket : NULL;
        port = 0;
    }
    bool there = address != NULL && address[0] != '\0';
    snprintf(reply->address, sizeof reply->address, "%s", there ? address : "");
    reply->port = there ? (int)port : 0;
}

/* False with the error set when another one answered than was asked. */
static bool is_the_one(const struct transfer *transfer)
{
    const struct dr_http_request *request = transfer->request;
    const struct dr_http_reply *reply = transfer->reply;
    unsigned char wanted[16], found[16];
    if (request->connect_host == NULL || !read_address(request->connect_host, wanted))
        return true;
    bool same = read_address(reply->address, found) && memcmp(wanted, found, sizeof wanted) == 0 &&
                (request->connect_port == 0 || request->connect_port == reply->port);
    return same || dr_error_set(transfer->error, DR_ERR_PROTOCOL, "answered by %s:%d, not by %s:%d",
                                reply->address, reply->port, request->connect_host,
                                request->connect_port != 0 ? request->connect_port : reply->port);
}

/* Seconds from `from` until the moment of a transfer that libcurl noted, which `from` becomes; 0
 * where that did not come. */
static double phase(CURL *easy, CURLINFO info, curl_off_t *from)
{
    curl_off_t at = 0;
    curl_easy_getinfo(easy, info, &at);
    if (at <= *from)
        return 0;
    double seconds = (double)(at - *from) / 1e6;
    *from = at;
    return seconds;
}

/* What libcurl notes for phases that were not finished is zero, or when it gave up. For a handshake
 * that fails, that of the connection is zero as well in 7.88. */
static void take_times(const struct transfer *transfer)
{
    struct dr_http_reply *reply = transfer->reply;
    CURL *easy = transfer->easy;
    curl_off_t from = 0, start = 0;
    long sent = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
    double resolved = phase(easy, CURLINFO_NAMELOOKUP_TIME_T, &from);
    double connected = phase(easy, CURLINFO_CONNECT_TIME_T, &from);
    double shaking = transfer->shaking - transfer->launched - resolved;
    reply->resolved += resolved;
    reply->connected += connected > 0 ? connected : shaking > 0 ? shaking : 0;
    if (sent > 0)
        reply->tls += phase(easy, CURLINFO_APPCONNECT_TIME_T, &from);
    if (transfer->replied)
        reply->first_byte += phase(easy, CURLINFO_STARTTRANSFER_TIME_T, &from);
    reply->total += phase(easy, CURLINFO_TOTAL_TIME_T, &start);
}

static const char *version_of(long version)
{
    switch (version) {
    case CURL_HTTP_VERSION_1_0:
        return "1.0";
    case CURL_HTTP_VERSION_1_1:
        return "1.1";
    case CURL_HTTP_VERSION_2_0:
        return "2";
    default:
        return "";
    }
}

/* Whether a name fits is libcurl's to say: its rules for the CN of a certificate without names
 * differ from OpenSSL's. */
static void agree_on_name(const struct transfer *transfer, CURLcode code)
{
    struct dr_http_certificate *certificate = &transfer->reply->certificate;
    long sent = 0;
    if (!certificate->known || !certificate->trusted.known || !certificate->trusted.value)
        return;
    curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent);
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        certificate->named = dr_bool(false);
    else if (sent > 0)
        certificate->named = dr_bool(true);
    certificate->verified = certificate->named.value;
    if (certificate->verified)
        certificate->problem[0] = '\0';
}

/* What is known of a transfer however it ended. */
static void take_circumstances(const struct transfer *transfer, CURLcode code)
{
    struct dr_http_reply *reply = transfer->reply;
    long version = 0, failure = 0;
    take_address(transfer);
    take_times(transfer);
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &failure);
    reply->failure = code == CURLE_COULDNT_CONNECT ? (int)failure : 0;
    reply->http_version = transfer->replied ? version_of(version) : "";
    agree_on_name(transfer, code);
}

/* ---- redirects ---- */

static bool may_follow(const struct transfer *transfer)
{
    const struct dr_http_request *request = transfer->request;
    const char *method = request->method != NULL ? request->method : "GET";
    return transfer->reply->redirected < request->redirects && request->body == NULL &&
           (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Notes where the reply leads to. The URL, which the caller frees, when it is to be followed. */
static char *next_url(const struct transfer *transfer)
{
    struct dr_http_reply *reply = transfer->reply;
    char said[4096];
    bool same;
    if (!is_redirect(reply->status) || !dr_http_header(reply, "Location", said, sizeof said))
        return NULL;
    char *url = dr_http_url_join(url_of(transfer), said, &same);
    snprintf(reply->location, sizeof reply->location, "%.*s", DR_HTTP_LOCATION_SIZE - 1,
             url != NULL ? url : said);
    /* one that may have been cut leads nowhere */
    if (url != NULL && same && strlen(said) < sizeof said - 1 && may_follow(transfer))
        return url;
    free(url);
    return NULL;
}

/* ---- what libcurl is told ---- */

static long version_for(const struct dr_http_request *request)
{
    bool known = (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP2) != 0;
    return request->http2 && known ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1;
}

/* True when every option was taken: an option that protects must not be missed in silence. */
static bool set_limits(struct transfer *transfer, double left)
{
    CURL *easy = transfer->easy;
    long ms = (long)(left * 1000) + 1, version = version_for(transfer->request);
    bool ok = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, ms) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version) == CURLE_OK;
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

/* Not copied: the texts outlive the transfer. */
static bool set_text(CURL *easy, CURLoption option, const char *text)
{
    struct curl_blob blob = {.data = (char *)text, .len = strlen(text), .flags = CURL_BLOB_NOCOPY};
    return curl_easy_setopt(easy, option, &blob) == CURLE_OK;
}

/* False, with the error set, where this libcurl takes files only. */
static bool set_texts(CURL *easy, const struct dr_http_request *request, struct dr_error *error)
{
    bool ok = true;
    if (request->ca_pem != NULL) {
#if LIBCURL_VERSION_NUM >= 0x074d00
        ok = set_text(easy, CURLOPT_CAINFO_BLOB, request->ca_pem);
#else
        ok = false;
#endif
    }
    if (request->cert_pem != NULL)
        ok = ok && set_text(easy, CURLOPT_SSLCERT_BLOB, request->cert_pem) &&
             curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "") == CURLE_OK;
    if (request->key_pem != NULL)
        ok = ok && set_text(easy, CURLOPT_SSLKEY_BLOB, request->key_pem);
    return ok || dr_error_set(error, DR_ERR_USAGE,
                              "%s takes certificates and keys from files only: name files",
                              dr_http_library());
}

static bool set_access(CURL *easy, const struct dr_http_request *request)
{
    bool ok =
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request->insecure ? 0L : 1L) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request->insecure ? 0L : 2L) == CURLE_OK;
    if (request->ca_file != NULL)
        ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file) == CURLE_OK;
    /* or the system's folder is trusted as well, and what was read is not kept for the next one */
    if (request->ca_file != NULL || request->ca_pem != NULL)
        ok = ok && curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    /* the empty pass phrase keeps the TLS library from asking the terminal for one */
    if (request->cert_file != NULL)
        ok = ok && curl_easy_setopt(easy, CURLOPT_SSLCERT, request->cert_file) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "") == CURLE_OK;
    if (request->key_file != NULL)
        ok = ok && curl_easy_setopt(easy, CURLOPT_SSLKEY, request->key_file) == CURLE_OK;
    if (request->user != NULL)
        ok = ok && curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_USERNAME, request->user) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_PASSWORD,
                              request->password != NULL ? request->password : "") == CURLE_OK;
    return ok;
}

/* Neither another's connection nor another's TLS session, in which no certificate is shown: what
 * answers the same name elsewhere would be taken for this one. */
static bool set_alone(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK;
}

/* CONNECT_TO, never RESOLVE: that is shared by all requests of a run. */
static bool connect_to(struct transfer *transfer, const char *host, int port)
{
    char text[300], number[12] = "";
    bool six = strchr(host, ':') != NULL;
    if (port != 0)
        snprintf(number, sizeof number, "%d", port);
    int length = snprintf(text, sizeof text, six ? "::[%s]:%s" : "::%s:%s", host, number);
    transfer->connect_to = length < (int)sizeof text ? curl_slist_append(NULL, text) : NULL;
    return transfer->connect_to != NULL &&
           curl_easy_setopt(transfer->easy, CURLOPT_CONNECT_TO, transfer->connect_to) == CURLE_OK;
}

static CURLcode see_handshake(CURL *easy, void *ssl_context, void *context)
{
    (void)easy;
    struct transfer *transfer = context;
    transfer->shaking = dr_monotonic();
    dr_http_certificate_watch(ssl_context, &transfer->watch);
    return CURLE_OK;
}

/* The system's list: libcurl would read it for each connection. Where we cannot read it, libcurl
 * tries, and says what is wrong. */
static bool share_trust(struct transfer *transfer)
{
    struct dr_http *http = transfer->http;
    const struct dr_http_request *request = transfer->request;
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    if (request->insecure || request->ca_file != NULL || request->ca_pem != NULL)
        return true;
    if (!http->trust_read && info->age >= CURLVERSION_SEVENTH)
        http->trust = dr_http_trust_new(info->cainfo, info->capath);
    http->trust_read = true;
    transfer->watch.trust = http->trust;
    return http->trust == NULL ||
           (curl_easy_setopt(transfer->easy, CURLOPT_CAINFO, NULL) == CURLE_OK &&
            curl_easy_setopt(transfer->easy, CURLOPT_CAPATH, NULL) == CURLE_OK);
}

static bool watch_certificate(struct transfer *transfer)
{
    const char *missing =
        dr_http_certificate_missing(curl_version_info(CURLVERSION_NOW)->ssl_version);
    transfer->reply->certificate = (struct dr_http_certificate){
        .missing = missing != NULL ? missing : "there was no TLS handshake"};
    if (missing != NULL)
        return true;
    dr_http_url_host(url_of(transfer), transfer->host, sizeof transfer->host);
    transfer->watch = (struct dr_http_watch){.certificate = &transfer->reply->certificate,
                                             .host = transfer->host,
                                             .insecure = transfer->request->insecure};
    return share_trust(transfer) &&
           curl_easy_setopt(transfer->easy, CURLOPT_SSL_CTX_FUNCTION, see_handshake) == CURLE_OK &&
           curl_easy_setopt(transfer->easy, CURLOPT_SSL_CTX_DATA, transfer) == CURLE_OK;
}

static bool set_connection(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    const struct dr_http_request *request = transfer->request;
    const struct dr_http_reply *reply = transfer->reply;
    unsigned char address[16];
    bool named = request->connect_host == NULL || !read_address(request->connect_host, address);
    bool ok = true;
    if (request->connect_host != NULL || request->unix_socket != NULL || request->proxy_protocol ||
        request->redirects > 0 || request->want_certificate || request->http2)
        ok = set_alone(easy);
    /* a name may have several: redirects stay on the one that answered */
    if (reply->redirected > 0 && named && request->unix_socket == NULL && request->proxy == NULL)
        ok = ok && connect_to(transfer, reply->address, reply->port);
    else if (request->connect_host != NULL)
        ok = ok && connect_to(transfer, request->connect_host, request->connect_port);
    if (request->unix_socket != NULL)
        ok = ok &&
             curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket) == CURLE_OK;
    if (request->proxy_protocol)
        ok = ok && curl_easy_setopt(easy, CURLOPT_HAPROXYPROTOCOL, 1L) == CURLE_OK;
    if (request->want_certificate)
        ok = ok && watch_certificate(transfer);
    return ok;
}

static bool add_header(struct transfer *transfer, const char *header)
{
    struct curl_slist *more = curl_slist_append(transfer->headers, header);
    if (more == NULL)
        return false;
    transfer->headers = more;
    return true;
}

static bool set_question(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    const struct dr_http_request *request = transfer->request;
    for (const char *const *header = request->headers; *header != NULL; header++) {
        if (!add_header(transfer, *header))
            return false;
    }
    /* or a longer body would wait for "100 Continue" first */
    bool ok = add_header(transfer, "Expect:") &&
              curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_URL, url_of(transfer)) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy != NULL ? request->proxy : "") ==
                  CURLE_OK;
    if (request->body != NULL)
        ok = ok && curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size) ==
                 CURLE_OK;
    if (request->method != NULL && strcmp(request->method, "HEAD") == 0)
        ok = ok && curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    else if (request->method != NULL)
        ok = ok && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
    /* "gzip" alone: the others unpack to a multiple of what it does */
    if (request->compressed)
        ok = ok && curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip") == CURLE_OK;
    return ok;
}

static bool set_callbacks(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    return curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->message) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK;
}

/* ---- the transfers ---- */

static void start_library(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct dr_http *dr_http_new(struct dr_task *task, struct dr_error *error)
{
    static pthread_once_t started = PTHREAD_ONCE_INIT;
    /* before 7.84 libcurl must not be started by two threads at once */
    pthread_once(&started, start_library);
    struct dr_http *http = malloc(sizeof *http);
    CURLM *multi = curl_multi_init();
    if (http == NULL || multi == NULL) {
        curl_multi_cleanup(multi);
        free(http);
        dr_error_set(error, DR_ERR_INTERNAL, "libcurl cannot be started");
        return NULL;
    }
#if LIBCURL_VERSION_NUM >= 0x081400
    curl_multi_setopt(multi, CURLMOPT_QUICK_EXIT, 1L);
#endif
    *http = (struct dr_http){.task = task, .multi = multi};
    return http;
}

void dr_http_free(struct dr_http *http)
{
    if (http == NULL)
        return;
    curl_multi_cleanup(http->multi);
    dr_http_trust_free(http->trust);
    free(http);
}

static void take_facts(struct transfer *transfer)
{
    struct dr_http_reply *reply = transfer->reply;
    char date[64];
    double seconds;
    if (dr_http_header(reply, "Date", date, sizeof date) && dr_http_date(date, &seconds))
        reply->date = dr_real(seconds);
    dr_task_trace(transfer->task, 1, "%s: status %ld, %zu bytes", transfer->request->stage,
                  reply->status, reply->body_size);
    if (transfer->request->private || !dr_task_traces(transfer->task, 3))
        return;
    char *clean = dr_text_clean(dr_buffer_text(&reply->body), 4000);
    dr_task_trace(transfer->task, 3, "reply: %s", clean != NULL ? clean : "");
    free(clean);
}

/* False with the error set when the request contradicts itself. */
static bool is_possible(const struct dr_http_request *request, struct dr_error *error)
{
    struct sockaddr_un address;
    int ways =
        (request->connect_host != NULL) + (request->unix_socket != NULL) + (request->proxy != NULL);
    if (request->user != NULL && strchr(request->user, ':') != NULL)
        return dr_error_set(error, DR_ERR_USAGE,
                            "a user name with \":\" is not possible in basic authentication");
    if (ways > 1)
        return dr_error_set(
            error, DR_ERR_USAGE,
            "an address to connect to, a Unix socket and a proxy exclude each other");
    if (request->unix_socket != NULL && strlen(request->unix_socket) >= sizeof address.sun_path)
        return dr_error_set(error, DR_ERR_USAGE, "the path of a socket has at most %zu bytes: %s",
                            sizeof address.sun_path - 1, request->unix_socket);
    return true;
}

/* Asks for the URL, or for that of a redirect. False with the error set when that cannot even be
 * begun. */
static bool launch(struct transfer *transfer, CURLM *multi)
{
    const struct dr_http_request *request = transfer->request;
    transfer->launched = dr_monotonic();
    transfer->shaking = 0;
    double left = transfer->deadline - transfer->launched;
    if (left <= 0)
        return out_of_time(transfer, request->stage);
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL)
        return dr_error_set(transfer->error, DR_ERR_INTERNAL, "libcurl cannot be started");
    if (!set_limits(transfer, left) || !set_access(transfer->easy, request) ||
        !set_connection(transfer) || !set_question(transfer) || !set_callbacks(transfer))
        return dr_error_set(transfer->error, DR_ERR_INTERNAL, "libcurl refuses an option");
    if (!set_texts(transfer->easy, request, transfer->error))
        return false;
    dr_task_trace(transfer->task, 2, "%s %s", request->method != NULL ? request->method : "GET",
                  url_of(transfer));
    return curl_multi_add_handle(multi, transfer->easy) == CURLM_OK ||
           dr_error_set(transfer->error, DR_ERR_INTERNAL, "libcurl refuses a request");
}

static bool begin(struct transfer *transfer, CURLM *multi)
{
    const struct dr_http_request *request = transfer->request;
    double left = dr_task_left(transfer->task);
    transfer->limited = request->seconds > 0 && request->seconds < left;
    transfer->reply->sent = dr_monotonic();
    transfer->deadline = transfer->reply->sent + (transfer->limited ? request->seconds : left);
    return is_possible(request, transfer->error) && launch(transfer, multi);
}

static void discard(struct transfer *transfer, CURLM *multi)
{
    if (transfer->easy == NULL)
        return;
    curl_multi_remove_handle(multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    curl_slist_free_all(transfer->connect_to);
    transfer->easy = NULL;
    transfer->headers = transfer->connect_to = NULL;
}

/* Takes the URL over. */
static bool follow(struct transfer *transfer, CURLM *multi, char *url)
{
    struct dr_http_reply *reply = transfer->reply;
    discard(transfer, multi);
    free(transfer->url);
    transfer->url = url;
    dr_buffer_clear(&reply->body);
    dr_buffer_clear(&reply->header);
    reply->body_size = 0;
    transfer->replied = false;
    reply->status = 0;
    reply->cut = false;
    reply->location[0] = '\0';
    reply->redirected++;
    return launch(transfer, multi);
}

static void finish(struct transfer *transfer, bool ok)
{
    transfer->reply->received = dr_monotonic();
    transfer->done = true;
    transfer->ok = ok;
    if (ok)
        take_facts(transfer);
    else
        dr_task_trace(transfer->task, 1, "%s: %s", transfer->request->stage, transfer->error->text);
}

/* Either it is finished, or a redirect is on its way. */
static void conclude(struct transfer *transfer, CURLM *multi, CURLcode code)
{
    struct dr_http_reply *reply = transfer->reply;
    take_circumstances(transfer, code);
    /* a body that we have cut ends as an error for libcurl */
    bool ok = (code == CURLE_OK || reply->cut || fail(transfer, code)) && is_the_one(transfer);
    if (ok)
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &reply->status);
    char *next = ok ? next_url(transfer) : NULL;
    if (next == NULL)
        finish(transfer, ok);
    else if (!follow(transfer, multi, next))
        finish(transfer, false);
}

/* True when there was one, which may have led on. */
static bool conclude_done(CURLM *multi)
{
    const CURLMsg *message;
    bool any = false;
    int left;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        char *transfer = NULL;
        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer) != CURLE_OK)
            continue;
        any = true;
        conclude((struct transfer *)(void *)transfer, multi, message->data.result);
    }
    return any;
}

/* Until none is left. The stages are those of `single`, NULL where there are several. Before 7.87 a
 * resolver that hangs holds libcurl, and all requests, beyond their time: the run has to know the
 * stage. */
static void perform(struct dr_http *http, const struct transfer *single)
{
    const char *told = NULL;
    int running = 0;
    bool again;
    do {
        const char *stage = single != NULL && !single->done ? stage_reached(single) : told;
        if (stage != told)
            dr_task_stage(http->task, stage);
        told = stage;
        if (curl_multi_perform(http->multi, &running) != CURLM_OK)
            return;
        again = conclude_done(http->multi);
    } while (again ||
             (running > 0 && curl_multi_poll(http->multi, NULL, 0, 1000, NULL) == CURLM_OK));
}

/* Returns how it came out. */
static bool end(struct transfer *transfer, CURLM *multi)
{
    if (!transfer->done)
        dr_error_set(transfer->error, DR_ERR_INTERNAL, "libcurl gave up");
    discard(transfer, multi);
    free(transfer->url);
    return transfer->ok;
}

static struct dr_http_reply no_reply(const struct dr_http_request *request)
{
    return (struct dr_http_reply){.body = DR_BUFFER(request->body_max),
                                  .header = DR_BUFFER(DR_HTTP_HEADER_BYTES_MAX),
                                  .http_version = "",
                                  .certificate.missing = "it was not asked for"};
}

void dr_http_ask_all(struct dr_http *http, const struct dr_http_request *requests,
                     struct dr_http_reply *replies, struct dr_error *errors, bool *ok, size_t count)
{
    struct transfer *transfers = calloc(count, sizeof *transfers);
    for (size_t i = 0; i < count; i++) {
        replies[i] = no_reply(&requests[i]);
        dr_error_set(&errors[i], DR_ERR_INTERNAL, "out of memory");
        ok[i] = false;
    }
    if (transfers == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        transfers[i] = (struct transfer){.http = http,
                                         .task = http->task,
                                         .request = &requests[i],
                                         .reply = &replies[i],
                                         .error = &errors[i]};
        if (begin(&transfers[i], http->multi))
            dr_error_set(&errors[i], DR_ERR_INTERNAL, "libcurl gave up");
        else
            transfers[i].done = true;
    }
    perform(http, count == 1 && !transfers[0].done ? &transfers[0] : NULL);
    for (size_t i = 0; i < count; i++) {
        end(&transfers[i], http->multi);
        ok[i] = transfers[i].ok;
    }
    free(transfers);
}

bool dr_http_ask(struct dr_task *task, const struct dr_http_request *request,
                 struct dr_http_reply *reply, struct dr_error *error)
{
    bool ok = false;
    *reply = no_reply(request);
    struct dr_http *http = dr_http_new(task, error);
    if (http != NULL)
        dr_http_ask_all(http, request, reply, error, &ok, 1);
    dr_http_free(http);
    return ok;
}

const char *dr_http_library(void)
{
    static char text[32];
    snprintf(text, sizeof text, "libcurl %s", curl_version_info(CURLVERSION_NOW)->version);
    return text;
}
