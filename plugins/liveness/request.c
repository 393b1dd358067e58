/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/request.h"

#include "common/uri.h"
#include "plugins/liveness/condition.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is sent ---- */

static bool check_header(const char *text, struct dr_error *error)
{
    static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "!#$%&'*+-.^_`|~";
    size_t name = strspn(text, token);
    if (name == 0 || text[name] != ':')
        return dr_error_set(error, DR_ERR_USAGE, "a header is \"Name: value\"");
    for (const char *c = text + name; *c != '\0'; c++) {
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return dr_error_set(error, DR_ERR_USAGE, "%.*s: a line break or control character",
                                (int)name, text);
    }
    /* libcurl takes it for "do not send this one" */
    if (text[name + 1 + strspn(text + name + 1, " \t")] == '\0')
        return dr_error_set(error, DR_ERR_USAGE, "%.*s: the value is missing", (int)name, text);
    return true;
}

/* ---- instances ---- */

/* The part in front of the port: "192.0.2.1", "[::1]", "::1". */
static size_t address_length(const char *text)
{
    const char *close = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *colon = strchr(text, ':');
    if (close != NULL)
        return (size_t)(close - text) + 1;
    /* with a second one it is an address of IPv6, without a port */
    return colon == NULL || strchr(colon + 1, ':') != NULL ? strlen(text) : (size_t)(colon - text);
}

/* 0 where it is none. */
static int read_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    long port = digits > 0 && digits < 6 && text[digits] == '\0' ? strtol(text, NULL, 10) : 0;
    return port <= 65535 ? (int)port : 0;
}

/* Writes it as everybody else does: one address can be written in several ways. Its zone stays. */
static bool settle_address(char address[LIV_ADDRESS_SIZE], bool six)
{
    char plain[LIV_ADDRESS_SIZE], zone[LIV_ADDRESS_SIZE] = "";
    unsigned char bytes[16];
    int family = six ? AF_INET6 : AF_INET;
    size_t length = strcspn(address, "%");
    snprintf(plain, sizeof plain, "%.*s", (int)length, address);
    snprintf(zone, sizeof zone, "%s", address + length);
    if (inet_pton(family, plain, bytes) != 1 ||
        inet_ntop(family, bytes, plain, sizeof plain) == NULL)
        return false;
    length = strlen(plain);
    if (length + strlen(zone) >= LIV_ADDRESS_SIZE)
        return false;
    memcpy(address, plain, length);
    memcpy(address + length, zone, strlen(zone) + 1);
    return true;
}

bool liv_instance_read(const char *text, char address[LIV_ADDRESS_SIZE], int *port,
                       struct dr_error *error)
{
    size_t length = address_length(text);
    bool brackets = text[0] == '[' && text[length - 1] == ']';
    size_t from = brackets ? 1 : 0, size = brackets ? length - 2 : length;
    address[0] = '\0';
    *port = text[length] == ':' ? read_port(text + length + 1) : 0;
    if (size < LIV_ADDRESS_SIZE) {
        memcpy(address, text + from, size);
        address[size] = '\0';
    }
    bool six = brackets || strchr(address, ':') != NULL;
    bool good = settle_address(address, six) && (text[length] == '\0' || *port != 0);
    if (good && (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0))
        return dr_error_set(error, DR_ERR_USAGE, "%s is no address of an instance", address);
    if (good)
        return true;
    return dr_error_set(error, DR_ERR_USAGE,
                        "\"%.100s\" is no ADDRESS[:PORT]: 192.0.2.11, 192.0.2.11:8443 or "
                        "[2001:db8::11]:8443",
                        text);
}

/* ---- all of it ---- */

static bool check_conditions(const struct dr_text_list *texts, const char *option,
                             struct dr_error *error)
{
    struct liv_conditions *conditions = liv_conditions_new(texts, error);
    bool ok = conditions != NULL;
    liv_conditions_free(conditions);
    return ok || dr_error_prefix(error, "%s", option);
}

/* Each is said by the option that it came from. */
static bool check_health(const struct dr_text_list *texts, struct dr_error *error)
{
    for (size_t i = 0; i < texts->count; i++) {
        const struct dr_text_list one = {.items = &texts->items[i], .count = 1};
        const char *option = texts->items[i][0] == 'h'   ? "--header"
                             : texts->items[i][0] == 'b' ? "--body"
                                                         : "--json";
        if (!check_conditions(&one, option, error))
            return false;
    }
    return true;
}

static bool check_direct(const char *text, struct dr_error *error)
{
    struct dr_uri uri;
    if (!dr_uri_parse(text, &uri, error))
        return dr_error_prefix(error, "--direct");
    bool http = strcmp(uri.scheme, "http") == 0 || strcmp(uri.scheme, "https") == 0;
    bool ok = http && uri.user == NULL && uri.host_count == 1;
    dr_uri_free(&uri);
    return ok || dr_error_set(error, DR_ERR_USAGE,
                              "--direct: http://HOST/PATH or https://HOST/PATH is wanted, without "
                              "a user");
}

static bool check_instance(const char *text, struct dr_error *error)
{
    char address[LIV_ADDRESS_SIZE];
    int port;
    return liv_instance_read(text, address, &port, error);
}

static bool check_each(const struct dr_text_list *texts, const char *option,
                       bool (*check)(const char *text, struct dr_error *error),
                       struct dr_error *error)
{
    for (size_t i = 0; i < texts->count; i++) {
        if (!check(texts->items[i], error))
            return dr_error_prefix(error, "%s", option);
    }
    return true;
}

bool liv_request_check(const struct liv_request *request, struct dr_error *error)
{
    if (request->status != NULL && !liv_statuses_check(request->status, error))
        return dr_error_prefix(error, "--status");
    if (request->direct != NULL && !check_direct(request->direct, error))
        return false;
    return check_health(&request->health, error) &&
           check_conditions(&request->active, "--active", error) &&
           check_conditions(&request->passive, "--passive", error) &&
           check_conditions(&request->ready, "--ready", error) &&
           check_each(&request->same, "--same", liv_value_check, error) &&
           check_each(&request->headers, "--send-header", check_header, error) &&
           check_each(&request->instances, "--instance", check_instance, error);
}
