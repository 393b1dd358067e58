/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What HAProxy writes, as a table: the CSV of its statistics ("show stat", or the page of
 * statistics with ";csv"), "show info" and "show servers state" (management.txt of HAProxy 2.2 to
 * 3.2, chapter 9). Columns are found by their names in the header; others are left alone. No I/O.
 *
 * Texts are read in place: what is read points into the text it was read from, which is changed and
 * must stay. */
#ifndef LIVENESS_HAPROXY_READ_H
#define LIVENESS_HAPROXY_READ_H

#include "common/error.h"
#include "common/optional.h"

#include <stdbool.h>
#include <stddef.h>

/* The columns that are used. */
enum liv_haproxy_cell {
    LIV_HAPROXY_PROXY = 0, /* pxname */
    LIV_HAPROXY_NAME,      /* svname: the server; FRONTEND, BACKEND */
    LIV_HAPROXY_TYPE,
    LIV_HAPROXY_STATUS,
    LIV_HAPROXY_SESSIONS,   /* scur */
    LIV_HAPROXY_LAST,       /* lastsess: seconds since the last session; -1: never */
    LIV_HAPROXY_CHECK,      /* check_status: "L7OK", "* L4CON" while the next one runs */
    LIV_HAPROXY_ALL_NEEDED, /* a list without one of those above is none */
    LIV_HAPROXY_LIMIT = LIV_HAPROXY_ALL_NEEDED, /* slim */
    LIV_HAPROXY_QUEUE,                          /* qcur */
    LIV_HAPROXY_WEIGHT,
    LIV_HAPROXY_BACKUP,     /* bck: 1 for a server that is one */
    LIV_HAPROXY_CHANGED,    /* lastchg: seconds since it changed its state */
    LIV_HAPROXY_TRACKED,    /* "app/app1": whose checks it goes by */
    LIV_HAPROXY_CHECK_TEXT, /* last_chk */
    LIV_HAPROXY_AGENT,      /* agent_status */
    LIV_HAPROXY_AGENT_TEXT, /* last_agt */
    LIV_HAPROXY_ADDRESS,    /* addr: "192.0.2.1:80", "[::1]:80", "unix"; a page tells it with
                               "stats show-legends" only */
    LIV_HAPROXY_CELLS
};

enum liv_haproxy_type { LIV_HAPROXY_FRONTEND = 0, LIV_HAPROXY_BACKEND, LIV_HAPROXY_SERVER };

/* Bits of srv_admin_state. */
#define LIV_HAPROXY_FORCED 0x01     /* maintenance by an administrator or "disabled" */
#define LIV_HAPROXY_RESOLUTION 0x20 /* maintenance, because its name has no address */

struct liv_haproxy_row {
    const char *cells[LIV_HAPROXY_CELLS]; /* "" where the list has no such column */
    enum liv_haproxy_type type;
    struct dr_opt_int admin; /* srv_admin_state; unknown without "show servers state" */
    const char *host;        /* its address, of "show servers state"; "": none, or not known */
    struct dr_opt_int port;  /* with it; unknown: that of the client's connection */
    const char *source;      /* the name that its address comes from; "": none, or not known */
    bool spare; /* one of several servers for the addresses of one name (server-template), and there
                   are fewer addresses than servers: it is nothing that is missing */
};

struct liv_haproxy_table {
    struct liv_haproxy_row *rows; /* as they came; those of listeners are left out */
    size_t count;
    struct liv_haproxy_row **servers; /* by name: see liv_haproxy_find */
    size_t server_count;
};

/* Reads the list up to a blank line or the end of the text, and says where it goes on. False with a
 * PROTOCOL error for what is no list, or is not all of it: another text (a page of HTML, an error
 * of the runtime API, which is PRIVILEGE for "Permission denied"), a needed column that is missing,
 * a line that is cut or has another number of columns, quotes that do not end, a type that is not
 * known. End with liv_haproxy_table_free in any case. */
bool liv_haproxy_read_stat(char *text, char **rest, struct liv_haproxy_table *table,
                           struct dr_error *error);

/* Reads "show info" up to its blank line: `version` is "2.6.12-1", or NULL where it is not told. */
bool liv_haproxy_read_info(char *text, char **rest, const char **version, struct dr_error *error);

/* Adds what "show servers state" tells to the servers of the table. Nothing, and no error, for what
 * is no such list (it may not be allowed, or be of another version): it says more of servers that
 * are known already. False for one that is cut. */
bool liv_haproxy_read_states(char *text, struct liv_haproxy_table *table, struct dr_error *error);

/* The server "app/app1"; NULL. */
const struct liv_haproxy_row *liv_haproxy_find(const struct liv_haproxy_table *table,
                                               const char *name);

/* A whole number, with a sign or without. Unknown for any other text. */
struct dr_opt_int liv_haproxy_number(const char *text);

void liv_haproxy_table_free(struct liv_haproxy_table *table);

#endif
