/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Against name servers that are threads of this program. They do what a test says to a datagram and
 * to a connection, and nothing is waited for but replies. */
#include "plugins/dns/exchange.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 300
#define HELD_MAX 8
#define FILES_MAX 64
#define TYPE_A 1
#define LONG 20.0   /* a wait that is never waited for */
#define SHORT 0.15  /* one that is */
#define ADDRESS 203 /* the last byte of the right answer */

/* ---- a server ---- */

struct server;

struct heard {
    uint8_t bytes[DNS_QUERY_MAX];
    size_t size;
    struct sockaddr_storage from;
    socklen_t from_size;
};

typedef void datagram_does(struct server *server, const struct heard *heard);
typedef void connection_does(struct server *server, int fd, const struct heard *heard);

struct server {
    datagram_does *datagram;
    connection_does *connection;
    int port;
    int udp, tcp;
    int over[2]; /* the writing end is closed: stop */
    pthread_t thread;
    unsigned datagrams, connections; /* so many came, with the present one */
    struct heard first;
    uint16_t ids[MANY + 1];
    in_port_t ports[MANY + 1];
    int held[HELD_MAX]; /* connections that are never answered */
    int held_count;
};

static size_t question_end(const struct heard *heard)
{
    size_t at = 12;
    while (at < heard->size && heard->bytes[at] != 0)
        at += heard->bytes[at] + 1U;
    return at + 5;
}

static bool has_edns(const struct heard *heard)
{
    return heard->bytes[11] != 0;
}

enum { TC = 0x02 };

/* Header, question and one address, as an authoritative server says them. */
static size_t make_reply(const struct heard *heard, unsigned flags, unsigned rcode, uint8_t *reply)
{
    static const uint8_t answer[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, ADDRESS};
    size_t end = question_end(heard);
    memcpy(reply, heard->bytes, end);
    reply[2] = (uint8_t)(0x84 | flags | (heard->bytes[2] & 1));
    reply[3] = (uint8_t)rcode;
    reply[7] = rcode == 0;
    reply[11] = 0;
    if (rcode != 0)
        return end;
    memcpy(reply + end, answer, sizeof answer);
    return end + sizeof answer;
}

static void send_to(const struct server *server, const struct heard *heard, const uint8_t *bytes,
                    size_t size)
{
    sendto(server->udp, bytes, size, 0, (const struct sockaddr *)&heard->from, heard->from_size);
}

static void answer(struct server *server, const struct heard *heard)
{
    uint8_t reply[DNS_QUERY_MAX + 64];
    send_to(server, heard, reply, make_reply(heard, 0, 0, reply));
}

static void stay_silent(struct server *server, const struct heard *heard)
{
    (void)server;
    (void)heard;
}

static void drop_first(struct server *server, const struct heard *heard)
{
    if (server->datagrams > 1)
        answer(server, heard);
}

static void answer_first_only(struct server *server, const struct heard *heard)
{
    (void)heard;
    if (server->datagrams == 2)
        answer(server, &server->first);
}

static void answer_twice(struct server *server, const struct heard *heard)
{
    answer(server, heard);
    answer(server, heard);
}

static void other_id(struct server *server, const struct heard *heard)
{
    struct heard other = *heard;
    other.bytes[0] ^= 0xff;
    answer(server, &other);
}

static void other_question(struct server *server, const struct heard *heard)
{
    struct heard other = *heard;
    other.bytes[13] ^= 1;
    answer(server, &other);
}

static void other_case(struct server *server, const struct heard *heard)
{
    struct heard other = *heard;
    other.bytes[13] ^= 0x20;
    answer(server, &other);
}

static void other_id_then_right(struct server *server, const struct heard *heard)
{
    other_id(server, heard);
    other_question(server, heard);
    answer(server, heard);
}

static void other_source(struct server *server, const struct heard *heard)
{
    struct server other = *server;
    other.udp = socket(AF_INET, SOCK_DGRAM, 0);
    answer(&other, heard);
    close(other.udp);
}

/* Its header is right, and then there is a name that points to itself. */
static void garbage(struct server *server, const struct heard *heard)
{
    uint8_t reply[DNS_QUERY_MAX + 64];
    size_t size = make_reply(heard, 0, 0, reply);
    reply[question_end(heard) + 1] = (uint8_t)question_end(heard);
    send_to(server, heard, reply, size);
}

static void garbage_then_right(struct server *server, const struct heard *heard)
{
    garbage(server, heard);
    answer(server, heard);
}

static void truncated(struct server *server, const struct heard *heard)
{
    uint8_t reply[DNS_QUERY_MAX + 64];
    send_to(server, heard, reply, make_reply(heard, TC, 0, reply));
}

static void truncated_in_record(struct server *server, const struct heard *heard)
{
    uint8_t reply[DNS_QUERY_MAX + 64];
    send_to(server, heard, reply, make_reply(heard, TC, 0, reply) - 2);
}

static void truncated_in_record_other_id(struct server *server, const struct heard *heard)
{
    uint8_t reply[DNS_QUERY_MAX + 64];
    size_t size = make_reply(heard, TC, 0, reply);
    reply[1] ^= 0xff;
    send_to(server, heard, reply, size - 2);
}

