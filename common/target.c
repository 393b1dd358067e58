/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/target.h"

#include "common/buffer.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4096
#define LABEL_MAX 200

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static void target_free(struct dr_target *target)
{
    free(target->label);
    free(target->site);
    dr_uri_free(&target->uri);
}

void dr_targets_free(struct dr_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++)
        target_free(&targets->items[i]);
    free(targets->items);
    targets->items = NULL;
    targets->count = 0;
}

static const struct dr_scheme *find_scheme(const struct dr_scheme *schemes, size_t count,
                                           const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(schemes[i].scheme, name) == 0)
            return &schemes[i];
    }
    return NULL;
}

static bool unknown_scheme(const struct dr_scheme *schemes, size_t count, const char *name,
                           struct dr_error *error)
{
    struct dr_buffer known = DR_BUFFER(300);
    for (size_t i = 0; i < count; i++)
        dr_buffer_addf(&known, "%s%s", i > 0 ? ", " : "", schemes[i].scheme);
    dr_error_set(error, DR_ERR_USAGE, "unknown scheme \"%.40s\"; the schemes are: %s", name,
                 dr_buffer_text(&known));
    dr_buffer_free(&known);
    return false;
}

/* Blanks over a part of the argument, whose rest stays readable. */
static void wipe_part(char *from, char *to)
{
    char kept = *to;
    *to = '\0';
    dr_wipe_argument(from);
    *to = kept;
}

static bool is_secret(const char *key)
{
    return strstr(key, "password") != NULL || strstr(key, "secret") != NULL ||
           strstr(key, "token") != NULL || strcmp(key, "sig") == 0; /* Azure's SAS */
}

/* In a readable URI an "@" before the path ends the password, and the first ":" of that part begins
 * it. */
static void wipe_userinfo(char *uri)
{
    char *authority = strstr(uri, "://") + 3;
    char *end = authority + strcspn(authority, "/?");
    char *at = end;
    while (at > authority && *at != '@')
        at--;
    char *colon = memchr(authority, ':', (size_t)(at - authority));
    if (colon != NULL)
        wipe_part(colon + 1, at);
}

/* Moves what is secret out of the URI: the password, and a registered copy of each secret
 * parameter. */
static bool take_secrets(struct dr_secrets *secrets, struct dr_uri *uri, const char **password,
                         bool *in_query, struct dr_error *error)
{
    bool good = true;
    *in_query = false;
    *password = NULL;
    if (uri->password != NULL) {
        *password = dr_secrets_add(secrets, uri->password);
        good = *password != NULL;
        dr_wipe(uri->password, strlen(uri->password));
        free(uri->password);
        uri->password = NULL;
    }
    char *param = dr_uri_take_param(uri, "password");
    if (param != NULL) {
        *in_query = true;
        *password = dr_secrets_add(secrets, param);
        good = good && *password != NULL;
        dr_wipe(param, strlen(param));
        free(param);
    }
    for (size_t i = 0; i < uri->param_count; i++) {
        if (is_secret(uri->params[i].key)) {
            *in_query = true;
            good = good && dr_secrets_add(secrets, uri->params[i].value) != NULL;
        }
    }
    return good || no_memory(error);
}

static char *bare_label(const struct dr_uri *uri, size_t host)
{
    const char *service = dr_uri_param(uri, "service");
    if (uri->host_count > 0)
        return dr_text_clean(uri->hosts[host].name, LABEL_MAX);
    if (service != NULL && service[0] != '\0')
        return dr_text_clean(service, LABEL_MAX);
    return dr_text_clean(uri->path[0] != '\0' ? uri->path : uri->scheme, LABEL_MAX);
}

static bool append(struct dr_targets *targets, const struct dr_target *target,
                   struct dr_error *error)
{
    if (targets->count >= DR_TARGETS_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "more than %d targets", DR_TARGETS_MAX);
    struct dr_target *items =
        realloc(targets->items, (targets->count + 1) * sizeof *targets->items);
    if (items == NULL)
        return no_memory(error);
    targets->items = items;
    items[targets->count++] = *target;
    return true;
}

struct request {
    const struct dr_scheme *schemes;
    size_t scheme_count;
    const char *name; /* NULL when none was given */
    size_t name_length;
};

/* Adds one target of the URI and says how many it stands for. */
static bool add_one(struct dr_targets *targets, const struct request *request, const char *text,
                    size_t host, size_t *count, bool *in_query, struct dr_error *error)
{
    struct dr_target target = {.host = host, .named = request->name != NULL};
    if (!dr_uri_parse(text, &target.uri, error))
        return false;
    target.scheme = find_scheme(request->schemes, request->scheme_count, target.uri.scheme);
    *count = target.scheme != NULL && target.scheme->each_host && target.uri.host_count > 1
                 ? target.uri.host_count
                 : 1;
    bool good = take_secrets(targets->secrets, &target.uri, &target.password, in_query, error);
    if (good && target.scheme == NULL)
        good = unknown_scheme(request->schemes, request->scheme_count, target.uri.scheme, error);
    if (good && target.named && *count > 1)
        good = dr_error_set(error, DR_ERR_USAGE,
                            "a name stands for one host: give each host a target of its own");
    if (good) {
        target.label = target.named ? strndup(request->name, request->name_length)
                                    : bare_label(&target.uri, host);
        good = target.label != NULL || no_memory(error);
    }
    good = good && append(targets, &target, error);
    if (!good)
        target_free(&target);
    return good;
}

