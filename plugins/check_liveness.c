/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_liveness: dashboards, API servers, load balancers, workers and schedulers do their work,
 * unit by unit; the passive site is passive and would come up. */
#include "common/number.h"
#include "common/plugin.h"
#include "plugins/liveness/active_file.h"
#include "plugins/liveness/condition.h"
#include "plugins/liveness/judge.h"
#include "plugins/liveness/manual.h"
#include "plugins/liveness/request.h"
#include "plugins/liveness/scope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TASK_LIMIT_FALLBACK 3600.0
#define OVERDUE_FALLBACK 300.0
#define CERTIFICATE_WARNING (14 * 86400.0)
#define CERTIFICATE_CRITICAL (3 * 86400.0)
#define SESSIONS_WARNING 95.0
#define REDIRECTS_MAX 10
#define WATCH_MAX 60.0
#define REPLICAS_MAX 1000000

static struct dr_common_options common;
static struct dr_text_list sites;
static struct dr_text_list pools;
static struct dr_text_list expect_workers;
static struct dr_text_list expect_units;
static struct dr_text_list json;
static struct dr_text_list body;
static struct dr_text_list header;
static struct dr_text_list include;
static struct dr_text_list exclude;
static char *expect;
static char *min_alive;
static char *active_file;
static struct dr_opt_int redirects;
static struct dr_opt_real idle;
static struct dr_opt_real heartbeat;
static struct dr_opt_real task_limit;
static struct dr_opt_real overdue;
static struct dr_opt_real watch;
static struct liv_rules rules;
static struct liv_request request;
static char **made; /* texts put together from options */
static size_t made_count;

#define GROUP_EXPECT "What the plan expects"
#define GROUP_HTTP "Asking over HTTP"
#define GROUP_WORK "Workers and schedulers"

