/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_replication_lag: how much committed data dies with the primary, on the standby that would
 * be promoted. */
#include "common/duration.h"
#include "common/plugin.h"
#include "plugins/replication/judge.h"
#include "plugins/replication/request.h"
#include "plugins/replication/words.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The RPO where no limit for a loss was given at all: judged by something, never by nothing. */
#define RPO_FALLBACK 60.0
#define SLOT_INACTIVE_FALLBACK 3600.0

static struct dr_common_options common;
static struct dr_opt_real rpo;
static struct dr_opt_real rto;
static struct rep_rules rules;
static struct dr_text_list expect_delay;
static struct dr_text_list include;
static struct dr_text_list exclude;
static struct dr_text_list services;
static char *expect_upstream;
static char *expect_primary;
static char *database;
static bool heartbeat;
static struct rep_request request;
static struct dr_selection selection;
static struct rep_delay *delays;

#define GROUP_EXPECT "What the plan expects"

static const struct dr_option option_rows[] = {
    DR_TARGET_OPTIONS(common),
    {.name = "dbservice",
     .kind = DR_OPTION_TEXTS,
     .argument = "NAME",
     .help = "A service of pg_service.conf as a target; repeatable.",
     .example = "db1",
     .group = DR_GROUP_TARGETS,
     .into = &services},
    {.letter = 'd',
     .name = "database",
     .kind = DR_OPTION_TEXT,
     .argument = "NAME",
     .fallback = "postgres",
     .help = "The database to connect to, for URIs without one.",
     .example = "postgres",
     .group = DR_GROUP_TARGETS,
     .into = &database},
    DR_LIMIT_OPTIONS(common),
    {.name = "rpo",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "1m, where no limit of loss or loss_bytes is given",
     .help = "The recovery point objective: CRITICAL when a standby lacks commits older than this, "
             "WARNING at 80 % of it.",
     .example = "1m",
     .group = DR_GROUP_LIMITS,
     .into = &rpo},
    {.name = "rto",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .help = "The share of the recovery time objective that replaying may take: limits apply_lag, "
             "WARNING at 80 % of it.",
     .example = "15m",
     .group = DR_GROUP_LIMITS,
     .into = &rto},
    {.name = "slot-inactive",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "1h, where the server or --state-dir knows since when",
     .help = "WARNING when a slot has not been in use for longer.",
     .example = "30m",
     .group = DR_GROUP_LIMITS,
     .into = &rules.slot_inactive},
    {.name = "expect-standby",
     .kind = DR_OPTION_TEXTS,
     .argument = "NAME",
     .help = "A standby that must be connected: its target name, host, application_name, "
             "cluster_name, slot or address; repeatable.",
     .example = "db2",
     .group = GROUP_EXPECT,
     .into = &rules.expect_standby},
    {.name = "partner",
     .kind = DR_OPTION_TEXTS,
     .argument = "NAME",
     .help = "The same as --expect-standby, in the words of Azure SQL: the server that the "
             "database must be replicated to; repeatable.",
     .example = "db-west",
     .group = GROUP_EXPECT,
     .into = &rules.expect_standby},
    {.name = "expect-count",
     .kind = DR_OPTION_INTEGER,
     .argument = "N",
     .help = "At least so many standbys must be connected; 0 allows a primary without any.",
     .example = "2",
     .group = GROUP_EXPECT,
     .into = &rules.expect_count},
    {.name = "expect-primary",
     .kind = DR_OPTION_TEXT,
     .argument = "NAME",
     .help = "The target, host or cluster_name that must be the primary. Without it a planned "
             "switchover is fine.",
     .example = "db1",
     .group = GROUP_EXPECT,
     .into = &expect_primary},
    {.name = "expect-upstream",
     .kind = DR_OPTION_TEXT,
     .argument = "HOST[:PORT]",
     .help = "The server that each standby asked must receive from, or the name of a target.",
     .example = "db1",
     .group = GROUP_EXPECT,
     .into = &expect_upstream},
    {.name = "expect-slot",
     .kind = DR_OPTION_TEXTS,
     .argument = "NAME",
     .help = "A replication slot that must exist; repeatable.",
     .example = "db2_slot",
     .group = GROUP_EXPECT,
     .into = &rules.expect_slot},
    {.name = "expect-delay",
     .kind = DR_OPTION_TEXTS,
     .argument = "NAME=DURATION",
     .help = "A standby that must be delayed by so much (recovery_min_apply_delay); repeatable. "
             "A delayed standby is judged by its lag beyond the delay in any case.",
     .example = "db4=1h",
     .group = GROUP_EXPECT,
     .into = &expect_delay},
    {.name = "include",
     .kind = DR_OPTION_TEXTS,
     .argument = "REGEX",
     .help = "Only standbys (as their sender sees them), slots and subscriptions whose name "
             "matches; repeatable.",
     .example = "^db",
     .group = GROUP_EXPECT,
     .into = &include},
    {.name = "exclude",
     .kind = DR_OPTION_TEXTS,
     .argument = "REGEX",
     .help = "Not those whose name matches; repeatable.",
     .example = "^debezium",
     .group = GROUP_EXPECT,
     .into = &exclude},
    {.name = "heartbeat",
     .kind = DR_OPTION_FLAG,
     .help = "Write an empty message to the primary's log and measure when each standby has it. "
             "Needs no table and no privilege; the only thing this check ever writes.",
     .group = GROUP_EXPECT,
     .into = &heartbeat},
    DR_OUTPUT_OPTIONS(common),
};

