/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/plugin.h"

#include "common/extra_opts.h"
#include "common/generate.h"
#include "common/secret.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define TRACE_MAX (1024 * 1024)
#define GENERATED_MAX (1024 * 1024)
/* Bytes of private memory a run may take: far more than any needs. */
#define MEMORY_BUDGET (160UL * 1024 * 1024)

/* One run of the executable, from start to end. */
struct process {
    const struct dr_plugin *plugin;
    double started;
    struct dr_secrets *secrets;
    struct dr_arguments arguments;
    struct dr_targets targets;
    struct dr_threshold thresholds[DR_METRICS_MAX];
    size_t capacity; /* of the arrays below and of the targets' */
    dr_probe **probes;
    struct dr_error *load_errors;
    struct dr_outcome *outcomes;
    void *facts;
    struct dr_run *run;
    const char *password;
    bool exposed; /* a password stood on the command line */
};

static void print(const struct dr_buffer *text)
{
    size_t written = 0;
    while (written < text->size) {
        ssize_t more = write(STDOUT_FILENO, text->text + written, text->size - written);
        /* Where stdout cannot be written there is nobody left to tell; the exit code still says it.
         */
        if (more == 0 || (more < 0 && errno != EINTR))
            return;
        written += more > 0 ? (size_t)more : 0;
    }
}

static void report(const struct process *process, struct dr_result *result)
{
    const struct dr_common_options *common = process->plugin->common;
    struct dr_buffer trace = DR_BUFFER(TRACE_MAX);
    if (process->run != NULL && common->verbosity > 0)
        dr_run_trace(process->run, &trace);
    const struct dr_report_options options = {
        .format = (enum dr_format)common->format,
        .executable = process->plugin->name,
        .version = PACKAGE_VERSION,
        .runbook = common->runbook,
        .trace = dr_buffer_text(&trace),
        .elapsed = dr_monotonic() - process->started,
        .colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL,
        .secrets = process->secrets,
    };
    struct dr_buffer out = DR_BUFFER(TRACE_MAX + DR_REPORT_MAX);
    dr_report_write(result, &options, &out);
    print(&out);
    dr_buffer_free(&out);
    dr_buffer_free(&trace);
}

/* Something stands in the way of a run. The usage follows where the command line is to blame. */
static int refuse(const struct process *process, const struct dr_error *error)
{
    struct dr_result result;
    dr_result_init(&result, process->plugin->service);
    dr_result_verdict(&result, DR_UNKNOWN, "%s", error->text);
    report(process, &result);
    dr_result_free(&result);
    if (error->class == DR_ERR_USAGE && process->plugin->common->format == DR_FORMAT_TEXT) {
        struct dr_buffer usage = DR_BUFFER(GENERATED_MAX);
        dr_generate_usage(process->plugin, &usage);
        print(&usage);
        dr_buffer_free(&usage);
    }
    return DR_UNKNOWN;
}

char *dr_session_identity(const struct dr_session *session)
{
    struct dr_buffer text = DR_BUFFER(16384);
    for (size_t i = 0; i < session->targets->count; i++) {
        if (!session->targets->items[i].discovered)
            dr_buffer_addf(&text, "%s ", session->targets->items[i].label);
    }
    return dr_buffer_take(&text);
}

static void version(const struct process *process, struct dr_buffer *out)
{
    const struct dr_plugin *plugin = process->plugin;
    dr_buffer_addf(out, "%s (%s) %s\n", plugin->name, PACKAGE_NAME, PACKAGE_VERSION);
    for (size_t i = 0; plugin->common->verbosity > 0 && i < plugin->scheme_count; i++) {
        struct dr_error error;
        const struct dr_source *source = dr_source_load(
            plugin->built_in, plugin->group, plugin->facts_size, &plugin->schemes[i], &error);
        dr_buffer_addf(out, "%s: %s\n", plugin->schemes[i].scheme,
                       source != NULL ? source->library() : error.text);
    }
}

/* --help, --version, --generate: true when one of them was asked for and is done. */
static bool informed(const struct process *process, int *code)
{
    const struct dr_common_options *common = process->plugin->common;
    struct dr_buffer out = DR_BUFFER(GENERATED_MAX);
    struct dr_error error = {.class = DR_ERR_NONE};
    *code = DR_UNKNOWN;
    if (common->help)
        dr_generate_help(process->plugin, &out);
    else if (common->version)
        version(process, &out);
    else if (common->generate == NULL)
        return false;
    else if (!dr_generate(process->plugin, common->generate, &out, &error))
        *code = refuse(process, &error);
    print(&out);
    dr_buffer_free(&out);
    return true;
}

