/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/haproxy_units.h"

#include "common/buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 600
#define TEXT_MAX 400

static const char *cell(const struct liv_haproxy_row *row, enum liv_haproxy_cell which)
{
    return row->cells[which];
}

static struct dr_opt_int number(const struct liv_haproxy_row *row, enum liv_haproxy_cell which)
{
    return liv_haproxy_number(row->cells[which]);
}

/* ---- words ---- */

#define DURATION_SIZE 32
/* "34s", "5m", "3h", "2d" */
static const char *duration(int64_t seconds, char text[DURATION_SIZE])
{
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    while (units[i].seconds > 1 && seconds < 2 * units[i].seconds)
        i++;
    snprintf(text, DURATION_SIZE, "%lld%c", (long long)(seconds / units[i].seconds), units[i].unit);
    return text;
}

static void add_part(struct dr_buffer *out, const char *name, const char *text)
{
    if (*name != '\0')
        dr_buffer_addf(out, "%s%s%s%s", out->size > 0 ? ", " : "", name, *text != '\0' ? ": " : "",
                       text);
}

/* "* L4CON" while the next check runs: what is told is the last one's. */
static const char *check_of(const struct liv_haproxy_row *row)
{
    const char *check = cell(row, LIV_HAPROXY_CHECK);
    return strncmp(check, "* ", 2) == 0 ? check + 2 : check;
}

/* What was seen of it: "UP 1/3, L7STS: HTTP status 500", "L4CON: Connection refused, for 34s". The
 * state itself is said by the sign where it is a plain one. */
static void describe(const struct liv_haproxy_row *row, enum liv_sign_kind sign,
                     struct dr_buffer *out)
{
    const char *status = cell(row, LIV_HAPROXY_STATUS);
    struct dr_opt_int since = number(row, LIV_HAPROXY_CHANGED);
    char text[DURATION_SIZE];
    if (sign == LIV_LB_ODD)
        dr_buffer_addf(out, "\"%s\"", status);
    else if (strchr(status, ' ') != NULL)
        add_part(out, status, "");
    add_part(out, check_of(row), cell(row, LIV_HAPROXY_CHECK_TEXT));
    if (cell(row, LIV_HAPROXY_AGENT)[0] != '\0') {
        add_part(out, "agent", cell(row, LIV_HAPROXY_AGENT));
        if (cell(row, LIV_HAPROXY_AGENT_TEXT)[0] != '\0')
            dr_buffer_addf(out, " (%s)", cell(row, LIV_HAPROXY_AGENT_TEXT));
    }
    if (since.known && since.value >= 0 && strcmp(status, "UP") != 0)
        dr_buffer_addf(out, "%sfor %s", out->size > 0 ? ", " : "", duration(since.value, text));
}

/* ---- the state of a server ---- */

/* "STATE n/m": checks that must still pass, or fail. */
static bool is_counted(const char *rest)
{
    size_t first = rest[0] == ' ' ? strspn(rest + 1, "0123456789") : 0;
    if (first == 0 || rest[1 + first] != '/')
        return false;
    const char *second = rest + 2 + first;
    return *second != '\0' && second[strspn(second, "0123456789")] == '\0';
}

static enum liv_sign_kind sign_of_status(const char *status)
{
    static const struct {
        const char *state;
        enum liv_sign_kind plain;
        enum liv_sign_kind counted;
    } states[] = {
        {"UP", LIV_LB_UP, LIV_LB_FALLING},          {"DOWN", LIV_LB_DOWN, LIV_LB_RISING},
        {"DOWN (agent)", LIV_LB_DOWN, LIV_LB_ODD},  {"NOLB", LIV_LB_DRAINED, LIV_LB_DRAINED},
        {"DRAIN", LIV_LB_DRAINED, LIV_LB_DRAINED},  {"DRAIN (agent)", LIV_LB_DRAINED, LIV_LB_ODD},
        {"MAINT", LIV_LB_MAINTENANCE, LIV_LB_ODD},  {"MAINT (resolution)", LIV_LB_LOST, LIV_LB_ODD},
        {"no check", LIV_LB_UNCHECKED, LIV_LB_ODD},
    };
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        size_t length = strlen(states[i].state);
        if (strncmp(status, states[i].state, length) != 0)
            continue;
        if (status[length] == '\0')
            return states[i].plain;
        if (is_counted(status + length))
            return states[i].counted;
    }
    return LIV_LB_ODD;
}