static const struct dr_option option_rows[] = {
    DR_TARGET_OPTIONS(common),
    {.name = "site",
     .kind = DR_OPTION_TEXTS,
     .argument = "SITE[/NAME]=URI",
     .help = "A target that stands in a site; repeatable. With two sites or more exactly one must "
             "be active: all its targets make up the site.",
     .example = "prod=https://dash.example.com/health",
     .group = DR_GROUP_TARGETS,
     .into = &sites},
    DR_LIMIT_OPTIONS(common),
    {.name = "idle",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "5m",
     .help = "A backend that should be passive must not have had a session for so long.",
     .example = "1h",
     .group = DR_GROUP_LIMITS,
     .into = &idle},
    {.letter = 'e',
     .name = "expect",
     .kind = DR_OPTION_TEXT,
     .argument = "ROLE",
     .fallback = "active; with --site: one site, whichever",
     .help =
         "What the targets should be, active or passive; with --site, which of the sites should be "
         "the active one.",
     .example = "passive",
     .group = GROUP_EXPECT,
     .into = &expect},
    {.name = "min-alive",
     .kind = DR_OPTION_TEXT,
     .argument = "N[%]",
     .fallback = "1",
     .help =
         "How many units of each pool must be alive, or which share of them: fewer are CRITICAL. "
         "Any that is dead is a WARNING.",
     .example = "2",
     .group = GROUP_EXPECT,
     .into = &min_alive},
    {.name = "survive-host",
     .kind = DR_OPTION_FLAG,
     .help = "WARNING when fewer than --min-alive would be left if the host died that has the most "
             "of them.",
     .group = GROUP_EXPECT,
     .into = &rules.survive_host},
    {.name = "pool",
     .kind = DR_OPTION_TEXTS,
     .argument = "GLOB[=N[%]]",
     .help =
         "A pool that must be there (a backend, a deployment): only those given are looked at; "
         "with a --min-alive of its own, or with =passive as one that should be so; repeatable.",
     .example = "app=2",
     .group = GROUP_EXPECT,
     .into = &pools},
    {.name = "expect-workers",
     .kind = DR_OPTION_TEXTS,
     .argument = "GLOB=N",
     .help = "At least N workers whose name matches are alive; repeatable.",
     .example = "billing@*=2",
     .group = GROUP_EXPECT,
     .into = &expect_workers},
    {.name = "expect-unit",
     .kind = DR_OPTION_TEXTS,
     .argument = "GLOB[=N]",
     .help = "At least N (1) units of any kind whose name matches are alive; repeatable.",
     .example = "app/app1",
     .group = GROUP_EXPECT,
     .into = &expect_units},
    {.name = "include",
     .kind = DR_OPTION_TEXTS,
     .argument = "REGEX",
     .help = "Only units whose name matches (pool/name, or name); repeatable.",
     .example = "^app/",
     .group = GROUP_EXPECT,
     .into = &include},
    {.name = "exclude",
     .kind = DR_OPTION_TEXTS,
     .argument = "REGEX",
     .help = "Not those whose name matches; repeatable.",
     .example = "^app/canary",
     .group = GROUP_EXPECT,
     .into = &exclude},
    {.name = "grace",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "none",
     .help = "While a switch is under way, both sites or neither being active is a WARNING for so "
             "long; needs --state-dir.",
     .example = "10m",
     .group = GROUP_EXPECT,
     .into = &rules.grace},
    {.name = "active-file",
     .kind = DR_OPTION_TEXT,
     .argument = "FILE",
     .fallback = "none",
     .help = "Write the name of the site that is active into this file, for check_dns_target "
             "--expect @FILE; it stays as it is while that cannot be told.",
     .example = "/var/lib/dr-plugins/active-site",
     .group = GROUP_EXPECT,
     .into = &active_file},
    {.name = "instance",
     .kind = DR_OPTION_TEXTS,
     .argument = "ADDRESS[:PORT]",
     .fallback = "all addresses of the name",
     .help = "An instance behind the name of the URL, asked by its address with the same Host and "
             "server name; repeatable.",
     .example = "192.0.2.11",
     .group = GROUP_HTTP,
     .into = &request.instances},
    {.name = "status",
     .kind = DR_OPTION_TEXT,
     .argument = "LIST",
     .fallback = "200-299",
     .help = "The statuses of an instance that works.",
     .example = "200-204,401",
     .group = GROUP_HTTP,
     .into = &request.status},
    {.name = "json",
     .kind = DR_OPTION_TEXTS,
     .argument = "CONDITION",
     .help =
         "A condition on the JSON of its reply: a pointer and =, !=, <, <=, >, >=, ~ or !~ with a "
         "value; repeatable.",
     .example = "/db=ok",
     .group = GROUP_HTTP,
     .into = &json},
    {.name = "header",
     .kind = DR_OPTION_TEXTS,
     .argument = "NAME[=VALUE]",
     .help = "A condition on a header of its reply, with =, !=, ~ or !~; repeatable.",
     .example = "X-Site=prod",
     .group = GROUP_HTTP,
     .into = &header},
    {.name = "body",
     .kind = DR_OPTION_TEXTS,
     .argument = "REGEX",
     .help = "The body of its reply must match; repeatable.",
     .example = "Welcome",
     .group = GROUP_HTTP,
     .into = &body},
    {.name = "active",
     .kind = DR_OPTION_TEXTS,
     .argument = "CONDITION",
     .fallback = "it works",
     .help = "What an active instance replies: /pointer=VALUE, header:NAME=VALUE, body~REGEX or "
             "status=LIST; repeatable, all must hold.",
     .example = "/role=active",
     .group = GROUP_HTTP,
     .into = &request.active},
    {.name = "passive",
     .kind = DR_OPTION_TEXTS,
     .argument = "CONDITION",
     .help = "What a passive instance replies, a mark that nobody else sends; repeatable, all must "
             "hold.",
     .example = "/role=passive",
     .group = GROUP_HTTP,
     .into = &request.passive},
    {.name = "ready",
     .kind = DR_OPTION_TEXTS,
     .argument = "CONDITION",
     .help =
         "What a passive instance replies that could become active: its dependencies are there; "
         "repeatable.",
     .example = "/replica/connected=true",
     .group = GROUP_HTTP,
     .into = &request.ready},
    {.name = "same",
     .kind = DR_OPTION_TEXTS,
     .argument = "WHERE",
     .help = "The /pointer or header:NAME of a version, a build, an id: it must be the same in all "
             "instances, and in the passive "
             "site; repeatable.",
     .example = "/version",
     .group = GROUP_HTTP,
     .into = &request.same},
    {.name = "direct",
     .kind = DR_OPTION_TEXT,
     .argument = "URL",
     .help = "Ask each server of a load balancer for this URL as well, by its address.",
     .example = "http://app.example.com/health",
     .group = GROUP_HTTP,
     .into = &request.direct},
    {.name = "send-header",
     .kind = DR_OPTION_TEXTS,
     .argument = "HEADER",
     .help = "A header to send, \"Name: value\"; repeatable.",
     .example = "Accept: application/json",
     .group = GROUP_HTTP,
     .into = &request.headers},
    {.name = "redirects",
     .kind = DR_OPTION_INTEGER,
     .argument = "N",
     .fallback = "0",
     .help = "Follow up to N redirects, within the same scheme, name and port only.",
     .example = "3",
     .group = GROUP_HTTP,
     .into = &redirects},
    {.name = "cacert",
     .kind = DR_OPTION_TEXT,
     .argument = "FILE",
     .fallback = "the system's list",
     .help = "Whose certificates to trust.",
     .example = "/etc/ssl/site-ca.pem",
     .group = GROUP_HTTP,
     .into = &request.cacert},
    {.name = "cert",
     .kind = DR_OPTION_TEXT,
     .argument = "FILE",
     .help = "Our own certificate.",
     .example = "/etc/nagios/client.pem",
     .group = GROUP_HTTP,
     .into = &request.cert},
    {.name = "key",
     .kind = DR_OPTION_TEXT,
     .argument = "FILE",
     .fallback = "in the file of --cert",
     .help = "Its key.",
     .example = "/etc/nagios/client.key",
     .group = GROUP_HTTP,
     .into = &request.key},
    {.name = "insecure",
     .kind = DR_OPTION_FLAG,
     .help = "Verify no certificates.",
     .group = GROUP_HTTP,
     .into = &request.insecure},
    {.name = "token-file",
     .kind = DR_OPTION_TEXT,
     .argument = "FILE",
     .help = "A bearer token to send: read at each run.",
     .example = "/etc/nagios/secret/token",
     .group = GROUP_HTTP,
     .into = &request.token_file},
    {.name = "proxy-protocol",
     .kind = DR_OPTION_FLAG,
     .help = "Begin each connection with a PROXY header (version 1), for instances that want one.",
     .group = GROUP_HTTP,
     .into = &request.proxy_protocol},
    {.name = "queue",
     .kind = DR_OPTION_TEXTS,
     .argument = "NAME",
     .fallback = "those that the broker knows",
     .help = "A queue of tasks that must be worked on; repeatable.",
     .example = "billing",
     .group = GROUP_WORK,
     .into = &request.queues},
    {.name = "task-limit",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "1h",
     .help = "A task may run for so long: a worker that is silent with a younger one is busy.",
     .example = "30m",
     .group = GROUP_WORK,
     .into = &task_limit},
    {.name = "stuck-after",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "--task-limit",
     .help = "CRITICAL when tasks wait and nothing has moved for so long; needs --state-dir or "
             "--watch.",
     .example = "5m",
     .group = GROUP_WORK,
     .into = &rules.stuck_after},
    {.name = "watch",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "one look",
     .help = "Look twice, so far apart, and say what has moved in between.",
     .example = "3s",
     .group = GROUP_WORK,
     .into = &watch},
    {.name = "heartbeat",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "the product's own rule",
     .help = "A worker, a scheduler or a canary whose last sign of life is older is dead.",
     .example = "2m",
     .group = GROUP_WORK,
     .into = &heartbeat},
    {.name = "overdue",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "5m",
     .help = "An entry of a schedule may be started so late.",
     .example = "2m",
     .group = GROUP_WORK,
     .into = &overdue},
    {.name = "canary",
     .kind = DR_OPTION_TEXTS,
     .argument = "KEY",
     .help = "For canary+redis://: a key that a scheduled task renews; its value is the time in "
             "seconds since 1970 or as ISO 8601; repeatable.",
     .example = "beat:canary",
     .group = GROUP_WORK,
     .into = &request.keys},
    DR_OUTPUT_OPTIONS(common),
};

