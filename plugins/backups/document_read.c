/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The documents of borg, restic, barman and WAL-G, and those of tools that are not known;
 * pgBackRest's is in document_pgbackrest.c. */
#include "plugins/backups/document_read.h"

#include "common/buffer.h"
#include "plugins/backups/document_parts.h"
#include "plugins/backups/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- borg ---- */

/* What create and recreate leave behind when they are interrupted. */
static const char *unfinished_part(const char *name)
{
    const char *checkpoint = strstr(name, ".checkpoint");
    return checkpoint != NULL ? checkpoint : strstr(name, ".recreate");
}

/* What a --name-format with "{}" says; else what stands in front of the date. */
static bool series_of_archive(const struct bak_request *request, const char *name, char *series,
                              size_t size)
{
    struct bak_named named;
    size_t prefix;
    for (size_t i = 0; i < request->formats.count; i++) {
        const struct dr_opt_real near = {.known = false};
        if (bak_format_read(request->formats.items[i], name, &near, &named)) {
            snprintf(series, size, "%s", named.series);
            return true;
        }
    }
    bool dated = bak_name_split_date(name, &prefix);
    snprintf(series, size, "%.*s", dated ? (int)prefix : 0, name);
    return dated;
}

/* A moment that is missing is not that of another archive: the point is there, and unseen. */
static void fill_archive(const struct dr_json *archive, struct bak_facts *facts,
                         struct bak_point *point)
{
    struct dr_json stats;
    point->data = bak_document_moment(archive, "start");
    if (!point->data.known)
        point->data = bak_document_moment(archive, "time");
    point->began = point->data;
    point->usable = bak_document_moment(archive, "end");
    if (bak_document_member(archive, "stats", &stats)) {
        point->content = bak_document_int(&stats, "original_size");
        point->size = bak_document_int(&stats, "compressed_size");
    }
    if (!point->data.known)
        bak_facts_status(facts, point, BAK_UNSEEN, "its time cannot be read");
}

/* Names without a date stand beside those with one for what was made by hand: not a series. They
 * are counted, and the first is named. */
struct undated {
    bool apart;
    size_t count;
    char first[BAK_DOCUMENT_NAME];
};

static void add_archive(const struct dr_json *archive, const struct bak_request *request,
                        struct undated *undated, struct bak_facts *facts)
{
    char name[BAK_DOCUMENT_NAME];
    char whole[BAK_DOCUMENT_NAME];
    char series_name[BAK_DOCUMENT_NAME];
    if (!bak_document_text(archive, "name", name, sizeof name) &&
        !bak_document_text(archive, "archive", name, sizeof name))
        snprintf(name, sizeof name, "?");
    const char *part = unfinished_part(name);
    snprintf(whole, sizeof whole, "%.*s", part != NULL ? (int)(part - name) : (int)sizeof whole,
             name);
    if (!series_of_archive(request, whole, series_name, sizeof series_name) && undated->apart) {
        if (undated->count++ == 0)
            snprintf(undated->first, sizeof undated->first, "%s", name);
        return;
    }
    struct bak_series *series = bak_document_series(request, facts, series_name);
    struct bak_point *point = bak_facts_point(facts, series, name);
    if (point == NULL)
        return;
    fill_archive(archive, facts, point);
    if (part != NULL)
        bak_facts_status(facts, point, BAK_PARTIAL, "left by a run of borg that was interrupted");
    bak_document_added(request, facts, series);
}

static bool has_dated_name(struct dr_json archives, const struct bak_request *request)
{
    char name[BAK_DOCUMENT_NAME];
    char series[BAK_DOCUMENT_NAME];
    bool dated = false;
    for (bool any = dr_json_array(&archives); any && dr_json_item(&archives);
         dr_json_skip(&archives)) {
        if (!dated && (bak_document_text(&archives, "name", name, sizeof name) ||
                       bak_document_text(&archives, "archive", name, sizeof name)))
            dated = series_of_archive(request, name, series, sizeof series);
    }
    return dated;
}