static const struct dr_scheme schemes[] = {
    {"postgresql", "postgresql", "libpq5", true},
    {"postgres", "postgresql", "libpq5", true},
    {"mongodb", "mongodb", "libmongoc-1.0-0", true},
    {"redis", "redis", "libhiredis0.14", true},
    {"rediss", "rediss", "libhiredis0.14 and libssl3", true},
    {"redis+unix", "redis", "libhiredis0.14", true},
    {"redis+sentinel", "redis", "libhiredis0.14", true},
    {"rediss+sentinel", "rediss", "libhiredis0.14 and libssl3", true},
    {"mssql", "mssql", "libsybdb5", true},
    {"azure-storage", "azure", "libcurl4", false},
};

static const struct dr_example examples[] = {
    {"All nodes at once, from outside: works without any privilege",
     "-T postgresql://nagios@db1,db2,db3/postgres --rpo 1m"},
    {"The primary alone, with the standbys that must be there",
     "-T postgresql://nagios@db1/postgres --rpo 1m --expect-standby db2 --expect-standby db3"},
    {"The standby alone, in the other site", "-H db2 -l nagios --rpo 1m --rto 15m"},
    {"Measured end to end, with a memory for trends and for the day the primary is gone",
     "-T postgresql://nagios@db1,db2/postgres --rpo 30s --heartbeat --state-dir "
     "/var/lib/nagios/dr"},
    {"A MongoDB replica set, each member asked by itself",
     "-T 'mongodb://nagios@m1,m2,m3/?replicaSet=rs0&tls=true' --password-file /etc/nagios/mongo "
     "--rpo 30s"},
    {"Azure SQL: both servers of a failover group, whichever is the primary now",
     "-T mssql://monitor@db-east.database.windows.net/appdb "
     "-T mssql://monitor@db-west.database.windows.net/appdb "
     "--password-file /etc/nagios/azure.secret --rpo 1m"},
    {"Azure SQL: the primary alone, and whom it must be replicated to",
     "-T mssql://monitor@db-east.database.windows.net/appdb --partner db-west --rpo 1m"},
    {"Redis, through its Sentinels", "-T redis+sentinel://s1,s2,s3/mymaster --rpo 10s"},
    {"Limits by name", "-T postgresql://nagios@db1/postgres -w loss_bytes=16MiB -c loss_bytes=1GiB "
                       "-c slot_retained=20GB"},
};

