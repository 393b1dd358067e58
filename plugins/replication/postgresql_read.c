/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/postgresql_read.h"

#include "common/buffer.h"
#include "common/client/pg_row.h"

#include <stdlib.h>
#include <string.h>

/* The longest that a standby takes from its connection to its request for the log, seconds. */
#define STARTUP_MAX 60.0

static char *text(struct dr_pg_row *row, const char *column)
{
    const char *value = dr_pg_row_cell(row, column);
    if (value == NULL || *value == '\0')
        return NULL;
    char *copy = dr_text_clean(value, 250);
    if (copy == NULL)
        dr_pg_row_fail(row, column, "does not fit into memory");
    return copy;
}

/* A position in the log, in bytes. */
static struct dr_opt_int position_in(struct dr_pg_row *row, const char *column)
{
    struct dr_opt_int position = dr_pg_row_int(row, column);
    if (position.known && position.value < 0) {
        dr_pg_row_fail(row, column, "is no position");
        position.known = false;
    }
    return position;
}

/* What the tools that only keep the log call themselves, in all versions. */
static bool is_receiver_by_name(const struct rep_stream *stream)
{
    static const char *const names[] = {"pg_receivewal", "pg_receivexlog", "barman_receive_wal"};
    for (size_t i = 0; stream->name != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(stream->name, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

/* Who it is. A standby's reports always say what it has replayed; those of pg_receivewal and its
 * kin never do. Without pg_read_all_stats everything but the name is NULL. A standby asks for the
 * log as soon as it is connected: who has not for long, in the state "startup", never will. */
static enum rep_stream_kind kind_of(struct dr_pg_row *row, const struct rep_stream *stream)
{
    const char *slot_type = dr_pg_row_cell(row, "slot_type");
    struct dr_opt_bool reported = dr_pg_row_bool(row, "reported");
    const char *state = stream->state != NULL ? stream->state : "";
    if (slot_type != NULL && strcmp(slot_type, "logical") == 0)
        return REP_STREAM_LOGICAL;
    if (strcmp(state, "backup") == 0 ||
        (stream->name != NULL && strcmp(stream->name, "pg_basebackup") == 0))
        return REP_STREAM_BACKUP;
    if (stream->replayed.known && *state != '\0')
        return REP_STREAM_STANDBY;
    if (is_receiver_by_name(stream)) /* also before its first report, and where it is hidden */
        return REP_STREAM_RECEIVER;
    if (*state == '\0')
        return REP_STREAM_HIDDEN;
    bool idle = strcmp(state, "startup") == 0 && stream->connected.known &&
                stream->connected.value > STARTUP_MAX;
    return idle || (reported.known && reported.value) ? REP_STREAM_RECEIVER : REP_STREAM_CONNECTING;
}

static void read_stream(struct dr_pg_row *row, struct rep_stream *stream)
{
    stream->name = text(row, "application_name");
    stream->address = text(row, "client_addr");
    stream->hostname = text(row, "client_hostname");
    stream->slot = text(row, "slot_name");
    stream->state = text(row, "state");
    stream->sync_state = text(row, "sync_state");
    stream->connected = dr_pg_row_real(row, "connected");
    stream->flushed = position_in(row, "flushed");
    stream->replayed = position_in(row, "replayed");
    stream->flush_lag = dr_pg_row_real(row, "flush_lag");
    stream->replay_lag = dr_pg_row_real(row, "replay_lag");
    stream->reply_age = dr_pg_row_real(row, "reply_age");
    stream->kind = kind_of(row, stream);
}

bool pg_read_streams(const PGresult *result, struct rep_node *node, struct dr_error *error)
{
    size_t count = (size_t)PQntuples(result);
    struct rep_stream *streams = calloc(count + 1, sizeof *streams);
    if (streams == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    rep_streams_free(node->streams, node->stream_count);
    node->streams = streams;
    node->stream_count = count;
    struct dr_pg_row row = {.result = result, .error = error};
    for (size_t i = 0; i < count; i++) {
        row.number = (int)i;
        read_stream(&row, &streams[i]);
    }
    return !row.failed;
}

static void read_slot(struct dr_pg_row *row, struct rep_slot *slot)
{
    slot->name = text(row, "slot_name");
    const char *type = dr_pg_row_cell(row, "slot_type");
    slot->logical = type != NULL && strcmp(type, "logical") == 0;
    if (!slot->logical && (type == NULL || strcmp(type, "physical") != 0))
        dr_pg_row_fail(row, "slot_type", "is neither physical nor logical");
    struct dr_opt_bool temporary = dr_pg_row_bool(row, "temporary");
    slot->temporary = temporary.known && temporary.value;
    slot->active = dr_pg_row_bool(row, "active");
    slot->restart = position_in(row, "restart");
    slot->confirmed = position_in(row, "confirmed");
    slot->wal_status = text(row, "wal_status");
    slot->safe = dr_pg_row_int(row, "safe");
    slot->inactive_age = dr_pg_row_real(row, "inactive_age");
    slot->invalidation = text(row, "invalidation_reason");
    slot->conflicting = dr_pg_row_bool(row, "conflicting");
    slot->failover = dr_pg_row_bool(row, "failover");
    slot->synced = dr_pg_row_bool(row, "synced");
    if (slot->name == NULL)
        dr_pg_row_fail(row, "slot_name", "is empty");
}

bool pg_read_slots(const PGresult *result, struct rep_node *node, struct dr_error *error)
{
    size_t count = (size_t)PQntuples(result);
    node->slots = calloc(count + 1, sizeof *node->slots);
    if (node->slots == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    node->slot_count = count;
    struct dr_pg_row row = {.result = result, .error = error};
    for (size_t i = 0; i < count; i++) {
        row.number = (int)i;
        read_slot(&row, &node->slots[i]);
    }
    return !row.failed;
}

bool pg_read_spilled(const PGresult *result, struct rep_node *node, struct dr_error *error)
{
    struct dr_pg_row row = {.result = result, .error = error};
    for (int i = 0; i < PQntuples(result) && !row.failed; i++) {
        row.number = i;
        char *name = text(&row, "slot_name");
        struct dr_opt_int spilled = dr_pg_row_int(&row, "spilled");
        for (size_t s = 0; name != NULL && s < node->slot_count; s++) {
            if (strcmp(node->slots[s].name, name) == 0)
                node->slots[s].spilled = spilled;
        }
        free(name);
    }
    return !row.failed;
}

static void read_subscription(struct dr_pg_row *row, struct rep_subscription *subscription)
{
    subscription->name = text(row, "subname");
    subscription->enabled = dr_pg_row_bool(row, "enabled");
    subscription->running = dr_pg_row_bool(row, "running");
    subscription->message_age = dr_pg_row_real(row, "message_age");
    subscription->apply_errors = dr_pg_row_int(row, "apply_errors");
    subscription->sync_errors = dr_pg_row_int(row, "sync_errors");
    subscription->tables_pending = dr_pg_row_int(row, "tables_pending");
    if (subscription->name == NULL)
        dr_pg_row_fail(row, "subname", "is empty");
}

bool pg_read_subscriptions(const PGresult *result, struct rep_node *node, struct dr_error *error)
{
    size_t count = (size_t)PQntuples(result);
    node->subscriptions = calloc(count + 1, sizeof *node->subscriptions);
    if (node->subscriptions == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    node->subscription_count = count;
    struct dr_pg_row row = {.result = result, .error = error};
    for (size_t i = 0; i < count; i++) {
        row.number = (int)i;
        read_subscription(&row, &node->subscriptions[i]);
    }
    return !row.failed;
}

static enum rep_pause pause_of(struct dr_pg_row *row)
{
    const char *pause = dr_pg_row_cell(row, "pause");
    if (pause == NULL)
        return REP_PAUSE_UNKNOWN;
    if (strcmp(pause, "not paused") == 0)
        return REP_PAUSE_NONE;
    if (strcmp(pause, "pause requested") == 0)
        return REP_PAUSE_REQUESTED;
    if (strcmp(pause, "paused") == 0)
        return REP_PAUSE_PAUSED;
    dr_pg_row_fail(row, "pause", "is a state we do not know");
    return REP_PAUSE_UNKNOWN;
}

static void read_standby(struct dr_pg_row *row, struct rep_node *node)
{
    node->received = position_in(row, "received");
    node->replayed = position_in(row, "replayed");
    node->replay_age = dr_pg_row_real(row, "replay_age");
    node->pause = pause_of(row);
    node->apply_delay = dr_pg_row_real(row, "apply_delay");
    node->application_name = text(row, "application_name");
    struct rep_receiver *receiver = &node->receiver;
    receiver->running = dr_pg_row_bool(row, "receiver_running");
    receiver->status = text(row, "receiver_status");
    receiver->slot = text(row, "receiver_slot");
    receiver->timeline = dr_pg_row_int(row, "receiver_timeline");
    receiver->announced = position_in(row, "announced");
    receiver->message_age = dr_pg_row_real(row, "message_age");
    receiver->timeout = dr_pg_row_real(row, "receiver_timeout");
    const char *host = dr_pg_row_cell(row, "sender_host");
    const char *port = dr_pg_row_cell(row, "sender_port");
    if (host != NULL && port != NULL)
        receiver->sender = dr_text_format("%s:%s", host, port);
}

/* A primary's timeline is in the name of the file it writes; a standby's is the one it receives,
 * else the one of its last restart point. */
static struct dr_opt_int timeline_of(struct dr_pg_row *row, const struct rep_node *node)
{
    const char *file = dr_pg_row_cell(row, "timeline");
    struct dr_opt_int checkpoint = dr_pg_row_int(row, "checkpoint_timeline");
    if (file != NULL) {
        if (strlen(file) == 8 && file[strspn(file, "0123456789ABCDEF")] == '\0')
            return dr_int(strtoll(file, NULL, 16));
        dr_pg_row_fail(row, "timeline", "is no timeline");
    }
    const struct dr_opt_int *received = &node->receiver.timeline;
    if (received->known && (!checkpoint.known || received->value > checkpoint.value))
        return *received;
    return checkpoint;
}

static void read_privilege(struct dr_pg_row *row, struct rep_node *node)
{
    node->privileged = dr_pg_row_bool(row, "privileged");
    char *role = text(row, "role_name");
    const char *name = role != NULL ? role : "the monitoring role";
    if (node->major >= 10)
        node->grant = dr_text_format("GRANT pg_monitor TO %s", name);
    else
        node->grant =
            dr_text_format("ALTER ROLE %s SUPERUSER (before 10 only a superuser may)", name);
    free(role);
}

bool pg_read_node(const PGresult *result, struct rep_node *node, struct pg_node_extra *extra,
                  struct dr_error *error)
{
    if (PQntuples(result) != 1)
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: %d rows for the node", PQntuples(result));
    struct dr_pg_row row = {.result = result, .error = error};
    struct dr_opt_bool in_recovery = dr_pg_row_bool(&row, "in_recovery");
    if (!in_recovery.known)
        dr_pg_row_fail(&row, "in_recovery", "is empty");
    else
        node->role = in_recovery.value ? REP_ROLE_STANDBY : REP_ROLE_PRIMARY;
    extra->server_time = dr_pg_row_real(&row, "server_time");
    extra->position = position_in(&row, "position");
    node->system = text(&row, "system");
    node->instance = text(&row, "instance");
    node->cluster_name = text(&row, "cluster_name");
    node->synchronous_names = dr_text_clean(dr_pg_row_cell(&row, "synchronous_names"), 1000);
    const char *commit = dr_pg_row_cell(&row, "synchronous_commit");
    if (commit != NULL)
        node->commits_wait = dr_bool(strcmp(commit, "off") != 0 && strcmp(commit, "local") != 0);
    for (size_t i = 0; i < REP_FLOORS; i++)
        node->floors[i] =
            (struct rep_floor){rep_floor_names[i], dr_pg_row_int(&row, rep_floor_names[i])};
    node->sender_timeout = dr_pg_row_real(&row, "sender_timeout");
    read_privilege(&row, node);
    read_standby(&row, node);
    node->timeline = timeline_of(&row, node);
    if (!node->timeline.known)
        dr_pg_row_fail(&row, "checkpoint_timeline", "is empty");
    dr_pg_row_int(&row, "complete");
    if (!row.failed && node->role == REP_ROLE_PRIMARY && !extra->position.known)
        dr_pg_row_fail(&row, "position", "is empty on a primary");
    return !row.failed;
}

bool pg_read_position(const PGresult *result, struct dr_opt_int *position, struct dr_error *error)
{
    struct dr_pg_row row = {.result = result, .error = error};
    if (PQntuples(result) != 1)
        return dr_error_set(error, DR_ERR_PROTOCOL, "the reply cannot be used: no position");
    *position = position_in(&row, "position");
    if (!row.failed && !position->known)
        dr_pg_row_fail(&row, "position", "is empty on a primary");
    return !row.failed;
}

bool pg_read_progress(const PGresult *result, struct dr_opt_int *received,
                      struct dr_opt_int *replayed, struct dr_error *error)
{
    struct dr_pg_row row = {.result = result, .error = error};
    if (PQntuples(result) != 1)
        return dr_error_set(error, DR_ERR_PROTOCOL, "the reply cannot be used: no position");
    *received = position_in(&row, "received");
    *replayed = position_in(&row, "replayed");
    return !row.failed;
}
