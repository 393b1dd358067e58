/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/azure_sql_read.h"

#include "common/client/azure_sas.h"
#include "common/client/json_read.h"
#include "common/moment.h"
#include "plugins/backups/wanted.h"

#include <stddef.h>
#include <string.h>

/* The first full backup of a new database takes up to half an hour. */
#define NEW_DATABASE 3600.0

/* ---- JSON ---- */

static struct dr_opt_real moment_of(struct dr_json *reader)
{
    char text[64];
    return dr_json_text(reader, text, sizeof text) ? dr_moment_read(text)
                                                   : (struct dr_opt_real){.known = false};
}

/* Where a moment of some list goes: each has its own name for it. */
static struct dr_opt_real *place_of(struct bak_sql_item *item, const char *member)
{
    static const struct {
        const char *member;
        size_t offset;
    } places[] = {
        {"creationDate", offsetof(struct bak_sql_item, created)},
        {"earliestRestoreDate", offsetof(struct bak_sql_item, earliest)},
        {"pausedDate", offsetof(struct bak_sql_item, paused)},
        {"lastAvailableBackupDate", offsetof(struct bak_sql_item, moment)},
        {"restorePointCreationDate", offsetof(struct bak_sql_item, moment)},
        {"backupTime", offsetof(struct bak_sql_item, moment)},
        {"backupExpirationTime", offsetof(struct bak_sql_item, expires)},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(places[i].member, member) == 0)
            return (struct dr_opt_real *)((char *)item + places[i].offset);
    }
    return NULL;
}

static void read_properties(struct dr_json *reader, struct bak_sql_item *item)
{
    char member[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, member, sizeof member)) {
        struct dr_opt_real *place = place_of(item, member);
        if (place != NULL)
            *place = moment_of(reader);
        else if (strcmp(member, "status") == 0)
            dr_json_text(reader, item->status, sizeof item->status);
        else if (strcmp(member, "secondaryType") == 0)
            dr_json_text(reader, item->secondary, sizeof item->secondary);
        else if (strcmp(member, "restorePointType") == 0)
            dr_json_text(reader, item->kind, sizeof item->kind);
        else if (strcmp(member, "databaseName") == 0)
            dr_json_text(reader, item->database, sizeof item->database);
        else if (strcmp(member, "databaseDeletionTime") == 0)
            item->deleted = moment_of(reader).known;
        else
            dr_json_skip(reader);
    }
}

static void read_sku(struct dr_json *reader, struct bak_sql_item *item)
{
    char member[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, member, sizeof member)) {
        if (strcmp(member, "tier") == 0)
            dr_json_text(reader, item->tier, sizeof item->tier);
        else
            dr_json_skip(reader);
    }
}

static void read_item(struct dr_json *reader, struct bak_sql_item *item)
{
    char member[64];
    *item = (struct bak_sql_item){.name = ""};
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, member, sizeof member)) {
        if (strcmp(member, "name") == 0)
            dr_json_text(reader, item->name, sizeof item->name);
        else if (strcmp(member, "properties") == 0)
            read_properties(reader, item);
        else if (strcmp(member, "sku") == 0)
            read_sku(reader, item);
        else
            dr_json_skip(reader);
    }
}

static bool unusable(struct dr_error *error, const char *why)
{
    return dr_error_set(error, DR_ERR_PROTOCOL, "the reply cannot be used: %s", why);
}

static bool read_items(struct dr_json *reader, bak_sql_take *take, void *context,
                       struct dr_error *error)
{
    struct bak_sql_item item;
    bool ok = true;
    if (!dr_json_array(reader))
        return unusable(error, "\"value\" is no list");
    while (dr_json_item(reader)) {
        read_item(reader, &item);
        ok = ok && (item.name[0] != '\0' || unusable(error, "an item without a name")) &&
             take(context, &item, error);
    }
    return ok;
}

/* The token in "https://...?api-version=...&%24skipToken=abc": the rest of the URL is ours to say.
 */
static bool take_next(const char *link, char *next, size_t size)
{
    static const char *const names[] = {"$skipToken", "%24skipToken", "$skiptoken", "%24skiptoken"};
    const char *query = strchr(link, '?');
    for (size_t i = 0; query != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (dr_azure_query_value(query + 1, names[i], next, size))
            return strlen(next) + 1 < size;
    }
    return false;
}

bool bak_sql_read_list(const struct dr_buffer *body, bak_sql_take *take, void *context, char *next,
                       size_t size, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(dr_buffer_text(body));
    struct dr_error reason = {.class = DR_ERR_NONE};
    char member[64], link[4096] = "";
    bool ok = true, there = false, more = false;
    next[0] = '\0';
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, member, sizeof member)) {
            if (strcmp(member, "value") == 0) {
                there = true;
                ok = read_items(&reader, take, context, &reason) && ok;
            } else if (strcmp(member, "nextLink") == 0) {
                more = dr_json_kind(&reader) != 'n';
                dr_json_text(&reader, link, sizeof link);
            } else {
                dr_json_skip(&reader);
            }
        }
    }
    if (!dr_json_end(&reader, error))
        return dr_error_prefix(error, "the reply cannot be used");
    if (!ok) {
        *error = reason;
        return false;
    }
    if (!there)
        return unusable(error, "no \"value\" in it");
    return !more || take_next(link, next, size) ||
           unusable(error, "there is more, and its nextLink has no $skipToken");
}

