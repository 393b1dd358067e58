/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_backup_freshness: is the newest restorable point younger than the RPO, now and over the
 * whole window, and is it a backup? */
#include "common/duration.h"
#include "common/plugin.h"
#include "plugins/backups/compare.h"
#include "plugins/backups/drill.h"
#include "plugins/backups/judge.h"
#include "plugins/backups/manual.h"
#include "plugins/backups/names.h"
#include "plugins/backups/request.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Nightly, and two hours to make it. */
#define RPO_FALLBACK (26 * 3600.0)
#define WINDOW_FALLBACK (7 * 86400.0)
#define SETTLE_FALLBACK 600.0
#define SKEW_FALLBACK 300.0
#define STUCK_FALLBACK 3
#define NAME "check_backup_freshness"

static struct dr_common_options common;
static struct dr_text_list compare;
static struct dr_text_list expect;
static struct dr_text_list require;
static struct dr_opt_real rpo;
static struct dr_opt_real window;
static struct dr_opt_real settle;
static struct dr_opt_real skew;
static struct dr_opt_int stuck;
static struct dr_opt_int max_pages;
static char *zone;
static char *drill_file;
static char *least_size;
static int proof = BAK_WELLFORMED;
static struct bak_rules rules;
static struct bak_request request;
static struct bak_paid *paid;

static const char *const proof_names[] = {"none",        "sized",    "wellformed",
                                          "checksummed", "restored", NULL};

#define GROUP_PLAN "What the plan expects"
#define GROUP_READ "How backups are read"