static const struct dr_manual_section manual[] = {
    {"WHAT IS MEASURED",
     "For each standby three things are kept apart: the loss (what was "
     "committed on the primary and is not on the "
     "standby: it dies with the primary), the apply lag (what is on the "
     "standby but not replayed: it costs time to "
     "promote, not data), and the link age (how fresh these figures are: a "
     "frozen figure is never OK).\n\n"
     "The loss in seconds is the age of the oldest commit that is missing. It "
     "is 0 where no byte is missing, "
     "however long the primary has been idle. Otherwise it is the smallest of "
     "what can be proven: the sender's "
     "flush_lag plus the age of the standby's last report (not while it catches up: what "
     "is measured then began with its connection); the time since a "
     "position of the primary that the standby "
     "was seen to have passed in this very run (or, with --state-dir, in an "
     "earlier one); the age of the last "
     "transaction replayed. A figure that looks behind is looked at again for "
     "up to a second before it is believed.\n\n"
     "Where several nodes are given, the primary's position is read before and "
     "after the standbys', so that no "
     "clock and no privilege is needed to compare them. A standby that is asked alone knows its "
     "primary only as of its "
     "last message, which on an idle link can be half of wal_receiver_timeout old (30 s by "
     "default): for a shorter RPO "
     "ask the primary too.\n\n"
     "Azure SQL: what was acknowledged last, last_replication less replication_lag_sec, is on the "
     "secondary. When nothing was committed since, nothing is missing, however long ago that was; "
     "else what is missing is younger. So neither an idle database nor the frozen lag of a "
     "suspended link misleads. Availability groups: log blocks are compared; where that proves "
     "nothing, secondary_lag_seconds while data moves, else the age of the last commit there. "
     "There is no link age, and --heartbeat is refused: nothing can be written without a table. A "
     "secondary that is asked alone does not know what its primary has."},
    {"GRANTS",
     "With every node as a target, a role that may only log in is enough for the loss in "
     "bytes and seconds, the roles, "
     "timelines, promotability and slots. To judge from the primary alone, and to see "
     "the links and the synchronous "
     "standbys, grant it pg_monitor:\n\n"
     "    CREATE ROLE nagios LOGIN PASSWORD '...';\n"
     "    GRANT pg_monitor TO nagios;\n\n"
     "PostgreSQL 9.6 has no pg_monitor: there only a superuser sees everything. "
     "--heartbeat needs no grant.\n\n"
     "MongoDB: the role clusterMonitor on the database admin; --heartbeat needs the action "
     "appendOplogNote on the cluster as well. Arbiters hold no users, and are asked "
     "without one.\n\n"
     "Azure SQL, in the user database:\n\n"
     "    CREATE USER monitor WITH PASSWORD = '...';\n"
     "    GRANT VIEW DATABASE STATE TO monitor;\n\n"
     "SQL Server, on every replica, with the same SID:\n\n"
     "    CREATE LOGIN monitor WITH PASSWORD = '...', SID = 0x...;\n"
     "    GRANT VIEW SERVER STATE TO monitor;\n"
     "    USE appdb; CREATE USER monitor FOR LOGIN monitor;\n\n"
     "Redis and Valkey, each node: ACL SETUSER nagios on >PASSWORD +info +config|get; in a "
     "Cluster also +cluster|nodes +cluster|info; for --heartbeat also +publish +wait "
     "&drcheck. CONFIG GET may be refused: then nothing is said about persistence and "
     "min-replicas-to-write. Each Sentinel that asks for a password: +info "
     "+sentinel|master +sentinel|replicas +sentinel|sentinels +sentinel|ckquorum."},
    {"REDIS AND VALKEY",
     "redis://[USER@]HOST[:PORT][,HOST...], rediss:// with TLS, redis+unix:///PATH: give the "
     "primary and its replicas; a replica does not know what its primary has, so that alone it "
     "proves nothing. redis+sentinel://HOST[:26379][,HOST...]/NAME (rediss+sentinel:// with TLS): "
     "give every Sentinel; the nodes are found, USER is theirs, and the Sentinels' own login is "
     "the parameters sentinel_user and sentinel_password_file. Of a Cluster any node will do: the "
     "others are found, and each shard is judged by itself. Parameters for TLS: cacert, cert, key "
     "(files), insecure=1.\n\n"
     "Positions are bytes of the replication stream, compared only within one replication id. A "
     "replica reports to its primary once a second: a primary that is asked alone while it writes "
     "is looked at for up to two seconds. \"lag\" in INFO is the age of that report and not the "
     "loss. The seconds come from positions seen in this run, from --state-dir, or from "
     "--heartbeat: PUBLISH to the channel drcheck and WAIT, which touch no key (in a Cluster "
     "PUBLISH does not go to the replicas that way, and nothing is written)."},
    {"STATES", "CRITICAL: a limit is broken; a target does not answer; a standby is expected and "
               "not connected, does not receive, "
               "is silent, follows another timeline or cluster, or cannot be promoted; a slot is "
               "lost, unreserved or missing; "
               "several servers take writes; commits hang because synchronous standbys are "
               "missing; a subscription's worker is "
               "not running. WARNING: 80 % of the RPO; replay paused by a user; a delay that is "
               "gone; an inactive slot. UNKNOWN: "
               "we cannot tell: wrong password, missing privilege, unreadable reply, unresolvable "
               "name, TLS."},
};

