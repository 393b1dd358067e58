/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/exchange.h"

#include "plugins/dns/connection.h"

#include <errno.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Datagrams of one socket that are looked at before the others have their turn. */
#define DATAGRAMS_AT_ONCE 16
/* Replies are handed over once there are so many bytes of them: what waits to be handed over stays
 * small, whatever the servers send. */
#define ENDED_BYTES_MAX ((size_t)65536)
/* Until a socket is tried for again, where the process has none left: they are other threads'. */
#define SOCKET_WAIT 0.01

/* A question that was sent over UDP. */
struct attempt {
    int fd; /* -1: it was refused */
    uint16_t id;
};

/* A question, from dns_exchange_ask until it is handed over. */
struct pending {
    struct dns_question question;
    struct pending *next;
    double started; /* monotonic: the first try */
    double due;     /* monotonic: this try has had its time */
    double last;    /* monotonic: all tries over TCP have */
    bool over_tcp;
    bool truncated; /* a reply over UDP said so: that is why it goes over TCP */
    unsigned tries; /* of this way (UDP or TCP, with or without EDNS) */
    unsigned refused;
    int failure;          /* an errno: how the last of them was */
    unsigned dropped;     /* replies to other questions */
    unsigned without;     /* the rcode for which it is repeated without EDNS; 0: it is not */
    char unreadable[120]; /* the reader's words about the last reply that is none */
    struct dns_connection connection;
    uint16_t connection_id;
    struct attempt attempts[]; /* rules.tries */
};

struct list {
    struct pending *first, *last;
};

/* What a pollfd belongs to. */
struct poller {
    struct pending *pending;
    struct attempt *attempt; /* NULL: its connection */
};

struct dns_exchange {
    struct dr_task *task;
    struct dns_exchange_rules rules;
    struct list waiting, ended;
    struct pending *open[DNS_EXCHANGE_OPEN];
    size_t open_count, open_max;
    size_t ended_bytes;
    struct pending *handed;
    struct pollfd *polled; /* open_max * rules.tries */
    struct poller *pollers;
    uint8_t *datagram; /* DNS_MESSAGE_MAX */
};

static void list_add(struct list *list, struct pending *pending)
{
    pending->next = NULL;
    if (list->last != NULL)
        list->last->next = pending;
    else
        list->first = pending;
    list->last = pending;
}

static struct pending *list_take(struct list *list)
{
    struct pending *first = list->first;
    if (first == NULL)
        return NULL;
    list->first = first->next;
    if (list->first == NULL)
        list->last = NULL;
    return first;
}

/* ---- traces ---- */

#define WHOM_TEXT (DNS_NAME_TEXT + DNS_ADDRESS_TEXT + DNS_TYPE_TEXT + 24)

/* "ns 127.0.0.1:5301 A app.example.com" */
static const char *whom(const struct dns_question *question, char buffer[WHOM_TEXT])
{
    char address[DNS_ADDRESS_TEXT];
    char name[DNS_NAME_TEXT];
    char type[DNS_TYPE_TEXT];
    snprintf(buffer, WHOM_TEXT,
             question->server.family == 6 ? "%s [%s]:%d %s %s" : "%s %s:%d %s %s",
             question->query.recurse ? "resolver" : "ns",
             dns_address_text(&question->server, address), question->port,
             dns_type_text(question->query.type, type), dns_name_text(&question->query.name, name));
    return buffer;
}

static void trace_ask(struct dns_exchange *exchange, const struct pending *pending)
{
    char text[WHOM_TEXT];
    if (dr_task_traces(exchange->task, 2))
        dr_task_trace(exchange->task, 2, "ask %s (%s, try %u%s)", whom(&pending->question, text),
                      pending->over_tcp ? "tcp" : "udp", pending->question.tries,
                      pending->question.no_edns ? ", without EDNS" : "");
}

static void trace_dropped(struct dns_exchange *exchange, const struct pending *pending)
{
    char text[WHOM_TEXT];
    if (dr_task_traces(exchange->task, 3))
        dr_task_trace(exchange->task, 3, "dropped a reply to another question from %s",
                      whom(&pending->question, text));
}

