/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for tcp://host:port?send=TEXT&greeting=REGEX: every address of the name is connected
 * to, all at once, is told `send`, and must say what `greeting` matches.
 *
 * A connection that is accepted proves that somebody listens, and nothing more: a kernel accepts in
 * the place of a process that is frozen. */
#include "common/module.h"
#include "common/pattern.h"
#include "plugins/liveness/facts.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESSES_MAX 64
#define SAID_MAX ((size_t)64 * 1024)
/* Who has spoken and then says nothing for so long, in seconds, has said all. */
#define QUIET 1.0

enum step { STEP_CONNECT = 0, STEP_SEND, STEP_READ, STEP_DONE };

/* One address, and how far the talk with it is. */
struct talk {
    char host[INET6_ADDRSTRLEN + 20]; /* "192.0.2.1" */
    char name[80];                    /* "192.0.2.1:22" */
    int fd;                           /* -1: none */
    enum step step;
    size_t sent;
    struct dr_buffer said;
    double started; /* monotonic */
    double connected;
    double heard; /* last */
    double ended;
    bool unreachable; /* this host has no network for such addresses */
    enum liv_sign_kind sign;
    char text[300];
};

struct plan {
    char *send; /* NULL */
    size_t send_size;
    struct dr_pattern *greeting; /* NULL */
    char *port;
};

/* ---- what to do ---- */

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    return c != '\0' && at != NULL ? (int)(at - digits) : -1;
}

/* One escape, behind its backslash: how many characters it takes; 0: none that is known. */
static size_t read_escape(const char *text, char *byte)
{
    static const char names[] = "rnt\\";
    static const char bytes[] = "\r\n\t\\";
    const char *at = text[0] != '\0' ? strchr(names, text[0]) : NULL;
    if (at != NULL) {
        *byte = bytes[at - names];
        return 1;
    }
    if (text[0] != 'x' || hex_digit(text[1]) < 0 || hex_digit(text[2]) < 0)
        return 0;
    *byte = (char)(unsigned char)(hex_digit(text[1]) * 16 + hex_digit(text[2]));
    return 3;
}

static bool read_send(const char *text, struct plan *plan, struct dr_error *error)
{
    plan->send = malloc(strlen(text) + 1);
    if (plan->send == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '\\') {
            plan->send[plan->send_size++] = *c;
            continue;
        }
        size_t taken = read_escape(c + 1, &plan->send[plan->send_size]);
        if (taken == 0)
            return dr_error_set(error, DR_ERR_USAGE,
                                "send: position %zu: after \"\\\" comes r, n, t, \\ or xHH",
                                (size_t)(c - text) + 1);
        plan->send_size++;
        c += taken;
    }
    return true;
}

