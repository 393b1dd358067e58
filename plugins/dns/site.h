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
    char *as_of; /* the date that its file bears ("# as-of: 2026-11-01"); NULL */
    char *file;  /* the file, where there is one; NULL */
    bool hides;  /* its file says that the origin cannot be seen ("# origin: hidden") */
};

struct dns_sites {
    struct dns_site *items;
    size_t count;
};

#define DNS_SITES_MAX 32
#define DNS_SITE_ITEMS_MAX 4096

/* Adds "NAME=ITEM[,ITEM...]": addresses, networks, host names, @FILE (one item a line, "#" starts a
 * comment). The same NAME again adds to it. False with a USAGE error that names the item, or file
 * and line; nothing is added then. A network of one site that lies in one of another is an error:
 * both are named. */
bool dns_sites_add(struct dns_sites *sites, const char *argument, struct dr_error *error);
void dns_sites_free(struct dns_sites *sites);

/* The index of that name; DNS_SITE_NONE. */
#define DNS_SITE_NONE SIZE_MAX
size_t dns_site_find(const struct dns_sites *sites, const char *name);

/* The site that an address lies in, or that a name is of; DNS_SITE_NONE. */
size_t dns_site_of_address(const struct dns_sites *sites, const struct dns_address *address);
size_t dns_site_of_name(const struct dns_sites *sites, const char *name);

/* It has networks of that family: an answer of it can be expected. */
bool dns_site_has(const struct dns_site *site, enum dns_family family);

/* The first word of a file that says which site is active: at most 64 KiB are read, blank lines and
 * "#" lines are passed over. The caller frees *name;
 * *age: seconds since it was last written. False with a USAGE error: no such file,
 * nothing in it, more than one word. */
bool dns_site_read_active(const char *path, char **name, double *age, struct dr_error *error);

#endif
