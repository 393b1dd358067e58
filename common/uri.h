/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Target URIs: scheme://[user[:password]@]host[:port][,host[:port]...][/path][?key=value&...]
 *
 * One grammar for every source (RFC 3986, plus the comma list of hosts that libpq and the MongoDB
 * drivers share). User, password, path and parameters are percent-decoded; hosts may be names, IPv4
 * addresses or [IPv6]. No host at all is allowed ("postgresql:///?service=db1",
 * "file:///srv/backup"); a source that needs one says so. */
#ifndef DR_URI_H
#define DR_URI_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

#define DR_URI_HOSTS_MAX 64
#define DR_URI_PARAMS_MAX 64

struct dr_uri_host {
    char *name; /* without the brackets of an IPv6 address; never empty */
    int port;   /* 1..65535; 0 when not given */
};

struct dr_uri_param {
    char *key;
    char *value; /* "" when there is no "=" */
};

struct dr_uri {
    char *scheme;   /* lower case, letters, digits, "+", "-", "." */
    char *user;     /* NULL when not given */
    char *password; /* NULL when not given; wiped before it is freed */
    struct dr_uri_host *hosts;
    size_t host_count;
    char *path; /* with its leading "/"; "" when there is none */
    char *raw;  /* path and query as they were written, nothing decoded or taken out: what an HTTP
                   server is asked for; wiped before it is freed */
    struct dr_uri_param *params;
    size_t param_count;
};

/* Reads a whole text. False with position (from 1) and reason otherwise: no text of the URI is ever
 * in the error, because any part of a mistyped one can be a password. On success the caller ends it
 * with dr_uri_free; on failure there is nothing to free. Errors are:
 * - bad percent escapes, a decoded NUL, control characters, raw or decoded;
 * - an empty host in a list, a host that is no name or address, an IPv6 address without brackets, a
 * port outside 1..65535, more than 64 hosts;
 * - a "#", which starts no fragment here: in a file or password it must be written %23;
 * - an "@" in the path or query of a URI that has a host part: it is the mark of a "/" or "?" in
 * the password, which must be written %2F or %3F (and an "@" that is meant %40);
 * - more than 64 parameters, or one without a name.
 * The last "@" before the path ends user and password. The zone of an IPv6 address is written
 * "%25eth0" or "%eth0". */
bool dr_uri_parse(const char *text, struct dr_uri *uri, struct dr_error *error);

void dr_uri_free(struct dr_uri *uri);

/* A copy of its own, ended in the same way. False when out of memory: then there is none. */
bool dr_uri_copy(const struct dr_uri *uri, struct dr_uri *copy);

/* The value of the first parameter of that name; NULL when there is none. */
const char *dr_uri_param(const struct dr_uri *uri, const char *key);

/* A parameter that is on or off: "1", "true", "yes", "on" and an empty value are on, "0", "false",
 * "no" and "off" are off, as is one that is not there. False when it is anything else. */
bool dr_uri_flag(const struct dr_uri *uri, const char *key, bool *on, struct dr_error *error);

/* Takes the parameter out and returns its value, which the caller frees; NULL when there is none.
 */
char *dr_uri_take_param(struct dr_uri *uri, const char *key);

/* True when every parameter is one of `known` (ended by NULL): one that is mistyped would be left
 * out in silence. False with a USAGE error that names the first other one. */
bool dr_uri_has_only(const struct dr_uri *uri, const char *const *known, struct dr_error *error);

/* Adds a parameter (copies). False when out of memory or there are DR_URI_PARAMS_MAX. */
bool dr_uri_add_param(struct dr_uri *uri, const char *key, const char *value);

#endif
