/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/mssql_read.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* replication_lag_sec is in whole seconds. */
#define LAG_RESOLUTION 1.0

/* SERVERPROPERTY('EngineEdition') */
#define EDITION_AZURE_DATABASE 5
#define EDITION_AZURE_INSTANCE 8

/* ---- cells ---- */

struct row {
    const struct dr_tds_result *result;
    size_t number;
    struct dr_error *error;
    bool failed; /* error is set */
};

static const char *text_at(struct row *row, const char *column)
{
    const struct dr_tds_result *result = row->result;
    for (size_t c = 0; c < result->columns; c++) {
        if (strcmp(result->names[c], column) == 0)
            return result->cells[row->number * result->columns + c];
    }
    if (!row->failed)
        dr_error_set(row->error, DR_ERR_PROTOCOL, "the reply cannot be used: no column %s", column);
    row->failed = true;
    return NULL;
}

static struct dr_opt_int integer_at(struct row *row, const char *column)
{
    const char *text = text_at(row, column);
    if (text == NULL)
        return (struct dr_opt_int){.known = false};
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0')
        return dr_int(value);
    if (!row->failed)
        dr_error_set(row->error, DR_ERR_PROTOCOL, "the reply cannot be used: %s is \"%.40s\"",
                     column, text);
    row->failed = true;
    return (struct dr_opt_int){.known = false};
}

/* A column without which nothing can be said. */
static int64_t needed_at(struct row *row, const char *column)
{
    struct dr_opt_int value = integer_at(row, column);
    if (!value.known && !row->failed) {
        dr_error_set(row->error, DR_ERR_PROTOCOL, "the reply cannot be used: %s is NULL", column);
        row->failed = true;
    }
    return value.value;
}

static const char *needed_text(struct row *row, const char *column)
{
    const char *text = text_at(row, column);
    if (text == NULL && !row->failed) {
        dr_error_set(row->error, DR_ERR_PROTOCOL, "the reply cannot be used: %s is NULL", column);
        row->failed = true;
    }
    return text != NULL ? text : "";
}

static double seconds(int64_t microseconds)
{
    return (double)microseconds / 1e6;
}

/* Sets a text that may be there from an earlier look. False when out of memory. */
static bool set_text(char **place, const char *text, struct dr_error *error)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    if (text != NULL && copy == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    free(*place);
    *place = copy;
    return true;
}

/* ---- the server ---- */

/* "db" of "db.weu.database.windows.net": a managed instance calls itself by the long name. */
static void take_short(char *out, size_t size, const char *name)
{
    snprintf(out, size, "%.*s", (int)strcspn(name, "."), name);
}

/* The partner of a server in Azure is in the same domain, and its user knows it by its whole name.
 */
static void take_domain(const char *host, char *out, size_t size)
{
    const char *dot = host != NULL ? strchr(host, '.') : NULL;
    bool name = dot != NULL && strspn(host, "0123456789.") < strlen(host);
    if (name && strncasecmp(dot, ".secondary.", 11) == 0) /* the second listener of a group */
        dot += 10;
    snprintf(out, size, "%s", name ? dot : "");
}

static const char *product_of(int64_t edition)
{
    if (edition == EDITION_AZURE_DATABASE)
        return "Azure SQL Database";
    return edition == EDITION_AZURE_INSTANCE ? "Azure SQL Managed Instance" : "SQL Server";
}

static bool take_product(struct rep_node *node, const struct mssql_server *server, int64_t edition,
                         const char *version)
{
    free(node->product);
    free(node->instance);
    free(node->group);
    free(node->application_name);
    node->kind = REP_MSSQL;
    node->unit = REP_MOMENTS;
    node->pause = REP_PAUSE_NONE;
    node->major = (int)strtol(version, NULL, 10);
    node->product = dr_text_format("%s %s", product_of(edition), version);
    node->instance = dr_text_format("%s/%s", server->name, server->database);
    node->group = strdup(server->database);
    node->application_name = strdup(server->name);
    return node->product != NULL && node->instance != NULL && node->group != NULL &&
           node->application_name != NULL;
}