static bool add_all(struct dr_targets *targets, const struct request *request, const char *text,
                    bool *in_query, struct dr_error *error)
{
    const size_t before = targets->count;
    size_t count = 1;
    bool good = true;
    for (size_t host = 0; host < count && good; host++)
        good = add_one(targets, request, text, host, &count, in_query, error);
    while (!good && targets->count > before)
        target_free(&targets->items[--targets->count]);
    return good;
}

static bool is_good(const char *what, const char *name, size_t length, struct dr_error *error)
{
    for (size_t i = 0; i < length; i++) {
        if (name[i] < ' ' || name[i] > '~' || strchr("|@/", name[i]) != NULL)
            return dr_error_set(error, DR_ERR_USAGE,
                                "bad %s name, position %zu: only printable ASCII without \"|\", "
                                "\"@\" and \"/\"",
                                what, i + 1);
    }
    if (length == 0 || length > LABEL_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "bad %s name: 1 to %d characters are allowed",
                            what, LABEL_MAX);
    return true;
}

static bool name_is_good(const char *name, size_t length, struct dr_error *error)
{
    return is_good("target", name, length, error);
}

bool dr_site_name_check(const char *name, struct dr_error *error)
{
    size_t length = strlen(name);
    if (!is_good("site", name, length, error))
        return false;
    if (name[0] == '#' || name[0] == ' ' || name[length - 1] == ' ')
        return dr_error_set(error, DR_ERR_USAGE,
                            "bad site name \"%.40s\": one that begins with \"#\" or a blank, or "
                            "ends with a blank, cannot be written into a file",
                            name);
    return true;
}

bool dr_targets_add(struct dr_targets *targets, const struct dr_scheme *schemes,
                    size_t scheme_count, char *argument, struct dr_error *error)
{
    struct request request = {.schemes = schemes, .scheme_count = scheme_count};
    char *uri = argument, *scheme = strstr(argument, "://");
    char *equals = strchr(argument, '=');
    bool in_query = false, good = true;
    if (equals != NULL && (scheme == NULL || equals < scheme)) {
        request.name = argument;
        request.name_length = (size_t)(equals - argument);
        uri = equals + 1;
        good = name_is_good(request.name, request.name_length, error);
    }
    good = good && add_all(targets, &request, uri, &in_query, error);
    if (!good) {
        dr_wipe_argument(argument);
        return false;
    }
    wipe_userinfo(uri);
    if (in_query)
        dr_wipe_argument(strchr(uri, '?') + 1);
    return true;
}

/* Puts the site in front of a label that is final. */
static bool add_site(struct dr_target *target, const char *label, struct dr_error *error)
{
    char *whole = dr_text_format("%s-%s", target->site, label);
    if (whole == NULL)
        return no_memory(error);
    free(target->label);
    target->label = whole;
    return true;
}

/* What the targets from `first` on have of "SITE/NAME"; `name` is NULL for none. */
static bool place(struct dr_targets *targets, size_t first, const char *site, const char *name,
                  struct dr_error *error)
{
    if (name != NULL && targets->count > first + 1)
        return dr_error_set(error, DR_ERR_USAGE,
                            "a name stands for one host: give each host a target of its own");
    for (size_t i = first; i < targets->count; i++) {
        struct dr_target *target = &targets->items[i];
        target->named = name != NULL;
        target->site = strdup(site);
        if (target->site == NULL)
            return no_memory(error);
        if (name != NULL && !add_site(target, name, error))
            return false;
    }
    return true;
}

bool dr_targets_add_site(struct dr_targets *targets, const struct dr_scheme *schemes,
                         size_t scheme_count, char *argument, struct dr_error *error)
{
    const size_t before = targets->count;
    char *scheme = strstr(argument, "://"), *equals = strchr(argument, '=');
    if (equals == NULL || (scheme != NULL && equals > scheme)) {
        dr_wipe_argument(argument);
        return dr_error_set(error, DR_ERR_USAGE, "SITE[/NAME]=URI is wanted");
    }
    char *site = strndup(argument, (size_t)(equals - argument));
    if (site == NULL)
        return no_memory(error);
    char *name = strchr(site, '/');
    if (name != NULL)
        *name++ = '\0';
    bool good = name_is_good(site, strlen(site), error) &&
                (name == NULL || name_is_good(name, strlen(name), error));
    if (!good)
        dr_wipe_argument(argument);
    good = good && dr_targets_add(targets, schemes, scheme_count, equals + 1, error) &&
           place(targets, before, site, name, error);
    while (!good && targets->count > before)
        target_free(&targets->items[--targets->count]);
    free(site);
    return good;
}