static bool has_bit(const struct liv_haproxy_row *row, int64_t bit)
{
    return row->admin.known && (row->admin.value & bit) != 0;
}

/* Of one without an address HAProxy says that and not that an administrator has taken it out. */
static enum liv_sign_kind sign_of_lost(const struct liv_haproxy_row *row, enum liv_sign_kind sign)
{
    return sign == LIV_LB_LOST && has_bit(row, LIV_HAPROXY_FORCED) ? LIV_LB_MAINTENANCE : sign;
}

/* "MAINT (via app/app1)": for the reason of the server that it tracks. */
static enum liv_sign_kind sign_of_tracker(const struct liv_haproxy_table *table, const char *status)
{
    static const char begin[] = "MAINT (via ";
    char name[NAME_SIZE];
    size_t length = strlen(status);
    if (strncmp(status, begin, sizeof begin - 1) != 0 || status[length - 1] != ')' ||
        length >= sizeof name)
        return LIV_LB_ODD;
    snprintf(name, sizeof name, "%.*s", (int)(length - sizeof begin), status + sizeof begin - 1);
    const struct liv_haproxy_row *tracked = liv_haproxy_find(table, name);
    if (tracked == NULL)
        return LIV_LB_ODD;
    enum liv_sign_kind sign =
        sign_of_lost(tracked, sign_of_status(cell(tracked, LIV_HAPROXY_STATUS)));
    return sign == LIV_LB_MAINTENANCE || sign == LIV_LB_LOST ? sign : LIV_LB_ODD;
}

/* Up because nobody has looked: checks have not begun. One that tracks another has no check of its
 * own; HAProxy starts only with one that is checked to be tracked. */
static bool is_unchecked(const struct liv_haproxy_table *table, const struct liv_haproxy_row *row)
{
    const char *tracked = cell(row, LIV_HAPROXY_TRACKED);
    if (*tracked != '\0') {
        row = liv_haproxy_find(table, tracked);
        if (row == NULL)
            return false;
    }
    const char *check = check_of(row);
    return *check == '\0' || strcmp(check, "INI") == 0 || strcmp(check, "UNK") == 0;
}

static enum liv_sign_kind sign_of(const struct liv_haproxy_table *table,
                                  const struct liv_haproxy_row *row)
{
    const char *status = cell(row, LIV_HAPROXY_STATUS);
    enum liv_sign_kind sign = sign_of_lost(row, sign_of_status(status));
    if (strncmp(status, "MAINT (via ", 11) == 0)
        return sign_of_tracker(table, status);
    if ((sign == LIV_LB_UP || sign == LIV_LB_FALLING) && is_unchecked(table, row))
        return LIV_LB_UNCHECKED;
    if (sign == LIV_LB_UNCHECKED && strncmp(cell(row, LIV_HAPROXY_AGENT), "L7OK", 4) == 0)
        return LIV_LB_UP;
    if (sign == LIV_LB_UNCHECKED && strcmp(cell(row, LIV_HAPROXY_WEIGHT), "0") == 0)
        return LIV_LB_DRAINED;
    return sign;
}

static bool takes_requests(enum liv_sign_kind sign)
{
    return sign == LIV_LB_UP || sign == LIV_LB_FALLING || sign == LIV_LB_UNCHECKED;
}

/* ---- units ---- */

static int port_of(struct dr_opt_int port)
{
    return port.known && port.value > 0 && port.value <= 65535 ? (int)port.value : 0;
}

bool liv_haproxy_place(const struct liv_haproxy_row *row, char *host, size_t size, int *port)
{
    const char *address = cell(row, LIV_HAPROXY_ADDRESS);
    const char *colon = strrchr(address, ':');
    if (row->host[0] != '\0') {
        snprintf(host, size, "%s", row->host);
        *port = port_of(row->port);
        return true;
    }
    if (colon == NULL || colon == address)
        return false;
    bool bracketed = address[0] == '[' && colon[-1] == ']' && colon - address > 2;
    snprintf(host, size, "%.*s", (int)(colon - address) - (bracketed ? 2 : 0), address + bracketed);
    *port = port_of(liv_haproxy_number(colon + 1));
    return true;
}

static void sign_sessions(struct liv_facts *facts, struct liv_unit *unit, int64_t sessions)
{
    liv_facts_sign(facts, unit, LIV_LB_TRAFFIC, "%lld session%s", (long long)sessions,
                   sessions == 1 ? "" : "s");
}