static bool read_delays(struct dr_error *error)
{
    delays = calloc(expect_delay.count + 1, sizeof *delays);
    if (delays == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < expect_delay.count; i++) {
        char *value = strrchr(expect_delay.items[i], '=');
        if (value == NULL || value == expect_delay.items[i])
            return dr_error_set(error, DR_ERR_USAGE, "--expect-delay: \"%s\" is not NAME=DURATION",
                                expect_delay.items[i]);
        *value = '\0';
        delays[i].name = expect_delay.items[i];
        if (!dr_duration_parse(value + 1, &delays[i].seconds, error))
            return dr_error_prefix(error, "--expect-delay %s", delays[i].name);
    }
    rules.delays = delays;
    rules.delay_count = expect_delay.count;
    return true;
}

static bool add_services(struct dr_targets *targets, struct dr_error *error)
{
    for (size_t i = 0; i < services.count; i++) {
        char *uri = dr_text_format("postgresql:///?service=%s", services.items[i]);
        bool ok = uri != NULL &&
                  dr_targets_add(targets, schemes, sizeof schemes / sizeof schemes[0], uri, error);
        free(uri);
        if (!ok)
            return dr_error_prefix(error, "--dbservice");
    }
    return true;
}

static bool set_database(struct dr_targets *targets, struct dr_error *error)
{
    for (size_t i = 0; database != NULL && i < targets->count; i++) {
        struct dr_uri *uri = &targets->items[i].uri;
        enum rep_product kind = rep_product_of(targets->items[i].scheme->source);
        if (kind != REP_POSTGRESQL && kind != REP_MSSQL)
            continue;
        if (uri->path[0] == '/' && uri->path[1] != '\0')
            continue;
        char *path = dr_text_format("/%s", database);
        if (path == NULL)
            return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        free(uri->path);
        uri->path = path;
    }
    return true;
}

static bool read_selection(struct dr_error *error)
{
    for (size_t i = 0; i < include.count; i++) {
        if (!dr_selection_add(&selection, false, include.items[i], error))
            return dr_error_prefix(error, "--include");
    }
    for (size_t i = 0; i < exclude.count; i++) {
        if (!dr_selection_add(&selection, true, exclude.items[i], error))
            return dr_error_prefix(error, "--exclude");
    }
    return true;
}

static bool is_limited(const struct dr_threshold *threshold)
{
    return threshold->warning.given || threshold->critical.given;
}

static bool prepare(struct dr_targets *targets, struct dr_threshold *thresholds,
                    struct dr_error *error)
{
    rules.thresholds = thresholds;
    rules.expect_primary = expect_primary;
    rules.expect_upstream = expect_upstream;
    if (!rpo.known && !is_limited(&thresholds[REP_LOSS]) &&
        !is_limited(&thresholds[REP_LOSS_BYTES]))
        rpo = dr_real(RPO_FALLBACK);
    if (rpo.known)
        dr_threshold_from_objective(&thresholds[REP_LOSS], rpo.value);
    if (rto.known)
        dr_threshold_from_objective(&thresholds[REP_APPLY_LAG], rto.value);
    rules.rpo = rpo;
    request.spilled = is_limited(&thresholds[REP_SLOT_SPILLED]);
    rules.slot_inactive_given = rules.slot_inactive.known;
    if (!rules.slot_inactive.known)
        rules.slot_inactive = dr_real(SLOT_INACTIVE_FALLBACK);
    return read_delays(error) && read_selection(error) && add_services(targets, error) &&
           set_database(targets, error);
}

