/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the checks are pointed at: each -T [NAME=]URI becomes one target, or one for each host it
 * lists.
 *
 * The label of a target names it in the output and in perfdata, for ever: NAME, else the host (with
 * the port when two targets share a host), else the parameter "service", else the path, else the
 * scheme. */
#ifndef DR_TARGET_H
#define DR_TARGET_H

#include "common/secret.h"
#include "common/uri.h"

/* A scheme that an executable understands, and the source module that serves it. */
struct dr_scheme {
    const char *scheme;  /* "postgresql" */
    const char *source;  /* "postgresql": module <executable's group>-<source> */
    const char *package; /* what to install when the module is missing: "libpq5" */
    bool each_host;      /* one target for each host of the URI */
};

struct dr_target {
    char *label; /* unique in the list; printable ASCII */
    struct dr_uri uri;
    size_t host; /* the index of the URI's host that this target is; 0 when it has none or the
                    target is all of them */
    const struct dr_scheme *scheme;
    const char *password; /* from the URI, the password file or the environment; NULL when none; not
                             owned */
    bool named;           /* the label is a NAME: it stays as it is */
    bool discovered;      /* not given: a source has found it (dr_task_discover) */
    bool reference;       /* given to compare the others with (dr_plugin.references) */
    char *site;           /* where it stands (dr_targets_add_site); NULL: not said */
};

struct dr_targets {
    struct dr_target *items;
    size_t count;
    struct dr_secrets *secrets; /* where the passwords live; not owned */
};

#define DR_TARGETS_MAX 64

/* Adds one -T argument. False with the reason (unknown scheme: the known ones are listed; a NAME
 * for more than one target, or with "|", "@", "/" or anything outside printable ASCII; more than
 * DR_TARGETS_MAX), and nothing is added then. No error ever shows a part of the URI that can be a
 * password.
 *
 * A password inside the argument (before the "@", or as the parameter "password") is copied to the
 * secrets, is the target's password, is no longer in its uri, and is wiped in place: `argument`
 * points into argv, and the process list shows blanks afterwards. The values of other parameters
 * whose name holds "password", "secret" or "token", or is "sig", are registered and wiped in the
 * same way but stay in the uri. An argument that is refused is wiped as a whole. */
bool dr_targets_add(struct dr_targets *targets, const struct dr_scheme *schemes,
                    size_t scheme_count, char *argument, struct dr_error *error);

/* Adds one argument SITE[/NAME]=URI: a target that stands in a site, with the same rules. Its label
 * begins with the site: "dr-web1" of NAME or host web1. */
bool dr_targets_add_site(struct dr_targets *targets, const struct dr_scheme *schemes,
                         size_t scheme_count, char *argument, struct dr_error *error);

/* The name of a site that one executable writes into a file and another one reads: a good NAME as
 * above, which neither begins with "#" nor has a blank at an end. False with a USAGE error. */
bool dr_site_name_check(const char *name, struct dr_error *error);

/* Gives every label its final form once all are there: a bare host name becomes host:port
 * ("[::1]:5432") where two targets share the host and a port is given. False when two labels are
 * the same, or would be in perfdata, where every character outside [A-Za-z0-9.-] becomes "_". */
bool dr_targets_settle(struct dr_targets *targets, struct dr_error *error);

/* The parts of -H, -P, -l as a target: each given host in the comma list (names, addresses,
 * host:port; a bare IPv6 address needs no brackets), with the default scheme. `port` is for the
 * hosts without one; user and port may be NULL. `path` is appended as it is ("/postgres"); NULL for
 * none. */
bool dr_targets_add_host(struct dr_targets *targets, const struct dr_scheme *schemes,
                         size_t scheme_count, const char *scheme, const char *hosts,
                         const char *port, const char *user, const char *path,
                         struct dr_error *error);

void dr_targets_free(struct dr_targets *targets);

#endif
