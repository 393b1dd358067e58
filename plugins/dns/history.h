/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --state-dir: what is remembered between runs: the expected site and since when, what each server
 * said, how long it may be kept, and where the zone's servers are. */
#ifndef DNS_HISTORY_H
#define DNS_HISTORY_H

#include "plugins/dns/facts.h"
#include "plugins/dns/given.h"

struct dr_state_file;

struct dns_history {
    bool open;
    struct dr_state_file *file; /* its own */
    size_t before;              /* its own: rows of earlier runs */
    double now;                 /* its own: seconds since the epoch, as this run said last */
    bool no_memory;             /* its own: something could not be kept */
};

/* So many rows are kept at most, those of this run before older ones. What a run says nothing of
 * stays as it was: the switch and what is wanted for ever, the rest for DNS_HISTORY_SERVERS
 * seconds. */
#define DNS_HISTORY_ROWS 1000

bool dns_history_open(struct dns_history *history, const char *directory, const char *executable,
                      const char *identity, struct dr_error *error);

/* Since when the plan has wanted `site` without a change: seconds since the epoch, `now` where it
 * is new; remembers it. *before: a hash of what was wanted before it (0: nothing known). Unknown
 * without a history. */
struct dr_opt_real dns_history_wanted(struct dns_history *history, const char *site, double now,
                                      uint64_t *before);

/* What that view said when it was last heard, and remembers what it says now. `now` not known: it
 * does not say anything, and what is remembered stays. */
struct dns_said {
    bool known;
    uint64_t site; /* dns_history_hash of the site's name; 0: none */
    double ttl;    /* seconds: the worst of the chain */
    double at;     /* when, seconds since the epoch */
};
uint64_t dns_history_hash(const char *site);
struct dns_said dns_history_said(struct dns_history *history, const char *label,
                                 enum dns_family family, const struct dns_said *now);

/* The switch that is under way: when it began and the worst TTL before it; of an earlier run, also
 * after one was set. Set: remembers; with `said` not known: forgets it. */
struct dns_said dns_history_switch(struct dns_history *history);
void dns_history_set_switch(struct dns_history *history, const struct dns_said *said);

/* Servers of the zone that a run has found (by the parent or the zone; others and those without a
 * name are not kept): for DNS_HISTORY_SERVERS seconds after they were last seen.
 * dns_history_servers appends the remembered ones; their port is 0, since they are found at
 * dns_request.port. False when out of memory: what was appended is good. */
#define DNS_HISTORY_SERVERS (14 * 86400.0)
bool dns_history_servers(const struct dns_history *history, double now, struct dns_givens *servers);
void dns_history_keep_server(struct dns_history *history, const struct dns_view *view, double now);
/* The next run does not ask it any more. */
void dns_history_forget_server(struct dns_history *history, const struct dns_view *view);

/* Writes it, and closes. The old file stays where memory ran out since it was opened. A history
 * that was opened to be read alone is ended by dns_history_drop; that is safe after
 * dns_history_close, and twice. */
bool dns_history_close(struct dns_history *history, struct dr_error *error);
void dns_history_drop(struct dns_history *history);

#endif