static void trace_end(struct dns_exchange *exchange, const struct dns_question *question)
{
    char text[WHOM_TEXT];
    char rcode[DNS_RCODE_TEXT];
    if (!dr_task_traces(exchange->task, 3))
        return;
    whom(question, text);
    if (question->delivery != DNS_DELIVERED) {
        dr_task_trace(exchange->task, 3, "%s: %s, after %.4f s", text, question->words,
                      question->seconds);
        return;
    }
    const struct dns_message *reply = &question->reply;
    size_t counts[DNS_ADDITIONAL + 1] = {0};
    for (size_t i = 0; i < reply->record_count; i++)
        counts[reply->records[i].section]++;
    dr_task_trace(exchange->task, 3, "%s: %s%s%s%s%s, records %zu+%zu+%zu, %.4f s (%s)", text,
                  dns_rcode_text(reply->rcode, rcode), reply->authoritative ? " aa" : "",
                  reply->truncated ? " tc" : "", reply->recursion_available ? " ra" : "",
                  reply->authentic ? " ad" : "", counts[DNS_ANSWER], counts[DNS_AUTHORITY],
                  counts[DNS_ADDITIONAL], question->seconds, question->tcp ? "tcp" : "udp");
}

/* ---- how a question ends ---- */

static void close_sockets(struct dns_exchange *exchange, struct pending *pending)
{
    for (unsigned i = 0; i < exchange->rules.tries; i++) {
        if (pending->attempts[i].fd >= 0)
            close(pending->attempts[i].fd);
        pending->attempts[i].fd = -1;
    }
    dns_connection_close(&pending->connection);
}

static void end(struct dns_exchange *exchange, struct pending *pending, enum dns_delivery delivery)
{
    struct dns_question *question = &pending->question;
    close_sockets(exchange, pending);
    question->delivery = delivery;
    if (pending->started > 0)
        question->seconds = dr_monotonic() - pending->started;
    if (delivery == DNS_DELIVERED) {
        question->tcp = pending->over_tcp;
        exchange->ended_bytes += question->reply.size;
    }
    list_add(&exchange->ended, pending);
}

/* Sets the words: printf style, cut where there are too many. */
__attribute__((format(printf, 2, 3))) static void say(struct pending *pending, const char *format,
                                                      ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(pending->question.words, sizeof pending->question.words, format, arguments);
    va_end(arguments);
}

static const char *failure_words(int failure)
{
    switch (failure) {
    case ECONNREFUSED:
        return "connection refused";
    case ECONNRESET:
    case EPIPE:
        return "connection reset";
    case EHOSTUNREACH:
        return "host unreachable";
    case ENETUNREACH:
        return "network unreachable";
    case EADDRNOTAVAIL:
        return "no such address here";
    case EACCES:
    case EPERM:
        return "not permitted";
    default:
        return strerror(failure);
    }
}

/* The tries over TCP are used up, or another one is of no use. */
static void end_tcp(struct dns_exchange *exchange, struct pending *pending,
                    enum dns_delivery otherwise)
{
    if (pending->truncated) {
        char words[sizeof pending->question.words];
        memcpy(words, pending->question.words, sizeof words);
        say(pending, "truncated over UDP; over TCP: %s", words);
        otherwise = DNS_NO_TCP;
    }
    end(exchange, pending, otherwise);
}

/* What was seen instead of a reply to this question, behind the sentence that there was none. */
static void say_silence(struct dns_exchange *exchange, struct pending *pending)
{
    char rcode[DNS_RCODE_TEXT];
    char without[48] = "", dropped[48] = "";
    if (pending->without != 0)
        snprintf(without, sizeof without, " to the question without EDNS (%s with it)",
                 dns_rcode_text(pending->without, rcode));
    if (pending->dropped > 0)
        snprintf(dropped, sizeof dropped, ", %u to other questions dropped", pending->dropped);
    say(pending, "no reply%s in %g s%s", without, exchange->rules.wait * exchange->rules.tries,
        dropped);
}

