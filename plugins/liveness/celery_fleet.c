/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/celery_fleet.h"

#include "common/client/json_read.h"
#include "common/client/kombu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Times that are no time of day are of a clock that began with the machine. */
#define EPOCH_MIN 1e9

static const char *const methods[] = {
    [LIV_CELERY_PING] = "ping",        [LIV_CELERY_STATS] = "stats",
    [LIV_CELERY_ACTIVE] = "active",    [LIV_CELERY_QUEUES] = "active_queues",
    [LIV_CELERY_QUERY] = "query_task",
};

/* ---- workers ---- */

static void free_queues(struct liv_celery_worker *worker)
{
    for (size_t i = 0; i < worker->queue_count; i++)
        free(worker->queues[i]);
    free(worker->queues);
    worker->queues = NULL;
    worker->queue_count = 0;
}

void liv_celery_fleet_free(struct liv_celery_fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++) {
        free_queues(&fleet->workers[i]);
        free(fleet->workers[i].tasks);
        free(fleet->workers[i].name);
    }
    free(fleet->workers);
    *fleet = (struct liv_celery_fleet){.count = 0};
}

static struct liv_celery_worker *find(const struct liv_celery_fleet *fleet, const char *name)
{
    for (size_t i = 0; i < fleet->count; i++) {
        if (strcmp(fleet->workers[i].name, name) == 0)
            return &fleet->workers[i];
    }
    return NULL;
}

const struct liv_celery_worker *liv_celery_find(const struct liv_celery_fleet *fleet,
                                                const char *name)
{
    return find(fleet, name);
}

bool liv_celery_takes_from(const struct liv_celery_worker *worker, const char *queue)
{
    for (size_t i = 0; i < worker->queue_count; i++) {
        if (strcmp(worker->queues[i], queue) == 0)
            return true;
    }
    return false;
}

/* The worker of that name, which is added where it is new. NULL when there is no room for more. */
static struct liv_celery_worker *take_worker(struct liv_celery_fleet *fleet, const char *name)
{
    struct liv_celery_worker *worker = find(fleet, name);
    if (worker != NULL || fleet->count == LIV_CELERY_WORKERS_MAX)
        return worker;
    struct liv_celery_worker *more =
        realloc(fleet->workers, (fleet->count + 1) * sizeof *fleet->workers);
    char *copy = strdup(name);
    if (more != NULL)
        fleet->workers = more;
    if (more == NULL || copy == NULL) {
        free(copy);
        fleet->no_memory = true;
        return NULL;
    }
    more[fleet->count] = (struct liv_celery_worker){.name = copy};
    return &more[fleet->count++];
}

static void add_task(struct liv_celery_fleet *fleet, struct liv_celery_worker *worker,
                     const char *id)
{
    if (*id == '\0' || worker->task_count == LIV_CELERY_TASKS_MAX)
        return;
    uint64_t *more = realloc(worker->tasks, (worker->task_count + 1) * sizeof *more);
    if (more == NULL) {
        fleet->no_memory = true;
        return;
    }
    worker->tasks = more;
    more[worker->task_count++] = dr_kombu_hash(id);
}

static void add_queue(struct liv_celery_fleet *fleet, struct liv_celery_worker *worker,
                      const char *name)
{
    if (liv_celery_takes_from(worker, name) || worker->queue_count == LIV_CELERY_QUEUES_MAX)
        return;
    char **more = realloc(worker->queues, (worker->queue_count + 1) * sizeof *more);
    if (more != NULL)
        worker->queues = more;
    char *copy = strdup(name);
    if (more == NULL || copy == NULL) {
        free(copy);
        fleet->no_memory = true;
        return;
    }
    more[worker->queue_count++] = copy;
}

/* ---- what is asked ---- */

bool liv_celery_read_exchanges(const struct dr_uri *uri, struct liv_celery_exchanges *exchanges,
                               struct dr_error *error)
{
    const char *name = dr_uri_param(uri, "control_exchange");
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
    if (name == NULL)
        name = "celery";
    if (*name == '\0' || strlen(name) > 60 || strspn(name, allowed) != strlen(name))
        return dr_error_set(error, DR_ERR_USAGE,
                            "control_exchange: up to 60 letters, digits, \"-\", \"_\", \".\" and "
                            "\":\" are a name");
    snprintf(exchanges->control, sizeof exchanges->control, "%s.pidbox", name);
    snprintf(exchanges->reply, sizeof exchanges->reply, "reply.%s.pidbox", name);
    return true;
}

