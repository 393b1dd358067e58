/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_queue_mirrors: which queues and how many messages die with any one node, host or zone. */
#include "common/duration.h"
#include "common/plugin.h"
#include "plugins/queues/judge.h"
#include "plugins/queues/manual.h"
#include "plugins/queues/request.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What Microsoft aims at for Azure Storage. */
#define RPO_FALLBACK 900.0
#define MIN_COPIES_FALLBACK 2
#define CERTIFICATE_DAYS_FALLBACK 14
#define UNSYNCED_FALLBACK 600.0
#define VISIBILITY_FALLBACK 3600.0
/* Bytes that a near replica may lack: far more than a busy one reports in passing. */
#define LAG_WARNING (1024.0 * 1024)
#define LAG_CRITICAL (64 * 1024.0 * 1024)
#define SAS_WARNING (7 * 86400.0)
#define SAS_CRITICAL 86400.0
#define PROBE_QUEUE_FALLBACK "dr.probe"
#define PROBE_QUEUE_MAX 255 /* bytes */

static struct dr_common_options common;
static struct dr_text_list compare;
static struct dr_text_list must_replicate;
static struct dr_text_list zones;
static struct dr_text_list include;
static struct dr_text_list exclude;
static struct dr_text_list vhosts;
static struct dr_text_list not_vhosts;
static struct dr_text_list queue_warning;
static struct dr_text_list queue_critical;
static struct dr_opt_int min_copies;
static struct dr_opt_int certificate_days;
static struct dr_opt_real visibility_timeout;
static char *probe_queue;
static int probe;
static int detail;
static struct que_rules rules;
static struct que_request request;

static const char *const probe_names[] = {"none", "classic", "quorum", "both", NULL};
static const char *const detail_names[] = {"auto", "full", "totals", NULL};

#define GROUP_EXPECT "What the plan expects"
#define GROUP_QUEUES "Which queues"

