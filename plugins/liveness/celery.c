/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for Celery's workers behind Redis or Valkey.
 *
 * It asks them through remote control, as "celery inspect" does, and this is all that it writes: it
 * binds a list of its own for the replies, publishes the questions, and takes both away again. What
 * else is sent only reads: INFO, TIME, SELECT, CLIENT LIST, SCAN, SMEMBERS, LLEN, LINDEX,
 * ZRANGE, HSTRLEN, HGET. */
#include "plugins/liveness/celery_ask.h"
#include "plugins/liveness/celery_stop.h"

#include "common/client/json_read.h"
#include "common/client/redis_info.h"
#include "common/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PORT 6379
#define RECEIVED_MAX ((size_t)16 * 1024 * 1024)
/* Of the time, what is kept for taking back what was written, and for the queues. */
#define RESERVE_SHARE 0.3
/* Replies that are taken at once. */
#define BATCH 64
/* What an earlier run has left is removed when no run can still be at work with it. */
#define LEFTOVER_SECONDS 3600
#define BODY_MAX (512 * 1024)
/* It is waited for so long at a time. */
#define SLICE_SECONDS 0.25
#define SETTLE_SECONDS 0.5
/* Tasks that are asked for by name. */
#define HELD_MAX 100

static const struct dr_uri *uri_of(const struct liv_celery *probe)
{
    return &dr_task_target(probe->task)->uri;
}

/* ---- what all parts of it use ---- */

bool liv_celery_no_memory(struct liv_celery *probe)
{
    return dr_error_set(probe->error, DR_ERR_INTERNAL, "out of memory");
}

static double wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- names ---- */

static char *binding_key(const struct liv_celery *probe, const char *exchange)
{
    return dr_text_format("%s" DR_KOMBU_BINDING "%s", probe->names.prefix, exchange);
}

static char *list_name(const struct liv_celery *probe, const char *oid)
{
    return dr_text_format("%s.%s", oid, probe->exchanges.reply);
}

static char *list_key(const struct liv_celery *probe)
{
    return dr_text_format("%s%s.%s", probe->names.prefix, probe->us.oid, probe->exchanges.reply);
}

/* The member of the binding: routing key, pattern, queue. */
static char *member_of(const struct liv_celery *probe, const char *oid)
{
    return dr_text_format("%s%s%s%s.%s", oid, probe->names.sep, probe->names.sep, oid,
                          probe->exchanges.reply);
}

/* ---- the server ---- */

enum { SELECTED, INFO, TIME, ROSTER, LEFTOVERS, BOUND, BASICS };

static bool add_binding(struct liv_celery *probe, const char *command, const char *oid)
{
    char *member = member_of(probe, oid);
    bool ok = member != NULL || liv_celery_no_memory(probe);
    ok = ok && dr_kombu_add(&probe->redis, command, binding_key(probe, probe->exchanges.reply),
                            member, NULL);
    free(member);
    return ok;
}

static bool read_time(struct liv_celery *probe, const redisReply *reply, double *now)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return dr_redis_fail(&probe->redis, "TIME", reply);
    struct dr_opt_int seconds = dr_redis_number(reply->element[0]->str);
    struct dr_opt_int micro = dr_redis_number(reply->element[1]->str);
    if (!seconds.known || !micro.known)
        return dr_error_set(probe->error, DR_ERR_PROTOCOL, "the reply to TIME cannot be used");
    *now = (double)seconds.value + (double)micro.value * 1e-6;
    return true;
}

static bool name_server(struct liv_celery *probe, const struct dr_redis_info *info)
{
    const char *valkey = info->values[DR_REDIS_VALKEY_VERSION];
    const char *version = info->values[DR_REDIS_VERSION];
    char what[60];
    if (version == NULL)
        return dr_error_set(probe->error, DR_ERR_PROTOCOL,
                            "the reply to INFO cannot be used: no redis_version");
    probe->fractions = strtol(version, NULL, 10) >= 6;
    snprintf(what, sizeof what, "Celery on %s %.30s", valkey != NULL ? "Valkey" : "Redis",
             valkey != NULL ? valkey : version);
    liv_facts_text(probe->facts, &probe->facts->what, what);
    return true;
}