static const struct dr_scheme schemes[] = {
    {"https", "http", "libcurl4", true},
    {"http", "http", "libcurl4", true},
    {"http+unix", "http", "libcurl4", false},
    {"haproxy+http", "haproxy", "libcurl4", true},
    {"haproxy+https", "haproxy", "libcurl4", true},
    {"haproxy+unix", "haproxy", "libcurl4", false},
    {"haproxy+tcp", "haproxy", "libcurl4", true},
    {"kubernetes", "kubernetes", "libcurl4 and libyaml-0-2", false},
    {"kubernetes+http", "kubernetes", "libcurl4 and libyaml-0-2", false},
    {"openfaas", "openfaas", "libcurl4", true},
    {"openfaas+http", "openfaas", "libcurl4", true},
    {"celery+redis", "celery", "libhiredis0.14", false},
    {"celery+rediss", "celerys", "libhiredis0.14 and libssl3", false},
    {"celery+redis+unix", "celery", "libhiredis0.14", false},
    {"celery+amqp", "celeryamqp", "librabbitmq4", false},
    {"celery+amqps", "celeryamqp", "librabbitmq4", false},
    {"rabbitmq-consumers", "consumers", "libcurl4", false},
    {"rabbitmqs-consumers", "consumers", "libcurl4", false},
    {"rq+redis", "jobs", "libhiredis0.14", false},
    {"rq+rediss", "jobss", "libhiredis0.14 and libssl3", false},
    {"rq+redis+unix", "jobs", "libhiredis0.14", false},
    {"sidekiq+redis", "jobs", "libhiredis0.14", false},
    {"sidekiq+rediss", "jobss", "libhiredis0.14 and libssl3", false},
    {"sidekiq+redis+unix", "jobs", "libhiredis0.14", false},
    {"redbeat+redis", "jobs", "libhiredis0.14", false},
    {"redbeat+rediss", "jobss", "libhiredis0.14 and libssl3", false},
    {"redbeat+redis+unix", "jobs", "libhiredis0.14", false},
    {"canary+redis", "jobs", "libhiredis0.14", false},
    {"canary+rediss", "jobss", "libhiredis0.14 and libssl3", false},
    {"canary+redis+unix", "jobs", "libhiredis0.14", false},
    {"file", "file", "dr-plugins", false},
    {"scheduler", "service", "libcurl4 and libjansson4", true},
    {"scheduler+http", "service", "libcurl4 and libjansson4", true},
    {"airflow", "service", "libcurl4 and libjansson4", true},
    {"airflow+http", "service", "libcurl4 and libjansson4", true},
    {"jenkins", "service", "libcurl4 and libjansson4", true},
    {"jenkins+http", "service", "libcurl4 and libjansson4", true},
    {"rundeck", "service", "libcurl4 and libjansson4", true},
    {"rundeck+http", "service", "libcurl4 and libjansson4", true},
    {"grafana", "service", "libcurl4 and libjansson4", true},
    {"grafana+http", "service", "libcurl4 and libjansson4", true},
    {"elasticsearch", "elasticsearch", "libcurl4 and libjansson4", true},
    {"elasticsearch+http", "elasticsearch", "libcurl4 and libjansson4", true},
    {"opensearch", "elasticsearch", "libcurl4 and libjansson4", true},
    {"opensearch+http", "elasticsearch", "libcurl4 and libjansson4", true},
    {"tcp", "tcp", "dr-plugins", true},
};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* Adds one condition, "prefix" before the text, to those that a unit that works fulfils. */
static bool add_health(const char *prefix, const char *text, struct dr_error *error)
{
    char *whole = dr_text_format("%s%s", prefix, text);
    char **more = realloc(made, (made_count + 1) * sizeof *made);
    if (more != NULL)
        made = more;
    if (whole == NULL || more == NULL) {
        free(whole);
        return out_of_memory(error);
    }
    made[made_count++] = whole;
    request.health = (struct dr_text_list){.items = made, .count = made_count};
    return true;
}

