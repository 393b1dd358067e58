/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one node of RabbitMQ says of itself and of its cluster: replies of the management API as
 * facts. The list of queues is read by rabbitmq_queues.h, policies by rabbitmq_policies.h.
 *
 * Every function reads a whole reply, terminated, and returns false with the error set (PROTOCOL,
 * or INTERNAL without memory) where it is no such reply. Nothing of such a one is left in a list of
 * the view. Members we do not know are passed. */
#ifndef QUEUES_RABBITMQ_READ_H
#define QUEUES_RABBITMQ_READ_H

#include "plugins/queues/facts.h"

/* api/whoami: user and tags. */
bool rabbitmq_read_whoami(const char *text, struct que_view *view, struct dr_error *error);

/* api/overview: which node answers, its version, how many queues there are. */
bool rabbitmq_read_overview(const char *text, struct que_view *view, struct dr_error *error);

/* api/nodes: the members of the cluster as this node sees them. */
bool rabbitmq_read_nodes(const char *text, struct que_view *view, struct dr_error *error);

/* api/health/checks/alarms: both answers of it, 200 and 503. */
bool rabbitmq_read_alarms(const char *text, struct que_view *view, struct dr_error *error);

/* api/health/checks/certificate-expiration/N/days: the same. */
bool rabbitmq_read_certificates(const char *text, struct que_view *view, struct dr_error *error);

/* api/vhosts: their names. */
bool rabbitmq_read_vhosts(const char *text, struct que_view *view, struct dr_error *error);

/* api/shovels, api/federation-links: added to the links; kind: "shovel", "federation". */
bool rabbitmq_read_links(const char *text, const char *kind, struct que_view *view,
                         struct dr_error *error);

/* api/parameters/shovel, of which names are enough: added to the links, without a state. */
bool rabbitmq_read_defined(const char *text, struct que_view *view, struct dr_error *error);

/* Takes out what is defined and listed as well, once everything is read: what is left without a
 * state is not listed. */
void rabbitmq_settle_links(struct que_view *view);

#endif
