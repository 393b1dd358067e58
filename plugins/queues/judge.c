/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/judge.h"

const struct dr_metric que_metrics[QUE_METRICS] = {
    [QUE_LOST] = {"lost", DR_UNIT_NONE,
                  "messages lost if the worst one node, host or zone dies now (of each node: "
                  "rabbit_mq1_lost)"},
    [QUE_LOST_BYTES] = {"lost_bytes", DR_UNIT_BYTES, "their bytes"},
    [QUE_LOST_QUEUES] = {"lost_queues", DR_UNIT_NONE,
                         "queues with messages that would lose some or all of them"},
    [QUE_UNAVAILABLE] = {"unavailable", DR_UNIT_NONE,
                         "queues that would stop, and keep their messages, until it is back"},
    [QUE_UNAVAILABLE_MESSAGES] = {"unavailable_messages", DR_UNIT_NONE,
                                  "messages that nobody could get until it is back"},
    [QUE_FRAGILE] = {"fragile", DR_UNIT_NONE,
                     "queues that would go on, but not survive the death of one more"},
    [QUE_QUEUE_MESSAGES] = {"messages", DR_UNIT_NONE,
                            "of each queue: messages, ready and unacknowledged"},
    [QUE_QUEUE_READY] = {"ready", DR_UNIT_NONE, "of each queue: messages that wait"},
    [QUE_QUEUE_UNACKED] = {"unacknowledged", DR_UNIT_NONE,
                           "of each queue: messages that a consumer has and has not acknowledged"},
    [QUE_QUEUE_BYTES] = {"bytes", DR_UNIT_BYTES, "of each queue: bytes of its messages"},
    [QUE_QUEUE_CONSUMERS] = {"consumers", DR_UNIT_NONE, "of each queue: its consumers"},
    [QUE_QUEUE_OLDEST] =
        {"oldest", DR_UNIT_SECONDS,
         "of each queue: age of its oldest message, or since when the same one has "
         "been at its head"},
    [QUE_QUEUE_PUBLISH_RATE] = {"publish_rate", DR_UNIT_NONE,
                                "of each queue: messages published in a second"},
    [QUE_QUEUE_ACK_RATE] = {"ack_rate", DR_UNIT_NONE,
                            "of each queue: messages acknowledged in a second"},
    [QUE_IN_FLIGHT_AGE] = {"in_flight_age", DR_UNIT_SECONDS,
                           "Celery on Redis: since when the oldest task has been with a worker"},
    [QUE_POISON] = {"poison", DR_UNIT_NONE, "Azure: messages in the queue NAME-poison"},
    [QUE_DEQUEUES] = {"dequeues", DR_UNIT_NONE,
                      "Azure: how often the most retried of the next 32 messages was taken"},
    [QUE_SYNC_AGE] = {"sync_age", DR_UNIT_SECONDS,
                      "Azure: age of what the other region has for certain"},
    [QUE_LAG_BYTES] = {"lag_bytes", DR_UNIT_BYTES,
                       "Celery on Redis: what the nearest replica lacks"},
    [QUE_FD_USED] = {"fd_used", DR_UNIT_PERCENT, "of each node: file descriptors in use"},
    [QUE_MEMORY_USED] = {"memory_used", DR_UNIT_PERCENT,
                         "Celery on Redis: memory in use, of maxmemory"},
    [QUE_PROBE_TIME] = {"probe_time", DR_UNIT_SECONDS,
                        "AMQP: from publishing the probe to its confirm"},
    [QUE_SAS_LEFT] = {"sas_left", DR_UNIT_SECONDS,
                      "Azure: until the shared access signature expires"},
};

void que_judge(const struct que_evidence *evidence, struct que_rules *rules,
               enum dr_state timeout_state, struct dr_result *result)
{
    (void)evidence;
    (void)rules;
    (void)timeout_state;
    dr_result_verdict(result, DR_UNKNOWN, "not judged yet");
}
