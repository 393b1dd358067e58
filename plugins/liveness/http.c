/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The instances behind a name: http://, https:// and http+unix://. Each address of the name is an
 * instance, or each --instance, and is asked for the same URL. */
#include "common/module.h"
#include "plugins/liveness/look.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The instances of one target. */
struct instances {
    struct liv_facts *facts;
    int port; /* the URL's */
    size_t count;
    struct liv_place_to_look places[LIV_LOOK_MAX];
    char hosts[LIV_LOOK_MAX][LIV_ADDRESS_SIZE];
};

static bool has(const struct instances *instances, const char *host, int port)
{
    for (size_t i = 0; i < instances->count; i++) {
        if (instances->places[i].port == port && strcmp(instances->hosts[i], host) == 0)
            return true;
    }
    return false;
}

static bool add(struct instances *instances, const char *host, int port, struct dr_error *error)
{
    char name[LIV_ADDRESS_SIZE + 16];
    bool six = strchr(host, ':') != NULL;
    if (has(instances, host, port))
        return true;
    if (instances->count == LIV_LOOK_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "more than %d instances", LIV_LOOK_MAX);
    char *kept = instances->hosts[instances->count];
    snprintf(kept, LIV_ADDRESS_SIZE, "%s", host);
    snprintf(name, sizeof name, "%s%s%s:%d", six ? "[" : "", host, six ? "]" : "", port);
    instances->places[instances->count++] = (struct liv_place_to_look){
        .host = kept, .port = port, .unit = instances->facts->unit_count};
    struct liv_unit *unit = liv_facts_add(instances->facts, LIV_INSTANCE, name, NULL);
    liv_facts_place(instances->facts, unit, host, 1);
    return true;
}

static bool add_given(const struct dr_text_list *given, struct instances *instances,
                      struct dr_error *error)
{
    for (size_t i = 0; i < given->count; i++) {
        char address[LIV_ADDRESS_SIZE];
        int port;
        if (!liv_instance_read(given->items[i], address, &port, error))
            return dr_error_prefix(error, "--instance");
        if (!add(instances, address, port != 0 ? port : instances->port, error))
            return false;
    }
    return true;
}

/* ---- the addresses of a name ---- */

/* Whether packets to it would leave this host at all; nothing is sent. */
static bool has_route(const struct addrinfo *address)
{
    int one = socket(address->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (one < 0)
        return errno != EAFNOSUPPORT;
    bool ok = connect(one, address->ai_addr, address->ai_addrlen) == 0 ||
              (errno != ENETUNREACH && errno != EADDRNOTAVAIL);
    close(one);
    return ok;
}

/* Adds those that can be reached from here, or those that cannot. */
static bool add_addresses(struct dr_task *task, const struct addrinfo *found, bool reachable,
                          struct instances *instances, struct dr_error *error)
{
    for (const struct addrinfo *one = found; one != NULL; one = one->ai_next) {
        char host[LIV_ADDRESS_SIZE];
        if (getnameinfo(one->ai_addr, one->ai_addrlen, host, sizeof host, NULL, 0,
                        NI_NUMERICHOST) != 0)
            continue;
        bool here = has_route(one);
        if (reachable && !here)
            dr_task_trace(task, 1, "%s: this host has no route to it", host);
        if (here == reachable && !add(instances, host, instances->port, error))
            return false;
    }
    return true;
}

/* A host without IPv6 must not call every instance dead that has such an address as well; but where
 * no address can be reached, each is asked, and says so. */
static bool add_resolved(struct dr_task *task, const struct dr_uri_host *host,
                         struct instances *instances, struct dr_error *error)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    dr_task_stage(task, "resolve the name");
    double started = dr_monotonic();
    int failed = getaddrinfo(host->name, NULL, &hints, &found);
    if (failed != 0)
        return dr_error_set(error, DR_ERR_RESOLVE, "%s has no address: %s", host->name,
                            gai_strerror(failed));
    double took = dr_monotonic() - started;
    bool ok = add_addresses(task, found, true, instances, error);
    if (ok && instances->count == 0)
        ok = add_addresses(task, found, false, instances, error);
    freeaddrinfo(found);
    for (size_t i = 0; i < instances->facts->unit_count; i++)
        liv_unit_figure(&instances->facts->units[i], LIV_RESOLVE, took);
    return ok && (instances->count > 0 ||
                  dr_error_set(error, DR_ERR_RESOLVE, "%s has no address", host->name));
}

/* ---- the target ---- */

static void add_socket(const struct dr_web_access *access, struct instances *instances)
{
    struct liv_facts *facts = instances->facts;
    instances->places[instances->count++] = (struct liv_place_to_look){.unit = facts->unit_count};
    liv_facts_add(facts, LIV_INSTANCE, access->socket, NULL);
}

static bool find_instances(struct dr_task *task, const struct dr_web_access *access,
                           struct instances *instances, struct dr_error *error)
{
    const struct dr_target *target = dr_task_target(task);
    const struct liv_request *asked = dr_task_request(task);
    if (access->socket != NULL) {
        add_socket(access, instances);
        return true;
    }
    const struct dr_uri_host *host = &target->uri.hosts[target->host];
    bool tls = strcmp(target->uri.scheme, "https") == 0;
    instances->port = host->port != 0 ? host->port : tls ? 443 : 80;
    return asked->instances.count > 0 ? add_given(&asked->instances, instances, error)
                                      : add_resolved(task, host, instances, error);
}

static bool ask(struct dr_task *task, struct liv_facts *facts, struct dr_web_access *access,
                struct dr_error *error)
{
    struct instances *instances = calloc(1, sizeof *instances);
    if (instances == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    instances->facts = facts;
    bool ok = find_instances(task, access, instances, error) &&
              liv_look(task, facts, access, instances->places, instances->count, error);
    free(instances);
    return ok;
}

static bool probe_target(struct dr_task *task, void *pointer, struct dr_error *error)
{
    struct liv_facts *facts = pointer;
    struct dr_web_access access;
    facts->product = LIV_HTTP;
    facts->complete = true;
    bool ok = liv_access_read(task, false, &access, error) && ask(task, facts, &access, error);
    dr_web_access_free(&access);
    if (ok && facts->what == NULL)
        liv_facts_text(facts, &facts->what, "HTTP");
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(liveness, http);
const struct dr_source DR_SOURCE_SYMBOL(liveness, http) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "http",
    .facts_size = sizeof(struct liv_facts),
    .library = dr_http_library,
    .probe = probe_target,
};