static void no_edns(struct server *server, const struct heard *heard)
{
    uint8_t reply[DNS_QUERY_MAX + 64];
    if (!has_edns(heard))
        answer(server, heard);
    else
        send_to(server, heard, reply, make_reply(heard, 0, DNS_FORMERR, reply));
}

static void no_edns_not_implemented(struct server *server, const struct heard *heard)
{
    uint8_t reply[DNS_QUERY_MAX + 64];
    if (!has_edns(heard))
        answer(server, heard);
    else
        send_to(server, heard, reply, make_reply(heard, 0, DNS_NOTIMP, reply));
}

/* With an OPT record, whose upper bits of the rcode are 1. */
static void bad_version(struct server *server, const struct heard *heard)
{
    static const uint8_t opt[] = {0, 0, DNS_OPT, 4, 208, 1, 0, 0, 0, 0, 0};
    uint8_t reply[DNS_QUERY_MAX + 64];
    size_t size = make_reply(heard, 0, 0, reply);
    if (has_edns(heard)) {
        memcpy(reply + size, opt, sizeof opt);
        size += sizeof opt;
        reply[11] = 1;
    }
    send_to(server, heard, reply, size);
}

static void no_edns_then_silent(struct server *server, const struct heard *heard)
{
    if (has_edns(heard))
        no_edns(server, heard);
}

static void no_edns_then_truncated(struct server *server, const struct heard *heard)
{
    if (has_edns(heard))
        no_edns(server, heard);
    else
        truncated(server, heard);
}

static void always_formerr(struct server *server, const struct heard *heard)
{
    uint8_t reply[DNS_QUERY_MAX + 64];
    send_to(server, heard, reply, make_reply(heard, 0, DNS_FORMERR, reply));
}

static void server_failure(struct server *server, const struct heard *heard)
{
    uint8_t reply[DNS_QUERY_MAX + 64];
    send_to(server, heard, reply, make_reply(heard, 0, DNS_SERVFAIL, reply));
}

/* ---- over TCP ---- */

static size_t make_framed(const struct heard *heard, unsigned flags, uint8_t *framed)
{
    size_t size = make_reply(heard, flags, 0, framed + 2);
    framed[0] = (uint8_t)(size >> 8);
    framed[1] = (uint8_t)(size & 0xff);
    return size + 2;
}

static void tcp_answer(struct server *server, int fd, const struct heard *heard)
{
    (void)server;
    uint8_t framed[DNS_QUERY_MAX + 64];
    send(fd, framed, make_framed(heard, 0, framed), MSG_NOSIGNAL);
}

static void tcp_still_truncated(struct server *server, int fd, const struct heard *heard)
{
    (void)server;
    uint8_t framed[DNS_QUERY_MAX + 64];
    send(fd, framed, make_framed(heard, TC, framed), MSG_NOSIGNAL);
}

static void tcp_half(struct server *server, int fd, const struct heard *heard)
{
    (void)server;
    uint8_t framed[DNS_QUERY_MAX + 64];
    send(fd, framed, make_framed(heard, 0, framed) - 5, MSG_NOSIGNAL);
}

static void tcp_half_length(struct server *server, int fd, const struct heard *heard)
{
    (void)server;
    (void)heard;
    send(fd, "", 1, MSG_NOSIGNAL);
}

static void tcp_empty(struct server *server, int fd, const struct heard *heard)
{
    (void)server;
    (void)heard;
    send(fd, "\0", 2, MSG_NOSIGNAL);
}

static void tcp_close(struct server *server, int fd, const struct heard *heard)
{
    (void)server;
    (void)fd;
    (void)heard;
}