static bool check_role(struct liv_celery *probe, const struct dr_redis_info *info)
{
    const char *role = info->values[DR_REDIS_ROLE];
    const char *mode = dr_redis_mode(info);
    if (mode != NULL && strcmp(mode, "sentinel") == 0)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "this is a Sentinel: give the Redis server itself");
    if (role != NULL && strcmp(role, "slave") == 0)
        return dr_error_set(
            probe->error, DR_ERR_USAGE,
            "this is a replica of %.60s, port %.8s: nobody can be asked through it; "
            "give the primary",
            info->values[DR_REDIS_MASTER_HOST] != NULL ? info->values[DR_REDIS_MASTER_HOST] : "?",
            info->values[DR_REDIS_MASTER_PORT] != NULL ? info->values[DR_REDIS_MASTER_PORT] : "?");
    return (role != NULL && strcmp(role, "master") == 0) ||
           dr_error_set(probe->error, DR_ERR_PROTOCOL,
                        "the reply to INFO cannot be used: no usable role");
}

static bool read_info(struct liv_celery *probe, const redisReply *reply)
{
    struct dr_redis_info info = {.text = NULL};
    if (reply->type != REDIS_REPLY_STRING)
        return dr_redis_fail(&probe->redis, "INFO", reply);
    bool ok = (dr_redis_info_read(&info, reply->str) || liv_celery_no_memory(probe)) &&
              check_role(probe, &info) && name_server(probe, &info);
    dr_redis_info_free(&info);
    return ok;
}

/* The last field of a member: the queue that is bound. */
static const char *queue_of(const struct liv_celery *probe, const char *member)
{
    for (int field = 0; field < 2; field++) {
        member = strstr(member, probe->names.sep);
        if (member == NULL)
            return "";
        member += strlen(probe->names.sep);
    }
    return member;
}

/* Every worker binds "NAME@HOST.celery.pidbox", and takes that back when it is stopped. */
static bool read_roster(struct liv_celery *probe, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return dr_redis_fail(&probe->redis, "SMEMBERS", reply);
    char end[100];
    snprintf(end, sizeof end, ".%s", probe->exchanges.control);
    for (size_t i = 0; i < reply->elements; i++) {
        const char *queue =
            reply->element[i]->str != NULL ? queue_of(probe, reply->element[i]->str) : "";
        size_t length = strlen(queue);
        size_t tail = strlen(end);
        if (length <= tail || length - tail > LIV_CELERY_NAME_MAX ||
            strcmp(queue + length - tail, end) != 0)
            continue;
        char name[LIV_CELERY_NAME_MAX + 1];
        snprintf(name, sizeof name, "%.*s", (int)(length - tail), queue);
        liv_celery_add_known(&probe->seen, name);
    }
    probe->seen.roster_known = true;
    return true;
}

/* Takes back what a run that was killed has left: its binding, and replies that came late. */
static bool remove_leftover(struct liv_celery *probe, const char *oid)
{
    redisReply *replies[2];
    char *list = list_name(probe, oid);
    bool ok = list != NULL || liv_celery_no_memory(probe);
    ok = ok && add_binding(probe, "SREM", oid) &&
         dr_kombu_add(&probe->redis, "DEL", dr_kombu_key(&probe->names, list), NULL, NULL);
    free(list);
    if (!ok || !dr_redis_talk(&probe->redis, "take back what an earlier run left", replies, 2))
        return false;
    dr_redis_free_replies(replies, 2);
    dr_task_trace(probe->task, 1, "taken back what an earlier run left: %s", oid);
    return true;
}