static bool read_limits(struct process *process, struct dr_error *error)
{
    const struct dr_plugin *plugin = process->plugin;
    const struct dr_text_list *lists[] = {&plugin->common->warning, &plugin->common->critical};
    for (size_t critical = 0; critical < 2; critical++) {
        for (size_t i = 0; i < lists[critical]->count; i++) {
            if (!dr_threshold_set(plugin->metrics, plugin->metric_count, process->thresholds,
                                  critical == 1, lists[critical]->items[i], error))
                return dr_error_prefix(error, "%s", critical == 1 ? "--critical" : "--warning");
        }
    }
    return true;
}

/* True for an argument that was on the command line, false for one from an extra-opts file. */
static bool is_typed(const struct process *process, const char *argument)
{
    for (size_t i = 0; i < process->arguments.owned_count; i++) {
        const char *owned = process->arguments.owned[i];
        if (argument >= owned && argument <= owned + strlen(owned))
            return false;
    }
    return true;
}

typedef bool add_target(struct dr_targets *targets, const struct dr_scheme *schemes,
                        size_t scheme_count, char *argument, struct dr_error *error);

static bool add_uris(struct process *process, const struct dr_text_list *uris, const char *option,
                     add_target *add, struct dr_error *error)
{
    const struct dr_plugin *plugin = process->plugin;
    for (size_t i = 0; i < uris->count; i++) {
        size_t first = process->targets.count;
        if (!add(&process->targets, plugin->schemes, plugin->scheme_count, uris->items[i], error))
            return dr_error_prefix(error, "%s", option);
        if (process->targets.count > first && process->targets.items[first].password != NULL)
            process->exposed = process->exposed || is_typed(process, uris->items[i]);
    }
    return true;
}

static bool add_references(struct process *process, struct dr_error *error)
{
    const struct dr_plugin *plugin = process->plugin;
    size_t first = process->targets.count;
    if (plugin->references == NULL)
        return true;
    if (!add_uris(process, plugin->references, plugin->reference_option, dr_targets_add, error))
        return false;
    for (size_t i = first; i < process->targets.count; i++)
        process->targets.items[i].reference = true;
    return true;
}

static bool add_targets(struct process *process, struct dr_error *error)
{
    const struct dr_plugin *plugin = process->plugin;
    const struct dr_common_options *common = plugin->common;
    if (!add_uris(process, &common->targets, "--target", dr_targets_add, error) ||
        (plugin->sites != NULL &&
         !add_uris(process, plugin->sites, plugin->site_option, dr_targets_add_site, error)))
        return false;
    if (common->hostname != NULL &&
        !dr_targets_add_host(&process->targets, plugin->schemes, plugin->scheme_count,
                             plugin->default_scheme, common->hostname, common->port,
                             common->logname, plugin->default_path, error))
        return dr_error_prefix(error, "--hostname");
    return add_references(process, error);
}

/* Users and passwords for the targets that brought none. */
static bool complete_targets(struct process *process, struct dr_error *error)
{
    const struct dr_common_options *common = process->plugin->common;
    if (common->password_file != NULL &&
        !dr_secrets_read_file(process->secrets, common->password_file, &process->password, error))
        return dr_error_prefix(error, "--password-file");
    for (size_t i = 0; i < process->targets.count; i++) {
        struct dr_target *target = &process->targets.items[i];
        if (target->password == NULL)
            target->password = process->password;
        if (target->uri.user == NULL && common->logname != NULL) {
            target->uri.user = strdup(common->logname);
            if (target->uri.user == NULL)
                return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        }
    }
    return true;
}

static bool prepare(struct process *process, struct dr_error *error)
{
    const struct dr_plugin *plugin = process->plugin;
    if (!read_limits(process, error) || !add_targets(process, error))
        return false;
    if (plugin->prepare != NULL && !plugin->prepare(&process->targets, process->thresholds, error))
        return false;
    if (process->targets.count == 0)
        return dr_error_set(error, DR_ERR_USAGE, "no target: say what to look at with --target");
    return dr_targets_settle(&process->targets, error) && complete_targets(process, error);
}

