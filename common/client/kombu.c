/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/kombu.h"

#include "common/client/json_read.h"
#include "common/moment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_MAX 100
#define SEP_MAX 20
#define STEP_MAX 255

/* ---- names ---- */

static bool read_steps(const char *text, struct dr_kombu_names *names, struct dr_error *error)
{
    const char *at = text;
    names->step_count = 0;
    for (;;) {
        char *end;
        long step = strtol(at, &end, 10);
        bool digits = strspn(at, "0123456789") > 0;
        if (!digits || step > STEP_MAX || (*end != ',' && *end != '\0') ||
            names->step_count == DR_KOMBU_STEPS_MAX)
            return dr_error_set(error, DR_ERR_USAGE,
                                "priority_steps: \"%.60s\" are not up to %d numbers from 0 to %d "
                                "with commas between them",
                                text, DR_KOMBU_STEPS_MAX, STEP_MAX);
        names->steps[names->step_count++] = (int)step;
        if (*end == '\0')
            return true;
        at = end + 1;
    }
}

bool dr_kombu_names_read(const struct dr_uri *uri, struct dr_kombu_names *names,
                         struct dr_error *error)
{
    const char *prefix = dr_uri_param(uri, "prefix");
    const char *sep = dr_uri_param(uri, "sep");
    const char *steps = dr_uri_param(uri, "priority_steps");
    *names = (struct dr_kombu_names){.prefix = prefix != NULL ? prefix : "",
                                     .sep = sep != NULL ? sep : "\x06\x16"};
    if (strlen(names->prefix) > PREFIX_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "prefix: longer than %d characters", PREFIX_MAX);
    if (*names->sep == '\0' || strlen(names->sep) > SEP_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "sep: not 1 to %d characters", SEP_MAX);
    return read_steps(steps != NULL ? steps : "0,3,6,9", names, error);
}

char *dr_kombu_list(const struct dr_kombu_names *names, const char *queue, int step)
{
    if (step == 0)
        return dr_kombu_key(names, queue);
    return dr_text_format("%s%s%s%d", names->prefix, queue, names->sep, step);
}

char *dr_kombu_key(const struct dr_kombu_names *names, const char *key)
{
    return dr_text_format("%s%s", names->prefix, key);
}

char *dr_kombu_pattern(const struct dr_kombu_names *names)
{
    struct dr_buffer pattern = DR_BUFFER(2 * PREFIX_MAX + sizeof DR_KOMBU_BINDING + 1);
    for (const char *c = names->prefix; *c != '\0'; c++) {
        if (strchr("*?[]\\^-", *c) != NULL)
            dr_buffer_add_char(&pattern, '\\');
        dr_buffer_add_char(&pattern, *c);
    }
    dr_buffer_add(&pattern, DR_KOMBU_BINDING "*");
    return dr_buffer_take(&pattern);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0;
}

/* The control mailboxes, replies to them, and events. */
static bool holds_tasks(const char *exchange, const char *queue)
{
    return *queue != '\0' && !ends_with(exchange, ".pidbox") && !ends_with(queue, ".pidbox") &&
           strcmp(exchange, "celeryev") != 0 && strncmp(queue, "celeryev.", 9) != 0;
}

bool dr_kombu_binding(const struct dr_kombu_names *names, const char *exchange, const char *member,
                      char queue[DR_KOMBU_NAME_MAX + 1])
{
    const char *at = member;
    for (int field = 0; field < 2; field++) {
        at = strstr(at, names->sep);
        if (at == NULL)
            return false;
        at += strlen(names->sep);
    }
    if (strlen(at) > DR_KOMBU_NAME_MAX || !holds_tasks(exchange, at))
        return false;
    snprintf(queue, DR_KOMBU_NAME_MAX + 1, "%s", at);
    return true;
}

/* ---- messages ---- */

/* What is wanted of an envelope; "" where it is not there. */
struct envelope {
    char tag[DR_KOMBU_NAME_MAX + 1];
    char id[DR_KOMBU_NAME_MAX + 1];
    char eta[64];
    bool task; /* headers.task is there: protocol 2 */
};

static void read_headers(struct dr_json *reader, struct envelope *envelope)
{
    char name[16];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "id") == 0) {
            dr_json_text(reader, envelope->id, sizeof envelope->id);
        } else if (strcmp(name, "eta") == 0) {
            dr_json_text(reader, envelope->eta, sizeof envelope->eta);
        } else {
            envelope->task = envelope->task || strcmp(name, "task") == 0;
            dr_json_skip(reader);
        }
    }
}