static void tcp_reset(struct server *server, int fd, const struct heard *heard)
{
    (void)server;
    (void)heard;
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void tcp_reset_once(struct server *server, int fd, const struct heard *heard)
{
    if (server->connections == 1)
        tcp_reset(server, fd, heard);
    else
        tcp_answer(server, fd, heard);
}

static void tcp_hang(struct server *server, int fd, const struct heard *heard)
{
    (void)heard;
    server->held[server->held_count++] = dup(fd);
}

static void tcp_half_then_hang(struct server *server, int fd, const struct heard *heard)
{
    tcp_half(server, fd, heard);
    tcp_hang(server, fd, heard);
}

/* Byte after byte; the pause makes each a packet, and a read, of its own. */
static void tcp_dribble(struct server *server, int fd, const struct heard *heard)
{
    (void)server;
    uint8_t framed[DNS_QUERY_MAX + 64];
    size_t size = make_framed(heard, 0, framed);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (size_t i = 0; i < size; i++) {
        send(fd, framed + i, 1, MSG_NOSIGNAL);
        poll(NULL, 0, 1);
    }
}

static void tcp_other_id(struct server *server, int fd, const struct heard *heard)
{
    struct heard other = *heard;
    other.bytes[0] ^= 0xff;
    tcp_answer(server, fd, &other);
}

static void tcp_other_question(struct server *server, int fd, const struct heard *heard)
{
    struct heard other = *heard;
    other.bytes[13] ^= 1;
    tcp_answer(server, fd, &other);
}

static void tcp_garbage(struct server *server, int fd, const struct heard *heard)
{
    (void)server;
    uint8_t framed[DNS_QUERY_MAX + 64];
    size_t size = make_framed(heard, 0, framed);
    framed[2 + question_end(heard) + 1] = (uint8_t)question_end(heard);
    send(fd, framed, size, MSG_NOSIGNAL);
}

static void tcp_no_edns(struct server *server, int fd, const struct heard *heard)
{
    uint8_t framed[DNS_QUERY_MAX + 64];
    if (!has_edns(heard)) {
        tcp_answer(server, fd, heard);
        return;
    }
    size_t size = make_reply(heard, 0, DNS_FORMERR, framed + 2);
    framed[0] = 0;
    framed[1] = (uint8_t)size;
    send(fd, framed, size + 2, MSG_NOSIGNAL);
}

#define LARGE 3000 /* records */

static void tcp_large(struct server *server, int fd, const struct heard *heard)
{
    (void)server;
    static uint8_t framed[DNS_QUERY_MAX + 16 * LARGE];
    size_t size = make_framed(heard, 0, framed);
    for (size_t i = 1; i < LARGE; i++, size += 16)
        memcpy(framed + size, framed + size - 16, 16);
    framed[0] = (uint8_t)((size - 2) >> 8);
    framed[1] = (uint8_t)((size - 2) & 0xff);
    framed[2 + 6] = LARGE >> 8;
    framed[2 + 7] = LARGE & 0xff;
    send(fd, framed, size, MSG_NOSIGNAL);
}

static bool receive(int fd, uint8_t *into, size_t size)
{
    return recv(fd, into, size, MSG_WAITALL) == (ssize_t)size;
}

static void serve_connection(struct server *server)
{
    struct heard heard = {.size = 0};
    uint8_t length[2];
    int fd = accept(server->tcp, NULL, NULL);
    server->connections++;
    if (receive(fd, length, sizeof length)) {
        heard.size = (size_t)(length[0] << 8 | length[1]);
        if (heard.size <= sizeof heard.bytes && receive(fd, heard.bytes, heard.size))
            server->connection(server, fd, &heard);
    }
    close(fd);
}

static void serve_datagram(struct server *server)
{
    struct heard heard;
    heard.from_size = sizeof heard.from;
    ssize_t got = recvfrom(server->udp, heard.bytes, sizeof heard.bytes, 0,
                           (struct sockaddr *)&heard.from, &heard.from_size);
    if (got < 0)
        return; /* the ICMP error that a reply to a closed socket has brought */
    heard.size = (size_t)got;
    if (server->datagrams == 0)
        server->first = heard;
    server->ids[server->datagrams % (MANY + 1)] = (uint16_t)(heard.bytes[0] << 8 | heard.bytes[1]);
    server->ports[server->datagrams % (MANY + 1)] =
        ((const struct sockaddr_in *)(const void *)&heard.from)->sin_port;
    server->datagrams++;
    server->datagram(server, &heard);
}

static void *serve(void *argument)
{
    struct server *server = argument;
    struct pollfd polled[] = {{.fd = server->over[0], .events = POLLIN},
                              {.fd = server->udp, .events = POLLIN},
                              {.fd = server->tcp, .events = POLLIN}};
    while (poll(polled, 3, -1) > 0 && polled[0].revents == 0) {
        if (polled[1].revents != 0)
            serve_datagram(server);
        if (polled[2].revents != 0)
            serve_connection(server);
    }
    return NULL;
}

static bool bind_both(struct server *server, const char *address)
{
    struct dns_address read;
    struct sockaddr_storage here;
    assert_true(dns_address_read(address, &read));
    socklen_t size = dns_address_socket(&read, 0, &here);
    server->udp = socket(here.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    server->tcp = socket(here.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->tcp, (struct sockaddr *)&here, size) == 0 &&
        getsockname(server->tcp, (struct sockaddr *)&here, &size) == 0 &&
        bind(server->udp, (struct sockaddr *)&here, size) == 0) {
        server->port = ntohs(((struct sockaddr_in *)(void *)&here)->sin_port);
        return true;
    }
    close(server->udp);
    close(server->tcp);
    return false;
}

/* Without what to do over TCP nobody listens there. */
static void start_at(struct server *server, const char *address, datagram_does *datagram,
                     connection_does *connection)
{
    *server = (struct server){.datagram = datagram, .connection = connection};
    while (!bind_both(server, address))
        assert_int_equal(errno, EADDRINUSE);
    if (connection != NULL) {
        assert_int_equal(listen(server->tcp, 16), 0);
    } else {
        close(server->tcp);
        server->tcp = -1;
    }
    assert_int_equal(pipe2(server->over, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void start_server(struct server *server, datagram_does *datagram,
                         connection_does *connection)
{
    start_at(server, "127.0.0.1", datagram, connection);
}

static void stop_server(struct server *server)
{
    close(server->over[1]);
    pthread_join(server->thread, NULL);
    close(server->over[0]);
    close(server->udp);
    if (server->tcp >= 0)
        close(server->tcp);
    for (int i = 0; i < server->held_count; i++)
        close(server->held[i]);
}

/* ---- a run that asks ---- */

struct result {
    enum dns_delivery delivery;
    unsigned tries, rcode;
    bool tcp, no_edns, edns, truncated;
    size_t records;
    int address; /* the last byte of the only one that was answered; -1: there is none */
    double seconds;
    char words[160];
    const void *context;
};

static struct job {
    struct dns_exchange_rules rules;
    struct dns_question questions[MANY];
    size_t count;
    int pause;         /* milliseconds of other work, between asking and looking for replies */
    bool counts_files; /* after asking: how many may still be opened */
    size_t free_files;
    size_t leave_after; /* so many ended ones it is freed; 0: after the last */
    double timeout;
    int verbosity;
    struct result results[MANY];
    size_t ended;
    double late; /* seconds between the end of the task's time and the last one handed over */
    double busy; /* seconds of the processor */
    struct dr_buffer trace;
} job;

static void keep(const struct dns_question *question)
{
    struct result *result = &job.results[job.ended++];
    *result = (struct result){.delivery = question->delivery,
                              .tries = question->tries,
                              .tcp = question->tcp,
                              .no_edns = question->no_edns,
                              .edns = question->query.edns,
                              .seconds = question->seconds,
                              .address = -1,
                              .context = question->context};
    memcpy(result->words, question->words, sizeof result->words);
    if (question->delivery != DNS_DELIVERED)
        return;
    result->rcode = question->reply.rcode;
    result->records = question->reply.record_count;
    result->truncated = question->reply.truncated;
    if (question->reply.record_count == 1 && question->reply.records[0].type == TYPE_A)
        result->address = question->reply.records[0].is.address[3];
}

static double processor_seconds(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static size_t count_free_files(void)
{
    int taken[FILES_MAX];
    size_t count = 0;
    while (count < FILES_MAX && (taken[count] = dup(0)) >= 0)
        count++;
    for (size_t i = 0; i < count; i++)
        close(taken[i]);
    return count;
}

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)facts;
    (void)error;
    double until = dr_monotonic() + dr_task_left(task);
    double busy = processor_seconds();
    struct dns_exchange *exchange = dns_exchange_new(task, &job.rules);
    struct dns_question *question;
    for (size_t i = 0; i < job.count; i++)
        dns_exchange_ask(exchange, &job.questions[i]);
    if (job.counts_files)
        job.free_files = count_free_files();
    poll(NULL, 0, job.pause);
    while ((question = dns_exchange_next(exchange)) != NULL) {
        keep(question);
        if (job.ended == job.leave_after)
            break;
    }
    job.late = dr_monotonic() - until;
    job.busy = processor_seconds() - busy;
    dns_exchange_free(exchange);
    return true;
}

static const struct dr_scheme schemes[] = {{"test", "test", "none", true}};

/* Asks all of job's questions, in the thread of a task. */
static void run(void)
{
    struct dr_error error;
    struct dr_secrets *secrets = dr_secrets_new();
    struct dr_targets targets = {.secrets = secrets};
    struct dr_outcome outcome;
    dr_probe *probes[] = {probe};
    char facts[8];
    char argument[] = "t=test://h";
    assert_true(dr_targets_add(&targets, schemes, 1, argument, &error));
    struct dr_run_plan plan = {.targets = &targets,
                               .probes = probes,
                               .facts = facts,
                               .facts_size = sizeof facts,
                               .started = dr_monotonic(),
                               .timeout = job.timeout,
                               .verbosity = job.verbosity,
                               .secrets = secrets};
    struct dr_run *running = dr_run_targets(&plan, &outcome, &error);
    assert_non_null(running);
    assert_true(outcome.finished && outcome.ok);
    dr_run_trace(running, &job.trace);
    dr_run_free(running);
    dr_targets_free(&targets);
    dr_secrets_free(secrets);
}

/* One more question, to a server of this machine. */
static struct dns_question *add(int port)
{
    struct dns_question *question = &job.questions[job.count++];
    struct dr_error error;
    *question = (struct dns_question){.port = port};
    question->query.type = TYPE_A;
    question->query.edns = true;
    question->query.dnssec = true;
    question->query.udp_size = DNS_UDP_SIZE;
    assert_true(dns_name_read("app.example.com", &question->query.name, &error));
    assert_true(dns_address_read("127.0.0.1", &question->server));
    return question;
}

static int fresh(void **state)
{
    (void)state;
    memset(&job, 0, sizeof job);
    job.rules = (struct dns_exchange_rules){.wait = LONG, .tries = 2};
    job.timeout = 2 * LONG;
    job.trace = DR_BUFFER(65536);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    dr_buffer_free(&job.trace);
    return 0;
}

/* Asks one question of such a server; how it ended. */
static const struct result *ask_one(datagram_does *datagram, connection_does *connection,
                                    bool tcp_only, struct server *server)
{
    start_server(server, datagram, connection);
    add(server->port)->tcp_only = tcp_only;
    run();
    stop_server(server);
    assert_int_equal(job.ended, 1);
    return &job.results[0];
}

static void assert_answered(const struct result *result, unsigned tries)
{
    assert_string_equal(result->words, "");
    assert_int_equal(result->delivery, DNS_DELIVERED);
    assert_int_equal(result->rcode, DNS_NOERROR);
    assert_int_equal(result->address, ADDRESS);
    assert_int_equal(result->tries, tries);
}

static void assert_ended(const struct result *result, enum dns_delivery delivery, const char *words)
{
    assert_string_equal(result->words, words);
    assert_int_equal(result->delivery, delivery);
}

static void assert_all_answered(size_t count)
{
    assert_int_equal(job.ended, count);
    for (size_t i = 0; i < count; i++)
        assert_answered(&job.results[i], 1);
}

__attribute__((format(printf, 1, 2))) static void assert_traced(const char *format, ...)
{
    char line[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (strstr(dr_buffer_text(&job.trace), line) == NULL)
        fail_msg("\"%s\" is not in:\n%s", line, dr_buffer_text(&job.trace));
}

/* ---- UDP ---- */

static void test_reply(void **state)
{
    (void)state;
    struct server server;
    int mine;
    start_server(&server, answer, NULL);
    add(server.port)->context = &mine;
    run();
    stop_server(&server);
    assert_int_equal(job.ended, 1);
    assert_answered(&job.results[0], 1);
    assert_ptr_equal(job.results[0].context, &mine);
    assert_false(job.results[0].tcp);
    assert_false(job.results[0].no_edns);
    assert_true(job.results[0].seconds > 0 && job.results[0].seconds < LONG);
    assert_int_equal(server.datagrams, 1);
}

static void test_lost_once(void **state)
{
    (void)state;
    struct server server;
    job.rules.wait = SHORT;
    const struct result *result = ask_one(drop_first, NULL, false, &server);
    assert_answered(result, 2);
    assert_true(result->seconds >= SHORT);
    assert_int_not_equal(server.ports[0], server.ports[1]);
}

static void test_silence(void **state)
{
    (void)state;
    struct server server;
    job.rules.wait = SHORT;
    const struct result *result = ask_one(stay_silent, NULL, false, &server);
    assert_ended(result, DNS_NO_REPLY, "no reply in 0.3 s");
    assert_int_equal(result->tries, 2);
    assert_int_equal(server.datagrams, 2);
    assert_true(result->seconds >= 2 * SHORT);
    assert_true(job.busy < SHORT / 10);
}

static void test_late_reply_to_the_first_try(void **state)
{
    (void)state;
    struct server server;
    job.rules.wait = 1;
    assert_answered(ask_one(answer_first_only, NULL, false, &server), 2);
}

static void test_twice_the_same_reply(void **state)
{
    (void)state;
    struct server server;
    assert_answered(ask_one(answer_twice, NULL, false, &server), 1);
}

static void test_other_id(void **state)
{
    (void)state;
    struct server server;
    job.rules.wait = SHORT;
    assert_ended(ask_one(other_id, NULL, false, &server), DNS_NO_REPLY,
                 "no reply in 0.3 s, 2 to other questions dropped");
}

static void test_other_question(void **state)
{
    (void)state;
    struct server server;
    job.rules.wait = SHORT;
    assert_ended(ask_one(other_question, NULL, false, &server), DNS_NO_REPLY,
                 "no reply in 0.3 s, 2 to other questions dropped");
}

static void test_other_case_is_the_same_question(void **state)
{
    (void)state;
    struct server server;
    assert_answered(ask_one(other_case, NULL, false, &server), 1);
}

static void test_wrong_replies_do_not_end_the_wait(void **state)
{
    (void)state;
    struct server server;
    assert_answered(ask_one(other_id_then_right, NULL, false, &server), 1);
}

static void test_other_source(void **state)
{
    (void)state;
    struct server server;
    job.rules.wait = SHORT;
    assert_ended(ask_one(other_source, NULL, false, &server), DNS_NO_REPLY, "no reply in 0.3 s");
}

static void test_garbage_then_reply(void **state)
{
    (void)state;
    struct server server;
    assert_answered(ask_one(garbage_then_right, NULL, false, &server), 1);
}

static void test_garbage(void **state)
{
    (void)state;
    struct server server;
    job.rules.wait = SHORT;
    const struct result *result = ask_one(garbage, NULL, false, &server);
    assert_int_equal(result->delivery, DNS_NOT_READABLE);
    assert_memory_equal(result->words, "byte ", 5);
    assert_int_equal(result->tries, 2);
}

static int closed_port(void)
{
    struct server server;
    start_server(&server, answer, NULL);
    stop_server(&server);
    return server.port;
}

static void test_nobody_listens(void **state)
{
    (void)state;
    add(closed_port());
    run();
    assert_ended(&job.results[0], DNS_REFUSED_BY_HOST, "connection refused");
    assert_int_equal(job.results[0].tries, 2);
    assert_true(job.results[0].seconds < LONG);
}

static void test_error_is_a_reply(void **state)
{
    (void)state;
    struct server server;
    const struct result *result = ask_one(server_failure, NULL, false, &server);
    assert_int_equal(result->delivery, DNS_DELIVERED);
    assert_int_equal(result->rcode, DNS_SERVFAIL);
    assert_int_equal(server.datagrams, 1);
}

static void test_no_way(void **state)
{
    (void)state;
    struct dns_address elsewhere;
    assert_true(dns_address_read("192.0.2.77", &elsewhere));
    job.rules.source4 = &elsewhere;
    add(53);
    add(53)->tcp_only = true;
    run();
    assert_int_equal(job.ended, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_ended(&job.results[i], DNS_NO_WAY, "no such address here");
        assert_int_equal(job.results[i].tries, 1);
    }
}

static void test_not_permitted(void **state)
{
    (void)state;
    assert_true(dns_address_read("255.255.255.255", &add(53)->server));
    run();
    assert_ended(&job.results[0], DNS_NO_WAY, "not permitted");
}

static void test_source(void **state)
{
    (void)state;
    struct server server;
    struct dns_address source;
    assert_true(dns_address_read("127.0.0.9", &source));
    job.rules.source4 = &source;
    assert_answered(ask_one(answer, NULL, false, &server), 1);
    assert_int_equal(
        ntohl(((const struct sockaddr_in *)(const void *)&server.first.from)->sin_addr.s_addr),
        0x7f000009);
}

/* ---- EDNS ---- */

static void test_without_edns(void **state)
{
    (void)state;
    datagram_does *const servers[] = {no_edns, no_edns_not_implemented, bad_version};
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        struct server server;
        fresh(NULL);
        const struct result *result = ask_one(servers[i], NULL, false, &server);
        assert_answered(result, 2);
        assert_true(result->no_edns);
        assert_false(result->edns);
        clean(NULL);
    }
}

static void test_formerr_without_edns_too(void **state)
{
    (void)state;
    struct server server;
    const struct result *result = ask_one(always_formerr, NULL, false, &server);
    assert_int_equal(result->delivery, DNS_DELIVERED);
    assert_int_equal(result->rcode, DNS_FORMERR);
    assert_true(result->no_edns);
    assert_int_equal(server.datagrams, 2);
}

static void test_silence_without_edns(void **state)
{
    (void)state;
    struct server server;
    job.rules.wait = SHORT;
    assert_ended(ask_one(no_edns_then_silent, NULL, false, &server), DNS_NO_REPLY,
                 "no reply to the question without EDNS (FORMERR with it) in 0.3 s");
    assert_int_equal(server.datagrams, 3);
}

static void test_without_edns_and_truncated(void **state)
{
    (void)state;
    struct server server;
    const struct result *result = ask_one(no_edns_then_truncated, tcp_no_edns, false, &server);
    assert_answered(result, 3);
    assert_true(result->tcp && result->no_edns);
    assert_int_equal(server.connections, 1);
}

static void test_without_edns_over_tcp(void **state)
{
    (void)state;
    struct server server;
    const struct result *result = ask_one(stay_silent, tcp_no_edns, true, &server);
    assert_answered(result, 2);
    assert_true(result->tcp && result->no_edns);
}

/* ---- TCP ---- */

static void test_truncated(void **state)
{
    (void)state;
    datagram_does *const servers[] = {truncated, truncated_in_record};
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        struct server server;
        fresh(NULL);
        const struct result *result = ask_one(servers[i], tcp_answer, false, &server);
        assert_answered(result, 2);
        assert_true(result->tcp);
        assert_false(result->truncated);
        clean(NULL);
    }
}

static void test_truncated_for_another_question(void **state)
{
    (void)state;
    struct server server;
    job.rules.wait = SHORT;
    const struct result *result = ask_one(truncated_in_record_other_id, tcp_answer, false, &server);
    assert_int_equal(result->delivery, DNS_NOT_READABLE);
    assert_int_equal(server.connections, 0);
}

static void test_truncated_over_tcp_too(void **state)
{
    (void)state;
    struct server server;
    const struct result *result = ask_one(truncated, tcp_still_truncated, false, &server);
    assert_int_equal(result->delivery, DNS_DELIVERED);
    assert_true(result->tcp && result->truncated);
}

static void test_dribble(void **state)
{
    (void)state;
    struct server server;
    assert_answered(ask_one(truncated, tcp_dribble, false, &server), 2);
}

static void test_reset_once(void **state)
{
    (void)state;
    struct server server;
    assert_answered(ask_one(truncated, tcp_reset_once, false, &server), 3);
}

#define OVER_TCP "truncated over UDP; over TCP: "

static void test_tcp_fails(void **state)
{
    (void)state;
    static const struct {
        connection_does *does;
        double wait;
        enum dns_delivery tcp_only;
        const char *words;
    } rows[] = {
        {NULL, LONG, DNS_REFUSED_BY_HOST, "connection refused"},
        {tcp_reset, LONG, DNS_REFUSED_BY_HOST, "connection reset"},
        {tcp_close, LONG, DNS_REFUSED_BY_HOST, "connection closed"},
        {tcp_half, LONG, DNS_NOT_READABLE, "44 of 49 bytes of a message, then connection closed"},
        {tcp_half_length, LONG, DNS_NOT_READABLE,
         "half the length of a message, then connection closed"},
        {tcp_empty, LONG, DNS_NOT_READABLE, "0 of 0 bytes of a message, then connection closed"},
        {tcp_hang, SHORT, DNS_NO_REPLY, "no reply in 0.3 s"},
        {tcp_half_then_hang, SHORT, DNS_NOT_READABLE, "44 of 49 bytes of a message, then silence"},
        {tcp_other_id, LONG, DNS_NOT_READABLE, "it answered another question"},
        {tcp_other_question, LONG, DNS_NOT_READABLE, "it answered another question"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char words[160];
        struct server server;
        fresh(NULL);
        job.rules.wait = rows[i].wait;
        snprintf(words, sizeof words, OVER_TCP "%s", rows[i].words);
        const struct result *result = ask_one(truncated, rows[i].does, false, &server);
        assert_ended(result, DNS_NO_TCP, words);
        assert_false(result->tcp);
        clean(NULL);
        fresh(NULL);
        job.rules.wait = rows[i].wait;
        result = ask_one(truncated, rows[i].does, true, &server);
        assert_ended(result, rows[i].tcp_only, rows[i].words);
        clean(NULL);
    }
}

static void test_garbage_over_tcp(void **state)
{
    (void)state;
    struct server server;
    const struct result *result = ask_one(truncated, tcp_garbage, false, &server);
    assert_int_equal(result->delivery, DNS_NO_TCP);
    assert_memory_equal(result->words, OVER_TCP "byte ", strlen(OVER_TCP "byte "));
}

static void test_tcp_only(void **state)
{
    (void)state;
    struct server server;
    const struct result *result = ask_one(answer, tcp_answer, true, &server);
    assert_answered(result, 1);
    assert_true(result->tcp);
    assert_int_equal(server.datagrams, 0);
}

static void test_ipv6(void **state)
{
    (void)state;
    struct server server;
    start_at(&server, "::1", truncated, tcp_answer);
    job.verbosity = 2;
    assert_true(dns_address_read("::1", &add(server.port)->server));
    run();
    stop_server(&server);
    assert_answered(&job.results[0], 2);
    assert_traced("ask ns [::1]:%d A app.example.com (udp, try 1)\n", server.port);
    run(); /* nobody is there any more */
    assert_ended(&job.results[1], DNS_REFUSED_BY_HOST, "connection refused");
}

/* ---- many, and no time ---- */

static void test_large_replies(void **state)
{
    (void)state;
    struct server server;
    start_server(&server, truncated, tcp_large);
    for (size_t i = 0; i < 20; i++)
        add(server.port);
    run();
    stop_server(&server);
    assert_int_equal(job.ended, 20);
    for (size_t i = 0; i < 20; i++) {
        assert_string_equal(job.results[i].words, "");
        assert_int_equal(job.results[i].records, LARGE);
    }
}

/* What has come in time counts, however late it is looked at. */
static void test_slow_caller(void **state)
{
    (void)state;
    struct server server;
    start_server(&server, answer, NULL);
    job.rules.wait = 0.02;
    job.pause = 100;
    for (size_t i = 0; i < 5; i++)
        add(server.port);
    run();
    stop_server(&server);
    assert_all_answered(5);
}

static struct rlimit files_before;

static int few_files(void **state)
{
    struct rlimit few;
    if (getrlimit(RLIMIT_NOFILE, &files_before) != 0)
        return -1;
    few = files_before;
    few.rlim_cur = FILES_MAX;
    return fresh(state) == 0 ? setrlimit(RLIMIT_NOFILE, &few) : -1;
}

static int files_as_before(void **state)
{
    clean(state);
    return setrlimit(RLIMIT_NOFILE, &files_before);
}

static void test_many_with_few_files(void **state)
{
    (void)state;
    struct server server;
    bool seen[65536] = {false};
    size_t different = 0;
    start_server(&server, answer, NULL);
    for (size_t i = 0; i < MANY; i++)
        add(server.port);
    job.counts_files = true;
    run();
    stop_server(&server);
    assert_true(job.free_files >= FILES_MAX / 3); /* for the other threads of the process */
    assert_all_answered(MANY);
    for (size_t i = 0; i < MANY; i++) {
        different += !seen[server.ids[i]];
        seen[server.ids[i]] = true;
    }
    assert_true(different > MANY * 9 / 10); /* of random ones some 299.3 are */
}

static void test_files_are_used_up_by_others(void **state)
{
    (void)state;
    struct server server;
    int taken[FILES_MAX];
    size_t count = 0;
    start_server(&server, answer, NULL);
    for (size_t i = 0; i < 20; i++)
        add(server.port);
    while ((taken[count] = dup(0)) >= 0)
        count++;
    for (int i = 0; i < 4; i++)
        close(taken[--count]);
    run();
    while (count > 0)
        close(taken[--count]);
    stop_server(&server);
    assert_all_answered(20);
}

static void test_many_at_once(void **state)
{
    (void)state;
    struct server server, silent;
    start_server(&server, answer, NULL);
    start_server(&silent, stay_silent, NULL);
    job.rules.wait = SHORT;
    for (size_t i = 0; i < 10; i++) {
        add(silent.port);
        add(server.port);
    }
    run();
    stop_server(&server);
    stop_server(&silent);
    assert_int_equal(job.ended, 20);
    for (size_t i = 0; i < 20; i++) /* in the order in which they end */
        assert_int_equal(job.results[i].delivery, i < 10 ? DNS_DELIVERED : DNS_NO_REPLY);
    assert_true(job.late + job.timeout < 10 * SHORT);
}

static void test_time_is_up(void **state)
{
    (void)state;
    struct server silent, hanging, server;
    start_server(&silent, stay_silent, NULL);
    start_server(&hanging, truncated, tcp_hang);
    start_server(&server, answer, NULL);
    job.timeout = 0.5;
    add(silent.port);
    add(hanging.port);
    add(server.port);
    run();
    stop_server(&silent);
    stop_server(&hanging);
    stop_server(&server);
    assert_int_equal(job.ended, 3);
    assert_answered(&job.results[0], 1);
    assert_ended(&job.results[1], DNS_NO_REPLY, "no reply when the time was up");
    assert_ended(&job.results[2], DNS_NO_REPLY,
                 "truncated over UDP; over TCP: no reply when the time was up");
    assert_true(job.late >= -0.001);
    assert_true(job.late < 0.2); /* 20 ms on a machine that is not shared */
    assert_true(job.busy < 0.05);
}

static void test_no_time_for_all(void **state)
{
    (void)state;
    struct server silent;
    start_server(&silent, stay_silent, NULL);
    job.timeout = 0.3;
    for (size_t i = 0; i < MANY; i++)
        add(silent.port);
    run();
    stop_server(&silent);
    assert_int_equal(job.ended, MANY);
    assert_ended(&job.results[0], DNS_NO_REPLY, "no reply when the time was up");
    assert_ended(&job.results[MANY - 1], DNS_NO_REPLY, "not asked: the time was up");
    assert_int_equal(job.results[MANY - 1].tries, 0);
}

static void test_left_early(void **state)
{
    (void)state;
    struct server silent, server;
    start_server(&silent, stay_silent, NULL);
    start_server(&server, answer, NULL);
    for (size_t i = 0; i < 4; i++) {
        add(silent.port);
        add(server.port);
    }
    job.leave_after = 1;
    run();
    stop_server(&silent);
    stop_server(&server);
    assert_answered(&job.results[0], 1);
}

static void test_trace(void **state)
{
    (void)state;
    struct server server;
    job.verbosity = 3;
    job.rules.wait = SHORT;
    ask_one(other_id, NULL, false, &server);
    assert_traced("ask ns 127.0.0.1:%d A app.example.com (udp, try 1)\n", server.port);
    assert_traced("ask ns 127.0.0.1:%d A app.example.com (udp, try 2)\n", server.port);
    assert_traced("dropped a reply to another question from ns 127.0.0.1:%d A app.example.com\n",
                  server.port);
    assert_traced("ns 127.0.0.1:%d A app.example.com: no reply in 0.3 s, 2 to other questions "
                  "dropped, after ",
                  server.port);
}

static void test_trace_of_a_reply(void **state)
{
    (void)state;
    struct server server;
    job.verbosity = 3;
    start_server(&server, truncated, tcp_answer);
    add(server.port)->query.recurse = true;
    run();
    stop_server(&server);
    assert_traced("ask resolver 127.0.0.1:%d A app.example.com (udp, try 1)\n", server.port);
    assert_traced("ask resolver 127.0.0.1:%d A app.example.com (tcp, try 2)\n", server.port);
    assert_traced("resolver 127.0.0.1:%d A app.example.com: NOERROR aa, records 1+0+0, ",
                  server.port);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, clean)
#define FEW_FILES(name) cmocka_unit_test_setup_teardown(name, few_files, files_as_before)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_reply),
        CASE(test_lost_once),
        CASE(test_silence),
        CASE(test_late_reply_to_the_first_try),
        CASE(test_twice_the_same_reply),
        CASE(test_other_id),
        CASE(test_other_question),
        CASE(test_other_case_is_the_same_question),
        CASE(test_wrong_replies_do_not_end_the_wait),
        CASE(test_other_source),
        CASE(test_garbage_then_reply),
        CASE(test_garbage),
        CASE(test_nobody_listens),
        CASE(test_error_is_a_reply),
        CASE(test_no_way),
        CASE(test_not_permitted),
        CASE(test_source),
        CASE(test_without_edns),
        CASE(test_formerr_without_edns_too),
        CASE(test_silence_without_edns),
        CASE(test_without_edns_and_truncated),
        CASE(test_without_edns_over_tcp),
        CASE(test_truncated),
        CASE(test_truncated_for_another_question),
        CASE(test_truncated_over_tcp_too),
        CASE(test_dribble),
        CASE(test_reset_once),
        CASE(test_tcp_fails),
        CASE(test_garbage_over_tcp),
        CASE(test_tcp_only),
        CASE(test_ipv6),
        CASE(test_large_replies),
        CASE(test_slow_caller),
        FEW_FILES(test_many_with_few_files),
        FEW_FILES(test_files_are_used_up_by_others),
        CASE(test_many_at_once),
        CASE(test_time_is_up),
        CASE(test_no_time_for_all),
        CASE(test_left_early),
        CASE(test_trace),
        CASE(test_trace_of_a_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
