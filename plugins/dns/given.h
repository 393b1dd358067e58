/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers and resolvers as they are given on the command line. */
#ifndef DNS_GIVEN_H
#define DNS_GIVEN_H

#include "common/options.h"
#include "common/target.h"
#include "plugins/dns/request.h"

#define DNS_PORT 53
#define DNS_GIVEN_MAX 64

struct dns_givens {
    struct dns_given *items; /* labels and names are owned */
    size_t count;
};

/* Adds each "[LABEL=]ADDRESS[:PORT]" of the list; `port` where none is written. False with a USAGE
 * error that begins with the option. */
bool dns_givens_add(struct dns_givens *givens, const struct dr_text_list *list, const char *option,
                    int port, struct dr_error *error);

/* Adds a copy, texts included (its server may be NULL). False when out of memory. */
bool dns_givens_append(struct dns_givens *givens, const struct dns_given *given);

/* The resolvers of this system: "nameserver" lines of a file like /etc/resolv.conf; one that cannot
 * be read has none. False when out of memory. */
bool dns_givens_add_system(struct dns_givens *givens, const char *path);

/* Adds one --resolver as a target: "[LABEL=]URI", or an address, with a port or without, or a name:
 * then it is asked over UDP. */
bool dns_resolver_add(struct dr_targets *targets, const struct dr_scheme *schemes,
                      size_t scheme_count, const char *argument, struct dr_error *error);

void dns_givens_free(struct dns_givens *givens);

#endif