static bool read_plan(const struct dr_target *target, struct plan *plan, struct dr_error *error)
{
    static const char *const known[] = {"send", "greeting", NULL};
    const char *send = dr_uri_param(&target->uri, "send");
    const char *greeting = dr_uri_param(&target->uri, "greeting");
    if (!dr_uri_has_only(&target->uri, known, error))
        return false;
    if (target->uri.host_count == 0 || target->uri.hosts[target->host].port == 0)
        return dr_error_set(error, DR_ERR_USAGE, "host and port are wanted: tcp://HOST:PORT");
    if (target->uri.path[0] != '\0' && strcmp(target->uri.path, "/") != 0)
        return dr_error_set(error, DR_ERR_USAGE, "a path means nothing here");
    if (target->uri.user != NULL)
        return dr_error_set(error, DR_ERR_USAGE, "a user means nothing here");
    if (send != NULL && greeting == NULL)
        return dr_error_set(error, DR_ERR_USAGE,
                            "send= without greeting=: say what should come back");
    plan->port = dr_text_format("%d", target->uri.hosts[target->host].port);
    if (plan->port == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    if (send != NULL && !read_send(send, plan, error))
        return false;
    plan->greeting = greeting != NULL ? dr_pattern_new(greeting, error) : NULL;
    return greeting == NULL || plan->greeting != NULL || dr_error_prefix(error, "greeting");
}

static void free_plan(struct plan *plan)
{
    dr_pattern_free(plan->greeting);
    free(plan->send);
    free(plan->port);
}

/* ---- one talk ---- */

__attribute__((format(printf, 3, 4))) static void end(struct talk *talk, enum liv_sign_kind sign,
                                                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(talk->text, sizeof talk->text, format, args);
    va_end(args);
    talk->sign = sign;
    talk->step = STEP_DONE;
    talk->ended = dr_monotonic();
    if (talk->fd >= 0)
        close(talk->fd);
    talk->fd = -1;
}

static void fail(struct talk *talk, int failure)
{
    talk->unreachable =
        failure == ENETUNREACH || failure == EADDRNOTAVAIL || failure == EAFNOSUPPORT;
    end(talk, failure == ETIMEDOUT ? LIV_SILENT : LIV_REFUSED, "%s", strerror(failure));
}

static void has_connected(struct talk *talk, const struct plan *plan)
{
    talk->connected = dr_monotonic();
    talk->heard = talk->connected;
    if (plan->greeting == NULL)
        end(talk, LIV_ANSWERED, "accepts connections; nothing was said");
    else
        talk->step = plan->send_size > 0 ? STEP_SEND : STEP_READ;
}

static void start(struct talk *talk, const struct addrinfo *address, const struct plan *plan)
{
    bool v6 = address->ai_family == AF_INET6;
    talk->said = DR_BUFFER(SAID_MAX);
    talk->started = dr_monotonic();
    if (getnameinfo(address->ai_addr, address->ai_addrlen, talk->host, sizeof talk->host, NULL, 0,
                    NI_NUMERICHOST) != 0)
        talk->host[0] = '\0';
    snprintf(talk->name, sizeof talk->name, v6 ? "[%s]:%s" : "%s:%s", talk->host, plan->port);
    talk->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (talk->fd < 0)
        fail(talk, errno);
    else if (connect(talk->fd, address->ai_addr, address->ai_addrlen) == 0)
        has_connected(talk, plan);
    else if (errno != EINPROGRESS)
        fail(talk, errno);
}

static void go_on_connecting(struct talk *talk, const struct plan *plan)
{
    int failure = 0;
    socklen_t size = sizeof failure;
    getsockopt(talk->fd, SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure != 0)
        fail(talk, failure);
    else
        has_connected(talk, plan);
}

static bool try_again(int failure)
{
    return failure == EAGAIN || failure == EINTR;
}

static void go_on_sending(struct talk *talk, const struct plan *plan)
{
    ssize_t moved =
        send(talk->fd, plan->send + talk->sent, plan->send_size - talk->sent, MSG_NOSIGNAL);
    if (moved < 0 && !try_again(errno))
        end(talk, LIV_REFUSED, "closed the connection before it was told anything: %s",
            strerror(errno));
    if (moved > 0)
        talk->sent += (size_t)moved;
    if (talk->step == STEP_SEND && talk->sent == plan->send_size)
        talk->step = STEP_READ;
}

/* Nothing of what it has said is what it should say. */
static void has_said_all(struct talk *talk, const char *why)
{
    char *clean = dr_text_clean(dr_buffer_text(&talk->said), 100);
    if (talk->said.size == 0)
        end(talk, LIV_SILENT, "it accepts connections and says nothing%s", why);
    else
        end(talk, LIV_BAD_CONTENT, "it says \"%s\", which the greeting does not match%s",
            clean != NULL ? clean : "", why);
    free(clean);
}

static void hear(struct talk *talk, const struct plan *plan, char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\0') /* expressions end there */
            bytes[i] = ' ';
    }
    talk->heard = dr_monotonic();
    dr_buffer_add_bytes(&talk->said, bytes, size);
    if (dr_pattern_matches(plan->greeting, dr_buffer_text(&talk->said)))
        end(talk, LIV_ANSWERED, "with the greeting");
    else if (dr_pattern_overrun(plan->greeting))
        end(talk, LIV_NOT_TOLD, "the greeting cannot be matched within the limits of a match");
    else if (talk->said.cut)
        has_said_all(talk, " in its first 64 KiB");
}

static void go_on_reading(struct talk *talk, const struct plan *plan)
{
    char bytes[4096];
    ssize_t moved = recv(talk->fd, bytes, sizeof bytes, 0);
    if (moved > 0)
        hear(talk, plan, bytes, (size_t)moved);
    else if (moved == 0 && talk->said.size == 0)
        end(talk, LIV_REFUSED, "it closed the connection without a word");
    else if (moved == 0)
        has_said_all(talk, "; then it closed the connection");
    else if (!try_again(errno))
        end(talk, LIV_REFUSED, "it broke the connection: %s", strerror(errno));
}

/* ---- all of them ---- */

/* Seconds until something must be done although nothing happens. */
static double time_of(const struct talk *talk, double left)
{
    double quiet = talk->heard + QUIET - dr_monotonic();
    bool spoken = talk->step == STEP_READ && talk->said.size > 0;
    return spoken && quiet < left ? (quiet > 0 ? quiet : 0) : left;
}

static void go_on(struct talk *talk, const struct plan *plan)
{
    static void (*const steps[])(struct talk *,
                                 const struct plan *) = {[STEP_CONNECT] = go_on_connecting,
                                                         [STEP_SEND] = go_on_sending,
                                                         [STEP_READ] = go_on_reading};
    steps[talk->step](talk, plan);
}