static const struct dr_option option_rows[] = {
    DR_TARGET_OPTIONS(common),
    {.name = "compare",
     .kind = DR_OPTION_TEXTS,
     .argument = "[NAME=]URI",
     .help = "The cluster that takes over (rabbitmq): it must have the same queues with the same "
             "types and policies, and its shovels and federation links must run; repeatable.",
     .example = "rabbitmq://nagios@dr-mq1,dr-mq2",
     .group = DR_GROUP_TARGETS,
     .into = &compare},
    DR_LIMIT_OPTIONS(common),
    {.name = "queue-warning",
     .kind = DR_OPTION_TEXTS,
     .argument = "REGEX:METRIC=RANGE",
     .help = "WARNING when the metric of a queue whose name matches is outside the range; of "
             "several that match, the first. Goes before --warning of that metric; repeatable.",
     .example = "^orders:messages=1000",
     .group = DR_GROUP_LIMITS,
     .into = &queue_warning},
    {.name = "queue-critical",
     .kind = DR_OPTION_TEXTS,
     .argument = "REGEX:METRIC=RANGE",
     .help = "CRITICAL, in the same way.",
     .example = "^orders:consumers=2:",
     .group = DR_GROUP_LIMITS,
     .into = &queue_critical},
    {.name = "rpo",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "15m, for the last sync time of Azure Queue Storage",
     .help = "The recovery point objective: CRITICAL when the copy in the other region is older, "
             "WARNING at 80 % of it.",
     .example = "15m",
     .group = DR_GROUP_LIMITS,
     .into = &rules.rpo},
    {.name = "unsynced-for",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "10m, with --state-dir",
     .help = "CRITICAL when a mirror has not been synchronised for longer, even where nothing "
             "would be lost now.",
     .example = "10m",
     .group = DR_GROUP_LIMITS,
     .into = &rules.unsynced_for},
    {.name = "certificate-days",
     .kind = DR_OPTION_INTEGER,
     .argument = "N",
     .fallback = "14",
     .help = "WARNING when a certificate of a node's listeners expires within so many days; 0: do "
             "not ask.",
     .example = "30",
     .group = DR_GROUP_LIMITS,
     .into = &certificate_days},
    {.name = "must-replicate",
     .kind = DR_OPTION_TEXTS,
     .argument = "REGEX",
     .help = "Queues whose name matches must have --min-copies safe copies now, on different nodes "
             "(and zones), and each pattern must match some queue; repeatable. Without it every "
             "queue counts that is meant to last.",
     .example = "^(orders|celery)",
     .group = GROUP_EXPECT,
     .into = &must_replicate},
    {.name = "min-copies",
     .kind = DR_OPTION_INTEGER,
     .argument = "N",
     .fallback = "2",
     .help = "How many copies must be safe: leader and synchronised mirrors, or members online of "
             "a queue that has a majority.",
     .example = "2",
     .group = GROUP_EXPECT,
     .into = &min_copies},
    {.name = "expect-node",
     .kind = DR_OPTION_TEXTS,
     .argument = "NODE",
     .help = "A node that must be a running member of the cluster: \"rabbit@mq1\", or \"mq1\" "
             "or \"rabbit\" where only one node goes by it; repeatable.",
     .example = "rabbit@mq1",
     .group = GROUP_EXPECT,
     .into = &rules.expect_node},
    {.name = "zone",
     .kind = DR_OPTION_TEXTS,
     .argument = "NAME=NODE[,NODE...]",
     .help = "Nodes that die together: what is lost with them is computed as for a node, and safe "
             "copies must be in two zones; repeatable.",
     .example = "az1=rmq1,rmq2",
     .group = GROUP_EXPECT,
     .into = &zones},
    {.name = "maintenance",
     .kind = DR_OPTION_TEXTS,
     .argument = "NODE",
     .help = "A node that is down on purpose: that alone is no alarm; repeatable.",
     .example = "rabbit@mq3",
     .group = GROUP_EXPECT,
     .into = &rules.maintenance},
    {.name = "probe",
     .kind = DR_OPTION_CHOICE,
     .argument = "KIND",
     .fallback = "none",
     .help = "For amqp:// targets: publish a message of our own and wait until it is confirmed, "
             "through a temporary queue (classic), a quorum queue of our own that stays (quorum), "
             "or both. Never touches another queue.",
     .example = "classic",
     .choices = probe_names,
     .group = GROUP_EXPECT,
     .into = &probe},
    {.name = "probe-queue",
     .kind = DR_OPTION_TEXT,
     .argument = "NAME",
     .fallback = PROBE_QUEUE_FALLBACK,
     .help = "What that quorum queue is called.",
     .example = "dr.probe",
     .group = GROUP_EXPECT,
     .into = &probe_queue},
    {.name = "visibility-timeout",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "1h",
     .help = "Celery on Redis: the visibility_timeout of its broker_transport_options. What has "
             "been with a worker for longer runs twice.",
     .example = "1h",
     .group = GROUP_EXPECT,
     .into = &visibility_timeout},
    {.name = "include",
     .kind = DR_OPTION_TEXTS,
     .argument = "REGEX",
     .help = "Only queues whose name matches; repeatable.",
     .example = "^orders",
     .group = GROUP_QUEUES,
     .into = &include},
    {.name = "exclude",
     .kind = DR_OPTION_TEXTS,
     .argument = "REGEX",
     .help = "Not those whose name matches; repeatable.",
     .example = "^debug",
     .group = GROUP_QUEUES,
     .into = &exclude},
    {.name = "vhost",
     .kind = DR_OPTION_TEXTS,
     .argument = "REGEX",
     .help = "Only queues of virtual hosts whose name matches; repeatable.",
     .example = "^/$",
     .group = GROUP_QUEUES,
     .into = &vhosts},
    {.name = "exclude-vhost",
     .kind = DR_OPTION_TEXTS,
     .argument = "REGEX",
     .help = "Not those of virtual hosts whose name matches; repeatable.",
     .example = "^test",
     .group = GROUP_QUEUES,
     .into = &not_vhosts},
    {.name = "all-queues",
     .kind = DR_OPTION_FLAG,
     .help =
         "Also queues that are not meant to last: exclusive ones, those deleted with their last "
         "consumer, with names that the server made, of replies and events (*.pidbox, "
         "celeryev.*, amq.gen-*, mqtt-subscription-*, ...).",
     .group = GROUP_QUEUES,
     .into = &rules.all_queues},
    {.name = "queue",
     .kind = DR_OPTION_TEXTS,
     .argument = "NAME",
     .fallback = "those that Celery has bound",
     .help = "Celery on Redis: a queue whose backlog is counted; repeatable.",
     .example = "celery",
     .group = GROUP_QUEUES,
     .into = &request.queues},
    {.name = "detail",
     .kind = DR_OPTION_CHOICE,
     .argument = "HOW",
     .fallback = "auto",
     .help = "RabbitMQ: what is asked of each queue: all figures (full), or only how many messages "
             "(totals), which costs the broker a fifth. auto: totals above 10,000 queues.",
     .example = "totals",
     .choices = detail_names,
     .group = GROUP_QUEUES,
     .into = &detail},
    DR_OUTPUT_OPTIONS(common),
};