static bool remove_leftovers(struct liv_celery *probe, const redisReply *reply)
{
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const char *member = reply->element[i]->str != NULL ? reply->element[i]->str : "";
        struct dr_opt_int made = liv_celery_made_at(member);
        const char *end = strstr(member, probe->names.sep);
        if (!made.known || end == NULL || end - member >= (ptrdiff_t)sizeof probe->us.oid ||
            (double)made.value > probe->now - LEFTOVER_SECONDS)
            continue;
        char oid[sizeof probe->us.oid];
        snprintf(oid, sizeof oid, "%.*s", (int)(end - member), member);
        if (!remove_leftover(probe, oid))
            return false;
    }
    return true;
}

static bool read_basics(struct liv_celery *probe, redisReply **replies)
{
    probe->told_at = dr_monotonic();
    if (!read_info(probe, replies[INFO]) || !read_time(probe, replies[TIME], &probe->now))
        return false;
    if (replies[SELECTED]->type != REDIS_REPLY_STATUS)
        return dr_redis_fail(&probe->redis, "SELECT", replies[SELECTED]);
    if (replies[BOUND]->type != REDIS_REPLY_INTEGER)
        return dr_redis_fail(&probe->redis, "SADD", replies[BOUND]);
    return read_roster(probe, replies[ROSTER]) && remove_leftovers(probe, replies[LEFTOVERS]);
}

static bool look_at_server(struct liv_celery *probe)
{
    redisReply *replies[BASICS];
    const struct dr_target *target = dr_task_target(probe->task);
    if (!dr_redis_log_in(&probe->redis, target->uri.user, target->password) ||
        !LIV_CELERY_ADD(probe, "SELECT", probe->db) || !LIV_CELERY_ADD(probe, "INFO") ||
        !LIV_CELERY_ADD(probe, "TIME") ||
        !dr_kombu_add(&probe->redis, "SMEMBERS", binding_key(probe, probe->exchanges.control), NULL,
                      NULL) ||
        !dr_kombu_add(&probe->redis, "SMEMBERS", binding_key(probe, probe->exchanges.reply), NULL,
                      NULL) ||
        !add_binding(probe, "SADD", probe->us.oid))
        return false;
    probe->bound = true;
    liv_celery_hold();
    if (!dr_redis_talk(&probe->redis, "query", replies, BASICS))
        return false;
    bool ok = read_basics(probe, replies);
    dr_redis_free_replies(replies, BASICS);
    return ok;
}

/* ---- questions ---- */

/* A message as kombu writes it: what it carries is in base64. */
static bool add_question(struct liv_celery *probe, enum liv_celery_method method, const char *ids)
{
    struct dr_buffer body = DR_BUFFER(BODY_MAX);
    struct dr_buffer message = DR_BUFFER(BODY_MAX);
    bool ok = liv_celery_write(method, &probe->exchanges, &probe->us, ids, &body) &&
              dr_buffer_add(&message, "{\"body\": \"") &&
              dr_kombu_encode(dr_buffer_text(&body), &message);
    dr_buffer_addf(&message,
                   "\", \"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", "
                   "\"headers\": {\"clock\": 1, \"expires\": %.3f}, \"properties\": "
                   "{\"delivery_mode\": 2, \"delivery_info\": {\"exchange\": \"%s\", "
                   "\"routing_key\": \"\"}, \"priority\": 0, \"body_encoding\": \"base64\", "
                   "\"delivery_tag\": \"%s\"}}",
                   probe->now + dr_task_left(probe->task), probe->exchanges.control,
                   probe->us.tickets[method]);
    ok = ok && !message.cut &&
         LIV_CELERY_ADD(probe, "PUBLISH", probe->channel, dr_buffer_text(&message));
    dr_buffer_free(&body);
    dr_buffer_free(&message);
    return ok || liv_celery_no_memory(probe);
}

