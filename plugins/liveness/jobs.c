/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for what keeps its workers and its schedule in Redis or Valkey: RQ, Sidekiq, RedBeat,
 * and keys that a scheduled task renews. It only reads: what is sent are INFO, SELECT, TIME, SSCAN,
 * HMGET, HGET, HSCAN, GET, PTTL, EXISTS, LLEN, LINDEX, ZRANGE, ZRANGEBYSCORE, ZCARD and ZCOUNT. */
#include "plugins/liveness/jobs.h"

#include "common/client/redis_info.h"
#include "common/module.h"
#include "plugins/liveness/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 6379
#define PREFIX_MAX 100
#define SCAN_ROUNDS 2000
#define SCAN_COUNT "1000"
#define KEY_WORDS 12
/* What LIV_JOBS_MAX workers say of themselves, twice. */
#define RECEIVE_MAX ((size_t)16 * 1024 * 1024)

/* ---- what all parts of it use ---- */

bool liv_jobs_no_memory(struct liv_jobs *probe)
{
    return dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
}

bool liv_jobs_add(struct liv_jobs *probe, const char *command, const char *key, const char *name,
                  const char *const *more)
{
    const char *words[2 + KEY_WORDS] = {command, NULL};
    size_t count = 2;
    char *whole = dr_text_format("%s%s%s", probe->prefix, key, name);
    if (whole == NULL)
        return liv_jobs_no_memory(probe);
    words[1] = whole;
    for (size_t i = 0; more != NULL && more[i] != NULL && i < KEY_WORDS; i++)
        words[count++] = more[i];
    bool ok = dr_redis_add(&probe->redis, count, words);
    free(whole);
    return ok;
}

bool liv_jobs_read_count(struct liv_jobs *probe, const char *command, const redisReply *reply,
                         long long *count)
{
    *count = reply->integer;
    if (reply->type != REDIS_REPLY_INTEGER)
        return dr_redis_fail(&probe->redis, command, reply);
    return *count >= 0 || dr_error_set(probe->error, DR_ERR_PROTOCOL,
                                       "the reply to %s cannot be used: %lld", command, *count);
}

bool liv_jobs_read_text(struct liv_jobs *probe, const char *command, const redisReply *reply,
                        const char **text)
{
    *text = reply->type == REDIS_REPLY_STRING ? reply->str : NULL;
    return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_NIL ||
           dr_redis_fail(&probe->redis, command, reply);
}

bool liv_jobs_read_lowest(struct liv_jobs *probe, const char *command, const redisReply *reply,
                          struct dr_opt_real *score)
{
    *score = (struct dr_opt_real){.known = false};
    if (reply->type != REDIS_REPLY_ARRAY)
        return dr_redis_fail(&probe->redis, command, reply);
    if (reply->elements == 0)
        return true;
    if (reply->elements == 2 && reply->element[1]->type == REDIS_REPLY_STRING)
        *score = liv_jobs_number(reply->element[1]->str);
    return score->known ||
           dr_error_set(probe->error, DR_ERR_PROTOCOL,
                        "the reply to %s cannot be used: no member and its score", command);
}

double liv_jobs_age(const struct liv_jobs *probe, double moment)
{
    return probe->now > moment ? probe->now - moment : 0;
}

/* ---- sets ---- */

void liv_names_free(struct liv_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct liv_names){.items = NULL};
}

