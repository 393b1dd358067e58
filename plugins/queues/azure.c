/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source of Azure Queue Storage: how many messages a queue and its poison queue hold, how old
 * the oldest is and how often it was taken, and up to when the other region has everything. Nothing
 * is changed: a message that is looked at stays where it is. */
#include "common/client/azure_error.h"
#include "common/module.h"
#include "plugins/queues/azure_read.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* The statistics and errors have some hundred bytes. */
#define REPLY_MAX ((size_t)64 * 1024)
/* 32 messages of 64 KiB, every byte of which may be written as "&quot;". */
#define MESSAGES_MAX ((size_t)16 * 1024 * 1024)
/* Azure Functions and WebJobs put there what they gave up on. */
#define POISON "-poison"

/* What is asked, all at once. */
enum call { COUNT = 0, PEEK, POISON_COUNT, STATS, CALLS };
_Static_assert(CALLS <= DR_AZURE_CALLS_MAX, "they go out together");

static const char *const parameters[] = {"secondary", NULL};
/* of a SAS of one queue, by a stored access policy or a user delegation key */
static const char *const sas_parameters[] = {"si",  "skoid", "sktid",  "skt",     "ske",
                                             "sks", "skv",   "sduoid", "skdutid", NULL};
static const struct dr_azure_form form = {.usage = "azure-queue://ACCOUNT/QUEUE",
                                          .parameters = parameters,
                                          .sas_parameters = sas_parameters,
                                          .service = "queue"};
static const struct dr_azure_grant read_grant = {
    .sas = "the SAS must have sp=r (read), which covers both the count and looking at messages; "
           "one of the account also ss=q and srt=co",
    .role = "the role Storage Queue Data Reader",
};
static const struct dr_azure_grant stats_grant = {
    .sas = "the SAS must be one of the account with ss=q, srt=sco and sp=r",
    .role = "a role that reads the statistics of the queue service",
    .no_secondary = "there is no secondary to read: the account needs RA-GRS or RA-GZRS",
};

/* One run: the requests and what came of them. */
struct look {
    struct dr_azure_access access;
    struct dr_azure_access secondary;
    const char *queue;
    bool alone; /* secondary=no: the account is known to have no copy elsewhere that counts */
    char paths[STATS][DR_AZURE_BASE_MAX + 128];
    struct dr_azure_call calls[CALLS];
    struct dr_http_reply replies[CALLS];
    struct dr_error errors[CALLS];
    bool ok[CALLS];
    bool wanted[CALLS];
};

static double our_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- what is asked ---- */

static bool read_queue(const struct dr_uri *uri, struct look *look, struct dr_error *error)
{
    const char *secondary = dr_uri_param(uri, "secondary");
    look->queue = uri->path[0] == '/' ? uri->path + 1 : uri->path;
    look->alone = secondary != NULL && strcmp(secondary, "no") == 0;
    if (secondary != NULL && !look->alone && strcmp(secondary, "yes") != 0)
        return dr_error_set(error, DR_ERR_USAGE, "%s: secondary= is yes or no", form.usage);
    return que_azure_is_name(look->queue) ||
           dr_error_set(error, DR_ERR_USAGE,
                        "%s: the name of a queue has 3 to %d lower case letters, digits and single "
                        "hyphens",
                        form.usage, QUE_AZURE_NAME_MAX);
}

static struct dr_azure_call make_call(const struct dr_azure_access *access, const char *path,
                                      const struct dr_azure_pair *query, const char *stage)
{
    return (struct dr_azure_call){.account = access->account,
                                  .base = access->base,
                                  .path = path,
                                  .query = query,
                                  .key = access->key,
                                  .sas = access->sas,
                                  .token = access->token,
                                  .ca_file = access->ca_file,
                                  .proxy = access->proxy,
                                  .body_max = REPLY_MAX,
                                  .stage = stage};
}

/* The path of each request to the queue service, behind the account's. */
static void make_paths(struct look *look)
{
    static const char *const behind[STATS] = {"", "/messages", POISON};
    for (size_t i = 0; i < STATS; i++)
        snprintf(look->paths[i], sizeof look->paths[i], "%s%s%s", look->access.path, look->queue,
                 behind[i]);
}

/* A SAS of one queue opens nothing else: to ask would only fill Azure's logs with refusals. */
static bool is_for_one(const struct dr_azure_access *access)
{
    return access->sas != NULL && !access->sas_of_account;
}

static bool can_have_poison(const struct look *look)
{
    return strlen(look->queue) + strlen(POISON) <= QUE_AZURE_NAME_MAX;
}

