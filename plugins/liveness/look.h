/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks a list of instances for one URL, all at once, each by its address with the same Host and
 * server name, and signs the unit of each with what came back: does it work (--status, --json,
 * --header, --body), is it active or passive (--active, --passive), would it come up (--ready),
 * which version is it (--same), its certificate, its times.
 *
 * A passive instance is known by its mark alone. Where no --active is given, an instance that works
 * is active, unless it carries the mark; a refusal, or a status such as 503 that anybody on the way
 * could have sent, tells neither. */
#ifndef LIVENESS_LOOK_H
#define LIVENESS_LOOK_H

#include "plugins/liveness/access.h"

/* So many at once. */
#define LIV_LOOK_MAX 256

/* One instance to ask. */
struct liv_place_to_look {
    const char *host; /* its address, IPv6 without brackets, or its name; NULL: the URL's host, or
                         the request's Unix socket */
    int port;         /* 0: the URL's */
    size_t unit;      /* which of the facts' units it is */
};

/* Asks them for access->whole. The conditions are those of the executable's options. Adds signs
 * and figures to each unit, and where it lives; sets the facts' `what` (unless it is set) and
 * `certificate`. False with the error set only for what is nobody's but our own fault: bad
 * conditions, an unusable file of --cert, no memory. */
bool liv_look(struct dr_task *task, struct liv_facts *facts, const struct dr_web_access *access,
              const struct liv_place_to_look *places, size_t count, struct dr_error *error);

#endif
