/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What check_queue_mirrors asks of its sources. */
#ifndef QUEUES_REQUEST_H
#define QUEUES_REQUEST_H

#include "common/options.h"
#include "plugins/queues/board.h"

enum que_detail {
    QUE_DETAIL_AUTO = 0, /* everything up to QUE_DETAIL_QUEUES queues, beyond only the totals */
    QUE_DETAIL_FULL,
    QUE_DETAIL_TOTALS
};
#define QUE_DETAIL_QUEUES 10000

enum que_probe { QUE_PROBE_NONE = 0, QUE_PROBE_CLASSIC, QUE_PROBE_QUORUM, QUE_PROBE_BOTH };

struct que_request {
    struct que_board *board;    /* where the targets of one cluster meet */
    enum que_detail detail;     /* RabbitMQ: how much is asked of each queue */
    bool links;                 /* RabbitMQ: shovels and federation links are wanted */
    int64_t certificate_days;   /* RabbitMQ: certificates that expire within are reported */
    enum que_probe probe;       /* AMQP */
    const char *probe_queue;    /* AMQP: the name of our quorum queue, which AMQP allows */
    struct dr_text_list queues; /* Celery: whose backlog; empty: those of the bindings */
    double visibility_timeout;  /* Celery: seconds */
};

#endif