static bool read_health(struct dr_error *error)
{
    for (size_t i = 0; i < json.count; i++) {
        const char *text = json.items[i];
        if (text[0] != '/' && !(text[0] == '!' && text[1] == '/'))
            return dr_error_set(
                error, DR_ERR_USAGE,
                "--json: \"%s\" does not begin with \"/\": a JSON pointer is wanted", text);
        if (!add_health("", text, error))
            return false;
    }
    for (size_t i = 0; i < header.count; i++) {
        if (!add_health("header:", header.items[i], error))
            return false;
    }
    for (size_t i = 0; i < body.count; i++) {
        if (!add_health("body~", body.items[i], error))
            return false;
    }
    return true;
}

/* "2" or "60%" */
static bool read_count(const char *text, struct liv_count *count, const char *option,
                       struct dr_error *error)
{
    size_t length = strspn(text, "0123456789");
    bool percent = length > 0 && strcmp(text + length, "%") == 0;
    if (length == 0 || length > 7 || (text[length] != '\0' && !percent))
        return dr_error_set(error, DR_ERR_USAGE, "%s: \"%s\" is no number and no percentage",
                            option, text);
    *count = (struct liv_count){.given = true, .percent = percent, .value = strtod(text, NULL)};
    if (count->value > (percent ? 100 : REPLICAS_MAX))
        return dr_error_set(error, DR_ERR_USAGE, "%s: \"%s\" is too much", option, text);
    if (count->value < 1)
        return dr_error_set(error, DR_ERR_USAGE,
                            "%s: \"%s\" would be fulfilled by nothing at all; what should be "
                            "passive is --expect passive, or --pool NAME=passive",
                            option, text);
    return true;
}