static const struct dr_option option_rows[] = {
    DR_TARGET_OPTIONS(common),
    {.name = "compare",
     .kind = DR_OPTION_TEXTS,
     .argument = "[NAME=]URI",
     .help = "The copy of a target, to be compared with it name by name: s3, azure-blob, "
             "azure-files, file. The first goes with the first --target; repeatable.",
     .example = "s3://backups-dr/pg/?region=eu-west-1",
     .group = DR_GROUP_TARGETS,
     .into = &compare},
    DR_LIMIT_OPTIONS(common),
    {.name = "rpo",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "1d2h",
     .help = "The recovery point objective: CRITICAL when the data that could be restored now is "
             "older, WARNING at 80 % of it where the next run is late, or when the schedule cannot "
             "meet it.",
     .example = "24h",
     .group = DR_GROUP_LIMITS,
     .into = &rpo},
    {.name = "rto",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .help = "The recovery time objective: CRITICAL when a restore is expected to take longer, by "
             "the last drill or by how long the backup took.",
     .example = "4h",
     .group = DR_GROUP_LIMITS,
     .into = &rules.rto},
    {.name = "window",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "7d",
     .help = "How far back the promise is looked at: the worst exposure, missed runs.",
     .example = "7d",
     .group = DR_GROUP_LIMITS,
     .into = &window},
    {.name = "retention",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .help = "CRITICAL when nothing so old can be restored any more.",
     .example = "30d",
     .group = DR_GROUP_LIMITS,
     .into = &rules.retention},
    {.name = "full-within",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .help = "CRITICAL when the newest full backup is older.",
     .example = "8d",
     .group = DR_GROUP_LIMITS,
     .into = &rules.full},
    {.name = "min-count",
     .kind = DR_OPTION_INTEGER,
     .argument = "N",
     .help = "CRITICAL with fewer usable restore points.",
     .example = "7",
     .group = DR_GROUP_LIMITS,
     .into = &rules.least},
    {.name = "min-size",
     .kind = DR_OPTION_TEXT,
     .argument = "SIZE",
     .help = "CRITICAL when the newest is smaller.",
     .example = "100MiB",
     .group = DR_GROUP_LIMITS,
     .into = &least_size},
    {.name = "proof",
     .kind = DR_OPTION_CHOICE,
     .argument = "LEVEL",
     .fallback = "wellformed",
     .help =
         "How much must be seen of the newest point: none (somebody lists it), sized (it is not "
         "empty), wellformed (beginning, end and structure), checksummed (all of it read, once: "
         "--state-dir remembers), restored (--drill).",
     .example = "checksummed",
     .choices = proof_names,
     .group = GROUP_PLAN,
     .into = &proof},
    {.name = "expect",
     .kind = DR_OPTION_TEXTS,
     .argument = "WHAT",
     .help = "Something that must have a backup: a series (NAME, or TARGET/NAME, with * and ?), or "
             "@FILE with one on each line; repeatable.",
     .example = "orders",
     .group = GROUP_PLAN,
     .into = &expect},
    {.name = "require",
     .kind = DR_OPTION_TEXTS,
     .argument = "WHAT",
     .help = "What the store must keep up: versioning, or lock (nobody can delete); repeatable.",
     .example = "versioning",
     .group = GROUP_PLAN,
     .into = &require},
    {.name = "drill",
     .kind = DR_OPTION_TEXT,
     .argument = "FILE",
     .help = "The result of the last restore test, as JSON that the drill writes: time, result, "
             "artifact, artifact_time, bytes, seconds.",
     .example = "/var/lib/dr/drill.json",
     .group = GROUP_PLAN,
     .into = &drill_file},
    {.name = "stuck",
     .kind = DR_OPTION_INTEGER,
     .argument = "FACTOR",
     .fallback = "3",
     .help = "A backup is stuck that has been running so many times as long as is usual.",
     .example = "3",
     .group = GROUP_PLAN,
     .into = &stuck},
    {.name = "name-format",
     .kind = DR_OPTION_TEXTS,
     .argument = "FORMAT",
     .help = "Where names say the moment: text, *, {} for the name of the series, and %Y %m %d %H "
             "%M %S %z %s as in date(1); of several, the first that fits.",
     .example = "{}-%Y%m%dT%H%M.dump",
     .group = GROUP_READ,
     .into = &request.formats},
    {.name = "zone",
     .kind = DR_OPTION_TEXT,
     .argument = "ZONE",
     .fallback = "this host's",
     .help = "The time zone of moments that name none, in names and inside dumps.",
     .example = "Europe/Berlin",
     .group = GROUP_READ,
     .into = &zone},
    {.name = "include",
     .kind = DR_OPTION_TEXTS,
     .argument = "GLOB",
     .help = "Only what has such a name (file, series, volume); repeatable.",
     .example = "*.dump",
     .group = GROUP_READ,
     .into = &request.include},
    {.name = "exclude",
     .kind = DR_OPTION_TEXTS,
     .argument = "GLOB",
     .help = "Not what has such a name; repeatable.",
     .example = "*.log",
     .group = GROUP_READ,
     .into = &request.exclude},
    {.name = "settle",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "10m",
     .help = "A file that is not complete and was written to so recently is still being made.",
     .example = "10m",
     .group = GROUP_READ,
     .into = &settle},
    {.name = "skew",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "5m",
     .help = "A point so far in the future is dated wrong, and does not count.",
     .example = "5m",
     .group = GROUP_READ,
     .into = &skew},
    {.name = "expect-mount",
     .kind = DR_OPTION_FLAG,
     .help =
         "CRITICAL when the directory of a file:// target is on the file system of the one above "
         "it: nothing is mounted there.",
     .group = GROUP_READ,
     .into = &request.expect_mount},
    {.name = "max-pages",
     .kind = DR_OPTION_INTEGER,
     .argument = "N",
     .help = "Pages of a listing that are read, at most; UNKNOWN where that was not all.",
     .example = "100",
     .group = GROUP_READ,
     .into = &max_pages},
    DR_OUTPUT_OPTIONS(common),
};

/* A repository of a tool, in each kind of store. */
#define REPOSITORY(kind)                                                                           \
    {kind "+file", "file", "dr-plugins", false}, {kind "+s3", "objects", "libcurl4", false},       \
        {kind "+azure-blob", "objects", "libcurl4", false},                                        \
    {                                                                                              \
        kind "+azure-files", "objects", "libcurl4", false                                          \
    }