static void end_udp(struct dns_exchange *exchange, struct pending *pending)
{
    if (pending->unreadable[0] != '\0') {
        say(pending, "%s", pending->unreadable);
        end(exchange, pending, DNS_NOT_READABLE);
    } else if (pending->refused == exchange->rules.tries) {
        say(pending, "%s", failure_words(pending->failure));
        end(exchange, pending, DNS_REFUSED_BY_HOST);
    } else {
        say_silence(exchange, pending);
        end(exchange, pending, DNS_NO_REPLY);
    }
}

/* ---- asking ---- */

/* Only what was heard of the network says something of the server. */
static bool never_left(int failure)
{
    return failure != ECONNREFUSED && failure != ECONNRESET && failure != EHOSTUNREACH;
}

static bool no_sockets(int failure)
{
    return failure == EMFILE || failure == ENFILE || failure == ENOBUFS || failure == ENOMEM;
}

/* A socket of the family, from the address that questions come from; -1 with errno. */
static int new_socket(const struct dns_exchange *exchange, const struct dns_question *question,
                      int kind)
{
    bool six = question->server.family == 6;
    const struct dns_address *source = six ? exchange->rules.source6 : exchange->rules.source4;
    int fd = socket(six ? AF_INET6 : AF_INET, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || source == NULL)
        return fd;
    struct sockaddr_storage from;
    socklen_t size = dns_address_socket(source, 0, &from);
    if (bind(fd, (const struct sockaddr *)&from, size) == 0)
        return fd;
    int failure = errno;
    close(fd);
    errno = failure;
    return -1;
}

/* Writes the question of one try, with an id of its own; 0 where there is none. */
static size_t write_question(struct pending *pending, uint16_t *id, uint8_t bytes[DNS_QUERY_MAX])
{
    if (getentropy(id, sizeof *id) != 0)
        return 0;
    pending->question.query.id = *id;
    return dns_query_write(&pending->question.query, bytes, DNS_QUERY_MAX);
}

/* Errors of ICMP that are no end for TCP (host unreachable) are reported for UDP only on request:
 * without it such a server would be waited for. */
