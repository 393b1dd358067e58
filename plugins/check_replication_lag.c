/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_replication_lag: how much committed data dies with the primary, on the standby that would
 * be promoted. */
#include "common/duration.h"
#include "common/plugin.h"
#include "plugins/replication/azure_targets.h"
#include "plugins/replication/judge.h"
#include "plugins/replication/manual.h"
#include "plugins/replication/request.h"
#include "plugins/replication/words.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The RPO where no limit for a loss was given at all: judged by something, never by nothing. */
#define RPO_FALLBACK 60.0
/* What Microsoft aims at for Azure Storage. */
#define RPO_FALLBACK_STORAGE 900.0
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
     .fallback = "1m (Azure Storage alone: 15m), where no limit of loss or loss_bytes is given",
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
     .help =
         "Write an empty message to the primary's log and measure when each standby has it. "
         "Needs no table, and no privilege but in MongoDB; the only thing this check ever writes.",
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

static double rpo_fallback(const struct dr_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (rep_product_of(targets->items[i].scheme->source) != REP_AZURE_STORAGE)
            return RPO_FALLBACK;
    }
    return RPO_FALLBACK_STORAGE;
}

static bool prepare(struct dr_targets *targets, struct dr_threshold *thresholds,
                    struct dr_error *error)
{
    rules.thresholds = thresholds;
    rules.expect_primary = expect_primary;
    rules.expect_upstream = expect_upstream;
    if (!rpo.known && !is_limited(&thresholds[REP_LOSS]) &&
        !is_limited(&thresholds[REP_LOSS_BYTES]))
        rpo = dr_real(rpo_fallback(targets));
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
           set_database(targets, error) && azure_expand_targets(targets, error);
}

static bool before_run(size_t targets, size_t capacity, struct dr_error *error)
{
    request.heartbeat = heartbeat;
    request.board = rep_board_new(capacity, targets);
    return request.board != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static void open_history(const struct dr_session *session, struct rep_history *history,
                         struct dr_result *result)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    *history = (struct rep_history){.open = false};
    if (session->common->state_dir == NULL)
        return;
    char *name = dr_session_identity(session);
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
    bool sentinel = target->discovered || strstr(target->uri.scheme, "sentinel") != NULL;
    bool path = kind == REP_MSSQL || (kind == REP_REDIS && sentinel);
    if (path && target->uri.path[0] == '/' && target->uri.path[1] != '\0')
        return target->uri.path + 1;
    if (kind == REP_AZURE_STORAGE)
        return target->label;
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
#ifdef HAVE_AZURE
extern const struct dr_source dr_source_replication_azure;
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
#ifdef HAVE_AZURE
    &dr_source_replication_azure,
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
    .description = rep_description,
    .options = {option_rows, sizeof option_rows / sizeof option_rows[0]},
    .common = &common,
    .metrics = rep_metrics,
    .metric_count = REP_METRICS,
    .schemes = schemes,
    .scheme_count = sizeof schemes / sizeof schemes[0],
    .default_scheme = "postgresql",
    .examples = rep_examples,
    .example_count = REP_EXAMPLES,
    .manual = rep_manual,
    .manual_count = REP_SECTIONS,
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