/* Threads point at the targets: the list must not move while they run. */
static bool make_room(struct process *process, struct dr_error *error)
{
    struct dr_target *items =
        realloc(process->targets.items, DR_TARGETS_MAX * sizeof *process->targets.items);
    if (items == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    process->targets.items = items;
    process->capacity = DR_TARGETS_MAX;
    return true;
}

static bool load_sources(struct process *process, struct dr_error *error)
{
    const struct dr_plugin *plugin = process->plugin;
    size_t count = process->targets.count;
    process->capacity = count;
    if (plugin->discovers && !make_room(process, error))
        return false;
    process->probes = calloc(process->capacity, sizeof(dr_probe *));
    process->load_errors = calloc(count, sizeof *process->load_errors);
    /* The run fills these for the targets that there are. Room that none takes stays untouched. */
    process->outcomes = malloc(process->capacity * sizeof *process->outcomes);
    process->facts = malloc(process->capacity * plugin->facts_size);
    if (process->probes == NULL || process->load_errors == NULL || process->outcomes == NULL ||
        process->facts == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const struct dr_source *source =
            dr_source_load(plugin->built_in, plugin->group, plugin->facts_size,
                           process->targets.items[i].scheme, &process->load_errors[i]);
        if (source != NULL)
            process->probes[i] = source->probe;
    }
    return plugin->before_run == NULL || plugin->before_run(count, process->capacity, error);
}

static bool run(struct process *process, struct dr_error *error)
{
    const struct dr_plugin *plugin = process->plugin;
    const struct dr_run_plan plan = {
        .targets = &process->targets,
        .capacity = process->capacity,
        .probes = process->probes,
        .load_errors = process->load_errors,
        .facts = process->facts,
        .facts_size = plugin->facts_size,
        .request = plugin->request,
        .started = process->started,
        .timeout = plugin->common->timeout.seconds,
        .verbosity = plugin->common->verbosity,
        .secrets = process->secrets,
    };
    process->run = dr_run_targets(&plan, process->outcomes, error);
    return process->run != NULL;
}

static enum dr_state judge(struct process *process)
{
    const struct dr_plugin *plugin = process->plugin;
    const struct dr_session session = {
        .plugin = plugin,
        .common = plugin->common,
        .targets = &process->targets,
        .outcomes = process->outcomes,
        .facts = process->facts,
        .thresholds = process->thresholds,
        .now = dr_now(),
        .now_monotonic = dr_monotonic(),
    };
    struct dr_result result;
    dr_result_init(&result, plugin->service);
    plugin->judge(&session, &result);
    if (process->exposed)
        dr_result_add(&result, DR_OK, "command line",
                      "a password stood there, where others on this host could see it until it was "
                      "wiped: use --password-file or the product's own file");
    report(process, &result);
    enum dr_state state = dr_result_state(&result);
    dr_result_free(&result);
    return state;
}

static int check(struct process *process, int argc, char **argv)
{
    const struct dr_plugin *plugin = process->plugin;
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!dr_extra_opts_expand(&plugin->options, plugin->name, argc, argv, &process->arguments,
                              &error))
        return refuse(process, &error);
    bool readable =
        dr_options_read(&plugin->options, process->arguments.argc, process->arguments.argv, &error);
    int code;
    if ((readable || plugin->common->help || plugin->common->version) && informed(process, &code))
        return code;
    if (!readable || !prepare(process, &error) || !load_sources(process, &error) ||
        !run(process, &error))
        return refuse(process, &error);
    return (int)judge(process);
}

static void clear(struct process *process)
{
    const struct dr_plugin *plugin = process->plugin;
    for (size_t i = 0; process->run != NULL && i < process->targets.count; i++)
        plugin->free_facts((char *)process->facts + i * plugin->facts_size);
    dr_run_free(process->run);
    free(process->facts);
    free(process->outcomes);
    free(process->load_errors);
    free(process->probes);
    dr_targets_free(&process->targets);
    dr_options_free(&plugin->options);
    dr_arguments_free(&process->arguments);
    dr_secrets_free(process->secrets);
    free(process);
}

/* A server that announces a reply of a gigabyte must not cost the monitoring host one: client
 * libraries make room for what is announced. The private memory of the process is limited (at its
 * start it has next to none; asking how much is the dearest call of a run); an allocation beyond
 * that fails, and the library reports it. Not with AddressSanitizer, whose allocator ends the
 * process instead. */
static void bound_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit) != 0)
        return;
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > MEMORY_BUDGET) {
        limit.rlim_cur = MEMORY_BUDGET;
        setrlimit(RLIMIT_DATA, &limit);
    }
#endif
}

/* Threads share one heap instead of setting up one each. */
static void tune_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1);
#endif
}

int dr_plugin_main(const struct dr_plugin *plugin, int argc, char **argv, bool *stragglers)
{
    const struct dr_error memory = {.class = DR_ERR_INTERNAL, .text = "out of memory"};
    *stragglers = false;
    plugin->common->timeout = (struct dr_timeout){.seconds = 10, .state = DR_CRITICAL};
    /* A peer that closes early, and a state file that may not grow, are errors to report and no
     * reason to die. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    bound_memory();
    tune_memory();
    struct process *process = calloc(1, sizeof *process);
    if (process == NULL)
        return refuse(&(struct process){.plugin = plugin}, &memory);
    process->plugin = plugin;
    process->started = dr_monotonic();
    process->secrets = dr_secrets_new();
    process->targets.secrets = process->secrets;
    int code = process->secrets != NULL ? check(process, argc, argv) : refuse(process, &memory);
    /* A thread that did not come back still uses what would be freed here. */
    if (process->run != NULL && dr_run_has_stragglers(process->run))
        *stragglers = true;
    else
        clear(process);
    return code;
}
