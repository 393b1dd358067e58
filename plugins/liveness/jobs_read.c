/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/jobs_read.h"

#include "common/client/json_read.h"
#include "common/moment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As seconds it is the year 5138; as milliseconds the year 1973. */
#define MILLISECONDS_FROM 1e11

/* ---- numbers ---- */

struct dr_opt_real liv_jobs_seconds(double number)
{
    if (!isfinite(number) || number < 0)
        return (struct dr_opt_real){.known = false};
    return dr_real(number >= MILLISECONDS_FROM ? number / 1000 : number);
}

/* Digits, with a fraction and an exponent or without: what Redis and JSON write. strtod alone would
 * take hexadecimal numbers, "inf" and blanks. */
struct dr_opt_real liv_jobs_number(const char *text)
{
    static const char digits[] = "0123456789";
    const char *at = text + (*text == '-' ? 1 : 0);
    size_t whole = strspn(at, digits);
    at += whole;
    if (*at == '.')
        at += 1 + strspn(at + 1, digits);
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        size_t exponent = strspn(at, digits);
        if (exponent == 0)
            return (struct dr_opt_real){.known = false};
        at += exponent;
    }
    double value = strtod(text, NULL);
    if (whole == 0 || *at != '\0' || !isfinite(value))
        return (struct dr_opt_real){.known = false};
    return dr_real(value);
}

struct dr_opt_real liv_canary_moment(const char *text)
{
    char copy[64];
    static const char blanks[] = " \t\r\n";
    const char *from = text + strspn(text, blanks);
    size_t size = strlen(from);
    while (size > 0 && strchr(blanks, from[size - 1]) != NULL)
        size--;
    if (size == 0 || size >= sizeof copy)
        return (struct dr_opt_real){.known = false};
    memcpy(copy, from, size);
    copy[size] = '\0';
    struct dr_opt_real number = liv_jobs_number(copy);
    return number.known ? liv_jobs_seconds(number.value) : dr_moment_read(copy);
}

/* FNV-1a: only told from others, never kept from an attacker. */
uint64_t liv_jobs_hash(uint64_t before, const char *text)
{
    uint64_t value = before != 0 ? before : UINT64_C(14695981039346656037);
    for (; *text != '\0'; text++)
        value = (value ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return value != 0 ? value : 1;
}

/* ---- Sidekiq ---- */

static struct dr_opt_real read_since(struct dr_json *reader)
{
    struct dr_opt_real number = dr_json_real(reader);
    return number.known ? liv_jobs_seconds(number.value) : number;
}

/* The names; what is no name makes the list none. */
static bool read_queues(struct dr_json *reader, struct dr_buffer *queues)
{
    char name[LIV_JOBS_NAME];
    bool ok = true;
    if (!dr_json_array(reader))
        return false;
    while (dr_json_item(reader)) {
        ok = dr_json_text(reader, name, sizeof name) && *name != '\0' &&
             strchr(name, '\n') == NULL && ok;
        dr_buffer_add(queues, name);
        dr_buffer_add_char(queues, '\n');
    }
    return ok;
}

bool liv_sidekiq_read_info(const char *text, struct liv_sidekiq_info *info,
                           struct dr_buffer *queues)
{
    char name[16];
    bool listed = false;
    struct dr_json reader = dr_json_start(text);
    *info = (struct liv_sidekiq_info){.hostname = ""};
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, name, sizeof name)) {
            if (strcmp(name, "hostname") == 0)
                dr_json_text(&reader, info->hostname, sizeof info->hostname);
            else if (strcmp(name, "version") == 0)
                dr_json_text(&reader, info->version, sizeof info->version);
            else if (strcmp(name, "concurrency") == 0)
                info->concurrency = dr_json_int(&reader);
            else if (strcmp(name, "queues") == 0)
                listed = read_queues(&reader, queues);
            else
                dr_json_skip(&reader);
        }
    }
    return dr_json_end(&reader, NULL) && listed;
}

struct liv_sidekiq_job liv_sidekiq_read_job(const char *text)
{
    char name[16];
    char jid[LIV_JOBS_NAME] = "";
    struct dr_opt_real enqueued = {.known = false};
    struct dr_opt_real created = {.known = false};
    struct dr_json reader = dr_json_start(text);
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, name, sizeof name)) {
            if (strcmp(name, "jid") == 0)
                dr_json_text(&reader, jid, sizeof jid);
            else if (strcmp(name, "enqueued_at") == 0)
                enqueued = read_since(&reader);
            else if (strcmp(name, "created_at") == 0)
                created = read_since(&reader);
            else
                dr_json_skip(&reader);
        }
    }
    if (!dr_json_end(&reader, NULL) || *jid == '\0')
        return (struct liv_sidekiq_job){.head = 0};
    return (struct liv_sidekiq_job){.head = liv_jobs_hash(0, jid),
                                    .since = enqueued.known ? enqueued : created};
}

struct liv_sidekiq_work liv_sidekiq_read_work(const char *text)
{
    char name[16];
    struct liv_sidekiq_work work = {.queue = ""};
    struct dr_json reader = dr_json_start(text);
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, name, sizeof name)) {
            if (strcmp(name, "queue") == 0)
                dr_json_text(&reader, work.queue, sizeof work.queue);
            else if (strcmp(name, "run_at") == 0)
                work.since = read_since(&reader);
            else
                dr_json_skip(&reader);
        }
    }
    return dr_json_end(&reader, NULL) ? work : (struct liv_sidekiq_work){.queue = ""};
}

/* ---- RedBeat ---- */

struct dr_opt_bool liv_redbeat_enabled(const char *definition)
{
    char name[16];
    struct dr_opt_bool enabled = dr_bool(true); /* as RedBeat takes it */
    struct dr_json reader = dr_json_start(definition);
    bool object = dr_json_object(&reader);
    while (object && dr_json_member(&reader, name, sizeof name)) {
        if (strcmp(name, "enabled") == 0)
            enabled = dr_json_bool(&reader);
        else
            dr_json_skip(&reader);
    }
    if (!dr_json_end(&reader, NULL) || !object)
        return (struct dr_opt_bool){.known = false};
    return enabled;
}