/* Waits once, and goes on with whoever is ready. False when all are done. */
static bool go_on_all(struct dr_task *task, struct talk *talks, size_t count,
                      const struct plan *plan)
{
    struct pollfd polls[ADDRESSES_MAX];
    struct talk *of[ADDRESSES_MAX];
    nfds_t waiting = 0;
    double wait = dr_task_left(task);
    for (size_t i = 0; i < count; i++) {
        if (talks[i].step == STEP_DONE)
            continue;
        wait = time_of(&talks[i], wait);
        of[waiting] = &talks[i];
        polls[waiting++] = (struct pollfd){.fd = talks[i].fd,
                                           .events = talks[i].step == STEP_READ ? POLLIN : POLLOUT};
    }
    if (waiting == 0 || dr_task_left(task) <= 0)
        return false;
    int ready = poll(polls, waiting, (int)(wait * 1000) + 1);
    for (nfds_t i = 0; i < waiting; i++) {
        if (ready > 0 && polls[i].revents != 0)
            go_on(of[i], plan);
        else if (of[i]->said.size > 0 && dr_monotonic() > of[i]->heard + QUIET)
            has_said_all(of[i], "");
    }
    return true;
}

static void end_late(struct talk *talk)
{
    if (talk->step == STEP_CONNECT)
        end(talk, LIV_SILENT, "not connected in time");
    else if (talk->step != STEP_DONE)
        has_said_all(talk, " in time");
}

static void fill(struct talk *talks, size_t count, struct dr_task *task, struct liv_facts *facts)
{
    size_t reachable = 0;
    for (size_t i = 0; i < count; i++)
        reachable += talks[i].unreachable ? 0 : 1;
    for (size_t i = 0; i < count; i++) {
        /* a host without IPv6 does not judge IPv6 */
        if (talks[i].unreachable && reachable > 0) {
            dr_task_trace(task, 1, "%s is left out: %s", talks[i].name, talks[i].text);
            continue;
        }
        struct liv_unit *unit = liv_facts_add(facts, LIV_INSTANCE, talks[i].name, NULL);
        liv_facts_sign(facts, unit, talks[i].sign, "%s", talks[i].text);
        liv_facts_place(facts, unit, talks[i].host, 1);
        if (talks[i].sign != LIV_ANSWERED)
            continue;
        liv_unit_figure(unit, LIV_CONNECT, talks[i].connected - talks[i].started);
        liv_unit_figure(unit, LIV_TIME, talks[i].ended - talks[i].started);
    }
    facts->complete = facts->complete && reachable == count;
}

static bool talk_to_all(struct dr_task *task, const struct addrinfo *list, const struct plan *plan,
                        struct liv_facts *facts, struct dr_error *error)
{
    struct talk *talks = calloc(ADDRESSES_MAX, sizeof *talks);
    size_t count = 0;
    if (talks == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    dr_task_stage(task, "connect");
    facts->complete = true;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        if (count < ADDRESSES_MAX)
            start(&talks[count++], a, plan);
        else
            facts->complete = false;
    }
    while (go_on_all(task, talks, count, plan))
        ;
    for (size_t i = 0; i < count; i++)
        end_late(&talks[i]);
    fill(talks, count, task, facts);
    for (size_t i = 0; i < count; i++)
        dr_buffer_free(&talks[i].said);
    free(talks);
    return !facts->no_memory || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool look(struct dr_task *task, const struct plan *plan, struct liv_facts *facts,
                 struct dr_error *error)
{
    const struct dr_target *target = dr_task_target(task);
    const char *host = target->uri.hosts[target->host].name;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    dr_task_stage(task, "resolve the name");
    int failed = getaddrinfo(host, plan->port, &hints, &list);
    if (failed != 0)
        return dr_error_set(error, DR_ERR_RESOLVE, "cannot resolve \"%s\": %s", host,
                            gai_strerror(failed));
    bool ok = talk_to_all(task, list, plan, facts, error);
    freeaddrinfo(list);
    return ok;
}

static bool probe(struct dr_task *task, void *pointer, struct dr_error *error)
{
    struct liv_facts *facts = pointer;
    struct plan plan = {.send = NULL};
    facts->product = LIV_TCP;
    bool ok = read_plan(dr_task_target(task), &plan, error) && look(task, &plan, facts, error);
    free_plan(&plan);
    return ok;
}

static const char *library(void)
{
    return "no library";
}

extern const struct dr_source DR_SOURCE_SYMBOL(liveness, tcp);
const struct dr_source DR_SOURCE_SYMBOL(liveness, tcp) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "tcp",
    .facts_size = sizeof(struct liv_facts),
    .library = library,
    .probe = probe,
};