bool mssql_read_server(const struct dr_tds_result *result, const char *host, struct rep_node *node,
                       struct mssql_server *server, struct dr_error *error)
{
    struct row row = {.result = result, .error = error};
    if (result->rows != 1)
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: %zu rows about the server", result->rows);
    int64_t edition = needed_at(&row, "edition");
    int64_t database_state = needed_at(&row, "database_state");
    int64_t server_state = needed_at(&row, "server_state");
    const char *version = needed_text(&row, "version");
    const char *name = needed_text(&row, "server");
    const char *database = needed_text(&row, "name");
    const char *updateability = needed_text(&row, "updateability");
    int64_t now = needed_at(&row, "now");
    if (row.failed)
        return false;
    server->geo = edition == EDITION_AZURE_DATABASE || edition == EDITION_AZURE_INSTANCE;
    server->permitted = (server->geo ? database_state : server_state) == 1;
    server->writable = strcmp(updateability, "READ_WRITE") == 0;
    server->now = seconds(now);
    if (server->geo)
        take_short(server->name, sizeof server->name, name);
    else
        snprintf(server->name, sizeof server->name, "%s", name);
    snprintf(server->database, sizeof server->database, "%s", database);
    take_domain(host, server->domain, sizeof server->domain);
    return take_product(node, server, edition, version) ||
           dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- roles ---- */

static void forget_links(struct rep_node *node)
{
    rep_streams_free(node->streams, node->stream_count);
    node->streams = NULL;
    node->stream_count = 0;
    node->received = node->replayed = (struct dr_opt_int){.known = false};
    node->replay_age = (struct dr_opt_real){.known = false};
    node->copying = (struct rep_copy){.running = dr_bool(false)};
    free(node->receiver.status);
    free(node->receiver.sender);
    node->receiver = (struct rep_receiver){.running = {.known = false}};
}

/* Nothing but the database itself says what it is: one that takes no writes is a secondary whose
 * link is gone, or a copy that no link serves. */
static bool take_unlinked(struct rep_node *node, const struct mssql_server *server,
                          struct dr_error *error)
{
    if (!server->writable)
        return dr_error_set(error, DR_ERR_SERVER,
                            "database %s takes no writes, and no replication link leads to it",
                            server->database);
    node->role = REP_ROLE_PRIMARY;
    return true;
}

static struct rep_stream *add_stream(struct rep_node *node, const char *name, const char *state,
                                     enum rep_stream_kind kind, struct dr_error *error)
{
    struct rep_stream *stream = rep_node_add_stream(node);
    if (stream == NULL) {
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        return NULL;
    }
    stream->kind = kind;
    return set_text(&stream->name, name, error) && set_text(&stream->state, state, error) ? stream
                                                                                          : NULL;
}

/* ---- geo-replication ---- */

enum { STATE_PENDING = 0, STATE_SEEDING = 1, STATE_CATCH_UP = 2, STATE_SUSPENDED = 4 };

static const char *geo_state(int64_t state)
{
    switch (state) {
    case STATE_PENDING:
        return "PENDING";
    case STATE_SEEDING:
        return "SEEDING";
    case STATE_CATCH_UP:
        return "CATCH_UP";
    case STATE_SUSPENDED:
        return "SUSPENDED";
    default:
        return "unknown";
    }
}

static enum rep_stream_kind geo_kind(int64_t state)
{
    switch (state) {
    case STATE_PENDING:
    case STATE_SEEDING:
        return REP_STREAM_COPYING;
    case STATE_CATCH_UP:
        return REP_STREAM_STANDBY;
    default:
        return REP_STREAM_BROKEN;
    }
}

/* The age of the oldest commit that can be missing. Everything up to the commit of what was
 * acknowledged last, last_replication - replication_lag_sec, is on the secondary. When nothing was
 * committed since, nothing is missing, however long ago that was; else what is missing is younger
 * than that moment. So neither an idle database nor a frozen lag can lie. */
static struct dr_opt_real geo_loss(double now, struct dr_opt_int replication, struct dr_opt_int lag,
                                   struct dr_opt_int commit)
{
    if (!replication.known || !lag.known || lag.value < 0)
        return (struct dr_opt_real){.known = false};
    double there = seconds(replication.value) - (double)lag.value;
    if (commit.known && seconds(commit.value) <= there + LAG_RESOLUTION)
        return dr_real(0);
    return dr_real(now > there ? now - there : 0);
}

static bool add_geo_secondary(struct row *row, struct rep_node *node,
                              const struct mssql_server *server)
{
    int64_t state = needed_at(row, "replication_state");
    struct dr_opt_int commit = integer_at(row, "last_commit");
    struct dr_opt_int replication = integer_at(row, "last_replication");
    struct dr_opt_int lag = integer_at(row, "replication_lag_sec");
    char name[256];
    take_short(name, sizeof name, needed_text(row, "partner_server"));
    if (row->failed)
        return false;
    struct rep_stream *stream =
        add_stream(node, name, geo_state(state), geo_kind(state), row->error);
    if (stream == NULL)
        return false;
    if (*server->domain != '\0') {
        stream->hostname = dr_text_format("%s%s", name, server->domain);
        if (stream->hostname == NULL)
            return dr_error_set(row->error, DR_ERR_INTERNAL, "out of memory");
    }
    if (stream->kind != REP_STREAM_COPYING)
        stream->loss = geo_loss(server->now, replication, lag, commit);
    return true;
}

/* Primary and secondary of a link agree on whose database it is: a link's own number does not do
 * for a primary with several. */
static bool set_geo_system(struct rep_node *node, const char *primary, const char *database,
                           struct dr_error *error)
{
    char name[256];
    take_short(name, sizeof name, primary);
    free(node->system);
    node->system = dr_text_format("%s/%s", name, database);
    for (char *p = node->system; p != NULL && *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    return node->system != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool take_geo_secondary(struct row *row, struct rep_node *node,
                               const struct mssql_server *server, const char *database)
{
    int64_t state = needed_at(row, "replication_state");
    const char *primary = needed_text(row, "partner_server");
    struct dr_opt_int commit = integer_at(row, "last_commit");
    if (row->failed)
        return false;
    node->role = REP_ROLE_STANDBY;
    node->received = node->replayed = commit;
    if (commit.known)
        node->replay_age = dr_real(server->now - seconds(commit.value));
    node->receiver.running = dr_bool(state == STATE_CATCH_UP);
    node->copying.running = dr_bool(geo_kind(state) == REP_STREAM_COPYING);
    return set_text(&node->receiver.status, geo_state(state), row->error) &&
           set_text(&node->receiver.sender, primary, row->error) &&
           set_geo_system(node, primary, database, row->error);
}

static bool read_geo(struct row *row, struct rep_node *node, struct mssql_server *server)
{
    bool secondary = false;
    for (row->number = 0; row->number < row->result->rows; row->number++) {
        int64_t role = needed_at(row, "role");
        const char *database = needed_text(row, "partner_database");
        if (!row->failed && role != 0 && role != 1)
            return dr_error_set(row->error, DR_ERR_PROTOCOL,
                                "the reply cannot be used: role is neither 0 nor 1");
        bool ok = role == 1 ? take_geo_secondary(row, node, server, database)
                            : add_geo_secondary(row, node, server);
        if (!ok || row->failed)
            return false;
        secondary = secondary || role == 1;
        if (role == 0)
            server->position = integer_at(row, "last_commit");
    }
    if (secondary)
        return true;
    node->role = REP_ROLE_PRIMARY;
    return set_geo_system(node, server->name, server->database, row->error);
}

/* ---- availability groups ---- */

/* synchronization_state_desc and is_suspended */
static enum rep_stream_kind group_kind(const char *state, bool suspended)
{
    if (suspended)
        return REP_STREAM_BROKEN;
    if (strcmp(state, "SYNCHRONIZED") == 0 || strcmp(state, "SYNCHRONIZING") == 0)
        return REP_STREAM_STANDBY;
    if (strcmp(state, "INITIALIZING") == 0 || strcmp(state, "REVERTING") == 0)
        return REP_STREAM_COPYING;
    return REP_STREAM_BROKEN;
}

struct replica {
    bool local;
    bool primary;
    bool suspended;
    const char *name;
    const char *state;
    const char *reason;
    struct dr_opt_int lag;      /* secondary_lag_seconds */
    struct dr_opt_int hardened; /* log blocks */
    struct dr_opt_int committed;
    struct dr_opt_int commit_age; /* microseconds */
};

static struct replica read_replica(struct row *row)
{
    struct replica replica = {
        .local = needed_at(row, "is_local") == 1,
        .primary = needed_at(row, "is_primary_replica") == 1,
        .suspended = needed_at(row, "is_suspended") == 1,
        .name = needed_text(row, "replica"),
        .state = needed_text(row, "state"),
        .reason = text_at(row, "suspend_reason"),
        .lag = integer_at(row, "secondary_lag_seconds"),
        .hardened = integer_at(row, "hardened"),
        .committed = integer_at(row, "committed"),
        .commit_age = integer_at(row, "commit_age"),
    };
    return replica;
}

static char *replica_state(const struct replica *replica)
{
    if (!replica->suspended)
        return strdup(replica->state);
    return dr_text_format("%s, suspended (%s)", replica->state,
                          replica->reason != NULL ? replica->reason : "no reason given");
}

/* SYNCHRONIZED: no commit was confirmed that it does not have. A lag is only of use while data
 * moves: afterwards it stands still, and the commit that it has last says more. */
static struct dr_opt_real group_loss(const struct replica *replica, enum rep_stream_kind kind)
{
    if (kind == REP_STREAM_STANDBY && strcmp(replica->state, "SYNCHRONIZED") == 0)
        return dr_real(0);
    if (kind == REP_STREAM_STANDBY && replica->lag.known && replica->lag.value >= 0)
        return dr_real((double)replica->lag.value);
    if (kind == REP_STREAM_BROKEN && replica->commit_age.known && replica->commit_age.value >= 0)
        return dr_real(seconds(replica->commit_age.value));
    return (struct dr_opt_real){.known = false};
}

static bool add_group_secondary(struct rep_node *node, const struct replica *replica,
                                struct dr_error *error)
{
    enum rep_stream_kind kind = group_kind(replica->state, replica->suspended);
    char *state = replica_state(replica);
    if (state == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    struct rep_stream *stream = add_stream(node, replica->name, state, kind, error);
    free(state);
    if (stream == NULL)
        return false;
    stream->flushed = replica->hardened;
    stream->replayed = replica->committed;
    stream->loss = group_loss(replica, kind);
    return true;
}

static bool take_group_local(struct row *row, struct rep_node *node, struct mssql_server *server,
                             const struct replica *replica)
{
    free(node->application_name);
    node->application_name = strdup(replica->name);
    if (node->application_name == NULL)
        return dr_error_set(row->error, DR_ERR_INTERNAL, "out of memory");
    node->role = replica->primary ? REP_ROLE_PRIMARY : REP_ROLE_STANDBY;
    if (replica->primary) {
        server->position = replica->committed;
        return true;
    }
    enum rep_stream_kind kind = group_kind(replica->state, replica->suspended);
    node->received = replica->hardened;
    node->replayed = replica->committed;
    if (replica->commit_age.known)
        node->replay_age = dr_real(seconds(replica->commit_age.value));
    node->receiver.running = dr_bool(kind == REP_STREAM_STANDBY);
    node->copying.running = dr_bool(kind == REP_STREAM_COPYING);
    free(node->receiver.status); /* of a second local row, which is refused in the end */
    node->receiver.status = replica_state(replica);
    return (node->receiver.status != NULL ||
            dr_error_set(row->error, DR_ERR_INTERNAL, "out of memory")) &&
           set_text(&node->receiver.sender, text_at(row, "primary_replica"), row->error);
}

static bool read_group(struct row *row, struct rep_node *node, struct mssql_server *server)
{
    size_t local = 0;
    for (row->number = 0; row->number < row->result->rows; row->number++) {
        struct replica replica = read_replica(row);
        if (row->failed)
            return false;
        bool ok = true;
        if (replica.local) {
            local++;
            ok = set_text(&node->system, needed_text(row, "group_database"), row->error) &&
                 take_group_local(row, node, server, &replica);
        } else if (!replica.primary) {
            ok = add_group_secondary(node, &replica, row->error);
        }
        if (!ok || row->failed)
            return false;
    }
    return local == 1 || dr_error_set(row->error, DR_ERR_PROTOCOL,
                                      "the reply cannot be used: %zu local replicas", local);
}

bool mssql_read_links(const struct dr_tds_result *result, struct rep_node *node,
                      struct mssql_server *server, struct dr_error *error)
{
    struct row row = {.result = result, .error = error};
    forget_links(node);
    server->position = (struct dr_opt_int){.known = false};
    if (result->rows == 0)
        return take_unlinked(node, server, error);
    return server->geo ? read_geo(&row, node, server) : read_group(&row, node, server);
}
