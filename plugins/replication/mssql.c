/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for Azure SQL geo-replication and for availability groups of SQL Server: one
 * connection to each database, one batch for everything. */
#include "common/client/tds.h"
#include "common/module.h"
#include "plugins/replication/facts.h"
#include "plugins/replication/mssql_read.h"
#include "plugins/replication/watch.h"

#include <string.h>

enum { SET_LINKS, SET_SERVER, SETS };

#define EPOCH "CAST(''1970-01-01T00:00:00+00:00'' AS datetimeoffset)"
#define MICROSECONDS(column) "DATEDIFF_BIG(microsecond, " EPOCH ", " column ")"

/* Each view is named inside EXEC, because the other kind of server does not have it. Moments become
 * integers on the server: text would depend on its settings, and the wire format of datetimeoffset
 * on FreeTDS. The server's row comes last, so that its clock is not before anything in the links.
 *
 * sys.dm_hadr_availability_replica_cluster_states has the names without VIEW ANY DEFINITION, which
 * sys.availability_replicas would ask for. A log sequence number ends in five digits of a slot, of
 * which last_hardened_lsn knows nothing. */
/* clang-format off */
static const char look_sql[] =
    "SET NOCOUNT ON; SET LOCK_TIMEOUT 5000; SET DEADLOCK_PRIORITY LOW; "
    "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; "
    "IF CAST(SERVERPROPERTY('EngineEdition') AS int) IN (5, 8) "
    "EXEC (N'SELECT partner_server, partner_database, CAST(role AS int) AS role, "
    "CAST(replication_state AS int) AS replication_state, replication_lag_sec, "
    MICROSECONDS("last_replication") " AS last_replication, "
    MICROSECONDS("last_commit") " AS last_commit "
    "FROM sys.dm_geo_replication_link_status') "
    "ELSE "
    "EXEC (N'SELECT CAST(d.is_local AS int) AS is_local, "
    "CAST(d.is_primary_replica AS int) AS is_primary_replica, "
    "COALESCE(c.replica_server_name, CAST(d.replica_id AS nvarchar(36))) AS replica, "
    "CAST(d.group_database_id AS nvarchar(36)) AS group_database, "
    "d.synchronization_state_desc AS state, CAST(d.is_suspended AS int) AS is_suspended, "
    "d.suspend_reason_desc AS suspend_reason, d.secondary_lag_seconds, "
    "TRY_CAST(d.last_hardened_lsn / 100000 AS bigint) AS hardened, "
    "TRY_CAST(d.last_commit_lsn / 100000 AS bigint) AS committed, "
    "DATEDIFF_BIG(microsecond, d.last_commit_time, SYSDATETIME()) AS commit_age, "
    "g.primary_replica "
    "FROM sys.dm_hadr_database_replica_states AS d "
    "LEFT JOIN sys.dm_hadr_availability_replica_cluster_states AS c "
    "ON c.replica_id = d.replica_id AND c.group_id = d.group_id "
    "LEFT JOIN sys.dm_hadr_availability_group_states AS g ON g.group_id = d.group_id "
    "WHERE d.database_id = DB_ID()'); "
    "SELECT CAST(SERVERPROPERTY('EngineEdition') AS int) AS edition, "
    "CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version, "
    "CAST(@@SERVERNAME AS nvarchar(128)) AS server, CAST(DB_NAME() AS nvarchar(128)) AS name, "
    "CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(60)) AS updateability, "
    "CASE WHEN 1 IN (HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DATABASE STATE'), "
    "HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DATABASE PERFORMANCE STATE')) "
    "THEN 1 ELSE 0 END AS database_state, "
    "CASE WHEN 1 IN (HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE'), "
    "HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER PERFORMANCE STATE')) "
    "THEN 1 ELSE 0 END AS server_state, "
    "DATEDIFF_BIG(microsecond, CAST('1970-01-01T00:00:00+00:00' AS datetimeoffset), "
    "SYSDATETIMEOFFSET()) AS now";
/* clang-format on */

struct probe {
    struct dr_tds tds;
    struct dr_task *task;
    struct rep_node *node;
    struct mssql_server server;
    struct dr_error *error;
};

/* "monitor" of monitor@server: the gateway takes the rest off. */
static int user_length(const char *user)
{
    return (int)strcspn(user, "@");
}

