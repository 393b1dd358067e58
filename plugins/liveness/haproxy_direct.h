/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --direct: the servers behind a balancer asked by their addresses. */
#ifndef LIVENESS_HAPROXY_DIRECT_H
#define LIVENESS_HAPROXY_DIRECT_H

#include "common/run.h"
#include "plugins/liveness/facts.h"
#include "plugins/liveness/haproxy_read.h"

/* Asks each server of the pools that are looked at for the URL of --direct, where that is given,
 * and adds what came back to the server's own unit. Those that are taken out are not asked: that
 * one of them answers makes it neither alive, since nobody is sent there, nor active. A server
 * whose address is not in the table gets a sign that says so. False with the error set only for
 * what is our own fault. */
bool liv_haproxy_direct(struct dr_task *task, const struct liv_haproxy_table *table,
                        struct liv_facts *facts, struct dr_error *error);

#endif