bool bak_sql_read_location(const struct dr_buffer *body, char *location, size_t size,
                           struct dr_error *error)
{
    struct dr_json reader = dr_json_start(dr_buffer_text(body));
    char member[64];
    location[0] = '\0';
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, member, sizeof member)) {
            if (strcmp(member, "location") == 0)
                dr_json_text(&reader, location, size);
            else
                dr_json_skip(&reader);
        }
    }
    if (!dr_json_end(&reader, error))
        return dr_error_prefix(error, "the reply cannot be used");
    return (location[0] != '\0' &&
            strspn(location, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(location)) ||
           unusable(error, "no location in it");
}

/* ---- facts ---- */

static struct bak_series *find(struct bak_facts *facts, const char *name)
{
    for (size_t i = 0; i < facts->series_count; i++) {
        if (strcmp(facts->series[i].name, name) == 0)
            return &facts->series[i];
    }
    return NULL;
}

static bool is_new(const struct bak_request *request, const struct bak_sql_item *item)
{
    return item->created.known && request->now - item->created.value < NEW_DATABASE &&
           !item->earliest.known;
}

void bak_sql_take_database(struct bak_facts *facts, const struct bak_request *request,
                           const struct bak_sql_item *item, bool long_term)
{
    /* master is the server's own */
    if (strcmp(item->name, "master") == 0 || !bak_wanted(request, item->name))
        return;
    if (item->secondary[0] != '\0') {
        bak_facts_sign(facts, NULL, BAK_NOTE, "%s is a secondary: backups are made of its primary",
                       item->name);
        return;
    }
    if (is_new(request, item)) {
        bak_facts_sign(facts, NULL, BAK_NOTE, "%s is new: its first backup is still to come",
                       item->name);
        return;
    }
    struct bak_series *series = bak_facts_series(facts, item->name);
    if (series == NULL)
        return;
    series->expected_only = true;
    if (long_term)
        return;
    series->earliest = item->earliest;
    if (item->earliest.known)
        series->expected_only = false;
    if (strcmp(item->status, "Paused") == 0) {
        series->log.idle = dr_bool(true);
        series->log.seen = item->paused;
    }
}

void bak_sql_take_recoverable(struct bak_facts *facts, const struct bak_request *request,
                              const struct bak_sql_item *item)
{
    struct bak_series *series = find(facts, item->name);
    if (series == NULL || !item->moment.known)
        return;
    const struct bak_log *log = &series->log;
    bool still = log->idle.known && log->seen.known && item->moment.value >= log->seen.value;
    series->expected_only = false;
    /* a database that is paused has not changed since: nothing newer is to be had */
    series->restorable = still ? dr_real(request->now) : item->moment;
}

static struct bak_point *oldest_of(struct bak_series *series)
{
    struct bak_point *oldest = &series->points[0];
    for (size_t i = 1; i < series->point_count; i++) {
        if (series->points[i].data.value < oldest->data.value)
            oldest = &series->points[i];
    }
    return oldest;
}

/* All are counted; the newest are kept. */
static void add_point(struct bak_facts *facts, struct bak_series *series,
                      const struct bak_sql_item *item)
{
    struct bak_point *point;
    series->expected_only = false;
    if (!item->moment.known) {
        point = bak_facts_point(facts, series, item->name);
        bak_facts_status(facts, point, BAK_UNSEEN, "Azure does not say when it was made");
        return;
    }
    series->total = dr_int(series->total.known ? series->total.value + 1 : 1);
    if (!series->oldest.known || item->moment.value < series->oldest.value)
        series->oldest = item->moment;
    if (series->point_count < BAK_SQL_POINTS_MAX) {
        point = bak_facts_point(facts, series, item->name);
    } else {
        point = oldest_of(series);
        if (point->data.value >= item->moment.value)
            return;
        bak_facts_text(facts, &point->name, item->name);
    }
    if (point == NULL)
        return;
    point->data = point->usable = item->moment;
    point->expires = item->expires;
}

void bak_sql_take_point(struct bak_facts *facts, const char *database,
                        const struct bak_sql_item *item)
{
    struct bak_series *series = find(facts, database);
    if (series == NULL || strcmp(item->kind, "DISCRETE") != 0)
        return;
    add_point(facts, series, item);
}

void bak_sql_take_long_term(struct bak_facts *facts, const struct bak_request *request,
                            const struct bak_sql_item *item)
{
    if (item->database[0] == '\0' || item->deleted || !bak_wanted(request, item->database))
        return;
    struct bak_series *series = find(facts, item->database);
    if (series != NULL)
        add_point(facts, series, item);
}

void bak_sql_finish(struct bak_facts *facts, bool long_term)
{
    for (size_t i = 0; i < facts->series_count; i++) {
        struct bak_series *series = &facts->series[i];
        if (long_term || series->expected_only || series->restorable.known ||
            series->point_count > 0)
            continue;
        bak_facts_status(facts, bak_facts_point(facts, series, "point-in-time restore"), BAK_UNSEEN,
                         "Azure says from when on, not up to when: it does so only with "
                         "geo-redundant backup storage");
    }
}