static void ask_for_errors(int fd, int family)
{
    int on = 1;
    if (family == 6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    else
        setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
}

/* 0, or an errno. */
static int send_udp(struct dns_exchange *exchange, struct pending *pending, struct attempt *attempt,
                    const uint8_t *bytes, size_t size)
{
    struct sockaddr_storage server;
    const struct dns_question *question = &pending->question;
    socklen_t server_size = dns_address_socket(&question->server, question->port, &server);
    int fd = new_socket(exchange, question, SOCK_DGRAM);
    if (fd < 0)
        return errno;
    ask_for_errors(fd, question->server.family);
    if (connect(fd, (const struct sockaddr *)&server, server_size) == 0 &&
        send(fd, bytes, size, 0) == (ssize_t)size) {
        attempt->fd = fd;
        return 0;
    }
    int failure = errno;
    close(fd);
    return failure;
}

/* 0, or an errno. */
static int start_tcp(struct dns_exchange *exchange, struct pending *pending, const uint8_t *bytes,
                     size_t size)
{
    struct sockaddr_storage server;
    const struct dns_question *question = &pending->question;
    socklen_t server_size = dns_address_socket(&question->server, question->port, &server);
    int fd = new_socket(exchange, question, SOCK_STREAM);
    if (fd < 0)
        return errno;
    if (dns_connection_open(&pending->connection, fd, (const struct sockaddr *)&server, server_size,
                            bytes, size))
        return 0;
    int failure = pending->connection.failure;
    dns_connection_close(&pending->connection);
    return failure;
}

static bool tries_left(const struct dns_exchange *exchange, const struct pending *pending)
{
    return pending->tries < exchange->rules.tries;
}

/* A question over TCP has one connection for the time of all tries, since TCP itself repeats what
 * is lost; one that breaks leaves what remains of the time to the next. */
static void set_due(struct dns_exchange *exchange, struct pending *pending)
{
    double now = dr_monotonic();
    if (pending->started == 0)
        pending->started = now;
    if (pending->tries == 1)
        pending->last = now + exchange->rules.wait * exchange->rules.tries;
    pending->due = pending->over_tcp ? pending->last : now + exchange->rules.wait;
}

/* The next try: 0, or an errno. */
static int ask_once(struct dns_exchange *exchange, struct pending *pending)
{
    uint8_t bytes[DNS_QUERY_MAX];
    struct attempt *attempt = &pending->attempts[pending->tries];
    size_t size = write_question(pending, &attempt->id, bytes);
    if (size == 0)
        return EMSGSIZE;
    pending->connection_id = attempt->id;
    int failure = pending->over_tcp ? start_tcp(exchange, pending, bytes, size)
                                    : send_udp(exchange, pending, attempt, bytes, size);
    if (no_sockets(failure)) {
        pending->due = dr_monotonic() + SOCKET_WAIT;
        return failure;
    }
    pending->tries++;
    pending->question.tries++;
    set_due(exchange, pending);
    trace_ask(exchange, pending);
    return failure;
}

/* The next try, and those behind it where it is refused at once. Ends the question where none is
 * under way. */
static void ask_again(struct dns_exchange *exchange, struct pending *pending)
{
    while (tries_left(exchange, pending)) {
        int failure = ask_once(exchange, pending);
        if (failure == 0 || no_sockets(failure))
            return;
        pending->failure = failure;
        pending->refused++;
        say(pending, "%s", failure_words(failure));
        if (!never_left(failure))
            continue;
        if (pending->over_tcp)
            end_tcp(exchange, pending, DNS_NO_WAY);
        else
            end(exchange, pending, DNS_NO_WAY);
        return;
    }
    if (pending->over_tcp)
        end_tcp(exchange, pending, DNS_REFUSED_BY_HOST);
    else if (pending->refused == exchange->rules.tries)
        end_udp(exchange, pending);
}

/* The same question anew: over TCP, or without EDNS. */
static void ask_otherwise(struct dns_exchange *exchange, struct pending *pending)
{
    close_sockets(exchange, pending);
    pending->tries = 0;
    pending->refused = 0;
    pending->unreadable[0] = '\0';
    ask_again(exchange, pending);
}

/* ---- replies ---- */

/* Without EDNS the question is another one, and a server that knows none of it answers that. */
static bool wants_no_edns(const struct pending *pending, unsigned rcode)
{
    return pending->question.query.edns &&
           (rcode == DNS_FORMERR || rcode == DNS_NOTIMP || rcode == DNS_BADVERS);
}

static void take_reply(struct dns_exchange *exchange, struct pending *pending,
                       struct dns_message *reply)
{
    struct dns_question *question = &pending->question;
    if (wants_no_edns(pending, reply->rcode)) {
        pending->without = reply->rcode;
        question->query.edns = false;
        question->query.dnssec = false;
        question->no_edns = true;
        dns_message_free(reply);
        ask_otherwise(exchange, pending);
    } else if (reply->truncated && !pending->over_tcp) {
        dns_message_free(reply);
        pending->over_tcp = true;
        pending->truncated = true;
        ask_otherwise(exchange, pending);
    } else {
        question->reply = *reply;
        question->words[0] = '\0';
        end(exchange, pending, DNS_DELIVERED);
    }
}

/* A server that cuts its reply in the middle of a record has said so, and says the rest over TCP:
 * the header alone is read then. */
static bool cut_reply(const uint8_t *bytes, size_t size, uint16_t id)
{
    return size >= 12 && ((bytes[0] << 8) | bytes[1]) == id && (bytes[2] & 0xfa) == 0x82;
}

/* Bytes that came over UDP to the socket of this try. */
static void read_datagram(struct dns_exchange *exchange, struct pending *pending,
                          const struct attempt *attempt, size_t size)
{
    struct dns_message reply;
    struct dr_error error;
    if (!dns_message_read(exchange->datagram, size, &reply, &error)) {
        if (cut_reply(exchange->datagram, size, attempt->id))
            reply = (struct dns_message){.truncated = true};
        else {
            snprintf(pending->unreadable, sizeof pending->unreadable, "%.*s",
                     (int)sizeof pending->unreadable - 1, error.text);
            return;
        }
    } else {
        pending->question.query.id = attempt->id;
        if (!dns_message_answers(&reply, &pending->question.query)) {
            dns_message_free(&reply);
            pending->dropped++;
            trace_dropped(exchange, pending);
            return;
        }
    }
    take_reply(exchange, pending, &reply);
}

/* ICMP has answered for the server. */
static void try_refused(struct dns_exchange *exchange, struct pending *pending,
                        struct attempt *attempt, int failure)
{
    bool latest = attempt == &pending->attempts[pending->tries - 1];
    close(attempt->fd);
    attempt->fd = -1;
    pending->refused++;
    pending->failure = failure;
    if (pending->refused == exchange->rules.tries)
        end_udp(exchange, pending);
    else if (latest && tries_left(exchange, pending))
        ask_again(exchange, pending);
}

static void hear_udp(struct dns_exchange *exchange, struct pending *pending,
                     struct attempt *attempt)
{
    int fd = attempt->fd;
    for (int i = 0; i < DATAGRAMS_AT_ONCE && attempt->fd == fd; i++) {
        ssize_t size = recv(fd, exchange->datagram, DNS_MESSAGE_MAX, 0);
        if (size >= 0)
            read_datagram(exchange, pending, attempt, (size_t)size);
        else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return;
        else
            try_refused(exchange, pending, attempt, errno);
    }
}

static void say_half(struct pending *pending, const char *then)
{
    const struct dns_connection *connection = &pending->connection;
    size_t head = sizeof connection->length;
    if (connection->got < head)
        say(pending, "half the length of a message, then %s", then);
    else
        say(pending, "%zu of %zu bytes of a message, then %s", connection->got - head,
            connection->in_size, then);
}

static void tcp_broken(struct dns_exchange *exchange, struct pending *pending)
{
    const struct dns_connection *connection = &pending->connection;
    bool half = dns_connection_half(connection);
    const char *words =
        connection->failure == 0 ? "connection closed" : failure_words(connection->failure);
    if (half)
        say_half(pending, words);
    else
        say(pending, "%s", words);
    dns_connection_close(&pending->connection);
    if (tries_left(exchange, pending))
        ask_again(exchange, pending);
    else
        end_tcp(exchange, pending, half ? DNS_NOT_READABLE : DNS_REFUSED_BY_HOST);
}

static void tcp_arrived(struct dns_exchange *exchange, struct pending *pending)
{
    struct dns_message reply;
    struct dr_error error;
    const struct dns_connection *connection = &pending->connection;
    if (!dns_message_read(connection->in, connection->in_size, &reply, &error)) {
        say(pending, "%.*s", (int)sizeof pending->question.words - 1, error.text);
        end_tcp(exchange, pending, DNS_NOT_READABLE);
        return;
    }
    pending->question.query.id = pending->connection_id;
    if (dns_message_answers(&reply, &pending->question.query)) {
        take_reply(exchange, pending, &reply);
        return;
    }
    dns_message_free(&reply);
    trace_dropped(exchange, pending);
    say(pending, "it answered another question");
    end_tcp(exchange, pending, DNS_NOT_READABLE);
}

static void hear_tcp(struct dns_exchange *exchange, struct pending *pending)
{
    switch (dns_connection_move(&pending->connection)) {
    case DNS_UNDER_WAY:
        return;
    case DNS_ARRIVED:
        tcp_arrived(exchange, pending);
        return;
    case DNS_BROKEN:
        tcp_broken(exchange, pending);
        return;
    }
}

/* ---- the loop ---- */

/* Those that have ended make room for those that wait. */
static void fill(struct dns_exchange *exchange)
{
    size_t kept = 0;
    for (size_t i = 0; i < exchange->open_count; i++)
        if (exchange->open[i]->question.delivery == DNS_PENDING)
            exchange->open[kept++] = exchange->open[i];
    exchange->open_count = kept;
    while (exchange->open_count < exchange->open_max && exchange->waiting.first != NULL &&
           dr_task_left(exchange->task) > 0) {
        struct pending *pending = list_take(&exchange->waiting);
        ask_again(exchange, pending);
        if (pending->question.delivery == DNS_PENDING)
            exchange->open[exchange->open_count++] = pending;
    }
}

static void add_poller(struct dns_exchange *exchange, size_t *count, struct pending *pending,
                       struct attempt *attempt)
{
    const struct dns_connection *connection = &pending->connection;
    exchange->pollers[*count] = (struct poller){.pending = pending, .attempt = attempt};
    exchange->polled[*count] =
        attempt != NULL
            ? (struct pollfd){.fd = attempt->fd, .events = POLLIN}
            : (struct pollfd){.fd = connection->fd, .events = dns_connection_events(connection)};
    (*count)++;
}

/* What is listened to; *until is brought forward to the first question that is due. */
static size_t gather(struct dns_exchange *exchange, double *until)
{
    size_t count = 0;
    for (size_t i = 0; i < exchange->open_count; i++) {
        struct pending *pending = exchange->open[i];
        if (pending->due < *until)
            *until = pending->due;
        if (pending->connection.fd >= 0)
            add_poller(exchange, &count, pending, NULL);
        for (unsigned j = 0; j < pending->tries && !pending->over_tcp; j++)
            if (pending->attempts[j].fd >= 0)
                add_poller(exchange, &count, pending, &pending->attempts[j]);
    }
    return count;
}

/* False where not everything was heard: what has ended must be handed over first. */
static bool hear(struct dns_exchange *exchange, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct poller *poller = &exchange->pollers[i];
        int fd = exchange->polled[i].fd;
        if (exchange->polled[i].revents == 0)
            continue;
        if (exchange->ended_bytes > ENDED_BYTES_MAX)
            return false;
        /* What was heard before may have closed it. */
        if (poller->attempt != NULL && poller->attempt->fd == fd)
            hear_udp(exchange, poller->pending, poller->attempt);
        else if (poller->attempt == NULL && poller->pending->connection.fd == fd)
            hear_tcp(exchange, poller->pending);
    }
    return true;
}