static const struct dr_scheme schemes[] = {
    {"rabbitmq", "rabbitmq", "libcurl4", true},
    {"rabbitmqs", "rabbitmq", "libcurl4", true},
    {"amqp", "amqp", "librabbitmq4", true},
    {"amqps", "amqp", "librabbitmq4", true},
    {"celery+redis", "celery", "libhiredis0.14", true},
    {"celery+rediss", "celerys", "libhiredis0.14 and libssl3", true},
    {"celery+redis+unix", "celery", "libhiredis0.14", true},
    {"azure-queue", "azure", "libcurl4", false},
};

static enum que_product product_of(const struct dr_target *target)
{
    static const struct {
        const char *source;
        enum que_product product;
    } products[] = {
        {"rabbitmq", QUE_RABBITMQ}, {"amqp", QUE_AMQP},         {"celery", QUE_CELERY},
        {"celerys", QUE_CELERY},    {"azure", QUE_AZURE_QUEUE},
    };
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        if (strcmp(target->scheme->source, products[i].source) == 0)
            return products[i].product;
    }
    return QUE_PRODUCT_UNKNOWN;
}

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* NAME=NODE,NODE: cut in place. */
static bool read_zone(char *text, struct que_zone *zone, struct dr_error *error)
{
    char *nodes = strchr(text, '=');
    if (nodes == NULL || nodes == text || nodes[1] == '\0')
        return dr_error_set(error, DR_ERR_USAGE, "--zone: \"%s\" is not NAME=NODE[,NODE...]", text);
    *nodes++ = '\0';
    zone->name = text;
    for (char *rest = nodes, *node; (node = strsep(&rest, ",")) != NULL;) {
        if (node[0] == '\0')
            return dr_error_set(error, DR_ERR_USAGE, "--zone %s: an empty node", zone->name);
        char **more = realloc(zone->nodes, (zone->count + 1) * sizeof *more);
        if (more == NULL)
            return out_of_memory(error);
        zone->nodes = more;
        zone->nodes[zone->count++] = node;
    }
    return true;
}

static bool read_zones(struct dr_error *error)
{
    rules.zones = calloc(zones.count + 1, sizeof *rules.zones);
    if (rules.zones == NULL)
        return out_of_memory(error);
    for (; rules.zone_count < zones.count; rules.zone_count++) {
        struct que_zone *zone = &rules.zones[rules.zone_count];
        if (!read_zone(zones.items[rules.zone_count], zone, error))
            return false;
        for (size_t i = 0; i < rules.zone_count; i++) {
            if (strcmp(rules.zones[i].name, zone->name) == 0)
                return dr_error_set(error, DR_ERR_USAGE, "--zone %s is given twice", zone->name);
        }
    }
    return true;
}

static bool read_patterns(struct dr_error *error)
{
    rules.must_replicate = calloc(must_replicate.count + 1, sizeof(struct dr_pattern *));
    if (rules.must_replicate == NULL)
        return out_of_memory(error);
    rules.must_replicate_text = must_replicate;
    for (; rules.must_replicate_count < must_replicate.count; rules.must_replicate_count++) {
        size_t i = rules.must_replicate_count;
        rules.must_replicate[i] = dr_pattern_new(must_replicate.items[i], error);
        if (rules.must_replicate[i] == NULL)
            return dr_error_prefix(error, "--must-replicate");
    }
    return true;
}

static bool read_selection(const struct dr_text_list *list, const char *option, bool excludes,
                           struct dr_selection *selection, struct dr_error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!dr_selection_add(selection, excludes, list->items[i], error))
            return dr_error_prefix(error, "%s", option);
    }
    return true;
}

static bool read_selections(struct dr_error *error)
{
    rules.selected = include.count > 0 || vhosts.count > 0;
    return read_selection(&include, "--include", false, &rules.selection, error) &&
           read_selection(&exclude, "--exclude", true, &rules.selection, error) &&
           read_selection(&vhosts, "--vhost", false, &rules.vhosts, error) &&
           read_selection(&not_vhosts, "--exclude-vhost", true, &rules.vhosts, error);
}

/* Where METRIC=RANGE begins: behind the last ":" that is followed by the name of a metric and "=".
 * A range can hold a ":" itself, but no name. */
