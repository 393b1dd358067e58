/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/given.h"

#include "common/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 512

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

bool dns_givens_append(struct dns_givens *givens, const struct dns_given *given)
{
    struct dns_given *more = realloc(givens->items, (givens->count + 1) * sizeof *more);
    if (more == NULL)
        return false;
    givens->items = more;
    struct dns_given *copy = &more[givens->count++];
    *copy = *given;
    copy->label = strdup(given->label);
    copy->server = given->server != NULL ? strdup(given->server) : NULL;
    if (copy->label != NULL && (given->server == NULL || copy->server != NULL))
        return true;
    free(copy->label);
    free(copy->server);
    givens->count--;
    return false;
}

static bool is_new(const struct dns_givens *givens, const struct dns_address *address, int port,
                   const char *option, struct dr_error *error)
{
    for (size_t i = 0; i < givens->count; i++) {
        if (dns_address_equal(&givens->items[i].address, address) && givens->items[i].port == port)
            return dr_error_set(error, DR_ERR_USAGE, "%s: %s is given twice", option,
                                givens->items[i].label);
    }
    return givens->count < DNS_GIVEN_MAX ||
           dr_error_set(error, DR_ERR_USAGE, "%s: more than %d", option, DNS_GIVEN_MAX);
}

/* "LABEL=REST": *rest behind it; the label's bytes, 0 where there is none. */
static size_t label_of(const char *argument, const char **rest)
{
    const char *equals = strchr(argument, '=');
    const char *scheme = strstr(argument, "://");
    *rest = argument;
    if (equals == NULL || (scheme != NULL && scheme < equals))
        return 0;
    *rest = equals + 1;
    return (size_t)(equals - argument);
}

static bool add_one(struct dns_givens *givens, const char *argument, const char *option, int port,
                    struct dr_error *error)
{
    const char *rest;
    size_t length = label_of(argument, &rest);
    struct dns_address address;
    int own_port = 0;
    if (rest != argument && (length == 0 || length > 60))
        return dr_error_set(error, DR_ERR_USAGE, "%s: \"%s\": no name before the \"=\"", option,
                            argument);
    if (!dns_address_read_port(rest, &address, &own_port, error))
        return dr_error_prefix(error, "%s", option);
    if (own_port == 0)
        own_port = port;
    if (!is_new(givens, &address, own_port, option, error))
        return false;
    struct dns_given given = {.label = length > 0 ? strndup(argument, length) : strdup(rest),
                              .address = address,
                              .port = own_port};
    bool added = given.label != NULL && dns_givens_append(givens, &given);
    free(given.label);
    return added || no_memory(error);
}

bool dns_givens_add(struct dns_givens *givens, const struct dr_text_list *list, const char *option,
                    int port, struct dr_error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!add_one(givens, list->items[i], option, port, error))
            return false;
    }
    return true;
}

static bool add_system_line(struct dns_givens *givens, char *line)
{
    static const char word[] = "nameserver";
    struct dns_given given = {.port = DNS_PORT};
    char *value = line + strlen(word);
    if (strncmp(line, word, strlen(word)) != 0 || (*value != ' ' && *value != '\t'))
        return true;
    value += strspn(value, " \t");
    value[strcspn(value, " \t\r\n#;")] = '\0';
    /* An address with a zone ("fe80::1%eth0") is passed over: nobody here can use it. */
    if (!dns_address_read(value, &given.address) || givens->count >= DNS_GIVEN_MAX)
        return true;
    given.label = value;
    return dns_givens_append(givens, &given);
}

bool dns_givens_add_system(struct dns_givens *givens, const char *path)
{
    FILE *file = fopen(path, "re");
    char line[LINE_MAX_BYTES];
    bool good = true;
    if (file == NULL)
        return true;
    while (good && fgets(line, sizeof line, file) != NULL)
        good = add_system_line(givens, line);
    fclose(file);
    return good;
}

/* A bare IPv6 address needs its brackets in a URI. */
static char *uri_of(const char *argument, size_t label, const char *rest)
{
    struct dns_address address;
    bool bare = dns_address_read(rest, &address) && address.family == 6;
    if (strstr(rest, "://") != NULL)
        return strdup(argument);
    return dr_text_format("%.*s%sdns://%s%s%s", (int)label, argument, rest != argument ? "=" : "",
                          bare ? "[" : "", rest, bare ? "]" : "");
}

bool dns_resolver_add(struct dr_targets *targets, const struct dr_scheme *schemes,
                      size_t scheme_count, const char *argument, struct dr_error *error)
{
    const char *rest;
    size_t label = label_of(argument, &rest);
    if (strncmp(rest, "zone", strlen("zone")) == 0 && strstr(rest, "://") != NULL)
        return dr_error_set(error, DR_ERR_USAGE,
                            "\"%s\" is no resolver: dns://, dns+tcp://, tls:// and https:// are",
                            rest);
    char *uri = uri_of(argument, label, rest);
    if (uri == NULL)
        return no_memory(error);
    bool added = dr_targets_add(targets, schemes, scheme_count, uri, error);
    free(uri);
    return added;
}

void dns_givens_free(struct dns_givens *givens)
{
    for (size_t i = 0; i < givens->count; i++) {
        free(givens->items[i].label);
        free(givens->items[i].server);
    }
    free(givens->items);
    *givens = (struct dns_givens){NULL, 0};
}