void liv_celery_ask_anew(struct liv_celery_us *us)
{
    const char *nonce = strrchr(us->oid, '-') + 1;
    us->round++;
    for (size_t i = 0; i <= LIV_CELERY_METHODS; i++)
        snprintf(us->tickets[i], sizeof us->tickets[i], "%.16s-%u-%zu", nonce, us->round, i);
}

bool liv_celery_make_us(struct liv_celery_us *us, double now, struct dr_error *error)
{
    unsigned char bytes[8];
    char nonce[2 * sizeof bytes + 1];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return dr_error_set(error, DR_ERR_INTERNAL, "no random numbers");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
    snprintf(us->oid, sizeof us->oid, LIV_CELERY_OID_BEGIN "%lld-%s", (long long)now, nonce);
    us->round = 0;
    liv_celery_ask_anew(us);
    return true;
}

struct dr_opt_int liv_celery_made_at(const char *oid)
{
    size_t begin = sizeof LIV_CELERY_OID_BEGIN - 1;
    if (strncmp(oid, LIV_CELERY_OID_BEGIN, begin) != 0)
        return (struct dr_opt_int){.known = false};
    size_t digits = strspn(oid + begin, "0123456789");
    if (digits == 0 || digits > 12 || oid[begin + digits] != '-')
        return (struct dr_opt_int){.known = false};
    return dr_int(strtoll(oid + begin, NULL, 10));
}

bool liv_celery_write(enum liv_celery_method method, const struct liv_celery_exchanges *exchanges,
                      const struct liv_celery_us *us, const char *ids, struct dr_buffer *body)
{
    dr_buffer_addf(body, "{\"method\": \"%s\", \"arguments\": {", methods[method]);
    if (method == LIV_CELERY_ACTIVE)
        dr_buffer_add(body, "\"safe\": true");
    else if (method == LIV_CELERY_QUERY)
        dr_buffer_addf(body, "\"ids\": [%s]", ids);
    dr_buffer_addf(body,
                   "}, \"destination\": null, \"pattern\": null, \"matcher\": null, "
                   "\"ticket\": \"%s\", \"reply_to\": {\"exchange\": \"%s\", "
                   "\"routing_key\": \"%s\"}}",
                   us->tickets[method], exchanges->reply, us->oid);
    return !body->cut;
}

/* ---- what is answered ---- */

bool liv_celery_method_of(const struct liv_celery_us *us, const char *ticket,
                          enum liv_celery_method *method)
{
    for (size_t i = 0; i <= LIV_CELERY_METHODS; i++) {
        if (strcmp(us->tickets[i], ticket) == 0) {
            *method = (enum liv_celery_method)i;
            return true;
        }
    }
    return false;
}

/* {"ok": "pong"}; {"error": "..."} of one that could not. */
static void read_pong(struct dr_json *reader, struct liv_celery_worker *worker)
{
    char name[8];
    char text[8];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "ok") != 0)
            dr_json_skip(reader);
        else if (dr_json_text(reader, text, sizeof text))
            worker->pong = strcmp(text, "pong") == 0;
    }
}

/* {"name of a task": how many of it, ...}. None since the start is {}: that is zero, and known. */
static void read_total(struct dr_json *reader, struct liv_celery_worker *worker)
{
    char name[8];
    int64_t sum = 0;
    bool whole = true;
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        struct dr_opt_int count = dr_json_int(reader);
        whole = whole && count.known && count.value >= 0 && count.value < INT64_MAX - sum;
        if (whole)
            sum += count.value;
    }
    if (whole)
        worker->processed = dr_int(sum);
}

static void read_process_pool(struct dr_json *reader, struct liv_celery_worker *worker)
{
    char name[24];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "max-concurrency") == 0)
            worker->concurrency = dr_json_int(reader);
        else
            dr_json_skip(reader);
    }
}

static void read_stats(struct dr_json *reader, struct liv_celery_worker *worker)
{
    char name[16];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "total") == 0)
            read_total(reader, worker);
        else if (strcmp(name, "pool") == 0)
            read_process_pool(reader, worker);
        else
            dr_json_skip(reader);
    }
}

/* When it began; null until its process has. */
static bool read_start(struct dr_json *reader, struct liv_celery_worker *worker)
{
    if (dr_json_kind(reader) == 'n') {
        dr_json_skip(reader);
        return true;
    }
    struct dr_opt_real start = dr_json_real(reader);
    if (!start.known || start.value < EPOCH_MIN)
        return false;
    if (!worker->oldest.known || start.value < worker->oldest.value)
        worker->oldest = start;
    return true;
}

