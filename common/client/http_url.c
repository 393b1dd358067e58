/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/http_url.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* As libcurl follows redirects: what some servers do not encode is encoded. */
#ifdef CURLU_ALLOW_SPACE
#define LENIENT (CURLU_URLENCODE | CURLU_ALLOW_SPACE)
#else
#define LENIENT CURLU_URLENCODE
#endif

/* A part of it, which curl_free frees; NULL where there is none. */
static char *part(CURLU *url, CURLUPart what)
{
    char *text = NULL;
    if (url == NULL || curl_url_get(url, what, &text, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return NULL;
    return text;
}

static CURLU *parse(const char *text)
{
    CURLU *url = curl_url();
    if (url != NULL && curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
        curl_url_cleanup(url);
        return NULL;
    }
    return url;
}

bool dr_http_url_host(const char *url, char *host, size_t size)
{
    CURLU *parsed = parse(url);
    char *text = part(parsed, CURLUPART_HOST);
    const char *from = text != NULL ? text : "";
    size_t length = strlen(from);
    if (from[0] == '[' && from[length - 1] == ']') {
        from++;
        length -= 2;
    }
    if (length > 0 && from[length - 1] == '.')
        length--;
    bool fits = length > 0 && length < size;
    if (fits)
        memcpy(host, from, length);
    host[fits ? length : 0] = '\0';
    curl_free(text);
    curl_url_cleanup(parsed);
    return fits;
}

static bool same_part(CURLU *one, CURLU *other, CURLUPart what)
{
    char *first = part(one, what), *second = part(other, what);
    bool same = first != NULL && second != NULL && strcasecmp(first, second) == 0;
    curl_free(first);
    curl_free(second);
    return same;
}

/* True when there was one. */
static bool drop_user(CURLU *url)
{
    char *user = part(url, CURLUPART_USER), *password = part(url, CURLUPART_PASSWORD);
    bool there = user != NULL || password != NULL;
    curl_free(user);
    curl_free(password);
    curl_url_set(url, CURLUPART_USER, NULL, 0);
    curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
    return there;
}

char *dr_http_url_join(const char *url, const char *location, bool *same)
{
    CURLU *from = parse(url), *to = parse(url);
    char *text = NULL, *copy = NULL;
    *same = false;
    if (from != NULL && to != NULL &&
        curl_url_set(to, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME | LENIENT) ==
            CURLUE_OK) {
        *same = !drop_user(to) && same_part(from, to, CURLUPART_SCHEME) &&
                same_part(from, to, CURLUPART_HOST) && same_part(from, to, CURLUPART_PORT);
        if (curl_url_get(to, CURLUPART_URL, &text, 0) == CURLUE_OK)
            copy = strdup(text);
    }
    curl_free(text);
    curl_url_cleanup(from);
    curl_url_cleanup(to);
    return copy;
}
