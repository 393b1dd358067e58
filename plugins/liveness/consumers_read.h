/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What RabbitMQ's management API says of the queues of a virtual host, of their consumers, and of
 * the channels and connections these came by: one element of each list. No I/O.
 *
 * Every function reads one object, terminated, and returns false with the error set (PROTOCOL)
 * where it is none. What was not said is "" or unknown; members we do not know are passed. */
#ifndef LIVENESS_CONSUMERS_READ_H
#define LIVENESS_CONSUMERS_READ_H

#include "common/client/rabbitmq_value.h"
#include "common/error.h"
#include "common/optional.h"

/* api/consumers/VHOST */
struct liv_consumer {
    char queue[DR_RABBITMQ_NAME_SIZE];
    char tag[DR_RABBITMQ_NAME_SIZE];
    char channel[DR_RABBITMQ_NAME_SIZE];    /* "127.0.0.1:33802 -> 127.0.0.1:5672 (1)" */
    char connection[DR_RABBITMQ_NAME_SIZE]; /* the same without the last number */
    char host[DR_RABBITMQ_NAME_SIZE];       /* of the client */
    char user[DR_RABBITMQ_NAME_SIZE];
    char status[32]; /* "up", "single_active", "waiting", "suspected_down" */
    struct dr_opt_bool active;
    struct dr_opt_int prefetch; /* 0: no limit of its own */
};
bool liv_consumers_read_consumer(const char *text, struct liv_consumer *consumer,
                                 struct dr_error *error);

/* api/queues/VHOST */
struct liv_broker_queue {
    char name[DR_RABBITMQ_NAME_SIZE];
    char type[32];
    char state[32];
    struct dr_opt_int ready;
    struct dr_opt_int unacked;
    struct dr_opt_int consumers;
    struct dr_opt_bool exclusive;
    int64_t done;   /* messages that left it by the hand of a consumer: counters */
    bool ages;      /* messages leave it when they are old */
    bool passes_on; /* what leaves it so goes elsewhere: dead letters */
    char letters[DR_RABBITMQ_NAME_SIZE]; /* the routing key of its dead letters, "" for its own */
    bool to_queue;                       /* that key is the name of a queue */
};
extern const char liv_queue_columns[];
bool liv_consumers_read_queue(const char *text, struct liv_broker_queue *queue,
                              struct dr_error *error);

/* api/vhosts/VHOST/channels */
struct liv_channel {
    char name[DR_RABBITMQ_NAME_SIZE];
    struct dr_opt_int unacked;
    struct dr_opt_int prefetch; /* of all its consumers together; 0: no such limit */
    int64_t done;               /* messages acknowledged: a counter */
};
extern const char liv_channel_columns[];
bool liv_consumers_read_channel(const char *text, struct liv_channel *channel,
                                struct dr_error *error);

/* api/vhosts/VHOST/connections */
struct liv_connection {
    char name[DR_RABBITMQ_NAME_SIZE];
    char given[DR_RABBITMQ_NAME_SIZE]; /* the name that its client has given to it; "" */
};
extern const char liv_connection_columns[];
bool liv_consumers_read_connection(const char *text, struct liv_connection *connection,
                                   struct dr_error *error);

/* api/whoami: whether it sees what others do. */
bool liv_consumers_read_whoami(const char *text, bool *sees, struct dr_error *error);

/* Queues that hold no work: of Celery's remote control and events, replies, and those that a client
 * has for itself. */
bool liv_consumers_is_work(const struct liv_broker_queue *queue);

/* The Celery worker whose mailbox that queue is: its name, false where it is none. */
bool liv_consumers_mailbox(const char *queue, char worker[DR_RABBITMQ_NAME_SIZE]);

#endif