/* GLOB=WHAT: cut in place at the last "=". */
static bool read_expected(char *text, const char *option, struct liv_expected *expected,
                          struct dr_error *error)
{
    char *value = strrchr(text, '=');
    expected->glob = text;
    expected->option = option;
    if (value != NULL)
        *value++ = '\0';
    if (text[0] == '\0')
        return dr_error_set(error, DR_ERR_USAGE, "%s: a name is missing", option);
    if (value == NULL && expected->kind == LIV_WORKER)
        return dr_error_set(error, DR_ERR_USAGE, "%s: \"%s\" is not GLOB=N", option, text);
    if (!expected->units && value != NULL && strcmp(value, "passive") == 0) {
        expected->passive = true;
        return true;
    }
    return value == NULL || read_count(value, &expected->least, option, error);
}

/* Of two for the same name the second would count for nothing. */
static bool is_new(const struct liv_expected *expected, struct dr_error *error)
{
    for (const struct liv_expected *other = rules.expected; other < expected; other++) {
        if (strcmp(other->option, expected->option) == 0 &&
            strcmp(other->glob, expected->glob) == 0)
            return dr_error_set(error, DR_ERR_USAGE, "%s: \"%s\" is given twice", expected->option,
                                expected->glob);
    }
    return true;
}

static bool read_expectations(struct dr_error *error)
{
    const struct {
        const struct dr_text_list *list;
        const char *option;
        bool units;
        enum liv_kind kind;
    } lists[] = {{&pools, "--pool", false, LIV_KINDS},
                 {&expect_workers, "--expect-workers", true, LIV_WORKER},
                 {&expect_units, "--expect-unit", true, LIV_KINDS}};
    rules.expected =
        calloc(pools.count + expect_workers.count + expect_units.count + 1, sizeof *rules.expected);
    if (rules.expected == NULL)
        return out_of_memory(error);
    for (size_t l = 0; l < 3; l++) {
        for (size_t i = 0; i < lists[l].list->count; i++) {
            struct liv_expected *expected = &rules.expected[rules.expected_count++];
            expected->units = lists[l].units;
            expected->kind = lists[l].kind;
            if (!read_expected(lists[l].list->items[i], lists[l].option, expected, error) ||
                !is_new(expected, error))
                return false;
        }
    }
    request.pools = pools;
    return true;
}

static bool read_selection(const struct dr_text_list *list, const char *option, bool excludes,
                           struct dr_error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!dr_selection_add(&rules.selection, excludes, list->items[i], error))
            return dr_error_prefix(error, "%s", option);
    }
    return true;
}

static bool is_site(const struct dr_targets *targets, const char *name)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (targets->items[i].site != NULL && strcmp(targets->items[i].site, name) == 0)
            return true;
    }
    return false;
}

/* More than one name. */
static bool are_sites(const struct dr_targets *targets)
{
    const char *first = NULL;
    for (size_t i = 0; i < targets->count; i++) {
        const char *site = targets->items[i].site;
        if (first == NULL)
            first = site;
        else if (site != NULL && strcmp(site, first) != 0)
            return true;
    }
    return false;
}

/* Sites are compared with each other: what stands in none would be left out in silence. */
static bool check_sites(const struct dr_targets *targets, struct dr_error *error)
{
    if (sites.count == 0)
        return true;
    for (size_t i = 0; i < targets->count; i++) {
        if (targets->items[i].site == NULL)
            return dr_error_set(error, DR_ERR_USAGE,
                                "--target %s: beside --site every target stands in a site",
                                targets->items[i].label);
    }
    return are_sites(targets) ||
           dr_error_set(error, DR_ERR_USAGE, "--site: at least two sites are compared");
}

