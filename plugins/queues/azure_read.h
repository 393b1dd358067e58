/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of Azure Queue Storage as facts. Moments are seconds since the epoch, and `now` is the
 * server's clock when it answered. */
#ifndef QUEUES_AZURE_READ_H
#define QUEUES_AZURE_READ_H

#include "common/client/azure_read.h"
#include "common/client/http.h"
#include "plugins/queues/facts.h"

/* How many messages are looked at: the most that one request may ask for. */
#define QUE_AZURE_PEEK "32"

/* The longest name of a queue. */
#define QUE_AZURE_NAME_MAX 63

/* Whether it can be the name of a queue: 3 to 63 lower case letters, digits and single hyphens, a
 * letter or digit at both ends ("Naming Queues and Metadata"). */
bool que_azure_is_name(const char *name);

/* Reads the header x-ms-approximate-messages-count. False with a PROTOCOL error where there is no
 * whole number in it. */
bool que_azure_read_count(const struct dr_http_reply *reply, struct dr_opt_int *count,
                          struct dr_error *error);

/* Reads a list of messages that were looked at: `peeked`, `oldest` and `dequeues`. False with a
 * PROTOCOL error when it is none, or a message lacks its InsertionTime or DequeueCount or is from
 * the future. */
bool que_azure_read_messages(const struct dr_buffer *body, double now, struct que_cloud *cloud,
                             struct dr_error *error);

/* Reads the statistics: `geo_status` and `sync_age`. False with a PROTOCOL error when they are none
 * or of a status that is not known. */
bool que_azure_read_stats(const struct dr_buffer *body, double now, struct que_cloud *cloud,
                          struct dr_error *error);

/* The queue as a roster of its own, with as many messages as there are at least: the count lags
 * behind. NULL when out of memory. */
struct que_roster *que_azure_roster(const char *account, const char *queue,
                                    const struct que_cloud *cloud);

#endif