/* One task: {"id": ..., "time_start": ..., ...} */
static void read_task(struct liv_celery_fleet *fleet, struct dr_json *reader,
                      struct liv_celery_worker *worker)
{
    char name[16];
    char id[LIV_CELERY_NAME_MAX + 1];
    bool aged = false;
    bool object = dr_json_object(reader);
    while (object && dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "id") == 0) {
            if (dr_json_text(reader, id, sizeof id))
                add_task(fleet, worker, id);
        } else if (strcmp(name, "time_start") == 0) {
            aged = read_start(reader, worker);
        } else {
            dr_json_skip(reader);
        }
    }
    worker->ageless += aged ? 0 : 1;
}

static void read_active(struct liv_celery_fleet *fleet, struct dr_json *reader,
                        struct liv_celery_worker *worker)
{
    int64_t count = 0;
    if (!dr_json_array(reader))
        return;
    worker->oldest.known = false;
    worker->ageless = 0;
    for (; dr_json_item(reader); count++)
        read_task(fleet, reader, worker);
    worker->active = dr_int(count);
}

static void read_queue(struct liv_celery_fleet *fleet, struct dr_json *reader,
                       struct liv_celery_worker *worker)
{
    char name[16];
    char queue[LIV_CELERY_NAME_MAX + 1];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "name") != 0)
            dr_json_skip(reader);
        else if (dr_json_text(reader, queue, sizeof queue) && *queue != '\0')
            add_queue(fleet, worker, queue);
    }
}

static void read_queues(struct liv_celery_fleet *fleet, struct dr_json *reader,
                        struct liv_celery_worker *worker)
{
    size_t count = 0;
    if (!dr_json_array(reader))
        return;
    for (; dr_json_item(reader); count++)
        read_queue(fleet, reader, worker);
    /* A queue without a name would make "takes from none" of one that cannot be read. */
    worker->queues_known = count == 0 || worker->queue_count > 0;
}

/* {"id": ["active", {...}], ...}: those of the ids that it has. */
static void read_found(struct liv_celery_fleet *fleet, struct dr_json *reader,
                       struct liv_celery_worker *worker)
{
    char id[LIV_CELERY_NAME_MAX + 1];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, id, sizeof id)) {
        add_task(fleet, worker, id);
        dr_json_skip(reader);
    }
}

static void read_answer(struct liv_celery_fleet *fleet, enum liv_celery_method method,
                        struct dr_json *reader, struct liv_celery_worker *worker)
{
    switch (method) {
    case LIV_CELERY_PING:
        read_pong(reader, worker);
        break;
    case LIV_CELERY_STATS:
        read_stats(reader, worker);
        break;
    case LIV_CELERY_ACTIVE:
        read_active(fleet, reader, worker);
        break;
    case LIV_CELERY_QUEUES:
        read_queues(fleet, reader, worker);
        break;
    case LIV_CELERY_QUERY:
        read_found(fleet, reader, worker);
        break;
    }
}

/* A text that is defective is found out before anything of it is taken. */
static bool is_reply(const char *body, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(body);
    bool object = dr_json_kind(&reader) == '{';
    dr_json_skip(&reader);
    if (!dr_json_end(&reader, error))
        return dr_error_prefix(error, "the reply of a worker cannot be used");
    return object || dr_error_set(error, DR_ERR_PROTOCOL,
                                  "the reply of a worker cannot be used: it is no object");
}

bool liv_celery_read_reply(struct liv_celery_fleet *fleet, enum liv_celery_method method,
                           const char *body, double elapsed, struct dr_error *error)
{
    char name[LIV_CELERY_NAME_MAX + 1];
    size_t count = 0;
    if (!is_reply(body, error))
        return false;
    struct dr_json reader = dr_json_start(body);
    dr_json_object(&reader);
    while (dr_json_member(&reader, name, sizeof name)) {
        struct liv_celery_worker *worker = *name != '\0' ? take_worker(fleet, name) : NULL;
        if (worker == NULL) {
            dr_json_skip(&reader);
            continue;
        }
        count++;
        if (worker->time == 0 || elapsed < worker->time)
            worker->time = elapsed;
        if (method < LIV_CELERY_METHODS)
            worker->answers[method]++;
        read_answer(fleet, method, &reader, worker);
    }
    fleet->answers[method]++;
    return count > 0 || dr_error_set(error, DR_ERR_PROTOCOL,
                                     "the reply of a worker cannot be used: it names none");
}
