/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/kubernetes_list.h"

#include "common/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- values ---- */

/* "2024-05-01T10:00:00Z" */
struct dr_opt_real dr_kubernetes_read_time(const char *text)
{
    static const char shape[] = "0000-00-00T00:00:00Z";
    struct dr_opt_real unknown = {.known = false};
    for (size_t i = 0; i < sizeof shape; i++) {
        bool fits = shape[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == shape[i];
        if (!fits)
            return unknown;
    }
    struct tm tm = {.tm_year = (int)strtol(text, NULL, 10) - 1900,
                    .tm_mon = (int)strtol(text + 5, NULL, 10) - 1,
                    .tm_mday = (int)strtol(text + 8, NULL, 10),
                    .tm_hour = (int)strtol(text + 11, NULL, 10),
                    .tm_min = (int)strtol(text + 14, NULL, 10),
                    .tm_sec = (int)strtol(text + 17, NULL, 10)};
    int month = tm.tm_mon, day = tm.tm_mday, second = tm.tm_sec;
    if (month < 0 || month > 11 || tm.tm_hour > 23 || tm.tm_min > 59 || second > 60)
        return unknown;
    double seconds = (double)timegm(&tm);
    /* timegm makes March of 30 February */
    return tm.tm_mday == day || second == 60 ? dr_real(seconds) : unknown;
}

struct dr_opt_real dr_kubernetes_read_moment(struct dr_json *reader)
{
    char text[40];
    dr_json_text(reader, text, sizeof text);
    return dr_kubernetes_read_time(text);
}

void dr_kubernetes_read_member(struct dr_json *reader, const char *wanted, char *text, size_t size)
{
    char name[64];
    text[0] = '\0';
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, wanted) == 0)
            dr_json_text(reader, text, size);
        else
            dr_json_skip(reader);
    }
}

void dr_kubernetes_read_words(struct dr_json *reader, char *words, size_t size)
{
    char text[2048];
    if (!dr_json_text(reader, text, sizeof text))
        return;
    char *clean = dr_text_clean(text, size - 1);
    snprintf(words, size, "%s", clean != NULL ? clean : "");
    free(clean);
}

/* ---- objects ---- */

bool dr_kubernetes_read_identity(struct dr_json *reader, const char *member,
                                 struct dr_kubernetes_identity *identity)
{
    if (strcmp(member, "name") == 0) {
        dr_json_text(reader, identity->name, sizeof identity->name);
    } else if (strcmp(member, "creationTimestamp") == 0) {
        identity->created = dr_kubernetes_read_moment(reader);
    } else if (strcmp(member, "deletionTimestamp") == 0) {
        identity->deleting = dr_json_kind(reader) != 'n';
        identity->deadline = dr_kubernetes_read_moment(reader);
    } else {
        return false;
    }
    return true;
}

void *dr_kubernetes_add(void **items, size_t *count, size_t size)
{
    if ((*count & (*count - 1)) == 0) {
        void *more = realloc(*items, (*count == 0 ? 1 : 2 * *count) * size);
        if (more == NULL)
            return NULL;
        *items = more;
    }
    char *item = (char *)*items + *count * size;
    memset(item, 0, size);
    *count += 1;
    return item;
}

/* ---- lists ---- */

/* What was found of the list itself. */
struct found {
    bool kind;
    bool version;
    bool page;
    bool items;
    bool remaining; /* it says that there are more items behind this page */
};

static bool is_text(struct dr_json *reader, const char *wanted, const char *end)
{
    char text[128];
    size_t length = strlen(wanted);
    return dr_json_text(reader, text, sizeof text) && strncmp(text, wanted, length) == 0 &&
           strcmp(text + length, end) == 0;
}