static void expire_tcp(struct dns_exchange *exchange, struct pending *pending)
{
    bool half = dns_connection_half(&pending->connection);
    if (half)
        say_half(pending, "silence");
    else
        say_silence(exchange, pending);
    end_tcp(exchange, pending, half ? DNS_NOT_READABLE : DNS_NO_REPLY);
}

static void expire(struct dns_exchange *exchange)
{
    double now = dr_monotonic();
    for (size_t i = 0; i < exchange->open_count; i++) {
        struct pending *pending = exchange->open[i];
        if (pending->question.delivery != DNS_PENDING || pending->due > now)
            continue;
        if (pending->connection.fd >= 0)
            expire_tcp(exchange, pending);
        else if (tries_left(exchange, pending))
            ask_again(exchange, pending);
        else
            end_udp(exchange, pending);
    }
}

static void end_late(struct dns_exchange *exchange, struct pending *pending)
{
    if (pending->question.tries == 0)
        say(pending, "not asked: the time was up");
    else if (pending->truncated)
        say(pending, "truncated over UDP; over TCP: no reply when the time was up");
    else if (pending->unreadable[0] != '\0')
        say(pending, "%s; nothing else when the time was up", pending->unreadable);
    else
        say(pending, "no reply when the time was up");
    end(exchange, pending, DNS_NO_REPLY);
}