/* The reply to PUBLISH is how many have heard it. */
static bool publish(struct liv_celery *probe, struct liv_celery_look *look)
{
    redisReply *replies[LIV_CELERY_METHODS];
    for (int i = 0; i < LIV_CELERY_METHODS; i++) {
        if (!add_question(probe, (enum liv_celery_method)i, NULL))
            return false;
    }
    probe->asked_at = dr_monotonic();
    if (!dr_redis_talk(&probe->redis, "ask the workers", replies, LIV_CELERY_METHODS))
        return false;
    bool ok = true;
    for (int i = 0; ok && i < LIV_CELERY_METHODS; i++)
        ok = replies[i]->type == REDIS_REPLY_INTEGER && replies[i]->integer >= 0
                 ? true
                 : dr_redis_fail(&probe->redis, "PUBLISH", replies[i]);
    if (ok)
        look->listeners = dr_int(replies[LIV_CELERY_PING]->integer);
    dr_redis_free_replies(replies, LIV_CELERY_METHODS);
    return ok;
}

/* ---- answers ---- */

/* What is wanted of the message around an answer. */
struct wrapper {
    char ticket[64];
    char encoding[16];
    const char *body; /* as it was written, with its quotes */
    size_t size;
};

static void read_text_of(struct dr_json *reader, const char *wanted, char *text, size_t size)
{
    char name[20];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, wanted) == 0)
            dr_json_text(reader, text, size);
        else
            dr_json_skip(reader);
    }
}

static bool read_wrapper(const char *text, struct wrapper *wrapper, struct dr_error *error)
{
    char name[20];
    struct dr_json reader = dr_json_start(text);
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, name, sizeof name)) {
            if (strcmp(name, "headers") == 0)
                read_text_of(&reader, "ticket", wrapper->ticket, sizeof wrapper->ticket);
            else if (strcmp(name, "properties") == 0)
                read_text_of(&reader, "body_encoding", wrapper->encoding, sizeof wrapper->encoding);
            else if (strcmp(name, "body") == 0)
                dr_json_raw(&reader, &wrapper->body, &wrapper->size);
            else
                dr_json_skip(&reader);
        }
    }
    if (!dr_json_end(&reader, error))
        return dr_error_prefix(error, "the reply of a worker cannot be used");
    return (wrapper->body != NULL && strcmp(wrapper->encoding, "base64") == 0) ||
           dr_error_set(error, DR_ERR_PROTOCOL,
                        "the reply of a worker cannot be used: no body in base64");
}

static bool read_body(const struct wrapper *wrapper, struct dr_buffer *body, struct dr_error *error)
{
    char *text = wrapper->size >= 2 ? strndup(wrapper->body + 1, wrapper->size - 2) : NULL;
    bool ok = text != NULL && dr_kombu_decode(text, body);
    free(text);
    return ok || dr_error_set(error, DR_ERR_PROTOCOL,
                              "the reply of a worker cannot be used: its body is no base64");
}

/* One that cannot be read is the fault of whoever sent it: the others count nevertheless, and it is
 * a worker that did not answer. */
static void take_answer(struct liv_celery *probe, struct liv_celery_look *look, const char *text)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    struct wrapper wrapper = {.body = NULL};
    struct dr_buffer body = DR_BUFFER(4 * BODY_MAX);
    enum liv_celery_method method;
    bool ok = read_wrapper(text, &wrapper, &error);
    if (ok && !liv_celery_method_of(&probe->us, wrapper.ticket, &method))
        ok = dr_error_set(&error, DR_ERR_PROTOCOL, "a reply to something else");
    ok = ok && read_body(&wrapper, &body, &error) &&
         liv_celery_read_reply(&look->fleet, method, dr_buffer_text(&body),
                               dr_monotonic() - probe->asked_at, &error);
    if (ok)
        dr_task_trace(probe->task, 3, "reply: %s", dr_buffer_text(&body));
    else
        dr_task_trace(probe->task, 1, "%s", error.text);
    dr_buffer_free(&body);
}

