/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From HAProxy's table to units and signs. No I/O. */
#ifndef LIVENESS_HAPROXY_UNITS_H
#define LIVENESS_HAPROXY_UNITS_H

#include "plugins/liveness/facts.h"
#include "plugins/liveness/haproxy_read.h"

/* Adds a unit for
 *
 *   - each server, "app/app1" of the pool "app", which lives at its address where that is told; but
 *     for one that is spare (haproxy_read.h), which stands for no instance;
 *   - each backend, LIV_POOL "app". A section with both a frontend and a backend and without
 *     servers serves by itself (the page of statistics, a redirect): it is a pool only where
 *     `named` says that the user names the pools, and so means it;
 *   - each frontend, LIV_POOL "frontend web" of the pool "web".
 *
 * `idle`: a backend is in use when its last session is younger (seconds). False with a PROTOCOL
 * error where a backend's own line is missing among those of its servers. */
bool liv_haproxy_units(const struct liv_haproxy_table *table, double idle, bool named,
                       struct liv_facts *facts, struct dr_error *error);

/* Where a server lives: its address without the port and the brackets of IPv6, as much as fits, and
 * its port (0: that of the client's connection). False where that is not told, or is no address and
 * port ("unix"). */
bool liv_haproxy_place(const struct liv_haproxy_row *row, char *host, size_t size, int *port);

#endif