static bool add_name(struct liv_jobs *probe, struct liv_names *names, const char *name)
{
    if (names->count == LIV_JOBS_MAX)
        return dr_error_set(probe->error, DR_ERR_PROTOCOL,
                            "more than %d workers or queues: is this the right database?",
                            LIV_JOBS_MAX);
    if (names->count == names->space) {
        size_t space = names->space == 0 ? 16 : 2 * names->space;
        char **more = realloc(names->items, space * sizeof *more);
        if (more == NULL)
            return liv_jobs_no_memory(probe);
        names->items = more;
        names->space = space;
    }
    names->items[names->count] = strdup(name);
    return names->items[names->count++] != NULL || liv_jobs_no_memory(probe);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* SSCAN may name a member twice. */
static void sort_names(struct liv_names *names)
{
    size_t kept = 0;
    if (names->count == 0)
        return;
    qsort(names->items, names->count, sizeof *names->items, compare_names);
    for (size_t i = 0; i < names->count; i++) {
        if (kept > 0 && strcmp(names->items[kept - 1], names->items[i]) == 0)
            free(names->items[i]);
        else
            names->items[kept++] = names->items[i];
    }
    names->count = kept;
}

bool liv_names_have(const struct liv_names *names, const char *name)
{
    return names->count > 0 &&
           bsearch(&name, names->items, names->count, sizeof *names->items, compare_names) != NULL;
}

static bool add_scan(struct liv_jobs *probe, const char *key, const char *cursor)
{
    return liv_jobs_add(probe, "SSCAN", key, "",
                        (const char *const[]){cursor, "COUNT", SCAN_COUNT, NULL});
}

bool liv_jobs_add_scan(struct liv_jobs *probe, const char *key)
{
    return add_scan(probe, key, "0");
}

/* One round of it; cursor is "0" after the last one. */
static bool read_round(struct liv_jobs *probe, const redisReply *reply, struct liv_names *names,
                       char *cursor, size_t size)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING || strlen(reply->element[0]->str) >= size ||
        reply->element[1]->type != REDIS_REPLY_ARRAY)
        return dr_redis_fail(&probe->redis, "SSCAN", reply);
    snprintf(cursor, size, "%s", reply->element[0]->str);
    for (size_t i = 0; i < reply->element[1]->elements; i++) {
        const redisReply *member = reply->element[1]->element[i];
        /* What has a NUL in it, or is longer than any name, is a name of nobody's. */
        if (member->type != REDIS_REPLY_STRING || strlen(member->str) != member->len ||
            member->len >= LIV_JOBS_NAME)
            return dr_error_set(probe->error, DR_ERR_PROTOCOL,
                                "the reply to SSCAN cannot be used: a member that is no name");
        if (!add_name(probe, names, member->str))
            return false;
    }
    return true;
}

bool liv_jobs_read_scan(struct liv_jobs *probe, const char *key, const redisReply *reply,
                        struct liv_names *names)
{
    char cursor[24];
    bool ok = read_round(probe, reply, names, cursor, sizeof cursor);
    for (size_t i = 0; ok && strcmp(cursor, "0") != 0; i++) {
        redisReply *next;
        if (i == SCAN_ROUNDS)
            return dr_error_set(probe->error, DR_ERR_PROTOCOL, "SSCAN comes to no end");
        if (!add_scan(probe, key, cursor) || !dr_redis_talk(&probe->redis, "query", &next, 1))
            return false;
        ok = read_round(probe, next, names, cursor, sizeof cursor);
        freeReplyObject(next);
    }
    sort_names(names);
    return ok;
}

bool liv_jobs_choose_queues(struct liv_jobs *probe, struct liv_names *names)
{
    const struct dr_text_list *wanted = &probe->request->queues;
    if (wanted->count == 0)
        return true;
    liv_names_free(names);
    for (size_t i = 0; i < wanted->count; i++) {
        if (wanted->items[i][0] == '\0' || strlen(wanted->items[i]) >= LIV_JOBS_NAME)
            return dr_error_set(probe->error, DR_ERR_USAGE,
                                "--queue: a name has 1 to %d characters", LIV_JOBS_NAME - 1);
        if (!add_name(probe, names, wanted->items[i]))
            return false;
    }
    sort_names(names);
    return true;
}

/* ---- who takes from which queue ---- */

static bool add_link(struct liv_jobs *probe, const char *queue, size_t size)
{
    if ((probe->link_count & (probe->link_count - 1)) == 0) {
        size_t space = probe->link_count == 0 ? 1 : 2 * probe->link_count;
        struct liv_link *more = realloc(probe->links, space * sizeof *more);
        if (more == NULL)
            return liv_jobs_no_memory(probe);
        probe->links = more;
    }
    char *copy = strndup(queue, size);
    if (copy == NULL)
        return liv_jobs_no_memory(probe);
    probe->links[probe->link_count++] =
        (struct liv_link){.queue = copy, .hand = probe->hand_count - 1};
    return true;
}