static bool read_page(struct dr_json *reader, struct dr_kubernetes_page *page, struct found *found,
                      struct dr_error *error)
{
    char name[64];
    page->next[0] = '\0';
    bool object = dr_json_object(reader);
    while (object && dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "resourceVersion") == 0) {
            /* every list has one: without it this is not all that was said of the list */
            found->page = dr_json_kind(reader) == '"';
            dr_json_skip(reader);
        } else if (strcmp(name, "continue") == 0) {
            bool text = dr_json_kind(reader) == '"';
            if (!dr_json_text(reader, page->next, sizeof page->next) || !text)
                return dr_error_set(error, DR_ERR_PROTOCOL,
                                    "the token of the list's next page cannot be used");
        } else if (strcmp(name, "remainingItemCount") == 0) {
            struct dr_opt_int count = dr_json_int(reader);
            found->remaining = !count.known || count.value > 0;
        } else {
            dr_json_skip(reader);
        }
    }
    return true;
}

static bool read_items(struct dr_json *reader, const struct dr_kubernetes_shape *shape,
                       struct found *found, struct dr_error *error)
{
    found->items = dr_json_array(reader);
    while (found->items && dr_json_item(reader)) {
        if (!dr_json_object(reader))
            return dr_error_set(error, DR_ERR_PROTOCOL, "%sList: an item is no object",
                                shape->kind);
        if (!shape->take(reader, shape->context, error))
            return false;
    }
    return true;
}

static bool check_list(const struct dr_kubernetes_shape *shape, const struct found *found,
                       const struct dr_kubernetes_page *page, struct dr_error *error)
{
    const char *missing = !found->kind      ? "kind"
                          : !found->version ? "apiVersion"
                          : !found->page    ? "metadata.resourceVersion"
                          : !found->items   ? "items"
                                            : NULL;
    if (missing != NULL)
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "the reply is no %sList of %s: no usable \"%s\"", shape->kind,
                            shape->version, missing);
    if (found->remaining && page->next[0] == '\0')
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "the %sList is not complete, and does not say how it goes on",
                            shape->kind);
    return true;
}

bool dr_kubernetes_read_list(const char *text, const struct dr_kubernetes_shape *shape,
                             struct dr_kubernetes_page *page, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    struct found found = {.kind = false};
    char name[64];
    bool ok = true;
    page->next[0] = '\0';
    if (dr_json_object(&reader)) {
        while (ok && dr_json_member(&reader, name, sizeof name)) {
            if (strcmp(name, "kind") == 0)
                found.kind = is_text(&reader, shape->kind, "List");
            else if (strcmp(name, "apiVersion") == 0)
                found.version = is_text(&reader, shape->version, "");
            else if (strcmp(name, "metadata") == 0)
                ok = read_page(&reader, page, &found, error);
            else if (strcmp(name, "items") == 0)
                ok = read_items(&reader, shape, &found, error);
            else
                dr_json_skip(&reader);
        }
    }
    /* a defect shows as values that are missing: say the defect */
    if (reader.wrong != NULL)
        return dr_json_end(&reader, error);
    return ok && dr_json_end(&reader, error) && check_list(shape, &found, page, error);
}

/* ---- errors ---- */

bool dr_kubernetes_read_status(const char *text, struct dr_kubernetes_status *status)
{
    struct dr_json reader = dr_json_start(text);
    struct dr_kubernetes_status read = {.reason = ""};
    bool kind = false;
    char name[64];
    *status = read;
    if (!dr_json_object(&reader))
        return false;
    while (dr_json_member(&reader, name, sizeof name)) {
        if (strcmp(name, "kind") == 0)
            kind = is_text(&reader, "Status", "");
        else if (strcmp(name, "reason") == 0)
            dr_kubernetes_read_words(&reader, read.reason, sizeof read.reason);
        else if (strcmp(name, "message") == 0)
            dr_kubernetes_read_words(&reader, read.message, sizeof read.message);
        else
            dr_json_skip(&reader);
    }
    if (!dr_json_end(&reader, NULL) || !kind)
        return false;
    *status = read;
    return true;
}