bool bak_document_read_borg(const char *text, const struct bak_request *request,
                            struct bak_facts *facts, struct dr_error *error)
{
    static const char *const wanted = "borg list --json";
    struct dr_json reader;
    struct dr_json archives;
    if (!bak_document_start(text, '{', wanted, &reader, error))
        return false;
    if (!bak_document_member(&reader, "archives", &archives) || dr_json_kind(&archives) != '[')
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "no list of archives: use borg list --json, or borg info --json "
                            "--last N");
    struct undated undated = {.apart = has_dated_name(archives, request)};
    dr_json_array(&archives);
    while (dr_json_item(&archives)) {
        add_archive(&archives, request, &undated, facts);
        facts->looked++;
        dr_json_skip(&archives);
    }
    if (undated.count > 0)
        bak_facts_sign(facts, NULL, BAK_NOTE,
                       "%zu without a date in the name, which are not counted: %s", undated.count,
                       undated.first);
    facts->complete = true;
    return true;
}

/* ---- restic ---- */

/* Adds what a member has (a text, or a list of them), with what stands in front of it. */
static void add_words(const struct dr_json *object, const char *member, char before,
                      struct dr_buffer *name)
{
    struct dr_json value;
    char word[BAK_DOCUMENT_NAME];
    if (!bak_document_member(object, member, &value))
        return;
    if (dr_json_kind(&value) == '"') {
        if (dr_json_text(&value, word, sizeof word) && word[0] != '\0')
            dr_buffer_add(name, word);
        return;
    }
    for (bool any = dr_json_array(&value); any && dr_json_item(&value); before = ',') {
        if (dr_json_text(&value, word, sizeof word)) {
            dr_buffer_add_char(name, before);
            dr_buffer_add(name, word);
        }
    }
}

static void add_snapshot(const struct dr_json *snapshot, const char *series_name,
                         const struct bak_request *request, struct bak_facts *facts)
{
    char id[128];
    struct dr_json summary;
    struct bak_series *series = bak_document_series(request, facts, series_name);
    if (!bak_document_text(snapshot, "short_id", id, sizeof id))
        bak_document_text(snapshot, "id", id, sizeof id);
    struct bak_point *point = bak_facts_point(facts, series, id[0] != '\0' ? id : "?");
    facts->looked++;
    if (point == NULL)
        return;
    point->data = bak_document_moment(snapshot, "time");
    point->began = point->data;
    if (bak_document_member(snapshot, "summary", &summary)) {
        point->usable = bak_document_moment(&summary, "backup_end");
        point->content = bak_document_int(&summary, "total_bytes_processed");
    }
    if (!point->data.known)
        bak_facts_status(facts, point, BAK_UNSEEN, "its time cannot be read");
    bak_document_added(request, facts, series);
}

/* The name of a series: "db1:/srv/db". */
static void name_snapshots(const struct dr_json *object, bool group, struct dr_buffer *name)
{
    dr_buffer_clear(name);
    add_words(object, "hostname", ' ', name);
    add_words(object, "paths", ':', name);
    if (group)
        add_words(object, "tags", '#', name);
}

static bool add_group(const struct dr_json *group, const struct dr_json *snapshots,
                      const struct bak_request *request, struct bak_facts *facts,
                      struct dr_buffer *name)
{
    struct dr_json key;
    struct dr_json reader = *snapshots;
    if (!bak_document_member(group, "group_key", &key) || !dr_json_array(&reader))
        return false;
    name_snapshots(&key, true, name);
    while (dr_json_item(&reader)) {
        add_snapshot(&reader, dr_buffer_text(name), request, facts);
        dr_json_skip(&reader);
    }
    return true;
}

/* One item of the list: a snapshot, or a group of them. */
static bool add_item(const struct dr_json *item, const struct bak_request *request,
                     struct bak_facts *facts, struct dr_buffer *name)
{
    struct dr_json value;
    if (bak_document_member(item, "snapshots", &value))
        return add_group(item, &value, request, facts, name);
    if (!bak_document_member(item, "time", &value))
        return false;
    name_snapshots(item, false, name);
    add_snapshot(item, dr_buffer_text(name), request, facts);
    return true;
}