static bool read_wish(const struct dr_targets *targets, struct dr_error *error)
{
    bool compared = sites.count > 0;
    rules.wish = compared ? LIV_WISH_ONE_SITE : LIV_WISH_ACTIVE;
    if (!check_sites(targets, error))
        return false;
    if (expect == NULL)
        return true;
    if (compared && !is_site(targets, expect))
        return dr_error_set(error, DR_ERR_USAGE, "--expect: \"%s\" is none of the sites", expect);
    if (compared)
        rules.site = expect;
    else if (strcmp(expect, "passive") == 0)
        rules.wish = LIV_WISH_PASSIVE;
    else if (strcmp(expect, "active") != 0)
        return dr_error_set(
            error, DR_ERR_USAGE,
            "--expect: \"%s\" is neither active nor passive, and there is no --site", expect);
    return true;
}

static bool is_limited(const struct dr_threshold *threshold)
{
    return threshold->warning.given || threshold->critical.given;
}

static void limit(struct dr_limit *limit, double start, double end)
{
    *limit = (struct dr_limit){.given = true, .range = {.start = start, .end = end}};
}

/* Where the user set no limit: what no plan can want. */
static void set_default_limits(struct dr_threshold *thresholds)
{
    for (size_t i = 0; i < LIV_METRICS; i++)
        rules.limited[i] = is_limited(&thresholds[i]);
    if (!is_limited(&thresholds[LIV_CERTIFICATE_LEFT])) {
        limit(&thresholds[LIV_CERTIFICATE_LEFT].warning, CERTIFICATE_WARNING, INFINITY);
        limit(&thresholds[LIV_CERTIFICATE_LEFT].critical, CERTIFICATE_CRITICAL, INFINITY);
    }
    if (!is_limited(&thresholds[LIV_SESSIONS_USED]))
        limit(&thresholds[LIV_SESSIONS_USED].warning, 0, SESSIONS_WARNING);
    if (!is_limited(&thresholds[LIV_TASK_AGE]))
        limit(&thresholds[LIV_TASK_AGE].warning, 0, request.task_limit);
}

/* A status that balancers and proxies send by themselves when nobody is behind them. */
static bool is_anybodys(const char *condition)
{
    static const char prefix[] = "status=";
    bool found = false;
    if (strncmp(condition, prefix, strlen(prefix)) != 0)
        return false;
    for (long status = 500; status < 600; status++)
        found = found || liv_statuses_have(condition + strlen(prefix), status);
    return found;
}

/* What is dead must not pass for passive. */
static bool is_a_mark(const struct dr_text_list *conditions)
{
    for (size_t i = 0; i < conditions->count; i++) {
        if (!is_anybodys(conditions->items[i]))
            return true;
    }
    return conditions->count == 0;
}

/* A site whose instances cannot be told to be passive would be unknown for ever. */
static bool check_marks(const struct dr_targets *targets, struct dr_error *error)
{
    for (size_t i = 0; i < targets->count; i++) {
        enum liv_product product = liv_scope_product(&targets->items[i]);
        if (rules.wish != LIV_WISH_ACTIVE && product == LIV_HTTP && request.passive.count == 0)
            return dr_error_set(error, DR_ERR_USAGE,
                                "say by --passive what a passive instance "
                                "replies (--passive status=503 --passive /role=passive); a "
                                "refusal, or a 503 that any balancer sends, proves nothing");
    }
    if (!is_a_mark(&request.passive))
        return dr_error_set(error, DR_ERR_USAGE,
                            "--passive: such a status alone is also what a balancer sends when "
                            "nobody is behind it; add a mark: --passive /role=passive");
    if (request.ready.count > 0 && request.passive.count == 0)
        return dr_error_set(
            error, DR_ERR_USAGE,
            "--ready is asked of passive instances alone: say by --passive how they "
            "are known");
    return true;
}

/* The instances of one site would be asked for the other one as well. */
static bool check_instances(const struct dr_targets *targets, struct dr_error *error)
{
    const char *first = NULL;
    for (size_t i = 0; i < targets->count && request.instances.count > 0; i++) {
        const char *site = targets->items[i].site;
        if (site == NULL || liv_scope_product(&targets->items[i]) != LIV_HTTP)
            continue;
        if (first != NULL && strcmp(first, site) != 0)
            return dr_error_set(
                error, DR_ERR_USAGE,
                "--instance would stand for instances of the sites %s and %s: write "
                "the address of each into its --site",
                first, site);
        first = site;
    }
    return true;
}

/* Whoever reads the file must find the same names in it. */
static bool check_active_file(const struct dr_targets *targets, struct dr_error *error)
{
    if (active_file == NULL)
        return true;
    if (sites.count == 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "--active-file is for the name of a site: no --site was given");
    for (size_t i = 0; i < targets->count; i++) {
        if (!dr_site_name_check(targets->items[i].site, error))
            return dr_error_prefix(error, "--active-file");
    }
    return true;
}