static bool before_run(size_t targets, size_t capacity, struct dr_error *error)
{
    request.heartbeat = heartbeat;
    request.board = rep_board_new(capacity, targets);
    return request.board != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* What tells this service from another in the state directory: its targets. */
static char *identity(const struct dr_session *session)
{
    struct dr_buffer text = DR_BUFFER(16384);
    for (size_t i = 0; i < session->targets->count; i++) {
        if (!session->targets->items[i].discovered)
            dr_buffer_addf(&text, "%s ", session->targets->items[i].label);
    }
    return dr_buffer_take(&text);
}

static void open_history(const struct dr_session *session, struct rep_history *history,
                         struct dr_result *result)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    *history = (struct rep_history){.open = false};
    if (session->common->state_dir == NULL)
        return;
    char *name = identity(session);
    if (name == NULL ||
        !rep_history_open(history, session->common->state_dir, session->plugin->name, name, &error))
        dr_result_add(result, DR_UNKNOWN, "state", "%s",
                      name != NULL ? error.text : "out of memory");
    free(name);
}

/* The group of a target that did not answer, where its URI tells. */
static const char *group_of(const struct dr_target *target)
{
    enum rep_product kind = rep_product_of(target->scheme->source);
    if (kind == REP_MONGODB)
        return dr_uri_param(&target->uri, "replicaSet");
    /* What Sentinels name belongs to the primary's name in their URI. */
    bool path = kind == REP_MSSQL || (kind == REP_REDIS && target->discovered);
    if (path && target->uri.path[0] == '/' && target->uri.path[1] != '\0')
        return target->uri.path + 1;
    return NULL;
}

/* A standby that was discovered and is left out on purpose; what was given is always judged. */
static bool is_left_out(const struct rep_asked *asked)
{
    return asked->discovered && (!asked->answered || asked->node->role == REP_ROLE_STANDBY) &&
           !dr_selection_has(&selection, asked->label);
}

/* Fills `asked` and returns how many there are. */
static size_t gather(const struct dr_session *session, struct rep_asked *asked)
{
    const struct rep_node *nodes = session->facts;
    size_t count = 0;
    for (size_t i = 0; i < session->targets->count; i++) {
        const struct dr_target *target = &session->targets->items[i];
        const struct dr_outcome *outcome = &session->outcomes[i];
        const struct dr_uri_host *host =
            target->host < target->uri.host_count ? &target->uri.hosts[target->host] : NULL;
        struct rep_asked *next = &asked[count];
        *next = (struct rep_asked){
            .label = target->label,
            .kind = rep_product_of(target->scheme->source),
            .discovered = target->discovered,
            .host = host != NULL ? host->name : NULL,
            .port = host != NULL ? host->port : 0,
            .answered = outcome->finished && outcome->ok,
            .node = outcome->finished && outcome->ok ? &nodes[i] : NULL,
            .error = &outcome->error,
        };
        next->group = next->answered ? next->node->group : group_of(target);
        count += is_left_out(next) ? 0 : 1;
    }
    rep_sort_groups(asked, count);
    rep_find_aliases(asked, count);
    return count;
}

static void judge_asked(const struct dr_session *session, struct rep_asked *asked,
                        struct dr_result *result)
{
    size_t count = gather(session, asked);
    struct rep_history history;
    struct dr_error error = {.class = DR_ERR_NONE};
    open_history(session, &history, result);
    const struct rep_evidence evidence = {
        .asked = asked,
        .count = count,
        .history = &history,
        .now = session->now,
        .selection = &selection,
    };
    rep_judge(&evidence, &rules, session->common->timeout.state, result);
    if (!rep_history_close(&history, &error))
        dr_result_add(result, DR_UNKNOWN, "state", "%s", error.text);
}

static void judge(const struct dr_session *session, struct dr_result *result)
{
    struct rep_asked *asked = calloc(session->targets->count, sizeof *asked);
    if (asked == NULL) {
        result->out_of_memory = true;
        return;
    }
    judge_asked(session, asked, result);
    free(asked);
}

