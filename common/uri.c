/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/uri.h"

#include "common/secret.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is read: always the whole text with offsets into it, because errors name a position and
 * nothing else. */
struct part {
    const char *text;
    size_t from;
    size_t to;
};

static bool fail(struct dr_error *error, size_t at, const char *reason)
{
    return dr_error_set(error, DR_ERR_USAGE, "bad URI, position %zu: %s", at + 1, reason);
}

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The first of the characters in [from, to), or `to`. */
static size_t find(const char *text, size_t from, size_t to, const char *characters)
{
    while (from < to && strchr(characters, text[from]) == NULL)
        from++;
    return from;
}

static void free_text(char *text)
{
    if (text != NULL)
        dr_wipe(text, strlen(text));
    free(text);
}

/* The byte that the "%" at this place stands for; -1 when two hexadecimal digits do not follow. */
static int escaped(const struct part *part, size_t at)
{
    if (part->to - at < 3)
        return -1;
    int high = hex_value(part->text[at + 1]), low = hex_value(part->text[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* A percent-decoded copy; NULL with an error otherwise. */
static char *decode(struct part part, struct dr_error *error)
{
    char *copy = malloc(part.to - part.from + 1);
    if (copy == NULL) {
        no_memory(error);
        return NULL;
    }
    size_t used = 0;
    const char *reason = NULL;
    for (size_t at = part.from; at < part.to && reason == NULL;) {
        bool escape = part.text[at] == '%';
        int c = escape ? escaped(&part, at) : (unsigned char)part.text[at];
        if (c < 0)
            reason = "\"%\" must be followed by two hexadecimal digits (a \"%\" itself is %25)";
        else if (is_control((char)c))
            reason = "a control character";
        if (reason != NULL)
            fail(error, at, reason);
        else
            copy[used++] = (char)c;
        at += escape ? 3 : 1;
    }
    copy[used] = '\0';
    if (reason == NULL)
        return copy;
    free_text(copy);
    return NULL;
}

static bool read_scheme(const char *text, struct dr_uri *uri, size_t *at, struct dr_error *error)
{
    size_t end = 0;
    while (is_alpha(text[end]) || (end > 0 && (is_digit(text[end]) || text[end] == '+' ||
                                               text[end] == '-' || text[end] == '.')))
        end++;
    if (end == 0 || strncmp(text + end, "://", 3) != 0)
        return fail(error, end, "a URI begins with scheme://, for example postgresql://");
    uri->scheme = strndup(text, end);
    if (uri->scheme == NULL)
        return no_memory(error);
    for (char *c = uri->scheme; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    *at = end + 3;
    return true;
}

static bool read_userinfo(struct part part, struct dr_uri *uri, struct dr_error *error)
{
    size_t colon = find(part.text, part.from, part.to, ":");
    uri->user = decode((struct part){part.text, part.from, colon}, error);
    if (uri->user == NULL)
        return false;
    if (colon == part.to)
        return true;
    uri->password = decode((struct part){part.text, colon + 1, part.to}, error);
    return uri->password != NULL;
}

static bool read_port(struct part part, int *port, struct dr_error *error)
{
    int value = 0;
    size_t at = part.from;
    while (at < part.to && is_digit(part.text[at]) && value <= 65535)
        value = value * 10 + (part.text[at++] - '0');
    if (at < part.to || value < 1 || value > 65535)
        return fail(error, part.from,
                    "the port must be a number of 1 to 65535 (an IPv6 address stands in brackets)");
    *port = value;
    return true;
}

static bool zone_is_good(const char *zone)
{
    for (; *zone != '\0'; zone++) {
        if (!is_alpha(*zone) && !is_digit(*zone) && strchr(".-_", *zone) == NULL)
            return false;
    }
    return true;
}

/* The address between the brackets, with its zone as getaddrinfo wants it: "fe80::1%eth0". */
static bool read_ipv6(struct part part, char **name, struct dr_error *error)
{
    char address[INET6_ADDRSTRLEN];
    unsigned char binary[16];
    size_t percent = find(part.text, part.from, part.to, "%");
    size_t zone = percent, length = percent - part.from;
    if (percent < part.to)
        zone += strncmp(part.text + percent, "%25", 3) == 0 ? 3 : 1;
    if (length < sizeof address) {
        memcpy(address, part.text + part.from, length);
        address[length] = '\0';
    }
    if (length >= sizeof address || inet_pton(AF_INET6, address, binary) != 1)
        return fail(error, part.from, "no IPv6 address stands between the brackets");
    size_t zone_length = part.to - zone;
    *name = malloc(length + zone_length + 2);
    if (*name == NULL)
        return no_memory(error);
    memcpy(*name, address, length + 1);
    if (percent == part.to)
        return true;
    (*name)[length] = '%';
    memcpy(*name + length + 1, part.text + zone, zone_length);
    (*name)[length + 1 + zone_length] = '\0';
    if (zone_length > 0 && zone_is_good(*name + length + 1))
        return true;
    return fail(error, zone, "the zone of an IPv6 address is the name of an interface");
}

static bool read_name(struct part part, char **name, struct dr_error *error)
{
    if (part.from == part.to)
        return fail(error, part.from, "a host is missing");
    for (size_t at = part.from; at < part.to; at++) {
        char c = part.text[at];
        if (!is_alpha(c) && !is_digit(c) && c != '.' && c != '-' && c != '_')
            return fail(error, at,
                        "a host is a name of letters, digits, \".\", \"-\" and \"_\", "
                        "or an address");
    }
    *name = strndup(part.text + part.from, part.to - part.from);
    return *name != NULL || no_memory(error);
}

static bool read_host(struct part part, struct dr_uri_host *host, struct dr_error *error)
{
    const char *text = part.text;
    size_t end = find(text, part.from, part.to, ":");
    if (part.from < part.to && text[part.from] == '[') {
        size_t close = find(text, part.from, part.to, "]");
        if (close == part.to)
            return fail(error, part.from, "the \"[\" of an IPv6 address is not closed");
        end = close + 1;
        if (end < part.to && text[end] != ':')
            return fail(error, end, "only a port may follow an IPv6 address");
        if (!read_ipv6((struct part){text, part.from + 1, close}, &host->name, error))
            return false;
    } else if (!read_name((struct part){text, part.from, end}, &host->name, error)) {
        return false;
    }
    return end == part.to || read_port((struct part){text, end + 1, part.to}, &host->port, error);
}

static bool read_hosts(struct part part, struct dr_uri *uri, struct dr_error *error)
{
    if (part.from == part.to)
        return true;
    size_t most = 1;
    for (size_t at = part.from; at < part.to; at++)
        most += part.text[at] == ',';
    if (most > DR_URI_HOSTS_MAX)
        return fail(error, part.from, "more than 64 hosts");
    uri->hosts = calloc(most, sizeof *uri->hosts);
    if (uri->hosts == NULL)
        return no_memory(error);
    for (size_t at = part.from; uri->host_count < most;) {
        size_t comma = find(part.text, at, part.to, ",");
        struct dr_uri_host *host = &uri->hosts[uri->host_count++];
        if (!read_host((struct part){part.text, at, comma}, host, error))
            return false;
        at = comma + 1;
    }
    return true;
}

static bool read_params(struct part part, struct dr_uri *uri, struct dr_error *error)
{
    if (part.from == part.to)
        return true;
    size_t most = 1;
    for (size_t at = part.from; at < part.to; at++)
        most += part.text[at] == '&';
    if (most > DR_URI_PARAMS_MAX)
        return fail(error, part.from, "more than 64 parameters");
    uri->params = calloc(most, sizeof *uri->params);
    if (uri->params == NULL)
        return no_memory(error);
    for (size_t at = part.from; uri->param_count < most;) {
        size_t end = find(part.text, at, part.to, "&");
        size_t equals = find(part.text, at, end, "=");
        struct dr_uri_param *param = &uri->params[uri->param_count++];
        if (equals == at)
            return fail(error, at, "a parameter without a name");
        param->key = decode((struct part){part.text, at, equals}, error);
        size_t value = equals < end ? equals + 1 : end;
        if (param->key != NULL)
            param->value = decode((struct part){part.text, value, end}, error);
        if (param->value == NULL)
            return false;
        at = end + 1;
    }
    return true;
}

/* What would be read wrongly further down without anyone noticing. */
static bool check_whole(const char *text, size_t authority, size_t path, struct dr_error *error)
{
    size_t end = strlen(text), hash = find(text, 0, end, "#");
    if (hash < end)
        return fail(error, hash, "a \"#\" must be written %23");
    for (size_t at = 0; at < end; at++) {
        if (is_control(text[at]))
            return fail(error, at, "a control character");
    }
    size_t mark = find(text, path, end, "@");
    if (mark < end && path > authority)
        return fail(
            error, mark,
            "an \"@\" behind the host: a \"/\" or \"?\" in a password must be written %2F or "
            "%3F, and an \"@\" in a path %40");
    return true;
}

static bool parse(const char *text, struct dr_uri *uri, struct dr_error *error)
{
    size_t authority = 0, end = strlen(text);
    if (!read_scheme(text, uri, &authority, error))
        return false;
    size_t path = find(text, authority, end, "/?");
    size_t hosts = path;
    while (hosts > authority && text[hosts - 1] != '@')
        hosts--;
    bool has_userinfo = hosts > authority;
    if (!check_whole(text, authority, path, error))
        return false;
    if (has_userinfo && !read_userinfo((struct part){text, authority, hosts - 1}, uri, error))
        return false;
    if (!read_hosts((struct part){text, hosts, path}, uri, error))
        return false;
    size_t query = find(text, path, end, "?");
    uri->raw = strdup(text + path);
    if (uri->raw == NULL)
        return no_memory(error);
    uri->path = decode((struct part){text, path, query}, error);
    return uri->path != NULL &&
           (query == end || read_params((struct part){text, query + 1, end}, uri, error));
}

bool dr_uri_parse(const char *text, struct dr_uri *uri, struct dr_error *error)
{
    struct dr_uri result = {0};
    if (!parse(text, &result, error)) {
        dr_uri_free(&result);
        return false;
    }
    *uri = result;
    return true;
}

void dr_uri_free(struct dr_uri *uri)
{
    free(uri->scheme);
    free(uri->user);
    free_text(uri->password);
    for (size_t i = 0; i < uri->host_count; i++)
        free(uri->hosts[i].name);
    free(uri->hosts);
    free(uri->path);
    free_text(uri->raw);
    for (size_t i = 0; i < uri->param_count; i++) {
        free(uri->params[i].key);
        free_text(uri->params[i].value);
    }
    free(uri->params);
    *uri = (struct dr_uri){0};
}

static struct dr_uri_param *find_param(const struct dr_uri *uri, const char *key)
{
    for (size_t i = 0; i < uri->param_count; i++) {
        if (strcmp(uri->params[i].key, key) == 0)
            return &uri->params[i];
    }
    return NULL;
}

const char *dr_uri_param(const struct dr_uri *uri, const char *key)
{
    const struct dr_uri_param *param = find_param(uri, key);
    return param != NULL ? param->value : NULL;
}

char *dr_uri_take_param(struct dr_uri *uri, const char *key)
{
    struct dr_uri_param *param = find_param(uri, key);
    if (param == NULL)
        return NULL;
    char *value = param->value;
    free(param->key);
    uri->param_count--;
    size_t behind = uri->param_count - (size_t)(param - uri->params);
    memmove(param, param + 1, behind * sizeof *param);
    return value;
}

static bool is_one_of(const char *const *known, const char *key)
{
    while (*known != NULL && strcmp(*known, key) != 0)
        known++;
    return *known != NULL;
}

bool dr_uri_has_only(const struct dr_uri *uri, const char *const *known, struct dr_error *error)
{
    for (size_t i = 0; i < uri->param_count; i++) {
        if (!is_one_of(known, uri->params[i].key))
            return dr_error_set(error, DR_ERR_USAGE, "the URI has no parameter \"%.60s\"",
                                uri->params[i].key);
    }
    return true;
}

bool dr_uri_add_param(struct dr_uri *uri, const char *key, const char *value)
{
    if (uri->param_count == DR_URI_PARAMS_MAX)
        return false;
    struct dr_uri_param *params =
        realloc(uri->params, (uri->param_count + 1) * sizeof *uri->params);
    if (params == NULL)
        return false;
    uri->params = params;
    struct dr_uri_param param = {.key = strdup(key), .value = strdup(value)};
    if (param.key == NULL || param.value == NULL) {
        free(param.key);
        free_text(param.value);
        return false;
    }
    params[uri->param_count++] = param;
    return true;
}

static bool copy_text(const char *from, char **to)
{
    *to = from != NULL ? strdup(from) : NULL;
    return from == NULL || *to != NULL;
}

static bool copy_hosts(const struct dr_uri *uri, struct dr_uri *copy)
{
    copy->hosts = calloc(uri->host_count + 1, sizeof *copy->hosts);
    if (copy->hosts == NULL)
        return false;
    for (size_t i = 0; i < uri->host_count; i++) {
        copy->hosts[i].port = uri->hosts[i].port;
        if (!copy_text(uri->hosts[i].name, &copy->hosts[i].name))
            return false;
        copy->host_count++;
    }
    return true;
}

bool dr_uri_copy(const struct dr_uri *uri, struct dr_uri *copy)
{
    *copy = (struct dr_uri){0};
    bool ok = copy_text(uri->scheme, &copy->scheme) && copy_text(uri->user, &copy->user) &&
              copy_text(uri->password, &copy->password) && copy_text(uri->path, &copy->path) &&
              copy_text(uri->raw, &copy->raw) && copy_hosts(uri, copy);
    for (size_t i = 0; ok && i < uri->param_count; i++)
        ok = dr_uri_add_param(copy, uri->params[i].key, uri->params[i].value);
    if (!ok)
        dr_uri_free(copy);
    return ok;
}

/* Of the words below. */
#define FLAG_WORDS_ON 5

bool dr_uri_flag(const struct dr_uri *uri, const char *key, bool *on, struct dr_error *error)
{
    static const char *const words[] = {"", "1", "true", "yes", "on", "0", "false", "no", "off"};
    const char *value = dr_uri_param(uri, key);
    *on = false;
    for (size_t i = 0; value != NULL && i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(value, words[i]) == 0) {
            *on = i < FLAG_WORDS_ON;
            return true;
        }
    }
    return value == NULL ||
           dr_error_set(error, DR_ERR_USAGE, "%s=%.20s: true or false is wanted", key, value);
}
