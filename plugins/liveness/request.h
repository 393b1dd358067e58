/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What check_liveness asks of its sources. */
#ifndef LIVENESS_REQUEST_H
#define LIVENESS_REQUEST_H

#include "common/options.h"

/* Conditions are texts here (condition.h reads them); `prepare` has read each of them once, so that
 * a source that reads them again finds no mistake. */
struct liv_request {
    /* HTTP: whatever is asked over it */
    struct dr_text_list
        instances;      /* ADDRESS[:PORT]: ask these instead of what the name resolves to */
    const char *status; /* statuses of a unit that works: "200-204,401"; NULL: 200-299 */
    struct dr_text_list
        health; /* conditions that a unit that works fulfils (--json, --body, --header) */
    struct dr_text_list active; /* conditions that an active unit fulfils, all of them */
    struct dr_text_list
        passive; /* the same of a passive one. None: it cannot be told to be passive */
    struct dr_text_list ready; /* conditions that a passive unit fulfils that could become active */
    struct dr_text_list same;  /* "/pointer" or "header:NAME": reported as the unit's version */
    struct dr_text_list headers; /* "Name: value" to send */
    const char *direct;          /* a URL that each server of a load balancer is asked for; NULL */
    int redirects;               /* to follow, within the site */
    const char *cacert;          /* files; NULL */
    const char *cert;
    const char *key;
    const char *token_file; /* a bearer token, read at each run; NULL */
    bool insecure;
    bool proxy_protocol;
    /* pools */
    struct dr_text_list pools; /* names (globs) of pools that are looked at; empty: all */
    double idle;               /* a passive pool has had no session for so long, seconds */
    /* workers and schedulers */
    double
        heartbeat; /* a sign of life is young up to this age, seconds; 0: the product's own rule */
    double task_limit;          /* a task may run for so long, seconds */
    double overdue;             /* an entry of a schedule may be late by so much, seconds */
    double watch;               /* look twice, so many seconds apart; 0: once */
    struct dr_text_list queues; /* of tasks; empty: those that are known to the broker */
    struct dr_text_list keys;   /* of canaries */
};

/* Checks what sources read of it later: conditions, headers, addresses. False with a USAGE error
 * that names the option; that of a header does not show its value. */
bool liv_request_check(const struct liv_request *request, struct dr_error *error);

/* "192.0.2.11", "192.0.2.11:8443", "2001:db8::11", "[2001:db8::11]:8443": the address without
 * brackets and as inet_ntop writes it, and the port, 0 where there is none. False with a USAGE
 * error for anything else. */
#define LIV_ADDRESS_SIZE 80
bool liv_instance_read(const char *text, char address[LIV_ADDRESS_SIZE], int *port,
                       struct dr_error *error);

#endif