bool liv_jobs_link(struct liv_jobs *probe, const struct liv_hand *hand, const char *queues,
                   char separator)
{
    const char end[2] = {separator, '\0'};
    if ((probe->hand_count & (probe->hand_count - 1)) == 0) {
        size_t space = probe->hand_count == 0 ? 1 : 2 * probe->hand_count;
        struct liv_hand *more = realloc(probe->hands, space * sizeof *more);
        if (more == NULL)
            return liv_jobs_no_memory(probe);
        probe->hands = more;
    }
    probe->hands[probe->hand_count++] = *hand;
    while (*queues != '\0') {
        size_t size = strcspn(queues, end);
        if (size > 0 && !add_link(probe, queues, size))
            return false;
        queues += size + (queues[size] != '\0' ? 1 : 0);
    }
    return true;
}

static int compare_links(const void *left, const void *right)
{
    return strcmp(((const struct liv_link *)left)->queue, ((const struct liv_link *)right)->queue);
}

void liv_jobs_sort_links(struct liv_jobs *probe)
{
    if (probe->link_count > 1)
        qsort(probe->links, probe->link_count, sizeof *probe->links, compare_links);
}

/* The first link of a queue; link_count where there is none. */
static size_t first_link(const struct liv_jobs *probe, const char *queue)
{
    size_t low = 0;
    size_t high = probe->link_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(probe->links[middle].queue, queue) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_link(const struct liv_jobs *probe, size_t i, const char *queue)
{
    return i < probe->link_count && strcmp(probe->links[i].queue, queue) == 0;
}

struct liv_served liv_jobs_served(const struct liv_jobs *probe, const char *queue)
{
    struct liv_served served = {.takers = 0};
    for (size_t i = first_link(probe, queue); is_link(probe, i, queue); i++) {
        const struct liv_hand *hand = &probe->hands[probe->links[i].hand];
        served.takers += hand->alive && hand->takes;
        served.resting += hand->alive && !hand->takes;
        served.idle += hand->alive && hand->takes && hand->idle;
        served.done += hand->done;
    }
    return served;
}

void liv_jobs_blame(struct liv_jobs *probe, const char *queue, double age)
{
    for (size_t i = first_link(probe, queue); is_link(probe, i, queue); i++) {
        struct liv_hand *hand = &probe->hands[probe->links[i].hand];
        if (!hand->alive || !hand->takes || !hand->idle)
            continue;
        hand->idle = false; /* once is enough */
        liv_facts_sign(probe->facts, &probe->facts->units[hand->unit], LIV_W_IDLE_HANDS,
                       "it says that it is idle, while a task in %s waits for %.0f s", queue, age);
    }
}

void liv_jobs_nobody(struct liv_jobs *probe, bool known_here, const char *what)
{
    struct liv_unit *unit = liv_facts_add(probe->facts, LIV_WORKER, "workers", NULL);
    if (unit != NULL)
        unit->wanted = unit->alive = dr_int(0);
    if (known_here)
        liv_facts_sign(probe->facts, unit, LIV_W_NONE, "none is registered");
    else
        liv_facts_sign(probe->facts, unit, LIV_ABSENT,
                       "no worker has registered, and there is nothing else of %s in db%s%s%s "
                       "either",
                       what, probe->db, *probe->prefix != '\0' ? " below " : "", probe->prefix);
}

/* ---- the server ---- */

enum { INFO, SELECTED, TIME };

bool liv_jobs_add_basics(struct liv_jobs *probe)
{
    const struct dr_target *target = dr_task_target(probe->task);
    return dr_redis_log_in(&probe->redis, target->uri.user, target->password) &&
           LIV_JOBS_ADD(probe, "INFO") && LIV_JOBS_ADD(probe, "SELECT", probe->db) &&
           LIV_JOBS_ADD(probe, "TIME");
}

static bool read_time(struct liv_jobs *probe, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return dr_redis_fail(&probe->redis, "TIME", reply);
    struct dr_opt_int seconds = dr_redis_number(reply->element[0]->str);
    struct dr_opt_int micro = dr_redis_number(reply->element[1]->str);
    if (!seconds.known || !micro.known)
        return dr_error_set(probe->error, DR_ERR_PROTOCOL, "the reply to TIME cannot be used");
    probe->now = (double)seconds.value + (double)micro.value * 1e-6;
    return true;
}

static bool is(const struct dr_redis_info *info, enum dr_redis_key key, const char *word)
{
    return info->values[key] != NULL && strcmp(info->values[key], word) == 0;
}

/* What a replica has is what its primary had: where it has lost it, ages are those of the link. */
static bool check_role(struct liv_jobs *probe, const struct dr_redis_info *info)
{
    const char *mode = dr_redis_mode(info);
    if (mode != NULL && strcmp(mode, "sentinel") == 0)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "this is a Sentinel: give the Redis server itself");
    if (is(info, DR_REDIS_ROLE, "master"))
        return true;
    if (!is(info, DR_REDIS_ROLE, "slave"))
        return dr_error_set(probe->error, DR_ERR_PROTOCOL,
                            "the reply to INFO cannot be used: no usable role");
    return is(info, DR_REDIS_MASTER_LINK_STATUS, "up") ||
           dr_error_set(probe->error, DR_ERR_PROTOCOL,
                        "a replica that has lost its primary: what it knows is of the past");
}