/* What an option needs beside it. */
static bool check_company(struct dr_error *error)
{
    bool remembers = common.state_dir != NULL;
    if (rules.grace.known && sites.count == 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "--grace is for a switch between sites: no --site "
                            "was given");
    if (rules.grace.known && !remembers)
        return dr_error_set(error, DR_ERR_USAGE,
                            "--grace needs --state-dir: how long it has been so is known from "
                            "earlier runs");
    if (rules.stuck_after.known && !remembers && !watch.known)
        return dr_error_set(error, DR_ERR_USAGE,
                            "--stuck-after needs a second look: --state-dir or --watch");
    if (request.key != NULL && request.cert == NULL)
        return dr_error_set(error, DR_ERR_USAGE, "--key without --cert");
    return true;
}

/* Every option is of use to some target, and says what it means there. */
static bool check_targets(const struct dr_targets *targets, struct dr_error *error)
{
    const struct dr_option_table table = {option_rows, sizeof option_rows / sizeof option_rows[0]};
    return liv_scope_check(&table, targets, request.direct, error) && check_company(error) &&
           check_active_file(targets, error) && check_marks(targets, error) &&
           check_instances(targets, error);
}

static double or_else(struct dr_opt_real value, double fallback)
{
    return value.known ? value.value : fallback;
}

static bool read_numbers(struct dr_error *error)
{
    request.redirects = redirects.known ? (int)redirects.value : 0;
    if (redirects.known && redirects.value > REDIRECTS_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "--redirects: at most %d", REDIRECTS_MAX);
    request.idle = or_else(idle, 300);
    request.heartbeat = or_else(heartbeat, 0);
    request.task_limit = or_else(task_limit, TASK_LIMIT_FALLBACK);
    request.overdue = or_else(overdue, OVERDUE_FALLBACK);
    request.watch = or_else(watch, 0);
    if (request.watch > WATCH_MAX)
        return dr_error_set(error, DR_ERR_USAGE,
                            "--watch: at most %.0f s; --state-dir remembers for longer", WATCH_MAX);
    if (request.watch >= common.timeout.seconds)
        return dr_error_set(error, DR_ERR_USAGE,
                            "--watch: the second look would come after the --timeout of %g s",
                            common.timeout.seconds);
    return min_alive == NULL || read_count(min_alive, &rules.least, "--min-alive", error);
}

static bool prepare(struct dr_targets *targets, struct dr_threshold *thresholds,
                    struct dr_error *error)
{
    rules.thresholds = thresholds;
    rules.selected = include.count > 0;
    if (!read_numbers(error) || !read_health(error) || !liv_request_check(&request, error) ||
        !read_expectations(error) || !read_selection(&include, "--include", false, error) ||
        !read_selection(&exclude, "--exclude", true, error) || !read_wish(targets, error) ||
        !check_targets(targets, error))
        return false;
    rules.stuck_after = dr_real(or_else(rules.stuck_after, request.task_limit));
    set_default_limits(thresholds);
    return true;
}

static void open_history(const struct dr_session *session, struct liv_history *history,
                         struct dr_result *result)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    *history = (struct liv_history){.open = false};
    if (session->common->state_dir == NULL)
        return;
    char *name = dr_session_identity(session);
    if (name == NULL ||
        !liv_history_open(history, session->common->state_dir, session->plugin->name, name, &error))
        dr_result_add(result, DR_UNKNOWN, "state", "%s",
                      name != NULL ? error.text : "out of memory");
    free(name);
}

/* The hosts of one URI do the same work, but for balancers: each has a view of its own of the same
 * servers. */
static void gather(const struct dr_session *session, struct liv_asked *asked)
{
    const struct liv_facts *facts = session->facts;
    for (size_t i = 0; i < session->targets->count; i++) {
        const struct dr_target *target = &session->targets->items[i];
        const struct dr_outcome *outcome = &session->outcomes[i];
        bool first = i == 0 || target->host == 0 || liv_scope_product(target) == LIV_HAPROXY;
        asked[i] = (struct liv_asked){
            .label = target->label,
            .site = target->site,
            .group = first ? target->label : asked[i - 1].group,
            .product = liv_scope_product(target),
            .answered = outcome->finished && outcome->ok,
            .facts = outcome->finished ? &facts[i] : NULL,
            .error = &outcome->error,
        };
    }
}