bool bak_document_read_restic(const char *text, const struct bak_request *request,
                              struct bak_facts *facts, struct dr_error *error)
{
    static const char *const wanted = "restic snapshots --json";
    struct dr_json reader;
    struct dr_buffer name = DR_BUFFER(BAK_DOCUMENT_NAME);
    bool ok = true;
    if (!bak_document_start(text, '[', wanted, &reader, error))
        return false;
    dr_json_array(&reader);
    while (dr_json_item(&reader)) {
        ok = ok && add_item(&reader, request, facts, &name);
        dr_json_skip(&reader);
    }
    dr_buffer_free(&name);
    facts->complete = ok;
    return ok || dr_error_set(error, DR_ERR_PROTOCOL,
                              "not what %s prints: an item that is no snapshot", wanted);
}

/* ---- barman ---- */

static void set_barman_status(const char *status, struct bak_facts *facts, struct bak_point *point)
{
    static const struct {
        const char *word;
        enum bak_status status;
        const char *why;
    } words[] = {
        {"DONE", BAK_COMPLETE, NULL},
        {"WAITING_FOR_WALS", BAK_RUNNING, "copied, and waits for the WAL that it needs"},
        {"STARTED", BAK_RUNNING, "started, and not finished"},
        {"EMPTY", BAK_RUNNING, "not started yet"},
        {"SYNCING", BAK_RUNNING, "being copied from the primary barman"},
        {"FAILED", BAK_FAILED, "FAILED, says barman"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, status) == 0) {
            point->status = words[i].status;
            bak_facts_text(facts, &point->why, words[i].why);
            return;
        }
    }
    bak_facts_status(facts, point, BAK_UNSEEN, "status \"%s\"", status);
}

/* 20261120T202210, in the zone of the barman host. */
static struct dr_opt_real moment_of_id(const char *id)
{
    char text[32];
    if (strlen(id) < 15 || strspn(id, "0123456789") != 8 || id[8] != 'T' ||
        strspn(id + 9, "0123456789") != 6)
        return (struct dr_opt_real){.known = false};
    snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s", id, id + 4, id + 6, id + 9,
             id + 11, id + 13);
    return bak_moment_local(text);
}

static void fill_barman(const struct dr_json *backup, const char *id, struct bak_facts *facts,
                        struct bak_point *point)
{
    struct dr_json base;
    struct dr_json catalogue;
    char text[BAK_DOCUMENT_NAME];
    point->began = moment_of_id(id);
    point->data = bak_document_moment(backup, "end_time_timestamp");
    point->size = bak_document_int(backup, "size_bytes");
    if (bak_document_member(backup, "base_backup_information", &base)) {
        struct dr_opt_real began = bak_document_moment(&base, "begin_time_timestamp");
        point->began = began.known ? began : point->began;
        point->data = bak_document_moment(&base, "end_time_timestamp");
        point->size = bak_document_int(&base, "backup_size_bytes"); /* since 3.10 */
        if (!point->size.known)
            point->size = bak_document_int(&base, "disk_usage_bytes");
    }
    point->usable = point->data;
    bool parent = bak_document_text(backup, "parent_backup_id", text, sizeof text) ||
                  (bak_document_member(backup, "catalog_information", &catalogue) &&
                   bak_document_text(&catalogue, "parent_backup_id", text, sizeof text));
    if (parent && text[0] != '\0') {
        bak_facts_text(facts, &point->parent, text);
        point->level = BAK_INCREMENTAL;
    }
    bak_document_text(backup, "status", text, sizeof text);
    set_barman_status(text, facts, point);
    if (point->status == BAK_COMPLETE && !point->data.known)
        bak_facts_status(facts, point, BAK_UNSEEN, "DONE, and no time when");
}

static void add_barman(const struct dr_json *backup, const struct bak_request *request,
                       struct bak_facts *facts, struct bak_series *series)
{
    char id[128];
    facts->looked++;
    bak_document_text(backup, "backup_id", id, sizeof id);
    struct bak_point *point = bak_facts_point(facts, series, id[0] != '\0' ? id : "?");
    if (point == NULL)
        return;
    fill_barman(backup, id, facts, point);
    bak_document_added(request, facts, series);
}

/* A server's list, or the one backup of show-backup. */
static bool add_barman_server(struct dr_json value, const char *server,
                              const struct bak_request *request, struct bak_facts *facts)
{
    char kind = dr_json_kind(&value);
    if (kind != '[' && kind != '{')
        return false;
    struct bak_series *series = bak_document_series(request, facts, server);
    if (kind == '{') {
        add_barman(&value, request, facts, series);
        return true;
    }
    dr_json_array(&value);
    while (dr_json_item(&value)) {
        add_barman(&value, request, facts, series);
        dr_json_skip(&value);
    }
    return true;
}