/* The same perfdata label, whatever the metric. */
static bool same_in_perfdata(const char *a, const char *b)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        char left = strchr(plain, *a) != NULL ? *a : '_';
        char right = strchr(plain, *b) != NULL ? *b : '_';
        if (left != right)
            return false;
    }
    return *a == *b;
}

/* True when another target has this host, or has its name for a label. */
static bool shares_host(const struct dr_targets *targets, size_t which)
{
    const struct dr_target *target = &targets->items[which];
    const char *name = target->uri.hosts[target->host].name;
    for (size_t i = 0; i < targets->count; i++) {
        const struct dr_target *other = &targets->items[i];
        const char *taken = other->named                ? other->label
                            : other->uri.host_count > 0 ? other->uri.hosts[other->host].name
                                                        : "";
        if (i != which && strcmp(taken, name) == 0)
            return true;
    }
    return false;
}

static bool add_port(struct dr_target *target, struct dr_error *error)
{
    const struct dr_uri_host *host = &target->uri.hosts[target->host];
    bool brackets = strchr(host->name, ':') != NULL;
    char *label = dr_text_format("%s%s%s:%d", brackets ? "[" : "", host->name, brackets ? "]" : "",
                                 host->port);
    if (label == NULL)
        return no_memory(error);
    free(target->label);
    target->label = label;
    return true;
}

bool dr_targets_settle(struct dr_targets *targets, struct dr_error *error)
{
    for (size_t i = 0; i < targets->count; i++) {
        struct dr_target *target = &targets->items[i];
        if (!target->named && target->uri.host_count > 0 &&
            target->uri.hosts[target->host].port != 0 && shares_host(targets, i) &&
            !add_port(target, error))
            return false;
    }
    for (size_t i = 0; i < targets->count; i++) {
        struct dr_target *target = &targets->items[i];
        if (target->site != NULL && !target->named && !add_site(target, target->label, error))
            return false;
    }
    for (size_t i = 0; i < targets->count; i++) {
        for (size_t j = i + 1; j < targets->count; j++) {
            const char *a = targets->items[i].label, *b = targets->items[j].label;
            if (strcmp(a, b) == 0)
                return dr_error_set(error, DR_ERR_USAGE,
                                    "two targets are called \"%.80s\": name them (-T NAME=URI)", a);
            if (same_in_perfdata(a, b))
                return dr_error_set(error, DR_ERR_USAGE,
                                    "the targets \"%.80s\" and \"%.80s\" would be the same in "
                                    "perfdata: name them (-T NAME=URI)",
                                    a, b);
        }
    }
    return true;
}

static void add_encoded(struct dr_buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain)
            dr_buffer_add_char(out, (char)c);
        else
            dr_buffer_addf(out, "%%%02X", c);
    }
}

/* One host of the -H list, with brackets and port where they are missing. */
static void add_host(struct dr_buffer *out, const char *host, size_t length, const char *port)
{
    const char *colon = memchr(host, ':', length);
    bool address = host[0] != '[' && colon != NULL &&
                   memchr(colon + 1, ':', length - (size_t)(colon + 1 - host)) != NULL;
    bool has_port = colon != NULL && !address && !(host[0] == '[' && host[length - 1] == ']');
    if (address)
        dr_buffer_add_char(out, '[');
    dr_buffer_add_bytes(out, host, length);
    if (address)
        dr_buffer_add_char(out, ']');
    if (port != NULL && !has_port)
        dr_buffer_addf(out, ":%s", port);
}

bool dr_targets_add_host(struct dr_targets *targets, const struct dr_scheme *schemes,
                         size_t scheme_count, const char *scheme, const char *hosts,
                         const char *port, const char *user, const char *path,
                         struct dr_error *error)
{
    const struct request request = {.schemes = schemes, .scheme_count = scheme_count};
    struct dr_buffer uri = DR_BUFFER(TEXT_MAX);
    bool in_query = false, good = true;
    /* these would end the host part, and the rest would be taken for a path or a user */
    if (hosts[0] == '\0' || strpbrk(hosts, "/?#@") != NULL ||
        (port != NULL && strpbrk(port, "/?#@,:") != NULL))
        return dr_error_set(error, DR_ERR_USAGE,
                            "bad host or port: host names or addresses and a port number are "
                            "expected; anything else goes into a URI (-T)");
    dr_buffer_addf(&uri, "%s://", scheme);
    if (user != NULL) {
        add_encoded(&uri, user);
        dr_buffer_add_char(&uri, '@');
    }
    for (const char *host = hosts; host != NULL;) {
        size_t length = strcspn(host, ",");
        add_host(&uri, host, length, port);
        if (host[length] == ',')
            dr_buffer_add_char(&uri, ',');
        host = host[length] == ',' ? host + length + 1 : NULL;
    }
    if (path != NULL)
        dr_buffer_add(&uri, path);
    if (uri.cut)
        good = dr_error_set(error, DR_ERR_USAGE, "the host list is too long");
    else
        good = add_all(targets, &request, dr_buffer_text(&uri), &in_query, error);
    dr_buffer_free(&uri);
    return good || dr_error_prefix(error, "host, port and user as one URI");
}