static const struct dr_scheme schemes[] = {
    {"file", "file", "dr-plugins", false},
    {"s3", "objects", "libcurl4", false},
    {"azure-blob", "objects", "libcurl4", false},
    {"azure-files", "objects", "libcurl4", false},
    REPOSITORY("pgbackrest"),
    REPOSITORY("barman"),
    REPOSITORY("wal-g"),
    REPOSITORY("wal"),
    REPOSITORY("restic"),
    REPOSITORY("velero"),
    REPOSITORY("elasticsearch"),
    {"borg+json", "document", "dr-plugins", false},
    {"restic+json", "document", "dr-plugins", false},
    {"pgbackrest+json", "document", "dr-plugins", false},
    {"barman+json", "document", "dr-plugins", false},
    {"wal-g+json", "document", "dr-plugins", false},
    {"json", "document", "dr-plugins", false},
    {"postgresql-archive", "archiver", "libpq5", false},
    {"rds", "aws", "libcurl4", false},
    {"ebs", "aws", "libcurl4", false},
    {"gcp-disk", "gcp", "libcurl4", false},
    {"do-database", "digitalocean", "libcurl4", false},
    {"azure-sql", "azuresql", "libcurl4", false},
    {"volume-snapshot", "kubernetes", "libcurl4 and libyaml-0-2", false},
    {"velero", "kubernetes", "libcurl4 and libyaml-0-2", false},
    {"elasticsearch", "elasticsearch", "libcurl4", false},
    {"elasticsearch+http", "elasticsearch", "libcurl4", false},
    {"opensearch", "elasticsearch", "libcurl4", false},
    {"opensearch+http", "elasticsearch", "libcurl4", false},
};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, R_OK) == 0;
}

/* A zone that is not there, or a folder of zones, would silently be UTC. */
static bool set_zone(struct dr_error *error)
{
    static const char *const folder = "/usr/share/zoneinfo/";
    if (zone != NULL) {
        bool plain = strcmp(zone, "UTC") == 0;
        char *path = dr_text_format("%s%s", folder, zone);
        if (path == NULL)
            return out_of_memory(error);
        bool known = plain || (zone[0] != '\0' && zone[0] != '/' && strstr(zone, "..") == NULL &&
                               is_file(path));
        free(path);
        if (!known)
            return dr_error_set(error, DR_ERR_USAGE,
                                "--zone: \"%s\" is not in %s (is tzdata installed?)", zone, folder);
        if (setenv("TZ", zone, 1) != 0)
            return out_of_memory(error);
    }
    tzset();
    return true;
}

static bool check_formats(struct dr_error *error)
{
    for (size_t i = 0; i < request.formats.count; i++) {
        if (!bak_format_check(request.formats.items[i], error))
            return dr_error_prefix(error, "--name-format");
    }
    return true;
}

/* 0 of either would be another way to say nothing, or that all that runs is stuck. */
static bool check_numbers(struct dr_error *error)
{
    if (stuck.known && stuck.value < 1)
        return dr_error_set(error, DR_ERR_USAGE, "--stuck: at least 1");
    if (max_pages.known && max_pages.value < 1)
        return dr_error_set(error, DR_ERR_USAGE, "--max-pages: at least 1");
    return true;
}

static bool read_requirements(struct dr_error *error)
{
    for (size_t i = 0; i < require.count; i++) {
        const char *what = require.items[i];
        if (strcmp(what, "versioning") == 0)
            rules.versioning = true;
        else if (strcmp(what, "lock") == 0)
            rules.locking = true;
        else
            return dr_error_set(error, DR_ERR_USAGE,
                                "--require: \"%s\" is neither versioning nor lock", what);
    }
    return true;
}

/* The first copy goes with the first target. */
static bool check_copies(const struct dr_targets *targets, struct dr_error *error)
{
    size_t sources = targets->count - compare.count;
    request.compare = compare.count > 0;
    for (size_t i = 0; i < targets->count; i++) {
        const char *scheme = targets->items[i].scheme->scheme;
        bool store = strcmp(scheme, "file") == 0 || strcmp(scheme, "s3") == 0 ||
                     strcmp(scheme, "azure-blob") == 0 || strcmp(scheme, "azure-files") == 0;
        if (targets->items[i].reference && !store)
            return dr_error_set(error, DR_ERR_USAGE,
                                "--compare %s: only file, s3, azure-blob and azure-files can be "
                                "compared",
                                targets->items[i].label);
    }
    return compare.count == 0 || compare.count == sources ||
           dr_error_set(error, DR_ERR_USAGE,
                        "--compare: %zu copies for %zu targets: the first goes with the first",
                        compare.count, sources);
}