static char *find_metric(char *text)
{
    for (char *colon = strrchr(text, ':'); colon != NULL && colon > text;) {
        size_t length = strspn(colon + 1, "abcdefghijklmnopqrstuvwxyz_");
        if (length > 0 && colon[1 + length] == '=')
            return colon;
        do
            colon--;
        while (colon > text && *colon != ':');
    }
    return NULL;
}

static bool read_limit(char *text, bool critical, struct que_limit *limit, struct dr_error *error)
{
    struct dr_threshold thresholds[QUE_METRICS] = {0};
    char *metric = find_metric(text);
    if (metric == NULL)
        return dr_error_set(error, DR_ERR_USAGE, "\"%s\" is not REGEX:METRIC=RANGE", text);
    if (!dr_threshold_set(que_metrics, QUE_METRICS, thresholds, critical, metric + 1, error))
        return false;
    *metric = '\0';
    limit->text = text;
    for (limit->metric = 0;
         !thresholds[limit->metric].warning.given && !thresholds[limit->metric].critical.given;)
        limit->metric++;
    limit->threshold = thresholds[limit->metric];
    if (limit->metric < QUE_FIRST_OF_QUEUE || limit->metric > QUE_LAST_OF_QUEUE)
        return dr_error_set(error, DR_ERR_USAGE, "%s is no figure of a queue",
                            que_metrics[limit->metric].name);
    limit->pattern = dr_pattern_new(text, error);
    return limit->pattern != NULL;
}

static bool read_limits(struct dr_error *error)
{
    const struct {
        const struct dr_text_list *list;
        const char *option;
        bool critical;
    } sources[] = {{&queue_warning, "--queue-warning", false},
                   {&queue_critical, "--queue-critical", true}};
    rules.limits = calloc(queue_warning.count + queue_critical.count + 1, sizeof *rules.limits);
    if (rules.limits == NULL)
        return out_of_memory(error);
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < sources[s].list->count; i++) {
            if (!read_limit(sources[s].list->items[i], sources[s].critical,
                            &rules.limits[rules.limit_count++], error))
                return dr_error_prefix(error, "%s", sources[s].option);
        }
    }
    return true;
}

static bool is_limited(const struct dr_threshold *threshold)
{
    return threshold->warning.given || threshold->critical.given;
}

static void limit_above(struct dr_limit *limit, double value)
{
    *limit = (struct dr_limit){.given = true, .range = {.start = 0, .end = value}};
}

static void limit_below(struct dr_limit *limit, double value)
{
    *limit = (struct dr_limit){.given = true, .range = {.start = value, .end = INFINITY}};
}

/* Where the user set no limit: what no plan can want. */
static void set_default_limits(struct dr_threshold *thresholds)
{
    if (!is_limited(&thresholds[QUE_LOST]) && !is_limited(&thresholds[QUE_LOST_BYTES]) &&
        !is_limited(&thresholds[QUE_LOST_QUEUES])) {
        limit_above(&thresholds[QUE_LOST].critical, 0);
        limit_above(&thresholds[QUE_LOST_QUEUES].critical, 0);
    }
    if (!is_limited(&thresholds[QUE_UNAVAILABLE]))
        limit_above(&thresholds[QUE_UNAVAILABLE].warning, 0);
    if (!is_limited(&thresholds[QUE_FD_USED])) {
        limit_above(&thresholds[QUE_FD_USED].warning, 80);
        limit_above(&thresholds[QUE_FD_USED].critical, 95);
    }
    if (!is_limited(&thresholds[QUE_LAG_BYTES])) {
        limit_above(&thresholds[QUE_LAG_BYTES].warning, LAG_WARNING);
        limit_above(&thresholds[QUE_LAG_BYTES].critical, LAG_CRITICAL);
    }
    rules.poison_limited = is_limited(&thresholds[QUE_POISON]);
    if (!rules.poison_limited)
        limit_above(&thresholds[QUE_POISON].warning, 0);
    if (!is_limited(&thresholds[QUE_SAS_LEFT])) {
        limit_below(&thresholds[QUE_SAS_LEFT].warning, SAS_WARNING);
        limit_below(&thresholds[QUE_SAS_LEFT].critical, SAS_CRITICAL);
    }
    dr_threshold_from_objective(&thresholds[QUE_SYNC_AGE],
                                rules.rpo.known ? rules.rpo.value : RPO_FALLBACK);
    dr_threshold_from_objective(&thresholds[QUE_IN_FLIGHT_AGE], rules.visibility_timeout);
}