/* The task's time is up. */
static void end_all(struct dns_exchange *exchange)
{
    struct pending *pending;
    for (size_t i = 0; i < exchange->open_count; i++)
        if (exchange->open[i]->question.delivery == DNS_PENDING)
            end_late(exchange, exchange->open[i]);
    while ((pending = list_take(&exchange->waiting)) != NULL)
        end_late(exchange, pending);
}

/* One round: what has come is heard before anything is taken for lost, however late the caller is.
 */
static void turn(struct dns_exchange *exchange)
{
    double now = dr_monotonic();
    double left = dr_task_left(exchange->task);
    double until = now + left;
    size_t count = gather(exchange, &until);
    int wait = until > now ? (int)((until - now) * 1000) + 1 : 0;
    if (poll(exchange->polled, (nfds_t)count, wait) > 0 && !hear(exchange, count))
        return;
    if (left > 0)
        expire(exchange);
    else
        end_all(exchange);
}

struct dns_question *dns_exchange_next(struct dns_exchange *exchange)
{
    fill(exchange); /* forgets the one that is freed here */
    if (exchange->handed != NULL) {
        dns_message_free(&exchange->handed->question.reply);
        free(exchange->handed);
    }
    while (exchange->ended.first == NULL &&
           (exchange->open_count > 0 || exchange->waiting.first != NULL)) {
        turn(exchange);
        fill(exchange);
    }
    exchange->handed = list_take(&exchange->ended);
    if (exchange->handed == NULL)
        return NULL;
    struct dns_question *question = &exchange->handed->question;
    exchange->ended_bytes -= question->reply.size;
    trace_end(exchange, question);
    return question;
}