/* What earlier runs have paid for. The file is not held open: this run may take long. */
static bool read_paid(const struct dr_targets *targets, struct dr_error *error)
{
    struct bak_history history;
    if (common.state_dir == NULL || rules.proof < BAK_WELLFORMED)
        return true;
    const struct dr_session session = {.targets = targets};
    char *name = dr_session_identity(&session);
    bool ok = name != NULL || out_of_memory(error);
    if (ok && bak_history_open(&history, common.state_dir, NAME, name, error)) {
        ok = bak_history_paid(&history, &paid, &request.paid_count) || out_of_memory(error);
        bak_history_drop(&history);
    } else
        ok = false;
    request.paid = paid;
    free(name);
    return ok;
}

static bool prepare(struct dr_targets *targets, struct dr_threshold *thresholds,
                    struct dr_error *error)
{
    rules.thresholds = thresholds;
    rules.rpo = rpo.known ? rpo.value : RPO_FALLBACK;
    rules.window = window.known ? window.value : WINDOW_FALLBACK;
    rules.skew = skew.known ? skew.value : SKEW_FALLBACK;
    rules.stuck = stuck.known ? (double)stuck.value : STUCK_FALLBACK;
    rules.proof = (enum bak_proof)proof;
    if (!set_zone(error) || !check_formats(error) || !check_numbers(error) ||
        !read_requirements(error) || !bak_expected_read(&expect, &rules, error) ||
        !bak_size_read(least_size, &rules, error) || !check_copies(targets, error))
        return false;
    bak_drill_read(drill_file, &rules.drill);
    bak_limits_set(&rules, thresholds);
    return read_paid(targets, error);
}

static bool before_run(size_t targets, size_t capacity, struct dr_error *error)
{
    (void)capacity;
    request.now = dr_now();
    request.window = rules.window;
    request.settle = settle.known ? settle.value : SETTLE_FALLBACK;
    request.skew = rules.skew;
    request.proof = rules.proof;
    request.pages = max_pages.known ? max_pages.value : 0;
    if (!request.compare)
        return true;
    request.board = bak_board_new(targets);
    if (request.board == NULL)
        return out_of_memory(error);
    for (size_t i = 0; i < compare.count; i++)
        bak_board_pair(request.board, i, targets - compare.count + i);
    return true;
}

static enum bak_product product_of(const struct dr_target *target)
{
    static const struct {
        const char *scheme; /* or its beginning, up to the "+" */
        enum bak_product product;
    } products[] = {
        {"file", BAK_FILES},
        {"s3", BAK_OBJECTS},
        {"azure-blob", BAK_OBJECTS},
        {"azure-files", BAK_OBJECTS},
        {"pgbackrest", BAK_PGBACKREST},
        {"barman", BAK_BARMAN},
        {"wal-g", BAK_WALG},
        {"wal", BAK_WAL},
        {"restic", BAK_RESTIC},
        {"velero", BAK_VELERO},
        {"elasticsearch", BAK_ELASTICSEARCH},
        {"opensearch", BAK_ELASTICSEARCH},
        {"borg", BAK_BORG},
        {"json", BAK_DOCUMENT},
        {"postgresql-archive", BAK_ARCHIVER},
        {"rds", BAK_RDS},
        {"ebs", BAK_EBS},
        {"gcp-disk", BAK_GCP_DISK},
        {"do-database", BAK_DIGITALOCEAN},
        {"azure-sql", BAK_AZURE_SQL},
        {"volume-snapshot", BAK_VOLUME_SNAPSHOT},
    };
    size_t length = strcspn(target->scheme->scheme, "+");
    bool document = strcmp(target->scheme->scheme + length, "+json") == 0;
    if (document && strncmp(target->scheme->scheme, "borg", length) != 0)
        return BAK_DOCUMENT; /* a tool's word, not its repository */
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        if (strlen(products[i].scheme) == length &&
            strncmp(products[i].scheme, target->scheme->scheme, length) == 0)
            return products[i].product;
    }
    return BAK_PRODUCT_UNKNOWN;
}

/* There are no files or objects to look at. */
static bool is_hearsay(const struct dr_target *target)
{
    return strcmp(target->scheme->source, "file") != 0 &&
           strcmp(target->scheme->source, "objects") != 0;
}