/* What it could not do: a list of messages. */
static bool fail_by_barman(struct dr_json messages, struct dr_error *error)
{
    char text[300] = "";
    if (dr_json_kind(&messages) == '[' && dr_json_array(&messages) && dr_json_item(&messages))
        dr_json_text(&messages, text, sizeof text);
    return dr_error_set(error, DR_ERR_PROTOCOL, "barman says: %s", text);
}

bool bak_document_read_barman(const char *text, const struct bak_request *request,
                              struct bak_facts *facts, struct dr_error *error)
{
    static const char *const wanted = "barman -f json list-backups";
    struct dr_json reader;
    char server[BAK_DOCUMENT_NAME];
    bool ok = true;
    if (!bak_document_start(text, '{', wanted, &reader, error))
        return false;
    dr_json_object(&reader);
    while (dr_json_member(&reader, server, sizeof server)) {
        if (ok && strcmp(server, "_ERROR") == 0)
            return fail_by_barman(reader, error);
        ok = ok && (server[0] == '_' || add_barman_server(reader, server, request, facts));
        dr_json_skip(&reader);
    }
    facts->complete = ok;
    return ok ||
           dr_error_set(error, DR_ERR_PROTOCOL, "not what %s prints: no list of backups", wanted);
}

/* ---- WAL-G ---- */

/* The first of several names that a moment has in the versions and products. */
static struct dr_opt_real first_moment(const struct dr_json *object, const char *const *names)
{
    struct dr_opt_real moment = {.known = false};
    for (size_t i = 0; names[i] != NULL && !moment.known; i++)
        moment = bak_document_moment(object, names[i]);
    return moment;
}

/* What a delta backup is made of is named in it: base_B_D_A needs the one that begins with base_A.
 */
static void set_walg_parents(struct bak_facts *facts, struct bak_series *series)
{
    for (size_t i = 0; i < series->point_count; i++) {
        struct bak_point *point = &series->points[i];
        char base[BAK_DOCUMENT_NAME];
        const char *delta = strstr(point->name, "_D_");
        if (delta == NULL)
            continue;
        point->level = BAK_INCREMENTAL;
        snprintf(base, sizeof base, "base_%s", delta + 3);
        bak_facts_text(facts, &point->parent, base);
        size_t length = strlen(base);
        for (size_t k = 0; k < series->point_count; k++) {
            const char *name = series->points[k].name;
            if (strncmp(name, base, length) == 0 && (name[length] == '\0' || name[length] == '_'))
                bak_facts_text(facts, &point->parent, name);
        }
    }
}

static bool add_walg(const struct dr_json *backup, const struct bak_request *request,
                     struct bak_facts *facts, struct bak_series *series)
{
    char name[BAK_DOCUMENT_NAME];
    if (!bak_document_text(backup, "backup_name", name, sizeof name) &&
        !bak_document_text(backup, "BackupName", name, sizeof name))
        return false;
    facts->looked++;
    struct bak_point *point = bak_facts_point(facts, series, name);
    if (point == NULL)
        return true;
    point->data = first_moment(
        backup, (const char *const[]){"finish_time", "stop_local_time", "FinishLocalTime", NULL});
    point->began = first_moment(
        backup, (const char *const[]){"start_time", "start_local_time", "StartLocalTime", NULL});
    point->usable =
        first_moment(backup, (const char *const[]){"time", "modified", "modify_time", NULL});
    if (!point->data.known) {
        point->data = point->usable;
        point->clock = BAK_CLOCK_MODIFIED;
    }
    point->size = bak_document_int(backup, "compressed_size");
    point->content = bak_document_int(backup, "uncompressed_size");
    if (!point->data.known)
        bak_facts_status(facts, point, BAK_UNSEEN, "its time cannot be read");
    bak_document_added(request, facts, series);
    return true;
}