/* Waits for a reply until `until`, and takes those that are there by then, `more` at most. */
static bool receive(struct liv_celery *probe, struct liv_celery_look *look, double until,
                    size_t more)
{
    redisReply *replies[BATCH];
    size_t count = 1 + (more < BATCH - 1 ? more : BATCH - 1);
    char seconds[32];
    double left = until - dr_monotonic();
    if (liv_celery_is_stopped())
        return dr_error_set(probe->error, DR_ERR_INTERNAL, "stopped by a signal");
    if (left > SLICE_SECONDS) /* to see that */
        left = SLICE_SECONDS;
    /* Before 6.0 whole seconds are known only, and 0 is for ever. */
    snprintf(seconds, sizeof seconds, probe->fractions ? "%.3f" : "%.0f",
             probe->fractions && left > 0.01 ? left
             : probe->fractions              ? 0.01
                                             : 1.0);
    char *list = list_key(probe);
    bool ok = list != NULL || liv_celery_no_memory(probe);
    ok = ok && LIV_CELERY_ADD(probe, "BRPOP", list, seconds);
    for (size_t i = 1; ok && i < count; i++)
        ok = LIV_CELERY_ADD(probe, "RPOP", list);
    free(list);
    if (!ok || !dr_redis_talk(&probe->redis, "wait for the workers", replies, count))
        return false;
    const redisReply *first = replies[0];
    if (first->type == REDIS_REPLY_ERROR)
        ok = dr_redis_fail(&probe->redis, "BRPOP", first);
    else if (first->type == REDIS_REPLY_ARRAY && first->elements == 2 &&
             first->element[1]->type == REDIS_REPLY_STRING)
        take_answer(probe, look, first->element[1]->str);
    for (size_t i = 1; ok && i < count; i++) {
        if (replies[i]->type == REDIS_REPLY_ERROR)
            ok = dr_redis_fail(&probe->redis, "RPOP", replies[i]);
        else if (replies[i]->type == REDIS_REPLY_STRING)
            take_answer(probe, look, replies[i]->str);
    }
    dr_redis_free_replies(replies, count);
    return ok;
}

/* How many answers are still to come. */
static size_t count_wanted(const struct liv_celery_look *look)
{
    size_t wanted = 0;
    for (int i = 0; i < LIV_CELERY_METHODS; i++) {
        int64_t missing = look->listeners.value - look->fleet.answers[i];
        wanted += missing > 0 ? (size_t)missing : 0;
    }
    return wanted;
}

static bool collect(struct liv_celery *probe, struct liv_celery_look *look, double until)
{
    size_t wanted = count_wanted(look);
    double started = dr_monotonic();
    for (; wanted > 0 && dr_monotonic() < until; wanted = count_wanted(look)) {
        if (!receive(probe, look, until, wanted - 1))
            return false;
    }
    probe->seen.patience = dr_monotonic() - started;
    dr_task_trace(probe->task, 1,
                  "%lld listeners, %u answers to the ping after %.1f ms, %zu missing",
                  (long long)look->listeners.value, look->fleet.answers[LIV_CELERY_PING],
                  probe->seen.patience * 1000, wanted);
    return true;
}

/* Takes back what was written: first the binding, so that who answers late finds no list any more,
 * a round trip later the list, with what was sent in between. */
static void clean_up(struct liv_celery *probe)
{
    struct dr_error ignored = {.class = DR_ERR_NONE};
    redisReply *reply;
    if (!probe->redis.stream.open)
        return;
    probe->redis.stream.error = &ignored;
    probe->error = &ignored;
    if (add_binding(probe, "SREM", probe->us.oid) &&
        dr_redis_talk(&probe->redis, "take back the binding", &reply, 1))
        freeReplyObject(reply);
    if (dr_kombu_add(&probe->redis, "DEL", list_key(probe), NULL, NULL) &&
        dr_redis_talk(&probe->redis, "take back the list", &reply, 1))
        freeReplyObject(reply);
}

/* Which of the tasks that nobody runs are in the hands of those who answer: they have taken more
 * than they run. The rest is with those who are silent. */
