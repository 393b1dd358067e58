/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for dns://HOST[:PORT] and dns+tcp://HOST[:PORT]: a resolver over UDP, or over TCP
 * alone.
 *
 * Of a host that has several addresses the first that answers is taken, as every client does: each
 * is waited for as long as a single one would be. */
#include "common/module.h"
#include "plugins/dns/samples.h"

#include <netdb.h>
#include <string.h>

#define ADDRESSES_MAX 8
#define DEFAULT_PORT 53

struct plan {
    struct dns_address addresses[ADDRESSES_MAX];
    size_t count;
    int port;
    bool tcp_only;
};

/* ---- whom to ask ---- */

static bool read_plan(const struct dr_target *target, struct plan *plan, struct dr_error *error)
{
    static const char *const none[] = {NULL};
    const struct dr_uri *uri = &target->uri;
    if (target->host >= uri->host_count)
        return dr_error_set(error, DR_ERR_USAGE, "no host in the URI");
    if (uri->user != NULL)
        return dr_error_set(error, DR_ERR_USAGE, "a user means nothing here");
    if (uri->path[0] != '\0' && strcmp(uri->path, "/") != 0)
        return dr_error_set(error, DR_ERR_USAGE, "a path means nothing here");
    plan->port = uri->hosts[target->host].port > 0 ? uri->hosts[target->host].port : DEFAULT_PORT;
    plan->tcp_only = strcmp(uri->scheme, "dns+tcp") == 0;
    return dr_uri_has_only(uri, none, error);
}

static void add_address(struct plan *plan, const struct sockaddr *from)
{
    struct dns_address address = {.family = from->sa_family == AF_INET ? 4 : 6};
    if (address.family == 4)
        memcpy(address.bytes, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    else
        memcpy(address.bytes, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    if (plan->count < ADDRESSES_MAX)
        plan->addresses[plan->count++] = address;
}

static bool find_addresses(struct dr_task *task, const char *host, struct plan *plan,
                           struct dr_error *error)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *list = NULL;
    if (dns_address_read(host, &plan->addresses[0])) {
        plan->count = 1;
        return true;
    }
    if (strchr(host, '%') != NULL)
        return dr_error_set(error, DR_ERR_USAGE,
                            "\"%s\": an address with a zone is not possible here", host);
    dr_task_stage(task, "resolve the name");
    int failed = getaddrinfo(host, NULL, &hints, &list);
    if (failed != 0)
        return dr_error_set(error, DR_ERR_RESOLVE, "cannot resolve \"%s\": %s", host,
                            gai_strerror(failed));
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
            add_address(plan, a->ai_addr);
    }
    freeaddrinfo(list);
    return plan->count > 0 || dr_error_set(error, DR_ERR_RESOLVE, "\"%s\" has no address", host);
}

/* ---- asking ---- */

static struct dns_exchange *new_exchange(struct dr_task *task, const struct dns_request *request)
{
    const struct dns_exchange_rules rules = {
        .wait = request->wait,
        .tries = request->tries,
        .source4 = request->source4.family != 0 ? &request->source4 : NULL,
        .source6 = request->source6.family != 0 ? &request->source6 : NULL};
    return dns_exchange_new(task, &rules);
}

static bool ask_first(struct dns_exchange *exchange, const struct plan *plan, size_t address,
                      const struct dns_request *request)
{
    for (size_t i = 0; i < dns_samples_count(request); i++) {
        struct dns_question question = dns_samples_question(request, i);
        question.server = plan->addresses[address];
        question.port = plan->port;
        question.tcp_only = plan->tcp_only;
        if (!dns_exchange_ask(exchange, &question))
            return false;
    }
    return true;
}

/* False when out of memory. *answered: somebody is there. */
static bool ask_address(struct dns_exchange *exchange, const struct plan *plan, size_t address,
                        struct dns_samples *samples, bool *answered)
{
    struct dns_question again;
    bool ok = ask_first(exchange, plan, address, samples->request);
    const struct dns_question *question = ok ? dns_exchange_next(exchange) : NULL;
    for (; question != NULL; question = ok ? dns_exchange_next(exchange) : NULL) {
        *answered |= question->delivery == DNS_DELIVERED;
        if (dns_samples_take(samples, question, &again))
            ok = dns_exchange_ask(exchange, &again);
    }
    return ok;
}

static bool ask_all(struct dr_task *task, const struct plan *plan, struct dns_samples *samples,
                    struct dr_error *error)
{
    bool answered = false, ok = true;
    dr_task_stage(task, "ask the resolver");
    for (size_t i = 0; i < plan->count && ok && !answered; i++) {
        /* what an address has come to is not replaced by the lack of time for the next */
        if (i > 0 && dr_task_left(task) <= 0)
            break;
        struct dns_exchange *exchange = new_exchange(task, samples->request);
        ok = exchange != NULL && ask_address(exchange, plan, i, samples, &answered);
        dns_exchange_free(exchange);
    }
    return ok || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    const struct dr_target *target = dr_task_target(task);
    struct plan plan = {.count = 0};
    struct dns_samples samples;
    return read_plan(target, &plan, error) &&
           find_addresses(task, target->uri.hosts[target->host].name, &plan, error) &&
           dns_samples_begin(&samples, facts, target->label, dr_task_request(task), error) &&
           ask_all(task, &plan, &samples, error);
}

static const char *library(void)
{
    return "no library";
}

extern const struct dr_source DR_SOURCE_SYMBOL(dns, resolver);
const struct dr_source DR_SOURCE_SYMBOL(dns, resolver) = {.abi = DR_SOURCE_ABI,
                                                          .group = "dns",
                                                          .name = "resolver",
                                                          .facts_size = sizeof(struct dns_facts),
                                                          .library = library,
                                                          .probe = probe};