static void set_figure(struct liv_unit *unit, enum liv_metric metric, struct dr_opt_int value)
{
    if (value.known && value.value >= 0)
        liv_unit_figure(unit, metric, (double)value.value);
}

static void set_figures(struct liv_unit *unit, const struct liv_haproxy_row *row)
{
    set_figure(unit, LIV_SESSIONS, number(row, LIV_HAPROXY_SESSIONS));
    set_figure(unit, LIV_QUEUED, number(row, LIV_HAPROXY_QUEUE));
    set_figure(unit, LIV_IDLE, number(row, LIV_HAPROXY_LAST));
}

/* What is summed up over the servers of a backend until its own line comes. */
struct pool {
    const char *proxy;
    bool has_frontend;
    size_t servers;
    bool limited; /* each server that takes requests has a limit */
    int64_t sessions;
    int64_t limit;
};

static void sum_up(struct pool *pool, const struct liv_haproxy_row *row)
{
    struct dr_opt_int sessions = number(row, LIV_HAPROXY_SESSIONS);
    struct dr_opt_int limit = number(row, LIV_HAPROXY_LIMIT);
    if (sessions.known && sessions.value >= 0 && sessions.value <= INT32_MAX && limit.known &&
        limit.value > 0 && limit.value <= INT32_MAX) {
        pool->sessions += sessions.value;
        pool->limit += limit.value;
    } else {
        pool->limited = false;
    }
}

static void add_server(const struct liv_haproxy_table *table, const struct liv_haproxy_row *row,
                       struct pool *pool, struct liv_facts *facts)
{
    char name[NAME_SIZE];
    int port;
    enum liv_sign_kind sign = sign_of(table, row);
    struct dr_opt_int sessions = number(row, LIV_HAPROXY_SESSIONS);
    struct dr_opt_int backup = number(row, LIV_HAPROXY_BACKUP);
    struct dr_buffer seen = DR_BUFFER(TEXT_MAX);
    pool->servers++;
    if (row->spare)
        return;
    snprintf(name, sizeof name, "%s/%s", cell(row, LIV_HAPROXY_PROXY), cell(row, LIV_HAPROXY_NAME));
    struct liv_unit *unit = liv_facts_add(facts, LIV_SERVER, name, cell(row, LIV_HAPROXY_PROXY));
    if (unit == NULL)
        return;
    describe(row, sign, &seen);
    liv_facts_sign(facts, unit, sign, "%s", dr_buffer_text(&seen));
    facts->no_memory = facts->no_memory || seen.no_memory;
    dr_buffer_free(&seen);
    if (sign == LIV_LB_MAINTENANCE && has_bit(row, LIV_HAPROXY_RESOLUTION))
        liv_facts_sign(facts, unit, LIV_NOT_READY, "its name has no address");
    if (sessions.known && sessions.value > 0)
        sign_sessions(facts, unit, sessions.value);
    if (!sessions.known)
        liv_facts_sign(facts, unit, LIV_NOT_TOLD, "how many sessions it has is not told");
    unit->reserve = backup.known && backup.value > 0;
    set_figures(unit, row);
    if (takes_requests(sign))
        sum_up(pool, row);
    if (liv_haproxy_place(row, name, sizeof name, &port))
        liv_facts_place(facts, unit, name, takes_requests(sign));
}

/* In use: sessions now, or the last one not long ago. */
static void add_use(const struct liv_haproxy_row *row, double idle, struct liv_facts *facts,
                    struct liv_unit *unit)
{
    struct dr_opt_int sessions = number(row, LIV_HAPROXY_SESSIONS);
    struct dr_opt_int last = number(row, LIV_HAPROXY_LAST);
    char text[DURATION_SIZE];
    if (!sessions.known || !last.known) {
        liv_facts_sign(facts, unit, LIV_NOT_TOLD, "whether it is in use is not told");
    } else if (sessions.value > 0) {
        sign_sessions(facts, unit, sessions.value);
    } else if (last.value < 0) {
        liv_facts_sign(facts, unit, LIV_LB_QUIET, "no session since the balancer started");
    } else {
        liv_facts_sign(facts, unit, (double)last.value < idle ? LIV_LB_TRAFFIC : LIV_LB_QUIET,
                       "last session %s ago", duration(last.value, text));
    }
}