/* ---- from the beginning to the end ---- */

/* So many questions at once that half of the process's sockets remain for others. */
static size_t room_for(const struct dns_exchange_rules *rules)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return DNS_EXCHANGE_OPEN;
    rlim_t room = limit.rlim_cur / 2 / rules->tries;
    if (room < 1)
        return 1;
    return room < DNS_EXCHANGE_OPEN ? (size_t)room : DNS_EXCHANGE_OPEN;
}

struct dns_exchange *dns_exchange_new(struct dr_task *task, const struct dns_exchange_rules *rules)
{
    struct dns_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return NULL;
    exchange->task = task;
    exchange->rules = *rules;
    exchange->open_max = room_for(rules);
    exchange->polled = calloc(exchange->open_max * rules->tries, sizeof *exchange->polled);
    exchange->pollers = calloc(exchange->open_max * rules->tries, sizeof *exchange->pollers);
    exchange->datagram = malloc(DNS_MESSAGE_MAX);
    if (exchange->polled != NULL && exchange->pollers != NULL && exchange->datagram != NULL)
        return exchange;
    dns_exchange_free(exchange);
    return NULL;
}

bool dns_exchange_ask(struct dns_exchange *exchange, const struct dns_question *question)
{
    unsigned tries = exchange->rules.tries;
    struct pending *pending = calloc(1, sizeof *pending + tries * sizeof pending->attempts[0]);
    if (pending == NULL)
        return false;
    pending->question = (struct dns_question){
        .query = question->query,
        .server = question->server,
        .port = question->port,
        .tcp_only = question->tcp_only,
        .context = question->context,
        .purpose = question->purpose,
    };
    pending->over_tcp = question->tcp_only;
    dns_connection_none(&pending->connection);
    for (unsigned i = 0; i < tries; i++)
        pending->attempts[i].fd = -1;
    list_add(&exchange->waiting, pending);
    fill(exchange);
    return true;
}

static void drop(struct dns_exchange *exchange, struct pending *pending)
{
    close_sockets(exchange, pending);
    dns_message_free(&pending->question.reply);
    free(pending);
}

void dns_exchange_free(struct dns_exchange *exchange)
{
    if (exchange == NULL)
        return;
    struct pending *pending;
    for (size_t i = 0; i < exchange->open_count; i++)
        if (exchange->open[i]->question.delivery == DNS_PENDING)
            drop(exchange, exchange->open[i]);
    while ((pending = list_take(&exchange->waiting)) != NULL)
        drop(exchange, pending);
    while ((pending = list_take(&exchange->ended)) != NULL)
        drop(exchange, pending);
    if (exchange->handed != NULL)
        drop(exchange, exchange->handed);
    free(exchange->polled);
    free(exchange->pollers);
    free(exchange->datagram);
    free(exchange);
}