#ifdef DR_STATIC_SOURCES
#ifdef HAVE_LIBPQ
extern const struct dr_source dr_source_replication_postgresql;
#endif
#ifdef HAVE_MONGOC
extern const struct dr_source dr_source_replication_mongodb;
#endif
#ifdef HAVE_FREETDS
extern const struct dr_source dr_source_replication_mssql;
#endif
#ifdef HAVE_HIREDIS
extern const struct dr_source dr_source_replication_redis;
#ifdef HAVE_OPENSSL
extern const struct dr_source dr_source_replication_rediss;
#endif
#endif
static const struct dr_source *const built_in[] = {
#ifdef HAVE_LIBPQ
    &dr_source_replication_postgresql,
#endif
#ifdef HAVE_MONGOC
    &dr_source_replication_mongodb,
#endif
#ifdef HAVE_FREETDS
    &dr_source_replication_mssql,
#endif
#ifdef HAVE_HIREDIS
    &dr_source_replication_redis,
#ifdef HAVE_OPENSSL
    &dr_source_replication_rediss,
#endif
#endif
    NULL,
};
#define BUILT_IN built_in
#else
#define BUILT_IN NULL
#endif

static const struct dr_plugin plugin = {
    .name = "check_replication_lag",
    .service = "REPLICATION",
    .group = "replication",
    .summary =
        "how much committed data dies with the primary, on the standby that would be promoted",
    .description =
        "Asks a database's nodes, all at once, and says what is lost if the primary dies now: in "
        "bytes and in seconds, "
        "on the best standby and on each. Proves that the standbys are there, follow the right "
        "primary, are fresh, and "
        "could be promoted.\n\n"
        "PostgreSQL 9.6 to 18: postgresql://USER@HOST[:PORT][,HOST...]/DATABASE[?KEY=VALUE...] "
        "with libpq's "
        "parameters (sslmode, sslrootcert, service, ...). Give the primary, a standby, or every "
        "node: the more nodes, "
        "the less privilege is needed and the more is proven. It finds the roles itself.\n\n"
        "MongoDB 4.2 to 8.x: mongodb://USER@HOST[:PORT][,HOST...]/[?KEY=VALUE...] with the "
        "driver's parameters (tls, tlsCAFile, authSource, ...). Each host is asked by itself; "
        "replicaSet names the set that they must belong to.\n\n"
        "Azure SQL Database and Managed Instance with geo-replication, and SQL Server 2016 and "
        "later with availability groups: mssql://USER@HOST[:PORT][,HOST...]/DATABASE[?KEY=VALUE"
        "...]; encrypt=yes|no|strict, cafile=FILE, trust=yes, intent=readonly. The password: "
        "--password-file, or SQLCMDPASSWORD. Name the user database, not master; behind some "
        "gateways the user is USER%40SERVER.\n\n"
        "Redis 5 to 8 and Valkey: redis://[USER@]HOST[:PORT][,HOST...], or "
        "redis+sentinel://HOST[,HOST...]/NAME.",
    .options = {option_rows, sizeof option_rows / sizeof option_rows[0]},
    .common = &common,
    .metrics = rep_metrics,
    .metric_count = REP_METRICS,
    .schemes = schemes,
    .scheme_count = sizeof schemes / sizeof schemes[0],
    .default_scheme = "postgresql",
    .examples = examples,
    .example_count = sizeof examples / sizeof examples[0],
    .manual = manual,
    .manual_count = sizeof manual / sizeof manual[0],
    .built_in = BUILT_IN,
    .facts_size = sizeof(struct rep_node),
    .request = &request,
    .discovers = true,
    .prepare = prepare,
    .before_run = before_run,
    .judge = judge,
    .free_facts = rep_node_free,
};

int main(int argc, char **argv)
{
    /* The MongoDB driver, when it is loaded, keeps its counters in a file named by its process, and
     * warns on stderr when somebody has left one of that name. */
    setenv("MONGOC_DISABLE_SHM", "1", 1);
    bool stragglers;
    int code = dr_plugin_main(&plugin, argc, argv, &stragglers);
    if (stragglers)
        _exit(code);
    rep_board_free(request.board);
    dr_selection_free(&selection);
    free(delays);
    return code;
}