static void make_calls(struct look *look)
{
    static const struct dr_azure_pair metadata[] = {{"comp", "metadata"}, {NULL, NULL}};
    static const struct dr_azure_pair peek[] = {
        {"peekonly", "true"}, {"numofmessages", QUE_AZURE_PEEK}, {NULL, NULL}};
    static const struct dr_azure_pair stats[] = {
        {"restype", "service"}, {"comp", "stats"}, {NULL, NULL}};
    const struct dr_azure_access *access = &look->access;
    make_paths(look);
    look->calls[COUNT] = make_call(access, look->paths[COUNT], metadata, "ask for the queue");
    look->calls[COUNT].method = "HEAD";
    look->calls[PEEK] = make_call(access, look->paths[PEEK], peek, "look at the messages");
    look->calls[PEEK].body_max = MESSAGES_MAX;
    look->calls[PEEK].private = true;
    look->calls[POISON_COUNT] =
        make_call(access, look->paths[POISON_COUNT], metadata, "ask for the poison queue");
    look->calls[POISON_COUNT].method = "HEAD";
    look->wanted[STATS] =
        dr_azure_access_secondary(access, &look->secondary) && !is_for_one(access) && !look->alone;
    look->calls[STATS] =
        make_call(&look->secondary, look->secondary.path, stats, "ask for the statistics");
    look->wanted[COUNT] = look->wanted[PEEK] = true;
    look->wanted[POISON_COUNT] = !is_for_one(access) && can_have_poison(look);
}

/* Asks what is wanted, and puts the replies in the places of their calls. */
static bool ask(struct dr_task *task, struct look *look, struct dr_error *error)
{
    struct dr_azure_call calls[CALLS];
    struct dr_http_reply replies[CALLS] = {{.status = 0}};
    struct dr_error errors[CALLS];
    bool ok[CALLS] = {false};
    size_t places[CALLS], count = 0;
    for (size_t i = 0; i < CALLS; i++) {
        if (look->wanted[i]) {
            calls[count] = look->calls[i];
            places[count++] = i;
        }
    }
    struct dr_http *http = dr_http_new(task, error);
    dr_task_stage(task, "ask for the queue");
    bool asked = http != NULL && dr_azure_ask_all(http, calls, replies, errors, ok, count, error);
    for (size_t i = 0; i < count; i++) {
        look->replies[places[i]] = replies[i];
        look->ok[places[i]] = asked && ok[i];
        if (asked && !ok[i])
            look->errors[places[i]] = errors[i];
    }
    dr_http_free(http);
    return asked;
}

/* ---- what came back ---- */

/* Whether the reply is there, and is one to go by: status 200, with a Date. */
static bool is_good(const struct look *look, enum call call, const struct dr_azure_grant *grant,
                    struct dr_error *error)
{
    const struct dr_http_reply *reply = &look->replies[call];
    if (!look->ok[call]) {
        *error = look->errors[call];
        return false;
    }
    if (reply->status != 200)
        return dr_azure_refused(&look->access, grant, reply, our_clock(), error);
    return reply->date.known ||
           dr_azure_unusable(error, "it has no Date, and every age rests on Azure's clock");
}

static bool has_code(const struct look *look, enum call call, const char *wanted)
{
    char code[DR_AZURE_WORD_SIZE];
    if (!look->ok[call] || look->replies[call].status == 200)
        return false;
    dr_azure_refusal_code(&look->replies[call], code);
    return strcmp(code, wanted) == 0;
}

static void take_sas(const struct look *look, struct que_cloud *cloud)
{
    const struct dr_opt_real date = look->replies[COUNT].date;
    if (look->access.sas_expiry.known && look->ok[COUNT] && date.known)
        cloud->sas_left = dr_real(look->access.sas_expiry.value - date.value);
}

/* Where a name has no address for certain; a resolver that does not answer says nothing. */
static bool is_no_name(const char *base)
{
    char host[DR_AZURE_BASE_MAX];
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    snprintf(host, sizeof host, "%s", strstr(base, "://") + 3);
    host[strcspn(host, ":/")] = '\0';
    int failed = getaddrinfo(host, NULL, &hints, &list);
    if (failed == 0)
        freeaddrinfo(list);
    return failed == EAI_NONAME;
}

/* An account without read access to a secondary has no name for it. */
static bool is_without_secondary(const struct look *look)
{
    if (look->ok[STATS])
        return has_code(look, STATS, "FeatureNotSupportedForAccount");
    /* a proxy resolves names itself */
    return look->errors[STATS].class == DR_ERR_RESOLVE && look->access.proxy == NULL &&
           is_no_name(look->secondary.base);
}

static void take_stats(const struct look *look, struct que_cloud *cloud)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    const struct dr_http_reply *reply = &look->replies[STATS];
    cloud->geo_absent = look->alone;
    if (!look->wanted[STATS]) {
        snprintf(cloud->geo_text, sizeof cloud->geo_text, "%s",
                 look->alone ? "not asked for: secondary=no"
                 : is_for_one(&look->access)
                     ? "a SAS of one queue does not open the statistics of the account: make one "
                       "of the account with ss=q, srt=sco and sp=r"
                     : "endpoint= does not name the account, so its secondary is not known");
        return;
    }
    if (is_good(look, STATS, &stats_grant, &error) &&
        que_azure_read_stats(&reply->body, reply->date.value, cloud, &error))
        return;
    cloud->geo_absent = look->ok[COUNT] && is_without_secondary(look);
    snprintf(cloud->geo_text, sizeof cloud->geo_text, "%.*s", (int)sizeof cloud->geo_text - 1,
             error.text);
}