static bool note_server(struct liv_jobs *probe, const struct dr_redis_info *info)
{
    const char *valkey = info->values[DR_REDIS_VALKEY_VERSION];
    const char *version = valkey != NULL ? valkey : info->values[DR_REDIS_VERSION];
    const char *host = info->values[DR_REDIS_MASTER_HOST];
    if (version == NULL)
        return dr_error_set(probe->error, DR_ERR_PROTOCOL,
                            "the reply to INFO cannot be used: no usable redis_version");
    bool replica = is(info, DR_REDIS_ROLE, "slave");
    char *what = dr_text_format("%s %s%s%s", valkey != NULL ? "Valkey" : "Redis", version,
                                replica ? ", replica of " : "",
                                !replica       ? ""
                                : host != NULL ? host
                                               : "?");
    if (what == NULL)
        return liv_jobs_no_memory(probe);
    liv_facts_text(probe->facts, &probe->facts->what, what);
    dr_task_trace(probe->task, 1, "%s", what);
    free(what);
    return true;
}

bool liv_jobs_read_basics(struct liv_jobs *probe, redisReply **replies)
{
    struct dr_redis_info info = {.text = NULL};
    if (replies[INFO]->type != REDIS_REPLY_STRING)
        return dr_redis_fail(&probe->redis, "INFO", replies[INFO]);
    bool ok = (dr_redis_info_read(&info, replies[INFO]->str) || liv_jobs_no_memory(probe)) &&
              check_role(probe, &info) && note_server(probe, &info) &&
              read_time(probe, replies[TIME]);
    dr_redis_info_free(&info);
    return ok && (replies[SELECTED]->type == REDIS_REPLY_STATUS ||
                  dr_redis_fail(&probe->redis, "SELECT", replies[SELECTED]));
}

/* ---- looking ---- */

static void forget_links(struct liv_jobs *probe)
{
    for (size_t i = 0; i < probe->link_count; i++)
        free(probe->links[i].queue);
    free(probe->links);
    free(probe->hands);
    probe->links = NULL;
    probe->hands = NULL;
    probe->link_count = probe->hand_count = 0;
}

static bool look_once(void *context, struct liv_facts *facts)
{
    struct liv_jobs *probe = context;
    probe->facts = facts;
    bool ok = probe->store->look(probe);
    forget_links(probe);
    return ok;
}

/* ---- the source ---- */

static const struct liv_store stores[] = {
    {"rq", LIV_RQ, "rq:",
     "+info +select +time +sscan +exists +hmget +hget +pttl +llen +lindex +zrange +zcard "
     "+zcount",
     liv_rq_look},
    {"sidekiq", LIV_SIDEKIQ, "",
     "+info +select +time +sscan +get +hmget +hscan +pttl +llen +lindex +zrange", liv_sidekiq_look},
    {"redbeat", LIV_REDBEAT, "redbeat:", "+info +select +time +zcard +zrangebyscore +pttl +hget",
     liv_redbeat_look},
    {"canary", LIV_CANARY, "", "+info +select +time +get", liv_canary_look},
};

static const struct liv_store *store_of(const struct dr_uri *uri)
{
    size_t length = strcspn(uri->scheme, "+");
    for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++) {
        if (strlen(stores[i].scheme) == length &&
            strncmp(stores[i].scheme, uri->scheme, length) == 0)
            return &stores[i];
    }
    return NULL;
}