/* A server that did not come to its own row names its missing permission itself. */
static bool lacks_privilege(struct probe *probe)
{
    const struct dr_uri *uri = &dr_task_target(probe->task)->uri;
    const char *user = uri->user != NULL ? uri->user : "";
    const char *said = probe->tds.server.text;
    bool geo = probe->server.geo || strstr(said, "DATABASE STATE") != NULL ||
               strstr(said, "DATABASE PERFORMANCE STATE") != NULL ||
               strstr(said, "dm_geo_replication_link_status") != NULL;
    if (geo)
        return dr_error_set(probe->error, DR_ERR_PRIVILEGE,
                            "may not see the replication links; in database %s: GRANT VIEW "
                            "DATABASE STATE TO [%.*s]",
                            uri->path + 1, user_length(user), user);
    return dr_error_set(probe->error, DR_ERR_PRIVILEGE,
                        "may not see the availability group; in master: GRANT VIEW SERVER STATE "
                        "TO [%s]",
                        user);
}

static bool read_results(struct probe *probe, const struct dr_tds_result *results)
{
    const struct dr_target *target = dr_task_target(probe->task);
    const char *host = target->uri.hosts[target->host].name;
    if (!mssql_read_server(&results[SET_SERVER], host, probe->node, &probe->server, probe->error))
        return false;
    /* Without the right the views may be empty instead of forbidden. */
    if (results[SET_LINKS].rows == 0 && !probe->server.permitted)
        return lacks_privilege(probe);
    return mssql_read_links(&results[SET_LINKS], probe->node, &probe->server, probe->error);
}

static void note_position(struct probe *probe, double sent)
{
    struct rep_node *node = probe->node;
    node->looked = dr_monotonic();
    if (node->role == REP_ROLE_STANDBY)
        rep_watch_add_position(node, sent);
    else if (probe->server.position.known)
        rep_node_add_reading(node, sent, node->looked, probe->server.position.value);
}

static bool look(struct probe *probe, const char *stage)
{
    struct dr_tds_result results[SETS];
    double sent = dr_monotonic();
    if (!dr_tds_query(&probe->tds, look_sql, stage, results, SETS))
        return probe->error->class == DR_ERR_PRIVILEGE ? lacks_privilege(probe) : false;
    double took = dr_monotonic() - sent;
    bool ok = read_results(probe, results);
    dr_tds_free_results(results, SETS);
    if (!ok)
        return false;
    if (!probe->node->clock_ahead.known)
        rep_watch_take_clock(probe->node, probe->server.now, took);
    note_position(probe, sent);
    return true;
}

static bool look_again(void *context)
{
    struct probe *probe = context;
    enum rep_role role = probe->node->role;
    if (!look(probe, "look again"))
        return false;
    return probe->node->role == role ||
           dr_error_set(probe->error, DR_ERR_PROTOCOL, "the roles changed while we were looking");
}

/* What a primary without a position could post would be a mark that everybody has passed. */
static bool compare(struct probe *probe)
{
    const struct rep_watch watch = {.task = probe->task,
                                    .node = probe->node,
                                    .look = look_again,
                                    .context = probe,
                                    .settle = REP_SETTLE_SECONDS};
    if (probe->node->role == REP_ROLE_STANDBY)
        return rep_watch_standby(&watch);
    if (probe->node->reading_count == 0)
        return true;
    struct rep_mark mark = rep_watch_mark(probe->node);
    return rep_watch_primary(&watch, &mark);
}

static bool can_do(const struct rep_request *request, struct dr_error *error)
{
    return !request->heartbeat ||
           dr_error_set(error, DR_ERR_USAGE,
                        "--heartbeat is not for SQL Server: without a table there is nothing to "
                        "write");
}

static bool probe_database(struct dr_task *task, void *facts, struct dr_error *error)
{
    const struct rep_request *request = dr_task_request(task);
    struct probe probe = {
        .tds = {.task = task, .application = "check_replication_lag", .error = error},
        .task = task,
        .node = facts,
        .error = error};
    bool ok = can_do(request, error) && dr_tds_open(&probe.tds) && look(&probe, "query") &&
              compare(&probe);
    dr_tds_close(&probe.tds);
    rep_board_done(request->board, dr_task_index(task));
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(replication, mssql);
const struct dr_source DR_SOURCE_SYMBOL(replication, mssql) = {
    .abi = DR_SOURCE_ABI,
    .group = "replication",
    .name = "mssql",
    .facts_size = sizeof(struct rep_node),
    .library = dr_tds_library,
    .probe = probe_database,
};