static void add_backend(const struct liv_haproxy_row *row, const struct pool *pool, double idle,
                        struct liv_facts *facts)
{
    const char *name = cell(row, LIV_HAPROXY_PROXY);
    const char *status = cell(row, LIV_HAPROXY_STATUS);
    bool up = strcmp(status, "UP") == 0;
    struct liv_unit *unit = liv_facts_add(facts, LIV_POOL, name, name);
    if (unit == NULL)
        return;
    if (pool->servers == 0)
        liv_facts_sign(facts, unit, LIV_LB_EMPTY, "the balancer says %s", status);
    else if (up || strcmp(status, "DOWN") == 0)
        liv_facts_sign(facts, unit, up ? LIV_LB_OPEN : LIV_LB_CLOSED, "%s", status);
    else
        liv_facts_sign(facts, unit, LIV_LB_ODD, "\"%s\"", status);
    add_use(row, idle, facts, unit);
    set_figures(unit, row);
    if (pool->limited && pool->limit > 0)
        liv_unit_figure(unit, LIV_SESSIONS_USED,
                        100.0 * (double)pool->sessions / (double)pool->limit);
}

static bool is_closed(const char *status)
{
    static const char *const closed[] = {"STOP", "PAUSED", "WAITING", "FULL"};
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
        if (strcmp(status, closed[i]) == 0)
            return true;
    }
    return false;
}

/* Which backends its requests go to is not told: that some are there says nothing of any of them,
 * and where the page of statistics was asked one is our own. But where it should take nothing, or
 * can take no more, it is in use. */
static void add_frontend(const struct liv_haproxy_row *row, struct liv_facts *facts)
{
    char name[NAME_SIZE];
    const char *status = cell(row, LIV_HAPROXY_STATUS);
    struct dr_opt_int sessions = number(row, LIV_HAPROXY_SESSIONS);
    struct dr_opt_int limit = number(row, LIV_HAPROXY_LIMIT);
    bool limited = sessions.known && limit.known && limit.value > 0;
    bool full = limited && sessions.value >= limit.value;
    bool open = strcmp(status, "OPEN") == 0 && !full;
    snprintf(name, sizeof name, "frontend %s", cell(row, LIV_HAPROXY_PROXY));
    struct liv_unit *unit = liv_facts_add(facts, LIV_POOL, name, cell(row, LIV_HAPROXY_PROXY));
    if (unit == NULL)
        return;
    if (full)
        liv_facts_sign(facts, unit, LIV_LB_CLOSED, "%lld of %lld sessions",
                       (long long)sessions.value, (long long)limit.value);
    else if (open || is_closed(status))
        liv_facts_sign(facts, unit, open ? LIV_LB_OPEN : LIV_LB_CLOSED, "%s", status);
    else
        liv_facts_sign(facts, unit, LIV_LB_ODD, "\"%s\"", status);
    if (!open && sessions.known && sessions.value > 0)
        sign_sessions(facts, unit, sessions.value);
    set_figure(unit, LIV_SESSIONS, sessions);
    if (limited)
        liv_unit_figure(unit, LIV_SESSIONS_USED,
                        100.0 * (double)sessions.value / (double)limit.value);
}

static bool no_line(const struct pool *pool, struct dr_error *error)
{
    char *name = dr_text_clean(pool->proxy, 200);
    dr_error_set(error, DR_ERR_PROTOCOL,
                 "the statistics are not complete: backend \"%s\" has servers and no line of its "
                 "own",
                 name != NULL ? name : "");
    free(name);
    return false;
}

bool liv_haproxy_units(const struct liv_haproxy_table *table, double idle, bool named,
                       struct liv_facts *facts, struct dr_error *error)
{
    struct pool pool = {.proxy = ""};
    for (size_t i = 0; i < table->count; i++) {
        const struct liv_haproxy_row *row = &table->rows[i];
        if (strcmp(pool.proxy, cell(row, LIV_HAPROXY_PROXY)) != 0) {
            if (pool.servers > 0)
                return no_line(&pool, error);
            pool = (struct pool){.proxy = cell(row, LIV_HAPROXY_PROXY), .limited = true};
        }
        if (row->type == LIV_HAPROXY_FRONTEND) {
            pool.has_frontend = true;
            add_frontend(row, facts);
        } else if (row->type == LIV_HAPROXY_SERVER) {
            add_server(table, row, &pool, facts);
        } else {
            if (pool.servers > 0 || !pool.has_frontend || named)
                add_backend(row, &pool, idle, facts);
            pool.servers = 0;
        }
    }
    if (pool.servers > 0)
        return no_line(&pool, error);
    facts->complete = !facts->no_memory;
    return facts->complete || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}