static void judge_asked(const struct dr_session *session, const struct liv_asked *asked,
                        struct dr_result *result)
{
    struct liv_history history;
    struct dr_error error = {.class = DR_ERR_NONE};
    open_history(session, &history, result);
    const struct liv_evidence evidence = {
        .asked = asked,
        .count = session->targets->count,
        .history = &history,
        .now = session->now,
    };
    const char *active = liv_judge(&evidence, &rules, session->common->timeout.state, result);
    if (!liv_history_close(&history, &error))
        dr_result_add(result, DR_UNKNOWN, "state", "%s", error.text);
    if (active_file != NULL && active != NULL &&
        !liv_active_write(active_file, active, session->now, &error))
        dr_result_add(result, DR_UNKNOWN, "active-file", "%s", error.text);
}

static void judge(const struct dr_session *session, struct dr_result *result)
{
    struct liv_asked *asked = calloc(session->targets->count, sizeof *asked);
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
    for (size_t i = 0; i < made_count; i++)
        free(made[i]);
    free(made);
    free(rules.expected);
    dr_selection_free(&rules.selection);
}

#ifdef DR_STATIC_SOURCES
/* A line for each. */
/* clang-format off */
#ifdef HAVE_LIBCURL
extern const struct dr_source dr_source_liveness_consumers;
extern const struct dr_source dr_source_liveness_haproxy;
#endif
#if defined HAVE_LIBCURL && defined HAVE_JANSSON
extern const struct dr_source dr_source_liveness_elasticsearch;
extern const struct dr_source dr_source_liveness_http;
extern const struct dr_source dr_source_liveness_kubernetes;
extern const struct dr_source dr_source_liveness_openfaas;
extern const struct dr_source dr_source_liveness_service;
#endif
#ifdef HAVE_HIREDIS
extern const struct dr_source dr_source_liveness_celery;
extern const struct dr_source dr_source_liveness_jobs;
#endif
#if defined HAVE_HIREDIS && defined HAVE_OPENSSL
extern const struct dr_source dr_source_liveness_celerys;
extern const struct dr_source dr_source_liveness_jobss;
#endif
#ifdef HAVE_RABBITMQ
extern const struct dr_source dr_source_liveness_celeryamqp;
#endif
extern const struct dr_source dr_source_liveness_file;
extern const struct dr_source dr_source_liveness_tcp;
static const struct dr_source *const built_in[] = {
#ifdef HAVE_LIBCURL
    &dr_source_liveness_consumers,
    &dr_source_liveness_haproxy,
#endif
#if defined HAVE_LIBCURL && defined HAVE_JANSSON
    &dr_source_liveness_elasticsearch,
    &dr_source_liveness_http,
    &dr_source_liveness_kubernetes,
    &dr_source_liveness_openfaas,
    &dr_source_liveness_service,
#endif
#ifdef HAVE_HIREDIS
    &dr_source_liveness_celery,
    &dr_source_liveness_jobs,
#endif
#if defined HAVE_HIREDIS && defined HAVE_OPENSSL
    &dr_source_liveness_celerys,
    &dr_source_liveness_jobss,
#endif
#ifdef HAVE_RABBITMQ
    &dr_source_liveness_celeryamqp,
#endif
    &dr_source_liveness_file,
    &dr_source_liveness_tcp,
    NULL,
};
/* clang-format on */
#define BUILT_IN built_in
#else
#define BUILT_IN NULL
#endif

static const struct dr_plugin plugin = {
    .name = "check_liveness",
    .service = "LIVENESS",
    .group = "liveness",
    .summary = "dashboards, servers behind load balancers, workers and schedulers do their work; "
               "the passive site is passive and would come up",
    .description = liv_description,
    .options = {option_rows, sizeof option_rows / sizeof option_rows[0]},
    .common = &common,
    .sites = &sites,
    .site_option = "--site",
    .metrics = liv_metrics,
    .metric_count = LIV_METRICS,
    .schemes = schemes,
    .scheme_count = sizeof schemes / sizeof schemes[0],
    .default_scheme = "https",
    .examples = liv_examples,
    .example_count = LIV_EXAMPLES,
    .manual = liv_manual,
    .manual_count = LIV_SECTIONS,
    .built_in = BUILT_IN,
    .facts_size = sizeof(struct liv_facts),
    .request = &request,
    .prepare = prepare,
    .judge = judge,
    .free_facts = liv_facts_free,
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
