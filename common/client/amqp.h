/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to one AMQP 0-9-1 broker (RabbitMQ, LavinMQ), for every source that talks to one.
 *
 * librabbitmq writes and reads methods, tables and properties; frames and the socket are ours
 * (stream.h). Its own sockets look for a certificate's host names only, so that an address never
 * matches, and before 0.14 know no system CAs; its timeouts start anew with each call, and its
 * frames are as large as the server likes. A frame is at most 8 KiB here: no message of ours needs
 * more, a hostile one finds no room, and tables cannot nest deeper than the stack of a task. No
 * heartbeats are wanted: a connection lasts as long as its task at most.
 *
 * Logs in with the URI's user and the target's password (PLAIN); without a user with the client
 * certificate where there is one (EXTERNAL), else as guest. */
#ifndef DR_CLIENT_AMQP_H
#define DR_CLIENT_AMQP_H

#include "common/buffer.h"
#include "common/client/stream.h"

/* The headers have moved in 0.11, and the old names warn since 0.14. */
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#endif

#define DR_AMQP_FRAME_MAX 8192
#define DR_AMQP_SHORT_MAX 255 /* bytes of a name */

/* What a wait came to. */
enum dr_amqp_event {
    DR_AMQP_FAILED = 0, /* the error is set, the connection of no more use */
    DR_AMQP_LATE,       /* the time is up; the error says so, too. The connection goes on */
    DR_AMQP_BLOCKED,    /* the server has just said that it takes no messages: `blocked` */
    DR_AMQP_CLOSED,     /* the server has closed the channel: `code`, `text`. The others go on */
    DR_AMQP_METHOD,     /* `method` */
    DR_AMQP_CONTENT     /* a message: `correlation`; where they are wanted `header` and `body` */
};

/* Start with task, error and name set, where bodies are wanted body_max, and the rest zero; end
 * with dr_amqp_close in any case. */
struct dr_amqp {
    struct dr_task *task;
    struct dr_error *error;
    const char *name;      /* of the connection, for the administrators of the server */
    size_t body_max;       /* bytes of a message's body; 0: bodies are left out */
    size_t receive_max;    /* bytes that the server may send altogether; 0: 1 MiB */
    const char *wanted;    /* a header of messages, static text; NULL */
    char header[128];      /* its value, where that is a text; "" */
    struct dr_buffer body; /* of the message; nothing is in it where it is longer than body_max */
    char *product;         /* "RabbitMQ", "LavinMQ"; clean text; owned; NULL: not said */
    char *version;         /* of the server, the same */
    char *cluster;         /* its name, the same */
    char *blocked;         /* publishers are blocked now: why, clean text; owned; NULL */
    amqp_method_t method;  /* valid until the next call */
    char correlation[128]; /* correlation-id; "" */
    int code;              /* reply-code of the close of a channel, or of the connection */
    char text[200];        /* its reply-text */
    /* its own */
    const char *vhost;
    struct dr_stream stream;
    amqp_pool_t pool;
    bool pool_made;
    struct dr_buffer out;
    unsigned char in[DR_AMQP_FRAME_MAX];
    size_t in_size; /* bytes in it */
    size_t in_used; /* of those, of the frame before */
};

/* Resolves, connects, with TLS for schemes whose last word is amqps, and logs in to `vhost`, which
 * must stay. */
bool dr_amqp_open(struct dr_amqp *amqp, const char *vhost);

/* Politely only where nothing was late: says goodbye and waits for the answer, a second at most. By
 * then the server has removed what was exclusive to the connection. */
void dr_amqp_close(struct dr_amqp *amqp, bool politely);

/* Adds a method, with its fields (amqp_framing.h), to what is sent next. False with the error
 * set. */
bool dr_amqp_add(struct dr_amqp *amqp, amqp_channel_t channel, amqp_method_number_t id,
                 void *fields);

/* Adds the content that follows basic.publish. */
bool dr_amqp_add_content(struct dr_amqp *amqp, amqp_channel_t channel,
                         amqp_basic_properties_t *properties, const char *body);

/* Sends what was added and waits for what comes next on the channel, until `until` (monotonic; 0:
 * the task's time) at most. `stage` is static text. */
enum dr_amqp_event dr_amqp_wait(struct dr_amqp *amqp, amqp_channel_t channel, double until,
                                const char *stage);

/* dr_amqp_add, and dr_amqp_wait until the method `reply` comes; methods before it are left out. */
enum dr_amqp_event dr_amqp_ask(struct dr_amqp *amqp, amqp_channel_t channel,
                               amqp_method_number_t id, void *fields, amqp_method_number_t reply,
                               double until, const char *stage);

/* Clean text of at most `most` bytes, which the caller frees; NULL when out of memory. */
char *dr_amqp_text(amqp_bytes_t bytes, size_t most);

#endif