static void read_properties(struct dr_json *reader, struct envelope *envelope)
{
    char name[16];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "delivery_tag") == 0)
            dr_json_text(reader, envelope->tag, sizeof envelope->tag);
        else
            dr_json_skip(reader);
    }
}

static void read_message(struct dr_json *reader, struct envelope *envelope)
{
    char name[16];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "headers") == 0)
            read_headers(reader, envelope);
        else if (strcmp(name, "properties") == 0)
            read_properties(reader, envelope);
        else
            dr_json_skip(reader);
    }
}

/* FNV-1a: only told from others, never kept from an attacker. */
uint64_t dr_kombu_hash(const char *text)
{
    uint64_t value = UINT64_C(14695981039346656037);
    for (; *text != '\0'; text++)
        value = (value ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return value != 0 ? value : 1;
}

uint64_t dr_kombu_read_head(const char *message)
{
    struct envelope envelope = {.task = false};
    struct dr_json reader = dr_json_start(message);
    read_message(&reader, &envelope);
    if (!dr_json_end(&reader, NULL))
        return 0;
    const char *text = *envelope.tag != '\0' ? envelope.tag : envelope.id;
    return *text != '\0' ? dr_kombu_hash(text) : 0;
}

/* Celery sends through the exchange without a name, whose routing key is the queue, or through one
 * that is called like the queue. For any other the bindings decide, which can be changed since. */
static void take_origin(struct dr_kombu_task *task, const char *exchange, const char *key)
{
    if (*exchange == '\0' || strcmp(exchange, key) == 0)
        snprintf(task->queue, sizeof task->queue, "%s", key);
}

struct dr_kombu_task dr_kombu_read_task(const char *entry)
{
    struct envelope envelope = {.task = false};
    struct dr_kombu_task task = {.readable = false};
    char exchange[DR_KOMBU_NAME_MAX + 1];
    char key[DR_KOMBU_NAME_MAX + 1];
    bool named = false;
    struct dr_json reader = dr_json_start(entry);
    bool list = dr_json_array(&reader);
    for (size_t i = 0; list && dr_json_item(&reader); i++) {
        if (i == 0)
            read_message(&reader, &envelope);
        else if (i == 1)
            named = dr_json_text(&reader, exchange, sizeof exchange);
        else if (i == 2 && dr_json_text(&reader, key, sizeof key) && named)
            take_origin(&task, exchange, key);
        else if (i > 2)
            dr_json_skip(&reader);
    }
    task.eta = dr_moment_read(envelope.eta);
    memcpy(task.id, envelope.id, sizeof task.id);
    task.tag = *envelope.tag != '\0' ? dr_kombu_hash(envelope.tag) : 0;
    task.readable =
        dr_json_end(&reader, NULL) && envelope.task && (*envelope.eta == '\0' || task.eta.known);
    return task.readable ? task : (struct dr_kombu_task){.readable = false};
}

/* ---- base64 ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool dr_kombu_encode(const char *text, struct dr_buffer *out)
{
    size_t left = strlen(text);
    const unsigned char *at = (const unsigned char *)text;
    bool ok = true;
    for (; ok && left > 0; at += 3, left -= left < 3 ? left : 3) {
        unsigned bits = (unsigned)at[0] << 16 | (left > 1 ? (unsigned)at[1] << 8 : 0) |
                        (left > 2 ? (unsigned)at[2] : 0);
        const char four[] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                             left > 1 ? alphabet[bits >> 6 & 63] : '=',
                             left > 2 ? alphabet[bits & 63] : '='};
        ok = dr_buffer_add_bytes(out, four, sizeof four);
    }
    return ok;
}

bool dr_kombu_decode(const char *text, struct dr_buffer *out)
{
    size_t length = strlen(text);
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    if (length % 4 != 0)
        return false;
    for (size_t i = 0; i < length; i += 4) {
        bool last = i + 4 == length;
        size_t digits = last ? 4 - padding : 4;
        unsigned bits = 0;
        for (size_t k = 0; k < 4; k++) {
            const char *digit = k < digits ? strchr(alphabet, text[i + k]) : alphabet;
            if (digit == NULL)
                return false;
            bits = bits << 6 | (unsigned)(digit - alphabet);
        }
        const char three[] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
        if (memchr(three, '\0', digits - 1) != NULL || !dr_buffer_add_bytes(out, three, digits - 1))
            return false;
    }
    return true;
}