static bool ask_who_holds(struct liv_celery *probe, struct liv_celery_look *look, double until)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
    struct dr_buffer ids = DR_BUFFER(HELD_MAX * (DR_KOMBU_NAME_MAX + 4));
    redisReply *reply;
    size_t asked = 0;
    for (size_t i = 0; i < look->held_count && asked < HELD_MAX; i++) {
        const char *id = look->held[i].id;
        if (*id == '\0' || strspn(id, plain) != strlen(id))
            continue;
        dr_buffer_addf(&ids, "%s\"%s\"", asked++ > 0 ? ", " : "", id);
    }
    bool ok = add_question(probe, LIV_CELERY_QUERY, dr_buffer_text(&ids)) &&
              dr_redis_talk(&probe->redis, "ask who has the tasks", &reply, 1);
    dr_buffer_free(&ids);
    if (!ok)
        return false;
    freeReplyObject(reply);
    while (look->fleet.answers[LIV_CELERY_QUERY] < look->fleet.answers[LIV_CELERY_PING] &&
           dr_monotonic() < until) {
        if (!receive(probe, look, until, look->fleet.answers[LIV_CELERY_PING]))
            return false;
    }
    return true;
}

/* ---- the source ---- */

/* Waits, and takes answers that come late. */
static bool pause_for(struct liv_celery *probe, double seconds)
{
    double until = dr_monotonic() + seconds;
    while (dr_monotonic() < until) {
        if (!receive(probe, &probe->seen.look, until, 0))
            return false;
    }
    return true;
}

/* A worker that is starting is known by name a moment before it listens: who is missing is asked
 * for once more. */
static bool ask_workers(struct liv_celery *probe, struct liv_celery_look *look, double until)
{
    if (!publish(probe, look) || !collect(probe, look, until))
        return false;
    if (!liv_celery_misses(&probe->seen) || dr_monotonic() + 2 * SETTLE_SECONDS > until)
        return true;
    if (!pause_for(probe, SETTLE_SECONDS))
        return false;
    liv_celery_fleet_free(&look->fleet);
    liv_celery_ask_anew(&probe->us);
    return publish(probe, look) && collect(probe, look, until);
}

/* One look takes at most a share of the time that is left, without what --watch waits. */
static bool look(struct liv_celery *probe, struct liv_celery_look *look, double share)
{
    double budget = (dr_task_left(probe->task) - probe->watch) * (1 - RESERVE_SHARE) * share;
    double until = dr_monotonic() + budget;
    look->at = wall_clock();
    look->now = probe->now + (dr_monotonic() - probe->told_at);
    probe->redis.discreet = true;
    return ask_workers(probe, look, until) && liv_celery_look_at_queues(probe, look) &&
           (!liv_celery_is_puzzling(&probe->seen) ||
            ask_who_holds(probe, look, dr_monotonic() + budget / 4));
}

static bool look_twice(struct liv_celery *probe)
{
    struct liv_celery_seen *seen = &probe->seen;
    if (!look(probe, &seen->look, 0.5) || !pause_for(probe, probe->watch))
        return false;
    seen->earlier = seen->look;
    seen->look = (struct liv_celery_look){.at = 0};
    seen->twice = true;
    probe->watch = 0;
    liv_celery_ask_anew(&probe->us);
    return look(probe, &seen->look, 1);
}

static bool ask(struct liv_celery *probe)
{
    const char *user = uri_of(probe)->user;
    snprintf(probe->grant, sizeof probe->grant,
             "it: ACL SETUSER %.60s ~* '&*.pidbox' (from 6.2 on) +info +select +time +scan "
             "+smembers +sadd +srem "
             "+del +publish +brpop +rpop +llen +lindex +zrange +hstrlen +hget '+client|list'",
             user != NULL && *user != '\0' ? user : "default");
    if (probe->watch > 0 && dr_task_left(probe->task) < probe->watch + 1)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "--watch leaves no time: raise --timeout to more than %.0f s",
                            probe->watch + 2);
    if (!dr_redis_open(&probe->redis, PORT) || !look_at_server(probe))
        return false;
    return probe->watch > 0 ? look_twice(probe) : look(probe, &probe->seen.look, 1);
}