static bool take_db(struct liv_jobs *probe, const struct dr_uri *uri, bool socket)
{
    const char *param = dr_uri_param(uri, "db");
    const char *text = socket ? param : *uri->path == '/' ? uri->path + 1 : NULL;
    if (!socket && param != NULL)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "db is for Unix sockets: the database is the path, HOST/%.8s", param);
    if (text == NULL || *text == '\0')
        text = "0";
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 8)
        return dr_error_set(probe->error, DR_ERR_USAGE, "\"%.60s\" is no number of a database",
                            text);
    snprintf(probe->db, sizeof probe->db, "%s", text);
    return true;
}

static bool check_uri(struct liv_jobs *probe)
{
    static const char *const known[] = {"cacert", "cert", "key", "insecure", "prefix", "db", NULL};
    static const char *const of_redbeat[] = {"cacert", "cert", "key",  "insecure",
                                             "prefix", "db",   "lock", NULL};
    const struct dr_uri *uri = &dr_task_target(probe->task)->uri;
    bool socket = strstr(uri->scheme, "+unix") != NULL;
    const char *prefix = dr_uri_param(uri, "prefix");
    if (!dr_uri_has_only(uri, probe->store->product == LIV_REDBEAT ? of_redbeat : known,
                         probe->error))
        return false;
    if (socket != (uri->host_count == 0))
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            socket ? "the path of a Unix socket has no host before it: "
                                     "SCHEME+redis+unix:///PATH"
                                   : "no host in the URI");
    if (uri->host_count > 1)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "one server for each target: give the others by --target of their own");
    probe->prefix = prefix != NULL ? prefix : probe->store->prefix;
    if (strlen(probe->prefix) > PREFIX_MAX)
        return dr_error_set(probe->error, DR_ERR_USAGE, "prefix: longer than %d characters",
                            PREFIX_MAX);
    return take_db(probe, uri, socket);
}

static bool check_request(struct liv_jobs *probe)
{
    if (probe->store->product != LIV_CANARY)
        return true;
    if (probe->request->keys.count == 0)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "say by --canary which keys are renewed: --canary beat:canary");
    return probe->request->heartbeat > 0 ||
           dr_error_set(probe->error, DR_ERR_USAGE,
                        "say by --heartbeat how old a canary may be: --heartbeat 2m");
}

static bool ask(struct liv_jobs *probe)
{
    const char *user = dr_task_target(probe->task)->uri.user;
    snprintf(probe->grant, sizeof probe->grant, "it: ACL SETUSER %.60s ~%s* %s",
             user != NULL && *user != '\0' ? user : "default", probe->prefix, probe->store->grant);
    probe->redis.grant = probe->grant;
    probe->redis.receive_max = RECEIVE_MAX;
    probe->redis.discreet = true;
    return dr_redis_open(&probe->redis, PORT) &&
           liv_watch(probe->task, probe->facts, look_once, probe, probe->error);
}

static bool probe_target(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct liv_jobs probe = {.task = task,
                             .request = dr_task_request(task),
                             .facts = facts,
                             .error = error,
                             .store = store_of(&dr_task_target(task)->uri),
                             .redis.stream = {.task = task, .error = error}};
    if (probe.store == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "this source knows nothing of %s://",
                            dr_task_target(task)->uri.scheme);
    probe.facts->product = probe.store->product;
    bool ok = check_uri(&probe) && check_request(&probe) && ask(&probe);
    dr_redis_close(&probe.redis);
    if (!ok) { /* half a list is none */
        liv_facts_free(facts);
        ((struct liv_facts *)facts)->product = probe.store->product;
    }
    return ok;
}

static const char *library(void)
{
    static char text[32];
    snprintf(text, sizeof text, "hiredis %d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return text;
}

extern const struct dr_source DR_SOURCE_SYMBOL(liveness, jobs);
const struct dr_source DR_SOURCE_SYMBOL(liveness, jobs) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "jobs",
    .facts_size = sizeof(struct liv_facts),
    .library = library,
    .probe = probe_target,
};

#if defined DR_STATIC_SOURCES && defined DR_STREAM_TLS
/* As modules the two are files of their own: only TLS costs the loading of its library. */
extern const struct dr_source DR_SOURCE_SYMBOL(liveness, jobss);
const struct dr_source DR_SOURCE_SYMBOL(liveness, jobss) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "jobss",
    .facts_size = sizeof(struct liv_facts),
    .library = library,
    .probe = probe_target,
};
#endif