/* An option for one kind of target must not be ignored in silence. */
static bool check_targets(const struct dr_targets *targets, struct dr_error *error)
{
    size_t count[QUE_PRODUCTS] = {0};
    for (size_t i = 0; i < targets->count; i++) {
        enum que_product product = product_of(&targets->items[i]);
        count[product]++;
        if (targets->items[i].reference && product != QUE_RABBITMQ)
            return dr_error_set(error, DR_ERR_USAGE,
                                "--compare %s: only rabbitmq:// can be compared",
                                targets->items[i].label);
    }
    if (probe != QUE_PROBE_NONE && count[QUE_AMQP] == 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "--probe goes to AMQP listeners, and none was given: add --target "
                            "amqp://USER@HOST/VHOST");
    if (compare.count > 0 && count[QUE_RABBITMQ] == compare.count)
        return dr_error_set(error, DR_ERR_USAGE,
                            "--compare: no cluster to compare with; give it by --target");
    return true;
}

/* Queues of one account are told apart by their names. */
static bool label_clouds(const struct dr_targets *targets, struct dr_error *error)
{
    for (size_t i = 0; i < targets->count; i++) {
        struct dr_target *target = &targets->items[i];
        const char *path = target->uri.path;
        if (product_of(target) != QUE_AZURE_QUEUE || target->named)
            continue;
        char *label = dr_text_format("%s-%s", target->label, path[0] == '/' ? path + 1 : path);
        if (label == NULL)
            return out_of_memory(error);
        free(target->label);
        target->label = label;
    }
    return true;
}

/* As AMQP has it: a short string, and the broker keeps a part of the names to itself. */
static bool check_probe_queue(struct dr_error *error)
{
    size_t length = probe_queue != NULL ? strlen(probe_queue) : 1;
    if (length == 0 || length > PROBE_QUEUE_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "--probe-queue: 1 to %d bytes", PROBE_QUEUE_MAX);
    return probe_queue == NULL || strncmp(probe_queue, "amq.", 4) != 0 ||
           dr_error_set(error, DR_ERR_USAGE,
                        "--probe-queue: names that begin with \"amq.\" are the broker's own");
}

static bool prepare(struct dr_targets *targets, struct dr_threshold *thresholds,
                    struct dr_error *error)
{
    rules.thresholds = thresholds;
    rules.min_copies = min_copies.known ? min_copies.value : MIN_COPIES_FALLBACK;
    rules.visibility_timeout =
        visibility_timeout.known ? visibility_timeout.value : VISIBILITY_FALLBACK;
    if (!rules.unsynced_for.known)
        rules.unsynced_for = dr_real(UNSYNCED_FALLBACK);
    set_default_limits(thresholds);
    return read_zones(error) && read_patterns(error) && read_selections(error) &&
           read_limits(error) && check_probe_queue(error) && label_clouds(targets, error) &&
           check_targets(targets, error);
}

static bool before_run(size_t targets, size_t capacity, struct dr_error *error)
{
    (void)targets;
    request.detail = (enum que_detail)detail;
    request.links = compare.count > 0;
    request.certificate_days =
        certificate_days.known ? certificate_days.value : CERTIFICATE_DAYS_FALLBACK;
    request.probe = (enum que_probe)probe;
    request.probe_queue = probe_queue != NULL ? probe_queue : PROBE_QUEUE_FALLBACK;
    request.visibility_timeout = rules.visibility_timeout;
    request.board = que_board_new(capacity);
    return request.board != NULL || out_of_memory(error);
}

static void open_history(const struct dr_session *session, struct que_history *history,
                         struct dr_result *result)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    *history = (struct que_history){.open = false};
    if (session->common->state_dir == NULL)
        return;
    char *name = dr_session_identity(session);
    if (name == NULL ||
        !que_history_open(history, session->common->state_dir, session->plugin->name, name, &error))
        dr_result_add(result, DR_UNKNOWN, "state", "%s",
                      name != NULL ? error.text : "out of memory");
    free(name);
}