static bool take_db(struct liv_celery *probe, bool socket)
{
    const struct dr_uri *uri = uri_of(probe);
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

/* The channel of the control exchange. fanout_prefix goes by the name of kombu's option: yes, no,
 * or a text in which {db} is the database. */
static bool take_channel(struct liv_celery *probe)
{
    const char *text = dr_uri_param(uri_of(probe), "fanout_prefix");
    bool on = text == NULL || strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    bool off = text != NULL && (strcmp(text, "false") == 0 || strcmp(text, "0") == 0);
    const char *shape = on ? "/{db}." : off ? "" : text;
    const char *at = strstr(shape, "{db}");
    if (strlen(shape) > 100)
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            "fanout_prefix: longer than 100 characters");
    size_t before = at != NULL ? (size_t)(at - shape) : strlen(shape);
    snprintf(probe->channel, sizeof probe->channel, "%s%.*s%s%s%s", probe->names.prefix,
             (int)before, shape, at != NULL ? probe->db : "", at != NULL ? at + 4 : "",
             probe->exchanges.control);
    return true;
}

static bool check_uri(struct liv_celery *probe)
{
    static const char *const known[] = {
        "cacert",         "cert", "key",           "insecure",         "prefix", "sep",
        "priority_steps", "db",   "fanout_prefix", "control_exchange", NULL};
    const struct dr_uri *uri = uri_of(probe);
    bool socket = strstr(uri->scheme, "+unix") != NULL;
    if (!dr_uri_has_only(uri, known, probe->error))
        return false;
    if (socket != (uri->host_count == 0))
        return dr_error_set(probe->error, DR_ERR_USAGE,
                            socket ? "the path of a Unix socket has no host before it: "
                                     "celery+redis+unix:///PATH"
                                   : "no host in the URI");
    return take_db(probe, socket) && dr_kombu_names_read(uri, &probe->names, probe->error) &&
           liv_celery_read_exchanges(uri, &probe->exchanges, probe->error) && take_channel(probe) &&
           liv_celery_make_us(&probe->us, wall_clock(), probe->error);
}

static bool probe_target(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct liv_celery probe = {.task = task,
                               .request = dr_task_request(task),
                               .facts = facts,
                               .error = error,
                               .redis.stream = {.task = task, .error = error}};
    probe.redis.grant = probe.grant;
    probe.redis.receive_max = RECEIVED_MAX;
    probe.facts->product = LIV_CELERY;
    probe.seen.task_limit = probe.request->task_limit;
    probe.watch = probe.request->watch;
    bool ok = check_uri(&probe) && ask(&probe);
    if (probe.bound) {
        clean_up(&probe);
        liv_celery_release();
    }
    dr_redis_close(&probe.redis);
    if (ok)
        liv_celery_report(&probe.seen, probe.facts);
    liv_celery_seen_free(&probe.seen);
    return ok;
}

static const char *library(void)
{
    static char text[32];
    snprintf(text, sizeof text, "hiredis %d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return text;
}

extern const struct dr_source DR_SOURCE_SYMBOL(liveness, celery);
const struct dr_source DR_SOURCE_SYMBOL(liveness, celery) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "celery",
    .facts_size = sizeof(struct liv_facts),
    .library = library,
    .probe = probe_target,
};

#if defined DR_STATIC_SOURCES && defined DR_STREAM_TLS
/* As modules the two are files of their own: only TLS costs the loading of its library. */
extern const struct dr_source DR_SOURCE_SYMBOL(liveness, celerys);
const struct dr_source DR_SOURCE_SYMBOL(liveness, celerys) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "celerys",
    .facts_size = sizeof(struct liv_facts),
    .library = library,
    .probe = probe_target,
};
#endif