bool bak_document_read_walg(const char *text, const struct bak_request *request,
                            struct bak_facts *facts, struct dr_error *error)
{
    static const char *const wanted = "wal-g backup-list --detail --json";
    struct dr_json reader;
    bool ok = true;
    if (!bak_document_start(text, '[', wanted, &reader, error))
        return false;
    struct bak_series *series = bak_document_series(request, facts, "");
    dr_json_array(&reader);
    while (dr_json_item(&reader)) {
        ok = ok && add_walg(&reader, request, facts, series);
        dr_json_skip(&reader);
    }
    if (series != NULL)
        set_walg_parents(facts, series);
    facts->complete = ok;
    return ok || dr_error_set(error, DR_ERR_PROTOCOL,
                              "not what %s prints: an item that is no backup", wanted);
}

/* ---- other tools ---- */

/* A text as it is, a number or truth value as it is written; "" where there is none. */
static void scalar_at(const struct dr_json *item, const char *pointer, char *text, size_t size)
{
    struct dr_json value = *item;
    const char *from;
    size_t length;
    text[0] = '\0';
    if (pointer == NULL || !bak_document_find(&value, pointer))
        return;
    char kind = dr_json_kind(&value);
    if (kind == '"')
        dr_json_text(&value, text, size);
    else if ((kind == '0' || kind == 't') && dr_json_raw(&value, &from, &length))
        snprintf(text, size, "%.*s", (int)(length < size ? length : size - 1), from);
}

static void set_other_status(const struct bak_pointers *pointers, const struct dr_json *item,
                             struct bak_facts *facts, struct bak_point *point)
{
    char status[BAK_DOCUMENT_NAME];
    if (pointers->status == NULL)
        return;
    scalar_at(item, pointers->status, status, sizeof status);
    if (status[0] == '\0')
        bak_facts_status(facts, point, BAK_UNSEEN, "it has no status");
    else if (strcmp(status, pointers->good) != 0)
        bak_facts_status(facts, point, BAK_FAILED, "status \"%s\"", status);
}

static void add_other(const struct dr_json *item, const struct bak_pointers *pointers,
                      const struct bak_request *request, struct bak_facts *facts,
                      struct bak_series *series)
{
    char name[BAK_DOCUMENT_NAME];
    char number[32];
    struct dr_json value = *item;
    facts->looked++;
    scalar_at(item, pointers->name, name, sizeof name);
    if (name[0] == '\0')
        snprintf(name, sizeof name, "item %lld", (long long)facts->looked);
    struct bak_point *point = bak_facts_point(facts, series, name);
    if (point == NULL)
        return;
    if (bak_document_find(&value, pointers->time))
        point->data = bak_moment_of(&value);
    value = *item;
    if (pointers->size != NULL && bak_document_find(&value, pointers->size)) {
        point->size = dr_json_int(&value);
        value = *item;
        scalar_at(&value, pointers->size, number, sizeof number);
        if (!point->size.known && number[0] != '\0' &&
            strspn(number, "0123456789") == strlen(number) && strlen(number) < 19)
            point->size = dr_int(strtoll(number, NULL, 10));
    }
    set_other_status(pointers, item, facts, point);
    if (point->status == BAK_COMPLETE && !point->data.known)
        bak_facts_status(facts, point, BAK_UNSEEN, "no moment at %s", pointers->time);
    bak_document_added(request, facts, series);
}

bool bak_document_read_other(const char *text, const struct bak_pointers *pointers,
                             const struct bak_request *request, struct bak_facts *facts,
                             struct dr_error *error)
{
    struct dr_json reader;
    const char *items = pointers->items != NULL ? pointers->items : "";
    if (!bak_document_start(text, '\0', "a tool with JSON", &reader, error))
        return false;
    if (!bak_document_find(&reader, items))
        return dr_error_set(error, DR_ERR_PROTOCOL, "the document has nothing at items=%s", items);
    struct bak_series *series = bak_document_series(request, facts, "");
    char kind = dr_json_kind(&reader);
    if (kind == '{') {
        add_other(&reader, pointers, request, facts, series);
    } else if (kind == '[') {
        dr_json_array(&reader);
        while (dr_json_item(&reader)) {
            add_other(&reader, pointers, request, facts, series);
            dr_json_skip(&reader);
        }
    } else {
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "what the document has at items=%s is neither a list nor an object",
                            items);
    }
    facts->complete = true;
    return true;
}
