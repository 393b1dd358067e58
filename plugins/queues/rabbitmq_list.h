/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several questions to one node at once, and the list of queues, which is made of such. */
#ifndef QUEUES_RABBITMQ_LIST_H
#define QUEUES_RABBITMQ_LIST_H

#include "common/client/rabbitmq_access.h"
#include "plugins/queues/facts.h"

/* Who asks whom. */
struct rabbitmq_asker {
    struct dr_task *task;
    struct dr_http *http;
    const struct dr_rabbitmq_access *access;
};

/* Reads a reply: false with the error set where it is none. */
typedef bool rabbitmq_taker(const struct dr_http_reply *reply, void *context,
                            struct dr_error *error);

struct rabbitmq_question {
    enum que_question ask;
    const char *path; /* below api/ */
    rabbitmq_taker *take;
    void *context;
    dr_http_sink *sink; /* where a long reply goes while it comes in; NULL */
    void *sink_context;
    bool check;     /* a health check: 503 is an answer, too */
    double seconds; /* it may take */
};

#define RABBITMQ_QUESTIONS_MAX 9

/* Asks up to RABBITMQ_QUESTIONS_MAX at once, and says of each in replies[ask] what came of it.
 * False with the error set (INTERNAL) only where nothing could be asked. */
bool rabbitmq_ask(const struct rabbitmq_asker *asker, const struct rabbitmq_question *questions,
                  size_t count, struct que_reply *replies, struct dr_error *error);

/* The list of queues, its figures, policies and virtual hosts, and, where asked for, shovels and
 * federation links. *taken tells whether it was read to its end: then facts->roster is there, else
 * NULL. What came of each question is in the view's replies. False as above. */
bool rabbitmq_take_list(const struct rabbitmq_asker *asker, struct que_facts *facts, bool *taken,
                        struct dr_error *error);

#endif
