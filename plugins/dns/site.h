/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sites: names for what an answer may lead to. */
#ifndef DNS_SITE_H
#define DNS_SITE_H

#include "plugins/dns/facts.h"

/* "lb-dr.example.com", or "*.cdn.example.net" for every name below it. */
struct dns_host {
    struct dns_name name;
    bool below;
};

struct dns_site {
    char *name;
    struct dns_network *networks;
    size_t network_count;
    struct dns_host *hosts;
    size_t host_count;
    char *as_of; /* the date that its file bears ("# as-of: 2026-11-01"), of several files the
                    oldest; NULL */
    char *file;  /* the file that bears it, or any; NULL */
    bool hides;  /* a file says that the origin cannot be seen ("# origin: hidden") */
};

struct dns_sites {
    struct dns_site *items;
    size_t count;
};

#define DNS_SITES_MAX 32
#define DNS_SITE_ITEMS_MAX 4096

/* Adds "NAME=ITEM[,ITEM...]": addresses, networks, host names, @FILE (one item a line, "#" starts a
 * comment, at most 1 MiB). The same NAME again adds to it. False with a USAGE error that names the
 * item, or file and line; nothing is added then. What would make an answer one of two sites is an
 * error: a network that lies in one of another site, a name that another has as well; both are
 * named. So is what proves nothing: every address (/0), IPv4 addresses written as IPv6
 * (::ffff:192.0.2.1), an empty file. A site cannot be called mixed, none or unknown. */
bool dns_sites_add(struct dns_sites *sites, const char *argument, struct dr_error *error);
void dns_sites_free(struct dns_sites *sites);

/* The index of that name; DNS_SITE_NONE. */
#define DNS_SITE_NONE SIZE_MAX
size_t dns_site_find(const struct dns_sites *sites, const char *name);

/* The site that an address lies in, or that a name is of; DNS_SITE_NONE. */
size_t dns_site_of_address(const struct dns_sites *sites, const struct dns_address *address);
size_t dns_site_of_name(const struct dns_sites *sites, const char *name);

/* The site that a file says is active: its only line that is neither blank nor begins with "#"; of
 * at most 64 KiB. The caller frees *name. *age: seconds since the file was written, less than 0
 * where it bears a time of the future. False with a USAGE error: no such file, nothing in it, more
 * than one line, no name that a site can have. */
bool dns_site_read_active(const char *path, char **name, double *age, struct dr_error *error);

#endif