/* Fills `asked`, of which there are as many as targets. Those of one URI stand together. */
static void gather(const struct dr_session *session, struct que_asked *asked)
{
    const struct que_facts *facts = session->facts;
    for (size_t i = 0; i < session->targets->count; i++) {
        const struct dr_target *target = &session->targets->items[i];
        const struct dr_outcome *outcome = &session->outcomes[i];
        const struct dr_uri_host *host =
            target->host < target->uri.host_count ? &target->uri.hosts[target->host] : NULL;
        bool first = i == 0 || target->host == 0 || !target->scheme->each_host;
        asked[i] = (struct que_asked){
            .label = target->label,
            .host = host != NULL ? host->name : NULL,
            .port = host != NULL ? host->port : 0,
            .product = product_of(target),
            .group = first ? target->label : asked[i - 1].group,
            .reference = target->reference,
            .answered = outcome->finished && outcome->ok,
            .facts = outcome->finished ? &facts[i] : NULL,
            .error = &outcome->error,
        };
    }
}

static void judge_asked(const struct dr_session *session, const struct que_asked *asked,
                        struct dr_result *result)
{
    struct que_history history;
    struct dr_error error = {.class = DR_ERR_NONE};
    open_history(session, &history, result);
    const struct que_evidence evidence = {
        .asked = asked,
        .count = session->targets->count,
        .history = &history,
        .now = session->now,
    };
    que_judge(&evidence, &rules, session->common->timeout.state, result);
    if (!que_history_close(&history, &error))
        dr_result_add(result, DR_UNKNOWN, "state", "%s", error.text);
}

static void judge(const struct dr_session *session, struct dr_result *result)
{
    struct que_asked *asked = calloc(session->targets->count, sizeof *asked);
    if (asked == NULL) {
        result->out_of_memory = true;
        return;
    }
    gather(session, asked);
    judge_asked(session, asked, result);
    free(asked);
}

static void forget(void)
{
    for (size_t i = 0; i < rules.zone_count; i++)
        free(rules.zones[i].nodes);
    for (size_t i = 0; i < rules.must_replicate_count; i++)
        dr_pattern_free(rules.must_replicate[i]);
    for (size_t i = 0; i < rules.limit_count; i++)
        dr_pattern_free(rules.limits[i].pattern);
    free(rules.zones);
    free(rules.must_replicate);
    free(rules.limits);
    dr_selection_free(&rules.selection);
    dr_selection_free(&rules.vhosts);
    que_board_free(request.board);
}

#ifdef DR_STATIC_SOURCES
#ifdef HAVE_LIBCURL
extern const struct dr_source dr_source_queues_rabbitmq;
#endif
#ifdef HAVE_RABBITMQ
extern const struct dr_source dr_source_queues_amqp;
#endif
#ifdef HAVE_HIREDIS
extern const struct dr_source dr_source_queues_celery;
#ifdef HAVE_OPENSSL
extern const struct dr_source dr_source_queues_celerys;
#endif
#endif
#ifdef HAVE_AZURE
extern const struct dr_source dr_source_queues_azure;
#endif
static const struct dr_source *const built_in[] = {
#ifdef HAVE_LIBCURL
    &dr_source_queues_rabbitmq,
#endif
#ifdef HAVE_RABBITMQ
    &dr_source_queues_amqp,
#endif
#ifdef HAVE_HIREDIS
    &dr_source_queues_celery,
#ifdef HAVE_OPENSSL
    &dr_source_queues_celerys,
#endif
#endif
#ifdef HAVE_AZURE
    &dr_source_queues_azure,
#endif
    NULL,
};
#define BUILT_IN built_in
#else
#define BUILT_IN NULL
#endif

static const struct dr_plugin plugin = {
    .name = "check_queue_mirrors",
    .service = "QUEUES",
    .group = "queues",
    .summary = "which queues and how many messages die with any one node, host or zone of a broker",
    .description = que_description,
    .options = {option_rows, sizeof option_rows / sizeof option_rows[0]},
    .common = &common,
    .references = &compare,
    .reference_option = "--compare",
    .metrics = que_metrics,
    .metric_count = QUE_METRICS,
    .schemes = schemes,
    .scheme_count = sizeof schemes / sizeof schemes[0],
    .default_scheme = "rabbitmq",
    .examples = que_examples,
    .example_count = QUE_EXAMPLES,
    .manual = que_manual,
    .manual_count = QUE_SECTIONS,
    .built_in = BUILT_IN,
    .facts_size = sizeof(struct que_facts),
    .request = &request,
    .prepare = prepare,
    .before_run = before_run,
    .judge = judge,
    .free_facts = que_facts_free,
};

int main(int argc, char **argv)
{
    bool stragglers;
    int code = dr_plugin_main(&plugin, argc, argv, &stragglers);
    if (stragglers)
        _exit(code);
    forget();
    return code;
}