/* Whoever may not look into it does not know what is in there. */
static bool take_poison(struct dr_task *task, const struct look *look, struct que_cloud *cloud,
                        struct dr_error *error)
{
    const struct dr_http_reply *reply = &look->replies[POISON_COUNT];
    if (!can_have_poison(look) || has_code(look, POISON_COUNT, "QueueNotFound")) {
        cloud->poison_there = dr_bool(false);
        return true;
    }
    if (!look->wanted[POISON_COUNT])
        return true;
    if (!is_good(look, POISON_COUNT, &read_grant, error)) {
        if (!look->ok[POISON_COUNT] || (reply->status != 401 && reply->status != 403))
            return dr_error_prefix(error, "the queue %s" POISON, look->queue);
        dr_task_trace(task, 1, "%s" POISON ": %s", look->queue, error->text);
        return true;
    }
    if (!que_azure_read_count(reply, &cloud->poison, error))
        return dr_error_prefix(error, "the queue %s" POISON, look->queue);
    cloud->poison_there = dr_bool(true);
    return true;
}

static bool take_queue(const struct look *look, struct que_facts *facts, struct dr_error *error)
{
    struct que_cloud *cloud = &facts->cloud;
    const struct dr_http_reply *peek = &look->replies[PEEK];
    if (!is_good(look, COUNT, &read_grant, error) ||
        !que_azure_read_count(&look->replies[COUNT], &cloud->count, error) ||
        !is_good(look, PEEK, &read_grant, error) ||
        !que_azure_read_messages(&peek->body, peek->date.value, cloud, error))
        return false;
    facts->roster = que_azure_roster(look->access.account, look->queue, cloud);
    return facts->roster != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool take_all(struct dr_task *task, const struct look *look, struct que_facts *facts,
                     struct dr_error *error)
{
    struct dr_error poison = {.class = DR_ERR_NONE};
    take_sas(look, &facts->cloud);
    take_stats(look, &facts->cloud);
    bool poison_read = take_poison(task, look, &facts->cloud, &poison);
    if (!take_queue(look, facts, error))
        return false;
    if (!poison_read)
        *error = poison;
    return poison_read;
}

/* ---- what -v shows ---- */

#define WORD_SIZE 24

static const char *word_of(struct dr_opt_real value, char word[WORD_SIZE])
{
    if (value.known)
        snprintf(word, WORD_SIZE, "%.0f", value.value);
    return value.known ? word : "unknown";
}

static const char *number_of(struct dr_opt_int value, char word[WORD_SIZE])
{
    return word_of((struct dr_opt_real){.known = value.known, .value = (double)value.value}, word);
}

static void trace(struct dr_task *task, const struct que_cloud *cloud)
{
    char count[WORD_SIZE], peeked[WORD_SIZE], oldest[WORD_SIZE], dequeues[WORD_SIZE];
    char poison[WORD_SIZE], synced[WORD_SIZE], left[WORD_SIZE];
    const char *geo = cloud->geo_status != NULL ? cloud->geo_status
                      : cloud->geo_absent       ? "none"
                                                : "unknown";
    bool no_poison = cloud->poison_there.known && !cloud->poison_there.value;
    dr_task_trace(task, 1,
                  "messages: %s, seen: %s, oldest: %s s, taken: %s times, poison: %s, other "
                  "region: %s, synced: %s s ago, SAS: %s s left",
                  number_of(cloud->count, count), number_of(cloud->peeked, peeked),
                  word_of(cloud->oldest, oldest), number_of(cloud->dequeues, dequeues),
                  no_poison ? "none" : number_of(cloud->poison, poison), geo,
                  word_of(cloud->sync_age, synced), word_of(cloud->sas_left, left));
    if (cloud->geo_status == NULL)
        dr_task_trace(task, 1, "statistics of the secondary: %s", cloud->geo_text);
}

static bool probe_queue(struct dr_task *task, void *data, struct dr_error *error)
{
    struct que_facts *facts = data;
    struct look *look = calloc(1, sizeof *look);
    facts->product = QUE_AZURE_QUEUE;
    if (look == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    bool ok = read_queue(&dr_task_target(task)->uri, look, error) &&
              dr_azure_access_read(task, &form, &look->access, error) &&
              dr_azure_access_identify(task, &look->access, error);
    if (ok) {
        make_calls(look);
        ok = ask(task, look, error) && take_all(task, look, facts, error);
        trace(task, &facts->cloud);
    }
    for (size_t i = 0; i < CALLS; i++)
        dr_http_reply_free(&look->replies[i]);
    dr_azure_access_free(&look->access);
    free(look);
    return ok;
}

extern const struct dr_source DR_SOURCE_SYMBOL(queues, azure);
const struct dr_source DR_SOURCE_SYMBOL(queues, azure) = {
    .abi = DR_SOURCE_ABI,
    .group = "queues",
    .name = "azure",
    .facts_size = sizeof(struct que_facts),
    .library = dr_http_library,
    .probe = probe_queue,
};