static void open_history(const struct dr_session *session, struct bak_history *history,
                         struct dr_result *result)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    *history = (struct bak_history){.open = false};
    if (session->common->state_dir == NULL)
        return;
    char *name = dr_session_identity(session);
    if (name == NULL ||
        !bak_history_open(history, session->common->state_dir, session->plugin->name, name, &error))
        dr_result_add(result, DR_UNKNOWN, "state", "%s",
                      name != NULL ? error.text : "out of memory");
    free(name);
}

static void judge(const struct dr_session *session, struct dr_result *result)
{
    struct bak_history history;
    struct dr_error error = {.class = DR_ERR_NONE};
    const struct bak_facts *facts = session->facts;
    size_t count = session->targets->count;
    struct bak_asked *asked = calloc(count, sizeof *asked);
    if (asked == NULL) {
        result->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct dr_target *target = &session->targets->items[i];
        const struct dr_outcome *outcome = &session->outcomes[i];
        asked[i] = (struct bak_asked){
            .label = target->label,
            .product = product_of(target),
            .reference = target->reference,
            .hearsay = is_hearsay(target),
            .compared = compare.count > 0,
            .answered = outcome->finished && outcome->ok,
            .facts = outcome->finished ? &facts[i] : NULL,
            .error = &outcome->error,
        };
    }
    open_history(session, &history, result);
    const struct bak_evidence evidence = {
        .asked = asked, .count = count, .history = &history, .now = session->now};
    bak_judge(&evidence, &rules, session->common->timeout.state, result);
    if (!bak_history_close(&history, &error))
        dr_result_add(result, DR_UNKNOWN, "state", "%s", error.text);
    free(asked);
}

static void forget(void)
{
    bak_rules_free(&rules);
    bak_board_free(request.board);
    free(paid);
}

#ifdef DR_STATIC_SOURCES
extern const struct dr_source dr_source_backups_file;
extern const struct dr_source dr_source_backups_document;
#ifdef HAVE_AZURE
extern const struct dr_source dr_source_backups_objects;
extern const struct dr_source dr_source_backups_aws;
extern const struct dr_source dr_source_backups_gcp;
extern const struct dr_source dr_source_backups_azuresql;
#endif
#ifdef HAVE_LIBPQ
extern const struct dr_source dr_source_backups_archiver;
#endif
#ifdef HAVE_LIBCURL
extern const struct dr_source dr_source_backups_digitalocean;
extern const struct dr_source dr_source_backups_kubernetes;
extern const struct dr_source dr_source_backups_elasticsearch;
#endif
static const struct dr_source *const built_in[] = {
    &dr_source_backups_file,
    &dr_source_backups_document,
#ifdef HAVE_AZURE
    &dr_source_backups_objects,
    &dr_source_backups_aws,
    &dr_source_backups_gcp,
    &dr_source_backups_azuresql,
#endif
#ifdef HAVE_LIBPQ
    &dr_source_backups_archiver,
#endif
#ifdef HAVE_LIBCURL
    &dr_source_backups_digitalocean,
    &dr_source_backups_kubernetes,
    &dr_source_backups_elasticsearch,
#endif
    NULL,
};
#define BUILT_IN built_in
#else
#define BUILT_IN NULL
#endif

static const struct dr_plugin plugin = {
    .name = NAME,
    .service = "BACKUP",
    .group = "backups",
    .summary =
        "the newest restorable point is younger than the RPO, now and over the window, and it "
        "is a backup",
    .description = bak_description,
    .options = {option_rows, sizeof option_rows / sizeof option_rows[0]},
    .common = &common,
    .references = &compare,
    .reference_option = "--compare",
    .metrics = bak_metrics,
    .metric_count = BAK_METRICS,
    .schemes = schemes,
    .scheme_count = sizeof schemes / sizeof schemes[0],
    .default_scheme = "postgresql-archive",
    .default_path = "/postgres",
    .examples = bak_examples,
    .example_count = BAK_EXAMPLES,
    .manual = bak_manual,
    .manual_count = BAK_SECTIONS,
    .built_in = BUILT_IN,
    .facts_size = sizeof(struct bak_facts),
    .request = &request,
    .prepare = prepare,
    .before_run = before_run,
    .judge = judge,
    .free_facts = bak_facts_free,
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
